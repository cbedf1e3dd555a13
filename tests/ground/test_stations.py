"""What every request passes: request id, language, limits, credentials, access, header fields, one shape of failure."""

import json
import uuid

import pytest

from marketplace import logs
from marketplace.access import ACCESS, Role
from marketplace.door import BODY_BYTES_MAX
from marketplace.stations import DEFAULT_HEADERS, FIXED_HEADERS
from tests import house
from tests.ground import shed as sheds
from tests.ground.shed import BODY, put

KEY = "a-key-of-a-shopper-1"
GUARDED = "/v1/shed/guarded"


def assert_problem(answer, status, code=None):
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= set(answer.json)
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    if code is not None:
        assert answer.json["code"] == code


# Addresses and methods


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1", "/v1/", "/v1/counties/", "/v1/countiesX", "/v1/counties/1", "/v1//counties"],
)
def test_an_unknown_address_is_not_found(shed, path):
    assert_problem(shed.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/v1/counties/%00",
        "/v1/shed/numbers/" + "9" * 4_301,
        "/v1/shed/numbers/" + "9" * 19,
        "/v1/shed/numbers/-1",
        "/v1/shed/numbers/1_0",
        "/v1/shed/numbers/%D9%A3",
        "/v1/jobs/" + "9" * 4_301,
        "/v1/counties/" + "a" * 8_000,
        "/v1/counties/%F0%9F%8D%8E",
        "/v1/counties/%ff%fe",
        "/v1/counties/%ED%A0%80",
        "/v1/counties/%",
        "/v1/counties/%zz",
        "/v1/counties/../../etc/passwd",
        "/v1/counties/..%2f..%2fetc%2fpasswd",
        "/v1/counties/%2e%2e/",
        "/docs/..%2f..%2fsettings.py",
        "/docs/%00",
        "/problems/%00",
        "/problems/" + "x" * 8_000,
        "/problems/%0d%0aSet-Cookie:x=1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_odd_addresses_are_not_found(shed, path, method):
    answer = shed.app.test_client().open(path, method=method, headers={"Idempotency-Key": KEY})
    assert answer.status_code in (401, 404, 405)
    assert_problem(answer, answer.status_code)
    assert "Set-Cookie" not in answer.headers


def test_the_greatest_number_in_an_address_is_read(shed):
    assert shed.get("/v1/shed/numbers/" + "9" * 18).json["boxes"] == 10**18 - 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "GETX"])
def test_a_wrong_method_is_told_the_right_ones(shed, method):
    answer = shed.app.test_client().open("/v1/shed/boxes", method=method)
    assert_problem(answer, 405, "method_not_allowed")
    assert {each.strip() for each in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS", "POST"}


def test_head_is_get_without_a_body(shed):
    got, head = shed.get(), shed.app.test_client().head("/v1/shed/boxes")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_options_names_the_methods_and_does_nothing(shed):
    answer = shed.app.test_client().options("/v1/shed/boxes")
    assert answer.status_code == 200
    assert "POST" in answer.headers["Allow"]
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert shed.effects() == 0


# Request ids


@pytest.mark.parametrize("given", ["a" * 8, "Z" * 64, "req_1.2-3", "01900000-0000-7000-8000-000000000001"])
@pytest.mark.parametrize("path", ["/v1/shed/boxes", "/nothing"])
def test_a_good_request_id_is_echoed(shed, given, path):
    assert shed.get(path, headers={"X-Request-Id": given}).headers.getlist("X-Request-Id") == [given]


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space", "a;b=c-d-e", "<script>x", "é" * 10, "a" * 9_000]
)
def test_another_request_id_is_replaced(shed, given):
    answer = shed.get(headers={"X-Request-Id": given.encode().decode("latin-1")})
    assert uuid.UUID(answer.headers["X-Request-Id"]).version == 7


# Language


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("en", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans", "zh"),
        ("zh-TW", "zh"),
        ("en-GB,zh;q=0.5", "en"),
        ("zh-TW,en;q=0.5", "zh"),
        ("zhx,eng", "en"),
        ("fr, zh;q=0.3", "zh"),
        ("fr", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("*", "en"),
        ("", "en"),
        (";;;,,,q=,", "en"),
        ("zh;q=abc", None),
        ("x" * 8_000, "en"),
    ],
)
def test_the_language_is_the_one_that_is_asked_for(shed, asked, answered):
    answer = shed.get("/nothing", headers={"Accept-Language": asked})
    assert_problem(answer, 404)
    language = answer.headers["Content-Language"]
    assert language in ("en", "zh") if answered is None else language == answered
    assert (
        answer.json["title"] == {"en": "There is nothing here for you.", "zh": "未找到相应内容。"}[language]
    )
    assert "Accept-Language" in answer.headers["Vary"]


