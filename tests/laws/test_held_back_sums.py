"""Whatever sums of closed figures are published, nobody can work out one of the figures: an attacker who solves for all of them fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardmote.publish import sums as sums_module
from wardmote.publish.sums import held_back


def determined(sums: dict[int, dict[int, float]], published: set[int], cells: int) -> set[int]:
    """Return the cells that published sums determine: those whose own unit vector adds nothing to the rank of the system."""
    rows = [[sums[name].get(cell, 0.0) for cell in range(cells)] for name in sorted(published)]
    matrix = np.array(rows, dtype=np.float64).reshape(-1, cells)
    rank = np.linalg.matrix_rank(matrix) if len(matrix) else 0
    unit = np.eye(cells)
    return {cell for cell in range(cells) if np.linalg.matrix_rank(np.vstack([matrix, unit[cell]])) == rank}


@given(
    st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=10),
    st.lists(st.integers(0, 9), max_size=2),
)
def test_no_attacker_solves_for_a_closed_figure(sets: list[set[int]], open_: list[int]) -> None:
    sums = {name: dict.fromkeys(sorted(cells), 1.0) for name, cells in enumerate(sets)}
    known = {name for name in open_ if name in sums}
    left_out = held_back(sums, known)
    published = set(sums) - left_out
    assert known <= published
    assert determined(sums, published, 8) == determined(sums, known, 8)
    # Nothing is lost in vain: each sum that is left out would tell a figure.
    for name in left_out:
        assert determined(sums, published | {name}, 8) > determined(sums, known, 8)


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=5, max_size=5), min_size=1, max_size=7)
)
def test_parts_of_areas_are_solved_for_as_well(shares: list[list[float]]) -> None:
    sums = {n: {c: share for c, share in enumerate(row) if share} for n, row in enumerate(shares)}
    assert not determined(sums, set(sums) - held_back(sums), 5)


@pytest.mark.parametrize(
    ("sums", "left_out"),
    [
        ({"town": "a"}, {"town"}),
        ({"town": "ab"}, set()),
        # The region less one town is the other town's only place: the smaller sum goes, not the region's.
        ({"region": "abc", "town": "ab"}, {"town"}),
        ({"region": "abcd", "town": "ab", "city": "cd"}, set()),
        # Two ways of cutting the same places: their overlap is a single place.
        ({"east": "ab", "north": "bc", "all": "abc"}, {"all"}),
    ],
)
def test_the_smaller_sum_is_left_out(sums: dict[str, str], left_out: set[str]) -> None:
    assert held_back({name: dict.fromkeys(cells, 1.0) for name, cells in sums.items()}) == left_out


def test_what_open_sums_tell_is_nobodys_to_keep() -> None:
    sums = {
        "town": {"a": 1.0},
        "region": {"a": 1.0, "b": 1.0},
        "land": {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0},
    }
    assert held_back(sums, {"town"}) == {"region"}


def test_where_too_much_would_have_to_be_looked_at_sums_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    sets = [rng.choice(12, size=5, replace=False).tolist() for _ in range(10)]
    sums = {name: dict.fromkeys(cells, 1.0) for name, cells in enumerate(sets)}
    exact = held_back(sums, {0})
    monkeypatch.setattr(sums_module, "MOST_WORK", 20)
    left_out = held_back(sums, {0})
    assert exact < left_out < set(sums)
    assert 0 not in left_out  # it is public by itself
    assert not determined(sums, set(sums) - left_out, 12)
