"""Forecast fruit in a campaign: pledged out of its prudent part, weighed in, waited for, missing."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from campaigns import advancing
from campaigns.shortage import closing
from campaigns.shortage.models import Shortage
from inventory.capacity.models import Capacity
from inventory.models import Hold
from marketplace import database, jobs
from marketplace.access import Role
from tests.builders import PACK_GRAMS, Market, Sale, assert_refused, broken, paid
from tests.campaigns import allotted
from tests.campaigns.allotted import Allotted
from tests.campaigns.pledges.scene import (
    WHY,
    accept,
    done,
    end_harvest,
    invite,
    lapse,
    more,
    moves,
    offer,
    put_up,
    standing,
    stored,
    weigh,
    withdraw,
)
from tests.house import Caller
from tests.orders.life import Quiet


def planned(market: Market, **options: Any) -> Sale:
    """A draft whose harvest ends a day after the sale."""
    return market.draft(harvest_in=timedelta(days=1), per_buyer=100, **options)


def pledged(
    market: Market, operator: Caller, member: Caller, sale: Sale, boxes: int, capacity: Capacity
) -> dict[str, Any]:
    return done(accept(operator, done(offer(member, market, sale, boxes, capacity=capacity))))


def promised(market: Market, capacity: Capacity) -> tuple[int, int, int]:
    found = market.stored(Capacity, capacity.id)
    return found.promised_grams, found.converted_grams, found.short_grams


def advance(market: Market) -> None:
    """What a minute does by itself to campaigns."""
    database.transact(lambda session: advancing.call_all(session, market.ctx))
    jobs.work(market.app, once=True)


def allotted_of(market: Market, operator: Caller, sale: Sale, boxes: int) -> Allotted:
    """So many boxes sold, the sale over, its cooperatives asked and all saying yes."""
    done(operator.post(f"{sale.url}/scheduling"))
    life = allotted.sold_of(market, operator, sale, (boxes,)).start()
    asked = [each.code for each in life.commitments() if each.boxes]
    return life.done(*(life.confirm(code) for code in asked))


# Pledged


def test_the_pool_is_fed_by_the_prudent_part_and_no_more(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 8, capacity)
    assert (mine["capacity_id"], mine["boxes"]) == (str(capacity.id), 8)
    assert (standing(sale), market.pool(sale).boxes_pledged) == ({"forecast": 8}, 8)
    assert promised(market, capacity) == (8 * PACK_GRAMS, 0, 0)
    assert done(more(member, mine, 2))["boxes"] == 10
    with market.unchanged():
        refusal = assert_refused(more(member, mine, 1), 409, "capacity_exceeded")
    assert (refusal["requested_grams"], refusal["sellable_grams"]) == (PACK_GRAMS, 0)
    assert broken(market.app) == []


def test_forecast_boxes_are_parted_in_a_trial_of_policies_as_in_the_allocation(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    pledged(market, operator, member, sale, 8, capacity)
    tried = Quiet.of(operator).post(f"{sale.url}/policy-simulations", json={"second": {"weight": "equal"}})
    assert tried.status_code == 200, tried.json
    [everything] = [each for each in tried.json["scenarios"] if each["name"] == "pledged"]
    assert everything["boxes"] == 8


def test_an_invited_cooperative_names_its_forecast(market: Market, operator: Caller, member: Caller) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    asked = done(invite(operator, market, sale, 5))
    assert done(accept(member, asked, capacity_id=str(capacity.id)))["capacity_id"] == str(capacity.id)
    assert standing(sale) == {"forecast": 5}


def test_what_a_forecast_pledge_refuses(market: Market, operator: Caller, member: Caller) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    stored_only = market.draft()
    foreign = market.capacity(10 * PACK_GRAMS, cooperative=1)
    next_month = market.capacity(
        10 * PACK_GRAMS, week_on=market.today - timedelta(days=market.today.weekday() - 35)
    )
    other = market.capacity(10 * PACK_GRAMS, grade="B")
    other_grade = done(offer(member, market, sale, capacity=other))
    with market.unchanged():
        assert_refused(offer(member, market, stored_only, capacity=capacity), 409, "harvest_unplanned")
        assert_refused(accept(operator, other_grade), 409, "capacity_does_not_fit")
        named = {"capacity_id": str(capacity.id)}
        assert_refused(accept(operator, other_grade, **named), 404, "capacity_not_found")
    done(withdraw(member, other_grade))
    with market.unchanged():
        assert_refused(offer(member, market, sale, capacity=next_month), 409, "harvest_unplanned")
        assert_refused(offer(member, market, sale, capacity=foreign), 404, "capacity_not_found")
        nobodys = offer(member, market, sale, capacity_id=str(uuid.uuid4()))
        assert_refused(nobodys, 404, "capacity_not_found")
    offered = done(offer(member, market, sale, 3, capacity=capacity))
    done(member.post(f"/v1/capacities/{capacity.id}/close"))
    with market.unchanged():
        assert_refused(accept(operator, offered), 409, "capacity_closed")


def test_what_goes_back_is_free_in_the_forecast(market: Market, operator: Caller, member: Caller) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 8, capacity)
    assert done(withdraw(member, mine, 3))["boxes"] == 5
    assert promised(market, capacity) == (5 * PACK_GRAMS, 0, 0)
    assert done(withdraw(member, mine))["state"] == "withdrawn"
    assert (promised(market, capacity), standing(sale)) == ((0, 0, 0), {})
    assert broken(market.app) == []


def test_forecast_boxes_sell_like_others_and_a_sold_one_does_not_go_back(
    market: Market, operator: Caller, member: Caller, shopper: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 8, capacity)
    done(operator.post(f"{sale.url}/scheduling"))
    paid(shopper, operator, sale, 6)
    with market.unchanged():
        assert_refused(withdraw(member, mine, 3), 409, "pledge_boxes_needed")
    done(withdraw(member, mine, 2))
    [item] = done(operator.get(f"{sale.url}/pledges"))["items"]
    assert (item["pledged_boxes"], item["forecast_boxes"], item["sold_boxes"]) == (6, 6, 6)
    assert item["cooperatives"][0]["forecast_boxes"] == 6


def test_a_forecast_that_falls_stops_the_sale_of_what_nobody_has(
    market: Market, operator: Caller, member: Caller, shopper: Caller
) -> None:
    first, sale = planned(market), planned(market)
    capacity = market.capacity(20 * PACK_GRAMS)
    earlier = pledged(market, operator, member, first, 4, capacity)
    mine = pledged(market, operator, member, sale, 10, capacity)
    done(operator.post(f"{sale.url}/scheduling"))
    paid(shopper, operator, sale, 6)
    half = dict.fromkeys(("low", "likely", "high"), 12 * PACK_GRAMS)
    done(member.post(f"/v1/capacities/{capacity.id}/revisions", json={**half, "reason": "hail"}))
    jobs.work(market.app, once=True)
    prudent = market.stored(Capacity, capacity.id).prudent_grams
    missing = -(-(14 * PACK_GRAMS - prudent) // PACK_GRAMS)
    assert 0 < missing < 4
    assert (stored(mine["id"]).boxes, stored(earlier["id"]).boxes) == (10 - missing, 4)
    assert promised(market, capacity)[2] == 0
    assert market.pool(sale).available_boxes == 4 - missing
    nothing = dict.fromkeys(half, 0)
    done(member.post(f"/v1/capacities/{capacity.id}/revisions", json={**nothing, "reason": "hail again"}))
    jobs.work(market.app, once=True)
    assert (stored(mine["id"]).boxes, stored(earlier["id"]).state) == (6, "released"), (
        "what is sold stays sold"
    )
    assert promised(market, capacity)[2] == 6 * PACK_GRAMS
    assert broken(market.app) == []


# Weighed


def test_weighed_boxes_take_the_place_of_forecast_ones(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(10 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 5, capacity)
    version = market.pool(sale).version
    told = weigh(member, market, capacity, 3, more_grams=PACK_GRAMS - 1)
    assert told["converted_grams"] == 3 * PACK_GRAMS, "a part of a box is no box"
    assert standing(sale) == {"pledge": 3, "forecast": 2}
    pool = market.pool(sale)
    assert (pool.boxes_pledged, pool.version) == (5, version + 2)
    weigh(member, market, capacity, 4)
    assert standing(sale) == {"pledge": 5}
    assert stored(mine["id"]).boxes == 5
    [forecast] = [each for each in holds_of(sale) if each.kind == "forecast"]
    assert (forecast.state, forecast.released_boxes, forecast.reason) == ("released", 5, "weighed")
    assert promised(market, capacity)[:2] == (0, 5 * PACK_GRAMS)
    assert moves(mine["id"])[-1][0] == "accept", (
        "weighing changes what stands behind a pledge, not the pledge"
    )
    assert broken(market.app) == []


def test_two_pledges_of_one_forecast_are_met_in_the_order_of_their_promises(
    market: Market, operator: Caller, member: Caller
) -> None:
    first, second = planned(market), planned(market)
    capacity = market.capacity(20 * PACK_GRAMS)
    pledged(market, operator, member, first, 4, capacity)
    pledged(market, operator, member, second, 4, capacity)
    weigh(member, market, capacity, 6)
    assert (standing(first), standing(second)) == ({"pledge": 4}, {"pledge": 2, "forecast": 2})


def test_a_raised_pledge_is_met_out_of_both_its_holds(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 2, capacity)
    done(more(member, mine, 3))
    weigh(member, market, capacity, 4)
    assert standing(sale) == {"pledge": 4, "forecast": 1}
    assert done(withdraw(member, mine, 2))["boxes"] == 3
    assert standing(sale) == {"pledge": 3}, "what is only forecast goes back first"
    assert promised(market, capacity)[0] == 0
    assert broken(market.app) == []


# Waited for


def test_the_harvest_waits_until_pledged_fruit_is_weighed_in(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 12, capacity)
    life = allotted_of(market, operator, sale, 10)
    assert life.state == "allocated", "its fruit hangs on the trees"
    assert stored(mine["id"]).boxes == 10, "what nobody bought is free in the forecast again"
    assert promised(market, capacity)[0] == 10 * PACK_GRAMS
    advance(market)
    weigh(member, market, capacity, 6)
    advance(market)
    assert life.state == "allocated"
    weigh(member, market, capacity, 4)
    advance(market)
    assert market.campaign(sale).state in ("harvested", "balance_open")
    last = done(operator.get(f"{sale.url}/transitions"))["items"]
    assert "the fruit lies in store" in [each["reason"] for each in last if each["after"] == "harvested"]
    assert broken(market.app) == []


def test_stored_fruit_is_kept_before_forecast_fruit_when_too_much_is_pledged(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    pledged(market, operator, member, sale, 6, capacity)
    market.lot(6)
    done(put_up(member, market, sale, 6))
    life = allotted_of(market, operator, sale, 6)
    assert life.state == "harvested"
    assert standing(sale) == {"pledge": 6}
    assert promised(market, capacity) == (0, 0, 0)


@pytest.mark.parametrize("ending", ["the week is closed", "the time is over"])
def test_too_little_fruit_at_the_end_of_the_harvest_is_a_shortage_with_what_is_there(
    market: Market, operator: Caller, member: Caller, ending: str
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 10, capacity)
    life = allotted_of(market, operator, sale, 10)
    weigh(member, market, capacity, 7)
    advance(market)
    assert life.state == "allocated"
    if ending == "the week is closed":
        done(member.post(f"/v1/capacities/{capacity.id}/close"))
    else:
        end_harvest(market, sale)
    advance(market)
    assert life.state == "harvested"
    advance(market)
    shortage = short(sale)
    assert (shortage.committed_boxes, shortage.supply_boxes) == (10, 7)
    assert [(each.code, each.pledged_boxes, each.there_boxes) for each in shortage.standings] == [
        ("YJ01", 10, 7)
    ]
    settle(market, sale)
    pool = market.pool(sale)
    assert (pool.boxes_sold, pool.boxes_pledged, standing(sale)) == (7, 7, {"pledge": 7})
    assert moves(mine["id"])[-1] == ("reduce", "accepted", 10, 7)
    assert promised(market, capacity)[0] == 0, "the forecast owes nothing any more"


def test_late_fruit_helps_as_long_as_the_shortage_is_not_settled(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    pledged(market, operator, member, sale, 10, capacity)
    allotted_of(market, operator, sale, 10)
    end_harvest(market, sale)
    advance(market)
    advance(market)
    shortage = short(sale)
    assert (shortage.supply_boxes, shortage.standings[0].there_boxes) == (0, 0)
    weigh(member, market, capacity, 10)
    settle(market, sale)
    pool = market.pool(sale)
    assert (pool.boxes_sold, pool.boxes_pledged, standing(sale)) == (10, 10, {"pledge": 10})


def test_a_cancelled_campaign_gives_the_forecast_back(
    market: Market, operator: Caller, member: Caller
) -> None:
    sale, capacity = planned(market), market.capacity(20 * PACK_GRAMS)
    mine = pledged(market, operator, member, sale, 10, capacity)
    done(operator.post(f"{sale.url}/cancellation", json=WHY))
    assert (promised(market, capacity), standing(sale)) == ((0, 0, 0), {})
    assert stored(mine["id"]).state == "released"
    lapse(market)


# Planned


def test_the_harvest_ends_after_the_sale_and_before_the_balance(
    market: Market, as_role: Callable[..., Caller]
) -> None:
    operator = as_role(Role.OPERATOR)
    opens_at = market.ctx.now

    def draft(days: float, **more: Any) -> Any:
        body = {
            "code": f"autumn-{uuid.uuid4().hex[:6]}",
            "county_id": str(market.county_id),
            "title_en": "Autumn presale",
            "title_zh": "秋季预售",
            "opens_at": opens_at.isoformat(),
            "closes_at": (opens_at + timedelta(days=10)).isoformat(),
            "harvest_ends_at": (opens_at + timedelta(days=days)).isoformat(),
            "items": [{"pack_id": str(market.pack_id), "unit_price_minor": 4_900, **more}],
        }
        if more:
            body["balance"] = {
                "opens_at": (opens_at + timedelta(days=20)).isoformat(),
                "closes_at": (opens_at + timedelta(days=25)).isoformat(),
            }
        return operator.post("/v1/campaigns", json=body)

    deposit = {"deposit": {"type": "advance", "per_box_minor": 500}}
    with market.unchanged():
        assert_refused(draft(9), 422, "harvest_not_ordered")
        assert_refused(draft(21, **deposit), 422, "harvest_not_ordered")
    made = done(draft(20, **deposit))
    shown = operator.get(f"/v1/campaigns/{made['id']}").json["campaign"]
    assert shown["harvest_ends_at"][:19] == made["harvest_ends_at"][:19]
    clone = {"code": "next-year", "opens_at": (opens_at + timedelta(days=365)).isoformat()}
    again = done(operator.post(f"/v1/campaigns/{made['id']}/clones", json=clone))
    assert again["harvest_ends_at"][:10] == (opens_at + timedelta(days=385)).date().isoformat()


def holds_of(sale: Sale) -> list[Hold]:
    with database.reading() as session:
        statement = select(Hold).where(Hold.pool_id == sale.pool_id, Hold.owner_id.is_(None))
        return list(session.scalars(statement.order_by(Hold.id)))


def short(sale: Sale) -> Shortage:
    with database.reading() as session:
        found = session.query(Shortage).filter_by(campaign_id=sale.campaign_id).one()
        _ = found.standings
        session.expunge_all()
        return found


def settle(market: Market, sale: Sale) -> None:
    """The windows of the shortage are over, and the clock's job comes."""
    past = market.later(minutes=-1).now
    for window in (Shortage.answers_due_at, Shortage.elections_due_at):
        over = update(Shortage).where(Shortage.campaign_id == sale.campaign_id, window.is_not(None))
        database.transact(
            lambda session, over=over, window=window: session.execute(over.values({window: past}))
        )
        database.transact(lambda session: closing.advance_due(session, market.ctx))
    assert short(sale).state == "settled"
