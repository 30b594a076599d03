"""The evaluation stage: what did a place programme change, and how far can that be trusted?

``evaluate_programme`` takes a declaration (areas, starts, outcome, comparison, estimators), estimates the effect in each declared way,
puts the main result to every test of trust, and says what it is worth. What was declared and what was added afterwards is told with
the result. Modelled outcomes are refused: a model fills small areas from their other features and cannot see a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote.errors import InputError, MethodError, MissingError, Problem, WardmoteError
from wardmote.evaluate import sentences
from wardmote.evaluate.checks import Check, check_all, told_limits
from wardmote.evaluate.estimators import ADJUSTING, ESTIMATORS
from wardmote.evaluate.panel import Inputs, Panel, read_panels, widened
from wardmote.evaluate.world import Answer, Impact, world_of
from wardmote.levels import Level, nouns_of
from wardmote.methods.worth import (
    ASSUMPTIONS,
    PRICE_YEAR,
    Assumption,
    Worth,
    benefit_cost,
    distributional_weight,
    reprice,
)
from wardmote.study import ProgrammeSpec
from wardmote.tables import empty, frame
from wardmote.words import sentence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProgrammeTables", "declaration", "evaluate_programme"]


@dataclass(frozen=True, slots=True)
class ProgrammeTables:
    """One programme evaluated; see `wardmote.tables` for the columns.

    Attributes:
        treatments: The supported areas as declared.
        comparators: Each area's part.
        balances: How alike they are.
        impacts: All estimates.
        impact_checks: All tests of trust.
        worths: What the effect is worth, with its assumptions.
        findings: What was found, in sentences.
    """

    treatments: pd.DataFrame
    comparators: pd.DataFrame
    balances: pd.DataFrame
    impacts: pd.DataFrame
    impact_checks: pd.DataFrame
    worths: pd.DataFrame
    findings: pd.DataFrame


def declaration(spec: ProgrammeSpec) -> str:
    """Return the checksum of what is declared: SHA-256 of everything but title, description, `declared` and `added`.

    Args:
        spec: The programme.
    """
    return spec.checksum


def evaluate_programme(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    boundaries: pd.DataFrame | None = None,
    *,
    spec: ProgrammeSpec,
    programme: str,
    rng: np.random.Generator | None = None,
    levels: Mapping[str, Level] | None = None,
) -> ProgrammeTables:
    """Return what a programme changed, every estimate with its limits.

    Args:
        areas: Table `areas`.
        memberships: Table `memberships`, for clusters and strata.
        indicators: Table `indicators`.
        values: Table `values`: outcomes over several periods, covariates.
        boundaries: Table `boundaries`, for distances.
        spec: The programme as declared.
        programme: Its name in the study.
        rng: For placebos, deals and simulated worth; a fixed one by default. The same state gives the same tables.
        levels: Levels of the study, for what areas are called.

    Returns:
        The tables. An added estimator that the data do not allow is told in the findings and has no row; a declared one is an error.

    Raises:
        InputError: The data do not allow an evaluation; all problems together.
        MethodError: A declared estimator cannot be applied.
        MissingError: A declared estimator needs a package that is not installed.
    """
    inputs = Inputs(areas, memberships, indicators, values, boundaries)
    checksum = declaration(spec)
    spec = widened(spec, memberships, programme)
    panels = read_panels(inputs, spec, programme)
    nouns = nouns_of(spec.level, levels)
    # A stream for each estimator and test, so that one more estimator does not change the draws of the others after it.
    streams = iter((rng or np.random.default_rng(0)).spawn(64 * (1 + len(panels))))
    impacts: list[tuple[str, Impact, str]] = []
    checks: list[tuple[str, Check]] = []
    told = sentences.declared(spec, programme, checksum, nouns)
    first = panels[spec.outcome]
    told.append(_compared(spec, programme, first))
    answers: dict[str, Answer] = {}
    for outcome, panel in panels.items():
        found, failed = _estimates(panel, spec, programme, streams)
        told += failed
        if outcome == spec.outcome:
            answers = {name: answer for name, (answer, _) in found.items()}
        later = outcome in spec.added.outcomes
        for answer, status in found.values():
            impacts += [(outcome, impact, "added" if later else status) for impact in answer.impacts]
        main = found[spec.estimators[0]][0].impacts[0]
        tests, curve = check_all(panel, spec, main, next(streams))
        impacts += [(outcome, impact, "check") for impact in curve]
        checks += [(outcome, test) for test in tests]
        told.append(sentences.effect(spec, programme, panel, main, nouns))
        title = spec.title or programme
        told.append((sentence(f"{title}: {told_limits(tests)}"), np.nan, np.nan, np.nan, "impact_checks"))
    told += [
        (sentence(f"{spec.title or programme}: {note}"), np.nan, np.nan, np.nan, "balances")
        for note in first.notes
    ]
    worths, more = _worth(spec, programme, first, answers[spec.estimators[0]].impacts[0], next(streams))
    return ProgrammeTables(
        treatments=_treatments(spec, programme),
        comparators=_comparators(spec, programme, first, answers),
        balances=_balances(spec, programme, answers),
        impacts=_impacts(programme, impacts, panels),
        impact_checks=_checks(programme, checks),
        worths=worths,
        findings=_findings(programme, [*told, *more]),
    )


def _estimates(
    panel: Panel, spec: ProgrammeSpec, programme: str, streams: Any
) -> tuple[dict[str, tuple[Answer, str]], list[sentences.Told]]:
    """Return each estimator's answer with whether it was declared, and what added ones could not be made."""
    out: dict[str, tuple[Answer, str]] = {}
    told: list[sentences.Told] = []
    problems: list[WardmoteError] = []
    for name in dict.fromkeys([*spec.estimators, *spec.added.estimators]):
        status = "declared" if name in spec.estimators else "added"
        adjust = (
            bool(spec.covariates) and name in ADJUSTING and (spec.adjust or name in {"matched", "weighted"})
        )
        world, _ = world_of(panel, spec, adjust=adjust)
        try:
            out[name] = (ESTIMATORS[name](world, spec, next(streams)), status)
        except (MethodError, MissingError) as error:
            if status == "declared":
                problems.append(error)
            else:
                reason = str(error.problems[0])
                told.append(
                    (
                        f"The added estimator {name} has no result for {panel.outcome}: {reason}",
                        np.nan,
                        np.nan,
                        np.nan,
                        "impacts",
                    )
                )
    if problems:
        kind = MissingError if all(isinstance(one, MissingError) for one in problems) else MethodError
        raise kind(
            [
                replace(p, where=f"programme.{programme}, {p.where}")
                for error in problems
                for p in error.problems
            ]
        )
    return out, told