# Header fields


@pytest.mark.parametrize(
    "path", ["/v1/shed/boxes", "/nothing", "/healthz", "/docs", "/", "/openapi.json", GUARDED, "/metrics"]
)
def test_security_header_fields_are_everywhere(shed, path):
    answer = shed.get(path)
    for name in FIXED_HEADERS | DEFAULT_HEADERS:
        assert len(answer.headers.getlist(name)) == 1
    assert "'unsafe-eval'" not in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers


def test_what_somebody_is_told_is_private(shed):
    shopper = house.caller(shed.app, Role.SHOPPER)
    assert shopper.get("/v1/shed/boxes").headers["Cache-Control"] == "private, no-store"


# Credentials and access


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "bearer",
        "Bearer x",
        "Bearer x y",
        "Bearer a=b",
        "Bearer é",
        "Bearer \x7f",
        "Bearer " + "x" * 8_000,
        "Basic",
        "Basic %%%",
        "Basic dXNlcjpwYXNz",
        "Digest username=x",
        "Token x",
        "=",
        ",,,",
        "x",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "Bearer null",
        "Bearer x,Bearer y",
    ],
)
@pytest.mark.parametrize("path", ["/v1/shed/boxes", GUARDED])
def test_broken_credentials_are_401_alike(shed, credentials, path):
    answer = shed.get(path, headers={"Authorization": credentials})
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="marketplace"'
    assert answer.json["title"] == answer.json["detail"] == "Log in first."


def test_without_credentials_an_open_door_is_open_and_a_guarded_one_says_so(shed):
    assert shed.get().status_code == 200
    assert_problem(shed.get(GUARDED), 401, "unauthenticated")


def test_the_wrong_role_is_forbidden(shed):
    assert_problem(house.caller(shed.app, Role.SHOPPER).get(GUARDED), 403, "forbidden")
    assert house.caller(shed.app, Role.OPERATOR).get(GUARDED).status_code == 200


@pytest.mark.parametrize(
    "header", ["X-Role", "X-Forwarded-User", "X-Original-URL", "X-HTTP-Method-Override", "X-Actor"]
)
def test_header_fields_give_no_rights(shed, header):
    assert shed.get(GUARDED, headers={header: "operator"}).status_code == 401


def test_a_door_without_an_entry_is_shut_for_everybody(shed, monkeypatch):
    monkeypatch.delitem(ACCESS, "shed.look")
    assert_problem(shed.get(), 401)
    assert_problem(house.caller(shed.app, Role.OPERATOR).get("/v1/shed/boxes"), 403)


# Bodies


def test_a_body_over_the_limit_is_413_and_changes_nothing(shed):
    body = json.dumps({**BODY, "name": "x" * BODY_BYTES_MAX})
    for path in ("boxes", "marks"):
        answer = shed.post(key=KEY, path=path, data=body, content_type="application/json")
        assert_problem(answer, 413, "too_large")
        assert answer.headers["Connection"] == "close"
    assert shed.effects() == 0


def test_a_body_up_to_the_limit_is_read(shed):
    body = json.dumps(BODY)
    answer = shed.post(
        key=KEY, data=body + " " * (BODY_BYTES_MAX - len(body)), content_type="application/json"
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=gbk"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "identity, br"},
    ],
)
def test_a_body_that_is_not_plain_json_is_415(shed, headers):
    answer = shed.post(key=KEY, data=json.dumps(BODY), headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=UTF-8",
        "application/merge-patch+json",
        "APPLICATION/JSON",
    ],
)
def test_every_form_of_json_is_read(shed, kind):
    assert shed.post(key=KEY, data=json.dumps(BODY), content_type=kind).status_code == 201


