"""What a study intends: one frozen record for each section of ``study.toml``, read and checked at once.

A study is a folder with a ``study.toml`` under version control. `read_study` turns the file into a `Study` or raises one
`StudyError` that lists every problem with the line where it stands; nothing is run before that. A what-if is
``dataclasses.replace`` in spirit: ``spec.model_copy(update=…)`` and the same call again.

Words: a *section* is ``[kind.ID]``; the ID names its results in every table. A *step* is one entry of an index's ordered list; a
step may occur twice and has an ``id`` of its own, so that an override or an uncertainty factor can point at it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from wardmote.errors import MissingError, Problem, StudyError
from wardmote.study.aside import leave_aside, touches_data
from wardmote.study.data import AreasSpec, ColumnSpec, ConversionSpec, LevelSpec, SourceSpec
from wardmote.study.doubt import AuditLimits, AuditSpec, CorrelationSpec, FactorSpec, UncertaintySpec
from wardmote.study.evidence import (
    AddedSpec,
    CohortSpec,
    ComparisonSpec,
    Estimator,
    ProgrammeSpec,
    SynthesisSpec,
    WorthSpec,
)
from wardmote.study.indices import (
    AggregateStep,
    DenominateStep,
    ImputeStep,
    IndexSpec,
    NeedSpec,
    NodeSpec,
    NormaliseStep,
    On,
    ScreenStep,
    ShrinkStep,
    SimilarSpec,
    Step,
    StepSpec,
    SummariseSpec,
    TreatStep,
    WeighStep,
)
from wardmote.study.rounds import RoundSpec, with_preset, with_registers
from wardmote.study.spec import MEASURES, RECIPES, STUDY_FILE, Identifier, Measure, Spec, locate, place_of

__all__ = [
    "MEASURES",
    "RECIPES",
    "STUDY_FILE",
    "AddedSpec",
    "AggregateStep",
    "AreasSpec",
    "AuditLimits",
    "AuditSpec",
    "CohortSpec",
    "ColumnSpec",
    "ComparisonSpec",
    "ConversionSpec",
    "CorrelationSpec",
    "DenominateStep",
    "Estimator",
    "FactorSpec",
    "Identifier",
    "ImputeStep",
    "IndexSpec",
    "LevelSpec",
    "Measure",
    "NeedSpec",
    "NodeSpec",
    "NormaliseStep",
    "On",
    "PostcodeSpec",
    "ProgrammeSpec",
    "PublishSpec",
    "Reading",
    "RoundSpec",
    "ScreenStep",
    "ShrinkStep",
    "SimilarSpec",
    "SourceSpec",
    "Spec",
    "Step",
    "StepSpec",
    "Study",
    "StudySection",
    "SummariseSpec",
    "SynthesisSpec",
    "TreatStep",
    "UncertaintySpec",
    "WeighStep",
    "WorthSpec",
    "locate",
    "parse_as_far_as_possible",
    "parse_study",
    "place_of",
    "placed",
    "read_as_far_as_possible",
    "read_study",
    "recipe_names",
    "with_lines",
]


class StudySection(Spec):
    """``[study]``: who and what.

    Attributes:
        id: Short name of the study.
        title: Its title, as pages print it.
        seed: Seed of every random choice, 0 or more; the same seed gives the same results.
        levels: Levels from the smallest areas to the largest.
        description: One paragraph for the first page.
    """

    id: Identifier
    title: str
    seed: int = Field(default=0, ge=0)
    levels: list[Identifier] = Field(default_factory=list)
    description: str = ""


class PostcodeSpec(Spec):
    """A file that says in which area each postcode lies.

    Attributes:
        file: CSV or Parquet file in the study.
        postcode: Its column of postcodes.
        area: Its column of area codes.
        level: Level of these areas; the smallest one by default.
    """

    file: str
    postcode: str
    area: str
    level: str = ""


PageKind = Literal[
    "start", "full", "place", "columns", "map", "find", "compare", "table", "round", "impacts", "evidence", "whatif", "method",
    "data", "share", "about", "assets",
]  # fmt: skip
"""Kinds of page that a site can have."""


class PublishSpec(Spec):
    """``[publish]``: what the page says of its makers.

    Attributes:
        title: Title of the page; the study's by default.
        contact: Who decides, and whom to ask.
        publisher: Who publishes it, by name alone: what printed reports bear as their author; nobody by default.
        need: Definition of need that the page leads with; the first by default.
        round: Funding rounds that the page shows; all by default.
        index: Index whose map is drawn; the deprivation index of `need` by default.
        map_level: Level of the map.
        pages: Which kinds of page the site has beside the first; all that the tables allow by default, ["start"] for one page that
            holds everything.
        address: Public address of the site, so that shared links can show a picture.
        postcodes: A file of postcodes, so that people can look up their own.
        tiles: How the map's shapes lie: one file for each level, a folder of small files for hosts that break ranges, or both, so that
            the page takes what its host can send.
        language: Language of the pages, as browsers read it (BCP 47), for instance "cy".
        strings: A file of translated texts, TOML of the form of the English ones; what it lacks stays English.
    """

    title: str = ""
    contact: str = ""
    publisher: str = ""
    need: str = ""
    round: list[str] = Field(default_factory=list)
    index: str = ""
    map_level: str = ""
    pages: list[PageKind] = Field(default_factory=list)
    address: str = ""
    postcodes: PostcodeSpec | None = None
    tiles: Literal["file", "folder", "both"] = "file"
    language: str = Field(default="en-GB", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    strings: str = ""


class Study(Spec):
    """A whole study, as its file states it.

    Attributes:
        folder: The folder that holds ``study.toml``; paths in the file are relative to it.
    """

    study: StudySection
    level: dict[Identifier, LevelSpec] = Field(default_factory=dict)
    sources: dict[Identifier, SourceSpec] = Field(default_factory=dict)
    areas: AreasSpec = Field(default_factory=AreasSpec)
    conversion: dict[Identifier, ConversionSpec] = Field(default_factory=dict)
    index: dict[Identifier, IndexSpec] = Field(default_factory=dict)
    uncertainty: dict[Identifier, UncertaintySpec] = Field(default_factory=dict)
    audit: dict[Identifier, AuditSpec] = Field(default_factory=dict)
    need: dict[Identifier, NeedSpec] = Field(default_factory=dict)
    round: dict[Identifier, RoundSpec] = Field(default_factory=dict)
    programme: dict[Identifier, ProgrammeSpec] = Field(default_factory=dict)
    synthesis: dict[Identifier, SynthesisSpec] = Field(default_factory=dict)
    publish: PublishSpec = Field(default_factory=PublishSpec)
    folder: Path = Field(default=Path(), exclude=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """A study as far as it can be read, with everything that is wrong with it.

    Attributes:
        study: The study; without what was left aside where there are problems, None where too little stays.
        problems: All that can be seen to be wrong without data.
        aside: What could not be read, such as ``index.imd`` or ``uncertainty.main.factors 2``.
    """

    study: Study | None
    problems: tuple[Problem, ...] = ()
    aside: frozenset[str] = frozenset()

    @property
    def data_stand(self) -> bool:
        """Whether all that says what is read is sound."""
        return self.study is not None and not touches_data(self.aside)


def read_study(folder: Path) -> Study:
    """Return the study of a folder, recipes merged in, after all checks that need no data.

    Args:
        folder: Folder with ``study.toml``, or the file itself.

    Raises:
        MissingError: There is no ``study.toml``.
        StudyError: The file is not TOML, or holds unknown keys, wrong values, or references to sections that do not exist; all
            together.
    """
    return _whole(read_as_far_as_possible(folder))


def _whole(reading: Reading) -> Study:
    if reading.problems or reading.study is None:
        raise StudyError(reading.problems)
    return reading.study


def read_as_far_as_possible(folder: Path) -> Reading:
    """Return the study of a folder as far as it can be read, for whoever looks for further faults.

    Args:
        folder: Folder with ``study.toml``, or the file itself.

    Raises:
        MissingError: There is no ``study.toml``.
        StudyError: The file is not TOML.
    """
    path = folder if folder.suffix == ".toml" else folder / STUDY_FILE
    try:
        # Some editors begin a UTF-8 file with a byte-order mark, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(
            Problem(
                str(path),
                "there is no study here",
                expected=f"a folder with {STUDY_FILE}",
                remedy="Give the folder with --study, or start one with `wardmote new`.",
            )
        ) from None
    except UnicodeDecodeError as error:
        raise StudyError(
            Problem(
                str(path),
                "the file is not UTF-8 text",
                got=f"byte {error.object[error.start]:#x} in line {error.object[: error.start].count(10) + 1}",
                remedy="Save it as UTF-8.",
            )
        ) from None
    return parse_as_far_as_possible(text, path)


def parse_study(text: str, path: Path = Path(STUDY_FILE)) -> Study:
    """Return the study of a TOML text; see `read_study`.

    Args:
        text: The TOML text.
        path: Where it stands: names the file in errors, and its folder is the study's.
    """
    return _whole(parse_as_far_as_possible(text, path))


def parse_as_far_as_possible(text: str, path: Path = Path(STUDY_FILE)) -> Reading:
    """Return the study of a TOML text as far as it can be read; see `read_as_far_as_possible`.

    Args:
        text: The TOML text.
        path: Where it stands: names the file in errors, and its folder is the study's.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(Problem(path.name, "the file is not TOML", got=str(error))) from None
    problems: list[Problem] = []
    raw_indices = data.get("index")
    if isinstance(raw_indices, dict):
        data["index"] = {
            name: _with_recipe(raw, f"index.{name}", text, path, problems)
            for name, raw in raw_indices.items()
        }
    if isinstance(data.get("round"), dict):
        data["round"] = {
            name: with_preset(raw, ("round", name), text, path, problems)
            for name, raw in data["round"].items()
        }
    if isinstance(data.get("programme"), dict):
        data["programme"] = {
            name: with_registers(raw, ("programme", name), text, path, problems)
            for name, raw in data["programme"].items()
        }
    aside: set[str] = set()
    seen: set[str] = set()
    while True:
        try:
            study = Study.model_validate({**data, "folder": path.parent})
            break
        except ValidationError as error:
            told = [p for p in _told(error, text, path.name) if str(p) not in seen]
            seen |= {str(p) for p in told}
            problems += told
            rest = leave_aside(
                data, [(item["type"], item["loc"]) for item in error.errors(include_url=False)]
            )
        if rest is None or not told:
            what = "the rest of the study could not be checked"
            problems.append(
                Problem(path.name, what, remedy="Mend this first; what else is wrong is told then.")
            )
            return Reading(None, tuple(problems), frozenset(aside))
        data, more = rest
        aside |= more
    problems += _reference_problems(study, text, path.name, aside)
    return Reading(study, tuple(problems), frozenset(aside))


