"""Bank transfer or cash: nobody outside is asked, and a person books what came."""

from marketplace.language import Text
from marketplace.payments.gateways.interface import Answered, Asked
from marketplace.payments.states import PaymentState


class OfflineGateway:
    """Confirming waits for a receipt that a person enters."""

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

    def capture(self, asked: Asked) -> Answered:
        """No bank holds anything: the receipt is waited for."""
        return self.confirm(asked)
