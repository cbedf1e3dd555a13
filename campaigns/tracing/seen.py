"""What the pages of boxes, lots and other things show, put into words of one language from the facts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from campaigns.tracing import words
from campaigns.tracing.facts import BoxFacts, CertificateFacts, Fruit, Price, ThingFacts
from campaigns.tracing.resolving import box_path
from campaigns.web import formats, items
from campaigns.web.formats import Names
from campaigns.web.items import PartRow
from campaigns.web.reader import Reader
from inventory.labels import serial_rules
from inventory.labels.states import SerialState
from inventory.provenance.story import Origin, Stay
from marketplace.catalogue.models import Cooperative

Row = tuple[str, str]
SQUARE_METRES: Final = 10_000
"""Of a hectare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop on the way: what it is, what it is called, and what is said of it."""

    kind: str
    name: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeen:
    of: str
    parts: tuple[PartRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPage:
    title: Names
    kind: str
    verdict: str
    """`good`, `waiting`, `bad`; nothing for a lot."""
    verdict_says: str
    cooperative: Names
    township: str
    stops: tuple[Stop, ...]
    is_cut: bool
    price: PriceSeen | None
    check: tuple[Row, ...]
    certificate: str
    """Where the page of its certificates is; nothing for a lot."""
    proof: str
    """Where the proof is; nothing for a lot."""
    link: str
    """The Digital Link below this host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingPage:
    title: Names
    kind: str
    rows: tuple[Row, ...]
    boxes: tuple[Row, ...]
    """Each its serial and its page."""


def say(reader: Reader, name: str, /, **values: object) -> str:
    return words.WORDS[name].pick(reader.language).format(**values)


def box(facts: BoxFacts, reader: Reader) -> BoxPage:
    label = facts.label
    verdict, says = words.VERDICTS[SerialState(label.state)]
    check = [
        (say(reader, "area"), reader.names(_names(facts.area), "name").own),
        (say(reader, "season"), str(facts.season)),
        (say(reader, "serial"), serial_rules.grouped(label.serial)),
        (say(reader, "gtin"), label.gtin),
        (say(reader, "net"), reader.weight(label.net_grams)),
    ]
    if facts.fruit is not None:
        check.append((say(reader, "best_before"), day(facts.fruit.best_before_on, reader)))
    check += [(say(reader, "certificate"), each) for each in facts.certificates]
    stops = [] if facts.fruit is None else list(_way(facts.fruit, reader))
    moments = (
        ("packed", label.bound_at),
        ("expired", _expired_at(facts)),
        ("sent", label.shipped_at),
        ("on_the_road", facts.heard.get("on_the_road")),
        ("delivered", facts.delivered_at),
        ("damaged", facts.heard.get("damaged")),
    )
    stops += [
        Stop(kind=name, name=say(reader, name), told=(_day_of(at, reader),))
        for name, at in moments
        if at is not None
    ]
    return BoxPage(
        title=reader.names(_names(facts.pack.product), "name"),
        kind=reader.say("boxes_of", weight=reader.weight(label.net_grams)),
        verdict=verdict,
        verdict_says=reader.pick(says),
        cooperative=reader.names(_names(facts.cooperative), "name"),
        township=_township(facts.cooperative, reader),
        stops=tuple(stops),
        is_cut=facts.fruit is not None and facts.fruit.story.is_cut,
        price=_price(facts.price, reader),
        check=tuple(check),
        certificate=f"{box_path(label.gtin, label.serial)}/certificate",
        proof="" if facts.fruit is None else f"{box_path(label.gtin, label.serial)}/proof",
        link=f"/01/{label.gtin}/21/{label.serial}",
    )


def _expired_at(facts: BoxFacts) -> datetime | None:
    """Only of a box that was still in its store."""
    left_at, expired_at = facts.label.shipped_at, None if facts.fruit is None else facts.fruit.expired_at
    return expired_at if expired_at is None or left_at is None or expired_at < left_at else None


def lot(facts: Fruit, reader: Reader, *, gtin: str, number: str, link: str) -> BoxPage:
    check = (
        (say(reader, "variety"), facts.variety),
        (say(reader, "grade"), facts.grade),
        (say(reader, "best_before"), day(facts.best_before_on, reader)),
        (say(reader, "gtin"), gtin),
    )
    title = say(reader, "lot_number", number=number)
    return BoxPage(
        title=Names(own=f"{facts.variety} {facts.grade} · {title}", other=""),
        kind=reader.pick(words.KINDS["lot"]),
        verdict="",
        verdict_says="",
        cooperative=reader.names(_names(facts.cooperative), "name"),
        township=_township(facts.cooperative, reader),
        stops=(*_way(facts, reader), *_expired(facts, reader)),
        is_cut=facts.story.is_cut,
        price=None,
        check=check,
        certificate="",
        proof="",
        link=link,
    )


