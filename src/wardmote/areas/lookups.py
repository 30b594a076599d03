"""Lookups between levels as arrays of positions: made from facts, checked, composed and told apart.

Everything here works on positions into the sorted codes of a level, so that 140,000 rows take milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardmote.errors import Problem
from wardmote.methods.checks import BoolArray, FloatArray, IntArray
from wardmote.methods.regroup import Lookup, compose

if TYPE_CHECKING:
    import pandas as pd

WEIGHT_TOLERANCE = 0.005
"""How far the published shares of one area may add up to something else than 1 before they are refused.

Shares printed to three decimals over up to ten parents are off by at most 10 × 0.0005; larger gaps mean a missing parent.
Within it they are rescaled to add to 1, so that counts shared out keep their total, and the areas are counted in the findings.
"""

ROUNDING = 1e-9
"""Difference in a sum of shares that is taken for the rounding of binary fractions, and not worth telling."""

BASES = ("population", "households", "areas")
"""What a share may be a share of, where Wardmote is to compute it: people, households, or equal parts."""


@dataclass(frozen=True, slots=True)
class Link:
    """How the areas of one level lie in those of another.

    Attributes:
        lookup: Positions and shares, ordered by area and parent; each pair once.
        base: What shares below 1 are shares of; "" where all areas nest.
    """

    lookup: Lookup
    base: str = ""

    @property
    def nested(self) -> bool:
        """Whether every area lies wholly in one parent."""
        return len(self.lookup.share) == 0 or bool((self.lookup.share > 1 - ROUNDING).all())


Pair = tuple[str, str]
"""Level and parent level."""


def arrow_columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of a checked frame as Arrow arrays in one chunk each."""
    columns = {}
    for name in frame.columns:
        array = frame[name].array.__arrow_array__()
        columns[str(name)] = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return columns


