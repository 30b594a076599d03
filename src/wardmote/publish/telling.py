"""How an index was made, told in plain words: its steps, its weights, its gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wardmote import words
from wardmote.publish import speech
from wardmote.publish.strings import STRINGS, say
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
            return say("steps", "denominate", who=who, by=titles.get(step.by, step.by))
        case ScreenStep():
            share = speech.percent(step.min_available)
            return say("steps", f"screen_{step.what}", who=who, share=share)
        case ImputeStep():
            value = f"{step.value or 0:g}"
            return say(
                "steps",
                "impute",
                who=who,
                by=say("impute", step.method, within=level_name(step.within), value=value),
            )
        case TreatStep():
            what = STRINGS["treat"][step.method]
            return say("steps", "treat", who=who, what=f"{what[0].lower()}{what[1:]}")
        case ShrinkStep():
            return say("steps", "shrink", who=who, towards=level_name(step.towards))
        case NormaliseStep():
            return say(
                "steps", "normalise", who=who, what=say("normalise", step.method, reference=step.reference)
            )
        case WeighStep():
            return say("steps", "weigh", who=who, what=say("weigh", step.method, source=step.source))
        case AggregateStep():
            return say("steps", "aggregate", who=who, what=STRINGS["aggregate"][step.method])


def told_on(on: On, titles: Mapping[str, str], root: str) -> str:
    """Return what a step works on, in words: ``Indicators``, ``The whole index``, ``Income and Work``.

    Args:
        on: The step's `on`.
        titles: Titles of nodes.
        root: Name of the root.
    """
    of = STRINGS["steps"]
    plain = {
        "leaves": of["indicators"],
        "branches": of["branches"],
        "root": of["whole"],
        "depth 0": of["whole"],
        "depth 1": of["domains"],
        f"children of {root}": of["domains"],
        "children of root": of["domains"],
        root: of["whole"],
    }

    def one(word: str) -> str:
        if word in plain:
            return plain[word]
        for start, key in (("children of ", "parts_of"), ("leaves of ", "indicators_of")):
            if word.startswith(start):
                name = word.removeprefix(start)
                return say("steps", key, title=titles.get(name, name))
        return titles.get(word, word)

    told = speech.listed([one(word) for word in ([on] if isinstance(on, str) else on)], most=8)
    return told[:1].upper() + told[1:]
