"""Pooling several effects from one study: three-level and correlated-and-hierarchical models, with cluster-robust inference.

Effects of a study are alike for two reasons: their errors correlate, since the same people were measured (``rho``), and their true
values do, since the programme and place were the same (components of variance). The working model is ::

    y = X b + Σ_j Z_j u_j + e,   u_j ~ N(0, σ_j² I),   e ~ N(0, V),   M = V + Σ_j σ_j² Z_j Z_j'

with M block-diagonal by cluster (study). Each component j says which effects share one random effect, so that the usual models are
lists of components: studies and effects (three levels), or one of each for every kind of outcome (diagonal structures).
Inference that holds even where the working model is wrong comes from `robust`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import linalg, stats

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.pooling import checked_effects, model_matrix

TOLERANCE = 1e-9
"""Gain of log-likelihood below which the search ends: nine decimals, where results are published with four."""

SMALL_GAIN = 1e-6
"""Twice the gain of log-likelihood that a step may still promise where shorter ones gain nothing: rounding of sums over many studies."""

MOST_STEPS = 200
"""Steps of Fisher scoring at most; ten to thirty are usual."""


@dataclass(frozen=True, slots=True)
class Multilevel:
    """A fitted working model.

    Attributes:
        estimate: Coefficients, shape (p,).
        standard_error: By the model, shape (p,); see `robust` for errors that do not rest on it.
        covariance: Of the coefficients, by the model, shape (p, p).
        components: Variance of each component, in the order of their names.
        names: Names of the components.
        q, q_df, q_p: Residual heterogeneity: Q with the sampling covariance alone, its degrees of freedom, its p.
        log_likelihood: Restricted, maximised.
        residuals: y − X b, shape (k,).
        design: X, shape (k, p).
        blocks: For each cluster: positions of its effects.
        marginal: For each cluster: its block of M.
        k, clusters: Numbers of effects and of clusters.
        settled: Whether the search ended by its tolerance; where it is False results are not to be relied on.
    """

    estimate: FloatArray
    standard_error: FloatArray
    covariance: FloatArray
    components: FloatArray
    names: tuple[str, ...]
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    residuals: FloatArray
    design: FloatArray
    blocks: tuple[IntArray, ...]
    marginal: tuple[FloatArray, ...]
    k: int
    clusters: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Robust:
    """Cluster-robust inference on coefficients.

    Attributes:
        estimate: Coefficients, or the contrasts of them that were asked for, shape (p,).
        standard_error: CR2, shape (p,).
        covariance: CR2, shape (p, p).
        df: Satterthwaite degrees of freedom of each; below 4 the t is not to be trusted.
        statistic, p_value, low, high: t of each, its two-sided p, its interval.
        coverage: Of the interval.
    """

    estimate: FloatArray
    standard_error: FloatArray
    covariance: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    low: FloatArray
    high: FloatArray
    coverage: float


@dataclass(frozen=True, slots=True)
class WaldTest:
    """A joint test of several coefficients: F with its two degrees of freedom and p."""

    statistic: float
    df_numerator: int
    df_denominator: float
    p_value: float


def sampling_covariance(variances: npt.ArrayLike, clusters: npt.ArrayLike, rho: float) -> FloatArray:
    """Return the covariance of sampling errors, shape (k, k): ``ρ √(v_i v_j)`` within a cluster, 0 between clusters.

    Args:
        variances: Sampling variances, shape (k,), > 0.
        clusters: Code of the study of each effect, shape (k,).
        rho: Correlation of errors within a study, 0 to 1 (below 1). An assumption: results should be shown for others too.

    Raises:
        MethodError: Shapes that do not fit, rho out of range.

    Source:
        Hedges, Tipton and Johnson (2010), Research Synthesis Methods 1: 39–65; Pustejovsky and Tipton (2022), Prevention Science
        23: 425–438 (the correlated-and-hierarchical-effects model).
    """
    v = np.asarray(variances, dtype=np.float64)
    codes = np.asarray(clusters)
    if codes.shape != v.shape or v.ndim != 1:
        raise MethodError(
            Problem("sampling covariance", "clusters do not fit", str(codes.shape), str(v.shape))
        )
    if not 0 <= rho < 1:
        raise MethodError(Problem("sampling covariance", "rho is out of range", f"{rho:g}", "0 ≤ rho < 1"))
    root = np.sqrt(v)
    same = codes[:, None] == codes[None, :]
    covariance = rho * same * root[:, None] * root[None, :]
    np.fill_diagonal(covariance, v)
    return np.asarray(covariance)


def nested_components(
    clusters: npt.ArrayLike, kinds: npt.ArrayLike | None = None, names: Sequence[str] | None = None
) -> dict[str, IntArray]:
    """Return the components of a study and an effect within it, each once, or once for every kind (a diagonal structure).

    Args:
        clusters: Code of the study of each effect, shape (k,).
        kinds: Whole number from 0 that says the kind of each effect; None for one kind.
        names: Names of the kinds.

    Returns:
        By name (``study``, ``effect``, with the kind behind a colon), for each effect the code of the random effect that it has, −1
        for none: what `fit` takes.
    """
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    rows = np.arange(len(codes))
    if kinds is None:
        return {"study": codes.astype(np.int64), "effect": rows.astype(np.int64)}
    kind = np.asarray(kinds)
    called = [str(one) for one in (names if names is not None else range(int(kind.max()) + 1))]
    found = {
        f"{what}: {name}": np.where(kind == number, whose, -1).astype(np.int64)
        for what, whose in (("study", codes), ("effect", rows))
        for number, name in enumerate(called)
    }
    return {name: code for name, code in found.items() if (code >= 0).any()}


def fit(
    effects: npt.ArrayLike,
    covariance: npt.ArrayLike,
    clusters: npt.ArrayLike,
    components: Mapping[str, IntArray],
    predictors: npt.ArrayLike | None = None,
    *,
    intercept: bool = True,
) -> Multilevel:
    """Return the working model fitted by restricted maximum likelihood.

    Variances are found by Fisher scoring with step halving, never below 0: gradient ``½ (‖Z_j'Py‖² − tr Z_j'P Z_j)``, information
    ``½ ‖Z_i'P Z_j‖²``, with ``P = M⁻¹ − M⁻¹X (X'M⁻¹X)⁻¹ X'M⁻¹``. All sums go by cluster, so that work grows with their number only.

    Args:
        effects: Shape (k,).
        covariance: Of sampling errors, shape (k, k), or variances of shape (k,) where errors do not correlate.
        clusters: Code of the study of each effect; components and covariances must not reach across studies.
        components: See `nested_components`.
        predictors: Shape (k,) or (k, m).
        intercept: Whether a column of ones is put first.

    Returns:
        The fit. With fewer than three studies components cannot be told from error: see `settled` and the log-likelihood.

    Raises:
        MethodError: Shapes that do not fit, variances that are not positive, a covariance that is not positive definite or reaches
            across studies, a component that does, a single study, predictors that repeat one another.

    Source:
        Harville (1977), Journal of the American Statistical Association 72: 320–338; Van den Noortgate and others (2013), Behavior
        Research Methods 45: 576–594 (three levels); Pustejovsky and Tipton (2022), Prevention Science 23: 425–438.
    """
    V = np.asarray(covariance, dtype=np.float64)
    V = np.diag(V) if V.ndim == 1 else V
    y, _ = checked_effects(effects, np.diag(V) if V.ndim == 2 and len(set(V.shape)) == 1 else V, "multilevel")
    X = model_matrix(predictors, len(y), "multilevel", intercept=intercept)
    blocks = _blocks(np.asarray(clusters), len(y))
    _check_structure(V, blocks, components, len(y))
    work = _Work.build(y, X, V, blocks, components)
    variances, settled = _search(work)
    last = work.at(variances, derivatives=False)
    plain = work.at(np.zeros(len(components)), derivatives=False)
    residuals = y - X @ last.b
    q_df = len(y) - X.shape[1]
    return Multilevel(
        estimate=last.b,
        standard_error=np.sqrt(np.diag(last.C)),
        covariance=last.C,
        components=variances,
        names=tuple(components),
        q=plain.q,
        q_df=q_df,
        q_p=float(stats.chi2.sf(plain.q, q_df)),
        log_likelihood=last.log_likelihood,
        residuals=residuals,
        design=X,
        blocks=blocks,
        marginal=last.M,
        k=len(y),
        clusters=len(blocks),
        settled=settled,
    )


def robust(model: Multilevel, contrasts: npt.ArrayLike | None = None, *, coverage: float = 0.95) -> Robust:
    """Return coefficients with cluster-robust (CR2) errors and Satterthwaite degrees of freedom.

    ``V = C [Σ_j X_j'W_j A_j e_j e_j' A_j W_j X_j] C`` with ``C = (X'W X)⁻¹``, ``W = M⁻¹`` and the small-sample adjustment
    ``A_j = D_j'[D_j (M_j − X_j C X_j') D_j']^(−½) D_j``, ``D_j'D_j = M_j`` (upper Cholesky). With ``g_j = A_j W_j X_j C c`` for a contrast
    c and ``Ω_ij = g_i' [δ_ij M_i − X_i C X_j'] g_j``, ``df = (tr Ω)² ÷ Σ Ω_ij²``.

    Args:
        model: A fit; its clusters are the independent units.
        contrasts: Rows of contrasts of the coefficients, shape (q, p); each coefficient by default.
        coverage: Of the intervals.

    Returns:
        Estimates and inference. Below 4 degrees of freedom p and interval are not to be trusted (Tipton 2015).

    Raises:
        MethodError: Contrasts that do not fit; effects without any residual.

    Source:
        Pustejovsky and Tipton (2018), Journal of Business & Economic Statistics 36: 672–683; Tipton (2015), Psychological Methods
        20: 375–393.
    """
    R = _contrasts(model, contrasts)
    half, meat = _adjusted(model)
    covariance = R @ meat @ R.T
    estimate = R @ model.estimate
    df = np.array([_satterthwaite(model, half, row[:, None]) for row in R])
    se = np.sqrt(np.diag(covariance))
    if (se == 0).any():
        raise MethodError(
            Problem(
                "robust",
                "effects do not differ between studies, so that errors cannot be found from their differences",
                remedy="Use the model's own errors.",
            )
        )
    t = estimate / se
    reach = stats.t.ppf((1 + coverage) / 2, df) * se
    return Robust(
        estimate=estimate,
        standard_error=se,
        covariance=covariance,
        df=df,
        statistic=t,
        p_value=np.asarray(2 * stats.t.sf(np.abs(t), df)),
        low=estimate - reach,
        high=estimate + reach,
        coverage=coverage,
    )


def wald_test(model: Multilevel, contrasts: npt.ArrayLike | None = None) -> WaldTest:
    """Return the joint test that contrasts of coefficients are 0, by the approximate Hotelling distribution (HTZ).

    ``Q = (R b)'(R V R')⁻¹ R b`` with V by CR2; ``F = (η − q + 1) ÷ (η q) · Q`` on q and η − q + 1 degrees of freedom, where η makes the
    total variance of ``Ω^(−½) R V R' Ω^(−½)`` that of a Wishart matrix: ``η = q (q + 1) ÷ Σ_st Var(d_st)``.

    Args:
        model: A fit.
        contrasts: Shape (q, p); all coefficients together by default.

    Returns:
        F, q, η − q + 1 and p. p is NaN where η − q + 1 is not positive: too few clusters for so many contrasts.

    Raises:
        MethodError: Contrasts that do not fit or repeat one another.

    Source:
        Tipton and Pustejovsky (2015), Journal of Educational and Behavioral Statistics 40: 604–634.
    """
    R = _contrasts(model, contrasts)
    q = len(R)
    if np.linalg.matrix_rank(R) < q:
        raise MethodError(
            Problem("wald test", "contrasts repeat one another", f"{q} of rank {np.linalg.matrix_rank(R)}")
        )
    half, meat = _adjusted(model)
    Rb = R @ model.estimate
    wald = float(Rb @ np.linalg.solve(R @ meat @ R.T, Rb))
    eta = q * (q + 1) / _total_variance(model, half, R.T)
    df = eta - q + 1
    statistic = wald * df / (eta * q)
    p = float(stats.f.sf(statistic, q, df)) if df > 0 else float("nan")
    return WaldTest(statistic, q, df, p)


# ---- the likelihood


@dataclass(frozen=True, slots=True)
class _Point:
    """The likelihood at one point: its parts, with gradient and information where asked for."""

    b: FloatArray
    C: FloatArray
    M: tuple[FloatArray, ...]
    q: float
    log_likelihood: float
    gradient: FloatArray
    information: FloatArray


@dataclass(frozen=True, slots=True)
class _Work:
    """What does not change during the search, by cluster."""

    y: tuple[FloatArray, ...]
    X: tuple[FloatArray, ...]
    V: tuple[FloatArray, ...]
    Z: tuple[FloatArray, ...]
    whose: tuple[IntArray, ...]  # component of each column of Z
    start: FloatArray
    design: float  # ln|X'X|
    parts: int

    @classmethod
    def build(
        cls,
        y: FloatArray,
        X: FloatArray,
        V: FloatArray,
        blocks: Sequence[IntArray],
        components: Mapping[str, IntArray],
    ) -> _Work:
        """Return the data by cluster, each with one column of indicators for every random effect in it."""
        Z, whose = [], []
        for rows in blocks:
            columns, owners = [], []
            for number, codes in enumerate(components.values()):
                inside = codes[rows]
                for code in np.unique(inside[inside >= 0]):
                    columns.append((inside == code).astype(np.float64))
                    owners.append(number)
            Z.append(np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0)))
            whose.append(np.asarray(owners, dtype=np.int64))
        residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
        # What the residuals vary beyond their sampling errors, shared out among two layers; never 0, where scoring could stick.
        spare = float(np.mean(residual**2)) - float(np.mean(np.diag(V)))
        start = np.full(len(components), max(spare, 0.1 * float(np.mean(np.diag(V)))) / 2)
        return cls(
            tuple(y[rows] for rows in blocks),
            tuple(X[rows] for rows in blocks),
            tuple(V[np.ix_(rows, rows)] for rows in blocks),
            tuple(Z),
            tuple(whose),
            start,
            float(np.linalg.slogdet(X.T @ X)[1]),
            len(components),
        )

    def at(self, variances: FloatArray, *, derivatives: bool = True) -> _Point:
        """Return the restricted log-likelihood at these variances."""
        p = self.X[0].shape[1]
        XWX, XWy = np.zeros((p, p)), np.zeros(p)
        log_determinant = 0.0
        M, WX, Wy, roots = [], [], [], []
        for y, X, V, Z, whose in zip(self.y, self.X, self.V, self.Z, self.whose, strict=True):
            block = V + (Z * variances[whose]) @ Z.T
            root = linalg.cholesky(block, lower=True, check_finite=False)
            log_determinant += 2 * float(np.log(np.diag(root)).sum())
            solved = linalg.cho_solve((root, True), np.column_stack([X, y]), check_finite=False)
            XWX += X.T @ solved[:, :p]
            XWy += X.T @ solved[:, p]
            M.append(block)
            WX.append(solved[:, :p])
            Wy.append(solved[:, p])
            roots.append(root)
        C: FloatArray = np.linalg.inv(XWX).astype(np.float64)
        b = C @ XWy
        q = sum(
            float((y - X @ b) @ (wy - wx @ b)) for y, X, wx, wy in zip(self.y, self.X, WX, Wy, strict=True)
        )
        k = sum(len(y) for y in self.y)
        ll = -0.5 * (
            (k - p) * np.log(2 * np.pi) - self.design + log_determinant + float(np.linalg.slogdet(XWX)[1]) + q
        )
        gradient, information = (
            self._derivatives(b, C, WX, Wy, roots)
            if derivatives
            else (np.zeros(self.parts), np.zeros((self.parts, self.parts)))
        )
        return _Point(b, C, tuple(M), q, float(ll), gradient, information)

    def _derivatives(
        self,
        b: FloatArray,
        C: FloatArray,
        WX: Sequence[FloatArray],
        Wy: Sequence[FloatArray],
        roots: Sequence[FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Return gradient and expected information, from Z'PZ = Z'WZ − (Z'WX) C (X'WZ) cluster by cluster."""
        n, p = self.parts, len(b)
        trace, square = np.zeros(n), np.zeros(n)
        information = np.zeros((n, n))
        outer = np.zeros((n, p, p))  # Σ_c A_i'A_i, for the part of P that joins all clusters
        for Z, whose, wx, wy, root in zip(self.Z, self.whose, WX, Wy, roots, strict=True):
            if not len(whose):
                continue
            owner = (whose[:, None] == np.arange(n)[None, :]).astype(np.float64)
            within = Z.T @ linalg.cho_solve((root, True), Z, check_finite=False)
            A = Z.T @ wx
            AC = A @ C
            joined = AC @ A.T
            trace += owner.T @ (np.diag(within) - np.diag(joined))
            square += owner.T @ (Z.T @ (wy - wx @ b)) ** 2
            information += owner.T @ (within**2 - 2 * within * joined) @ owner
            outer += np.einsum("ai,ap,aq->ipq", owner, A, A)
        joint = np.einsum("pq,iqr->ipr", C, outer)
        information += np.einsum("ipr,jrp->ij", joint, joint)
        return 0.5 * (square - trace), 0.5 * information


