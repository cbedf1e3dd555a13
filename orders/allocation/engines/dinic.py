"""Dinic's algorithm in plain Python: no recursion, lists of integers, numbers of any size.

Each phase measures distances to the sink once, then saturates shortest paths only (Dinitz 1970). An edge is
looked at from the moment it first has room: the way back of an arc that never carried anything is no edge yet.
"""

from orders.allocation.engines.network import SINK, SOURCE, Flow, Network


def max_flow(network: Network) -> Flow:
    """The largest flow from node 0 to node 1."""
    residual = _Residual(network)
    value = 0
    while True:
        far = residual.distances()
        if far[SOURCE] < 0:
            break
        value += residual.blocking_flow(far)
    return Flow(value, residual.room[1::2], residual.reached())


class _Residual:
    """Arc k is edge 2k, its way back is edge 2k + 1; `room` is what an edge can still take.

    `out_of` and `into` list the edges to look at: those from a node, and the way back of those to it.
    """

    def __init__(self, network: Network) -> None:
        count = len(network.tails)
        self.ends = [0] * (2 * count)
        self.ends[::2], self.ends[1::2] = network.heads, network.tails
        self.room = [0] * (2 * count)
        self.room[::2] = network.capacities
        self.is_new = bytearray(b"\0\1") * count
        out_of: list[list[int]] = [[] for _ in range(network.nodes)]
        into: list[list[int]] = [[] for _ in range(network.nodes)]
        self.out_of, self.into = out_of, into
        for edge, tail, head in zip(range(0, 2 * count, 2), network.tails, network.heads, strict=True):
            out_of[tail].append(edge)
            into[head].append(edge + 1)

    def distances(self) -> list[int]:
        """Steps to the sink along edges with room, -1 where there is no way or it is no shorter than the source's."""
        ends, room, into = self.ends, self.room, self.into
        far = [-1] * len(into)
        far[SINK] = 0
        ring = [SINK]
        steps = 0
        while ring:
            steps += 1
            outer = []
            for node in ring:
                for edge in into[node]:
                    end = ends[edge]
                    if far[end] < 0 and room[edge ^ 1]:
                        far[end] = steps
                        if end == SOURCE:
                            return far
                        outer.append(end)
            ring = outer
        return far

    def blocking_flow(self, far: list[int]) -> int:
        """Fills shortest paths, trying every edge once, until each of them has a full edge."""
        ends, room, out_of = self.ends, self.room, self.out_of
        untried: dict[int, list[int]] = {}
        sent = 0
        path: list[int] = []
        node = SOURCE
        while True:
            if node == SINK:
                amount, first_full = self.push(path)
                sent += amount
                node = ends[path[first_full] ^ 1]
                del path[first_full:]
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
                if node == SOURCE:
                    return sent
                far[node] = -1
                node = ends[path.pop() ^ 1]

    def push(self, path: list[int]) -> tuple[int, int]:
        """Sends what the path can take: how much, and the first step that is full now."""
        room, is_new = self.room, self.is_new
        amount = min([room[edge] for edge in path])
        first_full = -1
        for step, edge in enumerate(path):
            back = edge ^ 1
            room[edge] -= amount
            room[back] += amount
            if is_new[back]:
                is_new[back] = 0
                self.out_of[self.ends[edge]].append(back)
                self.into[self.ends[back]].append(edge)
            if first_full < 0 and not room[edge]:
                first_full = step
        return amount, first_full

    def reached(self) -> list[bool]:
        """Whom the source still reaches."""
        ends, room, out_of = self.ends, self.room, self.out_of
        reached = [False] * len(out_of)
        reached[SOURCE] = True
        todo = [SOURCE]
        for node in todo:
            for edge in out_of[node]:
                end = ends[edge]
                if not reached[end] and room[edge]:
                    reached[end] = True
                    todo.append(end)
        return reached
