"""Retention whose day has come, of who sells nothing more: released by a settlement of its own, once."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from werkzeug.test import TestResponse

from marketplace import database
from marketplace.access import Role
from marketplace.payouts.models import Payout
from orders.settlements import releasing
from tests import house
from tests.builders import Market, assert_refused
from tests.campaigns import presale
from tests.campaigns.inbox import told
from tests.campaigns.settling import scene, storing
from tests.campaigns.settling.scene import Settling, done
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller
from tests.payouts.desk import Desk

KEPT = 249
"""5 % of what is earned by a box of 52 yuan, after 4 % of commission."""


def kept(market: Market, operator: Caller, *cooperatives: int) -> Settling:
    """These have agreed to a settlement that keeps something back."""
    made = scene.presold(market, operator)
    until = (market.today + timedelta(days=1)).isoformat()
    made.proposed(retention_permille=50, retained_until=until)
    for each in cooperatives or (0, 1):
        made.accept(each)
    return made


def let_come(days: int = 1) -> None:
    """The day of all retention has come."""
    sql = text("UPDATE retention SET until = until - :days * interval '1 day'")
    database.transact(lambda session: session.execute(sql, {"days": days}))


def draft(made: Settling, cooperative: int = 0, *, by: Caller | None = None, **changes: Any) -> TestResponse:
    body = {"cooperative_id": str(made.market.cooperative_ids[cooperative]), "currency": "CNY", **changes}
    return (by or made.operator).post("/v1/settlements/releases", json=body)


def release(made: Settling) -> int:
    """What the job of the day does."""
    ctx = presale.now(made.market)
    return database.transact(lambda session: releasing.release_due(session, ctx))


def releases(made: Settling) -> list[dict[str, Any]]:
    return list(done(made.operator.get("/v1/settlements?kind=release"))["items"])


def agreed(made: Settling, found: dict[str, Any], cooperative: int = 0) -> dict[str, Any]:
    """Proposed, and accepted by a member."""
    done(made.operator.post(f"/v1/settlements/{found['id']}/proposal"))
    shown = done(made.operator.get(f"/v1/settlements/{found['id']}"))
    url = f"/v1/settlements/{found['id']}/acceptance"
    return done(made.members[cooperative].post(url, json={"digest": shown["digest"]}))


def test_what_is_due_is_released_and_paid_by_two_people(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    let_come()
    found = done(draft(made))
    assert (found["kind"], found["campaign_id"], found["number"]) == ("release", None, "release-YJ01-CNY-1")
    assert found["payout_minor"] == KEPT
    assert done(draft(made))["id"] == found["id"], "computed anew, not made anew"
    final = agreed(made, found)
    assert (final["state"], books()["coop_retention"], payable(market, 0)) == ("final", KEPT, 4_743 + KEPT)
    notices = told(made.members[0], "settlement_proposed")
    assert len(notices) == 2
    desk = Desk(
        market=market,
        drafter=operator,
        approver=house.caller(market.app, Role.OPERATOR),
        member=made.members[0],
    )
    desk.name()
    drafted = operator.post(f"/v1/settlements/{found['id']}/payout")
    assert drafted.status_code == 201, drafted.json
    desk.approve(market.stored(Payout, drafted.json["id"]))
    again = draft(made)
    assert_refused(again, 409, "nothing_to_release")


def test_a_page_and_a_table_of_it_are_shown(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    let_come()
    url = f"/v1/settlements/{done(draft(made))['id']}/statement"
    assert [(each["kind"], each["amount_minor"]) for each in done(operator.get(url))["lines"]] == [
        ("released", KEPT)
    ]
    for path in (".html", ".csv"):
        assert "2.49" in operator.get(url + path).text


def test_nothing_is_released_before_its_day_or_to_others(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    assert_refused(draft(made), 409, "nothing_to_release")
    let_come()
    assert_refused(draft(made, currency="USD"), 409, "nothing_to_release")
    assert_refused(draft(made, 2), 409, "nothing_to_release")
    assert_refused(draft(made, cooperative_id=str(uuid.uuid4())), 404, "cooperative_not_found")
    assert_refused(draft(made, by=made.members[0]), 403, "forbidden")
    assert releases(made) == []


def test_a_settlement_that_is_open_releases_it_and_no_other(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    let_come()
    next_one = scene.presold(market, operator)
    next_one.drafted()
    refused = assert_refused(draft(made), 409, "account_in_use")
    assert refused["number"] == next_one.of(0)["number"]
    assert release(made) == 0
    next_one.proposed()
    assert ("released", KEPT) in next_one.lines(0)


def test_the_job_of_the_day_shows_them_once_and_silence_releases(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    assert release(made) == 0
    let_come()
    assert release(made) == 2
    assert release(made) == 0
    assert {each["state"] for each in releases(made)} == {"proposed"}
    assert len(told(made.members[1], "settlement_proposed")) == 2
    scene.let_pass(days=8)
    assert scene.lapse(market) == 2
    assert "coop_retention" not in books()
    assert release(made) == 0


def test_what_is_owed_is_netted_before_anything_is_released(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    storing.lain(market, 1)
    storing.parted(market, operator, amount_minor=100)
    let_come()
    found = done(draft(made))
    assert found["payout_minor"] == KEPT - 100
    final = agreed(made, found)
    assert (final["payout_minor"], books()["service_payable"]) == (KEPT - 100, 100)


def test_a_draft_of_which_nothing_is_due_any_more_is_not_proposed(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    let_come()
    found = done(draft(made))
    let_come(-9)
    assert_refused(operator.post(f"/v1/settlements/{found['id']}/proposal"), 409, "nothing_to_release")


def test_two_who_draft_at_once_and_the_job_make_one(market: Market, operator: Caller) -> None:
    made = kept(market, operator)
    let_come()
    others = [house.caller(market.app, Role.OPERATOR) for _ in range(3)]

    def work(by: Caller | None) -> int:
        if by is None:
            with market.app.app_context():
                return release(made)
        return draft(made, by=by).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(work, [others[0], None, *others[1:]]))
    assert set(answers) <= {0, 1, 2, 201, 409}
    assert sorted(each["number"] for each in releases(made)) in (
        ["release-YJ01-CNY-1"],
        ["release-YJ01-CNY-1", "release-YJ02-CNY-1"],
    )
