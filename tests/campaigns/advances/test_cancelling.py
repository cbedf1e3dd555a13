"""Who gives a campaign up is told which advances on its boxes are out: no settlement of it will repay them."""

from typing import Any

from tests.builders import Market
from tests.campaigns.advances.scene import Lending


def test_the_preview_and_the_answer_name_the_advances_that_are_out(market: Market, made: Lending) -> None:
    paid = made.paid(1_000)
    waiting = made.granted(500)
    ending = made.operator.get(f"{made.sale.url}/ending")
    expected = sorted(
        [
            (paid["id"], "paid", 1_000, 1_000),
            (waiting["id"], "granted", 500, 0),
        ]
    )
    assert told(ending.json) == expected
    answer = made.operator.post(f"{made.sale.url}/cancellation", json={"reason": "the fruit is bad"})
    assert answer.status_code == 200, answer.json
    assert answer.json["state"] == "cancelled"
    assert told(answer.json) == expected


def told(body: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    return sorted(
        (each["id"], each["state"], each["amount_minor"], each["outstanding_minor"])
        for each in body["advances"]
    )
