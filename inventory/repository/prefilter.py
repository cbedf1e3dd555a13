"""What of a query the database can decide itself: never less than what the query finds.

Whatever the columns of an event and its mentions cannot tell is left to `matching`. Words of others may stand in the
columns with a prefix, as they were written, so they are left to it as well. Objects and places have no prefixes here:
they are looked for by their canonical text.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from inventory.epcis import vocabulary
from inventory.epcis.identifiers import canonical, key_in
from inventory.epcis.patterns import is_pattern
from inventory.epcis.vocabulary import Words
from inventory.repository.query_rules import Condition, Query
from inventory.repository.query_values import KNOWN_EVENT_TYPES, Value
from inventory.repository.query_words import Relation
from inventory.traces.mentions import Role, key_of
from inventory.traces.models import TraceEvent, TraceMention

Where = ColumnElement[bool]

_ROLES: Final[Mapping[str, tuple[Role, ...]]] = {
    "MATCH_epc": (Role.OBJECT, Role.CHILD),
    "MATCH_parentID": (Role.PARENT,),
    "MATCH_inputEPC": (Role.INPUT,),
    "MATCH_outputEPC": (Role.OUTPUT,),
    "MATCH_anyEPC": (Role.OBJECT, Role.CHILD, Role.PARENT, Role.INPUT, Role.OUTPUT),
    "MATCH_epcClass": (Role.CLASS, Role.CHILD_CLASS),
    "MATCH_inputEPCClass": (Role.INPUT_CLASS,),
    "MATCH_outputEPCClass": (Role.OUTPUT_CLASS,),
    "MATCH_anyEPCClass": (Role.CLASS, Role.CHILD_CLASS, Role.INPUT_CLASS, Role.OUTPUT_CLASS),
    "EQ_transformationID": (Role.TRANSFORMATION,),
}
_PAPERS: Final = {"bizTransaction": Role.PAPER, "source": Role.SOURCE, "destination": Role.DESTINATION}
_MOMENTS: Final[Mapping[str, Callable[[Any], Where]]] = {
    "GE_eventTime": TraceEvent.event_time.__ge__,
    "LT_eventTime": TraceEvent.event_time.__lt__,
    "GE_recordTime": TraceEvent.recorded_at.__ge__,
    "LT_recordTime": TraceEvent.recorded_at.__lt__,
}
_WORDS: Final[Mapping[str, tuple[InstrumentedAttribute[str | None], Words]]] = {
    "EQ_bizStep": (TraceEvent.biz_step, vocabulary.BIZ_STEPS),
    "EQ_disposition": (TraceEvent.disposition, vocabulary.DISPOSITIONS),
}
_CLASSED: Final = ("01", "8006", "8010", "8003", "253", "255")
"""Keys of which one may be part of another."""


def conditions(query: Query, county_id: uuid.UUID) -> list[Where]:
    """What the rows of a county's events have to fulfil to be looked at."""
    found = [TraceEvent.county_id == county_id]
    for condition in query.conditions:
        where = _where(condition, county_id)
        if where is not None:
            found.append(where)
    return found


def _where(condition: Condition, county_id: uuid.UUID) -> Where | None:
    name, values = condition.parameter, condition.values
    if name in _MOMENTS:
        return _MOMENTS[name](values[0])
    if name in _WORDS:
        return _words(*_WORDS[name], values)
    if name in _EQUAL:
        return _EQUAL[name](values)
    if name in _ROLES:
        return _mentioned(_ROLES[name], values, county_id)
    asked = condition.asked
    if asked.field in _PAPERS and asked.of is not None and asked.relation is Relation.EQUAL:
        return _mentioned((_PAPERS[asked.field],), values, county_id)
    return None


def _types(values: tuple[Value, ...]) -> Where | None:
    if not KNOWN_EVENT_TYPES.issuperset(values):
        return None
    forms = ("{}", "epcis:{}", "https://ref.gs1.org/epcis/{}")
    return TraceEvent.event_type.in_([form.format(value) for value in values for form in forms])


def _place(column: InstrumentedAttribute[str | None], values: tuple[Value, ...]) -> Where:
    return column.in_([canonical(str(value)) for value in values])


_EQUAL: Final[Mapping[str, Callable[[tuple[Value, ...]], Where | None]]] = {
    "eventType": _types,
    "EQ_action": TraceEvent.action.in_,
    "EQ_eventID": TraceEvent.event_id.in_,
    "EQ_readPoint": partial(_place, TraceEvent.read_point),
    "EQ_bizLocation": partial(_place, TraceEvent.biz_location),
}


def _words(
    column: InstrumentedAttribute[str | None], words: Words, values: tuple[Value, ...]
) -> Where | None:
    """Of words of GS1, in the two forms in which they may stand there."""
    if not words.names.issuperset(values):
        return None
    prefix = "cbv:" + words.web_prefix.rpartition("/")[2]
    return column.in_([form for value in values for form in (value, f"{prefix}{value}")])


def _mentioned(roles: tuple[Role, ...], values: tuple[Value, ...], county_id: uuid.UUID) -> Where | None:
    """Events that speak of one of these; None when a pattern leaves too much open."""
    keys: list[str] = []
    ranges: list[Where] = []
    for value in map(str, values):
        if is_pattern(value):
            return None
        text = key_of(value)
        keys.append(text)
        key = key_in(value)
        if key is not None and key.parts[0][0] in _CLASSED:
            ranges.append(_finer(text, dict(key.parts)))
    spoken = select(TraceMention.number).where(
        TraceMention.county_id == county_id,
        TraceMention.role.in_([str(role) for role in roles]),
        or_(TraceMention.key.in_(keys), *ranges),
    )
    return TraceEvent.number.in_(spoken)


def _finer(text: str, parts: Mapping[str, str]) -> Where:
    """Keys that begin with this one; of a box, those with its serial, whether or not they name its lot."""
    serial = parts.get("21")
    if serial is None or "01" not in parts:
        return TraceMention.key.startswith(text, autoescape=True)
    product = text.partition("/10/")[0].partition("/21/")[0]
    end = text[text.rindex("/21/") :]
    plain = TraceMention.key == f"{product}{end}"
    in_a_lot = and_(
        TraceMention.key.startswith(f"{product}/10/", autoescape=True),
        func.right(TraceMention.key, len(end)) == end,
    )
    return or_(plain, in_a_lot)
