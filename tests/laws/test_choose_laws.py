"""Laws of choosing: no cap passed, nothing unspent that could be spent, more need never costs a place, names do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods import solver
from wardmote.methods.choose import (
    CHOSEN,
    NO_CAP,
    Grouping,
    Rules,
    breaches,
    group_sums,
    ranked,
    ranked_draws,
)
from wardmote.methods.conflict import all_rules, can_hold, conflict
from wardmote.methods.optimal import optimal


@st.composite
def rounds(draw: st.DrawFn) -> tuple[np.ndarray, Rules]:
    """Return need without ties and rules with two groupings that cut across each other."""
    n = draw(st.integers(2, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    need = rng.permutation(n).astype(float)
    award = rng.integers(1, 6, n)
    towns, sides = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    town = Grouping(
        "town", rng.integers(-1, towns, n), cap=np.where(rng.random(towns) < 0.7, rng.integers(0, 4, towns), NO_CAP),
        measure=draw(st.sampled_from(["places", "pounds"])),
    )  # fmt: skip
    side_group = rng.integers(0, sides, n)
    held = np.bincount(side_group, minlength=sides)
    side = Grouping("side", side_group, minimum=np.minimum(held, rng.integers(0, 3, sides)))
    places = draw(st.one_of(st.none(), st.integers(int(side.minimum.sum()), n)))  # type: ignore[union-attr]  # it is set above
    budget = draw(st.one_of(st.none(), st.integers(6, 40)))
    neighbours = None
    if draw(st.booleans()):
        near = np.triu(rng.random((n, n)) < 0.15, 1)
        near |= near.T
        neighbours = (np.concatenate([[0], np.cumsum(near.sum(axis=1))]), np.nonzero(near)[1])
    out = (("listed", rng.random(n) < 0.1),) if draw(st.booleans()) else ()
    return need, Rules(award, places, budget, (town, side), out, None, neighbours)


def walked(need: np.ndarray, rules: Rules) -> np.ndarray | None:
    try:
        choice = ranked(need, rules)
    except MethodError:
        return None
    return choice.chosen


@settings(max_examples=60, deadline=None)
@given(rounds())
def test_no_rule_is_broken_and_nothing_that_could_be_funded_is_left(case: tuple[np.ndarray, Rules]) -> None:
    need, rules = case
    try:
        choice = ranked(need, rules)
    except MethodError:
        return
    faults = [text for text in breaches(choice.chosen, rules) if "below its minimum" not in text]
    assert not faults
    assert bool(choice.unmet) == any("below its minimum" in text for text in breaches(choice.chosen, rules))
    assert choice.spent == rules.award[choice.chosen].sum()
    assert (choice.decided[choice.chosen] <= CHOSEN + 2).all()
    assert (choice.order[choice.chosen] >= 0).all()
    for i in np.flatnonzero(~choice.chosen):  # each area left out would break a rule if it were added
        more = choice.chosen.copy()
        more[i] = True
        assert [text for text in breaches(more, rules) if "below its minimum" not in text]


@settings(max_examples=60, deadline=None)
@given(rounds(), st.integers(0, 13), st.integers(1, 14))
def test_more_need_never_costs_a_place(case: tuple[np.ndarray, Rules], area: int, rise: int) -> None:
    need, rules = case
    area %= rules.n
    before = walked(need, rules)
    raised = need.copy()
    raised[area] += rise + 0.5
    after = walked(raised, rules)
    if before is not None and before[area]:
        assert after is not None
        assert after[area]


@settings(max_examples=40, deadline=None)
@given(rounds(), st.integers(0, 2**32 - 1))
def test_names_do_not_matter(case: tuple[np.ndarray, Rules], seed: int) -> None:
    need, rules = case
    order = np.random.default_rng(seed).permutation(rules.n)
    back = np.argsort(order)
    groupings = tuple(Grouping(g.name, g.group[order], g.cap, g.minimum, g.measure) for g in rules.groupings)
    near = None
    if rules.neighbours is not None:
        indptr, indices = rules.neighbours
        rows = [np.sort(back[indices[indptr[i] : indptr[i + 1]]]) for i in order]
        near = (np.cumsum([0, *map(len, rows)]), np.concatenate(rows).astype(np.int64))
    out = tuple((name, area[order]) for name, area in rules.exclusions)
    other = Rules(rules.award[order], rules.places, rules.budget, groupings, out, None, near)
    before, after = walked(need, rules), walked(need[order], other)
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert (before[order] == after).all()


@settings(max_examples=40, deadline=None)
@given(rounds())
def test_the_optimum_keeps_the_rules_and_is_never_below_the_walk(case: tuple[np.ndarray, Rules]) -> None:
    need, rules = case
    try:
        choice = ranked(need, rules)
    except MethodError:
        return
    value = need + 1
    try:
        found = optimal(value, rules)
    except MethodError:
        assert conflict(rules)
        return
    assert not breaches(found.chosen, rules)
    assert found.bound >= found.worth[0] - 1e-9
    if not choice.unmet:
        assert found.worth[0] >= value[choice.chosen].sum()
        assert optimal(-value, rules, start=choice.chosen).worth[0] >= -value[choice.chosen].sum()


@settings(max_examples=40, deadline=None)
@given(rounds(), st.integers(1, 3))
def test_a_conflict_cannot_be_shortened(case: tuple[np.ndarray, Rules], more: int) -> None:
    _, rules = case
    town, side = rules.groupings
    assert side.minimum is not None
    held = group_sums(np.ones(rules.n, bool), side, rules.award)
    tight = Grouping("side", side.group, minimum=np.minimum(held, side.minimum + more))
    asked = Rules(
        rules.award, rules.places, rules.budget, (town, tight), rules.exclusions, None, rules.neighbours
    )
    found = conflict(asked)
    if not found:
        assert can_hold(asked, all_rules(asked))
        return
    assert not can_hold(asked, found)
    for k in range(len(found)):
        assert can_hold(asked, [*found[:k], *found[k + 1 :]])


@settings(max_examples=30, deadline=None)
@given(rounds())
def test_draws_are_walks(case: tuple[np.ndarray, Rules]) -> None:
    need, rules = case
    chosen = walked(need, rules)
    if chosen is not None:
        ranks = np.vstack([rules.n - need, need + 1])
        assert (ranked_draws(ranks, rules, compiled=False)[0] == chosen).all()


def test_solving_by_a_core_gives_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a core of three columns of fourteen the search must widen it, and still end at the optimum of the whole programme."""
    rng = np.random.default_rng(11)
    for _ in range(25):
        n = 14
        town = Grouping("town", rng.integers(0, 4, n), cap=rng.integers(1, 4, 4))
        side = Grouping("side", np.arange(n) % 3, minimum=np.array([1, 0, 2]))
        rules = Rules(rng.integers(5, 20, n), None, int(rng.integers(60, 90)), (town, side))
        value = rng.integers(1, 100, n).astype(float)
        monkeypatch.setattr(solver, "CORE", 10**6)
        try:
            whole = optimal(value, rules, gap=0.0).worth[0]
        except MethodError:
            continue
        monkeypatch.setattr(solver, "CORE", 3)
        assert optimal(value, rules, gap=0.0).worth[0] == pytest.approx(whole, abs=1e-9)
