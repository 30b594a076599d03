"""Worlds: what every factor is in draw k, and the index evaluated in many of them.

Draw k of a factor is a function of (study seed, the factor's or indicator's name, k) and of nothing else: not of the index, not
of how many draws there are, not of blocks or cores. So draw k is the same world in every index of a study.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from wardmote.engine.stream import Stream, Variant, after_entry, entry_steps
from wardmote.errors import MethodError
from wardmote.methods import sampling, sobol
from wardmote.methods.checks import FloatArray, IntArray
from wardmote.methods.columns import Column
from wardmote.methods.quantiles import RankArray, draw_ranks
from wardmote.uncertainty.errors import LeafError
from wardmote.uncertainty.factors import Target

MEMORY = 2**28
"""Bytes that the columns of one thread's draws may take: 256 MB. Speed and memory only, results do not depend on it."""

LEAF_MEMORY = 2**24
"""Bytes of that which one drawn leaf is worth: 32 MB. Tables that sampling makes for each leaf and block cost less with larger blocks,
so the more leaves are drawn, the larger they may be; with few, small blocks cost nothing."""

CHOICES_ALONE = 8
"""What choices are worth in the same unit where no leaf is drawn: their blocks split into one group for each set of choices."""

TABLE_DRAWS = 128
"""Draws at a time, where memory allows, below which the tables that sampling makes for each leaf and block cost more than the draws."""

MOST_DRAWS = 512
"""Draws at a time at most: above this the tables that sampling makes for each block cost next to nothing."""

FEW = 32
"""Draws ranked at a time: enough that calling costs nothing."""

THREADS = 2
"""Blocks at work at the same time: the smallest machine that we promise to be quick on has two cores."""

_WORLD = sampling.cell_keys(["world"])


@dataclass(frozen=True, slots=True)
class Arm:
    """One set of worlds: which factors vary in it, and whose draws they take.

    Attributes:
        name: Its name.
        offsets: By path of the factors that vary: what is added to the draw's number (0, or more for a second sample).
    """

    name: str
    offsets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class IndexWorlds:
    """One index with everything that may vary in it.

    Attributes:
        base: The index as the study states it.
        variants: The index under each combination of choices, by their positions; ``()`` where there are none.
        targets: What each factor touches.
        errors: Error by leaf.
        residents: Weights that people stated, by factor's path and node.
        areas: Keys of the areas.
        seed: Seed of the study.
        recorded: Worlds to be replayed instead of drawn, by factor's path: of a choice the position in each draw, of weights a
            column of weights by node.
    """

    base: Variant
    variants: Mapping[tuple[int, ...], Variant]
    targets: tuple[Target, ...]
    errors: Mapping[str, LeafError]
    residents: Mapping[str, Mapping[str, float]]
    areas: sampling.WordArray
    seed: int
    recorded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of areas."""
        return len(self.areas)

    @property
    def choices(self) -> tuple[Target, ...]:
        """The factors that choose, in the order of the positions that name a variant."""
        return tuple(target for target in self.targets if target.factor.kind == "choice")

    def paths(self, component: str = "") -> tuple[str, ...]:
        """Return the paths of all factors that touch the index, or of one component's."""
        return tuple(t.factor.path for t in self.targets if component in ("", t.factor.component))


def uniform(seed: int, name: str, draws: range) -> FloatArray:
    """Return one uniform a draw for a named thing, shape (draws,).

    Args:
        seed: Seed of the study.
        name: What it is drawn for.
        draws: Which draws.
    """
    return sampling.uniforms(sampling.independent(seed, name), _WORLD, draws, fast=False)[:, 0]


def _shifted(draws: range, offset: int) -> range:
    return range(draws.start + offset, draws.stop + offset)


