"""Where a cooperative is paid: named by who has just logged in, kept as history, masked, told to all members."""

import uuid
from functools import partial

import pytest
from sqlalchemy import select, text

from marketplace import database, sealed
from marketplace.access import Role
from marketplace.notifications.models import Notification
from marketplace.payouts import destinations
from marketplace.payouts.destination_rules import BankAccount, checked, masked
from marketplace.payouts.models import PayoutDestination
from marketplace.resealing import reseal_batch, sealed_columns
from tests import house
from tests.builders import assert_refused, at_once
from tests.house import Caller
from tests.payouts.desk import BANK, OTHER, Desk

URL = "/v1/payout-destinations"


def body(desk: Desk, cooperative: int = 0, **changes: object) -> dict[str, object]:
    return {"cooperative_id": str(desk.coop(cooperative)), "kind": "bank", "bank_account": BANK, **changes}


def named(caller: Caller, desk: Desk, **changes: object) -> dict:
    answer = caller.post(URL, json=body(desk, **changes))
    assert answer.status_code == 201, answer.json
    return answer.json


def test_a_member_names_where_its_cooperative_is_paid(desk: Desk) -> None:
    made = named(desk.member, desk)
    assert (made["number"], made["holder"], made["is_current"]) == ("••••1234", BANK["holder"], True)
    assert "6222" not in str(made)
    again = desk.member.get(f"{URL}/{made['id']}").json
    assert again == made


def test_all_members_are_told_and_nobody_else(desk: Desk) -> None:
    first = desk.coop()
    colleague = house.caller(desk.market.app, Role.COOPERATIVE, cooperative_ids=(first,))
    house.caller(desk.market.app, Role.COOPERATIVE, cooperative_ids=(desk.coop(1),))
    named(desk.member, desk)
    with database.reading() as session:
        told = session.scalars(select(Notification).where(Notification.kind == "destination_named")).all()
        assert {each.account_id for each in told} == {desk.member.account_id, colleague.account_id}
        assert all("••••1234" in each.body_en and "••••1234" in each.body_zh for each in told)
        assert not any("62220200" in str(each.facts) + each.body_en for each in told)


def test_a_change_freezes_and_keeps_history(desk: Desk) -> None:
    desk.fund()
    old = desk.name()
    new = named(desk.member, desk, bank_account=OTHER)
    items = desk.member.get(f"{URL}?cooperative_id={desk.coop()}").json["items"]
    assert [(each["id"], each["is_current"]) for each in items] == [(str(old.id), False), (new["id"], True)]
    payout = desk.draft()
    refused = desk.approver.post(f"/v1/payouts/{payout.id}/approval", json={"destination_id": new["id"]})
    assert_refused(refused, 409, "destination_too_new")
    refused = desk.approver.post(f"/v1/payouts/{payout.id}/approval", json={"destination_id": str(old.id)})
    assert_refused(refused, 409, "destination_changed")


def test_the_same_again_changes_nothing_and_begins_no_time_anew(desk: Desk) -> None:
    named(desk.member, desk)
    spaced = {**BANK, "number": BANK["number"].replace(" ", "")}
    assert_refused(desk.member.post(URL, json=body(desk, bank_account=spaced)), 409, "destination_unchanged")
    with database.reading() as session:
        assert len(session.scalars(select(PayoutDestination)).all()) == 1


def test_a_log_in_of_long_ago_is_not_enough(desk: Desk) -> None:
    aged = text("UPDATE login_session SET created_at = created_at - interval '16 minutes'")
    database.transact(lambda session: session.execute(aged))
    assert_refused(desk.member.post(URL, json=body(desk)), 403, "log_in_again")
    assert desk.member.get(URL).json["items"] == []


def test_a_foreign_cooperative_looks_like_a_missing_one(desk: Desk) -> None:
    foreign = desk.name(cooperative=1)
    missing = desk.member.post(URL, json={**body(desk), "cooperative_id": str(uuid.uuid4())})
    theirs = desk.member.post(URL, json=body(desk, 1))
    assert_refused(theirs, 404, "cooperative_not_found")
    assert missing.json.keys() == theirs.json.keys()
    assert (missing.status_code, missing.json["code"]) == (theirs.status_code, theirs.json["code"])
    assert_refused(desk.member.get(f"{URL}/{foreign.id}"), 404, "destination_not_found")
    assert desk.member.get(f"{URL}?cooperative_id={desk.coop(1)}").json["items"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"number": "62 22?"}, "/bank_account/number"),
        ({"number": ""}, "/bank_account/number"),
        ({"iban": "DE89370400440532013000"}, "/bank_account/number"),
        ({"number": "", "iban": "DE89370400440532013001"}, "/bank_account/number"),
        ({"cnaps": "12"}, "/bank_account/bic"),
        ({"bic": "ICBKCNBJSXI"}, "/bank_account/bic"),
        ({"holder": "=HYPERLINK(1)"}, "/bank_account/holder"),
    ],
)
def test_what_no_bank_could_pay_to_is_refused_by_member_and_never_repeated(
    desk: Desk, changes: dict[str, str], pointer: str
) -> None:
    answer = desk.member.post(URL, json=body(desk, bank_account={**BANK, **changes}))
    assert_refused(answer, 422, "invalid")
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert "HYPERLINK" not in str(answer.json)


def test_kind_and_account_belong_together(desk: Desk) -> None:
    assert desk.member.post(URL, json=body(desk, bank_account=None)).status_code == 422
    assert desk.member.post(URL, json=body(desk, kind="stripe")).status_code == 422
    assert_refused(
        desk.member.post(URL, json=body(desk, kind="stripe", bank_account=None)), 409, "connect_not_ready"
    )


def test_two_who_name_at_once_are_numbered_one_after_the_other(desk: Desk) -> None:
    banks = [{**BANK, "number": f"62220200000{number:04}"} for number in range(4)]
    answers = at_once(desk.market.app, [partial(desk.name, bank=bank, hours=-1) for bank in banks])
    assert sorted(each.number for each in answers) == [1, 2, 3, 4]


def test_a_reader_of_the_database_reads_no_number(desk: Desk) -> None:
    made = desk.name()
    with database.reading() as session:
        stored = bytes(session.scalar(select(PayoutDestination.sealed)))
        row = session.get(PayoutDestination, made.id)
        assert destinations.opened(row).number == "6222020000001234"
    assert b"6222" not in stored
    assert "第一".encode() not in stored


def test_resealing_knows_the_columns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk.name()
    before = bytes(made.sealed)
    columns = {(table.name, column.name): (table, column) for table, column in sealed_columns()}
    assert ("payout_batch", "file") in columns
    table, column = columns["payout_destination", "sealed"]
    monkeypatch.setattr(sealed, "is_current", lambda _sealed: False)
    done = database.transact(
        lambda session: reseal_batch(session, desk.market.ctx, table=table, column=column, after=None)
    )
    assert done[1] == 1
    with database.reading() as session:
        row = session.get(PayoutDestination, made.id, populate_existing=True)
        assert bytes(row.sealed) != before
        assert destinations.opened(row) == checked(BankAccount(**BANK))


@pytest.mark.parametrize(
    ("number", "shown"),
    [("6222020000001234", "••••1234"), ("12345678", "••••78"), ("12", "••••"), ("", "••••")],
)
def test_of_a_number_its_end_is_shown(number: str, shown: str) -> None:
    assert masked(number) == shown
