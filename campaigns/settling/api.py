"""Doors of a campaign's settlements: drafted together, proposed together."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from campaigns.planning import CampaignNotFound
from campaigns.settling import drafting, schemas
from campaigns.settling.drafting import ClaimsOpen
from campaigns.states import CampaignStateForbids
from marketplace import context
from marketplace.door import Blueprint
from orders.settlements.drafting import Agreed, AgreedFee, RetentionInThePast, TermsTakeTooMuch
from orders.settlements.facts import Fee
from orders.settlements.journal import StatementNotProved

blueprint = Blueprint(
    "campaign_settlements",
    __name__,
    url_prefix="/campaigns",
    description="A campaign's settlements 活动结算",
)


@blueprint.post("/<uuid:campaign_id>/settlements")
@blueprint.arguments(schemas.DraftSettlements)
@blueprint.problems(
    CampaignNotFound,
    CampaignStateForbids,
    ClaimsOpen,
    TermsTakeTooMuch,
    RetentionInThePast,
    StatementNotProved,
)
@blueprint.writes(200, schemas.DraftedSettlements)
def draft(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Compute what each cooperative earned; drafts are computed anew, all else is left alone 生成结算单"""
    fees = body.pop("fees")
    agreed = Agreed(
        **body,
        fees=tuple(
            AgreedFee(
                currency=each["currency"],
                fee=Fee(
                    name=each["name"],
                    beneficiary=each["beneficiary"],
                    per_box_minor=each["per_box_minor"],
                ),
            )
            for each in fees
        ),
    )
    done = drafting.draft(session, context.current(), campaign_id=campaign_id, agreed=agreed)
    return {"campaign_id": campaign_id, "settlements": len(done.settlements), "drafted": done.drafted}


@blueprint.post("/<uuid:campaign_id>/settlements/proposal")
@blueprint.problems(
    CampaignNotFound, CampaignStateForbids, ClaimsOpen, RetentionInThePast, StatementNotProved
)
@blueprint.writes(200, schemas.ProposedSettlements)
def propose_all(session: Session, campaign_id: uuid.UUID) -> dict[str, Any]:
    """Show all drafts to their cooperatives, which may object for some days 提交合作社核对"""
    done = drafting.propose_all(session, context.current(), campaign_id=campaign_id)
    return {"campaign_id": campaign_id, "proposed": done.proposed, "waiting": list(done.waiting)}
