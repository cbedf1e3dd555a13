"""How fast events are taken in, followed, verified and shown: `make bench-trace`."""
