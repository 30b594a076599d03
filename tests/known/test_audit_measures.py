"""Measures of coherence on cases whose answer is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from scipy.stats.qmc import Sobol

from wardmote.errors import MethodError
from wardmote.methods.coherence import (
    alpha,
    correlations,
    dimensions,
    far_out,
    main_effect,
    rank_shift,
    share_replaced,
)

WIDE = 2**14
"""Points of the space-filling sample: its own error on smooth functions is far below the tolerances."""


def test_correlation_ratio_of_ishigami() -> None:
    """First-order shares 0.3139, 0.4424 and 0 at a = 7, b = 0.1 (Ishigami and Homma 1990, in closed form)."""
    x = (2 * Sobol(3, scramble=False).random(WIDE).T - 1) * np.pi
    y = np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])
    found = [main_effect(row, y) for row in x]
    # 0.005: the share of a smooth curve in 16,384 points whose rest varies as much again has a standard error of about 0.003.
    assert [effect.ratio for effect in found] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.005)
    # A straight line sees nothing of sin² and only part of the sine.
    assert found[1].linear == pytest.approx(0.0, abs=1e-6)
    assert found[0].linear == pytest.approx(0.3139 * 6 / np.pi**2, abs=0.005)


def test_correlation_ratio_of_a_parabola_in_noise() -> None:
    """y = x² + e, x even on (−1, 1): V(x²) = 4/45, so with V(e) = 4/45 half of the variance; a line sees none of it."""
    rng = np.random.default_rng(20130403)
    x = np.linspace(-1, 1, 20_001)
    effect = main_effect(x, x**2 + rng.normal(0, np.sqrt(4 / 45), len(x)))
    # Three standard errors of the sample's own split: sqrt(2 / 20,001) · about 0.5, times three.
    assert effect.ratio == pytest.approx(0.5, abs=0.015)
    assert effect.linear == pytest.approx(0.0, abs=0.001)


def test_correlation_ratio_of_lines_steps_and_noise() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_cauchy(5_000)  # a tail that reaches a thousand times the middle half
    assert main_effect(x, 3 - 2 * x).ratio == pytest.approx(1.0, abs=1e-6)
    noise = [main_effect(rng.normal(size=60), rng.normal(size=60)).ratio for _ in range(60)]
    # A line alone has 1 / 60 = 0.017 on average, the fullest curve 18 / 60 = 0.3; generalised cross-validation lies near the line.
    assert np.mean(noise) < 0.06
    groups = np.tile([0.0, 1.0, 2.0], 400)
    between = np.array([0.0, 1.0, 0.0])[groups.astype(int)]
    # V(E(y|g)) = 2/9 of a step of 1 in one of three groups; noise of the same variance: half.
    effect = main_effect(groups, between + rng.normal(0, np.sqrt(2 / 9), len(groups)))
    assert effect.ratio == pytest.approx(0.5, abs=0.06)
    assert effect.linear == pytest.approx(0.0, abs=0.01)


def test_correlations_are_scipys_with_missing_values_and_ties() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 9, size=(4, 80)).astype(float)
    rows[1, :10] = np.nan
    rows[2, 5:25] = np.nan
    for by, theirs in (("scores", pearsonr), ("ranks", spearmanr)):
        ours = correlations(rows, by=by)
        for i in range(4):
            for j in range(4):
                known = ~np.isnan(rows[i]) & ~np.isnan(rows[j])
                # 1e-12: the same sums in another order.
                assert ours[i, j] == pytest.approx(
                    theirs(rows[i][known], rows[j][known]).statistic, abs=1e-12
                )


def test_alpha_and_dimensions_in_closed_form() -> None:
    """Equicorrelated parts, r = 0.5, k = 3: alpha = k r ÷ (1 + (k − 1) r) = 0.75; eigenvalues 2, 0.5, 0.5 (Cronbach 1951)."""
    rng = np.random.default_rng(3)
    white = rng.normal(size=(3, 400))
    white -= white.mean(axis=1, keepdims=True)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(white)), white)
    rows = np.linalg.cholesky(0.5 * np.eye(3) + 0.5) @ white
    # 1e-12: the sample was given these moments exactly, but for rounding.
    assert alpha(rows) == pytest.approx(0.75, abs=1e-12)
    found = dimensions(rows)
    np.testing.assert_allclose(found.eigenvalues, [2.0, 0.5, 0.5], atol=1e-12)
    assert found.share == pytest.approx(2 / 3, abs=1e-12)
    np.testing.assert_allclose(found.loadings, 1 / np.sqrt(3), atol=1e-12)


def test_what_has_no_answer_has_none() -> None:
    assert np.isnan(correlations([[1.0, 1.0, 1.0]], [[1.0, 2.0, 3.0]])).all()
    assert np.isnan(correlations([[1.0, 2.0]], [[1.0, 2.0]])).all()
    assert np.isnan(alpha([[1.0, 2.0, 3.0]]))
    assert np.isnan(dimensions([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]).share)
    assert np.isnan(main_effect([1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0]).ratio)
    assert np.isnan(main_effect([1.0, np.nan], [np.nan, 1.0]).ratio)
    assert np.isnan(far_out([1.0, 1.0, 1.0, 1.0, 9.0]))
    assert np.isnan(rank_shift([np.nan], [1.0]))
    with pytest.raises(MethodError):
        main_effect([1.0, 2.0], [1.0])
    with pytest.raises(MethodError):
        correlations(np.zeros((1, 3)), np.zeros((1, 4)))


def test_shifts_and_shares_by_hand() -> None:
    assert rank_shift([1, 2, 3, np.nan], [3, 2, 1, 4]) == pytest.approx(4 / 3)
    assert share_replaced(np.array([True, True, False]), np.array([True, False, True])) == 0.5
    # Quartiles 2 and 4, so far out is above 4 + 3 · 2 or below 2 − 3 · 2.
    assert far_out([1.0, 2.0, 3.0, 4.0, 11.0]) == pytest.approx(0.2)
