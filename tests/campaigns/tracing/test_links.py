"""Kinds of links and the list of them."""

import pytest

from campaigns.tracing.links import Entry, Link, LinkType, WholeSet, asked_type, linkset
from marketplace.language import Text

TITLE = Text(en="Where it comes from", zh="溯源信息")
STORY = Link(type=LinkType.TRACEABILITY, path="/boxes/1/A", title=TITLE)
EVENTS = Link(type=LinkType.EPCIS, path="/v1/events", title=TITLE, media_type="application/ld+json")
ENTRY = Entry(path="/01/1/21/A", links=[STORY, EVENTS])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, None),
        ("gs1:defaultLink", None),
        ("gs1:pip", LinkType.PRODUCT),
        ("pip", LinkType.PRODUCT),
        ("https://gs1.org/voc/epcis", LinkType.EPCIS),
        ("https://ref.gs1.org/voc/traceability", LinkType.TRACEABILITY),
    ],
)
def test_kinds_are_asked_for_by_their_names(text: str | None, kind: LinkType | None) -> None:
    assert asked_type(text) is kind


@pytest.mark.parametrize("text", ["linkset", "all"])
def test_all_may_be_asked_for(text: str) -> None:
    assert isinstance(asked_type(text), WholeSet)


@pytest.mark.parametrize("text", ["", "gs1:", "gs1:recipeInfo", "voc/pip"])
def test_others_are_not_offered(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        asked_type(text)


def test_the_first_link_is_the_default() -> None:
    assert ENTRY.of_type(None) is STORY
    assert ENTRY.of_type(LinkType.EPCIS) is EVENTS
    assert ENTRY.of_type(LinkType.PRODUCT) is None


def test_the_set_names_each_link_under_its_kind() -> None:
    [told] = linkset(ENTRY, base="https://id.example.org")["linkset"]
    assert told["anchor"] == "https://id.example.org/01/1/21/A"
    [first] = told["https://gs1.org/voc/defaultLink"]
    assert first["href"] == "https://id.example.org/boxes/1/A"
    assert first["hreflang"] == ["en", "zh"]
    [events] = told["https://gs1.org/voc/epcis"]
    assert events["type"] == "application/ld+json"
    assert "hreflang" not in events