def _compared(spec: ProgrammeSpec, programme: str, panel: Panel) -> sentences.Told:
    used, near = len(panel.places("comparison")), len(panel.places("too near"))
    return sentences.compared(
        spec.title or programme, used, near, len(panel.places("excluded", "outside the pool", "no outcome"))
    )


# ---- worth


def _assumptions(spec: ProgrammeSpec, programme: str) -> dict[str, Assumption]:
    """Return all assumptions with the study's changes."""
    assert spec.worth is not None
    changed: dict[str, float | list[float]] = {
        **spec.worth.assumptions,
        "life_satisfaction": spec.worth.life_satisfaction,
    }
    out = dict(ASSUMPTIONS)
    problems = []
    for name, given in changed.items():
        numbers = [given] * 3 if isinstance(given, float | int) else given
        if name not in out or len(numbers) != 3 or not numbers[1] <= numbers[0] <= numbers[2]:
            problems.append(
                Problem(
                    f"programme.{programme}.worth.{name}",
                    "the assumption is not usable",
                    str(given),
                    f"one of {', '.join(ASSUMPTIONS)}: one number, or central, low and high",
                )
            )
            continue
        source = spec.worth.source if name == "life_satisfaction" else "changed in the study"
        out[name] = replace(
            out[name], value=float(numbers[0]), low=float(numbers[1]), high=float(numbers[2]), source=source
        )
    if problems:
        raise InputError(problems)
    return out


