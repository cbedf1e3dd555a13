"""Every two actions that can meet, at once, several of each: nobody waits for ever, and every promise holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations_with_replacement

import pytest
from sqlalchemy.orm import Session

from inventory import extending, holds, lots, placing, pools, waitlist
from inventory.models import Hold, Lot, Pool
from inventory.quality import quality
from inventory.states import HoldKind
from marketplace import errors
from marketplace.context import Context
from tests.inventory.yard import PACK_GRAMS, Yard, at_once, place


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A pool of six boxes: two held, two being paid, one lapsed, one free; its lot has four boxes more."""

    yard: Yard
    lot: Lot
    pool: Pool
    pledge: Hold
    held: Hold
    holder: Context
    paying: Hold
    lapsed: Hold
    newcomer: Context


Action = Callable[[Scene], Callable[[Session], object]]

ACTIONS: dict[str, Action] = {
    "place": lambda s: lambda session: place(session, s.newcomer, s.pool.id, 2),
    "resize up": lambda s: lambda session: place(session, s.holder, s.pool.id, 3),
    "resize down": lambda s: lambda session: place(session, s.holder, s.pool.id, 1),
    "extend": lambda s: lambda session: extending.extend(session, s.holder, hold_id=s.held.id, minutes=20),
    "release": lambda s: lambda session: holds.release_own(session, s.holder, hold_id=s.held.id),
    "expire": lambda s: lambda session: holds.expire_due(session, s.yard.ctx),
    "pay": lambda s: lambda session: holds.start_payment(session, s.holder, hold_id=s.held.id),
    "fail": lambda s: lambda session: holds.stop_payment(session, s.yard.ctx, hold_id=s.paying.id),
    "consume": lambda s: lambda session: holds.consume(session, s.yard.ctx, hold_id=s.paying.id),
    "take over": lambda s: (
        lambda session: placing.supersede(
            session,
            s.yard.ctx,
            hold_id=s.held.id,
            kind=HoldKind.PRESALE,
            until=s.yard.ctx.now + timedelta(days=9),
        )
    ),
    "pledge": lambda s: (
        lambda session: pools.pledge(
            session, s.yard.ctx, pool_id=s.pool.id, cooperative_id=s.yard.cooperative_ids[0], boxes=2
        )
    ),
    "withdraw": lambda s: lambda session: holds.release(session, s.yard.ctx, hold_id=s.pledge.id, boxes=1),
    "quarantine": lambda s: (
        lambda session: quality.quarantine(session, s.yard.ctx, lot_id=s.lot.id, reason="a smell")
    ),
    "adjust": lambda s: (
        lambda session: lots.correct(
            session, s.yard.ctx, lot_id=s.lot.id, delta_grams=-2 * PACK_GRAMS, reason="weighed"
        )
    ),
    "wait": lambda s: lambda session: waitlist.join(session, s.newcomer, pool_id=s.pool.id, boxes=3),
    "serve": lambda s: lambda session: waitlist.serve(session, s.yard.ctx, pool_id=s.pool.id),
}
PAIRS = list(combinations_with_replacement(ACTIONS, 2))


def scene(yard: Yard) -> Scene:
    lot = yard.lot(boxes=10)
    pool = yard.pool(per_buyer=5)
    [pledge] = yard.pledge(pool, 6)
    held = yard.hold(pool, holder := yard.shopper(), 2)
    paying = yard.hold(pool, payer := yard.shopper(), 2)
    lapsed = yard.hold(pool, yard.shopper(), 1)
    yard.let_expire(lapsed)
    at_once(yard.app, [lambda session: holds.start_payment(session, payer, hold_id=paying.id)])
    return Scene(
        yard=yard,
        lot=yard.stored(lot),
        pool=yard.stored(pool),
        pledge=yard.stored(pledge),
        held=yard.stored(held),
        holder=holder,
        paying=yard.stored(paying),
        lapsed=yard.stored(lapsed),
        newcomer=yard.shopper(),
    )


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda name: name.replace(" ", "_"))
def test_two_actions_that_meet_keep_every_promise(yard: Yard, one: str, other: str) -> None:
    now = scene(yard)
    works = [ACTIONS[one](now), ACTIONS[other](now)] * 2
    results = at_once(yard.app, works)
    assert not any(isinstance(result, errors.TryLater) for result in results), results
    sides = {one: (other, results[::2]), other: (one, results[1::2])}
    for name, (beside, done) in ({one: (one, results)} if one == other else sides).items():
        if beside in ONCE_AT_LEAST.get(name, ()):
            assert any(not isinstance(result, errors.Refusal) for result in done), (name, done)
    pool = yard.stored(now.pool)
    assert 0 <= pool.boxes_held + pool.boxes_sold <= pool.boxes_pledged
    assert yard.broken() == []


QUIET = frozenset({"expire", "serve", "extend", "quarantine", "adjust", "wait"})
"""What takes no box from any of the others."""
ONCE_AT_LEAST = {
    "place": QUIET | {"place", "release", "resize down", "pay", "fail", "consume", "take over"} - {"wait"},
    "resize up": QUIET | {"resize up", "fail", "consume"} - {"wait"},
    "release": QUIET | {"place", "fail", "consume", "withdraw", "resize up"},
    "consume": frozenset(ACTIONS) - {"fail"},
    "pay": QUIET | {"place", "consume", "fail", "withdraw"},
}
"""Beside which of the others at least one copy of an action must succeed."""
