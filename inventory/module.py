"""What inventory plugs in."""

from inventory import api
from inventory.invariants import INVARIANTS
from inventory.jobs import JOBS
from marketplace.module import Module

module = Module(name="inventory", blueprints=api.blueprints, jobs=JOBS, invariants=INVARIANTS)
