"""Measures the end and the allocation of campaigns of up to 100,000 paid orders, and the pages that tell of them."""
