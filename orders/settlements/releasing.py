"""Retention whose day has come is released by a settlement of its own, where no other one of its cooperative is open.

A settlement of kind `release` has no campaign and no boxes. It is a settlement in all else: what is owed, advances and
open parts of storage bills are netted before anything is paid, its members read it and may object, it is booked and
paid as any other. Rows are taken in the order settlement, cooperative, and then as `settling` says.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.catalogue import cooperatives
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.database import TryAgain
from marketplace.language import Text
from marketplace.values import new_id
from orders.settlements import journal, kept, settling
from orders.settlements.account import Account
from orders.settlements.facts import Facts, StorageShare, Terms
from orders.settlements.gathering import Key
from orders.settlements.journal import Moved
from orders.settlements.kept import AccountInUse
from orders.settlements.models import Retention, Settlement
from orders.settlements.rules import settle
from orders.settlements.settling import NothingToRelease
from orders.settlements.states import SettlementKind, SettlementState
from orders.settlements.storage import parts as storage_parts

BATCH: Final = 200
"""Of so many cooperatives and currencies in one unit of work."""
OBJECTION_DAYS: Final = 7
TITLE: Final = Text(en="Release of retention", zh="质保金释放")
OPEN: Final = Settlement.state.in_((SettlementState.DRAFT, *kept.LOOKED_AT)) & (
    (Settlement.kind != SettlementKind.RELEASE) | (Settlement.state != SettlementState.DRAFT)
)
"""Settlements that are not final, and are to release what is due; a draft of a release is computed anew instead."""


def draft(session: Session, ctx: Context, *, cooperative_id: uuid.UUID, currency: str) -> Settlement:
    """Computed, or computed anew: all of the cooperative's retention in this currency that is due.

    Raises CooperativeNotFound, AccountInUse, NothingToRelease, StatementNotProved.
    """
    cooperatives.get(session, cooperative_id=cooperative_id)
    key = (cooperative_id, currency)
    known = _drafts(session, [key])
    if number := _open(session, [key]).get(key):
        raise AccountInUse(number=number)
    made = _draft(session, ctx, [key], known)
    if not made:
        raise NothingToRelease
    [settlement] = made
    told = {"payout_minor": settlement.payout_minor, "digest": settlement.digest}
    audit.record(session, ctx, "settlement.draft_release", subject=("settlement", settlement.id), after=told)
    return settlement


def release_due(session: Session, ctx: Context) -> int:
    """A batch of those whose retention is due and who have no other settlement: drafted and proposed; how many."""
    due = (
        select(Retention.cooperative_id, Retention.currency)
        .where(
            Retention.left_minor > 0,
            Retention.until <= ctx.today,
            ~select(Settlement.id)
            .where(
                Settlement.cooperative_id == Retention.cooperative_id,
                Settlement.currency == Retention.currency,
                OPEN,
            )
            .exists(),
        )
        .distinct()
        .order_by(Retention.cooperative_id, Retention.currency)
        .limit(BATCH)
    )
    keys: list[Key] = [(row.cooperative_id, row.currency) for row in session.execute(due)]
    if not keys:
        return 0
    known = _drafts(session, keys)
    in_use = _open(session, keys)
    made = _draft(session, ctx, [key for key in keys if key not in in_use], known)
    settling.propose_these(session, ctx, made)
    return len(made)


def _drafts(session: Session, keys: Collection[Key]) -> dict[Key, Settlement]:
    """Locked drafts of releases; then the cooperatives are locked, so that nobody makes another one."""
    wanted = (
        select(Settlement)
        .where(
            tuple_(Settlement.cooperative_id, Settlement.currency).in_(list(keys)),
            Settlement.kind == SettlementKind.RELEASE,
            Settlement.state == SettlementState.DRAFT,
        )
        .order_by(Settlement.id)
        .execution_options(populate_existing=True)
    )
    found = {(each.cooperative_id, each.currency): each for each in session.scalars(wanted.with_for_update())}
    kept.lock(session, {cooperative_id for cooperative_id, _ in keys})
    if {each.id for each in session.scalars(wanted)} != {each.id for each in found.values()}:
        raise TryAgain  # somebody has made or proposed one before the lock was had
    return found


def _open(session: Session, keys: Collection[Key]) -> dict[Key, str]:
    """Of which of these another settlement is not final, and its number: it is to release what is due."""
    rows = session.execute(
        select(Settlement.cooperative_id, Settlement.currency, Settlement.number).where(
            tuple_(Settlement.cooperative_id, Settlement.currency).in_(list(keys)), OPEN
        )
    )
    return {(row.cooperative_id, row.currency): row.number for row in rows}


def _draft(
    session: Session, ctx: Context, keys: Sequence[Key], known: dict[Key, Settlement]
) -> list[Settlement]:
    """Of those who have anything that is due."""
    before = kept.accounts(session, keys)
    due = [key for key in keys if before[key].due_on(ctx.today)]
    stored = storage_parts.open_of(session, due)
    numbers = _numbers(session, [key for key in due if key not in known])
    made: list[Settlement] = []
    moved: list[Moved] = []
    for key in due:
        settlement = known.get(key)
        was = None if settlement is None else settlement.digest
        if settlement is None:
            settlement = _new(ctx, key, number=numbers[key])
            session.add(settlement)
        _compute(ctx, settlement, before[key], stored.get(key, ()))
        moved += journal.drafted(settlement, was=was)
        made.append(settlement)
    journal.write(session, ctx, moved)
    return made


def _compute(
    ctx: Context, settlement: Settlement, before: Account, storage: tuple[StorageShare, ...]
) -> None:
    facts = Facts(
        settlement=settlement.number,
        currency=settlement.currency,
        settled_on=ctx.today,
        terms=Terms(commission_bps=0),
        storage=storage,
    )
    journal.put(settlement, settle(facts, before))


def _new(ctx: Context, key: Key, *, number: str) -> Settlement:
    return Settlement(
        id=new_id(),
        kind=SettlementKind.RELEASE,
        number=number,
        campaign_en=TITLE.en,
        campaign_zh=TITLE.zh,
        cooperative_id=key[0],
        currency=key[1],
        state=SettlementState.DRAFT,
        orders_minor=0,
        own_discounts_minor=0,
        by_item=[],
        objection_days=OBJECTION_DAYS,
        created_at=ctx.now,
        version=1,
    )


def _numbers(session: Session, keys: Sequence[Key]) -> dict[Key, str]:
    """The next of each, which nobody else takes while the cooperative is locked."""
    codes = {
        row.id: row.code
        for row in session.execute(
            select(Cooperative.id, Cooperative.code).where(Cooperative.id.in_([each for each, _ in keys]))
        )
    }
    rows = session.execute(
        select(Settlement.cooperative_id, Settlement.currency, func.count())
        .where(
            Settlement.kind == SettlementKind.RELEASE,
            tuple_(Settlement.cooperative_id, Settlement.currency).in_(list(keys)),
        )
        .group_by(Settlement.cooperative_id, Settlement.currency)
    )
    made = {(cooperative_id, currency): count for cooperative_id, currency, count in rows}
    return {key: f"release-{codes[key[0]]}-{key[1]}-{made.get(key, 0) + 1}" for key in keys}
