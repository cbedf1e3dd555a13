"""What campaigns plug in."""

from campaigns import api, planning
from campaigns.allotting import api as allotting_api
from campaigns.allotting.invariants import INVARIANTS as ALLOTTING_INVARIANTS
from campaigns.allotting.jobs import JOBS as ALLOTTING_JOBS
from campaigns.demo.command import demo_command
from campaigns.fast import FAST_DOORS
from campaigns.invariants import INVARIANTS
from marketplace.module import Job, Module

module = Module(
    name="campaigns",
    blueprints=(
        api.blueprint,
        allotting_api.allocations,
        allotting_api.commitments,
        allotting_api.runs,
    ),
    fast_doors=FAST_DOORS,
    jobs=(
        Job(name="campaigns.follow_clock", run=planning.follow_clock_everywhere, cron="* * * * *"),
        *ALLOTTING_JOBS,
    ),
    commands=(demo_command,),
    invariants=(*INVARIANTS, *ALLOTTING_INVARIANTS),
)
