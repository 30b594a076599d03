"""The whole site: start page, profiles, tables, method, data and all the rest, built in one go and put in place as a whole."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.building import Build, digest
from wardmote.publish.figures import told_weight
from wardmote.publish.marks import Marks
from wardmote.publish.page import Gathering, Page, cited
from wardmote.publish.places import Atlas
from wardmote.publish.profiles import Profiler, class_titles
from wardmote.publish.strings import SITE, STRINGS, language, say, spoken_now
from wardmote.study import Study

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of templates and styles."""

ASSETS = Path(__file__).parent / "assets"
"""Folder of scripts and other files that are copied as they are."""

MENU = (
    ("start", "index.html"),
    ("find", "find.html"),
    ("map", "map/index.html"),
    ("compare", "compare/index.html"),
    ("table", "table/index.html"),
    ("round", "round/index.html"),
    ("impacts", "impacts/index.html"),
    ("evidence", "evidence/index.html"),
    ("whatif", "whatif/index.html"),
)
"""The menu: word in `strings.SITE` and page, in order. Pages that a study has no tables for are left out."""

FURTHER = (
    ("full", "full/index.html"),
    ("method", "method/index.html"),
    ("data", "data/index.html"),
    ("share", "share/index.html"),
    ("about", "about/index.html"),
)
"""The second menu, of pages about the study itself: they stand beside its name and at the foot of each page."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of the menus: its word in `strings.SITE`, what it is called, its page, whether it is in the second menu."""

    word: str
    name: str
    path: str
    further: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shares.

    Attributes:
        title: Title of the site.
        description: What it shows, one sentence.
        contact: Who decides and whom to ask, or "".
        version: Version of Wardmote.
        menu: Pages of both menus.
        paths: Pages that the menu leads to.
        areas: What the smallest areas are called.
        address: Public address of the site without a slash at its end, or "".
        post: The address for letters among the words of `contact`, or "".
        edition: Mark of Wardmote's own code, words and looks; it stands in the addresses of assets.
    """

    title: str
    description: str
    contact: str
    version: str
    menu: tuple[MenuItem, ...]
    paths: tuple[str, ...]
    areas: str
    address: str = ""
    post: str = ""
    edition: str = ""


@dataclass(frozen=True, slots=True)
class Making:
    """Everything that makers of pages need.

    Attributes:
        build: Takes the files.
        study: The study.
        page: What the first page says.
        found: The tables.
        atlas: The facts of all places.
        profiler: Writes profiles.
        frame: What every page shares.
        day: Day of publishing.
        render: Renders a template: name of the template, path of the page, and what it prints.
        marks: Digests of what the pages of places are made from.
        say: Tells whoever publishes what they must know of it.
    """

    build: Build
    study: Study
    page: Page
    found: Gathering
    atlas: Atlas
    profiler: Profiler
    frame: Frame
    day: datetime.date
    render: Callable[..., str]
    marks: Marks
    say: Callable[[str], None] = lambda said: None

    def put(self, path: str, template: str, /, **printed: Any) -> None:
        """Render one page into the site.

        Args:
            path: The page, relative to the site.
            template: The template, a file of `TEMPLATES`.
            printed: What it prints, by name.
        """
        # Pages of places do not bear the day: each day would make thousands of them anew.
        printed = {"day": self.day.isoformat(), "day_words": speech.day(self.day), **printed}
        self.build.put(path, self.render(template, path, **printed))


def stamped(source: str) -> str:
    """Return a template whose links to styles and scripts bear the edition of the site.

    A browser may keep files for as long as it likes where a host does not say. A page of a new edition then never works with scripts
    of an old one, as their addresses differ; and since another edition renders all pages anew anyway, no changed number writes more.

    Args:
        source: The template. Addresses of vendored libraries tell their edition themselves.
    """
    return re.sub(
        r'((?:href|src)="(?:\{\{ root \}\})?assets/[^"]*\.(?:css|js))"', r'\1?v={{ site.edition }}"', source
    )


def environment() -> Any:
    """Return the templates: everything printed is escaped, and a name that does not exist is an error."""
    import jinja2
    from jinja2.ext import Extension

    class Stamped(Extension):
        """Reads templates by `stamped`."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            return stamped(source)

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Stamped],
    )
    made.filters["initial"] = lambda text: f"{text[:1].upper()}{text[1:]}"
    made.filters["weight"] = told_weight
    made.filters["whole"] = words.count
    made.filters["sentence"] = words.sentence
    made.filters["filled"] = filled
    made.globals["count"] = speech.count
    made.globals["counted_from"] = speech.counted_from
    made.globals["listed"] = speech.listed
    made.globals["say"] = say
    made.globals["cited"] = cited
    made.globals["language"] = language()
    made.globals["t"] = STRINGS
    made.globals["class_titles"] = class_titles
    return made


def filled(text: str, **marks: Any) -> Markup:
    """Return a text with its marks filled in, where some of these are markup; all else is escaped.

    Args:
        text: The text.
        marks: What fills its marks.
    """
    return Markup(escape(text)).format(**marks)  # escaped before it becomes markup


def renderer(frame: Frame) -> Callable[..., str]:
    """Return the function that renders pages of a site.

    Args:
        frame: What every page shares.
    """
    templates = environment()
    loaded: dict[str, Any] = {}

    def render(template: str, path: str, **printed: Any) -> str:
        if template not in loaded:
            loaded[template] = templates.get_template(template)
        html: str = loaded[template].render(site=frame, here=path, root="../" * path.count("/"), **printed)
        return html

    return render


def ingredients() -> str:
    """Return a digest of everything that pages share besides the data: templates, scripts, words, the code, and what renders them."""
    package = Path(words.__file__).parent
    files = sorted(package.rglob("*.py")) + sorted(file for file in TEMPLATES.iterdir() if file.is_file())
    files += sorted(file for file in ASSETS.rglob("*") if file.is_file())
    files.append(Path(__file__).parent / "english.toml")
    return digest(version("jinja2"), spoken_now(), *(file.read_bytes() for file in files))


def make_profiles(making: Making) -> None:
    """Write the profile of every place that has a page.

    Args:
        making: What pages are made of.
    """
    marks, inside = making.marks, making.profiler.members
    shapes = making.profiler.locator.fingerprint()
    work = [
        (
            making.profiler.path(name, row),
            digest(shapes, marks.of(name, row, inside[name][row])),
            (name, row),
        )
        for name, place in making.atlas.levels.items()
        if place.paged
        for row in range(len(place.codes))
    ]

    def make(item: tuple[str, int]) -> str:
        return making.render(
            "place.html.j2", making.profiler.path(*item), place=making.profiler.profile(*item)
        )

    making.build.each(work, make)


def menu_of(paths: set[str]) -> tuple[MenuItem, ...]:
    """Return the entries of both menus of a site that has these pages.

    Args:
        paths: Pages that it will have.
    """
    return tuple(
        MenuItem(word, SITE[word], path, entries is FURTHER)
        for entries in (MENU, FURTHER)
        for word, path in entries
        if path in paths
    )
