"""Only fruit that keeps is promised: until its buyers have it, and for as many days more as the item says."""

from datetime import timedelta

from campaigns.models import Campaign
from inventory.stock_rules import REMAINING_DAYS, Destination
from marketplace import database
from tests.builders import Market, Sale, assert_refused, broken
from tests.campaigns.pledges.scene import done, put_up, standing
from tests.house import Caller

COUNTRY = REMAINING_DAYS[Destination.COUNTRY]


def delivered_by(market: Market, sale: Sale):
    with database.reading() as session:
        return session.get_one(Campaign, sale.campaign_id).delivered_by


def test_boxes_are_delivered_ten_days_after_the_last_payment_and_the_harvest(market: Market) -> None:
    closes = market.ctx.now + timedelta(days=10)
    plain = market.draft()
    assert delivered_by(market, plain) == (closes + timedelta(days=10)).date()
    harvest = market.draft(harvest_in=timedelta(days=30))
    assert delivered_by(market, harvest) == (closes + timedelta(days=30 + 10)).date()
    window = {"opens_in": timedelta(days=12), "lasts": timedelta(days=5), "grace_hours": 24}
    deposit = {"type": "advance", "per_box_minor": 100, "counts_minor": 100}
    balance = market.draft(item={"deposit": deposit}, balance=window)
    assert delivered_by(market, balance) == (closes + timedelta(days=12 + 5 + 1 + 10)).date()


def test_fruit_that_will_be_too_old_at_the_door_is_not_pledged(market: Market, operator: Caller) -> None:
    sale = market.draft()
    last = delivered_by(market, sale) + timedelta(days=COUNTRY)
    market.lot(5, best_before_on=last - timedelta(days=1))
    with market.unchanged():
        facts = assert_refused(put_up(operator, market, sale, 5), 409, "sold_out")
    assert (facts["available_boxes"], facts["too_old_boxes"]) == (0, 5)
    assert facts["good_until"] == last.isoformat()
    market.lot(3, best_before_on=last)
    done(put_up(operator, market, sale, 3))
    assert standing(sale) == {"pledge": 3}
    assert broken(market.app) == []


def test_an_item_may_promise_that_its_boxes_keep_longer(market: Market, operator: Caller) -> None:
    sale = market.draft(item={"shelf_days": 40})
    last = delivered_by(market, sale) + timedelta(days=40)
    market.lot(5, best_before_on=last - timedelta(days=1))
    with market.unchanged():
        assert_refused(put_up(operator, market, sale, 5), 409, "sold_out")
    market.lot(5, best_before_on=last)
    done(put_up(operator, market, sale, 5))
    shown = operator.get(sale.url).json
    assert [each["shelf_days"] for each in shown["offers"]] == [40]
