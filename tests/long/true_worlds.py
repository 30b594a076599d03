"""Worlds whose truth is known, run through the real stage: are its intervals and probabilities what they say they are?

A world has areas in parents with true proportions (normal on the logit unless a design says otherwise); people are counted at random
(binomial); ``find_uncertainty`` sees the counts alone. *True* scores and ranks are those of the same index calculated, by the same
engine, on the true proportions without shrinking. Everything is a function of the design, the seed and the number of the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from wardmote import words
from wardmote.engine import compile_index, evaluate
from wardmote.methods.ranks import best_rank, last_rank
from wardmote.study import IndexSpec, UncertaintySpec
from wardmote.tables import empty, frame
from wardmote.uncertainty import find_uncertainty

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SEED, DRAWS, SHARE = 1973, 400, 0.1
COVERAGES = (0.5, 0.9, 0.95)
EDGES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Bins of told probabilities: tenths, finer at both ends, where most areas lie and where decisions do."""

SMALL, LARGE = (60, 500), (300, 3000)
"""Denominators, evenly spread in the logarithm: people of one age band or survey size; residents of English neighbourhoods."""


@dataclass(frozen=True)
class Design:
    """How a world is made and judged.

    Attributes:
        parents, each: Parents, and areas in each.
        people: Least and greatest denominator.
        rates: Typical proportion of each indicator.
        between, within: Standard deviation of true logits between parents, and between the areas of one.
        alike: Correlation of the indicators' true logits, between and within parents.
        pockets: Whether a tenth of the areas stand far out within their parents and the others lie close: not the normal
            distribution that shrinking assumes.
        shrunk: Whether the index shrinks.
        scale: How leaves are normalised; "goalposts" keeps proportions as they are, so that scores have true values too.
        group: Correlation of errors that the study states, 0 for none.
    """

    parents: int = 60
    each: int = 30
    people: tuple[int, int] = SMALL
    rates: tuple[float, ...] = (0.15,)
    between: float = 0.4
    within: float = 0.4
    alike: float = 0.0
    pockets: bool = False
    shrunk: bool = True
    scale: str = "goalposts"
    group: float = 0.0

    @property
    def areas(self) -> int:
        return self.parents * self.each

    @property
    def codes(self) -> list[str]:
        return [f"A{i:05d}" for i in range(self.areas)]

    @property
    def leaves(self) -> list[str]:
        return [f"rate{i}" for i in range(len(self.rates))]


FOUR, SEVEN = (0.15,) * 4, (0.15, 0.12, 0.2, 0.05, 0.02, 0.02, 0.01)
ALIKE = 0.6
"""Correlation of the domains of an index of deprivation, as a rule 0.4 to 0.8."""

DESIGNS: dict[str, Design] = {
    "one common rate, small areas": Design(),
    "one common rate, large areas": Design(people=LARGE),
    "one rare rate, small areas": Design(rates=(0.02,)),
    "one rare rate, large areas": Design(rates=(0.02,), people=LARGE),
    "one common rate, needy pockets": Design(pockets=True),
    "one common rate, 180 areas": Design(parents=6),
    "one common rate, six areas to a parent": Design(parents=300, each=6),
    "four unrelated rates, small areas": Design(rates=FOUR),
    "four related rates, small areas": Design(rates=FOUR, alike=ALIKE),
    "four related rates, large areas": Design(rates=FOUR, alike=ALIKE, people=LARGE),
    "four related rates, errors said to go together": Design(rates=FOUR, alike=ALIKE, group=0.15),
    "seven related rates, as in an index": Design(rates=SEVEN, alike=ALIKE, people=LARGE, scale="exponential"),
    "one common rate, small areas, not shrunk": Design(shrunk=False),
    "one common rate, large areas, not shrunk": Design(people=LARGE, shrunk=False),
    "one rare rate, small areas, not shrunk": Design(rates=(0.02,), shrunk=False),
    "one rare rate, large areas, not shrunk": Design(rates=(0.02,), people=LARGE, shrunk=False),
    "four related rates, small areas, not shrunk": Design(rates=FOUR, alike=ALIKE, shrunk=False),
    "seven related rates, as in an index, not shrunk": Design(
        rates=SEVEN, alike=ALIKE, people=LARGE, scale="exponential", shrunk=False
    ),
}  # fmt: skip


