"""What comes after the window: a goal reached or missed, money back to everybody, and the same again next season."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import advancing, ending
from campaigns.states import CampaignEvent, CampaignStateForbids
from inventory.models import Hold
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.payments.models import Payment
from orders import releasing
from orders.allocation.commitment import is_committed
from orders.models import Order
from tests.builders import (
    PRICE_MINOR,
    Market,
    Sale,
    assert_refused,
    at_once,
    broken,
    confirmed,
    held,
    ordered,
    paid,
    receipt,
)
from tests.campaigns.presale import bought
from tests.house import Caller

REASON = {"reason": "hail"}
DEPOSIT = {
    "item": {"deposit": {"type": "advance", "per_box_minor": 1_000}},
    "balance": {"opens_in": timedelta(days=1), "lasts": timedelta(days=5)},
}


def closed(operator: Caller, sale: Sale) -> Sale:
    assert operator.post(f"{sale.url}/closing", json=REASON).status_code == 200
    return sale


def evaluate(operator: Caller, sale: Sale) -> Any:
    return operator.post(f"{sale.url}/evaluation")


def state(market: Market, sale: Sale) -> str:
    return str(market.campaign(sale).state)


def outcome(market: Market, order: dict[str, Any]) -> tuple[str, str, str, int]:
    """The order's state, its hold's, its payment's, and what is owed back."""
    found = market.stored(Order, order["id"])
    payment = market.stored(Payment, order["payment_id"])
    hold = market.stored(Hold, str(found.hold_id))
    return found.state, hold.state, payment.state, payment.refund_due_minor


def test_with_the_goal_reached_the_cooperatives_are_asked(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=3)
    paid(shopper, operator, sale, 3)
    response = evaluate(operator, closed(operator, sale))
    assert (response.status_code, response.json["state"]) == (200, "allocating")
    assert broken(market.app) == []


def test_with_the_goal_reached_deposits_no_longer_go_back(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=3, **DEPOSIT)
    order = bought(shopper, operator, sale, 3)
    assert market.stored(Order, order["id"]).state == "deposit_paid"
    evaluate(operator, closed(operator, sale))
    assert market.stored(Order, order["id"]).state == "committed"
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 409
    assert market.stored(Order, order["id"]).state == "committed"


def test_nobody_says_anything_while_somebody_may_still_pay(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=3)
    ordered(shopper, sale, 3)
    closed(operator, sale)
    with market.unchanged():
        assert assert_refused(evaluate(operator, sale), 409, "goal_undecided")["held_boxes"] == 3
        assert database.transact(
            lambda session: advancing.advance(session, market.ctx, campaign_id=str(sale.campaign_id))
        ) == ("deposit_closed")


def test_only_a_window_that_is_over_is_evaluated(market: Market, operator: Caller, shopper: Caller) -> None:
    sale = market.on_sale()
    with market.unchanged():
        assert_refused(evaluate(operator, sale), 409, "state")
        assert_refused(shopper.post(f"{sale.url}/evaluation"), 403, "forbidden")
        assert_refused(operator.post(f"/v1/campaigns/{uuid.uuid4()}/evaluation"), 404, "campaign_not_found")


def test_with_the_goal_missed_everybody_gets_everything_back(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=7)
    orders = [paid(as_role(Role.SHOPPER), operator, sale, boxes) for boxes in (1, 2, 3)]
    response = evaluate(operator, closed(operator, sale))
    assert response.json["state"] == "failed"
    jobs.work(market.app, once=True)
    assert state(market, sale) == "closed"
    for order in orders:
        assert outcome(market, order) == ("released", "released", "succeeded", order["total_minor"])
    pool = market.pool(sale)
    assert (pool.boxes_pledged, pool.boxes_held, pool.boxes_sold) == (0, 0, 0)
    assert broken(market.app) == []


