"""Labels as PDF: each its QR on the left, and its words beside it, in Chinese and English."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from fpdf import FPDF
from fpdf.fonts import TTFFont

from inventory.labels.sheets import codes, faces
from inventory.labels.sheets.faces import Face, Grid
from marketplace import fonts
from marketplace.fonts import font_file

_FAMILY: Final = "chinese"
_MARGIN: Final = 250
"""Around what is printed on a sticker: printers are off by a millimetre or two."""
_QUIET: Final = 4
"""Modules of white around a QR."""
_STYLES: Final = ("zh", "en", "serial", "small", "small")
_POINTS_MIN: Final = 5
_POINTS: Final = {"zh": 9, "en": 7, "serial": 9, "small": 6}


def pdf_of(face: Face, serials: Sequence[str], grid: Grid, *, day: date) -> bytes:
    """One sticker for each serial, in their order; the same content gives the same bytes."""
    pdf = document((grid.page_width, grid.page_height))
    pdf.set_creation_date(datetime.combine(day, time(), tzinfo=UTC))
    pdf.set_title(f"{face.area_zh} {face.area_en} {face.season}")
    loaded = pdf.fonts[_FAMILY]
    assert isinstance(loaded, TTFFont)
    names = tuple(_printable(each, loaded) for each in (face.area_zh, face.area_en))
    for number, serial in enumerate(serials):
        if number % grid.per_page == 0:
            pdf.add_page()
        _sticker(pdf, grid, grid.corner(number % grid.per_page), face, serial, names)
    return bytes(pdf.output())


def _sticker(
    pdf: FPDF, grid: Grid, corner: tuple[int, int], face: Face, serial: str, names: tuple[str, ...]
) -> None:
    left, top = corner
    size = min(grid.height, grid.width // 2) - 2 * _MARGIN
    _code(pdf, left + _MARGIN, top + (grid.height - size) // 2, size, face.link(serial))
    words = left + _MARGIN + size
    width = grid.width - size - 2 * _MARGIN
    told = list(zip((*names, *faces.lines(face, serial)), _STYLES, strict=True))
    y = top + (grid.height - _height(told)) // 2
    for text, style in told:
        pdf.set_xy(words / 100, y / 100)
        pdf.cell(width / 100, _line(style) / 100, fitted(pdf, text, width, _POINTS[style]))
        y += _line(style)


def fitted(pdf: FPDF, text: str, width: int, points: int) -> str:
    """The text as it fits, in the largest size that it fits in; in the smallest, cut. The size is set."""
    for size in range(points, _POINTS_MIN - 1, -1):
        pdf.set_font(_FAMILY, size=size)
        if pdf.get_string_width(text) * 100 <= width:
            return text
    for letters in range(len(text), 0, -1):
        shown = f"{text[:letters].rstrip()}…"
        if pdf.get_string_width(shown) * 100 <= width:
            return shown
    return ""


def document(page: tuple[int, int]) -> FPDF:
    """An empty one with pages of this size, in hundredths of a millimetre, and the font that comes along."""
    pdf = FPDF(format=(page[0] / 100, page[1] / 100))
    pdf.set_auto_page_break(auto=False)
    pdf.set_margin(0)
    pdf.add_font(_FAMILY, fname=font_file())
    return pdf


def _line(style: str) -> int:
    """A point is 0.3528 mm; a line is a quarter higher than its letters."""
    return _POINTS[style] * 44


def _height(told: Sequence[tuple[str, str]]) -> int:
    return sum(_line(style) for _, style in told)


def _code(pdf: FPDF, left: int, top: int, size: int, text: str) -> None:
    """Dark runs of a row are one rectangle each."""
    square = codes.modules(text)
    across = len(square) + 2 * _QUIET
    for y, row in enumerate(square):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                pdf.rect(
                    (left + size * (x + _QUIET) / across) / 100,
                    (top + size * (y + _QUIET) / across) / 100,
                    size * (end - x) / across / 100,
                    size / across / 100,
                    style="F",
                )
            x = max(end, x + 1)


def _printable(text: str, font: TTFFont) -> str:
    return fonts.shown(text, fonts.lacking(text, font.cmap))
