"""What the stand-in knows: objects of every kind, and how they move. Refusals are Stripe's, with their codes."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from tests.stripe_stand_in import shapes

Row = dict[str, Any]
DAY: Final = 86_400
FEE_BASIS_POINTS: Final = 290
FEE_FIXED: Final = 30
MANUAL_CAPTURE: Final = {"card"}
"""Wallets such as Alipay and WeChat Pay take the money at once or not at all."""
AMOUNT_MAX: Final = 99_999_999
"""Eight digits, whatever the currency."""
THREE_DECIMALS: Final = {"bhd", "jod", "kwd", "omr", "tnd"}
HOLD_DAYS: Final = 7
"""So long a bank holds what was authorised."""
REFUND_DAYS: Final = {"alipay": 90, "wechat_pay": 180}
ASYNCHRONOUS_REFUNDS: Final = {"alipay", "wechat_pay"}
KNOWN: Final = MANUAL_CAPTURE | ASYNCHRONOUS_REFUNDS
CARDS: Final[dict[str, dict[str, Any]]] = {
    "pm_card_visa": {},
    "pm_card_mastercard": {"brand": "mastercard"},
    "pm_card_chargeDeclined": {"declined": ("card_declined", "generic_decline")},
    "pm_card_chargeDeclinedInsufficientFunds": {"declined": ("card_declined", "insufficient_funds")},
    "pm_card_chargeDeclinedExpiredCard": {"declined": ("expired_card", None)},
    "pm_card_authenticationRequired": {"authenticates": True},
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": {
        "authenticates": True,
        "declined": ("card_declined", "insufficient_funds"),
    },
    "pm_card_createDispute": {"disputes": True},
}
"""Test methods that Stripe knows by name."""
CANCELABLE: Final = {
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "processing",
}


class Refused(Exception):
    """An error as Stripe answers it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, **facts}}


