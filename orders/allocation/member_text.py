"""A grower's share in sentences, in English and in Chinese, with the sum it can redo on paper.

Levels are grams sold of each kilogram delivered, deliveries are kilograms, all with every digit they need.
"""

from dataclasses import dataclass
from fractions import Fraction

from orders.allocation.explain import Explanation, shortest_between
from orders.allocation.members import Member
from orders.allocation.text import Language, closest, decimal, exact_decimal


def render(facts: Explanation, member: Member, unit_grams: int, language: Language) -> tuple[str, ...]:
    """The sentences. `unit_grams` is what one unit of weight stands for."""
    words = _Words(facts, member, unit_grams, language)
    if not member.delivered_grams:
        return (
            words.pick(f"{member.id} delivered nothing and gives nothing.", f"{member.id}没有交货，不供果。"),
        )
    if facts.line is None and facts.limited_by == "demand":
        return words.delivery(), words.pick("Nothing is to be divided.", "没有需要分配的箱数。")
    sentences = [words.delivery(), *words.sum_of_line()]
    if facts.limited_by in ("stock", "history"):
        sentences.append(words.limit())
    return (*sentences, words.result())


@dataclass(frozen=True, slots=True)
class _Words:
    facts: Explanation
    member: Member
    unit_grams: int
    language: Language

    def pick(self, english: str, chinese: str) -> str:
        return english if self.language == "en" else chinese

    def boxes(self, count: int) -> str:
        return self.pick(f"{count:,} {'box' if count == 1 else 'boxes'}", f"{count:,} 箱")

    @property
    def counted_kilograms(self) -> Fraction:
        """What the sum counts as delivered: in whole kilograms where grams are too many."""
        return Fraction(self.facts.weight * self.unit_grams, 1_000)

    def of_each(self, level: Fraction) -> Fraction:
        """A level as grams sold of each kilogram."""
        return level * 1_000 / self.unit_grams

    def delivery(self) -> str:
        delivered = exact_decimal(Fraction(self.member.delivered_grams, 1_000))
        sold = exact_decimal(Fraction(self.member.sold_grams, 1_000))
        level = decimal(self.of_each(self.facts.level_before))
        return self.pick(
            f"{self.member.id} delivered {delivered} kg, and {sold} kg were sold before: "
            f"{level} g of each kilogram.",
            f"{self.member.id}交货 {delivered} 公斤，此前已售 {sold} 公斤，合每公斤 {level} 克。",
        )

    def sum_of_line(self) -> list[str]:
        """How far everybody was brought up, and the sum that gives this grower's boxes."""
        low, high = self.facts.window_low, self.facts.window_high
        if low is not None and low == high:
            return self._at_one_line(self.of_each(low))
        if low is None or high is None:
            return [
                self.pick(
                    "The share takes all the boxes that the growers have, so each gives all it can.",
                    "该份额需要成员的全部箱数，各成员均供出所能供的全部。",
                )
            ]
        line = shortest_between(self.of_each(low), self.of_each(high))
        assert line is not None
        return [
            self.pick(
                "Everyone who still has fruit was brought up to "
                f"{exact_decimal(line)} g sold of each kilogram delivered.",
                f"所有尚有果子的成员都补到每公斤已售 {exact_decimal(line)} 克。",
            ),
            self._sum(line),
        ]

    def _at_one_line(self, line: Fraction) -> list[str]:
        shown = exact_decimal(line)
        sentences = [
            self.pick(
                f"Everyone who still has fruit was brought up to {shown} g sold of each kilogram delivered, "
                "where more boxes stood exactly equal than were left to give.",
                f"所有尚有果子的成员都补到每公斤已售 {shown} 克；位置恰好相同的箱子多于余下的箱数。",
            ),
            self._sum(line),
        ]
        if self.facts.is_at_shared_line:
            won = self.facts.packs > self._value(line)
            sentences.append(
                self.pick(
                    f"The lottery decided between them; its box was {'' if won else 'not '}drawn.",
                    f"由抽签决定，它{'中签' if won else '未中签'}。",
                )
            )
        return sentences

    def _value(self, line: Fraction) -> Fraction:
        return (line * self.counted_kilograms - self.facts.history_grams) / self.facts.pack_grams

    def _sum(self, line: Fraction) -> str:
        value = self._value(line)
        text = (
            f"({exact_decimal(line)} × {exact_decimal(self.counted_kilograms)} − "
            f"{self.facts.history_grams:,}) / {self.facts.pack_grams:,} = {closest(value)}"
        )
        if value <= 0:
            return self.pick(f"{text}: it is at or above the line.", f"{text}：已达到或超过该线。")
        if self.facts.is_at_shared_line:
            return self.pick(f"{text}.", f"{text}。")
        boxes = self.boxes(self.facts.rounded(value))
        return self.pick(f"{text}, rounded to the nearest box: {boxes}.", f"{text}，四舍五入为 {boxes}。")

    def limit(self) -> str:
        if self.facts.limited_by == "history":
            return self.pick(
                "More of its delivery was sold before than the line, so this share goes to others.",
                "它此前已售的比例达到该线，故本次由其他成员供应。",
            )
        if not self.facts.stock_packs:
            return self.pick("Not a whole box of its delivery is left.", "它的交货中已不足一整箱。")
        left = self.boxes(self.facts.stock_packs)
        return self.pick(
            f"Of its delivery {left} are left, and it gives them all.", f"交货仅余 {left}，全部供出。"
        )

    def result(self) -> str:
        packs, after = self.boxes(self.facts.packs), decimal(self.of_each(self.facts.level_after))
        return self.pick(
            f"It gives {packs}; then {after} g of each kilogram are sold.",
            f"本次供 {packs}，之后每公斤已售 {after} 克。",
        )
