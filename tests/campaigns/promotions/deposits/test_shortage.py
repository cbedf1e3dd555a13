"""A shortage of discounted boxes: what belonged to boxes that do not come falls away, to the unit and once."""

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.shortage import applying, closing, waiting
from campaigns.shortage.models import ShortageCut
from inventory.quality import quality
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.payments import payments
from marketplace.payments.models import Payment
from orders.models import DepositTerms
from tests.builders import Market, Sale, at_once, broken, held
from tests.campaigns import presale
from tests.campaigns.presale import now, seen
from tests.campaigns.promotions.deposits.scene import bought, code_of, on_sale, pay_rest
from tests.campaigns.promotions.shop import paid_for, placed, running, uses
from tests.campaigns.shortage import deposits, stage
from tests.campaigns.shortage.stage import Short
from tests.house import Caller

PIECES: dict[str, Any] = {"kind": "quantity_break", "amount_minor": 333}


def short_of(
    market: Market,
    operator: Caller,
    sale: Sale,
    buyers: Sequence[Caller],
    boxes: Sequence[int],
    *,
    missing: int,
) -> Short:
    """Ordered with what is taken off; so many of the boxes are stopped when they are harvested."""
    orders = tuple(bought(each, operator, sale, count) for each, count in zip(buyers, boxes, strict=True))
    presale.harvested(market, sale)
    return stopped(market, operator, sale, tuple(buyers), orders, missing)


def stopped(
    market: Market, operator: Caller, sale: Sale, buyers: tuple, orders: tuple, missing: int
) -> Short:
    """The lot of the missing boxes, which was pledged last, is recalled."""
    with database.reading() as session:
        lot_id = session.scalar(
            text("SELECT id FROM lot WHERE on_hand_grams = :grams ORDER BY id DESC LIMIT 1"),
            {"grams": missing * 5_000},
        )
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(lambda session: quality.recall(session, ctx, lot_id=lot_id, reason="residues"))
    return Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=())


def settled(short: Short, **terms: Any) -> None:
    stage.opened(short, **terms)
    stage.let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, short.market.later())) == 1


def cut_of(order: dict[str, Any]) -> ShortageCut:
    with database.reading() as session:
        return session.scalars(
            select(ShortageCut).where(ShortageCut.order_id == uuid.UUID(order["id"]))
        ).one()


@pytest.fixture
def buyers(as_role: Callable[..., Caller]) -> list[Caller]:
    return [as_role(Role.SHOPPER) for _ in range(3)]


def three_and_two(
    market: Market, operator: Caller, buyers: list[Caller], **promotion: Any
) -> tuple[Short, Any]:
    """Orders of 1, 2 and 3 boxes, of which one is missing: the last one gets two."""
    sale = on_sale(market, 5)
    stage.pledge(market, sale, 1)
    made = running(operator, sale, **{**PIECES, **promotion})
    return short_of(market, operator, sale, buyers, (1, 2, 3), missing=1), made


def test_of_a_cut_order_its_part_falls_away_and_the_balance_has_the_rest(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    short, pieces = three_and_two(market, operator, buyers)
    assert uses(market, pieces) == (0, 3, 0, 6 * 333)
    settled(short)
    cut = cut_of(short.orders[2])
    assert (cut.boxes_after, cut.refund_minor, cut.bonus_minor, cut.discount_minor) == (2, 1_000, 500, 333)
    assert "Of what is taken off the price, 3.33 CNY belonged to boxes that do not come" in cut.reason_en
    assert "未供货部分对应的优惠 3.33 CNY 相应取消。" in cut.reason_zh
    assert [cut_of(each).discount_minor for each in short.orders[:2]] == [0, 0]
    assert uses(market, pieces) == (0, 3, 0, 5 * 333), "the use is still one, for fewer boxes"
    [mine] = buyers[2].get("/v1/me/orders").json["items"]
    assert mine["due_later_minor"] == 2 * (4_500 - 333)
    presale.let_pass(market, short.sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    terms = market.stored(DepositTerms, short.orders[2]["id"])
    assert (terms.balance_boxes, terms.discount_minor, terms.balance_minor) == (2, 666, 2 * 3_700 - 666)
    paid = 3_000 - 1_000 + pay_rest(buyers[2], operator, short.orders[2])
    assert paid + 2 * 500 + 666 == 2 * 5_200


@pytest.mark.parametrize(
    ("amounts", "kept"), [((1_000,), [667]), ((1,), [1]), ((100, 100, 100), [67, 67, 66])]
)
def test_coupons_of_a_cut_order_are_kept_by_boxes_and_rounded_up_once(
    market: Market, operator: Caller, buyers: list[Caller], amounts: tuple[int, ...], kept: list[int]
) -> None:
    """Of three boxes two are left: two thirds of the sum, whatever the number of lines."""
    sale = on_sale(market, 5)
    stage.pledge(market, sale, 1)
    coupons = [code_of(operator, sale, amount_minor=each, stacks_with=["coupon"]) for each in amounts]
    orders = [bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers[:2], (1, 2), strict=True)]
    orders.append(bought(buyers[2], operator, sale, 3, *(code for _, code in coupons)))
    presale.harvested(market, sale)
    settled(stopped(market, operator, sale, tuple(buyers), tuple(orders), 1))
    by_id = sorted((made for made, _ in coupons), key=lambda made: str(made["id"]))
    assert [uses(market, made) for made in by_id] == [(0, 1, 0, minor) for minor in kept]
    assert cut_of(orders[2]).discount_minor == sum(amounts) - sum(kept)


def test_who_is_cut_to_nothing_or_chose_so_gives_all_of_it_back(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    short, pieces = three_and_two(market, operator, buyers)
    stage.opened(short)
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    assert buyers[2].post(url, json={"choice": "refund"}).status_code == 200
    stage.let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, market.later()))
    assert cut_of(short.orders[2]).discount_minor == 3 * 333
    assert uses(market, pieces) == (0, 2, 0, 3 * 333)


