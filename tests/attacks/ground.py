"""The ground of an attack: a database, web servers, workers, the stand-in, and the market that they serve."""

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import psycopg
from flask import Flask

import wsgi
from marketplace import context, database, express, jobs
from marketplace.access import Role
from marketplace.database import db
from marketplace.embedded.databases import DatabaseUrls
from marketplace.embedded.ports import LOOPBACK, free_port
from marketplace.jobs import queue
from tests import house, servers
from tests.attacks.children import Child, Fuse
from tests.builders import Market, broken, build
from tests.house import Caller
from tests.payments.online.there import AGED, EVENTS_URL
from tests.stripe_stand_in import StandIn
from tests.stripe_stand_in.server import SECRET_KEY, WEBHOOK_SECRET

Item = TypeVar("Item")
Result = TypeVar("Result")

FIRST_PORT: Final = 23_000
"""Below those that a system gives to whoever connects: a caller of a port of its own would answer itself."""
ANSWER_SECONDS_MAX: Final = 60
TRIES_MAX: Final = 400
SWEEPERS: Final = ("payments.sweep", "payouts.sweep")
AGED_TOO: Final = (
    *AGED,
    "UPDATE payout_call SET leased_until = leased_until - :by, asked_at = asked_at - :by WHERE state = 'asked'",
    "UPDATE job SET due_at = due_at - :by WHERE state = 'waiting' AND name NOT LIKE 'notifications.%'",
)
LOST: Final = """
    UPDATE job SET started_at = started_at - interval '1 minute' WHERE id IN (
        SELECT id FROM job WHERE state = 'running' AND started_at < clock_timestamp() - interval '1 second'
        FOR UPDATE SKIP LOCKED)
    """
"""A job whose worker is gone, as if that had been noticed."""
AGAIN: Final = """
    UPDATE job SET due_at = clock_timestamp() WHERE state = 'waiting' AND problem = 'the worker was lost'
        AND due_at > clock_timestamp()
    """
"""A job that was put back after that is not waited for."""
UNDECIDED: Final = """
    SELECT id FROM job WHERE state = 'dead' AND name = 'notifications.deliver' AND problem = 'the worker was lost'
    """
"""Messages of which nobody knows whether they were sent."""
AT_WORK: Final = """
    SELECT count(*) FROM job WHERE state = 'running'
        OR (state = 'waiting' AND (due_at <= clock_timestamp() OR problem = 'the worker was lost'))
    """
"""One that is put back between this look and the one before is not over either."""
LEFT: Final = """
    SELECT (SELECT count(*) FROM gateway_call WHERE state = 'asked')
        + (SELECT count(*) FROM payout_call WHERE state = 'asked')
        + (SELECT count(*) FROM provider_event WHERE handled_at IS NULL)
        + (SELECT count(*) FROM job WHERE state = 'waiting' AND name NOT LIKE 'notifications.%')
        + (SELECT count(*) FROM repayment WHERE state = 'asked' AND provider_id IS NULL)
    """
"""What must still be done. Messages have their own time: they may be waiting for the end of the quiet hours."""


@dataclass
class Answer:
    """What came back; status 0: nothing did."""

    status_code: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text) if self.text else None


