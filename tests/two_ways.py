"""An answer of the fast path beside that of the views."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from marketplace import fast_path
from marketplace.fast_path import FastPath

OWN = ("X-Request-Id", "Date")


@contextmanager
def usual_way(app: Flask) -> Iterator[None]:
    """Everything is served by Flask and the views."""
    assert isinstance(app.wsgi_app, FastPath)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app.wsgi_app, "_doors", {})
        yield


@pytest.fixture
def ways(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which doors were served by the fast path."""
    taken: list[str] = []
    answered = fast_path._answered

    def noting(passage: fast_path.Passage, *rest: Any) -> Any:
        taken.append(passage.fast.endpoint)
        return answered(passage, *rest)

    monkeypatch.setattr(fast_path, "_answered", noting)
    return taken


def told(response: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer, without what is the request's own."""
    own = response.headers["X-Request-Id"].encode()
    headers = [(name, value) for name, value in response.headers.items() if name not in OWN]
    return response.status_code, response.data.replace(own, b"own"), sorted(headers)


def both_ways(app: Flask, ways: list[str], ask: Callable[[], TestResponse]) -> TestResponse:
    """The answer, which is the same on either way."""
    ways.clear()
    quick = ask()
    assert len(ways) == 1, "it was plain"
    with usual_way(app):
        assert told(ask()) == told(quick)
    assert len(ways) == 1
    return quick
