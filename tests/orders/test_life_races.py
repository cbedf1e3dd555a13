"""Steps of bulk orders at once, on the real database: each has one winner, nothing is lost, all adds up.

The market's fixture checks every invariant of every module when a test ends.
"""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from marketplace.access import Role
from tests.builders import Market, at_once
from tests.house import Caller
from tests.orders import life as lives
from tests.orders.life import ORDERS, WHY, Life, asked, lapse

ROUNDS = range(4)

Work = Callable[[], Any]


@pytest.fixture
def members(market: Market) -> tuple[Caller, ...]:
    return lives.members_of(market)


@pytest.fixture
def place(
    market: Market, buyer: Caller, operator: Caller, members: tuple[Caller, ...]
) -> Callable[..., Life]:
    return lambda boxes, **changes: lives.place(market, buyer, operator, members, boxes, **changes)


@pytest.fixture
def life(market: Market, place: Callable[..., Life]) -> Life:
    """Twelve boxes over three cooperatives with 20 boxes each: 2, 4 and 6 of them."""
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    return place(12)


def answered(life: Life, round_: int, *works: Work) -> list[Any]:
    """What was answered, sorted: a status, or the code of a refusal; every other round begins with the last."""
    found = at_once(life.market.app, list(works if round_ % 2 else works[::-1]))
    return sorted(
        (
            (each.json["code"] if each.status_code >= 400 else each.status_code)
            for each in found
            if isinstance(each, TestResponse)
        ),
        key=str,
    )


def posting(caller: Caller, url: str, body: Any = None) -> Work:
    return lambda: caller.post(url, json=body)


def answering(life: Life, code: str, ending: str, body: Any, *, run: int = 1) -> Work:
    """The address is looked up before the race."""
    return posting(life.member(code), f"{life.share_url(code, run=run)}/{ending}", body)


def kept(life: Life) -> int:
    return sum(boxes for _, boxes in life.states().values())


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_operators_who_approve_at_once_one_does(life: Life, as_role: Any, round_: int) -> None:
    operators = [as_role(Role.OPERATOR) for _ in range(3)]
    works = [posting(each, f"{life.url}/approval") for each in operators]
    assert answered(life, round_, *works) == [200, "state", "state"]
    assert set(life.states().values()) == {("offered", 2), ("offered", 4), ("offered", 6)}
    assert all(share["version"] == 2 for share in life.shares().values())


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_cooperatives_that_decline_at_once_lead_to_one_second_split(life: Life, round_: int) -> None:
    """The last of them must know what the other did: nobody who refused is asked again."""
    life.approved().done(life.confirm("YJ01"))
    works = [answering(life, code, "refusal", WHY) for code in ("YJ02", "YJ03")]
    assert answered(life, round_, *works) == [200, 200]
    assert life.states() == {
        (1, "YJ01"): ("confirmed", 2),
        (1, "YJ02"): ("declined", 0),
        (1, "YJ03"): ("declined", 0),
        (2, "YJ01"): ("offered", 10),
    }


@pytest.mark.parametrize("round_", ROUNDS)
def test_all_who_confirm_and_decline_at_once_are_heard(life: Life, round_: int) -> None:
    life.approved()
    works = [
        answering(life, "YJ01", "confirmation", {}),
        answering(life, "YJ02", "confirmation", {"boxes": 1}),
        answering(life, "YJ03", "refusal", WHY),
    ]
    assert answered(life, round_, *works) == [200, 200, 200]
    states = life.states()
    assert (states[1, "YJ01"], states[1, "YJ02"], states[2, "YJ01"]) == (
        ("confirmed", 2),
        ("confirmed", 1),
        ("offered", 9),
    )
    assert len(life.seen()["runs"]) == 2


@pytest.mark.parametrize("round_", ROUNDS)
@pytest.mark.parametrize("other", ["confirmation", "refusal"])
def test_one_share_is_answered_once(life: Life, other: str, round_: int) -> None:
    life.approved()
    works = [
        answering(life, "YJ03", "confirmation", {}),
        answering(life, "YJ03", other, WHY if other == "refusal" else {"boxes": 1}),
    ]
    assert answered(life, round_, *works) == [200, "share_state"]


