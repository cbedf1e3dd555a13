"""A tranche that is due is paid by payouts of its own, of two people; one that comes back leaves it payable again.

What of a tranche is to be paid may grow (fruit is taken in by parts) and shrink (boxes are given back), so each payout
has a row of what it pays of it. What was paid is not asked back: if it is not due any more the cooperative owes it,
and its next settlement nets it. Rows are taken in the order share, payout, cooperative, settlement, ledger.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payouts import payouts
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PAYING, NothingToPayOut, PayoutPurpose, PayoutState
from marketplace.values import new_id
from orders.settlements import settling
from orders.sponsoring.models import SponsoredShare, SponsorPayable, SponsorPayout

UNSENT: Final = (PayoutState.DRAFTED, PayoutState.APPROVED)


class SponsorPayableNotFound(errors.NotFound):
    title = Text(en="There is no such tranche to be paid.", zh="没有该分期应付款。")


def draft_payout(session: Session, ctx: Context, *, payable_id: uuid.UUID) -> Payout:
    """Of all that is due of the tranche and in no other payout. Raises SponsorPayableNotFound, what payouts refuse."""
    share_id = session.scalar(select(SponsorPayable.share_id).where(SponsorPayable.id == payable_id))
    if share_id is None:
        raise SponsorPayableNotFound
    session.get_one(SponsoredShare, share_id, with_for_update=True, populate_existing=True)
    payable = session.get_one(SponsorPayable, payable_id, populate_existing=True)
    known = session.scalar(select(func.count()).where(SponsorPayout.payable_id == payable.id)) or 0
    left = payable.to_pay_minor - paid_minor(session, [payable.id])[payable.id]
    if left <= 0:
        raise NothingToPayOut(amount_minor=left, currency=payable.currency)
    part = SponsorPayout(
        id=new_id(), payable_id=payable.id, number=known + 1, amount_minor=left, drafted_at=ctx.now
    )
    session.add(part)
    session.flush()
    return payouts.draft(
        session,
        ctx,
        purpose=PayoutPurpose.TRANCHE,
        purpose_id=part.id,
        cooperative_id=payable.cooperative_id,
        amount_minor=left,
        currency=payable.currency,
        memo=f"tranche {payable.tranche} {str(payable.share_id)[-12:]}-{part.number}",
    )


def paid_minor(session: Session, payable_ids: Collection[uuid.UUID]) -> defaultdict[uuid.UUID, int]:
    """Of each, what is paid or in a payout that is under way."""
    rows = session.execute(
        select(SponsorPayout.payable_id, func.sum(Payout.amount_minor))
        .join(Payout, Payout.purpose_id == SponsorPayout.id)
        .where(
            SponsorPayout.payable_id.in_(payable_ids),
            Payout.purpose == PayoutPurpose.TRANCHE,
            Payout.state.in_(sorted(PAYING)),
        )
        .group_by(SponsorPayout.payable_id)
    )
    return defaultdict(int, {payable_id: int(minor) for payable_id, minor in rows})


def payouts_of(session: Session, payable_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Payout]]:
    """Of each all its payouts, in their order, whatever became of them."""
    rows = session.execute(
        select(SponsorPayout.payable_id, Payout)
        .join(Payout, Payout.purpose_id == SponsorPayout.id)
        .where(SponsorPayout.payable_id.in_(payable_ids), Payout.purpose == PayoutPurpose.TRANCHE)
        .order_by(SponsorPayout.payable_id, SponsorPayout.number)
    )
    found: dict[uuid.UUID, list[Payout]] = {each: [] for each in payable_ids}
    for payable_id, payout in rows:
        found[payable_id].append(payout)
    return found


def taken_back(session: Session, ctx: Context, payable: SponsorPayable, minor: int) -> int:
    """So much of the tranche of a locked share is not due any more; how much of it is paid, and owed back.

    Payouts that were not sent are cancelled: what is left of the tranche is drafted anew. What is owed back changes
    what a settlement begins with: one that is being looked at is a draft again.
    """
    waiting = session.scalars(
        select(Payout)
        .join(SponsorPayout, SponsorPayout.id == Payout.purpose_id)
        .where(
            SponsorPayout.payable_id == payable.id,
            Payout.purpose == PayoutPurpose.TRANCHE,
            Payout.state.in_(UNSENT),
        )
        .order_by(Payout.id)
        .with_for_update(of=Payout)
        .execution_options(populate_existing=True)
    ).all()
    for each in waiting:
        payouts.cancel(session, ctx, payout_id=each.id, reason="boxes of it were given back")
    unpaid = payable.to_pay_minor - paid_minor(session, [payable.id])[payable.id]
    owed = max(0, minor - unpaid)
    if owed:
        settling.take_back(
            session,
            ctx,
            cooperative_id=payable.cooperative_id,
            currency=payable.currency,
            reason="a tranche that was paid is owed back",
        )
    return owed
