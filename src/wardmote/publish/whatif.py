"""What if? The page on which weights, the share and the money can be changed, and the columns from which the browser works it out.

This is the one place where a page computes: the scores of indices that are a weighted sum or mean of their parts, again in the
browser, with other weights. It adds the same numbers in the same order as the engine does, so both give the same score to the
last digit; tests hold them against each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from wardmote.publish.building import digest, safe_name
from wardmote.publish.strings import STRINGS
from wardmote.publish.whatif_round import SAME, flags_of, round_data, text_of, whole_of
from wardmote.words import listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wardmote.publish.atlas import Making
    from wardmote.publish.page import Gathering
    from wardmote.publish.places import Atlas, IndexFacts
    from wardmote.study import IndexSpec

PAGE, DATA = "whatif/index.html", "whatif/data.js"
"""The page, and its columns. They are a script, not JSON, since a page that is opened from a disk may not read files."""

NAME = "whatif/data"
"""The name under which the columns are handed over; codes come with those of their level (`wardmote.publish.columns`)."""

MILLIONTHS = 1_000_000
"""Shares reach the browser as whole millionths, so that share × n is exact there."""

CLOSE = 0.1
"""A place is too close to call where this share of the drawn worlds, or more, says otherwise: as on the map."""


@dataclass(frozen=True, slots=True)
class Child:
    """One part of an index whose weight can be changed: its node, title and stated weight."""

    node: str
    title: str
    weight: float


@dataclass(frozen=True, slots=True)
class WeightSet:
    """One set of weights that a study states: what it is called, and the weight of each part."""

    id: str
    title: str
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index that can be worked out again in the browser.

    Attributes:
        facts: Its scores.
        how: "sum" or "mean" of its parts.
        better: Whether a higher score is better, so that the lowest are in greatest need.
        children: Its parts.
        sets: Sets of weights: its own first, then those of indices shown beside it, then equal ones.
    """

    facts: IndexFacts
    how: str
    better: bool
    children: tuple[Child, ...]
    sets: tuple[WeightSet, ...]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What the page works with.

    Attributes:
        level: Level of all its indices.
        open: Indices whose weights can be changed.
        fixed: Indices of the leading definition of need whose ranks stay as they are.
        closed: Titles of further indices, with the reason why they cannot be changed.
    """

    level: str
    open: tuple[OpenIndex, ...]
    fixed: tuple[IndexFacts, ...]
    closed: tuple[tuple[str, str], ...]


def find_whatif(found: Gathering, atlas: Atlas) -> WhatIf | None:
    """Return what can be changed, or None where no index is a weighted sum or mean of parts that may be published.

    Args:
        found: The tables.
        atlas: The facts of all places.
    """
    nodes = found.read("nodes")
    beside = {id_ for id_, spec in found.study.index.items() if spec.beside}
    opened, closed, level = [], [], ""
    for facts in atlas.indices:
        if facts.id in beside or (level and facts.level != level):
            continue
        one, why = _open(found, nodes[nodes["index"] == facts.id], facts, atlas)
        if one is None:
            closed.append((facts, why))
        else:
            opened.append(one)
            level = facts.level
    if not opened:
        return None
    lead = found.study.need.get(found.lead)
    pair = {lead.deprivation, lead.community} if lead else set()
    told = tuple((facts.title, STRINGS["whatif"][why]) for facts, why in closed)
    fixed = tuple(facts for facts, _ in closed if facts.id in pair and facts.level == level)
    return WhatIf(level, tuple(opened), fixed, told)


def can_whatif(found: Gathering, atlas: Atlas) -> bool:
    """Return whether any index can be worked out again in the browser.

    Args:
        found: The tables.
        atlas: The facts of all places.
    """
    return find_whatif(found, atlas) is not None


def _open(found: Gathering, nodes: Any, facts: IndexFacts, atlas: Atlas) -> tuple[OpenIndex | None, str]:
    """Return an index that can be worked out again, or None and the word for why not."""
    import numpy as np

    used = nodes[nodes["status"] == "used"]
    root = used[used["parent"].isna()]
    if len(root) != 1 or facts.parts[0].node != root["node"].iloc[0]:
        return None, "why_hidden"
    children = used[used["parent"] == root["node"].iloc[0]]
    at = {part.node: i for i, part in enumerate(facts.parts)}
    if not len(children) or not set(children["node"]) <= set(at):
        return None, "why_licence"
    parts = tuple(
        Child(node, title, float(weight))
        for node, title, weight in zip(children["node"], children["title"], children["weight"], strict=True)
    )
    block = facts.score[[at[child.node] for child in parts]]
    weights = np.asarray([child.weight for child in parts])
    how = _way(found.study.index[facts.id], facts.parts[0].node)
    if not how or not _agrees(combined(block, weights, how), facts.score[0]):
        return None, "why_method"
    better = str(root["higher"].iloc[0]) == "better"
    return OpenIndex(facts, how, better, parts, _sets(found, facts.id, parts)), ""


def _way(spec: IndexSpec, root: str) -> str:
    """Return how the recipe puts the parts of the root together: "sum", "mean", or "" for any other way."""
    for step in reversed(spec.steps):
        words = {step.on} if isinstance(step.on, str) else set(step.on)
        if step.do == "aggregate" and words & {root, "root", "branches", "depth 0"}:
            return {"sum": "sum", "arithmetic": "mean"}.get(step.method, "")
    return ""


def combined(block: NDArray[np.float64], weights: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    """Return the weighted sum or mean of parts, as the browser works it out: part by part, in order.

    Args:
        block: Scores of the parts, shape (parts, areas). In a mean missing parts are passed over; a sum needs all.
        weights: One for each part, not below 0, some above 0.
        how: "sum" or "mean".

    Returns:
        Scores, shape (areas,); NaN where there is none.
    """
    import numpy as np

    total = np.zeros(block.shape[1])
    if how == "sum":
        for part, weight in zip(block, weights, strict=True):
            total = total + weight * part
        return total
    share = np.zeros(block.shape[1])
    for part, weight in zip(block, weights, strict=True):
        known = ~np.isnan(part)
        total = total + np.where(known, weight * part, 0.0)
        share = share + np.where(known, weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share > 0, total / share, np.nan)


def _agrees(got: NDArray[np.float64], score: NDArray[np.float64]) -> bool:
    """Return whether the browser's way gives the published score wherever there is one."""
    import numpy as np

    known = ~np.isnan(score)
    if not known.any():
        return False
    apart = np.abs(got[known] - score[known])
    return bool(apart.max() <= SAME * max(1.0, float(np.abs(score[known]).max())))  # NaN is no agreement


