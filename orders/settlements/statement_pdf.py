"""A statement as a PDF: Chinese first, English below it in the same cell, every line with its sum."""

from pathlib import Path
from typing import Final

from marketplace.pdf_page import Page
from orders.settlements.rules import Statement
from orders.settlements.statement_text import COLUMNS, TITLE, Heading, Weight, heads, rows

_WIDTHS: Final = (72, 76, 34)
_ALIGN: Final = ("LEFT", "LEFT", "RIGHT")


def pdf_of(statement: Statement, heading: Heading, *, font: Path | None = None) -> bytes:
    """The same statement gives the same bytes."""
    page = Page(title=TITLE, number=heading.number, day=heading.settled_on, font=font)
    for name, value in heads(heading, statement.currency):
        page.head(name, value)
    page.table(
        COLUMNS,
        [
            ((row.label, row.formula, row.amount), row.weight in (Weight.SUBTOTAL, Weight.TOTAL))
            for row in rows(statement)
        ],
        widths=_WIDTHS,
        align=_ALIGN,
    )
    return page.bytes()
