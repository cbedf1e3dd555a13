"""Cases: opened by whoever finds the question, told on by notes, settled by an operator with a decision.

There is one open case for each kind and subject: opening it again adds to its notes. A settled case stays as it
is; the same question coming up later is a new one. The case is locked after whatever it is about.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from inventory.cases.models import Case, CaseNote
from inventory.cases.states import CaseKind, CaseState, NoteKind, may_follow
from inventory.events import CaseMoved
from marketplace import audit, errors, events
from marketplace.access import STAFF, Role
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id

Subject = tuple[str, uuid.UUID]
"""What a case is about: the kind of thing and its id."""


class CaseNotFound(errors.NotFound):
    title = Text(en="There is no such case.", zh="没有该待办事项。")


class CaseSettled(errors.Conflict):
    """The case is settled: nothing is added to it any more."""

    title = Text(en="The case is settled already.", zh="该事项已处理完毕。")


def open_case(
    session: Session,
    ctx: Context,
    *,
    kind: CaseKind,
    subject: Subject,
    facts: dict[str, Any],
    cooperative_id: uuid.UUID | None = None,
) -> Case:
    """The open case of this kind and subject: a new one, or the one there is with a note more."""
    while True:
        case = _open(session, kind, subject)
        if case is not None:
            _note(session, ctx, case, NoteKind.REPEATED, facts=facts)
            return case
        made = session.execute(
            insert(Case)
            .values(
                id=new_id(),
                kind=kind,
                subject_kind=subject[0],
                subject_id=subject[1],
                cooperative_id=cooperative_id,
                facts=facts,
                state=CaseState.OPEN,
                version=1,
                created_at=ctx.now,
            )
            .on_conflict_do_nothing()
            .returning(Case.id)
        ).scalar_one_or_none()
        if made is not None:
            case = session.get_one(Case, made)
            _write(session, ctx, case, NoteKind.OPENED, facts=facts)
            _publish(session, ctx, case)
            return case


def open_cases(
    session: Session, ctx: Context, *, kind: CaseKind, facts: Mapping[Subject, dict[str, Any]]
) -> None:
    """The same for many subjects at once: new ones in one statement, those that stand open already one by one."""
    session.flush()
    rows = [
        {
            "id": new_id(),
            "kind": kind,
            "subject_kind": subject[0],
            "subject_id": subject[1],
            "facts": told,
            "state": CaseState.OPEN,
            "version": 1,
            "created_at": ctx.now,
        }
        for subject, told in facts.items()
    ]
    if not rows:
        return
    made = session.scalars(
        insert(Case).on_conflict_do_nothing().returning(Case),
        rows,
        execution_options={"populate_existing": True},
    ).all()
    new = {(case.subject_kind, case.subject_id): case for case in made}
    for case in new.values():
        _add_note(session, ctx, case, NoteKind.OPENED, facts=case.facts)
    session.flush()
    for subject, told in facts.items():
        if subject in new:
            _publish(session, ctx, new[subject])
        else:
            open_case(session, ctx, kind=kind, subject=subject, facts=told)


def note_if_open(
    session: Session, ctx: Context, *, kind: CaseKind, subject: Subject, facts: dict[str, Any]
) -> Case | None:
    """Tell the open case that its facts moved; None when there is none."""
    case = _open(session, kind, subject)
    if case is not None:
        _note(session, ctx, case, NoteKind.CHANGED, facts=facts)
    return case


def settle_if_open(
    session: Session, ctx: Context, *, kind: CaseKind, subject: Subject, decision: str
) -> Case | None:
    """What the case asked for has happened: it settles itself; None when there is none."""
    case = _open(session, kind, subject)
    if case is not None:
        _close(session, ctx, case, decision=decision)
    return case


def add_note(session: Session, ctx: Context, *, case_id: uuid.UUID, words: str) -> Case:
    """Say what is known. Raises CaseNotFound (also for a foreign one), CaseSettled."""
    case = _locked(session, ctx, case_id)
    _note(session, ctx, case, NoteKind.SAID, words=words)
    return case


def settle(session: Session, ctx: Context, *, case_id: uuid.UUID, decision: str) -> Case:
    """Close the question with a decision; not for its cooperative. Raises CaseNotFound, CaseSettled, Forbidden."""
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
    case = _locked(session, ctx, case_id)
    _close(session, ctx, case, decision=decision)
    return case


def _close(session: Session, ctx: Context, case: Case, *, decision: str) -> None:
    _note(session, ctx, case, NoteKind.SETTLED, words=decision)
    case.state, case.decision = CaseState.SETTLED, decision
    case.settled_by, case.settled_at = ctx.actor.label, ctx.now
    session.flush()
    _publish(session, ctx, case)


def get(session: Session, ctx: Context, *, case_id: uuid.UUID) -> Case:
    """The case, for staff and the cooperative that it concerns; raises CaseNotFound."""
    case = session.scalar(visible(ctx.actor).where(Case.id == case_id))
    if case is None:
        raise CaseNotFound
    return case


def visible(actor: Actor) -> Select[Case]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(Case)
    return select(Case).where(Case.cooperative_id.in_(sorted(actor.cooperative_ids)))


def notes(case_id: uuid.UUID) -> Select[CaseNote]:
    return select(CaseNote).where(CaseNote.case_id == case_id)


def _publish(session: Session, ctx: Context, case: Case) -> None:
    told = CaseMoved(
        case_id=case.id,
        kind=str(case.kind),
        state=str(case.state),
        subject=(case.subject_kind, case.subject_id),
        cooperative_id=case.cooperative_id,
    )
    events.publish(session, ctx, told)


def _open(session: Session, kind: CaseKind, subject: Subject) -> Case | None:
    return session.scalar(
        select(Case)
        .where(
            Case.kind == kind,
            Case.subject_kind == subject[0],
            Case.subject_id == subject[1],
            Case.state == CaseState.OPEN,
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def _locked(session: Session, ctx: Context, case_id: uuid.UUID) -> Case:
    case = session.scalar(
        visible(ctx.actor)
        .where(Case.id == case_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if case is None:
        raise CaseNotFound
    return case


def _note(
    session: Session,
    ctx: Context,
    case: Case,
    kind: NoteKind,
    *,
    words: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """The next note of a locked case; raises CaseSettled."""
    if not may_follow(CaseState(case.state), kind):
        raise CaseSettled
    case.version += 1
    _write(session, ctx, case, kind, words=words, facts=facts)


def _write(
    session: Session,
    ctx: Context,
    case: Case,
    kind: NoteKind,
    *,
    words: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    _add_note(session, ctx, case, kind, words=words, facts=facts)
    session.flush()


def _add_note(
    session: Session,
    ctx: Context,
    case: Case,
    kind: NoteKind,
    *,
    words: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    note = CaseNote(
        id=new_id(),
        case_id=case.id,
        number=case.version,
        kind=kind,
        words=words,
        facts=facts,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(note)
    after = {"kind": str(case.kind), "note": note.number, "words": words, "facts": facts}
    audit.record(session, ctx, f"case.{kind}", subject=("case", case.id), after=after)
