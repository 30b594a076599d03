"""Rank sets against the published procedure: brute force, the R package csranks, the exact integral, and known truth.

Mogstad, Romano, Shaikh, Wilhelm (2024), Review of Economic Studies 91(1), doi 10.1093/restud/rdad006.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr

from wardmote.errors import MethodError
from wardmote.methods import rank_sets
from wardmote.methods.rank_sets import RankSets, greatest_need_set, marginal_sets, simultaneous_sets

# Made with csranks 1.2.2.9001 (R 4.2.2): csranks(x, diag(s^2), coverage = 0.9, R = 20000, seed = 11) for both values of
# simul and stepdown; cstaubest(x, diag(s^2), tau, coverage = 0.9, R = 20000, seed = 5). Only inputs and outputs are kept.
X = np.array([2.1, 1.9, 1.2, 0.9, 0.85, 0.3, 0.1, -0.4, -0.55, -1.3, -1.35, -2.4])
S = np.array([0.3, 0.1, 0.25, 0.1, 0.4, 0.15, 0.3, 0.2, 0.1, 0.5, 0.12, 0.35])
CSRANKS = {
    ("marginal", False): ([1, 1, 2, 3, 3, 5, 5, 7, 7, 8, 10, 11], [3, 3, 5, 6, 7, 7, 9, 10, 10, 12, 11, 12]),
    ("marginal", True): ([1, 1, 3, 3, 3, 5, 5, 7, 7, 8, 10, 11], [2, 2, 5, 5, 7, 7, 9, 10, 10, 12, 11, 12]),
    ("simultaneous", False): ([1, 1, 1, 3, 1, 5, 3, 5, 7, 7, 10, 10], [4, 4, 6, 6, 8, 8, 10, 10, 10, 12, 12, 12]),
    ("simultaneous", True): ([1, 1, 1, 3, 1, 5, 3, 5, 7, 7, 10, 10], [4, 4, 6, 6, 8, 8, 10, 10, 10, 12, 12, 12]),
}  # fmt: skip
TAU_BEST = {2: [1, 2, 3, 5], 4: [1, 2, 3, 4, 5, 7], 6: [1, 2, 3, 4, 5, 6, 7, 8]}


def sets_of(kind: str, stepwise: bool, x: npt.ArrayLike, s: npt.ArrayLike, draws: int = 5000) -> RankSets:
    if kind == "marginal":
        return marginal_sets(x, s, coverage=0.9, stepwise=stepwise)
    return simultaneous_sets(x, s, coverage=0.9, stepwise=stepwise, draws=draws, seed=3)


@pytest.mark.parametrize(("kind", "stepwise"), sorted(CSRANKS))
def test_sets_equal_those_of_csranks(kind: str, stepwise: bool) -> None:
    low, high = CSRANKS[kind, stepwise]
    sets = sets_of(kind, stepwise, X, S)
    assert sets.low.tolist() == low
    assert sets.high.tolist() == high


@pytest.mark.parametrize("stepwise", [False, True])
def test_greatest_need_sets_equal_those_of_csranks(stepwise: bool) -> None:
    sets = sets_of("simultaneous", stepwise, X, S)
    for tau, members in TAU_BEST.items():
        assert (np.flatnonzero(greatest_need_set(sets, tau)) + 1).tolist() == members


def exact_critical(i: int, s: npt.NDArray[np.float64], coverage: float) -> float:
    """Return the marginal critical value by adaptive integration over every area, without bins."""
    others = np.delete(s, i)

    def covered(c: float) -> float:
        def inside(z: float) -> float:
            reach = c * np.hypot(s[i], others)
            each = ndtr((s[i] * z + reach) / others) - ndtr((s[i] * z - reach) / others)
            return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * each.prod())

        return quad(inside, -8, 8, limit=200, points=[-3, -1, 0, 1, 3])[0] - coverage

    return float(brentq(covered, 0.5, 8, xtol=1e-9))


def test_marginal_critical_values_solve_the_exact_integral() -> None:
    critical = marginal_sets(X, S, coverage=0.9).critical
    # Distinct errors are few, so nothing is binned: what remains is the trapezoid rule.
    np.testing.assert_allclose(critical, [exact_critical(i, S, 0.9) for i in range(len(S))], atol=1e-6)


def test_bins_and_the_curve_between_nodes_change_critical_values_by_less_than_a_thousandth() -> None:
    s = np.exp(np.random.default_rng(4).uniform(np.log(0.02), np.log(1.0), 600))
    order = np.argsort(s)
    picks = order[[0, 60, 300, 540, 599]]
    critical = marginal_sets(np.zeros(600), s, coverage=0.95).critical
    # 0.001 of a standard error moves an end of a set by less than a rank in a thousand at any realistic spread.
    np.testing.assert_allclose(critical[picks], [exact_critical(int(i), s, 0.95) for i in picks], atol=1e-3)


def brute_counts(
    x: npt.NDArray[np.float64], s: npt.NDArray[np.float64], c: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    shown = x[None, :] - x[:, None] > np.broadcast_to(c, x.shape)[:, None] * np.hypot(s[:, None], s[None, :])
    return np.asarray(shown.sum(axis=1))


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("kind", ["marginal", "simultaneous"])
def test_counts_equal_all_pairs_compared_one_by_one(
    kind: str, stepwise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_sets, "CHUNK", 997)  # many chunks, with rows split at awkward places
    rng = np.random.default_rng(8)
    x = np.round(rng.standard_normal(400), 2)  # rounding makes ties
    s = np.exp(rng.normal(-2, 1, 400))
    sets = sets_of(kind, stepwise, x, s, draws=200)
    np.testing.assert_array_equal(sets.low, 1 + brute_counts(x, s, sets.critical))
    np.testing.assert_array_equal(sets.high, 400 - brute_counts(-x, s, sets.critical))


def brute_simultaneous(
    x: npt.NDArray[np.float64], s: npt.NDArray[np.float64], draws: int, seed: int, *, stepwise: bool
) -> float:
    """Return the critical value from a table of all pairs, step by step until no pair more is shown."""
    z = np.array([rank_sets._normals(seed, draw, len(x)) for draw in range(draws)]) * s
    spread = np.hypot(s[:, None], s[None, :])
    ratios = (z[:, :, None] - z[:, None, :]) / spread
    free = ~np.eye(len(x), dtype=bool)
    place = int(np.ceil(0.9 * (draws + 1))) - 1
    while True:
        critical = float(np.sort(ratios[:, free].max(axis=1))[place])
        still = free & (x[:, None] - x[None, :] <= critical * spread)
        if not stepwise or still.sum() == free.sum():
            return critical
        free = still


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.5])
def test_frontiers_and_pruning_find_the_maximum_over_all_pairs(spread: float, stepwise: bool) -> None:
    rng = np.random.default_rng(2)
    s = np.exp(rng.normal(-1, spread, 40))
    x = rng.standard_normal(40) * 1.5
    sets = simultaneous_sets(x, s, coverage=0.9, draws=300, seed=6, stepwise=stepwise)
    # The same numbers in another order of operations: rounding only.
    assert sets.critical[0] == pytest.approx(brute_simultaneous(x, s, 300, 6, stepwise=stepwise), rel=1e-12)


def test_stepwise_sets_are_never_wider_and_marginal_sets_lie_within_simultaneous_ones() -> None:
    rng = np.random.default_rng(5)
    x, s = rng.standard_normal(300), rng.uniform(0.02, 0.4, 300)
    by_kind = {
        (k, st): sets_of(k, st, x, s, draws=400) for k in ("marginal", "simultaneous") for st in (False, True)
    }
    for narrow, wide in (
        (("marginal", True), ("marginal", False)),
        (("simultaneous", True), ("simultaneous", False)),
        (("marginal", False), ("simultaneous", False)),
    ):
        assert (by_kind[narrow].low >= by_kind[wide].low).all()
        assert (by_kind[narrow].high <= by_kind[wide].high).all()


def test_coverage_is_exact_where_all_truths_are_equal() -> None:
    """With no true differences the procedure is not conservative: no pair is shown with probability 0.9."""
    s = np.random.default_rng(0).uniform(0.05, 0.5, 60)
    simultaneous = simultaneous_sets(np.zeros(60), s, coverage=0.9, draws=2000, seed=1).critical[0]
    marginal = marginal_sets(np.zeros(60), s, coverage=0.9).critical
    worlds = np.random.default_rng(1).standard_normal((2000, 60)) * s
    ratio = np.abs(worlds[:, :, None] - worlds[:, None, :]) / np.hypot(s[:, None], s[None, :])
    # Four binomial standard errors of 2,000 worlds (0.0067 each), and once more as much for the 2,000 draws behind c.
    assert (ratio.max(axis=(1, 2)) <= simultaneous).mean() == pytest.approx(0.9, abs=0.038)
    # Averaged over areas that share each world: four times the standard error of one area bounds it.
    assert (ratio.max(axis=2) <= marginal).mean() == pytest.approx(0.9, abs=0.027)


def test_coverage_with_known_truth_is_at_least_nominal() -> None:
    """200 areas, 200 worlds; the long run with stepwise sets is tests/long/test_coverage.py."""
    rng = np.random.default_rng(10)
    truth, s = rng.standard_normal(200), rng.uniform(0.05, 0.25, 200)
    rank = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    critical_all = simultaneous_sets(truth, s, coverage=0.9, seed=1).critical
    critical_each = marginal_sets(truth, s, coverage=0.9).critical
    covered_each, covered_all = [], []
    for _ in range(200):
        x = truth + s * rng.standard_normal(200)
        for critical, record in ((critical_each, covered_each), (critical_all, covered_all)):
            inside = (1 + brute_counts(x, s, critical) <= rank) & (
                rank <= 200 - brute_counts(-x, s, critical)
            )
            record.append(inside if critical is critical_each else inside.all())
    # Nominal less three binomial standard errors of 200 worlds (0.064); both are well above it, being conservative.
    assert np.mean(covered_all) >= 0.9 - 0.064
    assert np.mean(covered_each, axis=0).min() >= 0.9 - 0.064


def test_missing_single_and_exact_areas() -> None:
    sets = marginal_sets([1.0, np.nan, 0.0], [0.01, np.nan, 0.01])
    np.testing.assert_array_equal(sets.low, [1, np.nan, 2])
    np.testing.assert_array_equal(sets.high, [1, np.nan, 2])
    assert np.isnan(sets.critical[1])
    for one in (
        marginal_sets([3.0], [0.5], stepwise=True),
        simultaneous_sets([3.0], [0.5], seed=1, stepwise=True),
    ):
        assert (one.low[0], one.high[0], one.size[0]) == (1, 1, 1)
    exact = simultaneous_sets([3.0, 2.0, 2.0], [0.0, 0.0, 0.0], seed=1, stepwise=True)
    assert exact.low.tolist() == [1, 2, 2]
    assert exact.high.tolist() == [1, 3, 3]  # equal scores are never shown to differ
    mixed = marginal_sets([3.0, 2.0, -9.0], [0.0, 0.0, 1.0], stepwise=True)
    assert mixed.low.tolist() == [1, 2, 3]


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(MethodError, match="missing, negative or infinite") as caught:
        marginal_sets([1.0, 2.0], [0.1, -0.1], coverage=0.3)
    assert len(caught.value.problems) == 2
    with pytest.raises(MethodError, match="do not fit"):
        marginal_sets([1.0, 2.0], [0.1])
    with pytest.raises(MethodError, match="too few draws"):
        simultaneous_sets([1.0, 2.0], [0.1, 0.1], coverage=0.95, draws=10, seed=1)
    with pytest.raises(MethodError, match="hold one by one only"):
        greatest_need_set(marginal_sets([1.0, 2.0], [0.1, 0.1]), 1)
    with pytest.raises(MethodError, match="tau is out of range"):
        greatest_need_set(simultaneous_sets([1.0, 2.0], [0.1, 0.1], seed=1), 0)
