"""The choice itself: down the list, the best set, or lots at the line; and what each funded place receives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wardmote.allocate.measure import quantity
from wardmote.allocate.rules import Prepared
from wardmote.allocate.tables_in import Tables
from wardmote.errors import MethodError, Problem
from wardmote.methods.awards import shared_awards, tranches
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import (
    BELOW,
    CHOSEN,
    EXCLUDED,
    MUST,
    NO_NEED,
    NOT_BEST,
    RESERVED,
    Choice,
    Rules,
    group_sums,
    ranked,
)
from wardmote.methods.conflict import conflict
from wardmote.methods.equity import atkinson_weights, kolm_weights
from wardmote.methods.lottery import Design, design, draw_public, seed_for
from wardmote.methods.optimal import max_min, optimal
from wardmote.methods.ranks import greatest_need


@dataclass(frozen=True, slots=True)
class Lots:
    """A lottery at the line.

    Attributes:
        contested: Places among which lots are drawn, shape (n,).
        firm: Places funded without lots, shape (n,).
        plan: The design; chances are of the contested places in ascending order of code.
        seed: The seed of the public draw, or "" while the randomness is not known.
        drawn: Drawn or not, shape (n,), or None before the draw.
    """

    contested: BoolArray
    firm: BoolArray
    plan: Design
    seed: str
    drawn: BoolArray | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round decides.

    Attributes:
        choice: Which places are funded and what decided each.
        pounds: The award of each, whole pounds, 0 where not funded.
        left: Pounds of the budget left, or None without one.
        value: What funding each place is worth to the best choice, or None elsewhere.
        bound: What no choice under the rules could pass, in that unit, or None.
        lots: The lottery, or None.
    """

    choice: Choice
    pounds: IntArray
    left: int | None
    value: FloatArray | None = None
    bound: float | None = None
    lots: Lots | None = None

    @property
    def funded(self) -> BoolArray:
        """Return which places are funded, shape (n,); before a public draw only the firm ones."""
        return self.choice.chosen


def decide(tables: Tables, ready: Prepared, p_funded: FloatArray | None = None) -> Outcome:
    """Return the choice under a round's rules.

    Args:
        tables: The tables, for what awards follow.
        ready: The round.
        p_funded: Share of draws in which each place is funded, for a lottery; None without draws.

    Raises:
        MethodError: Minimums that no walk or no choice can fill, with the smallest set of rules that clash, in words.
    """
    if ready.spec.choose == "optimal":
        outcome = _best(ready)
    elif ready.spec.choose == "lottery":
        outcome = _lottery(ready, p_funded)
    else:
        choice = walked(ready)
        outcome = Outcome(choice, np.where(choice.chosen, ready.rules.award, 0), choice.left)
    return _shared(tables, ready, outcome) if ready.spec.award.share else outcome


def walked(ready: Prepared) -> Choice:
    """Return the walk down the list, in which only those places count as reserved that need their minimum.

    The walk fills minimums first. A place that it takes there would often have been taken anyway: then need decided, not the
    minimum, and it is told and counted so.

    Args:
        ready: The round.

    Raises:
        MethodError: A minimum cannot be filled.
    """
    rules = ready.rules
    choice = ranked(ready.order, rules)
    _refuse_unmet(choice, rules, ready.where)
    if not (choice.decided == RESERVED).any():
        return choice
    free = ranked(
        ready.order, replace(rules, groupings=tuple(replace(one, minimum=None) for one in rules.groupings))
    )
    decided = np.where((choice.decided == RESERVED) & free.chosen, CHOSEN, choice.decided)
    first = np.isin(decided, (MUST, RESERVED))
    funded = np.flatnonzero(choice.chosen)
    turn = funded[np.lexsort((-np.nan_to_num(ready.order[funded]), ~first[funded]))]
    order = np.full(ready.n, -1, dtype=np.int64)
    order[turn] = np.arange(len(turn))
    by = np.where((choice.decided == RESERVED) & (decided == CHOSEN), -1, choice.by)
    return replace(choice, decided=decided, order=order, by=by)


