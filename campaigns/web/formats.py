"""Numbers, weights, money and moments as people of each language write them. Pure; whole numbers only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from marketplace.language import Language
from marketplace.values import GRAMS_PER_UNIT, amount_text

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = (
    ("Mon", "周一"),
    ("Tue", "周二"),
    ("Wed", "周三"),
    ("Thu", "周四"),
    ("Fri", "周五"),
    ("Sat", "周六"),
    ("Sun", "周日"),
)
_BEIJING: Final = "Asia/Shanghai"
_PLACES: Final = 3
"""Decimals of a weight: a gram is the thousandth part of a kilogram."""


@dataclass(frozen=True, slots=True)
class Names:
    """A name in the reader's language, and in the other one unless both are the same."""

    own: str
    other: str


def names(row: Mapping[str, Any], name: str, language: Language) -> Names:
    """From the row's `{name}_en` and `{name}_zh`."""
    own, other = row[f"{name}_{language}"], row[f"{name}_{'en' if language == 'zh' else 'zh'}"]
    return Names(own=own, other="" if own == other else other)


def whole(number: int) -> str:
    return f"{number:,}"


def parts(number: int, of: int, *, places: int = _PLACES) -> str:
    """`number / of` with as many decimals as it has, at most `places`; halves are rounded up."""
    scale = 10**places
    units, rest = divmod((2 * number * scale + of) // (2 * of), scale)
    decimals = f"{rest:0{places}d}".rstrip("0")
    return f"{units:,}.{decimals}" if decimals else f"{units:,}"


def weight(grams: int, language: Language) -> str:
    """Kilograms, and in Chinese jin beside them."""
    kilograms = parts(grams, GRAMS_PER_UNIT["kg"])
    if language == "zh":
        return f"{kilograms} 公斤（{parts(grams, GRAMS_PER_UNIT['jin'])} 斤）"
    return f"{kilograms} kg"


def money(minor: int, currency: str) -> str:
    """`¥1,234.50`; other money than yuan by its code, for ¥ is the sign of two."""
    units, point, rest = amount_text(minor, currency).partition(".")
    told = f"{int(units):,}{point}{rest}"
    return f"¥{told}" if currency == "CNY" else f"{currency} {told}"


def percent(part: int, of: int) -> str:
    """Of nothing it is nothing."""
    return f"{parts(100 * part, of, places=1) if of else '0'} %"


def local(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """Day and minute in the county's zone; seconds if there are any."""
    here = at.astimezone(zone)
    day, clock = _DAYS[here.weekday()], f"{here:%H:%M:%S}" if here.second else f"{here:%H:%M}"
    if language == "zh":
        return f"{here.year}年{here.month}月{here.day}日（{day[1]}）{clock}"
    return f"{day[0]} {here.day} {_MONTHS[here.month - 1]} {here.year}, {clock}"


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """The same, saying which zone that is."""
    told = local(at, zone, language)
    if language == "zh" and zone.key == _BEIJING:
        return f"{told} {zone_name(zone, language)}"
    offset = f"{at.astimezone(zone):%z}"
    shift = f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{told} （{zone.key}，{shift}）" if language == "zh" else f"{told} ({zone.key}, {shift})"


def zone_name(zone: ZoneInfo, language: Language) -> str:
    return "北京时间" if language == "zh" and zone.key == _BEIJING else zone.key
