"""What two policies mean for the cooperatives of a campaign, in English and in Chinese. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from campaigns.policy.rules import Weight
from campaigns.policy.trial_rules import Difference, Fairness, ItemSplit, Trial
from marketplace.language import Text
from marketplace.values import GRAMS_PER_UNIT
from orders import allocation
from orders.allocation import text

JIN: Final = GRAMS_PER_UNIT["jin"]


def summary(first: Trial, second: Trial, found: Sequence[Difference]) -> Text:
    """Who gains and who loses under the second, and how unequal both leave the households."""
    more = [each for each in found if each.gain > 0]
    fewer = [each for each in found if each.gain < 0]
    gaps = (_jin(first.by_household.gap), _jin(second.by_household.gap))
    ginis = (_gini(first.by_household), _gini(second.by_household))
    moved_en, moved_zh = "Both give everybody the same boxes.", "两种政策下各社箱数相同。"
    if more or fewer:
        moved_en = (
            f"Under the second policy {_cooperatives(len(more))} more boxes and {_cooperatives(len(fewer))} fewer:"
            f" {sum(each.gain for each in more):,} more, {-sum(each.gain for each in fewer):,} fewer."
        )
        moved_zh = (
            f"采用第二种政策，{len(more):,} 社增加、{len(fewer):,} 社减少："
            f"共增 {sum(each.gain for each in more):,} 箱，减 {-sum(each.gain for each in fewer):,} 箱。"
        )
    return Text(
        en=f"{moved_en} Afterwards the highest stands {gaps[0]} jin per household above the lowest under the first"
        f" and {gaps[1]} under the second; Gini {ginis[0]} and {ginis[1]}.",
        zh=f"{moved_zh}之后每户最高与最低之差：第一种 {gaps[0]} 斤，第二种 {gaps[1]} 斤；"
        f"基尼系数 {ginis[0]} 与 {ginis[1]}。",
    )


def why(split: ItemSplit, code: str, *, weight: Weight, minimum_boxes: int = 1) -> Text:
    """The sum behind a cooperative's boxes of an item."""
    told = allocation.explain(split.problem, split.result, code)
    spared = without_minimum(split.problem, minimum_boxes=minimum_boxes)
    return Text(
        en=" ".join([*text.render(told, "en", counted=weight.value), *(each.en for each in spared)]),
        zh="".join([*text.render(told, "zh", counted=weight.value), *(each.zh for each in spared)]),
    )


def without_minimum(problem: allocation.Problem, *, minimum_boxes: int) -> list[Text]:
    """Why a policy's minimum lot is not found in a run; nothing where it is, or where there is none."""
    if minimum_boxes == 1 or any(seller.min_packs for seller in problem.sellers):
        return []
    return [
        Text(
            en=f"The minimum lot of {minimum_boxes:,} boxes does not count in this run: with it some boxes would be"
            " nobody's, or everybody in it supplies some already.",
            zh=f"本次不适用最低 {minimum_boxes:,} 箱的限制：否则会有箱数无人供应，或参与各社均已供货。",
        )
    ]


def _cooperatives(count: int) -> str:
    return f"{count:,} cooperative gets" if count == 1 else f"{count:,} cooperatives get"


def _jin(grams: Fraction) -> str:
    return text.decimal(grams / JIN)


def _gini(fairness: Fairness) -> str:
    gini = None if fairness.spread is None else fairness.spread.gini
    return "–" if gini is None else text.decimal(gini, 4)
