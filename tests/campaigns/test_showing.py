"""The list and the page of campaigns: what the schemas say, from one statement that many share, 304 when unchanged."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from campaigns import planning, schemas, shapes, showing
from campaigns.models import Campaign
from campaigns.states import CampaignEvent, CampaignState
from inventory.models import Pool
from marketplace import commits, context, database, express
from marketplace.access import Role
from marketplace.catalogue.models import County, Pack
from tests import servers
from tests.builders import Market, held
from tests.house import Caller

URL = "/v1/campaigns"


def as_documented(market: Market) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Every campaign in the form of the schemas: as the list has it, and its page."""
    g.context = context.system()
    with database.reading() as session:
        found = session.scalars(select(Campaign).order_by(Campaign.id)).all()
        pages = {}
        for campaign in found:
            offers = [
                SimpleNamespace(
                    item=item, pack=session.get(Pack, item.pack_id), pool=session.get(Pool, item.pool_id)
                )
                for item in campaign.items
            ]
            county = session.get(County, campaign.county_id)
            shown = SimpleNamespace(campaign=campaign, county=county, offers=offers)
            pages[str(campaign.id)] = schemas.ShownCampaign().dump(shown)
        return schemas.CampaignPage().dump({"items": found, "next_cursor": None})["items"], pages


def ordered(value: Any) -> str:
    """With the order of its members."""
    return json.dumps(value)


@pytest.fixture
def sales(market: Market):
    """On sale, soon on sale, over, paused; a draft and a cancelled one."""
    made = [market.on_sale(8), market.on_sale(3), market.draft()]
    paused = market.on_sale(2)
    database.transact(
        lambda session: planning.move(
            session, market.ctx, campaign_id=paused.campaign_id, event=CampaignEvent.PAUSE, reason="rain"
        )
    )
    return [*made, paused]


def test_what_is_shown_is_what_the_schemas_say_in_their_order(
    market: Market, sales, anyone: Caller, operator: Caller, as_role
) -> None:
    held(as_role(Role.SHOPPER), sales[0], 3)
    items, pages = as_documented(market)
    assert len(items) == 4
    public = [each for each in items if each["state"] != "draft"]
    assert ordered(operator.get(URL).json) == ordered({"items": items, "next_cursor": None})
    for caller in (anyone, as_role(Role.SHOPPER)):
        assert ordered(caller.get(URL).json) == ordered({"items": public, "next_cursor": None})
    for each in items:
        url = f"{URL}/{each['id']}"
        assert ordered(operator.get(url).json) == ordered(pages[each["id"]])
        if each["state"] == "draft":
            assert anyone.get(url).status_code == 404
        else:
            assert ordered(anyone.get(url).json) == ordered(pages[each["id"]])


def test_the_next_page_stands_in_the_link(market: Market, sales, anyone: Caller) -> None:
    first = anyone.get(f"{URL}?limit=1")
    cursor = first.json["next_cursor"]
    assert cursor == first.json["items"][-1]["id"]
    assert first.headers["Link"] == f'<{URL}?limit=1&cursor={cursor}>; rel="next"'
    seen = [first.json["items"][0]["id"]]
    address = first.headers["Link"]
    while address:
        answer = anyone.get(address.partition("<")[2].partition(">")[0])
        seen += [each["id"] for each in answer.json["items"]]
        address = answer.headers.get("Link", "")
    assert seen == [each["id"] for each in anyone.get(URL).json["items"]]
    assert "Link" not in anyone.get(URL).headers


def test_a_query_is_refused_alike_the_second_time(sales, anyone: Caller) -> None:
    for _ in range(2):
        assert anyone.get(f"{URL}?limit=2").status_code == 200
        for query in ("limit=0", "limit=2&limit=2", "page=1", "cursor=x"):
            assert anyone.get(f"{URL}?{query}").status_code == 422


def test_who_has_it_already_is_told_so(market: Market, sales, anyone: Caller, as_role) -> None:
    shopper = as_role(Role.SHOPPER)
    for caller, whose in ((anyone, "no-cache"), (shopper, "private, no-cache")):
        for url in (URL, f"{URL}?limit=2", sales[0].url):
            full = caller.get(url)
            tag = full.headers["ETag"]
            assert full.headers["Cache-Control"] == whose
            for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = caller.get(url, headers={"If-None-Match": sent})
                assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
                assert again.headers["Cache-Control"] == whose
                assert "Accept-Language" in again.headers["Vary"]
                assert again.headers.get("Link") == full.headers.get("Link")
                assert "Content-Type" not in again.headers
            for sent in ('"other"', ""):
                assert caller.get(url, headers={"If-None-Match": sent}).data == full.data


