"""The mass balance in whole grams: the worked example, and what no numbers can change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.labels import credit_rules, serial_rules
from inventory.labels.credit_rules import Part
from inventory.labels.states import SERIAL_MOVES, SerialEvent, SerialState, serial_after

GRAMS = st.integers(0, 10**13)
NET = st.integers(1, 100_000_000)
PERMILLE = st.integers(0, 1_000)
KG = 1_000


def test_the_worked_example_of_120_hectares() -> None:
    cap = credit_rules.cap_grams(120 * 10_000, 30_000 * KG)
    graded = 1_250_000 * KG * 82 // 100
    eligible = credit_rules.eligible_grams(graded, cap)
    credit = credit_rules.credit_grams(eligible, shrink=credit_rules.shrink_grams(eligible, 20, 0))
    assert (cap, eligible, credit) == (3_600_000 * KG, 1_025_000 * KG, 1_004_500 * KG)
    assert credit_rules.labels(credit, 5 * KG, 10) == 198_910


def test_the_worked_example_of_a_grading() -> None:
    assert credit_rules.is_balanced(1_000_000, 985_000, 12_000, 5)
    assert credit_rules.is_balanced(1_000_000, 983_000, 12_000, 5)
    assert not credit_rules.is_balanced(1_000_000, 982_999, 12_000, 5)
    assert credit_rules.is_balanced(1_000_000, 993_000, 12_000, 5)
    assert not credit_rules.is_balanced(1_000_000, 993_001, 12_000, 5)


@given(GRAMS, NET, PERMILLE)
def test_as_many_labels_are_borne_as_can_be_paid_for_and_not_one_more(
    credit: int, net: int, overfill: int
) -> None:
    borne = credit_rules.labels(credit, net, overfill)
    assert credit_rules.consumed_grams(borne, net, overfill) <= credit
    assert credit_rules.consumed_grams(borne + 1, net, overfill) > credit
    assert borne * net <= credit


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), NET, PERMILLE)
def test_labels_that_are_all_destroyed_give_back_exactly_what_they_took(
    parts: list[int], net: int, overfill: int
) -> None:
    count = sum(parts)
    consumed = credit_rules.consumed_grams(count, net, overfill)
    back, before = 0, 0
    for part in parts:
        given_back = credit_rules.given_back_grams(consumed, count, before, part)
        assert 0 < given_back <= consumed
        back, before = back + given_back, before + part
    assert back == consumed


@given(st.lists(GRAMS, min_size=1, max_size=10), GRAMS)
def test_of_a_plot_no_more_is_certified_than_it_bears(loads: list[int], cap: int) -> None:
    certified = 0
    for load in loads:
        now = credit_rules.certified_grams(load, cap, certified)
        assert 0 <= now <= load
        certified += now
    assert certified == min(sum(loads), cap)


@given(GRAMS, PERMILLE, GRAMS, GRAMS)
def test_shrinkage_takes_the_allowance_or_what_was_really_lost_and_only_grows(
    eligible: int, permille: int, shrunk: int, more: int
) -> None:
    taken = credit_rules.shrink_grams(eligible, permille, shrunk)
    assert taken >= max(shrunk, eligible * permille // 1_000)
    assert credit_rules.shrink_grams(eligible + more, permille, shrunk) >= taken
    assert credit_rules.shrink_grams(eligible, permille, shrunk + more) >= taken


@given(GRAMS, GRAMS, PERMILLE, GRAMS)
def test_the_provisional_tranche_is_a_share_of_the_smaller(
    forecast: int, cap: int, permille: int, earned: int
) -> None:
    granted = credit_rules.provisional_grams(forecast, cap, permille, earned)
    assert 0 <= granted <= min(forecast, cap)
    assert (granted + earned) * 1_000 <= min(forecast, cap) * permille or granted == 0


@given(st.integers(-(10**13), 10**13))
def test_a_position_is_a_balance_or_a_debt(position: int) -> None:
    balance, owed = credit_rules.settled(position)
    assert min(balance, owed) == 0
    assert balance - owed == position


PARTS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(
    lambda two: Part(certified_grams=max(two), earned_grams=min(two))
)


@given(st.lists(PARTS, min_size=1, max_size=3), st.data())
def test_fruit_that_leaves_takes_its_share_and_no_gram_is_made_or_lost(
    parts: list[Part], data: st.DataObject
) -> None:
    mass = data.draw(st.integers(1, 2 * 10**9))
    leaving = data.draw(st.integers(1, mass))
    gone = credit_rules.parted(parts, leaving, mass)
    for part, went in zip(parts, gone, strict=True):
        left = part - went
        assert left + went == part
    assert sum(went.certified_grams for went in gone) <= leaving
    if leaving == mass and sum(part.certified_grams for part in parts) <= mass:
        assert gone == parts


@given(PARTS, st.data())
def test_a_heap_of_certified_fruit_alone_parts_into_such_heaps(part: Part, data: st.DataObject) -> None:
    mass = part.certified_grams or 1
    pure = Part(certified_grams=mass, earned_grams=mass)
    leaving = data.draw(st.integers(1, mass))
    [went] = credit_rules.parted([pure], leaving, mass)
    assert went == Part(certified_grams=leaving, earned_grams=leaving)


def test_more_cannot_be_earned_than_is_certified() -> None:
    with pytest.raises(ValueError, match="earned"):
        Part(certified_grams=1, earned_grams=2)


LIFE = {
    ("printed", "issue"): "issued",
    ("printed", "void"): "void",
    ("printed", "flag"): "flagged",
    ("issued", "bind"): "bound",
    ("issued", "void"): "void",
    ("issued", "flag"): "flagged",
    ("bound", "ship"): "shipped",
    ("bound", "void"): "void",
    ("bound", "flag"): "flagged",
    ("shipped", "come_back"): "bound",
    ("shipped", "activate"): "activated",
    ("shipped", "retire"): "retired",
    ("shipped", "flag"): "flagged",
    ("activated", "retire"): "retired",
    ("activated", "flag"): "flagged",
    ("retired", "flag"): "flagged",
    ("flagged", "come_back"): "flagged",
    ("flagged", "void"): "void",
    ("flagged", "retire"): "retired",
}


@pytest.mark.parametrize("state", SerialState)
@pytest.mark.parametrize("event", SerialEvent)
def test_every_event_at_every_state_of_a_label(state: SerialState, event: SerialEvent) -> None:
    assert serial_after(state, event) == LIFE.get((state, event))
    assert set(SERIAL_MOVES) == set(SerialState)


def test_a_serial_is_short_written_in_the_set_of_gs1_and_never_the_same() -> None:
    drawn = {serial_rules.drawn() for _ in range(2_000)}
    assert len(drawn) == 2_000
    for each in drawn:
        assert len(each) == serial_rules.LENGTH <= serial_rules.SERIAL_MAX
        assert serial_rules.is_of_gs1(each)
        assert not set(each) & set("01ILO")
    assert not serial_rules.is_of_gs1("A" * 21)
    assert not serial_rules.is_of_gs1("名")
    assert not serial_rules.is_of_gs1("")
