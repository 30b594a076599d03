"""Tests of what moves an index: weight against influence, parts left out one by one, and what uncertainty found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wardmote import words
from wardmote.audit.subject import Line, Subject, inside_share, line, no_line
from wardmote.engine import Evaluation, Plan, compile_index, evaluate
from wardmote.engine.inputs import arrow, numbers
from wardmote.errors import WardmoteError
from wardmote.methods.checks import FloatArray
from wardmote.methods.coherence import correlations, main_effect, rank_shift, share_replaced
from wardmote.methods.ranks import best_rank

if TYPE_CHECKING:
    import pandas as pd

COVERAGE = 0.9
"""Coverage of the intervals that are looked at: 90%, as the JRC's audits report them."""


def weights(subject: Subject) -> Iterator[Line]:
    """Yield whether every part's share of the influence on its whole is near its share of the weight.

    Influence is the main effect of the part (`wardmote.methods.coherence.main_effect`), as a share of those of all its siblings.

    Args:
        subject: The index.
    """
    test, limit = "weight and influence", subject.limits.influence
    used = subject.built.evaluation.weights
    for parent in subject.branches:
        children = subject.children(parent)
        result = subject.rows((parent,))[0]
        effects = [main_effect(row, result) for row in subject.rows(children)]
        given = np.abs([float(used[name]) for name in children])
        curved = np.array([effect.ratio for effect in effects])
        linear = np.array([effect.linear for effect in effects])
        if np.isnan(curved).any() or curved.sum() <= 0 or given.sum() <= 0:
            yield no_line(test, parent, f"{subject.title(parent)} or a part of it does not vary", limit)
            continue
        shares = zip(given / given.sum(), curved / curved.sum(), linear / linear.sum(), strict=True)
        for name, (weight, share, straight) in zip(children, shares, strict=True):
            if not weight:
                yield no_line(test, name, f"{subject.title(name)} has no weight", limit)
                continue
            times = float(share / weight)
            said = {
                "name": subject.title(name),
                "parent": subject.title(parent),
                "weight": words.percent(float(weight)),
                "share": words.percent(float(share)),
                "linear": words.percent(float(straight)),
            }
            kind = "" if 1 / limit <= times <= limit else "flagged"
            yield line(test, name, times, limit, kind, said=said)
    if not subject.branches:
        yield no_line(test, subject.root, "no node of the index has several parts", limit)


@dataclass(frozen=True, slots=True)
class Without:
    """The index without one of its parts: scores and ranks of the root; None where it cannot be built."""

    node: str
    score: FloatArray
    rank: FloatArray


def leave_out(subject: Subject) -> Iterator[Without | str]:
    """Yield the index without each of its nodes, one at a time; the name alone where nothing is left without it.

    Only the nodes above the part are calculated again, their estimated weights too, since nothing else changes; everything is where
    a step looks beyond the parts of one node (`_settled`).

    Args:
        subject: The index.
    """
    plan, built = subject.built.plan, subject.built
    settled = _settled(plan)
    absent = [name for name, why in plan.left_out.items() if why == "no data"]
    for node in subject.nodes[1:]:
        changed = {**subject.index.overrides, f"leave_out.{node}": True}
        spec = subject.index.model_copy(update={"overrides": changed})
        try:
            without = compile_index(spec, index=plan.index, directions=built.directions, absent=absent)
            if settled:
                without, start = _above(without, plan, node, built.evaluation)
                found = evaluate(without, start, surroundings=built.surroundings)
            else:
                columns = {leaf: built.inputs.leaves[leaf].column for leaf in without.leaves}
                found = evaluate(without, columns, surroundings=built.surroundings)
        except WardmoteError:
            yield node
            continue
        score = found.score[without.root]
        yield Without(node, score, best_rank(score, descending=plan.higher == "need"))


def _settled(plan: Plan) -> bool:
    """Return whether every node is final before its parent looks at it, and no step looks beyond the parts of one node.

    Then the final scores of all other nodes are what the nodes above a part are calculated from. A screen looks at all leaves
    together; weights that are estimated before the parts are normalised look at columns that are not final.
    """
    last: dict[str, int] = {}
    for place, operation in enumerate(plan.operations):
        if operation.kind == "screen":
            return False
        if operation.kind != "weigh":
            last.update(dict.fromkeys(operation.targets, place))
    return all(
        last.get(child, -1) < place or (last[child] == place and operation.kind == "aggregate")
        for place, operation in enumerate(plan.operations)
        if operation.kind in ("weigh", "aggregate")
        for branch in operation.targets
        for child in plan.nodes[branch].children
    )


def _above(without: Plan, plan: Plan, node: str, final: Evaluation) -> tuple[Plan, Evaluation]:
    """Return the plan that calculates only the nodes above one that is left out, and the state that it starts from."""
    above: list[str] = []
    name = plan.nodes[node].parent
    while name:
        above.append(name)
        name = plan.nodes[name].parent
    operations = []
    for operation in without.operations:
        keep = [place for place, target in enumerate(operation.targets) if target in above]
        if keep:
            targets = tuple(operation.targets[place] for place in keep)
            signs = tuple(operation.signs[place] for place in keep) if operation.signs else ()
            operations.append(replace(operation, targets=targets, signs=signs))
    start = Evaluation(
        score={name: column for name, column in final.score.items() if name not in above},
        value={},
        weights={name: np.asarray(one.weight) for name, one in without.nodes.items()},
        origin={name: one.origin for name, one in without.nodes.items()},
    )
    return replace(without, operations=tuple(operations)), start


