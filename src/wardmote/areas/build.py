"""From what several sources say about areas to one table of areas and one of how they lie in each other.

The order of work: check levels and codes; merge names, population and households by the stated source; make one lookup for each
pair of levels; follow the chains of ``within``; add up populations that nobody publishes; keep what ``only`` keeps. All problems
of one kind are told together, and whatever was left out, computed or added is counted in the findings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import tables, words
from wardmote.areas.finish import AreaTables, as_tables, keep_only
from wardmote.areas.lookups import (
    Link,
    Pair,
    arrow_columns,
    chained,
    derived,
    groups,
    joined,
    make_link,
    numbers,
    positions,
    same_where_both,
)
from wardmote.areas.work import Work
from wardmote.errors import InputError, Problem, StudyError
from wardmote.levels import Level
from wardmote.methods.regroup import sum_by_parent

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.study import AreasSpec

_FACTS = ("name", "population", "households")
_SETTING = {"name": "names", "population": "population", "households": "households"}


def build_areas(
    area_facts: pd.DataFrame,
    membership_facts: pd.DataFrame,
    *,
    spec: AreasSpec,
    levels: Mapping[str, Level],
) -> AreaTables:
    """Return the areas of a study and how they lie in each other, merged from all sources.

    Names, population and households come from the source that the spec states, else from the only one that gives them; sources that
    differ without such a statement are refused. A stated source of population or households is used alone at each level where it
    gives anything; names that it lacks are filled from the others, in the order of their identifiers where these differ. Areas that
    only a lookup knows are added without figures. Where nested small areas all have a population and their larger area has none, the
    sum is put there and told in the findings.

    Chains of ``within`` are composed: shares multiply along a path and add where paths meet. A missing link of a chain is derived
    where an earlier level of the chain knows both sides. A lookup that a source gives stands before a composed one.

    ``only`` keeps areas by the start of their code. Areas that lie wholly in areas it drops, and larger areas that lose all their
    smaller ones by it, go with them.

    Args:
        area_facts: Table ``area_facts``, from all sources.
        membership_facts: Table ``membership_facts``, from all sources. Weights are shares, 0 to 1; empty where an area has one
            parent.
        spec: The study's ``[areas]``.
        levels: Levels by name, from `levels.known_levels`.

    Returns:
        Tables ``areas``, ``memberships`` and ``findings``. The order of input rows changes nothing.

    Raises:
        InputError: Codes do not fit their level; sources differ; an area lies in several parents without weights, or its weights do
            not add to 1; a lookup that a chain needs is missing.
        StudyError: The spec names a level that is unknown, or a setting has no effect.

    Source: DESIGN, words "area, level"; ONS lookups for nesting.
    """
    work = Work(levels)
    facts = arrow_columns(tables.check("area_facts", area_facts))
    lookups = arrow_columns(tables.check("membership_facts", membership_facts))
    _check_levels(work, facts, lookups, spec)
    _gather_codes(work, facts, lookups)
    _raise(_merged(work, facts, spec))
    _raise(_linked(work, lookups))
    _raise(_follow(work, spec))
    _add_up(work)
    return as_tables(work, keep_only(work, spec))


def _raise(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise InputError(found)


def _check_levels(work: Work, facts: Mapping[str, Any], lookups: Mapping[str, Any], spec: AreasSpec) -> None:
    """Refuse levels that nobody declared, in data and in the spec."""
    used = [
        (f"source {source}", level)
        for columns, key in ((facts, "level"), (lookups, "level"), (lookups, "parent_level"))
        for (source, level), _ in groups({"source": columns["source"], key: columns[key]}, ("source", key))
    ]
    unknown = [
        Problem(
            where,
            "no such level",
            got=level,
            expected=", ".join(work.levels),
            remedy=f"Declare it in the study: [level.{level}] with title and pattern.",
        )
        for where, level in dict.fromkeys(used)
        if level not in work.levels
    ]
    _raise(unknown)
    present = {level for _, level in used}
    asked = [("areas, within", level) for chain in spec.within for level in chain]
    asked += [("areas, only", level) for level in spec.only]
    stray = [
        Problem(
            where,
            "no source gives areas of this level",
            got=level,
            expected=", ".join(sorted(present)) or "at least one source with areas",
            remedy="Correct the level, or add a source that gives it.",
        )
        for where, level in dict.fromkeys(asked)
        if level not in present
    ]
    if stray:
        raise StudyError(stray)


def _gather_codes(work: Work, facts: Mapping[str, Any], lookups: Mapping[str, Any]) -> None:
    """Collect the codes of each level, sorted, and refuse those that do not fit their level."""
    found: dict[str, list[Any]] = {}
    stated: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for columns, level_key, area_key in (
        (facts, "level", "area"),
        (lookups, "level", "area"),
        (lookups, "parent_level", "parent"),
    ):
        chosen = {key: columns[key] for key in ("source", level_key, area_key)}
        for (source, level), rows in groups(chosen, ("source", level_key)):
            problems += _pattern_problems(source, work.levels[level], rows[area_key], work.levels)
            codes = pc.unique(rows[area_key])
            found.setdefault(level, []).append(codes)
            if columns is facts:
                stated.setdefault(level, []).append(codes)
    _raise(problems)
    sorted_codes = {level: _sorted_unique(parts) for level, parts in found.items()}
    # The most areas first: small areas before larger ones, whatever the order of the rows.
    for level in sorted(sorted_codes, key=lambda name: (-len(sorted_codes[name]), name)):
        work.codes[level] = sorted_codes[level]
        if level in stated:
            known = pc.is_in(work.codes[level], value_set=pa.chunked_array(stated[level]).combine_chunks())
            work.remark(
                level,
                ~known.to_numpy(zero_copy_only=False),
                "{areas} known only from lookups, and so without figures",
            )


def _sorted_unique(parts: list[Any]) -> Any:
    if not parts:
        return pa.array([], type=pa.string())
    codes = pc.unique(pa.chunked_array(parts).combine_chunks()) if len(parts) > 1 else parts[0]
    return codes.take(pc.sort_indices(codes))


def _pattern_problems(source: str, level: Level, rows: Any, levels: Mapping[str, Level]) -> Iterator[Problem]:
    """Yield a problem where codes do not look like the level's, naming the level that they look like."""
    if not level.pattern:
        return
    codes = pc.unique(rows)
    odd = codes.filter(pc.invert(_matches(codes, level.pattern)))
    if not len(odd):
        return
    count = int(pc.sum(pc.is_in(rows, value_set=odd)).as_py())
    # A few codes tell what the others are; all of them would cost one expression per level and code.
    few = odd.slice(0, 50).to_pylist()
    hits = Counter(
        other.name for other in levels.values() if other.pattern for code in few if other.holds(code)
    )
    alike = [name for name, number in hits.items() if number == max(hits.values())]
    same_year = [name for name in alike if levels[name].vintage == level.vintage] or alike
    looks = f" They look like {words.listed(same_year, most=3)}." if same_year else ""
    yield Problem(
        f"source {source}, level {level.name}",
        f"{count:,} of {len(rows):,} rows have a code that is not one of this level",
        got=words.listed([repr(code) for code in few], most=3),
        expected=f"codes like {level.pattern}",
        remedy=f"Correct the level of the column, or leave those rows out of the file.{looks}",
    )


