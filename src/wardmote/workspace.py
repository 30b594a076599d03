"""The only code that touches derived files: the tables of a study, their ledger, and the lock that one run holds.

Under ``out/`` of a study lie ``raw/``, ``tables/<table>.<stage>.<id>.parquet``, ``lineage.json``, ``site/``, ``report/`` and
``data-package/``. Everything but ``raw/`` can be deleted and is made again by the next run.

How a table is replaced, so that a run may be killed at any moment: (1) each new part is written beside the old one under a name that
ends in its checksum and ``.new``, and flushed to disk; (2) the ledger is replaced, in one atomic rename, by one that names the new
parts: from here on they count; (3) they are renamed over the old ones. A kill before (2) leaves the old parts and stray files, which
the next run removes; a kill after (2) leaves new parts under their ``.new`` names, where readers find them and the next run finishes
the renaming. At no moment does a reader see half a table, or half of what one task wrote.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from wardmote.errors import BusyError, MissingError, Problem, WorkspaceError
from wardmote.lineage import Entry, Ledger, Part, digest_file
from wardmote.tables import Table, arrow_schema, empty, table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ROWS_PER_GROUP = 1 << 17
"""Rows of one Parquet row group: fixed, so that the same rows give the same bytes; about a megabyte of one column."""

LISTS_PER_GROUP = 1 << 13
"""The same where a row holds a whole list, such as a rank in each of 200 draws: writing and reading then take a third of the memory."""

COMPRESSION_LEVEL = 1
"""Level of zstd: on the scores of 33,755 areas, level 3 takes a third longer and saves 4% of the bytes."""

POLL_SECONDS = 0.1
"""How often a waiting run looks whether the other one has finished; short beside any run, cheap beside any machine."""

WAIT_SECONDS = 60.0
"""How long a run waits for another one by default: England takes a few seconds, a first download a minute."""

SCRATCH = ".looking-"
"""Begin of the name of a folder in which a refused study is looked at; nothing in it is kept."""

CONTENTS = ("indicator", "level", "period")
"""Columns whose distinct values the ledger keeps, so that a stage finds the parts that it needs without opening any."""


class Workspace:
    """The derived files of one study.

    Args:
        folder: The study's folder (the one with ``study.toml``).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.tables = self.out / "tables"
        self.raw = self.out / "raw"
        self.site = self.out / "site"
        self.data_package = self.out / "data-package"
        self._ledger: Ledger | None = None
        self._writing = threading.Lock()

    # ---- the ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger as it stood when it was first asked for, or last written or reloaded here."""
        if self._ledger is None:
            self._ledger = self.reload()
        return self._ledger

    def reload(self) -> Ledger:
        """Return the ledger as it stands on disk now, and keep it."""
        try:
            self._ledger = Ledger.from_json((self.out / "lineage.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            self._ledger = Ledger()
        except UnicodeDecodeError:
            self._ledger = Ledger(damaged=True)
        return self._ledger

    def _save(self, ledger: Ledger) -> None:
        """Replace ``lineage.json`` in one atomic rename."""
        write_atomically(self.out / "lineage.json", ledger.as_json().encode())
        self._ledger = ledger

    # ---- the lock

    @contextmanager
    def lock(self, wait: float = WAIT_SECONDS, say: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the study against other runs for the length of a ``with`` block.

        Args:
            wait: Seconds to wait for another run to finish; 0 for none.
            say: Told once, in a sentence, when there is another run to wait for.

        Raises:
            BusyError: The other run did not finish in that time; says which process it is and since when it has been at work.
        """
        from filelock import FileLock, Timeout

        with writable(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
            # The lock itself cannot tell a folder that may not be written from one that is taken.
            (self.out / ".lock").touch()
        lock = FileLock(str(self.out / ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = self._holder()
            if say and wait > 0:
                say(f"Another run is at work on this study ({holder}); waiting up to {wait:.0f} seconds …")
            try:
                lock.acquire(timeout=wait, poll_interval=POLL_SECONDS)
            except Timeout:
                raise BusyError(
                    Problem(
                        str(self.folder),
                        "another run is at work on this study",
                        got=self._holder(),
                        expected="no other run",
                        remedy="Wait until it has finished, or give a longer --wait.",
                    )
                ) from None
        try:
            note = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
            with writable(self.out):
                (self.out / ".lock.by").write_text(json.dumps(note), encoding="utf-8")
            # The run that we waited for may have written the ledger since.
            self.reload()
            yield
        finally:
            lock.release()

    def _holder(self) -> str:
        """Return who holds the lock, as far as the note beside it tells."""
        try:
            note = json.loads((self.out / ".lock.by").read_text(encoding="utf-8"))
            return f"process {note['pid']} on {note['host']} since {note['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "process unknown"

    # ---- writing

    def commit(self, entry: Entry, frames: Mapping[str, pd.DataFrame]) -> Entry:
        """Return the entry with its parts, after these and the ledger have been written so that a kill loses nothing.

        Empty frames make no part. Call it under `lock`; threads may call it at the same time.

        Args:
            entry: The entry without parts.
            frames: The checked tables of the task, by name.
        """
        with writable(self.out):
            self.tables.mkdir(parents=True, exist_ok=True)
            parts = tuple(self._write_new(name, data, entry) for name, data in frames.items() if len(data))
            flush_files([self._new(part.file, part.sha256) for part in parts])
        complete = replace(entry, parts=parts)
        with self._writing, writable(self.out):
            before = self.ledger.entries.get(entry.key)
            self._save(self.ledger.with_entry(complete))
            self._finish(parts)
            kept = {part.file for part in parts}
            self._remove(part.file for part in (before.parts if before else ()) if part.file not in kept)
        return complete

    def _write_new(self, name: str, data: pd.DataFrame, entry: Entry) -> Part:
        """Write one part under its ``.new`` name and return its record."""
        file = f"{name}.{entry.key}.parquet"
        arrow = to_arrow(name, data)
        writing = self.tables / f"{file}.{os.getpid()}.writing"
        write_parquet(table(name), arrow, writing)
        sha256 = digest_file(writing)
        new = self._new(file, sha256)
        writing.replace(new)
        state = new.stat()
        return Part(
            name,
            entry.stage,
            entry.id,
            file,
            sha256,
            state.st_size,
            state.st_mtime_ns,
            arrow.num_rows,
            _contents(arrow),
        )

    def _new(self, file: str, sha256: str) -> Path:
        """Return the name under which a part lies until it has replaced the old one."""
        return self.tables / f"{file}.{sha256[:16]}.new"

    def _finish(self, parts: Iterable[Part]) -> list[str]:
        """Rename new parts over the old ones; return the names of those that were still to be renamed."""
        renamed = []
        for part in parts:
            new = self._new(part.file, part.sha256)
            if new.exists():
                new.replace(self.tables / part.file)
                renamed.append(part.file)
        if renamed:
            flush_folder(self.tables)
        return renamed

    def _remove(self, files: Iterable[str]) -> None:
        for file in files:
            (self.tables / file).unlink(missing_ok=True)

    def mend(self) -> list[str]:
        """Finish or clear away what a killed run left, and return what was done in sentences.

        Call it under `lock`.
        """
        told = []
        ledger = self.ledger
        if ledger.damaged:
            told.append("The ledger lineage.json could not be read; everything is made again.")
        finished = self._finish(part for entry in ledger.entries.values() for part in entry.parts)
        if finished:
            told.append(f"An interrupted run had finished {', '.join(finished)}; put in place.")
        for left in self.out.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        stray = [*self.tables.glob("*.writing"), *self.tables.glob("*.new"), *self.out.glob("*.writing")]
        for file in stray:
            file.unlink(missing_ok=True)
        if stray:
            told.append(
                f"Removed {len(stray)} unfinished file{'s' * (len(stray) > 1)} of an interrupted run."
            )
        return told

    def forget(self, keys: Iterable[str]) -> None:
        """Remove tasks that the study no longer has, with their parts. Call it under `lock`."""
        gone = [key for key in keys if key in self.ledger.entries]
        if gone:
            files = [part.file for key in gone for part in self.ledger.entries[key].parts]
            # Ledger first: a kill in between leaves files that no ledger names, never a ledger that names missing files.
            self._save(self.ledger.without(gone))
            self._remove(files)

    def set_complete(self, stamp: dict[str, Any], order: Iterable[str]) -> None:
        """Note that everything is current as of a stamp, with the entries in the order of the flow.

        New times of change of parts that are intact all the same (a copied folder) are noted too. Call it under `lock`.

        Args:
            stamp: What `wardmote.lineage.stamp` returned.
            order: Names of all tasks, in the order of the flow.
        """
        ledger = self.ledger
        entries = {key: ledger.entries[key] for key in order if key in ledger.entries}
        for key, entry in entries.items():
            if not all(self.untouched(part) for part in entry.parts):
                parts = [replace(part, mtime_ns=self.path(part).stat().st_mtime_ns) for part in entry.parts]
                entries[key] = replace(entry, parts=tuple(parts))
        with writable(self.out):
            self._save(Ledger(entries, stamp))

    @contextmanager
    def scratch(self, stages: Iterable[str]) -> Iterator[Workspace]:
        """Give a workspace of its own that begins with the parts of some stages, for looking without leaving a trace.

        Raw files are shared, parts are links to the same bytes. Call it under `lock`.

        Args:
            stages: Names of stages.
        """
        chosen = set(stages)
        entries = {
            key: entry
            for key, entry in self.ledger.entries.items()
            if entry.stage in chosen and all(self.intact(part) for part in entry.parts)
        }
        with TemporaryDirectory(dir=self.out, prefix=SCRATCH) as folder:
            scratch = Workspace(Path(folder))
            scratch.raw = self.raw
            with writable(scratch.out):
                scratch.tables.mkdir(parents=True)
                for part in (part for entry in entries.values() for part in entry.parts):
                    link_or_copy(self.path(part), scratch.tables / part.file)
                scratch._save(Ledger(entries))
            yield scratch

    # ---- reading

    def path(self, part: Part) -> Path:
        """Return where a part lies: under its own name, or still under its ``.new`` name."""
        new = self._new(part.file, part.sha256)
        return new if new.exists() else self.tables / part.file

    def intact(self, part: Part, *, deep: bool = False) -> bool:
        """Return whether a part's file is the one that the ledger names.

        Size and time of change decide; where only the time differs (a copied folder), the checksum does.

        Args:
            part: The part.
            deep: Always compare the checksum.
        """
        path = self.path(part)
        try:
            state = path.stat()
        except OSError:
            return False
        if state.st_size != part.size:
            return False
        if state.st_mtime_ns == part.mtime_ns and not deep:
            return True
        return digest_file(path) == part.sha256

    def untouched(self, part: Part) -> bool:
        """Return whether size and time of change are exactly the ledger's; never hashes."""
        try:
            state = self.path(part).stat()
        except OSError:
            return False
        return (state.st_size, state.st_mtime_ns) == (part.size, part.mtime_ns)

    def parts(self, name: str, sections: Iterable[str] | None = None) -> tuple[Part, ...]:
        """Return the parts of a table; see `wardmote.lineage.Ledger.parts`.

        Raises:
            WorkspaceError: The ledger is damaged.
            MissingError: No such table is declared.
        """
        table(name)
        if self.ledger.damaged:
            raise WorkspaceError(
                Problem(
                    str(self.out / "lineage.json"),
                    "the ledger cannot be read",
                    remedy="Run `wardmote run`: it makes everything again.",
                )
            )
        return self.ledger.parts(name, sections)

    def read(
        self,
        name: str,
        sections: Iterable[str] | None = None,
        columns: list[str] | None = None,
        where: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return a table: its parts one below the other, with Arrow types; the empty table where there is none.

        Args:
            name: The table.
            sections: Only the parts of these sections (IDs); all by default.
            columns: Only these columns; all by default.
            where: Only rows in which these columns hold these texts.

        Raises:
            WorkspaceError: A part is missing or is not the file that the ledger names.
        """
        sections = None if sections is None else tuple(sections)
        for final in (False, True):
            try:
                return self.read_parts(name, self.parts(name, sections), columns, where)
            except WorkspaceError:
                # Another run may just have replaced the parts: its ledger names the new ones.
                if final:
                    raise
                self.reload()
        raise AssertionError("unreachable")

    def read_parts(
        self,
        name: str,
        parts: Iterable[Part],
        columns: list[str] | None = None,
        where: Mapping[str, str] | None = None,
        *,
        without: Collection[str] = (),
    ) -> pd.DataFrame:
        """Return given parts of one table, one below the other; see `read`. Columns in `without` are not read."""
        arrow = [self.read_arrow(part, columns, where, without=without) for part in parts]
        if not arrow:
            bare = empty(name) if columns is None else empty(name)[columns]
            return bare.drop(columns=list(without), errors="ignore")
        import pandas as pd
        import pyarrow as pa

        whole = arrow[0] if len(arrow) == 1 else pa.concat_tables(arrow, promote_options="default")
        frame: pd.DataFrame = whole.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def read_arrow(
        self,
        part: Part,
        columns: list[str] | None = None,
        where: Mapping[str, str] | None = None,
        *,
        without: Collection[str] = (),
    ) -> pa.Table:
        """Return one part as an Arrow table.

        What stands in a part was checked before it was written, and the file is compared with the ledger here, so the rows are not
        checked again.

        Args:
            part: The part.
            columns: Only these columns.
            where: Only rows in which these columns hold these texts.
            without: Columns that are not read, where the part has them.

        Raises:
            WorkspaceError: The file is missing or is not the one that the ledger names.
        """
        if not self.intact(part):
            raise WorkspaceError(
                Problem(
                    str(self.tables / part.file),
                    "the file is not the one that the ledger names",
                    expected=f"{part.size:,} bytes with checksum {part.sha256[:16]}…",
                    remedy="Run `wardmote run`: it makes the table again.",
                )
            )
        import pyarrow as pa
        import pyarrow.parquet as pq

        filters = [(column, "==", value) for column, value in where.items()] if where else None
        try:
            if without:
                there = pq.read_schema(self.path(part)).names if columns is None else columns
                columns = [name for name in there if name not in without]
            return pq.read_table(self.path(part), columns=columns, filters=filters).replace_schema_metadata(
                None
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise WorkspaceError(
                Problem(
                    str(self.tables / part.file), "the file cannot be read", got=str(error).splitlines()[0]
                )
            ) from None

    def must_have(self, name: str) -> tuple[Part, ...]:
        """Return the parts of a table, of which there is at least one.

        Raises:
            MissingError: The table has not been made.
        """
        parts = self.parts(name)
        if not parts:
            made = sorted({part.table for entry in self.ledger.entries.values() for part in entry.parts})
            raise MissingError(
                Problem(
                    f"table {name}",
                    "it has not been made in this study",
                    expected=f"one of {', '.join(made)}" if made else "",
                    remedy="Run `wardmote run` first, or name another table.",
                )
            )
        return parts


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Tell in our words that a disk is full, or that a folder may not be written, within a ``with`` block.

    Args:
        folder: The folder that is written to, for the error.

    Raises:
        WorkspaceError: The system refused a write.
    """
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            Problem(
                str(folder),
                "the derived files cannot be written",
                got=str(error).splitlines()[0],
                remedy="Make room, or let yourself write there, and run again; what was finished stands.",
            )
        ) from error


def to_arrow(name: str, data: pd.DataFrame) -> pa.Table:
    """Return a data frame as an Arrow table with the declared schema, further columns at the end, in one chunk a column.

    Args:
        name: The table.
        data: A frame that `wardmote.tables.check` returned.
    """
    import pyarrow as pa

    declared = arrow_schema(name)
    fields, arrays = [], []
    for column in data.columns:
        array = data[column].array.__arrow_array__()
        if isinstance(array, pa.ChunkedArray):
            # Where chunks end would show in the file's bytes.
            array = array.combine_chunks()
        known = declared.get_field_index(column)
        field = declared.field(known) if known >= 0 else pa.field(str(column), array.type)
        fields.append(field)
        arrays.append(array if array.type == field.type else array.cast(field.type))
    return pa.table(arrays, schema=pa.schema(fields, metadata=_geo(table(name))))


def _geo(declared: Table) -> dict[str, str] | None:
    """Return the GeoParquet note of a table with shapes: WKB in longitude and latitude (OGC:CRS84, GeoParquet's default)."""
    shapes = [column.name for column in declared.columns if column.kind == "shape"]
    if not shapes:
        return None
    columns = {name: {"encoding": "WKB", "geometry_types": []} for name in shapes}
    return {"geo": json.dumps({"version": "1.1.0", "primary_column": shapes[0], "columns": columns})}


def write_parquet(declared: Table, arrow: pa.Table, path: Path) -> None:
    """Write an Arrow table as Parquet, the same rows always as the same bytes.

    Args:
        declared: Its declaration: texts are written with a dictionary, numbers without.
        arrow: The table.
        path: Where to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [field.name for field in arrow.schema if pa.types.is_string(field.type)]
    lists = any(pa.types.is_list(field.type) for field in arrow.schema)
    pq.write_table(
        arrow,
        path,
        row_group_size=LISTS_PER_GROUP if lists else ROWS_PER_GROUP,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=texts or False,
    )


def _contents(arrow: pa.Table) -> dict[str, list[str]]:
    """Return the distinct texts of the columns in `CONTENTS`, sorted."""
    import pyarrow.compute as pc

    return {
        name: sorted(value for value in pc.unique(arrow[name]).to_pylist() if value is not None)
        for name in CONTENTS
        if name in arrow.schema.names
    }


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file by new content so that the old or the new one stands at every moment.

    Args:
        path: The file; its folder is made where it is missing.
        content: The bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writing = path.with_name(f"{path.name}.{os.getpid()}.writing")
    with writing.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    writing.replace(path)
    flush_folder(path.parent)


def link_or_copy(file: Path, to: Path) -> None:
    """Give a file a second name, or copy it, time of change and all, where the disk knows no second names.

    Args:
        file: The file.
        to: Its second name.
    """
    try:
        os.link(file, to)
    except OSError:
        shutil.copy2(file, to)


def flush_files(paths: list[Path]) -> None:
    """Make the contents of files last through a power cut; all at the same time, since a disk flushes many as fast as one."""

    def flush(path: Path) -> None:
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())

    if paths:
        with ThreadPoolExecutor(max_workers=min(8, len(paths))) as pool:
            list(pool.map(flush, paths))


def flush_folder(folder: Path) -> None:
    """Make the renames in a folder last through a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows cannot open a folder; its renames are journalled by the file system.
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def now() -> str:
    """Return the time now, ISO 8601 with offset, to the second; only ledgers and lock notes carry it, never a table."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def clock() -> float:
    """Return a steady clock in seconds, for how long things took."""
    return time.perf_counter()
