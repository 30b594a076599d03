"""The last steps of `areas.build_areas`: keep what ``only`` keeps, then write the tables and tell what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote import tables, words
from wardmote.areas.lookups import Pair
from wardmote.areas.work import Work
from wardmote.errors import Problem, StudyError
from wardmote.methods.checks import BoolArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from wardmote.study import AreasSpec


@dataclass(frozen=True, slots=True)
class AreaTables:
    """What `build_areas` returns.

    Attributes:
        areas: Table ``areas``, levels with the most areas first, codes in order.
        memberships: Table ``memberships``, in the same order.
        findings: Table ``findings``: counts, and everything that was computed, added or left out.
    """

    areas: pd.DataFrame
    memberships: pd.DataFrame
    findings: pd.DataFrame


def keep_only(work: Work, spec: AreasSpec) -> dict[str, BoolArray]:
    """Return which areas of each level stay, after ``only`` and what goes with it."""
    kept: dict[str, BoolArray] = {
        level: np.ones(len(codes), dtype=np.bool_) for level, codes in work.codes.items()
    }
    if not spec.only:
        return kept
    problems = []
    for level, starts in spec.only.items():
        match = np.zeros(len(kept[level]), dtype=bool)
        for start in starts:
            match |= pc.starts_with(work.codes[level], start).to_numpy(zero_copy_only=False)
        kept[level] &= match
        if not match.any():
            problems.append(
                Problem(
                    f"areas, only.{level}",
                    "no area's code starts like that",
                    got=", ".join(starts),
                    expected=f"for instance the start of {work.codes[level][0].as_py()}",
                )
            )
    if problems:
        raise StudyError(problems)
    named = {level: ~mask for level, mask in kept.items() if level in spec.only}
    _drop_inside(work, kept, set(spec.only))
    _drop_empty(work, kept)
    _tell_dropped(work, spec, kept, named)
    return kept


def _drop_inside(work: Work, kept: dict[str, BoolArray], filtered: set[str]) -> None:
    """Drop areas all of whose parents at a filtered level are dropped."""
    for (level, parent_level), link in work.links.items():
        if parent_level not in filtered:
            continue
        inside = np.bincount(link.lookup.child, minlength=len(kept[level])) > 0
        staying = link.lookup.child[kept[parent_level][link.lookup.parent]]
        kept[level] &= ~inside | (np.bincount(staying, minlength=len(kept[level])) > 0)


def _drop_empty(work: Work, kept: dict[str, BoolArray]) -> None:
    """Drop larger areas that had smaller ones and lost them all, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for parent_level in work.codes:
            had = np.zeros(len(kept[parent_level]), dtype=np.int64)
            has = np.zeros_like(had)
            for (level, above), link in work.links.items():
                if above == parent_level:
                    had += np.bincount(link.lookup.parent, minlength=len(had))
                    staying = link.lookup.parent[kept[level][link.lookup.child]]
                    has += np.bincount(staying, minlength=len(had))
            empty = kept[parent_level] & (had > 0) & (has == 0)
            if empty.any():
                kept[parent_level] = kept[parent_level] & ~empty
                changed = True


def _tell_dropped(
    work: Work, spec: AreasSpec, kept: Mapping[str, BoolArray], named: Mapping[str, BoolArray]
) -> None:
    """Tell how many areas and memberships ``only`` left out."""
    dropped: dict[str, list[tuple[str, int]]] = {}
    for level, out in named.items():
        if out.any():
            starts = words.listed([repr(start) for start in spec.only[level]])
            dropped.setdefault(starts, []).append((work.told(level, int(out.sum())), int(out.sum())))
    for starts, parts in dropped.items():
        areas = words.listed([text for text, _ in parts])
        work.say(
            f"Left out, since [areas] only keeps codes that start with {starts}: {areas}",
            sum(number for _, number in parts),
        )
    others = {
        level: int((~mask & ~named.get(level, np.zeros(len(mask), dtype=bool))).sum())
        for level, mask in kept.items()
    }
    told = [work.told(level, number) for level, number in others.items() if number]
    if told:
        work.say(
            f"With them went {words.listed(told)} that lie in them or keep nothing", sum(others.values())
        )
    rows = sum(
        int((~(kept[low][link.lookup.child] & kept[high][link.lookup.parent])).sum())
        for (low, high), link in work.links.items()
    )
    if rows:
        work.say(f"Dropped with areas left out: {words.count(rows, 'membership')}", rows, "memberships")


