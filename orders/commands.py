"""`flask allocate`: the split from files, without a database; and a stored run computed again."""

import json
import uuid
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from marketplace import terminal
from marketplace.database import reading
from orders import allocation, figures
from orders.allocation import json_form, member_form, picture, ration_form, text
from orders.models import AllocationRun


class FileFirst(click.Group):
    """A group whose first argument may be a file: `allocate problem.json` is `allocate split problem.json`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["split", *args]
        return super().resolve_command(ctx, args)


@click.group("allocate", cls=FileFirst, context_settings={"ignore_unknown_options": True})
def allocate_group() -> None:
    """Split orders fairly: PROBLEM.json, PROBLEMS.jsonl, verify, replay, members, ration. 公平分配"""


@allocate_group.command("split")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
@click.option("--explain", "seller_id", help="Explain one seller's share in both languages.")
@click.option("--report", "with_report", is_flag=True, help="Print the fairness figures.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the split as SVG.")
def split(
    *, file: Path, out: Path | None, seller_id: str | None, with_report: bool, plot: Path | None
) -> None:
    """One problem, or one on each line of a .jsonl file."""
    if file.suffix == ".jsonl":
        _split_lines(file, out)
        return
    try:
        problem = json_form.problem_from_json(_read(file))
        result = allocation.allocate(problem)
    except allocation.ProblemRefused as refused:
        raise _told(file, refused) from refused
    if violations := allocation.verify(problem, result):
        raise click.ClickException(f"the split does not prove itself: {violations[0]}")
    _write(json.dumps(json_form.allocation_to_json(result), ensure_ascii=False, indent=1), out)
    if with_report:
        _print_report(problem, result)
    if seller_id is not None:
        _print_explanation(problem, result, seller_id)
    if plot is not None:
        plot.write_text(picture.draw(result), encoding="utf-8")


@allocate_group.command("verify")
@click.argument("problem_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("result_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify_files(*, problem_file: Path, result_file: Path) -> None:
    """Exit 1 and the violations when the result is not the split of the problem."""
    try:
        problem = json_form.problem_from_json(_read(problem_file))
        result = json_form.allocation_from_json(_read(result_file))
    except (allocation.ProblemRefused, json_form.AllocationUnreadable) as unreadable:
        raise click.ClickException(str(unreadable)) from unreadable
    violations = allocation.verify(problem, result)
    for violation in violations:
        click.echo(f"{violation.code} {violation.subject}: {violation.message}".replace(" :", ":"))
    if violations:
        raise click.ClickException(f"{len(violations)} violations: this is not the split of that problem.")
    click.echo(f"proved 已证明 {result.digest}")


@allocate_group.command("members")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
@click.option("--explain", "member_id", help="Explain one grower's boxes in both languages.")
def divide_over_members(*, file: Path, out: Path | None, member_id: str | None) -> None:
    """Divide a cooperative's share over its growers by what they delivered."""
    try:
        divided = member_form.divided_to_json(member_form.division_from_json(_read(file)))
    except allocation.ProblemRefused as refused:
        raise _told(file, refused) from refused
    _write(json.dumps(divided, ensure_ascii=False, indent=1), out)
    if member_id is not None:
        told = next((each for each in divided["members"] if each["id"] == member_id), None)
        if told is None:
            raise click.ClickException(f"no grower in {file.name} is called {member_id!r}.")
        for sentence in (*told["sentences_en"], *told["sentences_zh"]):
            click.echo(sentence)


@allocate_group.command("ration")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
def ration_orders(*, file: Path, out: Path | None) -> None:
    """Try out a cut of orders in a shortage, under one policy or both side by side."""
    try:
        rationed = ration_form.rations_to_json(_read(file))
    except allocation.ProblemRefused as refused:
        raise _told(file, refused) from refused
    _write(json.dumps(rationed, ensure_ascii=False, indent=1), out)


@allocate_group.command("replay")
@click.argument("run_id", type=click.UUID)
def replay(*, run_id: uuid.UUID) -> None:
    """Compute a stored run again and compare every number."""
    with reading() as session:
        run = session.get(AllocationRun, run_id)
        if run is None:
            raise click.ClickException(f"There is no run {run_id}.")
        stored = run.result
        problem = json_form.problem_from_json(run.problem)
    again = json_form.allocation_to_json(allocation.allocate(problem))
    differing = sorted(name for name in stored if stored[name] != again.get(name))
    if differing:
        raise click.ClickException(f"run {run_id} differs in {', '.join(differing)}.")
    click.echo(f"the same to the last digit 完全一致 {again['digest']}")


def _told(file: Path, refused: allocation.ProblemRefused) -> click.ClickException:
    """Prints every fault; what is to be raised then."""
    for fault in refused.faults:
        click.echo(f"{fault.pointer or '/'} {fault.reason} {fault.reason_zh}", err=True)
    return click.ClickException(f"{file.name} is refused: {len(refused.faults)} faults.")


def _split_lines(file: Path, out: Path | None) -> None:
    """A result for each line; a refused problem gives its faults on its line, and the rest goes on."""
    results = [
        json.dumps(_split_line(line), ensure_ascii=False) for line in file.read_text("utf-8").splitlines()
    ]
    _write("\n".join(results), out)


def _split_line(line: str) -> Any:
    try:
        problem = json_form.problem_from_json(json.loads(line))
        return json_form.allocation_to_json(allocation.allocate(problem))
    except allocation.ProblemRefused as refused:
        faults = [
            {"pointer": each.pointer, "code": each.code, "reason": each.reason} for each in refused.faults
        ]
        return {"error": "refused", "faults": faults}
    except (json.JSONDecodeError, RecursionError) as broken:
        return {"error": "malformed", "reason": str(broken)}


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise click.ClickException(f"{file.name} is not JSON: {broken}") from broken


def _write(document: str, out: Path | None) -> None:
    if out is None:
        click.echo(document)
    else:
        out.write_text(document + "\n", encoding="utf-8")


def _print_report(problem: allocation.Problem, result: allocation.Allocation) -> None:
    table = Table(title="Fairness 公平性", title_justify="left", show_header=False)
    for label, figure in figures.rows(problem, result):
        table.add_row(label, figure)
    terminal.console().print(table)


def _print_explanation(problem: allocation.Problem, result: allocation.Allocation, seller_id: str) -> None:
    try:
        why = allocation.explain(problem, result, seller_id)
    except KeyError:
        raise click.ClickException(f"nobody in this problem is called {seller_id!r}.") from None
    for language in ("en", "zh"):
        for sentence in text.render(why, "zh" if language == "zh" else "en"):
            click.echo(sentence)
