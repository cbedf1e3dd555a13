"""Approved payouts go to the bank in one file, once; what the bank did is booked, by a person or from its statement."""

import csv
import hashlib
import io
import uuid
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace import database, errors
from marketplace.access import Role
from marketplace.context import Context
from marketplace.notifications.models import Notification
from marketplace.payouts import batching, payouts, sending
from marketplace.payouts.batching import NothingToBatch
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutStateForbids
from marketplace.webhooks import endpoints
from marketplace.webhooks.models import Delivery, Message
from tests import house
from tests.builders import assert_refused, at_once
from tests.payouts import structure
from tests.payouts.desk import BANK, OTHER, PAYER, Desk

URL = "/v1/payout-batches"


def test_all_that_are_approved_go_in_one_file_and_are_sent(ready: Desk) -> None:
    some = [ready.approved(1_000 * (number + 1), cooperative=number) for number in range(2)]
    waiting = ready.draft(500)
    batch = ready.make()
    assert (batch["payouts"], batch["total_minor"]) == (2, 3_000)
    file = ready.drafter.get(f"{URL}/{batch['id']}/file")
    assert (hashlib.sha256(file.data).hexdigest(), len(file.data)) == (batch["sha256"], batch["size_bytes"])
    rows = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [(row[0], row[2], row[4]) for row in rows[1:3]] == [
        (some[0].reference, "6222020000000000", "10.00"),
        (some[1].reference, "6222020000000001", "20.00"),
    ]
    stored = [ready.stored(each) for each in some]
    assert [(each.state, str(each.batch_id)) for each in stored] == [("sent", batch["id"])] * 2
    assert ready.stored(waiting).state == "drafted"
    assert ready.stands() == (100_000, 0), "nothing has left before the bank says so"
    listed = ready.drafter.get(f"/v1/payouts?batch_id={batch['id']}").json["items"]
    assert len(listed) == 2


def test_the_file_is_the_same_whenever_it_is_asked_for(ready: Desk, app: Flask) -> None:
    ready.approved()
    batch = ready.make(format="pain_001")
    first = ready.drafter.get(f"{URL}/{batch['id']}/file").data
    ready.name(bank=OTHER, seconds=0)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], payout_account_name="Somebody else")
    again = ready.drafter.get(f"{URL}/{batch['id']}/file")
    assert again.data == first
    assert again.headers["Content-Disposition"] == f'attachment; filename="{batch["reference"]}.xml"'
    assert structure.faults(ET.fromstring(first)) == []
    assert b"6222020000000000" in first


def test_a_batch_may_be_in_the_encoding_of_banks_in_china(ready: Desk) -> None:
    ready.approved()
    batch = ready.make(format="csv_gb18030")
    file = ready.drafter.get(f"{URL}/{batch['id']}/file")
    assert BANK["holder"] in file.data.decode("gb18030")
    assert file.mimetype == "text/csv"


def test_a_destination_that_changed_after_the_approval_is_not_paid_to(ready: Desk) -> None:
    changed, other = ready.approved(1_000), ready.approved(2_000, cooperative=1)
    ready.name(bank=OTHER, seconds=0)
    ids = [str(changed.id), str(other.id)]
    answer = ready.drafter.post(URL, json={"currency": "CNY", "format": "csv", "payout_ids": ids})
    assert_refused(answer, 409, "destination_changed")
    assert answer.json["payout_id"] == str(changed.id)
    assert ready.stored(other).state == "approved", "all or none"
    assert ready.make()["total_minor"] == 2_000, "what is not named is left"
    assert ready.stored(changed).state == "approved"
    assert_refused(
        ready.drafter.post(URL, json={"currency": "CNY", "format": "csv"}), 409, "nothing_to_batch"
    )


def test_named_payouts_are_all_fit_or_none_is_sent(ready: Desk) -> None:
    fit, drafted = ready.approved(), ready.draft()
    for wrong, status, code in (
        (str(drafted.id), 409, "payout_state"),
        (str(uuid.uuid4()), 404, "payout_not_found"),
    ):
        answer = ready.drafter.post(
            URL, json={"currency": "CNY", "format": "csv", "payout_ids": [str(fit.id), wrong]}
        )
        assert_refused(answer, status, code)
    answer = ready.drafter.post(URL, json={"currency": "JPY", "format": "csv", "payout_ids": [str(fit.id)]})
    assert_refused(answer, 409, "not_for_this_batch")
    assert ready.stored(fit).state == "approved"


