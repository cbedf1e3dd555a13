"""The sentences of an explanation, in English and in Chinese, for the manager of a cooperative.

Numbers are shown in grams, kilograms or jin (1 jin = 500 g); the calculation printed gives exactly the packs
that were allotted. Pure text: no markup, so it can go on paper, on a screen or into a message.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from orders.allocation.explain import Explanation, shortest_between

Unit = Literal["g", "kg", "jin"]
Language = Literal["en", "zh"]
Counted = Literal["households", "members", "equal"]
"""What a cooperative's weight counts."""

UNIT_GRAMS: Final[dict[Unit, int]] = {"g": 1, "kg": 1_000, "jin": 500}
_UNIT_NAMES: Final[dict[Language, dict[Unit, str]]] = {
    "en": {"g": "g", "kg": "kg", "jin": "jin"},
    "zh": {"g": "克", "kg": "公斤", "jin": "斤"},
}
_EACH: Final[dict[Counted, tuple[str, str]]] = {
    "households": ("household", "户"),
    "members": ("member", "人"),
    "equal": ("cooperative", "社"),
}


def decimal(value: Fraction, places: int = 2) -> str:
    """A rounded decimal with thousands separated, halves to even: 7536.956 -> '7,536.96'."""
    scaled = round(value * 10**places)
    whole, rest = divmod(abs(scaled), 10**places)
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole:,}.{rest:0{places}d}" if places else f"{sign}{whole:,}"


def exact_decimal(value: Fraction, places_max: int = 12) -> str:
    """All digits of a finite decimal, or the fraction itself: 1542.5 -> '1,542.5', 1/3 -> '1/3'."""
    for places in range(places_max + 1):
        if (value * 10**places).denominator == 1:
            return decimal(value, places)
    return str(value)


def render(
    explanation: Explanation,
    language: Language,
    *,
    name: str = "",
    unit: Unit = "jin",
    counted: Counted = "households",
) -> tuple[str, ...]:
    """The explanation as a few sentences. `name` is the cooperative's own, its id if left out."""
    words = _Words(explanation, language, name or explanation.seller_id, unit, counted)
    if explanation.line is None and explanation.limited_by == "demand":
        return words.where_it_stood(), words.nothing_ordered()
    sentences = [words.where_it_stood(), *_sentences_of_line(explanation, words)]
    if explanation.limited_by in ("stock", "household_cap", "history"):
        sentences.append(words.limit())
    elif explanation.limited_by in ("pack_size", "minimum_lot", "split_limit"):
        sentences.append(words.left_out())
    elif explanation.limited_by in ("link", "tier", "demand"):
        sentences.append(words.limit_of_market())
    return (*sentences, words.result())


def _sentences_of_line(explanation: Explanation, words: "_Words") -> list[str]:
    """How far everybody was brought up, and the calculation where one line gives every share."""
    part = [words.part()] if explanation.part_orders else []
    if explanation.part_orders and (explanation.line is None or explanation.way == "tiers"):
        return [*part, *words.in_tiers()]
    if explanation.way != "queue":
        return [*part, words.line_exact(), words.way()]
    if explanation.is_strict:
        return [*part, words.line_exact(), words.within_floor_and_ceiling()]
    if explanation.short_line is not None:
        return [*part, words.line_short(), words.calculation(words.short_line())]
    if explanation.shared_line is not None:
        claim = [words.equal_claim()] if explanation.is_at_shared_line else []
        return [*part, words.line_shared(), words.calculation(explanation.shared_line), *claim]
    return [*part, words.everything_sold()]


