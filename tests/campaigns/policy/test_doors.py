"""Doors of policies: who reads, replaces and signs one, every refusal, what scheduling asks for, what stays fixed."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from campaigns.policy import policies
from campaigns.policy.models import CampaignPolicy, PolicySignature
from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties
from marketplace.embedded.databases import DatabaseUrls
from orders.allocation.commitment import is_committed
from tests import house, servers
from tests.builders import Market, Sale, assert_refused, broken, paid
from tests.campaigns.allotted import begin, pledge
from tests.campaigns.shortage import stage
from tests.house import Caller

OTHER = {"rule": "lowest", "weight": "equal", "answer_hours": 12, "cut_rule": "proportional"}


def read(who: Caller, sale: Sale) -> dict[str, Any]:
    response = who.get(f"{sale.url}/policy")
    assert response.status_code == 200, response.json
    assert response.headers["ETag"] == f'"{response.json["version"]}"'
    found: dict[str, Any] = response.json
    return found


def put(who: Caller, sale: Sale, body: dict[str, Any], *, version: int = 1) -> TestResponse:
    return who.put(f"{sale.url}/policy", json=body, headers={"If-Match": f'"{version}"'})


def sign(who: Caller, sale: Sale, digest: str | None = None) -> TestResponse:
    return who.post(f"{sale.url}/policy/signatures", json={"digest": digest or read(who, sale)["digest"]})


def schedule(who: Caller, sale: Sale) -> TestResponse:
    return who.post(f"{sale.url}/scheduling")


def test_a_draft_has_the_houses_policy_from_the_beginning(market: Market, operator: Caller):
    sale = market.draft()
    told = read(operator, sale)
    closes_at = market.campaign(sale).closes_at
    assert told["policy"] == {
        "season": told["policy"]["season"],
        "rule": "nearest",
        "strict": False,
        "minimum_boxes": 1,
        "weight": "households",
        "silence": "declines",
        "answer_hours": 48,
        "cut_rule": "equal_awards",
        "neighbour_hours": 24,
        "election_hours": 48,
        "earnest_permille": 200,
    }
    assert told["policy"]["season"][:4] in (str(closes_at.year), str(closes_at.year - 1))
    assert (told["version"], told["needs_signature"], told["is_frozen"], told["signatures"]) == (
        1,
        False,
        False,
        [],
    )
    assert told["digest"] == "sha256:" + hashlib.sha256(told["canonical"].encode()).hexdigest()


def test_another_policy_is_another_version_with_another_digest(market: Market, operator: Caller):
    sale = market.draft()
    before = read(operator, sale)
    response = put(operator, sale, OTHER)
    assert response.status_code == 200, response.json
    told = response.json
    assert (told["version"], told["needs_signature"]) == (2, True)
    assert {name: told["policy"][name] for name in OTHER} == OTHER
    assert told["policy"]["season"] == before["policy"]["season"]
    assert told["policy"]["election_hours"] == 48, "what is left out is as the house has it"
    assert told["digest"] != before["digest"]
    assert told == read(operator, sale)
    assert operator.get(sale.url).json["campaign"]["cut_rule"] == "proportional"
    assert "campaign_policy.replace" in market.actions(response)
    with database.reading() as session:
        rows = session.scalars(select(CampaignPolicy).where(CampaignPolicy.campaign_id == sale.campaign_id))
        assert sorted(each.number for each in rows) == [1, 2], "the first one is kept"


def test_the_same_policy_once_more_is_no_new_version_and_keeps_its_signature(
    market: Market, operator: Caller
):
    sale = market.draft()
    put(operator, sale, OTHER)
    sign(operator, sale)
    told = put(operator, sale, OTHER, version=2).json
    assert (told["version"], len(told["signatures"])) == (2, 1)


def test_an_edit_says_which_policy_it_is_based_on(market: Market, operator: Caller):
    sale = market.draft()
    put(operator, sale, OTHER)
    with market.unchanged():
        assert_refused(put(operator, sale, {"strict": True}), 412, "version")
        assert_refused(operator.put(f"{sale.url}/policy", json=OTHER), 428, "precondition_required")
        missing = operator.put(
            f"/v1/campaigns/{uuid.uuid4()}/policy", json=OTHER, headers={"If-Match": '"1"'}
        )
        assert_refused(missing, 404, "campaign_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"rule": "oldest"},
        {"weight": "acres"},
        {"cut_rule": "first_come"},
        {"silence": "maybe"},
        {"strict": 1},
        {"answer_hours": 0},
        {"election_hours": 241},
        {"neighbour_hours": 1.5},
        {"earnest_permille": 201},
        {"season": "a season that is far too long"},
        {"seed": "mine"},
    ],
)
def test_what_no_policy_can_be_is_refused(market: Market, operator: Caller, body: dict[str, Any]):
    sale = market.draft()
    with market.unchanged():
        assert put(operator, sale, body).status_code == 422


def test_a_policy_that_was_chosen_is_scheduled_when_it_is_signed(market: Market, operator: Caller):
    sale = market.pledged()
    put(operator, sale, OTHER)
    with market.unchanged():
        refusal = assert_refused(schedule(operator, sale), 409, "not_ready")
    assert refusal["missing"] == ["Nobody has signed its policy."]
    digest = read(operator, sale)["digest"]
    response = sign(operator, sale)
    assert response.status_code == 201, response.json
    [signature] = response.json["signatures"]
    assert signature["signed_by"] == f"account:{operator.account_id}"
    assert "campaign_policy.sign" in market.actions(response)
    assert schedule(operator, sale).status_code == 200
    told = read(operator, sale)
    assert (told["is_frozen"], told["digest"], told["signatures"]) == (True, digest, [signature])
    assert broken(market.app) == []


def test_the_houses_policy_is_signed_by_whoever_schedules(market: Market, operator: Caller):
    sale = market.pledged()
    response = schedule(operator, sale)
    assert response.status_code == 200
    assert {"campaign_policy.sign", "campaign.scheduled"} <= set(market.actions(response))
    [signature] = read(operator, sale)["signatures"]
    assert signature["signed_by"] == f"account:{operator.account_id}"


def test_a_change_takes_the_signatures_with_it(market: Market, operator: Caller):
    sale = market.pledged()
    put(operator, sale, OTHER)
    sign(operator, sale)
    told = put(operator, sale, {**OTHER, "strict": True}, version=2).json
    assert (told["version"], told["signatures"]) == (3, [])
    assert_refused(schedule(operator, sale), 409, "not_ready")
    back = put(operator, sale, OTHER, version=3).json
    assert back["signatures"] == [], "nor does it come back with the same words: it is signed anew"


def test_one_signs_what_one_has_read_and_once(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
):
    sale = market.draft()
    old = read(operator, sale)["digest"]
    new = put(operator, sale, OTHER).json["digest"]
    with market.unchanged():
        refusal = assert_refused(sign(operator, sale, old), 409, "policy_changed")
        assert refusal["digest"] == new
        assert_refused(sign(operator, sale, "sha256:12"), 409, "policy_changed")
    sign(operator, sale, new)
    with market.unchanged():
        assert_refused(sign(operator, sale, new), 409, "policy_signed_already")
        gone = operator.post(f"/v1/campaigns/{uuid.uuid4()}/policy/signatures", json={"digest": new})
        assert_refused(gone, 404, "campaign_not_found")
    second = sign(as_role(Role.OPERATOR), sale, new)
    assert second.status_code == 201
    assert len(second.json["signatures"]) == 2, "a second person may sign as well"


def test_the_same_key_signs_once(market: Market, operator: Caller):
    sale = market.draft()
    body, headers = {"digest": read(operator, sale)["digest"]}, {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (
        operator.post(f"{sale.url}/policy/signatures", json=body, headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)


def test_a_scheduled_campaigns_policy_is_fixed(market: Market, operator: Caller):
    sale = market.on_sale()
    digest = read(operator, sale)["digest"]
    with market.unchanged():
        assert_refused(put(operator, sale, OTHER), 409, "state")
        assert_refused(sign(operator, sale, digest), 409, "state")


def test_the_app_itself_cannot_rewrite_a_policy(
    market: Market, operator: Caller, database_urls: DatabaseUrls
):
    market.on_sale()
    with psycopg.connect(servers.plain(database_urls.app_url)) as connection:
        for statement in (
            "UPDATE campaign_policy SET answer_hours = 1",
            "DELETE FROM campaign_policy",
            "UPDATE policy_signature SET signed_by = 'somebody'",
            "DELETE FROM policy_signature",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


def test_the_database_lets_no_campaign_past_its_draft_without_a_policy(market: Market):
    sale = market.draft()
    with pytest.raises(IntegrityError, match="ck_campaign_policy"):
        database.transact(
            lambda session: session.execute(
                text("UPDATE campaign SET state = 'scheduled' WHERE id = :id"), {"id": sale.campaign_id}
            )
        )


def test_digest_and_seeds_hash_are_public_before_the_opening(
    market: Market, operator: Caller, anyone: Caller
):
    sale = market.pledged(opens_in=timedelta(days=1))
    assert operator.get(sale.url).json["campaign"]["policy_digest"] is None
    schedule(operator, sale)
    shown = anyone.get(sale.url).json["campaign"]
    told = read(operator, sale)
    assert shown["state"] == "scheduled"
    assert (shown["policy_digest"], shown["seed_hash"]) == (told["digest"], told["seed_hash"])
    assert shown["seed"] is None
    [listed] = anyone.get("/v1/campaigns").json["items"]
    assert listed["policy_digest"] == told["digest"]
    campaign = market.campaign(sale)
    assert is_committed(campaign.seed or "", shown["seed_hash"])


def test_staff_and_the_countys_cooperatives_read_it_and_nobody_else(
    market: Market, as_role: Callable[..., Caller], anyone: Caller
):
    sale = market.draft()
    for role in (Role.OPERATOR, Role.AUDITOR):
        assert read(as_role(role), sale)["version"] == 1
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    assert read(member, sale)["version"] == 1
    stranger = as_role(Role.COOPERATIVE, cooperative_ids=(elsewhere(),))
    assert_refused(stranger.get(f"{sale.url}/policy"), 404, "campaign_not_found")
    for role in (Role.SHOPPER, Role.BUYER):
        assert_refused(as_role(role).get(f"{sale.url}/policy"), 403, "forbidden")
    assert_refused(anyone.get(f"{sale.url}/policy"), 401, "unauthenticated")
    auditor = as_role(Role.AUDITOR)
    with market.unchanged():
        assert_refused(put(member, sale, OTHER), 403, "forbidden")
        assert_refused(put(auditor, sale, OTHER), 403, "forbidden")
        assert_refused(sign(member, sale), 403, "forbidden")
    missing = as_role(Role.OPERATOR).get(f"/v1/campaigns/{uuid.uuid4()}/policy")
    assert_refused(missing, 404, "campaign_not_found")


def elsewhere() -> uuid.UUID:
    """A cooperative of another county."""

    def work(session: Any) -> uuid.UUID:
        ctx = context.system()
        county = counties.create(session, ctx, code="FX", name_en="Fuxian", name_zh="富县", is_demo=True)
        return cooperatives.create(
            session,
            ctx,
            county_id=county.id,
            code="FX01",
            name_en="Far",
            name_zh="远",
            township_en="Far",
            township_zh="远",
            member_households=10,
            members=20,
        ).id

    return database.transact(work)


def test_a_clone_has_the_same_policy_in_its_own_season_and_nobody_has_signed_it(
    market: Market, operator: Caller
):
    sale = market.pledged()
    put(operator, sale, OTHER)
    sign(operator, sale)
    assert schedule(operator, sale).status_code == 200
    then = read(operator, sale)
    opens_at = datetime.fromisoformat(operator.get(sale.url).json["campaign"]["opens_at"]) + timedelta(
        days=365
    )
    body = {"code": "next-season", "opens_at": opens_at.isoformat()}
    made = operator.post(f"{sale.url}/clones", json=body)
    assert made.status_code == 201, made.json
    told = operator.get(f"/v1/campaigns/{made.json['id']}/policy").json
    season = told["policy"].pop("season")
    assert (int(then["policy"].pop("season")[:4]) + 1, told["policy"]) == (int(season[:4]), then["policy"])
    assert (told["version"], told["signatures"], told["is_frozen"], told["needs_signature"]) == (
        1,
        [],
        False,
        True,
    )
    assert made.json["cut_rule"] == "proportional"
    assert made.json["policy_digest"] is None


def test_a_cut_rule_of_the_draft_is_the_policys(market: Market, operator: Caller):
    body = {
        "code": "proportional",
        "county_id": str(market.county_id),
        "title_en": "a",
        "title_zh": "b",
        "opens_at": "2026-09-01T00:00:00Z",
        "closes_at": "2026-10-01T00:00:00Z",
        "cut_rule": "proportional",
        "items": [{"pack_id": str(market.pack_id), "unit_price_minor": 1}],
    }
    made = operator.post("/v1/campaigns", json=body).json
    told = operator.get(f"/v1/campaigns/{made['id']}/policy").json
    assert (told["policy"]["cut_rule"], told["needs_signature"]) == ("proportional", True)
    assert told["policy"]["season"] == "2026-27"


def test_the_allocation_goes_by_the_policy_and_every_run_names_it(market: Market, operator: Caller):
    sale = market.draft(per_buyer=100)
    for number in range(3):
        market.lot(20, cooperative=number)
        pledge(market, sale, number, 20)
    agreed = {
        "weight": "equal",
        "rule": "lowest",
        "silence": "confirms",
        "answer_hours": 7,
        "season": "2031-32",
    }
    put(operator, sale, agreed)
    sign(operator, sale)
    assert schedule(operator, sale).status_code == 200
    paid(house.caller(market.app, Role.SHOPPER), operator, sale, 12)
    begin(market, sale)
    overview = operator.get(f"{sale.url}/allocation").json
    assert {name: overview[name] for name in agreed} == agreed
    digest = read(operator, sale)["digest"]
    [run_id] = overview["items"][0]["run_ids"]
    run = operator.get(f"/v1/allotment-runs/{run_id}").json
    assert (overview["policy_digest"], run["policy_digest"]) == (digest, digest)
    assert [each["boxes"] for each in run["commitments"]] == [4, 4, 4]
    why = operator.get(f"/v1/allotment-runs/{run_id}/explanations/YJ01").json
    assert "each cooperative counts as one" in " ".join(why["sentences_en"])
    assert not any("户" in sentence for sentence in why["sentences_zh"])
    assert broken(market.app) == []


def test_the_shortage_goes_by_the_policy_and_by_the_seed_whose_hash_was_public(
    market: Market, operator: Caller, anyone: Caller
):
    sale = market.draft(per_buyer=100)
    stopped = stage.pledge(market, sale, 6)
    stage.pledge(market, sale, 12)
    put(
        operator,
        sale,
        {"cut_rule": "proportional", "neighbour_hours": 3, "election_hours": 5, "earnest_permille": 150},
    )
    sign(operator, sale)
    assert schedule(operator, sale).status_code == 200
    shown = anyone.get(sale.url).json["campaign"]
    for boxes in (8, 10):
        paid(house.caller(market.app, Role.SHOPPER), operator, sale, boxes)
    stage.to_harvest(market, sale)
    assert operator.post(f"/v1/lots/{stopped.id}/quarantine", json={"reason": "mould"}).status_code == 200
    response = operator.post(f"{sale.url}/shortages", json={})
    assert response.status_code == 201, response.json
    [told] = response.json["items"]
    assert (told["policy"], told["earnest_permille"]) == ("proportional", 150)
    assert (told["seed_hash"], told["policy_digest"]) == (shown["seed_hash"], shown["policy_digest"])
    due = datetime.fromisoformat(told["elections_due_at"]) - datetime.fromisoformat(told["created_at"])
    assert due == timedelta(hours=5)
    answers = datetime.fromisoformat(told["answers_due_at"]) - datetime.fromisoformat(told["created_at"])
    assert answers == timedelta(hours=3)
    assert broken(market.app) == []


def test_a_shortage_is_not_given_other_terms_than_those_that_were_agreed(market: Market, operator: Caller):
    sale = market.on_sale()
    for name in ("election_hours", "answer_hours", "earnest_permille"):
        response = operator.post(f"{sale.url}/shortages", json={name: 1})
        assert response.status_code == 422, response.json


def test_who_signed_an_earlier_policy_has_not_signed_the_later_one(market: Market, operator: Caller):
    sale = market.draft()
    digest = read(operator, sale)["digest"]
    sign(operator, sale, digest)
    put(operator, sale, OTHER)
    with database.reading() as session:
        row = policies.latest(session, campaign_id=sale.campaign_id)
        assert policies.signatures(session, row) == []
        numbers = session.scalars(
            select(PolicySignature.number).where(PolicySignature.campaign_id == sale.campaign_id)
        ).all()
    assert (row.number, list(numbers)) == (2, [1]), "who signed what is not forgotten"
