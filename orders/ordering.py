"""Holds become orders: locked and looked at in one statement, many at once, and written in another with their payments.

An order takes its hold's boxes and price; from then on the hold does not expire (`inventory.paying`).
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory import paying
from inventory.deposit_rules import Deposit
from inventory.paying import Payable, Paying
from marketplace import audit, errors, express, idempotency, till
from marketplace.context import Context
from marketplace.express import InSession, Statement
from marketplace.idempotency import Answer
from marketplace.language import Text
from marketplace.payments import opening
from marketplace.till import HANDED_BACK, HandedBack, Request
from marketplace.values import instant_text, new_id
from orders import placed_job
from orders.states import OrderKind, OrderState

PLACE: Final = f"""
    WITH {paying.TURNED}, placed AS (
        INSERT INTO "order" (id, kind, state, buyer_id, pack_id, hold_id, boxes, pack_grams, unit_price_minor,
            discount_minor, discounts, total_minor, currency, created_at, version)
        SELECT r.id, r.kind, r.state, r.buyer_id, r.pack_id, r.hold_id, r.boxes, r.pack_grams, r.unit_price_minor,
            r.discount_minor, r.discounts, r.total_minor, r.currency, r.created_at, r.version
        FROM jsonb_to_recordset(%(placed)s::jsonb) AS r(id uuid, kind text, state text, buyer_id uuid, pack_id uuid,
            hold_id uuid, boxes bigint, pack_grams bigint, unit_price_minor bigint,
            discount_minor bigint, discounts jsonb, total_minor bigint, currency text,
            created_at timestamptz, version bigint)
    ), deposited AS (
        INSERT INTO deposit_terms (order_id, pool_id, type, per_box_minor, counts_minor, funder, free_hours)
        SELECT r.order_id, r.pool_id, r.type, r.per_box_minor, r.counts_minor, r.funder, r.free_hours
        FROM jsonb_to_recordset(%(deposited)s::jsonb) AS r(order_id uuid, pool_id uuid, type text,
            per_box_minor bigint, counts_minor bigint, funder text, free_hours bigint)
    ), {opening.OPENED}, {placed_job.PUT_IN}, {audit.TOLD}, {idempotency.KEPT}
    SELECT {paying.WHOLE}
    """  # noqa: S608 (the parts are our own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order as it was placed, with its payment."""

    id: uuid.UUID
    kind: OrderKind
    state: OrderState
    buyer_id: uuid.UUID
    pack_id: uuid.UUID
    hold_id: uuid.UUID
    boxes: int
    pack_grams: int
    unit_price_minor: int
    discount_minor: int
    discounts: list[dict[str, Any]]
    total_minor: int
    currency: str
    created_at: datetime
    version: int
    payment_id: uuid.UUID | None
    """None if nothing is left to pay."""
    deposit: Deposit | None


class QuoteOutdated(errors.Conflict):
    """The boxes changed after they were quoted, or their payment failed: ask for a quote again."""

    title = Text(en="The quote is not true any more: ask for a new one.", zh="报价已失效，请重新获取。")


