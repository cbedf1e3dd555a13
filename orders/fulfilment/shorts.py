"""A short pick: fewer boxes of a lot are there than the parcels of a wave need, or the lot is stopped.

Parcels without their boxes get the same boxes out of other lots of the pool, if there are any. An order that cannot
have all of them goes back to where it was and waits for another wave, as long as nothing of it is packed; what it
leaves is there for the others. An order of which something is packed goes on with that, and these boxes are refunded.
Whoever knows what is sold then looks at what is missing (`campaigns.fulfilment.short_picking`), and locks the wave
before.

Rows are taken in the order payment, order, parcel, pledge, pool, lot.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import binding, lots, missing, owing
from inventory.binding_rules import Bound, Wish
from inventory.labels.models import LabelSerial
from inventory.lots import LotNotFound
from inventory.models import Hold, Lot
from inventory.states import LotStatus
from marketplace import audit, errors
from marketplace.access import Role
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications import kinds, notify_members
from marketplace.payments import payments
from marketplace.values import new_id
from orders import moving
from orders.claims import shorting
from orders.fulfilment import parcels, short_rules
from orders.fulfilment.models import Parcel, ParcelTracking, ShortParcel, ShortPick, Wave
from orders.fulfilment.picking import WaveNotFound
from orders.fulfilment.short_rules import Outcome, Planned
from orders.fulfilment.states import ParcelState
from orders.models import Order
from orders.work.models import ShiftScan


class PickNotShort(errors.Conflict):
    """As many boxes as the parcels that are still to be packed need; `boxes_planned`."""

    title = Text(
        en="The lot has all boxes of this wave that are still to be packed.", zh="该批次待打包箱数并不短缺。"
    )


class PacksDiffer(errors.Conflict):
    """The lot fills parcels of several packs in this wave: say of which (`pack_grams`)."""

    title = Text(en="Say of which pack boxes are missing.", zh="请指明短缺的箱规。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """What somebody found in the store."""

    lot_id: uuid.UUID
    boxes_found: int
    reason: str
    pack_grams: int | None = None
    """Needed where the lot fills boxes of several sizes."""


@dataclass(slots=True, kw_only=True)
class _Case:
    """A pick under all its locks: orders, their parcels, and what became of the lost ones so far."""

    wave: Wave
    pick: Pick
    orders: dict[uuid.UUID, Order]
    parcels: dict[uuid.UUID, list[Parcel]]
    """By order, those that are withdrawn left out."""
    begun: Collection[uuid.UUID]
    """Planned parcels of which some box is there."""
    due: list[Parcel]
    """Those of the lot of which no box is there."""
    outcomes: dict[uuid.UUID, tuple[Parcel, Outcome]] = field(default_factory=dict)


def seen(session: Session, ctx: Context, *, wave_id: uuid.UUID, lot_id: uuid.UUID) -> Wave:
    """A wave in which the actor may work on parcels of this lot. Raises WaveNotFound, LotNotFound."""
    wave = session.get(Wave, wave_id)
    own = parcels.visible(ctx).where(Parcel.wave_id == wave_id)
    if wave is None or session.scalar(select(own.exists())) is False:
        raise WaveNotFound
    parcel = session.scalar(own.where(Parcel.lot_id == lot_id).limit(1))
    if parcel is None or not lots.may_work_on(ctx.actor, parcel.cooperative_id):
        raise LotNotFound
    return wave


def report(
    session: Session,
    ctx: Context,
    wave: Wave,
    pick: Pick,
    *,
    shelf_days: Callable[[Sequence[uuid.UUID]], Mapping[uuid.UUID, int]],
) -> ShortPick:
    """Write down what was found in the lot for a locked wave, and do what follows from it for its parcels.

    `shelf_days`: how long the boxes of these orders must keep. Raises PickNotShort, PacksDiffer, LotStatusForbids.
    """
    case = _lock(session, wave, pick)
    if pick.boxes_found >= (planned := sum(each.boxes for each in case.due)):
        raise PickNotShort(boxes_planned=planned)
    pledges = {each.hold_id for each in case.due}
    pool_ids = session.scalars(select(Hold.pool_id).where(Hold.id.in_(pledges)).distinct()).all()
    missing.lock(session, pool_ids=[each for each in pool_ids if each is not None])
    lot = session.get_one(Lot, pick.lot_id, populate_existing=True)
    _check_status(ctx, lot, pick)
    lost = _lost(case)
    per_pledge = _boxes_by_pledge(lost)
    _uncommit(session, ctx, lost)
    owed: dict[uuid.UUID, uuid.UUID] = {}
    if lot.status == LotStatus.AVAILABLE:
        for hold_id, boxes in short_rules.part(planned - pick.boxes_found, per_pledge).items():
            gone = missing.exchange(
                session, ctx, hold_id=hold_id, boxes=boxes, is_gone=True, reason=pick.reason
            )
            owed[hold_id] = gone.id
    unserved: dict[uuid.UUID, list[Parcel]] = {}
    for each in lost:
        unserved.setdefault(each.order_id, []).append(each)
    days = shelf_days(sorted(unserved))
    _substitute(session, ctx, case, unserved, days)
    while going := _going_back(case, unserved):
        for order_id in going:
            _take_back(session, ctx, case, case.orders[order_id], unserved.pop(order_id))
        _substitute(session, ctx, case, unserved, days)
    for order_id, unfilled in sorted(unserved.items()):
        _refund(session, ctx, case, case.orders[order_id], unfilled)
    _pay_instead(session, ctx, case, owed)
    session.flush()
    return _written(session, ctx, case, lot, planned=planned)


def of_wave(session: Session, ctx: Context, *, wave_id: uuid.UUID) -> Sequence[ShortPick]:
    """Those of the actor's cooperatives, all for staff, oldest first. Raises WaveNotFound."""
    own = parcels.visible(ctx).where(Parcel.wave_id == wave_id)
    if session.get(Wave, wave_id) is None or session.scalar(select(own.exists())) is False:
        raise WaveNotFound
    theirs = own.with_only_columns(Parcel.cooperative_id)
    statement = select(ShortPick).where(
        ShortPick.wave_id == wave_id, ShortPick.cooperative_id.in_(theirs.distinct())
    )
    return session.scalars(statement.order_by(ShortPick.id)).all()


