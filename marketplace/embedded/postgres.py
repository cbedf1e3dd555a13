"""The embedded PostgreSQL: started when it is not running, shared when it is, stopped by the last one to leave.

Every process that asked for the server holds a shared lock on `users` in its home until it leaves or dies.
Whoever leaves and finds no other holder stops the server; one whose users were all killed is found running,
and is stopped by the next one that leaves. What is started, who it belongs to and whether it still lives is
read from PostgreSQL's own `postmaster.pid`, never assumed.
"""

import atexit
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg

from marketplace.embedded import binaries, cluster, places, processes, system_user
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.places import Home
from marketplace.embedded.ports import LOOPBACK, free_port
from marketplace.embedded.processes import Process

PORT: Final = 5432
ATTEMPTS: Final = 20
ANSWER_SECONDS_MAX: Final = 300
FAST_STOP_SECONDS: Final = 60
IMMEDIATE_STOP_SECONDS: Final = 20
LOG_BYTES_MAX: Final = 10_000_000
SETTINGS: Final = {
    "max_connections": "60",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_duration_statement": "1s",
}
FAST_SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}

_users: dict[Path, int] = {}
_children: dict[int, subprocess.Popen[bytes]] = {}
_guard = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers. `tcp_host` is None when it listens on its socket only."""

    home: Home
    process: Process
    socket_folder: Path
    port: int
    tcp_host: str | None
    was_running: bool
    password: str = field(repr=False)

    def url(self, database: str, role: str, password: str) -> str:
        """A SQLAlchemy URL over the socket."""
        place = urlencode({"host": str(self.socket_folder), "port": self.port}, quote_via=quote)
        return f"postgresql+psycopg://{role}:{quote(password, safe='')}@/{quote(database, safe='')}?{place}"

    @property
    def admin_url(self) -> str:
        return self.url("postgres", cluster.SUPERUSER, self.password)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the superuser that commits each statement."""
        return psycopg.connect(
            dbname=database, host=str(self.socket_folder), port=self.port, user=cluster.SUPERUSER,
            password=self.password, autocommit=True, connect_timeout=10,
        )  # fmt: skip


def tell(sentence: str) -> None:
    """Where notices go unless the caller has a better place."""
    print(sentence, file=sys.stderr)


def ensure(
    folder: Path, *, fast: bool = False, tcp_port: int | None = PORT, say: Callable[[str], None] = tell
) -> Server:
    """The server whose home is `folder`: the running one, or a new one; this process counts as its user until `leave`.

    `tcp_port` is the port wanted on 127.0.0.1 besides the socket (None: socket only); another free one is taken
    and announced when it is not free. `fast` gives up safety for speed and is for tests. Raises CannotStart.
    """
    home = places.prepare(folder)
    try:
        with _guard, places.locked(home.folder):
            joined_before = home.folder in _users
            _join(home)
            try:
                return _running(home) or _start(home, fast=fast, tcp_port=tcp_port, say=say)
            except BaseException:
                if not joined_before:
                    os.close(_users.pop(home.folder))
                raise
    except OSError as problem:
        raise places.plainly(problem, home.folder) from problem


def find_running(folder: Path) -> Server | None:
    """The server whose home is `folder` if it runs now; nothing is made or started."""
    if not (folder / "cluster" / "PG_VERSION").exists():
        return None
    home = Home(folder.resolve(), system_user.for_servers(folder / "cluster"))
    return _running(home)


def leave(folder: Path) -> bool:
    """This process needs the server no longer; True when it was the last one and the server was stopped."""
    folder = folder.resolve()
    with _guard:
        if folder not in _users:
            return False
        with places.locked(folder):
            descriptor = _users.pop(folder)
            try:
                last = places.try_lock(descriptor, fcntl.LOCK_EX)
                return last and stop(folder)
            finally:
                os.close(descriptor)


def stop(folder: Path) -> bool:
    """Stop the server whoever still uses it: open transactions are rolled back. False when none was running."""
    home = Home(folder.resolve(), system_user.for_servers(folder / "cluster"))
    process = _postmaster(home)
    if process is None:
        return False
    for number, seconds in ((signal.SIGINT, FAST_STOP_SECONDS), (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS)):
        try:
            process.send(number)
        except PermissionError:
            raise CannotStart(
                f"PostgreSQL (process {process.pid}) belongs to another user and cannot be stopped."
            ) from None
        if process.wait_until_gone(seconds):
            _reap(process.pid)
            return True
    raise CannotStart(f"PostgreSQL (process {process.pid}) does not stop; see {home.log}.")


def _join(home: Home) -> None:
    if home.folder in _users:
        return
    if not _users:
        atexit.register(_leave_all, os.getpid())
    descriptor = places.open_private(home.folder / "users")
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _users[home.folder] = descriptor


