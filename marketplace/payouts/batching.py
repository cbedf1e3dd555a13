"""Approved payouts of one currency go to the bank in one file. Making it sends them: nobody cancels them any more.

The file is kept sealed as it was made, so that it is the same whenever it is asked for. Locks: payouts by id, then
their cooperatives by id.
"""

import hashlib
import uuid
import zlib
from collections.abc import Sequence
from datetime import date
from typing import Final

from flask import current_app
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, sealed
from marketplace.context import Context
from marketplace.language import Text
from marketplace.letters import drawn
from marketplace.payouts import destinations, moving, payouts
from marketplace.payouts.batches import PAYOUTS_MAX, Account
from marketplace.payouts.models import BATCH_KIND, Payout, PayoutBatch, PayoutDestination
from marketplace.payouts.providers import BankFile, Instruction
from marketplace.payouts.states import (
    BatchFormat,
    DestinationMissing,
    Method,
    PayoutNotFound,
    PayoutState,
    check_destination,
    check_payout_move,
)
from marketplace.points import Point, passed
from marketplace.resealing import context_of
from marketplace.settings import Settings
from marketplace.values import new_id

_REFERENCE_LENGTH: Final = 10


class PayoutBatchNotFound(errors.NotFound):
    title = Text(en="There is no such batch.", zh="没有该付款批次。")


class NothingToBatch(errors.Conflict):
    """No approved payout of this currency may go to a bank now."""

    title = Text(en="There is nothing to send to the bank.", zh="没有可提交银行的付款单。")


class NotForThisBatch(errors.Conflict):
    """The payout is in another currency, or does not go by bank; `payout_id` says which."""

    title = Text(en="A payout does not belong into this batch.", zh="有付款单不属于该批次。")


class PayerMissing(errors.Conflict):
    """No account is configured from which the bank could pay: `PAYOUT_ACCOUNT_NAME` and its number or IBAN."""

    title = Text(en="No account to pay from is configured.", zh="尚未配置付款账户。")


def make(
    session: Session,
    ctx: Context,
    *,
    currency: str,
    file_format: str,
    execute_on: date | None = None,
    payout_ids: Sequence[uuid.UUID] | None = None,
) -> PayoutBatch:
    """These payouts, or all that may go now, are sent in one file.

    Named ones are all sent or none; else those whose destination has changed meanwhile are left. Raises PayerMissing,
    NothingToBatch, PayoutNotFound, PayoutStateForbids, NotForThisBatch, DestinationChanged, DestinationTooNew,
    BatchRefused, Invalid.
    """
    person = payouts.operator(ctx)
    payer = payer_of(current_app.config["SETTINGS"])
    on = ctx.today if execute_on is None else execute_on
    if on < ctx.today:
        raise errors.Invalid(errors=[{"pointer": "/execute_on", "detail": "Is over. 日期已过。"}])
    if payout_ids is None:
        rows, where = _all_that_may(session, ctx, currency)
    else:
        rows, where = _named(session, ctx, currency, payout_ids)
    if not rows:
        raise NothingToBatch(currency=currency)
    made = PayoutBatch(
        id=new_id(),
        reference=drawn(_REFERENCE_LENGTH),
        currency=currency,
        format=file_format,
        execute_on=on,
        payouts=len(rows),
        total_minor=sum(each.amount_minor for each in rows),
        made_by=person,
        made_at=ctx.now,
    )
    provider = BankFile(
        reference=made.reference,
        payer=payer,
        format=BatchFormat(file_format),
        made_at=ctx.now,
        execute_on=on,
    )
    _store(session, made, provider, [_instruction(each, where[each.cooperative_id]) for each in rows])
    passed(Point.BATCH_KEPT)
    told = {"currency": currency, "payouts": made.payouts, "total_minor": made.total_minor}
    audit.record(
        session,
        ctx,
        "payout_batch.make",
        subject=("payout_batch", made.id),
        after={**told, "sha256": made.sha256},
    )
    for each in rows:
        each.sent_by, each.sent_at, each.batch_id = person, ctx.now, made.id
    moving.move_all(session, ctx, rows, PayoutState.SENT)
    return made


