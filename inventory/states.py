"""Kinds and states of holds, statuses of lots, kinds of stock movements, and the moves between them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Storage(StrEnum):
    COLD = "cold"
    CONTROLLED_ATMOSPHERE = "controlled_atmosphere"


class Descent(StrEnum):
    """How a lot came out of another."""

    SPLIT = "split"
    MERGED = "merged"
    GRADED = "graded"
    CARRIED = "carried"
    """To another cold store or room, over the weighbridge."""
    RETURNED = "returned"
    """Shipped, and come back."""


class LotStatus(StrEnum):
    """Whether a lot's fruit may be promised and shipped."""

    AVAILABLE = "available"
    QUARANTINED = "quarantined"
    """Stopped until an operator clears it."""
    RECALLED = "recalled"
    """Stopped until an operator closes the recall."""


class MovementKind(StrEnum):
    """Why a lot's buckets, or its status, changed: what happened, in one word."""

    HARVESTED = "harvested"
    """Weighed out of the orchard: a lot begins."""
    RECEIVED = "received"
    """Taken in as it came: a lot begins."""
    GRADED = "graded"
    """Sorted: it leaves the parent, and the lots of its grades begin."""
    MOVED = "moved"
    """Into another lot as it is (split, merged, weighed over): it leaves the parent, and the child begins."""
    RETURNED = "returned"
    """Shipped fruit came back: a lot of its own begins, under quarantine."""
    HELD = "held"
    RELEASED = "released"
    COMMITTED = "committed"
    """What was held is owed now: it no longer expires."""
    UNCOMMITTED = "uncommitted"
    """What was owed is only held again, out of its boxes if it was packed: another lot is to give it, it is given
    later, or nobody waits for it any more."""
    PACKED = "packed"
    SHIPPED = "shipped"
    SHIPMENT_VOIDED = "shipment_voided"
    """What was written down as shipped has not left, or was fetched back at once: it stands ready as before."""
    SHRUNK = "shrunk"
    """Weight lost in store."""
    CULLED = "culled"
    """Sorted out and thrown away."""
    ADJUSTED = "adjusted"
    """A miscount set right."""
    QUARANTINED = "quarantined"
    CLEARED = "cleared"
    """Out of quarantine or recall again."""
    RECALLED = "recalled"
    RECONCILED = "reconciled"
    """The counters had drifted and are what the journal says again; no fruit moved."""


class PoolMovementKind(StrEnum):
    """Why a pool's counters changed."""

    OPENED = "opened"
    PLEDGED = "pledged"
    WITHDRAWN = "withdrawn"
    """Pledged boxes went back to their cooperative."""
    HELD = "held"
    RESIZED = "resized"
    RELEASED = "released"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """Another hold took the boxes over: its own line follows."""
    SOLD = "sold"
    RETURNED = "returned"
    """Sold boxes came back: their buyer withdrew, or did not pay the rest."""
    CUT = "cut"
    """Sold boxes that are not there: a shortage took them back from their buyer."""
    RECONCILED = "reconciled"
    """The counters had drifted and are what the journal says again; no box moved."""


BEGINNINGS: Final = frozenset(
    {
        MovementKind.HARVESTED,
        MovementKind.RECEIVED,
        MovementKind.GRADED,
        MovementKind.MOVED,
        MovementKind.RETURNED,
    }
)
"""What a lot's first line may be; none of them brings fruit into a lot that is there already."""


LOSSES: Final = frozenset({MovementKind.SHRUNK, MovementKind.CULLED, MovementKind.ADJUSTED})
"""What a lot's fruit is gone for good with, without having been shipped."""


OF_SHIPMENTS: Final = frozenset({MovementKind.SHIPPED, MovementKind.SHIPMENT_VOIDED})
"""Together they say what has left a lot with a carrier."""