@dataclass
class Ground:
    app: Flask
    urls: DatabaseUrls
    stand_in: StandIn
    market: Market
    webs: list[Child]
    workers: list[Child]
    fuse: Fuse | None = None
    restart_database: Callable[[], None] | None = None
    """Where the server is nobody else's."""
    _own: threading.local = field(default_factory=threading.local)

    # -- people

    def somebody(self, *roles: Role, **options: Any) -> "Remote":
        made = house.caller(self.app, *roles, **options)
        return Remote(self, made)

    def people(self, count: int, role: Role = Role.SHOPPER) -> list["Remote"]:
        return [self.somebody(role) for _ in range(count)]

    # -- HTTP

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None, *, web: int = 0
    ) -> Answer:
        """Once, on a connection of this thread; status 0 when nobody answered."""
        lines: dict[int, http.client.HTTPConnection] = self._own.__dict__.setdefault("lines", {})
        child = self.webs[web % len(self.webs)]
        line = lines.get(child.port)
        if line is None:
            line = lines[child.port] = http.client.HTTPConnection(
                LOOPBACK, child.port, timeout=ANSWER_SECONDS_MAX
            )
        try:
            line.request(method, path, body=body, headers=headers)
            response = line.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            line.close()
            del lines[child.port]
            return Answer(0, {}, "")
        return Answer(response.status, dict(response.getheaders()), text)

    def post_event(self, body: bytes, headers: dict[str, str], *, web: int = 0) -> int:
        return self.send("POST", EVENTS_URL, headers, body, web=web).status_code

    def deliver(self) -> None:
        """As a payment service does: until each event was taken; there may be thousands, as long as some are taken."""
        failed = 0
        while self.stand_in.queue:
            statuses = self.stand_in.deliver(self.post_event)
            failed = 0 if 200 in statuses else failed + 1
            assert failed < TRIES_MAX, f"{len(self.stand_in.queue)} events are never taken"
            if set(statuses) != {200}:
                self.mend()
                time.sleep(IDLE)

    # -- processes and time

    def mend(self) -> bool:
        """Start again what was lost; whether anything was."""
        return sum(each.mend() for each in (*self.webs, *self.workers)) > 0

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(servers.plain(self.urls.owner_url), autocommit=True) as connection:
            yield connection

    def age(self, **passed: float) -> None:
        """So much time passes for what waits for its time."""
        by = {"by": timedelta(**passed)}
        with self.owner() as connection:
            for statement in (each.replace("%", "%%").replace(":by", "%(by)s") for each in AGED_TOO):
                _insist(lambda text=statement: connection.execute(text, by))
            connection.execute(LOST)

    def enqueue(self, name: str, **arguments: Any) -> None:
        def put() -> None:
            database.transact(lambda session: jobs.enqueue(session, name, arguments=arguments))

        with self.app.app_context():
            put()

    def drain(self) -> None:
        """Until no job is due or under way; there may be thousands, as long as they get fewer."""
        fewest, since = None, time.monotonic()
        with self.owner() as connection:
            while time.monotonic() < since + 2 * ANSWER_SECONDS_MAX:
                self.mend()
                connection.execute(LOST)
                connection.execute(AGAIN)
                [left] = connection.execute(AT_WORK).fetchone() or (0,)
                if not left:
                    return
                if fewest is None or left < fewest:
                    fewest, since = left, time.monotonic()
                time.sleep(IDLE)
        raise AssertionError(f"{left} jobs that never end")

    def left(self) -> int:
        with self.owner() as connection:
            return int(connection.execute(LEFT).fetchone()[0])  # type: ignore[index]

    def settle(self, *, rounds: int = 60) -> int:
        """All that is on its way arrives, and the sweepers finish what was interrupted. After how many rounds."""
        quiet = 0
        for number in range(rounds):
            self.mend()
            self.deliver()
            self.drain()
            self.age(minutes=3 if number < 5 else 30)
            for sweeper in SWEEPERS:
                self.enqueue(sweeper)
            self.drain()
            self.decide()
            quiet = quiet + 1 if not self.left() and not self.stand_in.queue else 0
            if quiet == 2:
                return number
        raise AssertionError(f"{self.left()} things are never finished")

    def decide(self) -> None:
        """What an operator does about messages whose worker died while it sent them: lets them be sent again.

        Nobody else can know whether they went out, so their jobs are never run twice by themselves.
        """
        with self.app.app_context():
            for (job_id,) in self.rows(UNDECIDED):
                database.transact(
                    lambda session, each=job_id: queue.retry(session, context.system(), job_id=each)
                )

    def broken(self) -> list[str]:
        with self.app.app_context():
            return broken(self.app)

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.owner() as connection:
            return connection.execute(statement, values).fetchall()


IDLE: Final = 0.03


