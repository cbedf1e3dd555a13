"""Values in the words of a message: money, instants and names in both languages, never with a line break. Pure."""

import re
import uuid
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from marketplace.language import Language, Text
from marketplace.values import Money, amount_text, instant_text

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")

Value = uuid.UUID | int | str | datetime | Money | Text


def money_text(money: Money) -> str:
    """`52.00 CNY`."""
    return f"{amount_text(money.minor, money.currency)} {money.currency}"


def one_line(raw: str) -> str:
    """Without a line end, control character or mark that turns the direction."""
    return _CONTROL.sub(" ", raw).strip()


def filled(text: Text, values: dict[str, Value], zone: ZoneInfo, longest: int) -> Text:
    def of(language: Language) -> str:
        words = {name: one_line(_in_words(value, language, zone)) for name, value in values.items()}
        told = text.pick(language).format(**words)
        return told if len(told) <= longest else told[: longest - 1] + "…"

    return Text(en=of("en"), zh=of("zh"))


def _in_words(value: Value, language: Language, zone: ZoneInfo) -> str:
    if isinstance(value, Text):
        return value.pick(language)
    if isinstance(value, Money):
        return money_text(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M (%Z)")
    return str(value)


def as_json(value: Value) -> Any:
    if isinstance(value, Text):
        return {"en": value.en, "zh": value.zh}
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, datetime):
        return instant_text(value)
    return value if isinstance(value, int) else str(value)
