"""What happens to orders stands in the ledger: the example of 7,400 fen to its end, and all that goes back.

The market's fixture checks every invariant of every module when a test ends: `L4`, `L6` and `L7` tie the books to
payments, refunds, forfeits and escrows. So every other test of orders and campaigns proves them, too.
"""

import uuid

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.ledger import reading, rules
from marketplace.ledger.models import LedgerTransfer
from marketplace.ledger.rules import Owner
from marketplace.payments import part_refunds
from marketplace.payments.models import Payment
from marketplace.payments.states import PartRefundKind
from orders import checkout
from orders.books import postings
from orders.books.catching_up import catch_up
from orders.books.postings import FUNDERS, Held, Kind, Purse
from tests import servers
from tests.builders import broken, confirmed, held, ordered, paid, receipt
from tests.campaigns import presale
from tests.campaigns.promotions import shop

PURSE = Purse(owner=Owner(kind="campaign_item", id=uuid.UUID(int=5)), currency="CNY")
AMOUNTS = st.integers(1, 10**13)


def standing():
    """The balance of each code, on its own side; what stands at nothing is left out."""
    with database.reading() as session:
        return {
            line.code: line.balance_minor for line in reading.trial_balance(session) if line.balance_minor
        }


def kinds():
    with database.reading() as session:
        return sorted(session.scalars(select(LedgerTransfer.kind)))


@given(st.sampled_from(list(Held)), AMOUNTS, st.integers(0, 10**13), st.sampled_from(sorted(FUNDERS)))
def test_every_posting_of_the_table_balances(held_in, minor, more, funder):
    one, other = uuid.uuid4(), uuid.uuid4()
    parts = [(funder, minor), ("platform", 1), (funder, 2)]
    facts = [
        postings.received(PURSE, payment_id=one, held=held_in, amount_minor=minor),
        postings.received_late(PURSE, payment_id=one, held=held_in, amount_minor=minor, reason="x"),
        postings.refund_owed(PURSE, refund_id=one, held=held_in, amount_minor=minor, reason="x"),
        postings.compensation_owed(PURSE, refund_id=one, amount_minor=minor, reason="x"),
        postings.deposit_applied(PURSE, order_id=one, deposit_minor=minor, bonus_minor=more, funder=funder),
        postings.bonus_withdrawn(PURSE, order_id=one, bonus_minor=minor, funder=funder),
        postings.discount_applied(PURSE, order_id=one, parts=parts),
        postings.discount_withdrawn(PURSE, order_id=one, parts=parts),
        postings.refund_paid(PURSE, source_id=one, held=held_in, amount_minor=minor, means="credit"),
        postings.refund_returned(
            source_id=one,
            paid=postings.refund_paid(
                PURSE, source_id=one, held=held_in, amount_minor=minor, means="bank_transfer"
            ).lines,
            reason="x",
        ),
        postings.provider_fee(payment_id=one, fee_minor=minor, currency="CNY"),
        postings.dispute_moved(
            source_id=one, amount_minor=-minor, fee_minor=more, currency="CNY", reason="x"
        ),
        postings.dispute_moved(source_id=one, amount_minor=minor, fee_minor=0, currency="CNY", reason="x"),
        postings.funding_lowered(PURSE, source_id=one, by_code={"promo_expense": minor, "bank": more + 1}),
        postings.deposit_forfeited(PURSE, order_id=one, parts={one: minor, other: more + 1}),
        postings.rebate_borne(PURSE, source_id=one, amount_minor=minor),
        postings.rebate_borne(PURSE, source_id=one, amount_minor=-minor),
        postings.late_refund(
            PURSE,
            source_id=one,
            cooperative_id=other,
            commission_minor=1,
            retention_minor=more,
            receivable_minor=minor,
        ),
        postings.settled(settled_sums(minor, more), settlement_id=one),
        *(
            postings.escrow_moved(PURSE, number=3, cooperative_id=one, amount_minor=minor, is_back=is_back)
            for is_back in (True, False)
        ),
    ]
    assert {rules.check(fact) for fact in facts} == {"CNY"}
    assert {fact.kind for fact in facts} == set(Kind)


def settled_sums(goods, discount):
    """Of boxes for so much and so much of an own discount more, half is kept back and a box is missing elsewhere."""
    item = postings.ItemParts(
        sold_for=PURSE.owner,
        orders_minor=goods + discount,
        own_discounts_minor=discount,
        compensation_minor=0,
    )
    kept = goods // 2
    return postings.Settled(
        cooperative_id=uuid.UUID(int=7),
        currency="CNY",
        items=[item],
        commission_minor=0,
        services_minor=0,
        released_minor=3,
        retained_minor=kept,
        collected_minor=2,
        missing_minor=0,
        advances_minor=0,
        payable_minor=goods - kept + 3 - 2,
    )


