"""What tests of traces share."""

from tests.builders import buyer, market, operator, shopper

__all__ = ("buyer", "market", "operator", "shopper")