def _search(work: _Work) -> tuple[FloatArray, bool]:
    """Return the variances of greatest restricted likelihood, and whether the search settled."""
    here = work.start.copy()
    point = work.at(here)
    for _ in range(MOST_STEPS):
        # A variance at 0 whose gradient points outwards stays there; the others move.
        free = (here > 0) | (point.gradient > 0)
        if not free.any():
            return here, True
        part = point.information[np.ix_(free, free)]
        step = np.zeros_like(here)
        # A pseudo-inverse, since two components can describe the same effects (one effect in every study).
        step[free] = np.linalg.pinv(part, hermitian=True) @ point.gradient[free]
        length, found = 1.0, None
        while length > 1e-8:
            tried = np.maximum(0.0, here + length * step)
            new = work.at(tried)
            if new.log_likelihood >= point.log_likelihood - 1e-12:
                found = tried, new
                break
            length /= 2
        if found is None:
            # No shorter step gains anything: the top, if the step promised next to nothing.
            return here, float(point.gradient @ step) < SMALL_GAIN
        gain = found[1].log_likelihood - point.log_likelihood
        moved = float(np.abs(found[0] - here).max())
        here, point = found
        if gain < TOLERANCE and moved <= 1e-7 * float(here.max() + work.start.max()):
            return here, True
    return here, False


