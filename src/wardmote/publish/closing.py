"""What closed sources keep out of tables that may be published: figures that could be worked out from them to the last digit.

A licence for derived results covers ranks, classes and sums, not the supplier's own figures. The ledger decides on whole parts of
tables (`wardmote.lineage`); here single columns are emptied where a cell repeats a closed figure, or gives it back.

The rule for scores: of the scores that hang on closed indicators only so many are published, the indices' own first, that no
indicator could be solved for from them with open data; all others are left out, and their ranks and tenths stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.publish.building import digest
from wardmote.publish.reading import BaseTables, FrameTables, Withheld, WorkspaceTables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from wardmote.study import Study
    from wardmote.study.rounds import RoundSpec

Node = tuple[str, str]
"""An index and a node of it."""

BY_NODE = ("scores", "contributions", "adjustments")
"""Tables in which the rows of a leaf hold, or give back, the value that its supplier published."""

FACTS = ("name", "population", "households")
"""What sources say about areas."""

MASKED = {
    "areas": FACTS,
    "need": ("population",),
    "decisions": ("score", "line", "margin", "flip", "pounds", "population", "sentence"),
    "awards": ("pounds",),
    "scores": ("score", "value"),
    "contributions": ("contribution",),
    "adjustments": ("before", "after"),
    "summaries": ("value",),
    "similar": ("distance",),
    "rule_comparison": ("value",),
}
"""Columns that may have to be emptied."""

AWARD_WORDS = (r"its award of £[\d,]+ is", "its award is")
"""Where the sentence of a decision tells an award, and what it says instead."""


@dataclass(frozen=True, slots=True)
class ClosedNodes:
    """What closed sources keep back of indices.

    Attributes:
        rows: Leaves whose source is not open, and branches that rank areas as such a leaf does: none of their rows is published.
        scores: Branches of which ranks and tenths are published, but no score.
        sources: Closed sources behind each node.
        roots: Roots by index.
    """

    rows: set[Node] = field(default_factory=set)
    scores: set[Node] = field(default_factory=set)
    sources: dict[Node, set[str]] = field(default_factory=dict)
    roots: dict[str, Node] = field(default_factory=dict)

    def behind(self, index: str) -> set[str]:
        """Return the closed sources that the score of an index would give back; none where it may be published."""
        root = self.roots.get(index, (index, ""))
        return self.sources[root] if root in self.rows | self.scores else set()


@dataclass(frozen=True, slots=True)
class ClosedRound:
    """Closed sources that the measure and the awards of a round would give back."""

    measure: frozenset[str] = frozenset()
    award: frozenset[str] = frozenset()


def closed_nodes(nodes: pd.DataFrame, access: Mapping[str, str]) -> ClosedNodes:
    """Return what closed sources keep back of indices.

    Args:
        nodes: The table `nodes`.
        access: Access by source; a source that is not in it may not even be named, so it is closed.
    """
    used = nodes[nodes["status"] == "used"].sort_values("depth", kind="stable")
    names = ("index", "node", "parent", "source", "indicator")
    found = ClosedNodes()
    parts: dict[Node, list[Node]] = {}
    unknown: dict[Node, set[str]] = {}
    for index, node, parent, source, indicator in zip(*(used[name] for name in names), strict=True):
        one = (index, node)
        if isinstance(parent, str):
            parts.setdefault((index, parent), []).append(one)
        else:
            found.roots[index] = one
        shut = shut_of(source, access)
        found.sources[one] = shut
        unknown[one] = {indicator if isinstance(indicator, str) else f"{index}/{node}"} if shut else set()
        if shut:
            found.rows.add(one)
    order = list(unknown)
    for one in reversed(order):  # from the leaves upwards
        for part in parts.get(one, ()):
            unknown[one] |= unknown[part]
            found.sources[one] |= found.sources[part]
    while alone := {k for k, of in parts.items() if len(of) == 1 and of[0] in found.rows} - found.rows:
        found.rows.update(alone)
    told = [one for one in order if unknown[one] and one not in found.rows]
    # Roots of all indices first, since they are the results.
    told.sort(key=lambda one: found.roots.get(one[0]) != one)
    found.scores.update(solvable({one: unknown[one] for one in told}))
    return found


def shut_of(source: Any, access: Mapping[str, str]) -> set[str]:
    """Return the closed ones among sources that are named in one cell, a space between them."""
    named = source.split() if isinstance(source, str) else []
    return {one for one in named if access.get(one, "private") != "open"}


def solvable(figures: Mapping[Node, Iterable[str]]) -> set[Node]:
    """Return the figures to leave out, so that none of the unknowns can be worked out from those that stay.

    Each figure is an equation in its unknowns. While any equations together hold more unknowns than they are, none can be solved.
    An equation may be added where it and its copy can each be given an unknown of its own beside all others (Hall's theorem).

    Args:
        figures: Unknowns by figure, the most important figure first.
    """
    given: dict[str, tuple[Node, int]] = {}
    left_out = set()

    def give(one: tuple[Node, int], tried: set[str]) -> bool:
        for unknown in sorted(figures[one[0]]):
            if unknown not in tried:
                tried.add(unknown)
                if unknown not in given or give(given[unknown], tried):
                    given[unknown] = one
                    return True
        return False

    for figure in figures:
        before = dict(given)
        if give((figure, 0), set()) and give((figure, 1), set()):
            given = {unknown: one for unknown, one in given.items() if one != (figure, 1)}
        else:
            given = before
            left_out.add(figure)
    return left_out


class OpenColumns:
    """Tables of a study, with the cells emptied that repeat closed figures or give them back.

    Args:
        tables: The tables, as far as whole parts of them may be published.
        study: The study; without it every round counts as one that hangs on all closed sources.
    """

    def __init__(self, tables: BaseTables, study: Study | None) -> None:
        self._tables = tables
        self._study = study

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows of a table that may be published; see `wardmote.publish.reading.OpenTables.read`."""
        touched = set(MASKED.get(name, ())) & set(MASKED.get(name, ()) if columns is None else columns)
        if not touched or not self._closing(name):
            return self._tables.read(name, columns)
        frame = self._tables.read(name)
        frame = self._emptied(name, frame) if len(frame) else frame
        return frame if columns is None else frame[columns]

    def withheld(self, names: Iterable[str]) -> tuple[Withheld, ...]:
        """Return what may not be published; see `wardmote.publish.reading.OpenTables.withheld`."""
        asked = list(names)
        return (*self._tables.withheld(asked), *self._told(asked))

    def fingerprint(self, name: str) -> str:
        """Return what tells two contents of a table apart; see `wardmote.publish.reading.OpenTables.fingerprint`."""
        print_ = self._tables.fingerprint(name)
        closing = self._closing(name) if print_ else ""
        return f"{print_} without {digest(closing)}" if closing else print_

    @cached_property
    def nodes(self) -> ClosedNodes:
        """What closed sources keep back of indices."""
        names = ["index", "node", "parent", "source", "status", "indicator", "depth"]
        return closed_nodes(self._tables.read("nodes", names), self._access)

    @cached_property
    def _access(self) -> dict[str, str]:
        sources = self._tables.read("sources", ["source", "access"])
        return dict(zip(sources["source"], sources["access"], strict=True))

    @cached_property
    def _shut(self) -> set[str]:
        """All closed sources: they count as standing behind a round of which nobody states the rules."""
        return {source for source, access in self._access.items() if access != "open"}

    @cached_property
    def _cells(self) -> dict[str, dict[str, dict[str, set[str]]]]:
        """Areas by column and level of which a closed source alone says what stands there, with these sources under each area."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        facts = self._tables.area_facts()
        found: dict[str, dict[str, dict[str, set[str]]]] = {}
        open_ = pa.array([s for s, access in self._access.items() if access == "open"], pa.string())
        free = pc.is_in(facts["source"], value_set=open_)
        closed, free = facts.filter(pc.invert(free)), facts.filter(free)
        for name in FACTS:
            cell = ["level", "area", name]
            told = closed.filter(pc.is_valid(closed[name])).select(["source", *cell])
            if not told.num_rows:
                continue
            # Joined as columns: a country has a hundred thousand cells, nearly all of which an open source says too.
            only = told.join(free.select(cell), keys=cell, join_type="left anti")
            if not only.num_rows:
                continue
            alone: pd.DataFrame = only.to_pandas(types_mapper=pd.ArrowDtype)
            areas = self._tables.read("areas")
            alone = alone.merge(areas[cell], on=cell)
            for source, level, area in zip(*(alone[key] for key in ("source", "level", "area")), strict=True):
                found.setdefault(name, {}).setdefault(level, {}).setdefault(area, set()).add(source)
            if name != "name" and name in found:
                self._add_sums(found[name], areas[areas[name].notna()], name, facts)
        return found

    def _add_sums(
        self, found: dict[str, dict[str, set[str]]], areas: pd.DataFrame, name: str, facts: pa.Table
    ) -> None:
        """Add the larger areas whose sum is that of one small area: its own figure."""
        stated = set(zip(*(facts[key].to_pylist() for key in ("level", "area", name)), strict=True))
        cells = list(zip(areas["level"], areas["area"], areas[name], strict=True))
        single = {
            value: of for level, area, value in cells if (of := found.get(level, {}).get(area)) is not None
        }
        for level, area, value in cells:
            if value in single and (level, area, value) not in stated:
                found.setdefault(level, {}).setdefault(area, set()).update(single[value])

    def _behind_cells(self, *names: str) -> set[str]:
        """Return the sources that alone say what areas are called or how many people live there."""
        return {
            source
            for name in names
            for areas in self._cells.get(name, {}).values()
            for of in areas.values()
            for source in of
        }

    def _round(self, id_: str) -> ClosedRound:
        """Return the closed sources that figures of a round would give back."""
        spec = self._study.round.get(id_) if self._study else None
        if spec is None:
            return ClosedRound(frozenset(self._shut), frozenset(self._shut))
        measure = {source for part in spec.measure for source in self._behind(part.index, part.indicator)}
        if spec.choose == "optimal":
            measure |= self._behind_cells("population")  # its worth may be need times people
        return ClosedRound(frozenset(measure), frozenset(self._behind_award(spec, measure)))

    def _behind(self, index: str, indicator: str) -> set[str]:
        return self.nodes.behind(index) if index else shut_of(self._indicators.get(indicator), self._access)

    def _behind_award(self, spec: RoundSpec, measure: set[str]) -> set[str]:
        """Return the closed sources that awards by a quantity would give back."""
        shut: set[str] = set()
        for what in spec.award.by.split(" x "):
            if what == "need":
                shut |= measure
            elif what in FACTS:
                shut |= self._behind_cells(what)
            elif what:
                shut |= self._behind("", what)
        return shut

    @cached_property
    def _indicators(self) -> dict[str, Any]:
        table = self._tables.read("indicators", ["indicator", "source"])
        return dict(zip(table["indicator"], table["source"], strict=True))

    @cached_property
    def _rounds(self) -> dict[str, ClosedRound]:
        known = self._tables.read("decisions", ["round"])["round"].unique().tolist()
        return {id_: one for id_ in known if (one := self._round(id_)) != ClosedRound()}

    def _closing(self, name: str) -> str:
        """Return a text that tells what is emptied in a table; "" where nothing is."""
        told: list[Any] = []
        if name in ("decisions", "awards", "rule_comparison"):
            told += [
                (id_, sorted(one.measure), sorted(one.award)) for id_, one in sorted(self._rounds.items())
            ]
        if name in ("areas", "need", "decisions", "rule_comparison"):
            told += [
                (what, level, sorted(of)) for what, at in self._cells.items() for level, of in at.items()
            ]
        if name in (*BY_NODE, "summaries", "similar"):
            told += [*sorted(self.nodes.scores), *sorted(self.nodes.rows)]
        return repr(told) if told else ""

    def _emptied(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table without the cells that give closed figures back."""
        frame = frame.copy()
        if name in ("areas", "need", "decisions"):
            for column in set(FACTS) & set(MASKED[name]):
                for level, areas in self._cells.get(column, {}).items():
                    _empty(frame, (frame["level"] == level) & frame["area"].isin(list(areas)), column)
        if name in ("decisions", "awards"):
            self._empty_rounds(name, frame)
        elif name == "rule_comparison":
            self._empty_groups(frame)
        elif name in BY_NODE:
            self._empty_nodes(name, frame)
        elif name in ("summaries", "similar"):
            self._empty_results(name, frame)
        return frame

    def _empty_rounds(self, name: str, frame: pd.DataFrame) -> None:
        for id_, one in self._rounds.items():
            mine = frame["round"] == id_
            if name == "awards":
                if one.award:
                    _empty(frame, mine, "pounds")
                continue
            if one.measure:
                _empty(frame, mine, "score", "line", "margin", "flip")
            if one.award:
                _empty(frame, mine, "pounds", "flip")
                said = frame.loc[mine, "sentence"].str.replace(*AWARD_WORDS, regex=True)
                frame.loc[mine, "sentence"] = said

    def _empty_groups(self, frame: pd.DataFrame) -> None:
        """Empty sums that are a single place's own figure, and with them those beside them: the rest of a whole would tell it."""
        kind = frame["measure"].str.partition(",")[0]
        grouped = frame["topic"].str.startswith("by ")
        keys = [frame[name] for name in ("round", "rules", "topic")]
        for unit, rounds, figures in self._single_figures():
            mine = (frame["unit"] == unit) & frame["round"].isin(rounds)
            own = mine & frame["value"].isin(figures)
            beside = own.groupby([*keys, kind], dropna=False).transform("any")
            _empty(frame, own | (mine & grouped & beside), "value")

    def _single_figures(self) -> Iterable[tuple[str, list[str], list[float]]]:
        """Yield the unit of closed figures of single places, the rounds whose sums may repeat them, and the figures."""
        decisions = self._tables.read("decisions", ["round", "pounds"])
        decisions = decisions[decisions["pounds"].fillna(0) > 0]
        for id_, one in self._rounds.items():
            if one.award:
                yield "pounds", [id_], decisions[decisions["round"] == id_]["pounds"].astype(float).tolist()
        if "population" in self._cells:
            known = self._tables.read("decisions", ["round"])["round"].unique().tolist()
            yield "people", known, self._closed_values("population")

    def _closed_values(self, column: str) -> list[float]:
        """Return what closed sources alone say of areas in one column."""
        areas = self._tables.read("areas")
        closed = self._cells.get(column, {})
        mine = [
            area in closed.get(level, {}) for level, area in zip(areas["level"], areas["area"], strict=True)
        ]
        return [float(value) for value in areas[mine][column] if value]

    def _empty_nodes(self, name: str, frame: pd.DataFrame) -> None:
        for index, node in self.nodes.scores:
            _empty(frame, (frame["index"] == index) & (frame["node"] == node), *MASKED[name])
        if name == "contributions":
            # Where the parts do not simply add up, the points of each hang on the score of the whole.
            shut = [index for index in self.nodes.roots if self.nodes.behind(index)]
            _empty(frame, frame["index"].isin(shut), *MASKED[name])

    def _empty_results(self, name: str, frame: pd.DataFrame) -> None:
        if name == "similar":
            shut = [index for index in self.nodes.roots if self.nodes.behind(index)]
            _empty(frame, frame["index"].isin(shut), *MASKED[name])
            return
        # The average score of one small area is its score.
        alone = (frame["measure"] == "average score") & (frame["areas"] <= 1)
        for index, node in self.nodes.scores | self.nodes.rows:
            _empty(frame, alone & (frame["index"] == index) & (frame["node"] == node), *MASKED[name])

    def _told(self, names: list[str]) -> Iterable[Withheld]:
        """Yield what is emptied in some tables, in words."""
        if "scores" in names:
            for index in self.nodes.roots:
                shut = {s for one in self.nodes.scores if one[0] == index for s in self.nodes.sources[one]}
                if shut:
                    yield _told(
                        ", ".join(BY_NODE),
                        index,
                        shut,
                        "Scores of branches would, with open data, give back the {figures}: their ranks and tenths stay.",
                    )
        for id_, one in self._rounds.items() if {"decisions", "awards"} & set(names) else ():
            if one.measure and "decisions" in names:
                text = "Measures of need of single places would give back the {figures}: decisions and ranks stay."
                yield _told("decisions", id_, one.measure, text)
            if one.award:
                text = "Awards of single places would give back the {figures}: sums stay."
                yield _told("decisions, awards", id_, one.award, text)
        for column in FACTS:
            shut = self._behind_cells(column)
            tables = [
                name for name in ("areas", "need", "decisions") if column in MASKED[name] and name in names
            ]
            if shut and tables:
                text = f"The column {column} would repeat the {{figures}}: all other columns stay."
                yield _told(", ".join(tables), "", shut, text)


def open_tables(tables: Any, study: Study | None = None) -> OpenColumns:
    """Return tables for publishing from whatever holds them.

    Args:
        tables: A `wardmote.workspace.Workspace`, data frames by table name, or tables that are open already.
        study: The study.
    """
    if isinstance(tables, OpenColumns):
        return tables
    if isinstance(tables, Mapping):
        return OpenColumns(FrameTables(tables), study)
    return OpenColumns(WorkspaceTables(tables) if hasattr(tables, "ledger") else tables, study)


def _told(table: str, section: str, sources: Iterable[str], reason: str) -> Withheld:
    """Return what is left out and which licence forbids it."""
    names = sorted(sources)
    figures = f"figures of {words.listed(names)}, whose licence does not allow it"
    return Withheld(table, section, tuple(names), reason.format(figures=figures))


def _empty(frame: pd.DataFrame, rows: Any, *columns: str) -> None:
    """Empty cells of a frame."""
    rows = rows.fillna(False).astype(bool)
    for column in columns:
        frame[column] = frame[column].where(~rows, None)
