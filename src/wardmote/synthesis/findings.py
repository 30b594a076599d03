"""Rows into findings: every row judged, every problem told at once, every effect brought to the scale on which it can be pooled."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from wardmote.errors import InputError, MethodError, Problem
from wardmote.methods import effect_sizes
from wardmote.methods.effect_sizes import Effects, Group
from wardmote.synthesis.library import Row

RANDOMISED = ("RCT", "cluster_RCT")
AS_IF_RANDOM = ("RDD", "IV", "lottery")
DESIGNS = (*RANDOMISED, *AS_IF_RANDOM, "DiD", "matched", "cohort", "pre_post", "meta_analysis", "qualitative")
"""Designs that the library knows, from what assigns people by chance to what only follows them."""

RESULTS = ("benefit", "none", "mixed", "harm")
SEEN = ("exact", "abstract", "secondary", "full text")
RISKS = ("low", "some", "high", "not assessed")

SCALES: dict[str, str] = {
    "SMD": "standardised mean difference",
    "Hedges_g": "standardised mean difference",
    "Cohen_d": "standardised mean difference",
    "OR": "log odds ratio",
    "RR": "log risk ratio",
    "HR": "log hazard ratio",
    "r": "Fisher's z",
}
"""Scales on which effects of several studies mean the same. Percentages, points and coefficients in a study's own units do not."""

RATIOS = ("OR", "RR", "HR")

RAW = ("mean_1", "mean_2", "sd_1", "sd_2", "change_1", "change_2", "events_1", "events_2", "t", "f")
"""Columns from which effects are calculated where enough of them are there."""

Z = 1.959963984540054
"""97.5% quantile of the normal distribution, for intervals of single findings."""

LOPSIDED = 0.25
"""An interval whose halves differ by more than this share of their mean was not made by ± z standard errors on this scale (bootstrap,
posterior, or a misprint): no standard error is taken from it. Ordinary rounding of two decimals stays far below for pooled effects."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One quantitative finding, judged.

    Attributes:
        row: The row as text.
        effect, study, strategy, outcome, design: As in the table `effects`.
        year, n, k: Whole numbers, None where not printed.
        printed, low, high: As printed, NaN where not.
        better: 1 where higher values of the effect are better, −1 where lower are.
        result: What the study concludes.
        scale: Where it can be pooled, or "".
        estimate, error: On that scale, turned so that positive is better; NaN where not known.
        how: How they were had.
        role: study or review.
        includes: Findings or studies that a review is known to pool.
        check: What must still be checked, or "".
    """

    row: Row
    effect: str
    study: str
    strategy: str
    outcome: str
    design: str
    year: int | None
    n: int | None
    k: int | None
    printed: float
    low: float
    high: float
    better: int
    result: str
    scale: str
    estimate: float
    error: float
    how: str
    role: str
    includes: tuple[str, ...]
    check: str

    @property
    def sized(self) -> bool:
        """Whether it has an effect with an error on a common scale."""
        return math.isfinite(self.estimate) and math.isfinite(self.error)

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95% interval on that scale: as printed where it was, else ± 1.96 standard errors."""
        metric = self.row.get("effect_metric", "")
        printed = "printed" in self.how and math.isfinite(self.low) and math.isfinite(self.high)
        if not printed or "√3" in self.how or metric == "r":
            return self.estimate - Z * self.error, self.estimate + Z * self.error
        ends = [math.log(x) if metric in RATIOS else x for x in (self.low, self.high)]
        return (ends[0], ends[1]) if self.better == 1 else (-ends[1], -ends[0])

    @property
    def cluster(self) -> str:
        """What it is independent by: its trial or programme where several publications speak of the same people, else its study."""
        return self.row.get("trial") or self.study

    @property
    def closed(self) -> bool:
        """Whether the terms of its file let it be pooled, but not shown by itself."""
        return self.row.get("access") == "derived-only"

    @property
    def risk(self) -> str:
        """Its risk of bias."""
        return self.row.get("risk_of_bias") or "not assessed"


def study_of(row: Mapping[str, str]) -> str:
    """Return the study of a row: as named, or the name of the finding without its last letter after a year."""
    return row.get("study") or re.sub(r"(?<=\d{4})[a-z]$", "", row["study_id"])


def judge(
    rows: Sequence[Row], taxonomy: Mapping[str, Any], *, convert_odds: bool = False
) -> tuple[list[Finding], list[Row]]:
    """Return the quantitative findings and the qualitative rows.

    Args:
        rows: From `wardmote.synthesis.library.read_evidence`.
        taxonomy: Words for strategies and outcomes.
        convert_odds: Whether log odds ratios become standardised mean differences.

    Raises:
        InputError: Unknown words, numbers that cannot be read or are out of range, findings that stand twice; all together.
    """
    problems: list[Problem] = []
    found, accounts = [], []
    for row in rows:
        problems += _word_problems(row, taxonomy)
        if row.get("finding"):
            accounts.append(row)
            continue
        made = _finding(row, problems, convert_odds)
        if made is not None:
            found.append(made)
    problems += _twins(rows, found)
    if problems:
        raise InputError(problems)
    return found, accounts


def _word_problems(row: Row, taxonomy: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for each word of a row that is not known, and for what it must have and lacks."""
    lists: dict[str, Sequence[str]] = {
        "strategy": list(taxonomy["strategies"]),
        "outcome": list(taxonomy["outcomes"]),
    }
    if not row.get("finding"):
        lists |= {"design": DESIGNS, "result": RESULTS, "direction_better": ("yes", "no")}
    for name, allowed in (("seen", SEEN), ("risk_of_bias", RISKS), ("pools", ("randomised", "mixed"))):
        if row.get(name):
            lists[name] = allowed
    problems = [
        Problem(
            f"{row['where']}, {name}", "the word is not known", repr(row.get(name, "")), ", ".join(allowed)
        )
        for name, allowed in lists.items()
        if row.get(name, "") not in allowed
    ]
    if not row.get("study_id"):
        problems.append(Problem(f"{row['where']}, study_id", "the finding has no name"))
    return problems


