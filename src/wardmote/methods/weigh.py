"""Weights for the children of a node: stated, equal, or taken from the data.

Every function takes the children's values, shape (k, n), already on one scale and turned towards need, and returns k
weights. With draws in front, (..., k, n), the weights are (..., k), each draw by itself. Areas with any missing child are left
out of correlations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from wardmote.errors import MethodError, Problem
from wardmote.methods.checks import FloatArray

Names = Sequence[str] | None
"""Names of the children, for errors."""

LEAST_UNIQUENESS = 0.005
"""Lower bound of a uniqueness in factor analysis. Source: R's ``factanal``, control ``lower``."""


@dataclass(frozen=True, slots=True)
class OneFactor:
    """A one-factor model of k children.

    Attributes:
        loadings: Correlation of each child with the factor, shape (k,); their sum is not negative.
        uniquenesses: Share of each child's variance that the factor leaves, shape (k,), at least 0.005.
        converged: Whether the search ended by its own criterion.
        at_bound: Whether a uniqueness ended at its lower bound (a Heywood case): the weights then rest on one child.
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    converged: bool
    at_bound: bool


def _children(x: npt.ArrayLike, method: str) -> FloatArray:
    """Return the values as (..., k, n), or refuse another shape."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim < 2:
        raise MethodError(
            Problem(method, "there is no axis of children", f"shape {array.shape}", "shape (..., k, n)")
        )
    return array


