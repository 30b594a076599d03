"""What an official set is: its publisher, licence, files and columns, stated as data.

An `Entry` is one set. It has *forms*: the publisher's own file and, where one is known, the file of a mirror (a folder with the same
data that an office without internet, or a test, may read). Every form lists its files, and every file says by a `Layout` which column
holds what. The layout of a user's own file is made from the study (`wardmote.sources.tidy.layout_of`) and read by the same code, so
nothing is read in two ways.

This module and the modules of the suppliers hold records only: they import neither pandas nor pyarrow, since the check whether a study
is current must be quick.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from wardmote.tables import Access

FormKind = Literal["publisher", "mirror"]
Reader = Literal["csv", "parquet", "xlsx", "geojson", "gpkg", "geoparquet"]
RowRule = Literal["one", "sum", "distinct", "pairs"]

OGL = "Open Government Licence v3.0"
"""Licence of nearly all United Kingdom official statistics."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One indicator of a set.

    Attributes:
        indicator: Its identifier, the same in every form of the set.
        title: Its title.
        direction: 1 where higher means more need, -1 where higher means less; a published rank has -1, since 1 is the greatest need.
        unit: Its unit, or "".
        modelled: Whether values are model estimates.
        note: Definition, and what a reader must know.
    """

    indicator: str
    title: str
    direction: Literal[-1, 1]
    unit: str = ""
    modelled: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One level that the rows of a file name.

    Attributes:
        level: The level.
        code: Header of the column of codes.
        name: Header of the column of names, or "".
    """

    level: str
    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One membership that the rows of a file state.

    Attributes:
        level: Level of the smaller area.
        parent_level: Level of the area it lies in.
        weight: Header of the column with the share, or "".
        base: What the share is a share of.
        split: Whether an area with several parents is shared out equally (stated as ``base = "areas"``).
    """

    level: str
    parent_level: str
    weight: str = ""
    base: str = ""
    split: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One column of values (wide), or one name in the indicator column (long).

    Attributes:
        header: The column's header, or the indicator's name in a long file.
        indicator: The indicator that it holds.
        factor: What the file's numbers are multiplied by to be in the indicator's unit.
        digits: Decimals that the publisher prints, to which the product is rounded; None for no rounding.
        flag: Whether cells are yes or no: they become 1 and 0.
        period: Period of the column, where it is not the set's.
        numerator, denominator, standard_error, low, high: Headers of columns that belong to the same indicator, or "".
    """

    header: str
    indicator: str
    factor: float = 1.0
    digits: int | None = None
    flag: bool = False
    period: str = ""
    numerator: str = ""
    denominator: str = ""
    standard_error: str = ""
    low: str = ""
    high: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a file holds what.

    Attributes:
        places: Levels that a row names; the first is the level of the row itself.
        links: Memberships among them.
        fields: Columns of values.
        population, households: Headers of counts of the row's own area, or "".
        classes: Classification by header of its column, as pairs (scheme, header).
        geometry: Whether rows carry shapes.
        kind: values, or priorities where the fields hold people's weights.
        indicator_column, value_column, period_column: Headers of a long file, or "".
        rows: one (an area stands once), sum (an area's counts stand on several rows and are added), distinct (the same area or
            pair may stand on several rows, as in a look-up from something smaller), pairs (an area stands once with each parent).
        sheet: Sheet of a workbook; "" for the only or first, "*" to look for each column in all sheets.
        header: Row of the header from 1, or None to find it.
        loose: Whether headers match without regard to case, signs and a cut-off end. Only for official sets, whose headers are
            known; a user's file must say them exactly.
        totals, duplicates, other_levels: As in the study's ``[sources.ID]``.
        suppressed: Further marks that mean a suppressed value.
        period: Period of all values that state none.
        encoding: Encoding of a text file; UTF-8 by default.
    """

    places: tuple[Place, ...]
    links: tuple[Link, ...] = ()
    fields: tuple[Field, ...] = ()
    population: str = ""
    households: str = ""
    classes: tuple[tuple[str, str], ...] = ()
    geometry: bool = False
    kind: Literal["values", "priorities"] = "values"
    indicator_column: str = ""
    value_column: str = ""
    period_column: str = ""
    rows: RowRule = "one"
    sheet: str = ""
    header: int | None = None
    loose: bool = False
    totals: Literal["refuse", "drop"] = "refuse"
    duplicates: Literal["refuse", "drop identical"] = "refuse"
    other_levels: Literal["refuse", "drop"] = "refuse"
    suppressed: tuple[str, ...] = ()
    period: str = ""
    encoding: str = ""

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header that the file must have, once, in the order of the roles above."""
        named: list[str] = []
        for place in self.places:
            named += [place.code, place.name]
        named += [link.weight for link in self.links] + [self.population, self.households]
        named += [header for _, header in self.classes]
        named += [self.indicator_column, self.value_column, self.period_column]
        for field in self.fields:
            own = "" if self.indicator_column else field.header
            named += [own, field.numerator, field.denominator, field.standard_error, field.low, field.high]
        return tuple(dict.fromkeys(header for header in named if header))


