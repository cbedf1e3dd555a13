"""Single changes to a right document: faults, after which it is wrong for sure, and any others.

A fault knows from the member's name what the member must be, and breaks one such promise. A change knows nothing: it
removes, repeats, renames and replaces whatever it finds, and whether the document is right after it is the question.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from tests.epcis.documents import KINDS, Json

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Change:
    """Another value at a path (REMOVED: none), and what that amounts to."""

    told: str
    path: Path
    value: Any

    @property
    def pointer(self) -> str:
        return "".join(f"/{step}" for step in self.path)

    def made(self, document: Json) -> Any:
        """The document with the change made; what the path does not touch is shared with the old one."""
        return _with(document, self.path, self.value)


def _with(old: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    new = copy(old)
    if len(path) == 1 and value is REMOVED:
        del new[path[0]]
    elif len(path) == 1:
        new[path[0]] = value
    else:
        new[path[0]] = _with(old[path[0]], path[1:], value)
    return new


REMOVED: Final = object()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_URIS: Final = _names("""
    id eventID parentID transformationID epcClass bizTransaction source destination deviceID deviceMetadata rawData
    dataProcessingMethod bizRules microorganism chemicalSubstance coordinateReferenceSystem uriValue
""")
_URI_LISTS: Final = _names("childEPCs inputEPCList outputEPCList epcList correctiveEventIDs children")
_UNIQUE_LISTS: Final = {
    "epcList": ("ObjectEvent",),
    "inputEPCList": ("TransformationEvent",),
    "outputEPCList": ("TransformationEvent",),
}
_TIMES: Final = _names("eventTime recordTime declarationTime time startTime endTime creationDate")
_NUMBERS: Final = _names("quantity value minValue maxValue meanValue sDev percRank percValue")
_TEXTS: Final = _names("stringValue instanceIdentifier sender receiver queryName subscriptionID")
_LISTS: Final = _names("""
    quantityList childQuantityList inputQuantityList outputQuantityList bizTransactionList sourceList destinationList
    sensorElementList sensorReport eventList vocabularyList vocabularyElementList attributes
""")
_OBJECTS: Final = _names("""
    readPoint bizLocation persistentDisposition errorDeclaration ilmd sensorMetadata epcisHeader epcisMasterData
    epcisBody queryResults resultsBody
""")
_REQUIRED: Final = _names("""
    eventTime eventTimeZoneOffset action epcClass bizTransaction source destination declarationTime sensorReport
    epcisBody eventList queryResults queryName resultsBody
""")
_OPEN: Final = frozenset(
    {"readPoint", "bizLocation", "epcisMasterData", "vocabularyList", "vocabularyElementList", "attributes"}
)
"""Whose members GS1's schema leaves free."""

NO_URIS: Final = (
    None,
    7,
    True,
    [],
    {},
    "",
    "plain",
    "no scheme:x",
    "1a:b",
    "/01/2",
    "a:b c",
    "a:%4",
    "a:é",
    "a:b#c#d",
)
NO_TIMES: Final = (
    None, 7, True, [], {}, "", "yesterday", "2026-10-19", "2026-10-19T14:15:00", "2026-10-19 14:15:00Z",
    "2026-10-19T14:15Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-10-00T00:00:00Z",
    "2026-10-19T24:00:00Z", "2026-10-19T14:60:00Z", "2026-10-19T14:15:60Z", "2026-10-19T14:15:00+0800",
    "2026-10-19T14:15:00+24:00", "2026-10-19T14:15:00.Z", "2026-10-19T14:15:00Z ", "２026-10-19T14:15:00Z",
    "2026-10-19T14:15:00Z\n",
)  # fmt: skip
NO_OFFSETS: Final = (
    None, 8, "", "Z", "08:00", "+8:00", "+0800", "+14:01", "+15:00", "-14:30", "+08:60", "+08:00 ", "+08:00\n",
    "−08:00",
)  # fmt: skip
NO_NUMBERS: Final = (None, True, "1", "", [], {})
NO_TEXTS: Final = (None, 7, True, [], {})
NO_UNITS: Final = (None, 7, "", "K", "kg", "kgm", "KGMX", "K-M", "KG\n", "千克")
NO_ACTIONS: Final = (None, 7, [], {}, "", "add", "Add", "UPDATE", "ADD ", "urn:x:ADD")
NO_WORDS: Final = (
    None, 7, True, [], {}, "", "Shipping", "shipping ", "no_such_word", "urn:epcglobal:cbv:bizstep:shipping",
    "https://ns.gs1.org/cbv/BizStep-shipping", "http://ns.gs1.org/cbv/Disp-active",
)  # fmt: skip
NO_MEASURES: Final = (
    None, 7, True, [], {}, "", "temperature", "TEMPERATURE", "https://gs1.org/voc/Temperature",
    "http://www.gs1.org/voc/Temperature",
)  # fmt: skip
NO_OBJECTS: Final = (None, 7, True, "a:b", [])
NO_LISTS: Final = (None, 7, True, "a:b", {})
PLAIN_MEMBERS: Final = ("plain", "Action", "epclist", "ünder:score", "a b:c", "")