def test_a_day_that_is_over_and_a_missing_payer_are_refused(desk: Desk, app: Flask) -> None:
    desk.fund()
    desk.name()
    desk.approved()
    asked = {"currency": "CNY", "format": "csv"}
    assert_refused(desk.drafter.post(URL, json=asked), 409, "payer_missing")
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], **PAYER)
    yesterday = (desk.market.today - timedelta(days=1)).isoformat()
    answer = desk.drafter.post(URL, json={**asked, "execute_on": yesterday})
    assert_refused(answer, 422, "invalid")
    tomorrow = (desk.market.today + timedelta(days=1)).isoformat()
    assert desk.make(execute_on=tomorrow)["execute_on"] == tomorrow
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], **dict.fromkeys(PAYER, ""))


def test_names_that_no_bank_abroad_takes_are_told_by_payout(ready: Desk) -> None:
    ready.fund(1_000, currency="EUR")
    payout = ready.approved(500, currency="EUR", memo="Apples")
    answer = ready.drafter.post(URL, json={"currency": "EUR", "format": "pain_001"})
    assert_refused(answer, 422, "batch_refused")
    assert payout.reference in {each["payout"] for each in answer.json["errors"]}
    assert ready.stored(payout).state == "approved"


def test_two_batches_at_once_never_share_a_payout(ready: Desk) -> None:
    some = [ready.approved(1_000, cooperative=number % 2) for number in range(6)]

    def work(ids: list[uuid.UUID] | None) -> int:
        ctx = ready.person(ready.drafter)
        made = database.transact(
            lambda session: batching.make(session, ctx, currency="CNY", file_format="csv", payout_ids=ids)
        )
        return made.payouts

    ids = [each.id for each in some]
    answers = at_once(ready.market.app, [partial(work, None), partial(work, ids), partial(work, ids)])
    assert [each for each in answers if not isinstance(each, errors.Refusal)] == [6]
    assert all(isinstance(each, int | NothingToBatch | PayoutStateForbids) for each in answers)
    assert {ready.stored(each).version for each in some} == {2}


def test_cancel_against_send_has_one_winner(ready: Desk) -> None:
    for _ in range(3):
        payout = ready.approved(1_000)
        ctx = ready.person(ready.drafter)

        def cancel(payout: Payout = payout, ctx: Context = ctx) -> str:
            done = database.transact(lambda session: payouts.cancel(session, ctx, payout_id=payout.id))
            return str(done.state)

        def send(payout: Payout = payout, ctx: Context = ctx) -> str:
            database.transact(
                lambda session: batching.make(
                    session, ctx, currency="CNY", file_format="csv", payout_ids=[payout.id]
                )
            )
            return "sent"

        answers = at_once(ready.market.app, [cancel, send])
        won = [each for each in answers if isinstance(each, str)]
        assert won == [ready.stored(payout).state]


def test_the_bank_has_paid_and_the_cooperative_is_told_once(ready: Desk) -> None:
    payout = ready.approved(1_000)
    ready.make()
    url = f"/v1/payouts/{payout.id}"
    paid = ready.drafter.post(f"{url}/receipt", json={"receipt_reference": "ICBC:1"})
    assert (paid.status_code, paid.json["state"]) == (200, "paid")
    assert ready.stands() == (99_000, 1_000)
    assert_refused(
        ready.drafter.post(f"{url}/receipt", json={"receipt_reference": "ICBC:1"}), 409, "payout_state"
    )
    with database.reading() as session:
        told = session.scalars(select(Notification.body_zh).where(Notification.kind == "payout_paid")).all()
    assert len(told) == 1
    assert "10.00 CNY" in told[0]
    assert payout.reference in told[0]


