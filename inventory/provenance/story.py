"""What may be told to anybody of a box or a lot: where it grew, whose it is, where it lay, and how warm it was there.

It is read from the events that led to it (traces/walking.py), so the page says what the chain says; only the names of
cooperatives and cold stores come from their own rows. Nothing of a buyer is in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from inventory.epcis.identifiers import Key, key_in
from inventory.labels.land_models import LabelPlot
from inventory.models import ColdStore
from inventory.provenance import climate, things
from inventory.provenance.climate import Climate
from inventory.traces import walking
from inventory.traces.mentions import Role
from inventory.traces.models import TraceEvent, TraceMention
from inventory.traces.walk_rules import Direction, is_birth
from inventory.traces.walking import Told
from marketplace.catalogue.models import Cooperative

_NAMES: Final = {"in_transit": "on_the_road", "damaged": "damaged"}
_HEARD: Final = (("transporting", "in_transit"), ("inspecting", "damaged"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A lot as it came from an orchard."""

    number: str
    plot: str | None
    harvested_on: date
    cooperative: Cooperative | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """In a cold store, or a room of it, from one moment to another; None: until now, or until it was sent."""

    store: ColdStore
    room: str | None
    since: datetime
    until: datetime | None
    climate: Climate | None
    """What was measured there meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Where a thing comes from."""

    origins: Sequence[Origin]
    stays: Sequence[Stay]
    is_cut: bool


def of(session: Session, key: Key, *, until: datetime | None) -> Story:
    """The way back from a box or a lot; `until`: when it left."""
    found = walking.walk(session, [key.link()], Direction.BACK)
    births = [each for each in found.events if is_birth(each.body)]
    return Story(
        origins=_origins(session, births),
        stays=_stays(session, found.events, until),
        is_cut=found.is_cut,
    )


def heard(session: Session, links: Sequence[str]) -> dict[str, datetime]:
    """What was told last of these things beside their way: `on_the_road`, `damaged`, and when."""
    declared = aliased(TraceEvent)
    is_wrong = exists().where(
        declared.county_id == TraceEvent.county_id,
        declared.event_hash == TraceEvent.event_hash,
        declared.is_declaration,
    )
    rows = session.execute(
        select(TraceEvent.disposition, func.max(TraceEvent.event_time))
        .join(
            TraceMention,
            (TraceMention.county_id == TraceEvent.county_id) & (TraceMention.number == TraceEvent.number),
        )
        .where(
            TraceMention.key.in_(links),
            TraceMention.role == Role.OBJECT,
            tuple_(TraceEvent.biz_step, TraceEvent.disposition).in_(_HEARD),
            ~is_wrong,
        )
        .group_by(TraceEvent.disposition)
    )
    return {_NAMES[str(disposition)]: at for disposition, at in rows}


def _origins(session: Session, births: Iterable[Told]) -> list[Origin]:
    found = []
    for each in births:
        told: Mapping[str, Any] = each.body.get("ilmd") or {}
        number, plot = _line(told.get("cbvmda:lotNumber")), _line(told.get("vo:plot"))
        harvested_on = _day(told.get("cbvmda:harvestStartDate"))
        if number is None or harvested_on is None:
            continue  # a partner's event, which says less than ours or says it otherwise
        cooperative = _cooperative(session, told.get("vo:cooperative"))
        found.append(Origin(number=number, plot=plot, harvested_on=harvested_on, cooperative=cooperative))
    return sorted(found, key=lambda each: (each.harvested_on, each.number))


def _line(told: object) -> str | None:
    """Text that can be shown and looked for; partners may write anything."""
    return told if isinstance(told, str) and told.isprintable() else None


def _day(told: object) -> date | None:
    try:
        return date.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None


def _cooperative(session: Session, link: object) -> Cooperative | None:
    key = key_in(link) if isinstance(link, str) else None
    if key is not None and "417" in key:
        return things.cooperative(session, key["417"])
    return None


def _stays(session: Session, events: Sequence[Told], until: datetime | None) -> list[Stay]:
    """One after the other: in each place until the next event that says where it is."""
    moments: list[tuple[datetime, str]] = []
    for each in sorted(events, key=lambda told: (told.at, told.recorded_at, told.number)):
        place = (each.body.get("bizLocation") or {}).get("id")
        if isinstance(place, str) and (not moments or moments[-1][1] != place):
            moments.append((each.at, place))
    ends = [at for at, _ in moments[1:]] + [until]
    stays = []
    for (since, link), end in zip(moments, ends, strict=True):
        key = key_in(link)
        found = None if key is None else things.place_named(session, key)
        if found is not None:
            store, room = found
            measured = climate.between(session, link, since, end)
            code = None if room is None else room.code
            stays.append(Stay(store=store, room=code, since=since, until=end, climate=measured))
    return stays


def certificates(session: Session, origins: Sequence[Origin]) -> Sequence[str]:
    """The certificates of the plots that the fruit grew on, on the days of its harvest."""
    found: set[str] = set()
    for each in origins:
        if each.cooperative is not None and each.plot is not None:
            found.update(
                session.scalars(
                    select(LabelPlot.certificate).where(
                        LabelPlot.cooperative_id == each.cooperative.id,
                        LabelPlot.code == each.plot,
                        LabelPlot.valid_from <= each.harvested_on,
                        LabelPlot.valid_until >= each.harvested_on,
                    )
                )
            )
    return sorted(found)
