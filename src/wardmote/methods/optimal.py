"""The best choice under a funder's rules, found by mixed-integer programming (HiGHS), and the smallest set of rules that conflict.

The same rules, the same release of HiGHS: the same choice. One thread and a fixed seed; the order of areas is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import NO_CAP, Rules, adjacent_pairs, breaches, check_rules, group_sums, ranked

GAP = 1e-6
"""Relative gap at which the search stops: the choice is worth at least 1 − 10⁻⁶ of the best possible (one place in a million)."""

SEED = 20_260_101
"""Seed of the solver's own tie-breaking; any fixed number serves, it is stated so that a run can be repeated."""

RuleKind = Literal["places", "budget", "cap", "minimum", "must include", "excluded", "no two neighbours"]
"""The kinds of rule that can be part of a conflict."""


@dataclass(frozen=True, slots=True)
class RuleName:
    """One rule of a round, so that words can be made of it.

    Attributes:
        kind: What kind of rule.
        of: Position of the grouping (cap, minimum) or of the exclusion; −1 otherwise.
        group: Number of the group (cap, minimum); −1 otherwise.
    """

    kind: RuleKind
    of: int = -1
    group: int = -1

    def phrase(self, rules: Rules) -> str:
        """Return the rule in short words.

        Args:
            rules: The rules it belongs to.

        Returns:
            For example ``minimum of region 'North East'``, ``budget`` or ``excluded: phase 1``.
        """
        if self.group >= 0:
            return f"{self.kind} of {rules.groupings[self.of].label(self.group)}"
        return f"{self.kind}: {rules.exclusions[self.of][0]}" if self.of >= 0 else self.kind


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best choice and how sure the search is of it.

    Attributes:
        chosen: Funded or not, shape (n,).
        worth: What the choice is worth, one number for each objective, highest priority first, in the objective's unit.
        bound: What no choice can pass, for the first objective.
        considered: Areas left in the programme after those that cannot be in a best choice were set aside.
    """

    chosen: BoolArray
    worth: tuple[float, ...]
    bound: float
    considered: int


def optimal(
    value: npt.ArrayLike, rules: Rules, *, gap: float = GAP, start: npt.ArrayLike | None = None
) -> Optimum:
    """Return the choice worth most under the rules: maximise ``Σ value_i · chosen_i``.

    With several objectives the first is maximised, then the second among the best for the first, and so on (priority tiers: for
    example first the people of the greatest-need tenth, then need × population).

    Before the search, areas that differ in value alone are thinned: of areas in the same groups with the same award only as many
    of the most valuable can be in a best choice as their caps, places and budget admit. That is exact by exchange: swapping
    a less for a more valuable twin breaks no rule.

    Args:
        value: Worth of funding each area, shape (n,) or (objectives, n), any unit, may be negative; NaN: cannot be chosen.
        rules: The rules; see :func:`wardmote.methods.choose.check_rules`.
        gap: Relative gap, 0 to 1.
        start: A choice to begin from and never to fall below, such as the ranked one, shape (n,); ignored where it breaks a rule.

    Returns:
        The optimum. Among twins of equal value the lower position is chosen; where different sets are worth the same
        (within the gap), which one is found depends on the solver, and is the same in every run.

    Raises:
        MethodError: Rules that cannot hold alone, or that conflict (the conflict is named), or a value that is infinite.

    Source:
        0–1 programme with side constraints; H. Kellerer, U. Pferschy and D. Pisinger (2004), *Knapsack Problems*, ch. 9; Q. Huangfu and
        J. A. J. Hall (2018), "Parallelizing the dual revised simplex method", *Math. Prog. Comp.* 10 (HiGHS). Tiers: preemptive
        priorities, R. E. Steuer (1986), *Multiple Criteria Optimization*, ch. 9.
    """
    check_rules(rules)
    table = _values(value, rules)
    programme = _Programme(rules, table)
    worths: list[float] = []
    best: BoolArray | None = None
    bound = np.inf
    for tier, row in enumerate(table):
        known = [mask for mask in (best, _usable(start, table, rules)) if mask is not None]
        if tier == 0:
            walk = ranked(np.where(np.isnan(row), np.nan, row), rules)
            known += [] if walk.unmet or (row[walk.chosen] < 0).any() else [walk.chosen]
        found, limit = programme.maximise(np.nan_to_num(row), known, gap)
        if found is None:
            raise _conflicting(rules)
        best, bound = found, limit if tier == 0 else bound
        worths.append(float(row[best].sum()))
        # Later objectives may give up no more of this one than the gap allows.
        programme.hold(
            np.nan_to_num(row),
            worths[-1] - gap * max(abs(worths[-1]), 1e-12) if tier + 1 < len(table) else -np.inf,
        )
    assert best is not None
    return Optimum(best, tuple(worths), bound, len(programme.areas))


def max_min(
    value: npt.ArrayLike, parts: npt.ArrayLike, rules: Rules, *, base: npt.ArrayLike | None = None, gap: float = GAP,
    levels: int | None = None,
) -> tuple[Optimum, FloatArray]:  # fmt: skip
    """Return the choice that serves the least-served part as well as can be, then the second least, and so on.

    Part g receives ``y_g = Σ_{i in g} value_i·chosen_i / base_g``. The choice maximises, one after the other, the smallest ``y``, the sum
    of the two smallest, of the three smallest … which is lexicographic max–min and, unlike fixing "the" worst part at each
    step, also right for whole choices. The sum of the k smallest is ``max_r k·r − Σ_g max(0, r − y_g)``, so each step is linear.

    Args:
        value: Worth of funding each area, shape (n,), ≥ 0; NaN: cannot be chosen.
        parts: Part of each area, shape (n,), 0 to G − 1; −1 for none.
        rules: The rules.
        base: What each part's worth is divided by, such as its people in need, shape (G,), > 0; None for 1.
        gap: Relative gap of each step, 0 to 1.
        levels: How many of the smallest are treated, 1 to G; None for all.

    Returns:
        The optimum, whose ``worth`` holds the sum of the k smallest for each k and whose ``bound`` belongs to the first; and what
        each part receives, shape (G,).

    Raises:
        MethodError: As :func:`optimal`, or a part or base that cannot be used.

    Source:
        W. Ogryczak and T. Śliwiński (2006), "On direct methods for lexicographic min-max optimization", *ICCSA 2006*, LNCS 3982, §3;
        W. Ogryczak and A. Tamir (2003), *Information Processing Letters* 85 (the linear form).
    """
    check_rules(rules)
    table = _values(value, rules)
    group = np.asarray(parts, dtype=np.int64)
    count = int(group.max(initial=-1)) + 1
    divisor = np.ones(count) if base is None else np.asarray(base, dtype=np.float64)
    problems = []
    if len(table) != 1 or np.nanmin(table, initial=0.0) < 0:
        problems.append(
            Problem("max–min", "values are not usable", "", f"one number ≥ 0 for each of {rules.n} areas")
        )
    if group.shape != (rules.n,) or count == 0 or divisor.shape != (count,) or not (divisor > 0).all():
        problems.append(
            Problem("max–min", "parts or their base do not fit", "", "a part by area, a base > 0 by part")
        )
    if problems:
        raise MethodError(problems)
    programme = _Programme(rules, table, group)
    programme.add_parts(np.nan_to_num(table[0]), group, divisor)
    worths: list[float] = []
    best: BoolArray | None = None
    bound = np.inf
    for k in range(1, min(levels or count, count) + 1):
        best, limit = programme.smallest(k, gap)
        if best is None:
            raise _conflicting(rules)
        served = np.sort(_served(best, table[0], group, divisor))
        worths.append(float(served[:k].sum()))
        bound = limit if k == 1 else bound
        programme.hold_smallest(k, worths[-1] - gap * max(abs(worths[-1]), 1e-12))
    assert best is not None
    return Optimum(best, tuple(worths), bound, len(programme.areas)), _served(best, table[0], group, divisor)


def conflict(rules: Rules) -> tuple[RuleName, ...]:
    """Return a smallest set of rules that cannot hold together, or an empty tuple where the rules can be met.

    The set is irreducible: without any one of its rules the others can be met. (There may be another set with fewer
    rules; finding the very fewest is another, much harder question.) Only caps that could bind are tried.

    Args:
        rules: The rules. Here they may also break :func:`wardmote.methods.choose.check_rules`, but for shapes and signs.

    Returns:
        Names of rules, in the order places, budget, caps and minimums by grouping, required, excluded, neighbours.

    Raises:
        MethodError: The solver does not come to an answer (never seen).

    Source:
        U. Junker (2004), "QuickXplain", *AAAI-04*: the deletion filter of J. W. Chinneck and E. W. Dravnieks (1991, *ORSA J. Computing* 3)
        by halves.
    """
    names = _names(rules)
    if _feasible(rules, names):
        return ()
    found = set(_quick([], names, lambda some: not _feasible(rules, some)))
    return tuple(name for name in names if name in found)


def cluster(
    value: npt.ArrayLike, population: npt.ArrayLike, neighbours: tuple[IntArray, IntArray], *, low: int = 0, high: int,
    gap: float = GAP, seconds: float = 60.0,
) -> BoolArray:  # fmt: skip
    """Return the contiguous set of areas worth most, with a population between two limits.

    A single commodity flows from one root area through chosen areas only, and each chosen area takes one unit: so all are reached,
    and the set is connected. The root is the chosen area of lowest position, so that a set is counted once.

    Args:
        value: Worth of each area, shape (n,), ≥ 0; up to about 300 areas (one authority).
        population: Residents, whole numbers ≥ 0, shape (n,).
        neighbours: Adjacency as CSR ``(indptr, indices)``, symmetric.
        low: Least population.
        high: Greatest population.
        gap: Relative gap.
        seconds: Time after which the search is given up.

    Returns:
        Chosen or not, shape (n,); connected. Nobody where no connected set lies between the limits.

    Raises:
        MethodError: Arrays that do not fit, limits that cross, or the time is over before the answer is sure.

    Source:
        T. Shirabe (2005), "A model of contiguity for spatial unit allocation", *Geographical Analysis* 37.
    """
    worth, people = np.asarray(value, dtype=np.float64), np.asarray(population, dtype=np.float64)
    n = len(worth)
    if people.shape != (n,) or len(neighbours[0]) != n + 1 or not 0 <= low <= high:
        raise MethodError(Problem("cluster", "areas or limits do not fit", f"{n} areas, {low} to {high}"))
    solution = _solve_cluster(worth, people, neighbours, (low, high), gap=gap, seconds=seconds)
    return np.zeros(n, dtype=np.bool_) if solution is None else solution[:n] > 0.5


def _values(value: npt.ArrayLike, rules: Rules) -> FloatArray:
    """Return objectives as rows, or refuse."""
    table = np.atleast_2d(np.asarray(value, dtype=np.float64))
    if table.ndim != 2 or table.shape[1] != rules.n or len(table) == 0 or np.isinf(table).any():
        raise MethodError(
            Problem(
                "optimal",
                "values are not usable",
                f"shape {np.shape(value)}",
                f"finite numbers, shape ({rules.n},)",
            )
        )
    return table


def _usable(start: npt.ArrayLike | None, table: FloatArray, rules: Rules) -> BoolArray | None:
    """Return the start if it keeps the rules and every area in it has a value."""
    if start is None:
        return None
    mask = np.asarray(start, dtype=np.bool_)
    fits = mask.shape == (rules.n,) and not np.isnan(table[:, mask]).any() and not breaches(mask, rules)
    return mask if fits else None


def _conflicting(rules: Rules) -> MethodError:
    """Return the refusal that names the conflict."""
    words = "; ".join(name.phrase(rules) for name in conflict(rules))
    return MethodError(
        Problem(
            "rules", "these cannot hold together", words or "areas without a value", "", "Relax one of them."
        )
    )


def _served(chosen: BoolArray, value: FloatArray, group: IntArray, divisor: FloatArray) -> FloatArray:
    """Return what each part receives."""
    inside = chosen & (group >= 0)
    return np.bincount(group[inside], weights=value[inside], minlength=len(divisor)) / divisor


class _Programme:
    """The rules as rows over the areas that can be in a best choice, and the objectives held so far."""

    def __init__(self, rules: Rules, table: FloatArray, parts: IntArray | None = None) -> None:
        self.rules = rules
        open_to = (rules.excluded_by() < 0) & ~np.isnan(table).any(axis=0)
        self.areas = _thinned(rules, table, open_to, parts)
        must = rules.required()[self.areas]
        self.impossible = bool((rules.required() & ~open_to).any())
        self.lower, self.upper = must.astype(np.float64), np.ones(len(self.areas))
        self.rows: list[tuple[IntArray, FloatArray, float, float]] = list(_rows(rules, self.areas))
        self.costs_extra = 0
        self.extra_lower: list[float] = []
        self.smallest_at: dict[int, int] = {}
        self.parts = 0

    def _whole(self, solution: FloatArray) -> BoolArray:
        out = np.zeros(self.rules.n, dtype=np.bool_)
        out[self.areas[solution[: len(self.areas)] > 0.5]] = True
        return out

    def maximise(
        self, row: FloatArray, known: Sequence[BoolArray], gap: float
    ) -> tuple[BoolArray | None, float]:
        """Return the best choice for one objective and the bound, never below the known choices."""
        if self.impossible:
            return None, -np.inf
        cost = np.concatenate([row[self.areas], np.zeros(self.costs_extra)])
        scale = float(np.abs(cost).max(initial=0.0)) or 1.0
        best = max(known, key=lambda mask: float(row[mask].sum()), default=None)
        first = (
            None if best is None or best[np.setdiff1d(np.arange(self.rules.n), self.areas)].any() else best
        )
        for tolerance in (1e-6, 1e-9):
            result = self._solve(cost / scale, gap, tolerance, None if first is None else first[self.areas])
            if result is None:
                return best, np.inf
            chosen = self._whole(result[0])
            if not breaches(chosen, self.rules):
                if best is not None and row[best].sum() > row[chosen].sum():
                    chosen = best
                return chosen, max(result[1] * scale, float(row[chosen].sum()))
        raise MethodError(
            Problem("optimal", "the solver's choice breaks a rule by rounding", remedy="Report it.")
        )

    def _solve(
        self, cost: FloatArray, gap: float, tolerance: float, first: BoolArray | None
    ) -> tuple[FloatArray, float] | None:
        columns = len(cost)
        lower = np.concatenate([self.lower, self.extra_lower])
        upper = np.concatenate([self.upper, np.full(self.costs_extra, np.inf)])
        whole = np.zeros(columns, dtype=np.int32)
        whole[: len(self.areas)] = 1
        start = None if first is None or self.costs_extra else first.astype(np.float64)
        return _solve(cost, lower, upper, self.rows, whole, gap=gap, tolerance=tolerance, start=start)

    def hold(self, row: FloatArray, least: float) -> None:
        """Keep an objective at or above a level from now on."""
        if np.isfinite(least):
            self.rows.append((np.arange(len(self.areas)), *_scaled(row[self.areas], least, np.inf)))

    def _extra(self, count: int, lower: float) -> int:
        first = len(self.areas) + self.costs_extra
        self.costs_extra += count
        self.extra_lower += [lower] * count
        return first

    def add_parts(self, row: FloatArray, group: IntArray, divisor: FloatArray) -> None:
        """Add what each part receives as a variable, scaled to the largest part."""
        self.parts = len(divisor)
        own = group[self.areas]
        # Shares of the most that any part could receive, so that all are of order one.
        most = (
            float(
                (np.bincount(own[own >= 0], row[self.areas][own >= 0], self.parts) / divisor).max(initial=0.0)
            )
            or 1.0
        )
        self.unit = most
        self.first_part = self._extra(self.parts, 0.0)
        for g in range(self.parts):
            inside = np.flatnonzero(own == g)
            index = np.append(inside, self.first_part + g)
            self.rows.append(
                (index, np.append(row[self.areas][inside] / (divisor[g] * most), -1.0), 0.0, 0.0)
            )

    def smallest(self, k: int, gap: float) -> tuple[BoolArray | None, float]:
        """Return the choice with the greatest sum of the k smallest parts, and the bound on that sum."""
        if self.impossible:
            return None, -np.inf
        if k not in self.smallest_at:
            at = self.smallest_at[k] = self._extra(1, -np.inf)
            short = self._extra(self.parts, 0.0)
            for g in range(self.parts):  # short_g ≥ r − y_g
                index = np.array([at, short + g, self.first_part + g])
                self.rows.append((index, np.array([1.0, -1.0, 1.0]) * [1, 1, -1], -np.inf, 0.0))
        cost = np.zeros(len(self.areas) + self.costs_extra)
        cost[self.smallest_at[k]] = k
        cost[self.smallest_at[k] + 1 : self.smallest_at[k] + 1 + self.parts] = -1.0
        result = self._solve(cost, gap, 1e-7, None)
        return (None, -np.inf) if result is None else (self._whole(result[0]), result[1] * self.unit)

    def hold_smallest(self, k: int, least: float) -> None:
        """Keep the sum of the k smallest at or above a level from now on."""
        at = self.smallest_at[k]
        index = np.arange(at, at + 1 + self.parts)
        self.rows.append((index, np.append(float(k), -np.ones(self.parts)), least / self.unit - 1e-9, np.inf))


def _scaled(numbers: FloatArray, lower: float, upper: float) -> tuple[FloatArray, float, float]:
    """Return a row divided by its largest number, so that the solver's absolute tolerance means the same in every row."""
    size = float(np.abs(numbers).max(initial=0.0)) or 1.0
    return numbers / size, lower / size, upper / size