def at(document: Any, path: Sequence[str | int]) -> Any:
    """What stands at the path."""
    for step in path:
        document = document[step]
    return document


def places(document: Any, path: Path = (), *, inside: bool = False) -> Iterator[tuple[Path, Any]]:
    """Every value and where it stands; with `inside`, also in what is nobody else's matter."""
    yield path, document
    if isinstance(document, dict):
        for name, value in document.items():
            if inside or not (":" in name or name in ("@context", "attribute", "floor", "note")):
                yield from places(value, (*path, name), inside=inside)
    elif isinstance(document, list):
        for position, value in enumerate(document):
            yield from places(value, (*path, position), inside=inside)


def faults(document: Json) -> Iterator[Change]:
    """Each single fault that the document can have."""
    for path, value in places(document):
        if not _is_of_an_event_of_our_own(document, path):
            yield from _faults_at(document, path, value)


def _is_of_an_event_of_our_own(document: Json, path: Path) -> bool:
    """Whether it is a member that only the five types of events know, in an event of another type."""
    for length in range(len(path)):
        kind = at(document, path[:length])
        if isinstance(kind, dict) and "eventTimeZoneOffset" in kind and kind.get("type") not in KINDS:
            member = path[length]
            return member not in (
                "type",
                "eventTime",
                "eventTimeZoneOffset",
                "recordTime",
                "eventID",
                "errorDeclaration",
            )
    return False


def _faults_at(document: Json, path: Path, value: Any) -> Iterator[Change]:
    wrongs = _wrongs(document, path)
    for wrong in wrongs:
        yield Change(f"{_kind(path)} is {wrong!r}"[:60], path, wrong)
    name = path[-1] if path else ""
    if name in _REQUIRED and name in at(document, path[:-1]):
        yield Change(f"{name} is missing", path, REMOVED)
    if isinstance(value, dict):
        yield from _members(document, path, value)
    if (
        isinstance(value, list)
        and value
        and name in _UNIQUE_LISTS
        and _event_type(document, path) in _UNIQUE_LISTS[str(name)]
    ):
        yield Change(f"{name} repeats itself", path, [*value, value[0]])
    if name in ("set", "unset"):
        yield Change(f"{name} repeats itself", path, [*value, value[0]])
        yield Change(f"{name} is empty", path, [])
    if name == "sensorReport":
        yield Change("sensorReport is empty", path, [])


def _members(document: Json, path: Path, value: Json) -> Iterator[Change]:
    """Faults of an object as a whole: members that may not be there, a type that is not right."""
    owner = _kind(path)
    is_event = "eventTimeZoneOffset" in value
    of_our_own = is_event and value["type"] not in KINDS
    is_body = owner == "epcisBody" and "eventList" in value
    if owner not in _OPEN and not of_our_own and not is_body:
        for plain in PLAIN_MEMBERS:
            yield Change(f"{owner or 'document'} has {plain!r}", (*path, plain), "plain")
    if is_event and not of_our_own:
        yield from _event_faults(path, value)
    if owner in ("sourceList", "destinationList", "sensorReport", "vocabularyList") or is_event or not path:
        yield Change(f"{owner or 'document'} has no type", (*path, "type"), REMOVED)
    if owner in ("readPoint", "bizLocation", "vocabularyElementList", "attributes"):
        yield Change(f"{owner} has no id", (*path, "id"), REMOVED)
    if value.get("type") == "EPCISDocument":
        for name in ("@context", "schemaVersion", "creationDate"):
            yield Change(f"document has no {name}", (*path, name), REMOVED)
    if owner in (
        "quantityList",
        "bizTransactionList",
        "sourceList",
        "destinationList",
        "persistentDisposition",
    ):
        yield Change(f"{owner} has a member of somebody else", (*path, "yj:own"), 1)


