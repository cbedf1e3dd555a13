"""The life of a label: bound to a box of a lot, shipped, activated, retired, void or flagged.

A lot is locked before its serials, serials in the order of their text, and accounts after them. Binding takes the
box's net weight out of what the lot carries; a void label of a box that never left brings it back.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.cases.casework import open_case
from inventory.cases.states import CaseKind
from inventory.events import BoxesLabelled, LabelsEnded
from inventory.labels import accounts, carrying, credit_rules, printing, serial_rules
from inventory.labels.models import LabelAccount, LabelBatch, LabelSerial, LotLabel
from inventory.labels.states import LineKind, SerialEvent, SerialState, serial_after
from inventory.models import Lot
from inventory.states import LotStatus
from marketplace import audit, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue.models import Pack
from marketplace.context import Actor, Context
from marketplace.language import Text


class LabelNotFound(errors.NotFound):
    title = Text(en="There is no such label.", zh="没有该标签。")


class LabelsUnknown(errors.Conflict):
    """Some of the serials are of no label, or of somebody else's; `serials` names them."""

    title = Text(en="Some of these labels do not exist.", zh="部分标签不存在。")


class LabelStateForbids(errors.Conflict):
    """What has become of the label does not allow this; `serial`, `state`."""

    title = Text(en="The label's state does not allow this.", zh="该标签当前状态不允许此操作。")


class LabelDoesNotFit(errors.Conflict):
    """The labels are of another pack, cooperative or area than the lot; `differing`."""

    title = Text(en="The labels do not fit this lot.", zh="标签与该批次不符。")


class LotNotEligible(errors.Conflict):
    """The lot has not that much fruit that may bear the label; `requested_grams`, `eligible_grams`."""

    title = Text(en="The lot has too little fruit that may bear the label.", zh="该批次可贴标数量不足。")


class NotSuspended(errors.Conflict):
    """Nothing of the lot is kept from earning credit."""

    title = Text(en="The lot is not kept from earning credit.", zh="该批次未被暂停标签额度。")


def bind(
    session: Session,
    ctx: Context,
    *,
    serials: Sequence[str],
    lot_id: uuid.UUID,
    parcel_id: uuid.UUID | None = None,
) -> list[LabelSerial]:
    """Put labels on boxes of a lot; those that are on boxes of it for the same parcel already stay as they are.

    Boxes that were labelled before they had a parcel get one. Raises LotNotFound, LotStatusForbids, LabelsUnknown,
    LabelStateForbids, LabelDoesNotFit, LotNotEligible.
    """
    lot = lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]
    found = locked(session, ctx, serials)
    ready = [each for each in found if _is_bound(each, lot_id, None)] if parcel_id else []
    for each in ready:
        each.parcel_id = parcel_id
        each.version += 1
    new = [each for each in found if not _is_bound(each, lot_id, parcel_id)]
    if new and lot.status != LotStatus.AVAILABLE:
        raise lots.LotStatusForbids(lot_status=str(lot.status), lot_code=lot.code)
    _check_fits(session, lot, new)
    for each in new:
        _move(each, SerialEvent.BIND)
        each.lot_id, each.parcel_id, each.bound_at = lot_id, parcel_id, ctx.now
    grams: dict[uuid.UUID, int] = {}
    for each in new:
        grams[each.account_id] = grams.get(each.account_id, 0) + each.net_grams
    rows = {row.account_id: row for row in carrying.of_lot(session, lot_id)}
    unlabelled = lot.on_hand_grams - sum(row.labelled_grams for row in rows.values())
    for account_id, wanted in grams.items():
        row = rows.get(account_id)
        eligible = 0 if row is None else max(0, min(row.earned_grams, unlabelled))
        if row is None or wanted > eligible:
            raise LotNotEligible(lot_code=lot.code, requested_grams=wanted, eligible_grams=eligible)
        row.certified_grams -= wanted
        row.earned_grams -= wanted
        row.labelled_grams += wanted
        unlabelled -= wanted
    _tell(
        session,
        ctx,
        "bind",
        found,
        lot_id=str(lot_id),
        parcel_id=None if parcel_id is None else str(parcel_id),
    )
    _publish_labelled(session, ctx, lot, new)
    return found


