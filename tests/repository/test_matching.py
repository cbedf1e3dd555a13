"""What a query finds: parameter by parameter, on an event that has every member."""

import pytest

from inventory.epcis.event_hash import namespaces_of
from inventory.epcis.reading import read
from inventory.repository.master_data import MasterData, of_lists
from inventory.repository.matching import matcher, matches, order_key
from inventory.repository.query_rules import of_address, of_document
from tests.epcis.documents import (
    BOX,
    CONTEXT,
    FIELD_LOT,
    KINDS,
    LOGGER,
    OTHER_BOX,
    PALLET,
    ROOM,
    document,
    full,
    least,
)

NAMESPACES = namespaces_of(CONTEXT)
ROOM_URN = "urn:epc:id:sgln:9521234.00100.R07"
HOUSE = "https://id.gs1.org/414/9521234001003"
BOX_URN = "urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4T"
LOT_URN = "urn:epc:class:lgtin:9521234.900001.YJ26-0417-A3"
PRODUCT = "https://id.gs1.org/01/09521234000013"
NOWHERE = "https://id.example.org/414/9521234001003/254/R08"


def found(event, **query) -> bool:
    """The same answer whichever way the query is written."""
    address = {
        name: "|".join(value) if isinstance(value, list) else str(value) for name, value in query.items()
    }
    answer = matches(event, of_address(address), NAMESPACES)
    assert matches(event, of_document(query), NAMESPACES) == answer
    assert matcher(of_address(address))(event, NAMESPACES) == answer
    return answer


def kinds_found(**query) -> set[str]:
    return {kind for kind in KINDS if found(full(kind), **query)}


