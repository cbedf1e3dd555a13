"""Who of those that ask gets boxes of which pools: one after the other, each request whole or not at all. Pure.

A buyer has one live hold of a pool. Asking again for the same pool does not add: it sets that hold to the number
asked for, so that a request sent twice does no harm. What a buyer holds, has bought, and let lapse a short while ago
counts towards the most that one buyer may have; so nobody keeps boxes from others by holding them again and again. The
same is asked of the buyer's household, and of the network that the request comes from: many made-up buyers of one
network hold less than a tenth of a pool at a time. Asking for fewer boxes is never refused by any of these.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from inventory import hold_policy
from inventory.states import HoldKind, HoldState, state_at

RECENT: Final = timedelta(minutes=10)
"""For so long boxes count that somebody let lapse, or gave back after more than a second thought."""
SECOND_THOUGHT: Final = timedelta(minutes=1)
"""Who gives boxes back so soon has not kept them from anybody."""
NETWORK_BOXES_MIN: Final = 20
"""So many boxes of any pool may be held from one network, however small the pool is."""


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
    boxes_per_household_max: int | None = None

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
    network: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHold:
    """A hold of the buyer's of this pool, whatever became of it. `boxes`: those of it that were not given back."""

    hold_id: uuid.UUID
    state: HoldState
    boxes: int
    created_at: datetime
    expires_at: datetime
    expires_at_max: datetime
    resolved_at: datetime | None
    kind: HoldKind = HoldKind.CART
    network: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerFacts:
    """What one buyer has of one pool, in boxes."""

    live: LiveHold | None = None
    other_boxes: int = 0
    """Being paid, and bought."""
    recent_boxes: int = 0
    """Let lapse, or given back late, within RECENT."""
    household: str | None = None
    is_member: bool = False
    """Has bought before; others are guests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """What others have, too: boxes by household and pool (held and bought), by network and pool (held only)."""

    households: Mapping[tuple[str, uuid.UUID], int] = field(default_factory=dict)
    networks: Mapping[tuple[str, uuid.UUID], int] = field(default_factory=dict)


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
    minutes_guest: int | None = None
    """For who has never bought; None: as long as everybody."""
    network: str | None = None
    """A digest of where the request comes from; None: that is not counted."""
    network_permille: int = 100
    waitlist: str | None = None
    """The address at which one may wait for boxes that are sold out."""


class Cause(StrEnum):
    NO_SUCH_POOL = "no_such_pool"
    NOT_SELLING = "not_selling"
    OVER_LIMIT = "over_limit"
    OVER_HOUSEHOLD_LIMIT = "over_household_limit"
    OVER_NETWORK_LIMIT = "over_network_limit"
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
    network: str | None = None

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
    waitlist: str | None = None


Decision = Sequence[Granted] | Refused


def buyer_facts(holds: Iterable[OwnHold], *, now: datetime) -> BuyerFacts:
    """What counts of a buyer's holds of one pool; of two live ones the later may be resized, the other counts."""
    live: LiveHold | None = None
    other = recent = 0
    for hold in sorted(holds, key=lambda each: (each.created_at, each.hold_id)):
        is_active = state_at(hold.state, hold.expires_at, now) == HoldState.ACTIVE
        if is_active and hold.kind != HoldKind.CART:
            other += hold.boxes
        elif is_active:
            other += live.boxes if live else 0
            live = LiveHold(
                hold_id=hold.hold_id,
                boxes=hold.boxes,
                created_at=hold.created_at,
                expires_at=hold.expires_at,
                expires_at_max=hold.expires_at_max,
                network=hold.network,
            )
        elif hold.state in (HoldState.CONVERTING, HoldState.CONSUMED):
            other += hold.boxes
        elif _kept_from_others(hold, now):
            recent += hold.boxes
    return BuyerFacts(live=live, other_boxes=other, recent_boxes=recent)


def _kept_from_others(hold: OwnHold, now: datetime) -> bool:
    """Whether boxes that are free again were kept from others a short while ago."""
    if hold.state == HoldState.SUPERSEDED:
        return False
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
    tallies: Tallies | None = None,
) -> list[Decision]:
    """The answer to each request, in their order; `buyers` is keyed by buyer and pool. Nothing given is changed.

    A buyer asks once: the hold that a first request makes could not be resized by a second one.
    """
    book = _Book(dict(pools), buyers, tallies or Tallies(), now)
    asked: set[uuid.UUID] = set()
    decisions: list[Decision] = []
    for ask in asks:
        if ask.buyer_id in asked:
            raise ValueError("a buyer asks once in a batch")
        asked.add(ask.buyer_id)
        lines = summed(ask.lines)
        refused = next((no for line in lines if (no := book.refused(ask, line)) is not None), None)
        decisions.append(refused or [book.grant(ask, line) for line in lines])
    return decisions


