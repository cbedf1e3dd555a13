"""Grants boxes of pools to buyers, many requests in one transaction: two statements and one commit for all of them.

First the keys, the buyers' live holds and the pools are locked, in this order and by id, and the facts are read as
they are under the locks; then the rule decides; then everything that follows is written in one statement.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from inventory import grant_rules, grant_statements, measures, refusals, sweeping, waitlist
from inventory.gate import keeping
from inventory.grant_rules import Ask, BuyerFacts, Decision, Granted, Line, OwnHold, PoolFacts, Tallies
from inventory.models import Hold, Pool
from inventory.states import OPEN, HoldKind, HoldState, PoolMovementKind
from marketplace import audit, database, express, idempotency
from marketplace.context import Context
from marketplace.express import InSession, Runner, Statement, Work
from marketplace.idempotency import Answer, Claim
from marketplace.values import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """What of a pool never changes and stands on its holds."""

    pack_id: uuid.UUID
    pack_grams: int
    unit_price_minor: int | None
    currency: str | None
    purpose_kind: str
    purpose_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A buyer's hold as a grant made it, and the pool as this grant left it."""

    hold_id: uuid.UUID
    boxes: int
    unit_price_minor: int
    currency: str
    expires_at: datetime
    is_new: bool
    pool: PoolFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true at one moment; under the locks it stays true until the transaction ends."""

    now: datetime
    pools: Mapping[uuid.UUID, PoolFacts]
    terms: Mapping[uuid.UUID, PoolTerms]
    buyers: Mapping[tuple[uuid.UUID, uuid.UUID], BuyerFacts]
    lapsed_pool_ids: frozenset[uuid.UUID]
    """Pools that count boxes of holds whose time is over and that nobody has written down yet."""
    next_expires_at: Mapping[uuid.UUID, datetime]
    """When the next live hold of a pool ends, unless it is paid."""
    line_pool_ids: frozenset[uuid.UUID]
    """Pools in which boxes are free that somebody waits for."""
    tallies: Tallies


PoolBusy = refusals.PoolBusy


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Somebody before the pools, known already or by the digest of a token; with the key of the request, if any."""

    lines: Sequence[Line]
    buyer_id: uuid.UUID | None = None
    digest: str | None = None
    network: str | None = None
    key: str | None = None


def look(standing: Sequence[Standing], *, locks: bool) -> Statement:
    """Who they are, what is known of their keys, and the facts; `locks`: locked, and so true until the end."""
    lines = [
        {"place": place, "pool_id": str(line.pool_id)}
        for place, each in enumerate(standing, start=1)
        for line in each.lines
    ]
    asked = {
        "digests": [each.digest for each in standing],
        "buyer_ids": [each.buyer_id for each in standing],
        "keys": [each.key for each in standing],
        "lines": express.as_json(lines),
        "networks": sorted({each.network for each in standing if each.network}),
        "locks": locks,
    }
    return grant_statements.LOOK, asked


def checked(rows: Sequence[Any]) -> Any:
    """The row of a look; raises PoolBusy if somebody works on a hold that came while we waited for its pool."""
    [row] = rows
    if row.is_busy:
        raise PoolBusy
    return row


def lock_and_look(run: Runner, asks: Sequence[Ask]) -> Facts:
    """Lock the buyers' live holds and the pools, and read the facts under these locks. Raises PoolBusy."""
    standing = [Standing(lines=ask.lines, buyer_id=ask.buyer_id, network=ask.network) for ask in asks]
    return facts_of(asks, checked(run.rows(look(standing, locks=True))))


def by_rule(asks: Iterable[Ask], facts: Facts) -> list[Decision]:
    return grant_rules.decide(
        asks, pools=facts.pools, buyers=facts.buyers, now=facts.now, tallies=facts.tallies
    )


def short_of_lapsed(facts: Facts, decisions: Iterable[Decision]) -> list[uuid.UUID]:
    """Pools that refuse although they count boxes whose holds have lapsed."""
    return sorted(
        {
            each.pool_id
            for each in decisions
            if isinstance(each, grant_rules.Refused)
            and each.cause == grant_rules.Cause.SOLD_OUT
            and each.pool_id in facts.lapsed_pool_ids
        }
    )


def decide(session: Session, ctx: Context, asks: Sequence[Ask]) -> tuple[Facts, list[Decision]]:
    """Lock, serve those in line, make room where holds have lapsed, and let the rule decide. Raises PoolBusy."""
    run = InSession(session)
    facts = _after_line(run, session, ctx, asks, lock_and_look(run, asks))
    decisions = by_rule(asks, facts)
    while short := short_of_lapsed(facts, decisions):
        if not sum(sweeping.expire_of(session, ctx, pool_id) for pool_id in short):
            raise PoolBusy
        facts = _after_line(run, session, ctx, asks, lock_and_look(run, asks))
        decisions = by_rule(asks, facts)
    return facts, decisions


