"""The index stage: indicators of many areas become one index, with every step, weight and gap on record.

``build_index`` takes the long tables and an `IndexSpec` and returns tables: the nodes of the tree with their weights as used,
scores with ranks and deciles, contributions, adjustments, summaries for larger areas, similar areas, and findings in words. It
is deterministic: nothing is drawn at random. Rank 1 is the greatest need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wardmote import words
from wardmote.engine import contributions
from wardmote.engine.built import BuiltIndex, compute_index
from wardmote.index.compare import CompareTables, compare_indices, findings_table, root_of
from wardmote.index.results import (
    Ranked,
    adjustments_table,
    contributions_table,
    nodes_table,
    rank_all,
    scores_table,
    similar_table,
    summaries_table,
)
from wardmote.levels import Level, nouns_of
from wardmote.methods.ranks import greatest_need
from wardmote.study import IndexSpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BuiltIndex",
    "CompareTables",
    "IndexTables",
    "build_index",
    "compare_indices",
    "compute_index",
    "root_of",
]


@dataclass(frozen=True, slots=True)
class IndexTables:
    """One index in tables; see `wardmote.tables` for their columns.

    Attributes:
        nodes: The tree, left-out nodes too, with weights as used and their origin.
        scores: Each node's score, rank, decile and value for each area; the root's rows stand first.
        contributions: Points of the root's score by node, where exact.
        adjustments: Imputed and winsorised cells.
        summaries: Summaries for larger areas.
        similar: Areas most alike.
        findings: What was found, in sentences.
    """

    nodes: pd.DataFrame
    scores: pd.DataFrame
    contributions: pd.DataFrame
    adjustments: pd.DataFrame
    summaries: pd.DataFrame
    similar: pd.DataFrame
    findings: pd.DataFrame


def build_index(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: IndexSpec,
    index: str,
    share: float = 0.1,
    boundaries: pd.DataFrame | None = None,
    levels: Mapping[str, Level] | None = None,
) -> IndexTables:
    """Return an index in tables.

    Areas are those of the study at the index's level for which any leaf has a row, in the order of their codes. An area
    without a score keeps its rows, with null; values of areas that are not the study's are left aside and counted.

    Args:
        areas: Table `areas`; population weighs the summaries. Without rows at the level, the values say which areas there are.
        memberships: Table `memberships`; an area in several larger ones goes to the one with the largest share, and is counted.
        indicators: Table `indicators`: directions and sources.
        values: Table `values`.
        priorities: Table `priorities`, for a weigh step with method "priorities".
        spec: The index, its recipe merged in.
        index: Its name in the study.
        share: Share of areas that the findings call the greatest-need share, above 0 and below 1.
        boundaries: Table `boundaries`, for imputing from neighbours.
        levels: Levels of the study, for what areas are called; the built-in ones by default.

    Returns:
        The tables; ties share the best rank.

    Raises:
        StudyError: The spec cannot be compiled; see `wardmote.engine.compile_index`.
        InputError: Values, directions, populations or memberships that are needed are not there.
        MethodError: A method refuses the numbers.
    """
    built = compute_index(
        areas, memberships, indicators, values, priorities, spec=spec, index=index, boundaries=boundaries
    )
    plan, inputs, evaluation = built.plan, built.inputs, built.evaluation
    ranked = rank_all(plan, evaluation)
    summaries = summaries_table(plan, inputs, ranked, spec)
    told = _findings(built, ranked, spec, share=share, levels=levels)
    points = contributions(plan, evaluation)
    told += words.summary_findings(
        _leaders(areas, summaries, plan.root, levels), nouns_of(inputs.level, levels)
    )
    return IndexTables(
        nodes=nodes_table(
            plan,
            inputs,
            evaluation,
            spec,
            sources=built.sources,
            directions=built.directions,
            points=points,
        ),
        scores=scores_table(plan, inputs, evaluation, ranked),
        contributions=contributions_table(plan, inputs, points),
        adjustments=adjustments_table(plan, inputs, evaluation),
        summaries=summaries,
        similar=similar_table(plan, inputs, evaluation, spec),
        findings=findings_table("index", index, told),
    )


def refuse_index(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: IndexSpec,
    index: str,
    boundaries: pd.DataFrame | None = None,
    levels: Mapping[str, Level] | None = None,
) -> None:
    """Raise what `build_index` would refuse; nothing where the index is sound.

    Args:
        areas, memberships, indicators, values, priorities, spec, index, boundaries, levels: As there.

    Raises:
        StudyError, InputError, MethodError: As there.
    """
    compute_index(
        areas, memberships, indicators, values, priorities, spec=spec, index=index, boundaries=boundaries
    )


def _findings(
    built: BuiltIndex,
    ranked: Ranked,
    spec: IndexSpec,
    *,
    share: float,
    levels: Mapping[str, Level] | None,
) -> list[tuple[str, float, str]]:
    """Return what the index says of all areas together."""
    plan, inputs, evaluation = built.plan, built.inputs, built.evaluation
    counted = int(ranked.counted[0])
    inside = greatest_need(ranked.rank[0], max(counted, 1), share)
    missing = {leaf: int(np.isnan(inputs.leaves[leaf].column).sum()) for leaf in plan.leaves}
    nouns = nouns_of(inputs.level, levels)
    known = not np.isnan(inputs.population).all()
    told = words.index_findings(
        spec.title or plan.index,
        nouns,
        areas=inputs.n,
        scored=counted,
        inside=int(inside.sum()),
        residents=float(np.nansum(inputs.population[inside])) if known else float("nan"),
        share=share,
        no_data=[
            _title(spec, name)
            for name, why in plan.left_out.items()
            if why == "no data" and _is_leaf(spec, name)
        ],
        left_out=[_title(spec, name) for name, why in plan.left_out.items() if why == "left out"],
        screened=[_title(spec, name) for name in plan.nodes if name in evaluation.screened],
        leaves=sum(_is_leaf(spec, node.node) for node in spec.tree),
    )
    return told + words.data_findings(
        nouns,
        missing={plan.nodes[name].title: number for name, number in missing.items() if number},
        imputed=sum(int(change.at.sum()) for change in evaluation.changes if change.kind == "imputed"),
        partial=_partial(built),
        treated=[
            (plan.nodes[change.node].title, int(change.at.sum()), change.how)
            for change in evaluation.changes
            if change.kind == "treated"
        ],
        outside=inputs.outside,
        split={nouns_of(level, levels)[0]: number for level, number in inputs.split.items()},
    )


def _partial(built: BuiltIndex) -> int:
    """Return how many areas have a score on some branch though one of its children is missing."""
    evaluation, gaps = built.evaluation, np.zeros(built.inputs.n, dtype=np.bool_)
    for node in built.plan.nodes.values():
        children = [evaluation.score[name] for name in node.children if name not in evaluation.screened]
        if children and node.name not in evaluation.screened:
            there = ~np.isnan(evaluation.score[node.name])
            gaps |= there & np.isnan(np.stack(children)).any(axis=0)
    return int(gaps.sum())


def _title(spec: IndexSpec, name: str) -> str:
    return next((node.title or name for node in spec.tree if node.node == name), name)


def _is_leaf(spec: IndexSpec, name: str) -> bool:
    return all(node.parent != name for node in spec.tree)


def _leaders(
    areas: pd.DataFrame, summaries: pd.DataFrame, root: str, levels: Mapping[str, Level] | None
) -> list[tuple[str, str, str, float, int]]:
    """Return for each level the larger area that ranks first: (its plural, measure, name, value, areas ranked)."""
    found: list[tuple[str, str, str, float, int]] = []
    if not len(summaries):
        return found
    mine = summaries[summaries["node"] == root]
    for level in dict.fromkeys(mine["level"].tolist()):
        rows = mine[mine["level"] == level]
        # The share of areas in the greatest-need tenth says most to a reader; else whatever is there first.
        measure = "proportion" if (rows["measure"] == "proportion").any() else str(rows["measure"].iloc[0])
        rows = rows[(rows["measure"] == measure) & rows["rank"].notna()]
        first = rows[rows["rank"] == 1]
        if len(first) != 1:  # a tie for the first place has no one name
            continue
        code = str(first["area"].iloc[0])
        named = (
            areas[(areas["level"] == level) & (areas["area"] == code)]["name"].tolist() if len(areas) else []
        )
        name = named[0] if named and isinstance(named[0], str) and named[0] else code
        found.append((nouns_of(level, levels)[1], measure, name, float(first["value"].iloc[0]), len(rows)))
    return found
