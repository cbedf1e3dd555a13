"""Laws of forecasts: only the prudent part is promised, and weighed fruit meets first what was promised first."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inventory.capacity import rules
from inventory.capacity.rules import Haircut, Line, LineKind
from marketplace.values import GRAMS_MAX

GRAMS = st.integers(0, GRAMS_MAX)
PERMILLE = st.integers(0, 1_000)
HAIRCUTS = st.builds(Haircut, base_permille=PERMILLE, weekly_permille=PERMILLE, most_permille=PERMILLE)
WEEKS = st.integers(0, 60)
DAYS = st.dates(date(2020, 1, 1), date(2090, 1, 1))
PROMISES = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1_000), max_size=6)


@given(HAIRCUTS, WEEKS, WEEKS)
def test_the_haircut_grows_with_the_weeks_to_go_and_stays_a_part(
    haircut: Haircut, one: int, more: int
) -> None:
    assert 0 <= haircut.permille(one) <= haircut.permille(one + more) <= 1_000
    assert haircut.permille(0) == haircut.base_permille
    assert haircut.permille(-more) == haircut.base_permille


@given(GRAMS, PERMILLE)
def test_the_prudent_part_is_never_more_than_the_low_estimate_nor_a_gram_less_than_due(
    low: int, permille: int
) -> None:
    prudent = rules.prudent_grams(low, permille)
    assert 0 <= prudent <= low
    assert 0 <= low * (1_000 - permille) - prudent * 1_000 < 1_000


@given(GRAMS, GRAMS, HAIRCUTS, WEEKS, WEEKS)
def test_a_higher_estimate_and_a_nearer_harvest_never_leave_less_to_sell(
    low: int, more: int, haircut: Haircut, weeks: int, sooner: int
) -> None:
    far = haircut.permille(weeks + sooner)
    assert rules.prudent_grams(low, far) <= rules.prudent_grams(low + more, far)
    assert rules.prudent_grams(low, far) <= rules.prudent_grams(low, haircut.permille(weeks))


@given(DAYS, st.integers(0, 100), st.integers(0, 6))
def test_weeks_to_go_are_counted_from_monday_to_monday(day: date, weeks: int, weekday: int) -> None:
    monday = day - timedelta(days=day.weekday())
    assert rules.is_monday(monday)
    assert rules.weeks_to_go(monday + timedelta(weeks=weeks), monday + timedelta(days=weekday)) == weeks
    assert rules.weeks_to_go(monday - timedelta(weeks=weeks), monday + timedelta(days=weekday)) == 0


@given(GRAMS, GRAMS, GRAMS, st.booleans())
def test_what_is_promised_is_within_the_room_or_short(
    prudent: int, weighed: int, promised: int, is_closed: bool
) -> None:
    room = rules.room_grams(prudent_grams=prudent, weighed_grams=weighed, is_closed=is_closed)
    sellable = rules.sellable_grams(room=room, promised_grams=promised)
    short = rules.short_grams(room=room, promised_grams=promised)
    assert min(sellable, short) == 0
    assert room - promised == sellable - short
    assert rules.short_grams(room=room, promised_grams=promised + sellable) == short


@given(PROMISES, st.integers(0, 4_000))
def test_a_load_serves_whole_promises_in_their_order_and_gives_nothing_away(
    promised: dict[str, int], net: int
) -> None:
    served = rules.meet(promised, net)
    assert sum(served.values()) == min(net, sum(promised.values()))
    assert list(served) == list(promised)[: len(served)]
    for purpose in list(served)[:-1]:
        assert served[purpose] == promised[purpose]
    assert all(0 < grams <= promised[purpose] for purpose, grams in served.items())


@given(PROMISES, st.integers(0, 4_000), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 50)))
def test_what_is_promised_in_boxes_is_served_in_whole_ones_and_only_a_rest_is_left(
    promised: dict[str, int], net: int, pieces: dict[str, int]
) -> None:
    whole = {purpose: grams - grams % pieces.get(purpose, 1) for purpose, grams in promised.items()}
    served = rules.meet(whole, net, pieces=pieces)
    assert sum(served.values()) <= net
    left = net
    for purpose, grams in whole.items():
        given_grams = served.get(purpose, 0)
        assert given_grams % pieces.get(purpose, 1) == 0
        assert given_grams == grams or left - given_grams < pieces.get(purpose, 1)
        left -= given_grams


@given(PROMISES, st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 2_000))
def test_weighing_never_makes_a_shortfall_nor_sells_a_gram_twice(
    promised: dict[str, int], prudent: int, weighed: int, net: int
) -> None:
    """What is promised on the forecast or was converted, plus what may be promised yet, stays what it was or less."""
    before = sum(promised.values())
    after = before - sum(rules.meet(promised, net).values())

    def room(weighed_grams: int) -> int:
        return rules.room_grams(prudent_grams=prudent, weighed_grams=weighed_grams, is_closed=False)

    short_before = rules.short_grams(room=room(weighed), promised_grams=before)
    short_after = rules.short_grams(room=room(weighed + net), promised_grams=after)
    assert short_after <= short_before
    sellable_before = rules.sellable_grams(room=room(weighed), promised_grams=before)
    sellable_after = rules.sellable_grams(room=room(weighed + net), promised_grams=after)
    free_of_the_load = net - (before - after)
    if short_before == 0:
        assert sellable_after == max(sellable_before - free_of_the_load, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 100), st.booleans()), max_size=20))
def test_the_fold_of_lines_is_what_a_counter_for_each_purpose_would_hold(
    acts: list[tuple[str, int, bool]],
) -> None:
    counters: dict[str, int] = {}
    lines = []
    for purpose, grams, is_promise in acts:
        there = counters.get(purpose, 0)
        part = grams if is_promise else min(grams, there)
        if not part:
            continue
        counters[purpose] = there + part if is_promise else there - part
        kind = LineKind.PROMISE if is_promise else LineKind.GIVE_BACK if part % 2 else LineKind.CONVERT
        lines.append(Line(kind=kind, purpose=("item", purpose), grams=part))
    assert rules.open_promises(lines) == {("item", name): left for name, left in counters.items() if left}
