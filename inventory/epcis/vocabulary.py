"""The words of GS1's Core Business Vocabulary 2.0, as events write them and as URIs. Pure.

Events carry short names (`shipping`). Older partners write URNs, the web of data writes addresses; `short_name`
reads all three, `web_uri` and `urn` write them. Words of others are URIs of their own and stay what they are.
"""

import re
from dataclasses import dataclass
from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Words:
    """One list of words: their short names, and what stands before a name in its two URI forms.

    `urn_prefix` is None where the standard gives no URNs.
    """

    names: frozenset[str]
    web_prefix: str
    urn_prefix: str | None = None


_WEB: Final = "https://ref.gs1.org/cbv/"
_URN: Final = "urn:epcglobal:cbv:"
_GS1_VOC: Final = "https://gs1.org/voc/"

ACTIONS: Final = _names("ADD OBSERVE DELETE")

BIZ_STEPS: Final = Words(
    _names("""
        accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
        decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
        installing killing loading other packing picking receiving removing repackaging repairing replacing
        reserving retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing
        transporting unloading unpacking void_shipping
    """),
    f"{_WEB}BizStep-",
    f"{_URN}bizstep:",
)
DISPOSITIONS: Final = Words(
    _names("""
        active available completeness_inferred completeness_verified conformant container_closed container_open
        damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class
        mismatch_instance mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other
        partially_dispensed recalled reserved retail_sold returned sellable_accessible sellable_not_accessible
        stolen unavailable unknown
    """),
    f"{_WEB}Disp-",
    f"{_URN}disp:",
)
BIZ_TRANSACTION_TYPES: Final = Words(
    _names("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"),
    f"{_WEB}BTT-",
    f"{_URN}btt:",
)
SOURCE_DESTINATION_TYPES: Final = Words(
    _names("location owning_party possessing_party"), f"{_WEB}SDT-", f"{_URN}sdt:"
)
ERROR_REASONS: Final = Words(_names("did_not_occur incorrect_data"), f"{_WEB}ER-", f"{_URN}er:")
COMPONENTS: Final = Words(
    _names("""
        altitude axial_distance azimuth easting elevation_angle height latitude longitude northing polar_angle
        spherical_radius x y z
    """),
    f"{_WEB}Comp-",
)
SENSOR_ALERTS: Final = Words(_names("ALARM_CONDITION ERROR_CONDITION"), _GS1_VOC)
MEASUREMENTS: Final = Words(
    _names("""
        AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
        AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance
        Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity
        ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency
        Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
        LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration
        MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure
        RadiantFlux RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume
        Speed SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction
        VolumetricFlux Wavenumber
    """),
    _GS1_VOC,
)

OF_CBV: Final = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/")
"""How URIs begin that an event may not carry, because the word has a short name."""
OF_GS1_VOC: Final = re.compile(r"https?://(?:www\.)?gs1\.org/voc/")
"""The same for what sensors measure and warn of."""


def web_uri(words: Words, name: str) -> str:
    """`https://ref.gs1.org/cbv/BizStep-shipping` of `shipping`; raises KeyError for a name that is not on the list."""
    if name not in words.names:
        raise KeyError(name)
    return words.web_prefix + name


def urn(words: Words, name: str) -> str:
    """`urn:epcglobal:cbv:bizstep:shipping` of `shipping`; raises KeyError where there is none."""
    if name not in words.names or words.urn_prefix is None:
        raise KeyError(name)
    return words.urn_prefix + name


def short_name(words: Words, text: str) -> str | None:
    """The short name that a short name or one of its URIs means; None for words of others."""
    for prefix in ("", words.web_prefix, words.urn_prefix):
        if prefix is not None and text.startswith(prefix) and text[len(prefix) :] in words.names:
            return text[len(prefix) :]
    return None
