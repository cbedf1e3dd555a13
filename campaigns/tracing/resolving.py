"""What is known of the thing that a Digital Link names, and where else to look when it is not known.

From a serial that nobody printed the way leads up to its lot, and on to its product; a label that is void is gone.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.tracing.links import Entry, Link, LinkType
from inventory.epcis import identifiers
from inventory.epcis.identifiers import Key
from inventory.labels import serial_rules
from inventory.labels.models import LabelBatch, LabelSerial
from inventory.labels.states import SerialState
from inventory.provenance import things
from marketplace import errors
from marketplace.catalogue.models import Cooperative, Pack
from marketplace.language import Text

UNKNOWN: Final = "unknown"
"""Of a page's query: the identifier of what was asked for and is not known."""


class LinkUnreadable(errors.Malformed):
    """Not a GS1 key: digits are missing, or the check digit is another."""

    title = Text(en="That is not a GS1 key.", zh="这不是有效的 GS1 编码。")


class LinkUnknown(errors.NotFound):
    title = Text(en="Nothing is known under this link.", zh="没有与此链接对应的信息。")


class LinkTypeUnknown(errors.NotFound):
    """There is no link of the kind that was asked for; `link_types` names those that there are."""

    title = Text(en="There is no link of this kind.", zh="没有此类型的链接。")


class LabelRevoked(errors.Gone):
    """The label is void: it stands for no box any more."""

    title = Text(
        en="This label is void. It stands for no box any more.", zh="此标签已作废，不再对应任何果箱。"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The thing itself is not known, but what stands above it is."""

    path: str


PIP: Final = Text(en="What it is", zh="产品信息")
STORY: Final = Text(en="Where it comes from", zh="溯源信息")
EVENTS: Final = Text(en="Its events (EPCIS 2.0)", zh="溯源事件（EPCIS 2.0）")
CERTIFICATE: Final = Text(en="Whose land is certified, and how many labels it bears", zh="地块认证与标签额度")
PROOF: Final = Text(en="The proof in the county's chain", zh="县级追溯链证明")


def key_of(*parts: tuple[str, str]) -> Key:
    """The key of a link's path; a GTIN of 8, 12 or 13 digits is the one of 14. Raises LinkUnreadable."""
    first, value = parts[0]
    if first == "01" and value.isascii() and value.isdecimal() and len(value) in (8, 12, 13):
        parts = ((first, value.zfill(14)), *parts[1:])
    try:
        return identifiers.of_parts(*parts)
    except errors.Invalid as problem:
        raise LinkUnreadable(detail=problem.title) from None


def resolve(session: Session, key: Key) -> Entry | Walked:
    """Raises LinkUnknown, LabelRevoked."""
    if "01" in key:
        return _trade_item(session, key)
    if "00" in key:
        return _parcel(session, key)
    return _place(session, key) if "414" in key else _party(session, key)


def box_path(gtin: str, serial: str) -> str:
    return f"/boxes/{gtin}/{serial}"


def _trade_item(session: Session, key: Key) -> Entry | Walked:
    gtin = key["01"]
    if "21" in key:
        label = find_label(session, gtin=gtin, serial=key["21"])
        if label is not None:
            return _box(session, key, label)
        return _walked_up(session, key)
    if "10" in key:
        lot = things.lot(session, gtin, key["10"])
        if lot is None:
            return _walked_up(session, key)
        cooperative = session.get_one(Cooperative, lot.cooperative_id)
        page = f"/lots/{gtin}/{quote(key['10'], safe='')}"
        return _entry(key, Link(type=LinkType.TRACEABILITY, path=page, title=STORY), cooperative)
    if product(session, gtin) is None:
        raise LinkUnknown
    page = f"/products/{gtin}"
    return Entry(path=key.link(""), links=[Link(type=LinkType.PRODUCT, path=page, title=PIP)])


def _box(session: Session, key: Key, label: LabelSerial) -> Entry:
    if label.state == SerialState.VOID:
        raise LabelRevoked
    batch = session.get_one(LabelBatch, label.batch_id)
    cooperative = session.get_one(Cooperative, batch.cooperative_id)
    page = box_path(label.gtin, label.serial)
    story = Link(type=LinkType.TRACEABILITY, path=page, title=STORY)
    return _entry(key, story, cooperative, of=Key((("01", label.gtin), ("21", label.serial))))


def _walked_up(session: Session, key: Key) -> Walked:
    """One level up that is known: of a serial its lot, if the link names one, else its product."""
    missing = key.parts[-1][0]
    above = Key(key.parts[:-1])
    while len(above.parts) > 1:
        if things.lot(session, above["01"], above["10"]) is not None:
            return Walked(path=f"{above.link('')}?{UNKNOWN}={missing}")
        above = Key(above.parts[:-1])
    if product(session, above["01"]) is None:
        raise LinkUnknown
    return Walked(path=f"{above.link('')}?{UNKNOWN}={missing}")


def product(session: Session, gtin: str) -> Pack | Cooperative | None:
    """The pack with this GTIN; for a GTIN of fruit that is weighed, whose it is."""
    pack = session.scalar(select(Pack).where(Pack.gtin == gtin))
    if pack is not None:
        return pack
    fruit = things.fruit_of(session, gtin)
    return None if fruit is None else session.get(Cooperative, fruit[0])


def find_label(session: Session, *, gtin: str, serial: str) -> LabelSerial | None:
    """None for what can be no serial as well."""
    if not serial_rules.is_of_gs1(serial):
        return None
    return session.scalar(select(LabelSerial).where(LabelSerial.serial == serial, LabelSerial.gtin == gtin))


def _parcel(session: Session, key: Key) -> Entry:
    if things.parcel_id(session, key["00"]) is not None:
        page = f"/parcels/{key['00']}"
    elif things.pallet_id(session, key["00"]) is not None:
        page = f"/pallets/{key['00']}"
    else:
        raise LinkUnknown
    return Entry(path=key.link(""), links=[Link(type=LinkType.PRODUCT, path=page, title=PIP)])


def _place(session: Session, key: Key) -> Entry | Walked:
    found = things.place_named(session, key)
    if found is None:
        raise LinkUnknown
    _, room = found
    if "254" in key and room is None:
        above = Key(key.parts[:1])
        return Walked(path=f"{above.link('')}?{UNKNOWN}=254")
    page = f"/places/{key['414']}"
    return Entry(path=key.link(""), links=[Link(type=LinkType.PRODUCT, path=page, title=PIP)])


def _party(session: Session, key: Key) -> Entry:
    if things.cooperative(session, key["417"]) is None:
        raise LinkUnknown
    page = f"/cooperatives/{key['417']}"
    return Entry(path=key.link(""), links=[Link(type=LinkType.PRODUCT, path=page, title=PIP)])


def _entry(key: Key, story: Link, cooperative: Cooperative, *, of: Key | None = None) -> Entry:
    about = (of or key).link()
    events = f"/v1/counties/{cooperative.county_id}/epcis/epcs/{quote(about, safe='')}/events"
    links = [
        story,
        Link(type=LinkType.PRODUCT, path=f"/products/{key['01']}", title=PIP),
        Link(type=LinkType.EPCIS, path=events, title=EVENTS, media_type="application/ld+json"),
    ]
    if of is not None:
        links.append(Link(type=LinkType.CERTIFICATION, path=f"{story.path}/certificate", title=CERTIFICATE))
        proof = Link(
            type=LinkType.CERTIFICATION,
            path=f"{story.path}/proof",
            title=PROOF,
            media_type="application/json",
        )
        links.append(proof)
    return Entry(path=key.link(""), links=links)
