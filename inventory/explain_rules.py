"""Why a lot gives only so many boxes: each gram on hand under exactly one cause. Pure.

What is promised counts as held or committed, whatever became of the lot since. What is not promised falls to the
first of: the lot is stopped, it is too old on the day, it is safety, it does not fill a box, it is free.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date

from inventory import stock_rules
from inventory.states import HoldKind, LotStatus
from inventory.stock_rules import Destination, Stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """Grams on hand by cause, and the whole boxes that are free; `on_hand_grams` is the sum of the causes."""

    on_hand_grams: int = 0
    held_by_allocations_grams: int = 0
    held_by_pledges_grams: int = 0
    held_for_quality_grams: int = 0
    committed_grams: int = 0
    """Owed for good, packed or not."""
    quarantined_grams: int = 0
    recalled_grams: int = 0
    too_old_grams: int = 0
    safety_grams: int = 0
    """Kept back by the cooperative itself."""
    remainder_grams: int = 0
    """Less than a box, in a lot that could be sold."""
    free_grams: int = 0
    free_boxes: int = 0


def explain(
    stock: Stock,
    *,
    held: Mapping[HoldKind, int],
    committed_grams: int = 0,
    kept_grams: int = 0,
    pack_grams: int,
    on: date,
    destination: Destination | None = None,
) -> Causes:
    """One lot; `held` has the grams that each kind of hold keeps of it, `kept_grams` is its part of the safety."""
    is_offered = stock_rules.is_offered(stock, stock_rules.good_until(on, destination))
    boxes = stock_rules.boxes_in(stock, pack_grams, kept_grams) if is_offered else 0
    is_old = stock.status == LotStatus.AVAILABLE and not is_offered
    stopped = {status: stock.free_grams if stock.status == status else 0 for status in LotStatus}
    too_old = stock.free_grams if is_old else 0
    free = boxes * pack_grams
    return Causes(
        on_hand_grams=stock.free_grams + committed_grams + sum(held.values()),
        held_by_allocations_grams=held.get(HoldKind.ALLOCATION, 0),
        held_by_pledges_grams=held.get(HoldKind.PLEDGE, 0),
        held_for_quality_grams=held.get(HoldKind.QUALITY, 0),
        committed_grams=committed_grams,
        quarantined_grams=stopped[LotStatus.QUARANTINED],
        recalled_grams=stopped[LotStatus.RECALLED],
        too_old_grams=too_old,
        safety_grams=kept_grams,
        remainder_grams=stopped[LotStatus.AVAILABLE] - too_old - kept_grams - free,
        free_grams=free,
        free_boxes=boxes,
    )


def together(parts: Iterable[Causes]) -> Causes:
    """The sum of several lots, cause by cause."""
    listed = list(parts)
    return Causes(**{each.name: sum(getattr(part, each.name) for part in listed) for each in fields(Causes)})