def _lock(session: Session, wave: Wave, pick: Pick) -> _Case:
    """Payments, orders and parcels of all orders that wait for boxes of the lot. Raises PacksDiffer."""
    is_first = Parcel.claim_id.is_(None)  # a replacement without its boxes is given up, or the claim refunded
    of_lot = (Parcel.wave_id == wave.id, Parcel.lot_id == pick.lot_id, Parcel.state == ParcelState.PLANNED)
    order_ids = select(Parcel.order_id).where(*of_lot, is_first)
    payments.lock_of_orders(session, session.scalars(order_ids.distinct()).all())
    is_there = Parcel.state != ParcelState.WITHDRAWN
    wanted = select(Parcel).where(Parcel.order_id.in_(order_ids), is_first, is_there)
    found = list(parcels.locked_with_orders(session, wanted).values())
    begun = _begun(session, [each.id for each in found if each.state == ParcelState.PLANNED])
    by_order: dict[uuid.UUID, list[Parcel]] = {}
    for each in found:
        by_order.setdefault(each.order_id, []).append(each)
    due = [
        each
        for each in found
        if (each.lot_id, each.state) == (pick.lot_id, ParcelState.PLANNED)
        and each.id not in begun
        and pick.pack_grams in (None, each.pack_grams)
    ]
    if len(packs := sorted({each.pack_grams for each in due})) > 1:
        raise PacksDiffer(pack_grams=packs)
    orders = session.scalars(select(Order).where(Order.id.in_(by_order))).all()
    return _Case(
        wave=wave,
        pick=pick,
        orders={each.id: each for each in orders},
        parcels=by_order,
        begun=begun,
        due=due,
    )


def _begun(session: Session, parcel_ids: list[uuid.UUID]) -> frozenset[uuid.UUID]:
    """Of these some box is there: it bears a label, was scanned on a shift, or a carrier has a number for it."""
    found: set[uuid.UUID | None] = set()
    for table in (LabelSerial, ShiftScan, ParcelTracking):
        found |= set(session.scalars(select(table.parcel_id).where(table.parcel_id.in_(parcel_ids))))
    return frozenset(each for each in found if each is not None)


def _check_status(ctx: Context, lot: Lot, pick: Pick) -> None:
    """From a stopped lot nobody fetches anything: an operator may say that its orders do not wait for it."""
    if lot.status != LotStatus.AVAILABLE and (pick.boxes_found or not ctx.actor.has(Role.OPERATOR)):
        raise lots.LotStatusForbids(lot_status=lot.status)


