"""Checkpoints: every ten minutes, at the process's end and when asked for, each chain that has grown is signed for."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.traces import keys, notes
from inventory.traces.anchors import Anchor, FileAnchor, WebhookAnchor
from inventory.traces.merkle import Frontier, runs_of
from inventory.traces.models import TraceChain, TraceCheckpoint
from inventory.traces.notes import Checkpoint
from marketplace import audit, jobs, turns
from marketplace.catalogue.models import County
from marketplace.context import Context
from marketplace.settings import Settings

PUBLISH: Final = "inventory.trace_publish"
_TURN: Final = "trace-checkpoints"


def sign_all(session: Session, ctx: Context) -> list[TraceCheckpoint]:
    """Sign for every chain that is longer than its last checkpoint; told elsewhere by a job of its own.

    Processes that end together take turns: whoever waits for the row of a chain only would still see the checkpoints
    of before, and sign for the same length again.
    """
    turns.take(session, _TURN)
    last = (
        select(func.max(TraceCheckpoint.length))
        .where(TraceCheckpoint.county_id == TraceChain.county_id)
        .scalar_subquery()
    )
    grown = session.execute(
        select(TraceChain, County.code)
        .join(County, County.id == TraceChain.county_id)
        .where(TraceChain.length > func.coalesce(last, 0))
        .order_by(TraceChain.county_id)
        .with_for_update(of=TraceChain)
    ).all()
    made = [_signed(session, ctx, chain, code) for chain, code in grown]
    session.flush()
    for each in made:
        jobs.enqueue(session, PUBLISH, arguments={"county_id": str(each.county_id), "length": each.length})
    return made


def at_the_end(session: Session, ctx: Context) -> None:
    """A process that ends leaves nothing unsigned, and the notes in their files."""
    for made in sign_all(session, ctx):
        code = session.get_one(County, made.county_id).code
        FileAnchor(folder()).publish(session, ctx, made, county_code=code)


def publish(session: Session, ctx: Context, *, county_id: uuid.UUID, length: int) -> None:
    """Give a checkpoint to every anchor."""
    checkpoint = session.get_one(TraceCheckpoint, (county_id, length))
    code = session.get_one(County, county_id).code
    for anchor in anchors():
        anchor.publish(session, ctx, checkpoint, county_code=code)


def anchors() -> Sequence[Anchor]:
    """Where checkpoints go."""
    return (FileAnchor(folder()), WebhookAnchor())


def folder() -> Path:
    """Where the file of each county stands."""
    settings: Settings = current_app.config["SETTINGS"]
    given = settings.trace_checkpoints_dir
    return Path(given) if given else settings.data_folder / "checkpoints"


def of_county(session: Session, county_id: uuid.UUID) -> list[str]:
    """All notes of a county, oldest first."""
    return list(
        session.scalars(
            select(TraceCheckpoint.note)
            .where(TraceCheckpoint.county_id == county_id)
            .order_by(TraceCheckpoint.length)
        )
    )


def _signed(session: Session, ctx: Context, chain: TraceChain, county_code: str) -> TraceCheckpoint:
    frontier = Frontier(chain.length, runs_of(chain.frontier))
    said = Checkpoint(
        origin=keys.origin(county_code),
        size=chain.length,
        root=frontier.root(),
        head=chain.head,
        signed_at=ctx.now,
    )
    made = TraceCheckpoint(
        county_id=chain.county_id,
        length=chain.length,
        note=notes.sign(said, keys.signer()),
        signed_at=ctx.now,
    )
    session.add(made)
    audit.record(
        session, ctx, "trace.checkpoint", subject=("county", chain.county_id), after={"length": chain.length}
    )
    return made
