"""A cold store's bill: recorded, parted over those whose fruit lay there, withdrawn while no settlement has used it.

Rows are taken in the order cold store, bill, parts by bill and cooperative. Settlements come to the parts behind all
their own locks but those of retention, advances and ledger.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session

from inventory.models import ColdStore
from inventory.stores import cold_stores, gram_days
from marketplace import audit, database, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.settlements.facts import storage_shares
from orders.settlements.storage.models import StorageBill, StoragePart
from orders.settlements.storage.states import (
    DAYS_MAX,
    BillState,
    PartState,
    check_bill_move,
    check_over,
)

SAME: Final = ("starts_on", "ends_on", "amount_minor", "currency", "note")
"""What a bill says, beside its store and its invoice."""


class StorageBillNotFound(errors.NotFound):
    title = Text(en="There is no such storage bill.", zh="没有该仓储账单。")


class StorageBillKnown(errors.Conflict):
    """This invoice of the cold store is recorded already, and says something else (`bill_id`)."""

    title = Text(en="This invoice is recorded with other words.", zh="该发票已登记且内容不同。")


class NothingStored(errors.Conflict):
    """No fruit lay in the cold store in these days: there is nobody to part the bill over."""

    title = Text(en="Nothing lay there in these days.", zh="该期间库内无存货。")


class StorageBillUsed(errors.Conflict):
    """Settlements have taken parts of this bill; `settlements` tells how many."""

    title = Text(en="Settlements have taken parts of this bill.", zh="已有结算单计入该账单。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody says of an invoice."""

    cold_store_id: uuid.UUID
    reference: str
    starts_on: date
    ends_on: date
    amount_minor: int
    currency: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """A bill over cooperatives, in their order: as it is stored, or as it would be now (`is_fixed` says which)."""

    bill: StorageBill
    parts: Sequence[StoragePart]
    is_fixed: bool


def record(session: Session, ctx: Context, told: Told) -> StorageBill:
    """The same invoice told again answers the same bill. Raises ColdStoreNotFound, Invalid, StorageBillKnown."""
    if not 0 <= (told.ends_on - told.starts_on).days < DAYS_MAX:
        detail = f"From the first day on, at most {DAYS_MAX} days. 不早于起始日，且不超过 {DAYS_MAX} 天。"
        raise errors.Invalid(errors=[{"pointer": "/ends_on", "detail": detail}])
    store = cold_stores.get(session, cold_store_id=told.cold_store_id, locked=True)
    known = session.scalars(
        select(StorageBill).where(
            StorageBill.cold_store_id == store.id, StorageBill.reference == told.reference
        )
    ).all()
    for each in known:
        if each.state != BillState.WITHDRAWN:
            if any(getattr(each, name) != getattr(told, name) for name in SAME):
                raise StorageBillKnown(bill_id=str(each.id))
            _audit(session, ctx, each, "record_again", name=each.name)
            return each
    bill = StorageBill(
        id=new_id(),
        cold_store_id=store.id,
        name=_name(store, told, time=len(known) + 1),
        reference=told.reference,
        **{name: getattr(told, name) for name in SAME},
        state=BillState.RECORDED,
        recorded_by=ctx.actor.label,
        recorded_at=ctx.now,
        version=1,
    )
    session.add(bill)
    with database.refusing({"uq_storage_bill_name": StorageBillKnown()}):
        session.flush()
    _audit(
        session, ctx, bill, "record", name=bill.name, amount_minor=bill.amount_minor, currency=bill.currency
    )
    return bill


def part(session: Session, ctx: Context, *, bill_id: uuid.UUID) -> StorageBill:
    """Each cooperative's part is fixed from now on, and taken by its next settlement.

    Raises StorageBillNotFound, StorageBillStateForbids, StorageDaysOpen, NothingStored.
    """
    bill = get(session, bill_id=bill_id, locked=True)
    check_bill_move(bill.state, BillState.PARTED)
    check_over(bill.ends_on, now=ctx.now)
    parts = _parts(session, bill)
    if not parts:
        raise NothingStored
    session.execute(insert(StoragePart), parts)
    bill.state, bill.parted_by, bill.parted_at = BillState.PARTED, ctx.actor.label, ctx.now
    bill.gram_days = sum(each["gram_days"] for each in parts)
    bill.version += 1
    session.flush()
    _audit(session, ctx, bill, "part", cooperatives=len(parts), gram_days=bill.gram_days)
    return bill


