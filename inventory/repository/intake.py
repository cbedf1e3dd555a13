"""Documents at the door: those that come at once for one county are written down in one commit.

A chain grows by one writer at a time, so each commit of it keeps the others waiting: few and large ones let more in.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from inventory.repository import capturing
from inventory.repository.capturing import Brought
from inventory.repository.models import Behaviour, CaptureJob
from marketplace import database, desk, errors
from marketplace.context import Context
from marketplace.desk import Broken

TABLE: Final = "captures"
EVENTS_MAX: Final = 5_000
"""So many are written in one commit, unless one document alone has more."""

Told = CaptureJob | errors.Refusal | Broken


def take_in(ctx: Context, *, county_id: uuid.UUID, document: Any, behaviour: Behaviour) -> CaptureJob:
    """Take in what a document says; the job tells what became of it.

    Is a unit of work of its own, shared with those who come at once. Raises CountyNotFound, ValidationException for
    what is no document at all, CaptureLimitExceededException, DatabaseUnavailable, CommitUnknown: sent again, its
    events are those that are there.
    """
    brought = capturing.read_in(ctx, county_id=county_id, document=document, behaviour=behaviour)
    told: Told = desk.table(TABLE, take_in_all).ask(brought)
    if isinstance(told, errors.Refusal):
        raise told
    if isinstance(told, Broken):
        raise told.problem
    return told


def take_in_all(brought: Sequence[Brought]) -> Iterator[tuple[int, Told]]:
    """For each its place, and what became of it; a document that breaks spoils nothing for the others."""
    by_county = sorted(enumerate(brought), key=lambda each: each[1].county_id)
    for county_id, documents in groupby(by_county, key=lambda each: each[1].county_id):
        for batch in _batches(documents):
            yield from _written(county_id, batch)


def _written(county_id: uuid.UUID, batch: Sequence[tuple[int, Brought]]) -> Iterator[tuple[int, Told]]:
    try:
        jobs = database.transact(
            lambda session: capturing.capture_all(session, county_id, [each for _, each in batch])
        )
    except errors.Refusal as refusal:
        yield from ((place, refusal) for place, _ in batch)
    except Exception as problem:  # noqa: BLE001 (its caller raises it)
        if len(batch) == 1:
            yield batch[0][0], Broken(problem)
            return
        for each in batch:
            yield from _written(county_id, [each])
    else:
        yield from zip((place for place, _ in batch), jobs, strict=True)


def _batches(documents: Iterable[tuple[int, Brought]]) -> Iterator[list[tuple[int, Brought]]]:
    batch: list[tuple[int, Brought]] = []
    events = 0
    for each in documents:
        count = len(each[1].entries)
        if batch and events + count > EVENTS_MAX:
            yield batch
            batch, events = [], 0
        batch.append(each)
        events += count
    if batch:
        yield batch
