"""Every write operation against every bad input of tests/corpus: refused as written there, and nothing changed.

The operations come from the app's own addresses, their bodies from their schemas: a new operation is attacked as
soon as it exists. A case names what is sent and the expected status; every answer is a problem document.
"""

import inspect
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from flask import Flask
from marshmallow import Schema, fields
from psycopg import sql
from werkzeug.routing import Rule
from werkzeug.test import Client, TestResponse

from marketplace.access import ACCESS, Role
from marketplace.fields import Code, Country, Currency, Day, Flag, Grams, Id, Instant, Line, Quantity, Whole
from tests import house, servers

CORPUS: Final = Path(__file__).parent / "corpus"
ROLES: Final = (Role.OPERATOR, Role.SHOPPER, Role.BUYER, Role.COOPERATIVE)
LOGS: Final = {"audit_entry", "idempotency_key"}
NAMED: Final = {
    "counties.create_county",
    "addresses.add_address",
    "campaigns.draft",
    "campaigns.hold_basket",
    "campaigns.join_waitlist",
    "bulk_orders.place_bulk",
    "orders.place",
    "export_orders.place",
    "export_destinations.describe",
    "campaign_prices.set_price",
    "lots.receive",
    "capacities.weigh",
    "lot_batches.receive_rows",
    "cases.add_note",
    "cases.settle",
    "payments.book_receipt",
    "payments.fail",
    "sessions.log_in",
}
FORMS: Final[dict[type[fields.Field[Any]], Any]] = {
    Whole: 5,
    Line: "Fuji",
    Code: "C1",
    Id: "01900000-0000-7000-8000-0000000000ff",
    Instant: "2026-09-01T00:00:00Z",
    Day: "2026-09-01",
    Currency: "CNY",
    Country: "AE",
    Grams: 5_000,
    Quantity: 5_000,
    Flag: True,
}
"""A good value for each kind of field."""
DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    "problem": {"sellers": [], "orders": []},
    "ration": {"batch": "b", "boxes": 0, "seed": "s", "claims": []},
    "members": {"id": "Li", "delivered_grams": 1},
}
"""Good values of fields that hold a document of their own."""
BY_NAME: Final = {"gtin": "09506000134352", "serial": "7QK3"}
"""Good values of texts whose form a pattern alone tells."""
SAMPLE: Final = 4
"""The first field of its kind in an operation meets every case, the others one of so many."""


def corpus(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CORPUS / f"{name}.json").read_text())
    return found


@dataclass(frozen=True)
class Operation:
    """One write operation that takes a JSON body, and somebody who may call it."""

    endpoint: str
    method: str
    path: str
    schema: Schema
    headers: dict[str, str]
    client: Client

    def body(self) -> dict[str, Any]:
        return {name: good(field) for name, field in named_fields(self.schema) if field.required}

    def places(self, kind: type[fields.Field[Any]] | None = None) -> Iterator[tuple[list[str | int], Any]]:
        """The way to each field of the kind, also inside of lists of objects."""
        yield from places_in(self.schema, [], kind)

    def text_with(self, way: list[str | int], literal: str) -> str:
        """The good body as JSON text with `literal` in one place."""
        body: Any = self.body()
        spot, known = body, dict(named_fields(self.schema))
        for step in way[:-1]:
            if isinstance(step, str):
                field = known[step]
                spot.setdefault(step, good(field))  # where it may be left out
                known = dict(named_fields(field.inner.schema))
            spot = spot[step]
        spot[way[-1]] = "@@HERE@@"
        return json.dumps(body).replace('"@@HERE@@"', literal)

    def send(self, text: str | bytes, headers: dict[str, str] | None = None) -> TestResponse:
        sent = {
            **self.headers,
            "Idempotency-Key": str(uuid.uuid4()),
            "If-Match": '"1"',
            "Content-Type": "application/json",
            **{name: value.encode().decode("latin-1") for name, value in (headers or {}).items()},
        }
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self.client.open(self.path, method=self.method, data=data, headers=sent)


def named_fields(schema: Schema) -> list[tuple[str, Any]]:
    return [(field.data_key or name, field) for name, field in schema.fields.items()]


def good(field: Any) -> Any:
    if type(field) in FORMS:
        least = max((getattr(check, "min", None) or 0 for check in field.validators), default=0)
        return max(FORMS[Whole], least) if type(field) is Whole else FORMS[type(field)]
    if field.name == "coordinates":
        return [[[109, 35], [109.01, 35], [109, 35.01], [109, 35]]]
    if isinstance(field, fields.List):
        least = max((getattr(check, "min", None) or 1 for check in field.validators), default=1)
        return choices_of(field.inner)[:least] or [good(field.inner)] * least
    if isinstance(field, fields.Dict):
        return DOCUMENTS.get(field.name or "", {})
    if isinstance(field, fields.Nested):
        inner = list(named_fields(field.schema))
        needed = [pair for pair in inner if pair[1].required] or inner[
            :1
        ]  # a part that says nothing may be refused
        return {name: good(each) for name, each in needed}
    name = field.name or ""
    usual = "123456" if "code" in name else "a-long-enough-password"
    return next(iter(choices_of(field)), BY_NAME.get(name, usual))


