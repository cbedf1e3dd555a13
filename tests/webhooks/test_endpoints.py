"""The doors of endpoints: registered, read, edited, given new secrets, disabled, removed; whose they are."""

import base64
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text

from marketplace import context, database, sealed
from marketplace.access import Role
from marketplace.webhooks import endpoints, replaying
from marketplace.webhooks.catalogue import WISHED
from marketplace.webhooks.models import Delivery, Endpoint, Secret
from marketplace.webhooks.rules import DisabledReason
from tests.builders import assert_refused, at_once
from tests.webhooks.conftest import (
    FOR_COOPERATIVES,
    URL,
    attempts,
    deliveries,
    endpoint_of,
    registered,
    stored,
    turn,
    worked,
)

PATH = "/v1/webhook-endpoints"


def test_the_catalogue_is_shown_with_its_schemas(member):
    items = member.get("/v1/webhook-event-types").json["items"]
    assert {each["name"] for each in items if each["is_wished"]} == set(WISHED)
    [offered] = [each for each in items if each["name"] == "share.offered"]
    assert offered["version"] == 1
    assert offered["data_schema"]["properties"]["answer_due_at"]["type"] == ["string", "null"]


def test_an_endpoint_is_registered_and_its_secret_is_shown_once(market, member):
    made = registered(
        member, events=["share.offered", "share.offered"], cooperative_id=str(market.cooperative_ids[0])
    )
    shown = member.get(f"{PATH}/{made['id']}")
    read = shown.json
    [signs] = read.pop("secrets")
    assert (signs["number"], signs["expires_at"]) == (1, None)
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert shown.headers["ETag"] == '"1"'
    assert made["events"] == ["share.offered"]
    assert (made["state"], made["disabled_reason"], made["failures_in_row"]) == ("enabled", None, 0)
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    assert len(key) == 32
    [kept] = stored_secrets()
    assert key not in kept.sealed
    assert sealed.unseal(kept.sealed, context=f"webhook_secret:{made['id']}:1") == key


def stored_secrets():
    with database.reading() as session:
        rows = session.query(Secret).order_by(Secret.number).all()
        session.expunge_all()
    return rows


def test_an_operator_registers_for_the_marketplace_and_for_a_cooperative(market, operator, as_role):
    own = registered(operator)
    theirs = registered(operator, events=FOR_COOPERATIVES, cooperative_id=str(market.cooperative_ids[1]))
    assert (own["cooperative_id"], theirs["cooperative_id"]) == (None, str(market.cooperative_ids[1]))
    auditor = as_role(Role.AUDITOR)
    assert len(auditor.get(PATH).json["items"]) == 2
    only = auditor.get(PATH, query_string={"cooperative_id": str(market.cooperative_ids[1])}).json["items"]
    assert [each["id"] for each in only] == [theirs["id"]]


def test_a_member_registers_for_its_own_cooperative_alone(market, member):
    body = {"url": URL, "events": ["share.offered"], "description": "x"}
    for foreign in (None, str(market.cooperative_ids[1]), str(uuid.uuid4())):
        refused = member.post(PATH, json={**body, "cooperative_id": foreign})
        assert refused.status_code == 404
    assert not stored(Endpoint)


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "https://127.0.0.1/", "https://localhost/", "https://a:b@hooks.example.com/",
     "https://hooks.example.com:8443/", "https://hooks.example.com/#x", "https://2130706433/", "ftp://a.example"],
)  # fmt: skip
def test_an_address_that_may_not_be_called_is_refused_in_both_languages(operator, url):
    body = {"url": url, "events": ["share.offered"], "description": "x"}
    problem = assert_refused(operator.post(PATH, json=body), 422, "url_not_allowed")
    assert problem["errors"][0]["pointer"] == "/url"
    chinese = operator.post(PATH, json=body, headers={"Accept-Language": "zh"}).json
    assert chinese["title"] == "不允许使用该地址。"


def test_an_event_that_is_not_in_the_catalogue_is_refused(operator):
    body = {"url": URL, "events": ["hold.placed"], "description": "x"}
    assert operator.post(PATH, json=body).status_code == 422
    assert operator.post(PATH, json={**body, "events": []}).status_code == 422
    assert operator.post(PATH, json={**body, "events": ["webhook.test"]}).status_code == 422


