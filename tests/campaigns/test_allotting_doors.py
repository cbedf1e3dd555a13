"""Doors of allocations: who sees and answers what, every refusal, the run with its proof, the explanation."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from campaigns.allotting import allotting
from marketplace import database
from marketplace.access import Role
from orders import allocation
from orders.allocation import json_form
from tests.builders import Market, assert_refused
from tests.campaigns.allotted import WHY, Allotted, sold
from tests.house import Caller


@pytest.fixture
def life(market: Market, operator: Caller) -> Allotted:
    """Twelve boxes sold, twenty pledged by each cooperative: 2, 4 and 6."""
    return sold(market, operator, orders=(5, 4, 3)).start()


def items(caller: Caller, address: str, **query: Any) -> list[dict[str, Any]]:
    response = caller.get(address, query_string=query)
    assert response.status_code == 200, response.json
    return response.json["items"]


def test_a_member_sees_its_own_cooperatives_commitment_alone_and_staff_all(
    life: Allotted, as_role: Callable[..., Caller]
):
    for code in ("YJ01", "YJ02", "YJ03"):
        assert [each["code"] for each in items(life.member(code), "/v1/commitments")] == [code]
    for staff in (life.operator, as_role(Role.AUDITOR)):
        assert [each["code"] for each in items(staff, "/v1/commitments")] == ["YJ01", "YJ02", "YJ03"]


def test_the_list_is_narrowed_to_a_campaign(life: Allotted, market: Market, operator: Caller):
    other = sold(market, operator).start()
    found = items(operator, "/v1/commitments", campaign_id=str(other.sale.campaign_id))
    assert {each["campaign_id"] for each in found} == {str(other.sale.campaign_id)}
    assert len(items(operator, "/v1/commitments")) == 6


def test_a_commitment_tells_what_is_asked_and_until_when(life: Allotted):
    commitment = life.latest("YJ02")
    told = life.member("YJ02").get(f"/v1/commitments/{commitment.id}").json
    assert (told["boxes"], told["boxes_kept"], told["state"]) == (4, 4, "offered")
    assert told["answer_due_at"]


def test_an_answer_is_told_and_written_into_the_trail(life: Allotted):
    response = life.confirm("YJ01")
    assert (response.json["state"], response.json["boxes_kept"]) == ("confirmed", 2)
    assert "commitment.confirmed" in life.market.actions(response)
    response = life.decline("YJ02")
    assert (response.json["state"], response.json["boxes_kept"], response.json["reason"]) == (
        "declined",
        0,
        WHY["reason"],
    )
    assert "commitment.declined" in life.market.actions(response)


def test_an_operator_answers_for_a_cooperative(life: Allotted):
    url = f"/v1/commitments/{life.latest('YJ01').id}/confirmation"
    assert life.operator.post(url, json={}).json["state"] == "confirmed"


def test_a_foreign_commitment_looks_like_none(life: Allotted):
    foreign = f"/v1/commitments/{life.latest('YJ02').id}"
    member = life.member("YJ01")
    with life.market.unchanged():
        assert_refused(member.get(foreign), 404, "commitment_not_found")
        assert_refused(member.get(f"{foreign}/supplies"), 404, "commitment_not_found")
        assert_refused(member.post(f"{foreign}/confirmation", json={}), 404, "commitment_not_found")
        assert_refused(member.post(f"{foreign}/refusal", json=WHY), 404, "commitment_not_found")
        missing = member.post(f"/v1/commitments/{uuid.uuid4()}/confirmation", json={})
        assert_refused(missing, 404, "commitment_not_found")


def test_shoppers_and_buyers_have_no_business_here(life: Allotted, as_role: Callable[..., Caller]):
    for who in (as_role(Role.SHOPPER), as_role(Role.BUYER)):
        assert_refused(who.get("/v1/commitments"), 403, "forbidden")
        assert_refused(who.get(f"{life.sale.url}/allocation"), 403, "forbidden")


@pytest.mark.parametrize("again", ["confirm", "decline"])
@pytest.mark.parametrize("first", ["confirm", "decline"])
def test_an_answer_is_given_once(life: Allotted, first: str, again: str):
    life.done(getattr(life, first)("YJ01"))
    with life.market.unchanged():
        assert_refused(getattr(life, again)("YJ01"), 409, "commitment_state")


def test_nobody_promises_more_than_was_asked(life: Allotted):
    with life.market.unchanged():
        told = assert_refused(life.confirm("YJ01", boxes=3), 409, "more_than_its_commitment")
    assert (told["commitment_boxes"], told["asked_boxes"]) == (2, 3)
    life.done(life.confirm("YJ01", boxes=2))


def test_an_answer_after_its_time_is_too_late(life: Allotted):
    life.let_time_pass()
    with life.market.unchanged():
        assert_refused(life.confirm("YJ01"), 410, "answer_too_late")
        assert_refused(life.decline("YJ01"), 410, "answer_too_late")


def test_a_campaign_that_is_not_allocated_says_so(market: Market, operator: Caller):
    sale = market.on_sale(5)
    assert_refused(operator.get(f"{sale.url}/allocation"), 404, "allocation_not_found")
    missing = operator.get(f"/v1/campaigns/{uuid.uuid4()}/allocation")
    assert_refused(missing, 404, "campaign_not_found")


def test_the_allocation_tells_its_terms_and_where_each_item_stands(life: Allotted):
    life.done(life.confirm("YJ01"), life.decline("YJ02"))
    told = life.overview()
    [item] = told["items"]
    assert (told["state"], told["rule"], told["silence"]) == ("allocating", "nearest", "declines")
    assert (item["boxes"], item["boxes_confirmed"], item["boxes_offered"], item["boxes_open"]) == (
        12,
        2,
        6,
        4,
    )
    assert len(item["run_ids"]) == 1


def test_a_run_is_shown_with_what_proves_it(life: Allotted):
    [run_id] = life.overview()["items"][0]["run_ids"]
    for who in (life.operator, *life.members):
        told = who.get(f"/v1/allotment-runs/{run_id}").json
        problem = json_form.problem_from_json(told["problem"])
        result = json_form.allocation_from_json(told["result"])
        assert allocation.verify(problem, result) == ()
        assert told["digest"] == result.digest
        assert told["result"]["certificate"]
        assert {each["code"]: each["boxes"] for each in told["commitments"]} == {
            share.id: share.packs for share in result.sellers
        }


def test_a_run_is_explained_in_both_languages(life: Allotted):
    [run_id] = life.overview()["items"][0]["run_ids"]
    told = life.member("YJ02").get(f"/v1/allotment-runs/{run_id}/explanations/YJ02").json
    assert told["cooperative"] == "YJ02"
    assert told["is_demo"]
    assert len(told["sentences_en"]) == len(told["sentences_zh"]) > 2
    assert any("4" in sentence for sentence in told["sentences_en"])


def test_who_is_not_in_a_run_does_not_see_it(market: Market, operator: Caller):
    life = sold(market, operator, pledged=(20, 20, 0)).start()
    [run_id] = life.overview()["items"][0]["run_ids"]
    url = f"/v1/allotment-runs/{run_id}"
    assert_refused(life.member("YJ03").get(url), 404, "allotment_run_not_found")
    assert_refused(life.member("YJ03").get(f"{url}/explanations/YJ01"), 404, "allotment_run_not_found")
    assert_refused(operator.get(f"/v1/allotment-runs/{uuid.uuid4()}"), 404, "allotment_run_not_found")
    assert_refused(operator.get(f"{url}/explanations/YJ03"), 404, "not_in_allotment")


def test_a_second_run_has_its_own_proof(life: Allotted):
    life.done(life.confirm("YJ01"), life.confirm("YJ02"), life.decline("YJ03"))
    first, second = life.overview()["items"][0]["run_ids"]
    told = life.operator.get(f"/v1/allotment-runs/{second}").json
    assert told["number"] == 2
    assert {each["id"] for each in told["problem"]["sellers"]} == {"YJ01", "YJ02"}
    assert first != second


def test_supplies_are_listed_in_pages_once_all_are_confirmed(life: Allotted):
    url = f"/v1/commitments/{life.latest('YJ03').id}/supplies"
    assert items(life.member("YJ03"), url) == []
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    whole = items(life.member("YJ03"), url)
    assert sum(each["boxes"] for each in whole) == 6
    paged, cursor = [], None
    while True:
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = life.member("YJ03").get(url, query_string=query).json
        paged.extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole


def test_the_same_key_is_the_same_answer(life: Allotted):
    url = f"/v1/commitments/{life.latest('YJ01').id}/confirmation"
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = life.member("YJ01").post(url, json={}, headers=headers)
    second = life.member("YJ01").post(url, json={}, headers=headers)
    assert (first.status_code, second.status_code, second.json) == (200, 200, first.json)


def test_a_terms_rule_is_the_runs(market: Market, operator: Caller):
    life = sold(market, operator).start(rule="lowest", answer_hours=5)
    [run_id] = life.overview()["items"][0]["run_ids"]
    assert operator.get(f"/v1/allotment-runs/{run_id}").json["problem"]["policy"]["rule"] == "lowest"
    with database.reading() as session:
        terms = allotting.of_campaign(session, campaign_id=life.sale.campaign_id)
        assert terms.answer_hours == 5
