"""Bills of cold stores: parted by what lay there, taken by settlements, each unit once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from inventory.stores import gram_day_rules, gram_days
from marketplace import database
from marketplace.access import Role
from orders.settlements.facts import storage_shares
from tests import house
from tests.builders import Market, assert_refused
from tests.campaigns.settling import scene, storing
from tests.campaigns.settling.scene import done
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller


@given(
    bill=st.integers(1, 10**13),
    days=st.dictionaries(st.uuids().map(str), st.integers(1, 10**16), min_size=1, max_size=8),
)
def test_a_bill_is_parted_to_the_unit(bill: int, days: dict[str, int]) -> None:
    found = storage_shares("CS INV-1", bill, days)
    assert sum(each.amount_minor for each in found.values()) == bill
    for name, each in found.items():
        assert abs(bill * days[name] - each.amount_minor * sum(days.values())) < sum(days.values())


def test_days_are_counted_as_the_cost_of_a_lot_counts_them(market: Market) -> None:
    """Lines of one day, of several, before, within and after the days that are asked for."""
    lot = market.lot(100, variety="Stored")
    start = market.today - timedelta(days=20)
    lines = [(-25, 500), (-20, 400), (-20, 380), (-13, 380), (-9, 10), (-9, 0), (-3, 70)]
    rows = """
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, committed_delta_grams,
            packed_delta_grams, on_hand_grams, held_grams, committed_grams, packed_grams, reason, actor, at)
        VALUES (gen_random_uuid(), :lot, :number, 'adjusted', 1, 0, 0, 0, :grams, 0, 0, 0, 'x', 'x', :at)
    """
    with database.reading() as session:
        for number, (day, grams) in enumerate(lines, start=2):
            at = market.later(days=day).now
            told = {"lot": lot.id, "number": number, "grams": grams, "at": at}
            session.execute(text(rows), told)
        for first in range(-2, 24, 2):
            for last in range(first, 24, 3):
                days = {"starts_on": start + timedelta(days=first), "ends_on": start + timedelta(days=last)}
                found = gram_days.of_store(session, cold_store_id=market.cold_store_id, **days)
                levels = gram_day_rules.levels(
                    [(market.later(days=day).today, grams) for day, grams in lines]
                    + [(market.today, lot.on_hand_grams)]
                )
                expected = gram_day_rules.gram_days(
                    levels, days["starts_on"], days["ends_on"] + timedelta(days=1)
                )
                assert sum(found.values()) == expected, days


def test_a_bill_is_recorded_once_and_parted_by_grams_and_days(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    bill = done(storing.record(market, operator))
    assert done(storing.record(market, operator))["id"] == bill["id"], "the same invoice is the same bill"
    assert_refused(storing.record(market, operator, amount_minor=999), 409, "storage_bill_known")
    shown = done(operator.get(f"/v1/storage-bills/{bill['id']}"))
    assert (shown["is_fixed"], shown["gram_days"]) == (False, 9 * 15_000)
    assert storing.shares(operator, bill["id"]) == [(45_000, 333, "open"), (90_000, 667, "open")]
    done(operator.post(f"/v1/storage-bills/{bill['id']}/parting"))
    shown = done(operator.get(f"/v1/storage-bills/{bill['id']}"))
    assert (shown["is_fixed"], shown["open_minor"], shown["taken_minor"]) == (True, 1_000, 0)
    refused = operator.post(f"/v1/storage-bills/{bill['id']}/parting")
    assert assert_refused(refused, 409, "storage_bill_state")["state"] == "parted"


def test_a_withdrawn_bill_may_be_recorded_anew(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 1)
    first = storing.parted(market, operator)
    done(operator.post(f"/v1/storage-bills/{first}/withdrawal", json={"reason": "the sum is wrong"}))
    assert {state for _, _, state in storing.shares(operator, first)} == {"withdrawn"}
    again = storing.parted(market, operator, amount_minor=900)
    assert again != first
    names = [each["name"] for each in done(operator.get("/v1/storage-bills"))["items"]]
    assert names[1] == f"{names[0]} (2)"
    refused = operator.post(f"/v1/storage-bills/{first}/withdrawal", json={"reason": "x"})
    assert_refused(refused, 409, "storage_bill_state")


def test_what_is_not_over_or_has_no_fruit_is_not_parted(market: Market, operator: Caller) -> None:
    today = market.today.isoformat()
    open_days = done(storing.record(market, operator, ends_on=today))
    refused = operator.post(f"/v1/storage-bills/{open_days['id']}/parting")
    assert "complete_at" in assert_refused(refused, 409, "storage_days_open")
    empty = done(storing.record(market, operator, reference="INV-2"))
    refused = operator.post(f"/v1/storage-bills/{empty['id']}/parting")
    assert_refused(refused, 409, "nothing_stored")
    missing = operator.post(f"/v1/storage-bills/{uuid.uuid4()}/parting")
    assert_refused(missing, 404, "storage_bill_not_found")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"amount_minor": 0}, "/amount_minor"),
        ({"amount_minor": 10**13 + 1}, "/amount_minor"),
        ({"currency": "XXX"}, "/currency"),
        ({"reference": ""}, "/reference"),
        ({"ends_on": "2020-02-01", "starts_on": "2020-02-02"}, "/ends_on"),
        ({"starts_on": "2020-01-01", "ends_on": "2021-01-01"}, "/ends_on"),
        ({"ends_on": "2020-02-30"}, "/ends_on"),
    ],
)
def test_bills_that_cannot_be_are_refused(
    market: Market, operator: Caller, changes: dict[str, Any], pointer: str
) -> None:
    refused = assert_refused(storing.record(market, operator, **changes), 422, "invalid")
    assert refused["errors"][0]["pointer"] == pointer


def test_a_store_that_nobody_knows_asks_for_nothing(market: Market, operator: Caller) -> None:
    refused = storing.record(market, operator, cold_store_id=str(uuid.uuid4()))
    assert_refused(refused, 404, "cold_store_not_found")


def test_a_settlement_takes_what_is_open_once(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    made = scene.presold(market, operator)
    bill = storing.parted(market, operator)
    made.proposed()
    assert made.lines(0) == [("goods", 5_200), ("commission", -208), ("storage", -333)]
    assert made.lines(1) == [("goods", 5_200), ("commission", -208), ("storage", -667)]
    assert [state for _, _, state in storing.shares(operator, bill)] == ["taken", "taken"]
    assert "service_payable" not in books(), "nothing is booked before it is final"
    made.accept(0)
    assert (books()["service_payable"], payable(market, 0)) == (333, 4_659)
    shown = done(operator.get(f"/v1/storage-bills/{bill}"))
    assert (shown["open_minor"], shown["taken_minor"], shown["final_minor"]) == (0, 1_000, 333)
    refused = operator.post(f"/v1/storage-bills/{bill}/withdrawal", json={"reason": "too late"})
    assert assert_refused(refused, 409, "storage_bill_used")["settlements"] == 2


def test_what_is_withdrawn_or_revised_gives_its_part_back(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    made = scene.presold(market, operator)
    bill = storing.parted(market, operator)
    made.proposed()
    done(made.step(0, "withdrawal", reason="one box was forgotten"))
    done(made.object_to(1))
    done(made.step(1, "revision", answer="you are right"))
    assert [state for _, _, state in storing.shares(operator, bill)] == ["open", "open"]
    done(operator.post(f"/v1/storage-bills/{bill}/withdrawal", json={"reason": "paid by the county"}))
    made.proposed()
    assert made.lines(0) == [("goods", 5_200), ("commission", -208)]


def test_a_part_that_became_known_after_the_draft_is_taken_when_it_is_proposed(
    market: Market, operator: Caller
) -> None:
    storing.lain(market, 1)
    made = scene.presold(market, operator).drafted()
    storing.parted(market, operator)
    assert made.lines(0) == [("goods", 5_200), ("commission", -208)]
    done(made.step(0, "proposal"))
    assert made.lines(0) == [("goods", 5_200), ("commission", -208), ("storage", -1_000)]


def test_who_has_no_settlement_owes_its_part_until_it_has_one(market: Market, operator: Caller) -> None:
    """Fruit that was never sold: its part is nobody else's, and waits."""
    storing.lain(market, 1, 0, 3)
    made = scene.presold(market, operator)
    bill = storing.parted(market, operator)
    made.proposed()
    made.accept(0)
    assert storing.shares(operator, bill) == [(45_000, 250, "taken"), (135_000, 750, "open")]
    member = made.members[2]
    [own] = done(member.get("/v1/storage-parts?state=open"))["items"]
    assert (own["amount_minor"], own["bill_minor"], own["gram_days_of_all"]) == (750, 1_000, 180_000)
    assert own["reference"] == "INV-1"