def codes_of(worlds: IndexWorlds, arm: Arm, draws: range) -> list[IntArray | None]:
    """Return the position of each choice in each draw, None for a choice that does not vary in the arm.

    Args:
        worlds: The index.
        arm: The arm.
        draws: Which draws.
    """
    found: list[IntArray | None] = []
    for target in worlds.choices:
        factor = target.factor
        if factor.path not in arm.offsets:
            found.append(None)
            continue
        here = _shifted(draws, arm.offsets[factor.path])
        if factor.path in worlds.recorded:
            found.append(np.asarray(worlds.recorded[factor.path])[here.start : here.stop])
            continue
        u = uniform(worlds.seed, f"factor {factor.path}", here)
        found.append(sobol.choice(u, factor.probabilities))
    return found


def weights_in(worlds: IndexWorlds, variant: Variant, arm: Arm, draws: range) -> dict[str, FloatArray]:
    """Return the weights that differ by draw, by node, shape (draws,) each.

    Args:
        worlds: The index.
        variant: The index under one combination of choices: its own weights are varied.
        arm: The arm.
        draws: Which draws.
    """
    changed: dict[str, FloatArray] = {}
    parents: set[str] = set()
    base = {
        name: float(variant.nominal.weights[name]) for name in variant.plan.nodes if _is_one(variant, name)
    }
    for target in worlds.targets:
        factor = target.factor
        if factor.path not in arm.offsets or factor.kind not in ("weights", "leave_out"):
            continue
        here = _shifted(draws, arm.offsets[factor.path])
        vary = _left_out if factor.kind == "leave_out" else _weighed
        new = vary(worlds, target, base, here)
        for node, weight in new.items():
            # Leaving out comes on top of whatever else varies, so that it is never undone.
            changed[node] = weight * (changed[node] / base[node] if node in changed and base[node] else 1.0)
            parents.add(variant.plan.nodes[node].parent)
    for parent in parents:
        _rescale(changed, base, variant.children(parent), len(draws))
    return changed


def _is_one(variant: Variant, name: str) -> bool:
    return name not in variant.nominal.screened and np.ndim(variant.nominal.weights[name]) == 0


def _weighed(
    worlds: IndexWorlds, target: Target, base: Mapping[str, float], draws: range
) -> dict[str, FloatArray]:
    """Return drawn weights of a factor's nodes, before they are scaled back to their sum."""
    spec, path = target.factor.spec, target.factor.path
    nodes = [node for node in target.nodes if node in base]
    if path in worlds.recorded:
        return {n: np.asarray(worlds.recorded[path][n])[draws.start : draws.stop] for n in nodes}
    if spec.spread is not None:
        width = spec.spread
        return {
            n: base[n] * (1 + width * (2 * uniform(worlds.seed, f"factor weights.{n}", draws) - 1))
            for n in nodes
        }
    if spec.concentration is not None:
        return _dirichlet(worlds.seed, nodes, base, draws, spec.concentration)
    between = uniform(worlds.seed, f"factor {path}", draws)
    stated = worlds.residents[path]
    official, theirs = sum(base[n] for n in nodes), sum(stated[n] for n in nodes)
    return {n: (1 - between) * base[n] + between * stated[n] * official / theirs for n in nodes}


def _dirichlet(
    seed: int, nodes: Sequence[str], base: Mapping[str, float], draws: range, concentration: float
) -> dict[str, FloatArray]:
    """Return weights from a Dirichlet distribution with the index's own as mean: gammas over their sum."""
    from scipy.special import gammaincinv

    total = sum(base[n] for n in nodes)
    gammas = {
        n: gammaincinv(concentration * base[n] / total, uniform(seed, f"factor weights.{n}", draws))
        if base[n] > 0
        else np.zeros(len(draws))
        for n in nodes
    }
    whole = np.sum(list(gammas.values()), axis=0)
    return {n: gamma / whole * total for n, gamma in gammas.items()}


def _left_out(
    worlds: IndexWorlds, target: Target, base: Mapping[str, float], draws: range
) -> dict[str, FloatArray]:
    """Return weights that are 0 where a node is left out; at most one of the factor's nodes in a draw."""
    p = target.factor.spec.p
    assert isinstance(p, float)
    u = uniform(worlds.seed, f"factor {target.factor.path}", draws)
    which = np.where(u < p, np.floor(u / p * len(target.nodes)), -1).astype(np.int64)
    return {
        node: np.where(which == place, 0.0, base[node])
        for place, node in enumerate(target.nodes)
        if node in base
    }


