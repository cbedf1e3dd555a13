"""Which processes of this data folder run: a supervisor and its web server, by number and start time."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from marketplace.embedded import processes
from marketplace.embedded.processes import Process
from marketplace.running.errors import CannotRun

SUPERVISOR: Final = "supervisor"
WEB: Final = "web"
END_SECONDS: Final = 40


class Records:
    """Small files in the data folder. What was killed leaves its file; whoever comes next clears it away."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / "running"

    @contextlib.contextmanager
    def kept(self, kind: str, pid: int) -> Iterator[None]:
        """This process is known while the block runs; `kind` is SUPERVISOR or WEB."""
        process = processes.find(pid)
        if process is None:
            yield
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{processes.this().pid}.{kind}"
        processes.write_pid_file(path, process)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def end_orphans(self) -> int:
        """End web servers whose supervisor was killed; answers how many."""
        ended = 0
        for path in self._paths(WEB):
            if processes.read_pid_file(path.with_suffix(f".{SUPERVISOR}")) is None:
                ended += _end(path)
        for path in self._paths(SUPERVISOR):
            if processes.read_pid_file(path) is None:
                path.unlink(missing_ok=True)
        return ended

    def end_all(self) -> int:
        """End every supervisor (which ends its web server) and what was left without one."""
        return sum(_end(path) for path in self._paths(SUPERVISOR)) + self.end_orphans()

    def _paths(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"*.{kind}"))


def _end(path: Path) -> int:
    process = processes.read_pid_file(path)
    if process is not None:
        _terminate(process)
    path.unlink(missing_ok=True)
    return int(process is not None)


def _terminate(process: Process) -> None:
    try:
        process.send(signal.SIGTERM)
        if not process.wait_until_gone(END_SECONDS):
            process.send(signal.SIGKILL)
            process.wait_until_gone(END_SECONDS)
    except PermissionError:
        raise CannotRun(
            f"Process {process.pid} of this project belongs to another user: stop it as that user. "
            f"进程 {process.pid} 属于其他用户。"
        ) from None
