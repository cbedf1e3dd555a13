"""marshmallow schemas of the parts of an event: quantities, places, papers, parties, sensors, declarations.

Members have the names of the standard. What GS1's JSON schema lets pass beside them differs from part to part, and
is one of three: nothing (`Closed`), names that are URIs (`Extensible`), or anything (`Open`).
"""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, post_dump, post_load, validates_schema

from inventory.epcis import fields, vocabulary
from inventory.epcis.uris import is_uri

UNKNOWN: Final = (
    "Unknown; members of your own are prefixed names or URIs. 未知成员；自定义成员须带前缀或为 URI。"
)
UNKNOWN_HERE: Final = "Unknown here. 此处不允许该成员。"


class Whole(Schema):
    """Gives back the object itself: what is not declared, and the order of members, stay as they are."""

    @post_load(pass_original=True)
    def _kept(self, data: Any, original: Any, **kwargs: Any) -> Any:
        return original

    @post_dump(pass_original=True)
    def _told(self, data: Any, original: Any, **kwargs: Any) -> Any:
        return original


class Closed(Whole):
    """No members but those declared."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": UNKNOWN_HERE}  # noqa: RUF012 (marshmallow's form)


class Open(Whole):
    """Any other members."""

    class Meta:
        unknown = INCLUDE


class Extensible(Open):
    """Other members whose names are URIs, prefixed names among them; their values are free."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.names = frozenset(field.data_key or name for name, field in self.fields.items())

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _names_are_ours_or_uris(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        wrong = {name: [UNKNOWN] for name in original if name not in self.names and not is_uri(name)}
        if wrong:
            raise ValidationError(wrong)


class QuantityElement(Closed):
    """So much of a class of objects; without a unit, so many of them."""

    epcClass = fields.Uri(required=True)
    quantity = fields.Number()
    uom = fields.Plain(fields.UNIT.fullmatch, fields.NOT_A_UNIT)


def _dispositions() -> fields.Listed:
    return fields.Listed(fields.Word(vocabulary.DISPOSITIONS, vocabulary.OF_CBV), filled=True, unique=True)


class PersistentDisposition(Closed):
    """Dispositions that stay until they are unset."""

    set = _dispositions()
    unset = _dispositions()

    @validates_schema(pass_original=True)
    def _one_is_said(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        if not original:
            raise ValidationError("Say what is set or unset. 须说明设置或取消的状态。")


class Place(Open):
    """A read point or a business location."""

    id = fields.Uri(required=True)


class BizTransaction(Closed):
    """A paper or record of business that the event belongs to."""

    type = fields.Word(vocabulary.BIZ_TRANSACTION_TYPES, vocabulary.OF_CBV)
    bizTransaction = fields.Uri(required=True)


class Source(Closed):
    """Where objects come from, or from whom."""

    type = fields.Word(vocabulary.SOURCE_DESTINATION_TYPES, vocabulary.OF_CBV, required=True)
    source = fields.Uri(required=True)


class Destination(Closed):
    """Where objects go, or to whom."""

    type = fields.Word(vocabulary.SOURCE_DESTINATION_TYPES, vocabulary.OF_CBV, required=True)
    destination = fields.Uri(required=True)


class SensorMetadata(Extensible):
    """What holds for all reports of one sensor element."""

    time = fields.Timestamp()
    startTime = fields.Timestamp()
    endTime = fields.Timestamp()
    deviceID = fields.Uri()
    deviceMetadata = fields.Uri()
    rawData = fields.Uri()
    dataProcessingMethod = fields.Uri()
    bizRules = fields.Uri()


class SensorReport(Extensible):
    """One measurement, of a moment or as a summary of many."""

    type = fields.Word(vocabulary.MEASUREMENTS, vocabulary.OF_GS1_VOC, required=True)
    exception = fields.Word(vocabulary.SENSOR_ALERTS, vocabulary.OF_GS1_VOC)
    component = fields.Word(vocabulary.COMPONENTS, vocabulary.OF_CBV)
    time = fields.Timestamp()
    deviceID = fields.Uri()
    deviceMetadata = fields.Uri()
    rawData = fields.Uri()
    dataProcessingMethod = fields.Uri()
    bizRules = fields.Uri()
    microorganism = fields.Uri()
    chemicalSubstance = fields.Uri()
    coordinateReferenceSystem = fields.Uri()
    value = fields.Number()
    minValue = fields.Number()
    maxValue = fields.Number()
    meanValue = fields.Number()
    sDev = fields.Number()
    percRank = fields.Number()
    percValue = fields.Number()
    uom = fields.Plain()
    stringValue = fields.Plain()
    booleanValue = fields.YesNo()
    hexBinaryValue = fields.Plain(fields.HEX.fullmatch, fields.NOT_HEX)
    uriValue = fields.Uri()


class SensorElement(Extensible):
    """Reports of sensors, with what holds for all of them."""

    sensorMetadata = fields.Part(SensorMetadata())
    sensorReport = fields.Listed(fields.Part(SensorReport()), filled=True, required=True)


class ErrorDeclaration(Extensible):
    """That the event which carries it should not have been told, and which events tell it better."""

    declarationTime = fields.Timestamp(required=True)
    reason = fields.Word(vocabulary.ERROR_REASONS, vocabulary.OF_CBV)
    correctiveEventIDs = fields.Listed(fields.Uri())


class Ilmd(Extensible):
    """Master data of an instance or a lot, all in namespaces of their own."""
