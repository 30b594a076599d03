"""Why a number stands where it stands: one area's score and rank, or one table's way back to raw files.

Everything is read from the tables and the ledger as they were when they were made, choices included, so that an explanation stays
true to the published number even when the study has been edited since. Nothing is computed anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wardmote.errors import AccessError, MissingError, Problem
from wardmote.lineage import Entry
from wardmote.tables import TABLES, table
from wardmote.words import (
    count,
    decile,
    figure,
    in_draws,
    line_sentence,
    listed,
    need_names,
    ordinal,
    percent,
    rank_of,
    sentence,
    share_of,
)
from wardmote.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Parent:
    """A larger area that the area lies in.

    Attributes:
        level: Its level.
        area: Its code.
        name: Its name, or "".
        weight: Share of the area that lies in it; None where nested without a stated share.
    """

    level: str
    area: str
    name: str
    weight: float | None


@dataclass(frozen=True, slots=True)
class NodeExplanation:
    """One node of an index for one area.

    Attributes:
        node: The node.
        parent: The node above it, or "".
        title: Its title.
        depth: 0 at the root.
        weight: Its weight in the parent, as used.
        origin: Where the weight comes from.
        status: used, or why it is left out.
        score: The node's score after its steps; None where there is none.
        rank: Its rank; 1 is the greatest need.
        decile: Its decile; 1 is the greatest-need tenth.
        value: Its value before it was normalised, in `unit`.
        unit: Unit of `value`.
        direction: 1 where a higher value means more need, -1 where less.
        contribution: Points of the root's score that come from it; None where its aggregate has none.
        source: The source of a leaf, or "".
        period: Period of a leaf's values, or "".
        modelled: Whether a leaf's values are model estimates, not counts.
        changed: How its value was imputed or treated in this area, in sentences.
    """

    node: str
    parent: str
    title: str
    depth: int
    weight: float | None
    origin: str
    status: str
    score: float | None
    rank: int | None
    decile: int | None
    value: float | None
    unit: str
    direction: int | None
    contribution: float | None
    source: str
    period: str
    modelled: bool
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SummaryExplanation:
    """One summary of an index for a larger area: which, its value, its rank, of how many small areas, weighed by what."""

    measure: str
    node: str
    value: float | None
    rank: int | None
    areas: int | None
    weighted_by: str


@dataclass(frozen=True, slots=True)
class SourceNote:
    """One source that a number goes back to, as the page shows it."""

    source: str
    title: str
    publisher: str
    licence: str
    access: str
    vintage: str
    retrieved: str
    sha256: str
    address: str


@dataclass(frozen=True, slots=True)
class IndexExplanation:
    """One index for one area.

    Attributes:
        index: The index.
        title: Its title.
        sentence: Rank, tenth and score, in a sentence.
        higher: Whether a higher score means more need or better.
        score: The root's score.
        rank: The root's rank; 1 is the greatest need.
        of: Areas that have a rank.
        decile: 1 is the greatest-need tenth.
        nodes: All nodes, from the root down.
        summaries: Summaries, for a larger area.
        beside: Ranks in indices that it is shown beside, in sentences.
        how_sure: Between which ranks it lies and how often in the greatest-need share, in sentences; nothing without uncertainty.
        choices: The steps and settings that led to it, in order, in words.
        sources: Names of the sources that it goes back to.
        made: When the index was computed.
    """

    index: str
    title: str
    sentence: str
    higher: str
    score: float | None
    rank: int | None
    of: int
    decile: int | None
    nodes: tuple[NodeExplanation, ...]
    summaries: tuple[SummaryExplanation, ...]
    beside: tuple[str, ...]
    how_sure: tuple[str, ...]
    choices: tuple[str, ...]
    sources: tuple[str, ...]
    made: str


@dataclass(frozen=True, slots=True)
class NeedExplanation:
    """One definition of need for one area.

    Attributes:
        definition: The definition.
        title: What it calls an area that has both.
        type: both, deprivation only, community need only, neither; or "" where a rank is missing.
        doubly_disadvantaged: Whether both hold.
        share: Share of areas that counts as the greatest need.
        deprivation_rank, community_rank: The two ranks.
        deprivation_distance, community_distance: Places inside the line; negative outside.
        sentence: The same in a sentence.
    """

    definition: str
    title: str
    type: str
    doubly_disadvantaged: bool | None
    share: float
    deprivation_rank: int | None
    community_rank: int | None
    deprivation_distance: int | None
    community_distance: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class FundingExplanation:
    """What one funding round decided on an area, or on the larger one of the round that it lies in.

    Attributes:
        round: The round.
        title: Its title.
        level, area, name: The place that was decided on.
        funded: Funded or not; None where lots are still to be drawn.
        decided_by: The rule that decided.
        pounds: The award, or None.
        sentence: The decision with its reason.
        flip: The smallest change of a rule, or correction of its data, that would turn it.
        how_firm: How firm it is over the drawn worlds, in a sentence, or "".
        standing: What a reader must know of the rules, or "".
        contact: Who decides and whom to ask, as the study says it now, or "".
    """

    round: str
    title: str
    level: str
    area: str
    name: str
    funded: bool | None
    decided_by: str
    pounds: int | None
    sentence: str
    flip: str
    how_firm: str
    standing: str
    contact: str


@dataclass(frozen=True, slots=True)
class AreaExplanation:
    """All that the study says about one area at one level, and why.

    Attributes:
        level: The level.
        area: The code.
        name: The name, or "".
        population: Usual residents, or None.
        parents: Larger areas that it lies in.
        indices: Every index that speaks of it.
        needs: Every definition of need that speaks of it.
        fundings: Every funding round that decided on it, or on a place that it lies in.
        sources: The sources behind all this, with licence, vintage and checksum.
    """

    level: str
    area: str
    name: str
    population: float | None
    parents: tuple[Parent, ...]
    indices: tuple[IndexExplanation, ...]
    needs: tuple[NeedExplanation, ...]
    fundings: tuple[FundingExplanation, ...]
    sources: tuple[SourceNote, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values, for JSON."""
        return asdict(self)


