"""Mixed-integer programmes handed to HiGHS, so that the same programme always has the same answer.

One thread and a fixed seed; rows are divided by their largest number, so that the solver's absolute tolerance means the same in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.choose import NO_CAP, Rules, adjacent_pairs

SEED = 20_260_101
"""Seed of the solver's own tie-breaking; any fixed number serves, it is stated so that a run can be repeated."""

CORE = 1_500
"""Choices that :func:`solve_binary` first leaves open: some five times the caps of a country, which a relaxed solution splits at most."""

Row = tuple[IntArray, FloatArray, float, float]
"""One row of a programme: columns, numbers, lower and upper bound."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What a programme has for an answer.

    Attributes:
        x: Value of each column.
        bound: What no solution can pass.
        price: Reduced cost of each column, for a programme without whole numbers; empty otherwise.
    """

    x: FloatArray
    bound: float
    price: FloatArray


def scaled(numbers: FloatArray, lower: float, upper: float) -> tuple[FloatArray, float, float]:
    """Return a row divided by its largest number, so that the solver's absolute tolerance means the same in every row.

    Args:
        numbers: Numbers of the row.
        lower: Lower bound.
        upper: Upper bound.

    Returns:
        The three, divided; unchanged where all numbers are 0.
    """
    size = float(np.abs(numbers).max(initial=0.0)) or 1.0
    return numbers / size, lower / size, upper / size


def rule_rows(rules: Rules, areas: IntArray) -> list[Row]:
    """Return the rules as rows: columns, coefficients, lower and upper bound.

    Args:
        rules: The rules.
        areas: Positions of the areas that are columns.

    Returns:
        One row for each rule that could bind; required areas and exclusions are left to the columns' bounds.
    """
    every, ones = np.arange(len(areas)), np.ones(len(areas))
    award = rules.award[areas].astype(np.float64)
    rows: list[Row] = []
    if rules.places is not None:
        rows.append((every, ones, -np.inf, float(rules.places)))
    if rules.budget is not None:
        rows.append((every, *scaled(award, -np.inf, float(rules.budget))))
    for grouping in rules.groupings:
        own = grouping.group[areas]
        order = np.argsort(own, kind="stable")
        edges = np.searchsorted(own[order], np.arange(grouping.size + 1))
        for g in range(grouping.size):
            members = order[edges[g] : edges[g + 1]]
            low = (
                -np.inf
                if grouping.minimum is None or grouping.minimum[g] == 0
                else float(grouping.minimum[g])
            )
            high = np.inf if grouping.cap is None or grouping.cap[g] >= NO_CAP else float(grouping.cap[g])
            size = award[members] if grouping.measure == "pounds" else np.ones(len(members))
            if np.isfinite(low) or size.sum() > high:  # a cap that all members together keep never binds
                rows.append((members, *scaled(size, low, high)))
    if rules.neighbours is not None:
        at = np.full(rules.n, -1, dtype=np.int64)
        at[areas] = every
        rows += [(at[pair], np.ones(2), -np.inf, 1.0) for pair in adjacent_pairs(rules.neighbours, at >= 0)]
    return rows


