"""Transfers to cooperatives' accounts at Stripe: onboarded first, made once whatever breaks, taken back whole."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from marketplace import context, database
from marketplace.ledger import ledger
from marketplace.payments.gateways.stripe_gateway import StripeGateway
from marketplace.payments.models import ProviderEvent
from marketplace.payouts import calls, ending, moving, sending
from marketplace.payouts.models import ConnectAccount, Payout, PayoutCall, PayoutDestination
from marketplace.payouts.states import PayoutStateForbids
from tests.builders import assert_refused, at_once
from tests.ledger import money
from tests.payments.online import there
from tests.payouts.desk import OTHER, Desk, point_at
from tests.stripe_stand_in import StandIn

ONBOARDINGS = "/v1/payout-onboardings"
AGED = (
    "UPDATE payout_call SET leased_until = leased_until - :by, asked_at = asked_at - :by WHERE state = 'asked'",
    "UPDATE job SET due_at = due_at - :by WHERE state = 'waiting' AND name LIKE 'pay%'",
)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as found:
        yield found


@dataclass(frozen=True)
class Abroad:
    """A desk whose first cooperative has an account at the stand-in, ready and named three days ago."""

    desk: Desk
    stand_in: StandIn

    @property
    def account(self) -> ConnectAccount:
        with database.reading() as session:
            return session.scalars(select(ConnectAccount)).one()

    def onboard(self, **changes: Any) -> Any:
        body = {"cooperative_id": str(self.desk.coop()), "country": "DE", **changes}
        return self.desk.member.post(ONBOARDINGS, json=body)

    def get_ready(self) -> None:
        assert self.onboard().status_code == 200
        self.stand_in.connect.onboard(self.account.provider_id)
        assert self.onboard().json["is_ready"]
        point_at(self.desk, self.account.id)

    def fund(self, minor: int = 100_000) -> None:
        """Money is payable to the cooperative, and lies at the provider."""
        self.desk.fund(minor, currency="EUR")
        with self.stand_in.books.lock:
            self.stand_in.books._entry(minor, {"id": "ch_x", "currency": "eur"}, kind="charge")

    def approved(self, minor: int = 5_000, **changes: Any) -> Payout:
        return self.desk.approved(minor, currency="EUR", memo="Apples", **changes)

    def send(self, payout: Payout) -> Any:
        return self.desk.drafter.post(f"/v1/payouts/{payout.id}/sending")

    def sent(self, minor: int = 5_000, **changes: Any) -> Payout:
        payout = self.approved(minor, **changes)
        answer = self.send(payout)
        assert (answer.status_code, answer.json["state"]) == (200, "sent"), answer.json
        return payout

    def work(self, **passed: float) -> int:
        """After so much time, run the jobs of payouts and payments that wait; how many."""
        if passed:
            by = {"by": timedelta(**passed)}
            database.transact(lambda session: [session.execute(text(each), by) for each in AGED])
        return self.desk.work()

    def lose_jobs(self) -> None:
        database.transact(
            lambda session: session.execute(text("DELETE FROM job WHERE name LIKE 'payouts.%'"))
        )

    def sweep(self, **passed: float) -> int:
        by = {"by": timedelta(**passed)}
        database.transact(lambda session: [session.execute(text(each), by) for each in AGED])
        ctx = replace(self.desk.market.ctx, now=context.now_utc() + timedelta(seconds=1))
        found = database.transact(lambda session: calls.sweep(session, ctx))
        self.work()
        return found

    def transfers(self) -> list[tuple[int, int]]:
        return [(each["amount"], each["amount_reversed"]) for each in self.stand_in.books.all("transfer")]

    def stands(self) -> tuple[int, int]:
        """What is owed to the cooperative, and what is at the provider by our books."""
        return (
            money.balance(money.payable(self.desk.coop(), "EUR")),
            money.balance(money.clearing("EUR")),
        )

    def calls_of(self, payout: Payout) -> list[tuple[str, int, str]]:
        with database.reading() as session:
            return [(each.kind, each.attempt, each.state) for each in calls.of_payout(session, payout.id)]


@pytest.fixture
def abroad(desk: Desk, app: Flask, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Abroad:
    gateway: StripeGateway = there.gateway_at(stand_in.url)
    monkeypatch.setitem(app.extensions, "remote_gateway", gateway)
    return Abroad(desk=desk, stand_in=stand_in)


@pytest.fixture
def ready(abroad: Abroad) -> Abroad:
    abroad.get_ready()
    abroad.fund()
    return abroad


# -- onboarding


def test_a_cooperative_opens_its_account_and_tells_stripe_who_it_is(abroad: Abroad) -> None:
    told = abroad.onboard().json
    assert (told["is_ready"], told["url"].startswith("https://connect.stripe.test/")) == (False, True)
    assert told["due"]
    again = abroad.onboard()
    assert again.status_code == 200
    assert len(abroad.stand_in.books.all("account")) == 1
    abroad.stand_in.connect.onboard(abroad.account.provider_id)
    ready = abroad.onboard().json
    assert (ready["is_ready"], ready["url"], ready["due"]) == (True, None, [])


def test_where_stripe_does_not_serve_it_says_so_and_another_country_may_be_asked_for(abroad: Abroad) -> None:
    refused = abroad.onboard(country="CN")
    assert_refused(refused, 409, "onboarding_refused")
    assert abroad.onboard(country="DE").status_code == 200
    assert_refused(abroad.onboard(country="FR"), 409, "country_fixed")


@pytest.mark.parametrize("fault", ["drop", "lost"])
def test_an_account_is_opened_once_whatever_breaks(abroad: Abroad, fault: str) -> None:
    abroad.stand_in.fail_next(fault, "POST /v1/accounts", times=2)
    assert abroad.onboard().status_code == 503
    assert abroad.onboard().status_code == 200
    assert len(abroad.stand_in.books.all("account")) == 1


def test_nobody_opens_an_account_for_a_foreign_cooperative_or_without_a_provider(
    abroad: Abroad, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(abroad.onboard(cooperative_id=str(abroad.desk.coop(1))), 404, "cooperative_not_found")
    monkeypatch.setitem(app.extensions, "remote_gateway", None)
    assert_refused(abroad.onboard(), 409, "gateway_not_offered")


def test_a_destination_at_stripe_needs_an_account_that_is_ready(abroad: Abroad) -> None:
    body = {"cooperative_id": str(abroad.desk.coop()), "kind": "stripe"}
    abroad.onboard()
    url = "/v1/payout-destinations"
    assert_refused(abroad.desk.member.post(url, json=body), 409, "connect_not_ready")
    abroad.stand_in.connect.onboard(abroad.account.provider_id)
    abroad.onboard()
    made = abroad.desk.member.post(url, json=body)
    assert (made.status_code, made.json["bank"]) == (201, "Stripe")
    assert made.json["number"] == f"••••{abroad.account.provider_id[-4:]}"
    assert_refused(abroad.desk.member.post(url, json=body), 409, "destination_unchanged")


# -- transfers


def test_a_transfer_is_made_by_a_job_and_booked(ready: Abroad) -> None:
    payout = ready.sent()
    assert ready.transfers() == [], "nobody outside is asked in a transaction of the door"
    assert ready.stands() == (100_000, 100_000)
    ready.work()
    stored = ready.desk.stored(payout)
    [transfer] = ready.stand_in.books.all("transfer")
    assert (stored.state, stored.receipt_reference) == ("paid", transfer["id"])
    assert transfer["transfer_group"] == f"settlement-{payout.purpose_id}"
    assert transfer["destination"] == ready.account.provider_id
    assert ready.stands() == (95_000, 95_000)
    assert ready.calls_of(payout) == [("transfer", 1, "done")]


def test_what_was_drafted_before_the_account_was_there_leaves_from_where_it_is_sent(abroad: Abroad) -> None:
    abroad.fund()
    payout = abroad.desk.draft(5_000, currency="EUR")
    assert payout.method == "bank"
    abroad.get_ready()
    approved = abroad.desk.approve(payout)
    assert approved.method == "stripe"
    abroad.send(approved)
    abroad.work()
    assert abroad.stands() == (95_000, 95_000)


@pytest.mark.parametrize("fault", ["drop", "lost", "busy", "error", "conflict"])
def test_a_transfer_that_is_interrupted_is_made_once(ready: Abroad, fault: str) -> None:
    ready.stand_in.fail_next(fault, "POST /v1/transfers", times=1 if fault == "error" else 2)
    payout = ready.sent()
    for minutes in (0, 2, 5, 15, 40, 110, 200, 300):
        ready.sweep(minutes=minutes)
        ready.lose_jobs()
    assert ready.desk.stored(payout).state == "paid"
    assert ready.transfers() == [(5_000, 0)]
    assert ready.stands() == (95_000, 95_000)


def test_a_call_of_the_day_before_is_not_asked_again_before_somebody_looked(ready: Abroad) -> None:
    """By then Stripe has forgotten the key: asked again, it would pay twice."""
    ready.stand_in.fail_next("lost", "POST /v1/transfers", times=2)
    payout = ready.sent()
    ready.work()
    ready.lose_jobs()
    ready.stand_in._answers.clear()
    ready.sweep(hours=30)
    assert ready.desk.stored(payout).state == "paid"
    assert ready.transfers() == [(5_000, 0)]


KILLED = {
    "before the provider is asked": (StripeGateway, "transfer"),
    "after it answered, before the payout is locked": (calls.payouts, "locked"),
    "before it is moved": (moving, "move_all"),
    "before it is booked": (ledger, "settle_pending"),
    "before the cooperative is told": (ending, "notify_members"),
}


@pytest.mark.parametrize("point", KILLED)
def test_killed_at_any_point_it_is_paid_once(
    ready: Abroad, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    payout = ready.sent()
    where, name = KILLED[point]

    def killed(*_args: Any, **_named: Any) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(where, name, killed)
        with pytest.raises(SystemExit):
            ready.work()
    assert ready.desk.stored(payout).state == "sent"
    ready.sweep(minutes=2)
    assert ready.desk.stored(payout).state == "paid"
    assert ready.transfers() == [(5_000, 0)]
    assert ready.stands() == (95_000, 95_000)


def test_what_stripe_refuses_comes_back_and_may_be_paid_anew(ready: Abroad) -> None:
    ready.desk.fund(1_000_000, currency="EUR")
    payout = ready.sent(900_000)
    ready.work()
    stored = ready.desk.stored(payout)
    assert (stored.state, stored.problem, stored.paid_at) == ("returned", "balance_insufficient", None)
    assert ready.desk.payable(currency="EUR") == 1_100_000
    again = ready.sent(50_000, purpose_id=payout.purpose_id)
    ready.work()
    assert ready.desk.stored(again).state == "paid"


def test_the_same_is_sent_by_several_at_once_and_paid_once(ready: Abroad) -> None:
    payout = ready.approved()
    ctx = ready.desk.person(ready.desk.drafter)

    def send() -> str:
        return str(database.transact(lambda session: sending.send(session, ctx, payout_id=payout.id)).state)

    answers = at_once(ready.desk.market.app, [send] * 4)
    assert sum(isinstance(each, PayoutStateForbids) for each in answers) == 3
    ready.work()
    assert ready.transfers() == [(5_000, 0)]


def test_two_workers_at_the_same_call_ask_once(ready: Abroad) -> None:
    payout = ready.sent()
    ready.lose_jobs()
    with database.reading() as session:
        call_id = str(session.scalars(select(PayoutCall.id)).one())
    ctx = replace(ready.desk.market.ctx, now=context.now_utc())
    finish = partial(calls.finish_call, ctx=ctx, call_id=call_id)
    at_once(ready.desk.market.app, [partial(database.transact, finish)] * 3)
    ready.sweep(minutes=2)
    assert ready.transfers() == [(5_000, 0)]
    assert ready.desk.stored(payout).version == 3


def test_a_destination_that_changed_between_approval_and_sending_gets_nothing(ready: Abroad) -> None:
    payout = ready.approved()
    ready.desk.name(bank=OTHER, seconds=0)
    assert_refused(ready.send(payout), 409, "destination_changed")
    ready.work()
    assert (ready.transfers(), ready.desk.stored(payout).state) == ([], "approved")


def test_by_bank_nothing_is_sent_alone_and_no_person_tells_what_stripe_did(ready: Abroad) -> None:
    ready.desk.fund(cooperative=1)
    ready.desk.name(cooperative=1)
    by_bank = ready.desk.approved(1_000, cooperative=1)
    assert_refused(ready.send(by_bank), 409, "sent_in_batch")
    payout = ready.sent()
    url = f"/v1/payouts/{payout.id}"
    for path, body in (("receipt", {"receipt_reference": "X"}), ("return", {"reason": "x"})):
        answer = ready.desk.drafter.post(f"{url}/{path}", json=body)
        assert_refused(answer, 409, "sent_by_provider")
    assert_refused(ready.desk.drafter.post(f"{url}/reversal"), 409, "payout_state")


# -- taken back


def test_a_transfer_is_taken_back_whole_and_payable_again(ready: Abroad) -> None:
    payout = ready.sent()
    ready.work()
    url = f"/v1/payouts/{payout.id}/reversal"
    assert ready.desk.drafter.post(url).json["state"] == "paid"
    assert_refused(ready.desk.drafter.post(url), 409, "provider_asked")
    ready.work()
    assert ready.desk.stored(payout).state == "returned"
    assert ready.transfers() == [(5_000, 5_000)]
    assert ready.stands() == (100_000, 100_000)
    shown = ready.desk.approver.get(f"/v1/payouts/{payout.id}/calls").json["items"]
    assert [(each["kind"], each["state"]) for each in shown] == [("transfer", "done"), ("reverse", "done")]


@pytest.mark.parametrize("fault", ["drop", "lost", "error"])
def test_a_reversal_that_is_interrupted_is_made_once(ready: Abroad, fault: str) -> None:
    payout = ready.sent()
    ready.work()
    ready.stand_in.fail_next(fault, "POST /v1/transfers", times=1 if fault == "error" else 2)
    ready.desk.drafter.post(f"/v1/payouts/{payout.id}/reversal")
    for minutes in (0, 2, 5, 15, 40, 110, 200, 300):
        ready.sweep(minutes=minutes)
        ready.lose_jobs()
    assert ready.desk.stored(payout).state == "returned"
    assert ready.transfers() == [(5_000, 5_000)]


def test_a_transfer_that_was_taken_back_on_stripe_s_own_page_is_told_by_an_event(ready: Abroad) -> None:
    payout = ready.sent()
    ready.work()
    transfer_id = ready.desk.stored(payout).receipt_reference
    ready.stand_in.take_queue()
    with ready.stand_in.books.lock:
        ready.stand_in.connect.reverse(transfer_id, {})
    client = ready.desk.market.app.test_client()

    def post(body: bytes, headers: dict[str, str]) -> int:
        return client.post("/v1/webhooks/stripe", data=body, headers=headers).status_code

    assert set(ready.stand_in.deliver(post, copies=2)) == {200}
    ready.work()
    assert ready.desk.stored(payout).state == "returned"
    assert ready.stands() == (100_000, 100_000)
    with database.reading() as session:
        [event] = session.scalars(select(ProviderEvent)).all()
        assert (event.outcome, event.handled_at is not None) == ("transfer", True)


def test_a_part_that_was_taken_back_is_left_to_a_person(ready: Abroad) -> None:
    payout = ready.sent()
    ready.work()
    transfer_id = ready.desk.stored(payout).receipt_reference
    with ready.stand_in.books.lock:
        ready.stand_in.connect.reverse(transfer_id, {"amount": "1000"})
    database.transact(lambda session: calls.look(session, ready.desk.market.ctx, payout_id=str(payout.id)))
    assert ready.desk.stored(payout).state == "paid"


def test_a_destination_at_stripe_is_bound_to_its_cooperative(ready: Abroad) -> None:
    """Not even the database lets another cooperative be paid to it."""
    with database.reading() as session:
        account_id = session.scalars(select(PayoutDestination.connect_account_id)).one()
    row = {
        "id": uuid.uuid4(),
        "coop": ready.desk.coop(1),
        "account": account_id,
        "by": ready.desk.member.account_id,
    }
    with pytest.raises(Exception, match="fk_payout_destination_connect_account"):
        database.transact(
            lambda session: session.execute(
                text(
                    "INSERT INTO payout_destination (id, cooperative_id, number, kind, connect_account_id, named_by,"
                    " named_at) VALUES (:id, :coop, 1, 'stripe', :account, :by, now())"
                ),
                row,
            )
        )
