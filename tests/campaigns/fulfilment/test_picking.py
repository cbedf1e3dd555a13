"""Pick lists of a wave: store by store, what keeps for the shortest time first, and only what is one's own."""

import csv
import io
import uuid
from typing import Any

import pytest

from tests.builders import Market, assert_refused
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.house import Caller


@pytest.fixture
def made(market: Market, operator: Caller) -> Sending:
    return stage.closed(market, operator, orders=(5, 4, 3))


def lists(who: Caller, wave: dict[str, Any]) -> list[dict[str, Any]]:
    answer = who.get(f"/v1/waves/{wave['id']}/pick-lists")
    assert answer.status_code == 200, answer.json
    return list(answer.json["items"])


def test_all_boxes_of_a_wave_are_on_its_lists(made: Sending, operator: Caller) -> None:
    wave = made.released()
    [found] = lists(operator, wave)
    assert (found["code"], found["boxes"], found["boxes_packed"]) == ("COLD-1", 12, 0)
    assert {each["lot_id"] for each in found["picks"]} == {each["lot_id"] for each in made.parcels()}
    assert sum(each["parcels"] for each in found["picks"]) == len(made.parcels())
    days = [each["best_before_on"] for each in found["picks"]]
    assert days == sorted(days)


def test_what_is_packed_need_not_be_fetched(made: Sending, operator: Caller) -> None:
    wave = made.released()
    [first, *_] = made.parcels()
    assert made.step(first, "packing").status_code == 200
    [found] = lists(operator, wave)
    assert (found["boxes"], found["boxes_packed"]) == (12 - first["boxes"], first["boxes"])
    for parcel in made.parcels(state="planned"):
        made.step(parcel, "packing")
    assert made.step(first, "shipment", carrier="SF").status_code == 200
    [found] = lists(operator, wave)
    assert (found["boxes"], found["boxes_packed"]) == (0, 12)


def test_nothing_is_fetched_from_a_stopped_lot_until_it_is_cleared(made: Sending, operator: Caller) -> None:
    wave = made.released()
    [found] = lists(operator, wave)
    [stopped, *_] = found["picks"]
    url = f"/v1/lots/{stopped['lot_id']}"
    assert operator.post(f"{url}/quarantine", json={"reason": "mould"}).status_code == 200
    [now] = lists(operator, wave)
    [pick] = [each for each in now["picks"] if each["lot_id"] == stopped["lot_id"]]
    assert (pick["lot_status"], pick["boxes"], pick["boxes_stopped"]) == ("quarantined", 0, stopped["boxes"])
    assert (now["boxes"], now["boxes_stopped"]) == (12 - stopped["boxes"], stopped["boxes"])
    assert operator.post(f"{url}/release-from-quarantine", json={"reason": "clean"}).status_code == 200
    assert lists(operator, wave) == [found]


def test_members_see_what_is_theirs(made: Sending) -> None:
    wave = made.released()
    for member, cooperative_id in zip(made.members, made.market.cooperative_ids, strict=True):
        boxes = sum(each["boxes"] for each in made.parcels(cooperative_id=str(cooperative_id)))
        [found] = lists(member, wave)
        assert found["boxes"] == boxes
        assert {each["cooperative_id"] for each in found["picks"]} == {str(cooperative_id)}


def test_who_has_nothing_in_a_wave_sees_none(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,), pledged=(20, 20, 0))
    wave = made.released()
    refused = made.members[2].get(f"/v1/waves/{wave['id']}/pick-lists")
    assert_refused(refused, 404, "wave_not_found")


def test_the_table_says_the_same(made: Sending, operator: Caller) -> None:
    wave = made.released()
    answer = operator.get(f"/v1/waves/{wave['id']}/pick-lists.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    [found] = lists(operator, wave)
    assert [row[2] for row in rows[1:]] == [each["lot_code"] for each in found["picks"]]
    assert sum(int(row[6]) for row in rows[1:]) == 12


def test_a_wave_that_is_not_there(operator: Caller, market: Market) -> None:
    for form in ("", ".csv"):
        assert operator.get(f"/v1/waves/{uuid.uuid4()}/pick-lists{form}").status_code == 404
