"""Holds against a model: whatever is done in whatever order, counters, states and refusals are those foretold."""

import uuid
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from inventory import extending, holds, lots, pools
from inventory.models import Hold, Lot, Pool
from inventory.quality import quality
from marketplace import database, errors
from marketplace.context import Context
from tests.inventory.yard import PACK_GRAMS, Yard, place

PER_BUYER = 6
BUYERS = st.integers(0, 2)
PICK = st.integers(0, 1_000)


@dataclass
class Held:
    """A shopper's hold as the model knows it; `is_over`: its time has passed, whoever has noticed."""

    buyer: int
    boxes: int
    state: str = "active"
    is_over: bool = False


@dataclass
class Model:
    on_hand: int
    status: str = "available"
    pledges: dict[uuid.UUID, int] = field(default_factory=dict)
    holds: dict[uuid.UUID, Held] = field(default_factory=dict)

    @property
    def pledged(self) -> int:
        return sum(self.pledges.values())

    @property
    def held(self) -> int:
        return sum(each.boxes for each in self.holds.values() if each.state in ("active", "converting"))

    @property
    def sold(self) -> int:
        return sum(each.boxes for each in self.holds.values() if each.state == "consumed")

    @property
    def available(self) -> int:
        return self.pledged - self.held - self.sold

    def lapsed(self) -> list[Held]:
        return [each for each in self.holds.values() if each.state == "active" and each.is_over]

    def live(self, buyer: int) -> tuple[uuid.UUID, Held] | None:
        found = [
            (hold_id, each)
            for hold_id, each in self.holds.items()
            if each.buyer == buyer and each.state == "active" and not each.is_over
        ]
        return found[-1] if found else None

    def counted(self, buyer: int) -> int:
        """Being paid, bought, and lapsed a short while ago; a second live hold counts, too."""
        live = self.live(buyer)
        return sum(
            each.boxes
            for hold_id, each in self.holds.items()
            if each.buyer == buyer and each.state != "released" and (live is None or hold_id != live[0])
        )

    def sweep(self) -> int:
        due = self.lapsed()
        for each in due:
            each.state = "expired"
        return len(due)


