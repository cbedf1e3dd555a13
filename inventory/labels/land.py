"""Label areas, their numbers of a season, and certified plots: said by operators, kept with their audit."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory.labels import boundaries
from inventory.labels.land_models import LabelArea, LabelPlot, LabelSeason
from inventory.labels.land_rules import Ring
from inventory.labels.models import LabelHarvest
from marketplace import audit, database, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives, counties
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class LabelAreaNotFound(errors.NotFound):
    title = Text(en="There is no such label area.", zh="没有该标签产区。")


class LabelAreaCodeTaken(errors.Conflict):
    """The county has another label area with this code."""

    title = Text(en="The county has another label area with this code.", zh="该县已有相同编码的标签产区。")


class LabelSeasonNotFound(errors.NotFound):
    title = Text(en="The area has no numbers for that season.", zh="该产区未设定该季的标签参数。")


class LabelCeilingInUse(errors.Conflict):
    """Fruit was weighed under the ceiling: it stays for that season."""

    title = Text(
        en="Fruit was weighed under that yield ceiling; it stays.", zh="已按该单产上限称重，本季不可修改。"
    )


class LabelPlotNotFound(errors.NotFound):
    title = Text(en="There is no such certified plot.", zh="没有该认证地块。")


class LabelPlotOverlaps(errors.Conflict):
    """The plot is certified for some of these days already."""

    title = Text(en="The plot is certified for some of these days already.", zh="该地块在此期间已有认证。")


class PlotDaysOutOfOrder(errors.Invalid):
    """A certificate ends before it begins."""

    title = Text(en="The certificate ends before it begins.", zh="认证截止日早于起始日。")


class PlotInOtherCounty(errors.Conflict):
    """The area and the cooperative are not of one county."""

    title = Text(en="The area is not of the cooperative's county.", zh="该产区不属于合作社所在县。")


def create_area(
    session: Session, ctx: Context, *, county_id: uuid.UUID, code: str, name_en: str, name_zh: str
) -> LabelArea:
    """Raises CountyNotFound, LabelAreaCodeTaken."""
    counties.get(session, county_id=county_id)
    area = LabelArea(
        id=new_id(),
        county_id=county_id,
        code=code,
        name_en=name_en,
        name_zh=name_zh,
        version=1,
        created_at=ctx.now,
    )
    session.add(area)
    with database.refusing({"uq_label_area_county_id_code": LabelAreaCodeTaken()}):
        session.flush()
    after = {"code": code, "name_en": name_en, "name_zh": name_zh}
    audit.record(session, ctx, "label_area.create", subject=("label_area", area.id), after=after)
    return area


def area(session: Session, *, area_id: uuid.UUID, locked: bool = False) -> LabelArea:
    """Raises LabelAreaNotFound."""
    found = session.get(LabelArea, area_id, with_for_update=locked or None, populate_existing=locked)
    if found is None:
        raise LabelAreaNotFound
    return found


def rename_area(session: Session, ctx: Context, *, area: LabelArea, name_en: str, name_zh: str) -> LabelArea:
    """Of a locked area whose version was compared."""
    before = {"name_en": area.name_en, "name_zh": area.name_zh}
    area.name_en, area.name_zh = name_en, name_zh
    area.version += 1
    after = {"name_en": name_en, "name_zh": name_zh}
    audit.record(session, ctx, "label_area.edit", subject=("label_area", area.id), before=before, after=after)
    return area


def season(session: Session, *, area_id: uuid.UUID, season: int, locked: bool = False) -> LabelSeason:
    """The area's numbers for a harvest year. Raises LabelAreaNotFound, LabelSeasonNotFound."""
    area(session, area_id=area_id)
    found = find_season(session, area_id=area_id, season=season, locked=locked)
    if found is None:
        raise LabelSeasonNotFound
    return found


def find_season(
    session: Session, *, area_id: uuid.UUID, season: int, locked: bool = False
) -> LabelSeason | None:
    return session.get(
        LabelSeason, (area_id, season), with_for_update=locked or None, populate_existing=locked
    )


def seasons(session: Session, *, area_id: uuid.UUID) -> Sequence[LabelSeason]:
    """All years that the area has numbers for. Raises LabelAreaNotFound."""
    area(session, area_id=area_id)
    statement = select(LabelSeason).where(LabelSeason.area_id == area_id).order_by(LabelSeason.season)
    return session.scalars(statement).all()


def set_season(
    session: Session, ctx: Context, *, area_id: uuid.UUID, season: int, **numbers: Any
) -> LabelSeason:
    """Say the numbers of a harvest year, or say them anew; the area is locked, and versions were compared.

    Raises LabelCeilingInUse.
    """
    known = find_season(session, area_id=area_id, season=season, locked=True)
    subject = ("label_area", area_id)
    if known is None:
        known = LabelSeason(area_id=area_id, season=season, version=1, created_at=ctx.now, **numbers)
        session.add(known)
        session.flush()
        after = {"season": season, **numbers}
        audit.record(session, ctx, "label_season.set", subject=subject, after=after)
        return known
    if numbers["ceiling_grams_per_hectare"] != known.ceiling_grams_per_hectare and session.scalar(
        select(LabelHarvest.plot)
        .where(LabelHarvest.area_id == area_id, LabelHarvest.season == season)
        .limit(1)
    ):
        raise LabelCeilingInUse(ceiling_grams_per_hectare=known.ceiling_grams_per_hectare)
    before = {name: getattr(known, name) for name in numbers}
    for name, value in numbers.items():
        setattr(known, name, value)
    known.version += 1
    after = {"season": season, **numbers}
    audit.record(session, ctx, "label_season.set", subject=subject, before=before, after=after)
    return known


