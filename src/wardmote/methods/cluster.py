"""The best contiguous cluster of areas up to a population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.solver import Row, Solution, scaled, solve

NODES = 1_000
"""Most nodes of the search tree: some minutes for 300 areas; a count, since a time limit would make the answer depend on the machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A contiguous cluster and how sure it is that none is worth more.

    Attributes:
        chosen: In the cluster or not, shape (n,); nobody where no connected set lies between the limits.
        worth: What the cluster is worth, in the unit of the values.
        bound: What no cluster can pass. Equal to ``worth`` within the gap where the search came to its end.
    """

    chosen: BoolArray
    worth: float
    bound: float


def cluster(
    value: npt.ArrayLike, population: npt.ArrayLike, neighbours: tuple[IntArray, IntArray], *, low: int = 0, high: int,
    gap: float = 1e-6, nodes: int = NODES,
) -> Cluster:  # fmt: skip
    """Return the contiguous set of areas worth most, with a population between two limits.

    A single commodity flows from one root area through chosen areas only, and each chosen area takes one unit: so all are
    reached, and the set is connected. The root is the chosen area of lowest position, so that a set is counted once.

    Args:
        value: Worth of each area, shape (n,), ≥ 0; up to about 300 areas (one authority).
        population: Residents, whole numbers ≥ 0, shape (n,).
        neighbours: Adjacency as CSR ``(indptr, indices)``, symmetric.
        low: Least population.
        high: Greatest population.
        gap: Relative gap.
        nodes: Most nodes of the search tree; then the best cluster found is returned with a bound above its worth.

    Returns:
        The cluster, connected, with what it is worth and the bound on any other.

    Raises:
        MethodError: Arrays that do not fit, limits that cross, or no cluster found within the nodes.

    Source:
        T. Shirabe (2005), "A model of contiguity for spatial unit allocation", *Geographical Analysis* 37.
    """
    worth, people = np.asarray(value, dtype=np.float64), np.asarray(population, dtype=np.float64)
    n = len(worth)
    if people.shape != (n,) or len(neighbours[0]) != n + 1 or not 0 <= low <= high:
        raise MethodError(Problem("cluster", "areas or limits do not fit", f"{n} areas, {low} to {high}"))
    solution = _solve_cluster(worth, people, neighbours, (low, high), gap=gap, nodes=nodes)
    if solution is None:
        return Cluster(np.zeros(n, dtype=np.bool_), 0.0, 0.0)
    chosen = np.asarray(solution.x[:n] > 0.5, dtype=np.bool_)
    value_of = float(worth[chosen].sum())
    return Cluster(chosen, value_of, max(value_of, solution.bound * (float(worth.max(initial=0.0)) or 1.0)))


def _solve_cluster(
    worth: FloatArray,
    people: FloatArray,
    neighbours: tuple[IntArray, IntArray],
    limits: tuple[int, int],
    *,
    gap: float,
    nodes: int,
) -> Solution | None:
    """Return the programme's solution: n choices, n roots, and the flow along each arc."""
    n = len(worth)
    low, high = limits
    indptr, indices = neighbours
    source = np.repeat(np.arange(n), np.diff(indptr))
    arcs = len(source)
    # At most as many areas as the smallest populations allow bounds the flow, which tightens the programme much.
    most = max(1, int(np.searchsorted(np.cumsum(np.sort(people)), high, side="right")))
    x, root, flow = np.arange(n), n + np.arange(n), 2 * n + np.arange(arcs)
    rows: list[Row] = [
        (x, *scaled(people, float(low), float(high))),
        (root, np.ones(n), -np.inf, 1.0),
    ]
    alone = float(people.max(initial=0.0)) >= low
    for i in range(n):
        if (
            not alone
        ):  # a cluster of several: each chosen area has a chosen neighbour, which tightens the programme
            near = indices[indptr[i] : indptr[i + 1]]
            rows.append((np.append(near, i), np.append(np.ones(len(near)), -1.0), 0.0, np.inf))
        rows.append((np.array([root[i], x[i]]), np.array([1.0, -1.0]), -np.inf, 0.0))
        inflow, outflow = flow[indices == i], flow[source == i]
        # inflow − outflow + most·root ≥ x: each chosen area takes one unit, the root brings them.
        index = np.concatenate([inflow, outflow, [root[i], x[i]]])
        numbers = np.concatenate([np.ones(len(inflow)), -np.ones(len(outflow)), [float(most), -1.0]])
        rows.append((index, numbers, 0.0, np.inf))
        # Flow into an area only where it is chosen.
        rows.append(
            (np.append(inflow, x[i]), np.append(np.ones(len(inflow)), -float(most - 1)), -np.inf, 0.0)
        )
        if i:  # the root has the lowest position: chosen areas before i are at most those whose root came before too
            index = np.concatenate([[x[i]], root[: i + 1]])
            rows.append((index, np.concatenate([[1.0], -np.ones(i + 1)]), -np.inf, 0.0))
    cost = np.concatenate([worth / (float(worth.max(initial=0.0)) or 1.0), np.zeros(n + arcs)])
    lower = np.zeros(len(cost))
    upper = np.concatenate([np.ones(2 * n), np.full(arcs, float(most - 1))])
    whole = np.concatenate([np.ones(2 * n), np.zeros(arcs)]).astype(np.int32)
    start = _grown(worth, people, neighbours, limits)
    return solve(cost, lower, upper, rows, whole, gap=gap, nodes=nodes, start=start)


def _grown(
    worth: FloatArray, people: FloatArray, neighbours: tuple[IntArray, IntArray], limits: tuple[int, int]
) -> FloatArray | None:
    """Return a good cluster as a solution to begin from: grown from each area by the neighbour worth most for its people."""
    indptr, indices = neighbours
    best: list[int] = []
    rate = worth / np.maximum(people, 1.0)
    for seed in range(len(worth)):
        members, near, total = [seed], set(indices[indptr[seed] : indptr[seed + 1]].tolist()), people[seed]
        while near := {j for j in near if total + people[j] <= limits[1]}:
            j = max(near, key=lambda k: (rate[k], -k))
            members.append(j)
            total += people[j]
            near |= set(indices[indptr[j] : indptr[j + 1]].tolist())
            near -= set(members)
        if limits[0] <= total <= limits[1] and worth[members].sum() > worth[best].sum():
            best = members
    return _as_solution(sorted(best), len(worth), neighbours) if best else None


def _as_solution(members: list[int], n: int, neighbours: tuple[IntArray, IntArray]) -> FloatArray:
    """Return the columns of a connected cluster: a tree from its first area carries the flow."""
    indptr, indices = neighbours
    source = np.repeat(np.arange(n), np.diff(indptr))
    out = np.zeros(2 * n + len(source))
    out[members] = 1
    out[n + members[0]] = 1
    inside, parent, order = set(members), {members[0]: -1}, [members[0]]
    for i in order:
        for position in range(indptr[i], indptr[i + 1]):
            j = int(indices[position])
            if j in inside and j not in parent:
                parent[j] = position
                order.append(j)
    below = dict.fromkeys(order, 1.0)
    for j in reversed(order[1:]):
        out[2 * n + parent[j]] = below[j]
        below[int(source[parent[j]])] += below[j]
    return out
