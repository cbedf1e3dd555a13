"""Our references in the words of a transfer: found through blanks, small letters and wide ones; guessed never. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from marketplace.letters import LETTERS

LENGTH: Final = 10
NEAR_MAX: Final = 5_000
"""So many guesses of one text at most."""

_JOINTS: Final = re.compile(r"[\s\-_./:,;#*'\"()\[\]]+")
_RUNS: Final = re.compile(rf"[A-Z0-9]{{{LENGTH},}}")
_CONFUSED: Final = ("0ODQ", "1IL7", "2Z", "5S", "6G", "8B", "UV", "MN", "CG", "EF", "PR", "VY", "KX")
"""Letters that people take for each other."""
_OURS: Final = frozenset(LETTERS)
_ALIKE: Final[dict[str, frozenset[str]]] = {
    letter: _OURS & ({other for group in _CONFUSED if letter in group for other in group} - {letter})
    for letter in {letter for group in _CONFUSED for letter in group}
}


def named(text: str) -> set[str]:
    """All that might be a reference: ten letters of ours in a row, whatever blanks stand between them."""
    return {window for window in _windows(text) if set(window) <= _OURS}


def near(text: str) -> set[str]:
    """What would be a reference if one letter were another that is easily taken for it; at most NEAR_MAX."""
    found: set[str] = set()
    for window in _windows(text):
        foreign = [place for place, letter in enumerate(window) if letter not in _OURS]
        if len(foreign) > 1 or window.isdigit():
            continue
        for place in foreign or range(LENGTH):
            for other in _ALIKE.get(window[place], ()):
                found.add(window[:place] + other + window[place + 1 :])
        if len(found) >= NEAR_MAX:
            break
    return found - named(text)


def _windows(text: str) -> Iterator[str]:
    plain = _JOINTS.sub("", unicodedata.normalize("NFKC", text).upper())
    for run in _RUNS.findall(plain):
        for start in range(len(run) - LENGTH + 1):
            yield run[start : start + LENGTH]
