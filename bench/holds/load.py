"""Load from a second process: wrk with our scripts, and what it measured."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
LINE: Final = re.compile(r"^MEASURED (\{.*\})$", re.MULTILINE)
GRACE_SECONDS: Final = 60
HOW_TO_GET_WRK: Final = "wrk is missing: apt-get install wrk 缺少 wrk"


class Failed(Exception):
    """A measurement that counts for nothing: answers that nobody expected, or broken connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of the load."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    issued: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    counted: str | None = None
    """Only answers of this kind are what the row counts; None: all."""

    @property
    def per_second(self) -> float:
        done = self.requests if self.counted is None else self.statuses.get(self.counted, 0)
        return done / self.seconds if self.seconds else 0.0

    @property
    def tail(self) -> float:
        return self.p99_ms / self.p50_ms if self.p50_ms else 0.0

    def unexpected(self, *expected: str) -> dict[str, int]:
        """Answers that are none of `expected`, and connections that broke."""
        strange = {status: number for status, number in self.statuses.items() if status not in expected}
        return strange | {f"broken: {kind}": number for kind, number in self.broken.items() if number}


def installed() -> str | None:
    return shutil.which("wrk")


def parse(output: str, *, counted: str | None = None) -> Sample:
    """The sample in what wrk printed; raises Failed when there is none."""
    found = LINE.search(output)
    if found is None:
        raise Failed(f"wrk measured nothing: {output.strip()[-500:]}")
    told: dict[str, Any] = json.loads(found[1])
    return Sample(
        requests=told["requests"],
        seconds=told["microseconds"] / 1_000_000,
        p50_ms=told["p50"] / 1_000,
        p99_ms=told["p99"] / 1_000,
        longest_ms=told["longest"] / 1_000,
        issued=told["issued"],
        statuses=told["statuses"],
        broken=told["broken"],
        counted=counted,
    )


def run(
    script: str,
    url: str,
    *arguments: object,
    connections: int,
    seconds: float,
    counted: str | None = None,
) -> Sample:
    """One thread of wrk drives all connections: on few cores a second one would only take from the server."""
    command = [
        installed() or "wrk", "--threads", "1", "--connections", str(connections),
        "--duration", f"{max(1, round(seconds))}s", "--timeout", "20s",
        "--script", script, url, "--", *map(str, arguments),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, check=False, timeout=seconds + GRACE_SECONDS
    )
    if done.returncode != 0:
        raise Failed(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return parse(done.stdout, counted=counted)
