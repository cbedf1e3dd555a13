"""Where a cooperative wants to be paid: named by its members or an operator, kept as history, frozen for 48 hours.

A change is the way to steal a payout. So whoever names a destination has logged in just now, all members of the
cooperative are told, nothing is paid to it for two days, and what was approved for the one before is not sent. The
cooperative is locked while its destination is named, and held while a payout to it is approved or sent.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, sealed
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.identity.models import LoginSession
from marketplace.language import Text
from marketplace.notifications.kinds import DestinationNamed
from marketplace.notifications.members import notify_members
from marketplace.payouts import destination_rules
from marketplace.payouts.destination_rules import BankAccount
from marketplace.payouts.models import DESTINATION_KIND, ConnectAccount, PayoutDestination
from marketplace.payouts.states import WAIT, Destination, Method
from marketplace.points import Point, passed
from marketplace.resealing import context_of
from marketplace.values import instant_text, new_id

FRESH: Final = timedelta(minutes=15)
"""Whoever names a destination has logged in no longer ago."""


class DestinationNotFound(errors.NotFound):
    title = Text(en="There is no such destination.", zh="没有该收款账户。")


class LogInAgain(errors.Forbidden):
    """A log-in of more than 15 minutes ago is not enough to say where money goes."""

    title = Text(en="Log in again to do this.", zh="请重新登录后再操作。")


class DestinationUnchanged(errors.Conflict):
    """The cooperative is paid there already; nothing was changed, and no time begins anew."""

    title = Text(en="The cooperative is paid there already.", zh="该收款账户已在使用。")


class ConnectNotReady(errors.Conflict):
    """The cooperative has no account at the provider yet that money may be transferred to."""

    title = Text(en="The account at the provider is not ready.", zh="支付机构账户尚未就绪。")


def name(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    kind: str,
    bank_account: dict[str, Any] | None = None,
) -> PayoutDestination:
    """From now on the cooperative is paid there; payouts rest for 48 hours.

    Raises CooperativeNotFound, LogInAgain, Invalid, DestinationUnchanged, ConnectNotReady.
    """
    check_acts_for(ctx, cooperative_id)
    person = _just_logged_in(session, ctx)
    cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
    typed = None if bank_account is None else destination_rules.checked(BankAccount(**bank_account))
    if (typed is not None) != (kind == Method.BANK):
        wrong = {"pointer": "/bank_account", "detail": "Belongs to the kind bank. 仅用于银行账户。"}
        raise errors.Invalid(errors=[wrong])
    before = standing(session, [cooperative_id]).get(cooperative_id)
    made = PayoutDestination(
        id=new_id(),
        cooperative_id=cooperative_id,
        number=1 if before is None else before.number + 1,
        kind=kind,
        named_by=person,
        named_at=ctx.now,
    )
    if typed is not None:
        _check_changes(before is not None and before.kind == kind and opened(before) == typed)
        made.sealed = sealed.seal(typed.to_json(), context=context_of(DESTINATION_KIND, made.id))
        ending = destination_rules.ending(typed)
    else:
        account = _ready_account(session, cooperative_id)
        _check_changes(before is not None and before.connect_account_id == account.id)
        made.connect_account_id = account.id
        ending = destination_rules.masked(account.provider_id or "")
    session.add(made)
    session.flush()
    told = {"cooperative_id": str(cooperative_id), "kind": kind, "number": made.number}
    audit.record(session, ctx, "payout_destination.name", subject=("payout_destination", made.id), after=told)
    passed(Point.DESTINATION_KEPT)
    about = DestinationNamed(kind_of_account=_WORDS[Method(kind)], ending=ending, payable_from=ctx.now + WAIT)
    notify_members(session, ctx, cooperative_id=cooperative_id, cause=str(made.id), about=about)
    return made


def standing(
    session: Session, cooperative_ids: Collection[uuid.UUID], *, is_held: bool = False
) -> dict[uuid.UUID, PayoutDestination]:
    """The destination of each that has one. `is_held`: nobody names another one until the commit."""
    if is_held:
        held = select(Cooperative.id).where(Cooperative.id.in_(cooperative_ids)).order_by(Cooperative.id)
        session.execute(held.with_for_update(read=True))
    last = (
        select(PayoutDestination.cooperative_id, func.max(PayoutDestination.number).label("number"))
        .where(PayoutDestination.cooperative_id.in_(cooperative_ids))
        .group_by(PayoutDestination.cooperative_id)
        .subquery()
    )
    found = session.scalars(
        select(PayoutDestination).join(
            last,
            (last.c.cooperative_id == PayoutDestination.cooperative_id)
            & (last.c.number == PayoutDestination.number),
        )
    )
    return {each.cooperative_id: each for each in found}


def plain(row: PayoutDestination) -> Destination:
    return Destination(id=str(row.id), changed_at=row.named_at)


def opened(row: PayoutDestination) -> BankAccount:
    """Of a destination at a bank: for the file that its bank gets, and nobody else."""
    assert row.sealed is not None, "a destination at a bank has its account"
    return BankAccount.from_json(sealed.unseal(row.sealed, context=context_of(DESTINATION_KIND, row.id)))


def visible(ctx: Context) -> Select[PayoutDestination]:
    """All for staff; for a member those of its cooperatives."""
    statement = select(PayoutDestination)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(PayoutDestination.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def get(session: Session, ctx: Context, *, destination_id: uuid.UUID) -> PayoutDestination:
    """Raises DestinationNotFound, also for a foreign one."""
    found = session.scalar(visible(ctx).where(PayoutDestination.id == destination_id))
    if found is None:
        raise DestinationNotFound
    return found


def all_shown(session: Session, rows: Collection[PayoutDestination]) -> list[dict[str, Any]]:
    """What people see: whose it is, at which bank, and the end of its number."""
    current = {each.id for each in standing(session, {row.cooperative_id for row in rows}).values()}
    wanted = {row.connect_account_id for row in rows if row.connect_account_id is not None}
    accounts = {
        each.id: each for each in session.scalars(select(ConnectAccount).where(ConnectAccount.id.in_(wanted)))
    }
    return [_shown(row, accounts, is_current=row.id in current) for row in rows]


def check_acts_for(ctx: Context, cooperative_id: uuid.UUID) -> None:
    """Operators act for all, members for theirs. Raises CooperativeNotFound."""
    if not ctx.actor.has(Role.OPERATOR) and not ctx.actor.belongs_to(cooperative_id):
        raise CooperativeNotFound


def _shown(
    row: PayoutDestination, accounts: dict[uuid.UUID, ConnectAccount], *, is_current: bool
) -> dict[str, Any]:
    if row.connect_account_id is None:
        bank = opened(row)
        where = {
            "holder": bank.holder,
            "bank": bank.bank,
            "number": destination_rules.ending(bank),
            "bic": bank.bic or None,
            "cnaps": bank.cnaps or None,
        }
    else:
        ending = destination_rules.masked(accounts[row.connect_account_id].provider_id or "")
        where = {"holder": None, "bank": "Stripe", "number": ending, "bic": None, "cnaps": None}
    return {
        **where,
        "id": row.id,
        "cooperative_id": row.cooperative_id,
        "kind": row.kind,
        "is_current": is_current,
        "named_by": row.named_by,
        "named_at": row.named_at,
        "payable_from": row.named_at + WAIT,
    }


def _just_logged_in(session: Session, ctx: Context) -> uuid.UUID:
    """Raises LogInAgain."""
    since = ctx.now - FRESH
    fresh = select(LoginSession.id).where(
        LoginSession.id == ctx.actor.session_id, LoginSession.created_at >= since
    )
    if ctx.actor.id is None or session.scalar(fresh) is None:
        raise LogInAgain(logged_in_since=instant_text(since))
    return ctx.actor.id


def _ready_account(session: Session, cooperative_id: uuid.UUID) -> ConnectAccount:
    """Raises ConnectNotReady."""
    found = session.scalar(select(ConnectAccount).where(ConnectAccount.cooperative_id == cooperative_id))
    if found is None or not found.is_ready:
        raise ConnectNotReady
    return found


def _check_changes(is_same: bool) -> None:
    """Raises DestinationUnchanged."""
    if is_same:
        raise DestinationUnchanged


_WORDS: Final = {
    Method.BANK: Text(en="bank account", zh="银行账户"),
    Method.STRIPE: Text(en="Stripe account", zh="Stripe 账户"),
}