@pytest.mark.parametrize("round_", ROUNDS)
def test_an_answer_and_the_end_of_its_time_have_one_winner(life: Life, round_: int) -> None:
    """The answer comes just before its time is over, the clock just after."""
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02"))
    ahead = life.market.later(seconds=2)
    lives.as_owner(
        life.market,
        "UPDATE share SET answer_due_at = clock_timestamp() + interval '1 second' WHERE state = 'offered'",
    )
    works = [answering(life, "YJ03", "confirmation", {}), lambda: lapse(life.market, ahead)]
    codes = answered(life, round_, *works)
    state = life.states()[1, "YJ03"]
    assert (codes, state) in (
        ([200], ("confirmed", 6)),
        (["share_state"], ("lapsed", 0)),
        (["answer_too_late"], ("lapsed", 0)),
    )
    assert life.state == ("committed" if codes == [200] else "approved")


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_clocks_lapse_an_order_once(life: Life, round_: int) -> None:
    life.approved().let_time_pass()
    found = at_once(life.market.app, [lambda: lapse(life.market)] * 3)
    assert sorted(found, key=str) == [0, 0, 3]
    assert life.state == "short"


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_refusal_and_the_cancellation_leave_nothing_held(life: Life, round_: int) -> None:
    life.approved()
    works = [answering(life, "YJ03", "refusal", WHY), posting(life.buyer, f"{life.url}/cancellation", WHY)]
    assert answered(life, round_, *works) in ([200, 200], [200, "share_state"])
    assert (life.state, kept(life)) == ("cancelled", 0)


@pytest.mark.parametrize("round_", ROUNDS)
def test_the_last_confirmation_and_the_cancellation_have_one_winner(life: Life, round_: int) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02"))
    works = [
        answering(life, "YJ03", "confirmation", {}),
        posting(life.buyer, f"{life.url}/cancellation", WHY),
    ]
    codes = answered(life, round_, *works)
    assert (codes, life.state, kept(life)) in (
        ([200, "state"], "committed", 12),
        ([200, "share_state"], "cancelled", 0),
    )


@pytest.mark.parametrize("round_", ROUNDS)
def test_who_confirms_and_leaves_at_once_is_gone(life: Life, round_: int) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02"))
    body = {**WHY, "cooperative_id": str(life.market.cooperative_ids[2])}
    works = [
        answering(life, "YJ03", "confirmation", {}),
        posting(life.operator, f"{life.url}/departures", body),
    ]
    assert answered(life, round_, *works) in ([200, 200], [200, "share_state"])
    states = life.states()
    assert states[1, "YJ03"] == ("declined", 0)
    assert (states[2, "YJ01"], states[2, "YJ02"], kept(life)) == (("offered", 2), ("offered", 4), 12)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_departure_and_the_approval_both_happen(life: Life, round_: int) -> None:
    body = {**WHY, "cooperative_id": str(life.market.cooperative_ids[2])}
    works = [
        posting(life.operator, f"{life.url}/approval"),
        posting(life.operator, f"{life.url}/departures", body),
    ]
    assert answered(life, round_, *works) == [200, 200]
    assert life.state == "approved"
    assert kept(life) + life.seen()["terms"]["boxes_open"] == 12


@pytest.mark.parametrize("round_", ROUNDS)
def test_fruit_given_back_goes_to_the_second_split_or_to_a_new_order(
    market: Market, place: Callable[..., Life], as_role: Any, round_: int
) -> None:
    """Eight of YJ01's ten boxes are promised; the other two, and what it gives back, are wanted by both."""
    for cooperative in range(2):
        market.lot(10, cooperative=cooperative)
    life = place(18).committed()
    boxes = life.states()[1, "YJ01"][1]
    works = [
        answering(life, "YJ01", "reduction", {**WHY, "boxes": boxes}),
        posting(as_role(Role.BUYER), ORDERS, asked(market, boxes)),
    ]
    codes = answered(life, round_, *works)
    assert codes in ([200, 201], [200, "sold_out"])
    terms = life.seen()["terms"]
    assert kept(life) + terms["boxes_short"] + terms["boxes_open"] == 18


@pytest.mark.parametrize("round_", ROUNDS)
def test_orders_of_the_same_fruit_answer_at_once_and_nobody_waits_in_a_circle(
    market: Market, place: Callable[..., Life], as_role: Any, round_: int
) -> None:
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    first, second = place(9).approved(), place(9).approved()
    works = [
        answering(each, code, "refusal", WHY)
        for each in (first, second)
        for (_, code), _ in sorted(each.states().items())
        if code != "YJ01"
    ]
    count = len(works)
    works.append(posting(as_role(Role.BUYER), ORDERS, asked(market, 5)))
    assert answered(first, round_, *works) == [200] * count + [201]
    for each in (first, second):
        terms = each.seen()["terms"]
        assert kept(each) + terms["boxes_open"] + terms["boxes_short"] == 9
