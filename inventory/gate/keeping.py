"""The gate of this process: asks Redis whom to turn away, and puts up notices of short pools. See the package."""

import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from flask import current_app

from inventory.gate import rules, scripts
from inventory.gate.rules import Notice
from marketplace import metrics
from marketplace.idempotency import Claim
from marketplace.redis_link import Link
from marketplace.settings import Settings

PATIENCE_MS: Final = 50
FORGET_PAUSE_MS: Final = 250
"""Who frees boxes tries sooner again than who asks: others may still reach Redis."""
SHORT_NANOSECONDS: Final = 1_000_000_000
"""For so long after a pool had too little for somebody its gate is asked; while boxes last, it would only cost time."""
RETAKE_NANOSECONDS: Final = 100_000_000
"""A notice that is missing is tried for so often: looking under the pool's lock disturbs those who pay."""
POOLS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeker:
    """Who asks for how many boxes of a pool, under which key."""

    pool_id: uuid.UUID
    boxes: int
    buyer_id: uuid.UUID
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """What a refusal at the gate tells."""

    available: int
    next_expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Taken before the pool is locked; without it no notice is taken."""

    name: str
    at_ms: int
    upto: int
    """The set of buyers is complete up to this version of the pool."""


@dataclass(slots=True)
class _Pool:
    """What this process remembers of a pool, by its monotonic clock."""

    short_until: int = 0
    retake_at: int = 0
    has_notice: bool = False


class Gate:
    """Everything here is quick, refuses rather too little than too much, and raises nothing for Redis' sake."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._tag = hashlib.sha256(f"gate\n{settings.secret_key}".encode()).hexdigest()[:12]
        self._link = Link(url, patience_ms=PATIENCE_MS)
        self._check = self._link.script(scripts.CHECK)
        self._lease = self._link.script(scripts.LEASE)
        self._add = self._link.script(scripts.ADD)
        self._notice = self._link.script(scripts.NOTICE)
        self._pools: dict[uuid.UUID, _Pool] = {}

    def ask(self, seekers: Sequence[Seeker]) -> list[TurnedAway | None]:
        """For each of them; None: ask PostgreSQL. Redis is asked once for each pool that is short."""
        by_pool: dict[uuid.UUID, list[int]] = {}
        for place, seeker in enumerate(seekers):
            if self.is_short(seeker.pool_id):
                by_pool.setdefault(seeker.pool_id, []).append(place)
        replies: list[TurnedAway | None] = [None] * len(seekers)
        for pool_id, places in by_pool.items():
            for place, told in zip(
                places, self._told(pool_id, [seekers[place] for place in places]), strict=True
            ):
                replies[place] = told
        return replies

    def is_short(self, pool_id: uuid.UUID) -> bool:
        """Whether the pool had too little for somebody a moment ago."""
        pool = self._pools.get(pool_id)
        return pool is not None and pool.short_until > time.monotonic_ns()

    def short(self, pool_id: uuid.UUID) -> None:
        """The pool had too little for somebody: from now on it is worth asking."""
        if len(self._pools) >= POOLS_MAX:
            self._pools.clear()
        self._pools.setdefault(pool_id, _Pool()).short_until = time.monotonic_ns() + SHORT_NANOSECONDS

    def leases(self, pool_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Lease]:
        """For those pools that are short, have no notice, and whose turn it is. To be taken before they are locked."""
        now, taken = time.monotonic_ns(), {}
        for pool_id in sorted(pool_ids):
            pool = self._pools.get(pool_id)
            if pool is None or pool.short_until <= now or pool.has_notice or pool.retake_at > now:
                continue
            pool.retake_at = now + RETAKE_NANOSECONDS
            if (lease := self.lease(pool_id)) is not None:
                taken[pool_id] = lease
        return taken

    def lease(self, pool_id: uuid.UUID) -> Lease | None:
        answer = self._link.run(
            lambda _: self._lease(keys=scripts.keys(pool_id), args=[self._tag, secrets.token_hex(12)])
        )
        if not isinstance(answer, list) or len(answer) != 3:
            return None
        name, at_ms, upto = map(str, answer)
        if not (at_ms.isdecimal() and upto.isdecimal()):
            return None
        return Lease(name=name, at_ms=int(at_ms), upto=int(upto))

    def add(self, pool_id: uuid.UUID, members: Iterable[str], *, after: int = 0, upto: int = 0) -> int:
        """These are let through; among them are all buyers of the versions `after` < version <= `upto`.

        Answers up to which version the buyers are known now, 0 when they are not.
        """
        args = [self._tag, after, upto, f"s{secrets.token_hex(8)}", scripts.SET_MOST, *members]
        answer = self._link.run(lambda _: self._add(keys=scripts.keys(pool_id), args=args))
        return int(answer) if isinstance(answer, str) and answer.isdecimal() else 0

    def notice(self, pool_id: uuid.UUID, lease: Lease, notice: Notice) -> bool:
        """Whether it is taken: not if boxes were freed since the lease, or buyers are missing."""
        args = [
            self._tag, lease.name, notice.version, notice.available, notice.most, notice.next_us,
            lease.at_ms, notice.life_ms,
        ]  # fmt: skip
        is_taken = self._link.run(lambda _: self._notice(keys=scripts.keys(pool_id), args=args)) == 1
        if is_taken:
            self._pools.setdefault(pool_id, _Pool()).has_notice = True
        return is_taken

    def forget(self, pool_ids: Iterable[uuid.UUID]) -> None:
        """Boxes of these pools will be free: to be called under their locks, before the commit."""
        names = [name for pool_id in sorted(pool_ids) for name in _notice_and_lease(pool_id)]
        if names and self._link.run(lambda client: client.delete(*names), pause_ms=FORGET_PAUSE_MS) is None:
            metrics.observe_gate("untold")

    def clear(self, pool_id: uuid.UUID) -> None:
        """Everything that is kept about a pool."""
        self._link.run(lambda client: client.delete(*scripts.keys(pool_id)), pause_ms=0)

    def close(self) -> None:
        self._link.close()

    def _told(self, pool_id: uuid.UUID, seekers: Sequence[Seeker]) -> list[TurnedAway | None]:
        """For seekers of one pool."""
        answer = self._asked(pool_id, seekers)
        text, bar, flags = answer.partition("|") if isinstance(answer, str) else ("", "", "")
        flags = flags or "1" * len(seekers) if bar else ""
        told = rules.read(text, tag=self._tag)
        pool = self._pools.setdefault(pool_id, _Pool())
        pool.has_notice = told is not None and len(flags) == len(seekers)
        if told is None or not pool.has_notice:
            metrics.observe_gate("no_notice", len(seekers))
            return [None] * len(seekers)
        no = TurnedAway(available=told.available, next_expires_at=told.next_expires_at)
        replies = [no if flag == "1" else None for flag in flags]
        turned_away = flags.count("1")
        if turned_away:
            pool.short_until = time.monotonic_ns() + SHORT_NANOSECONDS
        metrics.observe_gate("turned_away", turned_away)
        metrics.observe_gate("let_through", len(seekers) - turned_away)
        return replies

    def _asked(self, pool_id: uuid.UUID, seekers: Sequence[Seeker]) -> object:
        names = scripts.keys(pool_id)[:2]
        boxes = [each.boxes for each in seekers]
        args = [self._tag, ",".join(map(str, boxes)), str(min(boxes)), str(max(boxes))]
        for each in seekers:
            args += [buyer(each.buyer_id), key(each.claim)]
        return self._link.run(lambda _: self._check(keys=names, args=args))


def buyer(buyer_id: uuid.UUID) -> str:
    """A buyer's name in the set."""
    return f"b{_short(buyer_id.bytes)}"


def key(claim: Claim) -> str:
    """The name in the set of a key that keeps a refusal."""
    return f"k{_short(f'{claim.principal} {claim.key}'.encode())}"


def _short(named: bytes) -> str:
    """Few letters, for Redis reads each: two who share them are let through together, which is never wrong."""
    return base64.urlsafe_b64encode(hashlib.sha256(named).digest()[:9]).decode()


def of_app() -> Gate | None:
    """The gate of this process; None without Redis."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.redis_url is None:
        return None
    return cast(Gate, current_app.extensions.get("gate") or _made(settings, settings.redis_url))


def forget(pool_ids: Iterable[uuid.UUID]) -> None:
    """`Gate.forget`, where there is a gate."""
    gate = of_app()
    if gate is not None:
        gate.forget(pool_ids)


def _made(settings: Settings, url: str) -> Gate:
    return cast(Gate, current_app.extensions.setdefault("gate", Gate(settings, url)))


def _notice_and_lease(pool_id: uuid.UUID) -> tuple[str, str]:
    notice, _, _, lease = scripts.keys(pool_id)
    return notice, lease
