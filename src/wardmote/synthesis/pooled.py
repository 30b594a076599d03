"""Pooled answers for one strategy and outcome, from findings on one scale.

Reviews are never pooled with studies that they may hold, nor with one another: each stands by itself beside our own pooling of single
studies. The answer that *leads* rests on most independent studies; our own where it is a tie, since it can be checked row by row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError
from wardmote.methods import bias, influence, multilevel
from wardmote.methods.checks import FloatArray
from wardmote.methods.pooling import Pooled, pool, prediction_interval
from wardmote.study import SynthesisSpec
from wardmote.synthesis.findings import Finding, Z
from wardmote.synthesis.strength import LOPSIDED_P, Answer

LEAST_DF = 4.0
"""Degrees of freedom below which a cluster-robust t is not to be trusted (Tipton 2015, Psychological Methods 20: 375–393)."""


FEW = 5
"""Studies below which the interval rests on fewer than four degrees of freedom, as with `LEAST_DF`."""

SMALL_STUDIES = (
    "small studies found more than large ones: studies without an effect may be missing, or small studies may differ in other ways;"
    " nothing here can tell which"
)
"""Told where Egger's test is below its threshold (Sterne and others 2011, BMJ 343: d4002)."""


def answers(findings: Sequence[Finding], spec: SynthesisSpec) -> list[Answer]:
    """Return all answers for one strategy and outcome, the leading one first.

    Args:
        findings: Of one strategy and outcome.
        spec: How to pool.

    Returns:
        Pooled answers by scale (random and fixed effects for one finding a study, three levels where studies have several),
        subgroups that were asked for, single studies where nothing else is there, and every review with an interval. None where no
        finding has a size and an error. Findings whose terms forbid it (derived-only) are pooled and never stand alone.
    """
    sized = [one for one in findings if one.sized]
    own: list[Answer] = []
    for scale in dict.fromkeys(one.scale for one in sized):
        part = [one for one in sized if one.scale == scale and one.role == "study"]
        if len({one.cluster for one in part}) > 1:
            own += _pooled(part, spec)
            own += _subgroups(part, spec)
        else:
            own += [alone(one) for one in part if not one.closed]
    found = own + [alone(one) for one in sized if one.role == "review" and not one.closed]
    return sorted(found, key=_order) if found else []


def _order(answer: Answer) -> tuple[float, ...]:
    """Return what sorts answers: most studies, then the fuller model, then the smaller error."""
    rank = {"three-level": 0, "random": 0, "published review": 1, "single study": 2, "fixed": 3}
    part = 1 if answer.subgroup != "all" and answer.model not in ("published review", "single study") else 0
    fixed = 1 if answer.model == "fixed" else 0
    return part, fixed, -answer.studies, rank[answer.model], answer.standard_error


def alone(one: Finding) -> Answer:
    """Return what one finding says by itself."""
    review = one.role == "review"
    note = "" if not review or one.k is not None else "how many studies it pools was not read"
    low, high = one.interval
    return Answer(
        model="published review" if review else "single study",
        subgroup=one.effect,
        scale=one.scale,
        effect=one.estimate,
        standard_error=one.error,
        low=low,
        high=high,
        df=math.nan,
        numbers={},
        findings=(one,),
        weights=(1.0,),
        studies=(one.k or 1) if review else 1,
        note=note,
    )


def _arrays(findings: Iterable[Finding]) -> tuple[FloatArray, FloatArray]:
    """Return effects and variances."""
    rows = list(findings)
    return np.array([one.estimate for one in rows]), np.array([one.error for one in rows]) ** 2


def _pooled(findings: Sequence[Finding], spec: SynthesisSpec, subgroup: str = "all") -> list[Answer]:
    """Return the answers of two studies or more on one scale."""
    several = len({one.cluster for one in findings}) < len(findings)
    if several:
        return [_three_level(findings, spec, subgroup)]
    y, v = _arrays(findings)
    plain = pool(y, v, estimator="fixed")
    notes = []
    try:
        found = pool(y, v, estimator=spec.estimator, test=spec.test)
    except MethodError:
        # Effects that are all alike: no error can be found from their differences, so the studies' own stand for it.
        found = pool(y, v, estimator=spec.estimator, test="modified knapp-hartung")
        notes.append(
            "all studies found the same: the interval is by their own errors; look whether one stands there several times"
        )
    own = pool(y, v, estimator=spec.estimator, profile=False)
    if spec.test == "knapp-hartung" and found.high[0] - found.low[0] < own.high[0] - own.low[0]:
        notes.append(
            "studies agree more than their errors would have them, which shortens the interval; by their errors alone it runs from"
            f" {own.low[0]:.2f} to {own.high[0]:.2f}".replace("-", "−")
        )
    numbers = _spread(found)
    more, told = _sensitivity(y, v, spec)
    numbers |= more
    notes += told
    low, high = prediction_interval(found)
    if math.isfinite(low):
        numbers |= {"prediction_low": low, "prediction_high": high}
    if found.k < FEW:
        notes.insert(0, "few studies: the interval is wide and still uncertain")
    answer = replace(_answer("random", findings, found, numbers), subgroup=subgroup, note="; ".join(notes))
    if subgroup != "all":
        return [answer]
    one_effect = "supposes one true effect for all studies"
    return [answer, replace(_answer("fixed", findings, plain, _spread(plain)), note=one_effect)]


