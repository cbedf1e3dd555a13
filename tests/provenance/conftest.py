"""What tests of our own events share."""

from tests.builders import buyer, market, operator, shopper

__all__ = ("buyer", "market", "operator", "shopper")
