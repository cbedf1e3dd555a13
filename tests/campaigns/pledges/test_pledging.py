"""Pledges at their doors: the good path, every refusal, and what stands in the pool after each step."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from marketplace import database
from marketplace.access import Role
from marketplace.notifications.models import Notification
from tests.builders import Market, assert_refused, broken, held, paid
from tests.campaigns import allotted
from tests.campaigns.pledges.scene import (
    WHY,
    accept,
    decline,
    done,
    invite,
    lapse,
    let_answers_be_due,
    more,
    moves,
    offer,
    put_up,
    standing,
    stored,
    withdraw,
)
from tests.house import Caller


def told(caller: Caller) -> list[str]:
    with database.reading() as session:
        found = select(Notification.kind).where(Notification.account_id == caller.account_id)
        return list(session.scalars(found.order_by(Notification.id)))


# Invited


def test_an_invited_cooperative_gives_fewer_boxes_of_its_lots(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    market.lot(9)
    asked = done(invite(operator, market, sale, 8))
    assert (asked["state"], asked["wanted_boxes"], asked["boxes"]) == ("invited", 8, 0)
    assert standing(sale) == {}, "nothing is held before the answer"
    assert [each["id"] for each in member.get("/v1/pledges").json["items"]] == [asked["id"]]
    given = done(accept(member, asked, boxes=6))
    assert (given["state"], given["wanted_boxes"], given["boxes"], given["version"]) == ("accepted", 8, 6, 2)
    assert standing(sale) == {"pledge": 6}
    assert market.pool(sale).boxes_pledged == 6
    assert told(member) == ["pledge_invited"]
    assert broken(market.app) == []


def test_an_invitation_is_refused_lapses_or_is_taken_back(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    market.lot(9)
    refused = done(decline(member, done(invite(operator, market, sale))))
    assert refused["state"] == "declined"
    late = done(invite(operator, market, sale))
    let_answers_be_due(market)
    lapse(market)
    assert stored(late["id"]).state == "lapsed"
    assert "pledge_lapsed" in told(member)
    taken_back = done(invite(operator, market, sale))
    with market.unchanged():
        assert_refused(withdraw(member, taken_back), 409, "pledge_state")
    assert done(withdraw(operator, taken_back))["state"] == "withdrawn"
    for each in (refused, late, taken_back):
        with market.unchanged():
            assert_refused(accept(member, each), 409, "pledge_state")
            assert_refused(decline(member, each), 409, "pledge_state")
            assert_refused(more(member, each, 1), 409, "pledge_state")
            assert_refused(withdraw(operator, each), 409, "pledge_state")
    assert standing(sale) == {}
    assert broken(market.app) == []


def test_who_is_asked_already_is_not_asked_again(market: Market, operator: Caller, member: Caller) -> None:
    sale = market.draft()
    asked = done(invite(operator, market, sale))
    with market.unchanged():
        assert_refused(invite(operator, market, sale), 409, "pledge_open")
        assert_refused(offer(member, market, sale), 409, "pledge_open")
    done(invite(operator, market, sale, cooperative=1))
    done(decline(member, asked))
    done(invite(operator, market, sale))


def test_an_answer_after_the_time_is_too_late_though_nobody_wrote_it_down(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    market.lot(9)
    asked = done(invite(operator, market, sale))
    let_answers_be_due(market)
    with market.unchanged():
        assert_refused(accept(member, asked), 410, "pledge_too_late")
        assert_refused(decline(member, asked), 410, "pledge_too_late")


def test_what_an_invitation_refuses(market: Market, operator: Caller, member: Caller) -> None:
    sale = market.draft()
    yesterday = market.later(days=-1).now.isoformat()
    market.lot(3)
    asked = done(invite(operator, market, sale, 5, cooperative=0))
    with market.unchanged():
        assert_refused(invite(member, market, sale), 403, "forbidden")
        past = invite(operator, market, sale, answer_due_at=yesterday)
        assert_refused(past, 422, "answer_due_in_the_past")
        nobody = str(uuid.uuid4())
        assert_refused(invite(operator, market, sale, cooperative_id=nobody), 404, "cooperative_not_found")
        assert_refused(invite(operator, market, sale, item_id=nobody), 404, "item_not_found")
        assert invite(operator, market, sale, boxes=0).status_code == 422
        refusal = assert_refused(accept(member, asked, boxes=6), 409, "more_than_wanted")
        assert (refusal["wanted_boxes"], refusal["requested_boxes"]) == (5, 6)
        assert_refused(accept(member, asked, boxes=4), 409, "sold_out")


# Offered


def test_an_offer_holds_nothing_before_an_operator_accepts(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    market.lot(9)
    offered = done(offer(member, market, sale, 7))
    assert (offered["state"], standing(sale)) == ("offered", {})
    with market.unchanged():
        assert_refused(accept(member, offered), 403, "forbidden")
        assert_refused(decline(member, offered), 403, "forbidden")
    assert done(accept(operator, offered))["boxes"] == 7
    assert told(member) == ["pledge_accepted"]
    assert moves(offered["id"]) == [("offer", "offered", 0, 0), ("accept", "accepted", 0, 7)]
    assert broken(market.app) == []


def test_an_offer_is_refused_or_taken_back(market: Market, operator: Caller, member: Caller) -> None:
    sale = market.draft()
    assert done(decline(operator, done(offer(member, market, sale))))["state"] == "declined"
    assert done(withdraw(member, done(offer(member, market, sale))))["state"] == "withdrawn"


def test_foreign_pledges_look_like_missing_ones(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.draft()
    stranger = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:2])
    asked = done(invite(operator, market, sale))
    missing = {"id": str(uuid.uuid4())}
    with market.unchanged():
        assert_refused(offer(stranger, market, sale), 404, "cooperative_not_found")
        for each in (asked, missing):
            for refused in (
                stranger.get(f"/v1/pledges/{each['id']}"),
                stranger.get(f"/v1/pledges/{each['id']}/moves"),
                accept(stranger, each),
                decline(stranger, each),
                more(stranger, each, 1),
                withdraw(stranger, each),
            ):
                assert_refused(refused, 404, "pledge_not_found")
    assert stranger.get("/v1/pledges").json["items"] == []
    query = {"campaign_id": str(sale.campaign_id), "state": "invited"}
    assert [each["id"] for each in operator.get("/v1/pledges", query_string=query).json["items"]] == [
        asked["id"]
    ]


# Raised, lowered, withdrawn


def test_a_pledge_is_raised_while_the_campaign_is_open_for_it(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(5)
    market.lot(9)
    mine = done(put_up(member, market, sale, 3))
    raised = done(more(member, {"id": mine["pledge_id"]}, 4))
    assert (raised["boxes"], market.pool(sale).boxes_pledged) == (7, 12)
    with market.unchanged():
        assert_refused(more(member, raised, 3), 409, "sold_out")
    assert done(operator.post(f"{sale.url}/pause", json=WHY))["state"] == "paused"
    with market.unchanged():
        assert_refused(more(member, raised, 1), 409, "state")
    assert broken(market.app) == []


@pytest.mark.parametrize("at", ["draft", "scheduled"])
def test_before_the_sale_everything_goes_back(
    market: Market, operator: Caller, member: Caller, at: str
) -> None:
    ahead = {"opens_in": timedelta(days=1)}
    sale = market.draft(**ahead)
    market.lot(9)
    mine = {"id": done(put_up(member, market, sale, 9))["pledge_id"]}
    if at == "scheduled":
        done(operator.post(f"{sale.url}/scheduling"))
    assert done(withdraw(member, mine, 4))["boxes"] == 5
    assert done(withdraw(member, mine))["state"] == "withdrawn"
    assert (market.pool(sale).boxes_pledged, standing(sale)) == (0, {})
    assert [each[0] for each in moves(mine["id"])] == ["put_up", "lower", "withdraw"]
    assert done(put_up(member, market, sale, 9))["available"] == 9, "its lots are free again"
    assert broken(market.app) == []


def test_in_the_sale_only_what_nobody_has_goes_back_and_the_numbers_are_told(
    market: Market, operator: Caller, member: Caller, shopper: Caller
) -> None:
    sale = market.draft()
    market.lot(10)
    mine = {"id": done(put_up(member, market, sale, 10))["pledge_id"]}
    done(operator.post(f"{sale.url}/scheduling"))
    paid(shopper, operator, sale, 3)
    held(shopper, sale, 2)
    with market.unchanged():
        refusal = assert_refused(withdraw(member, mine), 409, "pledge_boxes_needed")
        assert refusal["requested_boxes"] == 10
        assert (refusal["withdrawable_boxes"], refusal["free_boxes"], refusal["committed_boxes"]) == (5, 5, 0)
        assert_refused(withdraw(member, mine, 6), 409, "pledge_boxes_needed")
    assert done(withdraw(member, mine, 5))["boxes"] == 5
    pool = market.pool(sale)
    assert (pool.boxes_pledged, pool.boxes_held, pool.boxes_sold) == (5, 2, 3)
    assert broken(market.app) == []


def test_what_a_cooperative_is_asked_for_does_not_go_back(market: Market, operator: Caller) -> None:
    life = allotted.sold(market, operator, pledged=(20, 20, 20)).start()
    asked = {each.code: each.boxes for each in life.commitments()}
    member = life.member("YJ03")
    [mine] = member.get("/v1/pledges").json["items"]
    with market.unchanged():
        refusal = assert_refused(withdraw(member, mine), 409, "pledge_boxes_needed")
    assert refusal["committed_boxes"] == asked["YJ03"] == 6
    assert refusal["withdrawable_boxes"] == 14
    assert done(withdraw(member, mine, 14))["boxes"] == 6
    life.done(*(life.confirm(code) for code in ("YJ01", "YJ02", "YJ03")))
    assert life.state == "harvested"
    with market.unchanged():
        assert_refused(withdraw(member, mine, 1), 409, "state")
    assert {
        (each["cooperative_id"], each["boxes"]) for each in operator.get("/v1/pledges").json["items"]
    } == {(str(each), boxes) for each, boxes in zip(market.cooperative_ids, (2, 4, 6), strict=True)}, (
        "what no commitment needs went back, and the pledges know it"
    )
    assert broken(market.app) == []


def test_open_questions_lapse_with_the_sale(market: Market, operator: Caller, member: Caller) -> None:
    sale = market.on_sale(5)
    market.lot(9)
    offered = done(offer(member, market, sale, 3))
    done(operator.post(f"{sale.url}/closing", json=WHY))
    with market.unchanged():
        assert_refused(accept(operator, offered), 409, "state")
        assert_refused(offer(member, market, sale, 3), 409, "state")
        assert_refused(invite(operator, market, sale, 3), 409, "state")
    lapse(market)
    assert stored(offered["id"]).state == "lapsed"


def test_a_cancelled_campaign_releases_its_pledges(market: Market, operator: Caller, member: Caller) -> None:
    sale = market.draft()
    market.lot(9)
    mine = done(put_up(member, market, sale, 9))
    done(operator.post(f"{sale.url}/cancellation", json=WHY))
    assert moves(mine["pledge_id"])[-1] == ("release", "released", 9, 0)
    assert broken(market.app) == []


# Seen


def test_the_page_shows_pledged_sold_and_free_by_cooperative(
    market: Market, operator: Caller, member: Caller, shopper: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.draft()
    for number, boxes in enumerate((9, 4)):
        market.lot(boxes, cooperative=number)
        done(put_up(operator, market, sale, boxes, cooperative=number))
    done(operator.post(f"{sale.url}/scheduling"))
    paid(shopper, operator, sale, 3)
    [item] = done(operator.get(f"{sale.url}/pledges"))["items"]
    numbers = ("pledged_boxes", "forecast_boxes", "held_boxes", "sold_boxes", "free_boxes")
    assert [item[name] for name in numbers] == [13, 0, 0, 3, 10]
    rows = [
        (row["code"], row["pledged_boxes"], row["sold_boxes"], row["free_boxes"])
        for row in item["cooperatives"]
    ]
    assert rows == [("YJ01", 9, None, 9), ("YJ02", 4, None, 4)]
    [mine] = done(member.get(f"{sale.url}/pledges"))["items"]
    assert [row["code"] for row in mine["cooperatives"]] == ["YJ01"]
    allotted.begin(market, sale)
    [item] = done(operator.get(f"{sale.url}/pledges"))["items"]
    rows = [(row["code"], row["sold_boxes"], row["free_boxes"]) for row in item["cooperatives"]]
    assert sum(row[1] for row in rows) == 3
    assert rows == [("YJ01", 1, 8), ("YJ02", 2, 2)]
    assert_refused(operator.get(f"/v1/campaigns/{uuid.uuid4()}/pledges"), 404, "campaign_not_found")
    assert shopper.get(f"{sale.url}/pledges").status_code == 403


def test_every_move_says_who_why_and_under_which_request(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    market.lot(9)
    mine = done(put_up(member, market, sale, 9))
    response = withdraw(member, {"id": mine["pledge_id"]}, 2)
    items: list[dict[str, Any]] = done(member.get(f"/v1/pledges/{mine['pledge_id']}/moves"))["items"]
    last = items[-1]
    assert (last["number"], last["event"], last["before"], last["after"]) == (
        2,
        "lower",
        "accepted",
        "accepted",
    )
    assert (last["boxes_before"], last["boxes_after"], last["reason"]) == (9, 7, "frost")
    assert last["request_id"] == response.headers["X-Request-Id"]
    assert str(member.account_id) in last["actor"]
