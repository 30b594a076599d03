"""Summaries of larger areas over many draws: those of single draws by `wardmote.methods.summarise`, compiled or plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods.larger import LargerAreas
from wardmote.methods.quantiles import draw_ranks
from wardmote.methods.summarise import SUMMARISE

RANKED = ("average_rank", "extent", "local_concentration", "proportion")


def _case(seed: int, *, gaps: bool) -> tuple[LargerAreas, np.ndarray, np.ndarray, np.ndarray]:
    """Return 60 areas in 5 larger ones (the last of which has none), with ties, gaps, and areas in no larger one."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 40, (7, 60)).astype(float)
    scores[:, :4] = np.nan
    if gaps:
        scores[2, rng.integers(4, 60, 5)] = np.nan  # a draw in which others than usual are missing
        scores[3, :2] = 5.0  # and one in which more are there
        scores[4] = np.nan  # and one that failed
    people = rng.integers(0, 900, 60).astype(float)
    parent = rng.integers(-1, 4, 60)
    known = np.arange(60) >= 4
    return LargerAreas(known, people, parent, 5, limit=5), scores, people, parent


@settings(deadline=None, max_examples=30)  # compiling takes seconds once
@given(seed=st.integers(0, 10_000), gaps=st.booleans(), fast=st.booleans())
def test_each_draw_is_summed_up_as_if_it_were_alone(seed: int, gaps: bool, fast: bool) -> None:
    larger, scores, people, parent = _case(seed, gaps=gaps)
    ranks = draw_ranks(scores)
    missing = np.where(ranks > 0, ranks.astype(float), np.nan)
    found = larger.average_score(scores, fast=fast)
    expected = SUMMARISE["average_score"].function(scores, people, parent, 5)
    # Other orders of the same sums: units in the last place.
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for measure in RANKED:
        if measure == "proportion":
            inside = np.where(np.isnan(missing), np.nan, missing <= 5)
            expected = SUMMARISE["average_score"].function(inside, np.ones(60), parent, 5)
        else:
            expected = SUMMARISE[measure].function(missing, people, parent, 5)
        for kept in (ranks, ranks.astype(np.uint16)):
            np.testing.assert_allclose(larger.of_ranks(kept, measure, fast=fast), expected, rtol=1e-12)


@pytest.mark.parametrize("measure", ["average_rank", "extent", "proportion"])
def test_compiled_and_plain_sums_have_the_same_bytes(measure: str) -> None:
    larger, scores, _, _ = _case(1, gaps=True)
    ranks = draw_ranks(scores)
    fast, plain = (larger.of_ranks(ranks, measure, fast=fast) for fast in (True, False))
    assert fast.tobytes() == plain.tobytes()
    fast, plain = (larger.average_score(scores, fast=fast) for fast in (True, False))
    assert fast.tobytes() == plain.tobytes()


def test_a_measure_that_is_none_is_refused() -> None:
    larger, scores, _, _ = _case(1, gaps=False)
    with pytest.raises(MethodError, match="no such measure of ranks"):
        larger.of_ranks(draw_ranks(scores), "median")
