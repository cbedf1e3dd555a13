"""A presale from its draft to its last delivered box, by doors and jobs alone; every promise holds after each step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from campaigns import advancing
from campaigns.shortage import closing
from campaigns.states import CampaignState
from campaigns.web.words import STATES
from marketplace import database, jobs
from marketplace.access import Role
from orders.models import Order
from tests.addresses.book import added
from tests.builders import PACK_GRAMS, Market, Sale, broken
from tests.campaigns import presale
from tests.campaigns.inbox import told
from tests.campaigns.pledges.scene import accept, done, invite, more, weigh, withdraw
from tests.campaigns.presale import balance, book, bought, confirm, let_pass, now, seen
from tests.campaigns.promotions.deposits import scene
from tests.campaigns.promotions.groups import friends
from tests.campaigns.promotions.shop import uses
from tests.campaigns.shortage import stage
from tests.house import Caller
from tests.payments.statements import files


def minute(market: Market) -> None:
    """What happens by itself in a minute."""
    later = now(market)
    database.transact(lambda session: advancing.planning.follow_clock_everywhere(session, later))
    database.transact(lambda session: advancing.call_all(session, later))
    jobs.work(market.app, once=True)
    assert broken(market.app) == []


def state(operator: Caller, sale: Sale) -> str:
    """As programs are told, and as the page for people says it."""
    found = str(operator.get(sale.url).json["campaign"]["state"])
    page = operator.get(f"/campaigns/{sale.campaign_id}")
    assert f'data-state="{found}"' in page.text
    assert STATES[CampaignState(found)].en in page.text
    return found


def commitments(member: Caller) -> list[dict[str, Any]]:
    response = member.get("/v1/commitments")
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json["items"]
    return items


def advanced(market: Market, member: Caller, operator: Caller, sale: Sale) -> None:
    """Before any balance is paid its member is granted a part of what the deposits bear."""
    [offer] = member.get(f"{sale.url}/advance-offers").json["items"]
    assert (offer["amount_minor"], offer["bound"]) == (6 * 1_000, "funds"), (
        "no more than the deposits is there"
    )
    early = {"cooperative_id": str(market.cooperative_ids[0]), "currency": "CNY", "amount_minor": 4_000}
    advance = member.post(f"{sale.url}/advances", json=early).json
    granted = operator.post(f"/v1/advances/{advance['id']}/grant", json={})
    assert (granted.status_code, granted.json["state"]) == (200, "granted"), granted.json


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
    advanced(market, member, operator, sale)
    let_pass(market, sale, hours=24)
    minute(market)
    assert state(operator, sale) == "balance_open"
    assert operator.get(sale.url).json["offers"][0]["final_unit_price_minor"] == 5_200
    amounts = [told(buyer, "balance_due")[0]["amount"]["minor"] for buyer in buyers]
    assert amounts == [boxes * (5_200 - 1_500) for boxes in (1, 2, 1, 2)], "everybody is told what is due"
    came = []
    for buyer, order in list(zip(buyers, orders, strict=True))[:3]:
        payment = confirm(buyer, balance(buyer, order))
        assert payment["amount_minor"] == order["boxes"] * (5_200 - 1_500)
        parts = (payment["amount_minor"] - 700, 700) if order is orders[1] else (payment["amount_minor"],)
        came += [files.line(minor=minor, remittance=payment["reference"].lower()) for minor in parts]
    stated = files.send(operator, files.table(*came, files.line("INTEREST", minor=12)))
    assert stated.status_code == 201, stated.json
    minute(market)
    shown = operator.get(f"/v1/bank-statements/{stated.json['id']}").json
    assert files.counts(shown) == {"booked": 4, "open:no_reference": 1}, "all balances came by bank transfer"
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
    assert state(operator, sale) == "closed"
    assert "nobody is left to supply what was sold" in operator.get(f"/campaigns/{sale.campaign_id}").text
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
    send(market, operator, sale, [(shopper, order)])
    assert state(operator, sale) == "completed"
    assert seen(shopper, order)["state"] == "delivered"
    assert len(told(shopper, "parcel_shipped")) == 3, "of each lot one parcel"
    assert len(told(shopper, "order_delivered")) == 1


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
    heard = buyers[3].get("/v1/me/notifications").json["items"]
    assert {"shortage_election", "shortage_spared"} <= {each["kind"] for each in heard}
    left = [(buyers[number], orders[number]) for number in (0, 2, 3)]
    send(market, operator, sale, left)
    assert state(operator, sale) == "completed"
    assert [seen(*each)["state"] for each in left] == ["delivered"] * 3


def send(market: Market, operator: Caller, sale: Sale, left: list[tuple[Caller, dict[str, Any]]]) -> None:
    """All that is paid is sent to its buyers' addresses, and arrives."""
    for buyer, order in left:
        address = {"address_id": added(buyer)["id"]}
        assert buyer.put(f"/v1/orders/{order['id']}/address", json=address).status_code == 200
    on = {"delivered_on": (market.today + timedelta(days=3)).isoformat()}
    wave = operator.post(f"{sale.url}/waves", json=on)
    assert (wave.status_code, wave.json.get("orders")) == (201, len(left)), wave.json
    for step, body in (("packing", None), ("shipment", {"carrier": "SF"}), ("delivery", None)):
        for parcel in operator.get("/v1/parcels?limit=100").json["items"]:
            done = operator.post(f"/v1/parcels/{parcel['id']}/{step}", json=body)
            assert done.status_code == 200, done.json
    minute(market)


