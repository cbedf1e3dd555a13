"""Subscriptions to kept queries."""
