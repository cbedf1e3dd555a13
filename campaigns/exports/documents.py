"""Papers of an export: added as new versions, never changed; handed out to its buyer and staff."""

import hashlib
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from campaigns.exports import exporting, file_rules
from campaigns.exports.file_rules import ENDINGS, FileType
from campaigns.exports.models import ExportDocument
from campaigns.exports.rules import PROMISED, DocumentKind
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders import moving
from orders.bulk import OrderNotFound
from orders.states import OrderStateForbids

VERSIONS_MAX = 20


class DocumentNotFound(errors.NotFound):
    title = Text(en="There is no such paper.", zh="没有该单证。")


class TooManyVersions(errors.Conflict):
    """The paper has as many versions as it may have; `versions_max`."""

    title = Text(en="The paper has too many versions.", zh="该单证版本过多。")


class SameDocument(errors.Conflict):
    """The latest version has the same bytes."""

    title = Text(en="That is the version that is there already.", zh="与现有版本完全相同。")


def add(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    kind: DocumentKind,
    media_type: FileType,
    name: str | None,
    data: bytes,
) -> ExportDocument:
    """The next version of a paper. Its order is locked: versions have no gaps, and who makes it ready sees all.

    Raises OrderNotFound, OrderStateForbids, TooManyVersions, SameDocument and what `file_rules.check` refuses.
    """
    assert ctx.actor.id is not None
    exporting.get(session, ctx, order_id=order_id)
    file_rules.check(data, media_type)
    order = moving.locked(session, order_id)
    if order.state not in PROMISED:
        raise OrderStateForbids(state=order.state)
    latest = session.scalar(
        select(ExportDocument)
        .where(ExportDocument.order_id == order_id, ExportDocument.kind == kind)
        .order_by(ExportDocument.version.desc())
        .limit(1)
    )
    digest = hashlib.sha256(data).hexdigest()
    version = 1 if latest is None else latest.version + 1
    if latest is not None and latest.sha256 == digest:
        raise SameDocument(document_id=latest.id)
    if version > VERSIONS_MAX:
        raise TooManyVersions(versions_max=VERSIONS_MAX)
    made = ExportDocument(
        id=new_id(),
        order_id=order_id,
        kind=kind,
        version=version,
        name=name or f"{kind}-{version}.{ENDINGS[media_type]}",
        media_type=media_type,
        size_bytes=len(data),
        sha256=digest,
        data=data,
        uploaded_by=ctx.actor.id,
        uploaded_at=ctx.now,
    )
    session.add(made)
    session.flush()
    after = {"kind": kind, "version": version, "sha256": digest, "size_bytes": made.size_bytes}
    audit.record(session, ctx, "export_document.add", subject=("export_document", made.id), after=after)
    return made


def of_order(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Sequence[ExportDocument]:
    """All versions of all papers, without their bytes. Raises OrderNotFound."""
    exporting.get(session, ctx, order_id=order_id)
    statement = select(ExportDocument).where(ExportDocument.order_id == order_id)
    return session.scalars(statement.order_by(ExportDocument.kind, ExportDocument.version)).all()


def get(session: Session, ctx: Context, *, document_id: uuid.UUID) -> ExportDocument:
    """One version with its bytes; raises DocumentNotFound (also for a foreign one)."""
    found = session.scalar(
        select(ExportDocument).where(ExportDocument.id == document_id).options(undefer(ExportDocument.data))
    )
    if found is None:
        raise DocumentNotFound
    try:
        exporting.get(session, ctx, order_id=found.order_id)
    except OrderNotFound:
        raise DocumentNotFound from None
    return found
