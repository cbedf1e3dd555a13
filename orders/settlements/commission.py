"""The marketplace's commission: basis points of what boxes sold for, rounded down. Pure.

A broken unit is never taken. What is booked box by box adds up to what a statement shows, however deliveries and
refunds come in: each step is the commission of all that was sold so far, less that of what was sold before it.
"""

from typing import Final

WHOLE_BPS: Final = 10_000


def due(base_minor: int, bps: int) -> int:
    """Of all that was sold; nothing of a sum below zero."""
    return max(0, base_minor) * bps // WHOLE_BPS


def step(before_minor: int, added_minor: int, bps: int) -> int:
    """What one more delivery adds; below zero for a refund, whose commission goes back."""
    return due(before_minor + added_minor, bps) - due(before_minor, bps)


def of_a_box_at_most(unit_price_minor: int, bps: int) -> int:
    """No box at this price ever adds more than this."""
    return -(-unit_price_minor * bps // WHOLE_BPS)
