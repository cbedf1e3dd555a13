"""Lots out of lots: split, merged, graded, taken back. No gram is made or lost on the way.

Only free fruit of a lot that is not stopped can go into another lot: what is promised was promised out of this one,
and a stop would be left behind. The caller gives the codes; the same request again finds its lots and answers them.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import buckets, lots
from inventory.events import FruitLeft, LotDescended, LotGraded
from inventory.families import parentage_rules
from inventory.families.parentage_rules import Fruit
from inventory.models import Lot, LotParent, Movement
from inventory.states import OF_SHIPMENTS, Descent, LotStatus, MovementKind, lets
from inventory.stores import rooms
from marketplace import audit, errors, events
from marketplace.context import Context
from marketplace.language import Text


class LotsDiffer(errors.Conflict):
    """Fruit of different kinds, cold stores or cooperatives does not become one lot."""

    title = Text(en="These lots are too different to become one.", zh="这些批次差异过大，不能合并。")


class NotShipped(errors.Conflict):
    """More fruit came back than was shipped from the lot."""

    title = Text(en="Less than that was shipped from the lot.", zh="退回数量超过该批次已发货数量。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The lots that fruit left, and the lots it came into."""

    parents: Sequence[Lot]
    children: Sequence[Lot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One line of a lot's parentage."""

    lot: Lot
    kind: str
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Relatives:
    parents: Sequence[Tie]
    children: Sequence[Tie]


Share = tuple[uuid.UUID, int]
"""A parent, and the grams out of it."""

LEAVING: Final = frozenset({MovementKind.MOVED, MovementKind.GRADED})
"""With these fruit leaves a lot for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """The grams of a grading line: what went in, what came out (culls are of it), what of the rest is explained."""

    culled_grams: int
    in_grams: int
    out_grams: int
    lost_grams: int

    @property
    def gone_grams(self) -> int:
        """What is not there any more, explained or not."""
        return max(self.lost_grams, self.in_grams - self.out_grams)


def split(session: Session, ctx: Context, *, lot_id: uuid.UUID, parts: Sequence[Mapping[str, Any]]) -> Family:
    """Parts of a lot become lots of the same fruit: each `code`, `quantity_grams`, `room_id`.

    Raises LotNotFound, FruitPromised, LotStatusForbids, LotCodeTaken, RoomNotFound, NoSpace.
    """
    [parent] = _locked(session, ctx, [lot_id])
    children = [
        child_of(
            ctx,
            parent,
            fruit_of(parent),
            code=part["code"],
            grams=part["quantity_grams"],
            room_id=part["room_id"],
        )
        for part in parts
    ]
    return _become(
        session, ctx, Descent.SPLIT, {child: [(lot_id, child.on_hand_grams)] for child in children}
    )


def merge(
    session: Session,
    ctx: Context,
    *,
    code: str,
    parts: Sequence[Mapping[str, Any]],
    room_id: uuid.UUID | None = None,
) -> Family:
    """Parts of several lots of one sort, in one cold store, become one lot: each `lot_id`, `quantity_grams`.

    Raises LotNotFound, LotsDiffer, FruitPromised, LotStatusForbids, LotCodeTaken, RoomNotFound, NoSpace.
    """
    parents = _locked(session, ctx, [part["lot_id"] for part in parts])
    fruits = [fruit_of(parent) for parent in parents]
    differing = parentage_rules.differing(fruits)
    differing += [
        name
        for name in ("cooperative_id", "cold_store_id")
        if len({getattr(each, name) for each in parents}) > 1
    ]
    if differing:
        raise LotsDiffer(differing=differing)
    taken: Counter[uuid.UUID] = Counter()
    for part in parts:
        taken[part["lot_id"]] += part["quantity_grams"]
    shares = list(taken.items())
    grams = sum(share for _, share in shares)
    child = child_of(ctx, parents[0], parentage_rules.merged(fruits), code=code, grams=grams, room_id=room_id)
    return _become(session, ctx, Descent.MERGED, {child: shares})


def grade(
    session: Session,
    ctx: Context,
    *,
    lot_id: uuid.UUID,
    parts: Sequence[Mapping[str, Any]],
    culled_grams: int = 0,
    input_grams: int | None = None,
    lost_grams: int = 0,
    reason: str | None = None,
) -> Family:
    """Sort a lot into grades: each part `code`, `grade`, `size`, `quantity_grams`, `room_id`; the rest is culled.

    `input_grams`: what went onto the line, if it was weighed; `lost_grams`: what of it is known to be lost. What is
    missing then has shrunk as well, and who keeps a balance of the fruit looks at it (LotGraded).
    Raises LotNotFound, FruitPromised, LotStatusForbids, LotCodeTaken, RoomNotFound, NoSpace.
    """
    [parent] = _locked(session, ctx, [lot_id])
    family: dict[Lot, list[Share]] = {}
    for part in parts:
        fruit = Fruit(**{**asdict(fruit_of(parent)), "grade": part["grade"], "size": part["size"]})
        child = child_of(
            ctx, parent, fruit, code=part["code"], grams=part["quantity_grams"], room_id=part["room_id"]
        )
        family[child] = [(lot_id, part["quantity_grams"])]
    out_grams = culled_grams + sum(child.on_hand_grams for child in family)
    sorting = Sorting(
        culled_grams=culled_grams,
        in_grams=out_grams + lost_grams if input_grams is None else input_grams,
        out_grams=out_grams,
        lost_grams=lost_grams,
    )
    return _become(session, ctx, Descent.GRADED, family, sorting=sorting, reason=reason)


def take_back(
    session: Session, ctx: Context, *, lot_id: uuid.UUID, code: str, quantity_grams: int, reason: str
) -> Family:
    """Shipped fruit came back: a lot of its own, under quarantine until somebody has looked at it.

    Out of a recalled lot it is recalled as well.
    Raises LotNotFound, NotShipped, LotCodeTaken, NoSpace.
    """
    [parent] = _locked(session, ctx, [lot_id])
    child = child_of(ctx, parent, fruit_of(parent), code=code, grams=quantity_grams, room_id=None)
    child.status = LotStatus.QUARANTINED
    if known := _known(session, {child: [(lot_id, quantity_grams)]}, Descent.RETURNED):
        return _again(session, ctx, Descent.RETURNED, [parent], known)
    check_shipped(session, lot_id=lot_id, grams=quantity_grams)
    bring_in(session, ctx, child, [(lot_id, quantity_grams)], Descent.RETURNED, reason=reason)
    if parent.status == LotStatus.RECALLED:
        session.flush()
        buckets.move_lot(session, ctx, child.id, MovementKind.RECALLED, reason=f"as lot {parent.code}")
    _audit(session, ctx, Descent.RETURNED, [parent], [child], reason=reason)
    return Family(parents=[parent], children=[child])


def check_shipped(session: Session, *, lot_id: uuid.UUID, grams: int) -> None:
    """That so much more of a locked lot can come back. Raises NotShipped."""
    shipped = -_sum(session, Movement.on_hand_delta_grams, lot_id=lot_id)
    back = session.scalar(
        select(func.coalesce(func.sum(LotParent.grams), 0)).where(
            LotParent.parent_id == lot_id, LotParent.kind == Descent.RETURNED
        )
    )
    if grams > shipped - int(back or 0):
        raise NotShipped(shipped_grams=shipped, returned_grams=int(back or 0), requested_grams=grams)


def relatives(session: Session, ctx: Context, *, lot_id: uuid.UUID) -> Relatives:
    """Where a lot's fruit came from, and where it went. Raises LotNotFound."""
    lots.get(session, ctx, lot_id=lot_id)

    def ties(to: Any, of: Any) -> list[Tie]:
        rows = session.execute(
            select(Lot, LotParent.kind, LotParent.grams)
            .join(LotParent, to == Lot.id)
            .where(of == lot_id)
            .order_by(Lot.id)
        )
        return [Tie(lot=lot, kind=kind, grams=grams) for lot, kind, grams in rows]

    return Relatives(
        parents=ties(LotParent.parent_id, LotParent.child_id),
        children=ties(LotParent.child_id, LotParent.parent_id),
    )


def fruit_of(lot: Lot) -> Fruit:
    """What the lot hands down."""
    return Fruit(
        variety=lot.variety,
        grade=lot.grade,
        size=lot.size,
        storage=lot.storage,
        plot=lot.plot,
        harvested_on=lot.harvested_on,
        best_before_on=lot.best_before_on,
    )


def take_out(
    session: Session, ctx: Context, parent: Lot, kind: MovementKind, grams: int, *, reason: str | None = None
) -> None:
    """Free fruit leaves a locked lot. Raises LotStatusForbids, FruitPromised."""
    free_grams = parent.free_grams
    if buckets.move_lot(session, ctx, parent.id, kind, on_hand_grams=-grams, reason=reason) is None:
        if not lets(parent.status, kind):
            raise lots.LotStatusForbids(lot_status=str(parent.status), lot_code=parent.code)
        raise lots.FruitPromised(requested_grams=grams, available_grams=free_grams, lot_code=parent.code)
    if kind in LEAVING:
        events.publish(session, ctx, FruitLeft(lot=parent, grams=grams))


def bring_in(
    session: Session,
    ctx: Context,
    child: Lot,
    shares: Sequence[Share],
    descent: Descent,
    *,
    reason: str | None = None,
) -> None:
    """A new lot in a locked cold store, with its first line and its parents. Raises as lots.add_all."""
    lots.add_all(session, [child])
    kind = {Descent.GRADED: MovementKind.GRADED, Descent.RETURNED: MovementKind.RETURNED}.get(
        descent, MovementKind.MOVED
    )
    buckets.write_line(session, ctx, child, kind, on_hand_delta_grams=child.on_hand_grams, reason=reason)
    session.add_all(
        LotParent(child_id=child.id, parent_id=parent_id, kind=descent, grams=grams)
        for parent_id, grams in shares
    )
    events.publish(session, ctx, LotDescended(lot=child, descent=descent, shares=shares))


def _become(
    session: Session,
    ctx: Context,
    descent: Descent,
    family: Mapping[Lot, list[Share]],
    *,
    sorting: Sorting | None = None,
    reason: str | None = None,
) -> Family:
    culled_grams, gone_grams = (sorting.culled_grams, sorting.gone_grams) if sorting else (0, 0)
    by_id = {share_id: session.get_one(Lot, share_id) for shares in family.values() for share_id, _ in shares}
    parents = [by_id[lot_id] for lot_id in sorted(by_id)]
    if known := _known(session, family, descent):
        return _again(session, ctx, descent, parents, known)
    kind = MovementKind.GRADED if descent == Descent.GRADED else MovementKind.MOVED
    for parent in parents:
        grams = sum(
            share for shares in family.values() for parent_id, share in shares if parent_id == parent.id
        )
        needed_grams = grams + culled_grams + gone_grams
        if needed_grams > parent.free_grams and lets(parent.status, kind):
            raise lots.FruitPromised(
                requested_grams=needed_grams, available_grams=parent.free_grams, lot_code=parent.code
            )
        take_out(session, ctx, parent, kind, grams)
        if culled_grams:
            take_out(session, ctx, parent, MovementKind.CULLED, culled_grams, reason=reason or str(descent))
        if gone_grams:
            take_out(session, ctx, parent, MovementKind.SHRUNK, gone_grams, reason=reason or str(descent))
    for child, shares in family.items():
        bring_in(session, ctx, child, shares, descent)
    told = {"culled_grams": culled_grams, "reason": reason}
    if gone_grams:
        told["gone_grams"] = gone_grams
    _audit(session, ctx, descent, parents, list(family), **told)
    if sorting is not None:
        graded = LotGraded(
            parent=parents[0],
            children=list(family),
            in_grams=sorting.in_grams,
            out_grams=sorting.out_grams,
            lost_grams=sorting.lost_grams,
        )
        events.publish(session, ctx, graded)
    return Family(parents=parents, children=list(family))


def _known(session: Session, family: Mapping[Lot, list[Share]], descent: Descent) -> list[Lot]:
    """The lots that the same request made before; none if it is new. Raises LotCodeTaken if it was another."""
    any_child = next(iter(family))
    found = {
        lot.code: lot
        for lot in session.scalars(
            select(Lot).where(
                Lot.cooperative_id == any_child.cooperative_id, Lot.code.in_({child.code for child in family})
            )
        )
    }
    if not found:
        return []
    for child, shares in family.items():
        lot = found.get(child.code)
        if lot is None or fruit_of(lot) != fruit_of(child):
            raise lots.LotCodeTaken
        ties = session.execute(
            select(LotParent.parent_id, LotParent.grams).where(
                LotParent.child_id == lot.id, LotParent.kind == descent
            )
        )
        if sorted(tuple(tie) for tie in ties) != sorted(shares):
            raise lots.LotCodeTaken
    return [found[child.code] for child in family]


def _again(
    session: Session, ctx: Context, descent: Descent, parents: Sequence[Lot], known: Sequence[Lot]
) -> Family:
    _audit(session, ctx, descent, parents, known, is_repeated=True)
    return Family(parents=parents, children=known)


def _locked(session: Session, ctx: Context, lot_ids: Sequence[uuid.UUID]) -> list[Lot]:
    """The parents in the order asked for; their cold stores are locked before them."""
    rooms.lock(session, {lots.get(session, ctx, lot_id=lot_id).cold_store_id for lot_id in lot_ids})
    found = lots.locked(session, ctx, lot_ids=lot_ids)
    return [found[lot_id] for lot_id in lot_ids]


def child_of(
    ctx: Context, parent: Lot, fruit: Fruit, *, code: str, grams: int, room_id: uuid.UUID | None
) -> Lot:
    """A lot yet to be brought in, of the parent's cooperative, cold store and, unless told, room."""
    return lots.new(
        ctx,
        quantity_grams=grams,
        cooperative_id=parent.cooperative_id,
        cold_store_id=parent.cold_store_id,
        room_id=room_id or parent.room_id,
        code=code,
        **asdict(fruit),
    )


def _sum(session: Session, column: Any, *, lot_id: uuid.UUID) -> int:
    return int(
        session.scalar(
            select(func.coalesce(func.sum(column), 0)).where(
                Movement.lot_id == lot_id, Movement.kind.in_(sorted(OF_SHIPMENTS))
            )
        )
        or 0
    )


def _audit(
    session: Session,
    ctx: Context,
    descent: Descent,
    parents: Sequence[Lot],
    children: Sequence[Lot],
    **more: Any,
) -> None:
    for parent in parents:
        after = {"children": [child.code for child in children], **more}
        audit.record(session, ctx, f"lot.{_VERBS[descent]}", subject=("lot", parent.id), after=after)


_VERBS = {
    Descent.SPLIT: "split",
    Descent.MERGED: "merge",
    Descent.GRADED: "grade",
    Descent.RETURNED: "take_back",
}
