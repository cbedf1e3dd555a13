"""Events, the audit trail, pages and versions."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from marketplace import audit, context, errors, events
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.context import Actor, Context
from marketplace.database import reading, transact
from tests import house
from tests.ground.shed import put

KEY = "a-key-of-a-shopper-1"
COUNTY = {"name_en": "Yijun", "name_zh": "宜君"}


@dataclass(frozen=True)
class Ripened:
    boxes: int


@dataclass(frozen=True)
class RipenedEarly(Ripened):
    pass


@pytest.fixture
def heard(shed, monkeypatch):
    """What the two subscribers of Ripened have heard, in order."""
    found = []
    monkeypatch.setitem(shed.app.extensions, "events", None)
    events.configure(
        shed.app,
        [
            (Ripened, lambda session, ctx, event: found.append(("first", event.boxes))),
            (Ripened, lambda session, ctx, event: found.append(("second", event.boxes))),
        ],
    )
    return found


def test_subscribers_hear_in_order_and_only_their_own_class(shed, heard):
    with shed.app.app_context():
        transact(lambda session: events.publish(session, context.system(), Ripened(3)))
        transact(lambda session: events.publish(session, context.system(), RipenedEarly(4)))
        transact(lambda session: events.publish(session, context.system(), "nobody listens"))
    assert [boxes for _, boxes in heard] == [3, 3]
    assert [name for name, _ in heard] == ["first", "second"]


def test_a_subscriber_that_refuses_undoes_the_cause(shed, monkeypatch):
    def refuse(session, ctx, event):
        raise errors.Conflict

    monkeypatch.setitem(shed.app.extensions, "events", None)
    events.configure(shed.app, [(Ripened, refuse)])

    def act(session, body):
        made = put(session, body)
        events.publish(session, context.current(), Ripened(1))
        return made

    shed.act = act
    assert shed.post(key=KEY).status_code == 409
    assert shed.effects() == 0


def test_an_audit_row_says_who_did_what_under_which_request(shed):
    shopper = house.caller(shed.app, Role.SHOPPER)
    answer = shopper.post(
        "/v1/shed/boxes", json={"name": "Fuji", "boxes": 2}, headers={"X-Request-Id": "the-request-1"}
    )
    assert answer.status_code == 201
    with shed.app.app_context(), reading() as session:
        row = session.scalar(select(AuditEntry).where(AuditEntry.request_id == "the-request-1"))
        assert (row.action, row.subject_kind, row.subject_id) == ("shed.put", "shed", "Fuji")
        assert row.actor == f"account:{shopper.account_id}"
        assert (row.before, row.after) == (None, {"name": "Fuji", "boxes": 2})
        assert row.at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("actor", "label"),
    [(context.ANONYMOUS, "anonymous"), (context.SYSTEM, "system"), (Actor(kind="service"), "service")],
)
def test_actors_have_labels(shed, actor, label):
    ctx = Context(actor=actor, now=context.now_utc())
    with shed.app.app_context():
        transact(lambda session: audit.record(session, ctx, "x.y", subject=("x", 1), before={"a": "旧"}))
        with reading() as session:
            row = session.scalar(select(AuditEntry))
            assert (row.actor, row.before, row.request_id) == (label, {"a": "旧"}, ctx.request_id)


# Pages


@pytest.fixture
def counties(shed):
    operator = house.caller(shed.app, Role.OPERATOR)
    return [operator.post("/v1/counties", json={"code": f"C{n}", **COUNTY}).json["id"] for n in range(7)]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_the_pages_hold_everything_once_and_in_order(shed, counties, limit):
    seen, address = [], f"/v1/counties?limit={limit}"
    while address:
        page = shed.get(address)
        seen += [each["id"] for each in page.json["items"]]
        link = page.headers.get("Link")
        assert (link is None) == (page.json["next_cursor"] is None)
        address = link.partition(">")[0][1:] if link else None
    assert seen == counties


def test_what_comes_while_somebody_turns_the_pages_moves_nothing(shed, counties):
    first = shed.get("/v1/counties?limit=4").json
    house.caller(shed.app, Role.OPERATOR).post("/v1/counties", json={"code": "NEW", **COUNTY})
    second = shed.get(f"/v1/counties?limit=4&cursor={first['next_cursor']}").json
    assert [each["id"] for each in first["items"] + second["items"]][:7] == counties


def test_a_cursor_beyond_the_end_is_an_empty_page(shed, counties):
    page = shed.get("/v1/counties?cursor=ffffffff-ffff-ffff-ffff-ffffffffffff").json
    assert page == {"items": [], "next_cursor": None}


# Versions


@pytest.fixture
def edit(shed, counties):
    operator = house.caller(shed.app, Role.OPERATOR)

    def put_county(if_match, name="Renamed"):
        headers = {} if if_match is None else {"If-Match": if_match}
        body = {**COUNTY, "name_en": name}
        return operator.put(f"/v1/counties/{counties[0]}", json=body, key=None, headers=headers)

    return put_county


def test_an_edit_names_the_version_it_saw(edit):
    first = edit('"1"')
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert edit('"2"').status_code == 200


def test_the_version_read_is_the_version_to_send(shed, edit, counties):
    tag = shed.get(f"/v1/counties/{counties[0]}").headers["ETag"]
    assert edit(tag).status_code == 200


def test_any_version_may_be_asked_for(edit):
    assert edit("*").status_code == 200
    assert edit('"1", "2"').status_code == 200


def test_an_edit_without_a_version_is_428(edit):
    answer = edit(None)
    assert (answer.status_code, answer.json["code"]) == (428, "precondition_required")


@pytest.mark.parametrize(
    "tag", ['"2"', '"0"', '"-1"', '"01"', '""', "", "x", '"1', 'W/"1"', '"' + "9" * 5_000 + '"', '"1";', "é"]
)
def test_another_version_is_412(edit, tag):
    answer = edit(tag.encode().decode("latin-1"))
    assert (answer.status_code, answer.json["code"]) == (412, "version")
    assert answer.json["version"] == 1
