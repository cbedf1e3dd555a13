"""What must be true of jobs at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="J1",
        says=Text(en="No job has been running for more than an hour.", zh="没有任务运行超过一小时。"),
        sql="""
            SELECT id, name, started_at FROM job
            WHERE state = 'running' AND started_at < clock_timestamp() - interval '1 hour'
        """,
    ),
    Invariant(
        id="J2",
        says=Text(en="A dead job says what was wrong with it.", zh="失败的任务都记有原因。"),
        sql="SELECT id, name FROM job WHERE state = 'dead' AND problem IS NULL",
    ),
)
