"""Codes of promotions: made in bulk and shown once, or one word that everybody may use. Only keyed digests are kept."""

import uuid
from collections.abc import Iterable
from typing import Final

import limits as counting
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.promotions import code_rules, promoting
from campaigns.promotions.models import PromotionCode, PromotionTerms
from campaigns.promotions.rules import PromotionKind
from campaigns.promotions.states import PromotionState
from marketplace import audit, database, errors, limits
from marketplace.context import Context
from marketplace.language import Text
from marketplace.settings import Settings
from marketplace.values import new_id

CODES_PER_CALL_MAX: Final = 1_000
CODES_PER_PROMOTION_MAX: Final = 1_000_000
TRIES_OF_ACCOUNT: Final = counting.parse("60 per 10 minutes")
TRIES_OF_ADDRESS: Final = counting.parse("1200 per 10 minutes")
"""Of codes. Many people may share an address, and none of them more than one account."""


class NotByCode(errors.Conflict):
    """It is for everybody: nobody needs a code."""

    title = Text(en="This promotion needs no code.", zh="该优惠无需优惠码。")


class VoucherNotShared(errors.Conflict):
    """A voucher is money: its codes are drawn, so that nobody guesses one."""

    title = Text(en="A voucher's code must be drawn at random.", zh="代金券的码须随机生成。")


class CodeTaken(errors.Conflict):
    """Somebody uses that word already, for this promotion or another."""

    title = Text(en="That code is taken.", zh="该优惠码已被使用。")


class TooManyPromotionCodes(errors.Conflict):
    """`most`: how many codes a promotion can have."""

    title = Text(en="The promotion has too many codes.", zh="该优惠的优惠码过多。")


def draw(session: Session, ctx: Context, *, promotion_id: uuid.UUID, count: int) -> list[str]:
    """So many new codes, each for one order; a voucher's are good until it is spent. Nobody can look them up later.

    Raises PromotionNotFound, PromotionStateForbids, NotByCode, TooManyPromotionCodes.
    """
    row = _by_code(session, promotion_id)
    made = session.scalar(
        select(func.count()).select_from(PromotionCode).where(PromotionCode.promotion_id == row.id)
    )
    if (made or 0) + count > CODES_PER_PROMOTION_MAX:
        raise TooManyPromotionCodes(most=CODES_PER_PROMOTION_MAX)
    codes = [code_rules.drawn() for _ in range(count)]
    _keep(session, ctx, row, codes, is_single_use=row.kind != PromotionKind.VOUCHER)
    audit.record(session, ctx, "promotion.draw_codes", subject=("promotion", row.id), after={"count": count})
    session.flush()
    return codes


def share(session: Session, ctx: Context, *, promotion_id: uuid.UUID, code: str) -> PromotionTerms:
    """One word that everybody may use, as often as the promotion's limits let it be used.

    Raises PromotionNotFound, PromotionStateForbids, NotByCode, VoucherNotShared, CodeTaken.
    """
    row = _by_code(session, promotion_id)
    if row.kind == PromotionKind.VOUCHER:
        raise VoucherNotShared
    _keep(session, ctx, row, [code], is_single_use=False)
    with database.refusing({"uq_promotion_code_digest": CodeTaken()}):
        session.flush()
    audit.record(session, ctx, "promotion.share_code", subject=("promotion", row.id))
    return row


def look_up(session: Session, codes: Iterable[str]) -> list[PromotionCode | None]:
    """What is known of each, in their order; a code that was made before the key was changed is known too."""
    settings: Settings = current_app.config["SETTINGS"]
    secrets = [secret for secret in (settings.secret_key, settings.secret_key_before) if secret]
    wanted = [[code_rules.digest_of(code, secret=secret) for secret in secrets] for code in codes]
    rows = session.scalars(
        select(PromotionCode).where(PromotionCode.digest.in_([one for each in wanted for one in each]))
    )
    known = {row.digest: row for row in rows}
    return [next((known[one] for one in each if one in known), None) for each in wanted]


def count_tries(ctx: Context, tries: int) -> None:
    """Each code that somebody tries is counted, whether or not there is one. Raises TooMany."""
    for _ in range(tries):
        limits.count(TRIES_OF_ACCOUNT, "promotion_codes", ctx.actor.label)
        limits.count(TRIES_OF_ADDRESS, "promotion_codes", ctx.address or limits.UNKNOWN)


def _by_code(session: Session, promotion_id: uuid.UUID) -> PromotionTerms:
    row = promoting.locked(session, promotion_id)
    if row.state == PromotionState.ENDED:
        raise promoting.PromotionStateForbids(state=row.state)
    if not row.is_by_code:
        raise NotByCode
    return row


def _keep(
    session: Session, ctx: Context, row: PromotionTerms, codes: Iterable[str], *, is_single_use: bool
) -> None:
    settings: Settings = current_app.config["SETTINGS"]
    session.add_all(
        PromotionCode(
            id=new_id(),
            promotion_id=row.id,
            digest=code_rules.digest_of(code, secret=settings.secret_key),
            is_single_use=is_single_use,
            created_at=ctx.now,
        )
        for code in codes
    )
