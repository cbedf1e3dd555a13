"""The life of an advance, what its journal may say, and who may let it out. Pure.

A cooperative asks; somebody else grants, which drafts a payout; what is paid is outstanding until settlements have
repaid it. A payout that is cancelled or comes back leaves the advance as it was asked for.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class AdvanceState(StrEnum):
    ASKED = "asked"
    GRANTED = "granted"
    """Its payout is on the way: nothing is outstanding yet, and its money is spoken for."""
    PAID = "paid"
    """A part of it, or all, is outstanding."""
    REPAID = "repaid"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    """By the cooperative, before it was granted."""


class AdvanceLineKind(StrEnum):
    """What changes that an advance is outstanding."""

    PAID = "paid"
    REPAID = "repaid"
    """By a settlement."""
    UNDONE = "undone"
    """A settlement had repaid what, as it turned out, never arrived: that part is the cooperative's again."""
    RETURNED = "returned"
    """Its payout came back."""


class AdvanceStateForbids(errors.Conflict):
    """The advance's state does not allow this step."""

    title = Text(en="The advance's state does not allow this.", zh="预付款当前状态不允许此操作。")
    code = "advance_state"


class AdvanceNotOutstanding(errors.Conflict):
    """Not so much of the advance is outstanding: `outstanding_minor` is. The settlement is computed anew."""

    title = Text(en="Not so much of the advance is outstanding.", zh="该预付款未抵扣余额不足。")


class AdvanceRepaidDifferently(errors.Conflict):
    """The same settlement has repaid another part of this advance already."""

    title = Text(
        en="This settlement has repaid another part of the advance already.", zh="该结算单已按不同金额抵扣。"
    )


_S = AdvanceState

MOVES: Final[dict[AdvanceState, frozenset[AdvanceState]]] = {
    _S.ASKED: frozenset({_S.GRANTED, _S.REFUSED, _S.CANCELLED}),
    _S.GRANTED: frozenset({_S.PAID, _S.ASKED}),
    _S.PAID: frozenset({_S.REPAID, _S.ASKED}),
    _S.REPAID: frozenset({_S.ASKED}),
    _S.REFUSED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""Back to `asked` leads a payout that was cancelled or came back."""

OPEN: Final = frozenset({_S.ASKED, _S.GRANTED})
"""A cooperative has at most one advance of a campaign and currency in these states."""

GIVEN: Final = frozenset({_S.GRANTED, _S.PAID, _S.REPAID})
"""Those whose amount somebody has granted: it counts as advanced, repaid or not."""


def check_move(before: str, after: AdvanceState) -> None:
    """Raises AdvanceStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[AdvanceState(before)]:
        raise AdvanceStateForbids(state=before)
