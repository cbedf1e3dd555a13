"""What an offer is counted from: boxes that are there and sold, cleared money, and what other campaigns cover."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from campaigns.advances import gathering
from campaigns.models import Campaign
from inventory.cases import casework
from inventory.cases.states import CaseKind
from marketplace import database
from marketplace.context import Context
from orders.settlements.advances import Funds
from tests.campaigns.advances import scene
from tests.campaigns.advances.scene import Lending
from tests.house import Caller

PRICE = 5_200


def funds(made: Lending, ctx: Context | None = None) -> Funds:
    now = (ctx or made.market.ctx).now
    with database.reading() as session:
        campaign = made.market.campaign(made.sale)
        return gathering.of_campaign(session, campaign, currency="CNY", now=now).funds


def online(made: Lending, number: int, *, days_ago: int, fee_minor: int = 0) -> None:
    """The payment of an order came through a provider, so long ago, which kept a fee of it."""
    scene.change(
        """
        INSERT INTO online_payment (payment_id, gateway, provider_id, method, paid_at, fee_minor, fee_currency,
            created_at)
        SELECT id, 'stripe', 'pi_' || id, 'card', :at, :fee, 'CNY', created_at FROM payment WHERE order_id = :order
        """,
        at=made.market.ctx.now - timedelta(days=days_ago),
        fee=fee_minor,
        order=made.sending.orders[number]["id"],
    )


def test_all_that_was_paid_at_the_bank_is_cleared_once_every_box_has_its_cooperative(made: Lending) -> None:
    assert funds(made) == Funds(cleared_minor=12 * PRICE)


def test_what_was_paid_online_is_cleared_after_its_days_less_the_providers_fee(made: Lending) -> None:
    online(made, 0, days_ago=3, fee_minor=100)
    assert funds(made).cleared_minor == 7 * PRICE
    later = made.market.later(days=5)
    assert funds(made, later).cleared_minor == 12 * PRICE - 100


def test_disputed_money_is_not_cleared_until_the_question_is_settled(made: Lending) -> None:
    online(made, 1, days_ago=30)
    payment_id = made.sending.orders[1]["payment_id"]

    def dispute(session: Session) -> uuid.UUID:
        return casework.open_case(
            session,
            made.market.ctx,
            kind=CaseKind.PAYMENT,
            subject=("payment", uuid.UUID(payment_id)),
            facts={"reason": "disputed"},
        ).id

    case_id = database.transact(dispute)
    assert funds(made).cleared_minor == 8 * PRICE
    database.transact(
        lambda session: casework.settle(
            session, made.market.ctx, case_id=case_id, decision="the bank was told"
        )
    )
    assert funds(made).cleared_minor == 12 * PRICE


@pytest.mark.parametrize("state", ["allocating", "shortfall", "settled", "cancelled"])
def test_in_these_states_no_money_is_cleared(made: Lending, state: str) -> None:
    with database.reading() as session:
        campaign = session.get_one(Campaign, made.sale.campaign_id)
        session.expunge(campaign)
        campaign.state = state
        found = gathering.of_campaign(session, campaign, currency="CNY", now=made.market.ctx.now)
    assert found.funds.cleared_minor == 0


def test_granted_and_outstanding_advances_are_spoken_for(made: Lending) -> None:
    made.granted(1_000)
    made.paid(2_000, number=1)
    assert funds(made) == Funds(cleared_minor=12 * PRICE, spoken_for_minor=3_000)


def test_fruit_of_a_stopped_lot_bears_no_advance(made: Lending) -> None:
    with database.reading() as session:
        campaign = session.get_one(Campaign, made.sale.campaign_id)
        session.execute(
            text("UPDATE lot SET status = 'quarantined' WHERE cooperative_id = :id"), {"id": made.coop()}
        )
        found = gathering.of_campaign(session, campaign, currency="CNY", now=made.market.ctx.now)
    assert set(found.positions) == {made.coop(1), made.coop(2)}


def test_delivered_boxes_make_the_last_step_due(made: Lending) -> None:
    made.sending.released()
    made.sending.all_go("packing", "shipment", "delivery")
    for number in range(3):
        delivered = made.sending.parcels(cooperative_id=str(made.coop(number)))
        boxes = sum(each["boxes"] for each in delivered)
        assert boxes == 2 * (number + 1)
        assert made.offer(number)["due_minor"] == boxes * PRICE
        assert made.offer(number)["bound"] == "limit"


def test_scarce_money_is_shared_by_what_each_might_have(made: Lending) -> None:
    """Nine of twelve boxes are paid online a moment ago: the price of three is left for 2 + 4 + 6."""
    for number, days in ((0, 0), (1, 0)):
        online(made, number, days_ago=days)
    terms = {
        "confirmation_permille": 1_000,
        "intake_permille": 0,
        "delivery_permille": 0,
        "factor_permille": 1_000,
        "clearing_days": 7,
    }
    assert made.operator.put(f"{made.sale.url}/advance-terms", json=terms).status_code == 200
    offers = made.offers()
    assert [each["amount_minor"] for each in offers] == [PRICE // 2, PRICE, PRICE * 3 // 2]
    assert {each["bound"] for each in offers} == {"funds"}


def test_what_is_open_elsewhere_counts_as_far_as_that_campaign_does_not_cover_it(made: Lending) -> None:
    made.paid(5_000)
    with database.reading() as session:
        campaign = session.get_one(Campaign, made.sale.campaign_id)
        session.execute(text("UPDATE advance SET purpose_id = :other"), {"other": uuid.uuid4()})
        found = gathering.of_campaign(session, campaign, currency="CNY", now=made.market.ctx.now)
    position = found.positions[made.coop()]
    assert (position.advanced_minor, position.open_minor, position.uncovered_minor) == (0, 0, 5_000)
    offer = found.offers()[made.coop()]
    assert (offer.due_minor, offer.room_minor) == (2 * PRICE * 700 // 1000, PRICE - 5_000)


def test_a_campaign_is_gathered_in_a_handful_of_statements(made: Lending) -> None:
    made.paid(1_000)
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with database.reading() as session:
        campaign = session.get_one(Campaign, made.sale.campaign_id)
        session.execute(text("UPDATE advance SET purpose_id = :other"), {"other": uuid.uuid4()})
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            gathering.of_campaign(session, campaign, currency="CNY", now=made.market.ctx.now)
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert len(seen) <= 7, "however many cooperatives and orders there are"


def test_a_shopper_is_told_no_terms(made: Lending, shopper: Caller) -> None:
    assert shopper.get(f"{made.sale.url}/advance-terms").status_code == 403
