"""Whether a county's chain is what it was, read from its beginning."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy.orm import Session

from inventory.traces import entries, keys, notes, proof
from inventory.traces.merkle import runs_of
from inventory.traces.models import TraceChain
from inventory.traces.notes import Checkpoint, NotANote
from inventory.traces.proof import Row, Standing, Verdict
from marketplace import errors
from marketplace.database import driver_of
from marketplace.language import Text

PAGE: Final = 5_000

Step = Callable[[int], None]
"""How many events have been read."""


class NoChain(errors.NotFound):
    """The county has no events yet."""

    title = Text(en="The county has no events yet.", zh="该县尚无追溯事件。")


class WrongCheckpoint(errors.Invalid):
    """A checkpoint is not of this chain, or signed by nobody who is known."""

    title = Text(en="A checkpoint is not ours.", zh="检查点并非由我方签署。")


def verify(
    session: Session,
    *,
    county_id: uuid.UUID,
    county_code: str,
    kept_notes: Sequence[str] = (),
    step: Step = lambda _read: None,
) -> Verdict:
    """Read the chain; `kept_notes` are checkpoints that were kept elsewhere. Raises NoChain, WrongCheckpoint."""
    chain = session.get(TraceChain, county_id)
    if chain is None and not kept_notes:
        raise NoChain
    checkpoints = [read_note(note, county_code) for note in kept_notes]
    standing = Standing(
        length=chain.length if chain else 0,
        head=chain.head if chain else entries.county_seed(county_id),
        frontier=runs_of(chain.frontier) if chain else (),
    )
    return proof.examine(
        _rows(session, county_id, step), entries.county_seed(county_id), standing, checkpoints
    )


def read_note(note: str, county_code: str) -> Checkpoint:
    """What a note says of this county's chain. Raises WrongCheckpoint."""
    try:
        found = notes.read(note, keys.verifiers())
    except NotANote as problem:
        raise WrongCheckpoint(
            Text(en=f"A checkpoint: {problem}.", zh=f"检查点无效：{problem}。")
        ) from problem
    if found.origin.rpartition("/")[2] != county_code:
        raise WrongCheckpoint
    return found


def _rows(session: Session, county_id: uuid.UUID, step: Step) -> Iterator[Row]:
    read = 0
    with driver_of(session).cursor(name="trace_verify") as cursor:
        cursor.itersize = PAGE
        cursor.execute(_ROWS, {"county_id": county_id})
        for number, body, context, link in cursor:
            yield Row(
                number=number,
                body=body.encode(),
                context=None if context is None else context.encode(),
                link=link,
            )
            read += 1
            if read % PAGE == 0:
                step(read)
    step(read)


_ROWS: Final = """
    SELECT number, body, context, link FROM trace_event WHERE county_id = %(county_id)s ORDER BY number
"""
