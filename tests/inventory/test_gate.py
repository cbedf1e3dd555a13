"""The gate's notices: what may be noted, for how long, and that none is taken which a commit makes untrue."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from inventory.gate import keeping, rules, scripts
from inventory.gate.keeping import Gate, Seeker
from inventory.gate.rules import LIFE_MAX, Notice
from inventory.grant_rules import PoolFacts
from marketplace import metrics
from marketplace.idempotency import Claim
from marketplace.redis_link import Link

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OTHER_POOL = uuid.uuid4()
POOL = uuid.UUID("01900000-0000-7000-8000-000000000001")
BUYER = uuid.UUID("01900000-0000-7000-8000-0000000000b1")
SOON = st.none() | st.timedeltas(timedelta(milliseconds=-50), timedelta(seconds=3)).map(
    lambda each: NOW + each
)


def pool_facts(**changes: object) -> PoolFacts:
    facts = {
        "pool_id": POOL,
        "pledged": 10,
        "held": 10,
        "sold": 0,
        "version": 7,
        "boxes_per_buyer_max": None,
        "sells_from": NOW - timedelta(days=1),
        "sells_until": NOW + timedelta(days=1),
        **changes,
    }
    return PoolFacts(**facts)  # type: ignore[arg-type]


# Rules


@given(next_at=SOON, until=SOON, limit=st.none() | st.integers(1, 50), held=st.integers(0, 10))
def test_a_note_ends_before_a_hold_lapses_and_before_the_window_ends(
    next_at: datetime | None, until: datetime | None, limit: int | None, held: int
) -> None:
    pool = pool_facts(sells_until=until, boxes_per_buyer_max=limit, held=held)
    made = rules.notice(pool, now=NOW, has_lapsed=False, next_expires_at=next_at)
    if made is None:
        assert any(
            each is not None and each < NOW + timedelta(milliseconds=1) for each in (next_at, until)
        ) or (until is None)
        return
    assert timedelta(0) < made.life <= LIFE_MAX
    assert made.life_ms >= 1
    assert all(
        NOW + timedelta(milliseconds=made.life_ms) <= end for end in (next_at, until) if end is not None
    )
    assert (made.version, made.available) == (7, 10 - held)
    assert made.most == (rules.BOXES_MAX if limit is None else limit)


def test_nothing_has_notice_of_a_pool_that_counts_lapsed_boxes_or_does_not_sell() -> None:
    assert rules.notice(pool_facts(), now=NOW, has_lapsed=True, next_expires_at=None) is None
    for window in ((None, None), (NOW + timedelta(hours=1), NOW + timedelta(hours=2))):
        pool = pool_facts(sells_from=window[0], sells_until=window[1])
        assert rules.notice(pool, now=NOW, has_lapsed=False, next_expires_at=None) is None


@given(st.text() | st.binary() | st.none() | st.from_regex(r"[0-9a-f]{12}(:\d{1,30}){4}:\w+", fullmatch=True))
def test_whatever_is_read_is_a_note_of_ours_or_nothing(text: object) -> None:
    found = rules.read(text, tag="0123456789ab")
    assert found is None or str(text).startswith("0123456789ab:")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_note_keeps_its_instant_to_the_microsecond(instant: datetime) -> None:
    made = Notice(version=1, available=0, most=5, next_expires_at=instant, life=LIFE_MAX)
    told = rules.read(f"ab:1:0:5:{made.next_us}:s1", tag="ab")
    assert told is not None
    assert (told.version, told.available, told.next_expires_at) == (1, 0, instant)


# Against Redis


@pytest.fixture
def server(app: Flask) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(app.config["SETTINGS"].redis_url, decode_responses=True)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def gates(app: Flask, server: redis.Redis) -> Iterator[Callable[[], Gate]]:
    """Each call makes the gate of another process."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate(app.config["SETTINGS"], app.config["SETTINGS"].redis_url))
        return made[-1]

    yield make
    for each in made:
        each.close()


def notice(version: int = 7, **changes: object) -> Notice:
    facts = {"available": 0, "most": 50, "next_expires_at": None, "life": LIFE_MAX, **changes}
    return Notice(version=version, **facts)  # type: ignore[arg-type]


def seek(gate: Gate, boxes: int = 1, buyer_id: uuid.UUID | None = None, key: str = "fresh") -> bool:
    """Whether somebody is turned away."""
    gate.short(POOL)
    claim = Claim(principal="account:1", key=key, fingerprint="f")
    seeker = Seeker(pool_id=POOL, boxes=boxes, buyer_id=buyer_id or uuid.uuid4(), claim=claim)
    return gate.ask([seeker]) != [None]


