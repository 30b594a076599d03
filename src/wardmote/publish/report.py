"""The printed report of a study and the two-page profile of a place: tagged PDF by Typst, in the words of the site.

Tagged for reading aids and held to PDF/UA-1 (ISO 14289-1) by the compiler itself, which refuses what breaks it.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unicodedata import category

from wardmote import words
from wardmote.errors import MissingError, Problem, WorkspaceError
from wardmote.publish import speech
from wardmote.publish.atlas import TEMPLATES
from wardmote.publish.building import safe_name
from wardmote.publish.closing import open_tables
from wardmote.publish.funding import Funding
from wardmote.publish.glance import Glance
from wardmote.publish.page import START, Definition, Gathering, Page, gather
from wardmote.publish.pdf_tags import pages_of, with_row_heads
from wardmote.publish.place_words import STRIP
from wardmote.publish.places import Atlas, read_atlas
from wardmote.publish.profiles import Profile, Profiler, Standing
from wardmote.publish.strings import PAGES, PLACE, SITE, STRINGS, in_its_language, language
from wardmote.publish.version import wardmote_version
from wardmote.study import Study
from wardmote.workspace import write_atomically

BOX = "□"
"""What stands for a sign that no font has (the bundled ones have this): PDF/UA-1 allows no sign without a shape."""

MOST_TRIES = 40
"""Most times that a report is set anew, each time without the signs that were found lacking; all of a report are told at once."""

_LACKING = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')

SIZES = (10.0, 9.5, 9.0, 8.5, 8.0)
"""Sizes of the letters in points that a profile is tried in, so that it fits on a sheet; below the last few could read it."""

SMALLEST_TABLED = 9.0
"""Size of the letters below which the sources stand in one paragraph, in larger letters, rather than in a table in smaller ones."""

MOST_PAGES = 2
"""Most pages of a profile: both sides of a sheet."""

MOST_NAMED = 40
"""Most areas of one authority that the report names: a committee paper, not a register; the site and the data name all."""


@in_its_language
def publish_report(
    tables: Any, study: Study, out: Path, *, place: str = "", built: datetime.date | None = None
) -> Path:
    """Return the path of the PDF, after it has been written.

    Args:
        tables: The study's `wardmote.workspace.Workspace`, or data frames by table name.
        study: The study.
        out: Folder of reports.
        place: Code of one place for its two-page profile, ``level/code`` where levels share it; the report of the study by default.
        built: Day that it bears; today by default.

    Raises:
        MissingError: Typst is not installed, there is nothing to publish yet, or no place, or more than one, has that code.
        WorkspaceError: The folder cannot be written.
    """
    page, found = gather(open_tables(tables, study), study)
    day = built or datetime.datetime.now(tz=datetime.UTC).date()
    if not place:
        content, path = _study(page, study, day), out / "report.pdf"
        made = compile_pdf(content, day)
    else:
        content, path = _profile(found, page, place, day), out / f"{safe_name(place)}.pdf"
        made = _on_two_pages(content, day)
    write_atomically(path, made)
    return path


def _on_two_pages(content: dict[str, Any], day: datetime.date) -> bytes:
    """Return a profile on two pages, one sheet of paper: in the largest letters in which it fits, the smallest at worst."""
    tabled = [{**content, "size": size} for size in SIZES if size >= SMALLEST_TABLED]
    briefly = _with_brief_sources(content)
    for told in (*tabled, *({**briefly, "size": size} for size in SIZES)):
        made = compile_pdf(told, day)
        if pages_of(made) <= MOST_PAGES:
            break
    return made


def _with_brief_sources(content: dict[str, Any]) -> dict[str, Any]:
    """Return a profile whose sources stand in one paragraph instead of a table."""
    *others, last = content["sections"]
    if last["title"] != PLACE["sources"]:
        return content
    rows = [row for block in last["body"] for row in block["rows"]]
    told = "; ".join(", ".join(cell for cell in row if cell) for row in rows)
    return {**content, "sections": [*others, {**last, "body": [_text(words.sentence(told))]}]}


def compile_pdf(content: dict[str, Any], day: datetime.date) -> bytes:
    """Return a tagged PDF, set in the bundled fonts; only where these lack a sign the system's are asked as well.

    So a report is the same everywhere unless it holds signs of other scripts. Signs that no font has stand as boxes, and a note at
    the foot says so.

    Args:
        content: What ``report.typ`` prints.
        day: Day that the file bears, so that the same report is the same bytes.

    Raises:
        MissingError: Typst is not installed.
        WorkspaceError: Typst refuses the report for another reason.
    """
    try:
        import pypdf  # noqa: F401  # for heads of rows, below
        import typst
    except ImportError as error:
        raise MissingError(
            Problem(
                "publish report",
                f"{error.name} is not installed",
                expected="the Python packages typst and pypdf",
                remedy="pip install 'wardmote[report]'",
            )
        ) from None
    stamp = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)

    def compiled(told: dict[str, Any], own_fonts: bool) -> bytes:
        made = typst.compile(
            str(TEMPLATES / "report.typ"),
            format="pdf",
            sys_inputs={"data": json.dumps(told, ensure_ascii=False)},
            ignore_system_fonts=own_fonts,
            pdf_standards=["ua-1"],
            timestamp=int(stamp.timestamp()),
        )
        return with_row_heads(bytes(made))

    content = _mapped(content, _without_controls)
    own_fonts, lacking = True, set[str]()
    for _ in range(MOST_TRIES):
        try:
            return compiled(_with_boxes(content, lacking), own_fonts)
        except typst.TypstError as error:
            # Only the first complaint is in the error itself.
            said = str(getattr(error, "diagnostic", "") or error)
        found = {_plain(text) for text in _LACKING.findall(said)}
        if not own_fonts and not found - lacking:
            break
        lacking |= set() if own_fonts else found
        own_fonts = own_fonts and not found
        if not found:
            break
    raise WorkspaceError(
        Problem(
            f"report “{content['title']}”",
            "Typst cannot set it",
            got=said.strip().splitlines()[0],
            remedy="Look for odd signs in titles and names; the site shows the same words.",
        )
    )


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return content with all its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    return [_mapped(one, change) for one in value] if isinstance(value, list) else value


def _without_controls(text: str) -> str:
    """Return a text without control signs (C0, C1), which mean nothing on paper; those that part words become spaces."""
    return "".join(" " if sign in "\t\n\r\f\v\x85" else sign for sign in text if not _is_control(sign))


def _is_control(sign: str) -> bool:
    return category(sign) in ("Cc", "Cs") and sign not in "\t\n\r\f\v\x85"


def _with_boxes(content: dict[str, Any], lacking: set[str]) -> dict[str, Any]:
    """Return content with a box for each sign that no font has, and a note at its foot that tells what boxes are."""
    if not lacking:
        return content

    def boxed(text: str) -> str:
        for cluster in sorted(lacking, key=len, reverse=True):
            text = text.replace(cluster, BOX)
        return text

    note = {"kind": "text", "text": STRINGS["report"]["boxes"].format(box=BOX)}
    told: dict[str, Any] = _mapped(content, boxed)
    told["sections"] = [*told["sections"], {"title": STRINGS["report"]["boxes_title"], "body": [note]}]
    return told


def _plain(text: str) -> str:
    """Return a text as it stands in the data, from Typst's complaint about it."""
    return re.sub(r"\\u\{([0-9a-f]+)\}|\\(.)", lambda at: chr(int(at[1], 16)) if at[1] else at[2], text)


