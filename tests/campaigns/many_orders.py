"""Many paid orders of one item and the confirmed commitments for them, written in a few statements."""

from typing import Any, Final

from sqlalchemy import Connection, text

from tests.builders import PACK_GRAMS, PRICE_MINOR, Market, Sale
from tests.house import Caller

ORDERS: Final = """
    WITH made AS MATERIALIZED (
        SELECT gen_random_uuid() AS hold_id, 1 + n % 3 AS boxes FROM generate_series(1, :orders) n
    ), held AS (
        INSERT INTO hold (id, kind, state, pool_id, owner_id, pack_id, boxes, consumed_boxes, pack_grams,
            quantity_grams, unit_price_minor, currency, purpose_kind, purpose_id, created_at, expires_at,
            expires_at_max, resolved_at, version)
        SELECT hold_id, 'cart', 'consumed', :pool_id, :buyer_id, :pack_id, boxes, boxes, :grams, boxes * :grams, :price,
            'CNY', 'campaign_item', :item_id, now(), now() + interval '10 minutes',
            now() + interval '30 minutes', now(), 3
        FROM made
    )
    INSERT INTO "order" (id, kind, state, buyer_id, pack_id, hold_id, boxes, pack_grams, unit_price_minor, total_minor,
        currency, created_at, version)
    SELECT gen_random_uuid(), 'shopper_presale', 'committed', :buyer_id, :pack_id, hold_id, boxes, :grams, :price,
        boxes * :price, 'CNY', now(), 2
    FROM made
"""
TERMS: Final = """
    INSERT INTO campaign_allocation (campaign_id, season, rule, strict, weight, silence, answer_hours, seed,
        policy_digest, created_at)
    VALUES (:campaign_id, '2026-27', 'nearest', false, 'households', 'declines', 48, 'seed', 'x', now());
    INSERT INTO allotted_item (item_id, campaign_id, boxes)
    SELECT :item_id, :campaign_id, sum(boxes) FROM "order";
    INSERT INTO allotment_run (id, item_id, number, problem, result, digest, policy_digest, created_at)
    VALUES (:run_id, :item_id, 1, '{}', '{}', 'x', 'x', now());
    INSERT INTO cooperative (id, county_id, code, name_en, name_zh, township_en, township_zh, member_households,
        members, created_at, version)
    SELECT gen_random_uuid(), :county_id, 'Z' || lpad(n::text, 4, '0'), 'Z', 'Z', 'Z', 'Z', 10, 20, now(), 1
    FROM generate_series(1, :cooperatives) n
"""
COMMITMENTS: Final = """
    INSERT INTO commitment (id, run_id, item_id, campaign_id, cooperative_id, code, boxes, boxes_given_back, pack_grams,
        limited_by, state, version)
    SELECT gen_random_uuid(), :run_id, :item_id, :campaign_id, id, code, boxes, 0, :grams, 'nothing', 'confirmed', 1
    FROM (
        SELECT id, code, a.boxes * place / :cooperatives - a.boxes * (place - 1) / :cooperatives AS boxes
        FROM (SELECT id, code, row_number() OVER (ORDER BY code) AS place FROM cooperative WHERE code LIKE 'Z%') c,
            allotted_item a WHERE a.item_id = :item_id
    ) part WHERE boxes > 0
"""


def write(
    owner: Connection, market: Market, sale: Sale, buyer: Caller, *, orders: int, cooperatives: int
) -> None:
    """One to three boxes in each order; the commitments are as equal as can be."""
    facts: dict[str, Any] = {
        "orders": orders,
        "cooperatives": cooperatives,
        "pool_id": sale.pool_id,
        "item_id": sale.item_id,
        "campaign_id": sale.campaign_id,
        "run_id": sale.campaign_id,
        "buyer_id": buyer.account_id,
        "pack_id": market.pack_id,
        "county_id": market.county_id,
        "grams": PACK_GRAMS,
        "price": PRICE_MINOR,
    }
    for statement in (ORDERS, *TERMS.split(";"), COMMITMENTS):
        owner.execute(text(statement), facts)
    owner.execute(text('ANALYZE hold, "order", commitment'))
