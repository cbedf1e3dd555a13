"""What inventory plugs in."""

from inventory import api
from inventory.batch import api as batch_api
from inventory.batch.invariants import INVARIANTS as BATCH_INVARIANTS
from inventory.capacity import api as capacity_api
from inventory.capacity.invariants import INVARIANTS as CAPACITY_INVARIANTS
from inventory.cases import api as cases_api
from inventory.cases.invariants import INVARIANTS as CASES_INVARIANTS
from inventory.cases.watching import SUBSCRIPTIONS
from inventory.commands import stock_group
from inventory.counting import api as counting_api
from inventory.counting.invariants import INVARIANTS as COUNTING_INVARIANTS
from inventory.families import api as families_api
from inventory.families.invariants import INVARIANTS as FAMILIES_INVARIANTS
from inventory.gate.commands import gate_group
from inventory.invariants import INVARIANTS
from inventory.jobs import JOBS
from inventory.labels import api as labels_api
from inventory.labels import land_api
from inventory.labels.carrying import SUBSCRIPTIONS as CARRYING
from inventory.labels.invariants import INVARIANTS as LABELS_INVARIANTS
from inventory.labels.sheets import api as label_sheets_api
from inventory.provenance.invariants import INVARIANTS as PROVENANCE_INVARIANTS
from inventory.provenance.recording import SUBSCRIPTIONS as PROVENANCE
from inventory.quality import api as quality_api
from inventory.quality.expiring import JOBS as EXPIRING_JOBS
from inventory.quality.invariants import INVARIANTS as QUALITY_INVARIANTS
from inventory.reconciling import api as reconciling_api
from inventory.reconciling.invariants import INVARIANTS as RECONCILING_INVARIANTS
from inventory.reconciling.jobs import JOBS as RECONCILING_JOBS
from inventory.repository import api as repository_api
from inventory.repository.subscriptions import api as subscriptions_api
from inventory.repository.subscriptions.invariants import INVARIANTS as SUBSCRIPTIONS_INVARIANTS
from inventory.repository.subscriptions.jobs import JOBS as SUBSCRIPTIONS_JOBS
from inventory.repository.subscriptions.waking import SUBSCRIPTIONS as WAKING
from inventory.stores import api as stores_api
from inventory.stores.invariants import INVARIANTS as STORES_INVARIANTS
from inventory.telling import SUBSCRIPTIONS as TELLING
from inventory.traces.checkpointing import at_the_end
from inventory.traces.commands import trace_group
from inventory.traces.invariants import INVARIANTS as TRACES_INVARIANTS
from inventory.traces.jobs import JOBS as TRACES_JOBS
from inventory.transfers import api as transfers_api
from inventory.transfers.invariants import INVARIANTS as TRANSFERS_INVARIANTS
from marketplace.module import Module

module = Module(
    name="inventory",
    blueprints=(
        *stores_api.blueprints,
        *api.blueprints,
        families_api.blueprint,
        transfers_api.blueprint,
        *quality_api.blueprints,
        counting_api.blueprint,
        batch_api.blueprint,
        capacity_api.blueprint,
        cases_api.blueprint,
        reconciling_api.blueprint,
        repository_api.blueprint,
        subscriptions_api.blueprint,
        *land_api.blueprints,
        *labels_api.blueprints,
        label_sheets_api.blueprint,
    ),
    jobs=(*JOBS, *EXPIRING_JOBS, *RECONCILING_JOBS, *TRACES_JOBS, *SUBSCRIPTIONS_JOBS),
    subscriptions=(*SUBSCRIPTIONS, *CARRYING, *PROVENANCE, *TELLING, *WAKING),
    commands=(stock_group, gate_group, trace_group),
    invariants=(
        *INVARIANTS,
        *STORES_INVARIANTS,
        *FAMILIES_INVARIANTS,
        *TRANSFERS_INVARIANTS,
        *COUNTING_INVARIANTS,
        *QUALITY_INVARIANTS,
        *BATCH_INVARIANTS,
        *CAPACITY_INVARIANTS,
        *CASES_INVARIANTS,
        *RECONCILING_INVARIANTS,
        *TRACES_INVARIANTS,
        *LABELS_INVARIANTS,
        *PROVENANCE_INVARIANTS,
        *SUBSCRIPTIONS_INVARIANTS,
    ),
    closings=(at_the_end,),
)
