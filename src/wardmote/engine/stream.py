"""Many worlds of one index, leaf by leaf: memory holds one column of draws at a time instead of all.

`evaluate` follows a plan step by step and keeps every column; with hundreds of draws of dozens of leaves that is gigabytes. A
`Stream` follows the same plan depth first. It asks for the leaves that vary, one after the other, does each leaf's steps on a
few draws at a time while they lie in cache, adds them to their branch and forgets them. What does not vary is taken from the
deterministic evaluation. The steps themselves are those of `evaluate`, and sums are added in the same order, so both give the
same bytes (tests/laws/test_uncertainty_laws.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from wardmote.engine.evaluate import ALONE, Evaluation, Surroundings, do_operation, weights_of
from wardmote.engine.plan import Operation, Plan
from wardmote.engine.rules import ESTIMATED
from wardmote.errors import MethodError, Problem
from wardmote.methods.aggregate import AGGREGATE
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.columns import (
    AS_IT_IS,
    Column,
    Scale,
    add_scaled,
    can_add,
    numbers,
    scale_of,
    values_at,
)
from wardmote.methods.counts import Counted
from wardmote.methods.treat import surely_passes
from wardmote.methods.weigh import WEIGH

CHUNK = 2**18
"""Numbers that a leaf's steps work on at a time: 2 MB, which a core's second-level cache holds. Speed only: every draw is
calculated by itself."""

_ADDED = frozenset({"arithmetic", "geometric", "harmonic", "generalised", "sum"})
"""Aggregates that are a weighted sum of something of each child, so that children can be added one by one."""

Chain = tuple[Operation, ...]
"""The steps of one node between its value and its parent."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An index under one set of choices, with its deterministic evaluation.

    Attributes:
        plan: The plan.
        nominal: Its evaluation on the data as they are, all steps done.
        surroundings: What its steps look at.
    """

    plan: Plan
    nominal: Evaluation
    surroundings: Surroundings = ALONE

    def children(self, branch: str) -> tuple[str, ...]:
        """Return the children of a branch that are used."""
        return tuple(name for name in self.plan.nodes[branch].children if name not in self.nominal.screened)

    def estimated(self, branch: str) -> Operation | None:
        """Return the operation that estimates the weights of a branch's children from their values, if there is one."""
        found = [op for op in self.plan.of_kind("weigh") if branch in op.targets]
        return found[-1] if found and found[-1].method in ESTIMATED else None


class Stream:
    """One variant of an index in many worlds.

    Args:
        variant: The index.
        varied: Leaves whose values differ by draw.
        weights: Weights by node where they differ by draw, shape (draws,) each.
        draws: Number of draws.

    After each `send`, ``wanted`` names the next leaf that it needs, or is None when ``score`` holds the root: (draws, n), or
    (n,) where nothing varied.
    """

    def __init__(
        self, variant: Variant, *, varied: frozenset[str], weights: Mapping[str, FloatArray], draws: int
    ) -> None:
        self.variant, self.varied, self.weights, self.draws = variant, varied, weights, draws
        self.wanted: str | None = None
        self.score: FloatArray | None = None
        self._done: int = 0
        self._rows: IntArray | None = None
        self._moving = self._movers()
        self._walk = self._node(variant.plan.root)
        self._advance(None)

    def send(self, column: Column, *, rows: IntArray | None = None, done: int = 0) -> None:
        """Take the column of the wanted leaf: its values as they stand before `entry_steps`. It may be overwritten afterwards.

        Args:
            column: The column, shape (draws, n), or with more rows.
            rows: Which of its rows are this stream's draws, shape (draws,); None for all.
            done: How many of its steps have been done already, by `after_entry`.

        Raises:
            MethodError: A method refuses the numbers of these draws.
        """
        self._done, self._rows = done, rows
        self._advance(column)

    def _advance(self, column: Column | None) -> None:
        try:
            self.wanted = next(self._walk) if column is None else self._walk.send(column)
        except StopIteration as end:
            score, chain, rows = end.value
            score = numbers(score, rows)
            found = _changed(self.variant, self.variant.plan.root, score, chain)
            self.wanted, self.score = None, found.copy() if found is column else found

    def _movers(self) -> frozenset[str]:
        """Return the nodes whose scores differ by draw."""
        plan, moving = self.variant.plan, set(self.varied)
        for branch in plan.branches:  # deepest first
            if any(child in moving or child in self.weights for child in self.variant.children(branch)):
                moving.add(branch)
        return frozenset(moving)

    def _node(self, name: str) -> Generator[str, Column, tuple[Column, Chain, IntArray | None]]:
        """Yield the leaves that are wanted below a node; return its column, the steps still to be done on it, and which of its
        rows are meant.
        """
        variant = self.variant
        if name not in self._moving:
            return variant.nominal.score[name], (), None
        if name in self.varied:
            column = yield name
            return column, entry_steps(variant.plan, name)[self._done :], self._rows
        children = variant.children(name)
        total = _Total(variant, name, children, self._weights_of(children), self.draws)
        for child in children:
            column, chain, rows = yield from self._node(child)
            total.add(child, column, chain, rows)
            del column  # else it would lie in memory while the next one is drawn
        return total.finish(), _after(variant.plan, name), None

    def _weights_of(self, children: Sequence[str]) -> FloatArray:
        """Return the children's weights, shape (k,) or (draws, k)."""
        nominal = self.variant.nominal.weights
        return weights_of(lambda name: self.weights.get(name, nominal[name]), children)


