"""Who could take a pack from whom, and the parts into which that divides a market.

A member takes a pack from another along a chain of swaps: it sends one more to a counterpart, who takes one
less from a next member, and so on until somebody sends one less. A member's label is the topmost pack that it
could take this way; members with different labels are kept apart by full counterparts and full links.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from orders.allocation.market.links import Links

NOBODY: Final = -1


FREE: Final = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """Per member and per counterpart: `NOBODY`, or the number of the topmost pack in reach; 0 is `FREE`."""

    members: list[int]
    others: list[int]


def label(
    links: Links,
    used: Sequence[bool],
    spare: Sequence[bool],
    free_others: Iterable[int],
    givers: Iterable[Sequence[int]],
    counts: tuple[int, int],
) -> Labels:
    """`givers` come topmost first, in groups of equals: labels 1, 2, ... Label 0 reaches a free counterpart.

    A link that is `used` could carry less, one that is `spare` could carry more.
    """
    swaps = _Swaps(counts)
    for link, (member, other) in enumerate(zip(links.members, links.others, strict=True)):
        if used[link]:
            swaps.users_of[member].append(other)
        if spare[link]:
            swaps.feeders_of[other].append(member)
    swaps.spread_from_others(FREE, free_others)
    for number, equals in enumerate(givers, start=1):
        swaps.spread_from_members(number, equals)
    return Labels(swaps.of_members, swaps.of_others)


class _Swaps:
    """The chains of swaps, followed backwards from whoever would end them."""

    def __init__(self, counts: tuple[int, int]) -> None:
        self.users_of: list[list[int]] = [[] for _ in range(counts[0])]
        self.feeders_of: list[list[int]] = [[] for _ in range(counts[1])]
        self.of_members = [NOBODY] * counts[0]
        self.of_others = [NOBODY] * counts[1]

    def spread_from_members(self, number: int, members: Iterable[int]) -> None:
        todo = _mark(self.of_members, number, members)
        while todo:
            others = _mark(self.of_others, number, [o for member in todo for o in self.users_of[member]])
            todo = _mark(self.of_members, number, [m for other in others for m in self.feeders_of[other]])

    def spread_from_others(self, number: int, others: Iterable[int]) -> None:
        fresh = _mark(self.of_others, number, others)
        self.spread_from_members(number, [member for other in fresh for member in self.feeders_of[other]])


def _mark(numbers: list[int], number: int, wanted: Iterable[int]) -> list[int]:
    """Gives the number to those who have none yet, and answers who they are."""
    fresh = []
    for node in wanted:
        if numbers[node] == NOBODY:
            numbers[node] = number
            fresh.append(node)
    return fresh


def parts(links: Links, labels: Labels) -> list[tuple[list[int], list[int]]]:
    """Members and counterparts joined by links within one label, each list in ascending order."""
    member_count = len(labels.members)
    parents = list(range(member_count + len(labels.others)))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for member, other in zip(links.members, links.others, strict=True):
        if labels.members[member] == labels.others[other]:
            low, high = sorted((root(member), root(member_count + other)))
            parents[high] = low
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node in range(len(parents)):
        members, others = found.setdefault(root(node), ([], []))
        if node < member_count:
            members.append(node)
        else:
            others.append(node - member_count)
    return list(found.values())
