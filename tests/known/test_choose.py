"""Choosing places: known optima from the literature, and small rounds that can be followed by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from wardmote.errors import MethodError
from wardmote.methods.choose import NO_CAP, Grouping, Rules, breaches, check_rules, ranked, ranked_draws
from wardmote.methods.cluster import cluster
from wardmote.methods.conflict import conflict
from wardmote.methods.optimal import max_min, optimal

# 0–1 knapsacks: capacity, weights, profits, certified optimum. Collected by J. Burkardt (Florida State University), data set
# KNAPSACK_01, problems P01 to P08, after S. Martello and P. Toth (1990), *Knapsack Problems*, and D. Kreher and D. Stinson (1998),
# *Combinatorial Algorithms* (P07 is their table 5.2). Each optimum is certified here once more, by dynamic programming.
KNAPSACKS = {
    "P01": (165, [23, 31, 29, 44, 53, 38, 63, 85, 89, 82], [92, 57, 49, 68, 60, 43, 67, 84, 87, 72], 309),
    "P02": (26, [12, 7, 11, 8, 9], [24, 13, 23, 15, 16], 51),
    "P03": (190, [56, 59, 80, 64, 75, 17], [50, 50, 64, 46, 50, 5], 150),
    "P04": (50, [31, 10, 20, 19, 4, 3, 6], [70, 20, 39, 37, 7, 5, 10], 107),
    "P05": (104, [25, 35, 45, 5, 25, 3, 2, 2], [350, 400, 450, 20, 70, 8, 5, 5], 900),
    "P06": (170, [41, 50, 49, 59, 55, 57, 60], [442, 525, 511, 593, 546, 564, 617], 1735),
    "P07": (
        750,
        [70, 73, 77, 80, 82, 87, 90, 94, 98, 106, 110, 113, 115, 118, 120],
        [135, 139, 149, 150, 156, 163, 173, 184, 192, 201, 210, 214, 221, 229, 240],
        1458,
    ),
    "P08": (
        6_404_180,
        [382745, 799601, 909247, 729069, 467902, 44328, 34610, 698150, 823460, 903959, 853665, 551830, 610856, 670702,
         488960, 951111, 323046, 446298, 931161, 31385, 496951, 264724, 224916, 169684],
        [825594, 1677009, 1676628, 1523970, 943972, 97426, 69666, 1296457, 1679693, 1902996, 1844992, 1049289, 1252836,
         1319836, 953277, 2067538, 675367, 853655, 1826027, 65731, 901489, 577243, 466257, 369261],
        13_549_094,
    ),
}  # fmt: skip


def best_by_dynamic_programming(capacity: int, weights: list[int], profits: list[int]) -> int:
    """Exact optimum: undominated (weight, profit) pairs (Nemhauser and Ullmann 1969)."""
    pairs = [(0, 0)]
    for w, p in zip(weights, profits, strict=True):
        merged = sorted(
            pairs + [(a + w, b + p) for a, b in pairs if a + w <= capacity], key=lambda x: (x[0], -x[1])
        )
        pairs, top = [], -1
        for weight, profit in merged:
            if profit > top:
                pairs.append((weight, profit))
                top = profit
    return pairs[-1][1]


@pytest.mark.parametrize("name", KNAPSACKS)
def test_knapsacks_reach_their_certified_optimum(name: str) -> None:
    capacity, weights, profits, best = KNAPSACKS[name]
    assert best_by_dynamic_programming(capacity, weights, profits) == best
    found = optimal(profits, Rules(award=np.array(weights), budget=capacity), gap=0.0)
    assert found.worth[0] == best
    assert np.array(weights)[found.chosen].sum() <= capacity


def brute(value: np.ndarray, rules: Rules) -> float:
    worths = [
        value[list(some)].sum()
        for size in range(rules.n + 1)
        for some in combinations(range(rules.n), size)
        if not breaches(np.isin(np.arange(rules.n), some), rules)
    ]
    return max(worths, default=-np.inf)


TOWNS = Grouping(
    "town", np.array([0, 0, 0, 1, 1, 2, 2, 2]), cap=np.array([1, 2, NO_CAP]), names=("A", "B", "C")
)
SIDES = Grouping("side", np.array([0, 0, 0, 0, 1, 1, 1, 1]), minimum=np.array([0, 2]))
NEED = np.array([9.0, 8, 7, 6, 5, 4, 3, 2])


def test_a_small_round_followed_by_hand() -> None:
    """Reserved places of side 1 go to areas 4 and 5; then 0; town A's cap bars 1 and 2; 3 is taken; the rest is below the line."""
    rules = Rules(award=np.full(8, 10), places=4, groupings=(TOWNS, SIDES))
    choice = ranked(NEED, rules)
    assert choice.chosen.tolist() == [True, False, False, True, True, True, False, False]
    assert [choice.reason(i, rules) for i in range(8)] == [
        "chosen", "group cap reached: town", "group cap reached: town", "chosen", "reserved place: side",
        "reserved place: side", "below the line", "below the line",
    ]  # fmt: skip
    assert choice.order.tolist() == [2, -1, -1, 3, 0, 1, -1, -1]
    assert (choice.spent, choice.left, choice.unmet) == (40, None, ())


