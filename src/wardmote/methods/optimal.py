"""The best choice under a funder's rules, found by mixed-integer programming (HiGHS).

The same rules, the same release of HiGHS: the same choice. One thread and a fixed seed; the order of areas is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import NO_CAP, Rules, breaches, check_rules, group_sums, ranked
from wardmote.methods.conflict import conflict
from wardmote.methods.solver import Row, Solution, rule_rows, scaled, solve, solve_binary

GAP = 1e-6
"""Relative gap at which the search stops: the choice is worth at least 1 − 10⁻⁶ of the best possible (one place in a million)."""

MAX_MIN_GAP = 0.01
"""Relative gap of each step of :func:`max_min`. Many choices serve all parts nearly alike, so the last hundredth of a part's share takes
longer to prove than all before, and nobody would notice it."""

MAX_MIN_NODES = 500
"""Most nodes of the search tree in each step of :func:`max_min`; seconds for a country, and the bound says what is left open."""


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
    value: npt.ArrayLike, parts: npt.ArrayLike, rules: Rules, *, base: npt.ArrayLike | None = None, gap: float = MAX_MIN_GAP,
    levels: int | None = None,
    nodes: int = MAX_MIN_NODES,
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
        nodes: Most nodes of each step's search tree; then the best found so far is held. A count, so that machines agree.

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
        best, limit = programme.smallest(k, gap, nodes)
        if best is None:
            raise _conflicting(rules)
        served = np.sort(_served(best, table[0], group, divisor))
        worths.append(float(served[:k].sum()))
        bound = limit if k == 1 else bound
        programme.hold_smallest(k, worths[-1] - gap * max(abs(worths[-1]), 1e-12))
    assert best is not None
    return Optimum(best, tuple(worths), bound, len(programme.areas)), _served(best, table[0], group, divisor)


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
        self.rows: list[Row] = list(rule_rows(rules, self.areas))
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
        cost = row[self.areas]
        scale = float(np.abs(cost).max(initial=0.0)) or 1.0
        best = max(known, key=lambda mask: float(row[mask].sum()), default=None)
        first = (
            None if best is None or best[np.setdiff1d(np.arange(self.rules.n), self.areas)].any() else best
        )
        for tolerance in (1e-6, 1e-9):
            result = solve_binary(
                cost / scale, self.lower, self.upper, self.rows, gap=gap, tolerance=tolerance,
                start=None if first is None else first[self.areas].astype(np.float64),
            )  # fmt: skip
            if result is None:
                return best, np.inf
            chosen = self._whole(result.x)
            if not breaches(chosen, self.rules):
                if best is not None and row[best].sum() > row[chosen].sum():
                    chosen = best
                return chosen, max(result.bound * scale, float(row[chosen].sum()))
        raise MethodError(
            Problem("optimal", "the solver's choice breaks a rule by rounding", remedy="Report it.")
        )

    def hold(self, row: FloatArray, least: float) -> None:
        """Keep an objective at or above a level from now on."""
        if np.isfinite(least):
            self.rows.append((np.arange(len(self.areas)), *scaled(row[self.areas], least, np.inf)))

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

    def smallest(self, k: int, gap: float, nodes: int) -> tuple[BoolArray | None, float]:
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
        lower = np.concatenate([self.lower, self.extra_lower])
        upper = np.concatenate([self.upper, np.full(self.costs_extra, np.inf)])
        whole = np.concatenate([np.ones(len(self.areas)), np.zeros(self.costs_extra)]).astype(np.int32)
        result: Solution | None = solve(
            cost, lower, upper, self.rows, whole, gap=gap, tolerance=1e-7, nodes=nodes
        )
        return (None, -np.inf) if result is None else (self._whole(result.x), result.bound * self.unit)

    def hold_smallest(self, k: int, least: float) -> None:
        """Keep the sum of the k smallest at or above a level from now on."""
        at = self.smallest_at[k]
        index = np.arange(at, at + 1 + self.parts)
        self.rows.append((index, np.append(float(k), -np.ones(self.parts)), least / self.unit - 1e-9, np.inf))


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
