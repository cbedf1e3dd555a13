"""Stripe: PaymentIntents, refunds, signed events. The only file that knows its library, and its words.

Each call has a time-out and one repeat; what is left unknown then is GatewayUnavailable. A key of ours goes with every
call that changes something, so that a repeat, ours or the library's, has one effect.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import stripe
from stripe import Charge, Customer, PaymentIntent, StripeClient
from stripe.params import PaymentIntentCreateParamsPaymentMethodOptions, PaymentIntentUpdateParams

from marketplace import strict_json
from marketplace.errors import Refusal
from marketplace.logs import log
from marketplace.payments.gateways import stripe_events
from marketplace.payments.gateways.interface import (
    NOT_SAVABLE,
    AccountSeen,
    CardSeen,
    DisputeEntry,
    DisputeSeen,
    EventForged,
    EventSeen,
    GatewayRefuses,
    GatewayUnavailable,
    LinkSeen,
    NextStep,
    RefundSeen,
    Saving,
    Seen,
    TransferSeen,
)
from marketplace.payments.states import PaymentState, RefundStanding

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 10
REPEATS_MAX: Final = 1
AGE_SECONDS_MAX: Final = 300
"""An event's stamp may be so old, or so far in the future: the library looks at the past only."""
EXPAND: Final = ["latest_charge.balance_transaction"]
DECIDED: Final = ("payment_intent_unexpected_state", "charge_expired_for_capture")
"""Stripe's words for: something else has happened to it meanwhile. What, is seen by looking."""
SAVABLE: Final = "card"
"""What may be charged when its owner is away."""
CARDS_HELD: Final[PaymentIntentCreateParamsPaymentMethodOptions] = {"card": {"capture_method": "manual"}}
"""Of cards alone: Alipay and WeChat Pay take the money at once or not at all, and are left as they are."""

STATES: Final = {
    "requires_payment_method": PaymentState.REQUIRES_CONFIRMATION,
    "requires_confirmation": PaymentState.REQUIRES_CONFIRMATION,
    "requires_action": PaymentState.REQUIRES_ACTION,
    "requires_capture": PaymentState.PROCESSING,
    "processing": PaymentState.PROCESSING,
    "succeeded": PaymentState.SUCCEEDED,
    "canceled": PaymentState.CANCELED,
}
STANDINGS: Final = {
    "pending": RefundStanding.PENDING,
    "requires_action": RefundStanding.PENDING,
    "succeeded": RefundStanding.PAID,
    "failed": RefundStanding.FAILED,
    "canceled": RefundStanding.FAILED,
}
NEXT_STEPS: Final = {
    "redirect_to_url": ("redirect_to_url", "url", None),
    "alipay_handle_redirect": ("alipay_handle_redirect", "url", None),
    "wechat_pay_display_qr_code": ("wechat_pay_display_qr_code", "hosted_instructions_url", "data"),
}
"""Kind of next action → where in it an address and a text to scan stand."""