def test_a_member_sees_its_own_parts_alone_and_no_bills(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    bill = storing.parted(market, operator)
    mine = scene.members(market)[0]
    assert [each["amount_minor"] for each in done(mine.get("/v1/storage-parts"))["items"]] == [333]
    other = f"/v1/storage-parts?cooperative_id={market.cooperative_ids[1]}"
    assert done(mine.get(other))["items"] == []
    assert len(done(operator.get("/v1/storage-parts"))["items"]) == 2
    assert (
        len(
            done(operator.get(f"/v1/storage-bills?state=parted&cold_store_id={market.cold_store_id}"))[
                "items"
            ]
        )
        == 1
    )
    auditor = house.caller(market.app, Role.AUDITOR)
    assert auditor.get(f"/v1/storage-bills/{bill}").status_code == 200
    assert_refused(mine.get(f"/v1/storage-bills/{bill}"), 403, "forbidden")


def test_two_currencies_never_meet(market: Market, operator: Caller) -> None:
    storing.lain(market, 1)
    made = scene.presold(market, operator)
    storing.parted(market, operator, currency="USD")
    made.proposed()
    assert made.lines(0) == [("goods", 5_200), ("commission", -208)]


def test_a_storage_fee_beyond_what_was_earned_is_owed(market: Market, operator: Caller) -> None:
    storing.lain(market, 1)
    made = scene.presold(market, operator)
    storing.parted(market, operator, amount_minor=6_000)
    made.proposed()
    assert made.lines(0)[2:] == [("storage", -6_000), ("missing", 1_008)]
    assert made.accept(0)["state"] == "paid"
    assert (books()["service_payable"], books()["coop_receivable"]) == (6_000, 1_008)


def test_the_statement_the_table_and_the_page_show_the_sum(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    made = scene.presold(market, operator)
    storing.parted(market, operator)
    made.proposed()
    url = f"/v1/settlements/{made.of(0)['id']}/statement"
    [line] = [each for each in done(operator.get(url))["lines"] if each["kind"] == "storage"]
    assert line["formula_en"] == "10.00 × 45000 / 135000 = 3.333333…, all parts adding up: 3.33"
    days = f"{market.today - timedelta(days=10)}/{market.today - timedelta(days=2)}"
    assert line["reference"].endswith(f"INV-1 {days}")
    for path in (".html", ".csv"):
        shown = operator.get(url + path).text
        assert "45000 / 135000" in shown
        assert line["reference"] in shown


def test_hundreds_of_bills_and_cooperatives_cost_a_few_statements(market: Market, operator: Caller) -> None:
    storing.lain(market, 1, 2)
    made = scene.presold(market, operator)

    def statements(times: int) -> int:
        for number in range(times):
            storing.parted(market, operator, reference=f"INV-{times}-{number}", amount_minor=10)
        with storing.counted() as executed:
            made.proposed()
        for each in (0, 1):
            done(made.step(each, "withdrawal", reason="once more"))
        return len(executed)

    few, many = statements(1), statements(12)
    assert many <= few
