"""The hash of an event: texts worked out by hand from the published rules, and what may not make a difference."""

import hashlib
import json
import re
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from inventory.epcis.event_hash import event_id, namespaces_of, pre_hash
from tests.epcis.documents import KINDS, full, least, optional
from tests.epcis.strategies import events
from tests.thorough import many

OWN = {"yj": "https://example.org/yijun/"}
GRADED = {
    "type": "ObjectEvent",
    "eventTime": "2026-10-19T14:15:00.1235+08:00",
    "eventTimeZoneOffset": "+08:00",
    "recordTime": "2026-10-19T15:00:00Z",
    "action": "OBSERVE",
    "bizStep": "inspecting",
    "disposition": "conformant",
    "epcList": [
        "urn:epc:id:sgtin:9521234.000001.K8",
        "https://id.example.org/01/09521234000013/10/L1/21/K7?15=270131",
    ],
    "quantityList": [
        {"epcClass": "urn:epc:class:lgtin:9521234.900001.A3", "uom": "KGM", "quantity": 1250.50},
        {"epcClass": "urn:epc:idpat:sgtin:9521234.000001.*", "quantity": 7.0},
    ],
    "persistentDisposition": {"unset": ["unknown"], "set": ["conformant", "available"]},
    "readPoint": {"id": "urn:epc:id:sgln:9521234.00100.R07", "yj:door": "  north "},
    "bizTransactionList": [
        {"bizTransaction": "urn:yijun:order:77", "type": "po"},
        {"bizTransaction": "urn:yijun:note:5"},
    ],
    "sensorElementList": [
        {
            "sensorReport": [
                {"value": 90, "type": "RelativeHumidity", "uom": "P1"},
                {"type": "Temperature", "value": -0.50, "booleanValue": True, "yj:probe": 3},
            ],
            "sensorMetadata": {"time": "2026-10-19T06:00:00Z"},
        }
    ],
    "yj:crew": ["早班", 4, None, {"yj:lead": True, "yj:hands": "06"}],
    "https://example.org/other/colour": "red",
}
BY_HAND = (
    "eventType=ObjectEvent"
    "eventTime=2026-10-19T06:15:00.124Z"
    "eventTimeZoneOffset=+08:00"
    "epcListepc=https://id.gs1.org/01/09521234000013/21/K7"
    "epc=https://id.gs1.org/01/09521234000013/21/K8"
    "quantityListquantityElementepcClass=https://id.gs1.org/01/09521234000013quantity=7"
    "quantityElementepcClass=https://id.gs1.org/01/99521234000016/10/A3quantity=1250.5uom=KGM"
    "action=OBSERVE"
    "bizStep=https://ref.gs1.org/cbv/BizStep-inspecting"
    "disposition=https://ref.gs1.org/cbv/Disp-conformant"
    "persistentDispositionset=https://ref.gs1.org/cbv/Disp-availableset=https://ref.gs1.org/cbv/Disp-conformant"
    "unset=https://ref.gs1.org/cbv/Disp-unknown"
    "readPointid=https://id.gs1.org/414/9521234001003/254/R07{https://example.org/yijun/}door=north"
    "bizTransactionListbizTransaction=urn:yijun:note:5"
    "type=https://ref.gs1.org/cbv/BTT-pobizTransaction=urn:yijun:order:77"
    "sensorElementListsensorElementsensorMetadatatime=2026-10-19T06:00:00.000Z"
    "sensorReporttype=https://gs1.org/voc/RelativeHumidityvalue=90uom=P1"
    "sensorReporttype=https://gs1.org/voc/Temperaturevalue=-0.5booleanValue=true{https://example.org/yijun/}probe=3"
    "{https://example.org/other/}colour=red"
    "{https://example.org/yijun/}crew"
    "{https://example.org/yijun/}crew=4"
    "{https://example.org/yijun/}crew=早班"
    "{https://example.org/yijun/}crew{https://example.org/yijun/}hands=6{https://example.org/yijun/}lead=true"
)


def test_a_text_worked_out_by_hand():
    assert pre_hash(GRADED, OWN) == BY_HAND


def test_the_hash_is_of_that_text_and_names_its_rules():
    digest = hashlib.sha256(BY_HAND.encode()).hexdigest()

    assert event_id(GRADED, OWN) == f"ni:///sha-256;{digest}?ver=CBV2.0"


