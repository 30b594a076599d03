"""Is a study sound? Everything that is wrong with it, in one error, before any work.

Faults show in three places: in the file by itself (`wardmote.study`), in what its sections say of each other (`look_at_settings`), and
in the data that they meet. A run with sound settings asks the stages what they would refuse before the first of them calculates
(`Runner.run`). Where settings are at fault, `refuse` reads the data aside, leaves no trace, and tells what they would refuse as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wardmote.errors import Problem, StudyError, WardmoteError
from wardmote.lineage import Ledger
from wardmote.runner import Progress, Runner
from wardmote.tasks import Stage, Task, ingredients_of, levels_of
from wardmote.workspace import Workspace

if TYPE_CHECKING:
    from wardmote.study import Reading, Study

READING = ("sources", "areas", "conversion")
"""Stages that bring the data in, and calculate nothing that could be refused for its settings."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A study and what is wrong with its settings.

    Attributes:
        reading: The study as far as it can be read.
        problems: All that is wrong and needs no data, each with its line.
        unsound: Indices that are not there or cannot be compiled.
    """

    reading: Reading
    problems: tuple[Problem, ...]
    unsound: frozenset[str]


def sound_study(folder: Path) -> Study:
    """Return the study of a folder after all checks that need no data.

    Args:
        folder: The study's folder.

    Raises:
        MissingError: There is no study.
        StudyError: Something is wrong; all together.
    """
    looked = look_at_settings(folder)
    if looked.problems or looked.reading.study is None:
        raise StudyError(looked.problems)
    return looked.reading.study


def look_at_settings(folder: Path, ledger: Ledger | None = None, stages: Iterable[Stage] = ()) -> Looked:
    """Return a study and everything that is wrong with it and needs no data.

    Args:
        folder: The study's folder.
        ledger: Where an index stands in it with the same settings and code, it was compiled before and is not again.
        stages: The stages of the flow, to tell that.

    Raises:
        MissingError: There is no study.
        StudyError: The file is not TOML.
    """
    from wardmote.study import placed, read_as_far_as_possible

    reading = read_as_far_as_possible(folder)
    if reading.study is None:
        return Looked(reading, reading.problems, frozenset())
    problems, unsound = _compiled(reading.study, ledger, {stage.name: stage for stage in stages})
    told = [*reading.problems, *placed(problems, reading.study)]
    return Looked(reading, tuple(dict.fromkeys(told)), unsound)


def compile_all(study: Study) -> None:
    """Check everything in a study that needs no data, for all stages, before any runs.

    Args:
        study: The study.

    Raises:
        StudyError: Names of stages, indices or steps do not fit together; all problems at once.
    """
    from wardmote.study import placed

    problems, _ = _compiled(study)
    if problems:
        raise StudyError(placed(problems, study))


def _compiled(
    study: Study, ledger: Ledger | None = None, stages: Mapping[str, Stage] | None = None
) -> tuple[list[Problem], frozenset[str]]:
    """Return what sections say of each other that cannot be, and which indices are not there or cannot be compiled."""
    from wardmote.levels import unknown_levels

    problems = list(unknown_levels(study))
    unsound = {
        name for doubt in study.uncertainty.values() for name in doubt.indices if name not in study.index
    }
    for id_, spec in study.index.items():
        if spec.beside == id_:
            problems.append(Problem(f"study.toml, index.{id_}.beside", "an index cannot stand beside itself"))
        if ledger and stages and "index" in stages and _known(study, Task(stages["index"], id_), ledger):
            continue
        from wardmote.engine import compile_index

        try:
            compile_index(spec, index=id_)
        except WardmoteError as error:
            problems += error.problems
            unsound.add(id_)
    for id_, doubt in study.uncertainty.items():
        from wardmote.uncertainty.factors import check_uncertainty

        problems += check_uncertainty(doubt, id_, study.index)
    for id_, spec_ in study.round.items():
        from wardmote.allocate.check import check_round

        problems += check_round(spec_, id_, levels_of(study))
    return problems, frozenset(unsound)


def _known(study: Study, task: Task, ledger: Ledger) -> bool:
    """Return whether an index ran with the settings and the code that it has now."""
    entry = ledger.entries.get(task.key)
    now_ = ingredients_of(study, task, {}, ())
    return entry is not None and all(entry.ingredients.get(key) == now_[key] for key in ("spec", "code"))


def refuse(
    looked: Looked,
    tasks: Iterable[Task],
    workspace: Workspace,
    *,
    mirror: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Raise what is wrong with a study's settings, and what the data would refuse of the rest; keep nothing.

    Args:
        looked: The study and what is wrong with its settings.
        tasks: The tasks that were asked for.
        workspace: The study's workspace; nothing is written to its tables.
        mirror: Folder that official sets are copied from.
        progress: Told what is at work.

    Raises:
        StudyError: Always; also what could not be checked stands in it.
    """
    asked = tuple(tasks)
    problems = list(looked.problems)
    data = _draws(asked)
    if data and looked.reading.data_stand:
        try:
            with workspace.lock(0):
                problems += refused_by_data(looked, asked, workspace, mirror=mirror, progress=progress)
        except WardmoteError as error:  # another run is at work, or nothing can be written there
            problems += error.problems
    unchecked = list(_unchecked(looked, data and not looked.reading.data_stand))
    if unchecked:
        from wardmote.words import listed

        what = f"not checked yet: {listed(unchecked)}"
        problems.append(
            Problem("study.toml", what, remedy="Mend this first; what else is wrong is told then.")
        )
    raise StudyError(each_once(problems))


