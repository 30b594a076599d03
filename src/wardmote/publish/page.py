"""What the first page says, gathered from the tables of a study: a record that the template prints as it is.

Nothing is computed here that a table does not hold: rows are joined, sorted by name, counted and put into words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from wardmote import words
from wardmote.errors import StudyError
from wardmote.levels import Level, known_levels, unknown_levels
from wardmote.publish import speech
from wardmote.publish.audit import Audit, audits_of
from wardmote.publish.funding import Funding, fundings_of
from wardmote.publish.reading import OpenTables, Withheld, nothing_to_publish
from wardmote.publish.strings import STRINGS, say
from wardmote.publish.telling import told_steps
from wardmote.study import IndexSpec, NeedSpec, Study, placed

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "both": "both",
    "deprivation only": "deprivation",
    "community need only": "community",
    "neither": "neither",
}
"""The four types of need, each with its word in the texts of the first page."""

OF_ONE = ("deprivation", "community")
"""Words of the types that have one need and not the other: they are called after it."""

START = STRINGS["start"]


@dataclass(frozen=True, slots=True)
class Place:
    """An area on the page: its code and its name (the code again where no name may be shown)."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """The areas of one authority that have both needs.

    Attributes:
        place: The authority.
        region: Name of the region that it lies in, or "".
        places: The areas, by name.
        total: How many small areas it has.
    """

    place: Place
    region: str
    places: tuple[Place, ...]
    total: int


@dataclass(frozen=True, slots=True)
class KindRow:
    """One type of need: what it is called, what it means, how many areas and people."""

    title: str
    css: str
    meaning: str
    areas: int
    people: str


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition of need with its counts.

    Attributes:
        id: Its section in the study.
        title: What it calls an area that has both needs.
        rule: The rule in one sentence.
        kinds: The four types with their counts.
        both: Areas that have both.
        people: People who live in them, in words.
        unranked: Areas without a rank in one of the two.
        noun: What the areas are called, several of them.
        one: What one of them is called.
        titles: Titles of the two indices where the familiar words do not fit them, else empty.
    """

    id: str
    title: str
    rule: str
    kinds: tuple[KindRow, ...]
    both: int
    people: str
    unranked: int
    noun: str
    one: str
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One indicator of an index, as the page lists it."""

    title: str
    domain: str
    direction: str
    unit: str
    source: str
    period: str
    gaps: str


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of an index with its weight as a share of all weights."""

    node: str
    title: str
    share: float
    origin: str


