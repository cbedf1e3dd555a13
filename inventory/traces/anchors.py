"""Where checkpoints are kept besides the database: what is told elsewhere cannot be taken back here.

An anchor is given the same note again after a crash and keeps it once. A public chain could be another one.
"""

import fcntl
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from inventory.traces import notes
from inventory.traces.models import TraceCheckpoint
from marketplace.context import Context
from marketplace.webhooks import outbox


class Anchor(Protocol):
    """A place that keeps what it was told."""

    def publish(
        self, session: Session, ctx: Context, checkpoint: TraceCheckpoint, *, county_code: str
    ) -> None:
        """Keep the checkpoint's note; raises OSError when it cannot be kept now."""


class FileAnchor:
    """A file for each county, with one note behind the other; it is only ever lengthened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(
        self, _session: Session, _ctx: Context, checkpoint: TraceCheckpoint, *, county_code: str
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.path(county_code).open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if checkpoint.note not in notes.split(file.read()):
                file.write(checkpoint.note)
                file.flush()

    def path(self, county_code: str) -> Path:
        return self._folder / f"{county_code}.txt"


class WebhookAnchor:
    """Partners who asked for `trace.checkpoint` get the note, signed and tried again like all that they are told."""

    def publish(
        self, session: Session, ctx: Context, checkpoint: TraceCheckpoint, *, county_code: str
    ) -> None:
        told = {
            "county_id": checkpoint.county_id,
            "county": county_code,
            "length": checkpoint.length,
            "note": checkpoint.note,
        }
        outbox.tell(session, ctx, "trace.checkpoint", data=told)
