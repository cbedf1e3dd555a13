"""Countries that boxes are sent to, as an operator describes them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.exports.models import DestinationDocument, ExportDestination
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text


class DestinationUnknown(errors.Conflict):
    """No operator has described this country yet: nobody knows which papers it asks for."""

    title = Text(en="Boxes are not sent to that country.", zh="暂不向该国家或地区出口。")


def describe(
    session: Session,
    ctx: Context,
    *,
    country: str,
    name_en: str,
    name_zh: str,
    shelf_days: int,
    documents: Sequence[str],
) -> ExportDestination:
    """Describe a country, or describe it anew; what was agreed before stays as it was."""
    found = session.get(ExportDestination, country, with_for_update=True, populate_existing=True)
    before = None
    if found is None:
        found = ExportDestination(country=country, version=0, papers=[])
        session.add(found)
    else:
        before = {"shelf_days": found.shelf_days, "documents": found.documents}
    found.name_en, found.name_zh, found.shelf_days = name_en, name_zh, shelf_days
    kept = {paper.kind: paper for paper in found.papers}
    found.papers = [
        kept.get(kind) or DestinationDocument(country=country, kind=kind) for kind in sorted(set(documents))
    ]
    found.version += 1
    found.updated_at = ctx.now
    session.flush()
    after = {"shelf_days": shelf_days, "documents": found.documents}
    audit.record(
        session,
        ctx,
        "export_destination.describe",
        subject=("export_destination", country),
        before=before,
        after=after,
    )
    return found


def all_of(session: Session) -> list[ExportDestination]:
    return list(session.scalars(select(ExportDestination).order_by(ExportDestination.country)))


def get(session: Session, *, country: str) -> ExportDestination:
    """Raises DestinationUnknown."""
    found = session.get(ExportDestination, country)
    if found is None:
        raise DestinationUnknown(country=country)
    return found
