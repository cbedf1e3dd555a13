"""Composition root: the one place that knows every module. gunicorn and `flask` call `build`."""

from flask import Flask

from campaigns.module import module as campaigns
from inventory.module import module as inventory
from marketplace.app import create_app
from marketplace.ground import module as ground
from marketplace.settings import Settings
from orders.module import module as orders


def build(settings: Settings | None = None) -> Flask:
    """The app with all modules; opens no connection."""
    return create_app(settings or Settings.from_env(), modules=[ground, inventory, orders, campaigns])
