"""Sets of rules side by side: who gains and loses, who is reached, and the price of each rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wardmote import words
from wardmote.allocate.choice import Outcome, decide, worth
from wardmote.allocate.measure import measured, quantity
from wardmote.allocate.rules import Prepared
from wardmote.allocate.tables_in import Groups, Tables, places_of
from wardmote.errors import MethodError, Problem, StudyError
from wardmote.levels import nouns_of
from wardmote.methods.checks import BoolArray, FloatArray
from wardmote.methods.choose import MUST, RESERVED, Rules
from wardmote.methods.equity import concentration_index, efficient, reach
from wardmote.methods.ranks import greatest_need
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd

STATED = "stated"
"""Name of the round's own rules in the tables."""

FREE = "no cap and no list"
"""Name of the rules without caps, minimums, neighbours and lists of exclusions: need alone."""

FREE_TITLE = "by need alone, without the other rules"
"""What pages call them."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One set of rules and what it decides.

    Attributes:
        name: Its name in the table.
        title: What pages call it.
        ready: The round under these rules.
        outcome: What they decide.
        dropped: Whether it is the round without one of its rules.
    """

    name: str
    title: str
    ready: Prepared
    outcome: Outcome
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """What the rules of a round passed over.

    Attributes:
        places: Places in greater need than the last one funded by need, which are not funded, shape (n,).
        people: People who live there.
        without: For each rule left out, its title, how many places change, how many are then of the published list (−1 without one).
        small: People in small areas of greatest need in all, and outside funded places; None where no such level is stated.
        small_areas: Those areas in all, and outside.
        noun: What small areas are called.
    """

    places: BoolArray
    people: float
    without: tuple[tuple[str, int, int], ...]
    small: tuple[float, float] | None
    small_areas: tuple[int, int]
    noun: str


def compared(
    tables: Tables, ready: Prepared, outcome: Outcome, beside: Mapping[str, tuple[Prepared, Outcome]]
) -> tuple[pd.DataFrame, Passed]:
    """Return the table `rule_comparison` of a round and what its rules passed over.

    Args:
        tables: The tables.
        ready: The round.
        outcome: What it decides.
        beside: Other rounds with what they decide.
    """
    own = RuleSet(STATED, ready.spec.title or ready.id, ready, outcome)
    sets = [own, *(RuleSet(name, two[0].spec.title or name, *two) for name, two in beside.items())]
    sets += _without(tables, ready)
    groups = [found for by in ready.spec.show_by if (found := tables.grouped(ready.universe, by)) is not None]
    small = _small(tables, ready)
    rows: list[tuple[str, str, float, str, str, str, str | None]] = []
    for one in sets:
        for measure, value, unit, topic, sentence in _measures(tables, one, own, groups, small):
            rows.append((one.name, measure, value, unit, topic, one.title, sentence))
    rows += _frontier(rows, [one for one in sets if one.ready.universe.level == ready.universe.level])
    columns = ("rules", "measure", "value", "unit", "topic", "title", "sentence")
    table = {name: [row[k] for row in rows] for k, name in enumerate(columns)}
    passed = _passed_over(own)
    people = float(np.nansum(ready.universe.population[passed]))
    without = tuple(
        (one.title, int((one.outcome.funded & ~outcome.funded).sum()), _reproduced(one))
        for one in sets
        if one.dropped
    )
    total, inside, areas, areas_in, noun = small.split(outcome.funded) if small else (0.0, 0.0, 0, 0, "")
    return (
        frame("rule_comparison", {"round": [ready.id] * len(rows), **table}),
        Passed(
            passed,
            people,
            without,
            (total, total - inside) if small else None,
            (areas, areas - areas_in),
            noun,
        ),
    )


