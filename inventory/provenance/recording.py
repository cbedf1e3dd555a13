"""Whatever is told of stock and parcels becomes an event in its county's chain, in the transaction that did it."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from inventory.events import (
    BoxesLabelled,
    FruitLost,
    FruitMeasured,
    LabelsEnded,
    LotBegan,
    LotDescended,
    LotExpired,
    LotGraded,
    LotTurned,
    RoadBegan,
)
from inventory.models import Lot
from inventory.provenance import keys, numbering, telling
from inventory.provenance.telling import Begun, Event, Fruit, Labelled, When
from inventory.states import Descent, LotStatus, MovementKind
from inventory.traces import recording
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.events import Subscription

T = TypeVar("T")

_FROM_OUTSIDE: Final = frozenset({Descent.CARRIED, Descent.RETURNED})
"""Fruit of these was in no room before."""
BOXES_MAX: Final = 500
"""Named in one event."""
_DISPOSITIONS: Final = {
    LotStatus.QUARANTINED: "non_sellable_other",
    LotStatus.RECALLED: "recalled",
}


def on_lot_began(session: Session, ctx: Context, event: LotBegan) -> None:
    lot = event.lot
    told = telling.began(_when(session, ctx, lot), _fruit(session, lot), _begun(session, lot))
    _record(session, ctx, lot, told, *_stored(session, ctx, [lot]))


def on_road_began(session: Session, ctx: Context, event: RoadBegan) -> None:
    lot, transfer = event.lot, event.transfer
    told = telling.left(
        _when(session, ctx, lot),
        Fruit(lot=numbering.lot_class(session, lot), grams=transfer.out_grams),
        transfer=transfer.id,
        cooperative=numbering.party(session, _cooperative(session, lot)),
        to=numbering.store(session, transfer.to_cold_store_id),
    )
    _record(session, ctx, lot, told)


def on_lot_descended(session: Session, ctx: Context, event: LotDescended) -> None:
    """But for grades, which are told together. In a room of its parents it lay before."""
    lot, how = event.lot, Descent(event.descent)
    if how == Descent.GRADED:
        return
    when, begun, child = _when(session, ctx, lot), _begun(session, lot), _fruit(session, lot)
    taken = [(session.get_one(Lot, parent_id), grams) for parent_id, grams in event.shares]
    parents = [Fruit(lot=numbering.lot_class(session, parent), grams=grams) for parent, grams in taken]
    if how == Descent.CARRIED:
        told = telling.arrived(when, parents[0], child, transfer=lot.id, lot=begun)
    elif how == Descent.RETURNED:
        told = telling.returned(when, parents[0], child, about=lot.id, lot=begun)
    else:
        told = telling.became(when, parents, child, how=str(how), about=lot.id, lot=begun)
    lay = set() if how in _FROM_OUTSIDE else {parent.room_id for parent, _ in taken}
    is_stopped = any(parent.status != LotStatus.AVAILABLE for parent, _ in taken)
    put = _stored(session, ctx, [lot], is_stopped=is_stopped) if lay != {lot.room_id} else []
    _record(session, ctx, lot, told, *put)


def on_lot_graded(session: Session, ctx: Context, event: LotGraded) -> None:
    children = [_fruit(session, child) for child in event.children]
    culled_grams = event.out_grams - sum(child.grams for child in children)
    told = telling.graded(
        _when(session, ctx, event.parent),
        numbering.lot_class(session, event.parent),
        children,
        in_grams=event.in_grams,
        culled_grams=culled_grams,
        lost_grams=event.lost_grams,
        about=min(child.id for child in event.children),
    )
    put = [child for child in event.children if child.room_id != event.parent.room_id]
    _record(session, ctx, event.parent, told, *_stored(session, ctx, put))


def on_fruit_lost(session: Session, ctx: Context, event: FruitLost) -> None:
    lot, when = event.lot, _when(session, ctx, event.lot)
    class_ = numbering.lot_class(session, lot)
    if event.kind == MovementKind.CULLED:
        told = telling.culled(when, Fruit(lot=class_, grams=event.grams), reason=str(event.kind))
    else:
        found = Fruit(lot=class_, grams=lot.on_hand_grams)
        told = telling.counted(when, found, kind=str(event.kind), lost_grams=event.grams)
    _record(session, ctx, lot, {**told, "vo:line": lot.version})


def on_fruit_measured(session: Session, ctx: Context, event: FruitMeasured) -> None:
    lot, reading = event.lot, event.reading
    told = telling.inspected(
        _when(session, ctx, lot),
        _fruit(session, lot),
        brix_tenths=reading.brix_tenths,
        firmness_newton_tenths=reading.firmness_newton_tenths,
    )
    _record(session, ctx, lot, {**told, "vo:reading": reading.id.urn})


def on_lot_turned(session: Session, ctx: Context, event: LotTurned) -> None:
    """A stop is a persistent disposition: it goes along until it is taken off."""
    lot = session.get_one(Lot, event.lot_id)
    when, fruit = _when(session, ctx, lot), _fruit(session, lot)
    for status, is_set in ((event.before, False), (event.after, True)):
        word = _DISPOSITIONS.get(LotStatus(status))
        if word is not None:
            told = telling.stopped(when, fruit, disposition=word, is_set=is_set)
            _record(session, ctx, lot, {**told, "vo:line": lot.version})


def on_lot_expired(session: Session, ctx: Context, event: LotExpired) -> None:
    lot = event.lot
    _record(session, ctx, lot, telling.expired(_when(session, ctx, lot), _fruit(session, lot)))


def on_boxes_labelled(session: Session, ctx: Context, event: BoxesLabelled) -> None:
    """Many boxes are told of in several events: each stays as small as readers expect."""
    lot = event.lot
    when, begun, class_ = _when(session, ctx, lot), _begun(session, lot), numbering.lot_class(session, lot)
    labelled = Labelled(area=event.area, season=event.season, net_grams=event.net_grams)
    told = [
        telling.boxed(
            when,
            Fruit(lot=class_, grams=len(some) * event.net_grams),
            [keys.box(event.gtin, serial) for serial in some],
            lot=begun,
            labelled=labelled,
        )
        for some in _in_parts(event.serials)
    ]
    _record(session, ctx, lot, *told)


def on_labels_ended(session: Session, ctx: Context, event: LabelsEnded) -> None:
    when = _when(session, ctx, event.lot)
    told = [
        telling.label_ended(when, [keys.box(*each) for each in some], state=event.state)
        for some in _in_parts(event.boxes)
    ]
    _record(session, ctx, event.lot, *told)


def parcel_packed(
    session: Session,
    ctx: Context,
    *,
    parcel_id: uuid.UUID,
    lot_id: uuid.UUID,
    boxes: int,
    grams: int,
    campaign_id: uuid.UUID,
    labels: Sequence[tuple[str, str]] = (),
) -> None:
    """Boxes of a lot stand ready as one parcel: by name where they bear labels (each its GTIN and serial).

    Then it is told as well that these are for somebody who bought of the campaign: now all of them are known.
    """
    lot = session.get_one(Lot, lot_id)
    if labels:
        when = _when(session, ctx, lot)
        told = [
            telling.reserved(when, [keys.box(*each) for each in some], campaign=campaign_id)
            for some in _in_parts(labels)
        ]
        _record(session, ctx, lot, *told)
        parcel_filled(session, ctx, parcel_id=parcel_id, lot_id=lot_id, labels=labels)
        return
    fruit = Fruit(lot=numbering.lot_class(session, lot), grams=grams)
    name = numbering.parcel(session, parcel_id)
    _record(session, ctx, lot, telling.packed(_when(session, ctx, lot), fruit, parcel=name, boxes=boxes))


def parcel_filled(
    session: Session,
    ctx: Context,
    *,
    parcel_id: uuid.UUID,
    lot_id: uuid.UUID,
    labels: Sequence[tuple[str, str]],
) -> None:
    """These boxes are in the parcel; another label on one of them is another name in it."""
    lot = session.get_one(Lot, lot_id)
    when, name = _when(session, ctx, lot), numbering.parcel(session, parcel_id)
    told = [
        telling.packed_boxes(when, [keys.box(*each) for each in some], parcel=name)
        for some in _in_parts(labels)
    ]
    _record(session, ctx, lot, *told)


def parcel_unpacked(session: Session, ctx: Context, *, parcel_id: uuid.UUID, lot_id: uuid.UUID) -> None:
    """It does not leave: what was in it is the lot's fruit again."""
    lot = session.get_one(Lot, lot_id)
    told = telling.unpacked(_when(session, ctx, lot), parcel=numbering.parcel(session, parcel_id))
    _record(session, ctx, lot, told)