def _rescale(
    changed: dict[str, FloatArray], base: Mapping[str, float], children: Sequence[str], draws: int
) -> None:
    """Scale the weights of one branch's children back to the sum that they have in the index."""
    table = {n: changed.get(n, np.full(draws, base[n])) for n in children if n in base}
    total = np.sum(list(table.values()), axis=0)
    usual = sum(base[n] for n in table)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(total > 0, usual / total, 1.0)
    changed.update({n: weight * factor for n, weight in table.items()})


# --- evaluating -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Drawn:
    """What came out of drawing, filled block by block.

    Attributes:
        ranks: Ranks by arm, shape (draws, n), 0 = no score, or the draw failed.
        failed: Draws that failed, by arm.
        reasons: Why, each once.
        summaries: Values of larger areas, by (arm, level, measure), shape (draws, p).
    """

    ranks: dict[str, RankArray]
    failed: dict[str, list[int]]
    reasons: dict[str, int] = field(default_factory=dict)
    summaries: dict[tuple[str, str, str], FloatArray] = field(default_factory=dict)


Summarise = Callable[[FloatArray, Any], Mapping[tuple[str, str], FloatArray]]
"""Turns scores and ranks of some draws, (draws, n) each, into values of larger areas by (level, measure)."""


def draw_worlds(
    worlds: IndexWorlds,
    arms: Sequence[Arm],
    draws: int,
    *,
    summarise: Summarise | None = None,
    progress: Callable[[int], None] | None = None,
    threads: int = THREADS,
    memory: int = MEMORY,
) -> Drawn:
    """Return the ranks of all areas in every world of some arms.

    Memory for working columns does not grow with the number of draws; the ranks themselves take two bytes an area and draw (four
    above 65,535 areas).

    Args:
        worlds: The index.
        arms: The arms; those that share a factor's draws share its columns.
        draws: Number of draws.
        summarise: Makes values of larger areas.
        progress: Told how many draws are done.
        threads: Blocks at work at a time; changes no result.
        memory: Bytes for one thread's columns; changes no result.

    Returns:
        Ranks, 1 = greatest need; a world that a method refuses is counted and has rank 0 throughout.
    """
    empty: dict[str, RankArray] = {arm.name: room_for_ranks(draws, worlds.n) for arm in arms}
    drawn = Drawn(empty, {arm.name: [] for arm in arms})
    blocks = list(_blocks(draws, _block_size(worlds, arms, memory * threads, draws)))
    with ThreadPoolExecutor(threads) as pool:
        spread = pool.map if threads > 1 else map
        work = _Work(worlds, tuple(arms), draws, drawn, summarise, spread=spread, threads=threads)
        for block in blocks:
            work.block(block)
            if progress:
                progress(block.stop)
    for name in drawn.failed:
        drawn.failed[name].sort()
    return drawn


def room_for_ranks(draws: int, n: int) -> RankArray:
    """Return zeros for ranks, shape (draws, n): two bytes each up to 65,535 areas, four above.

    Args:
        draws: Number of draws.
        n: Number of areas.
    """
    if n < 2**16:
        return np.zeros((draws, n), dtype=np.uint16)
    return np.zeros((draws, n), dtype=np.int32)


def _blocks(draws: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, draws)) for start in range(0, draws, size))