def _without(tables: Tables, ready: Prepared) -> list[RuleSet]:
    """Return the round without each of its rules in turn, and without all of them."""
    rules, found = ready.rules, []
    listed = len(ready.spec.exclude)
    first = next(
        (k for k, (name, _) in enumerate(rules.exclusions) if listed and name == _title(ready, 0)), 0
    )
    for k, one in enumerate(rules.groupings):
        said = (
            "the cap" if one.minimum is None else "the minimums" if one.cap is None else "caps and minimums"
        )
        left = tuple(other for j, other in enumerate(rules.groupings) if j != k)
        found.append((f"without {said} by {one.name}", replace(rules, groupings=left)))
    for k, (name, _) in enumerate(rules.exclusions):
        left_lists = tuple(pair for j, pair in enumerate(rules.exclusions) if j != k)
        found.append((f"without the rule “{name}”", replace(rules, exclusions=left_lists)))
    if rules.neighbours is not None:
        found.append(("with neighbours allowed", replace(rules, neighbours=None)))
    if rules.must is not None:
        found.append(("without required places", replace(rules, must=None)))
    if len(found) > 1:
        kept = tuple(pair for k, pair in enumerate(rules.exclusions) if not first <= k < first + listed)
        found.append((FREE, replace(rules, groupings=(), exclusions=kept, neighbours=None, must=None)))
    made = [under for title, changed in found if (under := _under(tables, ready, title, changed)) is not None]
    return made + _aversions(tables, ready)


AVERSIONS = (0.0, 0.5, 1.0, 1.3, 2.0)
"""Aversions to inequality that a best set is tried with: none, mild, one, the Green Book's 1.3, strong."""


def _aversions(tables: Tables, ready: Prepared) -> list[RuleSet]:
    """Return the best set under other aversions to inequality: the frontier between equity and need reached."""
    spec = ready.spec
    if spec.choose != "optimal" or spec.objective.equity == "none" or spec.objective.parts:
        return []
    found = []
    for aversion in AVERSIONS:
        if aversion == spec.objective.aversion:
            continue
        aim = spec.objective.model_copy(update={"aversion": aversion})
        changed = replace(ready, spec=spec.model_copy(update={"objective": aim}))
        name = f"with an aversion of {aversion:g}"
        found.append(RuleSet(name, name.capitalize(), changed, decide(tables, changed)))
    return found


def _title(ready: Prepared, k: int) -> str:
    return ready.spec.exclude[k].title or f"list {k + 1}"


def _under(tables: Tables, ready: Prepared, title: str, rules: Rules) -> RuleSet | None:
    """Return the round under changed rules; None where they cannot be met. Lots are not drawn anew: the list decides."""
    update = {"choose": "ranked"} if ready.spec.choose == "lottery" else {}
    changed = replace(
        ready,
        rules=rules,
        spec=ready.spec.model_copy(update=update),
        groups=ready.groups[: len(rules.groupings)],
    )
    try:
        outcome = decide(tables, changed)
    except MethodError:
        return None
    told = FREE_TITLE if title == FREE else title
    return RuleSet(title, told[:1].upper() + told[1:], changed, outcome, dropped=True)


@dataclass(frozen=True, slots=True)
class _Small:
    """Small areas of greatest need: their people and the place that each lies in."""

    top: BoolArray
    people: FloatArray
    inside: np.ndarray
    noun: str

    def split(self, funded: BoolArray) -> tuple[float, float, int, int, str]:
        """Return people and areas of greatest need, in all and inside funded places, and what they are called."""
        within = self.top & (self.inside >= 0) & funded[np.maximum(self.inside, 0)]
        return (
            float(np.nansum(self.people[self.top])), float(np.nansum(self.people[within])),
            int(self.top.sum()), int(within.sum()), self.noun,
        )  # fmt: skip


def _small(tables: Tables, ready: Prepared) -> _Small | None:
    """Return the small areas of greatest need by the same measure at a smaller level."""
    spec = ready.spec
    if not spec.small or spec.small == spec.level:
        return None
    universe = tables.universe(spec.small, spec.starting)
    problems: list[Problem] = []
    need = measured(tables, universe, spec, ready.where, problems)
    if problems or not universe.n:
        raise StudyError(
            problems or [Problem(f"{ready.where}.small", "there are no areas of that level", spec.small)]
        )
    top = greatest_need(need.rank, int((~np.isnan(need.rank)).sum()), spec.share)
    inside = tables.parents_among(universe, ready.universe)
    return _Small(top, universe.population, inside, nouns_of(spec.small, tables.levels)[1])


