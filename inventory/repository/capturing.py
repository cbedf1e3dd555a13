"""Documents of events taken in: all of them or none, or those that are right."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.epcis.event_schemas import schema_of_event
from inventory.epcis.reading import check_limits, read
from inventory.repository.models import Behaviour, CaptureJob
from inventory.repository.refusals import (
    CaptureLimitExceededException,
    NoSuchResourceException,
    ValidationException,
    told_as,
)
from inventory.traces.models import TraceEvent
from inventory.traces.recording import Recorded, record
from marketplace import audit, errors, last_words
from marketplace.catalogue import counties
from marketplace.context import Context
from marketplace.door import pointers
from marketplace.language import Language, Text
from marketplace.values import new_id

CAPTURE_LIMIT: Final = 500
"""Events in one document."""
FAULTS_MAX: Final = 50
"""Told of one document; the rest are as many as were not taken."""
_FAULT_TITLE: Final = Text(en="The event was not taken.", zh="事件未被接收。")
_NAMED: Final = Text(en="Another event has this eventID.", zh="已有其他事件使用该 eventID。")


@dataclass(frozen=True, slots=True)
class Parcel:
    """The events of a document, where they stand in it, and its contexts."""

    events: list[Any]
    pointer: str
    contexts: list[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one event."""

    at: int
    detail: Text | str
    pointer: str


def capture(
    session: Session, ctx: Context, *, county_id: uuid.UUID, document: Any, behaviour: Behaviour
) -> CaptureJob:
    """Take in what a document says; the job tells what became of it.

    Raises CountyNotFound, ValidationException for what is no document at all, CaptureLimitExceededException.
    """
    counties.get(session, county_id=county_id)
    parcel = unpacked(document)
    faults: dict[int, list[Fault]] = {}
    for fault in _wrong_shapes(parcel):
        faults.setdefault(fault.at, []).append(fault)
    before = last_words.mark(session)
    recorded = _recorded(session, ctx, county_id, parcel, faults)
    taken_names = _taken_names(session, county_id, recorded)
    for at in taken_names:
        faults.setdefault(at, []).append(Fault(at, _NAMED, f"{parcel.pointer}/{at}/eventID"))
    taken = len(parcel.events) - len(faults)
    if faults and behaviour is Behaviour.ROLLBACK:
        last_words.back_to(session, before)
        taken = 0
    elif taken_names:
        last_words.back_to(session, before)
        _recorded(session, ctx, county_id, parcel, faults)
    job = CaptureJob(
        id=new_id(),
        county_id=county_id,
        behaviour=behaviour,
        events=len(parcel.events),
        taken=taken,
        faults=[_told(fault, ctx.language) for at in sorted(faults) for fault in faults[at]][:FAULTS_MAX],
        actor=ctx.actor.label,
        created_at=ctx.now,
    )
    session.add(job)
    after = {
        "county_id": str(county_id),
        "events": job.events,
        "taken": job.taken,
        "behaviour": job.behaviour,
    }
    audit.record(session, ctx, "capture_job.done", subject=("capture_job", job.id), after=after)
    return job


def capture_one(session: Session, ctx: Context, *, county_id: uuid.UUID, event: Any) -> Recorded:
    """Write down one event that brings its own context; told again, it is the one that is there.

    Raises CountyNotFound, ValidationException, EventNamed.
    """
    counties.get(session, county_id=county_id)
    with told_as(ValidationException):
        read(event)
        if "epcisBody" in event:
            raise ValidationException(
                Text(en="Send one event, not a document.", zh="请发送单个事件，而非文档。")
            )
        (recorded,) = record(session, ctx, county_id=county_id, events=[event])
    after = {"event_id": recorded.entry.event_id}
    audit.record(session, ctx, "trace_event.told", subject=("county", county_id), after=after)
    return recorded


def get_job(session: Session, *, county_id: uuid.UUID, job_id: uuid.UUID) -> CaptureJob:
    """What became of a document; raises NoSuchResourceException."""
    found = session.scalar(
        select(CaptureJob).where(CaptureJob.county_id == county_id, CaptureJob.id == job_id)
    )
    if found is None:
        raise NoSuchResourceException
    return found


