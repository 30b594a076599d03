"""The maps and charts of a page, each with its legend in words and the table that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.charts import Pair, paired_bars
from wardmote.publish.maps import FIFTHS, SHARES, MapArea, Shapes, circle_key, draw_map, lay_out, place
from wardmote.publish.page import START, Comparison, Gathering, told_kinds
from wardmote.publish.profiles import told_measure
from wardmote.publish.strings import STRINGS, say

if TYPE_CHECKING:
    import pandas as pd

MOST_SHAPES = 1500
"""Most small areas that are drawn with their own shapes: above it one of them is under three dots wide on a page, and the file grows
past what a phone loads at once."""

MOST_NAMES = 12
"""Most areas whose names are written into a map: with more, names run into each other on a phone."""

MEASURES = {"extent": "extent", "proportion": "proportion", "average score": "average_score"}
"""Summaries that a map can show, the first that is there, each with its word."""

FIGURES = STRINGS["figures"]


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: the class that colours it, its words, and how many areas it holds."""

    css: str
    words: str
    areas: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing with what belongs to it.

    Attributes:
        svg: The drawing.
        title: What it shows.
        note: How to read it.
        keys: The legend.
        dots: What a dot on it means, or "".
        header: Columns of the table that says the same.
        rows: Its rows.
    """

    svg: Markup
    title: str
    note: str
    keys: tuple[Key, ...]
    dots: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())


def kind_map(found: Gathering, group_level: str) -> Figure | None:
    """Return the map of small areas by type of need; None where there are no shapes, or too many.

    Args:
        found: The tables.
        group_level: Level whose outlines are laid over, or "".
    """
    rows = found.need(found.lead)
    if not 0 < len(rows) <= MOST_SHAPES:
        return None
    level = str(rows["level"].iloc[0])
    small = _shapes_of(found, level)
    if not len(small):
        return None
    shapes = lay_out(list(small["area"]), list(small["geometry"]))
    if not shapes.shapes:
        return None
    titles = told_kinds(found.study, found.study.need[found.lead])
    areas = []
    for code, kind in zip(rows["area"], rows["type"], strict=True):
        known = isinstance(kind, str)
        css = f"k-{kind.split()[0]}" if known else "k-unknown"
        said = titles[kind] if known else STRINGS["numbers"]["no_rank"]
        areas.append(MapArea(code, f"{found.place(level, code).name}: {said}", css, mark=kind == "both"))
    noun = found.level(level).plural
    counts = rows["type"].value_counts()
    keys = tuple(
        Key(f"k-{kind.split()[0]}", title, int(counts.get(kind, 0))) for kind, title in titles.items()
    )
    title = say("figures", "kinds", areas=_initial(noun))
    svg = draw_map(
        "map-kinds",
        title,
        say("figures", "kinds_note", count=f"{len(rows):,}", areas=noun),
        shapes,
        areas,
        over=_outlines(found, group_level, shapes),
        patterns=True,
    )
    lines = say("figures", "lines", groups=found.level(group_level).plural) if group_level else ""
    return Figure(
        svg,
        title,
        f"{lines} {_not_drawn(rows['area'], shapes, noun)}".strip(),
        keys,
        f"{titles['both']} ({counts.get('both', 0):,})",
    )


def count_map(found: Gathering, group_level: str, both: dict[str, int]) -> Figure | None:
    """Return the map of how many areas with both needs lie in each authority; None without shapes or without such areas.

    Args:
        found: The tables.
        group_level: Level of the map.
        both: How many areas with both needs each authority has, by code.
    """
    lead = found.study.need.get(found.lead)
    shapes = _shapes_of(found, group_level)
    rows = found.need(found.lead)
    counts = {code: number for code, number in both.items() if code}
    if lead is None or not len(shapes) or not counts:
        return None
    level = str(rows["level"].iloc[0])
    inside = set(found.parents(level, group_level).values())
    shapes = shapes[shapes["area"].isin(inside)]
    noun = found.level(level)
    areas = [
        MapArea(code, f"{found.place(group_level, code).name}: {counts.get(code, 0):,} {lead.title}", "plain")
        for code in shapes["area"]
    ]
    title = say("figures", "counts", areas=noun.plural, title=lead.title)
    laid = lay_out(list(shapes["area"]), list(shapes["geometry"]))
    if not laid.shapes:
        return None
    svg = draw_map(
        "map-counts",
        title,
        say(
            "figures",
            "counts_note",
            groups=found.level(group_level).plural,
            count=f"{sum(counts.values()):,}",
            areas=noun.plural,
        ),
        laid,
        areas,
        counts=counts,
    )
    shown = speech.listed([f"{number:,}" for number in circle_key(counts)])
    note = say("figures", "circles", group=found.level(group_level).title, shown=shown)
    return Figure(svg, title, note, ())


def summary_map(found: Gathering, group_level: str, both: dict[str, int]) -> Figure | None:
    """Return the map of authorities by a summary of one index; None where there are no shapes or no summary.

    Args:
        found: The tables.
        group_level: Level of the map.
        both: How many areas with both needs each authority has, by code.
    """
    index = found.study.publish.index or _deprivation(found)
    table = found.read("summaries")
    nodes = found.read("nodes")
    root = nodes[(nodes["index"] == index) & nodes["parent"].isna()]["node"]
    table = table[(table["index"] == index) & (table["level"] == group_level) & table["node"].isin(root)]
    measure = next((name for name in MEASURES if (table["measure"] == name).any()), "")
    table = table[(table["measure"] == measure) & table["value"].notna()]
    shapes = _shapes_of(found, group_level)
    shapes = shapes[shapes["area"].isin(table["area"])]
    if not measure or not len(shapes):
        return None
    laid = lay_out(list(shapes["area"]), list(shapes["geometry"]))
    if not laid.shapes:
        return None
    title = FIGURES[MEASURES[measure]].format(title=found.study.index[index].title or index)
    return _summary_figure(
        found, level=group_level, table=table, laid=laid, both=both, title=title, measure=measure
    )


def _summary_figure(
    found: Gathering,
    *,
    level: str,
    table: pd.DataFrame,
    laid: Shapes,
    both: dict[str, int],
    title: str,
    measure: str,
) -> Figure:
    """Return the drawing, legend and table of a summary."""
    scale = FIFTHS if measure == "average score" else SHARES
    classes = scale.words()
    rows, areas, tally = [], [], [0] * len(classes)
    for code, value, rank in zip(table["area"], table["value"], table["rank"], strict=True):
        at = scale.place(value if scale is SHARES else 1 - rank / len(table))
        told = speech.percent(value) if scale is SHARES else speech.figure(value)
        name = found.place(level, code).name
        tally[at] += 1
        areas.append(MapArea(code, f"{name}: {told}", f"c{at}"))
        rows.append((name, code, told, classes[at], f"{both.get(code, 0):,}"))
    plural = found.level(level).plural
    svg = draw_map(
        "map-summary",
        title,
        say("figures", "summary_note", count=f"{len(rows):,}", areas=plural),
        laid,
        areas,
        dots=_dots(found, laid),
        names={code: name for name, code, *_ in rows} if len(rows) <= MOST_NAMES else None,
    )
    keys = tuple(Key(f"c{i}", said, tally[i]) for i, said in enumerate(classes))
    lead = found.study.need.get(found.lead)
    header = (
        _initial(found.level(level).title),
        FIGURES["code"],
        told_measure(measure),
        FIGURES["class"],
        _initial(lead.title) if lead else _initial(START["kind_both"]),
    )
    dots = say("figures", "dot", title=lead.title) if lead and 'class="dot"' in svg else ""
    note = f"{FIGURES[f'{MEASURES[measure]}_note']} {_not_drawn(table['area'], laid, plural)}".strip()
    return Figure(svg, title, note, keys, dots, header=header, rows=tuple(sorted(rows)))


def _not_drawn(codes: Iterable[str], shapes: Shapes, areas: str) -> str:
    """Return how many areas of a map have no shape, so that nobody takes them for drawn; "" where all have one."""
    all_ = list(codes)
    lacking = sum(code not in shapes.shapes for code in all_)
    if not lacking:
        return ""
    return say("figures", "shapeless", count=f"{lacking:,}", total=f"{len(all_):,}", areas=areas)


def _initial(text: str) -> str:
    return words.sentence(text).removesuffix(".")


def weight_chart(comparison: Comparison, position: int) -> Markup:
    """Return the chart of weights under two sets.

    Args:
        comparison: The comparison.
        position: Its place on the page, for ids.
    """
    pairs = [Pair(row.title, row.first, row.second, row.low, row.high) for row in comparison.rows]
    title = say("start", "weights_of_two", other=comparison.beside, title=comparison.title)
    return paired_bars(f"weights-{position}", title, (comparison.beside, comparison.title), pairs)


def told_weight(share: float) -> str:
    """Return a weight as per cent, to a tenth where it is not whole: weights such as 13.5% are stated so.

    Args:
        share: The weight as a share of all weights.
    """
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def _deprivation(found: Gathering) -> str:
    """Return the deprivation index of the leading definition, or the first index."""
    lead = found.study.need.get(found.lead)
    return lead.deprivation if lead else next(iter(found.study.index), "")


def _shapes_of(found: Gathering, level: str) -> pd.DataFrame:
    """Return the boundaries of one level, as far as there are any."""
    table = found.read("boundaries")
    return table[(table["level"] == level) & table["geometry"].notna()]


def _outlines(found: Gathering, level: str, shapes: Shapes) -> dict[str, Any]:
    """Return the outlines of larger areas in the units of a map."""
    import numpy as np
    import shapely

    if not level:
        return {}
    table = _shapes_of(found, level)
    if not len(table):
        return {}
    placed = place(np.asarray(shapely.from_wkb(list(table["geometry"]))), shapes.frame)
    return dict(zip(table["area"], placed, strict=True))


def _dots(found: Gathering, shapes: Shapes) -> Sequence[tuple[float, float]]:
    """Return a point in each area that has both needs, where small areas have shapes but are too many to be drawn."""
    import numpy as np
    import shapely

    rows = found.need(found.lead)
    if len(rows) <= MOST_SHAPES:
        return ()
    both = set(rows[rows["doubly_disadvantaged"].fillna(False).astype(bool)]["area"])
    small = _shapes_of(found, str(rows["level"].iloc[0]))
    small = small[small["area"].isin(both)]
    if not len(small):
        return ()
    middles = shapely.point_on_surface(np.asarray(shapely.from_wkb(list(small["geometry"]))))
    placed = place(middles, shapes.frame)
    return [(float(point.x), float(point.y)) for point in placed]