def test_a_settlement_of_forfeits_alone_moves_nothing():
    sums = postings.Settled(
        cooperative_id=uuid.UUID(int=7),
        currency="CNY",
        items=[],
        commission_minor=0,
        services_minor=0,
        released_minor=0,
        retained_minor=0,
        collected_minor=0,
        missing_minor=0,
        advances_minor=0,
        payable_minor=0,
    )
    assert postings.settled(sums, settlement_id=uuid.uuid4()) is None


def test_what_is_taken_back_leaves_nothing():
    parts = [("county", 500), ("platform", 30)]
    both = [
        postings.discount_applied(PURSE, order_id=uuid.uuid4(), parts=parts),
        postings.discount_withdrawn(PURSE, order_id=uuid.uuid4(), parts=parts),
    ]
    assert rules.netted(line for fact in both for line in fact.lines) == ()


def test_a_deposit_of_which_nothing_is_left_and_no_bonus_is_no_fact():
    assert (
        postings.deposit_applied(PURSE, order_id=uuid.uuid4(), deposit_minor=0, bonus_minor=0, funder=None)
        is None
    )


def test_the_example_of_7400_fen_step_by_step(market, shopper, operator, as_role):
    """Two boxes at 52 yuan, 20 yuan of deposit that count as 30, the platform pays the other 10."""
    sale = presale.on_sale(market)
    order = presale.bought(shopper, operator, sale, 2)
    assert standing() == {"psp_clearing": 2_000, "deposit_liability": 2_000}
    other = as_role(Role.SHOPPER)
    left = presale.bought(other, operator, sale, 4)
    assert standing() == {"psp_clearing": 6_000, "deposit_liability": 6_000}
    presale.opened(market, sale)
    assert standing() == {"psp_clearing": 6_000, "deposit_liability": 6_000}, "a fixed price moves no money"

    presale.book(operator, presale.confirm(shopper, presale.balance(shopper, order)))
    assert standing() == {
        "psp_clearing": 13_400,
        "deposit_liability": 4_000,
        "order_liability": 10_400,
        "promo_expense": 1_000,
    }

    presale.closed(market, sale)
    assert presale.forfeits(left) == [4_000]
    assert standing() == {
        "psp_clearing": 13_400,
        "order_liability": 10_400,
        "promo_expense": 1_000,
        "coop_payable": 4_000,
    }


def test_accounts_are_kept_for_what_the_boxes_are_held_for(market, shopper, operator):
    sale = presale.on_sale(market)
    presale.bought(shopper, operator, sale, 2)
    [found] = operator.get("/v1/ledger/accounts", query_string={"code": "deposit_liability"}).json["items"]
    assert (found["owner_kind"], found["owner_id"]) == ("campaign_item", str(sale.item_id))
    [line] = operator.get(f"/v1/ledger/accounts/{found['id']}/statement").json["items"]
    assert (line["kind"], line["amount_minor"], line["balance_minor"]) == ("payment_received", 2_000, 2_000)


def test_a_withdrawn_deposit_is_owed_back(market, shopper, operator):
    sale = presale.on_sale(market)
    order = presale.bought(shopper, operator, sale, 2)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert standing() == {"psp_clearing": 2_000, "refund_payable": 2_000}


def test_a_deposit_that_counts_as_the_whole_price_is_applied_without_another_payment(
    market, shopper, operator
):
    deposit = {**presale.DEPOSIT, "type": "advance", "per_box_minor": 2_600, "counts_minor": 5_200}
    sale = presale.on_sale(market, deposit=deposit)
    presale.bought(shopper, operator, sale, 6)
    presale.opened(market, sale)
    assert standing() == {"psp_clearing": 15_600, "order_liability": 31_200, "promo_expense": 15_600}


def test_a_lower_step_is_owed_back_to_who_paid_in_full(market, shopper, operator):
    sale = presale.on_sale(market, deposit=None)
    presale.bought(shopper, operator, sale, 6)
    presale.opened(market, sale)
    assert standing() == {"psp_clearing": 36_000, "order_liability": 31_200, "refund_payable": 4_800}


def test_late_money_that_nobody_wants_is_owed_back(market, shopper, operator):
    order = ordered(shopper, market.on_sale(5), 1)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert standing() == {}
    late = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert late.json["refund_due_minor"] == order["total_minor"]
    assert standing() == {"psp_clearing": 5_200, "refund_payable": 5_200}


def test_late_money_that_buys_the_boxes_after_all_is_booked_once(market, shopper, operator):
    order = ordered(shopper, market.on_sale(5), 1)
    market.let_age(order["id"], minutes=21)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert standing() == {"psp_clearing": 5_200, "order_liability": 5_200}
    assert kinds() == ["payment_received"]


