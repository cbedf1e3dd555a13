"""Changes of label credit that two people make: one proposes, another approves or rejects.

An adjustment sets right what the ledger cannot know. A transfer follows fruit of the area that one cooperative handed
to another: what the fruit carried goes from the lot that it left to the lot that it is in now, and the credit with it.
"""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.labels import accounts, carrying
from inventory.labels.models import LabelAccount, LabelChange
from inventory.labels.states import ChangeKind, ChangeState, LineKind
from inventory.models import Lot
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class LabelChangeNotFound(errors.NotFound):
    title = Text(en="There is no such change of label credit.", zh="没有该标签额度变更。")


class LabelChangeAnswered(errors.Conflict):
    """It was approved or rejected already."""

    title = Text(en="The change was answered already.", zh="该变更已处理。")


class SecondPersonNeeded(errors.Conflict):
    """Whoever proposed it does not approve it."""

    title = Text(en="Somebody else must approve this.", zh="须由另一人批准。")


class FruitNotEligible(errors.Conflict):
    """The lots do not bear the transfer: too little eligible fruit in the one, or too little room in the other."""

    title = Text(en="The lots do not bear that transfer.", zh="批次数量不支持该额度转移。")


def propose_adjustment(
    session: Session, ctx: Context, *, account_id: uuid.UUID, grams: int, reason: str
) -> LabelChange:
    """An operator proposes. Raises LabelAccountNotFound, Forbidden."""
    account = accounts.get(session, ctx, account_id=account_id, is_to_change=True)
    return _propose(session, ctx, ChangeKind.ADJUST, account, grams=grams, reason=reason)


def propose_transfer(
    session: Session,
    ctx: Context,
    *,
    account_id: uuid.UUID,
    from_lot_id: uuid.UUID,
    to_lot_id: uuid.UUID,
    grams: int,
    reason: str,
) -> LabelChange:
    """The giving cooperative, or an operator, proposes. Raises LabelAccountNotFound, FruitNotEligible."""
    account = accounts.get(session, ctx, account_id=account_id, is_to_change=True)
    given, taken = session.get(Lot, from_lot_id), session.get(Lot, to_lot_id)
    if given is None or given.cooperative_id != account.cooperative_id:
        raise FruitNotEligible(differing=["from_lot_id"])
    if taken is None or taken.cooperative_id == given.cooperative_id:
        raise FruitNotEligible(differing=["to_lot_id"])
    return _propose(
        session,
        ctx,
        ChangeKind.TRANSFER,
        account,
        grams=grams,
        reason=reason,
        to_cooperative_id=taken.cooperative_id,
        from_lot_id=from_lot_id,
        to_lot_id=to_lot_id,
    )


def approve(session: Session, ctx: Context, *, change_id: uuid.UUID) -> LabelChange:
    """Another operator approves: it happens.

    Raises LabelChangeNotFound, LabelChangeAnswered, SecondPersonNeeded, LabelCreditShort, FruitNotEligible.
    """
    change = _locked(session, ctx, change_id)
    if change.proposed_by == _person(ctx):
        raise SecondPersonNeeded
    if change.kind == ChangeKind.ADJUST:
        _adjust(session, ctx, change)
    else:
        _transfer(session, ctx, change)
    return _answer(session, ctx, change, ChangeState.APPROVED)


def reject(session: Session, ctx: Context, *, change_id: uuid.UUID) -> LabelChange:
    """Raises LabelChangeNotFound, LabelChangeAnswered."""
    return _answer(session, ctx, _locked(session, ctx, change_id), ChangeState.REJECTED)


def get(session: Session, ctx: Context, *, change_id: uuid.UUID) -> LabelChange:
    """Raises LabelChangeNotFound (also for a foreign one)."""
    found = session.scalar(visible(ctx.actor).where(LabelChange.id == change_id))
    if found is None:
        raise LabelChangeNotFound
    return found


def visible(actor: Actor) -> Select[LabelChange]:
    """For staff and the cooperative whose credit it is of."""
    if actor.has(*STAFF, Role.SYSTEM):
        return select(LabelChange)
    own = accounts.visible(actor).with_only_columns(LabelAccount.id)
    return select(LabelChange).where(LabelChange.account_id.in_(own))