def each_once(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems without those that say the same of the same place again."""
    found: dict[tuple[str, str, str], Problem] = {}
    for problem in problems:
        found.setdefault((problem.where, problem.what, problem.got), problem)
    return list(found.values())


def _draws(tasks: Iterable[Task]) -> bool:
    """Return whether any task varies what the data say, so that it matters to look at them beforehand."""
    return any(task.stage.refuses and task.stage.name != "index" for task in tasks)


def _unchecked(looked: Looked, data: bool) -> Iterator[str]:
    """Yield what could not be checked, in words."""
    study = looked.reading.study
    if study is None:  # told where it was read
        return
    for name in sorted(looked.reading.aside):
        if "." in name and " " not in name:
            yield f"the rest of {name}"
    for id_, doubt in study.uncertainty.items():
        if set(doubt.indices) & looked.unsound:
            yield f"what varies in uncertainty.{id_}"
    if data:
        yield "the data"


def refused_by_data(
    looked: Looked,
    tasks: Iterable[Task],
    workspace: Workspace,
    *,
    mirror: Path | None = None,
    progress: Progress | None = None,
) -> list[Problem]:
    """Return what the data refuse of what is sound in a study's settings: nothing where nothing varies. Call it under the lock.

    Faults beside values, such as a negative standard error, do not keep the values from being looked at; a file that cannot be read
    does.

    Args:
        looked: The study and what is wrong with its settings.
        tasks: The tasks that were asked for.
        workspace: The study's workspace; nothing is written to its tables.
        mirror: Folder that official sets are copied from.
        progress: Told what is at work.
    """
    asked, study = tuple(tasks), looked.reading.study
    if study is None or not _draws(asked):
        return []
    chosen = tuple(task for task in asked if _stands(study, task, looked.unsound))
    errors: list[WardmoteError] = []
    try:
        with workspace.scratch(READING) as scratch:
            runner = Runner(scratch, study, chosen, mirror=mirror, progress=progress, put_up_with=errors)
            runner.run(set(READING))
            errors += runner.refusals(chosen, current=True)
    except WardmoteError as error:
        errors.append(error)
    return [problem for error in errors for problem in error.problems]


def _stands(study: Study, task: Task, unsound: frozenset[str]) -> bool:
    """Return whether a task can be asked: it reads data, or all its indices are sound."""
    if task.stage.name == "index":
        return task.id not in unsound
    if task.stage.name == "uncertainty":
        return not set(study.uncertainty[task.id].indices) & unsound
    return task.stage.name in READING