ALL = set(KINDS)
SIX_FIFTEEN = "2026-10-19T06:15:00Z"


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("eventType", "ObjectEvent", {"ObjectEvent"}),
        ("eventType", "epcis:ObjectEvent", {"ObjectEvent"}),
        ("eventType", ["AggregationEvent", "TransactionEvent"], {"AggregationEvent", "TransactionEvent"}),
        ("eventType", "https://example.org/yijun/BlossomEvent", set()),
        ("GE_eventTime", SIX_FIFTEEN, ALL),
        ("GE_eventTime", "2026-10-19T06:15:00.000001Z", set()),
        ("LT_eventTime", SIX_FIFTEEN, set()),
        ("LT_eventTime", "2026-10-19T08:15:00.001+02:00", ALL),
        ("GE_recordTime", "2026-10-19T06:30:00Z", ALL),
        ("LT_recordTime", "2026-10-19T06:30:00Z", set()),
        ("EQ_action", "ADD", ALL - {"TransformationEvent"}),
        ("EQ_action", ["OBSERVE", "DELETE"], set()),
        ("EQ_bizStep", "packing", ALL),
        ("EQ_bizStep", ["shipping", "urn:epcglobal:cbv:bizstep:packing"], ALL),
        ("EQ_bizStep", "https://ref.gs1.org/cbv/BizStep-packing", ALL),
        ("EQ_bizStep", "shipping", set()),
        ("EQ_disposition", "urn:epcglobal:cbv:disp:in_progress", ALL),
        ("EQ_disposition", "in_transit", set()),
        ("EQ_persistentDisposition_set", "conformant", {"ObjectEvent", "TransformationEvent"}),
        (
            "EQ_persistentDisposition_set",
            "https://example.org/gi-mark",
            {"ObjectEvent", "TransformationEvent"},
        ),
        ("EQ_persistentDisposition_set", "non_conformant", set()),
        ("EQ_persistentDisposition_unset", "non_conformant", {"ObjectEvent", "TransformationEvent"}),
        ("EQ_persistentDisposition_unset", "conformant", set()),
        ("EQ_readPoint", ROOM_URN, ALL),
        ("EQ_readPoint", [NOWHERE, ROOM], ALL),
        ("EQ_readPoint", HOUSE, set()),
        ("WD_readPoint", HOUSE, ALL),
        ("WD_readPoint", NOWHERE, set()),
        ("EQ_bizLocation", ROOM_URN, ALL),
        ("EQ_bizLocation", HOUSE, set()),
        ("WD_bizLocation", [NOWHERE, HOUSE], ALL),
        ("EQ_transformationID", "urn:yijun:grading:417", {"TransformationEvent"}),
        ("EQ_transformationID", "urn:yijun:grading:418", set()),
        ("MATCH_epc", BOX_URN, ALL - {"TransformationEvent"}),
        ("MATCH_epc", PALLET, set()),
        ("MATCH_epc", PRODUCT, ALL - {"TransformationEvent"}),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9521234.*.*", ALL - {"TransformationEvent"}),
        ("MATCH_parentID", PALLET, {"AggregationEvent", "AssociationEvent", "TransactionEvent"}),
        ("MATCH_parentID", BOX, set()),
        ("MATCH_inputEPC", BOX_URN, {"TransformationEvent"}),
        ("MATCH_inputEPC", OTHER_BOX, set()),
        ("MATCH_outputEPC", OTHER_BOX, {"TransformationEvent"}),
        ("MATCH_outputEPC", BOX, set()),
        ("MATCH_anyEPC", BOX_URN, ALL),
        ("MATCH_anyEPC", PALLET, {"AggregationEvent", "AssociationEvent", "TransactionEvent"}),
        ("MATCH_anyEPC", LOT_URN, set()),
        ("MATCH_epcClass", FIELD_LOT, ALL - {"TransformationEvent"}),
        (
            "MATCH_epcClass",
            "urn:epc:idpat:sgtin:9521234.000001.*",
            ALL - {"TransformationEvent", "TransactionEvent"},
        ),
        ("MATCH_epcClass", BOX, set()),
        ("MATCH_inputEPCClass", FIELD_LOT, {"TransformationEvent"}),
        ("MATCH_inputEPCClass", PRODUCT, set()),
        ("MATCH_outputEPCClass", PRODUCT, {"TransformationEvent"}),
        ("MATCH_outputEPCClass", FIELD_LOT, set()),
        ("MATCH_anyEPCClass", FIELD_LOT, ALL),
        ("MATCH_anyEPCClass", "urn:epc:idpat:sgtin:9521235.*.*", set()),
        ("EQ_quantity", "1250.50", ALL),
        ("EQ_quantity", ["1", "1250.5"], ALL),
        ("EQ_quantity_KGM", "1250.5", ALL),
        ("EQ_quantity_GRM", "1250.5", set()),
        ("GT_quantity", "1250.49", ALL),
        ("GT_quantity", "1250.5", set()),
        ("GE_quantity_KGM", "1250.5", ALL),
        ("LT_quantity", "1250.5", set()),
        ("LE_quantity", "1250.5", ALL),
        ("EQ_bizTransaction_po", "urn:yijun:order:77", ALL),
        ("EQ_bizTransaction_https://ref.gs1.org/cbv/BTT-po", "urn:yijun:order:77", ALL),
        ("EQ_bizTransaction_po", "a:b", set()),
        ("EQ_bizTransaction_desadv", "urn:yijun:order:77", set()),
        ("EQ_source_owning_party", "urn:epc:id:pgln:9521234.00200", ALL),
        ("EQ_source_possessing_party", "urn:epc:id:pgln:9521234.00200", set()),
        ("EQ_source_https://example.org/via", ROOM_URN, ALL),
        ("EQ_destination_location", ROOM_URN, ALL),
        ("EQ_destination_location", HOUSE, set()),
        ("EQ_eventID", full("ObjectEvent")["eventID"], ALL),
        ("EQ_eventID", "ni:///sha-256;00?ver=CBV2.0", set()),
        ("EXISTS_errorDeclaration", "true", ALL),
        ("GE_errorDeclarationTime", "2026-10-20T00:00:00Z", ALL),
        ("LT_errorDeclarationTime", "2026-10-20T00:00:00Z", set()),
        ("EQ_errorReason", "urn:epcglobal:cbv:er:incorrect_data", ALL),
        ("EQ_errorReason", "did_not_occur", set()),
        ("EQ_correctiveEventID", "urn:uuid:0199f5a0-1111-7222-8333-444455556666", ALL),
        ("EQ_correctiveEventID", "urn:uuid:0199f5a0-1111-7222-8333-444455556667", set()),
        ("EXISTS_sensorElementList", "1", ALL),
        ("GE_time", "2026-10-19T06:15:00Z", ALL),
        ("LT_time", "2026-10-18T22:10:00.5Z", set()),
        ("GE_startTime", "2026-10-19T05:15:00Z", ALL),
        ("LT_startTime", "2026-10-19T05:15:00Z", set()),
        ("GE_endTime", "2026-10-19T06:15:01Z", set()),
        ("LT_endTime", "2026-10-19T06:15:01Z", ALL),
        ("EQ_type", ["Mass", "Temperature"], ALL),
        ("EQ_type", "gs1:Temperature", ALL),
        ("EQ_type", "https://example.org/firmness", ALL),
        ("EQ_type", "Mass", set()),
        ("EQ_deviceID", "https://id.gs1.org/8004/9521234LOG-7", ALL),
        ("EQ_deviceID", "urn:epc:id:giai:9521234.LOG-8", set()),
        ("EQ_dataProcessingMethod", "urn:epc:id:gdti:9521234.00002.A1", ALL),
        ("EQ_bizRules", "https://id.example.org/253/9521234000020B1", ALL),
        ("EQ_bizRules", "https://id.example.org/253/9521234000020A1", set()),
        ("EQ_microorganism", "https://example.org/taxonomy/5507", ALL),
        ("EQ_microorganism", "https://example.org/taxonomy/5508", set()),
        ("EQ_chemicalSubstance", "https://example.org/substance/ethylene", ALL),
        ("EQ_stringValue", "x", set()),
        ("EQ_hexBinaryValue", "0FA9", ALL),
        ("EQ_hexBinaryValue", "0FA8", set()),
        ("EQ_uriValue", "https://example.org/alarm", ALL),
        ("EQ_value_CEL", "-0.50", ALL),
        ("EQ_value", "-0.5", ALL),
        ("EQ_value_KEL", "-0.5", set()),
        ("GT_value_CEL", "-1", ALL),
        ("LT_value_CEL", "-0.5", set()),
        ("GE_minValue_CEL", "-1.0", ALL),
        ("LE_maxValue_CEL", "1.5", ALL),
        ("LT_maxValue_CEL", "1.5", set()),
        ("EQ_meanValue_CEL", "0", ALL),
        ("EQ_sDev", "0.125", ALL),
        ("GE_percRank", "95", ALL),
        ("GT_percRank", "95", set()),
        ("EQ_percValue_CEL", "1.25", ALL),
        ("EQ_SENSORMETADATA_deviceMetadata", "urn:epc:id:giai:9521234.LOG-7", ALL),
        ("EQ_SENSORMETADATA_yj:crew", "早班", ALL),
        ("EQ_SENSORREPORT_yj:crew", "早班", ALL),
        ("EQ_SENSORELEMENT_yj:crew", "早班", ALL),
        ("EQ_SENSORREPORT_coordinateReferenceSystem", "https://example.org/crs/4326", ALL),
        ("LT_SENSORREPORT_time", "2026-10-19T00:00:00Z", ALL),
        ("LT_SENSORMETADATA_time", "2026-10-19T00:00:00Z", set()),
        ("EQ_yj:crew", "早班", ALL),
        ("EQ_https://example.org/yijun/crew", "早班", ALL),
        ("EQ_https://example.org/yijun/#crew", "早班", ALL),
        ("EQ_yj:crew", "晚班", set()),
        ("EQ_yj:crew", "4", ALL),
        ("GE_yj:crew", "4.0", ALL),
        ("GT_yj:crew", "4", set()),
        ("EXISTS_yj:crew", "", ALL),
        ("EXISTS_yj:nothing", "", set()),
        ("EXISTS_INNER_yj:lead", "", ALL),
        ("EXISTS_yj:lead", "", set()),
        ("EXISTS_INNER_yj:crew", "", set()),
        ("EQ_INNER_yj:lead", "true", ALL),
        ("EQ_INNER_yj:lead", "false", set()),
        ("EQ_ILMD_cbvmda:lotNumber", "YJ26-0417-A3", {"ObjectEvent", "TransformationEvent"}),
        ("EQ_ILMD_urn:epcglobal:cbv:mda:lotNumber", "YJ26-0417-A3", {"ObjectEvent", "TransformationEvent"}),
        ("EQ_cbvmda:lotNumber", "YJ26-0417-A3", set()),
        ("EXISTS_ILMD_https://example.org/plot", "", {"ObjectEvent", "TransformationEvent"}),
        ("EXISTS_INNER_ILMD_yj:lead", "", {"ObjectEvent", "TransformationEvent"}),
        ("EQ_ERROR_DECLARATION_yj:crew", "早班", ALL),
        ("EXISTS_INNER_ERROR_DECLARATION_yj:lead", "", ALL),
    ],
)
def test_a_parameter_finds_the_events_that_it_should(name, value, kinds):
    assert kinds_found(**{name: value}) == kinds


