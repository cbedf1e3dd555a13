"""Sent again: one message, or all since an instant; under the same ids, and asking twice sends once."""

import pytest

from marketplace.webhooks import replaying
from marketplace.webhooks.rules import TRIES_MAX
from tests.builders import assert_refused
from tests.webhooks.conftest import ACCEPTED, REFUSED, deliveries, hurried, messages, registered, turn, worked

PATH = "/v1/webhook-endpoints"


def since(market, **moved):
    return {"since": market.later(**moved).now.isoformat().replace("+00:00", "Z")}


def test_one_message_is_sent_again_under_its_own_id(app, market, operator, receiver):
    made = registered(operator)
    market.case()
    worked(app)
    [row] = deliveries()
    again = operator.post(f"/v1/webhook-deliveries/{row.id}/replay")
    assert again.status_code == 202
    assert (again.json["state"], again.json["attempts"]) == ("waiting", 1)
    assert operator.post(f"/v1/webhook-deliveries/{row.id}/replay").status_code == 202
    worked(app)
    assert [got.headers["webhook-id"] for got in receiver.got] == [str(row.message_id)] * 2
    assert receiver.got[0].body == receiver.got[1].body
    shown = operator.get(f"/v1/webhook-deliveries/{row.id}").json
    assert [each["number"] for each in shown["log"]] == [1, 2]
    assert made["state"] == "enabled"


def test_a_dead_message_has_all_its_tries_again(app, market, operator, receiver):
    made = registered(operator)
    market.case()
    receiver.says = lambda received: REFUSED
    for _ in range(TRIES_MAX):
        hurried()
        turn(market.later(seconds=60), made["id"])
    [row] = deliveries()
    assert (row.state, row.attempts) == ("dead", TRIES_MAX)
    operator.post(f"/v1/webhook-deliveries/{row.id}/replay")
    receiver.says = lambda received: ACCEPTED
    worked(app)  # what is asked for by hand does not wait until the endpoint has rested
    [row] = deliveries()
    assert (row.state, row.attempts, row.tries) == ("delivered", TRIES_MAX + 1, 1)


def test_what_was_missed_while_disabled_is_had_by_a_replay_since_then(app, market, operator, receiver):
    made = registered(operator)
    path = f"{PATH}/{made['id']}"
    market.case()
    worked(app)
    operator.post(f"{path}/disabling")
    market.case()
    market.case()
    operator.post(f"{path}/enabling")
    worked(app)
    assert len(receiver.got) == 1
    answer = operator.post(f"{path}/replays", json=since(market, seconds=-1))
    assert answer.status_code == 202
    assert (answer.json["replayed_count"], answer.json["is_all"]) == (3, True)
    twice = operator.post(f"{path}/replays", json=since(market, seconds=-1))
    assert twice.json["replayed_count"] == 0, "they wait already"
    worked(app)
    assert len(receiver.got) == 4
    assert {got.headers["webhook-id"] for got in receiver.got} == {str(each.id) for each in messages()}
    assert sum(each.is_replay for each in deliveries()) == 2
    assert operator.post(f"{path}/replays", json=since(market, days=1)).json["replayed_count"] == 0


def test_a_replay_brings_nobody_what_is_not_theirs(app, market, operator, receiver):
    market_s_own = registered(operator, events=["case.opened", "lot.status_changed"])
    for cooperative in (0, 1):
        market.case(cooperative=cooperative)
    operator.post(f"{PATH}/{market_s_own['id']}/tests")
    mine = registered(
        operator,
        url="https://one.example.com/",
        events=["case.opened"],
        cooperative_id=str(market.cooperative_ids[0]),
    )
    answer = operator.post(f"{PATH}/{mine['id']}/replays", json=since(market, seconds=-1))
    assert answer.json["replayed_count"] == 1
    worked(app)
    [got] = receiver.of("https://one.example.com/")
    assert got["data"]["cooperative_id"] == str(market.cooperative_ids[0])


def test_more_than_one_replay_takes_is_said(app, market, operator, receiver, monkeypatch):
    monkeypatch.setattr(replaying, "REPLAYED_MAX", 2)
    made = registered(operator)
    for _ in range(3):
        market.case()
    worked(app)
    answer = operator.post(f"{PATH}/{made['id']}/replays", json=since(market, seconds=-1)).json
    assert (answer["replayed_count"], answer["is_all"]) == (2, False)


@pytest.mark.parametrize(
    "body", [{}, {"since": "yesterday"}, {"since": None}, {"since": "1999-01-01T00:00:00Z"}]
)
def test_a_replay_needs_its_instant(operator, market, body):
    made = registered(operator)
    assert_refused(operator.post(f"{PATH}/{made['id']}/replays", json=body), 422, "invalid")


def test_deliveries_are_listed_in_pages_by_their_state(app, market, operator, receiver):
    made = registered(operator)
    for _ in range(3):
        market.case()
    worked(app)
    first = operator.get(f"{PATH}/{made['id']}/deliveries", query_string={"limit": 2})
    assert len(first.json["items"]) == 2
    assert 'rel="next"' in first.headers["Link"]
    rest = operator.get(
        f"{PATH}/{made['id']}/deliveries", query_string={"limit": 2, "cursor": first.json["next_cursor"]}
    ).json
    assert len(rest["items"]) == 1
    assert rest["items"][0]["type"] == "case.opened"
    waiting = operator.get(f"{PATH}/{made['id']}/deliveries", query_string={"state": "waiting"}).json
    assert waiting["items"] == []
