"""Several hands at one group at once: whoever comes first, no place, no discount and no refund is there twice."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.promotions.groups import grouping, settling
from campaigns.promotions.groups.rules import GroupOver, GroupStateForbids, NoPlaceLeft
from marketplace import database
from marketplace.access import Role
from marketplace.payments import payments
from orders import checkout
from tests.builders import Market, Sale, at_once, held
from tests.campaigns.promotions.groups.friends import (
    back,
    buys,
    group_buy,
    group_of,
    joined,
    let_pass,
    money,
    opened,
    settled,
    states,
    tended,
)
from tests.campaigns.promotions.shop import placed
from tests.house import Caller

ROUNDS = 4


def join(market: Market, friend: Caller, code: str, hold_id: str) -> str:
    def work(session: Session) -> str:
        ctx = market.acting(friend)
        return grouping.join(session, ctx, code=code, hold_id=uuid.UUID(hold_id)).group.code

    return database.transact(work)


def leave(market: Market, friend: Caller, code: str) -> Any:
    return database.transact(lambda session: grouping.leave(session, market.acting(friend), code=code))


def pay(market: Market, operator: Caller, order: dict[str, Any]) -> Any:
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    return database.transact(
        lambda session: payments.book_receipt(
            session,
            ctx,
            payment_id=uuid.UUID(order["payment_id"]),
            amount_minor=order["total_minor"],
            currency="CNY",
            receipt_reference=f"R-{uuid.uuid4().hex[:12]}",
        )
    )


def withdraw(market: Market, friend: Caller, order: dict[str, Any]) -> Any:
    ctx = market.acting(friend)
    return database.transact(lambda session: checkout.withdraw(session, ctx, order_id=uuid.UUID(order["id"])))


def unpaid(friend: Caller, code: str, sale: Sale) -> dict[str, Any]:
    """A place whose order waits for its money."""
    order = placed(friend, joined(friend, code, sale)["hold_id"])
    assert friend.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    return order


def test_of_many_on_the_last_place_one_gets_it(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    code = opened(shopper, promotion, sale)["group"]["code"]
    friends = [as_role(Role.SHOPPER) for _ in range(6)]
    holds = [held(each, sale)["hold_id"] for each in friends]
    works = [partial(join, market, each, code, hold_id) for each, hold_id in zip(friends, holds, strict=True)]
    done = at_once(market.app, works)
    assert done.count(code) == 1
    assert sum(isinstance(each, NoPlaceLeft) for each in done) == 5
    assert (states(code), money(market, promotion)) == (["joined", "joined"], (2_000, 0))


def test_one_person_with_one_hold_many_times_at_once_has_one_place(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, friend = market.on_sale(), as_role(Role.SHOPPER)
    promotion = group_buy(operator, sale, people_needed=3)
    code = opened(shopper, promotion, sale)["group"]["code"]
    hold_id = held(friend, sale)["hold_id"]
    assert at_once(market.app, [partial(join, market, friend, code, hold_id)] * 5) == [code] * 5
    assert (states(code), money(market, promotion)) == (["joined", "joined"], (2_000, 0))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_joining_and_lapsing_at_once_leave_nothing_reserved(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller], number: int
) -> None:
    sale, friend = market.on_sale(), as_role(Role.SHOPPER)
    promotion = group_buy(operator, sale)
    code = opened(shopper, promotion, sale)["group"]["code"]
    hold_id = held(friend, sale)["hold_id"]
    works: list[Callable[[], Any]] = [
        partial(join, market, friend, code, hold_id),
        partial(let_pass, code),
        partial(tended, market),
    ]
    done = at_once(market.app, works[number % 3 :] + works[: number % 3])
    assert all(
        not isinstance(each, Exception) or isinstance(each, GroupOver | GroupStateForbids) for each in done
    )
    tended(market)
    assert group_of(code).state == "lapsed"
    assert set(states(code)) == {"lapsed"}
    assert money(market, promotion) == (0, 0)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_last_money_and_a_withdrawal_at_once_fill_the_group_or_free_the_place(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller], number: int
) -> None:
    sale, friend = market.on_sale(), as_role(Role.SHOPPER)
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    first, second = buys(shopper, operator, place), unpaid(friend, code, sale)
    works: list[Callable[[], Any]] = [
        partial(pay, market, operator, second),
        partial(withdraw, market, friend, second),
        partial(leave, market, friend, code),
    ]
    at_once(market.app, works[number % 3 :] + works[: number % 3])
    found = group_of(code)
    if found.state == "full":
        assert (states(code), settled(market, code)) == (["paid", "paid"], 2)
        assert [back(market, each) for each in (first, second)] == [1_000, 1_000]
        assert money(market, promotion) == (0, 2_000)
    else:
        assert (found.state, found.places_taken, states(code)) == ("open", 1, ["paid", "left"])
        assert (settled(market, code), money(market, promotion)) == (0, (1_000, 0))


def test_all_money_at_once_fills_a_group_once_and_settling_it_at_once_pays_back_once(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale, people_needed=5)
    code = opened(shopper, promotion, sale)["group"]["code"]
    friends = [as_role(Role.SHOPPER) for _ in range(4)]
    [mine] = shopper.get("/v1/me/groups").json["items"]
    first = placed(shopper, mine["hold_id"])
    assert shopper.post(f"/v1/payments/{first['payment_id']}/confirm").status_code == 200
    orders = [first, *(unpaid(each, code, sale) for each in friends)]
    booked = at_once(market.app, [partial(pay, market, operator, each) for each in orders])
    assert [getattr(each, "state", each) for each in booked] == ["succeeded"] * 5
    assert (group_of(code).state, states(code)) == ("full", ["paid"] * 5)
    group_id = str(group_of(code).id)

    def settle() -> int:
        return database.transact(lambda session: settling.settle(session, market.ctx, group_id=group_id))

    assert sorted(at_once(market.app, [settle] * 4), key=str) == [0, 0, 0, 5]
    assert [back(market, each) for each in orders] == [1_000] * 5
    assert money(market, promotion) == (0, 5_000)


def test_many_groups_on_a_budget_for_three_never_reserve_more(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale, budget_minor=3_999)
    friends = [as_role(Role.SHOPPER) for _ in range(8)]
    holds = [held(each, sale)["hold_id"] for each in friends]

    def start(friend: Caller, hold_id: str) -> str:
        def work(session: Session) -> str:
            ctx, key = market.acting(friend), uuid.UUID(promotion["id"])
            made = grouping.open_group(session, ctx, promotion_id=key, hold_id=uuid.UUID(hold_id))
            return made.group.code

        return database.transact(work)

    done = at_once(market.app, [partial(start, *each) for each in zip(friends, holds, strict=True)])
    assert sum(isinstance(each, str) for each in done) == 3
    refused = [each for each in done if not isinstance(each, str)]
    assert {each.facts["reason"] for each in refused} == {"budget_spent"}
    assert money(market, promotion) == (3_000, 0)
