"""What was made from what: the records of the ledger, and every question that they alone can answer.

A *task* is one stage at work for one section of the study (``index.imd``). A *part* is the piece of a table that a task wrote. The
*ingredients* of a task are everything that its outputs depend on, each with a hash: the section of the study, the parts and raw
files that it read, the code that computed it, the versions of the libraries beneath. Same ingredients, same outputs; so a task whose
ingredients stand in the ledger need not run again. *Ancestry* follows the inputs back to raw files; licences and sensitivity travel
along it.

Nothing here opens a table or imports a numerical library: currency, ancestry and the export rule are decided from the ledger.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from wardmote.errors import AccessError, Problem
from wardmote.tables import TABLES, strictest, table

PACKAGE = Path(__file__).parent
"""Folder of the installed package."""

LIBRARIES = ("numpy", "pandas", "scipy", "pyarrow", "geopandas", "shapely", "libpysal", "openpyxl")
"""Libraries whose version can change a number, so that their versions are ingredients of every task."""

LEDGER_FORMAT = 1
"""Layout of ``lineage.json``; a ledger of another layout counts as none, so everything is made again."""


@dataclass(frozen=True, slots=True)
class Part:
    """The piece of one table that one task wrote.

    Attributes:
        table: The table.
        stage: The stage that wrote it.
        id: The section that it was written for.
        file: Name of the file under ``out/tables``.
        sha256: Checksum of the file's bytes.
        size: Size of the file in bytes.
        mtime_ns: Time of last change in nanoseconds, by which an untouched file is known without hashing it.
        rows: How many rows it holds.
        contents: The distinct values of its columns `indicator`, `level` and `period`, so that stages read only parts that they need.
    """

    table: str
    stage: str
    id: str
    file: str
    sha256: str
    size: int
    mtime_ns: int
    rows: int
    contents: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawNote:
    """One raw file that a source was read from.

    Attributes:
        path: Where it lies, relative to the study where it lies inside.
        address: Where it came from.
        retrieved: When it was fetched, ISO 8601.
        sha256: Its checksum.
        form: publisher, mirror or user.
        size: Its size in bytes when it was read.
        mtime_ns: Its time of last change when it was read.
    """

    path: str
    address: str
    retrieved: str
    sha256: str
    form: str
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One task as it last ran.

    Attributes:
        stage: The stage.
        id: The section of the study.
        ingredients: Hash by ingredient: ``spec``, ``code``, ``versions``, ``input FILE``, ``raw PATH`` and so on.
        spec: The section as it was when the task ran, so that choices can be explained after the study has changed.
        parts: What it wrote.
        idle: Part files that it read and that added nothing, since open sources state the same: no ancestors of its outputs.
        raw: The raw files that it read.
        sources: All sources that it goes back to.
        access: The strictest access of these sources.
        licence: Licence of a source; "" for what is made from several.
        repeats: Whether its rows repeat what suppliers published (then ``derived-only`` sources forbid publishing them).
        own: Access by source of files that it read itself, though it is no stage of sources: files of findings. Its raw rows repeat them.
        seed: Seed of its random choices, or None where it makes none.
        when: When it ran, ISO 8601 with offset.
        seconds: How long it took, wall time.
        rows_in: Rows read.
        rows_out: Rows written.
        findings: Its findings in sentences.
    """

    stage: str
    id: str
    ingredients: dict[str, str]
    spec: Any = None
    parts: tuple[Part, ...] = ()
    idle: tuple[str, ...] = ()
    raw: tuple[RawNote, ...] = ()
    sources: tuple[str, ...] = ()
    access: str = "open"
    licence: str = ""
    repeats: bool = False
    own: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    when: str = ""
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    findings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of the task: the stage, with the section's ID where it has one."""
        return task_key(self.stage, self.id)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the part files that it was made from."""
        read = (name.removeprefix("input ") for name in self.ingredients if name.startswith("input "))
        return tuple(name for name in read if name not in self.idle)


def task_key(stage: str, section: str) -> str:
    """Return the name of a task: ``index.imd``, or ``areas`` where stage and section are one.

    Args:
        stage: The stage.
        section: The section's ID.
    """
    return stage if stage == section else f"{stage}.{section}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One part that may not be published, and who forbids it.

    Attributes:
        part: The part.
        sources: The sources whose licence forbids it; empty where the table is sensitive.
        reason: Why, one sentence.
    """

    part: Part
    sources: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All tasks as they last ran.

    Attributes:
        entries: The entries by task, in the order in which they ran.
        complete: The stamp of the last run that left everything current, or None; see `stamp`.
        damaged: Whether ``lineage.json`` was there and could not be read.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    complete: dict[str, Any] | None = None
    damaged: bool = False

    def as_json(self) -> str:
        """Return the ledger as the text of ``lineage.json``."""
        document = {
            "format": LEDGER_FORMAT,
            "complete": self.complete,
            "entries": {key: asdict(entry) for key, entry in self.entries.items()},
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """Return the ledger of a text; one marked as damaged where the text is not a ledger of this layout."""
        try:
            document = json.loads(text)
            if document["format"] != LEDGER_FORMAT:
                return cls()
            entries = {key: _entry(raw) for key, raw in document["entries"].items()}
            return cls(entries, document["complete"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(damaged=True)

    def with_entry(self, entry: Entry) -> Ledger:
        """Return a ledger in which the entry replaces the one of its task, and no run counts as complete."""
        kept = {key: old for key, old in self.entries.items() if key != entry.key}
        return Ledger({**kept, entry.key: entry})

    def without(self, keys: Iterable[str]) -> Ledger:
        """Return a ledger without the entries of some tasks."""
        gone = set(keys)
        return Ledger({key: entry for key, entry in self.entries.items() if key not in gone}, self.complete)

    def parts(self, name: str, sections: Iterable[str] | None = None) -> tuple[Part, ...]:
        """Return the parts of a table in the order of stages' and sections' names, so that no order of running shows in results.

        Args:
            name: The table.
            sections: Only the parts of these sections (IDs); all by default.
        """
        wanted = None if sections is None else set(sections)
        found = (
            part
            for entry in self.entries.values()
            for part in entry.parts
            if part.table == name and (wanted is None or part.id in wanted)
        )
        return tuple(sorted(found, key=lambda part: (part.stage, part.id)))

    def writer(self, file: str) -> Entry | None:
        """Return the entry of the task that wrote a part file, or None."""
        for entry in self.entries.values():
            if any(part.file == file for part in entry.parts):
                return entry
        return None

    def ancestors(self, keys: Iterable[str]) -> tuple[Entry, ...]:
        """Return the entries of tasks and of everything that they were made from, nearest to the raw files first.

        The walk stops at parts of sensitive tables: what such a table was made from is not told.

        Args:
            keys: Names of tasks.
        """
        files = {part.file: (entry, part) for entry in self.entries.values() for part in entry.parts}
        found: dict[str, Entry] = {}

        def visit(entry: Entry) -> None:
            if entry.key in found:
                return
            for name in entry.inputs:
                if name in files and not TABLES[files[name][1].table].sensitive:
                    visit(files[name][0])
            found[entry.key] = entry

        for key in keys:
            if key in self.entries:
                visit(self.entries[key])
        return tuple(found.values())

    def exportable(self, names: Iterable[str]) -> tuple[tuple[Part, ...], tuple[Refusal, ...]]:
        """Return the parts of tables that may be published, and those that may not with the reason.

        A sensitive table is never published. Nothing made from a private source is. Rows that repeat what a ``derived-only``
        source published are not; rows computed from them are.

        Args:
            names: Tables.

        Raises:
            MissingError: A table is not declared.
        """
        allowed: list[Part] = []
        refused: list[Refusal] = []
        for name in names:
            table(name)
            for part in self.parts(name):
                refusal = self._refusal(part)
                if refusal is None:
                    allowed.append(part)
                else:
                    refused.append(refusal)
        return tuple(allowed), tuple(refused)

    def _refusal(self, part: Part) -> Refusal | None:
        """Return why a part may not be published, or None where it may."""
        declared = TABLES[part.table]
        if declared.sensitive:
            return Refusal(part, (), f"The table {part.table} speaks of persons and is never published.")
        entry = self.entries[task_key(part.stage, part.id)]
        raw = declared.rows == "raw"
        repeats = raw and (entry.repeats or bool(entry.own))
        forbidding = {
            source: access
            for source in entry.sources
            if (access := self.access_of(source)) == "private"
            or (raw and (entry.repeats or source in entry.own) and access == "derived-only")
        }
        if not forbidding:
            return None
        told = " and ".join(f"{source} ({access})" for source, access in forbidding.items())
        what = "repeat rows of" if repeats else "are made from"
        return Refusal(
            part, tuple(forbidding), f"Its rows {what} {told}, whose licence does not allow publishing them."
        )

    def access_of(self, source: str) -> str:
        """Return the access of a source: open, derived-only or private; private where it is not known, the strictest where files share a
        name."""
        found = [one.own[source] for one in self.entries.values() if source in one.own]
        entry = self.entries.get(task_key("sources", source))
        if entry is not None:
            found.append(entry.access)
        return strictest(found) if found else "private"

    def may_export(self, name: str) -> tuple[Part, ...]:
        """Return the parts of a table, all of which may be published.

        Args:
            name: The table.

        Raises:
            AccessError: Some may not; each problem names the sources that forbid it and the derived tables that may be had.
            MissingError: No such table is declared.
        """
        allowed, refused = self.exportable([name])
        if refused:
            raise AccessError(
                Problem(
                    f"table {name}, {item.part.stage} {item.part.id}",
                    "it may not be published",
                    got=item.reason.rstrip("."),
                    remedy=self._instead(item.sources),
                )
                for item in refused
            )
        return allowed

    def _instead(self, sources: tuple[str, ...]) -> str:
        """Return which derived tables may be published although they go back to these sources."""
        hers = [
            name
            for name in TABLES
            if TABLES[name].rows == "derived"
            and any(
                set(sources) & set(self.entries[task_key(p.stage, p.id)].sources) for p in self.parts(name)
            )
            and not self.exportable([name])[1]
        ]
        return f"These tables made from it may be: {', '.join(hers)}." if sources and hers else ""


def _entry(raw: Mapping[str, Any]) -> Entry:
    """Return an entry from its JSON form."""
    values = dict(raw)
    values["parts"] = tuple(Part(**part) for part in raw["parts"])
    values["raw"] = tuple(RawNote(**note) for note in raw["raw"])
    for name in ("idle", "sources", "findings"):
        values[name] = tuple(raw[name])
    return Entry(**values)


def inherited_access(entries: Iterable[Entry]) -> str:
    """Return the strictest access of several entries; "open" for none."""
    return strictest(entry.access for entry in entries)


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a JSON value; the order of keys counts, since steps and trees are ordered.

    Args:
        value: Anything that JSON can hold.
    """
    return digest_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_IMPORT = re.compile(
    r"^\s*(?:from\s+(wardmote[\w.]*)\s+import\s+(?:\(([^)]*)\)|([\w ,]*))|import\s+(wardmote[\w.]*))",
    re.MULTILINE,
)


@cache
def code_hash(module: str) -> str:
    """Return the SHA-256 of the code that a stage runs: its module and everything of ours that this imports.

    Imports are followed as they stand in the text, so that nobody has to list them. A package that is imported counts with all its
    modules, since its members may be chosen by name.

    Args:
        module: Dotted name of the stage's module, for instance ``wardmote.index``.
    """
    files: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for file in _files_of(name):
            if file not in files:
                files.add(file)
                waiting += _imported(file.read_text(encoding="utf-8"))
    code = hashlib.sha256()
    for file in sorted(files):
        code.update(f"{file.relative_to(PACKAGE).as_posix()}\0".encode())
        code.update(file.read_bytes())
    return code.hexdigest()


def _files_of(module: str) -> list[Path]:
    """Return the files of one of our modules; all modules of a package; none for the root, which only re-exports."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    if path == PACKAGE:
        return []
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    file = path.with_suffix(".py")
    return [file] if file.is_file() else []


def _imported(text: str) -> Iterator[str]:
    """Yield the names of our modules that a module's text imports, and the names imported from them, which may be modules."""
    for match in _IMPORT.finditer(text):
        base = match.group(1) or match.group(4)
        yield base
        for name in (match.group(2) or match.group(3) or "").split(","):
            if name.strip():
                yield f"{base}.{name.split()[0]}"


@cache
def versions() -> dict[str, str]:
    """Return the version of each library whose change can change a number; libraries that are not installed are left out."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def package_stamp() -> str:
    """Return a hash over size and time of change of every file of the package that computes: Python and recipes."""
    stamp = hashlib.sha256()

    def visit(folder: str) -> None:
        with os.scandir(folder) as items:
            for item in sorted(items, key=lambda entry: entry.name):
                if item.is_dir():
                    if item.name != "__pycache__":
                        visit(item.path)
                elif item.name.endswith((".py", ".toml")):
                    state = item.stat()
                    stamp.update(f"{item.path}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())

    visit(str(PACKAGE))
    return stamp.hexdigest()


def stamp(study_file: Path) -> dict[str, Any]:
    """Return what must stay the same for a complete run to stay complete, cheap enough to take at every start.

    The study's text is hashed; the package is taken by size and time of change of its files. The runner adds, as ``watched``, size
    and time of change of each raw file and recipe, as they were before they were read.

    Args:
        study_file: The ``study.toml``.
    """
    return {"study": digest_file(study_file), "package": package_stamp(), "versions": versions()}


def file_state(path: Path) -> list[int]:
    """Return size in bytes and time of change in nanoseconds; an empty list where there is no such file."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]
