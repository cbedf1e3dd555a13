"""What becomes of an advance when its payout moves: paid, given up, or come back from the bank.

Money that is paid or comes back changes what a proposed settlement begins with: that one is a draft again. What is
not sent yet when its boxes are settled is not sent any more. Rows are taken in the order payout, cooperative,
settlement, standing, advance, ledger; but a settlement that becomes final has its own lock first, and begins anew where
it meets a payout that moves.
"""

from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.ledger import ledger
from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.rules import Account, Owner, credit, debit
from marketplace.payouts import payouts
from marketplace.payouts.events import PayoutMoved
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutPurpose, PayoutState
from marketplace.points import Point, passed
from orders.events import SettlementsMoved
from orders.settlements import advances_kept, settling
from orders.settlements.advance_models import Advance, AdvanceStanding
from orders.settlements.advance_states import AdvanceLineKind, AdvanceState
from orders.settlements.models import Settlement
from orders.settlements.states import SettlementState

OVER: Final = frozenset({PayoutState.CANCELLED, PayoutState.RETURNED})
UNDONE: Final = "advance_undone"
"""The fact in the ledger; its source is the payout that came back."""


def on_payout_moved(session: Session, ctx: Context, event: PayoutMoved) -> None:
    """Paid, it is outstanding. Cancelled or returned, it is as it was asked for, and may be granted anew."""
    if event.purpose != PayoutPurpose.ADVANCE or event.state not in (PayoutState.PAID, *OVER):
        return
    if PayoutState.PAID in (event.was, event.state):
        settling.take_back(
            session,
            ctx,
            cooperative_id=event.cooperative_id,
            currency=event.currency,
            reason="an advance was paid" if event.state == PayoutState.PAID else "an advance came back",
        )
        passed(Point.SETTLEMENT_REOPENED)
    standing, advance = advances_kept.locked(session, event.purpose_id)
    if advance.payout_id != event.payout_id:
        return
    if event.state == PayoutState.PAID:
        _pay(session, ctx, standing, advance)
    else:
        _give_up(session, ctx, standing, advance)
    session.flush()


def on_settlements_moved(session: Session, ctx: Context, event: SettlementsMoved) -> None:
    """They are final: what was granted on their boxes and is not sent yet would be paid on top of them."""
    if event.after != SettlementState.FINAL:
        return
    waiting = session.scalars(
        select(Payout.id)
        .join(Advance, Advance.payout_id == Payout.id)
        .join(
            Settlement,
            and_(
                Settlement.campaign_id == Advance.purpose_id,
                Settlement.cooperative_id == Advance.cooperative_id,
                Settlement.currency == Advance.currency,
            ),
        )
        .where(
            Settlement.id.in_(event.settlement_ids),
            Advance.state == AdvanceState.GRANTED,
            Payout.state.in_((PayoutState.DRAFTED, PayoutState.APPROVED)),
        )
        .order_by(Payout.id)
    ).all()
    for payout_id in waiting:
        payouts.cancel(session, ctx, payout_id=payout_id, reason="its boxes are settled")
        passed(Point.ADVANCE_CANCELLED)


def _pay(session: Session, ctx: Context, standing: AdvanceStanding, advance: Advance) -> None:
    assert advance.amount_minor is not None, "a granted advance has its amount"
    standing.promised_minor -= advance.amount_minor
    advance.paid_at = ctx.now
    advances_kept.move(session, ctx, advance, AdvanceState.PAID)
    passed(Point.ADVANCE_PAID)
    advances_kept.write(
        session,
        ctx,
        standing,
        advance,
        AdvanceLineKind.PAID,
        advance.amount_minor,
        payout_id=advance.payout_id,
    )


def _give_up(session: Session, ctx: Context, standing: AdvanceStanding, advance: Advance) -> None:
    assert advance.amount_minor is not None, "a granted advance has its amount"
    if advance.state == AdvanceState.GRANTED:
        standing.promised_minor -= advance.amount_minor
        standing.version += 1
    else:
        _come_back(session, ctx, standing, advance)
    advances_kept.move(session, ctx, advance, AdvanceState.ASKED)
    advance.amount_minor = advance.payout_id = advance.paid_at = None
    advance.decided_by = advance.decided_at = None
    passed(Point.ADVANCE_GIVEN_UP)


def _come_back(session: Session, ctx: Context, standing: AdvanceStanding, advance: Advance) -> None:
    """What settlements had repaid of it was taken from what the cooperative earned, and is the cooperative's again."""
    assert advance.amount_minor is not None
    repaid = advance.amount_minor - advance.outstanding_minor
    if repaid:
        assert advance.payout_id is not None, "a paid advance has its payout"
        owner = Owner(kind=OwnerKind.COOPERATIVE, id=advance.cooperative_id)
        prepaid, payable = (
            Account(code=code, currency=advance.currency, owner=owner)
            for code in ("coop_prepaid", "coop_payable")
        )
        lines = (debit(prepaid, repaid), credit(payable, repaid))
        ledger.post(session, ctx, kind=UNDONE, source_id=advance.payout_id, lines=lines)
        passed(Point.ADVANCE_UNDONE)
    kinds = ((AdvanceLineKind.UNDONE, repaid), (AdvanceLineKind.RETURNED, advance.amount_minor))
    for kind, minor in kinds:
        if minor:
            advances_kept.write(session, ctx, standing, advance, kind, minor, payout_id=advance.payout_id)
