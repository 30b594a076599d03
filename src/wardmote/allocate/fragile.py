"""How firm a round is: the same rules in every world that was drawn, and under other weights of the parts of need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wardmote.allocate.choice import Outcome
from wardmote.allocate.measure import combined
from wardmote.allocate.rules import Prepared
from wardmote.allocate.tables_in import Tables, column, numbers, places_of
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import Rules, ranked, ranked_draws
from wardmote.methods.ranks import best_rank

FIRM = 0.9
"""Share of draws from which a place is firm, and, from the other side, out: nine worlds in ten, as audits speak of 90% intervals."""

BLOCK = 25
"""Draws that are put together at a time: 25 draws of two parts for 33,755 places are 14 MB."""

WEIGHT_STEP = 0.02
"""Step of the weights that are tried: finer than weights are ever argued about."""


@dataclass(frozen=True, slots=True)
class Fragility:
    """A round in every world that was drawn.

    Attributes:
        p_funded: Share of draws in which the rules fund each place, shape (n,).
        standing: 0 firm, 1 contested, 2 out, shape (n,).
        draws: How many draws; those that a method refused are none.
        replaced: Places of the round that another takes, on average over draws.
        regret: Need that the round forgoes on average beside a choice made in full knowledge of each world, as a share of what
            that choice reaches (need scaled from 0, the least, to 1).
        parts: Titles of the parts whose error was drawn.
    """

    p_funded: FloatArray
    standing: IntArray
    draws: int
    replaced: float
    regret: float
    parts: tuple[str, ...]


def walk_rules(ready: Prepared) -> Rules:
    """Return the rules for lists that know no missing need: places without a measure are excluded by name."""
    missing = np.isnan(ready.order)
    if not missing.any():
        return ready.rules
    return replace(ready.rules, exclusions=(*ready.rules.exclusions, ("no measure of need", missing)))


def fragility(tables: Tables, ready: Prepared) -> Fragility | None:
    """Return how firm the round is over the draws of its measure of need; None where nothing was drawn.

    The draws of an index are its ranks. For a measure of several parts each drawn rank is read as the score that holds this rank
    now, parts without draws stay as they are, and the parts are combined again: the spread of scores is kept, who holds them varies.
    The choice in each draw goes down the list, also where the round itself looks for the best set.

    Args:
        tables: The tables.
        ready: The round.
    """
    drawn = {
        k: ranks for k in range(len(ready.need.parts)) if (ranks := _ranks(tables, ready, k)) is not None
    }
    if len({len(ranks) for ranks in drawn.values()}) != 1:
        return None
    # A draw that a method refused ranks nobody: it tells nothing of whom the rules would fund.
    ran = np.logical_and.reduce([(ranks > 0).any(axis=1) for ranks in drawn.values()])
    count = int(ran.sum())
    if not count:
        return None
    drawn = {k: ranks[ran] for k, ranks in drawn.items()}
    rules = walk_rules(ready)
    if len(ready.need.parts) == 1:
        table = np.where(drawn[0] > 0, drawn[0], drawn[0].max() + 1)
    else:
        table = np.concatenate(
            [
                _ranked_block(ready, drawn, start, min(start + BLOCK, count))
                for start in range(0, count, BLOCK)
            ]
        )
    funded = ranked_draws(table, rules)
    share = np.asarray(funded.mean(axis=0), dtype=np.float64)
    stated = ranked(ready.order, ready.rules).chosen
    replaced = float((stated[None, :] & ~funded).sum(axis=1).mean())
    regret = _regret(ready, table, funded, stated)
    standing = np.where(share >= FIRM, 0, np.where(share <= 1 - FIRM, 2, 1))
    named = tuple(ready.need.titles[k] for k in drawn)
    return Fragility(share, standing, count, replaced, regret, named)


def _ranks(tables: Tables, ready: Prepared, part: int) -> IntArray | None:
    """Return drawn ranks of a part, (draws, n), 0 where there is none; None where nothing was drawn, or of an older index."""
    spec = ready.spec.measure[part]
    if tables.draws is None or not len(tables.draws) or not spec.index:
        return None
    rows = tables.draws[
        (tables.draws["index"] == spec.index) & (tables.draws["level"] == ready.universe.level)
    ]
    if not len(rows):
        return None
    measures = set(column(rows, "measure").drop_null().to_pylist())
    if measures and measures != {spec.measure}:
        return None
    at = places_of(ready.universe.codes, column(rows, "area"))
    now = np.where(at >= 0, numbers(rows, "rank")[np.maximum(at, 0)], np.nan)
    if not np.array_equal(best_rank(-now), best_rank(ready.need.parts[part]), equal_nan=True):
        return None
    lists = column(rows, "ranks")
    table = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)
    return np.where((at >= 0)[None, :], table[np.maximum(at, 0)].T, 0)


def _ranked_block(ready: Prepared, drawn: dict[int, IntArray], start: int, end: int) -> IntArray:
    """Return ranks of the combined measure in some draws."""
    parts = np.repeat(ready.need.parts[None, :, :], end - start, axis=0)
    for k, ranks in drawn.items():
        own = ready.need.parts[k]
        known = np.flatnonzero(~np.isnan(own))
        order = known[np.argsort(-own[known], kind="stable")]
        position = best_rank(own)[order]
        block = ranks[start:end]
        scores = np.interp(block, position, own[order])
        parts[:, k, :] = np.where(block > 0, scores, np.nan)
    score = combined(parts, np.array([part.weight for part in ready.spec.measure]), ready.spec.combine)
    order = np.argsort(np.where(np.isnan(score), np.inf, -score), axis=1, kind="stable")
    ranks_out = np.empty_like(order)
    np.put_along_axis(ranks_out, order, np.arange(1, order.shape[1] + 1)[None, :], axis=1)
    return ranks_out.astype(np.int32)


def _regret(ready: Prepared, table: IntArray, funded: BoolArray, stated: BoolArray) -> float:
    """Return the mean share of need forgone; need by rank is the measure that holds this rank now."""
    score = np.sort(ready.need.score[~np.isnan(ready.need.score)])[::-1]
    if not len(score) or score[0] == score[-1]:
        return 0.0
    scaled = (score - score[-1]) / (score[0] - score[-1])
    some = np.flatnonzero(stated | funded.any(axis=0))
    need = scaled[np.minimum(table[:, some], len(scaled)) - 1]
    best = (need * funded[:, some]).sum(axis=1)
    own = (need * stated[some][None, :]).sum(axis=1)
    return float(np.mean(np.where(best > 0, (best - own) / np.where(best > 0, best, 1.0), 0.0)))


def turning_weights(ready: Prepared, outcome: Outcome) -> FloatArray | None:
    """Return the weight of the first of two parts, nearest to its own, under which each decision turns.

    Args:
        ready: The round.
        outcome: What it decides.

    Returns:
        Shares of the first part, shape (n,), NaN where the decision is the same under all weights tried; None where the measure
        does not have two weighted parts or the round does not go down a list.
    """
    spec = ready.spec
    if len(spec.measure) != 2 or spec.choose != "ranked" or spec.combine == "both":
        return None
    own = spec.measure[0].weight / (spec.measure[0].weight + spec.measure[1].weight)
    tried = np.round(np.arange(0.0, 1.0 + WEIGHT_STEP / 2, WEIGHT_STEP), 6)
    ranks = []
    for weight in tried.tolist():
        score = combined(ready.need.parts, np.array([weight, 1.0 - weight]), spec.combine)
        order = np.argsort(np.where(np.isnan(score), np.inf, -score), kind="stable")
        rank = np.empty(ready.n, dtype=np.int32)
        rank[order] = np.arange(1, ready.n + 1)
        ranks.append(rank)
    funded = ranked_draws(np.array(ranks), walk_rules(ready), compiled=False)
    out = np.full(ready.n, np.nan)
    for k in np.argsort(-np.abs(tried - own), kind="stable").tolist():  # the nearest last, so that it stays
        out[funded[k] != outcome.choice.chosen] = tried[k]
    return out
