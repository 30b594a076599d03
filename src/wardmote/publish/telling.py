"""How an index was made, told in plain words: its steps, its weights, its gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wardmote import words
from wardmote.study import (
    AggregateStep,
    DenominateStep,
    ImputeStep,
    IndexSpec,
    NormaliseStep,
    On,
    ScreenStep,
    ShrinkStep,
    Step,
    TreatStep,
    WeighStep,
)

IMPUTE = {
    "mean": "the mean of all areas",
    "median": "the middle value of all areas",
    "group-mean": "the mean of its {within}",
    "group-median": "the middle value of its {within}",
    "parent": "the value of its {within}",
    "neighbours": "the mean of the areas that it borders on",
    "constant": "{value:g}",
}
"""What a missing value is replaced by, by method."""

TREAT = {
    "skew-kurt": "Where a few extreme values would dominate, they are drawn in (or the scale is made logarithmic) until they no longer do.",
    "winsorise": "The most extreme values are drawn in to the next one.",
    "log-ct-orig": "Values are put on a logarithmic scale.",
    "log-ct": "Values are put on a logarithmic scale.",
    "log-ct-plus": "Values are put on a logarithmic scale.",
    "log-gii": "Values are put on a logarithmic scale.",
    "box-cox": "Values are put on a power scale (Box–Cox) that makes them less lopsided.",
}
"""What treating does, by method."""

NORMALISE = {
    "minmax": "are stretched from the lowest to the highest value onto one scale",
    "zscore": "are measured in standard deviations from the mean",
    "rank": "are replaced by their ranks",
    "percentile-rank": "are replaced by the share of areas below them",
    "borda": "are replaced by the number of areas below them",
    "rank-normal": "are ranked and placed on a bell curve, so that percentages, rates and distances can be put together",
    "exponential": "are ranked and stretched at the greatest-need end, so that little need in one "
    "domain cannot fully cancel great need in another",
    "distance-to-max": "are measured against the highest one",
    "distance-to-reference": "are measured against {reference}",
    "distance-to-target": "are measured against a target",
    "fraction-of-max": "are divided by the highest one",
    "goalposts": "are placed between two fixed posts",
    "none": "stay on their own scale",
}
"""What normalising does to values, by method."""

WEIGH = {
    "given": "get the weights that the study states",
    "equal": "all count the same",
    "pca": "are weighed by how much they move together (principal component)",
    "factor": "are weighed by how well they show what they share (one factor, maximum likelihood)",
    "balanced": "are weighed so that each is tied to the result as closely as its weight says",
    "priorities": "are weighed by the priorities in the source “{source}”",
}
"""How the parts of a node are weighed, by method."""

AGGREGATE = {
    "arithmetic": "the weighted mean of its parts",
    "geometric": "the weighted geometric mean of its parts, in which one very poor part counts for more",
    "harmonic": "the weighted harmonic mean of its parts, in which one very poor part counts for much more",
    "generalised": "a weighted power mean of its parts",
    "mazziotta-pareto": "the mean of its parts, less a penalty for being uneven",
    "sum": "the sum of its parts, each times its weight",
    "copeland": "the number of areas that it is ahead of, less the number that are ahead of it, part by part",
}
"""What a node is made from its parts by, by method."""


def told_steps(index: IndexSpec, level_name: Callable[[str], str]) -> list[str]:
    """Return the steps of an index in order, one sentence each.

    Args:
        index: The index, recipe merged in.
        level_name: Gives what one area of a level is called.
    """
    titles = {node.node: node.title or node.node for node in index.tree}
    root = next((node.node for node in index.tree if not node.parent), "")
    return [words.sentence(told_step(step, titles, root, level_name)) for step in index.steps]


def told_step(step: Step, titles: Mapping[str, str], root: str, level_name: Callable[[str], str]) -> str:
    """Return what one step does.

    Args:
        step: The step.
        titles: Titles of nodes.
        root: Name of the root.
        level_name: Gives what one area of a level is called.
    """
    who = told_on(step.on, titles, root)
    match step:
        case DenominateStep():
            return f"{who}: counts are divided by {titles.get(step.by, step.by)}"
        case ScreenStep():
            what = "areas" if step.what == "areas" else "indicators"
            return f"{who}: {what} with fewer than {words.percent(step.min_available)} of their values are left out"
        case ImputeStep():
            by = IMPUTE[step.method].format(within=level_name(step.within), value=step.value or 0)
            return f"{who}: a missing value is replaced by {by}; each such value is flagged and counted"
        case TreatStep():
            return f"{who}: {TREAT[step.method][0].lower()}{TREAT[step.method][1:]}"
        case ShrinkStep():
            return (
                f"{who}: rates from small counts are drawn towards the rate of their {level_name(step.towards)}, "
                "the more so the smaller the count"
            )
        case NormaliseStep():
            return f"{who}: values {NORMALISE[step.method].format(reference=step.reference)}"
        case WeighStep():
            return f"{who}: the parts {WEIGH[step.method].format(source=step.source)}"
        case AggregateStep():
            return f"{who}: each score is {AGGREGATE[step.method]}"


def told_on(on: On, titles: Mapping[str, str], root: str) -> str:
    """Return what a step works on, in words: ``Indicators``, ``The whole index``, ``Income and Work``.

    Args:
        on: The step's `on`.
        titles: Titles of nodes.
        root: Name of the root.
    """
    plain = {
        "leaves": "indicators",
        "branches": "domains and the whole",
        "root": "the whole index",
        "depth 0": "the whole index",
        "depth 1": "domains",
        f"children of {root}": "domains",
        "children of root": "domains",
        root: "the whole index",
    }

    def one(word: str) -> str:
        if word in plain:
            return plain[word]
        for start, said in (("children of ", "parts of "), ("leaves of ", "indicators of ")):
            if word.startswith(start):
                name = word.removeprefix(start)
                return said + titles.get(name, name)
        return titles.get(word, word)

    told = words.listed([one(word) for word in ([on] if isinstance(on, str) else on)], most=8)
    return told[:1].upper() + told[1:]