def test_budget_neighbours_exclusions_required_and_missing() -> None:
    need = NEED.copy()
    need[7] = np.nan
    chain = (np.array([0, 1, 3, 4, 4, 4, 4, 4, 4]), np.array([1, 0, 2, 1]))  # 0 – 1 – 2
    rules = Rules(
        award=np.array([30, 10, 10, 50, 20, 10, 10, 10]),
        budget=75,
        exclusions=(("phase 1", np.arange(8) == 4), ("too small", np.isin(np.arange(8), [4, 5]))),
        must=np.arange(8) == 6,
        neighbours=chain,
    )
    choice = ranked(need, rules)
    assert [choice.reason(i, rules) for i in range(8)] == [
        "chosen", "neighbour of a funded place", "chosen", "budget spent", "excluded: phase 1", "excluded: too small",
        "must include", "no measure of need",
    ]  # fmt: skip
    assert int(choice.by[1]) == 0
    assert (choice.spent, choice.left) == (50, 25)
    assert breaches(choice.chosen, rules) == ()
    assert optimal(np.nan_to_num(need), rules, gap=0.0).worth[0] == brute(np.nan_to_num(need), rules) == 19


def test_equal_need_goes_to_the_lower_code() -> None:
    assert ranked(np.ones(4), Rules(award=np.ones(4, int), places=2)).chosen.tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_pounds_can_be_capped_by_group() -> None:
    town = Grouping("town", np.array([0, 0, 0, 1]), cap=np.array([25, NO_CAP]), measure="pounds")
    rules = Rules(award=np.array([20, 10, 5, 10]), groupings=(town,))
    choice = ranked([4, 3, 2, 1], rules)
    assert choice.chosen.tolist() == [True, False, True, True]
    assert optimal([4, 3, 2, 1], rules, gap=0.0).worth == (7.0,)


def test_bad_rules_are_refused_together() -> None:
    rules = Rules(
        award=np.array([50, 60, 70]),
        budget=40,
        groupings=(Grouping("town", np.array([0, 0, 1]), cap=np.array([1, 1]), minimum=np.array([2, 2])),),
        exclusions=(("phase 1", np.array([True, False, False])),),
        must=np.array([True, False, False]),
    )
    with pytest.raises(MethodError) as caught:
        check_rules(rules, ["E1", "E2", "E3"])
    text = str(caught.value)
    for part in (
        "both excluded and required",
        "E1",
        "under one award",
        "cap is below the minimum",
        "to be had",
    ):
        assert part in text
    with pytest.raises(MethodError, match="award is negative"):
        ranked([1, 2], Rules(award=np.array([-1, 2])))
    with pytest.raises(MethodError, match="unknown group"):
        ranked(
            [1, 2],
            Rules(award=np.array([1, 2]), groupings=(Grouping("t", np.array([0, 5]), cap=np.array([1, 1])),)),
        )


def test_the_smallest_conflict_is_named() -> None:
    """Region 0 wants three, its two authorities may have one each: the budget, places and other region have no part in it."""
    authority = Grouping(
        "authority", np.array([0, 0, 1, 1, 2, 2]), cap=np.array([1, 1, 2]), names=("P", "Q", "R")
    )
    region = Grouping(
        "region", np.array([0, 0, 0, 0, 1, 1]), minimum=np.array([3, 1]), names=("North", "South")
    )
    rules = Rules(award=np.full(6, 5), places=5, budget=100, groupings=(authority, region))
    phrases = [name.phrase(rules) for name in conflict(rules)]
    assert phrases == ["cap of authority 'P'", "cap of authority 'Q'", "minimum of region 'North'"]
    assert ranked(np.arange(6.0), rules).unmet[0].got == 2
    with pytest.raises(MethodError, match="minimum of region 'North'"):
        optimal(np.arange(6.0), rules)
    assert conflict(Rules(award=np.full(6, 5), places=5, groupings=(authority,))) == ()


def test_conflicts_with_required_excluded_neighbours_and_budget() -> None:
    ring = (np.arange(0, 9, 2), np.array([1, 3, 0, 2, 1, 3, 0, 2]))
    every = Grouping("country", np.zeros(4, int), minimum=np.array([3]))
    rules = Rules(award=np.full(4, 1), groupings=(every,), neighbours=ring, places=4)
    assert [name.kind for name in conflict(rules)] == ["minimum", "no two neighbours"]
    rules = Rules(award=np.full(4, 7), groupings=(every,), budget=20)
    assert [name.kind for name in conflict(rules)] == ["budget", "minimum"]
    both = Rules(
        award=np.full(2, 7), must=np.array([True, False]), exclusions=(("x", np.array([True, False])),)
    )
    assert [name.kind for name in conflict(both)] == ["must include", "excluded"]


