"""A whole season of ten thousand shoppers made by a seed: the same seed, the same season to the byte."""
