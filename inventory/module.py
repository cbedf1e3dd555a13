"""What inventory plugs in."""

from inventory import api, counting_api, family_api, quality_api, stores_api, transfers_api
from inventory.invariants import INVARIANTS
from inventory.jobs import JOBS
from inventory.store_invariants import STORE_INVARIANTS
from marketplace.module import Module

module = Module(
    name="inventory",
    blueprints=(
        *stores_api.blueprints,
        *api.blueprints,
        *family_api.blueprints,
        transfers_api.blueprint,
        quality_api.blueprint,
        *counting_api.blueprints,
    ),
    jobs=JOBS,
    invariants=(*INVARIANTS, *STORE_INVARIANTS),
)
