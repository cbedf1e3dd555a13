"""A presale from its draft to the end of its balance, by doors and jobs alone; every promise holds after each step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from campaigns import advancing
from campaigns.shortage import closing
from marketplace import database, jobs
from marketplace.access import Role
from orders.models import Order
from tests.builders import PACK_GRAMS, Market, Sale, broken
from tests.campaigns import presale
from tests.campaigns.inbox import told
from tests.campaigns.pledges.scene import accept, done, invite, more, weigh, withdraw
from tests.campaigns.presale import balance, book, bought, confirm, let_pass, now, seen
from tests.campaigns.shortage import stage
from tests.house import Caller


def minute(market: Market) -> None:
    """What happens by itself in a minute."""
    later = now(market)
    database.transact(lambda session: advancing.planning.follow_clock_everywhere(session, later))
    database.transact(lambda session: advancing.call_all(session, later))
    jobs.work(market.app, once=True)
    assert broken(market.app) == []


def state(operator: Caller, sale: Sale) -> str:
    return str(operator.get(sale.url).json["campaign"]["state"])


def commitments(member: Caller) -> list[dict[str, Any]]:
    response = member.get("/v1/commitments")
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json["items"]
    return items


def test_from_draft_to_the_end_of_the_balance(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    buyers = [as_role(Role.SHOPPER) for _ in range(4)]
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    sale = presale.on_sale(market, 20)
    agreed = member.get(f"{sale.url}/policy").json
    assert agreed["is_frozen"]
    assert agreed["digest"] == operator.get(sale.url).json["campaign"]["policy_digest"]
    orders = [bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers, (1, 2, 1, 2), strict=True)]
    assert {market.stored(Order, order["id"]).state for order in orders} == {"deposit_paid"}
    let_pass(market, sale, hours=240)
    minute(market)
    assert state(operator, sale) == "allocating"
    assert {market.stored(Order, order["id"]).state for order in orders} == {"committed"}
    [asked] = commitments(member)
    run = member.get(f"/v1/allotment-runs/{asked['run_id']}").json
    assert run["policy_digest"] == agreed["digest"], "split by what was agreed before anybody bought"
    response = member.post(f"/v1/commitments/{asked['id']}/confirmation", json={})
    assert response.status_code == 200, response.json
    assert state(operator, sale) == "harvested", "the fruit lies in store"
    assert market.pool(sale).boxes_pledged == 6, "what nobody bought is free again"
    minute(market)
    assert state(operator, sale) == "harvested", "buyers were told of another day"
    let_pass(market, sale, hours=24)
    minute(market)
    assert state(operator, sale) == "balance_open"
    assert operator.get(sale.url).json["offers"][0]["final_unit_price_minor"] == 5_200
    amounts = [told(buyer, "balance_due")[0]["amount"]["minor"] for buyer in buyers]
    assert amounts == [boxes * (5_200 - 1_500) for boxes in (1, 2, 1, 2)], "everybody is told what is due"
    for buyer, order in list(zip(buyers, orders, strict=True))[:3]:
        payment = confirm(buyer, balance(buyer, order))
        assert payment["amount_minor"] == order["boxes"] * (5_200 - 1_500)
        assert book(operator, payment).status_code == 200
    minute(market)
    assert state(operator, sale) == "balance_open"
    let_pass(market, sale, hours=144)
    minute(market)
    assert state(operator, sale) == "balance_closed"
    states = [seen(buyer, order)["state"] for buyer, order in zip(buyers, orders, strict=True)]
    assert states == ["balance_paid", "balance_paid", "balance_paid", "balance_defaulted"]
    assert [len(told(buyer, "balance_defaulted")) for buyer in buyers] == [0, 0, 0, 1]
    assert market.pool(sale).available_boxes == 2, "boxes of who did not pay are free in the same moment"
    books = operator.get("/v1/ledger/trial-balance").json
    assert {line["code"]: line["balance_minor"] for line in books["lines"] if line["balance_minor"]} == {
        "psp_clearing": 6 * 1_000 + 4 * 3_700,
        "promo_expense": 4 * 500,
        "order_liability": 4 * 5_200,
        "coop_payable": 2 * 1_000,
    }
    moves = [move["after"] for move in operator.get(f"{sale.url}/transitions").json["items"]]
    assert moves == [
        "draft",
        "scheduled",
        "deposit_open",
        "deposit_closed",
        "allocating",
        "allocated",
        "harvested",
        "balance_open",
        "balance_closed",
    ]


def test_who_says_no_and_has_no_neighbour_ends_the_campaign_with_everybodys_money_back(
    market: Market, as_role: Callable[..., Caller], operator: Caller, shopper: Caller
) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    sale = presale.on_sale(market, 20)
    order = bought(shopper, operator, sale, 2)
    let_pass(market, sale, hours=240)
    minute(market)
    [asked] = commitments(member)
    refusal = {"reason": "no packers"}
    assert member.post(f"/v1/commitments/{asked['id']}/refusal", json=refusal).status_code == 200
    minute(market)
    assert operator.get(sale.url).json["campaign"]["state"] == "closed"
    assert market.stored(Order, order["id"]).state == "released"
    assert market.pool(sale).boxes_pledged == 0


def test_a_season_of_fruit_that_hangs_on_the_trees_when_it_is_sold(
    market: Market, as_role: Callable[..., Caller], operator: Caller, shopper: Caller
) -> None:
    """Invited, pledged of a forecast, raised, sold, allocated, waited for, weighed; then the balance as ever."""
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    capacity = market.capacity(20 * PACK_GRAMS)
    item = {"ladder": presale.LADDER, "deposit": presale.DEPOSIT}
    sale = market.draft(
        price_minor=6_000, item=item, balance=presale.BALANCE, harvest_in=presale.BALANCE["opens_in"]
    )
    asked = done(invite(operator, market, sale, 8))
    mine = done(accept(member, asked, boxes=6, capacity_id=str(capacity.id)))
    done(operator.post(f"{sale.url}/scheduling"))
    done(more(member, mine, 2))
    order = bought(shopper, operator, sale, 7)
    assert withdraw(member, mine, 2).status_code == 409
    assert done(withdraw(member, mine, 1))["boxes"] == 7
    let_pass(market, sale, hours=240)
    minute(market)
    [commitment] = commitments(member)
    done(member.post(f"/v1/commitments/{commitment['id']}/confirmation", json={}))
    assert state(operator, sale) == "allocated", "its fruit is not weighed in yet"
    weigh(member, market, capacity, 4)
    minute(market)
    assert state(operator, sale) == "allocated"
    weigh(member, market, capacity, 3)
    minute(market)
    assert state(operator, sale) == "harvested"
    [row] = done(member.get(f"{sale.url}/pledges"))["items"][0]["cooperatives"]
    assert (row["pledged_boxes"], row["forecast_boxes"], row["sold_boxes"], row["free_boxes"]) == (7, 0, 7, 0)
    let_pass(market, sale, hours=24)
    minute(market)
    assert state(operator, sale) == "balance_open"
    assert book(operator, confirm(shopper, balance(shopper, order))).status_code == 200
    let_pass(market, sale, hours=144)
    minute(market)
    assert state(operator, sale) == "balance_closed"
    assert seen(shopper, order)["state"] == "balance_paid"


def test_a_season_with_a_shortage_that_two_choose_differently_and_the_rest_pays_on(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    """Six boxes are sold by deposits and three of them rot: who waits keeps them owed, who leaves is paid back."""
    buyers = [as_role(Role.SHOPPER) for _ in range(4)]
    members = [as_role(Role.COOPERATIVE, cooperative_ids=(each,)) for each in market.cooperative_ids[:2]]
    sale = presale.on_sale(market, 3)
    rotten = stage.pledge(market, sale, 3, cooperative=1)
    orders = [bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers, (1, 2, 1, 2), strict=True)]
    let_pass(market, sale, hours=240)
    minute(market)
    for member in members:
        for asked in commitments(member):
            url = f"/v1/commitments/{asked['id']}/confirmation"
            assert member.post(url, json={}).status_code == 200
    assert state(operator, sale) == "harvested"
    recall = operator.post(f"/v1/lots/{rotten.id}/recall", json={"reason": "rot"})
    assert recall.status_code == 200, recall.json
    minute(market)
    assert state(operator, sale) == "shortfall"
    [shortage] = operator.get("/v1/shortages").json["items"]
    later_lot = {"on": (market.today + timedelta(days=20)).isoformat()}
    assert operator.put(f"/v1/shortages/{shortage['id']}/later-lot", json=later_lot).status_code == 200
    for number, choice in ((1, "refund"), (3, "wait")):
        url = f"/v1/orders/{orders[number]['id']}/election"
        assert buyers[number].post(url, json={"choice": choice}).status_code == 200
    stage.let_pass(stage.Short(market=market, sale=sale, buyers=(), orders=(), lots=()), 49)
    database.transact(lambda session: closing.advance_due(session, now(market)))
    minute(market)
    assert state(operator, sale) == "shortfall", "buyers were told of another day for the balance"
    let_pass(market, sale, hours=24)
    minute(market)
    assert state(operator, sale) == "balance_open"
    states = [seen(buyer, order)["state"] for buyer, order in zip(buyers, orders, strict=True)]
    assert states == ["balance_due", "cut", "balance_due", "balance_due"]
    assert operator.get(sale.url).json["offers"][0]["final_unit_price_minor"] == 5_200, "six were sold"
    for number in (0, 2, 3):
        payment = confirm(buyers[number], balance(buyers[number], orders[number]))
        assert book(operator, payment).status_code == 200
    market.lot(2, cooperative=1)
    served = operator.post(
        f"/v1/shortages/{shortage['id']}/servings",
        json={"cooperative_id": str(market.cooperative_ids[1]), "boxes": 2},
    )
    assert served.status_code == 201, served.json
    assert [each["boxes"] for each in served.json["items"]] == [2]
    assert market.pool(sale).boxes_pledged == 4, "one of the three that were there was nobody's"
    minute(market)
    let_pass(market, sale, hours=144)
    minute(market)
    assert state(operator, sale) == "balance_closed"
    told = buyers[3].get("/v1/me/notifications").json["items"]
    assert {"shortage_election", "shortage_spared"} <= {each["kind"] for each in told}