def explain_area(folder: Path, area: str, level: str = "") -> tuple[AreaExplanation, ...]:
    """Return why an area has its scores and ranks; one explanation for each level at which the code stands.

    Args:
        folder: The study's folder.
        area: The area's code, or its exact name.
        level: Only at this level; all by default, since codes recur between vintages.

    Raises:
        MissingError: The study has not run, or has no such area, or several of that name.
    """
    workspace = Workspace(folder)
    workspace.must_have("areas")
    found = [row for row in _rows(workspace, "areas", {"area": area}) if not level or row["level"] == level]
    if not found:
        found = _by_name(workspace, area, level)
    return tuple(_explain_one(workspace, row) for row in found)


def _by_name(workspace: Workspace, name: str, level: str) -> list[dict[str, Any]]:
    """Return the one area of a name, capitals aside.

    Raises:
        MissingError: There is none, or several.
    """
    wanted = name.casefold()
    rows = [row for row in _rows(workspace, "areas", {}) if not level or row["level"] == level]
    same = [row for row in rows if (row["name"] or "").casefold() == wanted]
    if len(same) == 1:
        return same
    near = same or [row for row in rows if wanted and wanted in (row["name"] or "").casefold()]
    shown = listed([f"{row['area']} ({row['name']}, {row['level']})" for row in near], most=8)
    raise MissingError(
        Problem(
            f"area {name}",
            "several areas have that name" if same else "the study has no such area",
            expected=shown,
            remedy="Give the area's code." if near else "Give a code as it stands in the table areas.",
        )
    )


