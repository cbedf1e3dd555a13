"""Claims: what becomes of a box that arrived light, damaged, bad or not at all."""
