"""A shortage at the doors: started, offered, elected, cut, paid back; every refusal leaves everything as it was."""

import uuid

import pytest
from sqlalchemy import select

from campaigns import planning
from campaigns.shortage import closing, offering, opening, run
from campaigns.shortage.models import Shortage, ShortageCut, ShortageOffer
from inventory import lots
from inventory.models import Hold, Lot
from marketplace import database, events
from marketplace.access import Role
from marketplace.payments.models import PartRefund
from orders.allocation.commitment import seed_commitment
from orders.events import OrdersCut
from orders.models import Order, SeasonEntry
from tests.builders import PRICE_MINOR, Market, assert_refused, receipt
from tests.campaigns.shortage.stage import SEED, Short, harvested, let_pass, opened, pledge
from tests.house import Caller

BOXES = (1, 2, 5, 10)
HAIL = {"cause": "force_majeure", "evidence": "hail on 3 September, county notice 17"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller) -> Short:
    """Orders of 1, 2, 5 and 10 boxes, and 12 boxes that are there."""
    return harvested(market, as_role, operator, BOXES, there=12)


def advance(short: Short, *, hours: int) -> int:
    """So many hours pass, and the clock's job comes; how many windows it ended."""
    let_pass(short, hours)
    return database.transact(lambda session: closing.advance_due(session, short.market.later()))


def choose(short: Short, number: int, **body):
    return short.buyers[number].post(f"/v1/orders/{short.orders[number]['id']}/election", json=body)


def cuts(short: Short) -> dict[str, ShortageCut]:
    with database.reading() as session:
        return {str(each.order_id): each for each in session.scalars(select(ShortageCut))}


def kept(short: Short) -> list[int]:
    found = cuts(short)
    return [found[order["id"]].boxes_after for order in short.orders]


def offers(short: Short) -> dict[uuid.UUID, ShortageOffer]:
    return {each.cooperative_id: each for each in short.shortage().offers if each.state == "offered"}


def member(short: Short, as_role, cooperative: int) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=(short.market.cooperative_ids[cooperative],))


def start(operator: Caller, short: Short, **body):
    return operator.post(f"{short.sale.url}/shortages", json=body)


# Opening


def test_an_operator_starts_it_and_its_hash_is_told_without_its_seed(short: Short, operator: Caller) -> None:
    response = start(operator, short, **HAIL)
    assert response.status_code == 201, response.json
    [told] = response.json["items"]
    assert (told["committed_boxes"], told["supply_boxes"], told["state"]) == (18, 12, "electing")
    assert (told["seed"], len(told["seed_hash"])) == (None, 64)
    assert short.market.campaign(short.sale).state == "shortfall"
    shown = operator.get(f"/v1/shortages/{told['id']}").json
    [standing] = shown["standings"]
    assert (standing["pledged_boxes"], standing["there_boxes"], standing["reason"]) == (18, 12, None)
    assert [each["id"] for each in operator.get("/v1/shortages").json["items"]] == [told["id"]]


def test_with_all_fruit_there_is_no_shortage(market: Market, as_role, operator: Caller) -> None:
    full = harvested(market, as_role, operator, (2, 3), there=4)
    clear(operator, full)
    with market.unchanged():
        assert_refused(start(operator, full), 409, "not_short")


def clear(operator: Caller, short: Short) -> None:
    response = operator.post(
        f"/v1/lots/{short.lots[0].id}/recall/closing", json={"outcome": "cleared", "reason": "clean"}
    )
    assert response.status_code == 200, response.json