def _explain_one(workspace: Workspace, area: Mapping[str, Any]) -> AreaExplanation:
    code, level = area["area"], area["level"]
    notes = {row["source"]: row for row in _rows(workspace, "sources", {})}
    indices = tuple(
        explained
        for entry in workspace.ledger.entries.values()
        if entry.stage == "index" and (explained := _explain_index(workspace, entry, level, code)) is not None
    )
    needs = tuple(
        _explain_need(workspace, row)
        for row in _rows(workspace, "need", {"area": code})
        if row["level"] == level
    )
    parents = _parents(workspace, level, code)
    own = Parent(level, code, area["name"] or "", None)
    rounds = [entry for entry in workspace.ledger.entries.values() if entry.stage == "allocate"]
    fundings = tuple(told for entry in rounds for told in _fundings(workspace, entry, (own, *parents)))
    used = dict.fromkeys(source for index in indices for source in index.sources)
    used |= dict.fromkeys(source for entry in rounds if fundings for source in entry.sources)
    return AreaExplanation(
        level,
        code,
        area["name"] or "",
        area["population"],
        parents,
        indices,
        needs,
        fundings,
        tuple(_note(notes[source]) for source in used if source in notes),
    )


def _fundings(workspace: Workspace, entry: Entry, places: Iterable[Parent]) -> Iterable[FundingExplanation]:
    """Yield what one round decided on any of these places."""
    from wardmote.study.rounds import RoundSpec

    spec = RoundSpec.model_validate(entry.spec)
    for place in places:
        if place.level != spec.level:
            continue
        here = {"area": place.area, "level": place.level}
        found = _rows(workspace, "decisions", here, sections=[entry.id], stage=entry.stage)
        firm = _rows(workspace, "fragility", here, sections=[entry.id], stage=entry.stage)
        for row in found:
            yield FundingExplanation(
                entry.id,
                spec.title or entry.id,
                place.level,
                place.area,
                place.name,
                row["funded"],
                row["decided_by"],
                row["pounds"],
                row["sentence"],
                row["flip"],
                _how_firm(firm[0]) if firm else "",
                sentence(spec.standing),
                _contact(workspace),
            )


def _how_firm(row: Mapping[str, Any]) -> str:
    """Return how firm a decision is, in a sentence."""
    told = []
    if row["p_funded"] is not None:
        told.append(f"the same rules fund it in {percent(row['p_funded'])} of the drawn worlds")
    if row["inclusion_probability"] is not None:
        told.append(f"its chance in the lottery is {percent(row['inclusion_probability'])}")
    return sentence(f"{row['standing']}: {' and '.join(told)}") if told else ""


