"""What a payout does to the ledger: which accounts, under which kind. Pure.

It is reserved when it is drafted, posted when it is paid, voided when it is cancelled or comes back before, reversed
when it comes back later.
"""

import uuid
from typing import Final

from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.rules import Account, Line, Owner, credit, debit
from marketplace.payouts.states import Method, PayoutPurpose

OWED: Final = {
    PayoutPurpose.SETTLEMENT: "coop_payable",
    PayoutPurpose.TRANCHE: "coop_payable",
    PayoutPurpose.ADVANCE: "coop_prepaid",
}
"""What a payout lessens, or, for an advance, adds to. What is payable has a floor: more than that is never reserved."""
LEAVES: Final = {Method.BANK: "bank", Method.STRIPE: "psp_clearing"}
"""Where the money leaves from."""


def kind(method: Method) -> str:
    """A payout is reserved once by each method at most, so its id names the reservation."""
    return f"{method}_payout"


def lines(
    *, purpose: PayoutPurpose, method: Method, cooperative_id: uuid.UUID, amount_minor: int, currency: str
) -> tuple[Line, Line]:
    owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
    owed = Account(code=OWED[purpose], currency=currency, owner=owner)
    return debit(owed, amount_minor), credit(Account(code=LEAVES[method], currency=currency), amount_minor)
