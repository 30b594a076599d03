"""The facts of all places in columns, level by level, joined from the tables so that pages can be written quickly.

Nothing is computed here that a table does not hold: rows are put into the order of places, and small areas are counted by tenth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.levels import Level
from wardmote.publish.package import closed_leaves
from wardmote.publish.page import Gathering, titles_of, told_kinds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_PAGES = 10_000
"""Most places of one level that get a page each; above it pages of 20 kB would make a site of hundreds of megabytes, so that level is
shown on demand. England's 6,856 larger neighbourhoods are below, its 33,755 neighbourhoods above."""

COMPONENTS = ("both", "method", "sampling")
"""Kinds of uncertainty in the order in which the first that is known is shown."""

TYPES = ("both", "deprivation only", "community need only", "neither")
"""Types of need; in columns they are counted from 1, and 0 is no type."""


@dataclass(frozen=True, slots=True)
class PlaceLevel:
    """The places of one level, sorted by code.

    Attributes:
        level: The level.
        codes, names: Codes and names, in one order (the code again where there is no name).
        population: Usual residents, NaN where not known.
        at: Row by code.
        parents: Rows at each higher level, -1 for none, by level.
        paged: Whether each place has a page of its own.
    """

    level: Level
    codes: tuple[str, ...]
    names: tuple[str, ...]
    population: NDArray[np.float64]
    at: Mapping[str, int]
    parents: Mapping[str, NDArray[np.int64]]
    paged: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One node of an index.

    Attributes:
        node, title, parent: Its id and title, and the node above.
        depth: 0 at the root.
        share: Share of the weights beside it.
        indicator: Its indicator, or "".
        usual: Mean of its contributions over all places, NaN where they are not defined.
    """

    node: str
    title: str
    parent: str
    depth: int
    share: float
    indicator: str
    usual: float = float("nan")


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which ranks places lie.

    Attributes:
        component: What varies.
        coverage: The coverage.
        low, median, high: Ends and middle by place, 0 for none.
        inside: Share of draws in the greatest-need tenth by place, NaN for none.
        partial: How many indicators have no sampling error among what varies, though others may: the interval is a lower bound.
    """

    component: str
    coverage: float
    low: NDArray[np.int64]
    median: NDArray[np.int64]
    high: NDArray[np.int64]
    inside: NDArray[np.float64]
    partial: int = 0


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index at its own level.

    Attributes:
        id, title: Its section and title.
        level: Its level.
        parts: Its nodes that may be published, the root first.
        rank, decile: By part and place; 0 for none.
        score, value, points: By part and place; NaN for none. `points` is the contribution to the root's score.
        ranked: Places with a rank, by part.
        interval: Of the root's rank, or None where none is known.
        better: Whether a higher score is better, so that contributions lead away from need.
        whole: Whether all parts right below the root are among the parts, none kept back by a licence.
    """

    id: str
    title: str
    level: str
    parts: tuple[Part, ...]
    rank: NDArray[np.int64]
    decile: NDArray[np.int64]
    score: NDArray[np.float64]
    value: NDArray[np.float64]
    points: NDArray[np.float64]
    ranked: tuple[int, ...]
    interval: Interval | None
    better: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Summary:
    """One summary of an index at one higher level: value and rank by place (NaN and 0 for none), places ranked, its interval."""

    index: str
    title: str
    level: str
    measure: str
    value: NDArray[np.float64]
    rank: NDArray[np.int64]
    ranked: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class NeedFacts:
    """One definition of need.

    Attributes:
        id: Its section in the study.
        title: What it calls a place that has both needs.
        level: Level of its places.
        type: Type by place, counted from 1 in `TYPES`, 0 for none.
        share: Share of draws with both needs; NaN for none.
        titles: Titles of its two indices where the familiar words do not fit them, else empty.
        kinds: What its types are called, in the order of `TYPES`.
    """

    id: str
    title: str
    level: str
    type: NDArray[np.int64]
    share: NDArray[np.float64]
    titles: tuple[str, ...] = ()
    kinds: tuple[str, ...] = TYPES


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """One funding round under its stated rules: rows of `decisions` and `fragility` by place."""

    id: str
    title: str
    level: str
    decisions: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Atlas:
    """All facts of all places.

    Attributes:
        levels: Levels with places, smallest first, by name.
        indices: Indices, those of the leading definition of need first.
        summaries: Summaries by level.
        needs: Definitions of need, the leading one first.
        rounds: Funding rounds.
        similar: Rows of the places most alike, by index; -1 for none.
        compared: Titles of indices that are shown beside another one.
    """

    levels: Mapping[str, PlaceLevel]
    indices: tuple[IndexFacts, ...]
    summaries: Mapping[str, tuple[Summary, ...]]
    needs: tuple[NeedFacts, ...]
    rounds: tuple[RoundFacts, ...]
    similar: Mapping[str, NDArray[np.int64]]

    @property
    def base(self) -> PlaceLevel:
        """The smallest level."""
        return next(iter(self.levels.values()))

    def inside(self, level: str, row: int) -> list[int]:
        """Return the rows of the smallest areas inside a place.

        Args:
            level: The level of the place.
            row: Its row.
        """
        import numpy as np

        if level == self.base.level.name:
            return [row]
        parents = self.base.parents.get(level)
        return [] if parents is None else [int(i) for i in np.flatnonzero(parents == row)]


def read_atlas(found: Gathering) -> Atlas:
    """Return the facts of all places of a study.

    Args:
        found: The tables.
    """
    levels = _levels(found)
    closed, _ = closed_leaves(found.tables)
    order = _order(found)
    indices = tuple(facts for id_ in order if (facts := _index(found, id_, levels, closed)) is not None)
    return Atlas(
        levels=levels,
        indices=indices,
        summaries={name: _summaries(found, place, order) for name, place in levels.items()},
        needs=_needs(found, levels),
        rounds=_rounds(found, levels),
        similar={item.id: _similar(found, item, levels[item.level]) for item in indices},
    )


def _order(found: Gathering) -> list[str]:
    """Return the indices, those of the leading definition of need first, then by their place in the study."""
    lead = found.study.need.get(found.lead)
    first = [lead.deprivation, lead.community] if lead else []
    return [*first, *(id_ for id_ in found.study.index if id_ not in first)]


def _levels(found: Gathering) -> dict[str, PlaceLevel]:
    """Return the levels of the study that have places and results, smallest first."""
    areas = _arrow(found.read("areas"))
    told = set(_texts(found.read("scores", ["level"])["level"])) | set(_texts(found.read("need")["level"]))
    larger = set(_texts(found.read("summaries")["level"]))
    known = [name for name in found.study.study.levels if name in told | larger]
    known += sorted(told - set(known)) + sorted(larger - told - set(known))
    rows = {name: _of_level(areas, name) for name in known}
    codes = {name: table["area"].to_pylist() for name, table in rows.items()}
    at = {name: {code: i for i, code in enumerate(values)} for name, values in codes.items()}
    result = {}
    for i, name in enumerate(known):
        names = rows[name]["name"].to_pylist()
        result[name] = PlaceLevel(
            level=found.level(name),
            codes=tuple(codes[name]),
            names=tuple(a or b for a, b in zip(names, codes[name], strict=True)),
            population=_numbers(rows[name]["population"]),
            at=at[name],
            parents={
                above: _parent_rows(found, name, above, codes[name], codes[above]) for above in known[i + 1 :]
            },
            paged=len(codes[name]) <= MOST_PAGES,
        )
    _through_base(list(result.values()))
    return {name: place for name, place in result.items() if place.codes}


def _through_base(levels: list[PlaceLevel]) -> None:
    """Fill in parents that no source gives, where all small areas of a place lie in the same larger one."""
    import numpy as np

    for place in levels[1:]:
        for above, rows in place.parents.items():
            mine, theirs = levels[0].parents[place.level.name], levels[0].parents[above]
            both = (mine >= 0) & (theirs >= 0)
            pairs = np.unique(np.column_stack([mine[both], theirs[both]]), axis=0)
            inner, count = np.unique(pairs[:, 0], return_counts=True)
            single = np.isin(pairs[:, 0], inner[count == 1])
            # The arrays were made just above and are nobody else's yet.
            empty = rows[pairs[single, 0]] < 0
            rows[pairs[single, 0][empty]] = pairs[single, 1][empty]


def _of_level(areas: pa.Table, name: str) -> pa.Table:
    import pyarrow.compute as pc

    return areas.filter(pc.equal(areas["level"], name)).sort_by("area")


def _parent_rows(
    found: Gathering, level: str, above: str, codes: list[str], larger: list[str]
) -> NDArray[np.int64]:
    """Return the row of each place's parent, -1 for none."""
    at = {code: i for i, code in enumerate(larger)}
    import numpy as np

    parent = found.parents(level, above)
    return np.fromiter((at.get(parent.get(code, ""), -1) for code in codes), np.int64, len(codes))