def _blocks(codes: npt.NDArray[np.generic], k: int) -> tuple[IntArray, ...]:
    """Return positions by cluster, in the order in which clusters first appear."""
    if codes.shape != (k,):
        raise MethodError(Problem("multilevel", "clusters do not fit", str(codes.shape), f"({k},)"))
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise MethodError(
            Problem("multilevel", "there is a single study", remedy="Report its effects by themselves.")
        )
    order = np.argsort(inverse, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(inverse))])
    found = [order[low:high].astype(np.int64) for low, high in pairwise(ends)]
    return tuple(found[number] for number in np.argsort(first))


def _check_structure(
    V: FloatArray, blocks: Sequence[IntArray], components: Mapping[str, IntArray], k: int
) -> None:
    """Refuse covariances and components that reach across clusters, or that do not fit."""
    problems = []
    inside = np.zeros(k, dtype=np.int64)
    for number, rows in enumerate(blocks):
        inside[rows] = number
        try:
            np.linalg.cholesky(V[np.ix_(rows, rows)])
        except np.linalg.LinAlgError:
            problems.append(
                Problem(
                    "multilevel",
                    "the covariance within a study is not positive definite",
                    f"study {number + 1}",
                )
            )
    if (V[inside[:, None] != inside[None, :]] != 0).any():
        problems.append(Problem("multilevel", "sampling errors of different studies correlate"))
    if not components:
        problems.append(Problem("multilevel", "there is no component of variance"))
    for name, codes in components.items():
        if codes.shape != (k,):
            problems.append(
                Problem("multilevel", f"component {name!r} does not fit", str(codes.shape), f"({k},)")
            )
            continue
        pairs = np.unique(np.stack([codes[codes >= 0], inside[codes >= 0]]), axis=1)
        if len(np.unique(pairs[0])) < pairs.shape[1]:
            problems.append(
                Problem(
                    "multilevel",
                    f"component {name!r} reaches across studies",
                    remedy="Cluster by the larger unit.",
                )
            )
    if problems:
        raise MethodError(problems)


