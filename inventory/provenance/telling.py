"""Facts of stock as events of EPCIS 2.0 (reference: GS1 EPCIS 2.0.1, CBV 2.0). Pure: names and facts in, events out.

A lot is a class with a quantity in kilograms; whatever makes lots out of lots is a transformation, so that a box is
followed back through them. Members of our own stand in a namespace of their own. Nothing is said of a person.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from inventory.traces.entries import written

Event = dict[str, Any]

NAMESPACE: Final = "https://virtual-orchard.example/voc/"
"""Of members that are ours; the example domain of RFC 2606 belongs to nobody."""
CONTEXT: Final = ({"vo": NAMESPACE},)
OFFSET: Final = "+08:00"
"""Where counties are; moments themselves are UTC."""
KILOGRAM: Final = "KGM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fruit:
    """So many grams of a lot."""

    lot: str
    """Its class: `keys.lot_class`."""
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is told of a lot when it begins."""

    number: str
    variety: str
    grade: str
    size: str | None
    harvested_on: date
    best_before_on: date
    plot: str | None
    cooperative: str
    """The party's link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What is told of boxes that bear labels."""

    area: str
    season: int
    net_grams: int
    """Of each box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When something happened, and where."""

    at: datetime
    store: str
    """The cold store's link, where it was read."""
    place: str
    """The room's link, or again the store's: where the fruit is afterwards."""


def began(when: When, fruit: Fruit, lot: Begun) -> Event:
    """1: fruit was weighed in, and a lot begins."""
    return _event(
        "ObjectEvent",
        when,
        action="ADD",
        bizStep="commissioning",
        disposition="active",
        quantityList=[_quantity(fruit)],
        sourceList=[{"type": "owning_party", "source": lot.cooperative}],
        ilmd=_master_data(lot),
    )


def left(when: When, fruit: Fruit, *, transfer: uuid.UUID, cooperative: str, to: str) -> Event:
    """2: a load was weighed out, for another store."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="shipping",
        disposition="in_transit",
        bizLocation=None,
        quantityList=[_quantity(fruit)],
        bizTransactionList=[_paper("desadv", transfer)],
        sourceList=[{"type": "possessing_party", "source": cooperative}],
        destinationList=[{"type": "location", "destination": to}],
    )


def arrived(when: When, parent: Fruit, child: Fruit, *, transfer: uuid.UUID, lot: Begun) -> Event:
    """3 and 4: a load was weighed in, and is a lot of its own where it lies now."""
    return _made(
        when,
        [parent],
        [child],
        step="receiving",
        disposition="in_progress",
        about=transfer,
        papers=[_paper("recadv", transfer)],
        lot=lot,
    )


def stored(when: When, fruits: Sequence[Fruit], *, is_stopped: bool) -> Event:
    """4: fruit lies in a room; `is_stopped`: it is under quarantine or recalled, and not to be sold."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="storing",
        disposition="non_sellable_other" if is_stopped else "sellable_not_accessible",
        quantityList=[_quantity(each) for each in fruits],
    )


def inspected(
    when: When, fruit: Fruit, *, brix_tenths: int | None, firmness_newton_tenths: int | None
) -> Event:
    """6: sugar and firmness were measured."""
    measured = {"vo:brixTenths": brix_tenths, "vo:firmnessNewtonTenths": firmness_newton_tenths}
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="inspecting",
        quantityList=[_quantity(fruit)],
        **{name: value for name, value in measured.items() if value is not None},
    )


def graded(
    when: When,
    parent: str,
    children: Sequence[Fruit],
    *,
    in_grams: int,
    culled_grams: int,
    lost_grams: int,
    about: uuid.UUID,
) -> Event:
    """7: a lot was sorted into grades; what was culled and lost is told beside what came out."""
    return _made(
        when,
        [Fruit(lot=parent, grams=in_grams)],
        children,
        step="commissioning",
        disposition="in_progress",
        about=about,
        more={"vo:culledGrams": culled_grams, "vo:lostGrams": lost_grams},
    )


def became(
    when: When, parents: Sequence[Fruit], child: Fruit, *, how: str, about: uuid.UUID, lot: Begun
) -> Event:
    """A lot was split off, or merged of several: the same fruit under another number."""
    return _made(
        when, parents, [child], step="commissioning", disposition="in_progress", about=about, lot=lot,
        more={"vo:descent": how},
    )  # fmt: skip


def boxed(when: When, fruit: Fruit, boxes: Sequence[str], *, lot: Begun, labelled: Labelled) -> Event:
    """8: out of a lot's fruit became boxes that bear labels: each is an object with a name of its own."""
    return _event(
        "TransformationEvent",
        when,
        bizStep="commissioning",
        disposition="sellable_accessible",
        inputQuantityList=[_quantity(fruit)],
        outputEPCList=list(boxes),
        ilmd={
            **_master_data(lot),
            "vo:labelArea": labelled.area,
            "vo:labelSeason": labelled.season,
            "vo:netGrams": labelled.net_grams,
        },
    )


