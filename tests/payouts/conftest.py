"""The market, and the desk from which its cooperatives are paid."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from marketplace.access import Role
from tests.builders import Market, market, operator, shopper
from tests.house import Caller
from tests.payouts.desk import BANK, Desk, with_payer

__all__ = ["market", "operator", "shopper"]


@pytest.fixture
def desk(market: Market, as_role: Callable[..., Caller]) -> Desk:
    return Desk(
        market=market,
        drafter=as_role(Role.OPERATOR),
        approver=as_role(Role.OPERATOR),
        member=as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],)),
    )


@pytest.fixture
def payer(app: Flask) -> Iterator[None]:
    with with_payer(app):
        yield


@pytest.fixture
def ready(desk: Desk, payer: None) -> Desk:
    """Two cooperatives with money and a destination."""
    for number in range(2):
        desk.fund(100_000, cooperative=number)
        desk.name(cooperative=number, bank={**BANK, "number": f"622202000000{number:04}"})
    return desk
