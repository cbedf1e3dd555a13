"""Kinds and states of cases, and what may follow what in a case's notes. Pure."""

from collections.abc import Iterable
from enum import StrEnum


class CaseKind(StrEnum):
    """Which question is open."""

    SHRINK_DEVIATION = "shrink_deviation"
    """A lot lost more, or less, than fruit of its storage does."""
    WEIGHBRIDGE_GAP = "weighbridge_gap"
    """What left one weighbridge did not arrive at the other."""
    SHORTFALL = "shortfall"
    """More is promised than is, or will be, there."""
    RECONCILIATION = "reconciliation"
    """Counters differ from what their journal and holds tell."""
    LATE_PAYMENT = "late_payment"
    """Money came for an order that cannot have it any more: it must be paid back."""
    REFUND = "refund"
    """A paid order was withdrawn, or its price fell: what was paid too much must be paid back."""
    PAYMENT = "payment"
    """A payment is not what it should be: another sum came, or the payer's bank wants it back."""
    LABEL_HARVEST = "label_harvest"
    """More was weighed of a certified plot than its land is believed to bear."""
    LABEL_BALANCE = "label_balance"
    """What came out of a grading line does not explain what went in."""
    LABEL_CREDIT = "label_credit"
    """More labels were printed than there is fruit for by now."""
    LABEL_SERIAL = "label_serial"
    """Something about a label is not right."""


class CaseState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class NoteKind(StrEnum):
    OPENED = "opened"
    REPEATED = "repeated"
    """The same question came up again while it was open."""
    CHANGED = "changed"
    """The facts moved: a part of the answer came by itself."""
    SAID = "said"
    """Somebody adds what is known."""
    SETTLED = "settled"


class NotAStory(ValueError):
    """Notes that cannot follow each other in one case."""


def may_follow(state: CaseState | None, note: NoteKind) -> bool:
    """A case begins with `opened`, once, and nothing follows `settled`. `state` is None before its beginning."""
    return (state is None) if note is NoteKind.OPENED else state is CaseState.OPEN


def state_after(notes: Iterable[NoteKind]) -> CaseState | None:
    """The state that the notes of one case lead to; None without any. Raises NotAStory."""
    state: CaseState | None = None
    for note in notes:
        if not may_follow(state, note):
            raise NotAStory(f"{note} after {state}")
        state = CaseState.SETTLED if note is NoteKind.SETTLED else CaseState.OPEN
    return state
