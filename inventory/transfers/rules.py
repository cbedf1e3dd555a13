"""How far two weighings of the same load may differ before somebody must say why. Pure."""

from typing import Final

from inventory.states import GapKind, TransferState

TOLERANCE_PERMILLE: Final = 3
"""Of what was weighed out. The project's own choice: two weighbridges and a few hours on the road."""

MOVES: Final[dict[TransferState, frozenset[TransferState]]] = {
    TransferState.IN_TRANSIT: frozenset(
        {TransferState.ARRIVED, TransferState.DISPUTED, TransferState.CANCELLED}
    ),
    TransferState.DISPUTED: frozenset({TransferState.ARRIVED, TransferState.CANCELLED}),
    TransferState.ARRIVED: frozenset(),
    TransferState.CANCELLED: frozenset(),
}


def may_move(before: str, after: TransferState) -> bool:
    return after in MOVES[TransferState(before)]


def tolerated_grams(out_grams: int, permille: int = TOLERANCE_PERMILLE) -> int:
    """The widest gap, either way, that needs no word."""
    return out_grams * permille // 1_000


def is_explained(
    out_grams: int, in_grams: int, kind: GapKind | None, permille: int = TOLERANCE_PERMILLE
) -> bool:
    """A small gap explains itself; a wide one needs a kind, and fruit that came from nowhere a wrong weighing."""
    gap_grams = out_grams - in_grams
    if kind is None:
        return abs(gap_grams) <= tolerated_grams(out_grams, permille)
    return gap_grams > 0 or kind == GapKind.ADJUSTED
