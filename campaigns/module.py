"""What campaigns plug in."""

from campaigns import api, planning
from campaigns.demo.command import demo_command
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from campaigns.shortage import api as shortage_api
from campaigns.shortage import closing
from campaigns.shortage.invariants import INVARIANTS as SHORTAGE_INVARIANTS
from marketplace.module import Job, Module

module = Module(
    name="campaigns",
    blueprints=(api.blueprint, *shortage_api.BLUEPRINTS),
    fast_doors=FAST_DOORS,
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        *closing.JOBS,
    ),
    commands=(demo_command,),
    invariants=(*INVARIANTS, *SHORTAGE_INVARIANTS),
)
