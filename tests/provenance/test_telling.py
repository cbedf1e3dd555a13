"""Every event of ours is one that the standard takes, and says what happened in its words."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.epcis import identifiers, reading, vocabulary
from inventory.provenance import keys, telling
from inventory.provenance.telling import Begun, Fruit, When
from inventory.traces.entries import entry_of
from inventory.traces.mentions import Role

PREFIX = "9521234"
NOW = datetime(2026, 11, 27, 2, 30, 0, 123_456, tzinfo=UTC)
STORE = keys.place(keys.gln(PREFIX, 100))
ROOM = keys.place(keys.gln(PREFIX, 100), "R07")
COOPERATIVE = keys.party(keys.gln(PREFIX, 200))
PARENT = keys.lot_class(keys.bulk_gtin(PREFIX, 1), "YJ26-0417-A3")
CHILD = keys.lot_class(keys.bulk_gtin(PREFIX, 2), "YJ26-0417-A3-80")
PARCEL = keys.parcel(keys.sscc(PREFIX, 1))
BOX = keys.box("09521234000013", "K7Q2M9XW4T")
ABOUT = uuid.UUID("01a21a8e-b44e-74fa-a400-b02ce891f234")
WHEN = When(at=NOW, store=STORE, place=ROOM)
LOT = Begun(
    number="YJ26-0417-A3",
    variety="Fuji",
    grade="A",
    size=None,
    harvested_on=date(2026, 10, 17),
    best_before_on=date(2027, 4, 17),
    plot="A3",
    cooperative=COOPERATIVE,
)
WHOLE, PART = Fruit(lot=PARENT, grams=1_250_500), Fruit(lot=CHILD, grams=820_000)

EVENTS = {
    "began": telling.began(WHEN, WHOLE, LOT),
    "left": telling.left(WHEN, WHOLE, transfer=ABOUT, cooperative=COOPERATIVE, to=STORE),
    "arrived": telling.arrived(WHEN, WHOLE, PART, transfer=ABOUT, lot=LOT),
    "inspected": telling.inspected(WHEN, WHOLE, brix_tenths=138, firmness_newton_tenths=None),
    "graded": telling.graded(
        WHEN, PARENT, [PART], in_grams=1_000_000, culled_grams=35_000, lost_grams=12_000, about=ABOUT
    ),
    "became": telling.became(WHEN, [WHOLE], PART, how="split", about=ABOUT, lot=LOT),
    "packed": telling.packed(WHEN, WHOLE, parcel=PARCEL, boxes=3),
    "shipped": telling.shipped(WHEN, parcel=PARCEL, about=ABOUT, cooperative=COOPERATIVE),
    "delivered": telling.delivered(NOW, parcel=PARCEL, order=ABOUT),
    "stored": telling.stored(WHEN, [WHOLE, PART], is_stopped=False),
    "stored and stopped": telling.stored(WHEN, [WHOLE], is_stopped=True),
    "reserved": telling.reserved(WHEN, [BOX], campaign=ABOUT),
    "on the road": telling.on_the_road(NOW, parcel=PARCEL, about=ABOUT),
    "shipping undone": telling.shipping_undone(WHEN, parcel=PARCEL, about=ABOUT),
    "damaged": telling.damaged(NOW, PART, [], claim=ABOUT),
    "damaged boxes": telling.damaged(NOW, PART, [BOX], claim=ABOUT),
    "expired": telling.expired(WHEN, WHOLE),
    "culled": telling.culled(WHEN, WHOLE, reason="rot"),
    "counted": telling.counted(WHEN, WHOLE, kind="shrunk", lost_grams=20),
    "stopped": telling.stopped(WHEN, WHOLE, disposition="recalled", is_set=True),
    "freed": telling.stopped(WHEN, WHOLE, disposition="recalled", is_set=False),
    "returned": telling.returned(WHEN, WHOLE, PART, about=ABOUT, lot=LOT),
}
EVENTS["declared wrong"] = telling.declared_wrong(
    EVENTS["began"], at=NOW, reason="incorrect_data", corrective=["urn:uuid:" + str(ABOUT)]
)


def document(event):
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", *telling.CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-27T02:30:00Z",
        "epcisBody": {"eventList": [event]},
    }


@pytest.mark.parametrize("name", EVENTS)
def test_the_standard_takes_it(name):
    reading.read(document(EVENTS[name]))


@pytest.mark.parametrize("name", EVENTS)
def test_its_keys_are_right_to_the_last_digit_and_its_words_are_the_standard_s(name):
    event = EVENTS[name]
    made = entry_of(event, recorded_at=NOW, context=telling.CONTEXT)
    for role, key in made.mentions:
        if role not in (Role.PAPER, Role.TRANSFORMATION):
            assert identifiers.read_link(key).link() == key
    assert made.biz_step in vocabulary.BIZ_STEPS.names
    assert made.disposition is None or made.disposition in vocabulary.DISPOSITIONS.names
    assert (made.event_time - NOW).total_seconds() == pytest.approx(-0.000456)


def test_no_two_of_them_are_the_same_event():
    hashes = {entry_of(each, recorded_at=NOW).event_hash for each in EVENTS.values()}
    assert len(hashes) == len(EVENTS) - 1, "a declaration has the hash of what it declares wrong"


def test_a_lot_is_followed_by_what_it_came_from():
    for name in ("arrived", "graded", "became", "returned"):
        told = entry_of(EVENTS[name], recorded_at=NOW).mentions
        assert (Role.INPUT_CLASS, PARENT) in told
        assert (Role.OUTPUT_CLASS, CHILD) in told


def test_a_lot_s_master_data_are_told_when_it_begins():
    assert EVENTS["began"]["ilmd"] == {
        "cbvmda:lotNumber": "YJ26-0417-A3",
        "cbvmda:harvestStartDate": "2026-10-17",
        "cbvmda:harvestEndDate": "2026-10-17",
        "cbvmda:bestBeforeDate": "2027-04-17",
        "vo:variety": "Fuji",
        "vo:grade": "A",
        "vo:plot": "A3",
        "vo:cooperative": COOPERATIVE,
    }


@given(st.integers(0, 10**13))
def test_kilograms_are_exact(grams):
    assert Decimal(repr(telling.kilograms(grams))) * 1_000 == grams


@given(st.integers(1, 99_999))
def test_numbers_of_ours_are_keys(reference):
    for link in (
        keys.lot_class(keys.bulk_gtin(PREFIX, reference), "L1"),
        keys.place(keys.gln(PREFIX, reference), "R-7"),
        keys.party(keys.gln(PREFIX, reference)),
        keys.parcel(keys.sscc(PREFIX, reference)),
    ):
        assert identifiers.read_link(link).link() == link


def test_the_keys_of_gs1_s_demonstration_company():
    assert keys.bulk_gtin(PREFIX, 1) == "99521234000016"
    assert keys.gln(PREFIX, 100) == "9521234001003"
    assert keys.gln(PREFIX, 200) == "9521234002000"
    assert keys.sscc(PREFIX, 1) == "095212340000000013"


def test_a_prefix_is_used_up():
    for number in (0, 100_000):
        with pytest.raises(keys.PrefixUsedUp):
            keys.gln(PREFIX, number)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("YJ26-0417-A3", "YJ26-0417-A3"),
        ("a" * 20, "a" * 20),
        ("a" * 21, "L-7"),
        ("北坡1号", "L-7"),
        ("a b", "L-7"),
        ("", "L-7"),
    ],
)
def test_a_code_that_can_be_a_lot_number_is_one(code, number):
    assert keys.lot_number(code, 7) == number
