"""Where in an event the things are that queries ask about. Pure.

`FOUND` gives the values of the standard's members, by the names that `query_words` uses; `named` those of others, in
any part of an event. Members that are absent have no values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from inventory.repository.query_values import Namespaces, expanded
from inventory.repository.query_words import SENSOR_NUMBERS, Asked, Scope

Event = Mapping[str, Any]
Values = Iterable[Any]

EPC_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "epc": ("epcList", "childEPCs"),
    "inputEPC": ("inputEPCList",),
    "outputEPC": ("outputEPCList",),
    "anyEPC": ("epcList", "childEPCs", "inputEPCList", "outputEPCList"),
}
QUANTITY_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "epcClass": ("quantityList", "childQuantityList"),
    "inputEPCClass": ("inputQuantityList",),
    "outputEPCClass": ("outputQuantityList",),
    "anyEPCClass": ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"),
}
_LISTS: Final = {
    "bizTransaction": "bizTransactionList",
    "source": "sourceList",
    "destination": "destinationList",
}


def quantities(event: Event) -> Iterator[Mapping[str, Any]]:
    """Every element that counts or weighs a class of objects."""
    for name in QUANTITY_FIELDS["anyEPCClass"]:
        yield from event.get(name, ())


def reports(event: Event) -> Iterator[Mapping[str, Any]]:
    """Every measurement of every sensor."""
    for element in event.get("sensorElementList", ()):
        yield from element.get("sensorReport", ())


def papers(event: Event, field: str) -> Iterator[tuple[Any, Any]]:
    """The types and identifiers of a list of papers, sources or destinations."""
    for each in event.get(_LISTS[field], ()):
        yield each.get("type"), each.get(field)


def _metadata(event: Event) -> Iterator[Mapping[str, Any]]:
    for element in event.get("sensorElementList", ()):
        if "sensorMetadata" in element:
            yield element["sensorMetadata"]


def _top(name: str) -> Callable[[Event], Values]:
    return lambda event: (event[name],) if name in event else ()


def _inside(name: str, inner: str) -> Callable[[Event], Values]:
    """A member of a member; of a list its items."""

    def values(event: Event) -> Values:
        found = event.get(name, {}).get(inner)
        if found is None:
            return ()
        return found if isinstance(found, list) else (found,)

    return values


def _objects(names: tuple[str, ...], *, parent: bool = False) -> Callable[[Event], Iterator[Any]]:
    def values(event: Event) -> Iterator[Any]:
        if parent and "parentID" in event:
            yield event["parentID"]
        for name in names:
            yield from event.get(name, ())

    return values


def _classes(names: tuple[str, ...]) -> Callable[[Event], Iterator[Any]]:
    def values(event: Event) -> Iterator[Any]:
        for name in names:
            for each in event.get(name, ()):
                yield each["epcClass"]

    return values


def _of(
    parts: tuple[Callable[[Event], Iterable[Mapping[str, Any]]], ...], name: str
) -> Callable[[Event], Values]:
    return lambda event: (each[name] for part in parts for each in part(event) if name in each)


def _identifiers(field: str) -> Callable[[Event], Values]:
    return lambda event: (identifier for _, identifier in papers(event, field))


FOUND: Final[Mapping[str, Callable[[Event], Values]]] = {
    **{
        name: _top(name)
        for name in (
            "type", "eventTime", "recordTime", "action", "bizStep", "disposition", "transformationID", "parentID",
            "eventID", "errorDeclaration", "sensorElementList",
        )
    },
    "persistentDisposition.set": _inside("persistentDisposition", "set"),
    "persistentDisposition.unset": _inside("persistentDisposition", "unset"),
    "readPoint.id": _inside("readPoint", "id"),
    "bizLocation.id": _inside("bizLocation", "id"),
    **{name: _objects(fields, parent=name == "anyEPC") for name, fields in EPC_FIELDS.items()},
    **{name: _classes(fields) for name, fields in QUANTITY_FIELDS.items()},
    **{name: _identifiers(name) for name in _LISTS},
    "errorDeclaration.declarationTime": _inside("errorDeclaration", "declarationTime"),
    "errorDeclaration.reason": _inside("errorDeclaration", "reason"),
    "errorDeclaration.correctiveEventIDs": _inside("errorDeclaration", "correctiveEventIDs"),
    "startTime": _of((_metadata,), "startTime"),
    "endTime": _of((_metadata,), "endTime"),
    **{
        name: _of((_metadata, reports), name) for name in ("time", "deviceID", "dataProcessingMethod", "bizRules")
    },
    **{
        name: _of((reports,), name)
        for name in (
            "microorganism", "chemicalSubstance", "stringValue", "booleanValue", "hexBinaryValue", "uriValue",
        )
    },
    "sensorReport.type": _of((reports,), "type"),
    **{f"sensorReport.{name}": _of((reports,), name) for name in SENSOR_NUMBERS},
}  # fmt: skip
"""The values of the standard's members."""


def _owner(name: str) -> Callable[[Event], Values]:
    return lambda event: (event[name],) if isinstance(event.get(name), Mapping) else ()


_OWNERS: Final[Mapping[Scope, Callable[[Event], Iterable[Mapping[str, Any]]]]] = {
    Scope.EVENT: lambda event: (event,),
    Scope.ILMD: _owner("ilmd"),
    Scope.ERROR_DECLARATION: _owner("errorDeclaration"),
    Scope.SENSOR_ELEMENT: lambda event: event.get("sensorElementList", ()),
    Scope.SENSOR_METADATA: _metadata,
    Scope.SENSOR_REPORT: reports,
    Scope.READ_POINT: _owner("readPoint"),
    Scope.BIZ_LOCATION: _owner("bizLocation"),
}


def named(event: Event, asked: Asked, namespaces: Namespaces) -> Iterator[Any]:
    """The values of members with one of these names, in this part of the event and at this depth.

    Of a list its items; of a JSON-LD value object the value.
    """
    if asked.scope is None:
        return
    for owner in _OWNERS[asked.scope](event):
        for name, value in owner.items():
            if asked.inner:
                if ":" in name:
                    yield from _deeper(value, asked.names, namespaces)
            elif name in asked.names or (":" in name and expanded(name, namespaces) in asked.names):
                yield from _plain(value)


def _deeper(value: Any, names: tuple[str, ...], namespaces: Namespaces) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _deeper(each, names, namespaces)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name in names or expanded(name, namespaces) in names:
                yield from _plain(inner)
            yield from _deeper(inner, names, namespaces)


def _plain(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _plain(each)
    elif isinstance(value, Mapping) and "@value" in value:
        yield value["@value"]
    else:
        yield value
