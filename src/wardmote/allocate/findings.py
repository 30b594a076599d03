"""What a round found, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wardmote import words
from wardmote.allocate.choice import Outcome
from wardmote.allocate.compare import Passed
from wardmote.allocate.fragile import Fragility
from wardmote.allocate.rules import Prepared
from wardmote.methods.awards import leftover
from wardmote.methods.choose import BUDGET, DECISIONS, EXCLUDED
from wardmote.methods.lottery import detectable_effect
from wardmote.tables import frame

if TYPE_CHECKING:
    import pandas as pd

NAMED = 8
"""Most places that a sentence names."""


def found(
    ready: Prepared,
    outcome: Outcome,
    firm: Fragility | None,
    passed: Passed,
    nouns: tuple[str, str],
) -> pd.DataFrame:
    """Return the table `findings` of a round.

    Args:
        ready: The round.
        outcome: What it decides.
        firm: How firm it is, or None.
        passed: What its rules passed over.
        nouns: How one place and several are called.
    """
    told: list[tuple[str, float, str]] = []
    title = ready.spec.title or ready.id
    told += _headline(ready, outcome, title, nouns)
    told += _published(ready, outcome)
    told += _passed(passed, nouns)
    told += _lots(ready, outcome, nouns)
    told += _firmness(ready, outcome, firm)
    told += _without(ready, passed)
    if passed.small is not None:
        areas, outside = passed.small_areas
        told.append(
            (
                f"Of {areas:,} {passed.noun} of greatest need {outside:,} lie outside funded places;"
                f" {words.people(passed.small[1])} live there",
                float(outside),
                "rule_comparison",
            )
        )
    if ready.spec.standing:
        told.append((words.sentence(ready.spec.standing), float("nan"), "decisions"))
    return frame(
        "findings",
        {
            "stage": ["allocate"] * len(told),
            "id": [ready.id] * len(told),
            "position": list(range(1, len(told) + 1)),
            "sentence": [words.sentence(text) for text, _, _ in told],
            "value": np.array([value for _, value, _ in told], dtype=np.float64),
            "source_table": [table for _, _, table in told],
        },
    )


Told = list[tuple[str, float, str]]


def _headline(ready: Prepared, outcome: Outcome, title: str, nouns: tuple[str, str]) -> Told:
    """Return how many are funded, with how much, and what is left."""
    funded = outcome.funded
    number = int(funded.sum())
    people = float(ready.universe.population[funded].sum())
    open_to = int((ready.rules.excluded_by() < 0).sum())
    spent = int(outcome.pounds.sum())
    money = f", with £{spent:,} in all" if spent else ""
    told: Told = [
        (
            f"{title}: {words.count(number, *nouns)} of {open_to:,} that are eligible {words.are(number)} funded{money};"
            f" {words.people(people)} live there",
            float(number),
            "decisions",
        )
    ]
    if outcome.left is not None and outcome.left == 0:
        told.append(("The budget is spent to the last pound", 0.0, "awards"))
    elif outcome.left is not None:
        allowed = outcome.choice.decided == BUDGET
        _, least = leftover(int(ready.rules.budget or 0), ready.rules.award, funded, allowed)
        why = (
            f", less than the smallest award that the rules would still allow (£{least:,})"
            if least is not None
            else ""
        )
        told.append((f"£{outcome.left:,} of the budget are left{why}", float(outcome.left), "awards"))
    if outcome.bound is not None and outcome.value is not None:
        own = float(np.nansum(outcome.value[funded]))
        gap = (outcome.bound - own) / own if own else 0.0
        told.append(
            (
                f"No choice under these rules can be worth more by over {words.percent(max(gap, 0.0), 4)} (certified)",
                gap,
                "decisions",
            )
        )
    return told


def _published(ready: Prepared, outcome: Outcome) -> Told:
    """Return how many of the published places are reproduced, and why each other one is not."""
    if ready.published is None:
        return []
    hit = ready.published & outcome.funded
    missed = np.flatnonzero(ready.published & ~outcome.funded)
    told: Told = [
        (
            f"These rules fund {int(hit.sum()):,} of the {int(ready.published.sum()):,} places that were published",
            float(hit.sum()),
            "decisions",
        )
    ]
    for i in missed.tolist():
        reason = DECISIONS[int(outcome.choice.decided[i])]
        rule = outcome.choice.reason(i, ready.rules)
        own = ready.universe.names[i]
        told.append(
            (
                f"Published, but not funded here: {own} ({ready.universe.code_list[i]}), {_miss(ready, outcome, i, rule or reason)}",
                float("nan"),
                "decisions",
            )
        )
    return told


def _miss(ready: Prepared, outcome: Outcome, i: int, reason: str) -> str:
    """Return why a published place is missed: which place takes its group's."""
    by = int(outcome.choice.by[i])
    if int(outcome.choice.decided[i]) == EXCLUDED or by < 0 or by >= len(ready.rules.groupings):
        return reason
    one = ready.rules.groupings[by]
    same = np.flatnonzero(outcome.funded & (one.group == one.group[i]))
    named = words.listed([ready.universe.names[j] for j in same.tolist()], NAMED)
    where = one.names[int(one.group[i])] if one.names else ""
    return f"since the {one.name} has reached its cap: by the look-up used it lies in {where}, where {named} stands before it"


