"""Who of those that ask gets boxes of which pools: one after the other, each request whole or not at all. Pure.

A buyer has one live hold of a pool. Asking again for the same pool does not add: it sets that hold to the number
asked for, so that a request sent twice does no harm. What a buyer holds, has bought, and let lapse a short while ago
counts towards the most that one buyer may have; so nobody keeps boxes from others by holding them again and again.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from inventory.states import HoldState, state_at

RECENT: Final = timedelta(minutes=10)
"""For so long boxes count that somebody let lapse, or gave back after more than a second thought."""
SECOND_THOUGHT: Final = timedelta(minutes=1)
"""Who gives boxes back so soon has not kept them from anybody."""
LONGEST: Final = timedelta(minutes=30)
"""A hold ends at the latest so long after it was placed, however often it is resized or extended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """One pool, locked. Counters in boxes."""

    pool_id: uuid.UUID
    pledged: int
    held: int
    sold: int
    version: int
    boxes_per_buyer_max: int | None
    sells_from: datetime | None
    sells_until: datetime | None

    @property
    def available(self) -> int:
        return self.pledged - self.held - self.sold

    def sells_at(self, now: datetime) -> bool:
        return (
            self.sells_from is not None and self.sells_until is not None
            and self.sells_from <= now < self.sells_until
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveHold:
    """The buyer's hold of the pool that can still be resized."""

    hold_id: uuid.UUID
    boxes: int
    created_at: datetime
    expires_at: datetime
    expires_at_max: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHold:
    """A hold of the buyer's of this pool, whatever became of it."""

    hold_id: uuid.UUID
    state: HoldState
    boxes: int
    created_at: datetime
    expires_at: datetime
    expires_at_max: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerFacts:
    """What one buyer has of one pool, in boxes."""

    live: LiveHold | None = None
    other_boxes: int = 0
    """Being paid, and bought."""
    recent_boxes: int = 0
    """Let lapse, or given back late, within RECENT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    pool_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: boxes of one or more pools for one buyer, for so many minutes."""

    buyer_id: uuid.UUID
    lines: tuple[Line, ...]
    minutes: int


class Cause(StrEnum):
    NO_SUCH_POOL = "no_such_pool"
    NOT_SELLING = "not_selling"
    OVER_LIMIT = "over_limit"
    SOLD_OUT = "sold_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One pool's part of a granted request: the buyer's hold after it, and the pool after it."""

    pool_id: uuid.UUID
    hold_id: uuid.UUID | None
    """The hold that is resized; None for a new one."""
    boxes: int
    boxes_before: int
    expires_at: datetime
    expires_at_max: datetime
    pool: PoolFacts
    """With the counters and the version that this part produced."""

    @property
    def delta(self) -> int:
        return self.boxes - self.boxes_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why the request got nothing; the numbers are those of the first pool that refused."""

    cause: Cause
    pool_id: uuid.UUID
    requested: int
    available: int = 0
    counted: int = 0
    """Boxes that count towards the limit already."""
    limit: int = 0


Decision = Sequence[Granted] | Refused


def buyer_facts(holds: Iterable[OwnHold], *, now: datetime) -> BuyerFacts:
    """What counts of a buyer's holds of one pool; of two live ones the later may be resized, the other counts."""
    live: LiveHold | None = None
    other = recent = 0
    for hold in sorted(holds, key=lambda each: (each.created_at, each.hold_id)):
        if state_at(hold.state, hold.expires_at, now) == HoldState.ACTIVE:
            other += live.boxes if live else 0
            live = LiveHold(
                hold_id=hold.hold_id,
                boxes=hold.boxes,
                created_at=hold.created_at,
                expires_at=hold.expires_at,
                expires_at_max=hold.expires_at_max,
            )
        elif hold.state in (HoldState.CONVERTING, HoldState.CONSUMED):
            other += hold.boxes
        elif _kept_from_others(hold, now):
            recent += hold.boxes
    return BuyerFacts(live=live, other_boxes=other, recent_boxes=recent)


def _kept_from_others(hold: OwnHold, now: datetime) -> bool:
    """Whether boxes that are free again were kept from others a short while ago."""
    if hold.state == HoldState.RELEASED:
        assert hold.resolved_at is not None
        return hold.resolved_at > now - RECENT and hold.resolved_at - hold.created_at > SECOND_THOUGHT
    return hold.expires_at > now - RECENT


def summed(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line for each pool, in the order of their ids: the same pool named twice is asked for once, in sum."""
    boxes: dict[uuid.UUID, int] = {}
    for line in lines:
        boxes[line.pool_id] = boxes.get(line.pool_id, 0) + line.boxes
    return tuple(Line(pool_id=pool_id, boxes=boxes[pool_id]) for pool_id in sorted(boxes))


def decide(
    asks: Iterable[Ask],
    *,
    pools: Mapping[uuid.UUID, PoolFacts],
    buyers: Mapping[tuple[uuid.UUID, uuid.UUID], BuyerFacts],
    now: datetime,
) -> list[Decision]:
    """The answer to each request, in their order; `buyers` is keyed by buyer and pool. Nothing given is changed.

    A buyer asks once: the hold that a first request makes could not be resized by a second one.
    """
    pools_now = dict(pools)
    asked: set[uuid.UUID] = set()
    decisions: list[Decision] = []
    for ask in asks:
        if ask.buyer_id in asked:
            raise ValueError("a buyer asks once in a batch")
        asked.add(ask.buyer_id)
        lines = summed(ask.lines)
        refused = next(
            (no for line in lines if (no := _refused(ask, line, pools_now, buyers, now)) is not None), None
        )
        if refused is not None:
            decisions.append(refused)
            continue
        granted = []
        for line in lines:
            part = _grant(ask, line, pools_now[line.pool_id], _of(buyers, ask, line), now)
            pools_now[line.pool_id] = part.pool
            granted.append(part)
        decisions.append(granted)
    return decisions


def extended(live: LiveHold, *, now: datetime, minutes: int) -> datetime:
    """When a hold ends after its owner was active: later than before or the same, never past its end of ends."""
    return max(live.expires_at, min(now + timedelta(minutes=minutes), live.expires_at_max))


def _of(buyers: Mapping[tuple[uuid.UUID, uuid.UUID], BuyerFacts], ask: Ask, line: Line) -> BuyerFacts:
    return buyers.get((ask.buyer_id, line.pool_id), BuyerFacts())


def _refused(
    ask: Ask,
    line: Line,
    pools: Mapping[uuid.UUID, PoolFacts],
    buyers: Mapping[tuple[uuid.UUID, uuid.UUID], BuyerFacts],
    now: datetime,
) -> Refused | None:
    pool = pools.get(line.pool_id)
    if pool is None:
        return Refused(cause=Cause.NO_SUCH_POOL, pool_id=line.pool_id, requested=line.boxes)
    if not pool.sells_at(now):
        return Refused(cause=Cause.NOT_SELLING, pool_id=line.pool_id, requested=line.boxes)
    buyer = _of(buyers, ask, line)
    own = buyer.live.boxes if buyer.live else 0
    counted = buyer.other_boxes + buyer.recent_boxes
    limit = pool.boxes_per_buyer_max
    if limit is not None and line.boxes > own and counted + line.boxes > limit:
        return Refused(
            cause=Cause.OVER_LIMIT, pool_id=line.pool_id, requested=line.boxes, counted=counted, limit=limit
        )
    if line.boxes - own > pool.available:
        return Refused(
            cause=Cause.SOLD_OUT, pool_id=line.pool_id, requested=line.boxes, available=pool.available + own
        )
    return None


def _grant(ask: Ask, line: Line, pool: PoolFacts, buyer: BuyerFacts, now: datetime) -> Granted:
    live = buyer.live
    before = live.boxes if live else 0
    changes = line.boxes != before
    after = replace(
        pool,
        held=pool.held + line.boxes - before,
        version=pool.version + 1 if changes else pool.version,
    )
    return Granted(
        pool_id=pool.pool_id,
        hold_id=live.hold_id if live else None,
        boxes=line.boxes,
        boxes_before=before,
        expires_at=extended(live, now=now, minutes=ask.minutes)
        if live
        else now + timedelta(minutes=ask.minutes),
        expires_at_max=live.expires_at_max if live else now + max(LONGEST, timedelta(minutes=ask.minutes)),
        pool=after,
    )
