"""One stage at work for one section of the study: which parts it reads, what it depends on, and why it must run again.

Everything here is decided from the study and the ledger; no table is opened and no numerical library imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wardmote.lineage import (
    Entry,
    Ledger,
    Part,
    RawNote,
    code_hash,
    digest_json,
    file_state,
    task_key,
    versions,
)
from wardmote.workspace import Workspace

if TYPE_CHECKING:
    from wardmote.levels import Level
    from wardmote.study import IndexSpec, NeedSpec, Study
    from wardmote.study.rounds import RoundSpec

Chosen = dict[str, tuple[Part, ...]]
"""The parts that a task reads, by table."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow.

    Attributes:
        name: Its name, as `wardmote run` takes it.
        function: Where its function lies, ``module:name``; imported only when it runs.
        reads: Tables that it reads; each is an argument of the function.
        writes: Tables that it writes; each is a field of the result.
        sections: The IDs of the study's sections that it serves; each makes a task.
        choose: Which parts of the tables in `reads` a task needs, from the ledger.
        settings: Further arguments of the function, from the study.
        repeats: Whether its rows repeat what suppliers published; see `wardmote.lineage.Ledger.exportable`.
        chained: Whether one of its tasks may read what another of them wrote; then they run one after the other.
        refuses: Where the function lies that raises, with the same arguments, what the stage would refuse before it works; "" for
            none. It is asked before any stage calculates.
        takes: Table whose rows go into what it writes, each row of which names their sources in ``source``; "" for none. Parts of
            sources that none of them names add nothing, and their licence does not travel.
        spares: Columns by table that a task does not look at, from the ledger; None for none. They are not read, since a column may
            take more memory than all the others.
    """

    name: str
    function: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    sections: Callable[[Study], Iterable[str]]
    choose: Callable[[Study, str, Ledger], Chosen]
    settings: Callable[[Study, str], dict[str, Any]]
    repeats: bool = False
    chained: bool = False
    refuses: str = ""
    takes: str = ""
    spares: Callable[[Study, str, Ledger], Mapping[str, tuple[str, ...]]] | None = None


# ---- what a task reads


def no_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A source reads raw files, not tables."""
    return {}


def area_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """Areas are put together from what all sources say."""
    return {name: ledger.parts(name) for name in ("area_facts", "membership_facts")}


def outline_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """Outlines are joined from the shapes that sources give."""
    return {
        "boundaries": tuple(part for part in ledger.parts("boundaries") if part.stage == "sources"),
        "areas": ledger.parts("areas"),
        "memberships": ledger.parts("memberships"),
    }


def conversion_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A conversion reads values at its level, from sources and from the conversions above it in the file."""
    spec = study.conversion[section]
    earlier = list(study.conversion)[: list(study.conversion).index(section)]
    values = tuple(
        part
        for part in _holding(ledger, set(spec.indicators), {spec.from_})
        if part.stage == "sources" or (part.stage == "conversion" and part.id in earlier)
    )
    return {
        "values": values,
        "indicators": _beside("indicators", values, ledger),
        "areas": ledger.parts("areas"),
        "memberships": ledger.parts("memberships"),
    }


def index_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """An index reads the values of its indicators at its level, and priorities or boundaries where a step asks for them."""
    spec = study.index[section]
    values = _holding(ledger, indicators_of(spec), _levels_of(spec))
    weighing = {step.source for step in spec.steps if step.do == "weigh" and step.method == "priorities"}
    neighbours = any(step.do == "impute" and step.method == "neighbours" for step in spec.steps)
    return {
        "areas": ledger.parts("areas"),
        "memberships": ledger.parts("memberships"),
        "indicators": _beside("indicators", values, ledger),
        "values": values,
        "priorities": tuple(
            part for part in ledger.parts("priorities") if part.id in weighing or "" in weighing
        ),
        "boundaries": tuple(
            part
            for part in ledger.parts("boundaries")
            if neighbours and (not spec.level or spec.level in part.contents.get("level", ()))
        ),
    }


def comparison_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A comparison reads the scores of two indices."""
    return {
        "scores_a": ledger.parts("scores", [section]),
        "scores_b": ledger.parts("scores", [study.index[section].beside]),
    }


