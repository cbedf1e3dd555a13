"""What held boxes cost when everything is taken off that may be: asked for with codes, or made when they are ordered.

A quote is kept on its hold, and good for as many boxes as it was made for, as long as the hold lives.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns.models import Item
from campaigns.promotions import baskets, budgets, codes, promoting
from campaigns.promotions.budgets import Offered
from campaigns.promotions.models import PromotionCode, PromotionQuote, PromotionTerms
from campaigns.promotions.rules import Quoted, Unmet, quote
from inventory import pools
from inventory.holds import HoldNotFound
from inventory.models import Hold, Pool
from inventory.refusals import HoldExpired, HoldNotActive
from inventory.states import HoldState
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders import balance_rules
from orders.events import OrderAsked

NOT_VALID: Final = "not_valid"
"""All that is said of a code that is unknown, used, of another campaign, not yet or no longer good: they look alike."""
_ALIKE: Final = frozenset(
    {Unmet.NOT_STARTED, Unmet.ENDED, Unmet.NO_USES_LEFT, Unmet.BOXES_SPENT, Unmet.BUDGET_SPENT}
)


class QuoteNotFound(errors.NotFound):
    title = Text(en="That hold has no quote.", zh="该保留没有报价。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A quote as its buyer sees it."""

    id: uuid.UUID
    hold_id: uuid.UUID
    boxes: int
    unit_price_minor: int
    price_minor: int
    discounts: Sequence[dict[str, Any]]
    discount_minor: int
    total_minor: int
    """All that its buyer pays: now, and with a deposit later at most."""
    now_minor: int
    later_minor: int
    bonus_minor: int
    currency: str
    unmet: Sequence[dict[str, Any]]
    codes: Sequence[str]
    valid_until: datetime | None
    is_current: bool


def ask(session: Session, ctx: Context, *, hold_id: uuid.UUID, typed: Sequence[str]) -> Shown:
    """What the actor's hold costs with these codes and all that needs none; what is taken off is reserved.

    Raises HoldNotFound, HoldExpired, HoldNotActive, TooManyPromotions.
    """
    hold = budgets.live_hold(session, ctx, hold_id=hold_id)
    known = codes.look_up(session, typed)
    row = _quote(session, ctx, hold, known, is_asked=True)
    return _shown(session, hold, row)


