"""What the schemas take and refuse: documents of our own, whose verdicts are known."""

import copy
import json
from decimal import Decimal

import pytest

from inventory.epcis.event_schemas import EVENT_TYPES
from inventory.epcis.reading import (
    DEPTH_MAX,
    LIST_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    VALUES_MAX,
    read,
)
from marketplace import errors
from tests.epcis.documents import BOX, KG, KINDS, document, full, least, least_document, other_event, right
from tests.epcis.faults import faults

RIGHT = right()


def refusals(wrong):
    with pytest.raises(errors.Invalid) as caught:
        read(wrong)
    return caught.value.facts["errors"]


def pointers_of(wrong):
    return [each["pointer"] for each in refusals(wrong)]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_document_comes_back_to_the_letter(name):
    before = json.dumps(RIGHT[name])

    assert json.dumps(read(RIGHT[name])) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_loaded_and_dumped_as_it_is(kind):
    schema, event = EVENT_TYPES[kind], full(kind)
    before = json.dumps(event)

    assert json.dumps(schema.dump(schema.load(event))) == before


@pytest.mark.parametrize(
    "name", ["a document without events", "the least answer", "an event of our own alone"]
)
def test_any_single_fault_is_refused(name):
    for fault in faults(RIGHT[name]):
        assert refusals(fault.made(RIGHT[name])), fault


@pytest.mark.parametrize("kind", KINDS)
def test_any_single_fault_of_an_event_is_refused(kind):
    event = full(kind)
    seen = 0
    for fault in faults(event):
        assert refusals(fault.made(event)), fault
        seen += 1
    assert seen > 1000


def test_a_refusal_points_at_what_is_wrong_in_both_languages():
    wrong = document(least("ObjectEvent"), full("ObjectEvent"))
    event = wrong["epcisBody"]["eventList"][1]
    event["quantityList"][1]["uom"] = "kilo"
    event["sensorElementList"][0]["sensorReport"][1]["type"] = "Warmth"
    event["yj/colour"] = "red"
    del event["eventTime"]

    found = refusals(wrong)

    place = "/epcisBody/eventList/1"
    assert {each["pointer"] for each in found} == {
        f"{place}/quantityList/1/uom",
        f"{place}/sensorElementList/0/sensorReport/1/type",
        f"{place}/yj~1colour",
        f"{place}/eventTime",
    }
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in each["detail"]) for each in found)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        (None, ""),
        ([], ""),
        ({}, "/type"),
        ({"type": 7}, "/type"),
        (least("ObjectEvent"), "/@context"),
        ({**other_event(), "type": "BlossomEvent"}, "/type"),
        (least_document(7), "/epcisBody/eventList/0"),
        (least_document({}), "/epcisBody/eventList/0/type"),
        (
            least_document({**least("ObjectEvent"), "action": "OBSERVE", "ilmd": {}}),
            "/epcisBody/eventList/0/ilmd",
        ),
        (least_document({**least("ObjectEvent"), "epcList": [BOX, BOX]}), "/epcisBody/eventList/0/epcList/1"),
        ({**least_document(), "@context": [{"a": 1}, {"a": 1.0}]}, "/@context/1"),
        ({**least_document(), "@context": ["plain"]}, "/@context/0"),
        ({**least_document(), "@context": 7}, "/@context"),
        ({**least_document(), "epcisBody": {}}, "/epcisBody/eventList"),
    ],
)
def test_what_is_wrong_is_pointed_at(wrong, pointer):
    assert pointer in pointers_of(wrong)


def test_true_and_one_are_different_in_a_context():
    assert read({**least_document(), "@context": [{"a": 1}, {"a": True}]})


def test_numbers_keep_every_digit_for_who_reads_them_so():
    event = {**least("ObjectEvent"), "quantityList": [{**KG, "quantity": Decimal("0.12345678901234567890")}]}

    assert read(least_document(event))["epcisBody"]["eventList"][0]["quantityList"][0]["quantity"] == Decimal(
        "0.12345678901234567890"
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), 1j])
def test_what_json_cannot_write_is_no_number(number):
    event = {**least("ObjectEvent"), "quantityList": [{**KG, "quantity": number}]}

    assert pointers_of(least_document(event)) == ["/epcisBody/eventList/0/quantityList/0/quantity"]


def nested(depth):
    inner = 1
    for _ in range(depth):
        inner = [inner]
    return inner


def test_a_document_may_only_be_so_deep():
    fits = {**least_document(), "yj:deep": nested(DEPTH_MAX - 1)}

    assert read(fits)
    assert pointers_of({**fits, "yj:deep": nested(DEPTH_MAX)}) == ["/yj:deep" + "/0" * (DEPTH_MAX - 1)]
    assert pointers_of({**fits, "yj:deep": nested(100_000)})


def test_a_list_may_only_be_so_long():
    fits = {**least_document(), "yj:long": [1] * LIST_LENGTH_MAX}

    assert read(fits)
    assert pointers_of({**fits, "yj:long": [1] * (LIST_LENGTH_MAX + 1)}) == ["/yj:long"]


def test_a_text_may_only_be_so_long():
    fits = {**least_document(), "yj:long": "果" * TEXT_LENGTH_MAX}

    assert read(fits)
    assert pointers_of({**fits, "yj:long": "果" * (TEXT_LENGTH_MAX + 1)}) == ["/yj:long"]
    assert pointers_of({**least_document(), "yj:" + "a" * TEXT_LENGTH_MAX: 1}) == [""]


def test_a_document_may_only_hold_so_much():
    much = {f"yj:{number}": [1] * 9_999 for number in range(VALUES_MAX // 10_000)}

    assert pointers_of({**least_document(), **much}) == [""]
    much.popitem()
    assert read({**least_document(), **much})


def test_reading_changes_nothing():
    given = document(*(full(kind) for kind in KINDS))
    before = copy.deepcopy(given)

    assert read(given) is given
    assert given == before
