"""Random walks through the lives of bulk orders: after each step every promise of stock and orders holds.

Small numbers on purpose: three cooperatives, little fruit, so that shortage, second splits and ends are frequent.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from marketplace import database, errors, verify
from marketplace.access import Role
from marketplace.context import Context
from marketplace.embedded.databases import DatabaseUrls
from orders import answers, bulk
from orders.models import Order, Share
from orders.states import OPEN_SHARES, OrderState, ShareState, Silence
from tests import builders, house
from tests.builders import PACK_GRAMS, SEASON
from tests.orders.life import lapse

EXPECTED = {"sold_out", "state", "share_state", "more_than_its_share", "not_in_order", "answer_too_late"}
PICKS = st.integers(0, 99)
"""The how-manieth of what there is, around and around."""

Met = Counter[tuple[str, int]]
"""How often an order was met in this state with so many runs."""

Kept = dict[uuid.UUID, tuple[str, int]]
"""State and boxes kept of every share."""


class Lives(RuleBasedStateMachine):
    def __init__(self, app: Flask, urls: DatabaseUrls, met: Met) -> None:
        super().__init__()
        self.app = app
        self.urls = urls
        self.met = met
        self.order_ids: list[uuid.UUID] = []
        self.runs_seen: dict[uuid.UUID, int] = {}

    @initialize(stock=st.tuples(*[st.integers(2, 10)] * 3), boxes=st.integers(3, 10))
    def build(self, stock: tuple[int, ...], boxes: int) -> None:
        house.empty(self.urls)
        self.market = builders.build(self.app)
        for cooperative, in_store in enumerate(stock):
            for part in (in_store // 2, in_store - in_store // 2):
                if part:
                    self.market.lot(part, cooperative=cooperative)
        self.operator = self.market.acting(
            house.caller(self.app, Role.OPERATOR), roles=frozenset({Role.OPERATOR})
        )
        self.place(boxes=boxes, confirms=False, counts=False, asks=True)

    @rule(boxes=st.integers(1, 12), confirms=st.booleans(), counts=st.booleans(), asks=st.booleans())
    def place(self, boxes: int, confirms: bool, counts: bool, asks: bool) -> None:
        if len(self.order_ids) < 3:
            wanted = bulk.Wanted(
                county_id=self.market.county_id,
                pack_id=self.market.pack_id,
                quantity_grams=boxes * PACK_GRAMS,
                season_name=SEASON,
            )
            terms = bulk.Terms(
                silence=Silence.CONFIRMS if confirms else Silence.DECLINES, refusals_count=counts
            )
            made = self.step(lambda session, ctx: bulk.place(session, ctx, wanted, terms=terms)[0].id)
            if made is not None:
                self.order_ids.append(made)
                if asks:
                    self.step(lambda session, ctx: answers.approve(session, ctx, order_id=made))

    @rule(pick=PICKS)
    def approve(self, pick: int) -> None:
        self.on_order(pick, answers.approve)

    @rule(pick=PICKS, boxes=st.none() | st.integers(1, 6))
    def confirm(self, pick: int, boxes: int | None) -> None:
        self.on_share(pick, answers.confirm, boxes=boxes)

    @rule(pick=PICKS)
    def decline(self, pick: int) -> None:
        self.on_share(pick, answers.decline, reason="rain")

    @rule(pick=PICKS, boxes=st.integers(1, 4))
    def reduce(self, pick: int, boxes: int) -> None:
        self.on_share(pick, answers.reduce, boxes=boxes, reason="rot")

    @rule(pick=PICKS, cooperative=st.integers(0, 2))
    def leave(self, pick: int, cooperative: int) -> None:
        cooperative_id = self.market.cooperative_ids[cooperative]
        self.on_order(pick, answers.leave, cooperative_id=cooperative_id, reason="frost")

    @rule(pick=PICKS)
    def accept_short(self, pick: int) -> None:
        self.on_order(pick, answers.accept_short)

    @rule(pick=PICKS, seriously=st.integers(0, 4))
    def cancel(self, pick: int, seriously: int) -> None:
        if seriously == 4:
            self.on_order(pick, answers.cancel, reason="no money")

    @rule(said=st.lists(st.sampled_from(["yes", "no", "two"]), min_size=3, max_size=9))
    def all_answer(self, said: list[str]) -> None:
        """Everybody who is asked says something, one after the other."""
        for share_id, word in zip(self.ids(Share.state == ShareState.OFFERED), said, strict=False):
            if word == "no":
                self.on_one(share_id, answers.decline, reason="rain")
            else:
                self.on_one(share_id, answers.confirm, boxes=2 if word == "two" else None)
            self.every_promise_holds()

    @rule(cooperative=st.integers(0, 2), boxes=st.integers(1, 3))
    def receive(self, cooperative: int, boxes: int) -> None:
        self.market.lot(boxes, cooperative=cooperative)

    @rule()
    def time_passes(self) -> None:
        past = update(Share).values(answer_due_at=self.market.ctx.now - timedelta(minutes=1))
        database.transact(lambda session: session.execute(past.where(Share.state == ShareState.OFFERED)))
        lapse(self.market)

    def on_order(self, pick: int, work: Callable[..., Any], **named: Any) -> None:
        if self.order_ids:
            order_id = self.order_ids[pick % len(self.order_ids)]
            self.step(lambda session, ctx: work(session, ctx, order_id=order_id, **named), order_id=order_id)

    def on_share(self, pick: int, work: Callable[..., Any], **named: Any) -> None:
        """Mostly on a share that is open."""
        live = self.ids(Share.boxes > 0 if pick % 5 == 4 else Share.state.in_(OPEN_SHARES))
        if live:
            share_id = live[pick % len(live)]
            self.on_one(share_id, work, **named)

    def on_one(self, share_id: uuid.UUID, work: Callable[..., Any], **named: Any) -> None:
        self.step(lambda session, ctx: work(session, ctx, share_id=share_id, **named), share_id=share_id)

    def step(
        self,
        work: Callable[[Session, Context], Any],
        *,
        order_id: uuid.UUID | None = None,
        share_id: uuid.UUID | None = None,
    ) -> Any:
        """Do it or be refused for a known reason; whose share it is not, it does not touch."""
        before = self.shares()
        ctx = replace(self.operator, now=self.market.ctx.now)
        try:
            return database.transact(lambda session: work(session, ctx))
        except errors.Refusal as refusal:
            if refusal.code not in EXPECTED:
                raise
            assert self.shares() == before
            return None
        finally:
            if share_id is not None:
                self.check_frozen(before, self.shares(), share_id)

    def ids(self, condition: ColumnElement[bool]) -> list[uuid.UUID]:
        with database.reading() as session:
            return [*session.scalars(select(Share.id).where(condition).order_by(Share.id))]

    def shares(self) -> Kept:
        with database.reading() as session:
            return {
                share.id: (share.state, share.boxes_kept) for share in session.scalars(select(Share)).all()
            }

    def check_frozen(self, before: Mapping[uuid.UUID, Any], after: Kept, touched: uuid.UUID) -> None:
        assert {each: after[each] for each in before if each != touched} == {
            each: before[each] for each in before if each != touched
        }

    def check_order(self, session: Session, order_id: uuid.UUID) -> None:
        order, terms = session.get_one(Order, order_id), bulk.terms_of(session, order_id=order_id)
        runs = bulk.runs_of(session, order_id=order_id)
        shares = [share for run in runs for share in run.shares]
        kept = sum(share.boxes_kept for share in shares)
        if order.state == OrderState.CANCELLED:
            assert (kept, terms.boxes_open, terms.boxes_short) == (0, 0, 0)
        else:
            assert kept + terms.boxes_open + terms.boxes_short == order.boxes
        assert order.total_minor == order.boxes * order.unit_price_minor
        assert all((share.boxes_kept > 0) == (share.state in OPEN_SHARES) for share in shares)
        assert [run.number for run in runs] == list(range(1, len(runs) + 1))
        if len(runs) > self.runs_seen.get(order_id, 0):
            refused = {
                share.cooperative_id for run in runs[:-1] for share in run.shares if share.boxes_given_back
            }
            assert not refused & {share.cooperative_id for share in runs[-1].shares}
        self.runs_seen[order_id] = len(runs)
        if order.state == OrderState.COMMITTED:
            assert {share.state for share in shares if share.boxes_kept} == {ShareState.CONFIRMED}

    @invariant()
    def every_promise_holds(self) -> None:
        modules = [each for each in self.app.extensions["modules"] if each.name in {"inventory", "orders"}]
        database.db.session.remove()
        with database.reading() as session:
            findings = verify.check(session, verify.invariants_of(modules))
            for order_id in self.order_ids:
                self.met[
                    session.get_one(Order, order_id).state, len(bulk.runs_of(session, order_id=order_id))
                ] += 1
            assert [found.invariant.id for found in findings if not found.holds] == []
            for order_id in self.order_ids:
                self.check_order(session, order_id)


def test_whatever_happens_to_bulk_orders_every_promise_holds(app: Flask, database_urls: DatabaseUrls) -> None:
    met: Met = Counter()
    run_state_machine_as_test(
        lambda: Lives(app, database_urls, met),
        settings=settings(
            max_examples=40,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,  # the same walks every time: which states they meet is no matter of luck
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert builders.broken(app) == []
    assert {state for state, _ in met} >= {"proposed", "approved"}
    assert any(runs > 1 for _, runs in met)
