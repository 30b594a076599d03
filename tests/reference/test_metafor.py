"""Pooling, influence, bias and multilevel models beside metafor, where R and metafor are installed; skipped elsewhere.

One call of R works through bodies of evidence that are made here (seed 20) and prints what it finds with 15 digits. metafor's searches
are told to go on to steps of 1e-10, so that what is left between the two is rounding.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from wardmote.methods import bias, effect_sizes, influence, multilevel
from wardmote.methods.effect_sizes import Group
from wardmote.methods.pooling import ESTIMATORS, pool, predict

RNG = np.random.default_rng(20)
K = 18
V = RNG.uniform(0.01, 0.2, K)
X = RNG.uniform(0, 10, K)
Y = 0.2 + 0.04 * X + RNG.normal(scale=np.sqrt(V + 0.05))
STUDY = np.repeat(np.arange(9), 2)
# Seen more often where it shows a benefit, so that there is something to select and to trim.
KEPT = RNG.normal(0.1, np.sqrt(0.02 + (E := RNG.uniform(0.05, 0.4, 60)) ** 2))
SEEN = (KEPT / E > 1.96) | (np.arange(60) % 3 == 0)
TESTS = {"z": "z", "knapp-hartung": "knha", "modified knapp-hartung": "adhoc"}

SCRIPT = """
suppressMessages(library(metafor)); options(digits=15, warn=-1)
d <- read.csv(file("stdin")); e <- d[!is.na(d$y),]; s <- d[!is.na(d$seen),]
fine <- list(threshold=1e-10, maxiter=1000, tol=1e-12)
put <- function(name, ...) cat(sprintf('"%s": [%s],\\n', name, paste(sprintf("%.15g", as.numeric(c(...))), collapse=", ")))
cat("{\\n")
for (m in c("FE","DL","HE","SJ","PM","EB","ML","REML")) for (t in c("z","knha","adhoc")) {
  if (m == "FE" && t != "z") next
  a <- rma(y, v, data=e, method=m, test=t, control=fine)
  b <- rma(y, v, mods=~x, data=e, method=m, test=t, control=fine)
  put(paste("pool", m, t), a$beta, a$se, a$ci.lb, a$ci.ub, a$tau2, a$I2/100, a$H2, a$QE, a$QEp)
  put(paste("regression", m, t), b$beta, b$se, b$ci.lb, b$ci.ub, b$tau2, b$QM, b$QMp)
  if (m != "FE" && t == "z") put(paste("se.tau2", m), a$se.tau2)
}
a <- rma(y, v, data=e, control=fine); b <- rma(y, v, mods=~x, data=e, control=fine)
q <- confint(a, control=list(tol=1e-10))$random; put("q-profile", q[1,2:3])
p <- predict(b, newmods=5); put("predict", p$pred, p$ci.lb, p$ci.ub, p$pi.lb, p$pi.ub)
for (m in list(a, b)) {
  i <- influence(m); n <- paste("influence", m$p)
  put(n, i$inf$rstudent, i$inf$dffits, i$inf$cook.d, i$inf$cov.r, i$inf$tau2.del, i$inf$QE.del, i$inf$hat, i$inf$weight/100)
  put(paste("dfbetas", m$p), as.matrix(as.data.frame(i$dfbs)))
}
l <- leave1out(a); put("leave one out", l$estimate, l$se, l$tau2, l$Q)
f <- rma(seen, seen.v, data=s, control=fine)
for (n in c("L0","R0","Q0")) { t <- trimfill(f, estimator=n, side="left"); put(paste("trim", n), t$k0, t$se.k0, t$beta, t$se) }
r <- regtest(f, model="lm"); put("egger", r$zval, r$pval, r$est, r$ci.lb, r$ci.ub)
r <- regtest(f); put("egger random", r$zval, r$pval, r$est)
r <- ranktest(f); put("rank", r$tau, r$pval)
g <- selmodel(rma(seen, seen.v, data=s, method="ML"), type="stepfun", steps=c(.025), alternative="greater", skiphes=TRUE)
put("selection", g$beta, g$tau2, g$delta[2], g$LRT, g$LRTp)
W <- 0.6*outer(sqrt(e$v), sqrt(e$v))*outer(e$study, e$study, "=="); diag(W) <- e$v
h <- rma.mv(y, W, random=~1|study/id, data=transform(e, id=seq_along(y)))
put("three levels", h$beta, h$se, h$sigma2, h$QE, as.numeric(logLik(h)))
z <- escalc(measure="OR", ai=c(0,3,5), n1i=c(10,12,20), ci=c(2,0,9), n2i=c(11,12,19)); put("odds", z$yi, z$vi)
z <- escalc(measure="RR", ai=c(0,3,5), n1i=c(10,12,20), ci=c(2,0,9), n2i=c(11,12,19)); put("risks", z$yi, z$vi)
z <- escalc(measure="RD", ai=c(1,3,5), n1i=c(10,12,20), ci=c(2,4,9), n2i=c(11,12,19)); put("differences", z$yi, z$vi)
z <- escalc(measure="SMD", m1i=c(5,7), sd1i=c(2,3), n1i=c(12,40), m2i=c(4,7.5), sd2i=c(2.5,2), n2i=c(15,38)); put("means", z$yi, z$vi)
z <- escalc(measure="SMCR", m1i=c(5,7), m2i=c(4,7.5), sd1i=c(2,3), ni=c(12,40), ri=c(.5,.8)); put("changes", z$yi, z$vi)
cat('"version": ["', as.character(packageVersion("metafor")), '"]\\n}\\n', sep="")
"""


def asked(script: str, given: str, folder: Path) -> dict[str, Any]:
    """Return what R prints as JSON; skip the test where R or metafor is not installed."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is an optional oracle, not installed here")
    (folder / "ask.R").write_text(script, encoding="utf-8")
    command = ["Rscript", "--vanilla", str(folder / "ask.R")]
    found = subprocess.run(command, check=False, input=given, capture_output=True, text=True, timeout=120)
    if "there is no package called" in found.stderr:
        pytest.skip("metafor is an optional oracle, not installed here")
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    return told


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What metafor finds, by name."""
    data = pd.DataFrame({"y": Y, "v": V, "x": X, "study": STUDY})
    seen = pd.DataFrame({"seen": KEPT[SEEN], "seen.v": E[SEEN] ** 2})
    given = pd.concat([data, seen], axis=1).to_csv(index=False, float_format="%.17g")
    return asked(SCRIPT, given, tmp_path_factory.mktemp("metafor"))


NAMES = {"fixed": "FE"}
# Both searches of τ² end within 1e-9 of each other; standard errors and ends of intervals follow.
CLOSE = {"rtol": 1e-6, "atol": 1e-7}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pool_and_regression(theirs: dict[str, Any], estimator: Any, test: Any) -> None:
    if estimator == "fixed" and test != "z":
        pytest.skip("metafor does not scale equal-effects models")
    key = f"{NAMES.get(estimator, estimator)} {TESTS[test]}"
    one = pool(Y, V, estimator=estimator, test=test)
    spread = one.heterogeneity
    got = [
        one.estimate[0],
        one.standard_error[0],
        one.low[0],
        one.high[0],
        spread.tau2,
        spread.i2,
        spread.h2,
        spread.q,
        spread.q_p,
    ]
    assert_allclose(got, theirs[f"pool {key}"], **CLOSE)
    two = pool(Y, V, X, estimator=estimator, test=test)
    got = [
        *two.estimate,
        *two.standard_error,
        *two.low,
        *two.high,
        two.heterogeneity.tau2,
        two.moderators,
        two.moderators_p,
    ]
    assert_allclose(got, theirs[f"regression {key}"], **CLOSE)
    if estimator != "fixed" and test == "z":
        assert spread.standard_error == pytest.approx(theirs[f"se.tau2 {estimator}"][0], rel=1e-5)


def test_intervals_of_tau2_and_predictions(theirs: dict[str, Any]) -> None:
    spread = pool(Y, V).heterogeneity
    assert_allclose([spread.low, spread.high], theirs["q-profile"], atol=1e-6)
    assert_allclose(predict(pool(Y, V, X), [1, 5]), theirs["predict"], **CLOSE)


@pytest.mark.parametrize("predictors", [None, X], ids=["pooled", "regression"])
def test_influence(theirs: dict[str, Any], predictors: np.ndarray | None) -> None:
    one = influence.influence(Y, V, predictors)
    p = one.dfbetas.shape[1]
    got = [
        one.residual, one.dffits, one.cook, one.covariance_ratio, one.tau2_without, one.q_without, one.leverage, one.weight,
    ]  # fmt: skip
    assert_allclose(np.concatenate(got), theirs[f"influence {p}"], **CLOSE)
    assert_allclose(one.dfbetas.T.ravel(), theirs[f"dfbetas {p}"], **CLOSE)


def test_leave_one_out(theirs: dict[str, Any]) -> None:
    left = influence.leave_one_out(Y, V)
    got = np.concatenate([left.estimate, left.standard_error, left.tau2, left.q])
    assert_allclose(got, theirs["leave one out"], **CLOSE)


@pytest.mark.parametrize("count", ["L0", "R0", "Q0"])
def test_trim_and_fill(theirs: dict[str, Any], count: Any) -> None:
    found = bias.trim_and_fill(KEPT[SEEN], E[SEEN] ** 2, count=count, side="left")
    got = [found.missing, found.standard_error, found.pooled.estimate[0], found.pooled.standard_error[0]]
    assert_allclose(got, theirs[f"trim {count}"], **CLOSE)


def test_tests_of_small_studies(theirs: dict[str, Any]) -> None:
    y, v = KEPT[SEEN], E[SEEN] ** 2
    one = bias.egger(y, v)
    assert_allclose(
        [one.statistic, one.p_value, one.limit, one.limit_low, one.limit_high], theirs["egger"], **CLOSE
    )
    two = bias.egger(y, v, model="random")
    assert_allclose([two.statistic, two.p_value, two.limit], theirs["egger random"], **CLOSE)
    assert_allclose(bias.rank_test(y, v), theirs["rank"], **CLOSE)
    three = bias.selection_model(y, v)
    got = [three.estimate, three.tau2, three.weights[1], three.statistic, three.p_value]
    # Two searches of a likelihood that is flat to about 1e-7 near its top. (Errors need a further package there: see dat.hackshaw1998.)
    assert_allclose(got, theirs["selection"], rtol=2e-3, atol=1e-5)


def test_three_levels(theirs: dict[str, Any]) -> None:
    covariance = multilevel.sampling_covariance(V, STUDY, 0.6)
    model = multilevel.fit(Y, covariance, STUDY, multilevel.nested_components(STUDY))
    got = [model.estimate[0], model.standard_error[0], *model.components, model.q, model.log_likelihood]
    # Its general-purpose search ends where the likelihood gains less than 1e-8 of itself: three digits of a variance.
    assert_allclose(got, theirs["three levels"], rtol=2e-3, atol=1e-4)


def test_effect_sizes(theirs: dict[str, Any]) -> None:
    counts = ([0, 3, 5], [10, 12, 20], [2, 0, 9], [11, 12, 19])
    for name, measure in (("odds", "odds ratio"), ("risks", "risk ratio")):
        made = effect_sizes.from_counts(*counts, measure)  # type: ignore[arg-type]  # text of a loop
        assert_allclose([*made.estimate, *made.variance], theirs[name], rtol=1e-12)
    made = effect_sizes.from_counts([1, 3, 5], [10, 12, 20], [2, 4, 9], [11, 12, 19], "risk difference")
    assert_allclose([*made.estimate, *made.variance], theirs["differences"], rtol=1e-12)
    made = effect_sizes.standardised_mean_difference(
        Group([5, 7], [2, 3], [12, 40]), Group([4, 7.5], [2.5, 2], [15, 38])
    )
    assert_allclose([*made.estimate, *made.variance], theirs["means"], rtol=1e-12)
    made = effect_sizes.pre_post([5, 7], [4, 7.5], [2, 3], [12, 40], [0.5, 0.8])
    assert_allclose([*made.estimate, *made.variance], theirs["changes"], rtol=1e-12)


MENTAL = """
suppressMessages(library(metafor)); d <- read.csv(file("stdin")); d$id <- seq_len(nrow(d))
V <- 0.8*outer(sqrt(d$v), sqrt(d$v))*outer(d$study, d$study, "=="); diag(V) <- d$v
put <- function(name, ...) cat(sprintf('"%s": [%s],\\n', name, paste(sprintf("%.12g", as.numeric(c(...))), collapse=", ")))
m <- rma.mv(y, V, mods=~0+kind, random=list(~kind|study, ~kind|id), struct=c("DIAG","DIAG"), data=d)
cat("{\\n"); put("kinds", m$beta, m$se); put("variances", m$tau2, m$gamma2); put("q", m$QE, as.numeric(logLik(m))); cat('"end": []\\n}\\n')
"""


@pytest.mark.mirror
def test_mental_health_of_the_campbell_review(mirror: Path, tmp_path: Path) -> None:
    """The review's second body, 141 effects of 41 studies: its authors' output is not at hand, so metafor is asked."""
    data = pd.read_csv(mirror / "synthesis" / "mental_health_dat.csv")
    kinds, kind = np.unique(data.analysis_plan, return_inverse=True)
    given = pd.DataFrame(
        {"y": data.gt_pop, "v": data.vgt_pop, "study": data.study, "kind": data.analysis_plan}
    )
    told = asked(MENTAL, given.to_csv(index=False, float_format="%.17g"), tmp_path)
    covariance = multilevel.sampling_covariance(data.vgt_pop, data.study, 0.8)
    design = (kind[:, None] == np.arange(4)).astype(float)
    parts = multilevel.nested_components(data.study, kind, [str(one) for one in kinds])
    model = multilevel.fit(data.gt_pop, covariance, data.study, parts, design, intercept=False)
    assert (model.k, model.clusters, model.settled) == (141, 41, True)
    # Its search ends where the likelihood gains less than 1e-8 of itself.
    assert_allclose([*model.estimate, *model.standard_error], told["kinds"], atol=5e-5)
    assert_allclose(model.components, told["variances"], atol=2e-4)
    assert_allclose([model.q, model.log_likelihood], told["q"], rtol=1e-7)
