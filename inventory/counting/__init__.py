"""Counting: what a lot weighs in truth, and whether it lost more than fruit loses."""
