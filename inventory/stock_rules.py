"""Which lots give which boxes: first expired, first out, whole boxes per lot. Pure.

A box never mixes lots, so what a lot cannot fill to a whole box stays in it. A cooperative may keep grams back
(its safety stock): they stay in the lots that expire last.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from inventory.states import LotStatus, MovementKind, lets


class Destination(StrEnum):
    """How far the fruit goes, and so for how long it must keep after it is delivered."""

    COUNTY = "county"
    COUNTRY = "country"
    ABROAD = "abroad"


REMAINING_DAYS: Final = {Destination.COUNTY: 3, Destination.COUNTRY: 10, Destination.ABROAD: 30}
"""The days that fruit must still be good after the day of delivery."""

NO_SAFETY: Final[Mapping[uuid.UUID, int]] = MappingProxyType({})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Why no more is offered: whole boxes by cause, and the day on which fruit would have to be good."""

    quarantined_boxes: int
    recalled_boxes: int
    too_old_boxes: int
    safety_boxes: int
    good_until: date


class TooFewBoxes(Exception):
    """The lots have fewer whole boxes than asked for."""

    def __init__(self, available_boxes: int) -> None:
        self.available_boxes = available_boxes
        super().__init__(f"{available_boxes} boxes available")


def good_until(on: date, destination: Destination | None) -> date:
    """The day on which fruit delivered on this day must still be good: that day itself if nobody says where to."""
    return on if destination is None else on + timedelta(days=REMAINING_DAYS[destination])


def is_offered(stock: Stock, on: date) -> bool:
    """Neither stopped fruit is sold, nor what has passed its best-before day on the day it must be good."""
    return lets(stock.status, MovementKind.HELD) and stock.best_before_on >= on


def boxes_in(stock: Stock, pack_grams: int, kept_grams: int = 0) -> int:
    return (stock.free_grams - kept_grams) // pack_grams


def kept_back(stocks: Iterable[Stock], *, on: date, safety: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """Grams of each lot that its cooperative's safety stock keeps; `on`: the day on which fruit must be good.

    Only fruit that would be offered can be safety: what is stopped or too old saves nobody.
    """
    left = dict(safety)
    kept: dict[uuid.UUID, int] = {}
    for stock in sorted((each for each in stocks if is_offered(each, on)), key=order_of, reverse=True):
        part = min(stock.free_grams, left.get(stock.cooperative_id, 0))
        if part:
            kept[stock.lot_id] = part
            left[stock.cooperative_id] -= part
    return kept


def order_of(stock: Stock) -> tuple[date, date, str]:
    """First expired first out: the place of a lot in the line."""
    return stock.best_before_on, stock.harvested_on, stock.code


def free_boxes(
    stocks: Iterable[Stock],
    *,
    pack_grams: int,
    on: date,
    destination: Destination | None = None,
    safety: Mapping[uuid.UUID, int] = NO_SAFETY,
) -> dict[uuid.UUID, int]:
    """Whole boxes of each cooperative: the sum over its lots, lot by lot.

    `on` is the day of delivery; `safety` the grams that each cooperative keeps.
    """
    day = good_until(on, destination)
    stocks = list(stocks)
    kept = kept_back(stocks, on=day, safety=safety)
    found: dict[uuid.UUID, int] = {}
    for stock in stocks:
        if is_offered(stock, day):
            boxes = boxes_in(stock, pack_grams, kept.get(stock.lot_id, 0))
            found[stock.cooperative_id] = found.get(stock.cooperative_id, 0) + boxes
    return found


def withheld_boxes(
    stocks: Iterable[Stock],
    *,
    pack_grams: int,
    on: date,
    destination: Destination | None = None,
    safety: Mapping[uuid.UUID, int] = NO_SAFETY,
) -> Withheld:
    """Whole boxes that nobody holds and that are not offered."""
    day = good_until(on, destination)
    stocks = list(stocks)
    safe = kept_back(stocks, on=day, safety=safety)
    kept = [(stock, boxes_in(stock, pack_grams)) for stock in stocks if not is_offered(stock, day)]

    def of(status: LotStatus) -> int:
        return sum(boxes for stock, boxes in kept if stock.status == status)

    return Withheld(
        quarantined_boxes=of(LotStatus.QUARANTINED),
        recalled_boxes=of(LotStatus.RECALLED),
        too_old_boxes=of(LotStatus.AVAILABLE),
        safety_boxes=sum(
            boxes_in(stock, pack_grams) - boxes_in(stock, pack_grams, safe[stock.lot_id])
            for stock in stocks
            if stock.lot_id in safe
        ),
        good_until=day,
    )


def take(
    stocks: Iterable[Stock],
    *,
    boxes: int,
    pack_grams: int,
    on: date,
    destination: Destination | None = None,
    safety: Mapping[uuid.UUID, int] = NO_SAFETY,
) -> list[Take]:
    """The lots that give `boxes`, in the order in which they are emptied; raises TooFewBoxes."""
    day = good_until(on, destination)
    stocks = list(stocks)
    kept = kept_back(stocks, on=day, safety=safety)
    offered = sorted((stock for stock in stocks if is_offered(stock, day)), key=order_of)
    taken: list[Take] = []
    wanted = boxes
    for stock in offered:
        part = min(wanted, boxes_in(stock, pack_grams, kept.get(stock.lot_id, 0)))
        if part:
            taken.append(Take(lot_id=stock.lot_id, boxes=part))
            wanted -= part
    if wanted:
        raise TooFewBoxes(boxes - wanted)
    return taken
