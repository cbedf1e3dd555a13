"""What happens in a season, drawn from its seed before it begins: who comes when, for how much, and what they do then.

Pure, and whole numbers only: the same seed and size make the same plan on every machine.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from campaigns.shortage.rules import Choice

T = TypeVar("T")

SHOPPERS: Final = 10_000
SHOPPERS_MAX: Final = 50_000
SHOPPERS_MIN: Final = 60
SALE_DAYS: Final = 10
BOXES: Final = (1, 1, 1, 1, 2, 2, 2, 3, 3, 5)
"""What people buy, each as often as it stands here; `AVERAGE_TENTHS` boxes on average."""
AVERAGE_TENTHS: Final = sum(BOXES) * 10 // len(BOXES)
NEVER_PAYS_PERMILLE: Final = 30
WITHDRAWS_PERMILLE: Final = 20
CHOOSES_PERMILLE: Final = 60
"""Who says something in an election; the others enter the cut with all their boxes."""
COUPON_PERMILLE: Final = 50
"""Who has read of the coupon before ordering."""
DEFAULT_PERCENT: Final = 5
PLEDGED_PERCENT: Final = 125
GOAL_PERCENT: Final = 80
STEPS_PERCENT: Final = (50, 85)
SELLERS: Final = 16
DECLINING: Final = 2
HAILED: Final = 4
ADVANCED: Final = 3
"""Cooperatives that want money before their boxes are delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """One buyer, by the number under which it stands in the result."""

    number: int
    day: int
    boxes: int
    pays: bool
    withdraws: bool
    """A day later, as long as earnest money goes back."""
    choice: Choice
    """If its boxes become short."""
    has_coupon: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    shoppers: tuple[Shopper, ...]
    expected_boxes: int
    """What will be sold, roughly: the goal, the ladder and the pledges go by it."""

    @property
    def goal_boxes(self) -> int:
        return self.part(GOAL_PERCENT)

    @property
    def pledged_boxes(self) -> int:
        return self.part(PLEDGED_PERCENT)

    def part(self, percent: int) -> int:
        """So many hundredths of what is expected, at least a box."""
        return max(1, self.expected_boxes * percent // 100)

    def of_day(self, day: int) -> list[Shopper]:
        return [each for each in self.shoppers if each.day == day]

    def pick(self, what: str, found: Sequence[T], count: int) -> list[T]:
        """So many of these, in their order; drawn for this purpose alone, so that no draw shifts another."""
        drawn = _draw(self.seed, what).sample(range(len(found)), min(count, len(found)))
        return [found[place] for place in sorted(drawn)]


def plan(seed: int, *, shoppers: int = SHOPPERS) -> Plan:
    """The season of this seed. Shopper 5 of a small season is shopper 5 of a large one."""
    return Plan(
        seed=seed,
        shoppers=tuple(_shopper(seed, number) for number in range(1, shoppers + 1)),
        expected_boxes=shoppers * AVERAGE_TENTHS // 10,
    )


def season_seed(seed: int) -> str:
    """What breaks ties in this season's shortage: 64 hex digits, as a drawn one has."""
    return f"{_draw(seed, 'ties').getrandbits(256):064x}"


def shares(boxes: int, weights: Sequence[int]) -> list[int]:
    """Boxes in proportion to weights, rounded up: together they are at least as many as asked for."""
    total = sum(weights)
    return [-(-boxes * weight // total) for weight in weights]


def _shopper(seed: int, number: int) -> Shopper:
    draw = _draw(seed, f"shopper {number}")
    boxes = draw.choice(BOXES)
    pays = draw.randrange(1_000) >= NEVER_PAYS_PERMILLE
    withdraws = draw.randrange(1_000) < WITHDRAWS_PERMILLE
    speaks = draw.randrange(1_000) < CHOOSES_PERMILLE
    choice = draw.choice((Choice.REFUND, Choice.FEWER, Choice.NO_PREFERENCE)) if speaks else None
    if choice == Choice.FEWER and boxes == 1:
        choice = Choice.REFUND
    return Shopper(
        number=number,
        day=draw.randrange(SALE_DAYS),
        boxes=boxes,
        pays=pays,
        withdraws=withdraws and pays,
        choice=choice or Choice.NO_PREFERENCE,
        has_coupon=_draw(seed, f"coupon {number}").randrange(1_000) < COUPON_PERMILLE,
    )


def _draw(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 (made to be repeated)
