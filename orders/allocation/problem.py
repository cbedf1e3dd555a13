"""What may be asked of the split: sellers, orders, links and a policy, checked before anything is computed.

A `Problem` that exists is well formed: its constructor raises `ProblemRefused` with every fault it found.
Quantities are integers (grams, packs, weights); nothing here knows how a problem is solved.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from orders.allocation.refusal import Fault, ProblemRefused

Rule = Literal["nearest", "lowest", "lowest_after"]
BuyerPolicy = Literal["fill_rate", "equal_awards"]

RULES: Final[tuple[str, ...]] = get_args(Rule)
BUYER_POLICIES: Final[tuple[str, ...]] = get_args(BuyerPolicy)

WEIGHT_MAX: Final = 10**9
PACKS_MAX: Final = 10**9
PACK_GRAMS_MAX: Final = 10**9
GRAMS_MAX: Final = 10**15
TIE_MAX: Final = 10**18
TIER_MAX: Final = 1_000
ID_CHARACTERS_MAX: Final = 200
SEED_CHARACTERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """A cooperative: its agreed weight, what it sold this season, and the packs it can still give.

    `household_cap_packs` bounds the season per unit of weight: history and new packs together.
    """

    id: str
    weight: int
    history_grams: int
    cap_packs: int
    pack_grams: int
    min_packs: int = 0
    tie: int | None = None
    tier: int = 0
    household_cap_packs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one buyer wants, either in packs or in grams. `weight` left out follows `Policy.buyers`."""

    id: str
    packs: int | None = None
    grams: int | None = None
    weight: int | None = None
    received_packs: int = 0
    tie: int | None = None
    tier: int = 0
    max_sellers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Says that a seller may serve an order, with at most `cap_packs` if given."""

    seller: str
    order: str
    cap_packs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How to share: the rule for sellers, the measure for buyers, the season's bound, the lottery's seed."""

    rule: Rule = "nearest"
    buyers: BuyerPolicy = "fill_rate"
    catch_up_grams_per_weight: int | None = None
    strict: bool = False
    tie_seed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One question to the split. `links` left out means that everyone may serve everyone."""

    sellers: tuple[Seller, ...]
    orders: tuple[Order, ...]
    links: tuple[Link, ...] | None = None
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sellers", tuple(self.sellers))
        object.__setattr__(self, "orders", tuple(self.orders))
        if self.links is not None:
            object.__setattr__(self, "links", tuple(self.links))
        faults = tuple(_faults_of(self))
        if faults:
            raise ProblemRefused(faults)


def _faults_of(problem: Problem) -> Iterator[Fault]:
    value_faults = [
        *_faults_of_sellers(problem.sellers),
        *_faults_of_orders(problem.orders),
        *_faults_of_links(problem.links or ()),
        *_faults_of_policy(problem.policy),
    ]
    yield from value_faults
    if not value_faults:
        yield from faults_of_repeats("/sellers", [seller.id for seller in problem.sellers])
        yield from faults_of_repeats("/orders", [order.id for order in problem.orders])
        yield from _faults_between_links(problem)
        yield from _faults_between_packs(problem)


def _faults_of_sellers(sellers: Sequence[Seller]) -> Iterator[Fault]:
    for index, seller in enumerate(sellers):
        at = f"/sellers/{index}"
        if not isinstance(seller, Seller):
            yield Fault.of(at, "wrong_type", expected="Seller")
            continue
        yield from faults_of_text(f"{at}/id", seller.id, ID_CHARACTERS_MAX, empty=False)
        yield from faults_of_whole(f"{at}/weight", seller.weight, 1, WEIGHT_MAX)
        yield from faults_of_whole(f"{at}/history_grams", seller.history_grams, 0, GRAMS_MAX)
        yield from faults_of_whole(f"{at}/cap_packs", seller.cap_packs, 0, PACKS_MAX)
        yield from faults_of_whole(f"{at}/pack_grams", seller.pack_grams, 1, PACK_GRAMS_MAX)
        yield from faults_of_whole(f"{at}/min_packs", seller.min_packs, 0, PACKS_MAX)
        yield from faults_of_whole_or_none(f"{at}/tie", seller.tie, 0, TIE_MAX)
        yield from faults_of_whole(f"{at}/tier", seller.tier, 0, TIER_MAX)
        yield from faults_of_whole_or_none(
            f"{at}/household_cap_packs", seller.household_cap_packs, 0, PACKS_MAX
        )


def _faults_of_orders(orders: Sequence[Order]) -> Iterator[Fault]:
    for index, order in enumerate(orders):
        at = f"/orders/{index}"
        if not isinstance(order, Order):
            yield Fault.of(at, "wrong_type", expected="Order")
            continue
        yield from faults_of_text(f"{at}/id", order.id, ID_CHARACTERS_MAX, empty=False)
        if (order.packs is None) == (order.grams is None):
            yield Fault.of(at, "packs_or_grams")
        yield from faults_of_whole_or_none(f"{at}/packs", order.packs, 0, PACKS_MAX)
        yield from faults_of_whole_or_none(f"{at}/grams", order.grams, 0, GRAMS_MAX)
        yield from faults_of_whole_or_none(f"{at}/weight", order.weight, 1, WEIGHT_MAX)
        yield from faults_of_whole(f"{at}/received_packs", order.received_packs, 0, PACKS_MAX)
        yield from faults_of_whole_or_none(f"{at}/tie", order.tie, 0, TIE_MAX)
        yield from faults_of_whole(f"{at}/tier", order.tier, 0, TIER_MAX)
        yield from faults_of_whole_or_none(f"{at}/max_sellers", order.max_sellers, 1, PACKS_MAX)


def _faults_of_links(links: Sequence[Link]) -> Iterator[Fault]:
    for index, link in enumerate(links):
        at = f"/links/{index}"
        if not isinstance(link, Link):
            yield Fault.of(at, "wrong_type", expected="Link")
            continue
        yield from faults_of_text(f"{at}/seller", link.seller, ID_CHARACTERS_MAX, empty=False)
        yield from faults_of_text(f"{at}/order", link.order, ID_CHARACTERS_MAX, empty=False)
        yield from faults_of_whole_or_none(f"{at}/cap_packs", link.cap_packs, 0, PACKS_MAX)


def _faults_of_policy(policy: Policy) -> Iterator[Fault]:
    if not isinstance(policy, Policy):
        yield Fault.of("/policy", "wrong_type", expected="Policy")
        return
    yield from faults_of_choice("/policy/rule", policy.rule, RULES)
    yield from faults_of_choice("/policy/buyers", policy.buyers, BUYER_POLICIES)
    at = "/policy/catch_up_grams_per_weight"
    yield from faults_of_whole_or_none(at, policy.catch_up_grams_per_weight, 0, GRAMS_MAX)
    if type(policy.strict) is not bool:
        yield Fault.of("/policy/strict", "wrong_type", expected="true/false")
    yield from faults_of_text("/policy/tie_seed", policy.tie_seed, SEED_CHARACTERS_MAX, empty=True)


def _faults_between_links(problem: Problem) -> Iterator[Fault]:
    sellers = {seller.id for seller in problem.sellers}
    orders = {order.id for order in problem.orders}
    seen: set[tuple[str, str]] = set()
    for index, link in enumerate(problem.links or ()):
        if link.seller not in sellers:
            yield Fault.of(f"/links/{index}/seller", "unknown_reference", value=link.seller)
        if link.order not in orders:
            yield Fault.of(f"/links/{index}/order", "unknown_reference", value=link.order)
        if (link.seller, link.order) in seen:
            yield Fault.of(f"/links/{index}", "duplicate", value=f"{link.seller} / {link.order}")
        seen.add((link.seller, link.order))


def _faults_between_packs(problem: Problem) -> Iterator[Fault]:
    """One order in grams may be filled from packs of several sizes; anything else needs one trade unit."""
    if not problem.sellers or (len(problem.orders) == 1 and problem.orders[0].grams is not None):
        return
    first = problem.sellers[0].pack_grams
    for index, seller in enumerate(problem.sellers):
        if seller.pack_grams != first:
            yield Fault.of(
                f"/sellers/{index}/pack_grams", "mixed_packs", value=seller.pack_grams, first=first
            )
            return


def faults_of_repeats(at: str, ids: Iterable[str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield Fault.of(f"{at}/{index}/id", "duplicate", value=name)
        seen.add(name)


def faults_of_whole(at: str, value: object, low: int, high: int) -> Iterator[Fault]:
    # bool is a subclass of int, so `isinstance` would let true pass for 1.
    if type(value) is not int:
        yield Fault.of(at, "wrong_type", expected="integer")
    elif not low <= value <= high:
        yield Fault.of(at, "out_of_range", low=low, high=high)


def faults_of_whole_or_none(at: str, value: object, low: int, high: int) -> Iterator[Fault]:
    if value is not None:
        yield from faults_of_whole(at, value, low, high)


def faults_of_choice(at: str, value: object, choices: tuple[str, ...]) -> Iterator[Fault]:
    if type(value) is not str:
        yield Fault.of(at, "wrong_type", expected="string")
    elif value not in choices:
        yield Fault.of(at, "not_a_choice", choices=", ".join(choices))


def faults_of_text(at: str, value: object, characters_max: int, *, empty: bool) -> Iterator[Fault]:
    if type(value) is not str:
        yield Fault.of(at, "wrong_type", expected="string")
    elif len(value) > characters_max or not (value or empty):
        yield Fault.of(at, "wrong_length", low=0 if empty else 1, high=characters_max)
    elif not is_plain_text(value):
        yield Fault.of(at, "control_characters")


def is_plain_text(value: str) -> bool:
    """No control characters and no lone surrogates: safe to hash, to store and to print."""
    return not any(
        point < 0x20 or 0x7F <= point < 0xA0 or 0xD800 <= point < 0xE000 for point in map(ord, value)
    )
