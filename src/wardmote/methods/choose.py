"""A funder's rules as arrays, and the choice that goes down the list of need under them.

Areas stand in ascending order of code, so that "lower position" is "lower code". Groups are numbered within each grouping.
The best choice under the same rules is in :mod:`wardmote.methods.optimal`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, IntArray

NO_CAP = 2**62
"""A cap that never binds: above any sum of pounds or places, and small enough that adding an award cannot overflow."""

Measure = Literal["places", "pounds"]
"""What a cap or a minimum counts."""

DECISIONS = (
    "below the line",
    "chosen",
    "must include",
    "reserved place",
    "excluded",
    "no measure of need",
    "neighbour of a funded place",
    "group cap reached",
    "budget spent",
    "not in the best set",
)
"""What decided each area; ``Choice.decided`` holds positions in this list.

*chosen*, *must include* and *reserved place* are funded, the rest are not. *Below the line*: all places were taken by areas of
greater need, or by reserved and required places. *Not in the best set*: passed over by the optimal choice.
"""

BELOW, CHOSEN, MUST, RESERVED, EXCLUDED, NO_NEED, NEIGHBOUR, CAP, BUDGET, NOT_BEST = range(len(DECISIONS))


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to group areas (authority, region, constituency …) with its caps and minimums.

    Attributes:
        name: What the grouping is called in explanations.
        group: Group of each area, shape (n,), 0 to G − 1; −1 where the area is in no group.
        cap: Most places or pounds of each group, shape (G,), :data:`NO_CAP` where there is none; None for no caps.
        minimum: Least places or pounds of each group, shape (G,), 0 where there is none; None for no minimums.
        measure: Whether cap and minimum count places or pounds.
        names: Names of the G groups for messages; empty for their numbers.
    """

    name: str
    group: IntArray
    cap: IntArray | None = None
    minimum: IntArray | None = None
    measure: Measure = "places"
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the number of groups."""
        return max(
            (len(part) for part in (self.cap, self.minimum) if part is not None),
            default=int(self.group.max(initial=-1)) + 1,
        )

    def label(self, group: int) -> str:
        """Return how a message calls a group.

        Args:
            group: Number of the group.

        Returns:
            For example ``authority 'Hartlepool'`` or ``region 3``.
        """
        return f"{self.name} {self.names[group]!r}" if self.names else f"{self.name} {group}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a round as arrays over n areas.

    Attributes:
        award: What a place would receive, whole pounds ≥ 0, shape (n,).
        places: Most places, or None.
        budget: Most pounds, or None.
        groupings: Groupings with caps and minimums; areas may be in groups of several at once.
        exclusions: Named lists of areas that cannot be funded, each of shape (n,); the first that holds an area names it.
        must: Areas that must be funded, shape (n,), or None. They count against every cap, minimum, budget and place.
        neighbours: Adjacency as CSR ``(indptr, indices)``, symmetric, where no two neighbours may be funded; or None.
    """

    award: IntArray
    places: int | None = None
    budget: int | None = None
    groupings: tuple[Grouping, ...] = ()
    exclusions: tuple[tuple[str, BoolArray], ...] = ()
    must: BoolArray | None = None
    neighbours: tuple[IntArray, IntArray] | None = None

    @property
    def n(self) -> int:
        """Return the number of areas."""
        return len(self.award)

    def required(self) -> BoolArray:
        """Return which areas must be funded, shape (n,)."""
        return np.zeros(self.n, dtype=np.bool_) if self.must is None else self.must

    def excluded_by(self) -> IntArray:
        """Return the position of the first exclusion that holds each area, shape (n,); −1 where none does."""
        out = np.full(self.n, -1, dtype=np.int64)
        for k in range(len(self.exclusions) - 1, -1, -1):
            out[self.exclusions[k][1]] = k
        return out