def entry_steps(plan: Plan, leaf: str) -> Chain:
    """Return the steps of a leaf that are done on drawn values: all of its own, or those after shrinking where it is shrunk.

    Args:
        plan: The plan.
        leaf: The leaf.
    """
    own = _own(plan, leaf)
    shrunk = [place for place, operation in enumerate(own) if operation.kind == "shrink"]
    return own[shrunk[-1] + 1 :] if shrunk else own


def after_entry(variant: Variant, leaf: str, column: Column) -> tuple[Column, int]:
    """Return drawn values of a leaf after its steps, shape (draws, n): what several streams share need be done once only.

    Args:
        variant: The index.
        leaf: The leaf.
        column: Its drawn values, shape (draws, n).

    Returns:
        The values, and how many steps have been done: all, or all but a last one that adding up does by the way.
    """
    chain = entry_steps(variant.plan, leaf)
    first = chain[:-1] if chain and _scale(chain[-1:]) is not None else chain
    if not first:
        return column, 0
    return _in_chunks(variant, leaf, column, first), len(first)


def _scale(chain: Chain) -> Scale | None:
    """Return the scale that a chain of steps puts a leaf on, or None where it does anything else."""
    if not chain:
        return AS_IT_IS
    if len(chain) > 1 or chain[0].kind != "normalise" or not chain[0].signs:
        return None
    return scale_of(chain[0].function, chain[0].settings, chain[0].signs[0])


def _own(plan: Plan, node: str) -> Chain:
    """Return the operations on one node's values, each for this node alone."""
    found = []
    for operation in plan.operations:
        if node in operation.targets and operation.kind not in ("weigh", "aggregate"):
            signs = (operation.signs[operation.targets.index(node)],) if operation.signs else ()
            found.append(replace(operation, targets=(node,), signs=signs))
    return tuple(found)


def _after(plan: Plan, branch: str) -> Chain:
    """Return the operations on a branch after its aggregation; there are none before it."""
    return _own(plan, branch)


def _changed(variant: Variant, node: str, column: FloatArray, chain: Chain) -> FloatArray:
    """Return a column after the steps of a node: those of `evaluate`, told nothing but this node."""
    if not chain:
        return column
    nominal = variant.nominal
    state = Evaluation(
        MappingProxyType({node: column}), MappingProxyType({}), nominal.weights, nominal.origin
    )
    for operation in chain:
        if (
            operation.kind == "screen"
        ):  # which values are missing differs in no world, so neither does the screening
            if nominal.excluded is not None:
                kept = np.where(nominal.excluded, np.nan, state.score[node])
                state = replace(state, score=MappingProxyType({node: kept}), excluded=nominal.excluded)
            continue
        state = do_operation(variant.plan, state, operation, variant.surroundings)
    return state.score[node]


def _in_chunks(variant: Variant, node: str, column: Column, chain: Chain) -> FloatArray:
    """Return a node's whole column after its steps."""
    if not chain or column.ndim == 1:
        return _changed(variant, node, numbers(column), chain)
    out = np.empty(column.shape)
    for rows in _row_chunks(column.shape[0], column.shape[1]):
        out[rows] = _changed(variant, node, numbers(column, rows), chain)
    return out