def _matches(codes: Any, pattern: str) -> Any:
    """Return which codes match the pattern from start to end."""
    try:
        return pc.match_substring_regex(codes, f"^(?:{pattern})$")
    except pa.ArrowInvalid:  # Arrow's expressions know no look-ahead; Python's do, one code at a time
        try:
            return pa.array([re.fullmatch(pattern, code) is not None for code in codes.to_pylist()])
        except re.error as error:
            raise StudyError(
                Problem(
                    "study, level", f"the pattern {pattern!r} is not a regular expression", got=str(error)
                )
            ) from None


def _merged(work: Work, facts: Mapping[str, Any], spec: AreasSpec) -> list[Problem]:
    """Merge names, population and households, by level and stated source."""
    given: dict[str, dict[str, dict[str, Any]]] = {}
    for (source, level), rows in groups(facts, ("source", "level")):
        given.setdefault(level, {})[source] = rows
    problems: list[Problem] = []
    unused = {fact for fact in _FACTS if getattr(spec, _SETTING[fact])}
    for level, codes in work.codes.items():
        merged = {}
        for fact in _FACTS:
            said = {
                source: _placed(rows, fact, codes)
                for source, rows in given.get(level, {}).items()
                if rows[fact].null_count < len(rows[fact])
            }
            stated = getattr(spec, _SETTING[fact])
            if stated in said:
                unused.discard(fact)
            merged[fact], found = _one_fact(work, level, fact, said, stated)
            problems += found
        work.names[level] = merged["name"]
        work.sizes[level] = {fact: numbers(merged[fact]) for fact in ("population", "households")}
    problems += [
        Problem(
            f"study, areas.{_SETTING[fact]}",
            f"the stated source gives no {_SETTING[fact]}",
            got=getattr(spec, _SETTING[fact]),
            remedy="Name a source that gives it, or remove the setting.",
        )
        for fact in _FACTS
        if fact in unused
    ]
    return problems


