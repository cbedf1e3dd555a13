"""What the pages of boxes, lots, products, places, parties, parcels and pallets show, read from all packages below."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import item_terms
from campaigns.models import Item
from campaigns.terms import Step
from campaigns.tracing import resolving
from campaigns.tracing.resolving import LabelRevoked, LinkUnknown
from inventory.epcis.identifiers import Key
from inventory.labels import land
from inventory.labels.land_models import LabelArea, LabelPlot
from inventory.labels.models import LabelAccount, LabelBatch, LabelSerial
from inventory.labels.states import SerialState
from inventory.models import Hold, Lot
from inventory.provenance import keys, numbering, story, things
from inventory.provenance.story import Story
from inventory.traces import proving
from inventory.traces.mentions import Role
from inventory.traces.models import TraceEvent, TraceMention
from inventory.traces.proving import Proof
from marketplace.catalogue.models import Cooperative, County, Pack, Product
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets import building
from orders.fulfilment.pallets.building import Loaded
from orders.fulfilment.pallets.models import Pallet
from orders.models import Order

LABELS_SHOWN_MAX: Final = 200
"""Of a parcel or a pallet."""
PLOTS_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the campaign took for a box, and who gets what of it."""

    step: Step
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fruit:
    """What is told of any fruit."""

    cooperative: Cooperative
    variety: str
    grade: str
    best_before_on: date
    expired_at: datetime | None
    """When it was told that it lay in its store past that day."""
    story: Story


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    label: LabelSerial
    area: LabelArea
    season: int
    cooperative: Cooperative
    pack: Pack
    fruit: Fruit | None
    """None as long as the label is on no box."""
    delivered_at: datetime | None
    heard: Mapping[str, datetime]
    """Of it and its parcel, as the chain says (story.heard)."""
    certificates: Sequence[str]
    price: Price | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What stands behind a label: the land that is certified, what it has borne, and how many labels there are."""

    cooperative: Cooperative
    area: LabelArea
    season: int
    plots: Sequence[LabelPlot]
    """Of the cooperative in the area, certified for some of the season; at most PLOTS_SHOWN_MAX."""
    square_metres: int
    """Of all of them, each counted once."""
    eligible_grams: int
    """Weighed fruit of that land that has earned credit."""
    labels: int
    """Printed, without those that are void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingFacts:
    """Of a product, a place, a party or a parcel."""

    kind: str
    """`product`, `fruit`, `place`, `party`, `parcel`, `pallet`."""
    name_en: str
    name_zh: str
    county: County | None = None
    cooperative: Cooperative | None = None
    pack: Pack | None = None
    parcel: Parcel | None = None
    pallet: Loaded | None = None
    labels: Sequence[tuple[str, str]] = ()
    """Of the boxes in a parcel or on a pallet: each its GTIN and serial."""


def box(session: Session, *, gtin: str, serial: str) -> BoxFacts:
    """Raises LinkUnknown, LabelRevoked."""
    label = resolving.find_label(session, gtin=gtin, serial=serial)
    if label is None:
        raise LinkUnknown
    if label.state == SerialState.VOID:
        raise LabelRevoked
    account = session.get_one(LabelAccount, label.account_id)
    batch = session.get_one(LabelBatch, label.batch_id)
    fruit = None
    if label.lot_id is not None:
        lot = session.get_one(Lot, label.lot_id)
        fruit = _fruit(session, lot, Key((("01", gtin), ("21", serial))), until=label.shipped_at)
    return BoxFacts(
        label=label,
        area=session.get_one(LabelArea, account.area_id),
        season=account.season,
        cooperative=session.get_one(Cooperative, account.cooperative_id),
        pack=session.get_one(Pack, batch.pack_id),
        fruit=fruit,
        delivered_at=label.activated_at,
        heard=_heard(session, label),
        certificates=() if fruit is None else story.certificates(session, fruit.story.origins),
        price=_price(session, label.parcel_id),
    )


def certificate(session: Session, *, gtin: str, serial: str) -> CertificateFacts:
    """Raises LinkUnknown, LabelRevoked."""
    label = resolving.find_label(session, gtin=gtin, serial=serial)
    if label is None:
        raise LinkUnknown
    if label.state == SerialState.VOID:
        raise LabelRevoked
    account = session.get_one(LabelAccount, label.account_id)
    asked: dict[str, Any] = {
        "cooperative_id": account.cooperative_id,
        "area_id": account.area_id,
        "season": account.season,
    }
    counted = select(func.count()).where(
        LabelSerial.account_id == account.id, LabelSerial.state != SerialState.VOID
    )
    return CertificateFacts(
        cooperative=session.get_one(Cooperative, account.cooperative_id),
        area=session.get_one(LabelArea, account.area_id),
        season=account.season,
        plots=land.certified(session, **asked)[:PLOTS_SHOWN_MAX],
        square_metres=land.certified_square_metres(session, **asked),
        eligible_grams=account.eligible_grams,
        labels=session.scalars(counted).one(),
    )


def lot(session: Session, *, gtin: str, number: str) -> Fruit:
    """Raises LinkUnknown."""
    found = things.lot(session, gtin, number)
    if found is None:
        raise LinkUnknown
    return _fruit(session, found, Key((("01", gtin), ("10", number))), until=None)


