"""What is drawn before a season begins: the same from the same seed, in whole numbers, and no draw shifts another."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.demo.season import plan, show
from campaigns.shortage.rules import Choice

seeds = st.integers(min_value=0, max_value=2**63 - 1)


@given(seeds, st.integers(min_value=1, max_value=60))
def test_a_seed_makes_one_plan(seed: int, shoppers: int) -> None:
    assert plan.plan(seed, shoppers=shoppers) == plan.plan(seed, shoppers=shoppers)


@given(seeds, st.integers(min_value=1, max_value=30), st.integers(min_value=31, max_value=60))
def test_a_larger_season_begins_with_the_shoppers_of_a_smaller_one(seed: int, few: int, many: int) -> None:
    assert plan.plan(seed, shoppers=many).shoppers[:few] == plan.plan(seed, shoppers=few).shoppers


@given(seeds)
def test_nobody_asks_for_what_is_not_offered(seed: int) -> None:
    for each in plan.plan(seed, shoppers=100).shoppers:
        assert 0 <= each.day < plan.SALE_DAYS
        assert each.boxes in plan.BOXES
        assert each.pays or not each.withdraws
        assert each.choice in (Choice.NO_PREFERENCE, Choice.REFUND, Choice.FEWER)
        assert each.choice != Choice.FEWER or each.boxes > 1


def test_other_seeds_make_other_plans() -> None:
    drawn = {plan.plan(seed, shoppers=50).shoppers for seed in range(20)}
    assert len(drawn) == 20
    assert len({plan.season_seed(seed) for seed in range(20)}) == 20
    assert all(len(plan.season_seed(seed)) == 64 for seed in range(20))


@given(
    seeds, st.lists(st.text(), min_size=1, max_size=30, unique=True), st.integers(min_value=0, max_value=40)
)
def test_a_pick_is_a_part_in_its_order(seed: int, found: list[str], count: int) -> None:
    picked = plan.plan(seed, shoppers=1).pick("purpose", found, count)
    assert len(picked) == min(count, len(found))
    assert picked == [each for each in found if each in picked]


@given(
    st.integers(min_value=1, max_value=10**6),
    st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=20),
)
def test_shares_are_enough_and_hardly_more(boxes: int, weights: list[int]) -> None:
    found = plan.shares(boxes, weights)
    assert boxes <= sum(found) < boxes + len(weights)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**9))
def test_a_bar_is_as_wide_as_all_others_and_full_when_all_is_there(value: int, whole: int) -> None:
    drawn = show.bar(value, whole, width=20)
    assert len(drawn) == 20
    assert (drawn == "█" * 20) == (whole > 0 and value >= whole)