def uncertainty_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """Uncertainty reads what its indices read, and what its factors name: counts, rates, priorities."""
    spec = study.uncertainty[section]
    chosen: dict[str, dict[str, Part]] = {}
    for index in spec.indices:
        for name, parts in index_parts(study, index, ledger).items():
            chosen.setdefault(name, {}).update({part.file: part for part in parts})
    named = {name for one in spec.factors for name in (one.numerator, one.denominator, one.through) if name}
    levels = {level for index in spec.indices for level in _levels_of(study.index[index])}
    for part in _holding(ledger, named, levels):
        chosen["values"].setdefault(part.file, part)
    between = {source for one in spec.factors for source in one.between}
    for part in ledger.parts("priorities", between):
        chosen["priorities"].setdefault(part.file, part)
    found = {
        name: tuple(sorted(parts.values(), key=lambda part: part.file)) for name, parts in chosen.items()
    }
    return {**found, "indicators": _beside("indicators", found["values"], ledger)}


def audit_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """An audit reads what its index reads, the other measures that it names, and what uncertainty found of the index."""
    spec = study.audit[section]
    index = study.index[spec.index]
    chosen = index_parts(study, spec.index, ledger)
    others = set(spec.against) - set(study.index)
    values = {part.file: part for part in chosen["values"]}
    values |= {part.file: part for part in _holding(ledger, others, _levels_of(index))}
    found = tuple(values[file] for file in sorted(values))
    doubts = [id_ for id_, doubt in study.uncertainty.items() if spec.index in doubt.indices]
    return {
        **chosen,
        "values": found,
        "indicators": _beside("indicators", found, ledger),
        "scores": ledger.parts("scores", [name for name in spec.against if name in study.index]),
        "ranks": ledger.parts("ranks", doubts[:1]),
        "sensitivity": ledger.parts("sensitivity", doubts[:1]),
        "classes": ledger.parts("classes") if spec.classes else (),
    }


def joint_section(study: Study, spec: NeedSpec) -> str:
    """Return the section of uncertainty whose draws a definition of need takes: the first with both indices; "" for none."""
    two = {spec.deprivation, spec.community}
    return next((id_ for id_, doubt in study.uncertainty.items() if two <= set(doubt.indices)), "")


def need_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A definition of need reads the two indices that it names, and draws of both where uncertainty has run."""
    spec = study.need[section]
    two = (spec.deprivation, spec.community)
    joint = joint_section(study, spec)
    return {
        "areas": ledger.parts("areas"),
        "scores": ledger.parts("scores", two),
        "summaries": ledger.parts("summaries", two),
        "draws": ledger.parts("draws", [joint] if joint else []),
    }


def need_spares(study: Study, section: str, ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """Need looks at kept ranks only where its share is another than that of the flags that were drawn with them."""
    section_ = joint_section(study, study.need[section])
    entry = ledger.entries.get(task_key("uncertainty", section_))
    if entry is None:
        return {}
    usual = type(study.uncertainty[section_]).model_fields["share"].default
    same = entry.spec.get("share", usual) == study.need[section].share
    return {"draws": ("ranks",)} if same else {}


def round_spares(study: Study, section: str, ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """A funding round looks at kept ranks alone: who is in a share of need is no question of its rules."""
    return {"draws": ("inside_both", "inside_sampling", "inside_method")}


def rounds_of(study: Study, section: str) -> dict[str, RoundSpec]:
    """Return the other rounds that a round is set beside or that its lists name, and those that these name."""
    found: dict[str, RoundSpec] = {}
    waiting = [section]
    while waiting:
        spec = study.round[waiting.pop()]
        for name in [*spec.compare, *(one.round for one in spec.exclude if one.round)]:
            if name not in found and name != section:
                found[name] = study.round[name]
                waiting.append(name)
    return dict(sorted(found.items()))


def round_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A funding round reads its measure of need, what its rules and awards name, and draws where uncertainty has run."""
    specs = [study.round[section], *rounds_of(study, section).values()]
    indices = {part.index for spec in specs for part in spec.measure if part.index}
    names = {part.indicator for spec in specs for part in spec.measure if part.indicator}
    names |= {spec.award.by for spec in specs} | {name for spec in specs for name in spec.groups_of_people}
    levels = {level for spec in specs for level in (spec.level, spec.small) if level}
    values = _holding(ledger, names - {""}, levels)
    joint = [id_ for id_, doubt in study.uncertainty.items() if indices & set(doubt.indices)]
    full = [id_ for id_ in joint if indices <= set(study.uncertainty[id_].indices)]
    shapes = any(spec.apart or spec.cluster for spec in specs)
    return {
        "areas": ledger.parts("areas"),
        "memberships": ledger.parts("memberships"),
        "scores": ledger.parts("scores", indices),
        "summaries": ledger.parts("summaries", indices),
        "values": values,
        "indicators": _beside("indicators", values, ledger),
        "classes": ledger.parts("classes"),
        "need": ledger.parts("need", {spec.definition for spec in specs if spec.definition}),
        "draws": ledger.parts("draws", (full or joint)[:1]),
        "boundaries": tuple(
            part
            for part in ledger.parts("boundaries")
            if shapes and levels & set(part.contents.get("level", levels))
        ),
    }


