"""Whether our schemas and GS1's take and refuse the same documents; every difference is named."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from inventory.epcis.reading import read
from marketplace import errors
from tests.epcis.documents import (
    CONTEXT,
    KINDS,
    LEAST,
    OPTIONAL,
    Json,
    document,
    full,
    least,
    least_document,
    least_query_document,
    other_event,
    query_document,
    right,
)
from tests.epcis.faults import changes, faults, places

Verdict = Callable[[Any], bool]
PAIRS_OF_EACH: Final = 2_000
SEED: Final = 7


@dataclass
class Row:
    """What was compared under one name: how many both took, both refused, and what they differ in."""

    name: str
    taken: int = 0
    refused: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def documents(self) -> int:
        return self.taken + self.refused + len(self.differences)


def ours(given: Any) -> bool:
    """Whether our schemas take it."""
    try:
        read(given)
    except errors.Invalid:
        return False
    return True


def _compared(name: str, cases: Iterable[tuple[str, Any]], theirs: Verdict) -> Row:
    row = Row(name)
    for told, given in cases:
        we, they = ours(given), theirs(given)
        if we != they:
            row.differences.append(f"{told}: {'taken' if we else 'refused'} here, not there")
        elif we:
            row.taken += 1
        else:
            row.refused += 1
    return row


def _bases() -> Iterator[tuple[str, Json]]:
    """Right documents to change: together they hold every member in every place that it may have, once."""
    yield "ObjectEvent with all members", least_document(full("ObjectEvent"))
    for kind in KINDS[1:]:
        event = {**least(kind), **OPTIONAL[kind], "bizStep": "packing", "disposition": "active"}
        yield f"{kind}, its own members", {**event, "@context": CONTEXT[0]}
        yield f"{kind}, the least", least_document(least(kind))
    yield "ObjectEvent, the least", {**least("ObjectEvent"), "@context": CONTEXT}
    yield "event of our own", least_document(other_event())
    yield "event of our own alone", other_event()
    yield "document and master data", document()
    yield "answer and master data", query_document()
    yield "least answer", least_query_document(least("AssociationEvent"))


def _changed(base: Json) -> Iterator[tuple[str, Any]]:
    for change in changes(base):
        yield f"{change.pointer} {change.told} {change.value!r}"[:160], change.made(base)


def _faulty(base: Json) -> Iterator[tuple[str, Any]]:
    for fault in faults(base):
        yield f"{fault.pointer} {fault.told}", fault.made(base)


def _twice_changed(kind: str) -> Iterator[tuple[str, Any]]:
    """Two changes at once, for what hangs on two members: a type and its action, a list and another."""
    draw = random.Random(f"{SEED} {kind}")
    event = {**least(kind), **OPTIONAL[kind], "@context": CONTEXT[0]}
    all_changes = [change for change in changes(event) if len(change.path) <= 1]
    for _ in range(PAIRS_OF_EACH):
        first, second = draw.choice(all_changes), draw.choice(all_changes)
        once = first.made(event)
        if isinstance(once, dict) and (not second.path or second.path[0] in once):
            yield (
                f"{first.pointer} {first.value!r}, {second.pointer} {second.value!r}"[:160],
                second.made(once),
            )


def _combined(kind: str) -> Iterator[tuple[str, Any]]:
    """Every choice of the members that decide together whether an event is about something."""
    members = [
        name for name in (*LEAST[kind], *OPTIONAL[kind]) if name not in ("action", "persistentDisposition")
    ]
    members = [*dict.fromkeys(members), "readPoint", "sensorElementList"]
    whole = full(kind)
    actions = ("ADD", "OBSERVE", "DELETE") if "action" in whole else ("",)
    for choice in range(3 ** len(members) if len(members) <= 6 else 2 ** len(members)):
        base = 3 if len(members) <= 6 else 2
        states = [choice // base**position % base for position in range(len(members))]
        for action in actions:
            event = {**least(kind), "@context": CONTEXT[0]}
            if action:
                event["action"] = action
            for name, state in zip(members, states, strict=True):
                event.pop(name, None)
                if state:
                    event[name] = whole[name] if state == 1 else type(whole[name])()
            yield f"{action} {[(name, state) for name, state in zip(members, states, strict=True)]}", event


def rows(theirs: Verdict, examples: dict[str, Any], *, bases: Iterable[str] | None = None) -> Iterator[Row]:
    """The comparison, row by row; `bases` bounds it to changes of these."""
    yield _compared("published examples", examples.items(), theirs)
    yield _compared("right documents of our own", right().items(), theirs)
    wanted = None if bases is None else set(bases)
    for name, base in _bases():
        if wanted is None or name in wanted:
            yield _compared(f"{name}: faults", _faulty(base), theirs)
            yield _compared(f"{name}: changes", _changed(base), theirs)
    for kind in KINDS:
        if wanted is None or kind in wanted:
            yield _compared(f"{kind}: members together", _combined(kind), theirs)
            yield _compared(f"{kind}: two changes", _twice_changed(kind), theirs)


def members_of(examples: dict[str, Any]) -> int:
    """How many values stand in the examples, to see that something was compared."""
    return sum(1 for example in examples.values() for _ in places(example, inside=True))
