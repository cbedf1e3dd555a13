"""Doors of holds beyond the rush: extension, the waitlist; and what they refuse."""

import uuid

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign
from inventory import bell, waitlist
from inventory.models import Hold, Pool
from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from tests.builders import Market, Sale, assert_refused, held, ordered, waiting
from tests.house import Caller


def test_a_hold_is_extended_by_its_owner_up_to_its_end(market: Market, shopper: Caller, as_role) -> None:
    hold = held(shopper, market.on_sale(), 2)
    url = f"/v1/holds/{hold['hold_id']}/extension"
    response = shopper.post(url)
    body = response.json
    assert response.status_code == 200
    assert hold["expires_at"] < body["expires_at"] <= body["expires_at_max"]
    assert (body["boxes"], body["consumed_boxes"], body["released_boxes"], body["open_boxes"]) == (2, 0, 0, 2)
    assert market.actions(response) == {"hold.extend"}
    stranger, operator = as_role(Role.SHOPPER), as_role(Role.OPERATOR)
    with market.unchanged():
        assert_refused(stranger.post(url), 404, "hold_not_found")
        assert_refused(operator.post(url), 403, "forbidden")


def test_what_is_paid_or_over_is_not_extended(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    order = ordered(shopper, sale)
    lapsed = held(shopper, sale)["hold_id"]
    market.let_expire(lapsed)
    with database.reading() as session:
        paying = session.query(Hold.id).filter(Hold.state == "converting").scalar()
    assert order["state"] == "deposit_due"
    with market.unchanged():
        assert_refused(shopper.post(f"/v1/holds/{lapsed}/extension"), 410, "hold_expired")
        assert_refused(shopper.post(f"/v1/holds/{paying}/extension"), 409, "hold_not_active")


def test_who_is_refused_learns_where_to_wait_and_gets_the_boxes_that_come_free(
    market: Market, shopper: Caller, as_role
) -> None:
    sale = market.on_sale(2)
    holder = as_role(Role.SHOPPER)
    first = held(holder, sale, 2)
    body = {"item_id": str(sale.item_id), "boxes": 2}
    refusal = assert_refused(shopper.post(sale.holds_url, json=body), 409, "sold_out")
    assert refusal["next_expires_at"] is not None
    assert refusal["waitlist"] == f"{sale.url}/waitlist"
    joined = shopper.post(refusal["waitlist"], json=body)
    assert (joined.status_code, joined.json["state"], joined.json["ahead"]) == (201, "waiting", 0)
    url = joined.headers["Location"]
    assert shopper.get(url).json == joined.json
    assert market.actions(joined) == {"waitlist.join"}
    holder.post(f"/v1/holds/{first['hold_id']}/release")
    assert_refused(as_role(Role.SHOPPER).post(sale.holds_url, json={**body, "boxes": 1}), 409, "sold_out")
    database.transact(lambda session: waitlist.serve(session, context.system(), pool_id=sale.pool_id))
    offered = shopper.get(url).json
    assert (offered["state"], offered["ahead"]) == ("offered", None)
    assert shopper.get(f"/v1/holds/{offered['hold_id']}").json["expires_at"] == offered["offer_expires_at"]
    assert shopper.post("/v1/orders", json={"hold_id": offered["hold_id"]}).status_code == 201
    assert shopper.get(url).json["state"] == "taken"
    assert [each["state"] for each in shopper.get("/v1/waitlist").json["items"]] == ["taken"]


def test_one_asks_again_while_waiting_and_finds_the_offer(market: Market, shopper: Caller, as_role) -> None:
    """Whoever waits is served by its own request, too: the offer is the hold that it then resizes."""
    sale = market.on_sale(2)
    holder = as_role(Role.SHOPPER)
    place = waiting(shopper, holder, sale, 2)
    holder.post(f"/v1/holds/{_live(sale)}/release")
    again = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 1})
    assert (again.status_code, again.json["boxes"]) == (200, 1)
    assert shopper.get(f"/v1/waitlist/{place['id']}").json["hold_id"] == again.json["hold_id"]


def _live(sale) -> uuid.UUID:
    with database.reading() as session:
        return session.query(Hold.id).filter(Hold.pool_id == sale.pool_id, Hold.kind == "cart").scalar()


