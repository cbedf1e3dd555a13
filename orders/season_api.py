"""Doors of the season's accounts: who is ahead, who is behind, and how a newcomer enters."""

from typing import Any

from sqlalchemy.orm import Session

from marketplace import context
from marketplace.catalogue import counties
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.counties import CountyNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from orders import figures, schemas, season
from orders.models import SeasonEntry

blueprint = Blueprint(
    "season_accounts", __name__, url_prefix="/season-accounts", description="The season's accounts 产季账户"
)


@blueprint.get("")
@blueprint.arguments(schemas.SeasonOfCounty, location="query")
@blueprint.problems(CountyNotFound)
@blueprint.response(200, schemas.SeasonLedger)
def show_ledger(query: dict[str, Any]) -> dict[str, Any]:
    """Who stands ahead of the season's line and who behind, furthest behind first 产季公平账"""
    with reading() as session:
        found = season.ledger(session, **query)
        return {
            **figures.plain(found),
            "season": query["season"],
            "is_demo": counties.get(session, county_id=query["county_id"]).is_demo,
        }


@blueprint.post("")
@blueprint.arguments(schemas.OpenSeasonAccount)
@blueprint.problems(CooperativeNotFound, season.AccountOpen)
@blueprint.writes(201, schemas.SeasonOpening)
def open_account(session: Session, body: dict[str, Any]) -> SeasonEntry:
    """Open an account with what was sold before, or, for a newcomer, at the season's line 开立产季账户"""
    ctx = context.current()
    if body["grams"] is None:
        return season.join(session, ctx, cooperative_id=body["cooperative_id"], season=body["season"])
    return season.open_account(session, ctx, **body)
