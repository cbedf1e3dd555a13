"""A checkpoint as signed text: where a chain stood, so that anybody who kept it can tell if it was cut or written anew.

The form is that of C2SP `tlog-checkpoint` in a C2SP `signed-note` (https://c2sp.org): origin, size and Merkle root, a
line of our own with the chain's last link, one with the moment, then the signature of Ed25519 (RFC 8032). Pure.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM: Final = b"\x01"
"""Ed25519, as signed notes number it."""
NOTE_LENGTH_MAX: Final = 4_096
_DASH: Final = "\u2014"
_SIGNATURE: Final = re.compile(rf"{_DASH} (\S+) ([A-Za-z0-9+/]+=*)")
_ORIGIN: Final = re.compile(r"\S[^\n]{0,199}")


class NotANote(ValueError):
    """The text is no checkpoint, or signed by nobody who is known; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a chain stood."""

    origin: str
    """Whose chain: `{host}/traces/{county}`."""
    size: int
    root: bytes
    """Of the Merkle tree over the first `size` events."""
    head: bytes
    """The link of event number `size`."""
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a name without blanks, and a private key."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def of_seed(cls, name: str, seed: bytes) -> "Signer":
        """From the 32 bytes of RFC 8032; raises ValueError for others."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def verifier(self) -> "Verifier":
        return Verifier(self.name, self.key.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Verifier:
    """By whose name and public key a signature is known."""

    name: str
    public_key: bytes

    @property
    def mark(self) -> bytes:
        """Four bytes that tell which key signed."""
        return sha256(self.name.encode() + b"\n" + ALGORITHM + self.public_key).digest()[:4]

    def text(self) -> str:
        """One line to be given to whoever wants to check: name, mark and key."""
        key = base64.b64encode(ALGORITHM + self.public_key).decode()
        return f"{self.name}+{self.mark.hex()}+{key}"

    @classmethod
    def of_text(cls, text: str) -> "Verifier":
        """Raises NotANote for anything but what `text` gives."""
        name, _, rest = text.strip().partition("+")
        mark, _, key = rest.partition("+")
        raw = _bytes(key)
        found = cls(name, raw[1:])
        if raw[:1] != ALGORITHM or len(raw) != 33 or found.mark.hex() != mark:
            raise NotANote("no public key of a signed note")
        return found


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed text."""
    text = _text(checkpoint)
    signature = base64.b64encode(signer.verifier.mark + signer.key.sign(text.encode())).decode()
    return f"{text}\n{_DASH} {signer.name} {signature}\n"


def read(note: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """What a note says, if one of these signed it; raises NotANote."""
    text, blank, signatures = note.partition("\n\n")
    if len(note) > NOTE_LENGTH_MAX or not blank:
        raise NotANote("no signed note")
    text += "\n"
    known = list(verifiers)
    if not any(_is_signed(text, line, known) for line in signatures.splitlines()):
        raise NotANote("not signed by a known key")
    return _read_text(text)


def split(file: str) -> list[str]:
    """The notes that stand one after the other in a file."""
    found, text = [], ""
    for line in file.splitlines():
        text += line + "\n"
        if line.startswith(f"{_DASH} "):
            found.append(text)
            text = ""
    return found if not text.strip() else [*found, text]


def _is_signed(text: str, line: str, known: Iterable[Verifier]) -> bool:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        return False
    raw = _bytes(found[2])
    for each in known:
        if each.name == found[1] and each.mark == raw[:4]:
            try:
                Ed25519PublicKey.from_public_bytes(each.public_key).verify(raw[4:], text.encode())
            except InvalidSignature:
                continue
            return True
    return False


def _text(checkpoint: Checkpoint) -> str:
    return "".join(
        f"{line}\n"
        for line in (
            checkpoint.origin,
            checkpoint.size,
            base64.b64encode(checkpoint.root).decode(),
            f"head {base64.b64encode(checkpoint.head).decode()}",
            f"at {checkpoint.signed_at.isoformat()}",
        )
    )


def _read_text(text: str) -> Checkpoint:
    lines = text.splitlines()
    try:
        origin, size, root, head, at = lines
        found = Checkpoint(
            origin=origin,
            size=int(size),
            root=_bytes(root),
            head=_bytes(head.removeprefix("head ")),
            signed_at=datetime.fromisoformat(at.removeprefix("at ")),
        )
    except ValueError as problem:
        raise NotANote("no checkpoint") from problem
    if _text(found) != text or not _ORIGIN.fullmatch(origin):
        raise NotANote("no checkpoint")
    return found


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise NotANote("no base64") from problem
