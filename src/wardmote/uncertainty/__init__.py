"""The uncertainty stage: between which ranks each area lies, how surely it has greatest need, and what drives that.

``find_uncertainty`` draws many worlds. In each, every declared factor takes one of its values: counts are drawn again, weights
moved, another method chosen, a part left out; then the whole index is calculated by the same code as the deterministic one. Two
components are kept apart, and drawn together as a third: *sampling* (error of the data, of which we say probability) and *method*
(choices, of which we say share of the tested choices). Draw k is the same world in every index of a study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wardmote import words
from wardmote.levels import Level, nouns_of
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.tables import frame
from wardmote.uncertainty.book import Book
from wardmote.uncertainty.build import Prepared, Tables, prepare
from wardmote.uncertainty.errors import identity
from wardmote.uncertainty.factors import check_uncertainty
from wardmote.uncertainty.results import rank_share_rows, sensitivity_rows, table
from wardmote.uncertainty.sensitivity import Sensitivity, find_sensitivity
from wardmote.uncertainty.worlds import Arm, draw_worlds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UncertaintyTables", "check_uncertainty", "find_uncertainty"]

Progress = Callable[[int, int], None]
"""Told how many draws are done, and of how many."""


@dataclass(frozen=True, slots=True)
class UncertaintyTables:
    """What is known of how sure one section's indices are; see `wardmote.tables` for the columns.

    Attributes:
        ranks: Intervals of each area's rank, by component and coverage, with the share of draws in the greatest-need share.
        summary_ranks: The same for larger areas, with intervals of their summaries.
        draws: Ranks in the first worlds of the component "both", and for every world whether each area was in the share.
        rank_shares: How much of each area's rank variance each factor drives.
        sensitivity: Sobol shares of outputs of the whole index.
        factors: What each factor does.
        findings: What was found, in sentences.
    """

    ranks: pd.DataFrame
    summary_ranks: pd.DataFrame
    draws: pd.DataFrame
    rank_shares: pd.DataFrame
    sensitivity: pd.DataFrame
    factors: pd.DataFrame
    findings: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Found:
    """What was drawn of one index."""

    book: Book
    failed: dict[str, int]
    reasons: list[str]
    sensitivity: Sensitivity | None


def find_uncertainty(
    areas: pd.DataFrame,
    memberships: pd.DataFrame,
    indicators: pd.DataFrame,
    values: pd.DataFrame,
    priorities: pd.DataFrame,
    *,
    spec: UncertaintySpec,
    uncertainty: str,
    indices: Mapping[str, IndexSpec],
    seed: int = 0,
    boundaries: pd.DataFrame | None = None,
    levels: Mapping[str, Level] | None = None,
    progress: Progress | None = None,
) -> UncertaintyTables:
    """Return how sure the ranks of one or several indices are.

    Args:
        areas: Table `areas`.
        memberships: Table `memberships`.
        indicators: Table `indicators`.
        values: Table `values`: with counts, standard errors or intervals where factors name them.
        priorities: Table `priorities`, for weights between the official and residents' ones.
        spec: The section.
        uncertainty: Its name in the study.
        indices: The study's indices, by name, recipes merged in.
        seed: Seed of the study: the same seed gives the same bytes on any number of cores.
        boundaries: Table `boundaries`, for imputing from neighbours.
        levels: Levels of the study, for what areas are called; the built-in ones by default.
        progress: Told how many draws of all are done.

    Returns:
        The tables. A component that no factor belongs to has no rows; "both" always has. A world that a method refuses is
        counted in the findings and in no share. An area without a score has null ranks.

    Raises:
        StudyError: Factors that name nothing, stand twice or lack settings; all together, before any work.
        WardmoteError: What the data refuse: counts that are not there, negative errors, a constant indicator, a geometric
            mean that meets zero under one of the choices; all together, before any draw.
    """
    tables = Tables(areas, memberships, indicators, values, priorities, boundaries)
    prepared = prepare(tables, spec, uncertainty, indices, seed)
    counter = _Counter(progress, sum(_work(one, spec) for one in prepared.values()))
    components = {arm.name for one in prepared.values() for arms in _components(one) for arm in arms}
    found = {
        name: _find_one(name, one, spec, components=components, counter=counter)
        for name, one in prepared.items()
    }
    told = [line for name, one in found.items() for line in _told(name, prepared[name], one, spec, levels)]
    books = [one.book for one in found.values()]
    driven = [(name, one.book.own, one.sensitivity) for name, one in found.items()]
    return UncertaintyTables(
        ranks=table("ranks", [rows for book in books for rows in book.rank_rows()]),
        summary_ranks=table("summary_ranks", [rows for book in books for rows in book.summary_rows()]),
        draws=table(
            "draws", [rows for larger in (False, True) for book in books for rows in book.draws_rows(larger)]
        ),
        rank_shares=table("rank_shares", [rank_share_rows(n, own, one) for n, own, one in driven if one]),
        sensitivity=table("sensitivity", [sensitivity_rows(n, one) for n, _, one in driven if one]),
        factors=_factors_table(prepared),
        findings=_findings_table(uncertainty, told),
    )


class _Counter:
    """Adds up the draws of all indices and designs for one progress bar."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.before = progress, max(total, 1), 0

    def part(self, size: int) -> Callable[[int], None]:
        start, self.before = self.before, self.before + size

        def told(done: int) -> None:
            if self.progress:
                self.progress(start + done, self.total)

        return told


