"""Several effects a study: working models and cluster-robust inference against published results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from wardmote.methods.effect_sizes import clustered_df_one_arm, clustered_smd_one_arm, from_counts
from wardmote.methods.multilevel import fit, nested_components, robust, sampling_covariance, wald_test

pytestmark = pytest.mark.mirror

HALF = 5.1e-5  # half of the fourth decimal
CENT = 5.1e-3  # half of the second decimal, as degrees of freedom are printed


def read(mirror: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(mirror / "synthesis" / name)


# metafor test_misc_robust.r: CR2 by clubSandwich, each trial a cluster.
def test_bcg_robust(mirror: Path) -> None:
    data = read(mirror, "dat.bcg.csv")
    made = from_counts(data.tpos, data.tpos + data.tneg, data.cpos, data.cpos + data.cneg, "risk ratio")
    trial = data.trial.to_numpy()
    one = {"study": np.arange(13)}
    model = fit(made.estimate, made.variance, trial, one)
    found = robust(model)
    assert_allclose(found.covariance, [[0.03229357]], atol=2e-8)  # the reference's τ² stops at a step of 1e-5
    assert_allclose([found.df[0], found.statistic[0]], [11.04125, -3.97616], atol=1e-4)
    moderated = fit(made.estimate, made.variance, trial, one, data[["ablat", "year"]])
    found = robust(moderated)
    assert_allclose(found.standard_error, [33.655367, 0.011994, 0.016963], rtol=1e-4)
    assert_allclose(found.df, [2.724625, 2.112895, 2.745919], atol=1e-4)
    assert_allclose(found.statistic, [-0.105347, -2.335398, 0.112456], atol=2e-4)
    joint = wald_test(moderated, [[0, 1, 0], [0, 0, 1]])
    assert joint.statistic == pytest.approx(6.708996, abs=1e-3)
    assert (joint.df_denominator, joint.p_value) == pytest.approx((2.528214, 0.097479), abs=1e-4)


# Bangert-Drowns and others 2004; metafor reference, robust.
def test_bangertdrowns2004(mirror: Path) -> None:
    data = read(mirror, "dat.bangertdrowns2004.csv")
    model = fit(data.yi, data.vi, data.id, {"study": np.arange(len(data))})
    found = robust(model)
    assert_allclose(
        [model.components[0], model.q, model.estimate[0], model.standard_error[0]],
        [0.0499, 107.1061, 0.2219, 0.0460],
        atol=HALF,
    )
    # The last decimal of t moves with the reference's τ², which stops at a step of 1e-5.
    assert found.statistic[0] == pytest.approx(4.8280, abs=2e-4)
    assert found.df[0] == pytest.approx(41.04, abs=CENT)
    assert_allclose([found.low[0], found.high[0]], [0.1291, 0.3148], atol=HALF)
    known = data.dropna(subset=["length"])
    model = fit(known.yi, known.vi, known.id, {"study": np.arange(len(known))}, known.length)
    found = robust(model)
    assert_allclose([model.components[0], model.q], [0.0441, 96.2810], atol=HALF)
    assert_allclose(model.standard_error, [0.0825, 0.0073], atol=HALF)
    assert_allclose(found.estimate, [0.0692, 0.0149], atol=HALF)
    assert_allclose(found.standard_error, [0.0655, 0.0059], atol=HALF)
    assert_allclose(found.df, [16.51, 19.16], atol=CENT)
    test = wald_test(model, [[0, 1]])
    assert_allclose([test.statistic, test.p_value], [6.3961, 0.0204], atol=2e-4)


# Tanner-Smith and others 2016; metadat reference page: compound symmetry, which two nested components express.
def test_tannersmith2016(mirror: Path) -> None:
    data = read(mirror, "dat.tannersmith2016.csv")
    V = sampling_covariance(data.vi, data.studyid, 0.8)
    parts = nested_components(data.studyid)
    model = fit(data.yi, V, data.studyid, parts)
    total = float(model.components.sum())
    assert_allclose(
        [total, model.components[0] / total, model.q, model.estimate[0], model.standard_error[0]],
        [0.0111, 0.3424, 852.8372, 0.1023, 0.0241],
        atol=HALF,
    )
    found = robust(model)
    assert_allclose([found.statistic[0], found.low[0], found.high[0]], [4.2474, 0.0509, 0.1537], atol=HALF)
    assert found.df[0] == pytest.approx(14.88, abs=CENT)
    ages = data.groupby("studyid")[["aget1", "aget2"]].transform("mean")
    model = fit(data.yi, V, data.studyid, parts, ages)
    found = robust(model)
    assert_allclose([*model.components, model.q], [0.0008, 0.0073, 809.9123], atol=HALF)
    assert_allclose(found.estimate, [0.3960, 0.0451, -0.0562], atol=HALF)
    assert_allclose(found.standard_error, [0.1632, 0.0329, 0.0328], atol=HALF)
    assert_allclose(found.df, [6.69, 2.55, 1.84], atol=CENT)
    joint = wald_test(model, [[0, 1, 0], [0, 0, 1]])
    assert_allclose([joint.statistic, joint.p_value], [1.4331, 0.3729], atol=HALF)
    assert joint.df_denominator == pytest.approx(2.8, abs=0.051)
    crossed = ages.assign(both=ages.aget1 * ages.aget2)
    model = fit(data.yi, V, data.studyid, parts, crossed)
    found = robust(model)
    assert_allclose(found.estimate, [-2.3900, 0.2656, 0.1027, -0.0125], atol=HALF)
    assert_allclose(found.standard_error, [1.1001, 0.0969, 0.0740, 0.0052], atol=HALF)
    assert_allclose(found.df, [5.27, 6.39, 6.07, 6.51], atol=CENT)
    joint = wald_test(model, np.eye(4)[1:])
    assert_allclose([joint.statistic, joint.p_value], [1.4709, 0.3918], atol=HALF)


KINDS = (
    "Alcohol and drug abuse/misuse",
    "Hope, empowerment & self-efficacy",
    "Loneliness",
    "Self-esteem",
    "Social functioning (degree of impairment)",
    "Wellbeing and quality of life",
    "Other",
)
OTHERS = ("Employment", "Physical health", "Psychiatric hospitalization")


# Dalgaard and others 2025, Campbell review of group-based community interventions; the authors' published model output:
# correlated and hierarchical effects, ρ = 0.8, diagonal by outcome type, CR2.
def test_campbell_review_of_group_based_interventions(mirror: Path) -> None:
    data = read(mirror, "reintegration_dat.csv")
    kind = data.analysis_plan.where(~data.analysis_plan.isin(OTHERS), "Other").map(KINDS.index).to_numpy()
    X = (kind[:, None] == np.arange(7)).astype(float)
    V = sampling_covariance(data.vgt_pop, data.study, 0.8)
    parts = nested_components(data.study, kind, KINDS)
    model = fit(data.gt_pop, V, data.study, parts, X, intercept=False)
    assert model.settled
    assert (model.k, model.clusters, model.q_df) == (202, 45, 195)
    assert model.q == pytest.approx(1133.4973, abs=HALF)
    assert_allclose(model.components[:7], [0, 0.0139, 0.0662, 0, 0.0249, 0.0044, 0], atol=HALF)
    assert_allclose(model.components[7:], [0.0465, 0.0280, 0.0103, 0.0243, 0.0242, 0.0282, 0], atol=HALF)
    found = robust(model)
    assert_allclose(found.estimate, [0.0775, 0.2615, 0.0310, 0.4281, 0.1462, 0.2120, 0.2733], atol=HALF)
    assert_allclose(found.standard_error, [0.0678, 0.0639, 0.1619, 0.0709, 0.0705, 0.0452, 0.0453], atol=HALF)
    assert_allclose(found.df, [4.55, 10.83, 2.66, 3.96, 12.81, 13.88, 3.40], atol=CENT)
    assert_allclose(found.low, [-0.1021, 0.1207, -0.5237, 0.2304, -0.0063, 0.1150, 0.1383], atol=HALF)
    assert_allclose(found.high, [0.2571, 0.4024, 0.5858, 0.6257, 0.2986, 0.3089, 0.4083], atol=HALF)
    assert_allclose(found.p_value, [0.3096, 0.0018, 0.8618, 0.0039, 0.0588, 0.0004, 0.0063], atol=HALF)
    every = wald_test(model)
    assert (every.statistic, every.p_value) == pytest.approx((6.9951, 0.0078), abs=HALF)
    assert (every.df_numerator, every.df_denominator) == (7, pytest.approx(7.64, abs=CENT))
    three = wald_test(model, [[1, -1, 0, 0, 0, 0, 0], [0, 1, -1, 0, 0, 0, 0]])
    assert three.statistic == pytest.approx(2.14, abs=CENT)
    assert (three.df_denominator, three.p_value) == (
        pytest.approx(5.44, abs=CENT),
        pytest.approx(0.206, abs=5.1e-4),
    )


# The same review, age and preregistration: three levels; printed in the authors' output.
def test_campbell_review_three_levels(mirror: Path) -> None:
    data = read(mirror, "reintegration_dat.csv")
    plain = pd.get_dummies(data.prereg_chr).astype(float)
    X = np.column_stack([data.age_mean - 40, plain["Not preregistered"], plain["Preregistered"]])
    V = sampling_covariance(data.vgt_pop, data.study, 0.8)
    model = fit(data.gt_pop, V, data.study, nested_components(data.study), X, intercept=False)
    assert_allclose([*model.components, model.q], [0.0032, 0.0368, 1217.2224], atol=HALF)
    found = robust(model)
    assert_allclose(found.estimate, [0.0081, 0.3163, 0.1197], atol=HALF)
    assert_allclose(found.standard_error, [0.0044, 0.0595, 0.0467], atol=HALF)
    assert_allclose(found.df, [13.58, 17.72, 14.2], atol=CENT)
    joint = wald_test(model)
    assert joint.statistic == pytest.approx(13.0335, abs=HALF)
    assert joint.df_denominator == pytest.approx(17.31, abs=CENT)


# The same review: its corrections for groups in one arm (Hedges and Citkowicz 2015), printed with three and two decimals.
def test_campbell_review_cluster_corrections(mirror: Path) -> None:
    data = read(mirror, "reintegration_dat.csv")
    one = np.ones(len(data))
    made = clustered_smd_one_arm(one, data.N_t, data.N_c, data.avg_cl_size, data.icc)
    assert_allclose(made.estimate, data.gamma_sqrt, atol=5.1e-4)
    known = data[(data.avg_cl_size == 10) & (data.study == "Acarturk et al. 2022")]
    df = clustered_df_one_arm(known.N_t, known.N_c, known.avg_cl_size, known.icc)
    assert_allclose(df, known.df_adj, atol=CENT)