def _contact(workspace: Workspace) -> str:
    """Return who decides, as the study says now; "" where it does not say."""
    import tomllib

    try:
        publish = tomllib.loads((workspace.folder / "study.toml").read_text(encoding="utf-8")).get(
            "publish", {}
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    return str(publish.get("contact", "")) if isinstance(publish, dict) else ""


def _parents(workspace: Workspace, level: str, area: str) -> tuple[Parent, ...]:
    rows = [row for row in _rows(workspace, "memberships", {"area": area}) if row["level"] == level]
    names = {
        (row["level"], row["area"]): row["name"]
        for code in {row["parent"] for row in rows}
        for row in _rows(workspace, "areas", {"area": code})
    }
    return tuple(
        Parent(
            row["parent_level"],
            row["parent"],
            names.get((row["parent_level"], row["parent"])) or "",
            row["weight"],
        )
        for row in rows
    )


def _explain_index(workspace: Workspace, entry: Entry, level: str, area: str) -> IndexExplanation | None:
    """Return what one index says of an area; None where it says nothing."""

    def mine(name: str) -> list[dict[str, Any]]:
        rows = _rows(workspace, name, {"area": area}, sections=[entry.id], stage=entry.stage)
        return [row for row in rows if row["level"] == level]

    scores = {row["node"]: row for row in mine("scores")}
    summaries = mine("summaries")
    if not scores and not summaries:
        return None
    from wardmote.study import IndexSpec

    spec = IndexSpec.model_validate(entry.spec)
    nodes = _rows(workspace, "nodes", {}, sections=[entry.id], stage=entry.stage)
    root = next((row for row in nodes if not row["parent"]), None)
    name = root["node"] if root else next(iter(scores), "")
    top = scores.get(name, {})
    total = _ranked(workspace, entry, level, name)
    title = spec.title or entry.id
    return IndexExplanation(
        index=entry.id,
        title=title,
        sentence=_headline(title, top, total) if top else sentence(f"{title} summarises its small areas"),
        higher=(root or {}).get("higher") or spec.higher,
        score=top.get("score"),
        rank=top.get("rank"),
        of=total,
        decile=top.get("decile"),
        nodes=_nodes(workspace, entry, nodes, scores, mine) if scores else (),
        summaries=tuple(_summary(row) for row in summaries),
        beside=tuple(_beside(row) for row in _comparisons(workspace, entry.id, level, area)),
        how_sure=_how_sure(workspace, entry.id, level, area, rank=top.get("rank"), total=total),
        choices=_choices(spec),
        sources=entry.sources,
        made=entry.when,
    )


def _how_sure(
    workspace: Workspace, index: str, level: str, area: str, *, rank: int | None, total: int
) -> tuple[str, ...]:
    """Return what uncertainty says of an area's rank, by component, and which factor moves it most."""
    where = {"index": index, "level": level, "area": area}
    larger = [row for row in _rows(workspace, "summary_ranks", where) if row["coverage"] == 0.9]
    drawn = _rows(workspace, "draws", where, columns=["rank", "draws", "share"])
    if larger and drawn:
        return _summaries_sure(larger, drawn[0]["draws"], drawn[0]["share"])
    if not drawn or rank is None:
        return ()
    if drawn[0]["rank"] != rank:
        return ("The index has changed since its uncertainty was drawn: run `wardmote run uncertainty`.",)
    draws, tenth = drawn[0]["draws"], share_of(drawn[0]["share"])
    rows = {r["component"]: r for r in _rows(workspace, "ranks", where) if r["coverage"] == 0.9}
    if len(rows) < 3:  # "both" is then the one component over again
        rows.pop("both", None)
    told = []
    varied = {
        "sampling": "sampling error",
        "method": "choices of method",
        "both": "choices and sampling error",
    }
    for component, what in varied.items():
        row = rows.get(component)
        if row is None or row["rank_low"] is None:
            continue
        between = f"between {ordinal(row['rank_low'])} and {ordinal(row['rank_high'])} of {total:,} in 90% of {draws:,} draws"
        often = in_draws(row["p_greatest_need"], component, draws, tenth)
        told.append(sentence(f"{what}: {between}; {often}"))
    widest = rows.get("both") or next(iter(rows.values()), None)
    if told and widest is not None:
        told.append(line_sentence(widest["rank_low"], widest["rank_high"], drawn[0]["share"], total))
    shares = [row for row in _rows(workspace, "rank_shares", where) if row["share"] is not None]
    if shares:
        most = max(shares, key=lambda row: row["share"])
        titles = {r["factor"]: r["title"] for r in _rows(workspace, "factors", {"index": index})}
        name = titles.get(most["factor"], most["factor"])
        told.append(
            sentence(f"what moves this rank most is {name}: {percent(most['share'])} of its variance")
        )
    return tuple(told)


def _summaries_sure(rows: list[dict[str, Any]], draws: int, share: float) -> tuple[str, ...]:
    """Return what uncertainty says of the summaries of a larger area, with all that varies together."""
    told = []
    for row in rows:
        if row["component"] == "both" and row["rank_low"] is not None:
            ends = [row["value_low"], row["value_high"]]
            value = "" if None in ends else f"between {ends[0]:,.4g} and {ends[1]:,.4g}, "
            ranks = f"rank {row['rank_low']:,} to {row['rank_high']:,} in 90% of {draws:,} draws"
            often = in_draws(row["p_greatest_need"], "both", draws, share_of(share))
            told.append(sentence(f"{row['measure']}: {value}{ranks}; {often}"))
    return tuple(told)


def _headline(title: str, top: Mapping[str, Any], total: int) -> str:
    """Return rank, tenth and score of an area in a sentence."""
    if top.get("rank") is None:
        return sentence(f"{title}: no score, since values that it needs are missing")
    tenth = "" if top["decile"] is None else f" in {decile(top['decile'])},"
    place = f"{rank_of(top['rank'], total)} (1st is the greatest need)"
    return sentence(f"{title}: {place},{tenth} with a score of {figure(top['score'], 3)}")


def _ranked(workspace: Workspace, entry: Entry, level: str, root: str) -> int:
    """Return how many areas of the level have a rank in the index."""
    rows = _rows(
        workspace,
        "scores",
        {"node": root, "level": level},
        sections=[entry.id],
        columns=["rank"],
        stage=entry.stage,
    )
    return sum(row["rank"] is not None for row in rows)


def _nodes(
    workspace: Workspace,
    entry: Entry,
    nodes: Iterable[Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, Any]],
    mine: Any,
) -> tuple[NodeExplanation, ...]:
    known = {row["indicator"]: row for row in _rows(workspace, "indicators", {})}
    contributions = {row["node"]: row["contribution"] for row in mine("contributions")}
    changes: dict[str, list[str]] = {}
    for row in mine("adjustments"):
        changes.setdefault(row["node"], []).append(_change(row))
    return tuple(
        NodeExplanation(
            node=row["node"],
            parent=row["parent"] or "",
            title=row["title"],
            depth=row["depth"] or 0,
            weight=row["weight"],
            origin=row["origin"] or "",
            status=row["status"] or "",
            score=scores.get(row["node"], {}).get("score"),
            rank=scores.get(row["node"], {}).get("rank"),
            decile=scores.get(row["node"], {}).get("decile"),
            value=scores.get(row["node"], {}).get("value"),
            unit=known.get(row["indicator"], {}).get("unit") or "",
            direction=row["direction"],
            contribution=contributions.get(row["node"]),
            source=row["source"] or "",
            period=row["period"] or "",
            modelled=known.get(row["indicator"], {}).get("modelled") == "yes",
            changed=tuple(changes.get(row["node"], ())),
        )
        for row in nodes
    )