# ---- robust inference


def _contrasts(model: Multilevel, contrasts: npt.ArrayLike | None) -> FloatArray:
    """Return contrasts as rows, shape (q, p)."""
    p = len(model.estimate)
    if contrasts is None:
        return np.eye(p)
    rows = np.atleast_2d(np.asarray(contrasts, dtype=np.float64))
    if rows.shape[1] != p:
        raise MethodError(Problem("robust", "contrasts do not fit", str(rows.shape), f"(q, {p})"))
    return rows


def _adjusted(model: Multilevel) -> tuple[tuple[FloatArray, ...], FloatArray]:
    """Return A_j W_j X_j C by cluster, each (n_j, p), and the CR2 covariance, (p, p)."""
    C = model.covariance
    found = []
    scores = np.zeros((len(model.blocks), len(C)))
    for number, (rows, M) in enumerate(zip(model.blocks, model.marginal, strict=True)):
        X = model.design[rows]
        D = linalg.cholesky(M, lower=False, check_finite=False)
        values, vectors = np.linalg.eigh(D @ (M - X @ C @ X.T) @ D.T)
        # A cluster that decides a coefficient alone leaves no residual in its direction: the inverse root is 0 there.
        keep = values > 1e-10 * max(float(values.max()), 0.0)
        root = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
        A = D.T @ ((vectors * root) @ vectors.T) @ D
        G = A @ np.linalg.solve(M, X @ C)
        found.append(G)
        scores[number] = G.T @ model.residuals[rows]
    return tuple(found), scores.T @ scores


