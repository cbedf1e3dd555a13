"""The ledger at its doors: staff reads all of it, a member its cooperatives' accounts, files are safe to open."""

import csv
import io
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
import pytest

from marketplace import context
from marketplace.access import Role
from marketplace.ledger import reading
from marketplace.values import instant_text
from tests import builders, servers
from tests.builders import assert_refused
from tests.ledger import money

pytestmark = pytest.mark.usefixtures("books")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the ledger was told before a test begins, and of which cooperatives."""

    now: datetime
    one: uuid.UUID
    other: uuid.UUID


@pytest.fixture
def told(app):
    """A deposit and the price of some boxes, two hours ago; a payout an hour later."""
    one, other = builders.build(app).cooperative_ids[:2]
    ctx = context.system()
    earlier = replace(ctx, now=ctx.now - timedelta(hours=2))
    money.post(money.clearing(), money.deposits(), 2_000, ctx=earlier, kind="payment_received")
    money.post(money.clearing(), money.payable(one), 7_400, ctx=earlier, reason="=HYPERLINK(1)")
    later = replace(ctx, now=ctx.now - timedelta(hours=1))
    money.post(money.payable(one), money.bank(), 400, ctx=later)
    money.post(money.clearing(), money.payable(other), 1, ctx=later)
    return Told(now=ctx.now, one=one, other=other)


@pytest.fixture
def auditor(as_role):
    return as_role(Role.AUDITOR)


@pytest.fixture
def member(app, as_role, told):
    """Of the first cooperative."""
    return as_role(Role.COOPERATIVE, cooperative_ids=(told.one,))


def table(response):
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    data = response.get_data()
    assert data.startswith(b"\xef\xbb\xbf"), "spreadsheets know UTF-8 by this mark"
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_the_trial_balance_of_now_and_of_the_past(told, auditor):
    now = auditor.get("/v1/ledger/trial-balance").json
    past = auditor.get(
        "/v1/ledger/trial-balance", query_string={"at": instant_text(told.now - timedelta(minutes=90))}
    ).json

    balances = {line["code"]: line["balance_minor"] for line in now["lines"]}
    assert balances == {
        "psp_clearing": 9_401,
        "bank": -400,
        "deposit_liability": 2_000,
        "coop_payable": 7_001,
    }
    assert {line["code"]: line["balance_minor"] for line in past["lines"]} == {
        "psp_clearing": 9_400,
        "deposit_liability": 2_000,
        "coop_payable": 7_400,
    }
    for page in (now, past):
        [total] = page["totals"]
        assert (total["difference_minor"], total["decimals"]) == (0, 2)
    assert now["at"] is None
    [payable] = [line for line in now["lines"] if line["code"] == "coop_payable"]
    assert (payable["accounts"], payable["normal_side"], payable["group"]) == (2, "credit", "liability")


def test_names_follow_the_language(told, auditor):
    chinese = auditor.get("/v1/ledger/trial-balance", headers={"Accept-Language": "zh"}).json
    assert {"code": "bank", "name": "银行存款"}.items() <= next(
        line.items() for line in chinese["lines"] if line["code"] == "bank"
    )


@pytest.mark.parametrize("query", [{"at": "yesterday"}, {"at": "2026-11-26"}, {"day": "2026-11-26"}])
def test_an_instant_that_is_none_is_refused(auditor, query):
    for door in ("trial-balance", "trial-balance.csv"):
        assert_refused(auditor.get(f"/v1/ledger/{door}", query_string=query), 422, "invalid")


def test_accounts_are_found_by_what_they_are(told, auditor):
    def found(**query):
        return auditor.get("/v1/ledger/accounts", query_string=query).json["items"]

    assert len(found()) == 5
    assert {each["owner_id"] for each in found(code="coop_payable")} == {str(told.one), str(told.other)}
    [mine] = found(owner_kind="cooperative", owner_id=str(told.one))
    assert (mine["balance_minor"], mine["available_minor"], mine["has_floor"]) == (7_000, 7_000, True)
    assert found(currency="JPY") == found(code="nothing") == []
    shown = auditor.get(f"/v1/ledger/accounts/{mine['id']}")
    assert shown.json == mine


def test_accounts_come_in_pages(told, auditor):
    ids, query = [], {"limit": 2}
    while True:
        page = auditor.get("/v1/ledger/accounts", query_string=query)
        ids += [each["id"] for each in page.json["items"]]
        if page.json["next_cursor"] is None:
            break
        assert page.json["next_cursor"] in page.headers["Link"]
        query["cursor"] = page.json["next_cursor"]
    assert len(set(ids)) == len(ids) == 5


def test_a_member_sees_the_accounts_of_its_cooperative_alone(told, member):
    [mine] = member.get("/v1/ledger/accounts").json["items"]
    assert mine["owner_id"] == str(told.one)
    assert member.get("/v1/ledger/accounts", query_string={"owner_id": str(told.other)}).json["items"] == []
    assert member.get(f"/v1/ledger/accounts/{mine['id']}").status_code == 200
    assert len(member.get(f"/v1/ledger/accounts/{mine['id']}/statement").json["items"]) == 2
    for account in (money.payable(told.other), money.clearing()):
        for end in ("", "/statement", "/statement.csv"):
            path = f"/v1/ledger/accounts/{account.id}{end}"
            assert_refused(member.get(path), 404, "ledger_account_not_found")
    for door in ("trial-balance", "trial-balance.csv", "transfers", "transfers.csv", f"transfers/{told.one}"):
        assert member.get(f"/v1/ledger/{door}").status_code == 403


def test_who_is_in_no_cooperative_sees_no_account(told, as_role):
    for role, status in ((Role.SHOPPER, 403), (Role.BUYER, 403)):
        assert as_role(role).get("/v1/ledger/accounts").status_code == status


def test_a_statement_runs_through_its_pages(told, auditor):
    path = f"/v1/ledger/accounts/{money.payable(told.one).id}/statement"
    first = auditor.get(path, query_string={"limit": 1})
    second = auditor.get(path, query_string={"limit": 1, "cursor": first.json["next_cursor"]})

    shown = [(each["side"], each["amount_minor"], each["balance_minor"]) for each in first.json["items"]]
    assert shown == [("credit", 7_400, 7_400)]
    [line] = second.json["items"]
    assert (line["side"], line["amount_minor"], line["balance_minor"]) == ("debit", 400, 7_000)
    assert second.json["next_cursor"] is None
    assert f"cursor={first.json['next_cursor']}" in first.headers["Link"]
    assert first.json["account"]["balance_minor"] == 7_000


def test_a_statement_of_some_days_begins_with_what_was_there(told, auditor):
    path = f"/v1/ledger/accounts/{money.payable(told.one).id}/statement"
    since = instant_text(told.now - timedelta(minutes=90))
    assert [
        each["balance_minor"] for each in auditor.get(path, query_string={"since": since}).json["items"]
    ] == [7_000]
    assert [
        each["balance_minor"] for each in auditor.get(path, query_string={"until": since}).json["items"]
    ] == [7_400]


def test_the_journal_is_asked_by_kind_source_account_and_time(told, auditor):
    def found(**query):
        return auditor.get("/v1/ledger/transfers", query_string=query).json["items"]

    assert len(found()) == 4
    [deposit] = found(kind="payment_received")
    assert found(source_id=deposit["source_id"]) == [deposit]
    assert len(found(account_id=str(money.payable(told.one).id))) == 2
    assert len(found(since=instant_text(told.now - timedelta(minutes=90)))) == 2
    assert len(found(until=instant_text(told.now - timedelta(minutes=90)))) == 2
    assert [(each["code"], each["side"], each["amount_minor"]) for each in deposit["entries"]] == [
        ("psp_clearing", "debit", 2_000),
        ("deposit_liability", "credit", 2_000),
    ]
    assert auditor.get(f"/v1/ledger/transfers/{deposit['id']}").json == deposit
    assert_refused(auditor.get(f"/v1/ledger/transfers/{uuid.uuid4()}"), 404, "ledger_transfer_not_found")


def test_files_hold_amounts_without_signs_and_cells_that_run_nothing(told, auditor):
    trial = table(auditor.get("/v1/ledger/trial-balance.csv"))
    journal = table(auditor.get("/v1/ledger/transfers.csv"))
    statement = table(auditor.get(f"/v1/ledger/accounts/{money.payable(told.one).id}/statement.csv"))

    assert {(row["code"], row["balance"], row["side"]) for row in trial} == {
        ("bank", "4.00", "credit"),
        ("coop_payable", "70.01", "credit"),
        ("deposit_liability", "20.00", "credit"),
        ("psp_clearing", "94.01", "debit"),
        ("", "", ""),
    }
    assert trial[-1]["debit"] == trial[-1]["credit"] == "98.01"
    assert len(journal) == 8
    assert [(row["debit"], row["credit"], row["balance"]) for row in statement] == [
        ("", "74.00", "74.00"),
        ("4.00", "", "70.00"),
    ]
    assert statement[0]["reason"] == "'=HYPERLINK(1)"
    for row in (*trial, *journal, *statement):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "1001"), ("KWD", "1.001"), ("CNY", "10.01")])
def test_amounts_have_the_decimals_of_their_currency(app, auditor, currency, shown):
    money.post(money.clearing(currency), money.deposits(currency), 1_001)

    assert table(auditor.get("/v1/ledger/trial-balance.csv"))[0]["balance"] == shown
    [line, _] = auditor.get("/v1/ledger/trial-balance").json["lines"]
    assert line["decimals"] == {"JPY": 0, "KWD": 3, "CNY": 2}[currency]


def test_a_file_that_would_be_too_long_is_refused(told, auditor, monkeypatch):
    monkeypatch.setattr(reading, "FILE_LINES_MAX", 1)
    for door in ("transfers.csv", f"accounts/{money.payable(told.one).id}/statement.csv"):
        problem = assert_refused(auditor.get(f"/v1/ledger/{door}"), 422, "too_many_lines")
        assert problem["lines_max"] == 1


def test_empty_books_are_empty_pages(app, auditor):
    assert auditor.get("/v1/ledger/trial-balance").json == {"at": None, "lines": [], "totals": []}
    assert table(auditor.get("/v1/ledger/trial-balance.csv")) == []
    assert auditor.get("/v1/ledger/transfers").json["items"] == []


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=["ledger", *arguments])


def test_the_commands_show_what_the_doors_show(app, told):
    for arguments, words in (
        (["trial-balance"], ["psp_clearing", "94.01", "合计"]),
        (["trial-balance", "--csv"], ["reserved_debit", "94.01"]),
        (["trial-balance", "--at", "2020-01-01"], []),
        (["accounts", "--code", "coop_payable"], [str(told.one), "70.00"]),
        (["statement", str(money.payable(told.one).id)], ["74.00", "70.00"]),
        (
            ["statement", str(money.payable(told.one).id), "--csv", "--at", "2020-01-01T00:00:00Z"],
            ["balance"],
        ),
        (["journal", "--csv"], ["payment_received"]),
        (["journal", "--since", "2020-01-01"], ["coop_payable"]),
        (["verify"], ["L1", "L3", "ok"]),
    ):
        done = run(app, *arguments)
        assert done.exit_code == 0, done.output
        assert all(word in done.output for word in words), done.output


def test_a_command_that_is_asked_nonsense_says_so(app, told):
    assert "no such account" in run(app, "statement", str(uuid.uuid4())).output
    assert "no instant" in run(app, "trial-balance", "--at", "yesterday").output


def test_the_command_names_what_is_broken(app, told, database_urls):
    def change(by):
        with psycopg.connect(servers.plain(database_urls.owner_url)) as connection:
            connection.execute(
                "UPDATE ledger_balance SET credits_posted = credits_posted + %s WHERE account_id = %s",
                [by, money.payable(told.one).id],
            )

    change(1)
    done = run(app, "verify")
    unbalanced = run(app, "trial-balance")
    change(-1)
    assert done.exit_code == unbalanced.exit_code == 1
    assert "L3" in done.output
    assert "1 of 4 promises" in done.output
    assert "does not balance" in unbalanced.output
