"""A settlement's life: proposed, objected to, accepted or let lapse, answered; and who may see it.

The cooperative means exactly the statement whose digest it names. Rows are taken in the order settlement, cooperative,
parts of storage bills, and then as `finishing` says.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.points import Point, passed
from marketplace.values import instant_text
from orders.events import SettlementsMoved
from orders.settlements import finishing, journal, kept
from orders.settlements.drafting import RetentionInThePast
from orders.settlements.gathering import Key
from orders.settlements.journal import Moved
from orders.settlements.kept import AccountInUse
from orders.settlements.models import Settlement
from orders.settlements.rules import LineKind, settle
from orders.settlements.states import SettlementEvent, SettlementKind, SettlementState, after
from orders.settlements.storage import parts as storage_parts

BATCH: Final = 200
"""How many settlements lapse in one unit of work."""


class SettlementNotFound(errors.NotFound):
    title = Text(en="There is no such settlement.", zh="没有该结算单。")


class StatementChanged(errors.Conflict):
    """The statement is not the one whose digest was named: read it again."""

    title = Text(en="The statement has changed since it was read.", zh="结算单内容已变更。")


class ObjectionsOver(errors.Gone):
    """The days to object are over since `objections_until`."""

    title = Text(en="The time to object is over.", zh="异议期限已过。")


class NothingToRelease(errors.Conflict):
    """Nothing is kept of the cooperative in this currency whose day has come."""

    title = Text(en="There is no retention to be released.", zh="没有可释放的质保金。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """How many settlements of a campaign were proposed, and those that wait for another one of their cooperative."""

    proposed: int
    waiting: tuple[str, ...]


def visible(ctx: Context) -> Select[Settlement]:
    """All for staff; a cooperative's members see theirs from the proposal on."""
    statement = select(Settlement)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(
        Settlement.cooperative_id.in_(ctx.actor.cooperative_ids), Settlement.state != SettlementState.DRAFT
    )


def get(session: Session, ctx: Context, *, settlement_id: uuid.UUID) -> Settlement:
    """Raises SettlementNotFound."""
    found = session.scalar(visible(ctx).where(Settlement.id == settlement_id))
    if found is None:
        raise SettlementNotFound
    return found


