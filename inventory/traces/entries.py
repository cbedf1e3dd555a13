"""What of an event is written down, and the bytes of it that are chained. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from inventory.epcis import event_hash, vocabulary
from inventory.epcis.event_schemas import faults_of_others
from inventory.epcis.identifiers import canonical as canonical_key
from inventory.epcis.times import instant
from inventory.epcis.vocabulary import Words
from inventory.traces.canonical import canonical
from inventory.traces.mentions import KEY_LENGTH_MAX, Role, mentions
from marketplace import errors
from marketplace.door import pointers
from marketplace.language import Text

STANDARD_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
"""The one that every answer names."""
STANDARD_CONTEXTS: Final = frozenset(
    {
        STANDARD_CONTEXT,
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
    }
)
"""Forms of it under which others name it: an event need not keep them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event as it is written down."""

    body: bytes
    """Canonical JSON of the event, with `eventID` and `recordTime`."""
    context: bytes | None
    """Canonical JSON of the contexts beside the standard's, if there are any."""
    event_id: str
    event_hash: str
    """Of CBV 2.0: the same for two texts of one event."""
    is_declaration: bool
    """It declares an earlier event wrong, whose hash it has."""
    event_type: str
    action: str | None
    event_time: datetime
    recorded_at: datetime
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    mentions: frozenset[tuple[Role, str]]

    @property
    def chained(self) -> bytes:
        return chained(self.body, self.context)


def chained(body: bytes, context: bytes | None) -> bytes:
    """The bytes that are hashed; canonical JSON holds no line break, so nothing can pass for something else."""
    return body if context is None else body + b"\n" + context


def entry_of(event: Mapping[str, Any], *, recorded_at: datetime, context: Sequence[Any] = ()) -> Entry:
    """The entry of a right event, as `epcis.reading.read` takes it; `context` is its document's.

    A `recordTime` that it brings along is left out: recording is ours. Without an `eventID` it is named by its hash.
    Raises Invalid for numbers that no two programs would write alike, moments outside the years 1 to 9999, and for
    events of others whose members have names of the standard, and not its form.
    """
    if faults := faults_of_others(event):
        raise errors.Invalid(errors=pointers({"json": faults}))
    try:
        return _entry_of(event, recorded_at, context)
    except ValueError as problem:
        told = Text(en="A moment lies outside the years 1 to 9999.", zh="时间超出 1 至 9999 年。")
        raise errors.Invalid(told) from problem


def _entry_of(event: Mapping[str, Any], recorded_at: datetime, context: Sequence[Any]) -> Entry:
    recorded_at = recorded_at.replace(microsecond=recorded_at.microsecond // 1_000 * 1_000)
    others = _others([*context, *_listed(event.get("@context"))])
    name = event_hash.event_id(event, event_hash.namespaces_of(others))
    if len(event.get("eventID") or "") > KEY_LENGTH_MAX:
        long = Text(en="Longer than {n} characters.", zh="超过 {n} 个字符。").format(n=KEY_LENGTH_MAX)
        raise errors.Invalid(errors=[{"pointer": "/eventID", "detail": long}])
    told = {**event, "eventID": event.get("eventID") or name, "recordTime": written(recorded_at)}
    told.pop("@context", None)
    return Entry(
        body=canonical(told),
        context=canonical(others) if others else None,
        event_id=told["eventID"],
        event_hash=name,
        is_declaration="errorDeclaration" in event,
        event_type=event["type"],
        action=event.get("action"),
        event_time=instant(event["eventTime"]),
        recorded_at=recorded_at,
        biz_step=word(vocabulary.BIZ_STEPS, event.get("bizStep")),
        disposition=word(vocabulary.DISPOSITIONS, event.get("disposition")),
        read_point=_place(event.get("readPoint")),
        biz_location=_place(event.get("bizLocation")),
        mentions=frozenset(mentions(event)),
    )


@lru_cache(maxsize=64)
def written(moment: datetime) -> str:
    """A moment as events tell it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def word(words: Words, text: str | None) -> str | None:
    """The short name of a word of the standard, in whatever form it was written; any other URI as it is."""
    return None if text is None else vocabulary.short_name(words, text) or text


def county_seed(county_id: uuid.UUID) -> bytes:
    """What the first link of a county's chain follows: no two chains begin alike."""
    return b"\x00" * 16 + county_id.bytes


def _place(place: Mapping[str, Any] | None) -> str | None:
    return None if place is None else canonical_key(place["id"])


def _listed(context: Any) -> list[Any]:
    if context is None:
        return []
    return list(context) if isinstance(context, list) else [context]


def _others(contexts: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for each in contexts:
        if each not in found and not (isinstance(each, str) and each in STANDARD_CONTEXTS):
            found.append(each)
    return found
