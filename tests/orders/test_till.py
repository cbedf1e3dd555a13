"""The till of orders: who orders at once is served in one transaction, and each gets the answer it would get alone."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, text

from inventory.models import Hold
from inventory.refusals import HoldExpired, HoldNotActive, HoldNotFound
from marketplace import context, database, errors, express, till
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.context import Actor, Context
from marketplace.database import TryAgain
from marketplace.desk import Broken
from marketplace.idempotency import Claim, IdempotencyKeyReused, KeyInFlight
from marketplace.payments.models import Payment
from orders import checkout, schemas
from orders.at_till import TILL
from orders.models import Order
from orders.ordering import Ordering
from tests.builders import Market, Sale, broken, held, until_somebody_waits
from tests.house import Caller
from tests.tills import arriving, code, serve, status, stored_keys, transactions

KEY = "k" * 16


@pytest.fixture
def sale(market: Market) -> Sale:
    return market.on_sale(20)


@pytest.fixture
def holding(sale: Sale, as_role: Callable[..., Caller]) -> Callable[..., tuple[Caller, str]]:
    """Somebody new who holds boxes, and the hold."""

    def made(boxes: int = 1) -> tuple[Caller, str]:
        shopper = as_role(Role.SHOPPER)
        return shopper, held(shopper, sale, boxes)["hold_id"]

    return made


def count(kind: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def acting(shopper: Caller) -> Context:
    actor = Actor(kind="account", id=shopper.account_id, roles=frozenset({Role.SHOPPER}))
    return Context(actor=actor, now=context.now_utc())


def test_many_orders_are_one_transaction(market: Market, holding) -> None:
    """Each is what it would be alone: its hold's boxes and price, one payment, the same rows in the audit trail."""
    some = [holding(boxes) for boxes in (1, 2, 3, 1, 2, 3, 1, 2)]
    replies = serve(TILL, *(arriving(TILL, shopper, hold_id) for shopper, hold_id in some))
    assert [status(reply) for reply in replies] == [201] * 8
    assert [transactions(table) for table in ("order", "payment")] == [1, 1]
    for (shopper, hold_id), reply in zip(some, replies, strict=True):
        told = json.loads(reply.body)
        hold, order = market.stored(Hold, hold_id), market.stored(Order, told["id"])
        payment = market.stored(Payment, told["payment_id"])
        assert (hold.state, hold.version) == ("converting", 2)
        assert (order.hold_id, order.buyer_id, order.boxes) == (hold.id, shopper.account_id, hold.boxes)
        assert (payment.order_id, payment.payer_id) == (order.id, shopper.account_id)
        assert payment.amount_minor == order.total_minor == hold.boxes * (hold.unit_price_minor or 0)
        assert reply.headers == {"Location": f"/v1/orders/{order.id}", "ETag": '"1"'}
        shown = schemas.Order().dump({**told_by(order), "payment_id": payment.id})
        assert reply.body == json.dumps(shown, ensure_ascii=False), "the form of the schema"
    assert broken(market.app) == []


def told_by(order: Order) -> dict[str, object]:
    return {
        name: getattr(order, name) for name in schemas.Order().fields if name not in ("payment_id", "deposit")
    }


def test_what_was_done_stands_in_the_audit_trail_in_its_order(market: Market, shopper: Caller, sale) -> None:
    hold = held(shopper, sale, 3)
    response = shopper.post("/v1/orders", json={"hold_id": hold["hold_id"]})
    order, actor = response.json, f"account:{shopper.account_id}"
    with database.reading() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.request_id == response.headers["X-Request-Id"])
            .order_by(AuditEntry.id)
        ).all()
    assert [
        (each.actor, each.action, each.subject_kind, each.subject_id, each.before, each.after)
        for each in rows
    ] == [
        (
            actor,
            "hold.start_payment",
            "hold",
            hold["hold_id"],
            {"state": "active"},
            {"state": "converting"},
        ),
        (actor, "payment.open", "payment", order["payment_id"], None, {"amount_minor": order["total_minor"]}),
        (actor, "order.place", "order", order["id"], None, {"boxes": 3}),
    ]


def test_two_copies_under_one_key_have_one_effect(market: Market, holding) -> None:
    shopper, hold_id = holding()
    first, second = serve(TILL, *(arriving(TILL, shopper, hold_id, key=KEY) for _ in range(2)))
    assert (status(first), status(second)) == (201, 201)
    assert (first.replayed, second.replayed, second.body) == (False, True, first.body)
    assert (count(Order), count(Payment), stored_keys(KEY)) == (1, 1, 1)


def test_one_key_for_two_orders_is_refused(sale: Sale, shopper: Caller, market: Market) -> None:
    """One buyer has one live hold of a pool, so the other is of another sale."""
    holds = [held(shopper, each)["hold_id"] for each in (sale, market.on_sale(5))]
    first, second = serve(TILL, *(arriving(TILL, shopper, each, key=KEY, fingerprint=each) for each in holds))
    assert status(first) == 201
    assert isinstance(second, IdempotencyKeyReused)
    assert count(Order) == 1


