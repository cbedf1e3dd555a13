"""`flask demo`: the main job on a roster, shown to people."""

from pathlib import Path

import click
from flask import current_app
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from campaigns.demo import job, logins, roster, show
from campaigns.demo.season.command import season_command
from marketplace import errors, terminal
from marketplace.context import now_utc
from marketplace.settings import Settings
from marketplace.values import GRAMS_MAX, GRAMS_PER_UNIT

_STEPS = {
    "load": "loading the roster 载入名册",
    "hold": "holding lot by lot 按批次保留",
    "confirm": "confirming the shares 确认份额",
    "pledge": "pledging for the presale 承诺货源",
    "sell": "selling one order 完成一单",
}


@click.group("demo", invoke_without_command=True)
@click.option(
    "--roster",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of the roster; made-up Yijun.",
)
@click.option(
    "--jin",
    type=click.IntRange(1, GRAMS_MAX // GRAMS_PER_UNIT["jin"]),
    default=420_000,
    show_default=True,
    help="How much to buy.",
)
@click.option("--grade", default="A", show_default=True, help="Which grade to buy.")
@click.option("--picture", type=click.Path(path_type=Path), default=None, help="Also write the split as SVG.")
@click.option("--show-logins", is_flag=True, help="Only print the demo log-ins.")
@click.pass_context
def demo_command(
    asked: click.Context,
    *,
    folder: Path | None,
    jin: int,
    grade: str,
    picture: Path | None,
    show_logins: bool,
) -> None:
    """Buy 420,000 jin, split them fairly, sell one box of a presale. 运行演示：分配 42 万斤。"""
    if asked.invoked_subcommand is not None:
        return
    settings: Settings = current_app.config["SETTINGS"]
    if settings.is_production:
        raise click.ClickException("The demo makes people and fruit up: it does not run in production.")
    console = terminal.console()
    if show_logins:
        _show_logins(console, settings)
        return
    try:
        read = roster.read(folder or roster.DEFAULT).moved_to(now_utc().date())
        done = _run(console, settings, read, grade=grade, grams=jin * GRAMS_PER_UNIT["jin"])
    except roster.RosterWrong as wrong:
        raise click.ClickException(str(wrong)) from wrong
    except errors.Refusal as refusal:
        facts = ", ".join(
            f"{name} {value:,}" for name, value in refusal.facts.items() if isinstance(value, int)
        )
        raise click.ClickException(f"{refusal.title.en} {refusal.title.zh} {facts}".strip()) from refusal
    show.outcome(console, read, done, base_url=settings.public_url)
    show.logins(console, done.logins)
    if picture is not None:
        _write(picture, show.drawing(read, done))


demo_command.add_command(season_command)


def _run(console: Console, settings: Settings, read: roster.Roster, *, grade: str, grams: int) -> job.Outcome:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}

        def told(step: str, done: int, total: int) -> None:
            if step not in bars:
                bars[step] = progress.add_task(_STEPS[step], total=total)
            progress.update(bars[step], completed=done, total=total)

        return job.run(settings, read, grade=grade, quantity_grams=grams, told=told)


def _write(path: Path, drawing: str) -> None:
    try:
        path.write_text(drawing, encoding="utf-8")
    except OSError as problem:
        raise click.ClickException(f"{path} cannot be written: {problem.strerror}.") from problem


def _show_logins(console: Console, settings: Settings) -> None:
    kept = logins.kept(settings)
    if kept is None:
        raise click.ClickException("There are no demo log-ins yet: run `flask demo` first.")
    show.logins(console, kept)
