"""Takes notices for the gate: after a batch under a pool's lock, and anew when somebody asks for it."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.gate import keeping, rules
from inventory.gate.keeping import Gate, Lease
from inventory.grant_rules import PoolFacts
from inventory.granting import Facts, Writing
from inventory.models import Pool
from marketplace.express import InSession, Statement, Work
from marketplace.idempotency import Claim

LINES_MAX: Final = 2_000
"""So many lines of a pool's journal are read for one notice; the next one reads on."""

BUYERS: Final = """
    SELECT max(l.number) AS upto, array_agg(DISTINCT h.owner_id) FILTER (WHERE l.kind = 'held') AS buyer_ids
    FROM (SELECT number, kind, hold_id FROM pool_movement WHERE pool_id = %(pool_id)s AND number > %(after)s
        AND number <= %(upto)s ORDER BY number LIMIT %(lines)s) AS l LEFT JOIN hold h ON h.id = l.hold_id
    """
"""Who came to have a hold by these versions of the pool: lines that are written once and never change."""


def take(work: Work, gate: Gate, leases: Mapping[uuid.UUID, Lease], facts: Facts, written: Writing) -> None:
    """Notice the leased pools as a batch left them: looked at under their locks, and committed."""
    for pool_id, lease in leases.items():
        pool = written.pools.get(pool_id)
        if pool is None:
            continue
        ends = [facts.next_expires_at.get(pool_id), written.first_end.get(pool_id)]
        notice = rules.notice(
            pool,
            now=facts.now,
            has_lapsed=pool_id in facts.lapsed_pool_ids,
            next_expires_at=min((end for end in ends if end is not None), default=None),
        )
        if notice is not None and _know_buyers(work, gate, lease, pool):
            gate.notice(pool_id, lease, notice)


def remember_refused(gate: Gate, refused: Mapping[uuid.UUID, Iterable[Claim]]) -> None:
    """These keys keep the refusal of a pool: it is answered again, and not anew."""
    for pool_id, claims in refused.items():
        gate.add(pool_id, map(keeping.key, claims))


def rebuild(session: Session, gate: Gate, pool_id: uuid.UUID) -> int:
    """Throw away what is kept of a pool and fill its buyers in anew; how many. Notices are taken by who looks next."""
    gate.clear(pool_id)
    version = session.scalar(select(Pool.version).where(Pool.id == pool_id)) or 0
    known = count = 0
    while known < version:
        [row] = InSession(session).rows(_buyers(pool_id, after=known, upto=version))
        names = _names(row)
        if gate.add(pool_id, names, after=known, upto=row.upto) < row.upto:
            break
        known, count = row.upto, count + len(names)
    return count


def _know_buyers(work: Work, gate: Gate, lease: Lease, pool: PoolFacts) -> bool:
    """Whether the set has everybody whom this version of the pool knows."""
    if lease.upto > pool.version:
        gate.clear(pool.pool_id)  # of another life of this database: an older copy was put in its place
        return False
    if lease.upto == pool.version:
        return True
    [row] = work.look(_buyers(pool.pool_id, after=lease.upto, upto=pool.version))
    return gate.add(pool.pool_id, _names(row), after=lease.upto, upto=row.upto) >= pool.version


def _buyers(pool_id: uuid.UUID, *, after: int, upto: int) -> Statement:
    return BUYERS, {"pool_id": pool_id, "after": after, "upto": upto, "lines": LINES_MAX}


def _names(row: Any) -> list[str]:
    return [keeping.buyer(each) for each in row.buyer_ids or ()]
