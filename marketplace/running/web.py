"""What gunicorn needs to know about this project; `gunicorn.conf.py` only spells it in gunicorn's names."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from marketplace.embedded import processes
from marketplace.embedded.processes import Process

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
OWNER: Final = "owner.json"


def open_metrics(data_folder: Path) -> Path:
    """An empty folder where the workers of this server add up their numbers.

    prometheus-client decides when it is imported, so the variable is set before any worker imports the app.
    Folders of servers that are gone are removed.
    """
    parent = data_folder / "metrics"
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.iterdir():
        if _owner(old) is None:
            shutil.rmtree(old, ignore_errors=True)
    folder = parent / str(os.getpid())
    folder.mkdir(exist_ok=True)
    processes.write_pid_file(folder / OWNER, processes.this())
    os.environ[VARIABLE] = str(folder)
    return folder


def forget_worker(folder: Path, pid: int) -> None:
    """A worker ended: its live gauges no longer count, its counters stay."""
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def close_metrics(folder: Path) -> None:
    """The server ended."""
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def heartbeat_folder() -> str | None:
    """In memory where there is such a place: a slow disk must not look like a hanging worker."""
    memory = Path("/dev/shm")  # noqa: S108 (gunicorn makes its files there safely)
    return str(memory) if os.access(memory, os.W_OK) else None


def _owner(folder: Path) -> Process | None:
    """The living server a folder belongs to; a folder that is being made right now belongs to its name."""
    kept = processes.read_pid_file(folder / OWNER)
    if kept is None and not (folder / OWNER).exists() and folder.name.isdigit():
        return processes.find(int(folder.name))
    return kept
