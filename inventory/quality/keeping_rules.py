"""How long fruit keeps after its harvest, unless somebody knows better. Pure.

Defaults of the project, on the careful side of what growers say of late apples: four to six months under
refrigeration, up to twelve in controlled atmosphere (ncapplegrowers.com/apple-fact/long-term-storage).
"""

from datetime import date, timedelta
from typing import Final

from inventory.states import Storage

DAYS: Final = {Storage.COLD: 150, Storage.CONTROLLED_ATMOSPHERE: 300}


def best_before(harvested_on: date, storage: Storage, days: int | None = None) -> date:
    """The best-before day; `days`: what is known of this variety in this kind of store."""
    return harvested_on + timedelta(days=DAYS[storage] if days is None else days)
