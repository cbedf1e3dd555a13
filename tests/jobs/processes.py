"""A worker in a process of its own: alone, as `flask worker` is, or within a serving process."""

import os
import subprocess
import sys
import time
from pathlib import Path

from marketplace.settings import PROJECT_ROOT, Settings

PATIENCE_SECONDS = 30


class WorkerProcess:
    def __init__(self, settings: Settings, folder: Path, *, way: str = "work") -> None:
        chosen = {
            "ENVIRONMENT": "test",
            "DATABASE_URL": settings.database_url or "",
            "SECRET_KEY": settings.secret_key,
            "WORKER_CONCURRENCY": "1",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
        }
        self.log = folder / "worker.log"
        self.folder = folder
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.world", way, str(folder)],
                cwd=PROJECT_ROOT,
                env={**os.environ, **chosen},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_until_at_work(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / "began").exists():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def wait_for_end(self) -> int:
        """The exit status."""
        return self._process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self._process.terminate()
        return self._process.wait(PATIENCE_SECONDS)
