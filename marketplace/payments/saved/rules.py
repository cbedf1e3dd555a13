"""When a balance is charged to a kept card, and what follows from a decline. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace.language import Text

WORDS_VERSION: Final = "2026-11"
WORDS: Final = {
    "2026-11": Text(
        en="My card is kept at the payment service, and the balance of this order is charged to it, at a time that I am"
        " told before. Until then I may pay by other means, or take this back; I may remove the card whenever I like.",
        zh="本人同意由支付服务机构保存我的银行卡，并在事先通知的时间从该卡扣取本订单尾款。扣款前本人可自行支付或撤回同意，"
        "也可随时删除该卡。",
    )
}
"""What buyers agree to, by version: no version is ever changed."""

LATEST: Final = timedelta(hours=24)
"""So long before the end of the balance it is charged at the latest: what a bank declines can still be paid by hand."""
NOTICE: Final = timedelta(hours=1)
"""So long before it is charged a buyer is told at least, or for half of the time there is."""
ONCE_MORE: Final = timedelta(hours=24)
"""So long after a soft decline it is tried again."""
DECLINES_MAX: Final = 2


class Ended(StrEnum):
    """Why a consent stands no longer."""

    REVOKED = "revoked"
    CARD_REMOVED = "card_removed"
    REPLACED = "replaced"
    """By one for another card, or given anew with a payment."""
    NOT_ASKED_AGAIN = "not_asked_again"
    """The same payment was then made without it."""
    NOT_SAVED = "not_saved"
    """What paid was no card that may be kept, or came too late."""


class Again(StrEnum):
    """What follows from a decline."""

    ONCE_MORE = "once_more"
    BY_HAND = "by_hand"
    """Its owner has to pay: not tried again by itself."""


SOFT: Final = frozenset(
    {
        "insufficient_funds",
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "processing_error",
        "issuer_not_available",
        "reenter_transaction",
        "try_again_later",
        "approve_with_id",
        "generic_decline",
        "card_declined",
        "no_action_taken",
    }
)
"""Declines that may be none another day. Every other word, known or not, is a hard one: who insists is fined."""
ABSENT: Final = frozenset(
    {"authentication_required", "authentication_not_handled", "online_or_offline_pin_required"}
)
"""The bank wants to ask the card's owner, who is not there."""
EXPIRED: Final = frozenset({"expired_card", "invalid_expiry_month", "invalid_expiry_year"})


def charge_at(*, opened_at: datetime, due_at: datetime, after: timedelta) -> datetime:
    """When a balance that is due from `opened_at` to `due_at` is charged: told at the opening, never after its end."""
    latest = min(opened_at + after, due_at - LATEST)
    return max(latest, opened_at + min(NOTICE, (due_at - opened_at) / 2))


def after_decline(problem: str, *, declines: int) -> Again:
    """`declines`: with this one. At most once more, and only after a soft one."""
    return Again.ONCE_MORE if problem in SOFT and declines < DECLINES_MAX else Again.BY_HAND


def next_charge(problem: str, *, declines: int, now: datetime, due_at: datetime) -> datetime | None:
    """When it is tried again; None: never by itself."""
    at = now + ONCE_MORE
    may = after_decline(problem, declines=declines) == Again.ONCE_MORE and at < due_at
    return at if may else None


def why(problem: str) -> Text:
    """For the card's owner."""
    if problem in ABSENT:
        return Text(
            en="Your bank wants you to confirm the payment yourself.", zh="发卡行要求您本人验证此笔付款。"
        )
    if problem in EXPIRED:
        return Text(en="The card has expired.", zh="银行卡已过期。")
    if problem == "insufficient_funds":
        return Text(en="The card's funds or limit did not suffice.", zh="卡内余额或额度不足。")
    if problem in SOFT:
        return Text(en="Your bank declined it for now.", zh="发卡行暂时拒绝了此笔付款。")
    return Text(en="Your bank does not accept this card for it.", zh="发卡行拒绝使用该卡支付。")
