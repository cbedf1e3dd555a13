"""The trial balance over a million transfers: now, from the kept balances, and an hour ago, from what came after."""

import statistics
import time
from datetime import timedelta
from typing import Final

import wsgi
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from marketplace import context, database, express, verify
from marketplace.database import db
from marketplace.ledger import reading
from marketplace.ledger.invariants import INVARIANTS
from marketplace.ledger.reading import TrialLine
from marketplace.settings import Settings

ACCOUNTS: Final = 1_000
SLOTS: Final = 32
TIMES: Final = 21
NOW: Final = Bar(must=100, at_most=True)
HOUR_AGO: Final = Bar(must=500, at_most=True)
DAY_AGO: Final = Bar(must=5_000, at_most=True)
LONG_AGO: Final = Bar(must=15_000, at_most=True)
"""No statement of the app may take longer than that."""

FILL: Final = f"""
    ALTER TABLE ledger_transfer DISABLE TRIGGER USER;
    ALTER TABLE ledger_entry DISABLE TRIGGER USER;
    INSERT INTO ledger_account (id, code, owner_kind, owner_id, currency, normal_side, has_floor, opened_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        CASE n WHEN 0 THEN 'psp_clearing' ELSE 'deposit_liability' END,
        CASE n WHEN 0 THEN NULL ELSE 'campaign_item' END,
        CASE n WHEN 0 THEN NULL ELSE gen_random_uuid() END, 'CNY',
        CASE n WHEN 0 THEN 'debit' ELSE 'credit' END, false, %(now)s::timestamptz - interval '30 days'
    FROM generate_series(0, {ACCOUNTS}) AS n;
    INSERT INTO ledger_transfer (id, kind, source_id, phase, currency, actor, request_id, at)
    SELECT ('00000001-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'payment_received', gen_random_uuid(),
        'single', 'CNY', 'system', 'bench', %(now)s::timestamptz - interval '30 days' * (1 - n::numeric / %(transfers)s)
    FROM generate_series(1, %(transfers)s) AS n;
    INSERT INTO ledger_entry (transfer_id, number, account_id, side, amount_minor, phase, at)
    SELECT ('00000001-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, side.number,
        ('00000000-0000-7000-8000-'
            || lpad(to_hex(CASE side.number WHEN 1 THEN 0 ELSE 1 + n %% {ACCOUNTS} END), 12, '0'))::uuid,
        side.name, 1000 + n %% 977, 'single',
        %(now)s::timestamptz - interval '30 days' * (1 - n::numeric / %(transfers)s)
    FROM generate_series(1, %(transfers)s) AS n, (VALUES (1, 'debit'), (2, 'credit')) AS side(number, name);
    INSERT INTO ledger_balance (account_id, slot, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT account_id, slot, coalesce(sum(amount_minor) FILTER (WHERE side = 'debit'), 0),
        coalesce(sum(amount_minor) FILTER (WHERE side = 'credit'), 0), 0, 0
    FROM (SELECT e.*, (row_number() OVER (PARTITION BY account_id)) %% {SLOTS} AS slot FROM ledger_entry e) AS spread
    GROUP BY account_id, slot;
    ALTER TABLE ledger_transfer ENABLE TRIGGER USER;
    ALTER TABLE ledger_entry ENABLE TRIGGER USER
    """


def case(bench: Bench, *, transfers: int) -> Part:
    part = Part(title=f"The trial balance over {transfers:,} transfers on {ACCOUNTS + 1:,} accounts")
    with bench.servers.copy("money_standing") as urls:
        bench.progress.step(f"filling in {transfers:,} transfers")
        with seed.connect(urls.owner_url) as owner:
            values = {"transfers": transfers, "now": context.now_utc()}
            for statement in FILL.split(";"):
                owner.execute(statement, values)
        seed.tidy(urls.owner_url)
        settings = bench.servers.settings(urls, redis=False)
        app = wsgi.build(settings)
        with app.app_context():
            for what, hours, bar in (
                ("now, from the kept balances", None, NOW),
                ("an hour ago", 1, HOUR_AGO),
                ("a day ago", 24, DAY_AGO),
                ("fifteen days ago", 360, LONG_AGO),
            ):
                bench.progress.step(what)
                part.rows.append(_measured(what, hours, bar))
            part.wrong += _off_balance()
            express.close_all(app)
            db.engine.dispose()
        bench.progress.step("checking the ledger")
        part.wrong += broken(settings)
    return part


def broken(settings: Settings) -> list[str]:
    """The promises of the ledger alone: of what these transfers are about nothing is there."""
    app = wsgi.build(settings)
    with app.app_context():
        with database.reading() as session:
            found = verify.check(session, INVARIANTS)
        express.close_all(app)
        db.engine.dispose()
    return [
        f"{each.invariant.id}: {each.broken} rows, first {each.first}" for each in found if not each.holds
    ]


def _measured(what: str, hours: int | None, bar: Bar | None) -> Row:
    """The median of many, after one to warm up."""
    found = []
    for number in range(TIMES + 1):
        at = None if hours is None else context.now_utc() - timedelta(hours=hours)
        begun = time.perf_counter()
        with database.reading() as session:
            reading.trial_balance(session, at=at)
        if number:
            found.append((time.perf_counter() - begun) * 1_000)
    return Row(
        what=what, value=statistics.median(found), unit="ms", bar=bar, note=f"at most {max(found):.0f} ms"
    )


def _off_balance() -> list[str]:
    with database.reading() as session:
        lines: list[TrialLine] = reading.trial_balance(session)
    return [
        f"{currency} is off by {change.debits_posted - change.credits_posted}"
        for currency, change in reading.totals(lines).items()
        if change.debits_posted != change.credits_posted
    ]
