"""The API's description: valid, complete, stored, fresh, and shown without any outside host."""

import json
import re

from openapi_spec_validator import validate

from marketplace.cli import OPENAPI_FILE, PROBLEMS_FILE, generated
from marketplace.errors import FAMILIES, every_refusal
from marketplace.problems import PLAIN


def test_the_document_is_valid_openapi_3_1(anyone):
    document = anyone.get("/openapi.json").json

    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_stored_copies_are_fresh(app):
    for path, text in generated(app).items():
        assert path.read_text() == text, f"{path.name} is stale: run `make openapi`"


def test_every_door_is_described_with_its_roles(app, anyone):
    document = anyone.get("/openapi.json").json
    described = {
        (re.sub(r"\{(\w+)\}", r"<\1>", path), method.upper())
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters"
    }
    doors = {
        (re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"<\1>", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert described == doors
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                assert operation["summary"]
                assert "default" in operation["responses"]


def test_doors_that_are_not_public_ask_for_a_bearer(anyone):
    for operations in anyone.get("/openapi.json").json["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                assert ("security" in operation) == ("anonymous" not in operation["x-roles"])


def test_calls_that_move_stock_or_money_say_that_they_need_a_key(anyone):
    paths = anyone.get("/openapi.json").json["paths"]
    for path in ("/v1/bulk-orders", "/v1/orders", "/v1/lots", "/v1/campaigns/{campaign_id}/holds"):
        names = [each.get("name") for each in paths[path]["post"]["parameters"]]
        assert "Idempotency-Key" in names, path


def test_every_problem_is_listed_for_people():
    text = PROBLEMS_FILE.read_text()
    for refusal in every_refusal():
        if refusal not in FAMILIES and not refusal.__module__.startswith("tests"):
            assert f"`{refusal.code}`" in text
    for code, _ in PLAIN.values():
        assert f"`{code}`" in text


def test_the_docs_page_loads_nothing_from_elsewhere(anyone):
    page = anyone.get("/docs")
    text = page.get_data(as_text=True)

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert anyone.get(address).status_code == 200, address


def test_the_stored_document_is_plain_json():
    assert json.loads(OPENAPI_FILE.read_text())["info"]["title"]
