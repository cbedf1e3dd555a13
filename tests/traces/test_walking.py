"""The way of things through events: rules by example and law, and the walk over real chains."""

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.traces import recording, walking
from inventory.traces.walk_rules import Direction, is_birth, next_keys
from marketplace import database
from marketplace.catalogue import counties
from tests.builders import Market
from tests.traces.told import rows

BACK, FORWARD = Direction.BACK, Direction.FORWARD
AT = "2026-10-01T08:00:00Z"
BASE = {"eventTime": AT, "eventTimeZoneOffset": "+08:00"}


def thing(name: str) -> str:
    return f"https://example.org/things/{name}"


def made(inputs: str, outputs: str, *, transformation: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "TransformationEvent", **BASE, "bizStep": "commissioning"}
    if inputs:
        told["inputEPCList"] = [thing(each) for each in inputs]
    if outputs:
        told["outputEPCList"] = [thing(each) for each in outputs]
    if transformation:
        told["transformationID"] = thing(transformation)
    return told


def packed(parent: str, children: str, action: str = "ADD") -> dict[str, Any]:
    return {
        "type": "AggregationEvent",
        **BASE,
        "action": action,
        "parentID": thing(parent),
        "childEPCs": [thing(each) for each in children],
    }


def born(name: str) -> dict[str, Any]:
    return {"type": "ObjectEvent", **BASE, "action": "ADD", "epcList": [thing(name)]}


def seen(name: str) -> dict[str, Any]:
    return {**born(name), "action": "OBSERVE", "bizStep": "storing"}


def names(found: Any) -> str:
    return "".join(sorted(each.rpartition("/")[2] for each in found))


def test_what_was_made_leads_back_to_what_it_was_made_of() -> None:
    event = made("ab", "cd")
    assert names(next_keys(event, {thing("c")}, BACK)) == "ab"
    assert names(next_keys(event, {thing("a")}, FORWARD)) == "cd"
    assert next_keys(event, {thing("a")}, BACK) == next_keys(event, {thing("c")}, FORWARD) == frozenset()


def test_a_parcel_leads_back_to_what_is_in_it() -> None:
    event = packed("p", "ab")
    assert names(next_keys(event, {thing("p")}, BACK)) == "ab"
    assert names(next_keys(event, {thing("b")}, FORWARD)) == "p"
    assert next_keys(packed("p", "ab", "DELETE"), {thing("p")}, BACK) == frozenset()


def test_inputs_and_outputs_that_are_told_apart_are_joined_by_their_transformation() -> None:
    came, went = made("ab", "", transformation="t"), made("", "cd", transformation="t")
    assert names(next_keys(went, {thing("c")}, BACK)) == "t"
    assert names(next_keys(came, {thing("t")}, BACK)) == "ab"
    assert names(next_keys(came, {thing("a")}, FORWARD)) == "t"
    assert names(next_keys(went, {thing("t")}, FORWARD)) == "cd"


def test_what_is_only_observed_leads_nowhere() -> None:
    assert next_keys(seen("a"), {thing("a")}, BACK) == frozenset()
    assert is_birth(born("a"))
    assert not is_birth(seen("a"))


@given(
    st.sets(st.sampled_from("abcdef"), min_size=1),
    st.sets(st.sampled_from("ghijkl"), min_size=1),
    st.sets(st.sampled_from("abcdefghijkl"), min_size=1),
)
def test_back_and_forward_are_each_other_s_way(inputs: set[str], outputs: set[str], start: set[str]) -> None:
    event = made("".join(sorted(inputs)), "".join(sorted(outputs)))
    for one in start:
        for other in next_keys(event, {thing(one)}, FORWARD):
            assert thing(one) in next_keys(event, {other}, BACK)


def test_a_box_is_followed_to_its_orchard_and_a_lot_to_its_boxes(market: Market) -> None:
    record(market, born("f"), seen("f"), made("f", "gh"), made("g", "xyz"), packed("p", "xy"), made("h", "w"))
    back = walked(market, "x", BACK)
    assert {names([key]): depth for key, depth in back.depths.items()} == {"x": 0, "g": 1, "f": 2}
    assert [each.body["type"] for each in back.events] == [
        "TransformationEvent",
        "TransformationEvent",
        "ObjectEvent",
    ]
    assert names(walked(market, "p", BACK).depths) == "fgpxy"
    ahead = walked(market, "f", FORWARD)
    assert names(ahead.depths) == "fghpwxyz"
    assert not ahead.is_cut


def test_a_ring_of_events_ends(market: Market) -> None:
    record(market, made("a", "b"), made("b", "c"), made("c", "a"))
    for direction in Direction:
        found = walked(market, "a", direction)
        assert names(found.depths) == "abc"
        assert len(found.events) == 3
        assert not found.is_cut


def test_a_long_way_is_followed_so_far_and_says_so(market: Market) -> None:
    record(market, *(made(chr(97 + number), chr(98 + number)) for number in range(10)))
    short = walked(market, "k", BACK, depth_max=4)
    assert names(short.depths) == "ghijk"
    assert short.is_cut
    assert not walked(market, "k", BACK, depth_max=10).is_cut
    few = walked(market, "k", BACK, keys_max=3)
    assert len(few.depths) == 3
    assert few.is_cut


def test_what_was_declared_wrong_leads_nowhere(market: Market) -> None:
    record(market, made("a", "b"), made("c", "b"))
    wrong = made("a", "b") | {"errorDeclaration": {"declarationTime": AT, "reason": "did_not_occur"}}
    record(market, wrong)
    assert len(rows(market)) == 3
    assert names(walked(market, "b", BACK).depths) == "bc"


def test_events_of_two_counties_are_one_way(market: Market) -> None:
    names_of_it = {"code": "LC", "name_en": "Luochuan", "name_zh": "洛川", "is_demo": True}
    other = database.transact(lambda session: counties.create(session, market.ctx, **names_of_it)).id
    record(market, made("a", "b"))
    record(market, made("b", "c"), county_id=other)
    assert names(walked(market, "c", BACK).depths) == "abc"
    assert {each.county_id for each in walked(market, "c", BACK).events} == {market.county_id, other}


def record(market: Market, *events: dict[str, Any], county_id: uuid.UUID | None = None) -> None:
    def work(session: Any) -> None:
        recording.record(
            session, market.ctx, county_id=county_id or market.county_id, events=events, context=()
        )

    database.transact(work)


def walked(market: Market, name: str, direction: Direction, **limits: int) -> walking.Walk:
    with market.app.app_context(), database.reading() as session:
        return walking.walk(session, [thing(name)], direction, **limits)
