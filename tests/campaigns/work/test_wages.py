"""Wage sheets: computed by the rule, signed off, frozen, paid from; for a shift and for a wave."""

import csv
import io
import uuid
from datetime import timedelta

from marketplace.access import Role
from tests.builders import assert_refused, broken
from tests.campaigns.work.crew import Crew, done
from tests.house import caller


def boxes_of(crew: Crew, worker_id: str, count: int) -> list[dict[str, object]]:
    """Rows of so many boxes that nobody has scanned."""
    named = [(parcel, box) for parcel in crew.parcels() for box in range(1, parcel["boxes"] + 1)]
    return [crew.row(worker_id, parcel, box) for parcel, box in named][:count]


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_sheet_lifts_piece_pay_to_the_floor_and_shows_by_how_much(crew: Crew) -> None:
    li, wang, zhao = (crew.worker(name, village) for name, village in (("李", "A"), ("王", "B"), ("赵", "C")))
    shift_id = crew.shift(li, wang, zhao, piece_rate_minor=1_000)
    assert set(crew.send(shift_id, boxes_of(crew, li, 4))) == {"taken"}
    done(crew.attend(shift_id, (li, 0, 60), (wang, 0, 91)))
    sheet = crew.sheet(shift_id)
    lines = {each["name"]: each for each in sheet["lines"]}
    assert set(lines) == {"李", "王"}, "who did not come is on no sheet"
    assert [
        lines["李"][each] for each in ("minutes", "boxes", "piece_minor", "top_up_minor", "total_minor")
    ] == [
        60,
        4,
        4_000,
        0,
        4_000,
    ]
    # 91 minutes at 18.00 are 27.30
    assert [lines["王"][each] for each in ("village", "minutes", "boxes", "piece_minor", "top_up_minor")] == [
        "B",
        91,
        0,
        0,
        2_730,
    ]
    assert (sheet["total_minor"], sheet["piece_minor"], sheet["top_up_minor"]) == (6_730, 4_000, 2_730)
    assert (sheet["state"], sheet["signed_at"], sheet["workers"]) == ("open", None, 2)


def test_a_signed_sheet_stays_as_it_is(crew: Crew) -> None:
    li = crew.worker("李", "A")
    shift_id = crew.shift(li)
    done(crew.attend(shift_id, (li, 0, 120)))
    assert_refused(crew.step(shift_id, "wage-sheet/signature", total_minor=3_600), 409, "shift_state")
    done(crew.step(shift_id, "closing"))
    refused = crew.step(shift_id, "wage-sheet/signature", total_minor=3_599)
    assert assert_refused(refused, 409, "wage_sheet_differs")["total_minor"] == 3_600
    answer = crew.step(shift_id, "wage-sheet/signature", total_minor=3_600)
    signed = done(answer)
    assert "李" not in answer.get_data(as_text=True), "an answer is kept under its key"
    assert (signed["state"], signed["total_minor"]) == ("signed", 3_600)
    assert signed["signed_by"] == f"account:{crew.member.account_id}"
    for refused in (
        crew.step(shift_id, "reopening"),
        crew.step(shift_id, "closing"),
        crew.step(shift_id, "wage-sheet/signature", total_minor=3_600),
        crew.attend(shift_id, (li, 0, 60)),
    ):
        assert assert_refused(refused, 409, "shift_state")["state"] == "signed"
    moved = crew.member.patch(f"/v1/workers/{li}", json={"village": "Z"}, headers={"If-Match": '"1"'})
    done(moved)
    sheet = crew.sheet(shift_id)
    assert [(each["village"], each["total_minor"]) for each in sheet["lines"]] == [("A", 3_600)]
    assert broken(crew.market.app) == []


def test_wages_are_marked_as_paid_once(crew: Crew) -> None:
    shift_id = crew.worked(60)
    day = crew.begins_at.date()
    paid = {"how": "cash", "paid_on": day.isoformat(), "note": "signed list in the office"}
    for wrong in (day - timedelta(days=1), day + timedelta(days=9)):
        refused = crew.step(shift_id, "wage-sheet/payment", **{**paid, "paid_on": wrong.isoformat()})
        assert_refused(refused, 422, "paid_on_not_valid")
    marked = done(crew.step(shift_id, "wage-sheet/payment", **paid))
    assert (marked["state"], marked["paid_how"], marked["paid_on"]) == ("paid", "cash", day.isoformat())
    assert crew.sheet(shift_id)["paid_note"] == "signed list in the office"
    again = crew.step(shift_id, "wage-sheet/payment", **paid)
    assert assert_refused(again, 409, "shift_state")["state"] == "paid"
    assert broken(crew.market.app) == []


