"""The stand-in behaves like Stripe, asked by Stripe's own client."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.stripe_stand_in import StandIn, shapes
from tests.stripe_stand_in.server import SECRET_KEY, WEBHOOK_SECRET

CARD = {"amount": 5_200, "currency": "cny", "allowed_payment_method_types": ["card"]}
WALLETS = {
    "amount": 5_200,
    "currency": "cny",
    "allowed_payment_method_types": ["card", "alipay", "wechat_pay"],
}


@pytest.fixture
def there() -> Iterator[StandIn]:
    with StandIn() as found:
        yield found


@pytest.fixture
def v1(there: StandIn):
    client = stripe.StripeClient(
        SECRET_KEY,
        base_addresses={"api": there.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=2),
    )
    return client.v1


def paid(v1, **changes):
    return v1.payment_intents.create(
        {**CARD, "payment_method": "pm_card_visa", "confirm": True, "return_url": "https://a.test", **changes}
    )


def refusal(kind: type[stripe.StripeError], call) -> stripe.StripeError:
    with pytest.raises(kind) as found:
        call()
    return found.value


# -- payment intents


def test_an_intent_is_made_confirmed_and_charged_with_its_fee(v1) -> None:
    intent = v1.payment_intents.create({**CARD, "metadata": {"payment_id": "p1"}})
    assert (intent.status, intent.amount_received, intent.latest_charge) == (
        "requires_payment_method",
        0,
        None,
    )
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    done = v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge.balance_transaction"]}
    )
    charge = done.latest_charge
    assert (done.status, done.amount_received) == ("succeeded", 5_200)
    assert (charge.paid, charge.captured, charge.payment_method_details.type) == (True, True, "card")
    booked = charge.balance_transaction
    assert (booked.amount, booked.fee, booked.net) == (5_200, 180, 5_020)
    assert done.metadata.to_dict() == {"payment_id": "p1"}


def test_a_hold_is_captured_in_part_and_the_rest_is_let_go(v1, there: StandIn) -> None:
    held = paid(v1, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 5_200, 0)
    done = v1.payment_intents.capture(held.id, {"amount_to_capture": 5_000, "expand": ["latest_charge"]})
    assert (done.status, done.amount_received, done.latest_charge.amount_captured) == (
        "succeeded",
        5_000,
        5_000,
    )
    assert done.latest_charge.amount_refunded == 200
    assert there.charged() == 5_000, "what was let go was never charged"
    assert refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.capture(held.id)).code == (
        "payment_intent_unexpected_state"
    )
    other = paid(v1, capture_method="manual")
    over = refusal(
        stripe.InvalidRequestError,
        lambda: v1.payment_intents.capture(other.id, {"amount_to_capture": 5_201}),
    )
    assert over.code == "amount_too_large"
    assert v1.payment_intents.cancel(other.id).status == "canceled"


HELD = {**WALLETS, "payment_method_options": {"card": {"capture_method": "manual"}}}


def test_cards_alone_are_held_and_wallets_go_on(v1, there: StandIn) -> None:
    told = {"payment_method": "pm_card_visa", "confirm": True, "return_url": "https://a.test"}
    held = v1.payment_intents.create({**HELD, **told, "expand": ["latest_charge"]})
    assert (held.status, held.amount_capturable, held.capture_method) == (
        "requires_capture",
        5_200,
        "automatic_async",
    )
    before = held.latest_charge.payment_method_details.card.capture_before
    assert 6 * 86_400 < before - held.latest_charge.created <= 7 * 86_400
    assert (there.held(), there.charged()) == (5_200, 0)
    by_wallet = v1.payment_intents.create(HELD)
    there.pay_in_browser(by_wallet.id, there.make_method("alipay"))
    there.answer_bank(by_wallet.id)
    assert (v1.payment_intents.retrieve(by_wallet.id).status, there.charged()) == ("succeeded", 5_200)
    wrong = {**WALLETS, "payment_method_options": {"alipay": {"capture_method": "manual"}}}
    error = refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.create(wrong))
    assert error.code == "parameter_unknown"


def test_a_hold_is_captured_once_under_its_key_or_let_go_or_expires(v1, there: StandIn) -> None:
    held = [paid(v1, capture_method="manual").id for _ in range(4)]
    told = {"amount_to_capture": 5_200}, {"idempotency_key": "c" * 20}
    assert v1.payment_intents.capture(held[0], *told).status == "succeeded"
    again = v1.payment_intents.capture(held[0], *told)
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert v1.payment_intents.cancel(held[1]).amount_capturable == 0
    there.books.expire_hold(held[2])
    assert v1.payment_intents.retrieve(held[2]).cancellation_reason == "automatic"
    for intent_id in held[:3]:
        error = refusal(stripe.InvalidRequestError, lambda key=intent_id: v1.payment_intents.capture(key))
        assert error.code == "payment_intent_unexpected_state"
    there.books.ahead_seconds = 8 * 86_400
    error = refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.capture(held[3]))
    assert error.code == "charge_expired_for_capture"
    v1.payment_intents.cancel(held[3])
    assert (there.charged(), there.held()) == (5_200, 0)
    types = [event["type"] for event in there.take_queue()]
    assert types.count("payment_intent.amount_capturable_updated") == 4
    assert (types.count("charge.captured"), types.count("charge.expired")) == (1, 1)


@pytest.mark.parametrize("method", ["alipay", "wechat_pay"])
def test_wallets_refuse_manual_capture_and_off_session(v1, there: StandIn, method: str) -> None:
    wrong = {**WALLETS, "allowed_payment_method_types": [method], "capture_method": "manual"}
    error = refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.create(wrong))
    assert error.param == "allowed_payment_method_types"
    held = v1.payment_intents.create({**WALLETS, "capture_method": "manual"})
    assert held.payment_method_types == ["card"], "what does not fit is left out"
    by_wallet = {"payment_method": there.make_method(method), "return_url": "https://a.test"}
    refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.confirm(held.id, by_wallet))
    off = {
        **WALLETS, "payment_method": there.make_method(method), "confirm": True, "off_session": True,
        "return_url": "https://a.test",
    }  # fmt: skip
    assert refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.create(off)).param == "off_session"


@pytest.mark.parametrize(
    ("method", "code", "decline"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ],
)
def test_a_declined_card_may_be_followed_by_another(v1, method: str, code: str, decline: str | None) -> None:
    intent = v1.payment_intents.create(CARD)
    error = refusal(
        stripe.CardError, lambda: v1.payment_intents.confirm(intent.id, {"payment_method": method})
    )
    assert (error.http_status, error.code, error.error.payment_intent.id) == (402, code, intent.id)
    seen = v1.payment_intents.retrieve(intent.id)
    assert (seen.status, seen.last_payment_error.code) == ("requires_payment_method", code)
    assert getattr(seen.last_payment_error, "decline_code", None) == decline
    again = v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)


def test_three_d_secure_waits_for_the_payer(v1, there: StandIn) -> None:
    method = "pm_card_authenticationRequired"
    intent = paid(v1, payment_method=method)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    assert intent.next_action.redirect_to_url.url.startswith("https://")
    there.answer_bank(intent.id, agrees=False)
    seen = v1.payment_intents.retrieve(intent.id)
    assert (seen.status, seen.last_payment_error.code) == (
        "requires_payment_method",
        "payment_intent_authentication_failure",
    )
    v1.payment_intents.confirm(intent.id, {"payment_method": method})
    there.answer_bank(intent.id)
    assert v1.payment_intents.retrieve(intent.id).status == "succeeded"
    error = refusal(stripe.CardError, lambda: paid(v1, payment_method=method, off_session=True))
    assert error.code == "authentication_required"


def test_wallets_send_the_payer_somewhere_and_may_take_their_time(v1, there: StandIn) -> None:
    for kind, action in (("alipay", "alipay_handle_redirect"), ("wechat_pay", "wechat_pay_display_qr_code")):
        intent = v1.payment_intents.create(WALLETS)
        shown = v1.payment_intents.confirm(
            intent.id, {"payment_method": there.make_method(kind), "return_url": "https://a.test"}
        )
        assert (shown.status, shown.next_action.type) == ("requires_action", action)
        there.books.start_processing(intent.id)
        assert v1.payment_intents.retrieve(intent.id).status == "processing"
        there.books.end_processing(intent.id)
        assert v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_what_succeeded_is_not_canceled_and_what_is_canceled_not_paid(v1) -> None:
    done, open_ = paid(v1), v1.payment_intents.create(CARD)
    error = refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.cancel(done.id))
    assert (error.http_status, error.code) == (400, "payment_intent_unexpected_state")
    assert error.error.payment_intent.status == "succeeded"
    gone = v1.payment_intents.cancel(open_.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    error = refusal(
        stripe.InvalidRequestError,
        lambda: v1.payment_intents.confirm(open_.id, {"payment_method": "pm_card_visa"}),
    )
    assert error.code == "payment_intent_unexpected_state"


def test_amounts_have_eight_digits_and_thousandths_end_with_a_zero(v1) -> None:
    assert v1.payment_intents.create({**CARD, "amount": 99_999_999}).amount == 99_999_999
    over = refusal(
        stripe.InvalidRequestError, lambda: v1.payment_intents.create({**CARD, "amount": 100_000_000})
    )
    assert over.code == "amount_too_large"
    assert v1.payment_intents.create({**CARD, "currency": "kwd", "amount": 1_230}).amount == 1_230
    odd = {**CARD, "currency": "kwd", "amount": 1_234}
    assert refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.create(odd)).param == "amount"


def test_methods_are_no_longer_named_as_they_were(v1) -> None:
    old = {"amount": 1, "currency": "cny", "payment_method_types": ["card"]}
    error = refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.create(old))
    assert error.code == "payment_method_types_no_longer_supported"


def test_a_card_is_kept_with_a_payment_charged_off_session_and_detached(v1, there: StandIn) -> None:
    customer = v1.customers.create({"metadata": {"account_id": "a"}})
    first = v1.payment_intents.create(WALLETS)
    told = {
        "customer": customer.id,
        "setup_future_usage": "off_session",
        "allowed_payment_method_types": ["card"],
    }
    assert v1.payment_intents.update(first.id, told).payment_method_types == ["card"]
    by_wallet = {"payment_method": there.make_method("alipay"), "return_url": "https://a.test"}
    refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.confirm(first.id, by_wallet))
    paid_first = v1.payment_intents.confirm(first.id, {"payment_method": "pm_card_visa"})
    method = v1.payment_methods.retrieve(paid_first.payment_method)
    assert (method.customer, method.card.last4) == (customer.id, "4242")
    assert refusal(
        stripe.InvalidRequestError, lambda: v1.payment_intents.update(first.id, {"customer": customer.id})
    ).code == ("payment_intent_unexpected_state")

    off = {"payment_method": method.id, "off_session": True}
    later = v1.payment_intents.create(CARD)
    refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.confirm(later.id, off))
    v1.payment_intents.update(later.id, {"customer": customer.id})
    assert v1.payment_intents.confirm(later.id, off).status == "succeeded"
    assert there.charged() == 2 * 5_200

    assert v1.payment_methods.detach(method.id).customer is None
    refusal(stripe.InvalidRequestError, lambda: v1.payment_methods.detach(method.id))
    last = v1.payment_intents.create({**CARD, "customer": customer.id})
    refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.confirm(last.id, off))
    assert v1.payment_methods.retrieve("pm_card_visa").type == "card"


# -- refunds


def test_refunds_add_up_to_the_charge_and_no_further(v1) -> None:
    intent = paid(v1)
    part = v1.refunds.create({"payment_intent": intent.id, "amount": 200})
    assert (part.status, part.amount) == ("succeeded", 200)
    over = refusal(
        stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id, "amount": 5_001})
    )
    assert "greater than unrefunded amount" in over.user_message
    v1.refunds.create({"payment_intent": intent.id})
    error = refusal(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id}))
    assert error.code == "charge_already_refunded"
    assert [each.amount for each in v1.refunds.list({"payment_intent": intent.id}).data] == [5_000, 200]


def test_wallets_refund_later_and_not_after_their_window(v1, there: StandIn) -> None:
    intent = v1.payment_intents.create(WALLETS)
    there.pay_in_browser(intent.id, there.make_method("alipay"))
    there.answer_bank(intent.id)
    one, two = (v1.refunds.create({"payment_intent": intent.id, "amount": 100}) for _ in range(2))
    assert (one.status, two.status) == ("pending", "pending")
    there.books.settle_refund(one.id)
    there.books.settle_refund(two.id, succeeds=False)
    assert v1.refunds.retrieve(one.id).status == "succeeded"
    failed = v1.refunds.retrieve(two.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    types = [event["type"] for event in there.take_queue() if event["type"].startswith("refund.")]
    assert types == ["refund.created"] * 2 + ["refund.updated"] * 2 + ["refund.failed"]
    there.books.ahead_seconds = 91 * 86_400
    error = refusal(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id}))
    assert error.code == "charge_not_refundable"


def test_what_was_not_charged_is_not_refunded(v1) -> None:
    intent = v1.payment_intents.create(CARD)
    refusal(stripe.InvalidRequestError, lambda: v1.refunds.create({"payment_intent": intent.id}))


# -- keys


def test_a_key_is_answered_once_and_belongs_to_its_parameters(v1, there: StandIn) -> None:
    options = {"idempotency_key": "k" * 20}
    first = v1.payment_intents.create(CARD, options)
    again = v1.payment_intents.create(CARD, options)
    assert (first.id, again.last_response.headers["Idempotent-Replayed"]) == (again.id, "true")
    assert len(there.books.all("payment_intent")) == 1
    error = refusal(
        stripe.IdempotencyError, lambda: v1.payment_intents.create({**CARD, "amount": 1}, options)
    )
    assert (error.http_status, error.error.type) == (400, "idempotency_error")


def test_declines_and_failures_are_repeated_under_their_key_and_refused_parameters_are_not(v1, there) -> None:
    intent = v1.payment_intents.create(CARD)
    decline = {"payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        refusal(
            stripe.CardError,
            lambda: v1.payment_intents.confirm(intent.id, decline, {"idempotency_key": "d" * 20}),
        )
    assert len([charge for charge in there.books.all("charge") if charge["status"] == "failed"]) == 1
    there.fail_next("error", "POST /v1/payment_intents")
    for _ in range(2):
        refusal(stripe.APIError, lambda: v1.payment_intents.create(CARD, {"idempotency_key": "e" * 20}))
    refusal(
        stripe.InvalidRequestError,
        lambda: v1.payment_intents.create({**CARD, "amount": 0}, {"idempotency_key": "f" * 20}),
    )
    assert v1.payment_intents.create(CARD, {"idempotency_key": "f" * 20}).status == "requires_payment_method"


def test_a_copy_in_flight_is_told_so(v1, there: StandIn) -> None:
    options = {"idempotency_key": "c" * 20}
    with ThreadPoolExecutor(1) as pool, there.books.lock:
        first = pool.submit(v1.payment_intents.create, CARD, options)
        while not there.calls:
            pass
        error = refusal(stripe.APIError, lambda: _unlocked(there, v1, options))
        assert error.http_status == 409
        there.books.lock.release()
        first.result()
        there.books.lock.acquire()
    assert len(there.books.all("payment_intent")) == 1


def _unlocked(there: StandIn, v1, options):
    """The second copy is answered by its key alone, without the books."""
    while len(there._answers) < 1:
        pass
    return v1.payment_intents.create(CARD, options)


# -- faults


def test_a_lost_answer_has_its_effect_and_a_dropped_call_has_none(v1, there: StandIn) -> None:
    there.fail_next("drop", "POST /v1/payment_intents")
    refusal(stripe.APIConnectionError, lambda: v1.payment_intents.create(CARD))
    assert there.books.all("payment_intent") == []
    there.fail_next("lost", "POST /v1/payment_intents")
    refusal(stripe.APIConnectionError, lambda: v1.payment_intents.create(CARD, {"idempotency_key": "l" * 20}))
    [made] = there.books.all("payment_intent")
    assert v1.payment_intents.create(CARD, {"idempotency_key": "l" * 20}).id == made["id"]


def test_it_is_busy_slow_and_away(v1, there: StandIn) -> None:
    there.fail_next("busy")
    refusal(stripe.RateLimitError, lambda: v1.payment_intents.create(CARD))
    there.fail_next("slow", seconds=2.5)
    refusal(stripe.APIConnectionError, lambda: v1.payment_intents.create(CARD))
    with there.away():
        refusal(stripe.APIConnectionError, v1.payment_intents.list)
    assert v1.payment_intents.list().data is not None


def test_only_its_own_secret_key_is_taken(there: StandIn) -> None:
    client = stripe.StripeClient("sk_test_other", base_addresses={"api": there.url}, max_network_retries=0)
    refusal(stripe.AuthenticationError, lambda: client.v1.payment_intents.create(CARD))


# -- lists, search, shapes


def test_lists_come_in_pages_and_search_finds_metadata(v1) -> None:
    made = [
        v1.payment_intents.create({**CARD, "metadata": {"payment_id": f"p{number}"}}) for number in range(25)
    ]
    seen = [each.id for each in v1.payment_intents.list({"limit": 10}).auto_paging_iter()]
    assert seen == [each.id for each in reversed(made)]
    found = v1.payment_intents.search({"query": "metadata['payment_id']:'p7'"})
    assert [each.id for each in found.data] == [made[7].id]
    assert (
        refusal(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve("pi_none")).code
        == "resource_missing"
    )
    assert (
        refusal(stripe.InvalidRequestError, lambda: v1.charges.list({"expand": ["nothing"]})).param
        == "expand"
    )


def test_every_object_has_the_published_fields_with_values_of_their_kinds(v1, there: StandIn) -> None:
    v1.customers.create({"email": "a@b.test"})
    intent = paid(v1)
    v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    there.books.dispute(paid(v1).id)
    account = v1.accounts.create({"country": "DE", "type": "express"})
    there.connect.onboard(account.id)
    sent = v1.transfers.create({"amount": 10, "currency": "cny", "destination": account.id})
    v1.transfers.reversals.create(sent.id, {"amount": 1})
    made = {row["object"] for row in there.books.rows.values()}
    assert made | {"account_link"} == set(shapes.KINDS)
    for row in there.books.rows.values():
        published = shapes.fields_of(row["object"])
        own = {name for name in row if not name.startswith("_")}
        left_out = set(published) - own - shapes.NOT_SENT.get(row["object"], set())
        assert not left_out or row["object"] == "payment_method", (row["object"], left_out)
        assert own <= set(published), (row["object"], own - set(published))
        for name in own:
            fits(row, name, published[name])


def fits(row, name: str, annotation: str) -> None:
    value, where = row[name], (row["object"], name, row[name], annotation)
    if value is None:
        assert "Optional" in annotation or "NoneType" in annotation, where
    elif annotation in ("<class 'int'>", "typing.Optional[int]"):
        assert type(value) is int, where
    elif annotation in ("<class 'bool'>", "typing.Optional[bool]"):
        assert type(value) is bool, where
    elif annotation in ("<class 'str'>", "typing.Optional[str]"):
        assert type(value) is str, where
    elif annotation.startswith("typing.List"):
        assert type(value) is list, where


# -- events


def test_events_tell_what_happened_signed_as_the_client_checks_it(v1, there: StandIn) -> None:
    intent = paid(v1)
    got = []

    def post(body: bytes, headers: dict[str, str]) -> int:
        got.append(stripe.Webhook.construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET))
        return 200

    assert there.deliver(post) == [200] * 3
    assert [event.type for event in got] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    assert got[-1].data.object.id == intent.id
    assert v1.events.list({"type": "payment_intent.succeeded"}).data[0].id == got[-1].id


def test_events_come_again_in_any_order_until_they_are_taken(v1, there: StandIn) -> None:
    for _ in range(5):
        paid(v1)
    seen: list[bytes] = []

    def post(body: bytes, _headers: dict[str, str]) -> int:
        seen.append(body)
        return 500 if len(seen) <= 45 else 200

    there.deliver(post, copies=3, shuffled=random.Random(5))
    assert (len(seen), len(there.queue)) == (45, 15)
    in_order = list(dict.fromkeys(seen))
    there.deliver(post)
    assert (len(seen), there.queue) == (60, [])
    assert sorted(in_order) == sorted(seen[45:])
    assert in_order != seen[45:]


def test_disputes_take_the_money_and_may_give_it_back(v1, there: StandIn) -> None:
    paid(v1, payment_method="pm_card_createDispute")
    [dispute] = v1.disputes.list().data
    assert (dispute.status, dispute.amount) == ("needs_response", 5_200)
    assert v1.charges.retrieve(dispute.charge).disputed
    error = refusal(stripe.InvalidRequestError, lambda: v1.refunds.create({"charge": dispute.charge}))
    assert error.code == "charge_disputed"
    there.books.close_dispute(dispute.id, won=True)
    assert v1.disputes.retrieve(dispute.id).status == "won"
    assert not v1.charges.retrieve(dispute.charge).disputed


# -- Connect


def test_an_account_is_onboarded_before_money_is_transferred_to_it(v1, there: StandIn) -> None:
    intent = paid(v1, transfer_group="order-1")
    assert (
        refusal(stripe.InvalidRequestError, lambda: v1.accounts.create({"country": "CN"})).param == "country"
    )
    account = v1.accounts.create({"country": "DE", "type": "express"})
    assert (account.payouts_enabled, account.details_submitted) == (False, False)
    assert account.requirements.currently_due
    link = v1.account_links.create(
        {
            "account": account.id,
            "type": "account_onboarding",
            "refresh_url": "https://a.test",
            "return_url": "https://a.test",
        }
    )
    assert link.url.startswith("https://")
    facts = {"amount": 3_000, "currency": "cny", "destination": account.id, "transfer_group": "order-1"}
    error = refusal(stripe.InvalidRequestError, lambda: v1.transfers.create(facts))
    assert error.code == "insufficient_capabilities_for_transfer"
    there.connect.onboard(account.id)
    assert v1.accounts.retrieve(account.id).payouts_enabled
    sent = v1.transfers.create({**facts, "source_transaction": intent.latest_charge})
    assert [each.id for each in v1.transfers.list({"transfer_group": "order-1"}).data] == [sent.id]
    over = {**facts, "source_transaction": intent.latest_charge}
    refusal(stripe.InvalidRequestError, lambda: v1.transfers.create(over))
    error = refusal(stripe.InvalidRequestError, lambda: v1.transfers.create({**facts, "amount": 9_000}))
    assert error.code == "balance_insufficient"


def test_a_transfer_is_reversed_up_to_what_was_sent(v1, there: StandIn) -> None:
    paid(v1)
    account = v1.accounts.create({"country": "DE", "type": "express"})
    there.connect.onboard(account.id)
    sent = v1.transfers.create({"amount": 3_000, "currency": "cny", "destination": account.id})
    back = v1.transfers.reversals.create(sent.id, {"amount": 1_000})
    assert (back.amount, v1.transfers.retrieve(sent.id).amount_reversed) == (1_000, 1_000)
    refusal(stripe.InvalidRequestError, lambda: v1.transfers.reversals.create(sent.id, {"amount": 2_001}))
    v1.transfers.reversals.create(sent.id)
    seen = v1.transfers.retrieve(sent.id)
    assert (seen.reversed, seen.amount_reversed) == (True, 3_000)
