"""A payout that was sent has arrived, or has come back: booked, told to the cooperative, each once."""

from sqlalchemy.orm import Session

from marketplace import database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications.kinds import PayoutPaid, PayoutReturned
from marketplace.notifications.members import notify_members
from marketplace.payouts import moving
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutState, check_payout_move
from marketplace.points import Point, passed
from marketplace.values import Money


class PayoutReceiptBooked(errors.Conflict):
    """This number of the bank has paid another payout before."""

    title = Text(en="This receipt has paid another payout.", zh="该凭证已用于其他付款单。")


def pay(session: Session, ctx: Context, payout: Payout, *, receipt_reference: str) -> None:
    """A locked payout has arrived. Raises PayoutStateForbids, PayoutReceiptBooked."""
    check_payout_move(payout.state, PayoutState.PAID)
    payout.paid_at, payout.receipt_reference = ctx.now, receipt_reference
    with database.refusing({"uq_payout_receipt_reference": PayoutReceiptBooked()}):
        # the state goes with it: a receipt without it is no row that the database takes
        moving.move(session, ctx, payout, PayoutState.PAID)
    passed(Point.PAYOUT_ARRIVED)
    about = PayoutPaid(
        amount=Money(payout.amount_minor, payout.currency), memo=payout.memo, reference=payout.reference
    )
    _tell(session, ctx, payout, about)


def bring_back(session: Session, ctx: Context, payout: Payout, *, reason: str) -> None:
    """A locked payout has come back, also if it was thought to be paid. Raises PayoutStateForbids."""
    check_payout_move(payout.state, PayoutState.RETURNED)
    payout.closed_at, payout.problem = ctx.now, reason[:200]
    moving.move(session, ctx, payout, PayoutState.RETURNED, reason=payout.problem)
    passed(Point.PAYOUT_CAME_BACK)
    about = PayoutReturned(amount=Money(payout.amount_minor, payout.currency), reason=payout.problem)
    _tell(session, ctx, payout, about)


def _tell(session: Session, ctx: Context, payout: Payout, about: PayoutPaid | PayoutReturned) -> None:
    notify_members(
        session, ctx, cooperative_id=payout.cooperative_id, cause=f"{payout.id}:{payout.state}", about=about
    )