def _components(prepared: Prepared) -> list[list[Arm]]:
    """Return the components in passes: those that share drawn columns in one."""
    worlds = prepared.worlds
    sampling = dict.fromkeys(worlds.paths("sampling"), 0)
    method = dict.fromkeys(worlds.paths("method"), 0)
    if not sampling or not method:
        return [[Arm("sampling" if sampling else "method", {**sampling, **method})]]
    return [[Arm("method", method)], [Arm("both", {**sampling, **method}), Arm("sampling", sampling)]]


def _work(prepared: Prepared, spec: UncertaintySpec) -> int:
    """Return how many draws one index takes, for the progress bar."""
    if not prepared.worlds.targets:
        return spec.draws
    return spec.draws * len(_components(prepared)) + spec.sensitivity


def _find_one(
    name: str, prepared: Prepared, spec: UncertaintySpec, *, components: set[str], counter: _Counter
) -> _Found:
    """Return what is drawn of one index: rows are made pass by pass, and what was drawn is let go."""
    book = Book(name, prepared, spec, components)
    failed: dict[str, int] = {}
    reasons: list[str] = []
    passes = _components(prepared)
    for arms in passes:
        drawn = draw_worlds(
            prepared.worlds, arms, spec.draws, summarise=book.summaries if book.larger else None,
            progress=counter.part(spec.draws),
        )  # fmt: skip
        book.take(drawn, alone=len(passes) == 1)
        failed |= {arm: len(rows) for arm, rows in drawn.failed.items() if rows}
        reasons += drawn.reasons
    own = book.own
    driven = None
    if spec.sensitivity and len(prepared.worlds.paths()) > 1:
        codes = {code: place for place, code in enumerate(own.codes.to_pylist())} if spec.areas else {}
        driven = find_sensitivity(
            prepared.worlds, own.nominal, size=spec.sensitivity, limit=own.limit(spec.share),
            areas=[(code, codes[code]) for code in spec.areas if code in codes],
            progress=counter.part(spec.sensitivity),
        )  # fmt: skip
    return _Found(book, failed, reasons, driven)


