"""How loops are compiled: on first use, cached on disk beside their file, free of Python's lock, dividing by 0 as numpy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _with(**settings: Any) -> _Decorator:
    return cast("_Decorator", numba.njit(cache=True, nogil=True, error_model="numpy", **settings))


compiled = _with()
"""No sum in another order, no fused multiply-add: the same bits as the plain loops."""

any_order = _with(fastmath={"reassoc", "nsz"})
"""Sums in any order, for what is decided by a wide margin only."""
