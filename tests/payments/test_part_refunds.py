"""Money that goes back in part: never more than came, once for each source."""

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from marketplace import database
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import PartRefund
from marketplace.payments.part_refunds import RefundTooLarge
from marketplace.payments.states import PartRefundKind, PaymentNotAwaited
from tests.builders import PRICE_MINOR, Market, confirmed, paid
from tests.house import Caller

REFUND, COMPENSATION = PartRefundKind.REFUND, PartRefundKind.COMPENSATION


def owe(market: Market, order: dict, *parts: tuple[PartRefundKind, int], source_id: uuid.UUID) -> int:
    """What is kept of the payment afterwards."""
    order_id = uuid.UUID(order["id"])

    def work(session) -> int:
        [payment] = payments.lock_of_orders(session, [order_id])[order_id]
        owed = [(payment, kind, minor) for kind, minor in parts]
        part_refunds.owe_parts(session, market.ctx, owed, reason="shortage", source_id=source_id)
        return payment.kept_minor

    return database.transact(work)


def test_a_refund_lowers_what_is_kept_and_compensation_does_not(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = paid(shopper, operator, market.on_sale(), 2)
    source = uuid.uuid4()
    assert (
        owe(market, order, (REFUND, 200), (COMPENSATION, 90_000), source_id=source) == 2 * PRICE_MINOR - 200
    )
    with pytest.raises(IntegrityError):
        owe(market, order, (REFUND, 1), source_id=source)
    assert owe(market, order, (REFUND, 2 * PRICE_MINOR - 200), source_id=uuid.uuid4()) == 0
    with market.unchanged(), pytest.raises(RefundTooLarge):
        owe(market, order, (REFUND, 1), source_id=uuid.uuid4())


def test_more_than_was_paid_never_goes_back(market: Market, shopper: Caller, operator: Caller) -> None:
    order = paid(shopper, operator, market.on_sale())
    with market.unchanged(), pytest.raises(RefundTooLarge):
        owe(market, order, (REFUND, PRICE_MINOR), (REFUND, 1), source_id=uuid.uuid4())


def test_what_has_not_come_cannot_go_back(market: Market, shopper: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    with market.unchanged(), pytest.raises(PaymentNotAwaited):
        owe(market, order, (REFUND, 1), source_id=uuid.uuid4())
    with database.reading() as session:
        assert session.scalars(select(PartRefund)).all() == []
