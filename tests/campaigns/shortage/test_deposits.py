"""A shortage of boxes with deposits: cut, paid back by the box, and the balance asked for what is left."""

import uuid

import pytest
from sqlalchemy import select

from campaigns.shortage import closing
from campaigns.shortage.models import ShortageCut
from inventory.cases.models import Case
from inventory.models import Lot
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from marketplace.payments.models import PartRefund, Payment
from orders.models import DepositTerms, Order
from tests.builders import Market
from tests.campaigns import presale
from tests.campaigns.presale import DEPOSIT, balance, book, confirm, seen
from tests.campaigns.shortage import deposits
from tests.campaigns.shortage.stage import Short, let_pass, opened
from tests.house import Caller

BOXES = (1, 2, 3)
HAIL = {"cause": "force_majeure", "evidence": "hail"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller) -> Short:
    """Orders of 1, 2 and 3 boxes, and 4 boxes that are there: 1, and three more of two by 2 and 3."""
    return deposits.harvested(market, as_role, operator, BOXES, there=5)


def settled(short: Short, **terms) -> None:
    opened(short, **terms)
    let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, short.market.later())) == 1


def cuts(short: Short) -> list[ShortageCut]:
    """Of the orders, in their order."""
    with database.reading() as session:
        found = {str(each.order_id): each for each in session.scalars(select(ShortageCut))}
    return [found[order["id"]] for order in short.orders]


def terms_of(short: Short, order: dict) -> DepositTerms:
    return short.market.stored(DepositTerms, order["id"])


def owed(order: dict) -> list[tuple[str, str, int]]:
    with database.reading() as session:
        rows = session.scalars(
            select(PartRefund).where(PartRefund.payment_id == uuid.UUID(order["payment_id"]))
        )
        return sorted((each.kind, each.reason, each.amount_minor) for each in rows)


def test_the_deposit_of_a_cut_box_comes_back_double_and_its_bonus_falls_away(short: Short) -> None:
    settled(short)
    whole, also_whole, less = cuts(short)
    assert [each.boxes_after for each in (whole, also_whole, less)] == [1, 2, 2]
    assert (less.paid_minor, less.refund_minor, less.compensation_minor, less.bonus_minor) == (
        3_000,
        1_000,
        1_000,
        500,
    )
    assert (whole.refund_minor, whole.compensation_minor, whole.bonus_minor) == (0, 0, 0)
    assert owed(short.orders[2]) == [("compensation", "shortage", 1_000), ("refund", "shortage", 1_000)]
    payment = short.market.stored(Payment, short.orders[2]["payment_id"])
    assert (payment.received_minor, payment.refund_due_minor) == (3_000, 1_000)
    assert "The deposit for 1 box is paid back: 30.00 × 1 ÷ 3 = 10.00 CNY." in less.reason_en
    assert "Your balance will be for 2 boxes." in less.reason_en
    assert (
        "What the platform adds to a deposit falls away for boxes that do not come: 5.00 CNY."
        in less.reason_en
    )
    assert "未供货部分的定金膨胀（平台出资）相应取消：5.00 CNY。" in less.reason_zh


def test_a_refund_for_a_cut_is_a_case_that_says_how_much(short: Short) -> None:
    settled(short)
    with database.reading() as session:
        [case] = session.scalars(
            select(Case).where(Case.subject_id == uuid.UUID(short.orders[2]["payment_id"]))
        )
    assert (case.kind, case.facts["refund_due_minor"], case.facts["compensation_minor"]) == (
        "refund",
        1_000,
        1_000,
    )


def test_force_majeure_gives_the_deposit_back_once(short: Short) -> None:
    settled(short, **HAIL)
    less = cuts(short)[2]
    assert (less.refund_minor, less.compensation_minor, less.bonus_minor) == (1_000, 0, 500)


