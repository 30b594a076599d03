"""The whole account on one page: one file without scripts that holds all it needs, to be printed or sent."""

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass

from markupsafe import Markup

from wardmote.publish import speech
from wardmote.publish.atlas import TEMPLATES, Making, MenuItem, environment
from wardmote.publish.figures import Figure, count_map, kind_map, summary_map, weight_chart
from wardmote.publish.maps import outlines_once
from wardmote.publish.order import Order, order_of
from wardmote.publish.page import Comparison, Gathering, Page
from wardmote.publish.version import wardmote_version

PAGE = "full/index.html"
"""Where it lies in a site."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the template prints besides the page.

    Attributes:
        maps: The maps.
        comparisons: Comparisons with their charts.
        built: Day of publishing, ISO 8601.
        built_words: The same as people write it.
        wardmote: Version of Wardmote.
        style: The style sheet.
        style_hash: Its checksum, by which the browser knows that no other style is ours.
        doors: The other pages of the site.
        root: Leads from this page to the folder of the site.
        order: How firm the order of larger areas is, or None where that has not been worked out.
    """

    maps: tuple[Figure, ...]
    comparisons: tuple[tuple[Comparison, Markup], ...]
    built: str
    built_words: str
    wardmote: str
    style: Markup
    style_hash: str
    doors: tuple[MenuItem, ...]
    root: str
    order: Order | None


def make_full(making: Making) -> None:
    """Write the page into a site.

    Args:
        making: What pages are made of.
    """
    making.build.put(PAGE, render_full(making.page, making.found, making.day, making.frame.menu, "../"))


def render_full(
    page: Page, found: Gathering, day: datetime.date, doors: tuple[MenuItem, ...] = (), root: str = ""
) -> str:
    """Return the page as HTML.

    Args:
        page: What it says.
        found: The tables, for maps and charts.
        day: Day of publishing.
        doors: The other pages of the site.
        root: Leads from this page to the folder of the site.
    """
    level = page.group_level.name if page.group_level else ""
    both = {group.place.code: len(group.places) for group in page.groups}
    maps = [kind_map(found, level)]
    if level:
        maps += [None if maps[0] else count_map(found, level, both), summary_map(found, level, both)]
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    checksum = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    account = Account(
        maps=tuple(figure for figure in maps if figure),
        comparisons=tuple((item, weight_chart(item, i)) for i, item in enumerate(page.comparisons)),
        built=day.isoformat(),
        built_words=speech.day(day),
        wardmote=wardmote_version(),
        style=Markup(style),  # our own file, and its checksum stands in the page's policy
        style_hash=checksum,
        doors=doors,
        root=root,
        order=order_of(found, level),
    )
    html: str = environment().get_template("page.html.j2").render(site=account, page=page)
    return outlines_once(html)
