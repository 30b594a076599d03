"""How strong the evidence is: one rule, stated here, with the reasons for each verdict.

It follows the logic of GRADE (Guyatt and others 2011, Journal of Clinical Epidemiology 64: 383–394, and the papers of that series)
without its judgement by people: a machine can only count what the library records. It starts from the design and goes down one
step for each doubt:

======================  =========================================================================================
start                   4 where at least half of the weight is from trials that assign by chance; 3 where it is from
                        those or from designs as if by chance (thresholds, lotteries, instruments); 2 otherwise. A
                        review counts as what it says that it pools.
risk of bias            −1 where at least half of the weight is of high risk, or was not assessed
consistency             −1 where most findings that are not behind the answer conclude otherwise; where I² is 75% or
                        more, or the prediction interval holds 0 and the interval does not; for a single study; for a
                        review, as its heterogeneity is not recorded
precision               −1 where the interval holds both 0 and a small effect (0.2 standard deviations, or a ratio of
                        1.25), or fewer than 400 people are known to stand behind it
directness              −1 where half of the weight or more is from another country or kind of place than asked about
publication             −1 where ten studies or more are lopsided by Egger's test (p < 0.1)
to be checked           never above *low* while a finding that carries it is read at second hand or must be checked
======================  =========================================================================================

4 is *high*, 3 *moderate*, 2 *low*, 1 and less *very low*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardmote.synthesis.findings import AS_IF_RANDOM, RANDOMISED, Finding

SMALL = {"standardised mean difference": 0.2, "Fisher's z": 0.1}
"""A small effect by scale (Cohen 1988, pp. 25 and 79); ln 1.25 for logarithms of ratios (GRADE guidelines 6, 2011, p. 1286)."""

SMALL_RATIO = 0.22314355131420976
"""ln 1.25."""

FEW_PEOPLE = 400
"""People below which an effect on a continuous outcome counts as imprecise (GRADE guidelines 6, 2011, JCE 64: 1283–1293)."""

LARGE_I2 = 0.75
"""I² from which heterogeneity is considerable (Cochrane Handbook 6.5, section 10.10.2)."""

LOPSIDED_P = 0.1
"""p of Egger's test below which a funnel counts as lopsided (Egger and others 1997, BMJ 315: 629–634)."""

WORDS = {4: "high", 3: "moderate", 2: "low"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One pooled or published answer, as the table `syntheses` tells it.

    Attributes:
        model, subgroup, scale, note: Words.
        effect, standard_error, low, high, df: The effect, positive better.
        numbers: The further numbers of its row, by column.
        findings: What stands behind it.
        weights: Share of each finding in it.
        studies: Independent studies behind it: those of a review where it says how many.
    """

    model: str
    subgroup: str
    scale: str
    effect: float
    standard_error: float
    low: float
    high: float
    df: float
    numbers: dict[str, float]
    findings: tuple[Finding, ...]
    weights: tuple[float, ...]
    studies: int
    note: str = ""


def strength(
    answer: Answer, *, country: str = "", places: Sequence[str] = (), others: Sequence[Finding] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return the word for the strength of the evidence behind an answer, and the reasons for it.

    Args:
        answer: The answer that leads.
        country: Where the evidence is to be used; "" for anywhere.
        places: Kinds of place where it is to be used; none for any.
        others: Findings of the same strategy and outcome that are not behind it.

    Returns:
        high, moderate, low or very low, and what the rule of this module counted.
    """
    start, reasons = _start(answer)
    doubts = [
        _bias(answer), _consistency(answer, others), _precision(answer), _directness(answer, country, places), _publication(answer),
    ]  # fmt: skip
    found = [doubt for doubt in doubts if doubt]
    score = start - len(found)
    reasons += found
    unchecked = [one.effect for one in answer.findings if one.check]
    if unchecked:
        many = "a finding" if len(unchecked) == 1 else f"{len(unchecked)} findings"
        reasons.append(f"{many} behind it must still be checked")
        score = min(score, 2)
    return WORDS.get(score, "very low" if score < 2 else "high"), tuple(reasons)


def _share(answer: Answer, which: Sequence[bool]) -> float:
    """Return the share of weight of the chosen findings."""
    return sum(weight for weight, one in zip(answer.weights, which, strict=True) if one)


def _start(answer: Answer) -> tuple[int, list[str]]:
    """Return where the rule starts, and why."""

    def chance(one: Finding) -> bool:
        return one.design in RANDOMISED or (one.role == "review" and one.row.get("pools") == "randomised")

    by_chance = [chance(one) for one in answer.findings]
    near = [
        one or finding.design in AS_IF_RANDOM for one, finding in zip(by_chance, answer.findings, strict=True)
    ]
    if _share(answer, by_chance) >= 0.5:
        return 4, ["mostly from trials that assign by chance"]
    if _share(answer, near) >= 0.5:
        return 3, ["mostly from designs as if by chance"]
    if answer.model == "published review":
        return 2, ["a review that pools designs without chance, or does not say which"]
    return 2, ["mostly from designs without chance"]


def _bias(answer: Answer) -> str:
    """Return the doubt about risk of bias, or ""."""
    if _share(answer, [one.risk == "high" for one in answer.findings]) >= 0.5:
        return "high risk of bias"
    unknown = _share(answer, [one.risk == "not assessed" for one in answer.findings]) >= 0.5
    return "risk of bias was not assessed" if unknown else ""


def agreeing(answer: Answer) -> str:
    """Return the conclusion of a single finding that goes with an answer's interval: benefit, harm or none."""
    return "benefit" if answer.low > 0 else "harm" if answer.high < 0 else "none"


def _consistency(answer: Answer, others: Sequence[Finding]) -> str:
    """Return the doubt about consistency, or ""."""
    contrary = [one.result != agreeing(answer) for one in others]
    if sum(contrary) > len(contrary) / 2:
        return "most other findings of this strategy and outcome conclude otherwise"
    if answer.model == "single study":
        return "a single study"
    if answer.model == "published review":
        return "how much its studies differ is not recorded"
    low, high = answer.numbers.get("prediction_low"), answer.numbers.get("prediction_high")
    clear = answer.low > 0 or answer.high < 0
    if answer.numbers.get("i2", 0.0) >= LARGE_I2:
        return "studies differ much"
    if clear and low is not None and high is not None and low < 0 < high:
        return "a new place may see the opposite"
    return ""


def _precision(answer: Answer) -> str:
    """Return the doubt about precision, or ""."""
    small = SMALL.get(answer.scale, SMALL_RATIO)
    if answer.low <= 0 <= answer.high and max(answer.high, -answer.low) >= small:
        return "the interval holds both none and more than a small effect"
    people = {one.study: one.n for one in answer.findings if one.n is not None}
    known = {one.study for one in answer.findings}
    # Counted only where all studies say how many took part.
    if known == set(people) and sum(people.values()) < FEW_PEOPLE:
        return f"fewer than {FEW_PEOPLE} people"
    return ""


def _directness(answer: Answer, country: str, places: Sequence[str]) -> str:
    """Return the doubt about directness, or ""."""
    far = [bool(country) and country not in one.row.get("country", "") for one in answer.findings]
    if _share(answer, far) >= 0.5:
        return f"mostly from outside {country}"
    other = [bool(places) and one.row.get("place_type", "") not in places for one in answer.findings]
    return "mostly from other kinds of place" if _share(answer, other) >= 0.5 else ""


def _publication(answer: Answer) -> str:
    """Return the doubt about publication, or ""."""
    p = answer.numbers.get("egger_p", 1.0)
    return "small studies found more than large ones" if p < LOPSIDED_P else ""
