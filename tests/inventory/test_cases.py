"""Cases: one open question for each subject, told by notes that stay, settled once by an operator."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from inventory import cases
from inventory.cases.models import Case, CaseNote
from inventory.cases.states import CaseKind, CaseState, NotAStory, NoteKind, may_follow, state_after
from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests import builders
from tests.builders import assert_refused
from tests.house import Caller
from tests.inventory.yard import Yard, at_once

AsRole = Callable[..., Caller]

SUBJECT = ("lot", uuid.UUID(int=1))


def _opening(yard: Yard, *, missing: int = 5, cooperative: int | None = 0, **changes: Any) -> Case:
    facts: dict[str, Any] = {"kind": CaseKind.SHORTFALL, "subject": SUBJECT, **changes}
    cooperative_id = None if cooperative is None else yard.cooperative_ids[cooperative]
    return database.transact(
        lambda session: cases.open_case(
            session, yard.ctx, facts={"missing_grams": missing}, cooperative_id=cooperative_id, **facts
        )
    )


def _notes(case: Case) -> list[tuple[int, str]]:
    with database.reading() as session:
        rows = session.scalars(select(CaseNote).where(CaseNote.case_id == case.id).order_by(CaseNote.number))
        return [(row.number, row.kind) for row in rows]


@given(st.lists(st.sampled_from(NoteKind), max_size=8))
def test_a_story_begins_once_ends_at_most_once_and_nothing_follows_its_end(notes: list[NoteKind]) -> None:
    is_story = (
        notes[:1] in ([], [NoteKind.OPENED])
        and NoteKind.OPENED not in notes[1:]
        and NoteKind.SETTLED not in notes[:-1]
    )
    if not is_story:
        with pytest.raises(NotAStory):
            state_after(notes)
        return
    ended = bool(notes) and notes[-1] is NoteKind.SETTLED
    assert state_after(notes) == (None if not notes else CaseState.SETTLED if ended else CaseState.OPEN)


@given(st.lists(st.sampled_from([NoteKind.REPEATED, NoteKind.CHANGED, NoteKind.SAID]), max_size=6))
def test_whatever_is_added_an_open_case_stays_open_and_can_be_settled(middle: list[NoteKind]) -> None:
    story = [NoteKind.OPENED, *middle]
    assert state_after(story) is CaseState.OPEN
    assert state_after([*story, NoteKind.SETTLED]) is CaseState.SETTLED
    assert not any(may_follow(CaseState.SETTLED, note) for note in NoteKind)


def test_opening_again_adds_a_note_and_keeps_the_first_facts(yard: Yard, app: Flask) -> None:
    first = _opening(yard, missing=5)
    again = _opening(yard, missing=9)
    assert (again.id, again.version, again.facts) == (first.id, 2, {"missing_grams": 5})
    assert _notes(first) == [(1, "opened"), (2, "repeated")]
    with database.reading() as session:
        last = session.scalars(select(CaseNote).where(CaseNote.number == 2)).one()
        assert last.facts == {"missing_grams": 9}
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.subject_kind == "case"))
        assert sorted(actions) == ["case.opened", "case.repeated"]
    assert builders.broken(app) == []


def test_another_kind_or_another_subject_is_another_case(yard: Yard) -> None:
    made = {
        _opening(yard).id,
        _opening(yard, kind=CaseKind.WEIGHBRIDGE_GAP).id,
        _opening(yard, subject=("lot", uuid.UUID(int=2))).id,
        _opening(yard, subject=("pool", SUBJECT[1])).id,
    }
    assert len(made) == 4


def test_after_it_is_settled_the_same_question_is_a_new_case(yard: Yard) -> None:
    first = _opening(yard)
    database.transact(lambda session: cases.settle(session, yard.ctx, case_id=first.id, decision="bought in"))
    with database.reading() as session:
        told = cases.note_if_open(session, yard.ctx, kind=CaseKind.SHORTFALL, subject=SUBJECT, facts={})
    assert told is None
    assert _opening(yard).id != first.id
    assert _notes(first) == [(1, "opened"), (2, "settled")]


def test_many_who_find_the_same_question_at_once_open_one_case(yard: Yard, app: Flask) -> None:
    def opening(session: Session) -> uuid.UUID:
        return cases.open_case(
            session, yard.ctx, kind=CaseKind.RECONCILIATION, subject=SUBJECT, facts={"is": "so"}
        ).id

    found = at_once(app, [opening] * 12)
    assert len(set(found)) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CaseNote)) == 12
    assert builders.broken(app) == []


def test_settling_and_noting_at_once_leave_a_story(yard: Yard, app: Flask) -> None:
    case = _opening(yard)
    works: list[Callable[[Session], Case]] = [
        lambda session: cases.add_note(session, yard.ctx, case_id=case.id, words="seen"),
        lambda session: cases.settle(session, yard.ctx, case_id=case.id, decision="done"),
    ] * 4
    results = at_once(app, works)
    assert sum(isinstance(each, Case) and each.state == "settled" for each in results) == 1
    assert state_after([NoteKind(kind) for _, kind in _notes(case)]) is CaseState.SETTLED
    assert builders.broken(app) == []


@pytest.mark.parametrize("statement", ["UPDATE case_note SET words = 'x'", "DELETE FROM case_note"])
def test_the_app_cannot_rewrite_a_note(yard: Yard, statement: str) -> None:
    _opening(yard)
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(statement))


def test_the_doors_list_read_note_and_settle(yard: Yard, app: Flask, as_role: AsRole) -> None:
    case = _opening(yard)
    _opening(yard, kind=CaseKind.LATE_PAYMENT, cooperative=None)
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    operator = as_role(Role.OPERATOR)

    assert [each["id"] for each in member.get("/v1/cases").json["items"]] == [str(case.id)]
    assert len(operator.get("/v1/cases").json["items"]) == 2
    assert len(operator.get("/v1/cases?kind=late_payment&state=open").json["items"]) == 1
    assert operator.get(f"/v1/cases?cooperative_id={yard.cooperative_ids[1]}").json["items"] == []
    assert_refused(operator.get("/v1/cases?kind=gossip"), 422, "invalid")

    url = f"/v1/cases/{case.id}"
    noted = member.post(f"{url}/notes", json={"words": "hail on Tuesday"})
    assert (noted.status_code, noted.json["version"]) == (201, 2)
    assert member.get(url).headers["ETag"] == '"2"'
    assert_refused(member.post(f"{url}/settlement", json={"decision": "never mind"}), 403, "forbidden")
    settled = operator.post(f"{url}/settlement", json={"decision": "cut all orders fairly"})
    assert (settled.status_code, settled.json["state"]) == (200, "settled")
    assert settled.json["decision"] == "cut all orders fairly"
    assert settled.json["settled_by"] == f"account:{operator.account_id}"
    for path, body in (("notes", {"words": "late"}), ("settlement", {"decision": "again"})):
        assert_refused(operator.post(f"{url}/{path}", json=body), 409, "case_settled")
    told = member.get(f"{url}/notes").json["items"]
    assert [each["kind"] for each in told] == ["opened", "said", "settled"]
    assert [each["words"] for each in told] == [None, "hail on Tuesday", "cut all orders fairly"]
    assert builders.broken(app) == []


def test_a_foreign_case_looks_like_a_missing_one(yard: Yard, as_role: AsRole) -> None:
    case = _opening(yard)
    stranger = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[1:])
    for case_id in (case.id, uuid.uuid4()):
        assert_refused(stranger.get(f"/v1/cases/{case_id}"), 404, "case_not_found")
        assert_refused(stranger.get(f"/v1/cases/{case_id}/notes"), 404, "case_not_found")
        assert_refused(
            stranger.post(f"/v1/cases/{case_id}/notes", json={"words": "x"}), 404, "case_not_found"
        )
    assert stranger.get("/v1/cases").json["items"] == []
