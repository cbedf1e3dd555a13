"""Events that hypothesis makes up: any members that a type may have, with any values that they may hold."""

from typing import Any

from hypothesis import strategies as st

from inventory.epcis import vocabulary as words
from tests.epcis.documents import KG, KINDS, LEAST, Json, document, least_query_document

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_LETTERS = st.text(_LOWER + "0123456789-._~", min_size=1, max_size=12)

uris = st.one_of(
    st.builds("urn:epc:id:sgtin:9521234.{:06d}.{}".format, st.integers(0, 999_999), _LETTERS),
    st.builds("https://id.example.org/01/{}".format, st.text("0123456789", min_size=1, max_size=14)),
    st.builds(
        "{}:{}".format,
        st.text(_LOWER, min_size=1, max_size=5),
        st.text("aZ09:/?@!$&'()*+,;=%~", max_size=0) | _LETTERS,
    ),
)
own_names = st.builds("yj:{}".format, _LETTERS)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
own = st.dictionaries(own_names, json_values, max_size=2)
offsets = st.builds("{}{:02d}:{:02d}".format, st.sampled_from("+-"), st.integers(0, 13), st.integers(0, 59))
moments = st.builds(
    "{}{}{}".format,
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.just(""),
    st.just("Z") | offsets,
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def _word(names: words.Words) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(names.names)) | st.builds("https://example.org/{}".format, _LETTERS)


def _with(
    required: Json, optional: Json, others: st.SearchStrategy[Json] | None = None
) -> st.SearchStrategy[Json]:
    made = st.fixed_dictionaries(required, optional=optional)
    return made if others is None else st.builds(lambda one, more: {**more, **one}, made, others)


def _some(items: st.SearchStrategy[Any], low: int = 0, **options: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=low, max_size=3, **options)


quantities = _with(
    {"epcClass": uris}, {"quantity": numbers, "uom": st.from_regex("[A-Z0-9]{2,3}", fullmatch=True)}
)
_device = dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), uris)
_numbers = dict.fromkeys(
    ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), numbers
)
reports = _with(
    {"type": _word(words.MEASUREMENTS)},
    {
        **_device,
        **_numbers,
        "exception": _word(words.SENSOR_ALERTS),
        "component": _word(words.COMPONENTS),
        "time": moments,
        "microorganism": uris,
        "chemicalSubstance": uris,
        "coordinateReferenceSystem": uris,
        "uom": st.text(max_size=5),
        "stringValue": st.text(max_size=5),
        "booleanValue": st.booleans(),
        "hexBinaryValue": st.text("0123456789abcdefABCDEF", min_size=1, max_size=8),
        "uriValue": uris,
    },
    own,
)
sensors = _with(
    {"sensorReport": _some(reports, 1)},
    {
        "sensorMetadata": _with(
            {}, {**_device, "time": moments, "startTime": moments, "endTime": moments}, own
        )
    },
    own,
)
declarations = _with(
    {"declarationTime": moments},
    {"reason": _word(words.ERROR_REASONS), "correctiveEventIDs": _some(uris)},
    own,
)
_dispositions = _some(_word(words.DISPOSITIONS), 1, unique=True)
persistent = _with({"set": _dispositions}, {"unset": _dispositions}) | _with({"unset": _dispositions}, {})
_sides = {"type": _word(words.SOURCE_DESTINATION_TYPES)}
_papers = _with({"bizTransaction": uris}, {"type": _word(words.BIZ_TRANSACTION_TYPES)})
_place = _with({"id": uris}, {}, own)

_SHARED: Json = {
    "recordTime": moments,
    "eventID": uris,
    "certificationInfo": uris | _some(uris),
    "errorDeclaration": declarations,
    "bizStep": _word(words.BIZ_STEPS),
    "disposition": _word(words.DISPOSITIONS),
    "readPoint": _place,
    "bizLocation": _place,
    "bizTransactionList": _some(_papers, 1),
    "sourceList": _some(_with({**_sides, "source": uris}, {})),
    "destinationList": _some(_with({**_sides, "destination": uris}, {})),
    "sensorElementList": _some(sensors),
}
_epcs = _some(uris, 1, unique=True)
_amounts = _some(quantities, 1)
_OWN: dict[str, Json] = {
    "ObjectEvent": {
        "epcList": _epcs,
        "quantityList": _amounts,
        "persistentDisposition": persistent,
        "ilmd": own,
    },
    "AggregationEvent": {"parentID": uris, "childEPCs": _epcs, "childQuantityList": _amounts},
    "AssociationEvent": {"parentID": uris, "childEPCs": _epcs, "childQuantityList": _amounts},
    "TransactionEvent": {"parentID": uris, "epcList": _epcs, "quantityList": _amounts},
    "TransformationEvent": {
        "transformationID": uris,
        "inputEPCList": _epcs,
        "inputQuantityList": _amounts,
        "outputEPCList": _epcs,
        "outputQuantityList": _amounts,
        "persistentDisposition": persistent,
        "ilmd": own,
    },
}


@st.composite
def events(draw: st.DrawFn) -> Json:
    """A right event of any of the five types."""
    kind = draw(st.sampled_from(KINDS))
    least = {"eventTime": moments, "eventTimeZoneOffset": offsets}
    members = draw(_with(least, {**_SHARED, **_OWN[kind]}, own))
    event = {**LEAST[kind], "type": kind, **members}
    if "action" in event and "ilmd" not in event:
        event["action"] = draw(st.sampled_from(sorted(words.ACTIONS)))
    if kind == "TransformationEvent":
        event["inputQuantityList"] = event.get("inputQuantityList") or [KG]
    return event


@st.composite
def documents(draw: st.DrawFn) -> Json:
    """A right document, answer to a query, or event alone."""
    found = draw(st.lists(events(), min_size=1, max_size=2))
    return draw(
        st.sampled_from(
            [
                document(*found),
                least_query_document(*found),
                {**found[0], "@context": "https://example.org/c"},
            ]
        )
    )
