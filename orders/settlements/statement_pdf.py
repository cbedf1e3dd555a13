"""A statement as a PDF that prints in Chinese anywhere: the font's glyphs that it uses are embedded.

The same statement gives the same bytes. A character that the font has no glyph for is never left out in silence: it is
printed as 〓, and a note below says which character it is.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from marketplace.language import Text
from orders.settlements.rules import Statement
from orders.settlements.statement_text import COLUMNS, TITLE, Heading, Row, Weight, heads, rows

MISSING: Final = "〓"
_FAMILY: Final = "statement"
_WIDTHS: Final = (72, 76, 34)
_INK: Final = 0
_SOFT: Final = 110
_SHADES: Final = {Weight.SUBTOTAL: 244, Weight.TOTAL: 228}
_NOTE: Final = Text(en="{mark} stands for", zh="{mark} 代替字库中没有的字符")


def pdf_of(statement: Statement, heading: Heading, *, font: Path) -> bytes:
    """Chinese first, English below it in the same cell."""
    page = _Page(font)
    page.title(TITLE)
    for name, value in heads(heading, statement.currency):
        page.head(name, value)
    page.table(rows(statement))
    page.notes()
    page.document.set_creation_date(datetime.combine(heading.settled_on, time(), tzinfo=UTC))
    page.document.set_title(f"{TITLE.zh} {TITLE.en} {heading.number}")
    return bytes(page.document.output())


class _Page:
    """The sheet being written, and the characters that the font did not have."""

    def __init__(self, font: Path) -> None:
        self._has = _characters_of(font)
        self._missing: set[str] = set()
        self.document = FPDF(format="A4")
        self.document.set_margins(14, 14)
        self.document.set_auto_page_break(auto=True, margin=16)
        self.document.add_font(_FAMILY, fname=font)
        self.document.set_font(_FAMILY, size=9)
        self.document.add_page()

    def title(self, text: Text) -> None:
        self.document.set_font(_FAMILY, size=16)
        self.document.cell(0, 10, self._told(f"{text.zh} {text.en}"), new_x="LMARGIN", new_y="NEXT")
        self.document.set_font(_FAMILY, size=9)

    def head(self, name: Text, value: Text) -> None:
        self.document.set_text_color(_SOFT)
        self.document.cell(52, 5.5, self._told(f"{name.zh} {name.en}"))
        self.document.set_text_color(_INK)
        shown = value.zh if value.zh == value.en else f"{value.zh} · {value.en}"
        self.document.multi_cell(0, 5.5, self._told(shown), new_x="LMARGIN", new_y="NEXT", align="L")

    def table(self, told: Iterable[Row]) -> None:
        self.document.ln(3)
        heading = FontFace(emphasis=None, fill_color=210)
        with self.document.table(
            col_widths=_WIDTHS,
            text_align=("LEFT", "LEFT", "RIGHT"),
            headings_style=heading,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.6,
            padding=1,
        ) as table:
            table.row([self._both(each) for each in COLUMNS])
            for row in told:
                shade = _SHADES.get(row.weight)
                style = None if shade is None else FontFace(fill_color=shade)
                table.row([self._both(row.label), self._both(row.formula), row.amount], style=style)

    def notes(self) -> None:
        if not self._missing:
            return
        named = ", ".join(f"U+{ord(each):04X}" for each in sorted(self._missing))
        self.document.ln(3)
        self.document.set_text_color(_SOFT)
        note = f"{_NOTE.zh} {_NOTE.en}".format(mark=MISSING)
        self.document.multi_cell(0, 5, self._told(f"{note}: {named}"), new_x="LMARGIN", new_y="NEXT")

    def _both(self, text: Text) -> str:
        return self._told(text.zh if text.zh == text.en else f"{text.zh}\n{text.en}")

    def _told(self, text: str) -> str:
        lacking = {each for each in text if each != "\n" and ord(each) not in self._has}
        self._missing |= lacking
        return "".join(MISSING if each in lacking else each for each in text)


@cache
def _characters_of(font: Path) -> frozenset[int]:
    """Which code points the font has a glyph for."""
    with TTFont(font, lazy=True, fontNumber=0) as opened:
        return frozenset(opened.getBestCmap())
