"""A batch as the CSV that banks' own pages take: one line for each transfer, its sums at the end. Pure.

Nothing in it is run by a spreadsheet: what begins like a formula was refused before, for an apostrophe before a name
would make it another name.
"""

import csv
import io
from enum import StrEnum
from typing import Final

from marketplace.payouts import batches
from marketplace.payouts.batches import Batch
from marketplace.values import amount_text

HEADING: Final = (
    "编号 id",
    "收款户名 payee",
    "收款账号 account",
    "开户行 bank",
    "金额 amount",
    "币种 currency",
    "用途 purpose",
)
TOTAL: Final = "合计 total"


class Encoding(StrEnum):
    UTF_8 = "utf-8-sig"
    """With the mark by which spreadsheets know it."""
    GB18030 = "gb18030"


def write(batch: Batch, *, encoding: Encoding = Encoding.UTF_8) -> bytes:
    """Lines end with CR LF; after the transfers one line for each currency with count and sum. Raises BatchRefused."""
    batches.check(batch)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADING)
    for payout in batch.payouts:
        payee = payout.payee
        writer.writerow(
            (
                payout.id,
                payee.name,
                payee.iban or payee.number,
                payee.bic or payee.cnaps,
                amount_text(payout.amount_minor, payout.currency),
                payout.currency,
                payout.purpose,
            )
        )
    for currency in batch.currencies:
        payouts = batch.of(currency)
        writer.writerow((TOTAL, len(payouts), "", "", batches.amount_of(payouts), currency, ""))
    return out.getvalue().encode(encoding)