class TransferState(StrEnum):
    IN_TRANSIT = "in_transit"
    """Weighed out; in no lot, so neither free nor to be picked."""
    DISPUTED = "disputed"
    """Somebody does not agree with what came or did not come; an operator ends it."""
    ARRIVED = "arrived"
    """Weighed in: a lot of its own, unless nothing came."""
    CANCELLED = "cancelled"
    """Came back to where it left, as a lot of its own."""


class GapKind(StrEnum):
    """What became of the grams between two weighings."""

    SHRUNK = "shrunk"
    CULLED = "culled"
    ADJUSTED = "adjusted"
    """One of the two weighings was wrong; only so can more arrive than left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a movement asks of the lot's status, and what it turns it into, if into anything."""

    before: frozenset[LotStatus]
    after: LotStatus | None = None


_AVAILABLE: Final = Gate(before=frozenset({LotStatus.AVAILABLE}))

GATES: Final[dict[MovementKind, Gate]] = {
    MovementKind.HELD: _AVAILABLE,
    MovementKind.COMMITTED: _AVAILABLE,
    MovementKind.PACKED: _AVAILABLE,
    MovementKind.SHIPPED: _AVAILABLE,
    MovementKind.MOVED: _AVAILABLE,
    MovementKind.GRADED: _AVAILABLE,
    MovementKind.QUARANTINED: Gate(before=frozenset({LotStatus.AVAILABLE}), after=LotStatus.QUARANTINED),
    MovementKind.CLEARED: Gate(
        before=frozenset({LotStatus.QUARANTINED, LotStatus.RECALLED}), after=LotStatus.AVAILABLE
    ),
    MovementKind.RECALLED: Gate(
        before=frozenset({LotStatus.AVAILABLE, LotStatus.QUARANTINED}), after=LotStatus.RECALLED
    ),
}
"""Movements that are not here pass at any status: what is promised may be freed, what is rotten written off."""


def lets(status: str, kind: MovementKind) -> bool:
    """Whether a lot of this status lets the movement happen."""
    gate = GATES.get(kind)
    return gate is None or status in gate.before


class HoldKind(StrEnum):
    ALLOCATION = "allocation"
    """A cooperative's fruit, promised to a share."""
    PLEDGE = "pledge"
    """A cooperative's fruit, put into a pool."""
    FORECAST = "forecast"
    """A cooperative's fruit that is only forecast, put into a pool; pledges on lots take its place at weighing."""
    MISSING = "missing"
    """Boxes that a cooperative has put into a pool and that were not there when they were to be packed: it owes them,
    in no lot. Consumed when their buyer has the money back instead; released when nobody asks for them any more."""
    QUALITY = "quality"
    """Part of a lot that an inspector keeps back."""
    CART = "cart"
    """A shopper's boxes of a pool, for some minutes."""
    PRESALE = "presale"
    """A buyer's boxes of a pool for days: an export until it is paid."""
    GAME_SOFT = "game_soft"
    """A player's boxes of a pool while the virtual tree grows."""
    GAME_CLAIM = "game_claim"
    """A player's boxes of a pool from the moment the tree is ripe."""
    REPLACEMENT = "replacement"
    """Boxes of a pool that a buyer gets in place of claimed ones: consumed as they are placed, and never paid."""


class HoldState(StrEnum):
    ACTIVE = "active"
    CONVERTING = "converting"
    """Its payment runs; it does not expire meanwhile."""
    CONSUMED = "consumed"
    RELEASED = "released"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """Another hold has its boxes."""


OF_POOL: Final = frozenset(
    {HoldKind.CART, HoldKind.PRESALE, HoldKind.GAME_SOFT, HoldKind.GAME_CLAIM, HoldKind.REPLACEMENT}
)
"""Kinds that hold boxes of a pool for somebody; the others hold fruit of a lot, or of a forecast, or say that fruit is
missing."""

BOUGHT: Final = frozenset({HoldKind.CART, HoldKind.PRESALE})
"""Kinds whose boxes are sold when they are consumed."""

OWED: Final = frozenset({HoldKind.ALLOCATION, HoldKind.PLEDGE})
"""Kinds whose fruit is committed to somebody, packed and shipped."""