def ship(session: Session, ctx: Context, *, serials: Sequence[str]) -> list[LabelSerial]:
    """Their boxes left the store. Raises LabelsUnknown, LotNotFound, LabelStateForbids."""
    found = _with_lots(session, ctx, serials)
    for each in found:
        _move(each, SerialEvent.SHIP)
        each.shipped_at = ctx.now
        row = _row(session, each)
        row.labelled_grams -= each.net_grams
    _tell(session, ctx, "ship", found)
    return found


def come_back(session: Session, ctx: Context, *, serials: Sequence[str]) -> list[LabelSerial]:
    """Their boxes have not left after all. One that was flagged meanwhile stays so.

    Raises LabelsUnknown, LotNotFound, LabelStateForbids for one that somebody has by now.
    """
    found = _with_lots(session, ctx, serials)
    for each in found:
        _move(each, SerialEvent.COME_BACK)
        each.shipped_at = None
        row = _row(session, each)
        row.labelled_grams += each.net_grams
    _tell(session, ctx, "come_back", found)
    return found


def activate(session: Session, ctx: Context, *, serials: Sequence[str]) -> list[LabelSerial]:
    """Their boxes were delivered. Raises LabelsUnknown, LabelStateForbids."""
    found = locked(session, ctx, serials)
    for each in found:
        _move(each, SerialEvent.ACTIVATE)
        each.activated_at = ctx.now
    _tell(session, ctx, "activate", found)
    return found


def retire(session: Session, ctx: Context, *, serials: Sequence[str]) -> list[LabelSerial]:
    """Their boxes are used up, or were found to be in order. Raises LabelsUnknown, LabelStateForbids.

    A flagged label whose box never left is not retired: it is void, and another one goes on the box.
    """
    found = locked(session, ctx, serials)
    for each in found:
        if each.shipped_at is None:
            raise LabelStateForbids(serial=each.serial, state=str(each.state))
        _move(each, SerialEvent.RETIRE)
        each.ended_at = ctx.now
    _tell(session, ctx, "retire", found)
    _publish_ended(session, ctx, found, SerialState.RETIRED)
    return found


def flag(session: Session, ctx: Context, *, serials: Sequence[str], reason: str) -> list[LabelSerial]:
    """Something is not right: a case for the county office, for each. Raises LabelsUnknown, LabelStateForbids."""
    found = locked(session, ctx, serials)
    for each in found:
        raise_flag(session, ctx, each, reason=reason, facts={})
    _tell(session, ctx, "flag", found, reason=reason)
    return found


def raise_flag(
    session: Session, ctx: Context, label: LabelSerial, *, reason: str, facts: dict[str, Any]
) -> None:
    """The same for a locked label; a flagged one keeps its first reason, and its case hears the new one."""
    if label.state != SerialState.FLAGGED:
        _move(label, SerialEvent.FLAG)
        label.note, label.ended_at = reason, None
        session.flush()
    tell_case(session, ctx, label, reason=reason, facts=facts)


def tell_case(
    session: Session, ctx: Context, label: LabelSerial, *, reason: str, facts: dict[str, Any]
) -> None:
    """A case of the county office: staff's alone, for the cooperative may be part of the question."""
    told = {"serial": label.serial, "gtin": label.gtin, "reason": reason, **facts}
    open_case(session, ctx, kind=CaseKind.LABEL_SERIAL, subject=("label_serial", label.id), facts=told)


