"""Many at once: a guarded account never falls below zero, a fact is booked once, every trial balance sums to zero."""

import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from marketplace import context, database, errors
from marketplace.express import as_json
from marketplace.ledger import ledger, reading, writing
from marketplace.values import new_id
from tests import builders
from tests.builders import at_once
from tests.ledger import money

pytestmark = pytest.mark.usefixtures("books")
WRITERS = 50
READERS = 20


@pytest.fixture
def patient(app):
    """Fifty share the pool of one process: they wait for a connection as long as it takes."""
    with builders.patient(app):
        yield app


def once(app, work):
    """In a thread of its own."""
    with app.app_context():
        return work()


def test_fifty_take_from_one_guarded_account_and_it_gives_what_it_has(patient):
    money.post(money.clearing(), money.escrow(), 30)
    works = [lambda: money.post(money.escrow(), money.bank(), 1) for _ in range(WRITERS)]
    results = at_once(patient, works)

    refused = [each for each in results if isinstance(each, errors.Refusal)]
    assert len(results) - len(refused) == 30
    assert {type(each) for each in refused} == {ledger.FloorBroken}
    assert (money.balance(money.escrow()), money.balance(money.bank())) == (0, -30)


def test_fifty_put_into_and_take_from_guarded_accounts_in_every_order(patient):
    """Batches that touch several guarded accounts in opposite orders: nobody waits in a circle."""
    accounts = [money.payable(uuid.UUID(int=number)) for number in range(1, 7)]
    money.post_many([money.fact(money.clearing(), account, 1_000) for account in accounts])
    dice = random.Random(5)

    def work():
        order = dice.sample(accounts, len(accounts))
        facts = [money.fact(of, to, 1) for of, to in pairwise(order)]
        return money.post_many(facts)

    results = at_once(patient, [work] * WRITERS)
    assert not [each for each in results if isinstance(each, errors.Refusal)]
    assert sum(money.balance(account) for account in accounts) == 6_000


def test_a_fact_told_by_fifty_is_booked_by_one(patient):
    source_id = uuid.uuid4()
    results = at_once(
        patient, [lambda: money.post(money.clearing(), money.deposits(), 7, source_id=source_id)] * WRITERS
    )

    assert sum(each.is_new for each in results) == 1
    assert len({each.id for each in results}) == 1
    assert money.balance(money.deposits()) == 7


def test_a_reservation_that_is_posted_and_voided_at_once_ends_once(patient):
    money.post(money.clearing(), money.escrow(), 100)
    for _ in range(4):
        booked = money.reserve(money.escrow(), money.bank(), 10)
        works = [partial(money.settle, booked), partial(money.void, booked)] * 5
        results = at_once(patient, random.Random(booked.id.int).sample(works, len(works)))
        assert sum(not isinstance(each, errors.Refusal) and each.is_new for each in results) == 1
    taken = -money.balance(money.bank())
    assert money.balance(money.escrow()) == money.available(money.escrow()) == 100 - taken


def test_two_batches_with_the_same_facts_in_opposite_orders_end(patient):
    facts = [money.fact(money.clearing(), money.deposits(), 1) for _ in range(200)]
    results = at_once(patient, [lambda: money.post_many(facts), lambda: money.post_many(facts[::-1])] * 3)

    assert sum(each.is_new for batch in results for each in batch) == 200
    assert money.balance(money.deposits()) == 200


def test_accounts_that_many_open_at_once_are_opened_once(patient):
    owners = [uuid.uuid4() for _ in range(10)]

    def work():
        return money.post_many(
            [money.fact(money.clearing(), money.payable(owner), 1) for owner in random.sample(owners, 10)]
        )

    at_once(patient, [work] * 20)
    assert money.count("ledger_account") == 11
    assert {money.balance(money.payable(owner)) for owner in owners} == {20}


def test_an_account_is_opened_once_whichever_of_its_two_indexes_is_met_first(app):
    """Who comes second in the same moment may meet the first at the account's name, before its id is seen."""
    money.post(money.clearing(), money.deposits(), 1)
    met = {
        "id": new_id(),
        "code": "psp_clearing",
        "currency": "CNY",
        "normal_side": "debit",
        "has_floor": False,
    }

    def work(session):
        writing.rows(session, writing.OPEN, accounts=as_json([met]), at=context.system().now)

    database.transact(work)
    assert money.count("ledger_account") == 2


