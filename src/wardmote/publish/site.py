"""Publishing a site: all its pages from the tables, put in place as a whole."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from wardmote.publish.atlas import Frame, Making, ingredients, menu_of, renderer
from wardmote.publish.building import Build, digest, seldom_collected, stands
from wardmote.publish.closing import open_tables
from wardmote.publish.folder import replaced
from wardmote.publish.full import render_full
from wardmote.publish.makers import Maker, chosen
from wardmote.publish.marks import Marks
from wardmote.publish.package import fill_package
from wardmote.publish.page import Gathering, Page, gather
from wardmote.publish.places import read_atlas
from wardmote.publish.profiles import Profiler
from wardmote.publish.reading import OpenTables
from wardmote.publish.strings import in_its_language
from wardmote.publish.version import wardmote_version
from wardmote.study import Study
from wardmote.tables import TABLES

EDITION = 10
"""Letters of an edition's digest in addresses: two editions of one site are told apart by far fewer."""

POST = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
"""An address for letters, as people write it among other words."""


@in_its_language
def publish_site(
    tables: Any,
    study: Study,
    out: Path,
    *,
    built: datetime.date | None = None,
    say: Callable[[str], None] = lambda said: None,
) -> Path:
    """Return the path of the first page, after the site has replaced what stood in `out`.

    The first page asks the questions of the study and leads to all others: the pages that ``[publish] pages`` names, by default all
    that the tables allow. Where these are the first page alone, or there are no places, it is the whole account: one HTML file without
    scripts that loads nothing from anywhere. Files that would be made from the same as before are taken over
    from the site that stands; where nothing at all has changed, it stays as it is. If the site cannot be made, the old one stays.

    Args:
        tables: The study's `wardmote.workspace.Workspace`, or data frames by table name.
        study: The study.
        out: Folder of the site.
        built: Day that the page bears; today by default.
        say: Is told what was left out of the site that should be known, such as rows of a list of postcodes.

    Raises:
        MissingError: There is nothing to publish yet.
        WorkspaceError: The folder cannot be written.
    """
    opened = open_tables(tables, study)
    day = built or datetime.datetime.now(tz=datetime.UTC).date()
    whole = _whole(opened, study, day)
    if stands(out, whole):
        return out / "index.html"
    with seldom_collected(), replaced(out) as folder:
        build = Build(folder, out, ingredients())
        # The tables themselves need nothing of the pages, so a changed study's are written while the pages' facts are gathered.
        early = bool(whole) and build.stood("data/index.html") and _wants(study, "data")
        with build.beside(lambda: _tables_ahead(build, opened, study, day)) if early else nullcontext():
            told, making = _gathered(build, opened, study, day, say)
        if making is None:
            build.put("index.html", render_full(*told, day))
        else:
            makers = [m for m in _chosen(study) if m.needs(making.found, making.atlas)]

            def make_all(beside: bool) -> None:
                for maker in makers:
                    if maker.beside is beside:
                        maker.make(making)

            with build.beside(lambda: make_all(True)):
                make_all(False)
    build.finish(whole)
    return out / "index.html"


def _tables_ahead(build: Build, opened: OpenTables, study: Study, day: datetime.date) -> None:
    """Write the data package; asked for again by the page of data, its files are there."""
    fill_package(opened, study, build, day)


def _gathered(
    build: Build, opened: OpenTables, study: Study, day: datetime.date, say: Callable[[str], None]
) -> tuple[tuple[Page, Gathering], Making | None]:
    """Return what the first page says with its tables, and everything that makers need; None where there are no places to show."""
    page, found = gather(opened, study)
    atlas = read_atlas(found)
    # What places need of them is in the atlas now; they are the largest tables, and others may need the room.
    found.forget("scores", "contributions", "ranks", "summary_ranks", "similar")
    makers = [maker for maker in _chosen(study) if atlas.levels and maker.needs(found, atlas)]
    if not makers:
        return (page, found), None
    paths = {path for maker in makers for path in maker.paths} | {"index.html"}
    frame = Frame(
        title=page.title,
        description=page.description,
        contact=page.contact,
        version=wardmote_version(),
        menu=menu_of(paths),
        paths=tuple(sorted(paths)),
        areas=atlas.base.level.plural,
        address=study.publish.address.rstrip("/"),
        post=found_post[0] if (found_post := re.findall(POST, page.contact)) else "",
        edition=build.ingredients[:EDITION],
    )
    units = found.read("indicators", ["indicator", "unit"]).to_dict("list")  # profiles tell figures with them
    profiler = Profiler(atlas, found)
    folded = [id_ for id_, spec in study.index.items() if spec.beside]  # so do they fold these indices away
    mark = digest(build.ingredients, frame, units, folded, profiler.strategist.mark, profiler.alike)
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
        say=say,
        marks=Marks(atlas, mark),
    )
    return (page, found), making


def _wants(study: Study, name: str) -> bool:
    """Return whether a study's site has a kind of page."""
    return any(maker.name == name for maker in _chosen(study))


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
    """Return the makers of the pages that a study wants; none where that is the first page alone."""
    wanted = study.publish.pages
    if wanted == ["start"]:
        return []
    return chosen(wanted)


@in_its_language
def render_page(tables: Any, study: Study, *, built: datetime.date | None = None) -> str:
    """Return the whole account on one page as HTML; see `wardmote.publish.full`."""
    page, found = gather(open_tables(tables, study), study)
    return render_full(page, found, built or datetime.datetime.now(tz=datetime.UTC).date())
