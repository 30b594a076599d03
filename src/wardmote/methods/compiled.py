"""Whether the compiled loops are there: numba is an optional extra, and every loop has a plain twin with the same answer."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

import numpy as np

from wardmote.errors import MissingError, Problem
from wardmote.methods.checks import FloatArray


@cache
def _module() -> ModuleType | None:
    """Return the module of compiled loops, or None where numba is not installed.

    Compiling takes some seconds once; numba keeps the result on disk. Where it finds no folder to write to, it refuses with
    a RuntimeError on import, and the plain loops are used.
    """
    try:
        from wardmote.methods import _kernels
    except (ImportError, RuntimeError):
        return None
    return _kernels


def loops(fast: bool | None = None) -> ModuleType | None:
    """Return the module of compiled loops, or None for the plain ones.

    Args:
        fast: None: compiled where numba is installed; False: plain; True: compiled, or an error.

    Returns:
        The module, or None.

    Raises:
        MissingError: ``fast`` is True and numba is not installed.
    """
    if fast is False:
        return None
    found = _module()
    if fast and found is None:
        remedy = "Install wardmote[fast], or leave the choice to Wardmote."
        raise MissingError(Problem("compiled loops", "numba is not installed", remedy=remedy))
    return found


def loaded() -> ModuleType | None:
    """Return the module of compiled loops where it has been loaded already, else None.

    Loading takes half a second: what ranks a few columns does without, what ranks thousands has loaded it for its draws.
    """
    return sys.modules.get("wardmote.methods._kernels")


def refuse_overflow(*found: FloatArray) -> None:
    """Raise where a compiled sum has left the range of numbers, as numpy does by itself when it is told to raise.

    Args:
        found: What compiled loops have made of finite numbers, any shape; NaN is a missing value and passes.

    Raises:
        FloatingPointError: A number is infinite.
    """
    if np.geterr()["over"] == "raise" and any(np.isinf(array).any() for array in found):
        raise FloatingPointError("overflow encountered in a sum")
