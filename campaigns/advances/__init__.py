"""Advances on a campaign's boxes: what may be advanced and why, asked, granted, and how exposed the marketplace is."""
