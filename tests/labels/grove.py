"""A grove to test in: a label area with numbers of this harvest year, certified land, a pack with a GTIN, a design."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds, lots, on_lots
from inventory.cases.models import Case
from inventory.families import parentage
from inventory.labels import accounts, changes, designs, land, printing, serials
from inventory.labels.land_models import LabelArea, LabelDesign, LabelPlot
from inventory.labels.models import LabelAccount, LabelBatch, LabelChange, LabelLine, LabelSerial, LotLabel
from inventory.models import Hold, Lot
from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import products
from marketplace.catalogue.models import Pack
from marketplace.context import Actor, Context
from tests.builders import PACK_GRAMS, Market
from tests.house import Caller

T = TypeVar("T")

GTIN = "09521234000013"
HECTARE = 10_000
NUMBERS: dict[str, Any] = {
    "ceiling_grams_per_hectare": 30_000_000,
    "overfill_permille": 10,
    "shrink_permille": 20,
    "provisional_permille": 300,
    "tolerance_permille": 5,
    "grades": ["A"],
}
PDF = b"%PDF-1.7\n%label\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grove:
    market: Market
    area_id: uuid.UUID
    design_id: uuid.UUID
    season: int
    variety: str = "Fuji"

    @property
    def ctx(self) -> Context:
        return self.market.ctx

    @property
    def harvested_on(self) -> date:
        return date(self.season, 10, 2)

    def acting(self, caller: Caller, *roles: Role, cooperative: int | None = None) -> Context:
        ids = frozenset() if cooperative is None else frozenset({self.market.cooperative_ids[cooperative]})
        actor = Actor(kind="account", id=caller.account_id, roles=frozenset(roles), cooperative_ids=ids)
        return replace(self.ctx, actor=actor)

    def do(self, use_case: Callable[..., T], *, by: Context | None = None, **facts: Any) -> T:
        return database.transact(lambda session: use_case(session, by or self.ctx, **facts))

    def plot(
        self, code: str = "North", *, hectares: int = 1, cooperative: int = 0, **changes: Any
    ) -> LabelPlot:
        facts: dict[str, Any] = {
            "valid_from": date(self.season, 1, 1),
            "valid_until": date(self.season, 12, 31),
            "certificate": "GI-1",
            **changes,
        }
        return self.do(
            land.certify,
            cooperative_id=self.market.cooperative_ids[cooperative],
            area_id=self.area_id,
            code=code,
            square_metres=hectares * HECTARE,
            **facts,
        )

    def lot(
        self, code: str = "F1", grams: int = 1_000_000, *, plot: str | None = "North", **changes: Any
    ) -> Lot:
        """Fruit of a plot, as it comes from the orchard."""
        cooperative = changes.pop("cooperative", 0)
        facts = {"grade": "field", "harvested_on": self.harvested_on, **changes}
        return self.do(
            lots.receive,
            cooperative_id=self.market.cooperative_ids[cooperative],
            cold_store_id=self.market.cold_store_id,
            code=code,
            variety=self.variety,
            best_before_on=max(self.market.today, self.harvested_on) + timedelta(days=200),
            quantity_grams=grams,
            plot=plot,
            **facts,
        )

    def grade(self, lot: Lot, *parts: tuple[str, str, int], **more: Any) -> list[Lot]:
        """Sorted into lots: each its code, its grade, its grams."""
        sorted_out = [
            {"code": code, "grade": grade, "size": None, "quantity_grams": grams, "room_id": None}
            for code, grade, grams in parts
        ]
        return list(self.do(parentage.grade, lot_id=lot.id, parts=sorted_out, **more).children)

    def account(self, cooperative: int = 0) -> LabelAccount:
        with database.reading() as session:
            found = accounts.find(
                session,
                cooperative_id=self.market.cooperative_ids[cooperative],
                area_id=self.area_id,
                season=self.season,
            )
            assert found is not None
            session.expunge(found)
            return found

    def lines(self, cooperative: int = 0) -> list[tuple[str, int]]:
        with database.reading() as session:
            found = session.scalars(accounts.lines(self.account(cooperative).id).order_by(LabelLine.number))
            return [(each.kind, each.grams) for each in found]

    def carried(self, lot: Lot) -> tuple[int, int]:
        """What a lot is certified and has earned for."""
        with database.reading() as session:
            rows = session.scalars(select(LotLabel).where(LotLabel.lot_id == lot.id)).all()
            return sum(row.certified_grams for row in rows), sum(row.earned_grams for row in rows)

    def printed(self, count: int = 10, *, cooperative: int = 0, by: Context | None = None) -> LabelBatch:
        return self.do(
            printing.print_batch,
            by=by,
            account_id=self.account(cooperative).id,
            pack_id=self.market.pack_id,
            design_id=self.design_id,
            labels_count=count,
        )

    def issued(self, count: int = 10, **options: Any) -> list[str]:
        """The serials of labels that were handed out."""
        batch = self.printed(count, **options)
        self.do(printing.issue, batch_id=batch.id)
        return self.serials(batch)

    def serials(self, batch: LabelBatch) -> list[str]:
        with database.reading() as session:
            found = session.scalars(printing.labels_of(batch.id).order_by(LabelSerial.serial))
            return [each.serial for each in found]

    def bound(self, lot: Lot, count: int = 1) -> list[str]:
        labels = self.issued(count)
        self.do(serials.bind, serials=labels, lot_id=lot.id)
        return labels

    def label(self, serial: str) -> LabelSerial:
        with database.reading() as session:
            found = session.scalars(select(LabelSerial).where(LabelSerial.serial == serial)).one()
            session.expunge(found)
            return found

    def apples(self, grams: int = 1_000_000, code: str = "A1") -> Lot:
        """A lot of grade A out of certified land: it has earned all of its grams."""
        return self.lot(code, grams, grade="A")

    def adjusted(self, grams: int, *, proposer: Context, approver: Context) -> LabelChange:
        change = self.do(
            changes.propose_adjustment,
            by=proposer,
            account_id=self.account().id,
            grams=grams,
            reason="counted again",
        )
        return self.do(changes.approve, by=approver, change_id=change.id)

    def cases(self, kind: str) -> list[Case]:
        with database.reading() as session:
            return list(session.scalars(select(Case).where(Case.kind == kind).order_by(Case.id)))


def build(market: Market, *, variety: str = "Fuji", **numbers: Any) -> Grove:
    """The market's county has a label area, made once; nobody has certified land in it yet."""
    year = (market.today - timedelta(days=60)).year

    def work(session: Session) -> Grove:
        ctx = market.ctx
        known = session.scalar(select(LabelArea).where(LabelArea.county_id == market.county_id))
        if known is not None:
            design = session.scalars(select(LabelDesign).where(LabelDesign.area_id == known.id)).one()
            return Grove(market=market, area_id=known.id, design_id=design.id, season=year, variety=variety)
        area = land.create_area(
            session,
            ctx,
            county_id=market.county_id,
            code="YJ-APPLE",
            name_en="Yijun Apples",
            name_zh="宜君苹果",
        )
        land.set_season(session, ctx, area_id=area.id, season=year, **{**NUMBERS, **numbers})
        design = designs.add(
            session,
            ctx,
            area_id=area.id,
            season=year,
            name="box",
            media_type="application/pdf",
            data=PDF,
        )
        pack = session.get_one(Pack, market.pack_id)
        products.edit_pack(
            session,
            context.system(),
            pack_id=pack.id,
            list_price_minor=pack.list_price_minor,
            currency=pack.currency,
            gtin=GTIN,
        )
        return Grove(market=market, area_id=area.id, design_id=design.id, season=year, variety=variety)

    return database.transact(work)


def hold_boxes(session: Session, ctx: Context, *, lot: Lot, boxes: int) -> list[Hold]:
    """Boxes of the lot's cooperative that are promised to somebody."""
    return on_lots.place_on_lots(
        session,
        ctx,
        kind="allocation",
        cooperative_id=lot.cooperative_id,
        boxes=boxes,
        pack_grams=PACK_GRAMS,
        variety=lot.variety,
        grade=lot.grade,
        purpose=("sample", lot.id),
    )


consume = holds.consume
"""They are shipped."""