def test_an_empty_query_finds_all():
    assert kinds_found() == ALL


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_is_absent_fits_no_value_of_it(kind):
    event = least(kind)
    for name, value in {
        "EQ_bizStep": "packing",
        "EQ_disposition": "active",
        "EQ_readPoint": ROOM,
        "WD_bizLocation": ROOM,
        "EQ_eventID": "a:b",
        "GE_recordTime": "0001-01-01T00:00:00Z",
        "LT_recordTime": "9999-01-01T00:00:00Z",
        "LT_errorDeclarationTime": "9999-01-01T00:00:00Z",
        "EQ_errorReason": "incorrect_data",
        "EXISTS_errorDeclaration": "",
        "EXISTS_sensorElementList": "",
        "LT_time": "9999-01-01T00:00:00Z",
        "EQ_type": "Temperature",
        "EQ_booleanValue": "false",
        "EXISTS_yj:crew": "",
        "EXISTS_ILMD_yj:crew": "",
        "EXISTS_readPoint_yj:crew": "",
    }.items():
        assert not matches(event, of_address({name: value})), name


def test_the_same_words_in_several_forms_of_the_event_are_one():
    for step in ("packing", "https://ref.gs1.org/cbv/BizStep-packing", "cbv:BizStep-packing"):
        assert found({**least("ObjectEvent"), "bizStep": step}, EQ_bizStep="packing")
    own = {**least("ObjectEvent"), "bizStep": "yj:waxing"}
    assert found(own, EQ_bizStep="https://example.org/yijun/waxing")
    assert not matches(own, of_address({"EQ_bizStep": "https://example.org/yijun/waxing"}))
    assert matches(own, of_address({"EQ_bizStep": "yj:waxing"}))
    assert matches(
        {**own, "@context": {"yj": "https://example.org/yijun/"}},
        of_address({"EQ_bizStep": "https://example.org/yijun/waxing"}),
    )


