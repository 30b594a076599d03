"""A decision in words: what decided, how far from the line, and what would turn it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wardmote import words
from wardmote.allocate.choice import Outcome
from wardmote.allocate.reasons import Reasons
from wardmote.allocate.rules import Prepared
from wardmote.methods.checks import FloatArray
from wardmote.methods.choose import (
    BELOW,
    BUDGET,
    CAP,
    CHOSEN,
    DECISIONS,
    EXCLUDED,
    MUST,
    NEIGHBOUR,
    NO_NEED,
    RESERVED,
)

NEVER_MORE = "A correction of its data"
"""How every change of a place's own figures begins: figures are corrected, and nobody is asked to be in greater need."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the decisions of one round.

    Attributes:
        ready: The round.
        outcome: What it decides.
        why: The lines.
        ranked: How many places have a measure of need.
        turning: Share of the first of two parts nearest to its own at which each decision turns, NaN for none; or None.
    """

    ready: Prepared
    outcome: Outcome
    why: Reasons
    ranked: int
    turning: FloatArray | None = None

    def decided(self, i: int) -> str:
        """Return which rule decided place i, one of a few texts."""
        lots = self.outcome.lots
        if lots is not None and lots.contested[i]:
            return "lots to be drawn" if lots.drawn is None else "drawn" if lots.drawn[i] else "not drawn"
        return DECISIONS[int(self.outcome.choice.decided[i])]

    def rule(self, i: int) -> str | None:
        """Return the group, exclusion or neighbour of that rule."""
        code, by = int(self.outcome.choice.decided[i]), int(self.outcome.choice.by[i])
        rules = self.ready.rules
        if code in (CAP, RESERVED) and by >= 0:
            return self._group(i, by)
        if code == EXCLUDED:
            return rules.exclusions[by][0]
        return self.name(by) if code == NEIGHBOUR and by >= 0 else None

    def name(self, i: int) -> str:
        """Return the name of place i."""
        return self.ready.universe.names[i]

    def placed(self, i: int) -> str:
        """Return the rank of place i among all with a measure, in words."""
        return f"{words.rank_of(float(self.ready.need.rank[i]), self.ranked)} in need"

    def apart(self, i: int, j: int) -> str:
        """Return how many ranks lie between two places."""
        rank = self.ready.need.rank
        number = int(abs(rank[i] - rank[j]))
        return (
            "at the same rank"
            if number == 0
            else f"{words.count(number, 'rank')} {'below' if rank[j] > rank[i] else 'above'}"
        )

    def sentence(self, i: int) -> str:
        """Return the decision on place i with its reason."""
        code, line = int(self.outcome.choice.decided[i]), int(self.why.line[i])
        lots = self.outcome.lots
        if lots is not None and lots.contested[i]:
            return self._lots_sentence(i)
        if self.outcome.choice.chosen[i]:
            return words.sentence(self._funded(i, code, line))
        return words.sentence(f"Not funded: {self._not_funded(i, code, line)}")

    def _not_funded(self, i: int, code: int, line: int) -> str:
        """Return why place i is not funded."""
        other = f"{self.name(line)}, {self.apart(i, line)}" if line >= 0 else ""
        match DECISIONS[code]:
            case "group cap reached":
                last = f"; its last one in is {other}" if other else ""
                return f"it is {self.placed(i)}, and {self.rule(i)} has reached its cap{last}"
            case "excluded":
                would = "be funded" if self.why.would[i] else "not be funded either"
                return f"{self.rule(i)} (without that rule it would {would})"
            case "neighbour of a funded place":
                return f"it is {self.placed(i)} and borders on {self.rule(i)}, which is funded"
            case "budget spent":
                award = f"£{self.ready.rules.award[i]:,}"
                return f"it is {self.placed(i)}, and its award of {award} is more than was left of the budget"
            case "no measure of need":
                return "it has no measure of need, since values that it needs are missing"
            case "not in the best set":
                swap = f"; it would have to replace {self.name(line)}" if line >= 0 else ""
                return f"it is {self.placed(i)}, and the best set under the round's objective does without it{swap}"
        last = f"; the last one in is {other}" if other else ""
        return f"it is {self.placed(i)}, and all places are taken{self._full(i)}{last}"

    def _full(self, i: int) -> str:
        """Return the full group that would keep place i out besides, in words."""
        k = int(self.why.held[i])
        return "" if k < 0 else f" (and {self._group(i, k)} has reached its cap besides)"

    def _group(self, i: int, k: int) -> str:
        """Return the group of place i in grouping k, in words."""
        one = self.ready.rules.groupings[k]
        return one.label(int(one.group[i])).replace("'", "")

    def _funded(self, i: int, code: int, line: int) -> str:
        """Return why place i is funded."""
        out = (
            f"; the first one out is {self.name(line)}, {self.apart(i, line)}"
            if line >= 0
            else "; no other place could take its place"
        )
        if code == MUST:
            return f"funded, since the round requires it; it is {self.placed(i)}"
        if code == RESERVED:
            return f"funded on a place reserved for {self.rule(i)}: it is {self.placed(i)}{out}"
        if self.ready.spec.choose == "optimal":
            swap = f"; the place that comes nearest to replacing it is {self.name(line)}" if line >= 0 else ""
            return f"funded as part of the best set under the round's objective: it is {self.placed(i)}{swap}"
        return f"funded: it is {self.placed(i)}{out if code == CHOSEN else ''}"

    def _lots_sentence(self, i: int) -> str:
        """Return what the lottery says of a contested place."""
        lots = self.outcome.lots
        assert lots is not None
        at = int(np.flatnonzero(np.flatnonzero(lots.contested) == i)[0])
        chance = words.percent(float(lots.plan.probability[at]))
        if lots.drawn is None:
            return f"Contested: it is {self.placed(i)} and enters the lottery with a chance of {chance}; lots are still to be drawn."
        won = "Funded" if lots.drawn[i] else "Not funded"
        return f"{won}: it is {self.placed(i)}, close to the line, and lots decided; its chance was {chance}."

    def flip(self, i: int) -> str:
        """Return the smallest change of a rule, or correction of its data, that would turn the decision on place i."""
        code = int(self.outcome.choice.decided[i])
        lots = self.outcome.lots
        if lots is not None and lots.contested[i]:
            return "Other lots. A correction of its data that put it clear of the line would take it out of the lottery."
        if code == NO_NEED:
            return "Data for the values that are missing."
        if self.outcome.choice.chosen[i]:
            parts = self._loses(i, code)
        elif code == EXCLUDED:
            parts = [self._were_it_not_excluded(i)]
        else:
            parts = self._wins(i, code)
        turn = None if self.turning is None else float(self.turning[i])
        if turn is not None and not np.isnan(turn):
            own = self._own_weight()
            parts.append(
                f"with {self.ready.need.titles[0]} weighing {words.percent(turn, 0)} (now {words.percent(own, 0)}) it would "
                + ("not be funded" if self.outcome.choice.chosen[i] else "be funded")
            )
        return " ".join(words.sentence(part) for part in parts)

    def _own_weight(self) -> float:
        weights = [part.weight for part in self.ready.spec.measure]
        return weights[0] / sum(weights)

    def _correction(self, i: int, line: int, what: str) -> str:
        """Return the correction of a place's measure that would turn the decision."""
        score = self.ready.need.score
        if self.ready.spec.choose == "optimal":
            value = self.outcome.value
            assert value is not None
            return f"{NEVER_MORE} that brought its worth from {_plain(value[i])} to {what} {_plain(value[line])} would turn the decision"
        return f"{NEVER_MORE} that brought its measure from {_plain(score[i])} to {what} {_plain(score[line])} would turn the decision"

    def _wins(self, i: int, code: int) -> list[str]:
        """Return what would bring a place in."""
        spec, why, parts = self.ready.spec, self.why, []
        if code == BELOW and why.places_needed[i] > 0 and spec.places is not None:
            more = int(why.places_needed[i]) - spec.places
            parts.append(
                f"{words.count(more, 'more place', 'more places')} in all ({why.places_needed[i]:,}, now {spec.places:,}) would fund it"
            )
        elif code in (CAP, BELOW) and why.cap_needed[i] > 0:
            extra = int(why.places_too[i])
            and_more = f", with {words.count(extra, 'more place', 'more places')} in all," if extra else ""
            parts.append(
                f"a cap of {int(why.cap_needed[i])} for {self._group(i, int(why.held[i]))}{and_more} would fund it"
            )
        elif code == NEIGHBOUR:
            parts.append("it would be funded if neighbours could both be")
        elif code == BUDGET and self.outcome.left is not None:
            short = int(self.ready.rules.award[i]) - self.outcome.left
            parts.append(
                f"at least £{short:,} more in the budget would be needed, or an award smaller by that much"
            )
        line = int(why.line[i])
        if line >= 0:
            parts.append(self._correction(i, line, "above"))
        return parts or ["No change of a single rule that was looked for would fund it"]

    def _were_it_not_excluded(self, i: int) -> str:
        """Return what would bring in a place that an exclusion keeps out."""
        said = self.rule(i)
        if self.why.would[i]:
            return (
                f"it would be funded if the rule “{said}” did not hold for it, or if a correction of the data behind that"
                " rule took it out"
            )
        line = int(self.why.line[i])
        under = (
            f" and, besides, {NEVER_MORE[0].lower()}{NEVER_MORE[1:]} that put its measure above {_plain(self.ready.need.score[line])}"
            if line >= 0
            else ""
        )
        return f"it would need to be outside the rule “{said}”{under}"

    def _loses(self, i: int, code: int) -> list[str]:
        """Return what would take a funded place out."""
        why, spec, parts = self.why, self.ready.spec, []
        if code == MUST:
            return ["it would not be sure of its place if the round did not require it"]
        if code == RESERVED:
            parts.append(f"without the minimum for {self.rule(i)} it would have to reach the general line")
        elif self.outcome.lots is None and why.places_kept[i] > 0:
            fewer = (spec.places - int(why.places_kept[i]) + 1) if spec.places is not None else 0
            cap = int(why.cap_kept[i])
            if cap > 1:  # a cap of none at all is no cap that anybody would set
                one = self.ready.rules.groupings[int(why.cap_group[i])]
                assert one.cap is not None
                lower = int(one.cap[one.group[i]]) - cap + 1
                if not fewer or lower < fewer:
                    where = self._group(i, int(why.cap_group[i]))
                    parts.append(
                        f"a cap of {cap - 1} for {where} (now {int(one.cap[one.group[i]])}) would take it out"
                    )
            if not parts and fewer > 0:
                parts.append(f"{words.count(fewer, 'place', 'places')} fewer in all would take it out")
        line = int(why.line[i])
        if line >= 0:
            parts.append(self._correction(i, line, "below"))
        return parts or ["No change of a single rule that was looked for would take it out"]


def _plain(number: float) -> str:
    """Return a measure with as many digits as tell neighbours apart."""
    size = abs(float(number))
    text = f"{number:,.0f}" if size >= 10_000 else f"{number:,.1f}" if size >= 100 else f"{number:,.3f}"
    return text.replace("-", "−")
