"""Attacks on the books: real processes, a stand-in for the payment service, and everything that goes wrong with both.

The suite runs each in small; `make attack-money` runs them in full and writes bench/results/attacks-money.md.
"""
