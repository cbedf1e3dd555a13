"""Cooperatives of a county: made, found, edited."""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import database, errors
from marketplace.catalogue import counties, edits, gs1
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class CooperativeNotFound(errors.NotFound):
    title = Text(en="There is no such cooperative.", zh="没有该合作社。")


class CooperativeCodeTaken(errors.Conflict):
    """Another cooperative of the county has this code."""

    title = Text(en="Another cooperative of the county has this code.", zh="该县已有合作社使用此代码。")


class GlnTaken(errors.Conflict):
    """Another cooperative has this GLN."""

    title = Text(en="Another cooperative has this GLN.", zh="该 GLN 已被其他合作社使用。")


def taken() -> dict[str, errors.Refusal]:
    """What the violation of each unique constraint means."""
    return {"uq_cooperative_county_id_code": CooperativeCodeTaken(), "uq_cooperative_gln": GlnTaken()}


def create(
    session: Session,
    ctx: Context,
    *,
    county_id: uuid.UUID,
    code: str,
    name_en: str,
    name_zh: str,
    township_en: str,
    township_zh: str,
    member_households: int,
    members: int,
    gln: str | None = None,
) -> Cooperative:
    """A new cooperative. Raises CountyNotFound, CooperativeCodeTaken, GlnTaken, GlnRefused."""
    counties.get(session, county_id=county_id)
    cooperative = add(
        session,
        ctx,
        county_id=county_id,
        code=code,
        name_en=name_en,
        name_zh=name_zh,
        township_en=township_en,
        township_zh=township_zh,
        member_households=member_households,
        members=members,
        gln=None if gln is None else gs1.read_gln(gln),
    )
    with database.refusing(taken()):
        session.flush()
    return cooperative


def add(session: Session, ctx: Context, *, county_id: uuid.UUID, **facts: Any) -> Cooperative:
    """Bring a cooperative with checked facts into the session, not yet flushed."""
    cooperative = Cooperative(id=new_id(), county_id=county_id, version=1, created_at=ctx.now, **facts)
    edits.add(session, ctx, cooperative, {"county_id": county_id, **facts})
    return cooperative


def edit(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    name_en: str,
    name_zh: str,
    township_en: str,
    township_zh: str,
    member_households: int,
    members: int,
    gln: str | None = None,
) -> Cooperative:
    """Everything but county and code, anew. Raises CooperativeNotFound, GlnTaken, GlnRefused."""
    facts = {
        "name_en": name_en,
        "name_zh": name_zh,
        "township_en": township_en,
        "township_zh": township_zh,
        "member_households": member_households,
        "members": members,
        "gln": None if gln is None else gs1.read_gln(gln),
    }
    cooperative = get(session, cooperative_id=cooperative_id, locked=True)
    edits.apply(session, ctx, cooperative, facts)
    with database.refusing(taken()):
        session.flush()
    return cooperative


def get(session: Session, *, cooperative_id: uuid.UUID, locked: bool = False) -> Cooperative:
    """The cooperative; raises CooperativeNotFound. `locked`: nobody else edits it until the commit."""
    statement = select(Cooperative).where(Cooperative.id == cooperative_id)
    found = session.scalar(_locking(statement) if locked else statement)
    if found is None:
        raise CooperativeNotFound
    return found


def of_county(session: Session, *, county_id: uuid.UUID) -> list[Cooperative]:
    """All cooperatives of the county, by code; raises CountyNotFound."""
    counties.get(session, county_id=county_id)
    return list(session.scalars(_of_county(county_id)))


def of_county_locked(session: Session, *, county_id: uuid.UUID) -> list[Cooperative]:
    """The same, and nobody else edits them until the commit."""
    counties.get(session, county_id=county_id)
    return list(session.scalars(_locking(_of_county(county_id))))


def _of_county(county_id: uuid.UUID) -> Select[Any]:
    return select(Cooperative).where(Cooperative.county_id == county_id).order_by(Cooperative.code)


def _locking(statement: Select[Any]) -> Select[Any]:
    """Locks the cooperatives alone, not their county; rows that refer to them may still be added."""
    return statement.with_for_update(of=Cooperative, key_share=True).execution_options(populate_existing=True)
