"""Work that inventory does by itself."""

from typing import Final

from inventory import holds
from marketplace.module import Job

JOBS: Final = (Job(name="inventory.expire_holds", run=holds.expire_due, cron="* * * * *"),)
