"""Why each place is or is not funded: the line that it had to reach, and the smallest change that would turn the decision.

Lines belong to the walk down the list. For a place that is not funded the line is the place before which it would have to stand so
that no rule keeps it out: the last one taken before all places were gone, before its group was full, before the budget was too small,
or before a neighbour was taken, whichever comes first. For a funded place it is the place that would come in if it fell: the first
one out. A change is one of a rule, or a correction of the place's own data; nobody is told to need more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wardmote.allocate.choice import Outcome
from wardmote.allocate.rules import Prepared
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.choose import (
    BELOW,
    BUDGET,
    CAP,
    CHOSEN,
    EXCLUDED,
    MUST,
    NEIGHBOUR,
    NO_CAP,
    NO_NEED,
    NOT_BEST,
    RESERVED,
    Grouping,
    Rules,
    group_sums,
    ranked,
)

NEVER = np.inf
"""A line that no place could reach."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Lines of all places.

    Attributes:
        line: Position of the place at the line, shape (n,), −1 for none.
        held: Grouping of the full group that sets the line of a place that is not funded, −1 where something else does, shape (n,).
        would: For places that are excluded: whether they would be funded without that rule; False elsewhere. Shape (n,).
        places_needed: Places with which each would be funded under the caps, shape (n,), 0 where none would do.
        cap_needed: Cap of the group that keeps it out with which it would be funded, shape (n,), 0 where none would do.
        places_too: Whether that cap would also need more places in all, shape (n,).
        places_kept: Fewest places with which a funded place would still be funded, shape (n,), 0 elsewhere.
        cap_kept: Position among the funded of its narrowest full group, counted from 1, shape (n,), 0 for none.
        cap_group: Position of that grouping, shape (n,), −1 for none.
    """

    line: IntArray
    held: IntArray
    would: BoolArray
    places_needed: IntArray
    cap_needed: IntArray
    places_too: IntArray
    places_kept: IntArray
    cap_kept: IntArray
    cap_group: IntArray


def reasons(ready: Prepared, outcome: Outcome) -> Reasons:
    """Return the lines of all places under the walk down the list; of the best set, the place that each would have to replace.

    Args:
        ready: The round.
        outcome: What it decides.
    """
    n = ready.n
    if ready.spec.choose == "optimal":
        return _of_best(ready, outcome)
    rules, order = ready.rules, np.nan_to_num(ready.order, nan=0.0)
    # As the walk goes: all that it takes for minimums first, for lines depend on what they protect.
    choice = ranked(ready.order, rules)
    walk = _Walk(rules, order, choice.chosen, choice.decided)
    line, height, held = walk.lines_out()
    inside = walk.lines_in(choice.by)
    line = np.where(choice.chosen, inside, line)
    would = (choice.decided == EXCLUDED) & (order > height) & (order > 0)
    free = ranked(ready.order, replace(rules, places=None, budget=None))
    general = choice.chosen & (choice.decided == CHOSEN)
    # How many are taken before each, with as many places as it takes: what stands above it under the caps, and those that come first.
    taken = free.chosen & ~(choice.chosen & ~general)
    first = int((choice.chosen & ~general).sum())
    before = first + int(taken.sum()) - np.searchsorted(np.sort(order[taken]), order)
    cap_needed, ahead = walk.caps_needed(held)
    kept = np.where(general, choice.order + 1, 0)
    cap_kept, cap_group = walk.standing(general)
    too = np.where(
        cap_needed > 0,
        np.maximum(0, before + ahead + 1 - (rules.places if rules.places is not None else n)),
        0,
    )
    return Reasons(
        line,
        held,
        would,
        np.where(free.chosen, free.order + 1, 0),
        cap_needed,
        too,
        kept,
        cap_kept,
        cap_group,
    )


class _Walk:
    """A walk that was made, so that questions about it can be asked.

    Args:
        rules: The rules.
        order: Need as a strict order, shape (n,), 0 where there is none.
        chosen: Who is funded.
        decided: What decided each.
    """

    def __init__(self, rules: Rules, order: FloatArray, chosen: BoolArray, decided: IntArray) -> None:
        self.rules, self.order, self.chosen, self.decided = rules, order, chosen, decided
        self.n = len(order)
        self.general = chosen & (decided == CHOSEN)
        self.first = chosen & ~self.general

    def lines_out(self) -> tuple[IntArray, FloatArray, IntArray]:
        """Return for each place the funded place that it would have to stand before, how high that one stands, and which full group
        sets it (−1 for none)."""
        line = np.full(self.n, -1, dtype=np.int64)
        height = np.zeros(self.n)
        rules = self.rules
        everyone = np.zeros(self.n, dtype=np.int64)
        if rules.places is not None:
            self._raise(line, height, everyone, np.ones(self.n, dtype=np.int64), np.array([rules.places]))
        if rules.budget is not None:
            self._raise(line, height, everyone, rules.award, np.array([rules.budget]))
        held = np.full(self.n, -1, dtype=np.int64)
        for k, one in enumerate(rules.groupings):
            if one.cap is not None:
                cost = rules.award if one.measure == "pounds" else np.ones(self.n, dtype=np.int64)
                before = height.copy()
                self._raise(line, height, one.group, cost, one.cap)
                held[height > before] = k
        if rules.neighbours is not None:
            self._raise_neighbours(line, height)
        before = height.copy()
        self._lower_reserved(line, height)
        held[height < before] = -1
        return line, height, held

    def _raise(
        self, line: IntArray, height: FloatArray, group: IntArray, cost: IntArray, limit: IntArray
    ) -> None:
        """Raise lines to where a limit by group would still leave room for each place's own cost."""
        order = np.argsort(-self.order, kind="stable")
        taken = order[self.general[order]]
        taken = taken[group[taken] >= 0]
        used = np.zeros(len(limit), dtype=np.int64)
        mine = self.first & (group >= 0)
        np.add.at(used, group[mine], cost[mine])
        waiting = np.flatnonzero(~self.chosen & (group >= 0) & (limit[np.maximum(group, 0)] < NO_CAP))
        by_group = taken[np.argsort(group[taken], kind="stable")]
        starts = np.searchsorted(group[by_group], np.arange(len(limit) + 1))
        running = np.cumsum(cost[by_group])
        for g in np.unique(group[waiting]).tolist():
            own = waiting[group[waiting] == g]
            picks = by_group[starts[g] : starts[g + 1]]
            base = running[starts[g] - 1] if starts[g] else 0
            after = running[starts[g] : starts[g + 1]] - base + used[g]
            # The first pick after which there is no room for the place: it must stand before that one.
            at = np.searchsorted(after, limit[g] - cost[own], side="right")
            none = used[g] + cost[own] > limit[g]
            short = at < len(picks)
            stands = np.where(
                none,
                NEVER,
                np.where(short, self.order[picks[np.minimum(at, len(picks) - 1)]], 0.0)
                if len(picks)
                else 0.0,
            )
            who = (
                np.where(short & ~none, picks[np.minimum(at, len(picks) - 1)], -1)
                if len(picks)
                else np.full(len(own), -1)
            )
            higher = stands > height[own]
            height[own[higher]] = stands[higher]
            line[own[higher]] = who[higher]

    def _raise_neighbours(self, line: IntArray, height: FloatArray) -> None:
        """Raise lines above the highest funded neighbour."""
        assert self.rules.neighbours is not None
        indptr, indices = self.rules.neighbours
        for i in np.flatnonzero(~self.chosen).tolist():
            near = indices[indptr[i] : indptr[i + 1]]
            near = near[self.chosen[near]]
            if len(near):
                blocked = self.first[near].any()
                top = int(near[self.order[near].argmax()])
                stands = NEVER if blocked else self.order[top]
                if stands > height[i]:
                    height[i], line[i] = stands, -1 if blocked else top

    def _lower_reserved(self, line: IntArray, height: FloatArray) -> None:
        """Lower lines to the last reserved place of a group, where that is easier to reach and no cap is full of reserved places."""
        reserved = np.flatnonzero(self.decided == RESERVED)
        shut, who = self._caps_full_of_first(reserved)
        for one in self.rules.groupings:
            if one.minimum is None:
                continue
            for g in np.unique(one.group[reserved]).tolist():
                mine = reserved[one.group[reserved] == g]
                if g < 0 or one.minimum[g] == 0 or not len(mine):
                    continue
                last = int(mine[self.order[mine].argmin()])
                least = np.maximum(self.order[last], shut)
                easier = (one.group == g) & ~self.chosen & (height > least)
                height[easier] = least[easier]
                line[easier] = np.where(shut > self.order[last], who, last)[easier]

    def _caps_full_of_first(self, reserved: IntArray) -> tuple[FloatArray, IntArray]:
        """Return how high each place must stand so that no cap is full of places taken first, and the place that it would displace."""
        height, who = np.zeros(self.n), np.full(self.n, -1, dtype=np.int64)
        for one in self.rules.groupings:
            if one.cap is None:
                continue
            full = group_sums(self.first, one, self.rules.award) >= one.cap
            for g in np.flatnonzero(full).tolist():
                mine = reserved[one.group[reserved] == g]
                last = int(mine[self.order[mine].argmin()]) if len(mine) else -1
                stands = self.order[last] if last >= 0 else NEVER
                raised = (one.group == g) & (height < stands)
                height[raised], who[raised] = stands, last
        return height, who

    def lines_in(self, by: IntArray) -> IntArray:
        """Return for each funded place the first one out: who would come in if it fell, −1 for nobody.

        Args:
            by: For places passed over for a cap the grouping, for neighbours the funded one.
        """
        out = np.full(self.n, -1, dtype=np.int64)
        full = [self._full(one) for one in self.rules.groupings]
        waiting = np.flatnonzero(~self.chosen & (self.order > 0))
        waiting = waiting[np.argsort(-self.order[waiting], kind="stable")]
        capped = waiting[self.decided[waiting] == CAP]
        below = waiting[np.isin(self.decided[waiting], (BELOW, BUDGET))]
        blocked = waiting[self.decided[waiting] == NEIGHBOUR]
        heads = self._heads(capped, by)
        free, alone = self._admissible(below, full)
        for i in np.flatnonzero(self.chosen).tolist():
            candidates = [
                heads[k, int(one.group[i])]
                for k, one in enumerate(self.rules.groupings)
                if (k, int(one.group[i])) in heads
            ]
            candidates += [
                alone[k, int(one.group[i])]
                for k, one in enumerate(self.rules.groupings)
                if (k, int(one.group[i])) in alone
            ]
            candidates += free
            candidates += blocked[by[blocked] == i][:1].tolist()
            if (
                self.decided[i] == RESERVED
                and (only := self._next_in_group(waiting, i, int(by[i]), full)) is not None
            ):
                candidates = only
            if candidates:
                out[i] = max(candidates, key=lambda j: self.order[j])
        return out

    def _full(self, one: Grouping) -> BoolArray:
        """Return which groups have no room for another place."""
        if one.cap is None:
            return np.zeros(one.size, dtype=np.bool_)
        least = self.rules.award.min() if one.measure == "pounds" else 1
        return group_sums(self.chosen, one, self.rules.award) + least > one.cap

    def _heads(self, capped: IntArray, by: IntArray) -> dict[tuple[int, int], int]:
        """Return the highest place that a cap kept out, by grouping and group."""
        found: dict[tuple[int, int], int] = {}
        for j in capped.tolist():
            k = int(by[j])
            found.setdefault((k, int(self.rules.groupings[k].group[j])), j)
        return found

    def _admissible(
        self, below: IntArray, full: list[BoolArray]
    ) -> tuple[list[int], dict[tuple[int, int], int]]:
        """Return the first place below the line whose groups have room, and for each full group the first that only it shuts out."""
        free: list[int] = []
        alone: dict[tuple[int, int], int] = {}
        for j in below.tolist():
            shut = [
                (k, int(one.group[j]))
                for k, (one, none) in enumerate(zip(self.rules.groupings, full, strict=True))
                if one.group[j] >= 0 and none[one.group[j]]
            ]
            if not shut:
                free = [j]
                break  # all further ones stand below it
            if len(shut) == 1:
                alone.setdefault(shut[0], j)
        return free, alone

    def _next_in_group(self, waiting: IntArray, i: int, k: int, full: list[BoolArray]) -> list[int] | None:
        """Return the next place of the group whose reserved place a funded one holds; None where others of the group are in by need,
        so that it would lose to the general line alone."""
        one = self.rules.groupings[k]
        mine = one.group == one.group[i]
        if (self.general & mine).any():
            return None
        for j in waiting[mine[waiting]].tolist():
            shut = any(
                other.group[j] >= 0 and none[other.group[j]] and other.group[j] != other.group[i]
                for other, none in zip(self.rules.groupings, full, strict=True)
            )
            if not shut:
                return [j]
        return []

    def caps_needed(self, held: IntArray) -> tuple[IntArray, IntArray]:
        """Return the cap with which each place that a full group keeps out would be in, and how many such stand ahead of it."""
        needed = np.zeros(self.n, dtype=np.int64)
        ahead = np.zeros(self.n, dtype=np.int64)
        order = np.argsort(-self.order, kind="stable")
        waiting = order[(held[order] >= 0) & np.isin(self.decided[order], (CAP, BELOW))]
        count: dict[tuple[int, int], int] = {}
        for i in waiting.tolist():
            k = int(held[i])
            one = self.rules.groupings[k]
            if one.measure == "pounds" or one.cap is None:
                continue
            key = (k, int(one.group[i]))
            ahead[i] = count.get(key, 0)
            count[key] = ahead[i] + 1
            needed[i] = one.cap[one.group[i]] + ahead[i] + 1
        return needed, ahead

    def standing(self, general: BoolArray) -> tuple[IntArray, IntArray]:
        """Return the place of each funded one among the funded of a full group, and which grouping that is."""
        place = np.zeros(self.n, dtype=np.int64)
        group = np.full(self.n, -1, dtype=np.int64)
        order = np.argsort(-self.order, kind="stable")
        taken = order[general[order]]
        for k, one in enumerate(self.rules.groupings):
            if one.cap is None or one.measure == "pounds":
                continue
            full = self._full(one)
            seen: dict[int, int] = {}
            for g in one.group[self.first & (one.group >= 0)].tolist():
                seen[g] = seen.get(g, 0) + 1
            for i in taken.tolist():
                g = int(one.group[i])
                if g >= 0 and full[g]:
                    seen[g] = seen.get(g, 0) + 1
                    if group[i] < 0:
                        place[i], group[i] = seen[g], k
        return place, group


