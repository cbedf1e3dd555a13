"""The hash of an event by which CBV 2.0 names it: `ni:///sha-256;…?ver=CBV2.0`. Pure.

Two texts of one event (members in another order, a moment in another offset, a GS1 key as a URN or as a link of another
host, a word in another form, 1.0 instead of 1) have one hash; any other difference gives another. What the event says
is put into one text without separators: `name=value` in a fixed order, items of a list sorted, times in UTC to the
millisecond, numbers without trailing zeros, words and keys as canonical addresses, members of others with their
namespace in braces. When it was recorded, what it is called and whether it was declared wrong stay out.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from inventory.epcis import vocabulary
from inventory.epcis.identifiers import SHORT, Key, key_in
from inventory.epcis.times import instant
from inventory.epcis.vocabulary import Words

Event = Mapping[str, Any]
Namespaces = Mapping[str, str]
_Write = Callable[[str, Any, Namespaces], str]

VERSION: Final = "CBV2.0"
KNOWN_NAMESPACES: Final[Namespaces] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": "https://gs1.org/voc/",
}
"""Prefixes that GS1's own context brings along."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_LAST_STEP: Final = re.compile(r"(.*[/#:])([^/#:]+)")
_OLD_WORDS: Final = tuple(
    (words.urn_prefix, words.web_prefix)
    for words in (
        vocabulary.BIZ_STEPS,
        vocabulary.DISPOSITIONS,
        vocabulary.BIZ_TRANSACTION_TYPES,
        vocabulary.SOURCE_DESTINATION_TYPES,
    )
    if words.urn_prefix is not None
)
_FINEST: Final[dict[str, tuple[str, ...]]] = {
    "01": ("21", "235", "10"),
    "8006": ("21", "10"),
    "414": ("254",),
    "8010": ("8011",),
}
"""Which qualifier of a key stays, the first that it has; all others go."""


def event_id(event: Event, namespaces: Namespaces | None = None) -> str:
    """The name of the event by its hash; `namespaces` are prefixes that its document declares.

    Of a right event, as `reading.read` takes it; raises ValueError for a moment outside the years 1 to 9999.
    """
    digest = hashlib.sha256(pre_hash(event, namespaces).encode()).hexdigest()
    return f"ni:///sha-256;{digest}?ver={VERSION}"


def namespaces_of(*contexts: Any) -> dict[str, str]:
    """The prefixes that `@context` members declare, later ones before earlier ones; None stands for no context."""
    found: dict[str, str] = {}
    for context in contexts:
        for each in context if isinstance(context, list) else [context]:
            if isinstance(each, Mapping):
                found |= {name: value for name, value in each.items() if isinstance(value, str)}
    return found


def pre_hash(event: Event, namespaces: Namespaces | None = None) -> str:
    """The text that is hashed."""
    known = {**KNOWN_NAMESPACES, **(namespaces or {}), **namespaces_of(event.get("@context"))}
    return f"eventType={event['type']}" + _members(event, _EVENT, known, ignored=_LEFT_OUT)


def _members(owner: Event, order: Mapping[str, _Write], known: Namespaces, *, ignored: frozenset[str]) -> str:
    """The known members in their order, then those of others, sorted."""
    told = [write(name, owner[name], known) for name, write in order.items() if name in owner]
    others = {name: value for name, value in owner.items() if name not in order and name not in ignored}
    return "".join(told) + (_others(others, known) if others else "")


def _others(members: Event, known: Namespaces) -> str:
    """Members in namespaces of their own, however deep they are nested."""
    return "".join(sorted(told for name, value in members.items() for told in _other(name, value, known)))


def _other(name: str, value: Any, known: Namespaces) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _other(name, each, known)
        return
    if isinstance(value, Mapping):
        inner = _others(value, known)
        if inner:
            yield _name(name, known) + inner
        return
    text = _text(value, known)
    yield _name(name, known) + (f"={text}" if text else "")


def _name(name: str, known: Namespaces) -> str:
    """`{namespace}local` of a prefixed name or a URI."""
    prefix, colon, local = name.partition(":")
    if colon and prefix in known:
        return f"{{{known[prefix]}}}{local}"
    found = _LAST_STEP.fullmatch(name)
    return f"{{{found[1]}}}{found[2]}" if found else name


def _text(value: Any, known: Namespaces) -> str:
    """A value as it is hashed, whatever it means."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return _number(Decimal(str(value)))
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _number(Decimal(text))
    return _canonical(_expanded(text, known))


def _number(number: Decimal) -> str:
    """Plain digits without trailing zeros: 200, 0.5, 0."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _expanded(text: str, known: Namespaces) -> str:
    prefix, colon, local = text.partition(":")
    if colon and prefix in known and not local.startswith("//"):
        return known[prefix] + local
    if prefix == "urn":
        for urn_prefix, web_prefix in _OLD_WORDS:
            if text.startswith(urn_prefix):
                return web_prefix + text[len(urn_prefix) :]
    return text