def _index(
    found: Gathering, id_: str, levels: Mapping[str, PlaceLevel], closed: set[tuple[str, str]]
) -> IndexFacts | None:
    """Return one index at its own level; None where it has no scores that may be published."""
    import numpy as np

    spec = found.study.index[id_]
    table = _where(_arrow(found.read("scores")), index=id_)
    if not table.num_rows or table["level"][0].as_py() not in levels:
        return None
    level = levels[table["level"][0].as_py()]
    parts = _parts(found, id_, closed)
    if not parts or parts[0].depth:
        return None  # its root may not be shown
    nodes = found.read("nodes")
    first = set(nodes[(nodes["index"] == id_) & (nodes["depth"] == 1)]["node"])
    shape = (len(parts), len(level.codes))
    place = _rows_of(table["area"], level.codes)
    part = _rows_of(table["node"], [one.node for one in parts])
    kept = (place >= 0) & (part >= 0)

    def fill(name: str, kind: Any, none: float) -> Any:
        array = np.full(shape, none, dtype=kind)
        values = _numbers(table[name])
        array[part[kept], place[kept]] = np.nan_to_num(values[kept], nan=none) if none == 0 else values[kept]
        return array

    rank = fill("rank", np.int64, 0)
    points = np.full(shape, np.nan)
    given = _where(_arrow(found.read("contributions")), index=id_)
    where, what = _rows_of(given["area"], level.codes), _rows_of(given["node"], [one.node for one in parts])
    fits = (where >= 0) & (what >= 0)
    points[what[fits], where[fits]] = _numbers(given["contribution"])[fits]
    return IndexFacts(
        id=id_,
        title=spec.title or id_,
        level=level.level.name,
        parts=parts,
        rank=rank,
        decile=fill("decile", np.int64, 0),
        score=fill("score", np.float64, np.nan),
        value=fill("value", np.float64, np.nan),
        points=points,
        ranked=tuple(int(n) for n in (rank > 0).sum(axis=1)),
        interval=_interval(found, id_, _where(_arrow(found.read("ranks")), index=id_), level),
        better=spec.higher == "better",
        whole=not any(index == id_ and node in first for index, node in closed),
    )


