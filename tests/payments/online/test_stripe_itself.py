"""The same calls against Stripe's own test mode, where a key for it is given: STRIPE_TEST_KEY=sk_test_…"""

import os
import uuid

import pytest

from marketplace.payments.gateways import GatewayRefuses
from marketplace.payments.gateways.interface import Saving
from marketplace.payments.gateways.stripe_gateway import StripeGateway
from marketplace.payments.states import PaymentState, RefundStanding

KEY = os.environ.get("STRIPE_TEST_KEY", "")
pytestmark = pytest.mark.skipif(
    not KEY.startswith(("sk_test_", "rk_test_")),
    reason="no STRIPE_TEST_KEY is given: Stripe itself is not asked",
)


@pytest.fixture
def itself() -> StripeGateway:
    return gateway()


def gateway(*, captures_later: bool = False) -> StripeGateway:
    return StripeGateway(
        secret_key=KEY,
        webhook_secret="whsec_unused",
        api_base="",
        methods=("card",),
        return_url="https://example.com/back",
        captures_later=captures_later,
    )


def opened(itself: StripeGateway, payment_id: uuid.UUID):
    return itself.open(
        payment_id=payment_id,
        reference="TEST",
        amount_minor=5_200,
        currency="USD",
        key=f"{payment_id}:open:1",
    )


def test_a_card_is_charged_once_and_paid_back(itself: StripeGateway) -> None:
    payment_id, refund_id = uuid.uuid4(), uuid.uuid4()
    seen = opened(itself, payment_id)
    assert opened(itself, payment_id).provider_id == seen.provider_id
    assert (seen.state, seen.payment_id) == (PaymentState.REQUIRES_CONFIRMATION, payment_id)
    told = {
        "provider_id": seen.provider_id,
        "payment_method": "pm_card_visa",
        "key": f"{payment_id}:confirm:1",
    }
    paid = itself.confirm(**told)
    assert (paid.state, paid.received_minor, paid.method) == (PaymentState.SUCCEEDED, 5_200, "card")
    assert itself.retrieve(provider_id=seen.provider_id).receipt_reference == paid.receipt_reference
    assert (
        itself.cancel(provider_id=seen.provider_id, key=f"{payment_id}:cancel:1").state
        == PaymentState.SUCCEEDED
    )
    asked = {"provider_id": seen.provider_id, "refund_id": refund_id}
    back = itself.refund(**asked, amount_minor=200, key=f"{refund_id}:refund:1")
    assert (back.standing, back.refund_id) == (RefundStanding.PAID, refund_id)
    found = itself.find_refund(payment_ref=seen.provider_id, refund_id=refund_id)
    assert found is not None
    assert found.provider_id == back.provider_id
    with pytest.raises(GatewayRefuses):
        itself.refund(**asked, amount_minor=5_001, key=f"{refund_id}:refund:2")


def test_a_declined_card_leaves_it_to_be_paid_and_a_canceled_one_is_over(itself: StripeGateway) -> None:
    payment_id = uuid.uuid4()
    seen = opened(itself, payment_id)
    declined = itself.confirm(
        provider_id=seen.provider_id,
        payment_method="pm_card_chargeDeclinedInsufficientFunds",
        key=f"{payment_id}:confirm:1",
    )
    assert (declined.state, declined.problem) == (PaymentState.REQUIRES_CONFIRMATION, "insufficient_funds")
    gone = itself.cancel(provider_id=seen.provider_id, key=f"{payment_id}:cancel:1")
    assert gone.state == PaymentState.CANCELED


def test_a_bank_that_asks_sends_the_payer_there(itself: StripeGateway) -> None:
    payment_id = uuid.uuid4()
    seen = opened(itself, payment_id)
    asked = itself.confirm(
        provider_id=seen.provider_id,
        payment_method="pm_card_authenticationRequired",
        key=f"{payment_id}:confirm:1",
    )
    assert asked.state == PaymentState.REQUIRES_ACTION
    assert asked.next_step is not None
    assert (asked.next_step.url or "").startswith("https://")


def test_a_card_is_held_and_captured_or_let_go() -> None:
    itself = gateway(captures_later=True)
    for captures in (True, False):
        payment_id = uuid.uuid4()
        provider_id = opened(itself, payment_id).provider_id
        held = itself.confirm(
            provider_id=provider_id, payment_method="pm_card_visa", key=f"{payment_id}:confirm:1"
        )
        assert (held.state, held.authorised_minor, held.received_minor) == (PaymentState.PROCESSING, 5_200, 0)
        if captures:
            told = {"provider_id": provider_id, "amount_minor": 5_200, "key": f"{payment_id}:capture:1"}
            assert itself.capture(**told).received_minor == itself.capture(**told).received_minor == 5_200
        else:
            gone = itself.cancel(provider_id=provider_id, key=f"{payment_id}:cancel:1")
            assert (gone.state, gone.authorised_minor) == (PaymentState.CANCELED, 0)


def test_a_card_is_kept_charged_when_its_owner_is_away_and_forgotten(itself: StripeGateway) -> None:
    deposit, balance, account_id = (uuid.uuid4() for _ in range(3))
    first = opened(itself, deposit).provider_id
    saving = Saving(account_id=account_id, customer=None)
    told = {"provider_id": first, "saving": saving, "payment_method": "pm_card_visa"}
    assert itself.prepare(**told, key=f"{deposit}:prepare:1").customer is not None
    card = itself.confirm(provider_id=first, payment_method="pm_card_visa", key=f"{deposit}:confirm:1").card
    assert card is not None
    assert (card.brand, card.last4) == ("visa", "4242")
    second = opened(itself, balance).provider_id
    charged = itself.charge_saved(
        provider_id=second, customer=card.customer, payment_method=card.method, key=f"{balance}:charge:1"
    )
    assert (charged.state, charged.received_minor) == (PaymentState.SUCCEEDED, 5_200)
    for attempt in (1, 2):
        itself.forget(payment_method=card.method, key=f"{deposit}:forget:{attempt}")
