"""Which lots give which boxes: first expired, first out, whole boxes per lot. Pure.

A box never mixes lots, so what a lot cannot fill to a whole box stays in it.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from inventory.states import LotStatus, MovementKind, lets


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What the rules must know of a lot."""

    lot_id: uuid.UUID
    cooperative_id: uuid.UUID
    code: str
    harvested_on: date
    best_before_on: date
    free_grams: int
    status: LotStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """`boxes` whole boxes out of one lot."""

    lot_id: uuid.UUID
    boxes: int


class TooFewBoxes(Exception):
    """The lots have fewer whole boxes than asked for."""

    def __init__(self, available_boxes: int) -> None:
        self.available_boxes = available_boxes
        super().__init__(f"{available_boxes} boxes available")


def is_offered(stock: Stock, on: date) -> bool:
    """Neither stopped fruit is sold, nor what has passed its best-before day on the day of delivery."""
    return lets(stock.status, MovementKind.HOLD) and stock.best_before_on >= on


def boxes_in(stock: Stock, pack_grams: int) -> int:
    return stock.free_grams // pack_grams


def order_of(stock: Stock) -> tuple[date, date, str]:
    """First expired first out: the place of a lot in the line."""
    return stock.best_before_on, stock.harvested_on, stock.code


def free_boxes(stocks: Iterable[Stock], *, pack_grams: int, on: date) -> dict[uuid.UUID, int]:
    """Whole boxes of each cooperative: the sum over its lots, lot by lot."""
    found: dict[uuid.UUID, int] = {}
    for stock in stocks:
        if is_offered(stock, on):
            boxes = boxes_in(stock, pack_grams)
            found[stock.cooperative_id] = found.get(stock.cooperative_id, 0) + boxes
    return found


def take(stocks: Iterable[Stock], *, boxes: int, pack_grams: int, on: date) -> list[Take]:
    """The lots that give `boxes`, in the order in which they are emptied; raises TooFewBoxes."""
    offered = sorted((stock for stock in stocks if is_offered(stock, on)), key=order_of)
    taken: list[Take] = []
    wanted = boxes
    for stock in offered:
        part = min(wanted, boxes_in(stock, pack_grams))
        if part:
            taken.append(Take(lot_id=stock.lot_id, boxes=part))
            wanted -= part
    if wanted:
        raise TooFewBoxes(boxes - wanted)
    return taken
