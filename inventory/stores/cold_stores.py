"""Cold stores: where lots lie."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import ColdStore
from inventory.states import Storage
from marketplace import audit, database, errors
from marketplace.catalogue import counties
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class ColdStoreNotFound(errors.NotFound):
    title = Text(en="There is no such cold store.", zh="没有该冷库。")


class ColdStoreCodeTaken(errors.Conflict):
    """Another cold store has this code."""

    title = Text(en="Another cold store has this code.", zh="该冷库编码已被使用。")


def create(
    session: Session,
    ctx: Context,
    *,
    code: str,
    name_en: str,
    name_zh: str,
    county_id: uuid.UUID | None = None,
    kind: str = Storage.COLD,
    capacity_grams: int | None = None,
) -> ColdStore:
    """Raises CountyNotFound, ColdStoreCodeTaken."""
    if county_id is not None:
        counties.get(session, county_id=county_id)
    store = ColdStore(
        id=new_id(),
        code=code,
        name_en=name_en,
        name_zh=name_zh,
        county_id=county_id,
        kind=kind,
        capacity_grams=capacity_grams,
        created_at=ctx.now,
    )
    session.add(store)
    with database.refusing({"uq_cold_store_code": ColdStoreCodeTaken()}):
        session.flush()
    audit.record(session, ctx, "cold_store.create", subject=("cold_store", store.id), after={"code": code})
    return store


def get(session: Session, *, cold_store_id: uuid.UUID, locked: bool = False) -> ColdStore:
    """Raises ColdStoreNotFound. `locked`: nobody else brings fruit in or changes its capacity until the commit."""
    statement = select(ColdStore).where(ColdStore.id == cold_store_id)
    if locked:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise ColdStoreNotFound
    return found


def find_by_code(session: Session, *, code: str) -> ColdStore | None:
    return session.scalar(select(ColdStore).where(ColdStore.code == code))
