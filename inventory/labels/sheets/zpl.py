"""Labels as ZPL II, for label printers of 203 and 300 dots an inch (8 and 12 a millimetre).

A printer has no Chinese letters of its own, so the area's Chinese name is sent once, as a picture. Data is written in
hexadecimal (`^FH`) wherever it could be taken for a command. Reference: Zebra, ZPL II Programming Guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from inventory.labels.sheets import codes, faces
from inventory.labels.sheets.faces import Face
from marketplace.fonts import font_file

WIDTH_MM, HEIGHT_MM = 100, 60
_NAME_MM: Final = 6
_PICTURE: Final = "R:AREA.GRF"
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:/-+()")
"""Characters that no printer takes for a command, also not one whose prefixes were changed."""


class Dots(IntEnum):
    """Dots of a millimetre."""

    DPI_203 = 8
    DPI_300 = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """One bit a dot, rows of whole bytes, set where it is black."""

    data: bytes
    row_bytes: int


def zpl_of(face: Face, serials: Sequence[str], dots: Dots) -> str:
    """The Chinese name, then one format for each serial, in their order."""
    picture = drawn(face.area_zh, height=_NAME_MM * dots, width=WIDTH_MM * dots // 2)
    head = f"~DG{_PICTURE},{len(picture.data)},{picture.row_bytes},{picture.data.hex().upper()}\n"
    end = f"^XA^ID{_PICTURE}^FS^XZ\n"
    across = max((len(codes.modules(face.link(serial))) for serial in serials[:1]), default=0)
    scale = min(10, (HEIGHT_MM - 12) * dots // (across + 8))  # links of one batch are equally long
    return head + "".join(_label(face, serial, dots, scale) for serial in serials) + end


def escaped(text: str) -> str:
    """For a field behind `^FH`: bytes of UTF-8 in hexadecimal, but for plain letters."""
    return "".join(
        each if each in _PLAIN else "".join(f"_{byte:02X}" for byte in each.encode()) for each in text
    )


def drawn(text: str, *, height: int, width: int) -> Picture:
    """The text in black on one line, made smaller until it fits; what is longer still is cut."""
    size = height
    while size > 8:
        font = ImageFont.truetype(str(font_file()), size=size * 4 // 5)
        left, top, right, bottom = font.getbbox(text)
        if right - left <= width:
            break
        size -= 2
    image = Image.new("1", (min(width, max(1, int(right - left))), height), 1)
    ImageDraw.Draw(image).text((-left, (height - (bottom - top)) // 2 - top), text, font=font, fill=0)
    row_bytes = (image.width + 7) // 8
    ink = bytearray(row_bytes * height)
    pixels = image.load()
    assert pixels is not None
    for y in range(height):
        for x in range(image.width):
            if not pixels[x, y]:
                ink[y * row_bytes + x // 8] |= 0x80 >> x % 8
    return Picture(bytes(ink), row_bytes)


def _label(face: Face, serial: str, dots: Dots, scale: int) -> str:
    """100 by 60 mm: the code on the left, words on the right."""
    link = face.link(serial)
    left, words = 4 * dots, 54 * dots
    fields = [
        f"^FO{left},{6 * dots}^BQN,2,{scale}^FH^FDMA,{escaped(link)}^FS",
        f"^FO{words},{8 * dots}^XG{_PICTURE},1,1^FS",
        _words(face.area_en, words, 17 * dots, 4 * dots, dots),
    ]
    serial_line, net, gtin = faces.lines(face, serial)
    fields += [
        _words(serial_line, words, 26 * dots, 5 * dots, dots),
        _words(net.replace(" · ", "  "), words, 36 * dots, 4 * dots, dots),
        _words(gtin, words, 44 * dots, 3 * dots, dots),
    ]
    return f"^XA^CI28^PW{WIDTH_MM * dots}^LL{HEIGHT_MM * dots}{''.join(fields)}^XZ\n"


def _words(text: str, left: int, top: int, height: int, dots: Dots) -> str:
    """On one line, cut where the sticker ends: the printer's own letters are three fifths as wide as high at most."""
    letters = 44 * dots * 5 // (height * 3)
    shown = text if len(text) <= letters else f"{text[: letters - 2]}.."
    return f"^FO{left},{top}^A0N,{height}^FH^FD{escaped(shown)}^FS"
