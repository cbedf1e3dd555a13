"""Another item in place of missing boxes: offered while it has some to spare, at no higher price."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from campaigns import planning
from campaigns.pledges import pledging
from campaigns.shortage import closing
from campaigns.shortage.models import ShortageCut
from inventory.models import Hold, Pool
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from marketplace.payments.models import PartRefund
from orders.models import DepositTerms, Order
from tests.builders import Market, Sale, assert_refused
from tests.campaigns import presale
from tests.campaigns.presale import DEPOSIT, bought
from tests.campaigns.promotions.shop import running
from tests.campaigns.shortage import deposits
from tests.campaigns.shortage.stage import Short, let_pass, opened, pledge
from tests.house import Caller

HAIL = {"cause": "force_majeure", "evidence": "hail"}
PRICE, CHEAPER = 6_000, 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """A short item, and another one of the same campaign."""

    short: Short
    other: Sale


def two_items(market: Market, *, price_minor: int, **terms: Any) -> tuple[Sale, Sale]:
    """A draft with Fuji and with Gala."""
    gala = market.pack("GALA")
    opens_at = market.ctx.now
    closes_at = opens_at + timedelta(days=10)

    def work(session) -> tuple[Sale, Sale]:
        made = planning.draft(
            session,
            market.ctx,
            code=f"sale-{uuid.uuid4().hex[:8]}",
            county_id=market.county_id,
            title_en="Two apples",
            title_zh="两种苹果",
            opens_at=opens_at,
            closes_at=closes_at,
            items=[
                {"pack_id": pack_id, "unit_price_minor": minor, "boxes_per_buyer_max": 6, **terms}
                for pack_id, minor in ((market.pack_id, PRICE), (gala.id, price_minor))
            ],
            balance={
                "opens_at": closes_at + timedelta(days=1),
                "closes_at": closes_at + timedelta(days=6),
                "grace_hours": 0,
                "free_withdrawal_hours": 0,
            }
            if terms
            else None,
        )
        by_pack = {session.get_one(Pool, item.pool_id).pack_id: item for item in made.items}
        return tuple(
            Sale(campaign_id=made.id, item_id=by_pack[pack_id].id, pool_id=by_pack[pack_id].pool_id)
            for pack_id in (market.pack_id, gala.id)
        )

    return database.transact(work)


def staged(
    market: Market,
    as_role,
    operator: Caller,
    *,
    price_minor: int = CHEAPER,
    spare: int = 5,
    promotion: dict[str, Any] | None = None,
    **terms: Any,
) -> Two:
    """Orders of 2 and 4 boxes, of which 3 boxes are there; the other item has some to spare."""
    sale, other = two_items(market, price_minor=price_minor, **terms)
    stopped = pledge(market, sale, 3)
    pledge(market, sale, 3)
    market.lot(spare, variety="GALA")
    database.transact(
        lambda session: pledging.put_up(
            session,
            market.ctx,
            campaign_id=other.campaign_id,
            item_id=other.item_id,
            cooperative_id=market.cooperative_ids[0],
            boxes=spare,
        )
    )
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    if promotion is not None:
        running(operator, sale, **promotion)
    buyers = tuple(as_role(Role.SHOPPER) for _ in range(2))
    orders = tuple(bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers, (2, 4), strict=True))
    presale.harvested(market, sale)
    as_operator = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(
        lambda session: quality.recall(session, as_operator, lot_id=stopped.id, reason="residues")
    )
    short = Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=(stopped,))
    return Two(short=short, other=other)


@pytest.fixture
def two(market: Market, as_role, operator: Caller) -> Two:
    return staged(market, as_role, operator)


def choose(two: Two, number: int, **body):
    short = two.short
    return short.buyers[number].post(f"/v1/orders/{short.orders[number]['id']}/election", json=body)


def other_grade(two: Two, number: int):
    return choose(two, number, choice="other_grade", item_id=str(two.other.item_id))


def end(two: Two) -> None:
    let_pass(two.short, 49)
    later = two.short.market.later()
    assert database.transact(lambda session: closing.advance_due(session, later)) == 1


def cut_of(two: Two, number: int) -> ShortageCut:
    with database.reading() as session:
        order_id = uuid.UUID(two.short.orders[number]["id"])
        return session.scalars(select(ShortageCut).where(ShortageCut.order_id == order_id)).one()


def test_the_other_item_is_shown_with_its_price_and_what_is_to_spare(two: Two) -> None:
    opened(two.short, **HAIL)
    told = two.short.buyers[1].get(f"/v1/orders/{two.short.orders[1]['id']}/election").json
    assert told["choices"] == ["no_preference", "fewer", "refund", "other_grade"]
    [item] = told["other_items"]
    assert (item["item_id"], item["unit_price_minor"], item["spare_boxes"], item["variety"]) == (
        str(two.other.item_id),
        CHEAPER,
        5,
        "GALA",
    )


def test_who_takes_it_keeps_all_boxes_and_gets_the_difference_back(two: Two) -> None:
    market, order = two.short.market, two.short.orders[1]
    opened(two.short, **HAIL)
    assert other_grade(two, 1).json["other_item_id"] == str(two.other.item_id)
    end(two)
    cut = cut_of(two, 1)
    assert (cut.boxes_after, cut.boxes_moved, cut.boxes_cut, cut.refund_minor) == (4, 4, 0, 0)
    assert cut.moved_to_item_id == two.other.item_id
    assert "You chose another grade: 4 boxes are of it." in cut.reason_en
    stored = market.stored(Order, order["id"])
    hold = market.stored(Hold, stored.hold_id)
    assert (hold.pool_id, hold.consumed_boxes, stored.pack_id) == (two.other.pool_id, 4, hold.pack_id)
    assert (stored.unit_price_minor, stored.boxes) == (PRICE, 4), "what was agreed stays as it was"
    first, second = market.pool(two.short.sale), market.pool(two.other)
    assert (first.boxes_sold, first.boxes_pledged) == (2, 3)
    assert (second.boxes_sold, second.boxes_pledged) == (4, 5)
    with database.reading() as session:
        [back] = session.scalars(select(PartRefund))
    assert (back.amount_minor, back.reason, str(back.payment_id)) == (
        4 * (PRICE - CHEAPER),
        "ladder",
        order["payment_id"],
    )
    assert cut_of(two, 0).boxes_after == 2
    told = two.short.buyers[1].get(f"/v1/orders/{order['id']}/election").json
    assert told["cut"]["moved_to_item_id"] == str(two.other.item_id), "the page finds its way after the move"


def test_a_deposit_goes_along_and_the_balance_is_at_the_other_price(
    market: Market, as_role, operator: Caller
) -> None:
    two = staged(market, as_role, operator, deposit=DEPOSIT)
    opened(two.short, **HAIL)
    assert other_grade(two, 1).status_code == 200
    end(two)
    presale.let_pass(market, two.short.sale, hours=24)
    assert deposits.advance(two.short) == "balance_open"
    terms = market.stored(DepositTerms, two.short.orders[1]["id"])
    assert (terms.pool_id, terms.final_unit_price_minor, terms.balance_minor) == (
        two.other.pool_id,
        CHEAPER,
        4 * (CHEAPER - 1_500),
    )


def test_what_was_promised_to_be_taken_off_goes_along_with_the_deposit(
    market: Market, as_role, operator: Caller
) -> None:
    """Of four boxes 3.33 each, and the whole of it at the other price."""
    pieces = {"kind": "quantity_break", "amount_minor": 333}
    two = staged(market, as_role, operator, deposit=DEPOSIT, promotion=pieces)
    opened(two.short, **HAIL)
    assert other_grade(two, 1).status_code == 200
    end(two)
    assert cut_of(two, 1).discount_minor == 0
    presale.let_pass(market, two.short.sale, hours=24)
    assert deposits.advance(two.short) == "balance_open"
    terms = market.stored(DepositTerms, two.short.orders[1]["id"])
    assert (terms.discount_minor, terms.balance_minor) == (4 * 333, 4 * (CHEAPER - 1_500 - 333))


@pytest.mark.parametrize("case", [{"price_minor": PRICE + 1}, {"spare": 3}])
def test_what_is_dearer_or_too_few_is_not_offered(market: Market, as_role, operator: Caller, case) -> None:
    two = staged(market, as_role, operator, **case)
    opened(two.short, **HAIL)
    with market.unchanged():
        assert_refused(other_grade(two, 1), 409, "choice_not_offered")


def test_at_the_same_price_nothing_goes_back(market: Market, as_role, operator: Caller) -> None:
    two = staged(market, as_role, operator, price_minor=PRICE)
    opened(two.short, **HAIL)
    assert other_grade(two, 1).status_code == 200
    end(two)
    with database.reading() as session:
        assert session.scalars(select(PartRefund)).all() == []


def test_when_both_want_it_the_seed_draws_and_the_other_has_no_preference(two: Two) -> None:
    opened(two.short, **HAIL)
    assert [other_grade(two, number).status_code for number in (0, 1)] == [200, 200]
    end(two)
    moved = [cut_of(two, number).moved_to_item_id is not None for number in (0, 1)]
    assert sum(moved) == 1, "five boxes are no six"
    kept = cut_of(two, moved.index(False))
    assert kept.boxes_after == min(kept.boxes_before, 3)
    assert two.short.market.pool(two.other).boxes_sold == cut_of(two, moved.index(True)).boxes_before


def test_a_buyers_limit_of_the_other_item_holds(two: Two) -> None:
    opened(two.short, **HAIL)
    assert other_grade(two, 1).status_code == 200
    limit = update(Pool).where(Pool.id == two.other.pool_id).values(boxes_per_buyer_max=3)
    database.transact(lambda session: session.execute(limit))
    end(two)
    assert cut_of(two, 1).moved_to_item_id is None
    assert cut_of(two, 0).boxes_after + cut_of(two, 1).boxes_after == 3


def test_what_cannot_be_chosen(two: Two) -> None:
    opened(two.short, **HAIL)
    with two.short.market.unchanged():
        assert_refused(choose(two, 1, choice="other_grade"), 422, "other_item_missing")
        item_id = str(two.other.item_id)
        assert_refused(choose(two, 1, choice="refund", item_id=item_id), 422, "other_item_missing")
        own = str(two.short.sale.item_id)
        assert_refused(choose(two, 1, choice="other_grade", item_id=own), 409, "other_item_gone")


def test_the_step_of_an_item_counts_where_a_box_was_ordered(
    market: Market, as_role, operator: Caller
) -> None:
    """Six of the first were sold, which is its step of 52; the four that left it do not make the other cheaper."""
    ladder = [{"from_boxes": 4, "unit_price_minor": CHEAPER - 500}]
    two = staged(market, as_role, operator, deposit={**DEPOSIT, "per_box_minor": 800}, ladder=ladder)
    opened(two.short, **HAIL)
    assert other_grade(two, 1).status_code == 200
    end(two)
    presale.let_pass(market, two.short.sale, hours=24)
    assert deposits.advance(two.short) == "balance_open"
    offers = {
        each["id"]: each["final_unit_price_minor"] for each in operator.get(two.short.sale.url).json["offers"]
    }
    assert offers == {str(two.short.sale.item_id): CHEAPER - 500, str(two.other.item_id): CHEAPER}