def thing(facts: ThingFacts, reader: Reader) -> ThingPage:
    rows: list[Row] = []
    if facts.pack is not None:
        product = facts.pack.product
        rows += [
            (say(reader, "variety"), product.variety),
            (say(reader, "grade"), product.grade),
            (say(reader, "net"), reader.weight(facts.pack.net_grams)),
            (say(reader, "gtin"), facts.pack.gtin or ""),
        ]
    if facts.cooperative is not None:
        if facts.kind != "party":
            rows.append((say(reader, "cooperative"), reader.names(_names(facts.cooperative), "name").own))
        rows += [
            (say(reader, "township"), _township(facts.cooperative, reader)),
            (say(reader, "households"), formats.whole(facts.cooperative.member_households)),
        ]
    if facts.county is not None:
        rows.append((say(reader, "county"), reader.names(_names(facts.county), "name").own))
    if facts.parcel is not None:
        rows += [
            (say(reader, "boxes"), formats.whole(facts.parcel.boxes)),
            (say(reader, "state"), reader.pick(words.PARCELS[facts.parcel.state])),
        ]
    if facts.pallet is not None:
        rows += [
            (say(reader, "parcels"), formats.whole(len(facts.pallet.parcels))),
            (say(reader, "boxes"), formats.whole(facts.pallet.boxes)),
            (say(reader, "state"), reader.pick(words.PALLETS[facts.pallet.pallet.state])),
        ]
    return ThingPage(
        title=reader.names({"name_en": facts.name_en, "name_zh": facts.name_zh}, "name"),
        kind=reader.pick(words.KINDS[facts.kind]),
        rows=tuple(rows),
        boxes=tuple((serial_rules.grouped(serial), box_path(gtin, serial)) for gtin, serial in facts.labels),
    )


def certificate(facts: CertificateFacts, reader: Reader) -> ThingPage:
    """Certificate by certificate, then what they bear together."""
    rows = [
        (say(reader, "cooperative"), reader.names(_names(facts.cooperative), "name").own),
        (say(reader, "township"), _township(facts.cooperative, reader)),
        (say(reader, "season"), str(facts.season)),
    ]
    for each in facts.plots:
        until = say(reader, "valid_until", day=day(each.valid_until, reader))
        told = (
            each.certificate,
            say(reader, "plot", plot=each.code),
            land(each.square_metres, reader),
            until,
        )
        rows.append((say(reader, "certificate"), " · ".join(told)))
    rows += [
        (say(reader, "land"), land(facts.square_metres, reader)),
        (say(reader, "earned"), reader.weight(facts.eligible_grams)),
        (say(reader, "printed"), formats.whole(facts.labels)),
    ]
    return ThingPage(
        title=reader.names(_names(facts.area), "name"),
        kind=reader.pick(words.KINDS["certificate"]),
        rows=tuple(rows),
        boxes=(),
    )


def land(square_metres: int, reader: Reader) -> str:
    """In hectares, exactly."""
    whole, rest = divmod(square_metres, SQUARE_METRES)
    told = f"{formats.whole(whole)}.{rest:04}".rstrip("0") if rest else formats.whole(whole)
    return say(reader, "hectares", hectares=told)


def day(on: date, reader: Reader) -> str:
    if reader.language == "zh":
        return f"{on.year}年{on.month}月{on.day}日"
    return f"{on.day} {on:%B} {on.year}"


def degrees(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    return f"{'−' if tenths < 0 else ''}{whole}.{rest}"


def _way(fruit: Fruit, reader: Reader) -> Sequence[Stop]:
    orchards = [_orchard(each, reader) for each in fruit.story.origins]
    return [*orchards, *(_stay(each, reader) for each in fruit.story.stays)]


def _expired(fruit: Fruit, reader: Reader) -> Sequence[Stop]:
    if fruit.expired_at is None:
        return ()
    told = _day_of(fruit.expired_at, reader)
    return (Stop(kind="expired", name=say(reader, "expired"), told=(told,)),)


def _orchard(origin: Origin, reader: Reader) -> Stop:
    told = [] if origin.plot is None else [say(reader, "plot", plot=origin.plot)]
    told.append(say(reader, "harvested", day=day(origin.harvested_on, reader)))
    told.append(say(reader, "lot_number", number=origin.number))
    name = say(reader, "orchard")
    if origin.cooperative is not None:
        name = f"{name} · {_township(origin.cooperative, reader)}"
    return Stop(kind="orchard", name=name, told=tuple(told))


def _stay(stay: Stay, reader: Reader) -> Stop:
    name = reader.names(_names(stay.store), "name").own
    told = [] if stay.room is None else [say(reader, "room", room=stay.room)]
    if stay.until is None:
        told.append(say(reader, "since", since=_day_of(stay.since, reader)))
    else:
        since, until = _day_of(stay.since, reader), _day_of(stay.until, reader)
        told.append(since if since == until else say(reader, "stayed", since=since, until=until))
    if stay.climate is None:
        told.append(say(reader, "no_climate"))
    else:
        least, greatest = degrees(stay.climate.least_tenths), degrees(stay.climate.greatest_tenths)
        count = formats.whole(stay.climate.reports)
        told.append(say(reader, "climate", least=least, greatest=greatest, count=count))
    return Stop(kind="store", name=f"{say(reader, 'store')} · {name}", told=tuple(told))


def _price(price: Price | None, reader: Reader) -> PriceSeen | None:
    if price is None:
        return None
    told = formats.money(price.step.unit_price_minor, price.currency)
    return PriceSeen(
        of=say(reader, "price_of", price=told), parts=items.part_rows(price.step, reader, price.currency)
    )


def _day_of(at: datetime, reader: Reader) -> str:
    return day(at.astimezone(reader.zone).date(), reader)


def _township(cooperative: Cooperative, reader: Reader) -> str:
    return cooperative.township_zh if reader.language == "zh" else cooperative.township_en


def _names(row: object) -> dict[str, str]:
    return {name: getattr(row, name) for name in ("name_en", "name_zh")}
