"""The GS1 key of each lot, cold store, cooperative, parcel and pallet: made when it is first told of, kept for good.

Numbers come from one sequence for each kind, below COMPANY_PREFIX. Two who name a thing at once get the same name: the
row that is there counts, and a number that was drawn for nothing stays unused. When the prefix has no numbers left
things are told of by their ids, and nobody's work stops.
"""

import uuid
from collections.abc import Callable
from typing import Final

from flask import current_app
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from inventory.models import Lot, Room
from inventory.provenance import keys
from inventory.provenance.keys import PrefixUsedUp
from inventory.provenance.kinds import NumberKind
from inventory.provenance.models import TraceNumber
from marketplace.catalogue.models import Cooperative
from marketplace.settings import Settings

REMEMBERED_MAX: Final = 20_000
_remembered: dict[tuple[NumberKind, str], int] = {}
_DRAWN: Final = "trace_numbers_drawn"
"""Numbers that this session drew: until their COMMIT they may be undone, and are not remembered."""
_DRAW: Final = text(
    "INSERT INTO trace_number (kind, subject, reference)"
    " VALUES (CAST(:kind AS text), :subject, nextval('trace_number_' || CAST(:kind AS text))) ON CONFLICT DO NOTHING"
)


def prefix() -> str:
    """The company prefix below which this marketplace numbers."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.company_prefix


def reference_of(session: Session, kind: NumberKind, subject: str) -> int:
    """The thing's number in its series. One that was there before is remembered: it never changes."""
    remembered = _remembered.get((kind, subject))
    if remembered is not None:
        return remembered
    known = select(TraceNumber.reference).where(TraceNumber.kind == kind, TraceNumber.subject == subject)
    is_drawn = False
    while (found := session.scalar(known)) is None:
        session.execute(_DRAW, {"kind": str(kind), "subject": subject})
        is_drawn = True
    if is_drawn:
        session.info.setdefault(_DRAWN, set()).add((kind, subject))
    elif (kind, subject) not in session.info.get(_DRAWN, ()):
        if len(_remembered) >= REMEMBERED_MAX:
            _remembered.clear()
        _remembered[kind, subject] = found
    return found


def lot_class(session: Session, lot: Lot) -> str:
    """The link of a lot: its fruit's GTIN and its code."""
    fruit = f"{lot.cooperative_id} {lot.variety} {lot.grade} {lot.size or ''}"

    def link() -> str:
        gtin = keys.bulk_gtin(prefix(), reference_of(session, NumberKind.FRUIT, fruit))
        return keys.lot_class(gtin, lot_number(session, lot))

    return _name(lot.id, link)


def lot_number(session: Session, lot: Lot) -> str:
    """The lot's code, or a number of ours if that cannot stand in a key."""
    if keys.is_lot_number(lot.code):
        return lot.code
    return keys.lot_number(lot.code, reference_of(session, NumberKind.LOT, str(lot.id)))


def party(session: Session, cooperative: Cooperative) -> str:
    """The link of a cooperative: by its own GLN, if it told one."""
    return _name(cooperative.id, lambda: keys.party(cooperative.gln or _gln(session, cooperative.id)))


def store(session: Session, cold_store_id: uuid.UUID) -> str:
    """The link of a cold store."""
    return _name(cold_store_id, lambda: keys.place(_gln(session, cold_store_id)))


def place(session: Session, lot: Lot) -> str:
    """The link of the room in which a lot lies, or of its cold store."""
    room = None if lot.room_id is None else session.get(Room, lot.room_id)
    if room is None or not keys.is_lot_number(room.code):
        return store(session, lot.cold_store_id)
    return _name(room.id, lambda: keys.place(_gln(session, lot.cold_store_id), room.code))


def parcel(session: Session, parcel_id: uuid.UUID) -> str:
    """The link of a parcel."""
    return _name(
        parcel_id,
        lambda: keys.parcel(keys.sscc(prefix(), reference_of(session, NumberKind.PARCEL, str(parcel_id)))),
    )


def pallet(session: Session, pallet_id: uuid.UUID) -> str:
    """The link of a pallet."""

    def link() -> str:
        reference = reference_of(session, NumberKind.PALLET, str(pallet_id))
        return keys.parcel(keys.sscc(prefix(), reference, digit=keys.PALLET_DIGIT))

    return _name(pallet_id, link)


def _name(thing_id: uuid.UUID, link: Callable[[], str]) -> str:
    """The thing's link, or its id when the prefix has no number left for it."""
    try:
        return link()
    except PrefixUsedUp:
        return thing_id.urn


def _gln(session: Session, subject_id: uuid.UUID) -> str:
    return keys.gln(prefix(), reference_of(session, NumberKind.LOCATION, str(subject_id)))