def _finding(row: Row, problems: list[Problem], convert_odds: bool) -> Finding | None:
    """Return one finding, or None where its numbers cannot be used; problems are added."""
    before = len(problems)
    number = _reader(row, problems)
    printed, low, high = number("effect"), number("ci_low"), number("ci_high")
    whole = {name: number(name, least=0) for name in ("year", "n", "k_studies")}
    if low > high:
        problems.append(
            Problem(f"{row['where']}, ci_low", "the interval is the wrong way round", f"{low:g} to {high:g}")
        )
    elif not math.isnan(printed) and (printed < low or printed > high):
        problems.append(
            Problem(
                f"{row['where']}, effect", "it lies outside its interval", f"{printed:g}, {low:g} to {high:g}"
            )
        )
    better = -1 if row.get("direction_better") == "no" else 1
    try:
        scale, estimate, error, how, doubt = _sized(row, number, printed, low, high)
    except MethodError as wrong:
        problems += [
            Problem(row["where"], one.what, one.got, one.expected, one.remedy) for one in wrong.problems
        ]
        return None
    if len(problems) > before:
        return None
    if convert_odds and scale == "log odds ratio":
        turned = effect_sizes.smd_from_odds(Effects(*_pair(estimate, error**2)))
        scale, how = SCALES["SMD"], f"{how}; times √3/π"
        estimate, error = float(turned.estimate), float(turned.standard_error)
    design = row.get("design", "")
    check = "; ".join(part for part in (row.get("check", ""), doubt) if part)
    return Finding(
        row=row,
        effect=row["study_id"],
        study=study_of(row),
        strategy=row["strategy"],
        outcome=row["outcome"],
        design=design,
        year=_int(whole["year"]),
        n=_int(whole["n"]),
        k=_int(whole["k_studies"]),
        printed=printed,
        low=low,
        high=high,
        better=better,
        result=row.get("result", ""),
        scale=scale,
        estimate=better * estimate,
        error=error,
        how=how,
        role="review" if design == "meta_analysis" else "study",
        includes=tuple(part.strip() for part in row.get("includes", "").split(";") if part.strip()),
        check=check,
    )