def _pairs(
    model: Multilevel, half: Sequence[FloatArray], columns: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return g_i'M_i g_i by cluster, (J, q, q), and X_i'g_i by cluster, (J, p, q), for g_i = half_i · columns."""
    own, cross = [], []
    for rows, M, G in zip(model.blocks, model.marginal, half, strict=True):
        g = G @ columns
        own.append(g.T @ M @ g)
        cross.append(model.design[rows].T @ g)
    return np.stack(own), np.stack(cross)


def _satterthwaite(model: Multilevel, half: Sequence[FloatArray], column: FloatArray) -> float:
    """Return the degrees of freedom of one contrast, (p, 1)."""
    own, cross = _pairs(model, half, column)
    omega = np.diag(own[:, 0, 0]) - cross[:, :, 0] @ model.covariance @ cross[:, :, 0].T
    return float(np.trace(omega) ** 2 / (omega**2).sum())


def _total_variance(model: Multilevel, half: Sequence[FloatArray], columns: FloatArray) -> float:
    """Return Σ_st Var(d_st) of the standardised robust covariance of q contrasts, columns (p, q)."""
    own, cross = _pairs(model, half, columns)
    joined = np.einsum("ipq,pr,irs->iqs", cross, model.covariance, cross)
    omega = (own - joined).sum(axis=0)
    values, vectors = np.linalg.eigh(omega)
    scale = (vectors / np.sqrt(values)) @ vectors.T
    own, cross = _pairs(model, half, columns @ scale)
    total = 0.0
    for i in range(len(own)):
        # P_ij for all clusters j at once.
        P = -np.einsum("pq,pr,jrs->jqs", cross[i], model.covariance, cross)
        P[i] += own[i]
        trace = np.einsum("jqq->j", P)
        total += float((trace**2).sum() + np.einsum("jqs,jsq->", P, P))
    return total
