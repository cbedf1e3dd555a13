"""Who may trade with whom, as columns, and the fair totals that are found over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Columns over the links: member, counterpart, most packs (None for no limit)."""

    members: Sequence[int]
    others: Sequence[int]
    caps: Sequence[int | None]
    _straight: "Links | None" = field(default=None, repr=False, compare=False)
    _arrays: list[Any] = field(default_factory=list, repr=False, compare=False)

    def turned(self) -> "Links":
        """The same links seen from their counterparts."""
        return Links(members=self.others, others=self.members, caps=self.caps, _straight=self)

    def arrays(self, numpy: Any) -> tuple[Any, Any, Any]:
        """The columns as arrays, made once for both directions; no limit is -1.

        Raises OverflowError where a number needs more than 64 bits.
        """
        if self._straight is not None:
            others, members, caps = self._straight.arrays(numpy)
            return members, others, caps
        if not self._arrays:
            plain = [-1 if cap is None else cap for cap in self.caps]
            columns = (self.members, self.others, plain)
            self._arrays.extend(numpy.array(column, dtype=numpy.int64) for column in columns)
        members, others, caps = self._arrays
        return members, others, caps


@dataclass(frozen=True, slots=True)
class Totals:
    """Amounts per member and per link, each in units of one n-th pack with that n beside it.

    `free_others` are the counterparts who could have taken more; `flows` counts the flows it took.
    """

    amounts: list[int]
    scales: list[int]
    link_amounts: list[int]
    link_scales: list[int]
    free_others: list[int]
    flows: int = 0