def _block_size(worlds: IndexWorlds, arms: Sequence[Arm], memory: int, draws: int) -> int:
    """Return how many draws are calculated at a time: blocks of one size, as large as memory allows."""
    depth = max(node.depth for node in worlds.base.plan.nodes.values())
    offsets = {o for arm in arms for path, o in arm.offsets.items() if path in worlds.paths("sampling")}
    lean = len(arms) == 1 and all(error.is_counted for error in worlds.errors.values())
    # Draws of a leaf, counts of two bytes where they can be; sums of a branch at each depth; steps done on their own.
    columns = len(offsets) * (0.25 if lean else 1) + len(arms) * max(depth, 1) + (0.25 if lean else 1)
    leaves = sum(any(error.factor in arm.offsets for arm in arms) for error in worlds.errors.values())
    each = 8 * worlds.n * columns
    least = TABLE_DRAWS if leaves else 1
    worth = 1 + leaves if leaves else CHOICES_ALONE
    memory = min(memory, max(LEAF_MEMORY * THREADS * worth, int(least * each)))
    size = min(max(1, int(memory / each)), MOST_DRAWS, draws)
    return -(-draws // -(-draws // size))


@dataclass(slots=True)
class _Work:
    """Draws one block after the other into `drawn`.

    Threads share a block: each draws a part of the areas of a leaf, since the tables that this needs serve all draws, and then
    each calculates a part of the draws. They touch different rows, so that they need no lock.
    """

    worlds: IndexWorlds
    arms: tuple[Arm, ...]
    draws: int
    drawn: Drawn
    summarise: Summarise | None
    spread: Any
    threads: int

    def block(self, draws: range) -> None:
        """Draw one block; where a method refuses, halve it until the refused worlds stand alone."""
        try:
            self._all(draws, self.arms)
        except MethodError:
            if len(draws) > 1:
                middle = draws.start + len(draws) // 2
                self.block(range(draws.start, middle))
                self.block(range(middle, draws.stop))
                return
            for arm in self.arms:
                self._alone(draws, arm)

    def _alone(self, draws: range, arm: Arm) -> None:
        try:
            self._all(draws, (arm,))
        except MethodError as error:
            self.drawn.failed[arm.name].append(draws.start)
            reason = str(error.problems[0])
            self.drawn.reasons[reason] = self.drawn.reasons.get(reason, 0) + 1

    def _all(self, draws: range, arms: Sequence[Arm]) -> None:
        cuts = [len(draws) * place // self.threads for place in range(self.threads + 1)]
        parts = [_Part(draws[start:stop], start) for start, stop in pairwise(cuts) if stop > start]
        list(self.spread(lambda part: part.begin(self.worlds, arms), parts))
        offsets = {offset for arm in arms for offset in arm.offsets.values()}
        room = (
            np.empty((len(offsets) * len(draws), self.worlds.n)) if self.worlds.errors else np.empty((0, 0))
        )
        for leaf, error in self.worlds.errors.items():
            self._leaf(leaf, error, draws, parts, room)
        del room
        list(self.spread(self._keep_part, parts))

    def _leaf(
        self, leaf: str, error: LeafError, draws: range, parts: Sequence[_Part], room: FloatArray
    ) -> None:
        """Draw one leaf for all arms at once, and send it to the streams that want it."""
        path, size = error.factor, len(draws)
        wanted = {run.arm.offsets[path] for part in parts for run in part.runs if run.stream.wanted == leaf}
        if not wanted:
            return
        numbers = np.concatenate([np.asarray(_shifted(draws, offset)) for offset in sorted(wanted)])
        column = error.draw(self.worlds.areas, numbers, self.spread, self.threads, out=room[: len(numbers)])
        for place, offset in enumerate(sorted(wanted)):
            own = column[place * size : (place + 1) * size]
            list(self.spread(partial(_Part.send, leaf=leaf, column=own, path=path, offset=offset), parts))

    def _keep_part(self, part: _Part) -> None:
        while part.runs:
            run = part.runs.pop(0)  # lets go of its columns one after the other
            assert run.stream.score is not None
            self._keep(run.arm.name, part.draws, run.rows, run.stream.score)

    def _keep(self, arm: str, draws: range, rows: IntArray | None, score: FloatArray) -> None:
        """Turn scores into ranks, and into values of larger areas."""
        at = np.arange(draws.start, draws.stop) if rows is None else draws.start + rows
        falls = self.worlds.base.plan.higher == "better"
        scores = np.atleast_2d(score)
        whole = len(scores) == 1  # nothing varied in this arm: one world is all of them
        for start in range(0, len(scores), FEW):  # ranks of all would take half the scores' memory again
            some = scores[start : start + FEW]
            here = at if whole else at[start : start + FEW]
            ranks = draw_ranks(-some if falls else some)
            self.drawn.ranks[arm][here] = ranks
            for (level, measure), values in (self.summarise(some, ranks) if self.summarise else {}).items():
                key = (arm, level, measure)
                if key not in self.drawn.summaries:
                    fresh = np.full((self.draws, values.shape[1]), np.nan)
                    self.drawn.summaries.setdefault(key, fresh)
                self.drawn.summaries[key][here] = values


@dataclass(slots=True)
class _Run:
    """One arm under one combination of choices: the rows of its part's draws (None for all) and their stream."""

    arm: Arm
    rows: IntArray | None
    stream: Stream


@dataclass(slots=True)
class _Part:
    """Some draws of a block, calculated by one thread.

    Attributes:
        draws: The draws.
        start: Where they stand in their block.
        runs: What is calculated in them.
    """

    draws: range
    start: int
    runs: list[_Run] = field(default_factory=list)

    def begin(self, worlds: IndexWorlds, arms: Sequence[Arm]) -> None:
        """Make the streams of all arms, up to the first leaf that varies."""
        self.runs = [
            _Run(arm, rows, stream) for arm in arms for rows, stream in _streams(worlds, arm, self.draws)
        ]

    def send(self, *, leaf: str, column: Column, path: str, offset: int) -> None:
        """Give a drawn column of the block to the streams that want it; steps that they share are done once."""
        own = column[self.start : self.start + len(self.draws)]
        alike: dict[str, list[_Run]] = {}
        for run in self.runs:
            if run.stream.wanted == leaf and run.arm.offsets[path] == offset:
                steps = entry_steps(run.stream.variant.plan, leaf)
                key = repr([(op.function, op.method, sorted(op.settings.items()), op.signs) for op in steps])
                alike.setdefault(key, []).append(run)
        for group in alike.values():
            shared = sum(run.stream.draws for run in group) > len(own)
            given, done = after_entry(group[0].stream.variant, leaf, own) if shared else (own, 0)
            for run in group:
                run.stream.send(given, rows=run.rows, done=done)


def _streams(worlds: IndexWorlds, arm: Arm, draws: range) -> Iterator[tuple[IntArray | None, Stream]]:
    """Yield the draws of an arm by combination of choices: the rows (None for all) and their stream."""
    codes = codes_of(worlds, arm, draws)
    if all(code is None for code in codes):
        yield None, _stream(worlds, worlds.base, arm, draws, None)
        return
    usual = usual_codes(worlds)
    table = np.stack([np.full(len(draws), usual[i]) if c is None else c for i, c in enumerate(codes)], axis=1)
    found, inverse = np.unique(table, axis=0, return_inverse=True)
    for place, row in enumerate(found):
        variant = worlds.variants[tuple(int(code) for code in row)]
        rows = np.flatnonzero(inverse.reshape(-1) == place)
        yield rows, _stream(worlds, variant, arm, draws, rows)


def usual_codes(worlds: IndexWorlds) -> tuple[int, ...]:
    """Return for each choice the position of what the index itself does; the first where it is not among the choices."""
    found = []
    for place, target in enumerate(worlds.choices):
        for code in range(len(target.fields)):
            codes = tuple(code if i == place else 0 for i in range(len(worlds.choices)))
            step = _operations(worlds.variants[codes], target.step)
            if step == _operations(worlds.base, target.step):
                found.append(code)
                break
        else:
            found.append(0)
    return tuple(found)


def _operations(variant: Variant, step: str) -> list[tuple[Any, ...]]:
    """Return what a step does, to be compared."""
    return [
        (op.function, op.method, op.targets, dict(op.settings))
        for op in variant.plan.operations
        if op.step == step
    ]


def _stream(worlds: IndexWorlds, variant: Variant, arm: Arm, draws: range, rows: IntArray | None) -> Stream:
    varied = frozenset(leaf for leaf, error in worlds.errors.items() if error.factor in arm.offsets)
    weights = weights_in(worlds, variant, arm, draws)
    if rows is not None:
        weights = {node: weight[rows] for node, weight in weights.items()}
    return Stream(variant, varied=varied, weights=weights, draws=len(draws) if rows is None else len(rows))
