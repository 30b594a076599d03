"""What each node adds to the score of the root, exactly or not at all."""

from __future__ import annotations

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
        _below(plan, evaluation, plan.root, np.ones(evaluation.score[plan.root].shape), found)
    return found


def _below(
    plan: Plan, evaluation: Evaluation, branch: str, points: FloatArray, found: dict[str, FloatArray]
) -> None:
    """Add the contributions of a branch's children, and of theirs; `points` is what one point of the branch is of the root."""
    operation = plan.combined[branch]
    kind = operation.function
    if kind not in _LINEAR and kind != "geometric":
        return
    children = tuple(n for n in plan.nodes[branch].children if n not in evaluation.screened)
    block = stack(np.broadcast_arrays(*(evaluation.score[name] for name in children)))
    weights = weights_of(lambda name: evaluation.weights[name], children)
    settings = {
        name: value for name, value in operation.settings.items() if name in ("min_available", "missing")
    }
    parts = of_children(block, weights, kind, names=children, **settings) * points[..., None, :]
    for place, name in enumerate(children):
        found[name] = parts[..., place, :]
        below = plan.combined.get(name)
        if below is None or name in plan.altered or (below.function in _LINEAR) != (kind in _LINEAR):
            continue
        if kind in _LINEAR:
            # Weights are multiplied down; dividing points by the score would fail where the score is 0.
            each = points * weights[..., place, None]
            if kind == "arithmetic":
                known = np.where(np.isnan(block), 0.0, weights[..., None]).sum(axis=-2)
                each = each / np.where(known > 0, known, np.nan)
        else:
            each = found[name] / evaluation.score[name]  # a geometric mean is above 0
        _below(plan, evaluation, name, each, found)
