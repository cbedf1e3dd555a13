"""Ships the exact shares of one tier of orders anew, segment by segment, to see that it can be done."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from orders.allocation.market.residual import (
    Arc,
    common_scale,
    deliver,
    flood,
    residual,
)
from orders.allocation.result import (
    Segment,
)


class Pieces:
    """The exact shares on the arcs, segment by segment.

    Between segments nothing is left to choose: an arc to a higher line must be full, one to a lower line empty.
    """

    def __init__(
        self,
        all_arcs: Sequence[Arc],
        exact: Sequence[Fraction],
        demands: Sequence[int],
        unfilled: Sequence[int],
        segments: Sequence[Segment],
        part_of: Sequence[int],
    ) -> None:
        self.all_arcs = all_arcs
        self.exact = exact
        self.demands = demands
        self.part_of = part_of
        waves = flood(residual(all_arcs, len(part_of))[0], [unfilled])
        short = {part_of[node] for node, wave in enumerate(waves) if wave == 0}
        self.heights: list[Any] = [
            (2,) if number in short else (0,) if part.line is None else (1, part.seller_tier, part.line)
            for number, part in enumerate(segments)
        ]

    def arcs(self) -> list[Arc] | None:
        """All arcs with what they carry, or None if the exact shares cannot be shipped."""
        count = len(self.exact)
        supplies: list[Fraction] = [*self.exact]
        rooms = [*self.demands]
        inner: dict[int, list[Arc]] = {}
        done = []
        for arc in self.all_arcs:
            tail, head = self.heights[self.part_of[arc.tail]], self.heights[self.part_of[arc.head]]
            if tail > head:
                done.append(Arc(arc.tail, arc.head, arc.cap, 0))
            elif tail < head:
                if arc.cap is None:
                    return None
                done.append(Arc(arc.tail, arc.head, arc.cap, arc.cap))
                supplies[arc.tail] -= arc.cap
                rooms[arc.head - count] -= arc.cap
            elif self.part_of[arc.tail] != self.part_of[arc.head]:
                return None
            else:
                inner.setdefault(self.part_of[arc.tail], []).append(arc)
        if any(supply < 0 for supply in supplies) or any(room < 0 for room in rooms):
            return None
        members: dict[int, list[int]] = {}
        for node, number in enumerate(self.part_of):
            members.setdefault(number, []).append(node)
        for number, nodes in members.items():
            piece = self._piece(inner.get(number, []), nodes, supplies, rooms)
            if piece is None:
                return None
            done += piece
        return done

    def _piece(
        self, arcs: list[Arc], nodes: Sequence[int], supplies: Sequence[Fraction], rooms: Sequence[int]
    ) -> list[Arc] | None:
        count = len(self.exact)
        sellers = [node for node in nodes if node < count]
        scale = common_scale(supplies[node].denominator for node in sellers)
        carried = deliver(
            arcs,
            {node: int(supplies[node] * scale) for node in sellers},
            {node: rooms[node - count] * scale for node in nodes if node >= count},
            scale,
        )
        if carried is None:
            return None
        return [
            Arc(arc.tail, arc.head, arc.cap, amount, scale) for arc, amount in zip(arcs, carried, strict=True)
        ]