def as_tables(work: Work, kept: Mapping[str, BoolArray]) -> AreaTables:
    """Return the tables, with the counts of areas as the first finding."""
    stay = {level: pa.array(np.flatnonzero(mask)) for level, mask in kept.items() if mask.any()}
    areas = tables.frame(
        "areas",
        {
            "level": _repeated([(level, len(rows)) for level, rows in stay.items()]),
            "area": _chunks([work.codes[level].take(rows) for level, rows in stay.items()], pa.string()),
            "name": _chunks([work.names[level].take(rows) for level, rows in stay.items()], pa.string()),
            **{
                fact: np.concatenate(
                    [work.sizes[level][fact][kept[level]] for level in stay] or [np.empty(0)]
                )
                for fact in ("population", "households")
            },
        },
    )
    memberships = _membership_table(work, kept)
    _tell_parentless(work, kept)
    return AreaTables(areas, memberships, _findings(work, kept, len(areas)))


def _tell_parentless(work: Work, kept: Mapping[str, BoolArray]) -> None:
    """Tell how many areas no lookup places at a level at which others of their own are placed: summaries pass them over."""
    for (level, parent_level), link in work.links.items():
        alone = kept[level] & (np.bincount(link.lookup.child, minlength=len(kept[level])) == 0)
        # Where most have no such parent (a city's own areas in a national study), that is what the level is.
        if 0 < alone.sum() <= kept[level].sum() / 2:
            text = f"In none of the {work.plural(parent_level)} by any lookup: {{areas}}"
            work.remark(level, alone, text, "memberships")


def _findings(work: Work, kept: Mapping[str, BoolArray], total: int) -> pd.DataFrame:
    """Return the remarks as findings, counting only areas that stay."""
    told = [work.told(level, int(mask.sum())) for level, mask in kept.items() if mask.any()]
    found: list[tuple[str, float, str]] = []
    if told:
        found.append((f"The study has {words.listed(told)}", total, "areas"))
    # The same thing said of several levels is one finding.
    told_together: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for remark in work.remarks:
        number = int((remark.areas & kept[remark.level]).sum()) if remark.level else remark.value
        if number:
            areas = work.told(remark.level, number) if remark.level else ""
            told_together.setdefault((remark.text, remark.table), []).append((areas, number))
    for (text, table), parts in told_together.items():
        named = words.listed([areas for areas, _ in parts])
        found.append((text.replace("{areas}", named), sum(number for _, number in parts), table))
    return tables.frame(
        "findings",
        {
            "stage": ["areas"] * len(found),
            "id": ["areas"] * len(found),
            "position": np.arange(1, len(found) + 1),
            "sentence": [words.sentence(text) for text, _, _ in found],
            "value": np.array([value for _, value, _ in found], dtype=np.float64),
            "source_table": [table for _, _, table in found],
        },
    )


def _membership_table(work: Work, kept: Mapping[str, BoolArray]) -> pd.DataFrame:
    """Return the links between areas that stay, in the order of the areas."""
    place = {level: position for position, level in enumerate(work.codes)}
    ordered = sorted(work.links.items(), key=lambda item: (place[item[0][0]], place[item[0][1]]))
    parts: list[tuple[Pair, Any, Any, FloatArray, Any]] = []
    for (level, parent_level), link in ordered:
        child, parent, share = link.lookup.child, link.lookup.parent, link.lookup.share
        both = kept[level][child] & kept[parent_level][parent]
        nested = pa.array(share[both] >= 1)
        base = pc.if_else(nested, pa.scalar(None, pa.string()), pa.scalar(link.base or None, pa.string()))
        parts.append(
            (
                (level, parent_level),
                work.codes[level].take(pa.array(child[both])),
                work.codes[parent_level].take(pa.array(parent[both])),
                share[both],
                base,
            )
        )
    return tables.frame(
        "memberships",
        {
            "level": _repeated([(pair[0], len(child)) for pair, child, *_ in parts]),
            "area": _chunks([part[1] for part in parts], pa.string()),
            "parent_level": _repeated([(pair[1], len(child)) for pair, child, *_ in parts]),
            "parent": _chunks([part[2] for part in parts], pa.string()),
            "weight": np.concatenate([part[3] for part in parts] or [np.empty(0)]),
            "base": _chunks([part[4] for part in parts], pa.string()),
        },
    )


def _repeated(texts: list[tuple[str, int]]) -> Any:
    """Return a text column in which each text stands so many times in a row."""
    codes = np.repeat(np.arange(len(texts)), [number for _, number in texts] or 0)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, type=pa.int32()), pa.array([text for text, _ in texts], type=pa.string())
    )


def _chunks(arrays: list[Any], kind: Any) -> Any:
    """Return arrays one below the other."""
    return pa.chunked_array(arrays, type=kind) if arrays else pa.array([], type=kind)
