"""Calls to addresses that others chose: `rules` says where they may go, `client` makes them. No way inside."""