class StripeGateway:
    """See the module's docstring."""

    name = "stripe"

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str,
        api_base: str,
        methods: tuple[str, ...],
        return_url: str,
        captures_later: bool = False,
    ) -> None:
        self._client = StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=REPEATS_MAX,
            http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
        )
        self._webhook_secret = webhook_secret
        self._methods = methods
        self._return_url = return_url
        self._options = CARDS_HELD if captures_later and "card" in methods else {}

    def open(
        self, *, payment_id: uuid.UUID, reference: str, amount_minor: int, currency: str, key: str
    ) -> Seen:
        with _asking():
            return _seen(
                self._client.v1.payment_intents.create(
                    {
                        "amount": amount_minor,
                        "currency": currency.lower(),
                        "allowed_payment_method_types": list(self._methods),
                        "payment_method_options": self._options,
                        "metadata": {"payment_id": str(payment_id), "reference": reference},
                        "description": reference,
                        "expand": EXPAND,
                    },
                    {"idempotency_key": key},
                )
            )

    def confirm(self, *, provider_id: str, payment_method: str, key: str) -> Seen:
        with _asking():
            return self._decided(
                provider_id,
                lambda: self._client.v1.payment_intents.confirm(
                    provider_id,
                    {
                        "payment_method": payment_method,
                        "payment_method_options": {"wechat_pay": {"client": "web"}},
                        "return_url": self._return_url,
                        "expand": EXPAND,
                    },
                    {"idempotency_key": key},
                ),
            )

    def prepare(
        self, *, provider_id: str, saving: Saving | None, payment_method: str | None, key: str
    ) -> Seen:
        asked: PaymentIntentUpdateParams = {"expand": EXPAND}
        with _asking():
            if saving is None:
                asked["setup_future_usage"] = ""
                asked["allowed_payment_method_types"] = list(self._methods)
            else:
                self._check_savable(payment_method)
                asked["customer"] = saving.customer or self._customer(saving.account_id)
                asked["setup_future_usage"] = "off_session"
                asked["allowed_payment_method_types"] = [SAVABLE]
            return self._decided(
                provider_id,
                lambda: self._client.v1.payment_intents.update(provider_id, asked, {"idempotency_key": key}),
            )

    def charge_saved(self, *, provider_id: str, customer: str, payment_method: str, key: str) -> Seen:
        def charge() -> PaymentIntent:
            self._client.v1.payment_intents.update(
                provider_id, {"customer": customer}, {"idempotency_key": f"{key}:customer"}
            )
            return self._client.v1.payment_intents.confirm(
                provider_id,
                {
                    "payment_method": payment_method,
                    "off_session": True,
                    "return_url": self._return_url,
                    "expand": EXPAND,
                },
                {"idempotency_key": key},
            )

        with _asking():
            return self._decided(provider_id, charge)

    def forget(self, *, payment_method: str, key: str) -> None:
        with _asking():
            try:
                self._client.v1.payment_methods.detach(payment_method, {}, {"idempotency_key": key})
            except stripe.InvalidRequestError:
                if self._client.v1.payment_methods.retrieve(payment_method).customer is not None:
                    raise

    def capture(self, *, provider_id: str, amount_minor: int, key: str) -> Seen:
        with _asking():
            return self._decided(
                provider_id,
                lambda: self._client.v1.payment_intents.capture(
                    provider_id,
                    {"amount_to_capture": amount_minor, "expand": EXPAND},
                    {"idempotency_key": key},
                ),
            )

    def cancel(self, *, provider_id: str, key: str) -> Seen:
        with _asking():
            return self._decided(
                provider_id,
                lambda: self._client.v1.payment_intents.cancel(
                    provider_id,
                    {"cancellation_reason": "abandoned", "expand": EXPAND},
                    {"idempotency_key": key},
                ),
            )

    def retrieve(self, *, provider_id: str) -> Seen:
        with _asking():
            return _seen(self._intent(provider_id))

    def refund(self, *, provider_id: str, refund_id: uuid.UUID, amount_minor: int, key: str) -> RefundSeen:
        with _asking():
            return _refund_seen(
                self._client.v1.refunds.create(
                    {
                        "payment_intent": provider_id,
                        "amount": amount_minor,
                        "reason": "requested_by_customer",
                        "metadata": {"refund_id": str(refund_id)},
                    },
                    {"idempotency_key": key},
                )
            )

    def retrieve_refund(self, *, provider_id: str) -> RefundSeen:
        with _asking():
            return _refund_seen(self._client.v1.refunds.retrieve(provider_id))

    def find_refund(self, *, payment_ref: str, refund_id: uuid.UUID) -> RefundSeen | None:
        with _asking():
            listed = self._client.v1.refunds.list({"payment_intent": payment_ref, "limit": 100})
            for refund in listed.auto_paging_iter():
                seen = _refund_seen(refund)
                if seen.refund_id == refund_id and seen.standing != RefundStanding.FAILED:
                    return seen
            return None

    def retrieve_dispute(self, *, provider_id: str, payment_ref: str) -> DisputeSeen:
        payment = self.retrieve(provider_id=payment_ref)
        with _asking():
            dispute = self._client.v1.disputes.retrieve(provider_id)
        return DisputeSeen(
            payment=payment,
            status=dispute.status,
            is_won=dispute.status == "won",
            entries=tuple(
                DisputeEntry(
                    provider_id=each.id,
                    amount_minor=each.amount,
                    fee_minor=each.fee,
                    currency=each.currency.upper(),
                )
                for each in dispute.balance_transactions
            ),
        )

    def open_account(self, *, cooperative_id: uuid.UUID, country: str, key: str) -> AccountSeen:
        with _asking():
            return _account_seen(
                self._client.v1.accounts.create(
                    {
                        "type": "express",
                        "country": country,
                        "capabilities": {"transfers": {"requested": True}},
                        "metadata": {"cooperative_id": str(cooperative_id)},
                    },
                    {"idempotency_key": key},
                )
            )

    def link_account(self, *, provider_id: str) -> LinkSeen:
        with _asking():
            link = self._client.v1.account_links.create(
                {
                    "account": provider_id,
                    "type": "account_onboarding",
                    "return_url": self._return_url,
                    "refresh_url": self._return_url,
                }
            )
            return LinkSeen(url=link.url, expires_at=datetime.fromtimestamp(link.expires_at, UTC))

    def retrieve_account(self, *, provider_id: str) -> AccountSeen:
        with _asking():
            return _account_seen(self._client.v1.accounts.retrieve(provider_id))

    def transfer(
        self, *, payout_id: uuid.UUID, account: str, amount_minor: int, currency: str, group: str, key: str
    ) -> TransferSeen:
        with _asking():
            return _transfer_seen(
                self._client.v1.transfers.create(
                    {
                        "amount": amount_minor,
                        "currency": currency.lower(),
                        "destination": account,
                        "transfer_group": group,
                        "metadata": {"payout_id": str(payout_id)},
                    },
                    {"idempotency_key": key},
                )
            )

    def retrieve_transfer(self, *, provider_id: str) -> TransferSeen:
        with _asking():
            return _transfer_seen(self._client.v1.transfers.retrieve(provider_id))

    def find_transfer(self, *, group: str, payout_id: uuid.UUID) -> TransferSeen | None:
        with _asking():
            listed = self._client.v1.transfers.list({"transfer_group": group, "limit": 100})
            for transfer in listed.auto_paging_iter():
                seen = _transfer_seen(transfer)
                if seen.payout_id == payout_id:
                    return seen
            return None

    def reverse_transfer(self, *, provider_id: str, key: str) -> TransferSeen:
        with _asking():
            self._client.v1.transfers.reversals.create(provider_id, {}, {"idempotency_key": key})
            return _transfer_seen(self._client.v1.transfers.retrieve(provider_id))

    def read_event(self, body: bytes, signature: str | None, *, now: datetime) -> EventSeen:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise EventForged from None
        stamp = stripe_events.stamp_of(signature)
        try:
            # its age is looked at here, in both directions
            stripe.WebhookSignature.verify_header(text, signature, self._webhook_secret, tolerance=None)
        except stripe.SignatureVerificationError:
            raise EventForged from None
        if abs(int(now.timestamp()) - stamp) > AGE_SECONDS_MAX:
            raise EventForged
        try:
            told = strict_json.loads(body)
        except Refusal:
            raise EventForged from None
        return stripe_events.about(told)

    def _decided(self, provider_id: str, ask: Callable[[], PaymentIntent]) -> Seen:
        """A decline, or that it was decided otherwise meanwhile, is seen by looking."""
        try:
            return _seen(ask())
        except stripe.CardError:
            return _seen(self._intent(provider_id))
        except stripe.InvalidRequestError as problem:
            if problem.code not in DECIDED:
                raise
            return _seen(self._intent(provider_id))

    def _check_savable(self, payment_method: str | None) -> None:
        """Of a method that its payer's device will choose, the payment allows only what may be kept."""
        known = payment_method is not None and self._client.v1.payment_methods.retrieve(payment_method).type
        if SAVABLE not in self._methods or known not in (False, SAVABLE):
            raise GatewayRefuses(NOT_SAVABLE)

    def _customer(self, account_id: uuid.UUID) -> str:
        made = self._client.v1.customers.create(
            {"metadata": {"account_id": str(account_id)}}, {"idempotency_key": f"{account_id}:customer:1"}
        )
        return made.id

    def _intent(self, provider_id: str) -> PaymentIntent:
        return self._client.v1.payment_intents.retrieve(provider_id, {"expand": EXPAND})


