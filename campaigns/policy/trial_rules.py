"""A policy tried out on boxes that are only assumed, and two of them side by side. Pure.

Items are split one after the other, as an allocation does it: what the first gives counts in the levels of the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from campaigns.allotting.asking_rules import Pledger, answered, problem_of, tie_seed_of
from campaigns.policy.rules import Policy, Weight, weighed
from orders import allocation
from orders.allocation.report import Spread, spread

FIRST_RUN: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An item and the boxes of it that cooperatives, by their codes, have pledged."""

    id: str
    pack_code: str
    pack_grams: int
    pledged: Mapping[str, int]

    @property
    def pledged_boxes(self) -> int:
        return sum(self.pledged.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """What counts of the season before the campaign, of which a policy names the account."""

    history_grams: Mapping[str, int]
    earlier_grams: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSplit:
    """One item split: the question and its answer."""

    item_id: str
    problem: allocation.Problem
    result: allocation.Allocation

    @property
    def boxes(self) -> dict[str, int]:
        return {share.id: share.packs for share in self.result.sellers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """How equal the levels of all who pledged are after it, and how far the highest is above the lowest."""

    spread: Spread | None
    gap: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one policy makes of the assumed boxes."""

    policy: Policy
    splits: tuple[ItemSplit, ...]
    grams: Mapping[str, int]
    """Of each cooperative in the season, the campaign included."""
    fairness: Fairness
    """By the weight of the policy."""
    by_household: Fairness
    """By households, whatever the policy weighs: what two policies can be compared by."""

    @property
    def boxes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for split in self.splits:
            for code, boxes in split.boxes.items():
                found[code] = found.get(code, 0) + boxes
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a cooperative gets under one policy and under another."""

    code: str
    first: int
    second: int

    @property
    def gain(self) -> int:
        """So many boxes more under the second; fewer, below zero."""
        return self.second - self.first


def try_out(
    policy: Policy,
    pledgers: Sequence[Pledger],
    items: Sequence[tuple[Offered, int]],
    *,
    season: Season,
    campaign_code: str,
) -> Trial:
    """Split each item's assumed boxes as the first run of an allocation would."""
    grams = {each.code: season.history_grams.get(each.code, 0) for each in pledgers}
    splits = []
    for item, boxes in items:
        asked = problem_of(
            [
                replace(each, history_grams=grams[each.code], free_boxes=item.pledged[each.code])
                for each in pledgers
                if each.code in item.pledged
            ],
            boxes=boxes,
            pack_grams=item.pack_grams,
            weight=policy.weight,
            rule=policy.rule,
            strict=policy.strict,
            minimum_boxes=policy.minimum_boxes,
            tie_seed=tie_seed_of(
                season=policy.season, campaign_code=campaign_code, pack_code=item.pack_code, number=FIRST_RUN
            ),
            earlier_grams=season.earlier_grams,
        )
        problem, result = answered(asked, allocation.allocate)
        split = ItemSplit(item_id=item.id, problem=problem, result=result)
        for code, given in split.boxes.items():
            grams[code] += given * item.pack_grams
        splits.append(split)
    return Trial(
        policy=policy,
        splits=tuple(splits),
        grams=grams,
        fairness=fairness_of(pledgers, grams, weight=policy.weight),
        by_household=fairness_of(pledgers, grams, weight=Weight.HOUSEHOLDS),
    )


def fairness_of(pledgers: Sequence[Pledger], grams: Mapping[str, int], *, weight: Weight) -> Fairness:
    """Of these grams, each cooperative's over what it counts for."""
    weights = [weighed(weight, households=each.households, members=each.members) for each in pledgers]
    own = [grams[each.code] for each in pledgers]
    levels = [Fraction(gram, each) for gram, each in zip(own, weights, strict=True)]
    return Fairness(
        spread=spread(weights, own), gap=max(levels, default=Fraction(0)) - min(levels, default=Fraction(0))
    )


def differences(first: Trial, second: Trial) -> tuple[Difference, ...]:
    """Everybody's boxes under both, who gains most first."""
    one, other = first.boxes, second.boxes
    found = [
        Difference(code=code, first=one.get(code, 0), second=other.get(code, 0)) for code in {*one, *other}
    ]
    return tuple(sorted(found, key=lambda each: (-each.gain, each.code)))


def boxes_of_goal(
    items: Sequence[Offered], *, goal_boxes: int | None = None, goal_grams: int | None = None
) -> tuple[int, ...]:
    """The boxes of each item with which the goal is just reached, if all sell in proportion to what is pledged.

    Rounded up, item by item, and never more than is pledged.
    """
    boxes = sum(item.pledged_boxes for item in items)
    grams = sum(item.pledged_boxes * item.pack_grams for item in items)
    if not boxes:
        return tuple(0 for _ in items)
    part = min(Fraction(1), max(Fraction(goal_boxes or 0, boxes), Fraction(goal_grams or 0, grams)))
    return tuple(-(-item.pledged_boxes * part.numerator // part.denominator) for item in items)
