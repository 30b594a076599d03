"""The first page: one file that holds everything it needs and asks nobody for anything."""

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish.figures import Figure, count_map, kind_map, summary_map, told_weight, weight_chart
from wardmote.publish.folder import replaced
from wardmote.publish.page import Comparison, Page, gather
from wardmote.publish.reading import open_tables
from wardmote.study import Study

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the page's template and style."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the template prints.

    Attributes:
        page: The words and tables.
        maps: The maps.
        comparisons: Comparisons with their charts.
        built: Day of publishing, ISO 8601.
        built_words: The same as people write it.
        wardmote: Version of Wardmote.
        style: The style sheet.
        style_hash: Its checksum, by which the browser knows that no other style is ours.
    """

    page: Page
    maps: tuple[Figure, ...]
    comparisons: tuple[tuple[Comparison, Markup], ...]
    built: str
    built_words: str
    wardmote: str
    style: Markup
    style_hash: str


def publish_site(tables: Any, study: Study, out: Path, *, built: datetime.date | None = None) -> Path:
    """Return the path of the page, after it has replaced what stood in `out`.

    The page is one HTML file without scripts; it loads nothing from anywhere. If it cannot be made, the old one stays.

    Args:
        tables: The study's `wardmote.workspace.Workspace`, or data frames by table name.
        study: The study.
        out: Folder of the site.
        built: Day that the page bears; today by default.

    Raises:
        MissingError: There is nothing to publish yet.
        WorkspaceError: The folder cannot be written.
    """
    html = render_page(tables, study, built=built)
    with replaced(out) as folder:
        (folder / "index.html").write_bytes(html.encode("utf-8"))
    return out / "index.html"


def render_page(tables: Any, study: Study, *, built: datetime.date | None = None) -> str:
    """Return the page as HTML; see `publish_site`."""
    page, found = gather(open_tables(tables), study)
    level = page.group_level.name if page.group_level else ""
    both = {group.place.code: len(group.places) for group in page.groups}
    maps = [kind_map(found, level)]
    if level:
        maps += [None if maps[0] else count_map(found, level, both), summary_map(found, level, both)]
    day = built or datetime.datetime.now(tz=datetime.UTC).date()
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    site = Site(
        page=page,
        maps=tuple(figure for figure in maps if figure),
        comparisons=tuple((item, weight_chart(item, i)) for i, item in enumerate(page.comparisons)),
        built=day.isoformat(),
        built_words=f"{day.day} {day:%B} {day.year}",
        wardmote=wardmote_version(),
        style=Markup(style),  # our own file, and its checksum stands in the page's policy
        style_hash=digest,
    )
    html: str = _environment().get_template("page.html.j2").render(site=site, page=page)
    return html


def wardmote_version() -> str:
    """Return the version of Wardmote that is installed, or "unreleased"."""
    try:
        return version("wardmote")
    except PackageNotFoundError:
        return "unreleased"


def _environment() -> Any:
    """Return the templates: everything printed is escaped, and a name that does not exist is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["initial"] = lambda text: f"{text[:1].upper()}{text[1:]}"
    environment.filters["weight"] = told_weight
    environment.filters["whole"] = words.count
    environment.filters["sentence"] = words.sentence
    environment.globals["count"] = words.count
    return environment
