"""Counties: made, found, renamed."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import database, errors
from marketplace.catalogue import edits
from marketplace.catalogue.models import County
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class CountyNotFound(errors.NotFound):
    title = Text(en="There is no such county.", zh="没有该县。")


class CountyCodeTaken(errors.Conflict):
    """Another county has this code."""

    title = Text(en="Another county has this code.", zh="该县代码已被使用。")


def create(
    session: Session, ctx: Context, *, code: str, name_en: str, name_zh: str, is_demo: bool = False
) -> County:
    """A new county; `is_demo` says for good that it is made up. Raises CountyCodeTaken."""
    facts = {"code": code, "name_en": name_en, "name_zh": name_zh, "is_demo": is_demo}
    county = County(id=new_id(), version=1, created_at=ctx.now, **facts)
    edits.add(session, ctx, county, facts)
    with database.refusing({"uq_county_code": CountyCodeTaken()}):
        session.flush()
    return county


def edit(session: Session, ctx: Context, *, county_id: uuid.UUID, name_en: str, name_zh: str) -> County:
    """Rename a county. Raises CountyNotFound."""
    county = get(session, county_id=county_id, locked=True)
    edits.apply(session, ctx, county, {"name_en": name_en, "name_zh": name_zh})
    return county


def get(session: Session, *, county_id: uuid.UUID, locked: bool = False) -> County:
    """The county; raises CountyNotFound. `locked`: nobody else edits it until the commit."""
    statement = select(County).where(County.id == county_id)
    if locked:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise CountyNotFound
    return found


def find_by_code(session: Session, *, code: str) -> County | None:
    return session.scalar(select(County).where(County.code == code))
