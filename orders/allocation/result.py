"""What the split answers: who ships how many packs to whom, the line, and the proof that it is the right one.

Levels and keys are exact Fractions in grams per unit of weight; shares are Fractions of a pack.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, get_args

Limit = Literal[
    "nothing",
    "stock",
    "household_cap",
    "history",
    "demand",
    "pack_size",
    "minimum_lot",
    "split_limit",
    "link",
    "tier",
]

LIMITS: Final[tuple[str, ...]] = get_args(Limit)
LIMITS_OF_SUPPLY: Final = frozenset({"stock", "household_cap"})
LIMITS_OF_ITS_OWN: Final = LIMITS_OF_SUPPLY | {"link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """Packs that one seller sends to one order; never zero."""

    seller: str
    order: str
    packs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one seller gets to sell.

    `exact_packs` is its share before rounding. `limited_by` says what kept it from more: `nothing` (it stands
    at the line), `stock` or `household_cap` (one more pack would have been sold), `history` (it was already
    above the line), `demand` (nothing was ordered), `pack_size` (its next pack came earlier than others but no
    longer fitted), `minimum_lot` (its share is below the least it sells), `split_limit` (enough others sell).
    """

    id: str
    packs: int
    exact_packs: Fraction
    level_before: Fraction
    level_after: Fraction
    limited_by: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFill:
    """What one order receives. Levels are (received + packs) / weight; None where the order asks for nothing.

    `unfilled_grams` is None for an order in packs. An order in grams counts `unfilled_packs` in its sellers'
    pack; a rest smaller than one pack shows in the grams only.
    """

    id: str
    packs: int
    unfilled_packs: int
    unfilled_grams: int | None
    level_before: Fraction | None
    level_after: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of the market with one line, the smallest that fills it; None if nothing is shipped.

    `tier` is that of its orders: each tier of orders is a market of its own, in which every seller stands in
    one segment. A seller's chains of swaps reach into segments with lower lines only. Sellers of tiers before
    `seller_tier` gave all they had, those after it nothing, and its own stand at the line.
    """

    line: Fraction | None
    sellers: tuple[str, ...]
    orders: tuple[str, ...]
    tier: int = 0
    seller_tier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The `pack`-th pack of a seller, and its place in the queue of all packs.

    Packs are served by smallest `key`; among equals by the larger `second`, where the rule has one (`lowest`:
    the level after the pack, `lowest_after`: the level before it); then by lottery rank.
    """

    seller: str
    pack: int
    key: Fraction
    second: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Why no split with minimum lots or a limit on sellers can be much better: a price and a fee.

    Let each seller choose alone what costs least: (history + g)^2 / weight for its g grams, less `price` per
    gram, plus `fee` for taking part. What they spend together, plus the price of all grams shipped, less the
    fee of all seats, is at most the cost of any split of those grams over those seats.
    """

    price: Fraction
    fee: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMark:
    """The `pack`-th pack of an order, and its place in the queue, as `Mark` has it for sellers."""

    order: str
    pack: int
    key: Fraction
    second: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerCut:
    """Sellers between whom packs can be moved, the last pack that they serve and the first one they miss.

    No pack can move from a seller of a cut to one of an earlier cut: their orders are full, and so is every
    link from them to later ones. So each cut proves its own part, and the chain of them the whole.
    """

    tier: int
    sellers: tuple[str, ...]
    orders: tuple[str, ...]
    last_served: Mark | None
    first_refused: Mark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCut:
    """The same from the other side: orders between which packs can be moved."""

    tier: int
    sellers: tuple[str, ...]
    orders: tuple[str, ...]
    last_served: OrderMark | None
    first_refused: OrderMark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The last pack served and the first one refused: every served pack comes before every refused one.

    In strict mode only packs between the floor and the ceiling of an exact share compete. With packs of
    several sizes a smaller pack may be served after a larger one no longer fitted. With minimum lots or a
    limit on sellers there is no queue, and `bound` stands for it. In a market every cut has its own two edges.
    """

    last_served: Mark | None
    first_refused: Mark | None
    bound: Bound | None = None
    seller_cuts: tuple[SellerCut, ...] = ()
    order_cuts: tuple[OrderCut, ...] = ()

    @property
    def is_decided_by_lottery(self) -> bool:
        served, refused = self.last_served, self.first_refused
        if served is None or refused is None:
            return False
        return (served.key, served.second) == (refused.key, refused.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The answer to a Problem; sellers and orders stand in the problem's own order."""

    shipments: tuple[Shipment, ...]
    sellers: tuple[Share, ...]
    orders: tuple[OrderFill, ...]
    segments: tuple[Segment, ...]
    certificate: Certificate
    method: str
    gap: Fraction
    unfilled_packs: int
    digest: str

    def share_of(self, seller_id: str) -> Share:
        """The share of one seller. Raises KeyError for an unknown id."""
        for share in self.sellers:
            if share.id == seller_id:
                return share
        raise KeyError(seller_id)