class _Total:
    """The children of one branch being put together, draw by draw."""

    def __init__(
        self, variant: Variant, branch: str, children: tuple[str, ...], weights: FloatArray, draws: int
    ) -> None:
        self.variant, self.branch, self.children, self.draws = variant, branch, children, draws
        self.operation = variant.plan.combined[branch]
        self.weights = weights
        self.columns: list[FloatArray] = []
        self.sum: FloatArray | None = None
        estimated = variant.estimated(branch)
        self.one_by_one = self.operation.function in _ADDED and estimated is None
        self.holes = np.zeros(0, dtype=np.int64)
        if self.one_by_one:
            self._check_weights()
            missing = [np.isnan(variant.nominal.score[name]) for name in children]
            self.holes = np.flatnonzero(np.logical_or.reduce(missing))
        self.with_holes: list[FloatArray] = []

    def _check_weights(self) -> None:
        bad = int(np.count_nonzero(self.weights.sum(axis=-1) <= 0))
        if bad:
            raise MethodError(
                Problem(self.branch, "weights sum to 0", f"in {bad} worlds", "a sum above 0 in each")
            )

    def add(self, child: str, column: Column, chain: Chain, rows: IntArray | None) -> None:
        """Add one child: of a column with draws the named rows, or all."""
        place = self.children.index(child)
        if not self.one_by_one:
            own = _in_chunks(self.variant, child, column if rows is None else column[rows], chain)
            self.columns.append(own.copy() if own is column and own.ndim == 2 else own)
            return
        if not isinstance(column, Counted) and column.ndim == 1:
            self.columns.append(column)
            if self.sum is not None:
                self._add_constants(place)
            return
        first = self.sum is None
        if first:
            self.sum = np.empty((self.draws, column.shape[-1]))
        kept = self._add_at_once(child, column, chain, rows, first=first)
        if kept is None:
            kept = self._add_in_chunks(child, column, chain, rows, first=first)
        if first:
            self.with_holes += [c[self.holes] for c in self.columns]
        self.with_holes.append(kept)

    def _add_at_once(
        self,
        child: str,
        column: Column,
        chain: Chain,
        rows: IntArray | None,
        *,
        first: bool,
        some: slice | None = None,
    ) -> FloatArray | None:
        """Add a child by compiled loops that scale it by the way; return its values at the holes, None where they do not fit.

        ``some`` are the draws that the column holds; None for all.
        """
        scale, some = _scale(chain), slice(0, self.draws) if some is None else some
        if self.operation.function not in ("arithmetic", "sum") or scale is None:
            return None
        if not can_add(scale, column.shape[1]):
            return None
        if not (column.counts if isinstance(column, Counted) else column).flags.c_contiguous:
            return None
        if scale.kind and bool(np.isnan(self.variant.nominal.score[child]).any()):
            return None  # statistics of known values only
        assert self.sum is not None
        total, place = self.sum[some], self.children.index(child)
        at = np.arange(len(total)) if rows is None else rows
        weights = np.ascontiguousarray(
            np.broadcast_to(self.weights, (self.draws, len(self.children)))[some, place]
        )
        alone = first and not self.columns
        if first and not alone:
            for row in range(some.start, some.stop):
                self._start_row(row, self.columns)
        used = add_scaled(total, column, at, weights, scale, first=alone)
        if used is None:
            return None  # the steps themselves say what is wrong with which draws
        kept = values_at(column, at, self.holes)
        if scale.kind:
            kept = (kept - used[:, :1]) / used[:, 1:] * scale.scale + scale.lift
        return kept

    def _untouched(self, child: str, column: Column, chain: Chain, rows: IntArray | None) -> bool:
        """Return whether a treatment before the scale surely leaves all draws as they are, as a look at the first suggests."""
        if not isinstance(column, Counted) or len(chain) != 2 or chain[0].kind != "treat":
            return False
        if np.isnan(self.variant.nominal.score[child]).any():
            return False
        at, first = np.arange(self.draws) if rows is None else rows, chain[0]
        return all(surely_passes(first.function, column, some, **first.settings) for some in (at[:1], at[1:]))

    def _add_in_chunks(
        self, child: str, column: Column, chain: Chain, rows: IntArray | None, *, first: bool
    ) -> FloatArray:
        """Add a child after its steps, some draws at a time; return its values at the holes."""
        place = self.children.index(child)
        if self._untouched(child, column, chain, rows):
            added = self._add_at_once(child, column, chain[-1:], rows, first=first)
            if added is not None:
                return added
        kept = np.empty((self.draws, len(self.holes)))
        for some in _row_chunks(self.draws, column.shape[-1]):
            piece = numbers(column, some if rows is None else rows[some])
            if len(chain) > 1 and _scale(chain[-1:]) is not None:
                piece = _changed(self.variant, child, piece, chain[:-1])
                added = self._add_at_once(child, piece, chain[-1:], None, first=first, some=some)
                if added is not None:
                    kept[some] = added
                    continue
                piece = _changed(self.variant, child, piece, chain[-1:])
            else:
                piece = _changed(self.variant, child, piece, chain)
            kept[some] = piece[:, self.holes]
            before = [self._turned(constant) for constant in self.columns] if first else []
            self._add_rows(some, before, piece, place, first=first)
        return kept

    def _add_rows(
        self, rows: slice, before: list[FloatArray], piece: FloatArray, place: int, *, first: bool
    ) -> None:
        """Add one varied child to the sums of some draws, after the constant ones that stand before it."""
        assert self.sum is not None
        turned, product = self._turned(piece), np.empty(piece.shape[-1])
        for at, row in enumerate(range(rows.start, rows.stop)):
            total = self.sum[row]
            w = self.weights if self.weights.ndim == 1 else self.weights[row]
            if first and before:
                self._start_row(row, before)
            if first and not before:
                np.multiply(w[place], turned[at], out=total)
            else:
                total += np.multiply(w[place], turned[at], out=product)

    def _start_row(self, row: int, constants: list[FloatArray]) -> None:
        """Write the sum of the children that come first and are the same in every draw."""
        assert self.sum is not None
        total, w = self.sum[row], self.weights if self.weights.ndim == 1 else self.weights[row]
        np.multiply(w[0], constants[0], out=total)
        for k, constant in enumerate(constants[1:], start=1):
            total += w[k] * constant

    def _add_constants(self, place: int) -> None:
        """Add a child that is the same in every draw."""
        assert self.sum is not None
        constant, product = self._turned(self.columns[-1]), np.empty(self.sum.shape[-1])
        for row in range(self.draws):
            w = self.weights[place] if self.weights.ndim == 1 else self.weights[row, place]
            self.sum[row] += np.multiply(w, constant, out=product)
        self.with_holes.append(self.columns[-1][self.holes])

    def _turned(self, x: FloatArray) -> FloatArray:
        """Return what is summed of a child's values; holes are mended later and must not be refused here."""
        function = self.operation.function
        if function in ("arithmetic", "sum"):
            return x
        low = np.isnan(x) | (x > 0)
        power = float(self.operation.settings.get("power", 1.0)) if function == "generalised" else 1.0
        if function == "generalised" and power > 0:
            low |= x == 0
        if not low.all():
            odd = x[~low]
            remedy = "Normalise to a scale above 0 before, such as minmax from 1 to 100."
            what = "a child has values that the mean is not defined for"
            raise MethodError(
                Problem(function, what, f"{odd.size}, the first {odd[0]:g}", "values above 0", remedy)
            )
        if function == "geometric":
            return np.asarray(np.log(x))
        if function == "harmonic":
            return np.asarray(1 / x)
        return np.asarray(x**power)

    def finish(self) -> FloatArray:
        """Return the branch's scores, shape (draws, n), or (n,) where nothing varied."""
        if not self.one_by_one:
            return self._together()
        if self.sum is None:
            return self._aggregate(np.stack(self.columns), self.weights)
        score, function = self.sum, self.operation.function
        if function != "sum":
            weight = self.weights[..., 0].copy()
            for k in range(1, self.weights.shape[-1]):
                weight += self.weights[..., k]
            for row in range(self.draws):  # row by row, so that it stays in cache
                score[row] /= weight if weight.ndim == 0 else weight[row]
                if function == "geometric":
                    np.exp(score[row], out=score[row])
                elif function == "harmonic":
                    np.divide(1, score[row], out=score[row])
                elif function == "generalised":
                    score[row] **= 1 / float(self.operation.settings["power"])
        if len(self.holes):
            some = [np.broadcast_to(c, (self.draws, len(self.holes))) for c in self.with_holes]
            score[:, self.holes] = self._aggregate(np.stack(some, axis=-2), self.weights)
        return score

    def _together(self) -> FloatArray:
        """Return the scores of an aggregate that needs all children at once, or whose weights come from their values."""
        shape = np.broadcast_shapes(*(column.shape for column in self.columns))
        if len(shape) == 1:
            return self._aggregate(
                np.stack(self.columns), self._estimated(np.stack(self.columns), self.weights)
            )
        out = np.empty(shape)
        for rows in _row_chunks(shape[0], shape[1] * len(self.columns)):
            size = len(range(*rows.indices(shape[0])))
            parts = [c[rows] if c.ndim == 2 else np.broadcast_to(c, (size, shape[1])) for c in self.columns]
            block = np.stack(parts, axis=-2)
            weights = self.weights if self.weights.ndim == 1 else self.weights[rows]
            out[rows] = self._aggregate(block, self._estimated(block, weights))
        return out

    def _estimated(self, block: FloatArray, weights: FloatArray) -> FloatArray:
        """Return weights estimated from the children's values where the index does so, else those given."""
        operation = self.variant.estimated(self.branch)
        if operation is None:
            return weights
        found: FloatArray = WEIGH[operation.function](block, names=self.children, **operation.settings)
        return found

    def _aggregate(self, block: FloatArray, weights: FloatArray) -> FloatArray:
        function: Callable[..., FloatArray] = AGGREGATE[self.operation.function]
        if self.operation.function == "sum":  # a child that is left out of a sum is not missing from it
            without: BoolArray = np.asarray(weights == 0)[..., None]
            if without.any():
                block = np.where(without, 0.0, block)
        return function(block, weights, names=self.children, per_area=False, **self.operation.settings)


def _row_chunks(rows: int, n: int) -> list[slice]:
    step = max(1, CHUNK // max(n, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