def _answer(model: str, findings: Sequence[Finding], found: Pooled, numbers: dict[str, float]) -> Answer:
    """Return a pooling of all findings as an answer."""
    return Answer(
        model=model,
        subgroup="all",
        scale=findings[0].scale,
        effect=float(found.estimate[0]),
        standard_error=float(found.standard_error[0]),
        low=float(found.low[0]),
        high=float(found.high[0]),
        df=found.df if math.isfinite(found.df) else math.nan,
        numbers=numbers,
        findings=tuple(findings),
        weights=tuple(float(one) for one in found.weights),
        studies=found.k,
    )


def _spread(found: Pooled) -> dict[str, float]:
    """Return the numbers of heterogeneity."""
    one = found.heterogeneity
    return {
        "tau2": one.tau2,
        "tau2_low": one.low,
        "tau2_high": one.high,
        "i2": one.i2,
        "q": one.q,
        "q_p": one.q_p,
    }


def _sensitivity(y: FloatArray, v: FloatArray, spec: SynthesisSpec) -> tuple[dict[str, float], list[str]]:
    """Return how the answer moves when studies are left out or thought to be missing, and what to beware of."""
    numbers: dict[str, float] = {}
    if len(y) >= 3:
        left = influence.leave_one_out(y, v, estimator=spec.estimator)
        numbers |= {"leave_low": float(left.estimate.min()), "leave_high": float(left.estimate.max())}
    if len(y) < bias.ENOUGH:
        return numbers, [
            "fewer than ten studies: whether small ones without an effect are missing cannot be judged"
        ]
    notes = []
    if np.ptp(v) > 0:
        numbers["egger_p"] = bias.egger(y, v).p_value
        if numbers["egger_p"] < LOPSIDED_P:
            notes.append(SMALL_STUDIES)
    filled = bias.trim_and_fill(y, v, estimator=spec.estimator)
    if filled.settled:
        numbers["trimmed"] = float(filled.pooled.estimate[0])
    else:
        notes.append("trim and fill did not settle")
    try:
        chosen = bias.selection_model(y, v)
    except MethodError:
        # All studies on one side of the step: the model has nothing to estimate selection from.
        notes.append("no selection model: all studies lie on one side of p = 0.025")
    else:
        if chosen.settled:
            numbers["selected"] = chosen.estimate
        else:
            notes.append("the selection model did not settle")
    return numbers, notes


def _three_level(findings: Sequence[Finding], spec: SynthesisSpec, subgroup: str) -> Answer:
    """Return the answer where studies have several findings: correlated and hierarchical effects, robust errors."""
    y, v = _arrays(findings)
    _, study = np.unique([one.cluster for one in findings], return_inverse=True)
    V = multilevel.sampling_covariance(v, study, spec.rho)
    model = multilevel.fit(y, V, study, multilevel.nested_components(study))
    total = float(model.components.sum())
    notes = [f"findings of one study are supposed to correlate by {spec.rho:g}"]
    estimate, clusters = float(model.estimate[0]), model.clusters
    try:
        tested = multilevel.robust(model)
        se, low, high, df = (
            float(part[0]) for part in (tested.standard_error, tested.low, tested.high, tested.df)
        )
        if df < LEAST_DF:
            notes.append("fewer than 4 degrees of freedom: the interval is not to be relied on")
    except MethodError:
        se, df = float(model.standard_error[0]), math.nan
        low, high = estimate - Z * se, estimate + Z * se  # the model's own, by the normal distribution
        notes.append("errors by the model, since effects do not differ between studies")
    if not model.settled:
        notes.append("the search for its variances did not settle")
    W = 1 / v
    typical = (len(y) - 1) * W.sum() / (W.sum() ** 2 - (W**2).sum())
    reach = (high - estimate) / se * math.sqrt(total + se**2)
    numbers = {
        "tau2": total,
        "i2": total / (total + typical),
        "q": model.q,
        "q_p": model.q_p,
        "prediction_low": estimate - reach,
        "prediction_high": estimate + reach,
    }
    if clusters >= 3:
        left = _without_each(y, V, study)
        numbers |= {"leave_low": float(left.min()), "leave_high": float(left.max())}
    weight = np.concatenate(
        [np.linalg.solve(M, np.ones(len(rows))) for rows, M in zip(model.blocks, model.marginal, strict=True)]
    )
    ordered = np.empty(len(y))
    ordered[np.concatenate(model.blocks)] = weight / weight.sum()
    return Answer(
        "three-level", subgroup, findings[0].scale, estimate, se, low, high, df, numbers, tuple(findings),
        tuple(float(one) for one in ordered), clusters, "; ".join(notes),
    )  # fmt: skip


def _without_each(y: FloatArray, V: FloatArray, study: npt.NDArray[np.intp]) -> FloatArray:
    """Return the three-level estimate without each study in turn."""
    found = []
    for one in np.unique(study):
        rows = study != one
        parts = multilevel.nested_components(study[rows])
        found.append(multilevel.fit(y[rows], V[np.ix_(rows, rows)], study[rows], parts).estimate[0])
    return np.array(found)


def _subgroups(findings: Sequence[Finding], spec: SynthesisSpec) -> list[Answer]:
    """Return an answer for each subgroup of two studies or more."""
    found = []
    for by in spec.by:
        groups: dict[str, list[Finding]] = {}
        for one in findings:
            groups.setdefault(one.row.get(by, "") or "not said", []).append(one)
        for name, part in groups.items():
            if len(groups) > 1 and len({one.cluster for one in part}) > 1:
                found += _pooled(part, spec, f"{by}: {name}")
    return found