@dataclass(frozen=True, slots=True)
class Method:
    """How one index was made."""

    id: str
    title: str
    description: str
    reference: str
    level: str
    areas: int
    steps: tuple[str, ...]
    domains: tuple[Domain, ...]
    leaves: tuple[Leaf, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One domain under two sets of weights; the interval is of the second, where it is known."""

    title: str
    first: float
    second: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An index under two sets of weights.

    Attributes:
        title: Title of the index whose weights differ.
        beside: Title of the index that it stands beside.
        rows: The weights, domain by domain.
        enters, leaves: Areas in the greatest-need tenth of one alone, by name.
        respondents: How many people gave the weights, in words, or "".
        one, noun: What one of the areas is called, and several.
    """

    title: str
    beside: str
    rows: tuple[WeightRow, ...]
    enters: tuple[Place, ...]
    leaves: tuple[Place, ...]
    respondents: str
    one: str
    noun: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source, as the page lists it."""

    id: str
    title: str
    publisher: str
    vintage: str
    licence: str
    access: str
    address: str
    link: bool
    retrieved: str
    checksum: str
    rows: str
    note: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the first page says, apart from maps and charts.

    Attributes:
        title: Title of the page.
        description: What the study is.
        contact: Who decides, and whom to ask; "" where the study does not say.
        definitions: The definitions of need, the leading one first.
        findings: Sentences that stand at the top.
        further: All other findings, by stage.
        groups: The areas that have both needs, by authority.
        group_level: Level of the groups, or None.
        strengths: Areas deprived but in the half with the least community need.
        methods: The indices.
        comparisons: Indices under two sets of weights.
        sources: The sources.
        gaps: What is missing from the indices, in sentences.
        mendings: What was mended in the files.
        withheld: What may not be published, and why.
        audits: The statistical audits of the indices.
        sure: How firm ranks are under what was drawn and tried, in sentences; () where uncertainty has not run.
        fundings: The funding rounds.
        editions: Editions of the sources that the indices are made from, the newest first.
    """

    title: str
    description: str
    contact: str
    definitions: tuple[Definition, ...]
    findings: tuple[str, ...]
    further: tuple[tuple[str, tuple[str, ...]], ...]
    groups: tuple[Group, ...]
    group_level: Level | None
    strengths: tuple[Place, ...]
    methods: tuple[Method, ...]
    comparisons: tuple[Comparison, ...]
    sources: tuple[SourceRow, ...]
    gaps: tuple[str, ...]
    mendings: tuple[str, ...]
    withheld: tuple[str, ...]
    audits: tuple[Audit, ...] = ()
    fundings: tuple[Funding, ...] = ()
    sure: tuple[str, ...] = ()
    editions: tuple[str, ...] = ()


class Gathering:
    """The tables of a study while a page is gathered from them; each is read once.

    Args:
        tables: The tables.
        study: The study.
    """

    def __init__(self, tables: OpenTables, study: Study) -> None:
        self.tables = tables
        self.study = study
        self.levels = known_levels(study.level)
        self._read: dict[tuple[str, tuple[str, ...]], pd.DataFrame] = {}
        self._parents: dict[tuple[str, str], dict[str, str]] = {}
        areas = self.read("areas")
        self._names = {
            (level, area): name
            for level, area, name in zip(*(texts(areas[c]) for c in ("level", "area", "name")), strict=True)
            if name is not None
        }

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table as far as it may be published; see `OpenTables.read`."""
        key, whole = (name, tuple(columns or ())), (name, ())
        if key not in self._read:
            here = self._read.get(whole)
            self._read[key] = self.tables.read(name, columns) if here is None else here[list(columns or ())]
        return self._read[key]

    def forget(self, *names: str) -> None:
        """Let go of large tables that have been read; read again, they come anew.

        Args:
            names: The tables.
        """
        self._read = {key: frame for key, frame in self._read.items() if key[0] not in names}

    def level(self, name: str) -> Level:
        """Return a level; one that nobody declared is called by its own name."""
        return self.levels.get(name) or Level(name, name, name)

    def place(self, level: str, code: str) -> Place:
        """Return an area with its name."""
        return Place(code, self._names.get((level, code), code))

    def places(self, level: str, codes: Any) -> tuple[Place, ...]:
        """Return areas sorted by name, as people look them up."""
        return tuple(sorted((self.place(level, code) for code in codes), key=lambda p: (p.name, p.code)))

    def parents(self, level: str, parent_level: str) -> dict[str, str]:
        """Return the parent of each area at a level: where it is shared, the one that holds most of it."""
        if (level, parent_level) not in self._parents:
            table = self.read("memberships")
            links = table[(table["level"] == level) & (table["parent_level"] == parent_level)]
            links = links.sort_values("weight", kind="stable", na_position="first")
            found = dict(zip(texts(links["area"]), texts(links["parent"]), strict=True))
            self._parents[level, parent_level] = cast("dict[str, str]", found)
        return self._parents[level, parent_level]

    @property
    def lead(self) -> str:
        """The definition of need that the page leads with, or ""."""
        return self.study.publish.need or next(iter(self.study.need), "")

    def need(self, definition: str) -> pd.DataFrame:
        """Return the rows of one definition of need."""
        table = self.read("need")
        return table[table["definition"] == definition]


def texts(column: pd.Series[Any]) -> list[str | None]:
    """Return a column of texts as a list, None for null: through Arrow, which is ten times as quick as one by one.

    Args:
        column: A column of a table.
    """
    import pyarrow as pa

    found: list[str | None] = pa.array(column, pa.string()).to_pylist()
    return found


def gather(tables: OpenTables, study: Study) -> tuple[Page, Gathering]:
    """Return what the page says, and the tables that maps and charts read further.

    Args:
        tables: The tables of the study.
        study: The study.

    Raises:
        MissingError: Neither scores nor need have been made yet, or none of them may be published.
        StudyError: ``[publish]`` names levels that do not exist.
    """
    # Runs refuse them too, but the section may have been written since.
    unknown = [problem for problem in unknown_levels(study) if ", publish." in problem.where]
    if unknown:
        raise StudyError(placed(unknown, study))
    found = Gathering(tables, study)
    names = ["areas", "boundaries", "memberships", "scores", "summaries", "need", "comparisons", "nodes"]
    withheld = tables.withheld(names)
    if not any(len(found.read(name)) for name in ("nodes", "need", "decisions")):
        refused = [item for item in withheld if item.table in {"need", "nodes"}]
        raise nothing_to_publish(study.folder, refused)
    ids = sorted(study.need, key=lambda id_: id_ != found.lead)
    definitions = tuple(_definition(found, id_, study.need[id_]) for id_ in ids if len(found.need(id_)))
    first, further = _findings(found)
    group_level = _group_level(found)
    methods = tuple(_method(found, id_, spec) for id_, spec in study.index.items())
    page = Page(
        title=study.publish.title or study.study.title,
        description=study.study.description,
        contact=study.publish.contact,
        definitions=definitions,
        findings=first,
        further=further,
        groups=_groups(found, group_level),
        group_level=found.level(group_level) if group_level else None,
        strengths=_strengths(found),
        methods=methods,
        comparisons=tuple(
            _comparison(found, id_, spec) for id_, spec in study.index.items() if _compared(found, id_, spec)
        ),
        sources=_sources(found),
        gaps=_all_gaps(methods),
        mendings=_mendings(found),
        withheld=told_withheld(found, withheld),
        audits=audits_of(tables, study),
        fundings=fundings_of(found),
        sure=_sure(found),
        editions=_editions(found),
    )
    return page, found


def _definition(found: Gathering, id_: str, spec: NeedSpec) -> Definition:
    """Return one definition of need with its counts."""
    rows = found.need(id_)
    level = found.level(str(rows["level"].iloc[0]))
    share = speech.percent(spec.share)
    titles, told = titles_of(found.study, spec), told_kinds(found.study, spec)
    means = "means" if words.familiar_needs(*titles) else "means_of"
    kinds = []
    for kind, word in KINDS.items():
        mine = rows[(rows["type"] == kind).fillna(False)]
        kinds.append(
            KindRow(
                told[kind],
                f"k-{word}",
                say("start", f"{means}_{word}", share=share, first=titles[0], second=titles[1]),
                len(mine),
                _people(mine["population"]),
            )
        )
    both = rows[rows["doubly_disadvantaged"].fillna(False).astype(bool)]
    rule = say(
        "start", "rule", title=spec.title, share=share, areas=level.plural, first=titles[0], second=titles[1]
    )
    living = _people(both["population"])
    return Definition(
        id_,
        spec.title,
        rule,
        tuple(kinds),
        len(both),
        living,
        int(rows["type"].isna().sum()),
        level.plural,
        level.title,
        () if words.familiar_needs(*titles) else titles,
    )


def titles_of(study: Study, spec: NeedSpec) -> tuple[str, str]:
    """Return the titles of the two indices of a definition of need.

    Args:
        study: The study.
        spec: The definition.
    """
    first, second = (study.index[index].title or index for index in (spec.deprivation, spec.community))
    if first == second:  # nobody could tell which of the two is meant
        return f"{first} ({spec.deprivation})", f"{second} ({spec.community})"
    return first, second


def told_kinds(study: Study, spec: NeedSpec) -> dict[str, str]:
    """Return what the types of a definition of need are called, by type: after the study's own indices, unless they are the familiar ones.

    Args:
        study: The study.
        spec: The definition.
    """
    first, second = titles_of(study, spec)
    familiar = words.familiar_needs(first, second)
    return {
        kind: START[f"kind_{word}"]
        if familiar or word not in OF_ONE
        else say("start", f"kind_of_{word}", first=first, second=second)
        for kind, word in KINDS.items()
    }


def _people(population: pd.Series[float]) -> str:
    """Return people in words; says so where the population of some or all areas is not known."""
    if not len(population):
        return START["nobody_lives"]
    known = population.dropna()
    if not len(known):
        return START["not_known"]
    told = speech.heads(float(known.sum()))
    return told if len(known) == len(population) else say("start", "at_least", people=told)


def _sure(found: Gathering) -> tuple[str, ...]:
    """Return what uncertainty found, in the order of its telling."""
    table = found.read("findings")
    rows = table[table["stage"] == "uncertainty"].sort_values(["id", "position"], kind="stable")
    return tuple(rows["sentence"])


def _findings(found: Gathering) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return the sentences for the top (those on the leading definition), and all others by stage."""
    table = found.read("findings").sort_values("position", kind="stable")
    first: list[str] = []
    rest: dict[str, list[str]] = {}
    for stage, id_, sentence in zip(table["stage"], table["id"], table["sentence"], strict=True):
        if stage == "need" and id_ == found.lead:
            # The first one tells how many have both: the headline of the page says it.
            first.append(sentence)
        else:
            rest.setdefault(_stage_title(found, stage, id_), []).append(sentence)
    return tuple(first), tuple((name, tuple(sentences)) for name, sentences in rest.items())


def _stage_title(found: Gathering, stage: str, id_: str) -> str:
    """Return what the findings of one task are listed under: its title, as the study gives it."""
    if stage == "need" and id_ in found.study.need:
        return say("start", "need_of", title=f"{found.study.need[id_].title} ({id_})")
    if stage == "audit" and id_ in found.study.audit:
        index = found.study.audit[id_].index
        return say("start", "audited", title=found.study.index[index].title or index)
    if stage == "allocate" and id_ in found.study.round:
        return found.study.round[id_].title or id_
    if id_ in found.study.index:
        title = found.study.index[id_].title or id_
        return say("start", "compared", title=title) if stage == "comparison" else title
    for tasks in (found.study.programme, found.study.synthesis):
        if id_ in tasks:
            return tasks[id_].title or id_
    known = f"stage_{stage}"
    told = START[known] if known in START.english else stage
    return told if id_ == stage else f"{told}: {id_}"


def _group_level(found: Gathering) -> str:
    """Return the level by which areas are grouped: the study's map level, or the first level that is summarised."""
    if found.study.publish.map_level:
        return found.study.publish.map_level
    indices = found.study.index.values()
    return next((level for spec in indices for level in spec.summarise.levels), "")


def _groups(found: Gathering, group_level: str) -> tuple[Group, ...]:
    """Return the areas of the leading definition that have both needs, by authority and name."""
    rows = found.need(found.lead)
    if not len(rows):
        return ()
    level = str(rows["level"].iloc[0])
    both = list(rows[rows["doubly_disadvantaged"].fillna(False).astype(bool)]["area"])
    if not group_level or group_level == level:
        return (Group(Place("", ""), "", found.places(level, both), len(rows)),) if both else ()
    parent = found.parents(level, group_level)
    region = _regions(found, level, group_level, parent)
    inside: dict[str, list[str]] = {}
    for code in both:
        inside.setdefault(parent.get(code, ""), []).append(code)
    totals = Counter(parent.get(code, "") for code in rows["area"])
    groups = [
        Group(
            found.place(group_level, code) if code else Place("", START["elsewhere"]),
            region.get(code, ""),
            found.places(level, codes),
            totals[code],
        )
        for code, codes in inside.items()
    ]
    return tuple(sorted(groups, key=lambda group: (group.region, group.place.name)))


def _regions(found: Gathering, level: str, group_level: str, parent: Mapping[str, str]) -> dict[str, str]:
    """Return the name of the region of each authority: the next level of the study above it, where there are several.

    Authorities may lie across them: one has a region where all its parts lie in the same.
    """
    levels = found.study.study.levels
    above = levels[levels.index(group_level) + 1 :] if group_level in levels else []
    for name in above:
        larger = found.parents(level, name)
        if len(set(larger.values())) > 1:
            regions: dict[str, set[str]] = {}
            for code, authority in parent.items():
                regions.setdefault(authority, set()).add(larger.get(code, ""))
            return {
                authority: found.place(name, next(iter(lain))).name
                for authority, lain in regions.items()
                if len(lain) == 1 and "" not in lain
            }
    return {}


def _strengths(found: Gathering) -> tuple[Place, ...]:
    """Return deprived areas of the leading definition that are in the half with the least community need."""
    rows = found.need(found.lead)
    if not len(rows):
        return ()
    ranked = int(rows["community_rank"].notna().sum())
    deprived = rows["deprived"].fillna(False).astype(bool)
    strong = (rows["community_rank"] > ranked / 2).fillna(False).astype(bool)
    return found.places(str(rows["level"].iloc[0]), rows[deprived & strong]["area"])


def _method(found: Gathering, id_: str, spec: IndexSpec) -> Method:
    """Return how one index was made, from the study's steps and the weights as used."""
    table = found.read("nodes")
    nodes = table[table["index"] == id_]
    root = nodes[nodes["parent"].isna()]["node"]
    domains = nodes[nodes["parent"].isin(root) & (nodes["status"] == "used")]
    total = float(domains["weight"].sum()) or 1.0
    scored = found.read("scores", ["index", "node", "level", "rank"]) if len(root) else None
    areas = 0
    if scored is not None:
        areas = int(((scored["index"] == id_) & scored["node"].isin(root))[scored["rank"].notna()].sum())
    return Method(
        id=id_,
        title=spec.title or id_,
        description=words.sentence(spec.description),
        reference=spec.reference,
        level=found.level(spec.level).plural if spec.level else START["areas"],
        areas=areas,
        steps=tuple(told_steps(spec, lambda level: found.level(level).title)),
        domains=tuple(
            Domain(row["node"], row["title"], float(row["weight"]) / total, row["origin"])
            for row in _records(domains)
        ),
        leaves=_leaves(found, nodes),
        left_out=tuple(f"{r['title']} ({r['status']})" for r in _records(nodes[nodes["status"] != "used"])),
    )


def _leaves(found: Gathering, nodes: pd.DataFrame) -> tuple[Leaf, ...]:
    """Return the indicators of an index in the order of its tree."""
    units = dict(zip(*(found.read("indicators")[c] for c in ("indicator", "unit")), strict=True))
    titles = dict(zip(nodes["node"], nodes["title"], strict=True))
    titles |= dict.fromkeys(nodes[nodes["parent"].isna()]["node"], "")
    sources = found.read("sources")
    named = dict(zip(texts(sources["source"]), texts(sources["title"]), strict=True))
    leaves = nodes[nodes["indicator"].notna() & (nodes["status"] == "used")]
    return tuple(
        Leaf(
            title=row["title"],
            domain=titles.get(row["parent"], ""),
            direction="more" if row["direction"] == 1 else "less" if row["direction"] == -1 else "",
            unit=_text(units.get(row["indicator"])),
            source=named.get(row["source"]) or _text(row["source"]),
            period=_text(row["period"]),
            gaps=told_gaps(row["missing"], row["imputed"]),
        )
        for row in _records(leaves)
    )


def _all_gaps(methods: tuple[Method, ...]) -> tuple[str, ...]:
    """Return what is missing from the indices in sentences, each once with the indices that share it."""
    told: dict[tuple[str, ...], list[str]] = {}
    for method in methods:
        for leaf in method.leaves:
            if leaf.gaps != START["gaps_no"]:
                told.setdefault(("gap", leaf.title, leaf.gaps, f"{method.areas:,}", method.level), []).append(
                    method.title
                )
        for name in method.left_out:
            told.setdefault(("gap_left_out", name, "", "", ""), []).append(method.title)
    return tuple(
        say("start", key, title=title, gaps=gaps, total=total, areas=areas, indices=speech.listed(titles))
        for (key, title, gaps, total, areas), titles in told.items()
    )


def told_mendings(
    rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return what was mended in files, one sentence for each source and kind of mending, with where and how often.

    Args:
        rows: Rows of the table `mendings`.
        titles: Titles of sources; None where the page speaks of one source alone, which need not be named.
    """
    together: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["source"], row["sentence"]), []).append(row)
    told = []
    for (source, done), same in together.items():
        number = sum(row["cells"] for row in same)
        columns = [row["column"] for row in same if row["column"] != "*"]
        where = (
            say("start", "mended_in", len(columns), column=columns[0], count=len(columns)) if columns else ""
        )
        often = say("start", "mended_times", number, count=f"{number:,}")
        said = say("start", "mended_told", done=done, often=often, where=where)
        named = titles.get(source, source) if titles is not None else ""
        told.append(say("start", "mended_of", source=named, said=said) if named else words.sentence(said))
    return tuple(told)


def _mendings(found: Gathering) -> tuple[str, ...]:
    """Return what was mended in the files: where, what was done, how often."""
    sources = found.read("sources")
    titles = zip(texts(sources["source"]), texts(sources["title"]), strict=True)
    return told_mendings(
        _records(found.read("mendings")), {source: title or source for source, title in titles if source}
    )


def told_gaps(missing: int | None, imputed: int | None) -> str:
    """Return how many areas lack a value, and what was done; "none" where none does.

    Args:
        missing: Areas without a value.
        imputed: Those whose value was filled in.
    """
    gone, filled = missing or 0, imputed or 0
    key = "gaps_no" if not gone else "gaps_filled" if filled else "gaps_missing"
    return say("start", key, missing=f"{gone:,}", filled=f"{filled:,}")


def told_withheld(found: Gathering, items: Sequence[Withheld]) -> tuple[str, ...]:
    """Return what may not be published, one sentence for each section and reason, with sources and tables as readers know them.

    Args:
        found: The tables of the study.
        items: What may not be published.
    """
    sources = found.read("sources")
    titles = {
        name: title or name
        for name, title in zip(texts(sources["source"]), texts(sources["title"]), strict=True)
        if name
    }
    together: dict[tuple[str, str], list[str]] = {}
    for item in items:
        reason = item.reason
        for name in item.sources:
            for access in ("derived-only", "private"):
                reason = reason.replace(f"{name} ({access})", f"“{titles.get(name, name)}”")
        named = [f"“{titles.get(name, name)}”" for name in item.sources]
        listed = words.listed(sorted(item.sources))
        reason = reason.replace(f"figures of {listed},", f"figures of {words.listed(named)},")
        # A source and an index may have the same name: rows that are a source's own are told by the source.
        index = None if item.section in item.sources else found.study.index.get(item.section)
        title = (index.title if index else "") or titles.get(item.section, item.section)
        together.setdefault((title, reason), []).append(item.table.replace("_", " "))
    return tuple(
        words.sentence(
            say(
                "method",
                "withheld_of" if title else "withheld_one",
                section=title,
                table=speech.listed(tables),
                reason=reason,
            )
        )
        for (title, reason), tables in together.items()
    )


def _editions(found: Gathering) -> tuple[str, ...]:
    """Return the editions of the sources that the indices are made from, the newest first, each once."""
    nodes, sources = found.read("nodes"), found.read("sources")
    used = set(texts(nodes[nodes["status"] == "used"]["source"]))
    vintages = zip(texts(sources["source"]), texts(sources["vintage"]), strict=True)
    known = {vintage for source, vintage in vintages if source in used and vintage}
    return tuple(sorted(known, reverse=True))


def _compared(found: Gathering, id_: str, spec: IndexSpec) -> bool:
    """Return whether there is a comparison of an index with the one that it stands beside."""
    table = found.read("comparisons")
    return bool(spec.beside) and bool(((table["index"] == id_) & (table["beside"] == spec.beside)).any())


def _comparison(found: Gathering, id_: str, spec: IndexSpec) -> Comparison:
    """Return an index beside another: weights, and areas that enter or leave the greatest-need tenth."""
    table = found.read("comparisons")
    rows = table[(table["index"] == id_) & (table["beside"] == spec.beside)]
    level = str(rows["level"].iloc[0])
    other = found.study.index[spec.beside]
    mine = {d.node: d for d in _method(found, id_, spec).domains}
    theirs = {d.node: d for d in _method(found, spec.beside, other).domains}
    low, high, asked = _priorities(found, set(mine))
    return Comparison(
        title=spec.title or id_,
        beside=other.title or spec.beside,
        rows=tuple(
            WeightRow(
                d.title,
                theirs[d.node].share if d.node in theirs else 0.0,
                d.share,
                low.get(d.node),
                high.get(d.node),
            )
            for d in mine.values()
        ),
        enters=found.places(level, rows[rows["enters"].fillna(False).astype(bool)]["area"]),
        leaves=found.places(level, rows[rows["leaves"].fillna(False).astype(bool)]["area"]),
        respondents=asked,
        one=found.level(level).title,
        noun=found.level(level).plural,
    )


def _priorities(found: Gathering, nodes: set[str]) -> tuple[dict[str, float], dict[str, float], str]:
    """Return both ends of the intervals of residents' weights as shares of all, by node, and how many answered."""
    table = found.read("priorities")
    table = table[table["priority"].isin(nodes)]
    if not len(table) or table["area"].nunique() > 1:
        return {}, {}, ""
    total = float(table["weight"].sum())
    ends: list[dict[str, float]] = []
    for column in ("low", "high"):
        known = table[table[column].notna()]
        ends.append({n: float(x) / total for n, x in zip(known["priority"], known[column], strict=True)})
    asked = table["respondents"].dropna()
    told = speech.count(float(asked.max()), START["person"], START["persons"]) if len(asked) else ""
    return ends[0], ends[1], told


def _sources(found: Gathering) -> tuple[SourceRow, ...]:
    """Return the sources in the order of the study."""
    return tuple(
        SourceRow(
            id=row["source"],
            title=_text(row["title"]) or row["source"],
            publisher=_text(row["publisher"]),
            vintage=_text(row["vintage"]),
            licence=_text(row["licence"]) or START["not_stated"],
            access=START[row["access"]] if row["access"] in START.english else row["access"],
            address=_text(row["address"]),
            link=_text(row["address"]).startswith(("https://", "http://")),
            retrieved=_text(row["retrieved"])[:10],
            checksum=_text(row["sha256"])[:12],
            rows=_rows(row["rows_read"], row["rows_kept"]),
            note=_text(row["note"]),
        )
        for row in _records(found.read("sources"))
    )


def _rows(read: int | None, kept: int | None) -> str:
    """Return rows read and facts kept, in words."""
    if read is None:
        return ""
    key = "rows_read" if kept is None else "rows_kept"
    return say("start", key, read=f"{read:,}", kept=f"{kept or 0:,}")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as records with None for null."""
    import pyarrow as pa

    records: list[dict[str, Any]] = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return records


def _text(value: Any) -> str:
    """Return a cell as text; "" for null."""
    return value if isinstance(value, str) else ""


def cited(page: Page, day: str, version: str) -> str:
    """Return how the pages are cited.

    Args:
        page: What the first page says.
        day: Day of publishing, in words.
        version: Version of Wardmote.
    """
    sources = "; ".join(
        f"{one.title}{f', {one.publisher}' if one.publisher else ''}{f' ({one.vintage})' if one.vintage else ''}"
        for one in page.sources
    )
    said = say("start", "cited", title=page.title, day=day, version=version)
    return f"{said} {say('start', 'cited_sources', sources=sources)}" if sources else said
