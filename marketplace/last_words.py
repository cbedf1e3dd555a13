"""What a unit of work does at its very end, after everything else and before COMMIT.

For rows that all of one kind must pass through, one after the other: locked last, they are locked for the shortest
time, and whoever holds one waits for nothing any more, so nobody can wait in a circle.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy.orm import Session

Work = Callable[[Session, list[Any]], None]
_KEPT: Final = "last_words"


def keep(session: Session, work: Work, item: Any) -> None:
    """`work` will be given this item, and all others that were kept for it, in one call at the end."""
    session.info.setdefault(_KEPT, {}).setdefault(work, []).append(item)


def kept(session: Session, work: Work) -> list[Any]:
    """What waits for `work` in this unit of work."""
    return list(session.info.get(_KEPT, {}).get(work, ()))


def mark(session: Session) -> dict[Work, int]:
    """How much waits now: where `back_to` goes back to."""
    return {work: len(items) for work, items in session.info.get(_KEPT, {}).items()}


def back_to(session: Session, marked: dict[Work, int]) -> None:
    """Nothing that was kept since `mark` waits any more: its part of the unit of work was undone."""
    for work, items in session.info.get(_KEPT, {}).items():
        del items[marked.get(work, 0) :]


def say(session: Session) -> None:
    """Do all of it, in the order in which the kinds came up; by the edge that is about to commit."""
    while waiting := session.info.pop(_KEPT, None):
        for work, items in waiting.items():
            if items:
                work(session, items)


def forget(session: Session) -> None:
    """The unit of work ended otherwise."""
    session.info.pop(_KEPT, None)
