"""Events at the door: signed ones are stored once and handled by what is true then; forged ones change nothing."""

import json
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import stripe

from marketplace import context, jobs
from marketplace.access import Role
from marketplace.payments import calls
from marketplace.payments.gateways.interface import EventForged
from tests.builders import Market, assert_refused, ordered
from tests.house import Caller
from tests.payments.online import there
from tests.payments.online.there import There, books, pay
from tests.stripe_stand_in.server import WEBHOOK_SECRET

OTHER_SECRET = "whsec_" + "o" * 32


def event(**changes) -> dict:
    about = {"id": "pi_1", "object": "payment_intent"}
    return {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "data": {"object": about},
        **changes,
    }


def signature(text: str, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    return stripe.WebhookSignature.generate_signature_header(text, secret, timestamp=at or int(time.time()))


TEXT = json.dumps(event())


def signed(name: str, told: dict) -> dict[str, tuple[bytes, str]]:
    text = json.dumps(told)
    return {f"signed, and {name}": (text.encode(), signature(text))}


def forged() -> dict[str, tuple[bytes, str | None]]:
    """Name → body and signature, none of which may be believed."""
    now = int(time.time())
    good = signature(TEXT)
    digest = good.split("v1=")[1]
    return {
        "no signature": (TEXT.encode(), None),
        "an empty one": (TEXT.encode(), ""),
        "another secret": (TEXT.encode(), signature(TEXT, secret=OTHER_SECRET)),
        "another endpoint's secret and ours mixed": (TEXT.encode(), good.replace(digest[:10], "0" * 10)),
        "another body": (TEXT.replace("evt_1", "evt_2").encode(), good),
        "one byte more": (TEXT.encode() + b" ", good),
        "an old stamp": (TEXT.encode(), signature(TEXT, at=now - 301 - 5)),
        "a future stamp": (TEXT.encode(), signature(TEXT, at=now + 301 + 5)),
        "a far future stamp": (TEXT.encode(), signature(TEXT, at=99_999_999_999)),
        "an old body under a new stamp": (TEXT.encode(), f"t={now},v1={signature(TEXT, at=now - 900)[-64:]}"),
        "two wrong signatures": (TEXT.encode(), f"t={now},v1={'0' * 64},v1={'1' * 64}"),
        "two stamps": (TEXT.encode(), f"t={now - 5},{good}"),
        "the v0 scheme alone": (TEXT.encode(), good.replace("v1=", "v0=")),
        "no stamp": (TEXT.encode(), f"v1={digest}"),
        "a stamp that is no number": (TEXT.encode(), f"t=now,v1={digest}"),
        "a stamp in other digits": (TEXT.encode(), f"t=\u0661,v1={digest}".encode().decode("latin-1")),
        "a negative stamp": (TEXT.encode(), f"t=-{now},v1={digest}"),
        "a signature of 10,000 letters": (TEXT.encode(), good + ",v1=" + "0" * 10_000),
        "broken UTF-8": (b"\xff\xfe" + TEXT.encode(), good),
        "broken UTF-8 in the middle": (TEXT.encode().replace(b"evt", b"ev\xc3("), good),
        "nothing at all": (b"", signature("")),
        "signed, and no JSON": (b"hello", signature("hello")),
        "signed, and a list": (b"[]", signature("[]")),
        "signed, and NaN": (b'{"a": NaN}', signature('{"a": NaN}')),
        "signed, and no object in it": (b'{"object": "event"}', signature('{"object": "event"}')),
        **signed("not an event", event(object="charge")),
        **signed("an id that is a number", event(id=7)),
        **signed("an id of 256 letters", event(id="e" * 256)),
        **signed("an object that is a text", event(data={"object": "x"})),
        **signed("a NUL in its id", event(id="evt\0")),
        **signed(
            "a NUL in its payment",
            event(data={"object": {"id": "c", "object": "charge", "payment_intent": "\0"}}),
        ),
        **signed("half a character", event(id="evt\ud800")),
        **signed("an object that is null", event(data={"object": None})),
        **signed(
            "a payment that is a number",
            event(data={"object": {"id": "ch_1", "object": "charge", "payment_intent": 5}}),
        ),
    }


@pytest.mark.parametrize("case", forged())
def test_what_is_forged_or_unreadable_is_refused_and_changes_nothing(
    online: There, market: Market, case: str
) -> None:
    body, header = forged()[case]
    headers = {"Content-Type": "application/json"} | ({} if header is None else {"Stripe-Signature": header})
    with market.unchanged():
        assert_refused(online.answer(body, headers), 400, "event_forged")


def test_without_a_secret_no_signature_is_believed() -> None:
    gateway = there.gateway_at("", webhook_secret="")
    with pytest.raises(EventForged):
        gateway.read_event(TEXT.encode(), signature(TEXT, secret=""), now=context.now_utc())


def test_more_than_a_quarter_of_a_megabyte_is_not_read(online: There, market: Market) -> None:
    body = b"x" * 262_145
    with market.unchanged():
        assert online.answer(body, {"Stripe-Signature": signature("x")}).status_code == 413


def test_ours_beside_a_foreign_signature_is_believed_as_when_secrets_change(online: There) -> None:
    good = signature(TEXT)
    response = online.answer(TEXT.encode(), {"Stripe-Signature": good + ",v1=" + "0" * 64})
    assert (response.status_code, response.json) == (200, {"is_new": True})


@pytest.mark.parametrize("age", [-290, 290])
def test_a_stamp_within_five_minutes_is_believed(online: There, age: int) -> None:
    headers = {"Stripe-Signature": signature(TEXT, at=int(time.time()) - age)}
    assert online.answer(TEXT.encode(), headers).status_code == 200


def test_without_a_gateway_nobody_takes_events_in(market: Market, app) -> None:
    with market.unchanged():
        response = app.test_client().post(
            "/v1/webhooks/stripe", data=b"{}", headers={"Stripe-Signature": "t=1"}
        )
        assert_refused(response, 409, "gateway_not_offered")


def test_an_event_is_stored_once_and_its_contents_are_not_kept(online: There) -> None:
    text = json.dumps(
        event(data={"object": {"id": "pi_1", "object": "payment_intent", "receipt_email": "a@b.test"}})
    )
    headers = {"Stripe-Signature": signature(text)}
    assert online.answer(text.encode(), headers).json == {"is_new": True}
    assert online.answer(text.encode(), headers).json == {"is_new": False}
    [stored] = online.events()
    assert (stored.event_id, stored.type, stored.payment_ref) == ("evt_1", "payment_intent.succeeded", "pi_1")
    assert "a@b.test" not in repr(vars(stored))


def test_the_same_event_at_the_same_moment_is_stored_once(online: There, market: Market) -> None:
    def go(_: int) -> bool:
        with market.app.app_context():
            return online.answer(TEXT.encode(), {"Stripe-Signature": signature(TEXT)}).json["is_new"]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(go, range(8))) == [False] * 7 + [True]
    assert len(online.events()) == 1


