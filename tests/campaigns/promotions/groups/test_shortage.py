"""A shortage after a group was full: who is cut to nothing gets all that was paid back, and nothing of it twice."""

from collections.abc import Callable

from campaigns import planning
from campaigns.shortage import closing
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from tests.builders import Market
from tests.campaigns.promotions.groups.friends import (
    back,
    buys,
    group_buy,
    joined,
    money,
    opened,
    settled,
    states,
)
from tests.campaigns.shortage import stage
from tests.house import Caller


def test_who_is_cut_to_nothing_after_the_group_was_full_gets_what_is_left_and_the_budget_its_part(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, friend = market.draft(per_buyer=100), as_role(Role.SHOPPER)
    stopped = stage.pledge(market, sale, 1)
    good = stage.pledge(market, sale, 1)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    orders = (buys(shopper, operator, place), buys(friend, operator, joined(friend, code, sale)))
    assert (settled(market, code), money(market, promotion)) == (2, (0, 2_000))
    stage.to_harvest(market, sale)
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(lambda session: quality.recall(session, ctx, lot_id=stopped.id, reason="residues"))
    short = stage.Short(
        market=market, sale=sale, buyers=(shopper, friend), orders=orders, lots=(stopped, good)
    )
    stage.opened(short)
    stage.let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, market.later())) == 1
    stage.let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, market.later()))
    assert sorted(states(code)) == ["rewarded", "undone"]
    assert sorted(back(market, each) for each in orders) == [1_000, 5_200]
    assert money(market, promotion) == (0, 1_000)
