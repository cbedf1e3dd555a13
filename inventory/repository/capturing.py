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
from inventory.traces.entries import Entry, entry_of
from inventory.traces.recording import EventsRecorded, Recorded, Register, record
from marketplace import audit, errors, events
from marketplace.catalogue import counties
from marketplace.context import Context
from marketplace.database import driver_of
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A document that was read: what of it can be written down, and what is wrong with the rest."""

    ctx: Context
    county_id: uuid.UUID
    behaviour: Behaviour
    parcel: Parcel
    entries: dict[int, Entry]
    """By their places in the document."""
    faults: dict[int, list[Fault]]


def read_in(ctx: Context, *, county_id: uuid.UUID, document: Any, behaviour: Behaviour) -> Brought:
    """Read a document; nothing is looked up.

    Raises ValidationException for what is no document at all, CaptureLimitExceededException.
    """
    parcel = unpacked(document)
    faults: dict[int, list[Fault]] = {}
    for fault in _wrong_shapes(parcel):
        faults.setdefault(fault.at, []).append(fault)
    entries = {}
    for at, event in enumerate(parcel.events):
        if at in faults:
            continue
        try:
            entries[at] = entry_of(event, recorded_at=ctx.now, context=parcel.contexts)
        except errors.Invalid as invalid:
            pointer = f"{parcel.pointer}/{at}" if parcel.pointer else ""
            found = invalid.facts.get("errors") or [
                {"detail": invalid.detail or invalid.title, "pointer": ""}
            ]
            faults[at] = [Fault(at, each["detail"], pointer + each["pointer"]) for each in found]
    return Brought(
        ctx=ctx, county_id=county_id, behaviour=behaviour, parcel=parcel, entries=entries, faults=faults
    )


def capture_all(session: Session, county_id: uuid.UUID, documents: Sequence[Brought]) -> list[CaptureJob]:
    """Take in what documents of one county say, one after the other; the jobs tell what became of them.

    The county's chain is the last that the unit of work locks. Raises CountyNotFound.
    """
    counties.get(session, county_id=county_id)
    register = Register(
        driver_of(session), county_id, [entry for each in documents for entry in each.entries.values()]
    )
    jobs = [_capture(session, register, each) for each in documents]
    register.write()
    if any(job.taken for job in jobs):
        events.publish(session, documents[0].ctx, EventsRecorded(county_id))
    return jobs


def _capture(session: Session, register: Register, brought: Brought) -> CaptureJob:
    ctx, parcel, faults = brought.ctx, brought.parcel, dict(brought.faults)
    places = list(brought.entries)
    for place in register.named_otherwise(list(brought.entries.values())):
        at = places[place]
        faults[at] = [Fault(at, _NAMED, f"{parcel.pointer}/{at}/eventID")]
    taken = (
        []
        if faults and brought.behaviour is Behaviour.ROLLBACK
        else [at for at in places if at not in faults]
    )
    register.add(
        Recorded(county_id=brought.county_id, entry=brought.entries[at], actor=ctx.actor.label)
        for at in taken
    )
    job = CaptureJob(
        id=new_id(),
        county_id=brought.county_id,
        behaviour=brought.behaviour,
        events=len(parcel.events),
        taken=len(taken),
        faults=[_told(fault, ctx.language) for at in sorted(faults) for fault in faults[at]][:FAULTS_MAX],
        actor=ctx.actor.label,
        created_at=ctx.now,
    )
    session.add(job)
    after = {
        "county_id": str(brought.county_id),
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


def _told(fault: Fault, language: Language) -> dict[str, Any]:
    """The fault as a problem of RFC 9457."""
    return {
        "type": "epcisException:ValidationException",
        "title": _FAULT_TITLE.pick(language),
        "status": 400,
        "detail": fault.detail.pick(language) if isinstance(fault.detail, Text) else fault.detail,
        "pointer": fault.pointer.replace("\x00", "\ufffd"),
    }
