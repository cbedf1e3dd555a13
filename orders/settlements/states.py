"""The life of a settlement. Pure: a table and its guard; how it is paid out, `marketplace.payouts.states` says.

A settlement becomes final only after the cooperative could object. A payout that comes back makes it payable again.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class SettlementKind(StrEnum):
    CAMPAIGN = "campaign"
    """Of what a cooperative earned in one."""
    RELEASE = "release"
    """Of nothing but retention whose day has come: for who sells nothing more."""


class SettlementState(StrEnum):
    DRAFT = "draft"
    """Computed; only operators see it."""
    PROPOSED = "proposed"
    """The cooperative reads it, and may object for some days."""
    OBJECTED = "objected"
    FINAL = "final"
    """Nobody changes it any more; it is to be paid."""
    PAID = "paid"


class SettlementEvent(StrEnum):
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    """An operator has found a mistake: it is computed anew."""
    OBJECT = "object"
    ACCEPT = "accept"
    """By the cooperative, before its days are over."""
    LAPSE = "lapse"
    """Its days to object are over."""
    REVISE = "revise"
    """The objection is right: computed anew, and proposed again with all its days."""
    DISMISS = "dismiss"
    """The objection is answered with a reason, and changes nothing."""
    PAY = "pay"
    """Its payout has arrived, or there is nothing to pay."""
    RETURN = "return"
    """Its payout came back."""


class SettlementStateForbids(errors.Conflict):
    """The settlement's state does not allow this step."""

    title = Text(en="The settlement's state does not allow this.", zh="结算单当前状态不允许此操作。")
    code = "settlement_state"


_S, _E = SettlementState, SettlementEvent

MOVES: Final[dict[SettlementState, dict[SettlementEvent, SettlementState]]] = {
    _S.DRAFT: {_E.PROPOSE: _S.PROPOSED},
    _S.PROPOSED: {
        _E.WITHDRAW: _S.DRAFT,
        _E.OBJECT: _S.OBJECTED,
        _E.ACCEPT: _S.FINAL,
        _E.LAPSE: _S.FINAL,
    },
    _S.OBJECTED: {_E.REVISE: _S.DRAFT, _E.DISMISS: _S.FINAL},
    _S.FINAL: {_E.PAY: _S.PAID},
    _S.PAID: {_E.RETURN: _S.FINAL},
}


def after(before: str, event: SettlementEvent) -> SettlementState:
    """Raises SettlementStateForbids unless the event may happen now."""
    found = MOVES[SettlementState(before)].get(event)
    if found is None:
        raise SettlementStateForbids(state=before)
    return found
