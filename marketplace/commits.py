"""Whether this process has committed since. Who remembers what the database said asks here if that may have changed."""

_latest: object = object()


def latest() -> object:
    """A mark: as long as it is this one, nothing was committed here. To be taken before the database is asked."""
    return _latest


def happened() -> None:
    """A COMMIT was sent, whatever became of it. No mark comes twice, so threads need no lock for this."""
    global _latest  # noqa: PLW0603 (one mark of the process)
    _latest = object()
