"""Places that are put together from neighbouring areas: in each larger area the contiguous set worth most, up to a population."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from wardmote.allocate.choice import worth
from wardmote.allocate.measure import Need, combined
from wardmote.allocate.rules import Prepared, ordered
from wardmote.allocate.tables_in import Tables, Universe, column, places_of
from wardmote.errors import Problem, StudyError
from wardmote.methods.awards import rate_awards
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import Grouping, Rules
from wardmote.methods.cluster import cluster
from wardmote.methods.neighbours import touching
from wardmote.methods.ranks import best_rank

NODES = 100
"""Most nodes of the search in one larger area: some seconds for 300 areas; a count, so that the answer does not depend on the machine."""


def clustered(tables: Tables, ready: Prepared) -> tuple[Prepared, IntArray]:
    """Return the round with clusters as its places, and the cluster of each area.

    In each larger area the connected set of eligible areas is found that is worth most (need × people by the round's objective) with a
    population between the two limits. A cluster stands under the code of its first area; its measure of need is the mean of its
    areas' by people, its people are theirs together, and it lies in the groups of its first area.

    Args:
        tables: The tables.
        ready: The round over single areas.

    Returns:
        The round over clusters, and the position of the cluster that each area is part of, −1 for none, shape (n,).

    Raises:
        StudyError: There is no look-up or no boundary, or no cluster lies between the limits anywhere.
    """
    limits = ready.spec.cluster
    assert limits is not None
    groups = tables.parents(ready.universe, limits.within)
    if groups is None:
        raise StudyError(Problem(f"{ready.where}.cluster.within", f"there is no look-up to {limits.within}"))
    shapes = _shapes(tables, ready)
    open_to = (ready.rules.excluded_by() < 0) & ~np.isnan(ready.order)
    value = np.nan_to_num(worth(ready))
    people = np.nan_to_num(ready.universe.population)
    part = np.full(ready.n, -1, dtype=np.int64)
    found = 0
    for g in range(len(groups.codes)):
        own = np.flatnonzero((groups.group == g) & open_to)
        if not len(own):
            continue
        near = touching([shapes[i] for i in own.tolist()])
        best = cluster(
            value[own],
            people[own],
            (near.indptr, near.indices),
            low=limits.low,
            high=limits.high,
            nodes=NODES,
        )
        if best.chosen.any():
            part[own[best.chosen]] = found
            found += 1
    if not found:
        raise StudyError(
            Problem(
                f"{ready.where}.cluster",
                "no connected set of areas lies between the limits",
                f"{limits.low:,} to {limits.high:,}",
                remedy="Lower the least population or raise the greatest.",
            )
        )
    return _as_places(ready, part, found, people), part


def _shapes(tables: Tables, ready: Prepared) -> list[bytes]:
    """Return the shape of every area, or refuse."""
    rows = tables.boundaries
    rows = rows[rows["level"] == ready.universe.level] if rows is not None and len(rows) else None
    at = places_of(ready.universe.codes, column(rows, "area")) if rows is not None else np.full(ready.n, -1)
    if rows is None or (at < 0).any():
        raise StudyError(
            Problem(
                f"{ready.where}.cluster",
                f"{int((at < 0).sum()):,} areas have no boundary",
                expected=f"boundaries of {ready.universe.level}",
                remedy="Add a source of boundaries.",
            )
        )
    return list(column(rows, "geometry").take(pa.array(at)).to_pylist())


def _as_places(ready: Prepared, part: IntArray, found: int, people: FloatArray) -> Prepared:
    """Return the round with each cluster as one place."""
    inside = np.flatnonzero(part >= 0)
    first = np.full(found, ready.n, dtype=np.int64)
    np.minimum.at(first, part[inside], inside)
    order = np.argsort(first)  # by ascending code, as all places stand
    renumber = np.empty(found, dtype=np.int64)
    renumber[order] = np.arange(found)
    part[inside] = renumber[part[inside]]
    first = first[order]
    weight = np.maximum(people, 1e-9)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(part[inside], (weight * values)[inside], found) / np.bincount(
            part[inside], weight[inside], found
        )

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(part[inside], np.nan_to_num(values)[inside], found).astype(np.float64)

    size = np.bincount(part[inside], minlength=found)
    names = tuple(
        f"{ready.universe.names[i]} and {k - 1} more" if k > 1 else ready.universe.names[i]
        for i, k in zip(first.tolist(), size.tolist(), strict=True)
    )
    universe = Universe(
        ready.universe.level, ready.universe.codes.take(pa.array(first)), names,
        total(ready.universe.population), total(ready.universe.households),
    )  # fmt: skip
    parts = np.array([mean(row) for row in ready.need.parts])
    score = mean(ready.need.score)
    if ready.spec.combine in ("rank", "both"):
        score = combined(parts, np.array([one.weight for one in ready.spec.measure]), ready.spec.combine)
    need = Need(score, best_rank(score), parts, ready.need.titles)
    rules = Rules(
        _awards(ready, universe), ready.rules.places, ready.rules.budget,
        tuple(_regrouped(one, first) for one in ready.rules.groupings),
    )  # fmt: skip
    groups = tuple(replace(one, group=one.group[first]) for one in ready.groups)
    listed: BoolArray | None = (
        None if ready.published is None else total(ready.published.astype(np.float64)) > 0
    )
    return Prepared(
        ready.id, ready.spec, universe, need, ordered(need, universe, ready.spec), rules, groups, listed
    )


def _regrouped(one: Grouping, first: IntArray) -> Grouping:
    """Return a grouping of areas as one of clusters, each in the group of its first area."""
    return replace(one, group=one.group[first])


def _awards(ready: Prepared, universe: Universe) -> IntArray:
    """Return what each cluster would receive."""
    award = ready.spec.award
    if not award.by:
        return np.full(universe.n, award.pounds or 0, dtype=np.int64)
    amount = universe.households if award.by == "households" else universe.population
    if award.share:
        return np.full(universe.n, award.floor, dtype=np.int64)
    everyone = np.ones(universe.n, dtype=np.bool_)
    made = rate_awards(
        everyone, amount, award.rate or 0.0, base=award.base, floor=award.floor, ceiling=award.ceiling
    )
    return made.pounds
