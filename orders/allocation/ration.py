"""Rationing buyers in a shortage: who gets how many of too few boxes, and the proof of it.

Two policies. `equal_awards` brings every order up to one common number of boxes, as far as it asked for that
many: to inflate an order gains nothing. `proportional` gives every order the same part of what it asked for.
Either way nobody gets a second box before everybody has a first one; where even those are too few, and among
equal claims for the last boxes, the lottery decides with the seed whose hash was published beforehand.

The rule is that of the sellers (`nearest`), turned round: a claim stands in the place of a seller, boxes that
are there in the place of the order. So `verify` and `explain` work on `Ration.problem` as on any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orders.allocation.dispatch import allocate
from orders.allocation.problem import PACKS_MAX, Order, Policy, Problem, Seller
from orders.allocation.result import Allocation

RationPolicy = Literal["equal_awards", "proportional"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One order in a shortage: what it asked for, and its lottery rank if one was given."""

    id: str
    boxes: int
    tie: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """What one order gets and what it lacks."""

    id: str
    boxes: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ration:
    """The awards in the order of the claims, with the problem and the answer behind them.

    `first_boxes` are given to every claim before the rest is divided; the problem counts them as history.
    """

    awards: tuple[Award, ...]
    first_boxes: int
    problem: Problem
    allocation: Allocation


def ration(
    claims: Sequence[Claim], boxes: int, *, policy: RationPolicy = "equal_awards", seed: str, batch: str
) -> Ration:
    """Divides `boxes` over the claims; with enough for all, each gets what it asked for.

    `batch` names what is rationed and enters the draw. Raises ProblemRefused for claims that are no claims:
    no or repeated ids, negative or huge numbers of boxes.
    """
    problem, first_boxes = question(claims, boxes, policy=policy, seed=seed, batch=batch)
    allocation = allocate(problem)
    awards = []
    for claim, share in zip(claims, allocation.sellers, strict=True):
        got = share.packs + (1 if first_boxes and claim.boxes else 0)
        awards.append(Award(id=claim.id, boxes=got, missing=claim.boxes - got))
    return Ration(awards=tuple(awards), first_boxes=first_boxes, problem=problem, allocation=allocation)


def question(
    claims: Sequence[Claim], boxes: int, *, policy: RationPolicy = "equal_awards", seed: str, batch: str
) -> tuple[Problem, int]:
    """What the split is asked, and the first boxes that are given before it; nothing is divided yet."""
    asking = sum(1 for claim in claims if type(claim.boxes) is int and claim.boxes > 0)
    # Too few even for first boxes: then those are all there is to draw for.
    first_boxes = 1 if type(boxes) is int and asking <= boxes else 0
    problem = Problem(
        sellers=tuple(_as_seller(claim, policy, first_boxes) for claim in claims),
        orders=(Order(id=batch, packs=boxes - first_boxes * asking),),
        policy=Policy(tie_seed=seed),
    )
    return problem, first_boxes * asking


def _as_seller(claim: Claim, policy: RationPolicy, first_boxes: int) -> Seller:
    weight, taken, cap = 1, 0, claim.boxes
    # What is no number of boxes goes on as it is, and the problem refuses it by name.
    if type(cap) is int and 0 < cap <= PACKS_MAX:
        taken = first_boxes
        cap = cap - 1 if first_boxes else 1
        if first_boxes and policy == "proportional":
            weight = claim.boxes
    return Seller(id=claim.id, weight=weight, history_grams=taken, cap_packs=cap, pack_grams=1, tie=claim.tie)
