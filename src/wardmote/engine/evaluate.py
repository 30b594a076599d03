"""Evaluating a plan: the same code for one world and for many, from the start or from any step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from wardmote.engine.plan import Operation, Plan
from wardmote.errors import MethodError, Problem
from wardmote.methods.aggregate import AGGREGATE
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.impute import IMPUTE
from wardmote.methods.normalise import NORMALISE
from wardmote.methods.shrink import shrink
from wardmote.methods.treat import TREAT, treat_draws
from wardmote.methods.weigh import WEIGH

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What some steps look at beside the leaves; all over the same areas in the same order.

    Attributes:
        columns: Indicators to divide by, by name, shape (..., n).
        numerators: Counts above the line of a leaf's rate, by leaf, shape (..., n).
        denominators: Counts below it.
        groups: Position of each area's larger area, by level, whole numbers, shape (n,); -1 where it has none.
        parent_values: Published values of larger areas, by (level, leaf), shape (..., p), in the order of `groups`.
        neighbours: Adjacency as (indptr, indices) of a CSR matrix, or None.
        places: Position of an area by its code, for reference areas.
        priorities: Weights of nodes that people stated, by (source, area).
    """

    columns: Mapping[str, FloatArray] = field(default_factory=lambda: _NOTHING)
    numerators: Mapping[str, FloatArray] = field(default_factory=lambda: _NOTHING)
    denominators: Mapping[str, FloatArray] = field(default_factory=lambda: _NOTHING)
    groups: Mapping[str, IntArray] = field(default_factory=lambda: _NOTHING)
    parent_values: Mapping[tuple[str, str], FloatArray] = field(
        default_factory=lambda: cast("Mapping[tuple[str, str], FloatArray]", _NOTHING)
    )
    neighbours: tuple[IntArray, IntArray] | None = None
    places: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    priorities: Mapping[tuple[str, str], Mapping[str, float]] = field(
        default_factory=lambda: cast("Mapping[tuple[str, str], Mapping[str, float]]", _NOTHING)
    )


ALONE = Surroundings()
"""Surroundings for plans whose steps look at the leaves only."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one step changed in one node beyond scaling it.

    Attributes:
        step: The step.
        node: The node.
        kind: imputed or treated.
        at: Which cells were changed, shape (..., n).
        before: Values before the step.
        after: Values after it.
        how: The treatment that was applied, or the way of imputing.
    """

    step: str
    node: str
    kind: str
    at: BoolArray
    before: FloatArray
    after: FloatArray
    how: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Where an evaluation stands: after the last step the result, before that a state to go on from.

    Attributes:
        score: Each node's current column, shape (..., n); at the end, as it enters its parent.
        value: Each node's column just before it was first normalised, in its own unit.
        weights: Each node's weight in its parent as used so far: a number, or (...) by draw.
        origin: Where each weight comes from: recipe, study, estimated, priorities.
        position: Steps that are done: the place of the next one.
        excluded: Areas screened out, shape (..., n), or None.
        screened: Leaves screened out.
        changes: What was imputed and treated in one world, in order; with axes of draws nothing is kept.
    """

    score: Mapping[str, FloatArray]
    value: Mapping[str, FloatArray]
    weights: Mapping[str, FloatArray]
    origin: Mapping[str, str]
    position: int = 0
    excluded: BoolArray | None = None
    screened: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()

    def imputed(self, node: str) -> BoolArray | None:
        """Return which of a node's values were imputed by any step, or None for none."""
        flags = [change.at for change in self.changes if change.node == node and change.kind == "imputed"]
        return np.logical_or.reduce(flags) if flags else None


