"""What an audit looks at, gathered once: one index in arrays with its correlations, and how one line of the audit is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wardmote import words
from wardmote.engine.built import BuiltIndex
from wardmote.methods.checks import BoolArray, FloatArray
from wardmote.methods.coherence import By, correlations
from wardmote.methods.ranks import best_rank, greatest_need
from wardmote.study import AuditLimits, AuditSpec, IndexSpec

Result = Literal["passed", "flagged", "not applicable"]

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an audit: a row of the table `audit`."""

    test: str
    item: str
    result: Result
    value: float
    threshold: float
    sentence: str
    beside: float = NAN


@dataclass(frozen=True, slots=True)
class Subject:
    """One index under audit.

    Attributes:
        built: The index in arrays.
        index: Its spec.
        spec: The audit's.
        nouns: What one and several areas are called.
        nodes: Nodes in use, root first.
        place: Position of each node among them.
        scores: Their scores as they enter their parents, shape (nodes, n).
        judged: Correlations of all nodes with each other that are judged by, shape (nodes, nodes).
        beside: Those of the other kind.
        rank: Rank of each area in the index, 1 = greatest need, NaN without a score.
        inside: Which areas are in the greatest-need share.
    """

    built: BuiltIndex
    index: IndexSpec
    spec: AuditSpec
    nouns: tuple[str, str]
    nodes: tuple[str, ...]
    place: Mapping[str, int]
    scores: FloatArray
    judged: FloatArray
    beside: FloatArray
    rank: FloatArray
    inside: BoolArray

    @property
    def limits(self) -> AuditLimits:
        """The lines that the audit draws."""
        return self.spec.limits

    @property
    def other_by(self) -> By:
        """What the correlations that are told beside look at."""
        return other_kind_of(self.spec.by)

    @property
    def root(self) -> str:
        """The root of the tree."""
        return self.built.plan.root

    @property
    def n(self) -> int:
        """Areas."""
        return self.built.inputs.n

    @property
    def leaves(self) -> tuple[str, ...]:
        """Leaves in use."""
        return tuple(leaf for leaf in self.built.plan.leaves if leaf in self.place)

    @property
    def branches(self) -> tuple[str, ...]:
        """Branches in use that hold several parts, from the root down."""
        return tuple(name for name in self.nodes if len(self.children(name)) > 1)

    def children(self, node: str) -> tuple[str, ...]:
        """Return the parts of a node that are in use."""
        return tuple(name for name in self.built.plan.nodes[node].children if name in self.place)

    def parent(self, node: str) -> str:
        """Return the node above, "" at the root."""
        return self.built.plan.nodes[node].parent

    def title(self, node: str) -> str:
        """Return how pages call a node; a root without a title of its own by that of the index."""
        title = self.built.plan.nodes[node].title
        return (self.index.title or title) if node == self.root and title == node else title

    def rows(self, nodes: tuple[str, ...]) -> FloatArray:
        """Return the scores of some nodes, shape (k, n)."""
        return self.scores[[self.place[name] for name in nodes]]

    def of(self, one: str, other: str) -> float:
        """Return the correlation of two nodes that is judged by."""
        return float(self.judged[self.place[one], self.place[other]])

    def other_kind(self, one: str, other: str) -> float:
        """Return their correlation of the other kind."""
        return float(self.beside[self.place[one], self.place[other]])

    def areas(self, number: int | None = None) -> str:
        """Return a number of areas in words; all areas by default."""
        return words.count(self.n if number is None else number, *self.nouns)


def other_kind_of(by: By) -> By:
    """Return scores for ranks and ranks for scores."""
    return "scores" if by == "ranks" else "ranks"


def subject_of(built: BuiltIndex, index: IndexSpec, spec: AuditSpec, nouns: tuple[str, str]) -> Subject:
    """Return an index ready for audit.

    Args:
        built: The index in arrays.
        index: Its spec.
        spec: The audit's.
        nouns: What one and several areas are called.
    """
    plan, evaluation = built.plan, built.evaluation
    nodes = tuple(name for name in plan.nodes if name not in evaluation.screened)
    scores = np.stack([evaluation.score[name] for name in nodes])
    rank = best_rank(scores[0], descending=plan.higher == "need")
    return Subject(
        built,
        index,
        spec,
        nouns,
        nodes,
        {name: place for place, name in enumerate(nodes)},
        scores,
        correlations(scores, by=spec.by),
        correlations(scores, by=other_kind_of(spec.by)),
        rank,
        inside_share(rank, spec.share),
    )


def inside_share(rank: FloatArray, share: float) -> BoolArray:
    """Return which areas are in the greatest-need share of those that are ranked.

    Args:
        rank: Ranks, 1 = greatest need, NaN without a score.
        share: The share.
    """
    return greatest_need(rank, max(int(np.count_nonzero(~np.isnan(rank))), 1), share)


def line(
    test: str,
    item: str,
    value: float,
    threshold: float,
    kind: str = "",
    *,
    beside: float = NAN,
    said: Mapping[str, Any],
) -> Line:
    """Return one line that passed (no kind) or was flagged (the kind of finding).

    Args:
        test: The test.
        item: What was tested.
        value: The number.
        threshold: What it was held against.
        kind: "" where it passed; else flagged, opposed or redundant.
        beside: A correlation of the other kind.
        said: What the sentence names.
    """
    result: Result = "flagged" if kind else "passed"
    text = words.audit_sentence(test, kind, **said)
    return Line(test, item, result, value, threshold, text, beside)


def no_line(test: str, item: str, why: str, threshold: float = NAN, value: float = NAN) -> Line:
    """Return one line that does not apply, with the reason.

    Args:
        test: The test.
        item: What would have been tested.
        why: Why it cannot be, one sentence.
        threshold: The line that there would have been.
        value: A number that is told though nothing is judged by it.
    """
    return Line(test, item, "not applicable", value, threshold, words.sentence(why))
