"""Laws of pooling: what must hold for any body of evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from wardmote.errors import MethodError
from wardmote.methods import bias, effect_sizes, influence, multilevel
from wardmote.methods.effect_sizes import Effects, Group
from wardmote.methods.pooling import ESTIMATORS, pool, prediction_interval


@st.composite
def bodies(draw: st.DrawFn, least: int = 4, most: int = 12) -> tuple[np.ndarray, np.ndarray]:
    k = draw(st.integers(least, most))
    y = draw(st.lists(st.floats(-2, 2), min_size=k, max_size=k))
    v = draw(st.lists(st.floats(0.01, 1), min_size=k, max_size=k))
    return np.array(y), np.array(v)


@settings(max_examples=40, deadline=None)
@given(bodies(), st.sampled_from(ESTIMATORS))
def test_pooled_effect_is_a_weighted_mean(body: tuple[np.ndarray, np.ndarray], estimator: str) -> None:
    y, v = body
    found = pool(y, v, estimator=estimator)  # type: ignore[arg-type]  # drawn text
    assert found.weights.sum() == pytest.approx(1)
    assert found.estimate[0] == pytest.approx(float(found.weights @ y), abs=1e-9)
    assert y.min() - 1e-9 <= found.estimate[0] <= y.max() + 1e-9
    assert found.heterogeneity.tau2 >= 0
    assert 0 <= found.heterogeneity.i2 <= 1
    low, high = prediction_interval(found)
    assert low <= found.low[0] <= found.high[0] <= high


@settings(max_examples=30, deadline=None)
@given(bodies(), st.floats(-3, 3), st.floats(0.1, 10))
def test_shifts_and_units_carry_over(body: tuple[np.ndarray, np.ndarray], shift: float, scale: float) -> None:
    y, v = body
    one, other = pool(y, v), pool(scale * y + shift, scale**2 * v)
    assert other.estimate[0] == pytest.approx(scale * one.estimate[0] + shift, abs=1e-5 * max(1, scale))
    assert other.heterogeneity.tau2 == pytest.approx(scale**2 * one.heterogeneity.tau2, abs=1e-5 * scale**2)
    assert other.heterogeneity.i2 == pytest.approx(one.heterogeneity.i2, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(bodies())
def test_one_effect_a_study_is_the_plain_model(body: tuple[np.ndarray, np.ndarray]) -> None:
    y, v = body
    plain = pool(y, v)
    nested = multilevel.fit(y, v, np.arange(len(y)), {"study": np.arange(len(y))})
    assert nested.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert nested.q == pytest.approx(plain.heterogeneity.q, abs=1e-8)
    # The likelihood may be flat near its top: compare estimates where it says something.
    assert nested.estimate[0] == pytest.approx(plain.estimate[0], abs=5e-3)


@settings(max_examples=30, deadline=None)
@given(bodies(least=6), st.floats(0, 0.9))
def test_order_of_effects_changes_nothing(body: tuple[np.ndarray, np.ndarray], rho: float) -> None:
    y, v = body
    assume(np.ptp(y) > 0.1)
    study = np.arange(len(y)) // 2
    turned = np.random.default_rng(1).permutation(len(y))

    def fitted(rows: np.ndarray) -> multilevel.Robust:
        V = multilevel.sampling_covariance(v[rows], study[rows], rho)
        parts = multilevel.nested_components(study[rows])
        return multilevel.robust(multilevel.fit(y[rows], V, study[rows], parts))

    one, other = fitted(np.arange(len(y))), fitted(turned)
    assert_allclose(one.estimate, other.estimate, atol=1e-4)
    assert_allclose(one.standard_error, other.standard_error, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(bodies(least=5))
def test_trimmed_studies_mirror_real_ones(body: tuple[np.ndarray, np.ndarray]) -> None:
    y, v = body
    found = bias.trim_and_fill(y, v, estimator="fixed")
    assert len(found.effects) == len(y) + found.missing
    added = found.effects[len(y) :]
    assert found.missing == 0 or np.ptp(added) <= np.ptp(y) + 1e-9
    assert 0 <= found.missing < len(y)


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.integers(4, 200), st.integers(4, 200))
def test_the_same_study_told_in_several_ways(d: float, n1: int, n2: int) -> None:
    by_means = effect_sizes.standardised_mean_difference(Group(d, 1, n1), Group(0, 1, n2))
    t = d / np.sqrt(1 / n1 + 1 / n2)
    by_t = effect_sizes.smd_from_t(t, n1, n2)
    sign = 1.0 if d >= 0 else -1.0
    by_f = effect_sizes.smd_from_f(t**2, n1, n2, sign)
    for other in (by_t, by_f):
        assert_allclose(other.estimate, by_means.estimate, atol=1e-9)
        assert_allclose(other.variance, by_means.variance, atol=1e-9)
    # Independent people are clusters of one.
    alone = effect_sizes.clustered_smd(by_means.estimate, n1, n2, 1, 0.0)
    assert_allclose(alone.estimate, by_means.estimate)
    more = effect_sizes.design_effect(Effects(by_means.estimate, by_means.variance), 5, 0.1)
    assert more.variance == pytest.approx(1.4 * float(by_means.variance))


def test_p_goes_back_to_its_t() -> None:
    made = effect_sizes.smd_from_p(0.05, 30, 30, 1)
    assert made.estimate == pytest.approx(
        float(effect_sizes.smd_from_t(2.0017174841, 30, 30).estimate), abs=1e-8
    )


def test_counts_with_zero_cells() -> None:
    made = effect_sizes.from_counts([0, 0, 5], [10, 10, 10], [3, 0, 2], [10, 10, 10], "odds ratio")
    assert np.isfinite(made.estimate[0])
    assert np.isnan(made.estimate[1])  # no event at all says nothing of a ratio
    assert made.estimate[2] == pytest.approx(np.log(5 * 8 / (5 * 2)))
    swapped = effect_sizes.from_counts([3], [10], [0], [10], "odds ratio")
    assert swapped.estimate[0] == pytest.approx(-made.estimate[0])


# One precise study, and all others above it.
LOPSIDED = [0.0, 1.0, 1.1, 1.2, 1.3, 1.4], [1e-6, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pool([0.1], [0.2]), "too few studies"),
        (lambda: pool([0.1, 0.2], [0.2, -0.1]), "a variance is 0 or negative"),
        (lambda: pool([0.1, np.nan], [0.2, 0.1]), "an effect is missing"),
        (lambda: pool([0.1, 0.2], [0.2, np.inf]), "a variance is missing or infinite"),
        (lambda: pool([], []), "do not fit"),
        (lambda: pool([1, 2, 3], [1, 1, 1], [2, 2, 2]), "cannot be told apart"),
        (lambda: pool([1, 2, 3], [1, 1, 1], [2, np.nan, 2]), "a predictor is missing"),
        (lambda: pool([0.2] * 4, [0.1, 0.2, 0.3, 0.4], test="knapp-hartung"), "effects are all alike"),
        (lambda: pool([0.1, 0.2], [0.2, 0.1], estimator="magic"), "estimator"),  # type: ignore[arg-type]  # a wrong word
        (lambda: influence.leave_one_out([1, 2], [1, 1]), "too few studies"),
        (lambda: influence.influence([1, 2], [1, 1]), "too few studies"),
        (lambda: influence.influence([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 0, 1]), "without one study"),
        (lambda: bias.trim_and_fill([1, 2], [1, 1]), "too few studies"),
        (
            lambda: bias.trim_and_fill(*LOPSIDED, estimator="fixed", count="Q0", side="left"),
            "Q0 does not exist",
        ),
        (lambda: influence.subgroups([1, 2], [1, 1], ["a", "a"]), "a single group"),
        (lambda: bias.egger([1, 2, 3], [1, 1, 1]), "the same error"),
        (
            lambda: bias.selection_model([1.0, 2, 3, 4, 5], [1.0, 1, 1, 1, 1], steps=(0.5, 0.4)),
            "not in order",
        ),
        (lambda: bias.selection_model([3.0] * 6, [0.1] * 6), "no study has its p"),
        (lambda: multilevel.fit([1, 2], [1, 1], [0, 0], {"a": np.arange(2)}), "a single study"),
        (lambda: multilevel.fit([1, 2], [1, 1], [0, 1], {"a": np.zeros(2, int)}), "reaches across studies"),
        (lambda: multilevel.fit([1, 2], [[1, 0.5], [0.5, 1]], [0, 1], {"a": np.arange(2)}), "correlate"),
        (lambda: multilevel.sampling_covariance([1, 1], [0, 0], 1.0), "rho is out of range"),
        (lambda: effect_sizes.from_counts(5, 4, 1, 4, "odds ratio"), "out of range"),
        (lambda: effect_sizes.from_interval(1.5, 1.9, 1.2, ratio=True), "out of range"),
        (lambda: effect_sizes.from_correlation(1.0, 30), "out of range"),
        (lambda: effect_sizes.from_correlation(-1.3, 30), "out of range"),
        (lambda: effect_sizes.pre_post(2, 1, 1, 20, 1.2), "correlation is out of range"),
        (
            lambda: effect_sizes.pre_post_control(Group(1, 1, 9), Group(1, 1, 9), -1.2),
            "correlation is out of range",
        ),
        (
            lambda: effect_sizes.mean_difference(Group(1, -1, 9), Group(1, 1, 9)),
            "sd of the programme is out of range",
        ),
        (lambda: effect_sizes.clustered_smd(0.3, 50, 50, 5, 1.4), "icc is out of range"),
        (lambda: effect_sizes.smd_from_p(0.0, 20, 20, 1), "p is out of range"),
        (lambda: effect_sizes.smd_from_f(4, 20, 20, 0), "not a sign"),
    ],
)
def test_refusals(call: object, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        call()  # type: ignore[operator]  # a parametrised function


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_effects_all_alike_have_no_spread_between_them(estimator: str) -> None:
    v = np.array([0.1, 0.2, 0.3, 0.4])
    for test in ("z", "modified knapp-hartung"):
        if estimator == "fixed" and test != "z":
            continue
        found = pool([0.2] * 4, v, estimator=estimator, test=test)  # type: ignore[arg-type]  # drawn text
        spread = found.heterogeneity
        assert (spread.tau2, spread.i2, spread.q) == pytest.approx((0, 0, 0), abs=1e-12)
        assert spread.h2 == pytest.approx(0.0 if estimator == "fixed" else 1.0, abs=1e-12)
        # The studies' own errors still make an interval.
        assert found.standard_error[0] == pytest.approx(float((1 / (1 / v).sum()) ** 0.5))
        assert np.isfinite([found.low[0], found.high[0], found.prediction_low, found.prediction_high]).all()


@settings(max_examples=40, deadline=None)
@given(bodies(), st.sampled_from(ESTIMATORS[1:]))
def test_modified_intervals_are_never_narrower_than_the_errors_make_them(
    body: tuple[np.ndarray, np.ndarray], estimator: str
) -> None:
    plain, modified = (
        pool(*body, estimator=estimator, test=test)  # type: ignore[arg-type]  # drawn text
        for test in ("z", "modified knapp-hartung")
    )
    assert modified.estimate[0] == plain.estimate[0]
    assert modified.standard_error[0] >= plain.standard_error[0] * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(bodies(least=6))
def test_influence_adds_up(body: tuple[np.ndarray, np.ndarray]) -> None:
    y, v = body
    x = np.arange(len(y), dtype=float)
    for predictors, p in ((None, 1), (x, 2)):
        one = influence.influence(y, v, predictors)
        assert one.leverage.sum() == pytest.approx(p)
        assert one.weight.sum() == pytest.approx(1)
        assert (one.cook >= -1e-12).all()
        for part in (one.residual, one.dffits, one.covariance_ratio, one.q_without, one.dfbetas):
            assert np.isfinite(part).all()


def test_searches_that_are_cut_short_say_so_or_find_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    v = rng.uniform(0.01, 0.3, 24)
    y = rng.normal(size=24) * np.sqrt(v + 0.3)
    study = np.repeat(np.arange(8), 3)
    whole = pool(y, v)
    monkeypatch.setattr("wardmote.methods.pooling.MOST_STEPS", 1)
    # The bounded search of the likelihood takes over; its own tolerance is 1e-10 of the mean variance.
    assert pool(y, v).heterogeneity.tau2 == pytest.approx(whole.heterogeneity.tau2, rel=1e-5)
    parts = multilevel.nested_components(study)
    assert multilevel.fit(y, v, study, parts).settled
    monkeypatch.setattr("wardmote.methods.multilevel.MOST_STEPS", 1)
    assert not multilevel.fit(y, v, study, parts).settled


# Variances are large-sample formulas: within 8% of what 4,000 invented studies vary by (whose own error is 2%).
NEAR = 0.08
STUDIES = 4000


def _arm(rng: np.random.Generator, mean: float, rho: float) -> np.ndarray:
    """Return 4,000 invented arms of 8 groups of 10 people, with total variance 1."""
    groups = np.sqrt(rho) * rng.normal(size=(STUDIES, 8, 1)) + np.sqrt(1 - rho) * rng.normal(
        size=(STUDIES, 8, 10)
    )
    return mean + groups.reshape(STUDIES, -1)


def _d(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one.mean(1) - other.mean(1)) / np.sqrt((one.var(1, ddof=1) + other.var(1, ddof=1)) / 2)


def test_cluster_corrections_against_simulation() -> None:
    rng = np.random.default_rng(5)
    both = _d(_arm(rng, 0.4, 0.15), _arm(rng, 0.0, 0.15))
    made = effect_sizes.clustered_smd(both, 80, 80, 10, 0.15)
    assert made.estimate.mean() == pytest.approx(0.4, abs=0.02)
    assert made.variance.mean() == pytest.approx(made.estimate.var(), rel=NEAR)
    one = _d(_arm(rng, 0.4, 0.15), _arm(rng, 0.0, 0.0))
    made = effect_sizes.clustered_smd_one_arm(one, 80, 80, 10, 0.15)
    assert made.estimate.mean() == pytest.approx(0.4, abs=0.02)
    assert made.variance.mean() == pytest.approx(made.estimate.var(), rel=NEAR)
    # Taken as independent people, the same trials look twice as sure as they are.
    assert effect_sizes.smd_from_d(both, 80, 80).variance.mean() < 0.6 * both.var()


def test_changes_against_simulation() -> None:
    rng = np.random.default_rng(6)

    def measured(n: int, change: float) -> tuple[np.ndarray, np.ndarray]:
        before = rng.normal(size=(STUDIES, n))
        return before, 0.6 * before + 0.8 * rng.normal(size=(STUDIES, n)) + change

    groups = []
    for n, change in ((25, 0.5), (30, 0.1)):
        before, after = measured(n, change)
        groups.append(Group((after - before).mean(1), before.std(1, ddof=1), n))
        if n == 25:
            alone = effect_sizes.pre_post(after.mean(1), before.mean(1), before.std(1, ddof=1), n, 0.6)
    two = effect_sizes.pre_post_control(groups[0], groups[1], 0.6)
    for made, truth in ((alone, 0.5), (two, 0.4)):
        assert made.estimate.mean() == pytest.approx(truth, abs=0.02)
        assert made.variance.mean() == pytest.approx(made.estimate.var(), rel=NEAR)
