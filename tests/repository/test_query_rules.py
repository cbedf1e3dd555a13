"""What a query may be written as, and all that is refused."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.repository import query_rules, query_words
from inventory.repository.query_rules import Order, extensions, of_address, of_document
from marketplace import errors
from marketplace.language import Text

BOX = "https://id.example.org/01/09521234000013/21/K7Q2M9XW4T"
EPCS = ["MATCH_epc", "MATCH_parentID", "MATCH_inputEPC", "MATCH_outputEPC", "MATCH_anyEPC"]
CLASSES = ["MATCH_epcClass", "MATCH_inputEPCClass", "MATCH_outputEPCClass", "MATCH_anyEPCClass"]
TIMES = [
    f"{sign}_{field}"
    for field in ("eventTime", "recordTime", "errorDeclarationTime", "time", "startTime", "endTime")
    for sign in ("GE", "LT")
]
URIS = [
    "EQ_readPoint", "WD_readPoint", "EQ_bizLocation", "WD_bizLocation", "EQ_transformationID", "EQ_eventID",
    "EQ_correctiveEventID", "EQ_deviceID", "EQ_dataProcessingMethod", "EQ_microorganism", "EQ_chemicalSubstance",
    "EQ_bizRules", "EQ_uriValue", "EQ_bizTransaction_po", "EQ_bizTransaction_https://example.org/slip",
    "EQ_source_owning_party", "EQ_destination_location", "HASATTR_bizLocation", "HASATTR_yj:place", *EPCS, *CLASSES,
]  # fmt: skip
WORDS = {
    "EQ_bizStep": "shipping", "EQ_disposition": "in_transit", "EQ_persistentDisposition_set": "recalled",
    "EQ_persistentDisposition_unset": "recalled", "EQ_errorReason": "did_not_occur", "EQ_type": "Temperature",
}  # fmt: skip
NO_TIMES = ("yesterday", "2026-10-19", "2026-10-19T06:15:00", "2026-02-30T00:00:00Z")
SIGNS = ["EQ", "GT", "GE", "LT", "LE"]
NUMBERS = [
    *(f"{sign}_quantity{unit}" for sign in SIGNS for unit in ("", "_KGM")),
    *(
        f"{sign}_{name}{unit}"
        for sign in SIGNS
        for name in ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue")
        for unit in ("", "_CEL")
    ),
]
SCOPES = [
    "", "INNER_", "ILMD_", "INNER_ILMD_", "ERROR_DECLARATION_", "INNER_ERROR_DECLARATION_", "SENSORELEMENT_",
    "INNER_SENSORELEMENT_", "SENSORMETADATA_", "INNER_SENSORMETADATA_", "SENSORREPORT_", "INNER_SENSORREPORT_",
    "readPoint_", "INNER_readPoint_", "bizLocation_", "INNER_bizLocation_",
]  # fmt: skip
FIELDS = ["yj:crew", "http://ns.example.com/epcis/#crew", "https://example.org/crew", "urn:a:b#c"]
MEMBERS = [f"{{}}_{scope}{field}" for scope in SCOPES for field in FIELDS]


def faults_of(call) -> dict[str, Text]:
    with pytest.raises(errors.Invalid) as refused:
        call()
    told = refused.value.facts["errors"]
    assert all(isinstance(each["detail"], Text) and each["detail"].en and each["detail"].zh for each in told)
    return {each.get("parameter", each.get("pointer")): each["detail"] for each in told}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eventType", "ObjectEvent"),
        ("EQ_action", "ADD"),
        *((name, "2026-10-19T06:15:00Z") for name in TIMES),
        *((name, BOX) for name in URIS),
        *WORDS.items(),
        *((name, "26.10") for name in NUMBERS),
        *((form.format("EQ"), "早班") for form in MEMBERS),
        *((form.format(sign), "7") for form in MEMBERS for sign in SIGNS[1:]),
        *((form.format("GE"), "2026-10-19T06:15:00Z") for form in MEMBERS),
        *((form.format("EXISTS"), "") for form in MEMBERS),
        ("EXISTS_errorDeclaration", "true"),
        ("EXISTS_sensorElementList", "1"),
        ("EQ_booleanValue", "false"),
        ("EQ_stringValue", "any 话"),
        ("EQ_hexBinaryValue", "0fA9"),
        ("EQ_SENSORMETADATA_deviceMetadata", "urn:a:b"),
        ("GE_SENSORREPORT_time", "2026-10-19T06:15:00Z"),
        ("EQATTR_bizLocation_cbvmda:city", "宜君"),
        ("EQATTR_yj:my_place_cbvmda:city", "宜君"),
        ("EQ_ATTR_readPoint_https://example.org/a_b", "x"),
    ],
)
def test_every_parameter_of_the_standard_is_read_from_an_address_and_from_json(name, value):
    (found,) = of_address({name: value}).conditions
    (same,) = of_document({name: [value] if found.asked.many else value}).conditions

    assert found.parameter == name
    assert found.values == same.values
    assert len(found.values) == 1


def test_a_list_of_an_address_is_parted_by_bars_and_all_meanings_are_read():
    query = of_address(
        {
            "EQ_bizStep": "urn:epcglobal:cbv:bizstep:shipping|https://ref.gs1.org/cbv/BizStep-packing|cbv:BizStep-loading",
            "EQ_quantity": "1|2.50",
            "GE_eventTime": "2026-10-19T14:15:00 08:00",
            "eventType": "epcis:ObjectEvent|https://ref.gs1.org/epcis/AggregationEvent|yj:Blossom",
        },
        {"yj": "https://example.org/yijun/"},
    )

    assert query.values_of("EQ_bizStep") == ("shipping", "packing", "loading")
    assert query.values_of("EQ_quantity") == (Decimal(1), Decimal("2.5"))
    assert query.values_of("GE_eventTime") == (datetime(2026, 10, 19, 6, 15, tzinfo=UTC),)
    assert query.values_of("eventType") == (
        "ObjectEvent",
        "AggregationEvent",
        "https://example.org/yijun/Blossom",
    )
    assert query.values_of("EQ_action") == ()


def test_the_two_forms_mean_the_same():
    address = of_address(
        {
            "EQ_bizStep": "shipping|packing",
            "GT_value_CEL": "-0.5",
            "EQ_booleanValue": "true",
            "orderBy": "eventTime",
        }
    )
    document = of_document(
        {
            "EQ_bizStep": ["shipping", "packing"],
            "GT_value_CEL": -0.5,
            "EQ_booleanValue": True,
            "orderBy": "eventTime",
        }
    )

    assert address == document
    assert hash(address) == hash(document)


def test_json_declares_its_prefixes_and_an_address_takes_those_of_its_header():
    document = of_document({"@context": [{"yj": "https://example.org/yijun/"}], "EQ_yj:crew": "早班"})
    address = of_address({"EQ_yj:crew": "早班"}, extensions("a=http://a/ , yj=https://example.org/yijun/"))

    assert document == address
    assert document.conditions[0].asked.names == ("https://example.org/yijun/crew",)


@pytest.mark.parametrize(
    "header", ["yj", "=http://a/", "yj=", "yj=nothing", "y j=http://a/", "yj=http://a/,x"]
)
def test_extensions_that_are_none_are_refused(header):
    assert list(faults_of(lambda: extensions(header))) == ["GS1-Extensions"]


def test_no_extensions_are_none():
    assert extensions(None) == extensions("") == {}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EQ_nothing", "a", query_rules.UNKNOWN),
        ("bizStep", "shipping", query_rules.UNKNOWN),
        ("GT_bizStep", "shipping", query_rules.UNKNOWN),
        ("EQ_SENSORREPORT_nothing", "a", query_rules.UNKNOWN),
        ("EQ_ILMD_", "a", query_rules.UNKNOWN),
        ("EQ_bizTransaction_slip", "urn:a:b", query_rules.UNKNOWN),
        ("EQ_source_nobody", "urn:a:b", query_rules.UNKNOWN),
        ("GT_quantity_kg", "1", query_rules.UNKNOWN),
        ("HASATTR_eventTime", "urn:a:b", query_rules.UNKNOWN),
        ("EQATTR_bizLocation", "a", query_rules.UNKNOWN),
        ("EQATTR_bizLocation_city", "a", query_rules.UNKNOWN),
        ("EQ_yj:" + "a" * 1000, "a", query_rules.UNKNOWN),
        ("@context", "http://a/", query_rules.UNKNOWN),
        ("EQ_bizStep", "", query_rules.EMPTY),
        ("EQ_bizStep", "|".join(["shipping"] * 1001), query_rules.TOO_MANY_VALUES),
        ("GE_eventTime", "2026-10-19T06:15:00Z|2026-10-20T06:15:00Z", query_rules.ONE_VALUE),
        ("maxEventCount", "0", query_rules.NOT_A_COUNT),
        ("maxEventCount", "-1", query_rules.NOT_A_COUNT),
        ("maxEventCount", "1.5", query_rules.NOT_A_COUNT),
        ("maxEventCount", "9" * 5000, query_rules.NOT_A_COUNT),
        ("perPage", "٣", query_rules.NOT_A_COUNT),
        ("orderBy", "bizStep", query_rules.NOT_AN_ORDER),
        ("orderBy", "", query_rules.NOT_AN_ORDER),
        ("orderDirection", "down", query_rules.NOT_A_DIRECTION),
        ("nextPageToken", "", query_rules.NOT_A_TOKEN),
        ("eventCountLimit", "5", query_rules.LIMIT_WITHOUT_ORDER),
    ],
)
def test_what_is_no_query_is_refused_by_name(name, value, told):
    assert faults_of(lambda: of_address({name: value})) == {name: told}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in TIMES for value in NO_TIMES),
        *((name, value) for name in URIS for value in ("no uri", "宜君")),
        *((name, value) for name in WORDS for value in ("flying", "a b")),
        *((name, value) for name in NUMBERS for value in ("x", "1,5", "0x10", "NaN", "Infinity", "1_0", "٣")),
        *((name, "urn:epc:idpat:sgtin:*.1.*") for name in EPCS + CLASSES),
        *((form.format("GT"), "abc") for form in MEMBERS),
        *((form.format("EXISTS"), "perhaps") for form in MEMBERS),
        ("EQ_action", "add"),
        ("eventType", "Object"),
        ("EQ_booleanValue", "1"),
        ("EQ_hexBinaryValue", "0g"),
        ("EQ_stringValue", "a" * 8193),
        ("EXISTS_errorDeclaration", "maybe"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_refused_by_name(name, value):
    assert list(faults_of(lambda: of_address({name: value}))) == [name]
    assert list(faults_of(lambda: of_document({name: value}, "/query"))) == [
        "/query/" + name.replace("~", "~0").replace("/", "~1")
    ]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"EQ_bizStep": ["shipping", "flying"]}, "/query/EQ_bizStep/1"),
        ({"EQ_bizStep": ["shipping", ""]}, "/query/EQ_bizStep/1"),
        ({"EQ_bizStep": ["shipping", None]}, "/query/EQ_bizStep/1"),
        ({"EQ_bizStep": {"a": 1}}, "/query/EQ_bizStep"),
        ({"EQ_bizStep": []}, "/query/EQ_bizStep"),
        ({"EQ_bizStep": 7}, "/query/EQ_bizStep"),
        ({"EQ_quantity": True}, "/query/EQ_quantity"),
        ({"EQ_quantity": None}, "/query/EQ_quantity"),
        ({"EQ_yj:crew": [["a"]]}, "/query/EQ_yj:crew"),
        ({"EQ_yj:crew": None}, "/query/EQ_yj:crew"),
        ({"GT_yj:crew": True}, "/query/GT_yj:crew"),
        ({"EQ_booleanValue": 1}, "/query/EQ_booleanValue"),
        ({"EXISTS_errorDeclaration": 0.5}, "/query/EXISTS_errorDeclaration"),
        ({"EXISTS_errorDeclaration": {}}, "/query/EXISTS_errorDeclaration"),
        ({"EQ_https://a/b": ""}, "/query/EQ_https:~1~1a~1b"),
        ({"maxEventCount": True}, "/query/maxEventCount"),
        ({"maxEventCount": 1.0}, "/query/maxEventCount"),
        ({"orderBy": ["eventTime"]}, "/query/orderBy"),
        ({"orderBy": "eventTime", "orderDirection": ["ASC"]}, "/query/orderDirection"),
        ({"orderBy": "eventTime", "orderDirection": None}, "/query/orderDirection"),
        ({"perPage": 5}, "/query/perPage"),
        ({"nextPageToken": "a"}, "/query/nextPageToken"),
        ([], "/query"),
        (None, "/query"),
        ("EQ_bizStep", "/query"),
    ],
)
def test_a_fault_in_json_is_pointed_at(query, pointer):
    assert list(faults_of(lambda: of_document(query, "/query"))) == [pointer]


def test_all_faults_are_told_at_once():
    wrong = {"EQ_bizStep": "flying", "GE_eventTime": "now", "EQ_what": "x", "perPage": "no"}

    assert set(faults_of(lambda: of_address(wrong))) == set(wrong)


def test_two_counts_exclude_each_other():
    both = {"orderBy": "eventTime", "eventCountLimit": "5", "maxEventCount": "5"}

    assert faults_of(lambda: of_address(both)) == {"maxEventCount": query_rules.BOTH_COUNTS}


def test_too_many_parameters_are_refused():
    many = {f"EQ_yj:a{number}": "x" for number in range(query_rules.PARAMETERS_MAX + 1)}

    with pytest.raises(errors.Invalid) as refused:
        of_address(many)

    assert refused.value.detail == query_rules.TOO_MANY_PARAMETERS


def test_what_is_asked_to_be_there_unless_it_says_no():
    for value in ("", "true", "0", "1"):
        assert of_address({"EXISTS_errorDeclaration": value}).conditions
    for value in (None, True, 0, 1, [], [True]):
        assert of_document({"EXISTS_errorDeclaration": value}).conditions
    assert not of_address({"EXISTS_errorDeclaration": "false"}).conditions
    assert not of_document({"EXISTS_errorDeclaration": False}).conditions


def test_pages_orders_and_counts():
    plain = of_address({})
    asked = of_address(
        {
            "perPage": "7",
            "nextPageToken": "t",
            "orderBy": "http://ns.example.com/epcis/#crew",
            "orderDirection": "ASC",
            "eventCountLimit": "3",
        }
    )

    assert (plain.per_page, plain.token, plain.order, plain.limit, plain.most) == (30, None, None, None, None)
    assert (asked.per_page, asked.token, asked.limit) == (7, "t", 3)
    assert asked.order == Order(
        "http://ns.example.com/epcis/#crew",
        descending=False,
        names=("http://ns.example.com/epcis/#crew", "http://ns.example.com/epcis/crew"),
    )
    assert of_address({"orderBy": "recordTime"}).order == Order("recordTime", descending=True)
    assert of_address({"maxEventCount": "9"}).most == 9
    assert of_address({"perPage": "100000"}).per_page == query_rules.PER_PAGE_MAX


def test_true_and_one_stay_apart():
    assert of_document({"EQ_yj:crew": [1, True, "1"]}).conditions[0].values == (Decimal(1), True, "1")


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30), max_size=4))
def test_an_address_gives_a_query_or_is_refused(arguments):
    with suppress(errors.Invalid):
        of_address(arguments)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*query_words.FIXED, *query_words.CONTROLS, *NUMBERS, "EQ_yj:a", "EXISTS_yj:a", "GT_ILMD_yj:a"]
)


@given(st.dictionaries(NAMES, JSON, max_size=4) | JSON)
def test_any_json_gives_a_query_or_is_refused(document):
    with suppress(errors.Invalid):
        of_document(document)