def test_what_is_none_of_ours_is_handled_by_leaving_it(online: There, shopper: Caller) -> None:
    books = online.stand_in.books
    foreign = books.create_intent({"amount": "100", "currency": "cny"})
    books.confirm_intent(foreign["id"], {"payment_method": "pm_card_visa"})
    books.make_customer({"email": "a@b.test"})
    books.create_refund({"payment_intent": foreign["id"]})
    online.deliver()
    online.work()
    gone = json.dumps(event())
    online.answer(gone.encode(), {"Stripe-Signature": signature(gone)})
    online.work()
    outcomes = {each.type: each.outcome for each in online.events()}
    assert outcomes.pop("payment_intent.succeeded") in ("not_ours", "unknown_there")
    assert outcomes == {
        "payment_intent.created": "not_ours",
        "charge.succeeded": "not_ours",
        "customer.created": "ignored",
        "refund.created": "not_ours",
        "charge.refunded": "not_ours",
    }
    assert {each.outcome for each in online.events() if each.event_id == "evt_1"} == {"unknown_there"}


def test_an_intent_that_claims_to_be_for_a_payment_of_ours_is_not_believed(
    online: There, market: Market, shopper: Caller
) -> None:
    """Only the one that we opened pays it."""
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    books = online.stand_in.books
    told = {"payment_id": order["payment_id"]}
    other = books.create_intent({"amount": "1", "currency": "cny", "metadata": told})
    books.confirm_intent(other["id"], {"payment_method": "pm_card_visa"})
    online.deliver()
    online.work()
    assert online.payment(order).state == "requires_confirmation"
    assert all(each.handled_at is not None for each in online.events())


