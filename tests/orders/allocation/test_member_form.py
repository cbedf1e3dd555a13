"""A share over its growers as JSON: every fault named, the printed sum gives the boxes, the schema agrees."""

import copy
import json
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import ProblemRefused, verify
from orders.allocation.json_form import allocation_from_json, problem_from_json
from orders.allocation.member_form import divided_to_json, division_from_json
from tests.orders.allocation import cases
from tests.orders.allocation.test_json_form import schema_for
from tests.thorough import many

DIVISION, DIVIDED = schema_for("division"), schema_for("divided")

# (line × delivered kilograms − grams sold) / grams of a box = boxes, before rounding
SUM = re.compile(r"\(([\d.,]+) × ([\d.,]+) − ([\d,]+)\) / ([\d,]+) = (-?[\d.,]+), rounded .*: ([\d,]+) box")


def a_division(*members, packs=120, **changes):
    return {
        "share": {"id": "run 7", "packs": packs, "pack_grams": 5_000},
        "members": [
            {"id": name, "delivered_grams": delivered, "sold_grams": sold}
            for name, delivered, sold in members
        ],
        **changes,
    }


def divided(document):
    return divided_to_json(division_from_json(document))


def number(text):
    return Fraction(text.replace(",", ""))


def test_the_worked_example_can_be_redone_on_paper():
    answer = divided(
        a_division(("Li", 2_000_000, 100_000), ("Wang", 1_000_500, 0), ("Zhao", 12_000, 0), ("Wu", 0, 0), packs=121)
    )  # fmt: skip
    li, wang, zhao, wu = answer["members"]

    assert [each["packs"] for each in answer["members"]] == [73, 47, 1, 0]
    assert (li["level_before"], li["level_after"]) == ("1/20", "93/400")
    assert (
        "(233 × 2,000 − 100,000) / 5,000 = 73.20, rounded to the nearest box: 73 boxes." in li["sentences_en"]
    )
    assert "(233 × 2,000 − 100,000) / 5,000 = 73.20，四舍五入为 73 箱。" in li["sentences_zh"]
    assert (wang["level_before"], zhao["limited_by"]) == ("0", "nothing")
    assert wu["sentences_en"] == ["Wu delivered nothing and gives nothing."]


def test_who_has_too_little_gives_all_and_what_is_missing_is_named():
    answer = divided(a_division(("Li", 24_000, 0), ("Wang", 4_999, 0), packs=6))

    assert [(each["packs"], each["limited_by"]) for each in answer["members"]] == [(4, "stock"), (0, "stock")]
    assert answer["unfilled_packs"] == 2
    assert "Of its delivery 4 boxes are left, and it gives them all." in answer["members"][0]["sentences_en"]
    assert "Not a whole box of its delivery is left." in answer["members"][1]["sentences_en"]


def test_who_sold_more_than_the_others_waits():
    waits = divided(a_division(("Li", 100_000, 80_000), ("Wang", 100_000, 0), packs=4))["members"][0]

    assert (waits["packs"], waits["limited_by"]) == (0, "history")
    assert any("so this share goes to others" in each for each in waits["sentences_en"])


def test_equal_growers_are_told_that_a_lottery_decided():
    answer = divided(a_division(("Li", 100_000, 0), ("Wang", 100_000, 0), packs=3, tie_seed="s"))
    won = sorted((each["packs"], each["sentences_en"][-2]) for each in answer["members"])

    assert won == [
        (1, "The lottery decided between them; its box was not drawn."),
        (2, "The lottery decided between them; its box was drawn."),
    ]


def test_nothing_to_divide_says_so():
    [li] = divided(a_division(("Li", 100_000, 0), packs=0))["members"]

    assert (li["packs"], li["sentences_en"][-1]) == (0, "Nothing is to be divided.")
    assert divided(a_division())["members"] == []


growers = st.lists(
    st.tuples(st.integers(0, 10**7) | st.integers(10**11, 10**12), st.integers(0, 10**7)), max_size=6
)


