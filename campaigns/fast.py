"""Doors of campaigns that a rush goes through, on the fast path: only what is plain is read here.

What the schemas accept in other words, and all that they refuse, is left to the views in `api`.
"""

import re
import uuid
from typing import Final

from campaigns import selling, shapes, showing
from campaigns.schemas import BOXES_PER_BUYER_MAX
from marketplace import paging, versions
from marketplace.context import Context
from marketplace.fast_path import ID_FORM, FastDoor, Plain, Serve
from marketplace.idempotency import Answer
from marketplace.steps import Steps

_ITEM: Final = f'"item_id": ?"{ID_FORM}"'
_BOXES: Final = '"boxes": ?([1-9][0-9]{0,3})'
_HOLD: Final = re.compile(rf"\{{ ?{_ITEM}, ?{_BOXES} ?\}}".encode())
_HOLD_TURNED: Final = re.compile(rf"\{{ ?{_BOXES}, ?{_ITEM} ?\}}".encode())
_LIMIT: Final = re.compile(r"limit=([1-9][0-9]|[1-9]|100)")
_USUAL_LIMIT: Final[int] = paging.Query().load({})["limit"]


def list_campaigns(plain: Plain) -> Serve | None:
    limited = _LIMIT.fullmatch(plain.query)
    if plain.query and limited is None:
        return None
    limit = int(limited[1]) if limited else _USUAL_LIMIT
    query = {"limit": limited[1]} if limited else {}

    def serve(ctx: Context) -> Steps[Answer]:
        told = yield from showing.page(ctx, limit=limit, cursor=None)
        following = told.next_cursor
        links = {"Link": paging.link_of(plain.path, query, following)} if following else {}
        return versions.answer(
            ctx, told.body, etag=told.etag, seen=plain.header("HTTP_IF_NONE_MATCH"), headers=links
        )

    return serve


def get_campaign(plain: Plain) -> Serve | None:
    [campaign_id] = plain.ids
    if plain.query:
        return None

    def serve(ctx: Context) -> Steps[Answer]:
        told = yield from showing.one(ctx, campaign_id=campaign_id)
        return versions.answer(ctx, told.body, etag=told.etag, seen=plain.header("HTTP_IF_NONE_MATCH"))

    return serve


def hold(plain: Plain) -> Serve | None:
    [campaign_id] = plain.ids
    wanted, key, token = _wanted(plain.body), plain.key, plain.token
    if wanted is None or plain.query or token is None or key is None:
        return None

    def serve(ctx: Context) -> Steps[Answer]:
        return selling.hold_on_arrival(
            ctx,
            token,
            key,
            lambda known: plain.claim_of(known, key),
            campaign_id=campaign_id,
            lines=[wanted],
            shape=shapes.one,
        )

    return serve


def _wanted(body: bytes) -> selling.Wanted | None:
    """What `schemas.HoldBoxes` reads in the body, if that is as short as it can be."""
    if found := _HOLD.fullmatch(body):
        item_id, boxes = found.groups()
    elif found := _HOLD_TURNED.fullmatch(body):
        boxes, item_id = found.groups()
    else:
        return None
    if int(boxes) > BOXES_PER_BUYER_MAX:
        return None
    return selling.Wanted(item_id=uuid.UUID(item_id.decode()), boxes=int(boxes))


FAST_DOORS: Final = (
    FastDoor(method="GET", path="/v1/campaigns", endpoint="campaigns.list_campaigns", read=list_campaigns),
    FastDoor(method="GET", path="/v1/campaigns/{id}", endpoint="campaigns.get_campaign", read=get_campaign),
    FastDoor(
        method="POST",
        path="/v1/campaigns/{id}/holds",
        endpoint=selling.ENDPOINT,
        read=hold,
        lets_in_itself=True,
    ),
)