def take(gate: Gate, version: int = 7, **changes: object) -> bool:
    lease = gate.lease(POOL)
    assert lease is not None
    gate.add(POOL, [keeping.buyer(BUYER)], after=lease.upto, upto=max(version, lease.upto))
    return gate.notice(POOL, lease, notice(version, **changes))


def test_a_note_turns_away_strangers_and_nobody_else(gates: Callable[[], Gate]) -> None:
    gate = gates()
    assert not seek(gate)
    assert take(gate, available=2)
    gate.add(POOL, [keeping.key(Claim(principal="account:1", key="kept", fingerprint="f"))])
    assert [seek(gate, boxes) for boxes in (1, 2, 3, 50, 51)] == [False, False, True, True, False]
    assert not seek(gate, 3, buyer_id=BUYER)
    assert not seek(gate, 3, key="kept")
    other = gates()
    assert seek(other, 3), "what one process notices counts for all"


def test_a_pool_that_is_not_short_is_not_asked_about(gates: Callable[[], Gate]) -> None:
    gate = gates()
    assert take(gate)
    claim = Claim(principal="account:1", key="fresh", fingerprint="f")
    assert gate.ask([Seeker(pool_id=POOL, boxes=1, buyer_id=uuid.uuid4(), claim=claim)]) == [None]
    assert seek(gate)


def test_who_frees_boxes_ends_the_note_and_every_lease_that_may_stand_for_an_older_look(
    gates: Callable[[], Gate],
) -> None:
    looking, freeing = gates(), gates()
    assert take(looking)
    lease = looking.lease(POOL)
    assert lease is not None
    freeing.forget([POOL])
    assert not seek(looking)
    assert not looking.notice(POOL, lease, notice(7)), "a look from before the boxes were freed was noted"
    newer = freeing.lease(POOL)
    assert newer is not None
    assert not looking.notice(POOL, lease, notice(7)), "an old lease counted because there was a new one"
    assert freeing.notice(POOL, newer, notice(7)) is True


def test_a_flush_between_the_look_and_the_note_leaves_no_notice(
    gates: Callable[[], Gate], server: redis.Redis
) -> None:
    gate = gates()
    assert take(gate)
    lease = gate.lease(POOL)
    assert lease is not None
    gates().forget([POOL])
    server.flushdb()
    gate.add(POOL, [keeping.buyer(BUYER)], upto=7)
    assert not gate.notice(POOL, lease, notice(7))


def test_a_lease_in_another_form_is_not_shared(gates: Callable[[], Gate], server: redis.Redis) -> None:
    """Put there again and again, it would be the same lease before and after boxes were freed."""
    gate, name = gates(), scripts.keys(POOL)[3]
    for strange in ("x", "nonsense:12", ""):
        server.set(name, strange)
        lease = gate.lease(POOL)
        assert lease is not None
        assert lease.name != strange
        assert server.get(name) == lease.name
    gate.forget([POOL])
    server.set(name, "x")
    assert not take_with(gate, lease)


def take_with(gate: Gate, lease: keeping.Lease) -> bool:
    gate.add(POOL, [keeping.buyer(BUYER)], upto=7)
    return gate.notice(POOL, lease, notice(7))


def test_an_older_version_does_not_replace_a_newer_one(gates: Callable[[], Gate]) -> None:
    gate = gates()
    lease = gate.lease(POOL)
    assert lease is not None
    gate.add(POOL, [keeping.buyer(BUYER)], upto=9)
    assert gate.notice(POOL, lease, notice(9, available=1))
    assert not gate.notice(POOL, lease, notice(8, available=3))
    assert seek(gate, 2)


def test_a_note_is_not_taken_while_buyers_are_missing(gates: Callable[[], Gate], server: redis.Redis) -> None:
    gate = gates()
    lease = gate.lease(POOL)
    assert lease is not None
    assert lease.upto == 0
    assert not gate.notice(POOL, lease, notice(7))
    assert gate.add(POOL, [keeping.buyer(BUYER)], upto=6) == 6
    assert not gate.notice(POOL, lease, notice(7))
    assert gate.add(POOL, [], after=6, upto=7) == 7
    assert gate.notice(POOL, lease, notice(7))
    server.delete(scripts.keys(POOL)[1])
    assert gate.add(POOL, [], after=7, upto=8) == 0, "a new set cannot begin in the middle"
    assert not seek(gate)


