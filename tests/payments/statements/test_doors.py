"""Doors of statements: what is no statement is refused with its lines, lists come in pages, only staff looks in."""

import uuid

import pytest

from marketplace.access import Role
from marketplace.payments.statements import uploading
from tests.builders import Market, assert_refused
from tests.house import Caller
from tests.payments.statements.files import camt, camt_entry, line, send, table, uploaded, work_off


def test_the_same_file_is_one_statement(market: Market, operator: Caller) -> None:
    data, key = table(line("B1")), str(uuid.uuid4())
    first = send(operator, data, key=key)
    assert first.status_code == 201
    assert first.headers["Location"] == f"/v1/bank-statements/{first.json['id']}"
    assert send(operator, data, key=key).json == first.json
    work_off(market.app)
    with market.unchanged():
        again = assert_refused(send(operator, data), 409, "statement_known")
        assert again["statement_id"] == first.json["id"]
        assert_refused(send(operator, data, account="OTHER"), 409, "statement_known")
        assert_refused(send(operator, data, trial=True), 409, "statement_known")


@pytest.mark.parametrize(
    ("data", "options", "fault", "at"),
    [
        (b"", {}, "empty", 1),
        (b"a,b\n1,2\n", {}, "no_heading", 1),
        (table(line("B1")) + b"\0", {}, "nul", 3),
        (b"<html/>", {"format": "camt_053"}, "not_camt", 1),
        (camt(camt_entry("K1"), prologue="<!DOCTYPE a>\n"), {"format": "camt_053"}, "doctype", 2),
        (table({**line("B1"), "amount": "1,000.00"}), {}, "amount_separated", 2),
    ],
)
def test_a_file_with_nothing_good_in_it_is_refused_and_nothing_is_stored(
    market: Market, operator: Caller, data: bytes, options: dict, fault: str, at: int
) -> None:
    with market.unchanged():
        for trial in (True, False):
            refused = assert_refused(send(operator, data, trial=trial, **options), 422, "statement_refused")
            assert (refused["errors"][0]["fault"], refused["errors"][0]["line"]) == (fault, at)
            assert refused["errors"][0]["detail"]


def test_faults_are_said_in_the_language_asked_for(market: Market, operator: Caller) -> None:
    path = "/v1/bank-statements?account=B&format=generic_csv"
    for language, word in (("en", "separators"), ("zh", "千位")):
        bad = table({**line("B1"), "amount": "1,000.00"})
        answer = operator.post(path, data=bad, content_type="text/csv", headers={"Accept-Language": language})
        assert word in answer.json["errors"][0]["detail"]


def test_a_file_with_too_many_bad_lines_is_refused(market: Market, operator: Caller, monkeypatch) -> None:
    monkeypatch.setattr(uploading, "FAULTS_MAX", 2)
    bad = [{**line(f"B{number}"), "amount": "x"} for number in range(3)]
    with market.unchanged():
        refused = assert_refused(send(operator, table(line("GOOD"), *bad)), 422, "statement_refused")
        assert [each["line"] for each in refused["errors"]] == [3, 4, 5]
    assert send(operator, table(line("GOOD"), *bad[:2])).json["bad_lines"] == 2


def test_a_file_that_is_too_large_is_refused(market: Market, operator: Caller, monkeypatch) -> None:
    monkeypatch.setattr(uploading, "BYTES_MAX", 100)
    with market.unchanged():
        assert_refused(send(operator, table(line("B1"))), 422, "statement_too_large")


def test_more_bytes_than_any_statement_are_not_read(market: Market, operator: Caller) -> None:
    with market.unchanged():
        assert_refused(send(operator, b"x" * (uploading.BYTES_MAX + 200_000)), 413, "too_large")


@pytest.mark.parametrize(
    ("statement_format", "content_type", "headers"),
    [
        ("generic_csv", "application/json", {}),
        ("generic_csv", "application/xml", {}),
        ("camt_053", "text/csv", {}),
        ("generic_csv", "text/csv", {"Content-Encoding": "gzip"}),
    ],
)
def test_the_body_is_what_its_format_says(
    market: Market, operator: Caller, statement_format: str, content_type: str, headers: dict
) -> None:
    path = f"/v1/bank-statements?account=B&format={statement_format}"
    with market.unchanged():
        answer = operator.post(path, data=table(line("B1")), content_type=content_type, headers=headers)
        assert_refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "query",
    [
        "format=generic_csv",
        "account=B",
        "account=B&format=pdf",
        "account=a%20b&format=generic_csv",
        f"account={'x' * 21}&format=generic_csv",
        f"account=B&format=generic_csv&name={'x' * 121}",
        "account=B&format=generic_csv&name=a%00b",
        "account=B&account=C&format=generic_csv",
        "account=B&format=generic_csv&books=true",
    ],
)
def test_what_is_said_of_a_file_is_checked(market: Market, operator: Caller, query: str) -> None:
    with market.unchanged():
        answer = operator.post(
            f"/v1/bank-statements?{query}", data=table(line("B1")), content_type="text/csv"
        )
        assert_refused(answer, 422, "invalid")


