"""Bulk orders: quoted without writing, then placed: one commitment of tonnes, split fairly, proved, held lot by lot.

Facts are locked before the split decides: what each cooperative has free cannot change until the commit.
What happens afterwards (approval, answers, second splits) is told in `answers`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import products
from marketplace.catalogue.models import Pack
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX, new_id, whole_packs
from orders import allocation, season, splitting
from orders.allocation.problem import Rule
from orders.allocation.season_policy import catch_up_bound
from orders.events import BulkPlaced
from orders.models import AllocationRun, BulkTerms, Order, Share
from orders.splitting import Proposal, Told, nobody, stored
from orders.states import OrderKind, OrderState, ShareState, Silence

__all__ = ["stored"]

ANSWER_HOURS = 48


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


class QuoteChanged(errors.Conflict):
    """Since the quote, stock, households or sales have changed: the split would be another. `digest` is the new one."""

    title = Text(en="The quote no longer holds; here is the new one.", zh="报价已变化，请以新报价为准。")


class OrderNotFound(errors.NotFound):
    title = Text(en="There is no such order.", zh="没有该订单。")


class RunNotFound(errors.NotFound):
    title = Text(en="There is no such split run.", zh="没有该次分配。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a buyer asks for, as it comes from the door."""

    county_id: uuid.UUID
    pack_id: uuid.UUID
    quantity_grams: int
    season_name: str
    delivered_on: date | None = None
    rule: Rule = "nearest"
    strict: bool = False
    unit_price_minor: int | None = None
    """What was agreed on before; without it, the pack's list price of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the cooperatives are asked."""

    silence: Silence = Silence.DECLINES
    refusals_count: bool = False
    """Whether boxes that a cooperative refused count in its season as if it had sold them."""
    answer_hours: int = ANSWER_HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A split that nobody has placed yet, and what it would cost."""

    pack: Pack
    boxes: int
    unit_price_minor: int
    proposal: Proposal = field(repr=False)

    @property
    def total_minor(self) -> int:
        return self.boxes * self.unit_price_minor


def quote(session: Session, ctx: Context, wanted: Wanted, *, locked: bool = False) -> Quote:
    """What the split would be right now; writes nothing.

    Raises PackNotFound, CountyNotFound, NotWholeBoxes, TooManyBoxes, TotalTooHigh, DeliveryInThePast,
    NotEnoughFruit.
    """
    on = wanted.delivered_on or ctx.today
    if on < ctx.today:
        raise DeliveryInThePast
    pack = products.get_pack(session, pack_id=wanted.pack_id)
    price_minor = pack.list_price_minor if wanted.unit_price_minor is None else wanted.unit_price_minor
    boxes = boxes_of(wanted.quantity_grams, pack, unit_price_minor=price_minor)
    if locked:
        splitting.lock(session, pack=pack, season_name=wanted.season_name)
    facts = splitting.facts_of(
        session,
        county_id=wanted.county_id,
        pack=pack,
        season_name=wanted.season_name,
        on=on,
        locked=locked,
    )
    if boxes > facts.available_boxes:
        raise NotEnoughFruit(requested_boxes=boxes, available_boxes=facts.available_boxes)
    policy = policy_of(
        session,
        pack,
        facts,
        county_id=wanted.county_id,
        season_name=wanted.season_name,
        boxes=boxes,
        rule=wanted.rule,
        strict=wanted.strict,
    )
    proposal = splitting.propose(facts, boxes=boxes, pack_grams=pack.net_grams, policy=policy)
    return Quote(pack=pack, boxes=boxes, unit_price_minor=price_minor, proposal=proposal)


def compare(session: Session, ctx: Context, wanted: Wanted, *, rules: Sequence[Rule]) -> list[Quote]:
    """The same order on the same facts under several rules. Raises what `quote` raises."""
    first = quote(session, ctx, replace(wanted, rule=rules[0]))
    policies = [replace(first.proposal.problem.policy, rule=rule) for rule in rules[1:]]
    proposals = [
        splitting.propose(
            first.proposal.facts, boxes=first.boxes, pack_grams=first.pack.net_grams, policy=policy
        )
        for policy in policies
    ]
    return [first, *(replace(first, proposal=proposal) for proposal in proposals)]


def place(
    session: Session,
    ctx: Context,
    wanted: Wanted,
    *,
    terms: Terms | None = None,
    digest: str | None = None,
    buyer_id: uuid.UUID | None = None,
    told: Told = nobody,
) -> tuple[Order, AllocationRun]:
    """Order, run, shares and lot holds, all or nothing; `digest` is that of the quote it was placed on.

    `buyer_id`: for whom an operator places it; without it, it is the actor's own.

    Raises what `quote` raises, and QuoteChanged.
    """
    if ctx.actor.id is None or not ctx.actor.has(Role.BUYER, Role.OPERATOR):
        raise errors.Forbidden
    made = quote(session, ctx, wanted, locked=True)
    if digest is not None and digest != made.proposal.result.digest:
        raise QuoteChanged(digest=made.proposal.result.digest, total_minor=made.total_minor)
    terms = terms or Terms()
    order = Order(
        id=new_id(),
        kind=OrderKind.SPONSOR_BULK,
        state=OrderState.PROPOSED,
        buyer_id=buyer_id or ctx.actor.id,
        pack_id=made.pack.id,
        boxes=made.boxes,
        pack_grams=made.pack.net_grams,
        unit_price_minor=made.unit_price_minor,
        total_minor=made.total_minor,
        currency=made.pack.currency,
        delivered_on=wanted.delivered_on,
        created_at=ctx.now,
        version=1,
    )
    session.add(order)
    session.flush()
    session.add(
        BulkTerms(
            order_id=order.id,
            county_id=wanted.county_id,
            season=wanted.season_name,
            rule=wanted.rule,
            strict=wanted.strict,
            silence=terms.silence,
            refusals_count=terms.refusals_count,
            answer_hours=terms.answer_hours,
            boxes_open=0,
            boxes_short=0,
        )
    )
    run = splitting.store(
        session,
        ctx,
        order,
        made.proposal,
        pack=made.pack,
        season_name=wanted.season_name,
        number=1,
        state=ShareState.PROPOSED,
        told=told,
    )
    audit.record(
        session,
        ctx,
        "bulk_order.place",
        subject=("order", order.id),
        after={"boxes": made.boxes, "digest": run.digest},
    )
    events.publish(session, ctx, BulkPlaced(order_id=order.id))
    return order, run


def policy_of(
    session: Session,
    pack: Pack,
    facts: splitting.Facts,
    *,
    county_id: uuid.UUID,
    season_name: str,
    boxes: int,
    rule: Rule,
    strict: bool,
) -> allocation.Policy:
    """Rule, lottery and the bound of catching up: two average orders' worth for each household.

    The lottery's seed is season, pack and the number of the split in the season: nobody chooses it.
    """
    number = session.execute(
        select(func.count()).select_from(AllocationRun).where(AllocationRun.season == season_name)
    ).scalar_one()
    orders = [*season.order_grams(session, county_id=county_id, season=season_name), boxes * pack.net_grams]
    return allocation.Policy(
        rule=rule,
        strict=strict,
        tie_seed=f"{season_name}/{pack.code}/{number + 1}",
        catch_up_grams_per_weight=catch_up_bound(orders, facts.total_weight),
    )


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


def rule_of(terms: BulkTerms) -> Rule:
    return rule_named(terms.rule)


def rule_named(word: str) -> Rule:
    """The rule as the split knows it; CHECKs keep such columns to the three."""
    return cast(Rule, word)


def terms_of(session: Session, *, order_id: uuid.UUID) -> BulkTerms:
    return session.get_one(BulkTerms, order_id)


def runs_of(session: Session, *, order_id: uuid.UUID) -> list[AllocationRun]:
    return list(
        session.scalars(
            select(AllocationRun).where(AllocationRun.order_id == order_id).order_by(AllocationRun.number)
        )
    )


def shares_of(session: Session, *, order_id: uuid.UUID) -> list[Share]:
    """Every share of every run of the order, in the order in which they were made."""
    return [share for run in runs_of(session, order_id=order_id) for share in run.shares]


def boxes_of(quantity_grams: int, pack: Pack, *, unit_price_minor: int) -> int:
    """Whole boxes that one order may ask for. Raises NotWholeBoxes, TooManyBoxes, TotalTooHigh."""
    boxes, rest_grams = whole_packs(quantity_grams, pack.net_grams)
    if rest_grams or not boxes:
        raise NotWholeBoxes(pack_grams=pack.net_grams, rest_grams=rest_grams)
    if boxes > QUANTITY_MAX:
        raise TooManyBoxes(boxes_max=QUANTITY_MAX)
    if boxes * unit_price_minor > TOTAL_MINOR_MAX:
        raise TotalTooHigh(total_minor_max=TOTAL_MINOR_MAX)
    return boxes
