"""Which payments an open entry may be meant for: what a person looks at first. Never booked by itself."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from marketplace.payments.gateways import OFFLINE
from marketplace.payments.models import Payment
from marketplace.payments.statements import references
from marketplace.payments.statements.models import BankEntry
from marketplace.payments.statements.states import EntryState, SuggestedBy
from marketplace.payments.states import PaymentState

EACH_MAX: Final = 5
_OF_AMOUNT_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    payment: Payment
    by: SuggestedBy


def suggest(session: Session, entries: Sequence[BankEntry]) -> dict[uuid.UUID, list[Suggestion]]:
    """Payments whose reference the text has, nearly has, or that wait for just this amount; the best first."""
    open_ones = [each for each in entries if each.state == EntryState.OPEN]
    exact = {each.id: references.named(each.remittance) for each in open_ones}
    near = {each.id: references.near(each.remittance) for each in open_ones}
    known = _referred(session, set().union(*exact.values(), *near.values()))
    of_amount = _of_amount(session, open_ones)
    found: dict[uuid.UUID, list[Suggestion]] = {}
    for entry in open_ones:
        ways = (
            (SuggestedBy.REFERENCE, [known[each] for each in sorted(exact[entry.id]) if each in known]),
            (SuggestedBy.NEAR_REFERENCE, [known[each] for each in sorted(near[entry.id]) if each in known]),
            (SuggestedBy.AMOUNT, of_amount[entry.amount_minor, entry.currency]),
        )
        best: dict[uuid.UUID, Suggestion] = {}
        for by, some in ways:
            for payment in some:
                best.setdefault(payment.id, Suggestion(payment=payment, by=by))
        found[entry.id] = list(best.values())[:EACH_MAX]
    return found


def _referred(session: Session, names: set[str]) -> dict[str, Payment]:
    ordered = sorted(names)
    found: dict[str, Payment] = {}
    for start in range(0, len(ordered), 10_000):
        some = ordered[start : start + 10_000]
        rows = session.scalars(select(Payment).where(Payment.reference.in_(some)))
        found.update({each.reference: each for each in rows})
    return found


def _of_amount(session: Session, entries: Sequence[BankEntry]) -> defaultdict[tuple[int, str], list[Payment]]:
    """Payments that wait for a transfer of just so much, those that have waited longest first."""
    amounts = {(each.amount_minor, each.currency) for each in entries}
    rows = session.scalars(
        select(Payment)
        .where(
            Payment.state == PaymentState.PROCESSING,
            Payment.gateway == OFFLINE.name,
            tuple_(Payment.amount_minor, Payment.currency).in_(amounts),
        )
        .order_by(Payment.id)
        .limit(_OF_AMOUNT_MAX)
    )
    found: defaultdict[tuple[int, str], list[Payment]] = defaultdict(list)
    for payment in rows if amounts else ():
        found[payment.amount_minor, payment.currency].append(payment)
    return found