def solve(
    cost: FloatArray, lower: FloatArray, upper: FloatArray, rows: Sequence[Row], whole: npt.NDArray[np.int32], *,
    gap: float, tolerance: float = 1e-6, start: FloatArray | None = None, nodes: int | None = None,
) -> Solution | None:  # fmt: skip
    """Return the solution that maximises ``cost·x`` between bounds and under rows; None where there is none.

    Args:
        cost: What one unit of each column is worth.
        lower: Least value of each column.
        upper: Greatest value of each column.
        rows: Rows of the programme.
        whole: 1 where a column must be a whole number.
        gap: Relative gap at which the search stops.
        tolerance: How far a whole number and a row may be missed.
        start: A solution to begin from.
        nodes: Most nodes of the search tree, or None. Unlike a time limit it ends the same way on every machine.

    Returns:
        The solution, or None where the rows cannot be met.

    Raises:
        MethodError: The search did not end.
    """
    import highspy

    make: Any = highspy.Highs  # its types are not declared
    solver = make()
    for option, setting in {
        "output_flag": False, "threads": 1, "parallel": "off", "random_seed": SEED, "mip_rel_gap": gap, "mip_abs_gap": 0.0,
        "mip_feasibility_tolerance": tolerance, "primal_feasibility_tolerance": min(tolerance, 1e-7),
    }.items():  # fmt: skip
        solver.setOptionValue(option, setting)
    if nodes is not None:
        solver.setOptionValue("mip_max_nodes", nodes)
    index = np.concatenate([row[0] for row in rows]) if rows else np.zeros(0)
    entries = np.concatenate([row[1] for row in rows]) if rows else np.zeros(0)
    starts = np.cumsum([0, *[len(row[0]) for row in rows]])
    solver.passModel(
        len(cost), len(rows), len(index), int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMaximize), 0.0,
        cost, lower, upper, np.array([row[2] for row in rows], dtype=np.float64),
        np.array([row[3] for row in rows], dtype=np.float64), starts[:-1].astype(np.int32), index.astype(np.int32),
        entries.astype(np.float64), whole,
    )  # fmt: skip
    if start is not None:
        known = highspy.HighsSolution()
        known.col_value = start.tolist()
        solver.setSolution(known)
    solver.run()
    status = solver.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    stopped = nodes is not None and solver.getInfo().primal_solution_status == highspy.kSolutionStatusFeasible
    if (
        status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty)
        and not stopped
    ):
        raise MethodError(
            Problem(
                "optimal",
                "the search did not end",
                solver.modelStatusToString(status),
                "",
                "Relax the gap or the size.",
            )
        )
    info = solver.getInfo()
    bound = info.mip_dual_bound if whole.any() else info.objective_function_value
    solution = solver.getSolution()
    price = np.zeros(0) if whole.any() else np.array(solution.col_dual, dtype=np.float64)
    return Solution(np.array(solution.col_value, dtype=np.float64), float(bound), price)


def solve_binary(
    cost: FloatArray, lower: FloatArray, upper: FloatArray, rows: Sequence[Row], *,
    gap: float, tolerance: float = 1e-6, start: FloatArray | None = None,
) -> Solution | None:  # fmt: skip
    """Return the best 0–1 solution, by way of a core for large programmes.

    The programme without whole numbers gives a bound z and a price for moving each column off its value: any solution that
    moves column j is worth at most z − |price_j|. So columns with high prices are held, the rest (the *core*) is solved, and
    when the core's solution is worth at least what a move outside could reach, it is the best of all. Otherwise the core is
    widened to all columns that could still matter. Exact, and many times faster where few columns are in doubt.

    Args:
        cost: What choosing each column is worth.
        lower: 0, or 1 where a column must be chosen.
        upper: 1, or 0 where it cannot be.
        rows: Rows of the programme.
        gap: Relative gap.
        tolerance: As in :func:`solve`.
        start: A solution to begin from, for programmes without a core.

    Returns:
        The solution, or None where the rows cannot be met.

    Raises:
        MethodError: The search did not end.

    Source:
        E. Balas and E. Zemel (1980), *Operations Research* 28 (core); fixing by reduced costs: G. Nemhauser and L. Wolsey
        (1988), *Integer and Combinatorial Optimization*, §II.5.2.
    """
    every = np.ones(len(cost), dtype=np.int32)
    if len(cost) <= 2 * CORE:
        return solve(cost, lower, upper, rows, every, gap=gap, tolerance=tolerance, start=start)
    relaxed = solve(cost, lower, upper, rows, np.zeros(len(cost), dtype=np.int32), gap=gap)
    if relaxed is None:
        return None
    held = np.round(relaxed.x)
    price = np.where(np.abs(relaxed.x - held) > 1e-7, 0.0, np.abs(relaxed.price))
    core = price <= np.partition(price, CORE)[CORE]
    for _ in range(3):
        found = solve(
            cost,
            np.where(core, lower, held),
            np.where(core, upper, held),
            rows,
            every,
            gap=gap,
            tolerance=tolerance,
        )
        if found is None or core.all():
            break
        worth = float(cost @ np.round(found.x))
        limit = max(found.bound, relaxed.bound - float(price[~core].min()))
        if limit - worth <= gap * abs(worth):
            return Solution(found.x, min(limit, relaxed.bound), found.price)
        core = price <= (relaxed.bound - worth) * (1 + 1e-9)
    return solve(cost, lower, upper, rows, every, gap=gap, tolerance=tolerance, start=start)