def groups(
    columns: Mapping[str, Any], keys: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the rows of each combination of key texts, in the order in which they first appear.

    Args:
        columns: Arrow arrays of one length.
        keys: Text columns without nulls.
    """
    length = len(columns[keys[0]])
    if length == 0:
        return
    code = np.zeros(length, dtype=np.int64)
    for key in keys:
        encoded = columns[key].dictionary_encode()
        code = code * len(encoded.dictionary) + encoded.indices.to_numpy(zero_copy_only=False)
    # Facts of one source and level mostly stand together: then each group is a slice, and nothing is copied.
    starts = np.concatenate([[0], np.flatnonzero(np.diff(code)) + 1])
    found, first = np.unique(code[starts], return_index=True)
    together = len(found) == len(starts)
    ends = np.concatenate([starts[1:], [length]])
    for place in np.argsort(first, kind="stable"):
        row = int(starts[first[place]])
        names = tuple(columns[key][row].as_py() for key in keys)
        if together:
            size = int(ends[first[place]]) - row
            yield names, {name: array.slice(row, size) for name, array in columns.items()}
        else:
            rows = pa.array(np.flatnonzero(code == found[place]))
            yield names, {name: array.take(rows) for name, array in columns.items()}


def positions(values: Any, codes: Any) -> IntArray:
    """Return the position of each text in the codes; −1 where it is not among them."""
    found = pc.index_in(values, value_set=codes)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def numbers(array: Any) -> FloatArray:
    """Return an Arrow number column as floats, NaN where null."""
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Entries:
    """The rows of one source about one pair of levels, by position, ordered by area and parent."""

    where: str
    pair: Pair
    codes: Mapping[str, Any]
    child: IntArray
    parent: IntArray

    def problem(self, chosen: BoolArray, what: str, got: str, expected: str, remedy: str) -> Problem:
        """Return a problem of the chosen rows with their number of areas and the first area."""
        first = self.codes[self.pair[0]][int(self.child[chosen][0])].as_py()
        number = len(np.unique(self.child[chosen]))
        told = f"{what} ({number:,} such {'area' if number == 1 else 'areas'})"
        return Problem(self.where, told, f"{first} {got}", expected, remedy)

    def parents_of_first(self, chosen: BoolArray) -> str:
        """Return the codes of the parents of the first chosen area."""
        rows = self.child == self.child[chosen][0]
        return ", ".join(self.codes[self.pair[1]].take(pa.array(self.parent[rows])).to_pylist())


def make_link(
    rows: Mapping[str, Any],
    source: str,
    pair: Pair,
    codes: Mapping[str, Any],
    sizes: Mapping[str, FloatArray],
) -> tuple[Link, list[Problem], dict[str, IntArray]]:
    """Return one source's lookup between two levels, what is wrong with it, and what was done to it.

    An area with one parent and no weight lies wholly in it. An area with several parents needs weights that add to 1; where they
    are empty but the base is given, the shares are computed from that base of the parents (equal parts for "areas"). Rows with
    share 0 are left out.

    Args:
        rows: The source's columns area, parent, weight, base.
        source: Its name, for errors.
        pair: Level and parent level.
        codes: Sorted codes by level.
        sizes: Population and households of the parents, by those words, NaN where unknown.

    Returns:
        The link, the problems, and positions of areas whose shares were ``computed`` or ``rescaled``, or that had a ``zero`` share.
    """
    child = positions(rows["area"], codes[pair[0]])
    parent = positions(rows["parent"], codes[pair[1]])
    order = np.lexsort((parent, child))
    entries = _Entries(f"source {source}, {pair[0]} in {pair[1]}", pair, codes, child[order], parent[order])
    child, parent = entries.child, entries.parent
    weight = numbers(rows["weight"])[order]
    stated = sorted(base for base in pc.unique(rows["base"]).to_pylist() if base)
    several = np.bincount(child)[child] > 1
    asked = np.isnan(weight) & several
    weight = np.where(np.isnan(weight) & ~several, 1.0, weight)
    problems: list[Problem] = []
    if asked.any():
        weight, problems = _computed(entries, weight, asked, stated, sizes)
    total = np.bincount(child, weights=weight)
    gap = np.abs(total[child] - 1)
    wrong = gap > WEIGHT_TOLERANCE
    if wrong.any() and not problems:
        problems = [
            entries.problem(
                wrong,
                "the weights of an area do not add to 1",
                f"with a sum of {total[child[wrong][0]]:.6g}",
                f"a sum within {WEIGHT_TOLERANCE} of 1",
                "Give all parents of each area, the part outside as a parent of its own.",
            )
        ]
    # A sum of 0 is among the problems above; it only must not divide here.
    weight = weight / np.where(total > 0, total, 1.0)[child]
    kept = weight > 0
    mended = {
        "computed": np.unique(child[asked]),
        "rescaled": np.unique(child[(gap > ROUNDING) & ~wrong]),
        "zero": np.unique(child[~kept]),
    }
    base = " and ".join(stated) if several.any() else ""
    return Link(Lookup(child[kept], parent[kept], weight[kept]), base), problems, mended


def _computed(
    entries: _Entries,
    weight: FloatArray,
    asked: BoolArray,
    stated: list[str],
    sizes: Mapping[str, FloatArray],
) -> tuple[FloatArray, list[Problem]]:
    """Return the weights with the empty ones computed from the stated base of the parents, or what is wrong."""
    child, parent = entries.child, entries.parent
    partly = np.isin(child, child[asked]) & ~asked
    if len(stated) != 1 or stated[0] not in BASES or partly.any():
        return np.where(asked, 1.0, weight), [
            entries.problem(
                asked,
                "an area lies in several parents and its weights are not given",
                f"in {entries.parents_of_first(asked)}",
                "one parent for each area, or weights that add to 1",
                f"Correct the lookup, give all weights, or give one base to share by ({', '.join(BASES)}).",
            )
        ]
    size = np.ones(int(parent.max()) + 1) if stated[0] == "areas" else sizes[stated[0]]
    part = size[parent]
    unknown = np.isnan(part) & asked
    if unknown.any():
        return np.where(asked, 1.0, weight), [
            entries.problem(
                unknown,
                f"shares are to follow the {stated[0]} of the parents, which is not known",
                f"in {entries.parents_of_first(unknown)}",
                f"{stated[0]} of every such parent",
                f'Add a source with their {stated[0]}, or give the base "areas" for equal shares.',
            )
        ]
    length = int(child.max()) + 1
    total = np.bincount(child[asked], weights=part[asked], minlength=length)[child]
    number = np.bincount(child[asked], minlength=length)[child]
    # Where all parents are empty there is nothing to follow: equal parts keep the total.
    share = np.where(total > 0, part / np.where(total > 0, total, 1.0), 1.0 / np.maximum(number, 1))
    return np.where(asked, share, weight), []


def same_where_both(one: Link, other: Link, width: int) -> IntArray:
    """Return positions of the areas that both links know and place differently.

    Args:
        one: A link.
        other: Another between the same levels.
        width: Number of parents.
    """
    a, b = one.lookup, other.lookup
    length = int(max(a.child.max(initial=-1), b.child.max(initial=-1))) + 1
    both = (np.bincount(a.child, minlength=length) > 0) & (np.bincount(b.child, minlength=length) > 0)
    in_a, in_b = both[a.child], both[b.child]
    # Lookups are ordered by area and parent, so these keys ascend and one search finds all partners.
    key_a = a.child[in_a] * np.int64(width) + a.parent[in_a]
    key_b = b.child[in_b] * np.int64(width) + b.parent[in_b]
    place = np.minimum(np.searchsorted(key_b, key_a), max(len(key_b) - 1, 0))
    found = key_b[place] == key_a if len(key_b) else np.zeros(len(key_a), dtype=bool)
    shares_differ = np.abs(a.share[in_a] - b.share[in_b][place]) > WEIGHT_TOLERANCE if len(key_b) else ~found
    alone = np.ones(len(key_b), dtype=bool)
    alone[place[found]] = False
    keys = np.concatenate([key_a[~found | shares_differ], key_b[alone]])
    return np.unique(keys // max(width, 1))


def joined(one: Link, other: Link) -> Link:
    """Return both links as one; areas that both know are taken from the first."""
    new = ~np.isin(other.lookup.child, one.lookup.child)
    child = np.concatenate([one.lookup.child, other.lookup.child[new]])
    parent = np.concatenate([one.lookup.parent, other.lookup.parent[new]])
    share = np.concatenate([one.lookup.share, other.lookup.share[new]])
    order = np.lexsort((parent, child))
    base = " and ".join(dict.fromkeys(filter(None, (one.base, other.base))))
    return Link(Lookup(child[order], parent[order], share[order]), base)


def chained(first: Link, second: Link, k: int) -> Link:
    """Return the link from the first's areas to the second's parents.

    Args:
        first: From areas to larger ones.
        second: From those to still larger ones.
        k: Number of the still larger ones.
    """
    base = " and ".join(dict.fromkeys(filter(None, (first.base, second.base))))
    lookup = compose(first.lookup, second.lookup, k)
    # Sums of products of shares are 1 up to rounding where areas nest; 1 exactly is what "nested" means in the table.
    share = np.where(np.abs(lookup.share - 1) < ROUNDING, 1.0, lookup.share)
    return Link(Lookup(lookup.child, lookup.parent, share), base)


def derived(below: Link, above: Link, size: FloatArray | None, k: int) -> Link:
    """Return how middle areas lie in larger ones, from how small areas lie in both.

    A middle area's share in a larger one is the share of its small areas' size that lies there.

    Args:
        below: From small areas to the middle ones.
        above: From the same small areas to the larger ones.
        size: Population of the small areas, shape (n,); None counts each small area as one.
        k: Number of larger areas.
    """
    lookup = below.lookup
    weight = lookup.share if size is None else lookup.share * size[lookup.child]
    # A middle area whose people are all 0 still has small areas: count those instead.
    total = np.bincount(lookup.parent, weights=weight)
    weight = np.where(total[lookup.parent] > 0, weight, lookup.share)
    total = np.bincount(lookup.parent, weights=weight)
    upward = Lookup(lookup.parent, lookup.child, weight / total[lookup.parent])
    link = chained(Link(upward), above, k)
    base = "" if link.nested else ("areas" if size is None else "population")
    return Link(link.lookup, base)
