"""Which user of the operating system a server runs as: ourselves, or somebody harmless when we are root.

PostgreSQL refuses to run as root. Nothing here changes an account, a folder or a permission.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from marketplace.embedded.errors import CannotStart

HARMLESS: Final = ("postgres", "nobody")
ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class SystemUser:
    uid: int
    gid: int
    name: str

    @property
    def is_ourselves(self) -> bool:
        return self.uid == os.geteuid()


def for_servers(existing: Path | None = None) -> SystemUser:
    """Ourselves; as root the owner of the `existing` data, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return _entry(os.geteuid())
    if existing is not None and existing.exists() and existing.stat().st_uid != 0:
        return _entry(existing.stat().st_uid)
    for name in HARMLESS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return SystemUser(entry.pw_uid, entry.pw_gid, name)
    raise CannotStart(
        "PostgreSQL may not run as root and this system has neither a user `postgres` nor `nobody`: "
        "run as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )


def process_options(user: SystemUser) -> dict[str, Any]:
    """Arguments for subprocess that make the child run as `user`, in a folder and environment it can use."""
    options: dict[str, Any] = {"cwd": "/", "env": dict(ENVIRONMENT), "stdin": subprocess.DEVNULL}
    if not user.is_ourselves:
        options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    return options


def can_enter(user: SystemUser, folder: Path) -> bool:
    """Whether `user` may reach and enter `folder`, found out by trying."""
    return _tries(user, 'cd -- "$1"', folder)


def can_run(user: SystemUser, program: Path) -> bool:
    """Whether `user` may reach and start `program` (asked for its version)."""
    return _tries(user, '"$1" --version >/dev/null', program)


def _tries(user: SystemUser, script: str, path: Path) -> bool:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(path)],
            capture_output=True,
            check=False,
            **process_options(user),
        )
    except OSError:
        raise CannotStart(
            f"PostgreSQL may not run as root and this process may not become user `{user.name}`: "
            "run as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
        ) from None
    return done.returncode == 0


def _entry(uid: int) -> SystemUser:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return SystemUser(uid, os.getgid() if uid == os.geteuid() else uid, str(uid))
    return SystemUser(uid, entry.pw_gid, entry.pw_name)
