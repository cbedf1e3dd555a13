"""The file `.env` of the project folder: KEY=VALUE lines for those who do not like to type variables."""

import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from marketplace.settings import WrongSetting

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load(path: Path, env: MutableMapping[str, str]) -> None:
    """Add what the file says to `env`; what is set there already wins. Without a file nothing happens."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except OSError as problem:
        raise WrongSetting(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise WrongSetting(f"{path} is not a UTF-8 text.") from None
    for key, value in parse(text, path.name).items():
        env.setdefault(key, value)


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """The values by key. A line that is neither empty, a comment nor KEY=VALUE is a WrongSetting (never shown)."""
    values: dict[str, str] = {}
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not _KEY.fullmatch(key.strip()) or "\0" in value:
            raise WrongSetting(f"Line {number} of {name} must have the form KEY=VALUE.")
        values[key.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
