"""Where the parts of a campaign meet in a shortage: discounts, orders of nothing, exports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import ending, planning
from campaigns.pledges import pledging
from campaigns.promotions import promoting
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.rules import Funder, PromotionKind
from campaigns.shortage import closing
from campaigns.states import CampaignEvent, CampaignStateForbids
from inventory.models import Lot
from inventory.quality import quality
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.catalogue import counties
from marketplace.catalogue.models import Cooperative
from marketplace.payments.models import PartRefund
from tests.builders import PRICE_MINOR, Market, Sale, assert_refused, held
from tests.campaigns.exports import abroad
from tests.campaigns.pledges.test_races import one_after_the_other
from tests.campaigns.promotions.groups import friends
from tests.campaigns.promotions.shop import EARLY, paid_for, placed, running, uses
from tests.campaigns.shortage.stage import Short, harvested, let_pass, opened, pledge, to_harvest
from tests.campaigns.shortage.test_other_grade import CHEAPER, PRICE, two_items
from tests.campaigns.shortage.test_waiting import choose, day_passes, in_ten_days, kept, serve, states
from tests.house import Caller

HAIL = {"cause": "force_majeure", "evidence": "hail"}
FREE = {"permille": 1_000, "budget_minor": 10_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A short item of which boxes are sold with a discount of a tenth, and perhaps another item."""

    short: Short
    promotion: dict[str, Any]
    other: Sale | None = None

    def used(self) -> tuple[int, int]:
        """Uses that are spent, and what they take off."""
        told = uses(self.short.market, self.promotion)
        assert (told[0], told[2]) == (0, 0), "nothing is reserved any more"
        return told[1], told[3]


def put_up(market: Market, sale: Sale, boxes: int) -> None:
    database.transact(
        lambda session: pledging.put_up(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=market.cooperative_ids[0],
            boxes=boxes,
        )
    )


def bought(shopper: Caller, operator: Caller, sale: Sale, boxes: int) -> dict[str, Any]:
    order = placed(shopper, held(shopper, sale, boxes)["hold_id"])
    if order["payment_id"] is not None:
        paid_for(shopper, operator, order)
    return order


def stop(market: Market, operator: Caller, lot: Lot) -> None:
    as_operator = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(lambda session: quality.recall(session, as_operator, lot_id=lot.id, reason="residues"))


def staged(
    market: Market,
    as_role: Callable[..., Caller],
    operator: Caller,
    boxes: Sequence[int],
    *,
    there: int,
    spare: int = 0,
    **terms: Any,
) -> Stage:
    """Sold to so many buyers and harvested; of the fruit only so many boxes may leave the store."""
    sale, other = two_items(market, price_minor=CHEAPER) if spare else (market.draft(per_buyer=100), None)
    stopped = pledge(market, sale, sum(boxes) - there)
    pledge(market, sale, there)
    if other is not None:
        market.lot(spare, variety="GALA")
        put_up(market, other, spare)
    promotion = running(operator, sale, **{**EARLY, **terms})
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    buyers = tuple(as_role(Role.SHOPPER) for _ in boxes)
    orders = tuple(bought(buyer, operator, sale, each) for buyer, each in zip(buyers, boxes, strict=True))
    to_harvest(market, sale)
    stop(market, operator, stopped)
    short = Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=(stopped,))
    return Stage(short=short, promotion=promotion, other=other)


def settle(short: Short) -> None:
    let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, short.market.later())) == 1


def refunds() -> list[tuple[str, str, int, str]]:
    with database.reading() as session:
        found = session.scalars(select(PartRefund))
        return sorted((each.kind, each.reason, each.amount_minor, each.currency) for each in found)