def test_an_advance_is_no_earnest_money(market: Market, as_role, operator: Caller) -> None:
    advance = {**DEPOSIT, "type": "advance"}
    short = deposits.harvested(market, as_role, operator, BOXES, there=5, deposit=advance)
    settled(short)
    assert (cuts(short)[2].refund_minor, cuts(short)[2].compensation_minor) == (1_000, 0)


def test_the_balance_is_for_the_boxes_that_are_left_at_the_step_that_all_reached(
    short: Short, operator: Caller
) -> None:
    """Six were sold, which is the step of 52 yuan; five are there, which alone would be 56."""
    settled(short)
    assert short.market.campaign(short.sale).state == "shortfall", "buyers were told of another day"
    assert deposits.advance(short) == "shortfall"
    presale.let_pass(short.market, short.sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    for order, boxes in zip(short.orders, (1, 2, 2), strict=True):
        terms = terms_of(short, order)
        assert (terms.final_unit_price_minor, terms.balance_boxes, terms.bonus_minor) == (
            5_200,
            boxes,
            boxes * 500,
        )
        assert terms.balance_minor == boxes * (5_200 - 1_500)
    told = seen(short.buyers[2], short.orders[2])
    assert (told["boxes"], told["deposit"]["balance_boxes"]) == (3, 2), "what was agreed stays as it was"
    payment = confirm(short.buyers[2], balance(short.buyers[2], short.orders[2]))
    assert payment["amount_minor"] == 7_400
    assert book(operator, payment).status_code == 200
    presale.closed(short.market, short.sale)
    states = [short.market.stored(Order, order["id"]).state for order in short.orders]
    assert states == ["balance_defaulted", "balance_defaulted", "balance_paid"]


def test_who_defaults_after_a_cut_loses_the_deposit_of_the_boxes_that_were_there(short: Short) -> None:
    settled(short)
    presale.let_pass(short.market, short.sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    presale.closed(short.market, short.sale)
    assert sum(presale.forfeits(short.orders[2])) == 2_000
    assert short.market.pool(short.sale).available_boxes == 5


def test_what_is_still_to_be_paid_follows_the_cut_on_the_phone(short: Short) -> None:
    before = short.buyers[2].get("/v1/me/orders").json["items"][0]
    settled(short)
    after = short.buyers[2].get("/v1/me/orders").json["items"][0]
    assert (before["due_later_minor"], after["due_later_minor"]) == (3 * 4_500, 2 * 4_500)


def test_a_choice_pays_deposits_back_and_not_double(short: Short) -> None:
    opened(short)
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    assert short.buyers[2].post(url, json={"choice": "refund"}).status_code == 200
    let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, short.market.later()))
    less = cuts(short)[2]
    assert (less.refund_minor, less.compensation_minor, less.boxes_after) == (3_000, 0, 0)
    assert "No balance will be asked." in less.reason_en
    assert short.market.stored(Order, short.orders[2]["id"]).state == "cut"


def test_a_total_loss_fails_a_presale_and_everybodys_deposit_goes_back(
    market: Market, as_role, operator: Caller
) -> None:
    short = deposits.harvested(market, as_role, operator, (1, 2), there=1)
    database.transact(lambda session: lose(session, market, operator, short))
    settled(short, **HAIL)
    assert market.campaign(short.sale).state == "failed"
    assert [market.stored(Order, each["id"]).state for each in short.orders] == ["cut", "cut"]
    assert [owed(each) for each in short.orders] == [
        [("refund", "shortage", 1_000)],
        [("refund", "shortage", 2_000)],
    ]


def lose(session, market: Market, operator: Caller, short: Short) -> None:
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    for lot in session.scalars(select(Lot).where(Lot.status == "available")).all():
        quality.recall(session, ctx, lot_id=lot.id, reason="residues")


def test_the_clock_opens_a_shortage_of_deposits_by_itself(short: Short) -> None:
    assert deposits.advance(short) == "shortfall"
    assert short.shortage().state == "electing"
    assert short.shortage().seed_hash == short.market.campaign(short.sale).seed_hash
