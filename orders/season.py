"""The season's account: how many grams each cooperative has been given to sell since the season began."""

import uuid
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id
from orders.models import SeasonEntry


def history_grams(session: Session, *, season: str) -> dict[uuid.UUID, int]:
    """Grams per cooperative in `season`; who has none is missing."""
    rows = session.execute(
        select(SeasonEntry.cooperative_id, func.sum(SeasonEntry.grams))
        .where(SeasonEntry.season == season)
        .group_by(SeasonEntry.cooperative_id)
    )
    return {cooperative_id: int(grams) for cooperative_id, grams in rows}


def open_account(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, season: str, grams: int
) -> SeasonEntry:
    """What a cooperative sold this season before it joined the marketplace."""
    entry = _entry(
        ctx, cooperative_id=cooperative_id, season=season, grams=grams, reason="opening", run_id=None
    )
    session.add(entry)
    audit.record(session, ctx, "season.open", subject=("cooperative", cooperative_id), after={"grams": grams})
    return entry


def book_shares(
    session: Session, ctx: Context, *, run_id: uuid.UUID, season: str, grams: Iterable[tuple[uuid.UUID, int]]
) -> None:
    """What a run gave, one entry for each cooperative that got something."""
    session.add_all(
        _entry(ctx, cooperative_id=cooperative_id, season=season, grams=given, reason="share", run_id=run_id)
        for cooperative_id, given in grams
        if given
    )


def book_back(
    session: Session, ctx: Context, *, run_id: uuid.UUID, season: str, cooperative_id: uuid.UUID, grams: int
) -> None:
    """Take back what a run gave, because the cooperative does not sell it after all."""
    session.add(
        _entry(
            ctx,
            cooperative_id=cooperative_id,
            season=season,
            grams=-grams,
            reason="given_back",
            run_id=run_id,
        )
    )


def _entry(
    ctx: Context, *, cooperative_id: uuid.UUID, season: str, grams: int, reason: str, run_id: uuid.UUID | None
) -> SeasonEntry:
    return SeasonEntry(
        id=new_id(),
        cooperative_id=cooperative_id,
        season=season,
        grams=grams,
        reason=reason,
        run_id=run_id,
        at=ctx.now,
    )