def _lost(case: _Case) -> list[Parcel]:
    kept = short_rules.keep(
        [Planned(id=each.id, order_id=each.order_id, boxes=each.boxes) for each in case.due],
        wave_id=case.wave.id,
        boxes_found=case.pick.boxes_found,
    )
    return [each for each in case.due if each.id not in kept]


def _boxes_by_pledge(found: Iterable[Parcel]) -> Counter[uuid.UUID]:
    boxes: Counter[uuid.UUID] = Counter()
    for each in found:
        boxes[each.hold_id] += each.boxes
    return boxes


def _uncommit(session: Session, ctx: Context, found: Iterable[Parcel]) -> None:
    """Their lots owe their boxes no longer."""
    for hold_id, boxes in sorted(_boxes_by_pledge(found).items()):
        owing.uncommit(session, ctx, hold_id=hold_id, boxes=boxes)


def _substitute(
    session: Session,
    ctx: Context,
    case: _Case,
    unfilled: dict[uuid.UUID, list[Parcel]],
    days: Mapping[uuid.UUID, int],
) -> None:
    """Out of other lots, of its own cooperative first, all lost boxes of an order or none; it is among the unfilled no
    longer then.
    """
    pool_of = _pools(session, unfilled)
    wishes: dict[uuid.UUID, list[Wish]] = {}
    for order_id, gone in unfilled.items():
        wishes.setdefault(pool_of[order_id], []).append(_wish(case, order_id, gone, days[order_id]))
    for pool_id in sorted(wishes):
        served = binding.serve(
            session,
            ctx,
            pool_id=pool_id,
            wishes=wishes[pool_id],
            delivered_on=case.wave.delivered_on,
            but_lots=[case.pick.lot_id],
        )
        for order_id, parts in sorted(served.parts.items()):
            order = case.orders[order_id]
            for each in unfilled.pop(order_id):
                parcels.leave_unfilled(session, ctx, order, each, ParcelState.WITHDRAWN)
                case.outcomes[each.id] = each, Outcome.SUBSTITUTED
            _plan(session, ctx, case, order, parts, shelf_days=days[order_id])


