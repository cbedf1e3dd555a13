"""One order, case by case: who gets how many packs, and what is said to have limited them."""

from fractions import Fraction

import pytest

from orders.allocation import Order, Policy, Problem, ProblemRefused, Seller, allocate, verify
from tests.orders.allocation import cases
from tests.orders.allocation.cases import a_problem, a_seller


def packs_of(problem):
    allocation = allocate(problem)
    assert verify(problem, allocation) == ()
    return [share.packs for share in allocation.sellers]


def limits_of(problem):
    return [share.limited_by for share in allocate(problem).sellers]


def test_the_worked_example_gives_the_published_table():
    allocation = allocate(cases.the_worked_example())
    jin = cases.JIN_GRAMS

    assert [(s.id, s.packs, f"{float(s.level_after / jin):.2f}") for s in allocation.sellers] == [
        ("Hongqi", 7_537, "771.06"),
        ("Dongpo", 5_440, "771.11"),
        ("Liuhe", 613, "771.16"),
        ("Nanshan", 2_500, "192.31"),
        ("Qingshui", 2_797, "771.00"),
        ("Beigou", 2_113, "771.00"),
    ]
    assert [s.limited_by for s in allocation.sellers] == ["nothing"] * 3 + ["stock"] + ["nothing"] * 2
    assert f"{float(allocation.certificate.last_served.key / jin):.3f}" == "771.056"
    assert f"{float(allocation.certificate.first_refused.key / jin):.3f}" == "771.071"
    assert allocation.segments[0].line == Fraction(61_300_000, 159)


@pytest.mark.parametrize(
    ("sellers", "packs", "expected"),
    [
        pytest.param([a_seller("A")], 7, [7], id="one seller takes the order"),
        pytest.param([a_seller("A", cap=3)], 7, [3], id="one seller with too little gives all it has"),
        pytest.param([a_seller("A", 1), a_seller("B", 3)], 8, [2, 6], id="shares follow the weights"),
        pytest.param([a_seller("A", history=4), a_seller("B")], 6, [1, 5], id="history is caught up with"),
        pytest.param(
            [a_seller("A", history=10**15), a_seller("B")], 5, [0, 5], id="huge history gets nothing"
        ),
        pytest.param([a_seller("A", cap=0), a_seller("B")], 5, [0, 5], id="an empty store gives nothing"),
        pytest.param(
            [a_seller("A", cap=1), a_seller("B"), a_seller("C")], 7, [1, 3, 3], id="a cap goes round"
        ),
        pytest.param(
            [a_seller("A", cap=2), a_seller("B", cap=1)], 9, [2, 1], id="everybody empties its store"
        ),
        pytest.param([a_seller("A", cap=2), a_seller("B", cap=1)], 3, [2, 1], id="exactly all there is"),
        pytest.param(
            [a_seller("A", 10**9), a_seller("B", 1)], 10, [10, 0], id="a tiny weight rounds to none"
        ),
        pytest.param([a_seller("A"), a_seller("B")], 0, [0, 0], id="nothing ordered, nothing given"),
        pytest.param([], 5, [], id="nobody there"),
    ],
)
def test_the_packs_are(sellers, packs, expected):
    assert packs_of(a_problem(sellers, packs)) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("nearest", [0, 0, 3]), ("lowest", [1, 1, 1]), ("lowest_after", [0, 0, 3])],
)
def test_the_three_rules_differ_on_who_gets_the_first_packs(rule, expected):
    sellers = [a_seller("A", 1), a_seller("B", 1), a_seller("C", 8)]

    assert packs_of(a_problem(sellers, 3, rule=rule)) == expected


def test_lowest_prefers_the_smaller_base_among_equals_and_lowest_after_the_larger():
    sellers = [a_seller("A", 2), a_seller("B", 1)]

    assert packs_of(a_problem(sellers, 1, rule="lowest")) == [0, 1]
    assert packs_of(a_problem([a_seller("A", 2), a_seller("B", 1)], 2, rule="lowest_after")) == [2, 0]


def test_strict_keeps_everybody_within_floor_and_ceiling_where_lowest_does_not():
    sellers = [a_seller("L", 90), *[a_seller(f"s{i}", 1) for i in range(10)]]

    assert packs_of(a_problem(sellers, 10, rule="lowest"))[0] == 0
    assert packs_of(a_problem(sellers, 10, rule="lowest", strict=True))[0] == 9


def test_catch_up_bounds_how_far_behind_a_newcomer_counts():
    sellers = [a_seller("new"), a_seller("B", history=100), a_seller("C", history=100)]

    assert packs_of(a_problem(sellers, 30)) == [30, 0, 0]
    assert packs_of(a_problem(sellers, 30, catch_up_grams_per_weight=9)) == [16, 7, 7]
    assert packs_of(a_problem(sellers, 30, catch_up_grams_per_weight=0)) == [10, 10, 10]


