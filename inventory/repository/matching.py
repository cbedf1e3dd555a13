"""Whether an event is what a query asks for. Pure.

A query becomes a list of tests once, the cheapest first; an event passes all of them or is not among the results. What
is equal to what says `value_tests`, where things are in an event `event_members`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from inventory.epcis import vocabulary
from inventory.epcis.event_hash import KNOWN_NAMESPACES, namespaces_of
from inventory.epcis.vocabulary import Words
from inventory.repository import value_tests
from inventory.repository.event_members import FOUND, Event, named, papers, quantities, reports
from inventory.repository.master_data import NOTHING, MasterData
from inventory.repository.query_rules import Condition, Order, Query
from inventory.repository.query_values import Namespaces, anything, as_number, expanded
from inventory.repository.query_words import Asked, Relation, Scope
from inventory.repository.value_tests import ValueTest, as_moment, canonical_of

Matcher = Callable[[Event, Namespaces | None], bool]
_Test = Callable[[Event, Namespaces], bool]

_WORDS: Final[Mapping[str, Words]] = {
    "bizStep": vocabulary.BIZ_STEPS,
    "disposition": vocabulary.DISPOSITIONS,
    "persistentDisposition.set": vocabulary.DISPOSITIONS,
    "persistentDisposition.unset": vocabulary.DISPOSITIONS,
    "errorDeclaration.reason": vocabulary.ERROR_REASONS,
    "sensorReport.type": vocabulary.MEASUREMENTS,
}
_PAPERS: Final[Mapping[str, Words]] = {
    "bizTransaction": vocabulary.BIZ_TRANSACTION_TYPES,
    "source": vocabulary.SOURCE_DESTINATION_TYPES,
    "destination": vocabulary.SOURCE_DESTINATION_TYPES,
}
_AS_THEY_ARE: Final[Mapping[str, Callable[[Iterable[Any]], ValueTest]]] = {
    "type": value_tests.is_type,
    "action": value_tests.is_one_of,
    "stringValue": value_tests.is_one_of,
    "hexBinaryValue": value_tests.is_hex,
    "booleanValue": value_tests.is_flag,
}


def matches(
    event: Event, query: Query, namespaces: Namespaces | None = None, master: MasterData = NOTHING
) -> bool:
    """Whether the event fulfils all conditions; `namespaces` are the prefixes that its document declares.

    Of a right event, as `reading.read` takes it. Whoever holds a query against many events takes `matcher` once.
    """
    return matcher(query, master)(event, namespaces)


def matcher(query: Query, master: MasterData = NOTHING) -> Matcher:
    """The query as a test of events and the prefixes that their documents declare."""
    ranked = sorted((_test_of(each, master) for each in query.conditions), key=lambda each: each[0])
    tests = [test for _, test in ranked]

    def test_all(event: Event, namespaces: Namespaces | None) -> bool:
        known = namespaces_in(event, namespaces)
        return all(test(event, known) for test in tests)

    return test_all


def namespaces_in(event: Event, namespaces: Namespaces | None) -> Namespaces:
    """All prefixes that an event may use: GS1's own, its document's, those that it declares itself."""
    own = namespaces_of(event["@context"]) if "@context" in event else None
    if not namespaces and not own:
        return KNOWN_NAMESPACES
    return {**KNOWN_NAMESPACES, **(namespaces or {}), **(own or {})}


def _test_of(condition: Condition, master: MasterData) -> tuple[int, _Test]:
    """The test of one parameter and how dear it is."""
    asked = condition.asked
    if asked.relation in (Relation.HAS_ATTRIBUTE, Relation.ATTRIBUTE):
        return 4, _any(_values_of(asked), _described(asked, condition.values, master))
    if asked.scope is not None:
        return 3, _any(_values_of(asked), _member_test(condition))
    if asked.field == "quantity":
        return 2, _measured(quantities, "quantity", condition)
    if asked.field in _PAPERS and asked.of is not None:
        return 2, _on_paper(asked.field, asked.of, value_tests.is_thing(condition.values))
    if asked.field.startswith("sensorReport.") and asked.field not in _WORDS:
        return 2, _measured(reports, asked.field.removeprefix("sensorReport."), condition)
    rank, test = _standard_test(condition, master)
    return rank, _any(_values_of(asked), test)


def _values_of(asked: Asked) -> Callable[[Event, Namespaces], Iterable[Any]]:
    if asked.scope is not None:
        return lambda event, namespaces: named(event, asked, namespaces)
    found = FOUND[asked.field]
    return lambda event, _namespaces: found(event)


def _any(values: Callable[[Event, Namespaces], Iterable[Any]], test: ValueTest) -> _Test:
    return lambda event, namespaces: any(test(value, namespaces) for value in values(event, namespaces))


def _standard_test(condition: Condition, master: MasterData) -> tuple[int, ValueTest]:
    """The test of a value of the standard's members."""
    asked, wanted = condition.asked, condition.values
    if asked.field in _AS_THEY_ARE:
        return 0, _AS_THEY_ARE[asked.field](wanted)
    if asked.field in _WORDS:
        return 0, value_tests.is_word(_WORDS[asked.field], wanted)
    found: tuple[int, ValueTest]
    match asked.relation:
        case Relation.EXISTS:
            found = 0, value_tests.is_there
        case Relation.MATCH:
            found = 3, value_tests.is_found(wanted)
        case Relation.WITHIN:
            found = 3, _within(wanted, master)
        case Relation.EQUAL:
            found = 2, value_tests.is_thing(wanted)
        case _:
            found = 1, value_tests.is_moment(asked.relation, wanted)
    return found