def test_a_place_is_left_once_and_seen_by_its_owner_and_staff(
    market: Market, shopper: Caller, as_role
) -> None:
    place = waiting(shopper, as_role(Role.SHOPPER), market.on_sale(1))
    url = f"/v1/waitlist/{place['id']}"
    for caller in (shopper, as_role(Role.OPERATOR), as_role(Role.AUDITOR)):
        assert caller.get(url).json == place
        assert caller.get("/v1/waitlist").json["items"] == [place]
    stranger = as_role(Role.SHOPPER)
    with market.unchanged():
        assert_refused(stranger.get(url), 404, "place_not_found")
        assert_refused(stranger.post(f"{url}/leaving"), 404, "place_not_found")
        assert stranger.get("/v1/waitlist").json["items"] == []
    left = shopper.post(f"{url}/leaving")
    assert (left.status_code, left.json["state"]) == (200, "left")
    with market.unchanged():
        assert assert_refused(shopper.post(f"{url}/leaving"), 409, "not_waiting")["state"] == "left"


def test_what_nobody_waits_for(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale(3, per_buyer=2)
    url, body = f"{sale.url}/waitlist", {"item_id": str(sale.item_id), "boxes": 1}
    with market.unchanged():
        assert assert_refused(shopper.post(url, json=body), 409, "boxes_there")["available_boxes"] == 3
        assert_refused(shopper.post(url, json={**body, "item_id": str(uuid.uuid4())}), 404, "item_not_found")
        missing = f"/v1/campaigns/{uuid.uuid4()}/waitlist"
        assert_refused(shopper.post(missing, json=body), 404, "campaign_not_found")
    held(as_role(Role.SHOPPER), sale, 2)
    held(as_role(Role.SHOPPER), sale, 1)
    assert shopper.post(url, json=body).status_code == 201
    stranger = as_role(Role.SHOPPER)
    with market.unchanged():
        assert_refused(shopper.post(url, json=body), 409, "already_waiting")
        assert_refused(stranger.post(url, json={**body, "boxes": 3}), 409, "hold_limit")


def test_nobody_waits_for_what_is_not_on_sale(market: Market, shopper: Caller) -> None:
    sale = market.over()
    response = shopper.post(f"{sale.url}/waitlist", json={"item_id": str(sale.item_id), "boxes": 1})
    assert_refused(response, 409, "not_on_sale")


def serve(sale: Sale) -> None:
    database.transact(lambda session: waitlist.serve(session, context.system(), pool_id=sale.pool_id))


def test_the_line_ends_when_the_campaign_is_closed(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(1)
    place = waiting(shopper, as_role(Role.SHOPPER), sale)
    url = f"/v1/waitlist/{place['id']}"
    assert operator.post(f"{sale.url}/closing", json={"reason": "enough"}).status_code == 200
    seen = shopper.get(url).json
    assert (seen["state"], seen["ahead"], seen["version"]) == ("ended", None, 1), "before any job has run"
    with market.unchanged():
        assert assert_refused(shopper.post(f"{url}/leaving"), 409, "not_waiting")["state"] == "ended"
    serve(sale)
    assert shopper.get(url).json == {**seen, "version": 2}
    assert [each["state"] for each in shopper.get("/v1/waitlist").json["items"]] == ["ended"]


def test_the_line_outlives_a_pause_but_not_the_window_that_passes_in_it(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(1)
    url = f"/v1/waitlist/{waiting(shopper, as_role(Role.SHOPPER), sale)['id']}"
    assert operator.post(f"{sale.url}/pause", json={"reason": "a storm"}).status_code == 200
    serve(sale)
    assert shopper.get(url).json["state"] == "waiting"
    window = {"opens_at": market.later(days=-3).now, "closes_at": market.later(days=-1).now}
    closed = {"sells_until": window["closes_at"]}

    def pass_by(session: Session) -> None:
        session.execute(update(Campaign).where(Campaign.id == sale.campaign_id).values(window))
        session.execute(update(Pool).where(Pool.id == sale.pool_id).values(closed))

    database.transact(pass_by)
    assert shopper.get(url).json["state"] == "ended", "though nobody has written down that it closed"
    database.transact(lambda session: planning.follow_clock_everywhere(session, context.system()))
    assert market.campaign(sale).state == "paused", "who resumes it will close it"
    jobs.work(market.app, once=True)
    assert shopper.get(url).json["version"] == 2


def test_the_move_that_closes_a_campaign_calls_for_the_end_of_its_line(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(1)
    waiting(shopper, as_role(Role.SHOPPER), sale)
    operator.post(f"{sale.url}/closing", json={"reason": "enough"})
    with database.reading() as session:
        [job] = session.scalars(select(StoredJob).where(StoredJob.name == bell.OFFER_FREED))
        assert (job.state, job.arguments) == ("waiting", {"pool_id": str(sale.pool_id)})


@pytest.mark.parametrize("boxes", [0, -1, 1001, "1", 1.5, None])
def test_a_malformed_wish_is_refused(market: Market, shopper: Caller, boxes) -> None:
    sale = market.on_sale(1)
    response = shopper.post(f"{sale.url}/waitlist", json={"item_id": str(sale.item_id), "boxes": boxes})
    assert response.status_code == 422


def test_a_shopper_tells_its_household_once_and_operators_change_it(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    def tell(caller: Caller, address: str):
        return caller.put("/v1/accounts/me/household", json={"address": address})

    first = tell(shopper, "12 Orchard Lane")
    assert (first.status_code, first.json["household_is_set"]) == (200, True)
    assert "household" not in first.json, "the digest stays inside"
    assert tell(shopper, " 12 orchard  lane").status_code == 200, "the same address"
    buyer = as_role(Role.BUYER)
    with market.unchanged():
        assert_refused(tell(shopper, "13 Orchard Lane"), 409, "household_set")
        assert_refused(tell(buyer, "x"), 403, "forbidden")
    url = f"/v1/accounts/{shopper.account_id}/household"
    assert operator.put(url, json={"address": None}).json["household_is_set"] is False
    assert tell(shopper, "13 Orchard Lane").status_code == 200
    assert operator.put(url, json={"address": "14 Orchard Lane"}).json["household_is_set"] is True
    with market.unchanged():
        assert_refused(shopper.put(url, json={"address": None}), 403, "forbidden")
        missing = operator.put(f"/v1/accounts/{uuid.uuid4()}/household", json={"address": None})
        assert_refused(missing, 404, "account_not_found")


def test_one_household_holds_at_most_its_limit_of_an_item(market: Market, as_role, operator: Caller) -> None:
    drafted = operator.post(
        "/v1/campaigns",
        json={
            "code": "family",
            "county_id": str(market.county_id),
            "title_en": "For families",
            "title_zh": "家庭专享",
            "opens_at": "2026-01-01T00:00:00Z",
            "closes_at": market.later(days=10).now.isoformat(),
            "items": [
                {
                    "pack_id": str(market.pack_id),
                    "unit_price_minor": 5_000,
                    "boxes_per_buyer_max": 3,
                    "boxes_per_household_max": 4,
                }
            ],
        },
    ).json
    market.lot(20)
    shown = operator.get(f"/v1/campaigns/{drafted['id']}").json["offers"][0]
    assert shown["boxes_per_household_max"] == 4
    pledge = {"item_id": shown["id"], "cooperative_id": str(market.cooperative_ids[0]), "boxes": 20}
    assert operator.post(f"/v1/campaigns/{drafted['id']}/pledges", json=pledge).status_code == 201
    assert operator.post(f"/v1/campaigns/{drafted['id']}/scheduling").status_code == 200
    family = [as_role(Role.SHOPPER) for _ in range(2)]
    for caller in family:
        caller.put("/v1/accounts/me/household", json={"address": "12 Orchard Lane"})
    url = f"/v1/campaigns/{drafted['id']}/holds"
    assert family[0].post(url, json={"item_id": shown["id"], "boxes": 3}).status_code == 201
    refusal = assert_refused(
        family[1].post(url, json={"item_id": shown["id"], "boxes": 2}), 409, "household_limit"
    )
    assert (refusal["counted_boxes"], refusal["boxes_max"]) == (3, 4)
    assert family[1].post(url, json={"item_id": shown["id"], "boxes": 1}).status_code == 201


def test_one_network_holds_at_most_its_part(market: Market, as_role) -> None:
    sale = market.on_sale(60, per_buyer=10)

    def ask(address: str, boxes: int):
        return as_role(Role.SHOPPER).post(
            sale.holds_url,
            json={"item_id": str(sale.item_id), "boxes": boxes},
            environ_base={"REMOTE_ADDR": address},
        )

    assert [ask("8.8.8.1", 10).status_code, ask("8.8.8.2", 10).status_code] == [201, 201]
    refusal = assert_refused(ask("8.8.8.3", 1), 409, "network_limit")
    assert (refusal["counted_boxes"], refusal["boxes_max"]) == (20, 20)
    assert ask("8.8.9.3", 10).status_code == 201
    assert [ask("10.0.0.1", 10).status_code, ask("10.0.0.2", 10).status_code] == [201, 201]
