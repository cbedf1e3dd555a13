"""Where commands print for people: as wide as the terminal, or wide enough for a table in a file."""

from typing import Final

from rich.console import Console

WIDTH_IN_A_FILE: Final = 150


def console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, WIDTH_IN_A_FILE))
