"""What tests of the resolver and its pages share."""

import pytest

from tests.builders import Market
from tests.campaigns.tracing import scene as scenes
from tests.campaigns.tracing.scene import Scene
from tests.house import Caller


@pytest.fixture
def scene(market: Market, operator: Caller) -> Scene:
    return scenes.build(market, operator)
