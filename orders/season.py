"""The season's account: how many grams each cooperative has been given to sell since the season began."""

import uuid
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit, database, errors
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import GRAMS_MAX, new_id
from orders.allocation import season_policy
from orders.allocation.season_policy import Ledger
from orders.models import BulkTerms, Order, SeasonEntry
from orders.states import OrderState


class AccountOpen(errors.Conflict):
    """The cooperative's account of this season was opened before."""

    title = Text(en="This season's account is open already.", zh="该产季账户已开立。")


def history_grams(session: Session, *, season: str) -> dict[uuid.UUID, int]:
    """Grams per cooperative in `season`; who has none is missing."""
    rows = session.execute(
        select(SeasonEntry.cooperative_id, func.sum(SeasonEntry.grams))
        .where(SeasonEntry.season == season)
        .group_by(SeasonEntry.cooperative_id)
    )
    return {cooperative_id: int(grams) for cooperative_id, grams in rows}


def order_grams(session: Session, *, county_id: uuid.UUID, season: str) -> list[int]:
    """The season's bulk orders of a county so far, in grams; cancelled ones never were."""
    rows = session.scalars(
        select(Order.boxes * Order.pack_grams)
        .join(BulkTerms, BulkTerms.order_id == Order.id)
        .where(
            BulkTerms.county_id == county_id,
            BulkTerms.season == season,
            Order.state != OrderState.CANCELLED,
        )
        .order_by(Order.id)
    )
    return [int(grams) for grams in rows]


def ledger(session: Session, *, county_id: uuid.UUID, season: str) -> Ledger:
    """Who is ahead and who is behind the season's line, and by how much. Raises CountyNotFound."""
    sellers = cooperatives.of_county(session, county_id=county_id)
    history = history_grams(session, season=season)
    return season_policy.ledger(
        [
            season_policy.SeasonEntry(cooperative=each.code, kind="accepted", grams=history.get(each.id, 0))
            for each in sellers
        ],
        {each.code: each.member_households for each in sellers},
        order_grams=order_grams(session, county_id=county_id, season=season),
    )


def join(session: Session, ctx: Context, *, cooperative_id: uuid.UUID, season: str) -> SeasonEntry:
    """A newcomer enters at the season's line, not at zero: it was no part of what was sold before it came.

    Raises CooperativeNotFound, AccountOpen.
    """
    newcomer = cooperatives.get(session, cooperative_id=cooperative_id)
    line = season_policy.ledger(
        [
            season_policy.SeasonEntry(
                cooperative=account.cooperative, kind="accepted", grams=account.sold_grams
            )
            for account in ledger(session, county_id=newcomer.county_id, season=season).accounts
        ],
        {
            each.code: each.member_households
            for each in cooperatives.of_county(session, county_id=newcomer.county_id)
        },
        newcomers=[newcomer.code],
    ).line
    grams = min(int(line * newcomer.member_households), GRAMS_MAX)
    return open_account(session, ctx, cooperative_id=cooperative_id, season=season, grams=grams)


def open_account(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, season: str, grams: int
) -> SeasonEntry:
    """What a cooperative sold this season before it joined the marketplace; once.

    Raises CooperativeNotFound, AccountOpen.
    """
    cooperatives.get(session, cooperative_id=cooperative_id)
    entry = _entry(
        ctx, cooperative_id=cooperative_id, season=season, grams=grams, reason="opening", run_id=None
    )
    session.add(entry)
    with database.refusing({"uq_season_entry_opening": AccountOpen()}):
        session.flush()
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


def book_purpose(
    session: Session,
    ctx: Context,
    *,
    purpose_id: uuid.UUID,
    season: str,
    cooperative_id: uuid.UUID,
    grams: int,
) -> None:
    """What something other than a bulk order's run gave a cooperative to sell, or, below zero, takes back."""
    session.add(
        SeasonEntry(
            id=new_id(),
            cooperative_id=cooperative_id,
            season=season,
            grams=grams,
            reason="share" if grams > 0 else "given_back",
            purpose_id=purpose_id,
            at=ctx.now,
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