def _event_faults(path: Path, event: Json) -> Iterator[Change]:
    """Faults that hang on the type of an event and its action."""
    kind = event["type"]
    for wrong in ("objectEvent", "QuantityEvent", "EPCISDocument", ""):
        yield Change(f"{kind} is called {wrong!r}", (*path, "type"), wrong)
    for name, value in _FOREIGN[kind].items():
        yield Change(f"{name} in an event of type {kind}", (*path, name), value)
    yield from _OF_KIND[kind](path, event)


def _without(event: Json, *names: str, **others: Any) -> Json:
    return {name: value for name, value in event.items() if name not in names} | others


def _object_faults(path: Path, event: Json) -> Iterator[Change]:
    if "ilmd" in event:
        for action in ("OBSERVE", "DELETE"):
            yield Change(f"{action} with ilmd", (*path, "action"), action)
    yield Change("no objects", path, _without(event, "epcList", "quantityList", "sensorElementList"))
    yield Change("empty quantities", path, _without(event, "epcList", "sensorElementList", quantityList=[]))
    if "sensorElementList" in event:
        yield Change("sensors nowhere", path, _without(event, "epcList", "quantityList", "readPoint"))


def _containing_faults(path: Path, event: Json) -> Iterator[Change]:
    if event["action"] != "DELETE":
        yield Change("no children", path, _without(event, "childEPCs", "childQuantityList"))
        yield Change("empty children", path, _without(event, childEPCs=[], childQuantityList=[]))
    if event["type"] == "AssociationEvent":
        yield Change("no parent", (*path, "parentID"), REMOVED)


def _transaction_faults(path: Path, event: Json) -> Iterator[Change]:
    yield Change("no papers", (*path, "bizTransactionList"), [])
    yield Change("papers missing", (*path, "bizTransactionList"), REMOVED)
    if event["action"] != "DELETE":
        yield Change("no objects", path, _without(event, "epcList", "quantityList"))


def _transformation_faults(path: Path, event: Json) -> Iterator[Change]:
    inputs, outputs = ("inputEPCList", "inputQuantityList"), ("outputEPCList", "outputQuantityList")
    yield Change("nothing in", path, _without(event, *inputs, "transformationID"))
    yield Change("nothing out", path, _without(event, *outputs, "transformationID"))
    yield Change("nothing in or out", path, _without(event, *inputs, *outputs))


_OF_KIND: Final[dict[str, Callable[[Path, Json], Iterator[Change]]]] = {
    "ObjectEvent": _object_faults,
    "AggregationEvent": _containing_faults,
    "AssociationEvent": _containing_faults,
    "TransactionEvent": _transaction_faults,
    "TransformationEvent": _transformation_faults,
}
_SETTING: Final[Json] = {"ilmd": {"yj:x": 1}, "persistentDisposition": {"set": ["active"]}}
_FOREIGN: Final[dict[str, Json]] = {
    "ObjectEvent": {"parentID": "a:b", "childEPCs": ["a:b"], "inputEPCList": ["a:b"]},
    "AggregationEvent": {"epcList": ["a:b"], "transformationID": "a:b", **_SETTING},
    "AssociationEvent": {"quantityList": [], **_SETTING},
    "TransactionEvent": {"childEPCs": ["a:b"], **_SETTING},
    "TransformationEvent": {"action": "ADD", "parentID": "a:b", "epcList": ["a:b"]},
}
"""Members of other types of events."""


