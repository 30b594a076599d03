"""A published folder is replaced as a whole: readers see the old one or the new one, and a failure leaves the old one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardmote.errors import Problem, WorkspaceError

OLD, NEW = ".old", ".building"
"""Endings of the names under which the old and the new folder lie while they change places."""


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Yield an empty folder to build in; it takes the place of `out` when the ``with`` block ends without an error.

    A folder cannot be swapped with another in one step everywhere, so the old one is set aside first. Killed just there, the
    next call puts it back before it starts.

    Args:
        out: The folder to replace; made with its parents where it is absent.

    Raises:
        WorkspaceError: The folder cannot be written.
    """
    old, new = out.with_name(f".{out.name}{OLD}"), out.with_name(f".{out.name}{NEW}-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if old.exists():
            if out.exists():
                shutil.rmtree(old)
            else:
                old.rename(out)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from None
    try:
        yield new
        if out.exists():
            out.rename(old)
        new.rename(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.rename(out)
        raise _cannot_write(out, error) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _cannot_write(out: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        Problem(
            str(out),
            "the folder cannot be written",
            got=error.strerror or str(error),
            remedy="Free the disk or change the folder's rights; what was published before is still there.",
        )
    )
