"""The runner: does the same for every task, so that no stage has to think of files, currency, lineage or licences.

For each task: bring in or find what it reads, compare its ingredients with the ledger, and where something changed call the stage's
function, check what comes back and write it with its ledger entry.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from itertools import combinations, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote.errors import InputError, MissingError, Problem, WardmoteError
from wardmote.lineage import Entry, Ledger, Part, RawNote, digest_text, file_state, inherited_access
from wardmote.tables import TABLES, strictest
from wardmote.tasks import Chosen, Task, ingredients_of, raw_notes, spec_of, why_not_current
from wardmote.words import count, mendings_told
from wardmote.workspace import Workspace, clock, now

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wardmote.study import Study

Progress = Callable[[str, int, int | None], None]
"""Told what is at work, how much of it is done, and of how much (None where that is not known)."""


THREADS = 2
"""Tasks at work at the same time: the smallest machine that we promise to be quick on has two cores."""

Call = tuple[Task, tuple[Any, ...], Chosen, dict[str, str], tuple[str, ...]]
"""A task that is due, with its raw files, its parts, its ingredients, and why it must run."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What one task did in a run, or would do.

    Attributes:
        task: Name of the task.
        state: done, current, or (in `status`) stale, new, waiting.
        reasons: Why it ran or would run, in words.
        seconds: Wall time.
        rows_in: Rows read.
        rows_out: Rows written.
    """

    task: str
    state: str
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0


def raise_together(errors: list[WardmoteError]) -> None:
    """Raise one error with the problems of several, of the first one's class; nothing for none.

    Two sources that read the same file find the same fault; it is told once.
    """
    if errors:
        raise type(errors[0])(dict.fromkeys(problem for error in errors for problem in error.problems))


def groups_of(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Yield the tasks of each stage together, one by one where they may read each other's tables."""
    for _, group in groupby(tasks, key=lambda task: task.stage.name):
        members = list(group)
        if members[0].stage.chained:
            yield from ([task] for task in members)
        else:
            yield members


