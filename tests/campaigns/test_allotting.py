"""A campaign whose window is over: split, answers, silence, second splits, the end, and who supplies which order.

The market's fixture checks every invariant of every module when a test ends.
"""

import pytest

from campaigns import planning
from campaigns.allotting import allotting
from campaigns.allotting.rules import season_of
from campaigns.states import CampaignEvent, CampaignStateForbids
from inventory.models import Lot
from marketplace import database
from orders.states import Silence
from tests.builders import PACK_GRAMS, Market, confirmed, receipt
from tests.campaigns.allotted import Allotted, begin, laid_along, orders_of, pledge, sold, sold_of
from tests.house import Caller


@pytest.fixture
def life(market: Market, operator: Caller) -> Allotted:
    """Twelve boxes sold to three buyers, twenty pledged by each cooperative: 2, 4 and 6 for 1, 2 and 3 hundred
    households.
    """
    return sold(market, operator, orders=(5, 4, 3)).start()


@pytest.fixture
def tight(market: Market, operator: Caller) -> Allotted:
    """Twelve boxes sold, and seven pledged by each cooperative."""
    return sold(market, operator, pledged=(7, 7, 7)).start()


def test_sold_boxes_are_split_over_the_pledges_by_households(life: Allotted):
    assert life.state == "allocating"
    assert life.told() == [("YJ01", "offered", 2), ("YJ02", "offered", 4), ("YJ03", "offered", 6)]
    assert life.season_grams() == {"YJ01": 2 * PACK_GRAMS, "YJ02": 4 * PACK_GRAMS, "YJ03": 6 * PACK_GRAMS}


def test_nobody_is_asked_for_more_than_it_has_pledged(market: Market, operator: Caller):
    life = sold(market, operator, pledged=(20, 20, 1)).start()
    assert life.told() == [("YJ01", "offered", 4), ("YJ02", "offered", 7), ("YJ03", "offered", 1)]
    assert life.latest("YJ03").limited_by == "stock"


def test_who_pledged_nothing_is_not_in_the_run(market: Market, operator: Caller):
    life = sold(market, operator, pledged=(0, 20, 20)).start()
    assert {each.code for each in life.commitments()} == {"YJ02", "YJ03"}


def test_what_was_sold_this_season_counts(market: Market, operator: Caller):
    market.history(6 * PACK_GRAMS, cooperative=2)
    life = sold(market, operator)
    life.start(season="2026-27")
    assert life.told() == [("YJ01", "offered", 3), ("YJ02", "offered", 6), ("YJ03", "offered", 3)]


def test_a_bulk_order_counts_what_a_campaign_gave(market: Market, operator: Caller, buyer: Caller):
    sold(market, operator, pledged=(0, 0, 20)).start(season="2026-27")
    for cooperative in range(3):
        market.lot(40, cooperative=cooperative)
    _, run = market.bulk(buyer, 12)
    assert {each.code: each.boxes for each in run.shares} == {"YJ01": 4, "YJ02": 8, "YJ03": 0}


def test_what_was_started_stays(life: Allotted):
    with life.market.unchanged():
        with database.reading() as session:
            campaign = planning.get(session, life.market.ctx, campaign_id=life.sale.campaign_id)
            session.expunge(campaign)
        database.transact(lambda session: allotting.start(session, life.market.ctx, campaign))


def test_only_a_campaign_that_is_allocating_is_split(market: Market):
    sale = market.on_sale(5)
    campaign = market.campaign(sale)
    with pytest.raises(CampaignStateForbids):
        database.transact(lambda session: allotting.start(session, market.ctx, campaign))


def test_a_campaign_that_sold_nothing_fails(market: Market, operator: Caller):
    life = sold(market, operator, orders=()).start()
    assert life.state == "failed"
    assert life.commitments() == []


def test_when_all_confirm_the_campaign_is_harvested_and_the_rest_is_free(life: Allotted):
    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    assert life.state == "allocating"
    assert life.pledges() == {"YJ01": 20, "YJ02": 20, "YJ03": 20}
    last = life.confirm("YJ03")
    life.done(last)
    assert life.state == "harvested"
    assert life.pledges() == {"YJ01": 2, "YJ02": 4, "YJ03": 6}
    assert {"commitment.confirmed", "campaign.allocated", "campaign.harvested"} <= life.market.actions(last)


