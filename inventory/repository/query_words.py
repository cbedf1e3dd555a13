"""The parameters of EPCIS 2.0's SimpleEventQuery: their names, and what each asks of an event. Pure.

Most parameters have a fixed name. Others carry in their name what they ask about: a unit, a type of paper or party, a
member of others, an attribute of master data. `asked(name)` knows both.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from inventory.epcis import vocabulary
from inventory.epcis.uris import is_uri
from inventory.repository import query_values as values
from inventory.repository.query_values import Namespaces, Reader, expanded


class Relation(Enum):
    """How what an event says is held against what is asked."""

    EQUAL = "EQ"
    GREATER = "GT"
    AT_LEAST = "GE"
    LESS = "LT"
    AT_MOST = "LE"
    MATCH = "MATCH"
    WITHIN = "WD"
    EXISTS = "EXISTS"
    HAS_ATTRIBUTE = "HASATTR"
    ATTRIBUTE = "EQATTR"


class Scope(Enum):
    """Where members of others are looked for."""

    EVENT = ""
    ILMD = "ILMD"
    ERROR_DECLARATION = "ERROR_DECLARATION"
    SENSOR_ELEMENT = "SENSORELEMENT"
    SENSOR_METADATA = "SENSORMETADATA"
    SENSOR_REPORT = "SENSORREPORT"
    READ_POINT = "readPoint"
    BIZ_LOCATION = "bizLocation"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a parameter asks about.

    `field` names a member of the standard, or one of others with `scope`; then `names` are all forms of its name in
    full. `of` is the unit, the type or the attribute in the parameter's name. With `inner` the member lies deeper than
    the first level. `many` says whether the value is a list, of which one has to fit.
    """

    relation: Relation
    field: str
    read: Reader
    many: bool = True
    of: str | None = None
    scope: Scope | None = None
    inner: bool = False
    names: tuple[str, ...] = ()


def _one(relation: Relation, field: str, read: Reader) -> Asked:
    return Asked(relation, field, read, many=False)


def _period(name: str, field: str) -> dict[str, Asked]:
    """From a moment on, and before a moment."""
    return {
        f"GE_{name}": _one(Relation.AT_LEAST, field, values.moment),
        f"LT_{name}": _one(Relation.LESS, field, values.moment),
    }


def _list(field: str, read: Reader, relation: Relation = Relation.EQUAL) -> dict[str, Asked]:
    name = field.replace(".", "_").removesuffix("_id")
    return {f"{relation.value}_{name}": Asked(relation, field, read)}


def _place(field: str) -> dict[str, Asked]:
    return _list(f"{field}.id", values.uri) | _list(f"{field}.id", values.uri, Relation.WITHIN)


def _matches(*fields: str) -> dict[str, Asked]:
    return {f"MATCH_{field}": Asked(Relation.MATCH, field, values.epc) for field in fields}


def _present(field: str) -> dict[str, Asked]:
    return {f"EXISTS_{field}": _one(Relation.EXISTS, field, values.presence)}


_DISPOSITION: Final = values.word(vocabulary.DISPOSITIONS)
_ERROR: Final = "errorDeclaration."

FIXED: Final[Mapping[str, Asked]] = {
    "eventType": Asked(Relation.EQUAL, "type", values.event_type),
    **_period("eventTime", "eventTime"),
    **_period("recordTime", "recordTime"),
    **_list("action", values.action),
    **_list("bizStep", values.word(vocabulary.BIZ_STEPS)),
    **_list("disposition", _DISPOSITION),
    **_list("persistentDisposition.set", _DISPOSITION),
    **_list("persistentDisposition.unset", _DISPOSITION),
    **_place("readPoint"),
    **_place("bizLocation"),
    **_list("transformationID", values.uri),
    **_matches("epc", "parentID", "inputEPC", "outputEPC", "anyEPC"),
    **_matches("epcClass", "inputEPCClass", "outputEPCClass", "anyEPCClass"),
    **_list("eventID", values.uri),
    **_present("errorDeclaration"),
    **_period("errorDeclarationTime", f"{_ERROR}declarationTime"),
    "EQ_errorReason": Asked(Relation.EQUAL, f"{_ERROR}reason", values.word(vocabulary.ERROR_REASONS)),
    "EQ_correctiveEventID": Asked(Relation.EQUAL, f"{_ERROR}correctiveEventIDs", values.uri),
    **_present("sensorElementList"),
    **_period("time", "time"),
    **_period("startTime", "startTime"),
    **_period("endTime", "endTime"),
    "EQ_type": Asked(Relation.EQUAL, "sensorReport.type", values.word(vocabulary.MEASUREMENTS)),
    **_list("deviceID", values.uri),
    **_list("dataProcessingMethod", values.uri),
    **_list("microorganism", values.uri),
    **_list("chemicalSubstance", values.uri),
    **_list("bizRules", values.uri),
    **_list("stringValue", values.text),
    **_list("hexBinaryValue", values.hexadecimal),
    **_list("uriValue", values.uri),
    "EQ_booleanValue": _one(Relation.EQUAL, "booleanValue", values.flag),
}
"""Parameters whose whole name is fixed."""

