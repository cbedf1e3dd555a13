"""A season's entries become histories, a bound for catching up, and a ledger of who is ahead and who behind."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import Order, Policy, Problem, Seller, allocate
from orders.allocation.season_policy import SeasonEntry, SeasonPolicy, catch_up_bound, ledger
from tests.thorough import many


def an_entry(cooperative, kind, grams, entitled=0):
    return SeasonEntry(cooperative=cooperative, kind=kind, grams=grams, entitled_grams=Fraction(entitled))


def accounts_of(book):
    return {account.cooperative: account for account in book.accounts}


def test_history_is_what_was_accepted_less_what_came_back():
    book = ledger(
        [an_entry("A", "opening", 50), an_entry("A", "accepted", 100), an_entry("A", "returned", 30)],
        {"A": 2, "B": 1},
    )
    assert book.history_grams() == {"A": 120, "B": 0}
    assert book.line == 40


@pytest.mark.parametrize(("counts", "history"), [(False, 0), (True, 70)])
def test_a_refused_offer_counts_if_the_policy_says_so(counts, history):
    book = ledger([an_entry("A", "refused", 70)], {"A": 1}, policy=SeasonPolicy(refused_offers_count=counts))

    assert book.history_grams() == {"A": history}


@pytest.mark.parametrize(
    ("entry_level", "last_line", "history"),
    [("zero", None, 0), ("line", None, 96), ("median", None, 90), ("line", Fraction(100), 300)],
)
def test_a_newcomer_enters_at_the_agreed_level(entry_level, last_line, history):
    entries = [an_entry("A", "accepted", 20), an_entry("B", "accepted", 60), an_entry("C", "accepted", 80)]
    book = ledger(
        entries,
        {"A": 2, "B": 2, "C": 1, "new": 3},
        newcomers=["new"],
        last_line=last_line,
        policy=SeasonPolicy(entry_level=entry_level),
    )
    assert book.history_grams()["new"] == history
    assert accounts_of(book)["new"].is_newcomer


def test_the_ledger_says_who_is_behind_and_by_how_much():
    book = ledger([an_entry("A", "accepted", 900), an_entry("B", "accepted", 100)], {"A": 3, "B": 1, "C": 1})

    assert [(it.cooperative, it.credit_grams, it.credit_per_weight) for it in book.accounts] == [
        ("C", 200, 200),
        ("B", 100, 100),
        ("A", -300, -100),
    ]
    assert sum(account.credit_grams for account in book.accounts) == 0


def test_catching_up_is_bounded_to_two_orders_worth():
    assert catch_up_bound([1_000, 3_000], 10) == 400
    assert catch_up_bound([1_000, 3_000], 10, 1) == 200
    assert catch_up_bound([1_000], 3) == 667
    assert catch_up_bound([], 10) is None
    assert catch_up_bound([5], 10, None) is None


def test_a_cooperative_that_came_to_nothing_does_not_break_the_season():
    book = ledger([an_entry("A", "returned", 30), an_entry("B", "accepted", 60)], {"A": 2, "B": 1})

    assert book.history_grams() == {"A": 0, "B": 75}
    assert accounts_of(book)["A"].sold_grams == -30


def test_equal_opportunity_forgives_what_was_never_offered():
    entries = [an_entry("A", "accepted", 510, 505), an_entry("B", "accepted", 90, 95)]
    book = ledger(entries, {"A": 1, "B": 1}, policy=SeasonPolicy(equal_opportunity=True))

    assert book.history_grams() == {"A": 10, "B": 0}


def test_entries_of_somebody_else_are_refused():
    with pytest.raises(KeyError):
        ledger([an_entry("X", "accepted", 1)], {"A": 1})


@settings(max_examples=many(200), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 10**6)), max_size=20),
    st.sampled_from(["line", "median", "zero"]),
)
def test_histories_are_always_what_a_problem_accepts(sales, entry_level):
    weights = {"A": 3, "B": 7, "C": 11, "new": 5}
    book = ledger(
        [an_entry(name, "accepted", grams) for name, grams in sales],
        weights,
        newcomers=["new"],
        order_grams=[grams for _, grams in sales],
        policy=SeasonPolicy(entry_level=entry_level),
    )
    histories = book.history_grams()
    problem = Problem(
        sellers=[
            Seller(id=name, weight=weight, history_grams=histories[name], cap_packs=99, pack_grams=5_000)
            for name, weight in weights.items()
        ],
        orders=[Order(id="next", packs=40)],
        policy=Policy(catch_up_grams_per_weight=book.catch_up_grams_per_weight),
    )
    assert sum(share.packs for share in allocate(problem).sellers) == 40


def test_a_season_with_newcomers_at_the_line_gives_them_no_more_than_their_weight():
    """Twenty orders; the newcomer joins after ten and never gets more than about its part of one order."""
    weights = {"A": 40, "B": 60, "C": 100}
    entries, orders, peak = [], [], Fraction(0)
    for month in range(20):
        present = {**weights, "new": 50} if month >= 10 else weights
        book = ledger(entries, present, newcomers=["new"] if month == 10 else [], order_grams=orders)
        if month == 10:
            entries.append(an_entry("new", "opening", book.history_grams()["new"]))
        histories = book.history_grams()
        problem = Problem(
            sellers=[
                Seller(id=name, weight=weight, history_grams=histories[name], cap_packs=10**6, pack_grams=10)
                for name, weight in present.items()
            ],
            orders=[Order(id=f"order {month}", packs=1_000)],
            policy=Policy(catch_up_grams_per_weight=book.catch_up_grams_per_weight),
        )
        for share in allocate(problem).sellers:
            if share.packs:
                entries.append(an_entry(share.id, "accepted", share.packs * 10))
            if share.id == "new":
                peak = max(peak, Fraction(share.packs, 1_000) / Fraction(50, 250))
        orders.append(10_000)
    assert peak < Fraction(11, 10)
