"""The pages' texts, kept for a moment: many phones look at the same box on the day it arrives.

What a page tells changes with its label; a text that was made before is shown for SECONDS_MAX at most.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, render_template
from sqlalchemy.orm import Session

from campaigns.tracing import facts, seen, words
from campaigns.web.reader import Reader
from inventory.epcis.identifiers import Key
from inventory.traces.proving import Proof
from marketplace import desk, versions
from marketplace.database import reading
from marketplace.steps import Alone, Joining, Steps, walk
from marketplace.together import Outcome

SECONDS_MAX: Final = 5
REMEMBERED_MAX: Final = 500
NANOSECONDS: Final = 1_000_000_000
_KEPT: Final = "trace_pages_told"
_TABLE: Final = "trace_pages"

About = tuple[Any, ...]
Made = Callable[[Session], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    text: str
    etag: str
    until_ns: int
    """Of the monotonic clock."""


def box(reader: Reader, *, gtin: str, serial: str) -> Steps[Told]:
    """In steps; raises LinkUnknown, LabelRevoked."""

    def made(session: Session) -> str:
        page = seen.box(facts.box(session, gtin=gtin, serial=serial), reader)
        return _drawn("tracing/box.html", reader, page=page)

    return (yield from _kept(("box", gtin, serial, reader), made))


def lot(reader: Reader, key: Key) -> Told:
    """Raises LinkUnknown."""

    def made(session: Session) -> str:
        gtin, number = key["01"], key["10"]
        found = facts.lot(session, gtin=gtin, number=number)
        page = seen.lot(found, reader, gtin=gtin, number=number, link=key.link(""))
        return _drawn("tracing/box.html", reader, page=page)

    return walk(_kept(("lot", key, reader), made))


def thing(reader: Reader, kind: str, name: str, *, unknown: str | None) -> Told:
    """`kind`: a use of facts.py by its name, `name` what it is asked for by. Raises LinkUnknown."""
    asked = {"product": "gtin", "place": "gln", "party": "gln", "parcel": "sscc", "pallet": "sscc"}[kind]

    def made(session: Session) -> str:
        page = seen.thing(getattr(facts, kind)(session, **{asked: name}), reader)
        warning = words.UNKNOWN.get(unknown or "")
        told = None if warning is None else warning.pick(reader.language)
        return _drawn("tracing/thing.html", reader, page=page, warning=told, unknown=unknown)

    return walk(_kept((kind, name, unknown if unknown in words.UNKNOWN else None, reader), made))


def certificate(reader: Reader, *, gtin: str, serial: str) -> Told:
    """Raises LinkUnknown, LabelRevoked."""

    def made(session: Session) -> str:
        page = seen.certificate(facts.certificate(session, gtin=gtin, serial=serial), reader)
        return _drawn("tracing/thing.html", reader, page=page, warning=None, unknown=None)

    return walk(_kept(("certificate", gtin, serial, reader), made))


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


def _kept(about: About, made: Made) -> Steps[Told]:
    found = _fresh(about)
    if found is not None:
        return found
    outcome: Outcome[Told] = yield Joining(desk.table(_TABLE, _drawn_once), (about, made))
    return outcome.get()


def _drawn_once(asked: Sequence[tuple[About, Made]]) -> Iterator[tuple[int, Outcome[Told]]]:
    """A page is drawn once for all who ask for it at the same time; what one of them is refused is no other's."""
    drawn: dict[About, Outcome[Told]] = {}
    for place, (about, made) in enumerate(asked):
        if about not in drawn:
            drawn[about] = Alone(lambda about=about, made=made: _fresh(about) or _draw(about, made)).run()  # type: ignore[misc]
        yield place, drawn[about]


def _fresh(about: About) -> Told | None:
    found = _known().get(about)
    return found if found is not None and time.monotonic_ns() < found.until_ns else None


def _draw(about: About, made: Made) -> Told:
    until_ns = time.monotonic_ns() + SECONDS_MAX * NANOSECONDS
    with reading() as session:
        text = made(session)
    told = Told(text=text, etag=versions.digest(text), until_ns=until_ns)
    known = _known()
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[about] = told
    return told


def _known() -> dict[About, Told]:
    found: dict[About, Told] = current_app.extensions.setdefault(_KEPT, {})
    return found
