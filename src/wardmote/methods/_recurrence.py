"""Formulas that compiled and plain loops share: written once, so that both give the same bits.

Each works on single numbers, where numba compiles it, and on arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def mix(word: Any) -> Any:
    """Return 64 random-looking bits for a word: the finaliser of SplitMix64. Words wrap, as is meant."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def ratio_up(family: int, k: Any, size: Any, a: Any, b: Any) -> Any:
    """Return P(k + 1) ÷ P(k): family 0 binomial (a = odds), 1 Poisson (a = mean), 2 beta-binomial (a, b)."""
    if family == 0:
        return (size - k) * a / (k + 1.0)
    if family == 1:
        return a / (k + 1.0)
    return (size - k) * (k + a) / ((k + 1.0) * (size - k - 1.0 + b))


def ratio_down(family: int, k: Any, size: Any, a: Any, b: Any) -> Any:
    """Return P(k − 1) ÷ P(k)."""
    if family == 0:
        return k / ((size - k + 1.0) * a)
    if family == 1:
        return k / a
    return k * (size - k + b) / ((size - k + 1.0) * (k - 1.0 + a))