def _slots(rules: Rules) -> IntArray:
    """Return the group of each area in each grouping that has limits, shape (n, groupings)."""
    return np.column_stack([np.zeros(rules.n, dtype=np.int64), *[g.group for g in rules.groupings]])


def _thinned(rules: Rules, table: FloatArray, open_to: BoolArray, parts: IntArray | None) -> IntArray:
    """Return the areas that can be in a best choice: the most valuable of each class of twins, and all required ones."""
    must = rules.required()
    free = np.flatnonzero(open_to & ~must)
    if rules.neighbours is not None or len(free) == 0:
        return np.flatnonzero(open_to)
    keys = [_slots(rules)[free], rules.award[free, None]]
    if parts is not None:
        keys.append(parts[free, None])
    _, twin = np.unique(np.concatenate(keys, axis=1), axis=0, return_inverse=True)
    twin = twin.reshape(-1)
    order = np.lexsort((free, *(-table[::-1, free]), twin))
    starts = np.flatnonzero(np.diff(twin[order], prepend=-1))
    place = np.arange(len(free)) - np.repeat(starts, np.diff(starts, append=len(free)))
    ordered = free[order]
    room = np.full(len(free), NO_CAP)
    award = np.maximum(rules.award[ordered], 1)
    if rules.places is not None:
        room = np.minimum(room, rules.places - int(must.sum()))
    if rules.budget is not None:
        left = rules.budget - int(rules.award[must].sum())
        room = np.where(rules.award[ordered] > 0, np.minimum(room, left // award), room)
    for grouping in rules.groupings:
        if grouping.cap is None:
            continue
        spare = np.append(grouping.cap - group_sums(must, grouping, rules.award), NO_CAP)[
            grouping.group[ordered]
        ]
        if grouping.measure == "pounds":
            spare = np.where(rules.award[ordered] > 0, spare // award, NO_CAP)
        room = np.minimum(room, spare)
    return np.sort(np.concatenate([ordered[place < room], np.flatnonzero(must & open_to)]))


Row = tuple[IntArray, FloatArray, float, float]


def _rows(rules: Rules, areas: IntArray) -> list[Row]:
    """Return the rules as rows: columns, coefficients, lower and upper bound."""
    every, ones = np.arange(len(areas)), np.ones(len(areas))
    award = rules.award[areas].astype(np.float64)
    rows: list[Row] = []
    if rules.places is not None:
        rows.append((every, ones, -np.inf, float(rules.places)))
    if rules.budget is not None:
        rows.append((every, *_scaled(award, -np.inf, float(rules.budget))))
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
                rows.append((members, *_scaled(size, low, high)))
    if rules.neighbours is not None:
        at = np.full(rules.n, -1, dtype=np.int64)
        at[areas] = every
        rows += [(at[pair], np.ones(2), -np.inf, 1.0) for pair in adjacent_pairs(rules.neighbours, at >= 0)]
    return rows


def _solve(
    cost: FloatArray, lower: FloatArray, upper: FloatArray, rows: Sequence[Row], whole: npt.NDArray[np.int32], *,
    gap: float, tolerance: float = 1e-6, start: FloatArray | None = None, seconds: float | None = None,
) -> tuple[FloatArray, float] | None:  # fmt: skip
    """Return the solution that maximises ``cost·x`` and the bound; None where there is none."""
    import highspy

    make: Any = highspy.Highs  # its types are not declared
    solver = make()
    for option, setting in {
        "output_flag": False, "threads": 1, "parallel": "off", "random_seed": SEED, "mip_rel_gap": gap, "mip_abs_gap": 0.0,
        "mip_feasibility_tolerance": tolerance, "primal_feasibility_tolerance": min(tolerance, 1e-7),
    }.items():  # fmt: skip
        solver.setOptionValue(option, setting)
    if seconds is not None:
        solver.setOptionValue("time_limit", seconds)
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
        solution = highspy.HighsSolution()
        solution.col_value = start.tolist()
        solver.setSolution(solution)
    solver.run()
    status = solver.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
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
    return np.array(solver.getSolution().col_value, dtype=np.float64), float(bound)


def _names(rules: Rules) -> list[RuleName]:
    """Return every rule that could be part of a conflict."""
    names = [RuleName("places")] if rules.places is not None else []
    names += [RuleName("budget")] if rules.budget is not None else []
    for k, grouping in enumerate(rules.groupings):
        everyone = group_sums(np.ones(rules.n, dtype=np.bool_), grouping, rules.award)
        for g in range(grouping.size):
            if grouping.minimum is not None and grouping.minimum[g] > 0:
                names.append(RuleName("minimum", k, g))
            if grouping.cap is not None and grouping.cap[g] < everyone[g]:
                names.append(RuleName("cap", k, g))
    names += [RuleName("must include")] if rules.required().any() else []
    names += [RuleName("excluded", k) for k, (_, area) in enumerate(rules.exclusions) if area.any()]
    return names + ([RuleName("no two neighbours")] if rules.neighbours is not None else [])


def _kept(rules: Rules, names: Sequence[RuleName]) -> Rules:
    """Return the rules with only the named ones in force."""
    kept = set(names)
    groupings = []
    for k, grouping in enumerate(rules.groupings):
        cap, minimum = np.full(grouping.size, NO_CAP), np.zeros(grouping.size, dtype=np.int64)
        for name in kept:
            if name.of == k and name.kind == "cap" and grouping.cap is not None:
                cap[name.group] = grouping.cap[name.group]
            if name.of == k and name.kind == "minimum" and grouping.minimum is not None:
                minimum[name.group] = grouping.minimum[name.group]
        groupings.append(replace(grouping, cap=cap, minimum=minimum))
    return Rules(
        award=rules.award,
        places=rules.places if RuleName("places") in kept else None,
        budget=rules.budget if RuleName("budget") in kept else None,
        groupings=tuple(groupings),
        exclusions=tuple(pair for k, pair in enumerate(rules.exclusions) if RuleName("excluded", k) in kept),
        must=rules.must if RuleName("must include") in kept else None,
        neighbours=rules.neighbours if RuleName("no two neighbours") in kept else None,
    )


def _feasible(rules: Rules, names: Sequence[RuleName]) -> bool:
    """Return whether the named rules alone can be met.

    Without neighbours, areas that no named rule tells apart are counted together: a whole number of each kind is chosen.
    """
    kept = _kept(rules, names)
    must, excluded = kept.required(), kept.excluded_by() >= 0
    if (must & excluded).any():
        return False
    if kept.neighbours is not None:
        areas = np.flatnonzero(~excluded)
        lower, upper = must[areas].astype(np.float64), np.ones(len(areas))
    else:
        limited = [
            np.where((g.group >= 0) & _limits(g.cap, g.minimum)[g.group], g.group, -1) for g in kept.groupings
        ]
        key = np.column_stack([rules.award, *limited])
        areas, twin, size = _kinds(key)
        upper = np.bincount(twin[~excluded], minlength=len(size)).astype(np.float64)
        lower = np.bincount(twin[must], minlength=len(size)).astype(np.float64)
    rows = [
        (index, entries, low, high)
        for index, entries, low, high in _rows(replace(kept, must=None), areas)
    ] if kept.neighbours is not None else _counted_rows(kept, areas)  # fmt: skip
    whole = np.ones(len(areas), dtype=np.int32)
    return _solve(np.zeros(len(areas)), lower, upper, rows, whole, gap=1.0) is not None


def _limits(cap: IntArray | None, minimum: IntArray | None) -> BoolArray:
    """Return which groups have a limit in force."""
    assert cap is not None
    assert minimum is not None
    return (cap < NO_CAP) | (minimum > 0)


def _kinds(key: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return a representative of each kind, the kind of each area, and the size of each kind."""
    _, first, twin, size = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return first, twin.reshape(-1), size


def _counted_rows(rules: Rules, areas: IntArray) -> list[Row]:
    """Return the rows for counts of each kind: as for single areas, but no cap is left out for being slack."""
    every, ones = np.arange(len(areas)), np.ones(len(areas))
    award = rules.award[areas].astype(np.float64)
    rows: list[Row] = []
    if rules.places is not None:
        rows.append((every, ones, -np.inf, float(rules.places)))
    if rules.budget is not None:
        rows.append((every, *_scaled(award, -np.inf, float(rules.budget))))
    for grouping in rules.groupings:
        assert grouping.cap is not None
        assert grouping.minimum is not None
        for g in np.flatnonzero(_limits(grouping.cap, grouping.minimum)).tolist():
            members = np.flatnonzero(grouping.group[areas] == g)
            high = np.inf if grouping.cap[g] >= NO_CAP else float(grouping.cap[g])
            size = award[members] if grouping.measure == "pounds" else np.ones(len(members))
            rows.append((members, *_scaled(size, float(grouping.minimum[g]), high)))
    return rows


def _quick(
    background: list[RuleName], names: list[RuleName], clash: Callable[[list[RuleName]], bool], *, grown: bool = False
) -> list[RuleName]:  # fmt: skip
    """Return an irreducible part of ``names`` that clashes with the background, by halves."""
    if grown and clash(background):
        return []
    if len(names) <= 1:
        return list(names)
    half = len(names) // 2
    first, second = names[:half], names[half:]
    late = _quick(background + first, second, clash, grown=bool(first))
    early = _quick(background + late, first, clash, grown=bool(late))
    return early + late


def _solve_cluster(
    worth: FloatArray,
    people: FloatArray,
    neighbours: tuple[IntArray, IntArray],
    limits: tuple[int, int],
    *,
    gap: float,
    seconds: float,
) -> FloatArray | None:
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
        (x, *_scaled(people, float(low), float(high))),
        (root, np.ones(n), -np.inf, 1.0),
    ]
    for i in range(n):
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
    result = _solve(cost, lower, upper, rows, whole, gap=gap, seconds=seconds)
    return None if result is None else result[0]
