"""Batches of labels: printed against credit, never beyond it, and handed out to their cooperative.

The account is locked while its credit is looked at and taken, so two batches at once cannot take the same grams.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from inventory import lots
from inventory.labels import accounts, credit_rules, designs, serial_rules
from inventory.labels.accounts import LabelCreditShort
from inventory.labels.models import LabelBatch, LabelSerial
from inventory.labels.states import LineKind, SerialEvent, SerialState, serial_after
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import products
from marketplace.catalogue.models import Pack, Product
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id

LABELS_MAX: Final = 10_000


class LabelBatchNotFound(errors.NotFound):
    title = Text(en="There is no such batch of labels.", zh="没有该标签批次。")


class PackWithoutGtin(errors.Conflict):
    """A label names its box by the pack's GTIN."""

    title = Text(en="The pack has no GTIN yet.", zh="该包装尚未设定 GTIN。")


class GradeNotLabelled(errors.Conflict):
    """The area labels other grades that season."""

    title = Text(en="The area does not label fruit of this grade.", zh="该产区本季不对此等级使用标签。")


class LabelBatchIssued(errors.Conflict):
    """The batch was handed out already."""

    title = Text(en="The batch was handed out already.", zh="该标签批次已发放。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """How many labels of a pack an account still bears."""

    pack_id: uuid.UUID
    code: str
    net_grams: int
    overfill_permille: int
    available_grams: int
    labels: int


def bearing(session: Session, ctx: Context, *, account_id: uuid.UUID) -> list[Bearing]:
    """How many labels of each pack that may bear one could still be printed. Raises LabelAccountNotFound."""
    account = accounts.get(session, ctx, account_id=account_id)
    numbers = accounts.season_of(session, account)
    packs = session.scalars(
        select(Pack)
        .join(Product, Product.id == Pack.product_id)
        .where(Pack.gtin.is_not(None), Product.grade.in_(numbers.grades))
        .order_by(Pack.code)
    )
    return [
        Bearing(
            pack_id=pack.id,
            code=pack.code,
            net_grams=pack.net_grams,
            overfill_permille=numbers.overfill_permille,
            available_grams=account.balance_grams,
            labels=credit_rules.labels(account.balance_grams, pack.net_grams, numbers.overfill_permille),
        )
        for pack in packs
    ]


def print_batch(
    session: Session,
    ctx: Context,
    *,
    account_id: uuid.UUID,
    pack_id: uuid.UUID,
    design_id: uuid.UUID,
    labels_count: int,
) -> LabelBatch:
    """Print so many labels for a pack: their grams leave the credit, their serials are drawn.

    Raises LabelAccountNotFound (also for a foreign one), PackNotFound, PackWithoutGtin, GradeNotLabelled,
    LabelDesignNotFound, LabelCreditShort with how many labels the credit still bears.
    """
    account = accounts.get(session, ctx, account_id=account_id, is_to_change=True)
    numbers = accounts.season_of(session, account)
    pack = products.get_pack(session, pack_id=pack_id)
    gtin = _check(pack, numbers.grades)
    design = designs.get(session, design_id=design_id)
    if (design.area_id, design.season) != (account.area_id, account.season):
        raise designs.LabelDesignNotFound
    overfill = numbers.overfill_permille
    borne = credit_rules.labels(account.balance_grams, pack.net_grams, overfill)
    consumed = credit_rules.consumed_grams(labels_count, pack.net_grams, overfill)
    if labels_count > borne:
        raise LabelCreditShort(
            requested_labels=labels_count,
            available_labels=borne,
            requested_grams=consumed,
            available_grams=account.balance_grams,
            owed_grams=account.owed_grams,
        )
    batch = LabelBatch(
        id=new_id(),
        account_id=account.id,
        cooperative_id=account.cooperative_id,
        pack_id=pack.id,
        design_id=design.id,
        gtin=gtin,
        net_grams=pack.net_grams,
        overfill_permille=overfill,
        labels_count=labels_count,
        consumed_grams=consumed,
        given_back_count=0,
        actor=ctx.actor.label,
        at=ctx.now,
        version=1,
    )
    session.add(batch)
    session.flush()
    accounts.post(session, ctx, account, LineKind.LABEL_ISSUE, -consumed, batch_id=batch.id)
    _draw(session, batch)
    after = {"labels_count": labels_count, "consumed_grams": consumed, "gtin": gtin}
    audit.record(session, ctx, "label_batch.print", subject=("label_batch", batch.id), after=after)
    return batch


def issue(session: Session, ctx: Context, *, batch_id: uuid.UUID) -> LabelBatch:
    """Hand the labels out to their cooperative: from now on they may be put on boxes.

    Raises LabelBatchNotFound, LabelBatchIssued.
    """
    batch = locked(session, ctx, batch_id=batch_id)
    if batch.issued_at is not None:
        raise LabelBatchIssued
    batch.issued_at = ctx.now
    batch.version += 1
    session.execute(
        update(LabelSerial)
        .where(LabelSerial.batch_id == batch_id, LabelSerial.state == SerialState.PRINTED)
        .values(state=serial_after(SerialState.PRINTED, SerialEvent.ISSUE), version=LabelSerial.version + 1)
    )
    session.flush()
    audit.record(session, ctx, "label_batch.issue", subject=("label_batch", batch_id))
    return batch


def get(session: Session, ctx: Context, *, batch_id: uuid.UUID) -> LabelBatch:
    """For its cooperative's members and staff. Raises LabelBatchNotFound."""
    found = session.scalar(visible(ctx.actor).where(LabelBatch.id == batch_id))
    if found is None:
        raise LabelBatchNotFound
    return found


def locked(session: Session, ctx: Context, *, batch_id: uuid.UUID) -> LabelBatch:
    """The same, to be changed."""
    found = session.scalar(
        visible(ctx.actor)
        .where(LabelBatch.id == batch_id)
        .with_for_update(of=LabelBatch, key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None or not lots.may_work_on(ctx.actor, found.cooperative_id):
        raise LabelBatchNotFound
    return found


def visible(actor: Actor) -> Select[LabelBatch]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(LabelBatch)
    return select(LabelBatch).where(LabelBatch.cooperative_id.in_(sorted(actor.cooperative_ids)))


def labels_of(batch_id: uuid.UUID) -> Select[LabelSerial]:
    return select(LabelSerial).where(LabelSerial.batch_id == batch_id)


def _check(pack: Pack, grades: list[str]) -> str:
    if pack.gtin is None:
        raise PackWithoutGtin
    if pack.grade not in grades:
        raise GradeNotLabelled(grade=pack.grade, grades=grades)
    return pack.gtin


def _draw(session: Session, batch: LabelBatch) -> None:
    """Serials that nobody has; one that somebody has by chance is drawn anew."""
    missing = batch.labels_count
    while missing:
        rows = [
            {
                "id": new_id(),
                "batch_id": batch.id,
                "account_id": batch.account_id,
                "gtin": batch.gtin,
                "serial": serial_rules.drawn(),
                "net_grams": batch.net_grams,
                "state": SerialState.PRINTED,
                "version": 1,
            }
            for _ in range(missing)
        ]
        session.execute(insert(LabelSerial).on_conflict_do_nothing(), rows)
        stored = session.scalar(
            select(func.count()).select_from(LabelSerial).where(LabelSerial.batch_id == batch.id)
        )
        missing = batch.labels_count - int(stored or 0)
