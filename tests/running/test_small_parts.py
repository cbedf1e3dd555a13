"""The parts of a run that need no process."""

import re
import socket
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from marketplace.running import children, env_file, launch, web
from marketplace.running.errors import CannotRun
from marketplace.running.launch import Launch
from marketplace.settings import PROJECT_ROOT, Settings, WrongSetting

EXAMPLE: Final = PROJECT_ROOT / ".env.example"
ENTRY: Final = re.compile(r"#?([A-Z_]+)=(.*)")
HAN: Final = re.compile("[\u4e00-\u9fff]")
OF_THE_DATABASE: Final = {"POSTGRES_BIN_DIR": ""}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_the_example_lists_every_setting_once_with_its_default() -> None:
    found = [match for line in EXAMPLE.read_text().splitlines() if (match := ENTRY.fullmatch(line))]
    listed = {match[1]: match[2] for match in found}
    expected = {
        field.name.upper(): _written(field.default) for cls in (Settings, Launch) for field in fields(cls)
    }
    assert listed == expected | OF_THE_DATABASE
    assert len(found) == len(listed)


def test_the_example_explains_every_setting_in_both_languages() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if ENTRY.fullmatch(line):
            english, chinese = lines[number - 2 : number]
            assert english.startswith("# "), line
            assert not HAN.search(english), line
            assert HAN.search(chinese), line


def test_the_uncommented_example_is_the_default_of_everything() -> None:
    text = re.sub(r"^#([A-Z_]+=)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    values = env_file.parse(text)
    secret = "x" * 32
    assert Settings.from_env(values | {"SECRET_KEY": secret}) == Settings(secret_key=secret)
    assert Launch.from_env(values) == Launch()


def test_a_set_variable_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\n\nHOLD_MINUTES=5\nexport LOG_LEVEL = 'DEBUG'\nREDIS_URL=a=b#c\n"
    )
    env = {"HOLD_MINUTES": "7"}
    env_file.load(tmp_path / ".env", env)
    assert env == {"HOLD_MINUTES": "7", "LOG_LEVEL": "DEBUG", "REDIS_URL": "a=b#c"}


def test_no_file_changes_nothing(tmp_path: Path) -> None:
    env: dict[str, str] = {}
    env_file.load(tmp_path / ".env", env)
    assert env == {}


@pytest.mark.parametrize("line", ["a secret without a sign", "=x", "1A=x", "A-B=x", "A=\0"])
def test_a_line_of_another_form_is_named_by_number_and_not_shown(line: str) -> None:
    with pytest.raises(WrongSetting, match=r"^Line 2 of \.env must have the form KEY=VALUE\.$"):
        env_file.parse(f"A=1\n{line}\n")


def test_a_file_that_is_no_text_or_no_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(WrongSetting, match="not a UTF-8 text"):
        env_file.load(tmp_path / ".env", {})
    with pytest.raises(WrongSetting, match="cannot be read"):
        env_file.load(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "raw"),
    [("PORT", "0"), ("PORT", "65536"), ("PORT", "x"), ("WEB_CONCURRENCY", "-1"), ("WEB_THREADS", "٣")],
)
def test_a_wrong_number_names_the_setting(name: str, raw: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{name} is .*must be a whole number"):
        Launch.from_env({name: raw})


def test_a_taken_port_leads_to_the_next_free_one(taken: int) -> None:
    with launch.listen("127.0.0.1", taken) as listener:
        assert taken < listener.getsockname()[1] <= taken + 50


def test_an_address_of_another_machine_is_refused_in_one_sentence() -> None:
    with pytest.raises(CannotRun, match=r"HOST '192\.0\.2\.1' is not an address of this machine"):
        launch.listen("192.0.2.1", 8000)


def test_the_shown_address_can_be_opened_by_a_person() -> None:
    assert launch.address("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert launch.address("::1", 8001) == "http://[::1]:8001"


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("INFO one\nno such table.\n\n", "no such table"),
        ("Error: nothing works.\n", "nothing works"),
        (
            "Error: While importing\n\nTraceback\nImportError: no x\n\nUsage:\n\nError: No 'db'.",
            "ImportError: no x",
        ),
        (
            "Traceback\na.b.Broken: no y\nDETAIL:  z\n[SQL: \nX]\n(Background: https://x)\n",
            "a.b.Broken: no y",
        ),
        ("Usage: flask\n\nError: No such command 'demo'.\n", "No such command 'demo'"),
        ("", "it ended without a word"),
    ],
)
def test_the_reason_of_a_failed_step_is_its_last_line(tmp_path: Path, said: str, last: str) -> None:
    (tmp_path / "log").write_text(said)
    assert children.last_words(tmp_path / "log") == last


def test_metrics_of_killed_servers_are_removed_and_those_of_living_ones_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(web.VARIABLE, "")
    mine = web.open_metrics(tmp_path)
    killed = tmp_path / "metrics" / "4194305"
    killed.mkdir()
    (mine / "counter_7.db").touch()
    (mine / "gauge_liveall_7.db").touch()
    assert web.open_metrics(tmp_path) == mine
    assert not killed.exists()
    web.forget_worker(mine, 7)
    assert sorted(path.name for path in mine.glob("*.db")) == ["counter_7.db"]
    web.close_metrics(mine)
    assert not mine.exists()


def _written(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
