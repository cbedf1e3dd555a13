"""Where and how wide the web server opens: the few settings that belong to the start and not to the app."""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from marketplace.embedded.ports import LOOPBACK, NEIGHBOURS
from marketplace.running.errors import CannotRun
from marketplace.settings import WrongSetting

BACKLOG: Final = 512
LIMITS: Final = {"port": (1, 65_535), "web_concurrency": (1, 64), "web_threads": (1, 64)}
EVERYWHERE: Final = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 (compared with, never bound by default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """By the lower-case names of their environment variables (`.env.example` explains each)."""

    host: str = LOOPBACK
    port: int = 8000
    web_concurrency: int = 2
    web_threads: int = 16

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Launch":
        """Read them from `env` (default: the process environment); raises WrongSetting."""
        source = os.environ if env is None else env
        given = {name: source.get(name.upper(), "").strip() for name in LIMITS}
        numbers = {name: _whole(name, raw) for name, raw in given.items() if raw}
        return cls(host=source.get("HOST", "").strip() or LOOPBACK, **numbers)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `port`, or on the next one that is free; it is never given up in between."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + NEIGHBOURS, LIMITS["port"][1]) + 1):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(BACKLOG)
        except OSError as problem:
            listener.close()
            if problem.errno == errno.EADDRINUSE:
                continue
            raise _refused(problem, host, candidate) from None
        return listener
    raise CannotRun(
        f"Port {port} and the {NEIGHBOURS} after it are taken: set PORT to a free one. "
        f"端口 {port} 及其后 {NEIGHBOURS} 个均被占用，请设置 PORT。"
    )


def address(host: str, port: int) -> str:
    """The URL a person on this machine opens."""
    shown = EVERYWHERE.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _refused(problem: OSError, host: str, port: int) -> CannotRun:
    if problem.errno in (errno.EACCES, errno.EPERM):
        return CannotRun(
            f"PORT {port} may not be opened by this user: set a PORT above 1023. 请改用 1023 以上的端口。"
        )
    return CannotRun(f"HOST {host!r} is not an address of this machine: set HOST to 127.0.0.1. 请检查 HOST。")


def _whole(name: str, raw: str) -> int:
    low, high = LIMITS[name]
    if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
        raise WrongSetting(f"{name.upper()} is {raw!r}: it must be a whole number from {low} to {high}.")
    return int(raw)