def _sets(found: Gathering, index: str, parts: tuple[Child, ...]) -> tuple[WeightSet, ...]:
    """Return the sets of weights that can be chosen."""
    words = STRINGS["whatif"]
    own = tuple(child.weight for child in parts)
    sets = [WeightSet("stated", words["stated"], own)]
    nodes = found.read("nodes")
    for id_, spec in found.study.index.items():
        if spec.beside == index:
            mine = nodes[(nodes["index"] == id_) & (nodes["status"] == "used")]
            given = dict(zip(mine["node"], mine["weight"], strict=True))
            if all(child.node in given for child in parts):
                total = sum(own) / sum(float(given[child.node]) for child in parts)
                weights = tuple(float(given[child.node]) * total for child in parts)
                sets.append(WeightSet(id_, spec.title or id_, weights))
    sets.append(WeightSet("equal", words["equal"], tuple(sum(own) / len(own) for _ in own)))
    return tuple(sets)


def make_whatif(making: Making) -> None:
    """Write the page and its columns; nothing where no index can be worked out again.

    Args:
        making: What pages are made of.
    """
    whatif = find_whatif(making.found, making.atlas)
    if whatif is None:
        return
    data = columns(making, whatif)
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    text = text.replace("</", "<\\/")  # a text of the study must not end the script that hands it over
    making.build.put(DATA, f"wardmote.put({json.dumps(NAME)},{text});\n", digest(text))
    # Codes and people of the page's own level first, then those of the round's places.
    levels = dict.fromkeys([whatif.level, data["round"]["level"]["name"]])
    making.put(
        PAGE,
        "whatif.html.j2",
        whatif=whatif,
        level=making.atlas.levels[whatif.level].level,
        lists=[
            f"data/columns/{safe_name(name)}/{what}.js" for name in levels for what in ("codes", "population")
        ],
        need=data["need"],
        round=data["round"],
        measured=listed([f"“{title}”" for title in _measured(making, data["round"])]),
        trial=whatif.open[0].facts.title,
        single=any(group["caps"] or group["minimums"] for group in data["round"]["groups"]),
    )


