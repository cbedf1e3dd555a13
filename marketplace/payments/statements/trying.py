"""What an upload would do, without doing it: the same rules on what is stored now. Only the audit trail tells of it."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import Context
from marketplace.payments.models import Payment
from marketplace.payments.statements import matching, rules, uploading
from marketplace.payments.statements.lines import BadLine, Entry
from marketplace.payments.statements.models import BankEntry
from marketplace.payments.statements.rules import Book, Due, Money
from marketplace.payments.statements.states import (
    REFERENCE_LIKE,
    Direction,
    EntryState,
    OpenReason,
)
from marketplace.payments.statements.uploading import Upload
from marketplace.values import new_id

SHOWN_MAX: Final = 200


@dataclass(slots=True, kw_only=True)
class Tried:
    """A new entry, and what would become of it."""

    line: int
    entry_key: str
    account: str
    direction: Direction
    amount_minor: int
    currency: str
    remittance: str
    id: uuid.UUID
    state: EntryState
    reason: OpenReason | None = None
    payment_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All of a file; the first SHOWN_MAX of its entries and bad lines one by one."""

    lines: int
    duplicates: int
    bad: Sequence[BadLine]
    tried: Sequence[Tried]

    @property
    def entries(self) -> int:
        return len(self.tried)

    @property
    def bad_lines(self) -> int:
        return len(self.bad)

    @property
    def progress(self) -> list[dict[str, object]]:
        """As of a file that was uploaded."""
        counts: Counter[tuple[str, str | None, str]] = Counter()
        sums: Counter[tuple[str, str | None, str]] = Counter()
        for each in self.tried:
            kind = (str(each.state), each.reason and str(each.reason), each.currency)
            counts[kind] += 1
            sums[kind] += each.amount_minor
        return [
            {
                "state": kind[0],
                "reason": kind[1],
                "currency": kind[2],
                "entries": counts[kind],
                "amount_minor": sums[kind],
            }
            for kind in sorted(counts, key=lambda kind: (kind[0], kind[1] or "", kind[2]))
        ]


def try_out(session: Session, ctx: Context, upload: Upload) -> Trial:
    """Raises StatementKnown, StatementTooLarge, StatementRefused."""
    uploading.refuse_known(session, upload)
    weeded = uploading.weeded_of(session, upload.account, upload.read())
    tried = [_tried(upload.account, entry) for entry in weeded.new]
    world = _World(session)
    came = [
        (one, entry)
        for one, entry in zip(tried, weeded.new, strict=True)
        if entry.direction is Direction.CREDIT
    ]
    for some in _batches(came):
        world.look([one for one, _ in some])
        for one, entry in some:
            world.decide(one, entry)
    lines = len(weeded.new) + weeded.duplicates + len(weeded.bad)
    subject = ("file", upload.digest)
    audit.record(session, ctx, "bank_statement.try_out", subject=subject, after={"lines": lines})
    return Trial(lines=lines, duplicates=weeded.duplicates, bad=weeded.bad, tried=tried)


def _tried(account: str, entry: Entry) -> Tried:
    is_credit = entry.direction is Direction.CREDIT
    return Tried(
        id=new_id(),
        line=entry.line,
        entry_key=entry.key,
        account=account,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        remittance=entry.remittance,
        state=EntryState.OPEN if is_credit else EntryState.KEPT,
        reason=OpenReason.WAITING if is_credit else None,
    )


class _World:
    """Payments as they are stored, and as the entries before would have left them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._named: dict[uuid.UUID, tuple[uuid.UUID, ...]] = {}
        self._payments: dict[uuid.UUID, Payment] = {}
        self._parts: defaultdict[uuid.UUID, list[Money]] = defaultdict(list)
        self._booked: set[uuid.UUID] = set()
        self._tried: dict[uuid.UUID, Tried] = {}

    def look(self, tried: Sequence[Tried]) -> None:
        """Read what these entries name."""
        found = matching.candidates(self._session, tried)
        self._named = {each.id: named for each, named in zip(tried, found, strict=True)}
        self._tried.update({each.id: each for each in tried})
        new = {name for named in found for name in named} - set(self._payments)
        for payment in self._session.scalars(select(Payment).where(Payment.id.in_(new))):
            self._payments[payment.id] = payment
        waiting = select(BankEntry).where(
            BankEntry.payment_id.in_(new),
            BankEntry.state == EntryState.OPEN,
            BankEntry.reason.in_(REFERENCE_LIKE),
        )
        for entry in self._session.scalars(waiting):
            if entry.payment_id is not None:
                self._parts[entry.payment_id].append(matching.money_of(entry))

    def decide(self, tried: Tried, entry: Entry) -> None:
        named = self._named[tried.id]
        reason = matching.reason_of(is_reversal=entry.is_reversal, named=named)
        if reason is not None:
            tried.reason = reason
            return
        [payment_id] = named
        money = Money(id=tried.id, amount_minor=entry.amount_minor, currency=entry.currency)
        parts = self._parts[payment_id]
        decision = rules.decide(money, self._due(payment_id, tried), parts=parts)
        tried.payment_id = payment_id
        if not isinstance(decision, Book):
            tried.reason = decision.reason
            if decision.reason in REFERENCE_LIKE:
                parts.append(money)
            return
        self._booked.add(payment_id)
        for entry_id in {tried.id, *decision.entry_ids} & set(self._tried):
            self._tried[entry_id].state, self._tried[entry_id].reason = EntryState.BOOKED, None
        left = [each for each in parts if each.id not in decision.entry_ids]
        for each in left:
            if each.id in self._tried:
                self._tried[each.id].reason = OpenReason.PAID_ALREADY
        parts.clear()

    def _due(self, payment_id: uuid.UUID, tried: Tried) -> Due:
        payment = self._payments[payment_id]
        is_booked = payment_id in self._booked
        is_linked = is_booked or matching.is_linked(self._session, payment_id)
        due = matching.due_of(payment, tried, is_linked=is_linked)
        if not is_booked:
            return due
        return Due(
            id=due.id,
            state=due.state,
            amount_minor=due.amount_minor,
            currency=due.currency,
            is_received=True,
            is_offline=due.is_offline,
        )


def _batches(items: Sequence[tuple[Tried, Entry]]) -> Iterator[list[tuple[Tried, Entry]]]:
    rest = iter(items)
    while some := list(islice(rest, matching.BATCH)):
        yield some
