"""Who is told what: every event from its real cause, in its transaction, to whom it concerns and nobody else."""

import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from inventory import cases
from inventory.quality import quality
from inventory.traces import checkpointing
from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.webhooks import outbox
from marketplace.webhooks.catalogue import BY_NAME, NotAsWritten
from orders import answers, checkout
from tests.builders import confirmed, held, ordered, paid, receipt
from tests.campaigns.claims import scene as claims
from tests.traces.told import observed, recorded
from tests.webhooks.conftest import (
    FOR_COOPERATIVES,
    URL,
    deliveries,
    messages,
    registered,
    stored,
    worked,
)

MINE = "https://one.example.com/"
THEIRS = "https://two.example.com/"


@pytest.fixture
def told(app, market, operator, receiver):
    """The marketplace listens at URL, the first two cooperatives at MINE and THEIRS; answers the types each got."""
    registered(operator)
    for url, cooperative_id in zip((MINE, THEIRS), market.cooperative_ids, strict=False):
        registered(operator, url=url, events=FOR_COOPERATIVES, cooperative_id=str(cooperative_id))

    def look():
        worked(app)
        return {url: receiver.types(url) for url in (URL, MINE, THEIRS)}

    return look


def test_a_campaign_is_told_to_the_marketplace_and_to_who_pledged(market, told, receiver):
    sale = market.on_sale(20)
    found = told()
    assert found[URL] == ["campaign.pledged", "campaign.state_changed", "campaign.state_changed"]
    assert found[MINE] == found[URL]
    assert found[THEIRS] == []
    moves = [each["data"] for each in receiver.of(MINE) if each["type"] == "campaign.state_changed"]
    assert [(each["before"], each["after"], each["number"]) for each in moves] == [
        ("draft", "scheduled", 2),
        ("scheduled", "deposit_open", 3),
    ]
    assert {each["campaign_id"] for each in moves} == {str(sale.campaign_id)}


def test_a_shopper_s_way_is_told_when_it_is_paid_or_over_and_the_rush_is_not(
    market, told, shopper, operator, receiver, as_role
):
    sale = market.on_sale(20)
    told()
    before = len(messages())
    held(as_role(Role.SHOPPER), sale)
    waits = ordered(shopper, sale)
    confirmed(as_role(Role.SHOPPER), sale)
    assert len(messages()) == before, "no row for a hold, an order or a confirmation"

    shopper.post(f"/v1/orders/{waits['id']}/withdrawal")
    order = paid(shopper, operator, sale, 3)
    found = told()
    assert sorted(found[URL][3:]) == ["order.committed", "order.ended", "payment.received"]
    assert [each for each in found[MINE] if each.startswith(("order", "payment"))] == []
    [committed] = [each["data"] for each in receiver.of(URL) if each["type"] == "order.committed"]
    assert committed["order_id"] == order["id"]
    assert (committed["boxes"], committed["quantity_grams"], committed["kind"]) == (
        3,
        15_000,
        "shopper_presale",
    )
    everything = "".join(each.body.decode() for each in receiver.got)
    assert str(shopper.account_id) not in everything
    assert str(operator.account_id) not in everything


def test_money_that_fails_and_money_that_comes_late_are_told(market, told, shopper, operator, as_role):
    sale = market.on_sale(20)
    unlucky = confirmed(as_role(Role.SHOPPER), sale)
    operator.post(f"/v1/payments/{unlucky['payment_id']}/failure", json={"reason": "bounced"})
    gone = ordered(shopper, sale)
    shopper.post(f"/v1/orders/{gone['id']}/withdrawal")
    operator.post(f"/v1/payments/{gone['payment_id']}/receipts", json=receipt(gone))
    types = told()[URL][3:]
    assert types.count("payment.failed") == 1
    assert types.count("order.ended") == 2
    assert types.count("case.opened") + types.count("payment.received") == 1