def _passed_over(one: RuleSet) -> BoolArray:
    """Return which places are in greater need than the last one funded by need (not by a minimum, nor required), and are not funded."""
    order, funded = one.ready.order, one.outcome.funded
    by_need = funded & ~np.isin(one.outcome.choice.decided, (MUST, RESERVED))
    last = np.nanmin(order[by_need]) if by_need.any() else np.inf
    return np.asarray(~funded & (order > last))


def _reproduced(one: RuleSet) -> int:
    """Return how many places of the published list these rules fund; −1 where there is no list."""
    listed = one.ready.published
    return -1 if listed is None else int((one.outcome.funded & listed).sum())


Row = tuple[str, float, str, str, str | None]
"""Measure, value, unit, topic, sentence."""


def _measures(
    tables: Tables, one: RuleSet, own: RuleSet, groups: list[Groups], small: _Small | None
) -> Iterator[Row]:
    """Yield what one set of rules reaches."""
    ready, outcome, funded = one.ready, one.outcome, one.outcome.funded
    people = ready.universe.population
    # One yardstick for all: the round's own measure of need and share, where the places are the same.
    yard = own.ready if ready.universe.level == own.ready.universe.level and ready.n == own.ready.n else ready
    top = greatest_need(yard.need.rank, int((~np.isnan(yard.need.rank)).sum()), yard.spec.share)
    reached = reach(funded, people, top, outcome.pounds)
    tenth = words.share_of(own.ready.spec.share)
    yield "places", float(funded.sum()), "places", "reach", None
    yield "pounds", float(reached.pounds), "pounds", "reach", None
    yield "people in funded places", reached.people, "people", "reach", None
    yield f"people of the greatest-need {tenth} reached", reached.greatest_need, "people", "reach", None
    if reached.greatest_need_all:
        share = reached.greatest_need / reached.greatest_need_all
        yield f"share of the greatest-need {tenth} reached", share, "share", "reach", None
    if reached.greatest_need and reached.pounds:
        each = reached.pounds / reached.greatest_need
        yield "pounds for each of them", each, "pounds", "reach", None
    yield "concentration on greater need", _concentration(one, yard), "index", "reach", None
    passed = _passed_over(one)
    yield "places of greater need passed over", float(passed.sum()), "places", "reach", None
    yield "people in places passed over", float(np.nansum(people[passed])), "people", "reach", None
    if _reproduced(one) >= 0:
        yield "published places reproduced", float(_reproduced(one)), "places", "published", None
    if small is not None and ready.universe.level == own.ready.universe.level:
        _, inside, _, areas_in, noun = small.split(funded)
        yield (
            f"people in {noun} of greatest need in funded places",
            inside,
            "people",
            "fit of the level",
            None,
        )
        yield f"{noun} of greatest need in funded places", float(areas_in), "areas", "fit of the level", None
    if one is not own and ready.universe.level == own.ready.universe.level:
        yield from _beside(one, own)
    if ready.universe.level == own.ready.universe.level:
        for group in groups:
            yield from _by_group(one, group)
        yield from _equality(tables, one)


def _concentration(one: RuleSet, yard: Prepared) -> float:
    """Return how far pounds a head (or places, where no award is stated) are concentrated on greater need."""
    people = one.ready.universe.population
    amount = one.outcome.pounds if one.outcome.pounds.any() else one.outcome.funded.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        head = np.where(people > 0, amount / people if one.outcome.pounds.any() else amount, 0.0)
    try:
        return concentration_index(head, yard.need.score, people)
    except MethodError:
        return float("nan")