class Ordering(till.Writing):
    """What is looked at under locks is ordered, hold by hold, and written in one statement."""

    def __init__(self, row: Any) -> None:
        super().__init__()
        self._paying = Paying(row, self.told)
        self._placed: list[dict[str, Any]] = []
        self._deposited: list[dict[str, Any]] = []
        self._opened: list[dict[str, Any]] = []

    def place(self, ctx: Context, *, hold_id: uuid.UUID) -> Placed:
        """The order of the actor's hold, and its payment.

        Raises HoldNotFound, HoldExpired, HoldNotActive, QuoteOutdated.
        """
        hold = self._paying.start(ctx, hold_id=hold_id)
        price_minor, off = hold.boxes * hold.unit_price_minor, hold.quoted
        if off is not None and off.boxes != hold.boxes:
            raise QuoteOutdated(quoted_boxes=off.boxes, boxes=hold.boxes)
        discount_minor = 0 if off is None else off.discount_minor
        order: dict[str, Any] = {
            "id": new_id(),
            "kind": OrderKind.SHOPPER_PRESALE,
            "state": OrderState.DEPOSIT_DUE,
            "buyer_id": hold.owner_id,
            "pack_id": hold.pack_id,
            "hold_id": hold.hold_id,
            "boxes": hold.boxes,
            "pack_grams": hold.pack_grams,
            "unit_price_minor": hold.unit_price_minor,
            "discount_minor": discount_minor,
            "discounts": off.discounts if off is not None else [],
            "total_minor": price_minor - discount_minor,
            "currency": hold.currency,
            "created_at": ctx.now,
            "version": 1,
        }
        self._placed.append(order)
        if hold.deposit is not None:
            assert hold.boxes * hold.deposit.counts_minor <= order["total_minor"], (
                "taken off the balance only"
            )
            self._deposited.append(_terms(order["id"], hold.pool_id, hold.deposit))
        payment_id = self._open(ctx, order, hold) if order["total_minor"] else None
        after = {"boxes": hold.boxes, **({"discount_minor": discount_minor} if discount_minor else {})}
        self.told.append(audit.row(ctx, "order.place", subject=("order", order["id"]), after=after))
        return Placed(**order, payment_id=payment_id, deposit=hold.deposit)

    def _open(self, ctx: Context, order: dict[str, Any], hold: Payable) -> uuid.UUID:
        """The payment of what is due now."""
        due_minor = order["total_minor"]
        if hold.deposit is not None:
            due_minor = hold.boxes * hold.deposit.per_box_minor
        payment = opening.row(
            ctx,
            order_id=order["id"],
            payer_id=hold.owner_id,
            amount_minor=due_minor,
            currency=hold.currency,
        )
        self._opened.append(payment)
        self.told.append(opening.told(ctx, payment))
        payment_id: uuid.UUID = payment["id"]
        return payment_id

    def answer(self, request: Request) -> Answer | HandedBack:
        """Raises HoldNotFound, HoldExpired, HoldNotActive. Handed back: whose price must be settled first."""
        if self._paying.needs_quote(request.subject_id):
            return HANDED_BACK
        return shaped(self.place(request.ctx, hold_id=request.subject_id))

    def statement(self) -> Statement:
        rows = {
            "placed": express.as_json(self._placed),
            "deposited": express.as_json(self._deposited),
            "opened": express.as_json(self._opened),
        }
        return PLACE, {**self.values(), **self._paying.values(), **rows}

    def known_to(self, session: Session) -> None:
        """After it was written in the transaction of a session."""
        self._paying.known_to(session)


def place_in(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Placed:
    """In the transaction of a session, which then knows of it.

    Raises HoldNotFound, HoldExpired, HoldNotActive, QuoteOutdated.
    """
    writing = Ordering(paying.look_in(session, ctx, hold_id=hold_id))
    placed = writing.place(ctx, hold_id=hold_id)
    InSession(session).rows(writing.statement())
    writing.known_to(session)
    return placed


def _terms(order_id: uuid.UUID, pool_id: uuid.UUID, deposit: Deposit) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "pool_id": pool_id,
        "type": deposit.type,
        "per_box_minor": deposit.per_box_minor,
        "counts_minor": deposit.counts_minor,
        "funder": deposit.funder,
        "free_hours": deposit.free_hours,
    }


def shown_deposit(deposit: Deposit, boxes: int, total_minor: int) -> dict[str, Any]:
    """The form of `schemas.OrderDeposit` while neither it nor the rest is paid."""
    return {
        "type": deposit.type.value,
        "deposit_minor": boxes * deposit.per_box_minor,
        "counts_minor": boxes * deposit.counts_minor,
        "later_minor": total_minor - boxes * deposit.counts_minor,
        "funder": None if deposit.funder is None else deposit.funder.value,
        "free_until": None,
        "final_unit_price_minor": None,
        "bonus_minor": None,
        "discount_minor": None,
        "balance_boxes": None,
        "balance_minor": None,
        "balance_due_at": None,
        "balance_payment_id": None,
    }


def shaped(placed: Placed) -> Answer:
    """The form of `schemas.Order`: nothing of it has been delivered."""
    body: dict[str, Any] = {
        "id": str(placed.id),
        "kind": placed.kind.value,
        "state": placed.state.value,
        "buyer_id": str(placed.buyer_id),
        "pack_id": str(placed.pack_id),
        "boxes": placed.boxes,
        "pack_grams": placed.pack_grams,
        "unit_price_minor": placed.unit_price_minor,
        "discount_minor": placed.discount_minor,
        "discounts": placed.discounts,
        "total_minor": placed.total_minor,
        "currency": placed.currency,
        "delivered_on": None,
        "created_at": instant_text(placed.created_at),
        "version": placed.version,
        "payment_id": None if placed.payment_id is None else str(placed.payment_id),
    }
    if placed.deposit is not None:
        body["deposit"] = shown_deposit(placed.deposit, placed.boxes, placed.total_minor)
    headers = {"Location": f"/v1/orders/{placed.id}", "ETag": f'"{placed.version}"'}
    return Answer(status=201, body=json.dumps(body, ensure_ascii=False), headers=headers)
