"""Real runs of `python -m marketplace.running` in data folders of their own; none outlives its test."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import pytest

from marketplace.embedded import postgres, processes
from marketplace.embedded.ports import free_port
from marketplace.embedded.processes import Process
from marketplace.running.launch import Launch
from marketplace.settings import PROJECT_ROOT, Settings

START_SECONDS_MAX: Final = 80
END_SECONDS_MAX: Final = 40


@dataclass
class Started:
    """One run: what it said so far is in `output`."""

    child: "subprocess.Popen[bytes]"
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def until(self, pattern: str) -> "re.Match[str]":
        """Wait for words on its output."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            ended = self.child.poll() is not None
            found = re.search(pattern, self.said)
            if found is not None:
                return found
            assert not ended, f"it ended with {self.child.returncode}:\n{self.said}"
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} was not said:\n{self.said}")

    def address(self) -> str:
        """Wait until it serves; where."""
        return self.until(r"Address \S+ +(http://\S+)")[1]

    def family(self) -> list[Process]:
        """The run and every process below it."""
        numbers = [self.child.pid]
        for number in numbers:
            numbers += _children(number)
        return [one for one in map(processes.find, numbers) if one is not None]

    def end(self, number: signal.Signals) -> int:
        """Signal the run alone and wait for its exit status."""
        self.child.send_signal(number)
        return self.child.wait(END_SECONDS_MAX)


Start = Callable[..., Started]


@dataclass(frozen=True)
class Kept:
    """A data folder after its first `demo`, which several runs use one after another."""

    folder: Path
    said: str
    status: int

    @property
    def cluster(self) -> Path:
        return self.folder / "postgres" / "cluster"


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    with _data_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "marketplace.running", "demo"], cwd=PROJECT_ROOT, env=environment(folder),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_SECONDS_MAX, check=False,
        )  # fmt: skip
        yield Kept(folder, done.stdout, done.returncode)


@pytest.fixture
def new_data() -> Iterator[Path]:
    with _data_folder() as folder:
        yield folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("serve", data_folder, NAME="value")`; what still runs at the end of the test is killed."""
    runs: list[Started] = []
    seen: list[Process] = []

    def run(command: str, data: Path, **variables: str) -> Started:
        output = tmp_path / f"{len(runs)}.txt"
        with output.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-m", "marketplace.running", command],
                cwd=PROJECT_ROOT, env=environment(data, **variables), stdout=file, stderr=file,
            )  # fmt: skip
        runs.append(Started(child, output))
        return runs[-1]

    yield run
    for one in runs:
        seen += one.family()
    for process in seen:
        process.send(signal.SIGKILL)
    for one in runs:
        one.child.wait(END_SECONDS_MAX)


def environment(data: Path, **variables: str) -> dict[str, str]:
    """Every setting at its default (whatever this machine's `.env` says), in a folder of its own, on a free port."""
    defaults = {field.name.upper(): "" for cls in (Settings, Launch) for field in fields(cls)}
    port = free_port(random.randrange(20_000, 30_000))[0]
    return os.environ | defaults | {"DATA_DIR": str(data), "PORT": str(port)} | variables


def fetch(url: str) -> str:
    """The body of a page that must answer 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def living(known: list[Process]) -> list[Process]:
    """Those that have not ended, after the moment that the system needs to clear them away."""
    deadline = time.monotonic() + 5
    while any(one.is_alive() for one in known) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [one for one in known if one.is_alive()]


def _children(number: int) -> list[int]:
    found: list[int] = []
    for task in Path("/proc", str(number), "task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found


@contextlib.contextmanager
def _data_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vo-run-", dir="/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield folder
    postgres.stop(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)
