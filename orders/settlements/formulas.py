"""How an amount came about, as a sum that anybody can type into a pocket calculator, in both languages. Pure.

Amounts stand in whole units of the currency (`52.00`), so a sum is read as it is typed. Where a result is rounded, the
exact one stands before it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from marketplace.language import Text
from marketplace.values import MINOR_DIGITS, amount_text

_MORE_DIGITS: Final = 4
"""So many digits after the minor unit: all of a share in basis points."""


class FormulaIsWrong(ValueError):
    """A result that its formula does not give. A broken promise of our own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """So many boxes, so much each."""

    count: int
    each_minor: int

    @property
    def value_minor(self) -> int:
        return self.count * self.each_minor

    def text(self, currency: str) -> Text:
        shown = f"{self.count} × {amount_text(self.each_minor, currency)} = {amount_text(self.value_minor, currency)}"
        return Text(en=shown, zh=shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A part of a sum: `rate` of `whole`, rounded down to the minor unit."""

    base_minor: int
    rate: int
    whole: int

    @property
    def value_minor(self) -> int:
        return self.base_minor * self.rate // self.whole

    def text(self, currency: str) -> Text:
        exact = Fraction(self.base_minor * self.rate, self.whole)
        shown = f"{amount_text(self.base_minor, currency)} × {self.rate} / {self.whole} = {decimal(exact, currency)}"
        if exact == self.value_minor:
            return Text(en=shown, zh=shown)
        value = amount_text(self.value_minor, currency)
        return Text(en=f"{shown}, rounded down: {value}", zh=f"{shown}，舍去零头：{value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One's part of a sum that is parted by weights: all parts add up to it, none is a unit from its exact one."""

    total_minor: int
    weight: int
    weights: int
    """Of all together."""
    value_minor: int
    by_amounts: bool = False
    """The weights are amounts themselves, and shown as such."""

    def __post_init__(self) -> None:
        if not (0 <= self.weight <= self.weights and self.weights > 0):
            raise FormulaIsWrong("a part is not more than the whole")
        if abs(self.exact - self.value_minor) >= 1:
            raise FormulaIsWrong(f"{self.value_minor} is not the whole next to {self.exact}")

    @property
    def exact(self) -> Fraction:
        return Fraction(self.total_minor * self.weight, self.weights)

    def text(self, currency: str) -> Text:
        total, value = (amount_text(each, currency) for each in (self.total_minor, self.value_minor))
        weight, weights = (
            amount_text(each, currency) if self.by_amounts else str(each)
            for each in (self.weight, self.weights)
        )
        shown = f"{total} × {weight} / {weights} = {decimal(self.exact, currency)}"
        if self.exact == self.value_minor:
            return Text(en=shown, zh=shown)
        return Text(en=f"{shown}, all parts adding up: {value}", zh=f"{shown}，各份合计不变：{value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FairPart:
    """One's part of sums that the fair split divides over boxes, each by itself: weight × one level, to the nearest.

    The level is the same for all who part a sum, and their parts add up to it. So it lies at most half a unit for each
    of them away from the even one, and a part no farther from its exact one than its weight's share of that and half a
    unit of its own; of several sums together so many times as much.
    """

    total_minor: int
    weight: int
    weights: int
    """Of all together."""
    value_minor: int
    sharers: int
    """How many part each sum."""
    sums: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.weight <= self.weights and self.weights > 0 and self.sharers > 0 < self.sums):
            raise FormulaIsWrong("a part is not more than the whole")
        if abs(self.exact - self.value_minor) > self.most_apart:
            raise FormulaIsWrong(f"{self.value_minor} is not the fair part next to {self.exact}")

    @property
    def exact(self) -> Fraction:
        return Fraction(self.total_minor * self.weight, self.weights)

    @property
    def most_apart(self) -> Fraction:
        return self.sums * (Fraction(1, 2) + Fraction(self.weight * self.sharers, 2 * self.weights))

    def text(self, currency: str) -> Text:
        total, value = amount_text(self.total_minor, currency), amount_text(self.value_minor, currency)
        shown = f"{total} × {self.weight} / {self.weights} = {decimal(self.exact, currency)}"
        if self.exact == self.value_minor:
            return Text(en=shown, zh=shown)
        if self.sums == 1:
            return Text(en=f"{shown}, fairly in whole units: {value}", zh=f"{shown}，按公平分配取整：{value}")
        return Text(
            en=f"{shown}, {self.sums} deposits, each fairly in whole units: {value}",
            zh=f"{shown}，共 {self.sums} 笔，逐笔按公平分配取整：{value}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesser:
    """What is asked for, or what there is of it if that is less."""

    asked_minor: int
    there_minor: int

    @property
    def value_minor(self) -> int:
        return min(self.asked_minor, self.there_minor)

    def text(self, currency: str) -> Text:
        asked, there, value = (
            amount_text(each, currency) for each in (self.asked_minor, self.there_minor, self.value_minor)
        )
        return Text(
            en=f"the lesser of {asked} and {there} = {value}", zh=f"{asked} 与 {there} 中较小者 = {value}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMost:
    """A part of a sum of which less is there."""

    asked: Rate
    there_minor: int

    @property
    def value_minor(self) -> int:
        return min(self.asked.value_minor, self.there_minor)

    def text(self, currency: str) -> Text:
        asked, there = self.asked.text(currency), amount_text(self.there_minor, currency)
        if self.asked.value_minor <= self.there_minor:
            return asked
        return Text(en=f"{asked.en}; only {there} is left", zh=f"{asked.zh}；仅余 {there}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """An amount that was booked elsewhere, under the line's reference."""

    value_minor: int

    def text(self, currency: str) -> Text:
        shown = amount_text(self.value_minor, currency)
        return Text(en=f"as booked: {shown}", zh=f"按入账：{shown}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BorneByOthers:
    """An amount that somebody else pays: nothing of it is taken here."""

    borne_minor: int

    @property
    def value_minor(self) -> int:
        return 0

    def text(self, currency: str) -> Text:
        shown = amount_text(self.borne_minor, currency)
        return Text(en=f"{shown} is not at your cost: 0", zh=f"{shown} 不由贵社承担：0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is left of one sum after another."""

    from_minor: int
    less_minor: int

    @property
    def value_minor(self) -> int:
        return self.from_minor - self.less_minor

    def text(self, currency: str) -> Text:
        shown = (
            f"{amount_text(self.from_minor, currency)} − {amount_text(self.less_minor, currency)}"
            f" = {amount_text(self.value_minor, currency)}"
        )
        return Text(en=shown, zh=shown)


Formula = Times | Rate | Part | FairPart | Lesser | AtMost | Booked | BorneByOthers | Difference


def decimal(exact_minor: Fraction, currency: str) -> str:
    """An amount in whole units with what is beyond the minor unit, cut after four digits more (and marked by …)."""
    scaled = exact_minor * 10**_MORE_DIGITS
    whole = scaled.numerator // scaled.denominator
    digits = MINOR_DIGITS[currency] + _MORE_DIGITS
    units, rest = divmod(whole, 10**digits)
    shown = f"{rest:0{digits}d}"
    least = MINOR_DIGITS[currency]
    shown = shown[:least] + shown[least:].rstrip("0")
    text = f"{units}.{shown}" if shown else str(units)
    return text if scaled.denominator == 1 else f"{text}…"