def _with_recipe(raw: Any, where: str, text: str, path: Path, problems: list[Problem]) -> Any:
    """Return an index section with its recipe's settings beneath its own."""
    if not isinstance(raw, dict) or not isinstance(raw.get("recipe"), str) or not raw["recipe"]:
        return raw
    name = raw["recipe"]
    file = path.parent / name if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(recipe_names())
        problems.append(
            Problem(
                place_of(path.name, text, (*where.split("."), "recipe")),
                "no such recipe",
                got=name,
                expected=known,
            )
        )
        return raw
    try:
        recipe = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(str(file), "the recipe is not TOML", got=str(error)))
        return raw
    return _merged(recipe.get("index", {}), raw)


def _merged(recipe: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's settings with the study's own in their place; tables key by key, so that naming levels keeps the weight."""
    both = {**recipe, **own}
    for key in recipe.keys() & own.keys():
        if isinstance(recipe[key], dict) and isinstance(own[key], dict):
            both[key] = {**recipe[key], **own[key]}
    return both


def with_lines(problems: Iterable[Problem], text: str, file: str = STUDY_FILE) -> list[Problem]:
    """Return problems whose place is a setting (``study.toml, round.x.places``) with the line where it stands.

    Args:
        problems: Problems that were found without the file at hand.
        text: The study's TOML text.
        file: Its name.
    """
    placed = []
    for problem in problems:
        start, _, setting = (
            problem.where.rpartition(", ") if ", " in problem.where else (file, "", problem.where)
        )
        parts = _path_of(setting)
        line = locate(text, parts) if start == file and parts and parts[0] in Study.model_fields else None
        placed.append(replace(problem, where=f"{file} line {line}, {setting}") if line else problem)
    return placed


def _path_of(setting: str) -> tuple[int | str, ...]:
    """Return the path that a place names: ``uncertainty.main.factors 2 (values.work).p`` is four keys and position 1."""
    path: list[int | str] = []
    for part in re.sub(r" \([^)]*\)", "", setting).partition(":")[0].split("."):
        name, _, place = part.partition(" ")
        path += [
            int(word) - 1 if word.isdecimal() and word != "0" else word for word in (name, place) if word
        ]
    return tuple(path)


def placed(problems: Iterable[Problem], study: Study) -> list[Problem]:
    """Return problems with the line of the study's file where each setting stands; see `with_lines`."""
    file = study.folder / STUDY_FILE
    return with_lines(problems, file.read_text(encoding="utf-8")) if file.is_file() else list(problems)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with Wardmote."""
    return sorted(file.stem for file in RECIPES.glob("*.toml"))


def _told(error: ValidationError, text: str, file: str) -> Iterator[Problem]:
    """Yield pydantic's findings as problems in our wording."""
    for item in error.errors(include_url=False):
        location = tuple(part for part in item["loc"] if part not in _STEP_TAGS)
        where = place_of(file, text, location)
        given = item.get("input")
        match item["type"]:
            case "extra_forbidden":
                yield Problem(
                    where, "unknown key", got=str(location[-1]), remedy="Remove it or correct its spelling."
                )
            case "missing":
                yield Problem(where, "a required key is missing", expected=str(location[-1]))
            case "value_error":
                what, _, rest = str(item["ctx"]["error"]).partition("|")
                expected, _, remedy = rest.partition("|")
                yield Problem(where, what, expected=expected, remedy=remedy)
            case _:
                told = item["msg"].replace("Input should be ", "").replace("input should be ", "")
                remedy = "Correct the setting."
                yield Problem(
                    where, "the value is not allowed", got=repr(given), expected=told, remedy=remedy
                )


_STEP_TAGS = {"denominate", "screen", "impute", "treat", "shrink", "normalise", "weigh", "aggregate"}
"""Tags that pydantic puts into the path of a step, which nobody wrote in the file."""


def _reference_problems(study: Study, text: str, file: str, aside: Iterable[str] = ()) -> list[Problem]:
    """Return a problem for each name in the study that nothing in it carries, not even what was left aside as unreadable."""
    problems: list[Problem] = []

    def expect(name: str, known: Mapping[str, Any], what: str, *location: str) -> None:
        if name and name not in known and f"{what.split(maxsplit=1)[0]}.{name}" not in aside:
            problems.append(
                Problem(
                    place_of(file, text, location),
                    f"no such {what}",
                    got=name,
                    expected=", ".join(known) or f"a section [{what}.…]",
                    remedy="Correct the name, or add the section.",
                )
            )

    for id_, need in study.need.items():
        expect(need.deprivation, study.index, "index", "need", id_, "deprivation")
        expect(need.community, study.index, "index", "need", id_, "community")
    for id_, index in study.index.items():
        expect(index.beside, study.index, "index", "index", id_, "beside")
        for position, step in enumerate(index.steps):
            if isinstance(step, WeighStep):
                expect(step.source, study.sources, "sources", "index", id_, "steps", str(position), "source")
    _expect_of_uncertainty(study, expect)
    problems += _audit_problems(study, text, file, expect)
    for key in ("names", "population", "households"):
        expect(getattr(study.areas, key), study.sources, "sources", "areas", key)
    _expect_of_rounds(study, expect)
    expect(study.publish.need, study.need, "need", "publish", "need")
    _expect_of_evidence(study, expect)
    for name in study.publish.round:
        expect(name, study.round, "round", "publish", "round")
    expect(study.publish.index, study.index, "index", "publish", "index")
    return problems


def _audit_problems(study: Study, text: str, file: str, expect: Callable[..., None]) -> list[Problem]:
    """Hold the names in audits against the study; return a problem for each that audits an index again, or an index by itself."""
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for id_, audit in study.audit.items():
        expect(audit.index, study.index, "index", "audit", id_, "index")
        if audit.index in seen:
            what = f"audit.{seen[audit.index]} looks at this index already"
            problems.append(Problem(place_of(file, text, ("audit", id_, "index")), what, got=audit.index))
        seen.setdefault(audit.index, id_)
        if audit.index in audit.against or len(set(audit.against)) < len(audit.against):
            what = "an index cannot be held against itself, nor twice against one measure"
            problems.append(
                Problem(place_of(file, text, ("audit", id_, "against")), what, got=", ".join(audit.against))
            )
    return problems


def _expect_of_evidence(study: Study, expect: Callable[..., None]) -> None:
    """Hold the names in bodies of evidence against the study."""
    for id_, body in study.synthesis.items():
        for position, one in enumerate(body.here):
            here = ("synthesis", id_, "here", str(position), "programme")
            expect(one.programme, study.programme, "programme", *here)


def _expect_of_uncertainty(study: Study, expect: Callable[..., None]) -> None:
    """Hold the names in sections of uncertainty against the study."""
    for id_, doubt in study.uncertainty.items():
        for name in doubt.indices:
            expect(name, study.index, "index", "uncertainty", id_, "index")
        for position, factor in enumerate(doubt.factors):
            here = ("uncertainty", id_, "factors", str(position))
            expect(factor.index, dict.fromkeys(doubt.indices), "index of this section", *here, "index")
            for source in factor.between:
                if source != "official":
                    expect(source, study.sources, "sources", *here, "between")


def _expect_of_rounds(study: Study, expect: Callable[..., None]) -> None:
    """Hold the names in funding rounds against the study."""
    for id_, spec in study.round.items():
        expect(spec.definition, study.need, "need", "round", id_, "definition")
        for position, part in enumerate(spec.measure):
            expect(part.index, study.index, "index", "round", id_, "measure", str(position), "index")
        earlier = dict.fromkeys(list(study.round)[: list(study.round).index(id_)])
        for position, one in enumerate(spec.exclude):
            expect(
                one.round, earlier, "round before this one", "round", id_, "exclude", str(position), "round"
            )
        for name in spec.compare:
            expect(name, {one: None for one in study.round if one != id_}, "round", "round", id_, "compare")
