"""What an evaluation says, in plain sentences: what was declared, what changed, how far it can be trusted, what it is worth."""

from __future__ import annotations

from wardmote.evaluate.checks import spoken
from wardmote.evaluate.panel import Panel
from wardmote.evaluate.world import Impact
from wardmote.study import ProgrammeSpec
from wardmote.words import count, figure, listed, percent, sentence

Told = tuple[str, float, float, float, str]
"""One finding: its sentence, the number that it tells with both ends of its interval (NaN for none), and the table that holds it."""

_NONE = float("nan")


def declared(spec: ProgrammeSpec, programme: str, checksum: str, nouns: tuple[str, str]) -> list[Told]:
    """Return what was declared before the run, and what was added or changed since.

    Args:
        spec: The programme.
        programme: Its name in the study.
        checksum: Checksum of the declaration as it stands.
        nouns: How one area and several are called.
    """
    title = spec.title or programme
    areas = sum(len(cohort.areas) for cohort in spec.cohorts)
    starts = listed([cohort.start for cohort in sorted(spec.cohorts, key=lambda one: one.start)])
    told: list[Told] = [
        (
            sentence(
                f"{title}: declared are {count(areas, *nouns)} supported from {starts}, the primary outcome {spec.outcome} and the main"
                f" estimator {spec.estimators[0]} (declaration {checksum[:12]})"
            ),
            areas,
            _NONE,
            _NONE,
            "treatments",
        )
    ]
    if spec.declared and not checksum.startswith(spec.declared):
        told.append(
            (
                sentence(
                    f"{title}: the declaration has changed since it was recorded as {spec.declared[:12]}; what follows was not all decided"
                    " beforehand"
                ),
                _NONE,
                _NONE,
                _NONE,
                "treatments",
            )
        )
    added = [*spec.added.outcomes, *spec.added.estimators]
    if added:
        why = f", because {spec.added.why}" if spec.added.why else "; no reason is given"
        told.append(
            (
                sentence(f"{title}: added after the declaration: {listed(added)}{why}"),
                len(added),
                _NONE,
                _NONE,
                "impacts",
            )
        )
    return told


def effect(spec: ProgrammeSpec, programme: str, panel: Panel, main: Impact, nouns: tuple[str, str]) -> Told:
    """Return the main result of one outcome in words that claim no more than it shows.

    Args:
        spec: The programme.
        programme: Its name.
        panel: The panel.
        main: The estimate.
        nouns: How one area and several are called.
    """
    title = spec.title or programme
    size = figure(abs(main.effect), 2)
    size += f" {spoken(panel.unit)}" if panel.unit else ""
    way = "higher" if main.effect > 0 else "lower"
    interval = (
        f"95% interval {figure(main.low, 2)} to {figure(main.high, 2)}"
        if main.low == main.low
        else "no interval is available for this estimator"
    )
    if main.low == main.low and main.low <= 0 <= main.high:
        what = (
            f"{panel.title} stood {size} {way} in the supported {nouns[1]} than would be expected without support ({interval}):"
            " the data are compatible with no effect, and with effects of either sign inside the interval"
        )
    else:
        need = "less" if main.effect * panel.direction < 0 else "more"
        what = (
            f"{panel.title} stood {size} {way} in the supported {nouns[1]} than would be expected without support ({interval}),"
            f" on the side of {need} need; this rests on supported and comparison {nouns[1]} having moved alike otherwise"
        )
    return sentence(f"{title}: {what}"), main.effect, main.low, main.high, "impacts"


def compared(programme: str, used: int, near: int, outside: int) -> Told:
    """Return how many areas were compared, and how many were left out and why.

    Args:
        programme: Title of the programme.
        used: Comparison areas.
        near: Areas left out since support may spill over.
        outside: Areas left out for other reasons.
    """
    left = [
        text
        for text in (
            f"{near:,} for being near" if near else "",
            f"{outside:,} for other stated reasons" if outside else "",
        )
        if text
    ]
    more = f"; left out are {listed(left)}" if left else ""
    return sentence(f"{programme}: compared with {used:,} areas{more}"), used, _NONE, _NONE, "comparators"


def worth(programme: str, ratio: float, low: float, high: float, above: float) -> Told:
    """Return the benefit–cost ratio with what it rests on.

    Args:
        programme: Title of the programme.
        ratio: Central ratio.
        low: Lower end of its simulated interval.
        high: Upper end.
        above: Share of simulations above 1.
    """
    text = (
        f"{programme}: under the stated assumptions each pound brought {figure(ratio, 2)} pounds of wellbeing (95% of simulations"
        f" {figure(low, 2)} to {figure(high, 2)}; {percent(above)} of them above 1)"
    )
    return sentence(text), ratio, low, high, "worths"
