"""The allocate stage: where the money goes and why, under rules that a study states.

The way of a round: its specification is checked (`check`), turned into arrays (`rules`, with the measure of need from `measure`),
chosen (`choice`: down the list, the best set, or lots at the line), explained place by place (`reasons`, `telling`), tried in every
world that was drawn (`fragile`) and set beside other rules (`compare`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wardmote.allocate.check import check_round
from wardmote.allocate.choice import Outcome, by_year, decide
from wardmote.allocate.clusters import clustered
from wardmote.allocate.compare import compared
from wardmote.allocate.findings import found
from wardmote.allocate.fragile import Fragility, fragility, turning_weights
from wardmote.allocate.reasons import reasons
from wardmote.allocate.rules import Prepared, prepare
from wardmote.allocate.tables_in import Tables, Universe, places_of
from wardmote.allocate.telling import Teller
from wardmote.errors import MethodError, Problem, StudyError
from wardmote.levels import LEVELS, Level, nouns_of
from wardmote.methods.apportion import apportion
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.study.rounds import RoundSpec
from wardmote.tables import concat, frame

if TYPE_CHECKING:
    import pandas as pd

STATED = "stated"
"""How the tables name the round's own set of rules."""

__all__ = ["RoundTables", "check_round", "run_round"]


@dataclass(frozen=True, slots=True)
class RoundTables:
    """One funding round.

    Attributes:
        awards: Table `awards`: the funded, by year.
        decisions: Table `decisions`: every place of the round.
        fragility: Table `fragility`; empty where neither draws nor lots say anything.
        rule_comparison: Table `rule_comparison`.
        findings: Table `findings`.
    """

    awards: pd.DataFrame
    decisions: pd.DataFrame
    fragility: pd.DataFrame
    rule_comparison: pd.DataFrame
    findings: pd.DataFrame


def run_round(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    scores: pd.DataFrame,
    summaries: pd.DataFrame,
    *,
    values: pd.DataFrame,
    indicators: pd.DataFrame,
    classes: pd.DataFrame,
    need: pd.DataFrame,
    spec: RoundSpec,
    round: str,  # noqa: A002 — what the study calls the section
    draws: pd.DataFrame | None = None,
    boundaries: pd.DataFrame | None = None,
    others: Mapping[str, RoundSpec] | None = None,
    higher: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
    levels: Mapping[str, Level] | None = None,
) -> RoundTables:
    """Return who is funded, with how much, why, how firmly, and what other rules would do.

    Args:
        areas: Table `areas`.
        memberships: Table `memberships`.
        scores: Table `scores` of the indices in the measure of need.
        summaries: Table `summaries` of the same.
        values: Table `values`: indicators in the measure, in awards and of groups of people.
        indicators: Table `indicators`.
        classes: Table `classes`.
        need: Table `need`, for a round among areas that have both needs.
        draws: Table `draws` of the indices in the measure, or None.
        boundaries: Table `boundaries`, for neighbours and clusters, or None.
        spec: The round.
        round: Its section in the study.
        others: Rounds that it is set beside or that its lists name.
        higher: For each index whether a higher score means more need or better.
        titles: Titles of indices and definitions.
        levels: Levels of the study.

    Returns:
        The tables. Pounds are whole and add up to what is said to be spent.

    Raises:
        StudyError: The rules cannot hold, or name what the study does not have; all problems together, each with its setting.
    """
    known = LEVELS if levels is None else levels
    tables = Tables(
        areas, memberships, scores, summaries, values, indicators, classes, need, draws, boundaries,
        known, higher or {}, titles or {},
    )  # fmt: skip
    run = _Run(tables, dict(others or {}))
    try:
        ready, outcome, firmness = run.settled(round, spec)
    except MethodError as error:
        raise StudyError(error.problems) from error
    why = reasons(ready, outcome)
    nouns = nouns_of(spec.level, known)
    ranked = int((~np.isnan(ready.need.rank)).sum())
    teller = Teller(ready, outcome, why, ranked, turning_weights(ready, outcome))
    beside = {name: run.settled(name, run.others[name])[:2] for name in spec.compare}
    comparison, told = compared(tables, ready, outcome, beside)
    members = run.members.get(round)
    return RoundTables(
        _awards(ready, outcome) if members is None else _member_awards(members, ready, outcome),
        _decisions(teller)
        if members is None
        else _member_decisions(members, _decisions(teller), _member_pounds(members, outcome)),
        _fragility(ready, outcome, firmness),
        comparison,
        found(ready, outcome, firmness, told, nouns),
    )


