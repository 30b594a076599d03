"""A published folder is replaced as a whole: readers see the old one or the new one, and a failure leaves the old one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardmote.errors import Problem, WorkspaceError

OLD, NEW = ".old", ".building"
"""Endings of the names under which the old and the new folder lie while they change places."""

EXCHANGE, HERE = 2, -100
"""``RENAME_EXCHANGE`` and ``AT_FDCWD`` of Linux (renameat2(2), since kernel 3.15 and glibc 2.28)."""

CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
"""What kernels, file systems and sandboxes answer that cannot let two folders change places in one step."""


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """Yield an empty folder to build in; it takes the place of `out` when the ``with`` block ends without an error.

    Where `out` is a link to a folder, as to that of a web server, the folder at its end is replaced and the link stays.

    On Linux the two change places in one step, so there is no moment without a whole folder. Where the system cannot do that, the old
    folder is set aside first; killed just there, the next call puts it back before it starts. What killed calls left behind goes too.

    Args:
        out: The folder to replace; made with its parents where it is absent.

    Raises:
        WorkspaceError: The folder cannot be written, or what the block reads elsewhere cannot be read.
    """
    out = _real(out)
    old, new = out.with_name(f".{out.name}{OLD}"), out.with_name(f".{out.name}{NEW}-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _tidy(out, old)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from None
    try:
        yield new
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, OSError):
            raise blamed(error, new, out) from None
        raise
    try:
        if not out.exists():
            new.rename(out)
        elif not exchange(new, out):
            out.rename(old)
            new.rename(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.rename(out)
        raise _cannot_write(out, error) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)  # the unfinished folder, or the old one after the exchange
    shutil.rmtree(old, ignore_errors=True)


def blamed(error: OSError, new: Path, out: Path) -> WorkspaceError:
    """Return an error of the system in our words: of the folder that was written, unless it names a file elsewhere.

    Args:
        error: What the system refused. A full disk names no file.
        new: The folder that was being built.
        out: The folder that it was to replace.
    """
    named = [
        Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)
    ]
    if not named or any(file.is_relative_to(new) for file in named):
        return _cannot_write(out, error)
    return WorkspaceError(
        Problem(
            str(named[0]),
            "the file cannot be used",
            got=error.strerror or str(error),
            remedy="See that it is there, is a file and may be read; what was published before is still there.",
        )
    )


def _real(out: Path) -> Path:
    """Return the folder at the end of links."""
    try:
        return out.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return out


def exchange(one: Path, other: Path) -> bool:
    """Return whether two folders have changed places in one step; False where the system cannot do that.

    Args:
        one: A folder.
        other: Another one in the same file system.

    Raises:
        OSError: The system can do it, but not with these two.
    """
    import ctypes

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # another system, or an older one
        return False
    if rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one))


def _tidy(out: Path, old: Path) -> None:
    """Put the old folder back where a kill left none, and remove what killed builds left unfinished."""
    if old.exists():
        if out.exists():
            shutil.rmtree(old)
        else:
            old.rename(out)
    for left in out.parent.glob(f".{out.name}{NEW}-*"):
        if not _alive(left.name.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)


def _alive(number: str) -> bool:
    """Return whether there is a process with this number; where the system does not tell, it counts as alive."""
    if os.name != "posix" or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)  # signal 0 asks without disturbing (kill(2))
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _cannot_write(out: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        Problem(
            str(out),
            "the folder cannot be written",
            got=error.strerror or str(error),
            remedy="Free the disk or change the folder's rights; what was published before is still there.",
        )
    )
