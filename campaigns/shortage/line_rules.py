"""Who is first when fruit comes for a few: by the seed's rank, as in the cut, never by arrival. Pure."""

from collections.abc import Mapping, Sequence

from orders.allocation import Order, Policy, Problem, Seller, ties


def in_line(order_ids: Sequence[str], *, seed: str, batch: str) -> list[str]:
    """The orders by their rank `sha256(["seed",["batch"],"order id"])`, the smallest first."""
    sellers = tuple(
        Seller(id=each, weight=1, history_grams=0, cap_packs=1, pack_grams=1) for each in sorted(order_ids)
    )
    problem = Problem(sellers=sellers, orders=(Order(id=batch, packs=1),), policy=Policy(tie_seed=seed))
    lottery = ties.Lottery(problem)
    return [each.id for each in sorted(sellers, key=lottery.rank_of)]


def served(boxes: Mapping[str, int], line: Sequence[str], free: int) -> list[str]:
    """Those from the front of the line whose boxes are all there; the first who lacks some keeps its place, and nobody
    passes it.
    """
    found = []
    for each in line:
        free -= boxes[each]
        if free < 0:
            break
        found.append(each)
    return found