class _Run:
    """Settles rounds, each once; a round may name places of another one before it.

    Args:
        tables: The tables.
        others: The other rounds by name.
    """

    def __init__(self, tables: Tables, others: dict[str, RoundSpec]) -> None:
        self.tables = tables
        self.others = others
        self.members: dict[str, tuple[Universe, IntArray]] = {}
        self._settled: dict[str, tuple[Prepared, Outcome, Fragility | None]] = {}

    def settled(self, name: str, spec: RoundSpec) -> tuple[Prepared, Outcome, Fragility | None]:
        """Return a round ready, decided, and how firm it is."""
        if name not in self._settled:
            problems = check_round(spec, name, self.tables.levels)
            ready, further = (None, []) if problems else prepare(self.tables, spec, name, self._earlier)
            if ready is None:
                raise StudyError([*problems, *further])
            if spec.cluster is not None:
                single = ready.universe
                ready, part = clustered(self.tables, ready)
                self.members[name] = (single, part)
            firm = fragility(self.tables, ready)
            outcome = decide(self.tables, ready, None if firm is None else firm.p_funded)
            self._settled[name] = (ready, outcome, firm)
        return self._settled[name]

    def _earlier(self, name: str, universe: Universe) -> BoolArray:
        """Return which areas another round funds."""
        if name not in self.others:
            raise StudyError(Problem(f"study.toml, round.{name}", "the round is not known here"))
        ready, outcome, _ = self.settled(name, self.others[name])
        funded = ready.universe.codes.filter(pa.array(outcome.funded))
        if name in self.members:
            single, part = self.members[name]
            funded = single.codes.filter(pa.array((part >= 0) & outcome.funded[np.maximum(part, 0)]))
        mask = np.zeros(universe.n, dtype=np.bool_)
        at = places_of(funded, universe.codes)
        mask[at[at >= 0]] = True
        return mask


def _keys(ready: Prepared, codes: Any) -> dict[str, Any]:
    """Return the columns that name rows."""
    n = len(codes)
    names = {"round": ready.id, "rules": STATED, "level": ready.spec.level}
    return {**{key: pa.repeat(pa.scalar(text), n) for key, text in names.items()}, "area": codes}


def _awards(ready: Prepared, outcome: Outcome) -> pd.DataFrame:
    """Return the table of awards: one row for each funded place and year."""
    funded = np.flatnonzero(outcome.funded)
    years, pounds = by_year(outcome.pounds[funded], ready.spec.tranches)
    rows = np.repeat(funded, len(years))
    keys = _keys(ready, ready.universe.codes.take(pa.array(rows)))
    return frame(
        "awards",
        {
            **keys,
            "year": list(years) * len(funded),
            "pounds": pounds.reshape(-1),
            "price_year": [ready.spec.price_year or None] * len(rows),
        },
    )


def _member_awards(members: tuple[Universe, IntArray], ready: Prepared, outcome: Outcome) -> pd.DataFrame:
    """Return the table of awards of clusters: each award shared among its areas by their people, to the last pound."""
    single, part = members
    pounds = _member_pounds(members, outcome)
    funded = np.flatnonzero((part >= 0) & outcome.funded[np.maximum(part, 0)])
    years, cut = by_year(pounds[funded], ready.spec.tranches)
    rows = np.repeat(funded, len(years))
    price = [ready.spec.price_year or None] * len(rows)
    keys = _keys(ready, single.codes.take(pa.array(rows)))
    return frame(
        "awards", {**keys, "year": list(years) * len(funded), "pounds": cut.reshape(-1), "price_year": price}
    )


def _member_pounds(members: tuple[Universe, IntArray], outcome: Outcome) -> IntArray:
    """Return the part of each area in the award of its cluster, whole pounds that add up to it."""
    single, part = members
    people = np.nan_to_num(single.population)
    pounds = np.zeros(single.n, dtype=np.int64)
    for k in np.flatnonzero(outcome.funded).tolist():
        inside = np.flatnonzero(part == k)
        weight = people[inside] if people[inside].any() else np.ones(len(inside))
        pounds[inside] = apportion(int(outcome.pounds[k]), weight)
    return pounds