PLEDGES: Final = frozenset({HoldKind.PLEDGE, HoldKind.FORECAST, HoldKind.MISSING})
"""Kinds that fill a pool."""

OPEN: Final = frozenset({HoldState.ACTIVE, HoldState.CONVERTING})
"""States in which a hold keeps stock from others."""


class WaitState(StrEnum):
    """What became of somebody's place in the line for boxes of a pool."""

    WAITING = "waiting"
    OFFERED = "offered"
    """Boxes are held for them, for a short while."""
    TAKEN = "taken"
    """They went to pay for them."""
    PASSED = "passed"
    """They let the offer go by, or may not have so many by now."""
    LEFT = "left"
    ENDED = "ended"
    """The sale was over before boxes came free."""


_NONE: Final[frozenset[HoldState]] = frozenset()
_ENDED: Final = {
    HoldState.CONSUMED: _NONE,
    HoldState.RELEASED: _NONE,
    HoldState.EXPIRED: _NONE,
    HoldState.SUPERSEDED: _NONE,
}
_OF_POOL_MOVES: Final = {
    HoldState.ACTIVE: frozenset(
        {HoldState.CONSUMED, HoldState.RELEASED, HoldState.EXPIRED, HoldState.SUPERSEDED}
    ),
    HoldState.CONVERTING: _NONE,
    **_ENDED,
}

MOVES: Final[dict[HoldKind, dict[HoldState, frozenset[HoldState]]]] = {
    HoldKind.ALLOCATION: {
        HoldState.ACTIVE: frozenset({HoldState.CONSUMED, HoldState.RELEASED, HoldState.EXPIRED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
    HoldKind.PLEDGE: {
        HoldState.ACTIVE: frozenset({HoldState.CONSUMED, HoldState.RELEASED, HoldState.EXPIRED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
    HoldKind.FORECAST: {
        HoldState.ACTIVE: frozenset({HoldState.RELEASED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
    HoldKind.MISSING: {
        HoldState.ACTIVE: frozenset({HoldState.CONSUMED, HoldState.RELEASED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
    HoldKind.QUALITY: {
        HoldState.ACTIVE: frozenset({HoldState.RELEASED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
    HoldKind.CART: {
        HoldState.ACTIVE: frozenset(
            {HoldState.CONVERTING, HoldState.RELEASED, HoldState.EXPIRED, HoldState.SUPERSEDED}
        ),
        HoldState.CONVERTING: frozenset(
            {
                HoldState.CONSUMED,
                HoldState.RELEASED,
                HoldState.SUPERSEDED,
                HoldState.ACTIVE,
                HoldState.EXPIRED,
            }
        ),
        **_ENDED,
    },
    HoldKind.PRESALE: _OF_POOL_MOVES,
    HoldKind.GAME_SOFT: _OF_POOL_MOVES,
    HoldKind.GAME_CLAIM: _OF_POOL_MOVES,
    HoldKind.REPLACEMENT: {
        HoldState.ACTIVE: frozenset({HoldState.CONSUMED}),
        HoldState.CONVERTING: _NONE,
        **_ENDED,
    },
}


def may_move(kind: str, before: str, after: HoldState) -> bool:
    return after in MOVES[HoldKind(kind)][HoldState(before)]


def state_at(state: str, expires_at: datetime | None, now: datetime) -> HoldState:
    """The state a reader sees: a hold past its time has expired, whether or not the sweeper wrote it down."""
    if state == HoldState.ACTIVE and expires_at is not None and expires_at <= now:
        return HoldState.EXPIRED
    return HoldState(state)


def wait_state_at(state: str, sells_until: datetime | None, now: datetime) -> WaitState:
    """The same for a place in a line: nobody waits any more once the sale is over. What is offered is still theirs."""
    if state == WaitState.WAITING and sells_until is not None and sells_until <= now:
        return WaitState.ENDED
    return WaitState(state)
