"""Who reads a page, and what the list and the page say alike: moments, and how much of a goal is reached. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.goal_rules import Sold
from campaigns.web import formats, words
from campaigns.web.formats import Names
from marketplace.language import Language, Text
from marketplace.values import instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """For whom: the language, whether it was chosen on the page, and the zone in which times are told."""

    language: Language
    is_chosen: bool
    zone: ZoneInfo

    def say(self, name: str, /, **values: object) -> str:
        return words.WORDS[name].pick(self.language).format(**values)

    def count(self, name: str, number: int, /, **values: object) -> str:
        """So many of something; one of it may have a word of its own."""
        told = f"{name}_one" if number == 1 else name
        return self.say(told, count=formats.whole(number), **values)

    def pick(self, text: Text) -> str:
        return text.pick(self.language)

    def moment(self, at: datetime) -> str:
        return formats.moment(at, self.zone, self.language)

    def local(self, at: datetime) -> str:
        return formats.local(at, self.zone, self.language)

    def instant(self, at: datetime) -> "Moment":
        return Moment(text=self.moment(at), iso=instant_text(at))

    def names(self, row: Mapping[str, Any], name: str) -> Names:
        return formats.names(row, name, self.language)

    def weight(self, grams: int) -> str:
        return formats.weight(grams, self.language)

    def boxes(self, count: int) -> str:
        return self.count("boxes", count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """As people read it, and as programs do."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much of how much; `goal` None: there is nothing to reach."""

    unit: str
    done: int
    done_text: str
    goal: int | None
    goal_text: str
    percent: str


def measures(campaign: Mapping[str, Any], sold: Sold, reader: Reader) -> tuple[Measure, ...]:
    """Boxes and kilograms, each with its goal if it has one."""
    return (
        _measure("boxes", sold.boxes, campaign["goal_boxes"], reader.boxes),
        _measure("grams", sold.grams, campaign["goal_grams"], reader.weight),
    )


def _measure(unit: str, done: int, goal: int | None, told: Callable[[int], str]) -> Measure:
    return Measure(
        unit=unit,
        done=done,
        done_text=told(done),
        goal=goal,
        goal_text="" if goal is None else told(goal),
        percent="" if goal is None else formats.percent(done, goal),
    )