@dataclass(frozen=True, slots=True)
class Unmet:
    """A minimum that the walk down the list could not fill.

    Attributes:
        grouping: Position of the grouping.
        group: Number of the group.
        wanted: Places or pounds asked for.
        got: Places or pounds found.
    """

    grouping: int
    group: int
    wanted: int
    got: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which areas are funded, and for every area the rule that decided.

    Attributes:
        chosen: Funded or not, shape (n,).
        decided: What decided, shape (n,), positions in :data:`DECISIONS`.
        by: For *group cap reached* and *reserved place* the grouping's position, for *excluded* the exclusion's, for *neighbour of a
            funded place* the position of that place; −1 otherwise. Shape (n,).
        order: When each funded area was taken, 0 first, shape (n,); −1 where not funded.
        spent: Pounds awarded.
        left: Pounds of the budget left, or None without a budget.
        unmet: Minimums that were not filled; empty when the rules are met.
    """

    chosen: BoolArray
    decided: IntArray
    by: IntArray
    order: IntArray
    spent: int
    left: int | None
    unmet: tuple[Unmet, ...]

    def reason(self, area: int, rules: Rules) -> str:
        """Return what decided an area, in short words.

        Args:
            area: Position of the area.
            rules: The rules that the choice was made under.

        Returns:
            For example ``group cap reached: authority`` or ``excluded: phase 1 constituency``.
        """
        code, by = int(self.decided[area]), int(self.by[area])
        if code in (CAP, RESERVED):
            return f"{DECISIONS[code]}: {rules.groupings[by].name}"
        return f"{DECISIONS[code]}: {rules.exclusions[by][0]}" if code == EXCLUDED else DECISIONS[code]


def ranked(need: npt.ArrayLike, rules: Rules) -> Choice:
    """Return the choice that goes down the list of need, as ministries do, with what decided each area.

    1. Areas that must be included are taken.
    2. *Reserved places*: for each grouping with minimums, the one with most groups first, the list is walked and an area is taken
       if its group has not reached its minimum and no rule forbids it. So each group's reserved places go to its greatest need.
    3. The list is walked again for all that is left: an area is taken unless, in this order, all places are taken (it and all
       below it are *below the line*), it neighbours a funded place, a group's cap would be passed, or its award is more
       than is left of the budget. The walk goes on after an area that is passed over, so what is left of the budget is smaller than
       any award that the other rules still allow.

    Raising one area's need never costs it its place: each step looks only at areas above it.

    Args:
        need: Need, shape (n,), higher = greater. NaN: the area cannot be chosen. Ties: lower position first.
        rules: The rules; see :func:`check_rules`.

    Returns:
        The choice. Minimums that steps 1 and 2 could not fill are in ``unmet``: with groupings that cut across each other, neighbours
        or pounds, a walk can fail where another choice exists, which :func:`wardmote.methods.conflict.conflict` tells.

    Raises:
        MethodError: Rules that cannot hold, all together.
    """
    values = np.asarray(need, dtype=np.float64)
    check_rules(rules)
    _check_shape(values.shape, rules.n)
    missing = np.isnan(values)
    order = np.argsort(np.where(missing, np.inf, -values), kind="stable")
    return _Walk(rules, missing).choice(order[: len(order) - int(missing.sum())])


def ranked_draws(ranks: npt.ArrayLike, rules: Rules, *, compiled: bool | None = None) -> BoolArray:
    """Return which areas the walk of :func:`ranked` funds in each of many draws of ranks.

    Args:
        ranks: Ranks, shape (draws, n), 1 = greatest need, whole numbers; ties by lower position.
        rules: The rules, the same in every draw.
        compiled: True to compile the walk with numba, False for plain Python, None to compile from 200 draws where numba is
            installed (compiling costs about two seconds, once). The result is the same.

    Returns:
        Funded or not, shape (draws, n). Draws in which minimums cannot be filled are given as far as the walk came.

    Raises:
        MethodError: Rules that cannot hold, or another shape.
    """
    check_rules(rules)
    table = np.asarray(ranks)
    if table.ndim != 2:
        raise MethodError(
            Problem("choose", "ranks do not fit", f"shape {table.shape}", f"shape (draws, {rules.n})")
        )
    _check_shape(table.shape[1:], rules.n)
    kernel = _compiled() if (len(table) >= 200 if compiled is None else compiled) else None
    walk = _Walk(rules, np.zeros(rules.n, dtype=np.bool_))
    # Stable sorting of 16-bit numbers is by counting, some ten times faster than comparing.
    small = np.uint16 if rules.n < 2**16 else np.int64
    out = np.zeros(table.shape, dtype=np.bool_)
    for draw, row in enumerate(table):
        out[draw] = walk.funded(np.argsort(row.astype(small), kind="stable"), kernel)
    return out


def group_sums(chosen: npt.ArrayLike, grouping: Grouping, award: IntArray) -> IntArray:
    """Return how many places, or pounds, each group of a grouping receives.

    Args:
        chosen: Funded or not, shape (n,).
        grouping: The grouping; its measure says whether places or pounds are counted.
        award: Award by area, whole pounds, shape (n,).

    Returns:
        Places or pounds by group, shape (G,).
    """
    inside = np.asarray(chosen, dtype=np.bool_) & (grouping.group >= 0)
    sums = np.zeros(grouping.size, dtype=np.int64)
    np.add.at(sums, grouping.group[inside], award[inside] if grouping.measure == "pounds" else 1)
    return sums


def breaches(chosen: npt.ArrayLike, rules: Rules) -> tuple[str, ...]:
    """Return which rules a choice breaks, in words; empty when it keeps them all. Whole numbers throughout, so exact.

    Args:
        chosen: Funded or not, shape (n,).
        rules: The rules.

    Returns:
        One phrase for each rule or group.
    """
    mask = np.asarray(chosen, dtype=np.bool_)
    out: list[str] = []
    if rules.places is not None and mask.sum() > rules.places:
        out.append(f"{mask.sum()} places, above {rules.places}")
    if rules.budget is not None and rules.award[mask].sum() > rules.budget:
        out.append(f"£{rules.award[mask].sum():,}, above £{rules.budget:,}")
    for grouping in rules.groupings:
        sums = group_sums(mask, grouping, rules.award)
        if grouping.cap is not None:
            out += [f"{grouping.label(int(g))} above its cap" for g in np.flatnonzero(sums > grouping.cap)]
        if grouping.minimum is not None:
            out += [
                f"{grouping.label(int(g))} below its minimum" for g in np.flatnonzero(sums < grouping.minimum)
            ]
    out += [f"{name} funded" for name, area in rules.exclusions if (mask & area).any()]
    if (rules.required() & ~mask).any():
        out.append("a required area is not funded")
    if rules.neighbours is not None and len(adjacent_pairs(rules.neighbours, mask)):
        out.append("two neighbours funded")
    return tuple(out)


def adjacent_pairs(neighbours: tuple[IntArray, IntArray], mask: BoolArray) -> IntArray:
    """Return the pairs of neighbours that are both in a set.

    Args:
        neighbours: Adjacency as CSR ``(indptr, indices)``, symmetric.
        mask: The set, shape (n,).

    Returns:
        Positions (lower, higher) of each pair, shape (m, 2).
    """
    indptr, indices = neighbours
    source = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    both = (source < indices) & mask[source] & mask[indices]
    return np.column_stack([source[both], indices[both]])


def check_rules(rules: Rules, names: Sequence[str] | None = None) -> None:
    """Return nothing, or refuse rules that cannot hold with everything that is wrong.

    Refused: arrays that do not fit; negative numbers; a cap below a minimum; a minimum above the areas or pounds to be had; a budget
    under the smallest award; areas both excluded and required; required areas that pass a cap, the places or the budget, or are
    neighbours. Conflicts of several rules at once are for :func:`wardmote.methods.conflict.conflict`.

    Args:
        rules: The rules.
        names: Codes of the n areas for messages, or None for their positions.

    Raises:
        MethodError: One problem for each fault.
    """
    problems = list(_shape_problems(rules)) or [*_area_problems(rules, names), *_group_problems(rules)]
    if problems:
        raise MethodError(problems)


def _check_shape(shape: tuple[int, ...], n: int) -> None:
    if shape != (n,):
        raise MethodError(Problem("choose", "need does not fit the rules", f"shape {shape}", f"({n},)"))


def _shape_problems(rules: Rules) -> Iterator[Problem]:
    """Yield what is wrong with shapes and signs."""
    n = rules.n
    if n == 0:
        yield Problem("rules", "there is no area", "", "at least one")
    if n and rules.award.min() < 0:
        yield Problem("rules award", "an award is negative", str(rules.award.min()), "whole pounds ≥ 0")
    for what, number in (("places", rules.places), ("budget", rules.budget)):
        if number is not None and number < 0:
            yield Problem(f"rules {what}", "is negative", str(number), "a whole number ≥ 0")
    lists = [(name, area) for name, area in rules.exclusions] + [("must include", rules.required())]
    for name, area in lists:
        if area.shape != (n,):
            yield Problem(f"rules {name}", "does not fit the areas", f"shape {area.shape}", f"({n},)")
    if rules.neighbours is not None and len(rules.neighbours[0]) != n + 1:
        yield Problem("rules neighbours", "do not fit the areas", str(len(rules.neighbours[0])), str(n + 1))
    for grouping in rules.groupings:
        yield from _grouping_problems(grouping, n)


def _grouping_problems(grouping: Grouping, n: int) -> Iterator[Problem]:
    """Yield what is wrong with the arrays of one grouping."""
    if grouping.group.shape != (n,):
        yield Problem(f"rules {grouping.name}", "groups do not fit the areas", str(grouping.group.shape))
        return
    if n and (grouping.group.max() >= grouping.size or grouping.group.min() < -1):
        yield Problem(
            f"rules {grouping.name}",
            "an area is in an unknown group",
            str(grouping.group.max()),
            f"0 to {grouping.size - 1}, or −1",
        )
    for what, bound in (("cap", grouping.cap), ("minimum", grouping.minimum)):
        if bound is not None and (len(bound) != grouping.size or (bound < 0).any()):
            yield Problem(
                f"rules {grouping.name} {what}", "is not usable", "", f"{grouping.size} numbers ≥ 0"
            )


def _area_problems(rules: Rules, names: Sequence[str] | None) -> Iterator[Problem]:
    """Yield what is wrong with single areas, places and budget."""

    def called(areas: IntArray) -> str:
        shown = ", ".join(names[i] if names else f"position {i}" for i in areas[:5].tolist())
        return shown + (f" and {len(areas) - 5} more" if len(areas) > 5 else "")

    must, excluded = rules.required(), rules.excluded_by()
    for k, (name, _) in enumerate(rules.exclusions):
        both = np.flatnonzero(must & (excluded == k))
        if len(both):
            yield Problem(
                f"rules {name}",
                "areas are both excluded and required",
                called(both),
                "",
                "Take them from one of the two lists.",
            )
    if rules.places is not None and must.sum() > rules.places:
        yield Problem(
            "rules must include", "more areas than places", str(must.sum()), f"at most {rules.places}"
        )
    open_to = rules.award[excluded < 0]
    if rules.budget is not None:
        required = int(rules.award[must].sum())
        if required > rules.budget:
            yield Problem(
                "rules must include",
                "costs more than the budget",
                f"£{required:,}",
                f"at most £{rules.budget:,}",
            )
        if len(open_to) and open_to.min() > rules.budget:
            yield Problem(
                "rules budget",
                "is under one award",
                f"£{rules.budget:,}",
                f"at least £{open_to.min():,}",
                "Raise the budget or lower the award.",
            )
    if rules.neighbours is not None:
        pairs = adjacent_pairs(rules.neighbours, must)
        if len(pairs):
            yield Problem("rules must include", "two required areas are neighbours", called(pairs[0]))


def _group_problems(rules: Rules) -> Iterator[Problem]:
    """Yield what is wrong with caps and minimums, group by group."""
    must, eligible = rules.required(), rules.excluded_by() < 0
    for grouping in rules.groupings:
        had = group_sums(eligible, grouping, rules.award)
        needed = group_sums(must, grouping, rules.award)
        low = np.zeros_like(had) if grouping.minimum is None else grouping.minimum
        high = np.full_like(had, NO_CAP) if grouping.cap is None else grouping.cap
        for g in np.flatnonzero(low > high).tolist():
            yield Problem(
                f"rules {grouping.label(g)}",
                "the cap is below the minimum",
                f"cap {high[g]}",
                f"at least {low[g]}",
                "Raise the cap or lower the minimum.",
            )
        for g in np.flatnonzero(low > had).tolist():
            yield Problem(
                f"rules {grouping.label(g)}",
                f"the minimum is above the {grouping.measure} to be had",
                f"minimum {low[g]}",
                f"at most {had[g]}",
                "Lower the minimum or shorten the exclusions.",
            )
        for g in np.flatnonzero(needed > high).tolist():
            yield Problem(
                f"rules {grouping.label(g)}",
                "required areas pass the cap",
                f"{needed[g]} {grouping.measure}",
                f"at most {high[g]}",
                "Raise the cap or require fewer.",
            )
        total = rules.places if grouping.measure == "places" else rules.budget
        if total is not None and low.sum() > total:
            yield Problem(
                f"rules {grouping.name}",
                "the minimums add up to more than there is",
                f"{low.sum()} {grouping.measure}",
                f"at most {total}",
            )


def _go_down(  # noqa: C901, PLR0912, PLR0917 — one flat loop, as numba needs it
    order: Any, group: Any, pounds: Any, capped: Any, award: Any, cap: Any, minimum: Any, used: Any,
    indptr: Any, indices: Any, state: Any, by: Any, seq: Any, left: Any, reserve: int, code: int,
) -> None:  # fmt: skip
    """Walk a list once and take what the rules allow; lists in plain Python, arrays when compiled.

    ``group[k·n + i]`` is the slot of area i in grouping k, −1 for none; ``left`` holds places, pounds, the next sequence number
    and what the minimums still lack. With ``reserve`` ≥ 0 only areas whose slot in that grouping lacks its minimum are looked
    at, and none is passed over for good.
    """
    n, kinds, lacking = len(award), len(pounds), 0
    for i in order:
        if state[i] != 0:
            continue
        if left[0] == 0 or (reserve >= 0 and left[3] <= 0):
            return
        if reserve >= 0:
            slot = group[reserve * n + i]
            if slot < 0 or used[slot] >= minimum[slot]:
                continue
            lacking = minimum[slot] - used[slot]
        reason = 0
        if by[i] >= 0:
            reason = 6
        else:
            for k in capped:
                slot = group[k * n + i]
                if slot >= 0 and used[slot] + (award[i] if pounds[k] else 1) > cap[slot]:
                    reason = 7
                    if reserve < 0:
                        by[i] = k
                    break
            if reason == 0 and award[i] > left[1]:
                reason = 8
        if reason:
            if reserve < 0:
                state[i] = reason
            continue
        for k in range(kinds):
            slot = group[k * n + i]
            if slot >= 0:
                used[slot] += award[i] if pounds[k] else 1
        for position in range(indptr[i], indptr[i + 1]):
            if by[indices[position]] < 0 and state[indices[position]] == 0:
                by[indices[position]] = i
        state[i] = code
        by[i] = reserve
        seq[i] = left[2]
        left[0] -= 1
        left[1] -= award[i]
        left[2] += 1
        if reserve >= 0:
            left[3] -= min(lacking, award[i] if pounds[reserve] else 1)


@cache
def _compiled() -> Any:
    """Return the walk compiled by numba, or None where numba is not installed."""
    try:
        numba = import_module("numba")
    except ImportError:
        return None
    return numba.njit(cache=True)(_go_down)


def _plain(numbers: npt.NDArray[Any]) -> Any:
    """Return numbers as Python's own array: a loop reads it faster than numpy's, and it goes to and from numpy without copying."""
    return array("q", numbers.astype(np.int64).tobytes())


class _Walk:
    """The rules laid out for the walk, once for any number of lists."""

    def __init__(self, rules: Rules, missing: BoolArray) -> None:
        self.rules = rules
        n = rules.n
        groupings = rules.groupings
        self.offsets = np.concatenate([[0], np.cumsum([g.size for g in groupings], dtype=np.int64)]).astype(
            np.int64
        )
        slots = [
            np.where(g.group >= 0, g.group + o, -1) for g, o in zip(groupings, self.offsets, strict=False)
        ]
        none = np.zeros(0, dtype=np.int64)
        self.group = np.concatenate([none, *slots])
        self.capped = np.array([k for k, g in enumerate(groupings) if g.cap is not None], dtype=np.int64)
        self.pounds = np.array([g.measure == "pounds" for g in groupings], dtype=np.bool_)
        self.cap = np.concatenate(
            [none, *[np.full(g.size, NO_CAP) if g.cap is None else g.cap for g in groupings]]
        )
        self.minimum = np.concatenate(
            [none, *[np.zeros(g.size, np.int64) if g.minimum is None else g.minimum for g in groupings]]
        )
        indptr, indices = rules.neighbours or (np.zeros(n + 1, dtype=np.int64), none)
        self.adjacency = (indptr.astype(np.int64), indices.astype(np.int64))
        # Finer groupings first: their reserved places count towards the minimums of coarser ones.
        with_minimum = [k for k, g in enumerate(groupings) if g.minimum is not None and g.minimum.any()]
        self.reserves = sorted(with_minimum, key=lambda k: (-groupings[k].size, k))
        self.excluded = rules.excluded_by()
        self.state = np.where(
            self.excluded >= 0, EXCLUDED, np.where(missing & ~rules.required(), NO_NEED, BELOW)
        )
        self.must = np.flatnonzero(rules.required())
        self.left = np.array(
            [
                NO_CAP if rules.places is None else rules.places,
                NO_CAP if rules.budget is None else rules.budget,
                0,
                0,
            ]
        )
        self._lists: list[Any] | None = None

    def _run(self, order: IntArray, kernel: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Return state, by, sequence, used and left after all passes over one list."""
        n = self.rules.n
        fixed: list[Any]
        state: Any
        by: Any
        seq: Any
        used: Any
        left: Any
        must: Any
        walk: Any
        parts: list[Callable[[], Any]]
        if kernel is None:
            if self._lists is None:
                arrays = (
                    self.group,
                    self.pounds,
                    self.capped,
                    self.award_array(),
                    self.cap,
                    self.minimum,
                    *self.adjacency,
                )
                self._lists = [_plain(part) for part in arrays]
            fixed = self._lists
            state, by, seq = _plain(self.state), array("q", [-1]) * n, array("q", [-1]) * n
            used, left = [0] * len(self.cap), self.left.tolist()
            must, walk = self.must.tolist(), _go_down
            # A list is often walked for its first part only: turn it into Python numbers piece by piece.
            parts = [order[start : start + 2048].tolist for start in range(0, len(order), 2048)]
        else:
            fixed = [
                self.group,
                self.pounds,
                self.capped,
                self.award_array(),
                self.cap,
                self.minimum,
                *self.adjacency,
            ]
            state, by, seq = self.state.astype(np.int64), np.full(n, -1), np.full(n, -1)
            used, left = np.zeros(len(self.cap), dtype=np.int64), self.left.copy()
            must, walk, parts = self.must, kernel, [lambda: order]
        group, pounds, capped, award, cap, minimum, indptr, indices = fixed

        def go(areas: Any, reserve: int, code: int) -> None:
            walk(
                areas,
                group,
                pounds,
                capped,
                award,
                cap,
                minimum,
                used,
                indptr,
                indices,
                state,
                by,
                seq,
                left,
                reserve,
                code,
            )

        if len(must):
            go(must, -1, MUST)
        for k in self.reserves:
            slots = range(int(self.offsets[k]), int(self.offsets[k + 1]))
            left[3] = sum(max(0, minimum[slot] - used[slot]) for slot in slots)
            for part in parts:
                if left[3] > 0:
                    go(part(), k, RESERVED)
        for part in parts:
            if left[0] > 0:
                go(part(), -1, CHOSEN)
        return state, by, seq, used, left

    def award_array(self) -> IntArray:
        """Return awards as 64-bit whole numbers."""
        return self.rules.award.astype(np.int64)

    def funded(self, order: IntArray, kernel: Any) -> BoolArray:
        """Return which areas one list funds."""
        return np.asarray(self._run(order, kernel)[2]) >= 0

    def choice(self, order: IntArray) -> Choice:
        """Return the whole record for one list."""
        state, by, seq, used, _ = self._run(order, None)
        decided, taken = np.asarray(state, dtype=np.int64), np.asarray(seq, dtype=np.int64)
        said = (decided == RESERVED) | (decided == CAP) | (decided == NEIGHBOUR)
        why = np.where(decided == EXCLUDED, self.excluded, np.where(said, np.asarray(by, dtype=np.int64), -1))
        unmet = []
        for k, grouping in enumerate(self.rules.groupings):
            for g in range(grouping.size):
                slot = int(self.offsets[k]) + g
                if used[slot] < self.minimum[slot]:
                    unmet.append(Unmet(k, g, int(self.minimum[slot]), int(used[slot])))
        spent = int(self.rules.award[taken >= 0].sum())
        rest = None if self.rules.budget is None else self.rules.budget - spent
        return Choice(taken >= 0, decided, why, taken, spent, rest, tuple(unmet))
