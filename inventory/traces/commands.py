"""`flask trace`: whether a county's events are what they were, and the signed checkpoints that show it."""

from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.traces import checkpointing, keys, notes, verifying
from inventory.traces.models import TraceChain
from inventory.traces.proof import Fault, Finding
from marketplace import context, database, errors, terminal
from marketplace.catalogue.models import County
from marketplace.language import Text

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SAYS = {
    Fault.CHANGED: Text(en="was changed, or stands in another's place", zh="内容或位置被改动"),
    Fault.MISSING: Text(en="is missing", zh="缺失"),
    Fault.CUT: Text(en="and all behind it are cut off", zh="及其后全部事件被截去"),
    Fault.WRITTEN_ANEW: Text(en="or a later one was written anew", zh="或其后的事件被重写"),
}


@click.group("trace")
def trace_group() -> None:
    """Chains of events: verify, checkpoint, export, key. 追溯事件链"""


@trace_group.command("verify")
@click.argument("county", required=False)
@click.option(
    "--checkpoints",
    type=_FILE,
    help="Checkpoints that were kept elsewhere; without it, the file of the county.",
)
def verify(*, county: str | None, checkpoints: Path | None) -> None:
    """Read the chain of COUNTY, or of every county; exit 1 and name the first bad event. 核验事件链"""
    bad = 0
    with database.reading() as session:
        for found in _counties(session, county):
            file = checkpoints or checkpointing.folder() / f"{found.code}.txt"
            kept = notes.split(file.read_text(encoding="utf-8")) if file.exists() else []
            bad += not _verified(session, found, kept)
    if bad:
        raise click.ClickException(f"{bad} chains are not what they were. 有 {bad} 条链被改动。")


@trace_group.command("checkpoint")
def checkpoint() -> None:
    """Sign for every chain that has grown, and tell it to every anchor. 签署检查点"""
    made = database.transact(lambda session: checkpointing.sign_all(session, context.system()))
    for each in made:
        click.echo(each.note)


@trace_group.command("export")
@click.argument("county")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write them here.")
def export(*, county: str, out: Path | None) -> None:
    """All checkpoints of COUNTY, to be kept elsewhere. 导出检查点"""
    with database.reading() as session:
        [found] = _counties(session, county)
        text = "".join(checkpointing.of_county(session, found.id))
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@trace_group.command("key")
def key() -> None:
    """The public key by which checkpoints are known. 检查点公钥"""
    click.echo(keys.signer().verifier.text())


def _counties(session: Session, code: str | None) -> list[County]:
    wanted = select(County).order_by(County.code)
    if code is None:
        wanted = wanted.join(TraceChain, TraceChain.county_id == County.id)
    else:
        wanted = wanted.where(County.code == code)
    found = list(session.scalars(wanted))
    if code is not None and not found:
        raise click.ClickException(f"There is no county {code}. 没有该县。")
    return found


def _verified(session: Session, county: County, kept: list[str]) -> bool:
    chain = session.get(TraceChain, county.id)
    columns = (
        TextColumn(county.code),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=terminal.console(), transient=True) as progress:
        task = progress.add_task(county.code, total=chain.length if chain else 0)
        try:
            verdict = verifying.verify(
                session,
                county_id=county.id,
                county_code=county.code,
                kept_notes=kept,
                step=lambda read: progress.update(task, completed=read),
            )
        except errors.Refusal as refusal:
            raise click.ClickException(f"{county.code}: {refusal.detail or refusal.title}") from refusal
    if verdict.finding is None:
        click.echo(f"{county.code}: {verdict.events} events, {verdict.checkpoints} checkpoints hold 完整")
        return True
    click.echo(f"{county.code}: {_told(verdict.finding)}")
    return False


def _told(finding: Finding) -> str:
    says = _SAYS[finding.fault]
    which = str(finding.number) if finding.number == finding.until else f"{finding.number}–{finding.until}"
    return f"event {which} {says.en}; 事件 {which} {says.zh}"
