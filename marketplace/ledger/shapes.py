"""What is read from the ledger in the form of `schemas`, and as tables for files and terminals.

In tables amounts stand in whole units with the decimals of their currency, without a sign: the side says it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from marketplace.catalogue import csv_table
from marketplace.catalogue.csv_table import Column
from marketplace.language import Language
from marketplace.ledger.chart import Side
from marketplace.ledger.models import LedgerAccount, LedgerEntry, LedgerTransfer
from marketplace.ledger.reading import Standing, StatementLine, TrialLine, group_of, totals
from marketplace.ledger.rules import Change
from marketplace.values import MINOR_DIGITS, amount_text, instant_text

TRIAL_COLUMNS: Final = ("currency", "code", "name_en", "name_zh", "accounts", "debit", "credit", "reserved_debit",
    "reserved_credit", "balance", "side")  # fmt: skip
ACCOUNT_COLUMNS: Final = ("code", "owner_kind", "owner_id", "currency", "balance", "side", "reserved", "id")
STATEMENT_COLUMNS: Final = ("at", "kind", "source_id", "phase", "debit", "credit", "balance", "side", "currency",
    "reason", "transfer_id")  # fmt: skip
JOURNAL_COLUMNS: Final = ("at", "transfer_id", "kind", "source_id", "phase", "code", "owner_kind", "owner_id", "debit",
    "credit", "currency", "reason", "corrects_id", "pending_id", "actor", "request_id")  # fmt: skip


def trial_balance(lines: Sequence[TrialLine], *, at: datetime | None, language: Language) -> dict[str, Any]:
    return {
        "at": at,
        "lines": [
            {
                "code": each.code,
                "name": each.name.pick(language),
                "group": group_of(each.code),
                "normal_side": each.normal_side,
                "currency": each.currency,
                "decimals": MINOR_DIGITS[each.currency],
                "accounts": each.accounts,
                **_counters(each.change),
                "balance_minor": each.balance_minor,
            }
            for each in lines
        ],
        "totals": [
            {
                "currency": currency,
                "decimals": MINOR_DIGITS[currency],
                **_counters(change),
                "difference_minor": change.debits_posted - change.credits_posted,
            }
            for currency, change in totals(lines).items()
        ],
    }


def account(found: Standing, language: Language) -> dict[str, Any]:
    row = found.account
    return {
        "id": row.id,
        "code": row.code,
        "name": found.name.pick(language),
        "group": group_of(row.code),
        "owner_kind": row.owner_kind,
        "owner_id": row.owner_id,
        "normal_side": row.normal_side,
        "has_floor": row.has_floor,
        "currency": row.currency,
        "decimals": MINOR_DIGITS[row.currency],
        "opened_at": row.opened_at,
        **_counters(found.change),
        "balance_minor": found.change.balance_minor(found.side),
        "available_minor": found.change.available_minor(found.side),
    }


def statement_line(line: StatementLine) -> dict[str, Any]:
    return {
        "transfer_id": line.transfer.id,
        "at": line.entry.at,
        "kind": line.transfer.kind,
        "source_id": line.transfer.source_id,
        "phase": line.transfer.phase,
        "reason": line.transfer.reason,
        "side": line.entry.side,
        "amount_minor": line.entry.amount_minor,
        "balance_minor": line.balance_minor,
    }


def transfer(row: LedgerTransfer, entries: Iterable[tuple[LedgerEntry, LedgerAccount]]) -> dict[str, Any]:
    names = (
        "id",
        "at",
        "kind",
        "source_id",
        "phase",
        "pending_id",
        "corrects_id",
        "currency",
        "reason",
        "actor",
    )
    return {
        **{name: getattr(row, name) for name in names},
        "request_id": row.request_id,
        "decimals": MINOR_DIGITS[row.currency],
        "entries": [
            {
                "account_id": entry.account_id,
                "code": of.code,
                "owner_kind": of.owner_kind,
                "owner_id": of.owner_id,
                "side": entry.side,
                "amount_minor": entry.amount_minor,
            }
            for entry, of in entries
        ],
    }


def trial_rows(lines: Sequence[TrialLine]) -> Iterator[dict[str, Any]]:
    """One row for each code, and the sums of each currency behind its codes."""
    sums = totals(lines)
    for currency in sums:
        for each in (line for line in lines if line.currency == currency):
            name = each.name
            row = {"code": each.code, "name_en": name.en, "name_zh": name.zh, "accounts": each.accounts}
            yield {
                **row,
                **_columns(each.change, currency),
                **_sided(each.balance_minor, each.normal_side, currency),
            }
        row = {"code": "", "name_en": "Total", "name_zh": "合计", "accounts": ""}
        yield {**row, **_columns(sums[currency], currency), "balance": "", "side": ""}


def account_rows(found: Iterable[Standing]) -> Iterator[dict[str, Any]]:
    for each in found:
        row, currency = each.account, each.account.currency
        yield {
            "code": row.code,
            "owner_kind": row.owner_kind,
            "owner_id": row.owner_id,
            "currency": currency,
            **_sided(each.change.balance_minor(each.side), each.side, currency),
            "reserved": amount_text(each.change.reserved_minor(each.side), currency),
            "id": row.id,
        }


def statement_rows(lines: Iterable[StatementLine], found: LedgerAccount) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield {
            "at": instant_text(line.entry.at),
            "kind": line.transfer.kind,
            "source_id": line.transfer.source_id,
            "phase": line.transfer.phase,
            **_debit_or_credit(line.entry, found.currency),
            **_sided(line.balance_minor, Side(found.normal_side), found.currency),
            "currency": found.currency,
            "reason": line.transfer.reason,
            "transfer_id": line.transfer.id,
        }


def journal_rows(
    rows: Iterable[LedgerTransfer], entries: Mapping[Any, Sequence[tuple[LedgerEntry, LedgerAccount]]]
) -> Iterator[dict[str, Any]]:
    """One row for each entry."""
    for row in rows:
        for entry, of in entries.get(row.id, ()):
            yield {
                "at": instant_text(row.at),
                "transfer_id": row.id,
                "kind": row.kind,
                "source_id": row.source_id,
                "phase": row.phase,
                "code": of.code,
                "owner_kind": of.owner_kind,
                "owner_id": of.owner_id,
                **_debit_or_credit(entry, row.currency),
                "currency": row.currency,
                "reason": row.reason,
                "corrects_id": row.corrects_id,
                "pending_id": row.pending_id,
                "actor": row.actor,
                "request_id": row.request_id,
            }


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """As all files of the project: what a spreadsheet would run is written with an apostrophe before it."""
    return csv_table.write([Column(name=name, read=str) for name in columns], rows)


def _counters(change: Change) -> dict[str, int]:
    return {
        "debits_posted_minor": change.debits_posted,
        "credits_posted_minor": change.credits_posted,
        "debits_pending_minor": change.debits_pending,
        "credits_pending_minor": change.credits_pending,
    }


def _columns(change: Change, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "debit": amount_text(change.debits_posted, currency),
        "credit": amount_text(change.credits_posted, currency),
        "reserved_debit": amount_text(change.debits_pending, currency),
        "reserved_credit": amount_text(change.credits_pending, currency),
    }


def _sided(balance_minor: int, side: Side, currency: str) -> dict[str, str]:
    """Without a sign: a balance below zero stands on the other side."""
    stands = side if balance_minor >= 0 else side.other
    return {"balance": amount_text(abs(balance_minor), currency), "side": str(stands)}


def _debit_or_credit(entry: LedgerEntry, currency: str) -> dict[str, str]:
    amount = amount_text(entry.amount_minor, currency)
    return {
        "debit": amount if entry.side == Side.DEBIT else "",
        "credit": amount if entry.side == Side.CREDIT else "",
    }
