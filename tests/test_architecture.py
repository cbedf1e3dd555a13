"""The house's own rules, kept by the suite: directions, edges, the access table, the grammar of files."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from marketplace.access import ACCESS, EVERYONE, Role
from marketplace.errors import FAMILIES, every_refusal
from marketplace.problems import STATUS, status_of
from marketplace.settings import PROJECT_ROOT

PACKAGES = ("marketplace", "inventory", "orders", "campaigns")
FILES = sorted(path for package in PACKAGES for path in (PROJECT_ROOT / package).rglob("*.py"))
LINES_MAX = 500
COMMITTING = {"marketplace/database.py"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
OPEN_TO_PASSERS_BY = re.compile(
    r"shell\.|(campaign|trace)_pages\.|campaigns\.(list|get|stream)|campaign_prices\.list|sessions\.(log_in|log_in_by_phone|request_code)$"
    r"|(counties|cooperatives|products|packs|catalogue_files)\.(list|get|download)|pools\.get_pool|groups\.get_group"
    r"|label_areas\.(list_areas|get_area|list_seasons|get_season)$|label_scans\.scan$"
    r"|county_work\.sum_up_county$|provider_events\.take_in$|evidence_readings\.read(_csv|_pdf)?$"
)


OURS = frozenset(ACCESS)
"""The table as it stands in the code: tests that bring doors of their own add to it for a while."""


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def test_the_import_contracts_are_kept():
    """In a process of its own: the linter takes over the logging of the process it runs in."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_says_what_it_is_for_and_stays_short(path):
    source = path.read_text()
    tree = ast.parse(source)

    assert ast.get_docstring(tree) or not tree.body, "a file begins with what it is for"
    assert len(source.splitlines()) <= LINES_MAX, "a file that grows this long becomes a package"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_stand_at_the_top(path):
    tree = ast.parse(path.read_text())
    inner = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert not inner


@pytest.mark.parametrize("path", [path for path in FILES if name(path) not in COMMITTING], ids=name)
def test_only_edges_commit(path):
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "rollback")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "session"
    ]

    assert not calls


def test_every_endpoint_has_its_entry_in_the_access_table_and_no_entry_is_left_over(app: Flask):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}

    assert endpoints == OURS


def test_a_passer_by_may_only_do_what_is_listed_here():
    public = {endpoint for endpoint in OURS if Role.ANONYMOUS in ACCESS[endpoint].roles}

    assert all(OPEN_TO_PASSERS_BY.match(endpoint) for endpoint in public), public


def test_an_auditor_only_reads(app: Flask):
    own = {"sessions.log_out", "accounts.change_password"}
    only_computing = {
        "bulk_quotes.ask_quote",
        "bulk_quotes.compare_rules",
        "allocation_simulations.compare_policies",
        "allocation_simulations.simulate",
        "allocation_simulations.try_ration",
        "campaign_policies.try_policies",
    }
    for rule in app.url_map.iter_rules():
        access = ACCESS[rule.endpoint]
        is_for_everybody = access.roles >= EVERYONE - {Role.SERVICE} or rule.endpoint in own | only_computing
        if UNSAFE & (rule.methods or set()) and not is_for_everybody:
            assert Role.AUDITOR not in access.roles, rule.endpoint


def test_every_view_has_a_summary_in_both_languages(app: Flask):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/"):
            summary = (inspect.getdoc(app.view_functions[rule.endpoint]) or "").splitlines()[0]
            assert re.search("[a-z]", summary), rule.endpoint
            assert re.search("[\u4e00-\u9fff]", summary), rule.endpoint


def test_every_refusal_belongs_to_a_family_and_speaks_both_languages():
    for refusal in every_refusal():
        assert issubclass(refusal, FAMILIES), refusal
        assert status_of(refusal) in STATUS.values()
        assert refusal.title.en
        assert re.search("[\u4e00-\u9fff]", refusal.title.zh), refusal


def test_only_one_file_may_know_stripe():
    knowing = [
        name(path) for path in FILES if re.search(r"^\s*(import|from) stripe", path.read_text(), re.MULTILINE)
    ]

    assert knowing == ["marketplace/payments/gateways/stripe_gateway.py"]


def test_no_float_stands_near_money_weight_or_shares():
    """`float` may be named where foreign numbers come in, seconds are measured or ink is placed; nowhere else."""
    allowed = {
        "marketplace/strict_json.py",
        "marketplace/metrics.py",
        "marketplace/logs.py",
        "orders/allocation/picture.py",
    }
    for path in FILES:
        if name(path) not in allowed and not re.search("embedded|jobs|running|engines", name(path)):
            names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            assert "float" not in names, name(path)


HOOKS = {"before_request", "after_request", "before_app_request", "after_app_request", "teardown_request"}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if name(path) not in {"marketplace/stations.py", "marketplace/limits.py"}],
    ids=name,
)
def test_only_the_stations_hang_on_every_request(path):
    """The fast path passes the stations, and knows of no other hook."""
    found = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in HOOKS
    ]

    assert not found