# ---- the blocks of a report


def _text(text: str) -> dict[str, Any]:
    return {"kind": "text", "text": text}


def _heading(text: str) -> dict[str, Any]:
    return {"kind": "heading", "text": text}


def _list(items: Sequence[str]) -> dict[str, Any]:
    return {"kind": "list", "items": list(items)}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> dict[str, Any]:
    return {
        "kind": "table",
        "header": list(header),
        "rows": [list(row) for row in rows],
        "widths": list(widths),
    }


def _section(title: str, body: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "body": list(body)}


def _frame(
    title: str,
    lede: str,
    sections: Sequence[dict[str, Any]],
    page: Page,
    *,
    study: Study,
    day: datetime.date,
    tiles: Sequence[Glance] = (),
) -> dict[str, Any]:
    told = speech.day(day)
    return {
        "title": title,
        "author": study.publish.publisher,
        "size": SIZES[0],
        "lede": lede,
        "tiles": [{"title": one.title, "said": one.said, "verdict": one.verdict} for one in tiles],
        "footer": START["cited"].format(title=page.title, day=told, version=wardmote_version()),
        "day": [day.year, day.month, day.day],
        "ends": [PLACE["greatest_end"], PLACE["least_end"]],
        "lang": language().split("-")[0],
        "region": language().partition("-")[2] or None,
        "sections": [section for section in sections if section["body"]],
    }


# ---- the report of the study


