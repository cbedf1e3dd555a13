"""JSON in and out: the written schema and the reader agree, and nothing is lost on the way."""

import copy
import json
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import ProblemRefused, allocate, verify
from orders.allocation.json_form import (
    AllocationUnreadable,
    allocation_from_json,
    allocation_to_json,
    input_hash,
    problem_from_json,
    problem_to_json,
)
from tests.orders.allocation import cases
from tests.orders.allocation.cases import problems
from tests.thorough import many

SCHEMA = json.loads((cases.ROOT / "docs" / "allocation.schema.json").read_text(encoding="utf-8"))
# What a schema cannot say: ids that repeat or point nowhere, and one trade unit for all.
BEYOND_THE_SCHEMA = {"duplicate", "unknown_reference", "mixed_packs"}


def schema_for(name):
    schema = {"$schema": SCHEMA["$schema"], "$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    return jsonschema.Draft202012Validator(schema)


PROBLEM, RESULT = schema_for("problem"), schema_for("result")

full_document = {
    "sellers": [
        {
            "id": "甲", "weight": 3, "history_grams": 7, "cap_packs": 9, "pack_grams": 5, "min_packs": 0,
            "tie": None, "tier": 0, "household_cap_packs": 4,
        },
        {"id": "B", "weight": 1, "history_grams": 0, "cap_packs": 9, "pack_grams": 5},
    ],
    "orders": [
        {
            "id": "o", "packs": 6, "grams": None, "weight": 2, "received_packs": 1, "tie": 4, "tier": 0,
            "max_sellers": None,
        }
    ],
    "links": None,
    "policy": {
        "rule": "nearest", "buyers": "equal_awards", "catch_up_grams_per_weight": 8, "strict": True, "tie_seed": "x",
    },
}  # fmt: skip


def test_the_schema_is_a_valid_schema_itself():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    both = jsonschema.Draft202012Validator(SCHEMA)
    assert both.is_valid(full_document)
    assert both.is_valid(allocation_to_json(allocate(problem_from_json(full_document))))
    assert not both.is_valid({})


@settings(max_examples=many(200), deadline=None)
@given(problems())
def test_what_is_written_reads_back_the_same_and_fits_the_schema(problem):
    document = json.loads(json.dumps(problem_to_json(problem)))
    PROBLEM.validate(document)
    assert problem_from_json(document) == problem

    allocation = allocate(problem)
    result = json.loads(json.dumps(allocation_to_json(allocation)))
    RESULT.validate(result)
    assert allocation_from_json(result) == allocation
    assert verify(problem, allocation_from_json(result)) == ()


strange = st.sampled_from(
    [None, True, False, 0, 1, -1, 2, 10**9, 10**9 + 1, 10**15 + 1, 10**18 + 1, 0.5, "", "A", "o", "a\n", "\x00",
     "x" * 201, "nearest", "lowest", "fill_rate", [], {}, [{}]]
)  # fmt: skip


@st.composite
def damaged_documents(draw):
    document = copy.deepcopy(full_document)
    for _ in range(draw(st.integers(1, 3))):
        target, key = document, draw(st.sampled_from([*document, "stray"]))
        while draw(st.booleans()) and isinstance(target.get(key), dict | list) and target[key]:
            inner = target[key]
            target = inner[draw(st.integers(0, len(inner) - 1))] if isinstance(inner, list) else inner
            if not isinstance(target, dict) or not target:
                break
            key = draw(st.sampled_from([*target, "stray"]))
        if isinstance(target, dict):
            if draw(st.booleans()):
                target.pop(key, None)
            else:
                target[key] = copy.deepcopy(draw(strange))
    return document


@settings(max_examples=many(1_500), deadline=None)
@given(damaged_documents())
def test_reader_and_schema_accept_and_refuse_alike(document):
    try:
        problem_from_json(document)
        codes = set()
    except ProblemRefused as refused:
        codes = {fault.code for fault in refused.faults}

    assert PROBLEM.is_valid(document) == (codes <= BEYOND_THE_SCHEMA)


def test_a_float_is_no_integer_for_the_reader_even_where_the_schema_cannot_tell():
    document = copy.deepcopy(full_document)
    document["orders"][0]["packs"] = 6.0

    assert PROBLEM.is_valid(document)
    with pytest.raises(ProblemRefused):
        problem_from_json(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["digest"], "0"),
        (["digest"], None),
        (["gap"], 0),
        (["gap"], "0.5"),
        (["gap"], "1/0"),
        (["gap"], "٣"),
        (["sellers", 0, "packs"], 1.5),
        (["sellers", 0, "packs"], "1"),
        (["sellers", 0, "exact_packs"], 3),
        (["sellers", 0, "limited_by"], "weather"),
        (["sellers", 0, "extra"], 1),
        (["certificate"], None),
        (["certificate", "extra"], 1),
        (["certificate", "last_served", "extra"], 1),
        (["segments", 0, "sellers"], [1]),
        (["segments"], {}),
        (["shipments", 0], 1),
        (["extra"], 1),
    ],
)
def test_an_answer_of_another_shape_is_not_read(path, value):
    document = allocation_to_json(allocate(problem_from_json(full_document)))
    target = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value

    assert not RESULT.is_valid(document)
    with pytest.raises(AllocationUnreadable):
        allocation_from_json(document)


def test_a_missing_member_of_an_answer_is_named():
    document = allocation_to_json(allocate(problem_from_json(full_document)))
    del document["sellers"][1]["level_after"]

    with pytest.raises(AllocationUnreadable, match="/sellers/1/level_after is missing"):
        allocation_from_json(document)


def test_the_input_hash_depends_on_what_is_asked_and_not_on_how_it_is_listed():
    problem = problem_from_json(full_document)
    turned = {**full_document, "sellers": full_document["sellers"][::-1]}
    other = {**full_document, "policy": {}}

    assert input_hash(problem_from_json(turned)) == input_hash(problem)
    assert input_hash(problem_from_json(other)) != input_hash(problem)


def test_the_package_runs_without_the_rest_of_the_project():
    """Only the standard library and itself are loaded by the doors, the texts and the picture."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from orders.allocation import allocate, verify, explain, report\n"
        "from orders.allocation import picture, text, json_form\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=cases.ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "['orders']"