def _canonical(text: str) -> str:
    """The canonical link of a GS1 key at its finest level; any other text as it is."""
    return _short_finest(text) if len(text) <= SHORT else _finest(text)


def _finest(text: str) -> str:
    key = key_in(text)
    if key is None:
        return text
    main = key.parts[0]
    finest = next((name for name in _FINEST.get(main[0], ()) if name in key), None)
    return Key((main, (finest, key[finest])) if finest else (main,)).link()


_short_finest: Final = lru_cache(maxsize=8_192)(_finest)


def _value(name: str, value: Any, known: Namespaces) -> str:
    text = _text(value, known)
    return f"{name}={text}" if text else ""


def _plain(name: str, value: Any, _known: Namespaces) -> str:
    return f"{name}={value.strip()}"


def _time(name: str, value: Any, _known: Namespaces) -> str:
    """In UTC to the millisecond, half a one rounded up."""
    moment = instant(value) + timedelta(microseconds=500)
    return f"{name}={moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _word(words: Words) -> _Write:
    def write(name: str, value: Any, known: Namespaces) -> str:
        if value in words.names:
            return f"{name}={vocabulary.web_uri(words, value)}"
        return _value(name, value, known)

    return write


def _each(write: _Write, item: str = "") -> _Write:
    """A list: its name once, then its items sorted; without `item` they have the name of the list."""

    def write_all(name: str, value: Any, known: Namespaces) -> str:
        values = value if isinstance(value, list) else [value]
        told = "".join(sorted(write(item or name, each, known) for each in values))
        return (name if item and told else "") + told

    return write_all


def _part(order: Mapping[str, _Write]) -> _Write:
    def write(name: str, value: Any, known: Namespaces) -> str:
        told = _members(value, order, known, ignored=frozenset())
        return name + told if told else ""

    return write


def _bare(order: Mapping[str, _Write]) -> _Write:
    """An item whose own name is not told, only its members."""
    return lambda _name, value, known: _members(value, order, known, ignored=frozenset())


def _ilmd(name: str, value: Any, known: Namespaces) -> str:
    told = _others(value, known)
    return name + told if told else ""


def _list_of(name: str, words: Words) -> _Write:
    """Papers or parties: each with its type before it."""
    return _each(_bare({"type": _word(words), name: _value}), name)


_EPCS: Final = _each(_value, "epc")
_AMOUNTS: Final = _each(_part({"epcClass": _value, "quantity": _value, "uom": _plain}), "quantityElement")
_PLACE: Final = _part({"id": _value})
_DISPOSITION: Final = _word(vocabulary.DISPOSITIONS)
_DEVICE: Final[dict[str, _Write]] = dict.fromkeys(
    ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod"), _value
)
_METADATA: Final[dict[str, _Write]] = {
    "time": _time,
    "startTime": _time,
    "endTime": _time,
    **_DEVICE,
    "bizRules": _value,
}
_REPORT: Final[dict[str, _Write]] = {
    "type": _word(vocabulary.MEASUREMENTS),
    "exception": _word(vocabulary.SENSOR_ALERTS),
    **_DEVICE,
    "time": _time,
    "microorganism": _value,
    "chemicalSubstance": _value,
    "value": _value,
    "component": _word(vocabulary.COMPONENTS),
    "stringValue": _value,
    "booleanValue": _value,
    "hexBinaryValue": _value,
    "uriValue": _value,
    "minValue": _value,
    "maxValue": _value,
    "meanValue": _value,
    "sDev": _value,
    "percRank": _value,
    "percValue": _value,
    "uom": _plain,
    "coordinateReferenceSystem": _value,
}
_SENSOR: Final[dict[str, _Write]] = {
    "sensorMetadata": _part(_METADATA),
    "sensorReport": _each(_part(_REPORT)),
}
_EVENT: Final[dict[str, _Write]] = {
    "eventTime": _time,
    "eventTimeZoneOffset": _plain,
    "certificationInfo": _each(_value),
    "parentID": _value,
    "epcList": _EPCS,
    "inputEPCList": _EPCS,
    "childEPCs": _EPCS,
    "quantityList": _AMOUNTS,
    "childQuantityList": _AMOUNTS,
    "inputQuantityList": _AMOUNTS,
    "outputEPCList": _EPCS,
    "outputQuantityList": _AMOUNTS,
    "action": _plain,
    "transformationID": _value,
    "bizStep": _word(vocabulary.BIZ_STEPS),
    "disposition": _DISPOSITION,
    "persistentDisposition": _part({"set": _each(_DISPOSITION), "unset": _each(_DISPOSITION)}),
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": _list_of("bizTransaction", vocabulary.BIZ_TRANSACTION_TYPES),
    "sourceList": _list_of("source", vocabulary.SOURCE_DESTINATION_TYPES),
    "destinationList": _list_of("destination", vocabulary.SOURCE_DESTINATION_TYPES),
    "sensorElementList": _each(_part(_SENSOR), "sensorElement"),
    "ilmd": _ilmd,
}
_LEFT_OUT: Final = frozenset({"@context", "type", "recordTime", "eventID", "errorDeclaration"})
