"""One index in arrays: its columns gathered, its plan compiled for the leaves that have data, its deterministic evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wardmote.engine.evaluate import Evaluation, Surroundings, evaluate
from wardmote.engine.inputs import Inputs, arrow, gather, surroundings
from wardmote.engine.plan import Plan, compile_index
from wardmote.errors import InputError, MethodError, Problem
from wardmote.study import IndexSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """One index in arrays, for whoever goes on calculating with it.

    Attributes:
        plan: The compiled index.
        inputs: Its columns, areas, populations and larger areas.
        evaluation: Scores, values, weights and changes by node.
        directions: Direction by indicator.
        sources: Source by indicator.
        surroundings: What its steps look at beside the leaves.
    """

    plan: Plan
    inputs: Inputs
    evaluation: Evaluation
    directions: Mapping[str, int]
    sources: Mapping[str, str]
    surroundings: Surroundings


def compute_index(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: IndexSpec,
    index: str,
    boundaries: pd.DataFrame | None = None,
) -> BuiltIndex:
    """Return an index in arrays: what `build_index` makes its tables from, and uncertainty its draws.

    Args:
        areas, memberships, indicators, values, priorities, spec, index, boundaries: As in `wardmote.index.build_index`.

    Raises:
        StudyError, InputError, MethodError: As in `wardmote.index.build_index`.
    """
    first = compile_index(spec, index=index)
    inputs = gather(first, spec, areas, memberships, values)
    absent = [leaf for leaf in first.leaves if leaf not in inputs.leaves]
    if absent and spec.no_data == "refuse":
        raise InputError(_no_data(first, inputs, leaf) for leaf in absent)
    names = arrow(indicators, "indicator").to_pylist()
    directions = dict(zip(names, arrow(indicators, "direction").to_pylist(), strict=True))
    sources = dict(zip(names, arrow(indicators, "source").to_pylist(), strict=True))
    plan = compile_index(spec, index=index, directions=directions, absent=absent)
    around = surroundings(plan, inputs, values=values, priorities=priorities, boundaries=boundaries)
    block = np.stack([inputs.leaves[leaf].column for leaf in plan.leaves])
    try:
        evaluation = evaluate(plan, dict(zip(plan.leaves, block, strict=True)), surroundings=around)
    except MethodError as error:
        raise MethodError(with_codes(problem, inputs) for problem in error.problems) from None
    return BuiltIndex(plan, inputs, evaluation, directions, sources, around)


def with_codes(problem: Problem, inputs: Inputs) -> Problem:
    """Return a method's problem with the area's code for its position: methods know positions only."""

    def code(match: re.Match[str]) -> str:
        return f"in {inputs.codes[int(match[1])].as_py()}"

    return replace(problem, got=re.sub(r"at position (\d+)$", code, problem.got))


def _no_data(plan: Plan, inputs: Inputs, leaf: str) -> Problem:
    """Return the problem of a leaf without values."""
    node, elsewhere = plan.nodes[leaf], inputs.found_at[leaf]
    elsewhere = [level for level in elsewhere if level != inputs.level]
    return Problem(
        f"index.{plan.index}.tree.{leaf}",
        f"there are no values of {node.indicator} at {inputs.level}"
        + (f" for {node.period}" if node.period else ""),
        f"values at {', '.join(elsewhere)}" if elsewhere else "",
        "a source of the study that holds it",
        "Add a conversion to this level." if elsewhere else 'Add the source, or set no_data = "leave out".',
    )
