"""The pages' texts, kept for a moment: many phones look at the same box on the day it arrives.

What a page tells changes with its label; a text that was made before is shown for SECONDS_MAX at most.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, render_template
from sqlalchemy.orm import Session

from campaigns.tracing import facts, seen, words
from campaigns.web.reader import Reader
from inventory.epcis.identifiers import Key
from inventory.traces.proving import Proof
from marketplace import versions
from marketplace.database import reading

SECONDS_MAX: Final = 5
REMEMBERED_MAX: Final = 500
_KEPT: Final = "trace_pages_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    text: str
    etag: str
    until_ns: int
    """Of the monotonic clock."""


def box(reader: Reader, *, gtin: str, serial: str) -> Told:
    """Raises LinkUnknown, LabelRevoked."""

    def made(session: Session) -> str:
        page = seen.box(facts.box(session, gtin=gtin, serial=serial), reader)
        return _drawn("tracing/box.html", reader, page=page)

    return _kept(("box", gtin, serial, reader), made)


def lot(reader: Reader, key: Key) -> Told:
    """Raises LinkUnknown."""

    def made(session: Session) -> str:
        gtin, number = key["01"], key["10"]
        found = facts.lot(session, gtin=gtin, number=number)
        page = seen.lot(found, reader, gtin=gtin, number=number, link=key.link(""))
        return _drawn("tracing/box.html", reader, page=page)

    return _kept(("lot", key, reader), made)


def thing(reader: Reader, kind: str, name: str, *, unknown: str | None) -> Told:
    """`kind`: a use of facts.py by its name, `name` what it is asked for by. Raises LinkUnknown."""
    asked = {"product": "gtin", "place": "gln", "party": "gln", "parcel": "sscc"}[kind]

    def made(session: Session) -> str:
        page = seen.thing(getattr(facts, kind)(session, **{asked: name}), reader)
        warning = words.UNKNOWN.get(unknown or "")
        told = None if warning is None else warning.pick(reader.language)
        return _drawn("tracing/thing.html", reader, page=page, warning=told, unknown=unknown)

    return _kept((kind, name, unknown if unknown in words.UNKNOWN else None, reader), made)


def proof(*, gtin: str, serial: str) -> Told:
    """As a small document of JSON. Raises LinkUnknown, NotSignedYet."""
    with reading() as session:
        text = json.dumps(
            _document(facts.proof(session, gtin=gtin, serial=serial)), ensure_ascii=False, indent=1
        )
    return Told(text=text, etag=versions.digest(text), until_ns=0)


def _document(proof_: Proof) -> dict[str, Any]:
    return {
        "county_id": str(proof_.county_id),
        "number": proof_.number,
        "event": proof_.body,
        "context": proof_.context,
        "leaf_index": proof_.number - 1,
        "leaf_hash": proof_.leaf.hex(),
        "tree_size": proof_.size,
        "inclusion_path": [each.hex() for each in proof_.path],
        "checkpoint": proof_.note,
        "how": "sha256, RFC 6962: leaf = H(00 event [0a context]); the path leads to the root in the checkpoint",
    }


def _drawn(template: str, reader: Reader, **values: Any) -> str:
    def say(name: str, /, **more: object) -> str:
        return seen.say(reader, name, **more)

    return render_template(template, reader=reader, language=reader.language, tell=say, **values)


def _kept(about: tuple[Any, ...], made: Callable[[Session], str]) -> Told:
    known: dict[tuple[Any, ...], Told] = current_app.extensions.setdefault(_KEPT, {})
    found = known.get(about)
    now = time.monotonic_ns()
    if found is not None and now < found.until_ns:
        return found
    with reading() as session:
        text = made(session)
    told = Told(text=text, etag=versions.digest(text), until_ns=now + SECONDS_MAX * 1_000_000_000)
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[about] = told
    return told
