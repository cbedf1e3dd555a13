"""Subscriptions to kept queries: events are sent to whom they are for, by a schedule or as they are told."""
