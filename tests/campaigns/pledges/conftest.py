"""The market, and a member of its first cooperative."""

from collections.abc import Callable

import pytest

from marketplace.access import Role
from tests.builders import Market, market, operator, shopper
from tests.house import Caller

__all__ = ["market", "member", "operator", "shopper"]


@pytest.fixture
def member(market: Market, as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
