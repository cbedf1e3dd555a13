"""Many hands at once on one budget with deposits: no more is promised than there is, and each promise has one place."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.promotions import promoting
from campaigns.promotions.states import PromotionState
from marketplace import context, database
from marketplace.access import Role
from marketplace.payments import payments
from orders import checkout
from tests.builders import Market, at_once, broken, held
from tests.campaigns import presale
from tests.campaigns.presale import seen
from tests.campaigns.promotions.deposits.scene import ADVANCE, bought, code_of, on_sale
from tests.campaigns.promotions.shop import placed, quoted, running, shared, uses
from tests.house import Caller


def pay(market: Market, operator: Caller, order: dict[str, Any]) -> Any:
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    return database.transact(
        lambda session: payments.book_receipt(
            session,
            ctx,
            payment_id=uuid.UUID(order["payment_id"]),
            amount_minor=order["deposit"]["deposit_minor"],
            currency="CNY",
            receipt_reference=f"R-{uuid.uuid4().hex[:12]}",
        )
    )


def withdraw(market: Market, shopper: Caller, order: dict[str, Any]) -> Any:
    ctx = market.acting(shopper)
    return database.transact(lambda session: checkout.withdraw(session, ctx, order_id=uuid.UUID(order["id"])))


@pytest.mark.parametrize("number", range(3))
def test_deposits_against_the_end_of_the_promotion_are_spent_or_given_back_and_never_both(
    market: Market, operator: Caller, as_role: Callable[..., Caller], number: int
) -> None:
    """Four deposits come while the promotion is ended and two of their buyers give up."""
    sale = on_sale(market)
    coupon = running(operator, sale, budget_minor=2_000)
    code = shared(operator, coupon, "SPRING26")
    buyers = [as_role(Role.SHOPPER) for _ in range(5)]
    orders = []
    for buyer in buyers[:4]:
        hold_id = held(buyer, sale)["hold_id"]
        quoted(buyer, hold_id, code)
        orders.append(placed(buyer, hold_id))
        assert buyer.post(f"/v1/payments/{orders[-1]['payment_id']}/confirm").status_code == 200
    late = quoted(buyers[4], held(buyers[4], sale)["hold_id"], code)
    assert (late["codes"], uses(market, coupon)) == (["not_valid"], (4, 0, 2_000, 0))

    def end(session: Session) -> str:
        row = promoting.move(
            session, context.system(), promotion_id=uuid.UUID(coupon["id"]), to=PromotionState.ENDED
        )
        return row.state

    works: list[Callable[[], Any]] = [partial(pay, market, operator, each) for each in orders]
    works += [
        partial(withdraw, market, buyer, order) for buyer, order in zip(buyers[:2], orders[:2], strict=True)
    ]
    works.append(partial(database.transact, end))
    at_once(market.app, works[number:] + works[:number])
    found = [seen(operator, order)["state"] for order in orders]
    assert set(found) <= {"deposit_paid", "withdrawn"}
    assert found[2:] == ["deposit_paid", "deposit_paid"], "what was quoted stays so"
    assert uses(market, coupon) == (0, found.count("deposit_paid"), 0, 500 * found.count("deposit_paid"))
    assert broken(market.app) == []


def test_of_many_who_quote_a_budget_for_three_deposits_three_are_promised(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = on_sale(market)
    coupon = running(operator, sale, budget_minor=1_999)
    code = shared(operator, coupon, "HARVEST26")
    buyers = [as_role(Role.SHOPPER) for _ in range(8)]
    holds = [held(each, sale)["hold_id"] for each in buyers]

    def quote(buyer: Caller, hold_id: str) -> int:
        told: int = quoted(buyer, hold_id, code)["discount_minor"]
        return told

    done = at_once(market.app, [partial(quote, *each) for each in zip(buyers, holds, strict=True)])
    assert sorted(done, key=str) == [0] * 5 + [500] * 3
    for buyer, hold_id in zip(buyers, holds, strict=True):
        order = placed(buyer, hold_id)
        presale.book(operator, presale.confirm(buyer, {"id": order["payment_id"]}))
    assert uses(market, coupon) == (0, 3, 0, 1_500)


def test_opening_and_a_withdrawal_at_once_leave_the_discount_in_one_place(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    """An advance goes back until the boxes are committed; the opening commits them and lessens their discounts."""
    sale = on_sale(market, deposit=ADVANCE)
    pieces = running(operator, sale, kind="quantity_break", amount_minor=300)
    order, other = bought(shopper, operator, sale, 2), bought(as_role(Role.SHOPPER), operator, sale, 4)
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    at_once(
        market.app,
        [partial(presale.open_balance, market, sale), partial(withdraw, market, shopper, order)],
    )
    if market.campaign(sale).state == "harvested":
        presale.open_balance(market, sale)
    found = seen(operator, order)
    if found["state"] == "withdrawn":
        assert uses(market, pieces) == (0, 1, 0, 1_200)  # at 56 yuan all of it has room
    else:
        assert (found["state"], uses(market, pieces)) == ("balance_paid", (0, 2, 0, 6 * 200))
    assert seen(operator, other)["deposit"]["discount_minor"] in (800, 1_200)


def test_a_single_use_code_is_good_again_once_its_deposit_is_withdrawn(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = on_sale(market)
    coupon, code = code_of(operator, sale)
    order = bought(shopper, operator, sale, 1, code)
    other = as_role(Role.SHOPPER)
    hold_id = held(other, sale)["hold_id"]
    assert quoted(other, hold_id, code)["codes"] == ["not_valid"]
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert quoted(other, hold_id, code)["codes"] == ["applied"]
    assert uses(market, coupon) == (1, 0, 500, 0)
