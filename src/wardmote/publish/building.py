"""A site while it is built: unchanged files are taken over from the site before, changed ones are written.

Every file has a digest of what it was made from. Where the digest is the one that the file of the site before was made from, that
file is linked into the new folder and nothing is rendered. So one changed number writes few files, and yet the new folder is whole
before it takes the place of the old one (`wardmote.publish.folder.replaced`). Where nothing at all has changed since a site was
built, and nobody has touched its files, it simply stays (`stands`).
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from wardmote.errors import Problem, WardmoteError, WorkspaceError
from wardmote.publish.folder import blamed

Made = tuple[str, int, int]
"""What is known of one file: digest of what it was made from, its size, its time of change in nanoseconds."""

RECORD_FORMAT = 2
"""Layout of the record of a site; one of another layout counts as none, so that everything is made again."""

LONGEST, HEAD = 120, 80
"""Longest name of a file that tells a whole code, and how much of a longer one is kept before its digest: two names and an ending
make one file in places."""

FEWEST = 150
"""Fewest pages for which further processes are started: below it starting them takes as long as the pages."""


def digest(*parts: Any) -> str:
    """Return a short digest of what a file is made from: texts, numbers, and records of them.

    Args:
        parts: Anything whose ``repr`` tells all of it.
    """
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass"))
        found.update(b"\0")
    return found.hexdigest()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for cycles of dead objects a hundred times less often while a site is made.

    A build makes millions of objects that live until its end and hardly any cycles, so looking through them again and again only
    takes time: a twelfth of the build with one changed number.
    """
    before = gc.get_threshold()
    gc.set_threshold(before[0] * 100, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@lru_cache(maxsize=100_000)
def safe_name(text: str) -> str:
    """Return a text as the name of a file and of its address: other signs than letters, digits and hyphens as ``_`` and their code.

    File systems end names at 255 bytes. A name of more than `LONGEST` letters is its beginning, ``_-``, and a digest of the whole
    (FNV-1a of 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/), so it has an odd number of ``_``, as no other name has. The
    browser works out the same names (``wardmote.fileName``), without waiting and without a server, which is why the digest is no
    cryptographic one: browsers have those only for pages from a server, and only as promises.

    Args:
        text: A code from the data, which may hold anything. Different texts give different names.
    """
    name = "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}_" for c in text)
    if len(name) <= LONGEST:
        return name
    head = name[:HEAD]
    if head.count("_") % 2:  # a sign is not cut in two
        head = head[: head.rindex("_")]
    return f"{head}_-{_fnv(name):016x}"


def _fnv(text: str) -> int:
    """Return the FNV-1a digest of 64 bits of a text of ASCII letters."""
    found = 0xCBF29CE484222325
    for byte in text.encode("ascii"):
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found


