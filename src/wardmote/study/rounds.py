"""What a study says of its funding rounds: one record for each part, presets merged in and lists read from their files."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wardmote.errors import Problem
from wardmote.study.spec import RECIPES, Identifier, Measure, Spec, place_of

if TYPE_CHECKING:
    from wardmote.study import Study

PRESETS = RECIPES / "rounds"
"""Folder of the rules of funding rounds that come with Wardmote, one TOML file each."""

REGISTERS = RECIPES / "registers"
"""Folder of the lists of programmes that come with Wardmote, one CSV file each, with their marks of how sure each row is."""


class PartSpec(Spec):
    """One thing in a round's measure of need: the score of an index, or an indicator of the table `values`.

    Attributes:
        index: The index; at a level above its own, its summary by `measure`.
        indicator: The indicator, at the round's level, oriented so that higher is more need.
        measure: Summary of the index to use at a higher level.
        period: Period of the indicator; the only one by default.
        weight: Its weight beside the other parts.
    """

    index: str = ""
    indicator: str = ""
    measure: Measure = "average score"
    period: str = ""
    weight: float = 1.0


class ListSpec(Spec):
    """A list of areas, or of larger areas, and which areas of the round it holds.

    Attributes:
        title: What explanations call it.
        areas: Codes (or names) written here.
        register_: A list that comes with Wardmote (written ``register``).
        file: A CSV file in the study.
        column: Its column; several in one cell stand apart by ``|``.
        match: Whether the cells are codes or names.
        level: Level of what is listed; the round's own by default. Of a larger level, all areas that lie in it are held.
        same: Areas that share a larger area of this level with a listed one are held too.
        round: Places funded by another round of the study.
        note: What a reader must know of the list.
    """

    title: str = ""
    areas: list[str] = Field(default_factory=list)
    register_: str = Field(default="", alias="register")
    file: str = ""
    column: str = ""
    match: Literal["code", "name"] = "code"
    level: Identifier | Literal[""] = ""
    same: Identifier | Literal[""] = ""
    round: str = ""
    note: str = ""


class GroupSpec(Spec):
    """Caps and minimums by group.

    Attributes:
        by: Level of the larger areas that are the groups, or a scheme of the table `classes`.
        cap: Most for every group; None for no cap.
        minimum: Least for every group; None for no minimum.
        caps, minimums: For single groups, by code or class; they override.
        count: Whether places or pounds are counted.
        title: What explanations call one group; the level's title by default.
    """

    by: Identifier
    cap: int | None = None
    minimum: int | None = None
    caps: dict[str, int] = Field(default_factory=dict)
    minimums: dict[str, int] = Field(default_factory=dict)
    count: Literal["places", "pounds"] = "places"
    title: str = ""


class AwardSpec(Spec):
    """What a funded place receives, in whole pounds.

    Attributes:
        pounds: The same for every place.
        by: Or by a quantity: population, households, need, "need x population", or an indicator.
        rate: Pounds for one unit of the quantity: ``base + rate · quantity`` between floor and ceiling.
        base: Pounds for every place, beside the rate.
        floor, ceiling: Least and greatest award; ceiling None for none.
        share: Instead of a rate: the whole budget shared in proportion to the quantity, to the last pound.
    """

    pounds: int | None = None
    by: str = ""
    rate: float | None = None
    base: int = 0
    floor: int = 0
    ceiling: int | None = None
    share: bool = False


class ObjectiveSpec(Spec):
    """What the best choice is best at; need is put between 0 (least) and 1 (greatest) first.

    Attributes:
        value: What a funded place is worth: need x population, need, population.
        equity: Weights for those in greater need: none, atkinson (a ratio scale) or kolm (differences).
        aversion: Aversion to inequality of these weights.
        first: Above all: as many people of the greatest-need share as can be, then the rest.
        parts: Lexicographic max–min over the larger areas of this level: the least-served comes first.
    """

    value: Literal["need x population", "need", "population"] = "need x population"
    equity: Literal["none", "atkinson", "kolm"] = "none"
    aversion: float = 1.0
    first: Literal["", "greatest need"] = ""
    parts: Identifier | Literal[""] = ""


class LotterySpec(Spec):
    """How lots are drawn at the line.

    Attributes:
        public: The public randomness, as it was published; "" until it is known.
        announced: What it will be, named before the draw: "the National Lottery numbers of 3 June 2026".
        low, high: With draws of uncertainty: places funded in a share of draws strictly between these are contested.
        band: Without draws: so many ranks on either side of the line are contested.
        weight: Whether all contested places have the same chance, or in proportion to their share of draws.
        deviation: Standard deviation of the outcome by which effects will be judged, for the power of the round.
    """

    public: str = ""
    announced: str = ""
    low: float = 0.1
    high: float = 0.9
    band: int = 0
    weight: Literal["equal", "share of draws"] = "equal"
    deviation: float = 1.0


class ClusterSpec(Spec):
    """Places put together from neighbouring areas: in each larger area the contiguous set worth most.

    Attributes:
        within: Level of the larger area that a cluster may not leave.
        low, high: Least and greatest population of a cluster.
    """

    within: Identifier
    low: int = 0
    high: int


class RoundSpec(Spec):
    """``[round.ID]``: a funding round: who may be funded, by what measure of need, under which rules, and how it is chosen.

    Attributes:
        preset: Name of rules that come with Wardmote; the study's own settings override them.
        title: What the page calls it.
        description: What it funds.
        standing: What a reader must know of the rules: official, a proposal, or recovered by fit.
        references: Where the rules are published, and what was not read or is not published.
        level: Level of the places.
        starting: Only areas whose code starts with one of these texts (nations, by their letter).
        population: Least and greatest population of a place; [5000, 15000] or [5000, 0] for no upper end.
        definition: Only areas that have both needs under this definition of need.
        exclude: Lists of areas that cannot be funded.
        include: Codes of areas that must be funded.
        measure: What need is measured by, in parts.
        combine: How parts are put together: z (one part alone keeps its unit), minmax (both then weighted means), rank (weighted
            mean rank), score (weighted sum), both (the rank in which need is less great decides).
        places: Most places.
        budget: Most pounds.
        award: What each place receives.
        groups: Caps and minimums.
        apart: Whether no two neighbours may be funded.
        cluster: Places as clusters of areas.
        choose: ranked (down the list), optimal (the best set), lottery (lots at the line).
        objective: What the best set is best at.
        lottery: How lots are drawn.
        tie: Which of two equal needs comes first: code (lower code), population (more people, then lower code).
        tranches: Share of each award by year; all in one by default.
        price_year: Price year of the pounds.
        share: Greatest-need share by which reach is told.
        small: Level of smaller areas, to tell how much of the greatest need lies outside funded places.
        compare: Other rounds whose rules are set beside these.
        show_by: Levels and schemes by which reach is told.
        groups_of_people: Indicators that count people of protected groups, for the equality impact table.
        published: The list that was published, where these rules are to reproduce one.
    """

    preset: str = ""
    title: str = ""
    description: str = ""
    standing: str = ""
    references: list[str] = Field(default_factory=list)
    level: Identifier | Literal[""] = ""
    starting: list[str] = Field(default_factory=list)
    population: list[int] = Field(default_factory=list)
    definition: str = ""
    exclude: list[ListSpec] = Field(default_factory=list)
    include: list[str] = Field(default_factory=list)
    measure: list[PartSpec] = Field(default_factory=list)
    combine: Literal["z", "minmax", "rank", "score", "both"] = "z"
    places: int | None = None
    budget: int | None = None
    award: AwardSpec = Field(default_factory=AwardSpec)
    groups: list[GroupSpec] = Field(default_factory=list)
    apart: bool = False
    cluster: ClusterSpec | None = None
    choose: Literal["ranked", "optimal", "lottery"] = "ranked"
    objective: ObjectiveSpec = Field(default_factory=ObjectiveSpec)
    lottery: LotterySpec = Field(default_factory=LotterySpec)
    tie: Literal["code", "population"] = "code"
    tranches: dict[str, float] = Field(default_factory=dict)
    price_year: str = ""
    share: float = 0.1
    small: Identifier | Literal[""] = ""
    compare: list[str] = Field(default_factory=list)
    show_by: list[str] = Field(default_factory=list)
    groups_of_people: list[str] = Field(default_factory=list)
    published: ListSpec | None = None


def with_preset(raw: Any, where: tuple[str, ...], text: str, path: Path, problems: list[Problem]) -> Any:
    """Return a round with its preset's rules beneath its own, and its lists read from their files."""
    if not isinstance(raw, dict):
        return raw
    name = raw.get("preset") or ""
    if name:
        file = PRESETS / f"{name}.toml"
        if not isinstance(name, str) or not file.is_file():
            known = ", ".join(sorted(one.stem for one in PRESETS.glob("*.toml")))
            problems.append(
                Problem(place_of(path.name, text, (*where, "preset")), "no such preset", str(name), known)
            )
            return raw
        raw = {**tomllib.loads(file.read_text(encoding="utf-8"))["round"], **raw}
    lists: list[tuple[tuple[str | int, ...], dict[str, Any]]]
    lists = [((*where, "exclude", i), one) for i, one in enumerate(_lists(raw.get("exclude")))]
    lists += [((*where, "published"), one) for one in _lists([raw.get("published")])]
    for location, one in lists:
        read = _listed_areas(one, location, text, path, problems)
        if read is not None:
            one["areas"] = [*one.get("areas", []), *read]
    return raw


