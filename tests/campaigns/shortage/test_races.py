"""Many at once: an election and the closing, two closings, two answers; everything adds up afterwards."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from campaigns.shortage import closing, electing, offering
from campaigns.shortage.models import ShortageCut
from marketplace import database, errors
from marketplace.access import Role
from marketplace.payments.models import PartRefund
from tests.builders import Market, at_once
from tests.campaigns.shortage.stage import Short, harvested, let_pass, opened
from tests.house import Caller

ROUNDS = range(4)
REFUND = electing.Choosing(choice="refund")
HAIL = {"cause": "force_majeure", "evidence": "hail"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller) -> Short:
    return harvested(market, as_role, operator, (2, 10), there=6)


def closing_of(short: Short, shortage_id, ctx):
    return lambda: database.transact(lambda session: closing.close(session, ctx, shortage_id=shortage_id))


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_closings_one_cuts(short: Short, round_: int) -> None:
    shortage = opened(short, **HAIL)
    let_pass(short, 49)
    ctx = short.market.later()
    found = at_once(short.market.app, [closing_of(short, shortage.id, ctx)] * 4)
    refused = [each for each in found if isinstance(each, errors.Refusal)]
    assert [each.code for each in refused] == ["shortage_state"] * 3
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ShortageCut)) == 2
        assert session.scalar(select(func.count()).select_from(PartRefund)) == 1


@pytest.mark.parametrize("round_", ROUNDS)
def test_an_election_counts_or_comes_too_late(short: Short, round_: int) -> None:
    """The buyer's clock says that there is time, the closer's that there is none: whoever locks first decides."""
    shortage = opened(short, **HAIL)
    market = short.market
    let_pass(short, 49)
    order_id = uuid.UUID(short.orders[1]["id"])
    early = replace(market.acting(short.buyers[1]), now=market.later(hours=-2).now)

    def choose():
        return database.transact(
            lambda session: electing.elect(session, early, order_id=order_id, choosing=REFUND).choice
        )

    works = [choose, closing_of(short, shortage.id, market.later())]
    found = at_once(market.app, works if round_ % 2 else works[::-1])
    answer = found[0 if round_ % 2 else 1]
    with database.reading() as session:
        cut = session.scalars(select(ShortageCut).where(ShortageCut.order_id == order_id)).one()
    if isinstance(answer, errors.Refusal):
        assert answer.code == "election_closed"
        assert cut.boxes_after == 4
    else:
        assert (cut.boxes_after, cut.boxes_given_up) == (0, 10)


@pytest.mark.parametrize("round_", ROUNDS)
def test_an_offer_is_answered_once(short: Short, as_role, round_: int) -> None:
    market = short.market
    market.lot(20, cooperative=1)
    shortage = opened(short, **HAIL)
    [offer] = shortage.offers
    ctx = market.acting(short.buyers[0], roles=frozenset({Role.OPERATOR}))

    def accept():
        return database.transact(lambda session: offering.accept(session, ctx, offer_id=offer.id).state)

    def decline():
        return database.transact(lambda session: offering.decline(session, ctx, offer_id=offer.id).state)

    found = at_once(market.app, [accept, decline, accept, decline])
    refused = [each for each in found if isinstance(each, errors.Refusal)]
    assert [each.code for each in refused] == ["offer_answered"] * 3
    covered = short.shortage().covered_boxes
    assert covered == (6 if "accepted" in found else 0)