class Runner:
    """One run: holds what has been done, and does the same for each task."""

    def __init__(
        self,
        workspace: Workspace,
        study: Study,
        tasks: tuple[Task, ...],
        *,
        mirror: Path | None = None,
        progress: Progress | None = None,
        put_up_with: list[WardmoteError] | None = None,
    ) -> None:
        self.workspace = workspace
        # Whether any stage that calculates has begun.
        self.begun = False
        # Where faults are collected of what stands beside values, which keep nobody from looking at the values; None refuses them.
        self.put_up_with = put_up_with
        self.study = study
        self.mirror = mirror
        self.progress = progress
        self.tasks = tasks
        self.done: list[TaskReport] = []
        self.skipped: list[str] = []
        # Size and time of change of files outside the package, as they were before they were read.
        self.watched: dict[str, list[int]] = {
            spec.recipe: file_state(study.folder / spec.recipe)
            for spec in study.index.values()
            if spec.recipe.endswith(".toml")
        }
        from wardmote.study.rounds import list_files

        self.watched |= {file: file_state(study.folder / file) for file in list_files(study)}
        evidence = [file for spec in study.synthesis.values() for file in spec.watched]
        self.watched |= {file: file_state(study.folder / file) for file in evidence}

    def prune(self) -> None:
        """Forget tasks that the study no longer has."""
        known = {task.key for task in self.tasks}
        self.workspace.forget(key for key in self.workspace.ledger.entries if key not in known)

    def run(self, wanted: set[str]) -> None:
        """Bring the tasks of the wanted stages up to date, stage after stage; problems of all sources are told together.

        Tasks of one stage that do not read each other's tables run two at a time: reading, computing and writing Arrow tables leave
        Python free, and each task's bytes depend on its ingredients alone. Before the first stage that calculates, those that look
        ahead are asked what they would refuse.
        """
        tasks = [task for task in self.tasks if task.stage.name in wanted]
        for group in groups_of(tasks):
            if not self.begun and not group[0].stage.repeats:
                raise_together(self.refusals(task for task in tasks if task.stage.name != "index"))
                self.begun = True
            due, errors = self._due(group, tasks)
            if due:
                function_of(
                    group[0].stage.function
                )  # imported here once, not by two threads at the same time
            self._work(due, errors)
            raise_together(errors)
            if group[0].stage.name == "sources":
                refuse_twins(self.workspace)
        if self.progress:
            self.progress("", len(tasks), len(tasks))

    def refusals(self, tasks: Iterable[Task], *, current: bool = False) -> list[WardmoteError]:
        """Return what tasks would refuse before they work: of their settings and of the data that they read. Writes nothing.

        Args:
            tasks: The tasks; those whose stage says what it refuses are asked.
            current: Whether to ask those too that are current.
        """
        errors: list[WardmoteError] = []
        ledger = self.workspace.ledger
        for task in (task for task in tasks if task.stage.refuses):
            chosen = task.stage.choose(self.study, task.id, ledger)
            ingredients = ingredients_of(self.study, task, chosen, ())
            known = ledger.entries.get(task.key)
            if not current and not why_not_current(known, ingredients, self.workspace):
                continue
            if self.progress:
                self.progress(task.key, self.tasks.index(task), len(self.tasks))
            try:
                arguments = self._arguments(task, (), chosen)
                refuse_clashes(task.key, chosen, arguments)
                self._called(function_of(task.stage.refuses), arguments)
            except WardmoteError as error:
                errors.append(error)
        return errors

    def _work(self, due: list[Call], errors: list[WardmoteError]) -> None:
        """Do what is due, two calls at a time; add what goes wrong to the errors."""
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            running = [pool.submit(self._do_and_let_go, *call) for call in due]
            try:
                for future in running:
                    try:
                        self.done.append(future.result())
                    except WardmoteError as error:
                        errors.append(error)
            except BaseException:
                # Ctrl-C, or a defect: begin nothing more. What is at work ends before the lock is let go.
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _due(self, group: list[Task], tasks: list[Task]) -> tuple[list[Call], list[WardmoteError]]:
        """Return the calls that are due among tasks of one stage, and what is wrong with the files of others."""
        due: list[Call] = []
        errors: list[WardmoteError] = []
        for task in group:
            if self.progress:
                self.progress(task.key, tasks.index(task), len(tasks))
            try:
                files = self._raw_files(task)
            except WardmoteError as error:
                errors.append(error)
                continue
            ledger = self.workspace.ledger
            chosen = task.stage.choose(self.study, task.id, ledger)
            notes = raw_notes(files, self.study.folder)
            self.watched |= {note.path: [note.size, note.mtime_ns] for note in notes}
            ingredients = ingredients_of(self.study, task, chosen, notes)
            reasons = why_not_current(ledger.entries.get(task.key), ingredients, self.workspace)
            if reasons:
                due.append((task, files, chosen, ingredients, reasons))
            else:
                self.skipped.append(task.key)
        return due, errors

    def _raw_files(self, task: Task) -> tuple[Any, ...]:
        """Return the raw files of a source, brought in where that needs no network."""
        if task.stage.name != "sources":
            return ()
        return raw_files(self.study, task, self.workspace, self.mirror, self.progress)

    def _do_and_let_go(self, *call: Any) -> TaskReport:
        """Do one call; then give back what Arrow holds for this thread, or it would stay beside what the next task needs."""
        import pyarrow as pa

        try:
            return self._do(*call)
        finally:
            pa.default_memory_pool().release_unused()

    def _do(
        self,
        task: Task,
        files: tuple[Any, ...],
        chosen: Chosen,
        ingredients: dict[str, str],
        reasons: tuple[str, ...],
    ) -> TaskReport:
        """Call the stage's function, check what comes back, write it with its ledger entry."""
        started = clock()
        ledger = self.workspace.ledger
        function = function_of(task.stage.function)
        seed = self.study.study.seed if "rng" in inspect.signature(function).parameters else None
        arguments = self._arguments(task, files, chosen)
        if seed is not None:
            arguments["rng"] = generator(seed, task.key)
        if self.progress and "progress" in inspect.signature(function).parameters:
            arguments["progress"] = partial(self.progress, task.key)
        refuse_clashes(task.key, chosen, arguments)
        frames = checked(task, self._called(function, arguments), self.put_up_with)
        idle = idle_parts(chosen, ledger, self.workspace, self.study) if task.stage.repeats else ()
        idle = (*idle, *untaken_parts(task, chosen, frames))
        read = [part for some in chosen.values() for part in some]
        parts = [part for part in read if part.file not in idle]
        entry = Entry(
            task.stage.name,
            task.id,
            ingredients,
            spec=spec_of(self.study, task),
            idle=idle,
            raw=(*raw_notes(files, self.study.folder), *_own_files(task, frames)),
            **_inherited(task, parts, frames, ledger),
            repeats=task.stage.repeats,
            seed=seed,
            when=now(),
            seconds=round(clock() - started, 4),
            rows_in=_rows_in(task, read, frames),
            rows_out=sum(len(data) for data in frames.values()),
            findings=_sentences(frames),
        )
        self.workspace.commit(entry, frames)
        seconds = round(clock() - started, 4)
        return TaskReport(task.key, "done", reasons, seconds, entry.rows_in, entry.rows_out)

    def _called(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """Return what a stage's function gives; where a setting of the study is at fault, say on which line it stands."""
        from wardmote.study import placed

        try:
            return function(**arguments)
        except WardmoteError as error:
            raise type(error)(placed(error.problems, self.study)) from error

    def _arguments(self, task: Task, files: tuple[Any, ...], chosen: Chosen) -> dict[str, Any]:
        """Return the arguments of a stage's function: its tables, then its settings."""
        arguments: dict[str, Any] = {}
        spares = task.stage.spares
        spared = spares(self.study, task.id, self.workspace.ledger) if spares else {}
        for name, parts in chosen.items():
            declared = name if name in TABLES else name.rsplit("_", 1)[0]
            arguments[name] = (
                None
                if declared == "boundaries" and not parts
                else self.workspace.read_parts(declared, parts, without=spared.get(name, ()))
            )
        arguments |= task.stage.settings(self.study, task.id)
        if task.stage.name == "sources":
            arguments["files"] = files
        return arguments


def raw_files(
    study: Study,
    task: Task,
    workspace: Workspace,
    mirror: Path | None,
    progress: Progress | None = None,
    *,
    fetch: bool = False,
    look_only: bool = False,
) -> tuple[Any, ...]:
    """Return the raw files of a source.

    Args:
        study: The study.
        task: A task of the stage `sources`.
        workspace: The study's workspace.
        mirror: Folder that official sets are copied from.
        progress: Told the bytes of a download.
        fetch: Whether files may be downloaded from a publisher.
        look_only: Whether to bring in nothing: then the files, or none of them.

    Raises:
        MissingError: The files are not there, and may not be or cannot be brought in.
    """
    module = import_module(task.stage.function.partition(":")[0])
    spec = study.sources[task.id]
    where = {"study_folder": study.folder, "raw_folder": workspace.raw, "mirror": mirror}
    files = module.have_source(task.id, spec, **where)
    if files is not None:
        return tuple(files)
    if look_only:
        return ()
    if not (fetch or mirror or spec.file):
        raise MissingError(
            Problem(
                f"study.toml, sources.{task.id}",
                "the data have not been fetched yet",
                got=spec.use,
                remedy="Run `wardmote get`, or name a folder that has them with --mirror.",
            )
        )

    def tell(done: int, total: int | None) -> None:
        if progress:
            progress(task.key, done, total)

    return tuple(module.get_source(task.id, spec, **where, progress=tell if fetch else None))


def function_of(path: str) -> Callable[..., Any]:
    """Return the function of a dotted path ``module:name``."""
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def generator(seed: int, key: str) -> np.random.Generator:
    """Return the generator of a task's random choices, from the study's seed and the task's name alone.

    Args:
        seed: The study's seed.
        key: Name of the task.
    """
    import numpy as np

    # Python's own hash differs between processes; a digest does not.
    return np.random.default_rng(np.random.SeedSequence([seed, int(digest_text(key)[:16], 16)]))


BESIDE = re.compile(r"table values, column (standard_error|low|high|numerator|denominator), row \d+$")
"""Where a fault stands beside a value and not in it."""


def checked(
    task: Task, result: Any, put_up_with: list[WardmoteError] | None = None
) -> dict[str, pd.DataFrame]:
    """Return the tables of a stage's result after each was checked against its declaration.

    Args:
        task: The task.
        result: What its function gave.
        put_up_with: Where faults beside values are added, and the table returned all the same; None refuses them too.

    Raises:
        InputError: A table breaks its declaration.
    """
    from wardmote.tables import check, frame

    names = [item.name for item in fields(result)]
    frames: dict[str, pd.DataFrame] = {}
    for name in task.stage.writes:
        data = getattr(result, name) if name in names else None
        if data is None or not len(data):
            continue
        try:
            frames[name] = check(name, data, where=f"{task.key}, table {name}")
        except InputError as error:
            if put_up_with is None or not all(BESIDE.search(problem.where) for problem in error.problems):
                raise
            put_up_with.append(error)
            frames[name] = frame(name, {str(column): data[column].array for column in data.columns})
    return frames


def _own_files(task: Task, frames: Mapping[str, pd.DataFrame]) -> tuple[RawNote, ...]:
    """Return notes of the files that a stage read by itself, so that `explain` goes back to them."""
    notes = frames.get("sources")
    if task.stage.name == "sources" or notes is None:
        return ()
    return tuple(
        RawNote(row["address"], row["address"], "", row["sha256"], "user") for row in notes.to_dict("records")
    )


def _inherited(
    task: Task, parts: Iterable[Part], frames: Mapping[str, pd.DataFrame], ledger: Ledger
) -> dict[str, Any]:
    """Return sources, access and licence of a task's outputs: its own for a source, the strictest of its inputs' for others."""
    if task.stage.name == "sources":
        notes = frames.get("sources")
        rows = notes.to_dict("records") if notes is not None else []
        access = strictest(row["access"] for row in rows) if rows else "private"
        licences = dict.fromkeys(row["licence"] for row in rows if row["licence"])
        return {"sources": (task.id,), "access": access, "licence": "; ".join(licences)}
    writers = {part.file: ledger.writer(part.file) for part in parts}
    entries = [entry for entry in writers.values() if entry is not None]
    sources = {source for entry in entries for source in entry.sources}
    # A stage that reads files of its own (findings) describes them as sources do: their access travels in the same way.
    notes = frames.get("sources")
    rows = notes.to_dict("records") if notes is not None else []
    own = {row["source"]: row["access"] for row in rows}
    return {
        "sources": tuple(sorted({*sources, *own})),
        "access": strictest([inherited_access(entries), *own.values()]),
        "licence": "; ".join(
            dict.fromkeys(row["licence"] for row in rows if isinstance(row["licence"], str))
        ),
        "own": own,
    }


def _rows_in(task: Task, parts: Iterable[Part], frames: Mapping[str, pd.DataFrame]) -> int:
    """Return how many rows a task read: of raw files for a source, of its parts for others."""
    if task.stage.name != "sources":
        return sum(part.rows for part in parts)
    notes = frames.get("sources")
    return int(notes["rows_read"].fillna(0).sum()) if notes is not None else 0


def _sentences(frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return what a run tells of a task: its findings, or of a source what was mended in its files."""
    findings = frames.get("findings")
    if findings is not None:
        return tuple(findings["sentence"].to_list())
    mendings = frames.get("mendings")
    return mendings_told(mendings.to_dict("records")) if mendings is not None else ()


def refuse_clashes(task: str, chosen: Chosen, tables: Mapping[str, Any]) -> None:
    """Refuse what several parts say of the same thing: a part is checked when it is written, parts together only here.

    Args:
        task: Name of the task that reads them, for errors.
        chosen: The parts that it reads.
        tables: The same as data frames.

    Raises:
        InputError: Two sources give values of one indicator for the same area and period, or describe it differently.
    """
    problems: list[Problem] = []
    if len(chosen.get("indicators", ())) > 1:
        problems += _differing(task, tables["indicators"])
    if _may_overlap(chosen.get("values", ())):
        problems += _doubled(task, tables["values"], chosen["values"])
    if problems:
        raise InputError(problems)


ONCE = ("boundaries", "classes")
"""Tables that stages and pages read from all sources together, and in which an area may stand once."""


def refuse_twins(workspace: Workspace) -> None:
    """Refuse two sources that both give the shape of an area, or its class in one scheme.

    Args:
        workspace: The study's workspace, its sources read.

    Raises:
        InputError: There are such sources.
    """
    problems: list[Problem] = []
    for name in ONCE:
        parts = workspace.parts(name)
        levels = [set(part.contents.get("level", ())) for part in parts]
        shared = {level for a, b in combinations(levels, 2) for level in a & b}
        several = [part for part, held in zip(parts, levels, strict=True) if held & shared]
        if not several:
            continue
        key = list(TABLES[name].key)
        rows = workspace.read_parts(name, several, [*key, "source"])
        twins = rows[rows.duplicated(key)]
        if len(twins):
            first = twins.iloc[0]
            same = rows[(rows[key] == first[key]).all(axis=1)]
            problems.append(
                Problem(
                    f"table {name}",
                    f"several sources speak of the same area ({count(len(twins), 'area')})",
                    f"{first['area']} of {first['level']}, from {' and '.join(sorted(same['source']))}",
                    "each area once",
                    "Leave one of the sources out, or give its areas another level.",
                )
            )
    if problems:
        raise InputError(problems)


def _differing(task: str, indicators: pd.DataFrame) -> Iterator[Problem]:
    """Yield a problem for each indicator that has two directions or two units."""
    for column in ("direction", "unit"):
        counts = indicators.groupby("indicator", sort=True)[column].nunique()
        for name in counts[counts > 1].index:
            rows = indicators[indicators["indicator"] == name]
            told = ", ".join(f"{row[column]} in {row['source']}" for row in rows.to_dict("records"))
            yield Problem(
                task,
                f"sources differ in the {column} of the indicator {name}",
                told,
                "the same in all",
                "Correct one of them, or give two different things two names.",
            )


def _may_overlap(parts: tuple[Part, ...]) -> bool:
    """Return whether any two parts hold the same indicator, level and period, as far as the ledger knows."""
    names = ("indicator", "level", "period")
    held = [[set(part.contents.get(name, ())) for name in names] for part in parts]
    return any(
        all(mine & theirs for mine, theirs in zip(a, b, strict=True)) for a, b in combinations(held, 2)
    )


def _doubled(task: str, values: pd.DataFrame, parts: tuple[Part, ...]) -> Iterator[Problem]:
    """Yield a problem for each indicator of which an area has two values in one period."""
    key = ["indicator", "level", "area", "period"]
    doubled = values[values.duplicated(key)]
    for name in sorted(set(doubled["indicator"])):
        first = doubled[doubled["indicator"] == name].iloc[0]
        by = sorted({part.id for part in parts if name in part.contents.get("indicator", ())})
        yield Problem(
            task,
            f"several sources give values of {name} for the same area and period",
            f"{first['area']} in {first['period']}, from {' and '.join(by)}",
            "each value once",
            "Leave the indicator out of one of them, or give it another name there.",
        )


def idle_parts(chosen: Chosen, ledger: Ledger, workspace: Workspace, study: Study) -> tuple[str, ...]:
    """Return the files of parts from sources that are not open, every fact of which open sources state as well.

    The licence of a file of figures must not close the table of areas only because it repeats their names: what it says of areas
    adds nothing where open look-ups say the same. Sources that contradict each other are refused by the stage, so nothing but
    repetition is left out here. A source that the study names for names or counts is never idle.

    Args:
        chosen: The parts that the stage of areas reads.
        ledger: The ledger.
        workspace: The study's workspace.
        study: The study.
    """
    stated = {study.areas.names, study.areas.population, study.areas.households}
    idle: list[str] = []
    for name, parts in chosen.items():
        closed = [part for part in parts if ledger.access_of(part.id) != "open" and part.id not in stated]
        free = [part for part in parts if ledger.access_of(part.id) == "open"]
        if closed and free:
            known = workspace.read_parts(name, free)
            idle += [part.file for part in closed if _repeats(workspace.read_parts(name, [part]), known)]
    return tuple(idle)


def untaken_parts(task: Task, chosen: Chosen, frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return the files of parts whose source no row of what a stage wrote names; see `wardmote.tasks.Stage.takes`.

    Args:
        task: The task.
        chosen: The parts that it read.
        frames: What it wrote.
    """
    name = task.stage.takes
    if not name:
        return ()
    named = set(" ".join(frames[name]["source"].unique()).split()) if name in frames else set()
    return tuple(part.file for part in chosen[name] if part.id not in named)


def _repeats(facts: pd.DataFrame, known: pd.DataFrame) -> bool:
    """Return whether every fact of a table of facts stands in another: each key, and each value beside it."""
    import pyarrow.compute as pc

    keys = [column for column in ("level", "area", "parent_level", "parent") if column in facts]
    beside = [name for name in facts.columns if name not in (*keys, "source")]
    for columns in (keys, *([*keys, name] for name in beside)):
        given = facts[facts[columns[-1]].notna()]
        if (
            len(given)
            and not pc.all(pc.is_in(_texts(given, columns), value_set=_texts(known, columns))).as_py()
        ):
            return False
    return True


def _texts(data: pd.DataFrame, columns: list[str]) -> Any:
    """Return each row's columns as one Arrow text; a unit separator stands between them, which no code or name holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Columns of parts are chunked Arrow already; wrapping them once more would read them value by value.
    arrays = [pc.cast(data[column].array.__arrow_array__(), pa.string()) for column in columns]
    return pc.binary_join_element_wise(*arrays, "\x1f", null_handling="replace").combine_chunks()
