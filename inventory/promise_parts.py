"""How far the open boxes of one hold on a lot have come: held, committed, packed; and what each step moves. Pure.

What is packed is a part of what is committed. Boxes that leave to their buyer are those that have come farthest;
boxes that are given back are those that have come least far, so that nobody unpacks what need not be unpacked.
"""

from dataclasses import dataclass


class TooFew(ValueError):
    """Fewer boxes have come as far as the step asks."""

    def __init__(self, ready: int) -> None:
        self.ready = ready
        super().__init__(f"{ready} boxes ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`open_boxes` are all that are neither shipped nor given back; the others are parts of them."""

    open_boxes: int
    committed: int = 0
    packed: int = 0

    @property
    def held(self) -> int:
        """Not yet owed: may still lapse."""
        return self.open_boxes - self.committed

    @property
    def unpacked(self) -> int:
        """Owed, and not yet in boxes."""
        return self.committed - self.packed


def commit(was: Parts, boxes: int) -> Parts:
    """Held boxes are owed now. Raises TooFew."""
    _check(boxes, was.held)
    return Parts(open_boxes=was.open_boxes, committed=was.committed + boxes, packed=was.packed)


def uncommit(was: Parts, boxes: int, packed: int = 0) -> Parts:
    """Owed boxes are only held again; `packed` of them stood ready. Raises TooFew."""
    _check(boxes, was.committed)
    left = Parts(open_boxes=was.open_boxes, committed=was.committed - boxes, packed=was.packed - packed)
    if not (0 <= packed <= boxes and 0 <= left.packed <= left.committed):
        raise TooFew(was.unpacked + packed)
    return left


def pack(was: Parts, boxes: int) -> Parts:
    """Owed boxes stand ready. Raises TooFew."""
    _check(boxes, was.unpacked)
    return Parts(open_boxes=was.open_boxes, committed=was.committed, packed=was.packed + boxes)


def ship(was: Parts, boxes: int) -> Parts:
    """They leave: packed ones first, then owed ones, then held ones. Raises TooFew."""
    _check(boxes, was.open_boxes)
    packed = max(0, was.packed - boxes)
    return Parts(open_boxes=was.open_boxes - boxes, committed=max(0, was.committed - boxes), packed=packed)


def come_back(was: Parts, boxes: int) -> Parts:
    """Shipped ones have not left after all: they stand ready as before."""
    return Parts(
        open_boxes=was.open_boxes + boxes, committed=was.committed + boxes, packed=was.packed + boxes
    )


def give_back(was: Parts, boxes: int) -> Parts:
    """They are free again: held ones first, then owed ones, then packed ones. Raises TooFew."""
    _check(boxes, was.open_boxes)
    committed = min(was.committed, was.open_boxes - boxes)
    return Parts(open_boxes=was.open_boxes - boxes, committed=committed, packed=min(was.packed, committed))


def _check(boxes: int, ready: int) -> None:
    if not 0 < boxes <= ready:
        raise TooFew(ready)
