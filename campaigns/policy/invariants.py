"""What must be true of policies at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.policy import rules
from campaigns.policy.models import CampaignPolicy
from marketplace.language import Text
from marketplace.module import Invariant
from orders.allocation.commitment import is_committed


def _changed_policies(session: Session) -> list[dict[str, Any]]:
    """Every published digest, made again from what is written down."""
    written = session.scalars(select(CampaignPolicy).order_by(CampaignPolicy.number))
    policies = {each.campaign_id: each for each in written}  # the last one counts
    campaigns = select(
        Campaign.id, Campaign.policy_digest, Campaign.cut_rule, Campaign.seed, Campaign.seed_hash
    ).order_by(Campaign.id)
    found = []
    for campaign in session.execute(campaigns):
        policy = policies.get(campaign.id)
        if policy is None:
            wrong = "no policy"
        elif campaign.policy_digest not in (None, rules.digest_of(policy.agreed)):
            wrong = "not the digest that was published"
        elif campaign.cut_rule != policy.cut_rule:
            wrong = "another cut is shown"
        elif campaign.seed is not None and not is_committed(campaign.seed, campaign.seed_hash or ""):
            wrong = "not the seed whose hash was published"
        else:
            continue
        found.append({"id": campaign.id, "wrong": wrong})
    return found


INVARIANTS: Final = (
    Invariant(
        id="Y1",
        says=Text(
            en="The policy of a campaign that is scheduled is that whose digest was published, and so is its seed.",
            zh="已排期活动的公平政策与种子均与公布的摘要一致。",
        ),
        sql="",
        check=_changed_policies,
    ),
    Invariant(
        id="Y2",
        says=Text(
            en="Somebody has signed the policy of every campaign that is scheduled.",
            zh="每个已排期活动的公平政策均有人签署。",
        ),
        sql="""
            SELECT c.id, c.policy_digest FROM campaign c
            JOIN LATERAL (SELECT max(number) AS number FROM campaign_policy WHERE campaign_id = c.id) p ON true
            WHERE c.policy_digest IS NOT NULL AND NOT EXISTS (SELECT FROM policy_signature s
                WHERE s.campaign_id = c.id AND s.number = p.number AND s.digest = c.policy_digest)
        """,
    ),
    Invariant(
        id="Y3",
        says=Text(
            en="Allocations, their runs and shortages go by the policy that was published.",
            zh="分配、分配记录与缺货处理均依公布的公平政策进行。",
        ),
        sql="""
            SELECT a.campaign_id AS id, c.policy_digest, a.policy_digest AS used FROM campaign_allocation a
            JOIN campaign c ON c.id = a.campaign_id
            JOIN LATERAL (SELECT * FROM campaign_policy WHERE campaign_id = c.id ORDER BY number DESC LIMIT 1) p
                ON true
            WHERE a.policy_digest IS DISTINCT FROM c.policy_digest
            OR (a.season, a.rule, a.strict, a.minimum_boxes, a.weight, a.silence, a.answer_hours)
                IS DISTINCT FROM (p.season, p.rule, p.strict, p.minimum_boxes, p.weight, p.silence, p.answer_hours)
            UNION ALL
            SELECT r.id, c.policy_digest, r.policy_digest FROM allotment_run r
            JOIN campaign_item i ON i.id = r.item_id JOIN campaign c ON c.id = i.campaign_id
            WHERE r.policy_digest IS DISTINCT FROM c.policy_digest
            UNION ALL
            SELECT s.id, c.policy_digest, s.policy_digest FROM shortage s JOIN campaign c ON c.id = s.campaign_id
            JOIN LATERAL (SELECT * FROM campaign_policy WHERE campaign_id = c.id ORDER BY number DESC LIMIT 1) p
                ON true
            WHERE s.policy_digest IS DISTINCT FROM c.policy_digest
            OR (s.policy, s.earnest_permille, s.election_hours)
                IS DISTINCT FROM (p.cut_rule, p.earnest_permille, p.election_hours)
        """,
    ),
)
