"""Processes known by number and start time, so that a number given away again is never signalled."""

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was seen alive; `started` differs for every process that ever had the same number."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """False as soon as it has ended, also while nobody has collected its exit status yet."""
        return find(self.pid) == self

    def send(self, number: signal.Signals) -> bool:
        """Signal exactly this process; False when it is gone."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait at most `seconds`; True when it has ended."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def find(pid: int) -> Process | None:
    """The living process with this number, or None (an ended one nobody waited for does not live)."""
    if pid <= 0:
        return None
    if not PROC.joinpath("self").exists():
        return _find_with_ps(pid)
    try:
        stat = PROC.joinpath(str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZXx" else Process(pid, f"{_boot()}:{rest[18]}")


def this() -> Process:
    """The process that asks."""
    found = find(os.getpid())
    assert found is not None, "the process that asks is alive"
    return found


def arguments(process: Process) -> list[str]:
    """The command line of a living process; empty when it is gone or may not be read."""
    try:
        raw = PROC.joinpath(str(process.pid), "cmdline").read_bytes()
    except OSError:
        return _ps(process.pid, "command").split()
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def user_id(process: Process) -> int | None:
    """The user a living process runs as; None when it is gone."""
    try:
        return PROC.joinpath(str(process.pid)).stat().st_uid
    except OSError:
        shown = _ps(process.pid, "uid")
        return int(shown) if shown else None


def write_pid_file(path: Path, process: Process) -> None:
    """Remember a process in `path` (0600), whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(asdict(process)))
    aside.replace(path)


def read_pid_file(path: Path) -> Process | None:
    """The remembered process if it is still the same one and alive."""
    try:
        kept = json.loads(path.read_text())
        process = Process(int(kept["pid"]), str(kept["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.is_alive() else None


def _boot() -> str:
    try:
        return PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def _find_with_ps(pid: int) -> Process | None:
    state, _, started = _ps(pid, "state=,lstart").partition(" ")
    return Process(pid, started.strip()) if started and not state.startswith("Z") else None


def _ps(pid: int, column: str) -> str:
    try:
        shown = subprocess.run(
            ["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return shown.stdout.strip()
