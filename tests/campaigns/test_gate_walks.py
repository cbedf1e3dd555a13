"""Random walks of shoppers at two processes behind one gate, while Redis is flushed, filled with nonsense and stopped.

Beside it stands a model of plain numbers: who asks for what is free gets it, and nobody gets what is not.
"""

import time
import uuid
from collections import Counter
from datetime import timedelta

import redis
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, update

from inventory.gate import keeping, scripts
from inventory.gate.keeping import Gate
from inventory.models import Hold
from marketplace import database
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from tests import builders, house
from tests.campaigns.gate_parts import NONSENSE, ask, gate_server, second_app
from tests.house import Caller

__all__ = ["gate_server", "second_app"]

BOXES = 3
SHOPPERS = 4
WHO = st.integers(0, SHOPPERS - 1)
SIDE = st.integers(0, 1)
NOWHERE = "redis://127.0.0.1:1/0"
LAPSES = timedelta(milliseconds=60)


class Rush(RuleBasedStateMachine):
    def __init__(
        self, apps: tuple[Flask, Flask], server: redis.Redis, urls: DatabaseUrls, met: Counter[str]
    ) -> None:
        super().__init__()
        self.apps, self.server, self.urls, self.met = apps, server, urls, met

    @initialize()
    def begin(self) -> None:
        house.empty(self.urls)
        self.server.flushdb()
        for app in self.apps:
            app.extensions.pop("gate", None)
            app.extensions.pop("item_pools", None)
        self.market = builders.build(self.apps[0])
        self.sale = self.market.on_sale(BOXES, per_buyer=1_000)
        self.people = [house.caller(self.apps[0], Role.SHOPPER) for _ in range(SHOPPERS)]
        self.held: dict[int, tuple[str, int]] = {}
        self.answered: dict[int, tuple[str, int, bytes]] = {}
        self.gates: list[Gate] = []

    @property
    def free(self) -> int:
        return BOXES - sum(boxes for _, boxes in self.held.values())

    def caller(self, who: int, side: int) -> Caller:
        return Caller(self.apps[side], self.people[who].token, self.people[who].account_id)

    @rule(who=WHO, side=SIDE, boxes=st.integers(1, BOXES))
    def place(self, who: int, side: int, boxes: int) -> None:
        key, own = str(uuid.uuid4()), self.held.get(who, ("", 0))[1]
        response = ask(self.caller(who, side), self.sale, boxes, key=key)
        if boxes - own <= self.free:
            assert response.status_code == (200 if own else 201), f"free, and refused: {response.json}"
            self.held[who] = response.json["hold_id"], boxes
            self.answered[who] = key, boxes, response.data
        else:
            assert (response.status_code, response.json["code"]) == (409, "sold_out")

    @rule(side=SIDE, times=st.integers(1, 6))
    def strangers(self, side: int, times: int) -> None:
        """They ask until they are turned away, and so tell the process that nothing is left."""
        for _ in range(times if self.free == 0 else 0):
            stranger = house.caller(self.apps[0], Role.SHOPPER)
            response = ask(Caller(self.apps[side], stranger.token), self.sale)
            assert (response.status_code, response.json["code"]) == (409, "sold_out")
            self.met["shut"] += self.server.exists(scripts.keys(self.sale.pool_id)[0])
            time.sleep(0.03)

    @precondition(lambda self: self.held)
    @rule(side=SIDE, data=st.data())
    def give_back(self, side: int, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.held)))
        hold_id, _ = self.held.pop(who)
        assert self.caller(who, side).post(f"/v1/holds/{hold_id}/release").status_code == 200
        self.met["given back"] += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lapse(self, data: st.DataObject) -> None:
        """One hold has little time left, as if it had been so from the first; then that is over."""
        who = data.draw(st.sampled_from(sorted(self.held)))
        hold_id, _ = self.held[who]
        ends = update(Hold).where(Hold.id == uuid.UUID(hold_id))
        with self.apps[0].app_context():
            database.transact(
                lambda session: session.execute(ends.values(expires_at=func.clock_timestamp() + LAPSES))
            )
            keeping.forget([self.sale.pool_id])
        end = time.monotonic() + LAPSES.total_seconds()
        while time.monotonic() < end:
            if self.free == 0:
                ask(house.caller(self.apps[0], Role.SHOPPER), self.sale, BOXES)
            time.sleep(0.005)
        del self.held[who]
        time.sleep(0.01)
        self.answered.pop(who, None)
        self.met["lapsed"] += 1

    @precondition(lambda self: self.answered)
    @rule(side=SIDE, data=st.data())
    def send_again(self, side: int, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.answered)))
        key, boxes, body = self.answered[who]
        again = ask(self.caller(who, side), self.sale, boxes, key=key)
        assert (again.data, again.headers.get("Idempotent-Replayed")) == (body, "true")
        self.met["sent again"] += 1

    @rule()
    def flush(self) -> None:
        self.server.flushdb()
        self.met["flushed"] += 1

    @rule(place=st.integers(0, 3), what=st.sampled_from(sorted(NONSENSE)))
    def nonsense(self, place: int, what: str) -> None:
        name = scripts.keys(self.sale.pool_id)[place]
        self.server.delete(name)
        NONSENSE[what](self.server, name)
        self.met["nonsense"] += 1

    @precondition(lambda self: not self.gates)
    @rule()
    def stop(self) -> None:
        for app in self.apps:
            with app.app_context():
                gate = keeping.of_app()
            assert gate is not None
            self.gates.append(gate)
            app.extensions["gate"] = Gate(app.config["SETTINGS"], NOWHERE)
        self.met["stopped"] += 1

    @precondition(lambda self: self.gates)
    @rule()
    def start(self) -> None:
        """What was stopped has kept nothing."""
        self.server.flushdb()
        for app, gate in zip(self.apps, self.gates, strict=True):
            app.extensions["gate"] = gate
        self.gates.clear()

    @invariant()
    def the_pool_is_as_the_model(self) -> None:
        if hasattr(self, "sale"):
            pool = self.market.pool(self.sale)
            assert pool.boxes_held + pool.boxes_sold <= pool.boxes_pledged
            assert pool.boxes_held >= BOXES - self.free

    def teardown(self) -> None:
        if hasattr(self, "sale"):
            assert builders.broken(self.apps[0]) == []
        for app in self.apps:
            if (gate := app.extensions.pop("gate", None)) is not None:
                gate.close()
        for gate in getattr(self, "gates", []):
            gate.close()


def test_whatever_redis_does_nothing_free_is_refused_and_nothing_is_sold_twice(
    app: Flask, second_app: Flask, gate_server: redis.Redis, database_urls: DatabaseUrls
) -> None:
    met: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: Rush((app, second_app), gate_server, database_urls, met),
        settings=settings(
            max_examples=25,
            stateful_step_count=16,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"shut", "given back", "lapsed", "sent again", "flushed", "nonsense", "stopped"} <= set(met), met
    assert met["shut"] > 10, "the gate was hardly ever shut: nothing was tried"
