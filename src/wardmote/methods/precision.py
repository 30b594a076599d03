"""Intervals from few areas: errors with each area held out of its own fit, and degrees of freedom that say how many areas carry them.

The usual 95% interval, 1.96 standard errors either way, is right for many areas of like weight. With few supported areas, or few clusters,
or weights that rest on a handful of comparison areas, it is too narrow twice over: residuals are smaller than the noise they stand for,
since each area helped to fit its own; and the standard error is itself uncertain. Both are mended here, in the interval alone: published
standard errors stay what their papers print.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray

COVER = 0.95
"""Share of intervals that are to hold the truth."""


def summed(contributions: FloatArray, clusters: IntArray | None) -> FloatArray:
    """Return contributions added up within clusters.

    Args:
        contributions: Shape (m estimates, n areas).
        clusters: Cluster of each area, whole numbers from 0, shape (n,); each area by itself for None.

    Returns:
        Shape (m, clusters that have an area), or the contributions themselves.
    """
    if clusters is None:
        return contributions
    there = np.bincount(clusters) > 0
    return np.stack([np.bincount(clusters, row)[there] for row in contributions])


def degrees(contributions: npt.ArrayLike) -> FloatArray:
    """Return how many degrees of freedom a variance has that is a sum of squared contributions.

    ``3 (Σ u²)² ÷ Σ u⁴ − 2``, between 1 and one fewer than the contributions that are not 0. Where ``u_i = a_i e_i`` with normal e of one
    variance, Σ u⁴ has the mean 3 Σ a⁴ and (Σ u²)² the mean (Σ a²)² + 2 Σ a⁴, so that this estimates Satterthwaite's (Σ a²)² ÷ Σ a⁴ without
    the a: the number of areas, if all weigh alike; few, if few carry the variance.

    Args:
        contributions: By area or cluster, shape (m, k).

    Returns:
        Degrees of freedom, shape (m,); 1 where nothing contributes.

    Source:
        F. Satterthwaite (1946), *Biometrics Bulletin* 2: 110–114; G. Imbens and M. Kolesár (2016), *Review of Economics and Statistics*
        98: 701–712, who take the a from a regression's design; A. Carter, K. Schnepel and D. Steigerwald (2017), the same 99: 698–709, for
        clusters.
    """
    u = np.atleast_2d(np.asarray(contributions, dtype=np.float64))
    # Squares are divided by their largest first, so that fourth powers of small contributions do not vanish.
    top = np.maximum(np.abs(u).max(axis=1, initial=0.0, keepdims=True), np.finfo(np.float64).tiny)
    squares = (u / top) ** 2
    second, fourth = squares.sum(axis=1), (squares**2).sum(axis=1)
    free = 3 * second**2 / np.where(fourth > 0, fourth, 1.0) - 2
    return np.asarray(np.clip(free, 1.0, np.maximum((u != 0).sum(axis=1) - 1.0, 1.0)), dtype=np.float64)


def half_width(held_out: npt.ArrayLike, clusters: IntArray | None = None) -> FloatArray:
    """Return half the width of 95% intervals.

    ``t(df) √(Σ_c u_c² × G ÷ (G − 1))`` with u_c the sum of a cluster's held-out contributions, G clusters (no factor without clusters)
    and df from `degrees`.

    Args:
        held_out: Contributions with each area held out of its own fit, shape (m, n).
        clusters: Cluster of each area, shape (n,), or None.

    Returns:
        Half widths, shape (m,); NaN where the variance is 0 or there is one cluster: no interval of width 0 is believable.

    Source:
        R. Bell and D. McCaffrey (2002), *Survey Methodology* 28: 169–181; J. MacKinnon and H. White (1985), *Journal of Econometrics* 29:
        305–325, for the held-out residuals (HC2).
    """
    from scipy.special import stdtrit

    u = summed(np.atleast_2d(np.asarray(held_out, dtype=np.float64)), clusters)
    groups = u.shape[1]
    factor = 1.0 if clusters is None else groups / (groups - 1) if groups > 1 else np.nan
    variance = np.einsum("ij,ij->i", u, u) * factor
    reach = stdtrit(degrees(u), 0.5 + COVER / 2) * np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.asarray(reach, dtype=np.float64)


def placebo_half_width(placebos: npt.ArrayLike) -> float:
    """Return half the width of the interval that a test by placebos leaves: every effect that would not have stood out among them.

    With B placebo estimates under no effect, the effect x is kept where fewer than 95% of |placebos| lie under |estimate − x|, ours
    counted in: the half width is the k-th smallest |placebo|, k = ⌈0.95 (B + 1)⌉. It covers at least 95% however few areas were
    supported, if any of them might as well have been one of the placebos.

    Args:
        placebos: Estimates where there is no effect, shape (B,); NaN are left out.

    Returns:
        The half width; infinite with fewer than 19 placebos, which can rule out nothing at 5%.

    Raises:
        MethodError: Not one-dimensional.

    Source:
        T. Conley and C. Taber (2011), *Review of Economics and Statistics* 93: 113–125; S. Firpo and V. Possebom (2018), *Journal of Causal
        Inference* 6(2), for synthetic controls.
    """
    found = np.asarray(placebos, dtype=np.float64)
    if found.ndim != 1:
        raise MethodError(Problem("placebos", "estimates do not fit", str(found.shape), "shape (B,)"))
    size = np.sort(np.abs(found[~np.isnan(found)]))
    # 1e-9: 0.95 × 20 is 19.000000000000004 in floating point, and would ask for the twentieth.
    rank = int(np.ceil(COVER * (len(size) + 1) - 1e-9))
    return float(size[rank - 1]) if rank <= len(size) else float("inf")
