"""A long statement: every line is found again, as an entry in some state or as a fault; nothing is lost on the way."""

from marketplace.payments.models import Payment
from tests.builders import Market, confirmed
from tests.house import Caller
from tests.payments.statements.files import counts, line, send, table, work_off

LINES = 3_000


def test_of_a_long_statement_no_line_is_lost(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    text = market.stored(Payment, order["payment_id"]).reference
    lines = [line(f"N{number}", remittance=f"货款 {number}") for number in range(LINES)]
    lines[LINES // 2] = line("OURS", minor=order["total_minor"], remittance=text)
    lines[-1] = {**line("BAD"), "amount": "1,0"}
    lines[-2] = line("OUT", direction="debit")
    data = table(*lines)
    stored = send(operator, data)
    assert stored.status_code == 201, stored.json
    work_off(market.app)
    shown = operator.get(f"/v1/bank-statements/{stored.json['id']}").json
    assert (shown["lines"], shown["entries"], shown["bad_lines"]) == (LINES, LINES - 1, 1)
    assert counts(shown) == {"booked": 1, "kept": 1, "open:no_reference": LINES - 3}
