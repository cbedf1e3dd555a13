"""Doors to where cooperatives are paid: destinations named and seen, and the account at the provider opened."""

import json
import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace import context, door, paging, two_steps
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim
from marketplace.limits import limited
from marketplace.payments import gateways
from marketplace.payments.gateways import GatewayNotOffered, GatewayUnavailable
from marketplace.payouts import destinations, onboarding, schemas
from marketplace.payouts.models import PayoutDestination
from marketplace.payouts.onboarding import Begun, CountryFixed, OnboardingRefused, Told

destination_doors = Blueprint(
    "payout_destinations",
    __name__,
    url_prefix="/payout-destinations",
    description="Where cooperatives are paid 收款账户",
)
onboarding_doors = Blueprint(
    "payout_onboardings",
    __name__,
    url_prefix="/payout-onboardings",
    description="Cooperatives' accounts at the provider 支付机构开户",
)
BLUEPRINTS: Final = (destination_doors, onboarding_doors)

NAMING_RATE: Final = "10 per hour"
"""For one person: a change tells many people and freezes payouts."""

_ONBOARDING: Final = schemas.Onboarding()


@destination_doors.post("")
@limited(NAMING_RATE, per="actor")
@destination_doors.arguments(schemas.NameDestination)
@destination_doors.problems(
    CooperativeNotFound,
    destinations.LogInAgain,
    destinations.DestinationUnchanged,
    destinations.ConnectNotReady,
)
@destination_doors.writes(
    201, schemas.Destination, location=lambda made: f"/v1/payout-destinations/{made['id']}"
)
def name_destination(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Name where a cooperative is paid from now on; nothing is paid for 48 hours 登记收款账户"""
    made = destinations.name(session, context.current(), **body)
    return destinations.all_shown(session, [made])[0]


@destination_doors.get("")
@destination_doors.arguments(schemas.DestinationQuery, location="query")
@destination_doors.response(200, schemas.DestinationPage)
def list_destinations(query: dict[str, Any]) -> dict[str, Any]:
    """Destinations past and present; a member sees those of its cooperatives 收款账户列表"""
    with reading() as session:
        wanted = paging.only(destinations.visible(context.current()), query, PayoutDestination.cooperative_id)
        page = paging.read(session, wanted, PayoutDestination.id, **query)
        return {**page, "items": destinations.all_shown(session, page["items"])}


@destination_doors.get("/<uuid:destination_id>")
@destination_doors.problems(destinations.DestinationNotFound)
@destination_doors.response(200, schemas.Destination)
def get_destination(destination_id: uuid.UUID) -> dict[str, Any]:
    """One destination, its number masked 查询收款账户"""
    with reading() as session:
        found = destinations.get(session, context.current(), destination_id=destination_id)
        return destinations.all_shown(session, [found])[0]


@onboarding_doors.post("")
@limited(NAMING_RATE, per="actor")
@onboarding_doors.arguments(schemas.AskOnboarding)
@onboarding_doors.problems(
    CooperativeNotFound, CountryFixed, OnboardingRefused, GatewayNotOffered, GatewayUnavailable
)
@onboarding_doors.answers(200, schemas.Onboarding)
def onboard(claim: Claim, body: dict[str, Any]) -> Answer:
    """Open a cooperative's account at the provider, or see how far it is 支付机构开户"""
    ctx = context.current()

    def second(session: Session, begun: Begun, told: Told) -> Answer:
        found = onboarding.take(session, ctx, begun, told)
        if isinstance(found, OnboardingRefused):
            return door.refused(found, ctx)
        return Answer(status=200, body=json.dumps(_ONBOARDING.dump(found), ensure_ascii=False), headers={})

    return two_steps.run(
        ctx,
        claim,
        first=lambda session: onboarding.begin(session, ctx, **body),
        between=lambda begun: onboarding.ask(gateways.connect(), begun),
        second=second,
        refused=lambda refusal: door.refused(refusal, ctx),
        given_up=lambda _session, _begun: None,
    )