def _pools(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    rows = session.execute(
        select(Order.id, Hold.pool_id).join(Hold, Hold.id == Order.hold_id).where(Order.id.in_(order_ids))
    )
    return {order_id: pool_id for order_id, pool_id in rows if pool_id is not None}


def _wish(case: _Case, order_id: uuid.UUID, gone: list[Parcel], shelf_days: int) -> Wish:
    boxes = sum(each.boxes for each in gone)
    barred = {each.hold_id for each in case.parcels[order_id] if _has_boxes(case, each)}
    return Wish(
        id=order_id,
        boxes=boxes,
        suppliers={gone[0].cooperative_id: boxes},
        shelf_days=shelf_days,
        barred=frozenset(barred),
    )


def _has_boxes(case: _Case, parcel: Parcel) -> bool:
    """Whether something of it is packed, gone, refunded, or begun: it stays as it is."""
    return parcel.state != ParcelState.PLANNED or parcel.id in case.begun


def _plan(
    session: Session, ctx: Context, case: _Case, order: Order, parts: Iterable[Bound], *, shelf_days: int
) -> None:
    """A parcel of each lot that serves it now; one that is planned of the same lot grows."""
    planned = {each.hold_id: each for each in case.parcels[order.id] if each.state == ParcelState.PLANNED}
    for part in parts:
        parcel = planned.get(part.hold_id)
        if parcel is None:
            parcel = Parcel(
                id=new_id(),
                wave_id=case.wave.id,
                order_id=order.id,
                cooperative_id=part.cooperative_id,
                lot_id=part.lot_id,
                hold_id=part.hold_id,
                boxes=part.boxes,
                pack_grams=order.pack_grams,
                shelf_days=shelf_days,
                state=ParcelState.PLANNED,
                version=1,
            )
            session.add(parcel)
        else:
            parcel.boxes += part.boxes
            parcel.version += 1
        after = {"lot_id": str(part.lot_id), "boxes": parcel.boxes}
        audit.record(session, ctx, "parcel.substitute", subject=("parcel", parcel.id), after=after)
    session.flush()


def _going_back(case: _Case, unserved: Mapping[uuid.UUID, list[Parcel]]) -> list[uuid.UUID]:
    """The orders that wait for another wave next: of those of which nothing is packed the last ones by rank."""
    may = [
        order_id
        for order_id, unfilled in unserved.items()
        if short_rules.unserved(
            [_has_boxes(case, each) for each in case.parcels[order_id] if each not in unfilled]
        )
        == Outcome.TAKEN_BACK
    ]
    return short_rules.last(may, wave_id=case.wave.id)


def _take_back(session: Session, ctx: Context, case: _Case, order: Order, unfilled: list[Parcel]) -> None:
    """A locked order waits with all of its boxes; what its other lots owed it they owe no longer."""
    found = case.parcels[order.id]
    _uncommit(session, ctx, [each for each in found if each not in unfilled])
    for each in unfilled:
        case.outcomes[each.id] = each, Outcome.TAKEN_BACK
    for each in found:
        parcels.leave_unfilled(session, ctx, order, each, ParcelState.WITHDRAWN)
    case.wave.orders -= 1
    case.wave.orders_left += 1
    case.wave.boxes -= sum(each.boxes for each in found)
    moving.take_back(session, ctx, order)


def _refund(session: Session, ctx: Context, case: _Case, order: Order, unfilled: list[Parcel]) -> None:
    """A locked order goes on without these boxes, and their buyer has the money back."""
    for each in unfilled:
        case.outcomes[each.id] = each, Outcome.REFUNDED
        parcels.leave_unfilled(session, ctx, order, each, ParcelState.SHORT)
        shorting.refund(session, ctx, order, each)


def _pay_instead(session: Session, ctx: Context, case: _Case, owed: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """What was refunded is owed to the pool no longer: first what is missing; what is there is its cooperative's."""
    refunded = [each for each, outcome in case.outcomes.values() if outcome == Outcome.REFUNDED]
    for hold_id, boxes in sorted(_boxes_by_pledge(refunded).items()):
        gone = 0
        if hold_id in owed:
            gone = min(boxes, session.get_one(Hold, owed[hold_id]).open_boxes)
            missing.pay_instead(session, ctx, hold_id=owed[hold_id], boxes=gone)
        if rest := boxes - gone:
            left = missing.exchange(
                session, ctx, hold_id=hold_id, boxes=rest, is_gone=False, reason=case.pick.reason
            )
            missing.pay_instead(session, ctx, hold_id=left.id, boxes=rest)


def _written(session: Session, ctx: Context, case: _Case, lot: Lot, *, planned: int) -> ShortPick:
    boxes: Counter[Outcome] = Counter()
    for parcel, outcome in case.outcomes.values():
        boxes[outcome] += parcel.boxes
    short = planned - case.pick.boxes_found
    made = ShortPick(
        id=new_id(),
        wave_id=case.wave.id,
        lot_id=lot.id,
        cooperative_id=lot.cooperative_id,
        pack_grams=case.due[0].pack_grams,
        boxes_planned=planned,
        boxes_found=case.pick.boxes_found,
        boxes_written_off=short if lot.status == LotStatus.AVAILABLE else 0,
        boxes_substituted=boxes[Outcome.SUBSTITUTED],
        boxes_taken_back=boxes[Outcome.TAKEN_BACK],
        boxes_refunded=boxes[Outcome.REFUNDED],
        reason=case.pick.reason,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(made)
    session.flush()
    session.add_all(
        ShortParcel(
            parcel_id=parcel.id,
            short_pick_id=made.id,
            order_id=parcel.order_id,
            boxes=parcel.boxes,
            outcome=outcome,
        )
        for parcel, outcome in case.outcomes.values()
    )
    session.flush()
    session.refresh(made, ["parcels"])
    counts = ("planned", "found", "written_off", "substituted", "taken_back", "refunded")
    after = {f"boxes_{each}": getattr(made, f"boxes_{each}") for each in counts}
    audit.record(
        session,
        ctx,
        "wave.pick_short",
        subject=("wave", case.wave.id),
        after={"lot_id": str(lot.id), **after, "reason": case.pick.reason},
    )
    _tell(session, ctx, made, lot)
    return made


def _tell(session: Session, ctx: Context, made: ShortPick, lot: Lot) -> None:
    cooperative = session.get_one(Cooperative, made.cooperative_id)
    about = kinds.PickShort(
        wave_id=made.wave_id,
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        lot=lot.code,
        reason=made.reason,
        boxes_missing=made.boxes_planned - made.boxes_found,
        boxes_substituted=made.boxes_substituted,
        boxes_taken_back=made.boxes_taken_back,
        boxes_refunded=made.boxes_refunded,
    )
    cause = f"short_pick:{made.id}"
    notify_members(session, ctx, cooperative_id=made.cooperative_id, cause=cause, about=about)
