"""What must be true of subscriptions at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.repository.subscriptions.models import EventSubscription
from inventory.repository.subscriptions.rules import read_schedule
from marketplace import errors
from marketplace.language import Text
from marketplace.module import Invariant


def _wrong_controls(session: Session) -> list[dict[str, Any]]:
    rows = session.execute(
        select(
            EventSubscription.id,
            EventSubscription.is_stream,
            EventSubscription.schedule,
            EventSubscription.due_at,
        )
    )
    return [
        {"id": row.id, "schedule": row.schedule, "due_at": row.due_at}
        for row in rows
        if not _is_right(is_stream=row.is_stream, schedule=row.schedule, due_at=row.due_at)
    ]


def _is_right(*, is_stream: bool, schedule: Any, due_at: Any) -> bool:
    if is_stream:
        return schedule is None and due_at is None
    try:
        return due_at is not None and read_schedule(schedule or {}).names(due_at)
    except errors.Invalid:
        return False


INVARIANTS: Final = (
    Invariant(
        id="ES1",
        says=Text(
            en="No subscription is told of events that are not in the chain yet.",
            zh="订阅的游标与目标不超过事件链的长度。",
        ),
        sql="""
            SELECT s.id, s.cursor, s.goal, c.length FROM event_subscription s
            JOIN event_query q ON q.id = s.query_id LEFT JOIN trace_chain c ON c.county_id = q.county_id
            WHERE s.cursor > s.goal OR s.goal > coalesce(c.length, 0)
        """,
    ),
    Invariant(
        id="ES2",
        says=Text(
            en="What waits for a destination ends where its subscription stands, and holds the events that it says.",
            zh="待投递的文档止于订阅的游标，且所含事件数与记录一致。",
        ),
        sql="""
            SELECT d.subscription_id, d.begins, d.ends, s.cursor, d.events FROM event_delivery d
            JOIN event_subscription s ON s.id = d.subscription_id
            WHERE d.ends <> s.cursor OR d.events <> jsonb_array_length(
                d.body::jsonb #> '{epcisBody,queryResults,resultsBody,eventList}')
                OR d.body::jsonb #>> '{epcisBody,queryResults,subscriptionID}' <> s.id::text
        """,
    ),
    Invariant(
        id="ES3",
        says=Text(
            en="A subscription has a schedule and is due at a moment that it names, or it is a stream and has neither.",
            zh="订阅或有时间表且到期时刻符合该表，或为流式且两者皆无。",
        ),
        sql="",
        check=_wrong_controls,
    ),
)
