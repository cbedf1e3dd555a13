"""Booking on the real database: at once and in two steps, once for each fact, never below a floor, never edited."""

import uuid
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from marketplace import context, database
from marketplace.audit import AuditEntry
from marketplace.ledger import ledger, reading
from marketplace.ledger.rules import AMOUNT_MAX, NotATransfer, credit, debit
from marketplace.values import TOTAL_MINOR_MAX
from tests import servers
from tests.ledger import money

pytestmark = pytest.mark.usefixtures("books")


def test_a_deposit_stands_on_both_sides(app):
    booked = money.post(money.clearing(), money.deposits(), 2_000)

    assert booked.is_new
    assert (money.balance(money.clearing()), money.balance(money.deposits())) == (2_000, 2_000)
    with database.reading() as session:
        [clearing, deposits] = sorted(
            reading.trial_balance(session), key=lambda line: line.code, reverse=True
        )
        assert (clearing.balance_minor, deposits.balance_minor) == (2_000, 2_000)
        [total] = reading.totals([clearing, deposits]).values()
    assert total.debits_posted == total.credits_posted == 2_000


def test_a_fact_told_again_is_the_same_transfer_and_nothing_is_booked_twice(app):
    source_id = uuid.uuid4()
    first = money.post(money.clearing(), money.deposits(), 5, source_id=source_id)
    again = money.post(money.clearing(), money.deposits(), 5, source_id=source_id)

    assert again == replace(first, is_new=False)
    assert (money.count("ledger_transfer"), money.count("ledger_entry")) == (1, 2)
    assert money.balance(money.deposits()) == 5


@pytest.mark.parametrize(
    "other",
    [
        lambda: money.lines(money.clearing(), money.deposits(), 6),
        lambda: money.lines(money.deposits(), money.clearing(), 5),
        lambda: money.lines(money.bank(), money.deposits(), 5),
        lambda: money.lines(money.clearing("USD"), money.deposits("USD"), 5),
    ],
)
def test_a_fact_told_differently_is_refused(app, other):
    source_id = uuid.uuid4()
    money.post(money.clearing(), money.deposits(), 5, source_id=source_id)
    work = {"kind": "paid", "source_id": source_id, "lines": other()}

    with pytest.raises(ledger.FactBookedDifferently):
        database.transact(lambda session: ledger.post(session, context.system(), **work))
    with pytest.raises(ledger.FactBookedDifferently):
        money.reserve(money.clearing(), money.deposits(), 5, kind="paid", source_id=source_id)
    assert money.balance(money.deposits()) == 5


def test_the_same_source_may_have_facts_of_other_kinds(app):
    source_id = uuid.uuid4()
    money.post(money.clearing(), money.deposits(), 5, source_id=source_id)
    money.post(money.deposits(), money.clearing(), 2, source_id=source_id, kind="given_back")

    assert money.balance(money.deposits()) == 3


def test_many_are_booked_each_once_also_when_a_batch_names_one_twice_or_some_are_known(app):
    facts = [money.fact(money.clearing(), money.deposits(), minor) for minor in range(1, 31)]
    known = money.post_many(facts[:10])
    booked = money.post_many([*facts, facts[-1]])

    assert [each.id for each in booked[:10]] == [each.id for each in known]
    assert [each.is_new for each in booked[:-2]] == [False] * 10 + [True] * 19
    assert booked[-1].id == booked[-2].id
    assert booked[-1].is_new != booked[-2].is_new, "of two that are alike one was booked"
    assert money.balance(money.deposits()) == sum(range(1, 31))
    assert money.count("ledger_transfer") == 30


def test_a_batch_larger_than_a_statement_is_booked_whole(app, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 7)
    facts = [money.fact(money.clearing(), money.deposits(), 1) for _ in range(20)]

    assert all(each.is_new for each in money.post_many(facts))
    assert money.balance(money.clearing()) == 20


def test_one_wrong_fact_undoes_its_batch(app):
    good = money.fact(money.clearing(), money.deposits(), 1)
    with pytest.raises(ledger.FloorBroken):
        money.post_many([good, money.fact(money.escrow(), money.bank(), 1)])
    with pytest.raises(NotATransfer):
        money.post_many([good, replace(good, lines=(good.lines[0],))])

    assert money.count("ledger_transfer") == money.count("ledger_account") == 0