def test_a_cooperative_is_not_told_of_what_never_concerns_it(market, member, operator):
    cooperative_id = str(market.cooperative_ids[0])
    body = {"url": URL, "events": ["payment.received"], "description": "x", "cooperative_id": cooperative_id}
    problem = assert_refused(member.post(PATH, json=body), 409, "event_not_for_cooperatives")
    assert problem["events"] == ["payment.received"]


def test_an_owner_has_at_most_ten_even_when_asked_at_once(market, app, operator):
    for _ in range(8):
        registered(operator)
    ctx = market.ctx

    def one():
        return database.transact(
            lambda session: endpoints.register(
                session, ctx, url=URL, events=["share.offered"], description="x", cooperative_id=None
            )
        )

    answers = at_once(app, [one] * 5)
    assert sum(isinstance(each, endpoints.TooManyEndpoints) for each in answers) == 3
    problem = operator.post(PATH, json={"url": URL, "events": ["share.offered"], "description": "x"})
    assert_refused(problem, 409, "too_many_endpoints")
    gone = stored(Endpoint)[0]
    assert operator.delete(f"{PATH}/{gone.id}").status_code == 204
    registered(operator)


def test_an_edit_says_which_version_it_saw(market, member):
    made = registered(member, events=["share.offered"], cooperative_id=str(market.cooperative_ids[0]))
    body = {"url": "https://other.example.com/x", "events": ["case.opened"], "description": "new"}
    path = f"{PATH}/{made['id']}"
    assert_refused(member.put(path, json=body), 428, "precondition_required")
    edited = member.put(path, json=body, headers={"If-Match": '"1"'})
    assert edited.status_code == 200
    assert (edited.json["url"], edited.json["events"]) == ("https://other.example.com/x", ["case.opened"])
    assert_refused(member.put(path, json=body, headers={"If-Match": '"1"'}), 412, "version")
    worse = member.put(path, json={**body, "url": "https://10.0.0.1/"}, headers={"If-Match": '"2"'})
    assert_refused(worse, 422, "url_not_allowed")
    foreign = member.put(path, json={**body, "events": ["payment.failed"]}, headers={"If-Match": '"2"'})
    assert_refused(foreign, 409, "event_not_for_cooperatives")


def test_secrets_are_rotated_with_an_overlap_and_not_without_end(operator):
    made = registered(operator)
    path = f"{PATH}/{made['id']}/secrets"
    second = operator.post(path, json={})
    assert second.status_code == 201
    third = operator.post(path, json={"overlap_hours": 2})
    ends = [each.expires_at for each in stored_secrets()]
    assert ends[2] is None
    live = operator.get(f"{PATH}/{made['id']}").json["secrets"]
    assert [(each["number"], each["expires_at"] is None) for each in live] == [
        (3, True),
        (2, False),
        (1, False),
    ]
    assert ends[0] == ends[1], "the shorter overlap holds for both"
    assert len({made["secret"], second.json["secret"], third.json["secret"]}) == 3
    assert_refused(operator.post(path, json={"overlap_hours": 1}), 409, "too_many_secrets")
    assert operator.post(path, json={"overlap_hours": 0}).status_code == 201
    assert [each.number for each in stored_secrets()] == [4], "what is over is not kept"
    assert operator.post(path, json={"overlap_hours": 169}).status_code == 422


def test_secrets_are_sealed_anew_when_the_key_of_the_app_changed(app, operator, monkeypatch):
    """All parts of their key are told apart: two endpoints, with three secrets and one, in batches of two."""
    monkeypatch.setattr("marketplace.resealing.BATCH", 2)
    first, second = registered(operator), registered(operator)
    newer = [operator.post(f"{PATH}/{first['id']}/secrets", json={}).json["secret"] for _ in range(2)]
    settings = app.config["SETTINGS"]
    changed = replace(settings, secret_key="a-newer-secret-" * 3, secret_key_before=settings.secret_key)
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    run = app.test_cli_runner().invoke(args=["reseal"])
    assert (run.exit_code, run.exception) == (0, None)
    assert "webhook_secret: 4 sealed anew." in run.output
    monkeypatch.setitem(app.config, "SETTINGS", replace(changed, secret_key_before=""))
    for made, secrets in ((first, [first["secret"], *newer]), (second, [second["secret"]])):
        with database.reading() as session:
            keys = endpoints.keys_of(session, context.system(), endpoint_id=uuid.UUID(made["id"]))
        assert {f"whsec_{base64.b64encode(key).decode()}" for key in keys} == set(secrets)


