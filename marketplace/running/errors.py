"""The ways in which a run ends that are not the end of its work."""

import signal


class CannotRun(RuntimeError):
    """One sentence: what is missing or in the way, and what to do about it."""


class Stopped(Exception):
    """Somebody asked for the end (Ctrl-C, SIGTERM, a closed terminal) while something was still under way."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number
        super().__init__(number.name)
