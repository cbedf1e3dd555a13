"""Papers of an export: taken whole and as what they are, kept in versions, handed out to be saved, to few."""

import hashlib
from collections.abc import Callable

import pytest
from sqlalchemy import text

from campaigns.exports.file_rules import BYTES_MAX
from marketplace import database
from marketplace.access import Role
from tests.builders import Market, assert_refused
from tests.campaigns.exports import abroad
from tests.campaigns.exports.abroad import FILES, PDF, upload
from tests.house import Caller


@pytest.fixture
def order(market: Market, operator: Caller, company: Caller) -> dict[str, str]:
    return abroad.placed(company, market, abroad.sale_for(market, operator))


@pytest.mark.parametrize(("media_type", "data"), FILES.items())
def test_a_file_comes_back_as_it_went_in(
    market: Market, company: Caller, order: dict[str, str], media_type: str, data: bytes
) -> None:
    made = upload(company, order, "packing_list", data, media_type=media_type, name="装箱单 7.pdf")
    assert made.status_code == 201, made.json
    assert "export_document.add" in market.actions(made)
    told = made.json
    assert (told["version"], told["size_bytes"], told["name"]) == (1, len(data), "装箱单 7.pdf")
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    got = company.get(made.headers["Location"])
    assert (got.data, got.mimetype) == (data, media_type)
    said = got.headers["Content-Disposition"]
    assert said.startswith('attachment; filename="packing_list-1.')
    assert said.endswith("filename*=UTF-8''%E8%A3%85%E7%AE%B1%E5%8D%95%207.pdf")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got.headers["Cache-Control"] == "private, no-store"


def test_a_better_paper_is_the_next_version_and_the_old_one_stays(
    company: Caller, operator: Caller, order: dict[str, str]
) -> None:
    first = upload(company, order).json
    second = upload(operator, order, data=PDF + b"% signed\n%%EOF\n").json
    assert (first["version"], second["version"]) == (1, 2)
    assert first["name"] == "packing_list-1.pdf"
    listed = company.get(f"/v1/export-orders/{order['id']}/documents").json["items"]
    assert listed == [first, second]
    assert company.get(f"/v1/export-documents/{first['id']}").data == PDF
    again = upload(company, order, data=PDF + b"% signed\n%%EOF\n")
    assert assert_refused(again, 409, "same_document")["document_id"] == second["id"]


def test_versions_have_a_bound(company: Caller, order: dict[str, str]) -> None:
    for number in range(20):
        assert upload(company, order, data=PDF + b"%%%d\n%%%%EOF\n" % number).status_code == 201
    told = assert_refused(upload(company, order), 409, "too_many_versions")
    assert told["versions_max"] == 20


def test_the_same_key_uploads_once(company: Caller, order: dict[str, str]) -> None:
    first, again = (upload(company, order, key="the-only-key-of-this") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert_refused(
        upload(company, order, data=PDF + b"%%EOF", key="the-only-key-of-this"), 422, "idempotency_key_reused"
    )


@pytest.mark.parametrize(
    ("data", "media_type", "status", "code"),
    [
        (b"", "application/pdf", 409, "file_empty"),
        (PDF[:-8], "application/pdf", 409, "file_truncated"),
        (abroad.PNG[:-1], "image/png", 409, "file_truncated"),
        (abroad.JPEG[:-1], "image/jpeg", 409, "file_truncated"),
        (abroad.PNG, "application/pdf", 409, "file_type_differs"),
        (b"MZ\x90\x00", "application/pdf", 409, "file_type_differs"),
        (b"<script>alert(1)</script>", "image/png", 409, "file_type_differs"),
        (b"<html></html>", "text/html", 415, "unsupported_media_type"),
        (b"<svg/>", "image/svg+xml", 415, "unsupported_media_type"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (PDF, "", 415, "unsupported_media_type"),
        (b"%PDF-1.7".ljust(BYTES_MAX + 1), "application/pdf", 409, "file_too_large"),
        (b"%PDF-1.7".ljust(BYTES_MAX + 200_000), "application/pdf", 413, "too_large"),
    ],
)
def test_bad_files_are_refused_and_leave_nothing(
    market: Market,
    company: Caller,
    order: dict[str, str],
    data: bytes,
    media_type: str,
    status: int,
    code: str,
) -> None:
    with market.unchanged():
        assert_refused(upload(company, order, data=data, media_type=media_type), status, code)


def test_a_file_as_large_as_may_be_is_taken(company: Caller, order: dict[str, str]) -> None:
    data = b"%PDF-1.7\n".ljust(BYTES_MAX - 6) + b"%%EOF\n"
    made = upload(company, order, data=data)
    assert (made.status_code, made.json["size_bytes"]) == (201, BYTES_MAX)


def test_other_doors_take_no_more_than_before(company: Caller) -> None:
    answer = company.call("POST", "/v1/export-orders", data=b" " * 1_000_001, content_type="application/json")
    assert_refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/b.pdf",
        "a\\b.pdf",
        "a\r\nSet-Cookie: x=1",
        "a\x00.pdf",
        "",
        ".ssh",
        "x" * 121,
        'a"b.pdf',
    ],
)
def test_names_with_a_way_or_a_line_end_are_refused(
    market: Market, company: Caller, order: dict[str, str], name: str
) -> None:
    with market.unchanged():
        assert_refused(upload(company, order, name=name), 422, "invalid")


def test_a_packed_body_is_refused(company: Caller, order: dict[str, str]) -> None:
    answer = upload(company, order, headers={"Content-Encoding": "gzip"})
    assert_refused(answer, 415, "unsupported_media_type")


def test_an_unknown_kind_is_refused(company: Caller, order: dict[str, str]) -> None:
    assert_refused(upload(company, order, "passport"), 422, "document_kind_unknown")


def test_papers_are_for_the_buyer_and_staff(
    company: Caller, operator: Caller, order: dict[str, str], as_role: Callable[..., Caller], anyone: Caller
) -> None:
    made = upload(company, order)
    place = made.headers["Location"]
    other = as_role(Role.BUYER)
    assert_refused(other.get(place), 404, "document_not_found")
    assert_refused(other.get(f"/v1/export-orders/{order['id']}/documents"), 404, "order_not_found")
    assert_refused(upload(other, order), 404, "order_not_found")
    assert {who.get(place).status_code for who in (operator, as_role(Role.AUDITOR))} == {200}
    assert [who.get(place).status_code for who in (anyone, as_role(Role.SHOPPER))] == [401, 403]
    assert upload(as_role(Role.AUDITOR), order).status_code == 403


def test_an_order_that_is_over_takes_no_papers(company: Caller, order: dict[str, str]) -> None:
    company.post(f"/v1/export-orders/{order['id']}/cancellation", json={"reason": "no ship"})
    assert_refused(upload(company, order), 409, "state")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE export_document SET name = 'x.pdf'",
        "DELETE FROM export_document",
        "UPDATE export_requirement SET kind = 'bill_of_lading'",
        "DELETE FROM export_requirement",
        "DELETE FROM export_terms",
    ],
)
def test_the_app_may_not_rewrite_what_was_attached(company: Caller, order: dict[str, str], sql: str) -> None:
    upload(company, order)
    with pytest.raises(Exception, match="permission denied"):
        database.transact(lambda session: session.execute(text(sql)))
