"""Which files are taken as papers: what their bytes say they are, whole, and under a harmless name. Pure.

The bytes decide, not the name or the Content-Type: these must only agree with them.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text

BYTES_MAX: Final = 5_000_000
NAME_MAX: Final = 120
PDF_TAIL: Final = 1_024
"""Among so many last bytes a PDF says that it ends."""
_PNG_START: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_BLANKS: Final = b"\x00\t\n\x0c\r "


class FileType(StrEnum):
    """Media types that are taken."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"


ENDINGS: Final = {FileType.PDF: "pdf", FileType.PNG: "png", FileType.JPEG: "jpg"}


class FileEmpty(errors.Conflict):
    """The body has no bytes."""

    title = Text(en="The file is empty.", zh="文件为空。")


class FileTypeDiffers(errors.Conflict):
    """The bytes are not of the type that the request names; `found` is what they are, if one that is taken."""

    title = Text(en="The file is not what it claims to be.", zh="文件内容与声明的类型不符。")


class FileTruncated(errors.Conflict):
    """The file begins well and does not end: part of it was lost on the way."""

    title = Text(en="The end of the file is missing.", zh="文件不完整。")


class FileTooLarge(errors.Conflict):
    """More bytes than a paper may have; `bytes_max`."""

    title = Text(en="The file is too large.", zh="文件过大。")


def type_of(data: bytes) -> FileType | None:
    """What the first bytes say."""
    if data.startswith((b"%PDF-1.", b"%PDF-2.")):
        return FileType.PDF
    if data.startswith(_PNG_START):
        return FileType.PNG
    return FileType.JPEG if data.startswith(_JPEG_START) else None


def is_whole(data: bytes, kind: FileType) -> bool:
    """Whether the last bytes say that nothing is missing."""
    if kind == FileType.PDF:
        return b"%%EOF" in data[-PDF_TAIL:]
    if kind == FileType.PNG:
        return data.endswith(_PNG_END)
    return len(data) > len(_JPEG_START) and data.rstrip(_BLANKS).endswith(_JPEG_END)


def check(data: bytes, claimed: FileType) -> None:
    """Raises FileEmpty, FileTooLarge, FileTypeDiffers, FileTruncated."""
    if not data:
        raise FileEmpty
    if len(data) > BYTES_MAX:
        raise FileTooLarge(bytes_max=BYTES_MAX)
    found = type_of(data)
    if found != claimed:
        raise FileTypeDiffers(found=found)
    if not is_whole(data, claimed):
        raise FileTruncated


def is_plain_name(name: str) -> bool:
    """One name without a way: it names no folder, neither this nor the one above, and nothing hidden."""
    return not (set(name) & set('/\\:*?"<>|')) and not name.startswith(".") and not name.endswith(".")
