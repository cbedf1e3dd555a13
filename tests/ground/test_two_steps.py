"""A call in two transactions: one effect, one answer, whoever crashes where."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from marketplace import audit, context, database, errors, two_steps
from marketplace.audit import AuditEntry
from marketplace.idempotency import Answer, Claim, IdempotencyKeyReused, KeyInFlight
from marketplace.language import Text
from marketplace.two_steps import LEASE_SECONDS, KeyInProgress

CLAIM = Claim(principal="account:1", key="k" * 16, fingerprint="f" * 64)
OTHER_BODY = Claim(principal="account:1", key="k" * 16, fingerprint="o" * 64)
DONE = Answer(status=200, body="{}", headers={})


class Away(errors.TryLater):
    title = Text(en="Away.", zh="不在。")


class Forbidden(errors.Conflict):
    title = Text(en="Not now.", zh="现在不行。")


def note(session, action: str) -> None:
    audit.record(session, context.system(), action, subject=("test", 1))


def run(claim: Claim = CLAIM, *, between=lambda _: "told", first=None, second=None) -> Answer:
    def begin(session):
        note(session, "test.first")
        return "begun"

    def finish(session, begun, told):
        assert (begun, told) == ("begun", "told")
        note(session, "test.second")
        return DONE

    return two_steps.run(
        context.system(),
        claim,
        first=first or begin,
        between=between,
        second=second or finish,
        refused=lambda refusal: Answer(status=409, body=refusal.code, headers={}),
        given_up=lambda session, _: note(session, "test.given_up"),
    )


def noted() -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(AuditEntry.action).where(AuditEntry.subject_kind == "test")))


def marks() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(KeyInProgress)) or 0


def test_both_transactions_are_stored_and_the_answer_is_given_again(app: Flask) -> None:
    seen = []
    assert run(between=lambda _: seen.append((marks(), noted())) or "told") == DONE
    assert seen == [(1, ["test.first"])], "the first is stored before anybody outside is asked"
    assert (noted(), marks()) == (["test.first", "test.second"], 0)
    again = run(between=lambda _: pytest.fail("nobody is asked again"))
    assert (again.status, again.replayed) == (200, True)
    with pytest.raises(IdempotencyKeyReused):
        run(OTHER_BODY)


def test_what_the_first_refuses_is_kept_and_asks_nobody(app: Flask) -> None:
    def refuses(session):
        note(session, "test.first")
        raise Forbidden

    for _ in range(2):
        answer = run(first=refuses, between=lambda _: pytest.fail("nobody is asked"))
        assert (answer.status, answer.body) == (409, "forbidden")
    assert (noted(), marks()) == ([], 0)


def test_who_gets_no_answer_leaves_it_to_a_retry(app: Flask) -> None:
    def away(_):
        raise Away

    with pytest.raises(Away):
        run(between=away)
    assert (noted(), marks()) == (["test.first", "test.given_up"], 0)
    assert run() == DONE


def test_a_copy_is_told_while_the_first_asks_and_another_body_too(app: Flask) -> None:
    told = []

    def copy(claim: Claim) -> None:
        with app.app_context():
            try:
                run(claim)
            except errors.Refusal as refusal:
                told.append(type(refusal))

    def between(_):
        for claim in (CLAIM, OTHER_BODY):
            thread = threading.Thread(target=copy, args=(claim,))
            thread.start()
            thread.join()
        return "told"

    assert run(between=between) == DONE
    assert told == [KeyInFlight, IdempotencyKeyReused]
    assert noted() == ["test.first", "test.second"]


def test_after_a_crash_the_next_one_takes_over_when_the_lease_is_over(app: Flask) -> None:
    class Crash(BaseException):
        pass

    def dies(_):
        raise Crash

    with pytest.raises(Crash):
        run(between=dies)
    assert (noted(), marks()) == (["test.first"], 1)
    with pytest.raises(KeyInFlight):
        run()
    back = {"by": timedelta(seconds=LEASE_SECONDS + 1)}
    later = text("UPDATE key_in_progress SET started_at = started_at - :by")
    database.transact(lambda session: session.execute(later, back))
    with pytest.raises(IdempotencyKeyReused):
        run(OTHER_BODY)
    assert run() == DONE
    assert (noted(), marks()) == (["test.first", "test.first", "test.second"], 0)


def test_of_two_who_finish_the_first_answer_counts(app: Flask) -> None:
    """The lease was over while the first still waited: its outcome is that of who took over."""

    def between(_):
        back = {"by": timedelta(seconds=LEASE_SECONDS + 1)}
        later = text("UPDATE key_in_progress SET started_at = started_at - :by")
        database.transact(lambda session: session.execute(later, back))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return "told"

    def other() -> None:
        with app.app_context():
            run()

    answer = run(between=between)
    assert (answer.status, answer.replayed) == (200, True)
    assert noted() == ["test.first", "test.first", "test.second"]
    assert marks() == 0


def test_marks_that_nobody_came_back_to_are_forgotten(app: Flask) -> None:
    class Crash(BaseException):
        pass

    def dies(_):
        raise Crash

    with pytest.raises(Crash):
        run(between=dies)
    database.transact(lambda session: two_steps.forget_old(session, context.system()))
    assert marks() == 1
    back = text("UPDATE key_in_progress SET started_at = started_at - interval '25 hours'")
    database.transact(lambda session: session.execute(back))
    database.transact(lambda session: two_steps.forget_old(session, context.system()))
    assert marks() == 0
