"""Thousands of events: doubled, out of order, to two servers at once, forged, broken, into a database that is away.

In the end everything stands as if each event had come once and in order.
"""

import hashlib
import hmac
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from marketplace.embedded.databases import DatabaseUrls
from marketplace.embedded.redis_server import RedisServer
from tests import servers
from tests.attacks import dumps
from tests.attacks.dumps import Dump
from tests.attacks.ground import IDLE, Ground, Remote, all_at_once, intents_of, together
from tests.builders import Sale, contents, ordered
from tests.payments.online.test_events import forged
from tests.payments.online.there import pay
from tests.stripe_stand_in.server import WEBHOOK_SECRET

FATES: Final = 10
DECLINED: Final = "pm_card_chargeDeclined"
AWAY_SECONDS_MAX: Final = 30


def silent_step(_: str) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    payments: int
    forged: int
    unreadable: int
    outages: int


QUICK: Final = Size(payments=30, forged=60, unreadable=20, outages=1)
FULL: Final = Size(payments=1_000, forged=500, unreadable=200, outages=5)


@dataclass
class Flood:
    """One run: its orders by number, and what was sent."""

    ground: Ground
    orders: list[dict[str, Any]] = field(default_factory=list)
    people: list[Remote] = field(default_factory=list)
    sale: Sale | None = None
    events: int = 0
    sent: Counter[str] = field(default_factory=Counter)


def filled(ground: Ground, size: Size, step: Callable[[str], None]) -> Flood:
    """So many payments, each with its own story at the payment service, all told of by events that nobody got yet."""
    flood = Flood(ground=ground, sale=ground.market.on_sale(size.payments * 2, per_buyer=10))
    flood.people = ground.people(size.payments)
    step("orders")
    flood.orders = together(lambda each: ordered(each, flood.sale), flood.people)
    ground.drain()  # whoever is told what is to be paid is told in both runs
    step("payments are begun")
    for response in together(lambda each: pay(*each), zip(flood.people, flood.orders, strict=True)):
        assert response.status_code == 200, response.json
    intents = intents_of(ground.stand_in)
    step("payers pay")
    for number, (person, order) in enumerate(zip(flood.people, flood.orders, strict=True)):
        live(ground, person, order, intents[order["payment_id"]], number % FATES)
    ground.drain()
    ground.stand_in.faults.clear()
    flood.events = len(ground.stand_in.queue)
    return flood


def live(ground: Ground, person: Remote, order: dict[str, Any], intent_id: str, fate: int) -> None:
    """What becomes of a payment at the payment service."""
    stand_in = ground.stand_in
    for _ in range(2 if fate in (5, 7) else 1):
        stand_in.pay_in_browser(intent_id, DECLINED)
    if fate == 6:
        stand_in.pay_in_browser(intent_id, "pm_card_authenticationRequired")
        stand_in.answer_bank(intent_id)
    elif fate == 8:
        stand_in.pay_in_browser(intent_id, "pm_card_createDispute")
    elif fate == 9:  # given up here while the payment service is away, and paid there
        stand_in.fail_next("busy", f"POST /v1/payment_intents/{intent_id}/cancel", times=1_000_000)
        assert person.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
        stand_in.pay_in_browser(intent_id)
    elif fate != 7:
        stand_in.pay_in_browser(intent_id)


def in_order(flood: Flood) -> Dump:
    """Each event once, in the order in which they happened."""
    flood.ground.deliver()
    flood.ground.settle()
    return told(flood)


