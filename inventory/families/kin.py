"""A lot and all that came out of it, over all generations: who they are, locked together, and what of them went out.

Lots that only share an ancestor are no family here: what is wrong with one need not be wrong with the other.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Hold, Lot, LotParent, Movement, Transfer
from inventory.states import OF_SHIPMENTS, OPEN, Descent, TransferState
from marketplace.context import Context

ON_THE_ROAD: Final = frozenset({TransferState.IN_TRANSIT, TransferState.DISPUTED})

_DESCENDANTS: Final = text(
    """
    WITH RECURSIVE family AS (
        SELECT child_id FROM lot_parent WHERE parent_id = :lot_id
        UNION
        SELECT p.child_id FROM family f JOIN lot_parent p ON p.parent_id = f.child_id
    )
    SELECT child_id FROM family
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A lot of the family, and where fruit of it is that is not in the store."""

    lot: Lot
    is_turned: bool
    """Whether its status was changed just now, for the family's sake."""
    holds_count: int
    shipped_grams: int
    returned_grams: int
    """Of what was shipped; in a lot of its own, which is of the family."""
    on_the_road_grams: int


def descendants(session: Session, *, lot_id: uuid.UUID) -> set[uuid.UUID]:
    """All that came out of a lot, and out of that; without the lot itself."""
    return set(session.scalars(_DESCENDANTS, {"lot_id": lot_id}))


def locked(session: Session, ctx: Context, *, lot_id: uuid.UUID) -> Sequence[Lot]:
    """A lot and its descendants, all locked, by id. Raises LotNotFound.

    A lot that came out of one of them in the meantime is younger than they are, and is locked after them.
    """
    wanted = {lot_id} | descendants(session, lot_id=lot_id)
    found: Mapping[uuid.UUID, Lot] = {}
    while wanted - found.keys():
        found = lots.locked(session, ctx, lot_ids=wanted)
        wanted |= descendants(session, lot_id=lot_id)
    return list(found.values())


def members(session: Session, some: Iterable[Lot], *, turned: Collection[uuid.UUID] = ()) -> list[Member]:
    """What is to be known of each of these lots, in their order."""
    these = list(some)
    ids = [lot.id for lot in these]
    count = _by_lot(
        session,
        select(Hold.lot_id, func.count()).where(Hold.lot_id.in_(ids), Hold.state.in_(sorted(OPEN))),
        Hold.lot_id,
    )
    shipped = _by_lot(
        session,
        select(Movement.lot_id, -func.sum(Movement.on_hand_delta_grams)).where(
            Movement.lot_id.in_(ids), Movement.kind.in_(sorted(OF_SHIPMENTS))
        ),
        Movement.lot_id,
    )
    returned = _by_lot(
        session,
        select(LotParent.parent_id, func.sum(LotParent.grams)).where(
            LotParent.parent_id.in_(ids), LotParent.kind == Descent.RETURNED
        ),
        LotParent.parent_id,
    )
    road = _by_lot(
        session,
        select(Transfer.lot_id, func.sum(Transfer.out_grams)).where(
            Transfer.lot_id.in_(ids), Transfer.state.in_(sorted(ON_THE_ROAD))
        ),
        Transfer.lot_id,
    )
    return [
        Member(
            lot=lot,
            is_turned=lot.id in turned,
            holds_count=count.get(lot.id, 0),
            shipped_grams=shipped.get(lot.id, 0),
            returned_grams=returned.get(lot.id, 0),
            on_the_road_grams=road.get(lot.id, 0),
        )
        for lot in these
    ]


def _by_lot(session: Session, statement: Select[Any, Any], key: Any) -> dict[uuid.UUID, int]:
    return {lot_id: int(number) for lot_id, number in session.execute(statement.group_by(key))}
