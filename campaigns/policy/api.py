"""Doors of policies: reading, replacing and signing the one of a draft, and trying two of them out."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns.planning import CampaignNotFound, ItemNotFound
from campaigns.policy import agreeing, schemas, shapes, trying
from campaigns.states import CampaignStateForbids
from marketplace import context, errors, versions
from marketplace.catalogue import counties
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.limits import limited
from marketplace.problems import VersionDiffers, VersionMissing

policies = Blueprint(
    "campaign_policies",
    __name__,
    url_prefix="/campaigns",
    description="Campaigns' fairness policies 公平政策",
)

TRIED_PER_MINUTE: Final = "20 per minute"


@policies.get("/<uuid:campaign_id>/policy")
@policies.problems(CampaignNotFound)
@policies.response(200, schemas.CampaignPolicy)
def get_policy(campaign_id: uuid.UUID) -> dict[str, Any]:
    """By which policy a campaign is carried out, and who has signed it 公平政策"""
    with reading() as session:
        found = agreeing.get(session, context.current(), campaign_id=campaign_id)
    versions.tag(found["version"])
    return found


@policies.put("/<uuid:campaign_id>/policy")
@policies.doc(parameters=[versions.IF_MATCH])
@policies.arguments(schemas.AskPolicy)
@policies.problems(CampaignNotFound, CampaignStateForbids, VersionMissing, VersionDiffers)
@policies.writes(200, schemas.CampaignPolicy, key=False)
def replace_policy(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Another policy for a draft; it must be signed again 设定公平政策"""
    versions.check(agreeing.number_of(session, campaign_id=campaign_id))
    return agreeing.replace(session, context.current(), campaign_id=campaign_id, **body)


@policies.post("/<uuid:campaign_id>/policy/signatures")
@policies.arguments(schemas.SignPolicy)
@policies.problems(
    CampaignNotFound, CampaignStateForbids, agreeing.PolicyChanged, agreeing.PolicySignedAlready
)
@policies.writes(201, schemas.CampaignPolicy)
def sign_policy(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Sign the policy that you have read 签署公平政策"""
    return agreeing.sign(session, context.current(), campaign_id=campaign_id, **body)


@policies.post("/<uuid:campaign_id>/policy-simulations")
@policies.arguments(schemas.TryPolicies)
@policies.problems(
    CampaignNotFound,
    CampaignStateForbids,
    ItemNotFound,
    trying.NothingPledged,
    trying.ItemTwice,
    errors.TooMany,
)
@policies.response(200, schemas.PolicyTrial)
@limited(TRIED_PER_MINUTE, per="actor")
def try_policies(body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Two policies on the pledges of a campaign, side by side; nothing is stored 政策试算（不写入）"""
    with reading() as session:
        found = trying.compare(
            session,
            context.current(),
            campaign_id=campaign_id,
            first=body["first"],
            second=body["second"],
            assumed=[(each["item_id"], each["boxes"]) for each in body["assumed"] or ()],
        )
        county = counties.get(session, county_id=found.campaign.county_id)
        return shapes.compared(found, is_demo=county.is_demo)
