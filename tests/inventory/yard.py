"""A yard to test in: a county with two cooperatives, a pack, a cold store; and short ways to act in it."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from inventory import holds, lots, pools
from inventory.gate import keeping
from inventory.invariants import INVARIANTS
from inventory.models import Hold, Lot, Pool
from inventory.stores import cold_stores
from marketplace import context, database, errors, verify
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties, products
from marketplace.context import Actor, Context
from marketplace.identity import accounts
from marketplace.values import new_id

T = TypeVar("T")

PACK_GRAMS = 5_000
PURPOSE = ("campaign_item", uuid.UUID("01900000-0000-7000-8000-000000000001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    app: Flask
    county_id: uuid.UUID
    cooperative_ids: tuple[uuid.UUID, ...]
    pack_id: uuid.UUID
    cold_store_id: uuid.UUID
    ctx: Context

    @property
    def today(self) -> date:
        return self.ctx.today

    def lot(self, code: str = "L1", *, boxes: int = 20, cooperative: int = 0, **changes: Any) -> Lot:
        """A lot of so many whole boxes, good for two months."""
        facts: dict[str, Any] = {
            "variety": "Fuji",
            "grade": "A",
            "harvested_on": self.today - timedelta(days=30),
            "best_before_on": self.today + timedelta(days=60),
            "quantity_grams": boxes * PACK_GRAMS,
            **changes,
        }
        return database.transact(
            lambda session: lots.receive(
                session,
                self.ctx,
                cooperative_id=self.cooperative_ids[cooperative],
                cold_store_id=self.cold_store_id,
                code=code,
                **facts,
            )
        )

    def pool(self, *, purpose: tuple[str, uuid.UUID] | None = None, per_buyer: int | None = None) -> Pool:
        """A pool on sale since yesterday, for ten days."""

        def work(session: Session) -> Pool:
            pool = pools.open_pool(
                session,
                self.ctx,
                pack_id=self.pack_id,
                pack_grams=PACK_GRAMS,
                variety="Fuji",
                grade="A",
                purpose=purpose or ("campaign_item", new_id()),
                terms=pools.Terms(unit_price_minor=3_000, currency="CNY", boxes_per_buyer_max=per_buyer),
            )
            window = (self.ctx.now - timedelta(days=1), self.ctx.now + timedelta(days=10))
            pools.set_window(session, self.ctx, pool_id=pool.id, window=window)
            return pool

        return database.transact(work)

    def pledge(self, pool: Pool, boxes: int, *, cooperative: int = 0, **options: Any) -> list[Hold]:
        cooperative_id = self.cooperative_ids[cooperative]
        return database.transact(
            lambda session: pools.pledge(
                session, self.ctx, pool_id=pool.id, cooperative_id=cooperative_id, boxes=boxes, **options
            )
        )

    def full_pool(self, boxes: int = 20, **options: Any) -> Pool:
        """A pool with so many boxes pledged out of one lot."""
        self.lot(code=f"L{new_id()}", boxes=boxes)
        pool = self.pool(**options)
        self.pledge(pool, boxes)
        return pool

    def reserve(self, boxes: int, *, cooperative: int = 0, **options: Any) -> list[Hold]:
        """Hold boxes of a cooperative's lots for a share."""
        facts: dict[str, Any] = {"purpose": ("share", new_id()), **options}
        cooperative_id = self.cooperative_ids[cooperative]
        return database.transact(
            lambda session: holds.place_on_lots(
                session,
                self.ctx,
                kind="allocation",
                cooperative_id=cooperative_id,
                boxes=boxes,
                pack_grams=PACK_GRAMS,
                variety="Fuji",
                grade="A",
                **facts,
            )
        )

    def shopper(self) -> Context:
        return database.transact(self.shopper_in)

    def shopper_in(self, session: Session) -> Context:
        shoppers = frozenset({Role.SHOPPER})
        return self.of_account(accounts.create(session, self.ctx, name="A shopper", roles=shoppers).id)

    def holds_of_many(self, pool: Pool, count: int) -> list[Hold]:
        """A box each for so many shoppers."""
        return database.transact(
            lambda session: [place(session, self.shopper_in(session), pool.id, 1) for _ in range(count)]
        )

    def of_account(self, account_id: uuid.UUID | None) -> Context:
        actor = Actor(kind="account", id=account_id, roles=frozenset({Role.SHOPPER}))
        return replace(self.ctx, actor=actor)

    def hold(self, pool: Pool, ctx: Context, boxes: int = 1, **options: Any) -> Hold:
        return database.transact(lambda session: place(session, ctx, pool.id, boxes, **options))

    def stored(self, row: T) -> T:
        """The row as it is stored now."""
        with database.reading() as session:
            found = session.get(type(row), row.id, populate_existing=True)  # type: ignore[attr-defined]
            assert found is not None
            session.expunge(found)
            return found

    def buckets(self, lot: Lot) -> tuple[int, ...]:
        """What a lot has on hand, held, committed, packed, in boxes."""
        now = self.stored(lot)
        grams = (now.on_hand_grams, now.held_grams, now.committed_grams, now.packed_grams)
        return tuple(each // PACK_GRAMS for each in grams)

    def let_expire(self, *some: Hold, minutes_ago: int = 1) -> None:
        """Move the holds into the past, as if their time had passed."""
        past = {
            "created_at": func.clock_timestamp() - timedelta(minutes=11 + minutes_ago),
            "expires_at": func.clock_timestamp() - timedelta(minutes=minutes_ago),
        }
        ids = [hold.id for hold in some]
        database.transact(lambda session: session.execute(update(Hold).where(Hold.id.in_(ids)).values(past)))
        keeping.forget({hold.pool_id for hold in some if hold.pool_id})

    def broken(self) -> list[str]:
        """The ids of the invariants that do not hold."""
        database.db.session.remove()
        with database.reading() as session:
            return [found.invariant.id for found in verify.check(session, INVARIANTS) if not found.holds]

    def states(self, pool: Pool) -> dict[str, int]:
        """How many shoppers' holds of the pool are in each state."""
        with database.reading() as session:
            found = session.execute(
                select(Hold.state, func.count())
                .where(Hold.pool_id == pool.id, Hold.kind == "cart")
                .group_by(Hold.state)
            )
            return {row[0]: row[1] for row in found}


def place(session: Session, ctx: Context, pool_id: uuid.UUID, boxes: int, **options: Any) -> Hold:
    return holds.place_on_pool(session, ctx, pool_id=pool_id, boxes=boxes, **{"minutes": 10, **options})


def build(app: Flask) -> Yard:
    ctx = context.system()

    def work(session: Session) -> Yard:
        county = counties.create(session, ctx, code="YJ", name_en="Yijun", name_zh="宜君", is_demo=True)
        sellers = [
            cooperatives.create(
                session,
                ctx,
                county_id=county.id,
                code=f"YJ0{number}",
                name_en=f"Cooperative {number}",
                name_zh=f"第{number}合作社",
                township_en="Yiyang",
                township_zh="宜阳",
                member_households=100,
                members=250,
            )
            for number in (1, 2)
        ]
        fuji = products.create(
            session, ctx, code="FUJI-A", variety="Fuji", grade="A", name_en="Fuji", name_zh="富士"
        )
        pack = products.create_pack(
            session,
            ctx,
            product_id=fuji.id,
            code="FUJI-A-5",
            net_grams=PACK_GRAMS,
            list_price_minor=3_000,
            currency="CNY",
        )
        store = cold_stores.create(
            session, ctx, code="COLD-1", name_en="Cold store", name_zh="冷库", county_id=county.id
        )
        return Yard(
            app=app,
            county_id=county.id,
            cooperative_ids=tuple(seller.id for seller in sellers),
            pack_id=pack.id,
            cold_store_id=store.id,
            ctx=ctx,
        )

    return database.transact(work)


def at_once(app: Flask, works: list[Callable[[Session], T]]) -> list[T | errors.Refusal]:
    """Run each piece of work in a thread and a transaction of its own; its result, or what refused it."""

    def run(work: Callable[[Session], T]) -> T | errors.Refusal:
        with app.app_context():
            try:
                return database.transact(work)
            except errors.Refusal as refusal:
                return refusal

    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(run, works))
