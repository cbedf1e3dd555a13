"""Postings a second, one by one and in batches, by two processes at once; beside them a bare INSERT of the same rows.

The bare tables have the same columns and a primary key, and nothing else: no index more, no foreign key, no trigger, no
balance. What is measured is what all of that costs.
"""

import statistics
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Final

from flask import Flask

import wsgi
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from bench.money import standing
from marketplace import context, database
from marketplace.express import as_json
from marketplace.ledger import ledger
from marketplace.ledger.rules import Account, Fact, Owner, credit, debit
from marketplace.settings import Settings
from marketplace.values import new_id

PROCESSES: Final = 2
BATCH: Final = 1_000
ONE: Final = Bar(must=0.1)
MANY: Final = Bar(must=0.1)
BARE_TABLES: Final = """
    CREATE TABLE bare_transfer (LIKE ledger_transfer, PRIMARY KEY (id));
    ALTER TABLE bare_transfer ALTER booked_in SET DEFAULT 0;
    CREATE TABLE bare_entry (LIKE ledger_entry, PRIMARY KEY (transfer_id, number));
    GRANT INSERT, SELECT ON bare_transfer, bare_entry TO marketplace_app
    """
BARE: Final = """
    WITH booked AS (
        INSERT INTO bare_transfer (id, kind, source_id, phase, currency, actor, request_id, at)
        SELECT r.id, r.kind, r.source_id, 'single', 'CNY', 'system', 'bench', %(at)s::timestamptz
        FROM jsonb_to_recordset(%(transfers)s::jsonb) AS r(id uuid, kind text, source_id uuid)
    )
    INSERT INTO bare_entry (transfer_id, number, account_id, side, amount_minor, phase, at)
    SELECT r.transfer_id, r.number, r.account_id, r.side, r.amount_minor, 'single', %(at)s::timestamptz
    FROM jsonb_to_recordset(%(entries)s::jsonb) AS r(transfer_id uuid, number smallint, account_id uuid, side text,
        amount_minor bigint)
    """
ITEM: Final = Owner(kind="campaign_item", id=uuid.UUID(int=1))
CLEARING: Final = Account(code="psp_clearing", currency="CNY")
DEPOSITS: Final = Account(code="deposit_liability", currency="CNY", owner=ITEM)
_IDS: Final = {account: account.id for account in (CLEARING, DEPOSITS)}
_here: dict[str, Flask] = {}


def fact() -> Fact:
    lines = (debit(CLEARING, 2_000), credit(DEPOSITS, 2_000))
    return Fact(kind="payment_received", source_id=new_id(), lines=lines)


def ledger_books(size: int) -> int:
    facts = [fact() for _ in range(size)]
    database.transact(lambda session: ledger.post_many(session, context.system(), facts=facts))
    return size


def bare_books(size: int) -> int:
    facts = [(new_id(), fact()) for _ in range(size)]
    transfers = [{"id": key, "kind": each.kind, "source_id": each.source_id} for key, each in facts]
    entries = [
        {
            "transfer_id": key,
            "number": number,
            "account_id": _IDS[line.account],
            "side": line.side,
            "amount_minor": line.amount_minor,
        }
        for key, each in facts
        for number, line in enumerate(each.lines, start=1)
    ]
    values = {"transfers": as_json(transfers), "entries": as_json(entries), "at": context.now_utc()}
    database.transact(lambda session: session.connection().exec_driver_sql(BARE, values))
    return size


def begin(settings: Settings) -> None:
    """In a process of its own."""
    _here["app"] = wsgi.build(settings)


def measure(lane: str, seconds: float) -> float:
    """Transfers a second of one process."""
    name, size = lane.split()
    book = {"ledger": ledger_books, "bare": bare_books}[name]
    with _here["app"].app_context():
        begun, done = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            done += book(int(size))
    return done / passed


def case(bench: Bench) -> Part:
    part = Part(title=f"Postings, by {PROCESSES} processes at once")
    with bench.servers.copy("money_posting") as urls:
        with seed.connect(urls.owner_url) as owner:
            for statement in BARE_TABLES.split(";"):
                owner.execute(statement)
        with processes(bench.servers.settings(urls, redis=False)) as pool:
            for size, bar in ((1, ONE), (BATCH, MANY)):
                part.rows.append(compared(bench, pool, size, bar))
        part.wrong += standing.broken(bench.servers.settings(urls, redis=False))
    part.notes.append(
        "Both processes book on the same two accounts, as all deposits of one item do; each unit of work is committed."
    )
    return part


def compared(bench: Bench, pool: ProcessPoolExecutor, size: int, bar: Bar) -> Row:
    names = (f"ledger {size}", f"bare {size}")
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(bench.rounds + 1):
        for name in names if number % 2 == 0 else names[::-1]:
            bench.progress.step(name)
            asked = [pool.submit(measure, name, bench.seconds) for _ in range(PROCESSES)]
            total = sum(each.result() for each in asked)
            if number:
                found[name].append(total)
    ours, bare = (found[name] for name in names)
    return Row(
        what="one transfer in a transaction" if size == 1 else f"{size:,} transfers in a transaction",
        value=statistics.median(one / other for one, other in zip(ours, bare, strict=True)),
        against="bare INSERT of the same rows",
        per_second=statistics.median(ours),
        other_per_second=statistics.median(bare),
        bar=bar,
        note="transfers a second",
    )


@contextmanager
def processes(settings: Settings) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(
        PROCESSES, mp_context=get_context("spawn"), initializer=begin, initargs=(settings,)
    ) as pool:
        yield pool
