"""Laws of policies tried out: nothing is lost between two, they are alike from both sides, and each is proved."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from campaigns.allotting.asking_rules import Pledger
from campaigns.policy import trial_rules, words
from campaigns.policy.rules import Policy, Weight
from campaigns.policy.trial_rules import Offered, Season, Trial
from orders import allocation
from orders.allocation.problem import RULES

CODES = ("A", "B", "C", "D")
_TERMS = {
    "season": st.just("2026-27"),
    "rule": st.sampled_from(RULES),
    "weight": st.sampled_from(Weight),
}
POLICIES = st.one_of(
    st.builds(Policy, strict=st.booleans(), **_TERMS),
    st.builds(Policy, minimum_boxes=st.integers(2, 30), **_TERMS),
)
PLEDGERS = st.tuples(
    *(
        st.builds(
            Pledger,
            code=st.just(code),
            households=st.integers(1, 50),
            members=st.integers(1, 200),
            history_grams=st.just(0),
            free_boxes=st.just(0),
        )
        for code in CODES
    )
)
ITEMS = st.lists(
    st.builds(
        Offered,
        id=st.uuids().map(str),
        pack_code=st.sampled_from(["P", "Q"]),
        pack_grams=st.sampled_from([2_500, 5_000]),
        pledged=st.dictionaries(st.sampled_from(CODES), st.integers(0, 40), min_size=1),
    ),
    min_size=1,
    max_size=3,
)
SEASONS = st.builds(
    Season,
    history_grams=st.dictionaries(st.sampled_from(CODES), st.integers(0, 500_000)),
    earlier_grams=st.lists(st.integers(1, 10**6), max_size=3).map(tuple),
)


def tried(
    policy: Policy, pledgers: tuple[Pledger, ...], items: list[tuple[Offered, int]], season: Season
) -> Trial:
    return trial_rules.try_out(policy, pledgers, items, season=season, campaign_code="C")


@st.composite
def assumed(draw: st.DrawFn) -> list[tuple[Offered, int]]:
    return [(item, draw(st.integers(0, item.pledged_boxes + 5))) for item in draw(ITEMS)]


@given(POLICIES, POLICIES, PLEDGERS, assumed(), SEASONS)
def test_two_policies_part_the_same_boxes(
    one: Policy,
    other: Policy,
    pledgers: tuple[Pledger, ...],
    items: list[tuple[Offered, int]],
    season: Season,
):
    first, second = (tried(each, pledgers, items, season) for each in (one, other))
    for trial in (first, second):
        for (item, boxes), split in zip(items, trial.splits, strict=True):
            assert sum(split.boxes.values()) == min(boxes, item.pledged_boxes)
            assert all(given <= item.pledged[code] for code, given in split.boxes.items())
            assert allocation.verify(split.problem, split.result) == ()
    forth, back = trial_rules.differences(first, second), trial_rules.differences(second, first)
    assert sum(each.gain for each in forth) == 0, "what some gain others give"
    assert {each.code: each.gain for each in forth} == {each.code: -each.gain for each in back}
    assert [each.gain for each in forth] == sorted((each.gain for each in forth), reverse=True)


@given(POLICIES, PLEDGERS, assumed(), SEASONS)
def test_every_gram_is_in_the_season_afterwards(
    policy: Policy, pledgers: tuple[Pledger, ...], items: list[tuple[Offered, int]], season: Season
):
    trial = tried(policy, pledgers, items, season)
    given = dict.fromkeys(CODES, 0)
    for (item, _), split in zip(items, trial.splits, strict=True):
        for code, boxes in split.boxes.items():
            given[code] += boxes * item.pack_grams
    assert trial.grams == {code: season.history_grams.get(code, 0) + given[code] for code in CODES}


@given(POLICIES, PLEDGERS, assumed(), SEASONS)
def test_a_policy_beside_itself_changes_nothing(
    policy: Policy, pledgers: tuple[Pledger, ...], items: list[tuple[Offered, int]], season: Season
):
    one, other = (tried(policy, pledgers, items, season) for _ in range(2))
    assert one == other
    found = trial_rules.differences(one, other)
    assert {each.gain for each in found} <= {0}
    assert words.summary(one, other, found).en.startswith("Both give everybody the same boxes.")


@given(PLEDGERS, st.dictionaries(st.sampled_from(CODES), st.integers(0, 10**6)), st.sampled_from(Weight))
def test_the_gap_is_that_between_highest_and_lowest_and_none_among_equals(
    pledgers: tuple[Pledger, ...], some: dict[str, int], weight: Weight
):
    grams = {code: some.get(code, 0) for code in CODES}
    found = trial_rules.fairness_of(pledgers, grams, weight=weight)
    counts = {
        Weight.HOUSEHOLDS: [each.households for each in pledgers],
        Weight.MEMBERS: [each.members for each in pledgers],
        Weight.EQUAL: [1] * len(pledgers),
    }[weight]
    levels = [Fraction(grams[each.code], count) for each, count in zip(pledgers, counts, strict=True)]
    assert found.gap == max(levels) - min(levels)
    if any(levels):
        assert found.spread is not None
        assert found.spread.gini is not None
        assert (found.gap == 0) == (found.spread.gini == 0)


def test_with_equal_weights_the_small_one_gets_as_much_as_the_large_one():
    small, large = (
        Pledger(code=code, households=households, members=1, history_grams=0, free_boxes=0)
        for code, households in (("A", 10), ("B", 30))
    )
    item = Offered(id="i", pack_code="P", pack_grams=5_000, pledged={"A": 40, "B": 40})
    season = Season(history_grams={}, earlier_grams=())
    policy = Policy(season="2026-27")
    by_households = tried(policy, (small, large), [(item, 40)], season)
    as_equals = tried(replace(policy, weight=Weight.EQUAL), (small, large), [(item, 40)], season)
    assert by_households.boxes == {"A": 10, "B": 30}
    assert as_equals.boxes == {"A": 20, "B": 20}
    assert [(each.code, each.gain) for each in trial_rules.differences(by_households, as_equals)] == [
        ("A", 10),
        ("B", -10),
    ]
    assert by_households.by_household.gap == 0
    assert as_equals.fairness.gap == 0
    assert as_equals.by_household.gap == Fraction(100_000, 10) - Fraction(100_000, 30)
    told = words.summary(by_households, as_equals, trial_rules.differences(by_households, as_equals))
    assert told.en == (
        "Under the second policy 1 cooperative gets more boxes and 1 cooperative gets fewer: 10 more, 10 fewer."
        " Afterwards the highest stands 0.00 jin per household above the lowest under the first and 13.33 under the"
        " second; Gini 0.0000 and 0.2500."
    )
    assert "1 社增加、1 社减少" in told.zh
    why = words.why(as_equals.splits[0], "A", weight=Weight.EQUAL)
    assert "each cooperative counts as one" in why.en
    assert "per cooperative" in why.en
    assert "household" not in why.en
    assert "各社同权" in why.zh
    assert "户" not in why.zh


def test_the_season_so_far_counts_from_item_to_item():
    pledgers = tuple(
        Pledger(code=code, households=10, members=1, history_grams=0, free_boxes=0) for code in ("A", "B")
    )
    first = Offered(id="1", pack_code="P", pack_grams=5_000, pledged={"A": 4})
    second = Offered(id="2", pack_code="Q", pack_grams=5_000, pledged={"A": 10, "B": 10})
    season = Season(history_grams={}, earlier_grams=())
    trial = tried(Policy(season="2026-27"), pledgers, [(first, 4), (second, 8)], season)
    assert [split.boxes for split in trial.splits] == [{"A": 4}, {"A": 2, "B": 6}]


@given(ITEMS, st.integers(1, 300), st.integers(1, 2_000_000), st.sampled_from(["boxes", "grams", "both"]))
def test_the_goals_boxes_just_reach_it(items: list[Offered], boxes: int, grams: int, which: str):
    goal = {
        "goal_boxes": boxes if which != "grams" else None,
        "goal_grams": grams if which != "boxes" else None,
    }
    found = trial_rules.boxes_of_goal(items, **goal)
    assert all(0 <= each <= item.pledged_boxes for each, item in zip(found, items, strict=True))
    pledged = sum(item.pledged_boxes for item in items)
    pledged_grams = sum(item.pledged_boxes * item.pack_grams for item in items)
    assert sum(found) >= min(goal["goal_boxes"] or 0, pledged)
    reached = sum(each * item.pack_grams for each, item in zip(found, items, strict=True))
    assert reached >= min(goal["goal_grams"] or 0, pledged_grams)
    if which == "boxes":
        assert sum(found) < min(boxes, pledged) + len(items)


def test_of_nothing_pledged_no_goal_makes_a_box():
    item = Offered(id="i", pack_code="P", pack_grams=5_000, pledged={})
    assert trial_rules.boxes_of_goal([item], goal_boxes=5) == (0,)
