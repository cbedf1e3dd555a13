"""Keys for programs."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from marketplace import context
from marketplace.access import ACCESS, Role
from marketplace.context import Actor
from marketplace.identity import arrivals
from marketplace.identity.scopes import SCOPES
from tests.house import Caller
from tests.identity.conftest import with_token


@pytest.fixture
def operator(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.OPERATOR)


def made(operator: Caller, *scopes: str) -> dict[str, Any]:
    response = operator.post("/v1/service-keys", {"name": "Partner", "scopes": list(scopes)})
    assert response.status_code == 201, response.json
    assert response.headers["Cache-Control"] == "private, no-store"
    answer: dict[str, Any] = response.json
    return answer


def actor_of(key: str) -> Actor:
    return arrivals.authenticate(key, now=context.now_utc())


def test_a_key_stands_for_a_program_with_its_scopes(operator: Caller) -> None:
    key = made(operator, "orders.read", "lots.read", "lots.read")
    assert key["key"].startswith("svc_")
    assert key["scopes"] == ["lots.read", "orders.read"]
    actor = actor_of(key["key"])
    assert (actor.kind, actor.id, actor.roles) == ("service", uuid.UUID(key["id"]), {Role.SERVICE})
    assert actor.scopes == {"lots.read", "orders.read"}


def test_a_key_is_shown_once(operator: Caller) -> None:
    key = made(operator, "lots.read")
    listed = operator.get("/v1/service-keys")
    assert [item["id"] for item in listed.json["items"]] == [key["id"]]
    assert key["key"] not in listed.get_data(as_text=True)
    assert listed.json["items"][0]["created_by"] == str(operator.account_id)


def test_a_revoked_key_is_of_no_use_at_once(operator: Caller) -> None:
    key = made(operator, "lots.read")
    program = with_token(operator.app, key["key"])
    assert program.get("/v1/accounts/me").status_code == 403
    for _ in range(2):
        assert operator.delete(f"/v1/service-keys/{key['id']}").status_code == 204
    assert program.get("/v1/accounts/me").status_code == 401
    assert operator.get("/v1/service-keys").json["items"][0]["revoked_at"] is not None


def test_a_program_manages_neither_accounts_nor_keys(operator: Caller) -> None:
    program = with_token(operator.app, made(operator, *SCOPES)["key"])
    body = {"name": "Another", "scopes": ["lots.read"]}
    assert program.post("/v1/service-keys", body).status_code == 403
    assert program.get("/v1/accounts").status_code == 403
    assert program.delete("/v1/sessions/current").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A", "scopes": []},
        {"name": "A", "scopes": ["everything"]},
        {"name": "A"},
        {"name": "", "scopes": ["lots.read"]},
        {"name": "A", "scopes": "lots.read"},
        {"name": "A", "scopes": ["lots.read"], "key": "svc_mine"},
    ],
)
def test_other_shapes_are_invalid(operator: Caller, body: dict[str, Any]) -> None:
    assert operator.post("/v1/service-keys", body).status_code == 422


def test_a_missing_key_is_not_found(operator: Caller) -> None:
    response = operator.delete(f"/v1/service-keys/{uuid.uuid4()}")
    assert (response.status_code, response.json["code"]) == (404, "service_key_not_found")


def test_the_access_table_names_only_scopes_that_exist() -> None:
    assert {access.scope for access in ACCESS.values() if access.scope} <= set(SCOPES)
