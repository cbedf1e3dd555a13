"""Laws of a shortage: boxes are counted once, first boxes are safe, nobody gains by order of arrival."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.shortage import rules, run
from campaigns.shortage.rules import Cause, Choice, Demand, Neighbour, Outcome
from campaigns.shortage.words import BuyerWords
from inventory.deposit_rules import Deposit, DepositType, Funder
from orders.allocation import verify
from orders.allocation.commitment import seed_commitment

POLICIES = st.sampled_from(["equal_awards", "proportional"])
SEEDS = st.text("abcdef", min_size=1, max_size=6)


@st.composite
def demands(draw, choices=tuple(Choice), boxes_max=30):
    made = []
    for number in range(draw(st.integers(1, 12))):
        boxes = draw(st.integers(1, boxes_max))
        choice = draw(st.sampled_from([each for each in choices if each != Choice.FEWER or boxes > 1]))
        wanted = draw(st.integers(1, boxes - 1)) if choice == Choice.FEWER else None
        made.append(Demand(order_id=f"o{number}", boxes=boxes, choice=choice, wanted=wanted))
    return made


def ordered(*boxes):
    return [Demand(order_id=f"o{number}", boxes=each) for number, each in enumerate(boxes)]


def kept(cut):
    return [each.kept for each in cut.outcomes]


def test_the_example_of_the_book():
    """Orders of 1, 2, 5 and 10 boxes, 12 boxes: line 4½, and the draw says who of the two large ones gets the fifth."""
    found = {
        tuple(kept(rules.cut(ordered(1, 2, 5, 10), 12, seed=f"seed-{number}", batch="b")))
        for number in range(40)
    }
    assert found == {(1, 2, 5, 4), (1, 2, 4, 5)}


def test_proportional_with_a_first_box_for_everybody():
    assert kept(rules.cut(ordered(1, 2, 5, 10), 12, policy="proportional", seed="s", batch="b")) == [
        1,
        1,
        3,
        7,
    ]


@given(demands(), st.integers(0, 200), POLICIES, SEEDS)
def test_every_box_is_counted_once(asked, supply, policy, seed):
    cut = rules.cut(asked, supply, policy=policy, seed=seed, batch="b")

    claimed = sum(each.claim for each in asked)
    assert cut.kept == min(supply, claimed)
    assert verify(cut.ration.problem, cut.ration.allocation) == ()
    for demand, each in zip(asked, cut.outcomes, strict=True):
        assert each.order_id == demand.order_id
        assert each.kept + each.moved + each.given_up + each.cut == each.ordered == demand.boxes
        assert min(each.kept, each.moved, each.given_up, each.cut) >= 0
        assert each.kept <= demand.claim
    if supply >= claimed:
        assert not any(each.cut for each in cut.outcomes)


@given(demands(), st.integers(0, 200), POLICIES, SEEDS)
def test_first_boxes_are_safe_while_there_are_as_many_boxes_as_orders(asked, supply, policy, seed):
    cut = rules.cut(asked, supply, policy=policy, seed=seed, batch="b")

    claiming = [each for each in asked if each.claim]
    got = [each.kept for demand, each in zip(asked, cut.outcomes, strict=True) if demand.claim]
    if supply >= len(claiming):
        assert all(got)
    else:
        assert Counter(got) == Counter({1: supply, 0: len(claiming) - supply})


@given(demands(), st.integers(0, 200), POLICIES, SEEDS)
def test_one_box_more_takes_nothing_from_anybody(asked, supply, policy, seed):
    few = rules.cut(asked, supply, policy=policy, seed=seed, batch="b")
    more = rules.cut(asked, supply + 1, policy=policy, seed=seed, batch="b")

    assert all(low <= high for low, high in zip(kept(few), kept(more), strict=True))


@given(demands(), st.integers(0, 200), POLICIES, SEEDS, st.randoms())
def test_who_came_first_does_not_matter(asked, supply, policy, seed, random):
    shuffled = random.sample(asked, len(asked))

    cut = rules.cut(asked, supply, policy=policy, seed=seed, batch="b")
    other = rules.cut(shuffled, supply, policy=policy, seed=seed, batch="b")
    assert sorted(cut.outcomes, key=lambda each: each.order_id) == sorted(
        other.outcomes, key=lambda each: each.order_id
    )


@given(demands(choices=(Choice.NO_PREFERENCE,)), st.integers(0, 200), SEEDS)
def test_equal_awards_differ_by_one_box_among_those_who_lack_some(asked, supply, seed):
    cut = rules.cut(asked, supply, seed=seed, batch="b")

    lacking = [each.kept for each in cut.outcomes if each.cut]
    if lacking:
        assert max(lacking) - min(lacking) <= 1
        assert all(each.kept <= max(lacking) + 1 for each in cut.outcomes)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(0, 90), SEEDS)
def test_neighbours_cover_what_they_can_and_no_more(spares, gap, seed):
    neighbours = [
        Neighbour(code=f"c{number}", weight=100, history_grams=0, spare=spare)
        for number, spare in enumerate(spares)
    ]
    asked = rules.cover(gap, neighbours, pack_grams=5_000, seed=seed, batch="b").boxes

    assert sum(asked.values()) == min(gap, sum(spares))
    assert all(boxes <= spares[int(code[1:])] for code, boxes in asked.items())


def test_who_is_behind_is_asked_first():
    ahead = Neighbour(code="a", weight=100, history_grams=500_000, spare=10)
    behind = replace(ahead, code="b", history_grams=0)

    assert rules.cover(10, [ahead, behind], pack_grams=5_000, seed="s", batch="b").boxes == {"b": 10}


def outcome(ordered=10, kept=4, given_up=0):
    return Outcome(
        order_id="o", ordered=ordered, kept=kept, moved=0, given_up=given_up, cut=ordered - kept - given_up
    )


def test_force_majeure_pays_back_and_fault_pays_the_earnest_money_twice():
    plain = rules.due(outcome(), paid_minor=52_000, cause=Cause.FORCE_MAJEURE, earnest_permille=200)
    fault = rules.due(outcome(), paid_minor=52_000, cause=Cause.FAULT, earnest_permille=200)

    assert (plain.refund_minor, plain.compensation_minor) == (31_200, 0)
    assert (fault.refund_minor, fault.compensation_minor) == (31_200, 6_240)


def test_what_a_buyer_gave_up_is_paid_back_and_not_compensated():
    due = rules.due(outcome(kept=4, given_up=6), paid_minor=1_000, cause=Cause.FAULT, earnest_permille=200)
    assert (due.refund_minor, due.compensation_minor) == (600, 0)


@given(st.integers(1, 40), st.data(), st.integers(0, 10**9))
def test_nobody_is_paid_back_more_than_was_paid_nor_less_than_the_part(ordered_boxes, data, paid):
    few = data.draw(st.integers(0, ordered_boxes))
    due = rules.due(
        outcome(ordered=ordered_boxes, kept=few), paid_minor=paid, cause=Cause.FAULT, earnest_permille=200
    )
    assert 0 <= due.refund_minor <= paid
    assert due.refund_minor * ordered_boxes >= paid * (ordered_boxes - few)
    assert due.compensation_minor * 5 <= due.refund_minor + 5


DEPOSITS = st.builds(
    lambda kind, per_box, bonus: Deposit(
        type=kind,
        per_box_minor=per_box,
        counts_minor=per_box + bonus,
        funder=Funder.COUNTY if bonus else None,
    ),
    st.sampled_from(DepositType),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
)


@given(DEPOSITS, st.integers(1, 40), st.data(), st.sampled_from(Cause), st.integers(0, 200))
def test_a_deposit_goes_back_by_the_box_and_what_is_kept_is_paid_for(deposit, boxes, data, cause, permille):
    kept = data.draw(st.integers(0, boxes))
    given_up = data.draw(st.integers(0, boxes - kept))
    paid = boxes * deposit.per_box_minor
    due = rules.due(
        outcome(ordered=boxes, kept=kept, given_up=given_up),
        paid_minor=paid,
        cause=cause,
        earnest_permille=permille,
        deposit=deposit,
    )
    assert paid == kept * deposit.per_box_minor + due.refund_minor
    assert due.bonus_minor == (boxes - kept) * deposit.bonus_minor
    is_double = cause == Cause.FAULT and deposit.type == DepositType.EARNEST
    assert due.compensation_minor == (deposit.per_box_minor * (boxes - kept - given_up) if is_double else 0)


@given(DEPOSITS, st.integers(1, 40), st.data())
def test_two_cuts_pay_back_what_one_would(deposit, boxes, data):
    """A deposit has no remainder by the box: in which order boxes are lost does not matter to the unit."""
    middle = data.draw(st.integers(0, boxes))
    last = data.draw(st.integers(0, middle))
    facts = {"cause": Cause.FAULT, "earnest_permille": 200, "deposit": deposit}
    paid = boxes * deposit.per_box_minor
    once = rules.due(outcome(ordered=boxes, kept=last), paid_minor=paid, **facts)
    first = rules.due(outcome(ordered=boxes, kept=middle), paid_minor=paid, **facts)
    if not middle:
        return
    second = rules.due(outcome(ordered=middle, kept=last), paid_minor=paid - first.refund_minor, **facts)
    assert once.refund_minor == first.refund_minor + second.refund_minor
    assert once.compensation_minor == first.compensation_minor + second.compensation_minor


def test_more_earnest_money_than_a_fifth_is_none():
    with pytest.raises(ValueError, match="201"):
        rules.due(outcome(), paid_minor=1, cause=Cause.FAULT, earnest_permille=201)


@given(st.integers(0, 10**6), st.dictionaries(st.text("abc", min_size=1), st.integers(0, 50)))
def test_what_is_carried_adds_up_and_follows_what_is_missing(total, missing):
    found = rules.carried(total, missing)

    lacking = sum(missing.values())
    assert sum(found.values()) == (total if lacking else 0)
    for code, part in found.items():
        assert abs(part * lacking - total * missing[code]) < lacking


@pytest.mark.parametrize(
    "facts",
    [
        {"boxes": 0},
        {"boxes": 3, "choice": Choice.FEWER},
        {"boxes": 3, "choice": Choice.FEWER, "wanted": 3},
        {"boxes": 3, "choice": Choice.FEWER, "wanted": 0},
        {"boxes": 3, "wanted": 2},
    ],
)
def test_what_is_no_demand(facts):
    with pytest.raises(ValueError, match="Demand"):
        Demand(order_id="o", **facts)


@given(demands(), st.integers(0, 200), POLICIES, SEEDS)
def test_a_stored_run_proves_itself_and_nothing_else_does(asked, supply, policy, seed):
    problem = run.problem_of(asked, supply, policy=policy, seed=seed, batch="b")
    result = run.result_of(run.solve(problem))
    digest, published = run.digest_of(problem, result), seed_commitment(seed)

    assert run.fault_of(problem, result, digest, published) is None
    assert run.fault_of(problem, result, digest, seed_commitment(seed + "x")) is not None
    forged = {**result, "kept": result["kept"] + 1}
    assert run.fault_of(problem, forged, digest, published) == "not the digest"
    assert run.fault_of(problem, forged, run.digest_of(problem, forged), published) is not None


def test_there_are_two_policies():
    assert [rules.policy_of(each) for each in ("equal_awards", "proportional")] == [
        "equal_awards",
        "proportional",
    ]
    with pytest.raises(ValueError, match="first_come"):
        rules.policy_of("first_come")


@given(demands(), st.integers(0, 200), POLICIES, SEEDS)
def test_a_stored_cut_is_told_in_the_same_words_without_being_made_again(asked, supply, policy, seed):
    problem = run.problem_of(asked, supply, policy=policy, seed=seed, batch="b")
    made = run.solve(problem)
    stored = json.loads(json.dumps([problem, run.result_of(made)]))
    read = run.recalled(*stored)
    assert (read.outcomes, read.supply, read.kept) == (made.outcomes, made.supply, made.kept)
    assert (read.ration is None) == (policy == "equal_awards")
    told = [
        BuyerWords(cut, policy, cause=Cause.FAULT, currency="CNY", later_lot_on=date(2026, 12, 1))
        for cut in (made, read)
    ]
    for demand, outcome in zip(run.demands_of(problem), made.outcomes, strict=True):
        due = rules.due(outcome, paid_minor=1_000, cause=Cause.FAULT, earnest_permille=200)
        one, other = (each.reason(demand, outcome, due, paid_minor=1_000) for each in told)
        assert one == other


@given(
    st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 20)),
    st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 20)),
    st.integers(0, 60),
)
def test_what_somebody_waits_for_is_missed_once(earlier, missing, waiting):
    known = rules.known_missing(waiting, earlier=earlier, missing=missing)
    assert all(0 <= boxes <= min(earlier[code], missing.get(code, 0)) for code, boxes in known.items())
    assert sum(known.values()) == min(
        waiting, sum(min(boxes, missing.get(code, 0)) for code, boxes in earlier.items())
    )


def test_a_window_never_ends_sooner_for_having_grown():
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for left, gets in ((47, 47), (25, 25), (24, 24), (1, 24), (-1, 24)):
        due_at = rules.prolonged(now + timedelta(hours=left), hours=48, now=now)
        assert due_at == now + timedelta(hours=gets)