def product(session: Session, *, gtin: str) -> ThingFacts:
    """Raises LinkUnknown."""
    found = resolving.product(session, gtin)
    if isinstance(found, Pack):
        names = found.product
        return ThingFacts(kind="product", name_en=names.name_en, name_zh=names.name_zh, pack=found)
    fruit = things.fruit_of(session, gtin)
    if found is None or fruit is None:
        raise LinkUnknown
    _, variety, grade, size = fruit
    like = select(Product).where(Product.variety == variety, Product.grade == grade)
    named = session.scalars(like.where(Product.size.is_not_distinct_from(size)).limit(1)).first()
    return ThingFacts(
        kind="fruit",
        name_en=named.name_en if named else f"{variety} {grade}",
        name_zh=named.name_zh if named else f"{variety} {grade}",
        cooperative=found,
        county=found.county,
    )


def place(session: Session, *, gln: str) -> ThingFacts:
    """Raises LinkUnknown."""
    found = things.store(session, gln)
    if found is None:
        raise LinkUnknown
    county = None if found.county_id is None else session.get(County, found.county_id)
    return ThingFacts(kind="place", name_en=found.name_en, name_zh=found.name_zh, county=county)


def party(session: Session, *, gln: str) -> ThingFacts:
    """Raises LinkUnknown."""
    found = things.cooperative(session, gln)
    if found is None:
        raise LinkUnknown
    return ThingFacts(
        kind="party", name_en=found.name_en, name_zh=found.name_zh, cooperative=found, county=found.county
    )


def parcel(session: Session, *, sscc: str) -> ThingFacts:
    """How many boxes of whose fruit; nobody is told to whom. Raises LinkUnknown."""
    parcel_id = things.parcel_id(session, sscc)
    found = None if parcel_id is None else session.get(Parcel, parcel_id)
    if found is None:
        raise LinkUnknown
    cooperative = session.get_one(Cooperative, found.cooperative_id)
    return ThingFacts(
        kind="parcel",
        name_en=f"Parcel {sscc}",
        name_zh=f"包裹 {sscc}",
        cooperative=cooperative,
        county=cooperative.county,
        parcel=found,
        labels=_labels(session, [found.id]),
    )


def pallet(session: Session, *, sscc: str) -> ThingFacts:
    """The same of all that lies on a pallet. Raises LinkUnknown."""
    pallet_id = things.pallet_id(session, sscc)
    found = None if pallet_id is None else session.get(Pallet, pallet_id)
    if found is None:
        raise LinkUnknown
    cooperative = session.get_one(Cooperative, found.cooperative_id)
    [loaded] = building.loaded(session, [found])
    return ThingFacts(
        kind="pallet",
        name_en=f"Pallet {sscc}",
        name_zh=f"托盘 {sscc}",
        cooperative=cooperative,
        county=cooperative.county,
        pallet=loaded,
        labels=_labels(session, loaded.parcel_ids),
    )


def proof(session: Session, *, gtin: str, serial: str) -> Proof:
    """That the box was made of its lot's fruit is in the county's chain. Raises LinkUnknown, NotSignedYet."""
    found = session.execute(
        select(TraceMention.county_id, TraceMention.number)
        .join(
            TraceEvent,
            (TraceEvent.county_id == TraceMention.county_id) & (TraceEvent.number == TraceMention.number),
        )
        .where(
            TraceMention.key == keys.box(gtin, serial),
            TraceMention.role == Role.OUTPUT,
            ~TraceEvent.is_declaration,
        )
        .order_by(TraceMention.number.desc())
        .limit(1)
    ).first()
    if found is None:
        raise LinkUnknown
    return proving.prove(session, county_id=found.county_id, number=found.number)


def _labels(session: Session, parcel_ids: Sequence[uuid.UUID]) -> list[tuple[str, str]]:
    rows = session.execute(
        select(LabelSerial.gtin, LabelSerial.serial)
        .where(LabelSerial.parcel_id.in_(parcel_ids), LabelSerial.state != SerialState.VOID)
        .order_by(LabelSerial.serial)
        .limit(LABELS_SHOWN_MAX)
    )
    return [(gtin, serial) for gtin, serial in rows]


def _heard(session: Session, label: LabelSerial) -> dict[str, datetime]:
    """Nothing of a box that has not left."""
    if label.shipped_at is None or label.parcel_id is None:
        return {}
    links = [keys.box(label.gtin, label.serial), numbering.parcel(session, label.parcel_id)]
    return story.heard(session, links)


def _fruit(session: Session, found: Lot, key: Key, *, until: datetime | None) -> Fruit:
    return Fruit(
        cooperative=session.get_one(Cooperative, found.cooperative_id),
        variety=found.variety,
        grade=found.grade,
        best_before_on=found.best_before_on,
        expired_at=found.expired_at,
        story=story.of(session, key, until=until),
    )


def _price(session: Session, parcel_id: uuid.UUID | None) -> Price | None:
    """Of the campaign's item: the price that counted in the end."""
    if parcel_id is None:
        return None
    found = session.execute(
        select(Item, Order.unit_price_minor)
        .select_from(Parcel)
        .join(Order, Order.id == Parcel.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Item, Item.pool_id == Hold.pool_id)
        .where(Parcel.id == parcel_id)
    ).first()
    if found is None:
        return None
    item, paid = found
    final = item.final_unit_price_minor if item.final_unit_price_minor is not None else paid
    steps = item_terms.steps_of(item)
    step = next((each for each in steps if each.unit_price_minor == final), steps[0])
    return None if step.waterfall is None else Price(step=step, currency=item.currency)
