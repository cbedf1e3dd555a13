"""What a policy's digest tells apart, when it must be signed by hand, and what counts of a cooperative."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns.policy import rules
from campaigns.policy.rules import Policy, Weight
from campaigns.states import CutRule
from orders.allocation.problem import RULES
from orders.states import Silence

HOURS = st.integers(1, rules.HOURS_MAX)
POLICIES = st.builds(
    Policy,
    season=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,19}", fullmatch=True),
    rule=st.sampled_from(RULES),
    strict=st.booleans(),
    minimum_boxes=st.integers(1, 1_000),
    weight=st.sampled_from(Weight),
    silence=st.sampled_from(Silence),
    answer_hours=HOURS,
    cut_rule=st.sampled_from(CutRule),
    neighbour_hours=HOURS,
    election_hours=HOURS,
    earnest_permille=st.integers(0, 200),
)
DEFAULT = rules.default_of(date(2026, 9, 1))


@given(POLICIES, POLICIES)
def test_two_policies_have_one_digest_exactly_when_they_are_the_same(one: Policy, other: Policy):
    assert (rules.digest_of(one) == rules.digest_of(other)) == (one == other)
    assert (rules.changes(one, other) == {}) == (one == other)


@given(POLICIES, POLICIES, st.sampled_from([field.name for field in fields(Policy)]))
def test_each_single_term_changes_the_digest(one: Policy, other: Policy, name: str):
    changed = replace(one, **{name: getattr(other, name)})
    assume(changed != one)
    assert rules.digest_of(changed) != rules.digest_of(one)
    assert rules.changes(one, changed) == {name: (getattr(one, name), getattr(other, name))}


@given(POLICIES)
def test_the_canonical_text_says_everything_and_is_what_is_hashed(policy: Policy):
    text = rules.canonical(policy)
    told = json.loads(text)
    assert list(told) == sorted(told)
    assert told.pop("form") == (1 if policy.minimum_boxes == 1 else 2)
    assert ("minimum_boxes" in told) == (policy.minimum_boxes > 1), "none is written as before there were any"
    told.setdefault("minimum_boxes", 1)
    assert told == {field.name: getattr(policy, field.name) for field in fields(Policy)}
    assert rules.digest_of(policy) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_of_the_houses_policy_never_changes_by_accident():
    assert rules.canonical(DEFAULT) == (
        '{"answer_hours":48,"cut_rule":"equal_awards","earnest_permille":200,"election_hours":48,"form":1,'
        '"neighbour_hours":24,"rule":"nearest","season":"2026-27","silence":"declines","strict":false,'
        '"weight":"households"}'
    )


@given(POLICIES)
def test_whatever_is_not_the_houses_is_signed_by_hand(policy: Policy):
    assert rules.needs_signature(policy, closes_on=date(2026, 9, 1)) == (policy != DEFAULT)


def test_the_season_of_another_year_is_not_the_houses():
    assert not rules.needs_signature(DEFAULT, closes_on=date(2027, 6, 30))
    assert rules.needs_signature(DEFAULT, closes_on=date(2027, 7, 1))


@pytest.mark.parametrize(
    ("weight", "counts"), [(Weight.HOUSEHOLDS, 120), (Weight.MEMBERS, 300), (Weight.EQUAL, 1)]
)
def test_what_a_cooperative_counts_for(weight: Weight, counts: int):
    assert rules.weighed(weight, households=120, members=300) == counts