@dataclass(frozen=True, slots=True)
class _Words:
    facts: Explanation
    language: Language
    name: str
    unit: Unit
    counted: Counted

    @property
    def unit_name(self) -> str:
        return _UNIT_NAMES[self.language][self.unit]

    def pick(self, english: str, chinese: str) -> str:
        return english if self.language == "en" else chinese

    def measure(self, grams: Fraction | int, write: Callable[[Fraction], str] = decimal) -> str:
        return write(Fraction(grams) / UNIT_GRAMS[self.unit])

    def boxes(self, count: int) -> str:
        return self.pick(f"{count:,} {'box' if count == 1 else 'boxes'}", f"{count:,} 箱")

    def per_each(self, grams: Fraction, write: Callable[[Fraction], str] = decimal) -> str:
        number = self.measure(grams, write)
        english, chinese = _EACH[self.counted]
        return self.pick(f"{number} {self.unit_name} per {english}", f"每{chinese} {number} {self.unit_name}")

    def short_line(self) -> Fraction:
        """Shortest in the unit shown, which need not be the one that is shortest in grams."""
        grams = UNIT_GRAMS[self.unit]
        low, high = self.facts.window_low, self.facts.window_high
        assert low is not None
        assert high is not None
        short = shortest_between(low / grams, high / grams)
        assert short is not None
        return short * grams

    def where_it_stood(self) -> str:
        before = self.per_each(self.facts.level_before)
        sold = f"{self.measure(self.facts.history_grams, exact_decimal)} {self.unit_name}"
        if self.counted == "equal":
            return self.pick(
                f"{self.name} had sold {sold}; each cooperative counts as one, so that is {before}.",
                f"{self.name}本季此前已售 {sold}，各社同权，合{before}。",
            )
        english, chinese = _EACH[self.counted]
        return self.pick(
            f"{self.name} had sold {sold}; with {self.facts.weight:,} {english}s that is {before}.",
            f"{self.name}本季此前已售 {sold}，共 {self.facts.weight:,} {chinese}，合{before}。",
        )

    def nothing_ordered(self) -> str:
        return self.pick("Nothing was ordered, so nothing was divided.", "订单数量为零，无需分配。")

    def everything_sold(self) -> str:
        return self.pick(
            "The order takes all the boxes that the cooperatives can give, so each gives all it can.",
            "订单需要各合作社能供的全部箱数，因此各社能供多少即供多少。",
        )

    def line_short(self) -> str:
        line = self.per_each(self.short_line(), exact_decimal)
        low, high = self.facts.window_low, self.facts.window_high
        assert low is not None
        assert high is not None
        last, first = self._apart(low, high)
        return self.pick(
            f"Every cooperative that still has fruit was brought up to {line}. "
            f"The last box was given at {last}, the first one not given stood at {first}: "
            "any line between the two gives everybody the same boxes.",
            f"所有尚有存果的合作社都补到{line}。最后给出的一箱位于 {last}，"
            f"第一箱未给出的位于 {first}：两者之间的任何线都得到同样的箱数。",
        )

    def line_exact(self) -> str:
        if self.facts.line is None:
            return self.everything_sold()
        line = self.per_each(self.facts.line)
        share = decimal(self.facts.exact_packs, 3)
        return self.pick(
            f"If boxes could be divided, the line would be {line} and the share {share} boxes.",
            f"若箱子可以拆分，线为{line}，应得 {share} 箱。",
        )

    def way(self) -> str:
        if self.facts.way == "sizes":
            return self.pick(
                "The boxes differ in size, so the box that lies lowest and still fits is served next, "
                "until none fits.",
                "各社箱规不同：每次给出位置最低且仍装得下的一箱，直到都装不下为止。",
            )
        limits = []
        if self.facts.min_packs > 1:
            least = self.boxes(self.facts.min_packs)
            limits.append(self.pick(f"it sells at least {least} or none", f"本社要么不供，要供至少 {least}"))
        if self.facts.max_sellers is not None:
            most = f"{self.facts.max_sellers:,}"
            limits.append(self.pick(f"at most {most} cooperatives take part", f"至多 {most} 家合作社参与"))
        closing = self.pick(
            "of all ways to fill the order with the minimums and limits agreed, this is the most even one",
            "在满足各项最低箱数与家数限制、尽量供满订单的所有分法中，本分法最均衡",
        )
        joined = self.pick("; ", "；").join([*limits, closing])
        return self.pick(f"{joined[:1].upper()}{joined[1:]}.", f"{joined}。")

    def left_out(self) -> str:
        if self.facts.limited_by == "pack_size":
            return self.pick(
                "Its next box came before others, but was larger than what was left of the order.",
                "它的下一箱位置在先，但大于订单余量。",
            )
        if self.facts.limited_by == "minimum_lot":
            reason = self.pick(
                "Its part of this order does not make its minimum lot.", "它在本单中的份额不足其最低箱数。"
            )
        else:
            reason = self.pick(
                "The cooperatives that take part are as many as may.", "参与本单的合作社已达上限。"
            )
        later = self.pick(
            "Left out, it stays low and comes earlier the next time.", "本次未供，累计偏低，下次优先。"
        )
        return self.pick(f"{reason} {later}", f"{reason}{later}")

    def within_floor_and_ceiling(self) -> str:
        low, high = math.floor(self.facts.exact_packs), math.ceil(self.facts.exact_packs)
        if low == high:
            return self.pick("That is a whole number and stands as it is.", "恰为整数，不需取整。")
        return self.pick(
            f"It may get {low:,} or {high:,} boxes, and the boxes left over go to the smallest keys first.",
            f"可得 {low:,} 或 {high:,} 箱，余下的箱子按序号键由小到大补给。",
        )

    def line_shared(self) -> str:
        shared = self.facts.shared_line
        assert shared is not None
        line = self.per_each(shared, exact_decimal)
        return self.pick(
            f"Every cooperative that still has fruit was brought up to {line}, "
            "where more boxes stood exactly equal than were left to give.",
            f"所有尚有存果的合作社都补到{line}；位置恰好相同的箱子多于余下的箱数。",
        )

    def calculation(self, line: Fraction) -> str:
        facts = self.facts
        value = facts.packs_at(line)
        history = self.measure(facts.counted_history_grams, exact_decimal)
        sum_text = (
            f"({self.measure(line, exact_decimal)} × {facts.weight:,} − {history})"
            f" / {self.measure(facts.pack_grams, exact_decimal)} = {closest(value)}"
        )
        if value <= 0:
            return self.pick(f"{sum_text}: it is at or above the line.", f"{sum_text}：已达到或超过该线。")
        if facts.is_at_shared_line:
            return self.pick(f"{sum_text}.", f"{sum_text}。")
        rounded = facts.rounded(value)
        return self.pick(
            f"{sum_text}, {self._rounding_en()}: {self.boxes(rounded)}.",
            f"{sum_text}，{self._rounding_zh()}为 {self.boxes(rounded)}。",
        )

    def equal_claim(self) -> str:
        facts = self.facts
        assert facts.shared_line is not None
        # With the box at stake, `nearest` stands half a box above the value, `lowest` a box, the third on it.
        value = facts.packs_at(facts.shared_line)
        won = facts.packs >= value if facts.rule == "lowest_after" else facts.packs > value
        if not facts.was_drawn:
            return self.pick(
                "Among equal boxes the rule's second key decides; its box was "
                f"{'given' if won else 'not given'}.",
                f"位置相同时按规则的第二序号键决定；它的一箱{'已给出' if won else '未给出'}。",
            )
        return self.pick(
            f"The published lottery decided between them; its box was {'' if won else 'not '}drawn.",
            f"由事先公布的抽签决定，它{'中签' if won else '未中签'}。",
        )

    def part(self) -> str:
        """In a market: with whom it shares which orders."""
        facts = self.facts
        count, orders = facts.part_sellers, len(facts.part_orders)
        return self.pick(
            f"It shares {orders:,} {'order' if orders == 1 else 'orders'} with {count - 1:,} other "
            f"{'cooperative' if count == 2 else 'cooperatives'}, directly or through chains of swaps.",
            f"它与另外 {count - 1:,} 个合作社直接或经调换共同供应 {orders:,} 个订单。",
        )

    def in_tiers(self) -> list[str]:
        """Where tiers follow one another: the line at which its last one was filled."""
        if self.facts.line is None:
            return [self.pick("It could serve none of them.", "其中没有它能供应的数量。")]
        line = self.per_each(self.facts.line)
        return [
            self.pick(
                f"Those served first come first; those whose turn it was last were brought up to {line}.",
                f"先按先后等级供应；最后一级补到{line}。",
            )
        ]

    def limit_of_market(self) -> str:
        """What the market and not its own store kept it from."""
        facts = self.facts
        if facts.limited_by == "link":
            return self.pick(
                "It already sends all it may to every order that it may serve.",
                "对每个可供的订单，它都已供到允许的上限。",
            )
        if facts.limited_by == "tier":
            return self.pick(
                "Cooperatives that come before it filled the orders.", "优先级在前的合作社已供满订单。"
            )
        if facts.has_higher_lines:
            return self.pick(
                "Cooperatives at a higher line serve orders that it cannot serve, and no chain of swaps would "
                "have raised it.",
                "线更高的合作社供应的是它不能供的订单，任何调换都不能使它再多供。",
            )
        return self.pick("The orders it may serve ask for no more.", "它可供的订单已无余量。")

    def limit(self) -> str:
        facts = self.facts
        if facts.limited_by == "history":
            return self.pick(
                f"It has already sold more per {_EACH[self.counted][0]} than the line, so this order goes to others.",
                f"本季每{_EACH[self.counted][1]}已售数量已达到该线，故本单由其他合作社供应。",
            )
        if facts.limited_by == "household_cap":
            cap = self.boxes(facts.household_cap_packs or 0)
            return self.pick(
                f"Each household may sell {cap} a season, which leaves {self.boxes(facts.stock_packs)}.",
                f"每户每季限售 {cap}，尚余 {self.boxes(facts.stock_packs)}。",
            )
        if facts.stock_packs == 0:
            return self.pick("It has no fruit in store.", "已无存果。")
        return self.pick(
            f"It has {self.boxes(facts.stock_packs)} in store and gives them all.",
            f"库存仅 {self.boxes(facts.stock_packs)}，全部供出。",
        )

    def result(self) -> str:
        packs = self.boxes(self.facts.packs)
        after = self.per_each(self.facts.level_after)
        return self.pick(
            f"It sells {packs} and stands at {after} afterwards.", f"本次供 {packs}，之后合{after}。"
        )

    def _apart(self, low: Fraction, high: Fraction) -> tuple[str, str]:
        """Both keys with as many places as it takes to tell them apart, three at least."""
        grams, places = UNIT_GRAMS[self.unit], 3
        while decimal(low / grams, places) == decimal(high / grams, places):
            places += 1
        return decimal(low / grams, places), decimal(high / grams, places)

    def _rounding_en(self) -> str:
        return {
            "nearest": "rounded to the nearest box",
            "lowest": "rounded up",
            "lowest_after": "rounded down",
        }[self.facts.rule]

    def _rounding_zh(self) -> str:
        return {"nearest": "四舍五入", "lowest": "向上取整", "lowest_after": "向下取整"}[self.facts.rule]


def closest(value: Fraction) -> str:
    """Two places, more where two would hide on which side of the half or of the whole number it lies."""
    for places in range(2, 12):
        shown = Fraction(decimal(value, places).replace(",", ""))
        if shown == value or (shown * 2).denominator != 1:
            return decimal(value, places)
    return exact_decimal(value)
