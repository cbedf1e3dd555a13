"""Gifts: boxes of a sponsor's pool for whoever has the code. It is told once, kept as a digest, and claimed once."""

import hashlib
import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors, letters
from marketplace.context import Context
from marketplace.language import Text
from orders.sponsoring import drawing, sponsorships
from orders.sponsoring.models import SponsorDraw
from orders.sponsoring.states import DrawKind, DrawState

CODE_LENGTH: Final = 26
"""130 bits: nobody guesses it, and plain SHA-256 is enough to keep it."""


class GiftNotFound(errors.NotFound):
    """No gift has this code, or somebody has claimed it already."""

    title = Text(en="There is no gift for this code.", zh="没有该礼品码对应的礼品。")


def give(
    session: Session,
    ctx: Context,
    *,
    sponsorship_id: uuid.UUID,
    boxes: int,
    expires_at: datetime | None = None,
    words: str | None = None,
) -> tuple[SponsorDraw, str]:
    """Hold boxes for whoever has the code; the gift and its code, which is not to be read again.

    Raises SponsorshipNotFound, SponsorshipStateForbids, DrawsOver, DrawTooLong, SoldOut.
    """
    sponsorships.get(session, ctx, sponsorship_id=sponsorship_id)
    sponsorship = drawing.open_pool(session, ctx, sponsorship_id)
    code = letters.drawn(CODE_LENGTH)
    gift = drawing.place(
        session,
        ctx,
        sponsorship,
        kind=DrawKind.GIFT,
        holder_id=None,
        boxes=boxes,
        until=drawing.end_of(ctx, sponsorship, expires_at),
        code_digest=digest(code),
        words=words,
    )
    return gift, code


def claim(session: Session, ctx: Context, *, code: str, address_id: uuid.UUID) -> SponsorDraw:
    """The gift is the actor's, and ordered to an address of theirs; the code is of no use any more.

    Raises GiftNotFound, DrawExpired, DrawStateForbids, AddressNotFound.
    """
    seen = session.execute(
        select(SponsorDraw.id, SponsorDraw.sponsorship_id).where(SponsorDraw.code_digest == digest(code))
    ).one_or_none()
    if seen is None or ctx.actor.id is None:
        raise GiftNotFound
    sponsorship = sponsorships.kept(session, seen.sponsorship_id)
    gift = session.get_one(SponsorDraw, seen.id, with_for_update=True, populate_existing=True)
    if gift.holder_id is not None or gift.state == DrawState.RELEASED:
        raise GiftNotFound
    if gift.state != DrawState.OPEN:
        raise drawing.DrawExpired(expired_at=gift.expires_at)
    gift.holder_id = ctx.actor.id
    ordered = drawing.order(session, ctx, sponsorship, gift, address_id=address_id)
    audit.record(session, ctx, "draw.claim", subject=("draw", gift.id), after={"boxes": gift.boxes})
    return ordered


def digest(code: str) -> bytes:
    """Of the code as people type it: blanks, dashes and small letters do no harm."""
    return hashlib.sha256("".join(code.split()).replace("-", "").upper().encode()).digest()