def extended(live: LiveHold, *, now: datetime, minutes: int) -> datetime:
    """When a hold ends after its owner was active: later than before or the same, never past its end of ends."""
    return max(live.expires_at, min(now + timedelta(minutes=minutes), live.expires_at_max))


def network_boxes_max(pool: PoolFacts, permille: int) -> int:
    """How many boxes of the pool may be held from one network: less than its part, but a few of any pool."""
    return max(NETWORK_BOXES_MIN, (pool.pledged * permille - 1) // 1000)


class _Book:
    """The facts as they are after the requests decided so far."""

    def __init__(
        self,
        pools: dict[uuid.UUID, PoolFacts],
        buyers: Mapping[tuple[uuid.UUID, uuid.UUID], BuyerFacts],
        tallies: Tallies,
        now: datetime,
    ) -> None:
        self._pools = pools
        self._buyers = buyers
        self._households = dict(tallies.households)
        self._networks = dict(tallies.networks)
        self._now = now

    def refused(self, ask: Ask, line: Line) -> Refused | None:
        pool = self._pools.get(line.pool_id)
        if pool is None:
            return Refused(cause=Cause.NO_SUCH_POOL, pool_id=line.pool_id, requested=line.boxes)
        if not pool.sells_at(self._now):
            return Refused(cause=Cause.NOT_SELLING, pool_id=line.pool_id, requested=line.boxes)
        buyer = self._of(ask, line)
        own = buyer.live.boxes if buyer.live else 0
        if line.boxes <= own:
            return None
        for cause, counted, limit in self._limits(ask, line, pool, buyer):
            if limit is not None and counted + line.boxes > limit:
                return Refused(
                    cause=cause, pool_id=line.pool_id, requested=line.boxes, counted=counted, limit=limit
                )
        if line.boxes - own > pool.available:
            return Refused(
                cause=Cause.SOLD_OUT,
                pool_id=line.pool_id,
                requested=line.boxes,
                available=pool.available + own,
                waitlist=ask.waitlist,
            )
        return None

    def _limits(
        self, ask: Ask, line: Line, pool: PoolFacts, buyer: BuyerFacts
    ) -> Iterator[tuple[Cause, int, int | None]]:
        """Each limit with what counts towards it beside the boxes asked for."""
        yield Cause.OVER_LIMIT, buyer.other_boxes + buyer.recent_boxes, pool.boxes_per_buyer_max
        own = buyer.live.boxes if buyer.live else 0
        if buyer.household is not None:
            together = self._households.get((buyer.household, line.pool_id), 0)
            yield Cause.OVER_HOUSEHOLD_LIMIT, together - own, pool.boxes_per_household_max
        if ask.network is not None:
            is_same = buyer.live is not None and buyer.live.network == ask.network
            together = self._networks.get((ask.network, line.pool_id), 0)
            most = network_boxes_max(pool, ask.network_permille)
            yield Cause.OVER_NETWORK_LIMIT, together - (own if is_same else 0), most

    def grant(self, ask: Ask, line: Line) -> Granted:
        pool, buyer = self._pools[line.pool_id], self._of(ask, line)
        live = buyer.live
        before = live.boxes if live else 0
        minutes = hold_policy.cart_minutes(
            member=ask.minutes,
            guest=ask.minutes_guest,
            is_member=buyer.is_member,
            available=pool.available,
            pledged=pool.pledged,
        )
        end = self._now + timedelta(minutes=minutes)
        after = replace(
            pool,
            held=pool.held + line.boxes - before,
            version=pool.version + 1 if line.boxes != before else pool.version,
        )
        grows = line.boxes > before
        network = ask.network if live is None or grows else live.network
        self._pools[line.pool_id] = after
        self._count(buyer, line, network)
        return Granted(
            pool_id=pool.pool_id,
            hold_id=live.hold_id if live else None,
            boxes=line.boxes,
            boxes_before=before,
            expires_at=extended(live, now=self._now, minutes=minutes) if live else end,
            expires_at_max=live.expires_at_max if live else max(self._now + hold_policy.LONGEST_CART, end),
            pool=after,
            network=network,
        )

    def _count(self, buyer: BuyerFacts, line: Line, network: str | None) -> None:
        """Household and network have the boxes from now on, for those who follow in the batch."""
        live = buyer.live
        for book, name, boxes in (
            (self._households, buyer.household, line.boxes - (live.boxes if live else 0)),
            (self._networks, live.network if live else None, -live.boxes if live else 0),
            (self._networks, network, line.boxes),
        ):
            if name is not None:
                book[name, line.pool_id] = book.get((name, line.pool_id), 0) + boxes

    def _of(self, ask: Ask, line: Line) -> BuyerFacts:
        return self._buyers.get((ask.buyer_id, line.pool_id), BuyerFacts())
