"""What a database holds before it is measured: a county that sells, shoppers with sessions, hot pools.

The market is made by the use cases. Shoppers are too many for that: they are written by SQL, and shopper n's
token is a counter, so that the load makes it without a file (see `common.lua`).
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg
from sqlalchemy.orm import Session

import wsgi
from campaigns import planning
from campaigns.pledges import pledging
from inventory import lots
from inventory.stores import cold_stores
from marketplace import context, database, verify
from marketplace.catalogue import cooperatives, counties, products
from marketplace.database import db
from marketplace.settings import Settings

PACK_GRAMS: Final = 5_000
LOT_BOXES: Final = 1_000_000
PRICE_MINOR: Final = 5_200
PER_BUYER: Final = 10
CAMPAIGNS: Final = 20
HOT: Final = 8
"""Campaigns of a million boxes; the others have a few. Together they fill one page of the list."""

# Ids and tokens that are counters in the dress of the real ones: UUIDv7, 43 characters.
ACCOUNT_ID: Final = "('0193b000-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid"
SHOPPERS_SQL: Final = f"""
WITH made AS (SELECT n, {ACCOUNT_ID.format(n="n")} AS id FROM generate_series(0, %(count)s - 1) AS n),
    account AS (
        INSERT INTO account (id, name, phone, status, created_at, version)
        SELECT id, 'Shopper ' || n, '+86139' || lpad(n::text, 8, '0'), 'active', now(), 1 FROM made
    ),
    account_role AS (INSERT INTO account_role (account_id, role) SELECT id, 'shopper' FROM made),
    audit AS (
        INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
        SELECT ('0193b000-0000-7002-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), 'system', 'account.create',
            'account', id::text, 'bench-seed' FROM made
    )
INSERT INTO login_session (id, account_id, token_digest, created_at, expires_at)
SELECT ('0193b000-0000-7001-8000-' || lpad(to_hex(n), 12, '0'))::uuid, id,
    sha256(convert_to('bench' || lpad(n::text, 38, '0'), 'UTF8')), now(), now() + interval '10 days' FROM made
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One campaign of one item."""

    campaign_id: uuid.UUID
    item_id: uuid.UUID
    pool_id: uuid.UUID

    @property
    def page(self) -> str:
        return f"/v1/campaigns/{self.campaign_id}"

    @property
    def path(self) -> str:
        return f"{self.page}/holds"

    def body(self, boxes: int = 1) -> str:
        return f'{{"item_id": "{self.item_id}", "boxes": {boxes}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ids in the template, the same in every copy."""

    shoppers: int
    pack_id: uuid.UUID
    cold_store_id: uuid.UUID
    cooperative_id: uuid.UUID
    hot: tuple[Sale, ...]
    sold_out: Sale


def fill(settings: Settings, owner_url: str, *, shoppers: int) -> World:
    """Everything a copy begins with. Each campaign's fruit lies in one lot, and its pool has all of it."""
    app = wsgi.build(settings)
    with app.app_context():
        world = _market(shoppers)
        db.engine.dispose()
    with connect(owner_url) as connection:
        connection.execute(SHOPPERS_SQL, {"count": shoppers})
    tidy(owner_url)
    return world


def connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=True)


def tidy(owner_url: str) -> None:
    """Statistics as autovacuum would have them by and by."""
    with connect(owner_url) as connection:
        connection.execute("VACUUM (ANALYZE)")


def broken_promises(settings: Settings) -> list[str]:
    """The ids of the invariants that do not hold."""
    app = wsgi.build(settings)
    with app.app_context():
        with database.reading() as session:
            findings = verify.check(session, verify.invariants_of(app.extensions["modules"]))
        db.engine.dispose()
    return [
        f"{found.invariant.id} ({found.broken} rows, first {found.first})"
        for found in findings
        if not found.holds
    ]


def _market(shoppers: int) -> World:
    ctx = context.system()

    def ground(session: Session) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID, uuid.UUID]:
        county = counties.create(session, ctx, code="YJ", name_en="Yijun", name_zh="宜君", is_demo=True)
        seller = cooperatives.create(
            session, ctx, county_id=county.id, code="YJ01", name_en="Cooperative", name_zh="合作社",
            township_en="Yiyang", township_zh="宜阳", member_households=100, members=200,
        )  # fmt: skip
        fuji = products.create(
            session, ctx, code="FUJI-A", variety="Fuji", grade="A", name_en="Fuji", name_zh="富士"
        )
        pack = products.create_pack(
            session, ctx, product_id=fuji.id, code="FUJI-A-5", net_grams=PACK_GRAMS,
            list_price_minor=PRICE_MINOR, currency="CNY",
        )  # fmt: skip
        store = cold_stores.create(
            session, ctx, code="COLD-1", name_en="Cold store", name_zh="冷库", county_id=county.id
        )
        return county.id, seller.id, pack.id, store.id

    county_id, cooperative_id, pack_id, store_id = database.transact(ground)

    def sale(session: Session, number: int, boxes: int) -> Sale:
        lots.receive(
            session, ctx, cooperative_id=cooperative_id, cold_store_id=store_id, code=f"LOT-{number}",
            variety="Fuji", grade="A", harvested_on=ctx.today - timedelta(days=30),
            best_before_on=ctx.today + timedelta(days=60), quantity_grams=boxes * PACK_GRAMS,
        )  # fmt: skip
        made = planning.draft(
            session, ctx, code=f"sale-{number}", county_id=county_id, title_en=f"Presale {number}",
            title_zh=f"预售 {number}", opens_at=ctx.now, closes_at=ctx.now + timedelta(days=10),
            items=[{"pack_id": pack_id, "unit_price_minor": PRICE_MINOR, "boxes_per_buyer_max": PER_BUYER}],
        )  # fmt: skip
        item = made.items[0]
        pledging.put_up(
            session, ctx, campaign_id=made.id, item_id=item.id, cooperative_id=cooperative_id, boxes=boxes
        )
        planning.schedule(session, ctx, campaign_id=made.id)
        return Sale(campaign_id=made.id, item_id=item.id, pool_id=item.pool_id)

    sizes = [LOT_BOXES] * HOT + [1] * (CAMPAIGNS - HOT)
    sales = [
        database.transact(lambda session, number=number, boxes=boxes: sale(session, number, boxes))
        for number, boxes in enumerate(sizes)
    ]
    return World(
        shoppers=shoppers,
        pack_id=pack_id,
        cold_store_id=store_id,
        cooperative_id=cooperative_id,
        hot=tuple(sales[:HOT]),
        sold_out=sales[-1],
    )