def left_out(subject: Subject) -> Iterator[Line]:
    """Yield how far the index moves without each of its parts, and whether any domain runs against the rest.

    Args:
        subject: The index.
    """
    limits, counted = subject.limits, int(np.count_nonzero(~np.isnan(subject.rank)))
    domains = subject.children(subject.root)
    opposed: list[Line] = []
    for found in leave_out(subject):
        if isinstance(found, str):
            why = f"the index cannot be built without {subject.title(found)}"
            yield no_line("left out: ranks", found, why, limits.rank_shift * counted)
            yield no_line("left out: greatest need", found, why, limits.tenth)
            continue
        yield from _moved(subject, found, counted)
        if found.node in domains and len(domains) > 1:
            opposed.append(_with_the_rest(subject, found))
    if len(domains) < 2:
        why = "the index has one domain only"
        opposed.append(no_line("correlation with the rest", subject.root, why, limits.opposed))
    yield from opposed


def _moved(subject: Subject, without: Without, counted: int) -> Iterator[Line]:
    """Yield how far areas move without one part, and which share of the greatest-need areas changes."""
    limits = subject.limits
    shift = rank_shift(subject.rank, without.rank)
    changed = share_replaced(subject.inside, inside_share(without.rank, subject.spec.share))
    said = {
        "name": subject.title(without.node),
        "places": words.count(shift, "place") if shift >= 1 else words.figure(shift, 2) + " places",
        "areas": f"{counted:,}",
        "tenth": words.share_of(subject.spec.share),
        "share": words.percent(changed) if changed > 0 else "none",
    }
    limit = limits.rank_shift * counted
    if np.isnan(shift):
        yield no_line("left out: ranks", without.node, "no area is ranked both with it and without it", limit)
    else:
        kind = "flagged" if shift > limit else ""
        yield line("left out: ranks", without.node, shift, limit, kind, said=said)
    test = "left out: greatest need"
    if np.isnan(changed):
        yield no_line(test, without.node, "no area is in the greatest-need share", limits.tenth)
    else:
        yield line(
            test, without.node, changed, limits.tenth, "flagged" if changed > limits.tenth else "", said=said
        )


def _with_the_rest(subject: Subject, without: Without) -> Line:
    """Return whether a domain runs against the index made of the others."""
    own = subject.rows((without.node,))
    r = float(correlations(own, without.score, by=subject.spec.by)[0, 0])
    beside = float(correlations(own, without.score, by=subject.other_by)[0, 0])
    test, limit = "correlation with the rest", subject.limits.opposed
    said = {"name": subject.title(without.node), "parent": subject.title(subject.root), "r": words.signed(r)}
    if np.isnan(r):
        return no_line(test, without.node, f"{said['name']} or the rest of the index does not vary", limit)
    return line(test, without.node, r, limit, "flagged" if r < limit else "", beside=beside, said=said)


def drivers(subject: Subject, sensitivity: pd.DataFrame | None) -> Iterator[Line]:
    """Yield whether one factor of uncertainty drives the ranks, where a design of Sobol's has been run.

    Args:
        subject: The index.
        sensitivity: Table `sensitivity`, or None.
    """
    test, limit = "driver of ranks", subject.limits.driver
    rows = sensitivity
    if rows is not None and len(rows):
        rows = rows[(rows["index"] == subject.spec.index) & (rows["output"] == "mean rank shift")]
        rows = rows[rows["total_order"].notna()]
    if rows is None or not len(rows):
        yield no_line(test, subject.root, "no design of sensitivity has been run for this index", limit)
        return
    for factor, total in zip(rows["factor"].tolist(), rows["total_order"].tolist(), strict=True):
        said = {"name": str(factor), "share": words.percent(min(max(float(total), 0.0), 1.0))}
        yield line(test, str(factor), float(total), limit, "flagged" if total > limit else "", said=said)


def intervals(subject: Subject, ranks: pd.DataFrame | None) -> Iterator[Line]:
    """Yield whether many areas' intervals of ranks span many deciles, where uncertainty has run.

    Args:
        subject: The index.
        ranks: Table `ranks`, or None.
    """
    test, limits = "intervals of ranks", subject.limits
    rows = ranks
    if rows is not None and len(rows):
        rows = rows[(rows["index"] == subject.spec.index) & (rows["level"] == subject.built.inputs.level)]
        # Exact: the coverages are the numbers of a list of ours, never calculated.
        rows = rows[(rows["component"] == "both") & (rows["coverage"] == COVERAGE)]
    if rows is None or not len(rows):
        why = "no intervals with sampling error and choices of method together have been worked out for this index"
        yield no_line(test, subject.root, why, limits.wide)
        return
    span = numbers(arrow(rows, "rank_high")) - numbers(arrow(rows, "rank_low"))
    span = span[~np.isnan(span)]
    if not len(span):
        yield no_line(test, subject.root, "no area has an interval", limits.wide)
        return
    share = float(np.mean(span > limits.deciles * len(span) / 10))
    said = {
        "deciles": words.count(limits.deciles, "decile")
        if limits.deciles == round(limits.deciles)
        else f"{limits.deciles:g} deciles",
        "share": words.percent(share) if share else "none",
        "areas": subject.areas(len(span)),
    }
    yield line(test, subject.root, share, limits.wide, "flagged" if share > limits.wide else "", said=said)