def _factors_table(prepared: Mapping[str, Prepared]) -> pd.DataFrame:
    """Return the table `factors`."""
    rows: list[dict[str, Any]] = []
    for name, one in prepared.items():
        worlds, inputs = one.worlds, one.built.inputs
        for target in worlds.targets:
            factor = target.factor
            errors = [worlds.errors[leaf] for leaf in target.nodes if leaf in worlds.errors]
            cells = sum(int(error.known.sum()) for error in errors)
            there = sum(int((~np.isnan(inputs.leaves[error.leaf].column)).sum()) for error in errors)
            rows.append(
                {
                    "index": name,
                    "factor": factor.path,
                    "title": factor.title,
                    "kind": factor.kind,
                    "component": factor.component,
                    "sentence": words.factor_sentence(factor.kind, factor.spec, _titles(one, target.nodes)),
                    "cells": cells if factor.kind == "values" else None,
                    "without_error": max(there - cells, 0) if factor.kind == "values" else None,
                }
            )
    return frame("factors", {key: [row[key] for row in rows] for key in rows[0]} if rows else {})


def _titles(prepared: Prepared, nodes: tuple[str, ...]) -> list[str]:
    return [prepared.built.plan.nodes[node].title for node in nodes]


def _told(
    name: str,
    prepared: Prepared,
    found: _Found,
    spec: UncertaintySpec,
    levels: Mapping[str, Level] | None,
) -> list[words.Told]:
    """Return what was found of one index, in sentences."""
    own, plan = found.book.own, prepared.built.plan
    nouns = nouns_of(own.level, levels)
    limit = own.limit(spec.share)
    inside = own.nominal <= limit
    title = prepared.spec.title or name
    told: list[words.Told] = []
    for component in ("sampling", "method", "both"):
        share = found.book.shares.get(component)
        if share is None:  # of one component alone, "both" is the same over again
            continue
        told += words.sureness_findings(
            title, nouns, component=component, share=spec.share, draws=spec.draws,
            inside=_tally(share[inside]), outside=_tally(share[~inside & ~np.isnan(own.nominal)]),
            firmer=_firmer(share, inside, ~np.isnan(own.nominal)),
        )  # fmt: skip
    worlds = prepared.worlds
    lacking = [plan.nodes[leaf].title for leaf in plan.leaves if leaf not in worlds.errors]
    counted = sum(int((~error.known & ~np.isnan(error.value)).sum()) for error in worlds.errors.values())
    approximate = [plan.nodes[leaf].title for leaf, error in worlds.errors.items() if error.spec.approximate]
    stated = {name for matrix in spec.correlations for name in matrix.indicators}
    alone = [
        plan.nodes[leaf].title
        for leaf, error in worlds.errors.items()
        if error.shrunk and not error.spec.group and identity(plan, error.spec, leaf) not in stated
    ]
    told += words.error_findings(
        title, lacking, leaves=len(plan.leaves), without=counted, approximate=approximate, alone=alone
    )
    told += words.failure_findings(title, found.failed, spec.draws, found.reasons)
    if found.sensitivity is not None:
        shares = found.sensitivity.shares
        titles = [target.factor.title for target in worlds.targets]
        told += words.driver_findings(title, titles, shares.total[:, 0].tolist(), shares.first[:, 0].tolist())
    return told


def _tally(share: Any) -> dict[str, int]:
    """Return how many areas are how sure."""
    levels, count = np.unique(share[~np.isnan(share)], return_counts=True)
    tally = dict.fromkeys(words.SURENESS, 0)
    for level, number in zip(levels.tolist(), count.tolist(), strict=True):
        tally[words.sureness(level)] += number
    return tally


def _firmer(share: Any, inside: Any, ranked: Any) -> int:
    """Return how many areas outside the share are in it in at least as many draws as the least sure of those inside."""
    if not inside.any():
        return 0
    return int(np.count_nonzero(ranked & ~inside & (share >= np.nanmin(share[inside]))))


def _findings_table(uncertainty: str, told: list[words.Told]) -> pd.DataFrame:
    return frame(
        "findings",
        {
            "stage": ["uncertainty"] * len(told),
            "id": [uncertainty] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [sentence for sentence, _, _ in told],
            "value": np.array([value for _, value, _ in told], dtype=np.float64),
            "source_table": [source for _, _, source in told],
        },
    )