def test_who_wants_fewer_keeps_the_part_of_these(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    short, pieces = three_and_two(market, operator, buyers)
    stage.opened(short)
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    assert buyers[2].post(url, json={"choice": "fewer", "wanted_boxes": 1}).status_code == 200
    stage.let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, market.later()))
    assert cut_of(short.orders[2]).discount_minor == 2 * 333
    assert uses(market, pieces) == (0, 3, 0, 4 * 333)


def test_between_two_batches_every_promise_holds_and_a_batch_may_run_again(
    market: Market, operator: Caller, buyers: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "BATCH", 1)
    short, pieces = three_and_two(market, operator, buyers)
    settled(short)
    shortage_id = str(short.shortage().id)
    for _ in range(3):
        assert broken(market.app) == []
        database.transact(lambda session: applying.apply(session, market.later(), shortage_id=shortage_id))
    assert short.shortage().state == "settled"
    assert uses(market, pieces) == (0, 3, 0, 5 * 333)


def test_a_full_payment_that_is_cut_gives_the_part_back_too(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    """Three boxes for 52.00 less 10.00: one is missing, and with it a third of both."""
    sale = market.draft(per_buyer=100)
    stage.pledge(market, sale, 5)
    stage.pledge(market, sale, 1)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    early = running(operator, sale, kind="quantity_break", amount_minor=None, permille=7)
    orders = []
    for buyer, boxes in zip(buyers, (1, 2, 3), strict=True):
        order = placed(buyer, held(buyer, sale, boxes)["hold_id"])
        paid_for(buyer, operator, order)
        orders.append(order)
    stage.to_harvest(market, sale)
    short = stopped(market, operator, sale, tuple(buyers), tuple(orders), 1)
    before = uses(market, early)[3]
    settled(short, cause="force_majeure", evidence="hail")
    cut = cut_of(orders[2])
    payment = market.stored(Payment, orders[2]["payment_id"])
    kept = orders[2]["discount_minor"] - cut.discount_minor
    assert payment.kept_minor + kept == 2 * 5_200, (
        "what was paid and what is taken off are the price of two boxes"
    )
    assert uses(market, early)[3] == before - cut.discount_minor


@pytest.mark.parametrize("number", range(4))
def test_a_balance_payment_against_the_end_of_waiting_has_one_winner_and_one_place_for_the_discount(
    market: Market, operator: Caller, buyers: list[Caller], number: int
) -> None:
    """The promised day is over: who waited in vain is cut to nothing, while the money for the balance comes."""
    short, pieces = three_and_two(market, operator, buyers)
    stage.opened(short, later_lot_on=market.today + timedelta(days=10))
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    assert buyers[2].post(url, json={"choice": "wait"}).status_code == 200
    stage.let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, market.later()))
    presale.let_pass(market, short.sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    payment = presale.confirm(buyers[2], presale.balance(buyers[2], short.orders[2]))
    database.transact(
        lambda session: session.execute(text("UPDATE shortage_wait SET promised_on = promised_on - 30"))
    )
    shortage_id, ctx = str(short.shortage().id), market.acting(operator, roles=frozenset({Role.OPERATOR}))

    def pay(session: Session) -> str:
        booked = payments.book_receipt(
            session,
            ctx,
            payment_id=uuid.UUID(payment["id"]),
            amount_minor=payment["amount_minor"],
            currency="CNY",
            receipt_reference=f"R-{uuid.uuid4().hex[:12]}",
        )
        return booked.state

    def end(session: Session) -> int:
        return waiting.end(session, now(market), shortage_id=shortage_id)

    works: list[Any] = [partial(database.transact, pay), partial(database.transact, end)]
    at_once(market.app, works[number % 2 :] + works[: number % 2])
    jobs.work(market.app, once=True)
    assert seen(operator, short.orders[2])["state"] == "cut"
    assert uses(market, pieces) == (0, 2, 0, 3 * 333)
    with database.reading() as session:
        rows = session.scalars(
            select(Payment).where(Payment.order_id == uuid.UUID(short.orders[2]["id"]))
        ).all()
        assert all(each.received_minor <= each.refund_due_minor for each in rows), "all that came goes back"
