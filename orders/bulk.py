"""Bulk orders: one commitment of tonnes, split over the cooperatives, proved, and held lot by lot.

Facts are locked before the split decides: what each cooperative has free, and what it had before, cannot
change until the commit.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import holds, lots
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives, products
from marketplace.catalogue.models import Cooperative, Pack
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX, new_id, whole_packs
from orders import allocation, season
from orders.allocation import json_form
from orders.allocation.problem import PACKS_MAX
from orders.models import AllocationRun, Order, Share
from orders.states import OrderKind, OrderState, ShareState

Told = Callable[[int, int], None]
"""Progress: how many cooperatives are done, of how many."""


def _nobody(done: int, total: int) -> None:
    """Nobody watches the progress."""


class NotWholeBoxes(errors.Conflict):
    """The quantity is not a whole number of boxes of the pack asked for."""

    title = Text(en="The quantity is not a whole number of boxes.", zh="数量不是整箱。")


class TooManyBoxes(errors.Conflict):
    """More boxes than one order may ask for."""

    title = Text(en="One order may not ask for that many boxes.", zh="单个订单的箱数超过上限。")


class TotalTooHigh(errors.Conflict):
    """At the pack's list price the order would cost more than one order may."""

    title = Text(en="One order may not cost that much.", zh="单个订单金额超过上限。")


class DeliveryInThePast(errors.Invalid):
    """The day of delivery is over."""

    title = Text(en="The day of delivery is over.", zh="交货日期已过。")


class NotEnoughFruit(errors.Conflict):
    """All cooperatives together have fewer boxes than the order asks for."""

    title = Text(en="There is not that much fruit in store.", zh="库存不足。")
    code = "sold_out"


class OrderNotFound(errors.NotFound):
    title = Text(en="There is no such order.", zh="没有该订单。")


class RunNotFound(errors.NotFound):
    title = Text(en="There is no such split run.", zh="没有该次分配。")


class SplitNotProved(Exception):
    """The checker refused our own split: a broken promise of our code, never of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the split decides on: each cooperative of the county, its free boxes, its season so far."""

    cooperatives: tuple[Cooperative, ...]
    free_boxes: dict[uuid.UUID, int]
    history_grams: dict[uuid.UUID, int]

    def problem(self, *, order_id: str, boxes: int, pack_grams: int) -> allocation.Problem:
        """Weight = member households, cap = whole boxes in store, history = this season's grams."""
        sellers = tuple(
            allocation.Seller(
                id=each.code,
                weight=each.member_households,
                history_grams=self.history_grams.get(each.id, 0),
                cap_packs=min(self.free_boxes.get(each.id, 0), PACKS_MAX),
                pack_grams=pack_grams,
            )
            for each in self.cooperatives
        )
        return allocation.Problem(
            sellers=sellers,
            orders=(allocation.Order(id=order_id, packs=boxes),),
            policy=allocation.Policy(tie_seed=order_id),
        )


def place(
    session: Session,
    ctx: Context,
    *,
    county_id: uuid.UUID,
    pack_id: uuid.UUID,
    quantity_grams: int,
    season_name: str,
    delivered_on: date | None = None,
    told: Told = _nobody,
) -> tuple[Order, AllocationRun]:
    """Order, run, shares and lot holds, all or nothing.

    Raises PackNotFound, CountyNotFound, NotWholeBoxes, TooManyBoxes, TotalTooHigh, DeliveryInThePast,
    NotEnoughFruit.
    """
    on = delivered_on or ctx.today
    if on < ctx.today:
        raise DeliveryInThePast
    pack = products.get_pack(session, pack_id=pack_id)
    boxes = _boxes(quantity_grams, pack)
    _one_at_a_time(session, f"bulk:{pack.variety}:{pack.grade}")
    _one_at_a_time(session, f"season:{season_name}")
    facts = _facts(session, county_id=county_id, pack=pack, season_name=season_name, on=on)
    available = sum(facts.free_boxes.values())
    if boxes > available:
        raise NotEnoughFruit(requested_boxes=boxes, available_boxes=available)

    order = _order(ctx, pack, boxes=boxes, delivered_on=delivered_on)
    problem = facts.problem(order_id=str(order.id), boxes=boxes, pack_grams=pack.net_grams)
    result = allocation.allocate(problem)
    if violations := allocation.verify(problem, result):
        raise SplitNotProved(violations)

    session.add(order)
    session.flush()
    run = _run(ctx, order, season_name, problem, result)
    run.shares = [
        _share(run, each, result.share_of(each.code), pack.net_grams) for each in facts.cooperatives
    ]
    session.add(run)
    session.flush()
    for done, share in enumerate(run.shares, start=1):
        if share.boxes:
            holds.place_on_lots(
                session,
                ctx,
                kind="allocation",
                cooperative_id=share.cooperative_id,
                boxes=share.boxes,
                pack_grams=pack.net_grams,
                variety=pack.variety,
                grade=pack.grade,
                purpose=("share", share.id),
                delivered_on=on,
            )
        told(done, len(run.shares))
    season.book_shares(
        session,
        ctx,
        run_id=run.id,
        season=season_name,
        grams=((share.cooperative_id, share.quantity_grams) for share in run.shares),
    )
    audit.record(
        session,
        ctx,
        "bulk_order.place",
        subject=("order", order.id),
        after={"boxes": boxes, "digest": run.digest},
    )
    return order, run