def test_a_gap_in_the_versions_is_not_skipped(gates: Callable[[], Gate]) -> None:
    gate = gates()
    assert gate.add(POOL, [], upto=5) == 5
    assert gate.add(POOL, [], after=8, upto=9) == 5


def test_a_late_note_has_no_second_of_its_own(gates: Callable[[], Gate], server: redis.Redis) -> None:
    gate = gates()
    gate.add(POOL, [keeping.buyer(BUYER)], upto=7)
    lease = gate.lease(POOL)
    assert lease is not None
    time.sleep(0.3)
    assert gate.notice(POOL, lease, notice(7))
    assert server.pttl(scripts.keys(POOL)[0]) <= 700
    time.sleep(0.75)
    assert not gate.notice(POOL, lease, notice(7)), "a second after its lease"
    assert not seek(gate)


def test_a_set_without_bounds_is_dropped(
    gates: Callable[[], Gate], server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "SET_MOST", 3)
    gate = gates()
    assert gate.add(POOL, [keeping.buyer(uuid.uuid4()) for _ in range(2_500)], upto=7) == 7
    assert server.scard(scripts.keys(POOL)[1]) == 2_501
    assert gate.add(POOL, ["kx"], after=7, upto=8) == 0
    assert server.exists(*scripts.keys(POOL)[1:3]) == 0


def test_another_installation_on_the_same_redis_is_not_understood(
    app: Flask, gates: Callable[[], Gate], server: redis.Redis
) -> None:
    gate = gates()
    assert take(gate)
    foreign = Gate(replace(app.config["SETTINGS"], secret_key="other-" * 8), app.config["SETTINGS"].redis_url)
    assert not seek(foreign)
    foreign.close()


def test_many_who_wait_are_asked_about_in_one_call(gates: Callable[[], Gate]) -> None:
    gate = gates()
    assert take(gate)
    calls = []
    check = gate._check

    def counting(**options: object) -> object:
        calls.append(options)
        return check(**options)

    gate._check = counting
    gate.short(POOL)
    claims = [Claim(principal="account:1", key=f"key{number}", fingerprint="f") for number in range(16)]
    buyers = [uuid.uuid4() for _ in claims]
    buyers[3] = BUYER
    told = gate.ask(
        [
            Seeker(pool_id=OTHER_POOL if number == 5 else POOL, boxes=1, buyer_id=buyer, claim=claim)
            for number, (buyer, claim) in enumerate(zip(buyers, claims, strict=True))
        ]
    )
    assert [each is None for each in told] == [number in (3, 5) for number in range(16)]
    assert len(calls) == 1


def test_what_the_gate_did_is_counted(app: Flask, gates: Callable[[], Gate]) -> None:
    gate = gates()
    assert take(gate)
    before = counted()
    assert seek(gate)
    assert not seek(gate, buyer_id=BUYER)
    after = counted()
    assert {name: after[name] - before.get(name, 0) for name in ("turned_away", "let_through")} == {
        "turned_away": 1,
        "let_through": 1,
    }
    assert b'gate_asks_total{outcome="turned_away"}' in metrics.render(app)[0]


def counted() -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
        if sample.name == "gate_asks_total"
    }


def test_after_a_failure_redis_is_left_alone_for_a_while(app: Flask) -> None:
    link = Link(app.config["SETTINGS"].redis_url, patience_ms=500)
    calls = []

    def failing(_client: redis.Redis) -> int:
        calls.append(1)
        raise redis.ConnectionError("gone")

    assert link.run(failing) is None
    assert link.run(failing) is None
    assert len(calls) == 1
    assert link.run(lambda client: client.ping(), pause_ms=0)
    link.close()


@pytest.mark.parametrize(
    "answer", [b"+OK\r\n", b"garbage\r\n", b"*-5\r\n", b"$5\r\nab", b":x\r\n", b"*3\r\n$1\r\n", b"\xff\xfe"]
)
def test_a_server_that_answers_nonsense_is_as_if_it_were_away(app: Flask, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(0.3)
                    try:
                        while connection.recv(65_536):
                            connection.sendall(answer)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        gate = Gate(app.config["SETTINGS"], f"redis://127.0.0.1:{listening.getsockname()[1]}/0")
        try:
            assert not seek(gate)
            assert gate.lease(POOL) is None
            gate.forget([POOL])
            assert gate.add(POOL, ["b1"], upto=3) == 0
        finally:
            gate.close()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