def _worth(
    spec: ProgrammeSpec, programme: str, panel: Panel, main: Impact, rng: np.random.Generator
) -> tuple[pd.DataFrame, list[sentences.Told]]:
    """Return the table `worths` and its finding; nothing where the study does not ask."""
    if spec.worth is None:
        return empty("worths"), []
    where = f"programme.{programme}.worth"
    pounds = [(cohort.pounds, cohort.price_year, len(cohort.areas)) for cohort in spec.cohorts]
    years = {year for _, year, _ in pounds}
    people = spec.worth.people
    if people is None:
        people = float(panel.population[panel.places("supported")].sum())
    problems = []
    if any(amount is None for amount, *_ in pounds) or None in years or len(years) != 1:
        problems.append(
            Problem(
                where,
                "what was spent is not known",
                str(sorted(map(str, years))),
                "pounds and one price year for every cohort",
            )
        )
    if np.isnan(people):
        problems.append(
            Problem(
                where,
                "it is not known how many people live in the supported areas",
                "",
                "populations, or `people`",
            )
        )
    if len(spec.worth.incomes) not in {0, 2}:
        problems.append(
            Problem(
                where,
                "incomes are not usable",
                str(spec.worth.incomes),
                "of those who gain, and of everybody",
            )
        )
    if problems:
        raise InputError(problems)
    assumptions = _assumptions(spec, programme)
    (year,) = (int(one) for one in years if one is not None)
    cost = float(sum(amount * number for amount, _, number in pounds if amount is not None))
    prices = float(reprice(1.0, PRICE_YEAR, year, spec.worth.prices))
    incomes = spec.worth.incomes
    weight = (
        float(distributional_weight(incomes[0], incomes[1], elasticity=assumptions["elasticity"].value))
        if incomes
        else 1.0
    )
    # "Better" is the direction of less need; life_satisfaction is stated per unit of improvement.
    found = benefit_cost(
        -panel.direction * main.effect,
        main.standard_error,
        people=people,
        years=spec.worth.years,
        cost=cost,
        rng=rng,
        assumptions=assumptions,
        cost_years=spec.worth.cost_years,
        weight=weight,
        prices=prices,
    )
    return _worth_table(programme, found, assumptions, year), [
        sentences.worth(
            spec.title or programme, found.ratio, found.ratio_low, found.ratio_high, found.above_one
        )
    ]


def _worth_table(
    programme: str, found: Worth, assumptions: Mapping[str, Assumption], year: int
) -> pd.DataFrame:
    unit = f"£ in {year} prices, present value"
    rows: list[tuple[Any, ...]] = [
        (
            "benefit",
            found.benefit,
            np.nan,
            np.nan,
            unit,
            "calculated",
            None,
            "wellbeing gained, at its value in pounds",
        ),
        ("cost", found.cost, np.nan, np.nan, unit, "calculated", None, "what was spent"),
        (
            "ratio",
            found.ratio,
            found.ratio_low,
            found.ratio_high,
            "pounds per pound",
            "calculated",
            None,
            "benefit ÷ cost",
        ),
        ("net value", found.net, found.net_low, found.net_high, unit, "calculated", None, "benefit − cost"),
    ]
    for name, one in assumptions.items():
        default = ASSUMPTIONS[name]
        origin = "default" if one == default else "changed"
        rows.append((name, one.value, one.low, one.high, one.unit, origin, one.source, one.meaning))
    names = ("item", "value", "low", "high", "unit", "origin", "source", "meaning")
    return frame(
        "worths",
        {
            "programme": [programme] * len(rows),
            **{key: [row[i] for row in rows] for i, key in enumerate(names)},
        },
    )


# ---- tables