@settings(max_examples=many(400), deadline=None)
@given(growers, st.integers(0, 10**4))
def test_the_printed_sum_gives_the_boxes_and_the_answer_proves_itself(masses, packs):
    document = a_division(*((f"m{i}", *mass) for i, mass in enumerate(masses)), packs=packs)
    DIVISION.validate(document)
    answer = divided(document)
    DIVIDED.validate(answer)
    assert verify(problem_from_json(answer["problem"]), allocation_from_json(answer["result"])) == ()
    assert sum(each["packs"] for each in answer["members"]) + answer["unfilled_packs"] == packs

    for each, (delivered, sold) in zip(answer["members"], masses, strict=True):
        assert len(each["sentences_en"]) == len(each["sentences_zh"])
        left = max(0, delivered - sold) // 5_000
        assert each["packs"] <= left
        for sentence in each["sentences_en"]:
            if found := SUM.match(sentence):
                line, kilograms, history, pack, shown, boxes = map(number, found.groups())
                value = (line * kilograms - history) / pack
                assert abs(value - shown) <= Fraction(1, 200)
                assert (value + Fraction(1, 2)).__floor__() == boxes
                assert min(boxes, left) == each["packs"]


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/share", ..., "missing"),
        ("/share", [], "wrong_type"),
        ("/share/id", "", "wrong_length"),
        ("/share/packs", ..., "missing"),
        ("/share/packs", -1, "out_of_range"),
        ("/share/packs", 10**9 + 1, "out_of_range"),
        ("/share/packs", True, "wrong_type"),
        ("/share/pack_grams", 0, "out_of_range"),
        ("/share/more", 1, "unknown_member"),
        ("/members", ..., "missing"),
        ("/members", {}, "wrong_type"),
        ("/members", "Li", "wrong_type"),
        ("/members/0", None, "wrong_type"),
        ("/members/0/id", ..., "missing"),
        ("/members/0/id", 7, "wrong_type"),
        ("/members/0/id", "a\x00", "control_characters"),
        ("/members/0/delivered_grams", ..., "missing"),
        ("/members/0/delivered_grams", -1, "out_of_range"),
        ("/members/0/delivered_grams", 10**12 + 1, "out_of_range"),
        ("/members/0/delivered_grams", 2.5, "wrong_type"),
        ("/members/0/delivered_grams", "5", "wrong_type"),
        ("/members/0/sold_grams", None, "wrong_type"),
        ("/members/0/sold_grams", -1, "out_of_range"),
        ("/members/0/tie", -1, "out_of_range"),
        ("/members/0/weight", 1, "unknown_member"),
        ("/tie_seed", None, "wrong_type"),
        ("/tie_seed", "s" * 1_001, "wrong_length"),
        ("/policy", {}, "unknown_member"),
    ],
)
def test_every_fault_is_named_with_its_place_and_the_schema_agrees(pointer, value, code):
    document = copy.deepcopy(a_division(("Li", 100_000, 0), ("Wang", 5_000, 0)))
    *way, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    node = document
    for step in way:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value

    with pytest.raises(ProblemRefused) as refused:
        divided(document)
    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert not DIVISION.is_valid(document)


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_object_is_refused(document):
    with pytest.raises(ProblemRefused, match="object"):
        division_from_json(document)


def test_growers_with_one_name_are_refused_and_all_faults_told_at_once():
    with pytest.raises(ProblemRefused) as refused:
        divided(a_division(("Li", 1, 0), ("Li", -1, 0), packs=-1))
    assert {(fault.pointer, fault.code) for fault in refused.value.faults} == {
        ("/share/packs", "out_of_range"),
        ("/members/1/delivered_grams", "out_of_range"),
        ("/members/1/id", "duplicate"),
    }


def test_the_page_shows_what_its_example_gives():
    page = (cases.ROOT / "docs" / "fair-split.md").read_text(encoding="utf-8")
    [example] = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "members" in block]
    for each in divided(json.loads(example))["members"]:
        [value] = [found[5] for sentence in each["sentences_en"] if (found := SUM.match(sentence))]
        after = f"{float(Fraction(each['level_after']) * 1_000):.2f} g"
        row = (
            f"| {each['id']} | {each['delivered_grams'] / 1_000:,g} | {each['sold_grams']:,} "
            f"| {value} | {each['packs']} | {after} |"
        )
        assert row in page
