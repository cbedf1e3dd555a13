"""The two statements of the public pages: the list and one campaign, each the whole answer in one row.

What was never public is not found: a draft, and what was cancelled as a draft. A campaign that ended after it had been
public stays readable, with its reason: people have its address, and money in it.
"""

from dataclasses import fields
from typing import Final

from campaigns.policy.rules import Policy
from campaigns.states import CampaignState

S = CampaignState

SHOWN_MAX: Final = 100
"""Campaigns of one section of the list."""
PAST_MAX: Final = 12
"""Campaigns that are over, on one page of the list."""

SPLIT_IS_TOLD: Final = (
    S.ALLOCATED,
    S.HARVESTED,
    S.SHORTFALL,
    S.BALANCE_OPEN,
    S.BALANCE_CLOSED,
    S.FULFILLING,
    S.COMPLETED,
    S.SETTLED,
)
"""From the moment when every sold box has its cooperative."""
COMING: Final = (S.SCHEDULED,)
SELLING: Final = (S.DEPOSIT_OPEN, S.PAUSED)
PAST: Final = (S.COMPLETED, S.SETTLED, S.FAILED)
WITHDRAWN: Final = (S.CANCELLED, S.CLOSED)
"""Shown only if they had been public."""
RUNNING: Final = tuple(state for state in S if state not in {S.DRAFT, *COMING, *SELLING, *PAST, *WITHDRAWN})


def _listed(states: tuple[CampaignState, ...]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


def _by_key(table: str, key: str) -> str:
    """A join that asks row by row, by the table's key. Statements are planned once, maybe over tables of a few rows,
    and must never be planned to read a whole table; OFFSET 0 keeps the planner from turning the join around.
    """
    return f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {table}.id = {key} OFFSET 0) AS {table}"


_ITEMS_OF_IT: Final = "(SELECT * FROM campaign_item WHERE campaign_item.campaign_id = c.id OFFSET 0) AS i"
_SOLD: Final = f"{_ITEMS_OF_IT} {_by_key('pool', 'i.pool_id')} {_by_key('pack', 'i.pack_id')}"
_OFFERED: Final = f"{_ITEMS_OF_IT} {_by_key('pack', 'i.pack_id')} {_by_key('product', 'pack.product_id')}"

_WAS_PUBLIC: Final = f"(c.state IN ({_listed(WITHDRAWN)}) AND c.policy_digest IS NOT NULL)"
_COLUMNS: Final = """c.id, c.code, c.state, c.title_en, c.title_zh, c.opens_at, c.closes_at, c.goal_boxes,
            c.goal_grams"""


def _cards(where: str, order: str, limit: str) -> str:
    """What the list shows of each campaign: sums over its items, and the first three of them."""
    return f"""(SELECT coalesce(json_agg(row_to_json(card)), '[]') FROM (
        SELECT {_COLUMNS}, county.name_en AS county_en, county.name_zh AS county_zh, county.is_demo,
            (SELECT json_build_object('boxes_sold', coalesce(sum(pool.boxes_sold), 0)::bigint,
                'grams_sold', coalesce(sum(pool.boxes_sold * pack.net_grams::bigint), 0)::bigint,
                'boxes_left', coalesce(sum(pool.boxes_pledged - pool.boxes_held - pool.boxes_sold), 0)::bigint,
                'items', count(*))
                FROM {_SOLD}) AS sums,
            (SELECT coalesce(json_agg(row_to_json(offer)), '[]') FROM (
                SELECT product.name_en, product.name_zh, pack.net_grams AS pack_grams, i.unit_price_minor,
                    i.currency, i.final_unit_price_minor, (SELECT min(s.unit_price_minor) FROM campaign_step s
                        WHERE s.item_id = i.id) AS lowest_minor
                FROM {_OFFERED} ORDER BY i.id LIMIT 3
            ) AS offer) AS offers
        FROM campaign c {_by_key("county", "c.county_id")}
        WHERE {where} ORDER BY {order} LIMIT {limit}
    ) AS card)"""


_UPCOMING: Final = _cards(f"c.state IN ({_listed(COMING)})", "c.opens_at, c.id", str(SHOWN_MAX + 1))
_OPEN: Final = _cards(f"c.state IN ({_listed(SELLING)})", "c.closes_at, c.id", str(SHOWN_MAX + 1))
_UNDER_WAY: Final = _cards(f"c.state IN ({_listed(RUNNING)})", "c.closes_at DESC, c.id", str(SHOWN_MAX + 1))
_OVER: Final = _cards(
    f"""(c.state IN ({_listed(PAST)}) OR {_WAS_PUBLIC})
            AND (%(cursor)s::uuid IS NULL OR c.id < %(cursor)s::uuid)""",
    "c.id DESC",
    str(PAST_MAX + 1),
)

LIST: Final = f"""
    SELECT (SELECT json_build_object('coming', {_UPCOMING}, 'selling', {_OPEN}, 'running', {_UNDER_WAY},
        'past', {_OVER}))::text AS told
"""
OLDER: Final = f"""
    SELECT (SELECT json_build_object('coming', '[]'::json, 'selling', '[]'::json, 'running', '[]'::json,
        'past', {_OVER}))::text AS told
"""
"""What follows on the past ones of `LIST`."""