def _treatments(spec: ProgrammeSpec, programme: str) -> pd.DataFrame:
    rows = sorted(
        ((area, cohort) for cohort in spec.cohorts for area in cohort.areas), key=lambda pair: pair[0]
    )
    return frame(
        "treatments",
        {
            "programme": [programme] * len(rows),
            "level": [spec.level] * len(rows),
            "area": [area for area, _ in rows],
            "start": [one.start for _, one in rows],
            "end": [one.end or None for _, one in rows],
            "pounds": np.array([np.nan if one.pounds is None else one.pounds for _, one in rows]),
            "price_year": [one.price_year for _, one in rows],
            "led_by": [one.led_by for _, one in rows],
            "note": [one.note or None for _, one in rows],
        },
    )


def _comparators(
    spec: ProgrammeSpec, programme: str, panel: Panel, answers: Mapping[str, Answer]
) -> pd.DataFrame:
    """Return each area's part, with its weight in the first matched or weighted comparison."""
    weight = np.full(len(panel.areas), np.nan)
    for answer in answers.values():
        if answer.weights is not None:
            _, at = world_of(panel, spec, adjust=True)
            weight[at] = answer.weights
            break
    n = len(panel.areas)
    return frame(
        "comparators",
        {
            "programme": [programme] * n,
            "level": [spec.level] * n,
            "area": list(panel.areas),
            "role": list(panel.role),
            "weight": weight,
            "distance_km": panel.distance,
        },
    )


def _balances(spec: ProgrammeSpec, programme: str, answers: Mapping[str, Answer]) -> pd.DataFrame:
    found = [(name, answer.balance) for name, answer in answers.items() if answer.balance is not None]
    columns: dict[str, list[Any]] = {
        key: []
        for key in (
            "programme",
            "covariate",
            "method",
            "supported",
            "compared",
            "weighted",
            "before",
            "after",
            "ratio",
        )
    }
    for name, table in found:
        for k, covariate in enumerate(spec.covariates):
            row = (
                programme,
                covariate,
                name,
                table.treated[k],
                table.compared[k],
                table.weighted[k],
                table.before[k],
                table.after[k],
                table.ratio[k],
            )
            for key, value in zip(columns, row, strict=True):
                columns[key].append(value)
    return frame("balances", columns) if found else empty("balances")


def _impacts(
    programme: str, rows: list[tuple[str, Impact, str]], panels: Mapping[str, Panel]
) -> pd.DataFrame:
    found = [impact for _, impact, _ in rows]
    effect = np.array([one.effect for one in found])
    direction = np.array([panels[outcome].direction for outcome, *_ in rows])
    columns: dict[str, Any] = {
        "programme": [programme] * len(rows),
        "outcome": [outcome for outcome, *_ in rows],
        **{
            key: [getattr(one, key) for one in found]
            for key in ("estimator", "specification", "estimand", "group", "time")
        },
        "effect": effect,
        **{key: np.array([getattr(one, key) for one in found]) for key in ("standard_error", "low", "high")},
        "n": [one.n for one in found],
        "compared": [one.compared for one in found],
        "better": effect * direction < 0,
        "unit": [panels[outcome].unit or None for outcome, *_ in rows],
        "status": [status for *_, status in rows],
        "note": [one.note or None for one in found],
    }
    return frame("impacts", columns)


def _checks(programme: str, rows: list[tuple[str, Check]]) -> pd.DataFrame:
    return frame(
        "impact_checks",
        {
            "programme": [programme] * len(rows),
            "outcome": [outcome for outcome, _ in rows],
            **{key: [getattr(one, key) for _, one in rows] for key in ("test", "item", "result")},
            **{
                key: np.array([getattr(one, key) for _, one in rows], dtype=np.float64)
                for key in ("value", "low", "high", "threshold")
            },
            "sentence": [one.sentence for _, one in rows],
        },
    )


def _findings(programme: str, told: list[sentences.Told]) -> pd.DataFrame:
    return frame(
        "findings",
        {
            "stage": ["evaluate"] * len(told),
            "id": [programme] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [row[0] for row in told],
            "value": np.array([row[1] for row in told], dtype=np.float64),
            "low": np.array([row[2] for row in told], dtype=np.float64),
            "high": np.array([row[3] for row in told], dtype=np.float64),
            "source_table": [row[4] for row in told],
        },
    )
