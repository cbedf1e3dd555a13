"""`flask payments import`: says what would happen, does it, and says what is wrong with a file."""

from pathlib import Path

import pytest
from click.testing import Result

from marketplace.payments.models import Payment
from tests import builders
from tests.builders import Market, confirmed
from tests.house import Caller
from tests.payments.statements.files import camt, camt_entry, counts, entry_of, line, table, work_off


@pytest.fixture
def run(market: Market, tmp_path: Path):
    def call(data: bytes, *options: str, name: str = "day.csv") -> Result:
        file = tmp_path / name
        file.write_bytes(data)
        return market.app.test_cli_runner().invoke(args=["payments", "import", str(file), *options])

    return call


def test_a_file_is_tried_out_then_booked(market: Market, shopper: Caller, operator: Caller, run) -> None:
    order = confirmed(shopper, market.on_sale())
    text = market.stored(Payment, order["payment_id"]).reference
    data = table(
        line("B1", minor=order["total_minor"], remittance=text), line("B2"), {**line("B3"), "amount": "1,0"}
    )
    before = builders.contents()
    tried = run(data, "--account", "BANK-1", "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert builders.contents() == before
    done = run(data, "--account", "BANK-1")
    assert done.exit_code == 0, done.output
    for output in (tried.output, done.output):
        assert "3 lines 行: 2 new 新, 0 known 已有, 1 bad 有误" in output
        assert "booked" in output
        assert "Its text names no payment." in output
        assert "line 4, amount:" in output
    assert market.stored(Payment, order["payment_id"]).state == "succeeded"
    assert entry_of(operator, "B2")["reason"] == "no_reference"
    with market.unchanged():
        again = run(data, "--account", "BANK-1")
        assert again.exit_code == 1
        assert "This file was uploaded before." in again.output
    work_off(market.app)
    [shown] = operator.get("/v1/bank-statements").json["items"]
    assert (shown["uploaded_by"], shown["name"]) == ("system", "day.csv")
    assert counts(shown) == {"booked": 1, "open:no_reference": 1}


def test_xml_is_camt_unless_said_otherwise(market: Market, run) -> None:
    assert run(camt(camt_entry("K1")), "--account", "B", name="day.xml").exit_code == 0
    refused = run(camt(camt_entry("K2")), "--account", "B", "--format", "generic_csv", name="day.xml")
    assert refused.exit_code == 1
    assert "No line names the columns" in refused.output


def test_what_is_wrong_is_told_by_line_and_nothing_is_stored(market: Market, run) -> None:
    with market.unchanged():
        result = run(table({**line("B1"), "amount": "-5.00"}), "--account", "B")
        assert result.exit_code == 1
        assert "line 2: An amount has no sign; the direction tells." in result.output
        assert run(table(line("B1")), "--account", "two words").exit_code == 2