class HoldMachine(RuleBasedStateMachine):
    yard: Yard

    def __init__(self) -> None:
        super().__init__()
        self.lot: Lot = self.yard.lot(f"L{uuid.uuid4().hex[:10]}", boxes=14)
        self.lot_id = self.lot.id
        self.pool_id = self.yard.pool(per_buyer=PER_BUYER).id
        self.buyers: list[Context] = [self.yard.shopper() for _ in range(3)]
        self.model = Model(on_hand=14)

    def teardown(self) -> None:
        """Nothing of a walk plays a part in the next: no lapsed hold is left to sweep, and no fruit to pledge."""
        database.transact(lambda session: holds.expire_due(session, self.yard.ctx))
        rest = self.yard.stored(Lot(id=self.lot_id))
        database.transact(
            lambda session: quality.recall(session, self.yard.ctx, lot_id=rest.id, reason="the walk is over")
        )

    def do(self, use_case, *args, **named) -> object:
        """What the use case answers, or what refuses it."""
        try:
            return database.transact(lambda session: use_case(session, *args, **named))
        except errors.Refusal as refusal:
            return type(refusal)

    def one_of(self, pick: int, *states: str) -> tuple[uuid.UUID, Held] | None:
        found = [item for item in self.model.holds.items() if not states or item[1].state in states]
        return found[pick % len(found)] if found else None

    @rule(buyer=BUYERS, boxes=st.integers(1, 8))
    def ask(self, buyer: int, boxes: int) -> None:
        """Place, or resize what is live."""
        result = self.do(lambda session: place(session, self.buyers[buyer], self.pool_id, boxes).id)
        live = self.model.live(buyer)
        own = live[1].boxes if live else 0
        grows = boxes > own
        could = self.model.available + sum(each.boxes for each in self.model.lapsed())
        if grows and self.model.counted(buyer) + boxes > PER_BUYER:
            assert result == holds.HoldLimit
        elif boxes - own > could:
            assert result == holds.SoldOut
        else:
            assert isinstance(result, uuid.UUID), result
            if boxes - own > self.model.available:
                self.model.sweep()
            if live:
                assert result == live[0]
                live[1].boxes = boxes
            else:
                self.model.holds[result] = Held(buyer, boxes)

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        hold_id, held = self.one_of(pick)
        result = self.do(holds.release_own, self.buyers[held.buyer], hold_id=hold_id)
        if held.state == "active":
            assert isinstance(result, Hold)
            held.state = "released"
        else:
            assert result == holds.HoldNotActive

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICK)
    def extend(self, pick: int) -> None:
        hold_id, held = self.one_of(pick)
        result = self.do(extending.extend, self.buyers[held.buyer], hold_id=hold_id, minutes=20)
        if held.state == "expired" or (held.state == "active" and held.is_over):
            assert result == holds.HoldExpired
        elif held.state == "active":
            assert isinstance(result, Hold)
        else:
            assert result == holds.HoldNotActive

    @precondition(lambda self: self.one_of(0, "active", "converting"))
    @rule(pick=PICK)
    def time_passes(self, pick: int) -> None:
        hold_id, held = self.one_of(pick, "active", "converting")
        self.yard.let_expire(Hold(id=hold_id), minutes_ago=5)
        held.is_over = True

    @rule()
    def sweep(self) -> None:
        assert self.do(holds.expire_due, self.yard.ctx) == self.model.sweep()

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICK)
    def go_to_pay(self, pick: int) -> None:
        hold_id, held = self.one_of(pick)
        result = self.do(holds.start_payment, self.buyers[held.buyer], hold_id=hold_id)
        if held.state == "expired" or (held.state == "active" and held.is_over):
            assert result == holds.HoldExpired
        elif held.state == "active":
            assert isinstance(result, Hold)
            held.state = "converting"
        else:
            assert result == holds.HoldNotActive

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICK)
    def payment_fails(self, pick: int) -> None:
        hold_id, held = self.one_of(pick)
        result = self.do(holds.stop_payment, self.yard.ctx, hold_id=hold_id)
        if held.state == "converting":
            assert isinstance(result, Hold)
            held.state = "expired" if held.is_over else "active"
        else:
            assert result == holds.HoldNotActive

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICK)
    def money_comes(self, pick: int) -> None:
        hold_id, held = self.one_of(pick)
        result = self.do(holds.consume, self.yard.ctx, hold_id=hold_id)
        if held.state == "converting":
            assert isinstance(result, Hold)
            held.state = "consumed"
        else:
            assert result == holds.HoldNotActive

    @rule(boxes=st.integers(1, 6))
    def pledge(self, boxes: int) -> None:
        result = self.do(
            pools.pledge,
            self.yard.ctx,
            pool_id=self.pool_id,
            cooperative_id=self.yard.cooperative_ids[0],
            boxes=boxes,
        )
        if self.model.status == "available" and boxes <= self.model.on_hand - self.model.pledged:
            assert isinstance(result, list)
            [hold] = result
            self.model.pledges[hold.id] = boxes
        else:
            assert result == lots.NotEnoughInStore

    @precondition(lambda self: self.model.pledges)
    @rule(pick=PICK, boxes=st.integers(1, 6))
    def withdraw(self, pick: int, boxes: int) -> None:
        """A pledge, or a part of it."""
        hold_id = list(self.model.pledges)[pick % len(self.model.pledges)]
        result = self.do(holds.release, self.yard.ctx, hold_id=hold_id, boxes=boxes)
        if boxes > self.model.pledges[hold_id]:
            assert result == holds.HoldPart
        elif boxes > self.model.available:
            assert result == holds.PledgeNeeded
        else:
            assert isinstance(result, Hold)
            self.model.pledges[hold_id] -= boxes
            if not self.model.pledges[hold_id]:
                del self.model.pledges[hold_id]

    @rule(stops=st.booleans())
    def turn_lot(self, stops: bool) -> None:
        turn = quality.quarantine if stops else quality.clear
        result = self.do(turn, self.yard.ctx, lot_id=self.lot_id, reason="a look")
        if self.model.status == ("available" if stops else "quarantined"):
            assert not isinstance(result, type)
            self.model.status = "quarantined" if stops else "available"
        else:
            assert result == lots.LotStatusForbids

    @rule(delta=st.sampled_from([-4, -1, 1, 3]))
    def adjust(self, delta: int) -> None:
        result = self.do(
            lots.correct, self.yard.ctx, lot_id=self.lot_id, delta_grams=delta * PACK_GRAMS, reason="weighed"
        )
        if self.model.on_hand + delta >= self.model.pledged:
            assert isinstance(result, Lot)
            self.model.on_hand += delta
        else:
            assert result == lots.FruitPromised

    @invariant()
    def stored_is_as_foretold(self) -> None:
        pool = self.yard.stored(Pool(id=self.pool_id))
        assert (pool.boxes_pledged, pool.boxes_held, pool.boxes_sold) == (
            self.model.pledged,
            self.model.held,
            self.model.sold,
        )
        lot = self.yard.stored(Lot(id=self.lot_id))
        assert (lot.on_hand_grams, lot.held_grams, lot.status) == (
            self.model.on_hand * PACK_GRAMS,
            self.model.pledged * PACK_GRAMS,
            self.model.status,
        )
        with database.reading() as session:
            rows = session.execute(
                select(Hold.id, Hold.state, Hold.boxes).where(
                    Hold.pool_id == self.pool_id, Hold.kind == "cart"
                )
            ).all()
        assert {row.id: (row.state, row.boxes) for row in rows} == {
            hold_id: (each.state, each.boxes) for hold_id, each in self.model.holds.items()
        }

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.yard.broken() == []


def test_holds_are_as_the_model_foretells(yard: Yard) -> None:
    class OfThisYard(HoldMachine):
        pass

    OfThisYard.yard = yard
    run_state_machine_as_test(
        OfThisYard,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
