"""Which objects, classes, papers and parties an event speaks of, and as what. Pure.

A key stands in its canonical text, so that one object has one name whoever wrote of it, as a link of any host or as
a URN.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from inventory.epcis.identifiers import canonical

KEY_LENGTH_MAX: Final = 1_024
"""Longer names are kept by their beginning: whoever looks for one looks at the event itself, too."""


class Role(StrEnum):
    """As what an event speaks of something; two letters, for there are many rows."""

    OBJECT = "ob"
    """In `epcList`."""
    PARENT = "pa"
    CHILD = "ch"
    INPUT = "in"
    OUTPUT = "ou"
    CLASS = "cl"
    """In `quantityList`: so much of a class."""
    CHILD_CLASS = "cc"
    INPUT_CLASS = "ic"
    OUTPUT_CLASS = "oc"
    TRANSFORMATION = "tr"
    """What inputs and outputs told in several events have in common."""
    PAPER = "bt"
    SOURCE = "so"
    DESTINATION = "de"


_MEMBERS: Final[Mapping[str, tuple[Role, str | None]]] = {
    "epcList": (Role.OBJECT, None),
    "childEPCs": (Role.CHILD, None),
    "inputEPCList": (Role.INPUT, None),
    "outputEPCList": (Role.OUTPUT, None),
    "quantityList": (Role.CLASS, "epcClass"),
    "childQuantityList": (Role.CHILD_CLASS, "epcClass"),
    "inputQuantityList": (Role.INPUT_CLASS, "epcClass"),
    "outputQuantityList": (Role.OUTPUT_CLASS, "epcClass"),
    "bizTransactionList": (Role.PAPER, "bizTransaction"),
    "sourceList": (Role.SOURCE, "source"),
    "destinationList": (Role.DESTINATION, "destination"),
    "parentID": (Role.PARENT, None),
    "transformationID": (Role.TRANSFORMATION, None),
}
"""Where names stand, and in lists of objects under which member."""


def mentions(event: Mapping[str, Any]) -> set[tuple[Role, str]]:
    """Each role and canonical key once; of a right event, as `epcis.reading.read` takes it."""
    return {(role, key_of(text)) for role, text in _named(event)}


def key_of(text: str) -> str:
    """The text by which something is looked for."""
    return canonical(text)[:KEY_LENGTH_MAX]


def _named(event: Mapping[str, Any]) -> Iterator[tuple[Role, str]]:
    for member, value in event.items():
        if member not in _MEMBERS:
            continue
        role, inner = _MEMBERS[member]
        if isinstance(value, str):
            yield role, value
        elif inner is None:
            yield from ((role, text) for text in value)
        else:
            yield from ((role, element[inner]) for element in value)
