"""What is refused outside of the API: a page for a browser, problem+json for a program, the same facts in both."""

from types import SimpleNamespace

import pytest
from flask import Flask

from marketplace import pages
from tests.campaigns.web import html
from tests.house import Caller

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ask(app: Flask, path: str, accept: str, language: str = "en", method: str = "GET"):
    headers = {"Accept": accept, "Accept-Language": language}
    return app.test_client().open(path, method=method, headers=headers)


@pytest.mark.parametrize("path", ["/campaigns/nothing", "/nothing", "/problems/never-heard-of", "/assets/x"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_browser_is_told_in_a_page(app: Flask, path: str, language: str) -> None:
    answer = ask(app, path, BROWSER, language)
    problem = ask(app, path, "*/*", language)
    assert answer.status_code == problem.status_code == 404
    assert (answer.mimetype, problem.mimetype) == ("text/html", "application/problem+json")
    assert answer.headers["Content-Security-Policy"] == pages.POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert problem.json["title"] in answer.text
    assert problem.json["code"] in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert 'href="/campaigns"' in answer.text


def test_the_api_answers_programs_whatever_they_say_they_take(app: Flask) -> None:
    for path in ("/v1/campaigns/nothing", "/v1/nothing"):
        assert ask(app, path, BROWSER).mimetype == "application/problem+json"


@pytest.mark.parametrize("accept", ["", "application/json", "text/html;q=0", "*/*", ";;;", "text/*"])
def test_who_does_not_ask_for_a_page_gets_the_problem(app: Flask, accept: str) -> None:
    assert ask(app, "/campaigns/nothing", accept).mimetype == "application/problem+json"


def test_other_methods_are_refused_in_a_page_with_what_is_allowed(app: Flask) -> None:
    answer = ask(app, "/campaigns", BROWSER, method="POST")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


def test_what_is_broken_is_told_without_details(app: Flask, monkeypatch) -> None:
    def broken(*_args, **_kwargs):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("campaigns.web.reading.listing", broken)
    answer = ask(app, "/campaigns", BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "secret" not in answer.text


def test_who_calls_too_often_is_told_when_to_come_back(app: Flask, monkeypatch) -> None:
    monkeypatch.setitem(app.extensions, "limits", SimpleNamespace(take_roughly=lambda *_args: 7))
    answer = ask(app, "/campaigns", BROWSER)
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (429, "text/html", "7")


def test_the_page_of_a_refusal_is_well_formed(anyone: Caller) -> None:
    answer = ask(anyone.app, "/campaigns/<script>", BROWSER)
    assert answer.status_code == 404
    text = answer.text.partition("<style>")[0] + answer.text.partition("</style>")[2]
    found = html.read(text)
    assert not found.every("script")
