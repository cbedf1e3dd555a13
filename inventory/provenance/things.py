"""Which lot, cold store, cooperative, parcel or pallet of ours a GS1 key names: the way back from numbering.py."""

import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from inventory.epcis.identifiers import Key
from inventory.models import ColdStore, Lot, Room
from inventory.provenance import keys, numbering
from inventory.provenance.kinds import NumberKind
from inventory.provenance.models import TraceNumber
from marketplace.catalogue.models import Cooperative


def fruit_of(session: Session, gtin: str) -> tuple[uuid.UUID, str, str, str | None] | None:
    """Whose and which fruit a GTIN of variable measure is: cooperative, variety, grade, size."""
    if not gtin.startswith(keys.VARIABLE_MEASURE):
        return None
    subject = _subject(session, NumberKind.FRUIT, gtin[1:])
    if subject is None:
        return None
    cooperative_id, _, fruit = subject.partition(" ")
    found = session.execute(
        select(Lot.variety, Lot.grade, Lot.size)
        .where(Lot.cooperative_id == uuid.UUID(cooperative_id))
        .distinct()
    )
    for variety, grade, size in found:
        if f"{variety} {grade} {size or ''}" == fruit:
            return uuid.UUID(cooperative_id), variety, grade, size
    return None


def lot(session: Session, gtin: str, number: str) -> Lot | None:
    """The lot with this number of the fruit with this GTIN."""
    fruit = fruit_of(session, gtin)
    if fruit is None:
        return None
    cooperative_id, variety, grade, size = fruit
    own = [Lot.code == number]
    if number.startswith("L-") and number[2:].isdecimal() and len(number) <= keys.LOT_LENGTH_MAX:
        subject = _stored(session, NumberKind.LOT, int(number[2:]))
        if subject is not None:
            own.append(Lot.id == uuid.UUID(subject))
    return session.scalars(
        select(Lot)
        .where(Lot.cooperative_id == cooperative_id, Lot.variety == variety, Lot.grade == grade, or_(*own))
        .where(Lot.size.is_not_distinct_from(size))
        .order_by(Lot.id)
        .limit(1)
    ).first()


def cooperative(session: Session, gln: str) -> Cooperative | None:
    """By its own GLN, or by the one that it has here."""
    own = session.scalar(select(Cooperative).where(Cooperative.gln == gln))
    if own is not None:
        return own
    subject = _subject(session, NumberKind.LOCATION, gln)
    return None if subject is None else session.get(Cooperative, uuid.UUID(subject))


def store(session: Session, gln: str) -> ColdStore | None:
    subject = _subject(session, NumberKind.LOCATION, gln)
    return None if subject is None else session.get(ColdStore, uuid.UUID(subject))


def room(session: Session, cold_store: ColdStore, code: str) -> Room | None:
    return session.scalar(select(Room).where(Room.cold_store_id == cold_store.id, Room.code == code))


def parcel_id(session: Session, sscc: str) -> uuid.UUID | None:
    return next(iter(parcel_ids(session, [sscc])), None)


def parcel_ids(session: Session, ssccs: Sequence[str]) -> list[uuid.UUID]:
    """The same of many at once; of those that are ours."""
    ours = [each[len(keys.EXTENSION_DIGIT) :] for each in ssccs if each.startswith(keys.EXTENSION_DIGIT)]
    references = {reference for each in ours if (reference := _reference(each)) is not None}
    subjects = session.scalars(
        select(TraceNumber.subject).where(
            TraceNumber.kind == NumberKind.PARCEL, TraceNumber.reference.in_(references)
        )
    )
    return [uuid.UUID(each) for each in subjects]


def pallet_id(session: Session, sscc: str) -> uuid.UUID | None:
    if not sscc.startswith(keys.PALLET_DIGIT):
        return None
    subject = _subject(session, NumberKind.PALLET, sscc[len(keys.PALLET_DIGIT) :])
    return None if subject is None else uuid.UUID(subject)


def place_named(session: Session, key: Key) -> tuple[ColdStore, Room | None] | None:
    """The cold store and the room that a place's key names."""
    found = store(session, key["414"]) if "414" in key else None
    if found is None:
        return None
    return found, room(session, found, key["254"]) if "254" in key else None


def _subject(session: Session, kind: NumberKind, digits: str) -> str | None:
    reference = _reference(digits)
    return None if reference is None else _stored(session, kind, reference)


def _reference(digits: str) -> int | None:
    """The number in digits that begin with our prefix and end with a check digit."""
    prefix = numbering.prefix()
    found = digits[len(prefix) : -1]
    return int(found) if digits.startswith(prefix) and found.isdecimal() else None


def _stored(session: Session, kind: NumberKind, reference: int) -> str | None:
    return session.scalar(
        select(TraceNumber.subject).where(TraceNumber.kind == kind, TraceNumber.reference == reference)
    )