def reserved(when: When, boxes: Sequence[str], *, campaign: uuid.UUID) -> Event:
    """9: these boxes are for somebody who bought them of a campaign; the campaign is named, and nobody."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="reserving",
        disposition="reserved",
        epcList=list(boxes),
        bizTransactionList=[{"type": f"{NAMESPACE}campaign", "bizTransaction": campaign.urn}],
    )


def packed(when: When, fruit: Fruit, *, parcel: str, boxes: int) -> Event:
    """10: boxes of a lot stand ready as one parcel."""
    return _packed(when, parcel, childQuantityList=[_quantity(fruit)], **{"vo:boxes": boxes})


def packed_boxes(when: When, boxes: Sequence[str], *, parcel: str) -> Event:
    """10: the same of boxes that have names."""
    return _packed(when, parcel, childEPCs=list(boxes))


def label_ended(when: When, boxes: Sequence[str], *, state: str) -> Event:
    """17 and E1: the labels of these boxes count no more: used up, or void."""
    return _event(
        "ObjectEvent",
        when,
        action="DELETE",
        bizStep="decommissioning",
        disposition="inactive",
        epcList=list(boxes),
        **{"vo:label": state},
    )


def shipped(when: When, *, parcel: str, about: uuid.UUID, cooperative: str) -> Event:
    """12 and 15: a carrier has the parcel."""
    return _shipped(when, parcel, [_paper("desadv", about)], cooperative)


def on_the_road(at: datetime, *, parcel: str, about: uuid.UUID) -> Event:
    """15: its carrier has said so. Without the tracking number: whoever has it looks up where a buyer lives."""
    return _elsewhere(
        at,
        bizStep="transporting",
        disposition="in_transit",
        epcList=[parcel],
        bizTransactionList=[_paper("desadv", about)],
    )


def shipping_undone(when: When, *, parcel: str, about: uuid.UUID) -> Event:
    """E4: it was the wrong one, or has not left after all: the parcel is in its store."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="void_shipping",
        disposition="in_progress",
        epcList=[parcel],
        bizTransactionList=[_paper("desadv", about)],
    )


def pallet_closed(when: When, *, pallet: str, parcels: Sequence[str]) -> Event:
    """10: these parcels stand on one pallet."""
    return _packed(when, pallet, childEPCs=list(parcels))


def unpacked(when: When, *, parcel: str) -> Event:
    """14: all that was in the parcel is out of it again."""
    return _unpacked(when, parcel)


def pallet_broken(when: When, *, pallet: str, parcels: Sequence[str]) -> Event:
    """14: they were taken off it again."""
    return _unpacked(when, pallet, childEPCs=list(parcels))


def pallet_shipped(
    when: When, *, pallet: str, about: uuid.UUID, hand_over: uuid.UUID, cooperative: str
) -> Event:
    """12: a carrier has the pallet; the hand-over is its bill of lading."""
    return _shipped(when, pallet, [_paper("bol", hand_over), _paper("desadv", about)], cooperative)


def pallet_arrived(when: When, *, pallet: str, hand_over: uuid.UUID, is_complete: bool) -> Event:
    """13: it is at a hub; `is_complete`: what stands on it was looked over there, and nothing is missing."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="receiving" if is_complete else "arriving",
        disposition="completeness_verified" if is_complete else "in_progress",
        epcList=[pallet],
        bizTransactionList=[_paper("recadv", hand_over)],
    )


def delivered(at: datetime, *, parcel: str, order: uuid.UUID) -> Event:
    """16: its buyer has it; the order's id is nobody's name."""
    return _elsewhere(
        at,
        bizStep="retail_selling",
        disposition="retail_sold",
        epcList=[parcel],
        bizTransactionList=[_paper("po", order)],
    )


def damaged(at: datetime, fruit: Fruit, boxes: Sequence[str], *, claim: uuid.UUID) -> Event:
    """E1: boxes arrived damaged, and that was granted: by their names, or as so much of their lot."""
    what = {"epcList": list(boxes)} if boxes else {"quantityList": [_quantity(fruit)]}
    return _elsewhere(at, bizStep="inspecting", disposition="damaged", **what, **{"vo:claim": claim.urn})


def culled(when: When, fruit: Fruit, *, reason: str) -> Event:
    """E1: fruit was sorted out and thrown away."""
    return _event(
        "ObjectEvent",
        when,
        action="DELETE",
        bizStep="destroying",
        disposition="destroyed",
        quantityList=[_quantity(fruit)],
        **{"vo:reason": reason},
    )


def counted(when: When, fruit: Fruit, *, kind: str, lost_grams: int) -> Event:
    """Less is there than was: `fruit` is what was found."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="stock_taking",
        quantityList=[_quantity(fruit)],
        **{"vo:kind": kind, "vo:lostGrams": lost_grams},
    )


