"""Laws of the shapes: what is right comes back equal; what has one fault does not come in."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.epcis.event_schemas import EVENT_TYPES
from inventory.epcis.reading import read
from marketplace import errors
from tests.epcis.faults import faults
from tests.epcis.strategies import documents, events
from tests.thorough import many


@given(events())
@settings(max_examples=many(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_event_is_loaded_and_dumped_as_it_is(event):
    schema = EVENT_TYPES[event["type"]]
    before = json.dumps(event)

    assert json.dumps(schema.dump(schema.load(event))) == before


@given(documents())
@settings(max_examples=many(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_document_comes_back_to_the_letter(document):
    before = json.dumps(document)

    assert json.dumps(read(json.loads(before))) == before


@given(events(), st.data())
@settings(max_examples=many(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_fault_anywhere_is_one_too_many(event, data):
    fault = data.draw(st.sampled_from(list(faults(event))))

    with pytest.raises(errors.Invalid):
        read({"@context": "https://example.org/c", **fault.made(event)})
