"""Pooling beside PyMARE and statsmodels, where they are installed; both are optional here and never needed to run Wardmote."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from wardmote.methods.bias import egger
from wardmote.methods.pooling import pool

RNG = np.random.default_rng(20260101)
V = RNG.uniform(0.01, 0.3, 24)
X = RNG.normal(size=24)
Y = 0.3 + 0.4 * X + RNG.normal(scale=np.sqrt(V + 0.08))
REASON = "an optional oracle, not installed here"


def oracle(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages warn of while they load is not ours
        return pytest.importorskip(name, reason=f"{name} is {REASON}")


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_meta_regression_as_pymare(method: str) -> None:
    estimators = oracle("pymare.estimators")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        result = estimators.VarianceBasedLikelihoodEstimator(method=method).fit(
            Y[:, None], V[:, None], np.column_stack([np.ones(24), X])
        )
        b, tau2 = np.ravel(result.params_["fe_params"]), float(np.ravel(result.params_["tau2"])[0])
    ours = pool(Y, V, X, estimator=method)  # type: ignore[arg-type]  # parametrised text
    # Its general-purpose search ends near 1e-5 of the likelihood's top.
    assert ours.heterogeneity.tau2 == pytest.approx(tau2, abs=2e-4)
    assert_allclose(ours.estimate, b, atol=2e-4)


def test_dersimonian_laird_and_paule_mandel_as_statsmodels() -> None:
    module = oracle("statsmodels.stats.meta_analysis")
    for theirs, ours in (("dl", "DL"), ("iterated", "PM")):
        result = module.combine_effects(Y, V, method_re=theirs, atol=1e-12)
        found = pool(Y, V, estimator=ours)  # type: ignore[arg-type]  # text of a loop
        assert found.heterogeneity.tau2 == pytest.approx(result.tau2, abs=1e-9)
        assert found.estimate[0] == pytest.approx(result.mean_effect_re, abs=1e-9)
        assert found.standard_error[0] == pytest.approx(result.sd_eff_w_re, abs=1e-9)
        hartung = pool(Y, V, estimator=ours, test="knapp-hartung")  # type: ignore[arg-type]  # text of a loop
        assert hartung.standard_error[0] == pytest.approx(result.sd_eff_w_re_hksj, abs=1e-9)


def test_egger_and_peese_as_weighted_least_squares() -> None:
    api = oracle("statsmodels.api")
    for predictor, column in (("standard error", np.sqrt(V)), ("variance", V)):
        result = api.WLS(Y, api.add_constant(column), weights=1 / V).fit()
        found = egger(Y, V, predictor=predictor)  # type: ignore[arg-type]  # text of a loop
        assert_allclose([found.limit, found.slope], result.params, rtol=1e-9)
        assert found.p_value == pytest.approx(result.pvalues[1], rel=1e-9)
        assert_allclose([found.limit_low, found.limit_high], result.conf_int()[0], rtol=1e-9)