@pytest.mark.parametrize("options", [{}, DEPOSIT], ids=["whole price", "deposit"])
def test_whatever_a_buyer_has_done_when_a_campaign_is_given_up(
    market: Market, as_role: Callable[..., Caller], operator: Caller, options: dict[str, Any]
) -> None:
    sale = market.on_sale(20, **options)
    cart = held(as_role(Role.SHOPPER), sale, 2)
    unpaid = ordered(as_role(Role.SHOPPER), sale, 2)
    waited_for = confirmed(as_role(Role.SHOPPER), sale, 2)
    now_minor = 2_000 if options else 2 * PRICE_MINOR
    done = bought(as_role(Role.SHOPPER), operator, sale, 2)
    withdrawn = ordered(quitter := as_role(Role.SHOPPER), sale, 2)
    assert quitter.post(f"/v1/orders/{withdrawn['id']}/withdrawal").status_code == 200
    assert operator.post(f"{sale.url}/pause", json=REASON).status_code == 200
    response = operator.post(f"{sale.url}/cancellation", json=REASON)
    assert response.json["state"] == "cancelled"
    jobs.work(market.app, once=True)
    assert state(market, sale) == "closed"
    assert market.stored(Hold, cart["hold_id"]).state == "released"
    assert outcome(market, unpaid) == ("released", "released", "canceled", 0)
    assert outcome(market, waited_for) == ("released", "released", "canceled", 0)
    received = market.stored(Payment, done["payment_id"]).received_minor
    assert outcome(market, done) == ("released", "released", "succeeded", received)
    assert outcome(market, withdrawn) == ("withdrawn", "released", "canceled", 0)
    late = operator.post(
        f"/v1/payments/{waited_for['payment_id']}/receipts", json=receipt(waited_for, amount_minor=now_minor)
    )
    assert late.status_code == 200
    amount = market.stored(Payment, waited_for["payment_id"]).amount_minor
    assert outcome(market, waited_for) == ("released", "released", "canceled", amount)
    assert market.pool(sale).boxes_pledged == 0
    assert broken(market.app) == []


def test_a_worker_that_dies_between_two_batches_leaves_nobody_out_and_pays_nobody_twice(
    market: Market, as_role: Callable[..., Caller], operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "BATCH", 2)
    sale = market.on_sale(8, goal_boxes=8)
    orders = [paid(as_role(Role.SHOPPER), operator, sale, 1) for _ in range(5)]
    evaluate(operator, closed(operator, sale))
    url = f"{sale.url}/ending"
    told = []
    campaign_id = str(sale.campaign_id)
    for _ in range(2):
        database.transact(lambda session: ending.end_orders(session, market.ctx, campaign_id=campaign_id))
        told.append(operator.get(url).json)
    assert told == [
        {"state": "failed", "released_orders": 2, "left_orders": 3, "advances": []},
        {"state": "failed", "released_orders": 4, "left_orders": 1, "advances": []},
    ]
    with pytest.raises(RuntimeError):
        database.transact(lambda session: _dies_after_its_batch(session, market, campaign_id))
    assert operator.get(url).json == told[-1]
    jobs.work(market.app, once=True)
    with market.unchanged():
        database.transact(lambda session: ending.end_orders(session, market.ctx, campaign_id=campaign_id))
    assert [outcome(market, order)[3] for order in orders] == [order["total_minor"] for order in orders]
    assert broken(market.app) == []


def _dies_after_its_batch(session: Any, market: Market, campaign_id: str) -> None:
    assert ending.end_orders(session, market.ctx, campaign_id=campaign_id) == 1
    raise RuntimeError


def test_two_who_end_the_same_campaign_at_once_do_not_meet(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=8)
    orders = [paid(as_role(Role.SHOPPER), operator, sale, 1) for _ in range(4)]
    evaluate(operator, closed(operator, sale))

    def end() -> int:
        return database.transact(
            lambda session: ending.end_orders(session, market.ctx, campaign_id=str(sale.campaign_id))
        )

    assert sum(at_once(market.app, [end, end, end])) == 4
    assert [outcome(market, order)[0] for order in orders] == ["released"] * 4


def test_the_clock_asks_for_what_comes_next(market: Market, operator: Caller) -> None:
    sale = market.over()
    later = market.ctx
    jobs_of_a_minute = (
        lambda session: advancing.planning.follow_clock_everywhere(session, later),
        lambda session: advancing.call_all(session, later),
    )
    for job in jobs_of_a_minute:
        database.transact(job)
    jobs.work(market.app, once=True)
    assert state(market, sale) == "closed", "nothing was sold: it has failed, and nobody is left"
    moves = operator.get(f"{sale.url}/transitions").json["items"]
    assert [move["after"] for move in moves[-3:]] == ["deposit_closed", "failed", "closed"]


