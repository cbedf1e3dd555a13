"""Evidence is read: by its lender under a consent that stands, which is written down, or by the cooperative itself.

A reading holds the consent's lock until it is written down: a withdrawal comes before it, and it is refused, or after
it, and it is shown.
"""

import uuid
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.evidence import consenting, counting
from campaigns.evidence.consenting import ConsentNotFound, ConsentStateForbids
from campaigns.evidence.models import EvidenceConsent, EvidenceReading
from campaigns.evidence.rules import Evidence
from marketplace import audit, errors
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text

Form = Literal["json", "csv", "pdf"]


class EvidenceNotFound(errors.NotFound):
    """No consent has this code."""

    title = Text(en="There is no evidence for this code.", zh="没有该授权码对应的材料。")


class ConsentOver(errors.Gone):
    """The cooperative has withdrawn its consent, or its time is over: `state` says which."""

    title = Text(en="The cooperative's consent has ended.", zh="合作社的授权已结束。")


def read(session: Session, ctx: Context, *, code: str, form: Form) -> Evidence:
    """What the consent behind this code lets its lender see now. Raises EvidenceNotFound, ConsentOver."""
    consent = session.scalar(
        select(EvidenceConsent)
        .where(EvidenceConsent.code_digest == consenting.code_digest(code))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if consent is None or consent.signed_at is None:
        raise EvidenceNotFound
    if (state := consent.state_at(ctx.now)) != "signed":
        raise ConsentOver(state=state)
    evidence = _gather(session, ctx, consent)
    consent.readings += 1
    consent.version += 1
    session.flush()
    made = EvidenceReading(
        consent_id=consent.id,
        number=consent.readings,
        form=form,
        digest=evidence.to_json()["digest"],
        request_id=ctx.request_id,
        at=max(ctx.now, consent.signed_at),
    )
    session.add(made)
    audit.record(
        session,
        ctx,
        "evidence.read",
        subject=("evidence_consent", consent.id),
        after={"number": made.number, "form": form, "digest": made.digest},
    )
    return evidence


def preview(session: Session, ctx: Context, *, consent_id: uuid.UUID) -> Evidence:
    """What the lender would see now, for members of the cooperative alone.

    Raises ConsentNotFound, ConsentStateForbids.
    """
    consent = session.get(EvidenceConsent, consent_id)
    if consent is None or not ctx.actor.belongs_to(consent.cooperative_id):
        raise ConsentNotFound
    if (state := consent.state_at(ctx.now)) not in ("drafted", "signed"):
        raise ConsentStateForbids(state=state)
    return _gather(session, ctx, consent)


def _gather(session: Session, ctx: Context, consent: EvidenceConsent) -> Evidence:
    cooperative = cooperatives.get(session, cooperative_id=consent.cooperative_id)
    return Evidence(
        consent_id=str(consent.id),
        consent_digest=consent.digest,
        cooperative_code=cooperative.code,
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        lender=consent.lender,
        since=consent.since_on,
        made_at=ctx.now,
        tables=counting.tables(
            session,
            cooperative_id=consent.cooperative_id,
            contents=consent.contents,
            since=consent.since_on,
        ),
    )
