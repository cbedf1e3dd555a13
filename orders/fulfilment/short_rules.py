"""Fewer boxes of a lot are there than a wave's parcels need: which parcels have theirs, and what becomes of the others.
Pure.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a parcel without its boxes."""

    SUBSTITUTED = "substituted"
    """The same boxes come out of other lots."""
    TAKEN_BACK = "taken_back"
    """Nothing of its order is packed: all of it waits for another wave, or for what a shortage says."""
    REFUNDED = "refunded"
    """Some of its order is packed or gone: the order goes on without these boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A parcel of which no box is there yet."""

    id: uuid.UUID
    order_id: uuid.UUID
    boxes: int


def rank(wave_id: uuid.UUID, order_id: uuid.UUID) -> str:
    """Who comes first where not all can: nobody chooses it, and when somebody ordered plays no part in it."""
    return hashlib.sha256(f"{wave_id}:{order_id}".encode()).hexdigest()


def keep(parcels: Iterable[Planned], *, wave_id: uuid.UUID, boxes_found: int) -> frozenset[uuid.UUID]:
    """The parcels that have their boxes: whole ones, by rank. One that does not fit any more is passed over, and the
    next may: so none of those left out would fit into what is left.
    """
    left = boxes_found
    kept = set()
    for each in sorted(parcels, key=lambda each: (rank(wave_id, each.order_id), each.id)):
        if each.boxes <= left:
            left -= each.boxes
            kept.add(each.id)
    return frozenset(kept)


def last(order_ids: Collection[uuid.UUID], *, wave_id: uuid.UUID) -> list[uuid.UUID]:
    """Those that give way first: the last by rank, an eighth of all and one at least; none of none."""
    line = sorted(order_ids, key=lambda order_id: rank(wave_id, order_id))
    return line[len(line) - -(-len(line) // 8) :]


def part(boxes: int, of: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """So many boxes over these, each up to what it has; those by id first. Raises ValueError for more than all have."""
    left = boxes
    parts: dict[uuid.UUID, int] = {}
    for key, most in sorted(of.items()):
        if taken := min(left, most):
            parts[key] = taken
            left -= taken
    if left:
        raise ValueError(f"{left} boxes too many")
    return parts


def unserved(others: Collection[bool]) -> Outcome:
    """What becomes of an order whose lost boxes nobody else has. `others`: for each parcel of it that has its boxes or
    may still get them, whether anything of it is packed, or begun.
    """
    return Outcome.REFUNDED if any(others) else Outcome.TAKEN_BACK
