"""Which factor drives what: a Sobol design over whole factors, for outputs of the index and for every area's rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.quantiles import RankArray
from wardmote.methods.sobol import SobolShares, sobol_shares
from wardmote.uncertainty.worlds import Arm, IndexWorlds, draw_worlds

COVERAGE = 0.9
"""Coverage of the bootstrap intervals of sensitivity indices, as the JRC's audits give them."""

REPLICATES = 1000
"""Bootstrap samples: the ends of a 90% interval rest on 50 of them each."""

AREA_BLOCK = 4096
"""Areas at a time. Memory only."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a design found for one index.

    Attributes:
        factors: Paths of the factors.
        outputs: Names of the outputs.
        shares: Sobol shares of the outputs, (factors, outputs).
        rank_shares: Each factor's part in the variance of each area's rank, (factors, n); NaN where the rank never changed.
        runs: Runs of the index.
    """

    factors: tuple[str, ...]
    outputs: tuple[str, ...]
    shares: SobolShares
    rank_shares: FloatArray
    runs: int


def find_sensitivity(
    worlds: IndexWorlds,
    nominal: FloatArray,
    *,
    size: int,
    limit: int,
    areas: Sequence[tuple[str, int]] = (),
    progress: Callable[[int], None] | None = None,
) -> Sensitivity:
    """Return which factors drive an index.

    A factor counts as a whole, whatever number of weights or values it holds: sample A takes its draws 0 to size − 1, sample B
    its draws size to 2 size − 1, and AB_i is A with factor i from B.

    Args:
        worlds: The index.
        nominal: Its ranks without any uncertainty, shape (n,), NaN where there is none.
        size: Rows of the design; it takes size × (factors + 2) runs.
        limit: Last rank inside the greatest-need share.
        areas: Areas whose rank and place in the share are outputs: name and position.
        progress: Told how many rows are done.

    Returns:
        Shares. A row with a failed run is left out and counted.
    """
    paths = worlds.paths()
    both = dict.fromkeys(paths, 0)
    arms = [Arm("a", both), Arm("b", dict.fromkeys(paths, size))]
    arms += [Arm(f"ab {path}", {**both, path: size}) for path in paths]
    drawn = draw_worlds(worlds, arms, size, progress=progress)
    ranks = [drawn.ranks[arm.name] for arm in arms]
    known = np.flatnonzero(~np.isnan(nominal))
    y = np.empty((len(arms), size, 1 + 2 * len(areas)))
    for place, one in enumerate(ranks):
        y[place, :, 0] = _mean_shift(one, nominal, known)
        for at, (_, position) in enumerate(areas):
            column = one[:, position].astype(np.float64)
            y[place, :, 1 + 2 * at] = column
            y[place, :, 2 + 2 * at] = column <= limit
        y[place, drawn.failed[arms[place].name]] = np.nan
    outputs = ["mean rank shift"]
    for name, _ in areas:
        outputs += [f"rank of {name}", f"greatest need of {name}"]
    shares = sobol_shares(y, replicates=REPLICATES, coverage=COVERAGE, seed=worlds.seed % 2**63)
    kept: BoolArray = np.asarray(~np.isnan(y[:, :, 0]).any(axis=0))
    return Sensitivity(paths, tuple(outputs), shares, _rank_shares(ranks, kept), size * len(arms))


def _mean_shift(ranks: RankArray, nominal: FloatArray, known: IntArray) -> FloatArray:
    """Return the mean distance of all areas from their rank in the index as it is, one number a draw."""
    return np.array([np.abs(row[known].astype(np.float64) - nominal[known]).mean() for row in ranks])


def _rank_shares(ranks: Sequence[RankArray], kept: BoolArray) -> FloatArray:
    """Return each factor's total effect on each area's rank, ½ mean (r_A − r_ABi)², over the sum of all factors'."""
    a, mixed = ranks[0], ranks[2:]
    n = a.shape[1]
    out = np.empty((len(mixed), n))
    for start in range(0, n, AREA_BLOCK):
        part = slice(start, start + AREA_BLOCK)
        base = a[kept, part].astype(np.float64)
        for place, one in enumerate(mixed):
            out[place, part] = ((one[kept, part] - base) ** 2).mean(axis=0) / 2
    total = out.sum(axis=0)
    shares: FloatArray = np.divide(out, total, out=np.full(out.shape, np.nan), where=total > 0)
    return shares
