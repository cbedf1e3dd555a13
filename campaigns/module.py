"""What campaigns plug in."""

from campaigns import (
    advancing,
    api,
    balances,
    ending,
    my_orders_api,
    notifying,
    planning,
    subscriptions,
)
from campaigns.advances import api as advances_api
from campaigns.advances.commands import advances_group
from campaigns.allotting import api as allotting_api
from campaigns.allotting.invariants import INVARIANTS as ALLOTTING_INVARIANTS
from campaigns.allotting.jobs import JOBS as ALLOTTING_JOBS
from campaigns.commands import campaigns_group
from campaigns.demo.command import demo_command
from campaigns.events import CampaignMoved
from campaigns.evidence import api as evidence_api
from campaigns.evidence.invariants import INVARIANTS as EVIDENCE_INVARIANTS
from campaigns.exports import api as exports_api
from campaigns.exports import exporting
from campaigns.exports.invariants import INVARIANTS as EXPORT_INVARIANTS
from campaigns.fast import FAST_DOORS
from campaigns.fulfilment import api as fulfilment_api
from campaigns.fulfilment import sending, short_picks_api
from campaigns.invariants import INVARIANTS
from campaigns.pledges import api as pledges_api
from campaigns.pledges import following
from campaigns.pledges.invariants import INVARIANTS as PLEDGE_INVARIANTS
from campaigns.pledges.lapsing import JOBS as PLEDGE_JOBS
from campaigns.pledges.telling import SUBSCRIPTIONS as PLEDGE_SUBSCRIPTIONS
from campaigns.policy import api as policy_api
from campaigns.policy.invariants import INVARIANTS as POLICY_INVARIANTS
from campaigns.promotions import api as promotions_api
from campaigns.promotions import budgets, quoting, spending
from campaigns.promotions.groups import api as groups_api
from campaigns.promotions.groups import settling
from campaigns.promotions.groups.invariants import INVARIANTS as GROUP_INVARIANTS
from campaigns.promotions.invariants import INVARIANTS as PROMOTION_INVARIANTS
from campaigns.settling import api as settling_api
from campaigns.shortage import api as shortage_api
from campaigns.shortage import applying, closing, proceeding, waiting
from campaigns.shortage import telling as shortage_telling
from campaigns.shortage.invariants import INVARIANTS as SHORTAGE_INVARIANTS
from campaigns.telling import SUBSCRIPTIONS
from campaigns.tracing import pages as trace_pages
from campaigns.web import pages
from marketplace.module import Job, Module
from orders.events import OrderAsked, OrderMoved

module = Module(
    name="campaigns",
    blueprints=(
        api.blueprint,
        my_orders_api.blueprint,
        allotting_api.allocations,
        allotting_api.commitments,
        allotting_api.runs,
        policy_api.policies,
        *shortage_api.BLUEPRINTS,
        pledges_api.of_campaigns,
        pledges_api.pledges,
        *exports_api.BLUEPRINTS,
        *promotions_api.BLUEPRINTS,
        *groups_api.BLUEPRINTS,
        fulfilment_api.blueprint,
        short_picks_api.blueprint,
        settling_api.blueprint,
        *advances_api.BLUEPRINTS,
        *evidence_api.BLUEPRINTS,
    ),
    pages=(pages.blueprint, trace_pages.blueprint),
    fast_doors=(*FAST_DOORS, *trace_pages.FAST_DOORS),
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        Job(name="campaigns.give_back_lapsed", run=budgets.give_back_lapsed, cron="* * * * *"),
        Job(name="campaigns.lapse_exports", run=exporting.lapse, cron="* * * * *"),
        *advancing.JOBS,
        *balances.JOBS,
        *ending.JOBS,
        *notifying.JOBS,
        *closing.JOBS,
        *sending.JOBS,
        *applying.JOBS,
        *waiting.JOBS,
        *shortage_telling.JOBS,
        *ALLOTTING_JOBS,
        *PLEDGE_JOBS,
        *following.JOBS,
        *settling.JOBS,
        Job(name=subscriptions.TELL, run=subscriptions.tell),
    ),
    subscriptions=(
        *SUBSCRIPTIONS,
        *notifying.SUBSCRIPTIONS,
        *PLEDGE_SUBSCRIPTIONS,
        *following.SUBSCRIPTIONS,
        *shortage_telling.SUBSCRIPTIONS,
        *proceeding.SUBSCRIPTIONS,
        (CampaignMoved, subscriptions.on_campaign_moved),
        (CampaignMoved, ending.on_campaign_moved),
        (CampaignMoved, spending.on_campaign_moved),
        (OrderAsked, quoting.on_order_asked),
        (OrderMoved, spending.on_order_moved),
        *settling.SUBSCRIPTIONS,
    ),
    commands=(demo_command, campaigns_group, advances_group),
    invariants=(
        *INVARIANTS,
        *ALLOTTING_INVARIANTS,
        *SHORTAGE_INVARIANTS,
        *PROMOTION_INVARIANTS,
        *GROUP_INVARIANTS,
        *PLEDGE_INVARIANTS,
        *EXPORT_INVARIANTS,
        *POLICY_INVARIANTS,
        *EVIDENCE_INVARIANTS,
    ),
)