@contextmanager
def _asking() -> Iterator[None]:
    """Stripe's failures in our words: either it said no, or nobody knows."""
    try:
        yield
    except stripe.IdempotencyError as problem:
        log.error("a key was used for two different calls", detail=str(problem.user_message))
        raise GatewayRefuses("idempotency_error") from None
    except (stripe.InvalidRequestError, stripe.CardError) as problem:
        raise GatewayRefuses(_word(problem)) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as problem:
        log.error("Stripe does not take our key", detail=type(problem).__name__)
        raise GatewayUnavailable from None
    except stripe.StripeError as problem:
        log.warning("Stripe gave no answer", kind=type(problem).__name__, status=problem.http_status)
        raise GatewayUnavailable from None


def _word(problem: stripe.InvalidRequestError | stripe.CardError) -> str:
    return _told(problem.error, "decline_code") or problem.code or "invalid_request"


def _seen(intent: PaymentIntent) -> Seen:
    charge = intent.latest_charge
    assert charge is None or isinstance(charge, Charge), "it was asked for with its charge"
    state = STATES.get(intent.status)
    if state is None:
        log.error("Stripe tells of a state that is not known here", state=intent.status)
        raise GatewayUnavailable
    paid = charge if state == PaymentState.SUCCEEDED else None
    details = paid.payment_method_details if paid is not None else None
    entry = paid.balance_transaction if paid is not None else None
    booked = entry if isinstance(entry, stripe.BalanceTransaction) else None
    error = intent.last_payment_error
    return Seen(
        provider_id=intent.id,
        payment_id=_id(intent.metadata, "payment_id"),
        state=state,
        received_minor=intent.amount_received,
        currency=intent.currency.upper(),
        authorised_minor=intent.amount_capturable,
        receipt_reference=paid.id if paid is not None else None,
        method=details.type if details is not None else None,
        paid_at=datetime.fromtimestamp(paid.created, UTC) if paid is not None else None,
        fee_minor=booked.fee if booked is not None else None,
        fee_currency=booked.currency.upper() if booked is not None else None,
        client_secret=intent.client_secret,
        next_step=_next_step(intent),
        problem=_told(error, "decline_code") or _told(error, "code"),
        customer=_ref(intent.customer),
        card=_card(intent, charge),
    )


