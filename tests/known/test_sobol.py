"""Sobol shares: test functions with known truth, SALib on the same sample, and the faults found in the R package COINr."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from wardmote.errors import MethodError
from wardmote.methods import sobol
from wardmote.methods.sobol import between, choice, design, sobol_shares

Floats = npt.NDArray[np.float64]

# Ishigami and Homma (1990) with a = 7, b = 0.1; the truth is from the closed form in Saltelli et al. (2008), Global
# Sensitivity Analysis: The Primer, section 4.
ISHIGAMI_FIRST = np.array([0.313905, 0.442411, 0.0])
ISHIGAMI_TOTAL = np.array([0.557589, 0.442411, 0.243684])

G_A = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])


def ishigami(x: Floats) -> Floats:
    angle = -np.pi + 2 * np.pi * x
    first, second, third = np.moveaxis(angle, -1, 0)
    return np.asarray(np.sin(first) + 7 * np.sin(second) ** 2 + 0.1 * third**4 * np.sin(first))


def sobol_g(x: Floats) -> Floats:
    return np.asarray(((np.abs(4 * x - 2) + G_A) / (1 + G_A)).prod(axis=-1))


def g_truth() -> tuple[Floats, Floats]:
    """Return first and total shares of Sobol's G (Saltelli and Sobol 1995)."""
    part = 1 / (3 * (1 + G_A) ** 2)
    whole = (1 + part).prod() - 1
    return part / whole, part * ((1 + part).prod() / (1 + part)) / whole


