"""What campaigns plug in."""

from campaigns import advancing, api, ending, my_orders_api, planning, subscriptions
from campaigns.allotting import api as allotting_api
from campaigns.allotting.invariants import INVARIANTS as ALLOTTING_INVARIANTS
from campaigns.allotting.jobs import JOBS as ALLOTTING_JOBS
from campaigns.commands import campaigns_group
from campaigns.demo.command import demo_command
from campaigns.events import CampaignMoved
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from campaigns.promotions import api as promotions_api
from campaigns.promotions import budgets, quoting, spending
from campaigns.promotions.invariants import INVARIANTS as PROMOTION_INVARIANTS
from campaigns.shortage import api as shortage_api
from campaigns.shortage import closing
from campaigns.shortage.invariants import INVARIANTS as SHORTAGE_INVARIANTS
from campaigns.telling import SUBSCRIPTIONS
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
        *shortage_api.BLUEPRINTS,
        *promotions_api.BLUEPRINTS,
    ),
    fast_doors=FAST_DOORS,
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        Job(name="campaigns.give_back_lapsed", run=budgets.give_back_lapsed, cron="* * * * *"),
        *advancing.JOBS,
        *ending.JOBS,
        *closing.JOBS,
        *ALLOTTING_JOBS,
        Job(name=subscriptions.TELL, run=subscriptions.tell),
    ),
    subscriptions=(
        *SUBSCRIPTIONS,
        (CampaignMoved, subscriptions.on_campaign_moved),
        (CampaignMoved, ending.on_campaign_moved),
        (CampaignMoved, spending.on_campaign_moved),
        (OrderAsked, quoting.on_order_asked),
        (OrderMoved, spending.on_order_moved),
    ),
    commands=(demo_command, campaigns_group),
    invariants=(*INVARIANTS, *ALLOTTING_INVARIANTS, *SHORTAGE_INVARIANTS, *PROMOTION_INVARIANTS),
)
