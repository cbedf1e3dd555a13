"""The market, the desk that pays, and a campaign whose boxes may be advanced."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from marketplace.access import Role
from tests.builders import Market, market, operator, shopper
from tests.campaigns.advances.scene import Lending, lending
from tests.house import Caller
from tests.payouts.desk import Desk

__all__ = ["market", "operator", "shopper"]


@pytest.fixture
def desk(market: Market, as_role: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch) -> Desk:
    payer = {"payout_account_name": "宜君苹果平台", "payout_account_number": "100200300"}
    monkeypatch.setitem(market.app.config, "SETTINGS", replace(market.app.config["SETTINGS"], **payer))
    return Desk(
        market=market,
        drafter=as_role(Role.OPERATOR),
        approver=as_role(Role.OPERATOR),
        member=as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],)),
    )


@pytest.fixture
def made(market: Market, desk: Desk, operator: Caller) -> Lending:
    return lending(market, desk, operator)