def _change(row: Mapping[str, Any]) -> str:
    """Return one adjustment of a value in words."""
    before = "missing" if row["before"] is None else figure(row["before"], 3)
    after = "missing" if row["after"] is None else figure(row["after"], 3)
    return sentence(f"{row['kind']} by step {row['step']}: {before} became {after}")


def _summary(row: Mapping[str, Any]) -> SummaryExplanation:
    return SummaryExplanation(
        row["measure"], row["node"], row["value"], row["rank"], row["areas"], row["weighted_by"] or ""
    )


def _comparisons(workspace: Workspace, index: str, level: str, area: str) -> list[dict[str, Any]]:
    rows = _rows(workspace, "comparisons", {"area": area})
    return [row for row in rows if row["level"] == level and index == row["index"]]


def _beside(row: Mapping[str, Any]) -> str:
    """Return the ranks under two sets of weights in a sentence."""
    if row["rank"] is None or row["rank_beside"] is None:
        return sentence(f"in {row['beside']} it cannot be compared, since a rank is missing")
    moved = " It enters the greatest-need tenth." if row["enters"] else ""
    moved = " It leaves the greatest-need tenth." if row["leaves"] else moved
    return (
        sentence(f"in {row['beside']} it is {ordinal(row['rank_beside'])}, here {ordinal(row['rank'])}")
        + moved
    )


