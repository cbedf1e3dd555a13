"""How gunicorn serves the app: `gunicorn -c gunicorn.conf.py --no-control-socket`, in its own names."""

import gc
import sys
from typing import Any

from marketplace.running import balance, web
from marketplace.running.launch import Launch
from marketplace.settings import Settings, WrongSetting

try:
    _settings, _launch = Settings.from_env(), Launch.from_env()
except WrongSetting as problem:
    sys.exit(str(problem))

wsgi_app = "wsgi:build()"
bind = f"[{_launch.host}]:{_launch.port}" if ":" in _launch.host else f"{_launch.host}:{_launch.port}"
backlog = 512
SWITCH_SECONDS = 0.002
"""A thread that comes back from the database waits no longer than this for one that computes; Python's own 5 ms, four
times in a hold and with a pool locked, would be most of its time."""

workers = _launch.web_concurrency
worker_class = "marketplace.running.gunicorn_worker.Worker"
threads = _launch.web_threads
preload_app = False  # a forked connection would be shared
worker_tmp_dir = web.heartbeat_folder()

timeout = 30
graceful_timeout = 20
keepalive = 5
max_requests = 50_000
max_requests_jitter = 5_000

limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190
header_map = "refuse"
forwarded_allow_ips = ""  # TRUSTED_PROXY_HOPS says whom the app believes

accesslog = None  # the app writes one line a request
errorlog = "-"
loglevel = "warning"
control_socket_disable = True

_metrics = web.open_metrics(_settings.data_folder)


def post_worker_init(worker: Any) -> None:
    """Each worker does jobs beside requests: rows are locked one by one, so two do not disturb each other."""
    sys.setswitchinterval(SWITCH_SECONDS)
    worker.app.wsgi().extensions["web_threads"] = threads
    gc.collect()
    gc.freeze()  # what was built at the start stays: no later collection walks through it again
    if _settings.worker_embedded:
        # Not above: prometheus-client must be imported after its folder is known, and not before the fork.
        from marketplace import jobs  # noqa: PLC0415

        jobs.start_embedded(worker.app.wsgi())


def child_exit(_server: Any, worker: Any) -> None:
    web.forget_worker(_metrics, worker.pid)
    balance.Share(worker.age).leave()


def on_exit(_server: Any) -> None:
    web.close_metrics(_metrics)