def test_nothing_to_book_is_nothing(app):
    assert money.post_many([]) == []


def test_an_account_with_a_floor_gives_what_is_there_and_no_more(app):
    money.post(money.clearing(), money.escrow(), 100)
    money.post(money.escrow(), money.bank(), 60)
    with pytest.raises(ledger.FloorBroken) as refused:
        money.post(money.escrow(), money.bank(), 41)

    assert refused.value.facts == {"account": "sponsor_escrow", "available_minor": 40, "missing_minor": 1}
    assert "0.40 CNY" in str(refused.value)
    money.post(money.escrow(), money.bank(), 40)
    assert money.available(money.escrow()) == 0


def test_an_account_without_a_floor_may_stand_on_the_other_side(app):
    money.post(money.deposits(), money.clearing(), 5)

    assert money.balance(money.deposits()) == -5


def test_a_reservation_keeps_money_from_others_until_it_is_posted(app):
    money.post(money.clearing(), money.escrow(), 100)
    booked = money.reserve(money.escrow(), money.bank(), 70)
    with pytest.raises(ledger.FloorBroken):
        money.post(money.escrow(), money.bank(), 31)
    with pytest.raises(ledger.FloorBroken):
        money.reserve(money.escrow(), money.bank(), 31)
    assert (money.balance(money.escrow()), money.available(money.escrow())) == (100, 30)
    assert money.balance(money.bank()) == 0, "nothing has moved yet"

    assert money.settle(booked).is_new

    assert (money.balance(money.escrow()), money.available(money.escrow())) == (30, 30)
    assert money.balance(money.bank()) == -70


def test_of_a_reservation_less_may_be_posted_and_the_rest_is_free(app):
    money.post(money.clearing(), money.escrow(), 100)
    booked = money.reserve(money.escrow(), money.bank(), 70)
    money.settle(booked, *money.lines(money.escrow(), money.bank(), 20))

    assert (money.balance(money.escrow()), money.available(money.escrow())) == (80, 80)
    with pytest.raises(NotATransfer):
        money.settle(booked, *money.lines(money.escrow(), money.bank(), 71))


def test_a_voided_reservation_leaves_everything_as_it_was(app):
    money.post(money.clearing(), money.escrow(), 100)
    booked = money.reserve(money.escrow(), money.bank(), 70)
    money.void(booked)

    assert (money.balance(money.escrow()), money.available(money.escrow())) == (100, 100)
    assert money.balance(money.bank()) == 0


def test_a_reservation_ends_once_and_the_same_end_told_again_is_the_same(app):
    money.post(money.clearing(), money.escrow(), 100)
    posted, voided = (money.reserve(money.escrow(), money.bank(), 10) for _ in range(2))
    ends = money.settle(posted), money.void(voided)

    assert (money.settle(posted), money.void(voided)) == tuple(replace(each, is_new=False) for each in ends)
    for work in (
        lambda: money.void(posted),
        lambda: money.settle(voided),
        lambda: money.settle(posted, *money.lines(money.escrow(), money.bank(), 9)),
    ):
        with pytest.raises(ledger.ReservationEnded):
            work()
    assert money.balance(money.escrow()) == 90


def test_a_fact_is_reserved_or_booked_never_both(app):
    source_id = uuid.uuid4()
    money.post(money.clearing(), money.escrow(), 100)
    booked = money.reserve(money.escrow(), money.bank(), 10, kind="paid", source_id=source_id)

    again = money.reserve(money.escrow(), money.bank(), 10, kind="paid", source_id=source_id)
    assert again == replace(booked, is_new=False)
    with pytest.raises(ledger.FactBookedDifferently):
        money.post(money.escrow(), money.bank(), 10, kind="paid", source_id=source_id)


