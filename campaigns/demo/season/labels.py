"""Labels of a season: certified land before the fruit is weighed, a label on each box, and each box followed back."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.demo.roster import Roster
from campaigns.demo.season import buying
from inventory.epcis.identifiers import Key
from inventory.labels import designs, land, printing
from inventory.labels.land_models import LabelDesign
from inventory.labels.models import LabelAccount, LabelSerial
from inventory.labels.states import SerialState
from inventory.models import Lot
from inventory.provenance import story
from marketplace import database
from marketplace.catalogue import products
from marketplace.catalogue.models import County, Pack
from marketplace.context import Context, system
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel

GTIN: Final = "09521234000013"
"""Of GS1's prefix for demonstrations."""
PLOT: Final = "North"
CEILING: Final = 30_000_000
"""Grams that a hectare may bear."""
HECTARE: Final = 10_000
_DESIGN: Final = b"%PDF-1.7\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A parcel and the labels for its boxes."""

    parcel_id: uuid.UUID
    serials: tuple[str, ...]


def certify(read: Roster, session: Session, county: County, cooperative_ids: Mapping[str, uuid.UUID]) -> str:
    """Each cooperative has as much certified land as its fruit needs; the plot's code."""
    ctx = system()
    area = land.create_area(
        session, ctx, county_id=county.id, code="YJ", name_en="Yijun Apples", name_zh="宜君苹果"
    )
    days = [lot.harvested_on for lot in read.lots]
    for season in sorted({day.year for day in days}):
        land.set_season(
            session, ctx, area_id=area.id, season=season, ceiling_grams_per_hectare=CEILING,
            overfill_permille=10, shrink_permille=20, provisional_permille=300, tolerance_permille=5,
            grades=sorted({lot.grade for lot in read.lots}),
        )  # fmt: skip
        designs.add(
            session, ctx, area_id=area.id, season=season, name="box", media_type="application/pdf", data=_DESIGN
        )  # fmt: skip
    for code, cooperative_id in sorted(cooperative_ids.items()):
        grams = sum(lot.grams for lot in read.lots if lot.seller == code)
        land.certify(
            session, ctx, cooperative_id=cooperative_id, area_id=area.id, code=PLOT,
            square_metres=-(-grams // CEILING) * HECTARE, valid_from=min(days), valid_until=max(days),
            certificate=f"GI-{code}",
        )  # fmt: skip
    return PLOT


def name(session: Session, pack: Pack) -> None:
    """The pack has a GTIN from now on: without, no label is printed for it."""
    products.edit_pack(
        session,
        system(),
        pack_id=pack.id,
        list_price_minor=pack.list_price_minor,
        currency=pack.currency,
        gtin=GTIN,
    )


def print_all(ctx: Context, *, pack_id: uuid.UUID) -> list[Labelled]:
    """A label for each box of each parcel, out of the credit of its cooperative and of its fruit's year."""
    with database.reading() as session:
        rows = session.execute(
            select(Parcel.id, Parcel.cooperative_id, Parcel.boxes, Lot.harvested_on)
            .join(Lot, Lot.id == Parcel.lot_id)
            .order_by(Parcel.id)
        ).all()
    wanted: dict[tuple[uuid.UUID, int], list[tuple[uuid.UUID, int]]] = {}
    for row in rows:
        day: date = row.harvested_on
        wanted.setdefault((row.cooperative_id, day.year), []).append((row.id, row.boxes))
    found = []
    for (cooperative_id, season), of_it in sorted(wanted.items()):
        left = _printed(ctx, cooperative_id, season, pack_id, sum(boxes for _, boxes in of_it))
        for parcel_id, boxes in of_it:
            taken = tuple(next(left) for _ in range(boxes))
            found.append(Labelled(parcel_id=parcel_id, serials=taken))
    return found


def put_on(ctx: Context, wanted: Sequence[Labelled], told: Callable[[int, int], None]) -> int:
    """How many boxes bear one now."""
    done = 0
    for some in buying.batches(wanted):

        def work(session: Session, some: list[Labelled] = some) -> None:
            for each in some:
                parcels.label(session, ctx, parcel_id=each.parcel_id, found=each.serials)

        buying.fresh(work)
        done += len(some)
        told(done, len(wanted))
    return sum(len(each.serials) for each in wanted)


def traced(told: Callable[[int, int], None]) -> int:
    """How many of the delivered boxes are followed back to certified plots, each by its own label."""
    with database.reading() as session:
        delivered = session.scalars(
            select(LabelSerial.serial)
            .where(LabelSerial.state == SerialState.ACTIVATED)
            .order_by(LabelSerial.serial)
        ).all()
    found = done = 0
    for some in buying.batches(delivered):
        with database.reading() as session:
            for serial in some:
                way = story.of(session, Key((("01", GTIN), ("21", serial))), until=None)
                found += (
                    bool(way.origins) and all(each.plot == PLOT for each in way.origins) and not way.is_cut
                )
        done += len(some)
        told(done, len(delivered))
    return found


def _printed(
    ctx: Context, cooperative_id: uuid.UUID, season: int, pack_id: uuid.UUID, count: int
) -> Iterator[str]:
    def work(session: Session) -> list[str]:
        account = session.scalars(
            select(LabelAccount).where(
                LabelAccount.cooperative_id == cooperative_id, LabelAccount.season == season
            )
        ).one()
        design_id = session.scalars(
            select(LabelDesign.id).where(LabelDesign.area_id == account.area_id, LabelDesign.season == season)
        ).one()
        drawn: list[str] = []
        while len(drawn) < count:
            batch = printing.print_batch(
                session, ctx, account_id=account.id, pack_id=pack_id, design_id=design_id,
                labels_count=min(count - len(drawn), printing.LABELS_MAX),
            )  # fmt: skip
            printing.issue(session, ctx, batch_id=batch.id)
            drawn += session.scalars(select(LabelSerial.serial).where(LabelSerial.batch_id == batch.id))
        return drawn

    return iter(buying.fresh(work))
