"""marshmallow fields of EPCIS: each says whether a value is right and gives it back as it came.

Nothing is trimmed, cast or put in order, so that a document that was taken comes back equal, to its last digit.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from numbers import Real
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields

from inventory.epcis.identifiers import SHORT
from inventory.epcis.times import is_offset, is_timestamp
from inventory.epcis.uris import is_uri
from inventory.epcis.vocabulary import Words

UNIT: Final = re.compile(r"[A-Z0-9]{2,3}")
HEX: Final = re.compile(r"[A-Fa-f0-9]+")
VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")

NOT_A_TEXT: Final = "Must be a text. 须为文本。"
NOT_A_URI: Final = "Must be a URI. 须为 URI。"
NOT_A_LIST: Final = "Must be a list. 须为列表。"
NOT_AN_OBJECT: Final = "Must be an object. 须为对象。"
NOT_A_NUMBER: Final = "Must be a number. 须为数字。"
NOT_A_FLAG: Final = "Must be true or false. 须为 true 或 false。"
NOT_A_TIMESTAMP: Final = "Must be a timestamp with an offset (RFC 3339). 须为带时区的时间（RFC 3339）。"
NOT_AN_OFFSET: Final = "Must be an offset from -14:00 to +14:00. 须为 -14:00 至 +14:00 的时差。"
NOT_A_UNIT: Final = (
    "Must be a unit code such as KGM: two or three capitals or digits. 须为两至三位的单位代码，如 KGM。"
)
NOT_HEX: Final = "Must be hexadecimal digits. 须为十六进制数字。"
NOT_A_VERSION: Final = "Must be a version such as 2.0. 须为版本号，如 2.0。"
NOT_A_WORD: Final = "Is not on the list; words of others are URIs. 不在词表中；其他词须用 URI。"
HAS_A_SHORT_NAME: Final = "Write the short name of a word of GS1, not its URI. GS1 的词须写短名称，不写 URI。"
TOO_FEW: Final = "Must hold at least one. 至少须有一项。"
REPEATED: Final = "The same stands in the list already. 列表中已有相同的一项。"
MISSING: Final = "Missing. 缺少该项。"
NULL: Final = "Must not be null. 不得为 null。"

_KNOWN_AGAIN: Final = 1_024
"""So many places stand in thousands of events."""


class Kept(fields.Field[Any]):
    """A value that is looked at and kept; below it, `check` raises ValidationError."""

    default_error_messages = {"required": MISSING, "null": NULL}  # noqa: RUF012 (marshmallow's form)

    def check(self, value: Any) -> None:
        """Nothing is asked of the value here."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        self.check(value)
        return value

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Plain(Kept):
    """Any text; with `form` and `told`, one that the whole form fits."""

    def __init__(self, form: Callable[[str], object] | None = None, told: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.told = told

    def check(self, value: Any) -> None:
        if not isinstance(value, str):
            raise ValidationError(NOT_A_TEXT)
        if self.form is not None and not self.form(value):
            raise ValidationError(self.told)


class Uri(Plain):
    """A URI: of an object, a class, a place, a document, an event; which scheme it has is free."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(is_uri, NOT_A_URI, **kwargs)


class Timestamp(Plain):
    """A moment with an offset, as it was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(is_timestamp, NOT_A_TIMESTAMP, **kwargs)


class Offset(Plain):
    """The offset of UTC where the event happened."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(is_offset, NOT_AN_OFFSET, **kwargs)


class Word(Kept):
    """A short name on GS1's list, or a URI of somebody else's word: none that begins like `own`."""

    def __init__(self, words: Words, own: re.Pattern[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = words.names
        self.own = own

    def check(self, value: Any) -> None:
        if not isinstance(value, str):
            raise ValidationError(NOT_A_TEXT)
        if value in self.names:
            return
        if not is_uri(value):
            raise ValidationError(NOT_A_WORD)
        if self.own.match(value):
            raise ValidationError(HAS_A_SHORT_NAME)


class Name(Kept):
    """One of a closed list of texts."""

    def __init__(self, names: frozenset[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = names
        self.told = f"Must be one of {', '.join(sorted(names))}. 须为其中之一。"

    def check(self, value: Any) -> None:
        if not isinstance(value, str) or value not in self.names:
            raise ValidationError(self.told)


class Number(Kept):
    """A JSON number, whole or not; neither true nor false, nor what JSON cannot write."""

    def check(self, value: Any) -> None:
        if not is_number(value):
            raise ValidationError(NOT_A_NUMBER)


class YesNo(Kept):
    """true or false."""

    def check(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise ValidationError(NOT_A_FLAG)


class Either(Kept):
    """A value that one of the checks lets pass; `told` when none does."""

    def __init__(self, *checks: Callable[[Any], object], told: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.checks = checks
        self.told = told

    def check(self, value: Any) -> None:
        if not any(check(value) for check in self.checks):
            raise ValidationError(self.told)


class Listed(Kept):
    """A list whose items another field checks; not empty with `filled`, all different with `unique`."""

    def __init__(self, inner: Kept, *, filled: bool = False, unique: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.filled = filled
        self.unique = unique

    def check(self, value: Any) -> None:
        if not isinstance(value, list):
            raise ValidationError(NOT_A_LIST)
        if self.filled and not value:
            raise ValidationError(TOO_FEW)
        wrong: dict[int, Any] = {}
        for position, item in enumerate(value):
            try:
                self.inner.check(item)
            except ValidationError as error:
                wrong[position] = error.messages
        if self.unique and not wrong:
            wrong = _repeated(value)
        if wrong:
            raise ValidationError(wrong)


class Part(Kept):
    """An object that a schema checks; one that holds nothing but a short text, as places do, is known again."""

    def __init__(self, schema: Schema, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema
        self._check_short = lru_cache(maxsize=_KNOWN_AGAIN)(self._check_one)

    def check(self, value: Any) -> None:
        if not isinstance(value, dict | Mapping):  # a dictionary is told faster than any mapping
            raise ValidationError(NOT_AN_OBJECT)
        if len(value) == 1:
            ((name, text),) = value.items()
            if isinstance(text, str) and len(name) + len(text) <= SHORT:
                self._check_short(name, text)
                return
        self.schema.load(value)

    def _check_one(self, name: str, text: str) -> None:
        self.schema.load({name: text})


class OneOrMany(Kept):
    """An item that another field checks, or a list of them; all different with `unique`."""

    def __init__(self, inner: Kept, *, unique: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.listed = Listed(inner, unique=unique)

    def check(self, value: Any) -> None:
        (self.listed if isinstance(value, list) else self.inner).check(value)


class _OneContext(Kept):
    def check(self, value: Any) -> None:
        if isinstance(value, str) and not is_uri(value):
            raise ValidationError(NOT_A_URI)
        if not isinstance(value, str | Mapping):
            raise ValidationError("Must be a URI or an object. 须为 URI 或对象。")


class Context(OneOrMany):
    """JSON-LD's `@context`: an address, an object, or a list of both without repetition."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_OneContext(), unique=True, **kwargs)


class Certification(OneOrMany):
    """One URI of a certificate, or a list of them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Uri(), **kwargs)


def is_number(value: Any) -> bool:
    """Whether it is a number that JSON can write; Decimal counts, for readers that keep every digit."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return False
    return isinstance(value, int) or isfinite(value)


def _repeated(items: list[Any]) -> dict[int, Any]:
    """What is wrong with items that equal an earlier one, as JSON counts equality: 1 is 1.0 and is not true."""
    seen: set[Any] = set()
    wrong = {}
    for position, item in enumerate(items):
        mark = _mark(item)
        if mark in seen:
            wrong[position] = [REPEATED]
        seen.add(mark)
    return wrong


def _mark(value: Any) -> Any:
    """Something hashable that is equal for equal JSON values only."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return frozenset((name, _mark(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(_mark(inner) for inner in value)
    return type(value) is bool, value