def _after_line(run: Runner, session: Session, ctx: Context, asks: Sequence[Ask], facts: Facts) -> Facts:
    """The facts after those who wait in line were offered what is free: nobody overtakes them."""
    if not sum(waitlist.offer(session, ctx, pool_id=pool_id) for pool_id in sorted(facts.line_pool_ids)):
        return facts
    return lock_and_look(run, asks)


def facts_of(asks: Sequence[Ask], row: Any) -> Facts:
    """What a row of `look` says of the pools and buyers."""
    pools = {uuid.UUID(each["id"]): each for each in row.pools or ()}
    return Facts(
        now=row.now,
        pools={pool_id: _pool(pool_id, each) for pool_id, each in pools.items()},
        terms={pool_id: _terms(each) for pool_id, each in pools.items()},
        buyers=_buyers(asks, row.holds or (), row.buyers or (), row.now),
        tallies=Tallies(
            households=_tally("household", row.households or ()),
            networks=_tally("network", row.networks or ()),
        ),
        lapsed_pool_ids=frozenset(pool_id for pool_id, each in pools.items() if each["has_lapsed"]),
        line_pool_ids=frozenset(pool_id for pool_id, each in pools.items() if each["has_line"]),
        next_expires_at={
            pool_id: datetime.fromisoformat(each["next"]) for pool_id, each in pools.items() if each["next"]
        },
    )


