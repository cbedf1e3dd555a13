"""The log: one line for each event, nothing secret, nothing forged."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, g

from marketplace import logs
from marketplace.logs import log
from marketplace.settings import Settings

plain = logging.getLogger("a library")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The suite's own logging comes back."""
    root = logging.getLogger()
    level = root.level
    yield
    logs.configure(Settings(log_level="ERROR"))
    root.setLevel(level)


def configure(log_format: str = "json", log_level: str = "INFO") -> None:
    logs.configure(Settings(log_format=log_format, log_level=log_level))


def fail(text: str) -> None:
    raise ValueError(text)


def lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object_with_time_and_level(capsys: Capture) -> None:
    configure()
    log.info("apples arrived", boxes=12)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["boxes"]) == ("apples arrived", "info", 12)
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_a_library_s_lines_look_like_ours(capsys: Capture) -> None:
    configure()
    plain.warning("%s boxes", 12)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("12 boxes", "warning", "a library")


def test_the_level_of_the_settings_decides(capsys: Capture) -> None:
    configure(log_level="WARNING")
    log.info("quiet")
    plain.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_configuring_again_does_not_write_twice(capsys: Capture) -> None:
    for _ in range(3):
        configure()
    log.info("once")
    assert len(lines(capsys)) == 1


def test_the_last_configuration_counts_also_for_loggers_used_before(capsys: Capture) -> None:
    configure()
    log.info("as json")
    configure("text")
    log.info("as text")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["event"] == "as json"
    assert "as text" in second
    assert not second.startswith("{")


def test_a_line_names_its_request(capsys: Capture) -> None:
    configure()
    with Flask("a").app_context():
        g.request_id = "request-17"
        log.info("inside")
        plain.info("inside too")
    log.info("outside")
    inside, inside_too, outside = lines(capsys)
    assert inside["request_id"] == inside_too["request_id"] == "request-17"
    assert "request_id" not in outside


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "Authorization", "password", "new_password", "password_hash", "code", "login_code",
        "loginCode", "token", "access_token", "X-Metrics-Token", "key", "api_key", "apikey", "Idempotency-Key",
        "secret", "SECRET_KEY", "cookie", "Set-Cookie", "keys",
    ],
)  # fmt: skip
def test_a_field_whose_name_says_secret_is_masked(name: str, capsys: Capture) -> None:
    configure()
    log.info("event", **{name: "hunter2"}, nested={"deep": [{name: "hunter2"}]})
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["status", "boxes", "key_count", "keyboard", "decoded", "path", "codec"])
def test_other_fields_are_not_masked(name: str, capsys: Capture) -> None:
    configure()
    log.info("event", **{name: "shown"})
    assert lines(capsys)[0][name] == "shown"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "bearer hunter2, and more",
        "Basic hunter2",
        "postgresql+psycopg://owner:hunter2@127.0.0.1/apples",
        "redis://:hunter2@cache:6379/0",
        "/v1/sessions?token=hunter2&limit=3",
        "DETAIL: login_code=hunter2",
        "password=hunter2",
    ],
)
def test_a_secret_inside_of_a_text_is_masked(text: str, capsys: Capture) -> None:
    configure()
    log.info(text, detail=text, nested=[text])
    plain.error("%s", text)
    try:
        fail(text)
    except ValueError:
        log.exception("failed")
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("character", ["\n", "\r", "\r\n", "\x1b[2J", "\x00", "\u2028", "\u0085", "\u202e"])
def test_a_value_cannot_forge_a_line(log_format: str, character: str, capsys: Capture) -> None:
    configure(log_format)
    forged = f'x{character}{{"event": "forged"}}'
    log.info(forged, path=forged)
    log.info("event", **{f"name{character}": 1})
    plain.warning("%s", forged)
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 3
    assert character not in written.replace("\n", "", 0 if character != "\n" else 3)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_belongs_to_its_line(log_format: str, capsys: Capture) -> None:
    configure(log_format)
    try:
        fail("first\n2026-01-01 INFO forged")
    except ValueError:
        log.exception("failed")
        plain.exception("failed too")
    written = capsys.readouterr().err
    assert "ValueError" in written
    if log_format == "json":
        assert len(written.splitlines()) == 2
    else:
        assert len([line for line in written.splitlines() if not line.startswith("    | ")]) == 2


def test_strange_values_are_written_and_never_break_the_caller(capsys: Capture) -> None:
    configure()
    endless: dict[str, Any] = {}
    endless["again"] = endless
    log.info("event", endless=endless, many={1, 2}, lone="\ud800", thing=object(), bytes=b"\xff")
    (line,) = lines(capsys)
    assert line["many"] == [1, 2]
    assert "object" in line["thing"]


def test_auto_is_json_where_nobody_looks(capsys: Capture) -> None:
    configure("auto")
    log.info("event")
    assert lines(capsys)[0]["event"] == "event"


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    "path", ["/v1/lots", "/v1?token=hunter2", "/a\n\u2028\ud800\x1b", "/苹果 key=hunter2", "/Bearer hunter2"]
)
def test_a_request_s_line_is_the_line_of_any_event(log_format: str, path: str, capsys: Capture) -> None:
    configure(log_format)
    facts: dict[str, Any] = {
        "method": "GET", "route": None, "path": path, "status": 200, "milliseconds": 1.5, "actor": "anonymous",
        "request_id": "request-17",
    }  # fmt: skip
    log.info("request", **facts)
    logs.request(**facts)
    one, other = (_timeless(line, log_format) for line in capsys.readouterr().err.splitlines())
    assert one == other
    assert "hunter2" not in str(one)


def _timeless(line: str, log_format: str) -> Any:
    if log_format == "text":
        return line.partition(" ")[2]
    fields = list(json.loads(line).items())
    assert [name for name, _ in fields][-1] == "time"
    assert datetime.fromisoformat(fields[-1][1]).utcoffset() == timedelta(0)
    return fields[:-1]


def test_requests_are_quiet_below_their_level(capsys: Capture) -> None:
    configure(log_level="WARNING")
    logs.request(path="/v1/lots")
    assert lines(capsys) == []