def _parts(found: Gathering, id_: str, closed: set[tuple[str, str]]) -> tuple[Part, ...]:
    """Return the nodes of an index that are used and may be shown, the root first."""
    table = found.read("nodes")
    nodes = table[(table["index"] == id_) & (table["status"] == "used")].sort_values("depth", kind="stable")
    totals = nodes.groupby("parent")["weight"].sum().to_dict()
    return tuple(
        Part(
            node=row["node"],
            title=row["title"],
            parent=row["parent"] if isinstance(row["parent"], str) else "",
            depth=int(row["depth"]),
            share=float(row["weight"]) / (float(totals.get(row["parent"], 0)) or 1.0)
            if isinstance(row["parent"], str)
            else 1.0,
            indicator=row["indicator"] if isinstance(row["indicator"], str) else "",
            usual=float(usual) if isinstance(usual := row.get("mean_contribution"), float) else float("nan"),
        )
        for row in nodes.to_dict("records")
        if (id_, row["node"]) not in closed
    )


def _varied(found: Gathering, id_: str) -> tuple[set[str], int]:
    """Return which kinds of uncertainty were drawn for an index, and how many of its indicators have no sampling error drawn."""
    factors, nodes = found.read("factors"), found.read("nodes")
    mine = factors[factors["index"] == id_]
    leaves = ((nodes["index"] == id_) & (nodes["status"] == "used") & nodes["indicator"].notna()).sum()
    return set(mine["component"]), int(leaves) - int((mine["kind"] == "values").sum())


