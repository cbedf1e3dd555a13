"""From a season's entries to the history the rule counts, and to a ledger of who is ahead and who is behind.

History is what was accepted, less what came back for quality; an offer refused counts as received only if the
policy says so. Who joins late enters at the season's line, not at zero: otherwise newcomers would take order
after order until they had caught up with a season they were not part of. How far anybody counts as behind is
bounded to a few orders' worth; the debt stays in the ledger and is paid back at that pace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

EntryKind = Literal["opening", "accepted", "returned", "refused"]
EntryLevel = Literal["line", "median", "zero"]

ORDERS_WORTH_DEFAULT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonEntry:
    """One fact of the season about one cooperative, in grams above zero.

    `opening` was sold before it joined, `accepted` delivered and taken, `returned` taken back for quality,
    `refused` offered to it by a split and declined. `entitled_grams` is the exact share behind an acceptance.
    """

    cooperative: str
    kind: EntryKind
    grams: int
    entitled_grams: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonPolicy:
    """How the season counts. `orders_worth` bounds the catch-up, None leaves it unbounded."""

    entry_level: EntryLevel = "line"
    orders_worth: int | None = ORDERS_WORTH_DEFAULT
    refused_offers_count: bool = False
    equal_opportunity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One cooperative's season. Grams may be below zero where more came back than was accepted.

    `credit_grams` above zero is fruit it may still sell before it stands at the season's line; below zero it
    is ahead by so much. `credit_per_weight` is the same for one household.
    """

    cooperative: str
    weight: int
    is_newcomer: bool
    sold_grams: int
    counted_grams: int
    level: Fraction
    credit_grams: Fraction
    credit_per_weight: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The season's line and every account, whoever is furthest behind first.

    Where somebody's count would fall below zero, all levels and the line are raised by the same amount.
    """

    line: Fraction
    accounts: tuple[Account, ...]
    catch_up_grams_per_weight: int | None

    def history_grams(self) -> dict[str, int]:
        """What `Seller.history_grams` is to be, by cooperative."""
        return {account.cooperative: account.counted_grams for account in self.accounts}


def ledger(
    entries: Iterable[SeasonEntry],
    weights: Mapping[str, int],
    *,
    newcomers: Iterable[str] = (),
    order_grams: Sequence[int] = (),
    last_line: Fraction | None = None,
    policy: SeasonPolicy | None = None,
) -> Ledger:
    """The season's accounts for everybody in `weights`; entries of others are refused with KeyError.

    The season's line is `last_line`, the line of the latest run, or else all that was sold by those who are
    not newcomers over their weight. `order_grams` are the season's orders so far, for the bound.
    """
    policy = policy or SeasonPolicy()
    new = set(newcomers)
    sold = _sold(entries, weights, policy)
    line = _line(sold, weights, new) if last_line is None else last_line
    entry = _entry_level(policy.entry_level, sold, weights, new, line)
    own = {name: sold[name] + (entry * weights[name] if name in new else 0) for name in weights}
    # The rule knows no levels below zero; to move all by the same level moves no share.
    lift = max([-own[name] / weights[name] for name in weights] + [Fraction(0)])
    accounts = [
        _account(name, weights[name], sold[name], own[name] + lift * weights[name], line + lift, name in new)
        for name in weights
    ]
    accounts.sort(key=lambda account: (-account.credit_per_weight, account.cooperative))
    return Ledger(
        line=line + lift,
        accounts=tuple(accounts),
        catch_up_grams_per_weight=catch_up_bound(order_grams, sum(weights.values()), policy.orders_worth),
    )


def catch_up_bound(
    order_grams: Sequence[int], total_weight: int, orders_worth: int | None = ORDERS_WORTH_DEFAULT
) -> int | None:
    """What so many average orders are per unit of weight, rounded up; None while nothing was ordered."""
    if orders_worth is None or not order_grams or not total_weight:
        return None
    return -(-orders_worth * sum(order_grams) // (len(order_grams) * total_weight))


def _sold(
    entries: Iterable[SeasonEntry], weights: Mapping[str, int], policy: SeasonPolicy
) -> dict[str, Fraction]:
    signs = {"opening": 1, "accepted": 1, "returned": -1, "refused": int(policy.refused_offers_count)}
    sold = dict.fromkeys(weights, Fraction(0))
    for entry in entries:
        sold[entry.cooperative] += signs[entry.kind] * entry.grams
        if policy.equal_opportunity:
            sold[entry.cooperative] -= entry.entitled_grams
    return sold


def _line(sold: Mapping[str, Fraction], weights: Mapping[str, int], newcomers: set[str]) -> Fraction:
    settled = [name for name in weights if name not in newcomers]
    total_weight = sum(weights[name] for name in settled)
    total = sum((sold[name] for name in settled), Fraction(0))
    return total / total_weight if total_weight else Fraction(0)


def _entry_level(
    choice: EntryLevel,
    sold: Mapping[str, Fraction],
    weights: Mapping[str, int],
    newcomers: set[str],
    line: Fraction,
) -> Fraction:
    if choice == "zero":
        return Fraction(0)
    if choice == "line":
        return line
    levels = sorted(sold[name] / weights[name] for name in weights if name not in newcomers)
    if not levels:
        return Fraction(0)
    return (levels[(len(levels) - 1) // 2] + levels[len(levels) // 2]) / 2


def _account(
    name: str, weight: int, sold: Fraction, counted: Fraction, line: Fraction, is_newcomer: bool
) -> Account:
    # Whole grams: half a gram in a season is nobody's box.
    counted_grams = max(0, round(counted))
    level = Fraction(counted_grams, weight)
    credit = line * weight - counted_grams
    return Account(
        cooperative=name,
        weight=weight,
        is_newcomer=is_newcomer,
        sold_grams=round(sold),
        counted_grams=counted_grams,
        level=level,
        credit_grams=credit,
        credit_per_weight=credit / weight,
    )