def test_the_walk_can_fail_where_a_choice_exists() -> None:
    """The nearest in need blocks two neighbours, so two reserved places cannot be filled; the optimum finds them."""
    star = (np.array([0, 2, 3, 4]), np.array([1, 2, 0, 0]))
    rules = Rules(
        award=np.ones(3, int),
        groupings=(Grouping("all", np.zeros(3, int), minimum=np.array([2])),),
        neighbours=star,
    )
    assert [(item.wanted, item.got) for item in ranked([3, 2, 1], rules).unmet] == [(2, 1)]
    assert conflict(rules) == ()
    assert optimal([3, 2, 1], rules).chosen.tolist() == [False, True, True]


def test_tiers_come_one_after_the_other() -> None:
    rules = Rules(award=np.ones(4, int), places=2)
    assert optimal([[1, 1, 1, 0], [0, 5, 6, 99]], rules).chosen.tolist() == [False, True, True, False]


def test_max_min_serves_the_least_served_first() -> None:
    """Three parts, three places: the sum would take area 0 and 1; max–min gives each part one, its best."""
    value, part = np.array([10.0, 9, 4, 3, 2, 1]), np.array([0, 0, 1, 1, 2, 2])
    rules = Rules(award=np.ones(6, int), places=3)
    found, served = max_min(value, part, rules, gap=1e-6)
    assert served.tolist() == [10, 4, 2]
    assert found.worth == pytest.approx((2, 6, 16))
    assert optimal(value, rules).worth[0] == 23


def test_max_min_agrees_with_all_choices_tried() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        value, part = rng.integers(1, 30, 9).astype(float), rng.integers(0, 3, 9)
        part[:3] = [0, 1, 2]
        rules = Rules(award=rng.integers(1, 6, 9), budget=9)
        _, served = max_min(value, part, rules, gap=1e-6)
        best = max(
            tuple(sorted(np.bincount(part[list(s)], weights=value[list(s)], minlength=3).tolist()))
            for size in range(10)
            for s in combinations(range(9), size)
            if rules.award[list(s)].sum() <= 9
        )
        assert sorted(served.tolist()) == pytest.approx(best)


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    near = [
        [
            r * columns + c + d
            for d, ok in ((-columns, r > 0), (-1, c > 0), (1, c < columns - 1), (columns, r < rows - 1))
            if ok
        ]
        for r in range(rows)
        for c in range(columns)
    ]
    return np.cumsum([0, *[len(x) for x in near]]), np.concatenate(near)


def connected(chosen: np.ndarray, near: tuple[np.ndarray, np.ndarray]) -> bool:
    areas = set(np.flatnonzero(chosen).tolist())
    seen = {min(areas)}
    edge = list(seen)
    while edge:
        i = edge.pop()
        for j in near[1][near[0][i] : near[0][i + 1]].tolist():
            if j in areas and j not in seen:
                seen.add(j)
                edge.append(j)
    return seen == areas


def test_clusters_are_connected_and_best() -> None:
    rng = np.random.default_rng(2)
    near = grid(3, 4)
    for _ in range(4):
        value, people = rng.integers(0, 20, 12), rng.integers(5, 15, 12)
        found = cluster(value, people, near, low=20, high=45)
        chosen = found.chosen
        best = max(
            value[list(s)].sum()
            for size in range(1, 9)
            for s in combinations(range(12), size)
            if 20 <= people[list(s)].sum() <= 45 and connected(np.isin(np.arange(12), s), near)
        )
        assert connected(chosen, near)
        assert 20 <= people[chosen].sum() <= 45
        assert value[chosen].sum() == best == found.worth == pytest.approx(found.bound, rel=1e-6)
    assert not cluster(value, people, near, low=1, high=2).chosen.any()


def test_draws_repeat_the_walk_with_and_without_compiling() -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(3)
    n = 60
    town = Grouping("town", rng.integers(0, 9, n), cap=np.full(9, 2))
    side = Grouping("side", rng.integers(-1, 2, n), minimum=np.array([3, 4]))
    rules = Rules(
        award=rng.integers(1, 5, n), places=14, budget=40, groupings=(town, side), neighbours=grid(6, 10)
    )
    ranks = np.array([rng.permutation(n) + 1 for _ in range(8)])
    plain = ranked_draws(ranks, rules, compiled=False)
    assert (plain == ranked_draws(ranks, rules, compiled=True)).all()
    assert (plain == [ranked(-row.astype(float), rules).chosen for row in ranks]).all()
