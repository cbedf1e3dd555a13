"""Promotions: what is taken off a price, by which rule, and who pays for it."""

from campaigns.promotions import budgets, promoting

__all__ = ("budgets", "promoting")
