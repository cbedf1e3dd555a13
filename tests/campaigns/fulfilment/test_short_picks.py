"""Fewer boxes of a lot are there than a wave's parcels need: others serve, orders wait, or the money goes back."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.shortage import closing
from campaigns.shortage.models import Shortage, ShortageOffer
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
