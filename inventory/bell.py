"""Rings when boxes of a pool come free, if somebody waits for them: the job that offers them is put in at once.
Rings, too, when the sale is over: the same job tells those who wait.

In the transaction that frees them and under the pool's lock, so that no bell is missed: who joins the line holds
that lock, too. (Grants that give boxes back ring in their own statement: `grant_statements.WRITE`.)
"""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import WaitlistEntry
from inventory.states import WaitState
from marketplace import jobs

OFFER_FREED: Final = "inventory.offer_freed"


def ring(session: Session, pool_id: uuid.UUID) -> None:
    if anybody(session, pool_id):
        jobs.enqueue(
            session, OFFER_FREED, arguments={"pool_id": str(pool_id)}, key=f"{OFFER_FREED}:{pool_id}"
        )


def anybody(session: Session, pool_id: uuid.UUID) -> bool:
    """Whether somebody waits for boxes of the pool."""
    waiting = select(WaitlistEntry.id).where(
        WaitlistEntry.pool_id == pool_id, WaitlistEntry.state == WaitState.WAITING
    )
    return session.scalar(waiting.limit(1)) is not None
