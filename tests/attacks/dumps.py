"""What a run leaves, told without ids and times: two runs that end alike have equal dumps."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.attacks.ground import Ground

Dump = dict[str, list[Any]]

TOLD: Final = {
    "orders": """SELECT o.id, o.buyer_id, o.state, o.boxes, o.total_minor, h.state FROM "order" o
        JOIN hold h ON h.id = o.hold_id""",
    "pools": "SELECT boxes_pledged, boxes_held, boxes_sold FROM pool",
    "payments": """SELECT p.id, p.order_id, p.purpose, p.state, p.gateway, p.amount_minor, p.received_minor,
        p.refund_due_minor, p.refund_reason, p.receipt_reference IS NOT NULL, o.method, o.fee_minor
        FROM payment p LEFT JOIN online_payment o ON o.payment_id = p.id""",
    "refunds": """SELECT f.id, f.payment_id, f.kind, f.amount_minor, f.reason, r.state, r.means, r.problem
        FROM part_refund f JOIN repayment r ON r.refund_id = f.id""",
    "forfeits": "SELECT order_id, cooperative_id, amount_minor FROM forfeit",
    "transfers": """SELECT t.kind, CASE WHEN t.kind <> 'dispute_moved' THEN t.source_id END, t.phase, t.currency,
        CASE WHEN t.kind <> 'dispute_moved' THEN t.reason END,
        (SELECT array_agg(concat_ws(' ', a.code, e.side, e.amount_minor)) FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.account_id WHERE e.transfer_id = t.id) FROM ledger_transfer t""",
    "balances": """SELECT a.code, a.owner_kind, a.owner_id, a.currency, sum(b.debits_posted)::bigint,
        sum(b.credits_posted)::bigint, sum(b.debits_pending)::bigint, sum(b.credits_pending)::bigint
        FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id GROUP BY a.id""",
    "bank entries": """SELECT e.entry_key, e.payment_id, e.amount_minor, e.state, e.reason, e.refusal,
        e.send_back_minor,
        (SELECT array_agg(r.amount_minor) FROM bank_receipt r WHERE r.entry_id = e.id) FROM bank_entry e""",
    "statements": "SELECT name, lines, entries, duplicates, bad_lines FROM bank_statement",
    "cases": """SELECT kind, subject_id, state, decision, facts ->> 'reason' FROM "case" """,
    "messages": "SELECT account_id, kind, title_en FROM notification",
    "events": "SELECT type, outcome IS NOT NULL, count(*) FROM provider_event GROUP BY type, outcome IS NOT NULL",
    "calls": "SELECT payment_id, kind, count(*) FROM gateway_call WHERE state = 'asked' GROUP BY payment_id, kind",
    "jobs": "SELECT name, state FROM job WHERE state IN ('dead', 'running')",
}


NOTHING: Final[Mapping[str, str]] = {}


def dump(ground: Ground, names: Mapping[str, str], *, more: Mapping[str, str] = NOTHING) -> Dump:
    """`names`: of ids of orders, payments, people and items. `more` tables are told beside `TOLD`."""
    known = dict(names)
    for refund_id, payment_id, reason in ground.rows("SELECT id, payment_id, reason FROM part_refund"):
        known.setdefault(str(refund_id), f"{known[str(payment_id)]} refund: {reason}")
    for number, each in enumerate(ground.market.cooperative_ids):
        known[str(each)] = f"cooperative {number}"
    words = re.compile("|".join(map(re.escape, known)))
    found = {
        what: sorted(
            (tuple(_named(cell, known, words) for cell in row) for row in ground.rows(sql)), key=repr
        )
        for what, sql in (*TOLD.items(), *more.items())
    }
    return found | _there(ground, known)


def _there(ground: Ground, known: Mapping[str, str]) -> Dump:
    """At the payment service."""
    books = ground.stand_in.books
    charges = [
        (
            known[each["metadata"]["payment_id"]],
            each["amount_captured"],
            each["amount_refunded"],
            each["status"],
            each["disputed"],
        )
        for each in books.all("charge")
    ]
    payments = [
        (known[each["metadata"]["payment_id"]], each["status"]) for each in books.all("payment_intent")
    ]
    refunds = [
        (known[each["metadata"]["refund_id"]], each["amount"], each["status"]) for each in books.all("refund")
    ]
    return {
        "charges there": sorted(charges),
        "payments there": sorted(payments),
        "refunds there": sorted(refunds),
    }


def _named(cell: Any, known: Mapping[str, str], words: re.Pattern[str]) -> Any:
    """A cell that is an id, and ids within a text."""
    if isinstance(cell, list):
        return tuple(sorted((_named(each, known, words) for each in cell), key=repr))
    if isinstance(cell, str):
        return words.sub(lambda found: known[found[0]], cell)
    return known.get(str(cell), cell)


def differences(told: Dump, other: Dump) -> list[str]:
    """What one has that the other has not, line by line."""
    found = []
    for what, rows in other.items():
        ours, theirs = Counter(map(repr, told[what])), Counter(map(repr, rows))
        found += [f"{what}: more {row}" for row in (ours - theirs).elements()]
        found += [f"{what}: not there {row}" for row in (theirs - ours).elements()]
    return found
