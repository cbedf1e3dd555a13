"""A cooperative's account at Stripe: opened there under a key of ours, then looked at until money may go to it.

`begin` and `take` are the two transactions of the door; `ask` stands between them.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import gateways
from marketplace.payments.gateways import ConnectGateway, GatewayRefuses
from marketplace.payments.gateways.interface import AccountSeen, LinkSeen
from marketplace.payouts import destinations
from marketplace.payouts.models import ConnectAccount
from marketplace.points import Point, passed
from marketplace.values import new_id


class OnboardingRefused(errors.Conflict):
    """The provider does not take this cooperative, as in a country that it does not serve; `reason` is its word."""

    title = Text(en="The provider does not take this cooperative.", zh="支付机构无法为该合作社开户。")


class CountryFixed(errors.Conflict):
    """The cooperative's account at the provider was opened for another country, which never changes; `country`."""

    title = Text(en="The account was opened for another country.", zh="该账户已在其他国家开立。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    account_id: uuid.UUID
    cooperative_id: uuid.UUID
    country: str
    provider_id: str | None

    @property
    def key(self) -> str:
        """One account for each country that was asked for: a refused country is asked for once."""
        return f"{self.account_id}:open:{self.country}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    seen: AccountSeen | None = None
    link: LinkSeen | None = None
    refused: str | None = None


def begin(session: Session, ctx: Context, *, cooperative_id: uuid.UUID, country: str) -> Begun:
    """Raises CooperativeNotFound, GatewayNotOffered, CountryFixed."""
    destinations.check_acts_for(ctx, cooperative_id)
    cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
    gateways.connect()
    row = session.scalar(select(ConnectAccount).where(ConnectAccount.cooperative_id == cooperative_id))
    if row is None:
        assert ctx.actor.id is not None, "a person asks"
        row = ConnectAccount(
            id=new_id(),
            cooperative_id=cooperative_id,
            country=country,
            is_ready=False,
            opened_by=ctx.actor.id,
            opened_at=ctx.now,
        )
        session.add(row)
    elif row.provider_id is None:
        row.country = country
    elif row.country != country:
        raise CountryFixed(country=row.country)
    session.flush()
    audit.record(session, ctx, "connect_account.ask", subject=("connect_account", row.id))
    return Begun(
        account_id=row.id,
        cooperative_id=cooperative_id,
        country=row.country,
        provider_id=row.provider_id,
    )


def ask(gateway: ConnectGateway, begun: Begun) -> Told:
    """Outside of any transaction. Raises GatewayUnavailable."""
    try:
        if begun.provider_id is None:
            seen = gateway.open_account(
                cooperative_id=begun.cooperative_id, country=begun.country, key=begun.key
            )
            passed(Point.ACCOUNT_OPENED_THERE)
        else:
            seen = gateway.retrieve_account(provider_id=begun.provider_id)
        link = None if seen.is_ready else gateway.link_account(provider_id=seen.provider_id)
    except GatewayRefuses as refusal:
        return Told(refused=refusal.code)
    return Told(seen=seen, link=link)


def take(session: Session, ctx: Context, begun: Begun, told: Told) -> dict[str, object] | OnboardingRefused:
    """Write down how far it is; what the cooperative has to do next."""
    if told.seen is None:
        return OnboardingRefused(reason=told.refused)
    row = session.get_one(ConnectAccount, begun.account_id, with_for_update=True, populate_existing=True)
    if row.provider_id is None:
        row.provider_id, row.country = told.seen.provider_id, begun.country
    if row.provider_id == told.seen.provider_id:
        row.is_ready, row.looked_at = told.seen.is_ready, ctx.now
    session.flush()
    return {
        "cooperative_id": row.cooperative_id,
        "country": row.country,
        "is_ready": row.is_ready,
        "due": list(told.seen.due),
        "url": told.link and told.link.url,
        "expires_at": told.link and told.link.expires_at,
    }
