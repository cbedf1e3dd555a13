"""One command from a fresh checkout to a running shop: `python -m marketplace.running serve|demo|stop|…`."""
