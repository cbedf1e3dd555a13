"""A payout goes from one state to the next: journal, audit, event and ledger in the same transaction.

Locks: the payout, what its subscribers lock, the ledger. Whoever holds what a payout is for (a settlement, an advance)
and wants to move its payout takes the payout first.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, events
from marketplace.context import Context
from marketplace.ledger import ledger
from marketplace.ledger.models import LedgerTransfer
from marketplace.ledger.rules import Phase
from marketplace.payouts import postings
from marketplace.payouts.events import PayoutMoved
from marketplace.payouts.models import Payout, PayoutMove
from marketplace.payouts.states import Method, PayoutPurpose, PayoutState, check_payout_move
from marketplace.points import Point, passed


def move(
    session: Session, ctx: Context, payout: Payout, then: PayoutState, *, reason: str | None = None
) -> None:
    """A locked payout, on which what belongs to the new state is set already. Raises PayoutStateForbids."""
    was = PayoutState(payout.state)
    move_all(session, ctx, [payout], then, reason=reason)
    passed(Point.PAYOUT_TOLD)
    if then == PayoutState.PAID:
        ledger.settle_pending(session, ctx, pending_id=_reserved(session, payout))
    elif then == PayoutState.RETURNED and was == PayoutState.PAID:
        ledger.reverse(
            session, ctx, transfer_id=_posted(session, payout), reason=reason or "the payout came back"
        )
    elif then in (PayoutState.RETURNED, PayoutState.CANCELLED):
        ledger.void(session, ctx, pending_id=_reserved(session, payout), reason=reason)


def move_all(
    session: Session,
    ctx: Context,
    payouts: Sequence[Payout],
    then: PayoutState,
    *,
    reason: str | None = None,
) -> None:
    """The same for many, for moves that book nothing, in a few statements. Raises PayoutStateForbids."""
    moved = []
    for payout in payouts:
        was = PayoutState(payout.state)
        check_payout_move(was, then)
        payout.state, payout.version = then, payout.version + 1
        moved.append((payout, was))
        session.add(
            PayoutMove(
                payout_id=payout.id,
                number=payout.version,
                before=was,
                after=then,
                reason=reason,
                actor=ctx.actor.label,
                request_id=ctx.request_id,
                at=ctx.now,
            )
        )
        told = {"state": str(then)} if reason is None else {"state": str(then), "reason": reason}
        before = {"state": str(was)}
        audit.record(session, ctx, f"payout.{then}", subject=("payout", payout.id), before=before, after=told)
    session.flush()
    passed(Point.PAYOUTS_MOVED)
    for payout, was in moved:
        events.publish(session, ctx, _event(payout, was))


def reserve(session: Session, ctx: Context, payout: Payout) -> None:
    """Raises FloorBroken when so much is not payable."""
    method = Method(payout.method)
    ledger.reserve(
        session,
        ctx,
        kind=postings.kind(method),
        source_id=payout.id,
        lines=postings.lines(
            purpose=PayoutPurpose(payout.purpose),
            method=method,
            cooperative_id=payout.cooperative_id,
            amount_minor=payout.amount_minor,
            currency=payout.currency,
        ),
        reason=payout.memo,
    )


def reserve_anew(session: Session, ctx: Context, payout: Payout, method: Method) -> None:
    """The money leaves from elsewhere than was thought when the payout was drafted."""
    ledger.void(session, ctx, pending_id=_reserved(session, payout), reason="paid by another way")
    passed(Point.PAYOUT_FREED)
    payout.method = method
    reserve(session, ctx, payout)


def _event(payout: Payout, was: PayoutState) -> PayoutMoved:
    return PayoutMoved(
        payout_id=payout.id,
        purpose=PayoutPurpose(payout.purpose),
        purpose_id=payout.purpose_id,
        cooperative_id=payout.cooperative_id,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        was=was,
        state=PayoutState(payout.state),
    )


def _reserved(session: Session, payout: Payout) -> uuid.UUID:
    """The reservation of its present method."""
    wanted = select(LedgerTransfer.id).where(
        LedgerTransfer.kind == postings.kind(Method(payout.method)),
        LedgerTransfer.source_id == payout.id,
        LedgerTransfer.phase == Phase.PENDING,
    )
    return session.scalars(wanted).one()


def _posted(session: Session, payout: Payout) -> uuid.UUID:
    wanted = select(LedgerTransfer.id).where(
        LedgerTransfer.pending_id == _reserved(session, payout), LedgerTransfer.phase == Phase.POST
    )
    return session.scalars(wanted).one()