def _beside(one: RuleSet, own: RuleSet) -> Iterator[Row]:
    """Yield who gains and who loses beside the round's own rules."""
    codes = places_of(one.ready.universe.codes, own.ready.universe.codes)
    mine = np.where(codes >= 0, own.outcome.funded[np.maximum(codes, 0)], False)
    gains, loses = one.outcome.funded & ~mine, mine & ~one.outcome.funded
    people = one.ready.universe.population
    gained, lost = float(np.nansum(people[gains])), float(np.nansum(people[loses]))
    told = (
        f"{one.title}: {words.count(gains.sum(), 'other place', 'other places')} would be funded, where {words.people(gained)} live, "
        f"and {words.count(loses.sum(), 'place', 'places')} would not, where {words.people(lost)} live."
    )
    yield "places that gain", float(gains.sum()), "places", "change", told
    yield "places that lose", float(loses.sum()), "places", "change", None
    yield "people in places that gain", gained, "people", "change", None
    yield "people in places that lose", lost, "people", "change", None
    own_need, new_need = (float(np.nansum(worth(x.ready)[x.outcome.funded])) for x in (own, one))
    if own_need:
        yield "need reached beside the stated rules", new_need / own_need, "ratio", "change", None


def _by_group(one: RuleSet, group: Groups) -> Iterator[Row]:
    """Yield places, people and pounds by group."""
    funded, people = one.outcome.funded, np.nan_to_num(one.ready.universe.population)
    for g, name in enumerate(group.names):
        inside = group.group == g
        topic = f"by {group.title}"
        yield f"places, {group.by}: {name}", float((funded & inside).sum()), "places", topic, None
        yield f"people, {group.by}: {name}", float(people[funded & inside].sum()), "people", topic, None
        yield f"all people, {group.by}: {name}", float(people[inside].sum()), "people", topic, None
        yield f"pounds, {group.by}: {name}", float(one.outcome.pounds[inside].sum()), "pounds", topic, None


def _equality(tables: Tables, one: RuleSet) -> Iterator[Row]:
    """Yield the equality impact: of each group of people, how many live in funded places."""
    titles = dict(zip(tables.indicators["indicator"], tables.indicators["title"], strict=True))
    for name in one.ready.spec.groups_of_people:
        counts = quantity(tables, one.ready.universe, one.ready.need, name)
        if counts is None:
            raise StudyError(
                Problem(
                    f"{one.ready.where}.groups_of_people",
                    f"there are no counts at {one.ready.universe.level}",
                    name,
                    remedy='Carry them there with a [conversion.…], measure = "sum".',
                )
            )
        title = titles.get(name) or name
        total, inside = float(np.nansum(counts)), float(np.nansum(counts[one.outcome.funded]))
        yield f"people in funded places: {title}", inside, "people", "equality", None
        if total:
            yield f"share of all: {title}", inside / total, "share", "equality", None


def _frontier(
    rows: list[tuple[str, str, float, str, str, str, str | None]], sets: list[RuleSet]
) -> list[tuple[str, str, float, str, str, str, str | None]]:
    """Return which sets of rules no other beats in both reach and evenness: greatest need reached, least-reached group."""
    if len(sets) < 2:
        return []
    points = []
    for one in sets:
        mine = {measure: value for name, measure, value, *_ in rows if name == one.name}
        reached = next(
            (value for key, value in mine.items() if key.startswith("share of the greatest-need")), np.nan
        )
        spread = [
            value / mine[f"all {key}"]
            for key, value in mine.items()
            if key.startswith("people, ") and mine.get(f"all {key}")
        ]
        points.append((reached, min(spread) if spread else np.nan))
    if np.isnan(np.array(points)).any():
        return []
    on = efficient(np.array(points))
    return [
        (one.name, measure, value, "share" if k else "1 or 0", "frontier", one.title, None)
        for (one, flag, point) in zip(sets, on.tolist(), points, strict=True)
        for k, (measure, value) in enumerate(
            [
                ("on the frontier of need reached and evenness", float(flag)),
                ("share of people reached in the least-reached group", point[1]),
            ]
        )
    ]