def void(
    session: Session,
    ctx: Context,
    *,
    serials: Sequence[str],
    reason: str,
    proof: str | None = None,
    witness: str | None = None,
) -> list[LabelSerial]:
    """These labels count no more. Only who proves their destruction, and is not their cooperative, gives credit back.

    Credit comes back for labels that never left with a box. Raises Forbidden, LabelsUnknown, LotNotFound,
    LabelStateForbids.
    """
    if proof is not None and not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
    found = _with_lots(session, ctx, serials)
    for each in found:
        _move(each, SerialEvent.VOID)
        each.ended_at, each.note, each.proof, each.witness = ctx.now, reason, proof, witness
        if each.lot_id is not None and each.shipped_at is None:
            row = _row(session, each)
            row.labelled_grams -= each.net_grams
            row.certified_grams += each.net_grams
            row.earned_grams += 0 if row.is_suspended else each.net_grams
    session.flush()
    if proof is not None:
        _give_back(session, ctx, [each for each in found if each.shipped_at is None], proof)
    _tell(session, ctx, "void", found, reason=reason, proof=proof, witness=witness)
    _publish_ended(session, ctx, found, SerialState.VOID)
    return found


def admit(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Lot:
    """An operator has found out why a grading did not add up: its lot earns after all.

    Raises LotNotFound, NotSuspended, Forbidden.
    """
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
    lot = lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]
    rows = [row for row in carrying.of_lot(session, lot_id) if row.is_suspended]
    if not rows:
        raise NotSuspended
    for row in rows:
        carrying.admit(session, ctx, accounts.locked(session, row.account_id), row, lot.grade)
    audit.record(session, ctx, "lot.admit_label", subject=("lot", lot_id), after={"reason": reason})
    return lot


