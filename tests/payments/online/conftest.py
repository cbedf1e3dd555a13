"""The market, and the stand-in for Stripe that its payments go through."""

from collections.abc import Iterator

import pytest
from flask import Flask

from marketplace.payments.gateways.stripe_gateway import StripeGateway
from tests.builders import buyer, market, operator, shopper
from tests.payments.online import there
from tests.payments.online.there import There
from tests.stripe_stand_in import StandIn

__all__ = ["buyer", "market", "operator", "shopper"]


@pytest.fixture
def gateway(stand_in: StandIn) -> StripeGateway:
    return there.gateway_at(stand_in.url)


@pytest.fixture
def holding(online: There, app: Flask, monkeypatch: pytest.MonkeyPatch) -> There:
    """The same, and cards are held first: STRIPE_CAPTURE=manual."""
    later = there.gateway_at(online.stand_in.url, captures_later=True)
    monkeypatch.setitem(app.extensions, "remote_gateway", later)
    return online


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as found:
        yield found


@pytest.fixture
def online(
    app: Flask, market, stand_in: StandIn, gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> There:
    """Payments go through the stand-in."""
    monkeypatch.setitem(app.extensions, "remote_gateway", gateway)
    return There(market=market, stand_in=stand_in)
