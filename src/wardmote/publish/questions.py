"""Which measures ask the same question at different levels, so that a map that changes its kind of place keeps its question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wardmote.publish.places import Atlas, IndexFacts, Summary

if TYPE_CHECKING:
    from wardmote.study.indices import NeedSpec

Family = dict[str, tuple[str, ...]]
"""Names of measures by level, the one that stands for the question first."""

SUMMARIES = ("average score", "proportion", "extent", "average rank", "local concentration")
"""Summaries of an index in the order in which they stand for it: scores tell all places apart, in England the share in the tenth is 0
for more than half of all larger neighbourhoods."""


def families(atlas: Atlas, needs: Mapping[str, NeedSpec]) -> list[Family]:
    """Return the questions of a study, the leading one first.

    Args:
        atlas: The facts of all places.
        needs: The definitions of need, by their id in the study.
    """
    asked = [(need.deprivation, need.community, need.share) for need in needs.values()]
    by_key = {key: [id_ for id_, own in zip(needs, asked, strict=True) if own == key] for key in asked}
    order = {need.id: i for i, need in enumerate(atlas.needs)}
    groups = [sorted((id_ for id_ in ids if id_ in order), key=order.__getitem__) for ids in by_key.values()]
    groups = sorted((ids for ids in groups if ids), key=lambda ids: order[ids[0]])
    found = [_of_need(atlas, ids) for ids in groups]
    found += [_of_index(atlas, item) for item in atlas.indices]
    found += [_of_round(atlas, one.id, one.level) for one in atlas.rounds]
    # What draws say of a need is a question of its own where it is known, and the same as the need elsewhere.
    found += [_draws_of(ids, atlas, own) for ids, own in zip(groups, found, strict=False)]
    return found


def _of_need(atlas: Atlas, ids: list[str]) -> Family:
    """Return the measures of definitions that differ by level alone: the definition itself, else what is counted within."""
    level = {need.id: need.level for need in atlas.needs}
    found: dict[str, list[str]] = {}
    for id_ in ids:
        found.setdefault(level[id_], []).append(f"need.{id_}")
    for id_ in ids:
        for above in atlas.levels[level[id_]].parents:
            found.setdefault(above, []).append(f"need.{id_}.within")
    return _frozen(found)


def _draws_of(ids: list[str], atlas: Atlas, own: Family) -> Family:
    level = {need.id: need.level for need in atlas.needs}
    return {**own, **{level[id_]: (f"need.{id_}.share",) for id_ in reversed(ids)}}


def _of_round(atlas: Atlas, id_: str, level: str) -> Family:
    name = f"round.{id_}"
    found = {level: [name, f"{name}.standing", f"{name}.share"]}
    return _frozen({**found, **{above: [f"{name}.within"] for above in atlas.levels[level].parents}})


def _of_index(atlas: Atlas, item: IndexFacts) -> Family:
    """Return the tenths of an index and of its parts, and its summaries at larger levels."""
    parts = [f"{item.id}.{part.node}.decile" for part in item.parts if part.depth]
    found = {item.level: [f"{item.id}.decile", *parts, f"{item.id}.inside"]}
    for level, summaries in atlas.summaries.items():
        mine = [one for one in summaries if one.index == item.id]
        for one in sorted(mine, key=_standing):
            name = f"{one.index}.{one.measure.replace(' ', '-')}"
            found.setdefault(level, []).extend([name, f"{name}.inside"])
    return _frozen(found)


def _standing(one: Summary) -> tuple[bool, int]:
    """Return by what summaries are ordered: uncertainty is shown from the start wherever it is known."""
    place = SUMMARIES.index(one.measure) if one.measure in SUMMARIES else len(SUMMARIES)
    return one.interval is None, place


def _frozen(found: Mapping[str, list[str]]) -> Family:
    return {level: tuple(names) for level, names in found.items()}
