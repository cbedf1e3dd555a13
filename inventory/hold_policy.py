"""How long each kind of hold lives, who may let it live longer, and whether it may end in parts. Pure.

One table for all kinds. What has no time here ends only by what somebody does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from inventory.states import HoldKind

LONGEST_CART: Final = timedelta(minutes=30)
"""A cart hold ends at the latest so long after it was placed, however often it is resized or extended."""
HOT_TENTHS: Final = 1
"""A pool is hot while fewer than so many tenths of its pledged boxes are left."""
HOT_MINUTES_MIN: Final = 3
"""In a hot pool a hold lives half as long, but so many minutes at least."""


class Renewer(StrEnum):
    """Who may let a hold live longer."""

    OWNER = "owner"
    """Its owner, by being active."""
    USE_CASE = "use_case"
    """The part of the market that placed it, when its own rules say so."""
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One kind's row."""

    lives: timedelta | None
    """From the moment it is placed; None: until the moment that whoever places it names, or for ever."""
    needs_until: bool
    """Whoever places it must name the moment, as there is none here and for ever is too long."""
    renewer: Renewer
    at_most: timedelta | None
    """However often it is renewed, it ends so long after it was placed; None: no bound of its own."""
    in_parts: bool
    """Whether some of its boxes may be consumed or released while the others stay."""


POLICIES: Final[dict[HoldKind, Policy]] = {
    HoldKind.CART: Policy(
        lives=None, needs_until=True, renewer=Renewer.OWNER, at_most=LONGEST_CART, in_parts=False
    ),
    HoldKind.PRESALE: Policy(
        lives=None, needs_until=True, renewer=Renewer.USE_CASE, at_most=None, in_parts=True
    ),
    HoldKind.ALLOCATION: Policy(
        lives=None, needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=True
    ),
    HoldKind.PLEDGE: Policy(
        lives=None, needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=True
    ),
    HoldKind.FORECAST: Policy(
        lives=None, needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=True
    ),
    HoldKind.MISSING: Policy(
        lives=None, needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=True
    ),
    HoldKind.QUALITY: Policy(
        lives=None, needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=False
    ),
    HoldKind.GAME_SOFT: Policy(
        lives=timedelta(days=30),
        needs_until=False,
        renewer=Renewer.USE_CASE,
        at_most=timedelta(days=365),
        in_parts=False,
    ),
    HoldKind.GAME_CLAIM: Policy(
        lives=timedelta(days=14), needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=True
    ),
    HoldKind.REPLACEMENT: Policy(
        lives=timedelta(minutes=1), needs_until=False, renewer=Renewer.NOBODY, at_most=None, in_parts=False
    ),
}
"""A cart's minutes come from the settings: `cart_minutes`. An allocation waits for its cooperative's answer, whose
time belongs to the share; a pledge waits for its campaign."""


class UntilMissing(ValueError):
    """Whoever places a hold of this kind must say until when. A broken promise of our own code."""


def end_of(
    kind: HoldKind, *, now: datetime, until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """When a hold placed now ends, and the end past which nobody extends it. Raises UntilMissing."""
    policy = POLICIES[kind]
    if until is None and policy.needs_until:
        raise UntilMissing(kind)
    end = until if until is not None or policy.lives is None else now + policy.lives
    if policy.at_most is None:
        return end, None
    bound = now + policy.at_most
    return end, bound if end is None else max(bound, end)


def renewed(
    kind: HoldKind, *, expires_at: datetime, expires_at_max: datetime | None, until: datetime
) -> datetime:
    """When a renewed hold ends: never sooner than before, never past its bound."""
    end = until if expires_at_max is None else min(until, expires_at_max)
    return expires_at if POLICIES[kind].renewer == Renewer.NOBODY else max(expires_at, end)


def cart_minutes(*, member: int, guest: int | None, is_member: bool, available: int, pledged: int) -> int:
    """For how many minutes a shopper holds boxes: who has bought before longer, in a hot pool only half as long.

    A guest never gets more than a member; without a time for guests all are members.
    """
    minutes = member if is_member or guest is None else min(member, guest)
    if 10 * available < HOT_TENTHS * pledged:
        return max(min(minutes, HOT_MINUTES_MIN), minutes // 2)
    return minutes
