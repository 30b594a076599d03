"""From an evaluation to the tables of the index: nodes, scores, contributions, adjustments, summaries, similar areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wardmote.engine import Evaluation, Plan, resolve
from wardmote.engine.inputs import POPULATION, Inputs
from wardmote.errors import InputError, Problem
from wardmote.methods.checks import FloatArray
from wardmote.methods.ranks import best_rank, decile
from wardmote.methods.similar import nearest
from wardmote.methods.summarise import SUMMARISE
from wardmote.study import IndexSpec
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores of all nodes in use with their ranks, one row a node, in the order of the nodes.

    Attributes:
        nodes: Names of the nodes, root first.
        score: Scores, shape (nodes, n), NaN where there is none.
        rank: Ranks, 1 = greatest need, ties share the best, NaN where there is no score.
        decile: Deciles, 1 = the greatest-need tenth.
        counted: Areas with a score, shape (nodes,).
    """

    nodes: tuple[str, ...]
    score: FloatArray
    rank: FloatArray
    decile: FloatArray
    counted: FloatArray


def rank_all(plan: Plan, evaluation: Evaluation) -> Ranked:
    """Return scores, ranks and deciles of every node in use.

    Args:
        plan: The plan: says whether a higher score means more need or better.
        evaluation: Its evaluation of one world, all steps done.
    """
    nodes = tuple(name for name in plan.nodes if name not in evaluation.screened)
    score = np.stack([evaluation.score[name] for name in nodes])
    rank = best_rank(score, descending=plan.higher == "need")
    counted = np.count_nonzero(~np.isnan(score), axis=1).astype(np.float64)
    return Ranked(nodes, score, rank, decile(rank, np.maximum(counted, 1)[:, None]), counted)


def _texts(names: Any, codes: Any) -> Any:
    """Return a long text column from few names and their positions, without a loop over rows."""
    values = names if isinstance(names, pa.Array) else pa.array(list(names), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), values)


def _keys(plan: Plan, inputs: Inputs, nodes: Sequence[str]) -> dict[str, Any]:
    """Return the key columns of a table with one row for each node and area, node by node."""
    n, k = inputs.n, len(nodes)
    return {
        "index": pa.repeat(pa.scalar(plan.index), n * k),
        "level": pa.repeat(pa.scalar(inputs.level), n * k),
        "area": _texts(inputs.codes, np.tile(np.arange(n, dtype=np.int32), k)),
        "node": _texts(nodes, np.repeat(np.arange(k, dtype=np.int32), n)),
    }


def scores_table(plan: Plan, inputs: Inputs, evaluation: Evaluation, ranked: Ranked) -> pd.DataFrame:
    """Return the table `scores`, the root first.

    Args:
        plan: The plan.
        inputs: What it was evaluated on.
        evaluation: The evaluation.
        ranked: Its ranks.
    """
    value = np.concatenate([evaluation.value[name] for name in ranked.nodes])
    return frame(
        "scores",
        {
            **_keys(plan, inputs, ranked.nodes),
            "score": ranked.score.reshape(-1),
            "rank": ranked.rank.reshape(-1),
            "decile": ranked.decile.reshape(-1),
            "value": value,
        },
    )


