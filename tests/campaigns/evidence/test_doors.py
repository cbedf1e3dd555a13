"""Consents through the doors: drafted, signed by their digest, read by the code, shown, withdrawn; every refusal."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.evidence import consenting, reading, rules
from campaigns.evidence.consenting import ConsentStateForbids
from campaigns.evidence.models import EvidenceConsent, EvidenceReading
from campaigns.evidence.reading import ConsentOver
from marketplace import database, errors, limits
from marketplace.access import Role
from marketplace.context import Context
from tests import house
from tests.builders import Market, assert_refused, broken
from tests.campaigns.evidence.paper import ALL, drafted, signed, wanted
from tests.campaigns.fulfilment import stage
from tests.house import Caller
from tests.inventory.yard import at_once


@pytest.fixture
def member(market: Market, as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],))


@pytest.fixture
def lender(market: Market) -> Caller:
    """A passer-by who has been told the code."""
    return house.caller(market.app)


def table(evidence: dict[str, Any], name: str) -> list[dict[str, Any]]:
    [found] = [each for each in evidence["tables"] if each["name"] == name]
    names = [column["name"] for column in found["columns"]]
    return [dict(zip(names, row, strict=True)) for row in found["rows"]]


def test_from_the_draft_to_the_lenders_reading_and_the_withdrawal(
    market: Market, member: Caller, lender: Caller
) -> None:
    consent = drafted(member, market)
    assert consent["state"] == "drafted"
    assert "宜君农商行" in consent["text_zh"]
    assert "宜君农商行" in consent["text_en"]
    signature = member.post(
        f"/v1/evidence-consents/{consent['id']}/signature", json={"digest": consent["digest"]}
    )
    code = signature.json["code"]
    assert signature.json["consent"]["state"] == "signed"
    read = lender.post("/v1/evidence-readings", json={"code": code.lower()})
    assert read.status_code == 200, read.json
    assert rules.digest(read.json) == read.json["digest"]
    assert {each["content"] for each in read.json["tables"]} == set(ALL)
    shown = member.get(f"/v1/evidence-consents/{consent['id']}/readings").json["items"]
    assert [(each["number"], each["form"], each["digest"]) for each in shown] == [
        (1, "json", read.json["digest"])
    ]
    withdrawn = member.post(f"/v1/evidence-consents/{consent['id']}/withdrawal")
    assert withdrawn.json["state"] == "withdrawn"
    for form in ("", "/csv", "/pdf"):
        over = assert_refused(
            lender.post(f"/v1/evidence-readings{form}", json={"code": code}), 410, "consent_over"
        )
        assert over["state"] == "withdrawn"
    assert member.get(f"/v1/evidence-consents/{consent['id']}").json["readings"] == 1
    assert broken(market.app) == []


def test_the_files_say_the_same_and_name_their_digest(market: Market, member: Caller, lender: Caller) -> None:
    consent, code = signed(member, market)
    csv_file = lender.post("/v1/evidence-readings/csv", json={"code": code})
    pdf_file = lender.post("/v1/evidence-readings/pdf", json={"code": code})
    assert (csv_file.status_code, csv_file.mimetype) == (200, "text/csv")
    assert (pdf_file.status_code, pdf_file.mimetype, pdf_file.data[:5]) == (200, "application/pdf", b"%PDF-")
    shown = member.get(f"/v1/evidence-consents/{consent['id']}/readings").json["items"]
    assert [(each["number"], each["form"]) for each in shown] == [(2, "pdf"), (1, "csv")]
    assert shown[1]["digest"] in csv_file.data.decode("utf-8-sig")
    assert "no-store" in csv_file.headers["Cache-Control"]


def test_what_stands_in_it_was_counted(market: Market, operator: Caller, lender: Caller) -> None:
    """Two of twelve boxes are the cooperative's; they are packed, sent and arrive."""
    made = stage.closed(market, operator)
    made.released()
    made.all_go("packing", "shipment", "delivery")
    _, code = signed(made.members[0], market)
    evidence = lender.post("/v1/evidence-readings", json={"code": code}).json
    [delivered] = table(evidence, "deliveries")
    assert (delivered["boxes"], delivered["grams"]) == (2, 10_000)
    assert (delivered["unit_price_minor"], delivered["goods_minor"], delivered["currency"]) == (
        5_200,
        10_400,
        "CNY",
    )
    assert sum(each["boxes"] for each in table(evidence, "pledges")) == 2
    stock = {each["kind"]: each["grams"] for each in table(evidence, "stock")}
    assert stock["shipped"] == -10_000
    assert stock["received"] >= 10_000
    told = json.dumps(evidence, ensure_ascii=False)
    for number, buyer in enumerate(made.buyers):
        assert str(buyer.account_id) not in told
        assert made.orders[number]["id"] not in told
    assert str(market.cooperative_ids[1]) not in told


def test_only_what_is_consented_to_is_in_it(market: Market, member: Caller, lender: Caller) -> None:
    _, code = signed(member, market, contents=["stock"])
    evidence = lender.post("/v1/evidence-readings", json={"code": code}).json
    assert {each["name"] for each in evidence["tables"]} == {"stock", "counts"}


def test_before_its_first_day_nothing_counts(market: Market, member: Caller, lender: Caller) -> None:
    market.lot(3)
    _, code = signed(member, market, contents=["stock"], since_on=market.today.isoformat())
    assert table(lender.post("/v1/evidence-readings", json={"code": code}).json, "stock")
    consent = uuid.UUID(drafted(member, market)["id"])
    with database.reading() as session:
        found = session.get_one(EvidenceConsent, consent)
        since = found.since_on + timedelta(days=365)
        from_then = reading.counting.tables(
            session, cooperative_id=found.cooperative_id, contents=["stock"], since=since
        )
    assert all(not each.rows for each in from_then)