def _placed(rows: Mapping[str, Any], fact: str, codes: Any) -> Any:
    """Return a source's column at the places of the codes, null where it says nothing."""
    place = np.full(len(codes), -1)
    place[positions(rows["area"], codes)] = np.arange(len(rows["area"]))
    return rows[fact].take(pa.array(place, mask=place < 0))


def _one_fact(
    work: Work, level: str, fact: str, said: dict[str, Any], stated: str
) -> tuple[Any, list[Problem]]:
    """Return one fact of all areas of a level, and a problem where two sources differ without a statement."""
    codes = work.codes[level]
    kind = pa.string() if fact == "name" else pa.float64()
    result = pa.nulls(len(codes), kind)
    if stated in said and fact != "name":
        # Populations of two sources are of different days or definitions: one level never mixes them.
        return said[stated], []
    order = sorted(said, key=lambda source: (source != stated, source))
    problems: list[Problem] = []
    for place, source in enumerate(order):
        differ = pc.fill_null(pc.not_equal(result, said[source]), False)
        if pc.any(differ).as_py() and order[0] != stated:
            row = pc.index(differ, True).as_py()
            first = next(other for other in order[:place] if said[other][row].is_valid)
            if fact == "name" and stated:
                # One source is stated and silent at this level. A name is a label, not a figure: one is taken, and told.
                work.remark(
                    level,
                    differ.to_numpy(zero_copy_only=False),
                    f"Named differently by {source} than by {first}, whose names stand: {{areas}}",
                )
            else:
                problems.append(
                    _differing(work, level, fact, (first, source), (result, said[source], differ))
                )
        result = pc.coalesce(result, said[source])
    return result, problems


def _differing(
    work: Work, level: str, fact: str, sources: tuple[str, str], columns: tuple[Any, Any, Any]
) -> Problem:
    """Return the problem of two sources that differ, with the first area where they do."""
    one, two, differ = columns
    row = pc.index(differ, True).as_py()
    return Problem(
        f"level {level}, {fact}",
        f"sources {sources[0]} and {sources[1]} differ for {work.told(level, pc.sum(differ).as_py())}",
        got=f"{one[row].as_py()} and {two[row].as_py()} for {work.codes[level][row].as_py()}",
        expected="one source, or the same from both",
        remedy=f'Say in the study which one to use: [areas] {_SETTING[fact]} = "{sources[0]}", or leave the column '
        f"out of one of them at this level.",
    )


def _linked(work: Work, lookups: Mapping[str, Any]) -> list[Problem]:
    """Make one link for each pair of levels from all sources that give it."""
    problems: list[Problem] = []
    origin: dict[Pair, str] = {}
    for (source, level, parent_level), rows in groups(lookups, ("source", "level", "parent_level")):
        pair = (level, parent_level)
        link, found, mended = make_link(rows, source, pair, work.codes, work.sizes[parent_level])
        problems += found
        _tell_mending(work, source, pair, link, mended)
        if pair not in work.links:
            work.links[pair], origin[pair] = link, source
            continue
        differ = same_where_both(work.links[pair], link, len(work.codes[parent_level]))
        if len(differ):
            problems.append(
                Problem(
                    f"{level} in {parent_level}",
                    f"sources {origin[pair]} and {source} place {work.told(level, len(differ))} differently",
                    got=str(work.codes[level][int(differ[0])].as_py()),
                    expected="one source, or the same from both",
                    remedy="Leave the lookup out of one of them.",
                )
            )
        work.links[pair] = joined(work.links[pair], link)
        origin[pair] = f"{origin[pair]}, {source}"
    return problems


def _tell_mending(work: Work, source: str, pair: Pair, link: Link, mended: Mapping[str, Any]) -> None:
    """Tell what was computed, rescaled or left out in one lookup."""
    level, parents = pair[0], work.plural(pair[1])
    base = "equal parts" if link.base == "areas" else f"the {link.base} of those"
    for kind, text in (
        (
            "computed",
            f"Not published, so computed: the shares of {{areas}} in {parents} ({source}); they follow {base}",
        ),
        ("rescaled", f"Rescaled to add to 1: the shares of {{areas}} in {parents} ({source})"),
        ("zero", f"A share of 0 in {parents} ({source}) was left out for {{areas}}"),
    ):
        work.remark(level, work.mask(level, mended[kind]), text, "memberships")


