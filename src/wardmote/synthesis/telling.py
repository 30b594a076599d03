"""Evidence in words: what was found, how surely, and where nobody has looked. Associations are not worded as causes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wardmote import words
from wardmote.synthesis.findings import Finding
from wardmote.synthesis.strength import SMALL, SMALL_RATIO, Answer

LARGE = 2.5
"""An effect this many times a small one is moderate, and from four times large: Cohen's 0.2, 0.5 and 0.8."""


def answer_word(answer: Answer) -> str:
    """Return better, worse or no clear effect, by the interval of an answer."""
    return "better" if answer.low > 0 else "worse" if answer.high < 0 else "no clear effect"


def size(answer: Answer) -> str:
    """Return how large an effect is, in a word and with its number and interval.

    Ratios are told the way round that they were printed; all else is positive for better.
    """
    small = SMALL.get(answer.scale, SMALL_RATIO)
    much = abs(answer.effect) / small
    word = "very small" if much < 0.5 else "small" if much < LARGE else "moderate" if much < 4 else "large"
    ends = [answer.effect, answer.low, answer.high]
    if answer.scale.startswith("log "):
        turned = all(one.better == -1 for one in answer.findings)
        ends = [ends[0], ends[2], ends[1]] if turned else ends
        figures = [f"{math.exp(-x if turned else x):.2f}" for x in ends]
        kind, side = answer.scale.removeprefix("log "), "below" if turned else "above"
        return f"{word}: {kind} {figures[0]} (95% interval {figures[1]} to {figures[2]}; {side} 1 is better)"
    unit = "standard deviations" if answer.scale.startswith("standardised") else answer.scale
    figures = [_signed(x) for x in ends]
    return f"{word}: {figures[0]} {unit} (95% interval {figures[1]} to {figures[2]}; positive is better)"


def _signed(x: float) -> str:
    """Return a number with two decimals, or with as many as it takes to show that it is not 0."""
    digits = 2 if abs(x) >= 0.005 or x == 0 else 3
    return f"{x:.{digits}f}".replace("-", "−")


def cell_sentence(
    strategy: str,
    outcome: Mapping[str, str],
    findings: Sequence[Finding],
    answer: Answer | None,
    *,
    word: str,
    strong: str,
) -> str:
    """Return the answer of one strategy and outcome in one plain sentence.

    Args:
        strategy: Its title.
        outcome: Its words in the taxonomy.
        findings: All findings of the two.
        answer: The leading answer, or None.
        word: What it says; see `wardmote.tables.ANSWERS`.
        strong: Its strength.
    """
    what = _lower(outcome["title"])
    if not findings:
        return words.sentence(f"{strategy} and {what}: nobody in this library has looked")
    if answer is None:
        told = _directions(findings)
        many = words.count(len(findings), "finding")
        why = "without a size that can be compared"
        if any(one.closed and one.sized for one in findings):
            why = "that may be told by their directions only, since their file's licence lets them be pooled but not shown"
        return words.sentence(f"{strategy} and {what}: {many} {why} ({told})")
    behind = {one.effect for one in answer.findings}
    others = [one for one in findings if one.effect not in behind and one.role == "study"]
    rest = f"; other studies: {_directions(others)}" if others else ""
    if word == "several ways":
        figures = f"the most precise with a size, {_about(answer)}, found {size(answer)}"
        return words.sentence(
            f"{strategy} and {what}: findings point several ways ({_directions(findings)}); {figures}; strength of evidence: {strong}"
        )
    said = {
        "better": f"{outcome.get('better', f'better {what}')} where it was done",
        "worse": f"{outcome.get('worse', f'worse {what}')} where it was done",
        "no clear effect": f"no clear difference in {what}",
    }[word]
    # Where no difference is clear, none is called small or large.
    sized = f": {size(answer).partition(': ')[2]}" if word == "no clear effect" else f", {size(answer)}"
    return words.sentence(
        f"{strategy}: {said}{sized}, from {_from(answer)}{_ahead(answer)}{rest}; strength of evidence: {strong}"
    )


def _from(answer: Answer) -> str:
    """Return what an answer rests on."""
    if answer.model == "single study":
        return f"one study ({_about(answer)})"
    if answer.model == "published review":
        many = f" of {words.count(answer.studies, 'study', 'studies')}" if answer.studies > 1 else ""
        return f"a published review{many} ({_about(answer)})"
    return f"{words.count(answer.studies, 'study', 'studies')} pooled here"


def _about(answer: Answer) -> str:
    """Return what was done and for whom, in the words of the library."""
    row = answer.findings[0].row
    parts = [row.get("intervention", ""), row.get("population", "")]
    return "; ".join(_lower(part) for part in parts if part) or answer.findings[0].effect


def _ahead(answer: Answer) -> str:
    """Return what a new place may see, where that is open."""
    low, high = answer.numbers.get("prediction_low"), answer.numbers.get("prediction_high")
    if low is not None and high is not None and low < 0 < high:
        return "; in a new place it may be better or worse"
    return ""