def certify(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    area_id: uuid.UUID,
    code: str,
    square_metres: int,
    valid_from: date,
    valid_until: date,
    certificate: str,
    boundary: Ring | None = None,
) -> LabelPlot:
    """Certify a plot; a season's harvest is counted under its code, so certifying it anew gives no second ceiling.

    Raises CooperativeNotFound, LabelAreaNotFound, PlotInOtherCounty, PlotDaysOutOfOrder, LabelPlotOverlaps, and what
    boundaries.check_plot does.
    """
    seller = cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
    within = area(session, area_id=area_id, locked=True)
    if within.county_id != seller.county_id:
        raise PlotInOtherCounty
    _check_days(valid_from, valid_until)
    _check_apart(session, cooperative_id, code, valid_from, valid_until)
    land = boundaries.check_plot(
        session,
        area=within,
        ring=boundary,
        square_metres=square_metres,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    plot = LabelPlot(
        id=new_id(),
        cooperative_id=cooperative_id,
        area_id=area_id,
        code=code,
        square_metres=square_metres,
        valid_from=valid_from,
        valid_until=valid_until,
        certificate=certificate,
        boundary=land,
        version=1,
        created_at=ctx.now,
    )
    session.add(plot)
    with database.refusing({"uq_label_plot_cooperative_id_code_valid_from": LabelPlotOverlaps()}):
        session.flush()
    after = {
        "code": code,
        "square_metres": square_metres,
        "valid_from": valid_from.isoformat(),
        "valid_until": valid_until.isoformat(),
        "certificate": certificate,
        "points": len(land or ()),
    }
    audit.record(session, ctx, "label_plot.certify", subject=("label_plot", plot.id), after=after)
    return plot


def end_plot(session: Session, ctx: Context, *, plot: LabelPlot, valid_until: date) -> LabelPlot:
    """Another last day of a locked certificate.

    Raises PlotDaysOutOfOrder, LabelPlotOverlaps, LandCertifiedTwice, PlotOutsideArea.
    """
    _check_days(plot.valid_from, valid_until)
    _check_apart(session, plot.cooperative_id, plot.code, plot.valid_from, valid_until, without=plot.id)
    within = area(session, area_id=plot.area_id, locked=True)
    boundaries.check_longer(session, area=within, plot=plot, valid_until=valid_until)
    before = {"valid_until": plot.valid_until.isoformat()}
    plot.valid_until = valid_until
    plot.version += 1
    after = {"valid_until": valid_until.isoformat()}
    audit.record(session, ctx, "label_plot.end", subject=("label_plot", plot.id), before=before, after=after)
    return plot


def plot(session: Session, ctx: Context, *, plot_id: uuid.UUID, locked: bool = False) -> LabelPlot:
    """For its cooperative's members and staff. Raises LabelPlotNotFound."""
    found = session.scalar(visible_plots(ctx.actor).where(LabelPlot.id == plot_id))
    if found is None:
        raise LabelPlotNotFound
    if locked:
        cooperatives.get(session, cooperative_id=found.cooperative_id, locked=True)
        session.refresh(found)
    return found


def visible_plots(actor: Actor) -> Select[LabelPlot]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(LabelPlot)
    return select(LabelPlot).where(LabelPlot.cooperative_id.in_(sorted(actor.cooperative_ids)))


def certified_on(session: Session, *, cooperative_id: uuid.UUID, code: str, day: date) -> LabelPlot | None:
    """The certificate that covers a harvest of the plot on that day."""
    return session.scalar(
        select(LabelPlot).where(
            LabelPlot.cooperative_id == cooperative_id,
            LabelPlot.code == code,
            LabelPlot.valid_from <= day,
            LabelPlot.valid_until >= day,
        )
    )


def certified_square_metres(
    session: Session, *, cooperative_id: uuid.UUID, area_id: uuid.UUID, season: int
) -> int:
    """The cooperative's land in the area, each plot once: as its last certificate of that year says."""
    found = certified(session, cooperative_id=cooperative_id, area_id=area_id, season=season)
    return sum({each.code: each.square_metres for each in found}.values())


def certified(
    session: Session, *, cooperative_id: uuid.UUID, area_id: uuid.UUID, season: int
) -> Sequence[LabelPlot]:
    """The cooperative's certificates of land in the area that hold on some day of that year, the oldest first."""
    return session.scalars(
        select(LabelPlot)
        .where(
            LabelPlot.cooperative_id == cooperative_id,
            LabelPlot.area_id == area_id,
            LabelPlot.valid_from <= date(season, 12, 31),
            LabelPlot.valid_until >= date(season, 1, 1),
        )
        .order_by(LabelPlot.valid_from, LabelPlot.code)
    ).all()


def _check_days(valid_from: date, valid_until: date) -> None:
    if valid_until < valid_from:
        raise PlotDaysOutOfOrder(errors=[{"pointer": "/valid_until", "detail": PlotDaysOutOfOrder.title}])


def _check_apart(
    session: Session,
    cooperative_id: uuid.UUID,
    code: str,
    valid_from: date,
    valid_until: date,
    *,
    without: uuid.UUID | None = None,
) -> None:
    """The cooperative is locked: nobody certifies the same land meanwhile."""
    statement = select(LabelPlot).where(
        LabelPlot.cooperative_id == cooperative_id,
        LabelPlot.code == code,
        LabelPlot.valid_from <= valid_until,
        LabelPlot.valid_until >= valid_from,
    )
    if without is not None:
        statement = statement.where(LabelPlot.id != without)
    other = session.scalar(statement.limit(1))
    if other is not None:
        raise LabelPlotOverlaps(plot_id=other.id)