@dataclass(frozen=True, slots=True)
class File:
    """One file of a form.

    Attributes:
        path: Web address (publisher) or path inside the mirror.
        layout: Which column holds what.
        reader: How the file is read.
        name: File name in the study's raw folder; the last part of the path by default.
        member: End of the name of the file inside a ZIP archive, or "".
        paged: Whether the address is an ArcGIS layer, fetched in pages.
        sha256: Checksum where one is known, or "".
        size: Bytes where known.
    """

    path: str
    layout: Layout
    reader: Reader = "parquet"
    name: str = ""
    member: str = ""
    paged: bool = False
    sha256: str = ""
    size: int | None = None

    @property
    def file_name(self) -> str:
        """Name of the file in the study's raw folder."""
        return self.name or re.split(r"[/=]", self.path.split("?")[0])[-1]


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a set can be had.

    Attributes:
        kind: publisher or mirror.
        files: Its files.
        tried: Whether the address was tried when this catalogue was made. Publishers' addresses were collected from public code
            and could not be reached where the catalogue was made.
    """

    kind: FormKind
    files: tuple[File, ...]
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One official set.

    Attributes:
        title: Its title.
        publisher: Who publishes it.
        licence: Licence under which its rows may be used.
        access: What may be published from it.
        vintage: Edition.
        forms: Ways in which it can be had; none means that the user supplies the file.
        measures: Its indicators.
        period: ISO 8601 period of its values.
        page: Address of the publisher's page about it, for people.
        note: What a reader must know.
        layouts: Further layouts in which a user may have the file.
    """

    title: str
    publisher: str
    licence: str
    access: Access
    vintage: str
    forms: tuple[Form, ...] = ()
    measures: tuple[Measure, ...] = ()
    period: str = ""
    page: str = ""
    note: str = ""
    layouts: tuple[Layout, ...] = ()

    @property
    def has_shapes(self) -> bool:
        """Whether its rows carry shapes."""
        layouts = [*self.layouts, *(file.layout for form in self.forms for file in form.files)]
        return any(layout.geometry for layout in layouts)

    def form(self, kind: FormKind) -> Form | None:
        """Return the form of that kind, or None."""
        return next((form for form in self.forms if form.kind == kind), None)


def arcgis(service: str) -> str:
    """Return the address of a layer of the ONS Open Geography portal, to be fetched in pages.

    Args:
        service: Name of the service, as the portal spells it.
    """
    root = "https://services1.arcgis.com/ESMARspQHYMw9BZ9/arcgis/rest/services"
    return f"{root}/{service}/FeatureServer/0/query?outFields=*&where=1%3D1&f=geojson"


def normal_header(text: str) -> str:
    """Return a header as official sets are matched: small letters and digits, everything else one hyphen, % as percent."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("%", " percent ")).strip("-")


def catalogue_page(sources: Mapping[str, Entry] | None = None) -> str:
    """Return the reference page of all official sets as Markdown.

    Args:
        sources: The catalogue; `wardmote.sources.SOURCES` by default.
    """
    from wardmote.sources import SOURCES  # gathered from modules that import this one

    shown = SOURCES if sources is None else sources
    lines = [
        "# Official sets",
        "",
        'Name a set in the study: `[sources.ID]` with `use = "NAME"`. `wardmote get` brings it from its publisher, or with',
        "`--mirror DIR` from a folder that holds the mirror form. Where a set has no address, or an office has no internet, put the file",
        'into the study and name it: `file = "data/…"`.',
        "",
        "**Publishers' addresses were collected from public code and could not be tried where this catalogue was made.** Each is marked",
        "\"not tried\" below. The readers for publishers' files were tested on small made-up files in the publishers' layouts.",
        "",
        "| set | title | publisher | vintage | licence | may be published |",
        "|---|---|---|---|---|---|",
    ]
    for name, entry in shown.items():
        lines.append(
            f"| [`{name}`](#{name}) | {entry.title} | {entry.publisher} | {entry.vintage} | {entry.licence} | {entry.access} |"
        )
    for name, entry in shown.items():
        lines += ["", *_entry_lines(name, entry)]
    return "\n".join(lines) + "\n"


def _entry_lines(name: str, entry: Entry) -> Iterable[str]:
    """Yield the lines of one set."""
    yield f"## {name}"
    yield ""
    yield f"{entry.title}. {entry.publisher}, {entry.vintage}. {entry.licence}; access `{entry.access}`."
    if entry.note:
        yield entry.note
    if entry.page:
        yield f"About it: <{entry.page}>."
    if entry.form("publisher") is None:
        yield "No public address of the file is known: supply the file with `file`."
    yield ""
    for form in entry.forms:
        for file in form.files:
            tried = "" if form.kind == "mirror" else " (tried)" if form.tried else " (not tried)"
            checksum = f"; SHA-256 `{file.sha256}`" if file.sha256 else ""
            shown = f"<{file.path}>" if form.kind == "publisher" else f"`{file.path}`"
            yield f"- {form.kind}{tried}: {shown}, read as {file.reader}{', in pages' if file.paged else ''}{checksum}"
    levels = dict.fromkeys(
        place.level for form in entry.forms for file in form.files for place in file.layout.places
    )
    if levels:
        yield f"- levels: {', '.join(f'`{level}`' for level in levels)}"
    if entry.measures:
        yield ""
        yield "| indicator | title | unit | direction | note |"
        yield "|---|---|---|---|---|"
        for measure in entry.measures:
            note = f"modelled. {measure.note}" if measure.modelled else measure.note
            yield f"| `{measure.indicator}` | {measure.title} | {measure.unit} | {measure.direction:+d} | {note} |"
