"""Label accounts: found or opened, locked, and moved one line at a time.

An account is locked after the lots and serials that a change is about. What is asked for is refused where the credit
does not bear it; what is a fact is written down in any case, and what the balance does not bear is owed.
"""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from inventory import lots
from inventory.cases.casework import open_case
from inventory.cases.states import CaseKind
from inventory.labels import credit_rules
from inventory.labels.land_models import LabelArea, LabelSeason
from inventory.labels.models import LabelAccount, LabelLine
from inventory.labels.states import ASKING, LineKind
from marketplace import errors
from marketplace.access import STAFF, Role
from marketplace.catalogue.models import Cooperative
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class LabelAccountNotFound(errors.NotFound):
    title = Text(en="There is no such label credit.", zh="没有该标签额度。")


class LabelCreditShort(errors.Conflict):
    """The credit does not bear that; it says what it bears."""

    title = Text(en="The label credit does not bear that many.", zh="标签额度不足。")


def find(
    session: Session, *, cooperative_id: uuid.UUID, area_id: uuid.UUID, season: int
) -> LabelAccount | None:
    return session.scalar(
        select(LabelAccount).where(
            LabelAccount.cooperative_id == cooperative_id,
            LabelAccount.area_id == area_id,
            LabelAccount.season == season,
        )
    )


def opened(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, area_id: uuid.UUID, season: int
) -> LabelAccount:
    """The account of the three, locked; a new one if there is none."""
    session.execute(
        insert(LabelAccount)
        .values(
            id=new_id(),
            cooperative_id=cooperative_id,
            area_id=area_id,
            season=season,
            balance_grams=0,
            owed_grams=0,
            eligible_grams=0,
            shrunk_grams=0,
            shrink_charged_grams=0,
            provisional_grams=0,
            version=0,
            created_at=ctx.now,
        )
        .on_conflict_do_nothing()
    )
    found = find(session, cooperative_id=cooperative_id, area_id=area_id, season=season)
    assert found is not None
    return locked(session, found.id)


def locked(session: Session, account_id: uuid.UUID) -> LabelAccount:
    """The account as it is now; nobody else moves it until this transaction ends."""
    session.flush()
    return session.scalars(
        select(LabelAccount)
        .where(LabelAccount.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def get(session: Session, ctx: Context, *, account_id: uuid.UUID, is_to_change: bool = False) -> LabelAccount:
    """The account, for its cooperative's members and staff, locked if it is to be changed.

    Raises LabelAccountNotFound.
    """
    found = session.scalar(visible(ctx.actor).where(LabelAccount.id == account_id))
    if found is None or (is_to_change and not lots.may_work_on(ctx.actor, found.cooperative_id)):
        raise LabelAccountNotFound
    return locked(session, account_id) if is_to_change else found


def visible(actor: Actor) -> Select[LabelAccount]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(LabelAccount)
    return select(LabelAccount).where(LabelAccount.cooperative_id.in_(sorted(actor.cooperative_ids)))


def lines(account_id: uuid.UUID) -> Select[LabelLine]:
    return select(LabelLine).where(LabelLine.account_id == account_id)


def season_of(session: Session, account: LabelAccount) -> LabelSeason:
    """The numbers that the account's credit is reckoned with."""
    return session.get_one(LabelSeason, (account.area_id, account.season))


def place_of(session: Session, account: LabelAccount) -> tuple[Cooperative, LabelArea]:
    """Whose account it is, and of which area."""
    return session.get_one(Cooperative, account.cooperative_id), session.get_one(LabelArea, account.area_id)


def post(
    session: Session,
    ctx: Context,
    account: LabelAccount,
    kind: LineKind,
    grams: int,
    *,
    lot_id: uuid.UUID | None = None,
    batch_id: uuid.UUID | None = None,
    change_id: uuid.UUID | None = None,
    reason: str | None = None,
) -> None:
    """The next line of a locked account; nothing for nothing.

    Raises LabelCreditShort if it is asked for and the balance is smaller.
    """
    if grams == 0:
        return
    if kind in ASKING and account.balance_grams + grams < 0:
        raise LabelCreditShort(requested_grams=-grams, available_grams=account.balance_grams)
    was_owed = account.owed_grams
    position = account.balance_grams - account.owed_grams + grams
    account.balance_grams, account.owed_grams = credit_rules.settled(position)
    account.version += 1
    session.add(
        LabelLine(
            id=new_id(),
            account_id=account.id,
            number=account.version,
            kind=kind,
            grams=grams,
            balance_grams=account.balance_grams,
            owed_grams=account.owed_grams,
            lot_id=lot_id,
            batch_id=batch_id,
            change_id=change_id,
            reason=reason,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )
    session.flush()
    if account.owed_grams > was_owed:
        _tell_debt(session, ctx, account, {"kind": str(kind), "owed_grams": account.owed_grams})


def earn(session: Session, ctx: Context, account: LabelAccount, grams: int, *, lot_id: uuid.UUID) -> None:
    """Fruit is eligible: its credit, less what will shrink of it; as much of the provisional tranche is replaced."""
    if grams == 0:
        return
    account.eligible_grams += grams
    post(session, ctx, account, LineKind.HARVEST_ELIGIBLE, grams, lot_id=lot_id)
    taken = _charge_shrink(session, ctx, account, lot_id=lot_id)
    replaced = min(account.provisional_grams, grams - min(taken, grams))
    account.provisional_grams -= replaced
    post(session, ctx, account, LineKind.PROVISIONAL_REPLACED, -replaced, lot_id=lot_id)


def shrink(session: Session, ctx: Context, account: LabelAccount, grams: int, *, lot_id: uuid.UUID) -> None:
    """Fruit that had earned credit lost weight; the allowance has paid for a part of that beforehand."""
    if grams == 0:
        return
    account.shrunk_grams += grams
    _charge_shrink(session, ctx, account, lot_id=lot_id)
    session.flush()


def _charge_shrink(session: Session, ctx: Context, account: LabelAccount, *, lot_id: uuid.UUID) -> int:
    numbers = season_of(session, account)
    due = credit_rules.shrink_grams(account.eligible_grams, numbers.shrink_permille, account.shrunk_grams)
    taken = max(0, due - account.shrink_charged_grams)
    account.shrink_charged_grams += taken
    post(session, ctx, account, LineKind.SHRINK, -taken, lot_id=lot_id)
    return taken


def _tell_debt(session: Session, ctx: Context, account: LabelAccount, facts: dict[str, Any]) -> None:
    open_case(
        session,
        ctx,
        kind=CaseKind.LABEL_CREDIT,
        subject=("label_account", account.id),
        facts=facts,
        cooperative_id=account.cooperative_id,
    )
