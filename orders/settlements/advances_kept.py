"""Advances as they stand: what is outstanding, and the journal by which that changes; nothing else changes it.

Rows are taken in the order standing (by cooperative and currency), advance (by id). Of the ledger the payout books what
goes out and comes back, and the final settlement what is repaid; both in the transaction in which it stands here.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from orders.settlements import account
from orders.settlements.advance_models import Advance, AdvanceLine, AdvanceStanding
from orders.settlements.advance_states import (
    AdvanceLineKind,
    AdvanceNotOutstanding,
    AdvanceRepaidDifferently,
    AdvanceState,
    check_move,
)

Key = tuple[uuid.UUID, str]
"""A cooperative and a currency."""

SIGNS: Final = {
    AdvanceLineKind.PAID: 1,
    AdvanceLineKind.REPAID: -1,
    AdvanceLineKind.UNDONE: 1,
    AdvanceLineKind.RETURNED: -1,
}


class AdvanceNotFound(errors.NotFound):
    title = Text(en="There is no such advance.", zh="没有该笔预付款。")


def outstanding(
    session: Session, *, cooperative_ids: Collection[uuid.UUID], currency: str
) -> dict[uuid.UUID, tuple[account.Advance, ...]]:
    """What each has outstanding, the oldest first: of paid advances alone. One without any has an empty tuple."""
    rows = session.execute(
        select(Advance.cooperative_id, Advance.id, Advance.paid_at, Advance.outstanding_minor)
        .where(
            Advance.cooperative_id.in_(cooperative_ids),
            Advance.currency == currency,
            Advance.state == AdvanceState.PAID,
        )
        .order_by(Advance.paid_at, Advance.id)
    )
    found: dict[uuid.UUID, list[account.Advance]] = {each: [] for each in cooperative_ids}
    for cooperative_id, advance_id, paid_at, minor in rows:
        assert paid_at is not None, "a paid advance has its day"
        found[cooperative_id].append(
            account.Advance(reference=str(advance_id), paid_on=paid_at.date(), outstanding_minor=minor)
        )
    return {each: tuple(advances) for each, advances in found.items()}


def repay(
    session: Session,
    ctx: Context,
    *,
    settlement_id: uuid.UUID,
    taken: Mapping[uuid.UUID, Sequence[account.Taken]],
) -> None:
    """A final settlement has taken these parts of advances, by cooperative. Told again it is the same.

    Raises AdvanceNotFound, AdvanceNotOutstanding, AdvanceRepaidDifferently.
    """
    wanted = {
        uuid.UUID(part.reference): (cooperative_id, part.amount_minor)
        for cooperative_id, parts in taken.items()
        for part in parts
    }
    if not wanted:
        return
    standings, advances = _locked_all(session, wanted)
    known = _repaid_by(session, settlement_id)
    for advance_id, (cooperative_id, minor) in sorted(wanted.items()):
        advance = advances.get(advance_id)
        if advance is None or advance.cooperative_id != cooperative_id:
            raise AdvanceNotFound
        if advance_id in known:
            if known[advance_id] != minor:
                raise AdvanceRepaidDifferently(advance_id=str(advance_id), repaid_minor=known[advance_id])
            continue
        if minor > advance.outstanding_minor:
            raise AdvanceNotOutstanding(
                advance_id=str(advance_id), outstanding_minor=advance.outstanding_minor
            )
        standing = standings[advance.cooperative_id, advance.currency]
        write(
            session,
            ctx,
            standing,
            advance,
            AdvanceLineKind.REPAID,
            minor,
            settlement_id=settlement_id,
        )
        if not advance.outstanding_minor:
            move(session, ctx, advance, AdvanceState.REPAID)
    session.flush()


def write(
    session: Session,
    ctx: Context,
    standing: AdvanceStanding,
    advance: Advance,
    kind: AdvanceLineKind,
    amount_minor: int,
    *,
    settlement_id: uuid.UUID | None = None,
    payout_id: uuid.UUID | None = None,
) -> None:
    """One line of a locked advance's journal, and the counters with it."""
    advance.outstanding_minor += SIGNS[kind] * amount_minor
    standing.outstanding_minor += SIGNS[kind] * amount_minor
    standing.version += 1
    advance.lines += 1
    line = AdvanceLine(
        advance_id=advance.id,
        number=advance.lines,
        kind=kind,
        amount_minor=amount_minor,
        outstanding_minor=advance.outstanding_minor,
        settlement_id=settlement_id,
        payout_id=payout_id,
        actor=ctx.actor.label,
        request_id=ctx.request_id,
        at=ctx.now,
    )
    session.add(line)
    audit.record(
        session,
        ctx,
        f"advance.line_{kind}",
        subject=("advance", advance.id),
        after={"amount_minor": amount_minor, "outstanding_minor": advance.outstanding_minor},
    )


def move(session: Session, ctx: Context, advance: Advance, after: AdvanceState) -> None:
    """A locked advance goes on. Raises AdvanceStateForbids."""
    before = advance.state
    check_move(before, after)
    advance.state = after
    advance.version += 1
    audit.record(
        session,
        ctx,
        f"advance.{after}",
        subject=("advance", advance.id),
        before={"state": before},
        after={"state": str(after), "amount_minor": advance.amount_minor},
    )


def locked(session: Session, advance_id: uuid.UUID) -> tuple[AdvanceStanding, Advance]:
    """An advance and what its cooperative stands at, locked in their order. Raises AdvanceNotFound."""
    key = session.execute(
        select(Advance.cooperative_id, Advance.currency).where(Advance.id == advance_id)
    ).one_or_none()
    if key is None:
        raise AdvanceNotFound
    standing = standing_locked(session, cooperative_id=key.cooperative_id, currency=key.currency)
    return standing, session.get_one(Advance, advance_id, with_for_update=True, populate_existing=True)


def standing_locked(session: Session, *, cooperative_id: uuid.UUID, currency: str) -> AdvanceStanding:
    """What the cooperative stands at; begun at nothing by whoever comes first."""
    session.execute(
        insert(AdvanceStanding)
        .values(
            cooperative_id=cooperative_id,
            currency=currency,
            promised_minor=0,
            outstanding_minor=0,
            version=1,
        )
        .on_conflict_do_nothing()
    )
    return session.get_one(
        AdvanceStanding, (cooperative_id, currency), with_for_update=True, populate_existing=True
    )


def _locked_all(
    session: Session, advance_ids: Iterable[uuid.UUID]
) -> tuple[dict[Key, AdvanceStanding], dict[uuid.UUID, Advance]]:
    ids = sorted(advance_ids)
    keys = session.execute(
        select(Advance.cooperative_id, Advance.currency).where(Advance.id.in_(ids)).distinct()
    ).all()
    columns = (AdvanceStanding.cooperative_id, AdvanceStanding.currency)
    standings = session.scalars(
        select(AdvanceStanding)
        .where(tuple_(*columns).in_([(row.cooperative_id, row.currency) for row in keys]))
        .order_by(*columns)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    kept = {(each.cooperative_id, each.currency): each for each in standings}
    advances = session.scalars(
        select(Advance)
        .where(Advance.id.in_(ids))
        .order_by(Advance.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return kept, {each.id: each for each in advances}


def _repaid_by(session: Session, settlement_id: uuid.UUID) -> dict[uuid.UUID, int]:
    rows = session.execute(
        select(AdvanceLine.advance_id, AdvanceLine.amount_minor).where(
            AdvanceLine.settlement_id == settlement_id, AdvanceLine.kind == AdvanceLineKind.REPAID
        )
    )
    return {row.advance_id: row.amount_minor for row in rows}