def _study(page: Page, study: Study, day: datetime.date) -> dict[str, Any]:
    """Return the report of a study: what was found, where, who is funded, how sure, how, from what, who decides."""
    found = [body for definition in page.definitions for body in _definition(definition)]
    sections = [
        _section(START["found"], [*([_list(page.findings)] if page.findings else []), *found]),
        _section(START["places"], _places(page)),
        *(
            _section(STRINGS["funding"]["title"].format(title=one.title), _round(one))
            for one in page.fundings
        ),
        _section(
            START["sure_title"],
            [
                *([] if page.sure else [_text(START["no_interval"])]),
                _list(PAGES["about_read_list"].split("|")),
                *([_heading(START["gaps"])] if page.gaps else []),
                *([_list(page.gaps)] if page.gaps else []),
            ],
        ),
        _section(START["method"], [block for method in page.methods for block in _method(method)]),
        _section(STRINGS["method"]["sources"], [_sources(page)] if page.sources else []),
        _section(
            START["ask"],
            [_text(page.contact or PAGES["about_nobody"]), _text(STRINGS["report"]["decides"])],
        ),
    ]
    return _frame(page.title, page.description, sections, page, study=study, day=day)


def _definition(definition: Definition) -> list[dict[str, Any]]:
    rows = [[kind.title, kind.meaning, words.count(kind.areas), kind.people] for kind in definition.kinds]
    header = [PLACE["type"], PAGES["meaning"], words.sentence(definition.noun).rstrip("."), START["people"]]
    return [
        _heading(definition.title.capitalize()),
        _text(definition.rule),
        _table(header, rows, [4, 8, 4, 3]),
    ]


def _places(page: Page) -> list[dict[str, Any]]:
    rows = []
    for group in page.groups:
        names = speech.listed([place.name for place in group.places], MOST_NAMED)
        rows.append(
            [
                group.place.name or page.title,
                PAGES["of"].format(count=f"{len(group.places):,}", total=f"{group.total:,}"),
                names,
            ]
        )
    area = page.group_level.title.capitalize() if page.group_level else PLACE["area"]
    return [_table([area, START["how_many"], PAGES["which"]], rows, [2, 1, 5])] if rows else []


def _round(one: Funding) -> list[dict[str, Any]]:
    """Return a funding round: what it is, its rules, what they did, and who is funded by name."""
    said = STRINGS["funding"]
    intro = [_text(text) for text in (one.description, one.standing) if text]
    rules = [_heading(said["rules"]), _text(one.way), *([_list(one.rules)] if one.rules else [])]
    # What must be said with a round stands above, and is not said twice.
    found = [_list([text for text in one.findings if text != one.standing])] if one.findings else []
    names = [row.name for row in one.places]
    funded = [_heading(PAGES["round_places"]), _text(words.sentence(speech.listed(names, MOST_NAMED)))]
    return [*intro, *found, *rules, *(funded if names else [])]


def _method(method: Any) -> list[dict[str, Any]]:
    blocks = [_heading(method.title)]
    if method.description:
        blocks.append(_text(f"{method.description} {method.reference}".strip()))
    blocks.append(_list(method.steps))
    if method.domains:
        rows = [[domain.title, speech.percent(domain.share), domain.origin] for domain in method.domains]
        blocks.append(_table([PLACE["part"], PLACE["weight"], STRINGS["method"]["origin"]], rows, [3, 1, 2]))
    return blocks


def _sources(page: Page) -> dict[str, Any]:
    rows = [[s.title, s.publisher, s.vintage, s.licence] for s in page.sources]
    return _table(
        [PAGES["source"], PAGES["publisher"], PAGES["edition"], PAGES["licence"]], rows, [3, 2, 1, 2]
    )


# ---- the profile of a place


def _profile(found: Gathering, page: Page, code: str, day: datetime.date) -> dict[str, Any]:
    """Return the profile of one place, in the words of its page."""
    atlas = read_atlas(found)
    at = _found(atlas, found, code)
    place = Profiler(atlas, found).profile(*at)
    where = ", ".join(link.name for link in reversed(place.trail))
    lede = words.sentence(PAGES["in"].format(noun=place.noun, where=where) if where else place.noun)
    if place.residents:
        lede += f" {words.sentence(PLACE['residents'].format(people=place.residents))}"
    unknown = [_text(PLACE["unknown"])]
    sections = [
        _section(PLACE["strong"], unknown if place.unknown else _strong(place)),
        _section(PLACE["need"], [*(unknown if place.unknown else _great(place)), *map(_text, place.types)]),
        _section(PLACE["standing"], _standings(place)),
        _section(PLACE["beside"], _beside(place, atlas)),
        _section(PLACE["money"], _money(place)),
        _section(PLACE["wrong"], _wrong(place, page)),
        _section(PLACE["sources"], [_sources(page)] if page.sources else []),
    ]
    title = f"{place.name} ({place.code})"
    return _frame(title, lede, sections, page, study=found.study, day=day, tiles=place.glance)


