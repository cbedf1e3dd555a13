"""Objects with every field that the client's classes publish, empty where nothing is said."""

import typing
from typing import Any, Final

import stripe

KINDS: Final[dict[str, Any]] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "balance_transaction": stripe.BalanceTransaction,
    "payment_method": stripe.PaymentMethod,
    "dispute": stripe.Dispute,
    "customer": stripe.Customer,
    "account": stripe.Account,
    "account_link": stripe.AccountLink,
    "transfer": stripe.Transfer,
    "transfer_reversal": stripe.TransferReversal,
    "event": stripe.Event,
}
PREFIXES: Final = {
    "payment_intent": "pi",
    "charge": "ch",
    "refund": "re",
    "balance_transaction": "txn",
    "payment_method": "pm",
    "dispute": "dp",
    "customer": "cus",
    "account": "acct",
    "transfer": "tr",
    "transfer_reversal": "trr",
    "event": "evt",
}
NOT_SENT: Final = {
    "payment_intent": {
        "allowed_payment_method_types", "amount_details", "customer_account", "excluded_payment_method_types",
        "hooks", "managed_payments", "payment_details", "payment_record", "presentment_details",
    },
    "charge": {"authorization_code", "level3", "presentment_details", "radar_options", "refunds"},
    "refund": {"customer_account", "description", "instructions_email", "next_action", "presentment_details",
               "pending_reason", "failure_reason", "failure_balance_transaction", "payment_method"},
    "event": {"account", "context"},
    "customer": {"deleted", "business_name", "individual_name", "cash_balance", "customer_account",
                 "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids", "test_clock", "discount"},
    "account": {"deleted", "company", "individual", "groups", "external_accounts", "future_requirements"},
    "dispute": {"intended_submission_method", "network_reason_code", "enhanced_eligibility_types"},
}  # fmt: skip
"""What Stripe leaves out unless there is something to say of it."""


def fields_of(kind: str) -> dict[str, str]:
    """Name → annotation of the published fields."""
    annotations = KINDS[kind].__annotations__
    return {
        name: str(told)
        for name, told in annotations.items()
        if not name.startswith("_")
        and typing.get_origin(told) is not typing.ClassVar
        and "ClassVar" not in str(told)
    }


def empty(kind: str) -> dict[str, Any]:
    """The object with nothing said; a payment method has only the part of its own type."""
    names = set(fields_of(kind)) - NOT_SENT.get(kind, set())
    if kind == "payment_method":
        names = {
            "id",
            "object",
            "allow_redisplay",
            "billing_details",
            "created",
            "customer",
            "livemode",
            "metadata",
            "type",
        }
    return {**dict.fromkeys(sorted(names)), "object": kind}


BILLING: Final = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def listed(items: list[dict[str, Any]], url: str, *, has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": has_more, "url": url}
