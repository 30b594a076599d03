"""The money of the what-if page: the study's own funding round, where the browser can follow its rules, else a budget to try.

A round is followed at its own level: places are ranked by the round's measure (scores, or the average scores of the small areas
inside), and the list is walked with its limits, caps and minimums. Before the page says so, the average scores and the list of
funded places are held against the published tables; a round that does not come out as published is not followed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wardmote.publish.atlas import Making
    from wardmote.publish.places import PlaceLevel, RoundFacts
    from wardmote.publish.whatif import OpenIndex, WhatIf
    from wardmote.study import RoundSpec
    from wardmote.study.rounds import GroupSpec, PartSpec

SAME = 1e-9
"""Greatest difference, as a share of the largest figure, at which the browser's way counts as the recipe's own: far above rounding
(1e-15 for ten parts), far below any real difference of method."""

POUNDS, PLACES = 100_000, 50
"""What the page proposes for each place, and for how many, where it follows no round: round figures, only to start."""

AVERAGE = "average score"
"""The one summary of small areas that the browser works out."""

DIGITS = 4
"""Digits of the counts of people that reach the browser (`wardmote.publish.columns`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a round's places are: their level, their rows in it, and the place of each small area (-1 for none)."""

    level: PlaceLevel
    rows: NDArray[np.int64]
    inside: NDArray[np.int64]


def text_of(array: Any, kind: Any) -> str:
    """Return numbers as base64, little-endian whatever the machine.

    Args:
        array: The numbers.
        kind: Their kind in the browser.
    """
    import numpy as np

    data = np.ascontiguousarray(array, dtype=np.dtype(kind).newbyteorder("<")).tobytes()
    return base64.b64encode(data).decode("ascii")


def flags_of(array: Any) -> str:
    """Return yes or no for each place as base64, eight in a byte, the first in the lowest bit.

    Args:
        array: The flags.
    """
    import numpy as np

    return text_of(np.packbits(np.asarray(array, dtype=np.bool_), bitorder="little"), np.uint8)


def whole_of(array: NDArray[np.integer[Any]]) -> str:
    """Return whole numbers as base64, in two bytes each where they fit, else in four; the browser tells by the length.

    Args:
        array: The numbers, -1 or more.
    """
    import numpy as np

    return text_of(array, np.int16 if array.max(initial=0) < 1 << 15 else np.int32)


def followable(spec: RoundSpec, lead: str = "") -> bool:
    """Return whether the browser knows all the rules of a round: down the list, one award for all, caps and minimums.

    Args:
        spec: The round.
        lead: The leading definition of need, the one that the page works out again.
    """
    strange = (
        spec.apart
        or spec.cluster
        or spec.award.share
        or spec.award.by
        or any(one.round for one in spec.exclude)
    )
    # Which rule keeps a place out is told once for each: beside a definition that moves, the others could not be told apart.
    defined = not spec.definition or (spec.definition == lead and not spec.exclude and not spec.population)
    measured = bool(spec.measure) and all(part.index for part in spec.measure)
    limited = bool(spec.award.pounds) and (spec.budget is not None or spec.places is not None)
    plain = spec.choose == "ranked" and spec.tie == "code" and spec.combine in ("z", "minmax", "score")
    return plain and measured and limited and defined and not strange


def round_data(making: Making, whatif: WhatIf, need: bool) -> dict[str, Any]:
    """Return the round that the page follows, or a budget to try; arrays are base64.

    Args:
        making: What pages are made of.
        whatif: What can be changed.
        need: Whether the leading definition of need is on the page.
    """
    for facts in making.atlas.rounds:
        spec = making.study.round[facts.id]
        if followable(spec, making.found.lead if need else ""):
            found = _followed(making, whatif, facts)
            if found is not None:
                return found
    return _trial(making, whatif, need)


def _followed(making: Making, whatif: WhatIf, facts: RoundFacts) -> dict[str, Any] | None:
    """Return a round as the browser follows it, or None where something is missing or does not come out as published."""
    import numpy as np

    spec = making.study.round[facts.id]
    place = _place(making, whatif, facts)
    if place is None or (spec.definition and facts.level != whatif.level):
        return None
    parts = [_part(making, whatif, part, place) for part in spec.measure]
    groups = [_group(making, one, place) for one in spec.groups]
    if any(part is None for part in parts) or any(group is None for group in groups):
        return None
    told = [facts.decisions[int(row)] for row in place.rows]
    funded = np.asarray([bool(one["funded"]) for one in told])
    score = np.asarray([np.nan if one["score"] is None else one["score"] for one in told], dtype=np.float64)
    excluded = np.asarray([one["decided_by"] == "excluded" for one in told])
    must = np.asarray([one["decided_by"] == "must include" for one in told])
    if walked(spec, score, excluded, must, [one for one in groups if one]) != funded.tolist():
        return None
    contested = [one.get("standing") == "contested" for one in told]
    return {
        "id": facts.id,
        "title": facts.title,
        "followed": True,
        "level": _named(place.level),
        "count": len(place.rows),
        "at": whole_of(place.rows),
        "inside": whole_of(place.inside) if facts.level != whatif.level else "",
        "parts": parts,
        "combine": spec.combine,
        "eligible": "both" if spec.definition else "",
        "excluded": flags_of(excluded & (not spec.definition)),
        "must": flags_of(must),
        "funded": flags_of(funded),
        "close": flags_of(contested),
        "groups": [_packed(one) for one in groups if one],
        "places": spec.places,
        "award": spec.award.pounds,
        "budget": spec.budget,
    }


def _trial(making: Making, whatif: WhatIf, need: bool) -> dict[str, Any]:
    """Return a budget to try, at the level of the page: no published award is behind it."""
    import numpy as np

    from wardmote.study.rounds import GroupSpec

    level = making.atlas.levels[whatif.level]
    rows = np.arange(len(level.codes))
    place = Place(level, rows, rows)
    groups = [_group(making, GroupSpec(by=name), place) for name in level.parents]
    none = flags_of(np.zeros(len(rows)))
    return {
        "id": "",
        "title": "",
        "followed": False,
        "level": _named(level),
        "count": len(rows),
        "at": whole_of(rows),
        "inside": "",
        "parts": [{"open": 0, "sign": -1 if whatif.open[0].better else 1, "weight": 1.0}],
        "combine": "z",
        "eligible": "choose" if need else "share",
        "excluded": none,
        "must": none,
        "funded": none,
        "close": none,
        "groups": [_packed(one) for one in groups if one and len(one["names"]) > 1],
        "places": None,
        "award": POUNDS,
        "budget": POUNDS * min(PLACES, max(1, len(rows) // 20)),
    }


def _named(place: PlaceLevel) -> dict[str, str]:
    return {"name": place.level.name, "one": place.level.title, "many": place.level.plural}


def _place(making: Making, whatif: WhatIf, facts: RoundFacts) -> Place | None:
    """Return where a round's places are; None where the small areas of the page do not lie in them."""
    import numpy as np

    level, base = making.atlas.levels[facts.level], making.atlas.levels[whatif.level]
    rows = np.asarray(sorted(facts.decisions), dtype=np.int64)
    above = np.arange(len(base.codes)) if facts.level == whatif.level else base.parents.get(facts.level)
    if above is None or not len(rows):
        return None
    position = np.full(len(level.codes), -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return Place(level, rows, np.where(above >= 0, position[above], -1))


def _part(making: Making, whatif: WhatIf, part: PartSpec, place: Place) -> dict[str, Any] | None:
    """Return one part of a round's measure: an index that is worked out again, or one that stays as published."""
    here = place.level.level.name == whatif.level
    at = [one.facts.id for one in whatif.open]
    better = making.study.index[part.index].higher == "better"
    if part.index in at:
        index = whatif.open[at.index(part.index)]
        if here or _averages_agree(making, index, part, place):
            return {"open": at.index(part.index), "sign": -1 if better else 1, "weight": part.weight}
        return None
    values = _fixed(making, part, place, better=better)
    return None if values is None else {"values": text_of(values, "f8"), "weight": part.weight}


def _fixed(making: Making, part: PartSpec, place: Place, *, better: bool) -> NDArray[np.float64] | None:
    """Return the published figures of an index that stays as it is, higher for more need; None where there are none."""
    for facts in making.atlas.indices:
        if facts.id == part.index and facts.level == place.level.level.name:
            published = facts.parts[0].depth == 0
            return facts.score[0][place.rows] * (-1 if better else 1) if published else None
    for one in making.atlas.summaries.get(place.level.level.name, ()):
        if (one.index, one.measure) == (part.index, part.measure):
            return None if better else one.value[place.rows]
    return None


def _averages_agree(making: Making, index: OpenIndex, part: PartSpec, place: Place) -> bool:
    """Return whether the browser's average scores are the published ones."""
    import numpy as np

    spec = making.study.index[part.index]
    if part.measure != AVERAGE or index.better or spec.summarise.population != "population":
        return False
    name = place.level.level.name
    told = [
        one
        for one in making.atlas.summaries.get(name, ())
        if (one.index, one.measure) == (part.index, AVERAGE)
    ]
    counted = np.nan_to_num(making.atlas.levels[index.facts.level].population)
    people = np.round(counted, DIGITS).astype(np.float64)
    if not told:
        return False
    got, want = averaged(index.facts.score[0], people, place), told[0].value[place.rows]
    size = max(1.0, float(np.nanmax(np.abs(want), initial=0.0)))
    return bool(np.allclose(got, want, rtol=0, atol=SAME * size, equal_nan=True))


def averaged(score: NDArray[np.float64], people: NDArray[np.float64], place: Place) -> NDArray[np.float64]:
    """Return the average score of the small areas inside each place, by people, as the browser works it out.

    Args:
        score: Scores of small areas, NaN for none.
        people: Their people.
        place: The places.
    """
    import numpy as np

    known = (place.inside >= 0) & ~np.isnan(score)
    n, inside, weight = len(place.rows), place.inside[known], people[known]
    over = np.bincount(inside, weights=score[known] * weight, minlength=n)
    under = np.bincount(inside, weights=weight, minlength=n)
    return np.asarray(np.divide(over, under, out=np.full(n, np.nan), where=under > 0))


def _group(making: Making, spec: GroupSpec, place: Place) -> dict[str, Any] | None:
    """Return caps and minimums by larger areas; None where groups are no larger areas of the atlas."""
    import numpy as np

    rows = place.level.parents.get(spec.by)
    above = making.atlas.levels.get(spec.by)
    if rows is None or above is None or not (rows[place.rows] >= 0).any():
        return None
    used, group = np.unique(rows[place.rows], return_inverse=True)
    first = int(used[0] < 0)  # places in none come first
    slots = {above.codes[row]: i for i, row in enumerate(used[first:])}
    if not {*spec.caps, *spec.minimums} <= set(slots):
        return None
    return {
        "by": spec.by,
        "one": spec.title or above.level.title,
        "names": [above.names[row] for row in used[first:]],
        "group": group.reshape(-1) - first,
        "pounds": spec.count == "pounds",
        "cap": spec.cap,
        "minimum": spec.minimum,
        "caps": [[slots[code], number] for code, number in spec.caps.items()],
        "minimums": [[slots[code], number] for code, number in spec.minimums.items()],
    }


def _packed(group: dict[str, Any]) -> dict[str, Any]:

    return {**group, "group": whole_of(group["group"])}


class _Walk:
    """The walk down the list under a round's stated rules, as the browser goes it.

    Args:
        spec: The round.
        n: How many places it has.
        groups: Caps and minimums by group.
    """

    def __init__(self, spec: RoundSpec, n: int, groups: list[dict[str, Any]]) -> None:
        self.award = spec.award.pounds or 0
        self.places = n if spec.places is None else spec.places
        self.pounds = self.award * n if spec.budget is None else spec.budget
        self.taken = [False] * n
        self.group = [one["group"].tolist() for one in groups]
        self.step = [self.award if one["pounds"] else 1 for one in groups]
        self.cap = [_numbers(one, "cap", inf) for one in groups]
        self.least = [_numbers(one, "minimum", 0) for one in groups]
        self.used = [[0] * len(one["names"]) for one in groups]

    def go(self, order: list[int], reserve: int | None = None) -> None:
        """Take what the rules allow; with `reserve` only places whose group in that grouping lacks its minimum.

        Args:
            order: Places, the greatest need first.
            reserve: A grouping, or None.
        """
        for i in order:
            if not self.places or self.award > self.pounds:
                return
            if self.taken[i] or not self._wanted(i, reserve):
                continue
            slots = [(k, group[i]) for k, group in enumerate(self.group) if group[i] >= 0]
            if any(self.used[k][g] + self.step[k] > self.cap[k][g] for k, g in slots):
                continue
            for k, g in slots:
                self.used[k][g] += self.step[k]
            self.taken[i] = True
            self.places -= 1
            self.pounds -= self.award

    def _wanted(self, i: int, reserve: int | None) -> bool:
        if reserve is None:
            return True
        g = self.group[reserve][i]
        return bool(g >= 0 and self.used[reserve][g] < self.least[reserve][g])


def walked(
    spec: RoundSpec,
    score: NDArray[np.float64],
    excluded: NDArray[np.bool_],
    must: NDArray[np.bool_],
    groups: list[dict[str, Any]],
) -> list[bool]:
    """Return which places the browser's walk down the list funds, under the stated rules.

    Args:
        spec: The round.
        score: Its measure, higher for more need, NaN for none.
        excluded: Places that cannot be funded.
        must: Places that must be.
        groups: Caps and minimums by group.
    """
    import numpy as np

    walk = _Walk(spec, len(score), groups)
    known = np.flatnonzero(~np.isnan(score) & ~excluded)
    order = known[np.argsort(-score[known], kind="stable")].tolist()
    walk.go(np.flatnonzero(must).tolist())
    # Finer groupings first, as the engine does: their reserved places count towards the minimums of coarser ones.
    for k in sorted(range(len(groups)), key=lambda k: (-len(walk.used[k]), k)):
        walk.go(order, reserve=k)
    walk.go(order)
    return walk.taken


def _numbers(group: dict[str, Any], what: str, none: float) -> list[Any]:
    """Return the cap or minimum of each group: that of all, and those of single ones."""
    every = none if group[what] is None else group[what]
    numbers = [every] * len(group["names"])
    for slot, number in group[f"{what}s"]:
        numbers[slot] = number
    return numbers