def test_every_change_is_told_at_once_under_another_tag(
    market: Market, sales, anyone: Caller, as_role
) -> None:
    sale = sales[0]
    tag = anyone.get(sale.url).headers["ETag"]
    held(as_role(Role.SHOPPER), sale, 1)
    changed = anyone.get(sale.url, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json["offers"][0]["available"]) == (200, 7)
    listed = anyone.get(URL)
    database.transact(
        lambda session: planning.move(
            session, market.ctx, campaign_id=sale.campaign_id, event=CampaignEvent.PAUSE, reason="rain"
        )
    )
    again = anyone.get(URL, headers={"If-None-Match": listed.headers["ETag"]})
    assert again.status_code == 200
    assert {each["state"] for each in again.json["items"]} == {"paused", "deposit_open"}


def test_the_clock_alone_changes_what_is_told(market: Market, sales, anyone: Caller, monkeypatch) -> None:
    before = anyone.get(sales[0].url)
    campaign = before.json["campaign"]
    closes_at = datetime.fromisoformat(campaign["closes_at"])
    for moment, state in ((-1, "deposit_open"), (0, "deposit_closed"), (-1, "deposit_open")):
        monkeypatch.setattr(context, "now_utc", lambda at=closes_at + timedelta(microseconds=moment): at)
        told = anyone.get(sales[0].url)
        assert told.json["campaign"]["state"] == state
        assert (told.headers["ETag"] == before.headers["ETag"]) == (state == "deposit_open")


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """How many statements were sent, each time something was."""
    counted: list[int] = []
    look = express.Work.look

    def counting(self: express.Work, *statements: express.Statement) -> list[Any]:
        counted.append(len(statements))
        return look(self, *statements)

    monkeypatch.setattr(express.Work, "look", counting)
    return counted


def test_a_page_is_one_statement_and_no_other(
    market: Market, sales, anyone: Caller, looks, monkeypatch
) -> None:
    monkeypatch.setattr(database.db, "session", SimpleNamespace(remove=lambda: None))
    for url in (URL, f"{URL}?limit=1", sales[0].url):
        looks.clear()
        assert anyone.get(url).status_code == 200
        assert looks == [1]


def test_who_comes_a_moment_later_shares_the_answer_and_the_bound_is_a_tenth_of_a_second(
    market: Market, sales, anyone: Caller, operator: Caller, looks, monkeypatch
) -> None:
    clock = [time.monotonic_ns()]
    monkeypatch.setattr(showing.time, "monotonic_ns", lambda: clock[0])
    first = anyone.get(sales[0].url)
    assert [anyone.get(sales[0].url).data for _ in range(3)] == [first.data] * 3
    assert looks == [1]
    anyone.get(URL)
    assert len(looks) == 2
    operator.get(URL)
    assert len(looks) == 4, "who it is, and the list anew: insiders share with insiders alone"
    clock[0] += 100 * showing.NANOSECONDS_IN_MS - 1
    anyone.get(sales[0].url)
    assert len(looks) == 4
    clock[0] += 1
    anyone.get(sales[0].url)
    assert len(looks) == 5


def test_what_another_process_changes_is_told_when_the_bound_is_over(
    market: Market, sales, anyone: Caller, database_urls, monkeypatch
) -> None:
    clock = [time.monotonic_ns()]
    monkeypatch.setattr(showing.time, "monotonic_ns", lambda: clock[0])
    before = anyone.get(sales[0].url)
    with psycopg.connect(servers.plain(database_urls.owner_url), autocommit=True) as elsewhere:
        elsewhere.execute("UPDATE campaign SET title_en = 'Changed' WHERE id = %s", [sales[0].campaign_id])
    assert anyone.get(sales[0].url).data == before.data
    clock[0] += 100 * showing.NANOSECONDS_IN_MS
    assert anyone.get(sales[0].url).json["campaign"]["title_en"] == "Changed"