def unpacked(document: Any) -> Parcel:
    """The events of a document, of an answer to a query, or the single one; what is around them is right.

    Raises ValidationException, CaptureLimitExceededException.
    """
    with told_as(ValidationException):
        check_limits(document)
        parcel = _parcel(document)
    if len(parcel.events) > CAPTURE_LIMIT:
        told = Text(en="More than {n} events in one document.", zh="单个文档超过 {n} 个事件。")
        raise CaptureLimitExceededException(told.format(n=CAPTURE_LIMIT))
    return parcel


def _parcel(document: Any) -> Parcel:
    if not isinstance(document, dict) or document.get("type") not in ("EPCISDocument", "EPCISQueryDocument"):
        return Parcel([read(document)], "", [])
    contexts = document.get("@context", [])
    path = ["epcisBody"]
    if document["type"] == "EPCISQueryDocument":
        path += ["queryResults", "resultsBody"]
    owner: Any = document
    for step in path:
        owner = owner.get(step) if isinstance(owner, dict) else None
    events = owner.get("eventList") if isinstance(owner, dict) else None
    if not isinstance(events, list):
        return Parcel([read(document)], "", [])  # which refuses it, and says what is missing
    read(_emptied(document, [*path, "eventList"]))
    found = list(contexts) if isinstance(contexts, list) else [contexts]
    return Parcel(events, "/" + "/".join([*path, "eventList"]), found)


def _emptied(document: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The document with an empty list at the path."""
    step, *rest = path
    return {**document, step: _emptied(document[step], rest) if rest else []}


def _wrong_shapes(parcel: Parcel) -> Iterable[Fault]:
    for at, event in enumerate(parcel.events):
        pointer = f"{parcel.pointer}/{at}" if parcel.pointer else ""
        if not isinstance(event, dict):
            yield Fault(at, Text(en="Must be an object.", zh="须为对象。"), pointer)
            continue
        try:
            schema_of_event(event).load(event)
        except ValidationError as error:
            for each in pointers({"json": error.messages}):
                yield Fault(at, each["detail"], pointer + each["pointer"])


def _recorded(
    session: Session, ctx: Context, county_id: uuid.UUID, parcel: Parcel, faults: dict[int, list[Fault]]
) -> dict[int, Recorded]:
    """Write down the events without fault; what cannot be written down becomes a fault."""
    found = {}
    for at, event in enumerate(parcel.events):
        if at in faults:
            continue
        try:
            (found[at],) = record(session, ctx, county_id=county_id, events=[event], context=parcel.contexts)
        except errors.Invalid as invalid:
            pointer = f"{parcel.pointer}/{at}" if parcel.pointer else ""
            told = invalid.detail or next((each["detail"] for each in invalid.facts["errors"]), invalid.title)
            faults.setdefault(at, []).append(Fault(at, told, pointer))
    return found


def _taken_names(session: Session, county_id: uuid.UUID, recorded: dict[int, Recorded]) -> list[int]:
    """Which of them have the `eventID` of another event, in the county or earlier in the document."""
    names = [each.entry.event_id for each in recorded.values()]
    rows = session.execute(
        select(TraceEvent.event_id, TraceEvent.event_hash).where(
            TraceEvent.county_id == county_id, TraceEvent.event_id.in_(names), ~TraceEvent.is_declaration
        )
    )
    known = {row.event_id: row.event_hash for row in rows}
    found = []
    for at, each in recorded.items():
        entry = each.entry
        if (
            not entry.is_declaration
            and known.setdefault(entry.event_id, entry.event_hash) != entry.event_hash
        ):
            found.append(at)
    return found


def _told(fault: Fault, language: Language) -> dict[str, Any]:
    """The fault as a problem of RFC 9457."""
    return {
        "type": "epcisException:ValidationException",
        "title": _FAULT_TITLE.pick(language),
        "status": 400,
        "detail": fault.detail.pick(language) if isinstance(fault.detail, Text) else fault.detail,
        "pointer": fault.pointer.replace("\x00", "\ufffd"),
    }
