"""Payers commit to pay: payments locked and looked at in one statement, many at once, and confirmed in another.

In a batch only payments of the offline gateway are confirmed: it answers without asking anybody, and nobody waits at
the till for somebody else's bank.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from marketplace import audit, errors, express, idempotency, till
from marketplace.context import Context
from marketplace.express import Statement
from marketplace.idempotency import Answer
from marketplace.language import Language, Text
from marketplace.payments.gateways import GATEWAYS, OFFLINE, Answered, Asked
from marketplace.payments.states import PaymentNotFound, PaymentState, check_move
from marketplace.till import HANDED_BACK, HandedBack, Request
from marketplace.values import instant_text

LOOK: Final = "SELECT * FROM payment_look(%(asked)s::jsonb)"
"""Locks keys and then, by id, the payments of those who ask, and reads them under these locks."""

CONFIRM: Final = f"""
    WITH moved AS (
        UPDATE payment p SET state = r.after
        FROM jsonb_to_recordset(%(moved)s::jsonb) AS r(id uuid, before text, after text)
        WHERE p.id = r.id AND p.id = ANY(%(moved_ids)s::uuid[]) AND p.state = r.before RETURNING p.id
    ), {audit.TOLD}, {idempotency.KEPT}
    SELECT whole((SELECT count(*) FROM moved) = cardinality(%(moved_ids)s::uuid[]))
    """  # noqa: S608 (the parts are our own)


class PaidThroughGateway(errors.Conflict):
    """The payment is made through a gateway outside: nobody confirms or books it by hand."""

    title = Text(en="This payment is made online.", zh="该付款通过线上渠道进行。")


class Confirming(till.Writing):
    """What is looked at under locks is confirmed, payment by payment, and written in one statement."""

    def __init__(self, row: Any) -> None:
        super().__init__()
        self._found: dict[uuid.UUID, Mapping[str, Any]] = {
            uuid.UUID(each["id"]): each for each in row.found or ()
        }
        self._moved: dict[uuid.UUID, dict[str, Any]] = {}

    def ask(self, ctx: Context, *, payment_id: uuid.UUID) -> Answered:
        """What the payment's gateway says to its payer's word.

        Raises PaymentNotFound, PaidThroughGateway, PaymentNotAwaited.
        """
        found = self._found.get(payment_id)
        if found is None or uuid.UUID(found["payer_id"]) != ctx.actor.id:
            raise PaymentNotFound
        gateway = GATEWAYS.get(found["gateway"])
        if gateway is None:
            raise PaidThroughGateway
        check_move(found["state"], PaymentState.PROCESSING)
        asked = Asked(
            reference=found["reference"], amount_minor=found["amount_minor"], currency=found["currency"]
        )
        return gateway.confirm(asked)

    def move(self, ctx: Context, *, payment_id: uuid.UUID, after: PaymentState) -> Mapping[str, Any]:
        """The payment as it is once all is written."""
        found = self._found[payment_id]
        assert payment_id not in self._moved, "no payment is asked for twice in a batch"
        moved = {"id": payment_id, "before": found["state"], "after": str(after)}
        self._moved[payment_id] = moved
        self.told.append(
            audit.row(
                ctx,
                f"payment.{after}",
                subject=("payment", payment_id),
                before={"state": moved["before"]},
                after={"state": moved["after"], "received_minor": found["received_minor"]},
            )
        )
        return {**found, "state": moved["after"]}

    def answer(self, request: Request) -> Answer | HandedBack:
        """Raises PaymentNotFound, PaymentNotAwaited. Handed back: what another gateway takes, or ours refuses."""
        found = self._found.get(request.subject_id)
        if found is not None and found["gateway"] != OFFLINE.name:
            return HANDED_BACK
        answer = self.ask(request.ctx, payment_id=request.subject_id)
        if answer.state != PaymentState.PROCESSING:
            return HANDED_BACK
        payment = self.move(request.ctx, payment_id=request.subject_id, after=answer.state)
        return shaped(payment, answer, request.ctx.language)

    def statement(self) -> Statement:
        moved = {"moved": express.as_json(list(self._moved.values())), "moved_ids": list(self._moved)}
        return CONFIRM, {**self.values(), **moved}


def shaped(payment: Mapping[str, Any], answer: Answered, language: Language) -> Answer:
    """The form of `schemas.ConfirmedPayment`."""
    shown = {name: payment[name] for name in _SHOWN}
    shown["created_at"] = instant_text(datetime.fromisoformat(payment["created_at"]))
    body = {"payment": {**shown, "resolved_at": None}, "instructions": answer.instructions.pick(language)}
    return Answer(status=200, body=json.dumps(body, ensure_ascii=False), headers={})


_SHOWN: Final = (
    "id",
    "order_id",
    "gateway",
    "state",
    "amount_minor",
    "received_minor",
    "currency",
    "reference",
    "refund_due_minor",
    "refund_reason",
    "created_at",
)
