"""Labels on a parcel's boxes: one on each of them, or none at all; they leave and arrive with it.

Whoever calls has locked the parcel. The lot, its labels and their accounts are taken after it.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from inventory.labels import serials
from inventory.labels.models import LabelSerial
from inventory.labels.serials import LabelDoesNotFit, LabelStateForbids
from inventory.labels.states import SerialState
from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from orders.fulfilment.models import Parcel

_ON_A_BOX: Final = frozenset({SerialState.BOUND, SerialState.FLAGGED})


class ParcelLabelsDiffer(errors.Conflict):
    """A parcel's boxes bear one label each, or none does; `boxes`, `labels`."""

    title = Text(en="The parcel has another number of labels than boxes.", zh="包裹的标签数与箱数不符。")


def put_on(session: Session, ctx: Context, parcel: Parcel, found: Sequence[str]) -> list[LabelSerial]:
    """The labels that were not on it before.

    Raises what serials.bind does, LabelDoesNotFit for labels of another net weight, ParcelLabelsDiffer for too many.
    """
    before = {each.serial for each in on_boxes(session, parcel)}
    bound = serials.bind(session, ctx, serials=found, lot_id=parcel.lot_id, parcel_id=parcel.id)
    if any(each.net_grams != parcel.pack_grams for each in bound):
        raise LabelDoesNotFit(differing=["net_grams"])
    labels = len(before | {each.serial for each in bound})
    if labels > parcel.boxes:
        raise ParcelLabelsDiffer(boxes=parcel.boxes, labels=labels)
    return [each for each in bound if each.serial not in before]


def complete(session: Session, parcel: Parcel) -> list[LabelSerial]:
    """The labels of its boxes: as many as boxes; none, if it never had any. Raises ParcelLabelsDiffer."""
    every = serials.of_parcel(session, parcel_id=parcel.id)
    found = _on_boxes(every)
    if every and len(found) != parcel.boxes:
        raise ParcelLabelsDiffer(boxes=parcel.boxes, labels=len(found))
    return found


def on_boxes(session: Session, parcel: Parcel) -> list[LabelSerial]:
    """The labels that its boxes bear now."""
    return _on_boxes(serials.of_parcel(session, parcel_id=parcel.id))


def ship(session: Session, ctx: Context, parcel: Parcel) -> None:
    """They leave with the parcel. Raises ParcelLabelsDiffer, LabelStateForbids for one that is flagged."""
    found = complete(session, parcel)
    if found:
        serials.ship(session, ctx, serials=[each.serial for each in found])


def come_back(session: Session, ctx: Context, parcel: Parcel) -> None:
    """They have not left after all; what is void stays void. Raises LabelStateForbids for one that a buyer has."""
    every = serials.of_parcel(session, parcel_id=parcel.id)
    gone = [each.serial for each in every if each.shipped_at is not None and each.state != SerialState.VOID]
    if gone:
        serials.come_back(session, ctx, serials=gone)


def deliver(session: Session, ctx: Context, parcel: Parcel) -> None:
    """They have arrived; one about which something is not right stays so, and keeps no parcel from arriving."""
    every = serials.of_parcel(session, parcel_id=parcel.id)
    arrived = [each.serial for each in every if each.state == SerialState.SHIPPED]
    if arrived:
        serials.activate(session, ctx, serials=arrived)


def _on_boxes(every: Sequence[LabelSerial]) -> list[LabelSerial]:
    return [each for each in every if each.state in _ON_A_BOX]


REFUSALS: Final[tuple[type[errors.Refusal], ...]] = (
    ParcelLabelsDiffer,
    LabelStateForbids,
    LabelDoesNotFit,
    serials.LabelsUnknown,
    serials.LotNotEligible,
)
