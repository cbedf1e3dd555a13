"""The demo's people: made once, their passwords kept in the data folder where only its owner reads them."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from marketplace.settings import Settings

OPERATOR = "operator"
COOPERATIVE = "cooperative"
SHOPPER_PHONE = "+8613800138000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """Passwords of the operator and of a cooperative's member; the shopper logs in by a code to the phone."""

    operator_password: str
    cooperative_password: str
    shopper_phone: str = SHOPPER_PHONE


def kept(settings: Settings) -> Logins | None:
    path = _path(settings)
    return Logins(**json.loads(path.read_text())) if path.exists() else None


def keep_new(settings: Settings) -> Logins:
    """Fresh passwords, written before they are used."""
    logins = Logins(
        operator_password=secrets.token_urlsafe(12), cooperative_password=secrets.token_urlsafe(12)
    )
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(logins), file)
    return logins


def _path(settings: Settings) -> Path:
    return settings.data_folder / "demo_logins.json"