def evaluate(
    plan: Plan,
    given: Mapping[str, npt.ArrayLike] | Evaluation,
    *,
    surroundings: Surroundings = ALONE,
    weights: npt.ArrayLike | None = None,
    start: int | None = None,
    stop: int | None = None,
) -> Evaluation:
    """Return the evaluation of a plan after its steps, or after those from `start` up to `stop`.

    A pure function: nothing is kept between calls and nothing given is changed. Leading axes of the columns are draws; a
    column without them is the same in every draw, and is calculated once. To try another choice at a later step, keep the
    evaluation before it (`stop`) and go on from there.

    Args:
        plan: The plan.
        given: Columns of the leaves by node, shape (..., n), NaN where missing; or an earlier evaluation of a plan with the
            same tree.
        surroundings: What some steps look at beside the leaves.
        weights: Weights of the nodes in the order of ``plan.nodes``, shape (..., number of nodes), which win over recipe and
            weigh steps; NaN leaves a node's own weight. None for none.
        start: First step to do, from 0; by default where `given` stands.
        stop: Step to stop before; None does all.

    Returns:
        The evaluation. Scores rise with need (or with what is good, where the plan says higher is better).

    Raises:
        MethodError: A leaf has no column, or a method refuses its numbers; the problems of one step come together.
    """
    state = given if isinstance(given, Evaluation) else _begin(plan, given)
    position = state.position if start is None else start
    last = len(plan.steps) if stop is None else stop
    stated = _stated_weights(plan, weights)
    if state.position != position:
        raise MethodError(
            Problem(
                f"index.{plan.index}",
                "the state does not stand at this step",
                f"{position}, with {state.position} steps done",
                "an evaluation that stopped before `start`",
            )
        )
    for place in range(position, last):
        operations = [operation for operation in plan.operations if operation.position == place]
        state = _step(_Work(plan, state, surroundings, stated), operations)
        state = replace(state, position=place + 1)
    if last >= len(plan.steps):
        value = {**state.score, **state.value}
        state = replace(state, value=MappingProxyType(value))
    return state


def _begin(plan: Plan, columns: Mapping[str, npt.ArrayLike]) -> Evaluation:
    """Return the state before the first step."""
    absent = [leaf for leaf in plan.leaves if leaf not in columns]
    if absent:
        raise MethodError(
            Problem(
                f"index.{plan.index}", f"the leaf {leaf} has no column", remedy="Give it, or leave it out."
            )
            for leaf in absent
        )
    score = {leaf: np.asarray(columns[leaf], dtype=np.float64) for leaf in plan.leaves}
    weights = {name: np.asarray(node.weight) for name, node in plan.nodes.items()}
    origin = {name: node.origin for name, node in plan.nodes.items()}
    return Evaluation(
        MappingProxyType(score), MappingProxyType({}), MappingProxyType(weights), MappingProxyType(origin)
    )


def _stated_weights(plan: Plan, weights: npt.ArrayLike | None) -> Mapping[str, FloatArray]:
    """Return weights given to the evaluation by node, without those left open."""
    if weights is None:
        return {}
    table = np.asarray(weights, dtype=np.float64)
    if table.ndim == 0 or table.shape[-1] != len(plan.nodes):
        raise MethodError(
            Problem(
                f"index.{plan.index}",
                "the weights do not fit the tree",
                f"shape {table.shape}",
                f"(..., {len(plan.nodes)}), one for each node",
            )
        )
    by_node = {name: table[..., place] for place, name in enumerate(plan.nodes)}
    return {name: column for name, column in by_node.items() if not np.isnan(column).any()}


@dataclass(slots=True)
class _Work:
    """One step at work: the state before it, and what it has changed so far."""

    plan: Plan
    before: Evaluation
    surroundings: Surroundings
    stated: Mapping[str, FloatArray]
    score: dict[str, FloatArray] = field(default_factory=dict)
    value: dict[str, FloatArray] = field(default_factory=dict)
    weights: dict[str, FloatArray] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    screened: set[str] = field(default_factory=set)
    excluded: BoolArray | None = None
    record: bool = True

    def column(self, node: str) -> FloatArray:
        return self.score[node] if node in self.score else self.before.score[node]

    def weight(self, node: str) -> FloatArray:
        if node in self.stated:
            return self.stated[node]
        return self.weights[node] if node in self.weights else self.before.weights[node]

    def in_use(self, nodes: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in nodes if name not in self.before.screened)

    def blocks(self, targets: Iterable[str]) -> Iterator[tuple[tuple[str, ...], FloatArray]]:
        """Yield targets with columns of one shape as (names, block of shape (..., k, n))."""
        by_shape: dict[tuple[int, ...], list[str]] = {}
        for name in self.in_use(targets):
            by_shape.setdefault(self.column(name).shape, []).append(name)
        for names in by_shape.values():
            yield tuple(names), stack([self.column(name) for name in names])

    def put(self, names: Sequence[str], block: FloatArray) -> None:
        for place, name in enumerate(names):
            self.score[name] = block[..., place, :]