def test_who_posts_to_a_spread_account_waits_for_nobody(patient):
    """One transaction is open with its posting; another books on the same account and commits."""
    entered, leave = threading.Event(), threading.Event()
    money.post(money.clearing(), money.deposits(), 1)  # which opens the accounts

    def slow():
        def work(session):
            told = money.fact(money.clearing(), money.deposits(), 1)
            ledger.post_many(session, context.system(), facts=[told])
            entered.set()
            assert leave.wait(30)

        database.transact(work)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(once, patient, slow)
        assert entered.wait(30)
        for _ in range(5):
            money.post(money.clearing(), money.deposits(), 1)
        assert money.balance(money.deposits()) == 6, "the open one is not seen, and did not stand in the way"
        leave.set()
        running.result(30)
    assert money.balance(money.deposits()) == 7


def test_when_all_slots_are_taken_the_next_one_waits_and_is_served(patient, monkeypatch):
    monkeypatch.setattr(writing, "MINE", "SELECT 0 AS slot WHERE pg_try_advisory_xact_lock(77, 0)")
    monkeypatch.setattr(
        writing,
        "WAIT_FOR_MINE",
        "SELECT slot, waited FROM (SELECT 0 AS slot, pg_advisory_xact_lock(77, 0) AS waited OFFSET 0) AS s",
    )
    works = [lambda: money.post(money.clearing(), money.deposits(), 1)] * 30
    assert all(each.is_new for each in at_once(patient, works))
    assert money.balance(money.deposits()) == 30


def test_waiting_for_a_slot_is_what_it_says(patient):
    def work(session):
        [row] = writing.rows(session, writing.WAIT_FOR_MINE)
        return row.slot, writing.slot(session), writing.slot(session)

    waited, first, second = database.transact(work)
    assert waited == first == second, "what one has already is taken again"
    assert 0 <= waited < writing.SLOTS


def read(stop, readings):
    while not stop.is_set():
        with database.reading() as session:
            for at in (None, context.now_utc()):
                lines = reading.trial_balance(session, at=at)
                for change in reading.totals(lines).values():
                    assert change.debits_posted == change.credits_posted
                    assert change.debits_pending == change.credits_pending
                readings.append(len(lines))
        stop.wait(0.1)


def write(seed):
    dice = random.Random(seed)
    for _ in range(12):
        try:
            move(dice)
        except ledger.FloorBroken:
            continue


def move(dice):
    of, to = dice.sample([money.clearing(), money.deposits(), money.escrow(), money.bank()], 2)
    minor = dice.randint(1, 9)
    what = dice.randrange(5)
    if what == 0:
        money.post_many([money.fact(of, to, minor) for _ in range(20)])
    elif what == 1:
        money.reverse(money.post(of, to, minor))
    elif what == 2:
        money.void(money.reserve(of, to, minor))
    elif what == 3:
        money.settle(money.reserve(of, to, minor))
    else:
        money.post(of, to, minor)


@pytest.mark.timeout(300)
def test_twenty_readers_see_books_that_balance_while_everything_moves(patient):
    """T-08 in small, each reader ten times a second: the trial balance, now and of an instant ago, sums to zero."""
    money.post(money.clearing(), money.escrow(), 1_000)
    stop = threading.Event()
    readings: list[int] = []

    with ThreadPoolExecutor(READERS + 8) as threads:
        looking = [threads.submit(once, patient, partial(read, stop, readings)) for _ in range(READERS)]
        moving = [threads.submit(once, patient, partial(write, seed)) for seed in range(8)]
        for each in moving:
            each.result(240)
        stop.set()
        for each in looking:
            each.result(60)
    assert len(readings) > READERS


def test_what_began_before_and_ends_after_is_told_where_it_belongs(patient):
    """A unit of work that commits late keeps its instant: seen from then on, at that instant."""
    ctx = context.system()
    with database.reading() as session:
        assert reading.trial_balance(session, at=ctx.now) == []
    money.post(money.clearing(), money.deposits(), 3, ctx=replace(ctx, request_id=str(new_id())))
    with database.reading() as session:
        assert {line.balance_minor for line in reading.trial_balance(session, at=ctx.now)} == {3}
