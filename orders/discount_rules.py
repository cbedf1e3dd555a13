"""What is left of an order's discounts when it has fewer boxes, or when less is left to pay than they take off. Pure.

Discounts are the lines of an order, in the order in which they were taken off. Each sum is whole, and the parts add
up to the whole of their total, whatever the number of lines.
"""

from collections.abc import Sequence


def kept_minor(discount_minor: int, *, boxes: int, of_boxes: int) -> int:
    """Of a discount on so many boxes: what belongs to those that the order still has, rounded up for the buyer."""
    if not 0 <= boxes <= of_boxes or of_boxes < 1:
        raise ValueError("an order keeps some of its own boxes")
    return -(-discount_minor * boxes // of_boxes)


def kept(amounts: Sequence[int], *, boxes: int, of_boxes: int) -> tuple[int, ...]:
    """The same, line by line: together to the unit what is kept of their sum, however many cuts it took."""
    parts, before, done = [], 0, 0
    for amount in amounts:
        before += amount
        upto = kept_minor(before, boxes=boxes, of_boxes=of_boxes)
        parts.append(upto - done)
        done = upto
    return tuple(parts)


def fitted(amounts: Sequence[int], *, room_minor: int) -> tuple[int, ...]:
    """What of each is taken off where only so much is left to pay: the first lines first."""
    parts, left = [], max(0, room_minor)
    for amount in amounts:
        parts.append(min(amount, left))
        left -= parts[-1]
    return tuple(parts)