def _each(x: FloatArray, one: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return ``one`` of each (k, n) table, stacked over the axes before."""
    lead = x.shape[:-2]
    stacked = np.stack([one(x[at]) for at in np.ndindex(lead)])
    return stacked.reshape(*lead, -1)


def _label(child: int, names: Names) -> str:
    """Return how an error calls a child."""
    return repr(names[child]) if names else f"child {child}"


def _correlations(x: FloatArray, names: Names, method: str) -> FloatArray:
    """Return Pearson correlations between children over areas where all are known, (k, k)."""
    complete = x[:, ~np.isnan(x).any(axis=0)]
    if complete.shape[1] < 3:
        raise MethodError(
            Problem(
                method,
                "too few areas have all children",
                f"{complete.shape[1]} of {x.shape[1]}",
                "at least 3",
                "Impute first, or state the weights.",
            )
        )
    constant = [child for child, row in enumerate(complete) if (row == row[0]).all()]
    if constant:
        raise MethodError(
            Problem(
                method,
                f"{_label(child, names)} has one value only",
                f"{complete[child, 0]:g} in every area",
                "at least two different values",
                "Leave it out, or state the weights.",
            )
            for child in constant
        )
    return np.asarray(np.corrcoef(complete)).reshape(len(x), len(x))


def given(
    x: npt.ArrayLike, *, weights: npt.ArrayLike, total: float | None = None, names: Names = None
) -> FloatArray:
    """Return the stated weights, as they are or scaled to a stated sum.

    Args:
        x: Values of children, shape (..., k, n); only k is used.
        weights: k weights, none negative, not all 0.
        total: Sum to scale to, or None to leave them as stated: the seven weights of the English index sum to 0.999 and
            are published so.
        names: Names of the children, for errors.

    Returns:
        Weights, shape (k,).

    Raises:
        MethodError: Another number of weights than children; a weight that is negative or missing; all 0; ``total`` not
            above 0.
    """
    k = _children(x, "given").shape[-2]
    stated = np.asarray(weights, dtype=np.float64)
    if stated.shape != (k,):
        raise MethodError(Problem("given", "weights do not fit", f"shape {stated.shape}", f"{k} weights"))
    odd = np.flatnonzero(~(stated >= 0) | np.isinf(stated))
    if len(odd):
        raise MethodError(
            Problem(
                "given",
                f"the weight of {_label(int(child), names)} is not a weight",
                f"{stated[child]:g}",
                "0 or more",
                "State a direction of −1 instead of a negative weight.",
            )
            for child in odd
        )
    if stated.sum() == 0 or (total is not None and not total > 0):
        raise MethodError(
            Problem("given", "weights sum to 0", f"sum {stated.sum():g}, total {total}", "a sum above 0")
        )
    return stated.copy() if total is None else stated * (total / stated.sum())


def equal(x: npt.ArrayLike, *, total: float = 1.0, names: Names = None) -> FloatArray:
    """Return the same weight for each child.

    Args:
        x: Values of children, shape (..., k, n); only k is used.
        total: Sum of the weights, above 0.
        names: Names of the children (not needed here).

    Returns:
        Weights ``total ÷ k``, shape (k,).

    Raises:
        MethodError: ``total`` is not above 0, or there is no axis of children.
    """
    del names
    k = _children(x, "equal").shape[-2]
    if not total > 0:
        raise MethodError(Problem("equal", "weights sum to 0", f"total {total}", "a total above 0"))
    return np.full(k, total / k)


def pca(x: npt.ArrayLike, *, total: float | None = None, names: Names = None) -> FloatArray:
    """Return the loadings of the first principal component of the correlations as weights.

    The unit eigenvector of the greatest eigenvalue of the children's correlation matrix. An eigenvector has no sign of
    its own: the one whose loadings sum to 0 or more is taken. (R's ``prcomp``, and so COINr, leaves the sign to the linear
    algebra library.)

    Args:
        x: Values of children, shape (..., k, n). Areas with a missing child are left out.
        total: Sum to scale the loadings to, or None to leave them with squares summing to 1, as COINr.
        names: Names of the children, for errors.

    Returns:
        Weights, shape (..., k). Loadings of both signs say that the children do not measure one thing; aggregating with
        a negative weight is refused.

    Raises:
        MethodError: A child is constant, or fewer than three areas have all children; ``total`` is given and loadings have
            both signs (their sum may then be near 0).

    Source:
        OECD/JRC Handbook (2008), §6.1; COINr ``get_PCA``.
    """

    def one(table: FloatArray) -> FloatArray:
        vector = np.linalg.eigh(_correlations(table, names, "pca"))[1][:, -1]
        loadings: FloatArray = vector if vector.sum() >= 0 else -vector
        if total is None:
            return loadings
        _refuse_negative("pca", loadings, names)
        return np.asarray(loadings * (total / loadings.sum()))

    return _each(_children(x, "pca"), one)


def _refuse_negative(method: str, loadings: FloatArray, names: Names) -> None:
    """Refuse children that load against the others."""
    odd = np.flatnonzero(loadings < 0)
    if len(odd):
        raise MethodError(
            Problem(
                method,
                f"{_label(int(child), names)} goes against the other children",
                f"loading {loadings[child]:.3f}",
                "0 or more",
                "Check its direction, or leave it out.",
            )
            for child in odd
        )


def one_factor(correlations: npt.ArrayLike) -> OneFactor:
    """Return the one-factor model of greatest likelihood for a correlation matrix R.

    Over uniquenesses ψ it minimises ``Σ_{j≥2} (e_j − ln e_j − 1)``, e_1 ≥ e_2 ≥ … being the eigenvalues of
    ψ^(−½) R ψ^(−½); the loadings are ``ψ^½ u_1 √(e_1 − 1)``, turned so that their sum is not negative.

    Args:
        correlations: Matrix of k ≥ 3 children, shape (k, k), unit diagonal.

    Returns:
        The model.

    Raises:
        MethodError: Fewer than three children (the model is not determined), or a matrix that is not positive definite.

    Source:
        Lawley and Maxwell (1971), Factor Analysis as a Statistical Method, ch. 4; the objective, the start
        ``(1 − 1/(2k)) ÷ diag(R⁻¹)`` and the bound are those of R's ``factanal``.
    """
    from scipy.optimize import minimize

    matrix = np.asarray(correlations, dtype=np.float64)
    k = len(matrix)
    if k < 3:
        got = f"{k} children"
        remedy = "Use equal or stated weights."
        raise MethodError(Problem("factor", "a factor is not determined", got, "3 or more", remedy))
    if np.linalg.eigvalsh(matrix)[0] < 1e-10:  # about k·ε of rounding in a singular matrix, with room
        remedy = "Leave out a child that is a sum or copy of others."
        raise MethodError(
            Problem("factor", "the correlations are singular", "", "a positive definite matrix", remedy)
        )

    def objective(psi: FloatArray) -> float:
        rest = _scaled_eigen(matrix, psi)[0][:-1]
        return float((rest - np.log(rest) - 1).sum())

    def gradient(psi: FloatArray) -> FloatArray:
        load = _loadings(matrix, psi)
        return np.asarray((load**2 + psi - np.diag(matrix)) / psi**2)

    start = (1 - 0.5 / k) / np.diag(np.linalg.inv(matrix))
    # Tolerances near rounding: the default stops at about 1e-5 in the weights.
    bounds = [(LEAST_UNIQUENESS, 1.0)] * k
    found = minimize(
        objective,
        start,
        jac=gradient,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
    )
    psi = np.asarray(found.x, dtype=np.float64)
    loadings = _loadings(matrix, psi)
    at_bound = bool((psi <= LEAST_UNIQUENESS * (1 + 1e-6)).any())
    # Steps too small for the line search count as the end where the slope, within the bounds, is flat to rounding.
    slope = gradient(psi)
    free = np.where(slope > 0, psi > LEAST_UNIQUENESS, psi < 1)
    converged = bool(found.success) or bool(np.abs(slope[free]).max(initial=0.0) < 1e-6)
    return OneFactor(loadings if loadings.sum() >= 0 else -loadings, psi, converged, at_bound)


def _scaled_eigen(matrix: FloatArray, psi: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues (ascending) and vectors of ψ^(−½) R ψ^(−½)."""
    scale = 1 / np.sqrt(psi)
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    return values, vectors


def _loadings(matrix: FloatArray, psi: FloatArray) -> FloatArray:
    """Return the loadings of greatest likelihood for given uniquenesses, their sign still open."""
    values, vectors = _scaled_eigen(matrix, psi)
    return np.asarray(np.sqrt(psi) * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0)))


