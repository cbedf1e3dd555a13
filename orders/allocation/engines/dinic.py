"""Dinic's algorithm in plain Python: no recursion, lists of integers, numbers of any size.

What arcs from the source bring to a node and what arcs to the sink take from it are two numbers at that node. So a
flow begins with one look at every arc in between: it carries at once what is left at its tail, as far as its head
has space. In a market that ships nearly everything. For the rest, each phase measures distances to the nearest
space once and then sends what is left along paths that come closer step by step (Dinitz 1970); as paths from
every node with something left are tried, not only the shortest of all, few phases are needed.

An edge is looked at from the moment it first has room: the way back of an arc that never carried anything is no
edge yet, and an arc that was full at once has only a way back.
"""

from collections.abc import Sequence

from orders.allocation.engines.network import SINK, SOURCE, Flow, Network

# Distances are 0 or more, so it is not one step closer than any of them either.
_NO_WAY = -2


def max_flow(network: Network) -> Flow:
    """The largest flow from node 0 to node 1."""
    residual = _Residual(network)
    residual.fill_at_once()
    while residual.waiting:
        residual.send(residual.distances())
    return residual.flow()


class _Residual:
    """Arc k is edge k, its way back is edge ~k, for which a list counts from its end.

    `room` is what an edge can still take. `out_of` and `into` list the edges to look at: those from a node, and the
    way back of those to it. `left` is what a node has from the source and has not sent, `space` what it can still
    give to the sink. Nodes in `waiting` have something left and may have a way to `takers`, those with space.
    """

    def __init__(self, network: Network) -> None:
        tails, heads, capacities, nodes = network.tails, network.heads, network.capacities, network.nodes
        self.network = network
        self.ends = [*heads, *reversed(tails)]
        self.room = [*capacities, *[0] * len(tails)]
        # Of a large market often few nodes are still open.
        joined = {*tails, *heads}
        self.out_of: dict[int, list[int]] = {node: [] for node in joined}
        self.into: dict[int, list[int]] = {node: [] for node in joined}
        self.supplies = [arc for arc in _places(tails, SOURCE) if heads[arc] != SOURCE]
        self.demands = [arc for arc in _places(heads, SINK) if tails[arc] != SINK]
        self.left, self.space = [0] * nodes, [0] * nodes
        for arc in self.supplies:
            self.left[heads[arc]] += capacities[arc]
        for arc in self.demands:
            self.space[tails[arc]] += capacities[arc]
        # What goes straight from one to the other needs no way, and what comes back to them needs none either.
        for node in (SOURCE, SINK):
            self.left[node] = self.space[node] = 0
        self.waiting: list[int] = []
        self.takers = list(dict.fromkeys(tails[arc] for arc in self.demands))

    def fill_at_once(self) -> None:
        """Every arc between two nodes carries what is there for it, in the order of the arcs."""
        network, left, space, room = self.network, self.left, self.space, self.room
        out_of, into = self.out_of, self.into
        for arc, tail, head, capacity in zip(
            range(len(network.tails)), network.tails, network.heads, network.capacities, strict=True
        ):
            if not tail > SINK < head:
                continue
            amount = left[tail]
            if amount:
                # Written out: a call of `min` for every arc would be a fifth of the whole flow.
                if amount > capacity:  # noqa: PLR1730
                    amount = capacity
                if amount > space[head]:  # noqa: PLR1730
                    amount = space[head]
                if amount:
                    left[tail] -= amount
                    space[head] -= amount
                    room[arc] -= amount
                    room[~arc] = amount
                    out_of[head].append(~arc)
                    into[tail].append(arc)
            if amount < capacity:
                out_of[tail].append(arc)
                into[head].append(~arc)
        self.waiting = [node for node, amount in enumerate(left) if amount]

    def distances(self) -> list[int]:
        """Steps to the nearest space along edges with room, as far as anybody waits; who has no way waits no more."""
        ends, room, into = self.ends, self.room, self.into
        far = [_NO_WAY] * len(self.left)
        ring = self.takers = [node for node in self.takers if self.space[node]]
        for node in ring:
            far[node] = 0
        not_found = set(self.waiting)
        not_found.difference_update(ring)
        steps = 0
        while ring and not_found:
            steps += 1
            outer = []
            for node in ring:
                for edge in into[node]:
                    end = ends[edge]
                    if far[end] < 0 and room[~edge]:
                        far[end] = steps
                        outer.append(end)
            not_found.difference_update(outer)
            ring = outer
        # Sending never opens a way to space for a node that has none.
        self.waiting = [node for node in self.waiting if far[node] >= 0]
        return far

    def send(self, far: list[int]) -> None:
        """Sends what is left at each waiting node along ever closer nodes, trying every edge once."""
        left, space, ends, room, out_of = self.left, self.space, self.ends, self.room, self.out_of
        untried: dict[int, list[int]] = {}
        for start in self.waiting:
            node = start
            path: list[int] = []
            while left[start]:
                if space[node]:
                    node = self.push(path, start, node)
                    continue
                closer = far[node] - 1
                todo = untried.get(node)
                if todo is None:
                    todo = [edge for edge in out_of[node] if far[ends[edge]] == closer and room[edge]]
                    untried[node] = todo
                while todo:
                    edge = todo[-1]
                    # Full since, or its end found to lead nowhere.
                    if room[edge] and far[ends[edge]] == closer:
                        path.append(edge)
                        node = ends[edge]
                        break
                    todo.pop()
                else:
                    far[node] = _NO_WAY
                    if not path:
                        break
                    node = ends[~path.pop()]
        self.waiting = [node for node in self.waiting if left[node]]

    def push(self, path: list[int], start: int, end: int) -> int:
        """Sends what the path can take and answers where to go on: before its first full step, else at its end."""
        room = self.room
        amount = min(self.left[start], self.space[end], *[room[edge] for edge in path])
        self.left[start] -= amount
        self.space[end] -= amount
        first_full = len(path)
        for step in range(len(path) - 1, -1, -1):
            edge = path[step]
            if not room[~edge]:
                self.out_of[self.ends[edge]].append(~edge)
                self.into[self.ends[~edge]].append(edge)
            room[edge] -= amount
            room[~edge] += amount
            if not room[edge]:
                first_full = step
        if first_full == len(path):
            return end
        node = self.ends[~path[first_full]]
        del path[first_full:]
        return node

    def flow(self) -> Flow:
        """What every arc carries, and whom the source still reaches."""
        network, flows = self.network, self.room[: len(self.room) // 2 - 1 : -1]
        cut = self.reached()
        for arcs, nodes, rests in (
            (self.supplies, network.heads, self.left),
            (self.demands, network.tails, self.space),
        ):
            for arc in arcs:
                node, capacity = nodes[arc], network.capacities[arc]
                rest = min(capacity, rests[node])
                rests[node] -= rest
                flows[arc] = capacity - rest
        return Flow(sum([flows[arc] for arc in self.supplies]), flows, cut)

    def reached(self) -> list[bool]:
        """Whom the source still reaches: nodes with something left, and from there along edges with room."""
        ends, room, out_of = self.ends, self.room, self.out_of
        reached = [amount > 0 for amount in self.left]
        todo = [node for node, amount in enumerate(self.left) if amount]
        reached[SOURCE] = True
        for node in todo:
            for edge in out_of[node]:
                end = ends[edge]
                if not reached[end] and room[edge]:
                    reached[end] = True
                    todo.append(end)
        return reached


def _places(column: Sequence[int], node: int) -> list[int]:
    """Where in the column the node stands; ten times as fast as a look at every place."""
    places = []
    start = 0
    for _ in range(column.count(node)):
        place = column.index(node, start)
        places.append(place)
        start = place + 1
    return places
