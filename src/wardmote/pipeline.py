"""The flow of a study, as a list: read `STAGES` first.

Each stage is one public function, ``tables in, spec → a frozen result whose fields are tables``. The runner does the same for each of
its tasks (one for every section of the study that it serves): find the parts that it reads, compare its ingredients with the ledger
and skip it where nothing changed, otherwise call it, check what comes back and write it with its ledger entry. So lineage costs a
stage's author nothing and cannot be forgotten.

Tasks run in the order of the list. A task whose inputs were made again, but came out with the same bytes, is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote.errors import InputError, MethodError, Problem, StudyError, WardmoteError
from wardmote.lineage import Ledger, file_state, stamp
from wardmote.runner import Progress, Runner, TaskReport, checked, function_of, raise_together, raw_files
from wardmote.soundness import each_once, look_at_settings, refuse, refused_by_data, sound_study
from wardmote.tasks import (
    Stage,
    Task,
    area_parts,
    audit_parts,
    comparison_parts,
    conversion_parts,
    index_parts,
    ingredients_of,
    joint_section,
    levels_of,
    need_parts,
    need_settings,
    need_spares,
    no_parts,
    outline_parts,
    programme_parts,
    raw_notes,
    round_parts,
    round_settings,
    round_spares,
    shown_levels,
    synthesis_parts,
    uncertainty_parts,
    why_not_current,
)
from wardmote.workspace import WAIT_SECONDS, Workspace, clock

if TYPE_CHECKING:
    from wardmote.study import Study


def gives_shapes(study: Study) -> bool:
    """Return whether any source of a study is one of shapes: without any there is nothing to join outlines from."""
    from wardmote.sources import SOURCES

    return any(
        SOURCES[spec.use].has_shapes if spec.use in SOURCES else spec.kind == "boundaries"
        for spec in study.sources.values()
    )


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
        "outlines",
        "wardmote.outlines:join_outlines",
        reads=("boundaries", "areas", "memberships"),
        writes=("boundaries", "findings"),
        sections=lambda study: ["outlines"] if gives_shapes(study) else [],
        choose=outline_parts,
        settings=lambda study, id_: {"wanted": shown_levels(study), "levels": levels_of(study)},
        repeats=True,
        takes="boundaries",
    ),
    Stage(
        "conversion",
        "wardmote.areas:convert_values",
        reads=("values", "indicators", "areas", "memberships"),
        writes=("values", "indicators", "findings"),
        sections=lambda study: study.conversion,
        choose=conversion_parts,
        settings=lambda study, id_: {
            "spec": study.conversion[id_], "conversion": id_, "only": study.areas.only,
        },
        # A value carried to one area from one area is the supplier's own figure, so conversions count as repeating it.
        repeats=True,
        chained=True,
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
        settings=lambda study, id_: {"spec": study.index[id_], "index": id_, "levels": levels_of(study)},
        refuses="wardmote.index:refuse_index",
    ),
    Stage(
        "comparison",
        "wardmote.index:compare_indices",
        reads=("scores_a", "scores_b"),
        writes=("comparisons", "findings"),
        sections=lambda study: [id_ for id_, spec in study.index.items() if spec.beside],
        choose=comparison_parts,
        settings=lambda study, id_: {
            "index": id_, "beside": study.index[id_].beside, "levels": levels_of(study),
        },
    ),
    Stage(
        "uncertainty",
        "wardmote.uncertainty:find_uncertainty",
        reads=("areas", "memberships", "indicators", "values", "priorities", "boundaries"),
        writes=(
            "ranks", "summary_ranks", "draws", "rank_shares", "sensitivity", "factors", "findings",
        ),
        sections=lambda study: study.uncertainty,
        choose=uncertainty_parts,
        settings=lambda study, id_: {
            "spec": study.uncertainty[id_], "uncertainty": id_, "seed": study.study.seed,
            "indices": {name: study.index[name] for name in study.uncertainty[id_].indices},
            "levels": levels_of(study),
        },
        refuses="wardmote.uncertainty.build:refuse_uncertainty",
    ),
    Stage(
        "audit",
        "wardmote.audit:find_audit",
        reads=(
            "areas", "memberships", "indicators", "values", "priorities", "boundaries",
            "scores", "ranks", "sensitivity", "classes",
        ),
        writes=("audit", "findings"),
        sections=lambda study: study.audit,
        choose=audit_parts,
        settings=lambda study, id_: {
            "spec": study.audit[id_], "audit": id_,
            "indices": {
                name: study.index[name]
                for name in (study.audit[id_].index, *study.audit[id_].against)
                if name in study.index
            },
            "levels": levels_of(study),
        },
    ),
    Stage(
        "need",
        "wardmote.need:find_need",
        reads=("areas", "scores", "summaries", "draws"),
        writes=("need", "findings"),
        sections=lambda study: study.need,
        choose=need_parts,
        settings=need_settings,
        spares=need_spares,
    ),
    Stage(
        "allocate",
        "wardmote.allocate:run_round",
        reads=(
            "areas", "memberships", "scores", "summaries", "values", "indicators", "classes", "need",
            "draws", "boundaries",
        ),
        writes=("awards", "decisions", "fragility", "rule_comparison", "findings"),
        sections=lambda study: study.round,
        choose=round_parts,
        settings=round_settings,
        spares=round_spares,
    ),
    Stage(
        "evaluate",
        "wardmote.evaluate:evaluate_programme",
        reads=("areas", "memberships", "indicators", "values", "boundaries"),
        writes=(
            "treatments", "comparators", "balances", "impacts", "impact_checks", "worths", "findings",
        ),
        sections=lambda study: study.programme,
        choose=programme_parts,
        settings=lambda study, id_: {
            "spec": study.programme[id_], "programme": id_, "levels": levels_of(study),
        },
    ),
    Stage(
        "synthesis",
        "wardmote.synthesis.answers:find_synthesis",
        reads=("impacts",),
        writes=("sources", "studies", "effects", "accounts", "syntheses", "gap_map", "findings"),
        sections=lambda study: study.synthesis,
        choose=synthesis_parts,
        settings=lambda study, id_: {
            "spec": study.synthesis[id_], "synthesis": id_, "evidence": evidence_of(study, id_),
        },
    ),
)  # fmt: skip
"""The flow, in the order in which it runs. Publishing is not a stage: it computes nothing."""

NEEDS: dict[str, tuple[str, ...]] = {
    "sources": (),
    "areas": ("sources",),
    "outlines": ("sources", "areas"),
    "conversion": ("sources", "areas"),
    "index": ("sources", "areas", "outlines", "conversion"),
    "comparison": ("sources", "areas", "outlines", "conversion", "index"),
    "uncertainty": ("sources", "areas", "outlines", "conversion", "index"),
    "audit": ("sources", "areas", "outlines", "conversion", "index", "uncertainty"),
    "need": ("sources", "areas", "outlines", "conversion", "index"),
    "allocate": ("sources", "areas", "outlines", "conversion", "index", "uncertainty", "need"),
    "evaluate": ("sources", "areas", "outlines", "conversion"),
    "synthesis": ("sources", "areas", "outlines", "conversion", "evaluate"),
}
"""The stages that a stage stands on: `wardmote run need` brings these up to date first."""

USES: dict[str, tuple[str, ...]] = {"need": ("uncertainty",)}
"""The stages whose tables a stage takes as they last came out, if they ever ran. `wardmote run need` lists what has both needs in
seconds and draws nothing; where draws are there, it tells how sure that is, and where they change it runs again."""


def evidence_of(study: Study, section: str) -> dict[str, Any]:
    """Return the findings and words of a body of evidence as they stand in its files: part of what its results depend on."""
    from wardmote.synthesis.library import read_evidence

    return read_evidence(study.folder, study.synthesis[section])


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
    # Before anything is read, so that an edit during the run is noticed by the next one.
    began = stamp(folder / "study.toml") if (folder / "study.toml").is_file() else {}
    looked = look_at_settings(folder, workspace.ledger, STAGES)
    study = looked.reading.study
    ahead = [task for task in tasks_of(study, flow) if task.stage.name in wanted] if study else []
    if looked.problems or study is None:
        refuse(looked, ahead, workspace, mirror=mirror, progress=progress)
    assert study is not None  # a study that cannot be read has been refused
    with workspace.lock(wait, say):
        mended = workspace.mend()
        runner = Runner(workspace, study, tasks_of(study, flow), mirror=mirror, progress=progress)
        runner.prune()
        try:
            runner.run(wanted)
        except (StudyError, InputError, MethodError) as error:
            if runner.begun:
                raise
            # Nothing has been worked out yet: what else would be refused is told with it.
            more = refused_by_data(looked, ahead, workspace, mirror=mirror, progress=progress)
            raise type(error)(each_once([*error.problems, *more])) from error
        if wanted == set(NEEDS):
            workspace.set_complete({**began, "watched": runner.watched}, [task.key for task in runner.tasks])
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
    before += _draws_before(study, task, stale)
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


def _draws_before(study: Study, task: Task, stale: Mapping[str, Task]) -> tuple[str, ...]:
    """Return the tasks that are not current and whose tables a task will take once they have run (see `USES`)."""
    used = [key for key, other in stale.items() if other.stage.name in USES.get(task.stage.name, ())]
    if not used:
        return ()
    section = joint_section(study, study.need[task.id])
    return tuple(key for key in used if key == f"uncertainty.{section}")


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

    No table is written: files are read as a run would read them, and what comes out is thrown away.

    Args:
        folder: The study's folder.
        mirror: As for `run`.
        progress: Told which source is being read.

    Raises:
        WardmoteError: Something is wrong; all problems of the study together, or all problems of the files together.
    """
    from wardmote.words import count, listed

    study = sound_study(folder)
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
    checked(task, function_of(task.stage.function)(**task.stage.settings(study, task.id), files=files))
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
    watched = {path: file_state(workspace.folder / path) for path in known.get("watched", {})}
    if {**stamp(study_file), "watched": watched} != known:
        return False
    return all(workspace.untouched(part) for entry in ledger.entries.values() for part in entry.parts)


def _findings(ledger: Ledger, keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sentence for key in keys if key in ledger.entries for sentence in ledger.entries[key].findings
    )