def parcel_shipped(session: Session, ctx: Context, *, parcel_id: uuid.UUID, lot_id: uuid.UUID) -> None:
    """A carrier has it."""
    lot = session.get_one(Lot, lot_id)
    told = telling.shipped(
        _when(session, ctx, lot),
        parcel=numbering.parcel(session, parcel_id),
        about=parcel_id,
        cooperative=numbering.party(session, _cooperative(session, lot)),
    )
    _record(session, ctx, lot, told)


def parcel_unshipped(session: Session, ctx: Context, *, parcel_id: uuid.UUID, lot_id: uuid.UUID) -> None:
    """It has not left after all."""
    lot = session.get_one(Lot, lot_id)
    name = numbering.parcel(session, parcel_id)
    _record(
        session, ctx, lot, telling.shipping_undone(_when(session, ctx, lot), parcel=name, about=parcel_id)
    )


def parcel_on_the_road(
    session: Session, ctx: Context, *, parcel_id: uuid.UUID, lot_id: uuid.UUID, at: datetime
) -> None:
    """Its carrier has said so; a clock of theirs that goes ahead of ours is not followed."""
    lot = session.get_one(Lot, lot_id)
    name = numbering.parcel(session, parcel_id)
    _record(session, ctx, lot, telling.on_the_road(min(at, ctx.now), parcel=name, about=parcel_id))


