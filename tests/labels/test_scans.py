"""What scans say about a label: pure findings, and the label that is flagged with a case."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.labels import scan_rules, scanning, serials
from inventory.labels.scan_rules import Finding, Place, Scan
from tests.labels.grove import GTIN, Grove

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
XIAN = Place(city="XIAN", north_tenths=343, east_tenths=1089)
SHANGHAI = Place(city="SHANGHAI", north_tenths=312, east_tenths=1215)
SHIPPED = {"is_shipped": True, "is_delivered": False, "is_void": False}
PLACES = st.builds(Place, north_tenths=st.integers(-900, 900), east_tenths=st.integers(-1_800, 1_800))


def scan(place: Place = XIAN, *, minutes: int = 0, channel: str = "app") -> Scan:
    return Scan(at=NOON + timedelta(minutes=minutes), place=place, channel=channel)


def real_km(one: Place, other: Place) -> float:
    """The haversine formula, with the mathematics of a test."""
    assert None not in (one.north_tenths, one.east_tenths, other.north_tenths, other.east_tenths)
    a, b = math.radians(one.north_tenths / 10), math.radians(other.north_tenths / 10)
    apart = math.radians((other.east_tenths - one.east_tenths) / 10)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(apart / 2) ** 2
    return 2 * 6_371 * math.asin(math.sqrt(min(1.0, half)))


@given(PLACES, PLACES)
def test_nobody_is_said_to_be_farther_away_than_they_are(one: Place, other: Place) -> None:
    told = scan_rules.distance_km(one, other)
    assert told is not None
    assert 0 <= told <= real_km(one, other)
    assert told == scan_rules.distance_km(other, one)


@given(PLACES, PLACES)
def test_what_is_far_is_not_taken_for_near(one: Place, other: Place) -> None:
    told = scan_rules.distance_km(one, other)
    assert told is not None
    assert told >= real_km(one, other) * 2 / 3.2 - 220, (
        "a straight line is at most π/2 shorter than the way around"
    )


def test_from_xian_to_shanghai_it_takes_an_hour_at_least() -> None:
    assert scan_rules.is_too_fast(scan(), scan(SHANGHAI, minutes=30))
    assert not scan_rules.is_too_fast(scan(), scan(SHANGHAI, minutes=75))
    assert not scan_rules.is_too_fast(scan(), scan(XIAN))


@pytest.mark.parametrize(("minutes", "is_fast"), [(0, True), (19, True), (20, False)])
def test_two_cities_without_coordinates_are_some_minutes_apart(minutes: int, is_fast: bool) -> None:
    there = scan(Place(city="TONGCHUAN"), minutes=minutes)
    assert scan_rules.is_too_fast(scan(Place(city="XIAN")), there) == is_fast
    assert not scan_rules.is_too_fast(scan(Place()), there)
    assert not scan_rules.is_too_fast(scan(Place(city="TONGCHUAN")), there)


@pytest.mark.parametrize(
    ("now", "before", "life", "found"),
    [
        (scan(), 0, SHIPPED, []),
        (scan(), 2, SHIPPED, []),
        (scan(), 3, SHIPPED, [Finding.TOO_MANY_SCANS]),
        (scan(), 3, {**SHIPPED, "is_delivered": True}, []),
        (scan(), 0, {**SHIPPED, "is_shipped": False}, [Finding.NOT_SHIPPED]),
        (scan(), 0, {**SHIPPED, "is_void": True}, [Finding.IS_VOID]),
        (scan(channel="neighbour"), 0, SHIPPED, [Finding.OTHER_CHANNEL]),
        (scan(SHANGHAI, minutes=1), 1, SHIPPED, [Finding.IMPOSSIBLE_TRAVEL]),
    ],
)
def test_what_is_not_right(now: Scan, before: int, life: dict[str, bool], found: list[Finding]) -> None:
    earlier = [scan(minutes=-60 * (before - each)) for each in range(before)]
    if before and now.place == SHANGHAI:
        earlier = [scan()]
    assert scan_rules.findings(now, before=earlier, **life) == found


def scanned(grove: Grove, serial: str, *, minutes: int = 0, **changes: object) -> scanning.Verdict:
    facts = {"gtin": GTIN, "channel": "app", "place": XIAN, **changes}
    by = replace(grove.ctx, now=grove.ctx.now + timedelta(minutes=minutes - 30))
    return grove.do(scanning.scanned, by=by, serial=serial, **facts)


def on_its_way(grove: Grove) -> str:
    """A label whose box has left."""
    grove.plot()
    [label] = grove.bound(grove.apples(100_000), 1)
    grove.do(serials.ship, serials=[label])
    return label


def test_a_label_on_its_way_is_genuine(grove: Grove) -> None:
    label = on_its_way(grove)
    told = scanned(grove, label)
    assert (told.verdict, told.season, told.net_grams) == ("genuine", grove.season, 5_000)
    assert told.area is not None
    assert told.area.name_zh == "宜君苹果"
    assert grove.cases("label_serial") == []


def test_a_forged_label_is_unknown_and_opens_no_case(grove: Grove) -> None:
    on_its_way(grove)
    assert scanned(grove, "FORGED234567").verdict == "unknown"
    assert grove.cases("label_serial") == []


def test_a_label_of_no_shipped_box_is_flagged_once_and_tells_each_time(grove: Grove) -> None:
    grove.plot()
    grove.apples(100_000)
    [label] = grove.issued(1)
    for _ in range(2):
        assert scanned(grove, label).verdict == "suspicious"
    assert (grove.label(label).state, grove.label(label).note) == ("flagged", "not_shipped")
    [case] = grove.cases("label_serial")
    assert (case.version, case.cooperative_id) == (2, None)


def test_a_label_that_flies_is_flagged(grove: Grove) -> None:
    label = on_its_way(grove)
    assert scanned(grove, label).verdict == "genuine"
    assert scanned(grove, label, minutes=10, place=SHANGHAI).verdict == "suspicious"
    assert grove.label(label).note == "impossible_travel"


def test_a_label_that_is_scanned_too_often_before_its_delivery_is_flagged(grove: Grove) -> None:
    label = on_its_way(grove)
    verdicts = [scanned(grove, label, minutes=each).verdict for each in range(4)]
    assert verdicts == ["genuine", "genuine", "genuine", "suspicious"]


def test_a_delivered_label_may_be_scanned_as_often_as_one_likes(grove: Grove) -> None:
    label = on_its_way(grove)
    grove.do(serials.activate, serials=[label])
    assert {scanned(grove, label, minutes=each).verdict for each in range(6)} == {"genuine"}


def test_a_label_of_another_pack_or_channel_is_flagged(grove: Grove) -> None:
    label = on_its_way(grove)
    assert scanned(grove, label, gtin="19521234000010", channel="neighbour").verdict == "suspicious"
    assert grove.label(label).note == "other_channel, other_gtin"


def test_a_void_label_stays_void_and_opens_a_case(grove: Grove) -> None:
    grove.plot()
    grove.apples(100_000)
    [label] = grove.issued(1)
    grove.do(serials.void, serials=[label], reason="torn")
    assert scanned(grove, label).verdict == "suspicious"
    assert grove.label(label).state == "void"
    assert len(grove.cases("label_serial")) == 1