def _refuse_unmet(choice: Choice, rules: Rules, where: str) -> None:
    """Refuse a walk that could not fill a minimum, naming the rules that clash."""
    if not choice.unmet:
        return
    clash = [name.phrase(rules) for name in conflict(rules)]
    said = [
        f"{rules.groupings[one.grouping].label(one.group)} has {one.got} of {one.wanted}"
        for one in choice.unmet[:5]
    ]
    why = (
        f"These rules cannot hold together: {'; '.join(clash)}. Relax one of them."
        if clash
        else 'Going down the list fills it too late: choose = "optimal" finds a set that keeps every rule.'
    )
    raise MethodError(Problem(f"{where}.groups", "a minimum cannot be filled", "; ".join(said), remedy=why))


def worth(ready: Prepared) -> FloatArray:
    """Return what funding each place is worth under the round's objective, shape (n,); NaN without a measure of need.

    Need is put between 0 (the least of all places) and 1 (the greatest) first, so that it can be multiplied by people.
    """
    aim = ready.spec.objective
    score = ready.need.score
    low, high = np.nanmin(score), np.nanmax(score)
    scaled = np.where(np.isnan(score), np.nan, (score - low) / (high - low) if high > low else 1.0)
    people = np.nan_to_num(ready.universe.population)
    value = {"need": scaled, "population": np.where(np.isnan(score), np.nan, people)}.get(
        aim.value, scaled * people
    )
    if aim.equity == "atkinson":
        return np.asarray(value * atkinson_weights(score, aim.aversion, higher="worse"))
    if aim.equity == "kolm":
        spread = float(np.nanstd(score)) or 1.0
        return np.asarray(value * kolm_weights(score / spread, aim.aversion, higher="worse"))
    return np.asarray(value)


def _best(ready: Prepared) -> Outcome:
    """Return the best choice under the objective, with what decided each place."""
    value, rules, aim = worth(ready), ready.rules, ready.spec.objective
    start = ranked(ready.order, rules)
    known = None if start.unmet else start.chosen
    if aim.parts:
        index = next((k for k, one in enumerate(ready.groups) if one.by == aim.parts), None)
        if index is None:
            raise MethodError(
                Problem(
                    f"{ready.where}.objective.parts",
                    "the parts are not among the groups of the round",
                    aim.parts,
                    remedy="Add a group by that level, with a cap or a minimum.",
                )
            )
        found, _ = max_min(value, ready.groups[index].group, rules, levels=3)
    elif aim.first:
        top = greatest_need(ready.need.rank, int((~np.isnan(ready.need.rank)).sum()), ready.spec.share)
        people = np.where(np.isnan(value), np.nan, np.nan_to_num(ready.universe.population) * top)
        found = optimal(np.stack([people, value]), rules, start=known)
    else:
        found = optimal(value, rules, start=known)
    choice = _as_choice(found.chosen, ready)
    return Outcome(
        choice,
        np.where(choice.chosen, rules.award, 0),
        choice.left,
        value,
        found.bound if not aim.first else None,
    )


def _as_choice(chosen: BoolArray, ready: Prepared) -> Choice:
    """Return a set as a choice: required, excluded, in the set or not."""
    rules = ready.rules
    excluded = rules.excluded_by()
    decided = np.where(chosen, CHOSEN, NOT_BEST)
    decided[chosen & rules.required()] = MUST
    decided[~chosen & np.isnan(ready.order)] = NO_NEED
    decided[~chosen & (excluded >= 0)] = EXCLUDED
    order = np.full(ready.n, -1, dtype=np.int64)
    funded = np.flatnonzero(chosen)
    order[funded[np.argsort(-np.nan_to_num(ready.order[funded], nan=0.0), kind="stable")]] = np.arange(
        len(funded)
    )
    spent = int(rules.award[chosen].sum())
    left = None if rules.budget is None else rules.budget - spent
    by = np.where(decided == EXCLUDED, excluded, -1)
    return Choice(chosen, decided.astype(np.int64), by, order, spent, left, ())