def _passed(passed: Passed, nouns: tuple[str, str]) -> Told:
    """Return what the rules passed over."""
    number = int(passed.places.sum())
    if not number:
        return []
    return [
        (
            f"{words.count(number, *nouns)} {words.are(number)} not funded though {'its' if number == 1 else 'their'} need is greater"
            f" than that of the last place taken for its need alone: other rules stood against it;"
            f" {words.people(passed.people)} live there",
            float(number),
            "rule_comparison",
        )
    ]


def _lots(ready: Prepared, outcome: Outcome, nouns: tuple[str, str]) -> Told:
    """Return what the lottery is, how to replay it, and with what power effects could be found later."""
    lots = outcome.lots
    if lots is None:
        return []
    number, spec = int(lots.contested.sum()), ready.spec.lottery
    firm, places = int(lots.firm.sum()), lots.plan.places
    told: Told = [
        (
            f"{words.count(firm, *nouns)} {words.are(firm)} funded without lots; {words.count(places, 'place', 'places')} of the rest"
            f" {words.are(places)} drawn among {words.count(number, *nouns)} close to the line",
            float(number),
            "fragility",
        )
    ]
    if lots.seed:
        said = (
            f"Anyone can repeat the draw: its seed is {lots.seed}, the SHA-256 of the round's name, the public randomness"
            f" (“{spec.public}”) and the codes of the contested places, one a line"
        )
    else:
        said = f"Lots are still to be drawn, from randomness named beforehand: {spec.announced or 'not yet named'}"
    told.append((said, float("nan"), "fragility"))
    chance = lots.plan.probability
    if ((chance > 0) & (chance < 1)).sum() >= 2:
        effect = detectable_effect(chance, spec.deviation)
        told.append(
            (
                f"Comparing the drawn with the others later would probably (80%) find an effect of {words.figure(effect, 2)}"
                f" where the outcome's standard deviation is {words.figure(spec.deviation, 2)}",
                effect,
                "fragility",
            )
        )
    return told


def _firmness(ready: Prepared, outcome: Outcome, firm: Fragility | None) -> Told:
    """Return how many decisions are firm, and which stand on a knife's edge."""
    if firm is None:
        return [
            (
                "How firm the line is cannot be told: no worlds were drawn for this measure of need",
                float("nan"),
                "fragility",
            )
        ]
    funded, share = outcome.funded, firm.p_funded
    counts = [int((firm.standing == k).sum()) for k in range(2)]
    told: Told = [
        (
            f"In {firm.draws:,} drawn worlds the same rules fund {words.count(counts[0], 'place', 'places')} nearly always (at least 90%),"
            f" {words.count(counts[1], 'place is', 'places are')} contested, the rest are out",
            float(counts[1]),
            "fragility",
        ),
        (
            f"On average over the drawn worlds {words.figure(firm.replaced, 1)} of the funded places would be others; this list reaches"
            f" {words.percent(max(firm.regret, 0.0))} less need than lists made in knowledge of each world would",
            firm.replaced,
            "fragility",
        ),
    ]
    inside = np.flatnonzero(funded & (firm.standing < 2))
    outside = np.flatnonzero(~funded & (firm.standing == 1) & (ready.rules.excluded_by() < 0))
    if len(inside) and len(outside):
        weak, strong = int(inside[share[inside].argmin()]), int(outside[share[outside].argmax()])
        told.append(
            (
                f"The line is thinnest here: {ready.universe.names[weak]} is funded, as in {words.percent(share[weak])} of the worlds,"
                f" and {ready.universe.names[strong]} is not, though it is in {words.percent(share[strong])}",
                float(share[weak]),
                "fragility",
            )
        )
    return told


def _without(ready: Prepared, passed: Passed) -> Told:
    """Return how many awards hinge on each rule."""
    told: Told = []
    for title, changed, reproduced in passed.without:
        more = f"; of the published places {reproduced:,} would be funded" if reproduced >= 0 else ""
        told.append(
            (
                f"{title}: {words.count(changed, 'funded place', 'funded places')} would be other ones{more}"
                if changed
                else f"{title}: the same places would be funded{more}",
                float(changed),
                "rule_comparison",
            )
        )
    return told
