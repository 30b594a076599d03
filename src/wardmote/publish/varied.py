"""What was varied to see how sure an index is, in plain words: choices of method, chance in the figures, and what stays outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.page import Gathering
from wardmote.publish.strings import STRINGS, say
from wardmote.publish.telling import told_on
from wardmote.study import (
    AggregateStep,
    ImputeStep,
    IndexSpec,
    NormaliseStep,
    Step,
    TreatStep,
    WeighStep,
)
from wardmote.study.doubt import FactorSpec, UncertaintySpec

SHIFT = "mean rank shift"
"""The output of `sensitivity` that speaks of all areas together."""


@dataclass(frozen=True, slots=True)
class Varied:
    """What was varied in one index.

    Attributes:
        title: The index.
        choices: Choices of method, one sentence each.
        chance: Chance in the figures, one sentence each.
        drivers: For each factor its title and its shares of how far ranks move: by itself, and with its interactions.
    """

    title: str
    choices: tuple[str, ...]
    chance: tuple[str, ...]
    drivers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """One section of the study that asks how sure indices are.

    Attributes:
        draws: How many draws of each kind.
        indices: What was varied, index by index.
        limits: What the intervals leave out, as it was found.
    """

    draws: int
    indices: tuple[Varied, ...]
    limits: tuple[str, ...]


def tried_of(found: Gathering) -> tuple[Tried, ...]:
    """Return what was varied in each section of the study that has run.

    Args:
        found: The tables of the study.
    """
    factors = found.read("factors")
    told = found.read("findings")
    told = told[(told["stage"] == "uncertainty") & (told["source_table"] == "factors")]
    return tuple(
        Tried(
            spec.draws,
            tuple(_varied(found, spec, index) for index in spec.indices),
            tuple(told[told["id"] == id_].sort_values("position")["sentence"]),
        )
        for id_, spec in found.study.uncertainty.items()
        if factors["index"].isin(spec.indices).any()
    )


def _varied(found: Gathering, spec: UncertaintySpec, id_: str) -> Varied:
    """Return what was varied in one index: the factors that the run found in it."""
    index = found.study.index[id_]
    table = found.read("factors")
    rows = {row["factor"]: row for row in table[table["index"] == id_].to_dict("records")}
    titles = _titles(found, id_)
    choices: list[str] = []
    chance: list[str] = []
    for factor in spec.factors:
        if factor.path in rows and factor.index in ("", id_):
            sentence = words.sentence(told_factor(factor, index, titles))
            (chance if rows[factor.path]["component"] == "sampling" else choices).append(sentence)
    named = {path: str(row["title"]) for path, row in rows.items()}
    return Varied(index.title or id_, tuple(choices), tuple(chance), _drivers(found, id_, named))


def _titles(found: Gathering, id_: str) -> dict[str, str]:
    """Return what the nodes of an index are called, by their own names and by those of their indicators."""
    nodes = found.read("nodes")
    nodes = nodes[nodes["index"] == id_]
    titles = dict(zip(nodes["indicator"].fillna(""), nodes["title"], strict=True))
    return titles | dict(zip(nodes["node"], nodes["title"], strict=True))


def told_factor(factor: FactorSpec, index: IndexSpec, titles: Mapping[str, str]) -> str:
    """Return what one factor varies and how.

    Args:
        factor: The factor.
        index: The index that it varies.
        titles: Titles of nodes, by node and by indicator.
    """
    kind, _, rest = factor.path.partition(".")
    root = next((node.node for node in index.tree if not node.parent), "")
    if kind == "steps":
        id_, _, field = rest.partition(".")
        step = next((step for step in index.steps if step.id == id_), None)
        return _told_choice(factor, step, told_on(step.on, titles, root), field) if step else factor.title
    who = told_on(rest, titles, root)
    if kind == "leave_out":
        share = factor.p if isinstance(factor.p, float) else 0.0
        return say("method", "varied_left", who=who, share=speech.percent(share))
    if kind == "values":
        said = say(
            "method",
            f"varied_{factor.error}",
            who=who,
            coverage=speech.percent(factor.coverage),
            sd=f"{factor.sd or 0:g}",
        )
        return f"{said}. {STRINGS['method']['varied_approximate']}" if factor.approximate else said
    if factor.between:
        return say("method", "varied_between", who=who, first=factor.between[0], second=factor.between[1])
    if factor.concentration is not None:
        return say("method", "varied_tight", who=who, number=f"{factor.concentration:g}")
    return say("method", "varied_spread", who=who, share=speech.percent(factor.spread or 0.0))


def _told_choice(factor: FactorSpec, step: Step, who: str, field: str) -> str:
    """Return between what a step, or one of its settings, is chosen."""
    given = [one if isinstance(one, dict) else {field: one} for one in factor.choices]
    methods = [str(one.get("method", "")) for one in given]
    section = {
        NormaliseStep: "normalise",
        AggregateStep: "aggregate",
        WeighStep: "weigh",
        TreatStep: "treat",
        ImputeStep: "impute",
    }.get(type(step), "")
    if section not in ("normalise", "aggregate", "weigh") or not all(
        one in STRINGS[section].english for one in methods
    ):
        items = "; ".join(_plain(one) for one in given)
        return say("method", "varied_choice", who=who, title=factor.title or field, items=items)
    marks = {"reference": getattr(step, "reference", ""), "source": getattr(step, "source", "")}
    told = [say(section, method, **marks) for method in dict.fromkeys(methods)]
    what = told[0]
    for one in told[1:]:
        what = say("method", "varied_or", first=what, second=one)
    return say("steps", section, who=who, what=what)


def _plain(choice: Mapping[str, Any]) -> str:
    """Return the settings of a choice as the study gives them."""
    return ", ".join(f"{name} {value}" if len(choice) > 1 else f"{value}" for name, value in choice.items())


def _drivers(found: Gathering, id_: str, titles: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return how much of the movement of ranks each factor drives, as far as that was worked out."""
    table = found.read("sensitivity")
    rows = table[(table["index"] == id_) & (table["output"] == SHIFT)].to_dict("records")
    return tuple(
        (titles.get(row["factor"], row["factor"]), _share(row, "first"), _share(row, "total")) for row in rows
    )


def _share(row: Mapping[Any, Any], which: str) -> str:
    """Return a share with its interval; estimates may fall a little outside 0 and 1, where no share can be."""
    values = [float(row[f"{which}_{end}"]) for end in ("order", "low", "high")]
    if any(isnan(value) for value in values):
        return speech.figure(float("nan"))
    share, low, high = (speech.percent(min(max(value, 0.0), 1.0)) for value in values)
    return say("method", "varied_share", share=share, low=low, high=high)