def test_unpaid_orders_that_expire_are_told(market, told, shopper):
    sale = market.on_sale(20)
    ordered(shopper, sale)
    assert (
        database.transact(
            lambda session: checkout.expire_unpaid(session, context.system(), minutes=0, batch=10)
        )
        == 1
    )
    assert told()[URL][3:] == ["order.ended"]


def test_a_bulk_order_is_told_share_by_share_to_whose_it_is(market, told, buyer, operator, receiver):
    market.lot(40)
    market.lot(40, cooperative=1)
    order, run = market.bulk(buyer, 12)
    database.transact(lambda session: answers.approve(session, market.ctx, order_id=order.id))
    for share in run.shares:
        if share.boxes:
            database.transact(
                lambda session, share=share: answers.confirm(session, market.ctx, share_id=share.id)
            )
    found = told()
    assert found[URL] == [
        "order.placed", "allocation.approved", "share.offered", "share.offered",
        "share.answered", "share.answered", "order.committed",
    ]  # fmt: skip
    assert found[MINE] == found[THEIRS] == ["share.offered", "share.answered"]
    for url, cooperative_id in ((MINE, market.cooperative_ids[0]), (THEIRS, market.cooperative_ids[1])):
        assert {each["data"]["cooperative_id"] for each in receiver.of(url)} == {str(cooperative_id)}
    assert receiver.of(MINE)[0]["data"]["answer_due_at"].endswith("Z")


def test_a_share_that_is_declined_is_split_again_and_told(market, told, buyer):
    market.lot(40)
    market.lot(40, cooperative=1)
    order, run = market.bulk(buyer, 12)
    database.transact(lambda session: answers.approve(session, market.ctx, order_id=order.id))
    mine, theirs = (
        next(each for each in run.shares if each.cooperative_id == cooperative_id)
        for cooperative_id in market.cooperative_ids[:2]
    )
    database.transact(lambda session: answers.confirm(session, market.ctx, share_id=theirs.id))
    database.transact(lambda session: answers.decline(session, market.ctx, share_id=mine.id, reason="frost"))
    found = told()
    assert found[MINE] == ["share.offered", "share.answered"]
    assert found[THEIRS] == ["share.offered", "share.answered", "share.offered"]
    assert buyer.post(f"/v1/bulk-orders/{order.id}/cancellation", json={"reason": "late"}).status_code == 200
    assert told()[URL][-1] == "order.ended"


def test_cases_and_lots_are_told_to_whom_they_concern(market, told):
    market.lot(4, code="L-9", cooperative=1)
    case = market.case()
    database.transact(lambda session: cases.settle(session, market.ctx, case_id=case.id, decision="seen"))
    staff = {"kind": cases.CaseKind.RECONCILIATION, "subject": ("pool", uuid.uuid4()), "facts": {}}
    database.transact(lambda session: cases.open_case(session, market.ctx, **staff))
    database.transact(lambda session: cases.open_case(session, market.ctx, **staff))
    lot = market.lot(4, cooperative=1)
    for step in (quality.quarantine, quality.clear):
        database.transact(lambda session, step=step: step(session, market.ctx, lot_id=lot.id, reason="smell"))
    found = told()
    assert found[URL] == [
        "case.opened", "case.settled", "case.opened", "lot.status_changed", "lot.status_changed",
    ]  # fmt: skip
    assert found[MINE] == ["case.opened", "case.settled"]
    assert found[THEIRS] == ["lot.status_changed", "lot.status_changed"]


def test_a_checkpoint_of_a_county_s_chain_is_told_with_its_note(
    market, told, receiver, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpointing, "folder", lambda: tmp_path)
    recorded(market, observed(1))
    [made] = database.transact(lambda session: checkpointing.sign_all(session, market.ctx))
    jobs.work(market.app, once=True)
    found = told()
    assert (found[URL], found[MINE], found[THEIRS]) == (["trace.checkpoint"], [], [])
    [data] = [each["data"] for each in receiver.of(URL)]
    assert data == {"county_id": str(market.county_id), "county": "YJ", "length": 1, "note": made.note}