def test_a_discount_is_its_funders_until_the_order_is_over(market, shopper, operator):
    sale = market.on_sale(10)
    for funder, account in (("county", "county_receivable"), ("platform", "promo_expense")):
        before = standing().get(account, 0)
        code = shop.drawn(operator, shop.running(operator, sale, funder=funder))[0]
        hold = held(shopper, sale)["hold_id"]
        shop.quoted(shopper, hold, code)
        shop.paid_for(shopper, operator, shop.placed(shopper, hold))
        assert standing()[account] == before + 500
    assert standing() == {
        "psp_clearing": 9_400,
        "order_liability": 10_400,
        "county_receivable": 500,
        "promo_expense": 500,
    }
    for step in ("pause", "cancellation"):
        assert operator.post(f"{sale.url}/{step}", json={"reason": "frost"}).status_code == 200
    jobs.work(market.app, once=True)
    assert standing() == {"psp_clearing": 9_400, "refund_payable": 9_400}
    assert kinds().count("discount_withdrawn") == 2


def test_what_is_wholly_discounted_is_paid_by_its_funder_alone(market, shopper, operator):
    sale = market.on_sale(10)
    code = shop.drawn(operator, shop.running(operator, sale, amount_minor=5_200))[0]
    hold = held(shopper, sale)["hold_id"]
    shop.quoted(shopper, hold, code)
    assert shop.placed(shopper, hold)["state"] == "committed"
    assert standing() == {"county_receivable": 5_200, "order_liability": 5_200}


def test_a_campaign_that_ends_after_balances_were_paid_takes_its_bonuses_back(market, shopper, operator):
    sale = presale.on_sale(market)
    order = presale.bought(shopper, operator, sale, 2)
    presale.opened(market, sale)
    presale.book(operator, presale.confirm(shopper, presale.balance(shopper, order)))
    received = standing()["psp_clearing"]
    assert operator.post(f"{sale.url}/cancellation", json={"reason": "frost"}).status_code == 200
    jobs.work(market.app, once=True)
    assert standing() == {"psp_clearing": received, "refund_payable": received}
    assert "bonus_withdrawn" in kinds()


def test_compensation_is_owed_on_top(market, shopper, operator):
    order = paid(shopper, operator, market.on_sale(5), 1)

    def work(session):
        payment = session.get(Payment, uuid.UUID(order["payment_id"]), with_for_update=True)
        parts = [(payment, PartRefundKind.REFUND, 200), (payment, PartRefundKind.COMPENSATION, 300)]
        part_refunds.owe_parts(session, context.system(), parts, reason="shortage", source_id=uuid.uuid4())

    database.transact(work)
    assert standing() == {
        "psp_clearing": 5_200,
        "order_liability": 5_000,
        "compensation_expense": 300,
        "refund_payable": 500,
    }


TABLES = ("ledger_balance", "ledger_entry", "ledger_transfer", "ledger_account")


def forget_the_ledger(urls):
    with psycopg.connect(servers.plain(urls.owner_url)) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("batch", [1, 500])
def test_what_happened_before_the_ledger_is_caught_up_with_once(
    market, shopper, operator, as_role, database_urls, batch
):
    """A presale to its end, late money, a withdrawal and discounts; then the ledger is gone, and is made anew."""
    sale = presale.on_sale(market)
    order = presale.bought(shopper, operator, sale, 2)
    presale.bought(as_role(Role.SHOPPER), operator, sale, 4)
    gone = as_role(Role.SHOPPER)
    back = presale.bought(gone, operator, sale, 1)
    assert gone.post(f"/v1/orders/{back['id']}/withdrawal").status_code == 200
    presale.opened(market, sale)
    presale.book(operator, presale.confirm(shopper, presale.balance(shopper, order)))
    presale.closed(market, sale)
    late = ordered(shopper, market.on_sale(5), 1)
    assert shopper.post(f"/v1/orders/{late['id']}/withdrawal").status_code == 200
    operator.post(f"/v1/payments/{late['payment_id']}/receipts", json=receipt(late))
    other = market.on_sale(5)
    code = shop.drawn(operator, shop.running(operator, other))[0]
    hold = held(shopper, other)["hold_id"]
    shop.quoted(shopper, hold, code)
    shop.paid_for(shopper, operator, shop.placed(shopper, hold))
    confirmed(shopper, other, 1)
    stood, booked = standing(), kinds()
    assert len(stood) > 5

    forget_the_ledger(database_urls)
    assert set(broken(market.app)) == {"L4", "L6", "L8"}
    steps = 0
    while database.transact(lambda session: catch_up(session, context.system(), batch=batch)):
        steps += 1
    assert (standing(), kinds()) == (stood, booked)
    assert steps == (len(booked) if batch == 1 else 5)
    done = market.app.test_cli_runner().invoke(args=["books", "catch-up"])
    assert done.output.startswith("0 facts booked"), done.output
