"""The policies of a campaign as its own steps use them: the first one, the one that counts, the one that is frozen.

Everybody who writes here has locked the campaign before.
"""

import uuid
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.policy import rules
from campaigns.policy.models import CampaignPolicy, PolicySignature
from campaigns.policy.rules import Policy
from marketplace import audit
from marketplace.context import Context


def write(
    session: Session, ctx: Context, campaign: Campaign, policy: Policy, *, number: int
) -> CampaignPolicy:
    """Write a policy down; whoever signed another one before has not signed this one."""
    row = CampaignPolicy(
        campaign_id=campaign.id, number=number, **asdict(policy), set_by=ctx.actor.label, set_at=ctx.now
    )
    session.add(row)
    session.flush()
    return row


def latest(session: Session, *, campaign_id: uuid.UUID) -> CampaignPolicy:
    """The policy that counts: every campaign has one from its draft on."""
    statement = (
        select(CampaignPolicy)
        .where(CampaignPolicy.campaign_id == campaign_id)
        .order_by(CampaignPolicy.number.desc())
        .limit(1)
    )
    return session.scalars(statement).one()


def signatures(session: Session, row: CampaignPolicy) -> list[PolicySignature]:
    """Of this very policy, in the order in which they were given."""
    statement = select(PolicySignature).where(
        PolicySignature.campaign_id == row.campaign_id, PolicySignature.number == row.number
    )
    return list(session.scalars(statement.order_by(PolicySignature.signed_at, PolicySignature.signed_by)))


def may_be_scheduled(session: Session, campaign: Campaign, row: CampaignPolicy) -> bool:
    """It is signed, or it is the house's: that is signed by whoever schedules the campaign."""
    by_hand = rules.needs_signature(row.agreed, closes_on=campaign.closes_at.date())
    return not by_hand or bool(signatures(session, row))


def sign(session: Session, ctx: Context, row: CampaignPolicy) -> PolicySignature:
    """The actor's name under a policy, with the digest of what it says."""
    signature = PolicySignature(
        campaign_id=row.campaign_id,
        number=row.number,
        signed_by=ctx.actor.label,
        digest=rules.digest_of(row.agreed),
        signed_at=ctx.now,
    )
    session.add(signature)
    session.flush()
    audit.record(
        session,
        ctx,
        "campaign_policy.sign",
        subject=("campaign", row.campaign_id),
        after={"number": row.number, "digest": signature.digest},
    )
    return signature


def freeze(session: Session, ctx: Context, campaign: Campaign, row: CampaignPolicy) -> None:
    """Publish the digest of a campaign's policy with its scheduling; it never changes from now on."""
    if not signatures(session, row):
        sign(session, ctx, row)
    campaign.policy_digest = rules.digest_of(row.agreed)


def frozen(session: Session, campaign: Campaign) -> Policy:
    """What was agreed before the campaign was scheduled."""
    return latest(session, campaign_id=campaign.id).agreed