def file_of(session: Session, *, batch_id: uuid.UUID) -> tuple[PayoutBatch, bytes]:
    """Byte for byte as it was made. Raises PayoutBatchNotFound."""
    batch = get(session, batch_id=batch_id)
    file = zlib.decompress(sealed.unseal(batch.file, context=context_of(BATCH_KIND, batch.id)))
    assert hashlib.sha256(file).hexdigest() == batch.sha256, "the file is the one whose digest was told"
    return batch, file


def get(session: Session, *, batch_id: uuid.UUID) -> PayoutBatch:
    """Raises PayoutBatchNotFound."""
    found = session.get(PayoutBatch, batch_id)
    if found is None:
        raise PayoutBatchNotFound
    return found


def listed() -> Select[PayoutBatch]:
    return select(PayoutBatch)


def payer_of(settings: Settings) -> Account:
    """Raises PayerMissing."""
    if not settings.payout_account_name:
        raise PayerMissing
    return Account(
        name=settings.payout_account_name,
        iban=settings.payout_account_iban,
        number=settings.payout_account_number,
        bic=settings.payout_account_bic,
        cnaps=settings.payout_account_cnaps,
    )


_Found = tuple[list[Payout], dict[uuid.UUID, PayoutDestination]]


def _all_that_may(session: Session, ctx: Context, currency: str) -> _Found:
    wanted = select(Payout).where(
        Payout.state == PayoutState.APPROVED, Payout.method == Method.BANK, Payout.currency == currency
    )
    rows = _locked(session, wanted.order_by(Payout.id).limit(PAYOUTS_MAX))
    where = destinations.standing(session, {each.cooperative_id for each in rows}, is_held=True)
    return [each for each in rows if _still_stands(ctx, each, where)], where


def _still_stands(ctx: Context, payout: Payout, where: dict[uuid.UUID, PayoutDestination]) -> bool:
    try:
        check_destination(
            str(payout.destination_id), destinations.plain(where[payout.cooperative_id]), now=ctx.now
        )
    except errors.Refusal:
        return False
    return True


def _named(session: Session, ctx: Context, currency: str, payout_ids: Sequence[uuid.UUID]) -> _Found:
    """Raises what the first of them is refused for."""
    rows = _locked(session, select(Payout).where(Payout.id.in_(payout_ids)).order_by(Payout.id))
    if len(rows) != len(set(payout_ids)):
        raise PayoutNotFound
    where = destinations.standing(session, {each.cooperative_id for each in rows}, is_held=True)
    for each in rows:
        try:
            check_payout_move(each.state, PayoutState.SENT)
            if each.currency != currency or each.method != Method.BANK:
                raise NotForThisBatch
            now_is = where.get(each.cooperative_id)
            if now_is is None:
                raise DestinationMissing
            check_destination(str(each.destination_id), destinations.plain(now_is), now=ctx.now)
        except errors.Refusal as refusal:
            refusal.facts["payout_id"] = str(each.id)
            raise
    return rows, where


def _locked(session: Session, wanted: Select[Payout]) -> list[Payout]:
    """Of several who ask at once the second finds what the first has left."""
    return list(session.scalars(wanted.with_for_update().execution_options(populate_existing=True)))


def _instruction(payout: Payout, where: PayoutDestination) -> Instruction:
    return Instruction(
        payout_id=payout.id,
        reference=payout.reference,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        memo=payout.memo,
        group=f"{payout.purpose}-{payout.purpose_id}",
        payee=destinations.opened(where).payee,
    )


def _store(
    session: Session, made: PayoutBatch, provider: BankFile, instructions: Sequence[Instruction]
) -> None:
    """Raises BatchRefused."""
    file = provider.carry(instructions).file
    assert file is not None, "a bank gets a file"
    made.sha256, made.size_bytes = hashlib.sha256(file).hexdigest(), len(file)
    made.file = sealed.seal(zlib.compress(file, 9), context=context_of(BATCH_KIND, made.id))
    session.add(made)
    session.flush()
