"""What the ground plugs in: identity, addresses, catalogue, money, jobs, webhooks, notifications."""

from marketplace.addresses import api as addresses_api
from marketplace.addresses.invariants import INVARIANTS as ADDRESSES_INVARIANTS
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
from marketplace.ledger import api as ledger_api
from marketplace.ledger.commands import COMMANDS as LEDGER_COMMANDS
from marketplace.ledger.invariants import INVARIANTS as LEDGER_INVARIANTS
from marketplace.module import Module
from marketplace.notifications import api as notifications_api
from marketplace.notifications.delivering import JOBS as NOTIFICATION_JOBS
from marketplace.notifications.invariants import INVARIANTS as NOTIFICATION_INVARIANTS
from marketplace.payments import api as payments_api
from marketplace.payments import online_api, refunds_api
from marketplace.payments.at_till import FAST_DOORS as PAYMENT_FAST_DOORS
from marketplace.payments.invariants import INVARIANTS as PAYMENT_INVARIANTS
from marketplace.payments.looking import JOBS as PAYMENT_JOBS
from marketplace.payments.provider_events import TransferTold
from marketplace.payments.saved import api as saved_cards_api
from marketplace.payments.saved.invariants import INVARIANTS as SAVED_INVARIANTS
from marketplace.payments.statements.api import BLUEPRINTS as STATEMENT_BLUEPRINTS
from marketplace.payments.statements.commands import COMMANDS as STATEMENT_COMMANDS
from marketplace.payments.statements.invariants import INVARIANTS as STATEMENT_INVARIANTS
from marketplace.payments.statements.jobs import JOBS as STATEMENT_JOBS
from marketplace.payments.statements.uploading import DebitsStored
from marketplace.payouts import api as payouts_api
from marketplace.payouts import batches_api, calls, confirming, returns_api
from marketplace.payouts.destinations_api import BLUEPRINTS as DESTINATION_BLUEPRINTS
from marketplace.payouts.invariants import INVARIANTS as PAYOUT_INVARIANTS
from marketplace.resealing import reseal
from marketplace.webhooks import api as webhooks_api
from marketplace.webhooks.invariants import INVARIANTS as WEBHOOKS_INVARIANTS
from marketplace.webhooks.jobs import JOBS as WEBHOOKS_JOBS
from marketplace.webhooks.telling import SUBSCRIPTIONS

module = Module(
    name="ground",
    blueprints=(
        *identity_api.blueprints,
        addresses_api.blueprint,
        *catalogue_api.blueprints,
        payments_api.blueprint,
        *STATEMENT_BLUEPRINTS,
        *online_api.BLUEPRINTS,
        refunds_api.blueprint,
        saved_cards_api.blueprint,
        payouts_api.blueprint,
        returns_api.blueprint,
        batches_api.blueprint,
        *DESTINATION_BLUEPRINTS,
        ledger_api.blueprint,
        notifications_api.blueprint,
        *jobs_api.blueprints,
        *webhooks_api.blueprints,
    ),
    fast_doors=PAYMENT_FAST_DOORS,
    jobs=(
        *JOBS,
        *IDENTITY_JOBS,
        *WEBHOOKS_JOBS,
        *NOTIFICATION_JOBS,
        *PAYMENT_JOBS,
        *STATEMENT_JOBS,
        *calls.JOBS,
        *confirming.JOBS,
    ),
    subscriptions=(
        *SUBSCRIPTIONS,
        (DebitsStored, confirming.on_debits_stored),
        (TransferTold, calls.on_transfer_told),
    ),
    commands=(*COMMANDS, *LEDGER_COMMANDS, *STATEMENT_COMMANDS, reseal),
    invariants=(
        *INVARIANTS,
        *IDENTITY_INVARIANTS,
        *ADDRESSES_INVARIANTS,
        *CATALOGUE_INVARIANTS,
        *LEDGER_INVARIANTS,
        *JOBS_INVARIANTS,
        *WEBHOOKS_INVARIANTS,
        *NOTIFICATION_INVARIANTS,
        *STATEMENT_INVARIANTS,
        *PAYMENT_INVARIANTS,
        *SAVED_INVARIANTS,
        *PAYOUT_INVARIANTS,
    ),
)