def test_disabling_and_enabling_follow_each_other(operator):
    made = registered(operator)
    path = f"{PATH}/{made['id']}"
    assert_refused(operator.post(f"{path}/enabling"), 409, "endpoint_enabled")
    disabled = operator.post(f"{path}/disabling").json
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by_hand")
    assert_refused(operator.post(f"{path}/disabling"), 409, "endpoint_disabled")
    assert_refused(operator.post(f"{path}/tests"), 409, "endpoint_disabled")
    assert_refused(
        operator.post(f"{path}/replays", json={"since": "2026-01-01T00:00:00Z"}), 409, "endpoint_disabled"
    )
    enabled = operator.post(f"{path}/enabling").json
    assert (enabled["state"], enabled["disabled_reason"], enabled["disabled_at"]) == ("enabled", None, None)


def test_a_removed_endpoint_is_gone_with_its_secrets_and_what_waited(app, market, operator, receiver):
    made = registered(operator)
    path = f"{PATH}/{made['id']}"
    waiting = operator.post(f"{path}/tests").json
    assert operator.delete(path).status_code == 204
    assert operator.get(path).status_code == 404
    assert operator.get(f"/v1/webhook-deliveries/{waiting['id']}").status_code == 404
    assert operator.get(f"{path}/deliveries").status_code == 404
    assert operator.delete(path).status_code == 404
    worked(app)
    assert not receiver.got
    assert [each.state for each in deliveries()] == ["dead"]
    assert not stored_secrets()


def test_a_secret_that_cannot_be_read_stops_its_endpoint_and_a_new_one_mends_it(
    app, market, operator, receiver
):
    made = registered(operator)
    path = f"{PATH}/{made['id']}"
    database.transact(lambda session: session.query(Secret).update({"sealed": b"\x01" * 60}))
    sent = operator.post(f"{path}/tests").json
    turn(market.later(seconds=60), made["id"])
    assert endpoint_of(made).disabled_reason == DisabledReason.SECRET_UNREADABLE
    assert_refused(operator.post(f"{path}/enabling"), 409, "secret_unreadable")
    assert operator.post(f"{path}/secrets", json={"overlap_hours": 0}).status_code == 201
    assert operator.post(f"{path}/enabling").status_code == 200
    worked(app)
    shown = operator.get(f"/v1/webhook-deliveries/{sent['id']}").json
    assert shown["state"] == "delivered"


def test_what_is_foreign_is_missing(market, member, as_role, receiver):
    made = registered(member, events=["case.opened"], cooperative_id=str(market.cooperative_ids[0]))
    test = member.post(f"{PATH}/{made['id']}/tests").json
    other = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:2])
    for method, path, body in (
        ("GET", f"{PATH}/{made['id']}", None),
        ("DELETE", f"{PATH}/{made['id']}", None),
        ("POST", f"{PATH}/{made['id']}/secrets", {}),
        ("POST", f"{PATH}/{made['id']}/disabling", None),
        ("POST", f"{PATH}/{made['id']}/enabling", None),
        ("POST", f"{PATH}/{made['id']}/tests", None),
        ("POST", f"{PATH}/{made['id']}/replays", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"{PATH}/{made['id']}/deliveries", None),
        ("GET", f"/v1/webhook-deliveries/{test['id']}", None),
        ("POST", f"/v1/webhook-deliveries/{test['id']}/replay", None),
    ):
        assert other.call(method, path, json=body).status_code == 404, (method, path)
    assert other.get(PATH).json["items"] == []


def test_the_app_s_role_cannot_change_what_was_told(market, operator, receiver):
    made = registered(operator)
    operator.post(f"{PATH}/{made['id']}/tests")
    turn(market.later(seconds=60), made["id"])
    for statement in ("UPDATE webhook_message SET type = 'x'", "UPDATE webhook_attempt SET status = 1"):
        with pytest.raises(Exception, match="permission denied"):
            database.transact(lambda session, sql=statement: session.execute(text(sql)))


def test_old_messages_are_forgotten_with_their_deliveries(market, operator, receiver):
    made = registered(operator)
    operator.post(f"{PATH}/{made['id']}/tests")
    turn(market.later(seconds=60), made["id"])
    from_then = market.later(days=31)
    assert database.transact(lambda session: replaying.forget_old(session, market.later(days=29))) == 0
    assert database.transact(lambda session: replaying.forget_old(session, from_then)) == 1
    assert not stored(Delivery)
    assert not attempts()