def _lower(title: str) -> str:
    """Return a title inside a sentence; words in capitals, such as UK, stay."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _directions(findings: Sequence[Finding]) -> str:
    """Return how many findings conclude what."""
    names = {"benefit": "benefit", "none": "no clear effect", "mixed": "mixed", "harm": "harm"}
    counts = {word: sum(one.result == word for one in findings) for word in names}
    return ", ".join(f"{number} {names[word]}" for word, number in counts.items() if number)


def findings_of(
    title: str,
    cells: Sequence[Mapping[str, object]],
    *,
    findings: Sequence[Finding],
    studies: int,
    records: int,
    titles: Mapping[str, str],
    doubles: int = 0,
    unstated: Sequence[str] = (),
) -> list[words.Told]:
    """Return what a body of evidence says, in the order of telling: its size, answers, harms, gaps, and what to beware of.

    Args:
        title: Its title.
        cells: Rows of the gap map, as values.
        findings: All quantitative findings.
        studies: Studies with findings.
        records: Records that are still to be read.
        titles: Titles of outcomes by id.
        doubles: Records that were left out, since they stand twice or have been read.
        unstated: Files without a licence.
    """
    reviews = sum(one.role == "review" for one in findings)
    stories = sum(int(str(cell["accounts"])) for cell in cells)
    told_too = f" with numbers and {stories:,} in words" if stories else ""
    told: list[words.Told] = [
        (
            words.sentence(
                f"{title}: {words.count(len(findings), 'finding')}{told_too} from"
                f" {words.count(studies, 'study or review', 'studies and reviews')},"
                f" {reviews:,} of them from reviews"
            ),
            float(len(findings)),
            "effects",
        )
    ]
    if records or doubles:
        left = (
            f"; {words.count(doubles, 'record')} left out that stood twice or had been read"
            if doubles
            else ""
        )
        what = f"{words.count(records, 'record')} still to be read{left}"
        told.append((words.sentence(what), float(records), "studies"))
    order = {"high": 0, "moderate": 1, "low": 2, "very low": 3}
    sized = sorted(
        (cell for cell in cells if cell["strength"] in order), key=lambda cell: order[str(cell["strength"])]
    )
    told += [(str(cell["sentence"]), _number(cell["effect"]), "gap_map") for cell in sized]
    harms = [one for one in findings if one.result == "harm"]
    if harms:
        shown = [one for one in harms if not one.closed]
        named = list(dict.fromkeys(one.row.get("intervention", "") or one.effect for one in shown))
        # Several findings may speak of one intervention: without its count the list looks cut.
        fewer = f", from {words.count(len(named), 'intervention')}" if 0 < len(named) < len(shown) else ""
        listed = f": {'; '.join(named)}" if named else ""
        what = f"{words.count(len(harms), 'finding')} of harm{fewer}{listed}"
        told.append((words.sentence(what), float(len(harms)), "effects"))
    told += _gaps(cells, findings, titles)
    if unstated:
        what = f"no licence is stated for {words.listed(list(unstated))}, so nothing that is made from it may be published"
        told.append((words.sentence(what), float(len(unstated)), "sources"))
    return told


def _gaps(
    cells: Sequence[Mapping[str, object]], findings: Sequence[Finding], titles: Mapping[str, str]
) -> list[words.Told]:
    """Return where nobody has looked, which outcomes of connectedness are thin, and what must still be checked."""
    told: list[words.Told] = []
    empty = sum(cell["answer"] == "nobody has looked" for cell in cells)
    if empty:
        what = (
            f"in {empty:,} of {len(cells):,} pairs of strategy and outcome nobody in this library has looked"
        )
        told.append((words.sentence(what), float(empty), "gap_map"))
    core = dict.fromkeys(str(cell["outcome"]) for cell in cells if cell["core"])
    thin = [
        f"{_lower(titles[name])} ({words.count(number, 'finding')})"
        for name in core
        if (number := sum(one.outcome == name for one in findings)) < 5
    ]
    if thin:
        what = f"outcomes of connectedness are thin: {words.listed(thin)}; what builds connectedness cannot be answered by pooling them"
        told.append((words.sentence(what), float(len(thin)), "gap_map"))
    unsized = sum(not one.sized for one in findings)
    if unsized:
        what = (
            f"{unsized:,} of {len(findings):,} findings have no effect with an error on a common scale; they are listed with their"
            " direction, because leaving them out would tilt the library towards success"
        )
        told.append((words.sentence(what), float(unsized), "effects"))
    told += _shared(findings)
    unchecked = sum(bool(one.check) for one in findings)
    if unchecked:
        what = f"{unchecked:,} of {len(findings):,} findings must still be checked against their publications"
        told.append((words.sentence(what), float(unchecked), "effects"))
    if all(one.risk == "not assessed" for one in findings):
        told.append(("Risk of bias was not assessed for any finding.", math.nan, "effects"))
    return told


def _shared(findings: Sequence[Finding]) -> list[words.Told]:
    """Return which studies speak of the same people, so that nobody counts them as independent."""
    by_trial: dict[str, set[str]] = {}
    for one in findings:
        if one.row.get("trial"):
            by_trial.setdefault(one.row["trial"], set()).add(one.study)
    same = [sorted(studies) for studies in by_trial.values() if len(studies) > 1]
    if not same:
        return []
    many = words.count(sum(map(len, same)), "study", "studies")
    what = (
        f"{many} speak of the same people as another and are never pooled as if they were independent; reviews may hold the"
        " same studies, and are never pooled at all"
    )
    return [(words.sentence(what), float(len(same)), "effects")]


def _number(value: object) -> float:
    """Return a value of a cell as a number."""
    return float(value) if isinstance(value, (int, float)) else math.nan
