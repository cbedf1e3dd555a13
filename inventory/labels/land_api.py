"""Doors of label areas, their numbers of a season, packaging designs and certified plots."""

import uuid
from typing import Any, Final

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.labels import boundaries, designs, land, schemas
from inventory.labels.land_models import LabelArea, LabelDesign, LabelPlot, LabelSeason
from marketplace import context, errors, files, paging, problems, versions
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.counties import CountyNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.problems import VersionDiffers, VersionMissing

areas = Blueprint("label_areas", __name__, url_prefix="/label-areas", description="Label areas 标签产区")
assets = Blueprint(
    "label_designs", __name__, url_prefix="/label-designs", description="Packaging designs 包装设计"
)
plots = Blueprint("label_plots", __name__, url_prefix="/label-plots", description="Certified plots 认证地块")

FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The design itself, at most 2 MB.",
    "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in designs.BEGINNINGS},
}


class SeasonUnreadable(errors.Invalid):
    """A season is the year of a harvest, from 2000 to 2099."""

    title = Text(en="A season is the year of a harvest.", zh="季度须为采收年份。")


@areas.get("")
@areas.arguments(schemas.AreaQuery, location="query")
@areas.response(200, schemas.LabelAreaPage)
def list_areas(query: dict[str, Any]) -> dict[str, Any]:
    """Label areas, of one county or of all 标签产区列表"""
    statement = paging.only(select(LabelArea), query, LabelArea.county_id)
    with reading() as session:
        return paging.read(session, statement, LabelArea.id, **query)


@areas.post("")
@areas.arguments(schemas.CreateLabelArea)
@areas.problems(CountyNotFound, land.LabelAreaCodeTaken)
@areas.writes(201, schemas.LabelArea, location=lambda area: f"/v1/label-areas/{area.id}")
def create_area(session: Session, body: dict[str, Any]) -> LabelArea:
    """Name an area whose fruit may bear a label (operators) 新建标签产区"""
    return land.create_area(session, context.current(), **body)


@areas.get("/<uuid:area_id>")
@areas.problems(land.LabelAreaNotFound)
@areas.response(200, schemas.LabelAreaWithLand)
def get_area(area_id: uuid.UUID) -> LabelArea:
    """One label area 查询标签产区"""
    with reading() as session:
        area = land.area(session, area_id=area_id)
        versions.tag(area.version)
        return area


@areas.put("/<uuid:area_id>")
@areas.doc(parameters=[versions.IF_MATCH])
@areas.arguments(schemas.RenameLabelArea)
@areas.problems(land.LabelAreaNotFound, VersionMissing, VersionDiffers)
@areas.writes(200, schemas.LabelArea, key=False)
def rename_area(session: Session, body: dict[str, Any], area_id: uuid.UUID) -> LabelArea:
    """Rename a label area (operators) 修改标签产区名称"""
    area = land.area(session, area_id=area_id, locked=True)
    versions.check(area.version)
    return land.rename_area(session, context.current(), area=area, **body)


@areas.put("/<uuid:area_id>/boundary")
@areas.doc(parameters=[versions.IF_MATCH])
@areas.arguments(schemas.SetBoundary)
@areas.problems(land.LabelAreaNotFound, boundaries.PlotsOutside, VersionMissing, VersionDiffers)
@areas.writes(200, schemas.LabelAreaWithLand, key=False)
def set_boundary(session: Session, body: dict[str, Any], area_id: uuid.UUID) -> LabelArea:
    """Say where a label area lies; its plots lie within (operators) 划定产区边界"""
    area = land.area(session, area_id=area_id, locked=True)
    versions.check(area.version)
    return boundaries.set_area(session, context.current(), area=area, ring=body["boundary"])


@areas.get("/<uuid:area_id>/seasons")
@areas.problems(land.LabelAreaNotFound)
@areas.response(200, schemas.LabelSeasons)
def list_seasons(area_id: uuid.UUID) -> dict[str, Any]:
    """The area's numbers of each harvest year 各季标签参数"""
    with reading() as session:
        return {"items": land.seasons(session, area_id=area_id)}


@areas.get("/<uuid:area_id>/seasons/<int:season>")
@areas.problems(land.LabelAreaNotFound, land.LabelSeasonNotFound)
@areas.response(200, schemas.LabelSeason)
def get_season(area_id: uuid.UUID, season: int) -> LabelSeason:
    """Ceiling, overfill, allowance and tolerance of a harvest year 查询某季标签参数"""
    with reading() as session:
        found = land.season(session, area_id=area_id, season=_year(season, land.LabelSeasonNotFound))
        versions.tag(found.version)
        return found


@areas.put("/<uuid:area_id>/seasons/<int:season>")
@areas.doc(parameters=[{**versions.IF_MATCH, "required": False}])
@areas.arguments(schemas.SetLabelSeason)
@areas.problems(
    land.LabelAreaNotFound, land.LabelCeilingInUse, SeasonUnreadable, VersionMissing, VersionDiffers
)
@areas.writes(200, schemas.LabelSeason, key=False)
def set_season(session: Session, body: dict[str, Any], area_id: uuid.UUID, season: int) -> LabelSeason:
    """Say a harvest year's numbers; saying them anew needs If-Match (operators) 设定某季标签参数"""
    year = _year(season, SeasonUnreadable)
    land.area(session, area_id=area_id, locked=True)
    known = land.find_season(session, area_id=area_id, season=year, locked=True)
    if known is not None:
        versions.check(known.version)
    return land.set_season(session, context.current(), area_id=area_id, season=year, **body)