def worlds_of(design: Design) -> int:
    """Return how many worlds a design gets: 100, more where areas are few."""
    return min(400, 180_000 // design.areas)


def index_of(design: Design, *, shrunk: bool) -> IndexSpec:
    """Return the index; as truth sees it (not shrunk), or as the design has it."""
    limits = {"low": 0.0, "high": 1.0} if design.scale == "goalposts" else {}
    steps = [{"id": "shrink", "on": "leaves", "do": "shrink", "towards": "lad24"}] if shrunk else []
    return IndexSpec.model_validate(
        {
            "level": "lsoa21",
            "tree": [{"node": "top"}, *({"node": leaf, "parent": "top"} for leaf in design.leaves)],
            "steps": [
                *steps,
                {"id": "scale", "on": "leaves", "do": "normalise", "method": design.scale, **limits},
                {"id": "combine", "on": "top", "do": "aggregate", "method": "arithmetic"},
            ],
            # Each area is a larger area of its own, too: the stage then gives intervals of its score.
            "summarise": {"levels": ["own"], "measures": ["average score"]},
        }
    )


def true_proportions(design: Design, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return each area's parent, shape (n,), and true proportions, shape (leaves, n)."""
    k, n = len(design.rates), design.areas

    def departures(size: int) -> Floats:
        shared, own = rng.standard_normal(size), rng.standard_normal((k, size))
        return np.sqrt(design.alike) * shared + np.sqrt(1 - design.alike) * own

    parent = np.repeat(np.arange(design.parents), design.each)
    inside = departures(n)
    if design.pockets:
        inside = np.where(rng.random(n) < 0.1, 3 * np.abs(inside), 0.6 * inside)
    rates = np.array(design.rates)[:, None]
    z = (
        np.log(rates / (1 - rates))
        + design.between * departures(design.parents)[:, parent]
        + design.within * inside
    )
    return parent, 1 / (1 + np.exp(-z))


@dataclass(frozen=True)
class Seen:
    """One world after the stage has run; all arrays by area.

    Attributes:
        told: Told probability to be in the greatest-need tenth.
        came: Whether the area truly is.
        flag: Whether its published rank is in the tenth.
        rank_inside: Whether the true rank lies in the interval, by coverage.
        rank_width: Width of that interval, as a share of all areas.
        score_inside: The same for the true score; none where scores have no true value.
        slope: By how much the true score rises with the told one.
    """

    told: Floats
    came: Flags
    flag: Flags
    rank_inside: dict[float, Flags]
    rank_width: dict[float, Floats]
    score_inside: dict[float, Flags]
    slope: float


def see(design: Design, world: int) -> Seen:
    """Return one world, made, run through the stage and held against its truth."""
    rng = np.random.default_rng([SEED, world])
    parent, truth = true_proportions(design, rng)
    low, high = np.log(design.people[0]), np.log(design.people[1])
    people = np.round(np.exp(rng.uniform(low, high, design.areas)))
    counts = rng.binomial(people.astype(np.int64), truth).astype(np.float64)
    codes = design.codes
    found = _run(design, world, parent, people, counts)
    plan = compile_index(
        index_of(design, shrunk=False), index="truth", directions=dict.fromkeys(design.leaves, 1)
    )
    score = evaluate(plan, dict(zip(design.leaves, truth, strict=True))).score["top"]
    rank = best_rank(score)
    last = last_rank(SHARE, design.areas)
    inside, width, scores, slope = {}, {}, {}, float("nan")
    for coverage in COVERAGES:
        part = _rows(found.ranks, coverage, codes)
        ends = [part[name].to_numpy(np.float64) for name in ("rank_low", "rank_high")]
        inside[coverage] = (ends[0] <= rank) & (rank <= ends[1])
        width[coverage] = (ends[1] - ends[0]) / design.areas
        if design.scale == "goalposts":
            part = _rows(found.summary_ranks, coverage, codes)
            low_, middle, high_ = (
                part[f"value_{name}"].to_numpy(np.float64) for name in ("low", "median", "high")
            )
            scores[coverage] = (low_ <= score) & (score <= high_)
            slope = float(np.cov(middle, score)[0, 1] / np.var(middle, ddof=1))
    told = _rows(found.ranks, 0.9, codes)["p_greatest_need"].to_numpy(np.float64)
    published = (
        found.draws[found.draws["level"] == "lsoa21"]
        .set_index("area")
        .loc[codes, "rank"]
        .to_numpy(np.float64)
    )
    return Seen(told, rank <= last, published <= last, inside, width, scores, slope)


def _run(design: Design, world: int, parent: npt.NDArray[np.int64], people: Floats, counts: Floats) -> Any:
    """Return what the stage finds, from counts alone."""
    codes = design.codes
    n, leaves = design.areas, design.leaves
    values = {
        "indicator": np.repeat(leaves, n),
        "level": ["lsoa21"] * (n * len(leaves)),
        "area": codes * len(leaves),
        "period": ["2021"] * (n * len(leaves)),
        "value": (counts / people).reshape(-1),
        "numerator": counts.reshape(-1),
        "denominator": np.tile(people, len(leaves)),
    }
    memberships = {
        "level": ["lsoa21"] * (2 * n),
        "area": codes * 2,
        "parent_level": ["lad24"] * n + ["own"] * n,
        "parent": [*(f"L{i}" for i in parent), *codes],
        "weight": np.ones(2 * n),
    }
    indicators = {
        "indicator": leaves,
        "title": leaves,
        "direction": [1] * len(leaves),
        "source": ["s"] * len(leaves),
    }
    together = {"group": "people", "correlation": design.group} if design.group else {}
    factor = {"path": "values.leaves", "error": "binomial", **together}
    section = {"index": "one", "draws": DRAWS, "share": SHARE, "keep": 2, "factors": [factor]}
    return find_uncertainty(
        frame("areas", {"level": ["lsoa21"] * n, "area": codes, "population": people}),
        frame("memberships", memberships),
        frame("indicators", indicators),
        frame("values", values),
        empty("priorities"),
        spec=UncertaintySpec.model_validate(section),
        uncertainty="truth",
        indices={"one": index_of(design, shrunk=design.shrunk)},
        seed=world,
    )


def _rows(table: pd.DataFrame, coverage: float, codes: list[str]) -> pd.DataFrame:
    """Return the rows of one coverage, in the order of the areas."""
    some = table[(table["component"] == "sampling") & (table["coverage"] == coverage)]
    return some.set_index("area").loc[codes]


# --- judging ----------------------------------------------------------------------------------------------------------------


def bins_of(told: Floats) -> npt.NDArray[np.int64]:
    """Return each told probability's bin; each bin holds its lower edge, the last one its upper edge too."""
    return np.clip(np.searchsorted(EDGES, told, side="right") - 1, 0, len(EDGES) - 2)


def brier(told: Floats, came: Flags) -> dict[str, float]:
    """Return the Brier score and Murphy's parts of it: score = reliability − resolution + uncertainty + rest.

    *Reliability*: how far told probabilities lie from what came, bin by bin (0 is best). *Resolution*: how far what came in the
    bins lies from the average (more is better). *Uncertainty*: the score of telling everybody the average. *Rest*: what differs
    inside the bins; 0 where each holds one told probability only.

    Source: Murphy (1973), Journal of Applied Meteorology 12: 595–600.
    """
    at, size = bins_of(told), len(EDGES) - 1
    count = np.bincount(at, minlength=size)
    there = count > 0
    said = np.bincount(at, told, size)[there] / count[there]
    found = np.bincount(at, came, size)[there] / count[there]
    share, average = count[there] / len(told), came.mean()
    score = float(((told - came) ** 2).mean())
    parts = {
        "reliability": float((share * (said - found) ** 2).sum()),
        "resolution": float((share * (found - average) ** 2).sum()),
        "uncertainty": float(average * (1 - average)),
    }
    rest = score - parts["reliability"] + parts["resolution"] - parts["uncertainty"]
    return {"score": score, **parts, "rest": rest}


def reliability(told: Floats, came: Flags) -> list[dict[str, float]]:
    """Return for each bin of told probabilities how many areas it holds, what they were told on average, and what came."""
    at = bins_of(told)
    return [
        {
            "from": EDGES[b],
            "to": EDGES[b + 1],
            "areas": int((at == b).sum()),
            "told": round(float(told[at == b].mean()), 4),
            "found": round(float(came[at == b].mean()), 4),
        }
        for b in range(len(EDGES) - 1)
        if (at == b).any()
    ]


def by_word(told: Floats, came: Flags) -> dict[str, dict[str, float]]:
    """Return the same by the words that pages use."""
    named = np.array([words.sureness(float(p)) for p in told])
    return {
        word: {
            "areas": int((named == word).sum()),
            "told": round(float(told[named == word].mean()), 4),
            "found": round(float(came[named == word].mean()), 4),
        }
        for word in words.SURENESS
        if (named == word).any()
    }


def judge(design: Design, worlds: int) -> dict[str, Any]:
    """Return everything that is told of one design, from so many worlds."""
    seen = [see(design, world) for world in range(worlds)]
    told, came, flag = (
        np.concatenate([getattr(one, name) for one in seen]) for name in ("told", "came", "flag")
    )

    def covered(name: str) -> dict[str, dict[str, float]]:
        made = {}
        for coverage in COVERAGES:
            shares = [float(getattr(one, name)[coverage].mean()) for one in seen if getattr(one, name)]
            if shares:
                made[f"{coverage:g}"] = {
                    "covered": round(float(np.mean(shares)), 4),
                    "error": round(float(np.std(shares, ddof=1) / np.sqrt(len(shares))), 4),
                }
        return made

    return {
        "areas": design.areas,
        "worlds": worlds,
        "score": covered("score_inside"),
        "rank": covered("rank_inside"),
        "rank_width": round(float(np.mean([one.rank_width[0.9].mean() for one in seen])), 4),
        "slope": rounded(float(np.mean([one.slope for one in seen]))),
        "brier": {
            **{name: round(value, 5) for name, value in brier(told, came).items()},
            "flag": round(float((flag != came).mean()), 5),
            "average": round(float(((came.mean() - came) ** 2).mean()), 5),
        },
        "reliability": reliability(told, came),
        "words": by_word(told, came),
    }


def rounded(value: float) -> float | None:
    """Return a number to four digits, None for NaN: JSON has none."""
    return None if np.isnan(value) else round(value, 4)


def largest_gap(table: Sequence[dict[str, float]], least: int) -> float:
    """Return the largest difference between told and found among bins of at least so many areas."""
    return max(abs(row["told"] - row["found"]) for row in table if row["areas"] >= least)