def _kind(path: Path) -> str:
    """The name that a value has, or that its list has."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _event_type(document: Json, path: Path) -> str:
    return next(
        (
            owner["type"]
            for length in range(len(path), -1, -1)
            if isinstance(owner := at(document, path[:length]), dict) and "eventTimeZoneOffset" in owner
        ),
        "",
    )


def _wrongs(document: Json, path: Path) -> tuple[Any, ...]:  # noqa: PLR0911 (one answer for each kind)
    """Values that are wrong at this place, by the name that stands there."""
    if not path:
        return ()
    name, owner = path[-1], _kind(path[:-1])
    if isinstance(name, int):
        if owner in _URI_LISTS or owner == "certificationInfo":
            return NO_URIS
        return NO_WORDS if owner in ("set", "unset") else NO_OBJECTS
    if name == "type":
        return {
            "sensorReport": NO_MEASURES,
            "bizTransactionList": NO_WORDS,
            "sourceList": NO_WORDS,
            "destinationList": NO_WORDS,
        }.get(owner, NO_URIS)
    if name == "uom":
        return NO_TEXTS if owner == "sensorReport" else NO_UNITS
    table: dict[str, tuple[Any, ...]] = {
        "eventTimeZoneOffset": NO_OFFSETS,
        "action": NO_ACTIONS,
        "exception": NO_MEASURES,
        "booleanValue": (None, 0, 1, "true", [], {}),
        "hexBinaryValue": (None, 7, "", "0x1f", "fg", "f f", "f\n"),
        "schemaVersion": (None, 2, 2.0, "", "2.", ".2", "v2", "2.0\n", "２"),
        "certificationInfo": (None, 7, True, {}, "plain", ""),
        "persistentDisposition": ({}, {"set": {}}, *NO_OBJECTS),
    }
    if name in table:
        return table[name]
    for names, wrongs in (
        (_URIS, NO_URIS),
        (_TIMES, NO_TIMES),
        (_NUMBERS, NO_NUMBERS),
        (_TEXTS, NO_TEXTS),
        (_LISTS | _URI_LISTS, NO_LISTS),
        (_OBJECTS, NO_OBJECTS),
        ({"bizStep", "disposition", "reason", "component"}, NO_WORDS),
        ({"set", "unset"}, NO_LISTS),
    ):
        if name in names:
            return wrongs
    return ()


ANYTHING: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2.5, 10**30, "", "plain", "a:b", "a:", "1a:b", "a:%zz", "a:é", "ADD",
    "OBSERVE", "DELETE", "KGM", "shipping", "active", "po", "location", "Temperature", "ALARM_CONDITION", "x",
    "did_not_occur", "0f", "2.0",
    "urn:epcglobal:cbv:bizstep:shipping", "urn:epcglobal:cbvx", "https://ns.gs1.org/cbv/x", "https://gs1.org/voc/x",
    "https://www.gs1.org/voc/x", "https://ref.gs1.org/cbv/BizStep-x", "2026-10-19T14:15:00Z", "2016-12-31T23:59:60Z",
    "2026-10-19T14:15:60Z", "0000-01-01T00:00:00Z", "+08:00", "-14:00", "+14:01", [], ["a:b"], ["a:b", "a:b"],
    ["plain"], [{}], [{}, {}], [{"a": 1}, {"a": 1.0}], {}, {"id": "a:b"}, {"type": "a:b"}, {"a:b": None}, {"plain": 1},
    *KINDS, "EPCISDocument", "EPCISQueryDocument",
)  # fmt: skip
"""What is put in the place of everything."""
NEW_MEMBERS: Final[tuple[tuple[str, Any], ...]] = (
    ("plain", 1), ("a:b", None), ("é:b", 1), ("action", "ADD"), ("type", "a:b"), ("id", "a:b"), ("ilmd", {"a:b": 1}),
    ("@context", "a:b"), ("epcList", []), ("quantityList", []), ("parentID", "a:b"), ("childEPCs", []),
    ("set", ["active"]), ("transformationID", "a:b"), ("persistentDisposition", {"set": ["active"]}), ("uom", "KGM"),
    ("eventList", []),
    ("epcisMasterData", {}), ("vocabularyList", []), ("recordTime", "now"), ("certificationInfo", []),
)  # fmt: skip


def changes(document: Json) -> Iterator[Change]:
    """Each single change of any kind; what stands in members of our own is changed, too."""
    for path, value in places(document, inside=True):
        for other in ANYTHING:
            yield Change("replaced", path, other)
        if path:
            if not isinstance(path[-1], int):
                yield Change("removed", path, REMOVED)
            yield Change("wrapped in a list", path, [value])
            yield Change("wrapped in an object", path, {"id": value})
        if isinstance(value, list) and value:
            yield Change("doubled", path, [*value, *value])
            yield Change("shortened", path, value[1:])
        if isinstance(value, str):
            for text in (
                value.upper(),
                value.lower(),
                value + " ",
                " " + value,
                value + "\n",
                value + "é",
                value[:-1],
            ):
                yield Change("written otherwise", path, text)
        if isinstance(value, dict):
            for name, new in NEW_MEMBERS:
                yield Change(f"with {name}", (*path, name), new)