@areas.get("/<uuid:area_id>/designs")
@areas.problems(land.LabelAreaNotFound)
@areas.response(200, schemas.LabelDesigns)
def list_designs(area_id: uuid.UUID) -> dict[str, Any]:
    """All versions of the area's packaging designs 包装设计列表"""
    with reading() as session:
        return {"items": designs.of_area(session, area_id=area_id)}


@areas.post("/<uuid:area_id>/designs")
@files.takes_up_to(designs.BYTES_MAX)
@areas.doc(requestBody=FILE_BODY)
@areas.arguments(schemas.DesignQuery, location="query")
@areas.problems(
    land.LabelAreaNotFound,
    land.LabelSeasonNotFound,
    problems.UnsupportedMediaType,
    designs.DesignUnreadable,
    designs.DesignTooLarge,
    designs.SameDesign,
    designs.TooManyDesigns,
)
@areas.writes(201, schemas.LabelDesign, location=lambda made: f"/v1/label-designs/{made.id}")
def add_design(session: Session, query: dict[str, Any], area_id: uuid.UUID) -> LabelDesign:
    """Add a design's next version: the file is the body (operators) 上传包装设计"""
    if not files.is_said_to_be(designs.BEGINNINGS):
        raise problems.UnsupportedMediaType(designs.DesignUnreadable.title)
    return designs.add(
        session,
        context.current(),
        area_id=area_id,
        media_type=request.mimetype,
        data=request.get_data(),
        **query,
    )


@assets.get("/<uuid:design_id>")
@assets.problems(designs.LabelDesignNotFound)
@assets.response(200, content_type="application/octet-stream")
def download(design_id: uuid.UUID) -> Response:
    """A design's file, to be saved, never shown in place 下载包装设计"""
    with reading() as session:
        found = designs.get(session, design_id=design_id, with_data=True)
        name = f"{found.name}-{found.season}-{found.number}.{designs.ENDINGS[found.media_type]}"
        return files.attached(found.data, found.media_type, name)


@plots.get("")
@plots.arguments(schemas.PlotQuery, location="query")
@plots.response(200, schemas.LabelPlotPage)
def list_plots(query: dict[str, Any]) -> dict[str, Any]:
    """Certified plots: a member's own, all for staff 认证地块列表"""
    every = land.visible_plots(context.current().actor)
    statement = paging.only(every, query, LabelPlot.cooperative_id, LabelPlot.area_id)
    with reading() as session:
        return paging.read(session, statement, LabelPlot.id, **query)


@plots.post("")
@plots.arguments(schemas.CertifyPlot)
@plots.problems(
    CooperativeNotFound,
    land.LabelAreaNotFound,
    land.PlotInOtherCounty,
    land.PlotDaysOutOfOrder,
    land.LabelPlotOverlaps,
    boundaries.BoundaryMissing,
    boundaries.PlotOutsideArea,
    boundaries.PlotTooSmall,
    boundaries.LandCertifiedTwice,
)
@plots.writes(201, schemas.LabelPlotWithLand, location=lambda plot: f"/v1/label-plots/{plot.id}")
def certify(session: Session, body: dict[str, Any]) -> LabelPlot:
    """Certify a plot of a cooperative (operators) 认证地块"""
    return land.certify(session, context.current(), **body)


@plots.get("/<uuid:plot_id>")
@plots.problems(land.LabelPlotNotFound)
@plots.response(200, schemas.LabelPlotWithLand)
def get_plot(plot_id: uuid.UUID) -> LabelPlot:
    """One certified plot 查询认证地块"""
    with reading() as session:
        plot = land.plot(session, context.current(), plot_id=plot_id)
        versions.tag(plot.version)
        return plot


@plots.put("/<uuid:plot_id>")
@plots.doc(parameters=[versions.IF_MATCH])
@plots.arguments(schemas.EndPlot)
@plots.problems(
    land.LabelPlotNotFound,
    land.PlotDaysOutOfOrder,
    land.LabelPlotOverlaps,
    boundaries.LandCertifiedTwice,
    boundaries.PlotOutsideArea,
    VersionMissing,
    VersionDiffers,
)
@plots.writes(200, schemas.LabelPlot, key=False)
def end_plot(session: Session, body: dict[str, Any], plot_id: uuid.UUID) -> LabelPlot:
    """Say another last day of a certificate (operators) 修改认证截止日"""
    plot = land.plot(session, context.current(), plot_id=plot_id, locked=True)
    versions.check(plot.version)
    return land.end_plot(session, context.current(), plot=plot, **body)


def _year(season: int, refusal: type[errors.Refusal]) -> int:
    if not schemas.YEAR_FIRST <= season <= schemas.YEAR_LAST:
        raise refusal
    return season


blueprints = (areas, assets, plots)
