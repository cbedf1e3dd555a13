"""What the market's check needs of graphs, written without any of the engine: floods, parts, and a flow.

Nodes are numbered sellers first, then their counterparts. An arc leads from a seller to a counterpart.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import lcm

NOT_REACHED = -1
_Neighbours = list[list[int]]


@dataclass(frozen=True, slots=True)
class Arc:
    """`carried` and `cap` are in units of one `scale`-th pack; a `cap` of None is no limit."""

    tail: int
    head: int
    cap: int | None
    carried: int
    scale: int = 1

    @property
    def has_room(self) -> bool:
        return self.cap is None or self.carried < self.cap * self.scale


def residual(arcs: Iterable[Arc], nodes: int) -> tuple[_Neighbours, _Neighbours]:
    """For every node: from whom it is reached in one step, and whom it reaches in one step."""
    before: _Neighbours = [[] for _ in range(nodes)]
    after: _Neighbours = [[] for _ in range(nodes)]
    for arc in arcs:
        if arc.has_room:
            before[arc.head].append(arc.tail)
            after[arc.tail].append(arc.head)
        if arc.carried:
            before[arc.tail].append(arc.head)
            after[arc.head].append(arc.tail)
    return before, after


def flood(neighbours: _Neighbours, waves: Iterable[Iterable[int]]) -> list[int]:
    """Number of the first wave that arrives at each node; each wave spreads over what is still dry."""
    wave_of = [NOT_REACHED] * len(neighbours)
    for number, starts in enumerate(waves):
        todo = [node for node in starts if wave_of[node] == NOT_REACHED]
        for node in todo:
            wave_of[node] = number
        while todo:
            for node in neighbours[todo.pop()]:
                if wave_of[node] == NOT_REACHED:
                    wave_of[node] = number
                    todo.append(node)
    return wave_of


def parts(arcs: Iterable[Arc], wave_of: Sequence[int]) -> list[list[int]]:
    """Nodes that arcs join within one wave."""
    joined: _Neighbours = [[] for _ in wave_of]
    for arc in arcs:
        if wave_of[arc.tail] == wave_of[arc.head]:
            joined[arc.tail].append(arc.head)
            joined[arc.head].append(arc.tail)
    found, is_seen = [], [False] * len(wave_of)
    for start in range(len(wave_of)):
        if is_seen[start]:
            continue
        is_seen[start] = True
        part = [start]
        for node in part:
            for other in joined[node]:
                if not is_seen[other]:
                    is_seen[other] = True
                    part.append(other)
        found.append(sorted(part))
    return found


def deliver(
    arcs: Sequence[Arc], supplies: dict[int, int], rooms: dict[int, int], scale: int
) -> list[int] | None:
    """What each arc carries so that every supply arrives within the rooms; None if that cannot be.

    Starts from what the arcs carry now and pushes what is left over downhill (push and relabel, with heights
    measured anew after every round). All numbers, those of the arcs too, become multiples of 1 / `scale`.
    """
    push = _Push(arcs, supplies, rooms, scale)
    while push.waiting:
        if not push.measure():
            return None
        push.round()
    return push.carried


class _Push:
    def __init__(
        self, arcs: Sequence[Arc], supplies: dict[int, int], rooms: dict[int, int], scale: int
    ) -> None:
        self.arcs = arcs
        self.room = dict(rooms)
        self.excess = dict(supplies)
        self.excess.update(dict.fromkeys(rooms, 0))
        self.caps = [None if arc.cap is None else arc.cap * scale for arc in arcs]
        self.carried = []
        for arc, cap in zip(arcs, self.caps, strict=True):
            amount = min(arc.carried * scale // arc.scale, self.excess[arc.tail], self.room[arc.head])
            if cap is not None:
                amount = min(amount, cap)
            self.carried.append(amount)
            self.excess[arc.tail] -= amount
            self.room[arc.head] -= amount
        self.arcs_of: dict[int, list[int]] = {node: [] for node in self.excess}
        for index, arc in enumerate(arcs):
            self.arcs_of[arc.tail].append(index)
            self.arcs_of[arc.head].append(index)
        self.waiting = deque(node for node, amount in self.excess.items() if amount)
        self.height: dict[int, int] = {}

    def measure(self) -> bool:
        """Heights are steps to the nearest room. False if anything waiting has no way to any."""
        todo = [node for node, room in self.room.items() if room]
        self.height = dict.fromkeys(todo, 0)
        for node in todo:
            for index in self.arcs_of[node]:
                arc = self.arcs[index]
                other = arc.tail if node == arc.head else arc.head
                if other not in self.height and self._space(index, other):
                    self.height[other] = self.height[node] + 1
                    todo.append(other)
        return all(node in self.height for node in self.waiting)

    def round(self) -> None:
        """Pushes until nothing waits, or until as many nodes were lifted as there are."""
        lifts = len(self.height)
        highest = len(self.height) + 1
        while self.waiting and lifts:
            node = self.waiting.popleft()
            self._rest_here(node)
            while self.excess[node] and lifts:
                lowest = highest
                for index in self.arcs_of[node]:
                    space = self._space(index, node)
                    if not space:
                        continue
                    arc = self.arcs[index]
                    other = arc.head if node == arc.tail else arc.tail
                    height = self.height.get(other, highest)
                    if height < self.height[node]:
                        self._move(index, node, other, min(self.excess[node], space))
                        if not self.excess[node]:
                            break
                    else:
                        lowest = min(lowest, height)
                else:
                    self.height[node] = lowest + 1
                    lifts -= 1
            if self.excess[node]:
                self.waiting.append(node)

    def _space(self, index: int, start: int) -> int:
        """How much more could leave `start` along this arc."""
        if start != self.arcs[index].tail:
            return self.carried[index]
        cap = self.caps[index]
        return self.excess[start] + self.carried[index] + 1 if cap is None else cap - self.carried[index]

    def _move(self, index: int, start: int, end: int, amount: int) -> None:
        self.carried[index] += amount if start == self.arcs[index].tail else -amount
        self.excess[start] -= amount
        if not self.excess[end]:
            self.waiting.append(end)
        self.excess[end] += amount
        self._rest_here(end)

    def _rest_here(self, node: int) -> None:
        """What arrives where there is room stays there."""
        stays = min(self.excess[node], self.room.get(node, 0))
        if stays:
            self.excess[node] -= stays
            self.room[node] -= stays


def common_scale(denominators: Iterable[int]) -> int:
    """The smallest number that all of them divide."""
    return lcm(*denominators)