def _lottery(ready: Prepared, p_funded: FloatArray | None) -> Outcome:
    """Return the firm places and the lots among the contested ones."""
    spec, rules = ready.spec, ready.rules
    choice = walked(ready)
    open_to = (rules.excluded_by() < 0) & ~np.isnan(ready.order)
    must = rules.required()
    if p_funded is not None:
        firm = must | (p_funded >= spec.lottery.high)
        contested = open_to & ~firm & (p_funded > spec.lottery.low)
    else:
        line = float(ready.order[choice.chosen & ~must].min(initial=ready.n))
        firm = choice.chosen & (must | (ready.order >= line + spec.lottery.band))
        contested = open_to & ~firm & (ready.order >= line - spec.lottery.band)
    left = int(spec.places or 0) - int(firm.sum())
    caps = [
        None if one.cap is None else np.maximum(one.cap - group_sums(firm, one, rules.award), 0)
        for one in rules.groupings
    ]
    for one in rules.groupings:
        short = np.zeros(0) if one.minimum is None else one.minimum - group_sums(firm, one, rules.award)
        if (short > 0).any():
            raise MethodError(
                Problem(
                    f"{ready.where}.groups",
                    "the firm places do not fill a minimum",
                    one.label(int(short.argmax())),
                    remedy="Require places of that group with include, or draw no lots.",
                )
            )
    contested &= _has_room(rules, caps)
    if left <= 0 or not contested.any():
        return Outcome(choice, np.where(choice.chosen, rules.award, 0), choice.left)
    at = np.flatnonzero(contested)
    weight = p_funded[at] if p_funded is not None and spec.lottery.weight != "equal" else np.ones(len(at))
    used = [k for k, cap in enumerate(caps) if cap is not None and (rules.groupings[k].group[at] >= 0).all()]
    groups, rooms = [], []
    for k in used:
        known, own = np.unique(rules.groupings[k].group[at], return_inverse=True)
        cap = caps[k]
        assert cap is not None
        groups.append(own.reshape(-1))
        rooms.append(cap[known])
    plan = design(weight, min(left, len(at)), groups, rooms)
    return _drawn(ready, choice, Lots(contested, firm, plan, "", None))


def _has_room(rules: Rules, caps: list[IntArray | None]) -> BoolArray:
    """Return which places lie in groups that can still take one."""
    room = np.ones(rules.n, dtype=np.bool_)
    for one, cap in zip(rules.groupings, caps, strict=True):
        if cap is not None:
            room &= np.where(one.group >= 0, cap[np.maximum(one.group, 0)] > 0, True)
    return room


def _drawn(ready: Prepared, choice: Choice, lots: Lots) -> Outcome:
    """Return the round with the result of the public draw, or with the contested places open."""
    codes = [ready.universe.code_list[i] for i in np.flatnonzero(lots.contested)]
    public = ready.spec.lottery.public
    funded = lots.firm.copy()
    if public:
        seed = seed_for(ready.id, public, codes)
        drawn = np.zeros(ready.n, dtype=np.bool_)
        drawn[np.flatnonzero(lots.contested)] = draw_public(lots.plan, seed, codes)
        lots = replace(lots, seed=seed, drawn=drawn)
        funded |= drawn
    result = _as_choice(funded, ready)
    decided = np.where(result.decided == NOT_BEST, BELOW, result.decided)
    award = np.where(funded, ready.rules.award, 0)
    return Outcome(replace(result, decided=decided), award, result.left, lots=lots)


def _shared(tables: Tables, ready: Prepared, outcome: Outcome) -> Outcome:
    """Return the outcome with the whole budget shared among the funded, to the last pound."""
    award = ready.spec.award
    amount = quantity(tables, ready.universe, ready.need, award.by)
    assert amount is not None
    made = shared_awards(
        outcome.funded, amount, int(ready.spec.budget or 0), floor=award.floor, ceiling=award.ceiling
    )
    return replace(outcome, pounds=made.pounds, left=made.left)


def by_year(pounds: IntArray, shares: dict[str, float]) -> tuple[tuple[str, ...], IntArray]:
    """Return awards cut into years: their names and pounds, shape (n, years).

    Args:
        pounds: Awards, shape (n,).
        shares: Share of each year; none for one column called all.
    """
    if not shares:
        return ("all",), pounds[:, None]
    return tuple(shares), tranches(pounds, list(shares.values()))
