"""Parts of storage bills as settlements take them: each once, by one settlement of its cooperative in its currency.

A draft shows what is open. When it is proposed it takes that, and a settlement that is a draft again gives it back; so
what is in no settlement is open, whatever is withdrawn, revised or never settled.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from orders.settlements.facts import StorageShare
from orders.settlements.gathering import Key
from orders.settlements.storage.models import StorageBill, StoragePart
from orders.settlements.storage.states import PartState


def open_of(session: Session, keys: Collection[Key]) -> dict[Key, tuple[StorageShare, ...]]:
    """What the next settlement of each of these takes; parts of nothing are not told."""
    return {key: tuple(shares) for key, (_, shares) in _open(session, keys, is_taken=False).items()}


def take(session: Session, settlements: Mapping[Key, uuid.UUID]) -> dict[Key, tuple[StorageShare, ...]]:
    """All that is open is these settlements' now. Who calls has locked the cooperatives."""
    found = _open(session, settlements, is_taken=True)
    ids = [{"id": each, "settlement_id": settlements[key]} for key, (ids, _) in found.items() for each in ids]
    if ids:
        session.execute(update(StoragePart), [{**each, "state": PartState.TAKEN} for each in ids])
    return {key: tuple(shares) for key, (_, shares) in found.items()}


def give_back(session: Session, settlement_id: uuid.UUID) -> None:
    """A locked settlement is a draft again: what it had taken is open."""
    taken = session.scalars(
        select(StoragePart)
        .where(StoragePart.settlement_id == settlement_id)
        .order_by(StoragePart.bill_id, StoragePart.cooperative_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for each in taken:
        each.state, each.settlement_id = PartState.OPEN, None
    if taken:
        session.flush()


def _open(
    session: Session, keys: Collection[Key], *, is_taken: bool
) -> defaultdict[Key, tuple[list[uuid.UUID], list[StorageShare]]]:
    wanted = (
        select(StoragePart, StorageBill.name, StorageBill.amount_minor, StorageBill.gram_days)
        .join(StorageBill, StorageBill.id == StoragePart.bill_id)
        .where(
            tuple_(StoragePart.cooperative_id, StoragePart.currency).in_(list(keys)),
            StoragePart.state == PartState.OPEN,
            StoragePart.amount_minor > 0,
        )
        .order_by(StoragePart.bill_id, StoragePart.cooperative_id)
        .execution_options(populate_existing=True)
    )
    if is_taken:
        wanted = wanted.with_for_update(of=StoragePart)
    found: defaultdict[Key, tuple[list[uuid.UUID], list[StorageShare]]] = defaultdict(lambda: ([], []))
    for part, name, bill_minor, gram_days in session.execute(wanted):
        assert gram_days is not None, "a bill with parts is parted"
        ids, shares = found[part.cooperative_id, part.currency]
        ids.append(part.id)
        shares.append(
            StorageShare(
                reference=name,
                amount_minor=part.amount_minor,
                bill_minor=bill_minor,
                gram_days=part.gram_days,
                gram_days_of_all=gram_days,
            )
        )
    return found
