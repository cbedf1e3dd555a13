"""What a shortage asks of neighbours, then of buyers, then the cut, and its money. Pure.

Boxes are counted once: what an order asked for is what it gets now, what it moves elsewhere, what its buyer gave up
and what the cut took, and nothing else. Nothing here looks at when somebody ordered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from inventory.deposit_rules import Deposit, DepositType
from orders.allocation import Allocation, Order, Policy, Problem, Seller, allocate
from orders.allocation.ration import Claim, Ration, RationPolicy, question, ration

EARNEST_PERMILLE_MAX: Final = 200
"""Earnest money above a fifth of the contract is none in law."""


class Choice(StrEnum):
    """What a buyer chose in the election."""

    NO_PREFERENCE = "no_preference"
    """Keeps its place in the cut with all its boxes; who says nothing chose this."""
    WAIT = "wait"
    """All boxes from a later lot."""
    OTHER_GRADE = "other_grade"
    """All boxes of another grade, with the difference of the price."""
    FEWER = "fewer"
    """So many boxes are enough; the rest is paid back."""
    REFUND = "refund"
    """None, and all of the money."""


MOVING: Final = frozenset({Choice.WAIT, Choice.OTHER_GRADE})
"""Choices that leave the cut and keep their boxes, elsewhere."""


class Cause(StrEnum):
    """Why fruit is missing."""

    FORCE_MAJEURE = "force_majeure"
    """Nobody's fault, as its evidence says: the money goes back, and that is all."""
    FAULT = "fault"
    """A cooperative's: what the cut takes is paid back with the earnest money once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One order in a shortage: its boxes and what its buyer chose; `wanted` only with `fewer`."""

    order_id: str
    boxes: int
    choice: Choice = Choice.NO_PREFERENCE
    wanted: int | None = None

    def __post_init__(self) -> None:
        if self.boxes < 1 or (self.choice == Choice.FEWER) != (self.wanted is not None):
            raise ValueError(self)
        if self.wanted is not None and not 0 < self.wanted < self.boxes:
            raise ValueError(self)

    @property
    def claim(self) -> int:
        """The boxes with which it enters the cut."""
        if self.choice == Choice.NO_PREFERENCE:
            return self.boxes
        return self.wanted or 0

    @property
    def moved(self) -> int:
        return self.boxes if self.choice in MOVING else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A cooperative's word and its fruit, in boxes."""

    code: str
    pledged: int
    there: int

    @property
    def missing(self) -> int:
        return self.pledged - self.there


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A cooperative with spare boxes: what it counts for, and what it has sold this season."""

    code: str
    weight: int
    history_grams: int
    spare: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What each neighbour is asked for, with the split that says so."""

    problem: Problem
    allocation: Allocation

    @property
    def boxes(self) -> dict[str, int]:
        return {share.id: share.packs for share in self.allocation.sellers if share.packs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one order's boxes."""

    order_id: str
    ordered: int
    kept: int
    moved: int
    given_up: int
    cut: int

    @property
    def refunded(self) -> int:
        """Boxes whose money goes back."""
        return self.given_up + self.cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The outcome of every order, in their order, what the split was asked, and the ration behind it."""

    supply: int
    outcomes: tuple[Outcome, ...]
    question: Problem
    ration: Ration | None
    """None: it was read back, and not made again."""

    @property
    def kept(self) -> int:
        return sum(each.kept for each in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the boxes that are left to an order with a deposit leave to pay, once its balance was asked for."""

    is_paid: bool
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What an order gets back, in minor units: paid for boxes that do not come, and on top of that."""

    refund_minor: int
    compensation_minor: int
    bonus_minor: int = 0
    """What the funder of the deposit's bonus no longer pays."""
    discount_minor: int = 0
    """What those who fund discounts no longer pay."""


def policy_of(word: str) -> RationPolicy:
    """Raises ValueError for what is none."""
    if word == "proportional":
        return "proportional"
    if word != "equal_awards":
        raise ValueError(word)
    return "equal_awards"


def gap(*, committed: int, supply: int) -> int:
    """Boxes that are promised and not there."""
    return max(0, committed - supply)


def cover(boxes: int, neighbours: Sequence[Neighbour], *, pack_grams: int, seed: str, batch: str) -> Cover:
    """The gap over the spare boxes of neighbours: the fair split, furthest behind first."""
    problem = Problem(
        sellers=tuple(
            Seller(
                id=each.code,
                weight=each.weight,
                history_grams=each.history_grams,
                cap_packs=each.spare,
                pack_grams=pack_grams,
            )
            for each in sorted(neighbours, key=lambda each: each.code)
        ),
        orders=(Order(id=batch, packs=boxes),),
        policy=Policy(tie_seed=seed),
    )
    return Cover(problem=problem, allocation=allocate(problem))


def cut(
    demands: Sequence[Demand], supply: int, *, policy: RationPolicy = "equal_awards", seed: str, batch: str
) -> Cut:
    """Divide what is there over what the elections left of the orders; with enough for all, nobody is cut."""
    made = ration(_claims(demands), supply, policy=policy, seed=seed, batch=batch)
    awarded = {award.id: award.boxes for award in made.awards}
    outcomes = tuple(
        Outcome(
            order_id=each.order_id,
            ordered=each.boxes,
            kept=awarded.get(each.order_id, 0),
            moved=each.moved,
            given_up=each.boxes - each.moved - each.claim,
            cut=each.claim - awarded.get(each.order_id, 0),
        )
        for each in demands
    )
    return Cut(supply=supply, outcomes=outcomes, question=made.problem, ration=made)


def recalled(
    demands: Sequence[Demand], outcomes: Sequence[Outcome], supply: int, *, seed: str, batch: str
) -> Cut:
    """A cut by equal awards that was made before, with all that its words need; nothing is divided again."""
    asked, _ = question(_claims(demands), supply, seed=seed, batch=batch)
    return Cut(supply=supply, outcomes=tuple(outcomes), question=asked, ration=None)


def _claims(demands: Sequence[Demand]) -> list[Claim]:
    claiming = sorted((each for each in demands if each.claim), key=lambda each: each.order_id)
    return [Claim(id=each.order_id, boxes=each.claim) for each in claiming]


def due(
    outcome: Outcome,
    *,
    paid_minor: int,
    cause: Cause,
    earnest_permille: int,
    deposit: Deposit | None = None,
    discount_minor: int = 0,
) -> Due:
    """Rounded up for the buyer. Compensation is for boxes that the cut took, not for those given up.
    `discount_minor`: what falls away of the order's discounts.

    Where only a deposit is paid, it says itself whether it is earnest money: all of it, or, an advance, nothing.
    """
    if not 0 <= earnest_permille <= EARNEST_PERMILLE_MAX:
        raise ValueError(earnest_permille)
    earnest = earnest_of(paid_minor, earnest_permille=earnest_permille, deposit=deposit)
    return Due(
        refund_minor=part_of(paid_minor, outcome.refunded, outcome.ordered),
        compensation_minor=-(-earnest * outcome.cut // (1_000 * outcome.ordered))
        if cause == Cause.FAULT
        else 0,
        bonus_minor=0 if deposit is None else deposit.bonus_minor * outcome.refunded,
        discount_minor=discount_minor,
    )


def earnest_of(paid_minor: int, *, earnest_permille: int, deposit: Deposit | None) -> int:
    """What of a payment is earnest money, in thousandths of the minor unit."""
    if deposit is None:
        return paid_minor * earnest_permille
    return paid_minor * 1_000 if deposit.type == DepositType.EARNEST else 0


def prolonged(due_at: datetime, *, hours: int, now: datetime) -> datetime:
    """When a window ends after its shortage has grown: whoever hears of it now has half of its hours at least."""
    return max(due_at, now + timedelta(hours=hours) / 2)


def known_missing(waiting: int, *, earlier: Mapping[str, int], missing: Mapping[str, int]) -> dict[str, int]:
    """Of what cooperatives lack now, the boxes for which somebody waits already: an earlier shortage told of them.

    They are looked for where that shortage found boxes missing, as far as those still are.
    """
    lacking = {code: min(boxes, missing.get(code, 0)) for code, boxes in earlier.items()}
    return carried(min(waiting, sum(lacking.values())), lacking)


def part_of(paid_minor: int, boxes: int, ordered: int) -> int:
    """What was paid for so many of the boxes that it was paid for, rounded up."""
    return -(-paid_minor * boxes // ordered)


def carried(total: int, missing: Mapping[str, int]) -> dict[str, int]:
    """A whole number over those who lack boxes, by how many: largest remainders first, then more missing, then code."""
    lacking = {code: boxes for code, boxes in missing.items() if boxes > 0}
    boxes_all = sum(lacking.values())
    if not boxes_all:
        return {}
    shares = {code: divmod(total * boxes, boxes_all) for code, boxes in lacking.items()}
    left = total - sum(whole for whole, _ in shares.values())
    queue = sorted(lacking, key=lambda code: (-shares[code][1], -lacking[code], code))
    return {code: shares[code][0] + (code in queue[:left]) for code in sorted(lacking)}
