"""A small market to test in, made by the use cases: a county, cooperatives, packs, a cold store, lots, campaigns.

Its methods say what was there before a test begins; what a test is about goes through the doors (`Caller`).
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import Connection, String, func, select, text, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns import planning
from campaigns.models import Campaign
from campaigns.pledges import pledging
from campaigns.pledges.models import Pledge
from inventory import cases, lots
from inventory.batch import intake
from inventory.capacity import forecasts, promises, weighing
from inventory.capacity.models import Capacity
from inventory.capacity.rules import Haircut
from inventory.cases.models import Case
from inventory.gate import keeping
from inventory.models import Hold, Lot, Pool
from inventory.reconciling import reconciliations, repairs
from inventory.reconciling.models import Reconciliation
from inventory.reconciling.rules import Phase
from inventory.stores import cold_stores
from marketplace import context, database, errors, verify
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.catalogue import cooperatives, counties, products
from marketplace.catalogue.models import Pack
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.notifications import Message, notify
from marketplace.notifications.kinds import CampaignClosed
from marketplace.notifications.models import Notification
from marketplace.payments.models import Payment
from marketplace.webhooks import endpoints
from orders import bulk, season
from orders.models import AllocationRun, Order
from tests.house import Caller

T = TypeVar("T")
POOL_PATIENCE_SECONDS = 120
LOCK_PATIENCE_SECONDS = 60
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

PACK_GRAMS = 5_000
PRICE_MINOR = 5_200
SEASON = "2026-27"
HOUSEHOLDS = (100, 200, 300)
"""Of the cooperatives YJ01, YJ02, YJ03."""
UNWATCHED = frozenset({"alembic_version", "idempotency_key", "login_session"})
"""Tables in which a refused call may leave something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A campaign with one item, as tests name it."""

    campaign_id: uuid.UUID
    item_id: uuid.UUID
    pool_id: uuid.UUID

    @property
    def url(self) -> str:
        return f"/v1/campaigns/{self.campaign_id}"

    @property
    def holds_url(self) -> str:
        return f"{self.url}/holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    app: Flask
    ctx: Context
    county_id: uuid.UUID
    cooperative_ids: tuple[uuid.UUID, ...]
    pack_id: uuid.UUID
    cold_store_id: uuid.UUID

    @property
    def today(self) -> date:
        return self.ctx.today

    def later(self, **moved: float) -> Context:
        """The system's context at another time: `later(days=-1)` is yesterday."""
        return replace(self.ctx, now=self.ctx.now + timedelta(**moved))

    def pack(self, code: str, *, net_grams: int = PACK_GRAMS, price_minor: int = PRICE_MINOR) -> Pack:
        """Another pack, of a product of its own: its variety is its code."""

        def work(session: Session) -> Pack:
            product = products.create(
                session, self.ctx, code=code, variety=code, grade="A", name_en=code, name_zh=code
            )
            return products.create_pack(
                session,
                self.ctx,
                product_id=product.id,
                code=code,
                net_grams=net_grams,
                list_price_minor=price_minor,
                currency="CNY",
            )

        return database.transact(work)

    def lot(self, boxes: int = 20, *, cooperative: int = 0, code: str = "", **changes: Any) -> Lot:
        """A lot of so many whole boxes of 5 kg, Fuji A, good for two months."""
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
                code=code or f"L-{uuid.uuid4().hex[:8]}",
                **facts,
            )
        )

    def capacity(
        self,
        low: int = 100_000,
        *,
        cooperative: int = 0,
        promised: int = 0,
        weighed: int = 0,
        lowered_to: int | None = None,
        **changes: Any,
    ) -> Capacity:
        """This week's forecast of Fuji A; promised, then weighed, then lowered as told."""
        ctx, sure = self.ctx, Haircut(base_permille=0, weekly_permille=0)
        week_on = self.today - timedelta(days=self.today.weekday())

        def work(session: Session) -> Capacity:
            band = {"low_grams": low, "likely_grams": low, "high_grams": low}
            made = forecasts.declare(
                session,
                ctx,
                cooperative_id=self.cooperative_ids[cooperative],
                **{
                    "variety": "Fuji",
                    "grade": "A",
                    "week_on": week_on,
                    "reason": "counted",
                    "haircut": sure,
                    **band,
                    **changes,
                },
            )
            if promised:
                promises.promise(
                    session, ctx, capacity_id=made.id, grams=promised, purpose=("presale", uuid.uuid4())
                )
            if weighed:
                self._weigh(session, made.id, weighed, week_on)
            if lowered_to is not None:
                lower = dict.fromkeys(band, lowered_to)
                forecasts.revise(session, ctx, capacity_id=made.id, reason="hail", haircut=sure, **lower)
            return made

        return database.transact(work)

    def case(self, *, cooperative: int = 0) -> Case:
        """An open question about a cooperative's lot."""
        return database.transact(
            lambda session: cases.open_case(
                session,
                self.ctx,
                kind=cases.CaseKind.SHRINK_DEVIATION,
                subject=("lot", uuid.uuid4()),
                facts={"lost_grams": 1},
                cooperative_id=self.cooperative_ids[cooperative],
            )
        )

    def endpoint(self, *, cooperative: int | None = 0) -> tuple[uuid.UUID, uuid.UUID]:
        """Where a cooperative (None: the marketplace) is told of cases; its id, and that of a delivery under way."""

        def work(session: Session) -> tuple[uuid.UUID, uuid.UUID]:
            made, _ = endpoints.register(
                session,
                self.ctx,
                url="https://hooks.example.com/in",
                events=["case.opened"],
                description="the till",
                cooperative_id=None if cooperative is None else self.cooperative_ids[cooperative],
            )
            return made.id, endpoints.try_out(session, self.ctx, endpoint_id=made.id).id

        return database.transact(work)

    def reconciled(self, *, repaired: bool = False) -> Reconciliation:
        """A run over everything, and its findings repaired if told."""

        def work(session: Session) -> Reconciliation:
            run = reconciliations.start(session, self.ctx)
            while run.phase != Phase.DONE:
                reconciliations.step(session, self.ctx, reconciliation_id=run.id)
            for number in range(1, 1 + (run.differences if repaired else 0)):
                repairs.repair(
                    session, self.ctx, reconciliation_id=run.id, number=number, reason="counted anew"
                )
            return run

        return database.transact(work)

    def batch(self, *codes: str) -> intake.Report:
        """A phone's rows, one for each code."""
        rows = [
            {
                "id": uuid.uuid4(),
                "cooperative_id": self.cooperative_ids[0],
                "cold_store_id": self.cold_store_id,
                "code": code,
                "variety": "Gala",
                "grade": "A",
                "harvested_on": self.today,
                "best_before_on": self.today + timedelta(days=60),
                "quantity_grams": PACK_GRAMS,
            }
            for code in codes
        ]
        return database.transact(lambda session: intake.receive_rows(session, self.ctx, rows=rows))

    def history(self, grams: int, *, cooperative: int = 0) -> None:
        """What a cooperative has sold this season already."""
        cooperative_id = self.cooperative_ids[cooperative]
        database.transact(
            lambda session: season.open_account(
                session, self.ctx, cooperative_id=cooperative_id, season=SEASON, grams=grams
            )
        )

    def draft(
        self,
        *,
        opens_in: timedelta = timedelta(0),
        lasts: timedelta = timedelta(days=10),
        per_buyer: int = 10,
        price_minor: int = PRICE_MINOR,
        item: dict[str, Any] | None = None,
        balance: dict[str, Any] | None = None,
        goal_boxes: int | None = None,
        harvest_in: timedelta | None = None,
    ) -> Sale:
        """A drafted campaign of one item without pledges; `item` and `balance` say more of its price terms.

        The balance's days are told from the end of the sale: {opens_in, lasts, grace_hours, free_withdrawal_hours}; so
        is the end of the harvest, `harvest_in`.
        """

        def work(session: Session) -> Sale:
            opens_at = self.ctx.now + opens_in
            made = planning.draft(
                session,
                self.ctx,
                code=f"sale-{uuid.uuid4().hex[:8]}",
                county_id=self.county_id,
                title_en="Spring presale",
                title_zh="春季预售",
                opens_at=opens_at,
                closes_at=opens_at + lasts,
                items=[
                    {
                        "pack_id": self.pack_id,
                        "unit_price_minor": price_minor,
                        "boxes_per_buyer_max": per_buyer,
                        **(item or {}),
                    }
                ],
                balance=_balance_window(opens_at + lasts, **balance) if balance else None,
                goal_boxes=goal_boxes,
                harvest_ends_at=None if harvest_in is None else opens_at + lasts + harvest_in,
            )
            [first] = made.items
            return Sale(campaign_id=made.id, item_id=first.id, pool_id=first.pool_id)

        return database.transact(work)

    def pledged(self, boxes: int = 20, **options: Any) -> Sale:
        """A drafted campaign with so many boxes of a new lot of the first cooperative."""
        sale = self.draft(**options)
        self.lot(boxes)
        database.transact(
            lambda session: pledging.put_up(
                session,
                self.ctx,
                campaign_id=sale.campaign_id,
                item_id=sale.item_id,
                cooperative_id=self.cooperative_ids[0],
                boxes=boxes,
            )
        )
        return sale

    def pledge_id(self, sale: Sale) -> str:
        """Of the first pledge of a campaign."""
        with database.reading() as session:
            found = select(Pledge.id).where(Pledge.campaign_id == sale.campaign_id).order_by(Pledge.id)
            return str(session.scalars(found.limit(1)).one())

    def forecast(
        self, sale: Sale, capacity: Capacity, boxes: int, *, cooperative: int = 0, weighed: int = 0
    ) -> uuid.UUID:
        """So many boxes of a forecast put up for a sale, and some of them weighed since; the pledge."""

        def work(session: Session) -> uuid.UUID:
            made = pledging.offer(
                session,
                self.ctx,
                campaign_id=sale.campaign_id,
                item_id=sale.item_id,
                cooperative_id=self.cooperative_ids[cooperative],
                boxes=boxes,
                capacity_id=capacity.id,
            )
            pledging.accept(session, self.ctx, pledge_id=made.id)
            if weighed:
                self._weigh(session, capacity.id, weighed * PACK_GRAMS, capacity.week_on)
            return made.id

        return database.transact(work)

    def _weigh(self, session: Session, capacity_id: uuid.UUID, grams: int, harvested_on: date) -> None:
        weighing.weigh(
            session,
            self.ctx,
            weighing_id=uuid.uuid4(),
            capacity_id=capacity_id,
            cold_store_id=self.cold_store_id,
            code=f"W-{uuid.uuid4().hex[:8]}",
            gross_grams=grams + 100,
            tare_grams=100,
            harvested_on=harvested_on,
            best_before_on=harvested_on + timedelta(days=200),
        )

    def on_sale(self, boxes: int = 20, **options: Any) -> Sale:
        """A campaign that is open and has so many boxes."""
        return self.scheduled(boxes, at=self.ctx, **options)

    def scheduled(self, boxes: int = 20, *, at: Context, **options: Any) -> Sale:
        """The same, scheduled at the time of `at`: open, or not yet."""
        sale = self.pledged(boxes, **options)
        database.transact(lambda session: planning.schedule(session, at, campaign_id=sale.campaign_id))
        return sale

    def over(self, boxes: int = 20) -> Sale:
        """A campaign whose window is over, though the clock's job has not written it down yet."""
        yesterday = self.later(days=-1)
        return self.scheduled(
            boxes, at=yesterday, opens_in=timedelta(days=-2), lasts=timedelta(days=1, hours=12)
        )

    def bulk(
        self, caller: Caller, boxes: int, *, roles: frozenset[Role] = frozenset({Role.BUYER}), **changes: Any
    ) -> tuple[Order, AllocationRun]:
        """A bulk order of the caller's."""
        ctx = self.acting(caller, roles=roles)
        facts: dict[str, Any] = {
            "county_id": self.county_id,
            "pack_id": self.pack_id,
            "quantity_grams": boxes * PACK_GRAMS,
            "season_name": SEASON,
            **changes,
        }
        return database.transact(lambda session: bulk.place(session, ctx, bulk.Wanted(**facts)))

    def acting(self, caller: Caller, *, roles: frozenset[Role] = frozenset({Role.SHOPPER})) -> Context:
        """What the caller would be in a use case."""
        return replace(self.ctx, actor=Actor(kind="account", id=caller.account_id, roles=roles))

    def let_expire(self, hold_id: str | uuid.UUID, *, minutes_ago: int = 1) -> None:
        """Move a hold into the past, as if its time had passed: no notice of the gate had outlived it."""
        past = {
            "created_at": func.clock_timestamp() - timedelta(minutes=11 + minutes_ago),
            "expires_at": func.clock_timestamp() - timedelta(minutes=minutes_ago),
        }
        statement = (
            update(Hold).where(Hold.id == uuid.UUID(str(hold_id))).values(past).returning(Hold.pool_id)
        )
        keeping.forget(filter(None, [database.transact(lambda session: session.scalar(statement))]))

    def let_age(self, order_id: str, minutes: int) -> None:
        """Move the opening of an order's payment into the past."""
        opened_at = func.clock_timestamp() - timedelta(minutes=minutes)
        statement = (
            update(Payment).where(Payment.order_id == uuid.UUID(order_id)).values(created_at=opened_at)
        )
        database.transact(lambda session: session.execute(statement))

    def stored(self, kind: type[T], row_id: str | uuid.UUID) -> T:
        """The row as it is stored now."""
        with database.reading() as session:
            found = session.get(kind, uuid.UUID(str(row_id)), populate_existing=True)
            assert found is not None
            session.expunge(found)
            return found

    def pool(self, sale: Sale) -> Pool:
        return self.stored(Pool, sale.pool_id)

    def campaign(self, sale: Sale) -> Campaign:
        return self.stored(Campaign, sale.campaign_id)

    def actions(self, response: TestResponse) -> set[str]:
        """What the audit trail says that a request did."""
        request_id = response.headers["X-Request-Id"]
        with database.reading() as session:
            found = session.scalars(select(AuditEntry.action).where(AuditEntry.request_id == request_id))
            return set(found)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Whatever happens inside leaves every table as it was."""
        before = contents()
        yield
        after = contents()
        changed = {name for name in before if before[name] != after[name]}
        assert not changed, f"changed tables: {changed}"


def _balance_window(
    closes_at: datetime, *, opens_in: timedelta, lasts: timedelta, **others: int
) -> dict[str, Any]:
    opens_at = closes_at + opens_in
    return {"grace_hours": 24, **others, "opens_at": opens_at, "closes_at": opens_at + lasts}


def build(app: Flask) -> Market:
    """A county with three cooperatives, one pack of Fuji A, one cold store; no fruit yet."""
    ctx = context.system()

    def work(session: Session) -> Market:
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
                member_households=households,
                members=2 * households,
            )
            for number, households in enumerate(HOUSEHOLDS, start=1)
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
            list_price_minor=PRICE_MINOR,
            currency="CNY",
        )
        store = cold_stores.create(
            session, ctx, code="COLD-1", name_en="Cold store", name_zh="冷库", county_id=county.id
        )
        return Market(
            app=app,
            ctx=ctx,
            county_id=county.id,
            cooperative_ids=tuple(seller.id for seller in sellers),
            pack_id=pack.id,
            cold_store_id=store.id,
        )

    return database.transact(work)


@pytest.fixture
def market(app: Flask) -> Iterator[Market]:
    """The market; whatever a test did, every invariant of every module holds afterwards."""
    yield build(app)
    found = broken(app)
    assert not found, f"broken invariants: {found}"


@pytest.fixture
def shopper(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.SHOPPER)


@pytest.fixture
def operator(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.OPERATOR)


@pytest.fixture
def buyer(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.BUYER)


def held(shopper: Caller, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    """A hold made at the door."""
    response = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": boxes})
    assert response.status_code == 201, response.json
    return response.json


def ordered(shopper: Caller, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    """A hold and the order of it, made at the door."""
    response = shopper.post("/v1/orders", json={"hold_id": held(shopper, sale, boxes)["hold_id"]})
    assert response.status_code == 201, response.json
    return response.json


def confirmed(shopper: Caller, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    """An order whose payment waits for its receipt."""
    order = ordered(shopper, sale, boxes)
    response = shopper.post(f"/v1/payments/{order['payment_id']}/confirm")
    assert response.status_code == 200, response.json
    return order


def waiting(shopper: Caller, holder: Caller, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    """A place in the line for boxes of a sale, all of which the other one holds."""
    held(holder, sale, boxes)
    response = shopper.post(f"{sale.url}/waitlist", json={"item_id": str(sale.item_id), "boxes": boxes})
    assert response.status_code == 201, response.json
    return response.json


def receipt(order: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The body that books the money of an order."""
    return {
        "amount_minor": order["total_minor"],
        "currency": order["currency"],
        "receipt_reference": f"BANK-{uuid.uuid4().hex[:12]}",
        **changes,
    }


