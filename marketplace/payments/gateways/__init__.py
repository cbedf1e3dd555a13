"""The outside world of money behind one interface. Offline (bank transfer, cash at pick-up) is the default.

A gateway outside is asked between two transactions, by `calls` alone; which one there is says the configuration.
"""

from importlib import import_module
from typing import Final

from flask import Flask, current_app

from marketplace import errors
from marketplace.language import Text
from marketplace.payments.gateways.interface import (
    NOT_SAVABLE,
    Answered,
    Asked,
    ConnectGateway,
    Gateway,
    GatewayRefuses,
    GatewayUnavailable,
    RemoteGateway,
)
from marketplace.payments.gateways.offline import OfflineGateway
from marketplace.settings import Settings

__all__ = [
    "GATEWAYS",
    "NOT_SAVABLE",
    "OFFLINE",
    "Answered",
    "Asked",
    "ConnectGateway",
    "Gateway",
    "GatewayNotOffered",
    "GatewayRefuses",
    "GatewayUnavailable",
    "RemoteGateway",
    "configure",
    "connect",
    "is_remote_there",
    "remote",
]

OFFLINE: Final = OfflineGateway()
_STRIPE: Final = "marketplace.payments.gateways.stripe_gateway"

GATEWAYS: Final[dict[str, Gateway]] = {OFFLINE.name: OFFLINE}
"""Those that answer at once, by the name that stands on a payment."""


class GatewayNotOffered(errors.Conflict):
    """No gateway outside is configured: everybody pays by bank transfer or in cash."""

    title = Text(en="Payment by card or wallet is not offered here.", zh="本站不支持银行卡或电子钱包付款。")


def configure(app: Flask, settings: Settings) -> None:
    """Calls nobody. Stripe's library is large: without a key no process loads it."""
    app.extensions["remote_gateway"] = None
    if settings.stripe_secret_key:
        app.extensions["remote_gateway"] = import_module(_STRIPE).StripeGateway(
            secret_key=settings.stripe_secret_key,
            webhook_secret=settings.stripe_webhook_secret,
            api_base=settings.stripe_api_base,
            methods=tuple(settings.stripe_methods.split(",")),
            return_url=settings.stripe_return_url or settings.public_url,
            captures_later=settings.stripe_capture == "manual",
        )


def remote() -> RemoteGateway:
    """The gateway outside. Raises GatewayNotOffered."""
    found: RemoteGateway | None = current_app.extensions["remote_gateway"]
    if found is None:
        raise GatewayNotOffered
    return found


def is_remote_there() -> bool:
    """Whether there is a gateway outside."""
    return current_app.extensions["remote_gateway"] is not None


def connect() -> ConnectGateway:
    """The same gateway, for transfers to cooperatives' own accounts. Raises GatewayNotOffered."""
    found: ConnectGateway | None = current_app.extensions["remote_gateway"]
    if found is None:
        raise GatewayNotOffered
    return found
