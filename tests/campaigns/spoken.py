"""What tests of words have in common: the places to fill, and the files that say them."""

import string
from pathlib import Path

from marketplace.settings import PROJECT_ROOT


def places(text: str) -> set[str]:
    """The names that are filled in it."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def source_of(package: str) -> str:
    """Code and templates of a package below `campaigns`, but for its words."""
    files: list[Path] = sorted((PROJECT_ROOT / "campaigns" / package).rglob("*"))
    return "\n".join(
        path.read_text() for path in files if path.suffix in (".py", ".html") and path.name != "words.py"
    )
