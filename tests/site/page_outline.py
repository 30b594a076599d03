"""A page as a test sees it: its elements in order, with what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element] = field(default_factory=list)
    parts: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str))

    def all_text(self) -> str:
        return "".join(part if isinstance(part, str) else part.all_text() for part in self.parts)

    def above(self, tag: str) -> bool:
        at = self.parent
        while at is not None:
            if at.tag == tag:
                return True
            at = at.parent
        return False


class Outline(HTMLParser):
    """Reads a page and refuses tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {}, None)
        self.at = self.root
        self.elements: list[Element] = []
        self.feed(html)
        self.close()
        assert self.at is self.root, f"<{self.at.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        self.at.parts.append(element)
        self.elements.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.parts.append(data)

    def find(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def drawn(self) -> list[Element]:
        """Return the areas that maps draw: outlines that stand on their own, and uses of one that stands elsewhere on the page.

        A use of an outline that is not there draws nothing and is refused.
        """
        shapes = {e.attributes.get("id", ""): e.attributes["d"] for e in self.find("path")}
        uses = self.find("use")
        for use in uses:
            assert shapes[use.attributes["href"].removeprefix("#")]
        return [
            e
            for e in (*self.find("path"), *uses)
            if e.attributes.get("class", "").startswith("area") and e.above("svg")
        ]
