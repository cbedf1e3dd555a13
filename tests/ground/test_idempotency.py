"""One key: one effect and one answer, whatever goes wrong around it."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from marketplace import context, database, errors, idempotency
from marketplace.access import Role
from tests import house
from tests.ground.shed import BODY, Shed, ShedFull, put

KEY = "a-key-of-a-shopper-1"
REPLAYED = "Idempotent-Replayed"


def keys_stored(shed: Shed) -> int:
    with shed.app.app_context(), database.reading() as session:
        return session.scalar(select(func.count()).select_from(idempotency.IdempotencyKey)) or 0


def test_the_same_request_again_gets_the_same_answer(shed):
    first, second = shed.post(key=KEY), shed.post(key=KEY)
    assert (first.status_code, first.json) == (201, {**BODY, "version": 7})
    assert (second.status_code, second.data) == (first.status_code, first.data)
    for name in ("Location", "ETag", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert shed.effects() == 1


def test_a_replay_has_its_own_request_id_and_the_language_it_was_written_in(shed):
    shed.post(key=KEY, headers={"Accept-Language": "zh"})
    replay = shed.post(key=KEY, headers={"Accept-Language": "en", "X-Request-Id": "second-request"})
    assert replay.headers["X-Request-Id"] == "second-request"
    assert replay.headers.getlist("Content-Language") == ["zh"]


@pytest.mark.parametrize(
    "other",
    [
        {"json": {**BODY, "boxes": 4}},
        {"data": json.dumps(BODY) + " ", "content_type": "application/json"},
        {"json": BODY, "query_string": "a=1"},
        {"json": BODY, "path": "/v1/counties"},
    ],
)
def test_the_key_with_another_request_is_refused(shed, other):
    shed.post(key=KEY)
    path = other.pop("path", "/v1/shed/boxes")
    if path == "/v1/counties":
        operator = house.caller(shed.app, Role.OPERATOR)
        county = {"code": "YJ", "name_en": "Yijun", "name_zh": "宜君"}
        assert operator.post("/v1/shed/boxes", json=BODY, key=KEY).status_code == 201
        answer = operator.post(path, json=county, key=KEY)
        assert shed.effects() == 2
    else:
        answer = shed.app.test_client().post(path, headers={"Idempotency-Key": KEY}, **other)
        assert shed.effects() == 1
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")


def test_a_body_that_is_not_valid_uses_up_no_key(shed):
    assert shed.post({"name": "", "boxes": 0}, key=KEY).status_code == 422
    assert shed.post(key=KEY).status_code == 201


@pytest.mark.parametrize(
    "key",
    [
        "x" * 15,
        "x" * 256,
        "with a space in it",
        "tab\tin-the-middle-of",
        "é" * 16,
        "苹果" * 10,
        "\x7f" * 16,
        "x" * 70_000,
    ],
)
def test_a_key_of_another_form_is_malformed(shed, key):
    answer = shed.post(headers={"Idempotency-Key": key.encode().decode("latin-1")})
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_malformed")
    assert shed.effects() == 0


@pytest.mark.parametrize(
    "key", ["!" * 16, "~" * 255, "../../etc/passwd-and-more", "'; DROP TABLE x;--", '{"a":"%00%s"}____']
)
def test_a_key_is_any_visible_ascii(shed, key):
    key = key.replace(" ", "_")
    assert [shed.post(key=key).headers.get(REPLAYED) for _ in range(2)] == [None, "true"]


def test_no_key_and_an_empty_key_are_refused(shed):
    assert shed.post().json["code"] == "idempotency_key_missing"
    assert shed.post(headers={"Idempotency-Key": ""}).status_code == 400
    assert shed.effects() == 0


def test_two_keys_are_refused(shed):
    answer = shed.app.test_client().post(
        "/v1/shed/boxes", json=BODY, headers=[("Idempotency-Key", KEY), ("Idempotency-Key", "b" * 20)]
    )
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_malformed")


def test_the_key_of_somebody_else_is_another_key(shed):
    callers = [house.caller(shed.app, Role.SHOPPER) for _ in range(2)] + [house.caller(shed.app)]
    for caller in callers:
        answer = caller.post("/v1/shed/boxes", json=BODY, key=KEY)
        assert REPLAYED not in answer.headers
    assert shed.effects() == len(callers)
    assert callers[0].post("/v1/shed/boxes", json={**BODY, "boxes": 5}, key=KEY).status_code == 422


def test_while_one_is_at_work_the_other_is_told_to_wait(shed):
    is_inside, may_go_on = threading.Event(), threading.Event()

    def slow(session, body):
        is_inside.set()
        assert may_go_on.wait(20)
        return put(session, body)

    shed.act = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shed.post, key=KEY)
        assert is_inside.wait(20)
        second = shed.post(key=KEY)
        other_key = shed.app.test_client().get("/v1/shed/boxes")
        may_go_on.set()
        assert first.result(20).status_code == 201
    assert (second.status_code, second.json["code"], second.headers["Retry-After"]) == (
        409,
        "key_in_flight",
        "1",
    )
    assert other_key.status_code == 200
    assert shed.post(key=KEY).headers[REPLAYED] == "true"
    assert shed.effects() == 1


def test_many_copies_at_once_have_one_effect(shed):
    start = threading.Barrier(64)

    def send(_):
        start.wait(30)
        return shed.post(key=KEY)

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(send, range(64)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} <= {"key_in_flight"}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert sum(answer.status_code == 201 and REPLAYED not in answer.headers for answer in answers) == 1
    assert shed.effects() == 1
    assert shed.post(key=KEY).headers[REPLAYED] == "true"


def test_a_refusal_undoes_the_work_and_is_replayed(shed):
    def refuse(session, body):
        put(session, body)
        session.flush()
        raise ShedFull(boxes=9)

    shed.act = refuse
    first = shed.post(key=KEY)
    shed.act = put
    second = shed.post(key=KEY)
    assert (first.status_code, first.json["boxes"]) == (409, 9)
    assert second.data == first.data
    assert (second.headers[REPLAYED], second.mimetype) == ("true", "application/problem+json")
    assert shed.effects() == 0
    assert shed.post(key=str(uuid.uuid4())).status_code == 201


@pytest.mark.parametrize("refusal", [errors.TryLater, errors.TooMany, database.DatabaseUnavailable])
def test_what_may_succeed_later_is_not_stored(shed, refusal):
    def refuse(session, body):
        put(session, body)
        raise refusal

    shed.act = refuse
    answer = shed.post(key=KEY)
    assert answer.status_code in (429, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert (keys_stored(shed), shed.effects()) == (0, 0)
    shed.act = put
    assert shed.post(key=KEY).status_code == 201


@pytest.mark.parametrize(
    "failure", [RuntimeError("between work and commit"), ZeroDivisionError(), KeyError("x")]
)
def test_a_failure_of_our_own_leaves_no_trace(shed, failure):
    def fail(session, body):
        put(session, body)
        session.flush()
        raise failure

    shed.act = fail
    assert shed.post(key=KEY).status_code == 500
    assert (keys_stored(shed), shed.effects()) == (0, 0)
    shed.act = put
    answer = shed.post(key=KEY)
    assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    assert shed.effects() == 1


def test_a_refusal_does_not_overwrite_the_answer_of_the_other_copy(shed):
    """The first copy refuses, and before it stores that, the second has succeeded."""

    def refuse_late(session, body):
        session.rollback()
        shed.act = put
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(shed.post, key=KEY).result(20).status_code == 201
        raise ShedFull

    shed.act = refuse_late
    answer = shed.post(key=KEY)
    assert (answer.status_code, answer.headers[REPLAYED]) == (201, "true")
    assert shed.effects() == 1


def test_a_door_without_a_key_runs_each_time(shed):
    assert [shed.post(path="marks", key=KEY).status_code for _ in range(2)] == [200, 200]
    assert (keys_stored(shed), shed.effects()) == (0, 2)


@pytest.mark.parametrize(("days", "left"), [(7, 2), (1, 1), (400, 3)])
def test_old_keys_are_forgotten_but_never_before_three_days(shed, days, left):
    for _ in range(3):
        shed.post(key=str(uuid.uuid4()))
    with shed.app.app_context():
        ctx = context.system()

        def age(session):
            session.execute(
                text(
                    "UPDATE idempotency_key k SET created_at = now() - a.days * interval '1 day' FROM "
                    "(SELECT key, (ARRAY[8, 3.1, 2.9])[row_number() OVER ()] AS days FROM idempotency_key) a "
                    "WHERE a.key = k.key"
                )
            )

        database.transact(age)
        gone = database.transact(lambda session: idempotency.forget_old(session, ctx, days=days))

    assert keys_stored(shed) == left
    assert gone == 3 - left


def test_after_a_key_is_forgotten_it_is_free_again(shed):
    shed.post(key=KEY)
    with shed.app.app_context():
        later = replace(context.system(), now=context.now_utc() + timedelta(days=8))
        database.transact(lambda session: idempotency.forget_old(session, later, days=7))
    assert REPLAYED not in shed.post({**BODY, "boxes": 9}, key=KEY).headers
    assert shed.effects() == 2