def paid(shopper: Caller, operator: Caller, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    """An order that is committed."""
    order = confirmed(shopper, sale, boxes)
    response = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert response.status_code == 200, response.json
    return order


def assert_refused(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The answer is this refusal; its document."""
    assert (response.status_code, response.json["code"]) == (status, code), response.json
    return response.json


def broken(app: Flask) -> list[str]:
    """The ids of the invariants, of all modules, that do not hold."""
    database.db.session.remove()
    with database.reading() as session:
        findings = verify.check(session, verify.invariants_of(app.extensions["modules"]))
        return [found.invariant.id for found in findings if not found.holds]


def contents() -> dict[str, str]:
    """A digest of every table's rows."""
    with database.reading() as session:
        names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        watched = sorted(set(names) - UNWATCHED)
        parts = " UNION ALL ".join(
            f"SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{name}\" t"
            for name in watched
        )
        return {row[0]: row[1] for row in session.execute(text(parts))}


def at_once(app: Flask, works: list[Callable[[], T]]) -> list[T | errors.Refusal]:
    """Run each piece of work in a thread and an app context of its own; its result, or what refused it.

    All share the connections of one process: on a busy machine they wait for one as long as it takes.
    """

    def run(work: Callable[[], T]) -> T | errors.Refusal:
        with app.app_context():
            try:
                return work()
            except errors.Refusal as refusal:
                return refusal

    with patient(app), ThreadPoolExecutor(max_workers=len(works)) as pool:
        return list(pool.map(run, works))


def comes_meanwhile(app: Flask, first: Callable[[Session], object], second: Callable[[Session], T]) -> T:
    """What the second comes to who begins while the first has its locks, and waits for it."""

    def elsewhere() -> T:
        with app.app_context():
            return database.transact(second)

    with ThreadPoolExecutor(max_workers=1) as threads:
        running: list[Future[T]] = []

        def holding(session: Session) -> None:
            first(session)
            running.append(threads.submit(elsewhere))
            until_somebody_waits(session)

        database.transact(holding)
        return running[0].result(timeout=LOCK_PATIENCE_SECONDS)


def until_somebody_waits(looking: Session | Connection) -> None:
    """Until one transaction of this database waits for another."""
    until = time.monotonic() + LOCK_PATIENCE_SECONDS
    while time.monotonic() < until:
        looking.execute(text("SELECT pg_stat_clear_snapshot()"))
        if looking.scalar(_WAITING):
            return
        time.sleep(0.01)
    raise AssertionError("nobody came to wait")


@contextmanager
def patient(app: Flask) -> Iterator[None]:
    """Who finds no connection free waits for one, and is not turned away."""
    with app.app_context():
        pool: Any = database.db.engine.pool
    before, pool._timeout = pool._timeout, POOL_PATIENCE_SECONDS
    try:
        yield
    finally:
        pool._timeout = before


def told(caller: Caller) -> str:
    """The id of a message to the caller."""
    about = CampaignClosed(
        campaign_id=uuid.uuid4(), campaign=Text(en="Spring", zh="春"), effect=Text(en="All.", zh="全。")
    )
    message = Message(account_id=caller.account_id or uuid.uuid4(), cause=str(uuid.uuid4()), about=about)
    database.transact(lambda session: notify(session, context.system(), message))
    with database.reading() as session:
        found = session.scalar(
            select(func.max(Notification.id.cast(String))).where(Notification.account_id == caller.account_id)
        )
        return str(found)
