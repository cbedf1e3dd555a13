"""Rural jobs and income, counted from signed sheets: by village, without names, nobody to be read off."""

import json
import uuid
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from marketplace import database
from marketplace.access import Role
from tests.builders import assert_refused
from tests.campaigns.work.crew import Crew, done
from tests.house import Caller, caller


def summary(who: Caller, url: str, **query: str) -> list[dict[str, Any]]:
    return list(done(who.get(url, query_string=query))["items"])


@pytest.fixture
def county_url(crew: Crew) -> str:
    return f"/v1/counties/{crew.market.county_id}/work-summary"


@pytest.fixture
def own_url(crew: Crew) -> str:
    return f"/v1/cooperatives/{crew.cooperative_id}/work-summary"


def signed_in(shift_id: str, month: str) -> None:
    """As if it had been signed then."""
    at = datetime.fromisoformat(f"{month}-15T12:00:00+00:00")
    update = text("UPDATE wage_sheet SET signed_at = :at WHERE shift_id = :id")
    database.transact(lambda session: session.execute(update, {"at": at, "id": uuid.UUID(shift_id)}))


def test_signed_work_is_counted_and_no_other(crew: Crew, own_url: str) -> None:
    assert summary(crew.member, own_url) == []
    li = crew.worker("李", "A")
    unsigned = crew.shift(li)
    done(crew.attend(unsigned, (li, 0, 60)))
    done(crew.step(unsigned, "closing"))
    assert summary(crew.member, own_url) == []
    crew.worked(60, 120, 30, village="A")
    [found] = summary(crew.member, own_url)
    counted = {"workers": 3, "shifts": 1, "minutes": 210, "boxes": 0, "income_minor": 6_300}
    assert found == {
        "currency": "CNY",
        "all": counted,
        "villages": [{"village": "A", **counted}],
        "months_withheld": 0,
    }


def test_nobody_is_named_and_small_villages_are_one(crew: Crew, own_url: str, operator: Caller) -> None:
    crew.worked(60, 60, 60, village="A")
    crew.worked(30, 30, village="B")
    crew.worked(20, village="C")
    found = summary(operator, own_url)
    assert [(each["village"], each["workers"], each["minutes"]) for each in found[0]["villages"]] == [
        ("A", 3, 180),
        (None, 3, 80),
    ]
    assert found[0]["all"]["income_minor"] == 260 * 30
    told = json.dumps(found, ensure_ascii=False)
    assert "工人" not in told and '"B"' not in told and '"C"' not in told


def test_of_two_workers_nothing_is_told(crew: Crew, own_url: str) -> None:
    crew.worked(60, village="A")
    crew.worked(60, village="B")
    [found] = summary(crew.member, own_url)
    assert (found["months_withheld"], found["villages"], found["all"]["income_minor"]) == (1, [], 0)


def test_passers_by_are_told_of_months_that_are_over(crew: Crew, county_url: str, operator: Caller) -> None:
    anyone = caller(crew.market.app)
    first, second = (crew.worked(minutes, minutes, minutes, village="A") for minutes in (60, 30))
    assert summary(anyone, county_url) == []
    assert summary(crew.member, county_url) == []
    [now] = summary(operator, county_url)
    assert (now["all"]["minutes"], now["all"]["workers"], now["all"]["shifts"]) == (270, 6, 2)
    signed_in(first, "2026-01")
    signed_in(second, "2026-03")
    assert summary(anyone, county_url) == summary(operator, county_url) == [now]
    [january] = summary(anyone, county_url, to="2026-02")
    assert january["all"]["minutes"] == 180
    [march] = summary(anyone, county_url, **{"from": "2026-03", "to": "2026-03"})
    assert march["all"]["minutes"] == 90
    assert summary(anyone, county_url, **{"from": "2026-04"}) == []


def test_a_county_counts_its_own(crew: Crew, county_url: str, operator: Caller) -> None:
    crew.worked(60, 60, 60)
    other = operator.post(
        "/v1/counties", json={"code": "LC", "name_en": "Luochuan", "name_zh": "洛川", "is_demo": True}
    )
    found = operator.get(f"/v1/counties/{done(other, 201)['id']}/work-summary")
    assert done(found)["items"] == []
    assert_refused(operator.get(f"/v1/counties/{uuid.uuid4()}/work-summary"), 404, "county_not_found")


def test_a_cooperative_s_own_numbers_are_its_members(crew: Crew, own_url: str) -> None:
    assert_refused(crew.neighbour.get(own_url), 404, "cooperative_not_found")
    assert_refused(caller(crew.market.app, Role.SHOPPER).get(own_url), 403, "forbidden")


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "2026-11-01", "x", "2026-1", "２０２６-11"])
def test_what_is_no_month(crew: Crew, county_url: str, month: str) -> None:
    for name in ("from", "to"):
        refused = caller(crew.market.app).get(county_url, query_string={name: month})
        assert_refused(refused, 422, "invalid")