def test_only_reservations_end_and_only_what_is_there(app):
    booked = money.post(money.clearing(), money.escrow(), 100)
    for work in (money.settle, money.void):
        with pytest.raises(ledger.NotReserved):
            work(booked)
        with pytest.raises(ledger.LedgerTransferNotFound):
            work(replace(booked, id=uuid.uuid4()))
    with pytest.raises(ledger.LedgerTransferNotFound):
        money.reverse(replace(booked, id=uuid.uuid4()))


def test_a_mistake_is_taken_back_by_a_transfer_that_names_it(app):
    booked = money.post(money.clearing(), money.deposits(), 7)
    back = money.reverse(booked)

    assert money.balance(money.deposits()) == money.balance(money.clearing()) == 0
    assert money.reverse(booked) == replace(back, is_new=False)
    with database.reading() as session:
        row = session.execute(
            text("SELECT kind, corrects_id, reason FROM ledger_transfer WHERE id = :id"), {"id": back.id}
        ).one()
        actions = [each.action for each in session.query(AuditEntry)]
    assert tuple(row) == ("reversal", booked.id, "a mistake")
    assert actions == ["ledger.reverse"]
    assert money.count("ledger_transfer") == 2, "nothing is edited"


def test_what_was_taken_back_by_mistake_may_be_booked_again_by_a_reversal_of_the_reversal(app):
    booked = money.post(money.clearing(), money.deposits(), 7)
    money.reverse(money.reverse(booked))

    assert money.balance(money.deposits()) == 7


def test_a_posted_reservation_is_taken_back_and_an_open_one_is_not(app):
    money.post(money.clearing(), money.escrow(), 100)
    booked, other = (money.reserve(money.escrow(), money.bank(), 10) for _ in range(2))
    money.reverse(money.settle(booked))
    assert (money.balance(money.escrow()), money.available(money.escrow())) == (100, 90)
    with pytest.raises(ledger.NotReversible):
        money.reverse(other)
    with pytest.raises(ledger.NotReversible):
        money.reverse(money.void(other))


def test_money_that_is_spent_cannot_be_taken_back(app):
    booked = money.post(money.clearing(), money.escrow(), 100)
    money.post(money.escrow(), money.bank(), 1)
    with pytest.raises(ledger.FloorBroken):
        money.reverse(booked)


@pytest.mark.parametrize("minor", [1, 2, 3, TOTAL_MINOR_MAX, 2**53 + 1, AMOUNT_MAX])
@pytest.mark.parametrize("currency", ["CNY", "JPY", "KWD"])
def test_every_amount_is_kept_to_the_unit(app, minor, currency):
    money.post(money.clearing(currency), money.escrow(currency), minor)
    money.post(money.escrow(currency), money.bank(currency), minor)

    assert money.balance(money.clearing(currency)) == minor
    assert (money.balance(money.escrow(currency)), money.balance(money.bank(currency))) == (0, -minor)


def test_currencies_stand_beside_each_other(app):
    for currency in ("CNY", "JPY", "KWD"):
        money.post(money.clearing(currency), money.deposits(currency), 1_001)
    with database.reading() as session:
        lines = reading.trial_balance(session)
    assert sorted(reading.totals(lines)) == ["CNY", "JPY", "KWD"]
    assert {change.debits_posted - change.credits_posted for change in reading.totals(lines).values()} == {0}


def test_a_transfer_of_several_lines_over_several_owners(app):
    one, other = uuid.uuid4(), uuid.uuid4()
    lines = [
        debit(money.clearing(), 10_400),
        credit(money.payable(one), 5_200),
        credit(money.payable(other), 5_200),
    ]
    database.transact(
        lambda session: ledger.post(session, context.system(), kind="sold", source_id=one, lines=lines)
    )

    assert money.balance(money.payable(one)) == money.balance(money.payable(other)) == 5_200


