"""A payout is drafted, approved by another person, cancelled; its money is reserved all the while."""

import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace import context, database, errors
from marketplace.access import Role
from marketplace.identity import accounts
from marketplace.ledger.ledger import FloorBroken
from marketplace.payouts import payouts
from marketplace.payouts.payouts import DrafterGone
from marketplace.payouts.states import (
    DestinationChanged,
    DestinationMissing,
    DestinationTooNew,
    NothingToPayOut,
    PayoutNotFound,
    PayoutPurpose,
    PayoutRunning,
    PayoutState,
    PayoutStateForbids,
    SamePerson,
)
from marketplace.values import TOTAL_MINOR_MAX
from tests.builders import at_once
from tests.ledger import money
from tests.payouts.desk import OTHER, Desk


def test_a_draft_reserves_what_is_payable_and_moves_nothing(desk: Desk) -> None:
    desk.fund(100_000)
    payout = desk.draft(40_000)
    assert (payout.state, payout.version) == ("drafted", 0)
    assert desk.payable() == 60_000
    assert desk.stands() == (100_000, 0)


def test_no_more_is_drafted_than_is_payable(desk: Desk) -> None:
    desk.fund(10_000)
    desk.draft(6_000)
    with pytest.raises(FloorBroken) as refused:
        desk.draft(4_001)
    assert refused.value.facts["available_minor"] == 4_000
    desk.draft(4_000)
    assert desk.payable() == 0


def test_an_advance_is_prepaid_and_takes_nothing_that_is_payable(desk: Desk) -> None:
    desk.fund(10_000)
    desk.draft(7_000, purpose=PayoutPurpose.ADVANCE)
    assert desk.payable() == 10_000


@pytest.mark.parametrize("minor", [0, -1, TOTAL_MINOR_MAX + 1])
def test_nothing_less_than_nothing_and_too_much_are_no_payout(desk: Desk, minor: int) -> None:
    desk.fund(10_000)
    with pytest.raises(NothingToPayOut):
        desk.draft(minor)
    with pytest.raises(NothingToPayOut):
        desk.draft(currency="XXX")


def test_the_smallest_and_the_largest_payout(desk: Desk) -> None:
    desk.fund(TOTAL_MINOR_MAX + 1)
    assert desk.draft(1).amount_minor == 1
    assert desk.draft(TOTAL_MINOR_MAX).amount_minor == TOTAL_MINOR_MAX
    desk.fund(300, currency="JPY")
    desk.draft(300, currency="JPY")
    assert (desk.payable(), desk.payable(currency="JPY")) == (0, 0)


def test_what_is_paid_for_has_one_running_payout(desk: Desk) -> None:
    desk.fund()
    first = desk.draft(1_000)
    same = {"purpose_id": first.purpose_id}
    with pytest.raises(PayoutRunning):
        desk.draft(1_000, **same)
    assert desk.payable() == 99_000, "what is refused reserves nothing"
    database.transact(lambda session: payouts.cancel(session, desk.market.ctx, payout_id=first.id))
    second = desk.draft(1_000, **same)
    with database.reading() as session:
        found = payouts.running_of(session, PayoutPurpose.SETTLEMENT, [first.purpose_id, uuid.uuid4()])
        assert {key: each.id for key, each in found.items()} == {first.purpose_id: second.id}
        assert payouts.running_of(session, PayoutPurpose.ADVANCE, [first.purpose_id]) == {}


def test_the_same_is_drafted_twice_at_once_and_reserved_once(desk: Desk) -> None:
    desk.fund()
    purpose_id = uuid.uuid4()
    works = [partial(desk.draft, 60_000, purpose_id=purpose_id) for _ in range(2)]
    made, refused = sorted(at_once(desk.market.app, works), key=lambda each: isinstance(each, errors.Refusal))
    assert isinstance(refused, PayoutRunning), refused
    assert (made.amount_minor, desk.payable()) == (60_000, 40_000)


@pytest.mark.parametrize("roles", [[Role.COOPERATIVE], [Role.AUDITOR], [Role.SHOPPER]])
def test_only_operators_draft(desk: Desk, roles: list[Role]) -> None:
    """No job and no key either."""
    ctx = desk.person(desk.drafter, *roles)
    for actor in (ctx.actor, context.SYSTEM, context.ANONYMOUS):
        with pytest.raises(errors.Forbidden):
            payouts.operator(replace(ctx, actor=actor))


def test_two_people_and_a_destination_that_stands_let_it_go(desk: Desk) -> None:
    desk.fund()
    where = desk.name()
    payout = desk.approved()
    assert (payout.state, payout.version, payout.method) == ("approved", 1, "bank")
    assert (payout.approved_by, payout.destination_id) == (desk.approver.account_id, where.id)
    assert desk.payable() == 95_000
    with database.reading() as session:
        [move] = payouts.moves_of(session, payout.id)
        assert (move.before, move.after, move.actor) == (
            "drafted", "approved", f"account:{desk.approver.account_id}"
        )  # fmt: skip


def test_nobody_approves_what_they_drafted(desk: Desk) -> None:
    desk.fund()
    desk.name()
    payout = desk.draft()
    with pytest.raises(SamePerson):
        desk.approve(payout, by=desk.drafter)
    assert desk.stored(payout).state == "drafted"


def test_nobody_approves_a_payout_to_a_destination_that_they_named(desk: Desk) -> None:
    desk.fund()
    desk.name(by=desk.approver, days=-3)
    payout = desk.draft()
    with pytest.raises(SamePerson):
        desk.approve(payout)


