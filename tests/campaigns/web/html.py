"""A page as a strict reader takes it: tags closed in order, names unique, every picture with words."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCKS = {"p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "small", "span", "summary"}
"""After these a reader pauses."""
VOID = {"br", "img", "link", "meta", "input", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Read:
    elements: list[Element] = field(default_factory=list)

    def every(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            each for each in self.elements if each.tag == tag and wanted.items() <= each.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        [found] = self.every(tag, **attributes)
        return found

    def links(self) -> set[str]:
        return {
            each.attributes[name]
            for each in self.elements
            for name in ("href", "src")
            if name in each.attributes
        }


class _Strict(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.read = Read()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> names {names} twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.read.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()
        if tag in BLOCKS:
            self.handle_data(" ")

    def handle_data(self, data):
        for each in self.open:
            each.text += data


def read(text: str) -> Read:
    """The page's elements; what is not well-formed, or cannot be read aloud, fails."""
    strict = _Strict()
    strict.feed(text)
    strict.close()
    assert not strict.open, f"<{strict.open[-1].tag}> is never closed"
    found = strict.read
    ids = Counter(each.attributes["id"] for each in found.elements if "id" in each.attributes)
    assert max(ids.values(), default=1) == 1, ids
    for each in found.elements:
        named = each.attributes
        assert "style" not in named, f"<{each.tag}> is styled inline, which the policy forbids"
        assert not [name for name in named if name.startswith("on")], f"<{each.tag}> has a script inline"
        if "aria-labelledby" in named:
            assert named["aria-labelledby"] in ids
        if each.tag == "svg":
            assert named.get("role") == "img"
            assert named.get("aria-label")
        if each.tag == "img":
            assert "alt" in named
        if each.tag in ("a", "h1", "h2", "h3", "h4", "th", "td", "dt", "summary"):
            assert each.text.strip() or each.tag == "td", f"an empty <{each.tag}>"
    assert len(found.every("h1")) == 1
    assert len(found.every("main")) == 1
    return found
