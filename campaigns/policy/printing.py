"""Two policies side by side at a terminal: a table of boxes with a picture of the levels, in both languages."""

from fractions import Fraction
from typing import Final

from rich.console import Console
from rich.table import Table

from campaigns.policy import rules, words
from campaigns.policy.rules import Policy
from campaigns.policy.trial_rules import Trial
from campaigns.policy.trying import ASKED, GOAL, PLEDGED, Comparison, Scenario
from marketplace.catalogue.models import Cooperative
from marketplace.language import Text
from marketplace.values import GRAMS_PER_UNIT
from orders.allocation import text

JIN: Final = GRAMS_PER_UNIT["jin"]
BAR: Final = 20
"""The highest level has so many blocks."""
NAMES: Final = {
    GOAL: Text(en="the goal", zh="目标"),
    PLEDGED: Text(en="all that is pledged", zh="全部承诺货源"),
    ASKED: Text(en="as assumed", zh="假定数量"),
}
MADE_UP: Final = "The roster is made up. 名册为虚构。"


def show(console: Console, found: Comparison, *, is_demo: bool) -> None:
    """All scenarios, the policies first."""
    console.print(_policies(found))
    for scenario in found.scenarios:
        console.print()
        console.print(_boxes(found, scenario, is_demo=is_demo))
        told = words.summary(scenario.first, scenario.second, scenario.differences)
        for line in (told.en, told.zh):
            console.print(line, soft_wrap=True, highlight=False)


def bar(level: Fraction, highest: Fraction) -> str:
    """A level as blocks; none for nothing, and one at least for something."""
    if not level or not highest:
        return ""
    return "█" * max(1, round(level / highest * BAR))


def _policies(found: Comparison) -> Table:
    first, second = found.policies
    table = Table(title=f"{found.campaign.code}: two policies 两种政策", title_justify="left")
    for heading in ("", "first 第一种", "second 第二种"):
        table.add_column(heading, no_wrap=True)
    for name in Policy.__dataclass_fields__:
        one, other = str(getattr(first, name)), str(getattr(second, name))
        table.add_row(name, one, other if one == other else f"[bold]{other}[/]")
    table.add_row("digest 摘要", *(rules.digest_of(each)[:19] + "…" for each in found.policies))
    return table


def _boxes(found: Comparison, scenario: Scenario, *, is_demo: bool) -> Table:
    name, total = NAMES[scenario.name], sum(scenario.boxes)
    table = Table(
        title=f"{name.en}: {total:,} boxes · {name.zh}：{total:,} 箱",
        title_justify="left",
        caption=MADE_UP if is_demo else None,
        show_footer=True,
    )
    gains = {each.code: each for each in scenario.differences}
    totals = [sum(trial.boxes.values()) for trial in (scenario.first, scenario.second)]
    table.add_column("code", "total 合计", no_wrap=True)
    table.add_column("cooperative 合作社", no_wrap=True)
    table.add_column("households 户", justify="right")
    table.add_column("first 第一种(箱)", f"{totals[0]:,}", justify="right")
    table.add_column("second 第二种(箱)", f"{totals[1]:,}", justify="right")
    table.add_column("± 箱", justify="right", style="bold")
    table.add_column("jin each 每户斤", justify="right")
    table.add_column("first 第一种", no_wrap=True)
    table.add_column("jin each 每户斤", justify="right")
    table.add_column("second 第二种", no_wrap=True)
    highest = max(
        _level(trial, each) for trial in (scenario.first, scenario.second) for each in found.cooperatives
    )
    for each in found.cooperatives:
        levels = [_level(trial, each) for trial in (scenario.first, scenario.second)]
        drawn = [cell for level in levels for cell in (text.decimal(level / JIN), bar(level, highest))]
        gain = gains[each.code]
        table.add_row(
            each.code,
            each.name_zh,
            f"{each.member_households:,}",
            f"{gain.first:,}",
            f"{gain.second:,}",
            f"{gain.gain:+,}" if gain.gain else "",
            *drawn,
        )
    return table


def _level(trial: Trial, cooperative: Cooperative) -> Fraction:
    return Fraction(trial.grams[cooperative.code], cooperative.member_households)