def test_a_season_whose_deposits_are_discounted_by_a_coupon_and_a_group(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    """One has a coupon, two buy together, one pays the normal price; who does not pay the balance gives it back."""
    buyers = [as_role(Role.SHOPPER) for _ in range(4)]
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    sale = presale.on_sale(market, 20)
    coupon, code = scene.code_of(operator, sale, amount_minor=300)
    group = friends.group_buy(operator, sale, amount_minor=600)
    first = friends.opened(buyers[1], group, sale, 2)
    second = friends.joined(buyers[3], first["group"]["code"], sale, 2)
    orders = [
        scene.bought(buyers[0], operator, sale, 1, code),
        friends.buys(buyers[1], operator, first),
        bought(buyers[2], operator, sale, 1),
        friends.buys(buyers[3], operator, second),
    ]
    minute(market)
    later = [
        seen(buyer, order)["deposit"]["later_minor"] for buyer, order in zip(buyers, orders, strict=True)
    ]
    assert later == [4_500 - 300, 9_000 - 1_200, 4_500, 9_000 - 1_200], (
        "the group is full and settled by itself"
    )
    let_pass(market, sale, hours=240)
    minute(market)
    [asked] = commitments(member)
    assert member.post(f"/v1/commitments/{asked['id']}/confirmation", json={}).status_code == 200
    let_pass(market, sale, hours=24)
    minute(market)
    assert state(operator, sale) == "balance_open"
    due = [3_700 - 300, 7_400 - 1_200, 3_700, 7_400 - 1_200]
    assert [told(buyer, "balance_due")[0]["amount"]["minor"] for buyer in buyers] == due
    assert [
        scene.pay_rest(*each) for each in zip(buyers[:3], [operator] * 3, orders[:3], strict=True)
    ] == due[:3]
    assert (uses(market, coupon), friends.money(market, group)) == ((0, 1, 0, 300), (0, 2_400))
    let_pass(market, sale, hours=144)
    minute(market)
    assert state(operator, sale) == "balance_closed"
    states = [seen(buyer, order)["state"] for buyer, order in zip(buyers, orders, strict=True)]
    assert states == ["balance_paid", "balance_paid", "balance_paid", "balance_defaulted"]
    assert (uses(market, coupon), friends.money(market, group)) == ((0, 1, 0, 300), (0, 1_200))
    assert friends.states(first["group"]["code"]) == ["rewarded", "undone"]
