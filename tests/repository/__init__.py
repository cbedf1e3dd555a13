"""Tests of the repository of events: its queries and its doors."""