def test_master_data_stands_between_sensors_and_members_of_others():
    event = {**least("ObjectEvent"), "ilmd": {"cbvmda:lot": "3.50", "yj:plot": {"yj:mu": 12}}, "yj:a": "x"}

    assert pre_hash(event, OWN).endswith(
        "action=ADDilmd{https://example.org/yijun/}plot{https://example.org/yijun/}mu=12"
        "{urn:epcglobal:cbv:mda:}lot=3.5{https://example.org/yijun/}a=x"
    )


def test_the_parties_and_the_container():
    event = {
        **least("AggregationEvent"),
        "parentID": "urn:epc:id:sscc:9521234.0000000001",
        "sourceList": [{"source": "urn:epc:id:pgln:9521234.00200", "type": "owning_party"}],
        "destinationList": [{"type": "urn:epcglobal:cbv:sdt:location", "destination": "a:b"}],
        "certificationInfo": "https://example.org/c",
    }

    assert pre_hash(event).endswith(
        "certificationInfo=https://example.org/c"
        "parentID=https://id.gs1.org/00/095212340000000013"
        "childEPCsepc=https://id.gs1.org/01/09521234000013/21/K7Q2M9XW4T"
        "action=ADD"
        "sourceListtype=https://ref.gs1.org/cbv/SDT-owning_partysource=https://id.gs1.org/417/9521234002000"
        "destinationListtype=https://ref.gs1.org/cbv/SDT-locationdestination=a:b"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eventTime", "2026-10-19T06:15:00.123500Z"),
        ("eventTime", "2026-10-19t04:15:00.1240-02:00"),
        ("recordTime", "2020-01-01T00:00:00Z"),
        ("eventID", "urn:uuid:7"),
        ("errorDeclaration", {"declarationTime": "2026-10-20T00:00:00Z"}),
        ("bizStep", "https://ref.gs1.org/cbv/BizStep-inspecting"),
        ("bizStep", "cbv:BizStep-inspecting"),
        ("bizStep", "urn:epcglobal:cbv:bizstep:inspecting"),
        ("epcList", ["https://x/01/9521234000013/21/K7", "http://y.example/s/01/09521234000013/21/K8"]),
        ("@context", ["https://example.org/c", {"unused": "https://example.org/unused/"}]),
        ("https://example.org/other/colour", " red"),
    ],
)
def test_another_writing_of_the_same_makes_no_difference(name, value):
    assert pre_hash({**GRADED, name: value}, OWN) == BY_HAND


def test_a_prefix_is_only_a_name_for_its_namespace():
    renamed = json.loads(json.dumps(GRADED).replace('"yj:', '"own:'))

    assert pre_hash(renamed, namespaces_of(["https://example.org/c", {"own": OWN["yj"]}])) == BY_HAND
    assert pre_hash({**renamed, "@context": {"own": OWN["yj"]}}) == BY_HAND
    assert pre_hash(renamed, {"own": "https://example.org/another/"}) != BY_HAND


@pytest.mark.parametrize("number", [200, 200.0, Decimal("200.000"), Decimal("2E+2")])
def test_a_number_is_written_without_trailing_zeros(number):
    event = {**least("ObjectEvent"), "quantityList": [{"epcClass": "a:b", "quantity": number}]}

    assert "quantity=200action" in pre_hash(event)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (-0.0, "0"), (1e-7, "0.0000001"), (10**21, "1" + "0" * 21)]
)
def test_numbers_have_no_exponent(number, text):
    event = {**least("ObjectEvent"), "quantityList": [{"epcClass": "a:b", "quantity": number}]}

    assert f"quantity={text}action" in pre_hash(event)


def test_what_holds_nothing_is_not_told():
    event = {**least("ObjectEvent"), "epcList": [], "sourceList": [], "ilmd": {}, "sensorElementList": []}

    assert pre_hash(event).endswith("+08:00action=ADD")


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_makes_a_difference_but_those_left_out(kind):
    event = full(kind)
    whole = pre_hash(event, OWN)
    left_out = {"@context", "recordTime", "eventID", "errorDeclaration"}

    for name in optional(kind):
        shorter = pre_hash({other: value for other, value in event.items() if other != name}, OWN)
        assert (shorter == whole) == (name in left_out), name


def shuffled(value, draw):
    if isinstance(value, dict):
        return {name: shuffled(value[name], draw) for name in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(item, draw) for item in draw(st.permutations(value))]
    return value


@given(events(), st.data())
@settings(max_examples=many(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_order_makes_a_difference(event, data):
    try:
        name = event_id(event, OWN)
    except ValueError:
        assume(False)

    assert re.fullmatch(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0", name)
    assert event_id(shuffled(event, data.draw), OWN) == name
