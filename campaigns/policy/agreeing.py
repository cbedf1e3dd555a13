"""Agreeing on a campaign's policy while it is a draft: reading it, replacing it, signing it."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign
from campaigns.policy import policies, rules
from campaigns.policy.models import CampaignPolicy
from campaigns.policy.rules import Policy
from campaigns.states import CampaignState, CampaignStateForbids
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text


class PolicyChanged(errors.Conflict):
    """Another policy counts now than the one that was read; `digest` is that of the one that does."""

    title = Text(en="The policy is another one by now.", zh="政策已变更，请重新阅读。")


class PolicySignedAlready(errors.Conflict):
    """The same person has signed this policy before."""

    title = Text(en="You have signed this policy already.", zh="您已签署该政策。")


def get(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> dict[str, Any]:
    """The policy that counts, its digest and who has signed it; for staff and the county's cooperatives.

    Raises CampaignNotFound.
    """
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    if not ctx.actor.has(*STAFF, Role.SYSTEM):
        sellers = cooperatives.of_county(session, county_id=campaign.county_id)
        if not any(ctx.actor.belongs_to(each.id) for each in sellers):
            raise planning.CampaignNotFound
    return _shown(session, campaign, policies.latest(session, campaign_id=campaign.id))


def number_of(session: Session, *, campaign_id: uuid.UUID) -> int:
    """The number of the policy that counts, the campaign locked: what an edit is based on. Raises CampaignNotFound."""
    campaign = planning.locked(session, campaign_id)
    return policies.latest(session, campaign_id=campaign.id).number


def replace(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, season: str | None = None, **terms: Any
) -> dict[str, Any]:
    """Another policy for a draft; nobody has signed it yet. The same once more changes nothing.

    Raises CampaignNotFound, CampaignStateForbids.
    """
    campaign = _draft(session, campaign_id)
    before = policies.latest(session, campaign_id=campaign.id)
    policy = asked(campaign, season=season, **terms)
    if policy == before.agreed:
        audit.record(
            session,
            ctx,
            "campaign_policy.keep",
            subject=("campaign", campaign.id),
            after={"number": before.number},
        )
        return _shown(session, campaign, before)
    row = policies.write(session, ctx, campaign, policy, number=before.number + 1)
    campaign.cut_rule = policy.cut_rule
    campaign.version += 1
    session.flush()
    changed = rules.changes(before.agreed, policy)
    audit.record(
        session,
        ctx,
        "campaign_policy.replace",
        subject=("campaign", campaign.id),
        before={name: old for name, (old, _) in changed.items()},
        after={name: new for name, (_, new) in changed.items()},
    )
    return _shown(session, campaign, row)


def sign(session: Session, ctx: Context, *, campaign_id: uuid.UUID, digest: str) -> dict[str, Any]:
    """Sign what was read: its digest says which policy that was. A second person may sign as well.

    Raises CampaignNotFound, CampaignStateForbids, PolicyChanged, PolicySignedAlready.
    """
    campaign = _draft(session, campaign_id)
    row = policies.latest(session, campaign_id=campaign.id)
    counts = rules.digest_of(row.agreed)
    if digest != counts:
        raise PolicyChanged(digest=counts)
    if any(each.signed_by == ctx.actor.label for each in policies.signatures(session, row)):
        raise PolicySignedAlready
    policies.sign(session, ctx, row)
    return _shown(session, campaign, row)


def asked(campaign: Campaign, *, season: str | None = None, **terms: Any) -> Policy:
    """A policy as it is asked for; its season is that of the campaign's end unless told."""
    return Policy(season=season or rules.default_of(campaign.closes_at.date()).season, **terms)


def _draft(session: Session, campaign_id: uuid.UUID) -> Campaign:
    campaign = planning.locked(session, campaign_id)
    if campaign.state != CampaignState.DRAFT:
        raise CampaignStateForbids(state=campaign.state)
    return campaign


def _shown(session: Session, campaign: Campaign, row: CampaignPolicy) -> dict[str, Any]:
    policy = row.agreed
    signed = policies.signatures(session, row)
    return {
        "campaign_id": campaign.id,
        "version": row.number,
        "policy": policy,
        "canonical": rules.canonical(policy),
        "digest": rules.digest_of(policy),
        "needs_signature": rules.needs_signature(policy, closes_on=campaign.closes_at.date()),
        "set_by": row.set_by,
        "set_at": row.set_at,
        "signatures": signed,
        "is_frozen": campaign.policy_digest is not None,
        "seed_hash": campaign.seed_hash,
    }
