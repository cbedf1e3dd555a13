"""Campaigns at the door: planned, filled, sold, ended; every refusal leaves everything as it was."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from campaigns import planning, schemas
from inventory import holds
from inventory.models import Hold
from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties
from tests.builders import PRICE_MINOR, Market, Sale, assert_refused, held, ordered, paid
from tests.house import Caller

URL = "/v1/campaigns"
REASON = {"reason": "the weather"}


def plan(market: Market, **changes: Any) -> dict[str, Any]:
    return {
        "code": "spring",
        "county_id": str(market.county_id),
        "title_en": "Spring presale",
        "title_zh": "春季预售",
        "opens_at": market.ctx.now.isoformat(),
        "closes_at": market.later(days=1).now.isoformat(),
        "items": [{"pack_id": str(market.pack_id), "unit_price_minor": 4_900}],
        **changes,
    }


def item(market: Market, **changes: Any) -> dict[str, Any]:
    return {"pack_id": str(market.pack_id), "unit_price_minor": 4_900, **changes}


@pytest.fixture
def member(market: Market, as_role) -> Caller:
    """A member of the first cooperative."""
    return as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],))


def pledge(caller: Caller, market: Market, sale: Sale, boxes: int = 5, **changes: Any):
    body = {
        "item_id": str(sale.item_id),
        "cooperative_id": str(market.cooperative_ids[0]),
        "boxes": boxes,
        **changes,
    }
    return caller.post(f"{sale.url}/pledges", json=body)


def hold(caller: Caller, sale: Sale, boxes: int = 1, **changes: Any):
    return caller.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": boxes, **changes})


# Drafting


def test_a_draft_is_made_with_an_empty_pool(market: Market, operator: Caller) -> None:
    response = operator.post(URL, json=plan(market))
    made = response.json
    assert (response.status_code, made["state"], made["version"]) == (201, "draft", 1)
    assert response.headers["Location"] == f"{URL}/{made['id']}"
    shown = operator.get(response.headers["Location"]).json
    assert shown["campaign"] == made
    assert shown["is_demo"] is True
    [offer] = shown["offers"]
    assert (offer["available"], offer["unit_price_minor"], offer["boxes_per_buyer_max"]) == (0, 4_900, 10)
    assert (offer["variety"], offer["grade"], offer["currency"]) == ("Fuji", "A", "CNY")
    assert market.actions(response) == {"campaign.draft", "pool.open"}


def test_a_code_names_one_campaign(market: Market, operator: Caller) -> None:
    assert operator.post(URL, json=plan(market)).status_code == 201
    with market.unchanged():
        assert_refused(operator.post(URL, json=plan(market)), 409, "campaign_code_taken")


def test_a_window_closes_after_it_opens(market: Market, operator: Caller) -> None:
    now = market.ctx.now.isoformat()
    for closes_at in (now, market.later(seconds=-1).now.isoformat()):
        with market.unchanged():
            assert_refused(
                operator.post(URL, json=plan(market, closes_at=closes_at)), 422, "window_not_ordered"
            )


def test_a_pack_stands_in_a_campaign_once(market: Market, operator: Caller) -> None:
    with market.unchanged():
        assert_refused(
            operator.post(URL, json=plan(market, items=[item(market), item(market)])), 422, "pack_twice"
        )


def test_an_unknown_county_or_pack_is_not_found(market: Market, operator: Caller) -> None:
    nobody = str(uuid.uuid4())
    with market.unchanged():
        assert_refused(operator.post(URL, json=plan(market, county_id=nobody)), 404, "county_not_found")
        unknown = plan(market, items=[item(market, pack_id=nobody)])
        assert_refused(operator.post(URL, json=unknown), 404, "pack_not_found")


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "a b"},
        {"code": ""},
        {"title_zh": ""},
        {"title_en": "x" * 201},
        {"opens_at": "tomorrow"},
        {"opens_at": "2026-01-01T00:00:00"},
        {"closes_at": "3000-01-01T00:00:00Z"},
        {"items": []},
        {"items": None},
        {"items": [{}]},
        {"state": "deposit_open"},
    ],
)
def test_a_malformed_plan_is_refused(market: Market, operator: Caller, changes: dict) -> None:
    with market.unchanged():
        assert operator.post(URL, json=plan(market, **changes)).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_price_minor": 0},
        {"unit_price_minor": 10**9 + 1},
        {"unit_price_minor": 49.9},
        {"boxes_per_buyer_max": 0},
        {"boxes_per_buyer_max": 1_001},
        {"currency": "USD"},
    ],
)
def test_a_malformed_item_is_refused(market: Market, operator: Caller, changes: dict) -> None:
    with market.unchanged():
        response = operator.post(URL, json=plan(market, items=[item(market, **changes)]))
        assert response.status_code == 422


def test_more_than_fifty_items_are_refused(market: Market, operator: Caller) -> None:
    with market.unchanged():
        assert operator.post(URL, json=plan(market, items=[item(market)] * 51)).status_code == 422


# Seeing


def test_drafts_are_hidden_from_those_who_only_buy(
    market: Market, shopper: Caller, anyone: Caller, operator: Caller, member: Caller, as_role
) -> None:
    sale = market.draft()
    for caller in (operator, member, as_role(Role.AUDITOR)):
        assert caller.get(sale.url).status_code == 200
        assert [each["id"] for each in caller.get(URL).json["items"]] == [str(sale.campaign_id)]
    for caller in (shopper, anyone, as_role(Role.BUYER)):
        assert_refused(caller.get(sale.url), 404, "campaign_not_found")
        assert caller.get(URL).json == {"items": [], "next_cursor": None}
    assert_refused(anyone.get(f"{URL}/{uuid.uuid4()}"), 404, "campaign_not_found")


def test_what_is_on_sale_is_seen_by_everybody_with_what_is_left(
    market: Market, anyone: Caller, as_role
) -> None:
    sale = market.on_sale(8)
    held(as_role(Role.SHOPPER), sale, 3)
    response = anyone.get(sale.url)
    [offer] = response.json["offers"]
    assert (response.json["campaign"]["state"], offer["available"]) == ("deposit_open", 5)
    assert [each["id"] for each in anyone.get(URL).json["items"]] == [str(sale.campaign_id)]


def test_campaigns_are_listed_in_pages(market: Market, anyone: Caller) -> None:
    made = {str(market.on_sale(1).campaign_id) for _ in range(3)}
    first = anyone.get(URL, query_string={"limit": 2}).json
    second = anyone.get(URL, query_string={"limit": 2, "cursor": first["next_cursor"]}).json
    assert {each["id"] for each in first["items"] + second["items"]} == made
    assert (len(first["items"]), second["next_cursor"]) == (2, None)


# Pledging


def test_a_pledge_holds_lots_and_fills_the_pool(market: Market, member: Caller) -> None:
    sale = market.draft()
    market.lot(3)
    market.lot(9)
    response = pledge(member, market, sale, 10)
    assert response.status_code == 201
    assert (response.json["available"], len(response.json["hold_ids"])) == (10, 2)
    grams = [market.stored(Hold, each).quantity_grams for each in response.json["hold_ids"]]
    assert sum(grams) == 50_000
    assert {"pledge.put_up", "pool.pledge", "hold.place"} == market.actions(response)


def test_an_operator_pledges_for_any_cooperative_a_member_only_for_its_own(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale = market.draft()
    second = str(market.cooperative_ids[1])
    market.lot(9, cooperative=1)
    with market.unchanged():
        assert_refused(pledge(member, market, sale, cooperative_id=second), 404, "cooperative_not_found")
    assert pledge(operator, market, sale, cooperative_id=second).status_code == 201


def test_more_than_the_cooperative_has_is_refused(market: Market, member: Caller) -> None:
    sale = market.draft()
    market.lot(4)
    with market.unchanged():
        refusal = assert_refused(pledge(member, market, sale, 5), 409, "sold_out")
    assert (refusal["requested_boxes"], refusal["available_boxes"]) == (5, 4)


def test_pledges_into_the_unknown_are_not_found(market: Market, operator: Caller, member: Caller) -> None:
    sale, other = market.draft(), market.draft()
    market.lot(9)
    nobody = uuid.uuid4()
    missing = Sale(campaign_id=nobody, item_id=sale.item_id, pool_id=sale.pool_id)
    with market.unchanged():
        assert_refused(pledge(member, market, missing), 404, "campaign_not_found")
        assert_refused(pledge(member, market, sale, item_id=str(nobody)), 404, "item_not_found")
        assert_refused(pledge(member, market, sale, item_id=str(other.item_id)), 404, "item_not_found")
        unknown = pledge(operator, market, sale, cooperative_id=str(nobody))
        assert_refused(unknown, 404, "cooperative_not_found")


def test_a_cooperative_of_another_county_does_not_pledge(market: Market, operator: Caller) -> None:
    def work(session):
        county = counties.create(session, market.ctx, code="LC", name_en="Luochuan", name_zh="洛川")
        return cooperatives.create(
            session,
            market.ctx,
            county_id=county.id,
            code="LC01",
            name_en="Other",
            name_zh="其他",
            township_en="T",
            township_zh="镇",
            member_households=10,
            members=20,
        ).id

    foreign = database.transact(work)
    sale = market.draft()
    with market.unchanged():
        response = pledge(operator, market, sale, cooperative_id=str(foreign))
        assert_refused(response, 409, "foreign_pledge")


@pytest.mark.parametrize("ending", ["pause", "closing", "cancellation"])
def test_no_pledges_once_a_campaign_rests_or_has_ended(
    market: Market, operator: Caller, member: Caller, ending: str
) -> None:
    sale = market.pledged() if ending == "cancellation" else market.on_sale()
    assert operator.post(f"{sale.url}/{ending}", json=REASON).status_code == 200
    market.lot(9)
    with market.unchanged():
        assert_refused(pledge(member, market, sale), 409, "state")


def test_no_pledges_after_the_window_though_nobody_wrote_it_down(market: Market, member: Caller) -> None:
    sale = market.over()
    market.lot(9)
    with market.unchanged():
        assert assert_refused(pledge(member, market, sale), 409, "state")["state"] == "deposit_closed"


@pytest.mark.parametrize("boxes", [0, -1, 1.5, "3", True, 1_000_001])
def test_a_malformed_pledge_is_refused(market: Market, member: Caller, boxes: Any) -> None:
    sale = market.draft()
    with market.unchanged():
        assert pledge(member, market, sale, boxes).status_code == 422


# Moving


def test_scheduling_opens_at_once_when_the_time_has_come(market: Market, operator: Caller) -> None:
    sale = market.pledged()
    response = operator.post(f"{sale.url}/scheduling")
    assert (response.status_code, response.json["state"]) == (200, "deposit_open")
    assert market.actions(response) == {
        "campaign.scheduled",
        "campaign.deposit_open",
        "campaign_policy.sign",
        "pool.set_window",
    }


def test_a_scheduled_campaign_opens_and_closes_by_the_clock(market: Market, anyone: Caller) -> None:
    sale = market.scheduled(at=market.later(days=-3), opens_in=timedelta(days=-2), lasts=timedelta(days=1))
    assert market.campaign(sale).state == "scheduled"

    def tick(**moved: float) -> int:
        ctx = market.later(**moved)
        return database.transact(lambda session: planning.follow_clock_everywhere(session, ctx))

    assert (tick(days=-2, minutes=-1), market.campaign(sale).state) == (0, "scheduled")
    assert (tick(days=-2), market.campaign(sale).state) == (1, "deposit_open")
    assert (tick(days=-1, seconds=-1), market.campaign(sale).state) == (0, "deposit_open")
    assert (tick(days=-1), market.campaign(sale).state) == (1, "deposit_closed")
    assert tick() == 0
    assert anyone.get(sale.url).json["campaign"]["state"] == "deposit_closed"


def test_a_missed_minute_is_made_up_for(market: Market) -> None:
    sale = market.scheduled(at=market.later(days=-3), opens_in=timedelta(days=-2), lasts=timedelta(days=1))
    ctx = context.system()
    assert database.transact(lambda session: planning.follow_clock_everywhere(session, ctx)) == 1
    assert market.campaign(sale).state == "deposit_closed"


def test_a_campaign_without_fruit_or_time_is_not_scheduled(market: Market, operator: Caller) -> None:
    empty = market.draft()
    late = market.pledged(opens_in=timedelta(days=-2), lasts=timedelta(days=1))
    with market.unchanged():
        first = assert_refused(operator.post(f"{empty.url}/scheduling"), 409, "not_ready")
        second = operator.post(f"{late.url}/scheduling", headers={"Accept-Language": "zh"}).json
    assert first["missing"] == ["An item has no pledged fruit."]
    assert second["missing"] == ["活动时间已过。"]


def test_a_paused_campaign_is_resumed(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    assert operator.post(f"{sale.url}/pause", json=REASON).json["state"] == "paused"
    response = operator.post(f"{sale.url}/resumption", json={"reason": "sun again"})
    assert response.json["state"] == "deposit_open"
    assert market.actions(response) == {"campaign.deposit_open", "pool.set_window"}


def test_a_campaign_is_resumed_after_its_window_only_to_close(market: Market, operator: Caller) -> None:
    sale = market.over()
    yesterday = market.later(days=-1)
    database.transact(
        lambda session: planning.move(
            session, yesterday, campaign_id=sale.campaign_id, event=planning.CampaignEvent.PAUSE, reason="x"
        )
    )
    assert operator.post(f"{sale.url}/resumption", json=REASON).json["state"] == "deposit_closed"


def test_cancelling_frees_the_pledges(market: Market, operator: Caller, anyone: Caller) -> None:
    sale = market.pledged(12)
    response = operator.post(f"{sale.url}/cancellation", json=REASON)
    assert response.json["state"] == "cancelled"
    assert market.pool(sale).boxes_pledged == 0
    assert {"campaign.cancelled", "hold.release"} <= market.actions(response)
    assert_refused(anyone.get(sale.url), 404, "campaign_not_found")
    again = market.draft()
    pledged = pledge(operator, market, again, 12)
    assert pledged.json["available"] == 12


STEPS = {
    "scheduling": {"draft"},
    "pause": {"deposit_open"},
    "resumption": {"paused"},
    "closing": {"deposit_open"},
    "cancellation": {"draft", "scheduled", "paused", "deposit_closed"},
}


def in_state(market: Market, operator: Caller, state: str) -> Sale:
    if state == "draft":
        return market.pledged()
    if state == "scheduled":
        return market.scheduled(at=market.ctx, opens_in=timedelta(days=1))
    sale = market.pledged() if state == "cancelled" else market.on_sale()
    step = {"paused": "pause", "deposit_closed": "closing", "cancelled": "cancellation"}.get(state)
    if step:
        operator.post(f"{sale.url}/{step}", json=REASON)
    assert market.campaign(sale).state == state
    return sale


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "state", ["draft", "scheduled", "deposit_open", "paused", "deposit_closed", "cancelled"]
)
def test_each_step_is_for_its_states(market: Market, operator: Caller, step: str, state: str) -> None:
    sale = in_state(market, operator, state)
    body = None if step == "scheduling" else REASON
    if state in STEPS[step]:
        assert operator.post(f"{sale.url}/{step}", json=body).status_code == 200
        return
    with market.unchanged():
        response = operator.post(f"{sale.url}/{step}", json=body)
        assert assert_refused(response, 409, "state")["state"] == state


@pytest.mark.parametrize("step", ["pause", "closing"])
def test_steps_start_from_where_the_clock_has_come(market: Market, operator: Caller, step: str) -> None:
    sale = market.over()
    with market.unchanged():
        response = operator.post(f"{sale.url}/{step}", json=REASON)
        assert assert_refused(response, 409, "state")["state"] == "deposit_closed"


def test_steps_of_a_missing_campaign_are_not_found(market: Market, operator: Caller) -> None:
    missing = f"{URL}/{uuid.uuid4()}"
    with market.unchanged():
        for step in STEPS:
            body = None if step == "scheduling" else REASON
            assert_refused(operator.post(f"{missing}/{step}", json=body), 404, "campaign_not_found")
        assert_refused(operator.get(f"{missing}/transitions"), 404, "campaign_not_found")


def test_a_reason_is_asked_for(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    with market.unchanged():
        for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 201}, {"reason": 3}):
            assert operator.post(f"{sale.url}/pause", json=body).status_code == 422


def test_only_operators_plan_and_move(market: Market, shopper: Caller, member: Caller, as_role) -> None:
    sale = market.pledged()
    others = [shopper, member, as_role(Role.BUYER), as_role(Role.AUDITOR)]
    with market.unchanged():
        for caller in others:
            assert_refused(caller.post(URL, json=plan(market)), 403, "forbidden")
            for step in STEPS:
                assert_refused(caller.post(f"{sale.url}/{step}", json=REASON), 403, "forbidden")
        assert_refused(pledge(shopper, market, sale), 403, "forbidden")
        assert_refused(hold(member, sale), 403, "forbidden")
        assert_refused(shopper.get(f"{sale.url}/transitions"), 403, "forbidden")


def test_passers_by_may_only_look(market: Market, anyone: Caller) -> None:
    sale = market.on_sale()
    with market.unchanged():
        assert_refused(anyone.post(URL, json=plan(market)), 401, "unauthenticated")
        assert_refused(pledge(anyone, market, sale), 401, "unauthenticated")
        assert_refused(hold(anyone, sale), 401, "unauthenticated")
        assert_refused(anyone.get(f"{sale.url}/transitions"), 401, "unauthenticated")


def test_every_move_is_written_down_with_who_and_why(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    moved = operator.post(f"{sale.url}/pause", json=REASON)
    lines = operator.get(f"{sale.url}/transitions").json["items"]
    assert [(each["number"], each["before"], each["after"]) for each in lines] == [
        (1, None, "draft"),
        (2, "draft", "scheduled"),
        (3, "scheduled", "deposit_open"),
        (4, "deposit_open", "paused"),
    ]
    assert lines[-1]["reason"] == REASON["reason"]
    assert lines[-1]["actor"] == f"account:{operator.account_id}"
    assert lines[-1]["request_id"] == moved.headers["X-Request-Id"]


# Holding


def test_a_hold_keeps_boxes_and_price_for_some_minutes(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(8)
    response = hold(shopper, sale, 3)
    made = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/holds/{made['hold_id']}"
    assert (made["state"], made["boxes"], made["unit_price_minor"]) == ("active", 3, PRICE_MINOR)
    assert (made["available"], made["version"]) == (5, market.pool(sale).version)
    kept = market.stored(Hold, made["hold_id"])
    assert kept.expires_at is not None
    assert kept.expires_at - kept.created_at == timedelta(minutes=5), "who has never bought is a guest"
    assert market.actions(response) == {"hold.place"}


def test_boxes_are_held_from_the_second_of_opening_though_nobody_has_written_it_down(
    market: Market, shopper: Caller, anyone: Caller
) -> None:
    sale = market.scheduled(at=market.later(days=-1), opens_in=timedelta(hours=-1))
    assert market.campaign(sale).state == "scheduled"
    assert anyone.get(sale.url).json["campaign"]["state"] == "deposit_open"
    response = hold(shopper, sale)
    assert response.status_code == 201
    assert market.actions(response) == {"hold.place"}
    assert database.transact(lambda session: planning.follow_clock_everywhere(session, market.ctx)) == 1
    assert market.campaign(sale).state == "deposit_open"


def test_nothing_is_held_before_the_second_of_opening(market: Market, shopper: Caller) -> None:
    sale = market.scheduled(at=market.ctx, opens_in=timedelta(hours=1))
    with market.unchanged():
        assert assert_refused(hold(shopper, sale), 409, "not_on_sale")["state"] == "scheduled"


def test_holding_again_sets_the_hold_to_the_number_asked_for(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(8)
    first = held(shopper, sale, 3)
    for boxes, available in ((5, 3), (2, 6)):
        response = hold(shopper, sale, boxes)
        assert (response.status_code, response.json["hold_id"]) == (200, first["hold_id"])
        assert (response.json["boxes"], response.json["available"]) == (boxes, available)
        assert response.json["version"] == market.pool(sale).version
        assert market.actions(response) == {"hold.resize"}
    same = hold(shopper, sale, 2)
    assert (same.status_code, same.json["version"]) == (200, response.json["version"])
    with market.unchanged():
        assert_refused(hold(shopper, sale, 9), 409, "sold_out")
    assert market.stored(Hold, first["hold_id"]).boxes == 2


def test_a_basket_is_held_whole_or_not_at_all(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale(8)
    url = f"{sale.url}/baskets"
    line = {"item_id": str(sale.item_id), "boxes": 3}
    response = shopper.post(url, json={"lines": [line, line]})
    assert response.status_code == 201
    assert [each["boxes"] for each in response.json["holds"]] == [6]
    other, unknown = as_role(Role.SHOPPER), {"item_id": str(uuid.uuid4()), "boxes": 1}
    with market.unchanged():
        assert_refused(other.post(url, json={"lines": [line]}), 409, "sold_out")
        assert_refused(other.post(url, json={"lines": [line, unknown]}), 404, "item_not_found")
    assert shopper.post(url, json={"lines": [line]}).status_code == 200
    assert market.pool(sale).available_boxes == 5


def test_a_malformed_basket_is_refused(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    for lines in (
        [],
        [{"item_id": str(sale.item_id)}],
        "all",
        [{"item_id": str(sale.item_id), "boxes": 1}] * 51,
    ):
        with market.unchanged():
            assert shopper.post(f"{sale.url}/baskets", json={"lines": lines}).status_code == 422


def test_the_answer_of_a_rush_has_the_form_that_is_documented(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(8)
    one = held(shopper, sale, 1)
    basket = shopper.post(
        f"{sale.url}/baskets", json={"lines": [{"item_id": str(sale.item_id), "boxes": 2}]}
    ).json
    assert list(one) == list(schemas.CampaignHold().fields)
    assert [list(each) for each in basket["holds"]] == [list(schemas.CampaignHold().fields)]
    kept = market.stored(Hold, one["hold_id"])
    assert schemas.CampaignHold().dump({"hold": kept, "pool": market.pool(sale)}) == basket["holds"][0]


def test_nothing_is_held_of_what_is_not_on_sale(market: Market, shopper: Caller, operator: Caller) -> None:
    for state in ("scheduled", "paused", "deposit_closed"):
        sale = in_state(market, operator, state)
        with market.unchanged():
            refusal = assert_refused(hold(shopper, sale), 409, "not_on_sale")
        assert refusal["state"] == state
        assert {"opens_at", "closes_at"} <= set(refusal)


def test_nothing_is_held_after_the_window(market: Market, shopper: Caller) -> None:
    sale = market.over()
    with market.unchanged():
        assert assert_refused(hold(shopper, sale), 409, "not_on_sale")["state"] == "deposit_closed"


def test_drafts_and_cancelled_campaigns_are_not_there_for_shoppers(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sales = [in_state(market, operator, state) for state in ("draft", "cancelled")]
    missing = Sale(campaign_id=uuid.uuid4(), item_id=uuid.uuid4(), pool_id=uuid.uuid4())
    with market.unchanged():
        for sale in (*sales, missing):
            assert_refused(hold(shopper, sale), 404, "campaign_not_found")


def test_an_item_of_another_campaign_is_not_sold_here(market: Market, shopper: Caller) -> None:
    sale, other = market.on_sale(), market.on_sale()
    with market.unchanged():
        for item_id in (other.item_id, uuid.uuid4()):
            assert_refused(hold(shopper, sale, item_id=str(item_id)), 404, "item_not_found")


def test_what_is_gone_is_sold_out(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale(5)
    held(as_role(Role.SHOPPER), sale, 4)
    with market.unchanged():
        refusal = assert_refused(hold(shopper, sale, 2), 409, "sold_out")
    assert (refusal["requested_boxes"], refusal["available_boxes"]) == (2, 1)
    assert hold(shopper, sale, 1).status_code == 201


def test_expired_boxes_are_for_the_next_one(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale(5)
    market.let_expire(held(as_role(Role.SHOPPER), sale, 5)["hold_id"])
    assert hold(shopper, sale, 5).status_code == 201


def test_one_buyer_holds_at_most_the_limit(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale(20, per_buyer=5)
    held(shopper, sale, 3)
    with market.unchanged():
        refusal = assert_refused(hold(shopper, sale, 6), 409, "hold_limit")
    assert (refusal["requested_boxes"], refusal["counted_boxes"], refusal["boxes_max"]) == (6, 0, 5)
    assert hold(shopper, sale, 5).status_code == 200
    assert hold(as_role(Role.SHOPPER), sale, 5).status_code == 201


def test_the_limit_counts_what_is_being_paid_and_what_was_bought(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(20, per_buyer=5)
    paid(shopper, operator, sale, 2)
    ordered(shopper, sale, 2)
    with market.unchanged():
        refusal = assert_refused(hold(shopper, sale, 2), 409, "hold_limit")
    assert refusal["counted_boxes"] == 4
    assert hold(shopper, sale, 1).status_code == 201


def test_the_limit_forgets_what_was_given_back_at_once(market: Market, shopper: Caller) -> None:
    sale, other = market.on_sale(20, per_buyer=5), market.on_sale(20, per_buyer=5)
    shopper.post(f"/v1/holds/{held(shopper, sale, 2)['hold_id']}/release")
    shopper.post(f"/v1/orders/{ordered(shopper, sale)['id']}/withdrawal")
    assert hold(shopper, sale, 5).status_code == 201
    assert hold(shopper, other, 5).status_code == 201


def test_what_somebody_let_lapse_counts_for_ten_minutes(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(20, per_buyer=5)
    first = held(shopper, sale, 4)["hold_id"]
    market.let_expire(first)
    with market.unchanged():
        assert assert_refused(hold(shopper, sale, 2), 409, "hold_limit")["counted_boxes"] == 4
    assert hold(shopper, sale, 1).status_code == 201
    market.let_expire(first, minutes_ago=11)
    database.transact(lambda session: holds.expire_due(session, market.ctx))
    assert hold(shopper, sale, 5).status_code == 200


@pytest.mark.parametrize("boxes", [0, -1, 1.0, "1", None, True, 1_001])
def test_a_malformed_hold_is_refused(market: Market, shopper: Caller, boxes: Any) -> None:
    sale = market.on_sale()
    with market.unchanged():
        assert hold(shopper, sale, boxes).status_code == 422
