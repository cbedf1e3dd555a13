"""A PDF that prints in Chinese anywhere: the glyphs that it uses are embedded, of a font that comes along.

The same content gives the same bytes. A character that the font has no glyph for is never left out in silence: it is
printed as 〓, and a note below says which character it is.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace, TTFFont

from marketplace import fonts
from marketplace.fonts import MISSING, font_file
from marketplace.language import Text

_FAMILY: Final = "chinese"
_INK: Final = 0
_SOFT: Final = 110
_RULE: Final = 190
_SHADE: Final = 228
_SIGNATURE: Final = 16
"""Millimetres in height: room for a name, and for a seal beside it."""
_NOTE: Final = Text(en="stands for", zh="代替字库中没有的字符")


class _Sheet(FPDF):
    """With a foot on every page: what it is of, and how many pages there are."""

    foot: str = ""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FAMILY, size=8)
        self.set_text_color(_SOFT)
        self.cell(0, 5, f"{self.foot}   {self.page_no()} / {{nb}}", align="R")
        self.set_text_color(_INK)


class Page:
    """The document being written, and the characters that the font did not have."""

    def __init__(self, *, title: Text, number: str, day: date, font: Path | None = None) -> None:
        self._missing: set[str] = set()
        self._pdf = _Sheet(format="A4")
        self._pdf.set_margins(14, 14)
        self._pdf.set_auto_page_break(auto=True, margin=18)
        self._pdf.add_font(_FAMILY, fname=font or font_file())
        loaded = self._pdf.fonts[_FAMILY]
        assert isinstance(loaded, TTFFont)
        self._has = frozenset(loaded.cmap)
        self._pdf.foot = self._told(number)
        self._pdf.set_creation_date(datetime.combine(day, time(), tzinfo=UTC))
        self._pdf.set_title(f"{title.zh} {title.en} {number}")
        self._pdf.set_font(_FAMILY, size=9)
        self._pdf.set_draw_color(_RULE)
        self._pdf.add_page()
        self._line(f"{title.zh} {title.en}", size=16, height=10)

    def head(self, name: Text, value: Text) -> None:
        self._pdf.set_text_color(_SOFT)
        self._pdf.cell(52, 5.5, self._told(f"{name.zh} {name.en}"))
        self._pdf.set_text_color(_INK)
        shown = value.zh if value.zh == value.en else f"{value.zh} · {value.en}"
        self._pdf.multi_cell(0, 5.5, self._told(shown), new_x="LMARGIN", new_y="NEXT", align="L")

    def table(
        self,
        columns: Sequence[Text],
        rows: Sequence[tuple[Sequence[Text | str], bool]],
        *,
        widths: tuple[int, ...],
        align: tuple[str, ...],
    ) -> None:
        """Rows with whether they are shaded; the heads stand on each page again."""
        self._pdf.ln(3)
        with self._pdf.table(
            col_widths=widths,
            text_align=align,
            headings_style=FontFace(emphasis=None, fill_color=_SHADE),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.6,
            padding=1,
        ) as table:
            table.row([self._both(each) for each in columns])
            for cells, is_shaded in rows:
                style = FontFace(fill_color=_SHADE) if is_shaded else None
                table.row([self._both(each) for each in cells], style=style)

    def signatures(self, who: Sequence[Text], *, date_: Text) -> None:
        """A line to sign for each of them, beside one for the day; all of them on one page."""
        if self._pdf.will_page_break(_SIGNATURE * len(who)):
            self._pdf.add_page()
        for each in who:
            self._pdf.ln(_SIGNATURE - 6)
            self._pdf.cell(52, 6, self._told(f"{each.zh} {each.en}"))
            self._pdf.cell(72, 6, "", border="B")
            self._pdf.cell(24, 6, self._told(f"{date_.zh} {date_.en}"), align="R")
            self._pdf.cell(0, 6, "", border="B", new_x="LMARGIN", new_y="NEXT")

    def bytes(self) -> bytes:
        """The finished document, with a note on characters that it could not print."""
        if self._missing:
            named = ", ".join(f"U+{ord(each):04X}" for each in sorted(self._missing))
            self._pdf.ln(3)
            self._pdf.set_text_color(_SOFT)
            self._line(f"{MISSING} {_NOTE.zh} {_NOTE.en}: {named}", size=9, height=5)
        return bytes(self._pdf.output())

    def _line(self, text: str, *, size: int, height: int) -> None:
        self._pdf.set_font(_FAMILY, size=size)
        self._pdf.multi_cell(0, height, self._told(text), new_x="LMARGIN", new_y="NEXT", align="L")
        self._pdf.set_font(_FAMILY, size=9)

    def _both(self, text: Text | str) -> str:
        if isinstance(text, str):
            return self._told(text)
        return self._told(text.zh if text.zh == text.en else f"{text.zh}\n{text.en}")

    def _told(self, text: str) -> str:
        missing = fonts.lacking(text, self._has) - {"\n"}
        self._missing |= missing
        return fonts.shown(text, missing)
