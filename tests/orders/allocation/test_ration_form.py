"""A cut tried out as JSON: both policies side by side, the lottery shown, every fault named."""

import copy
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import ProblemRefused, verify
from orders.allocation.json_form import allocation_from_json, problem_from_json
from orders.allocation.ration_form import rations_to_json
from tests.orders.allocation.test_json_form import schema_for
from tests.thorough import many

RATION, RATIONS = schema_for("ration"), schema_for("rations")


def a_ration(*boxes, there=7, **changes):
    return {
        "batch": "spring",
        "boxes": there,
        "seed": "苹果 2026",
        "claims": [{"id": f"b{place}", "boxes": count} for place, count in enumerate(boxes)],
        **changes,
    }


def hash_of(seed):
    return hashlib.sha256(seed.encode()).hexdigest()


def test_both_policies_stand_side_by_side_and_first_boxes_are_protected():
    answer = rations_to_json(a_ration(5, 9, 1))
    equal, proportional = answer["rations"]

    assert (equal["policy"], [award["boxes"] for award in equal["awards"]]) == ("equal_awards", [3, 3, 1])
    assert (proportional["policy"], [each["boxes"] for each in proportional["awards"]]) == (
        "proportional",
        [2, 4, 1],
    )
    assert [award["missing"] for award in equal["awards"]] == [2, 6, 0]
    assert (equal["first_boxes"], equal["boxes_left"], answer["asked_boxes"]) == (3, 0, 15)


@pytest.mark.parametrize("policy", ["equal_awards", "proportional"])
def test_one_policy_may_be_asked_for(policy):
    assert [each["policy"] for each in rations_to_json(a_ration(5, policy=policy))["rations"]] == [policy]


def test_enough_for_all_leaves_boxes_and_cuts_nobody():
    for ration in rations_to_json(a_ration(2, 3))["rations"]:
        assert [award["missing"] for award in ration["awards"]] == [0, 0]
        assert ration["boxes_left"] == 2


def test_the_seed_is_shown_by_its_hash_and_the_ranks_can_be_drawn_again():
    answer = rations_to_json(a_ration(1, 1, 1, there=1))

    assert answer["seed_hash"] == hash_of("苹果 2026")
    assert answer["was_published"] is False
    for rank in answer["ranks"]:
        drawn = json.dumps(["苹果 2026", ["spring"], rank["id"]], ensure_ascii=False, separators=(",", ":"))
        assert rank["drawn"] == hash_of(drawn)
    assert [rank["drawn"] for rank in answer["ranks"]] == sorted(rank["drawn"] for rank in answer["ranks"])
    assert [rank["place"] for rank in answer["ranks"]] == [1, 2, 3]
    winner = answer["ranks"][0]["id"]
    for ration in answer["rations"]:
        assert [award["id"] for award in ration["awards"] if award["boxes"]] == [winner]
        assert ration["drawn"] == ["b0", "b1", "b2"]


def test_the_published_hash_is_checked():
    assert rations_to_json(a_ration(1, seed_hash=hash_of("苹果 2026")))["was_published"] is True
    with pytest.raises(ProblemRefused) as refused:
        rations_to_json(a_ration(1, seed_hash=hash_of("苹果 2027")))
    assert (refused.value.pointer, refused.value.code) == ("/seed_hash", "not_the_seed")
    assert refused.value.reason_zh == "不是该种子的哈希值"


def test_a_given_tie_comes_before_any_drawn_one():
    document = a_ration(1, 1, 1, there=1)
    document["claims"][2]["tie"] = 0
    answer = rations_to_json(document)

    assert (answer["ranks"][0]["id"], answer["ranks"][0]["tie"]) == ("b2", 0)
    assert [award["boxes"] for award in answer["rations"][0]["awards"]] == [0, 0, 1]


@settings(max_examples=many(300), deadline=None)
@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 150))
def test_every_cut_fits_the_schema_adds_up_and_proves_itself(asked, there):
    document = a_ration(*asked, there=there)
    RATION.validate(document)
    answer = rations_to_json(document)
    RATIONS.validate(answer)
    for ration in answer["rations"]:
        awards = [award["boxes"] for award in ration["awards"]]
        assert sum(awards) + ration["boxes_left"] == there
        assert sum(awards) == min(there, sum(asked))
        assert verify(problem_from_json(ration["problem"]), allocation_from_json(ration["result"])) == ()


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/batch", ..., "missing"),
        ("/batch", "", "wrong_length"),
        ("/boxes", ..., "missing"),
        ("/boxes", -1, "out_of_range"),
        ("/boxes", 10**9 + 1, "out_of_range"),
        ("/boxes", 1.5, "wrong_type"),
        ("/boxes", False, "wrong_type"),
        ("/seed", ..., "missing"),
        ("/seed", "", "wrong_length"),
        ("/seed", 5, "wrong_type"),
        ("/seed", "\ud800", "control_characters"),
        ("/policy", "loudest", "not_a_choice"),
        ("/policy", None, "wrong_type"),
        ("/seed_hash", 5, "wrong_type"),
        ("/seed_hash", "a" * 65, "wrong_length"),
        ("/claims", ..., "missing"),
        ("/claims", {}, "wrong_type"),
        ("/claims/0", 7, "wrong_type"),
        ("/claims/0/id", ..., "missing"),
        ("/claims/0/id", "", "wrong_length"),
        ("/claims/0/boxes", ..., "missing"),
        ("/claims/0/boxes", -1, "out_of_range"),
        ("/claims/0/boxes", True, "wrong_type"),
        ("/claims/0/boxes", 10**9 + 1, "out_of_range"),
        ("/claims/0/tie", 1.0, "wrong_type"),
        ("/claims/0/weight", 3, "unknown_member"),
        ("/more", 3, "unknown_member"),
    ],
)
def test_every_fault_is_named_with_its_place(pointer, value, code):
    document = copy.deepcopy(a_ration(5, 2))
    *way, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    node = document
    for step in way:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value

    with pytest.raises(ProblemRefused) as refused:
        rations_to_json(document)
    assert (refused.value.pointer, refused.value.code) == (pointer, code)


def test_claims_with_one_name_and_what_is_no_object_are_refused():
    document = a_ration(5, 2)
    document["claims"][1]["id"] = "b0"
    with pytest.raises(ProblemRefused) as refused:
        rations_to_json(document)
    assert (refused.value.pointer, refused.value.code) == ("/claims/1/id", "duplicate")
    with pytest.raises(ProblemRefused, match="object"):
        rations_to_json([])
