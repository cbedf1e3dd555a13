"""Settlements from the command line: files in, tables and files out, no database."""

import csv
import io
import json

import pytest

from orders.settlements.json_form import statement_to_json, to_json
from orders.settlements.rules import settle
from orders.settlements.states import SettlementState
from tests.orders.settlements.cases import delivery, facts
from tests.orders.settlements.test_rules import EMPTY

STATEMENT = settle(facts(delivery(2), permille=50), EMPTY)


@pytest.fixture
def run(built_app):
    return lambda *arguments: built_app.test_cli_runner().invoke(args=["settle", *map(str, arguments)])


@pytest.fixture
def a_file(tmp_path):
    def make(value, name="told.json"):
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return make


@pytest.fixture
def told(a_file):
    return a_file({"facts": to_json(STATEMENT.facts)})


def test_a_statement_is_shown_line_by_line_and_written(run, told, tmp_path):
    as_csv, as_json = tmp_path / "s.csv", tmp_path / "s.json"

    answer = run("statement", told, "--csv", as_csv, "--json", as_json)

    assert answer.exit_code == 0, answer.output
    assert "104.00 × 400 / 10000 = 4.16" in answer.output
    assert "应付金额" in answer.output
    assert "94.85" in answer.output
    assert json.loads(as_json.read_text()) == statement_to_json(STATEMENT)
    found = list(csv.DictReader(io.StringIO(as_csv.read_bytes().decode("utf-8-sig"))))
    assert [each["amount"] for each in found] == ["104.00", "-4.16", "99.84", "-4.99", "94.85", "4.99"]


def test_the_growers_of_a_statement_get_their_sheet(run, told, a_file, tmp_path):
    growers = [{"id": name, "name": name, "brought": [to_json(delivery(1))]} for name in ("Li", "Wang")]
    out = tmp_path / "sheet.csv"

    answer = run("growers", told, a_file(growers, "growers.json"), "--out", out)

    assert answer.exit_code == 0, answer.output
    assert "9485 of 9485" in answer.output
    found = list(csv.DictReader(io.StringIO(out.read_bytes().decode("utf-8-sig"))))
    assert sorted(each["amount"] for each in found) == ["47.42", "47.43", "94.85"]


def test_growers_who_brought_other_boxes_get_none(run, told, a_file, tmp_path):
    out = tmp_path / "sheet.csv"
    growers = [{"id": "Li", "name": "Li", "brought": [to_json(delivery(3))]}]

    answer = run("growers", told, a_file(growers, "growers.json"), "--out", out)

    assert answer.exit_code == 1
    assert "'boxes_told': 3, 'boxes_settled': 2" in answer.output
    assert not out.exists()


def test_what_may_be_advanced(run, a_file):
    asked = {
        "terms": {"confirmation": 200, "intake": 200, "delivery": 0, "factor": 500},
        "pledged": [{"progress": {"boxes": 100, "taken_in": 40, "delivered": 0}, "unit_price_minor": 5200}],
        "funds": {"cleared_minor": 50_000},
    }

    answer = run("advance", a_file(asked))

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output) == {
        "amount_minor": 50_000,
        "bound": "funds",
        "due_minor": 145_600,
        "room_minor": 260_000,
        "funds_minor": 50_000,
    }


def test_the_states_are_told(run):
    answer = run("states")
    assert answer.exit_code == 0
    assert "settlement proposed: withdraw → draft, object → objected, accept → final" in answer.output
    assert "payout sent: paid, returned" in answer.output
    assert all(f"settlement {each}:" in answer.output for each in SettlementState)


@pytest.mark.parametrize("command", ["statement", "advance"])
@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"facts": {}}', "7", '"\\ud800"'])
def test_a_file_that_is_none_is_refused(run, a_file, command, text):
    answer = run(command, a_file(text))
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: ")
    assert "Traceback" not in answer.output
