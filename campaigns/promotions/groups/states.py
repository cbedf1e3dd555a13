"""States of a group and of its members, and which moves there are. Pure."""

from enum import StrEnum
from typing import Final


class GroupState(StrEnum):
    OPEN = "open"
    """It waits for people, and for their money."""
    FULL = "full"
    """All its people have paid in time; what they get back is being counted."""
    SETTLED = "settled"
    """What they get back is owed to them."""
    LAPSED = "lapsed"
    """Its time was over first: everybody has paid the normal price."""


GROUP_MOVES: Final = frozenset(
    {
        (GroupState.OPEN, GroupState.FULL),
        (GroupState.OPEN, GroupState.LAPSED),
        (GroupState.FULL, GroupState.SETTLED),
    }
)


class MemberState(StrEnum):
    JOINED = "joined"
    """With boxes that are held, or ordered and not paid yet."""
    PAID = "paid"
    REWARDED = "rewarded"
    """The difference is owed back."""
    LEFT = "left"
    """Gone while the group was open: the place is somebody else's."""
    LAPSED = "lapsed"
    """There when the group's time was over."""
    UNDONE = "undone"
    """The order came to nothing after the group was full; the others keep what they have."""


MEMBER_MOVES: Final = frozenset(
    {
        (MemberState.JOINED, MemberState.PAID),
        (MemberState.JOINED, MemberState.LEFT),
        (MemberState.JOINED, MemberState.LAPSED),
        (MemberState.PAID, MemberState.LEFT),
        (MemberState.PAID, MemberState.LAPSED),
        (MemberState.PAID, MemberState.REWARDED),
        (MemberState.PAID, MemberState.UNDONE),
        (MemberState.REWARDED, MemberState.UNDONE),
    }
)

RUNNING: Final = (MemberState.JOINED, MemberState.PAID)
"""Their discount is reserved."""
BELONGING: Final = (*RUNNING, MemberState.REWARDED)
"""What becomes of their orders still matters to them."""


def check_member_move(before: str, after: MemberState) -> None:
    """A move that is not in the table is a fault of ours."""
    if (MemberState(before), after) not in MEMBER_MOVES:
        raise AssertionError(f"a member goes from {before} to {after}")
