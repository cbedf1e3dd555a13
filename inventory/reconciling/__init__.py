"""Reconciliation: counters rebuilt from journals and holds, compared, and set right only by a line that says so."""
