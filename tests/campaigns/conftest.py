"""The market, and who acts in it."""

from tests.builders import buyer, market, operator, shopper
from tests.far import far_app, proxy
from tests.two_ways import ways

__all__ = ["buyer", "far_app", "market", "operator", "proxy", "shopper", "ways"]
