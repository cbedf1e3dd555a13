"""`flask demo season`: a whole season by a seed, shown step by step; its result in one file with its digest."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from flask import current_app
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from campaigns.demo.season import paying, plan, play, show, world
from campaigns.demo.season.world import NoDatabase
from marketplace import terminal
from marketplace.settings import Settings

STEPS: Final = len(show.STEPS)
_DOING: Final = {
    "arrive": "shoppers arrive 买家注册",
    "buy": "they buy 下单付款",
    "answer": "cooperatives answer 合作社答复",
    "choose": "buyers choose 买家选择",
    "balance": "balances are paid 支付尾款",
    "address": "addresses are chosen 选择地址",
    "label": "boxes are labelled 贴标",
    "pack": "boxes are packed 打包",
    "ship": "boxes are shipped 发货",
    "trace": "boxes are followed back 追溯",
    "deliver": "boxes arrive 送达",
}


@click.command("season")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Makes the season."
)
@click.option(
    "--shoppers",
    type=click.IntRange(plan.SHOPPERS_MIN, plan.SHOPPERS_MAX),
    default=plan.SHOPPERS,
    show_default=True,
    help="How many come.",
)
@click.option(
    "--gateway",
    type=click.Choice(sorted(paying.PURSES)),
    default=paying.Transfers.name,
    show_default=True,
    help="How money comes and goes; through Stripe only at a stand-in (STRIPE_API_BASE).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where the result goes, as JSON; the same seed writes the same bytes.",
)
@with_appcontext
def season_command(*, seed: int, shoppers: int, gateway: str, output: Path | None) -> None:
    """Play a presale from plan to its end, in a database of its own. 演示完整一季：预售、分配、冰雹、尾款、发货"""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.is_production:
        raise click.ClickException("The demo makes people and fruit up: it does not run in production.")
    if gateway == paying.Cards.name and not (settings.stripe_secret_key and settings.stripe_api_base):
        raise click.ClickException(
            "Shoppers who are made up pay at a stand-in alone: set STRIPE_SECRET_KEY and STRIPE_API_BASE. "
            "演示买家只在模拟支付服务付款：请设置 STRIPE_SECRET_KEY 与 STRIPE_API_BASE。"
        )
    modules = current_app.extensions["modules"]
    console = terminal.console()
    console.print(f"[bold]Season 演示季 {seed}: {shoppers:,} shoppers 位买家[/]")
    try:
        with (
            world.own_database(settings, f"season_{seed}") as urls,
            world.opened(urls, settings, modules, seed=seed) as here,
        ):
            result = _play(console, here, plan.plan(seed, shoppers=shoppers), paying.PURSES[gateway]())
    except (NoDatabase, play.NotAsPlanned) as problem:
        raise click.ClickException(str(problem)) from problem
    told = written(result)
    show.end(console, result, digest=digest_of(told))
    if output is not None:
        try:
            output.write_text(told, encoding="utf-8")
        except OSError as problem:
            raise click.ClickException(f"{output} cannot be written: {problem.strerror}.") from problem
        console.print(f"written 已写入: {output}", soft_wrap=True, highlight=False)


def written(result: Mapping[str, Any]) -> str:
    """One form for one result: names in order, a line for each order."""
    head = {name: value for name, value in result.items() if name != "orders"}
    lines = ",\n".join(_json(row) for row in result["orders"])
    return f'{{"season": {_json(head)},\n"orders": [\n{lines}\n]}}\n'


def digest_of(told: str) -> str:
    return "sha256:" + hashlib.sha256(told.encode()).hexdigest()


def _play(console: Console, here: world.World, drawn: plan.Plan, purse: paying.Purse) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def told(doing: str, done: int, total: int) -> None:
            if doing not in bars:
                bars[doing] = progress.add_task(_DOING[doing], total=total)
            progress.update(bars[doing], completed=done, total=total)

        season = play.Season(world=here, plan=drawn, told=told, purse=purse)
        for number, step in enumerate(season.play(), start=1):
            show.step(console, step, number=number, of=STEPS, goal=drawn.goal_boxes)
            if step.broken:
                raise play.NotAsPlanned(f"{len(step.broken)} promises are broken: {step.broken[0]}")
        return season.result()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
