"""What is drawn on a sponsor's pool: redeemed for a token amount or nothing, let go, expired, never oversold."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from inventory.models import Pool
from inventory.refusals import SoldOut
from marketplace import context, database
from marketplace.access import Role
from orders import checkout
from orders.sponsoring import drawing
from orders.sponsoring.models import SponsorDraw
from tests.builders import PRICE_MINOR, Market, assert_refused, at_once, broken
from tests.house import Caller
from tests.orders import life
from tests.orders.sponsoring.fund import (
    TOTAL,
    Fund,
    address_of,
    drafted,
    pay_token,
    player,
    redeem,
    stocked,
)


@pytest.fixture
def fund(market: Market, buyer: Caller, operator: Caller) -> Fund:
    return drafted(stocked(market), buyer, operator).drawing()


def pool_of(fund: Fund) -> Pool:
    return fund.market.stored(Pool, fund.seen()["pool_id"])


def lapse(fund: Fund) -> int:
    """What the job of every minute does."""
    life.as_owner(
        fund.market,
        "UPDATE sponsor_draw SET expires_at = now() - interval '1 second' WHERE state = 'open'",
    )
    return database.transact(lambda session: drawing.expire_due(session, context.system()))


def test_one_fen_buys_the_box_of_a_player(fund: Fund, shopper: Caller) -> None:
    draw = fund.drawn(shopper, 2)
    assert (draw["kind"], draw["state"]) == ("game", "open")
    assert fund.figures()["held"] == 2
    fund.keeps_every_promise()
    ordered = redeem(shopper, draw)
    assert ordered.status_code == 200, ordered.json
    assert (ordered.json["total_minor"], ordered.json["draw"]["state"]) == (2, "ordered")
    fund.keeps_every_promise()
    received = pay_token(shopper, fund.operator, ordered.json)
    assert received.status_code == 200, received.json
    fund.keeps_every_promise()
    order = shopper.get(f"/v1/orders/{ordered.json['draw']['order_id']}").json
    assert (order["kind"], order["state"], order["total_minor"]) == ("game_redemption", "committed", 2)
    assert shopper.get(f"/v1/orders/{order['id']}/address").status_code == 200
    told = fund.told()
    figures = fund.figures()
    assert (figures["redeemed"], figures["held"], figures["free"]) == (2, 0, 18)
    assert (told["shoppers_paid_minor"], told["redeemed_by"]["game"]) == (2, 2)
    assert shopper.get(f"/v1/draws/{draw['id']}").json["state"] == "redeemed"
    assert_refused(redeem(shopper, draw), 409, "draw_state")


def test_nothing_to_pay_is_redeemed_at_once(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market), buyer, operator, shopper_pays_minor=0).drawing()
    shopper = player(market)
    ordered = redeem(shopper, fund.drawn(shopper, 3))
    assert (ordered.json["payment_id"], ordered.json["draw"]["state"]) == (None, "redeemed")
    assert pool_of(fund).boxes_sold == 3
    fund.keeps_every_promise()


@pytest.mark.parametrize("how", ["withdrawn", "failed", "expired"])
def test_who_does_not_pay_has_the_boxes_waiting_as_before(fund: Fund, shopper: Caller, how: str) -> None:
    ordered = redeem(shopper, fund.drawn(shopper, 2)).json
    order_id, payment_id = ordered["draw"]["order_id"], ordered["payment_id"]
    if how == "withdrawn":
        assert shopper.post(f"/v1/orders/{order_id}/withdrawal").status_code == 200
    elif how == "failed":
        shopper.post(f"/v1/payments/{payment_id}/confirm")
        failed = fund.operator.post(f"/v1/payments/{payment_id}/failure", json={"reason": "bounced"})
        assert failed.status_code == 200
    else:
        life.as_owner(fund.market, "UPDATE payment SET created_at = now() - interval '1 hour'")
        now = fund.market.later(seconds=1)
        ended = database.transact(lambda session: checkout.expire_unpaid(session, now, minutes=20, batch=10))
        assert ended == 1
    fund.keeps_every_promise()
    draw = shopper.get(f"/v1/draws/{ordered['draw']['id']}").json
    assert (draw["state"], draw["order_id"]) == ("open", None)
    assert fund.figures()["held"] == 2
    if how == "expired":
        late = fund.operator.post(
            f"/v1/payments/{payment_id}/receipts",
            json={"amount_minor": 2, "currency": "CNY", "receipt_reference": "late"},
        )
        assert late.json["refund_due_minor"] == 2, "the boxes wait for another order"
    again = redeem(shopper, draw)
    assert again.status_code == 200, again.json
    assert pay_token(shopper, fund.operator, again.json).status_code == 200
    fund.keeps_every_promise()


def test_what_is_not_redeemed_in_time_is_in_the_pool_again(fund: Fund, shopper: Caller) -> None:
    draw = fund.drawn(shopper, 4)
    assert lapse(fund) == 1
    assert lapse(fund) == 0
    figures = fund.figures()
    assert (figures["free"], figures["held"], figures["expired"]) == (20, 0, 4)
    assert_refused(redeem(shopper, draw), 409, "draw_state")
    fund.keeps_every_promise()


def test_an_expired_draw_that_no_job_has_seen_is_over_too(fund: Fund, shopper: Caller) -> None:
    draw = fund.drawn(shopper, 1)
    life.as_owner(fund.market, "UPDATE sponsor_draw SET expires_at = now() - interval '1 second'")
    assert_refused(redeem(shopper, draw), 410, "draw_expired")


def test_boxes_are_given_back_by_who_has_them(
    fund: Fund, shopper: Caller, as_role: Callable[..., Caller]
) -> None:
    draw = fund.drawn(shopper, 4)
    url = f"/v1/draws/{draw['id']}/release"
    for stranger in (as_role(Role.SHOPPER), as_role(Role.BUYER), fund.sponsor):
        assert_refused(stranger.post(url), 404, "draw_not_found")
    assert shopper.post(url).json["state"] == "released"
    assert_refused(fund.operator.post(url), 409, "draw_state")
    assert fund.figures()["free"] == 20
    fund.keeps_every_promise()


def test_the_pool_is_never_oversold_by_two_at_once(fund: Fund) -> None:
    players = [player(fund.market) for _ in range(4)]

    def work(who: Caller) -> Callable[[], SponsorDraw]:
        return lambda: database.transact(
            lambda session: drawing.reserve(
                session,
                fund.market.ctx,
                sponsorship_id=uuid.UUID(fund.id),
                holder_id=who.account_id or uuid.uuid4(),
                boxes=7,
            )
        )

    results = at_once(fund.market.app, [work(each) for each in players])
    assert sorted(isinstance(each, SoldOut) for each in results) == [False, False, True, True]
    assert fund.figures()["free"] == 6
    assert_refused(fund.draw(players[0], 7), 409, "sold_out")
    fund.keeps_every_promise()


def test_a_draw_is_redeemed_once_by_two_at_once(fund: Fund, shopper: Caller) -> None:
    draw = fund.drawn(shopper, 2)
    ctx = fund.market.acting(shopper)
    address_id = uuid.UUID(address_of(shopper)["address_id"])

    def work() -> SponsorDraw:
        return database.transact(
            lambda session: drawing.redeem(session, ctx, draw_id=uuid.UUID(draw["id"]), address_id=address_id)
        )

    results = at_once(fund.market.app, [work, work])
    assert sorted(isinstance(each, drawing.DrawStateForbids) for each in results) == [False, True]
    assert len(shopper.get("/v1/orders").json["items"]) == 1
    fund.keeps_every_promise()


def test_what_somebody_has_drawn_is_not_taken_back_by_its_cooperative(fund: Fund, shopper: Caller) -> None:
    fund.drawn(shopper, 18)
    with fund.market.unchanged():
        assert_refused(fund.order.reduce("YJ03", 3), 409, "pledge_needed")
        assert_refused(fund.order.leave("YJ03"), 409, "pledge_needed")
    fund.order.done(fund.order.reduce("YJ03", 2))
    assert (fund.figures()["pooled"], fund.figures()["free"]) == (18, 0)
    fund.keeps_every_promise()


def test_draws_that_cannot_be(fund: Fund, shopper: Caller, buyer: Caller) -> None:
    late = (fund.market.ctx.now + timedelta(days=61)).isoformat()
    assert_refused(fund.draw(shopper, 1, expires_at=late), 409, "draw_too_long")
    assert_refused(fund.draw(shopper, 1, expires_at="2020-01-01T00:00:00Z"), 409, "draw_too_long")
    assert_refused(fund.draw(buyer, 1), 404, "account_not_found")
    nowhere = f"/v1/sponsorships/{uuid.uuid4()}/draws"
    body = {"account_id": str(shopper.account_id), "boxes": 1}
    assert_refused(fund.operator.post(nowhere, json=body), 404, "sponsorship_not_found")
    draw = fund.drawn(shopper)
    other = player(fund.market)
    assert_refused(redeem(other, draw), 404, "draw_not_found")
    strange = {"address_id": str(uuid.uuid4())}
    assert_refused(shopper.post(f"/v1/draws/{draw['id']}/redemption", json=strange), 404, "address_not_found")
    fund.over()
    assert_refused(fund.draw(shopper, 1), 410, "draws_over")
    fund.done(fund.step(fund.operator, "ending"))
    assert_refused(fund.draw(shopper, 1), 409, "sponsorship_state")


def test_in_the_end_the_rest_is_donated_and_what_is_ordered_stays(fund: Fund, shopper: Caller) -> None:
    ordered = redeem(shopper, fund.drawn(shopper, 2)).json
    fund.drawn(shopper, 3)
    fund.over().done(fund.step(fund.operator, "ending")).keeps_every_promise()
    figures = fund.figures()
    assert (figures["redeemed"], figures["held"], figures["expired"], figures["free"]) == (18, 2, 3, 0)
    assert fund.told()["redeemed_by"]["donation"] == 18
    assert pay_token(shopper, fund.operator, ordered).status_code == 200
    fund.keeps_every_promise()
    fund.delivered().done(fund.step(fund.operator, "closing")).keeps_every_promise()


def test_in_the_end_the_rest_is_returned(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market), buyer, operator, end_policy="returned").drawing()
    shopper = player(market)
    ordered = redeem(shopper, fund.drawn(shopper, 5)).json
    assert pay_token(shopper, operator, ordered).status_code == 200
    fund.over().done(fund.step(operator, "ending")).keeps_every_promise()
    seen, figures = fund.seen(), fund.figures()
    assert seen["returned_minor"] == 15 * PRICE_MINOR
    assert (figures["bought"], figures["allocated"], figures["redeemed"], figures["free"]) == (5, 5, 5, 0)
    fund.delivered().done(fund.step(operator, "closing")).keeps_every_promise()
    assert sum(fund.tranches().values()) == 5 * PRICE_MINOR


def test_of_what_nobody_wanted_all_is_returned(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market), buyer, operator, end_policy="returned").drawing()
    fund.over().done(fund.step(operator, "ending")).keeps_every_promise()
    assert (fund.seen()["returned_minor"], fund.seen()["escrow_minor"]) == (TOTAL, 0)
    assert fund.order.state == "cancelled"
    fund.done(fund.step(operator, "closing")).keeps_every_promise()


def test_in_the_end_it_is_carried_on_once(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market), buyer, operator, end_policy="carried_on", carry_days=9).drawing()
    shopper = player(market)
    fund.over().done(fund.step(operator, "ending"))
    assert (fund.state, fund.seen()["is_carried"]) == ("drawing", True)
    fund.drawn(shopper, 1)
    fund.over().done(fund.step(operator, "ending")).keeps_every_promise()
    assert (fund.state, fund.told()["redeemed_by"]["donation"]) == ("delivering", 20)


def test_an_open_order_is_not_ended(fund: Fund) -> None:
    fund.order.done(fund.order.reduce("YJ03", 2))
    assert fund.order.state == "approved"
    fund.over()
    assert_refused(fund.step(fund.operator, "ending"), 409, "state")
    assert_refused(fund.order.cancel(), 409, "sponsorship_state")
    assert broken(fund.market.app) == []


def test_fruit_that_is_stopped_comes_into_the_pool_when_it_is_cleared(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(stocked(market), buyer, operator).funded().allocated()
    order = fund.order.approved()
    order.done(order.confirm("YJ01"))
    lot = next(
        each["id"]
        for each in operator.get("/v1/lots").json["items"]
        if each["cooperative_id"] == str(market.cooperative_ids[0])
    )
    stopped = operator.post(f"/v1/lots/{lot}/quarantine", json={"reason": "a strange smell"})
    assert stopped.status_code == 200, stopped.json
    order.done(order.confirm("YJ02")).done(order.confirm("YJ03"))
    first = fund.shares()["YJ01"]["boxes"]
    assert fund.figures()["pooled"] == 20 - first
    fund.keeps_every_promise()
    cleared = operator.post(f"/v1/lots/{lot}/release-from-quarantine", json={"reason": "fine"})
    assert cleared.status_code == 200, cleared.json
    fund.done(fund.move("intakes", "YJ01", 1))
    assert fund.figures()["pooled"] == 20
    fund.keeps_every_promise()


def test_a_games_server_draws_with_its_scope(fund: Fund, shopper: Caller) -> None:
    made = fund.operator.post("/v1/service-keys", json={"name": "game", "scopes": ["draws.write"]})
    assert made.status_code == 201, made.json
    game = Caller(fund.market.app, made.json["key"])
    response = game.post(f"{fund.url}/draws", json={"account_id": str(shopper.account_id), "boxes": 1})
    assert response.status_code == 201, response.json
