"""Tests of sites that have some kinds of page alone: whatever a study names, no page leads to what is not there, nor loads it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import unquote, urlsplit

import pytest

from wardmote.publish import publish_site
from wardmote.publish.makers import MAKERS, chosen
from wardmote.study import PageKind, Study
from wardmote.workspace import Workspace

DAY = datetime.date(2025, 6, 1)

KINDS = sorted(set(get_args(PageKind)) - {"start", "assets", "full"})
"""Kinds of page that a study can name alone."""


class Addresses(HTMLParser):
    """Gathers what a page leads to and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"href", "src", "action"} and value]


def absent(site: Path) -> Iterator[str]:
    """Yield each page of a site with what it leads to or loads and that is not there."""
    for page in site.rglob("*.html"):
        for address in dict.fromkeys(Addresses(page.read_text(encoding="utf-8")).found):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            if not (page.parent / unquote(parts.path)).is_file():
                yield f"{page.relative_to(site)}: {address}"
    yield from (f"{asked} is asked for" for asked in asked_for(site) if not (site / asked).is_file())


def asked_for(site: Path) -> Iterator[str]:
    """Yield the files of data that scripts of the pages ask for by themselves."""
    searched = [name for name in ("find.html", "compare/index.html") if (site / name).is_file()]
    if searched:
        yield "data/find/index.js"
        text = (site / "data/find/index.js").read_text(encoding="utf-8")
        for level in json.loads(text[text.index(",") + 1 : text.rindex(")")])["levels"]:
            if level["figures"]:
                yield f"data/columns/{level['level']}/codes.js"
                yield from (f"data/places/{level['level']}/{stem}.js" for stem in level["stems"])
    if (site / "map/index.html").is_file():
        for level in json.loads((site / "map/map.json").read_text(encoding="utf-8"))["levels"]:
            yield f"{level['columns']}/codes.json"


@pytest.mark.parametrize("kind", KINDS)
def test_a_site_of_one_kind_of_page_has_all_that_it_leads_to_and_loads(
    kind: str, workspace: Workspace, study: Study, tmp_path: Path
) -> None:
    some = study.model_copy(update={"publish": study.publish.model_copy(update={"pages": [kind]})})
    site = publish_site(workspace, some, tmp_path / "site", built=DAY).parent
    assert list(absent(site)) == []
    paths = next(maker.paths for maker in MAKERS if maker.name == kind)
    assert all((site / path).is_file() for path in paths)


def test_kinds_bring_along_what_they_cannot_do_without_and_nothing_else() -> None:
    def names(*wanted: str) -> set[str]:
        return {maker.name for maker in chosen(wanted)} - {"assets", "start", "full"}

    assert names("method") == {"method"}
    assert names("compare") == {"compare", "find", "place", "columns"}
    assert names("map") == {"map", "find", "place", "columns"}
    assert names() == set(KINDS)
