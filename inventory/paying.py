"""Holds go to be paid: from then on they do not expire. Locked and looked at in one statement, many at once.

The part of the statement that turns them stands here, too: whoever makes something of a hold that is paid, as an order
is, writes both at once.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory import deposit_rules
from inventory.deposit_rules import Deposit
from inventory.models import Hold
from inventory.paying_rules import Hindrance, HoldFacts, hindrance
from inventory.refusals import HoldExpired, HoldNotActive, HoldNotFound
from inventory.states import HoldKind, HoldState
from marketplace import audit, database, errors, express, till
from marketplace.context import Context
from marketplace.express import InSession

LOOK: Final = "SELECT * FROM paying_look(%(asked)s::jsonb)"
"""Locks keys and then the holds of those who ask, and reads them under these locks."""

TURNED: Final = """
    turned AS (
        UPDATE hold h SET state = 'converting', version = r.before + 1
        FROM jsonb_to_recordset(%(turned)s::jsonb) AS r(id uuid, before bigint)
        WHERE h.id = r.id AND h.id = ANY(%(turned_ids)s::uuid[]) AND h.version = r.before
            AND coalesce(h.state, '') = 'active'
        RETURNING h.id
    )"""
"""A part of a statement: the holds that go to be paid. All must be as they were under the lock: see `WHOLE`."""

WHOLE: Final = "whole((SELECT count(*) FROM turned) = cardinality(%(turned_ids)s::uuid[]))"
"""What such a statement must select, so that it is all of it or nothing."""

_TURN: Final = f"WITH {TURNED}, {audit.TOLD} SELECT {WHOLE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What a hold's newest quote says."""

    boxes: int
    discount_minor: int
    discounts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """What is paid for: a hold's boxes at the price at which they are held."""

    hold_id: uuid.UUID
    owner_id: uuid.UUID
    pack_id: uuid.UUID
    pack_grams: int
    boxes: int
    unit_price_minor: int
    currency: str
    pool_id: uuid.UUID
    deposit: Deposit | None
    """What of it is due at once; None: all."""
    quoted: Quoted | None
    """What is taken off, if somebody was told so; for as many boxes as it says."""


class Paying:
    """What is looked at under locks goes to be paid, hold by hold; rows of the audit trail are added to `told`."""

    def __init__(self, row: Any, told: list[dict[str, Any]]) -> None:
        self._now: datetime = row.now
        self._found: dict[uuid.UUID, Mapping[str, Any]] = {
            uuid.UUID(each["id"]): each for each in row.found or ()
        }
        self._turned: dict[uuid.UUID, int] = {}
        self._told = told

    def needs_quote(self, hold_id: uuid.UUID) -> bool:
        """Whether something must be settled before it is paid for: a quote for other boxes, none, or one of all."""
        found = self._found.get(hold_id)
        if found is None:
            return False
        if found["quoted_boxes"] is None:
            return bool(found["has_promotions"])
        return bool(
            found["quoted_boxes"] != found["boxes"]
            or found["discount_minor"] == found["boxes"] * found["price"]
        )

    def start(self, ctx: Context, *, hold_id: uuid.UUID) -> Payable:
        """The owner goes to pay; nothing is stored yet. Raises HoldNotFound, HoldExpired, HoldNotActive."""
        found = self._found.get(hold_id)
        hold = None if found is None else _facts(found)
        hindered = hindrance(hold, payer_id=ctx.actor.id, now=self._now)
        if hindered or hold is None or found is None:
            raise _refusal(hindered, hold)
        assert hold_id not in self._turned, "no hold is asked for twice in a batch"
        self._turned[hold_id] = hold.version
        states = {"before": {"state": str(hold.state)}, "after": {"state": str(HoldState.CONVERTING)}}
        self._told.append(audit.row(ctx, "hold.start_payment", subject=("hold", hold_id), **states))
        return Payable(
            hold_id=hold_id,
            owner_id=uuid.UUID(found["owner_id"]),
            pack_id=uuid.UUID(found["pack_id"]),
            pack_grams=found["pack_grams"],
            boxes=found["boxes"],
            unit_price_minor=found["price"],
            currency=found["currency"],
            pool_id=uuid.UUID(found["pool_id"]),
            deposit=deposit_rules.read(found["deposit"]),
            quoted=_quoted(found),
        )

    def values(self) -> dict[str, Any]:
        """What `TURNED` is given."""
        turned = [{"id": hold_id, "before": version} for hold_id, version in self._turned.items()]
        return {"turned": express.as_json(turned), "turned_ids": list(self._turned)}

    def known_to(self, session: Session) -> None:
        """After it was written in the transaction of a session."""
        database.changed_behind(session, Hold, self._turned)


def look_in(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Any:
    """The row of a look at the actor's hold, locked in the transaction of a session."""
    session.flush()
    [row] = InSession(session).rows((LOOK, till.asked_by(ctx, hold_id)))
    return row


def start_payment(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The owner goes to pay: from now on the hold does not expire. Raises HoldNotFound, -Expired, -NotActive."""
    told: list[dict[str, Any]] = []
    paying = Paying(look_in(session, ctx, hold_id=hold_id), told)
    paying.start(ctx, hold_id=hold_id)
    InSession(session).rows((_TURN, {**paying.values(), "told": express.as_json(told)}))
    paying.known_to(session)
    return session.get_one(Hold, hold_id)


def _quoted(row: Mapping[str, Any]) -> Quoted | None:
    if row["quoted_boxes"] is None:
        return None
    return Quoted(boxes=row["quoted_boxes"], discount_minor=row["discount_minor"], discounts=row["discounts"])


def _facts(row: Mapping[str, Any]) -> HoldFacts:
    expires_at = row["expires_at"]
    return HoldFacts(
        hold_id=uuid.UUID(row["id"]),
        owner_id=uuid.UUID(row["owner_id"]),
        kind=HoldKind(row["kind"]),
        state=HoldState(row["state"]),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at).astimezone(UTC),
        version=row["version"],
    )


def _refusal(hindered: Hindrance | None, hold: HoldFacts | None) -> errors.Refusal:
    if hold is None or hindered == Hindrance.NOT_FOUND:
        return HoldNotFound()
    if hindered == Hindrance.EXPIRED:
        return HoldExpired(expired_at=hold.expires_at)
    return HoldNotActive(state=str(hold.state))