def _sized(
    row: Row, number: Callable[..., float], printed: float, low: float, high: float
) -> tuple[str, float, float, str, str]:
    """Return scale, effect, error, how they were had, and a doubt about them."""
    raw = _from_raw(row, number)
    if raw is not None:
        scale, made, how = raw
        return scale, float(made.estimate), float(made.standard_error), how, ""
    metric = row.get("effect_metric", "")
    scale = SCALES.get(metric, "")
    nothing = float("nan")
    if not scale:
        return "", nothing, nothing, _unscaled(row), ""
    if math.isnan(printed):
        return scale, nothing, nothing, "no size printed", ""
    ratio = metric in RATIOS
    if metric == "r":
        n = number("n")
        made = effect_sizes.from_correlation(printed, n)
        return scale, float(made.estimate), float(made.standard_error), "Fisher's z of the correlation", ""
    if ratio and (printed <= 0 or low <= 0):
        raise MethodError(Problem("", "a ratio is not above 0", f"{printed:g}", "above 0"))
    estimate = math.log(printed) if ratio else printed
    said = "logarithm of the printed ratio" if ratio else "as printed"
    error = number("se", above=0)
    if not math.isnan(error):
        return scale, estimate, error, f"{said}; error as printed", ""
    if not math.isnan(low) and not math.isnan(high):
        a, b = (math.log(low), math.log(high)) if ratio else (low, high)
        if b > a and abs((b - estimate) - (estimate - a)) > LOPSIDED * (b - a) / 2:
            return (
                scale,
                estimate,
                nothing,
                f"{said}; interval lopsided, no error taken",
                "interval lopsided as printed",
            )
        made = effect_sizes.from_interval(estimate, a, b)
        return scale, estimate, float(made.standard_error), f"{said}; error from its printed 95% interval", ""
    p = number("p", above=0, most=1)
    if not math.isnan(p) and estimate != 0 and p < 1:
        # Altman and Bland (2011), BMJ 343: d2090: the error that makes the printed p.
        return scale, estimate, abs(estimate) / float(stats.norm.isf(p / 2)), f"{said}; error from its p", ""
    return scale, estimate, nothing, f"{said}; no error printed", ""


def _unscaled(row: Row) -> str:
    """Return why a row has no effect on a common scale."""
    if any(row.get(name) for name in RAW):
        return "its means, counts or statistics are not complete for an effect"
    return "in the study's own units" if row.get("effect_metric") else "no kind of effect given"


def _from_raw(row: Row, number: Callable[..., float]) -> tuple[str, Effects, str] | None:
    """Return an effect calculated from means, counts or test statistics, where the row has them."""
    has = {name for name, text in row.items() if text}
    smd = SCALES["SMD"]
    n1, n2 = number("n_1"), number("n_2")
    found: tuple[str, Effects, str] | None = None
    if {"mean_1", "sd_1", "n_1", "mean_2", "sd_2", "n_2"} <= has:
        groups = [Group(number(f"mean_{i}"), number(f"sd_{i}"), number(f"n_{i}")) for i in (1, 2)]
        found = smd, effect_sizes.standardised_mean_difference(*groups), "Hedges' g from means"
    elif {"change_1", "sd_1", "n_1", "change_2", "sd_2", "n_2", "correlation"} <= has:
        groups = [Group(number(f"change_{i}"), number(f"sd_{i}"), number(f"n_{i}")) for i in (1, 2)]
        made = effect_sizes.pre_post_control(groups[0], groups[1], number("correlation"))
        found = smd, made, "Hedges' g from two changes"
    elif {"change_1", "sd_1", "n_1", "correlation"} <= has and row.get("design") == "pre_post":
        made = effect_sizes.pre_post(number("change_1"), 0.0, number("sd_1"), n1, number("correlation"))
        found = smd, made, "standardised change of one group"
    elif {"events_1", "n_1", "events_2", "n_2"} <= has:
        wanted = "risk ratio" if row.get("effect_metric") == "RR" else "odds ratio"
        made = effect_sizes.from_counts(number("events_1"), n1, number("events_2"), n2, wanted)  # type: ignore[arg-type]  # one of its literals
        found = f"log {wanted}", made, f"log {wanted} from counts{_zeros(row, made)}"
    elif {"t", "n_1", "n_2"} <= has:
        found = smd, effect_sizes.smd_from_t(number("t"), n1, n2), "Hedges' g from t"
    elif {"f", "sign", "n_1", "n_2"} <= has:
        found = smd, effect_sizes.smd_from_f(number("f"), n1, n2, number("sign")), "Hedges' g from F"
    elif {"p", "sign", "n_1", "n_2"} <= has and "effect" not in has:
        found = smd, effect_sizes.smd_from_p(number("p"), n1, n2, number("sign")), "Hedges' g from p"
    if found is None or not {"cluster_size", "icc"} <= has:
        return found
    scale, made, how = found
    size, icc = number("cluster_size"), number("icc")
    if scale != smd:
        return scale, effect_sizes.design_effect(made, size, icc), f"{how}, design effect of clusters"
    arms = (
        effect_sizes.clustered_smd_one_arm
        if row.get("clustered") == "one arm"
        else effect_sizes.clustered_smd
    )
    return scale, arms(made.estimate, n1, n2, size, icc), f"{how}, corrected for clusters"