def get_run(session: Session, ctx: Context, *, run_id: uuid.UUID) -> AllocationRun:
    """The run, for its buyer, staff, and members of any cooperative in it; raises RunNotFound."""
    run = session.get(AllocationRun, run_id)
    if run is None:
        raise RunNotFound
    order = session.get_one(Order, run.order_id)
    is_member = any(ctx.actor.belongs_to(share.cooperative_id) for share in run.shares)
    if not (ctx.actor.has(*STAFF) or order.buyer_id == ctx.actor.id or is_member):
        raise RunNotFound
    return run


def get(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """The bulk order, for its buyer and staff; raises OrderNotFound."""
    order = session.get(Order, order_id)
    is_bulk = order is not None and order.kind == OrderKind.SPONSOR_BULK
    if order is None or not is_bulk or not (order.buyer_id == ctx.actor.id or ctx.actor.has(*STAFF)):
        raise OrderNotFound
    return order


def runs_of(session: Session, *, order_id: uuid.UUID) -> list[AllocationRun]:
    return list(
        session.scalars(
            select(AllocationRun).where(AllocationRun.order_id == order_id).order_by(AllocationRun.created_at)
        )
    )


def stored(run: AllocationRun) -> tuple[allocation.Problem, allocation.Allocation]:
    """A run's problem and result as the split's own values, to explain, draw or check them again."""
    return json_form.problem_from_json(run.problem), json_form.allocation_from_json(run.result)


def _boxes(quantity_grams: int, pack: Pack) -> int:
    boxes, rest_grams = whole_packs(quantity_grams, pack.net_grams)
    if rest_grams or not boxes:
        raise NotWholeBoxes(pack_grams=pack.net_grams, rest_grams=rest_grams)
    if boxes > QUANTITY_MAX:
        raise TooManyBoxes(boxes_max=QUANTITY_MAX)
    if boxes * pack.list_price_minor > TOTAL_MINOR_MAX:
        raise TotalTooHigh(total_minor_max=TOTAL_MINOR_MAX)
    return boxes


def _one_at_a_time(session: Session, name: str) -> None:
    """Bulk orders of one variety and grade would lock the same lots; those of one season build on each other's
    history. The second waits for the first: always for the fruit first, then for the season.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _facts(session: Session, *, county_id: uuid.UUID, pack: Pack, season_name: str, on: date) -> Facts:
    """What the split decides on is what the holds can take: fruit that is still good on the day of delivery."""
    sellers = cooperatives.of_county(session, county_id=county_id)
    free = lots.free_boxes(
        session, variety=pack.variety, grade=pack.grade, pack_grams=pack.net_grams, locked=True, on=on
    )
    known = {each.id for each in sellers}
    return Facts(
        cooperatives=tuple(sellers),
        free_boxes={
            cooperative_id: boxes for cooperative_id, boxes in free.items() if cooperative_id in known
        },
        history_grams=season.history_grams(session, season=season_name),
    )


def _order(ctx: Context, pack: Pack, *, boxes: int, delivered_on: date | None) -> Order:
    if ctx.actor.id is None or not ctx.actor.has(Role.BUYER, Role.OPERATOR):
        raise errors.Forbidden
    return Order(
        id=new_id(),
        kind=OrderKind.SPONSOR_BULK,
        state=OrderState.COMMITTED,
        buyer_id=ctx.actor.id,
        pack_id=pack.id,
        boxes=boxes,
        pack_grams=pack.net_grams,
        unit_price_minor=pack.list_price_minor,
        total_minor=boxes * pack.list_price_minor,
        currency=pack.currency,
        delivered_on=delivered_on,
        created_at=ctx.now,
        version=1,
    )


def _run(
    ctx: Context, order: Order, season_name: str, problem: allocation.Problem, result: allocation.Allocation
) -> AllocationRun:
    return AllocationRun(
        id=new_id(),
        order_id=order.id,
        season=season_name,
        problem=json_form.problem_to_json(problem),
        result=json_form.allocation_to_json(result),
        digest=result.digest,
        created_at=ctx.now,
    )


def _share(run: AllocationRun, cooperative: Cooperative, share: allocation.Share, pack_grams: int) -> Share:
    return Share(
        id=new_id(),
        run_id=run.id,
        cooperative_id=cooperative.id,
        code=cooperative.code,
        boxes=share.packs,
        quantity_grams=share.packs * pack_grams,
        limited_by=share.limited_by,
        state=ShareState.PROPOSED,
    )
