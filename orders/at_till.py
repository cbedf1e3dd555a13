"""The till of orders: who orders what a hold keeps, at once, is served together."""

import re
import uuid
from collections.abc import Callable
from typing import Final

from inventory import paying
from marketplace import door, idempotency
from marketplace.context import Context
from marketplace.fast_path import ID_FORM, FastDoor, Plain, Serve
from marketplace.idempotency import Answer, Claim
from marketplace.steps import Alone, Steps, walk
from marketplace.till import Till
from orders import checkout, ordering
from orders.ordering import Ordering

TILL: Final = Till(name="orders", endpoint="orders.place", look=paying.LOOK, writing=Ordering)

_BODY: Final = re.compile(rf'\{{ ?"hold_id": ?"{ID_FORM}" ?\}}'.encode())


def place(ctx: Context, claim: Claim, *, hold_id: uuid.UUID) -> Answer:
    """Order what a hold keeps. Is a unit of work of its own.

    Refused: HoldNotFound, HoldExpired, HoldNotActive, QuoteOutdated.
    """
    return walk(_place(ctx, None, claim.key, lambda _: claim, hold_id=hold_id))


def place_fast(plain: Plain) -> Serve | None:
    """The same for somebody of whom only a token is known yet."""
    found, key, token = _BODY.fullmatch(plain.body), plain.key, plain.token
    if found is None or plain.query or token is None or key is None:
        return None
    hold_id = uuid.UUID(found[1].decode())
    return lambda ctx: _place(ctx, token, key, lambda known: plain.claim_of(known, key), hold_id=hold_id)


def _place(
    ctx: Context,
    token: str | None,
    key: str,
    claim_of: Callable[[Context], Claim],
    *,
    hold_id: uuid.UUID,
) -> Steps[Answer]:
    ctx, reply = yield from TILL.come(ctx, token, key, claim_of, subject_id=hold_id)
    if isinstance(reply, Answer):
        return reply
    answer: Answer = yield Alone(
        lambda: idempotency.run(
            ctx,
            claim_of(ctx),
            lambda session: ordering.shaped(checkout.settle_price(session, ctx, hold_id=hold_id)),
            lambda refusal: door.refused(refusal, ctx),
        )
    )
    return answer


FAST_DOORS: Final = (
    FastDoor(method="POST", path="/v1/orders", endpoint=TILL.endpoint, read=place_fast, lets_in_itself=True),
)
