"""Accounts, roles and memberships."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from marketplace import context, database, errors
from marketplace.access import Role
from marketplace.identity import accounts
from tests.house import Caller
from tests.identity.conftest import PASSWORD, PHONE, make_cooperatives

AsRole = Callable[..., Caller]

BUYER = {"name": "Chen Buyer", "roles": ["buyer"], "login": "chen", "password": PASSWORD}


@pytest.fixture
def operator(as_role: AsRole) -> Caller:
    return as_role(Role.OPERATOR)


def made(operator: Caller, **changes: Any) -> dict[str, Any]:
    response = operator.post("/v1/accounts", {**BUYER, **changes})
    assert response.status_code == 201, response.json
    answer: dict[str, Any] = response.json
    return answer


def set_roles(caller: Caller, account_id: object, version: int, *roles: str, **more: Any) -> Any:
    body = {"roles": list(roles), **more}
    headers = {"If-Match": f'"{version}"'}
    return caller.put(f"/v1/accounts/{account_id}/roles", body, headers=headers)


def test_an_operator_makes_an_account(operator: Caller, anyone: Caller) -> None:
    response = operator.post("/v1/accounts", {**BUYER, "login": "Chen", "phone": PHONE})
    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/accounts/{response.json['id']}"
    assert response.headers["ETag"] == '"1"'
    shown = {name: response.json[name] for name in ("login", "phone", "status", "roles", "cooperative_ids")}
    assert shown == {
        "login": "chen",
        "phone": "+8613800138000",
        "status": "active",
        "roles": ["buyer"],
        "cooperative_ids": [],
    }
    assert not [name for name in response.json if "password" in name]
    assert operator.get(response.headers["Location"]).json == response.json
    assert anyone.post("/v1/sessions", {"login": "chen", "password": PASSWORD}).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"login": "CHEN"}, 409, "login_taken"),
        ({"login": "li", "phone": PHONE}, 422, "invalid"),
        ({"login": "other", "phone": PHONE}, 409, "phone_taken"),
        ({"login": "has space"}, 422, "login_not_usable"),
        ({"login": "other", "phone": "110"}, 422, "phone_not_usable"),
        ({"login": "other", "password": "short"}, 422, "invalid"),
        ({"login": "other", "roles": []}, 422, "invalid"),
        ({"login": "other", "roles": ["system"]}, 422, "invalid"),
        ({"login": "other", "roles": ["service"]}, 422, "invalid"),
        ({"login": "other", "roles": ["anonymous"]}, 422, "invalid"),
        ({"login": "other", "status": "disabled"}, 422, "invalid"),
        ({"login": "other", "name": ""}, 422, "invalid"),
        ({"login": "other", "name": "a\u202eb"}, 422, "invalid"),
        ({"login": "other", "cooperative_ids": [str(uuid.uuid4())]}, 422, "membership_needs_role"),
        ({"login": "other", "cooperative_ids": ["x"]}, 422, "invalid"),
    ],
)
def test_what_an_account_cannot_be(operator: Caller, changes: dict[str, Any], status: int, code: str) -> None:
    made(operator, phone=PHONE)
    response = operator.post("/v1/accounts", {**BUYER, **changes})
    assert (response.status_code, response.json["code"]) == (status, code), response.json


def test_a_login_needs_a_password_and_the_other_way_round(operator: Caller) -> None:
    for one in ({"login": "alone"}, {"password": PASSWORD}):
        response = operator.post("/v1/accounts", {"name": "A", "roles": ["buyer"], **one})
        assert (response.status_code, response.json["code"]) == (422, "login_not_usable")


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.SERVICE, Role.SYSTEM])
def test_only_peoples_roles_are_assignable(app: Flask, role: Role) -> None:
    with pytest.raises(accounts.RoleNotAssignable), database.transaction() as session:
        accounts.create(session, context.system(), name="A", roles=frozenset({Role.BUYER, role}))


def test_a_short_password_is_refused_below_the_door_too(app: Flask) -> None:
    with pytest.raises(accounts.PasswordNotUsable), database.transaction() as session:
        accounts.create(
            session,
            context.system(),
            name="A",
            roles=frozenset({Role.BUYER}),
            login="abc",
            password="short",
        )


def test_lists_come_in_pages(operator: Caller) -> None:
    ids = [made(operator, login=f"buyer{number}")["id"] for number in range(3)]
    first = operator.get("/v1/accounts?limit=2")
    assert [item["id"] for item in first.json["items"]] == [str(operator.account_id), ids[0]]
    assert 'rel="next"' in first.headers["Link"]
    second = operator.get(f"/v1/accounts?limit=2&cursor={first.json['next_cursor']}")
    assert [item["id"] for item in second.json["items"]] == ids[1:]
    assert second.json["next_cursor"] is None


def test_auditors_read_accounts_and_change_none(as_role: AsRole, operator: Caller) -> None:
    auditor, account = as_role(Role.AUDITOR), made(operator)
    assert auditor.get("/v1/accounts").status_code == 200
    assert auditor.get(f"/v1/accounts/{account['id']}").status_code == 200
    assert set_roles(auditor, account["id"], 1, "operator").status_code == 403


WRITES = (
    ("POST", "/v1/accounts"),
    ("PUT", "/v1/accounts/{id}/roles"),
    ("POST", "/v1/accounts/{id}/disabling"),
    ("POST", "/v1/accounts/{id}/enabling"),
    ("DELETE", "/v1/accounts/{id}/sessions"),
    ("POST", "/v1/service-keys"),
    ("GET", "/v1/service-keys"),
    ("DELETE", "/v1/service-keys/{id}"),
)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_only_operators_manage_accounts_and_keys(as_role: AsRole, method: str, path: str) -> None:
    for role in (Role.SHOPPER, Role.COOPERATIVE, Role.BUYER, Role.AUDITOR):
        caller = as_role(role)
        address = path.format(id=caller.account_id)
        assert caller.call(method, address, json={}).status_code == 403
    assert Caller(caller.app).call(method, address, json={}).status_code == 401


@pytest.mark.parametrize("role", [Role.SHOPPER, Role.COOPERATIVE, Role.BUYER])
def test_other_people_read_no_accounts_but_their_own(as_role: AsRole, role: Role) -> None:
    caller = as_role(role)
    assert caller.get("/v1/accounts").status_code == 403
    assert caller.get(f"/v1/accounts/{caller.account_id}").status_code == 403
    own = caller.get("/v1/accounts/me")
    assert own.json["id"] == str(caller.account_id)
    assert own.headers["ETag"] == '"1"'


@pytest.mark.parametrize(("method", "path"), [write for write in WRITES if "accounts/{id}" in write[1]])
def test_missing_accounts_are_not_found(operator: Caller, method: str, path: str) -> None:
    body = {"roles": ["buyer"]} if method == "PUT" else None
    response = operator.call(method, path.format(id=uuid.uuid4()), json=body, headers={"If-Match": '"1"'})
    assert (response.status_code, response.json["code"]) == (404, "account_not_found")
    assert operator.get(f"/v1/accounts/{uuid.uuid4()}").status_code == 404


def test_roles_and_memberships_are_replaced_and_sessions_end(operator: Caller, as_role: AsRole) -> None:
    member = as_role(Role.SHOPPER)
    response = set_roles(operator, member.account_id, 1, "shopper", "buyer")
    assert response.status_code == 200
    assert response.json["roles"] == ["buyer", "shopper"]
    assert response.headers["ETag"] == '"2"'
    assert member.get("/v1/accounts/me").status_code == 401
    again = set_roles(operator, member.account_id, 2, "buyer")
    assert again.json["roles"] == ["buyer"]


def test_a_member_acts_for_the_cooperatives_it_is_given(operator: Caller) -> None:
    first, second, third = (str(cooperative_id) for cooperative_id in make_cooperatives(3))
    account = made(operator, roles=["cooperative"], cooperative_ids=[first, second, second])
    assert account["cooperative_ids"] == [first, second]
    changed = set_roles(operator, account["id"], 1, "cooperative", cooperative_ids=[second, third])
    assert changed.json["cooperative_ids"] == [second, third]
    ended = set_roles(operator, account["id"], 2, "cooperative", "shopper")
    assert (ended.json["cooperative_ids"], ended.json["roles"]) == ([], ["cooperative", "shopper"])


def test_there_is_no_membership_in_a_missing_cooperative(operator: Caller) -> None:
    known = [str(cooperative_id) for cooperative_id in make_cooperatives(1)]
    body = {**BUYER, "roles": ["cooperative"], "cooperative_ids": [*known, str(uuid.uuid4())]}
    assert operator.post("/v1/accounts", body).json["code"] == "cooperative_unknown"
    account = made(operator, roles=["cooperative"], cooperative_ids=known)
    refused = set_roles(operator, account["id"], 1, "cooperative", cooperative_ids=[str(uuid.uuid4())])
    assert (refused.status_code, refused.json["code"]) == (422, "cooperative_unknown")
    assert operator.get(f"/v1/accounts/{account['id']}").json["cooperative_ids"] == known


def test_an_edit_says_which_version_it_saw(operator: Caller) -> None:
    account = made(operator)
    path = f"/v1/accounts/{account['id']}/roles"
    assert operator.put(path, {"roles": ["shopper"]}).status_code == 428
    assert set_roles(operator, account["id"], 1, "shopper").status_code == 200
    assert set_roles(operator, account["id"], 1, "auditor").status_code == 412


def test_roles_that_cannot_be_set(operator: Caller) -> None:
    account = made(operator)
    assert set_roles(operator, account["id"], 1).status_code == 422
    assert set_roles(operator, account["id"], 1, "system").status_code == 422
    refused = set_roles(operator, account["id"], 1, "buyer", cooperative_ids=[str(uuid.uuid4())])
    assert refused.json["code"] == "membership_needs_role"


def test_disabling_shuts_out_at_once_and_enabling_lets_in_anew(operator: Caller, as_role: AsRole) -> None:
    shopper = as_role(Role.SHOPPER)
    path = f"/v1/accounts/{shopper.account_id}"
    disabled = operator.post(f"{path}/disabling")
    assert (disabled.status_code, disabled.json["status"]) == (200, "disabled")
    assert shopper.get("/v1/accounts/me").status_code == 401
    again = operator.post(f"{path}/disabling")
    assert (again.status_code, again.json["code"]) == (409, "state")
    assert operator.post(f"{path}/enabling").json["status"] == "active"
    assert shopper.get("/v1/accounts/me").status_code == 401
    assert operator.post(f"{path}/enabling").status_code == 409


def test_a_disabled_account_is_out_even_if_a_session_stayed(operator: Caller, as_role: AsRole) -> None:
    shopper = as_role(Role.SHOPPER)
    with database.transaction() as session:
        accounts.get(session, account_id=shopper.account_id or uuid.uuid4()).status = "disabled"
    assert shopper.get("/v1/accounts/me").status_code == 401


def test_an_operator_ends_all_sessions_of_an_account(operator: Caller, as_role: AsRole) -> None:
    shopper = as_role(Role.SHOPPER)
    assert operator.delete(f"/v1/accounts/{shopper.account_id}/sessions").status_code == 204
    assert shopper.get("/v1/accounts/me").status_code == 401


def test_the_last_active_operator_stays(operator: Caller) -> None:
    refused = set_roles(operator, operator.account_id, 1, "buyer")
    assert (refused.status_code, refused.json["code"]) == (409, "last_operator")
    refused = operator.post(f"/v1/accounts/{operator.account_id}/disabling")
    assert (refused.status_code, refused.json["code"]) == (409, "last_operator")
    assert set_roles(operator, operator.account_id, 1, "operator", "auditor").status_code == 200


def test_a_disabled_operator_does_not_count(operator: Caller, as_role: AsRole) -> None:
    other = as_role(Role.OPERATOR)
    assert operator.post(f"/v1/accounts/{other.account_id}/disabling").status_code == 200
    assert set_roles(operator, operator.account_id, 1, "buyer").status_code == 409


def test_two_operators_cannot_take_the_role_from_each_other_at_once(app: Flask, as_role: AsRole) -> None:
    pair = [as_role(Role.OPERATOR), as_role(Role.OPERATOR)]
    together = threading.Barrier(2)
    found: list[str] = []

    def leave(caller: Caller) -> None:
        with app.app_context():
            together.wait()

            def work(session: Any) -> None:
                assert caller.account_id is not None
                accounts.disable(session, context.system(), account_id=caller.account_id)

            try:
                database.transact(work)
                found.append("left")
            except errors.Refusal as refusal:
                found.append(refusal.code)

    threads = [threading.Thread(target=leave, args=(caller,)) for caller in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["last_operator", "left"]


def test_the_same_login_asked_for_at_once_is_given_once(app: Flask) -> None:
    together = threading.Barrier(4)
    found: list[str] = []

    def take() -> None:
        with app.app_context():
            together.wait()
            try:
                database.transact(
                    lambda session: accounts.create(
                        session,
                        context.system(),
                        name="A",
                        roles=frozenset({Role.BUYER}),
                        login="wanted",
                        password=PASSWORD,
                    )
                )
                found.append("made")
            except errors.Refusal as refusal:
                found.append(refusal.code)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["login_taken"] * 3 + ["made"]