def factor(x: npt.ArrayLike, *, total: float = 1.0, names: Names = None) -> FloatArray:
    """Return weights in proportion to the loadings of a one-factor model: loading ÷ sum of loadings × ``total``.

    The English and Scottish indices weigh so the normal scores of the indicators of a domain: normalise with
    ``rank_normal`` before.

    Args:
        x: Values of children, shape (..., k, n), k ≥ 3. Areas with a missing child are left out.
        total: Sum of the weights.
        names: Names of the children, for errors.

    Returns:
        Weights, shape (..., k), none negative.

    Raises:
        MethodError: Fewer than three children; a constant child; singular correlations; a child that loads negatively;
            a search that did not end.

    Source:
        :func:`one_factor`; the weights of the English Health and Crime domains of 2025 and of Health in 2019 follow
        (tests/known/test_methods_factor.py).
    """

    def one(table: FloatArray) -> FloatArray:
        model = one_factor(_correlations(table, names, "factor"))
        if not model.converged:
            raise MethodError(
                Problem(
                    "factor", "the search for the factor did not end", remedy="State the weights instead."
                )
            )
        _refuse_negative("factor", model.loadings, names)
        return np.asarray(model.loadings * (total / model.loadings.sum()))

    return _each(_children(x, "factor"), one)


def correlation_balanced(
    x: npt.ArrayLike, *, target: npt.ArrayLike | None = None, total: float = 1.0, names: Names = None
) -> FloatArray:
    """Return weights under which every child correlates with the weighted mean in the stated proportions.

    For y = Σ wᵢ xᵢ, corr(xᵢ, y) is proportional to (R D w)ᵢ with R the correlations and D the standard deviations; so
    ``w ∝ D⁻¹ R⁻¹ target`` balances them exactly. COINr searches for the same weights by Nelder–Mead over the whole index,
    with a tolerance of 0.1 in the log of the error.

    Args:
        x: Values of children, shape (..., k, n). Areas with a missing child are left out.
        target: k positive proportions of the correlations, or None for equal ones.
        total: Sum of the weights.
        names: Names of the children, for errors.

    Returns:
        Weights, shape (..., k), none negative. They hold for the arithmetic mean and the sum of these children.

    Raises:
        MethodError: A constant child, singular correlations, a target that does not fit, or children that no weights
            of one sign can balance.

    Source:
        Becker, Saisana, Paruolo, Vandecasteele (2017), Ecological Indicators 80: 12–22; COINr ``get_opt_weights``.
    """
    children = _children(x, "correlation_balanced")
    k = children.shape[-2]
    goal = np.ones(k) if target is None else np.asarray(target, dtype=np.float64)
    if goal.shape != (k,) or not (goal > 0).all():
        raise MethodError(
            Problem(
                "correlation_balanced", "target does not fit", str(goal.tolist()), f"{k} positive numbers"
            )
        )

    def one(table: FloatArray) -> FloatArray:
        return _balance(table, goal, total, names)

    return _each(children, one)


def _balance(table: FloatArray, goal: FloatArray, total: float, names: Names) -> FloatArray:
    """Return the balancing weights of one (k, n) table, or refuse."""
    method = "correlation_balanced"
    matrix = _correlations(table, names, method)
    if np.linalg.eigvalsh(matrix)[0] < 1e-10:  # about k·ε of rounding in a singular matrix, with room
        remedy = "Leave out a child that is a sum or copy of others."
        raise MethodError(
            Problem(method, "the correlations are singular", "", "a positive definite matrix", remedy)
        )
    complete = table[:, ~np.isnan(table).any(axis=0)]
    weights = np.linalg.solve(matrix, goal) / complete.std(axis=1)
    odd = np.flatnonzero(weights < 0)
    if len(odd):
        raise MethodError(
            Problem(
                method,
                f"{_label(int(child), names)} would need a negative weight",
                f"{weights[child] / weights.sum():.3f}",
                "0 or more",
                "These children cannot be balanced: check directions, or use equal weights.",
            )
            for child in odd
        )
    return np.asarray(weights * (total / weights.sum()))


WEIGH: Mapping[str, Callable[..., FloatArray]] = MappingProxyType(
    {
        "given": given,
        "equal": equal,
        "pca": pca,
        "factor": factor,
        "correlation_balanced": correlation_balanced,
    }
)
"""Every way of weighing, by the name that a study uses: ``WEIGH[name](x, names=…, **settings)``."""
