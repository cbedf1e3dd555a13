"""A crew to test with."""

import pytest

from tests.builders import Market
from tests.campaigns.work import crew as crews
from tests.campaigns.work.crew import Crew
from tests.house import Caller


@pytest.fixture
def crew(market: Market, operator: Caller) -> Crew:
    return crews.build(market, operator)