def test_fruit_that_keeps_longest_is_given_back_first(market: Market, operator: Caller):
    sale = market.draft(per_buyer=100)
    long = market.lot(10, best_before_on=market.later(days=90).today)
    short = market.lot(10, best_before_on=market.later(days=35).today)
    pledge(market, sale, 0, 20)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    life = sold_of(market, operator, sale, (13,)).start()
    life.done(life.confirm("YJ01"))
    held = [market.stored(Lot, lot.id).held_grams // PACK_GRAMS for lot in (short, long)]
    assert held == [10, 3]


def test_a_decline_is_split_over_pledges_that_are_free_and_what_is_accepted_is_frozen(life: Allotted):
    life.done(life.confirm("YJ01"), life.decline("YJ03"))
    assert life.told() == [("YJ01", "confirmed", 2), ("YJ02", "offered", 4), ("YJ03", "declined", 0)]
    life.done(life.confirm("YJ02"))
    assert life.told()[:3] == [("YJ01", "confirmed", 2), ("YJ02", "confirmed", 4), ("YJ03", "declined", 0)]
    assert life.told()[3:] == [("YJ01", "offered", 2), ("YJ02", "offered", 4)]
    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    assert life.state == "harvested"
    assert life.pledges() == {"YJ01": 4, "YJ02": 8, "YJ03": 0}
    assert life.season_grams() == {"YJ01": 4 * PACK_GRAMS, "YJ02": 8 * PACK_GRAMS, "YJ03": 0}


def test_a_yes_to_some_boxes_gives_the_rest_to_others(life: Allotted):
    life.done(life.confirm("YJ01"), life.confirm("YJ02"), life.confirm("YJ03", boxes=3))
    assert life.told()[2:] == [("YJ03", "confirmed", 3), ("YJ01", "offered", 1), ("YJ02", "offered", 2)]


def test_when_the_rest_cannot_be_supplied_the_campaign_fails_at_once_and_nobody_is_bound(tight: Allotted):
    tight.done(tight.confirm("YJ01"), tight.decline("YJ03"))
    assert tight.state == "allocating"
    response = tight.decline("YJ02")
    tight.done(response)
    assert tight.state == "failed"
    assert {kept for _, _, kept in tight.told()} == {0}
    assert tight.latest("YJ01").state == "released"
    assert set(tight.season_grams().values()) == {0}
    assert {"commitment.released", "campaign.failed"} <= tight.market.actions(response)


def test_silence_is_a_no(life: Allotted):
    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    life.let_time_pass()
    life.lapse()
    assert life.latest("YJ03").state == "lapsed"
    assert life.told()[3:] == [("YJ01", "offered", 2), ("YJ02", "offered", 4)]


def test_silence_is_a_yes_where_the_terms_say_so(market: Market, operator: Caller):
    life = sold(market, operator).start(silence=Silence.CONFIRMS)
    life.let_time_pass()
    life.lapse()
    assert life.state == "harvested"


def test_all_silent_fails(life: Allotted):
    life.let_time_pass()
    life.lapse()
    assert life.state == "failed"


def test_nobody_is_looked_after_before_the_time(life: Allotted):
    with life.market.unchanged():
        life.lapse()


def test_money_that_comes_while_it_allocates_is_split_as_well(
    market: Market, operator: Caller, shopper: Caller
):
    life = sold(market, operator)
    late = confirmed(shopper, life.sale, 6)
    life.start()
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    assert life.state == "allocating"
    assert operator.post(f"/v1/payments/{late['payment_id']}/receipts", json=receipt(late)).status_code == 200
    life.lapse()
    assert life.told()[3:] == [("YJ01", "offered", 1), ("YJ02", "offered", 2), ("YJ03", "offered", 3)]
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    assert life.state == "harvested"
    assert life.pledges() == {"YJ01": 3, "YJ02": 6, "YJ03": 9}


def test_a_campaign_given_up_meanwhile_releases_its_cooperatives(life: Allotted):
    life.done(life.confirm("YJ01"))
    database.transact(
        lambda session: planning.move(
            session,
            life.market.ctx,
            campaign_id=life.sale.campaign_id,
            event=CampaignEvent.CANCEL,
            reason="hail",
        )
    )
    assert life.confirm("YJ02").status_code == 409
    life.lapse()
    assert {(state, kept) for _, state, kept in life.told()} == {("released", 0)}
    assert set(life.season_grams().values()) == {0}


def test_orders_are_supplied_to_the_box_in_the_order_of_the_seeds_hash(life: Allotted):
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    given = list(zip(life.market.cooperative_ids, (2, 4, 6), strict=True))
    seed = f"{life.overview()['seed']}/{life.sale.item_id}"
    assert life.supplies() == laid_along(orders_of(life.sale), given, seed=seed)


def test_two_campaigns_are_two_allocations(market: Market, operator: Caller):
    first = sold(market, operator).start(season="2026-27")
    second = sold(market, operator).start(season="2026-27")
    assert [boxes for _, _, boxes in second.told()] == [2, 4, 6]
    first.done(first.decline("YJ01"))
    assert [state for _, state, _ in second.told()] == ["offered"] * 3


def test_the_terms_unless_told_are_nearest_a_no_by_silence_and_the_season_of_the_end(
    market: Market, operator: Caller
):
    life = sold(market, operator)
    begin(market, life.sale)
    told = life.overview()
    assert (told["rule"], told["strict"], told["silence"], told["answer_hours"]) == (
        "nearest",
        False,
        "declines",
        48,
    )
    assert told["season"] == season_of(market.campaign(life.sale).closes_at.date())