def test_what_is_not_signed_is_not_paid_and_nothing_is_signed_for_nobody(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    paid = {"how": "cash", "paid_on": crew.begins_at.date().isoformat()}
    assert_refused(crew.step(shift_id, "wage-sheet/payment", **paid), 409, "shift_state")
    done(crew.step(shift_id, "closing"))
    assert_refused(crew.step(shift_id, "wage-sheet/payment", **paid), 409, "shift_state")
    assert_refused(crew.step(shift_id, "wage-sheet/signature", total_minor=0), 409, "wage_sheet_empty")


def test_members_sign_and_pay_and_nobody_else(crew: Crew) -> None:
    shift_id = crew.worked(60)
    body = {"how": "cash", "paid_on": crew.begins_at.date().isoformat()}
    for who in (crew.made.operator, caller(crew.market.app, Role.AUDITOR)):
        assert_refused(crew.step(shift_id, "wage-sheet/payment", who, **body), 403, "forbidden")
        assert_refused(crew.step(shift_id, "wage-sheet/signature", who, total_minor=1), 403, "forbidden")
    foreign = crew.step(shift_id, "wage-sheet/payment", crew.neighbour, **body)
    assert_refused(foreign, 404, "shift_not_found")
    assert_refused(crew.neighbour.get(f"/v1/shifts/{shift_id}/wage-sheet"), 404, "shift_not_found")


def test_who_is_also_staff_signs_for_no_other_cooperative(crew: Crew) -> None:
    """Seeing everything is no membership."""
    market = crew.market
    both = caller(market.app, Role.OPERATOR, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:2])
    li = crew.worker()
    shift_id = crew.shift(li)
    done(crew.attend(shift_id, (li, 0, 60)))
    done(crew.step(shift_id, "closing", both))
    signing = crew.step(shift_id, "wage-sheet/signature", both, total_minor=1_800)
    assert_refused(signing, 404, "shift_not_found")
    assert {each["name"] for each in crew.sheet(shift_id, both)["lines"]} == {None}
    edit = both.patch(f"/v1/workers/{li}", json={"village": "B"}, headers={"If-Match": '"1"'})
    assert_refused(edit, 404, "worker_not_found")
    reader = caller(market.app, Role.AUDITOR, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:2])
    assert_refused(crew.step(shift_id, "reopening", reader), 404, "shift_not_found")


def test_staff_sees_the_sheet_without_names(crew: Crew) -> None:
    shift_id = crew.worked(60, 30)
    own, seen = crew.sheet(shift_id), crew.sheet(shift_id, caller(crew.market.app, Role.AUDITOR))
    assert {each["name"] for each in own["lines"]} == {"工人0", "工人1"}
    assert {each["name"] for each in seen["lines"]} == {None}
    assert [{**each, "name": None} for each in own["lines"]] == seen["lines"]
    for url in (f"/v1/shifts/{shift_id}/wage-sheet.csv", wave_url(crew, ".csv")):
        shown = caller(crew.market.app, Role.AUDITOR).get(url).data.decode("utf-8-sig")
        assert "工人" in crew.member.get(url).data.decode("utf-8-sig")
        assert "工人0" not in shown and "工人1" not in shown


def test_the_table_is_one_to_pay_from_and_runs_no_formula(crew: Crew) -> None:
    li = crew.worker("=HYPERLINK(1)", "@A")
    shift_id = crew.shift(li, piece_rate_minor=1_005)
    assert crew.send(shift_id, boxes_of(crew, li, 3)) == ["taken"] * 3
    done(crew.attend(shift_id, (li, 0, 120)))
    answer = crew.member.get(f"/v1/shifts/{shift_id}/wage-sheet.csv")
    assert answer.mimetype == "text/csv"
    _, line, total = table(answer.data)
    assert line == [li, "'=HYPERLINK(1)", "'@A", "1", "120", "3", "30.15", "5.85", "36.00", "3600", "CNY", ""]
    assert total[1:] == ["合计 total", "", "", "120", "3", "30.15", "5.85", "36.00", "3600", "CNY", ""]


def wave_url(crew: Crew, form: str = "") -> str:
    return f"/v1/waves/{crew.wave_id}/wage-sheet{form}?cooperative_id={crew.cooperative_id}"


def test_a_wave_s_sheet_sums_the_signed_shifts(crew: Crew) -> None:
    li, wang = crew.worker("李"), crew.worker("王")
    first, second = crew.shift(li, wang), crew.shift(li, kind="haulage")
    third, dollars = crew.shift(wang), crew.shift(wang, currency="USD", hourly_floor_minor=600)
    done(crew.attend(first, (li, 0, 60), (wang, 0, 30)))
    done(crew.attend(second, (li, 60, 120)))
    done(crew.attend(third, (wang, 60, 120)))
    done(crew.attend(dollars, (wang, 120, 180)))
    for each in (first, second, dollars):
        crew.signed(each)
    sheet = done(crew.member.get(wave_url(crew)))
    lines = {(each["name"], each["currency"]): each for each in sheet["lines"]}
    assert {key: (each["shifts"], each["minutes"], each["total_minor"]) for key, each in lines.items()} == {
        ("李", "CNY"): (2, 120, 3_600),
        ("王", "CNY"): (1, 30, 900),
        ("王", "USD"): (1, 60, 600),
    }
    totals = {each["currency"]: each["total_minor"] for each in sheet["totals"]}
    assert totals == {"CNY": 4_500, "USD": 600}
    assert (sheet["shifts_not_signed"], len(sheet["shifts"])) == (1, 4)
    rows = table(crew.member.get(wave_url(crew, ".csv")).data)
    assert [row[8] for row in rows[1:]] == [
        *(f"{each['total_minor'] // 100}.00" for each in sheet["lines"]),
        "45.00",
        "6.00",
    ]
    assert broken(crew.market.app) == []


def test_a_wave_s_sheet_is_its_cooperative_s(crew: Crew) -> None:
    for form in ("", ".csv"):
        assert_refused(crew.neighbour.get(wave_url(crew, form)), 404, "cooperative_not_found")
        nowhere = f"/v1/waves/{uuid.uuid4()}/wage-sheet{form}?cooperative_id={crew.cooperative_id}"
        assert_refused(crew.member.get(nowhere), 404, "wave_not_found")
        unnamed = crew.member.get(f"/v1/waves/{crew.wave_id}/wage-sheet{form}")
        assert_refused(unnamed, 422, "invalid")