def _interval(found: Gathering, id_: str, table: pa.Table, level: PlaceLevel) -> Interval | None:
    """Return the widest interval of the first kind of uncertainty that is known; None where there is none.

    Where all draws of an index vary one kind alone, the interval is called by that kind, though it was drawn beside other indices.
    """
    import numpy as np
    import pyarrow.compute as pc

    table = _where(table, level=level.level.name)
    for component in COMPONENTS:
        mine = _where(table, component=component)
        if not mine.num_rows:
            continue
        coverage = pc.max(mine["coverage"]).as_py()
        mine = mine.filter(pc.equal(mine["coverage"], coverage))
        row = _rows_of(mine["area"], level.codes)
        kept = row >= 0
        ends = {}
        for name in ("rank_low", "rank_median", "rank_high"):
            ends[name] = np.zeros(len(level.codes), dtype=np.int64)
            ends[name][row[kept]] = np.nan_to_num(_numbers(mine[name])[kept])
        inside = np.full(len(level.codes), np.nan)
        inside[row[kept]] = _numbers(mine["p_greatest_need"])[kept]
        kinds, without = _varied(found, id_)
        told = kinds.pop() if component == "both" and len(kinds) == 1 else component
        # Choices alone say nothing of chance in the figures, so there is no part of it to miss.
        partial = without if told in ("both", "sampling") else 0
        return Interval(
            told, coverage, ends["rank_low"], ends["rank_median"], ends["rank_high"], inside, partial
        )
    return None


def _summaries(found: Gathering, level: PlaceLevel, order: list[str]) -> tuple[Summary, ...]:
    """Return the summaries of all indices at one level, of their roots."""
    import numpy as np

    table = _where(_arrow(found.read("summaries")), level=level.level.name)
    nodes = found.read("nodes")
    roots = dict(zip(*(nodes[nodes["parent"].isna()][c] for c in ("index", "node")), strict=True))
    drawn = _where(_arrow(found.read("summary_ranks")), level=level.level.name)
    result = []
    for id_ in order:
        mine, drawn_here = _where(table, index=id_, node=roots.get(id_, "")), _where(drawn, index=id_)
        for measure in dict.fromkeys(mine["measure"].to_pylist()):
            one = _where(mine, measure=measure)
            row = _rows_of(one["area"], level.codes)
            kept = row >= 0
            value, rank = np.full(len(level.codes), np.nan), np.zeros(len(level.codes), dtype=np.int64)
            value[row[kept]] = _numbers(one["value"])[kept]
            rank[row[kept]] = np.nan_to_num(_numbers(one["rank"])[kept])
            ranges = _where(drawn_here, measure=measure)
            result.append(
                Summary(
                    id_,
                    found.study.index[id_].title or id_,
                    level.level.name,
                    measure,
                    value,
                    rank,
                    int((rank > 0).sum()),
                    _interval(found, id_, ranges, level),
                )
            )
    return tuple(result)