def flooded(flood: Flood, size: Size, redis: RedisServer | None, step: Callable[[str], None]) -> Dump:
    """The same events as bad as they come."""
    seeded = random.Random(7)
    send_forged(flood, size, seeded, step)
    events = flood.ground.stand_in.take_queue()
    copies = [event for event in events for _ in range(seeded.randint(1, 5))]
    seeded.shuffle(copies)
    held_back, copies = copies[: len(copies) // 10], copies[len(copies) // 10 :]
    parts = size.outages + 1
    for number in range(parts):
        part = copies[number * len(copies) // parts : (number + 1) * len(copies) // parts]
        step(f"events, part {number + 1} of {parts}")
        send(flood, part, seeded)
        if number < size.outages:
            away(flood, [seeded.choice(copies) for _ in range(max(1, len(copies) // 100 // size.outages))])
    step("between stored and handled")
    kill_between(flood, held_back, redis, seeded)
    step("everything comes to rest")
    flood.ground.settle()
    return told(flood)


def send(flood: Flood, events: Sequence[dict[str, Any]], seeded: random.Random) -> None:
    """By several senders; one in twenty to two servers in the same moment. What is not taken comes again."""
    planned = [(event, seeded.random() < 0.05, seeded.randrange(2)) for event in events]

    def post(plan: tuple[dict[str, Any], bool, int]) -> None:
        event, twice, web = plan
        if twice:
            wrong = all_at_once([(0, lambda web=web: insist(flood, event, web=web)) for web in (0, 1)])
            assert not wrong, wrong
            flood.sent["to two at once"] += 1
        else:
            insist(flood, event, web=web)

    together(post, planned)


def insist(flood: Flood, event: dict[str, Any], *, web: int) -> None:
    for _ in range(600):
        flood.sent["deliveries"] += 1
        status = flood.ground.post_event(*flood.ground.stand_in.signed(event), web=web)
        if status == 200:
            return
        flood.sent["not taken"] += 1
        assert status in (0, 503), status
        flood.ground.mend()
        time.sleep(0.1)
    raise AssertionError("an event that is never taken")


def away(flood: Flood, events: Sequence[dict[str, Any]]) -> None:
    """The database goes away while these are on their way."""
    sender = threading.Thread(target=send, args=(flood, events, random.Random(1)))
    flood.sent["during an outage"] += len(events)
    if flood.ground.restart_database is not None:
        sender.start()
        flood.ground.restart_database()
    else:
        before, until = flood.sent["not taken"], time.monotonic() + AWAY_SECONDS_MAX
        with _closed(flood.ground):
            sender.start()
            while flood.sent["not taken"] == before and time.monotonic() < until:
                time.sleep(IDLE)
    sender.join()
    flood.sent["outages"] += 1


class _closed:  # noqa: N801 (used as a block)
    """One database of a server that others use too is away: nobody is let in, and everybody in it thrown out."""

    def __init__(self, ground: Ground) -> None:
        self._name = name_of(ground.urls)

    def __enter__(self) -> None:
        self._let_in(False)
        with _admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name]
            )

    def __exit__(self, *_: object) -> None:
        self._let_in(True)

    def _let_in(self, allowed: bool) -> None:
        with _admin() as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(
                    sql.Identifier(self._name), sql.Literal(allowed)
                )
            )


def name_of(urls: DatabaseUrls) -> str:
    """The database's."""
    return urls.app_url.rsplit("/", 1)[1].partition("?")[0]


def keep_what_is_answered(urls: DatabaseUrls) -> None:
    """A database of the tests answers a COMMIT before it is written: who kills its server must not allow that."""
    with _admin() as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(sql.Identifier(name_of(urls)))
        )


def _admin() -> psycopg.Connection[Any]:
    return psycopg.connect(servers.plain(servers.current().admin_url), autocommit=True)


def send_forged(flood: Flood, size: Size, seeded: random.Random, step: Callable[[str], None]) -> None:
    """Forged and unreadable ones: 400, and no row is changed."""
    step("forged events")
    real = flood.ground.stand_in.queue[0].event
    names = sorted(forged())
    bad: list[tuple[bytes, dict[str, str]]] = []
    for name in itertools.islice(itertools.cycle(names), size.forged):
        body, header = forged()[name]
        bad.append((body, {} if header is None else {"Stripe-Signature": header}))
    for number in range(size.unreadable):
        text = flood.ground.stand_in.signed(real)[0]
        at = seeded.randrange(len(text))
        broken = text[:at] + BROKEN[number % len(BROKEN)] + text[at:]
        bad.append((broken, {"Stripe-Signature": signature_of(broken)}))
    with flood.ground.app.app_context():
        before = contents()
        statuses = Counter(together(lambda each: flood.ground.post_event(*each), bad))
        after = contents()
    assert statuses == {400: len(bad)}, statuses
    assert before == after, [name for name in before if before[name] != after[name]]
    flood.sent["forged"], flood.sent["broken UTF-8"] = size.forged, size.unreadable


BROKEN: Final = (
    b"\xff",
    b"\xfe\xff",
    b"\xc3(",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xf0\x9f",
    b"\x80",
)
"""Never a part of UTF-8, overlong, a surrogate, five bytes, cut off, a middle without its beginning."""


def signature_of(body: bytes) -> str:
    """Ours over any bytes: what is wrong with these is not their signature."""
    stamp = int(time.time())
    digest = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def kill_between(
    flood: Flood, events: Sequence[dict[str, Any]], redis: RedisServer | None, seeded: random.Random
) -> None:
    """Workers are dead while these are stored; then Redis dies too, and of every second event the job is lost."""
    ground = flood.ground
    for worker in ground.workers:
        worker.kill()
    plan = [(event, seeded.randrange(2)) for event in events]
    statuses = together(lambda each: ground.post_event(*ground.stand_in.signed(each[0]), web=each[1]), plan)
    assert set(statuses) == {200}
    flood.sent["deliveries"] += len(events)
    [(waiting,)] = ground.rows("SELECT count(*) FROM provider_event WHERE handled_at IS NULL")
    flood.sent["stored when Redis died"] = waiting
    if redis is not None:
        redis.child.kill()
        redis.child.wait()
    with ground.owner() as connection:
        gone = connection.execute(
            "DELETE FROM job WHERE name = 'payments.handle_event' AND state = 'waiting' AND id % 2 = 0"
        )
        flood.sent["jobs lost"] = gone.rowcount
    ground.mend()


def told(flood: Flood) -> Dump:
    names: dict[str, str] = {}
    for number, (order, person) in enumerate(zip(flood.orders, flood.people, strict=True)):
        names[order["id"]] = f"order {number:04}"
        names[order["payment_id"]] = f"payment {number:04}"
        names[str(person.account_id)] = f"payer {number:04}"
    assert flood.sale is not None
    names[str(flood.sale.item_id)] = "item"
    return dumps.dump(flood.ground, names)