def test_a_key_that_is_at_work_elsewhere_is_in_flight(market: Market, holding) -> None:
    (shopper, hold_id), (other, other_hold) = holding(), holding()
    number = (
        "SELECT pg_advisory_lock(('x' || encode(substr(sha256(convert_to(%(claim)s::text, 'UTF8')), 1, 8),"
        " 'hex'))::bit(64)::bigint)"
    )
    claim = f"account:{shopper.account_id}\n{KEY}"
    with market.app.extensions["sqlalchemy"].engine.connect() as elsewhere:
        elsewhere.exec_driver_sql(number, {"claim": claim})
        busy, free = serve(TILL, arriving(TILL, shopper, hold_id, key=KEY), arriving(TILL, other, other_hold))
        elsewhere.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    assert isinstance(busy, KeyInFlight)
    assert status(free) == 201
    assert stored_keys(KEY) == 0
    assert market.stored(Hold, hold_id).state == "active"


def test_two_who_ask_for_one_hold_are_served_after_each_other(market: Market, holding) -> None:
    shopper, hold_id = holding()
    replies = serve(TILL, *(arriving(TILL, shopper, hold_id) for _ in range(3)))
    assert [status(reply) for reply in replies] == [201, 409, 409]
    assert {code(reply) for reply in replies[1:]} == {"hold_not_active"}
    assert count(Order) == 1


def test_who_is_refused_keeps_nobody_from_theirs_and_is_refused_again(
    market: Market, holding, shopper: Caller
) -> None:
    """A foreign hold and none look alike; one that has lapsed is over before the sweeper comes."""
    (one, good), (_, foreign), (late, lapsed) = holding(), holding(), holding()
    market.let_expire(lapsed)
    keys = [uuid.uuid4().hex for _ in range(5)]
    asked = [(one, good), (shopper, foreign), (late, lapsed), (shopper, str(uuid.uuid4())), holding(2)]
    callers = [arriving(TILL, who, hold_id, key=key) for (who, hold_id), key in zip(asked, keys, strict=True)]
    replies = serve(TILL, *callers)
    assert [status(reply) for reply in replies] == [201, 404, 410, 404, 201]
    assert [code(replies[place]) for place in (1, 2, 3)] == [
        HoldNotFound.code,
        HoldExpired.code,
        HoldNotFound.code,
    ]
    assert [market.stored(Hold, each).state for each in (good, foreign, lapsed)] == [
        "converting",
        "active",
        "active",
    ]
    again = serve(TILL, *callers)
    assert [each.body for each in again] == [each.body for each in replies]
    assert all(each.replayed for each in again)
    assert [stored_keys(key) for key in keys] == [1] * 5
    assert count(Order) == 2


def test_a_broken_request_spoils_nothing_for_the_others(market: Market, holding) -> None:
    def poison(_ctx: Context) -> None:
        raise ZeroDivisionError

    (one, first), (two, spoilt), (three, last) = holding(), holding(), holding()
    replies = serve(
        TILL,
        arriving(TILL, one, first),
        arriving(TILL, two, spoilt, request_of=poison),
        arriving(TILL, three, last),
    )
    assert isinstance(replies[1], Broken)
    assert isinstance(replies[1].problem, ZeroDivisionError)
    assert [status(replies[place]) for place in (0, 2)] == [201, 201]
    assert market.stored(Hold, spoilt).state == "active"
    assert count(Order) == 2


def test_what_may_succeed_later_is_not_stored(market: Market, holding, monkeypatch) -> None:
    (one, first), (two, second) = holding(), holding()
    answer = Ordering.answer

    def busy(self: Ordering, request):
        if request.subject_id == uuid.UUID(first):
            raise errors.TryLater
        return answer(self, request)

    monkeypatch.setattr(Ordering, "answer", busy)
    later, now = serve(TILL, arriving(TILL, one, first, key=KEY), arriving(TILL, two, second))
    assert isinstance(later, errors.TryLater)
    assert status(now) == 201
    assert stored_keys(KEY) == 0


def test_a_batch_whose_rows_were_not_as_they_were_under_the_lock_leaves_nothing(
    market: Market, holding, monkeypatch
) -> None:
    """The update counts by the version: what slips past the lock is undone, never overwritten."""
    shopper, hold_id = holding()
    statement = Ordering.statement

    def stale(self: Ordering):
        sql, values = statement(self)
        assert '"before":1' in values["turned"]
        return sql, {**values, "turned": values["turned"].replace('"before":1', '"before":9')}

    monkeypatch.setattr(Ordering, "statement", stale)
    [reply] = serve(TILL, arriving(TILL, shopper, hold_id, key=KEY))
    assert isinstance(reply, Broken)
    assert (count(Order), count(Payment), stored_keys(KEY)) == (0, 0, 0)
    assert market.stored(Hold, hold_id).state == "active"


