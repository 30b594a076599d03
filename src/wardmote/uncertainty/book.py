"""One index as it is drawn: what came of each pass becomes rows, and is let go."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wardmote.engine import Plan
from wardmote.methods.checks import FloatArray
from wardmote.methods.larger import LargerAreas
from wardmote.methods.quantiles import RankArray, draw_ranks, share_within
from wardmote.methods.ranks import best_rank, last_rank
from wardmote.study import UncertaintySpec
from wardmote.uncertainty.build import Prepared
from wardmote.uncertainty.results import Place, column_of, inside_bits, interval_rows
from wardmote.uncertainty.worlds import FEW, THREADS, Drawn, room_for_ranks

SCORE = "average score"
"""The one summary that is made of scores, not of ranks."""


class Summaries:
    """Turns what was drawn of small areas into values of larger ones.

    Average scores are made while drawing, since scores are not kept; the other summaries are made of the ranks that are.

    Args:
        prepared: The index.
        spec: The section: which measures.
    """

    def __init__(self, prepared: Prepared, spec: UncertaintySpec) -> None:
        inputs, index = prepared.built.inputs, prepared.spec
        score = prepared.built.evaluation.score[prepared.built.plan.root]
        known = ~np.isnan(score)
        limit = last_rank(spec.share, int(known.sum()))
        people = np.nan_to_num(inputs.columns.get(index.summarise.population, inputs.population), nan=0.0)
        self.asked = {level: spec.measures_at(level) for level in index.summarise.levels}
        self._levels = {
            level: LargerAreas(known, people, inputs.groups[level], len(inputs.parents[level]), limit=limit)
            for level, measures in self.asked.items()
            if measures
        }

    def __call__(self, scores: FloatArray, ranks: Any) -> dict[tuple[str, str], FloatArray]:
        """Return the average scores of larger areas, (draws, areas), by level and measure."""
        return {
            (level, SCORE): larger.average_score(scores)
            for level, larger in self._levels.items()
            if SCORE in self.asked[level]
        }

    def of_ranks(self, level: str, measure: str, ranks: RankArray) -> FloatArray:
        """Return the values of another summary, (draws, areas); they rise with need."""
        return self._levels[level].of_ranks(ranks, measure.replace(" ", "_"))


def own_place(prepared: Prepared) -> Place:
    """Return the index's own areas.

    Args:
        prepared: The index.
    """
    inputs, plan = prepared.built.inputs, prepared.built.plan
    score = prepared.built.evaluation.score[plan.root]
    return Place(inputs.level, inputs.codes, "", best_rank(score, descending=plan.higher == "need"))


def larger_places(prepared: Prepared, summaries: Summaries, nominal_ranks: FloatArray) -> list[Place]:
    """Return the larger areas of an index, by level and measure.

    Args:
        prepared: The index.
        summaries: How they are summarised.
        nominal_ranks: Ranks of the small areas without any uncertainty.
    """
    plan, inputs = prepared.built.plan, prepared.built.inputs
    score = prepared.built.evaluation.score[plan.root]
    ranks = np.nan_to_num(nominal_ranks, nan=0.0).astype(np.int32)[None]
    means = summaries(score[None], ranks)
    places = []
    for level, measures in summaries.asked.items():
        for measure in measures:
            value = means[level, SCORE] if measure == SCORE else summaries.of_ranks(level, measure, ranks)
            nominal = best_rank(value[0], descending=not _falls(plan, measure))
            places.append(Place(level, inputs.parents[level], measure, nominal))
    return places


def _falls(plan: Plan, measure: str) -> bool:
    """Return whether a summary falls with need: average scores of an index in which higher is better."""
    return measure == SCORE and plan.higher == "better"


def _placed(values: FloatArray, *, falls: bool) -> RankArray:
    """Return ranks of larger areas in each draw, made a few draws at a time; 1 = greatest need."""
    placed = room_for_ranks(*values.shape)
    for start in range(0, len(values), FEW):
        some = values[start : start + FEW]
        placed[start : start + FEW] = draw_ranks(-some if falls else some)
    return placed


@dataclass(frozen=True, slots=True)
class Told:
    """Which component is being told: its name, its turn among the components, and whether nothing else varies."""

    component: str
    turn: int
    alone: bool


class Book:
    """Turns the draws of one index into rows, component by component, so that ranks of no more than one pass are ever held.

    Args:
        name: The index.
        prepared: The same, ready to be drawn.
        spec: The section.
        components: Components that any index of the section has.

    Attributes:
        own: Its own areas.
        larger: Its larger areas, by level and measure.
        shares: In what share of the draws of each component each of its own areas is in the greatest-need share.
    """

    def __init__(
        self, name: str, prepared: Prepared, spec: UncertaintySpec, components: Collection[str]
    ) -> None:
        self.name, self.prepared, self.spec, self.components = name, prepared, spec, components
        self.summaries = Summaries(prepared, spec)
        self.own = own_place(prepared)
        self.larger = larger_places(prepared, self.summaries, self.own.nominal)
        self.shares: dict[str, FloatArray] = {}
        self._rows: dict[tuple[int, int], dict[str, Any]] = {}
        self._bits: dict[tuple[int, str], Any] = {}
        self._kept: dict[int, RankArray] = {}

    def take(self, drawn: Drawn, *, alone: bool) -> None:
        """Add the rows of some components, and let go of what was drawn. Returns nothing.

        Args:
            drawn: What was drawn.
            alone: Whether its only component is all that varies, so that it is "both" as well.
        """
        for component in list(drawn.ranks):
            ranks = drawn.ranks.pop(component)
            means = {
                key[1:]: drawn.summaries.pop(key) for key in list(drawn.summaries) if key[0] == component
            }
            self.shares[component] = share_within(ranks, self.own.limit(self.spec.share))
            # Sorting leaves Python free. One summary of larger areas at a time: values take four times the memory of ranks.
            with ThreadPoolExecutor(THREADS) as pool:
                told = Told(component, len(self.shares), alone)
                first = pool.submit(self._add, 0, ranks, None, told)
                for position, place in enumerate(self.larger, start=1):
                    key = place.level, place.measure
                    values = means.pop(key, None)
                    if values is None:
                        values = self.summaries.of_ranks(*key, ranks)
                    placed = _placed(values, falls=_falls(self.prepared.built.plan, place.measure))
                    self._add(position, placed, values, told)
                first.result()

    def _add(self, position: int, ranks: RankArray, values: FloatArray | None, told: Told) -> None:
        """Add what one component says of the areas of one level."""
        place = self.larger[position - 1] if position else self.own
        rows = interval_rows(self.name, place, told.component, ranks, values, share=self.spec.share)
        if place.measure == SCORE and told.component != "sampling" and self._scales_differ():
            # Points of one scale and of another are no interval of anything; their ranks are.
            rows |= {name: np.full(len(rows[name]), np.nan) for name in rows if name.startswith("value_")}
        self._rows[position, told.turn] = rows
        if told.alone:
            again = {**rows, "component": column_of("both", len(rows["component"]))}
            self._rows[position, told.turn + 1] = again
        if position and place.measure != self.spec.measures_at(place.level)[0]:
            return
        bits = inside_bits(ranks, place.limit(self.spec.share))
        for name in (told.component, "both") if told.alone else (told.component,):
            self._bits[position, name] = bits
            if name == "both":
                self._kept[position] = ranks[: self.spec.keep].copy()

    def _scales_differ(self) -> bool:
        """Return whether choices put scores on several scales: those of how nodes are normalised or put together."""
        kinds = {step.id: step.do for step in self.prepared.spec.steps}
        return any(
            kinds[target.step] in ("normalise", "aggregate") for target in self.prepared.worlds.choices
        )

    def rank_rows(self) -> list[dict[str, Any]]:
        """Return the rows of `ranks`, as columns."""
        return [self._rows[key] for key in sorted(self._rows) if key[0] == 0]

    def summary_rows(self) -> list[dict[str, Any]]:
        """Return the rows of `summary_ranks`, as columns."""
        return [self._rows[key] for key in sorted(self._rows) if key[0] > 0]

    def draws_rows(self, larger: bool) -> list[dict[str, Any]]:
        """Return the rows of `draws` of larger areas, or of the index's own, as columns: ranks of "both", flags of all components."""
        places = [self.own, *self.larger]
        return [
            self._draws_of(at, places[at], kept)
            for at, kept in sorted(self._kept.items())
            if larger == (at > 0)
        ]

    def _draws_of(self, position: int, place: Place, kept: RankArray) -> dict[str, Any]:
        """Return the rows of `draws` of one level."""
        ranks = np.ascontiguousarray(kept.T).astype(np.int32, copy=False)
        n, draws = ranks.shape
        offsets = pa.array(np.arange(0, n * draws + 1, draws, dtype=np.int32))
        columns = {
            "index": column_of(self.name, n),
            "level": column_of(place.level, n),
            "area": place.codes,
            "ranks": pa.ListArray.from_arrays(offsets, pa.array(ranks.reshape(-1))),
            "rank": place.nominal,
            "measure": pa.array([place.measure or None] * n, pa.string()),
            "share": np.full(n, self.spec.share),
            "draws": np.full(n, self.spec.draws),
        }
        for component in ("both", "sampling", "method"):
            if component == "both" or component in self.components:
                columns[f"inside_{component}"] = self._flags(position, place, component)
        return columns

    def _flags(self, position: int, place: Place, component: str) -> Any:
        """Return packed flags of one component; of an index without it, what it is in every draw."""
        found = self._bits.get((position, component))
        if found is not None:
            return found
        inside = (place.nominal <= place.limit(self.spec.share)).astype(np.uint16)
        return inside_bits(np.repeat(inside[None], self.spec.draws, axis=0), 1)
