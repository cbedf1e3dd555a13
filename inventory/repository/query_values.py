"""Values of query parameters, out of the text of an address or the JSON of a named query. Pure.

Each reader takes a value as it came and gives it back as what it means; it raises BadValue with a sentence. What an
address writes as text (`26.1`, `true`) and what JSON writes as itself are read alike. Numbers are exact.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import Any, Final

from inventory.epcis import patterns, vocabulary
from inventory.epcis.event_hash import KNOWN_NAMESPACES
from inventory.epcis.times import instant
from inventory.epcis.uris import is_uri
from inventory.epcis.vocabulary import Words
from marketplace import errors
from marketplace.language import Text

Value = str | Decimal | datetime | bool
Namespaces = Mapping[str, str]
Reader = Callable[[Any, Namespaces], Value]

TEXT_LENGTH_MAX: Final = 8_192
EVENT_TYPE_PREFIX: Final = KNOWN_NAMESPACES["epcis"]
KNOWN_EVENT_TYPES: Final = frozenset(
    {"ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent"}
)

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,3})?")
_HEX: Final = re.compile(r"[A-Fa-f0-9]+")
_FLAGS: Final = {"true": True, "false": False}

NOT_A_TEXT: Final = Text(en="Must be a text that is not empty.", zh="须为非空文本。")
TOO_LONG: Final = Text(en=f"Longer than {TEXT_LENGTH_MAX} characters.", zh=f"超过 {TEXT_LENGTH_MAX} 个字符。")
NOT_A_URI: Final = Text(en="Must be a URI.", zh="须为 URI。")
NOT_A_TIME: Final = Text(
    en="Must be a time with an offset, such as 2026-10-19T06:15:00Z.",
    zh="须为带时区的时间，例如 2026-10-19T06:15:00Z。",
)
NOT_A_NUMBER: Final = Text(en="Must be a number.", zh="须为数字。")
NOT_COMPARABLE: Final = Text(en="Must be a number or a time with an offset.", zh="须为数字或带时区的时间。")
NOT_A_FLAG: Final = Text(en="Must be true or false.", zh="须为 true 或 false。")
NOT_HEX: Final = Text(en="Must be hexadecimal digits.", zh="须为十六进制数字。")
NOT_A_WORD: Final = Text(
    en="Is not on GS1's list; words of others are URIs.", zh="不在 GS1 词表中；其他词须为 URI。"
)
NOT_AN_ACTION: Final = Text(en="Must be ADD, OBSERVE or DELETE.", zh="须为 ADD、OBSERVE 或 DELETE。")
NOT_A_TYPE: Final = Text(
    en="Must be one of the five types of events, or the URI of a type of others.",
    zh="须为五种事件类型之一，或其他类型的 URI。",
)
NOT_A_VALUE: Final = Text(en="Must be a text, a number, true or false.", zh="须为文本、数字、true 或 false。")


@dataclass
class BadValue(Exception):
    """A value that its parameter does not take."""

    told: Text


def expanded(text: str, namespaces: Namespaces) -> str:
    """A prefixed name or value with its namespace in full; anything else as it is."""
    prefix, colon, local = text.partition(":")
    if colon and not local.startswith("//"):
        known = namespaces.get(prefix)
        if known is not None:
            return known + local
    return text


def text(value: Any, _namespaces: Namespaces) -> str:
    """Any text."""
    if not isinstance(value, str) or not value:
        raise BadValue(NOT_A_TEXT)
    if len(value) > TEXT_LENGTH_MAX:
        raise BadValue(TOO_LONG)
    return value


def uri(value: Any, namespaces: Namespaces) -> str:
    """A URI in full."""
    found = text(value, namespaces)
    if not is_uri(found):
        raise BadValue(NOT_A_URI)
    return expanded(found, namespaces)


def epc(value: Any, namespaces: Namespaces) -> str:
    """An identifier, a class or a pattern of objects."""
    found = uri(value, namespaces)
    try:
        patterns.Finder([found])
    except errors.Invalid as error:
        raise BadValue(error.detail or NOT_A_URI) from error
    return found


def moment(value: Any, namespaces: Namespaces) -> datetime:
    """A moment in UTC. In an address a `+` that was not escaped arrives as a blank; it is taken for what was meant."""
    try:
        return instant(text(value, namespaces).replace(" ", "+"))
    except ValueError:
        raise BadValue(NOT_A_TIME) from None


def number(value: Any, _namespaces: Namespaces) -> Decimal:
    """A number, exactly as it is written."""
    found = as_number(value, of_text=True)
    if found is None:
        raise BadValue(NOT_A_NUMBER)
    return found


def as_number(value: Any, *, of_text: bool) -> Decimal | None:
    """The number that JSON or, with `of_text`, a text writes; None when it is none."""
    if isinstance(value, str):
        return Decimal(value) if of_text and _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    found = Decimal(str(value))
    return found if found.is_finite() else None


def comparable(value: Any, namespaces: Namespaces) -> Value:
    """What is greater or less than something: a number or a moment."""
    found = as_number(value, of_text=True)
    if found is not None:
        return found
    try:
        return moment(value, namespaces)
    except BadValue:
        raise BadValue(NOT_COMPARABLE) from None


def anything(value: Any, namespaces: Namespaces) -> Value:
    """What a member of others may hold: a text, a number, true or false."""
    if isinstance(value, bool):
        return value
    found = as_number(value, of_text=False)
    if found is not None:
        return found
    if not isinstance(value, str):
        raise BadValue(NOT_A_VALUE)
    return text(value, namespaces)


def flag(value: Any, _namespaces: Namespaces) -> bool:
    """True or false."""
    found = _FLAGS.get(value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadValue(NOT_A_FLAG)
    return found


def presence(value: Any, namespaces: Namespaces) -> bool:
    """Whether something is asked to be there: nothing, any whole number and true ask for it, false does not."""
    if value in (None, "") or (isinstance(value, int) and not isinstance(value, bool)):
        return True
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return True
    return flag(value, namespaces)


def hexadecimal(value: Any, namespaces: Namespaces) -> str:
    """Hexadecimal digits, in small letters."""
    found = text(value, namespaces)
    if not _HEX.fullmatch(found):
        raise BadValue(NOT_HEX)
    return found.lower()


def action(value: Any, namespaces: Namespaces) -> str:
    """ADD, OBSERVE or DELETE."""
    found = text(value, namespaces)
    if found not in vocabulary.ACTIONS:
        raise BadValue(NOT_AN_ACTION)
    return found


def event_type(value: Any, namespaces: Namespaces) -> str:
    """The short name of one of the five types, or the URI of another."""
    found = plain_type(expanded(text(value, namespaces), namespaces))
    if found not in KNOWN_EVENT_TYPES and not is_uri(found):
        raise BadValue(NOT_A_TYPE)
    return found


def plain_type(full: str) -> str:
    """The short name of a type of GS1; any other type as it is."""
    return full.removeprefix(EVENT_TYPE_PREFIX)


def word(words: Words) -> Reader:
    """A reader of words of this list: short names for any form of GS1's words, URIs for those of others."""

    def read(value: Any, namespaces: Namespaces) -> str:
        found = expanded(text(value, namespaces), namespaces)
        short = vocabulary.short_name(words, found)
        if short is None and not is_uri(found):
            raise BadValue(NOT_A_WORD)
        return short or found

    return read
