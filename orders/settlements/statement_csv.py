"""A statement as a CSV file, both languages in one, its amounts as numbers that a spreadsheet adds up. Pure."""

from typing import Final

from marketplace.csv_cells import file_of
from orders.settlements.rules import Statement
from orders.settlements.statement_text import Heading, rows

HEADER: Final = (
    "number",
    "cooperative_code",
    "settled_on",
    "row",
    "kind",
    "reference",
    "label_zh",
    "label_en",
    "formula_zh",
    "formula_en",
    "amount",
    "amount_minor",
    "currency",
)


def csv_of(statement: Statement, heading: Heading) -> bytes:
    """One row for each line and each sum; `row` says which is which."""
    about = (heading.number, heading.cooperative_code, heading.settled_on.isoformat())
    return file_of(
        HEADER,
        (
            (
                *about,
                row.weight.value,
                row.kind,
                row.reference,
                row.label.zh,
                row.label.en,
                row.formula.zh,
                row.formula.en,
                row.amount,
                row.amount_minor,
                row.currency,
            )
            for row in rows(statement)
        ),
    )
