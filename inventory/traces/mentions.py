"""Which objects, classes, papers and parties an event speaks of, and as what. Pure.

A key stands in its canonical text, so that one object has one name whoever wrote of it, as a link of any host or as
a URN.
"""

from collections.abc import Iterable, Iterator, Mapping
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


_LISTED: Final = (
    ("epcList", Role.OBJECT),
    ("childEPCs", Role.CHILD),
    ("inputEPCList", Role.INPUT),
    ("outputEPCList", Role.OUTPUT),
)
_COUNTED: Final = (
    ("quantityList", Role.CLASS),
    ("childQuantityList", Role.CHILD_CLASS),
    ("inputQuantityList", Role.INPUT_CLASS),
    ("outputQuantityList", Role.OUTPUT_CLASS),
)
_PAPERS: Final = (
    ("bizTransactionList", "bizTransaction", Role.PAPER),
    ("sourceList", "source", Role.SOURCE),
    ("destinationList", "destination", Role.DESTINATION),
)


def mentions(event: Mapping[str, Any]) -> set[tuple[Role, str]]:
    """Each role and canonical key once; of a right event, as `epcis.reading.read` takes it."""
    return {(role, key_of(text)) for role, text in _named(event)}


def key_of(text: str) -> str:
    """The text by which something is looked for."""
    return canonical(text)[:KEY_LENGTH_MAX]


def _named(event: Mapping[str, Any]) -> Iterator[tuple[Role, str]]:
    for member, role in _LISTED:
        yield from ((role, text) for text in _items(event, member))
    for member, role in _COUNTED:
        yield from ((role, element["epcClass"]) for element in _items(event, member))
    for member, name, role in _PAPERS:
        yield from ((role, element[name]) for element in _items(event, member))
    for member, role in (("parentID", Role.PARENT), ("transformationID", Role.TRANSFORMATION)):
        if member in event:
            yield role, event[member]


def _items(event: Mapping[str, Any], member: str) -> Iterable[Any]:
    found = event.get(member) or ()
    return found if isinstance(found, list) else ()
