"""Laws of waits, rests, signatures and the catalogue."""

import base64
import hashlib
import hmac
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.webhooks import rules, signing
from marketplace.webhooks.catalogue import BY_NAME, EVENT_TYPES, WISHED, Form, NotAsWritten
from marketplace.webhooks.rules import Health, health_after, wait_seconds

NOW = datetime(2026, 10, 1, tzinfo=UTC)


@given(st.integers(1, 9), st.integers(-500, 500))
def test_a_wait_is_near_its_step_and_never_nothing(tries, shift):
    found = wait_seconds(tries, shift_permille=shift)
    step = rules.WAITS_SECONDS[tries - 1]
    assert found is not None
    assert found >= 1
    assert step * 8 // 10 <= found <= step * 12 // 10


def test_waits_grow_and_end():
    waits = [wait_seconds(tries, shift_permille=0) for tries in range(1, rules.TRIES_MAX)]
    assert waits == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert wait_seconds(rules.TRIES_MAX, shift_permille=0) is None
    assert wait_seconds(0, shift_permille=0) is None


@given(st.lists(st.booleans(), max_size=40))
def test_health_follows_its_last_attempts(accepted):
    health, failures = rules.WELL, 0
    for step, is_accepted in enumerate(accepted):
        at = NOW + timedelta(minutes=step)
        health = health_after(health, is_accepted=is_accepted, at=at)
        failures = 0 if is_accepted else failures + 1
        assert health.failures_in_row == failures
        assert (health.failing_since is None) == (failures == 0)
        assert health.is_suspect == (failures >= rules.FAILURES_BEFORE_REST)
        assert (health.rests_until is not None) == health.is_suspect
        if health.rests_until is not None:
            rest = (health.rests_until - at).total_seconds()
            assert rules.REST_SECONDS_MIN <= rest <= rules.REST_SECONDS_MAX
            assert health.is_resting(at)
            assert not health.is_resting(health.rests_until)


def test_an_endpoint_is_given_up_after_five_days_without_an_answer():
    health = Health(failures_in_row=1, failing_since=NOW)
    assert not health.is_given_up(NOW + timedelta(days=5, seconds=-1))
    assert health.is_given_up(NOW + timedelta(days=5))
    assert not rules.WELL.is_given_up(NOW)


@given(st.binary(max_size=200), st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3))
def test_every_secret_signs_by_the_standard(body, keys):
    fields = signing.headers("msg", 1_700_000_000, body, keys)
    expected = [
        "v1," + base64.b64encode(hmac.new(key, b"msg.1700000000." + body, hashlib.sha256).digest()).decode()
        for key in keys
    ]
    assert fields["webhook-signature"].split(" ") == expected
    assert (fields["webhook-id"], fields["webhook-timestamp"]) == ("msg", "1700000000")


def test_the_example_of_the_standard_is_signed_as_it_says():
    """The one that libraries of the standard test themselves with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    fields = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert fields["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_is_shown_as_the_standard_has_it(key):
    text = signing.secret_text(key)
    assert text.startswith("whsec_")
    assert base64.b64decode(text.removeprefix("whsec_"), validate=True) == key


SAMPLES = {Form.ID: uuid.uuid4(), Form.WHOLE: 7, Form.WORD: "open", Form.INSTANT: NOW, Form.NOTE: "signed\n"}


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.name)
def test_an_event_is_written_as_its_schema_says(kind):
    data = {name: SAMPLES[form] for name, form in kind.data.items()}
    written = kind.written(data)
    schema = kind.schema()
    assert set(written) == set(schema["required"]) == set(schema["properties"])
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind.name)
    assert kind.says.en.endswith(".")
    assert kind.says.zh.endswith("。")
    assert kind.nullable <= set(kind.data)
    with pytest.raises(NotAsWritten):
        kind.written({**data, "more": 1})
    for name, form in kind.data.items():
        with pytest.raises(NotAsWritten):
            kind.written({other: value for other, value in data.items() if other != name})
        with pytest.raises(NotAsWritten):
            kind.written({**data, name: True if form is Form.WHOLE else 1})
        if name in kind.nullable:
            assert kind.written({**data, name: None})[name] is None
        else:
            with pytest.raises(NotAsWritten):
                kind.written({**data, name: None})


def test_nothing_about_a_person_is_in_any_event():
    """Persons have ids, names, phones, addresses; none is named here, nor any free text somebody typed."""
    named = {name for kind in EVENT_TYPES for name in kind.data}
    personal = re.compile(
        r"buyer|payer|owner|account|shopper|actor|phone|address|household|login|email|reason_text|title|words"
    )
    assert not {name for name in named if personal.search(name)}
    assert {form for kind in EVENT_TYPES for form in kind.data.values()} <= set(Form)


def test_names_are_told_once():
    assert len(BY_NAME) == len(EVENT_TYPES)
    assert set(WISHED) == set(BY_NAME) - {"webhook.test", "webhook_endpoint.disabled"}
