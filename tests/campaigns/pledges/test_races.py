"""Who takes a box back meets who holds it, and who weighs it: one of them wins, and nothing is oversold."""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from campaigns.pledges import pledging
from campaigns.pledges.rules import PledgeBoxesNeeded
from inventory import holds
from marketplace import database, errors
from marketplace.access import Role
from tests.builders import PACK_GRAMS, Market, Sale, at_once, broken
from tests.campaigns.pledges.scene import (
    accept,
    decline,
    done,
    invite,
    more,
    put_up,
    standing,
    stored,
    weigh,
    withdraw,
)
from tests.campaigns.pledges.test_forecast import planned, pledged, promised
from tests.house import Caller

ROUNDS = range(6)
Work = Callable[[Session], Any]


def one_after_the_other(app: Flask, first: Work, second: Work) -> list[Any]:
    """The second begins while the first has done its work and not committed it; what becomes of both."""
    is_done = threading.Event()

    def slowly(session: Session) -> Any:
        result = first(session)
        session.flush()
        is_done.set()
        time.sleep(0.3)
        return result

    def then() -> Any:
        assert is_done.wait(10)
        return database.transact(second)

    return at_once(app, [lambda: database.transact(slowly), then])


@pytest.fixture
def sale(market: Market, operator: Caller, member: Caller) -> Sale:
    """On sale, with ten boxes of one pledge."""
    made = market.draft()
    market.lot(10)
    done(put_up(member, market, made, 10))
    done(operator.post(f"{made.url}/scheduling"))
    return made


def taking_back(market: Market, member: Caller, boxes: int) -> Work:
    pledge_id = uuid.UUID(member.get("/v1/pledges").json["items"][0]["id"])
    ctx = market.ctx
    return lambda session: pledging.withdraw(session, ctx, pledge_id=pledge_id, boxes=boxes, reason="frost")


def holding(market: Market, shopper: Caller, sale: Sale, boxes: int) -> Work:
    ctx = market.acting(shopper, roles=frozenset({Role.SHOPPER}))
    return lambda session: holds.place_on_pool(session, ctx, pool_id=sale.pool_id, boxes=boxes, minutes=10)


def test_who_holds_first_keeps_the_boxes(market: Market, member: Caller, shopper: Caller, sale: Sale) -> None:
    held, refused = one_after_the_other(
        market.app, holding(market, shopper, sale, 6), taking_back(market, member, 5)
    )
    assert held.boxes == 6
    assert isinstance(refused, PledgeBoxesNeeded)
    assert refused.facts["withdrawable_boxes"] == 4
    assert market.pool(sale).boxes_pledged == 10
    assert broken(market.app) == []


def test_who_takes_back_first_has_the_boxes(
    market: Market, member: Caller, shopper: Caller, sale: Sale
) -> None:
    left, refused = one_after_the_other(
        market.app, taking_back(market, member, 5), holding(market, shopper, sale, 6)
    )
    assert left.boxes == 5
    assert isinstance(refused, holds.SoldOut)
    assert refused.facts["available_boxes"] == 5
    assert market.pool(sale).boxes_held == 0
    assert broken(market.app) == []


@pytest.mark.parametrize("round_", ROUNDS)
def test_at_the_doors_one_of_two_wins(
    market: Market, member: Caller, shopper: Caller, sale: Sale, round_: int
) -> None:
    [mine] = member.get("/v1/pledges").json["items"]
    body = {"item_id": str(sale.item_id), "boxes": 6}
    works = [
        lambda: withdraw(member, mine, 5).status_code,
        lambda: shopper.post(sale.holds_url, json=body).status_code,
    ]
    turn = 1 - 2 * (round_ % 2)
    back, held = at_once(market.app, works[::turn])[::turn]
    assert (back, held) in {(200, 409), (409, 201)}
    pool = market.pool(sale)
    assert pool.boxes_held <= pool.boxes_pledged == (5 if back == 200 else 10)
    assert broken(market.app) == []


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_who_take_back_and_one_who_adds_leave_what_they_say(
    market: Market, member: Caller, sale: Sale, round_: int
) -> None:
    [mine] = member.get("/v1/pledges").json["items"]
    market.lot(4)
    works = [
        lambda: withdraw(member, mine, 6).status_code,
        lambda: withdraw(member, mine, 6).status_code,
        lambda: more(member, mine, 3).status_code,
    ]
    found = at_once(market.app, works[:: 1 - 2 * (round_ % 2)])
    backs = sum(code == 200 for code in found) - 1
    assert stored(mine["id"]).boxes == 13 - 6 * backs == market.pool(sale).boxes_pledged
    assert backs in (1, 2)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_load_on_the_weighbridge_meets_whoever_takes_the_forecast_back(
    market: Market, operator: Caller, member: Caller, round_: int
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 10, capacity)
    works: list[Callable[[], Any]] = [
        lambda: weigh(member, market, capacity, 7)["converted_grams"],
        lambda: withdraw(member, mine, 6).status_code,
    ]
    turn = 1 - 2 * (round_ % 2)
    converted, back = at_once(market.app, works[::turn])[::turn]
    assert back == 200
    assert converted in (7 * PACK_GRAMS, 4 * PACK_GRAMS)
    assert sum(standing(sale).values()) == 4 == market.pool(sale).boxes_pledged
    assert promised(market, capacity)[0] == standing(sale).get("forecast", 0) * PACK_GRAMS
    assert broken(market.app) == []


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_answers_to_one_invitation_have_one_winner(
    market: Market, operator: Caller, member: Caller, round_: int
) -> None:
    sale = market.draft()
    market.lot(5)
    asked = done(invite(operator, market, sale, 5))
    works = [lambda: accept(member, asked).status_code, lambda: decline(member, asked).status_code]
    found = at_once(market.app, works[:: 1 - 2 * (round_ % 2)])
    assert sorted(found, key=str) == [200, 409]
    assert not any(isinstance(each, errors.Refusal) for each in found)
    assert market.pool(sale).boxes_pledged == stored(asked["id"]).boxes