def test_what_somebody_drafted_who_is_no_operator_any_more_is_not_approved(desk: Desk) -> None:
    desk.fund()
    desk.name()
    payout = desk.draft()
    ctx = desk.person(desk.approver)
    database.transact(lambda session: accounts.disable(session, ctx, account_id=desk.drafter.account_id))
    with pytest.raises(DrafterGone):
        desk.approve(payout)
    database.transact(lambda session: payouts.cancel(session, ctx, payout_id=payout.id))
    assert desk.payable() == 100_000


def test_without_a_destination_nothing_is_approved(desk: Desk) -> None:
    desk.fund()
    payout = desk.draft()
    ctx = desk.person(desk.approver)
    with pytest.raises(DestinationMissing):
        database.transact(
            lambda session: payouts.approve(session, ctx, payout_id=payout.id, destination_id=uuid.uuid4())
        )


@pytest.mark.parametrize(("hours", "is_let"), [(0, False), (47.99, False), (48.01, True)])
def test_nothing_goes_to_a_destination_for_its_first_48_hours(desk: Desk, hours: float, is_let: bool) -> None:
    desk.fund()
    desk.name(hours=-hours)
    payout = desk.draft()
    if is_let:
        assert desk.approve(payout).state == "approved"
        return
    with pytest.raises(DestinationTooNew) as refused:
        desk.approve(payout)
    assert refused.value.facts["payable_from"] > context.now_utc().isoformat()


def test_the_approver_has_seen_the_destination_that_stands(desk: Desk) -> None:
    desk.fund()
    old = desk.name(days=-9)
    desk.name(bank=OTHER, days=-3)
    foreign = desk.name(cooperative=1)
    payout = desk.draft()
    ctx = desk.person(desk.approver)
    for wrong in (old.id, foreign.id, uuid.uuid4()):
        with pytest.raises(DestinationChanged):
            database.transact(
                lambda session, wrong=wrong: payouts.approve(
                    session, ctx, payout_id=payout.id, destination_id=wrong
                )
            )


def test_a_cancelled_payout_gives_its_money_back_and_is_over(desk: Desk) -> None:
    desk.fund()
    desk.name()
    for payout in (desk.draft(), desk.approved()):
        ctx = desk.person(desk.drafter)
        cancelled = database.transact(
            lambda session, payout=payout, ctx=ctx: payouts.cancel(
                session, ctx, payout_id=payout.id, reason="a mistake"
            )
        )
        assert (cancelled.state, cancelled.problem) == ("cancelled", "a mistake")
        with pytest.raises(PayoutStateForbids):
            desk.approve(payout)
        with pytest.raises(PayoutStateForbids):
            database.transact(
                lambda session, payout=payout, ctx=ctx: payouts.cancel(session, ctx, payout_id=payout.id)
            )
    assert desk.payable() == 100_000
    with pytest.raises(PayoutNotFound), database.reading() as session:
        payouts.locked(session, uuid.uuid4())


def test_the_same_payout_is_approved_by_two_at_once_and_moves_once(desk: Desk) -> None:
    desk.fund()
    desk.name()
    payout = desk.draft()
    answers = at_once(desk.market.app, [partial(desk.approve, payout) for _ in range(3)])
    assert sum(isinstance(each, PayoutStateForbids) for each in answers) == 2
    assert desk.stored(payout).version == 1


DIRECT = {
    "two_people": "UPDATE payout SET approved_by = drafted_by",
    "wait": "UPDATE payout SET approved_at = destination_since + interval '47 hours'",
    "approved": "UPDATE payout SET destination_id = NULL",
    "state": "UPDATE payout SET state = 'sent_away'",
    "amount": "UPDATE payout SET amount_minor = 0",
    "sent": "UPDATE payout SET sent_at = now()",
}


@pytest.mark.parametrize("check", DIRECT)
def test_the_database_says_so_too(desk: Desk, check: str) -> None:
    desk.fund()
    desk.name()
    desk.approved()
    with pytest.raises(IntegrityError, match=f"ck_payout_{check}"):
        database.transact(lambda session: session.execute(text(DIRECT[check])))


def test_the_database_binds_a_destination_to_its_cooperative(desk: Desk) -> None:
    desk.fund()
    desk.name()
    foreign = desk.name(cooperative=1)
    payout = desk.approved()
    for statement in (
        "UPDATE payout SET destination_id = :other, destination_since = :since WHERE id = :id",
        "UPDATE payout SET destination_since = destination_since - interval '9 days' WHERE id = :id",
    ):
        values = {"other": foreign.id, "since": foreign.named_at, "id": payout.id}
        with pytest.raises(IntegrityError, match="fk_payout_destination"):
            database.transact(
                lambda session, statement=statement, values=values: session.execute(text(statement), values)
            )


@pytest.mark.parametrize("table", ["payout_destination", "payout_move"])
def test_the_app_may_not_change_what_was_written(desk: Desk, table: str) -> None:
    desk.fund()
    desk.name()
    desk.approved()
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET number = number + 1"):
        with pytest.raises(Exception, match="permission denied"):
            database.transact(lambda session, statement=statement: session.execute(text(statement)))


def test_a_payout_that_waits_for_its_destination_is_approved_when_there_is_one(desk: Desk) -> None:
    desk.fund()
    payout = desk.draft()
    desk.name(hours=-49)

    def later(session: Session) -> str:
        return payouts.locked(session, payout.id).state

    assert desk.approve(payout).state == PayoutState.APPROVED
    assert database.transact(later) == "approved"
    assert money.balance(money.bank()) == 0
    assert payout.drafted_at - context.now_utc() < timedelta(0)