def newest(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Shown:
    """The newest quote of a hold, for its owner and staff. Raises HoldNotFound, QuoteNotFound."""
    hold = session.get(Hold, hold_id)
    if hold is None or (
        (hold.owner_id is None or hold.owner_id != ctx.actor.id) and not ctx.actor.has(*STAFF)
    ):
        raise HoldNotFound
    row = budgets.newest_quote(session, hold_id)
    if row is None:
        raise QuoteNotFound
    return _shown(session, hold, row)


def on_order_asked(session: Session, ctx: Context, event: OrderAsked) -> None:
    """Whoever orders without having asked for a quote gets all the same what needs no code.

    A quote that was asked for is not replaced: if it is not true any more, `orders` refuses.
    """
    try:
        hold = budgets.live_hold(session, ctx, hold_id=event.hold_id)
    except (HoldNotFound, HoldExpired, HoldNotActive):
        return  # `orders` refuses it by itself
    if hold.pool_id is None or hold.quoted_boxes == hold.boxes:
        return
    before = None if hold.quoted_boxes is None else budgets.newest_quote(session, hold.id)
    if hold.quoted_boxes is not None and (before is None or before.is_asked):
        return
    if before is None and not session.get_one(Pool, hold.pool_id).has_promotions:
        return
    _quote(session, ctx, hold, [], is_asked=False)


def preview(session: Session, ctx: Context, item: Item, *, boxes: int) -> list[dict[str, Any]]:
    """What is taken off so many boxes of an item for everybody, if nobody is quicker; nothing is reserved."""
    rows = [row for row in promoting.open_to_all(session, item.campaign_id) if promoting.is_for(row, item.id)]
    deposit = pools.get(session, pool_id=item.pool_id).deposit
    basket = baskets.basket(item, deposit, boxes=boxes, unit_price_minor=item.unit_price_minor, now=ctx.now)
    told = quote(basket, [budgets.facts(session, row, ctx.actor.id) for row in rows])
    known = {row.id: row for row in rows}
    return [budgets.shown(known[line.promotion_id], line) for line in told.discounts]


def _quote(
    session: Session,
    ctx: Context,
    hold: Hold,
    known: Sequence[PromotionCode | None],
    *,
    is_asked: bool,
) -> PromotionQuote:
    item = budgets.item_of(session, hold)
    offered = {} if item is None else _offered(session, item, known)
    told, _ = budgets.reserve(session, ctx, hold=hold, offered=offered.values())
    row = PromotionQuote(
        id=new_id(),
        hold_id=hold.id,
        person_id=hold.owner_id,
        is_asked=is_asked,
        boxes=hold.boxes,
        price_minor=told.price_minor,
        discount_minor=told.discount_minor,
        currency=hold.currency,
        told={
            "discounts": hold.discounts,
            "unmet": _unmet(told, known),
            "codes": _said(told, offered, known),
        },
        created_at=ctx.now,
    )
    session.add(row)
    after = {"hold_id": str(hold.id), "boxes": hold.boxes, "discount_minor": told.discount_minor}
    audit.record(session, ctx, "promotion_quote.make", subject=("promotion_quote", row.id), after=after)
    session.flush()
    return row


def _offered(session: Session, item: Item, known: Sequence[PromotionCode | None]) -> dict[uuid.UUID, Offered]:
    """What is for everybody, and what the codes are of, each once: of two codes of one promotion the first counts."""
    offered = {
        row.id: Offered(promotion_id=row.id)
        for row in promoting.open_to_all(session, item.campaign_id)
        if promoting.is_for(row, item.id)
    }
    for code in known:
        if code is not None and code.promotion_id not in offered:
            row = session.get(PromotionTerms, code.promotion_id)
            if row is not None and row.is_by_code:
                offered[row.id] = Offered(
                    promotion_id=row.id, code_id=code.id if code.is_single_use else None
                )
    return offered


def _said(
    told: Quoted, offered: dict[uuid.UUID, Offered], known: Sequence[PromotionCode | None]
) -> list[str]:
    """What became of each code, in their order: `applied`, or why not."""
    used = {line.promotion_id for line in told.discounts}
    unmet = dict(told.unmet)
    said = []
    for code in known:
        offer = None if code is None else offered.get(code.promotion_id)
        if code is None or offer is None or offer.code_id not in (None, code.id):
            said.append(NOT_VALID)
        elif code.promotion_id in used:
            said.append("applied")
        else:
            reason = unmet.get(code.promotion_id)
            said.append(NOT_VALID if reason is None or reason in _ALIKE else str(reason))
    return said


def _unmet(told: Quoted, known: Sequence[PromotionCode | None]) -> list[dict[str, str]]:
    """Why what is for everybody takes nothing off; of codes it is said at the codes."""
    by_code = {code.promotion_id for code in known if code is not None}
    return [
        {"promotion_id": str(each), "reason": str(reason)}
        for each, reason in told.unmet
        if each not in by_code
    ]


def _shown(session: Session, hold: Hold, row: PromotionQuote) -> Shown:
    due = balance_rules.due(
        boxes=row.boxes,
        unit_price_minor=hold.unit_price_minor or 0,
        deposit=None if hold.pool_id is None else pools.get(session, pool_id=hold.pool_id).deposit,
        discount_minor=row.discount_minor,
    )
    return Shown(
        id=row.id,
        hold_id=row.hold_id,
        boxes=row.boxes,
        unit_price_minor=hold.unit_price_minor or 0,
        price_minor=row.price_minor,
        discounts=row.told["discounts"],
        discount_minor=row.discount_minor,
        total_minor=row.price_minor - row.discount_minor,
        now_minor=due.now_minor,
        later_minor=due.later_minor,
        bonus_minor=due.bonus_minor,
        currency=row.currency,
        unmet=row.told["unmet"],
        codes=row.told["codes"],
        valid_until=hold.expires_at,
        is_current=hold.state == HoldState.ACTIVE
        and (hold.quoted_boxes, hold.discount_minor) == (hold.boxes, row.discount_minor),
    )