def stopped(when: When, fruit: Fruit, *, disposition: str, is_set: bool) -> Event:
    """E2: a lot is under quarantine or recalled from now on, or is so no more."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="holding" if is_set else "inspecting",
        persistentDisposition={"set" if is_set else "unset": [disposition]},
        quantityList=[_quantity(fruit)],
    )


def expired(when: When, fruit: Fruit) -> Event:
    """E3: a lot's best-before day is over, and this much of it is still there."""
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="holding",
        disposition="expired",
        quantityList=[_quantity(fruit)],
    )


def returned(when: When, parent: Fruit, child: Fruit, *, about: uuid.UUID, lot: Begun) -> Event:
    """E5: shipped fruit came back, as a lot of its own."""
    return _made(
        when,
        [parent],
        [child],
        step="receiving",
        disposition="returned",
        about=about,
        papers=[_paper("rma", about)],
        lot=lot,
    )


def declared_wrong(
    event: Mapping[str, Any], *, at: datetime, reason: str, corrective: Sequence[str] = ()
) -> Event:
    """E6: an event was wrong (`did_not_occur`, `incorrect_data`); others may stand in its place."""
    declaration: Event = {"declarationTime": written(at), "reason": reason}
    if corrective:
        declaration["correctiveEventIDs"] = list(corrective)
    kept = {name: value for name, value in event.items() if name != "recordTime"}
    return {**kept, "errorDeclaration": declaration}


def kilograms(grams: int) -> Any:
    """A number of JSON: whole where it is, else with up to three digits behind the point, exactly."""
    whole, rest = divmod(grams, 1_000)
    return grams / 1_000 if rest else whole


def _shipped(when: When, unit: str, papers: Sequence[Event], cooperative: str) -> Event:
    return _event(
        "ObjectEvent",
        when,
        action="OBSERVE",
        bizStep="shipping",
        disposition="in_transit",
        bizLocation=None,
        epcList=[unit],
        bizTransactionList=list(papers),
        sourceList=[{"type": "possessing_party", "source": cooperative}],
    )


def _unpacked(when: When, parent: str, **what: Any) -> Event:
    return _event(
        "AggregationEvent",
        when,
        action="DELETE",
        bizStep="unpacking",
        disposition="in_progress",
        parentID=parent,
        **what,
    )


def _packed(when: When, parcel: str, **members: Any) -> Event:
    return _event(
        "AggregationEvent",
        when,
        action="ADD",
        bizStep="packing",
        disposition="container_closed",
        parentID=parcel,
        **members,
    )


def _made(
    when: When,
    parents: Sequence[Fruit],
    children: Sequence[Fruit],
    *,
    step: str,
    disposition: str,
    about: uuid.UUID,
    papers: Sequence[Event] = (),
    lot: Begun | None = None,
    more: Mapping[str, Any] | None = None,
) -> Event:
    papered = {"bizTransactionList": list(papers)} if papers else {}
    described = {"ilmd": _master_data(lot)} if lot else {}
    return _event(
        "TransformationEvent",
        when,
        transformationID=about.urn,
        bizStep=step,
        disposition=disposition,
        inputQuantityList=[_quantity(each) for each in parents],
        outputQuantityList=[_quantity(each) for each in children],
        **papered,
        **described,
        **(more or {}),
    )


def _elsewhere(at: datetime, **members: Any) -> Event:
    """What was seen of things that are in no place of ours."""
    nowhere = When(at=at, store="", place="")
    return _event("ObjectEvent", nowhere, action="OBSERVE", readPoint=None, bizLocation=None, **members)


def _event(kind: str, when: When, **members: Any) -> Event:
    told = {
        "type": kind,
        "eventTime": written(when.at),
        "eventTimeZoneOffset": OFFSET,
        "readPoint": {"id": when.store},
        "bizLocation": {"id": when.place},
        **members,
    }
    return {name: value for name, value in told.items() if value is not None}


def _quantity(fruit: Fruit) -> Event:
    return {"epcClass": fruit.lot, "quantity": kilograms(fruit.grams), "uom": KILOGRAM}


def _paper(kind: str, paper: uuid.UUID) -> Event:
    return {"type": kind, "bizTransaction": paper.urn}


def _master_data(lot: Begun) -> Event:
    told = {
        "cbvmda:lotNumber": lot.number,
        "cbvmda:harvestStartDate": lot.harvested_on.isoformat(),
        "cbvmda:harvestEndDate": lot.harvested_on.isoformat(),
        "cbvmda:bestBeforeDate": lot.best_before_on.isoformat(),
        "vo:variety": lot.variety,
        "vo:grade": lot.grade,
        "vo:size": lot.size,
        "vo:plot": lot.plot,
        "vo:cooperative": lot.cooperative,
    }
    return {name: value for name, value in told.items() if value is not None}