def test_claims_are_told_when_they_are_made_and_what_becomes_of_them(market, operator, receiver):
    made = claims.arrived(market, operator, pledged=(20,), orders=(3,))
    wished = ["claim.opened", "claim.decided"]
    registered(operator, events=wished)
    for url, cooperative_id in zip((MINE, THEIRS), market.cooperative_ids, strict=False):
        registered(operator, url=url, events=wished, cooperative_id=str(cooperative_id))
    granted, kept, withdrawn = (made.made(1, words=f"box {number}") for number in range(3))
    assert made.decide(granted, "return", amount_minor=1, borne_by="platform").status_code == 200
    assert made.decide(kept, "reject", words="it is in order").status_code == 200
    assert made.sending.buyers[0].post(f"/v1/claims/{withdrawn['id']}/withdrawal").status_code == 200
    received_ = operator.post(f"/v1/claims/{granted['id']}/receipt", json={"code": "BACK-1"})
    assert received_.status_code == 200, received_.json
    worked(market.app)
    found = [(each["type"], each["data"]) for each in receiver.of(URL)]
    assert [name for name, _ in found] == ["claim.opened"] * 3 + ["claim.decided"] * 4
    assert [(data["state"], data["refund_minor"], data["borne_by"]) for _, data in found[3:]] == [
        ("returning", 1, "platform"),
        ("rejected", None, None),
        ("withdrawn", None, None),
        ("refunded", 1, "platform"),
    ]
    assert {data["cooperative_id"] for _, data in found} == {str(market.cooperative_ids[0])}
    assert "box 1" not in str(found)
    assert "it is in order" not in str(found)
    assert receiver.types(MINE) == receiver.types(URL)
    assert receiver.types(THEIRS) == []


def test_a_cause_that_is_undone_tells_nobody(market, told, receiver):
    class Undone(Exception):
        pass

    def work(session):
        cases.open_case(
            session, market.ctx, kind=cases.CaseKind.SHORTFALL, subject=("lot", uuid.uuid4()), facts={}
        )
        assert session.execute(text("SELECT count(*) FROM webhook_message")).scalar_one() == 1
        raise Undone

    with pytest.raises(Undone):
        database.transact(work)
    assert told()[URL] == []
    assert not messages()


def test_nothing_is_written_while_nobody_asked(market, operator, receiver):
    market.case()
    assert not messages()
    registered(operator, events=["lot.status_changed"])
    market.case()
    assert not messages()
    assert not [job for job in stored(StoredJob) if job.name.startswith("webhooks.")]


def test_a_disabled_endpoint_gets_no_delivery_but_the_message_is_kept(app, market, operator, receiver):
    made = registered(operator)
    operator.post(f"/v1/webhook-endpoints/{made['id']}/disabling")
    market.case()
    [message] = messages()
    assert (message.type, message.told_count) == ("case.opened", 0)
    assert not deliveries()
    worked(app)
    assert not receiver.got


def test_data_that_is_not_as_the_table_says_is_an_error_of_ours(market, receiver):
    def work(session):
        outbox.tell(session, market.ctx, "payment.failed", data={"payment_id": uuid.uuid4(), "buyer": "Li"})

    with pytest.raises(NotAsWritten):
        database.transact(work)


def test_every_wished_event_has_a_test_here_that_saw_it():
    """The names in this file, or in that of orders that are moved together; a new event needs its real cause there."""
    text_of_tests = "".join(
        Path(__file__).with_name(name).read_text() for name in ("test_outbox.py", "test_many.py")
    )
    assert not [name for name, kind in BY_NAME.items() if kind.is_wished and f'"{name}"' not in text_of_tests]


def test_the_draft_of_a_campaign_is_not_told(market, told):
    market.draft()
    assert told()[URL] == []


def test_roles_are_as_the_access_table_says(as_role):
    shopper = as_role(Role.SHOPPER)
    assert shopper.get("/v1/webhook-endpoints").status_code == 403
