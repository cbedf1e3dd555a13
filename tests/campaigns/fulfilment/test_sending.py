"""From a closed balance to a completed campaign: waves, parcels, and what an order and its campaign are then."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import TextClause, func, select, text

from campaigns import advancing
from campaigns.fulfilment import sending
from inventory.models import Lot
from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from orders.fulfilment.models import Wave
from tests import house
from tests.addresses.book import AT_HOME, IN_DUBAI
from tests.builders import Market, assert_refused, broken
from tests.campaigns import presale
from tests.campaigns.fulfilment import stage
from tests.campaigns.inbox import work
from tests.house import Caller


def test_a_wave_gives_every_ready_order_its_lots_and_the_campaign_is_fulfilled(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator)
    there = made.overview()
    assert (there["orders_ready"], there["orders_without_address"], there["waves"]) == (3, 0, [])
    wave = made.released()
    assert (wave["number"], wave["orders"], wave["boxes"], wave["orders_left"]) == (1, 3, 12, 0)
    assert wave["planned_at"] is not None
    assert (made.state, made.states) == ("fulfilling", ["packing"] * 3)
    sums = {
        order["id"]: sum(each["boxes"] for each in made.parcels(order_id=order["id"]))
        for order in made.orders
    }
    assert list(sums.values()) == [5, 4, 3]
    assert {each["state"] for each in made.parcels()} == {"planned"}
    assert broken(market.app) == []


def test_boxes_come_from_who_was_to_supply_them(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator)
    committed = {
        each["cooperative_id"]: each["boxes"] - each["boxes_given_back"]
        for each in operator.get(f"/v1/commitments?campaign_id={made.sale.campaign_id}&limit=100").json[
            "items"
        ]
    }
    made.released()
    sent: dict[str, int] = {}
    for each in made.parcels():
        sent[each["cooperative_id"]] = sent.get(each["cooperative_id"], 0) + each["boxes"]
    assert sent == {cooperative: boxes for cooperative, boxes in committed.items() if boxes}


def test_packed_shipped_delivered_and_the_order_follows_the_last_of_its_parcels(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator)
    made.released()
    lots = _lots()
    made.all_go("packing")
    assert made.states == ["packing"] * 3
    [first, *_] = made.parcels(order_id=made.orders[0]["id"])
    shipped = made.step(first, "shipment", carrier="SF", tracking_number="SF-1")
    assert (shipped.status_code, shipped.json["state"], shipped.json["tracking_number"]) == (
        200,
        "shipped",
        "SF-1",
    )
    assert broken(market.app) == []
    for parcel in made.parcels(state="packed"):
        assert made.step(parcel, "shipment", carrier="SF").status_code == 200
    assert made.states == ["shipped"] * 3
    assert sum(lots.values()) - sum(_lots().values()) == 12 * 5_000, "the fruit has left the store"
    made.all_go("delivery")
    assert made.states == ["delivered"] * 3
    assert broken(market.app) == []
    seen = made.buyers[0].get(f"/v1/orders/{made.orders[0]['id']}/parcels")
    assert {each["state"] for each in seen.json["items"]} == {"delivered"}
    made.advance()
    assert made.state == "completed"


def test_a_step_out_of_turn_changes_nothing(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,))
    made.released()
    [parcel, *_] = made.parcels()
    for step, body in (("shipment", {"carrier": "SF"}), ("delivery", {})):
        with market.unchanged():
            refused = assert_refused(made.step(parcel, step, **body), 409, "parcel_state")
        assert refused["state"] == "planned"
    assert made.step(parcel, "packing").status_code == 200
    assert_refused(made.step(parcel, "packing"), 409, "parcel_state")


def test_who_has_not_said_where_to_waits_for_the_next_wave(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, with_addresses=False)
    with market.unchanged():
        refused = assert_refused(made.release(), 409, "nothing_to_send")
    assert (refused["orders_without_address"], refused["orders_left"]) == (3, 0)
    assert made.state == "balance_closed"
    made.choose(1)
    assert made.released()["orders"] == 1
    assert made.states == ["committed", "packing", "committed"]
    made.advance()
    assert made.state == "fulfilling", "two are not sent yet"
    made.choose(0)
    made.choose(2)
    second = made.released()
    assert (second["number"], second["orders"]) == (2, 2)
    assert broken(market.app) == []


def test_an_order_in_a_wave_is_neither_sent_elsewhere_nor_given_up(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,))
    made.released()
    buyer, order = made.buyers[0], made.orders[0]
    address = buyer.get("/v1/addresses").json["items"][0]["id"]
    assert_refused(buyer.put(f"/v1/orders/{order['id']}/address", json={"address_id": address}), 409, "state")
    assert_refused(buyer.post(f"/v1/orders/{order['id']}/withdrawal"), 409, "payment_not_awaited")
    assert_refused(operator.post(f"{made.sale.url}/cancellation", json={"reason": "frost"}), 409, "state")
    assert_refused(made.release(), 409, "nothing_to_send")


def test_the_claims_are_over_after_their_days_and_not_before(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator)
    made.released()
    made.all_go("packing", "shipment", "delivery")
    days = market.campaign(made.sale).claims_days
    _let_lie(days - 1)
    made.advance()
    assert (made.state, made.states) == ("completed", ["delivered"] * 3)
    _let_lie(1)
    made.advance()
    assert (made.state, made.states) == ("completed", ["closed"] * 3), (
        "settled when the cooperatives are paid"
    )
    assert broken(market.app) == []


def test_a_completed_campaign_is_asked_again_only_while_claims_may_come(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, orders=(1,))
    made.released()
    made.all_go("packing", "shipment", "delivery")
    made.advance()
    assert database.transact(lambda session: advancing.call_all(session, market.ctx)) == 1
    _let_lie(market.campaign(made.sale).claims_days)
    work(market)
    assert (made.state, made.states) == ("completed", ["closed"])
    assert database.transact(lambda session: advancing.call_all(session, market.ctx)) == 0


def test_a_wave_of_many_goes_on_in_jobs_after_a_crash_as_well(
    market: Market, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH", 2)
    made = stage.closed(market, operator, orders=(1, 1, 1, 1, 1))
    wave = made.released()
    assert (wave["orders"], wave["planned_at"]) == (2, None)
    assert broken(market.app) == []
    assert_refused(made.release(), 409, "wave_running")
    database.transact(lambda session: session.execute(_jobs_lost()))
    made.advance()  # the job was lost: the clock calls for it again
    work(market)
    [wave] = made.overview()["waves"]
    assert (wave["orders"], wave["planned_at"] is not None) == (5, True)
    assert broken(market.app) == []


def test_a_wave_takes_no_more_orders_than_it_may(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator)
    assert made.released(orders_max=2)["orders"] == 2
    assert made.overview()["orders_ready"] == 1
    assert made.released(orders_max=2)["orders"] == 1
    assert broken(market.app) == []


def test_fruit_that_does_not_keep_long_enough_leaves_its_order_for_later(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, orders=(2, 3))
    made.choose(0, IN_DUBAI)
    made.choose(1, AT_HOME)
    keeps = min(lot.best_before_on for lot in _all_lots())
    in_days = (keeps - market.today).days - 20  # good for the country's 10 days, not for the 30 abroad
    wave = made.released(in_days=in_days)
    assert (wave["orders"], wave["orders_left"]) == (1, 1)
    assert sorted(made.states) == ["committed", "packing"]
    assert broken(market.app) == []
    refused = assert_refused(made.release(in_days=in_days), 409, "nothing_to_send")
    assert refused["orders_left"] == 1
    assert made.released(in_days=1)["orders"] == 1


def test_a_stopped_lot_is_neither_packed_nor_shipped(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,))
    made.released()
    [parcel, *_] = made.parcels()
    stopped = operator.post(f"/v1/lots/{parcel['lot_id']}/quarantine", json={"reason": "mould"})
    assert stopped.status_code in {200, 201}, stopped.json
    with market.unchanged():
        assert_refused(made.step(parcel, "packing"), 409, "lot_status_forbids")


def test_a_cooperative_sees_its_own_parcels_and_reads_where_they_go(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator)
    made.released()
    mine = made.members[0].get("/v1/parcels?limit=100").json["items"]
    assert mine
    assert {each["cooperative_id"] for each in mine} == {str(market.cooperative_ids[0])}
    url = f"/v1/parcels/{mine[0]['id']}"
    told = made.members[0].post(f"{url}/recipient")
    assert told.json["address"]["recipient"] == AT_HOME["recipient"]
    with database.reading() as session:
        asked = select(func.count()).where(AuditEntry.action == "parcel.read_recipient")
        assert session.scalar(asked) == 1
    for response in (
        made.members[1].get(url),
        made.members[1].post(f"{url}/recipient"),
        made.members[1].post(f"{url}/packing"),
    ):
        assert_refused(response, 404, "parcel_not_found")
    assert made.members[0].post(f"{url}/packing").status_code == 200


def test_once_it_has_arrived_nobody_reads_the_recipient_any_more(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(1,))
    made.released()
    made.all_go("packing", "shipment", "delivery")
    [parcel] = made.parcels()
    assert_refused(made.step(parcel, "recipient"), 409, "parcel_state")


def test_a_foreign_order_has_no_parcels(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    made = stage.closed(market, operator, orders=(1,))
    made.released()
    url = f"/v1/orders/{made.orders[0]['id']}/parcels"
    assert_refused(as_role(Role.SHOPPER).get(url), 404, "order_not_found")
    assert_refused(operator.get(f"/v1/orders/{uuid.uuid4()}/parcels"), 404, "order_not_found")


def test_a_day_that_is_over_and_a_sale_that_runs(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(1,))
    assert_refused(made.release(in_days=-1), 422, "delivery_in_the_past")
    sale = market.on_sale(5)
    on = (market.today + timedelta(days=3)).isoformat()
    assert_refused(operator.post(f"{sale.url}/waves", json={"delivered_on": on}), 409, "state")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Wave)) == 0


def test_boxes_leave_only_if_they_keep_as_long_as_their_item_promises(
    market: Market, operator: Caller
) -> None:
    """Lots are good for sixty days: twenty days from now there are forty left, and a day later one fewer."""
    made = stage.closed(market, operator, shelf_days=40)
    with market.unchanged():
        refused = assert_refused(made.release(in_days=21), 409, "nothing_to_send")
    assert refused["orders_left"] == len(made.orders)
    assert made.released(in_days=20)["orders"] == len(made.orders)


def test_a_campaign_of_which_nothing_is_left_to_send_is_completed(market: Market, operator: Caller) -> None:
    sale = presale.on_sale(market)
    presale.bought(house.caller(market.app, Role.SHOPPER), operator, sale, 1)
    presale.opened(market, sale)
    presale.closed(market, sale)
    assert market.campaign(sale).state == "balance_closed"
    stage.advance(market, sale, presale.now(market))
    assert market.campaign(sale).state == "completed"
    told = [each["after"] for each in operator.get(f"{sale.url}/transitions").json["items"]]
    assert told[-2:] == ["fulfilling", "completed"]


def _jobs_lost() -> TextClause:
    return text("DELETE FROM job WHERE name = 'campaigns.plan_wave'")


def _let_lie(days: int) -> None:
    """As if all that was delivered had been so many days earlier."""
    earlier = text(f"UPDATE parcel SET delivered_at = delivered_at - interval '{days} days'")
    database.transact(lambda session: session.execute(earlier))


def _lots() -> dict[uuid.UUID, int]:
    return {lot.id: lot.on_hand_grams for lot in _all_lots()}


def _all_lots() -> list[Lot]:
    with database.reading() as session:
        return list(session.scalars(select(Lot)))