def need_settings(study: Study, section: str) -> dict[str, Any]:
    """Return what a definition of need is told besides its tables."""
    spec = study.need[section]
    first, second = (study.index[name].title or name for name in (spec.deprivation, spec.community))
    return {"spec": spec, "definition": section, "levels": levels_of(study), "titles": (first, second)}


def round_settings(study: Study, section: str) -> dict[str, Any]:
    """Return what a funding round is told besides its tables."""
    others = rounds_of(study, section)
    specs = [study.round[section], *others.values()]
    indices = sorted({part.index for spec in specs for part in spec.measure if part.index})
    titles = {name: study.index[name].title or name for name in indices}
    titles |= {spec.definition: study.need[spec.definition].title for spec in specs if spec.definition}
    return {
        "spec": study.round[section],
        "round": section,
        "others": others,
        "higher": {name: study.index[name].higher for name in indices},
        "titles": titles,
        "levels": levels_of(study),
    }


def synthesis_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """A body of evidence reads files; and the impacts of the programmes whose evaluations update it."""
    programmes = {one.programme for one in study.synthesis[section].here}
    return {"impacts": ledger.parts("impacts", programmes) if programmes else ()}


def programme_parts(study: Study, section: str, ledger: Ledger) -> Chosen:
    """An evaluation reads its outcomes and covariates at its level, and shapes where distances matter."""
    spec = study.programme[section]
    names = {spec.outcome, *spec.also, *spec.added.outcomes, *spec.covariates}
    values = _holding(ledger, names, {spec.level})
    shapes = bool(spec.comparison.apart_km or spec.rings_km)
    return {
        "areas": ledger.parts("areas"),
        "memberships": ledger.parts("memberships"),
        "indicators": _beside("indicators", values, ledger),
        "values": values,
        "boundaries": tuple(
            part
            for part in ledger.parts("boundaries")
            if shapes and spec.level in part.contents.get("level", (spec.level,))
        ),
    }


def _holding(ledger: Ledger, indicators: set[str], levels: set[str]) -> tuple[Part, ...]:
    """Return the parts of `values` that hold any of these indicators at any of these levels (any level for none).

    An indicator that stands at none of the levels brings the parts where it does stand, so that the stage can say where.
    """
    holding = [
        part for part in ledger.parts("values") if indicators & set(part.contents.get("indicator", ()))
    ]
    fitting = [part for part in holding if not levels or levels & set(part.contents.get("level", ()))]
    found = {name for part in fitting for name in part.contents["indicator"]}
    elsewhere = [part for part in holding if (indicators & set(part.contents["indicator"])) - found]
    return tuple(part for part in holding if part in fitting or part in elsewhere)


def _levels_of(spec: IndexSpec) -> set[str]:
    """Return the levels whose values an index reads: its own, and those that steps look at; none where it names none."""
    if not spec.level:
        return set()
    further = {getattr(step, name, "") for step in spec.steps for name in ("within", "towards")}
    return {spec.level, *further} - {""}


def _beside(name: str, parts: Iterable[Part], ledger: Ledger) -> tuple[Part, ...]:
    """Return the parts of a table that the same tasks wrote, and, of indicators that a conversion carried under their own name, those
    that say what they are."""
    given = tuple(parts)
    writers = {(part.stage, part.id) for part in given}
    held = {indicator for part in given for indicator in part.contents.get("indicator", ())}
    found = [part for part in ledger.parts(name) if (part.stage, part.id) in writers]
    known = {indicator for part in found for indicator in part.contents.get("indicator", ())}
    further = [
        part for part in ledger.parts(name) if (held - known) & set(part.contents.get("indicator", ()))
    ]
    return (*found, *(part for part in further if part not in found))


