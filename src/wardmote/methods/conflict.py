"""The smallest set of a funder's rules that cannot hold together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wardmote.methods.checks import BoolArray, IntArray
from wardmote.methods.choose import NO_CAP, Rules, group_sums
from wardmote.methods.solver import Row, rule_rows, scaled, solve

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
        U. Junker (2004), "QuickXplain", *AAAI-04*: the deletion filter of J. W. Chinneck and E. W. Dravnieks (1991, *ORSA J.
        Computing* 3) by halves.
    """
    names = all_rules(rules)
    if can_hold(rules, names):
        return ()
    # Whole families first (all caps of a grouping …): most have no part in the clash, and one test sets each aside.
    for family in dict.fromkeys((name.kind, name.of) for name in names):
        rest = [name for name in names if (name.kind, name.of) != family]
        if not can_hold(rules, rest):
            names = rest
    found = set(_quick([], names, lambda some: not can_hold(rules, some)))
    return tuple(name for name in names if name in found)


def all_rules(rules: Rules) -> list[RuleName]:
    """Return every rule that could be part of a conflict.

    Args:
        rules: The rules.

    Returns:
        Their names; caps that all areas together would keep are left out.
    """
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


def can_hold(rules: Rules, names: Sequence[RuleName]) -> bool:
    """Return whether the named rules alone can be met.

    Without neighbours, areas that no named rule tells apart are counted together: a whole number of each kind is chosen.

    Args:
        rules: The rules.
        names: Those in force.

    Returns:
        True where some choice keeps them all.
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
        for index, entries, low, high in rule_rows(replace(kept, must=None), areas)
    ] if kept.neighbours is not None else _counted_rows(kept, areas)  # fmt: skip
    whole = np.ones(len(areas), dtype=np.int32)
    return solve(np.zeros(len(areas)), lower, upper, rows, whole, gap=1.0) is not None


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
        rows.append((every, *scaled(award, -np.inf, float(rules.budget))))
    for grouping in rules.groupings:
        assert grouping.cap is not None
        assert grouping.minimum is not None
        for g in np.flatnonzero(_limits(grouping.cap, grouping.minimum)).tolist():
            members = np.flatnonzero(grouping.group[areas] == g)
            high = np.inf if grouping.cap[g] >= NO_CAP else float(grouping.cap[g])
            size = award[members] if grouping.measure == "pounds" else np.ones(len(members))
            rows.append((members, *scaled(size, float(grouping.minimum[g]), high)))
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
