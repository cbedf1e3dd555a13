"""Events at the door: those that come at once are stored, audited and given their jobs in one statement, one commit.

A payment service sends what a rush of payers did as a rush of its own, and sends again what is not answered in time.
So the way to the answer is short: no session, and no commit of its own for each.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marketplace import audit, desk, express
from marketplace.context import Context
from marketplace.payments import gateway_rules
from marketplace.payments.gateways.interface import EventSeen
from marketplace.points import Point, passed
from marketplace.values import new_id

HANDLE: Final = "payments.handle_event"
LINE: Final = "events"

STORE: Final = f"""
    WITH stored AS (
        INSERT INTO provider_event (id, provider, event_id, type, object_kind, object_id, payment_ref, received_at,
            due_at, tries)
        SELECT r.id, r.provider, r.event_id, r.type, r.object_kind, r.object_id, r.payment_ref, r.received_at,
            r.due_at, 0
        FROM jsonb_to_recordset(%(events)s::jsonb) AS r(id uuid, provider text, event_id text, type text,
            object_kind text, object_id text, payment_ref text, received_at timestamptz, due_at timestamptz,
            place integer)
        ORDER BY r.provider, r.event_id, r.place
        ON CONFLICT DO NOTHING RETURNING id
    ), put_in AS (
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at)
        SELECT '{HANDLE}', jsonb_build_object('event_id', id), 'waiting', clock_timestamp(), 0, clock_timestamp()
        FROM stored
    ), {audit.told("JOIN stored s ON s.id = r.subject_id::uuid")}
    SELECT coalesce(array_agg(id), ARRAY[]::uuid[]) AS ids FROM stored
    """  # noqa: S608 (the parts are our own)
"""Answers the ids of those that were not here before. Sorted, so that two processes which are sent the same events in
opposite orders do not wait for each other in a circle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A signed event, and the request that brought it."""

    ctx: Context
    provider: str
    event: EventSeen


def take_in(ctx: Context, *, provider: str, event: EventSeen) -> bool:
    """Store a signed event, and put in the job that handles it; False when it was here before.

    Is a unit of work of its own, shared with those who come at once. Raises DatabaseUnavailable.
    """
    is_new: bool = desk.table(LINE, take_in_all).ask(Arrived(ctx=ctx, provider=provider, event=event))
    return is_new


def take_in_all(arrived: Sequence[Arrived]) -> Iterable[tuple[int, bool]]:
    """For each its place, and whether it is new: of two alike in a batch the one that came first."""
    return list(enumerate(store(express.line(LINE), arrived)))


def store(line: express.Line, arrived: Sequence[Arrived]) -> list[bool]:
    """Which of them are new; committed."""
    rows = [_row(each, place) for place, each in enumerate(arrived)]
    told = [
        audit.row(
            each.ctx,
            "provider_event.take_in",
            subject=("provider_event", row["id"]),
            after={"provider": each.provider, "event_id": each.event.event_id, "type": each.event.type},
        )
        for each, row in zip(arrived, rows, strict=True)
    ]
    values = {"events": express.as_json(rows), "told": express.as_json(told)}

    def work(unit: express.Work) -> frozenset[uuid.UUID]:
        [found] = unit.rows((STORE, values))
        passed(Point.EVENT_KEPT)
        unit.commit()
        return frozenset(found.ids)

    new = line.run(work)
    return [row["id"] in new for row in rows]


def _row(arrived: Arrived, place: int) -> dict[str, Any]:
    ctx, event = arrived.ctx, arrived.event
    return {
        "id": new_id(),
        "place": place,
        "provider": arrived.provider,
        "event_id": event.event_id,
        "type": event.type,
        "object_kind": event.object_kind,
        "object_id": event.object_id,
        "payment_ref": event.payment_ref,
        "received_at": ctx.now,
        "due_at": ctx.now + gateway_rules.wait_after(0),
    }