def _card(intent: PaymentIntent, charge: Charge | None) -> CardSeen | None:
    """The card that is kept: an attempt that failed keeps none."""
    customer = _ref(intent.customer)
    method = charge.payment_method if charge is not None and charge.paid else None
    details = charge.payment_method_details if charge is not None else None
    card = details.card if details is not None and details.type == SAVABLE else None
    if intent.setup_future_usage != "off_session" or customer is None or method is None or card is None:
        return None
    return CardSeen(
        customer=customer,
        method=method,
        brand=card.brand or "unknown",
        last4=card.last4 or "????",
        exp_month=card.exp_month,
        exp_year=card.exp_year,
    )


def _ref(found: str | Customer | None) -> str | None:
    return found if found is None or isinstance(found, str) else found.id


def _next_step(intent: PaymentIntent) -> NextStep | None:
    action = intent.next_action
    if action is None:
        return None
    kind, url, qr_text = NEXT_STEPS.get(action.type, (action.type, None, None))
    told = getattr(action, action.type, None)
    return NextStep(kind=kind, url=_told(told, url), qr_text=_told(told, qr_text))


def _refund_seen(refund: stripe.Refund) -> RefundSeen:
    return RefundSeen(
        provider_id=refund.id,
        refund_id=_id(refund.metadata, "refund_id"),
        standing=STANDINGS.get(refund.status or "", RefundStanding.PENDING),
        problem=_told(refund, "failure_reason"),
    )


def _account_seen(account: stripe.Account) -> AccountSeen:
    due = account.requirements.currently_due if account.requirements is not None else None
    return AccountSeen(
        provider_id=account.id,
        is_ready=_told(account.capabilities, "transfers") == "active",
        due=tuple(due or ()),
    )


def _transfer_seen(transfer: stripe.Transfer) -> TransferSeen:
    return TransferSeen(
        provider_id=transfer.id,
        payout_id=_id(transfer.metadata, "payout_id"),
        amount_minor=transfer.amount,
        reversed_minor=transfer.amount_reversed,
        currency=transfer.currency.upper(),
    )


def _told(found: Any, name: str | None) -> str | None:
    """A text in an object of Stripe's: what it does not say, its client raises for."""
    told = None if found is None or name is None else getattr(found, name, None)
    return None if told is None else str(told)


def _id(metadata: Any, name: str) -> uuid.UUID | None:
    """An id of ours that we left there; what others left is nothing to us."""
    told = metadata.to_dict().get(name) if metadata is not None else None
    try:
        return uuid.UUID(told)
    except (TypeError, ValueError, AttributeError):
        return None
