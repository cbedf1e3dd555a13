"""An export's life at the doors: placed, approved, paid, its papers complete, ready; and every refusal on the way."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from campaigns import ending, planning
from campaigns.allotting.models import Supply
from campaigns.exports import exporting
from campaigns.exports.rules import Stage
from campaigns.shortage import closing
from campaigns.shortage.models import ShortageCut
from campaigns.shortage.rules import Cause
from campaigns.states import CampaignEvent
from inventory import holds
from inventory.models import Hold
from inventory.quality import quality
from marketplace import database, errors
from marketplace.access import Role
from orders.models import Order
from tests import house
from tests.builders import Market, assert_refused, at_once, paid, receipt
from tests.campaigns import allotted, presale
from tests.campaigns.exports import abroad
from tests.campaigns.shortage import stage
from tests.house import Caller

URL = "/v1/export-orders"


def test_an_export_from_its_placing_until_it_may_leave(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.placed(company, market, sale)
    assert (order["state"], order["stage"]) == ("proposed", Stage.PROPOSED)
    assert (order["unit_price_minor"], order["total_minor"], order["currency"]) == (995, 2_985, "USD")
    assert order["good_until"] == (market.today + timedelta(days=50)).isoformat()
    assert (order["documents_required"], order["documents_missing"]) == (abroad.NEEDED, abroad.NEEDED)
    pool = market.pool(sale)
    assert (pool.boxes_held, pool.boxes_sold) == (3, 0)

    order = abroad.approved(operator, order)
    assert order["stage"] == Stage.AWAITING_PAYMENT
    payment = order["payment"]
    assert (payment["amount_minor"], payment["currency"], payment["state"]) == (2_985, "USD", "processing")
    assert payment["reference"]
    booked = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert booked.status_code == 200
    order = abroad.seen(company, order)
    assert (order["state"], order["stage"]) == ("committed", Stage.AWAITING_DOCUMENTS)
    pool = market.pool(sale)
    assert (pool.boxes_held, pool.boxes_sold) == (0, 3)

    missing = assert_refused(operator.post(f"{URL}/{order['id']}/readiness"), 409, "documents_missing")
    assert missing["missing"] == abroad.NEEDED
    for number, kind in enumerate(abroad.NEEDED, start=1):
        assert abroad.upload(company, order, kind).status_code == 201
        if number < len(abroad.NEEDED):
            told = assert_refused(operator.post(f"{URL}/{order['id']}/readiness"), 409, "documents_missing")
            assert told["missing"] == abroad.NEEDED[number:]
    assert abroad.seen(company, order)["stage"] == Stage.DOCUMENTS_COMPLETE
    ready = operator.post(f"{URL}/{order['id']}/readiness")
    assert (ready.json["stage"], ready.json["documents_missing"]) == (Stage.READY_TO_SHIP, [])
    assert "export.make_ready" in market.actions(ready)
    assert_refused(operator.post(f"{URL}/{order['id']}/readiness"), 409, "ready_already")


def test_every_refusal_of_an_order(market: Market, operator: Caller, company: Caller) -> None:
    sale = market.on_sale(20)
    draft = market.draft()
    stepped = presale.on_sale(market)
    missing = str(uuid.uuid4())

    def refused(status: int, code: str, **changes: object) -> dict[str, object]:
        return assert_refused(company.post(URL, json=abroad.body(market, sale, **changes)), status, code)

    with market.unchanged():
        refused(409, "no_price_in_currency")
        refused(409, "destination_unknown", currency="CNY")
        refused(404, "campaign_not_found", campaign_id=missing)
        refused(404, "campaign_not_found", campaign_id=str(draft.campaign_id))
        refused(404, "item_not_found", item_id=missing)
        refused(
            409,
            "one_price_only",
            campaign_id=str(stepped.campaign_id),
            item_id=str(stepped.item_id),
            currency="CNY",
        )
    abroad.priced(operator, sale)
    abroad.described(operator)
    with market.unchanged():
        refused(409, "sold_out", boxes=21)
        refused(409, "destination_unknown", country="CN")
        told = refused(409, "delivery_too_soon", in_days=0)
        earliest = market.campaign(sale).closes_at.date() + timedelta(days=1)
        assert told["earliest_on"] == earliest.isoformat()
        told = refused(409, "keeps_too_short", in_days=31)
        assert (told["good_until"], told["good_boxes"], told["promised_boxes"]) == (
            (market.today + timedelta(days=61)).isoformat(),
            0,
            3,
        )
        for change in (
            {"boxes": 0},
            {"boxes": 1.5},
            {"boxes": 10**6 + 1},
            {"currency": "usd"},
            {"country": "uae"},
            {"country": "AE\n"},
            {"incoterm": "DAT"},
            {"incoterm": "cif"},
            {"company": ""},
            {"company": "a\r\nb"},
            {"promised_on": "soon"},
        ):
            refused(422, "invalid", **change)
    presale.let_pass(market, sale, hours=240)
    refused(409, "not_on_sale", in_days=25)


def test_a_total_has_its_bound(market: Market, operator: Caller, company: Caller) -> None:
    sale = market.on_sale(20)
    abroad.priced(operator, sale, "KWD", 10**9)
    abroad.described(operator)
    answer = company.post(URL, json=abroad.body(market, sale, currency="KWD", boxes=20_000))
    assert_refused(answer, 409, "total_too_high")


def test_a_country_that_asks_for_more_days_gets_fewer_boxes(
    market: Market, operator: Caller, company: Caller
) -> None:
    """The lot keeps sixty days: with twenty days until delivery there are forty left."""
    sale = abroad.sale_for(market, operator)
    abroad.described(operator, country="SG", shelf_days=40)
    abroad.described(operator, country="HK", shelf_days=41)
    order = abroad.placed(company, market, sale, country="SG")
    assert (order["shelf_days"], order["good_until"]) == (
        40,
        (market.today + timedelta(days=60)).isoformat(),
    )
    answer = company.post(URL, json=abroad.body(market, sale, country="HK"))
    assert_refused(answer, 409, "keeps_too_short")


def test_what_was_agreed_stays_when_a_country_asks_for_more(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.placed(company, market, sale)
    abroad.described(operator, shelf_days=365, documents=["bill_of_lading"])
    assert abroad.seen(company, order) == order


def test_fruit_that_keeps_is_promised_once(market: Market, operator: Caller, company: Caller) -> None:
    """Ten boxes keep, ten more do not: exports get no more than ten, shoppers the rest."""
    sale = abroad.sale_for(market, operator, 10)
    market.lot(10, cooperative=1, best_before_on=market.today + timedelta(days=35))
    operator.post(
        f"{sale.url}/pledges",
        json={"item_id": str(sale.item_id), "cooperative_id": str(market.cooperative_ids[1]), "boxes": 10},
    )
    abroad.placed(company, market, sale, boxes=7)
    told = assert_refused(company.post(URL, json=abroad.body(market, sale, boxes=4)), 409, "keeps_too_short")
    assert (told["good_boxes"], told["promised_boxes"]) == (10, 11)
    abroad.placed(company, market, sale, boxes=3)


def test_two_at_once_do_not_both_get_the_last_fruit_that_keeps(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = abroad.sale_for(market, operator, 10)
    market.lot(10, cooperative=1, best_before_on=market.today + timedelta(days=35))
    operator.post(
        f"{sale.url}/pledges",
        json={"item_id": str(sale.item_id), "cooperative_id": str(market.cooperative_ids[1]), "boxes": 10},
    )
    contexts = [market.acting(as_role(Role.BUYER), roles=frozenset({Role.BUYER})) for _ in range(4)]
    body = abroad.body(market, sale, boxes=6)
    wanted = exporting.Wanted(
        **{
            **body,
            "campaign_id": sale.campaign_id,
            "item_id": sale.item_id,
            "promised_on": market.today + timedelta(days=20),
        }
    )

    def placing(number: int) -> Callable[[], str]:
        return lambda: database.transact(
            lambda session: str(exporting.place(session, contexts[number], wanted).id)
        )

    found = at_once(market.app, [placing(number) for number in range(4)])
    refusals = [each for each in found if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refusals] == [exporting.KeepsTooShort] * 3


def test_an_approval_asks_again_whether_the_fruit_keeps(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = market.draft()
    lot = market.lot(20)
    operator.post(
        f"{sale.url}/pledges",
        json={"item_id": str(sale.item_id), "cooperative_id": str(market.cooperative_ids[0]), "boxes": 20},
    )
    abroad.priced(operator, sale)
    abroad.described(operator)
    assert operator.post(f"{sale.url}/scheduling").status_code == 200
    order = abroad.placed(company, market, sale)
    database.transact(
        lambda session: quality.quarantine(session, market.ctx, lot_id=lot.id, reason="a strange smell")
    )
    answer = operator.post(f"{URL}/{order['id']}/approval")
    assert_refused(answer, 409, "keeps_too_short")


@pytest.mark.parametrize("is_approved", [False, True])
@pytest.mark.parametrize("role", [Role.BUYER, Role.OPERATOR])
def test_an_unpaid_export_is_given_up(
    market: Market, operator: Caller, company: Caller, role: Role, is_approved: bool
) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.placed(company, market, sale)
    if is_approved:
        order = abroad.approved(operator, order)
    who = company if role == Role.BUYER else operator
    told = who.post(f"{URL}/{order['id']}/cancellation", json={"reason": "no ship"})
    assert (told.json["state"], told.json["stage"]) == (
        "withdrawn" if is_approved else "cancelled",
        Stage.ENDED,
    )
    assert market.pool(sale).boxes_held == 0
    again = who.post(f"{URL}/{order['id']}/cancellation", json={"reason": "no ship"})
    assert again.status_code == 409


def test_what_is_paid_is_neither_cancelled_nor_approved_again(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.paid(company, operator, market, sale)
    with market.unchanged():
        answer = company.post(f"{URL}/{order['id']}/cancellation", json={"reason": "x"})
        assert_refused(answer, 409, "payment_not_awaited")
        assert_refused(operator.post(f"{URL}/{order['id']}/approval"), 409, "state")


def test_nothing_unpaid_is_ready(market: Market, operator: Caller, company: Caller) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.placed(company, market, sale)
    abroad.with_all_papers(company, order)
    for step in ("readiness", "approval", "readiness"):
        answer = operator.post(f"{URL}/{order['id']}/{step}")
        assert answer.status_code == (200 if step == "approval" else 409)


def test_an_export_that_nobody_paid_ends_with_the_sale(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    asked = abroad.placed(company, market, sale)
    due = abroad.approved(operator, abroad.placed(company, market, sale))
    abroad.let_hold_end(due)
    assert_refused(operator.post(f"{URL}/{asked['id']}/approval"), 410, "hold_expired")
    database.transact(lambda session: holds.expire_due(session, market.later()))
    assert database.transact(lambda session: exporting.lapse(session, market.later())) == 2
    assert abroad.seen(company, asked)["state"] == "cancelled"
    assert abroad.seen(company, due)["state"] == "expired"
    late = operator.post(f"/v1/payments/{due['payment_id']}/receipts", json=receipt(due))
    assert (late.json["state"], late.json["refund_due_minor"], late.json["currency"]) == (
        "canceled",
        due["total_minor"],
        "USD",
    )
    assert database.transact(lambda session: exporting.lapse(session, market.later())) == 0


def test_an_export_that_nobody_paid_ends_when_the_sale_is_ended_early(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    asked = abroad.placed(company, market, sale)
    due = abroad.approved(operator, abroad.placed(company, market, sale))
    bought = abroad.paid(company, operator, market, sale)
    assert database.transact(lambda session: exporting.lapse(session, market.later())) == 0
    assert operator.post(f"{sale.url}/closing", json={"reason": "sold well"}).status_code == 200
    assert database.transact(lambda session: exporting.lapse(session, market.later())) == 2
    states = [abroad.seen(company, each)["state"] for each in (asked, due, bought)]
    assert states == ["cancelled", "expired", "committed"]
    pool = market.pool(sale)
    assert (pool.boxes_held, pool.boxes_sold) == (0, 3)


def test_a_payment_that_fails_frees_the_boxes(market: Market, operator: Caller, company: Caller) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.approved(operator, abroad.placed(company, market, sale))
    answer = operator.post(f"/v1/payments/{order['payment_id']}/failure", json={"reason": "bounced"})
    assert answer.status_code == 200
    assert abroad.seen(company, order)["stage"] == Stage.ENDED
    assert market.pool(sale).boxes_held == 0


def test_a_cancelled_campaign_gives_exports_back_in_their_own_currency(
    market: Market, operator: Caller, company: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    asked = abroad.placed(company, market, sale)
    due = abroad.approved(operator, abroad.placed(company, market, sale))
    bought = abroad.paid(company, operator, market, sale)
    assert operator.post(f"{sale.url}/pause", json={"reason": "hail"}).status_code == 200
    assert operator.post(f"{sale.url}/cancellation", json={"reason": "hail"}).status_code == 200
    for _ in range(4):
        database.transact(
            lambda session: ending.end_orders(session, market.later(), campaign_id=str(sale.campaign_id))
        )
    database.transact(lambda session: exporting.lapse(session, market.later()))
    states = [abroad.seen(company, each)["state"] for each in (asked, due, bought)]
    assert states == ["cancelled", "released", "released"]
    payment = abroad.seen(company, bought)["payment"]
    assert (payment["refund_due_minor"], payment["currency"]) == (bought["total_minor"], "USD")
    assert market.campaign(sale).state == "closed"


def test_exports_and_shoppers_share_a_pool_and_its_supplies(
    market: Market, operator: Caller, company: Caller, shopper: Caller
) -> None:
    sale = abroad.sale_for(market, operator, 8)
    abroad.paid(company, operator, market, sale, boxes=5)
    paid(shopper, operator, sale, 3)
    assert market.pool(sale).available_boxes == 0
    answer = company.post(URL, json=abroad.body(market, sale, boxes=1))
    assert_refused(answer, 409, "sold_out")


def test_an_order_keeps_its_currency_to_the_end(market: Market, operator: Caller, company: Caller) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.approved(operator, abroad.placed(company, market, sale))
    wrong = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order, currency="CNY"))
    told = assert_refused(wrong, 409, "amount_differs")
    assert (told["due_minor"], told["currency"]) == (order["total_minor"], "USD")
    stored = market.stored(Order, order["id"])
    assert stored.hold_id is not None
    hold = market.stored(Hold, stored.hold_id)
    assert (hold.currency, hold.unit_price_minor) == ("USD", order["unit_price_minor"])


def test_lists_show_one_s_own_and_staff_see_all(
    market: Market, operator: Caller, company: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = abroad.sale_for(market, operator)
    order = abroad.placed(company, market, sale)
    other = as_role(Role.BUYER)
    theirs = abroad.placed(other, market, sale)

    def ids(who: Caller) -> list[str]:
        return [each["id"] for each in who.get(URL).json["items"]]

    assert ids(company) == [order["id"]]
    assert ids(other) == [theirs["id"]]
    assert ids(as_role(Role.AUDITOR)) == [order["id"], theirs["id"]]
    assert_refused(other.get(f"{URL}/{order['id']}"), 404, "order_not_found")


def test_destinations_are_described_by_operators(
    market: Market, operator: Caller, company: Caller, as_role: Callable[..., Caller]
) -> None:
    first = abroad.described(operator, documents=["packing_list", "packing_list"])
    assert (first.json["version"], first.json["documents"]) == (1, ["packing_list"])
    again = abroad.described(operator, shelf_days=45)
    assert (again.json["version"], again.json["documents"]) == (2, abroad.NEEDED)
    [shown] = company.get("/v1/export-destinations").json["items"]
    assert (shown["country"], shown["shelf_days"], shown["name_zh"]) == ("AE", 45, "阿联酋")
    good = {"name_en": "x", "name_zh": "某", "shelf_days": 30, "documents": ["packing_list"]}
    with market.unchanged():
        for country in ("CN", "ae", "ARE", "%0AAE", "A1"):
            answer = operator.put(f"/v1/export-destinations/{country}", json=good)
            assert_refused(answer, 422, "country_unreadable")
        for change in ({"shelf_days": 29}, {"shelf_days": 366}, {"documents": []}, {"documents": ["visa"]}):
            answer = operator.put("/v1/export-destinations/SG", json={**good, **change})
            assert_refused(answer, 422, "invalid")
    assert as_role(Role.BUYER).put("/v1/export-destinations/SG", json=good).status_code == 403


def test_an_allocation_finds_a_cooperative_for_every_exported_box(market: Market, company: Caller) -> None:
    operator = house.caller(market.app, Role.OPERATOR)
    life = allotted.sold(market, operator, pledged=(20, 20, 20), orders=(12,))
    abroad.priced(operator, life.sale)
    abroad.described(operator)
    order = abroad.paid(company, operator, market, life.sale, boxes=5)
    life = life.start(season="2027-28")
    life.done(*(life.confirm(code) for code in ("YJ01", "YJ02", "YJ03")))
    with database.reading() as session:
        found = session.execute(
            select(Supply.order_id, func.sum(Supply.boxes)).group_by(Supply.order_id)
        ).all()
    supplied = {str(order_id): int(boxes) for order_id, boxes in found}
    assert supplied.pop(order["id"]) == 5
    assert list(supplied.values()) == [12]


def test_a_shortage_cuts_an_export_and_pays_back_in_its_own_currency(
    market: Market, operator: Caller, company: Caller, shopper: Caller
) -> None:
    """Four of eight boxes are there, two for each; the fault doubles no earnest money of an export."""
    sale = market.draft(per_buyer=100)
    lots = []
    for boxes in (4, 4):
        lots.append(market.lot(boxes))
        body = {
            "cooperative_id": str(market.cooperative_ids[0]),
            "item_id": str(sale.item_id),
            "boxes": boxes,
        }
        assert operator.post(f"{sale.url}/pledges", json=body).status_code == 201
    abroad.priced(operator, sale)
    abroad.described(operator)
    assert operator.post(f"{sale.url}/scheduling").status_code == 200
    export = abroad.paid(company, operator, market, sale, boxes=4)
    bought = paid(shopper, operator, sale, 4)
    for event in (CampaignEvent.CLOSE, CampaignEvent.ALLOCATE, CampaignEvent.CONFIRM, CampaignEvent.HARVEST):
        database.transact(
            lambda session, event=event: planning.move(
                session, market.ctx, campaign_id=sale.campaign_id, event=event, reason="on"
            )
        )
    database.transact(
        lambda session: quality.recall(session, market.ctx, lot_id=lots[0].id, reason="residues")
    )
    short = stage.Short(
        market=market, sale=sale, buyers=(company, shopper), orders=(export, bought), lots=tuple(lots)
    )
    stage.opened(short, cause=Cause.FAULT)
    stage.let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, market.later())) == 1
    with database.reading() as session:
        cuts = {str(cut.order_id): cut for cut in session.scalars(select(ShortageCut))}
    cut = cuts[export["id"]]
    assert (cut.boxes_after, cut.refund_minor, cut.compensation_minor, cut.currency) == (2, 1_990, 0, "USD")
    assert "USD" in cut.reason_en
    assert "CNY" not in cut.reason_en
    assert cuts[bought["id"]].currency == "CNY"
