"""The market of the season's tests, with land that is certified for a label."""

import pytest

from tests.builders import Market, market, operator
from tests.labels import grove as groves
from tests.labels.grove import Grove

__all__ = ["grove", "market", "operator"]


@pytest.fixture
def grove(market: Market) -> Grove:
    return groves.build(market)
