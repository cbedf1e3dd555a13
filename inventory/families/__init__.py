"""Lots out of lots: split, merged, graded, taken back, and all that came out of one of them."""
