"""Tests of accounts, log-in, sessions and service keys."""