def indicators_of(spec: IndexSpec) -> set[str]:
    """Return every name in an index that may be an indicator: of leaves, of denominators, of weights."""
    names = {node.indicator or node.node for node in spec.tree} | set(spec.indicators.values())
    for step in spec.steps:
        if step.do == "denominate":
            names.add(step.by)
        names |= {
            value for settings in step.per.values() for value in settings.values() if isinstance(value, str)
        }
    return names | {spec.summarise.population}


# ---- what a task is told besides


def levels_of(study: Study) -> Mapping[str, Level]:
    """Return the levels of a study by name."""
    from wardmote.levels import known_levels

    return known_levels(study.level)


def shown_levels(study: Study) -> list[str]:
    """Return the levels that a study names or summarises at, which pages show; none where it names none."""
    named = study.study.levels
    larger = [level for spec in study.index.values() for level in spec.summarise.levels]
    return list(dict.fromkeys([*named, *larger])) if named else []


@dataclass(frozen=True, slots=True)
class Task:
    """One stage at work for one section of the study."""

    stage: Stage
    id: str

    @property
    def key(self) -> str:
        """Name of the task: ``index.imd``."""
        return task_key(self.stage.name, self.id)


def raw_notes(files: Iterable[Any], folder: Path) -> tuple[RawNote, ...]:
    """Return the ledger's notes of raw files, paths inside the study relative to it."""
    notes = []
    for file in files:
        path = Path(file.path)
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        size, mtime = file_state(path) or (0, 0)
        notes.append(
            RawNote(shown.as_posix(), file.address, file.retrieved, file.sha256, file.form, size, mtime)
        )
    return tuple(notes)


def ingredients_of(study: Study, task: Task, chosen: Chosen, raw: Iterable[RawNote]) -> dict[str, str]:
    """Return everything that a task's outputs depend on, each with a hash; see `wardmote.lineage.Entry`."""
    ingredients = {
        "spec": digest_json(spec_of(study, task, full=True)),
        "code": code_hash(task.stage.function.partition(":")[0]),
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }
    if "levels" in task.stage.settings(study, task.id):
        ingredients["levels"] = digest_json({name: spec.model_dump() for name, spec in study.level.items()})
    for note in raw:
        ingredients[f"raw {note.path}"] = note.sha256
    for name, parts in chosen.items():
        for part in parts:
            ingredients[f"input {part.file}"] = part.sha256
        if not parts:
            ingredients[f"no {name}"] = "none"
    return ingredients


def spec_of(study: Study, task: Task, *, full: bool = False) -> Any:
    """Return a task's section of the study as JSON.

    Args:
        study: The study.
        task: The task.
        full: With all defaults (for the hash), or only what the study and its recipe say (for readers).
    """
    settings = task.stage.settings(study, task.id)
    spec = settings.pop("spec", None)
    # Levels are an ingredient of their own.
    others = {key: _plain(value) for key, value in settings.items() if key != "levels"}
    if spec is None:
        return others
    said = spec.model_dump(mode="json", by_alias=True, exclude_defaults=not full)
    return {"settings": said, **others} if full else said


def _plain(value: Any) -> Any:
    """Return a setting as JSON: records of the study as the values that they hold."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def why_not_current(
    entry: Entry | None, ingredients: Mapping[str, str], workspace: Workspace
) -> tuple[str, ...]:
    """Return why a task must run, in words; nothing where it is current."""
    if entry is None:
        return ("it has not run yet",)
    reasons = []
    told = {
        "spec": "its section of the study changed",
        "code": "the code that computes it changed",
        "versions": "a library changed",
        "levels": "the study's levels changed",
    }
    for name in [*ingredients, *(key for key in entry.ingredients if key not in ingredients)]:
        if ingredients.get(name) != entry.ingredients.get(name):
            kind, _, rest = name.partition(" ")
            reasons.append(
                told.get(name)
                or f"{ {'raw': 'the file', 'input': 'its input'}.get(kind, kind) } {rest} changed"
            )
    reasons += [
        f"its table {part.file} is missing or damaged" for part in entry.parts if not workspace.intact(part)
    ]
    return tuple(reasons)