def withdraw(session: Session, ctx: Context, *, bill_id: uuid.UUID, reason: str) -> StorageBill:
    """It was wrong: nobody pays it. Raises StorageBillNotFound, StorageBillStateForbids, StorageBillUsed."""
    bill = get(session, bill_id=bill_id, locked=True)
    check_bill_move(bill.state, BillState.WITHDRAWN)
    parts = session.scalars(
        select(StoragePart)
        .where(StoragePart.bill_id == bill.id)
        .order_by(StoragePart.cooperative_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if used := sum(each.state == PartState.TAKEN for each in parts):
        raise StorageBillUsed(settlements=used)
    for each in parts:
        each.state = PartState.WITHDRAWN
    bill.state, bill.reason = BillState.WITHDRAWN, reason
    bill.withdrawn_by, bill.withdrawn_at = ctx.actor.label, ctx.now
    bill.version += 1
    session.flush()
    _audit(session, ctx, bill, "withdraw", reason=reason)
    return bill


def get(session: Session, *, bill_id: uuid.UUID, locked: bool = False) -> StorageBill:
    """Raises StorageBillNotFound."""
    found = session.get(StorageBill, bill_id, with_for_update=locked or None, populate_existing=locked)
    if found is None:
        raise StorageBillNotFound
    return found


def parting_of(session: Session, *, bill_id: uuid.UUID) -> Parting:
    """What each cooperative pays of it; of a bill that is not parted what it would be now.

    Raises StorageBillNotFound.
    """
    bill = get(session, bill_id=bill_id)
    if bill.parted_at is None:
        would_be = [StoragePart(**each) for each in _parts(session, bill)]
        return Parting(bill=bill, parts=would_be, is_fixed=False)
    wanted = select(StoragePart).where(StoragePart.bill_id == bill.id).order_by(StoragePart.cooperative_id)
    return Parting(bill=bill, parts=session.scalars(wanted).all(), is_fixed=True)


def visible_parts(ctx: Context) -> Select[StoragePart]:
    """All for staff; a cooperative's members see its own."""
    statement = select(StoragePart)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(StoragePart.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def of_parts(session: Session, parts: Sequence[StoragePart]) -> dict[uuid.UUID, StorageBill]:
    """Their bills, by id."""
    ids = {each.bill_id for each in parts}
    return {each.id: each for each in session.scalars(select(StorageBill).where(StorageBill.id.in_(ids)))}


def _parts(session: Session, bill: StorageBill) -> list[dict[str, Any]]:
    """By largest remainder over grams times days, of everybody who had any."""
    stored = gram_days.of_store(
        session, cold_store_id=bill.cold_store_id, starts_on=bill.starts_on, ends_on=bill.ends_on
    )
    if not stored:
        return []
    shares = storage_shares(bill.name, bill.amount_minor, {str(each): days for each, days in stored.items()})
    return [
        {
            "id": new_id(),
            "bill_id": bill.id,
            "cooperative_id": cooperative_id,
            "currency": bill.currency,
            "gram_days": share.gram_days,
            "amount_minor": share.amount_minor,
            "state": PartState.OPEN,
            "settlement_id": None,
        }
        for cooperative_id, share in ((each, shares[str(each)]) for each in sorted(stored))
    ]


def _name(store: ColdStore, told: Told, *, time: int) -> str:
    name = f"{store.code} {told.reference} {told.starts_on}/{told.ends_on}"
    return name if time == 1 else f"{name} ({time})"


def _audit(session: Session, ctx: Context, bill: StorageBill, what: str, **after: Any) -> None:
    audit.record(session, ctx, f"storage_bill.{what}", subject=("storage_bill", bill.id), after=after)
