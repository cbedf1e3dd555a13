"""Random requests made from the API's own description: no answer is a failure of ours, each is as described."""

import uuid
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance

from marketplace.access import ACCESS, Role
from marketplace.problems import MEDIA_TYPE
from tests import builders
from tests.house import Caller

INPUTS_OF_EACH_DOOR = 12
INPUTS_IN_ALL = 500
ENDS_THE_SESSION = {"sessions_log_out", "accounts_change_password"}


@pytest.fixture
def ids(app: Flask, as_role: Any) -> dict[str, str]:
    """Things that are really there, so that random calls get behind the first 404."""
    market = builders.build(app)
    market.lot(40, cooperative=1)
    sale, drafted = market.on_sale(20), market.draft()
    shopper, buyer = as_role(Role.SHOPPER), as_role(Role.BUYER)
    order = builders.ordered(shopper, sale)
    bulk_order, run = market.bulk(buyer, 4)
    lot = market.lot(20)
    place = builders.waiting(shopper, as_role(Role.SHOPPER), market.on_sale(1))
    return {
        "entry_id": place["id"],
        "county_id": str(market.county_id),
        "cooperative_id": str(market.cooperative_ids[0]),
        "pack_id": str(market.pack_id),
        "cold_store_id": str(market.cold_store_id),
        "campaign_id": str(drafted.campaign_id),
        "item_id": str(sale.item_id),
        "pool_id": str(sale.pool_id),
        "order_id": order["id"],
        "payment_id": order["payment_id"],
        "hold_id": builders.held(shopper, sale)["hold_id"],
        "lot_id": str(lot.id),
        "capacity_id": str(market.capacity(promised=40_000, weighed=20_000).id),
        "case_id": str(market.case().id),
        "reconciliation_id": str(market.reconciled().id),
        "run_id": str(run.id),
        "account_id": str(shopper.account_id),
        "bulk_order_id": str(bulk_order.id),
        "code": "YJ01",
    }


def test_five_hundred_random_requests_get_no_failure_of_ours(app: Flask, as_role: Any, ids: dict[str, str]):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    member = as_role(Role.COOPERATIVE, cooperative_ids=(uuid.UUID(ids["cooperative_id"]),))
    callers = {role: as_role(role) for role in (Role.SHOPPER, Role.BUYER, Role.OPERATOR)} | {
        Role.COOPERATIVE: member
    }
    asked = sum(ask_at_random(operation.ok(), callers, ids) for operation in schema.get_all_operations())

    assert asked >= INPUTS_IN_ALL
    assert builders.broken(app) == []


def ask_at_random(
    operation: schemathesis.schemas.APIOperation, callers: dict[Role, Caller], ids: dict[str, str]
) -> int:
    """Send random inputs to one operation; how many."""
    who = caller_for(operation.definition.raw["operationId"], callers)
    asked = 0

    @settings(
        max_examples=INPUTS_OF_EACH_DOOR,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), with_known_ids=st.booleans())
    def ask(case: schemathesis.Case, with_known_ids: bool) -> None:
        nonlocal asked
        asked += 1
        if with_known_ids:
            put_in(case, ids)
        headers = {"Authorization": f"Bearer {who.token}"} if who.token else {}
        if "Idempotency-Key" in (case.headers or {}):
            headers["Idempotency-Key"] = str(uuid.uuid4())
        response = case.call(headers=headers)

        assert response.status_code < 500, (operation.label, response.text)
        if response.status_code >= 400:
            assert response.headers["content-type"][0].startswith(MEDIA_TYPE), (
                operation.label,
                response.text,
            )
            assert response.json()["status"] == response.status_code
        else:
            case.validate_response(response, checks=[response_schema_conformance])

    ask()
    return asked


def caller_for(operation_id: str, callers: dict[Role, Caller]) -> Caller:
    """Somebody whom the door lets in, so that the request is read; never one whose session it would end."""
    if operation_id in ENDS_THE_SESSION:
        return Caller(callers[Role.OPERATOR].app)
    endpoint = next(name for name in ACCESS if name.replace(".", "_") == operation_id)
    return next(
        (caller for role, caller in callers.items() if role in ACCESS[endpoint].roles), callers[Role.OPERATOR]
    )


def put_in(case: schemathesis.Case, ids: dict[str, str]) -> None:
    for name in case.path_parameters or {}:
        if name in ids:
            case.path_parameters[name] = ids[name]
    if isinstance(case.body, dict):
        for name in case.body:
            if name in ids and name.endswith("_id"):
                case.body[name] = ids[name]