def test_a_household_cap_counts_the_season_and_names_itself():
    sellers = [a_seller("A", 2, history=4, household_cap_packs=5), a_seller("B", 2, history=4)]
    problem = a_problem(sellers, 20)

    assert packs_of(problem) == [6, 14]
    assert limits_of(problem) == ["household_cap", "nothing"]


@pytest.mark.parametrize(
    ("sellers", "packs", "expected"),
    [
        ([a_seller("A", cap=1), a_seller("B")], 6, ["stock", "nothing"]),
        ([a_seller("A", cap=3), a_seller("B")], 6, ["nothing", "nothing"]),
        ([a_seller("A", history=9), a_seller("B")], 6, ["history", "nothing"]),
        ([a_seller("A", cap=3), a_seller("B", cap=3)], 6, ["nothing", "nothing"]),
        ([a_seller("A", cap=3), a_seller("B", cap=3)], 7, ["stock", "stock"]),
        ([a_seller("A", 10**9), a_seller("B", 1)], 6, ["nothing", "nothing"]),
        ([a_seller("A", cap=0), a_seller("B", cap=0)], 6, ["stock", "stock"]),
        ([a_seller("A", cap=0), a_seller("B")], 0, ["demand", "demand"]),
    ],
)
def test_limited_by_says_whether_one_more_pack_would_have_been_sold(sellers, packs, expected):
    assert limits_of(a_problem(sellers, packs)) == expected


def test_equal_claims_go_by_the_given_rank_and_not_by_the_place_in_the_list():
    first, second = a_seller("A", tie=2), a_seller("B", tie=1)

    assert packs_of(a_problem([first, second], 1)) == [0, 1]
    assert packs_of(a_problem([second, first], 1)) == [1, 0]


def test_without_ranks_another_seed_draws_another_winner():
    sellers = [a_seller("A"), a_seller("B")]
    winners = {tuple(packs_of(a_problem(sellers, 1, tie_seed=str(seed)))) for seed in range(20)}

    assert winners == {(1, 0), (0, 1)}


def test_an_order_in_grams_is_rounded_down_to_whole_packs():
    problem = Problem(sellers=(a_seller("A", pack=400),), orders=(Order(id="order", grams=1_000),))
    (fill,) = allocate(problem).orders

    assert (fill.packs, fill.unfilled_packs, fill.unfilled_grams) == (2, 0, 200)
    assert verify(problem, allocate(problem)) == ()


def test_no_order_at_all_is_answered_with_nothing():
    problem = Problem(sellers=(a_seller("A", 2, history=3),), orders=())
    allocation = allocate(problem)

    assert (allocation.shipments, allocation.orders, allocation.segments) == ((), (), ())
    assert allocation.sellers[0].level_after == Fraction(3, 2)
    assert verify(problem, allocation) == ()


def test_an_order_that_cannot_be_filled_says_how_much_is_missing():
    allocation = allocate(a_problem([a_seller("A", cap=3)], 10))

    assert allocation.unfilled_packs == 7
    assert allocation.orders[0].level_after == Fraction(3, 10)
    assert allocation.certificate.first_refused is None


@pytest.mark.parametrize(
    ("problem", "pointer"),
    [
        (
            Problem(
                sellers=(a_seller("A", min_packs=2),),
                orders=(Order(id="a", packs=1), Order(id="b", packs=1)),
            ),
            "/sellers/0/min_packs",
        ),
        (
            Problem(
                sellers=(a_seller("A"), a_seller("B")),
                orders=(Order(id="a", packs=1, max_sellers=1),),
                policy=Policy(strict=True),
            ),
            "/orders/0/max_sellers",
        ),
        (a_problem([a_seller("A", min_packs=2)], 1, strict=True), "/sellers/0/min_packs"),
        (a_problem([a_seller("A", min_packs=2), a_seller("B", tier=1)], 1), "/sellers/0/min_packs"),
        (
            Problem(
                sellers=(a_seller("A"), a_seller("B", pack=2)),
                orders=(Order(id="a", grams=9),),
                policy=Policy(strict=True),
            ),
            "/sellers/1/pack_grams",
        ),
    ],
)
def test_what_cannot_be_answered_rightly_is_refused_by_name(problem, pointer):
    for door in (allocate, lambda it: verify(it, allocate(a_problem([], 0)))):
        with pytest.raises(ProblemRefused) as refused:
            door(problem)
        assert (refused.value.pointer, refused.value.code) == (pointer, "unsupported")


def test_a_million_times_larger_numbers_are_still_exact():
    sellers = [
        Seller(id="A", weight=10**9, history_grams=10**15, cap_packs=10**9, pack_grams=10**9),
        Seller(id="B", weight=10**9 - 1, history_grams=10**15 - 1, cap_packs=10**9, pack_grams=10**9),
    ]

    assert packs_of(a_problem(sellers, 10**9)) == [500_000_000, 500_000_000]
    assert packs_of(a_problem(sellers, 10**9 - 1)) in ([499_999_999, 500_000_000], [500_000_000, 499_999_999])