def test_the_cooperative_sees_what_its_lender_would_see_and_nobody_else_does(
    market: Market, member: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    consent = drafted(member, market)
    url = f"/v1/evidence-consents/{consent['id']}/evidence"
    seen = member.get(url)
    assert (seen.status_code, seen.json["lender"]) == (200, "宜君农商行")
    assert operator.get(url).status_code == 403
    other = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[1],))
    assert_refused(other.get(url), 404, "consent_not_found")
    member.post(f"/v1/evidence-consents/{consent['id']}/withdrawal")
    assert_refused(member.get(url), 409, "consent_state")


def test_other_words_are_not_signed_and_none_twice(market: Market, member: Caller) -> None:
    consent = drafted(member, market)
    url = f"/v1/evidence-consents/{consent['id']}/signature"
    refused = assert_refused(member.post(url, json={"digest": "sha256:0"}), 409, "consent_text_differs")
    assert refused["digest"] == consent["digest"]
    assert member.post(url, json={"digest": consent["digest"]}).status_code == 200
    assert_refused(member.post(url, json={"digest": consent["digest"]}), 409, "consent_state")
    withdrawal = f"/v1/evidence-consents/{consent['id']}/withdrawal"
    assert member.post(withdrawal).status_code == 200
    assert_refused(member.post(withdrawal), 409, "consent_state")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "consent_too_long"),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "consent_too_long"),
        ({"since_on": "2099-01-01"}, "since_tomorrow"),
        ({"contents": []}, "invalid"),
        ({"contents": ["stock", "stock"]}, "invalid"),
        ({"contents": ["buyers"]}, "invalid"),
    ],
)
def test_a_consent_that_cannot_be(market: Market, member: Caller, changes: dict[str, Any], code: str) -> None:
    refused = member.post("/v1/evidence-consents", json=wanted(market, **changes))
    assert_refused(refused, 422, code)


def test_a_foreign_cooperative_and_a_foreign_consent_look_like_missing_ones(
    market: Market, member: Caller, as_role: Callable[..., Caller]
) -> None:
    other = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[1],))
    assert_refused(other.post("/v1/evidence-consents", json=wanted(market)), 404, "cooperative_not_found")
    consent = drafted(member, market)
    url = f"/v1/evidence-consents/{consent['id']}"
    signature = other.post(f"{url}/signature", json={"digest": consent["digest"]})
    for refused in (other.get(url), other.get(f"{url}/readings"), other.post(f"{url}/withdrawal"), signature):
        assert_refused(refused, 404, "consent_not_found")
    assert other.get("/v1/evidence-consents").json["items"] == []
    assert [each["id"] for each in member.get("/v1/evidence-consents").json["items"]] == [consent["id"]]


@pytest.mark.parametrize("form", ["", "/csv", "/pdf"])
def test_a_code_that_nobody_was_told_opens_nothing(market: Market, lender: Caller, form: str) -> None:
    assert_refused(
        lender.post(f"/v1/evidence-readings{form}", json={"code": "A" * 52}), 404, "evidence_not_found"
    )


def test_it_ends_with_its_time(market: Market, member: Caller, lender: Caller) -> None:
    consent, code = signed(member, market)
    ctx = market.later(days=31)

    def read(session: Session) -> object:
        return reading.read(session, ctx, code=code, form="json")

    with pytest.raises(ConsentOver) as over:
        database.transact(read)
    assert over.value.facts == {"state": "ended"}
    with pytest.raises(ConsentStateForbids):
        database.transact(
            lambda session: consenting.withdraw(session, ctx, consent_id=uuid.UUID(consent["id"]))
        )


def test_the_code_is_kept_nowhere(market: Market, member: Caller) -> None:
    consent, code = signed(member, market)
    row = market.stored(EvidenceConsent, consent["id"])
    assert row.code_digest == consenting.code_digest(code)
    answers = member.get(f"/v1/evidence-consents/{consent['id']}").json
    assert "code" not in answers


def test_a_consent_withdrawn_while_it_is_read_is_read_before_or_not_at_all(
    market: Market, member: Caller
) -> None:
    consent, code = signed(member, market)
    consent_id = uuid.UUID(consent["id"])
    later: Context = market.later(seconds=5)

    def read(session: Session) -> object:
        return reading.read(session, later, code=code, form="json")

    outcomes = at_once(
        market.app,
        [read, lambda session: consenting.withdraw(session, market.ctx, consent_id=consent_id), read, read],
    )
    done = [each for each in (outcomes[0], *outcomes[2:]) if not isinstance(each, errors.Refusal)]
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert {type(each) for each in refused} <= {ConsentOver}
    with database.reading() as session:
        rows = session.query(EvidenceReading).filter_by(consent_id=consent_id).all()
    assert len(rows) == len(done)
    assert market.stored(EvidenceConsent, consent["id"]).withdrawn_at is not None
    assert broken(market.app) == []


def test_who_guesses_codes_is_told_to_wait(
    market: Market, lender: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(market.app.extensions, "limits", limits.Counts(None))
    answers = [lender.post("/v1/evidence-readings", json={"code": "A" * 52}).status_code for _ in range(12)]
    assert answers[:10] == [404] * 10
    assert answers[10:] == [429] * 2
