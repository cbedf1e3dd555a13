"""With which key checkpoints are signed, and by which they are known."""

import base64
import re
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from inventory.traces.notes import Signer, Verifier
from marketplace.settings import Settings


def signer() -> Signer:
    """Today's key: TRACE_SIGNING_KEY, or one that is made from SECRET_KEY."""
    settings = _settings()
    if settings.trace_signing_key:
        return Signer.of_seed(host(), base64.b64decode(settings.trace_signing_key))
    return Signer.of_seed(host(), _seed(settings.secret_key))


def verifiers() -> list[Verifier]:
    """Whose signatures are ours: today's key first, then those that came before it and are still told."""
    settings = _settings()
    secrets = [each for each in (settings.secret_key, settings.secret_key_before) if each]
    known = [signer().verifier, *(Signer.of_seed(host(), _seed(each)).verifier for each in secrets)]
    return list(dict.fromkeys(known))


def origin(county_code: str) -> str:
    """Whose chain a checkpoint is of."""
    return f"{host()}/traces/{county_code}"


def host() -> str:
    """The marketplace's name in checkpoints: the host of PUBLIC_URL, with its port unless it is the usual one."""
    return re.sub(r"[^\x21-\x2a\x2c-\x7e]", "-", urlsplit(_settings().public_url).netloc)


def _seed(secret: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"virtual-orchard/trace-signing/1")
    return derive.derive(secret.encode())


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
