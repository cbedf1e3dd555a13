"""Where the embedded server keeps its data, its socket and its log; nothing that was there before is changed.

A home holds: `cluster/` (PostgreSQL's own folder), `log/`, `run/` (sockets, when the path is short enough),
`credentials.json`, and two lock files. As root the home belongs to root and may be passed through; `cluster/`
and the socket folder belong to the server's user alone.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.embedded import binaries, system_user
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.system_user import SystemUser

SOCKET_PATH_BYTES_MAX: Final = 107
SOCKET_NAME_LONGEST: Final = "/.s.PGSQL.65535.lock"
LOCK_SECONDS_MAX: Final = 120
FREE_BYTES_MIN: Final = 150 * 1024 * 1024
NAME: Final = "postgres"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one embedded server and the user it runs as."""

    folder: Path
    user: SystemUser

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        return self.folder / "log" / "postgres.log"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    def is_made(self) -> bool:
        return (self.cluster / "PG_VERSION").exists()


def choose(data_dir: str | None, project_root: Path, say: Callable[[str], None]) -> Path:
    """The folder for the server of this project: in DATA_DIR, else in var/, else (as root) where its user can be.

    Nothing is made here. Raises CannotStart when DATA_DIR cannot be used.
    """
    if data_dir:
        return Path(data_dir).expanduser().resolve() / NAME
    local = project_root.resolve() / "var" / NAME
    user = system_user.for_servers(local / "cluster")
    if user.is_ourselves or system_user.can_enter(user, _nearest(local.parent)):
        return local
    key = hashlib.sha256(str(project_root.resolve()).encode()).hexdigest()[:12]
    for parent in (binaries.SYSTEM_FOLDER, Path("/var/tmp") / f"virtual-orchard-{os.geteuid()}"):
        if binaries.own_folder(parent) and system_user.can_enter(user, parent):
            say(
                f"The database is kept in {parent / key / NAME}, "
                f"because user `{user.name}` may not enter {local.parent}."
            )
            return parent / key / NAME
    raise CannotStart(
        f"User `{user.name}`, who runs PostgreSQL for root, may not enter {local.parent}: "
        "set DATA_DIR to a folder it may enter."
    )


def prepare(folder: Path) -> Home:
    """The home in `folder`, made when missing; raises CannotStart when it cannot be used."""
    folder = folder.resolve()
    try:
        user = system_user.for_servers(folder / "cluster")
        mode = 0o700 if user.is_ourselves else 0o711
        for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
            _make(missing, mode)
        _make(folder / "log", 0o700)
        if folder.stat().st_uid not in (os.geteuid(), user.uid):
            raise CannotStart(
                f"{folder} belongs to another user: run as that user, or set DATA_DIR to a folder of your own."
            )
        os.close(open_private(folder / "log" / "postgres.log", as_in=folder))
    except OSError as problem:
        raise plainly(problem, folder) from problem
    if not user.is_ourselves and not system_user.can_enter(user, folder):
        raise CannotStart(
            f"User `{user.name}`, who runs PostgreSQL for root, may not enter {folder}: "
            "set DATA_DIR to a folder it may enter."
        )
    return Home(folder, user)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process (and thread) at a time decides about the server in `folder`."""
    descriptor = open_private(folder / "lock")
    try:
        deadline = time.monotonic() + LOCK_SECONDS_MAX
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Another program has kept {folder}/lock for two minutes: end it and start again."
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def open_private(path: Path, as_in: Path | None = None) -> int:
    """A descriptor of the file, made when missing (0600, with the owner of its folder, or of `as_in`)."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _give_to_owner_of(as_in or path.parent, descriptor)
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Write a file (0600, owner of the folder), whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        _give_to_owner_of(path.parent, file.fileno())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take an advisory lock if nobody has it the other way."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def socket_folder(home: Home) -> Path:
    """A private folder (0700) for the socket, with a path short enough for one; empty afterwards."""
    local = home.folder / "run"
    if len(os.fsencode(str(local) + SOCKET_NAME_LONGEST)) <= SOCKET_PATH_BYTES_MAX:
        shutil.rmtree(local, ignore_errors=True)
        make_for(home.user, local)
        return local
    remembered = home.folder / "run-elsewhere"
    with contextlib.suppress(OSError):
        _remove_old_elsewhere(Path(remembered.read_text().strip()), home.user)
    place = Path(tempfile.mkdtemp(prefix="vo-", dir="/tmp"))
    if not home.user.is_ourselves:
        os.chown(place, home.user.uid, home.user.gid)
    write_private(remembered, f"{place}\n")
    return place


def make_for(user: SystemUser, folder: Path) -> None:
    """A new folder of our own making, private to `user`."""
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)
    if not user.is_ourselves:
        os.chown(folder, user.uid, user.gid)


def require_space(folder: Path, bytes_min: int = FREE_BYTES_MIN) -> None:
    """Refuse to begin on a disk that is as good as full."""
    free = shutil.disk_usage(folder).free
    if free < bytes_min:
        raise CannotStart(
            f"The disk that holds {folder} is full ({free // 1024**2} MB free, {bytes_min // 1024**2} MB needed): "
            "make room, or set DATA_DIR to a folder on another disk."
        )


def plainly(problem: OSError, folder: Path) -> CannotStart:
    """The sentence for an error of the file system."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotStart(
            f"The disk that holds {folder} is full: make room, or set DATA_DIR to another disk."
        )
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = problem.filename or folder
        return CannotStart(f"{where} may not be written by this user: set DATA_DIR to a folder that may.")
    return CannotStart(
        f"{problem.filename or folder} cannot be used ({problem.strerror}): set DATA_DIR to another folder."
    )


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _make(folder: Path, mode: int) -> None:
    if not folder.exists():
        folder.mkdir(mode=mode, exist_ok=True)
        folder.chmod(mode)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _remove_old_elsewhere(place: Path, user: SystemUser) -> None:
    facts = place.lstat()
    if place.parent == Path("/tmp") and place.name.startswith("vo-") and facts.st_uid == user.uid:
        shutil.rmtree(place, ignore_errors=True)