def test_who_may_not_order_is_not_let_in(market: Market, holding, as_role, anyone: Caller) -> None:
    (shopper, hold_id), other = holding(), as_role(Role.OPERATOR)
    unknown = Caller(market.app, "no-token-of-ours")
    refused, forbidden, served = serve(
        TILL,
        arriving(TILL, unknown, uuid.uuid4()),
        arriving(TILL, other, uuid.uuid4()),
        arriving(TILL, shopper, hold_id),
    )
    assert isinstance(refused, errors.Unauthenticated)
    assert isinstance(forbidden, errors.Forbidden)
    assert status(served) == 201


def test_a_till_that_must_let_go_looks_again(market: Market, holding, monkeypatch) -> None:
    shopper, hold_id = holding()
    tries: list[int] = []
    look = express.Work.rows

    def busy_once(self, *statements):
        tries.append(1)
        if len(tries) == 1:
            raise TryAgain
        return look(self, *statements)

    monkeypatch.setattr(express.Work, "rows", busy_once)
    [reply] = serve(TILL, arriving(TILL, shopper, hold_id))
    assert (status(reply), len(tries)) == (201, 2)


def test_in_a_callers_transaction_the_session_knows_what_was_written(market: Market, holding) -> None:
    shopper, hold_id = holding(2)

    def work(session):
        hold = session.get(Hold, uuid.UUID(hold_id))
        assert hold.state == "active"
        order, payment = checkout.place(session, acting(shopper), hold_id=hold.id)
        assert (hold.state, hold.version) == ("converting", 2)
        assert (order.hold_id, order.boxes, order.state) == (hold.id, 2, "deposit_due")
        assert (payment.order_id, payment.state) == (order.id, "requires_confirmation")
        with pytest.raises(HoldNotActive):
            checkout.place(session, acting(shopper), hold_id=hold.id)
        return order.id

    order_id = database.transact(work)
    assert market.stored(Order, order_id).state == "deposit_due"
    assert broken(market.app) == []


def test_orders_lock_no_hold_that_is_somebody_elses(market: Market, holding, shopper: Caller) -> None:
    """Who names another's hold waits for nobody, and makes nobody wait."""
    _, foreign = holding()
    with database.db.engine.connect() as elsewhere:
        elsewhere.execute(text("SELECT id FROM hold WHERE id = :id FOR UPDATE"), {"id": foreign})
        [reply] = serve(TILL, arriving(TILL, shopper, foreign))
        elsewhere.rollback()
    assert code(reply) == "hold_not_found"


def test_who_is_let_in_and_who_has_a_token_may_be_one(
    market: Market, sale: Sale, shopper: Caller, monkeypatch
) -> None:
    """Nobody knows before the look that both act for one account, and under one key."""
    first, second = (held(shopper, each)["hold_id"] for each in (sale, market.on_sale(5)))
    ctx = acting(shopper)
    claim = Claim(principal=ctx.actor.label, key=KEY, fingerprint="another")
    request = till.Request(ctx=ctx, claim=claim, subject_id=uuid.UUID(second))
    let_in = till.Caller(ctx=ctx, key=KEY, request_of=lambda _: request, subject_id=request.subject_id)
    works: list[int] = []
    work = till.Till._work
    monkeypatch.setattr(till.Till, "_work", lambda *args: (works.append(1), work(*args))[1])
    placed, reused = serve(TILL, arriving(TILL, shopper, first, key=KEY), let_in)
    assert len(works) == 2, "after each other, and nothing broke"
    assert status(placed) == 201
    assert isinstance(reused, IdempotencyKeyReused)
    assert (count(Order), stored_keys(KEY)) == (1, 1)


def test_holds_are_locked_in_the_order_of_the_counter(market: Market, sale: Sale, as_role) -> None:
    """By buyer, not by hold: a resize and an order of the same two buyers never wait for each other crosswise."""
    early, late = sorted((as_role(Role.SHOPPER) for _ in range(2)), key=lambda each: str(each.account_id))
    holds = {each: held(each, sale)["hold_id"] for each in (late, early)}
    assert holds[late] < holds[early], "by their own ids it would be the other way round"
    engine = database.db.engine
    lock = text("SELECT id FROM hold WHERE id = :id FOR UPDATE SKIP LOCKED")

    def at_till() -> list[Any]:
        with market.app.app_context():
            return serve(TILL, *(arriving(TILL, who, holds[who]) for who in (late, early)))

    with engine.connect() as elsewhere, engine.connect() as looking, ThreadPoolExecutor(1) as pool:
        elsewhere.execute(lock, {"id": holds[early]})
        served = pool.submit(at_till)
        until_somebody_waits(looking)
        free = looking.execute(lock, {"id": holds[late]}).all()
        looking.rollback()
        elsewhere.rollback()
        assert [status(reply) for reply in served.result()] == [201, 201]
    assert len(free) == 1, "who waits for the first has not locked the second"
