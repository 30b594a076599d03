"""The flow of a study, as a list: read `STAGES` first.

Each stage is one public function, ``tables in, spec → a frozen result whose fields are tables``. The runner does the same for each of
its tasks (one for every section of the study that it serves): find the parts that it reads, compare its ingredients with the ledger
and skip it where nothing changed, otherwise call it, check what comes back and write it with its ledger entry. So lineage costs a
stage's author nothing and cannot be forgotten.

Tasks run in the order of the list. A task whose inputs were made again, but came out with the same bytes, is not run again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote.errors import MissingError, Problem, StudyError, WardmoteError
from wardmote.lineage import Entry, Ledger, Part, digest_text, inherited_access, stamp
from wardmote.tables import TABLES, strictest
from wardmote.tasks import (
    Chosen,
    Stage,
    Task,
    area_parts,
    comparison_parts,
    conversion_parts,
    index_parts,
    ingredients_of,
    levels_of,
    need_parts,
    no_parts,
    raw_notes,
    spec_of,
    why_not_current,
)
from wardmote.workspace import WAIT_SECONDS, Workspace, clock, now

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wardmote.study import Study

Progress = Callable[[str, int, int | None], None]
"""Told what is at work, how much of it is done, and of how much (None where that is not known)."""

STAGES: tuple[Stage, ...] = (
    Stage(
        "sources",
        "wardmote.sources:read_source",
        reads=(),
        writes=(
            "sources", "mendings", "area_facts", "membership_facts", "classes",
            "boundaries", "indicators", "values", "priorities",
        ),
        sections=lambda study: study.sources,
        choose=no_parts,
        settings=lambda study, id_: {"source": id_, "spec": study.sources[id_], "levels": levels_of(study)},
        repeats=True,
    ),
    Stage(
        "areas",
        "wardmote.areas:build_areas",
        reads=("area_facts", "membership_facts"),
        writes=("areas", "memberships", "findings"),
        sections=lambda study: ["areas"],
        choose=area_parts,
        settings=lambda study, id_: {"spec": study.areas, "levels": levels_of(study)},
        repeats=True,
    ),
    Stage(
        "conversion",
        "wardmote.areas:convert_values",
        reads=("values", "indicators", "areas", "memberships"),
        writes=("values", "indicators", "findings"),
        sections=lambda study: study.conversion,
        choose=conversion_parts,
        settings=lambda study, id_: {"spec": study.conversion[id_], "conversion": id_},
    ),
    Stage(
        "index",
        "wardmote.index:build_index",
        reads=("areas", "memberships", "indicators", "values", "priorities", "boundaries"),
        writes=(
            "nodes", "scores", "contributions", "adjustments", "summaries", "similar", "findings",
        ),
        sections=lambda study: study.index,
        choose=index_parts,
        settings=lambda study, id_: {"spec": study.index[id_], "index": id_},
    ),
    Stage(
        "comparison",
        "wardmote.index:compare_indices",
        reads=("scores_a", "scores_b"),
        writes=("comparisons", "findings"),
        sections=lambda study: [id_ for id_, spec in study.index.items() if spec.beside],
        choose=comparison_parts,
        settings=lambda study, id_: {"index": id_, "beside": study.index[id_].beside},
    ),
    Stage(
        "need",
        "wardmote.need:find_need",
        reads=("areas", "scores", "summaries"),
        writes=("need", "findings"),
        sections=lambda study: study.need,
        choose=need_parts,
        settings=lambda study, id_: {"spec": study.need[id_], "definition": id_},
    ),
)  # fmt: skip
"""The flow, in the order in which it runs. Publishing is not a stage: it computes nothing."""

NEEDS: dict[str, tuple[str, ...]] = {
    "sources": (),
    "areas": ("sources",),
    "conversion": ("sources", "areas"),
    "index": ("sources", "areas", "conversion"),
    "comparison": ("sources", "areas", "conversion", "index"),
    "need": ("sources", "areas", "conversion", "index"),
}
"""The stages that a stage stands on: `wardmote run need` brings these up to date first."""


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


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        done: Tasks that ran.
        skipped: Tasks that were current.
        findings: The findings of all tasks of the run, in sentences, in the order of the flow.
        mended: What was mended after an earlier run had been killed, in sentences.
        seconds: Wall time.
    """

    done: tuple[TaskReport, ...]
    skipped: tuple[str, ...]
    findings: tuple[str, ...]
    mended: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def tasks_of(study: Study, stages: tuple[Stage, ...] = STAGES) -> tuple[Task, ...]:
    """Return all tasks of a study in the order in which they run."""
    return tuple(Task(stage, id_) for stage in stages for id_ in stage.sections(study))