def test_identifiers_with_a_prefix_are_read_in_full():
    event = {**least("ObjectEvent"), "epcList": ["yj:tree/7"], "readPoint": {"id": "yj:gate"}}

    assert found(
        event, MATCH_epc="https://example.org/yijun/tree/7", EQ_readPoint="https://example.org/yijun/gate"
    )
    assert not found(event, MATCH_epc="https://example.org/yijun/tree/8")


def test_an_event_of_others_is_found_by_what_all_events_share():
    event = {
        **least("ObjectEvent"),
        "type": "yj:BlossomEvent",
        "petals": 5,
        "yj:crew": {"@value": "12", "@type": "int"},
    }

    assert found(event, eventType="https://example.org/yijun/BlossomEvent")
    assert not found(event, eventType="ObjectEvent")
    assert found(event, **{"GT_yj:crew": "11.5"})
    assert found(event, **{"EQ_yj:crew": "12"})


@pytest.mark.parametrize(
    ("held", "asked", "is_equal"),
    [
        ("007", "007", True),
        ("007", "7", False),
        ("7", 7, True),
        ("7.0", 7, True),
        (7, "7.00", True),
        (7.5, "7.5", True),
        (0.1, "0.1", True),
        (7, 7.0, True),
        (True, "true", True),
        (True, "1", False),
        (True, 1, False),
        (1, True, False),
        (True, True, True),
        ("true", True, True),
        ("false", True, False),
        ("2026-10-19T06:15:00Z", "2026-10-19T14:15:00.000+08:00", True),
        ("2026-10-19T06:15:00Z", "2026-10-19T14:15:00.001+08:00", False),
        (BOX, BOX_URN, True),
        ("早班", "早班", True),
        (None, "null", False),
        ({"a": "早班"}, "早班", False),
        ([["x"], "早班"], "早班", True),
    ],
)
def test_values_of_others_are_equal_when_they_say_the_same(held, asked, is_equal):
    event = {**least("ObjectEvent"), "yj:held": held}

    assert matches(event, of_document({"EQ_yj:held": asked})) == is_equal


@pytest.mark.parametrize(
    ("held", "there"),
    [
        (None, False),
        ("", False),
        ([], False),
        ({}, False),
        ([""], False),
        (0, True),
        (False, True),
        ({"a": 1}, True),
    ],
)
def test_what_is_empty_is_not_there(held, there):
    assert matches({**least("ObjectEvent"), "yj:held": held}, of_address({"EXISTS_yj:held": ""})) == there


def test_unit_and_number_belong_to_one_measurement():
    reports = [
        {"type": "Temperature", "value": 30, "uom": "CEL"},
        {"type": "Speed", "value": 5, "uom": "KMH"},
    ]
    event = {**least("ObjectEvent"), "sensorElementList": [{"sensorReport": reports}]}

    assert found(event, GE_value_CEL="30")
    assert not found(event, GE_value_KMH="30")
    assert not found(event, LT_value_CEL="10")