def boxes_damaged(
    session: Session,
    ctx: Context,
    *,
    claim_id: uuid.UUID,
    lot_id: uuid.UUID,
    grams: int,
    labels: Sequence[tuple[str, str]],
) -> None:
    """Boxes of a lot arrived damaged, and their claim was granted; `labels`: theirs, if it is known which they are."""
    lot = session.get_one(Lot, lot_id)
    fruit = Fruit(lot=numbering.lot_class(session, lot), grams=grams)
    told = [
        telling.damaged(ctx.now, fruit, [keys.box(*each) for each in some], claim=claim_id)
        for some in _in_parts(labels) or [()]
    ]
    _record(session, ctx, lot, *told)


def parcel_delivered(
    session: Session, ctx: Context, *, parcel_id: uuid.UUID, lot_id: uuid.UUID, order_id: uuid.UUID
) -> None:
    """Its buyer has it."""
    lot = session.get_one(Lot, lot_id)
    told = telling.delivered(ctx.now, parcel=numbering.parcel(session, parcel_id), order=order_id)
    _record(session, ctx, lot, told)


def _stored(session: Session, ctx: Context, found: Sequence[Lot], *, is_stopped: bool = False) -> list[Event]:
    """Those that lie in a room, room by room; `is_stopped`: they came out of stopped lots."""
    rooms: dict[uuid.UUID, list[Lot]] = {}
    for lot in found:
        if lot.room_id is not None:
            rooms.setdefault(lot.room_id, []).append(lot)
    return [
        telling.stored(
            _when(session, ctx, some[0]),
            [_fruit(session, lot) for lot in some],
            is_stopped=is_stopped or any(lot.status != LotStatus.AVAILABLE for lot in some),
        )
        for some in rooms.values()
    ]


def _in_parts(found: Sequence[T]) -> list[Sequence[T]]:
    return [found[start : start + BOXES_MAX] for start in range(0, len(found), BOXES_MAX)]


def _record(session: Session, ctx: Context, lot: Lot, *events: Event) -> None:
    county_id = _cooperative(session, lot).county_id
    recording.record(session, ctx, county_id=county_id, events=events, context=telling.CONTEXT)


def _cooperative(session: Session, lot: Lot) -> Cooperative:
    return session.get_one(Cooperative, lot.cooperative_id)


def _when(session: Session, ctx: Context, lot: Lot) -> When:
    return When(
        at=ctx.now,
        store=numbering.store(session, lot.cold_store_id),
        place=numbering.place(session, lot),
    )


def _fruit(session: Session, lot: Lot) -> Fruit:
    return Fruit(lot=numbering.lot_class(session, lot), grams=lot.on_hand_grams)


def _begun(session: Session, lot: Lot) -> Begun:
    return Begun(
        number=numbering.lot_number(session, lot),
        variety=lot.variety,
        grade=lot.grade,
        size=lot.size,
        harvested_on=lot.harvested_on,
        best_before_on=lot.best_before_on,
        plot=lot.plot,
        cooperative=numbering.party(session, _cooperative(session, lot)),
    )


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (LotBegan, on_lot_began),
    (RoadBegan, on_road_began),
    (LotDescended, on_lot_descended),
    (LotGraded, on_lot_graded),
    (FruitLost, on_fruit_lost),
    (FruitMeasured, on_fruit_measured),
    (LotTurned, on_lot_turned),
    (LotExpired, on_lot_expired),
    (BoxesLabelled, on_boxes_labelled),
    (LabelsEnded, on_labels_ended),
)
