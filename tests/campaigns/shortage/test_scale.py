"""A shortage of ten thousand orders (thorough): decided at once, followed in batches that hold locks for seconds."""

import time

from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.shortage import applying, closing
from campaigns.shortage.models import ShortageCut
from campaigns.states import CampaignEvent
from inventory.models import Lot, Pool
from marketplace import database
from orders.models import Order
from tests import builders
from tests.builders import PACK_GRAMS, PRICE_MINOR, Market, Sale
from tests.campaigns import many_orders
from tests.campaigns.shortage.stage import Short, let_pass, opened, pledge
from tests.house import Caller
from tests.thorough import large

ORDERS = large(10_000, 3_000)
SOLD = sum(1 + n % 3 for n in range(1, ORDERS + 1))
THERE = SOLD * 6 // 10
BATCH_SECONDS_MAX = 60
PAID = """
    INSERT INTO payment (id, order_id, purpose, payer_id, gateway, state, amount_minor, received_minor, currency,
        reference, receipt_reference, created_at, resolved_at)
    SELECT gen_random_uuid(), id, 'order', buyer_id, 'offline', 'succeeded', total_minor, total_minor, currency,
        left(md5(id::text), 12), id::text, now(), now()
    FROM "order"
"""


def test_thousands_of_orders_are_cut_batch_by_batch(app: Flask, shopper: Caller):
    market = builders.build(app)
    short = sold(market, shopper)
    opened(short, cause="force_majeure", evidence="hail")
    let_pass(short, 49)

    begun = time.monotonic()
    assert database.transact(lambda session: closing.advance_due(session, market.later())) == 1
    decided = time.monotonic() - begun
    longest, left, shortage_id = 0.0, ORDERS, str(short.shortage().id)
    while left:
        begun = time.monotonic()
        left = database.transact(
            lambda session: applying.apply(session, market.later(), shortage_id=shortage_id)
        )
        longest = max(longest, time.monotonic() - begun)

    assert short.shortage().state == "settled"
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ShortageCut)) == ORDERS
        assert session.scalar(select(func.sum(ShortageCut.boxes_after))) == THERE
        assert session.scalar(select(func.count()).select_from(Order).where(Order.state == "cut")) == 0
    pool = market.pool(short.sale)
    assert (pool.boxes_sold, pool.boxes_pledged) == (THERE, THERE)
    assert max(decided, longest) < BATCH_SECONDS_MAX, (decided, longest)


def sold(market: Market, buyer: Caller) -> Short:
    """Everything is sold and harvested, and six boxes of ten may leave the store."""
    sale = market.draft(per_buyer=100)
    stopped = pledge(market, sale, SOLD - THERE)
    good = pledge(market, sale, THERE)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    database.transact(lambda session: sell(session, market, sale, buyer, stopped))
    return Short(market=market, sale=sale, buyers=(buyer,), orders=(), lots=(stopped, good))


def sell(session: Session, market: Market, sale: Sale, buyer: Caller, stopped: Lot) -> None:
    """Orders as if they had been paid, the pool's counter of them, and a lot that was recalled."""
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
    session.execute(text(PAID))
    session.execute(update(Pool).where(Pool.id == sale.pool_id).values(boxes_sold=SOLD))
    session.execute(update(Lot).where(Lot.id == stopped.id).values(status="recalled"))
    for event in (
        CampaignEvent.CLOSE,
        CampaignEvent.ALLOCATE,
        CampaignEvent.CONFIRM,
        CampaignEvent.HARVEST,
    ):
        planning.move(session, market.ctx, campaign_id=sale.campaign_id, event=event, reason="on")
