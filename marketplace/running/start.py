"""The run itself: settings, database, tables, demo data, web server; and everything back again at the end."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

import psycopg

from marketplace.embedded import databases, places, postgres
from marketplace.embedded.databases import DatabaseUrls
from marketplace.running import children, env_file, launch, records
from marketplace.running.children import Wish
from marketplace.running.errors import CannotRun
from marketplace.running.launch import Launch
from marketplace.running.records import Records
from marketplace.running.report import Report
from marketplace.settings import PROJECT_ROOT, Settings, WrongSetting

FLASK: Final = (sys.executable, "-m", "flask", "--app", "wsgi:build")
GUNICORN: Final = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--no-control-socket")
ANSWER_SECONDS: Final = 60
ONE_ANSWER_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step of one run needs."""

    settings: Settings
    launch: Launch
    report: Report
    wish: Wish

    @property
    def logs(self) -> Path:
        return self.settings.data_folder / "log"

    @property
    def records(self) -> Records:
        return Records(self.settings.data_folder)


def read_environment() -> tuple[Settings, Launch]:
    """`.env` and the environment, checked before anything is started; raises WrongSetting."""
    env_file.load(PROJECT_ROOT / ".env", os.environ)
    settings, opening = Settings.from_env(), Launch.from_env()
    if settings.database_owner_url and not settings.database_url:
        raise WrongSetting("DATABASE_OWNER_URL is set, but DATABASE_URL is not: set both or none.")
    return settings, opening


def demo(run: Run) -> None:
    """Bring the database up, load the demo data, do the main job, print its result; then take all down again."""
    if run.settings.is_production:
        raise CannotRun("Demo data is made up and stays out of production. 生产环境不加载演示数据。")
    with _supervising(run), _database(run) as urls:
        _prepare(run, urls, _environment(run, urls, launch.address(run.launch.host, run.launch.port)))


def serve(run: Run) -> None:
    """Everything `demo` does, and the web server until the end is asked for."""
    with _supervising(run), _database(run) as urls, _listener(run) as listener:
        base = launch.address(run.launch.host, listener.getsockname()[1])
        env = _environment(run, urls, base)
        _prepare(run, urls, env)
        _serve(run, env, listener, base)


def stop(settings: Settings, report: Report) -> None:
    """End what runs of this checkout are there or were left behind, the embedded database too."""
    ended = Records(settings.data_folder).end_all()
    if postgres.stop(places.choose(settings.data_dir, PROJECT_ROOT, report.say)) or ended:
        report.done("Stopped 已停止")
    else:
        report.done("Nothing was running 没有正在运行的进程")


@contextlib.contextmanager
def _supervising(run: Run) -> Iterator[None]:
    orphans = run.records.end_orphans()
    if orphans:
        run.report.done("A web server of an earlier run was ended 已结束上次遗留的服务")
    with run.records.kept(records.SUPERVISOR, os.getpid()):
        yield


@contextlib.contextmanager
def _database(run: Run) -> Iterator[DatabaseUrls]:
    """Where PostgreSQL is: where DATABASE_URL says, else our own, which ends with its last user."""
    if run.settings.database_url:
        owner = run.settings.database_owner_url or run.settings.database_url
        urls = DatabaseUrls(app_url=run.settings.database_url, owner_url=owner)
        since = time.monotonic()
        for name, url in (("DATABASE_URL", urls.app_url), ("DATABASE_OWNER_URL", urls.owner_url)):
            _check_answers(name, url)
        run.report.done("The database in DATABASE_URL answers 外部数据库可用", since)
        yield urls
        return
    folder = places.choose(run.settings.data_dir, PROJECT_ROOT, run.report.say)
    since = time.monotonic()
    server = _ensure(run, folder)
    try:
        run.wish.check()
        if server.port != postgres.PORT:
            run.report.say(_taken(postgres.PORT, server.port))
        run.report.done("The database is ready 数据库已就绪", since)
        yield databases.ensure_database(server)
    finally:
        postgres.leave(folder)


def _ensure(run: Run, folder: Path) -> postgres.Server:
    """A Ctrl-C reaches programs that are still making the database too; that is an end, not a failure."""
    try:
        return postgres.ensure(folder, say=run.report.say)
    except RuntimeError:
        run.wish.check()
        raise


def _check_answers(name: str, url: str) -> None:
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        psycopg.connect(plain, connect_timeout=5).close()
    except psycopg.Error as problem:
        reason = " ".join(str(problem).split()).rstrip(".")
        raise CannotRun(f"The database in {name} does not answer ({reason}). 无法连接数据库。") from None


