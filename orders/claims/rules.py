"""What may be claimed when, what claimed boxes cost, and what of it may go back. Pure; integers only."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from marketplace import errors
from marketplace.language import Text
from orders.claims.states import ClaimKind, Remedy
from orders.fulfilment.states import ParcelState, ParcelStateForbids

MISSING_AFTER: Final = timedelta(days=10)
"""A parcel that has been on its way for so long, and is not there, may be claimed as missing."""

REPLACEMENTS_MAX: Final = 2
"""So often boxes of an order are sent once more: for the first ones, and for what came in place of them."""


class ClaimTooEarly(errors.Conflict):
    """The parcel is still on its way; it may be claimed as missing from `claimable_at` on, and when it has arrived."""

    title = Text(en="The parcel may still arrive.", zh="包裹仍在运输途中。")


class MoreThanArrived(errors.Conflict):
    """The parcel has no more than `boxes_left` boxes of which nothing is claimed."""

    title = Text(en="The parcel has fewer boxes to claim.", zh="可申请售后的箱数不足。")


class MoreThanPaid(errors.Conflict):
    """At most `max_minor` may go back for the claimed boxes, and not nothing while that is more."""

    title = Text(en="That is not what may be refunded for these boxes.", zh="退款金额超出可退范围。")


class NotReplaceable(errors.Conflict):
    """Boxes that are only light are refunded; `kind`."""

    title = Text(en="What was claimed is not replaced.", zh="该类售后申请不支持补发。")


class ReplacedTooOften(errors.Conflict):
    """These boxes came in place of others, and so did those, `replacements_max` times: now they are refunded."""

    title = Text(en="These boxes were replaced as often as may be.", zh="补发次数已达上限。")


class DecisionIncomplete(errors.Invalid):
    """A rejection says why, and of nothing else; a refund or a return says how much goes back, a replacement when it
    is to arrive.
    """

    title = Text(en="The decision does not say what it needs.", zh="处理决定缺少内容或内容不符。")


def check_decision(
    remedy: Remedy,
    *,
    amount_minor: int | None,
    borne_by: str | None,
    words: str | None,
    delivered_on: date | None,
) -> None:
    """Raises DecisionIncomplete."""
    if remedy == Remedy.REJECT:
        is_complete = bool(words) and amount_minor is None and borne_by is None and delivered_on is None
    elif remedy == Remedy.REPLACE:
        is_complete = delivered_on is not None and amount_minor is None
    else:
        is_complete = amount_minor is not None and delivered_on is None
    if not is_complete:
        raise DecisionIncomplete


def check_claimable(
    kind: ClaimKind,
    *,
    parcel_state: str,
    shipped_at: datetime | None,
    now: datetime,
    is_replacement: bool = False,
) -> None:
    """Of a replacement that has not arrived nothing is claimed: the claim that it answers is not over.

    Raises ParcelStateForbids, ClaimTooEarly.
    """
    if parcel_state == ParcelState.DELIVERED:
        return
    if parcel_state != ParcelState.SHIPPED or shipped_at is None or is_replacement:
        raise ParcelStateForbids(state=parcel_state)
    claimable_at = shipped_at + MISSING_AFTER
    if kind != ClaimKind.MISSING or now < claimable_at:
        raise ClaimTooEarly(claimable_at=claimable_at.isoformat())


def check_given_up(*, shipped_at: datetime | None, now: datetime) -> None:
    """A replacement that has left is given up no sooner than a parcel is claimed as missing. Raises ClaimTooEarly."""
    if shipped_at is not None and now < shipped_at + MISSING_AFTER:
        raise ClaimTooEarly(claimable_at=(shipped_at + MISSING_AFTER).isoformat())


def check_replaceable(kind: ClaimKind, *, times_before: int) -> None:
    """`times_before`: how often the claimed boxes came in place of others.

    Raises NotReplaceable, ReplacedTooOften.
    """
    if kind == ClaimKind.WEIGHT:
        raise NotReplaceable(kind=str(kind))
    if times_before >= REPLACEMENTS_MAX:
        raise ReplacedTooOften(replacements_max=REPLACEMENTS_MAX)


def check_boxes(boxes: int, *, parcel_boxes: int, claimed_boxes: int) -> None:
    """Raises MoreThanArrived."""
    left = parcel_boxes - claimed_boxes
    if boxes > left:
        raise MoreThanArrived(boxes_left=left)


def cost_minor(paid_minor: int, *, boxes: int, of_boxes: int) -> int:
    """What so many of an order's boxes cost its buyer, rounded down: parts never add up to more than was paid."""
    return paid_minor * boxes // of_boxes


def refundable_minor(
    paid_minor: int, *, boxes: int, of_boxes: int, parcel_boxes: int, light_minor: int, kept_minor: int
) -> int:
    """At most so much may go back for claimed boxes.

    `paid_minor`: what was paid for the order's `of_boxes` before any claim; `light_minor`: what went back by itself
    because the parcel was too light, of which these boxes have their part; `kept_minor`: what is left of the payments.
    """
    back = -(-light_minor * boxes // parcel_boxes)
    return max(0, min(cost_minor(paid_minor, boxes=boxes, of_boxes=of_boxes) - back, kept_minor))


def check_amount(amount_minor: int, *, max_minor: int) -> None:
    """Raises MoreThanPaid. Nothing goes back only for boxes that cost nothing."""
    if not min(1, max_minor) <= amount_minor <= max_minor:
        raise MoreThanPaid(max_minor=max_minor)


def parted(amount_minor: int, kept: Sequence[int]) -> list[int]:
    """Of which payments a refund is taken: of the first as much as is kept of it, then of the next.

    Together no more than they keep is asked for.
    """
    parts = []
    left = amount_minor
    for each in kept:
        taken = min(left, each)
        parts.append(taken)
        left -= taken
    assert left == 0, "no more goes back than is kept"
    return parts