def _member_test(condition: Condition) -> ValueTest:
    """The test of a value of others."""
    relation = condition.asked.relation
    if relation is Relation.EXISTS:
        return value_tests.is_there
    if relation is Relation.EQUAL:
        return value_tests.is_equal(condition.values)
    return value_tests.is_beyond(relation, condition.values)


def _measured(
    parts: Callable[[Event], Iterable[Mapping[str, Any]]], name: str, condition: Condition
) -> _Test:
    """A number in a quantity or a measurement; one and the same part has the unit that is asked for."""
    unit = condition.asked.of
    test = value_tests.is_number(condition.asked.relation, condition.values)
    return lambda event, namespaces: any(
        name in part and (unit is None or part.get("uom") == unit) and test(part[name], namespaces)
        for part in parts(event)
    )


def _on_paper(field: str, kind: str, test: ValueTest) -> _Test:
    """One entry of a list of papers or parties that has the type and the identifier."""
    is_kind = value_tests.is_word(_PAPERS[field], (kind,))
    return lambda event, namespaces: any(
        is_kind(told, namespaces) and test(identifier, namespaces)
        for told, identifier in papers(event, field)
    )


def _within(wanted: Iterable[Any], master: MasterData) -> ValueTest:
    places = frozenset(canonical_of(str(place)) for place in wanted)
    return lambda value, namespaces: master.lies_in(canonical_of(expanded(value, namespaces)), places)


def _described(asked: Asked, wanted: tuple[Any, ...], master: MasterData) -> ValueTest:
    """A word that master data give one of these attributes, or this attribute with one of these values."""
    if asked.relation is Relation.HAS_ATTRIBUTE:
        names = frozenset(wanted)
        return lambda value, namespaces: not names.isdisjoint(_attributes(value, namespaces, master))
    test = value_tests.is_equal(wanted)
    name = asked.of or ""
    return lambda value, namespaces: any(
        test(told, namespaces) for told in _attributes(value, namespaces, master).get(name, ())
    )


def _attributes(value: Any, namespaces: Namespaces, master: MasterData) -> Mapping[str, tuple[Any, ...]]:
    if not isinstance(value, str):
        return {}
    return master.attributes.get(canonical_of(expanded(value, namespaces)), {})


Rank = tuple[int, Any]
"""What events are put in order by: those without a value first, then by numbers, moments, and texts."""
_WITHOUT: Final[Rank] = (0, 0)


def order_key(order: Order) -> Callable[[Event, Namespaces | None], Rank]:
    """What an event is put in order by, ascending; of a member with several values the first."""
    scope = Scope.EVENT if order.names else None
    values = _values_of(Asked(Relation.EQUAL, order.field, anything, scope=scope, names=order.names))

    def key(event: Event, namespaces: Namespaces | None) -> Rank:
        return next(map(_rank, values(event, namespaces_in(event, namespaces))), _WITHOUT)

    return key


def _rank(value: Any) -> Rank:
    number = as_number(value, of_text=True)
    if number is not None:
        return (1, number)
    moment = as_moment(value)
    if moment is not None:
        return (2, moment)
    return (3, value) if isinstance(value, str) else _WITHOUT
