"""Transfers between cold stores: weighed out, on the road, weighed in, the gap between told or blocked."""