def _leave_all(pid: int) -> None:
    if os.getpid() != pid:
        return
    for folder in list(_users):
        with contextlib.suppress(CannotStart, OSError):
            leave(folder)
    for child in _children.values():
        child.returncode = 0  # It lives on for others; not ours to wait for.


def _postmaster(home: Home) -> Process | None:
    """The living process that serves exactly this cluster."""
    try:
        lines = (home.cluster / "postmaster.pid").read_text().splitlines()
        process = processes.find(int(lines[0]))
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    if process is None or str(home.cluster) not in processes.arguments(process):
        return None
    return process if processes.user_id(process) == home.cluster.stat().st_uid else None


def _running(home: Home) -> Server | None:
    """The server that runs already, as soon as it answers; None when there is none (any more)."""
    process = _postmaster(home)
    return _answering(home, process, was_running=True) if process else None


def _answering(home: Home, process: Process, *, was_running: bool) -> Server | None:
    """Wait until it answers from our cluster; None when it ends before that."""
    password = cluster.passwords(home)[cluster.SUPERUSER]
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        _reap(process.pid)
        if not process.is_alive():
            return None
        server = _as_written(home, process, password, was_running=was_running)
        if server is not None and _serves(server):
            return server
        time.sleep(0.03)
    raise CannotStart(f"PostgreSQL (process {process.pid}) runs but does not answer; see {home.log}.")


def _as_written(home: Home, process: Process, password: str, *, was_running: bool) -> Server | None:
    try:
        lines = (home.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[0] != str(process.pid) or not lines[7].startswith("ready"):
        return None
    return Server(
        home=home, process=process, socket_folder=Path(lines[4]), port=int(lines[3]), tcp_host=lines[5] or None,
        was_running=was_running, password=password,
    )  # fmt: skip


def _serves(server: Server) -> bool:
    try:
        with server.connect() as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise CannotStart(
                f"{server.home.credentials} does not belong to the database beside it."
            ) from None
        return False
    return row is not None and Path(str(row[0])) == server.home.cluster


def _start(home: Home, *, fast: bool, tcp_port: int | None, say: Callable[[str], None]) -> Server:
    installed = binaries.reachable_by(home.user, binaries.find(), say)
    cluster.ensure_made(home, installed, fast=fast, say=say)
    wanted = tcp_port
    for _ in range(ATTEMPTS):
        port = PORT if wanted is None else free_port(wanted)[0]
        log_from = _rotate_log(home)
        process = _spawn(home, installed, port=port, tcp=wanted is not None, fast=fast)
        server = _answering(home, process, was_running=False)
        if server is not None:
            if wanted is not None:
                taken = "" if port == tcp_port else f" (port {tcp_port} is taken)"
                say(f"PostgreSQL {installed.version} answers on 127.0.0.1:{port}{taken}.")
            return server
        said = _log_since(home, log_from)
        if "could not create any TCP/IP sockets" in said and wanted is not None:
            wanted = port + 1
        elif "postmaster.pid" in said and "already exists" in said:
            _disown_pid_file(home)
        elif "shared memory block" in said and "still in use" in said:
            time.sleep(0.5)
        else:
            raise cluster.explained(said, home, "it ended without a reason")
    raise cluster.explained(said, home, "it ended again and again")


def _spawn(home: Home, installed: binaries.Binaries, *, port: int, tcp: bool, fast: bool) -> Process:
    settings = SETTINGS | (FAST_SETTINGS if fast else {}) | {
        "port": str(port),
        "listen_addresses": LOOPBACK if tcp else "",
        "unix_socket_directories": str(places.socket_folder(home)),
    }  # fmt: skip
    command = [installed.program("postgres"), "-D", str(home.cluster)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with home.log.open("ab") as log:
        options = system_user.process_options(home.user)
        child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **options)
    _children[child.pid] = child
    return processes.find(child.pid) or Process(child.pid, "ended")


def _disown_pid_file(home: Home) -> None:
    """After a crash the number in postmaster.pid may belong to a stranger by now.

    `_postmaster` has proved that it is not a server of this cluster. PostgreSQL ignores its own parent's number
    there and then still checks, by the rest of the file, that nobody uses the old shared memory.
    """
    path = home.cluster / "postmaster.pid"
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "r+") as file:
        rest = file.read().partition("\n")[2]
        file.seek(0)
        file.write(f"{os.getpid()}\n{rest}")
        file.truncate()


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _rotate_log(home: Home) -> int:
    size = home.log.stat().st_size if home.log.exists() else 0
    if size < LOG_BYTES_MAX:
        return size
    home.log.replace(home.log.with_suffix(".log.1"))
    return 0


def _log_since(home: Home, position: int) -> str:
    with home.log.open("rb") as log:
        log.seek(position)
        return log.read().decode(errors="replace")
