"""Work for later: rows in PostgreSQL, done by workers in the serving process or beside it.

A job exists exactly when its cause committed, and is done exactly when what it did committed: both in one
transaction each. See docs/decisions/0006-jobs.md.
"""

from marketplace.jobs.lines import line
from marketplace.jobs.queue import configure, enqueue
from marketplace.jobs.worker import start_embedded, stop_embedded, work

__all__ = ("configure", "enqueue", "line", "start_embedded", "stop_embedded", "work")
