"""Whether a value that an event holds is what a parameter asks for. Pure.

Two texts of one thing are equal: a URN and a link of one GS1 key, a short name and the URIs of one word, a moment in
two offsets, 26 and 26.0. Each function takes what is asked once and gives a test for values as they stand in events.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from inventory.epcis import vocabulary
from inventory.epcis.identifiers import canonical
from inventory.epcis.patterns import Finder
from inventory.epcis.times import instant
from inventory.epcis.vocabulary import Words
from inventory.repository.query_values import Namespaces, Value, as_number, expanded, plain_type
from inventory.repository.query_words import Relation

ValueTest = Callable[[Any, Namespaces], bool]

_REMEMBERED_MAX: Final = 20_000
_FLAGS: Final = {"true": True, "false": False}
_MEASURES: Final[Mapping[Relation, Callable[[Any, Any], bool]]] = {
    Relation.EQUAL: operator.eq,
    Relation.GREATER: operator.gt,
    Relation.AT_LEAST: operator.ge,
    Relation.LESS: operator.lt,
    Relation.AT_MOST: operator.le,
}


@lru_cache(maxsize=_REMEMBERED_MAX)
def canonical_of(text: str) -> str:
    """The canonical text of an identifier; those that were asked for lately are remembered."""
    return canonical(text)


def is_there(value: Any, _namespaces: Namespaces) -> bool:
    """Whether a value is more than nothing."""
    return value is not None and not (isinstance(value, str | list | Mapping) and not value)


def is_one_of(wanted: Iterable[Value]) -> ValueTest:
    """One of these very values."""
    known = frozenset(wanted)
    return lambda value, _namespaces: value in known


def is_hex(wanted: Iterable[Value]) -> ValueTest:
    """These digits, in small letters or capitals."""
    known = frozenset(wanted)
    return lambda value, _namespaces: isinstance(value, str) and value.lower() in known


def is_flag(wanted: Iterable[Value]) -> ValueTest:
    """True or false, and nothing that only equals it."""
    known = list(wanted)
    return lambda value, _namespaces: isinstance(value, bool) and value in known


def is_type(wanted: Iterable[Value]) -> ValueTest:
    """One of these types of events."""
    known = frozenset(wanted)
    return lambda value, namespaces: value in known or plain_type(expanded(value, namespaces)) in known


def is_word(words: Words, wanted: Iterable[Value]) -> ValueTest:
    """One of these words, in any of their forms."""
    known = frozenset(wanted)

    def test(value: Any, namespaces: Namespaces) -> bool:
        if not isinstance(value, str):
            return False
        if value in known:
            return True
        if ":" not in value:
            return False
        full = expanded(value, namespaces)
        return (vocabulary.short_name(words, full) or full) in known

    return test


def is_thing(wanted: Iterable[Value]) -> ValueTest:
    """One of these objects, places, papers or parties, whichever way they are written."""
    texts = frozenset(str(value) for value in wanted)
    known = texts | {canonical(text) for text in texts}

    def test(value: Any, namespaces: Namespaces) -> bool:
        if not isinstance(value, str):
            return False
        return value in known or canonical_of(expanded(value, namespaces)) in known

    return test


def is_found(wanted: Iterable[Value]) -> ValueTest:
    """An object that one of these identifiers, classes or patterns finds."""
    finder = Finder(str(value) for value in wanted)

    def test(value: Any, namespaces: Namespaces) -> bool:
        if not isinstance(value, str):
            return False
        full = expanded(value, namespaces)
        return finder.finds(full) or (full != value and finder.finds(value))

    return test


def is_number(relation: Relation, wanted: Iterable[Value]) -> ValueTest:
    """A JSON number that is equal to, above or below one of these."""
    measure, known = _MEASURES[relation], list(wanted)

    def test(value: Any, _namespaces: Namespaces) -> bool:
        number = as_number(value, of_text=False)
        return number is not None and any(measure(number, each) for each in known)

    return test


def is_moment(relation: Relation, wanted: Iterable[Value]) -> ValueTest:
    """A moment before or after these."""
    measure, known = _MEASURES[relation], list(wanted)

    def test(value: Any, _namespaces: Namespaces) -> bool:
        moment = as_moment(value)
        return moment is not None and any(measure(moment, each) for each in known)

    return test


def as_moment(value: Any) -> datetime | None:
    """The moment that a text means; None when it means none."""
    try:
        return instant(value) if isinstance(value, str) else None
    except ValueError:
        return None


def is_beyond(relation: Relation, wanted: Iterable[Value]) -> ValueTest:
    """A value of others that is a number or a moment above or below this; texts that read as such count."""
    (limit,) = wanted
    if isinstance(limit, datetime):
        return is_moment(relation, (limit,))
    measure = _MEASURES[relation]

    def test(value: Any, _namespaces: Namespaces) -> bool:
        number = as_number(value, of_text=True)
        return number is not None and measure(number, limit)

    return test


def is_equal(wanted: Iterable[Value]) -> ValueTest:
    """A value of others that equals one of these.

    A number equals a text that reads as that number, true and false the texts `true` and `false`; two texts are equal
    when they are the same, one moment or one GS1 key (`007` is not `7`).
    """
    values = list(wanted)
    texts = frozenset(value for value in values if isinstance(value, str))
    flags = {value for value in values if isinstance(value, bool)}
    numbers = {value for value in values if isinstance(value, Decimal)}
    moments = {moment for moment in map(as_moment, texts) if moment is not None}
    numbers_of_texts = {number for text in texts if (number := as_number(text, of_text=True)) is not None}
    things = is_thing(texts)

    def is_equal_text(value: str, namespaces: Namespaces) -> bool:
        return (
            value in texts
            or (bool(numbers) and as_number(value, of_text=True) in numbers)
            or (bool(flags) and value in _FLAGS and _FLAGS[value] in flags)
            or (bool(moments) and as_moment(value) in moments)
            or (":" in value and things(value, namespaces))
        )

    def test(value: Any, namespaces: Namespaces) -> bool:
        if isinstance(value, str):
            return is_equal_text(value, namespaces)
        if isinstance(value, bool):
            return value in flags or ("true" if value else "false") in texts
        number = as_number(value, of_text=False)
        return number is not None and (number in numbers or number in numbers_of_texts)

    return test
