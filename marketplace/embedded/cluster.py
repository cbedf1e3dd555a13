"""PostgreSQL's own folder: made once, completely or not at all, and with passwords nobody chose."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from marketplace.embedded import places, system_user
from marketplace.embedded.binaries import Binaries
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.places import Home

SUPERUSER: Final = "postgres"
OWNER_ROLE: Final = "marketplace_owner"
APP_ROLE: Final = "marketplace_app"
HALF_MADE: Final = "half-made-"
BUILTIN_LOCALE_SINCE: Final = 17


def passwords(home: Home) -> dict[str, str]:
    """The password of each role, generated once per home."""
    try:
        kept: dict[str, str] = json.loads(home.credentials.read_text())
        return {role: kept[role] for role in (SUPERUSER, OWNER_ROLE, APP_ROLE)}
    except FileNotFoundError:
        if home.is_made():
            raise CannotStart(
                f"{home.credentials} is missing, and without it nobody can log in to the database beside it: "
                "put it back, or move the folder away to begin with an empty database."
            ) from None
    except (ValueError, KeyError, TypeError):
        raise CannotStart(
            f"{home.credentials} is damaged: put a good copy back, or move the folder away."
        ) from None
    made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER_ROLE, APP_ROLE)}
    places.write_private(home.credentials, json.dumps(made, indent=1))
    return made


def ensure_made(home: Home, binaries: Binaries, *, fast: bool, say: Callable[[str], None]) -> None:
    """Make the cluster when it is missing; call with the home locked.

    It is made under another name and renamed at the end: a cluster that exists is whole, and what an
    interrupted attempt left behind (its initdb may still be writing there) is thrown away.
    """
    for left in home.folder.glob(f"{HALF_MADE}*"):
        shutil.rmtree(left, ignore_errors=True)
    if home.is_made():
        _require_same_major(home, binaries)
        return
    if home.cluster.exists():
        raise CannotStart(f"{home.cluster} exists but holds no database: move it away and start again.")
    places.require_space(home.folder)
    say(f"Making a new PostgreSQL {binaries.version} database in {home.folder}.")
    target = home.folder / f"{HALF_MADE}{secrets.token_hex(4)}"
    places.make_for(home.user, target)
    _initdb(home, binaries, target, fast=fast)
    target.rename(home.cluster)


def _initdb(home: Home, binaries: Binaries, target: Path, *, fast: bool) -> None:
    password_file = home.folder / ".first-password"
    places.write_private(password_file, passwords(home)[SUPERUSER])
    if not home.user.is_ourselves:
        os.chown(password_file, home.user.uid, home.user.gid)
    command = [
        binaries.program("initdb"), "--pgdata", str(target), "--username", SUPERUSER, "--pwfile", str(password_file),
        "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions",
    ]  # fmt: skip
    if binaries.major >= BUILTIN_LOCALE_SINCE:
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if fast:
        command += ["--no-sync"]
    try:
        options = system_user.process_options(home.user)
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise explained(done.stderr or done.stdout, home, f"initdb ended with {done.returncode}")


def explained(log: str, home: Home, otherwise: str) -> CannotStart:
    """The sentence for what PostgreSQL wrote when it gave up."""
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return CannotStart(
            f"The disk that holds {home.folder} is full: make room, or set DATA_DIR to another disk."
        )
    lines = [line for line in log.splitlines() if "FATAL" in line or "error" in line.lower()]
    reason = lines[-1].rpartition("FATAL:")[2].strip() if lines else otherwise
    return CannotStart(f"PostgreSQL did not start ({reason}); its whole log is {home.log}.")


def _require_same_major(home: Home, binaries: Binaries) -> None:
    made_by = (home.cluster / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise CannotStart(
            f"The database in {home.folder} was made by PostgreSQL {made_by}, and PostgreSQL {binaries.version} "
            f"cannot read it: name the programs of {made_by} in POSTGRES_BIN_DIR, "
            "or move the folder away to begin anew."
        )
