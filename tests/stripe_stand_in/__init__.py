"""A stand-in for Stripe's API: an HTTP server on loopback that behaves like it for everything that is used here.

Objects have all the fields that the client's classes publish. `StandIn` is the server and what a test may do to it: act
for payers and banks, look at its books, let it fail, and have its events delivered, late, twice or not at all.
"""

from tests.stripe_stand_in.server import StandIn

__all__ = ["StandIn"]
