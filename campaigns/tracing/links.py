"""What a Digital Link leads to, in the words of GS1's web vocabulary, and the list of it (RFC 9264). Pure.

Reference: GS1-Conformant resolver standard 1.1: a default link, one kind by `linkType`, all of them as a linkset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from marketplace.language import Text

VOCABULARY: Final = "https://gs1.org/voc/"
_PREFIXES: Final = (
    "gs1:",
    VOCABULARY,
    "https://www.gs1.org/voc/",
    "https://ref.gs1.org/voc/",
    "http://gs1.org/voc/",
)
LINKSET: Final = "application/linkset+json"
_ALL: Final = frozenset({"linkset", "all"})


class LinkType(StrEnum):
    """Kinds of links that are offered here."""

    PRODUCT = "pip"
    """Product information page; of other things the page that tells what they are."""
    TRACEABILITY = "traceability"
    """Where it comes from, for people."""
    EPCIS = "epcis"
    """The events, for programs that may read them."""
    CERTIFICATION = "certificationInfo"
    """The certificates behind a label, for people; the proof that all is in the county's chain, for programs."""


class WholeSet:
    """All links were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    type: LinkType
    path: str
    title: Text
    media_type: str = "text/html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known under a link; the first of `links` is the default one."""

    path: str
    """The Digital Link below this resolver."""
    links: Sequence[Link]

    def of_type(self, wanted: LinkType | None) -> Link | None:
        if wanted is None:
            return self.links[0]
        return next((each for each in self.links if each.type is wanted), None)


def asked_type(text: str | None) -> LinkType | WholeSet | None:
    """What `linkType` asks for: one kind, all, or (not given, or the default link by its name) the default.

    Raises ValueError for a kind that nobody offers here.
    """
    if text is None:
        return None
    name = next((text.removeprefix(each) for each in _PREFIXES if text.startswith(each)), text)
    if name in _ALL:
        return WholeSet()
    return None if name == "defaultLink" else LinkType(name)


def linkset(entry: Entry, *, base: str) -> dict[str, Any]:
    """The document of RFC 9264, with absolute addresses."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    first = entry.links[0]
    kinds[VOCABULARY + "defaultLink"] = [_target(first, base)]
    for each in entry.links:
        kinds.setdefault(VOCABULARY + each.type, []).append(_target(each, base))
    return {"linkset": [{"anchor": base + entry.path, **kinds}]}


def _target(link: Link, base: str) -> dict[str, Any]:
    told: dict[str, Any] = {"href": base + link.path, "title": link.title.en, "type": link.media_type}
    if link.media_type == "text/html":
        told["hreflang"] = ["en", "zh"]
    told["title*"] = [
        {"value": link.title.en, "language": "en"},
        {"value": link.title.zh, "language": "zh"},
    ]
    return told
