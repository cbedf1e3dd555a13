"""Many people and jobs at the same payouts at once: each moves along its table, and the books balance at any moment."""

import random
import uuid
from collections import Counter
from functools import partial

import pytest
from sqlalchemy.orm import Session

from marketplace import database, errors
from marketplace.context import Context
from marketplace.ledger import reading
from marketplace.payouts import batching, destinations, payouts, sending
from marketplace.payouts.models import Payout
from marketplace.payouts.states import DestinationChanged, PayoutState
from tests.builders import at_once
from tests.ledger import money
from tests.payouts.desk import OTHER, Desk

Step = tuple[str, uuid.UUID]


def attempt(session: Session, ctx: Context, step: str, payout_id: uuid.UUID) -> None:
    if step == "cancel":
        payouts.cancel(session, ctx, payout_id=payout_id)
    elif step == "send":
        batching.make(session, ctx, currency="CNY", file_format="csv", payout_ids=[payout_id])
    elif step == "send all":
        batching.make(session, ctx, currency="CNY", file_format="csv")
    elif step == "paid":
        sending.mark_paid(session, ctx, payout_id=payout_id, receipt_reference=f"R:{payout_id}")
    else:
        sending.mark_returned(session, ctx, payout_id=payout_id, reason="closed")


def hands(desk: Desk, ctx: Context, steps: list[Step]) -> Counter[str]:
    """Take the steps one after the other; what each came to."""
    done: Counter[str] = Counter()
    for step, payout_id in steps:
        try:
            database.transact(partial(attempt, ctx=ctx, step=step, payout_id=payout_id))
            done[step] += 1
        except errors.Refusal as refusal:
            done[refusal.code] += 1
    return done


def look(times: int) -> set[int]:
    """The differences of the trial balance, asked so often."""
    seen = set()
    for _ in range(times):
        with database.reading() as session:
            lines = reading.trial_balance(session)
        for change in reading.totals(lines).values():
            seen.add(change.debits_posted - change.credits_posted)
            seen.add(change.debits_pending - change.credits_pending)
    return seen


@pytest.mark.parametrize("seed", [1, 2])
def test_hands_that_do_everything_at_once_leave_whole_books(ready: Desk, seed: int) -> None:
    rng = random.Random(seed)
    some = [ready.approved(1_000 + number, cooperative=number % 2) for number in range(8)]
    ctx = ready.person(ready.drafter)
    names = ["cancel", "send", "send all", "paid", "returned", "paid"]
    works = [
        partial(hands, ready, ctx, [(rng.choice(names), rng.choice(some).id) for _ in range(14)])
        for _ in range(4)
    ]
    answers = at_once(ready.market.app, [*works, *[partial(look, 12)] * 3])
    assert all(each == {0} for each in answers[len(works) :])
    stored = [ready.stored(each) for each in some]
    paid = sum(each.amount_minor for each in stored if each.state == PayoutState.PAID)
    owed = sum(money.balance(money.payable(ready.coop(number))) for number in range(2))
    assert -money.balance(money.bank()) == paid
    assert owed == 200_000 - paid
    running = sum(
        each.amount_minor for each in stored if each.state in (PayoutState.APPROVED, PayoutState.SENT)
    )
    assert sum(ready.payable(number) for number in range(2)) == 200_000 - paid - running


@pytest.mark.parametrize("cooperative", [0, 1])
def test_a_destination_named_while_payouts_are_approved_gets_none_of_them(
    ready: Desk, cooperative: int
) -> None:
    """Whoever commits first decides: nothing is approved for one that did not stand any more, or sent to it."""
    drafts = [ready.draft(1_000, cooperative=cooperative) for _ in range(4)]
    ctx = ready.person(ready.approver)
    with database.reading() as session:
        stands = destinations.standing(session, [ready.coop(cooperative)])[ready.coop(cooperative)]

    def approve(payout: Payout) -> str:
        done = database.transact(
            lambda session: payouts.approve(session, ctx, payout_id=payout.id, destination_id=stands.id)
        )
        return str(done.state)

    works = [partial(approve, each) for each in drafts]
    works.insert(1, partial(ready.name, cooperative=cooperative, bank=OTHER, seconds=0))
    answers = at_once(ready.market.app, works)
    named = answers.pop(1)
    assert named.number == stands.number + 1
    assert all(each == "approved" or isinstance(each, DestinationChanged) for each in answers)
    send = {"currency": "CNY", "format": "csv", "payout_ids": [str(each.id) for each in drafts]}
    assert ready.drafter.post("/v1/payout-batches", json=send).status_code == 409
    assert {ready.stored(each).state for each in drafts} <= {"drafted", "approved"}
