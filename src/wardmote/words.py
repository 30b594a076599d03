"""Numbers told in words, the same on pages, in reports, in findings and in the terminal.

House style: plain British English; *greatest need*, never *worst*; thousands with commas; per cent as ``%`` with no more digits than
the number can carry; associations are never worded as causes; of sampling error we say *probability*, of choices *share of the tested
choices*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor, isnan
from types import MappingProxyType
from typing import Any

WORDS_TO_TEN = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(number: float, one: str = "", many: str = "") -> str:
    """Return a whole count with its noun: ``1,262 neighbourhoods``, ``one ward``.

    Args:
        number: The count; rounded to a whole number.
        one: The noun for one, or "" for the number alone.
        many: The noun for several; `one` with an s by default.
    """
    whole = round(number)
    if not one:
        return f"{whole:,}"
    noun = one if whole == 1 else (many or f"{one}s")
    shown = WORDS_TO_TEN[whole] if 0 <= whole <= 10 else f"{whole:,}"
    return f"{shown} {noun}"


def percent(share: float, digits: int | None = None) -> str:
    """Return a share (0 to 1) as per cent: whole above 10%, one digit from 1%, two below, never a false 0% or 100%.

    Args:
        share: The share, 0 to 1.
        digits: Digits after the point, where the caller knows better.
    """
    value = 100 * share
    if digits is None:
        digits = 0 if value >= 10 else 1 if value >= 1 else 2
    text = f"{value:.{digits}f}"
    step = 10.0**-digits
    if value > 0 and float(text) == 0:
        return f"under {step:.{digits}f}%"
    if value < 100 and float(text) == 100:
        return f"over {100 - step:.{digits}f}%"
    return f"{text}%"


def people(number: float) -> str:
    """Return a number of people as it is said: ``2.4 million people``, ``18,400 people``; "no population known" for NaN."""
    if isnan(number):
        return "no population known"
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f} million people"
    if number >= 10_000:
        return f"{round(number, -2):,.0f} people"
    return f"{number:,.0f} people" if round(number) != 1 else "1 person"


def figure(number: float, digits: int = 1) -> str:
    """Return a plain number with thousands commas; "not available" for NaN."""
    return "not available" if isnan(number) else f"{number:,.{digits}f}"


def rank_of(rank: float, total: int) -> str:
    """Return ``26,525th of 33,755`` (rank 1 = greatest need); "no rank" for NaN."""
    return "no rank" if isnan(rank) else f"{ordinal(int(rank))} of {total:,}"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th``, with thousands commas."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def decile(tenth: float) -> str:
    """Return how a decile is said: ``the greatest-need tenth``, ``the 4th tenth of ten``; "no tenth" for NaN."""
    if isnan(tenth):
        return "no tenth"
    whole = int(tenth)
    if whole == 1:
        return "the greatest-need tenth"
    return "the least-need tenth" if whole == 10 else f"the {ordinal(whole)} tenth of ten"


def listed(items: Sequence[str], most: int = 0) -> str:
    """Return ``a, b and c``; with `most`, the first ones and ``and 12 more``.

    Args:
        items: What to list.
        most: At most so many are named; 0 for all.
    """
    shown = list(items)
    if most and len(shown) > most:
        shown = [*shown[:most], f"{len(items) - most:,} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def sentence(text: str) -> str:
    """Return the text with a capital at the start and one full stop at the end."""
    stripped = text.strip()
    if not stripped:
        return ""
    ended = stripped if stripped[-1] in ".!?" else f"{stripped}."
    return ended[0].upper() + ended[1:]


# --- Indices and need -----------------------------------------------------------------------------------------------------

Told = tuple[str, float, str]
"""One finding: its sentence, the number that it tells, and the table that holds it."""


def mendings_told(rows: Sequence[Mapping[Any, Any]]) -> tuple[str, ...]:
    """Return what was mended in files, one sentence for each source and kind of mending, with where and how often.

    Args:
        rows: Rows of the table `mendings`.
    """
    together: dict[tuple[str, str], list[Mapping[Any, Any]]] = {}
    for row in rows:
        together.setdefault((row["source"], row["sentence"]), []).append(row)
    told = []
    for (source, done), same in together.items():
        number = sum(row["cells"] for row in same)
        columns = [row["column"] for row in same if row["column"] != "*"]
        named = f"column “{columns[0]}”" if len(columns) == 1 else f"{len(columns)} columns"
        often = "once" if number == 1 else f"{number:,} times"
        told.append(f"{source}: {done} ({often}{f' in {named}' if columns else ''})")
    return tuple(told)


def index_findings(
    title: str,
    nouns: tuple[str, str],
    *,
    areas: int,
    scored: int,
    inside: int,
    residents: float,
    share: float,
    no_data: Sequence[str],
    left_out: Sequence[str],
    screened: Sequence[str],
    leaves: int,
) -> list[Told]:
    """Return what an index says of all areas together, and which nodes it does without.

    Args:
        title: Title of the index.
        nouns: How one and several areas are called.
        areas: Areas of the index.
        scored: Those with a score.
        inside: Those in the greatest-need share.
        residents: Usual residents there, NaN where not known.
        share: The share.
        no_data, left_out, screened: Titles of nodes that are not used, by reason.
        leaves: Leaves of the whole tree.
    """
    told: list[Told] = []

    def say(number: float, table: str, text: str) -> None:
        told.append((sentence(text), number, table))

    none = areas - scored
    rest = f"; {count(none, *nouns)} {have(none)} none" if none else ""
    say(scored, "scores", f"{title}: {count(scored, *nouns)} {have(scored)} a score{rest}")
    live = "" if isnan(residents) or not inside else f", where {people(residents)} live"
    within = f"in the greatest-need {share_of(share)} of this index"
    say(inside, "scores", f"{count(inside, *nouns)} {are(inside)} {within}{live}")
    if no_data:
        number = len(no_data)
        lacking = f"{number} of its {leaves} indicators {have(number)} no data and {are(number)} left out"
        say(number, "nodes", f"{lacking}: {listed(no_data, 8)}")
    if left_out:
        say(len(left_out), "nodes", f"left out by the study: {listed(left_out, 8)}")
    if screened:
        say(len(screened), "nodes", f"left out for too few values: {listed(screened, 8)}")
    return told


def data_findings(
    nouns: tuple[str, str],
    *,
    missing: Mapping[str, int],
    imputed: int,
    partial: int,
    treated: Sequence[tuple[str, int, str]],
    outside: int,
    split: Mapping[str, int],
) -> list[Told]:
    """Return what was missing, imputed, treated or left aside in an index; what did not happen is not told.

    Args:
        nouns: How one and several areas are called.
        missing: Missing values by title of the leaf.
        imputed: Values that were imputed.
        partial: Areas with a score though some child of a node is missing.
        treated: Title, cells and treatment of each treated leaf.
        outside: Areas with values that are not the study's.
        split: Areas that lie in several larger ones, by how one of these is called.
    """
    told: list[Told] = []

    def say(number: float, table: str, text: str) -> None:
        told.append((sentence(text), number, table))

    if missing:
        total = sum(missing.values())
        named = listed([f"{name} ({number:,})" for name, number in missing.items()], 5)
        filled = f"{count(imputed, 'value was imputed', 'values were imputed')} and {are(imputed)} marked"
        what = filled if imputed else "none was imputed"
        say(total, "nodes", f"{count(total, 'value is', 'values are')} missing: {named}; {what}")
    if partial:
        fewer = "a score that rests on fewer parts than the others"
        say(partial, "scores", f"{count(partial, *nouns)} {have(partial)} {fewer}")
    brought = [(name, cells) for name, cells, how in treated if how == "winsorise"]
    if brought:
        cells = sum(number for _, number in brought)
        what = count(cells, "extreme value was", "extreme values were")
        say(cells, "adjustments", f"{what} brought in: {listed([name for name, _ in brought], 5)}")
    transformed = [name for name, _, how in treated if how not in ("winsorise", "none")]
    if transformed:
        say(len(transformed), "nodes", f"transformed for their skew: {listed(transformed, 8)}")
    if outside:
        what = "that are not among the study's areas were left aside"
        say(outside, "scores", f"values of {count(outside, *nouns)} {what}")
    for larger, number in split.items():
        lie, stand = ("lies", "counts") if number == 1 else ("lie", "count")
        where = f"in more than one {larger} and {stand} where the largest share lies"
        say(number, "memberships", f"{count(number, *nouns)} {lie} {where}")
    return told


def have(number: float) -> str:
    """Return ``has`` for one and ``have`` for any other number."""
    return "has" if number == 1 else "have"


def are(number: float) -> str:
    """Return ``is`` for one and ``are`` for any other number."""
    return "is" if number == 1 else "are"


def share_of(share: float) -> str:
    """Return how a greatest-need share is said: ``tenth``, ``fifth``, ``12.5%``."""
    named = {0.1: "tenth", 0.2: "fifth", 0.25: "quarter", 0.5: "half", 0.05: "twentieth"}
    return named.get(share, f"{100 * share:g}%")


_SUMMARY = {
    "proportion": "has the largest share of its {many} in the greatest-need tenth ({percent})",
    "average score": "has the greatest need by average score ({figure})",
    "average rank": "has the greatest need by average rank",
    "extent": "has the largest extent of need ({percent} of residents, by the measure's weights)",
    "local concentration": "has the greatest local concentration of need",
}


def summary_findings(
    leaders: Sequence[tuple[str, str, str, float, int]], nouns: tuple[str, str]
) -> list[Told]:
    """Return for each level of larger areas which one comes first, by one stated measure.

    Args:
        leaders: How several of the larger areas are called, measure, name of the first, value, and number that were ranked.
        nouns: How one and several of the small areas are called.
    """
    told: list[Told] = []
    for larger, measure, name, value, total in leaders:
        if total < 2:
            continue
        what = _SUMMARY[measure].format(many=nouns[1], percent=percent(value), figure=figure(value))
        told.append((sentence(f"of {total:,} {larger}, {name} {what}"), value, "summaries"))
    return told


def comparison_findings(
    index: str,
    beside: str,
    nouns: tuple[str, str],
    *,
    total: int,
    enters: int,
    leaves: int,
    shift: float,
    left: int,
    share: float,
) -> list[Told]:
    """Return how two indices differ.

    Args:
        index, beside: Their names.
        nouns: How one and several areas are called.
        total: Areas that both rank.
        enters: Areas in the greatest-need share of the first only.
        leaves: Areas in that of the other only.
        shift: Median difference of rank, in places.
        left: Areas that only one of them ranks.
        share: The share.
    """
    told: list[Told] = []
    if total:
        moved = f"puts {count(enters, *nouns)} into the greatest-need {share_of(share)} and leaves {count(leaves, *nouns)} out"
        told.append((sentence(f"beside “{beside}”, “{index}” {moved}"), enters, "comparisons"))
        apart = f"differ by {figure(shift, 0)} places or fewer"
        told.append((sentence(f"half of {count(total, *nouns)} {apart}"), shift, "comparisons"))
    if left:
        what = f"{count(left, *nouns)} ranked by only one of the two {are(left)} left out"
        told.append((sentence(what), left, "comparisons"))
    return told


def familiar_needs(first: str, second: str) -> bool:
    """Return whether two indices are called after deprivation and community need, so that these words may stand for them.

    Args:
        first, second: Their titles.
    """
    return "depriv" in first.lower() and "communit" in second.lower()


def need_names(first: str, second: str) -> tuple[str, str]:
    """Return what sentences call the two indices of a definition of need: the familiar words where they fit, else their titles, quoted.

    Args:
        first, second: Their titles.
    """
    return FAMILIAR if familiar_needs(first, second) else (f"“{first}”", f"“{second}”")


FAMILIAR = ("deprivation", "community need")
"""What the two indices of a definition of need are called where nobody says otherwise."""


def need_findings(
    title: str,
    nouns: tuple[str, str],
    *,
    share: float,
    counts: Mapping[str, int],
    people_in: Mapping[str, float],
    missing: int,
    measure: str = "",
    names: tuple[str, str] = FAMILIAR,
) -> list[Told]:
    """Return how many areas have both kinds of need, one or neither, and how many people live there.

    Args:
        title: What an area with both is called, for instance "doubly disadvantaged".
        nouns: How one and several areas are called.
        share: Share of areas with the greatest need in each index.
        counts: Areas by type: both, deprivation only, community need only, neither.
        people_in: Usual residents by type, NaN where not known.
        missing: Areas that miss one of the two ranks.
        measure: Summary that was ranked at a higher level, "" at the indices' own.
        names: What the two indices are called.
    """
    told: list[Told] = []
    total, tenth = sum(counts.values()), f"in the greatest-need {share_of(share)} of"

    def living(kind: str) -> str:
        number = people_in.get(kind, float("nan"))
        return "" if isnan(number) or not counts.get(kind) else people(number)

    both = counts.get("both", 0)
    by = f" (ranked by {measure})" if measure else ""
    where = f"; {living('both')} live there" if living("both") else ""
    what = f"{title}: {tenth} both {listed(names)}{by}{where}"
    told.append((sentence(f"{count(both, *nouns)} of {total:,} {are(both)} {what}"), both, "need"))
    for kind, name in zip(("deprivation only", "community need only"), names, strict=True):
        number = counts.get(kind, 0)
        where = f" ({living(kind)})" if living(kind) else ""
        told.append(
            (sentence(f"{count(number, *nouns)}{where} {are(number)} {tenth} {name} only"), number, "need")
        )
    if missing:
        lacks = "misses" if missing == 1 else "miss"
        what = f"{count(missing, *nouns)} {lacks} one of the two ranks and {have(missing)} no type"
        told.append((sentence(what), missing, "need"))
    return told


# --- How sure ---------------------------------------------------------------------------------------------------------------

SURENESS: Mapping[str, float] = MappingProxyType(
    {"firm": 0.95, "likely": 2 / 3, "toss-up": 1 / 3, "unlikely": 0.05, "firmly outside": 0.0}
)
"""How sure an area is in the greatest-need share, with the least share of draws for each word.