def _found(atlas: Atlas, found: Gathering, code: str) -> tuple[str, int]:
    """Return the level and row of the place that is asked for by its code, or by level and code.

    Raises:
        MissingError: No place has that code, nothing was worked out for its level, or places of several levels share it.
    """
    at = [(name, place.at[code]) for name, place in atlas.levels.items() if code in place.at]
    level, slash, rest = code.partition("/")
    if not at and slash and level in atlas.levels and rest in atlas.levels[level].at:
        at = [(level, atlas.levels[level].at[rest])]
    if len(at) == 1:
        return at[0]
    plurals = words.listed([place.level.plural for place in atlas.levels.values()])
    if at:
        ways = [f"{name}/{code} ({atlas.levels[name].level.title})" for name, _ in at]
        raise MissingError(
            Problem(
                f"place {code}",
                f"places of {words.count(len(at))} levels have that code",
                expected=f"one of {words.listed(ways)}",
                remedy=f"Put the level before the code: `--place {at[0][0]}/{code}`.",
            )
        )
    areas = found.read("areas")
    known = areas[(areas["area"] == code) | (areas["level"] + "/" + areas["area"] == code)]
    if len(known):
        other = found.level(str(known["level"].iloc[0])).plural
        raise MissingError(
            Problem(
                f"place {code}",
                f"it has no profile, since nothing was worked out for {other}",
                expected=f"a code of {plurals}",
                remedy="Ask for the larger area in which it lies, or for a smaller one inside it.",
            )
        )
    raise MissingError(
        Problem(
            f"place {code}",
            "no place of this study has that code",
            expected=f"a code of {plurals}",
            remedy="Look it up with `wardmote explain NAME`.",
        )
    )


def _strong(place: Profile) -> list[dict[str, Any]]:
    return [_list(place.strong) if place.strong else _text(f"{PLACE['strong_none']} {place.nearest}".strip())]


def _great(place: Profile) -> list[dict[str, Any]]:
    return [_list(place.great) if place.great else _text(PLACE["need_none"])]


def _standings(place: Profile) -> list[dict[str, Any]]:
    """Return how a place stands in the leading indices; nothing where nothing is known of it."""
    if not place.standings:
        return []
    shown = place.standings[:2]
    notes = [
        SITE["rank_note"],
        *([PLACE["draws_note"]] if place.drawn else []),
        *([PLACE["no_part_interval"]] if any(one.parts for one in shown) else []),
    ]
    return [_text(" ".join(notes)), *(block for one in shown for block in _standing(one))]


def _standing(one: Standing) -> list[dict[str, Any]]:
    blocks = [
        _heading(one.title),
        _text(" ".join(said for said in (one.headline, one.interval, one.inside, one.partial) if said)),
    ]
    if one.at >= 0:
        blocks.append(
            {"kind": "line", "at": one.at / STRIP, "low": one.low / STRIP, "high": one.high / STRIP}
        )
    if one.up or one.down:
        blocks.append(_text(f"{one.up} {one.down} {PLACE['pulls_note']}".strip()))
    if one.parts:
        rows = [[part.title, part.tenth, part.rank, part.weight] for part in one.parts]
        blocks.append(
            _table([PLACE["part"], PLACE["tenth"], PLACE["rank"], PLACE["weight"]], rows, [3, 2, 2, 1])
        )
    if one.measures:
        header = [PLACE["measure"], PLACE["value"], PLACE["rank"], PLACE["interval"]]
        blocks.append(_table(header, one.measures, [3, 1, 3, 2]))
    return blocks


def _beside(place: Profile, atlas: Atlas) -> list[dict[str, Any]]:
    if not place.beside:
        return []
    note = PLACE["beside_note"].format(areas=atlas.base.level.plural)
    rows = [[link.name, *(cell or "–" for cell in cells)] for link, cells in place.beside]
    return [
        _text(note),
        _table([PLACE["area"], *place.beside_header], rows, [1] * (1 + len(place.beside_header))),
    ]


def _money(place: Profile) -> list[dict[str, Any]]:
    if not place.money:
        return [_text(PLACE["no_round"])]
    blocks = []
    for one in place.money:
        said = f"{one.status}. {one.sentence}" if one.status else one.sentence
        turns = f" {PLACE['flip']}: {one.flip}" if one.flip else ""
        blocks += [_heading(one.title), _text(f"{said}{turns} {one.firm}".strip())]
    return blocks


def _wrong(place: Profile, page: Page) -> list[dict[str, Any]]:
    asked = PLACE["wrong_who"].format(contact=page.contact) if page.contact else PLACE["wrong_nobody"]
    return [_text(PLACE["wrong_note"].format(code=place.code)), _text(asked)]
