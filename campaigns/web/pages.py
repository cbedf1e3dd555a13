"""Doors of the public pages: the list, a campaign, and the files that they are drawn with."""

import uuid
from dataclasses import replace
from importlib.resources import files
from typing import Final, cast

from flask import Blueprint, Response, g, request

from campaigns.planning import CampaignNotFound
from campaigns.web import reading
from campaigns.web.reader import Reader
from marketplace import context, errors, pages, versions
from marketplace.language import LANGUAGES, Language

blueprint = Blueprint("campaign_pages", __name__, template_folder="templates")

_ASSETS: Final = files("campaigns.web") / "assets"
ASSETS: Final = {
    name: ((_ASSETS / name).read_text(encoding="utf-8"), mimetype)
    for name, mimetype in {
        "campaigns.css": "text/css",
        "campaigns.js": "text/javascript",
        "apple.svg": "image/svg+xml",
    }.items()
}
_DIGESTS: Final = {name: versions.digest(text) for name, (text, _) in ASSETS.items()}
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""What is asked for by its digest never changes."""


@blueprint.get("/campaigns")
def show_all() -> Response:
    """What is on sale, comes and runs; `?before=` an id: what was over before."""
    reader = reader_of_request()
    before = request.args.get("before")
    try:
        cursor = None if before is None else uuid.UUID(before)
    except ValueError:
        raise CampaignNotFound from None
    return _page(reading.listing(reader, now=context.current().now, before=cursor))


@blueprint.get("/campaigns/<string:named>")
def show_one(named: str) -> Response:
    """A campaign by its id or its code."""
    reader = reader_of_request()
    return _page(reading.one(reader, now=context.current().now, named=named))


@blueprint.get("/assets/<string:name>")
def asset(name: str) -> Response:
    """What the pages are drawn with; asked for by its digest (`?v=`) it may be kept for ever."""
    if name not in ASSETS:
        raise errors.NotFound
    text, mimetype = ASSETS[name]
    is_this = request.args.get("v") == _DIGESTS[name]
    headers = {"Cache-Control": FOR_EVER} if is_this else {}
    return versions.fresh(text, etag=_DIGESTS[name], headers=headers, mimetype=mimetype)


@blueprint.app_template_global()
def asset_address(name: str) -> str:
    """Where a page finds a file: another address for every other text."""
    return f"/assets/{name}?v={_DIGESTS[name]}"


def reader_of_request() -> Reader:
    """Who reads: in the language chosen on the page, else in the browser's."""
    ctx = context.current()
    chosen = request.args.get("lang")
    is_chosen = chosen in LANGUAGES
    if is_chosen:
        ctx = g.context = replace(ctx, language=cast(Language, chosen))
    return reading.reader_of(ctx.language, is_chosen=is_chosen)


def _page(told: reading.Told) -> Response:
    """The policy is sent with a 304 as well: who has the page already takes the header fields of that answer."""
    headers = {"Content-Security-Policy": pages.STRICT_POLICY}
    return versions.fresh(told.text, etag=told.etag, headers=headers, mimetype="text/html")
