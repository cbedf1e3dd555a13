"""Dinic's algorithm in plain Python: no recursion, lists of integers, numbers of any size.

Each phase measures distances to the sink once, then saturates shortest paths only (Dinitz 1970).
"""

from orders.allocation.engines.network import SINK, SOURCE, Flow, Network


def max_flow(network: Network) -> Flow:
    """The largest flow from node 0 to node 1."""
    # Arc k is edge 2k, its way back is edge 2k + 1; `room` is what an edge can still take.
    ends: list[int] = []
    room: list[int] = []
    edges_of: list[list[int]] = [[] for _ in range(network.nodes)]
    for tail, head, capacity in zip(network.tails, network.heads, network.capacities, strict=True):
        edges_of[tail].append(len(ends))
        edges_of[head].append(len(ends) + 1)
        ends += (head, tail)
        room += (capacity, 0)
    value = 0
    while True:
        far = _distances(ends, room, edges_of)
        if far[SOURCE] < 0:
            break
        value += _blocking_flow(ends, room, edges_of, far)
    return Flow(value, room[1::2], _reached(ends, room, edges_of))


def _distances(ends: list[int], room: list[int], edges_of: list[list[int]]) -> list[int]:
    """Steps to the sink along edges with room, -1 where there is no way; no farther than the source."""
    far = [-1] * len(edges_of)
    far[SINK] = 0
    ring = [SINK]
    steps = 0
    while ring and far[SOURCE] < 0:
        steps += 1
        outer = []
        for node in ring:
            for edge in edges_of[node]:
                if room[edge ^ 1]:
                    end = ends[edge]
                    if far[end] < 0:
                        far[end] = steps
                        outer.append(end)
        ring = outer
    return far


def _blocking_flow(ends: list[int], room: list[int], edges_of: list[list[int]], far: list[int]) -> int:
    """Fills shortest paths, trying every edge once, until each of them has a full edge."""
    untried: dict[int, list[int]] = {}
    sent = 0
    path: list[int] = []
    node = SOURCE
    while True:
        if node == SINK:
            amount = min([room[edge] for edge in path])
            sent += amount
            first_full = -1
            for step, edge in enumerate(path):
                room[edge] -= amount
                room[edge ^ 1] += amount
                if first_full < 0 and not room[edge]:
                    first_full = step
            node = ends[path[first_full] ^ 1]
            del path[first_full:]
            continue
        closer = far[node] - 1
        todo = untried.get(node)
        if todo is None:
            todo = [edge for edge in edges_of[node] if room[edge] and far[ends[edge]] == closer]
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


def _reached(ends: list[int], room: list[int], edges_of: list[list[int]]) -> list[bool]:
    reached = [False] * len(edges_of)
    reached[SOURCE] = True
    todo = [SOURCE]
    for node in todo:
        for edge in edges_of[node]:
            end = ends[edge]
            if room[edge] and not reached[end]:
                reached[end] = True
                todo.append(end)
    return reached
