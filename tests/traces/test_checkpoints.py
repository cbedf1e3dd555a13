"""Checkpoints: signed when a chain has grown, kept elsewhere, and held against what the database says."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.traces import checkpointing, keys, notes, verifying
from inventory.traces.anchors import FileAnchor
from inventory.traces.models import TraceCheckpoint
from inventory.traces.proof import Fault
from marketplace import context, database, jobs
from marketplace.embedded.databases import DatabaseUrls
from marketplace.jobs.worker import close
from tests import servers
from tests.builders import Market, comes_meanwhile
from tests.traces.told import observed, recorded, rows, verdict

Cli = Callable[..., Result]


@pytest.fixture
def folder(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's checkpoints are written."""
    monkeypatch.setattr(checkpointing, "folder", lambda: tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def cli(market: Market) -> Cli:
    runner = market.app.test_cli_runner()
    return lambda *words: runner.invoke(args=["trace", *words])


@pytest.fixture
def owner(database_urls: DatabaseUrls) -> Callable[[str], None]:
    """Somebody who can write the tables: what the app's role may not do."""

    def execute(statement: str) -> None:
        with psycopg.connect(servers.plain(database_urls.owner_url)) as connection:
            connection.execute(statement)

    return execute


def signed(market: Market) -> list[TraceCheckpoint]:
    return database.transact(lambda session: checkpointing.sign_all(session, market.ctx))


def kept(folder: Path) -> tuple[str, ...]:
    return tuple(notes.split((folder / "YJ.txt").read_text()))


def grown(market: Market, folder: Path) -> None:
    """Thirty events, signed for at 10, 20 and 30."""
    for block in range(3):
        recorded(market, *(observed(block * 10 + each) for each in range(10)))
        signed(market)
    jobs.work(market.app, once=True)
    assert len(kept(folder)) == 3


def test_a_chain_is_signed_for_when_it_has_grown_and_only_then(market: Market, folder: Path) -> None:
    assert signed(market) == []
    recorded(market, observed(1), observed(2))
    [made] = signed(market)
    assert made.length == 2
    assert signed(market) == []
    recorded(market, observed(1))
    assert signed(market) == [], "an event that was told again is no growth"
    said = notes.read(made.note, keys.verifiers())
    assert (said.origin, said.size, said.head) == ("127.0.0.1:8000/traces/YJ", 2, rows(market)[-1].link)


def test_it_is_told_to_the_file_once_whatever_happens(market: Market, folder: Path) -> None:
    recorded(market, observed(1))
    [made] = signed(market)
    anchor = FileAnchor(folder)
    for _ in range(2):
        with database.reading() as session:
            anchor.publish(session, market.ctx, made, county_code="YJ")
    jobs.work(market.app, once=True)
    assert kept(folder) == (made.note,)


def test_every_ten_minutes_a_job_does_it(market: Market) -> None:
    job = market.app.extensions["jobs"]["inventory.trace_checkpoints"]
    recorded(market, observed(1))
    database.transact(lambda session: job.run(session, context.system()))
    assert job.cron == "*/10 * * * *"
    with database.reading() as session:
        assert len(session.scalars(select(TraceCheckpoint)).all()) == 1


def test_a_process_that_ends_signs_and_writes_it_down(market: Market, folder: Path) -> None:
    recorded(market, observed(1))
    close(market.app)
    assert len(kept(folder)) == 1
    close(market.app)
    assert len(kept(folder)) == 1


def test_processes_that_end_together_sign_once(market: Market, folder: Path) -> None:
    recorded(market, observed(1))

    def ends(session: Session) -> None:
        checkpointing.at_the_end(session, market.ctx)

    comes_meanwhile(market.app, ends, ends)
    assert len(kept(folder)) == 1


def test_a_process_ends_though_nothing_can_be_signed(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError

    recorded(market, observed(1))
    monkeypatch.setattr(checkpointing.FileAnchor, "publish", fails)
    close(market.app)
    with database.reading() as session:
        assert session.scalars(select(TraceCheckpoint)).all() == [], "half of it was kept"


def test_what_is_as_it_was_is_whole(market: Market, folder: Path, cli: Cli) -> None:
    grown(market, folder)
    result = cli("verify", "YJ")
    assert (result.exit_code, "30 events, 3 checkpoints hold" in result.output) == (0, True), result.output
    assert cli("verify").exit_code == 0
    assert "There is no county XX" in cli("verify", "XX").output


TAMPERED = {
    "one changed byte": (
        "UPDATE trace_event SET body = replace(body, '21/K7Q2M9XW4T', '21/K7Q2M9XW4U') WHERE number = 14",
        (Fault.CHANGED, 14, 14),
    ),
    "two swapped rows": (
        "UPDATE trace_event e SET body = o.body, link = o.link FROM trace_event o"
        " WHERE e.number IN (7, 21) AND o.number = 28 - e.number",
        (Fault.CHANGED, 7, 7),
    ),
    "a deleted middle row": ("DELETE FROM trace_event WHERE number = 17", (Fault.MISSING, 17, 17)),
    "a cut tail": ("DELETE FROM trace_event WHERE number > 20", (Fault.CUT, 21, 21)),
    "a cut tail with its checkpoint and a new head": (
        "DELETE FROM trace_event WHERE number > 20; DELETE FROM trace_checkpoint WHERE length > 20;"
        " UPDATE trace_chain SET length = 20, frontier = substring(frontier, 1, 64),"
        " head = (SELECT link FROM trace_event WHERE number = 20)",
        (Fault.CUT, 21, 21),
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_tampered_with_is_named(
    market: Market, folder: Path, cli: Cli, owner: Callable[[str], None], case: str
) -> None:
    grown(market, folder)
    statement, expected = TAMPERED[case]
    owner("DELETE FROM trace_mention")
    owner(statement)
    try:
        found = verdict(market, kept(folder)).finding
        assert found is not None
        assert (found.fault, found.number, found.until) == expected
        result = cli("verify", "YJ")
        assert result.exit_code == 1
        assert f"event {expected[1]}" in result.output
    finally:
        owner("TRUNCATE trace_chain CASCADE")


def test_a_chain_that_is_written_anew_is_told_by_what_was_kept(
    market: Market, folder: Path, cli: Cli, owner: Callable[[str], None]
) -> None:
    """The forger rewrites every row, link, head and checkpoint; the file is elsewhere."""
    grown(market, folder)
    before = kept(folder)
    owner("TRUNCATE trace_chain CASCADE")
    recorded(market, *(observed(each if each != 13 else 5_000) for each in range(30)))
    signed(market)
    assert verdict(market).finding is None, "the chain alone cannot tell"
    found = verdict(market, before).finding
    assert found is not None
    assert (found.fault, found.number, found.until) == (Fault.WRITTEN_ANEW, 11, 20)
    assert cli("verify", "YJ").exit_code == 1


def test_checkpoints_are_exported_and_read_again(
    market: Market, folder: Path, cli: Cli, tmp_path: Path, owner: Callable[[str], None]
) -> None:
    grown(market, folder)
    out = tmp_path / "out.txt"
    assert cli("export", "YJ", "--out", str(out)).exit_code == 0
    assert notes.split(out.read_text()) == list(kept(folder)) == notes.split(cli("export", "YJ").output)
    assert cli("verify", "YJ", "--checkpoints", str(out)).exit_code == 0
    out.write_text(out.read_text().replace("/YJ\n", "/XX\n"))
    assert cli("verify", "YJ", "--checkpoints", str(out)).exit_code == 1
    assert keys.signer().verifier.text() in cli("key").output


def test_a_checkpoint_of_another_county_is_not_ours(market: Market, folder: Path) -> None:
    grown(market, folder)
    with pytest.raises(verifying.WrongCheckpoint):
        verifying.read_note(kept(folder)[0], "LC")
    with pytest.raises(verifying.WrongCheckpoint):
        verifying.read_note("nothing", "YJ")


def test_a_key_of_its_own_signs_and_what_the_secret_signed_stays_known(
    market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(market, observed(1))
    [first] = signed(market)
    settings = market.app.config["SETTINGS"]
    changed = replace(settings, trace_signing_key=base64.b64encode(bytes(32)).decode())
    monkeypatch.setitem(market.app.config, "SETTINGS", changed)
    recorded(market, observed(2))
    [second] = signed(market)
    assert keys.signer().verifier != keys.verifiers()[1]
    for made in (first, second):
        assert notes.read(made.note, keys.verifiers()).size == made.length
    monkeypatch.setitem(
        market.app.config,
        "SETTINGS",
        replace(settings, secret_key="another-secret" * 4, secret_key_before=settings.secret_key),
    )
    assert notes.read(first.note, keys.verifiers()).size == 1
