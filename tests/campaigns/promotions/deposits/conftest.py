"""The market, and who acts in it."""

from tests.builders import market, operator, shopper

__all__ = ["market", "operator", "shopper"]