def _listener(run: Run) -> socket.socket:
    """Taken before anything is loaded: the demo's result names addresses that are right."""
    listener = launch.listen(run.launch.host, run.launch.port)
    port = listener.getsockname()[1]
    if port != run.launch.port:
        run.report.say(_taken(run.launch.port, port))
    return listener


def _taken(wanted: int, used: int) -> str:
    return f"Port {wanted} is taken: {used} is used. 端口 {wanted} 已被占用，改用 {used}。"


def _environment(run: Run, urls: DatabaseUrls, base: str) -> dict[str, str]:
    """What children start with: nobody starts a server of their own, nobody reads `.env` again."""
    return os.environ | {
        "DATABASE_URL": urls.app_url,
        "DATABASE_OWNER_URL": urls.owner_url,
        "SECRET_KEY": run.settings.secret_key,
        "PUBLIC_URL": os.environ.get("PUBLIC_URL", "").strip() or base,
        "WEB_CONCURRENCY": str(run.launch.web_concurrency),  # gunicorn reads it itself; an empty one trips it
        "FLASK_SKIP_DOTENV": "1",
        "PYTHONUTF8": "1",
    }


def _prepare(run: Run, urls: DatabaseUrls, env: dict[str, str]) -> None:
    _warn_of_shared_role(run, urls)
    with run.report.step(
        "Bringing the tables up to date 正在更新数据表……", "Tables are up to date 数据表已就绪"
    ):
        children.run(
            (*FLASK, "db", "upgrade", "-d", "migrations"), env=env, log=run.logs / "migrate.log", wish=run.wish,
            failing="The database could not be migrated 数据库迁移失败",
        )  # fmt: skip
    if run.settings.is_production:
        run.report.done("Production: no demo data 生产环境不加载演示数据")
        return
    since = time.monotonic()
    children.run(
        (*FLASK, "demo"), env=env, log=run.logs / "demo.log", wish=run.wish, show=True,
        failing="The demo data could not be loaded 演示数据加载失败",
    )  # fmt: skip
    run.report.done("Demo data is there 演示数据已就绪", since)


def _serve(run: Run, env: dict[str, str], listener: socket.socket, base: str) -> None:
    with listener:
        command = (*GUNICORN, "--bind", f"fd://{listener.fileno()}")
        web = children.start(command, env=env, keep=[listener.fileno()])
    try:
        with run.records.kept(records.WEB, web.pid):
            with run.report.step(
                "Starting the web server 正在启动服务……", "The web server answers 服务已启动"
            ):
                _wait_for_answer(f"{base}/healthz", web, run.wish)
            _welcome(run, base)
            while web.poll() is None and not run.wish.count:
                time.sleep(children.POLL_SECONDS)
            if not run.wish.count:
                raise CannotRun(f"The web server ended by itself ({web.returncode}). 服务意外退出。")
            run.report.say("Stopping 正在停止……")
    finally:
        children.end(web, run.wish)


def _wait_for_answer(url: str, web: "subprocess.Popen[bytes]", wish: Wish) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        wish.check()
        if web.poll() is not None:
            raise CannotRun(f"The web server did not start ({web.returncode}): see above. 服务未能启动。")
        with contextlib.suppress(OSError), opener.open(url, timeout=ONE_ANSWER_SECONDS) as answer:
            if answer.status == HTTPStatus.OK:
                return
        time.sleep(children.POLL_SECONDS)
    raise CannotRun(f"The web server does not answer on {url}. 服务没有响应。")


def _welcome(run: Run, base: str) -> None:
    run.report.say(f"  Address 地址   {base}")
    if run.settings.docs_enabled:
        run.report.say(f"  Docs 文档      {base}/docs")
    if not run.settings.is_production:
        run.report.say("  Log-ins 登录   above 见上；again 再次显示: make logins")
    run.report.say("  Stop 停止      Ctrl-C")


def _warn_of_shared_role(run: Run, urls: DatabaseUrls) -> None:
    if run.settings.is_production and urls.app_url == urls.owner_url:
        run.report.say("DATABASE_OWNER_URL is not set: the app logs in as the owner of its tables.")


def folder_settings() -> Settings:
    """Only where the data is: enough to stop what runs, and valid whatever else is set."""
    env_file.load(PROJECT_ROOT / ".env", os.environ)
    return replace(Settings(), data_dir=os.environ.get("DATA_DIR", "").strip() or None)
