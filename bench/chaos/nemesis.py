"""What breaks things while the load runs, each fault in a thread of its own; only what the run itself started.

Every fault is written down with its beginning and end; what was taken away is given back before `stop` returns.
"""

import contextlib
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import redis

from bench.chaos.faults import Fault
from bench.chaos.servers import Servers
from marketplace.embedded import processes
from marketplace.embedded.ports import LOOPBACK

FAULTS: Final = ("workers", "backends", "postmaster", "redis-flush", "redis-stop", "redis-nonsense")
NOT_BY_DEFAULT: Final = ("hang",)
"""PostgreSQL stands still instead of being gone (SIGSTOP): only on demand."""
EVERY_SECONDS: Final = {
    "workers": 3.0,
    "backends": 20.0,
    "postmaster": 30.0,
    "redis-flush": 2.0,
    "redis-stop": 24.0,
    "redis-nonsense": 24.0,
    "hang": 30.0,
}
AWAY_SECONDS: Final = {"postmaster": 4.0, "redis-stop": 6.0, "redis-nonsense": 6.0, "hang": 8.0}
SECONDS_MEANT: Final = 60.0
"""For which length of a run the seconds above are meant; in a shorter one all are shorter."""


class Nemesis:
    """`start`, then `stop`; `faults` is complete afterwards."""

    def __init__(self, servers: Servers, kinds: list[str], *, seed: int, seconds: float) -> None:
        self._servers, self._kinds, self._seed = servers, kinds, seed
        self._pace = min(1.0, seconds / SECONDS_MEANT)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.faults: list[Fault] = []
        self.problems: list[str] = []
        """What the nemesis itself could not do: a run with such lines proves nothing."""

    def start(self) -> None:
        acts: dict[str, Callable[[random.Random], str]] = {
            "workers": self._kill_worker,
            "backends": self._kill_backend,
            "postmaster": self._kill_postmaster,
            "redis-flush": self._flush_redis,
            "redis-stop": self._stop_redis,
            "redis-nonsense": self._talk_nonsense,
            "hang": self._hang_postgres,
        }
        for kind in self._kinds:
            thread = threading.Thread(target=self._go_on, args=(kind, acts[kind]), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.faults.sort(key=lambda each: each.began)

    def _go_on(self, kind: str, act: Callable[[random.Random], str]) -> None:
        dice = random.Random(f"{self._seed}:{kind}")
        every = EVERY_SECONDS[kind] * self._pace
        wait = every * (0.9 if kind == "redis-nonsense" else 0.4)
        while not self._over.wait(wait):
            began = time.time()
            try:
                says = act(dice)
            except Exception as problem:  # noqa: BLE001 (told at the end; the other faults go on)
                self.problems.append(f"{kind}: {type(problem).__name__}: {problem}")
                says = ""
            if says:
                self.faults.append(Fault(kind=kind, began=began, ended=time.time(), says=says))
            wait = max(0.05, every - (time.time() - began)) * dice.uniform(0.8, 1.2)

    def _stay_away(self, kind: str) -> None:
        self._over.wait(AWAY_SECONDS[kind] * self._pace)

    def _kill_worker(self, dice: random.Random) -> str:
        workers = self._servers.workers()
        if not workers:
            return ""
        victim = dice.choice(workers)
        victim.send(signal.SIGKILL)
        return f"worker {victim.pid} killed"

    def _kill_backend(self, dice: random.Random) -> str:
        """By turns asked to end, and killed, after which PostgreSQL starts all of them anew."""
        with self._servers.postgres_lock:
            postmaster = self._servers.server.process
            try:
                with self._servers.database("postgres") as connection:
                    found = connection.execute(
                        "SELECT pid FROM pg_stat_activity WHERE application_name = 'virtual-orchard'"
                    ).fetchall()
                    if not found:
                        return ""
                    pid = int(dice.choice(found)[0])
                    if dice.random() < 0.5:
                        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                        return f"backend {pid} terminated"
            except psycopg.OperationalError:
                return ""
            victim = processes.find(pid)
            if victim is None or _parent(pid) != postmaster.pid:
                return ""
            victim.send(signal.SIGKILL)
            self._wait_for_postgres()
            return f"backend {pid} killed; PostgreSQL recovered"

    def _wait_for_postgres(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.05)
            with (
                contextlib.suppress(psycopg.OperationalError),
                self._servers.database("postgres") as connection,
            ):
                connection.execute("SELECT 1")
                return
        raise TimeoutError("PostgreSQL did not recover")

    def _kill_postmaster(self, _dice: random.Random) -> str:
        with self._servers.postgres_lock:
            killed = self._servers.kill_postgres()
            try:
                self._stay_away("postmaster")
            finally:
                self._servers.start_postgres()
            return f"PostgreSQL {killed.pid} killed and started again"

    def _hang_postgres(self, _dice: random.Random) -> str:
        """All of its processes stand still."""
        with self._servers.postgres_lock:
            own = self._servers.server.process
            family = [own, *filter(None, map(processes.find, _children(own.pid)))]
            for process in family:
                process.send(signal.SIGSTOP)
            try:
                self._stay_away("hang")
            finally:
                for process in family:
                    process.send(signal.SIGCONT)
            return f"PostgreSQL stood still, {len(family)} processes"

    def _flush_redis(self, _dice: random.Random) -> str:
        if not self._servers.redis_lock.acquire(blocking=False):
            return ""
        try:
            with self._redis() as client:
                count = client.dbsize()
                client.flushall()
        except redis.RedisError:
            return ""
        else:
            return f"Redis flushed, {count} keys"
        finally:
            self._servers.redis_lock.release()

    def _stop_redis(self, _dice: random.Random) -> str:
        with self._redis_taken_away():
            self._stay_away("redis-stop")
        return "Redis stopped and started again"

    def _talk_nonsense(self, dice: random.Random) -> str:
        form = dice.choice(["words", "silence", "wrong types"])
        if form == "wrong types":
            with self._servers.redis_lock:
                return f"{self._spoil_keys()} keys of Redis turned into lists"
        with self._redis_taken_away(), Impostor(self._servers.redis_port, says_something=form == "words"):
            self._stay_away("redis-nonsense")
        return f"in the place of Redis somebody who answers with {form}"

    def _spoil_keys(self) -> int:
        deadline = time.monotonic() + AWAY_SECONDS["redis-nonsense"] * self._pace
        spoilt = 0
        with self._redis() as client:
            while time.monotonic() < deadline and not self._over.is_set():
                for key in client.scan_iter(count=500):
                    if client.type(key) != b"list":
                        client.pipeline().delete(key).rpush(key, "nonsense").execute()
                        spoilt += 1
                time.sleep(0.1)
            client.flushall()
        return spoilt

    @contextlib.contextmanager
    def _redis_taken_away(self) -> Iterator[None]:
        with self._servers.redis_lock:
            self._servers.stop_redis()
            try:
                yield
            finally:
                self._servers.start_redis()

    @contextlib.contextmanager
    def _redis(self) -> Iterator[Any]:
        client = redis.Redis(host=LOOPBACK, port=self._servers.redis_port, socket_timeout=5)
        try:
            yield client
        finally:
            client.close()


class Impostor:
    """Listens where Redis was: answers each call with words that mean nothing, or accepts and never answers."""

    def __init__(self, port: int, *, says_something: bool) -> None:
        self._says_something = says_something
        self._listener = socket.create_server((LOOPBACK, port), backlog=64)
        self._listener.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_problem: object) -> None:
        self._over.set()
        self._thread.join()

    def _serve(self) -> None:
        lines: list[socket.socket] = []
        with self._listener:
            while not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    line = self._listener.accept()[0]
                    line.setblocking(False)
                    lines.append(line)
                for line in lines if self._says_something else ():
                    with contextlib.suppress(OSError):
                        if line.recv(65_536):
                            line.sendall(b"HTTP/1.1 418 \xff\x00 apples\r\n:12x\r\n")
        for line in lines:
            line.close()


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
        return [int(number) for number in file.read().split()]


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None