66% for *likely* and 33% as the end of *toss-up* ("about as likely as not"), 95% for what may be relied on ("extremely likely"):
the scale of the Intergovernmental Panel on Climate Change (Mastrandrea and others 2010, guidance note on uncertainties), which
was made so that lists like this one are read alike by everybody.
"""

_SURENESS_WORDS = {
    "firm": "firm (in it in 95% of draws or more)",
    "likely": "likely (in two thirds or more)",
    "toss-up": "a toss-up (between a third and two thirds)",
    "unlikely": "in it in less than a third of draws",
    "firmly outside": "in it in less than 5%",
}


def sureness(share: float) -> str:
    """Return the word for how sure an area is in the greatest-need share: a key of `SURENESS`, "" for NaN.

    Args:
        share: Share of draws in which it is, 0 to 1.
    """
    return "" if isnan(share) else next(word for word, least in SURENESS.items() if share >= least)


def in_draws(share: float, component: str, draws: int, tenth: str = "tenth") -> str:
    """Return how often an area is in the greatest-need share: probability for sampling, share of the tested choices for method.

    Args:
        share: Share of draws, 0 to 1; NaN where there is none.
        component: sampling, method or both.
        draws: Number of draws.
        tenth: How the share is said, from `share_of`.

    Returns:
        For instance ``in the greatest-need tenth under 97 of 100 tested choices``.
    """
    if isnan(share):
        return "no rank, so nothing can be said"
    where = f"in the greatest-need {tenth}"
    if component == "sampling" and share in (0, 1):  # no draw said otherwise, which is no certainty
        return f"{where} in {'all' if share else 'none'} of {draws:,} draws of sampling error alone"
    if component == "sampling":
        return f"{where} with a probability of {percent(share)} (sampling error alone)"
    of = min(draws, 100)
    number = round(share * of)
    # Never all or none of 100 where a draw said otherwise.
    number = min(max(number, 1 if share > 0 else 0), of - 1 if share < 1 else of)
    what = (
        "tested choices" if component == "method" else "worlds with choices and sampling error drawn together"
    )
    return f"{where} under {number} of {of} {what}"


def compared(low: float, high: float, line: float) -> str:
    """Return higher, similar or lower need than a line between ranks, by an interval of ranks; "" for NaN.

    Args:
        low: End of the interval nearest the greatest need (rank 1).
        high: Its other end.
        line: Rank to compare with, for instance the last one of the greatest-need share, or the middle one.
    """
    if isnan(low) or isnan(high):
        return ""
    return "higher" if high <= line else "lower" if low > line else "similar"


def line_sentence(low: float, high: float, share: float, total: int) -> str:
    """Return whether an area's need is told apart from that at the line of the greatest-need share, in one sentence.

    Args:
        low: End of its 90% interval of ranks nearest the greatest need (rank 1).
        high: The other end.
        share: The greatest-need share.
        total: Areas that are ranked.
    """
    side = compared(low, high, floor(Fraction(str(share)) * total))
    than = {"higher": "higher than", "similar": "similar to", "lower": "lower than"}.get(
        side, "not known beside"
    )
    return sentence(
        f"need is {than} that at the line of the greatest-need {share_of(share)}, by the 90% interval"
    )


def factor_sentence(kind: str, spec: Any, titles: Sequence[str]) -> str:
    """Return what varies in one factor, in one sentence.

    Args:
        kind: weights, choice, leave_out or values.
        spec: The factor's settings, a `wardmote.study.FactorSpec`.
        titles: Titles of the nodes that it touches.
    """
    named = listed(titles, 7)
    if kind == "weights":
        if spec.spread is not None:
            return sentence(f"weights of {named}: each ±{percent(spec.spread)}, scaled back to their sum")
        if spec.concentration is not None:
            return sentence(f"weights of {named}: Dirichlet with concentration {spec.concentration:g}")
        return sentence(f"weights of {named}: anywhere between {listed(spec.between)}")
    if kind == "choice":
        told = [
            str(one) if not isinstance(one, Mapping) else ", ".join(map(str, one.values()))
            for one in spec.choices
        ]
        return sentence(f"{spec.path.removeprefix('steps.')}: one of {'; '.join(told)}")
    if kind == "leave_out":
        return sentence(f"one of {named} left out, with probability {spec.p:g}")
    about = " (with approximate denominators)" if spec.approximate else ""
    how = {
        "standard-error": "published standard errors",
        "interval": "published intervals",
        "sd": "stated error",
    }
    return sentence(f"{named}: {how.get(spec.error, f'{spec.error} counts')}{about}")


def sureness_findings(
    title: str,
    nouns: tuple[str, str],
    *,
    component: str,
    share: float,
    draws: int,
    inside: Mapping[str, int],
    outside: Mapping[str, int],
    firmer: int,
) -> list[Told]:
    """Return how many areas of the greatest-need share are firm, likely or a toss-up, and how many outside are as sure.

    Args:
        title: Title of the index.
        nouns: How one and several areas are called.
        component: sampling, method or both.
        share: The greatest-need share.
        draws: Number of draws.
        inside, outside: Areas inside and outside by sureness.
        firmer: Areas outside that are as sure as the least sure inside.
    """
    varied = {
        "sampling": "sampling error alone", "method": "choices of method alone", "both": "choices and sampling error",
    }[component]  # fmt: skip
    total = sum(inside.values())
    parts = [
        f"{inside[word]:,} {are(inside[word])} {_SURENESS_WORDS[word]}"
        for word in ("firm", "likely", "toss-up")
    ]
    rest = inside["unlikely"] + inside["firmly outside"]
    parts += [f"{rest:,} {are(rest)} {_SURENESS_WORDS['unlikely']}"] if rest else []
    tenth = share_of(share)
    told = [
        (
            sentence(
                f"{title}, {varied}: of {count(total, *nouns)} in the greatest-need {tenth}, {listed(parts)}, in {draws:,} draws"
            ),
            float(inside["firm"]),
            "ranks",
        )
    ]
    if firmer:
        what = f"outside it {are(firmer)} in it as often as the least sure of those inside"
        told.append((sentence(f"{title}, {varied}: {count(firmer, *nouns)} {what}"), float(firmer), "ranks"))
    likely = outside["firm"] + outside["likely"]
    if likely:
        what = f"outside it {are(likely)} in it in two thirds of draws or more"
        told.append((sentence(f"{title}, {varied}: {count(likely, *nouns)} {what}"), float(likely), "ranks"))
    return told


def error_findings(
    title: str,
    lacking: Sequence[str],
    *,
    leaves: int,
    without: int,
    approximate: Sequence[str],
    alone: Sequence[str] = (),
) -> list[Told]:
    """Return which indicators have no sampling error, so that intervals are lower bounds, and other reasons to trust them less.

    Args:
        title: Title of the index.
        lacking: Titles of leaves without any error.
        leaves: Leaves of the index.
        without: Values of the others that have none.
        approximate: Titles of leaves whose denominators are approximate.
        alone: Titles of leaves that are shrunk one by one, and whose errors are not said to go together.
    """
    told: list[Told] = []
    if lacking:
        number = len(lacking)
        what = f"sampling error is not available for {number} of {leaves} indicators ({listed(lacking, 8)})"
        told.append((sentence(f"{title}: {what}, so intervals are lower bounds"), float(number), "factors"))
    if without:
        what = (
            "has no count or error and is not varied"
            if without == 1
            else "have no count or error and are not varied"
        )
        told.append(
            (sentence(f"{title}: {count(without, 'value', 'values')} {what}"), float(without), "factors")
        )
    if approximate:
        what = f"the error of {listed(approximate, 8)} rests on approximate denominators"
        told.append((sentence(f"{title}: {what}"), float(len(approximate)), "factors"))
    if len(alone) > 1:
        what = (
            f"{listed(alone, 8)} are shrunk one by one and their errors drawn apart: if these rates rise and fall together from area to"
            " area, intervals of scores are too narrow, while ranks hardly suffer; a `group` with a correlation says so"
        )
        told.append((sentence(f"{title}: {what}"), float(len(alone)), "factors"))
    return told


def failure_findings(title: str, failed: Mapping[str, int], draws: int, reasons: Sequence[str]) -> list[Told]:
    """Return how many draws failed and why; nothing where none did.

    Args:
        title: Title of the index.
        failed: Failed draws by component.
        draws: Number of draws.
        reasons: Why, each once.
    """
    told: list[Told] = []
    for component, number in failed.items():
        why = f"; the first reason: {reasons[0]}" if reasons else ""
        what = f"{number:,} of {draws:,} draws ({component}) failed and count in no share{why}"
        told.append((sentence(f"{title}: {what}"), float(number), "draws"))
    return told


def driver_findings(
    title: str, factors: Sequence[str], total: Sequence[float], first: Sequence[float]
) -> list[Told]:
    """Return which factor moves ranks most.

    Args:
        title: Title of the index.
        factors: Titles of the factors.
        total: Total-order share of the mean rank shift by factor, NaN where nothing varied.
        first: First-order share.
    """
    known = [
        (share, one, name) for share, one, name in zip(total, first, factors, strict=True) if not isnan(share)
    ]
    if not known:
        return []
    share, by_itself, name = max(known)
    alone, whole = (percent(min(max(part, 0.0), 1.0)) for part in (by_itself, share))
    what = f"of all factors, {name} goes with most of how far ranks move"
    told = f"{title}: {what}: about {alone} of the variance by itself, {whole} with its interactions"
    return [(sentence(told), share, "sensitivity")]


NAMED = 20
"""Most areas that one sentence names; the others are counted."""


def joint_findings(
    title: str, nouns: tuple[str, str], shares: Any, inside: Any, *, names: Sequence[str], stale: bool
) -> list[Told]:
    """Return how sure it is which areas have both needs; nothing where uncertainty has not run.

    Args:
        title: What an area with both is called.
        nouns: How one and several areas are called.
        shares: Share of draws in which each area has both, an array, NaN where not known.
        inside: Whether it has both as the indices are, an array.
        names: Names of the areas.
        stale: Whether the draws are of older indices.
    """
    if stale:
        what = "how sure that is is not said, because the indices have changed since: run `wardmote run uncertainty`"
        return [(sentence(what), float("nan"), "need")]
    classes = [sureness(p) for p in shares[inside].tolist()]
    if not any(classes):
        return []
    number = {word: classes.count(word) for word in SURENESS}
    parts = [
        f"{number[word]:,} {are(number[word])} {_SURENESS_WORDS[word]}"
        for word in ("firm", "likely", "toss-up")
    ]
    rest = number["unlikely"] + number["firmly outside"]
    parts += [f"{rest:,} {are(rest)} {_SURENESS_WORDS['unlikely']}"] if rest else []
    what = f"of {count(len(classes), *nouns)}, {listed(parts)}, in the same worlds of both indices"
    told = [(sentence(f"{title}: {what}"), float(number["firm"]), "need")]
    others = sorted(
        (-p, name)
        for p, name, one in zip(shares.tolist(), names, inside.tolist(), strict=True)
        if not one and p >= SURENESS["likely"]
    )
    if others:
        what = f"{count(len(others), *nouns)} {are(len(others))} not on the list and would be in two thirds of worlds or more"
        weaker = number["toss-up"] + rest
        what += f", more often than {weaker:,} that {are(weaker)} on it" if weaker else ""
        named = listed([name for _, name in others], NAMED)
        told.append((sentence(f"{title}: {what}: {named}"), float(len(others)), "need"))
    return told


# --- Audit ------------------------------------------------------------------------------------------------------------------

AUDIT_TESTS: Mapping[str, str] = MappingProxyType(
    {
        "data for indicators": "Does every indicator have values?",
        "data for areas": "Does every area that is ranked have enough indicators?",
        "skewness and kurtosis": "Is any indicator dominated by a few areas?",
        "outliers": "Do many values lie far out?",
        "correlation with siblings": "Do the parts of one whole go together, without saying the same twice?",
        "correlation with parent": "Does every part go with the whole that it belongs to?",
        "own parent": "Does every indicator go best with its own domain?",
        "one dimension": "Do the parts of one whole measure one thing?",
        "reliability": "Is the sum of the parts reliable?",
        "correlation with the rest": "Does any domain run against the rest of the index?",
        "link to another measure": "Does the index, or a domain, run against another measure?",
        "link inside a class": "Does it do so inside each class of areas?",
        "weight and influence": "Does every part count as much as its weight says?",
        "left out: ranks": "How far do areas move where one part is left out?",
        "left out: greatest need": "Which share of the greatest-need areas changes then?",
        "driver of ranks": "Does one choice or one source of error drive the ranks?",
        "intervals of ranks": "How wide are the intervals of ranks?",
        "added value": "Does the index say more than one of its domains?",
    }
)
"""The tests of an audit in the order of telling, each with the question that it answers."""

_AUDIT_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "data for indicators": "{name} has values for {share} of {areas}",
        "data for areas": "every one of {areas} that is ranked has {share}",
        "data for areas, flagged": "{few} that {are} ranked {have} fewer than {limit} of the indicators",
        "skewness and kurtosis": "{name} has a skewness of {skew} and a kurtosis of {kurt}",
        "outliers": "{name} has {share} of its values far outside its quartiles",
        "correlation with siblings": "“{name}” and “{other}”, parts of {parent}, go together with a correlation of {r}",
        "correlation with siblings, flagged": "“{name}” and “{other}”, parts of {parent}, hardly go together: correlation {r}",
        "correlation with siblings, opposed": "“{name}” and “{other}”, parts of {parent}, run against each other: correlation {r}",
        "correlation with siblings, redundant": "“{name}” and “{other}”, parts of {parent}, say almost the same: correlation {r}",
        "correlation with parent": "{name} goes with {parent}: correlation {r}",
        "correlation with parent, flagged": "{name} hardly goes with {parent}, to which it belongs: correlation {r}",
        "correlation with parent, opposed": "{name} runs against {parent}, to which it belongs: correlation {r}",
        "own parent": "{name} goes best with its own {parent} (correlation {r}; with {other} {second})",
        "own parent, flagged": "{name} goes better with {other} (correlation {second}) than with its own {parent} ({r})",
        "one dimension": "the {parts} of {name} hold {dimensions}; the first carries {share} of their variance",
        "reliability": "the {parts} of {name} have a reliability (Cronbach's alpha) of {r}",
        "correlation with the rest": "{name} does not run against the rest of {parent}: correlation {r}",
        "correlation with the rest, flagged": "{name} runs against the rest of {parent}: correlation {r}",
        "link to another measure": "{name} does not run against {other}: correlation {r} over {areas}{inside}",
        "link to another measure, flagged": "{name} runs against {other}: correlation {r} over {areas}{inside}",
        "link inside a class": "among {areas} of the class {group}, {name} does not run against {other}: correlation {r}",
        "link inside a class, flagged": "among {areas} of the class {group}, {name} runs against {other}: correlation {r}",
        "weight and influence": "{name} has {weight} of the weight in {parent} and {share} of what {parent} shares with"
        " its parts ({linear} by straight lines)",
        "left out: ranks": "without {name}, areas move by {places} of {areas} on average",
        "left out: greatest need": "without {name}, {share} of the greatest-need {tenth} would be other areas",
        "driver of ranks": "{name} goes with {share} of the variance of how far ranks move, interactions included",
        "intervals of ranks": "the 90% interval of ranks spans more than {deciles} for {share} of {areas}",
        "added value": "{parent} ranks areas otherwise than {name} alone: rank correlation {r}",
        "added value, flagged": "{parent} ranks areas almost as {name} alone does: rank correlation {r}",
    }
)
"""Sentences by test; with a word after the comma where the finding is of that kind."""


def signed(number: float, digits: int = 2) -> str:
    """Return a correlation or a skewness as it is printed, with a true minus and never a negative zero: ``−0.15``.

    Args:
        number: The number; "not available" for NaN.
        digits: Digits after the point.
    """
    if isnan(number):
        return "not available"
    text = f"{abs(number):.{digits}f}"
    return f"−{text}" if number < 0 and float(text) else text


def audit_sentence(test: str, kind: str, **said: str) -> str:
    """Return what one line of an audit found, in one sentence.

    Args:
        test: The test, a key of `AUDIT_TESTS`.
        kind: "", or the kind of finding: flagged, opposed, redundant.
        said: What the sentence names, ready for print.
    """
    template = _AUDIT_SENTENCES.get(f"{test}, {kind}") or _AUDIT_SENTENCES[test]
    return sentence(template.format(**said))


def audit_findings(title: str, counts: Mapping[str, int], told: Sequence[tuple[str, float]]) -> list[Told]:
    """Return what an audit found in all, and what it flagged in the links to other measures.

    Args:
        title: Title of the index.
        counts: Lines by result: passed, flagged, not applicable.
        told: Sentences of the links that were flagged, with their correlations.
    """
    passed, flagged, none = (counts.get(name, 0) for name in ("passed", "flagged", "not applicable"))
    apply = "does not apply" if none == 1 else "do not apply"
    what = f"{title}: {count(passed, 'test')} of its statistical audit passed and {count(flagged, 'test')} {are(flagged)} flagged"
    if none:
        what += f"; {count(none, 'further one', 'further ones')} {apply}"
    return [
        (sentence(what), float(flagged), "audit"),
        *((f"{title}: {text}", value, "audit") for text, value in told),
    ]