def test_a_day_without_movement_is_a_statement(market: Market, operator: Caller) -> None:
    shown = uploaded(market.app, operator)
    assert (shown["lines"], shown["progress"]) == (0, [])


def test_bad_lines_are_listed_in_pages_in_their_order(market: Market, operator: Caller) -> None:
    bad = [{**line(f"B{number}"), "amount": "x"} for number in range(25)]
    shown = uploaded(market.app, operator, line("GOOD"), *bad)
    assert shown["bad_lines"] == 25
    url = f"/v1/bank-statements/{shown['id']}/faults"
    first = operator.get(f"{url}?limit=20").json
    rest = operator.get(f"{url}?limit=20&cursor={first['next_cursor']}").json
    assert [each["line"] for each in (*first["items"], *rest["items"])] == list(range(3, 28))
    assert rest["next_cursor"] is None


def test_open_entries_are_listed_in_pages(market: Market, operator: Caller) -> None:
    shown = uploaded(market.app, operator, *(line(f"B{number}") for number in range(5)))
    uploaded(market.app, operator, line("C1", direction="debit"), account="OTHER")
    listed = operator.get("/v1/bank-entries?state=open&reason=no_reference&limit=3").json
    assert len(listed["items"]) == 3
    rest = operator.get(f"/v1/bank-entries?state=open&limit=3&cursor={listed['next_cursor']}").json
    assert len({each["id"] for each in (*listed["items"], *rest["items"])}) == 5
    assert len(operator.get("/v1/bank-entries?direction=debit").json["items"]) == 1
    assert len(operator.get("/v1/bank-entries?account=OTHER").json["items"]) == 1
    assert len(operator.get(f"/v1/bank-entries?statement_id={shown['id']}").json["items"]) == 5
    statements = operator.get("/v1/bank-statements?limit=1").json
    assert (len(statements["items"]), statements["items"][0]["id"]) == (1, shown["id"])
    assert_refused(operator.get("/v1/bank-entries?state=lost"), 422, "invalid")


def test_an_auditor_sees_and_does_nothing(market: Market, operator: Caller, as_role) -> None:
    shown = uploaded(market.app, operator, line("B1"), {**line("B2"), "amount": "x"})
    auditor = as_role(Role.AUDITOR)
    [entry] = auditor.get("/v1/bank-entries").json["items"]
    assert auditor.get(f"/v1/bank-entries/{entry['id']}").json == entry
    assert auditor.get(f"/v1/bank-statements/{shown['id']}").json == shown
    assert len(auditor.get(f"/v1/bank-statements/{shown['id']}/faults").json["items"]) == 1
    others = [as_role(role) for role in (Role.SHOPPER, Role.COOPERATIVE, Role.BUYER)]
    with market.unchanged():
        for who in (auditor, *others):
            assert_refused(send(who, table(line("B3"))), 403, "forbidden")
            assert_refused(send(who, table(line("B3")), trial=True), 403, "forbidden")
            assert_refused(who.post(f"/v1/bank-statements/{shown['id']}/rematch"), 403, "forbidden")
        for who in others:
            assert_refused(who.get("/v1/bank-entries"), 403, "forbidden")


def test_what_is_not_there_is_not_found(market: Market, operator: Caller) -> None:
    nothing = uuid.uuid4()
    with market.unchanged():
        for path in (f"/v1/bank-statements/{nothing}", f"/v1/bank-statements/{nothing}/faults"):
            assert_refused(operator.get(path), 404, "statement_not_found")
        assert_refused(operator.post(f"/v1/bank-statements/{nothing}/rematch"), 404, "statement_not_found")
        assert_refused(operator.get(f"/v1/bank-entries/{nothing}"), 404, "entry_not_found")
        closing = {"reason": "not_ours", "note": "x"}
        for step, body in (("closing", closing), ("reopening", {"note": "x"})):
            answer = operator.post(f"/v1/bank-entries/{nothing}/{step}", json=body)
            assert_refused(answer, 404, "entry_not_found")
