"""What closed sources keep out of tables that may be published: figures that could be worked out from them to the last digit.

A licence for derived results covers ranks, classes and sums, not the supplier's own figures. The ledger decides on whole parts of
tables (`wardmote.lineage`); here single columns are emptied where a cell repeats a closed figure, or gives it back.

The rule for scores: of the scores that hang on closed indicators only so many are published, the indices' own first, that no
indicator could be solved for from them with open data; all others are left out, and their ranks and tenths stay.

The rule for sums: a sum is left out where, with the other sums that are published, it would tell a closed figure (`publish.sums`).
Sums over places that were chosen (funded, of a type of need) are too many to look at one by one, so only the whole of a round stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zlib import crc32

from wardmote import words
from wardmote.publish import hushed
from wardmote.publish.building import digest
from wardmote.publish.reading import BaseTables, FrameTables, Withheld, WorkspaceTables
from wardmote.publish.sums import SHARE, held_back

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from wardmote.study import Study
    from wardmote.study.rounds import RoundSpec

Node = tuple[str, str]
"""An index and a node of it."""

EACH = "pounds for each of them"
"""The measure of a round that sets pounds beside people."""

BY_NODE = ("scores", "contributions", "adjustments")
"""Tables in which the rows of a leaf hold, or give back, the value that its supplier published."""

FACTS = ("name", "population", "households")
"""What sources say about areas."""

MASKED = {
    "areas": FACTS,
    "need": ("population",),
    "decisions": ("score", "line", "margin", "flip", "pounds", "population", "rule", "sentence"),
    "awards": ("pounds",),
    "nodes": ("mean_contribution",),
    "scores": ("score", "value"),
    "contributions": ("contribution",),
    "adjustments": ("before", "after"),
    "summaries": ("value",),
    "similar": ("distance",),
    "summary_ranks": ("value_low", "value_median", "value_high"),
    "rule_comparison": ("measure", "value", "sentence"),
    "balances": ("supported", "compared", "weighted", "before", "after", "ratio"),
    "impact_checks": ("item", "sentence"),
    "findings": ("sentence", "value"),
}
"""Columns in which cells may have to be emptied, or put in other words."""

NAMING = {
    "decisions": ("rule", "flip", "sentence"),
    "rule_comparison": ("measure", "sentence"),
    "impact_checks": ("item", "sentence"),
    "findings": ("sentence",),
}
"""Columns of texts that may name areas."""

Place = tuple[str, str]
"""A level and the code of an area."""


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
                stated = {(level, area) for level, at in found[name].items() for area in at}
                self._add_sums(found[name], areas[areas[name].notna()], name, facts)
                self._add_rests(found[name], areas[areas[name].notna()], name, free, stated)
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

    def _add_rests(
        self,
        found: dict[str, dict[str, set[str]]],
        areas: pd.DataFrame,
        name: str,
        free: pa.Table,
        closed: set[Place],
    ) -> None:
        """Add the larger areas whose sums would, with the other sums, tell a closed figure.

        A sum that an open source states itself is public: what it tells is for the closed source's publisher to decide. A sum can be
        taken apart at any level below it, so each level is looked at by itself: a place and the town that it fills are one figure.
        """
        inside = self._tables.read("memberships", ["level", "area", "parent_level", "parent", "weight"])
        inside = inside.fillna({"weight": 1.0})  # no share is the whole
        untold = {(level, area) for level, at in found.items() for area in at}
        summed = set(zip(areas["level"], areas["area"], strict=True)) - untold
        parts: dict[str, dict[Place, dict[Place, float]]] = {}
        for level, area, above, parent, weight in inside.itertuples(index=False):
            if (level, area) in closed and (above, parent) in summed:
                parts.setdefault(level, {}).setdefault((above, parent), {})[level, area] = float(weight)
        stated = set(zip(*(free[key].to_pylist() for key in ("level", "area", name)), strict=True))
        figures = zip(areas["level"], areas["area"], areas[name], strict=True)
        known = {(level, area) for level, area, value in figures if (level, area, value) in stated}
        for _, sums in sorted(parts.items()):
            # What was left out for the figures of another level is published no more.
            left = {place: inner for place, inner in sums.items() if place in summed}
            for level, area in held_back(_largest_first(left), known & left.keys()):
                summed.discard((level, area))
                behind = {source for of, inner in left[level, area] for source in found[of][inner]}
                found.setdefault(level, {}).setdefault(area, set()).update(behind)

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
    def _untold_totals(self) -> set[str]:
        """Rounds with closed awards of which not even the sum may be told: it would, with those of other rounds, tell one award."""
        shut = {id_ for id_, one in self._rounds.items() if one.award}
        if not shut:
            return set()
        rows = self._tables.read("decisions", ["round", "rules", "level", "area", "pounds"])
        rows = rows[rows["round"].isin(shut) & (rows["rules"] == "stated") & (rows["pounds"].fillna(0) > 0)]
        sums: dict[str, dict[Place, float]] = {}
        for id_, level, area in zip(*(rows[name] for name in ("round", "level", "area")), strict=True):
            # Awards by one quantity are one unknown; by another one they hang on the same figures in other shares.
            share = (crc32(f"{self._award_by(id_)} {level} {area}".encode()) % SHARE + 1) / SHARE
            sums.setdefault(id_, {})[level, area] = share
        # Sums of closed people over larger areas are published as well, so the total of awards by them is not.
        by_facts = {id_ for id_ in shut if set(FACTS) & set(self._award_by(id_).split(" x "))}
        return held_back(_largest_first(sums)) | by_facts | (shut - sums.keys())

    def _award_by(self, id_: str) -> str:
        spec = self._study.round.get(id_) if self._study else None
        return spec.award.by if spec else ""

    @cached_property
    def _untold_larger(self) -> dict[Node, set[Place]]:
        """Larger areas by node of which the average would tell, with the other averages, the closed score of one small area."""
        nodes = {one for one in self.nodes.scores | self.nodes.rows if self._may_be_summarised(one)}
        rows = self._tables.read("summaries", ["index", "level", "area", "node", "areas"]) if nodes else None
        if rows is None or not len(rows):
            return {}
        inside = self._tables.read("memberships", ["level", "area", "parent_level", "parent", "weight"])
        scores = self._tables.read("scores", ["index", "level", "area", "node", "score"])
        found: dict[Node, set[Place]] = {}
        for index, node in sorted(nodes):
            mine = rows[(rows["index"] == index) & (rows["node"] == node)].drop_duplicates()
            if not len(mine):
                continue
            there = scores["index"].eq(index) & scores["node"].eq(node) & scores["score"].notna()
            scored = scores.loc[there, ["level", "area"]]
            within = inside.merge(scored, on=["level", "area"]).sort_values("weight", kind="stable")
            # An area that lies in several counts where its largest share lies.
            within = within.drop_duplicates(["level", "area", "parent_level"], keep="last")
            told = set(zip(mine["level"], mine["area"], strict=True))
            parts: dict[Place, dict[Place, float]] = {}
            for level, area, above, parent, _ in within.itertuples(index=False):
                if (above, parent) in told:
                    parts.setdefault((above, parent), {})[level, area] = 1.0
            alone = mine[mine["areas"] <= 1]
            found[index, node] = held_back(_largest_first(parts)) | set(
                zip(alone["level"], alone["area"], strict=True)
            )
        return found

    def _may_be_summarised(self, node: Node) -> bool:
        """Return whether larger areas may have averages of a node; told by the study, so that no table is read in vain."""
        spec = self._study.index.get(node[0]) if self._study else None
        return spec is None or node == self.nodes.roots.get(node[0]) or bool(spec.summarise.nodes)

    def _behind_weight(self, by: str) -> set[str]:
        """Return the closed sources of what summaries are weighted by."""
        return self._behind_cells(by) if by in FACTS else shut_of(self._indicators.get(by), self._access)

    @cached_property
    def _closed_weights(self) -> dict[tuple[str, str], set[str]]:
        """Closed sources by index and measure of summaries that are weighted by their figures.

        Beside the scores of small areas, which are published, such averages are equations in the weights.
        """
        used = [spec.summarise.population for spec in self._study.index.values()] if self._study else None
        if used is not None and not any(map(self._behind_weight, used)):
            return {}
        rows = self._tables.read("summaries", ["index", "measure", "weighted_by"]).drop_duplicates()
        found = {
            (index, measure): self._behind_weight(by)
            for index, measure, by in rows.itertuples(index=False)
            if by != "none"
        }
        return {key: sources for key, sources in found.items() if sources}

    @cached_property
    def _lone_covariates(self) -> dict[tuple[str, str], set[str]]:
        """Closed sources by programme and covariate of which a mean is that of one area."""
        rows = self._tables.read("balances", ["programme", "covariate"]).drop_duplicates()
        behind = {
            (programme, covariate): shut
            for programme, covariate in rows.itertuples(index=False)
            if (shut := shut_of(self._indicators.get(covariate), self._access))
        }
        if not behind:
            return {}
        parts = self._tables.read("comparators", ["programme", "role"])
        counted = parts.groupby(["programme", "role"]).size().to_dict()
        return {
            key: shut
            for key, shut in behind.items()
            if min(counted.get((key[0], role), 0) for role in ("supported", "comparison")) <= 1
        }

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
        if name in ("decisions", "awards", "rule_comparison", "findings"):
            told += [
                (id_, sorted(one.measure), sorted(one.award)) for id_, one in sorted(self._rounds.items())
            ]
        if name in ("rule_comparison", "findings"):
            told += sorted(self._untold_totals)
        if name == "rule_comparison":
            told += sorted(self._closed_groups)
        if name in ("areas", "need", *NAMING):
            # Sorted, since areas are found in whatever order threads come to them.
            told += [
                (what, level, sorted(of))
                for what, at in self._cells.items()
                for level, of in sorted(at.items())
            ]
        if name in (*BY_NODE, "nodes", "summaries", "summary_ranks", "similar"):
            told += [*sorted(self.nodes.scores), *sorted(self.nodes.rows)]
        if name in ("summaries", "summary_ranks", "findings"):
            told += [(node, sorted(places)) for node, places in self._untold_larger.items() if places]
            told += sorted(self._closed_weights)
        if name == "balances":
            told += sorted(self._lone_covariates)
        return repr(told) if told else ""

    def _emptied(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table without the cells that give closed figures back."""
        frame = frame.copy()
        if name in ("areas", "need", "decisions"):
            for column in set(FACTS) & set(MASKED[name]):
                for level, areas in self._cells.get(column, {}).items():
                    _empty(frame, (frame["level"] == level) & frame["area"].isin(list(areas)), column)
        empty = {
            "decisions": self._empty_rounds,
            "awards": self._empty_rounds,
            "rule_comparison": self._empty_sums,
            "findings": self._empty_findings,
            "balances": self._empty_balances,
            "similar": self._empty_behind,
            "nodes": self._empty_behind,
            "summaries": self._empty_larger,
            "summary_ranks": self._empty_larger,
            **dict.fromkeys(BY_NODE, self._empty_nodes),
        }
        if name in empty:
            empty[name](name, frame)
        if self._closed_names:
            for column in NAMING.get(name, ()):
                texts = frame[column].astype(object).tolist()
                frame[column] = [hushed.coded(one, self._closed_names) for one in texts]
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
                _hush(frame, mine, hushed.AWARD)

    def _empty_sums(self, name: str, frame: pd.DataFrame) -> None:
        """Empty sums over chosen places: those that are chosen stand in published lists, and two lists may differ by one place."""
        unit, of = frame["unit"], frame["round"]
        people = "population" in self._cells
        if people:
            # Shares, ratios and the index of concentration are worked out from people too.
            _empty(frame, unit.isin(["people", "share", "index"]) | frame["measure"].eq(EACH), "value")
            _hush(frame, of.notna(), hushed.PEOPLE)
        for id_, one in self._rounds.items():
            mine = of == id_
            if one.award:
                whole = frame["rules"].eq("stated") & frame["measure"].eq("pounds")
                kept = whole & (id_ not in self._untold_totals)
                _empty(frame, mine & (unit.eq("pounds") | unit.eq("index")) & ~kept, "value")
            if one.measure:
                _empty(frame, mine & (unit.eq("ratio") | unit.eq("index")), "value")
        self._empty_equality(frame)

    @cached_property
    def _closed_groups(self) -> dict[tuple[str, str], set[str]]:
        """Closed sources by title and name of the indicators that a round counts people of a group by."""
        rows = self._tables.read("rule_comparison", ["measure", "topic"])
        counted = rows[rows["topic"].eq("equality")]["measure"].unique().tolist()
        if not counted:
            return {}
        titles = self._tables.read("indicators", ["indicator", "title", "source"])
        return {
            (title, indicator): shut
            for indicator, title, source in titles.itertuples(index=False)
            if (shut := shut_of(source, self._access))
            and any(one.endswith((f": {title}", f": {indicator}")) for one in counted)
        }

    def _empty_equality(self, frame: pd.DataFrame) -> None:
        """Empty how many of a group of people live in funded places, where a closed source alone counted them."""
        for names in self._closed_groups:
            told = frame["measure"].str.endswith(tuple(f": {name}" for name in names))
            _empty(frame, frame["topic"].eq("equality") & told, "value")

    def _empty_findings(self, name: str, frame: pd.DataFrame) -> None:
        """Put words in the place of closed figures in sentences, and empty the number beside them."""
        stage, id_ = frame["stage"], frame["id"]
        if "population" in self._cells:
            _hush(frame, stage.isin(["index", "need", "allocate"]), hushed.PEOPLE)
        for round_, one in self._rounds.items():
            mine = stage.eq("allocate") & id_.eq(round_)
            if one.award:
                _hush(frame, mine, hushed.AWARD)
            if round_ in self._untold_totals:
                _hush(frame, mine, hushed.TOTAL)
                _empty(frame, mine & frame["source_table"].eq("awards"), "value")
        scored = frame["sentence"].str.contains("by average score|the largest extent of need")
        told = frame["source_table"].eq("summaries") & stage.eq("index") & scored
        shut = {index for (index, _), places in self._untold_larger.items() if places}
        shut |= {index for index, _ in self._closed_weights}
        mine = told & id_.isin(list(shut))
        _hush(frame, mine, hushed.SCORE)
        _empty(frame, mine, "value")

    @cached_property
    def _closed_names(self) -> dict[str, list[tuple[str, str]]]:
        """Names that closed sources alone state, with the codes of their areas, by the first word."""
        closed = self._cells.get("name", {})
        if not closed:
            return {}
        areas = self._tables.read("areas", ["level", "area", "name"])
        areas = areas[areas["name"].notna()]
        rows = list(areas.itertuples(index=False))
        free = {name for level, area, name in rows if area not in closed.get(level, {})}
        codes: dict[str, list[str]] = {}
        for level, area, name in rows:
            if area in closed.get(level, {}) and name not in free:
                codes.setdefault(name, []).append(area)
        # Of a name that several areas bear, a sentence does not say whose it is.
        return hushed.by_first_word({name: " or ".join(sorted(set(of))) for name, of in codes.items()})

    def _empty_nodes(self, name: str, frame: pd.DataFrame) -> None:
        for index, node in self.nodes.scores:
            _empty(frame, (frame["index"] == index) & (frame["node"] == node), *MASKED[name])
        if name == "contributions":
            # Where the parts do not simply add up, the points of each hang on the score of the whole.
            shut = [index for index in self.nodes.roots if self.nodes.behind(index)]
            _empty(frame, frame["index"].isin(shut), *MASKED[name])

    def _empty_balances(self, name: str, frame: pd.DataFrame) -> None:
        for programme, covariate in self._lone_covariates:
            mine = (frame["programme"] == programme) & (frame["covariate"] == covariate)
            _empty(frame, mine, *MASKED[name])

    def _empty_behind(self, name: str, frame: pd.DataFrame) -> None:
        shut = [index for index in self.nodes.roots if self.nodes.behind(index)]
        _empty(frame, frame["index"].isin(shut), *MASKED[name])

    def _empty_larger(self, name: str, frame: pd.DataFrame) -> None:
        """Empty summaries of larger areas that would tell the closed score, or weight, of one small area."""
        for (index, node), shut in self._untold_larger.items():
            mine = frame["index"].eq(index) & _among(frame, shut)
            if name == "summaries":
                mine &= frame["node"] == node
            elif self.nodes.roots.get(index) != (index, node):
                continue  # intervals are those of the whole
            if (index, node) in self.nodes.scores:
                mine &= frame["measure"] == "average score"  # ranks of branches are published
            _empty(frame, mine, *MASKED[name])
        for index, measure in self._closed_weights:
            _empty(frame, frame["index"].eq(index) & frame["measure"].eq(measure), *MASKED[name])

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
        if {"decisions", "awards"} & set(names):
            yield from self._told_rounds(names)
        if "summaries" in names:
            yield from self._told_larger()
        for key, shut in self._lone_covariates.items() if "balances" in names else ():
            yield _told("balances", key[0], shut, "The mean of a single area would repeat the {figures}.")
        if "population" in self._cells and {"rule_comparison", "findings"} & set(names):
            text = "Sums of people over places that were chosen, set beside each other, would give back the {figures}."
            yield _told("rule_comparison, findings", "", self._behind_cells("population"), text)
        groups = {source for shut in self._closed_groups.values() for source in shut}
        if groups and "rule_comparison" in names:
            text = "Sums of a group of people over places that were chosen would, set beside each other, give back the {figures}."
            yield _told("rule_comparison", "", groups, text)
        yield from self._told_facts(names)

    def _told_facts(self, names: list[str]) -> Iterable[Withheld]:
        """Yield what is emptied of names and people of areas, in words."""
        for column in FACTS:
            shut = self._behind_cells(column)
            tables = [
                name for name in ("areas", "need", "decisions") if column in MASKED[name] and name in names
            ]
            if shut and tables:
                text = (
                    f"The column {column} would repeat the {{figures}}, or as a sum less its other parts give them back: all"
                    " other columns stay."
                )
                yield _told(", ".join(tables), "", shut, text)

    def _told_rounds(self, names: list[str]) -> Iterable[Withheld]:
        """Yield what is emptied of funding rounds, in words."""
        for id_, one in self._rounds.items():
            if one.measure and "decisions" in names:
                text = "Measures of need of single places would give back the {figures}: decisions and ranks stay."
                yield _told("decisions", id_, one.measure, text)
            if one.award:
                rest = (
                    "the sum of all stays" if id_ not in self._untold_totals else "decisions and ranks stay"
                )
                text = f"Awards of single places, and sums of some of them, would give back the {{figures}}: {rest}."
                yield _told("decisions, awards, rule_comparison", id_, one.award, text)

    def _told_larger(self) -> Iterable[Withheld]:
        """Yield what is emptied in the summaries of larger areas, in words."""
        for index in self.nodes.roots:
            ones = [one for one, places in self._untold_larger.items() if one[0] == index and places]
            shut = {source for one in ones for source in self.nodes.sources[one]}
            if shut:
                text = "Averages of some larger areas would, less those of others, give back the {figures}: their ranks stay."
                yield _told("summaries, summary_ranks", index, shut, text)
            weights = {s for key, of in self._closed_weights.items() if key[0] == index for s in of}
            if weights:
                text = "Averages that are weighted by them would give back the {figures}: their ranks stay."
                yield _told("summaries, summary_ranks", index, weights, text)


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


def _hush(frame: pd.DataFrame, rows: Any, *kinds: tuple[tuple[str, str], ...]) -> None:
    """Put words in the place of figures in the sentences of some rows."""
    rows = rows.fillna(False).astype(bool) & frame["sentence"].notna()
    frame.loc[rows, "sentence"] = [hushed.hushed(said, kinds) for said in frame.loc[rows, "sentence"]]


def _largest_first(sums: Mapping[Any, Mapping[Place, float]]) -> dict[Any, Mapping[Place, float]]:
    """Return sums in the order of how many closed figures they hold: where one of several must go, it is the smallest."""
    return dict(sorted(sums.items(), key=lambda item: (-len(item[1]), item[0])))


def _among(frame: pd.DataFrame, places: Iterable[Place]) -> Any:
    """Return which rows are of some places."""
    found = frame["area"].isna()
    codes: dict[str, list[str]] = {}
    for level, area in places:
        codes.setdefault(level, []).append(area)
    for level, some in codes.items():
        found |= frame["level"].eq(level) & frame["area"].isin(some)
    return found
