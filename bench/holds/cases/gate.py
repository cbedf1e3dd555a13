"""The Redis gate's script alone, against a bare GET of the same Redis: nothing else stands in between.

The app has no gate yet: `GATE` is the place for it. Until then only the GET is measured, and the bar is not judged.
"""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import redis

from bench.holds.ground import Bench, Part
from bench.holds.load import Failed, Sample
from bench.holds.measure import Bar, Lane, Row, compared

OF_GET: Final = Bar(must=0.5)
AT_ONCE: Final = 64
"""Commands on their way: on one connection it is Redis that is measured, not its client; so there the bar stands."""
SECONDS_MAX: Final = 2.0

Command = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A script that turns the hopeless away, and the state in which it does."""

    script: str
    keys: tuple[str, ...]
    arguments: tuple[str | int, ...]
    prepare: tuple[Command, ...] = ()
    answer: bytes = b":0\r\n"
    """What a refusal is on the wire; anything else fails the run."""


GATE: Gate | None = None


def alone(bench: Bench) -> Part:
    """Both ways of asking: many commands on their way at once, and one at a time on many connections."""
    part = Part(title="The Redis gate's script alone")
    url = bench.servers.redis.url
    client = redis.Redis.from_url(url)
    client.set("bench:bare", "1")
    commands = {"GET": (wire("GET", "bench:bare"), b"$1\r\n1\r\n")}
    if GATE is not None:
        for command in GATE.prepare:
            client.execute_command(*command)
        sha = client.script_load(GATE.script)
        commands["gate"] = wire("EVALSHA", sha, len(GATE.keys), *GATE.keys, *GATE.arguments), GATE.answer
    lanes = {
        (name, connections): Lane(
            f"{name}, {AT_ONCE // connections} at once on each connection of {connections}",
            lambda _round, asking=asking, connections=connections: asked(
                url, *asking, connections=connections, seconds=min(bench.seconds, SECONDS_MAX)
            ),
        )
        for connections in (1, AT_ONCE)
        for name, asking in commands.items()
    }
    bench.interleave(part, list(lanes.values()))
    for connections, bar in ((1, OF_GET), (AT_ONCE, None)):
        base, lane = lanes["GET", connections], lanes.get(("gate", connections))
        if lane is not None:
            part.rows.append(compared(lane, base, bar=bar))
            continue
        missing = Row(what="gate", value=None, against=base.name, other_per_second=base.per_second, bar=bar,
                      note="there is no gate yet")  # fmt: skip
        part.rows.append(missing)
    return part


def wire(*command: str | bytes | int) -> bytes:
    """A command as Redis reads it."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])


def asked(url: str, command: bytes, answer: bytes, *, connections: int, seconds: float) -> Sample:
    """One command again and again, AT_ONCE on their way, each answered with `answer`; raises Failed otherwise."""
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
        requests=len(took) * AT_ONCE,
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
