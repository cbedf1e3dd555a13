"""A payment is opened with its order, in the same statement: the part that writes it, and the rows that it is given."""

import uuid
from typing import Any, Final

from marketplace import audit, letters
from marketplace.context import Context
from marketplace.payments.gateways import OFFLINE
from marketplace.payments.states import PaymentState
from marketplace.values import new_id

OPENED: Final = """
    opened AS (
        INSERT INTO payment (id, order_id, payer_id, gateway, state, amount_minor, received_minor, currency, reference,
            created_at)
        SELECT r.id, r.order_id, r.payer_id, r.gateway, r.state, r.amount_minor, 0, r.currency, r.reference,
            r.created_at
        FROM jsonb_to_recordset(%(opened)s::jsonb) AS r(id uuid, order_id uuid, payer_id uuid, gateway text,
            state text, amount_minor bigint, currency text, reference text, created_at timestamptz)
    )"""
"""A part of a statement: the rows `opened`, in JSON."""

_REFERENCE_LENGTH: Final = 10


def row(
    ctx: Context, *, order_id: uuid.UUID, payer_id: uuid.UUID, amount_minor: int, currency: str
) -> dict[str, Any]:
    """The one payment of an order that is to be paid in full."""
    return {
        "id": new_id(),
        "order_id": order_id,
        "payer_id": payer_id,
        "gateway": OFFLINE.name,
        "state": PaymentState.REQUIRES_CONFIRMATION,
        "amount_minor": amount_minor,
        "currency": currency,
        "reference": letters.drawn(_REFERENCE_LENGTH),
        "created_at": ctx.now,
    }


def told(ctx: Context, payment: dict[str, Any]) -> dict[str, Any]:
    """The row of the audit trail."""
    after = {"amount_minor": payment["amount_minor"]}
    return audit.row(ctx, "payment.open", subject=("payment", payment["id"]), after=after)
