"""A refund after the payout: out of retention first, then out of the next settlement; what that lacks stays owed. Pure.

Nothing is ever asked back from a bank account. The commission of what is refunded goes back to the cooperative, in the
step that brings the commission of all that was sold down to what is still sold.
"""

from dataclasses import dataclass

from orders.settlements import commission
from orders.settlements.account import Account, Taken
from orders.settlements.facts import Claim, FactsAreWrong, Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Clawback:
    """Whence one claim's money comes: commission that goes back, retention, the next settlement; or others pay it."""

    claim: Claim
    commission_back_minor: int
    from_held: tuple[Taken, ...]
    owed_minor: int
    """From the next settlement; after it, a receivable as far as it lacked."""

    @property
    def from_held_minor(self) -> int:
        return sum(each.amount_minor for each in self.from_held)

    @property
    def borne_by_others_minor(self) -> int:
        return 0 if self.claim.at_fault else self.claim.amount_minor


def claw_back(
    claim: Claim, account: Account, *, sold_minor: int, commission_bps: int
) -> tuple[Clawback, Account]:
    """`sold_minor`: what commission was taken of in the settlement, less what was refunded of it since.

    Raises FactsAreWrong if more is refunded than was sold.
    """
    if not claim.at_fault:
        return Clawback(claim=claim, commission_back_minor=0, from_held=(), owed_minor=0), account
    back = 0
    if claim.remedy == Remedy.REFUND:
        if claim.amount_minor > sold_minor:
            raise FactsAreWrong("no more is refunded of a price than was sold")
        back = -commission.step(sold_minor, -claim.amount_minor, commission_bps)
    wanted = claim.amount_minor - back
    taken, after = account.spent(wanted)
    owed = wanted - sum(each.amount_minor for each in taken)
    clawed = Clawback(claim=claim, commission_back_minor=back, from_held=taken, owed_minor=owed)
    return clawed, after.owing(owed)
