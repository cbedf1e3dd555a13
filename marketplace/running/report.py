"""What a run tells the person who started it: one line a step, in English and Chinese."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape


class Report:
    """Lines on a terminal that may be gone by now: telling never fails."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def say(self, sentence: str) -> None:
        """A plain notice."""
        self._print(escape(sentence))

    def done(self, what: str, since: float | None = None) -> None:
        """A step is behind us."""
        took = "" if since is None else f" [dim]({time.monotonic() - since:.1f} s)[/dim]"
        self._print(f"[green]✓[/green] {escape(what)}{took}")

    def failed(self, sentence: str) -> None:
        """The one sentence of a run that did not succeed."""
        self._print(f"[red]✗[/red] {escape(sentence)}")

    @contextlib.contextmanager
    def step(self, during: str, after: str) -> Iterator[None]:
        """Show that something is under way, where a person is watching, and that it is done."""
        since = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(escape(during)):
                yield
        else:
            yield
        self.done(after, since)

    def _print(self, markup: str) -> None:
        with contextlib.suppress(OSError):
            self._console.print(markup)
