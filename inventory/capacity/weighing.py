"""Weighing: a load becomes a lot, and the promises on the forecast become holds on that lot.

What was promised first is met first. Promised fruit is held in the same transaction in which it comes into the
store, so nobody else can take it; what is left of the load is free like any other lot. A weighing may be sent
again: the same id with the same facts changes nothing.
"""

import uuid
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from inventory import buckets, lots
from inventory.capacity import forecasts, pledging, promises, rules
from inventory.capacity.models import Capacity, Weighing
from inventory.capacity.promises import Purpose
from inventory.capacity.rules import CapacityState, LineKind
from inventory.models import Hold, Lot
from inventory.states import HoldKind, HoldState, MovementKind
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import GRAMS_MAX, new_id


class WeighingDiffers(errors.Conflict):
    """A weighing with this id was taken with other facts: a load is weighed once, and corrected in its lot."""

    title = Text(en="This weighing was sent before with other facts.", zh="该称重编号已用于其他内容。")


class TareTooHeavy(errors.Invalid):
    """The empty vehicle weighs as much as the loaded one, or more."""

    title = Text(en="The tare must be less than the gross weight.", zh="皮重须小于毛重。")


class HarvestedOtherWeek(errors.Invalid):
    """The fruit was not harvested in the week that the forecast is of: weigh it on that week's."""

    title = Text(en="The harvest day is not in the capacity's week.", zh="采收日期不在该预估周内。")


def weigh(
    session: Session,
    ctx: Context,
    *,
    weighing_id: uuid.UUID,
    capacity_id: uuid.UUID,
    cold_store_id: uuid.UUID,
    code: str,
    gross_grams: int,
    tare_grams: int,
    harvested_on: date,
    best_before_on: date,
    size: str | None = None,
    plot: str | None = None,
) -> Weighing:
    """Take a load in; the answer to the same weighing sent again is the same.

    Raises CapacityNotFound (also for a foreign one), CapacityClosed, WeighingDiffers, TareTooHeavy,
    HarvestedOtherWeek, ColdStoreNotFound, LotCodeTaken, DaysOutOfOrder, LotTooLarge.
    """
    facts = {
        "cold_store_id": str(cold_store_id),
        "code": code,
        "gross_grams": gross_grams,
        "tare_grams": tare_grams,
        "harvested_on": harvested_on.isoformat(),
        "best_before_on": best_before_on.isoformat(),
        "size": size,
    }
    # What was weighed before loads named their plot stays the same when it is sent again.
    if plot is not None:
        facts["plot"] = plot
    capacity = forecasts.locked(session, capacity_id=capacity_id)
    if not lots.may_work_on(ctx.actor, capacity.cooperative_id):
        raise forecasts.CapacityNotFound
    if (known := session.get(Weighing, weighing_id)) is not None:
        return _again(session, ctx, known, capacity_id, facts)
    if capacity.state == CapacityState.CLOSED:
        raise forecasts.CapacityClosed
    _check(capacity, gross_grams, tare_grams, harvested_on)

    lot = lots.receive(
        session,
        ctx,
        cooperative_id=capacity.cooperative_id,
        cold_store_id=cold_store_id,
        code=code,
        variety=capacity.variety,
        grade=capacity.grade,
        size=size,
        harvested_on=harvested_on,
        best_before_on=best_before_on,
        quantity_grams=gross_grams - tare_grams,
        plot=plot,
        kind=MovementKind.HARVESTED,
    )
    return _take_in(session, ctx, capacity, lot, weighing_id, facts)


def _again(
    session: Session, ctx: Context, known: Weighing, capacity_id: uuid.UUID, facts: dict[str, Any]
) -> Weighing:
    if known.capacity_id != capacity_id or known.facts != facts:
        raise WeighingDiffers
    audit.record(session, ctx, "capacity.weigh_again", subject=("weighing", known.id))
    return known


def _check(capacity: Capacity, gross_grams: int, tare_grams: int, harvested_on: date) -> None:
    if tare_grams >= gross_grams:
        raise TareTooHeavy(errors=[{"pointer": "/tare", "detail": TareTooHeavy.title}])
    if harvested_on.isocalendar()[:2] != capacity.week_on.isocalendar()[:2]:
        raise HarvestedOtherWeek(errors=[{"pointer": "/harvested_on", "detail": HarvestedOtherWeek.title}])


