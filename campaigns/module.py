"""What campaigns plug in."""

from campaigns import api, my_orders_api, planning
from campaigns.demo.command import demo_command
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from marketplace.module import Job, Module

module = Module(
    name="campaigns",
    blueprints=(api.blueprint, my_orders_api.blueprint),
    fast_doors=FAST_DOORS,
    jobs=(Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),),
    commands=(demo_command,),
    invariants=INVARIANTS,
)