def test_the_past_stands_as_it_stood(app):
    """Every instant between two transfers, with reservations on their way: as the ledger was then."""
    start = context.now_utc().replace(microsecond=0)
    at = [replace(context.system(), now=start + timedelta(seconds=each)) for each in range(7)]
    money.post(money.clearing(), money.escrow(), 100, ctx=at[0])

    def step(number, work):
        return database.transact(lambda session: work(session, at[number]))

    one, other = (
        step(
            number,
            lambda session, ctx: ledger.reserve(
                session,
                ctx,
                kind="payout",
                source_id=uuid.uuid4(),
                lines=money.lines(money.escrow(), money.bank(), 10),
            ),
        )
        for number in (1, 2)
    )
    part = money.lines(money.escrow(), money.bank(), 4)
    step(3, lambda session, ctx: ledger.settle_pending(session, ctx, pending_id=one.id, lines=part))
    step(4, lambda session, ctx: ledger.void(session, ctx, pending_id=other.id))
    first = money.post(money.clearing(), money.escrow(), 5, ctx=at[5])
    step(6, lambda session, ctx: ledger.reverse(session, ctx, transfer_id=first.id, reason="x"))

    def seen(moment):
        with database.reading() as session:
            lines = reading.trial_balance(session, at=moment)
        for change in reading.totals(lines).values():
            assert change.debits_posted == change.credits_posted
            assert change.debits_pending == change.credits_pending
        return next(
            (
                (each.balance_minor, each.change.debits_pending)
                for each in lines
                if each.code == "sponsor_escrow"
            ),
            None,
        )

    moments = [seen(ctx.now + timedelta(milliseconds=500)) for ctx in at]
    assert moments == [(100, 0), (100, 10), (100, 20), (96, 10), (96, 0), (101, 0), (96, 0)]
    assert seen(start - timedelta(seconds=1)) is None
    assert seen(start) == (100, 0), "what happens at the instant belongs to it"
    assert seen(start + timedelta(days=1)) == seen(None)


def test_a_statement_runs_from_page_to_page(app):
    for minor in (100, 20, 3):
        money.post(money.clearing(), money.escrow(), minor)
    money.void(money.reserve(money.escrow(), money.bank(), 50))
    money.post(money.escrow(), money.bank(), 23)
    with database.reading() as session:
        account = session.get(reading.LedgerAccount, money.escrow().id)
        whole = reading.statement(session, account=account, limit=100)
        pages, cursor = [], None
        while page := reading.statement(session, account=account, limit=2, cursor=cursor):
            pages += page
            cursor = page[-1].entry.transfer_id
        elsewhere = reading.statement(session, account=account, limit=9, cursor=uuid.uuid4())

    told = [(line.transfer.phase, line.entry.amount_minor, line.balance_minor) for line in whole]
    assert told == [
        ("single", 100, 100),
        ("single", 20, 120),
        ("single", 3, 123),
        ("pending", 50, 123),
        ("void", 50, 123),
        ("single", 23, 100),
    ]
    assert [(line.entry.transfer_id, line.balance_minor) for line in pages] == [
        (line.entry.transfer_id, line.balance_minor) for line in whole
    ]
    assert elsewhere == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_transfer SET reason = 'x'",
        "DELETE FROM ledger_transfer",
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_account SET has_floor = false",
        "DELETE FROM ledger_account",
        "DELETE FROM ledger_balance",
        "TRUNCATE ledger_entry",
    ],
)
def test_the_app_cannot_rewrite_what_is_booked(app, sql):
    money.post(money.clearing(), money.deposits(), 5)
    with pytest.raises(ProgrammingError, match="permission denied"):
        database.transact(lambda session: session.execute(text(sql)))
    assert money.balance(money.deposits()) == 5


TRANSFER = """
    INSERT INTO ledger_transfer (id, kind, source_id, phase, pending_id, currency, actor, request_id, at)
    VALUES (:id, 'paid', :source_id, :phase, :pending_id, :currency, 'x', 'x', '2026-11-26T00:00:00Z')
"""
ENTRY = """
    INSERT INTO ledger_entry (transfer_id, number, account_id, side, amount_minor, phase, at)
    VALUES (:id, :number, :account_id, :side, :minor, :phase, '2026-11-26T00:00:00Z')
"""


