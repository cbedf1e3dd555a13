"""What a season of paying out leaves beside the books: settlements, payouts, advances, and transfers there."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from tests.attacks import dumps
from tests.attacks.dumps import Dump
from tests.attacks.ground import Ground

TOLD: Final = {
    "campaign": "SELECT id, state FROM campaign",
    "parcels": "SELECT order_id, cooperative_id, state, boxes FROM parcel",
    "settlements": """SELECT number, cooperative_id, state, payout_minor, orders_minor, own_discounts_minor, objection,
        objected_by, answer, answered_by, version, paid_at IS NOT NULL, told FROM settlement""",
    "settlement moves": "SELECT settlement_id, number, event, before, after, reason, actor FROM settlement_move",
    "retention": "SELECT settlement_id, cooperative_id, until::text, kept_minor, left_minor FROM retention",
    "late refunds": """SELECT settlement_id, refund_id, remedy, amount_minor, at_fault, commission_back_minor,
        from_retention_minor, owed_minor, taken::text, actor FROM late_refund""",
    "payouts": """SELECT id, purpose, purpose_id, cooperative_id, amount_minor, state, version, method, memo,
        drafted_by, approved_by, sent_by, batch_id, receipt_reference, problem FROM payout""",
    "payout moves": "SELECT payout_id, number, before, after, reason, actor FROM payout_move",
    "payout batches": "SELECT id, format, payouts, total_minor, made_by FROM payout_batch",
    "payout calls": "SELECT payout_id, kind, attempt, state, problem FROM payout_call",
    "destinations": "SELECT cooperative_id, number, kind, named_by FROM payout_destination",
    "accounts": "SELECT cooperative_id, country, provider_id IS NOT NULL, is_ready, opened_by FROM connect_account",
    "advances": """SELECT id, cooperative_id, tranche, state, asked_minor, amount_minor, outstanding_minor, asked_by,
        decided_by, payout_id, version FROM advance""",
    "advance lines": """SELECT advance_id, number, kind, amount_minor, outstanding_minor, settlement_id, payout_id,
        actor FROM advance_line""",
    "standings": "SELECT cooperative_id, promised_minor, outstanding_minor, version FROM advance_standing",
    "audit trail": """SELECT action, subject_kind, subject_id, count(*) FROM audit_entry
        WHERE action ~ '^(settlement|payout|payout_call|payout_batch|payout_destination|advance|campaign)\\.'
        GROUP BY action, subject_kind, subject_id""",
}
NAMED: Final = {
    "payout": "SELECT id FROM payout ORDER BY id",
    "payout's reference": "SELECT reference FROM payout ORDER BY id",
    "batch": "SELECT id FROM payout_batch ORDER BY id",
    "batch's reference": "SELECT reference FROM payout_batch ORDER BY id",
    "call": "SELECT id FROM payout_call ORDER BY id",
    "destination": "SELECT id FROM payout_destination ORDER BY id",
    "advance": "SELECT id FROM advance ORDER BY id",
    "refund": "SELECT id FROM part_refund ORDER BY id",
    "late refund": "SELECT id FROM late_refund ORDER BY id",
    "rebate": "SELECT source_id FROM ledger_transfer WHERE kind = 'rebate_borne' ORDER BY id",
    "receipt": "SELECT receipt_reference FROM payout WHERE starts_with(receipt_reference, 'tr_') ORDER BY id",
    "parcel": "SELECT id FROM parcel ORDER BY cooperative_id, order_id",
    "person": "SELECT id FROM account ORDER BY id",
    "code": "SELECT code FROM campaign",
}
"""By the order in which the script makes them."""


def dump(ground: Ground, names: Mapping[str, str]) -> Dump:
    known = {**_made(ground), **names}
    for transfer_id, kind, source_id in ground.rows("SELECT id, kind, source_id FROM ledger_transfer"):
        known.setdefault(str(transfer_id), f"{kind} of {known.get(str(source_id), 'another')}")
    return dumps.dump(ground, known, more=TOLD) | _there(ground, known)


def _made(ground: Ground) -> dict[str, str]:
    known = {
        str(row[0]): f"{what} {number}"
        for what, sql in NAMED.items()
        for number, row in enumerate(ground.rows(sql), start=1)
    }
    cooperatives = [str(each) for each in ground.market.cooperative_ids]
    for settlement_id, cooperative_id in ground.rows("SELECT id, cooperative_id FROM settlement"):
        known[str(settlement_id)] = f"settlement {cooperatives.index(str(cooperative_id))}"
    today = ground.market.today
    days = ((0, "today"), (1, "today"), (180, "half a year on"))  # a run may begin before midnight
    return known | {(today + timedelta(days=each)).isoformat(): name for each, name in days}


def _there(ground: Ground, known: Mapping[str, str]) -> Dump:
    books = ground.stand_in.books
    return {
        "transfers there": sorted(
            (known[each["metadata"]["payout_id"]], each["amount"], each["amount_reversed"], each["currency"])
            for each in books.all("transfer")
        ),
        "reversals there": sorted(each["amount"] for each in books.all("transfer_reversal")),
        "accounts there": [len(books.all("account"))],
    }