class Remote(Caller):
    """Somebody at the door of a process that may be lost: asks with one key until there is an answer."""

    def __init__(self, ground: Ground, known: Caller) -> None:
        super().__init__(ground.app, known.token, known.account_id)
        self.ground = ground
        self.web = random.randrange(1_000)

    def call(self, method: str, path: str, *, key: str | None = "fresh", **options: Any) -> Any:
        """Final: what a caller hears in the end, with whatever happened meanwhile."""
        key = str(uuid.uuid4()) if key == "fresh" else key
        for number in range(TRIES_MAX):
            answer = self.once(method, path, key=key, **options)
            if not _is_passing(answer):
                return answer
            self.ground.mend()
            if number > 2:
                self.ground.age(minutes=2)
            time.sleep(IDLE)
        raise AssertionError(f"{method} {path} is never answered: {answer}")

    def once(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "fresh",
        json: Any = None,
        data: bytes | None = None,
        content_type: str | None = None,
        query_string: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        web: int | None = None,
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if key is not None and method != "GET":
            sent["Idempotency-Key"] = str(uuid.uuid4()) if key == "fresh" else key
        body = data
        if json is not None:
            body, content_type = _dumped(json), "application/json"
        if content_type is not None:
            sent["Content-Type"] = content_type
        where = path if not query_string else f"{path}?{urlencode(query_string)}"
        return self.ground.send(method, where, sent, body, web=self.web if web is None else web)


def _dumped(body: Any) -> bytes:
    return json.dumps(body, default=str).encode()


def _is_passing(answer: Answer) -> bool:
    if answer.status_code in (0, 503):
        return True
    return answer.status_code == 409 and answer.json["code"] == "key_in_flight"


def _insist(work: Callable[[], Any]) -> None:
    """Whoever ages many rows may meet a job that has some of them."""
    for _ in range(20):
        try:
            work()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.CheckViolation):
            time.sleep(IDLE)
        else:
            return


@contextmanager
def laid_out(
    urls: DatabaseUrls,
    folder: Path,
    *,
    webs: int = 1,
    workers: int = 1,
    worker_threads: int = 1,
    fuse: Fuse | None = None,
    redis_url: str | None = None,
    stand_in: StandIn | None = None,
    **changes: Any,
) -> Iterator[Ground]:
    """All of it on a database that nobody else uses; what was started is ended."""
    with ExitStack() as stack:
        there = stand_in or stack.enter_context(StandIn())
        settings = house.settings_for(
            urls,
            redis_url=redis_url,
            stripe_secret_key=SECRET_KEY,
            stripe_webhook_secret=WEBHOOK_SECRET,
            stripe_api_base=there.url,
            stripe_return_url="https://shop.test/back",
            worker_concurrency=worker_threads,
            database_pool_size=40,
            data_dir=str(folder),
            **changes,
        )
        app = wsgi.build(settings)
        stack.callback(_close, app)
        stack.enter_context(app.app_context())
        ground = Ground(app=app, urls=urls, stand_in=there, market=build(app), webs=[], workers=[], fuse=fuse)
        stack.callback(_end, ground)
        port = FIRST_PORT + random.randrange(2_000)
        for role, count in (("web", webs), ("worker", workers)):
            for _ in range(count):
                port = free_port(port + 1)[0]
                found = ground.webs if role == "web" else ground.workers
                found.append(Child(settings, role, port, fuse))
        for child in ground.webs:
            child.wait()
        yield ground


def _close(app: Flask) -> None:
    with app.app_context():
        express.close_all(app)
        db.session.remove()
        db.engine.dispose()


def _end(ground: Ground) -> None:
    for child in (*ground.webs, *ground.workers):
        child.kill()


def together(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 8) -> list[Result]:
    """Each of the items by one of so many threads; who is told to end does not go through the rest first."""
    with ThreadPoolExecutor(threads) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def intents_of(stand_in: StandIn) -> dict[str, str]:
    """The payment service's ids of payments, by ours."""
    with stand_in.books.lock:
        return {each["metadata"]["payment_id"]: each["id"] for each in stand_in.books.all("payment_intent")}


def all_at_once(works: Iterable[tuple[float, Callable[[], Any]]]) -> list[BaseException]:
    """Each piece of work in a thread of its own, so many seconds after the same moment; what went wrong."""
    planned = list(works)
    barrier = threading.Barrier(len(planned))
    wrong: list[BaseException] = []

    def run(wait: float, work: Callable[[], Any]) -> None:
        barrier.wait()
        time.sleep(wait)
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 (told to whoever asked)
            wrong.append(problem)

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in planned]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong
