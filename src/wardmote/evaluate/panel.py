"""A programme's data as arrays: who was supported from when, who may be compared, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wardmote.errors import InputError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.differences import NEVER
from wardmote.methods.trust import nearest_supported
from wardmote.study import ProgrammeSpec

if TYPE_CHECKING:
    import pandas as pd

EARTH_KM = 6371.0088
"""Mean radius of the earth in kilometres (IUGG)."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One outcome of one programme; arrays in the order of `areas`, which are all areas of the level.

    Attributes:
        outcome: Indicator of the outcome.
        title: Its title.
        unit: Its unit.
        direction: 1 where higher means more need, −1 where less.
        areas: Codes.
        periods: Periods in order.
        y: Outcome, shape (periods, n), NaN where missing.
        start: Position of the first supported period or `NEVER`, shape (n,).
        role: Each area's part; see table `comparators`.
        covariates: Values, shape (k, n), NaN where missing.
        cluster: Cluster of each area, shape (n,), or None.
        stratum: Larger area inside which matches lie, shape (n,), or None.
        distance: Kilometres to the nearest supported area, NaN where unknown, shape (n,).
        nearest: Position of that area, −1 where unknown, shape (n,).
        population: Residents, NaN where unknown, shape (n,).
        notes: What a reader must know of the data, in sentences.
    """

    outcome: str
    title: str
    unit: str
    direction: int
    areas: tuple[str, ...]
    periods: tuple[str, ...]
    y: FloatArray
    start: IntArray
    role: tuple[str, ...]
    covariates: FloatArray
    cluster: IntArray | None
    stratum: IntArray | None
    distance: FloatArray
    nearest: IntArray
    population: FloatArray
    notes: tuple[str, ...]

    def places(self, *roles: str) -> IntArray:
        """Return the positions of the areas that have one of these roles."""
        return np.flatnonzero(np.isin(np.array(self.role), roles))


@dataclass(frozen=True, slots=True)
class Inputs:
    """The tables that an evaluation reads."""

    areas: pd.DataFrame
    memberships: pd.DataFrame
    indicators: pd.DataFrame
    values: pd.DataFrame
    boundaries: pd.DataFrame | None


def read_panels(inputs: Inputs, spec: ProgrammeSpec, programme: str) -> dict[str, Panel]:
    """Return the panel of every outcome of a programme, the primary one first.

    Args:
        inputs: The tables.
        spec: The programme.
        programme: Its name.

    Raises:
        InputError: Everything that makes an evaluation impossible, together: an outcome that is modelled, absent or without several
            periods; supported areas that are unknown, begin in the panel's first period or after its end, or are never seen before their
            start; an empty comparison pool; covariates that are not there.
    """
    where = f"programme.{programme}"
    outcomes = list(dict.fromkeys([spec.outcome, *spec.also, *spec.added.outcomes]))
    problems = list(_indicator_problems(inputs, spec, outcomes, where))
    if problems:
        raise InputError(problems)
    codes = _codes(inputs, spec)
    treated = {area for cohort in spec.cohorts for area in cohort.areas}
    unknown = sorted(treated - set(codes))
    if unknown:
        problems.append(
            Problem(
                f"{where}.cohorts",
                f"{len(unknown)} supported areas are not areas of {spec.level}",
                ", ".join(unknown[:3]),
                f"codes of {spec.level} and its vintage",
                "Convert the programme's areas to the level of the outcome, or correct the codes.",
            )
        )
        raise InputError(problems)
    shared = _shared(inputs, spec, codes, where, problems)
    panels = {
        name: _one(inputs, spec, name, codes, shared, where=where, problems=problems) for name in outcomes
    }
    if problems:
        raise InputError(problems)
    return {name: panel for name, panel in panels.items() if panel is not None}


def widened(spec: ProgrammeSpec, memberships: pd.DataFrame, programme: str) -> ProgrammeSpec:
    """Return the programme with cohorts of larger areas written as the areas that lie in them.

    Args:
        spec: The programme.
        memberships: Table `memberships`; an area lies in the larger one that holds most of it.
        programme: Its name.

    Raises:
        InputError: A larger area without any area of the programme's level, or an area in two cohorts.
    """
    cohorts, problems = [], []
    seen: dict[str, int] = {}
    for number, cohort in enumerate(spec.cohorts, start=1):
        where = f"programme.{programme}.cohorts {number}"
        if cohort.level and cohort.level != spec.level:
            inside: dict[str, list[str]] = {code: [] for code in cohort.areas}
            for area, parent in _parents_of(memberships, spec.level, cohort.level).items():
                if parent in inside:
                    inside[parent].append(area)
            lost = [code for code, areas in inside.items() if not areas]
            if lost:
                problems.append(
                    Problem(
                        f"{where}, areas",
                        f"{len(lost)} areas of {cohort.level} hold no area of {spec.level}",
                        ", ".join(lost[:3]),
                        f"codes of {cohort.level}, and memberships of {spec.level} in it",
                        "Correct the codes, or add a source of memberships.",
                    )
                )
            spread = cohort.model_copy(
                update={"areas": sorted(a for areas in inside.values() for a in areas)}
            )
        else:
            spread = cohort
        twice = [area for area in spread.areas if seen.setdefault(area, number) != number]
        if twice:
            problems.append(
                Problem(
                    f"{where}, areas",
                    f"{len(twice)} areas stand in two cohorts",
                    ", ".join(twice[:3]),
                    "each area once",
                    "Keep its first start.",
                )
            )
        cohorts.append(spread)
    if problems:
        raise InputError(problems)
    return spec.model_copy(update={"cohorts": cohorts})


# ---- what is the same for all outcomes


@dataclass(frozen=True, slots=True)
class _Shared:
    distance: FloatArray
    nearest: IntArray
    cluster: IntArray | None
    stratum: IntArray | None
    pool: BoolArray
    excluded: BoolArray
    population: FloatArray


def _indicator_problems(
    inputs: Inputs, spec: ProgrammeSpec, outcomes: list[str], where: str
) -> list[Problem]:
    """Return what is wrong with the indicators named."""
    modelled = dict(zip(inputs.indicators["indicator"], inputs.indicators["modelled"], strict=True))
    present = set(inputs.values.loc[inputs.values["level"] == spec.level, "indicator"].unique())
    problems = []
    for name in outcomes:
        if name not in modelled or name not in present:
            problems.append(
                Problem(
                    f"{where}.outcome",
                    "the outcome has no values at this level",
                    name,
                    f"values at {spec.level}",
                )
            )
        elif str(modelled[name]) == "yes":
            problems.append(
                Problem(
                    f"{where}.outcome",
                    "the outcome is a model's estimate, which cannot show what a programme changed",
                    name,
                    "an outcome that was measured in each area",
                    "A model fills small areas from their other features: it would not see the change. Use counts or a survey.",
                )
            )
    for name in spec.covariates:
        if name not in present:
            problems.append(
                Problem(
                    f"{where}.covariates",
                    "the covariate has no values at this level",
                    name,
                    f"values at {spec.level}",
                )
            )
    return problems


def _codes(inputs: Inputs, spec: ProgrammeSpec) -> list[str]:
    """Return all areas of the level, in order."""
    listed = inputs.areas.loc[inputs.areas["level"] == spec.level, "area"]
    measured = inputs.values.loc[
        (inputs.values["level"] == spec.level) & (inputs.values["indicator"] == spec.outcome), "area"
    ]
    return sorted({*listed.unique(), *measured.unique()})


def _shared(
    inputs: Inputs, spec: ProgrammeSpec, codes: list[str], where: str, problems: list[Problem]
) -> _Shared:
    """Return distances, groups and who is in the pool."""
    n = len(codes)
    begun = np.full(n, NEVER, dtype=np.int64)
    place = {code: i for i, code in enumerate(codes)}
    begun[[place[area] for cohort in spec.cohorts for area in cohort.areas]] = 0
    distance, nearest = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    if spec.comparison.apart_km or spec.rings_km:
        points = _points(inputs, spec.level, codes)
        if np.isnan(points).all():
            problems.append(
                Problem(
                    f"{where}.comparison",
                    "distances need boundaries",
                    "none",
                    f"boundaries of {spec.level}",
                    "Add a source of boundaries, or leave out apart_km and rings_km.",
                )
            )
        else:
            distance, nearest = nearest_supported(points, begun)
    groups = [
        _group(inputs, spec.level, level, codes, where=f"{where}.{key}", problems=problems) if level else None
        for key, level in (("cluster", spec.cluster), ("comparison.within", spec.comparison.within))
    ]
    listed, left = (
        _within(inputs, spec.level, names, codes)
        for names in (spec.comparison.areas, spec.comparison.exclude)
    )
    people = inputs.areas[inputs.areas["level"] == spec.level]
    known = dict(
        zip(_texts(people["area"]), people["population"].to_numpy(dtype=float, na_value=np.nan), strict=True)
    )
    return _Shared(
        distance,
        nearest,
        groups[0],
        groups[1],
        listed if spec.comparison.areas else np.ones(n, dtype=np.bool_),
        left,
        np.array([known.get(code, np.nan) for code in codes]),
    )


def _points(inputs: Inputs, level: str, codes: list[str]) -> FloatArray:
    """Return middles of shapes in kilometres east and north of their mean, shape (2, n); NaN without a shape."""
    out = np.full((2, len(codes)), np.nan)
    if inputs.boundaries is None or not len(inputs.boundaries):
        return out
    import shapely

    rows = inputs.boundaries[inputs.boundaries["level"] == level]
    centre = shapely.centroid(shapely.from_wkb(rows["geometry"].to_numpy(dtype=object)))
    lon, lat = np.radians(shapely.get_x(centre)), np.radians(shapely.get_y(centre))
    # An equirectangular map about the mean latitude: off by under 1% across a county, by 3% at the ends of a country of England's size.
    xy = EARTH_KM * np.stack([lon * np.cos(lat.mean()), lat]) if len(lat) else np.zeros((2, 0))
    place = {code: i for i, code in enumerate(codes)}
    at = np.array([place.get(code, -1) for code in rows["area"]], dtype=np.int64)
    out[:, at[at >= 0]] = xy[:, at >= 0]
    return out


def _parents_of(memberships: pd.DataFrame, level: str, parent_level: str) -> dict[str, str]:
    """Return the larger area that holds most of each area."""
    rows = memberships
    rows = rows[(rows["level"] == level) & (rows["parent_level"] == parent_level)]
    rows = rows.sort_values("weight", kind="stable")
    return dict(zip(_texts(rows["area"]), _texts(rows["parent"]), strict=True))


def _texts(column: pd.Series) -> list[str]:
    """Return a column of texts as a list, many times faster than going through it one by one."""
    return column.to_numpy(dtype=object).tolist()


def _group(
    inputs: Inputs, level: str, parent_level: str, codes: list[str], *, where: str, problems: list[Problem]
) -> IntArray | None:
    """Return the number of each area's larger area."""
    if parent_level == level:
        return np.arange(len(codes))
    parents = _parents_of(inputs.memberships, level, parent_level)
    lost = [code for code in codes if code not in parents]
    if lost:
        problems.append(
            Problem(
                where,
                f"{len(lost):,} areas lie in no area of {parent_level}",
                lost[0],
                f"a membership in {parent_level} for each area",
            )
        )
        return None
    return np.asarray(np.unique([parents[code] for code in codes], return_inverse=True)[1], dtype=np.int64)


def _within(inputs: Inputs, level: str, names: list[str], codes: list[str]) -> BoolArray:
    """Return which areas are named, by themselves or by a larger area."""
    wanted = set(names)
    if not wanted:
        return np.zeros(len(codes), dtype=np.bool_)
    rows = inputs.memberships[
        (inputs.memberships["level"] == level) & inputs.memberships["parent"].isin(wanted)
    ]
    inside = set(rows["area"]) | wanted
    return np.array([code in inside for code in codes], dtype=np.bool_)


# ---- one outcome


def _one(
    inputs: Inputs,
    spec: ProgrammeSpec,
    outcome: str,
    codes: list[str],
    shared: _Shared,
    *,
    where: str,
    problems: list[Problem],
) -> Panel | None:
    """Return the panel of one outcome, or add what is wrong."""
    periods, y = _pivot(
        inputs.values, outcome, spec.level, codes, where=f"{where}.outcome", problems=problems
    )
    if np.isnan(y).all() or np.nanmin(y) == np.nanmax(y):
        problems.append(
            Problem(
                f"{where}.outcome",
                f"{outcome} has no figures"
                if np.isnan(y).all()
                else f"{outcome} is the same everywhere, always",
                "none" if np.isnan(y).all() else f"{np.nanmin(y):g}",
                "an outcome that was measured, and varies",
                "See the table `values`: perhaps the column was read wrongly.",
            )
        )
        return None
    if len(periods) < 2:
        problems.append(
            Problem(
                f"{where}.outcome",
                f"{outcome} has one period only",
                ", ".join(periods),
                "several periods, before and after the start",
            )
        )
        return None
    start = _starts(spec, codes, periods, y, where=where, problems=problems)
    treated = start != NEVER
    seen = ~np.isnan(y).all(axis=0)
    near = (
        ~treated & (shared.distance <= spec.comparison.apart_km)
        if spec.comparison.apart_km
        else np.zeros(len(codes), dtype=np.bool_)
    )
    role = np.select(
        [treated, shared.excluded, ~shared.pool, near, ~seen],
        ["supported", "excluded", "outside the pool", "too near", "no outcome"],
        default="comparison",
    )
    pool = int((role == "comparison").sum())
    if not pool and spec.comparison.kind == "never":
        problems.append(
            Problem(
                f"{where}.comparison",
                "the comparison pool is empty",
                f"{len(codes):,} areas, {int(treated.sum())} supported, {int(near.sum())} too near",
                "areas that were not supported",
                "Widen the pool, lower apart_km, or compare with areas not yet supported.",
            )
        )
    covariates, notes = _covariates(
        inputs,
        spec,
        codes,
        min((periods[s] for s in start[treated] if s < len(periods)), default=""),
        where=f"{where}.covariates",
        problems=problems,
    )
    row = inputs.indicators[inputs.indicators["indicator"] == outcome].iloc[0]
    unit = row["unit"]
    return Panel(
        outcome,
        str(row["title"]),
        str(unit) if isinstance(unit, str) else "",
        int(row["direction"]),
        tuple(codes),
        tuple(periods),
        y,
        start,
        tuple(role.tolist()),
        covariates,
        shared.cluster,
        shared.stratum,
        shared.distance,
        shared.nearest,
        shared.population,
        notes,
    )


def _pivot(
    values: pd.DataFrame, indicator: str, level: str, codes: list[str], *, where: str, problems: list[Problem]
) -> tuple[list[str], FloatArray]:
    """Return the periods in order, and values of shape (periods, n); an area and period that stand twice are a problem."""
    import pandas as pd

    rows = values[(values["indicator"] == indicator) & (values["level"] == level)]
    when, periods = pd.factorize(rows["period"].to_numpy(dtype=object), sort=True)
    place = pd.Index(np.array(codes, dtype=object)).get_indexer(rows["area"].to_numpy(dtype=object))
    y = np.full((len(periods), len(codes)), np.nan)
    known = place >= 0
    seen = np.bincount(when[known] * np.int64(len(codes)) + place[known], minlength=1)
    twice = int((seen - 1).clip(min=0).sum())
    if twice:
        problems.append(
            Problem(
                where,
                f"{twice:,} rows of {indicator} say an area and period again",
                "duplicates",
                "one row for each area and period",
                "Leave one of the two out: which is right is not for a programme to guess.",
            )
        )
    # An area of a covariate that is no area of the level, nor of the outcome, has no place.
    y[when[known], place[known]] = rows["value"].to_numpy(dtype=float, na_value=np.nan)[known]
    return [str(period) for period in periods], y


def _starts(
    spec: ProgrammeSpec,
    codes: list[str],
    periods: list[str],
    y: FloatArray,
    *,
    where: str,
    problems: list[Problem],
) -> IntArray:
    """Return the position of each area's first supported period."""
    place = {code: i for i, code in enumerate(codes)}
    start = np.full(len(codes), NEVER, dtype=np.int64)
    for number, cohort in enumerate(spec.cohorts, start=1):
        first = int(np.searchsorted(np.array(periods), cohort.start))
        at = np.array([place[area] for area in cohort.areas], dtype=np.int64)
        start[at] = first
        here = f"{where}.cohorts {number}"
        if first >= len(periods):
            problems.append(
                Problem(
                    f"{here}, start",
                    "support starts after the panel's end",
                    cohort.start,
                    f"a period up to {periods[-1]}",
                    "Leave the cohort out until there are figures from its start on.",
                )
            )
        elif first <= spec.anticipation:
            problems.append(
                Problem(
                    f"{here}, start",
                    "there is no period before support",
                    cohort.start,
                    f"a start after {periods[spec.anticipation]}",
                    "Add earlier periods of the outcome, or leave the cohort out.",
                )
            )
        else:
            unseen = [codes[i] for i in at if np.isnan(y[:first, i]).all()]
            if unseen:
                problems.append(
                    Problem(
                        f"{here}, areas",
                        f"{len(unseen)} supported areas have no figure before their start",
                        ", ".join(unseen[:3]),
                        "one at least",
                    )
                )
    return start


def _covariates(
    inputs: Inputs, spec: ProgrammeSpec, codes: list[str], first: str, *, where: str, problems: list[Problem]
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return covariates as measured last before the first start, or else first after it, which is told."""
    out, notes = [], []
    for name in spec.covariates:
        periods, values = _pivot(inputs.values, name, spec.level, codes, where=where, problems=problems)
        before = [i for i, period in enumerate(periods) if period < first]
        out.append(values[before[-1] if before else 0])
        if not before:
            notes.append(
                f"{name} was first measured in {periods[0]}, when support had begun: it may itself have been changed by it."
            )
    return (np.stack(out) if out else np.zeros((0, len(codes)))), tuple(notes)
