"""What is known of places, classes and parties beside the events: what lies in what, and their attributes. Pure.

Documents carry it in the header, as lists of words with `attributes` and `children`. A place inside a GLN (`414` with
`254`) lies in that GLN whether or not anybody said so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from inventory.epcis.event_hash import KNOWN_NAMESPACES
from inventory.epcis.identifiers import Key, canonical, key_in
from inventory.repository.query_values import Namespaces, expanded

LEVELS_MAX: Final = 32
"""How far up a place is looked for."""


@dataclass(frozen=True, slots=True)
class MasterData:
    """Words by their canonical text: those that each lies in directly, and its attributes by their full names."""

    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)

    def lies_in(self, word: str, wanted: frozenset[str]) -> bool:
        """Whether a word (in its canonical text) is one of those wanted, or lies in one, at any depth."""
        seen = {word}
        level = [word]
        for _ in range(LEVELS_MAX):
            if not wanted.isdisjoint(level):
                return True
            level = [above for each in level for above in self._above(each) if above not in seen]
            if not level:
                return False
            seen.update(level)
        return False

    def _above(self, word: str) -> frozenset[str]:
        told = self.parents.get(word, frozenset())
        key = key_in(word)
        if key is not None and "414" in key and "254" in key:
            return told | {Key(key.parts[:1]).link()}
        return told


NOTHING: Final = MasterData()
"""No master data at all."""


def of_lists(lists: Iterable[Mapping[str, Any]], namespaces: Namespaces | None = None) -> MasterData:
    """The master data in a document's `vocabularyList`; an attribute that is told twice has both values."""
    known = {**KNOWN_NAMESPACES, **(namespaces or {})}
    parents: dict[str, set[str]] = {}
    attributes: dict[str, dict[str, list[Any]]] = {}
    for vocabulary in lists:
        for element in vocabulary.get("vocabularyElementList", ()):
            word = canonical(expanded(element["id"], known))
            for child in element.get("children", ()):
                parents.setdefault(canonical(expanded(child, known)), set()).add(word)
            for told in element.get("attributes", ()):
                if told.get("attribute") is not None:
                    name = expanded(told["id"], known)
                    attributes.setdefault(word, {}).setdefault(name, []).append(told["attribute"])
    return MasterData(
        {word: frozenset(above) for word, above in parents.items()},
        {word: {name: tuple(values) for name, values in found.items()} for word, found in attributes.items()},
    )