def _take_in(
    session: Session,
    ctx: Context,
    capacity: Capacity,
    lot: Lot,
    weighing_id: uuid.UUID,
    facts: dict[str, Any],
) -> Weighing:
    net = facts["gross_grams"] - facts["tare_grams"]
    forecasts_held = pledging.held_of(session, capacity_id=capacity.id)
    served = rules.meet(
        promises.open_promises(session, capacity_id=capacity.id),
        net,
        pieces={purpose: found[0].pack_grams for purpose, found in forecasts_held.items()},
    )
    short_before = capacity.short_grams
    weighing = Weighing(
        id=weighing_id,
        capacity_id=capacity.id,
        number=capacity.weighings_count + 1,
        lot_id=lot.id,
        code=lot.code,
        gross_grams=facts["gross_grams"],
        tare_grams=facts["tare_grams"],
        net_grams=net,
        converted_grams=sum(served.values()),
        facts=facts,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(weighing)
    capacity.weighed_grams += net
    capacity.weighings_count += 1
    capacity.version += 1
    forecasts.settle_short(capacity)
    meanings = {
        "pk_weighing": WeighingDiffers(),
        "ck_capacity_weighed": lots.LotTooLarge(grams_max=GRAMS_MAX),
    }
    with database.refusing(meanings):
        session.flush()
    for purpose, grams in served.items():
        if purpose in forecasts_held:
            _convert_pledged(session, ctx, capacity, weighing, forecasts_held[purpose], grams)
        else:
            hold = _hold(session, ctx, capacity, weighing.lot_id, purpose, grams)
            _convert(session, ctx, capacity, weighing, hold)
    after = {"net_grams": net, "converted_grams": weighing.converted_grams, "lot_id": str(lot.id)}
    audit.record(session, ctx, "capacity.weigh", subject=("capacity", capacity.id), after=after)
    forecasts.tell_shortfall(session, ctx, capacity, short_before=short_before, cause="weighed")
    return weighing


def _convert(session: Session, ctx: Context, capacity: Capacity, weighing: Weighing, hold: Hold) -> None:
    """One promise's part of the load: off the forecast, held in the lot."""
    grams = hold.quantity_grams
    capacity.promised_grams -= grams
    capacity.converted_grams += grams
    capacity.lines_count += 1
    forecasts.settle_short(capacity)
    session.flush()
    promises.write_line(
        session,
        ctx,
        capacity,
        LineKind.CONVERT,
        grams=grams,
        purpose=(hold.purpose_kind, hold.purpose_id),
        weighing_id=weighing.id,
        hold_id=hold.id,
    )


def _convert_pledged(
    session: Session, ctx: Context, capacity: Capacity, weighing: Weighing, held: list[Hold], grams: int
) -> None:
    """Boxes of a forecast that stand in a pool: a pledge on the lot takes their place there."""
    left = grams // held[0].pack_grams
    for forecast in held:
        boxes = min(forecast.open_boxes, left)
        if boxes:
            hold = pledging.exchange(session, ctx, forecast, lot_id=weighing.lot_id, boxes=boxes)
            _convert(session, ctx, capacity, weighing, hold)
            left -= boxes


def _hold(
    session: Session, ctx: Context, capacity: Capacity, lot_id: uuid.UUID, purpose: Purpose, grams: int
) -> Hold:
    """Grams, not boxes: promised fruit is not packed yet, so the hold counts it as one piece of its own weight."""
    hold = Hold(
        id=new_id(),
        kind=HoldKind.ALLOCATION,
        state=HoldState.ACTIVE,
        cooperative_id=capacity.cooperative_id,
        lot_id=lot_id,
        boxes=1,
        pack_grams=grams,
        quantity_grams=grams,
        purpose_kind=purpose[0],
        purpose_id=purpose[1],
        created_at=ctx.now,
        version=1,
    )
    session.add(hold)
    session.flush()
    audit.record(
        session,
        ctx,
        "hold.place",
        subject=("hold", hold.id),
        after={"kind": str(hold.kind), "grams": grams, "purpose": f"{purpose[0]}:{purpose[1]}"},
    )
    moved = buckets.move_lot(session, ctx, lot_id, MovementKind.HELD, held_grams=grams, hold_id=hold.id)
    assert moved is not None, "the lot is new and nobody else knows it"
    return hold
