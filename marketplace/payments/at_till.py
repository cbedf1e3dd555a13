"""The till of payments: who confirms at once is served together; what another gateway must be asked about, alone."""

import uuid
from collections.abc import Callable
from typing import Final

from sqlalchemy.orm import Session

from marketplace import door, idempotency
from marketplace.context import Context
from marketplace.fast_path import FastDoor, Plain, Serve
from marketplace.idempotency import Answer, Claim
from marketplace.payments import confirming, payments, schemas
from marketplace.steps import Alone, Steps, walk
from marketplace.till import Till

TILL: Final = Till(
    name="payments",
    endpoint="payments.confirm",
    look=confirming.LOOK,
    writing=confirming.Confirming,
)
_FORM: Final = schemas.ConfirmedPayment()


def confirm(ctx: Context, claim: Claim, *, payment_id: uuid.UUID) -> Answer:
    """Commit to pay. Is a unit of work of its own. Refused: PaymentNotFound, PaymentNotAwaited."""
    return walk(_confirm(ctx, None, claim.key, lambda _: claim, payment_id=payment_id))


def confirm_fast(plain: Plain) -> Serve | None:
    """The same for somebody of whom only a token is known yet."""
    [payment_id], key, token = plain.ids, plain.key, plain.token
    if plain.query or token is None or key is None:
        return None
    return lambda ctx: _confirm(
        ctx, token, key, lambda known: plain.claim_of(known, key), payment_id=payment_id
    )


def _confirm(
    ctx: Context,
    token: str | None,
    key: str,
    claim_of: Callable[[Context], Claim],
    *,
    payment_id: uuid.UUID,
) -> Steps[Answer]:
    ctx, reply = yield from TILL.come(ctx, token, key, claim_of, subject_id=payment_id)
    if isinstance(reply, Answer):
        return reply
    answer: Answer = yield Alone(
        lambda: idempotency.run(
            ctx,
            claim_of(ctx),
            lambda session: _alone(session, ctx, payment_id),
            lambda refusal: door.refused(refusal, ctx),
        )
    )
    return answer


def _alone(session: Session, ctx: Context, payment_id: uuid.UUID) -> Answer:
    payment, answer = payments.confirm(session, ctx, payment_id=payment_id)
    shown = {"payment": payment, "instructions": answer.instructions.pick(ctx.language)}
    return door.answered(_FORM, shown)


FAST_DOORS: Final = (
    FastDoor(
        method="POST",
        path="/v1/payments/{id}/confirm",
        endpoint=TILL.endpoint,
        read=confirm_fast,
        lets_in_itself=True,
        takes_body=False,
    ),
)
