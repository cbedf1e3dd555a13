"""Laws of queries: what an event says of itself finds it; more asked never finds more; one lie hides it."""

import json
import time
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.epcis.event_hash import namespaces_of
from inventory.epcis.identifiers import key_in, urn_of
from inventory.epcis.times import instant
from inventory.repository.matching import matcher, matches
from inventory.repository.query_rules import of_address, of_document
from tests.epcis.documents import KINDS, Json, full, least
from tests.epcis.gs1 import examples_in, folder
from tests.epcis.strategies import events
from tests.repository.asking import LATER, askable, own_query
from tests.thorough import many

NAMESPACES = {"yj": "https://example.org/yijun/"}
LONG_AGO = "0001-01-01T00:00:00Z"
NOBODY = "urn:nobody:at:all"
USUAL = settings(max_examples=many(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def in_calendar(event: Json) -> bool:
    try:
        instant(event["eventTime"])
    except ValueError:
        return False
    return True


@given(events())
@USUAL
def test_what_an_event_says_finds_it_all_together_and_one_by_one(event):
    query = askable(own_query(event))

    assert in_calendar(event) == ("GE_eventTime" in query)
    for name, value in query.items():
        if name != "LT_eventTime" or in_calendar(event):
            assert matches(event, of_document({name: value}), NAMESPACES), name
    if in_calendar(event):
        assert matches(event, of_document(query), NAMESPACES)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_with_every_member_is_found_by_all_that_it_says(kind):
    query = own_query(full(kind))

    assert askable(query) == query
    assert len(query) > 35
    assert matches(full(kind), of_document(query), NAMESPACES)


@given(events(), events(), st.data())
@USUAL
def test_more_asked_never_finds_more(event, other, data):
    everything = askable({**own_query(event), **own_query(other)})
    names = data.draw(st.lists(st.sampled_from(sorted(everything)), unique=True))
    query: Json = {}
    before = True
    for name in names:
        query[name] = everything[name]
        now = matches(event, of_document(query), NAMESPACES)
        assert before or not now
        before = now


@given(events(), events(), st.data())
@USUAL
def test_more_values_never_find_less(event, other, data):
    lists = {name: value for name, value in askable(own_query(event)).items() if isinstance(value, list)}
    others = {name: value for name, value in askable(own_query(other)).items() if isinstance(value, list)}
    name = data.draw(st.sampled_from(sorted(lists)))
    wider = [*others.get(name, ()), *lists[name]]

    assert matches(event, of_document({name: wider}), NAMESPACES)


CONTRADICTIONS: Json = {
    "eventType": ["urn:nobody:event"],
    "GE_eventTime": LATER,
    "LT_eventTime": LONG_AGO,
    "GE_recordTime": LATER,
    "LT_recordTime": LONG_AGO,
    "EQ_bizStep": [NOBODY],
    "EQ_disposition": [NOBODY],
    "EQ_persistentDisposition_set": [NOBODY],
    "EQ_persistentDisposition_unset": [NOBODY],
    "EQ_readPoint": [NOBODY],
    "WD_readPoint": [NOBODY],
    "EQ_bizLocation": [NOBODY],
    "WD_bizLocation": [NOBODY],
    "EQ_transformationID": [NOBODY],
    "EQ_eventID": [NOBODY],
    "MATCH_epc": [NOBODY],
    "MATCH_parentID": [NOBODY],
    "MATCH_inputEPC": [NOBODY],
    "MATCH_outputEPC": [NOBODY],
    "MATCH_anyEPC": [NOBODY],
    "MATCH_epcClass": [NOBODY],
    "MATCH_inputEPCClass": [NOBODY],
    "MATCH_outputEPCClass": [NOBODY],
    "MATCH_anyEPCClass": [NOBODY],
    "GT_quantity": 10**30,
    "LT_quantity": -(10**30),
    "EQ_bizTransaction_po": [NOBODY],
    "EQ_source_owning_party": [NOBODY],
    "EQ_destination_location": [NOBODY],
    "GE_errorDeclarationTime": LATER,
    "EQ_errorReason": [NOBODY],
    "EQ_correctiveEventID": [NOBODY],
    "GE_time": LATER,
    "LT_startTime": LONG_AGO,
    "GE_endTime": LATER,
    "EQ_type": [NOBODY],
    "EQ_deviceID": [NOBODY],
    "EQ_dataProcessingMethod": [NOBODY],
    "EQ_microorganism": [NOBODY],
    "EQ_chemicalSubstance": [NOBODY],
    "EQ_bizRules": [NOBODY],
    "EQ_stringValue": ["what nobody writes"],
    "EQ_hexBinaryValue": ["abcdef0123456789"],
    "EQ_uriValue": [NOBODY],
    "GT_value": 10**400,
    "EXISTS_urn:nobody:member": None,
    "EQ_urn:nobody:member": "x",
    "EXISTS_ILMD_urn:nobody:member": None,
    "EXISTS_INNER_urn:nobody:member": None,
    "HASATTR_bizLocation": [NOBODY],
}


@given(events(), st.sampled_from(sorted(CONTRADICTIONS)))
@USUAL
def test_one_value_that_is_not_so_hides_an_event(event, name):
    query = {**askable(own_query(event)), name: CONTRADICTIONS[name]}

    assert not matches(event, of_document(query), NAMESPACES)


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_one_value_that_is_not_so_hides_even_an_event_with_every_member(name):
    for kind in KINDS:
        assert not matches(full(kind), of_document({name: CONTRADICTIONS[name]}), NAMESPACES)


@given(events(), st.data())
@USUAL
def test_an_address_and_json_find_alike(event, data):
    query = askable(own_query(event))
    name = data.draw(st.sampled_from(sorted(query)))
    value = query[name][0] if isinstance(query[name], list) else query[name]
    text = json.dumps(value) if isinstance(value, bool | int) else str("" if value is None else value)

    if "|" not in text and text.isprintable() and not (text == "" and value is not None):
        assert matches(event, of_address({name: text}), NAMESPACES)


@given(
    st.text("0123456789", min_size=6, max_size=6),
    st.text("ABC123-", min_size=1, max_size=20),
    st.integers(6, 12),
)
def test_a_urn_finds_a_link_and_a_link_a_urn(number, serial, prefix_digits):
    urn = f"urn:epc:id:sgtin:9521234.{number}.{serial}"
    key = key_in(urn)
    assert key is not None
    for one, other in (
        (urn, key.link("https://id.example.org/stem")),
        (key.link(), urn_of(key, prefix_digits)),
    ):
        assert matches({**least("ObjectEvent"), "epcList": [one]}, of_document({"MATCH_epc": other}))
        assert matches({**least("ObjectEvent"), "epcList": [other]}, of_document({"MATCH_anyEPC": one}))


def test_the_published_examples_are_found_by_what_they_say():
    published = {
        name: document
        for name, document in examples_in(folder()).items()
        if "eventList" in json.dumps(document)
    }
    if not published:
        pytest.skip("GS1's examples do not lie beside the project")
    for name, document in published.items():
        body = document["epcisBody"]
        found = body.get("eventList") or body["queryResults"]["resultsBody"]["eventList"]
        namespaces = namespaces_of(document["@context"])
        for event in found:
            query = {"@context": document["@context"], **own_query(event)}
            assert matches(event, of_document(query), namespaces), name


def test_a_query_is_quick():
    """10,000 events, none of which was seen before, in well under the time that anybody waits for a page."""
    crowd = [
        {
            **least("ObjectEvent"),
            "action": "OBSERVE",
            "bizStep": "shipping" if number % 3 else "receiving",
            "epcList": [
                f"https://id.example.org/01/09521234000013/21/K{number}",
                f"urn:epc:id:sgtin:9521234.000001.L{number}",
            ],
        }
        for number in range(10_000)
    ]
    query = {
        "eventType": "ObjectEvent",
        "EQ_bizStep": "shipping",
        "GE_eventTime": "2026-10-05T00:00:00Z",
        "MATCH_epc": "urn:epc:id:sgtin:9521234.000001.K77|urn:epc:id:sgtin:9521234.000001.K79",
    }
    is_asked_for = matcher(of_address(query))
    started = time.process_time()

    found = list(islice((event for event in crowd if is_asked_for(event, None)), 3))

    assert [event["epcList"][0][-3:] for event in found] == ["K77", "K79"]
    assert time.process_time() - started < 3


@pytest.mark.parametrize("asked", ["yj:tree-7", NAMESPACES["yj"] + "tree-7"])
def test_a_prefixed_name_is_found_as_it_was_written_and_in_full(asked):
    event = {**least("AssociationEvent"), "parentID": "yj:tree-7"}

    assert matches(event, of_document({"MATCH_parentID": asked}), NAMESPACES)
    assert not matches(event, of_document({"MATCH_parentID": asked + "1"}), NAMESPACES)
