"""Small photos in three formats, made part by part, and what cameras write beside the picture."""

import zlib

PLACE = b"GPSLatitude 34.5678"
"""What nobody may find in a stored photo."""


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data


def jpeg(*beside: bytes, scan: bytes = b"\x12\xff\x00\x34\xff\xd0\x56", after: bytes = b"") -> bytes:
    """Whatever else is in it stands before the frame."""
    frame = segment(0xC0, b"\x08\x00\x01\x00\x01\x01\x01\x11\x00")
    tables = segment(0xDB, b"\x00" + bytes(64)) + segment(0xC4, b"\x00" + bytes(17))
    begin = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
    return b"\xff\xd8" + b"".join(beside) + frame + tables + begin + scan + b"\xff\xd9" + after


EXIF = segment(0xE1, b"Exif\x00\x00" + PLACE)
COMMENT = segment(0xFE, PLACE)
JFIF = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
COLOURS = segment(0xE2, b"ICC_PROFILE\x00\x01\x01colours")
MORE_PICTURES = segment(0xE2, b"MPF\x00" + PLACE)


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def png(*beside: bytes, after: bytes = b"") -> bytes:
    head = chunk(b"IHDR", b"\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00")
    body = chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(beside) + body + chunk(b"IEND", b"") + after


def part(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + b"\x00" * (len(data) % 2)


def webp(*parts: bytes, after: bytes = b"") -> bytes:
    body = b"".join(parts)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body + after


PICTURE = part(b"VP8 ", b"a picture")
EXTENDED = part(b"VP8X", b"\x2c" + bytes(9))
"""It says that colours, Exif and XMP follow."""
