"""The progress of campaigns as server-sent events: few streams, short, fed by one look at the database for all.

A stream keeps a thread of the web server while it lasts, and a worker has 16 of them for everybody: so a process serves
a few streams, at most a quarter of its threads, each for a minute; all others are told to ask again and again instead,
which costs a shared answer and keeps no thread. One thread for each campaign that is watched looks twice a second.
"""

import threading
import time
from collections.abc import Iterator
from typing import Final, Self, cast

from flask import Flask, current_app

from campaigns import progress
from campaigns.planning import CampaignNotFound
from campaigns.progress import Progress
from campaigns.showing import Question
from marketplace import context, errors, leaving
from marketplace.language import Text
from marketplace.logs import log
from marketplace.settings import Settings

STREAMS_PER_ADDRESS_MAX: Final = 2
LOOK_SECONDS: Final = 0.5
WAIT_SECONDS: Final = 1
"""So long a stream waits at most before it looks whether its time is over or the process is about to end."""
HEARTBEAT_SECONDS: Final = 3
"""A client that went away is noticed by writing to it: two heartbeats later at the latest its thread is free."""
RETRY_MS: Final = 3_000
"""After this time a browser asks anew."""
GRACE_SECONDS: Final = 10
"""A stream that should be over for so long and was never closed counts no more."""


class NoStreamFree(errors.TryLater):
    """This process serves as many live streams as it may; `poll` is where the same is told when asked for."""

    title = Text(
        en="No live stream is free; ask for the progress instead.", zh="实时推送名额已满，请改用轮询。"
    )


class StreamsOfAddress(errors.TooMany):
    """Your address has as many live streams as it may; `poll` is where the same is told when asked for."""

    title = Text(
        en="You watch enough streams already; ask for the progress.", zh="您的实时推送过多，请改用轮询。"
    )


class Feed:
    """Looks at one campaign's progress for all its streams, in a thread that lives as long as there is one of them."""

    def __init__(self, app: Flask, asked: Question, first: Progress) -> None:
        self._app = app
        self._asked = asked
        self._changed = threading.Condition()
        self._latest = first
        self._is_over = False
        self.readers = 0

    def start(self) -> None:
        threading.Thread(target=self._run, name="progress", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def after(self, version: int | None, *, wait_ms: int) -> Progress | None:
        """The latest of another version than this; None if there is none so soon."""
        with self._changed:
            if self._latest.version == version and not self._is_over:
                self._changed.wait(wait_ms / 1_000)
            return None if self._latest.version == version else self._latest

    @property
    def is_over(self) -> bool:
        return self._is_over

    def _run(self) -> None:
        try:
            while not self._is_over and not leaving.has_begun():
                self._look()
                with self._changed:
                    if not self._is_over:
                        self._changed.wait(LOOK_SECONDS)
        finally:
            self.stop()

    def _look(self) -> None:
        try:
            with self._app.app_context():
                found = progress.one(self._asked, now=context.now_utc())
        except CampaignNotFound:
            self.stop()
        except errors.Refusal as problem:
            log.warning("a campaign's progress cannot be looked at", problem=str(problem))
        else:
            with self._changed:
                if found.version != self._latest.version:
                    self._latest = found
                    self._changed.notify_all()


class Stream(Iterator[bytes]):
    """What one client is sent. The web server closes it when it is over or cannot be written any more."""

    def __init__(
        self, streams: "Streams", feed: Feed, *, address: str, seen: str | None, seconds: int
    ) -> None:
        self._streams = streams
        self.feed = feed
        self.address = address
        self._has_begun = False
        self._version = int(seen) if seen and seen.isascii() and seen.isdecimal() and len(seen) < 19 else None
        self.ends_at = time.monotonic() + seconds

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if not self._has_begun:
            self._has_begun = True
            return b"retry: %d\n\n" % RETRY_MS + self._event(self.feed.after(self._version, wait_ms=0))
        heartbeat_at = time.monotonic() + HEARTBEAT_SECONDS
        while not self._is_over():
            now = time.monotonic()
            if now >= heartbeat_at:
                return b": still here\n\n"
            patience = min(WAIT_SECONDS, heartbeat_at - now, max(0.0, self.ends_at - now))
            if found := self.feed.after(self._version, wait_ms=1 + int(patience * 1_000)):
                return self._event(found)
        self.close()
        raise StopIteration

    def _is_over(self) -> bool:
        return time.monotonic() >= self.ends_at or self.feed.is_over or leaving.has_begun()

    def _event(self, found: Progress | None) -> bytes:
        if found is None:
            return b""
        self._version = found.version
        return f"id: {found.version}\nevent: progress\ndata: {found.body}\n\n".encode()

    def close(self) -> None:
        self._streams.leave(self)


class Streams:
    """Those of one process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._open: set[Stream] = set()
        self._feeds: dict[Question, Feed] = {}

    def open(self, asked: Question, first: Progress, *, address: str, seen: str | None, poll: str) -> Stream:
        """`seen`: the Last-Event-ID of who comes back. Raises NoStreamFree, StreamsOfAddress."""
        settings: Settings = self._app.config["SETTINGS"]
        threads: int | None = self._app.extensions.get("web_threads")
        most = settings.progress_streams_max
        if threads is not None:
            most = min(most, threads // 4)
        with self._lock:
            self._forget_lost()
            if sum(each.address == address for each in self._open) >= STREAMS_PER_ADDRESS_MAX:
                raise StreamsOfAddress(poll=poll, retry_after_seconds=settings.progress_stream_seconds)
            if len(self._open) >= most:
                raise NoStreamFree(poll=poll, retry_after_seconds=settings.progress_stream_seconds)
            feed = self._feeds.get(asked)
            if feed is None or feed.is_over:
                feed = self._feeds[asked] = Feed(self._app, asked, first)
                feed.start()
            feed.readers += 1
            seconds = settings.progress_stream_seconds
            stream = Stream(self, feed, address=address, seen=seen, seconds=seconds)
            self._open.add(stream)
            return stream

    def leave(self, stream: Stream) -> None:
        """It is over; said twice, it counts once."""
        with self._lock:
            self._leave(stream)

    def count(self) -> int:
        with self._lock:
            return len(self._open)

    def _leave(self, stream: Stream) -> None:
        if stream not in self._open:
            return
        self._open.remove(stream)
        feed = stream.feed
        feed.readers -= 1
        if feed.readers == 0:
            feed.stop()
            self._feeds = {asked: each for asked, each in self._feeds.items() if each is not feed}

    def _forget_lost(self) -> None:
        before = time.monotonic() - GRACE_SECONDS
        for stream in [each for each in self._open if each.ends_at < before]:
            self._leave(stream)


_making: Final = threading.Lock()


def streams() -> Streams:
    """This process's, for the current app."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 (the app itself)
    with _making:
        if "progress_streams" not in app.extensions:
            app.extensions["progress_streams"] = Streams(app)
        return cast(Streams, app.extensions["progress_streams"])
