"""`python -m marketplace.running serve | demo | stop | clean | flask …`: what `make` calls."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from marketplace.embedded import places, postgres
from marketplace.embedded.errors import CannotStart
from marketplace.running import start
from marketplace.running.children import Wish
from marketplace.running.errors import CannotRun, Stopped
from marketplace.running.report import Report
from marketplace.settings import PROJECT_ROOT, WrongSetting

SIGNALLED = 128
"""Added to a signal's number, as shells do, when a run was ended before its work was done."""


def main(arguments: Sequence[str]) -> int:
    chosen = _parser().parse_args(arguments)
    os.chdir(PROJECT_ROOT)
    report, failures = Report(), Report(Console(stderr=True, highlight=False, soft_wrap=True))
    try:
        _do(chosen.command, getattr(chosen, "rest", []), report)
    except (WrongSetting, CannotStart, CannotRun) as problem:
        failures.failed(str(problem))
        return 1
    except OSError as problem:
        failures.failed(str(places.plainly(problem, Path(os.environ.get("DATA_DIR") or PROJECT_ROOT))))
        return 1
    except Stopped as ended:
        report.say("Stopped 已停止")
        return SIGNALLED + ended.number
    return 0


def _do(command: str, rest: Sequence[str], report: Report) -> None:
    if command == "flask":
        _become_flask(rest)
    elif command == "stop":
        start.stop(start.folder_settings(), report)
    elif command == "clean":
        _clean(report)
    else:
        wish = Wish()
        wish.listen()
        settings, opening = start.read_environment()
        run = start.Run(settings=settings, launch=opening, report=report, wish=wish)
        (start.serve if command == "serve" else start.demo)(run)
        if command == "serve":
            report.done("Stopped 已停止")


def _become_flask(rest: Sequence[str]) -> None:
    """One command of the app with `.env` read; a server of our own is started when no DATABASE_URL is set."""
    start.read_environment()
    os.environ["FLASK_SKIP_DOTENV"] = "1"
    os.execv(sys.executable, [*start.FLASK, *rest])  # noqa: S606 (our own interpreter)


def _clean(report: Report) -> None:
    """Stop everything, then remove the data of this checkout: never what DATA_DIR names."""
    settings = start.folder_settings()
    start.stop(settings, report)
    if settings.data_dir:
        report.say(
            f"The data in {settings.data_dir} was left alone: DATA_DIR names it. 数据保留在 DATA_DIR。"
        )
    folder = places.choose(None, PROJECT_ROOT, lambda _: None)
    postgres.stop(folder)
    for made in (folder.parent, PROJECT_ROOT / "var"):
        _remove(made)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m marketplace.running", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, says in {
        "serve": "database, tables, demo data and web server, until Ctrl-C 启动全部服务",
        "demo": "the same without the web server; ends after the result 只运行演示",
        "stop": "end what is left running of this checkout 停止遗留进程",
        "clean": "stop, and remove the data in var 清除数据",
    }.items():
        commands.add_parser(name, help=says)
    flask = commands.add_parser("flask", help="a command of the app, with .env read 应用命令")
    flask.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