def choices_of(field: Any) -> list[Any]:
    """What the field may be, where it is one of a few."""
    return [choice for check in field.validators for choice in getattr(check, "choices", ())]


def places_in(
    schema: Schema, way: list[str | int], kind: type | None
) -> Iterator[tuple[list[str | int], Any]]:
    for name, field in named_fields(schema):
        if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            yield from places_in(field.inner.schema, [*way, name, 0], kind)
        if kind is None or type(field) is kind:
            yield [*way, name], field


def operations(app: Flask) -> list[Operation]:
    callers = {role: house.caller(app, role) for role in ROLES}
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        asked = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
        bodies = [each["schema"] for each in asked if each["in"] == "json"]
        method = method_of(rule)
        if method in house.SAFE or not bodies:
            continue
        role = next((each for each in ROLES if each in ACCESS[rule.endpoint].roles), None)
        assert role is not None, rule.endpoint
        schema = bodies[0]() if inspect.isclass(bodies[0]) else bodies[0]
        found.append(
            Operation(
                endpoint=rule.endpoint,
                method=method,
                path="/".join(map(filled, rule.rule.split("/"))),
                schema=schema,
                headers={"Authorization": f"Bearer {callers[role].token}"},
                client=app.test_client(),
            )
        )
    return found


def method_of(rule: Rule) -> str:
    """The method that a rule takes; a door may be there for OPTIONS alone."""
    [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"} or {"OPTIONS"}
    return method


def filled(part: str) -> str:
    """A part of an address; where it names something, the name of nothing."""
    if part.startswith("<int:"):
        return "1"
    return FORMS[Id] if part.startswith("<") else part


def row_counts(url: str) -> dict[str, int]:
    with psycopg.connect(servers.plain(url)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counts = {}
        for (name,) in names:
            found = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            ).fetchone()
            counts[name] = found[0] if found else 0
        return {name: count for name, count in counts.items() if name not in LOGS}


class Verdicts:
    """What did not come as the corpus says, and whether anything was changed by it."""

    def __init__(self, app: Flask, owner_url: str) -> None:
        self.operations = operations(app)
        self.owner_url = owner_url
        self.before = row_counts(owner_url)
        self.wrong: list[str] = []
        self.asked = 0

    def expect(self, case: dict[str, Any], where: str, answer: TestResponse, *also: int) -> None:
        self.asked += 1
        is_problem = answer.mimetype == "application/problem+json"
        if answer.status_code not in (case["status"], *also) or not is_problem:
            text = answer.get_data(as_text=True)[:200]
            self.wrong.append(
                f"{case['name']} at {where}: {answer.status_code}, not {case['status']}: {text}"
            )
        answer.close()

    def settle(self) -> None:
        assert self.asked
        assert not self.wrong, f"{len(self.wrong)} of {self.asked}:\n" + "\n".join(self.wrong[:40])
        assert row_counts(self.owner_url) == self.before


@pytest.fixture
def verdicts(app, database_urls):
    found = Verdicts(app, database_urls.owner_url)
    yield found
    found.settle()


def test_the_corpus_is_large_and_every_case_is_named_once():
    cases = [case for path in CORPUS.glob("*.json") for case in corpus(path.stem)]
    assert len(cases) >= 400
    assert len({case["name"] for case in cases}) == len(cases)
    assert {case["status"] for case in cases} <= {400, 401, 404, 415, 422}


def test_the_operations_are_found_and_their_good_bodies_are_read(app):
    found = operations(app)
    assert {each.endpoint for each in found} >= NAMED
    for operation in found:
        assert not any(type(field) is fields.Boolean for _, field in operation.places()), "use Flag"
        answer = operation.send(json.dumps(operation.body()))
        is_read = answer.status_code < 400 or answer.json["code"] not in ("malformed", "invalid")
        assert is_read, (operation.endpoint, answer.get_data(as_text=True))


def test_a_basket_s_lines_are_attacked_one_by_one(app):
    [basket] = [each for each in operations(app) if each.endpoint == "campaigns.hold_basket"]
    ways = {"/".join(map(str, way)) for way, _ in basket.places()}
    assert ways == {"lines", "lines/0/item_id", "lines/0/boxes"}


@pytest.mark.parametrize("case", corpus("json_syntax"), ids=lambda case: case["name"])
def test_broken_json_is_refused_by_every_operation(verdicts, case):
    for operation in verdicts.operations:
        if case.get("text") == "{}" and not operation.body():
            continue  # nothing is due there
        text = json.dumps(operation.body()).join(case.get("text", "").split("$BODY"))
        if "repeat" in case:
            text = case["repeat"][0] * case["repeat"][1]
        data: str | bytes = bytes.fromhex(case["hex"]) if "hex" in case else text
        if "encoding" in case:
            data = text.encode(case["encoding"])
        verdicts.expect(case, operation.endpoint, operation.send(data))


def test_members_that_nobody_asked_for_are_refused(verdicts):
    for operation in verdicts.operations:
        taken = {name for name, _ in named_fields(operation.schema)}
        for case in corpus("extra_members"):
            if case["member"] not in taken:
                verdicts.expect(
                    case,
                    operation.endpoint,
                    operation.send(operation.text_with([case["member"]], case["json"])),
                )


def test_what_no_field_takes_is_refused_by_every_field(verdicts):
    attack(verdicts, "any_field", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("numbers", Whole),
        ("weights", Grams),
        ("texts", Line),
        ("codes", Code),
        ("days", Day),
        ("instants", Instant),
        ("ids", Id),
        ("currencies", Currency),
        ("flags", Flag),
        ("lists", fields.List),
    ],
)
def test_fields_refuse_what_is_not_of_their_kind(verdicts, name, kind):
    attack(verdicts, name, kind)


