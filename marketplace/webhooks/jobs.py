"""Jobs of webhooks: wake, send, look after, forget."""

from typing import Final

from marketplace.module import Job
from marketplace.webhooks import delivering, outbox, replaying

JOBS: Final = (
    Job(name=outbox.WAKE, run=delivering.wake, wait_seconds=1),
    Job(name=outbox.DELIVER, run=delivering.deliver),
    Job(name="webhooks.sweep", run=delivering.sweep, cron="* * * * *"),
    Job(name="webhooks.forget_old", run=replaying.forget_old, cron="27 3 * * *"),
)
