"""What the ground plugs in: identity, catalogue, payments, jobs, notifications."""

from marketplace.catalogue import api as catalogue_api
from marketplace.catalogue.invariants import INVARIANTS as CATALOGUE_INVARIANTS
from marketplace.identity import api as identity_api
from marketplace.identity.commands import COMMANDS
from marketplace.identity.invariants import INVARIANTS as IDENTITY_INVARIANTS
from marketplace.identity.jobs import JOBS as IDENTITY_JOBS
from marketplace.invariants import INVARIANTS
from marketplace.jobs import api as jobs_api
from marketplace.jobs.builtin import JOBS
from marketplace.jobs.invariants import INVARIANTS as JOBS_INVARIANTS
from marketplace.module import Module
from marketplace.notifications import api as notifications_api
from marketplace.notifications.delivering import JOBS as NOTIFICATION_JOBS
from marketplace.notifications.invariants import INVARIANTS as NOTIFICATION_INVARIANTS
from marketplace.payments import api as payments_api
from marketplace.payments.at_till import FAST_DOORS as PAYMENT_FAST_DOORS

module = Module(
    name="ground",
    blueprints=(
        *identity_api.blueprints,
        *catalogue_api.blueprints,
        payments_api.blueprint,
        notifications_api.blueprint,
        *jobs_api.blueprints,
    ),
    fast_doors=PAYMENT_FAST_DOORS,
    jobs=(*JOBS, *IDENTITY_JOBS, *NOTIFICATION_JOBS),
    commands=COMMANDS,
    invariants=(
        *INVARIANTS,
        *IDENTITY_INVARIANTS,
        *CATALOGUE_INVARIANTS,
        *JOBS_INVARIANTS,
        *NOTIFICATION_INVARIANTS,
    ),
)