def _member_decisions(
    members: tuple[Universe, IntArray], decisions: pd.DataFrame, pounds: IntArray
) -> pd.DataFrame:
    """Return the table of decisions by area: those of a cluster share its decision, all others are in none."""
    single, part = members
    inside = np.flatnonzero(part >= 0)
    theirs = decisions.iloc[part[inside]].reset_index(drop=True)
    theirs["area"] = single.codes.take(pa.array(inside)).to_pylist()
    theirs["population"] = single.population[inside]
    theirs["pounds"] = theirs["pounds"].where(theirs["pounds"].isna(), pounds[inside])
    theirs["sentence"] = "As part of its cluster. " + theirs["sentence"]
    outside = np.flatnonzero(part < 0)
    n = len(outside)
    first = decisions.iloc[0]
    others = frame(
        "decisions",
        {
            **{key: pa.repeat(pa.scalar(str(first[key])), n) for key in ("round", "rules", "level")},
            "area": single.codes.take(pa.array(outside)),
            "funded": np.zeros(n, dtype=np.bool_),
            "decided_by": ["not in a cluster"] * n,
            "population": single.population[outside],
            "flip": ["A correction of its data that made it part of the best cluster around it."] * n,
            "sentence": [
                "Not funded: it is not part of the best cluster of its larger area, or no rule lets it be one."
            ]
            * n,
        },
    )
    both = concat(
        "decisions", [frame("decisions", {str(name): theirs[name].array for name in theirs}), others]
    )
    return both.sort_values("area", kind="stable").reset_index(drop=True)


def _decisions(teller: Teller) -> pd.DataFrame:
    """Return the table of decisions: one row for each place."""
    ready, outcome, why = teller.ready, teller.outcome, teller.why
    chosen, line, every = outcome.choice.chosen, why.line, range(ready.n)
    to = np.maximum(line, 0)
    score, rank = ready.need.score, ready.need.rank
    codes = ready.universe.code_list
    waiting = outcome.lots is not None and outcome.lots.drawn is None
    open_yet = (
        outcome.lots.contested if outcome.lots is not None and waiting else np.zeros(ready.n, dtype=np.bool_)
    )

    def at(values: FloatArray) -> FloatArray:
        return np.where(line >= 0, values[to], np.nan)

    return frame(
        "decisions",
        {
            **_keys(ready, ready.universe.codes),
            "funded": pa.array(chosen, mask=open_yet),
            "decided_by": [teller.decided(i) for i in every],
            "rule": pa.array([teller.rule(i) for i in every], pa.string()),
            "score": score,
            "rank": rank,
            "population": ready.universe.population,
            "pounds": pa.array(outcome.pounds, mask=~chosen),
            "line": at(score),
            "margin": score - at(score),
            "margin_rank": at(rank) - rank,
            "last_in": pa.array(
                [codes[j] if j >= 0 and not c else None for j, c in zip(line, chosen, strict=True)],
                pa.string(),
            ),
            "first_out": pa.array(
                [codes[j] if j >= 0 and c else None for j, c in zip(line, chosen, strict=True)], pa.string()
            ),
            "flip": [teller.flip(i) for i in every],
            "sentence": [teller.sentence(i) for i in every],
            "published": pa.nulls(ready.n, pa.bool_())
            if ready.published is None
            else pa.array(ready.published),
        },
    )


def _fragility(ready: Prepared, outcome: Outcome, firm: Fragility | None) -> pd.DataFrame:
    """Return the table of fragility: places that could be funded."""
    if firm is None and outcome.lots is None:
        return frame("fragility", {})
    chance = np.full(ready.n, np.nan)
    if outcome.lots is not None:
        chance[outcome.lots.firm] = 1.0
        chance[outcome.lots.contested] = outcome.lots.plan.probability
        chance = np.where(np.isnan(chance), 0.0, chance)
    share = np.full(ready.n, np.nan) if firm is None else firm.p_funded
    standing = firm.standing if firm is not None else np.where(chance >= 1, 0, np.where(chance > 0, 1, 2))
    names = pa.array(["firm", "contested", "out"])
    return frame(
        "fragility",
        {
            **_keys(ready, ready.universe.codes),
            "p_funded": share,
            "inclusion_probability": chance,
            "standing": pa.DictionaryArray.from_arrays(pa.array(standing.astype(np.int32)), names),
        },
    )