def stack(columns: Sequence[FloatArray]) -> FloatArray:
    """Return columns of one shape (..., n) as one block (..., k, n), without copying where they already lie so in memory.

    Args:
        columns: At least one column; all of one shape.
    """
    if len(columns) == 1:
        return columns[0][..., None, :]
    base = columns[0].base
    if isinstance(base, np.ndarray) and base.ndim == columns[0].ndim + 1 and base.strides[-2] > 0:
        start = base.__array_interface__["data"][0]
        step = base.strides[-2]
        rows = [(column.__array_interface__["data"][0] - start) // step for column in columns]
        first = rows[0]
        inside = first >= 0 and first + len(rows) <= base.shape[-2]
        fits = base.dtype == np.float64 and base.shape[:-2] + base.shape[-1:] == columns[0].shape
        if inside and fits and rows == list(range(first, first + len(rows))):
            view: FloatArray = base[..., first : first + len(rows), :]
            same = all(
                column.base is base and column.strides == view[..., 0, :].strides for column in columns
            )
            if same and view.__array_interface__["data"][0] == columns[0].__array_interface__["data"][0]:
                return view
    return np.stack(columns, axis=-2)


def _step(work: _Work, operations: Sequence[Operation]) -> Evaluation:
    """Return the state after one step, or all problems of the step together."""
    problems: list[Problem] = []
    for operation in operations:
        place = f"index.{work.plan.index}.steps.{operation.step}"
        try:
            # A sum that overflows would leave infinite or missing scores and say nothing.
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                _DO[operation.kind](work, operation)
        except FloatingPointError as error:
            problems.append(_too_large(work, operation, f"{place} ({operation.method})", str(error)))
        except MethodError as error:
            problems += [replace(problem, where=f"{place} ({problem.where})") for problem in error.problems]
    if problems:
        raise MethodError(problems)
    before = work.before
    excluded = before.excluded
    if work.excluded is not None:
        excluded = work.excluded if excluded is None else excluded | work.excluded
    return replace(
        before,
        score=MappingProxyType({**before.score, **work.score}),
        value=MappingProxyType({**before.value, **work.value}),
        weights=MappingProxyType({**before.weights, **work.weights}),
        origin=MappingProxyType({**before.origin, **work.origin}),
        excluded=excluded,
        screened=before.screened | work.screened,
        changes=before.changes + tuple(work.changes),
    )


def _too_large(work: _Work, operation: Operation, place: str, told: str) -> Problem:
    """Return the problem of numbers that cannot be calculated with, naming the node with the largest."""
    nodes = [*operation.targets, *(name for at in operation.targets for name in work.plan.nodes[at].children)]
    largest = {
        name: float(np.nanmax(np.abs(work.column(name))))
        for name in nodes
        if name in work.score or name in work.before.score
        if not np.isnan(work.column(name)).all()
    }
    name = max(largest, key=lambda node: largest[node], default="")
    got = f"{name} with values up to {largest[name]:g} ({told})" if name else told
    return Problem(
        place, "the numbers cannot be calculated with", got, "numbers of a usual size", "Correct the source."
    )


def do_operation(
    plan: Plan, state: Evaluation, operation: Operation, surroundings: Surroundings
) -> Evaluation:
    """Return the state after one operation on the nodes that it holds, without a record of changed cells.

    Args:
        plan: The plan.
        state: Holds the operation's targets; others may be absent.
        operation: One operation.
        surroundings: What it looks at beside the values.

    Raises:
        MethodError: The method refuses the numbers.
    """
    work = _Work(plan, state, surroundings, {}, record=False)
    _DO[operation.kind](work, operation)
    return replace(state, score=MappingProxyType({**state.score, **work.score}))


def _denominate(work: _Work, operation: Operation) -> None:
    by, scale = operation.settings["by"], operation.settings.get("scale", 1.0)
    below = work.surroundings.columns.get(by)
    if below is None:
        raise MethodError(
            Problem("denominate", "there are no values to divide by", by, "an indicator with values")
        )
    bad = int(np.count_nonzero(below <= 0))
    if bad:
        raise MethodError(
            Problem("denominate", f"{by} is not above 0", f"{bad} such areas", "numbers above 0 to divide by")
        )
    for name in work.in_use(operation.targets):
        work.score[name] = work.column(name) / (below / scale)


def _screen(work: _Work, operation: Operation) -> None:
    least = operation.settings["min_available"]
    targets = work.in_use(operation.targets)
    known = np.stack(np.broadcast_arrays(*(~np.isnan(work.column(name)) for name in targets)), axis=-2)
    if operation.settings["what"] == "areas":
        work.excluded = np.mean(known, axis=-2) < least
        for leaf in work.plan.leaves:
            work.score[leaf] = np.where(work.excluded, np.nan, work.column(leaf))
        return
    # A tree is the same in every draw: a leaf leaves it where it is too empty on average.
    share = known.mean(axis=-1).reshape(-1, len(targets)).mean(axis=0)
    work.screened.update(name for name, value in zip(targets, share, strict=True) if value < least)
    _screen_branches(work)


def _screen_branches(work: _Work) -> None:
    """Let branches whose children are all screened out follow them; refuse if the root would."""
    gone = work.before.screened | work.screened
    for branch in work.plan.branches:
        if all(child in gone for child in work.plan.nodes[branch].children):
            work.screened.add(branch)
            gone |= {branch}
    if work.plan.root in gone:
        raise MethodError(
            Problem(
                "screen", "no leaf has enough values", "all leaves are screened out", "a lower min_available"
            )
        )


def _impute(work: _Work, operation: Operation) -> None:
    around, settings = work.surroundings, dict(operation.settings)
    level = settings.pop("within", "")
    arguments: dict[str, Any] = settings
    if operation.function in ("group_mean", "group_median"):
        arguments["groups"] = _groups(work, level, operation)
    elif operation.function == "neighbours":
        if around.neighbours is None:
            raise MethodError(
                Problem("impute neighbours", "no neighbours are known", remedy="Give the study boundaries.")
            )
        arguments["indptr"], arguments["indices"] = around.neighbours
    elif operation.function == "parent":
        arguments["parents"] = _groups(work, level, operation)
    for names, block in work.blocks(operation.targets):
        if operation.function == "parent":
            arguments["parent_values"] = _parent_values(work, level, names, np.isnan(block))
        filled, flags = IMPUTE[operation.function](block, names=names, **arguments)
        if work.before.excluded is not None:  # a screened area stays without values
            outside = work.before.excluded[..., None, :]
            filled, flags = np.where(outside, np.nan, filled), flags & ~outside
        _note(
            work,
            operation,
            names,
            kind="imputed",
            before=block,
            after=filled,
            flags=flags,
            how=[operation.method] * len(names),
        )
        work.put(names, filled)


def _groups(work: _Work, level: str, operation: Operation) -> IntArray:
    """Return the positions of areas' larger areas at a level."""
    groups = work.surroundings.groups.get(level)
    if groups is None or (groups < 0).all():
        called = f"{operation.kind} {operation.method}"
        raise MethodError(
            Problem(
                called,
                "it is not known which larger area each area lies in",
                level,
                "memberships of the areas at this level",
            )
        )
    return groups


def _parent_values(work: _Work, level: str, names: Sequence[str], missing: BoolArray) -> FloatArray:
    """Return the larger areas' own values of some leaves, (k, p); a leaf that misses nothing needs none."""
    known = {name: work.surroundings.parent_values.get((level, name)) for name in names}
    needed = [name for place, name in enumerate(names) if missing[..., place, :].any()]
    absent = [name for name in needed if known[name] is None]
    if absent:
        raise MethodError(
            Problem("impute parent", f"{name} has no values at {level}", expected=f"values of {level} areas")
            for name in absent
        )
    found = [known[name] for name in names]
    size = next((one.shape[-1] for one in found if one is not None), 0)
    nothing = np.full(size or int(work.surroundings.groups[level].max(initial=0)) + 1, np.nan)
    return np.stack(np.broadcast_arrays(*(nothing if one is None else one for one in found)), axis=-2)


def _treat(work: _Work, operation: Operation) -> None:
    for names, block in work.blocks(operation.targets):
        if not work.record:
            work.put(names, treat_draws(operation.function, block, names=names, **operation.settings))
            continue
        treated, details = TREAT[operation.function](block, names=names, **operation.settings)
        if treated is not block:
            how = [str(details.transform[(0,) * (block.ndim - 2) + (k,)]) for k in range(len(names))]
            _note(work, operation, names, kind="treated", before=block, after=treated, flags=None, how=how)
        work.put(names, treated)


def _shrink(work: _Work, operation: Operation) -> None:
    around = work.surroundings
    groups = _groups(work, operation.settings["towards"], operation)
    absent = [
        n
        for n in work.in_use(operation.targets)
        if n not in around.numerators or n not in around.denominators
    ]
    if absent:
        raise MethodError(
            Problem("shrink", f"{name} has no counts", expected="values with numerator and denominator")
            for name in absent
        )
    for name in work.in_use(operation.targets):
        shrunk = shrink(around.numerators[name], around.denominators[name], groups, names=[name])
        result = shrunk.proportion
        if work.before.excluded is not None:
            result = np.where(work.before.excluded, np.nan, result)
        flags = shrunk.from_parent & ~np.isnan(result)
        if flags.any() and result.ndim == 1:
            before = np.broadcast_to(work.column(name), result.shape)
            work.changes.append(Change(operation.step, name, "imputed", flags, before, result, "from parent"))
        work.score[name] = result


def _note(
    work: _Work,
    operation: Operation,
    names: Sequence[str],
    *,
    kind: str,
    before: FloatArray,
    after: FloatArray,
    flags: BoolArray | None,
    how: Sequence[str],
) -> None:
    """Record which cells a step changed, for each node in which it changed any; of draws nothing is kept, to spare memory."""
    if before.ndim > 2:
        return
    if not work.record:
        return
    for place, name in enumerate(names):
        old, new = before[..., place, :], after[..., place, :]
        if flags is None:
            if how[place] == "none" and old.ndim == 1:
                continue
            at = (old != new) & ~np.isnan(old)
        else:
            at = flags[..., place, :]
        if at.any():
            work.changes.append(Change(operation.step, name, kind, at, old, new, how[place]))


def _normalise(work: _Work, operation: Operation) -> None:
    settings = dict(operation.settings)
    if "reference" in settings:
        code = settings["reference"]
        if code not in work.surroundings.places:
            raise MethodError(Problem(operation.method, "the reference area is not among the areas", code))
        settings["reference"] = work.surroundings.places[code]
    signs = dict(zip(operation.targets, operation.signs, strict=True))
    for names, block in work.blocks(operation.targets):
        turned = np.array([signs[name] for name in names], dtype=np.float64)
        scaled = NORMALISE[operation.function](block, direction=turned, names=names, **settings)
        for name in names:
            if name not in work.before.value:
                work.value[name] = work.column(name)
        work.put(names, scaled)


def _weigh(work: _Work, operation: Operation) -> None:
    for branch in work.in_use(operation.targets):
        children = work.in_use(work.plan.nodes[branch].children)
        if operation.method == "given":
            table = operation.settings["weights"]
            new = {name: np.asarray(float(table[name])) for name in children if name in table}
            origin = "study" if work.plan.nodes[branch].origin == "study" else "recipe"
        elif operation.method == "priorities":
            new, origin = _priorities(work, operation, children), "priorities"
        elif operation.method == "equal":
            new, origin = {name: np.asarray(1 / len(children)) for name in children}, "recipe"
        else:
            block = stack(np.broadcast_arrays(*(work.column(name) for name in children)))
            found = WEIGH[operation.function](block, names=children, **operation.settings)
            new = {name: found[..., place] for place, name in enumerate(children)}
            origin = "estimated"
        work.weights.update(new)
        work.origin.update(dict.fromkeys(new, origin))


def _priorities(work: _Work, operation: Operation, children: Sequence[str]) -> dict[str, FloatArray]:
    """Return people's weights for all children of a node, or say which are missing."""
    key = operation.settings["source"], operation.settings.get("area", "")
    table = work.surroundings.priorities.get(key)
    if table is None:
        raise MethodError(Problem("weigh priorities", "there are no priorities", " ".join(key).strip()))
    absent = [name for name in children if name not in table or not np.isfinite(table[name])]
    if absent or sum(table[name] for name in children) <= 0:
        raise MethodError(
            [
                Problem("weigh priorities", f"nobody has weighed {name}", expected="a weight for each child")
                for name in absent
            ]
            or Problem("weigh priorities", "the weights sum to 0", expected="a sum above 0")
        )
    return {name: np.asarray(float(table[name])) for name in children}


def _aggregate(work: _Work, operation: Operation) -> None:
    for branch in work.in_use(operation.targets):
        children = work.in_use(work.plan.nodes[branch].children)
        columns = [work.column(name) for name in children]
        if any(column.shape != columns[0].shape for column in columns):
            columns = list(np.broadcast_arrays(*columns))
        result = AGGREGATE[operation.function](
            stack(columns), weights_of(work.weight, children), names=children, **operation.settings
        )
        work.score[branch] = result
        for name in children:
            if name in work.stated:
                work.weights[name] = work.stated[name]


def weights_of(weight: Callable[[str], FloatArray], children: Sequence[str]) -> FloatArray:
    """Return the weights of some children as one array, shape (k,) or (..., k).

    Args:
        weight: Weight of a node, a number or (...) by draw.
        children: The children, in order.
    """
    return np.stack(np.broadcast_arrays(*(np.asarray(weight(name)) for name in children)), axis=-1)


_DO: Mapping[str, Callable[[_Work, Operation], None]] = MappingProxyType(
    {
        "denominate": _denominate,
        "screen": _screen,
        "impute": _impute,
        "treat": _treat,
        "shrink": _shrink,
        "normalise": _normalise,
        "weigh": _weigh,
        "aggregate": _aggregate,
    }
)
