"""Short ways to forecast, promise and weigh in a yard."""

import uuid
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from inventory.capacity import forecasts, promises, weighing
from inventory.capacity.models import Capacity, CapacityLine, Weighing
from inventory.capacity.rules import Haircut
from inventory.cases.models import Case, CaseNote
from marketplace import database
from marketplace.values import new_id
from tests.inventory.yard import Yard

NONE = Haircut(base_permille=0, weekly_permille=0, most_permille=0)
"""No haircut: the low estimate is the prudent part."""
ITEM = ("campaign_item", uuid.UUID(int=7))


def monday(yard: Yard, weeks: int = 0) -> date:
    return yard.today - timedelta(days=yard.today.weekday()) + timedelta(weeks=weeks)


def forecast(
    yard: Yard, low: int = 1_000, *, cooperative: int = 0, weeks: int = 0, **changes: Any
) -> Capacity:
    facts: dict[str, Any] = {
        "variety": "Fuji",
        "grade": "A",
        "likely_grams": low + 200,
        "high_grams": low + 500,
        "reason": "first walk through the orchard",
        "haircut": NONE,
        "week_on": monday(yard, weeks),
        **changes,
    }
    cooperative_id = yard.cooperative_ids[cooperative]
    return database.transact(
        lambda session: forecasts.declare(
            session, yard.ctx, cooperative_id=cooperative_id, low_grams=low, **facts
        )
    )


def revise(yard: Yard, capacity: Capacity, low: int, **changes: Any) -> Capacity:
    facts: dict[str, Any] = {
        "likely_grams": low + 200,
        "high_grams": low + 500,
        "reason": "hail",
        "haircut": NONE,
        **changes,
    }
    return database.transact(
        lambda session: forecasts.revise(session, yard.ctx, capacity_id=capacity.id, low_grams=low, **facts)
    )


def promise(yard: Yard, capacity: Capacity, grams: int, purpose: promises.Purpose = ITEM) -> Capacity:
    return database.transact(
        lambda session: promises.promise(
            session, yard.ctx, capacity_id=capacity.id, grams=grams, purpose=purpose
        )
    )


def give_back(yard: Yard, capacity: Capacity, grams: int, purpose: promises.Purpose = ITEM) -> Capacity:
    return database.transact(
        lambda session: promises.give_back(
            session, yard.ctx, capacity_id=capacity.id, grams=grams, purpose=purpose
        )
    )


def load(yard: Yard, capacity: Capacity, net: int, **changes: Any) -> dict[str, Any]:
    """The facts of a weighing."""
    return {
        "weighing_id": new_id(),
        "capacity_id": capacity.id,
        "cold_store_id": yard.cold_store_id,
        "code": f"W{new_id().hex[-8:]}",
        "gross_grams": net + 300,
        "tare_grams": 300,
        "harvested_on": capacity.week_on,
        "best_before_on": capacity.week_on + timedelta(days=200),
        **changes,
    }


def weigh(yard: Yard, capacity: Capacity, net: int, **changes: Any) -> Weighing:
    facts = load(yard, capacity, net, **changes)
    return database.transact(lambda session: weighing.weigh(session, yard.ctx, **facts))


def close(yard: Yard, capacity: Capacity) -> Capacity:
    return database.transact(lambda session: forecasts.close(session, yard.ctx, capacity_id=capacity.id))


def journal(capacity: Capacity) -> list[tuple[int, str, int, int, int]]:
    with database.reading() as session:
        rows = session.scalars(
            select(CapacityLine).where(CapacityLine.capacity_id == capacity.id).order_by(CapacityLine.number)
        )
        return [(row.number, row.kind, row.grams, row.promised_grams, row.converted_grams) for row in rows]


def shortfalls(capacity: Capacity) -> list[Case]:
    with database.reading() as session:
        found = session.scalars(
            select(Case).where(Case.subject_id == capacity.id, Case.kind == "shortfall").order_by(Case.id)
        )
        return list(found)


def told(case: Case) -> list[tuple[str, str, int]]:
    """Kind, cause and missing grams of each of a case's notes."""
    with database.reading() as session:
        rows = session.scalars(select(CaseNote).where(CaseNote.case_id == case.id).order_by(CaseNote.number))
        return [
            (row.kind, row.facts["cause"], row.facts["missing_grams"])
            for row in rows
            if row.facts is not None
        ]
