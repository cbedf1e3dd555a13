"""Words of label credit: kinds of ledger lines, what happens to a serial and to a change that two people make. Pure."""

from enum import StrEnum
from typing import Final


class LineKind(StrEnum):
    """Why a label account's position changed."""

    HARVEST_ELIGIBLE = "harvest_eligible"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SHRINK = "shrink"
    CULL = "cull"
    LABEL_ISSUE = "label_issue"
    LABEL_VOID = "label_void"
    ADJUST = "adjust"
    PROVISIONAL = "provisional"
    PROVISIONAL_REPLACED = "provisional_replaced"


ADDING: Final = frozenset(
    {LineKind.HARVEST_ELIGIBLE, LineKind.TRANSFER_IN, LineKind.LABEL_VOID, LineKind.PROVISIONAL}
)
TAKING: Final = frozenset(
    {
        LineKind.TRANSFER_OUT,
        LineKind.SHRINK,
        LineKind.CULL,
        LineKind.LABEL_ISSUE,
        LineKind.PROVISIONAL_REPLACED,
    }
)
ASKING: Final = frozenset({LineKind.TRANSFER_OUT, LineKind.LABEL_ISSUE})
"""These are asked for, and refused where the credit does not bear them; the others are facts, and may leave a debt."""


class SerialState(StrEnum):
    PRINTED = "printed"
    ISSUED = "issued"
    """Handed out to its cooperative."""
    BOUND = "bound"
    """On a box of a lot."""
    SHIPPED = "shipped"
    ACTIVATED = "activated"
    """Scanned where it was delivered."""
    RETIRED = "retired"
    """Its box is used up."""
    VOID = "void"
    FLAGGED = "flagged"
    """Something about it is not right; the county office looks after it."""


class SerialEvent(StrEnum):
    ISSUE = "issue"
    BIND = "bind"
    SHIP = "ship"
    COME_BACK = "come_back"
    """It has not left after all."""
    ACTIVATE = "activate"
    RETIRE = "retire"
    VOID = "void"
    FLAG = "flag"


SERIAL_MOVES: Final[dict[SerialState, dict[SerialEvent, SerialState]]] = {
    SerialState.PRINTED: {
        SerialEvent.ISSUE: SerialState.ISSUED,
        SerialEvent.VOID: SerialState.VOID,
        SerialEvent.FLAG: SerialState.FLAGGED,
    },
    SerialState.ISSUED: {
        SerialEvent.BIND: SerialState.BOUND,
        SerialEvent.VOID: SerialState.VOID,
        SerialEvent.FLAG: SerialState.FLAGGED,
    },
    SerialState.BOUND: {
        SerialEvent.SHIP: SerialState.SHIPPED,
        SerialEvent.VOID: SerialState.VOID,
        SerialEvent.FLAG: SerialState.FLAGGED,
    },
    SerialState.SHIPPED: {
        SerialEvent.COME_BACK: SerialState.BOUND,
        SerialEvent.ACTIVATE: SerialState.ACTIVATED,
        SerialEvent.RETIRE: SerialState.RETIRED,
        SerialEvent.FLAG: SerialState.FLAGGED,
    },
    SerialState.ACTIVATED: {
        SerialEvent.RETIRE: SerialState.RETIRED,
        SerialEvent.FLAG: SerialState.FLAGGED,
    },
    SerialState.RETIRED: {SerialEvent.FLAG: SerialState.FLAGGED},
    SerialState.FLAGGED: {
        SerialEvent.COME_BACK: SerialState.FLAGGED,
        SerialEvent.VOID: SerialState.VOID,
        SerialEvent.RETIRE: SerialState.RETIRED,
    },
    SerialState.VOID: {},
}


def serial_after(state: str, event: SerialEvent) -> SerialState | None:
    """What the event turns the serial into; None where it may not happen."""
    return SERIAL_MOVES[SerialState(state)].get(event)


class ChangeKind(StrEnum):
    ADJUST = "adjust"
    TRANSFER = "transfer"
    """Fruit of the area went to another cooperative, and its credit follows."""


class ChangeState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
