"""Budgets of promotions on the real database: reserved, consumed, given back once, and never exceeded by many at once.

The market's fixture checks every invariant of every module when a test ends.
"""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from campaigns import selling
from campaigns.promotions import budgets, promoting
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.rules import Funder, PromotionKind, Quoted, Unmet
from campaigns.promotions.states import PromotionState
from inventory.refusals import HoldExpired, HoldNotFound
from marketplace import database
from marketplace.access import Role
from tests import house
from tests.builders import Market, Sale, at_once, held
from tests.house import Caller

CLIENTS, LIMIT, AT_ONCE = 500, 37, 10
"""No more at once than the pool has connections: who waits for one longer than its time-out is told so."""


def offered(market: Market, sale: Sale, **changes: Any) -> uuid.UUID:
    facts: dict[str, Any] = {
        "kind": PromotionKind.COUPON,
        "funder": Funder.COUNTY,
        "title_en": "Harvest",
        "title_zh": "丰收",
        "budget_minor": 1_000_000,
        "amount_minor": 500,
        **changes,
    }

    def work(session: Any) -> uuid.UUID:
        row = promoting.draft(
            session, market.ctx, campaign_id=sale.campaign_id, terms=promoting.Terms(**facts)
        )
        promoting.move(session, market.ctx, promotion_id=row.id, to=PromotionState.ACTIVE)
        return row.id

    return database.transact(work)


def moved(market: Market, promotion_id: uuid.UUID, to: PromotionState) -> None:
    database.transact(lambda session: promoting.move(session, market.ctx, promotion_id=promotion_id, to=to))


def quoted(market: Market, shopper: Caller, hold_id: str, *promotion_ids: uuid.UUID) -> Quoted:
    ctx, offered = market.acting(shopper), [budgets.Offered(promotion_id=each) for each in promotion_ids]

    def work(session: Any) -> Quoted:
        hold = budgets.live_hold(session, ctx, hold_id=uuid.UUID(hold_id))
        return budgets.reserve(session, ctx, hold=hold, offered=offered)[0]

    return database.transact(work)


def ended(market: Market, step: Callable[..., int], hold_id: str) -> int:
    return database.transact(lambda session: step(session, market.ctx, hold_id=uuid.UUID(hold_id)))


def counters(market: Market, promotion_id: uuid.UUID) -> tuple[int, int, int, int]:
    row = market.stored(PromotionTerms, promotion_id)
    return row.uses_reserved, row.uses_consumed, row.minor_reserved, row.minor_consumed


