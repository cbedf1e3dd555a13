"""Jobs of subscriptions: wake, gather, send, look after."""

from typing import Final

from inventory.repository.subscriptions import gathering, sending, waking
from marketplace.module import Job

JOBS: Final = (
    Job(name=waking.WAKE, run=waking.wake, wait_seconds=1, joined="county_ids"),
    Job(name=waking.GATHER, run=gathering.gather),
    Job(name=waking.SEND, run=sending.send),
    Job(name="epcis.sweep", run=waking.sweep, cron="* * * * *"),
)
