"""A person's address book: a few addresses, one of them the default, each seen by its owner alone.

What is typed is checked, sealed and forgotten: audit rows tell that an address was added, edited or deleted, not which.
"""

import json
import uuid
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, sealed
from marketplace.addresses import rules
from marketplace.addresses.models import KIND, SavedAddress
from marketplace.addresses.rules import Address
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.language import Text
from marketplace.resealing import context_of
from marketplace.values import new_id

PER_PERSON_MAX: Final = 20


class AddressNotFound(errors.NotFound):
    title = Text(en="There is no such address.", zh="没有该地址。")


class TooManyAddresses(errors.Conflict):
    """An address book is full; delete an address first. `most` says how many it takes."""

    title = Text(en="Your address book is full.", zh="地址数量已达上限。")


class DefaultStays(errors.Conflict):
    """One address is always the default: make another one so instead."""

    title = Text(en="Make another address your default instead.", zh="请改为将其他地址设为默认。")


def add(session: Session, ctx: Context, *, is_default: bool, **typed: Any) -> SavedAddress:
    """The first one is the default whatever is said. Raises AddressNotValid, TooManyAddresses."""
    address = rules.checked(Address(**typed))
    known = _all_locked(session, ctx)
    if len(known) >= PER_PERSON_MAX:
        raise TooManyAddresses(most=PER_PERSON_MAX)
    made = SavedAddress(
        id=new_id(),
        account_id=ctx.actor.id,
        sealed=b"",
        is_default=False,
        created_at=ctx.now,
        version=1,
    )
    made.sealed = seal(address, kind=KIND, subject_id=made.id)
    if is_default or not known:
        _make_default(session, made, known)
    session.add(made)
    audit.record(session, ctx, "address.add", subject=(KIND, made.id))
    return made


def edit(
    session: Session, ctx: Context, saved: SavedAddress, *, is_default: bool, **typed: Any
) -> SavedAddress:
    """`saved` is the actor's, locked by `get`. Raises AddressNotValid, DefaultStays."""
    address = rules.checked(Address(**typed))
    if saved.is_default and not is_default:
        raise DefaultStays
    if is_default and not saved.is_default:
        _make_default(session, saved, _all_locked(session, ctx))
    saved.sealed = seal(address, kind=KIND, subject_id=saved.id)
    saved.version += 1
    audit.record(session, ctx, "address.edit", subject=(KIND, saved.id))
    return saved


def delete(session: Session, ctx: Context, *, address_id: uuid.UUID) -> None:
    """For good; of what is left the newest becomes the default. Raises AddressNotFound."""
    known = _all_locked(session, ctx)
    saved = next((each for each in known if each.id == address_id), None)
    if saved is None:
        raise AddressNotFound
    left = [each for each in known if each is not saved]
    session.delete(saved)
    session.flush()
    if saved.is_default and left:
        _make_default(session, left[-1], left)
    audit.record(session, ctx, "address.delete", subject=(KIND, address_id))


def get(session: Session, ctx: Context, *, address_id: uuid.UUID, locked: bool = False) -> SavedAddress:
    """The actor's own; raises AddressNotFound. `locked`: its whole book, so that it has one default at any time."""
    known = _all_locked(session, ctx) if locked else session.scalars(listed(ctx))
    found = next((each for each in known if each.id == address_id), None)
    if found is None:
        raise AddressNotFound
    return found


def listed(ctx: Context) -> Select[Any]:
    return select(SavedAddress).where(SavedAddress.account_id == ctx.actor.id).order_by(SavedAddress.id)


def opened(saved: SavedAddress) -> dict[str, Any]:
    """What its owner is shown."""
    facts = unseal(saved.sealed, kind=KIND, subject_id=saved.id).facts()
    return {**facts, "id": saved.id, "is_default": saved.is_default, "version": saved.version}


def seal(address: Address, *, kind: str, subject_id: uuid.UUID) -> bytes:
    plain = json.dumps(address.facts(), ensure_ascii=False).encode()
    return sealed.seal(plain, context=context_of(kind, subject_id))


def unseal(text: bytes, *, kind: str, subject_id: uuid.UUID) -> Address:
    return Address(**json.loads(sealed.unseal(text, context=context_of(kind, subject_id))))


def _all_locked(session: Session, ctx: Context) -> list[SavedAddress]:
    """The actor's book, oldest first. Its account is locked, so that two calls do not both add the last or first."""
    if ctx.actor.id is None:
        raise errors.Forbidden
    accounts.get(session, account_id=ctx.actor.id, locked=True)
    return list(session.scalars(listed(ctx).execution_options(populate_existing=True)))


def _make_default(session: Session, chosen: SavedAddress, known: list[SavedAddress]) -> None:
    for each in known:
        if each.is_default and each is not chosen:
            each.is_default = False
            each.version += 1
    session.flush()  # the one before first: there is never more than one
    chosen.is_default = True