def test_a_use_is_reserved_consumed_and_given_back_once(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    coupon, hold_id = offered(market, sale), held(shopper, sale)["hold_id"]
    assert quoted(market, shopper, hold_id, coupon).discount_minor == 500
    assert counters(market, coupon) == (1, 0, 500, 0)
    assert [ended(market, budgets.consume, hold_id) for _ in range(2)] == [1, 0]
    assert counters(market, coupon) == (0, 1, 0, 500)
    assert [ended(market, budgets.give_back, hold_id) for _ in range(2)] == [1, 0]
    assert counters(market, coupon) == (0, 0, 0, 0)


def test_the_newest_quote_of_a_hold_counts(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    one, other = offered(market, sale), offered(market, sale, permille=100, amount_minor=None)
    hold_id = held(shopper, sale)["hold_id"]
    quoted(market, shopper, hold_id, one)
    told = quoted(market, shopper, hold_id, one, other)
    assert told.discount_minor == 520
    assert told.unmet == ((one, Unmet.NOT_COMBINABLE),)
    assert counters(market, one) == (0, 0, 0, 0)
    assert counters(market, other) == (1, 0, 520, 0)


def test_one_person_is_limited_over_all_holds(market: Market, shopper: Caller) -> None:
    sale, next_sale = market.on_sale(), market.on_sale()
    coupon = offered(market, sale, uses_per_person_max=1)
    hold_id = held(shopper, sale)["hold_id"]
    quoted(market, shopper, hold_id, coupon)
    assert shopper.post("/v1/orders", json={"hold_id": hold_id}).status_code == 201
    again = held(shopper, sale)["hold_id"]
    assert quoted(market, shopper, again, coupon).unmet == ((coupon, Unmet.PERSON_LIMIT),)
    foreign = held(shopper, next_sale)["hold_id"]
    assert quoted(market, shopper, foreign, coupon).discounts == ()


def test_what_a_lapsed_hold_had_is_there_for_the_next(
    market: Market, shopper: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, other = market.on_sale(), as_role(Role.SHOPPER)
    coupon = offered(market, sale, uses_max=1)
    first, second = held(shopper, sale)["hold_id"], held(other, sale)["hold_id"]
    quoted(market, shopper, first, coupon)
    assert quoted(market, other, second, coupon).unmet == ((coupon, Unmet.NO_USES_LEFT),)
    market.let_expire(first)
    assert quoted(market, other, second, coupon).discount_minor == 500
    market.let_expire(second)
    swept = [
        database.transact(lambda session: budgets.give_back_lapsed(session, market.ctx)) for _ in range(2)
    ]
    assert swept == [1, 0]
    assert ended(market, budgets.give_back, second) == 0
    assert counters(market, coupon) == (0, 0, 0, 0)


def test_only_ones_own_live_hold_is_quoted(
    market: Market, shopper: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale()
    coupon, hold_id = offered(market, sale), held(shopper, sale)["hold_id"]
    with pytest.raises(HoldNotFound):
        quoted(market, as_role(Role.SHOPPER), hold_id, coupon)
    market.let_expire(hold_id)
    with pytest.raises(HoldExpired):
        quoted(market, shopper, hold_id, coupon)


def test_a_promotion_moves_as_its_states_say_and_its_budget_only_grows(
    market: Market, shopper: Caller
) -> None:
    sale = market.on_sale()
    coupon, hold_id = offered(market, sale, budget_minor=499), held(shopper, sale)["hold_id"]
    assert quoted(market, shopper, hold_id, coupon).unmet == ((coupon, Unmet.BUDGET_SPENT),)

    def raised(budget_minor: int) -> PromotionTerms:
        return database.transact(
            lambda session: promoting.raise_budget(
                session, market.ctx, promotion_id=coupon, budget_minor=budget_minor
            )
        )

    with pytest.raises(promoting.BudgetNotRaised):
        raised(499)
    assert raised(500).budget_minor == 500
    moved(market, coupon, PromotionState.PAUSED)
    assert quoted(market, shopper, hold_id, coupon).discounts == ()
    moved(market, coupon, PromotionState.ACTIVE)
    assert quoted(market, shopper, hold_id, coupon).discount_minor == 500
    moved(market, coupon, PromotionState.ENDED)
    assert counters(market, coupon) == (1, 0, 500, 0), "what was told stays told"
    with pytest.raises(promoting.PromotionStateForbids):
        moved(market, coupon, PromotionState.ACTIVE)
    with pytest.raises(promoting.PromotionStateForbids):
        raised(501)
    with pytest.raises(promoting.PromotionNotFound):
        moved(market, uuid.uuid4(), PromotionState.ENDED)


def test_paying_and_cancelling_at_once_leave_a_use_in_one_place(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    coupon, hold_id = offered(market, sale), held(shopper, sale)["hold_id"]
    quoted(market, shopper, hold_id, coupon)
    steps = [budgets.give_back, budgets.consume] * 4
    done = at_once(market.app, [partial(ended, market, step, hold_id) for step in steps])
    given_back = [count for step, count in zip(steps, done, strict=True) if step is budgets.give_back]
    assert sorted(given_back, key=str) == [0, 0, 0, 1]
    assert counters(market, coupon) == (0, 0, 0, 0)


@pytest.mark.parametrize("limits", [{"uses_max": LIMIT}, {"budget_minor": LIMIT * 500 + 499}])
def test_of_500_clients_on_one_coupon_exactly_37_use_it(market: Market, limits: dict[str, int]) -> None:
    sale = market.on_sale(CLIENTS)
    coupon = offered(market, sale, **limits)
    clients = [house.caller(market.app, Role.SHOPPER) for _ in range(CLIENTS)]
    wanted = [selling.Wanted(item_id=sale.item_id, boxes=1)]

    def holds(client: Caller) -> str:
        [placed] = database.transact(
            lambda session: selling.hold_now(session, market.acting(client), sale.campaign_id, wanted)
        )
        return str(placed.hold_id)

    def uses(client: Caller, hold_id: str) -> int:
        with market.app.app_context():
            return len(quoted(market, client, hold_id, coupon).discounts)

    with market.app.test_request_context():
        hold_ids = [holds(client) for client in clients]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        used = sum(threads.map(uses, clients, hold_ids))
    assert used == LIMIT
    assert counters(market, coupon) == (LIMIT, 0, LIMIT * 500, 0)
