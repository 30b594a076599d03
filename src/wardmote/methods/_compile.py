"""How loops are compiled: on first use, cached on disk beside their file, free of Python's lock, dividing by 0 as numpy does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba
from numba.core.caching import FunctionCache

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def sources(folder: Path = Path(__file__).parent) -> str:
    """Return the SHA-256 of all files that hold compiled loops, or what these call.

    Args:
        folder: Where they lie: names that begin with an underscore.
    """
    found = hashlib.sha256()
    for file in sorted(folder.glob("_*.py")):
        found.update(f"{file.name}\0".encode() + file.read_bytes())
    return found.hexdigest()


SOURCES = sources()
"""What the loops were compiled from."""


class _Kept(FunctionCache):
    """Compiled code on disk, taken only where no file of loops changed.

    numba looks at the file of the function alone, but the code of all that it calls is compiled into it: without this, a changed
    formula in another file would go unnoticed, and compiled and plain loops would differ.
    """

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*cast("Any", super())._index_key(sig, codegen), SOURCES)


def _with(**settings: Any) -> _Decorator:
    jit = cast("_Decorator", numba.njit(nogil=True, error_model="numpy", **settings))

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        made = cast("Any", jit(function))
        made._cache = cast("Any", _Kept)(function)
        return cast("Callable[..., Any]", made)

    return make


compiled = _with()
"""No sum in another order, no fused multiply-add: the same bits as the plain loops."""

any_order = _with(fastmath={"reassoc", "nsz"})
"""Sums in any order, for what is decided by a wide margin only."""
