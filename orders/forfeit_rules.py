"""The deposit of somebody who did not pay the rest goes to the cooperatives that kept the fruit, by their boxes. Pure.

The fair split itself divides it, in minor units instead of boxes: parts are whole, their sum is the deposit, and who
gets a unit more where it does not come out even is drawn by the order's own id.
"""

from collections.abc import Mapping

from orders.allocation.dispatch import allocate
from orders.allocation.problem import PACKS_MAX, WEIGHT_MAX, Order, Policy, Problem, Seller


class NothingKept(ValueError):
    """Nobody kept fruit for it, or too much to count. A broken promise of our own code."""


def split(amount_minor: int, kept_boxes: Mapping[str, int], *, seed: str) -> dict[str, int]:
    """What each of those that kept boxes gets; who gets nothing is left out."""
    keepers = {each: boxes for each, boxes in kept_boxes.items() if boxes > 0}
    if not keepers or not 0 < amount_minor <= PACKS_MAX or max(keepers.values()) > WEIGHT_MAX:
        raise NothingKept(amount_minor)
    sellers = tuple(
        Seller(id=each, weight=boxes, history_grams=0, cap_packs=amount_minor, pack_grams=1)
        for each, boxes in sorted(keepers.items())
    )
    problem = Problem(
        sellers=sellers, orders=(Order(id=seed, packs=amount_minor),), policy=Policy(tie_seed=seed)
    )
    parts = {share.id: share.packs for share in allocate(problem).sellers}
    if sum(parts.values()) != amount_minor:
        raise NothingKept(amount_minor)
    return {each: part for each, part in parts.items() if part}
