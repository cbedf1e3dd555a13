"""The progress of a campaign: one shared statement, a version that only grows, the clock's moves counted."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import planning, progress, schemas, streaming
from campaigns.states import CampaignEvent, CampaignState, next_change, state_at
from marketplace import context, database, errors, express, leaving
from marketplace.access import Role
from tests.builders import Market, assert_refused, held, ordered, paid
from tests.house import Caller

OPENS = datetime(2026, 9, 1, tzinfo=UTC)
CLOSES = OPENS + timedelta(days=10)


def url(sale) -> str:
    return f"{sale.url}/progress"


def move(market: Market, sale, event: CampaignEvent) -> None:
    database.transact(
        lambda session: planning.move(
            session, market.ctx, campaign_id=sale.campaign_id, event=event, reason="rain"
        )
    )


@given(st.sampled_from(sorted(CampaignState)), st.integers(-20, 20))
def test_the_next_change_is_the_next_moment_at_which_the_state_changes(state: str, days: int) -> None:
    now = OPENS + timedelta(days=days)
    window: dict[str, Any] = {"opens_at": OPENS, "closes_at": CLOSES}
    seen = state_at(state, **window, now=now)
    found = next_change(seen, **window)
    if found is None:
        assert state_at(seen, **window, now=CLOSES + timedelta(days=99)) == seen
    else:
        event, at = found
        assert at > now
        assert state_at(seen, **window, now=at - timedelta(microseconds=1)) == seen
        assert state_at(seen, **window, now=at) != seen
        assert event in (CampaignEvent.OPEN, CampaignEvent.CLOSE)


def test_sold_held_and_left_are_told_and_the_version_grows_with_each(
    market: Market, anyone: Caller, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(20)
    seen = [anyone.get(url(sale)).json]
    held(shopper, sale, 2)
    seen.append(anyone.get(url(sale)).json)
    paid(as_role(Role.SHOPPER), operator, sale, 3)
    seen.append(anyone.get(url(sale)).json)
    names = ("boxes_sold", "boxes_held", "boxes_left", "grams_sold")
    assert [tuple(each[name] for name in names) for each in seen] == [
        (0, 0, 20, 0),
        (0, 2, 18, 0),
        (3, 2, 15, 15_000),
    ]
    assert seen[0]["version"] < seen[1]["version"] < seen[2]["version"]
    [item] = seen[2]["items"]
    assert (item["item_id"], item["boxes_left"]) == (str(sale.item_id), 15)
    assert seen[2]["next_change"]["event"] == "close"
    assert list(seen[2]) == list(schemas.Progress().fields)
    assert list(item) == list(schemas.ItemProgress().fields)
    assert list(seen[2]["next_change"]) == list(schemas.NextChange().fields)


def test_who_has_it_already_is_told_so(market: Market, anyone: Caller, shopper: Caller) -> None:
    sale = market.on_sale(5)
    tag = anyone.get(url(sale)).headers["ETag"]
    assert anyone.get(url(sale), headers={"If-None-Match": tag}).status_code == 304
    held(shopper, sale, 1)
    assert anyone.get(url(sale), headers={"If-None-Match": tag}).status_code == 200


def test_what_the_clock_moves_counts_as_the_change_that_will_be_written(
    market: Market, anyone: Caller, monkeypatch
) -> None:
    sale = market.over(5)
    now = context.now_utc()
    opened_at = now - timedelta(days=2)
    monkeypatch.setattr(context, "now_utc", lambda: opened_at + timedelta(minutes=1))
    before = anyone.get(url(sale)).json
    assert before["next_change"]["event"] == "close"
    monkeypatch.setattr(context, "now_utc", lambda: now)
    by_clock = anyone.get(url(sale)).json
    assert (by_clock["state"], by_clock["next_change"]) == ("deposit_closed", None)
    assert by_clock["version"] == before["version"] + 1
    database.transact(lambda session: planning.follow_clock_everywhere(session, market.ctx))
    written = anyone.get(url(sale)).json
    assert written["state"] == "deposit_closed"
    assert written["version"] >= by_clock["version"]


def test_it_is_one_statement_which_a_crowd_shares(market: Market, anyone: Caller, monkeypatch) -> None:
    sale = market.on_sale(5)
    counted: list[int] = []
    look = express.Work.look

    def counting(self: express.Work, *statements: express.Statement) -> list[Any]:
        counted.append(len(statements))
        return look(self, *statements)

    monkeypatch.setattr(express.Work, "look", counting)
    monkeypatch.setattr("campaigns.showing.time.monotonic_ns", lambda: 1)
    answers = {anyone.get(url(sale)).data for _ in range(5)}
    assert (len(answers), counted) == (1, [1])


def test_a_draft_is_for_insiders(market: Market, anyone: Caller, shopper: Caller, operator: Caller) -> None:
    sale = market.draft()
    for caller in (anyone, shopper):
        for path in (url(sale), f"{url(sale)}/stream"):
            assert_refused(caller.get(path), 404, "campaign_not_found")
    assert operator.get(url(sale)).json["state"] == "draft"


@pytest.fixture
def opened(market: Market):
    """`opened(sale)`: a stream, as the view opens it; all are closed in the end."""
    made: list[streaming.Stream] = []

    def open_one(sale, *, address: str = "a", seen: str | None = None) -> streaming.Stream:
        asked = progress.question(market.later(), campaign_id=sale.campaign_id)
        first = progress.one(asked, now=context.now_utc())
        stream = streaming.streams().open(asked, first, address=address, seen=seen, poll=url(sale))
        made.append(stream)
        return stream

    yield open_one
    for each in made:
        each.close()
    assert streaming.streams().count() == 0


def looking() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "progress"]


def wait_until(is_so) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_event_is_what_is_now_and_the_next_what_changed(market, shopper, anyone, opened) -> None:
    sale = market.on_sale(9)
    stream = opened(sale)
    now = anyone.get(url(sale))
    head, _, event = next(stream).partition(b"\n\n")
    assert head == b"retry: 3000"
    assert event == f"id: {now.json['version']}\nevent: progress\ndata: {now.text}\n\n".encode()
    held(shopper, sale, 4)
    changed = next(stream)
    assert b'"boxes_held":4' in changed
    assert changed.startswith(f"id: {anyone.get(url(sale)).json['version']}\n".encode())


def test_who_comes_back_with_the_last_id_is_not_told_the_same_again(market, anyone, opened) -> None:
    sale = market.on_sale(9)
    version = str(anyone.get(url(sale)).json["version"])
    assert next(opened(sale, seen=version)) == b"retry: 3000\n\n"
    for other in ("0", "x", "٣", "9" * 40, ""):
        stream = opened(sale, seen=other, address=other)
        assert b"event: progress" in next(stream)
        stream.close()


def test_one_thread_looks_for_all_streams_of_a_campaign_and_ends_with_the_last(market, opened) -> None:
    sale, other = market.on_sale(9), market.on_sale(9)
    streams = [opened(sale, address=str(number)) for number in range(3)]
    assert len(looking()) == 1
    second = opened(other, address="x")
    assert len(looking()) == 2
    second.close()
    second.close()
    wait_until(lambda: len(looking()) == 1)
    for each in streams:
        each.close()
    wait_until(lambda: not looking())


def test_streams_are_few_for_a_process_and_fewer_for_an_address(market, opened, monkeypatch) -> None:
    sale = market.on_sale(9)
    mine = [opened(sale), opened(sale)]
    with pytest.raises(streaming.StreamsOfAddress) as refused:
        opened(sale)
    assert refused.value.facts == {"poll": url(sale)}
    opened(sale, address="b")
    last = opened(sale, address="c")
    with pytest.raises(streaming.NoStreamFree):
        opened(sale, address="d")
    last.close()
    opened(sale, address="d").close()
    monkeypatch.setitem(market.app.extensions, "web_threads", 12)
    with pytest.raises(streaming.NoStreamFree):
        opened(sale, address="e")
    mine[0].close()
    opened(sale, address="e")


def test_a_stream_that_nobody_closed_counts_no_more_after_a_while(market, opened, monkeypatch) -> None:
    sale = market.on_sale(9)
    for number in range(4):
        opened(sale, address=str(number))
    monkeypatch.setattr(streaming, "GRACE_SECONDS", -5)
    opened(sale, address="y")
    assert streaming.streams().count() == 1


def test_a_quiet_stream_breathes_and_ends_in_time(market, opened, monkeypatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.2)
    stream = opened(market.on_sale(9))
    started = time.monotonic()
    told = list(stream)
    assert 0.9 < time.monotonic() - started < 3
    assert set(told[1:]) == {b": still here\n\n"}
    assert 3 <= len(told) <= 6
    assert streaming.streams().count() == 0


def test_a_stream_ends_when_the_process_is_about_to_or_the_campaign_is_gone(
    market, opened, monkeypatch
) -> None:
    sale = market.scheduled(5, at=market.ctx, opens_in=timedelta(days=1))
    stream = opened(sale)
    next(stream)
    move(market, sale, CampaignEvent.CANCEL)
    with pytest.raises(StopIteration):
        next(stream)
    stream = opened(market.on_sale(5))
    next(stream)
    monkeypatch.setattr(leaving, "has_begun", lambda: True)
    with pytest.raises(StopIteration):
        next(stream)


def test_at_the_door_it_is_an_event_stream_and_what_is_too_many_points_at_polling(
    market, anyone: Caller, opened
) -> None:
    sale = market.on_sale(9)
    answer = anyone.get(f"{url(sale)}/stream")
    assert answer.mimetype == "text/event-stream"
    assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-store", "no")
    assert answer.text.startswith("retry: 3000\n\nid: ")
    head = anyone.call("HEAD", f"{url(sale)}/stream")
    assert (head.status_code, head.data, streaming.streams().count()) == (200, b"", 0)
    mine = [opened(sale, address="127.0.0.1") for _ in range(2)]
    document = assert_refused(anyone.get(f"{url(sale)}/stream"), 429, "streams_of_address")
    assert document["poll"] == url(sale)
    mine[0].close()
    for number in range(3):
        opened(sale, address=str(number))
    refused = anyone.get(f"{url(sale)}/stream")
    assert assert_refused(refused, 503, "no_stream_free")["poll"] == url(sale)
    assert int(refused.headers["Retry-After"]) > 0
    assert anyone.get(url(sale)).status_code == 200


def test_a_shopper_and_a_passer_by_are_fed_by_the_same_look(market, as_role, opened) -> None:
    sale = market.on_sale(9)
    order = ordered(as_role(Role.SHOPPER), sale)
    assert order["boxes"] == 1
    assert len({each.feed for each in (opened(sale, address="1"), opened(sale, address="2"))}) == 1


def test_while_the_database_is_away_a_stream_waits_and_then_goes_on(
    market, shopper, opened, monkeypatch
) -> None:
    sale = market.on_sale(9)
    stream = opened(sale)
    next(stream)
    one, looks = progress.one, []

    def away(asked, *, now):
        looks.append(now)
        if len(looks) == 1:
            raise errors.TryLater
        return one(asked, now=now)

    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(progress, "one", away)
    wait_until(lambda: len(looks) > 1)
    monkeypatch.setattr(progress, "one", one)
    held(shopper, sale, 2)
    assert b'"boxes_held":2' in next(stream)


def test_the_place_of_who_is_gone_is_free_even_if_the_stream_never_began(market, opened) -> None:
    sale = market.on_sale(9)
    for _ in range(5):
        opened(sale).close()
    assert streaming.streams().count() == 0


def test_the_goal_is_told_and_whether_what_is_paid_reaches_it(
    market: Market, shopper: Caller, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=3)
    told = []
    for _ in range(2):
        paid(shopper, operator, sale, 2)
        found = anyone.get(f"{sale.url}/progress").json
        told.append((found["boxes_sold"], found["goal_boxes"], found["goal_grams"], found["goal_is_reached"]))
    assert told == [(2, 3, None, False), (4, 3, None, True)]
