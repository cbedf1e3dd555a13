"""The market, and who acts in exports."""

from collections.abc import Callable

import pytest

from marketplace.access import Role
from tests.builders import market, operator, shopper
from tests.house import Caller

__all__ = ["company", "market", "operator", "shopper"]


@pytest.fixture
def company(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.BUYER)
