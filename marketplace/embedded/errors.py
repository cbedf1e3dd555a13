"""The one way in which a server that this project starts itself can refuse to start."""


class CannotStart(RuntimeError):
    """One sentence: what is missing or in the way, and what to do about it."""
