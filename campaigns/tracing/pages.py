"""Doors of the resolver and of the pages that it leads to: open to anybody, and nothing of a buyer behind them."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, redirect, request

from campaigns.tracing import links, reading, resolving
from campaigns.tracing.links import Entry, WholeSet
from campaigns.tracing.resolving import UNKNOWN, LinkTypeUnknown, Walked
from campaigns.web.pages import reader_of_request
from campaigns.web.reading import reader_of
from marketplace import pages, versions
from marketplace.context import Context
from marketplace.database import reading as reading_rows
from marketplace.fast_path import FastDoor, Plain, Serve
from marketplace.idempotency import Answer
from marketplace.settings import Settings
from marketplace.steps import Steps, walk

blueprint = Blueprint("trace_pages", __name__, template_folder="templates")

_CARRIED: Final = ("lang", UNKNOWN)
"""What of a link's query goes along to the page."""
_POLICY: Final = {"Content-Security-Policy": pages.STRICT_POLICY}


@blueprint.get("/01/<gtin>")
def resolve_product(gtin: str) -> Response:
    """A product."""
    return _resolved(("01", gtin))


@blueprint.get("/01/<gtin>/10/<lot>")
def resolve_lot(gtin: str, lot: str) -> Response:
    """A lot."""
    return _resolved(("01", gtin), ("10", lot))


@blueprint.get("/01/<gtin>/21/<serial>")
def resolve_box(gtin: str, serial: str) -> Response:
    """A box, by the serial of its label."""
    return _resolved(("01", gtin), ("21", serial))


@blueprint.get("/01/<gtin>/10/<lot>/21/<serial>")
def resolve_box_of_lot(gtin: str, lot: str, serial: str) -> Response:
    """A box, and the lot that its fruit is of."""
    return _resolved(("01", gtin), ("10", lot), ("21", serial))


@blueprint.get("/00/<sscc>")
def resolve_parcel(sscc: str) -> Response:
    """A parcel or pallet."""
    return _resolved(("00", sscc))


@blueprint.get("/414/<gln>")
def resolve_place(gln: str) -> Response:
    """A cold store."""
    return _resolved(("414", gln))


@blueprint.get("/414/<gln>/254/<extension>")
def resolve_room(gln: str, extension: str) -> Response:
    """A room of a cold store."""
    return _resolved(("414", gln), ("254", extension))


@blueprint.get("/417/<gln>")
def resolve_party(gln: str) -> Response:
    """A cooperative."""
    return _resolved(("417", gln))


@blueprint.get("/boxes/<gtin>/<serial>")
def show_box(gtin: str, serial: str) -> Response:
    """Where a box comes from, and whether its label is genuine."""
    key = resolving.key_of(("01", gtin), ("21", serial))
    return _page(walk(reading.box(reader_of_request(), gtin=key["01"], serial=serial)))


@blueprint.get("/boxes/<gtin>/<serial>/proof")
def show_proof(gtin: str, serial: str) -> Response:
    """That the box is in the county's chain, to be checked by anybody."""
    key = resolving.key_of(("01", gtin), ("21", serial))
    told = reading.proof(gtin=key["01"], serial=serial)
    return versions.fresh(told.text, etag=told.etag)


@blueprint.get("/boxes/<gtin>/<serial>/certificate")
def show_certificate(gtin: str, serial: str) -> Response:
    """Whose certified land stands behind the label, and how much it has borne."""
    key = resolving.key_of(("01", gtin), ("21", serial))
    return _page(reading.certificate(reader_of_request(), gtin=key["01"], serial=serial))


@blueprint.get("/lots/<gtin>/<lot>")
def show_lot(gtin: str, lot: str) -> Response:
    """Where a lot comes from."""
    key = resolving.key_of(("01", gtin), ("10", lot))
    return _page(reading.lot(reader_of_request(), key))


@blueprint.get("/products/<gtin>")
def show_product(gtin: str) -> Response:
    """What a product is."""
    return _thing("product", "01", gtin)


@blueprint.get("/places/<gln>")
def show_place(gln: str) -> Response:
    """What a cold store is."""
    return _thing("place", "414", gln)


@blueprint.get("/cooperatives/<gln>")
def show_party(gln: str) -> Response:
    """Who a cooperative is."""
    return _thing("party", "417", gln)


@blueprint.get("/parcels/<sscc>")
def show_parcel(sscc: str) -> Response:
    """What is in a parcel."""
    return _thing("parcel", "00", sscc)


@blueprint.get("/pallets/<sscc>")
def show_pallet(sscc: str) -> Response:
    """What lies on a pallet."""
    return _thing("pallet", "00", sscc)


def _resolved(*parts: tuple[str, str]) -> Response:
    """307 to the link that was asked for, 303 to what stands above what is not known, or all links as a document."""
    key = resolving.key_of(*parts)
    try:
        wanted = links.asked_type(request.args.get("linkType"))
    except ValueError:
        raise LinkTypeUnknown(link_types=[str(each) for each in links.LinkType]) from None
    with reading_rows() as session:
        found = resolving.resolve(session, key)
    if isinstance(found, Walked):
        return _led(found.path, HTTPStatus.SEE_OTHER)
    if isinstance(wanted, WholeSet) or request.accept_mimetypes.best == links.LINKSET:
        return _set(found)
    link = found.of_type(wanted)
    if link is None:
        raise LinkTypeUnknown(link_types=[str(each.type) for each in found.links])
    response = _led(link.path, HTTPStatus.TEMPORARY_REDIRECT)
    response.headers["Link"] = (
        f'<{_base()}{found.path}?linkType=linkset>; rel="linkset"; type="{links.LINKSET}"'
    )
    return response


def _led(path: str, status: HTTPStatus) -> Response:
    """Addresses below this host alone; what the link's query says to pages goes along."""
    carried = {name: request.args[name] for name in _CARRIED if name in request.args}
    query = urlencode(carried)
    mark = "&" if "?" in path else "?"
    response = redirect(f"{path}{mark}{query}" if query else path, status)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept"
    assert isinstance(response, Response)
    return response


def _set(found: Entry) -> Response:
    return current_app.response_class(
        current_app.json.dumps(links.linkset(found, base=_base())),
        mimetype=links.LINKSET,
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", "Vary": "Accept"},
    )


def _base() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.public_url.rstrip("/")


def _thing(kind: str, identifier: str, value: str) -> Response:
    key = resolving.key_of((identifier, value))
    unknown = request.args.get(UNKNOWN)
    return _page(reading.thing(reader_of_request(), kind, key[identifier], unknown=unknown))


def _page(told: reading.Told) -> Response:
    return versions.fresh(told.text, etag=told.etag, headers=_POLICY, mimetype="text/html")


def _show_box_fast(plain: Plain) -> Serve | None:
    """The page in the browser's language, as most ask for it who have just scanned a box."""
    gtin, serial = plain.texts
    if plain.query:
        return None

    def serve(ctx: Context) -> Steps[Answer]:
        key = resolving.key_of(("01", gtin), ("21", serial))
        reader = reader_of(ctx.language, is_chosen=False)
        told = yield from reading.box(reader, gtin=key["01"], serial=serial)
        seen = plain.header("HTTP_IF_NONE_MATCH")
        answer = versions.answer(ctx, told.text, etag=told.etag, seen=seen, headers=_POLICY)
        if answer.status == HTTPStatus.OK:
            answer.headers["Content-Type"] = "text/html; charset=utf-8"
        return answer

    return serve


FAST_DOORS: Final = (
    FastDoor(method="GET", path="/boxes/{text}/{text}", endpoint="trace_pages.show_box", read=_show_box_fast),
)