def locked(session: Session, ctx: Context, settlement_id: uuid.UUID) -> Settlement:
    """Raises SettlementNotFound."""
    found = session.scalar(
        visible(ctx)
        .where(Settlement.id == settlement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise SettlementNotFound
    return found


def propose(session: Session, ctx: Context, *, settlement_id: uuid.UUID) -> Settlement:
    """Its cooperative reads it, and may object for some days.

    Raises SettlementNotFound, SettlementStateForbids, AccountInUse, RetentionInThePast, NothingToRelease,
    StatementNotProved.
    """
    settlement = locked(session, ctx, settlement_id)
    after(settlement.state, SettlementEvent.PROPOSE)
    if waiting := propose_these(session, ctx, [settlement]):
        raise AccountInUse(number=waiting[0])
    return settlement


def propose_all(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Proposed:
    """All drafts of a campaign but those that must wait. Raises RetentionInThePast, StatementNotProved."""
    drafts = session.scalars(
        select(Settlement)
        .where(Settlement.campaign_id == campaign_id, Settlement.state == SettlementState.DRAFT)
        .order_by(Settlement.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    propose_these(session, ctx, drafts)
    waiting = tuple(sorted(each.number for each in drafts if each.state == SettlementState.DRAFT))
    return Proposed(proposed=len(drafts) - len(waiting), waiting=waiting)


def propose_these(session: Session, ctx: Context, drafts: Sequence[Settlement]) -> list[str]:
    """Of locked drafts those are proposed of whose cooperative no other is looked at; the numbers of those others.

    What a statement begins with may have changed since it was drafted: it is settled anew from its facts.
    Raises RetentionInThePast, NothingToRelease, StatementNotProved.
    """
    kept.lock(session, {each.cooperative_id for each in drafts})
    in_use = kept.looked_at(session, [_key(each) for each in drafts])
    ready: dict[Key, Settlement] = {}
    blocking = []
    for each in drafts:
        other = in_use.get(_key(each))
        if other is None and _key(each) in ready:
            other = ready[_key(each)].number
        if other is not None:
            blocking.append(other)
            continue
        ready[_key(each)] = each
    if not ready:
        return blocking
    before = kept.accounts(session, ready)
    stored = storage_parts.take(session, {key: each.id for key, each in ready.items()})
    for key, each in ready.items():
        facts = replace(journal.facts_of(each), settled_on=ctx.today, storage=stored.get(key, ()))
        if facts.terms.retained_until is not None and facts.terms.retained_until <= ctx.today:
            raise RetentionInThePast
        statement = settle(facts, before[key])
        if each.kind == SettlementKind.RELEASE and not journal.of_kind(statement, LineKind.RELEASED):
            raise NothingToRelease
        journal.put(each, statement)
        each.proposed_at = ctx.now
        each.objections_until = ctx.now + timedelta(days=each.objection_days)
        each.objection = each.objected_by = each.answer = each.answered_by = None
    passed(Point.SETTLEMENTS_FROZEN)
    _go(session, ctx, list(ready.values()), SettlementEvent.PROPOSE, SettlementState.PROPOSED)
    return blocking


def withdraw(session: Session, ctx: Context, *, settlement_id: uuid.UUID, reason: str) -> Settlement:
    """An operator has found a mistake: it is a draft again. Raises SettlementNotFound, SettlementStateForbids."""
    settlement = locked(session, ctx, settlement_id)
    return _back(session, ctx, settlement, SettlementEvent.WITHDRAW, reason)


def object_to(
    session: Session, ctx: Context, *, settlement_id: uuid.UUID, digest: str, reason: str
) -> Settlement:
    """The cooperative says what is wrong.

    Raises SettlementNotFound, SettlementStateForbids, StatementChanged, ObjectionsOver.
    """
    settlement = locked(session, ctx, settlement_id)
    then = after(settlement.state, SettlementEvent.OBJECT)
    _check_digest(settlement, digest)
    assert settlement.objections_until is not None, "what is proposed has its days"
    if settlement.objections_until <= ctx.now:
        raise ObjectionsOver(objections_until=instant_text(settlement.objections_until))
    settlement.objection, settlement.objected_by = reason, ctx.actor.label
    settlement.answer = settlement.answered_by = None
    _go(session, ctx, [settlement], SettlementEvent.OBJECT, then, reason=reason)
    return settlement


def accept(session: Session, ctx: Context, *, settlement_id: uuid.UUID, digest: str) -> Settlement:
    """The cooperative agrees: final before its days are over.

    Raises SettlementNotFound, SettlementStateForbids, StatementChanged.
    """
    settlement = locked(session, ctx, settlement_id)
    after(settlement.state, SettlementEvent.ACCEPT)
    _check_digest(settlement, digest)
    _finish(session, ctx, [settlement], SettlementEvent.ACCEPT)
    return settlement


def lapse(session: Session, ctx: Context) -> int:
    """Those whose days to object are over are final, a batch of them; how many."""
    due = session.scalars(
        select(Settlement)
        .where(Settlement.state == SettlementState.PROPOSED, Settlement.objections_until <= ctx.now)
        .order_by(Settlement.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    _finish(session, ctx, due, SettlementEvent.LAPSE)
    return len(due)


def revise(session: Session, ctx: Context, *, settlement_id: uuid.UUID, answer: str) -> Settlement:
    """The objection is right: a draft again, computed anew and proposed again with all its days.

    Raises SettlementNotFound, SettlementStateForbids.
    """
    settlement = locked(session, ctx, settlement_id)
    after(settlement.state, SettlementEvent.REVISE)
    settlement.answer, settlement.answered_by = answer, ctx.actor.label
    return _back(session, ctx, settlement, SettlementEvent.REVISE, answer)


def dismiss(session: Session, ctx: Context, *, settlement_id: uuid.UUID, answer: str) -> Settlement:
    """The objection is answered and changes nothing: final. Raises SettlementNotFound, SettlementStateForbids."""
    settlement = locked(session, ctx, settlement_id)
    after(settlement.state, SettlementEvent.DISMISS)
    settlement.answer, settlement.answered_by = answer, ctx.actor.label
    _finish(session, ctx, [settlement], SettlementEvent.DISMISS, reason=answer)
    return settlement


def take_back(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, currency: str, reason: str
) -> None:
    """What a cooperative stands at has changed from elsewhere: what is being looked at is a draft again, to be computed
    anew. Its locks come before those of advances.
    """
    kept.lock(session, [cooperative_id])
    found = session.scalars(
        select(Settlement)
        .where(
            Settlement.cooperative_id == cooperative_id,
            Settlement.currency == currency,
            Settlement.state.in_(kept.LOOKED_AT),
        )
        .order_by(Settlement.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for each in found:
        is_proposed = each.state == SettlementState.PROPOSED
        event = SettlementEvent.WITHDRAW if is_proposed else SettlementEvent.REVISE
        _back(session, ctx, each, event, reason)


def pay(session: Session, ctx: Context, settlements: Sequence[Settlement], *, reason: str) -> None:
    """Locked final settlements whose payout has arrived, or that pay nothing."""
    for each in settlements:
        each.paid_at = ctx.now
    _go(session, ctx, settlements, SettlementEvent.PAY, SettlementState.PAID, reason=reason)


def give_back(session: Session, ctx: Context, settlement: Settlement, *, reason: str) -> None:
    """The payout of a locked settlement came back: it is payable again. Raises SettlementStateForbids."""
    then = after(settlement.state, SettlementEvent.RETURN)
    settlement.paid_at = None
    _go(session, ctx, [settlement], SettlementEvent.RETURN, then, reason=reason)


def _finish(
    session: Session,
    ctx: Context,
    settlements: Sequence[Settlement],
    event: SettlementEvent,
    *,
    reason: str | None = None,
) -> None:
    """Locked settlements are final; those that pay nothing are paid at once."""
    if not settlements:
        return
    was = {each.id: each.state for each in settlements}
    finishing.finish(session, ctx, settlements)
    passed(Point.SETTLEMENTS_BOOKED)
    _told(session, ctx, settlements, event, SettlementState.FINAL, was=was, reason=reason)
    if nothing := [each for each in settlements if not each.payout_minor]:
        pay(session, ctx, nothing, reason="nothing is to be paid")


def _back(
    session: Session, ctx: Context, settlement: Settlement, event: SettlementEvent, reason: str
) -> Settlement:
    then = after(settlement.state, event)
    storage_parts.give_back(session, settlement.id)
    settlement.proposed_at = settlement.objections_until = None
    _go(session, ctx, [settlement], event, then, reason=reason)
    return settlement


def _go(
    session: Session,
    ctx: Context,
    settlements: Sequence[Settlement],
    event: SettlementEvent,
    then: SettlementState,
    *,
    reason: str | None = None,
) -> None:
    was = {each.id: each.state for each in settlements}
    for each in settlements:
        each.state = then
    _told(session, ctx, settlements, event, then, was=was, reason=reason)


def _told(
    session: Session,
    ctx: Context,
    settlements: Sequence[Settlement],
    event: SettlementEvent,
    then: SettlementState,
    *,
    was: dict[uuid.UUID, str],
    reason: str | None,
) -> None:
    for each in settlements:
        each.version += 1
    moved = [Moved(settlement=each, event=event, before=was[each.id], reason=reason) for each in settlements]
    journal.write(session, ctx, moved)
    passed(Point.SETTLEMENTS_MOVED)
    ids = tuple(each.id for each in settlements)
    events.publish(session, ctx, SettlementsMoved(settlement_ids=ids, event=event, after=then))


def _check_digest(settlement: Settlement, digest: str) -> None:
    if settlement.digest != digest:
        raise StatementChanged(digest=settlement.digest)


def _key(settlement: Settlement) -> Key:
    return settlement.cooperative_id, settlement.currency