def contributions_table(plan: Plan, inputs: Inputs, points: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Return the table `contributions`: exact points of the root's score, for nodes for which they are defined.

    Args:
        plan: The plan.
        inputs: What it was evaluated on.
        points: Contributions by node, as `wardmote.engine.contributions` returns them.
    """
    nodes = [name for name in plan.nodes if name in points]
    if not nodes:
        return frame("contributions", {})
    told = np.concatenate([points[name] for name in nodes])
    return frame("contributions", {**_keys(plan, inputs, nodes), "contribution": told})


def adjustments_table(plan: Plan, inputs: Inputs, evaluation: Evaluation) -> pd.DataFrame:
    """Return the table `adjustments`: each imputed cell and each winsorised cell.

    Transforms that change every cell of a leaf are told by the nodes and findings, not cell by cell.

    Args:
        plan: The plan.
        inputs: What it was evaluated on.
        evaluation: The evaluation.
    """
    changes = [c for c in evaluation.changes if c.kind == "imputed" or c.how == "winsorise"]
    if not changes:
        return frame("adjustments", {})
    cells = [np.flatnonzero(change.at) for change in changes]
    which = np.repeat(np.arange(len(changes)), [len(cell) for cell in cells])
    total = len(which)
    return frame(
        "adjustments",
        {
            "index": pa.repeat(pa.scalar(plan.index), total),
            "level": pa.repeat(pa.scalar(inputs.level), total),
            "area": _texts(inputs.codes, np.concatenate(cells)),
            "node": _texts([change.node for change in changes], which),
            "step": _texts([change.step for change in changes], which),
            "kind": _texts([change.kind for change in changes], which),
            "before": np.concatenate([c.before[cell] for c, cell in zip(changes, cells, strict=True)]),
            "after": np.concatenate([c.after[cell] for c, cell in zip(changes, cells, strict=True)]),
        },
    )


def similar_table(plan: Plan, inputs: Inputs, evaluation: Evaluation, spec: IndexSpec) -> pd.DataFrame:
    """Return the table `similar`, empty where the study asks for none.

    Args:
        plan: The plan.
        inputs: What it was evaluated on.
        evaluation: The evaluation.
        spec: The index: on which nodes, and how many.
    """
    count = min(spec.similar.count, inputs.n - 1)
    nodes = [n for n in resolve(plan, spec.similar.on) if n in plan.nodes and n not in evaluation.screened]
    if count < 1 or not nodes:
        return frame("similar", {})
    others, distances = nearest(np.stack([evaluation.score[name] for name in nodes]), count, names=nodes)
    area, position = np.nonzero(others >= 0)
    return frame(
        "similar",
        {
            "index": pa.repeat(pa.scalar(plan.index), len(area)),
            "level": pa.repeat(pa.scalar(inputs.level), len(area)),
            "area": _texts(inputs.codes, area),
            "position": position + 1,
            "other": _texts(inputs.codes, others[area, position]),
            "distance": distances[area, position],
        },
    )


def summaries_table(plan: Plan, inputs: Inputs, ranked: Ranked, spec: IndexSpec) -> pd.DataFrame:
    """Return the table `summaries` for the levels, nodes and measures that the study asks for.

    Args:
        plan: The plan.
        inputs: What it was evaluated on: memberships and population.
        ranked: Scores and ranks.
        spec: The index.

    Raises:
        InputError: Areas with a score have no population, or no larger area of a level is known.
    """
    if not spec.summarise.levels:
        return frame("summaries", {})
    asked = resolve(plan, spec.summarise.nodes or [plan.root])
    nodes = [name for name in ranked.nodes if name in asked]
    rows = [ranked.nodes.index(name) for name in nodes]
    people = _population(plan, inputs, ranked, spec)
    parts = [
        _summaries_at(plan, inputs, ranked, spec, level, rows=rows, people=people)
        for level in spec.summarise.levels
    ]
    keys = ("level", "area", "node", "measure", "value", "rank", "areas", "weighted_by")
    columns = {key: pa.concat_arrays([pa.array(part[key]) for part in parts]) for key in keys}
    return frame("summaries", {"index": pa.repeat(pa.scalar(plan.index), len(columns["area"])), **columns})


def _population(plan: Plan, inputs: Inputs, ranked: Ranked, spec: IndexSpec) -> FloatArray:
    """Return the population that weighs, or refuse where an area with a score has none."""
    named = spec.summarise.population
    people = inputs.population if named == POPULATION else inputs.columns[named]
    if not any(SUMMARISE[measure.replace(" ", "_")].weighted for measure in spec.summarise.measures):
        return np.nan_to_num(people, nan=0.0)
    lacking = np.isnan(people) & ~np.isnan(ranked.score).all(axis=0)
    problems = []
    if lacking.any():
        first = inputs.codes[int(np.flatnonzero(lacking)[0])].as_py()
        problems.append(
            Problem(
                f"index.{plan.index}.summarise.population",
                "areas with a score have no population",
                f"{int(lacking.sum()):,} of {inputs.n:,}, the first {first}",
                "a population for each",
                'Add a source of population, or ask for measures = ["proportion"] only.',
            )
        )
    problems += [
        Problem(
            f"index.{plan.index}.summarise.levels",
            f"no area of {inputs.level} is known to lie in one of {level}",
            expected="memberships",
            remedy=f"Add a source that says in which {level} each area lies.",
        )
        for level in spec.summarise.levels
        if not (inputs.groups[level] >= 0).any()
    ]
    if problems:
        raise InputError(problems)
    return np.nan_to_num(people, nan=0.0)


def _summaries_at(
    plan: Plan,
    inputs: Inputs,
    ranked: Ranked,
    spec: IndexSpec,
    level: str,
    *,
    rows: Sequence[int],
    people: FloatArray,
) -> dict[str, Any]:
    """Return the summaries of one level, node by node and measure by measure."""
    parents, groups = inputs.parents[level], inputs.groups[level]
    p = len(parents)
    score, rank = ranked.score[rows], ranked.rank[rows]
    member = groups >= 0
    areas = np.stack([np.bincount(groups[member & ~np.isnan(row)], minlength=p) for row in score])
    values, ranks, weighted = [], [], []
    for measure in spec.summarise.measures:
        summary = SUMMARISE[measure.replace(" ", "_")]
        found = summary.function(score if summary.of == "score" else rank, people, groups, p)
        # All measures but the average score rise with need, whatever the score does.
        falls = summary.of == "score" and plan.higher == "better"
        values.append(found)
        ranks.append(best_rank(found, descending=not falls))
        weighted.append(spec.summarise.population if summary.weighted else "none")
    m, k = len(values), len(rows)
    return {
        "level": pa.repeat(pa.scalar(level), m * k * p),
        "area": _texts(parents, np.tile(np.arange(p), m * k)).cast(pa.string()),
        "node": _texts([ranked.nodes[r] for r in rows], np.tile(np.repeat(np.arange(k), p), m)).cast(
            pa.string()
        ),
        "measure": _texts(spec.summarise.measures, np.repeat(np.arange(m), k * p)).cast(pa.string()),
        "value": np.stack(values).reshape(-1),
        "rank": np.stack(ranks).reshape(-1),
        "areas": np.tile(areas.reshape(-1), m),
        "weighted_by": _texts(weighted, np.repeat(np.arange(m), k * p)).cast(pa.string()),
    }


def nodes_table(
    plan: Plan,
    inputs: Inputs,
    evaluation: Evaluation,
    spec: IndexSpec,
    *,
    sources: Mapping[str, str],
    directions: Mapping[str, int],
    points: Mapping[str, FloatArray],
) -> pd.DataFrame:
    """Return the table `nodes`: the whole tree, left-out nodes too, with weights as used.

    Args:
        plan: The plan.
        inputs: What it was evaluated on.
        evaluation: The evaluation.
        spec: The index.
        sources: Source by indicator.
        directions: Direction by indicator.
        points: Contributions by node, as `wardmote.engine.contributions` returns them.
    """
    parents = {node.node: node.parent for node in spec.tree}
    means = _means(points, parents)
    branches = set(parents.values())
    rows: list[dict[str, Any]] = []
    for stated in spec.tree:
        name, leaf = stated.node, stated.node not in branches
        node = plan.nodes.get(name)
        indicator = spec.indicators.get(name, stated.indicator or name) if leaf else None
        status = plan.left_out.get(name, "used")
        status = "screened" if name in evaluation.screened else status
        missing, imputed = _holes(inputs, evaluation, name) if status == "used" else (None, None)
        rows.append(
            {
                "index": plan.index,
                "node": name,
                "parent": stated.parent or None,
                "title": stated.title or name,
                "weight": float(evaluation.weights[name]) if node else stated.weight,
                "direction": node.direction
                if node
                else stated.direction or directions.get(indicator or "", 1),
                "indicator": indicator,
                "source": sources.get(indicator) if indicator else None,
                "period": inputs.leaves[name].period if name in inputs.leaves else stated.period or None,
                "depth": _depth(parents, name),
                "status": status,
                "origin": evaluation.origin[name] if node else "recipe" if spec.recipe else "study",
                "missing": missing,
                "imputed": imputed,
                "higher": spec.higher,
                "mean_contribution": means.get(name),
            }
        )
    return frame("nodes", {key: pa.array([row[key] for row in rows]) for key in rows[0]})


def _means(points: Mapping[str, FloatArray], parents: Mapping[str, str]) -> dict[str, float]:
    """Return the mean contribution of each node over the areas that have all nodes of its branch: so means add up as contributions do."""
    found: dict[str, float] = {}
    for name in points:
        beside = [points[other] for other in points if parents[other] == parents[name]]
        whole = np.isfinite(np.stack(beside)).all(axis=0)
        if whole.any():
            found[name] = float(points[name][whole].mean())
    return found


def _depth(parents: Mapping[str, str], name: str) -> int:
    return 0 if not parents[name] else 1 + _depth(parents, parents[name])


def _holes(inputs: Inputs, evaluation: Evaluation, name: str) -> tuple[int, int]:
    """Return how many values were missing before imputation, and how many were imputed."""
    flags = evaluation.imputed(name)
    imputed = 0 if flags is None else int(flags.sum())
    if name in inputs.leaves:
        return int(np.isnan(inputs.leaves[name].column).sum()), imputed
    return int(np.isnan(evaluation.value[name]).sum()) + (
        0 if flags is None else int((flags & ~np.isnan(evaluation.value[name])).sum())
    ), imputed