def _follow(work: Work, spec: AreasSpec) -> list[Problem]:
    """Compose the chains of ``within``."""
    given = set(work.links)
    problems: list[Problem] = []
    for chain in spec.within:
        missing = list(_missing_links(work, chain))
        problems += missing
        if not missing:
            for start in range(len(chain) - 2):
                for end in range(start + 2, len(chain)):
                    problems += _compose(work, chain, start, end, given)
    return problems


def _compose(work: Work, chain: list[str], start: int, end: int, given: set[Pair]) -> Iterator[Problem]:
    """Add the link between two levels of a chain, by way of the level before the last, or compare it with the one there is."""
    pair = (chain[start], chain[end])
    width = len(work.codes[chain[end]])
    # The first part is the link that stands, so that a lookup given for it is not overruled by the levels between.
    link = chained(work.links[chain[start], chain[end - 1]], work.links[chain[end - 1], chain[end]], width)
    standing = work.links.setdefault(pair, link)
    differ = same_where_both(standing, link, width) if standing is not link else np.empty(0, dtype=np.int64)
    if not len(differ):
        return
    if pair in given:
        work.remark(
            pair[0],
            work.mask(pair[0], differ),
            f"By way of {work.plural(chain[end - 1])}, {{areas}} would lie elsewhere in {work.plural(pair[1])} than in the lookup "
            f"given, which stands",
            "memberships",
        )
        return
    yield Problem(
        f"areas, within {' in '.join(chain)}",
        f"two chains place {work.told(pair[0], len(differ))} differently",
        got=str(work.codes[pair[0]][int(differ[0])].as_py()),
        remedy=f"Keep one of the chains from {pair[0]} to {pair[1]}, or add that lookup.",
    )


def _missing_links(work: Work, chain: list[str]) -> Iterator[Problem]:
    """Derive the links of a chain that no source gives, and yield a problem for each that cannot be."""
    for place, pair in enumerate(pairwise(chain)):
        if pair in work.links:
            continue
        below = next(
            (low for low in chain[:place] if {(low, pair[0]), (low, pair[1])} <= work.links.keys()), ""
        )
        if not below:
            yield Problem(
                f"areas, within {' in '.join(chain)}",
                f"no source says how {pair[0]} lie in {pair[1]}",
                expected=f"a lookup from {pair[0]} to {pair[1]}",
                remedy="Add a source with that lookup, or shorten the chain.",
            )
            continue
        people = work.sizes[below]["population"]
        size = None if np.isnan(people).any() else people
        link = derived(work.links[below, pair[0]], work.links[below, pair[1]], size, len(work.codes[pair[1]]))
        work.links[pair] = link
        below_told = work.plural(below)
        work.remark(
            pair[0],
            work.mask(pair[0], link.lookup.child),
            f"Placed in {work.plural(pair[1])} by their {below_told}, since no source gives that lookup: {{areas}}",
            "memberships",
        )
        work.remark(
            pair[0],
            work.mask(pair[0], link.lookup.child[link.lookup.share < 1]),
            f"Lying in several {work.plural(pair[1])}, shared out by {link.base} of their {below_told}: {{areas}}",
            "memberships",
        )


def _add_up(work: Work) -> None:
    """Fill population and households that nobody gives with the sum over nested smaller areas that all have them."""
    for parent_level, codes in work.codes.items():
        for level in [low for low in work.codes if (low, parent_level) in work.links]:
            link = work.links[level, parent_level]
            if link.nested:
                _add_up_from(work, level, parent_level, len(codes))


def _add_up_from(work: Work, level: str, parent_level: str, k: int) -> None:
    """Fill what a level lacks with sums over one nested level below it."""
    lookup = work.links[level, parent_level].lookup
    filled = {}
    for fact in ("population", "households"):
        size, known = work.sizes[level][fact], work.sizes[parent_level][fact]
        total = sum_by_parent(size, lookup.parent, k, child=lookup.child)
        partly = np.bincount(lookup.parent[np.isnan(size[lookup.child])], minlength=k) > 0
        filled[fact] = np.isnan(known) & ~partly & ~np.isnan(total)
        work.sizes[parent_level][fact] = np.where(filled[fact], total, known)
    told = f"added up from their {work.plural(level)}, not a published figure: {{areas}}"
    if np.array_equal(filled["population"], filled["households"]):
        work.remark(parent_level, filled["population"], f"Population and households {told}")
    else:
        for fact, areas in filled.items():
            work.remark(parent_level, areas, f"{fact} {told}")
