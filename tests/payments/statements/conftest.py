"""The market, and who acts in it."""

from tests.builders import buyer, market, operator, shopper

__all__ = ["buyer", "market", "operator", "shopper"]
