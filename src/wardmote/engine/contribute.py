"""What each node adds to the score of the root, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wardmote.engine.evaluate import Evaluation, stack, weights_of
from wardmote.engine.plan import Plan
from wardmote.methods.aggregate import contributions as of_children
from wardmote.methods.checks import FloatArray

_LINEAR = frozenset({"arithmetic", "sum"})


def contributions(plan: Plan, evaluation: Evaluation) -> dict[str, FloatArray]:
    """Return the points of the root's score that come from each node, where that is defined.

    For the root's children: ``w·x ÷ Σ w`` under an arithmetic mean, ``w·x`` under a sum, and under a geometric mean the
    score shared out in proportion to ``w·ln x``. Below them the same is multiplied down as long as the chain stays of one
    kind (means and sums; or geometric means) and no step changes a branch between its own aggregation and its parent's.
    Under any other aggregate, and where the root itself is changed after its aggregation, there are none.

    Args:
        plan: The plan.
        evaluation: Its evaluation, all steps done.

    Returns:
        Contributions by node, each of shape (..., n): the root's children and everything below them that is defined. Those
        of one node's children sum to the node's own. NaN where the root has no score or the node no value.
    """
    found: dict[str, FloatArray] = {}
    if plan.root in plan.combined and plan.root not in plan.altered:
        _below(plan, evaluation, plan.root, evaluation.score[plan.root], found)
    return found


def _below(
    plan: Plan, evaluation: Evaluation, branch: str, points: FloatArray, found: dict[str, FloatArray]
) -> None:
    """Add the contributions of a branch's children, and of theirs; `points` are those of the branch itself."""
    operation = plan.combined[branch]
    kind = operation.function
    if kind not in _LINEAR and kind != "geometric":
        return
    children = tuple(n for n in plan.nodes[branch].children if n not in evaluation.screened)
    block = stack(np.broadcast_arrays(*(evaluation.score[name] for name in children)))
    settings: Mapping[str, object] = {
        name: value for name, value in operation.settings.items() if name in ("min_available", "missing")
    }
    parts = of_children(
        block,
        weights_of(lambda n: evaluation.weights[n], children),
        kind,
        names=children,
        **settings,  # type: ignore[arg-type]  # settings were checked against the method when the plan was compiled
    )
    if branch != plan.root:
        # Points of the root for one point of this branch; where its score is 0 its children's points are their own parts.
        score = evaluation.score[branch]
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = points / score
        if kind in _LINEAR:
            factor = np.where(score == 0, _slope(plan, evaluation, branch), factor)
        parts = parts * factor[..., None, :]
    for place, name in enumerate(children):
        found[name] = parts[..., place, :]
        below = plan.combined.get(name)
        if below is None or name in plan.altered:
            continue
        if (below.function in _LINEAR) == (kind in _LINEAR):
            _below(plan, evaluation, name, found[name], found)


def _slope(plan: Plan, evaluation: Evaluation, branch: str) -> FloatArray:
    """Return how many points of the root one point of a branch is, by multiplying weights up a chain of means and sums."""
    slope: FloatArray = np.ones(evaluation.score[plan.root].shape)
    name = branch
    while name != plan.root:
        parent = plan.nodes[name].parent
        weight = np.asarray(evaluation.weights[name])[..., None]
        if plan.combined[parent].function == "arithmetic":
            known = [n for n in plan.nodes[parent].children if n not in evaluation.screened]
            total = sum(
                np.where(np.isnan(evaluation.score[n]), 0.0, np.asarray(evaluation.weights[n])[..., None])
                for n in known
            )
            weight = weight / total
        slope = slope * weight
        name = parent
    return slope
