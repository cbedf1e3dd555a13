"""Doors of one's own address book."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context, versions
from marketplace.addresses import addresses, rules, schemas
from marketplace.addresses.models import SavedAddress
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.problems import VersionDiffers, VersionMissing

blueprint = Blueprint(
    "addresses", __name__, url_prefix="/addresses", description="One's own addresses 收货地址"
)


@blueprint.get("")
@blueprint.response(200, schemas.AddressBook)
def list_addresses() -> dict[str, Any]:
    """My address book, oldest first; all that is kept of it 我的收货地址"""
    ctx = context.current()
    with reading() as session:
        return {"items": [addresses.opened(each) for each in session.scalars(addresses.listed(ctx))]}


@blueprint.get("/<uuid:address_id>")
@blueprint.problems(addresses.AddressNotFound)
@blueprint.response(200, schemas.Address)
def get_address(address_id: uuid.UUID) -> dict[str, Any]:
    """One address of mine 查询地址"""
    with reading() as session:
        found = addresses.opened(addresses.get(session, context.current(), address_id=address_id))
    versions.tag(found["version"])
    return found


@blueprint.post("")
@blueprint.arguments(schemas.TypeAddress)
@blueprint.problems(rules.AddressNotValid, addresses.TooManyAddresses)
@blueprint.writes(201, schemas.KeptAddress, location=lambda made: f"/v1/addresses/{made.id}")
def add_address(session: Session, body: dict[str, Any]) -> SavedAddress:
    """Add an address; it is stored encrypted 新增地址（加密保存）"""
    return addresses.add(session, context.current(), **body)


@blueprint.put("/<uuid:address_id>")
@blueprint.doc(parameters=[versions.IF_MATCH])
@blueprint.arguments(schemas.TypeAddress)
@blueprint.problems(
    rules.AddressNotValid, addresses.AddressNotFound, addresses.DefaultStays, VersionMissing, VersionDiffers
)
@blueprint.writes(200, schemas.Address, key=False)
def edit_address(session: Session, body: dict[str, Any], address_id: uuid.UUID) -> dict[str, Any]:
    """Edit an address; orders keep the copy they were given 修改地址"""
    ctx = context.current()
    saved = addresses.get(session, ctx, address_id=address_id, locked=True)
    versions.check(saved.version)
    return addresses.opened(addresses.edit(session, ctx, saved, **body))


@blueprint.delete("/<uuid:address_id>")
@blueprint.problems(addresses.AddressNotFound)
@blueprint.writes(204, key=False)
def delete_address(session: Session, address_id: uuid.UUID) -> None:
    """Delete an address for good 删除地址"""
    addresses.delete(session, context.current(), address_id=address_id)
