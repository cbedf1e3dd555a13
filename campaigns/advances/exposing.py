"""How exposed the marketplace is by each cooperative: what is outstanding and owed, less what is held; its limit."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.advances import gathering
from marketplace.access import STAFF, Role
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.ledger.models import LedgerAccount, LedgerBalance
from orders.settlements.advance_models import AdvanceStanding
from orders.settlements.advances import Exposure

OWED, HELD = "coop_receivable", "coop_retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """In one currency. `promised_minor`: granted, and its payout is on the way."""

    currency: str
    promised_minor: int
    exposure: Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A cooperative, in every currency in which it stands at anything."""

    id: uuid.UUID
    code: str
    name_en: str
    name_zh: str
    currencies: tuple[Exposed, ...]


def visible(ctx: Context) -> Select[Cooperative]:
    """Those whose exposure the actor may see."""
    statement = select(Cooperative)
    if ctx.actor.has(*STAFF, Role.SYSTEM):
        return statement
    return statement.where(Cooperative.id.in_(ctx.actor.cooperative_ids))


def of(session: Session, cooperatives: Sequence[Cooperative]) -> list[Row]:
    """In their order; three statements and what their campaigns take, however many they are."""
    ids = [each.id for each in cooperatives]
    standings = {
        (each.cooperative_id, each.currency): each
        for each in session.scalars(select(AdvanceStanding).where(AdvanceStanding.cooperative_id.in_(ids)))
    }
    booked = _booked(session, ids)
    limit = _limits(session, ids)
    keys = sorted({*standings, *limit, *((owner, currency) for owner, currency, _ in booked)})
    found: dict[uuid.UUID, list[Exposed]] = {}
    for key in keys:
        standing = standings.get(key)
        exposed = Exposed(
            currency=key[1],
            promised_minor=0 if standing is None else standing.promised_minor,
            exposure=Exposure(
                outstanding_minor=0 if standing is None else standing.outstanding_minor,
                owed_minor=booked.get((*key, OWED), 0),
                held_minor=booked.get((*key, HELD), 0),
                limit_minor=limit.get(key, 0),
            ),
        )
        found.setdefault(key[0], []).append(exposed)
    return [
        Row(
            id=each.id,
            code=each.code,
            name_en=each.name_en,
            name_zh=each.name_zh,
            currencies=tuple(found.get(each.id, ())),
        )
        for each in cooperatives
    ]


def _booked(
    session: Session, cooperative_ids: Collection[uuid.UUID]
) -> dict[tuple[uuid.UUID, str, str], int]:
    """By cooperative, currency and code: what it owes, and what is kept back from it."""
    moved = LedgerBalance.debits_posted - LedgerBalance.credits_posted
    rows = session.execute(
        select(LedgerAccount.owner_id, LedgerAccount.currency, LedgerAccount.code, func.sum(moved))
        .join(LedgerBalance, LedgerBalance.account_id == LedgerAccount.id)
        .where(LedgerAccount.owner_id.in_(cooperative_ids), LedgerAccount.code.in_((OWED, HELD)))
        .group_by(LedgerAccount.owner_id, LedgerAccount.currency, LedgerAccount.code)
    )
    found = {}
    for owner_id, currency, code, minor in rows:
        assert owner_id is not None, "these accounts have their owners"
        found[owner_id, currency, code] = int(minor) if code == OWED else -int(minor)
    return found


def _limits(session: Session, cooperative_ids: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    """By cooperative and currency, what its boxes of all live campaigns cover."""
    found: dict[tuple[uuid.UUID, str], int] = {}
    pledged = gathering.pledges(session, cooperative_ids=cooperative_ids)
    for (_, currency), of_each in gathering.limits(session, pledged).items():
        for cooperative_id, minor in of_each.items():
            key = cooperative_id, currency
            found[key] = found.get(key, 0) + minor
    return found