def _lists(raw: Any) -> list[dict[str, Any]]:
    return [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []


def _listed_areas(
    raw: Mapping[str, Any], where: tuple[str | int, ...], text: str, path: Path, problems: list[Problem]
) -> list[str] | None:
    """Return the cells of a list's column, each once in the order of the file; None where it names no file."""
    register, own, column = (str(raw.get(key) or "") for key in ("register", "file", "column"))
    if not register and not own:
        return None
    file = REGISTERS / f"{register}.csv" if register else path.parent / own
    here = place_of(path.name, text, (*where, "register" if register else "file"))
    if not file.is_file():
        known = (
            ", ".join(sorted(one.stem for one in REGISTERS.glob("*.csv")))
            if register
            else "a file in the study"
        )
        problems.append(Problem(here, "there is no such list", register or own, known))
        return None
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        remedy = "Save it as CSV with UTF-8."
        problems.append(Problem(here, "the list is not UTF-8 text", register or own, remedy=remedy))
        return None
    rows = csv.DictReader(io.StringIO(content, newline=""))
    if column not in (rows.fieldnames or ()):
        known = ", ".join(rows.fieldnames or ())
        problems.append(Problem(here, "the list has no such column", column or "none named", known))
        return None
    only = raw.get("only")
    wanted = only if isinstance(only, dict) else {}
    unknown = [name for name in wanted if name not in (rows.fieldnames or ())]
    if unknown:
        known = ", ".join(rows.fieldnames or ())
        problems.append(Problem(here, "the list has no such column", ", ".join(unknown), known))
        return None
    chosen = [row for row in rows if all(row[name] == str(value) for name, value in wanted.items())]
    cells = [part.strip() for row in chosen for part in (row[column] or "").split("|")]
    return list(dict.fromkeys(cell for cell in cells if cell))


def with_registers(raw: Any, where: tuple[str, ...], text: str, path: Path, problems: list[Problem]) -> Any:
    """Return a programme with the areas of its cohorts read from their registers.

    Args:
        raw: The section as TOML gives it.
        where: Its place in the file.
        text: The study's TOML text.
        path: The study's file.
        problems: What is wrong is added here.
    """
    if not isinstance(raw, dict):
        return raw
    cohorts = []
    for i, one in enumerate(raw.get("cohorts") or []):
        read = (
            _listed_areas(one, (*where, "cohorts", i), text, path, problems)
            if isinstance(one, dict)
            else None
        )
        cohorts.append(one if read is None else {**one, "areas": [*one.get("areas", []), *read]})
    return {**raw, **({"cohorts": cohorts} if cohorts else {})}


def list_files(study: Study) -> list[str]:
    """Return the files in a study that hold lists of areas for its funding rounds and programmes, relative to its folder.

    Args:
        study: The study.
    """
    lists = [one for spec in study.round.values() for one in (*spec.exclude, spec.published)]
    files = [one.file for one in lists if one is not None]
    files += [one.file for spec in study.programme.values() for one in spec.cohorts]
    return list(dict.fromkeys(file for file in files if file))