def test_an_equal_number_keeps_every_digit():
    event = {
        **least("ObjectEvent"),
        "quantityList": [{"epcClass": FIELD_LOT, "quantity": 12345678901234567890123}],
    }

    assert found(event, EQ_quantity="12345678901234567890123")
    assert not found(event, EQ_quantity="12345678901234567890124")


def test_a_report_without_a_unit_has_none():
    event = {**least("ObjectEvent"), "sensorElementList": [{"sensorReport": [{"type": "Count", "value": 3}]}]}

    assert found(event, EQ_value="3")
    assert not found(event, EQ_value_C62="3")


def test_extensions_of_places():
    event = {**least("ObjectEvent"), "readPoint": {"id": ROOM, "yj:floor": 2, "yj:in": {"yj:wing": "east"}}}

    assert found(event, **{"EQ_readPoint_yj:floor": "2"})
    assert found(event, **{"GT_readPoint_yj:floor": "1"})
    assert found(event, **{"EQ_INNER_readPoint_yj:wing": "east"})
    assert not found(event, **{"EQ_bizLocation_yj:floor": "2"})


MASTER = of_lists(
    document()["epcisHeader"]["epcisMasterData"]["vocabularyList"]
    + [
        {
            "type": "urn:epcglobal:epcis:vtype:Location",
            "vocabularyElementList": [
                {"id": "https://example.org/yijun", "children": [HOUSE, "urn:a:circle"]},
                {"id": "urn:a:circle", "children": ["https://example.org/yijun", NOWHERE]},
            ],
        }
    ],
    NAMESPACES,
)


def with_master(**query) -> bool:
    return matches(full("ObjectEvent"), of_address(query), NAMESPACES, MASTER)


def test_master_data_say_what_lies_where_without_end():
    assert with_master(WD_readPoint="https://example.org/yijun")
    assert with_master(WD_readPoint="urn:a:circle")
    assert not with_master(WD_readPoint=NOWHERE)
    assert not with_master(EQ_readPoint="https://example.org/yijun")
    assert not matches(full("ObjectEvent"), of_address({"WD_readPoint": "https://example.org/yijun"}))
    assert MasterData().lies_in("urn:a:b", frozenset({"urn:a:b"}))


def test_master_data_have_attributes():
    assert with_master(HASATTR_bizLocation="cbvmda:name")
    assert with_master(HASATTR_readPoint="urn:x:y|https://example.org/yijun/tonnes")
    assert not with_master(HASATTR_bizLocation="https://example.org/yijun/nothing")
    assert not with_master(HASATTR_bizStep="cbvmda:name")
    assert with_master(**{"EQATTR_bizLocation_cbvmda:name": "七号库|八号库"})
    assert not with_master(**{"EQATTR_bizLocation_cbvmda:name": "八号库"})
    assert with_master(**{"EQATTR_readPoint_https://example.org/yijun/tonnes": "320"})
    assert not matches(full("ObjectEvent"), of_address({"HASATTR_bizLocation": "cbvmda:name"}), NAMESPACES)
    event = {**least("ObjectEvent"), "yj:place": ROOM}
    asked = of_address({"EQATTR_yj:place_cbvmda:name": "七号库"}, NAMESPACES)
    assert matches(event, asked, NAMESPACES, MASTER)


def test_results_are_put_in_order_by_times_numbers_and_texts():
    def ordered(by: str, *held) -> list:
        events = [{**least("ObjectEvent"), "yj:held": value} for value in held]
        order = of_address({"orderBy": by}, NAMESPACES).order
        return [
            event["yj:held"]
            for event in sorted(events, key=lambda event: order_key(order)(event, NAMESPACES))
        ]

    assert ordered("yj:held", "10", 9, 9.5, "9.25") == [9, "9.25", 9.5, "10"]
    assert ordered("yj:held", "b", "a", "Z", "é") == ["Z", "a", "b", "é"]
    early, late = "2026-10-19T14:15:00+08:00", "2026-10-19T06:15:01Z"
    assert ordered("https://example.org/yijun/#held", late, early) == [early, late]
    assert ordered("yj:held", None, 1, {}) == [None, {}, 1]
    assert ordered("recordTime", 2, 1) == [2, 1]


def test_results_are_put_in_order_by_when_they_happened():
    events = [{**least("ObjectEvent"), "eventTime": f"2026-10-{day}T00:00:00Z"} for day in (12, 10, 11)]
    key = order_key(of_address({"orderBy": "eventTime"}).order)

    assert sorted(events, key=lambda event: key(event, None)) == [events[1], events[2], events[0]]


def test_the_events_of_these_tests_are_right():
    read(document(*(full(kind) for kind in KINDS)))
    assert LOGGER in str(full("ObjectEvent"))
