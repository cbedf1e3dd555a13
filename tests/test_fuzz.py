"""Random requests made from the API's own description: no answer is a failure of ours, each is as described."""

import json
import uuid
from dataclasses import dataclass
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
from tests.addresses import book
from tests.campaigns import allotted
from tests.campaigns.exports import abroad
from tests.house import Caller
from tests.payments.statements import files

INPUTS_OF_EACH_DOOR = 12
INPUTS_IN_ALL = 500
HOLDING = ("/holds", "/baskets", "/waitlist", "/price")
"""Doors of a campaign that is on sale; the others meet a draft."""
ENDS_THE_SESSION = {"sessions_log_out", "accounts_change_password"}


@pytest.fixture
def ids(app: Flask, as_role: Any) -> dict[str, str]:
    """Things that are really there, so that random calls get behind the first 404."""
    market = builders.build(app)
    market.lot(40, cooperative=1)
    sale, drafted = market.on_sale(20), market.pledged(5)
    shopper, buyer = as_role(Role.SHOPPER), as_role(Role.BUYER)
    order = builders.ordered(shopper, sale)
    bulk_order, run = market.bulk(buyer, 4)
    export = abroad.placed(buyer, market, abroad.sale_for(market, as_role(Role.OPERATOR)))
    lot = market.lot(20)
    statement = files.uploaded(app, as_role(Role.OPERATOR), files.line("B1"), {**files.line(), "amount": "x"})
    place = builders.waiting(shopper, as_role(Role.SHOPPER), market.on_sale(1))
    life = allotted.sold(market, as_role(Role.OPERATOR)).start(season="2027-28")
    return {
        "entry_id": place["id"],
        "statement_id": statement["id"],
        "bank_entry_id": files.entry_of(as_role(Role.OPERATOR), "B1")["id"],
        "notification_id": builders.told(shopper),
        "county_id": str(market.county_id),
        "cooperative_id": str(market.cooperative_ids[0]),
        "pack_id": str(market.pack_id),
        "cold_store_id": str(market.cold_store_id),
        "campaign_id": str(drafted.campaign_id),
        "campaign_id_on_sale": str(sale.campaign_id),
        "item_id": str(sale.item_id),
        "pool_id": str(sale.pool_id),
        "order_id": order["id"],
        "payment_id": order["payment_id"],
        "hold_id": builders.held(shopper, sale)["hold_id"],
        "lot_id": str(lot.id),
        "capacity_id": str(market.capacity(promised=40_000, weighed=20_000).id),
        "pledge_id": market.pledge_id(drafted),
        "case_id": str(market.case().id),
        "reconciliation_id": str(market.reconciled().id),
        **dict(zip(("endpoint_id", "delivery_id"), map(str, market.endpoint()), strict=True)),
        "run_id": str(run.id),
        "export_order_id": export["id"],
        "document_id": abroad.upload(buyer, export).json["id"],
        "kind": "packing_list",
        "address_id": book.added(shopper)["id"],
        "commitment_id": str(life.latest("YJ01").id),
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


BOXES = st.one_of(
    st.sampled_from([1, 2, 3]), st.sampled_from([0, -1, 11, 1000, 1001, 10**20, "1", None, True, 1.5, [], {}])
)
WORDS = st.one_of(
    st.text(max_size=8), st.sampled_from(["seen", " ", "\x00", "\ud800", "x" * 201, None, 7, {}])
)


@dataclass(frozen=True, slots=True)
class Door:
    """A door that random bodies nearly fit, the answers that it may give, and who asks."""

    path: str
    bodies: st.SearchStrategy[Any]
    answers: frozenset[int]
    callers: tuple[Caller, ...]


def test_bodies_that_nearly_fit_baskets_waits_and_cases_get_no_failure_of_ours(app: Flask, as_role: Any):
    """What random requests seldom reach: items that are there, sold out or another campaign's, in any mixture."""
    market = builders.build(app)
    sale, other = market.on_sale(4), market.on_sale(3)
    shoppers = (as_role(Role.SHOPPER), as_role(Role.SHOPPER))
    place = builders.waiting(shoppers[0], as_role(Role.SHOPPER), market.on_sale(1))
    case = market.case()
    staff = (as_role(Role.OPERATOR), as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1]))
    items = st.sampled_from([str(sale.item_id)] * 3 + [str(other.item_id), str(uuid.uuid4()), "x", None, 7])
    fits = st.fixed_dictionaries(
        {
            "item_id": st.sampled_from([str(sale.item_id)] * 4 + [str(other.item_id)]),
            "boxes": st.integers(1, 6),
        }
    )
    line = st.fixed_dictionaries({"item_id": items, "boxes": BOXES}, optional={"price": BOXES})
    lines = st.lists(st.one_of(line, st.none(), st.integers()), max_size=4)
    refused, taken = {400, 404, 409, 422}, {200, 201}
    doors = [
        Door(
            f"{sale.url}/baskets",
            st.fixed_dictionaries({"lines": st.one_of(st.lists(fits, min_size=1, max_size=3), lines, BOXES)}),
            frozenset(refused | taken),
            shoppers,
        ),
        Door(f"{sale.url}/waitlist", st.one_of(fits, line), frozenset(refused | taken), shoppers),
        Door(f"/v1/waitlist/{place['id']}/leaving", st.none(), frozenset({200, 404, 409}), shoppers),
        Door(
            f"/v1/cases/{case.id}/notes",
            st.fixed_dictionaries({"words": WORDS}),
            frozenset(refused | taken),
            staff,
        ),
        Door(
            f"/v1/cases/{case.id}/settlement",
            st.fixed_dictionaries({"decision": WORDS}),
            frozenset({200, 400, 403, 409, 422}),
            staff,
        ),
    ]
    seen = {door.path.rsplit("/", 1)[-1]: nearly(door) for door in doors}

    assert {201, 404, 409, 422} <= seen["baskets"], "the bodies reach behind the schema"
    assert {201, 409, 422} <= seen["waitlist"]
    assert {200, 404} <= seen["leaving"]
    assert {201, 422} <= seen["notes"]
    assert {200, 403, 422} <= seen["settlement"]
    pool = market.pool(sale)
    assert pool.boxes_held <= 4
    assert builders.broken(app) == []


def nearly(door: Door) -> set[int]:
    """Send bodies that nearly fit; the statuses of the answers."""
    seen = set()

    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(body=door.bodies, who=st.sampled_from(door.callers))
    def ask(body: Any, who: Caller) -> None:
        text = json.dumps(body)
        sent = {} if body is None else {"data": text, "content_type": "application/json"}
        response = who.call("POST", door.path, **sent)
        assert response.status_code in door.answers, (door.path, text, response.get_data(as_text=True))
        if response.status_code >= 400:
            assert response.mimetype == MEDIA_TYPE
            assert response.json["status"] == response.status_code
        seen.add(response.status_code)

    ask()
    return seen


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
            on_sale = ids.get(f"{name}_on_sale") if case.path.endswith(HOLDING) else None
            case.path_parameters[name] = on_sale or ids[name]
    put_into(case.body, ids)


def put_into(body: Any, ids: dict[str, str]) -> None:
    """Known ids into every object of a body, also into those in lists."""
    if isinstance(body, list):
        for part in body:
            put_into(part, ids)
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ids and name.endswith("_id"):
                body[name] = ids[name]
            else:
                put_into(value, ids)
