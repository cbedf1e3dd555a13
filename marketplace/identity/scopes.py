"""What a service key may be allowed to do: the one list, from which the access table takes its names. Pure."""

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    CATALOGUE_READ = "catalogue.read"
    LOTS_READ = "lots.read"
    ORDERS_READ = "orders.read"
    CAMPAIGNS_READ = "campaigns.read"
    EPCIS_READ = "epcis.read"
    EPCIS_WRITE = "epcis.write"
    """A partner's system tells events of a county, and reads what became of them."""
    DRAWS_WRITE = "draws.write"
    """A game's server holds boxes of sponsors' pools for its players."""


SCOPES: Final = tuple(scope.value for scope in Scope)
