"""Who lives together, for limits by household: told once by the person, changed by operators only.

Only a keyed digest of the address is kept: it tells that two addresses are the same, not what they are.
"""

import hmac
import uuid
from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.identity.models import Account
from marketplace.language import Text

_DIGITS: Final = 32


class HouseholdSet(errors.Conflict):
    """The household was told before; an operator can change it."""

    title = Text(
        en="Your household is set; ask an operator to change it.",
        zh="住户信息已登记，如需更改请联系运营人员。",
    )


def tell(session: Session, ctx: Context, *, address: str) -> Account:
    """The actor says where it lives; the same address again changes nothing. Raises HouseholdSet."""
    if ctx.actor.id is None:
        raise errors.Forbidden
    account = accounts.get(session, account_id=ctx.actor.id, locked=True)
    digest = digest_of(address)
    if account.household not in (None, digest):
        raise HouseholdSet
    return _set(session, ctx, account, digest)


def change(session: Session, ctx: Context, *, account_id: uuid.UUID, address: str | None) -> Account:
    """An operator sets it right, or takes it away. Raises AccountNotFound."""
    account = accounts.get(session, account_id=account_id, locked=True)
    return _set(session, ctx, account, None if address is None else digest_of(address))


def digest_of(address: str) -> str:
    """The same for addresses that differ in blanks and letter case only."""
    normal = "".join(address.split()).casefold()
    key = current_app.config["SETTINGS"].secret_key.encode()
    return hmac.digest(key, f"household:{normal}".encode(), "sha256").hex()[:_DIGITS]


def _set(session: Session, ctx: Context, account: Account, digest: str | None) -> Account:
    before = account.household is not None
    account.version += account.household != digest
    account.household = digest
    audit.record(
        session,
        ctx,
        "account.set_household",
        subject=("account", account.id),
        before={"is_set": before},
        after={"is_set": digest is not None},
    )
    return account
