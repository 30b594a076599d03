"""Evaluations of this study, put together with what studies elsewhere found; conflicts are told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wardmote import words
from wardmote.errors import InputError, Problem
from wardmote.methods.updating import Updated, update
from wardmote.study import SynthesisSpec
from wardmote.synthesis.strength import Answer

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[str, str]

CONFLICT = 0.05
"""p below which an evaluation and what studies elsewhere led to expect are told to be in conflict: the usual one in twenty."""


def updates(
    impacts: pd.DataFrame | None,
    answered: Mapping[Cell, Sequence[Answer]],
    spec: SynthesisSpec,
    synthesis: str,
    taxonomy: Mapping[str, Any],
) -> tuple[list[tuple[Cell, Answer]], list[words.Told]]:
    """Return what is believed of the effect here after both, and the sentences that tell it.

    Only a pooling with a variance between studies says what a new place would see: where a pair of strategy and outcome has none,
    a sentence says so and nothing is updated.

    Args:
        impacts: Table `impacts`, or None.
        answered: Answers by strategy and outcome.
        spec: The section.
        synthesis: Its name.
        taxonomy: Words for strategies and outcomes.

    Raises:
        InputError: A word that the taxonomy lacks, or a programme without such an impact; all together.
    """
    found: list[tuple[Cell, Answer]] = []
    told: list[words.Told] = []
    problems: list[Problem] = []
    for number, one in enumerate(spec.here):
        where = f"study.toml, synthesis.{synthesis}.here.{number + 1}"
        for kind, name in (("strategies", one.strategy), ("outcomes", one.outcome)):
            if name not in taxonomy[kind]:
                problems.append(
                    Problem(where, "the taxonomy has no such word", name, ", ".join(taxonomy[kind]))
                )
        seen = _impact(impacts, one.programme, one.indicator)
        if seen is None:
            what = "the programme has no main impact with an error on this outcome"
            problems.append(
                Problem(
                    where, what, f"{one.programme}, {one.indicator}", remedy="Run `wardmote run evaluate`."
                )
            )
            continue
        cell = (one.strategy, one.outcome)
        prior = next((answer for answer in answered.get(cell, []) if _predicts(answer)), None)
        title = f"{one.programme} on {one.indicator}"
        if prior is None:
            what = "studies elsewhere have not been pooled with how much they differ, so there is nothing to update"
            told.append((words.sentence(f"{title}: {what}"), math.nan, "impacts"))
            continue
        effect, error = seen[0] / one.sd, seen[1] / one.sd
        new = update(
            prior.effect, prior.standard_error, prior.numbers["tau2"], effect, error, bias_sd=one.bias_sd
        )
        found.append((cell, _answer(prior, new, one.programme, one.bias_sd)))
        told.append((_sentence(title, effect, prior, new, one.bias_sd), new.effect, "syntheses"))
    if problems:
        raise InputError(problems)
    return found, told


def _predicts(answer: Answer) -> bool:
    """Return whether an answer says what a new place would see, in standard deviations."""
    whole = answer.subgroup == "all" and answer.model in ("random", "three-level")
    return whole and answer.scale.startswith("standardised")


def _impact(impacts: pd.DataFrame | None, programme: str, indicator: str) -> tuple[float, float] | None:
    """Return effect, positive for better, and error of a programme's main result, or None."""
    if impacts is None or not len(impacts):
        return None
    rows = impacts[
        (impacts["programme"] == programme)
        & (impacts["outcome"] == indicator)
        & (impacts["specification"] == "main")
        & (impacts["group"] == "all")
        & (impacts["time"] == "all")
        & impacts["effect"].notna()
        & impacts["standard_error"].notna()
    ]
    if not len(rows):
        return None
    first = rows.iloc[0]
    error = float(first["standard_error"])
    size = abs(float(first["effect"]))
    return (size if bool(first["better"]) else -size, error) if error > 0 else None


def _answer(prior: Answer, new: Updated, programme: str, bias_sd: float) -> Answer:
    """Return the updated belief as an answer."""
    note = f"weight of the evaluation here {words.percent(new.weight)}, bias term {bias_sd:g}"
    return Answer(
        model="updated here",
        subgroup=programme,
        scale=prior.scale,
        effect=new.effect,
        standard_error=new.standard_error,
        low=new.low,
        high=new.high,
        df=math.nan,
        numbers={},
        findings=prior.findings,
        weights=prior.weights,
        studies=prior.studies + 1,
        note=note,
    )


def _sentence(title: str, effect: float, prior: Answer, new: Updated, bias_sd: float) -> str:
    """Return the update in one sentence."""
    both = f"{_signed(new.effect)} (95% interval {_signed(new.low)} to {_signed(new.high)})"
    conflict = ""
    if new.conflict_p < CONFLICT:
        conflict = f"; the two are in conflict: chance alone would part them so far in {words.percent(new.conflict_p)} of cases"
    return words.sentence(
        f"{title}: {_signed(effect)} standard deviations here, {_signed(prior.effect)} in studies elsewhere, together {both}, positive"
        f" for better, with a bias term of {bias_sd:g} for the design here{conflict}"
    )


def _signed(value: float) -> str:
    """Return a number with two decimals and a proper minus."""
    return f"{value:.2f}".replace("-", "−")
