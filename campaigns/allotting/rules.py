"""How sold boxes find their cooperatives: states of a commitment, the next step, which pledges stay. Pure."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from marketplace import errors
from marketplace.language import Text

Name = TypeVar("Name", bound=Hashable)

SEASON_BEGINS_IN: Final = 7
"""The month with which a season of apples begins."""


class CommitmentState(StrEnum):
    EMPTY = "empty"
    """The cooperative took part and got no box."""
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody answered in time, and silence is a no."""
    RELEASED = "released"
    """The campaign failed or was given up."""


OPEN: Final = frozenset({CommitmentState.OFFERED, CommitmentState.CONFIRMED})
"""Commitments whose boxes the cooperative keeps for the campaign."""

MOVES: Final[dict[CommitmentState, frozenset[CommitmentState]]] = {
    CommitmentState.EMPTY: frozenset(),
    CommitmentState.OFFERED: frozenset(
        {
            CommitmentState.CONFIRMED,
            CommitmentState.DECLINED,
            CommitmentState.LAPSED,
            CommitmentState.RELEASED,
        }
    ),
    CommitmentState.CONFIRMED: frozenset({CommitmentState.RELEASED}),
    CommitmentState.DECLINED: frozenset(),
    CommitmentState.LAPSED: frozenset(),
    CommitmentState.RELEASED: frozenset(),
}
"""What is confirmed is frozen: only the end of the campaign undoes it."""


class CommitmentStateForbids(errors.Conflict):
    """The commitment's state does not allow this step."""

    title = Text(en="The commitment's state does not allow this.", zh="供货承诺当前状态不允许此操作。")
    code = "commitment_state"


def check_move(before: str, after: CommitmentState) -> None:
    """Raises CommitmentStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[CommitmentState(before)]:
        raise CommitmentStateForbids(state=before)


class Step(StrEnum):
    """What an allocation does next."""

    WAIT = "wait"
    SPLIT = "split"
    CONFIRM = "confirm"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one item stands, in boxes."""

    sold: int
    pending: int
    """Still held by buyers whose payment runs: may yet be sold."""
    offered: int
    confirmed: int
    free: int
    """Pledged by cooperatives that have given nothing back, and not kept by a commitment of theirs."""

    @property
    def open(self) -> int:
        """Sold, and nobody's."""
        return self.sold - self.offered - self.confirmed


def next_step(item: Standing) -> Step:
    """What one item needs. Boxes that are open are split when everybody who is asked has answered; where the free
    pledges do not reach, no answer can help any more.
    """
    if item.open > item.free:
        return Step.FAIL
    if item.offered:
        return Step.WAIT
    if item.open:
        return Step.SPLIT
    return Step.WAIT if item.pending else Step.CONFIRM


def together(steps: Sequence[Step]) -> Step:
    """What the campaign does when its items need these: one that fails is all's end, one that waits holds up all."""
    for step in (Step.FAIL, Step.SPLIT, Step.WAIT):
        if step in steps:
            return step
    return Step.CONFIRM


def too_many(pledges: Iterable[tuple[Name, int]], *, kept: int) -> list[tuple[Name, int]]:
    """Of a cooperative's pledges, the boxes to give back so that `kept` stay: those that stand last go first."""
    back = []
    for name, boxes in pledges:
        stays = min(boxes, kept)
        kept -= stays
        if stays < boxes:
            back.append((name, boxes - stays))
    return back


def season_of(day: date) -> str:
    """The season in which a day lies: `2026-27` from July on."""
    year = day.year if day.month >= SEASON_BEGINS_IN else day.year - 1
    return f"{year}-{(year + 1) % 100:02d}"
