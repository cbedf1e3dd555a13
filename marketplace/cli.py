"""Commands of the ground: `flask db …`, `flask verify`, `flask worker`, `flask openapi …`."""

import importlib
import json
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
import flask_migrate
from flask import Flask, current_app
from rich.table import Table

from marketplace import errors, jobs, openapi, problems, terminal, verify
from marketplace.database import db, reading
from marketplace.settings import PROJECT_ROOT

OPENAPI_FILE: Final = PROJECT_ROOT / "docs" / "openapi.json"
PROBLEMS_FILE: Final = PROJECT_ROOT / "docs" / "problems.md"


PACKAGES: Final = ("marketplace", "inventory", "orders", "campaigns")
PROBLEMS_HEAD: Final = """# Problems · 错误代码

Every answer of the API that is not a success is `application/problem+json` (RFC 9457). Decide on `code`; `title`
and `detail` follow `Accept-Language`; `type` leads to a page about it; `errors` lists what is wrong with each part of a
request.
This list is generated: `make openapi`.

所有非成功响应均为 `application/problem+json`，请以 `code` 判断。

| status | code | title | 标题 | meaning |
|---|---|---|---|---|
"""


def configure(app: Flask, commands: Iterable[click.Command]) -> None:
    flask_migrate.Migrate(app, db, directory=str(PROJECT_ROOT / "migrations"))
    for command in (verify_command, worker_command, openapi_group, *commands):
        app.cli.add_command(command)


@click.command("verify")
def verify_command() -> None:
    """Check every promise; exit 1 and name the first offending row of each broken one. 检查不变量"""
    with reading() as session:
        findings = verify.check(session, verify.invariants_of(current_app.extensions["modules"]))
    table = Table(title=f"{len(findings)} invariants 不变量", title_justify="left")
    for heading in ("id", "says", "说明", "rows", "first offending row"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for finding in findings:
        says = finding.invariant.says
        mark = "[green]ok" if finding.holds else f"[red]{finding.broken}"
        table.add_row(finding.invariant.id, says.en, says.zh, mark, _row(finding.first))
    terminal.console().print(table)
    broken = [finding for finding in findings if not finding.holds]
    if broken:
        raise click.ClickException(f"{len(broken)} of {len(findings)} invariants are broken.")


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
def worker_command(once: bool) -> None:
    """Do the waiting jobs until told to stop. 处理后台任务"""
    jobs.work(current_app, once=once)


@click.group("openapi")
def openapi_group() -> None:
    """The API's description in docs/openapi.json. 接口文档"""


@openapi_group.command("write")
def write_openapi() -> None:
    """Write it anew, and the list of problems with it."""
    for path, text in generated(current_app).items():
        path.write_text(text, encoding="utf-8")
        click.echo(f"written: {path.relative_to(PROJECT_ROOT)}")


@openapi_group.command("check")
def check_openapi() -> None:
    """Exit 1 when a stored copy is stale."""
    if stale := [path.name for path, text in generated(current_app).items() if not is_fresh(path, text)]:
        raise click.ClickException(f"{', '.join(stale)} is stale: run `make openapi`.")


def generated(app: Flask) -> dict[Path, str]:
    """Every document that is made from the code, with the text it must have."""
    return {OPENAPI_FILE: openapi_text(app), PROBLEMS_FILE: problems_text()}


def problems_text() -> str:
    """Every code that an answer may carry, for people; the same whatever has been imported before."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    rows = {(status, code, title.en, title.zh, "") for status, (code, title) in problems.PLAIN.items()}
    for refusal in errors.every_refusal():
        if refusal not in errors.FAMILIES and refusal.__module__.split(".")[0] in PACKAGES:
            meaning = " ".join((refusal.__doc__ or "").split())
            rows.add((problems.status_of(refusal), refusal.code, refusal.title.en, refusal.title.zh, meaning))
    lines = [
        f"| {status} | `{code}` | {en} | {zh} | {meaning} |" for status, code, en, zh, meaning in sorted(rows)
    ]
    return PROBLEMS_HEAD + "\n".join(lines) + "\n"


def openapi_text(app: Flask) -> str:
    """The document as it is stored: sorted, so that a diff shows what changed."""
    document: dict[str, Any] = openapi.document(app, app.extensions["openapi"])
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def is_fresh(path: Path, document: str) -> bool:
    return path.exists() and path.read_text() == document


def _row(first: dict[str, Any] | None) -> str:
    return "" if first is None else ", ".join(f"{name}={value}" for name, value in first.items())