class Books:
    """All objects by id. Every public method is called under `lock`."""

    def __init__(self, *, first: int = 1) -> None:
        """Objects are numbered from `first`: so that those of two stand-ins differ."""
        self.lock = threading.RLock()
        self.rows: dict[str, Row] = {}
        self.by_kind: dict[str, list[str]] = {}
        self.ahead_seconds = 0
        self.listeners: list[Callable[[Row], None]] = []
        self._numbers = itertools.count(first)

    # -- plumbing

    @property
    def now(self) -> int:
        return int(time.time()) + self.ahead_seconds

    def add(self, kind: str, **facts: Any) -> Row:
        number = next(self._numbers)
        row = shapes.empty(kind)
        row |= {"id": f"{shapes.PREFIXES[kind]}_{number:024d}", "created": self.now}
        if "livemode" in row:
            row["livemode"] = False
        row |= facts
        self.rows[row["id"]] = row
        self.by_kind.setdefault(kind, []).append(row["id"])
        return row

    def all(self, kind: str) -> list[Row]:
        return [self.rows[row_id] for row_id in self.by_kind.get(kind, [])]

    def get(self, kind: str, row_id: str, *, param: str | None = None) -> Row:
        row = self.rows.get(row_id)
        if row is None or row["object"] != kind:
            raise Refused(
                f"No such {kind}: '{row_id}'",
                status=400 if param else 404,
                code="resource_missing",
                param=param or "id",
            )
        return row

    def tell(self, event_type: str, row: Row, **before: Any) -> None:
        """An event, with the object as it is now."""
        data: Row = {"object": _copy(row)}
        if before:
            data["previous_attributes"] = before
        event = self.add(
            "event",
            api_version="2026-10-28.endive",
            data=data,
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
            type=event_type,
        )
        for listener in self.listeners:
            listener(event)

    # -- payment methods and customers

    def make_method(self, kind: str, **facts: Any) -> Row:
        if kind not in KNOWN:
            raise Refused(f"Invalid type: {kind}", param="type")
        part: Row = {}
        if kind == "card":
            part = {
                "brand": "visa",
                "last4": "4242",
                "exp_month": 8,
                "exp_year": 2034,
                "funding": "credit",
                "country": "US",
            }
        behaves = {
            f"_{name}": value
            for name, value in facts.items()
            if name in ("declined", "authenticates", "disputes")
        }
        return self.add(
            "payment_method",
            type=kind,
            billing_details=dict(shapes.BILLING),
            metadata={},
            **{kind: part},
            **behaves,
        )

    def method(self, name: str) -> Row:
        if name in CARDS:
            return self.make_method("card", **CARDS[name])
        return self.get("payment_method", name, param="payment_method")

    def detach_method(self, method_id: str) -> Row:
        method = self.get("payment_method", method_id)
        if method["customer"] is None:
            raise Refused(
                "The payment method you provided is not attached to a customer so detachment is impossible."
            )
        method |= {"customer": None, "_detached": True}
        self.tell("payment_method.detached", method)
        return method

    def make_customer(self, params: Row) -> Row:
        customer = self.add(
            "customer",
            balance=0,
            delinquent=False,
            email=params.get("email"),
            name=params.get("name"),
            description=params.get("description"),
            metadata=params.get("metadata", {}),
            preferred_locales=[],
            tax_exempt="none",
            invoice_settings={"custom_fields": None, "default_payment_method": None, "footer": None},
        )
        self.tell("customer.created", customer)
        return customer

    # -- payment intents

    def create_intent(self, params: Row) -> Row:
        amount = _whole(params, "amount")
        currency = _needed(params, "currency")
        if amount is None or amount < 1:
            raise Refused(
                "This value must be greater than or equal to 1.",
                param="amount",
                code="parameter_invalid_integer",
            )
        if amount > AMOUNT_MAX:
            raise Refused("Amount has more than eight digits.", param="amount", code="amount_too_large")
        if currency in THREE_DECIMALS and amount % 10:
            raise Refused(f"Invalid {currency} amount: its last digit must be 0.", param="amount")
        if "payment_method_types" in params:
            raise Refused(
                "payment_method_types is no longer supported.",
                param="payment_method_types",
                code="payment_method_types_no_longer_supported",
            )
        allowed = params.get("allowed_payment_method_types") or ["card", *ASYNCHRONOUS_REFUNDS]
        manual = params.get("capture_method", "automatic_async") == "manual"
        types = [each for each in allowed if each in KNOWN and (each in MANUAL_CAPTURE or not manual)]
        if not types:
            raise Refused(
                "No valid payment method types for this Payment Intent.", param="allowed_payment_method_types"
            )
        options = _options(params)
        if params.get("customer"):
            self.get("customer", params["customer"], param="customer")
        intent = self.add(
            "payment_intent",
            amount=amount,
            amount_capturable=0,
            amount_received=0,
            capture_method=params.get("capture_method", "automatic_async"),
            confirmation_method="automatic",
            currency=currency,
            customer=params.get("customer"),
            description=params.get("description"),
            metadata=params.get("metadata", {}),
            payment_method_types=list(types),
            payment_method_options={each: options.get(each, {}) for each in types},
            receipt_email=params.get("receipt_email"),
            setup_future_usage=params.get("setup_future_usage"),
            status="requires_payment_method",
            transfer_group=params.get("transfer_group"),
        )
        intent["client_secret"] = f"{intent['id']}_secret_{next(self._numbers):016x}"
        self.tell("payment_intent.created", intent)
        if params.get("payment_method"):
            method = self.method(params["payment_method"])
            intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        if params.get("confirm") == "true":
            self.confirm_intent(intent["id"], params)
        elif params.get("off_session") == "true":
            raise Refused("off_session needs confirm=true.", param="off_session")
        return intent

    def update_intent(self, intent_id: str, params: Row) -> Row:
        intent = self.get("payment_intent", intent_id, param="intent")
        if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
            raise _unexpected(intent, "update")
        customer = params.get("customer")
        if customer:
            self.get("customer", customer, param="customer")
            if intent["customer"] not in (None, customer):
                raise Refused("You cannot modify the customer once it is set.", param="customer")
            intent["customer"] = customer
        if "setup_future_usage" in params:
            intent["setup_future_usage"] = params["setup_future_usage"] or None
        if params.get("allowed_payment_method_types"):
            types = [each for each in params["allowed_payment_method_types"] if each in KNOWN]
            before = intent["payment_method_options"]
            intent["payment_method_types"] = types
            intent["payment_method_options"] = {each: before.get(each, {}) for each in types}
        return intent

    def confirm_intent(self, intent_id: str, params: Row) -> Row:
        intent = self.get("payment_intent", intent_id, param="intent")
        if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
            raise _unexpected(intent, "confirm")
        method = self._chosen(intent, params)
        if method["type"] not in intent["payment_method_types"]:
            raise Refused(
                f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
                param="payment_method",
            )
        if method.get("_detached"):
            raise Refused(
                f"The provided PaymentMethod was previously detached from a Customer ({method['id']}), and may not be"
                " used again.",
                param="payment_method",
            )
        if method["customer"] not in (None, intent["customer"]):
            raise Refused(
                f"The provided PaymentMethod belongs to a Customer: include {method['customer']}.",
                param="payment_method",
            )
        off_session = params.get("off_session") == "true"
        if method["type"] != "card" and off_session:
            raise Refused(f"{method['type']} cannot be used off session.", param="off_session")
        wants_url = method["type"] != "card"
        if wants_url and not params.get("return_url"):
            raise Refused("A return_url is needed for this payment method.", param="return_url")
        intent |= {"payment_method": method["id"], "last_payment_error": None}
        if method["type"] != "card":
            return self._ask_wallet(intent, method, params.get("return_url", ""))
        if method.get("_authenticates"):
            if off_session:
                self._fail_attempt(intent, method, "authentication_required", "authentication_required")
            return self._ask_bank(intent, params.get("return_url"))
        return self._charge(intent, method)

    def _chosen(self, intent: Row, params: Row) -> Row:
        if params.get("payment_method"):
            return self.method(params["payment_method"])
        if params.get("payment_method_data"):
            return self.make_method(params["payment_method_data"].get("type", ""))
        if intent["payment_method"]:
            return self.rows[intent["payment_method"]]
        raise Refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            payment_intent=_copy(intent),
        )

    def _ask_wallet(self, intent: Row, method: Row, return_url: str) -> Row:
        page = f"https://pm-redirects.stripe.test/authorize/{intent['id']}"
        if method["type"] == "alipay":
            action = {
                "type": "alipay_handle_redirect",
                "alipay_handle_redirect": {
                    "native_data": None,
                    "native_url": None,
                    "return_url": return_url,
                    "url": page,
                },
            }
        else:
            action = {
                "type": "wechat_pay_display_qr_code",
                "wechat_pay_display_qr_code": {
                    "data": f"weixin://wxpay/bizpayurl?pr={intent['id']}",
                    "hosted_instructions_url": page,
                    "image_data_url": "data:image/png;base64,",
                    "image_url_png": page + ".png",
                    "image_url_svg": page + ".svg",
                },
            }
        return self._move(intent, "requires_action", next_action=action)

    def _ask_bank(self, intent: Row, return_url: str | None) -> Row:
        if return_url:
            action: Row = {
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "return_url": return_url,
                    "url": f"https://hooks.stripe.test/3d_secure_2/{intent['id']}",
                },
            }
        else:
            action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "stripe_3ds2_fingerprint"}}
        return self._move(intent, "requires_action", next_action=action)

    def _charge(self, intent: Row, method: Row, *, amount: int | None = None) -> Row:
        """The bank is asked; raises its decline."""
        declined = method.get("_declined")
        if declined is not None:
            self._fail_attempt(intent, method, *declined)
        options = intent["payment_method_options"].get(method["type"], {})
        manual = "manual" in (intent["capture_method"], options.get("capture_method"))
        charge = self._make_charge(intent, method, captured=not manual)
        if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
            method["customer"] = intent["customer"]
            self.tell("payment_method.attached", method)
        if manual:
            charge["payment_method_details"]["card"]["capture_before"] = self.now + HOLD_DAYS * DAY
            return self._move(
                intent, "requires_capture", amount_capturable=intent["amount"], next_action=None
            )
        self._succeed(intent)
        if method.get("_disputes"):
            self.dispute(intent["id"])
        return intent

    def _make_charge(self, intent: Row, method: Row, *, captured: bool, **facts: Any) -> Row:
        charge = self.add(
            "charge",
            amount=intent["amount"],
            amount_captured=intent["amount"] if captured else 0,
            amount_refunded=0,
            billing_details=dict(shapes.BILLING),
            calculated_statement_descriptor="ORCHARD",
            captured=captured,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            fraud_details={},
            metadata=dict(intent["metadata"]),
            paid=True,
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details={
                "type": method["type"],
                method["type"]: dict(method.get(method["type"], {})),
            },
            outcome={"network_status": "approved_by_network", "type": "authorized"},
            receipt_url=f"https://pay.stripe.test/receipts/{intent['id']}",
            refunded=False,
            status="succeeded",
            transfer_group=intent["transfer_group"],
        )
        charge |= facts
        if captured and charge["paid"]:
            self._book(charge)
        intent["latest_charge"] = charge["id"]
        return charge

    def _book(self, charge: Row) -> None:
        amount = charge["amount_captured"]
        fee = amount * FEE_BASIS_POINTS // 10_000 + FEE_FIXED
        entry = self._entry(amount, charge, kind="charge", fee=min(fee, amount))
        charge["balance_transaction"] = entry["id"]

    def _entry(self, amount: int, source: Row, *, kind: str, fee: int = 0) -> Row:
        details = [
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        return self.add(
            "balance_transaction",
            amount=amount,
            available_on=self.now + 2 * DAY,
            balance_type="payments",
            currency=source["currency"],
            fee=fee,
            fee_details=details if fee else [],
            net=amount - fee,
            reporting_category=kind,
            source=source["id"],
            status="pending",
            type=kind,
        )

    def _succeed(self, intent: Row) -> Row:
        charge = self.rows[intent["latest_charge"]]
        self._move(
            intent,
            "succeeded",
            amount_received=charge["amount_captured"],
            amount_capturable=0,
            next_action=None,
            quiet=True,
        )
        self.tell("charge.succeeded", charge)
        self.tell("payment_intent.succeeded", intent)
        return intent

    def _fail_attempt(self, intent: Row, method: Row, code: str, decline: str | None) -> None:
        charge = self._make_charge(
            intent,
            method,
            captured=False,
            paid=False,
            status="failed",
            failure_code=code,
            failure_message="Your card was declined.",
            outcome={"network_status": "declined_by_network", "reason": decline, "type": "issuer_declined"},
        )
        error = {
            "charge": charge["id"],
            "code": code,
            "decline_code": decline,
            "message": "Your card was declined.",
            "payment_method": _copy(method),
            "type": "card_error",
        }
        intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
        intent["last_payment_error"] = error
        self.tell("charge.failed", charge)
        self.tell("payment_intent.payment_failed", intent)
        facts = {
            name: value
            for name, value in error.items()
            if name not in ("type", "message") and value is not None
        }
        raise Refused(
            "Your card was declined.", status=402, kind="card_error", payment_intent=_copy(intent), **facts
        )

    def _move(self, intent: Row, status: str, *, quiet: bool = False, **facts: Any) -> Row:
        intent |= {"status": status, **facts}
        told = {
            "requires_action": "payment_intent.requires_action",
            "processing": "payment_intent.processing",
            "requires_capture": "payment_intent.amount_capturable_updated",
            "canceled": "payment_intent.canceled",
        }.get(status)
        if told and not quiet:
            self.tell(told, intent)
        return intent

    def capture_intent(self, intent_id: str, params: Row) -> Row:
        intent = self.get("payment_intent", intent_id, param="intent")
        if intent["status"] != "requires_capture":
            raise _unexpected(intent, "capture")
        asked = _whole(params, "amount_to_capture")
        amount = intent["amount_capturable"] if asked is None else asked
        if amount > intent["amount_capturable"]:
            raise Refused(
                f"Amount to capture ({amount}) is greater than the capturable amount.",
                param="amount_to_capture",
                code="amount_too_large",
            )
        if amount < 1:
            raise Refused(
                "Invalid positive integer", param="amount_to_capture", code="parameter_invalid_integer"
            )
        charge = self.rows[intent["latest_charge"]]
        if self.now > charge["payment_method_details"]["card"]["capture_before"]:
            raise Refused(
                f"The authorization of charge {charge['id']} has expired.", code="charge_expired_for_capture"
            )
        left = charge["amount"] - amount
        charge |= {"captured": True, "amount_captured": amount, "amount_refunded": left, "_let_go": left}
        self._book(charge)
        self.tell("charge.captured", charge)
        return self._succeed(intent)

    def cancel_intent(self, intent_id: str, params: Row) -> Row:
        intent = self.get("payment_intent", intent_id, param="intent")
        if intent["status"] not in CANCELABLE:
            raise _unexpected(intent, "cancel")
        if intent["status"] == "requires_capture":
            self._let_go(intent)
        return self._move(
            intent,
            "canceled",
            canceled_at=self.now,
            cancellation_reason=params.get("cancellation_reason"),
            next_action=None,
            amount_capturable=0,
        )

    def _let_go(self, intent: Row) -> Row:
        """What the bank held is the payer's again: nothing was charged."""
        charge = self.rows[intent["latest_charge"]]
        charge |= {"refunded": True, "amount_refunded": charge["amount"], "_let_go": charge["amount"]}
        return charge

    # -- what payers and banks do

    def expire_hold(self, intent_id: str) -> Row:
        """The bank holds it no longer: what was not captured in time is over."""
        intent = self.rows[intent_id]
        assert intent["status"] == "requires_capture", intent["status"]
        self.tell("charge.expired", self._let_go(intent))
        return self._move(
            intent, "canceled", canceled_at=self.now, cancellation_reason="automatic", amount_capturable=0
        )

    def answer_bank(self, intent_id: str, *, agrees: bool = True) -> Row:
        """The payer is at the bank's page, or in the wallet, and agrees or does not."""
        intent = self.rows[intent_id]
        if intent["status"] != "requires_action":
            raise _unexpected(intent, "confirm")
        method = self.rows[intent["payment_method"]]
        if agrees:
            try:
                return self._charge(intent, method)
            except Refused:
                return intent
        code = (
            "payment_intent_authentication_failure"
            if method["type"] == "card"
            else "payment_intent_payment_attempt_failed"
        )
        intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
        intent["last_payment_error"] = {
            "code": code,
            "message": "The payer did not agree.",
            "type": "invalid_request_error",
            "payment_method": _copy(method),
        }
        self.tell("payment_intent.payment_failed", intent)
        return intent

    def start_processing(self, intent_id: str) -> Row:
        """The payer agreed, and the wallet takes its time."""
        return self._move(self.rows[intent_id], "processing", next_action=None)

    def end_processing(self, intent_id: str, *, succeeds: bool = True) -> Row:
        intent = self.rows[intent_id]
        intent["status"] = "requires_action"
        return self.answer_bank(intent_id, agrees=succeeds)

    # -- refunds

    def create_refund(self, params: Row) -> Row:
        charge = self._charge_of(params)
        method = charge["payment_method_details"]["type"]
        left = charge["amount_captured"] - charge["amount_refunded"]
        if charge["amount_captured"] < charge["amount"]:
            left = charge["amount"] - charge["amount_refunded"]
        amount = _whole(params, "amount") or left
        if charge["disputed"]:
            raise Refused(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
            )
        if left <= 0 or charge["refunded"]:
            raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if amount > left:
            raise Refused(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                param="amount",
            )
        days = REFUND_DAYS.get(method)
        if days is not None and self.now > charge["created"] + days * DAY:
            raise Refused(f"This {method} payment can no longer be refunded.", code="charge_not_refundable")
        entry = self._entry(-amount, charge, kind="refund")
        slow = method in ASYNCHRONOUS_REFUNDS
        refund = self.add(
            "refund",
            amount=amount,
            balance_transaction=entry["id"],
            charge=charge["id"],
            currency=charge["currency"],
            destination_details={"type": method, method: {}},
            metadata=params.get("metadata", {}),
            payment_intent=charge["payment_intent"],
            reason=params.get("reason"),
            status="pending" if slow else "succeeded",
        )
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] >= charge["amount"]
        self.tell("refund.created", refund)
        self.tell("charge.refunded", charge)
        return refund

    def settle_refund(self, refund_id: str, *, succeeds: bool = True) -> Row:
        """A wallet, or the bank, says how it went: also after it seemed to be over."""
        refund = self.rows[refund_id]
        if succeeds:
            refund["status"] = "succeeded"
            self.tell("refund.updated", refund)
            return refund
        charge = self.rows[refund["charge"]]
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        entry = self._entry(refund["amount"], charge, kind="refund_failure")
        refund |= {
            "status": "failed",
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": entry["id"],
        }
        self.tell("refund.updated", refund)
        self.tell("refund.failed", refund)
        return refund

    def _charge_of(self, params: Row) -> Row:
        if params.get("payment_intent"):
            intent = self.get("payment_intent", params["payment_intent"], param="payment_intent")
            if intent["status"] not in ("succeeded", "requires_capture") or not intent["latest_charge"]:
                raise Refused(
                    f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
                )
            return self.rows[intent["latest_charge"]]
        if params.get("charge"):
            return self.get("charge", params["charge"], param="charge")
        raise Refused(
            "One of the following params should be provided for this request: payment_intent or charge."
        )

    # -- disputes

    def dispute(self, intent_id: str, *, reason: str = "fraudulent") -> Row:
        charge = self.rows[self.rows[intent_id]["latest_charge"]]
        charge["disputed"] = True
        dispute = self.add(
            "dispute",
            amount=charge["amount"],
            balance_transactions=[],
            charge=charge["id"],
            currency=charge["currency"],
            evidence={},
            evidence_details={
                "due_by": self.now + 7 * DAY,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "enhanced_eligibility": {},
            },
            is_charge_refundable=False,
            metadata={},
            payment_intent=intent_id,
            payment_method_details={"type": "card", "card": {"brand": "visa", "network_reason_code": "10.4"}},
            reason=reason,
            status="needs_response",
        )
        entry = self._entry(-charge["amount"], charge, kind="adjustment", fee=1_500)
        dispute["balance_transactions"] = [_copy(entry)]
        self.tell("charge.dispute.created", dispute)
        return dispute

    def close_dispute(self, dispute_id: str, *, won: bool) -> Row:
        dispute = self.rows[dispute_id]
        dispute["status"] = "won" if won else "lost"
        charge = self.rows[dispute["charge"]]
        if won:
            charge["disputed"] = False
            dispute["balance_transactions"].append(
                _copy(self._entry(charge["amount"], charge, kind="adjustment"))
            )
        self.tell("charge.dispute.closed", dispute)
        return dispute


def _options(params: Row) -> Row:
    """By method; the parameters of each are its own."""
    options: Row = params.get("payment_method_options", {})
    for each, told in options.items():
        name = f"payment_method_options[{each}][capture_method]"
        if "capture_method" in told and each not in MANUAL_CAPTURE:
            raise Refused(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
        if told.get("capture_method", "") not in ("", "manual"):
            raise Refused("Invalid capture_method: must be manual.", param=name)
    return options


def _unexpected(intent: Row, verb: str) -> Refused:
    return Refused(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=_copy(intent),
    )


def _needed(params: Row, name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return value


def _whole(params: Row, name: str) -> int | None:
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.isdigit():
        raise Refused(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def _copy(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}