def _choices(spec: Any) -> tuple[str, ...]:
    """Return the choices of an index in words: its recipe, level, steps in order, overrides."""
    told = []
    if spec.recipe:
        told.append(f"Recipe {spec.recipe}." + (f" Method: {spec.reference}." if spec.reference else ""))
    if spec.level:
        told.append(f"Built at level {spec.level}.")
    for step in spec.steps:
        on = step.on if isinstance(step.on, str) else listed(step.on)
        settings = step.model_dump(exclude_defaults=True, exclude={"id", "on", "do", "method", "what"})
        method = getattr(step, "method", getattr(step, "what", ""))
        with_ = ", ".join(f"{key} = {value}" for key, value in settings.items())
        told.append(
            f"Step {step.id}: {step.do} {method} on {on}".replace("  ", " ")
            + (f" ({with_})." if with_ else ".")
        )
    told += [f"Override: {path} = {value}." for path, value in spec.overrides.items()]
    told += [f"Leaf {node} uses the indicator {name}." for node, name in spec.indicators.items()]
    return tuple(told)


def _explain_need(workspace: Workspace, row: Mapping[str, Any]) -> NeedExplanation:
    from wardmote.study import NeedSpec

    entry = workspace.ledger.entries[f"need.{row['definition']}"]
    spec = NeedSpec.model_validate(entry.spec)
    titles = [_index_title(workspace, index) for index in (spec.deprivation, spec.community)]
    return NeedExplanation(
        row["definition"],
        spec.title,
        row["type"] or "",
        row["doubly_disadvantaged"],
        spec.share,
        row["deprivation_rank"],
        row["community_rank"],
        row["deprivation_distance"],
        row["community_distance"],
        _need_sentence(row, spec, need_names(*titles)),
    )


def _index_title(workspace: Workspace, index: str) -> str:
    """Return the title of an index as it was last built; its name where it has none."""
    entry = workspace.ledger.entries.get(f"index.{index}")
    title = entry.spec.get("title") if entry and isinstance(entry.spec, Mapping) else ""
    return str(title or index)


def _need_sentence(row: Mapping[str, Any], spec: Any, names: tuple[str, str]) -> str:
    """Return type and distances from both lines in a sentence."""
    if row["type"] is None:
        return "Not classified, since a rank is missing."

    def side(what: str, distance: int | None) -> str:
        if distance is None:
            return f"no distance known in {what}"
        where = "inside" if distance >= 0 else "outside"
        return f"{count(abs(distance), 'place')} {where} the line in {what}"

    first, second = names
    told = {
        "both": f"{spec.title}: in the greatest-need {percent(spec.share)} of both",
        "deprivation only": f"in the greatest-need {percent(spec.share)} of {first}, not of {second}",
        "community need only": f"in the greatest-need {percent(spec.share)} of {second}, not of {first}",
        "neither": f"in the greatest-need {percent(spec.share)} of neither",
    }[row["type"]]
    sides = f"{side(first, row['deprivation_distance'])}, {side(second, row['community_distance'])}"
    often = row.get("p_doubly_disadvantaged")
    of = "none" if often == 0 else "all" if often == 1 else percent(often or 0)
    worlds = "" if often is None else f"; in both in {of} of the worlds drawn"
    return sentence(f"{told} ({sides}){worlds}")


def _note(row: Mapping[str, Any]) -> SourceNote:
    names = ("source", "title", "publisher", "licence", "access", "vintage", "retrieved", "sha256", "address")
    return SourceNote(**{name: row[name] or "" for name in names})


def _rows(
    workspace: Workspace,
    name: str,
    where: Mapping[str, str],
    *,
    sections: Iterable[str] | None = None,
    columns: list[str] | None = None,
    stage: str = "",
) -> list[dict[str, Any]]:
    """Return rows of a table as plain records, null as None.

    Raises:
        AccessError: The table is sensitive.
    """
    if TABLES[name].sensitive:
        raise AccessError(Problem(f"table {name}", "it speaks of persons and is not explained"))
    return [
        row
        for part in workspace.parts(name, sections)
        if not stage or part.stage == stage
        for row in workspace.read_arrow(part, columns, where).to_pylist()
    ]


