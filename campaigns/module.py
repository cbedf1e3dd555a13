"""What campaigns plug in."""

from campaigns import api, planning
from campaigns.demo.command import demo_command
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from campaigns.promotions import budgets
from campaigns.promotions import invariants as promotions
from marketplace.module import Job, Module

module = Module(
    name="campaigns",
    blueprints=(api.blueprint,),
    fast_doors=FAST_DOORS,
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        Job(name="campaigns.give_back_lapsed", run=budgets.give_back_lapsed, cron="* * * * *"),
    ),
    commands=(demo_command,),
    invariants=INVARIANTS + promotions.INVARIANTS,
)