class Writing:
    """What a transaction's grants change, gathered request by request and written in one statement."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._pools: dict[uuid.UUID, PoolFacts] = {}
        self.freed: set[uuid.UUID] = set()
        """Pools of which somebody gave boxes back."""
        self.first_end: dict[uuid.UUID, datetime] = {}
        """When the first of the granted holds of a pool ends."""
        self._rows: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("placed", "resized", "lines", "told", "kept")
        }

    def __bool__(self) -> bool:
        return any(self._rows.values())

    def grant(self, ctx: Context, ask: Ask, parts: Iterable[Granted]) -> list[Placed]:
        """The holds that this request gets, one for each pool; nothing is stored before `store`."""
        return [self._part(ctx, ask, part) for part in parts]

    def keep(self, ctx: Context, claim: Claim, answer: Answer) -> None:
        """Store the answer under its key, together with what it answers."""
        self._rows["kept"].append(idempotency.row(ctx, claim, answer))

    @property
    def pools(self) -> Mapping[uuid.UUID, PoolFacts]:
        """As they are once everything is stored."""
        return {**self._facts.pools, **self._pools}

    def statement(self) -> Statement:
        """Everything in one statement, which fails unless each row is as it was under the lock."""
        before = self._facts.pools
        pools = [
            {"id": pool_id, "held": pool.held, "version": pool.version, "before": before[pool_id].version}
            for pool_id, pool in self._pools.items()
        ]
        rows = {name: express.as_json(each) for name, each in {"pools": pools, **self._rows}.items()}
        resized_ids = [row["id"] for row in self._rows["resized"]]
        return grant_statements.WRITE, {**rows, "now": self._facts.now, "resized_ids": resized_ids}

    def store_on(self, work: Work) -> None:
        """On a kept connection, and committed."""
        keeping.forget(self.freed)
        work.commit(self.statement())
        measures.PLACED.inc(len(self._rows["placed"]))

    def store(self, session: Session) -> None:
        """In the transaction of a session, which then knows of it."""
        keeping.forget(self.freed)
        InSession(session).rows(self.statement())
        measures.PLACED.inc(len(self._rows["placed"]))
        database.changed_behind(session, Pool, self._pools)
        database.changed_behind(session, Hold, (row["id"] for row in self._rows["resized"]))

    def _part(self, ctx: Context, ask: Ask, part: Granted) -> Placed:
        hold_id = part.hold_id or new_id()
        terms = self._facts.terms[part.pool_id]
        assert terms.unit_price_minor is not None, "a pool without a price has no window"
        assert terms.currency is not None, "a pool without a price has no window"
        if part.hold_id is None:
            self._rows["placed"].append(
                {
                    "id": hold_id,
                    "pool_id": part.pool_id,
                    "owner_id": ask.buyer_id,
                    "pack_id": terms.pack_id,
                    "boxes": part.boxes,
                    "pack_grams": terms.pack_grams,
                    "price": terms.unit_price_minor,
                    "currency": terms.currency,
                    "purpose_kind": terms.purpose_kind,
                    "purpose_id": terms.purpose_id,
                    "expires_at": part.expires_at,
                    "expires_at_max": part.expires_at_max,
                    "network": part.network,
                }
            )
        else:
            self._rows["resized"].append(
                {
                    "id": hold_id,
                    "boxes": part.boxes,
                    "expires_at": part.expires_at,
                    "network": part.network,
                }
            )
        if part.delta:
            self._pools[part.pool_id] = part.pool
            if part.delta < 0:
                self.freed.add(part.pool_id)
            self._rows["lines"].append(_line(ctx, hold_id, part))
        end = self.first_end.get(part.pool_id, part.expires_at)
        self.first_end[part.pool_id] = min(end, part.expires_at)
        self._rows["told"].append(_told(ctx, hold_id, part, terms))
        return Placed(
            hold_id=hold_id,
            boxes=part.boxes,
            unit_price_minor=terms.unit_price_minor,
            currency=terms.currency,
            expires_at=part.expires_at,
            is_new=part.hold_id is None,
            pool=part.pool,
        )


def _line(ctx: Context, hold_id: uuid.UUID, part: Granted) -> dict[str, Any]:
    return {
        "pool_id": part.pool_id,
        "number": part.pool.version,
        "kind": PoolMovementKind.HELD if part.hold_id is None else PoolMovementKind.RESIZED,
        "delta": part.delta,
        "pledged": part.pool.pledged,
        "held": part.pool.held,
        "sold": part.pool.sold,
        "hold_id": hold_id,
        "actor": ctx.actor.label,
    }


def _told(ctx: Context, hold_id: uuid.UUID, part: Granted, terms: PoolTerms) -> dict[str, Any]:
    purpose = f"{terms.purpose_kind}:{terms.purpose_id}"
    return audit.row(
        ctx,
        "hold.place" if part.hold_id is None else "hold.resize",
        subject=("hold", hold_id),
        before=None if part.hold_id is None else {"boxes": part.boxes_before},
        after={"kind": "cart", "boxes": part.boxes, "purpose": purpose},
    )


def _pool(pool_id: uuid.UUID, row: Mapping[str, Any]) -> PoolFacts:
    return PoolFacts(
        pool_id=pool_id,
        pledged=row["pledged"],
        held=row["held"],
        sold=row["sold"],
        version=row["version"],
        boxes_per_buyer_max=row["limit"],
        sells_from=_instant(row["from"]),
        sells_until=_instant(row["until"]),
        boxes_per_household_max=row["household_limit"],
    )


def _terms(row: Mapping[str, Any]) -> PoolTerms:
    return PoolTerms(
        pack_id=uuid.UUID(row["pack_id"]),
        pack_grams=row["pack_grams"],
        unit_price_minor=row["price"],
        currency=row["currency"],
        purpose_kind=row["purpose_kind"],
        purpose_id=uuid.UUID(row["purpose_id"]),
    )


def _buyers(
    asks: Iterable[Ask],
    hold_rows: Iterable[Mapping[str, Any]],
    account_rows: Iterable[Mapping[str, Any]],
    now: datetime,
) -> dict[tuple[uuid.UUID, uuid.UUID], BuyerFacts]:
    holds: dict[tuple[uuid.UUID, uuid.UUID], list[OwnHold]] = {}
    for row in hold_rows:
        holds.setdefault((uuid.UUID(row["owner_id"]), uuid.UUID(row["pool_id"])), []).append(_own(row))
    accounts = {uuid.UUID(row["id"]): row for row in account_rows}
    found = {}
    for buyer_id, pool_id in {(ask.buyer_id, line.pool_id) for ask in asks for line in ask.lines}:
        facts = grant_rules.buyer_facts(holds.get((buyer_id, pool_id), ()), now=now)
        if (account := accounts.get(buyer_id)) is not None:
            facts = replace(facts, household=account["household"], is_member=account["is_member"])
        found[buyer_id, pool_id] = facts
    return found


def _own(row: Mapping[str, Any]) -> OwnHold:
    """What was given back in parts of a hold that lasts, or is bought, is not kept from anybody."""
    expires_at = datetime.fromisoformat(row["expires_at"])
    state = HoldState(row["state"])
    return OwnHold(
        hold_id=uuid.UUID(row["id"]),
        state=state,
        boxes=row["kept"] if state in (*OPEN, HoldState.CONSUMED) else row["boxes"],
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=expires_at,
        expires_at_max=_instant(row["expires_at_max"]) or expires_at,
        resolved_at=_instant(row["resolved_at"]),
        kind=HoldKind(row["kind"]),
        network=row["network"],
    )


def _tally(name: str, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, uuid.UUID], int]:
    return {(row[name], uuid.UUID(row["pool_id"])): int(row["boxes"]) for row in rows}


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
