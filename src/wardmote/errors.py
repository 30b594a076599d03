"""Every error that Wardmote raises on purpose, and what each means to a shell and to a web client.

::

    WardmoteError               anything below; never raised itself
    ├── StudyError              the study file asks for something that is not possible
    ├── InputError              a data file or a table does not hold what was expected
    ├── MethodError             a method cannot be applied to these numbers
    ├── MissingError            a file, an area, a table or a package is not there
    ├── BusyError               another run holds the study
    ├── AccessError             a licence or a sensitivity forbids what was asked
    └── WorkspaceError          a derived file is damaged, or cannot be read or written

One error carries one or more *problems*, so that a person who edits one file sees all of them at once. A problem reads
``where: what is wrong. Got X; expected Y. What to do.``

Anything else that escapes is a defect of ours, has exit code 70 and asks to be reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in the four parts that a reader needs.

    Attributes:
        where: File with line or row, table and column, or setting, as the user would look for it.
        what: What is wrong, without a full stop.
        got: What was found there, or "" where there is nothing to show.
        expected: What was expected, or "" where that is plain.
        remedy: What to do, a whole sentence with its full stop, or "".
    """

    where: str
    what: str
    got: str = ""
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Return ``where: what. Got X; expected Y. What to do.``, leaving out the empty parts."""
        got = f"Got {self.got}" if self.got else ""
        expected = f"expected {self.expected}" if self.expected else ""
        middle = "; ".join(part for part in (got, expected) if part)
        if middle:
            middle = f" {middle[0].upper()}{middle[1:]}."
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.what}.{middle}{remedy}"


class WardmoteError(Exception):
    """The root of the tree; holds the problems.

    Args:
        problems: One problem, or several that were found together (at least one).
    """

    exit_code: int = 1
    http_status: int = 500

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[WardmoteError], tuple[tuple[Problem, ...]]]:
        """Keep the problems, not their text alone, when one process tells another."""
        return type(self), (self.problems,)


class StudyError(WardmoteError):
    """The study file asks for something that is not possible: unknown keys, wrong values, missing parts."""

    exit_code = 2
    http_status = 422


class InputError(WardmoteError):
    """A data file or a table does not hold what was expected."""

    exit_code = 3
    http_status = 422


class MethodError(WardmoteError):
    """A method cannot be applied to these numbers: a constant indicator, a zero under a geometric mean."""

    exit_code = 4
    http_status = 422


class MissingError(WardmoteError):
    """A file, an area, a table or an optional package is not there."""

    exit_code = 5
    http_status = 404


class BusyError(WardmoteError):
    """Another run holds the study."""

    exit_code = 6
    http_status = 409


class AccessError(WardmoteError):
    """A licence or a sensitivity forbids what was asked."""

    exit_code = 7
    http_status = 403


class WorkspaceError(WardmoteError):
    """A derived file is damaged, or cannot be read or written."""

    exit_code = 8
    http_status = 500


DEFECT_EXIT_CODE = 70
"""Exit code for an error that we did not foresee (EX_SOFTWARE of sysexits.h)."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for any exception: the class's own, 130 for an interrupt, 70 for a defect of ours."""
    if isinstance(error, WardmoteError):
        return error.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else DEFECT_EXIT_CODE