def _of_best(ready: Prepared, outcome: Outcome) -> Reasons:
    """Return the place that each would have to replace in the best set: the least worth of those in the same groups."""
    n, chosen = ready.n, outcome.choice.chosen
    value = np.nan_to_num(outcome.value, nan=-np.inf) if outcome.value is not None else np.zeros(n)
    kinds = np.column_stack([np.zeros(n, dtype=np.int64), *[one.group for one in ready.rules.groupings]])
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    line = np.full(n, -1, dtype=np.int64)
    movable = chosen & (outcome.choice.decided != MUST)
    waiting = ~chosen & np.isin(outcome.choice.decided, (NOT_BEST, BELOW))
    for g in np.unique(kind[movable | waiting]).tolist():
        own = kind == g
        ins, outs = np.flatnonzero(own & movable), np.flatnonzero(own & waiting)
        if len(ins):
            line[outs] = ins[value[ins].argmin()]
        if len(outs):
            line[ins] = outs[value[outs].argmax()]
    zero = np.zeros(n, dtype=np.int64)
    none = np.full(n, -1, dtype=np.int64)
    return Reasons(line, none, np.zeros(n, dtype=np.bool_), zero, zero, zero, zero, zero, none)


def is_open(decided: IntArray) -> BoolArray:
    """Return which places could be funded by the rules as they stand: neither excluded nor without a measure of need."""
    return np.asarray(~np.isin(decided, (EXCLUDED, NO_NEED)))
