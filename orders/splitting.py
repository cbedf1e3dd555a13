"""From facts to a proved split, and from a proved split to a stored run: used when a bulk order is placed, and again
when what was given back is split over the rest.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import holds, lots
from marketplace.catalogue import cooperatives
from marketplace.catalogue.models import Cooperative, Pack
from marketplace.context import Context
from marketplace.values import new_id
from orders import allocation, season
from orders.allocation import json_form
from orders.allocation.problem import PACKS_MAX
from orders.models import AllocationRun, Order, Share
from orders.states import ShareState

Told = Callable[[int, int], None]
"""Progress: how many cooperatives are done, of how many."""

NOBODY_LEFT_OUT: frozenset[uuid.UUID] = frozenset()


def nobody(done: int, total: int) -> None:
    """Nobody watches the progress."""


class SplitNotProved(Exception):
    """The checker refused our own split: a broken promise of our code, never of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a split decides on: the cooperatives that take part, their free boxes, their season so far."""

    cooperatives: tuple[Cooperative, ...]
    free_boxes: dict[uuid.UUID, int]
    history_grams: dict[uuid.UUID, int]

    @property
    def available_boxes(self) -> int:
        return sum(self.free_boxes.values())

    @property
    def total_weight(self) -> int:
        return sum(each.member_households for each in self.cooperatives)

    def problem(self, *, boxes: int, pack_grams: int, policy: allocation.Policy) -> allocation.Problem:
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
            sellers=sellers, orders=(allocation.Order(id="order", packs=boxes),), policy=policy
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A split that proved itself, and the facts it stands on."""

    facts: Facts
    problem: allocation.Problem
    result: allocation.Allocation


def lock(session: Session, *, pack: Pack, season_name: str) -> None:
    """Bulk orders of one variety and grade would lock the same lots; those of one season build on each other's
    history. The second waits for the first: always for the fruit first, then for the season.
    """
    _lock(session, f"bulk:{pack.variety}:{pack.grade}")
    lock_season(session, season_name=season_name)


def lock_season(session: Session, *, season_name: str) -> None:
    """Nobody else splits anything in this season until the commit: what is read of its history stays so."""
    _lock(session, f"season:{season_name}")


def _lock(session: Session, name: str) -> None:
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def facts_of(
    session: Session,
    *,
    county_id: uuid.UUID,
    pack: Pack,
    season_name: str,
    on: date,
    locked: bool,
    left_out: frozenset[uuid.UUID] = NOBODY_LEFT_OUT,
) -> Facts:
    """What the split decides on is what the holds can take: fruit that is still good on the day of delivery."""
    sellers = tuple(
        each for each in cooperatives.of_county(session, county_id=county_id) if each.id not in left_out
    )
    free = lots.free_boxes(
        session, variety=pack.variety, grade=pack.grade, pack_grams=pack.net_grams, locked=locked, on=on
    )
    known = {each.id for each in sellers}
    return Facts(
        cooperatives=sellers,
        free_boxes={
            cooperative_id: boxes for cooperative_id, boxes in free.items() if cooperative_id in known
        },
        history_grams=season.history_grams(session, season=season_name),
    )


def propose(facts: Facts, *, boxes: int, pack_grams: int, policy: allocation.Policy) -> Proposal:
    """The split, proved by the independent checker; raises SplitNotProved."""
    problem = facts.problem(boxes=boxes, pack_grams=pack_grams, policy=policy)
    return Proposal(facts=facts, problem=problem, result=proved(problem))


def proved(problem: allocation.Problem) -> allocation.Allocation:
    """The result of any problem; raises SplitNotProved."""
    result = allocation.allocate(problem)
    if violations := allocation.verify(problem, result):
        raise SplitNotProved(violations)
    return result


def store(
    session: Session,
    ctx: Context,
    order: Order,
    proposal: Proposal,
    *,
    pack: Pack,
    season_name: str,
    number: int,
    state: ShareState,
    answer_due_at: datetime | None = None,
    told: Told = nobody,
) -> AllocationRun:
    """The run with its shares, each held lot by lot and booked in the season's account."""
    run = AllocationRun(
        id=new_id(),
        order_id=order.id,
        number=number,
        season=season_name,
        problem=json_form.problem_to_json(proposal.problem),
        result=json_form.allocation_to_json(proposal.result),
        digest=proposal.result.digest,
        created_at=ctx.now,
    )
    run.shares = [
        Share(
            id=new_id(),
            run_id=run.id,
            cooperative_id=each.id,
            code=each.code,
            boxes=share.packs,
            boxes_given_back=0,
            quantity_grams=share.packs * pack.net_grams,
            limited_by=share.limited_by,
            state=state if share.packs else ShareState.EMPTY,
            answer_due_at=answer_due_at if share.packs else None,
            version=1,
        )
        for each, share in zip(proposal.facts.cooperatives, proposal.result.sellers, strict=True)
    ]
    session.add(run)
    session.flush()
    for done, share in enumerate(run.shares, start=1):
        if share.boxes:
            hold_share(session, ctx, order, share, pack=pack, boxes=share.boxes)
        told(done, len(run.shares))
    season.book_shares(
        session,
        ctx,
        run_id=run.id,
        season=season_name,
        grams=((share.cooperative_id, share.quantity_grams) for share in run.shares),
    )
    return run


def hold_share(session: Session, ctx: Context, order: Order, share: Share, *, pack: Pack, boxes: int) -> None:
    """Hold so many boxes of a share lot by lot, first expired first out."""
    holds.place_on_lots(
        session,
        ctx,
        kind="allocation",
        cooperative_id=share.cooperative_id,
        boxes=boxes,
        pack_grams=pack.net_grams,
        variety=pack.variety,
        grade=pack.grade,
        purpose=("share", share.id),
        delivered_on=day_of(order, ctx),
    )


def day_of(order: Order, ctx: Context) -> date:
    """The day on which the order's fruit must be good: that of delivery, and never a day that is over."""
    return max(order.delivered_on or ctx.today, ctx.today)


def stored(run: AllocationRun) -> tuple[allocation.Problem, allocation.Allocation]:
    """A run's problem and result as the split's own values, to explain, draw or check them again."""
    return read(run.problem, run.result)


def read(problem: dict[str, Any], result: dict[str, Any]) -> tuple[allocation.Problem, allocation.Allocation]:
    """The same of what a run of any kind has stored. Raises ValueError."""
    return json_form.problem_from_json(problem), json_form.allocation_from_json(result)


def fault_of(run: AllocationRun) -> str | None:
    """What is wrong with a stored run: unreadable, unproved, or with another digest or shares than its result's."""
    given = {share.code: share.boxes for share in run.shares}
    return fault_in(run.problem, run.result, digest=run.digest, given=given)


def fault_in(
    problem: dict[str, Any], result: dict[str, Any], *, digest: str, given: Mapping[str, int]
) -> str | None:
    """The same of a run of any kind that gave these boxes to cooperatives by their codes."""
    try:
        asked, found = read(problem, result)
    except ValueError as unreadable:
        return str(unreadable)
    if violations := allocation.verify(asked, found):
        return str(violations[0])
    if found.digest != digest:
        return "another digest"
    return None if given == {each.id: each.packs for each in found.sellers} else "other shares"
