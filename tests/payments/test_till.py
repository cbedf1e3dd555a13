"""The till of payments: who confirms at once shares one transaction; other gateways are never asked in a batch."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.context import Actor, Context
from marketplace.desk import Broken
from marketplace.idempotency import IdempotencyKeyReused
from marketplace.language import Text
from marketplace.payments import gateways, payments, schemas
from marketplace.payments.at_till import TILL
from marketplace.payments.confirming import Confirming
from marketplace.payments.gateways import Answered, Asked
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentNotAwaited, PaymentState
from marketplace.till import HANDED_BACK
from tests.builders import Market, Sale, assert_refused, broken, ordered
from tests.house import Caller
from tests.tills import arriving, code, serve, status, stored_keys, transactions

KEY = "k" * 16


class CardGateway:
    """Somebody must be asked, and that takes its time."""

    name = "card"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def confirm(self, asked: Asked) -> Answered:
        self.asked.append(asked.reference)
        return Answered(state=PaymentState.PROCESSING, instructions=Text(en="Wait.", zh="请稍候。"))


@pytest.fixture
def sale(market: Market) -> Sale:
    return market.on_sale(20)


@pytest.fixture
def owing(sale: Sale, as_role: Callable[..., Caller]) -> Callable[..., tuple[Caller, str]]:
    """Somebody new with an order to be paid, and the payment."""

    def made(boxes: int = 1) -> tuple[Caller, str]:
        shopper = as_role(Role.SHOPPER)
        return shopper, ordered(shopper, sale, boxes)["payment_id"]

    return made


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> CardGateway:
    found = CardGateway()
    monkeypatch.setitem(gateways.GATEWAYS, CardGateway.name, found)
    return found


def by_card(payment_id: str) -> None:
    statement = update(Payment).where(Payment.id == uuid.UUID(payment_id)).values(gateway=CardGateway.name)
    database.transact(lambda session: session.execute(statement))


def confirm(caller: Caller, payment_id: str, **options: Any) -> TestResponse:
    return caller.post(f"/v1/payments/{payment_id}/confirm", **options)


def test_many_payments_are_confirmed_in_one_transaction(market: Market, owing) -> None:
    some = [owing(boxes) for boxes in (1, 2, 3, 1, 2, 3, 1, 2)]
    replies = serve(TILL, *(arriving(TILL, shopper, payment_id) for shopper, payment_id in some))
    assert [status(reply) for reply in replies] == [200] * 8
    assert transactions("payment") == 1
    for (_, payment_id), reply in zip(some, replies, strict=True):
        payment = market.stored(Payment, payment_id)
        assert (payment.state, payment.resolved_at) == ("processing", None)
        told = json.loads(reply.body)
        shown = schemas.ConfirmedPayment().dump({"payment": payment, "instructions": told["instructions"]})
        assert reply.body == json.dumps(shown, ensure_ascii=False), "the form of the schema"
        assert reply.headers == {}
    assert broken(market.app) == []


def test_what_was_done_stands_in_the_audit_trail(market: Market, owing) -> None:
    shopper, payment_id = owing()
    response = confirm(shopper, payment_id)
    with database.reading() as session:
        [row] = session.scalars(
            select(AuditEntry).where(AuditEntry.request_id == response.headers["X-Request-Id"])
        ).all()
    assert (row.actor, row.action) == (f"account:{shopper.account_id}", "payment.processing")
    assert (row.subject_kind, row.subject_id) == ("payment", payment_id)
    assert row.before == {"state": "requires_confirmation"}
    assert row.after == {"state": "processing", "received_minor": 0}


def test_two_copies_under_one_key_have_one_effect(market: Market, owing) -> None:
    shopper, payment_id = owing()
    first, second = serve(TILL, *(arriving(TILL, shopper, payment_id, key=KEY) for _ in range(2)))
    assert (status(first), status(second)) == (200, 200)
    assert (first.replayed, second.replayed, second.body) == (False, True, first.body)
    assert stored_keys(KEY) == 1


def test_one_key_for_two_payments_is_refused(market: Market, shopper: Caller) -> None:
    some = [ordered(shopper, market.on_sale(2))["payment_id"] for _ in range(2)]
    first, second = serve(TILL, *(arriving(TILL, shopper, each, key=KEY, fingerprint=each) for each in some))
    assert status(first) == 200
    assert isinstance(second, IdempotencyKeyReused)
    assert market.stored(Payment, some[1]).state == "requires_confirmation"


def test_a_payment_is_confirmed_once_in_a_batch_and_others_get_theirs(market: Market, owing, shopper) -> None:
    (one, first), (_, foreign), (three, last) = owing(), owing(), owing()
    asked = [(one, first), (one, first), (shopper, foreign), (shopper, str(uuid.uuid4())), (three, last)]
    replies = serve(TILL, *(arriving(TILL, who, payment_id) for who, payment_id in asked))
    assert [status(reply) for reply in replies] == [200, 409, 404, 404, 200]
    assert [code(replies[place]) for place in (1, 2, 3)] == [
        "payment_not_awaited",
        "payment_not_found",
        "payment_not_found",
    ]
    assert json.loads(replies[1].body)["state"] == "processing"
    assert market.stored(Payment, foreign).state == "requires_confirmation"


def test_a_broken_request_spoils_nothing_for_the_others(market: Market, owing) -> None:
    def poison(_ctx: Context) -> None:
        raise ZeroDivisionError

    (one, first), (two, spoilt), (three, last) = owing(), owing(), owing()
    replies = serve(
        TILL,
        arriving(TILL, one, first),
        arriving(TILL, two, spoilt, request_of=poison),
        arriving(TILL, three, last),
    )
    assert isinstance(replies[1], Broken)
    assert [status(replies[place]) for place in (0, 2)] == [200, 200]
    assert market.stored(Payment, spoilt).state == "requires_confirmation"


def test_a_batch_whose_rows_were_not_as_they_were_under_the_lock_leaves_nothing(
    market: Market, owing, monkeypatch
) -> None:
    shopper, payment_id = owing()
    statement = Confirming.statement

    def stale(self: Confirming):
        sql, values = statement(self)
        return sql, {**values, "moved": values["moved"].replace("requires_confirmation", "canceled")}

    monkeypatch.setattr(Confirming, "statement", stale)
    [reply] = serve(TILL, arriving(TILL, shopper, payment_id, key=KEY))
    assert isinstance(reply, Broken)
    assert stored_keys(KEY) == 0
    assert market.stored(Payment, payment_id).state == "requires_confirmation"


def test_another_gateway_is_never_asked_in_a_batch(market: Market, owing, card: CardGateway) -> None:
    (one, offline), (two, other) = owing(), owing()
    by_card(other)
    at_once, alone = serve(TILL, arriving(TILL, one, offline), arriving(TILL, two, other, key=KEY))
    assert status(at_once) == 200
    assert alone == HANDED_BACK
    assert card.asked == []
    assert stored_keys(KEY) == 0
    assert market.stored(Payment, other).state == "requires_confirmation"


def test_the_door_asks_another_gateway_alone_and_answers_once(market: Market, owing, card) -> None:
    shopper, payment_id = owing()
    by_card(payment_id)
    first, again = (confirm(shopper, payment_id, key=KEY) for _ in range(2))
    assert (first.status_code, first.json["instructions"]) == (200, "Wait.")
    assert first.json["payment"]["gateway"] == "card"
    assert again.data == first.data
    assert card.asked == [market.stored(Payment, payment_id).reference]
    with market.unchanged():
        assert_refused(confirm(shopper, payment_id), 409, "payment_not_awaited")


def test_in_a_callers_transaction_the_session_knows_what_was_written(market: Market, owing) -> None:
    shopper, payment_id = owing()
    actor = Actor(kind="account", id=shopper.account_id, roles=frozenset({Role.SHOPPER}))
    ctx = Context(actor=actor, now=context.now_utc())

    def work(session) -> None:
        before = session.get(Payment, uuid.UUID(payment_id))
        payment, answer = payments.confirm(session, ctx, payment_id=before.id)
        assert payment is before
        assert (payment.state, answer.state) == ("processing", "processing")
        assert payment.reference in answer.instructions.en
        with pytest.raises(PaymentNotAwaited):
            payments.confirm(session, ctx, payment_id=before.id)

    database.transact(work)
    assert market.stored(Payment, payment_id).state == "processing"