def _propose(
    session: Session,
    ctx: Context,
    kind: ChangeKind,
    account: LabelAccount,
    *,
    grams: int,
    reason: str,
    to_cooperative_id: uuid.UUID | None = None,
    from_lot_id: uuid.UUID | None = None,
    to_lot_id: uuid.UUID | None = None,
) -> LabelChange:
    change = LabelChange(
        id=new_id(),
        kind=kind,
        account_id=account.id,
        to_cooperative_id=to_cooperative_id,
        from_lot_id=from_lot_id,
        to_lot_id=to_lot_id,
        grams=grams,
        reason=reason,
        state=ChangeState.PROPOSED,
        proposed_by=_person(ctx),
        proposed_at=ctx.now,
        version=1,
    )
    session.add(change)
    session.flush()
    after = {"kind": str(kind), "grams": grams, "reason": reason}
    audit.record(session, ctx, "label_change.propose", subject=("label_change", change.id), after=after)
    return change


def _adjust(session: Session, ctx: Context, change: LabelChange) -> None:
    account = accounts.locked(session, change.account_id)
    if account.balance_grams + change.grams < 0:
        raise accounts.LabelCreditShort(requested_grams=-change.grams, available_grams=account.balance_grams)
    accounts.post(
        session, ctx, account, LineKind.ADJUST, change.grams, change_id=change.id, reason=change.reason
    )


def _transfer(session: Session, ctx: Context, change: LabelChange) -> None:
    assert change.from_lot_id is not None
    assert change.to_lot_id is not None
    assert change.to_cooperative_id is not None
    both = lots.locked(session, ctx, lot_ids=[change.from_lot_id, change.to_lot_id])
    target = both[change.to_lot_id]
    giving = session.get_one(LabelAccount, change.account_id)
    taking = accounts.opened(
        session,
        ctx,
        cooperative_id=change.to_cooperative_id,
        area_id=giving.area_id,
        season=giving.season,
    )
    giving = accounts.locked(session, giving.id)
    given = carrying.row_of(session, change.from_lot_id, giving.id)
    taken = carrying.row_of(session, change.to_lot_id, taking.id)
    rows = carrying.of_lot(session, target.id)
    room = target.on_hand_grams - sum(row.certified_grams + row.labelled_grams for row in rows)
    numbers = accounts.season_of(session, giving)
    if (
        change.grams > min(given.earned_grams, room)
        or taken.is_suspended
        or target.grade not in numbers.grades
    ):
        raise FruitNotEligible(
            requested_grams=change.grams, eligible_grams=given.earned_grams, room_grams=max(0, room)
        )
    given.earned_grams -= change.grams
    given.certified_grams -= change.grams
    taken.certified_grams += change.grams
    taken.earned_grams += change.grams
    about: dict[str, Any] = {"change_id": change.id, "reason": change.reason}
    accounts.post(
        session, ctx, giving, LineKind.TRANSFER_OUT, -change.grams, lot_id=change.from_lot_id, **about
    )
    accounts.post(session, ctx, taking, LineKind.TRANSFER_IN, change.grams, lot_id=change.to_lot_id, **about)


def _answer(session: Session, ctx: Context, change: LabelChange, state: ChangeState) -> LabelChange:
    change.state, change.answered_by, change.answered_at = state, _person(ctx), ctx.now
    change.version += 1
    session.flush()
    after = {"state": str(state), "grams": change.grams}
    verb = "approve" if state == ChangeState.APPROVED else "reject"
    audit.record(session, ctx, f"label_change.{verb}", subject=("label_change", change.id), after=after)
    return change


def _locked(session: Session, ctx: Context, change_id: uuid.UUID) -> LabelChange:
    found = session.scalar(
        visible(ctx.actor)
        .where(LabelChange.id == change_id)
        .with_for_update(of=LabelChange)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise LabelChangeNotFound
    if found.state != ChangeState.PROPOSED:
        raise LabelChangeAnswered(state=str(found.state))
    return found


def _person(ctx: Context) -> uuid.UUID:
    if ctx.actor.id is None or ctx.actor.kind != "account":
        raise errors.Forbidden
    return ctx.actor.id