def wanted_stages(names: Iterable[str] | None) -> set[str]:
    """Return the named stages and all that they stand on; all stages for none.

    Raises:
        StudyError: There is no such stage.
    """
    chosen = list(names or ())
    unknown = [name for name in chosen if name not in NEEDS]
    if unknown:
        raise StudyError(
            Problem("wardmote run", "no such stage", got=name, expected=", ".join(NEEDS)) for name in unknown
        )
    return {stage for name in chosen for stage in (*NEEDS[name], name)} if chosen else set(NEEDS)


def run(
    folder: Path,
    stages: Iterable[str] | None = None,
    *,
    mirror: Path | None = None,
    progress: Progress | None = None,
    wait: float = WAIT_SECONDS,
    say: Callable[[str], None] | None = None,
    flow: tuple[Stage, ...] = STAGES,
) -> RunReport:
    """Return what was done to bring a study's tables up to date.

    Everything that needs no data is checked before anything runs. What is current is skipped; what fails leaves earlier results as
    they were.

    Args:
        folder: The study's folder.
        stages: Names of stages; they and what they stand on are brought up to date. All by default.
        mirror: Folder that official sets are copied from, instead of being downloaded beforehand.
        progress: Told which task is at work.
        wait: Seconds to wait for another run on the same study.
        say: Told in a sentence when there is another run to wait for.
        flow: The stages; tests put simpler ones in their place.

    Raises:
        WardmoteError: Any of its kinds; see `wardmote.errors`.
    """
    started = clock()
    wanted = wanted_stages(stages)
    workspace = Workspace(folder)
    if wanted == set(NEEDS) and is_complete(workspace):
        keys = tuple(workspace.ledger.entries)
        return RunReport((), keys, _findings(workspace.ledger, keys), seconds=clock() - started)
    from wardmote.study import read_study

    study = read_study(folder)
    compile_all(study, workspace.ledger)
    with workspace.lock(wait, say):
        mended = workspace.mend()
        runner = _Runner(workspace, study, mirror, progress, flow)
        if workspace.ledger.complete:
            workspace.set_complete(None)
        runner.prune()
        runner.run(wanted)
        if wanted == set(NEEDS):
            workspace.refresh()
            workspace.set_complete(stamp(study.folder / "study.toml", runner.watched()))
    return RunReport(
        tuple(runner.done),
        tuple(runner.skipped),
        _findings(workspace.ledger, [task.key for task in runner.tasks if task.stage.name in wanted]),
        tuple(mended),
        clock() - started,
    )


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a run would do.

    Attributes:
        tasks: Every task with its state: current; new (never ran); stale (something that it depends on changed, see the reasons);
            waiting (a task before it runs first, after which it may be current or not).
        findings: The findings of the tasks as they last ran.
    """

    tasks: tuple[TaskReport, ...]
    findings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def status(folder: Path, *, mirror: Path | None = None, flow: tuple[Stage, ...] = STAGES) -> StatusReport:
    """Return which tasks of a study are current and why others are not; changes nothing.

    Args:
        folder: The study's folder.
        mirror: As for `run`.
        flow: The stages.
    """
    from wardmote.study import read_study

    study = read_study(folder)
    workspace = Workspace(folder)
    stale: dict[str, Task] = {}
    reports = []
    for task in tasks_of(study, flow):
        report = _state(study, task, workspace, mirror, stale)
        if report.state != "current":
            stale[task.key] = task
        reports.append(report)
    return StatusReport(tuple(reports), _findings(workspace.ledger, [report.task for report in reports]))


def _state(
    study: Study, task: Task, workspace: Workspace, mirror: Path | None, stale: Mapping[str, Task]
) -> TaskReport:
    """Return the state of one task, given the tasks before it that are not current."""
    ledger = workspace.ledger
    entry = ledger.entries.get(task.key)
    if entry is None:
        return TaskReport(task.key, "new", ("it has not run yet",))
    chosen = task.stage.choose(study, task.id, ledger)
    writers = {f"{part.stage}.{part.id}" for parts in chosen.values() for part in parts}
    before = [
        key
        for key, other in stale.items()
        if other.stage.name in NEEDS[task.stage.name]
        and (key in writers or other.stage.name == other.id or key not in ledger.entries)
    ]
    if before:
        return TaskReport(task.key, "waiting", tuple(f"{key} runs first" for key in before))
    files = ()
    if task.stage.name == "sources":
        files = raw_files(study, task, workspace, mirror, look_only=True)
        if not files:
            return TaskReport(task.key, "stale", ("its file changed or is no longer there",))
    ingredients = ingredients_of(study, task, chosen, raw_notes(files, study.folder))
    reasons = why_not_current(entry, ingredients, workspace)
    return TaskReport(
        task.key, "stale" if reasons else "current", reasons, entry.seconds, entry.rows_in, entry.rows_out
    )


@dataclass(frozen=True, slots=True)
class GetReport:
    """What `get` brought in.

    Attributes:
        files: For each source, its files: where each lies, its address, checksum and when it was fetched.
        fetched: Sources that were brought in now; the others were there.
    """

    files: dict[str, tuple[dict[str, Any], ...]]
    fetched: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def get(
    folder: Path,
    *,
    mirror: Path | None = None,
    progress: Progress | None = None,
    wait: float = WAIT_SECONDS,
    say: Callable[[str], None] | None = None,
) -> GetReport:
    """Return what was brought in so that all sources of a study are at hand.

    Args:
        folder: The study's folder.
        mirror: Folder to copy official sets from; without it they are downloaded from their publishers.
        progress: Told the bytes of each file.
        wait: Seconds to wait for another run on the same study.
        say: Told in a sentence when there is another run to wait for.

    Raises:
        MissingError: Some files cannot be had; all problems together, after everything else has been fetched.
    """
    from wardmote.study import read_study

    study = read_study(folder)
    workspace = Workspace(folder)
    files: dict[str, tuple[dict[str, Any], ...]] = {}
    fetched: list[str] = []
    problems: list[WardmoteError] = []
    with workspace.lock(wait, say):
        for task in (task for task in tasks_of(study) if task.stage.name == "sources"):
            try:
                if not raw_files(study, task, workspace, mirror, look_only=True):
                    fetched.append(task.id)
                found = raw_files(study, task, workspace, mirror, progress, fetch=True)
                files[task.id] = tuple(asdict(note) for note in raw_notes(found, study.folder))
            except WardmoteError as error:
                problems.append(error)
    raise_together(problems)
    return GetReport(files, tuple(fetched))


def raise_together(errors: list[WardmoteError]) -> None:
    """Raise one error with the problems of several, of the first one's class; nothing for none."""
    if errors:
        raise type(errors[0])(problem for error in errors for problem in error.problems)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` looked at, all of it sound.

    Attributes:
        sentences: What was checked, and what is still to be fetched or run.
    """

    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def check(folder: Path, *, mirror: Path | None = None, progress: Progress | None = None) -> CheckReport:
    """Return what was checked: the study, its indices, its files as far as they are at hand, the tables on disk.

    Nothing is written: files are read as a run would read them, and what comes out is thrown away.

    Args:
        folder: The study's folder.
        mirror: As for `run`.
        progress: Told which source is being read.

    Raises:
        WardmoteError: Something is wrong; all problems of the study together, or all problems of the files together.
    """
    from wardmote.study import read_study
    from wardmote.words import count, listed

    study = read_study(folder)
    compile_all(study)
    workspace = Workspace(folder)
    told = [
        f"The study reads {count(len(study.sources), 'source')} and builds"
        f" {count(len(study.index), 'index', 'indices')} and {count(len(study.need), 'definition')} of need; its settings are sound."
    ]
    absent, problems = [], []
    tasks = [task for task in tasks_of(study) if task.stage.name == "sources"]
    for position, task in enumerate(tasks):
        if progress:
            progress(task.key, position, len(tasks))
        try:
            if not _readable(study, task, workspace, mirror):
                absent.append(task.id)
        except WardmoteError as error:
            problems.append(error)
    raise_together(problems)
    if absent:
        told.append(f"Still to be fetched with `wardmote get`: {listed(absent)}.")
    elif study.sources:
        told.append("All files are at hand and hold what the study expects.")
    parts = [part for entry in workspace.ledger.entries.values() for part in entry.parts]
    damaged = [part.file for part in parts if not workspace.intact(part, deep=True)]
    if damaged:
        told.append(f"Missing or damaged, to be made again by the next run: {listed(damaged)}.")
    elif parts:
        told.append(f"{count(len(parts), 'part').capitalize()} of tables on disk agree with the ledger.")
    return CheckReport(tuple(told))


def _readable(study: Study, task: Task, workspace: Workspace, mirror: Path | None) -> bool:
    """Return whether a source's files are at hand, after they were read as a run would read them.

    Raises:
        WardmoteError: They do not hold what was expected, or a user's file is not there.
    """
    spec = study.sources[task.id]
    files = raw_files(study, task, workspace, mirror, look_only=True)
    if not files and spec.file and not spec.use:
        # Brings nothing: a user's file is read where it lies; it says here where a file is not there.
        files = raw_files(study, task, workspace, mirror)
    if not files:
        return False
    checked(task, _function(task.stage.function)(**task.stage.settings(study, task.id), files=files))
    return True


def is_complete(workspace: Workspace) -> bool:
    """Return whether the last complete run still stands: nothing that it depended on, and no part, has been touched.

    Reads no table, parses no study and imports no numerical library, so that a run with nothing to do answers at once.
    """
    ledger = workspace.ledger
    known = ledger.complete
    study_file = workspace.folder / "study.toml"
    if ledger.damaged or not known or not study_file.is_file():
        return False
    if stamp(study_file, [Path(path) for path in known.get("watched", {})]) != known:
        return False
    return all(workspace.untouched(part) for entry in ledger.entries.values() for part in entry.parts)


def _findings(ledger: Ledger, keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sentence for key in keys if key in ledger.entries for sentence in ledger.entries[key].findings
    )


def compile_all(study: Study, ledger: Ledger | None = None) -> None:
    """Check everything in a study that needs no data, for all stages, before any runs.

    Args:
        study: The study.
        ledger: Where an index stands in it with the same settings and code, it was compiled before and is not again.

    Raises:
        StudyError: Names of stages, indices or steps do not fit together; all problems at once.
    """
    problems: list[Problem] = []
    for id_, spec in study.index.items():
        if spec.beside == id_:
            problems.append(Problem(f"study.toml, index.{id_}.beside", "an index cannot stand beside itself"))
        if ledger is not None and _known(study, id_, ledger):
            continue
        from wardmote.engine import compile_index

        try:
            compile_index(spec, index=id_)
        except WardmoteError as error:
            problems += error.problems
    if problems:
        raise StudyError(problems)


def _known(study: Study, index: str, ledger: Ledger) -> bool:
    """Return whether an index ran with the settings and the code that it has now."""
    stage = next(stage for stage in STAGES if stage.name == "index")
    entry = ledger.entries.get(f"index.{index}")
    now_ = ingredients_of(study, Task(stage, index), {}, ())
    return entry is not None and all(entry.ingredients.get(key) == now_[key] for key in ("spec", "code"))


class _Runner:
    """One run: holds what has been done, and does the same for each task."""

    def __init__(
        self,
        workspace: Workspace,
        study: Study,
        mirror: Path | None,
        progress: Progress | None,
        flow: tuple[Stage, ...],
    ) -> None:
        self.workspace = workspace
        self.study = study
        self.mirror = mirror
        self.progress = progress
        self.tasks = tasks_of(study, flow)
        self.done: list[TaskReport] = []
        self.skipped: list[str] = []

    def prune(self) -> None:
        """Forget tasks that the study no longer has."""
        known = {task.key for task in self.tasks}
        self.workspace.forget(key for key in self.workspace.ledger.entries if key not in known)

    def run(self, wanted: set[str]) -> None:
        """Bring the tasks of the wanted stages up to date, in order; problems of all sources are told together."""
        tasks = [task for task in self.tasks if task.stage.name in wanted]
        problems: list[WardmoteError] = []
        for position, task in enumerate(tasks):
            if problems and task.stage.name != "sources":
                break
            if self.progress:
                self.progress(task.key, position, len(tasks))
            try:
                self._bring_up_to_date(task)
            except WardmoteError as error:
                if task.stage.name != "sources":
                    raise
                problems.append(error)
        raise_together(problems)
        if self.progress:
            self.progress("", len(tasks), len(tasks))

    def _bring_up_to_date(self, task: Task) -> None:
        """Run a task unless it is current."""
        files = self._raw_files(task)
        chosen = task.stage.choose(self.study, task.id, self.workspace.ledger)
        ingredients = ingredients_of(self.study, task, chosen, raw_notes(files, self.study.folder))
        reasons = self._reasons(task, ingredients)
        if reasons:
            self._do(task, files, chosen, ingredients, reasons)
        else:
            self.skipped.append(task.key)

    def _raw_files(self, task: Task) -> tuple[Any, ...]:
        """Return the raw files of a source, brought in where that needs no network."""
        if task.stage.name != "sources":
            return ()
        return raw_files(self.study, task, self.workspace, self.mirror, self.progress)

    def _reasons(self, task: Task, ingredients: Mapping[str, str]) -> tuple[str, ...]:
        entry = self.workspace.ledger.entries.get(task.key)
        return why_not_current(entry, ingredients, self.workspace)

    def _do(
        self,
        task: Task,
        files: tuple[Any, ...],
        chosen: Chosen,
        ingredients: dict[str, str],
        reasons: tuple[str, ...],
    ) -> None:
        """Call the stage's function, check what comes back, write it with its ledger entry."""
        started = clock()
        ledger = self.workspace.ledger
        function = _function(task.stage.function)
        seed = self.study.study.seed if "rng" in inspect.signature(function).parameters else None
        arguments = self._arguments(task, files, chosen)
        if seed is not None:
            arguments["rng"] = generator(seed, task.key)
        frames = checked(task, function(**arguments))
        parts = [part for some in chosen.values() for part in some]
        entry = Entry(
            task.stage.name,
            task.id,
            ingredients,
            spec=spec_of(self.study, task),
            raw=raw_notes(files, self.study.folder),
            **_inherited(task, parts, frames, ledger),
            repeats=task.stage.repeats,
            seed=seed,
            when=now(),
            seconds=round(clock() - started, 4),
            rows_in=_rows_in(task, parts, frames),
            rows_out=sum(len(data) for data in frames.values()),
            findings=_sentences(frames),
        )
        self.workspace.commit(entry, frames)
        self.done.append(
            TaskReport(task.key, "done", reasons, round(clock() - started, 4), entry.rows_in, entry.rows_out)
        )

    def _arguments(self, task: Task, files: tuple[Any, ...], chosen: Chosen) -> dict[str, Any]:
        """Return the arguments of a stage's function: its tables, then its settings."""
        arguments: dict[str, Any] = {}
        for name, parts in chosen.items():
            declared = name if name in TABLES else name.rsplit("_", 1)[0]
            arguments[name] = (
                None if declared == "boundaries" and not parts else self.workspace.read_parts(declared, parts)
            )
        arguments |= task.stage.settings(self.study, task.id)
        if task.stage.name == "sources":
            arguments["files"] = files
        return arguments

    def watched(self) -> list[Path]:
        """Return the files outside the package whose change makes a complete run incomplete."""
        folder = self.study.folder
        raw = [folder / note.path for entry in self.workspace.ledger.entries.values() for note in entry.raw]
        recipes = [
            folder / spec.recipe for spec in self.study.index.values() if spec.recipe.endswith(".toml")
        ]
        return raw + recipes


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


def _function(path: str) -> Callable[..., Any]:
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


def checked(task: Task, result: Any) -> dict[str, pd.DataFrame]:
    """Return the tables of a stage's result after each was checked against its declaration.

    Raises:
        InputError: A table breaks its declaration.
    """
    from wardmote.tables import check

    names = [item.name for item in fields(result)]
    frames: dict[str, pd.DataFrame] = {}
    for name in task.stage.writes:
        data = getattr(result, name) if name in names else None
        if data is not None and len(data):
            frames[name] = check(name, data, where=f"{task.key}, table {name}")
    return frames


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
    sources = dict.fromkeys(source for entry in entries for source in entry.sources)
    return {"sources": tuple(sorted(sources)), "access": inherited_access(entries)}


def _rows_in(task: Task, parts: Iterable[Part], frames: Mapping[str, pd.DataFrame]) -> int:
    """Return how many rows a task read: of raw files for a source, of its parts for others."""
    if task.stage.name != "sources":
        return sum(part.rows for part in parts)
    notes = frames.get("sources")
    return int(notes["rows_read"].fillna(0).sum()) if notes is not None else 0


def _sentences(frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    findings = frames.get("findings")
    return tuple(findings["sentence"].to_list()) if findings is not None else ()
