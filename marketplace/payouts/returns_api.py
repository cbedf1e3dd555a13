"""Doors of payouts that came back, as the bank's statement tells."""

from typing import Any

from sqlalchemy.orm import Session

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payments.statements.by_hand import EntryNotFound, EntryNotOpen
from marketplace.payouts import returns, schemas
from marketplace.payouts.models import Payout
from marketplace.payouts.sending import SentByProvider
from marketplace.payouts.states import PayoutNotFound, PayoutStateForbids

blueprint = Blueprint(
    "payout_returns", __name__, url_prefix="/payout-returns", description="Payouts that came back 付款退回"
)


@blueprint.get("")
@blueprint.response(200, schemas.PayoutReturns)
def list_returns() -> dict[str, Any]:
    """Open entries of bank statements that bring a payout back, to be confirmed (staff) 待确认的付款退回"""
    with reading() as session:
        return {
            "items": [
                {"entry": each.entry, "payout": each.payout, "en": each.words.en, "zh": each.words.zh}
                for each in returns.proposed(session)
            ]
        }


@blueprint.post("")
@blueprint.arguments(schemas.ConfirmReturn)
@blueprint.problems(
    PayoutNotFound, PayoutStateForbids, SentByProvider, EntryNotFound, EntryNotOpen, returns.NoSuchReturn
)
@blueprint.writes(200, schemas.Payout)
def confirm(session: Session, body: dict[str, Any]) -> Payout:
    """Say that this entry brings this payout back: it is payable again (operators) 确认付款退回"""
    return returns.confirm(session, context.current(), **body)
