"""The shapes that requests are made of: strict, bounded, normalised once. marshmallow fields.

marshmallow's own Integer takes "5", 5.0 and True; its String takes NUL and control characters. These do not.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from marketplace import values
from marketplace.values import instant_text

_WHOLE_IN_QUERY: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""C0, C1, line and paragraph separators, everything that turns the direction, half characters, the mark of order."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP: Final = re.compile(
    _DAY.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
COMPOSED_FROM_MAX: Final = 8
"""So many characters may make one in NFC, and more than so many nobody types."""
YEARS: Final = (2000, 2100)


class Whole(fields.Integer):
    """A whole number from `low` to `high`: a JSON integer, or plain digits in an address (`in_query`)."""

    def __init__(
        self, *, low: int = 0, high: int = values.GRAMS_MAX, in_query: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(strict=True, validate=validate.Range(low, high), **kwargs)
        self.in_query = in_query

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if self.in_query and isinstance(value, str) and _WHOLE_IN_QUERY.fullmatch(value):
            return int(value)
        if self.in_query or isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Flag(fields.Boolean):
    """true or false; marshmallow's own takes 1 and "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Line(fields.String):
    """One line of text, NFC, no control or direction-override characters, trimmed, `low`–`high` characters."""

    def __init__(self, *, low: int = 1, high: int = 200, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(low, high), **kwargs)
        self.raw_high = high * COMPOSED_FROM_MAX

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if len(value) > self.raw_high:  # before normalising, which takes quadratic time on stacked accents
            raise ValidationError("Is too long.")
        if _CONTROL.search(value):
            raise ValidationError("Holds a character that is not allowed.")
        return unicodedata.normalize("NFC", value).strip()


class Code(fields.String):
    """A short code: letters, digits, `-`, `_`, `.`, at most `high` characters."""

    def __init__(self, *, high: int = 40, **kwargs: Any) -> None:
        pattern = validate.Regexp(
            r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", error="Letters, digits, '.', '-', '_' only."
        )
        super().__init__(validate=[validate.Length(1, high), pattern], **kwargs)


class Id(fields.UUID):
    """A UUID in its canonical form."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> uuid.UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kwargs)


class Instant(fields.AwareDateTime):
    """RFC 3339 with an offset, between the years 2000 and 2100; UTC inside and outside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type="datetime")
        try:
            found = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid", input=value, obj_type="datetime") from None
        if not YEARS[0] <= found.year < YEARS[1]:
            raise ValidationError(f"Not between the years {YEARS[0]} and {YEARS[1]}.")
        return found

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else instant_text(value)


class Day(fields.Date):
    """A calendar day between the years 2000 and 2100."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type="date")
        found: date = super()._deserialize(value, attr, data, **kwargs)
        if not YEARS[0] <= found.year < YEARS[1]:
            raise ValidationError(f"Not between the years {YEARS[0]} and {YEARS[1]}.")
        return found


class Country(fields.String):
    """Two capital letters, as ISO 3166-1 has them."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = validate.Regexp(r"^[A-Z]{2}\Z", error="Two capital letters of ISO 3166-1.")
        super().__init__(validate=pattern, **kwargs)


class Currency(fields.String):
    """ISO 4217, upper case, of those the marketplace can settle."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(CURRENCIES), **kwargs)


CURRENCIES: Final = tuple(values.MINOR_DIGITS)


class _QuantityForm(Schema):
    value = fields.Raw(required=True)
    unit = fields.String(required=True, validate=validate.OneOf(("g", "jin", "kg", "t")))


class Grams(fields.Nested):
    """Integer grams, from an integer or from {"value": 420000, "unit": "jin"}; exact conversions only.

    `value` is an integer or a decimal string such as "2.5"; floats are refused.
    """

    def __init__(self, *, low: int = 1, high: int = values.GRAMS_MAX, **kwargs: Any) -> None:
        kwargs.setdefault("metadata", {})
        super().__init__(_QuantityForm, **kwargs)
        self.low, self.high = low, high

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # type: ignore[override]
        grams = value if isinstance(value, int) and not isinstance(value, bool) else self._converted(value)
        if not self.low <= grams <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high} grams.")
        return grams

    def _converted(self, value: Any) -> int:
        if not isinstance(value, Mapping):
            raise ValidationError('Must be integer grams or {"value": …, "unit": …}.')
        form: dict[str, Any] = _QuantityForm().load(value)
        try:
            return values.to_grams(exact_number(form["value"]), form["unit"])
        except values.NotExact:
            raise ValidationError({"value": ["Not a whole number of grams."]}) from None


class _BoxesForm(Schema):
    value = Whole(required=True, low=1)
    unit = fields.String(required=True, validate=validate.Equal("box"))


class _QuantityOrBoxesForm(Schema):
    value = fields.Raw(required=True)
    unit = fields.String(required=True, validate=validate.OneOf(("g", "jin", "kg", "t", "box")))


class Quantity(Grams):
    """As Grams, or {"value": 42000, "unit": "box"}: whole boxes of the pack that the request names (values.Boxes)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nested = _QuantityOrBoxesForm

    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> int | values.Boxes:
        if isinstance(value, Mapping) and value.get("unit") == "box":
            form: dict[str, Any] = _BoxesForm().load(value)
            return values.Boxes(count=form["value"])
        return super()._deserialize(value, attr, data, **kwargs)


def exact_number(value: Any) -> Fraction:
    """An integer or a plain decimal string as an exact number; raises ValidationError."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= values.GRAMS_MAX:
        return Fraction(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,14}(?:\.[0-9]{1,6})?", value):
        return Fraction(value)
    raise ValidationError({"value": ["Must be an integer or a decimal string."]})