def _measured(making: Making, told: dict[str, Any]) -> list[str]:
    """Return the titles of the indices by which the round that is followed ranks its places."""
    titles = {one.id: one.title for one in making.atlas.indices}
    return [titles[part.index] for part in making.study.round[told["id"]].measure] if told["followed"] else []


def columns(making: Making, whatif: WhatIf) -> dict[str, Any]:
    """Return everything that the browser needs, ready for JSON; arrays are base64 of little-endian numbers.

    Args:
        making: What pages are made of.
        whatif: What can be changed.
    """
    import numpy as np

    place = making.atlas.levels[whatif.level]
    stacked = [
        index.facts.score[[part.node for part in index.facts.parts].index(child.node)]
        for index in whatif.open
        for child in index.children
    ]
    values, packed = _packed(stacked)
    need = _need(making, whatif)
    indices, at = [], 0
    for index in whatif.open:
        end = at + len(index.children)
        indices.append(
            {
                "id": index.facts.id,
                "title": index.facts.title,
                "how": index.how,
                "better": index.better,
                "scored": flags_of(~np.isnan(index.facts.score[0])),
                "children": [{"node": c.node, "title": c.title, "weight": c.weight} for c in index.children],
                "columns": packed[at:end],
                "sets": [{"id": s.id, "title": s.title, "weights": list(s.weights)} for s in index.sets],
            }
        )
        at = end
    return {
        "level": {"name": place.level.name, "one": place.level.title, "many": place.level.plural},
        "values": values,
        "indices": indices,
        "fixed": [{"id": one.id, "title": one.title, "rank": whole_of(one.rank[0])} for one in whatif.fixed],
        "need": need,
        "round": round_data(making, whatif, need is not None),
        "words": dict(STRINGS["whatif"]),
    }


def _packed(stacked: list[NDArray[np.float64]]) -> tuple[str, list[str]]:
    """Return distinct values, and each column as places among them; no values where they are too many to save anything.

    Transformed ranks are the same numbers in every part, in another order: England's seven parts shrink to a third.
    """
    import numpy as np

    values, places = np.unique(np.concatenate(stacked), return_inverse=True)
    if len(values) >= 1 << 16:
        return "", [text_of(column, np.float64) for column in stacked]
    rows = np.split(places, len(stacked))
    return text_of(values, np.float64), [text_of(row, np.uint16) for row in rows]


def _need(making: Making, whatif: WhatIf) -> dict[str, Any] | None:
    """Return the leading definition of need, where both its indices are on the page."""

    spec = making.study.need.get(making.found.lead)
    here = {one.facts.id for one in whatif.open} | {one.id for one in whatif.fixed}
    if spec is None or not {spec.deprivation, spec.community} <= here or spec.level not in {"", whatif.level}:
        return None
    shares = [
        one.share for one in making.atlas.needs if (one.id, one.level) == (making.found.lead, whatif.level)
    ]
    close = flags_of((shares[0] > CLOSE) & (shares[0] < 1 - CLOSE)) if shares else ""
    return {
        "title": spec.title,
        "deprivation": spec.deprivation,
        "community": spec.community,
        "share": int(Fraction(str(spec.share)) * MILLIONTHS),
        "close": close,
    }
