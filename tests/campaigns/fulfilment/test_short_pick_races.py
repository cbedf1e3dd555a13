"""A short pick at the same moment as a packing, another short pick, or the planning of its wave."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.fulfilment import sending, short_picking
from marketplace import database, errors
from marketplace.access import Role
from orders.fulfilment import parcels
from orders.fulfilment.models import ShortPick
from orders.fulfilment.shorts import Pick, PickNotShort
from orders.fulfilment.states import ParcelStateForbids
from tests.builders import Market, broken
from tests.campaigns.fulfilment import stage
from tests.house import Caller
from tests.inventory.yard import at_once


def tried(market: Market, works: list[Callable[[Session], Any]]) -> list[Any]:
    """At once; who is told to try later, because a lock was not had in time, does so."""
    outcomes = at_once(market.app, works)
    return [
        at_once(market.app, [work])[0] if isinstance(outcome, database.DatabaseUnavailable) else outcome
        for work, outcome in zip(works, outcomes, strict=True)
    ]


def test_a_parcel_is_packed_or_loses_its_boxes_and_a_lot_is_short_once(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, pledged=(4, 4, 4), orders=(2, 2, 2, 2, 2, 2))
    wave = made.released()
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    first = {each["lot_id"]: each for each in made.parcels()}
    lots = sorted(first)

    def pack(parcel_id: str):
        return lambda session: parcels.pack(session, ctx, parcel_id=parcel_id)

    def short(lot_id: str):
        pick = Pick(lot_id=uuid.UUID(lot_id), boxes_found=0, reason="rotten")
        return lambda session: short_picking.report(session, ctx, wave_id=uuid.UUID(wave["id"]), pick=pick)

    works = [short(lots[0]), short(lots[0]), short(lots[1])]
    works += [pack(first[each]["id"]) for each in lots[:2]]
    outcomes = tried(market, works)
    refused = {type(each) for each in outcomes if isinstance(each, errors.Refusal)}
    assert refused <= {ParcelStateForbids, PickNotShort}
    picks = [each for each in outcomes if isinstance(each, ShortPick)]
    assert picks, "each lot has two parcels, and only one of them may be packed"
    assert len({each.lot_id for each in picks}) == len(picks), "none is short of the same boxes twice"
    packed = {each["id"] for each in made.parcels(state="packed")}
    assert not packed & {str(line.parcel_id) for each in picks for line in each.parcels}
    assert broken(market.app) == []


def test_a_wave_that_is_being_planned_takes_up_nothing_more_of_what_is_short(
    market: Market, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH", 1)
    made = stage.closed(market, operator, pledged=(4, 4, 4))
    wave = made.released()
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    lot_id = uuid.UUID(made.parcels()[0]["lot_id"])

    def plan(session: Session) -> int:
        return sending.plan_on(session, market.ctx, wave_id=wave["id"])

    def short(session: Session) -> ShortPick:
        pick = Pick(lot_id=lot_id, boxes_found=0, reason="rotten")
        return short_picking.report(session, ctx, wave_id=uuid.UUID(wave["id"]), pick=pick)

    outcomes = tried(market, [plan, short, plan])
    assert not [each for each in outcomes if isinstance(each, Exception)]
    assert broken(market.app) == []
    there = made.overview()
    for _ in range(3):
        database.transact(plan)
    after = made.overview()
    assert after["waves"][0]["planned_at"] is not None
    assert after["waves"][0]["orders"] == there["waves"][0]["orders"], "a shortage is open"
    assert broken(market.app) == []