_SPLIT: Final = f"""CASE WHEN c.state IN ({_listed(SPLIT_IS_TOLD)}) THEN json_build_object(
            'sellers', (SELECT json_agg(json_build_object('code', first.seller->>'id', 'weight', first.seller->'weight',
                    'history_grams', first.seller->'history_grams'))
                FROM (SELECT DISTINCT ON (s.seller->>'id') s.seller FROM allotment_run r,
                    jsonb_array_elements(r.problem->'sellers') AS s(seller)
                    WHERE r.item_id = i.id ORDER BY s.seller->>'id', r.number) AS first),
            'line', (SELECT r.result->'segments'->0->>'line' FROM allotment_run r WHERE r.item_id = i.id
                ORDER BY r.number DESC LIMIT 1),
            'shares', (SELECT json_agg(json_build_object('code', cooperative.code, 'name_en', cooperative.name_en,
                    'name_zh', cooperative.name_zh, 'boxes', share.boxes) ORDER BY cooperative.code)
                FROM (SELECT k.cooperative_id, sum(k.boxes - k.boxes_given_back)::bigint AS boxes
                    FROM (SELECT * FROM commitment WHERE commitment.item_id = i.id OFFSET 0) AS k
                    GROUP BY k.cooperative_id) AS share
                {_by_key("cooperative", "share.cooperative_id")})) END"""
_ITEMS: Final = f"""(SELECT coalesce(json_agg(json_build_object(
            'id', i.id, 'name_en', product.name_en, 'name_zh', product.name_zh, 'grade', product.grade,
            'size', product.size, 'pack_grams', pack.net_grams, 'unit_price_minor', i.unit_price_minor,
            'final_unit_price_minor', i.final_unit_price_minor, 'currency', i.currency,
            'boxes_per_buyer_max', i.boxes_per_buyer_max, 'boxes_per_household_max', i.boxes_per_household_max,
            'shelf_days', i.shelf_days, 'has_promotions', pool.has_promotions, 'boxes_sold', pool.boxes_sold,
            'boxes_left', pool.boxes_pledged - pool.boxes_held - pool.boxes_sold,
            'ladder', (SELECT coalesce(json_agg(json_build_object('from_boxes', s.from_boxes,
                'unit_price_minor', s.unit_price_minor, 'waterfall', CASE WHEN s.orchard_minor IS NOT NULL THEN
                    json_build_object('orchard_minor', s.orchard_minor, 'cold_store_minor', s.cold_store_minor,
                        'packing_minor', s.packing_minor, 'freight_minor', s.freight_minor,
                        'commission_minor', s.commission_minor) END) ORDER BY s.from_boxes), '[]')
                FROM campaign_step s WHERE s.item_id = i.id),
            'deposit', CASE WHEN pool.deposit_type IS NOT NULL THEN json_build_object('type', pool.deposit_type,
                'per_box_minor', pool.deposit_minor, 'counts_minor', pool.deposit_counts_minor,
                'funder', pool.deposit_funder, 'free_hours', pool.deposit_free_hours) END,
            'split', {_SPLIT}) ORDER BY i.id), '[]')
        FROM {_SOLD} {_by_key("product", "pack.product_id")})"""
_PLEDGING: Final = f"""(SELECT coalesce(json_agg(json_build_object('name_en', cooperative.name_en,
            'name_zh', cooperative.name_zh, 'township_en', cooperative.township_en,
            'township_zh', cooperative.township_zh, 'households', cooperative.member_households)
            ORDER BY cooperative.code), '[]')
        FROM (SELECT DISTINCT p.cooperative_id
            FROM (SELECT * FROM pledge WHERE pledge.campaign_id = c.id OFFSET 0) AS p
            WHERE p.state IN ('accepted', 'released')) AS pledging
        {_by_key("cooperative", "pledging.cooperative_id")})"""
_POLICY: Final = f"""(SELECT json_build_object({", ".join(f"'{each.name}', p.{each.name}" for each in fields(Policy))})
        FROM campaign_policy p WHERE p.campaign_id = c.id ORDER BY p.number DESC LIMIT 1)"""
"""All that it says: its digest is made of that."""
_WHY: Final = f"""(SELECT json_build_object('after', t.after, 'reason', t.reason, 'at', t.at)
        FROM campaign_transition t WHERE t.campaign_id = c.id
            AND t.after IN ({_listed((S.PAUSED, S.FAILED, S.CANCELLED))})
        ORDER BY t.number DESC LIMIT 1)"""


def _one(named: str) -> str:
    return f"""
    SELECT (SELECT json_build_object('campaign', row_to_json(c), 'county', json_build_object(
            'name_en', county.name_en, 'name_zh', county.name_zh, 'is_demo', county.is_demo),
        'items', {_ITEMS}, 'pledging', {_PLEDGING}, 'policy', {_POLICY}, 'why', {_WHY})
    FROM (
        SELECT {_COLUMNS}, c.county_id, c.policy_digest, c.claims_days, c.harvest_ends_at, c.seed_hash,
            CASE WHEN c.seed_revealed_at IS NOT NULL THEN c.seed END AS seed, c.balance_opens_at,
            c.balance_closes_at, c.balance_due_at FROM campaign c
        WHERE {named} AND (c.state = ANY(string_to_array(%(public)s, ',')) OR {_WAS_PUBLIC})
    ) AS c {_by_key("county", "c.county_id")})::text AS told
"""


ONE_BY_ID: Final = _one("c.id = %(id)s::uuid")
ONE_BY_CODE: Final = _one("c.code = %(code)s::text")
