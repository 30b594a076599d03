"""Overrides of a recipe by typed path: ``weights.NODE``, ``steps.ID.FIELD``, ``leave_out.NODE``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wardmote.errors import Problem
from wardmote.study import IndexSpec, Step

_PATHS = "weights.NODE, steps.ID.FIELD or leave_out.NODE"


@dataclass(frozen=True, slots=True)
class Changes:
    """A spec with its overrides applied.

    Attributes:
        spec: The changed spec.
        origin: Where changed weights come from, by node.
        left_out: Nodes that are to be left out.
        problems: Paths that lead nowhere and values that cannot be.
    """

    spec: IndexSpec
    origin: Mapping[str, str]
    left_out: tuple[str, ...]
    problems: tuple[Problem, ...]


def flat_paths(overrides: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield overrides as (path, value), whether written ``"weights.income" = 1`` or as nested tables.

    Args:
        overrides: The table of the study.
        path: Keys above it.
    """
    for key, value in overrides.items():
        here = (*path, key)
        joined = ".".join(here)
        # A table below steps.ID.FIELD is the field's value (for instance weights of a weigh step), not a longer path.
        ends = len(here) >= 3 or (len(here) == 1 and key.startswith("steps.") and key.count(".") >= 2)
        if isinstance(value, Mapping) and not ends:
            yield from flat_paths(value, here)
        else:
            yield joined, value


def apply_overrides(spec: IndexSpec, where: str) -> Changes:
    """Return a spec with its overrides applied; what cannot be applied is a problem, never ignored.

    Args:
        spec: The spec; not changed.
        where: The index, for problems.
    """
    weights: dict[str, float] = {}
    left_out: list[str] = []
    steps: dict[str, Step] = {step.id: step for step in spec.steps}
    nodes = {node.node for node in spec.tree}
    problems: list[Problem] = []
    for path, value in flat_paths(spec.overrides):
        head, _, rest = path.partition(".")
        place = f"{where}.overrides.{path}"
        if head == "weights" and rest in nodes:
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                weights[rest] = float(value)
            else:
                problems.append(Problem(place, "the weight is not a number", repr(value), "0 or more"))
        elif head == "leave_out" and rest in nodes:
            if value is True:
                left_out.append(rest)
            elif value is not False:
                problems.append(Problem(place, "the value is not possible", repr(value), "true or false"))
        elif head == "steps" and rest.rpartition(".")[0] in steps:
            name, _, field = rest.rpartition(".")
            changed = _with_field(steps[name], field, value, place)
            if isinstance(changed, Problem):
                problems.append(changed)
            else:
                steps[name] = changed
        else:
            known = {"weights": nodes, "leave_out": nodes, "steps": steps}.get(head)
            expected = f"{head} of one of {', '.join(sorted(known))}" if known else _PATHS
            problems.append(Problem(place, "the path leads nowhere", path, expected))
    tree = [
        node.model_copy(update={"weight": weights[node.node]}) if node.node in weights else node
        for node in spec.tree
    ]
    changed_spec = spec.model_copy(update={"tree": tree, "steps": list(steps.values()) if steps else []})
    if len(steps) != len(spec.steps):  # doubled ids are reported by the compiler, which must see both
        changed_spec = spec.model_copy(update={"tree": tree})
    return Changes(changed_spec, dict.fromkeys(weights, "study"), tuple(left_out), tuple(problems))


def _with_field(step: Step, field: str, value: Any, place: str) -> Step | Problem:
    """Return the step with one field changed, or the problem."""
    fields = [name for name in type(step).model_fields if name not in ("id", "do")]
    if field not in fields:
        return Problem(place, "the step has no such field", field, ", ".join(fields))
    try:
        return type(step).model_validate({**step.model_dump(exclude_unset=True), field: value})
    except ValueError as error:
        lines = str(error).splitlines()
        detail = lines[2].strip() if len(lines) > 2 else str(error)
        return Problem(place, "the value is not possible", repr(value), detail)