class Build:
    """One build of a site.

    Args:
        folder: The empty folder to build in.
        before: The folder of the site that stands, whose unchanged files are taken over.
        ingredients: Digest of what every page shares (templates, words, version); another one renders everything anew.
    """

    def __init__(self, folder: Path, before: Path, ingredients: str = "") -> None:
        self.folder = folder
        self.before = before
        self.ingredients = ingredients
        self.made: dict[str, Made] = {}
        self.written: list[str] = []
        record = _read_record(record_of(before))
        self._known, self._told = record.files, record.facts
        self._facts: dict[str, tuple[str, Any]] = {}
        self._folders: set[str] = set()

    def keep(self, path: str, made_from: str) -> bool:
        """Return whether the file of the site before could be taken over as it is.

        Args:
            path: The file, relative to the site.
            made_from: Digest of what it would be made from.
        """
        mine, known = self.made.get(path), self._known.get(path)
        if mine is not None and mine[0] == made_from:  # made already in this build
            return True
        return known is not None and known[0] == made_from and self._take_over(path, known)

    def stood(self, path: str) -> bool:
        """Return whether the site before has a file.

        Args:
            path: The file, relative to the site.
        """
        return path in self._known

    def _take_over(self, path: str, known: Made) -> bool:
        """Link the file of the site before into the new one; return whether it could be."""
        old, new = f"{self.before}{os.sep}{path}", self._place(path)
        try:
            if not _untouched(old, known):
                return False
            try:
                os.link(old, new)
            except FileExistsError:  # asked for once already, and another file of its group had to be made
                return True
            except OSError:  # a file system without links
                shutil.copy2(old, new)
        except OSError:
            return False
        self.made[path] = known
        return True

    def _held(self, path: str, data: bytes) -> Made | None:
        """Return what is known of the file of the site before, if it holds just these bytes although it was made from something else."""
        known = self._known.get(path)
        if known is None or known[1] != len(data):
            return None
        old = f"{self.before}{os.sep}{path}"
        try:
            return known if _untouched(old, known) and Path(old).read_bytes() == data else None
        except OSError:
            return None

    def _place(self, path: str) -> str:
        """Return where a file of the new site goes, in a folder that is there."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        return f"{self.folder}{os.sep}{path}"

    def put(self, path: str, content: str | bytes, made_from: str = "") -> None:
        """Write one file, or take over the one before where it holds the same.

        Args:
            path: The file, relative to the site.
            content: What it holds.
            made_from: Digest of what it was made from; of the content by default.
        """
        data = content.encode("utf-8") if isinstance(content, str) else content
        made_from = made_from or digest(data)
        if self.keep(path, made_from):
            return
        same = self._held(path, data)
        if same and self._take_over(path, (made_from, *same[1:])):
            return
        target = self._place(path)
        if path in self.made:  # a link to the old file must not be written through
            os.unlink(target)  # noqa: PTH108  # as below
        with open(target, "wb") as file:  # noqa: PTH123  # thousands of files: a path object each takes as long as the writing
            file.write(data)
        self.note(path, made_from)

    def note(self, path: str, made_from: str) -> None:
        """Note a file that was written by other hands.

        Args:
            path: The file, relative to the site.
            made_from: Digest of what it was made from.
        """
        state = os.stat(f"{self.folder}{os.sep}{path}")  # noqa: PTH116  # as above
        self.made[path] = (made_from, state.st_size, state.st_mtime_ns)
        self.written.append(path)

    def recall(self, name: str, made_from: str) -> Any:
        """Return what `remember` noted when the site before was built from the same; None where it did not.

        Args:
            name: Name of the note.
            made_from: Digest of what it was made from.
        """
        told = self._facts.get(name, self._told.get(name))
        if told is None or told[0] != made_from:
            return None
        self._facts[name] = told
        return told[1]

    def remember(self, name: str, made_from: str, fact: Any) -> None:
        """Note what the next build need not work out again.

        Args:
            name: Name of the note.
            made_from: Digest of what it was made from.
            fact: Anything that JSON holds, not None.
        """
        self._facts[name] = (made_from, fact)

    def each(self, work: Sequence[tuple[str, str, Any]], make: Callable[[Any], str | bytes]) -> None:
        """Make many files, on all processors that this process may use; those of the site before are taken over first.

        Args:
            work: For each file its path, the digest of what it is made from (as `keep` asks for them), and what `make` makes it of.
            make: Returns what a file holds. It must use no threads of its own.

        Raises:
            WorkspaceError: Files could not be written.
        """
        left = [one for one in work if not self.keep(one[0], one[1])]

        def put_all(share: Sequence[tuple[str, str, Any]]) -> None:
            for path, made_from, item in share:
                self.put(path, make(item), made_from)

        workers = _processors() if len(left) >= FEWEST else 1
        if workers == 1:
            put_all(left)
            return
        shares = [left[number::workers] for number in range(workers)]
        self._join([self._start(lambda share=share: put_all(share)) for share in shares])  # type: ignore[misc]  # each its own

    @contextmanager
    def beside(self, make: Callable[[], None]) -> Iterator[None]:
        """Make files in a copy of this process while the ``with`` block makes others.

        They are made after it where there is one processor alone, or no site before.

        Args:
            make: Makes files by `put`, `keep` or `note`. What it leaves in memory is not seen here.

        Raises:
            WardmoteError: What `make` raised; as `WorkspaceError` where it was none of ours.
        """
        if _processors() == 1 or not self._known:
            # Where nothing stands yet, all processors are busy with pages, and another copy would only need more memory.
            yield
            make()
            return
        child, ours = self._start(make)
        try:
            yield
        except BaseException:
            child.kill()
            child.join()
            raise
        self._join([(child, ours)])

    def _start(self, make: Callable[[], None]) -> tuple[Any, Any]:
        """Start a copy of this process, which sees its memory without copying it; return it with the end of its pipe."""
        import multiprocessing

        context = multiprocessing.get_context("fork")
        gc.freeze()  # the children do not touch, and so do not copy, what is there already
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=self._child, args=(make, theirs))
        child.start()
        theirs.close()
        return child, ours

    def _join(self, running: Sequence[tuple[Any, Any]]) -> None:
        """Take over what the copies made, when all have ended."""
        failed: list[WardmoteError | str] = []
        for child, ours in running:
            try:
                made, written, facts, error = ours.recv()
                self.made.update(made)
                self.written += written
                self._facts.update(facts)
            except EOFError:
                error = "a process ended before its time"
            child.join()
            ours.close()
            failed += [error] if error else []
        gc.unfreeze()
        if failed:
            first = failed[0]
            if isinstance(first, WardmoteError):
                raise first
            raise WorkspaceError(Problem(str(self.before), "pages could not be written", got=first))

    def _child(self, make: Callable[[], None], send: Any) -> None:
        """Make one share of the files and send what was made."""
        # What was made and noted before stays known here; only what is new is sent.
        made, facts, written = dict(self.made), dict(self._facts), len(self.written)
        error: WardmoteError | str = ""
        try:
            make()
        except WardmoteError as problem:
            error = problem
        except OSError as problem:
            error = blamed(problem, self.folder, self.before)
        except Exception as problem:  # told by the parent, with its kind
            error = f"{type(problem).__name__}: {problem}"
        new = {path: one for path, one in self.made.items() if made.get(path) != one}
        told = {name: one for name, one in self._facts.items() if facts.get(name) != one}
        send.send((new, self.written[written:], told, error))
        send.close()

    def finish(self, whole: str = "") -> None:
        """Write the record of what was made from what, beside the site; call it when the site stands.

        Args:
            whole: Digest of everything that the site was made from, for `stands`.
        """
        record = record_of(self.before)
        writing = record.with_name(f"{record.name}.{os.getpid()}.writing")
        content = {"format": RECORD_FORMAT, "whole": whole, "files": self.made, "facts": self._facts}
        try:
            writing.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
            writing.replace(record)
        except OSError:
            # The site stands; without a record the next build makes everything again.
            writing.unlink(missing_ok=True)


def stands(site: Path, whole: str) -> bool:
    """Return whether a site was built from the same, has all its files as they were written, and no others.

    Args:
        site: Folder of the site.
        whole: Digest of everything that it would be made from.
    """
    record = _read_record(record_of(site))
    if not whole or record.whole != whole:
        return False
    there: dict[str, tuple[int, int]] = {}
    pending = [""]
    try:
        while pending:
            folder = pending.pop()
            with os.scandir(f"{site}{os.sep}{folder}") as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{folder}{entry.name}/")
                    else:
                        state = entry.stat(follow_symlinks=False)
                        there[f"{folder}{entry.name}"] = state.st_size, state.st_mtime_ns
    except OSError:
        return False
    return there == {path: made[1:] for path, made in record.files.items()}


def record_of(site: Path) -> Path:
    """Return where the record of a site's files lies: beside it, so that it is not published.

    Args:
        site: Folder of the site.
    """
    return site.with_name(f".{site.name}.made.json")


@dataclass(frozen=True, slots=True)
class _Record:
    """What is known of the site before: digest of all, its files, and notes by name with the digests of what they were made from."""

    whole: str
    files: dict[str, Made]
    facts: dict[str, tuple[str, Any]]


def _read_record(path: Path) -> _Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != RECORD_FORMAT:
            return _Record("", {}, {})
        return _Record(
            str(record["whole"]),
            {name: (str(row[0]), int(row[1]), int(row[2])) for name, row in record["files"].items()},
            {name: (str(row[0]), row[1]) for name, row in record["facts"].items()},
        )
    except (OSError, ValueError, TypeError, IndexError, AttributeError, KeyError):
        return _Record("", {}, {})  # no record, or a damaged one: everything is made again


def _untouched(path: str, known: Made) -> bool:
    """Return whether a file is as it was written: one that somebody changed by hand is made again."""
    state = os.stat(path)  # noqa: PTH116  # thousands of files: path objects take longer than the system
    return (state.st_size, state.st_mtime_ns) == (known[1], known[2])


def _processors() -> int:
    """Return how many copies of this process may work at once: only Linux copies processes safely, and tells how many it may use."""
    return min(len(os.sched_getaffinity(0)), 8) if sys.platform.startswith("linux") else 1
