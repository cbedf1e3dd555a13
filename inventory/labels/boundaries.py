"""Where areas and certified plots lie: a plot lies in its area, is as large as was said, and is certified once.

Who draws a boundary, or certifies land that has one, locks the area: two that share land never come at once.
"""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.labels import land_rules
from inventory.labels.land_models import LabelArea, LabelPlot
from inventory.labels.land_rules import Ring
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text

NAMED_MAX: Final = 20


class BoundaryMissing(errors.Conflict):
    """The area has a boundary, so a plot that is certified in it says where it lies."""

    title = Text(en="Say where the plot lies: its area has a boundary.", zh="该产区已划界，须说明地块边界。")


class PlotOutsideArea(errors.Conflict):
    """More than 2 % of the plot lie outside of the area."""

    title = Text(en="The plot does not lie in the area.", zh="该地块不在产区范围内。")


class PlotTooSmall(errors.Conflict):
    """Within its boundary lie only `measured_square_metres`: more than 2 % less than was said."""

    title = Text(en="The plot is smaller than was said.", zh="地块面积小于申报面积。")


class LandCertifiedTwice(errors.Conflict):
    """The land belongs to the plot `plot_id` for some of these days, to whomever that was certified."""

    title = Text(en="The land is certified as another plot already.", zh="该地块与已认证地块重叠。")


class PlotsOutside(errors.Conflict):
    """Certified plots do not lie within this boundary: `plots` names them, 20 at most."""

    title = Text(en="Certified plots lie outside of this boundary.", zh="已有认证地块在此边界之外。")


def set_area(session: Session, ctx: Context, *, area: LabelArea, ring: Ring) -> LabelArea:
    """Say where a locked area, whose version was compared, lies. Raises PlotsOutside."""
    outside = [
        each.code for each in _plots(session, area.id) if not land_rules.is_inside(_ring(each.boundary), ring)
    ]
    if outside:
        raise PlotsOutside(plots=outside[:NAMED_MAX])
    before = {"points": len(area.boundary or ())}
    area.boundary = _kept(ring)
    area.version += 1
    session.flush()
    after = {"points": len(ring), "square_metres": land_rules.square_metres(ring)}
    audit.record(
        session, ctx, "label_area.bound", subject=("label_area", area.id), before=before, after=after
    )
    return area


def check_plot(
    session: Session,
    *,
    area: LabelArea,
    ring: Ring | None,
    square_metres: int,
    valid_from: date,
    valid_until: date,
    without: uuid.UUID | None = None,
) -> list[list[int]] | None:
    """What is kept of a plot's boundary, if land of this size may be certified there; the area is locked.

    Raises BoundaryMissing, PlotOutsideArea, PlotTooSmall, LandCertifiedTwice.
    """
    if ring is None:
        if area.boundary is not None and without is None:
            raise BoundaryMissing
        return None
    if area.boundary is not None and not land_rules.is_inside(ring, _ring(area.boundary)):
        raise PlotOutsideArea
    if not land_rules.can_be(square_metres, ring):
        raise PlotTooSmall(measured_square_metres=land_rules.square_metres(ring))
    for other in _plots(session, area.id, without=without):
        is_then = other.valid_from <= valid_until and other.valid_until >= valid_from
        if is_then and land_rules.is_same_land(ring, _ring(other.boundary)):
            raise LandCertifiedTwice(plot_id=other.id)
    return _kept(ring)


def check_longer(session: Session, *, area: LabelArea, plot: LabelPlot, valid_until: date) -> None:
    """Whether a plot's certificate may last until another day; the area is locked. Raises LandCertifiedTwice."""
    if plot.boundary is not None and valid_until > plot.valid_until:
        check_plot(
            session,
            area=area,
            ring=_ring(plot.boundary),
            square_metres=plot.square_metres,
            valid_from=plot.valid_from,
            valid_until=valid_until,
            without=plot.id,
        )


def _plots(session: Session, area_id: uuid.UUID, *, without: uuid.UUID | None = None) -> Sequence[LabelPlot]:
    """The area's plots of which it is known where they lie."""
    statement = select(LabelPlot).where(LabelPlot.area_id == area_id, LabelPlot.boundary.is_not(None))
    if without is not None:
        statement = statement.where(LabelPlot.id != without)
    return session.scalars(statement.order_by(LabelPlot.code, LabelPlot.id)).all()


def _ring(kept: list[list[int]] | None) -> Ring:
    return tuple((x, y) for x, y in kept or ())


def _kept(ring: Ring) -> list[list[int]]:
    return [list(point) for point in ring]
