"""Fewer boxes of a lot are there than a wave's parcels need: others serve, orders wait, or the money goes back."""

import uuid
from collections import Counter
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.shortage import closing
from campaigns.shortage.models import Shortage
from inventory.models import Lot, Movement
from marketplace import database, jobs
from marketplace.payments.models import PartRefund, Payment
from orders.claims.models import Claim
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.inbox import told
from tests.house import Caller


def report(who: Caller, wave: dict[str, Any], lot_id: str, found: int, **body: Any) -> Any:
    return who.post(
        f"/v1/waves/{wave['id']}/short-picks",
        json={"lot_id": lot_id, "boxes_found": found, "reason": "rotten", **body},
    )


def reported(who: Caller, wave: dict[str, Any], lot_id: str, found: int) -> dict[str, Any]:
    answer = report(who, wave, lot_id, found)
    assert answer.status_code == 201, answer.json
    assert broken(who.app) == []
    return dict(answer.json)


def by_lot(made: Sending, state: str = "planned") -> Counter[str]:
    boxes: Counter[str] = Counter()
    for each in made.parcels(state=state):
        boxes[each["lot_id"]] += each["boxes"]
    return boxes


def member_of(made: Sending, lot_id: str) -> Caller:
    lot = made.market.stored(Lot, lot_id)
    return made.members[made.market.cooperative_ids.index(lot.cooperative_id)]


def shortages(made: Sending) -> list[Shortage]:
    with database.reading() as session:
        statement = select(Shortage).where(Shortage.campaign_id == made.sale.campaign_id)
        found = list(session.scalars(statement.order_by(Shortage.id)))
        for each in found:
            _ = each.standings, each.offers
        session.expunge_all()
        return found


def minute(made: Sending) -> None:
    made.advance()
    jobs.work(made.market.app, once=True)
    assert broken(made.market.app) == []


def end_windows(made: Sending) -> None:
    moved = text(
        "UPDATE shortage SET answers_due_at = answers_due_at - interval '49 hours',"
        " elections_due_at = elections_due_at - interval '49 hours'"
    )
    database.transact(lambda session: session.execute(moved))

    def work(session: Session) -> int:
        return closing.advance_due(session, made.market.ctx)

    database.transact(work)
    minute(made)


def test_what_is_not_there_comes_out_of_others_first_and_who_is_left_short_waits_for_neighbours(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator)
    wave = made.released(orders_max=1)
    assert made.states.count("packing") == 1
    [lot_id, *_] = by_lot(made)
    planned = by_lot(made)
    member = member_of(made, lot_id)
    before = market.stored(Lot, lot_id)
    answer = reported(member, wave, lot_id, planned[lot_id] - 1)
    lost = answer["boxes_substituted"]
    assert (answer["boxes_written_off"], answer["boxes_taken_back"], answer["boxes_refunded"]) == (1, 0, 0)
    assert lost >= 1
    after = market.stored(Lot, lot_id)
    assert before.on_hand_grams - after.on_hand_grams == 5_000
    assert sum(by_lot(made).values()) == sum(planned.values()), "the order has all its boxes"
    assert made.states.count("packing") == 1
    with database.reading() as session:
        lines = session.scalars(select(Movement).where(Movement.lot_id == lot_id).order_by(Movement.number))
        assert [(each.kind, each.reason) for each in list(lines)[-2:]] == [
            ("uncommitted", None),
            ("culled", "rotten"),
        ]
    [notice] = told(member, "pick_short")
    assert (notice["boxes_missing"], notice["boxes_substituted"]) == (1, lost)
    [shortage] = shortages(made)
    assert (made.state, shortage.state) == ("fulfilling", "offering")
    waiting = 12 - sum(planned.values())
    assert (shortage.committed_boxes, shortage.supply_boxes) == (waiting, waiting - 1)
    assert_refused(made.release(), 409, "shortage_open")
    [offer] = shortage.offers
    accepted = operator.post(f"/v1/shortage-offers/{offer.id}/accept", json={})
    assert accepted.status_code == 200, accepted.json
    minute(made)
    assert shortages(made)[0].state == "settled"
    made.released()
    made.all_go_on()
    assert made.states == ["delivered"] * 3
    minute(made)
    assert made.state == "completed"


def test_where_nobody_has_them_orders_wait_their_buyers_choose_and_the_rest_goes_on(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, pledged=(4, 4, 4))
    wave = made.released()
    [lot_id, *_] = by_lot(made)
    answer = reported(operator, wave, lot_id, 1)
    assert answer["boxes_written_off"] == 3
    assert answer["boxes_taken_back"] > 0
    assert answer["boxes_refunded"] == 0
    outcomes = {each["order_id"]: each["outcome"] for each in answer["parcels"]}
    assert {each["id"]: state for each, state in zip(made.orders, made.states, strict=True)} == {
        each["id"]: "committed" if outcomes.get(each["id"]) == "taken_back" else "packing"
        for each in made.orders
    }
    [back] = [number for number, state in enumerate(made.states) if state == "committed"]
    [told_of] = made.overview()["waves"]
    assert (told_of["orders"], told_of["orders_left"]) == (2, 1)
    assert sum(by_lot(made).values()) == told_of["boxes"] == 12 - (5, 4, 3)[back]

    [shortage] = shortages(made)
    assert (made.state, shortage.state) == ("fulfilling", "electing")
    assert shortage.committed_boxes - shortage.supply_boxes == 3
    lacking = [each.pledged_boxes - each.there_boxes for each in shortage.standings]
    assert sorted(lacking) == [0] * (len(lacking) - 1) + [3], "it is the cooperative's whose pick was short"
    jobs.work(market.app, once=True)
    elections = [
        buyer.get(f"/v1/orders/{order['id']}/election")
        for buyer, order in zip(made.buyers, made.orders, strict=True)
    ]
    for number, answer_of in enumerate(elections):
        assert answer_of.status_code == (200 if number == back else 409), answer_of.json
        assert len(told(made.buyers[number], "shortage_election")) == (number == back)
    end_windows(made)
    [settled] = shortages(made)
    assert settled.state == "settled"
    assert len(told(made.buyers[back], "shortage_cut")) == 1
    left = (5, 4, 3)[back] - 3
    if left:
        second = made.released()
        assert (second["orders"], second["boxes"]) == (1, left)
    made.all_go_on()
    minute(made)
    assert made.state == "completed"
    assert made.states[back] == ("delivered" if left else "cut")