def by_sql(entries, *, phase="single", pending_id=None, currency="CNY", source_id=None, entry_phase=None):
    """A transfer as the app's own role could write it, past the use cases."""

    def work(session):
        transfer_id = uuid.uuid4()
        named = {"id": transfer_id, "phase": phase, "pending_id": pending_id, "currency": currency}
        session.execute(text(TRANSFER), {**named, "source_id": source_id or uuid.uuid4()})
        for number, (account, side, minor) in enumerate(entries, start=1):
            row = {"account_id": account.id, "side": side, "minor": minor, "phase": entry_phase or phase}
            session.execute(text(ENTRY), {"id": transfer_id, "number": number, **row})
        session.info["reached"] = True

    return lambda: database.transact(work)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(money.clearing(), "debit", 5)],
        [(money.clearing(), "debit", 5), (money.deposits(), "credit", 6)],
        [(money.clearing(), "debit", 5), (money.deposits(), "debit", 5)],
        [(money.clearing("JPY"), "debit", 5), (money.deposits("JPY"), "credit", 5)],
        [(money.clearing(), "debit", 5), (money.deposits("JPY"), "credit", 5)],
    ],
    ids=["none", "one", "unbalanced", "one_sided", "other_currency", "two_currencies"],
)
def test_a_transfer_that_does_not_balance_is_refused_at_commit(app, entries):
    for currency in ("CNY", "JPY"):
        money.post(money.clearing(currency), money.deposits(currency), 5)
    before = money.count("ledger_transfer")
    with pytest.raises(IntegrityError, match="does not balance"):
        by_sql(entries)()

    assert money.count("ledger_transfer") == before


def test_until_commit_a_transfer_may_be_on_its_way(app):
    """The refusal comes at COMMIT, or when it is asked for: not with the first entry."""
    money.post(money.clearing(), money.deposits(), 5)

    def work(session):
        named = {"id": uuid.uuid4(), "phase": "single", "pending_id": None, "currency": "CNY"}
        session.execute(text(TRANSFER), {**named, "source_id": uuid.uuid4()})
        with pytest.raises(IntegrityError, match="does not balance"), session.begin_nested():
            session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    with database.reading() as session:
        work(session)


def test_nothing_is_added_to_a_transfer_that_is_booked(app):
    booked = money.post(money.clearing(), money.deposits(), 5)
    more = {"id": booked.id, "number": 3, "account_id": money.clearing().id, "side": "debit", "minor": 5}
    money.post(money.bank(), money.clearing(), 1)

    for account, number in ((money.bank(), 3), (money.bank(), 1)):
        row = {**more, "account_id": account.id, "number": number, "phase": "single"}
        with pytest.raises(IntegrityError):
            database.transact(lambda session, row=row: session.execute(text(ENTRY), row))
    assert money.count("ledger_entry") == 4


@pytest.mark.parametrize(
    ("phase", "minor", "to"),
    [("post", 11, "bank"), ("void", 9, "bank"), ("post", 10, "clearing")],
    ids=["more", "void_of_a_part", "elsewhere"],
)
def test_what_ends_more_than_was_reserved_is_refused_at_commit(app, phase, minor, to):
    money.post(money.clearing(), money.escrow(), 100)
    source_id = uuid.uuid4()
    booked = money.reserve(money.escrow(), money.bank(), 10, kind="paid", source_id=source_id)
    entries = [(money.escrow(), "debit", minor), (getattr(money, to)(), "credit", minor)]
    with pytest.raises(IntegrityError, match="than was reserved"):
        by_sql(entries, phase=phase, pending_id=booked.id, source_id=source_id)()


def test_entries_that_say_another_phase_than_their_transfer_are_refused(app):
    money.post(money.clearing(), money.deposits(), 5)
    entries = [(money.clearing(), "debit", 5), (money.deposits(), "credit", 5)]
    with pytest.raises(IntegrityError, match="does not balance"):
        by_sql(entries, entry_phase="pending")()


def test_the_database_itself_keeps_a_floor(app, database_urls):
    money.post(money.clearing(), money.escrow(), 5)
    with (
        psycopg.connect(servers.plain(database_urls.owner_url)) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="ck_ledger_balance_floor"),
    ):
        connection.execute(
            "UPDATE ledger_balance SET debits_posted = 6 WHERE account_id = %s", [money.escrow().id]
        )