# The seed


def test_the_hash_of_the_seed_is_told_before_the_opening_and_the_seed_when_it_is_over(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = market.pledged(5)
    assert operator.get(sale.url).json["campaign"]["seed_hash"] is None
    database.transact(
        lambda session: advancing.planning.schedule(session, market.ctx, campaign_id=sale.campaign_id)
    )
    shown = anyone.get(sale.url).json["campaign"]
    assert len(shown["seed_hash"]) == 64
    assert shown["seed"] is None
    assert market.campaign(sale).seed not in str(operator.get(sale.url).json)
    evaluate(operator, closed(operator, sale))
    told = anyone.get(sale.url).json["campaign"]
    assert told["state"] == "failed"
    assert is_committed(told["seed"], shown["seed_hash"])


# Scheduling, and next season


def test_a_goal_above_what_is_pledged_is_not_scheduled(market: Market, operator: Caller) -> None:
    sale = market.pledged(5, goal_boxes=6)
    with market.unchanged():
        refusal = assert_refused(operator.post(f"{sale.url}/scheduling"), 409, "not_ready")
    assert refusal["missing"] == ["Less is pledged than the goal asks for."]


def test_a_campaign_is_drafted_again_for_another_season(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    ladder = [{"from_boxes": 4, "unit_price_minor": 5_000}]
    options = {**DEPOSIT, "item": {**DEPOSIT["item"], "ladder": ladder}}
    sale = market.on_sale(8, goal_boxes=3, **options)
    bought(shopper, operator, sale, 3)
    old = operator.get(sale.url).json
    opens_at = datetime.fromisoformat(old["campaign"]["opens_at"]) + timedelta(days=365)
    body = {"code": "next-season", "opens_at": opens_at.isoformat()}
    response = operator.post(f"{sale.url}/clones", json=body)
    assert response.status_code == 201
    new = operator.get(response.headers["Location"]).json
    for name in ("goal_boxes", "goal_grams", "cut_rule", "claims_days", "title_en", "title_zh", "county_id"):
        assert new["campaign"][name] == old["campaign"][name]
    assert new["campaign"]["state"] == "draft"
    for name in ("opens_at", "closes_at"):
        then, now = (datetime.fromisoformat(each["campaign"][name]) for each in (old, new))
        assert now - then == timedelta(days=365)
    [before], [after] = old["offers"], new["offers"]
    for name in ("pack_id", "unit_price_minor", "boxes_per_buyer_max", "deposit", "ladder"):
        assert after[name] == before[name]
    compared = operator.get(f"{response.headers['Location']}/comparison").json
    assert compared["then"]["id"] == old["campaign"]["id"]
    [pack] = compared["packs"]
    assert pack["then"] == {
        "price_minor": before["unit_price_minor"],
        "pledged_boxes": 8,
        "sold_boxes": 3,
    }
    assert pack["now"] == {"price_minor": before["unit_price_minor"], "pledged_boxes": 0, "sold_boxes": 0}


def test_what_is_not_cloned_has_nothing_to_be_compared_with(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    assert_refused(operator.get(f"{sale.url}/comparison"), 409, "not_cloned")
    with market.unchanged():
        taken = {"code": operator.get(sale.url).json["campaign"]["code"], "opens_at": "2027-01-01T00:00:00Z"}
        assert_refused(operator.post(f"{sale.url}/clones", json=taken), 409, "campaign_code_taken")
        missing = f"/v1/campaigns/{uuid.uuid4()}"
        new = {"code": "new", "opens_at": "2027-01-01T00:00:00Z"}
        assert_refused(operator.post(f"{missing}/clones", json=new), 404, "campaign_not_found")
        assert_refused(operator.get(f"{missing}/comparison"), 404, "campaign_not_found")
        assert_refused(operator.get(f"{missing}/ending"), 404, "campaign_not_found")


def test_an_event_that_is_not_due_moves_nothing(market: Market) -> None:
    sale = market.on_sale()
    with market.unchanged(), pytest.raises(CampaignStateForbids):
        database.transact(
            lambda session: advancing.planning.move(
                session,
                market.ctx,
                campaign_id=sale.campaign_id,
                event=CampaignEvent.FULFIL,
                reason="too early",
            )
        )