# ---- tables


@dataclass(frozen=True, slots=True)
class PartExplanation:
    """One part of a table: who made it, when, from what, and whether it may be published.

    Attributes:
        task: The task that wrote it.
        file: Its file under ``out/tables``.
        rows: Its rows.
        sha256: Its checksum.
        made: When.
        seconds: How long its task took.
        spec: The section of the study, as it was then.
        seed: Seed of random choices, or None where there were none.
        versions: Versions of the libraries.
        inputs: Part files that its task read.
        sources: The sources that it goes back to.
        access: The strictest access of these.
        refused: Why it may not be published; "" where it may.
    """

    task: str
    file: str
    rows: int
    sha256: str
    made: str
    seconds: float
    spec: Any
    seed: int | None
    versions: str
    inputs: tuple[str, ...]
    sources: tuple[str, ...]
    access: str
    refused: str


@dataclass(frozen=True, slots=True)
class RawExplanation:
    """One raw file that a table goes back to."""

    source: str
    path: str
    address: str
    retrieved: str
    sha256: str
    form: str
    licence: str
    access: str


@dataclass(frozen=True, slots=True)
class TableExplanation:
    """How a table came about.

    Attributes:
        table: The table.
        meaning: What one row is.
        key: The columns that name a row.
        kind: What its rows are to licences: raw, derived or meta.
        sensitive: Whether it speaks of persons; then nothing further is told.
        rows: All rows.
        parts: Its parts.
        ancestry: All tasks that it goes back to, nearest to the raw files first.
        raw: The raw files that it goes back to.
    """

    table: str
    meaning: str
    key: tuple[str, ...]
    kind: str
    sensitive: bool
    rows: int
    parts: tuple[PartExplanation, ...]
    ancestry: tuple[str, ...]
    raw: tuple[RawExplanation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values, for JSON."""
        return asdict(self)


def explain_table(folder: Path, name: str) -> TableExplanation:
    """Return how a table came about: parts, ancestry back to raw files, licences, settings, versions.

    Read from the ledger alone. Of a sensitive table only the meaning is told.

    Args:
        folder: The study's folder.
        name: The table.

    Raises:
        MissingError: No such table is declared, or it has not been made in this study.
    """
    declared = table(name)
    workspace = Workspace(folder)
    parts = workspace.must_have(name)
    if declared.sensitive:
        return TableExplanation(name, declared.meaning, declared.key, declared.rows, True, 0, (), (), ())
    ledger = workspace.ledger
    _, refused = ledger.exportable([name])
    reasons = {item.part.file: item.reason for item in refused}
    writers = {part.file: entry for part in parts if (entry := ledger.writer(part.file)) is not None}
    ancestors = ledger.ancestors(entry.key for entry in writers.values())
    return TableExplanation(
        name,
        declared.meaning,
        declared.key,
        declared.rows,
        False,
        sum(part.rows for part in parts),
        tuple(
            PartExplanation(
                task=(entry := writers[part.file]).key,
                file=part.file,
                rows=part.rows,
                sha256=part.sha256,
                made=entry.when,
                seconds=entry.seconds,
                spec=entry.spec,
                seed=entry.seed,
                versions=entry.ingredients.get("versions", ""),
                inputs=entry.inputs,
                sources=entry.sources,
                access=entry.access,
                refused=reasons.get(part.file, ""),
            )
            for part in parts
        ),
        tuple(entry.key for entry in ancestors),
        tuple(
            RawExplanation(
                entry.id,
                note.path,
                note.address,
                note.retrieved,
                note.sha256,
                note.form,
                entry.licence,
                entry.access,
            )
            for entry in ancestors
            for note in entry.raw
        ),
    )
