"""Identity's work for later."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.identity import codes, sessions
from marketplace.module import Job


def forget_old(session: Session, ctx: Context) -> None:
    """Nobody needs codes of yesterday, nor sessions that ended a month ago."""
    codes.forget_old(session, ctx)
    sessions.forget_old(session, ctx)


JOBS: Final = (Job(name="identity.forget_old", run=forget_old, cron="20 3 * * *"),)
