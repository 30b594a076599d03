"""Pooling against published results of the sets that textbooks use, one test a set.

Figures are those printed in the reference pages of the R packages metafor (5.x) and metadat and in the analysis examples that
metafor checks itself against, which name the page of the original publication. The data files are read where they are; none is
carried here. Tolerances are half a unit of the last printed decimal, but for two things: metafor's search for τ² ends at a step of
1e-5, ours at 1e-10 of the variance (stopping ours at 1e-5 gives its 4.7501 and .0764 to the digit), and its Q-profile ends at a
width of 1.2e-4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from wardmote.methods.bias import egger, pet_peese, rank_test, selection_model, trim_and_fill
from wardmote.methods.effect_sizes import (
    Effects,
    Group,
    from_correlation,
    from_counts,
    from_interval,
    mean_difference,
    pre_post,
    pre_post_control,
    smd_from_f,
    smd_from_odds,
    smd_from_p,
    smd_from_t,
    standardised_mean_difference,
)
from wardmote.methods.influence import cumulative, influence, leave_one_out, subgroups
from wardmote.methods.pooling import pool, predict, prediction_interval

pytestmark = pytest.mark.mirror

EARLY = 2e-4  # where the reference's early stop shows: see above
HALF = 5.1e-5  # half of the fourth decimal, and a little for numbers printed from the far side of a tie


def read(mirror: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(mirror / "synthesis" / f"dat.{name}.csv")


@pytest.fixture(scope="module")
def bcg(mirror: Path) -> tuple[pd.DataFrame, Effects]:
    data = read(mirror, "bcg")
    return data, from_counts(data.tpos, data.tpos + data.tneg, data.cpos, data.cpos + data.cneg, "risk ratio")


# Colditz and others 1994; metafor reference, rma.uni and confint.rma; tests test_misc_confint.r, test_misc_rma_uni.r.
def test_bcg_pooled(bcg: tuple[pd.DataFrame, Effects]) -> None:
    y, v = bcg[1].estimate, bcg[1].variance
    found = pool(y, v)
    spread = found.heterogeneity
    assert_allclose(found.estimate, [-0.7145], atol=HALF)
    assert_allclose(found.standard_error, [0.1798], atol=HALF)
    assert_allclose(found.statistic, [-3.9744], atol=HALF)
    assert_allclose([found.low[0], found.high[0]], [-1.0669, -0.3622], atol=HALF)
    assert_allclose(
        [spread.tau2, spread.standard_error, spread.low, spread.high, spread.h2, spread.q],
        [0.3132, 0.1664, 0.1197, 1.1115, 12.8558, 152.2330],
        atol=HALF,
    )
    assert_allclose(
        # The ends inherit the reference's width of 1.2e-4 in τ²: 0.003 percentage points at the low one.
        [100 * spread.i2, 100 * spread.i2_low, 100 * spread.i2_high],
        [92.2214, 81.9177, 97.6781],
        atol=5e-3,
    )
    assert spread.q_df == 12


@pytest.mark.parametrize(
    ("estimator", "tau2"),
    [("DL", 0.3088), ("REML", 0.3132), ("PM", 0.3181), ("EB", 0.3181)],
)
def test_bcg_estimators_of_tau2(bcg: tuple[pd.DataFrame, Effects], estimator: str, tau2: float) -> None:
    found = pool(bcg[1].estimate, bcg[1].variance, estimator=estimator)  # type: ignore[arg-type]  # parametrised text
    assert found.heterogeneity.tau2 == pytest.approx(tau2, abs=HALF)


# metafor test_misc_confint.r: DerSimonian–Laird as risk ratios.
def test_bcg_dersimonian_laird(bcg: tuple[pd.DataFrame, Effects]) -> None:
    found = pool(bcg[1].estimate, bcg[1].variance, estimator="DL")
    ratios = np.exp([found.estimate[0], found.low[0], found.high[0]])
    assert_allclose(ratios, [0.4896, 0.3449, 0.6950], atol=HALF)
    assert_allclose(100 * found.heterogeneity.i2, 92.1173, atol=HALF)


def test_bcg_meta_regression(bcg: tuple[pd.DataFrame, Effects]) -> None:
    data, effects = bcg
    found = pool(effects.estimate, effects.variance, data.ablat)
    assert_allclose(found.estimate[1], -0.0291, atol=HALF)
    # 0.07635 lies on a tie of the fourth decimal: metafor prints .0764, PyMARE .0763.
    assert_allclose(found.heterogeneity.tau2, 0.07635, atol=HALF)
    spread = found.heterogeneity
    assert_allclose([spread.low, spread.high], [0.0167, 0.7849], atol=EARLY)
    assert_allclose(
        100 * np.array([spread.i2, spread.i2_low, spread.i2_high]), [68.3931, 32.1080, 95.6976], atol=0.03
    )
    both = pool(effects.estimate, effects.variance, data[["ablat", "year"]])
    assert_allclose(both.estimate, [-3.5455, -0.0280, 0.0019], atol=EARLY)
    assert_allclose(both.standard_error, [29.0959, 0.0102, 0.0147], rtol=1e-4, atol=HALF)
    assert_allclose(
        [both.heterogeneity.tau2, both.heterogeneity.q, both.moderators],
        [0.1108, 28.3251, 12.2043],
        atol=EARLY,
    )
    assert both.moderators_df == 2
    at = predict(both, [1, 30, 1970])
    assert_allclose(np.exp(at[0]), 0.5336811, atol=5e-6)  # metafor test_misc_robust.r; seven decimals printed


def test_bcg_knapp_hartung(bcg: tuple[pd.DataFrame, Effects]) -> None:
    found = pool(bcg[1].estimate, bcg[1].variance, test="knapp-hartung")
    assert_allclose(found.standard_error, [0.1808], atol=HALF)
    # The same as -0.7145 ± t(0.975; 12) · 0.1808.
    assert_allclose([found.low[0], found.high[0]], [-1.1084, -0.3206], atol=HALF)
    assert found.df == 12


# metafor test_misc_influence.r and test_misc_cumul.r (six and more decimals printed).
def test_bcg_influence(bcg: tuple[pd.DataFrame, Effects]) -> None:
    data, effects = bcg
    one = influence(effects.estimate, effects.variance)
    # τ² of the reference stops at a step of 1e-5, which moves later digits.
    assert_allclose(
        [
            one.residual[0], one.dffits[0], one.cook[0], one.covariance_ratio[0], one.leverage[0], one.weight[0], one.tau2_without[0],
            one.q_without[0], one.dfbetas[0, 0],
        ],
        [-0.218142, -0.040708, 0.001717, 1.116449, 0.050595, 0.050595, 0.336157, 151.582573, -0.040266],
        atol=2e-6,
    )  # fmt: skip
    assert not one.stands_out.any()
    # The same of the regression on latitude, four decimals printed; its τ² moves by the early stop.
    both = influence(effects.estimate, effects.variance, data.ablat)
    leverage = (
        0.049,
        0.1493,
        0.0351,
        0.3481,
        0.2248,
        0.2367,
        0.064,
        0.357,
        0.0926,
        0.1157,
        0.2309,
        0.0189,
        0.0778,
    )
    cook = (
        0.0048,
        0.0489,
        0.0104,
        0.2495,
        0.0072,
        0.2883,
        0.3643,
        0.2719,
        0.02,
        0.1645,
        0.0009,
        0.0403,
        0.1433,
    )
    assert_allclose(both.leverage, leverage, atol=HALF)
    assert_allclose(both.cook, cook, atol=EARLY)
    left = leave_one_out(effects.estimate, effects.variance)
    assert_allclose(
        [left.estimate[0], left.standard_error[0], left.q[0], left.tau2[0], 100 * left.i2[0]],
        [-0.707084, 0.189961, 151.582573, 0.336157, 93.225935],
        atol=2e-5,
    )
    printed = (
        -0.889311, -1.325003, -0.97208, -1.001094, -1.101424, -0.973464, -0.901251, -0.788566, -0.865607, -0.785211,
        -0.708206, -0.794768, -0.714532,
    )  # fmt: skip
    assert_allclose(cumulative(effects.estimate, effects.variance, data.year).estimate, printed, atol=5e-6)


# metafor reference, trimfill: studies missing, error of that number, pooled effect, its error, Q.
@pytest.mark.parametrize(
    ("estimator", "count", "printed"),
    [
        ("fixed", "L0", (4, 2.3853, -0.2910, 0.0383, 262.7316)),
        ("fixed", "R0", (4, 3.1623, -0.2910, 0.0383, 262.7316)),
        ("REML", "L0", (1, 2.4528, -0.6571, 0.1785, 154.6750)),
    ],
)
def test_bcg_trim_and_fill(
    bcg: tuple[pd.DataFrame, Effects], estimator: str, count: str, printed: tuple[float, ...]
) -> None:
    y, v = bcg[1].estimate, bcg[1].variance
    found = trim_and_fill(y, v, estimator=estimator, count=count)  # type: ignore[arg-type]  # parametrised text
    assert found.side == "right"
    whole = found.pooled
    got = (
        found.missing,
        found.standard_error,
        whole.estimate[0],
        whole.standard_error[0],
        whole.heterogeneity.q,
    )
    assert_allclose(got, printed, atol=HALF)
    if count == "R0":
        assert found.p_value == pytest.approx(0.0312, abs=HALF)


# Normand 1999, Statistics in Medicine 18: 321–359, tables VIII (p. 351) and IX (p. 352); metafor test_analysis_example_normand1999.r.
def test_normand1999(mirror: Path) -> None:
    data = read(mirror, "normand1999")
    one, other = Group(data.m1i, data.sd1i, data.n1i), Group(data.m2i, data.sd2i, data.n2i)
    days = mean_difference(one, other, pooled=True)
    assert_allclose(days.estimate, [-20, -2, -55, -71, -4, 1, 11, -10, 7])
    printed = (40.5863, 2.0468, 15.2809, 150.2222, 20.1923, 1.2235, 95.3756, 8.0321, 20.6936)
    assert_allclose(days.variance, printed, atol=HALF)
    for estimator, expected in (
        ("fixed", (-3.4939, -5.0265, -1.9613, 0.0)),
        ("DL", (-14.0972, -24.4454, -3.7490, 218.7216)),
        ("REML", (-15.1217, -32.6716, 2.4282, 685.1965)),
    ):
        found = pool(days.estimate, days.variance, estimator=estimator)  # type: ignore[arg-type]  # text of a loop
        got = found.estimate[0], found.low[0], found.high[0], found.heterogeneity.tau2
        # The reference's REML stops at a step of 1e-5 in τ², far below its fourth decimal but for this large scale.
        assert_allclose(got, expected, atol=1e-4 if estimator != "REML" else 2e-4)
    # metafor test_misc_escalc.r and test_misc_rma_uni.r: Hedges' g of the first four.
    g = standardised_mean_difference(one, other)
    assert_allclose(g.estimate[:4], [-0.3552, -0.3479, -2.3176, -1.8880], atol=HALF)
    assert_allclose(g.variance[:4], [0.0131, 0.0645, 0.0458, 0.1606], atol=HALF)
    assert pool(g.estimate[:4], g.variance[:4]).heterogeneity.tau2 == pytest.approx(1.0090, abs=HALF)


# Hackshaw 1998; metadat reference page; metafor test_misc_selmodel.r.
def test_hackshaw1998(mirror: Path) -> None:
    data = read(mirror, "hackshaw1998")
    made = from_interval(data["or"], data["or.lb"], data["or.ub"], ratio=True)
    assert_allclose(made.estimate, data.yi, atol=1e-12)
    assert_allclose(made.variance, data.vi, rtol=1e-6)
    found = pool(data.yi, data.vi, estimator="DL")
    spread = found.heterogeneity
    assert_allclose(
        [found.estimate[0], found.standard_error[0], found.statistic[0], found.low[0], found.high[0]],
        [0.2139, 0.0471, 4.5390, 0.1215, 0.3062],
        atol=HALF,
    )
    assert_allclose(
        [spread.tau2, spread.standard_error, spread.q, spread.q_p],
        [0.0170, 0.0171, 47.4979, 0.0952],
        atol=HALF,
    )
    assert 100 * spread.i2 == pytest.approx(24.21, abs=0.0051)
    assert_allclose(np.exp([found.prediction_low, found.prediction_high]), [0.94, 1.63], atol=0.0051)
    chosen = selection_model(data.yi, data.vi, steps=(0.05, 0.10, 0.50, 1.00))
    assert chosen.counts.tolist() == [7, 8, 16, 6]
    # Six decimals printed; both searches end where the likelihood is flat to about 1e-5.
    assert_allclose(chosen.weights, [1, 2.422079, 0.977543, 0.396713], atol=2e-5)
    assert_allclose(chosen.weights_error[1:], [1.66085, 0.820387, 0.469235], atol=2e-5)
    assert_allclose([chosen.statistic, chosen.tau2], [7.066137, 0.030713], atol=2e-6)
    assert chosen.df == 3


# Molloy and others 2014; metadat reference page.
def test_molloy2014(mirror: Path) -> None:
    data = read(mirror, "molloy2014")
    z = from_correlation(data.ri, data.ni)
    assert_allclose(z.estimate[:4], [0.1892, 0.1634, 0.3541, 0.3316], atol=HALF)
    assert_allclose(z.variance[:4], [0.0094, 0.0013, 0.0192, 0.0096], atol=HALF)
    found = pool(z.estimate, z.variance)
    spread = found.heterogeneity
    assert_allclose(
        [found.estimate[0], found.standard_error[0], spread.tau2, spread.standard_error, spread.q],
        [0.1499, 0.0316, 0.0081, 0.0055, 38.1595],
        atol=HALF,
    )
    assert found.statistic[0] == pytest.approx(4.7501, abs=EARLY)
    assert (100 * spread.i2, spread.h2) == pytest.approx((61.73, 2.61), abs=0.0051)
    ends = np.tanh([found.low[0], found.high[0], found.prediction_low, found.prediction_high])
    assert_allclose(ends, [0.088, 0.209, -0.037, 0.325], atol=5.1e-4)
    low, high = prediction_interval(found)
    assert low < found.prediction_low
    assert high > found.prediction_high


# Raudenbush 1985 in Raudenbush 2009, pp. 83–92; metafor test_analysis_example_raudenbush1985.r.
def test_raudenbush1985(mirror: Path) -> None:
    data = read(mirror, "raudenbush1985")
    found = pool(data.yi, data.vi)
    assert_allclose(
        [found.heterogeneity.tau2, found.estimate[0], found.heterogeneity.q, found.statistic[0]],
        [0.0188, 0.0837, 35.8295, 1.6208],
        atol=HALF,
    )
    mixed = pool(data.yi, data.vi, np.minimum(data.weeks, 3))
    assert_allclose(mixed.estimate, [0.4072, -0.1572], atol=HALF)
    assert_allclose(mixed.statistic, [4.6782, -4.3884], atol=EARLY)
    assert_allclose([mixed.heterogeneity.tau2, mixed.heterogeneity.q], [0.0, 16.5708], atol=HALF)
    apart = subgroups(data.yi, data.vi, [str(one) for one in data.tester], estimator="fixed")
    whole = pool(data.yi, data.vi, estimator="fixed").heterogeneity.q
    # With fixed effects, Q of all is Q within groups and Q between them: an identity.
    assert sum(one.heterogeneity.q for one in apart.pooled) + apart.q == pytest.approx(whole, rel=1e-12)


# Egger and others 2001; metafor reference, regtest (15 trials, without ISIS-4) and test_misc_pub_bias.r (all 16).
def test_egger2001(mirror: Path) -> None:
    data = read(mirror, "egger2001")
    made = from_counts(data.ai, data.n1i, data.ci, data.n2i, "odds ratio")
    assert egger(made.estimate, made.variance, model="random").statistic == pytest.approx(-4.6686, abs=HALF)
    tau, p = rank_test(made.estimate, made.variance)
    assert (tau, p) == pytest.approx((0.15, 0.4503), abs=HALF)
    y, v = made.estimate[:15], made.variance[:15]
    found = pool(y, v)
    assert_allclose(
        [found.estimate[0], found.standard_error[0], found.heterogeneity.tau2, found.heterogeneity.q],
        [-0.8745, 0.2080, 0.1911, 20.9184],
        atol=HALF,
    )
    weighted = egger(y, v)
    assert_allclose(
        [
            weighted.statistic,
            weighted.df,
            weighted.p_value,
            weighted.limit,
            weighted.limit_low,
            weighted.limit_high,
        ],
        [-3.1783, 13, 0.0073, -0.1512, -0.5130, 0.2106],
        atol=HALF,
    )
    random = egger(y, v, model="random")
    assert_allclose(
        [random.statistic, random.p_value, random.limit, random.limit_low, random.limit_high],
        [-2.8062, 0.0050, -0.1639, -0.5681, 0.2402],
        atol=HALF,
    )
    # PET is that weighted regression's limit; not different from 0 here, so PEESE is not taken.
    assert pet_peese(y, v, better=-1).chosen == "PET"
    assert pet_peese(y, v, better=-1).estimate == pytest.approx(-0.1512, abs=HALF)


# Raudenbush 2009, p. 309, table 16.3; metafor test_analysis_example_raudenbush2009.r.
RAUDENBUSH = {
    "fixed": (0, 0.0604, 0.0365, -0.0111, 0.1318, 0.0515, -0.0477, 0.1685),
    "ML": (0.0126, 0.0777, 0.0475, -0.0153, 0.1708, 0.0593, -0.0468, 0.2023),
    "REML": (0.0188, 0.0837, 0.0516, -0.0175, 0.1849, 0.0616, -0.0457, 0.2131),
    "DL": (0.0259, 0.0893, 0.0558, -0.0200, 0.1987, 0.0636, -0.0442, 0.2229),
    "HE": (0.0804, 0.1143, 0.0792, -0.0409, 0.2696, 0.0711, -0.0351, 0.2637),
}


@pytest.mark.parametrize("estimator", RAUDENBUSH)
def test_raudenbush2009_estimators_and_knapp_hartung(mirror: Path, estimator: str) -> None:
    data = read(mirror, "raudenbush1985")
    plain = pool(data.yi, data.vi, estimator=estimator)  # type: ignore[arg-type]  # parametrised text
    scaled = pool(data.yi, data.vi, estimator=estimator, test="knapp-hartung")  # type: ignore[arg-type]  # the same
    got = (
        plain.heterogeneity.tau2, plain.estimate[0], plain.standard_error[0], plain.low[0], plain.high[0],
        scaled.standard_error[0], scaled.low[0], scaled.high[0],
    )  # fmt: skip
    # ML and REML inherit the reference's early stop: under 1e-5 in τ² moves the fourth decimal of the ends.
    assert_allclose(got, RAUDENBUSH[estimator], atol=EARLY if estimator in ("ML", "REML") else HALF)
    if estimator == "REML":
        assert_allclose([plain.prediction_low, plain.prediction_high], [-0.2036, 0.3711], atol=EARLY)


# CLASP and five other trials of aspirin and pre-eclampsia in DerSimonian and Kacker 2007, Contemporary Clinical Trials 28, pp. 111–112,
# tables 3 and 4 (τ, μ, standard error); metafor test_analysis_example_dersimonian2007.r.
CLASP = {
    "PM": (0.3681, -0.3811, 0.2060),
    "EB": (0.3681, -0.3811, 0.2060),
    "HE": (0.4410, -0.4035, 0.2327),
    "DL": (0.2323, -0.3240, 0.1540),
    "ML": (0.0023, -0.1974, 0.0694),
    "REML": (0.1843, -0.2980, 0.1343),
    "SJ": (0.4572, -0.4079, 0.2386),
}


@pytest.mark.parametrize("estimator", CLASP)
def test_dersimonian2007_estimators(estimator: str) -> None:
    n1, n2 = [156, 303, 565, 1570, 103, 4659], [74, 303, 477, 1565, 105, 4650]
    made = from_counts([5, 5, 12, 69, 9, 313], n1, [8, 17, 9, 94, 11, 352], n2, "odds ratio")
    found = pool(made.estimate, made.variance, estimator=estimator)  # type: ignore[arg-type]  # parametrised text
    got = np.sqrt(found.heterogeneity.tau2), found.estimate[0], found.standard_error[0]
    # ML and REML: the reference's stop at a step of 1e-5 in τ² is up to 0.003 in a τ near 0.
    wide = {"ML": 0.003, "REML": EARLY}.get(estimator, HALF)
    assert_allclose(got, CLASP[estimator], atol=wide)


# Morris 2008, Organizational Research Methods 11: 364–386, table 5 (p. 382), five studies of training with a comparison group;
# four decimals and the changes within each group in metafor test_analysis_example_morris2008.r.
MORRIS = (
    Group([38.5 - 30.6, 26.8 - 23.5, 0.7 - 0.5, 75.9 - 53.4, 36.0 - 35.6], [15.0, 3.1, 0.1, 14.5, 4.7], [20, 50, 9, 10, 14]),
    Group([19.7 - 23.1, 25.3 - 24.9, 0.6 - 0.6, 60.7 - 55.7, 33.4 - 34.8], [13.8, 4.1, 0.2, 17.3, 3.1], [20, 42, 9, 11, 14]),
)  # fmt: skip
WITHIN = [0.47, 0.64, 0.77, 0.89, 0.44]


def test_morris2008_changes() -> None:
    made = pre_post_control(*MORRIS, WITHIN)
    assert_allclose(made.estimate, [0.7684, 0.8010, 1.2045, 1.0476, 0.4389], atol=HALF)
    for group, effects, variances in (
        (MORRIS[0], (0.5056, 1.0481, 1.8054, 1.4181, 0.0801), (0.0594, 0.0254, 0.2322, 0.1225, 0.0802)),
        (MORRIS[1], (-0.2365, 0.0958, 0.0000, 0.2667, -0.4250), (0.0544, 0.0173, 0.0511, 0.0232, 0.0864)),
    ):
        alone = pre_post(group.mean, 0, group.sd, group.n, WITHIN)
        assert_allclose(alone.estimate, effects, atol=HALF)
        assert_allclose(alone.variance, variances, atol=HALF)


# Fleiss and Berlin in Cooper, Hedges and Valentine 2009, table 13.1 as metafor test_misc_escalc.r has it (135 of 150, 40 of 50): the
# standardised difference by way of the odds ratio, to which the handbook's other measures of that table lie near.
def test_handbook_odds_to_difference() -> None:
    odds = from_counts(135, 150, 40, 50, "odds ratio")
    turned = smd_from_odds(odds)
    assert float(turned.estimate) == pytest.approx(0.4471, abs=HALF)
    assert float(turned.standard_error) == pytest.approx(0.2460, abs=HALF)


# Borenstein, Hedges, Higgins and Rothstein 2009, Introduction to Meta-Analysis, worked examples of chapters 4 to 6 (pp. 21–43): means
# 103 and 100, deviations 5.5 and 4.5, 50 people each; 5 and 10 events in 100; r 0.50 of 100 people.
def test_borenstein2009_worked_examples() -> None:
    one, other = Group(103, 5.5, 50), Group(100, 4.5, 50)
    raw = mean_difference(one, other, pooled=True)
    assert (float(raw.estimate), float(raw.variance)) == pytest.approx((3.0, 1.0100), abs=HALF)
    g = standardised_mean_difference(one, other)
    # Printed with J = 1 − 3/(4m − 1), exact J differs by 1e-5; the book multiplies d's variance by J², ours puts g in its place.
    assert float(g.estimate) == pytest.approx(0.5924, abs=HALF)
    assert float(g.variance) == pytest.approx(0.0411, abs=7e-4)
    t = 3 / np.sqrt(1.0100)  # the same study told by its t, F and p
    p = 2 * stats.t.sf(t, 98)
    for made in (smd_from_t(t, 50, 50), smd_from_f(t**2, 50, 50, 1), smd_from_p(p, 50, 50, 1)):
        assert float(made.estimate) == pytest.approx(0.5924, abs=HALF)
    for measure, printed in (("risk ratio", (-0.6931, 0.2800)), ("odds ratio", (-0.7472, 0.3216))):
        made = from_counts(5, 100, 10, 100, measure)  # type: ignore[arg-type]  # text of a loop
        assert (float(made.estimate), float(made.variance)) == pytest.approx(printed, abs=HALF)
    apart = from_counts(5, 100, 10, 100, "risk difference")
    assert (float(apart.estimate), float(apart.variance)) == pytest.approx((-0.05, 0.001375), abs=5e-7)
    z = from_correlation(0.50, 100)
    assert (float(z.estimate), float(z.variance)) == pytest.approx((0.5493, 0.0103), abs=HALF)
