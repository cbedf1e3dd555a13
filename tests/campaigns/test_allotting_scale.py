"""The whole allocation at the size of a season: 100,000 orders (thorough), 500 cooperatives, all of which say yes."""

import resource
import time
from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting import allotting
from campaigns.allotting.models import Commitment, Supply
from campaigns.pledges import pledging
from inventory import lots
from inventory.models import Pool
from marketplace import database
from marketplace.catalogue import cooperatives
from orders.states import Silence
from tests import builders
from tests.builders import PACK_GRAMS, PRICE_MINOR, Market, Sale
from tests.campaigns import many_orders
from tests.campaigns.allotted import agree, begin
from tests.house import Caller
from tests.thorough import large

ORDERS, COOPERATIVES, PLEDGED = large(100_000, 20_000), 500, 450
SOLD = sum(1 + n % 3 for n in range(1, ORDERS + 1))
SECONDS_MAX = 120
KIBIBYTES_MAX = 100_000


def test_a_season_s_orders_are_split_asked_and_supplied(app: Flask, shopper: Caller):
    market = builders.build(app)
    sale = market.draft()
    database.transact(lambda session: pledge_all(session, market, sale))
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    database.transact(lambda session: sell(session, market, sale, shopper))

    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    agree(market, sale, silence=Silence.CONFIRMS)
    begin(market, sale)
    split = time.monotonic()
    late = market.later(minutes=4)
    database.transact(
        lambda session: session.execute(update(Commitment).values(answer_due_at=market.ctx.now))
    )
    database.transact(lambda session: allotting.go_on(session, late, campaign_id=sale.campaign_id))
    seconds, grown = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    with database.reading() as session:
        assert session.scalar(select(func.sum(Supply.boxes))) == SOLD
        assert session.scalar(select(func.sum(Commitment.boxes))) == SOLD
        assert session.scalar(select(func.count()).select_from(Commitment)) == COOPERATIVES
    assert market.campaign(sale).state == "harvested"
    assert seconds < SECONDS_MAX, (split - begun, seconds)
    assert grown < KIBIBYTES_MAX, (grown, seconds)


def pledge_all(session: Session, market: Market, sale: Sale) -> None:
    for number in range(COOPERATIVES):
        made = cooperatives.create(
            session,
            market.ctx,
            county_id=market.county_id,
            code=f"Z{number:04d}",
            name_en="Z",
            name_zh="社",
            township_en="T",
            township_zh="镇",
            member_households=20 + number % 60,
            members=200,
        )
        lots.receive(
            session,
            market.ctx,
            cooperative_id=made.id,
            cold_store_id=market.cold_store_id,
            code=f"L-{number}",
            variety="Fuji",
            grade="A",
            harvested_on=market.today,
            best_before_on=market.today + timedelta(days=60),
            quantity_grams=PLEDGED * PACK_GRAMS,
        )
        session.flush()
        pledging.put_up(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=made.id,
            boxes=PLEDGED,
        )


def sell(session: Session, market: Market, sale: Sale, buyer: Caller) -> None:
    """Orders as if they had been paid, and the pool's counter of them."""
    facts = {
        "orders": ORDERS,
        "pool_id": sale.pool_id,
        "item_id": sale.item_id,
        "buyer_id": buyer.account_id,
        "pack_id": market.pack_id,
        "grams": PACK_GRAMS,
        "price": PRICE_MINOR,
    }
    session.execute(text(many_orders.ORDERS), facts)
    session.execute(update(Pool).where(Pool.id == sale.pool_id).values(boxes_sold=SOLD))
