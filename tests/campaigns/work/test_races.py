"""Two phones that send at once, two who close, sign and pay at once: each thing happens once."""

import uuid
from datetime import timedelta
from typing import Any

from marketplace import errors
from orders.fulfilment import parcels
from orders.work import attending, scanning, sheets, shifts
from orders.work.pay_rules import WorkerElsewhere
from orders.work.states import PaidHow, ShiftStateForbids
from tests.builders import broken
from tests.campaigns.work.crew import Crew, done
from tests.inventory.yard import at_once


def rows_of(crew: Crew, worker_id: str) -> list[dict[str, Any]]:
    """All boxes, as the use case takes them."""
    return [
        {
            "id": uuid.uuid4(),
            "worker_id": uuid.UUID(worker_id),
            "parcel_id": uuid.UUID(parcel["id"]),
            "box": box,
            "serial": None,
            "scanned_at": crew.begins_at + timedelta(minutes=60),
        }
        for parcel in crew.parcels()
        for box in range(1, parcel["boxes"] + 1)
    ]


def sending(crew: Crew, shift_id: str, rows: list[dict[str, Any]]) -> Any:
    return lambda session: scanning.take(session, crew.ctx, shift_id=uuid.UUID(shift_id), rows=rows)


def reports(outcomes: list[Any]) -> list[scanning.Report]:
    found = [each for each in outcomes if isinstance(each, scanning.Report)]
    assert len(found) == len(outcomes), outcomes
    return found


def test_the_same_rows_from_many_phones_in_any_order_are_taken_once(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    rows = rows_of(crew, li)
    found = reports(
        at_once(crew.market.app, [sending(crew, shift_id, rows), sending(crew, shift_id, rows[::-1])] * 4)
    )
    assert sorted(each.taken for each in found) == [0] * 7 + [len(rows)]
    assert all(each.conflicts == 0 for each in found)
    assert broken(crew.market.app) == []


def test_two_workers_of_two_shifts_who_scan_the_same_boxes_share_them(crew: Crew) -> None:
    li, wang = crew.worker("李"), crew.worker("王")
    one, other = crew.shift(li), crew.shift(wang)
    boxes = len(rows_of(crew, li))
    found = reports(
        at_once(
            crew.market.app,
            [sending(crew, one, rows_of(crew, li)), sending(crew, other, rows_of(crew, wang)[::-1])] * 3,
        )
    )
    assert sum(each.taken for each in found) == boxes
    assert sum(each.conflicts for each in found) == 3 * boxes, "whoever came second, each time"
    assert crew.sheet(one)["boxes"] + crew.sheet(other)["boxes"] == boxes
    assert broken(crew.market.app) == []


def test_a_parcel_that_is_packed_while_it_is_scanned(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    packing = [
        lambda session, parcel=each: parcels.pack(session, crew.ctx, parcel_id=parcel["id"])
        for each in crew.parcels()
    ]
    outcomes = at_once(crew.market.app, [sending(crew, shift_id, rows_of(crew, li)), *packing])
    assert not [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert crew.sheet(shift_id)["boxes"] == len(rows_of(crew, li))
    assert broken(crew.market.app) == []


def test_rows_that_come_while_a_shift_is_closed_are_on_its_sheet_or_refused(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    done(crew.attend(shift_id, (li, 0, 60)))
    rows = rows_of(crew, li)
    phones = [sending(crew, shift_id, [each]) for each in rows]
    closing = [lambda session: shifts.close(session, crew.ctx, shift_id=uuid.UUID(shift_id))]
    outcomes = at_once(crew.market.app, phones[:5] + closing + phones[5:])
    taken = sum(each.taken for each in outcomes if isinstance(each, scanning.Report))
    assert crew.sheet(shift_id)["boxes"] == taken
    assert crew.sheet(shift_id)["state"] == "closed"
    assert broken(crew.market.app) == []


def test_a_sheet_that_two_sign_and_pay_at_once_is_signed_and_paid_once(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    done(crew.attend(shift_id, (li, 0, 60)))
    done(crew.step(shift_id, "closing"))
    known = uuid.UUID(shift_id)
    signing = [lambda session: sheets.sign(session, crew.ctx, shift_id=known, total_minor=1_800)]
    opening = [lambda session: shifts.reopen(session, crew.ctx, shift_id=known)]
    outcomes = at_once(crew.market.app, (signing + opening) * 2)
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [ShiftStateForbids] * 3
    if crew.sheet(shift_id)["state"] == "open":
        crew.signed(shift_id)
    day = crew.begins_at.date()
    paying = [
        lambda session: sheets.mark_paid(
            session, crew.ctx, shift_id=known, how=PaidHow.CASH, paid_on=day, note=None
        )
    ]
    outcomes = at_once(crew.market.app, paying * 3)
    assert sum(isinstance(each, ShiftStateForbids) for each in outcomes) == 2
    assert broken(crew.market.app) == []


def test_a_worker_who_is_put_in_two_places_at_once_is_in_one(crew: Crew) -> None:
    li = crew.worker()
    both = [crew.shift(li), crew.shift(li)]
    items = [
        {
            "worker_id": uuid.UUID(li),
            "checked_in_at": crew.begins_at,
            "checked_out_at": crew.begins_at + timedelta(minutes=60),
        }
    ]
    outcomes = at_once(
        crew.market.app,
        [
            lambda session, shift_id=each: attending.attend(
                session, crew.ctx, shift_id=uuid.UUID(shift_id), items=items
            )
            for each in both * 3
        ],
    )
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert {type(each) for each in refused} == {WorkerElsewhere}
    assert len(refused) == 3
    assert broken(crew.market.app) == []
