"""The app with a profiler around every request, for a hint at what a missed bar costs. One worker, one thread."""

import atexit
import cProfile
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Flask

import wsgi

FILE: Final = "BENCH_PROFILE"


def build() -> Flask:
    app = wsgi.build()
    profiler = cProfile.Profile()
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app

    def around(environ: Any, start_response: Any) -> Iterable[bytes]:
        profiler.enable()
        try:
            return inner(environ, start_response)
        finally:
            profiler.disable()

    app.wsgi_app = around  # type: ignore[method-assign]
    atexit.register(lambda: profiler.dump_stats(os.environ[FILE]))
    return app