CONTROLS: Final = frozenset(
    {"orderBy", "orderDirection", "eventCountLimit", "maxEventCount", "perPage", "nextPageToken"}
)
"""Parameters that ask nothing of an event."""
ATTRIBUTED: Final[Mapping[str, str]] = {
    "bizStep": "bizStep",
    "disposition": "disposition",
    "readPoint": "readPoint.id",
    "bizLocation": "bizLocation.id",
    "bizTransaction": "bizTransaction",
    "source": "source",
    "destination": "destination",
    "epcClass": "anyEPCClass",
    "transformationID": "transformationID",
}
"""Members of the standard whose values master data may describe."""
SENSOR_NUMBERS: Final = ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue")
_OF_BOTH: Final = frozenset(
    {"time", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"}
)
OF_METADATA: Final = _OF_BOTH | {"startTime", "endTime"}
OF_REPORT: Final = (
    _OF_BOTH.union(SENSOR_NUMBERS)
    | {"type", "exception", "component", "microorganism", "chemicalSubstance", "coordinateReferenceSystem"}
    | {"uom", "stringValue", "booleanValue", "hexBinaryValue", "uriValue"}
)

_Family = Callable[[re.Match[str], Namespaces], Asked | None]


def _quantity(found: re.Match[str], _namespaces: Namespaces) -> Asked:
    relation = Relation(found[1])
    return Asked(relation, "quantity", values.number, many=relation is Relation.EQUAL, of=found[2])


def _sensor_number(found: re.Match[str], _namespaces: Namespaces) -> Asked:
    relation = Relation(found[1])
    return Asked(
        relation, f"sensorReport.{found[2]}", values.number, many=relation is Relation.EQUAL, of=found[3]
    )


def _paper(words: vocabulary.Words, found: re.Match[str], namespaces: Namespaces) -> Asked | None:
    kind = expanded(found[2], namespaces)
    short = vocabulary.short_name(words, kind)
    if short is None and not is_uri(kind):
        return None
    return Asked(Relation.EQUAL, found[1], values.uri, of=short or kind)


def _has_attribute(found: re.Match[str], namespaces: Namespaces) -> Asked | None:
    return _attributed(Relation.HAS_ATTRIBUTE, found[1], None, namespaces)


def _attribute(found: re.Match[str], namespaces: Namespaces) -> Asked | None:
    """`EQATTR_bizLocation_cbvmda:city`; of a member of others, the attribute's name begins after the last `_` that can
    part the two."""
    for at in range(len(found[1]) - 1, 0, -1):
        field, attribute = found[1][:at], found[1][at + 1 :]
        if found[1][at] == "_" and is_uri(attribute) and (field in ATTRIBUTED or is_uri(field)):
            return _attributed(Relation.ATTRIBUTE, field, expanded(attribute, namespaces), namespaces)
    return None


def _attributed(
    relation: Relation, field: str, attribute: str | None, namespaces: Namespaces
) -> Asked | None:
    read: Reader = values.uri if relation is Relation.HAS_ATTRIBUTE else values.anything
    if field in ATTRIBUTED:
        return Asked(relation, ATTRIBUTED[field], read, of=attribute)
    if not is_uri(field):
        return None
    return Asked(relation, field, read, of=attribute, scope=Scope.EVENT, names=full_names(field, namespaces))


def _member(found: re.Match[str], namespaces: Namespaces) -> Asked | None:
    """A member of others, wherever it may stand."""
    relation, inner, scope, field = Relation(found[1]), bool(found[2]), Scope(found[3] or ""), found[4]
    known = {Scope.SENSOR_METADATA: OF_METADATA, Scope.SENSOR_REPORT: OF_REPORT}.get(scope, frozenset())
    if not is_uri(field) and (inner or field not in known):
        return None
    if relation is Relation.EXISTS:
        read: Reader = values.presence
    else:
        read = values.anything if relation is Relation.EQUAL else values.comparable
    names = full_names(field, namespaces)
    return Asked(relation, field, read, relation is Relation.EQUAL, scope=scope, inner=inner, names=names)


_COMPARED: Final = "(EQ|GT|GE|LT|LE)"
_SCOPES: Final = "|".join(scope.value for scope in Scope if scope.value)
_FAMILIES: Final[tuple[tuple[re.Pattern[str], _Family], ...]] = (
    (re.compile(rf"{_COMPARED}_quantity(?:_([A-Z0-9]{{2,3}}))?"), _quantity),
    (re.compile(rf"{_COMPARED}_({'|'.join(SENSOR_NUMBERS)})(?:_(.+))?"), _sensor_number),
    (re.compile(r"EQ_(bizTransaction)_(.+)"), partial(_paper, vocabulary.BIZ_TRANSACTION_TYPES)),
    (re.compile(r"EQ_(source|destination)_(.+)"), partial(_paper, vocabulary.SOURCE_DESTINATION_TYPES)),
    (re.compile(r"HASATTR_(.+)"), _has_attribute),
    (re.compile(r"EQ_?ATTR_(.+)"), _attribute),
    (re.compile(rf"(EQ|GT|GE|LT|LE|EXISTS)_(INNER_)?(?:({_SCOPES})_)?(.+)"), _member),
)


def asked(name: str, namespaces: Namespaces) -> Asked | None:
    """What the parameter asks about; None when there is no such parameter."""
    if name in FIXED:
        return FIXED[name]
    for form, family in _FAMILIES:
        found = form.fullmatch(name)
        if found is not None:
            return family(found, namespaces)
    return None


def full_names(field: str, namespaces: Namespaces) -> tuple[str, ...]:
    """What a member may be called in full: a prefixed name with its namespace, or namespace and name with `#` between.

    A namespace ends as it likes, so `http://ns.example.com/epcis/#own` names `http://ns.example.com/epcis/own` as well.
    A prefix that nobody declared stays, and finds members with that very prefix.
    """
    full = expanded(field, namespaces)
    namespace, hash_sign, local = full.rpartition("#")
    return (full, namespace + local) if hash_sign else (full,)