def test_another_sum_than_was_due_is_a_question_for_a_person(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    intent = online.intent(order)
    intent["amount"] -= 1
    online.stand_in.pay_in_browser(intent["id"])
    online.deliver()
    online.work()
    assert online.payment(order).state == "requires_confirmation"
    [case] = online.open_cases()
    assert (case.kind, case.facts["reason"], case.facts["received_minor"]) == (
        "payment",
        "money_differs",
        order["total_minor"] - 1,
    )


def test_a_dispute_opens_a_case(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, "pm_card_createDispute")
    online.deliver()
    online.work()
    [case] = online.open_cases()
    assert (case.kind, case.facts["reason"], case.subject_id) == (
        "payment",
        "disputed",
        uuid.UUID(order["payment_id"]),
    )
    assert online.state(order)[0] == "committed"


def test_what_a_dispute_takes_is_booked_once_and_taken_back_when_it_is_won(
    online: There, market: Market, shopper: Caller
) -> None:
    """The bank takes the payment and a fee of 15; won, the payment comes back, and the fee does not."""
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, "pm_card_createDispute")
    fee = online.known(order).fee_minor or 0
    total = order["total_minor"]
    online.deliver(copies=3, seed=5)
    online.work()
    taken = {"dispute_expense": total, "provider_fee_expense": fee + 1_500, "order_liability": total}
    assert books() == {**taken, "psp_clearing": -fee - 1_500}
    [dispute] = [row for row in online.stand_in.books.rows.values() if row["object"] == "dispute"]
    online.stand_in.books.close_dispute(dispute["id"], won=True)
    online.deliver(copies=2)
    online.work()
    assert books() == {
        "provider_fee_expense": fee + 1_500,
        "order_liability": total,
        "psp_clearing": total - fee - 1_500,
    }
    assert online.open_cases() == []


def test_a_lost_dispute_stays_an_expense_and_a_case(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, "pm_card_createDispute")
    online.deliver()
    online.work()
    [dispute] = [row for row in online.stand_in.books.rows.values() if row["object"] == "dispute"]
    online.stand_in.books.close_dispute(dispute["id"], won=False)
    before = books()
    online.deliver()
    online.work()
    assert books() == before
    assert before["dispute_expense"] == order["total_minor"]
    assert [each.kind for each in online.open_cases()] == ["payment"]


def test_a_lost_job_and_a_gateway_that_is_away_only_delay_an_event(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.deliver()
    online.lose_jobs()
    with online.stand_in.away("busy"):
        online.sweep(minutes=2)
        assert online.state(order)[0] == "deposit_due"
        online.sweep(minutes=20)
    assert {each.tries for each in online.events()} == {2}
    online.sweep(minutes=90)
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert all(each.handled_at is not None for each in online.events())


def test_an_event_that_finds_the_line_taken_comes_again_in_a_moment(
    online: There, market: Market, shopper: Caller
) -> None:
    """Nobody was asked, so nothing speaks for waiting longer and longer."""
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.deliver()
    with ExitStack() as others:
        for _ in range(market.app.config["WORKER_CONCURRENCY"]):
            others.enter_context(jobs.line(calls.OUTSIDE))
        online.work()
    assert {(each.tries, each.handled_at) for each in online.events()} == {(0, None)}
    online.work(seconds=2)
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert all(each.handled_at is not None for each in online.events())


def test_without_any_event_a_payment_is_found_by_looking(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.stand_in.take_queue()
    online.sweep(minutes=1)
    assert online.state(order)[0] == "deposit_due", "not asked for before its time"
    online.sweep(minutes=3)
    assert online.state(order) == ("committed", "succeeded", "succeeded")


def test_five_times_shuffled_ends_as_once_in_order(online: There, market: Market, as_role) -> None:
    """Thirty payments, each event up to five times, in any order."""
    sale, seeded = market.on_sale(200), random.Random(7)
    orders = []
    for number in range(30):
        shopper = as_role(Role.SHOPPER)
        order = ordered(shopper, sale)
        pay(shopper, order)
        intent_id = online.intent(order)["id"]
        if number % 3 == 0:
            online.stand_in.pay_in_browser(intent_id, "pm_card_chargeDeclined")
        if number % 5 != 4:
            online.stand_in.pay_in_browser(intent_id)
        orders.append((order, number % 5 != 4))
    online.deliver(copies=seeded.randrange(2, 6), seed=7)
    online.work()
    online.deliver(copies=2, seed=8)
    online.work()
    for order, is_paid in orders:
        assert online.state(order)[0] == ("committed" if is_paid else "deposit_due")
    assert online.stand_in.charged() == sum(order["total_minor"] for order, is_paid in orders if is_paid)
    assert len({each.event_id for each in online.events()}) == len(online.events())
