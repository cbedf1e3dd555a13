"""Lots from a phone with a bad connection: many in one request, each by itself, each safe to send again."""
