"""Which photos are taken, and what is taken out of them: where they were made, by which camera, for whom. Pure.

The first bytes decide what a file is. A photo is rebuilt of the parts that its picture needs; every other part (Exif,
XMP, IPTC, comments, previews, whatever follows the picture) is left out, so that no place is stored. Nothing is
decoded: what is no whole chain of parts is refused. A photo that only its Exif turns must be turned before it is sent.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text

BYTES_MAX: Final = 2_000_000
PHOTOS_MAX: Final = 6

_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"pHYs"}
)
_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"})
_WEBP_PICTURE: Final = frozenset({b"VP8 ", b"VP8L"})
_WEBP_EXIF_OR_XMP: Final = 0x08 | 0x04
_CHUNK: Final = 8
"""Bytes before a WebP chunk's data: its name and its length."""
_PNG_AROUND: Final = 12
"""Bytes around a PNG chunk's data: length, name, checksum."""
_JPEG_START: Final = b"\xff\xd8\xff"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_JPEG_DROPPED: Final = frozenset({*range(0xE1, 0xF0), 0xFE}) - {0xE2, 0xEE}
"""APP1 (Exif, XMP), APP3 to APP13 (previews, IPTC), APP15, comments. APP0, ICC colours, and Adobe's are kept."""
_ICC: Final = b"ICC_PROFILE\x00"
_JPEG_TABLES: Final = frozenset({*range(0xC0, 0xCE), 0xDA, 0xDB, 0xDD, 0xE0, 0xE2, 0xEE}) - {0xC8}
_AFTER_SCAN: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""Inside of a scan 0xFF is followed by 0x00 or a restart; the first other marker ends it."""


class PhotoType(StrEnum):
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


ENDINGS: Final = {PhotoType.JPEG: "jpg", PhotoType.PNG: "png", PhotoType.WEBP: "webp"}


class PhotoTypeDiffers(errors.Conflict):
    """The bytes are not of the type that the request names; `found` is what they are, if one that is taken."""

    title = Text(en="The photo is not what it claims to be.", zh="照片内容与声明的类型不符。")


class PhotoUnreadable(errors.Conflict):
    """Its parts do not follow each other to the end: it is broken, cut off, moving, or no photo."""

    title = Text(en="The photo cannot be read to its end.", zh="照片不完整或无法读取。")


class PhotoTooLarge(errors.Conflict):
    """More bytes than a photo may have; `bytes_max`."""

    title = Text(en="The photo is too large.", zh="照片过大。")


def type_of(data: bytes) -> PhotoType | None:
    """What the first bytes say."""
    if data.startswith(_JPEG_START):
        return PhotoType.JPEG
    if data.startswith(_PNG_START):
        return PhotoType.PNG
    return PhotoType.WEBP if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def cleaned(data: bytes, claimed: PhotoType) -> bytes:
    """The photo without what stands beside its picture. Raises PhotoTooLarge, PhotoTypeDiffers, PhotoUnreadable."""
    if len(data) > BYTES_MAX:
        raise PhotoTooLarge(bytes_max=BYTES_MAX)
    found = type_of(data)
    if found != claimed:
        raise PhotoTypeDiffers(found=found)
    parts = {PhotoType.JPEG: _jpeg, PhotoType.PNG: _png, PhotoType.WEBP: _webp}[claimed]
    return b"".join(parts(data))


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Segments up to the end of the picture; raises PhotoUnreadable."""
    yield data[:2]
    at, has_frame, has_scan = 2, False, False
    while True:
        if at + 2 > len(data) or data[at] != 0xFF:
            raise PhotoUnreadable
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise PhotoUnreadable
        if marker == _SOS:
            found = _AFTER_SCAN.search(data, end)
            if found is None or not has_frame:
                raise PhotoUnreadable
            end, has_scan = found.end() - 2, True
        has_frame = has_frame or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))
        if _jpeg_keeps(marker, data[at + 4 : at + 16]):
            yield data[at:end]
        at = end
    if not has_scan:
        raise PhotoUnreadable
    yield b"\xff\xd9"


def _jpeg_keeps(marker: int, begin: bytes) -> bool:
    """Whether the picture needs the segment; raises PhotoUnreadable for one that no photo has."""
    if marker in _JPEG_DROPPED:
        return False
    if marker not in _JPEG_TABLES:
        raise PhotoUnreadable
    if marker == 0xE2:
        return begin.startswith(_ICC)
    if marker == 0xE0:
        return begin.startswith(b"JFIF\x00")
    return marker != 0xEE or begin.startswith(b"Adobe")


def _png(data: bytes) -> Iterator[bytes]:
    """Chunks up to the end of the picture; raises PhotoUnreadable."""
    yield data[: len(_PNG_START)]
    at = len(_PNG_START)
    names: set[bytes] = set()
    while b"IEND" not in names:
        name = data[at + 4 : at + 8]
        end = at + _PNG_AROUND + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or not name.isalpha() or (not names and name != b"IHDR"):
            raise PhotoUnreadable
        names.add(name)
        if name in _PNG_KEPT:
            yield data[at:end]
        elif name[:1].isupper():
            raise PhotoUnreadable
        at = end
    if b"IDAT" not in names:
        raise PhotoUnreadable


def _webp(data: bytes) -> Iterator[bytes]:
    """The chunks of a still picture under a new length; raises PhotoUnreadable."""
    end = _CHUNK + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise PhotoUnreadable
    kept, at = [], 12
    has_picture = False
    while at < end:
        name = data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        following = at + _CHUNK + size + size % 2
        if following > end or name in (b"ANIM", b"ANMF"):
            raise PhotoUnreadable
        has_picture = has_picture or name in _WEBP_PICTURE
        if name == b"VP8X" and size:
            flags = bytes([data[at + 8] & ~_WEBP_EXIF_OR_XMP])
            kept.append(data[at : at + 8] + flags + data[at + 9 : following])
        elif name in _WEBP_KEPT:
            kept.append(data[at:following])
        at = following
    if not has_picture:
        raise PhotoUnreadable
    body = b"".join(kept)
    yield b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
