"""How a group fills, when it is over, and what each of its members gets back. Pure; integers only.

A place is taken by joining and counts when it is paid for: a group is full when as many people as it needs have paid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from campaigns.promotions.groups.states import GROUP_MOVES, GroupState
from campaigns.promotions.rules import PromotionKind
from marketplace import errors
from marketplace.language import Text

PEOPLE_MIN: Final = 2
PEOPLE_MAX: Final = 100
HOURS_MAX: Final = 720


class GroupStateForbids(errors.Conflict):
    """`state` says in which state the group is."""

    title = Text(en="The group's state does not allow this.", zh="拼团当前状态不允许此操作。")
    code = "group_state"


class GroupOver(errors.Conflict):
    """The group's time is over; `closed_at` says since when."""

    title = Text(en="The group's time is over.", zh="拼团已到截止时间。")


class NoPlaceLeft(errors.Conflict):
    """All places are taken; one is free again when somebody leaves before paying."""

    title = Text(en="All places of the group are taken.", zh="拼团名额已满。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as it is under its lock."""

    state: GroupState
    people_needed: int
    closes_at: datetime
    places_taken: int = 0
    places_paid: int = 0

    @property
    def places_left(self) -> int:
        return self.people_needed - self.places_taken if self.state == GroupState.OPEN else 0

    def is_over(self, now: datetime) -> bool:
        """Its time has run out on it; one that is full has no time to lose any more."""
        return self.state == GroupState.OPEN and now >= self.closes_at

    def check_open(self, now: datetime) -> None:
        """Raises GroupStateForbids, GroupOver."""
        if self.state != GroupState.OPEN:
            raise GroupStateForbids(state=str(self.state))
        if self.is_over(now):
            raise GroupOver(closed_at=self.closes_at)

    def joined(self, now: datetime) -> "Group":
        """One place more is taken. Raises GroupStateForbids, GroupOver, NoPlaceLeft."""
        self.check_open(now)
        if self.places_left < 1:
            raise NoPlaceLeft
        return replace(self, places_taken=self.places_taken + 1)

    def paid(self, now: datetime) -> "Group":
        """One of the places that are taken is paid for; with the last one the group is full.

        Raises GroupStateForbids, GroupOver.
        """
        self.check_open(now)
        if self.places_paid >= self.places_taken:
            raise ValueError("who has not joined does not pay")
        paid = replace(self, places_paid=self.places_paid + 1)
        return paid.moved(GroupState.FULL) if paid.places_paid == paid.people_needed else paid

    def left(self, *, has_paid: bool) -> "Group":
        """A place is free again. Raises GroupStateForbids."""
        if self.state != GroupState.OPEN:
            raise GroupStateForbids(state=str(self.state))
        if self.places_paid < has_paid or self.places_taken - self.places_paid < (not has_paid):
            raise ValueError("who is not there does not leave")
        return replace(self, places_taken=self.places_taken - 1, places_paid=self.places_paid - has_paid)

    def moved(self, after: GroupState) -> "Group":
        """Raises GroupStateForbids."""
        if (self.state, after) not in GROUP_MOVES:
            raise GroupStateForbids(state=str(self.state))
        return replace(self, state=after)


def closing(now: datetime, *, hours: int, ends: Iterable[datetime | None]) -> datetime:
    """Until when a group that is opened now may fill: never longer than its promotion and its sale."""
    return min([now + timedelta(hours=hours), *(each for each in ends if each is not None)])


def go_together(
    stacks_with: Iterable[PromotionKind], others: Iterable[tuple[PromotionKind, Iterable[PromotionKind]]]
) -> bool:
    """Whether a group buy and each of these name each other."""
    named = set(stacks_with)
    return all(kind in named and PromotionKind.GROUP_BUY in set(names) for kind, names in others)


def due_back(
    *, reserved_minor: int, wanted_minor: int, other_minor: int, goes_together: bool, kept_minor: int
) -> int:
    """What a member of a full group gets back, of what was paid and has not gone back yet.

    Of discounts that do not go together the larger one counts: then it is what the group's is larger than the other.
    Never more than was reserved for it, nor than the boxes that are left are worth, nor than was paid.
    """
    own = min(reserved_minor, wanted_minor)
    return max(0, min(own if goes_together else own - other_minor, kept_minor))
