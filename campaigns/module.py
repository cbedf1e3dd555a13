"""What campaigns plug in."""

from campaigns import api, planning, subscriptions
from campaigns.demo.command import demo_command
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from marketplace.module import Job, Module

module = Module(
    name="campaigns",
    blueprints=(api.blueprint,),
    fast_doors=FAST_DOORS,
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        Job(name=subscriptions.TELL, run=subscriptions.tell),
    ),
    subscriptions=((planning.CampaignMoved, subscriptions.on_campaign_moved),),
    commands=(demo_command,),
    invariants=INVARIANTS,
)