def test_only_a_harvested_campaign_can_be_short(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    with market.unchanged():
        assert_refused(operator.post(f"{sale.url}/shortages", json={}), 409, "state")
        assert_refused(
            operator.post(f"/v1/campaigns/{uuid.uuid4()}/shortages", json={}), 404, "campaign_not_found"
        )


def test_force_majeure_needs_evidence(short: Short, operator: Caller) -> None:
    with short.market.unchanged():
        refused = start(operator, short, cause="force_majeure")
        assert_refused(refused, 422, "evidence_missing")
    start(operator, short)
    url = f"/v1/shortages/{short.shortage().id}/cause"
    with short.market.unchanged():
        assert_refused(operator.put(url, json={"cause": "force_majeure"}), 422, "evidence_missing")
        missing = operator.put(f"/v1/shortages/{uuid.uuid4()}/cause", json=HAIL)
        assert_refused(missing, 404, "shortage_not_found")
    assert operator.put(url, json=HAIL).json["cause"] == "force_majeure"


# The cut


def test_the_example_of_the_book_end_to_end(short: Short, operator: Caller) -> None:
    shortage = opened(short, **HAIL)
    assert advance(short, hours=47) == 0
    assert advance(short, hours=49) == 1

    assert sorted(kept(short)) == [1, 2, 4, 5]
    assert kept(short)[:2] == [1, 2]
    told = operator.get(f"/v1/shortages/{shortage.id}").json
    assert (told["shortage"]["state"], told["shortage"]["seed"]) == ("settled", SEED)
    assert told["shortage"]["seed_hash"] == seed_commitment(SEED)
    stored = short.shortage()
    assert run.fault_of(stored.problem, stored.result, stored.digest, stored.seed_hash) is None
    assert told["standings"][0]["carried_boxes"] == 6
    assert "6 boxes are yours to carry" in told["standings"][0]["reason"]["en"]
    pool = short.market.pool(short.sale)
    assert (pool.boxes_pledged, pool.boxes_held, pool.boxes_sold) == (12, 0, 12)
    assert short.market.stored(Lot, short.lots[0].id).held_grams == 0
    assert short.market.campaign(short.sale).state == "balance_open"


def test_force_majeure_pays_back_what_was_cut_and_touches_no_season(short: Short, operator: Caller) -> None:
    opened(short, **HAIL)
    advance(short, hours=49)
    found = cuts(short)
    with database.reading() as session:
        refunds = {
            each.payment_id: (each.kind, each.amount_minor) for each in session.scalars(select(PartRefund))
        }
        assert session.scalars(select(SeasonEntry)).all() == []
    short_ones = [each for each in short.orders if found[each["id"]].boxes_cut]
    assert len(refunds) == len(short_ones) > 0
    for order in short_ones:
        cut = found[order["id"]]
        assert refunds[uuid.UUID(order["payment_id"])] == ("refund", cut.boxes_cut * PRICE_MINOR)
        assert cut.compensation_minor == 0
        assert market_hold(short, order).released_boxes == cut.boxes_cut
    items = operator.get(f"/v1/shortages/{short.shortage().id}/cuts").json["items"]
    assert len(items) == 4
    assert all(each["reason_en"] and each["reason_zh"] for each in items)


def market_hold(short: Short, order: dict) -> Hold:
    return short.market.stored(Hold, short.market.stored(Order, order["id"]).hold_id)


def test_a_fault_pays_the_earnest_money_once_more(short: Short) -> None:
    shortage = opened(short)
    assert shortage.cause == "fault"
    advance(short, hours=49)
    found = cuts(short)
    with database.reading() as session:
        extra = session.scalars(select(PartRefund).where(PartRefund.kind == "compensation")).all()
    total = sum(each.compensation_minor for each in found.values())
    assert sum(each.amount_minor for each in extra) == total == 6 * PRICE_MINOR // 5
    assert short.shortage().standings[0].carried_minor == total


def test_without_a_box_an_order_is_cut_and_a_total_loss_fails_the_campaign(
    market: Market, as_role, operator: Caller
) -> None:
    short = harvested(market, as_role, operator, (2, 3), there=0)
    opened(short, **HAIL)
    advance(short, hours=49)
    assert kept(short) == [0, 0]
    assert [market.stored(Order, each["id"]).state for each in short.orders] == ["cut", "cut"]
    assert market.campaign(short.sale).state == "failed"
    with database.reading() as session:
        back = session.scalars(select(PartRefund.amount_minor)).all()
    assert sum(back) == 5 * PRICE_MINOR


def test_proportional_is_another_policy(short: Short) -> None:
    opened(short, policy="proportional", **HAIL)
    advance(short, hours=49)
    assert kept(short) == [1, 1, 3, 7]


def test_boxes_that_are_not_paid_by_the_cut_are_there_for_who_has_paid(
    market: Market, as_role, operator: Caller
) -> None:
    short = harvested(market, as_role, operator, BOXES, there=12, paying=3)
    shortage = opened(short, **HAIL)
    assert (shortage.committed_boxes, shortage.supply_boxes) == (18, 9)
    advance(short, hours=49)
    with database.reading() as session:
        assert sum(session.scalars(select(ShortageCut.boxes_after))) == 12
    late = short.orders[-1]
    booked = operator.post(f"/v1/payments/{late['payment_id']}/receipts", json=receipt(late))
    assert booked.status_code == 200, booked.json
    assert booked.json["refund_due_minor"] == booked.json["amount_minor"], "too late: all of it goes back"
    pool = market.pool(short.sale)
    assert (pool.boxes_pledged, pool.boxes_held, pool.boxes_sold) == (12, 0, 12)


def test_money_that_comes_during_the_election_makes_one_order_more(
    market: Market, as_role, operator: Caller
) -> None:
    short = harvested(market, as_role, operator, BOXES, there=12, paying=3)
    opened(short, **HAIL)
    late = short.orders[-1]
    assert operator.post(f"/v1/payments/{late['payment_id']}/receipts", json=receipt(late)).status_code == 200
    advance(short, hours=49)
    assert sum(kept(short)) == 12
    assert kept(short)[:3] == [1, 2, 3]


def test_what_is_told_to_others(short: Short, monkeypatch) -> None:
    told, publish = [], events.publish

    def note(session, ctx, event) -> None:
        told.append(event)
        publish(session, ctx, event)

    monkeypatch.setattr(events, "publish", note)
    opened(short, **HAIL)
    advance(short, hours=49)
    found = cuts(short)
    told = [each for each in told if isinstance(each, offering.ElectionsOpened | OrdersCut)]
    assert [type(each) for each in told] == [offering.ElectionsOpened, OrdersCut]
    assert {str(each.order_id): (each.boxes_before, each.boxes_after) for each in told[1].cuts} == {
        order_id: (each.boxes_before, each.boxes_after) for order_id, each in found.items() if each.boxes_cut
    }


# Elections


def test_a_buyer_chooses_and_chooses_again(short: Short) -> None:
    opened(short, **HAIL)
    buyer, url = short.buyers[3], f"/v1/orders/{short.orders[3]['id']}/election"
    first = buyer.get(url).json
    assert (first["choice"], first["boxes"], first["choices"]) == (
        "no_preference",
        10,
        ["no_preference", "fewer", "refund"],
    )
    assert choose(short, 3, choice="refund").json["choice"] == "refund"
    assert choose(short, 3, choice="fewer", wanted_boxes=4).json["wanted_boxes"] == 4
    advance(short, hours=49)
    assert kept(short) == [1, 2, 5, 4]
    told = buyer.get(url).json
    assert (told["state"], told["cut"]["boxes_given_up"], told["cut"]["refund_minor"]) == (
        "settled",
        6,
        6 * PRICE_MINOR,
    )
    assert told["choices"] == []


def test_who_wants_the_money_back_gets_all_of_it(short: Short) -> None:
    opened(short)
    choose(short, 3, choice="refund")
    advance(short, hours=49)
    assert kept(short) == [1, 2, 5, 0]
    cut = cuts(short)[short.orders[3]["id"]]
    assert (cut.refund_minor, cut.compensation_minor) == (10 * PRICE_MINOR, 0)
    assert short.market.stored(Order, short.orders[3]["id"]).state == "cut"


def test_what_cannot_be_chosen(short: Short, as_role) -> None:
    opened(short, **HAIL)
    stranger = as_role(Role.SHOPPER)
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    with short.market.unchanged():
        assert_refused(choose(short, 2, choice="wait"), 409, "choice_not_offered")
        assert_refused(choose(short, 2, choice="other_grade"), 409, "choice_not_offered")
        assert_refused(choose(short, 2, choice="fewer"), 422, "not_fewer")
        assert_refused(choose(short, 2, choice="fewer", wanted_boxes=5), 422, "not_fewer")
        assert_refused(choose(short, 2, choice="refund", wanted_boxes=1), 422, "not_fewer")
        assert_refused(stranger.get(url), 404, "order_not_found")
        assert_refused(stranger.post(url, json={"choice": "refund"}), 404, "order_not_found")


def test_there_is_nothing_to_choose_before_or_after(short: Short) -> None:
    with short.market.unchanged():
        assert_refused(choose(short, 2, choice="refund"), 409, "no_election")
    opened(short, **HAIL)
    advance(short, hours=49)
    with short.market.unchanged():
        assert_refused(choose(short, 2, choice="refund"), 410, "election_closed")


# Neighbours


def test_neighbours_are_asked_in_fairness_order_and_cover_all(short: Short, as_role) -> None:
    market = short.market
    market.lot(20, cooperative=1)
    market.lot(20, cooperative=2)
    market.history(40_000, cooperative=1)
    shortage = opened(short, **HAIL)
    assert shortage.state == "offering"
    asked = {each.cooperative_id: each.boxes for each in shortage.offers}
    assert sum(asked.values()) == 6
    assert asked[market.cooperative_ids[2]] > asked.get(market.cooperative_ids[1], 0)
    for number in (1, 2):
        for offer in member(short, as_role, number).get("/v1/shortage-offers?state=offered").json["items"]:
            assert "households" in offer["reason_en"]
            answer = member(short, as_role, number).post(f"/v1/shortage-offers/{offer['id']}/accept", json={})
            assert answer.status_code == 200, answer.json
    assert short.shortage().state == "settled"
    assert kept(short) == list(BOXES)
    assert market.campaign(short.sale).state == "balance_open"
    with database.reading() as session:
        assert session.scalars(select(PartRefund)).all() == []
        assert {each.reason for each in session.scalars(select(SeasonEntry))} == {"opening"}


def test_what_one_does_not_give_is_asked_of_the_others(short: Short, as_role) -> None:
    market = short.market
    market.lot(4, cooperative=1)
    market.lot(20, cooperative=2)
    opened(short, **HAIL)
    first = offers(short)
    second, third = market.cooperative_ids[1:]
    decline = member(short, as_role, 1).post(f"/v1/shortage-offers/{first[second].id}/decline")
    assert decline.json["state"] == "declined"
    asked = [each.boxes for each in short.shortage().offers if each.cooperative_id == third]
    assert sum(asked) == 6
    some = member(short, as_role, 2).post(f"/v1/shortage-offers/{first[third].id}/accept", json={"boxes": 1})
    assert (some.json["state"], some.json["accepted_boxes"]) == ("accepted", 1)
    assert short.shortage().state == "offering", "its second offer is open"
    advance(short, hours=25)
    assert short.shortage().state == "electing"
    assert {each.state for each in short.shortage().offers} == {"declined", "accepted", "lapsed"}
    advance(short, hours=25 + 49)
    assert sum(kept(short)) == 13


def test_its_own_other_lots_come_before_those_of_neighbours(short: Short) -> None:
    market = short.market
    market.lot(4, cooperative=0)
    market.lot(20, cooperative=2)
    opened(short, **HAIL)
    asked = {each: offer.boxes for each, offer in offers(short).items()}
    assert asked == {market.cooperative_ids[0]: 4, market.cooperative_ids[2]: 2}


def test_offers_that_cannot_be_answered(short: Short, as_role, operator: Caller) -> None:
    market = short.market
    market.lot(20, cooperative=1)
    opened(short, **HAIL)
    [offer] = offers(short).values()
    url = f"/v1/shortage-offers/{offer.id}"
    neighbour, stranger = member(short, as_role, 1), member(short, as_role, 2)
    with market.unchanged():
        assert_refused(stranger.post(f"{url}/accept", json={}), 404, "offer_not_found")
        assert_refused(stranger.post(f"{url}/decline"), 404, "offer_not_found")
        assert_refused(neighbour.post(f"{url}/accept", json={"boxes": 7}), 409, "more_than_offered")
        assert stranger.get("/v1/shortage-offers").json["items"] == []
    assert operator.post(f"{url}/decline").status_code == 200
    with market.unchanged():
        assert_refused(neighbour.post(f"{url}/accept", json={}), 409, "offer_answered")


def test_fruit_that_is_gone_meanwhile_cannot_be_given(short: Short, as_role) -> None:
    market = short.market
    market.lot(6, cooperative=1)
    opened(short, **HAIL)
    [offer] = offers(short).values()
    other = market.draft()
    pledge(market, other, 6, cooperative=1)
    taken = [each for each in lots_of(market, 1) if each.held_grams == 0]
    assert taken, "the builder's pledge brought a lot of its own"
    database.transact(lambda session: lose_all(session, market, taken))
    neighbour = member(short, as_role, 1)
    with market.unchanged():
        refused = neighbour.post(f"/v1/shortage-offers/{offer.id}/accept", json={})
        assert_refused(refused, 409, "sold_out")


def lots_of(market: Market, cooperative: int) -> list[Lot]:
    with database.reading() as session:
        statement = select(Lot).where(Lot.cooperative_id == market.cooperative_ids[cooperative])
        return list(session.scalars(statement))


def lose_all(session, market: Market, lots_: list[Lot]) -> None:
    for each in lots_:
        lots.lose(session, market.ctx, lot_id=each.id, quantity_grams=each.on_hand_grams, reason="rot")


# Closing


def test_an_operator_ends_the_asking_and_not_the_election(short: Short, operator: Caller) -> None:
    short.market.lot(20, cooperative=1)
    shortage = opened(short, **HAIL)
    url = f"/v1/shortages/{shortage.id}/close"
    assert operator.post(url).json["state"] == "electing"
    with short.market.unchanged():
        refused = assert_refused(operator.post(url), 409, "election_runs")
        assert refused["elections_due_at"]
        assert_refused(operator.post(f"/v1/shortages/{uuid.uuid4()}/close"), 404, "shortage_not_found")
    advance(short, hours=49)
    with short.market.unchanged():
        assert_refused(operator.post(url), 409, "shortage_state")
        assert_refused(operator.put(f"/v1/shortages/{shortage.id}/cause", json=HAIL), 409, "shortage_state")


def test_fruit_that_is_cleared_in_time_leaves_nobody_short(short: Short, operator: Caller) -> None:
    opened(short, **HAIL)
    clear(operator, short)
    advance(short, hours=49)
    assert kept(short) == list(BOXES)
    assert short.market.pool(short.sale).boxes_pledged == 18


def test_the_clocks_job_makes_one_job_for_each_shortage(short: Short) -> None:
    shortage = opened(short, **HAIL)
    let_pass(short, 49)
    later = short.market.later()
    database.transact(lambda session: closing.enqueue_due(session, later))
    database.transact(lambda session: closing.run_advance(session, later, shortage_id=str(shortage.id)))
    assert short.market.stored(Shortage, shortage.id).state == "settled"


def test_a_cooperative_sees_its_own_standing_alone(short: Short, as_role) -> None:
    opened(short, **HAIL)
    advance(short, hours=49)
    [own] = member(short, as_role, 0).get("/v1/shortage-standings").json["items"]
    assert "18 − 12 = 6 missing" in own["reason"]["en"]
    assert "缺 18 − 12 = 6 箱" in own["reason"]["zh"]
    assert member(short, as_role, 1).get("/v1/shortage-standings").json["items"] == []


def test_without_a_seed_one_is_drawn(short: Short) -> None:
    def work(session) -> bool:
        campaign = planning.get(session, short.market.ctx, campaign_id=short.sale.campaign_id)
        return opening.open_if_short(session, short.market.ctx, campaign)

    assert database.transact(work)
    stored = short.shortage()
    assert stored.seed_hash == seed_commitment(stored.seed)
    assert len(stored.seed) > 40
