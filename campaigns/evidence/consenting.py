"""A cooperative's consent: drafted in words, signed by their digest, withdrawn at any moment.

The code that lets a lender read is drawn at the signature, told once, and stops with the consent.
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.evidence import rules
from campaigns.evidence.models import EvidenceConsent, EvidenceReading
from marketplace import audit, errors, letters
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

CODE_LENGTH: Final = 52
"""260 bits: nobody guesses it, and plain SHA-256 is enough to keep it."""
LONGEST: Final = timedelta(days=366)


class ConsentNotFound(errors.NotFound):
    title = Text(en="There is no such consent.", zh="没有该授权。")


class ConsentTooLong(errors.Invalid):
    """A consent ends in the future, after at most 366 days."""

    title = Text(en="The consent must end within 366 days.", zh="授权期限须在 366 天之内。")


class SinceTomorrow(errors.Invalid):
    """Evidence is of the past."""

    title = Text(en="Evidence begins in the past.", zh="起始日期须为过去。")


class ConsentTextDiffers(errors.Conflict):
    """The digest is not that of the consent's words: `digest` is."""

    title = Text(en="That is not the digest of this consent's words.", zh="摘要与授权文本不符。")


class ConsentStateForbids(errors.Conflict):
    """The consent is signed, withdrawn or over already."""

    title = Text(en="The consent's state does not allow this.", zh="授权当前状态不允许此操作。")
    code = "consent_state"


def draft(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    lender: str,
    contents: Sequence[str],
    since_on: date,
    ends_at: datetime,
) -> EvidenceConsent:
    """The words that are to be signed; nobody reads anything by them yet.

    Raises CooperativeNotFound, ConsentTooLong, SinceTomorrow.
    """
    if not ctx.actor.belongs_to(cooperative_id):
        raise cooperatives.CooperativeNotFound
    if not ctx.now < ends_at <= ctx.now + LONGEST:
        raise ConsentTooLong
    if since_on > ctx.today:
        raise SinceTomorrow
    cooperative = cooperatives.get(session, cooperative_id=cooperative_id)
    text = rules.consent_text(
        code=cooperative.code,
        name=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        lender=lender,
        contents=contents,
        since=since_on,
        until=ends_at,
    )
    consent = EvidenceConsent(
        id=new_id(),
        cooperative_id=cooperative_id,
        lender=lender,
        contents=[each.value for each in rules.Content if each in contents],
        since_on=since_on,
        ends_at=ends_at,
        text_en=text.en,
        text_zh=text.zh,
        digest=rules.text_digest(text),
        drafted_by=ctx.actor.label,
        drafted_at=ctx.now,
        readings=0,
        version=1,
    )
    session.add(consent)
    session.flush()
    _note(session, ctx, "draft", consent)
    return consent


def sign(
    session: Session, ctx: Context, *, consent_id: uuid.UUID, digest: str
) -> tuple[EvidenceConsent, str]:
    """A member signs exactly these words; the consent, and the lender's code, which is not to be read again.

    Raises ConsentNotFound, ConsentStateForbids, ConsentTextDiffers.
    """
    consent = _locked(session, ctx, consent_id)
    if (state := consent.state_at(ctx.now)) != "drafted":
        raise ConsentStateForbids(state=state)
    if digest != consent.digest:
        raise ConsentTextDiffers(digest=consent.digest)
    code = letters.drawn(CODE_LENGTH)
    consent.signed_by, consent.signed_at = ctx.actor.label, ctx.now
    consent.code_digest = code_digest(code)
    consent.version += 1
    session.flush()
    _note(session, ctx, "sign", consent)
    return consent, code


def withdraw(session: Session, ctx: Context, *, consent_id: uuid.UUID) -> EvidenceConsent:
    """From now on nothing is read by it. A reading that is under way ends first, and is shown.

    Raises ConsentNotFound, ConsentStateForbids.
    """
    consent = _locked(session, ctx, consent_id)
    if (state := consent.state_at(ctx.now)) in ("withdrawn", "ended"):
        raise ConsentStateForbids(state=state)
    last = session.scalar(
        select(func.max(EvidenceReading.at)).where(EvidenceReading.consent_id == consent.id)
    )
    consent.withdrawn_by = ctx.actor.label
    consent.withdrawn_at = ctx.now if last is None else max(ctx.now, last)
    consent.version += 1
    session.flush()
    _note(session, ctx, "withdraw", consent)
    return consent


def get(session: Session, ctx: Context, *, consent_id: uuid.UUID) -> EvidenceConsent:
    """One of the actor's cooperatives, or any for staff. Raises ConsentNotFound."""
    found = session.scalar(visible(ctx).where(EvidenceConsent.id == consent_id))
    if found is None:
        raise ConsentNotFound
    return found


def visible(ctx: Context) -> Select[EvidenceConsent]:
    statement = select(EvidenceConsent)
    if ctx.actor.has(*STAFF, Role.SYSTEM):
        return statement
    return statement.where(EvidenceConsent.cooperative_id.in_(ctx.actor.cooperative_ids))


def readings_of(session: Session, ctx: Context, *, consent_id: uuid.UUID) -> list[EvidenceReading]:
    """Who looks at them learns of every reading, the newest first. Raises ConsentNotFound."""
    get(session, ctx, consent_id=consent_id)
    rows = select(EvidenceReading).where(EvidenceReading.consent_id == consent_id)
    return list(session.scalars(rows.order_by(EvidenceReading.number.desc()).limit(1_000)))


def code_digest(code: str) -> bytes:
    """Of the code as people type it: blanks, dashes and small letters do no harm."""
    return hashlib.sha256("".join(code.split()).replace("-", "").upper().encode()).digest()


def _locked(session: Session, ctx: Context, consent_id: uuid.UUID) -> EvidenceConsent:
    get(session, ctx, consent_id=consent_id)
    return session.get_one(EvidenceConsent, consent_id, with_for_update=True, populate_existing=True)


def _note(session: Session, ctx: Context, verb: str, consent: EvidenceConsent) -> None:
    audit.record(
        session,
        ctx,
        f"evidence_consent.{verb}",
        subject=("evidence_consent", consent.id),
        after={
            "lender": consent.lender,
            "contents": list(consent.contents),
            "ends_at": consent.ends_at.isoformat(),
            "digest": consent.digest,
        },
    )
