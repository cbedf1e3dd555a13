"""The fairness figures of a run, as rows for a table and as JSON values: the one place that words them."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any, Final

from marketplace.language import Text
from marketplace.values import GRAMS_PER_UNIT
from orders import allocation
from orders.allocation import json_form
from orders.allocation.text import decimal

JIN: Final = GRAMS_PER_UNIT["jin"]

LIMITS: Final = {
    "nothing": Text(en="at the line", zh="到线"),
    "stock": Text(en="its stock", zh="库存"),
    "household_cap": Text(en="cap per household", zh="每户上限"),
    "history": Text(en="above the line before", zh="此前已超线"),
    "demand": Text(en="orders ask for no more", zh="订单已满足"),
    "link": Text(en="orders it may serve", zh="可供订单"),
    "tier": Text(en="another tier first", zh="其他层级优先"),
    "pack_size": Text(en="no whole box left", zh="余量不足一箱"),
    "minimum_lot": Text(en="its minimum lot", zh="最低起供量"),
    "split_limit": Text(en="number of sellers", zh="供货家数上限"),
}


def limit_of(limited_by: str) -> Text:
    """What kept a seller from more, in words."""
    return LIMITS[limited_by]


def rows(problem: allocation.Problem, result: allocation.Allocation) -> list[tuple[str, str]]:
    """(what, how much) in both languages, in the order in which people ask."""
    figures = allocation.report(problem, result)
    found = [
        (f"line 线{f' {number}' if len(result.segments) > 1 else ''}", _line(segment.line))
        for number, segment in enumerate(result.segments, start=1)
        if segment.line is not None
    ]
    for label, spread in (
        ("everyone 全体", figures.everyone),
        ("not short of stock 库存充足者", figures.free),
    ):
        if spread is not None:
            found.append(
                (
                    label,
                    f"{spread.sellers} · Jain {_share(spread.jain)} · Gini {_share(spread.gini)} · "
                    f"smallest/mean 最低/平均 {_share(spread.smallest_to_mean)}",
                )
            )
    found.append(("envy 嫉妒", f"{figures.envy_packs} boxes 箱"))
    found.append(
        (
            "rounding 取整",
            f"at most {decimal(figures.deviation_worst_packs, 3)} box off the exact share 最大偏差",
        )
    )
    if figures.drawn:
        found.append(("lottery 抽签", ", ".join(figures.drawn)))
    found.append(("method 方法", f"{figures.method}, gap 差距 {figures.gap}"))
    found.append(("proof 证明", figures.digest))
    return found


def plain(value: Any) -> Any:
    """A report or any part of it as JSON values, exact numbers as strings."""
    if isinstance(value, Fraction):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def differences(results: Sequence[allocation.Allocation]) -> list[dict[str, Any]]:
    """Who gets another number of packs under one split than under another: {id, packs: one for each split}."""
    packs = zip(*([share.packs for share in result.sellers] for result in results), strict=True)
    return [
        {"id": share.id, "packs": list(each)}
        for share, each in zip(results[0].sellers, packs, strict=True)
        if len(set(each)) > 1
    ]


def split_to_json(problem: allocation.Problem, result: allocation.Allocation) -> dict[str, Any]:
    """A split with its report, as JSON values."""
    return {
        "digest": result.digest,
        "problem": json_form.problem_to_json(problem),
        "result": json_form.allocation_to_json(result),
        "report": plain(allocation.report(problem, result)),
    }


def _line(line: Fraction) -> str:
    return f"{decimal(line / JIN)} jin for each unit of weight 斤/每单位权重"


def _share(value: Fraction | None) -> str:
    return "–" if value is None else decimal(value, 4)