def test_who_waited_in_vain_gives_the_discount_back(market: Market, as_role, operator: Caller) -> None:
    stage = staged(market, as_role, operator, (4, 6), there=6)
    opened(stage.short, later_lot_on=in_ten_days(stage.short), **HAIL)
    assert choose(stage.short, 0, choice="wait").status_code == 200
    settle(stage.short)
    assert stage.used()[0] == 2, "the boxes are owed still"
    day_passes(stage.short)
    assert states(stage.short) == ["cut", "committed"]
    assert refunds() == [("refund", "later_lot", 4 * PRICE_MINOR * 9 // 10, "CNY")], "what was paid, no more"
    assert stage.used() == (1, 6 * PRICE_MINOR // 10)


def test_who_is_served_by_the_later_lot_keeps_the_discount(market: Market, as_role, operator: Caller) -> None:
    stage = staged(market, as_role, operator, (4, 6), there=6)
    opened(stage.short, later_lot_on=in_ten_days(stage.short), **HAIL)
    assert choose(stage.short, 0, choice="wait").status_code == 200
    settle(stage.short)
    market.lot(4)
    response = serve(operator, stage.short, cooperative_id=str(market.cooperative_ids[0]), boxes=4)
    assert response.status_code == 201, response.json
    assert (states(stage.short), refunds()) == (["committed", "committed"], [])
    assert stage.used() == (2, 10 * PRICE_MINOR // 10)


def test_a_discount_goes_along_to_another_grade(market: Market, as_role, operator: Caller) -> None:
    stage = staged(market, as_role, operator, (2, 4), there=3, spare=5)
    opened(stage.short, **HAIL)
    assert stage.other is not None
    item_id = str(stage.other.item_id)
    assert choose(stage.short, 1, choice="other_grade", item_id=item_id).status_code == 200
    settle(stage.short)
    assert market.campaign(stage.short.sale).state == "balance_open"
    assert refunds() == [("refund", "ladder", 4 * (PRICE - CHEAPER), "CNY")]
    assert stage.used() == (2, 6 * PRICE // 10)


def test_and_comes_back_from_there_when_the_campaign_is_given_up(
    market: Market, as_role, operator: Caller
) -> None:
    stage = staged(market, as_role, operator, (2, 4), there=3, spare=5)
    opened(stage.short, **HAIL)
    assert stage.other is not None
    item_id = str(stage.other.item_id)
    assert choose(stage.short, 1, choice="other_grade", item_id=item_id).status_code == 200
    settle(stage.short)
    database.transact(
        lambda session: ending.cancel(
            session, market.later(), campaign_id=stage.short.sale.campaign_id, reason="given up"
        )
    )
    jobs.work(market.app, once=True)
    assert states(stage.short) == ["released", "released"]
    assert sum(minor for _, _, minor, _ in refunds()) == 6 * PRICE * 9 // 10, "what was paid, no more"
    assert stage.used() == (0, 0)


def test_a_place_in_a_group_goes_along_to_another_grade_and_ends_with_its_order(
    market: Market, as_role, operator: Caller
) -> None:
    """Two friends got something back; one of them is moved, and later everything is given up."""
    sale, other = two_items(market, price_minor=CHEAPER)
    stopped = pledge(market, sale, 3)
    pledge(market, sale, 3)
    market.lot(5, variety="GALA")
    put_up(market, other, 5)
    promotion = friends.group_buy(operator, sale)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    buyers = tuple(as_role(Role.SHOPPER) for _ in range(2))
    first = friends.opened(buyers[0], promotion, sale, 2)
    code = first["group"]["code"]
    second = friends.joined(buyers[1], code, sale, 4)
    orders = tuple(
        friends.buys(buyer, operator, place) for buyer, place in zip(buyers, (first, second), strict=True)
    )
    assert friends.settled(market, code) == 2
    spent = friends.money(market, promotion)[1]
    to_harvest(market, sale)
    stop(market, operator, stopped)
    short = Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=(stopped,))
    opened(short, **HAIL)
    assert choose(short, 1, choice="other_grade", item_id=str(other.item_id)).status_code == 200
    settle(short)
    assert friends.money(market, promotion) == (0, spent)
    database.transact(
        lambda session: ending.cancel(
            session, market.later(), campaign_id=sale.campaign_id, reason="given up"
        )
    )
    jobs.work(market.app, once=True)
    assert states(short) == ["released", "released"]
    assert sum(minor for _, _, minor, _ in refunds()) == 6 * PRICE, "all that was paid, no more"
    assert friends.money(market, promotion) == (0, 0)
    assert friends.states(code) == ["undone", "undone"]


def test_orders_that_cost_nothing_are_cut_and_nothing_goes_back(
    market: Market, as_role, operator: Caller
) -> None:
    """After a fault: of nothing, nothing is earnest money either."""
    stage = staged(market, as_role, operator, (4, 6, 2, 2), there=6, **FREE)
    opened(stage.short, later_lot_on=in_ten_days(stage.short))
    assert choose(stage.short, 0, choice="wait").status_code == 200
    assert choose(stage.short, 2, choice="fewer", wanted_boxes=1).status_code == 200
    assert choose(stage.short, 3, choice="refund").status_code == 200
    settle(stage.short)
    assert kept(stage.short) == [4, 5, 1, 0]
    day_passes(stage.short)
    assert states(stage.short) == ["cut", "committed", "committed", "cut"]
    assert refunds() == []
    assert stage.used() == (2, (5 + 1) * PRICE_MINOR), "what belonged to boxes that do not come is given back"


@pytest.fixture
def export(market: Market, as_role, operator: Caller) -> Stage:
    """Four boxes of an export, six of a shopper, of which six are there; Gala is to spare."""
    company = as_role(Role.BUYER)
    sale, other = two_items(market, price_minor=CHEAPER)
    lasting = {"best_before_on": market.today + timedelta(days=200)}
    stopped, _ = market.lot(4, **lasting), market.lot(6, **lasting)
    market.lot(5, variety="GALA")
    put_up(market, sale, 10)
    put_up(market, other, 5)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    abroad.described(operator)
    sold = abroad.paid(company, operator, market, sale, boxes=4, currency="CNY")
    shopper = as_role(Role.SHOPPER)
    orders = (sold, bought(shopper, operator, sale, 6))
    to_harvest(market, sale)
    stop(market, operator, stopped)
    short = Short(market=market, sale=sale, buyers=(company, shopper), orders=orders, lots=(stopped,))
    return Stage(short=short, promotion={}, other=other)


def test_an_export_that_waited_in_vain_gets_no_earnest_money(export: Stage) -> None:
    opened(export.short, later_lot_on=in_ten_days(export.short))
    assert choose(export.short, 0, choice="wait").status_code == 200
    settle(export.short)
    day_passes(export.short)
    assert states(export.short) == ["cut", "committed"]
    assert refunds() == [("refund", "later_lot", 4 * PRICE, "CNY")]


def test_an_export_is_not_moved_to_another_item(export: Stage) -> None:
    """Its contract names the item; the shopper may choose one beside it."""
    opened(export.short)
    assert export.other is not None
    body = {"choice": "other_grade", "item_id": str(export.other.item_id)}
    refused = assert_refused(choose(export.short, 0, **body), 409, "choice_not_offered")
    assert refused["choices"] == ["no_preference", "fewer", "refund"]
    settle(export.short)
    assert kept(export.short) == [3, 3]


def test_a_company_that_is_asked_may_choose(export: Stage) -> None:
    opened(export.short)
    jobs.work(export.short.market.app, once=True)
    company, order = export.short.buyers[0], export.short.orders[0]
    asked = [each["kind"] for each in company.get("/v1/me/notifications").json["items"]]
    assert "shortage_election" in asked
    told = company.get(f"/v1/orders/{order['id']}/election")
    assert told.json["choices"] == ["no_preference", "fewer", "refund"]
    assert choose(export.short, 0, choice="fewer", wanted_boxes=1).status_code == 200
    settle(export.short)
    assert kept(export.short) == [1, 5]
    foreign = export.short.buyers[1].get(f"/v1/orders/{order['id']}/election")
    assert foreign.status_code == 404


def given_up(short: Short, *, ended: bool) -> None:
    """The campaign is cancelled, and perhaps its orders have ended."""
    database.transact(
        lambda session: ending.cancel(
            session, short.market.later(), campaign_id=short.sale.campaign_id, reason="given up"
        )
    )
    if ended:
        jobs.work(short.market.app, once=True)
        assert short.market.campaign(short.sale).state == "closed"


@pytest.mark.parametrize("ended", [False, True])
def test_nobody_gives_boxes_to_a_campaign_that_is_given_up(
    market: Market, as_role, operator: Caller, *, ended: bool
) -> None:
    """They would stand in its pool for ever."""
    market.lot(10, cooperative=1)
    short = harvested(market, as_role, operator, (4, 6), there=6)
    [offer] = opened(short).offers
    given_up(short, ended=ended)
    with market.unchanged():
        for answer in ("accept", "decline"):
            body = {} if answer == "accept" else None
            refused = operator.post(f"/v1/shortage-offers/{offer.id}/{answer}", json=body)
            assert_refused(refused, 409, "state")


def test_a_campaign_that_is_given_up_is_not_cut(market: Market, as_role, operator: Caller) -> None:
    """Everybody gets all of it back, once, and nothing on top of it."""
    short = harvested(market, as_role, operator, (4, 6), there=6)
    shortage = opened(short)
    let_pass(short, 49)
    given_up(short, ended=False)
    url = f"/v1/shortages/{shortage.id}"
    with market.unchanged():
        assert_refused(operator.post(f"{url}/close"), 409, "state")
        assert_refused(operator.put(f"{url}/cause", json=HAIL), 409, "state")
        on = {"on": in_ten_days(short).isoformat()}
        assert_refused(operator.put(f"{url}/later-lot", json=on), 409, "state")
    jobs.work(market.app, once=True)
    assert refunds() == [("refund", "cancelled", boxes * PRICE_MINOR, "CNY") for boxes in (4, 6)]


def test_nobody_is_served_in_a_campaign_that_is_given_up(market: Market, as_role, operator: Caller) -> None:
    stage = staged(market, as_role, operator, (4, 6), there=6)
    opened(stage.short, later_lot_on=in_ten_days(stage.short))
    assert choose(stage.short, 0, choice="wait").status_code == 200
    settle(stage.short)
    market.lot(4)
    given_up(stage.short, ended=False)
    body = {"cooperative_id": str(market.cooperative_ids[0]), "boxes": 4}
    with market.unchanged():
        assert_refused(serve(operator, stage.short, **body), 409, "state")
    jobs.work(market.app, once=True)
    assert (states(stage.short), stage.used()) == (["released", "released"], (0, 0))


def test_a_later_lot_is_of_the_campaigns_county(market: Market, as_role, operator: Caller) -> None:
    short = harvested(market, as_role, operator, (4, 6), there=6)
    opened(short, later_lot_on=in_ten_days(short))
    assert choose(short, 0, choice="wait").status_code == 200
    settle(short)
    market.lot(4, cooperative=1)

    def move_away(session: Session) -> None:
        away = counties.create(
            session, market.ctx, code="LC", name_en="Luochuan", name_zh="洛川", is_demo=True
        )
        session.flush()
        foreign = session.get_one(Cooperative, market.cooperative_ids[1])
        foreign.county_id = away.id

    database.transact(move_away)
    body = {"cooperative_id": str(market.cooperative_ids[1]), "boxes": 4}
    with market.unchanged():
        assert_refused(serve(operator, short, **body), 409, "foreign_pledge")


@pytest.mark.parametrize("is_drafted_first", [False, True])
def test_a_promotion_drafted_while_its_campaign_is_given_up_takes_nothing_off(
    market: Market, *, is_drafted_first: bool
) -> None:
    sale = market.on_sale(5)
    terms = promoting.Terms(
        kind=PromotionKind.EARLY_BIRD,
        funder=Funder.COUNTY,
        title_en="Early",
        title_zh="早鸟",
        budget_minor=100,
        permille=100,
    )

    def draft(session: Session) -> Any:
        return promoting.draft(session, market.ctx, campaign_id=sale.campaign_id, terms=terms)

    def give_up(session: Session) -> Any:
        return ending.cancel(session, market.later(), campaign_id=sale.campaign_id, reason="given up")

    database.transact(
        lambda session: planning.move(
            session, market.ctx, campaign_id=sale.campaign_id, event=CampaignEvent.PAUSE, reason="wait"
        )
    )
    works = (draft, give_up) if is_drafted_first else (give_up, draft)
    _, last = one_after_the_other(market.app, *works)
    with database.reading() as session:
        drafted = [each.state for each in session.scalars(select(PromotionTerms))]
    assert (drafted, isinstance(last, CampaignStateForbids)) == (
        (["ended"], False) if is_drafted_first else ([], True)
    )