# At 4,096 rows the Monte Carlo standard error of plain random points is about 0.02 (first) and 0.01 (total) for the largest
# shares; the tolerance is four of them, and a quarter of that for the Sobol sequence, which does better.
@pytest.mark.parametrize(("kind", "tolerance"), [("sobol", 0.02), ("random", 0.08)])
def test_shares_agree_with_the_truth_within_monte_carlo_error(kind: str, tolerance: float) -> None:
    g_first, g_total = g_truth()
    for model, first, total in (
        (ishigami, ISHIGAMI_FIRST, ISHIGAMI_TOTAL),
        (sobol_g, g_first, g_total),
    ):
        plan = design(len(first), 4096, seed=5, kind="sobol" if kind == "sobol" else "random")
        found = sobol_shares(model(plan.points()), replicates=0)
        np.testing.assert_allclose(found.first[:, 0], first, atol=tolerance)
        np.testing.assert_allclose(found.total[:, 0], total, atol=tolerance)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_shares_equal_those_of_salib_on_the_same_runs(shift: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SALib's imports are not ours to mend
        salib = pytest.importorskip("SALib.analyze.sobol")
    y = ishigami(design(3, 256, seed=2).points()) + shift
    interleaved = np.concatenate([y[:1], y[2:], y[1:2]]).T.ravel()  # SALib's order: A, AB_1 …, B for each row
    problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[0, 1]] * 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = salib.analyze(problem, interleaved, calc_second_order=False, num_resamples=2, seed=1)
    ours = sobol_shares(y, replicates=0)
    # The same formula in another order of operations; at a mean of 1,000 the input itself carries 1e-13 of rounding.
    tolerance = 1e-12 if shift == 0 else 1e-11
    np.testing.assert_allclose(ours.first[:, 0], theirs["S1"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.total[:, 0], theirs["ST"], rtol=0, atol=tolerance)


def test_the_mean_of_the_output_changes_nothing() -> None:
    """COINr's first order is not centred: with a mean of 100 its standard deviation is over a hundred times ours."""
    y = sobol_g(design(6, 128, seed=1).points())
    plain, moved = (sobol_shares(y + shift, replicates=50, seed=3) for shift in (0.0, 100.0))
    for name in ("first", "first_low", "first_high", "total", "total_low", "total_high"):
        # 100 shifts the last digit by 1e-14; shares divide by a variance of about 0.5.
        np.testing.assert_allclose(getattr(plain, name), getattr(moved, name), rtol=0, atol=1e-11)


def test_bootstrap_draws_rows_jointly_and_computes_variance_anew() -> None:
    y = ishigami(design(3, 64, seed=9).points())
    weights = sobol._bootstrap_weights(64, 40, 7)
    by_hand = []
    for row in weights[1:]:
        sample = y[:, np.repeat(np.arange(64), np.rint(row * 64).astype(int))]
        by_hand.append(sobol_shares(sample, replicates=0))
    low, high = np.quantile([x.first[:, 0] for x in by_hand], [0.05, 0.95], axis=0)
    total_low, total_high = np.quantile([x.total[:, 0] for x in by_hand], [0.05, 0.95], axis=0)
    found = sobol_shares(y, replicates=40, coverage=0.9, seed=7)
    # Means of products against sums over repeated rows: rounding only.
    for ours, theirs in (
        (found.first_low, low), (found.first_high, high), (found.total_low, total_low), (found.total_high, total_high)
    ):  # fmt: skip
        np.testing.assert_allclose(ours[:, 0], theirs, rtol=0, atol=1e-12)


def test_bootstrap_intervals_cover_the_truth() -> None:
    first, total = g_truth()
    inside = []
    for seed in range(100):
        y = sobol_g(design(6, 256, seed=seed, kind="random").points())
        found = sobol_shares(y, replicates=200, coverage=0.9, seed=seed)
        inside.append(
            [
                (found.first_low[:2, 0] <= first[:2]) & (first[:2] <= found.first_high[:2, 0]),
                (found.total_low[:2, 0] <= total[:2]) & (total[:2] <= found.total_high[:2, 0]),
            ]
        )
    # Nominal 0.9; 100 samples of four intervals that hang together have a standard error of at most 0.03, and percentile
    # intervals at 256 rows are known to be a little short.
    assert 0.82 <= np.mean(inside) <= 0.97


def test_many_outputs_at_once_equal_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    points = design(3, 64, seed=4).points()
    y = np.stack(
        [ishigami(points), points[..., 0], np.full(points.shape[:2], 0.1), points.sum(axis=-1)], axis=-1
    )
    together = sobol_shares(y, replicates=30, seed=2)
    monkeypatch.setattr(sobol, "BLOCK", 1)
    apart = sobol_shares(y, replicates=30, seed=2)
    for name in ("first", "first_low", "total", "total_high", "variance"):
        # Products of matrices of other widths may add in another order.
        np.testing.assert_allclose(getattr(together, name), getattr(apart, name), rtol=1e-11, atol=1e-13)
    assert np.isnan(together.first[:, 2]).all()  # a constant has no variance to share
    np.testing.assert_allclose(together.total[:, 1], [together.total[0, 1], 0, 0])


def test_failed_runs_are_left_out_by_row_and_counted() -> None:
    y = np.repeat(ishigami(design(3, 64, seed=4).points())[:, :, None], 3, axis=2)
    y[:, :, 2] = np.nan  # an area without score
    spoilt = y.copy()
    spoilt[1, 5], spoilt[3, 9] = np.nan, np.nan
    found = sobol_shares(spoilt, replicates=0)
    assert (found.rows, found.failed) == (62, 2)
    np.testing.assert_array_equal(found.first, sobol_shares(np.delete(y, [5, 9], axis=1), replicates=0).first)
    assert np.isnan(found.first[:, 2]).all()
    with pytest.raises(MethodError, match="too few rows"):
        sobol_shares(np.where(np.arange(64)[:, None] < 63, np.nan, y), replicates=0)


def test_discrete_factors_have_fixed_bins() -> None:
    """COINr cuts the sample's own range, so that these four points become A A B B (composite notes, fault 4)."""
    assert choice([0.30, 0.35, 0.40, 0.45], [0.5, 0.5]).tolist() == [0, 0, 0, 0]
    assert choice([0.0, 0.1, 0.25, 0.999, 1.0], [0.1, 0.0, 0.9]).tolist() == [0, 2, 2, 2, 2]
    assert choice([1.0], [0.5, 0.5, 0.0]).tolist() == [1]
    counts = np.bincount(choice(design(2, 1024, seed=1).a[:, 0], [0.25, 0.5, 0.25]))
    np.testing.assert_allclose(
        counts / 1024, [0.25, 0.5, 0.25], atol=1 / 1024
    )  # a Sobol sequence is balanced
    assert between([0.0, 0.5, 1.0], -1, 3).tolist() == [-1, 1, 3]


def test_a_design_is_made_of_a_b_and_columns_swapped() -> None:
    plan = design(3, 8, seed=1)
    points = plan.points()
    assert plan.runs == 40
    for i in range(3):
        np.testing.assert_array_equal(points[2 + i][:, i], plan.b[:, i])
        np.testing.assert_array_equal(np.delete(points[2 + i], i, axis=1), np.delete(plan.a, i, axis=1))
    np.testing.assert_array_equal(points, design(3, 8, seed=1).points())
    assert not np.array_equal(points, design(3, 8, seed=2).points())


def test_refusals() -> None:
    with pytest.raises(MethodError, match="no power of two"):
        design(3, 100, seed=1)
    with pytest.raises(MethodError) as caught:
        design(0, 1, seed=1)
    assert len(caught.value.problems) == 2
    for probabilities in ([0.5, 0.6], [-0.5, 1.5], [np.nan, 1.0], []):
        with pytest.raises(MethodError, match="no probabilities"):
            choice([0.5], probabilities)
    with pytest.raises(MethodError, match="outside 0 to 1"):
        choice([1.5], [1.0])
    with pytest.raises(MethodError, match="range is empty"):
        between([0.5], 1, 1)
    with pytest.raises(MethodError, match="do not fit"):
        sobol_shares([1.0, 2.0])
    with pytest.raises(MethodError, match="coverage"):
        sobol_shares(np.zeros((3, 4)), coverage=1.0)