def test_partners_and_the_cooperative_s_own_programs_are_told_how_it_ended(ready: Desk) -> None:
    database.transact(
        lambda session: endpoints.register(
            session,
            ready.market.ctx,
            url="https://hooks.example.com/in",
            events=["payout.paid", "payout.returned"],
            description="the books",
            cooperative_id=ready.coop(),
        )
    )
    own, foreign = ready.approved(1_000), ready.approved(2_000, cooperative=1)
    ready.make()
    for each in (own, foreign):
        ready.drafter.post(f"/v1/payouts/{each.id}/receipt", json={"receipt_reference": f"R:{each.id}"})
    ready.drafter.post(f"/v1/payouts/{own.id}/return", json={"reason": "closed"})
    with database.reading() as session:
        told = session.execute(
            select(Message.type, Message.data)
            .join(Delivery, Delivery.message_id == Message.id)
            .order_by(Message.id)
        ).all()
    assert [(kind, data["payout_id"], data["amount_minor"]) for kind, data in told] == [
        ("payout.paid", str(own.id), 1_000),
        ("payout.returned", str(own.id), 1_000),
    ]


def test_one_receipt_pays_one_payout(ready: Desk) -> None:
    first, second = ready.approved(1_000), ready.approved(2_000)
    ready.make()
    ready.drafter.post(f"/v1/payouts/{first.id}/receipt", json={"receipt_reference": "ICBC:1"})
    answer = ready.drafter.post(f"/v1/payouts/{second.id}/receipt", json={"receipt_reference": "ICBC:1"})
    assert_refused(answer, 409, "payout_receipt_booked")
    assert ready.stands() == (99_000, 1_000)


@pytest.mark.parametrize("was_paid", [False, True])
def test_a_payout_that_comes_back_is_payable_again_by_another(ready: Desk, was_paid: bool) -> None:
    payout = ready.approved(1_000)
    ready.make()
    if was_paid:
        ready.drafter.post(f"/v1/payouts/{payout.id}/receipt", json={"receipt_reference": "ICBC:1"})
    back = ready.drafter.post(f"/v1/payouts/{payout.id}/return", json={"reason": "account closed"})
    assert (back.json["state"], back.json["problem"]) == ("returned", "account closed")
    assert (ready.payable(), ready.stands()) == (100_000, (100_000, 0))
    again = ready.approved(1_000, purpose_id=payout.purpose_id)
    assert again.id != payout.id
    assert_refused(
        ready.drafter.post(f"/v1/payouts/{payout.id}/return", json={"reason": "x"}), 409, "payout_state"
    )
    moves = ready.member.get(f"/v1/payouts/{payout.id}/moves").json["items"]
    assert [each["after"] for each in moves] == ["approved", "sent", *(["paid"] * was_paid), "returned"]


def test_paid_and_returned_at_once_end_in_one_way(ready: Desk) -> None:
    payout = ready.approved(1_000)
    ready.make()
    ctx = ready.person(ready.drafter)
    works = [
        partial(sending.mark_paid, payout_id=payout.id, receipt_reference="ICBC:1"),
        partial(sending.mark_returned, payout_id=payout.id, reason="closed"),
        partial(sending.mark_paid, payout_id=payout.id, receipt_reference="ICBC:2"),
    ]
    at_once(
        ready.market.app,
        [lambda work=work: database.transact(lambda session: work(session, ctx)) for work in works],
    )
    state = ready.stored(payout).state
    assert state in ("paid", "returned")
    assert ready.stands() == ((99_000, 1_000) if state == "paid" else (100_000, 0))


def test_members_see_their_own_payouts_and_nobody_downloads_the_file_but_operators(ready: Desk) -> None:
    own, foreign = ready.approved(1_000), ready.approved(2_000, cooperative=1)
    batch = ready.make()
    assert [each["id"] for each in ready.member.get("/v1/payouts").json["items"]] == [str(own.id)]
    for path in ("", "/moves"):
        assert_refused(ready.member.get(f"/v1/payouts/{foreign.id}{path}"), 404, "payout_not_found")
    auditor = house.caller(ready.market.app, Role.AUDITOR)
    assert len(auditor.get("/v1/payouts").json["items"]) == 2
    assert auditor.get(f"{URL}/{batch['id']}").status_code == 200
    for caller in (auditor, ready.member):
        assert caller.get(f"{URL}/{batch['id']}/file").status_code == 403
