"""The doors of the job queue."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace import database, jobs
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests.house import Caller
from tests.jobs import world

AsRole = Callable[..., Caller]


@pytest.fixture
def operator(as_role: AsRole) -> Caller:
    return as_role(Role.OPERATOR)


def dead_job(app: Flask) -> int:
    job_id = world.put("test.fragile", arguments={"word": "apple"}, key="pool:1")
    jobs.work(app, once=True)
    return job_id


def test_staff_see_a_job_with_its_problem(app: Flask, as_role: AsRole) -> None:
    job_id = dead_job(app)
    for role in (Role.OPERATOR, Role.AUDITOR):
        answer = as_role(role).get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200
        shown = answer.get_json()
        assert shown["arguments"] == {"word": "apple"}
        assert (shown["name"], shown["key"], shown["state"]) == ("test.fragile", "pool:1", "dead")
        assert (shown["attempts"], shown["problem"]) == (1, "Broken: password=*** was wrong")
        assert shown["finished_at"].endswith("Z")


def test_the_list_goes_from_the_newest_to_the_oldest_in_pages(app: Flask, operator: Caller) -> None:
    ids = [world.put("test.note", arguments={"word": f"{number}"}) for number in range(5)]
    seen = []
    address: str | None = "/v1/jobs?limit=2"
    while address:
        answer = operator.get(address)
        page = answer.get_json()
        seen += [job["id"] for job in page["items"]]
        link = answer.headers.get("Link")
        assert (link is None) == (page["next_cursor"] is None)
        address = link.removesuffix('>; rel="next"').removeprefix("<") if link else None
    assert seen == list(reversed(ids))


def test_the_list_can_be_of_one_state(app: Flask, operator: Caller) -> None:
    dead = dead_job(app)
    waiting = world.put("test.note", arguments={"word": "apple"})
    assert [job["id"] for job in operator.get("/v1/jobs?state=dead").get_json()["items"]] == [dead]
    assert [job["id"] for job in operator.get("/v1/jobs?state=waiting").get_json()["items"]] == [waiting]
    assert operator.get("/v1/jobs?state=running").get_json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query", ["state=lost", "limit=0", "limit=101", "cursor=0", "cursor=x", f"cursor={2**63}", "colour=red"]
)
def test_a_strange_list_is_refused(operator: Caller, query: str) -> None:
    assert operator.get(f"/v1/jobs?{query}").status_code == 422


@pytest.mark.parametrize("job_id", ["0", "1", str(2**63 - 1), str(2**63), "9" * 100])
def test_a_job_that_is_not_there_is_not_found(operator: Caller, job_id: str) -> None:
    assert operator.get(f"/v1/jobs/{job_id}").status_code == 404
    assert operator.post(f"/v1/jobs/{job_id}/retry").status_code == 404


def test_an_operator_lets_a_dead_job_begin_anew(app: Flask, operator: Caller) -> None:
    job_id = dead_job(app)
    answer = operator.post(f"/v1/jobs/{job_id}/retry")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    shown = answer.get_json()
    assert (shown["state"], shown["attempts"], shown["finished_at"]) == ("waiting", 0, None)
    jobs.work(app, once=True)
    assert operator.get(f"/v1/jobs/{job_id}").get_json()["state"] == "dead"
    with database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "job.retry")).one()
        assert entry.subject_id == str(job_id)
        assert entry.before == {"state": "dead", "attempts": 1, "problem": "Broken: password=*** was wrong"}
        assert entry.after == {"state": "waiting", "attempts": 0}


def test_a_retry_leaves_a_fresh_job_of_the_key_alone(app: Flask, operator: Caller) -> None:
    job_id = dead_job(app)
    fresh = world.put("test.fragile", key="pool:1")
    assert fresh != job_id
    assert operator.post(f"/v1/jobs/{job_id}/retry").status_code == 200


def test_a_job_that_is_not_dead_is_not_retried(app: Flask, operator: Caller) -> None:
    waiting = world.put("test.note", arguments={"word": "apple"})
    refused = operator.post(f"/v1/jobs/{waiting}/retry")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "job_not_dead")
    assert refused.get_json()["state"] == "waiting"
    jobs.work(app, once=True)
    assert operator.post(f"/v1/jobs/{waiting}/retry").status_code == 409


def test_only_staff_look_and_only_operators_retry(app: Flask, anyone: Caller, as_role: AsRole) -> None:
    job_id = dead_job(app)
    addresses = ("/v1/jobs", f"/v1/jobs/{job_id}")
    assert {anyone.get(address).status_code for address in addresses} == {401}
    for role in (Role.SHOPPER, Role.COOPERATIVE, Role.BUYER):
        assert {as_role(role).get(address).status_code for address in addresses} == {403}
    for role in (Role.SHOPPER, Role.COOPERATIVE, Role.BUYER, Role.AUDITOR):
        assert as_role(role).post(f"/v1/jobs/{job_id}/retry").status_code == 403
    assert anyone.post(f"/v1/jobs/{job_id}/retry").status_code == 401
