"""Random walks through a season of one forecast, beside a model of plain numbers; every promise after each step.

Small numbers on purpose, so that shortfalls, last grams and the end of the week are frequent.
"""

import uuid
from collections import Counter
from collections.abc import Callable

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

from inventory.capacity import forecasts, promises
from inventory.capacity.models import Capacity
from inventory.models import Lot
from marketplace import database
from marketplace.embedded.databases import DatabaseUrls
from tests import builders, house
from tests.inventory import fields, yard

PURPOSES = [("campaign_item", uuid.UUID(int=number)) for number in (1, 2)]
PURPOSE = st.sampled_from(PURPOSES)
GRAMS = st.integers(1, 40)
EXPECTED = (promises.CapacityExceeded, promises.NotPromised, forecasts.CapacityClosed)


class Season(RuleBasedStateMachine):
    def __init__(self, app: Flask, urls: DatabaseUrls, met: Counter[str]) -> None:
        super().__init__()
        self.app, self.urls, self.met = app, urls, met

    @initialize(low=st.integers(0, 60))
    def begin(self, low: int) -> None:
        house.empty(self.urls)
        self.yard = yard.build(self.app)
        self.capacity = fields.forecast(self.yard, low)
        self.prudent, self.weighed, self.converted, self.is_closed = low, 0, 0, False
        self.promised = dict.fromkeys(PURPOSES, 0)
        self.shorts = 0
        self.lots: list[tuple[uuid.UUID, int]] = []

    @property
    def room(self) -> int:
        return 0 if self.is_closed else max(self.prudent - self.weighed, 0)

    @property
    def short(self) -> int:
        return max(sum(self.promised.values()) - self.room, 0)

    @rule(low=st.integers(0, 60))
    def revise(self, low: int) -> None:
        if self.expect(lambda: fields.revise(self.yard, self.capacity, low), refused=self.is_closed):
            before = self.short
            self.prudent = low
            self.shorts += self.short > before

    @rule(grams=GRAMS, purpose=PURPOSE)
    def promise(self, grams: int, purpose: promises.Purpose) -> None:
        is_too_much = sum(self.promised.values()) + grams > self.room
        if self.expect(lambda: fields.promise(self.yard, self.capacity, grams, purpose), refused=is_too_much):
            self.promised[purpose] += grams

    @rule(grams=GRAMS, purpose=PURPOSE)
    def give_back(self, grams: int, purpose: promises.Purpose) -> None:
        is_too_much = grams > self.promised[purpose]
        if self.expect(
            lambda: fields.give_back(self.yard, self.capacity, grams, purpose), refused=is_too_much
        ):
            self.promised[purpose] -= grams

    @rule(net=GRAMS)
    def weigh(self, net: int) -> None:
        made = self.expect(lambda: fields.weigh(self.yard, self.capacity, net), refused=self.is_closed)
        if made:
            served = min(net, sum(self.promised.values()))
            assert made.converted_grams == served
            self.take_off(served)
            self.weighed, self.converted = self.weighed + net, self.converted + served
            self.lots.append((made.lot_id, net - served))

    def take_off(self, grams: int) -> None:
        """From whom does not matter to the sums; the use case tells who was met."""
        found = dict.fromkeys(PURPOSES, 0)
        found |= self.stored_promises()
        assert sum(found.values()) == sum(self.promised.values()) - grams
        assert all(found[purpose] <= self.promised[purpose] for purpose in PURPOSES)
        self.promised = found

    def stored_promises(self) -> dict[promises.Purpose, int]:
        with database.reading() as session:
            return promises.open_promises(session, capacity_id=self.capacity.id)

    @precondition(lambda self: self.weighed > 0)
    @rule()
    def close(self) -> None:
        before = self.short
        if self.expect(lambda: fields.close(self.yard, self.capacity), refused=self.is_closed):
            self.is_closed = True
            self.shorts += self.short > before

    def expect(self, act: Callable[[], object], *, refused: bool) -> object:
        """The act's result; None if it was refused, which must be as the model says."""
        result: object = None
        try:
            result = act()
        except EXPECTED as refusal:
            self.met[refusal.code] += 1
        assert (result is None) == refused
        return result

    @invariant()
    def the_numbers_are_those_of_the_model(self) -> None:
        stored: Capacity = self.yard.stored(self.capacity)
        assert (stored.promised_grams, stored.converted_grams, stored.weighed_grams) == (
            sum(self.promised.values()),
            self.converted,
            self.weighed,
        )
        assert (stored.missing_grams, stored.sellable_grams) == (
            self.short,
            max(self.room - sum(self.promised.values()), 0),
        )
        for lot_id, free in self.lots:
            assert self.yard.stored(Lot(id=lot_id)).available_grams == free
        assert bool(fields.shortfalls(self.capacity)) == bool(self.shorts)
        self.met["short"] += self.short > 0
        self.met["closed"] += self.is_closed

    @invariant()
    def every_promise_holds(self) -> None:
        assert builders.broken(self.app) == []


def test_whatever_a_season_brings_no_gram_is_sold_twice_and_no_gap_is_silent(
    app: Flask, database_urls: DatabaseUrls
) -> None:
    met: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: Season(app, database_urls, met),
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"short", "closed", "capacity_exceeded", "not_promised", "capacity_closed"} <= set(met)
