"""A market that pays its cooperatives: payouts in every state."""

from sqlalchemy.orm import Session

from marketplace import database
from marketplace.access import Role
from marketplace.ledger.rules import Account
from marketplace.payouts import batching, payouts, sending
from marketplace.payouts.states import PayoutPurpose
from tests import builders, house
from tests.ledger import money
from tests.payouts.desk import Desk, at_stripe, with_gateway, with_payer


def paid_out(market: builders.Market, operator: house.Caller) -> None:
    """A payout in each of its states, an advance, and a transfer that a provider is asked for."""
    member = house.caller(market.app, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    approver = house.caller(market.app, Role.OPERATOR)
    desk = Desk(market=market, drafter=operator, approver=approver, member=member)
    desk.fund(100_000)
    desk.name()
    desk.draft(1_000)
    earned = Account(code="commission_income", currency="SGD")
    money.post(money.clearing("SGD"), earned, 500, kind="earned")
    desk.draft(500, purpose=PayoutPurpose.ADVANCE, currency="SGD")
    desk.approved(1_000)
    cancelled = desk.draft(1_000)
    sent, gone, back, late = (desk.approved(1_000) for _ in range(4))
    ctx = desk.person(operator)

    def work(session: Session) -> None:
        payouts.cancel(session, ctx, payout_id=cancelled.id)
        ids = [each.id for each in (sent, gone, back, late)]
        batching.make(session, ctx, currency="CNY", file_format="csv", payout_ids=ids)
        for each in (gone, late):
            sending.mark_paid(session, ctx, payout_id=each.id, receipt_reference=f"OUT:{each.reference}")
        for each in (back, late):
            sending.mark_returned(session, ctx, payout_id=each.id, reason="closed")

    with with_payer(market.app):
        database.transact(work)
    desk.fund(1_000, cooperative=1)
    at_stripe(desk, cooperative=1)
    asked = desk.approved(1_000, cooperative=1)
    with with_gateway(market.app):
        database.transact(lambda session: sending.send(session, ctx, payout_id=asked.id))
