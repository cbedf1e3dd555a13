"""Booking: at once, or reserved first and then posted or voided; taken back by a transfer of its own, never edited.

A fact is booked once for its kind and source: told again it is the same transfer, told differently it is refused. An
account is opened by the first who books on it. Balances are kept in the same transaction, and one with a floor never
falls below it. A refusal undoes the whole unit of work: nobody catches one and goes on.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.express import as_json
from marketplace.language import Text
from marketplace.ledger import chart, rules, writing
from marketplace.ledger.chart import Side
from marketplace.ledger.rules import NO_CHANGE, REVERSAL, Account, Change, Fact, Line, Owner, Phase
from marketplace.points import Point, passed
from marketplace.values import amount_text, new_id

BATCH: Final = 5_000
"""How many transfers are written by one statement."""


class FactBookedDifferently(errors.Conflict):
    """The same fact was booked with other lines: money is never booked over."""

    title = Text(en="This has been booked differently already.", zh="该事项已按不同内容入账。")


class FloorBroken(errors.Conflict):
    """The account would fall below zero: so much is not there, or is reserved."""

    title = Text(en="There is not so much money in the account.", zh="账户余额不足。")


class LedgerTransferNotFound(errors.NotFound):
    title = Text(en="There is no such transfer of money.", zh="没有该笔记账。")


class NotReserved(errors.Conflict):
    """Only a reservation is posted or voided."""

    title = Text(en="This is not a reservation.", zh="该笔记账不是预留。")


class ReservationEnded(errors.Conflict):
    """It was posted or voided already, otherwise than it is asked now: `phase` says which."""

    title = Text(en="The reservation has ended already.", zh="该预留已结束。")


class NotReversible(errors.Conflict):
    """A reservation is voided, and what voids it has moved nothing: neither can be taken back."""

    title = Text(en="This transfer cannot be taken back.", zh="该笔记账不能冲销。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A transfer, and whether it was booked just now or before."""

    id: uuid.UUID
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A transfer that is about to be written."""

    id: uuid.UUID
    fact: Fact
    phase: Phase
    currency: str
    pending_id: uuid.UUID | None = None
    reserved: tuple[Line, ...] = ()
    """What it ends."""

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.fact.kind,
            "source_id": self.fact.source_id,
            "phase": self.phase,
            "pending_id": self.pending_id,
            "corrects_id": self.fact.source_id if self.fact.kind == REVERSAL else None,
            "currency": self.currency,
            "reason": self.fact.reason,
        }


def post(
    session: Session,
    ctx: Context,
    *,
    kind: str,
    source_id: uuid.UUID,
    lines: Sequence[Line],
    reason: str | None = None,
) -> Booked:
    """Money has moved. Raises FactBookedDifferently, FloorBroken."""
    fact = Fact(kind=kind, source_id=source_id, lines=tuple(lines), reason=reason)
    return post_many(session, ctx, facts=[fact])[0]


def post_many(session: Session, ctx: Context, *, facts: Sequence[Fact]) -> list[Booked]:
    """The same for many, each by itself, in a few statements; all or none. Floors hold when all are booked.

    Raises FactBookedDifferently, FloorBroken.
    """
    booked: list[Booked] = []
    for start in range(0, len(facts), BATCH):
        booked += _book_facts(session, ctx, facts[start : start + BATCH], Phase.SINGLE)
    return booked


def reserve(
    session: Session,
    ctx: Context,
    *,
    kind: str,
    source_id: uuid.UUID,
    lines: Sequence[Line],
    reason: str | None = None,
) -> Booked:
    """Money is about to move: what it takes from guarded accounts is not there for others until that is over.

    Raises FactBookedDifferently, FloorBroken.
    """
    fact = Fact(kind=kind, source_id=source_id, lines=tuple(lines), reason=reason)
    return _book_facts(session, ctx, [fact], Phase.PENDING)[0]


def settle_pending(
    session: Session,
    ctx: Context,
    *,
    pending_id: uuid.UUID,
    lines: Sequence[Line] | None = None,
    reason: str | None = None,
) -> Booked:
    """What was reserved has moved, all of it or (`lines`) less; the rest is free again. Told again it is the same.

    Raises LedgerTransferNotFound, NotReserved, ReservationEnded.
    """
    return _end_reservation(session, ctx, Phase.POST, pending_id, lines=lines, reason=reason)


def void(session: Session, ctx: Context, *, pending_id: uuid.UUID, reason: str | None = None) -> Booked:
    """What was reserved does not move, and is free again. Once: told again it is the same.

    Raises LedgerTransferNotFound, NotReserved, ReservationEnded.
    """
    return _end_reservation(session, ctx, Phase.VOID, pending_id, lines=None, reason=reason)


def reverse(session: Session, ctx: Context, *, transfer_id: uuid.UUID, reason: str) -> Booked:
    """A transfer is taken back, whole and once, by one that names it.

    Raises LedgerTransferNotFound, NotReversible, FloorBroken.
    """
    fact, lines, _, phase = _stored(session, transfer_id)
    if phase not in rules.BOOKED:
        raise NotReversible(phase=phase)
    back = Fact(kind=REVERSAL, source_id=transfer_id, lines=rules.mirrored(lines), reason=reason)
    [booked] = _book_facts(session, ctx, [back], Phase.SINGLE)
    if booked.is_new:
        after = {"reverses": str(transfer_id), "kind": fact.kind, "reason": reason}
        audit.record(session, ctx, "ledger.reverse", subject=("ledger_transfer", booked.id), after=after)
    return booked


def balance(session: Session, account: Account) -> Change:
    """The counters of one account as they are now; all zero where nothing was ever booked."""
    found = writing.rows(
        session,
        "SELECT coalesce(sum(debits_posted), 0)::bigint, coalesce(sum(credits_posted), 0)::bigint,"
        " coalesce(sum(debits_pending), 0)::bigint, coalesce(sum(credits_pending), 0)::bigint"
        " FROM ledger_balance WHERE account_id = %(id)s",
        id=account.id,
    )
    return Change(*found[0])


def available_minor(session: Session, account: Account) -> int:
    """What may be booked against the account: its balance, less what is reserved of it."""
    return balance(session, account).available_minor(chart.entry_of(account.code).group.side)


def _book_facts(session: Session, ctx: Context, facts: Sequence[Fact], phase: Phase) -> list[Booked]:
    asked = [_Asked(id=new_id(), fact=fact, phase=phase, currency=rules.check(fact)) for fact in facts]
    new = _write(session, ctx, asked)
    known = _known(session, [each for each in asked if each.id not in new])
    return [
        Booked(id=each.id, is_new=True)
        if each.id in new
        else Booked(id=known[each.fact.kind, each.fact.source_id], is_new=False)
        for each in asked
    ]


def _known(session: Session, told_again: Sequence[_Asked]) -> dict[tuple[str, uuid.UUID], uuid.UUID]:
    """The transfers that stand under these facts already. Raises FactBookedDifferently."""
    if not told_again:
        return {}
    names = [{"kind": each.fact.kind, "source_id": each.fact.source_id} for each in told_again]
    stored = {
        (row.kind, row.source_id): row for row in writing.rows(session, writing.FOUND, asked=as_json(names))
    }
    for each in told_again:
        row = stored[each.fact.kind, each.fact.source_id]
        if row.phase != each.phase or writing.told(row) != _told(each.fact.lines):
            raise FactBookedDifferently(kind=each.fact.kind, source_id=str(each.fact.source_id))
    return {name: row.id for name, row in stored.items()}


def _end(session: Session, ctx: Context, asked: _Asked) -> Booked:
    """Post or void: the first who does it has done it."""
    if _write(session, ctx, [asked]):
        return Booked(id=asked.id, is_new=True)
    [row] = writing.rows(session, writing.ENDED, pending_id=asked.pending_id)
    if row.phase != asked.phase or writing.told(row) != _told(asked.fact.lines):
        raise ReservationEnded(phase=row.phase)
    return Booked(id=row.id, is_new=False)


def _end_reservation(
    session: Session,
    ctx: Context,
    phase: Phase,
    pending_id: uuid.UUID,
    *,
    lines: Sequence[Line] | None,
    reason: str | None,
) -> Booked:
    """By these lines, or by all that was reserved."""
    fact, reserved, currency = _reservation(session, pending_id)
    part = reserved if lines is None else tuple(lines)
    rules.check_part(part, reserved)
    asked = _Asked(
        id=new_id(),
        fact=Fact(kind=fact.kind, source_id=fact.source_id, lines=part, reason=reason),
        phase=phase,
        currency=currency,
        pending_id=pending_id,
        reserved=reserved,
    )
    return _end(session, ctx, asked)


def _reservation(session: Session, pending_id: uuid.UUID) -> tuple[Fact, tuple[Line, ...], str]:
    """Raises LedgerTransferNotFound, NotReserved."""
    fact, lines, currency, phase = _stored(session, pending_id)
    if phase != Phase.PENDING:
        raise NotReserved(phase=phase)
    return fact, lines, currency


def _stored(session: Session, transfer_id: uuid.UUID) -> tuple[Fact, tuple[Line, ...], str, Phase]:
    """Transfers never change: no lock is needed. Raises LedgerTransferNotFound."""
    found = writing.rows(session, writing.WITH_LINES, id=transfer_id)
    if not found:
        raise LedgerTransferNotFound
    first = found[0]
    lines = tuple(
        Line(
            Account(
                code=row.code,
                currency=row.currency,
                owner=None if row.owner_id is None else Owner(kind=row.owner_kind, id=row.owner_id),
            ),
            Side(row.side),
            row.amount_minor,
        )
        for row in found
    )
    fact = Fact(kind=first.kind, source_id=first.source_id, lines=lines)
    return fact, lines, first.currency, Phase(first.phase)


def _write(session: Session, ctx: Context, asked: Sequence[_Asked]) -> frozenset[uuid.UUID]:
    """Transfers, entries and balances; which of them were not there before. Raises FloorBroken."""
    if not asked:
        return frozenset()
    session.flush()
    slot = writing.slot(session)
    ids = _ids(asked)
    guards = _opened(session, ctx, ids)
    entries = [
        {
            "transfer_id": each.id,
            "number": number,
            "account_id": ids[line.account],
            "side": line.side,
            "amount_minor": line.amount_minor,
        }
        for each in asked
        for number, line in enumerate(each.fact.lines, start=1)
    ]
    booked = writing.rows(
        session,
        writing.BOOK,
        transfers=as_json([each.row() for each in asked]),
        entries=as_json(entries),
        actor=ctx.actor.label,
        request_id=ctx.request_id,
        at=ctx.now,
    )
    passed(Point.LEDGER_ENTERED)
    new = frozenset(row.id for row in booked)
    moves = rules.summed(
        move
        for each in asked
        if each.id in new
        for move in rules.changes(each.phase, each.fact.lines, reserved=each.reserved)
    )
    _keep(
        session,
        slot,
        {account: change for account, change in moves.items() if change != NO_CHANGE},
        ids,
        guards,
    )
    passed(Point.LEDGER_KEPT)
    return new


def _ids(asked: Sequence[_Asked]) -> dict[Account, uuid.UUID]:
    accounts = {line.account for each in asked for line in (*each.fact.lines, *each.reserved)}
    return {account: account.id for account in accounts}


def _opened(session: Session, ctx: Context, ids: Mapping[Account, uuid.UUID]) -> dict[uuid.UUID, Side | None]:
    """The accounts, each opened by now, and the side on which those with a floor grow."""
    found = writing.rows(session, writing.ACCOUNTS, ids=list(ids.values()))
    known = {row.id for row in found}
    missing = [account for account, account_id in ids.items() if account_id not in known]
    if missing:
        opened = [_account_row(account, ids[account]) for account in missing]
        writing.rows(session, writing.OPEN, accounts=as_json(opened), at=ctx.now)
        found = writing.rows(session, writing.ACCOUNTS, ids=list(ids.values()))
    return {row.id: Side(row.normal_side) if row.has_floor else None for row in found}


def _account_row(account: Account, account_id: uuid.UUID) -> dict[str, Any]:
    entry = chart.entry_of(account.code)
    return {
        "id": account_id,
        "code": account.code,
        "owner_kind": None if account.owner is None else account.owner.kind,
        "owner_id": None if account.owner is None else account.owner.id,
        "currency": account.currency,
        "normal_side": entry.group.side,
        "has_floor": entry.has_floor,
    }


def _keep(
    session: Session,
    slot: int,
    moves: Mapping[Account, Change],
    ids: Mapping[Account, uuid.UUID],
    guards: Mapping[uuid.UUID, Side | None],
) -> None:
    """The counters. Raises FloorBroken."""
    spread: list[Mapping[str, Any]] = []
    guarded: list[Mapping[str, Any]] = []
    for account, change in moves.items():
        is_guarded = guards[ids[account]] is not None
        (guarded if is_guarded else spread).append(writing.as_row(ids[account], change))
    if guarded:
        guarded_ids = sorted(row["account_id"] for row in guarded)
        if len(guarded_ids) > 1:
            writing.rows(session, writing.LOCK_GUARDED, ids=guarded_ids)
        kept = writing.rows(session, writing.GUARDED, changes=as_json(guarded), ids=guarded_ids)
        if len(kept) != len(guarded_ids):
            broken = set(guarded_ids) - {row.account_id for row in kept}
            raise _floor_broken(session, moves, next(each for each in moves if ids[each] in broken))
    if spread:
        writing.rows(session, writing.SPREAD, changes=as_json(spread), slot=slot)


def _floor_broken(session: Session, moves: Mapping[Account, Change], account: Account) -> FloorBroken:
    side = chart.entry_of(account.code).group.side
    available = available_minor(session, account)
    return FloorBroken(
        Text(
            en="{account}: {amount} {currency} are there.",
            zh="{account}：可用余额 {amount} {currency}。",
        ).format(
            account=account.code,
            amount=amount_text(available, account.currency),
            currency=account.currency,
        ),
        account=account.code,
        available_minor=available,
        missing_minor=-available - moves[account].available_minor(side),
    )


def _told(lines: Sequence[Line]) -> frozenset[tuple[str, str, int]]:
    return frozenset((str(line.account.id), str(line.side), line.amount_minor) for line in lines)
