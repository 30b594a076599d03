"""Which uncertain choice drives a result: Sobol's shares of variance, with intervals.

A design holds two independent samples A and B of all factors and, for each factor i, the sample AB_i: A with column i taken
from B. From a model's outputs y over these, for each factor::

    first order  S_i  = mean[(y_B − m)(y_ABi − y_A)] ÷ V        what the factor explains by itself
    total order  ST_i = mean[(y_A − y_ABi)²] ÷ (2 V)            what is lost when it is fixed, interactions included
    V = variance of y over A and B together;  m = mean of y over all runs

Taking m away does not change what the first order estimates, and narrows its interval several times where y is far from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray

BLOCK = 2**21
"""Numbers worked on at a time: about 100 MB with the working arrays. Speed and memory only."""

# A share is of nothing where the output hardly varies: below 1e-12 of its size squared it is rounding.
_NO_VARIANCE = 1e-24


@dataclass(frozen=True, slots=True)
class Design:
    """Two independent samples of the factors.

    Attributes:
        a: First sample, shape (size, factors), in [0, 1).
        b: Second sample, same shape.
    """

    a: FloatArray
    b: FloatArray

    @property
    def runs(self) -> int:
        """Return the number of runs: size × (factors + 2)."""
        return int(self.a.shape[0] * (self.a.shape[1] + 2))

    def points(self) -> FloatArray:
        """Return all points, shape (factors + 2, size, factors): A, B, then AB_i for each factor."""
        k = self.a.shape[1]
        out = np.empty((k + 2, *self.a.shape))
        out[0], out[1], out[2:] = self.a, self.b, self.a
        for i in range(k):
            out[2 + i, :, i] = self.b[:, i]
        return out


@dataclass(frozen=True, slots=True)
class SobolShares:
    """Shares of variance by factor and output, each of shape (factors, outputs).

    Attributes:
        first: First-order shares; may fall below 0 or above 1 by sampling error, and are not cut.
        first_low: Lower ends of their bootstrap intervals.
        first_high: Upper ends.
        total: Total-order shares, 0 or more.
        total_low: Lower ends.
        total_high: Upper ends.
        variance: V of each output, shape (outputs,).
        rows: Rows of the design that were used.
        failed: Rows left out because one of their runs failed.
    """

    first: FloatArray
    first_low: FloatArray
    first_high: FloatArray
    total: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    variance: FloatArray
    rows: int
    failed: int


def design(factors: int, size: int, *, seed: int, kind: Literal["sobol", "random"] = "sobol") -> Design:
    """Return a design for the shares of variance.

    Args:
        factors: Number of factors, 1 or more.
        size: Rows of each sample; for ``sobol`` a power of two, which its balance needs.
        seed: Seed of the scrambling, or of the random numbers.
        kind: ``sobol``: a scrambled Sobol sequence in 2 × factors dimensions; ``random``: independent uniforms.

    Returns:
        The design: size × (factors + 2) runs.

    Raises:
        MethodError: No factor, fewer than two rows, a size that is no power of two for ``sobol``, unknown kind.

    Source:
        Saltelli, Annoni, Azzini, Campolongo, Ratto, Tarantola (2010), Computer Physics Communications 181:259–270.
    """
    problems = []
    if factors < 1:
        problems.append(Problem("sobol design", "there is no factor", str(factors), "1 or more"))
    if size < 2:
        problems.append(Problem("sobol design", "there are too few rows", str(size), "2 or more"))
    elif kind == "sobol" and size & (size - 1):
        near = 2 ** (size - 1).bit_length()
        problems.append(
            Problem(
                "sobol design",
                "size is no power of two",
                str(size),
                f"such as {near}",
                "Or use random points.",
            )
        )
    if kind not in {"sobol", "random"}:
        problems.append(Problem("sobol design", "kind is not known", repr(kind), "'sobol' or 'random'"))
    if problems:
        raise MethodError(problems)
    rng = np.random.default_rng(seed)
    if kind == "random":
        points = rng.random((size, 2 * factors))
    else:
        from scipy.stats import qmc

        points = qmc.Sobol(2 * factors, scramble=True, rng=rng).random(size)
    return Design(points[:, :factors].copy(), points[:, factors:].copy())


def choice(u: npt.ArrayLike, probabilities: npt.ArrayLike) -> IntArray:
    """Return which option each point of a discrete factor means: fixed bins of [0, 1], one by option.

    The bins depend on the probabilities alone. (COINr cuts the sample's own range, so its bins move with the sample:
    0.30, 0.35, 0.40, 0.45 with two options give the first, first, second, second; here all four give the first.)

    Args:
        u: Points, any shape, 0 to 1.
        probabilities: Probability of each option, shape (options,), 0 or more, summing to 1.

    Returns:
        Positions of the options, from 0, same shape as ``u``. An option of probability 0 is never chosen.

    Raises:
        MethodError: Probabilities negative, missing, or not summing to 1; points outside 0 to 1.
    """
    p, x = np.asarray(probabilities, dtype=np.float64), np.asarray(u, dtype=np.float64)
    # Probabilities are written in decimals: 1e-9 accepts 0.1 ten times, and no mistake that a person would make.
    if p.ndim != 1 or p.size == 0 or not (p >= 0).all() or abs(p.sum() - 1) > 1e-9:
        got = f"{p.tolist()}, sum {p.sum():g}"
        raise MethodError(Problem("choice", "these are no probabilities", got, "0 or more, summing to 1"))
    if not ((x >= 0) & (x <= 1)).all():
        raise MethodError(Problem("choice", "a point lies outside 0 to 1"))
    edges = np.cumsum(p)[:-1]
    last = int(np.flatnonzero(p)[-1])
    return np.minimum(np.searchsorted(edges, x, side="right"), last).astype(np.int64)


def between(u: npt.ArrayLike, low: float, high: float) -> FloatArray:
    """Return the values of a factor spread evenly from ``low`` to ``high``.

    Args:
        u: Points, any shape, 0 to 1.
        low: Value at 0.
        high: Value at 1, above ``low``.

    Returns:
        ``low + (high − low) · u``, same shape.

    Raises:
        MethodError: ``high`` is not above ``low``.
    """
    if not low < high:
        raise MethodError(Problem("between", "the range is empty", f"{low:g} to {high:g}", "low below high"))
    return low + (high - low) * np.asarray(u, dtype=np.float64)


def sobol_shares(
    y: npt.ArrayLike, *, replicates: int = 1000, coverage: float = 0.9, seed: int = 0
) -> SobolShares:
    """Return first- and total-order shares of variance of every output, with bootstrap intervals.

    The bootstrap draws rows of the design jointly for all factors and outputs, and computes mean and variance anew each
    time, so that the intervals hold all that is uncertain. (Drawing each index by itself with V held understates them.)

    Args:
        y: Outputs over `Design.points`, shape (factors + 2, size) for one output or (factors + 2, size, outputs). A run that
            failed is NaN in all outputs: its row is left out and counted. An output that is NaN throughout stays NaN.
        replicates: Bootstrap samples; 0 for none (the interval ends are then NaN).
        coverage: Coverage of the percentile intervals, above 0 and below 1.
        seed: Seed of the bootstrap.

    Returns:
        Shares, shape (factors, outputs); one output keeps its axis. NaN where the output does not vary.

    Raises:
        MethodError: A shape that does not fit, fewer than two rows left, coverage out of range.

    Source:
        First order: Saltelli et al. (2010), table 2 (b); total order: Jansen (1999), Computer Physics Communications
        117:35–43. On the same runs equal to SALib 1.6 ``sobol.analyze``, which standardises y by mean and standard
        deviation over all runs: dividing changes nothing, and the mean over all runs is our m.
    """
    runs = np.asarray(y, dtype=np.float64)
    runs = runs[:, :, None] if runs.ndim == 2 else runs
    if runs.ndim != 3 or runs.shape[0] < 3:
        got, expected = str(np.shape(y)), "(factors + 2, size) or (factors + 2, size, outputs)"
        raise MethodError(Problem("sobol_shares", "the runs do not fit", got, expected))
    if not 0 < coverage < 1:
        raise MethodError(
            Problem("sobol_shares", "coverage is out of range", f"{coverage:g}", "above 0, below 1")
        )
    kept = _kept_rows(runs)
    rows = int(kept.sum())
    if rows < 2:
        got = f"{rows} of {len(kept)} rows"
        raise MethodError(
            Problem("sobol_shares", "too few rows without failed runs are left", got, "2 or more")
        )
    weights = _bootstrap_weights(rows, replicates, seed)
    factors, outputs = runs.shape[0] - 2, runs.shape[2]
    out = np.full((6, factors, outputs), np.nan)
    variance = np.full(outputs, np.nan)
    for part in _output_blocks(runs.shape[0], rows, replicates, outputs):
        shares, variance[part] = _shares_of(runs[:, kept, part], weights)
        out[0, :, part], out[3, :, part] = shares[0, :, 0], shares[1, :, 0]
        if replicates:
            ends = _percentiles(shares[:, :, 1:], coverage)
            out[1:3, :, part], out[4:6, :, part] = ends[:, 0], ends[:, 1]
    return SobolShares(
        first=out[0],
        first_low=out[1],
        first_high=out[2],
        total=out[3],
        total_low=out[4],
        total_high=out[5],
        variance=variance,
        rows=rows,
        failed=len(kept) - rows,
    )


def _kept_rows(runs: FloatArray) -> BoolArray:
    """Return which rows have no failed run, apart from outputs that are missing throughout."""
    kept = np.ones(runs.shape[1], dtype=np.bool_)
    for part in _output_blocks(runs.shape[0], runs.shape[1], 0, runs.shape[2]):
        missing = np.isnan(runs[:, :, part])
        throughout = missing.all(axis=(0, 1))
        kept &= ~missing[:, :, ~throughout].any(axis=(0, 2))
    return kept


def _output_blocks(samples: int, rows: int, replicates: int, outputs: int) -> Iterator[slice]:
    """Return slices of outputs that fit the memory."""
    step = max(1, BLOCK // (samples * (rows + replicates)))
    return (slice(start, min(start + step, outputs)) for start in range(0, outputs, step))


def _bootstrap_weights(rows: int, replicates: int, seed: int) -> FloatArray:
    """Return how often each row counts, divided by the rows, shape (1 + replicates, rows); first the sample itself."""
    weights = np.full((1 + replicates, rows), 1.0 / rows)
    rng = np.random.default_rng(seed)
    for r in range(1, 1 + replicates):
        weights[r] = np.bincount(rng.integers(0, rows, rows), minlength=rows) / rows
    return weights


def _shares_of(runs: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return shares, shape (2, factors, 1 + replicates, outputs), and the variance of each output.

    All is made of weighted means of products, so that a bootstrap sample is a row of weights. Outputs are centred first:
    then nothing cancels, and the mean of each bootstrap sample is still taken away.
    """
    y = runs - runs.mean(axis=(0, 1))
    size = np.abs(runs).max(axis=(0, 1), initial=0.0)
    a, b, mixed = y[0], y[1], y[2:]
    mean_a, mean_b = weights @ a, weights @ b
    mean_mixed = np.stack([weights @ x for x in mixed])
    centre = (mean_a + mean_b + mean_mixed.sum(axis=0)) / len(y)
    variance = (weights @ a**2 + weights @ b**2) / 2 - ((mean_a + mean_b) / 2) ** 2
    with np.errstate(invalid="ignore"):
        variance = np.where(variance > _NO_VARIANCE * size**2, variance, np.nan)
    shares = np.empty((2, len(mixed), *mean_a.shape))
    for i, x in enumerate(mixed):
        shares[0, i] = (weights @ (b * (x - a)) - centre * (mean_mixed[i] - mean_a)) / variance
        shares[1, i] = weights @ (a - x) ** 2 / (2 * variance)
    return shares, variance[0]


def _percentiles(shares: FloatArray, coverage: float) -> FloatArray:
    """Return percentile intervals over replicates, shape (2 ends, 2 orders, factors, outputs).

    Replicates without variance (a sample of one repeated row) are left out.
    """
    ends = np.array([(1 - coverage) / 2, (1 + coverage) / 2])
    out = np.full((2, *shares.shape[:2], shares.shape[3]), np.nan)
    missing = np.isnan(shares)
    if not missing.any():
        return np.asarray(np.quantile(shares, ends, axis=2))
    some = ~missing.all(axis=(0, 1, 2))
    if some.any():
        out[..., some] = np.nanquantile(shares[..., some], ends, axis=2)
    return out
