"""The gate at the door: it turns the hopeless away without a word to PostgreSQL, and nobody else."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import event, func, update

import wsgi
from campaigns.pledges import pledging
from inventory import counter, pools
from inventory.gate import keeping, scripts, taking
from inventory.models import Hold
from marketplace import context, database
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from tests import house
from tests.builders import Market, Sale, assert_refused, held
from tests.campaigns.gate_parts import NONSENSE, ask, gate_server, give_back, second_app
from tests.house import Caller

__all__ = ["gate_server", "second_app"]

STOCK = ("pool", "hold", "idempotency_key")


@contextmanager
def silence(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody says a word about stock to PostgreSQL."""
    told: list[str] = []

    def listen(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if any(f" {name} " in f" {statement.replace('.', ' ')} " for name in STOCK):
            told.append(statement)

    with monkeypatch.context() as patched:
        patched.setattr(counter, "serve", lambda requests: pytest.fail("the counter was asked"))
        event.listen(database.db.engine, "before_cursor_execute", listen)
        try:
            yield
        finally:
            event.remove(database.db.engine, "before_cursor_execute", listen)
    assert told == []


def noted(sale: Sale, gate_server: redis.Redis, caller: Caller) -> None:
    """Somebody asks until a notice stands."""
    name = scripts.keys(sale.pool_id)[0]
    end = time.monotonic() + 5
    while not gate_server.exists(name):
        assert time.monotonic() < end, "no notice was taken"
        assert_refused(ask(caller, sale), 409, "sold_out")
        time.sleep(0.03)


def renewed(sale: Sale, gate_server: redis.Redis, caller: Caller) -> None:
    """A notice that has most of its second before it."""
    gate_server.delete(scripts.keys(sale.pool_id)[0])
    noted(sale, gate_server, caller)


def sold_out(
    market: Market, gate_server: redis.Redis, as_role: Callable[..., Caller]
) -> tuple[Sale, Caller, Any]:
    """A sale without boxes, the gate shut; who has them all, and that hold."""
    sale, owner = market.on_sale(3), as_role(Role.SHOPPER)
    made = held(owner, sale, 3)
    noted(sale, gate_server, as_role(Role.SHOPPER))
    return sale, owner, made


def test_the_hopeless_are_turned_away_without_a_word_about_stock(
    market: Market,
    gate_server: redis.Redis,
    shopper: Caller,
    as_role,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sale, _, made = sold_out(market, gate_server, as_role)
    gate_server.flushdb()
    by_counter = assert_refused(ask(as_role(Role.SHOPPER), sale, 2), 409, "sold_out")
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    with silence(app, monkeypatch):
        refusal = assert_refused(ask(shopper, sale, 2), 409, "sold_out")
    assert (refusal["requested_boxes"], refusal["available_boxes"]) == (2, 0)
    assert datetime.fromisoformat(refusal["next_expires_at"]) == datetime.fromisoformat(made["expires_at"])
    own = {"instance": "", "request_id": ""}
    assert {**refusal, **own} == {**by_counter, **own}, "the same answer as PostgreSQL's"


def test_a_refusal_at_the_gate_is_not_stored_and_its_key_may_be_granted(
    market: Market,
    gate_server: redis.Redis,
    shopper: Caller,
    as_role,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sale, owner, made = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    key = str(uuid.uuid4())
    with silence(app, monkeypatch):
        assert_refused(ask(shopper, sale, key=key), 409, "sold_out")
    give_back(owner, made)
    assert ask(shopper, sale, key=key).status_code == 201


def test_a_stored_answer_is_answered_again_while_the_gate_is_shut(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role
) -> None:
    sale = market.on_sale(3)
    granted, refused = str(uuid.uuid4()), str(uuid.uuid4())
    first = ask(shopper, sale, 3, key=granted)
    other = as_role(Role.SHOPPER)
    second = ask(other, sale, 1, key=refused)
    assert (first.status_code, second.status_code) == (201, 409)
    noted(sale, gate_server, as_role(Role.SHOPPER))
    for _ in range(3):
        renewed(sale, gate_server, as_role(Role.SHOPPER))
        again = ask(shopper, sale, 3, key=granted)
        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Idempotent-Replayed"] == "true"
        again = ask(other, sale, 1, key=refused)
        assert (again.status_code, again.data) == (409, second.data)


def test_who_has_boxes_may_give_some_back_at_a_shut_gate(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role
) -> None:
    sale, owner, _ = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    assert ask(owner, sale, 2).status_code == 200
    assert ask(shopper, sale, 1).status_code == 201, "a box was refused though it was free"


def test_who_asks_for_more_than_anybody_may_have_is_told_so(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role
) -> None:
    sale, _, _ = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    assert_refused(ask(shopper, sale, 11), 409, "hold_limit")


def test_what_one_process_frees_is_granted_by_the_other_at_once(
    market: Market, gate_server: redis.Redis, app: Flask, second_app: Flask, as_role
) -> None:
    """Two hundred times: full, shut on both sides, freed on one, taken on the other."""
    sale = market.on_sale(1, per_buyer=1_000)
    here = [as_role(Role.SHOPPER) for _ in range(2)]
    there = [Caller(second_app, each.token, each.account_id) for each in here]
    watchers = [as_role(Role.SHOPPER), Caller(second_app, as_role(Role.SHOPPER).token)]
    name, shut = scripts.keys(sale.pool_id)[0], 0
    made = held(here[0], sale, 1)
    for turn in range(200):
        for watcher in watchers:
            assert_refused(ask(watcher, sale), 409, "sold_out")
        time.sleep(0.02)
        shut += gate_server.exists(name)
        side = (here, there)[turn % 2]
        give_back(side[turn % 2], made)
        taken = ask((there, here)[turn % 2][(turn + 1) % 2], sale)
        assert taken.status_code == 201, f"turn {turn}: {taken.json}"
        made = taken.json
    assert shut > 20, "the gate was hardly ever shut: nothing was tried"


def test_a_lapse_opens_the_gate_by_itself(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role
) -> None:
    sale, owner = market.on_sale(1), as_role(Role.SHOPPER)
    made = held(owner, sale, 1)
    soon = timedelta(seconds=1.2)
    statement = update(Hold).where(Hold.id == uuid.UUID(made["hold_id"]))
    database.transact(
        lambda session: session.execute(statement.values(expires_at=func.clock_timestamp() + soon))
    )
    begun = time.monotonic()
    noted(sale, gate_server, as_role(Role.SHOPPER))
    while ask(shopper, sale).status_code != 201:
        left = market.stored(Hold, made["hold_id"]).expires_at - context.system().now
        assert left > timedelta(seconds=-0.2), "free by the clock, and still refused"
    assert time.monotonic() - begun > 0.9


def test_the_end_of_a_sale_is_not_called_sold_out(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, operator: Caller
) -> None:
    sale, _, _ = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    database.transact(
        lambda session: pools.set_window(session, market.ctx, pool_id=sale.pool_id, window=None)
    )
    ask(shopper, sale)
    assert not gate_server.exists(scripts.keys(sale.pool_id)[0])


@pytest.mark.parametrize("pledged", [1, 4])
def test_a_pledge_opens_the_gate(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, pledged: int
) -> None:
    sale, _, _ = sold_out(market, gate_server, as_role)
    market.lot(pledged)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    database.transact(
        lambda session: pledging.put_up(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=market.cooperative_ids[0],
            boxes=pledged,
        )
    )
    assert ask(shopper, sale, pledged).status_code == 201


@pytest.mark.parametrize("what", NONSENSE)
@pytest.mark.parametrize("place", range(4))
def test_nonsense_in_a_key_is_as_if_it_were_not_there(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, what: str, place: int
) -> None:
    sale, owner, made = sold_out(market, gate_server, as_role)
    name = scripts.keys(sale.pool_id)[place]
    gate_server.delete(name)
    NONSENSE[what](gate_server, name)
    assert ask(owner, sale, 2).status_code == 200, "who has boxes is let through"
    gate_server.delete(name)
    NONSENSE[what](gate_server, name)
    taken = ask(shopper, sale, 1)
    assert taken.status_code == 201, "a free box was refused"
    give_back(owner, made)
    assert ask(as_role(Role.SHOPPER), sale, 2).status_code == 201
    noted(sale, gate_server, as_role(Role.SHOPPER))


def test_after_a_flush_the_buyers_are_filled_in_again(
    market: Market, gate_server: redis.Redis, as_role, app: Flask
) -> None:
    sale, owner, _ = sold_out(market, gate_server, as_role)
    gate_server.flushdb()
    noted(sale, gate_server, as_role(Role.SHOPPER))
    assert gate_server.sismember(scripts.keys(sale.pool_id)[1], keeping.buyer(owner.account_id))
    assert ask(owner, sale, 2).status_code == 200


def test_a_lost_set_of_buyers_opens_the_gate(
    market: Market, gate_server: redis.Redis, as_role, shopper: Caller
) -> None:
    sale, owner, _ = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    gate_server.delete(scripts.keys(sale.pool_id)[1])
    assert ask(owner, sale, 2).status_code == 200
    assert ask(shopper, sale, 1).status_code == 201


@contextmanager
def black_hole() -> Iterator[str]:
    """It accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def test_a_black_hole_costs_a_bounded_wait_now_and_then(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, app: Flask
) -> None:
    sale, owner = market.on_sale(3), as_role(Role.SHOPPER)
    with black_hole() as url:
        gate = keeping.Gate(app.config["SETTINGS"], url)
        app.extensions["gate"] = gate
        made = held(owner, sale, 3)
        took = []
        for _ in range(20):
            begun = time.monotonic()
            assert_refused(ask(shopper, sale), 409, "sold_out")
            took.append(time.monotonic() - begun)
        assert sum(each > keeping.PATIENCE_MS / 1_000 for each in took) <= 2, "every request waits for Redis"
        assert max(took) < 1
        begun = time.monotonic()
        give_back(owner, made)
        assert time.monotonic() - begun < 1
        assert ask(shopper, sale, 3).status_code == 201


def test_without_redis_there_is_no_gate(app: Flask, database_urls: DatabaseUrls) -> None:
    built = wsgi.build(replace(house.settings_for(database_urls), redis_url=None))
    with built.app_context():
        assert keeping.of_app() is None
        keeping.forget([uuid.uuid4()])


def test_the_gate_is_rebuilt_by_a_command(
    market: Market, gate_server: redis.Redis, as_role, app: Flask
) -> None:
    sale, owner, _ = sold_out(market, gate_server, as_role)
    gate_server.flushdb()
    told = app.test_cli_runner().invoke(args=["gate", "rebuild", str(sale.pool_id)])
    assert told.exit_code == 0, told.output
    assert f"{sale.pool_id}: 1 buyers" in told.output
    assert gate_server.sismember(scripts.keys(sale.pool_id)[1], keeping.buyer(owner.account_id))
    everything = app.test_cli_runner().invoke(args=["gate", "rebuild"])
    assert str(sale.pool_id) in everything.output
    missing = app.test_cli_runner().invoke(args=["gate", "rebuild", str(uuid.uuid4())])
    assert missing.exit_code == 1


def test_boxes_freed_between_a_look_and_its_note_are_not_refused(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch has looked under the lock and committed; before it gives its notice, somebody gives boxes back."""
    sale, owner, made = sold_out(market, gate_server, as_role)
    gate_server.delete(scripts.keys(sale.pool_id)[0])
    take, freed = taking.take, []

    def late(*given: Any) -> None:
        if given[2] and not freed:
            freed.append(given[2])
            with ThreadPoolExecutor(1) as pool:
                pool.submit(give_back, owner, made).result(10)
        take(*given)

    monkeypatch.setattr(taking, "take", late)
    end = time.monotonic() + 5
    while not freed:
        assert time.monotonic() < end, "nobody took a notice"
        assert_refused(ask(as_role(Role.SHOPPER), sale), 409, "sold_out")
        time.sleep(0.03)
    assert not gate_server.exists(scripts.keys(sale.pool_id)[0])
    assert ask(shopper, sale, 3).status_code == 201, "a free box was refused"


def test_who_looks_while_boxes_are_being_freed_waits_for_their_commit(
    market: Market, gate_server: redis.Redis, as_role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who gives back has told Redis and not committed: no notice can come from before that commit."""
    sale, owner, made = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    told, go, commit = Event(), Event(), database._commit

    def slow(session: Any) -> None:
        session.flush()
        if not gate_server.exists(scripts.keys(sale.pool_id)[0]) and not told.is_set():
            told.set()
            assert go.wait(10)
        commit(session)

    monkeypatch.setattr(database, "_commit", slow)
    stranger, watcher = as_role(Role.SHOPPER), as_role(Role.SHOPPER)
    time.sleep(keeping.RETAKE_NANOSECONDS / 1e9)
    renewed(sale, gate_server, watcher)
    with ThreadPoolExecutor(2) as threads:
        giving = threads.submit(give_back, owner, made)
        assert told.wait(10)
        asking = threads.submit(ask, stranger, sale, 3)
        time.sleep(0.4)
        assert not gate_server.exists(scripts.keys(sale.pool_id)[0]), "a notice of what is about to be untrue"
        go.set()
        giving.result(10)
        first = asking.result(10).status_code
    assert first == 201 or ask(as_role(Role.SHOPPER), sale, 3).status_code == 201, "a free box was refused"


def test_a_process_that_could_not_tell_asks_nobody_until_the_note_is_over(
    market: Market, gate_server: redis.Redis, shopper: Caller, as_role, app: Flask
) -> None:
    sale, owner, made = sold_out(market, gate_server, as_role)
    renewed(sale, gate_server, as_role(Role.SHOPPER))
    with app.app_context():
        gate = keeping.of_app()
    assert gate is not None
    delete = gate._link._client.delete
    gate._link._client.delete = failing  # type: ignore[method-assign]
    give_back(owner, made)
    gate._link._client.delete = delete  # type: ignore[method-assign]
    assert gate_server.exists(scripts.keys(sale.pool_id)[0])
    assert ask(shopper, sale, 3).status_code == 201


def failing(*_names: str) -> int:
    raise redis.TimeoutError("late")
