"""A campaign with very many paid deposits. What sells is made by the use cases; what was bought is written in bulk.

The rows that SQL writes are those that the doors would have left: holds, their two lines in the pool's journal, orders,
terms, payments; the ledger catches up with them. `flask verify` is asked whether they are, before anything is measured.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy.orm import Session

import wsgi
from bench.holds import seed
from bench.holds.seed import ACCOUNT_ID, PACK_GRAMS, PRICE_MINOR, World
from bench.holds.server import Ground
from campaigns import planning
from campaigns.pledges import pledging
from inventory import lots
from marketplace import context, database, express, verify
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.database import db
from marketplace.embedded.databases import DatabaseUrls
from orders.books.catching_up import catch_up

DEPOSIT_MINOR: Final = 1_000
BOXES_OF_TWO_ORDERS: Final = 3
"""One and two boxes, in turn."""
SPARE_PERCENT: Final = 110
_ID: Final = "('0193b000-0000-7{kind}-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_IDS: Final = {
    name: _ID.format(kind=kind)
    for name, kind in (("hold", "003"), ("order", "004"), ("pay", "005"), ("told", "006"))
}

ORDERS: Final = f"""
WITH made AS MATERIALIZED (
    SELECT n, {_IDS["hold"]} AS hold_id, {_IDS["order"]} AS order_id, {_IDS["pay"]} AS payment_id,
        {ACCOUNT_ID.format(n="n")} AS buyer_id, 1 + n %% 2 AS boxes,
        sum(1 + n %% 2) OVER (ORDER BY n) AS until
    FROM generate_series(0, %(orders)s - 1) AS n
), p AS (SELECT * FROM pool WHERE id = %(pool_id)s), held AS (
    INSERT INTO hold (id, kind, state, pool_id, owner_id, pack_id, boxes, consumed_boxes, pack_grams, quantity_grams,
        unit_price_minor, currency, purpose_kind, purpose_id, created_at, expires_at, expires_at_max, resolved_at,
        version)
    SELECT hold_id, 'cart', 'consumed', p.id, buyer_id, p.pack_id, boxes, boxes, p.pack_grams, boxes * p.pack_grams,
        p.unit_price_minor, p.currency, p.purpose_kind, p.purpose_id, now(), now() + interval '10 minutes',
        now() + interval '30 minutes', now(), 3
    FROM made, p
), line AS (
    INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged, boxes_held,
        boxes_sold, hold_id, actor, at)
    SELECT p.id, p.version + 2 * n + step, kind, 0, held * boxes, sold * boxes, p.boxes_pledged, (1 - sold) * boxes,
        until - (1 - sold) * boxes, hold_id, 'account:' || buyer_id, now()
    FROM made, p, (VALUES (1, 'held', 1, 0), (2, 'sold', -1, 1)) AS way(step, kind, held, sold)
), ordered AS (
    INSERT INTO "order" (id, kind, state, buyer_id, pack_id, hold_id, boxes, pack_grams, unit_price_minor, total_minor,
        currency, created_at, version)
    SELECT order_id, 'shopper_presale', 'deposit_paid', buyer_id, p.pack_id, hold_id, boxes, p.pack_grams,
        p.unit_price_minor, boxes * p.unit_price_minor, p.currency, now(), 2
    FROM made, p
), agreed AS (
    INSERT INTO deposit_terms (order_id, pool_id, type, per_box_minor, counts_minor, funder, free_hours, free_until)
    SELECT order_id, p.id, p.deposit_type, p.deposit_minor, p.deposit_counts_minor, p.deposit_funder,
        p.deposit_free_hours, now()
    FROM made, p
), paid AS (
    INSERT INTO payment (id, order_id, purpose, payer_id, gateway, state, amount_minor, received_minor, currency,
        reference, receipt_reference, created_at, resolved_at)
    SELECT payment_id, order_id, 'order', buyer_id, 'offline', 'succeeded', boxes * p.deposit_minor,
        boxes * p.deposit_minor, p.currency, 'B' || lpad(n::text, 11, '0'), 'BENCH-' || n, now(), now()
    FROM made, p
), told AS (
    INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
    SELECT {_IDS["told"]}, now(), 'system', 'payment.succeeded', 'payment', payment_id::text, 'bench-seed'
    FROM made
)
UPDATE pool SET boxes_sold = (SELECT max(until) FROM made), version = version + 2 * %(orders)s WHERE id = %(pool_id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The campaign, on sale, with all its orders."""

    campaign_id: uuid.UUID
    pool_id: uuid.UUID
    orders: int


def build(ground: Ground, urls: DatabaseUrls) -> Flask:
    """The app in this process, for the use cases that are measured in it."""
    return wsgi.build(ground.settings(urls, redis=False))


def close(app: Flask) -> None:
    express.close_all(app)
    with app.app_context():
        db.engine.dispose()


def gather(urls: DatabaseUrls, world: World, *, orders: int, sellers: int, is_met: bool) -> Crowd:
    """In the app's context. The goal is met, or missed by a box."""
    boxes = orders * BOXES_OF_TWO_ORDERS // 2
    each = -(-boxes * SPARE_PERCENT // 100 // sellers) + 1
    ctx = context.system()
    with database.reading() as session:
        county = cooperatives.get(session, cooperative_id=world.cooperative_id).county_id
    campaign = database.transact(
        lambda session: planning.draft(
            session,
            ctx,
            code=f"crowd-{orders}-{sellers}",
            county_id=county,
            title_en=f"{orders:,} orders",
            title_zh=f"{orders:,} 单",
            opens_at=ctx.now,
            closes_at=ctx.now + timedelta(days=1),
            goal_boxes=boxes if is_met else each * sellers,
            items=[
                {
                    "pack_id": world.pack_id,
                    "unit_price_minor": PRICE_MINOR,
                    "boxes_per_buyer_max": 10,
                    "deposit": {"type": "advance", "per_box_minor": DEPOSIT_MINOR},
                }
            ],
            balance={
                "opens_at": ctx.now + timedelta(days=2),
                "closes_at": ctx.now + timedelta(days=5),
                "grace_hours": 24,
                "free_withdrawal_hours": 0,
            },
        )
    )
    [item] = campaign.items
    for first in range(0, sellers, 50):
        numbers = range(first, min(first + 50, sellers))
        database.transact(
            lambda session, numbers=numbers: _pledge(
                session, ctx, world, county, campaign.id, item.id, numbers=numbers, boxes=each
            )
        )
    database.transact(lambda session: planning.schedule(session, ctx, campaign_id=campaign.id))
    with seed.connect(urls.owner_url) as owner:
        owner.execute(ORDERS, {"orders": orders, "pool_id": item.pool_id})
    while database.transact(lambda session: catch_up(session, ctx, batch=5_000)):
        pass
    seed.tidy(urls.owner_url)
    return Crowd(campaign_id=campaign.id, pool_id=item.pool_id, orders=orders)


def broken(app: Flask) -> list[str]:
    """The invariants that do not hold; in the app's context."""
    with database.reading() as session:
        found = verify.check(session, verify.invariants_of(app.extensions["modules"]))
    return [
        f"{each.invariant.id}: {each.broken} rows, first {each.first}" for each in found if not each.holds
    ]


def _pledge(
    session: Session,
    ctx: Context,
    world: World,
    county_id: uuid.UUID,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    *,
    numbers: range,
    boxes: int,
) -> None:
    """Cooperatives of different sizes, each with one lot that it pledges."""
    for number in numbers:
        made = cooperatives.create(
            session, ctx, county_id=county_id, code=f"Z{number:04d}", name_en="Cooperative", name_zh="合作社",
            township_en="Township", township_zh="乡镇", member_households=20 + number % 60, members=200,
        )  # fmt: skip
        facts: dict[str, Any] = {
            "variety": "Fuji",
            "grade": "A",
            "harvested_on": ctx.today,
            "best_before_on": ctx.today + timedelta(days=60),
        }
        lots.receive(
            session, ctx, cooperative_id=made.id, cold_store_id=world.cold_store_id, code=f"CROWD-{number}",
            quantity_grams=boxes * PACK_GRAMS, **facts,
        )  # fmt: skip
        session.flush()
        pledging.put_up(
            session, ctx, campaign_id=campaign_id, item_id=item_id, cooperative_id=made.id, boxes=boxes
        )
