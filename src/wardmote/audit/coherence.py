"""Tests of the data and of how the parts of an index hang together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from wardmote import words
from wardmote.audit.subject import Line, Subject, line, no_line
from wardmote.methods.coherence import alpha, correlations, dimensions, far_out
from wardmote.methods.treat import moments

BY_ORDER: frozenset[str] = frozenset({"rank", "percentile_rank", "borda", "rank_normal", "exponential"})
"""Ways of normalising that use only the order of the values, so that skew and far-out values cannot matter."""

EQUAL = 1e-9
"""Two correlations that differ by less are equal: rounding of sums over a hundred thousand areas leaves some 1e-13."""


def available(subject: Subject) -> Iterator[Line]:
    """Yield whether every indicator, and every area that is ranked, has enough values.

    Args:
        subject: The index.
    """
    plan, inputs, limit = subject.built.plan, subject.built.inputs, subject.limits.available
    test = "data for indicators"
    known = np.stack([~np.isnan(inputs.leaves[leaf].column) for leaf in plan.leaves])
    shares = dict(zip(plan.leaves, known.mean(axis=1).tolist(), strict=True))
    titles = {node.node: node.title or node.node for node in subject.index.tree}
    branches = {node.parent for node in subject.index.tree}
    none = [name for name, why in plan.left_out.items() if why == "no data" and name not in branches]
    for leaf, share in [*shares.items(), *((name, 0.0) for name in none)]:
        said = {
            "name": titles.get(leaf, leaf),
            "share": words.percent(share) if share else "none",
            "areas": subject.areas(),
        }
        yield line(test, leaf, share, limit, "flagged" if share < limit else "", said=said)
    ranked = ~np.isnan(subject.rank)
    if not ranked.any():
        yield no_line("data for areas", subject.root, "no area is ranked", limit)
        return
    share_of = known.mean(axis=0)[ranked]
    few = int(np.count_nonzero(share_of < limit))
    least = float(share_of.min())
    said = {
        "share": "all the indicators" if least == 1 else f"at least {words.percent(least)} of the indicators",
        "areas": subject.areas(len(share_of)),
        "few": subject.areas(few),
        "are": words.are(few),
        "have": words.have(few),
        "limit": words.percent(limit),
    }
    kind = "flagged" if few else ""
    yield line("data for areas", subject.root, least, limit, kind, said=said)


def shapes(subject: Subject) -> Iterator[Line]:
    """Yield whether a few areas dominate any indicator, as its values are before they are normalised.

    Args:
        subject: The index.
    """
    limits = subject.limits
    leaves = subject.leaves
    values = np.stack([subject.built.evaluation.value[leaf] for leaf in leaves])
    skew, kurt = moments(values)
    far = far_out(values)
    for place, leaf in enumerate(leaves):
        one, two, name = float(skew[place]), float(kurt[place]), subject.title(leaf)
        tests = (
            ("skewness and kurtosis", one, limits.skewness),
            ("outliers", float(far[place]), limits.outliers),
        )
        bad = (abs(one) > limits.skewness and two > limits.kurtosis, float(far[place]) > limits.outliers)
        for (test, value, limit), flagged in zip(tests, bad, strict=True):
            if _by_order(subject, leaf):
                yield no_line(
                    test, leaf, f"the index uses only the order of the values of {name}", limit, value
                )
            elif np.isnan(value):
                yield no_line(test, leaf, f"{name} has too few values, or too many that are equal", limit)
            else:
                said = {
                    "name": name,
                    "skew": words.signed(one),
                    "kurt": words.signed(two),
                    "share": words.percent(value) if value > 0 else "none",
                }
                yield line(test, leaf, value, limit, "flagged" if flagged else "", said=said)


def _by_order(subject: Subject, leaf: str) -> bool:
    """Return whether a leaf is first normalised by its order alone."""
    first = next((op for op in subject.built.plan.of_kind("normalise") if leaf in op.targets), None)
    return first is not None and first.function in BY_ORDER


def siblings(subject: Subject) -> Iterator[Line]:
    """Yield whether the parts of each node go together, and none says the same as another.

    Args:
        subject: The index.
    """
    test, limits = "correlation with siblings", subject.limits
    for parent in subject.branches:
        for one, other in combinations(subject.children(parent), 2):
            r = subject.of(one, other)
            said = {
                "name": subject.title(one),
                "other": subject.title(other),
                "parent": subject.title(parent),
                "r": words.signed(r),
            }
            item = f"{one} × {other}"
            if np.isnan(r):
                yield no_line(test, item, f"{said['name']} or {said['other']} does not vary", limits.weak)
                continue
            kind = _kind(subject, r)
            limit = limits.weak if r <= limits.redundant else limits.redundant
            if r > limits.redundant:
                kind = "redundant"
            yield line(test, item, r, limit, kind, beside=subject.other_kind(one, other), said=said)
    if not subject.branches:
        yield no_line(test, subject.root, "no node of the index has several parts", limits.weak)


def _kind(subject: Subject, r: float) -> str:
    """Return how two parts that should go together do not: opposed, flagged (hardly at all), or "" where they do."""
    return "opposed" if r < subject.limits.opposed else "flagged" if r < subject.limits.weak else ""


def parents(subject: Subject) -> Iterator[Line]:
    """Yield whether every part goes with its whole, and every indicator best with its own domain.

    Args:
        subject: The index.
    """
    test, limit = "correlation with parent", subject.limits.weak
    for parent in subject.branches:
        for name in subject.children(parent):
            r = subject.of(name, parent)
            said = {"name": subject.title(name), "parent": subject.title(parent), "r": words.signed(r)}
            if np.isnan(r):
                yield no_line(test, name, f"{said['name']} does not vary", limit)
            else:
                beside = subject.other_kind(name, parent)
                yield line(test, name, r, limit, _kind(subject, r), beside=beside, said=said)
    yield from _own_parents(subject)


def _own_parents(subject: Subject) -> Iterator[Line]:
    """Yield whether every leaf goes best with its own parent, of all branches that stand beside it."""
    nodes, found = subject.built.plan.nodes, False
    branches = [name for name in subject.nodes if nodes[name].children and name != subject.root]
    for leaf in subject.leaves:
        own = subject.parent(leaf)
        others = [name for name in branches if name != own and nodes[name].parent == nodes[own].parent]
        known = [name for name in others if not np.isnan(subject.of(leaf, name))]
        r = subject.of(leaf, own)
        if own == subject.root or not known or np.isnan(r):
            continue
        found = True
        best = max(known, key=lambda name: subject.of(leaf, name))
        second = subject.of(leaf, best)
        said = {
            "name": subject.title(leaf),
            "parent": subject.title(own),
            "other": subject.title(best),
            "r": words.signed(r),
            "second": words.signed(second),
        }
        # Rank correlations of few areas are often equal; which one then comes out higher hangs on the order of the areas.
        kind = "flagged" if second - r > EQUAL else ""
        yield line("own parent", leaf, r - second, 0.0, kind, said=said)
    if not found:
        yield no_line("own parent", subject.root, "no indicator stands below one of several domains", 0.0)


def unity(subject: Subject) -> Iterator[Line]:
    """Yield whether the parts of each node have one dimension, and how reliable their sum is.

    Args:
        subject: The index.
    """
    limits = subject.limits
    for parent in subject.branches:
        rows = subject.rows(subject.children(parent))
        parts = words.count(len(rows), "part")
        title = subject.title(parent)
        found = dimensions(rows)
        # A hair above 1, so that rounding makes no dimension of parts that are all unrelated.
        many = int(np.count_nonzero(found.eigenvalues > 1 + 1e-9))
        reliable = alpha(rows)
        if np.isnan(found.share) or np.isnan(reliable):
            why = f"a part of {title} does not vary, or too few areas have all of them"
            yield no_line("one dimension", parent, why, limits.dimensions)
            yield no_line("reliability", parent, why, limits.reliability)
            continue
        said = {
            "name": title,
            "parts": parts,
            "dimensions": words.count(many, "dimension") if many else "no common dimension",
            "share": words.percent(found.share),
            "r": words.signed(reliable),
        }
        kind = "" if 1 <= many <= limits.dimensions else "flagged"
        yield line("one dimension", parent, float(many), limits.dimensions, kind, said=said)
        kind = "flagged" if reliable < limits.reliability else ""
        yield line("reliability", parent, reliable, limits.reliability, kind, said=said)
    if not subject.branches:
        why = "no node of the index has several parts"
        yield no_line("one dimension", subject.root, why, limits.dimensions)
        yield no_line("reliability", subject.root, why, limits.reliability)


def added_value(subject: Subject) -> Iterator[Line]:
    """Yield whether the index ranks areas otherwise than any one of its domains does.

    Args:
        subject: The index.
    """
    test, limit = "added value", subject.limits.added
    domains = subject.children(subject.root)
    if len(domains) < 2:
        yield no_line(test, subject.root, "the index has one domain only", limit)
        return
    found = correlations(subject.rows(domains), subject.scores[:1], by="ranks")[:, 0]
    for name, r in zip(domains, found.tolist(), strict=True):
        said = {"name": subject.title(name), "parent": subject.title(subject.root), "r": words.signed(r)}
        if np.isnan(r):
            yield no_line(test, name, f"{said['name']} does not vary", limit)
        else:
            yield line(test, name, r, limit, "flagged" if r > limit else "", said=said)
