"""What stands on a label, and the papers that it is printed on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inventory.labels import serial_rules
from inventory.provenance import keys
from marketplace.values import kilograms_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What all labels of a batch have in common."""

    base: str
    """Below which links are resolved; without a slash at its end."""
    area_en: str
    area_zh: str
    season: int
    gtin: str
    net_grams: int

    def link(self, serial: str) -> str:
        """What the QR says: the box's Digital Link at this host."""
        return keys.box(self.gtin, serial, base=self.base)


class Paper(StrEnum):
    """Where labels are printed."""

    A4_21 = "a4-21"
    A4_24 = "a4-24"
    ROLL = "roll-100x60"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A page and its stickers, in hundredths of a millimetre."""

    page_width: int
    page_height: int
    columns: int
    rows: int
    width: int
    height: int
    left: int
    top: int
    gap: int
    """Between columns; rows touch."""

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    def corner(self, place: int) -> tuple[int, int]:
        """The upper left corner of the sticker at this place of its page, row by row."""
        row, column = divmod(place, self.columns)
        return self.left + column * (self.width + self.gap), self.top + row * self.height


GRIDS: Final[dict[Paper, Grid]] = {
    Paper.A4_21: Grid(
        page_width=21_000, page_height=29_700, columns=3, rows=7, width=6_350, height=3_810, left=725, top=1_515,
        gap=250,
    ),
    Paper.A4_24: Grid(
        page_width=21_000, page_height=29_700, columns=3, rows=8, width=7_000, height=3_700, left=0, top=50, gap=0
    ),
    Paper.ROLL: Grid(
        page_width=10_000, page_height=6_000, columns=1, rows=1, width=10_000, height=6_000, left=0, top=0, gap=0
    ),
}  # fmt: skip


def lines(face: Face, serial: str) -> Sequence[str]:
    """The words of a label below the names of its area, top to bottom."""
    return (
        serial_rules.grouped(serial),
        f"{kilograms_text(face.net_grams)} kg · {face.season}",
        f"GTIN {face.gtin}",
    )
