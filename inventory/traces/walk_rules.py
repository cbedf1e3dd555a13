"""From one thing to those that it was made of or is in, and on, event by event. Pure.

Backwards a thing leads to what the events that made it took, and a parcel to what was packed into it; forwards to what
was made of it, and to what it was packed into. Inputs and outputs that are told in several events have their
transformation in common, which is then a thing on the way. (GS1 EPCIS 2.0, 7.4.3 and 7.4.6.)
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any, Final

from inventory.traces.mentions import Role, mentions


class Direction(StrEnum):
    BACK = "back"
    FORWARD = "forward"


_MADE: Final = frozenset({Role.OUTPUT, Role.OUTPUT_CLASS})
_TAKEN: Final = frozenset({Role.INPUT, Role.INPUT_CLASS})
_INSIDE: Final = frozenset({Role.CHILD, Role.CHILD_CLASS})
_AROUND: Final = frozenset({Role.PARENT})
_WAYS: Final = {
    Direction.BACK: ((_MADE, _TAKEN), (_AROUND, _INSIDE)),
    Direction.FORWARD: ((_TAKEN, _MADE), (_INSIDE, _AROUND)),
}
"""Whoever is spoken of as the first leads to whoever is spoken of as the second, in the same event."""
LEADING: Final = {
    direction: frozenset({Role.TRANSFORMATION}.union(*(first for first, _ in ways)))
    for direction, ways in _WAYS.items()
}
"""As what a thing must be spoken of in an event that leads on from it."""
BORN: Final = frozenset({Role.OBJECT, Role.CLASS})
"""As what a thing is spoken of when it begins to be (Object, ADD)."""


def next_keys(event: Mapping[str, Any], keys: AbstractSet[str], direction: Direction) -> frozenset[str]:
    """Where the event leads from the things with these canonical keys; nothing where it only tells of them."""
    if event.get("action") == "DELETE":
        return frozenset()  # what is unpacked is apart from then on; together it was told of before
    said = mentions(event)
    spoken_as = {role for role, named in said if named in keys}
    found: set[str] = set()
    for first, second in _WAYS[direction]:
        if spoken_as & first or (Role.TRANSFORMATION in spoken_as and first in (_MADE, _TAKEN)):
            there = {named for role, named in said if role in second}
            found |= there or {named for role, named in said if role is Role.TRANSFORMATION}
    return frozenset(found - keys)


def is_birth(event: Mapping[str, Any]) -> bool:
    """Whether the event says that what it speaks of began to be."""
    return event.get("type") == "ObjectEvent" and event.get("action") == "ADD"
