"""How cooperatives stand with the marketplace before a settlement: retention, what they owe, advances. And a lock.

While one settlement of a cooperative in a currency is looked at (`proposed`, `objected`), nothing else changes what it
begins with: no other is proposed, and no late refund is taken. Whoever is about to do either locks the cooperative and
then asks.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.catalogue.models import Cooperative
from marketplace.language import Text
from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.rules import Account as LedgerAccount
from marketplace.ledger.rules import Owner
from orders.settlements import advances_kept
from orders.settlements.account import Account, Advance, Held
from orders.settlements.gathering import Key
from orders.settlements.models import Retention, Settlement
from orders.settlements.states import SettlementState

LOOKED_AT: Final = (SettlementState.PROPOSED, SettlementState.OBJECTED)


class AccountInUse(errors.Conflict):
    """Another settlement of this cooperative in this currency is being looked at (`number`): it must be final first."""

    title = Text(
        en="Another settlement of this cooperative is not final yet.", zh="该合作社另有结算单尚未定案。"
    )


def lock(session: Session, cooperative_ids: Collection[uuid.UUID]) -> None:
    """What these stand at is not changed by anybody else until the unit of work is over."""
    wanted = select(Cooperative.id).where(Cooperative.id.in_(cooperative_ids)).order_by(Cooperative.id)
    session.execute(wanted.with_for_update(key_share=True)).all()


def looked_at(session: Session, keys: Collection[Key]) -> dict[Key, str]:
    """Of which of these a settlement is being looked at, and its number."""
    rows = session.execute(
        select(Settlement.cooperative_id, Settlement.currency, Settlement.number).where(
            Settlement.state.in_(LOOKED_AT),
            tuple_(Settlement.cooperative_id, Settlement.currency).in_(list(keys)),
        )
    )
    return {(row.cooperative_id, row.currency): row.number for row in rows}


def accounts(session: Session, keys: Collection[Key]) -> dict[Key, Account]:
    """How each of these stands now: three statements, and one for the advances of each currency."""
    held, owed, advances = _held(session, keys), _owed(session, keys), _advances(session, keys)
    return {
        (cooperative_id, currency): Account(
            currency=currency,
            owed_minor=owed.get((cooperative_id, currency), 0),
            held=tuple(held[cooperative_id, currency]),
            advances=advances.get((cooperative_id, currency), ()),
        )
        for cooperative_id, currency in keys
    }


def _held(session: Session, keys: Collection[Key]) -> defaultdict[Key, list[Held]]:
    rows = session.execute(
        select(
            Retention.cooperative_id,
            Retention.currency,
            Retention.until,
            Retention.left_minor,
            Settlement.number,
        )
        .join(Settlement, Settlement.id == Retention.settlement_id)
        .where(
            Retention.left_minor > 0,
            tuple_(Retention.cooperative_id, Retention.currency).in_(list(keys)),
        )
        .order_by(Retention.until, Settlement.number)
    )
    found: defaultdict[Key, list[Held]] = defaultdict(list)
    for row in rows:
        held = Held(reference=row.number, amount_minor=row.left_minor, until=row.until)
        found[row.cooperative_id, row.currency].append(held)
    return found


def _owed(session: Session, keys: Collection[Key]) -> dict[Key, int]:
    ids = {_receivable(*key).id: key for key in keys}
    rows = session.execute(
        text(
            "SELECT account_id, sum(debits_posted - credits_posted)::bigint AS minor FROM ledger_balance"
            " WHERE account_id = ANY(:ids) GROUP BY account_id"
        ),
        {"ids": list(ids)},
    )
    return {ids[row.account_id]: row.minor for row in rows}


def _receivable(cooperative_id: uuid.UUID, currency: str) -> LedgerAccount:
    owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
    return LedgerAccount(code="coop_receivable", currency=currency, owner=owner)


def _advances(session: Session, keys: Collection[Key]) -> dict[Key, tuple[Advance, ...]]:
    by_currency: defaultdict[str, list[uuid.UUID]] = defaultdict(list)
    for cooperative_id, currency in keys:
        by_currency[currency].append(cooperative_id)
    return {
        (cooperative_id, currency): advances
        for currency, ids in sorted(by_currency.items())
        for cooperative_id, advances in advances_kept.outstanding(
            session, cooperative_ids=ids, currency=currency
        ).items()
    }