def attack(verdicts: Verdicts, name: str, kind: type[fields.Field[Any]] | None) -> None:
    """Put every case into every field of the kind."""
    cases = corpus(name)
    for operation in verdicts.operations:
        for number, (way, field) in enumerate(operation.places(kind)):
            where = f"{operation.endpoint} {'/'.join(map(str, way))}"
            for place, case in enumerate(cases):
                if number and (place + number) % SAMPLE:
                    continue
                if case.get("range") and field.validate.min < 0:
                    continue
                if kind is Grams and case["name"].endswith("zero") and field.low == 0:
                    continue
                literal = case["json"] if "json" in case else json.dumps(value_of(case))
                if kind is Line and "repeat" in case and field.validate.max >= len(value_of(case)):
                    literal = json.dumps(case["repeat"][0] * (field.validate.max + 1))
                if literal == "null" and field.allow_none:
                    continue
                verdicts.expect(case, where, operation.send(operation.text_with(way, literal)))


def value_of(case: dict[str, Any]) -> str:
    if "repeat" in case:
        text, times = case["repeat"]
        return str(text * times)
    return str(case["value"])


def test_header_fields_that_are_wrong_are_refused(verdicts):
    for operation in verdicts.operations:
        needs_key = getattr(
            operation.client.application.view_functions[operation.endpoint], "needs_key", False
        )
        for case in corpus("headers"):
            if "Idempotency-Key" in case["headers"] and not needs_key:
                continue
            answer = operation.send(json.dumps(operation.body()), case["headers"])
            verdicts.expect(case, operation.endpoint, answer)


def test_addresses_that_name_nothing_are_not_found(verdicts, app):
    rules = [rule for rule in app.url_map.iter_rules() if "<uuid:" in rule.rule]
    staff = house.caller(app, Role.OPERATOR, Role.AUDITOR, Role.SHOPPER, Role.BUYER)
    verdicts.before = row_counts(verdicts.owner_url)
    for rule in rules:
        method = method_of(rule)
        for case in corpus("paths"):
            path = "/".join(
                case["path"] if part.startswith("<uuid:") else part for part in rule.rule.split("/")
            )
            headers = {"Authorization": f"Bearer {staff.token}", "Idempotency-Key": str(uuid.uuid4())}
            answer = app.test_client().open(
                path.replace("<string:code>", "C1"), method=method, headers=headers
            )
            # A body, a query or a right may be missed first where the address fits; another address may fit as well.
            missed = [401, 403, 405, 415] + [422] * any(map(needs_query, queries_of(app, rule)))
            verdicts.expect(case, f"{method} {rule.rule}", answer, *missed)


def queries_of(app: Flask, rule: Rule) -> list[Any]:
    asked = getattr(app.view_functions[rule.endpoint], "_apidoc", {}).get("arguments", {})
    return [each["schema"] for each in asked.get("parameters", []) if each["in"] == "query"]


def needs_query(schema: Any) -> bool:
    return any(field.required for field in schema._declared_fields.values())


def test_queries_that_are_wrong_are_refused(verdicts, app):
    staff = house.caller(app, Role.OPERATOR, Role.AUDITOR, Role.SHOPPER)
    verdicts.before = row_counts(verdicts.owner_url)
    for rule in app.url_map.iter_rules():
        schemas = queries_of(app, rule)
        if "GET" not in (rule.methods or ()) or not schemas or "limit" not in schemas[0]._declared_fields:
            continue
        path = "/".join(FORMS[Id] if part.startswith("<") else part for part in rule.rule.split("/"))
        for case in corpus("queries"):
            answer = app.test_client().get(
                f"{path}?{case['query']}", headers={"Authorization": f"Bearer {staff.token}"}
            )
            verdicts.expect(case, rule.endpoint, answer)
