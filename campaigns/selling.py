"""Selling: a shopper holds boxes of what is on sale for some minutes, at the price shown."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Item
from campaigns.states import CampaignState
from inventory import coming, counter, holds, waitlist
from inventory.grant_rules import Ask, Line
from inventory.granting import Placed
from inventory.models import WaitlistEntry
from inventory.networks import network_of
from marketplace import database, door, errors, idempotency, stations
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim
from marketplace.language import Text
from marketplace.settings import Settings
from marketplace.steps import Alone, Steps, walk

ITEMS_REMEMBERED_MAX: Final = 10_000

ENDPOINT: Final = "campaigns.hold"
"""Whose entry in the access table counts for who holds boxes."""

Shape = Callable[[Sequence[Placed]], Answer]
"""How a door answers what was held."""


class NotOnSale(errors.Conflict):
    """The campaign is not open right now; `opens_at` and `closes_at` say when it is."""

    title = Text(en="The campaign is not on sale right now.", zh="该活动当前不在售。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """So many boxes of an item."""

    item_id: uuid.UUID
    boxes: int


def hold(
    ctx: Context, claim: Claim, *, campaign_id: uuid.UUID, lines: Sequence[Wanted], shape: Shape
) -> Answer:
    """Hold boxes for the shopper, all of them or none; the price shown now is the price of the order that follows.

    A shopper who holds boxes of an item already has that many of it afterwards. Is a unit of work of its own: the
    counter serves all who ask at once. Refused: CampaignNotFound, ItemNotFound, NotOnSale, SoldOut, HoldLimit,
    HouseholdLimit, NetworkLimit.
    """
    return walk(
        hold_on_arrival(
            ctx, None, claim.key, lambda _: claim, campaign_id=campaign_id, lines=lines, shape=shape
        )
    )


def hold_on_arrival(
    ctx: Context,
    token: str | None,
    key: str,
    claim_of: Callable[[Context], Claim],
    *,
    campaign_id: uuid.UUID,
    lines: Sequence[Wanted],
    shape: Shape,
) -> Steps[Answer]:
    """The same in steps, for somebody of whom only a token is known yet. Also raises Unauthenticated, Forbidden."""
    item_ids = [line.item_id for line in lines]
    pool_ids = _remembered_pools(campaign_id, item_ids)
    if pool_ids is None:
        pool_ids = yield Alone(lambda: _pools_of(campaign_id, item_ids))
    if pool_ids is None:
        ctx = yield Alone(lambda: stations.let_in(ctx, token, endpoint=ENDPOINT))
    else:
        asked = tuple(Line(pool_id=pool_ids[line.item_id], boxes=line.boxes) for line in lines)

        network = _network(ctx)

        def request_of(ctx: Context) -> counter.Request:
            ask = _ask(ctx, campaign_id, asked, network)
            return counter.Request(ctx=ctx, ask=ask, claim=claim_of(ctx), answered=shape)

        ctx, reply = yield from coming.come(
            counter.Caller(
                ctx=ctx,
                token=token,
                endpoint=ENDPOINT,
                lines=asked,
                network=network,
                key=key,
                request_of=request_of,
            )
        )
        if isinstance(reply, Answer):
            return reply
    answer: Answer = yield Alone(
        lambda: idempotency.run(
            ctx,
            claim_of(ctx),
            lambda session: shape(hold_now(session, ctx, campaign_id, lines)),
            lambda refusal: door.refused(refusal, ctx),
        )
    )
    return answer


def hold_now(session: Session, ctx: Context, campaign_id: uuid.UUID, lines: Sequence[Wanted]) -> list[Placed]:
    """The same in the caller's transaction, and with the campaign's own word when it does not sell."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    pool_ids = [planning.item_of(campaign, line.item_id).pool_id for line in lines]
    planning.follow_clock(session, ctx, campaign)
    if campaign.state != CampaignState.DEPOSIT_OPEN:
        raise NotOnSale(state=campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at)
    asked = tuple(
        Line(pool_id=pool_id, boxes=line.boxes) for pool_id, line in zip(pool_ids, lines, strict=True)
    )
    return holds.place_on_pools(session, ctx, _ask(ctx, campaign_id, asked, _network(ctx)))


def wait(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, item_id: uuid.UUID, boxes: int
) -> WaitlistEntry:
    """Join the line for boxes of an item that is sold out.

    Raises CampaignNotFound, ItemNotFound, NotOnSale, BoxesThere, HoldLimit, AlreadyWaiting.
    """
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    pool_id = planning.item_of(campaign, item_id).pool_id
    planning.follow_clock(session, ctx, campaign)
    if campaign.state != CampaignState.DEPOSIT_OPEN:
        raise NotOnSale(state=campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at)
    return waitlist.join(session, ctx, pool_id=pool_id, boxes=boxes)


def _network(ctx: Context) -> str | None:
    """Where the request comes from, if boxes are counted by it."""
    settings: Settings = current_app.config["SETTINGS"]
    return network_of(ctx.address, secret=settings.secret_key) if settings.hold_network_permille else None


def _ask(ctx: Context, campaign_id: uuid.UUID, lines: tuple[Line, ...], network: str | None) -> Ask:
    if ctx.actor.id is None:
        raise errors.Forbidden
    settings: Settings = current_app.config["SETTINGS"]
    return Ask(
        buyer_id=ctx.actor.id,
        lines=lines,
        minutes=settings.hold_minutes,
        minutes_guest=settings.hold_minutes_guest,
        network=network,
        network_permille=settings.hold_network_permille,
        waitlist=f"/v1/campaigns/{campaign_id}/waitlist",
    )


def _remembered_pools(
    campaign_id: uuid.UUID, item_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID] | None:
    """The items' pools, if this process was told of them before: an item never changes its pool."""
    known = _item_pools()
    found = {item_id: known.get((campaign_id, item_id)) for item_id in item_ids}
    return {item_id: pool for item_id, pool in found.items() if pool} if all(found.values()) else None


def _pools_of(campaign_id: uuid.UUID, item_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID] | None:
    """The items' pools, asked of the database; None if one is not the campaign's."""
    known = _item_pools()
    with database.reading() as session:
        rows = session.execute(select(Item.id, Item.pool_id).where(Item.campaign_id == campaign_id)).all()
    if len(known) + len(rows) > ITEMS_REMEMBERED_MAX:
        known.clear()
    known.update({(campaign_id, row.id): row.pool_id for row in rows})
    return _remembered_pools(campaign_id, item_ids)


def _item_pools() -> dict[tuple[uuid.UUID, uuid.UUID], uuid.UUID]:
    found: dict[tuple[uuid.UUID, uuid.UUID], uuid.UUID] = current_app.extensions.setdefault("item_pools", {})
    return found