def _needs(found: Gathering, levels: Mapping[str, PlaceLevel]) -> tuple[NeedFacts, ...]:
    """Return the definitions of need, the leading one first."""
    import numpy as np

    result = []
    for id_ in sorted(found.study.need, key=lambda one: one != found.lead):
        rows = _arrow(found.need(id_))
        if not rows.num_rows or rows["level"][0].as_py() not in levels:
            continue
        level = levels[rows["level"][0].as_py()]
        row = _rows_of(rows["area"], level.codes)
        kept = row >= 0
        kind, share = np.zeros(len(level.codes), dtype=np.int64), np.full(len(level.codes), np.nan)
        kind[row[kept]] = _rows_of(rows["type"], TYPES)[kept] + 1
        share[row[kept]] = _numbers(rows["p_doubly_disadvantaged"])[kept]
        result.append(_need_facts(found, id_, level.level.name, kind, share))
    return tuple(result)


def _need_facts(
    found: Gathering, id_: str, level: str, kind: NDArray[np.int64], share: NDArray[np.float64]
) -> NeedFacts:
    """Return one definition of need with what it and its types are called."""
    spec = found.study.need[id_]
    titles, told = titles_of(found.study, spec), told_kinds(found.study, spec)
    own = () if words.familiar_needs(*titles) else titles
    return NeedFacts(id_, spec.title, level, kind, share, own, tuple(told[one] for one in TYPES))


def _rounds(found: Gathering, levels: Mapping[str, PlaceLevel]) -> tuple[RoundFacts, ...]:
    """Return the funding rounds that the page shows, under their stated rules."""
    result = []
    shown = found.study.publish.round or list(found.study.round)
    for id_ in shown:
        table = _where(_arrow(found.read("decisions")), round=id_, rules="stated")
        if not table.num_rows or table["level"][0].as_py() not in levels:
            continue
        level = levels[table["level"][0].as_py()]
        firm = _where(_arrow(found.read("fragility")), round=id_, rules="stated").to_pylist()
        sure = {row["area"]: row for row in firm}
        rows = {
            level.at[row["area"]]: {
                **row,
                **{k: v for k, v in sure.get(row["area"], {}).items() if k not in row},
            }
            for row in table.to_pylist()
            if row["area"] in level.at
        }
        result.append(RoundFacts(id_, found.study.round[id_].title or id_, level.level.name, rows))
    return tuple(result)


def _similar(found: Gathering, index: IndexFacts, level: PlaceLevel) -> NDArray[np.int64]:
    """Return the rows of the places most alike, one row a place; -1 for none."""
    import numpy as np

    table = _where(_arrow(found.read("similar")), index=index.id, level=index.level)
    if not table.num_rows:
        return np.full((len(level.codes), 0), -1)
    position = _numbers(table["position"]).astype(np.int64) - 1
    result = np.full((len(level.codes), int(position.max()) + 1), -1)
    row, other = _rows_of(table["area"], level.codes), _rows_of(table["other"], level.codes)
    kept = row >= 0
    result[row[kept], position[kept]] = other[kept]
    return result


# ---- columns


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a data frame as an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def _where(table: pa.Table, **is_: str) -> pa.Table:
    """Return the rows in which columns hold these texts."""
    import pyarrow.compute as pc

    for name, text in is_.items():
        if table.num_rows:
            table = table.filter(pc.equal(table[name], text))
    return table


def _rows_of(column: Any, codes: Any) -> NDArray[np.int64]:
    """Return the place of each text of a column in a list, -1 where it is not in it."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(column):
        return np.zeros(0, dtype=np.int64)
    found = pc.index_in(column.cast(pa.string()), value_set=pa.array(list(codes), pa.string()))
    # A null text is looked up like any other; no list holds it.
    rows: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return rows


def _numbers(column: Any) -> NDArray[np.float64]:
    """Return a column as numbers, NaN for null."""
    import pyarrow as pa

    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return numbers


def _texts(column: pd.Series[str]) -> list[str]:
    """Return the distinct texts of a column."""
    return [text for text in column.unique().tolist() if isinstance(text, str)]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as records with None for null.

    Args:
        frame: Rows of a table.
    """
    rows: list[dict[str, Any]] = _arrow(frame).to_pylist()
    return rows
