"""Publishing a site: the first page, one file that holds everything it needs, and the atlas around it."""

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wardmote.publish import speech
from wardmote.publish.atlas import TEMPLATES, Frame, Making, environment, ingredients, menu_of, renderer
from wardmote.publish.building import Build, digest, stands
from wardmote.publish.figures import Figure, count_map, kind_map, summary_map, weight_chart
from wardmote.publish.folder import replaced
from wardmote.publish.makers import MAKERS, Maker
from wardmote.publish.maps import outlines_once
from wardmote.publish.marks import Marks
from wardmote.publish.order import Order, order_of
from wardmote.publish.page import Comparison, Gathering, Page, gather
from wardmote.publish.places import read_atlas
from wardmote.publish.profiles import Link, Profiler
from wardmote.publish.reading import OpenTables, open_tables
from wardmote.publish.strings import in_its_language
from wardmote.publish.version import wardmote_version
from wardmote.study import Study
from wardmote.tables import TABLES


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
        doors: The other pages of the site.
        order: How firm the order of larger areas is, or None where that has not been worked out.
    """

    page: Page
    maps: tuple[Figure, ...]
    comparisons: tuple[tuple[Comparison, Markup], ...]
    built: str
    built_words: str
    wardmote: str
    style: Markup
    style_hash: str
    doors: tuple[Link, ...]
    order: Order | None


@in_its_language
def publish_site(tables: Any, study: Study, out: Path, *, built: datetime.date | None = None) -> Path:
    """Return the path of the first page, after the site has replaced what stood in `out`.

    The first page is one HTML file without scripts; it loads nothing from anywhere. Around it stands the atlas: the pages that
    ``[publish] pages`` names, by default all that the tables allow. Files that would be made from the same as before are taken over
    from the site that stands; where nothing at all has changed, it stays as it is. If the site cannot be made, the old one stays.

    Args:
        tables: The study's `wardmote.workspace.Workspace`, or data frames by table name.
        study: The study.
        out: Folder of the site.
        built: Day that the page bears; today by default.

    Raises:
        MissingError: There is nothing to publish yet.
        WorkspaceError: The folder cannot be written.
    """
    opened = open_tables(tables)
    day = built or datetime.datetime.now(tz=datetime.UTC).date()
    whole = _whole(opened, study, day)
    if stands(out, whole):
        return out / "index.html"
    page, found = gather(opened, study)
    atlas = read_atlas(found)
    # What places need of them is in the atlas now; they are the largest tables, and others may need the room.
    found.forget("scores", "contributions", "ranks", "summary_ranks", "similar")
    makers = [maker for maker in _chosen(study) if atlas.levels and maker.needs(found, atlas)]
    paths = {path for maker in makers for path in maker.paths} | {"index.html"}
    frame = Frame(
        title=page.title,
        description=page.description,
        contact=page.contact,
        version=wardmote_version(),
        menu=menu_of(paths),
        paths=tuple(sorted(paths)),
        areas=atlas.base.level.plural if atlas.levels else "",
        address=study.publish.address.rstrip("/"),
    )
    units = found.read("indicators", ["indicator", "unit"]).to_dict("list")  # profiles tell figures with them
    with replaced(out) as folder:
        build = Build(folder, out, ingredients())
        if makers:
            profiler = Profiler(atlas, found)
            making = Making(
                build=build,
                study=study,
                page=page,
                found=found,
                atlas=atlas,
                profiler=profiler,
                frame=frame,
                day=day,
                render=renderer(frame),
                marks=Marks(
                    atlas, digest(build.ingredients, frame, units, profiler.strategist.mark, profiler.alike)
                ),
            )

            def make_all(beside: bool) -> None:
                for maker in makers:
                    if maker.beside is beside:
                        maker.make(making)

            with build.beside(lambda: make_all(True)):
                make_all(False)
        build.put("index.html", _render(page, found, day, frame.menu if makers else ()))
    build.finish(whole)
    return out / "index.html"


def _whole(tables: OpenTables, study: Study, day: datetime.date) -> str:
    """Return a digest of everything that a site is made from; "" where the tables do not tell without being read."""
    prints = [tables.fingerprint(name) for name in TABLES]
    if not all(prints):
        return ""
    spec = study.publish.postcodes
    postcodes = study.folder / spec.file if spec else None
    at_hand = postcodes.stat() if postcodes and postcodes.exists() else None
    return digest(
        ingredients(),
        study.model_dump_json(),
        str(study.folder),
        day.isoformat(),
        prints,
        tables.withheld(TABLES),
        (at_hand.st_size, at_hand.st_mtime_ns) if at_hand else None,
    )


def _chosen(study: Study) -> list[Maker]:
    """Return the makers of the pages that a study wants."""
    wanted = study.publish.pages
    return (
        [maker for maker in MAKERS if not wanted or maker.name in wanted or maker.name == "assets"]
        if (wanted != ["start"])
        else []
    )


@in_its_language
def render_page(tables: Any, study: Study, *, built: datetime.date | None = None) -> str:
    """Return the first page alone as HTML; see `publish_site`."""
    page, found = gather(open_tables(tables), study)
    return _render(page, found, built or datetime.datetime.now(tz=datetime.UTC).date(), ())


def _render(page: Page, found: Gathering, day: datetime.date, doors: tuple[Link, ...]) -> str:
    """Return the first page as HTML, with links to the other pages of the site."""
    level = page.group_level.name if page.group_level else ""
    both = {group.place.code: len(group.places) for group in page.groups}
    maps = [kind_map(found, level)]
    if level:
        maps += [None if maps[0] else count_map(found, level, both), summary_map(found, level, both)]
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    checksum = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    site = Site(
        page=page,
        maps=tuple(figure for figure in maps if figure),
        comparisons=tuple((item, weight_chart(item, i)) for i, item in enumerate(page.comparisons)),
        built=day.isoformat(),
        built_words=speech.day(day),
        wardmote=wardmote_version(),
        style=Markup(style),  # our own file, and its checksum stands in the page's policy
        style_hash=checksum,
        doors=doors,
        order=order_of(found, level),
    )
    html: str = environment().get_template("page.html.j2").render(site=site, page=page)
    return outlines_once(html)