def test_an_order_of_which_something_is_packed_goes_on_and_the_missing_boxes_are_paid_back(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, pledged=(3, 3, 3), orders=(9,))
    wave = made.released()
    first, second, third = made.parcels()
    assert made.step(first, "packing").status_code == 200
    answer = reported(operator, wave, second["lot_id"], 2)
    assert (answer["boxes_written_off"], answer["boxes_refunded"]) == (1, 3)
    assert made.states == ["packing"]
    assert [each["state"] for each in made.parcels()] == ["packed", "short", "planned"]
    assert market.stored(Lot, second["lot_id"]).free_grams == 2 * 5_000, (
        "the boxes that are there are free again"
    )
    assert shortages(made) == []
    order = made.orders[0]
    with database.reading() as session:
        [claim] = session.scalars(select(Claim))
        assert (claim.kind, claim.boxes, claim.borne_by, claim.is_automatic) == (
            "missing",
            3,
            "cooperative",
            True,
        )
        owed = session.scalars(
            select(PartRefund.amount_minor).join(Payment).where(Payment.order_id == order["id"])
        )
        assert owed.all() == [claim.refund_minor] == [order["total_minor"] // 3]
    assert len(told(made.buyers[0], "short_boxes_refunded")) == 1
    assert_refused(made.step(second, "packing"), 409, "parcel_state")

    answer = reported(operator, wave, third["lot_id"], 0)
    assert answer["boxes_refunded"] == 3
    assert made.step(first, "shipment", carrier="SF").status_code == 200
    assert made.states == ["shipped"]
    assert made.step(first, "delivery").status_code == 200
    assert made.states == ["delivered"]
    assert told(made.buyers[0], "order_delivered") == [], "not all has arrived"
    minute(made)
    assert made.state == "completed"


def test_orders_do_not_wait_for_a_stopped_lot_if_an_operator_says_so(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator)
    wave = made.released(orders_max=1)
    [lot_id, *_] = by_lot(made)
    member = member_of(made, lot_id)
    stopped = operator.post(f"/v1/lots/{lot_id}/quarantine", json={"reason": "mould"})
    assert stopped.status_code == 200
    before = market.stored(Lot, lot_id)
    with market.unchanged():
        assert_refused(report(member, wave, lot_id, 0), 409, "lot_status_forbids")
        assert_refused(report(operator, wave, lot_id, 1), 409, "lot_status_forbids")
    minute(made)
    assert [each.state for each in shortages(made)] in ([], ["offering"])
    answer = reported(operator, wave, lot_id, 0)
    assert (answer["boxes_written_off"], answer["boxes_substituted"]) == (0, answer["boxes_planned"])
    assert lot_id not in by_lot(made)
    after = market.stored(Lot, lot_id)
    assert (after.on_hand_grams, after.committed_grams) == (before.on_hand_grams, 0)
    [shortage] = shortages(made)
    assert shortage.state == "offering"
    cleared = operator.post(f"/v1/lots/{lot_id}/release-from-quarantine", json={"reason": "clean"})
    assert cleared.status_code == 200
    minute(made)


def test_what_nobody_may_say_of_a_pick(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(5, 4))
    wave = made.released()
    lot_id, other, *_ = by_lot(made)
    planned = by_lot(made)[lot_id]
    member = member_of(made, lot_id)
    with market.unchanged():
        refused = assert_refused(report(member, wave, lot_id, planned), 409, "pick_not_short")
        assert refused["boxes_planned"] == planned
        assert_refused(report(member, wave, other, 0), 404, "lot_not_found")
        assert_refused(report(member, {"id": made.sale.campaign_id}, lot_id, 0), 404, "wave_not_found")
        assert_refused(report(member, wave, lot_id, -1), 422, "invalid")
        assert_refused(report(member, wave, lot_id, 0, reason=""), 422, "invalid")
    for each in made.parcels():
        if each["lot_id"] == lot_id:
            assert made.step(each, "packing").status_code == 200
    refused = assert_refused(report(member, wave, lot_id, 0), 409, "pick_not_short")
    assert refused["boxes_planned"] == 0, "packed boxes are there"
    key = {"Idempotency-Key": uuid.uuid4().hex}
    url, body = f"/v1/waves/{wave['id']}/short-picks", {"lot_id": other, "boxes_found": 0, "reason": "gone"}
    answers = [operator.post(url, json=body, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    listed = member_of(made, other).get(url).json["items"]
    assert listed == [answers[0].json]
    assert member.get(url).json["items"] == [], "another cooperative's"
    assert broken(market.app) == []
