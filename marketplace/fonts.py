"""The font that comes along: Chinese that prints anywhere, whatever the machine has.

Noto Sans SC under the SIL Open Font License: every character of GB 2312 and of the first 20,902 of Unicode.
"""

from collections.abc import Container
from importlib import resources
from pathlib import Path
from typing import Final

FONT_PACKAGE: Final = "pylopdf_fonts_zh_cn"
FONT_FILE: Final = "NotoSansSC-Regular.otf"
MISSING: Final = "〓"
"""Stands for a character that the font has no glyph for."""


def font_file() -> Path:
    """Where the font lies that comes with the project's requirements."""
    return Path(str(resources.files(FONT_PACKAGE) / FONT_FILE))


def lacking(text: str, known: Container[int]) -> set[str]:
    """Characters for which a font that knows these code points has no glyph."""
    return {each for each in text if ord(each) not in known}


def shown(text: str, missing: Container[str]) -> str:
    """The text as it can be printed."""
    return "".join(MISSING if each in missing else each for each in text)
