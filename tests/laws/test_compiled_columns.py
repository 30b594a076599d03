"""Laws of the compiled passes over columns: the same bytes as the plain ones, in every length of row and with ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.methods import columns, normalise, treat
from wardmote.methods.compiled import loops

pytestmark = pytest.mark.skipif(loops() is None, reason="numba is not installed")


def rows_of(seed: int, n: int, *, rows: int = 3) -> np.ndarray:
    """Return rows with ties, a long tail and a far outlier or two."""
    rng = np.random.default_rng(seed)
    made = np.round(np.exp(rng.normal(size=(rows, n)) * rng.uniform(0.2, 1.4, (rows, 1))), 3)
    made[0, : rng.integers(0, 3)] *= 40
    return made


def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "loaded", lambda: None)
    monkeypatch.setattr(treat, "loaded", lambda: None)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(5, 3000),
    sign=st.sampled_from([1, -1]),
    lower=st.sampled_from([0.0, 1.0]),
)
def test_scales_and_moments_are_the_same_bytes_compiled_and_plain(
    seed: int, n: int, sign: int, lower: float
) -> None:
    rows = rows_of(seed, n)
    found = []
    for plain in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if plain:
                plainly(patch)
            found.append(
                (
                    normalise.minmax(rows, direction=sign, lower=lower),
                    normalise.zscore(rows, direction=sign, mean=lower),
                    *treat.moments(rows),
                    treat.skew_kurt(rows)[0],
                )
            )
    for compiled, plain_one in zip(*found, strict=True):
        assert compiled.tobytes() == plain_one.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(2, 3000),
    sign=st.sampled_from([1, -1]),
    method=st.sampled_from(["minmax", "zscore"]),
)
def test_adding_by_the_way_is_scaling_and_adding(seed: int, n: int, sign: int, method: str) -> None:
    rows = rows_of(seed, n)
    if (rows.min(axis=1) == rows.max(axis=1)).any():
        return
    rng = np.random.default_rng(seed)
    weights, start = rng.uniform(0, 1, 2), rng.normal(size=(2, n))
    scale = columns.scale_of(method, {}, sign)
    assert scale is not None
    assert columns.can_add(scale, n)
    at = np.array([2, 0])
    scaled = normalise.NORMALISE[method](rows[at], direction=sign)
    total = start.copy()
    assert columns.add_scaled(total, rows, at, weights, scale, first=False) is not None
    assert total.tobytes() == (start + weights[:, None] * scaled).tobytes()


def test_a_row_without_a_scale_is_told() -> None:
    rows, scale = np.ones((1, 40)), columns.scale_of("minmax", {}, 1)
    assert scale is not None
    total = np.zeros((1, 40))
    assert columns.add_scaled(total, rows, np.array([0]), np.ones(1), scale, first=True) is None
    assert columns.scale_of("rank", {}, 1) is None
    assert columns.scale_of("minmax", {"lower": [0.0, 1.0]}, 1) is None
