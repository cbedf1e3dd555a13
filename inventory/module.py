"""What inventory plugs in."""

from inventory import api
from inventory.capacity import api as capacity_api
from inventory.capacity.invariants import INVARIANTS as CAPACITY_INVARIANTS
from inventory.cases import api as cases_api
from inventory.cases.invariants import INVARIANTS as CASES_INVARIANTS
from inventory.invariants import INVARIANTS
from inventory.jobs import JOBS
from marketplace.module import Module

module = Module(
    name="inventory",
    blueprints=(*api.blueprints, capacity_api.blueprint, cases_api.blueprint),
    jobs=JOBS,
    invariants=(*INVARIANTS, *CAPACITY_INVARIANTS, *CASES_INVARIANTS),
)
