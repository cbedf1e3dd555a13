"""The market, and the desk from which its cooperatives are paid."""

from collections.abc import Callable

import pytest

from marketplace.access import Role
from tests.builders import Market, market, operator, shopper
from tests.house import Caller
from tests.payouts.desk import Desk

__all__ = ["market", "operator", "shopper"]


@pytest.fixture
def desk(market: Market, as_role: Callable[..., Caller]) -> Desk:
    return Desk(
        market=market,
        drafter=as_role(Role.OPERATOR),
        approver=as_role(Role.OPERATOR),
        member=as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],)),
    )
