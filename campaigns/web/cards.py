"""What the list of campaigns shows, section by section, from the stored rows. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from campaigns.goal_rules import Sold
from campaigns.states import ENDED, CampaignState, state_at
from campaigns.web import formats, pictures, words
from campaigns.web.formats import Names
from campaigns.web.pictures import Bar
from campaigns.web.reader import Measure, Moment, Reader, measures
from campaigns.web.statements import COMING, PAST, PAST_MAX, SELLING, SHOWN_MAX, WITHDRAWN
from marketplace.values import instant_text

S = CampaignState

SECTIONS: Final = ("selling", "coming", "running", "past")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    name: Names
    pack: str
    price: str
    lowest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    id: str
    code: str
    title: Names
    county: Names
    is_demo: bool
    state: CampaignState
    state_name: str
    when_says: str
    when: Moment | None
    """None: its sale was ended before its time."""
    order: str
    counts_down: bool
    offers: tuple[Offer, ...]
    more_offers: int
    measures: tuple[Measure, ...]
    """Empty for what has not begun, or did not take place."""
    bar: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    name: str
    cards: tuple[Card, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    sections: tuple[Section, ...]
    """Only those that have something to show."""
    older: str | None
    """Before which campaign the next page of the past ones begins."""


def listed(row: Mapping[str, Any], reader: Reader, *, now: datetime) -> Listed:
    """What the clock has moved stands in the section where it will be written down."""
    past = row["past"][:PAST_MAX]
    rows = [*(each for name in ("selling", "coming", "running") for each in row[name][:SHOWN_MAX]), *past]
    cards = [_card(each, reader, now=now) for each in rows]
    cut = {name for name in ("selling", "coming", "running") if len(row[name]) > SHOWN_MAX}
    found = {name: [card for card in cards if _section(card.state) == name] for name in SECTIONS}
    return Listed(
        sections=tuple(
            Section(name=name, cards=tuple(_in_order(name, found[name])), is_cut=name in cut)
            for name in SECTIONS
            if found[name]
        ),
        older=past[-1]["id"] if len(row["past"]) > PAST_MAX else None,
    )


def _section(state: CampaignState) -> str:
    if state in SELLING:
        return "selling"
    if state in COMING:
        return "coming"
    return "past" if state in (*PAST, *WITHDRAWN) else "running"


def _in_order(name: str, cards: Iterable[Card]) -> Iterable[Card]:
    """What ends or opens first comes first; of what is sold the newest."""
    if name in ("selling", "coming"):
        return sorted(cards, key=lambda card: (card.order, card.id))
    return sorted(cards, key=lambda card: card.id, reverse=True) if name == "past" else cards


def _card(row: Mapping[str, Any], reader: Reader, *, now: datetime) -> Card:
    opens_at, closes_at = (datetime.fromisoformat(row[name]) for name in ("opens_at", "closes_at"))
    state = state_at(row["state"], opens_at=opens_at, closes_at=closes_at, now=now)
    sums = row["sums"]
    shows_sold = state not in ENDED and state != S.SCHEDULED
    is_open = state in SELLING
    goal, done = row["goal_boxes"], sums["boxes_sold"]
    at = opens_at if state == S.SCHEDULED else closes_at
    return Card(
        id=row["id"],
        code=row["code"],
        title=reader.names(row, "title"),
        county=reader.names(row, "county"),
        is_demo=row["is_demo"],
        state=state,
        state_name=reader.pick(words.STATES[state]),
        when_says=reader.say("opens" if state == S.SCHEDULED else "closes" if is_open else "closed_at"),
        when=reader.instant(at) if is_open or state == S.SCHEDULED or closes_at <= now else None,
        order=instant_text(at),
        counts_down=state in {S.SCHEDULED, S.DEPOSIT_OPEN},
        offers=tuple(_offer(each, reader, may_fall=state in {*COMING, *SELLING}) for each in row["offers"]),
        more_offers=sums["items"] - len(row["offers"]),
        measures=measures(row, Sold(boxes=done, grams=sums["grams_sold"]), reader) if shows_sold else (),
        bar=pictures.filled(done, goal) if shows_sold and goal is not None else None,
    )


def _offer(row: Mapping[str, Any], reader: Reader, *, may_fall: bool) -> Offer:
    final, shown, lowest = row["final_unit_price_minor"], row["unit_price_minor"], row["lowest_minor"]
    is_open = may_fall and final is None and lowest is not None and lowest < shown
    return Offer(
        name=reader.names(row, "name"),
        pack=reader.say("boxes_of", weight=reader.weight(row["pack_grams"])),
        price=formats.money(shown if final is None else final, row["currency"]),
        lowest=reader.say("down_to", price=formats.money(lowest, row["currency"])) if is_open else "",
    )
