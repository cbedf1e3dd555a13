"""The outside world of money behind one interface. Offline (bank transfer, cash at pick-up) is the default."""

from dataclasses import dataclass
from typing import Final, Protocol

from marketplace.language import Text
from marketplace.payments.states import PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a gateway is told of a payment: what is due, and the reference that the payer gives."""

    reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The state the gateway put the payment in, and what the payer should do next."""

    state: PaymentState
    instructions: Text


class Gateway(Protocol):
    """What every way of paying can do. Calls happen outside of transactions, except for the offline gateway."""

    name: str

    def confirm(self, asked: Asked) -> Answered:
        """The payer commits to pay. Answers `processing`, or `canceled` if it refuses the payment for good."""
        ...


class OfflineGateway:
    """Bank transfer or cash: confirming waits for a receipt that a person enters."""

    name = "offline"

    def confirm(self, asked: Asked) -> Answered:
        amount = f"{asked.amount_minor} {asked.currency}"
        return Answered(
            state=PaymentState.PROCESSING,
            instructions=Text(
                en=f"Transfer {amount} (minor units) or pay at pick-up; give the reference {asked.reference}.",
                zh=f"请转账或自提时支付 {amount}（最小货币单位），并注明附言 {asked.reference}。",
            ),
        )


OFFLINE = OfflineGateway()

GATEWAYS: Final[dict[str, Gateway]] = {OFFLINE.name: OFFLINE}
"""By the name that stands on a payment."""
