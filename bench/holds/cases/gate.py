"""The Redis gate's script alone, against a bare GET of the same Redis: nothing else stands in between.

The app asks for all who wait in one process at once: so many as a worker has threads (16) is what the bar judges, with
each who is turned away counted as one. The script asked for one alone stands beside it, without a bar.
"""

import socket
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import redis

from bench.holds.ground import Bench, Part
from bench.holds.load import Failed, Sample
from bench.holds.measure import Bar, Lane, compared
from inventory.gate import keeping, scripts
from marketplace.idempotency import Claim

OF_GET: Final = Bar(must=0.5)
AT_ONCE: Final = 64
"""Commands on their way: on one connection it is Redis that is measured, not its client; so there the bar stands."""
SECONDS_MAX: Final = 2.0

Command = tuple[str | bytes | int, ...]


THREADS: Final = 16
TAG: Final = "0123456789ab"
SET: Final = "s0123456789abcdef"
NOTICE: Final = f"{TAG}:1042:0:10:1795000000000000:{SET}"
KEYS: Final = scripts.keys(uuid.UUID("01900000-0000-7000-8000-000000000001"))
BUYERS: Final = 500
"""So many have boxes and are let through; they are not among those who ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The app's script in the state in which it turns everybody away who asks: so many strangers, a box each."""

    asked: int

    @property
    def command(self) -> Command:
        seekers = [uuid.UUID(int=at) for at in range(self.asked)]
        claims = [Claim(principal=f"account:{each}", key=str(each), fingerprint="") for each in seekers]
        names = [
            name
            for each, claim in zip(seekers, claims, strict=True)
            for name in (keeping.buyer(each), keeping.key(claim))
        ]
        return (*KEYS[:2], TAG, ",".join("1" * self.asked), 1, 1, *names)

    @property
    def answer(self) -> bytes:
        """What a refusal is on the wire; anything else fails the run."""
        text = f"{NOTICE}|".encode()
        return b"$%d\r\n%s\r\n" % (len(text), text)


GATES: Final = {"gate": Gate(asked=1), f"gate, {THREADS} at a time": Gate(asked=THREADS)}


def alone(bench: Bench) -> Part:
    """Both ways of asking: many commands on their way at once, and one at a time on many connections."""
    part = Part(title="The Redis gate's script alone")
    url = bench.servers.redis.url
    client = redis.Redis.from_url(url)
    client.set("bench:bare", "1")
    client.set(KEYS[0], NOTICE)
    client.sadd(KEYS[1], SET, *(keeping.buyer(uuid.uuid4()) for _ in range(BUYERS)))
    sha = client.script_load(scripts.CHECK)
    commands = {"GET": (wire("GET", "bench:bare"), b"$1\r\n1\r\n", 1)} | {
        name: (wire("EVALSHA", sha, 2, *gate.command), gate.answer, gate.asked)
        for name, gate in GATES.items()
    }
    lanes = {
        (name, connections): Lane(
            f"{name}, {AT_ONCE // connections} at once on each connection of {connections}",
            lambda _round, asking=asking, connections=connections: asked(
                url,
                *asking[:2],
                counts=asking[2],
                connections=connections,
                seconds=min(bench.seconds, SECONDS_MAX),
            ),
        )
        for connections in (1, AT_ONCE)
        for name, asking in commands.items()
    }
    bench.interleave(part, list(lanes.values()))
    for connections in (1, AT_ONCE):
        for name, gate in GATES.items():
            bar = OF_GET if connections == 1 and gate.asked == THREADS else None
            row = compared(lanes[name, connections], lanes["GET", connections], bar=bar)
            part.rows.append(replace(row, note=f"{gate.asked} turned away by each call"))
    client.delete(*KEYS)
    return part


def wire(*command: str | bytes | int) -> bytes:
    """A command as Redis reads it."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])


def asked(
    url: str, command: bytes, answer: bytes, *, connections: int, seconds: float, counts: int = 1
) -> Sample:
    """One command again and again, AT_ONCE on their way, each answered with `answer`; raises Failed otherwise.

    Each `counts` for so many requests.
    """
    each = AT_ONCE // connections
    batch, wanted = command * each, answer * each
    took: list[float] = []
    with ExitStack() as stack:
        opened = [stack.enter_context(_connected(url)) for _ in range(connections)]
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            for connection in opened:
                connection.sendall(batch)
            for connection in opened:
                _expect(connection, wanted)
            took.append(time.perf_counter() - now)
        elapsed = time.perf_counter() - began
    took.sort()
    return Sample(
        requests=len(took) * AT_ONCE * counts,
        seconds=elapsed,
        p50_ms=1_000 * took[len(took) // 2],
        p99_ms=1_000 * took[len(took) * 99 // 100],
        longest_ms=1_000 * took[-1],
    )


def _expect(connection: socket.socket, wanted: bytes) -> None:
    got = b""
    while len(got) < len(wanted):
        more = connection.recv(65_536)
        if not more:
            raise Failed("Redis closed the connection")
        got += more
        if not wanted.startswith(got):
            raise Failed(f"Redis answered {got[:200]!r}")


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(parts.path)
        return connection
    return socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379))
