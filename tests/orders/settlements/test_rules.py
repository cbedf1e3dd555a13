"""The statement of a cooperative: the example of the handbook, each kind of line, and the laws of all of them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.deposit_rules import Deposit, DepositType, Funder
from orders import balance_rules, forfeit_rules
from orders.settlements import commission
from orders.settlements.account import Account, Advance, AmountsMixed, Held
from orders.settlements.facts import (
    Claim,
    Delivery,
    FactsAreWrong,
    Fee,
    Forfeit,
    OwnDiscount,
    Remedy,
    SuppliedBoxes,
    Terms,
    deliveries_of,
    own_discounts_of,
    storage_shares,
)
from orders.settlements.proof import faults
from orders.settlements.rules import LineKind, settle
from tests.orders.settlements.cases import (
    SEASON_END,
    TODAY,
    accounts,
    deliveries,
    delivery,
    facts,
    random_facts,
    some_terms,
)
from tests.thorough import many

EMPTY = Account(currency="CNY")


def amounts(statement):
    return [(line.kind.value, line.amount_minor) for line in statement.lines]


def test_two_boxes_of_the_example_give_two_cooperatives_4992_each():
    """features 4.1.4: 52 yuan, 10 of deposit count as 15, 4 %: 7,400 of balance, 10,400 in all."""
    deposit = Deposit(
        type=DepositType.EARNEST,
        per_box_minor=1_000,
        counts_minor=1_500,
        funder=Funder.PLATFORM,
        free_hours=24,
    )
    due = balance_rules.due(boxes=2, unit_price_minor=5_200, deposit=deposit)
    assert (due.now_minor, due.later_minor, due.bonus_minor) == (2_000, 7_400, 1_000)

    supplied = [
        SuppliedBoxes(
            cooperative=each,
            currency="CNY",
            item="fuji-5kg",
            grade="A",
            unit_price_minor=5_200,
            boxes=1,
        )
        for each in ("YJ01", "YJ02")
    ]
    found = deliveries_of(supplied)
    assert set(found) == {("YJ01", "CNY"), ("YJ02", "CNY")}
    statements = [settle(facts(*each), EMPTY) for each in found.values()]

    assert [each.payout_minor for each in statements] == [4_992, 4_992]
    assert sum(each.commission_minor for each in statements) == 416
    assert sum(each.payout_minor + each.commission_minor for each in statements) == due.total_minor == 10_400
    assert all(not faults(each) for each in statements)


def test_the_example_with_retention_of_five_percent():
    statement = settle(facts(delivery(1), permille=50), EMPTY)

    assert amounts(statement) == [("goods", 5_200), ("commission", -208), ("retained", -249)]
    assert statement.payout_minor == 4_743
    assert statement.after.held == (Held(reference="S1", amount_minor=249, until=SEASON_END),)


def test_a_statement_with_every_kind_of_line():
    before = Account(
        currency="CNY",
        owed_minor=700,
        held=(
            Held(reference="S0", amount_minor=2_000, until=TODAY),
            Held(reference="S00", amount_minor=9_000, until=SEASON_END),
        ),
        advances=(
            Advance(reference="V2", paid_on=date(2026, 10, 2), outstanding_minor=50_000),
            Advance(reference="V1", paid_on=date(2026, 10, 1), outstanding_minor=30_000),
        ),
    )
    told = facts(
        delivery(100, 5_200),
        delivery(20, 4_000, grade="B"),
        permille=50,
        fees=(Fee(name="packing", beneficiary="Yijun Packers", per_box_minor=150),),
        own_discounts=(OwnDiscount(reference="EARLY", amount_minor=3_000),),
        claims=(
            Claim(reference="C1", remedy=Remedy.REFUND, amount_minor=5_200, at_fault=True),
            Claim(reference="C2", remedy=Remedy.REFUND, amount_minor=5_200, at_fault=False),
            Claim(reference="C3", remedy=Remedy.COMPENSATION, amount_minor=1_000, at_fault=True),
        ),
        forfeits=(
            Forfeit(reference="O9", amount_minor=667, deposit_minor=1_000, boxes_kept=2, boxes_kept_by_all=3),
        ),
        storage=(storage_shares("CS1", 10_000, {"a": 1, "b": 2})["a"],),
    )
    statement = settle(told, before)

    assert amounts(statement) == [
        ("goods", 520_000),
        ("goods", 80_000),
        ("own_discount", -3_000),
        ("refund", -5_200),
        ("refund", 0),
        ("commission", -23_672),
        ("fee", -18_000),
        ("forfeit", 667),
        ("released", 2_000),
        ("storage", -3_333),
        ("compensation", -1_000),
        ("owed", -700),
        ("advance", -30_000),
        ("advance", -50_000),
        ("retained", -27_506),
    ]
    assert statement.earned_minor == 550_128
    assert statement.before_netting_minor == 547_762
    assert statement.payout_minor == 440_256
    assert statement.after == Account(
        currency="CNY",
        held=(before.held[1], Held(reference="S1", amount_minor=27_506, until=SEASON_END)),
    )
    assert faults(statement) == ()


def test_what_is_missing_comes_out_of_retention_and_is_then_owed():
    before = Account(
        currency="CNY",
        held=(
            Held(reference="late", amount_minor=500, until=SEASON_END),
            Held(reference="soon", amount_minor=300, until=TODAY + timedelta(days=1)),
        ),
        advances=(Advance(reference="V", paid_on=TODAY, outstanding_minor=400),),
    )
    claim = Claim(reference="C", remedy=Remedy.COMPENSATION, amount_minor=6_000, at_fault=True)
    statement = settle(facts(delivery(1), claims=(claim,)), before)

    assert amounts(statement)[3:] == [("retention_spent", 300), ("retention_spent", 500), ("missing", 208)]
    assert statement.payout_minor == 0
    assert statement.after == Account(currency="CNY", owed_minor=208, advances=before.advances)

    following = settle(facts(delivery(1), settlement="S2"), statement.after)
    assert following.payout_minor == 4_992 - 208 - 400
    assert following.after == EMPTY


def test_retention_is_only_what_advances_leave():
    before = Account(
        currency="CNY", advances=(Advance(reference="V", paid_on=TODAY, outstanding_minor=4_900),)
    )
    statement = settle(facts(delivery(1), permille=50), before)

    assert amounts(statement)[2:] == [("advance", -4_900), ("retained", -92)]
    assert statement.payout_minor == 0
    assert not faults(statement)


def test_there_is_no_commission_on_what_the_cooperative_did_not_get():
    refund = Claim(reference="C", remedy=Remedy.REFUND, amount_minor=5_200, at_fault=True)
    assert settle(facts(delivery(2), claims=(refund,)), EMPTY).payout_minor == 4_992
    others = replace(refund, at_fault=False)
    assert settle(facts(delivery(2), claims=(others,)), EMPTY).payout_minor == 9_984
    own = OwnDiscount(reference="P", amount_minor=400)
    assert settle(facts(delivery(2), own_discounts=(own,)), EMPTY).payout_minor == 9_600


def test_two_currencies_are_never_settled_together():
    with pytest.raises(AmountsMixed):
        settle(facts(delivery(1), currency="JPY"), EMPTY)
    lines = [
        SuppliedBoxes(cooperative="YJ01", currency=each, item="fuji", grade="A", unit_price_minor=10, boxes=1)
        for each in ("CNY", "KWD", "CNY")
    ]
    assert deliveries_of(lines) == {
        ("YJ01", "CNY"): (Delivery(item="fuji", grade="A", unit_price_minor=10, boxes=2),),
        ("YJ01", "KWD"): (Delivery(item="fuji", grade="A", unit_price_minor=10, boxes=1),),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Terms(commission_bps=10_001),
        lambda: Terms(commission_bps=-1),
        lambda: Terms(commission_bps=0, retention_permille=1_001, retained_until=SEASON_END),
        lambda: Terms(commission_bps=0, retention_permille=50),
        lambda: Terms(commission_bps=0, retained_until=SEASON_END),
        lambda: Terms(commission_bps=0, fees=(Fee(name="f", beneficiary="b", per_box_minor=-1),)),
        lambda: delivery(0),
        lambda: delivery(1, -1),
        lambda: facts(delivery(1), currency="XXX"),
        lambda: facts(delivery(1), own_discounts=(OwnDiscount(reference="P", amount_minor=-1),)),
        lambda: facts(delivery(1, 100), fees=(Fee(name="f", beneficiary="b", per_box_minor=97),)),
        lambda: facts(delivery(10**6, 10**9)),
    ],
)
def test_facts_that_cannot_be(wrong):
    with pytest.raises(FactsAreWrong):
        wrong()


@pytest.mark.parametrize(
    "twice",
    [
        {"own_discounts": (OwnDiscount(reference="P", amount_minor=1),)},
        {"claims": (Claim(reference="C", remedy=Remedy.REFUND, amount_minor=1, at_fault=True),)},
        {
            "forfeits": (
                Forfeit(reference="O", amount_minor=1, deposit_minor=1, boxes_kept=1, boxes_kept_by_all=1),
            )
        },
        {"storage": (storage_shares("CS", 5, {"a": 1})["a"],)},
        {"fees": (Fee(name="packing", beneficiary="x", per_box_minor=1),)},
    ],
)
def test_nothing_is_settled_twice(twice):
    ((name, told),) = twice.items()
    assert not faults(settle(facts(delivery(1), **twice), EMPTY))
    with pytest.raises(FactsAreWrong):
        facts(delivery(1), **{name: (*told, *told)})


def test_a_claim_may_give_a_refund_and_a_compensation():
    claims = tuple(Claim(reference="C", remedy=each, amount_minor=100, at_fault=True) for each in Remedy)
    assert settle(facts(delivery(1), claims=claims), EMPTY).payout_minor == 5_100 - 204 - 100


def test_a_settlement_is_not_made_again_on_its_own_account():
    once = settle(facts(delivery(1), permille=50), EMPTY)
    with pytest.raises(AmountsMixed):
        settle(facts(delivery(1), permille=50), once.after)


def test_a_retention_twice_or_an_empty_one_cannot_be():
    held = Held(reference="S", amount_minor=1, until=TODAY)
    for wrong in (
        lambda: Account(currency="CNY", held=(held, held)),
        lambda: replace(held, amount_minor=0),
        lambda: Advance(reference="V", paid_on=TODAY, outstanding_minor=0),
        lambda: Account(currency="CNY", owed_minor=-1),
    ):
        with pytest.raises(AmountsMixed):
            wrong()


def test_the_largest_amounts_and_currencies_without_and_with_three_decimals():
    for currency in ("CNY", "JPY", "KWD"):
        most = facts(delivery(10_000, 10**9), currency=currency, commission_bps=9_999, permille=999)
        statement = settle(most, Account(currency=currency))
        assert statement.commission_minor == 9_999 * 10**9
        assert statement.payout_minor == 10**9 - 999 * 10**6
        assert not faults(statement)


def test_a_forfeited_deposit_is_a_line_as_the_fair_split_gave_it():
    kept = {"a": 7, "b": 5, "c": 1}
    parts = forfeit_rules.split(1_000, kept, seed="order-1")
    payouts = []
    for each, amount in parts.items():
        forfeit = Forfeit(
            reference="order-1",
            amount_minor=amount,
            deposit_minor=1_000,
            boxes_kept=kept[each],
            boxes_kept_by_all=13,
            keepers=3,
        )
        payouts.append(settle(facts(forfeits=(forfeit,)), EMPTY).payout_minor)
    assert sum(payouts) == 1_000


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=3),
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 5_000), min_size=1, max_size=6),
)
def test_what_the_fair_split_gives_of_deposits_is_as_near_as_its_formula_says(deposits, kept):
    splits = [forfeit_rules.split(each, kept, seed=f"o{n}") for n, each in enumerate(deposits)]
    paid = 0
    for each, boxes in kept.items():
        forfeit = Forfeit(
            reference="o",
            amount_minor=sum(parts.get(each, 0) for parts in splits),
            deposit_minor=sum(deposits),
            boxes_kept=boxes,
            boxes_kept_by_all=sum(kept.values()),
            keepers=len(kept),
            deposits=len(deposits),
        )
        statement = settle(facts(forfeits=(forfeit,)), EMPTY)
        assert not faults(statement)
        paid += statement.payout_minor
    assert paid == sum(deposits)


@given(random_facts(), accounts())
def test_money_is_conserved_and_no_payout_is_negative(told, before):
    statement = settle(told, before)

    assert faults(statement) == ()
    assert statement.payout_minor >= 0
    income = statement.before_netting_minor - sum(
        line.amount_minor for line in statement.lines if line.kind in (LineKind.RELEASED, LineKind.OWED)
    )
    assert income == statement.payout_minor + statement.after.worth_minor - before.worth_minor


@given(random_facts(), accounts(), st.randoms())
def test_in_which_order_facts_are_told_makes_no_difference(told, before, random):
    def mixed(values):
        return tuple(random.sample(values, len(values)))

    shuffled = replace(
        told,
        deliveries=mixed(told.deliveries),
        own_discounts=mixed(told.own_discounts),
        claims=mixed(told.claims),
        forfeits=mixed(told.forfeits),
        storage=mixed(told.storage),
        terms=replace(told.terms, fees=mixed(told.terms.fees)),
    )
    account = replace(before, held=mixed(before.held), advances=mixed(before.advances))
    one, other = settle(told, before), settle(shuffled, account)

    assert one.lines == other.lines
    assert set(one.after.held) == set(other.after.held)
    assert one.after.owed_minor == other.after.owed_minor


@given(random_facts(), accounts(), st.data())
def test_who_delivers_more_is_never_paid_less(told, before, data):
    more = data.draw(deliveries(told.terms, max_size=1))
    one = settle(told, before)
    other = settle(replace(told, deliveries=(*told.deliveries, *more)), before)

    assert other.payout_minor >= one.payout_minor
    assert other.after.worth_minor >= one.after.worth_minor
    assert other.after.owed_minor <= one.after.owed_minor


@given(random_facts(), accounts(), st.integers(0, 10**6))
def test_who_owes_more_is_never_paid_more(told, before, more):
    one, other = settle(told, before), settle(told, before.owing(more))

    assert other.payout_minor <= one.payout_minor


@given(st.lists(random_facts(), min_size=1, max_size=6), accounts())
@settings(max_examples=many(60))
def test_over_a_chain_of_settlements_nothing_is_lost(chain, opening):
    account, paid, income = opening, 0, 0
    for number, told in enumerate(chain):
        named = replace(told, settlement=f"S{number}")
        statement = settle(named, account)
        assert faults(statement) == ()
        skipped = (LineKind.RELEASED, LineKind.OWED)
        income += statement.before_netting_minor - sum(
            line.amount_minor for line in statement.lines if line.kind in skipped
        )
        paid += statement.payout_minor
        account = statement.after
    assert income == paid + account.worth_minor - opening.worth_minor


@given(random_facts(), st.lists(random_facts(), max_size=2))
def test_once_all_is_released_everything_is_paid_or_owed(told, more):
    """A last settlement after the end of the season leaves nothing held."""
    account, income = EMPTY, 0
    for number, each in enumerate((told, *more)):
        statement = settle(replace(each, settlement=f"S{number}"), account)
        account = statement.after
        income += statement.payout_minor
    last = settle(replace(facts(settlement="last"), settled_on=SEASON_END), account)

    assert last.after.held == ()
    assert last.payout_minor == 0 or last.after.owed_minor == 0
    assert not faults(last)


@given(some_terms(), st.data())
def test_commission_box_by_box_is_that_of_the_whole(terms, data):
    sold = data.draw(st.lists(st.integers(-(10**6), 10**6), max_size=12))
    booked, so_far = 0, 0
    for each in sold:
        booked += commission.step(so_far, each, terms.commission_bps)
        so_far += each
    assert booked == commission.due(so_far, terms.commission_bps)


def test_earned_and_commission_are_the_total_for_every_total_and_rate():
    """1 … 100,000 at 1 … 99 %, and every basis point at some totals; each step between 0 and the unit added."""
    for percent in range(1, 100):
        before = 0
        for total in range(1, 100_001):
            now = total * percent // 100
            assert commission.due(total, 100 * percent) == now
            assert now - before in (0, 1)
            before = now
    for bps in range(10_001):
        for total in (1, 2, 3, 99, 10_399, 10_400, 2**53 + 1, 10**13):
            taken = commission.due(total, bps)
            assert taken * 10_000 <= total * bps < (taken + 1) * 10_000
            assert 0 <= taken <= total


def test_deposit_balance_commission_and_payouts_are_the_total():
    """Totals 1 … 100,000 and deposits 1 … 99 %: what is paid for a box is what its cooperative and the house get."""
    every_total = [(total, total % 99 + 1) for total in range(1, 100_001)]
    every_percent = [(total, percent) for percent in range(1, 100) for total in range(1, 100_001, 911)]
    for total, percent in every_total + every_percent:
        paid_now = -(-total * percent // 100)
        deposit = Deposit(
            type=DepositType.ADVANCE, per_box_minor=paid_now, counts_minor=paid_now, funder=None, free_hours=0
        )
        due = balance_rules.due(boxes=1, unit_price_minor=total, deposit=deposit)
        assert due.now_minor + due.later_minor == due.total_minor == total
    for total, percent in every_percent:
        statement = settle(facts(delivery(1, total), commission_bps=100 * percent), EMPTY)
        assert statement.payout_minor + statement.commission_minor == total
        assert 0 <= total * percent - 100 * statement.commission_minor < 100


@given(
    st.integers(0, 10**9), st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), min_size=1, max_size=8)
)
def test_storage_and_discounts_are_shared_to_the_unit(bill, weights):
    weights = {**weights, "one": 1}
    assert sum(each.amount_minor for each in storage_shares("CS", bill, weights).values()) == bill
    assert sum(each.amount_minor for each in own_discounts_of("P", bill, weights).values()) == bill