def _zeros(row: Row, made: Effects) -> str:
    """Return what was done about cells of 0, in words, or ""."""
    if not math.isfinite(float(made.estimate)):
        return "; both groups without an event, or without anything else, say nothing of a ratio"
    counts = [float(row[name]) for name in ("events_1", "events_2", "n_1", "n_2")]
    zero = 0 in (counts[0], counts[1], counts[2] - counts[0], counts[3] - counts[1])
    return "; a cell of 0, so ½ was added to each" if zero else ""


def _reader(row: Row, problems: list[Problem]) -> Callable[..., float]:
    """Return a function that reads one number of a row, NaN where it is empty, adding problems."""
    told: set[str] = set()

    def number(
        name: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf
    ) -> float:
        text = row.get(name, "").replace("−", "-").replace(",", "")
        if not text:
            return float("nan")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        good = math.isfinite(value) and above < value <= most and value >= least
        if not good and name not in told:
            told.add(name)
            limits = "a number" + (f" above {above:g}" if above > -math.inf else "")
            limits += f" of at least {least:g}" if least > -math.inf else ""
            problems.append(
                Problem(f"{row['where']}, {name}", "it is no such number", repr(row[name]), limits)
            )
        return value if good else float("nan")

    return number


def _twins(rows: Sequence[Row], found: Sequence[Finding]) -> list[Problem]:
    """Return a problem for each finding that stands twice, by its name or by all that it says."""
    problems = []
    seen: dict[Any, str] = {}
    for row in rows:
        name = row.get("study_id", "")
        if name and name in seen:
            problems.append(
                Problem(
                    f"{row['where']}, study_id", "the finding stands twice", f"{name}, also in {seen[name]}"
                )
            )
        seen.setdefault(name, row["where"])
    said: dict[Any, str] = {}
    for one in found:
        if not one.sized:
            continue
        key = (
            one.study, one.strategy, one.outcome, one.row.get("intervention"), one.row.get("population"),
            one.estimate, one.error, one.n,
        )  # fmt: skip
        if key in said:
            problems.append(
                Problem(
                    one.row["where"],
                    "the finding says the same as another of its study",
                    f"{one.effect} and {said[key]}",
                    remedy="Keep one, or say in `intervention` or `population` what differs.",
                )
            )
        said.setdefault(key, one.effect)
    return problems


def _pair(estimate: float, variance: float) -> tuple[Any, Any]:
    """Return two numbers as arrays."""
    import numpy as np

    return np.asarray(estimate), np.asarray(variance)


def _int(value: float) -> int | None:
    """Return a whole number, or None for NaN."""
    return None if math.isnan(value) else round(value)
