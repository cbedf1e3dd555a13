"""What stands in the ledger: the trial balance, accounts with their balances, statements, the journal.

Now is read from the kept balances, all slots in one statement, so that every answer is of one moment and sums to zero.
An instant of the past is what stands now, less what was booked after it: exact, and cheap for recent dates.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text, tuple_
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.ledger.chart import CHART, OwnerKind, Side
from marketplace.ledger.models import LedgerAccount, LedgerBalance, LedgerEntry, LedgerTransfer
from marketplace.ledger.rules import BOOKED, Change

FILE_LINES_MAX: Final = 50_000
"""Of a statement or a journal in one file."""

TRIAL_NOW: Final = """
    SELECT a.code, a.currency, a.normal_side, count(*) AS accounts,
        sum(b.debits_posted) AS debits_posted, sum(b.credits_posted) AS credits_posted,
        sum(b.debits_pending) AS debits_pending, sum(b.credits_pending) AS credits_pending
    FROM (
        SELECT account_id, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
            sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending
        FROM ledger_balance GROUP BY account_id
        HAVING (sum(debits_posted), sum(credits_posted), sum(debits_pending), sum(credits_pending)) <> (0, 0, 0, 0)
    ) b JOIN ledger_account a ON a.id = b.account_id
    GROUP BY a.code, a.currency, a.normal_side ORDER BY a.currency, a.code
    """

TRIAL_AT: Final = """
    WITH later AS MATERIALIZED (
        SELECT id, phase, pending_id FROM ledger_transfer WHERE at > :at
    ), moves AS (
        SELECT account_id, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_balance
        UNION ALL
        SELECT e.account_id,
            CASE WHEN e.side = 'debit' AND l.phase IN ('single', 'post') THEN -e.amount_minor ELSE 0 END,
            CASE WHEN e.side = 'credit' AND l.phase IN ('single', 'post') THEN -e.amount_minor ELSE 0 END,
            CASE WHEN e.side = 'debit' THEN
                CASE l.phase WHEN 'pending' THEN -e.amount_minor WHEN 'void' THEN e.amount_minor ELSE 0 END
                ELSE 0 END,
            CASE WHEN e.side = 'credit' THEN
                CASE l.phase WHEN 'pending' THEN -e.amount_minor WHEN 'void' THEN e.amount_minor ELSE 0 END
                ELSE 0 END
        FROM later l JOIN ledger_entry e ON e.transfer_id = l.id
        UNION ALL
        SELECT p.account_id, 0, 0, CASE p.side WHEN 'debit' THEN p.amount_minor ELSE 0 END,
            CASE p.side WHEN 'credit' THEN p.amount_minor ELSE 0 END
        FROM later l JOIN ledger_entry p ON p.transfer_id = l.pending_id WHERE l.phase = 'post'
    ), standing AS (
        SELECT account_id, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
            sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending
        FROM moves GROUP BY account_id
        HAVING (sum(debits_posted), sum(credits_posted), sum(debits_pending), sum(credits_pending)) <> (0, 0, 0, 0)
    )
    SELECT a.code, a.currency, a.normal_side, count(*) AS accounts, sum(s.debits_posted) AS debits_posted,
        sum(s.credits_posted) AS credits_posted, sum(s.debits_pending) AS debits_pending,
        sum(s.credits_pending) AS credits_pending
    FROM standing s JOIN ledger_account a ON a.id = s.account_id
    GROUP BY a.code, a.currency, a.normal_side ORDER BY a.currency, a.code
    """


class LedgerAccountNotFound(errors.NotFound):
    title = Text(en="There is no such account in the ledger.", zh="没有该账户。")


class TooManyLines(errors.Invalid):
    """A file has at most `lines_max` lines: ask for fewer days."""

    title = Text(
        en="So many lines do not fit into one file: ask for fewer days.", zh="行数过多，请缩短日期范围。"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """All accounts of one code and currency together."""

    code: str
    currency: str
    normal_side: Side
    accounts: int
    change: Change

    @property
    def balance_minor(self) -> int:
        return self.change.balance_minor(self.normal_side)

    @property
    def name(self) -> Text:
        return name_of(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account and its counters."""

    account: LedgerAccount
    change: Change

    @property
    def id(self) -> uuid.UUID:
        return self.account.id

    @property
    def side(self) -> Side:
        return Side(self.account.normal_side)

    @property
    def name(self) -> Text:
        return name_of(self.account.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One entry of an account, and what was booked on it up to and with this one."""

    entry: LedgerEntry
    transfer: LedgerTransfer
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From and until when; both may be open. What happens at `until` belongs to it."""

    since: datetime | None = None
    until: datetime | None = None


ALWAYS: Final = Period()


def name_of(code: str) -> Text:
    """Of a code that is no longer in the chart, the code itself."""
    entry = CHART.get(code)
    return Text(en=code, zh=code) if entry is None else entry.name


def trial_balance(session: Session, *, at: datetime | None = None) -> list[TrialLine]:
    """What stands in each code and currency, now or at an instant of the past. Debits and credits are the same sum."""
    found = session.execute(text(TRIAL_NOW)) if at is None else session.execute(text(TRIAL_AT), {"at": at})
    return [
        TrialLine(
            code=row.code,
            currency=row.currency,
            normal_side=Side(row.normal_side),
            accounts=row.accounts,
            change=_change(row),
        )
        for row in found
    ]


def totals(lines: Sequence[TrialLine]) -> dict[str, Change]:
    """By currency: debits and credits, booked and reserved."""
    found: dict[str, Change] = {}
    for line in lines:
        found[line.currency] = found.get(line.currency, Change()) + line.change
    return found


def visible(ctx: Context) -> Select[Any]:
    """The accounts that the actor may see: all for staff, those of its cooperatives for a member."""
    if ctx.actor.has(*STAFF):
        return select(LedgerAccount)
    return select(LedgerAccount).where(
        LedgerAccount.owner_kind == OwnerKind.COOPERATIVE,
        LedgerAccount.owner_id.in_(ctx.actor.cooperative_ids),
    )


def every_account(*, code: str | None = None) -> Select[Any]:
    """By code, for who may see them all."""
    wanted = select(LedgerAccount).order_by(
        LedgerAccount.currency, LedgerAccount.code, LedgerAccount.owner_kind, LedgerAccount.owner_id
    )
    return wanted if code is None else wanted.where(LedgerAccount.code == code)


def get_account(session: Session, ctx: Context, *, account_id: uuid.UUID) -> Standing:
    """Raises LedgerAccountNotFound, also for those of others."""
    found = session.scalar(visible(ctx).where(LedgerAccount.id == account_id))
    if found is None:
        raise LedgerAccountNotFound
    return standings(session, [found])[0]


def standings(session: Session, accounts: Collection[LedgerAccount]) -> list[Standing]:
    """These accounts with their balances of one moment."""
    sums = {
        row.account_id: _change(row)
        for row in session.execute(
            select(
                LedgerBalance.account_id,
                func.sum(LedgerBalance.debits_posted).label("debits_posted"),
                func.sum(LedgerBalance.credits_posted).label("credits_posted"),
                func.sum(LedgerBalance.debits_pending).label("debits_pending"),
                func.sum(LedgerBalance.credits_pending).label("credits_pending"),
            )
            .where(LedgerBalance.account_id.in_([account.id for account in accounts]))
            .group_by(LedgerBalance.account_id)
        )
    }
    return [Standing(account=each, change=sums.get(each.id, Change())) for each in accounts]


def statement(
    session: Session,
    *,
    account: LedgerAccount,
    period: Period = ALWAYS,
    limit: int,
    cursor: uuid.UUID | None = None,
) -> list[StatementLine]:
    """At most `limit` entries of the account, the oldest first, behind the transfer `cursor`, each with the balance
    that it left; what is only reserved leaves it as it was.
    """
    keyed = select(LedgerEntry.at, LedgerEntry.transfer_id).where(
        LedgerEntry.account_id == account.id, LedgerEntry.transfer_id == cursor
    )
    place = None if cursor is None else session.execute(keyed).first()
    if cursor is not None and place is None:
        return []
    wanted = (
        select(LedgerEntry, LedgerTransfer)
        .join(LedgerTransfer, LedgerTransfer.id == LedgerEntry.transfer_id)
        .where(LedgerEntry.account_id == account.id)
        .order_by(LedgerEntry.at, LedgerEntry.transfer_id)
        .limit(limit)
    )
    if place is not None:
        wanted = wanted.where(tuple_(LedgerEntry.at, LedgerEntry.transfer_id) > (place.at, place.transfer_id))
    if period.since is not None:
        wanted = wanted.where(LedgerEntry.at >= period.since)
    if period.until is not None:
        wanted = wanted.where(LedgerEntry.at <= period.until)
    found = session.execute(wanted).all()
    if not found:
        return []
    side = Side(account.normal_side)
    running = _booked_before(session, account, found[0][0])
    lines = []
    for entry, transfer in found:
        if entry.phase in BOOKED:
            running += entry.amount_minor if entry.side == side else -entry.amount_minor
        lines.append(StatementLine(entry=entry, transfer=transfer, balance_minor=running))
    return lines


def _booked_before(session: Session, account: LedgerAccount, entry: LedgerEntry) -> int:
    debits, credits_ = session.execute(
        text(
            "SELECT coalesce(sum(amount_minor) FILTER (WHERE side = 'debit'), 0),"
            " coalesce(sum(amount_minor) FILTER (WHERE side = 'credit'), 0) FROM ledger_entry"
            " WHERE account_id = :account_id AND (at, transfer_id) < (:at, :transfer_id)"
            " AND phase IN ('single', 'post')"
        ),
        {"account_id": account.id, "at": entry.at, "transfer_id": entry.transfer_id},
    ).one()
    return Change(debits_posted=int(debits), credits_posted=int(credits_)).balance_minor(
        Side(account.normal_side)
    )


def journal(
    *,
    period: Period = ALWAYS,
    kind: str | None = None,
    source_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
) -> Select[Any]:
    """The transfers that are so, for a page or a file."""
    wanted = select(LedgerTransfer)
    if kind is not None:
        wanted = wanted.where(LedgerTransfer.kind == kind)
    if source_id is not None:
        wanted = wanted.where(LedgerTransfer.source_id == source_id)
    if account_id is not None:
        on_it = select(LedgerEntry.transfer_id).where(LedgerEntry.account_id == account_id)
        wanted = wanted.where(LedgerTransfer.id.in_(on_it))
    if period.since is not None:
        wanted = wanted.where(LedgerTransfer.at >= period.since)
    if period.until is not None:
        wanted = wanted.where(LedgerTransfer.at <= period.until)
    return wanted


def entries_of(
    session: Session, transfer_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, list[tuple[LedgerEntry, LedgerAccount]]]:
    """By transfer, in the order in which they were written."""
    found: dict[uuid.UUID, list[tuple[LedgerEntry, LedgerAccount]]] = {}
    wanted = (
        select(LedgerEntry, LedgerAccount)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(LedgerEntry.transfer_id.in_(transfer_ids))
        .order_by(LedgerEntry.transfer_id, LedgerEntry.number)
    )
    for entry, account in session.execute(wanted):
        found.setdefault(entry.transfer_id, []).append((entry, account))
    return found


def check_length(lines: int) -> None:
    """Raises TooManyLines."""
    if lines > FILE_LINES_MAX:
        refusal = TooManyLines()
        refusal.facts["lines_max"] = FILE_LINES_MAX
        raise refusal


def _change(row: Any) -> Change:
    return Change(
        int(row.debits_posted), int(row.credits_posted), int(row.debits_pending), int(row.credits_pending)
    )


def group_of(code: str) -> str | None:
    entry = CHART.get(code)
    return None if entry is None else str(entry.group)