def locked(session: Session, ctx: Context, serials: Iterable[str]) -> list[LabelSerial]:
    """The labels, by serial, locked. Raises LabelsUnknown (also for foreign ones)."""
    wanted = sorted(set(serials))
    found = session.scalars(
        visible(ctx.actor)
        .where(LabelSerial.serial.in_(wanted))
        .order_by(LabelSerial.serial)
        .with_for_update(of=LabelSerial, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if len(found) < len(wanted):
        raise LabelsUnknown(serials=sorted(set(wanted) - {each.serial for each in found}))
    return list(found)


def get(session: Session, ctx: Context, *, serial: str) -> LabelSerial:
    """For its cooperative's members and staff. Raises LabelNotFound."""
    if not serial_rules.is_of_gs1(serial):
        raise LabelNotFound
    found = session.scalar(visible(ctx.actor).where(LabelSerial.serial == serial))
    if found is None:
        raise LabelNotFound
    return found


def of_parcel(session: Session, *, parcel_id: uuid.UUID) -> list[LabelSerial]:
    """The labels on a parcel's boxes, by serial, also those that count no more."""
    statement = select(LabelSerial).where(LabelSerial.parcel_id == parcel_id).order_by(LabelSerial.serial)
    return list(session.scalars(statement))


def visible(actor: Actor) -> Select[LabelSerial]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(LabelSerial)
    own = accounts.visible(actor).with_only_columns(LabelAccount.id)
    return select(LabelSerial).where(LabelSerial.account_id.in_(own))


def _with_lots(session: Session, ctx: Context, serials: Sequence[str]) -> list[LabelSerial]:
    """The lots of bound ones are locked first; a label that was bound in between is looked at once more."""
    wanted = sorted(set(serials))
    lot_ids: set[uuid.UUID] = set()
    while True:
        seen = session.scalars(
            visible(ctx.actor)
            .where(LabelSerial.serial.in_(wanted), LabelSerial.lot_id.is_not(None))
            .with_only_columns(LabelSerial.lot_id)
            .distinct()
        )
        more = {each for each in seen if each is not None}
        if more <= lot_ids:
            return locked(session, ctx, wanted)
        lot_ids |= more
        lots.locked(session, ctx, lot_ids=lot_ids)


def _check_fits(session: Session, lot: Lot, new: Sequence[LabelSerial]) -> None:
    batches = session.execute(
        select(LabelBatch, Pack)
        .join(Pack, Pack.id == LabelBatch.pack_id)
        .where(LabelBatch.id.in_({each.batch_id for each in new}))
    )
    differing: set[str] = set()
    for batch, pack in batches:
        pairs = {
            "cooperative_id": (batch.cooperative_id, lot.cooperative_id),
            "variety": (pack.variety, lot.variety),
            "grade": (pack.grade, lot.grade),
            "size": (pack.size or lot.size, lot.size),
        }
        differing |= {name for name, (ours, theirs) in pairs.items() if ours != theirs}
    carried = {row.account_id for row in carrying.of_lot(session, lot.id)}
    if carried and any(each.account_id not in carried for each in new):
        differing.add("area")
    if differing:
        raise LabelDoesNotFit(differing=sorted(differing))


def _is_bound(label: LabelSerial, lot_id: uuid.UUID, parcel_id: uuid.UUID | None) -> bool:
    is_same = label.lot_id == lot_id and label.parcel_id == parcel_id
    return label.state == SerialState.BOUND and is_same


def _move(label: LabelSerial, event: SerialEvent) -> None:
    after = serial_after(label.state, event)
    if after is None:
        raise LabelStateForbids(serial=label.serial, state=str(label.state))
    label.state = after
    label.version += 1


def _row(session: Session, label: LabelSerial) -> LotLabel:
    assert label.lot_id is not None
    return carrying.row_of(session, label.lot_id, label.account_id)


def _give_back(session: Session, ctx: Context, found: Sequence[LabelSerial], proof: str) -> None:
    counts: dict[uuid.UUID, int] = {}
    for each in found:
        counts[each.batch_id] = counts.get(each.batch_id, 0) + 1
    for batch_id in sorted(counts):
        batch = printing.locked(session, ctx, batch_id=batch_id)
        grams = credit_rules.given_back_grams(
            batch.consumed_grams, batch.labels_count, batch.given_back_count, counts[batch_id]
        )
        batch.given_back_count += counts[batch_id]
        batch.version += 1
        account = accounts.locked(session, batch.account_id)
        accounts.post(session, ctx, account, LineKind.LABEL_VOID, grams, batch_id=batch_id, reason=proof)


def _publish_labelled(session: Session, ctx: Context, lot: Lot, new: Sequence[LabelSerial]) -> None:
    """One word for the labels of each pack and account."""
    alike: dict[tuple[uuid.UUID, str, int], list[str]] = {}
    for each in new:
        alike.setdefault((each.account_id, each.gtin, each.net_grams), []).append(each.serial)
    for (account_id, gtin, net_grams), found in alike.items():
        account = session.get_one(LabelAccount, account_id)
        _, area = accounts.place_of(session, account)
        told = BoxesLabelled(
            lot=lot, gtin=gtin, serials=found, net_grams=net_grams, area=area.code, season=account.season
        )
        events.publish(session, ctx, told)


def _publish_ended(session: Session, ctx: Context, found: Sequence[LabelSerial], state: SerialState) -> None:
    """Only of labels that are on boxes: the others never named anything."""
    alike: dict[uuid.UUID, list[tuple[str, str]]] = {}
    for each in found:
        if each.lot_id is not None:
            alike.setdefault(each.lot_id, []).append((each.gtin, each.serial))
    for lot_id, boxes in sorted(alike.items()):
        events.publish(
            session, ctx, LabelsEnded(lot=session.get_one(Lot, lot_id), boxes=boxes, state=str(state))
        )


def _tell(session: Session, ctx: Context, verb: str, found: Sequence[LabelSerial], **after: Any) -> None:
    session.flush()
    for batch_id in sorted({each.batch_id for each in found}):
        told = {"serials": [each.serial for each in found if each.batch_id == batch_id], **after}
        audit.record(session, ctx, f"label.{verb}", subject=("label_batch", batch_id), after=told)
