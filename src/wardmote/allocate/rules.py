"""From a round's specification and tables to arrays: who is eligible, groups, caps, awards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wardmote.allocate.measure import Need, measured, quantity
from wardmote.allocate.tables_in import Groups, Tables, Universe, column, places_of
from wardmote.errors import MethodError, Problem
from wardmote.methods.awards import rate_awards
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import NO_CAP, Grouping, Rules, check_rules
from wardmote.methods.neighbours import touching
from wardmote.study.rounds import GroupSpec, ListSpec, RoundSpec


@dataclass(frozen=True, slots=True)
class Prepared:
    """A round that is ready to be chosen.

    Attributes:
        id: The round's section in the study.
        spec: The round.
        universe: Its places.
        need: Their measure of need.
        order: Need as the walk goes down it: n for the first, 1 for the last, ties settled; NaN where there is no measure.
        rules: The rules as arrays.
        groups: For each grouping of the rules what its groups are.
        published: On the published list or not, or None.
    """

    id: str
    spec: RoundSpec
    universe: Universe
    need: Need
    order: FloatArray
    rules: Rules
    groups: tuple[Groups, ...]
    published: BoolArray | None

    @property
    def n(self) -> int:
        """Return how many places there are."""
        return self.universe.n

    @property
    def where(self) -> str:
        """Return how problems name the round."""
        return f"study.toml, round.{self.id}"


Earlier = Callable[[str, Universe], BoolArray]
"""Gives which of these areas another round of the study funds."""


def prepare(
    tables: Tables, spec: RoundSpec, id_: str, earlier: Earlier | None = None
) -> tuple[Prepared | None, list[Problem]]:
    """Return a round as arrays, or None and everything that is wrong with it.

    Args:
        tables: The tables.
        spec: The round, checked by `check_round`.
        id_: Its section in the study.
        earlier: Gives the places of another round, where a list names one.
    """
    problems: list[Problem] = []
    where = f"study.toml, round.{id_}"
    universe = tables.universe(spec.level, spec.starting)
    if not universe.n:
        said = f"no area of {spec.level}" + (
            f" starts with {', '.join(spec.starting)}" if spec.starting else ""
        )
        return None, [Problem(f"{where}.level", said, remedy="Correct the level, or bring in its areas.")]
    need = measured(tables, universe, spec, where, problems)
    build = _Builder(tables, universe, spec, where, earlier, problems)
    exclusions = build.exclusions()
    groupings, groups = build.groupings()
    must = build.mask_of(spec.include, f"{where}.include")
    neighbours = build.neighbours() if spec.apart else None
    award, unknown = build.awards(need)
    if unknown.any():
        exclusions.append((f"its {spec.award.by} is not known", unknown))
    published = build.published()
    required = must if must.any() else None
    rules = Rules(award, spec.places, spec.budget, groupings, tuple(exclusions), required, neighbours)
    if not problems:
        try:
            check_rules(rules, universe.code_list)
        except MethodError as error:
            problems += [_placed(problem, where) for problem in error.problems]
    if problems:
        return None, problems
    return Prepared(id_, spec, universe, need, ordered(need, universe, spec), rules, groups, published), []


def _placed(problem: Problem, where: str) -> Problem:
    """Return a problem of the arrays with its setting: ``rules region 'North'`` is one of the groups."""
    said = problem.where.removeprefix("rules ")
    setting = {"budget": "budget", "must include": "include", "places": "places", "award": "award"}.get(
        said, "groups"
    )
    named = problem.what if setting != "groups" else f"{said}: {problem.what}"
    return Problem(f"{where}.{setting}", named, problem.got, problem.expected, problem.remedy)


def ordered(need: Need, universe: Universe, spec: RoundSpec) -> FloatArray:
    """Return need as a strict order: n for the first down to 1, NaN where there is none.

    Args:
        need: The measure of need.
        universe: The places.
        spec: The round: its rule for ties.
    """
    missing = np.isnan(need.score)
    tie = -np.nan_to_num(universe.population) if spec.tie == "population" else np.zeros(universe.n)
    order = np.lexsort((np.arange(universe.n), tie, np.where(missing, np.inf, -need.score)))
    place = np.empty(universe.n)
    place[order] = np.arange(universe.n, 0, -1)
    return np.where(missing, np.nan, place)


@dataclass(slots=True)
class _Builder:
    """Turns the settings of one round into arrays, and collects what is wrong."""

    tables: Tables
    universe: Universe
    spec: RoundSpec
    where: str
    earlier: Earlier | None
    problems: list[Problem]

    def mask_of(self, codes: list[str], where: str) -> BoolArray:
        """Return which places are listed; a code that is not there is a problem."""
        at = places_of(pa.array(codes, pa.string()), self.universe.codes)
        unknown = [code for code, i in zip(codes, at.tolist(), strict=True) if i < 0]
        if unknown:
            self.problems.append(
                Problem(
                    where,
                    "unknown codes",
                    ", ".join(unknown[:5]),
                    f"areas of {self.universe.level}",
                    "Correct or remove them.",
                )
            )
        mask = np.zeros(self.universe.n, dtype=np.bool_)
        mask[at[at >= 0]] = True
        return mask

    def exclusions(self) -> list[tuple[str, BoolArray]]:
        """Return the named lists of areas that cannot be funded."""
        found: list[tuple[str, BoolArray]] = []
        if self.spec.population:
            low, high = self.spec.population
            with np.errstate(invalid="ignore"):
                outside = ~(self.universe.population >= low) | (
                    (self.universe.population > high) if high else False
                )
            said = f"population outside {low:,} to {high:,}" if high else f"population under {low:,}"
            found.append((said, np.asarray(outside, dtype=np.bool_)))
        if self.spec.definition:
            rows = self.tables.need[
                (self.tables.need["definition"] == self.spec.definition)
                & (self.tables.need["level"] == self.universe.level)
            ]
            if not len(rows):
                self.problems.append(
                    Problem(
                        f"{self.where}.definition",
                        f"the definition says nothing of {self.universe.level}",
                        self.spec.definition,
                        remedy="State a definition of need at the level of the round.",
                    )
                )
            inside = rows[rows["doubly_disadvantaged"].fillna(False).astype(bool)]
            mask = np.ones(self.universe.n, dtype=np.bool_)
            at = places_of(column(inside, "area"), self.universe.codes)
            mask[at[at >= 0]] = False
            found.append((f"not {self.tables.titles.get(self.spec.definition, self.spec.definition)}", mask))
        for k, one in enumerate(self.spec.exclude, 1):
            mask = self._listed(one, f"{self.where}.exclude.{k}")
            found.append((one.title or f"list {k}", mask))
        return found

    def _listed(self, one: ListSpec, where: str) -> BoolArray:
        """Return which places a list holds, by its rule of geometry."""
        level = one.level or self.universe.level
        named = self.universe if level == self.universe.level else self.tables.universe(level, [])
        mask = np.zeros(named.n, dtype=np.bool_)
        if one.round and self.earlier is not None:
            mask |= self.earlier(one.round, named)
        keys = named.code_list if one.match == "code" else list(named.names)
        place: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            place.setdefault(key.casefold(), []).append(i)
        unknown = [item for item in one.areas if item.casefold() not in place]
        for item in one.areas:
            mask[place.get(item.casefold(), [])] = True
        if unknown:
            self.problems.append(
                Problem(
                    f"{where}.areas",
                    f"unknown {one.match}s of {level}",
                    ", ".join(unknown[:5]),
                    remedy="Correct them, or bring in the areas of that level.",
                )
            )
        own = mask if level == self.universe.level else self._inside(named, mask, where)
        return own if not one.same else self._sharing(named, mask, one.same, where) | own

    def _inside(self, named: Universe, mask: BoolArray, where: str) -> BoolArray:
        """Return which places lie in one of the larger areas listed."""
        at = self.tables.parents_among(self.universe, named)
        if not named.n or (at < 0).all():
            self.problems.append(
                Problem(
                    f"{where}.level",
                    f"there is no look-up from {self.universe.level} to {named.level}",
                    remedy="Add a source of memberships between the two.",
                )
            )
            return np.zeros(self.universe.n, dtype=np.bool_)
        return np.asarray((at >= 0) & mask[np.maximum(at, 0)])

    def _sharing(self, named: Universe, mask: BoolArray, level: str, where: str) -> BoolArray:
        """Return which places share a larger area with one that is listed."""
        mine, theirs = self.tables.parents(self.universe, level), self.tables.parents(named, level)
        if mine is None or theirs is None:
            self.problems.append(
                Problem(
                    f"{where}.same", f"there is no look-up to {level}", expected="memberships of both levels"
                )
            )
            return np.zeros(self.universe.n, dtype=np.bool_)
        codes = {theirs.codes[g] for g in theirs.group[mask].tolist() if g >= 0}
        hit = np.array([code in codes for code in mine.codes], dtype=np.bool_)
        return np.asarray((mine.group >= 0) & hit[np.maximum(mine.group, 0)])

    def groupings(self) -> tuple[tuple[Grouping, ...], tuple[Groups, ...]]:
        """Return groups with their caps and minimums."""
        groupings, kept = [], []
        for k, one in enumerate(self.spec.groups, 1):
            groups = self.tables.grouped(self.universe, one.by)
            if groups is None:
                self.problems.append(
                    Problem(
                        f"{self.where}.groups.{k}.by",
                        "unknown group: neither a larger area of the places nor a classification",
                        one.by,
                        remedy="Correct the name, or add the look-up or the classification as a source.",
                    )
                )
                continue
            cap = self._numbers(one, groups, "cap", f"{self.where}.groups.{k}.caps")
            least = self._numbers(one, groups, "minimum", f"{self.where}.groups.{k}.minimums")
            title = one.title or groups.title
            names = tuple(groups.names)
            groupings.append(
                Grouping(
                    title,
                    groups.group,
                    cap if (cap < NO_CAP).any() else None,
                    least if (least > 0).any() else None,
                    one.count,
                    names,
                )
            )
            kept.append(groups)
        return tuple(groupings), tuple(kept)

    def _numbers(self, one: GroupSpec, groups: Groups, what: str, where: str) -> IntArray:
        """Return the cap or minimum of each group."""
        every, single, empty = (
            (one.cap, one.caps, NO_CAP) if what == "cap" else (one.minimum, one.minimums, 0)
        )
        out = np.full(len(groups.codes), empty if every is None else every, dtype=np.int64)
        for code, number in single.items():
            if code in groups.codes:
                out[groups.codes.index(code)] = number
            else:
                self.problems.append(
                    Problem(
                        f"{where}.{code}",
                        f"unknown group: a {what} for one that holds no place",
                        code,
                        ", ".join(groups.codes[:8]) + (" …" if len(groups.codes) > 8 else ""),
                        "Correct the code.",
                    )
                )
        return out

    def neighbours(self) -> tuple[IntArray, IntArray] | None:
        """Return which places are next to each other, from their boundaries."""
        rows = self.tables.boundaries
        rows = rows[rows["level"] == self.universe.level] if rows is not None and len(rows) else None
        at = (
            places_of(self.universe.codes, column(rows, "area"))
            if rows is not None
            else np.full(self.universe.n, -1)
        )
        if (at < 0).any():
            self.problems.append(
                Problem(
                    f"{self.where}.apart",
                    f"{int((at < 0).sum()):,} places have no boundary",
                    expected=f"boundaries of {self.universe.level}",
                    remedy="Add a source of boundaries.",
                )
            )
            return None
        shapes = column(rows, "geometry").take(pa.array(at)).to_pylist()  # type: ignore[arg-type]  # rows is there: none lacks one
        found = touching(shapes)
        return found.indptr, found.indices

    def awards(self, need: Need) -> tuple[IntArray, BoolArray]:
        """Return what each place would receive, and where the quantity that it follows is not known."""
        award, none = self.spec.award, np.zeros(self.universe.n, dtype=np.bool_)
        if not award.by:
            return np.full(self.universe.n, award.pounds or 0, dtype=np.int64), none
        amount = quantity(self.tables, self.universe, need, award.by)
        if amount is None:
            self.problems.append(
                Problem(
                    f"{self.where}.award.by",
                    f"there are no values of it at {self.universe.level}",
                    award.by,
                    "population, households, self.need, self.need x population, or an indicator",
                )
            )
            return np.zeros(self.universe.n, dtype=np.int64), none
        known = np.isfinite(amount)
        if (amount[known] < 0).any():
            self.problems.append(
                Problem(
                    f"{self.where}.award.by",
                    "awards cannot follow a quantity below 0",
                    f"{amount[known].min():.4g}",
                    remedy='Use combine = "minmax", "rank" or "score" of something that is never negative.',
                )
            )
            return np.zeros(self.universe.n, dtype=np.int64), none
        if award.share:
            return np.where(known, award.floor, 0).astype(np.int64), ~known
        made = rate_awards(
            known, amount, award.rate or 0.0, base=award.base, floor=award.floor, ceiling=award.ceiling
        )
        return made.pounds, ~known

    def published(self) -> BoolArray | None:
        if self.spec.published is None:
            return None
        return self._listed(self.spec.published, f"{self.where}.published")
