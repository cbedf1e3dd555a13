"""The one table that says who may call which operation. Pure.

An operation that is not in the table is refused for everybody, and a test fails. Ownership (whose lot, whose
order) is decided in the use case, where a foreign id looks like a missing one.
"""

from typing import Final

from marketplace.access.ground import GROUND
from marketplace.access.roles import EVERYONE, PEOPLE, STAFF, Access, Role
from marketplace.access.sales import SALES
from marketplace.access.stock import STOCK

__all__ = ("ACCESS", "EVERYONE", "PEOPLE", "STAFF", "Access", "Role")

ACCESS: Final[dict[str, Access]] = {**GROUND, **STOCK, **SALES}
"""Endpoint name (blueprint.function) → who may call it."""
