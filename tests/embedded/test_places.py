"""Where programs and data go when the server's user may not enter the project; permissions stay as they were."""

import os
import shutil
from pathlib import Path

import pytest

from marketplace.embedded import binaries, places, postgres, system_user
from marketplace.embedded.errors import CannotStart

IS_ROOT = os.geteuid() == 0


def permissions(top: Path) -> dict[Path, tuple[int, int]]:
    """Mode and owner of everything below `top` and of all folders above it."""
    paths = [top, *top.parents, *top.rglob("*")]
    return {path: (path.lstat().st_mode, path.lstat().st_uid) for path in paths}


@pytest.fixture
def closed(place: Path) -> Path:
    """A project in a folder that only we may enter."""
    project = place / "home" / "project"
    project.mkdir(parents=True)
    (place / "home").chmod(0o700)
    return project


@pytest.fixture
def system_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = place / "lib"
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", folder)
    return folder


def closed_wheel(project: Path) -> binaries.Binaries:
    """A copy of the wheel's programs in a closed folder."""
    found = binaries.find()
    root = found.folder.parents[1]
    shutil.copytree(
        found.folder.parent, project / "site" / root.name / found.folder.parent.name, symlinks=True
    )
    shutil.copytree(root.parent / binaries.WHEEL_LIBRARIES, project / "site" / binaries.WHEEL_LIBRARIES)
    folder = project / "site" / root.name / found.folder.parent.name / "bin"
    return binaries.Binaries(folder, found.version, from_wheel=True)


def test_an_open_project_keeps_its_data_in_its_own_folder(place: Path) -> None:
    assert places.choose(None, place, print) == place / "var" / "postgres"


def test_data_dir_is_obeyed(place: Path) -> None:
    assert places.choose(str(place / "data"), Path("/"), print) == place / "data" / "postgres"


def test_a_closed_project_keeps_its_data_where_the_server_can_be(closed: Path, system_folder: Path) -> None:
    said: list[str] = []
    before = permissions(closed)

    folder = places.choose(None, closed, said.append)
    try:
        server = postgres.ensure(folder, fast=True, tcp_port=None, say=said.append)
        assert postgres.find_running(folder) is not None
        again = places.choose(None, closed, said.append)
    finally:
        postgres.leave(folder)

    assert again == folder
    if IS_ROOT:
        assert folder.is_relative_to(system_folder)
        assert str(folder) in said[0]
        assert permissions(closed) == before
    else:
        assert folder == closed / "var" / "postgres"
        assert {path: permissions(closed)[path] for path in before} == before
    assert server.home.user.uid != 0


def test_programs_in_a_closed_folder_are_copied_once_when_the_server_runs_as_somebody_else(
    closed: Path, system_folder: Path
) -> None:
    said: list[str] = []
    wheel = closed_wheel(closed)
    user = system_user.for_servers()
    before = permissions(closed)

    first = binaries.reachable_by(user, wheel, said.append)
    made_at = [path.stat().st_mtime_ns for path in system_folder.rglob("*")] if IS_ROOT else []
    second = binaries.reachable_by(user, wheel, said.append)

    assert first == second
    assert permissions(closed) == before
    assert system_user.can_run(user, first.folder / "postgres")
    if IS_ROOT:
        assert first.folder.is_relative_to(system_folder)
        assert str(first.folder) in said[0]
        assert [path.stat().st_mtime_ns for path in system_folder.rglob("*")] == made_at
    else:
        assert first == wheel and said == []


def test_a_folder_prepared_by_somebody_else_is_not_trusted_with_programs(place: Path) -> None:
    loose = place / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    (place / "link").symlink_to(place)

    assert binaries.own_folder(place / "fresh")
    assert not binaries.own_folder(loose)
    assert not binaries.own_folder(place / "link")


def test_a_data_dir_the_server_may_not_enter_is_named(closed: Path) -> None:
    folder = closed / "data" / "postgres"
    if IS_ROOT:
        with pytest.raises(CannotStart, match=r"may not enter .*DATA_DIR"):
            places.prepare(folder)
    else:
        assert places.prepare(folder).folder == folder


def test_an_empty_bin_dir_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(place))

    with pytest.raises(CannotStart, match="POSTGRES_BIN_DIR"):
        binaries.find()


def test_without_the_wheel_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel_here")
    monkeypatch.delenv("POSTGRES_BIN_DIR", raising=False)

    with pytest.raises(CannotStart, match=r"make install.*DATABASE_URL"):
        binaries.find()
