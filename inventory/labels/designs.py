"""Packaging designs: for an area and a season, in versions that are added and never changed."""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from inventory.labels import land
from inventory.labels.land_models import LabelDesign
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

BYTES_MAX: Final = 2_000_000
VERSIONS_MAX: Final = 50
BEGINNINGS: Final = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
"""What a file is, its first bytes say."""
ENDINGS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


class LabelDesignNotFound(errors.NotFound):
    title = Text(en="There is no such design.", zh="没有该包装设计。")


class DesignUnreadable(errors.Malformed):
    """Not a PDF, PNG or JPEG, or not the one that its media type says."""

    title = Text(en="A design is a PDF, PNG or JPEG.", zh="包装设计须为 PDF、PNG 或 JPEG 文件。")


class DesignTooLarge(errors.Invalid):
    """A design has at most `bytes_max` bytes."""

    title = Text(en="The file is too large, or empty.", zh="文件过大或为空。")


class SameDesign(errors.Conflict):
    """The latest version has the same bytes."""

    title = Text(en="That is the version that is there already.", zh="与现有版本完全相同。")
    code = "same_design"


class TooManyDesigns(errors.Conflict):
    """The design has as many versions as it may have; `versions_max`."""

    title = Text(en="The design has too many versions.", zh="该设计版本过多。")


def add(
    session: Session,
    ctx: Context,
    *,
    area_id: uuid.UUID,
    season: int,
    name: str,
    media_type: str,
    data: bytes,
) -> LabelDesign:
    """The next version; its area's season is locked.

    Raises LabelAreaNotFound, LabelSeasonNotFound, DesignUnreadable, DesignTooLarge, SameDesign, TooManyDesigns.
    """
    land.season(session, area_id=area_id, season=season, locked=True)
    if not 0 < len(data) <= BYTES_MAX:
        raise DesignTooLarge(errors=[{"pointer": "", "detail": DesignTooLarge.title}])
    if not data.startswith(BEGINNINGS.get(media_type, b"\0 none")):
        raise DesignUnreadable
    known = (LabelDesign.area_id == area_id, LabelDesign.season == season, LabelDesign.name == name)
    latest = session.scalar(select(LabelDesign).where(*known).order_by(LabelDesign.number.desc()).limit(1))
    digest = hashlib.sha256(data).hexdigest()
    if latest is not None and latest.sha256 == digest:
        raise SameDesign(design_id=latest.id)
    number = 1 + int(session.scalar(select(func.count()).select_from(LabelDesign).where(*known)) or 0)
    if number > VERSIONS_MAX:
        raise TooManyDesigns(versions_max=VERSIONS_MAX)
    design = LabelDesign(
        id=new_id(),
        area_id=area_id,
        season=season,
        name=name,
        number=number,
        media_type=media_type,
        size_bytes=len(data),
        sha256=digest,
        data=data,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(design)
    session.flush()
    after = {"name": name, "season": season, "number": number, "sha256": digest}
    audit.record(session, ctx, "label_design.add", subject=("label_design", design.id), after=after)
    return design


def of_area(session: Session, *, area_id: uuid.UUID) -> Sequence[LabelDesign]:
    """All versions of all designs, without their bytes. Raises LabelAreaNotFound."""
    land.area(session, area_id=area_id)
    statement = select(LabelDesign).where(LabelDesign.area_id == area_id)
    order = (LabelDesign.season, LabelDesign.name, LabelDesign.number)
    return session.scalars(statement.order_by(*order)).all()


def get(session: Session, *, design_id: uuid.UUID, with_data: bool = False) -> LabelDesign:
    """Raises LabelDesignNotFound."""
    statement = select(LabelDesign).where(LabelDesign.id == design_id)
    found = session.scalar(statement.options(undefer(LabelDesign.data)) if with_data else statement)
    if found is None:
        raise LabelDesignNotFound
    return found