def test_an_answer_that_was_asked_for_before_a_commit_is_not_told_after_it(
    market: Market, sales, anyone: Caller, monkeypatch
) -> None:
    """The look began, then boxes went, then it was remembered: who comes after the boxes must ask again."""
    look = express.Work.look

    def overtaken(self: express.Work, *statements: express.Statement) -> list[Any]:
        rows = look(self, *statements)
        commits.happened()
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(express.Work, "look", overtaken)
        anyone.get(sales[0].url)
    counted: list[int] = []
    monkeypatch.setattr(express.Work, "look", lambda *all_of: counted.append(1) or look(*all_of))
    anyone.get(sales[0].url)
    assert counted == [1]


def test_every_commit_leaves_a_mark_even_one_of_which_nothing_is_known(market: Market, monkeypatch) -> None:
    marks = [commits.latest()]
    database.transact(lambda session: session.execute(select(1)))
    marks.append(commits.latest())

    def broken(_session: Any) -> None:
        raise psycopg.OperationalError

    session = SimpleNamespace(flush=lambda: None, commit=lambda: broken(None))
    with pytest.raises(psycopg.OperationalError):
        database._commit(session)
    marks.append(commits.latest())
    line = express.line("marks")
    line.run(lambda work: (work.rows(("SELECT 1 AS one", {})), work.commit()))
    marks.append(commits.latest())
    assert len({id(mark) for mark in marks}) == 4
    line.close()


def test_shared_for_no_time_every_look_is_asked_of_the_database(
    market: Market, sales, anyone: Caller, looks, monkeypatch
) -> None:
    settings = market.app.config["SETTINGS"]
    monkeypatch.setitem(market.app.config, "SETTINGS", replace(settings, reads_shared_ms=0))
    for _ in range(3):
        anyone.get(URL)
    assert looks == [1, 1, 1]


def test_who_asks_at_the_same_moment_shares_the_answer(market: Market, sales, anyone: Caller, looks) -> None:
    waiting = threading.Barrier(2)
    run, asked = express.Line.run, []

    def slow(self: express.Line, work: Any) -> Any:
        asked.append(1)
        if len(asked) == 1:
            waiting.wait(10)
            waiting.wait(10)
        return run(self, work)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(12) as pool:
        patched.setattr(express.Line, "run", slow)
        first = pool.submit(anyone.get, URL)
        waiting.wait(10)
        others = [pool.submit(anyone.get, url) for url in [URL] * 6 + [sales[0].url] * 4]
        together = market.app.extensions["campaigns_shown"]
        while len(together._waiting) < 10:
            pass
        waiting.wait(10)
        answers = [each.result(10) for each in (first, *others)]
    assert {each.status_code for each in answers} == {200}
    assert len({each.data for each in answers}) == 2
    assert looks == [1, 2], "the first alone, then two questions for ten who asked them"


MOMENTS = st.integers(0, 40).map(lambda minute: datetime(2026, 11, 25, 8, minute, tzinfo=UTC))
WINDOWS = st.tuples(MOMENTS, MOMENTS).filter(lambda pair: pair[0] < pair[1])


@given(
    rows=st.lists(st.tuples(st.sampled_from(CampaignState), WINDOWS), max_size=4),
    one=MOMENTS,
    other=MOMENTS,
    limit=st.integers(1, 4),
)
def test_a_text_holds_exactly_while_no_campaign_opens_or_closes(rows, one, other, limit) -> None:
    raw = json.dumps(
        [
            {
                "id": str(number),
                "state": state.value,
                "opens_at": at.isoformat(),
                "closes_at": until.isoformat(),
            }
            for number, (state, (at, until)) in enumerate(rows)
        ]
    )
    shaped = shapes.campaign_page(raw, limit=limit, now=one)
    assert shaped.holds_at(one)
    if shaped.holds_at(other):
        assert shapes.campaign_page(raw, limit=limit, now=other).text == shaped.text


def test_what_is_remembered_is_bounded(market: Market, sales, anyone: Caller, monkeypatch) -> None:
    monkeypatch.setattr(showing, "QUESTIONS_REMEMBERED_MAX", 3)
    for limit in range(1, 9):
        assert anyone.get(f"{URL}?limit={limit}").status_code == 200
        assert len(market.app.extensions["campaigns_told"]) <= 3
        assert len(market.app.extensions["campaigns_said"]) <= 3