def test_all_faults_are_told_with_pointers_and_at_most_fifty(shed):
    answer = shed.post({"boxes": 0, "a/b~c": 1}, key=KEY)
    assert_problem(answer, 422, "invalid")
    assert {each["pointer"] for each in answer.json["errors"]} == {"/name", "/boxes", "/a~1b~0c"}
    many = shed.post({f"x{number}": 1 for number in range(500)}, key=KEY)
    assert len(many.json["errors"]) == 50


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=abc",
        "limit=1_0",
        "limit=",
        "limit=1&limit=2",
        "page=1",
        "cursor=x",
        "cursor=",
    ],
)
def test_a_wrong_query_is_told_by_its_parameter(shed, query):
    answer = shed.get(f"/v1/counties?{query}")
    assert_problem(answer, 422, "invalid")
    assert answer.json["errors"][0]["parameter"] == query.partition("=")[0]


# Failures of our own


def test_an_unforeseen_failure_is_a_500_without_its_text_and_one_line_in_the_log(shed, capfd):
    def fail(session, body):
        put(session, body)
        raise RuntimeError("secret-of-the-house")

    shed.act = fail
    logs.configure(shed.app.config["SETTINGS"])
    capfd.readouterr()
    answer = shed.post(key=KEY, headers={"X-Request-Id": "the-request-9"})
    assert_problem(answer, 500, "internal")
    assert "secret-of-the-house" not in answer.text
    assert "Traceback" not in answer.text
    (line,) = [each for each in capfd.readouterr().err.splitlines() if "the-request-9" in each]
    told = json.loads(line)
    assert (told["level"], told["request_id"]) == ("error", "the-request-9")
    assert "secret-of-the-house" in told["exception"]
    assert shed.effects() == 0


def test_a_failing_read_is_a_500_too(shed):
    shed.see = lambda session: 1 / 0
    assert_problem(shed.get(), 500, "internal")
    shed.see = lambda session: None
    assert shed.get().status_code == 200


# Limits


def test_one_too_many_is_a_429_that_knows_its_request(database_urls, monkeypatch):
    monkeypatch.setattr("marketplace.limits.GENERAL", "2 per minute")
    settings = house.settings_for(database_urls, rate_limits_enabled=True, redis_url=None)
    with sheds.built(settings) as shed:
        answers = [
            shed.get(headers={"X-Request-Id": f"request-{n}", "Accept-Language": "zh"}) for n in range(3)
        ]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert_problem(answers[2], 429)
        assert answers[2].headers["X-Request-Id"] == "request-2"
        assert answers[2].headers["Content-Language"] == "zh"
        assert int(answers[2].headers["Retry-After"]) >= 1
        assert shed.get("/healthz").status_code == 200


# The shell


def test_health_and_readiness(shed):
    assert shed.get("/healthz").json == {"status": "ok"}
    assert shed.get("/readyz").json["status"] == "ready"


def test_every_refusal_has_its_page_in_both_languages(shed):
    for language in ("en", "zh"):
        page = shed.get("/problems/shed-full", headers={"Accept-Language": language})
        assert page.status_code == 200
        assert {"en": "The shed is full.", "zh": "库房已满。"}[language] in page.text
    assert_problem(shed.get("/problems/never-heard-of"), 404)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/init.js", "/docs/swagger-ui.css", "/openapi.json"])
def test_the_pages_are_there(shed, path):
    with shed.get(path) as answer:
        assert answer.status_code == 200
        assert answer.data


def test_the_docs_load_nothing_from_outside(shed):
    for path in ("/", "/docs", "/problems/shed-full"):
        page = shed.get(path)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert 'src="http' not in page.text
        assert 'href="http' not in page.text


def test_the_docs_can_be_switched_off(database_urls):
    with sheds.built(house.settings_for(database_urls, docs_enabled=False)) as shed:
        assert_problem(shed.get("/docs"), 404)
        assert_problem(shed.get("/docs/init.js"), 404)
        assert shed.get("/").status_code == 200


def test_the_numbers_are_for_who_has_the_token(database_urls):
    with sheds.built(house.settings_for(database_urls, metrics_token="right")) as shed:
        assert_problem(shed.get("/metrics"), 403)
        assert_problem(
            shed.get("/metrics", headers={"X-Metrics-Token": "wröng".encode().decode("latin-1")}), 403
        )
        assert "http_requests_total" in shed.get("/metrics", headers={"X-Metrics-Token": "right"}).text
