"""Promotions: what is taken off a price, by which rule, and who pays for it."""
