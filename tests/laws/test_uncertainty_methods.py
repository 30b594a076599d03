"""What always holds of draws of sampling error, and of ranks over draws; and that intervals cover what they say."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from wardmote.errors import MethodError, MissingError
from wardmote.methods import compiled, counts, quantiles, sampling, streams
from wardmote.methods.quantiles import (
    RankTally,
    compact,
    draw_blocks,
    draw_ranks,
    joint_share_within,
    rank_intervals,
    rank_quantiles,
    share_within,
)  # fmt: skip
from wardmote.methods.ranks import best_rank
from wardmote.methods.shrink import shrink

Floats = npt.NDArray[np.float64]
AREAS = sampling.cell_keys([f"E0100{i:04d}" for i in range(300)])
STREAM = sampling.independent(7, "income")
PAIR = sampling.within_domain(7, ["income", "work"], "money", 0.5)[1]
needs_numba = pytest.mark.skipif(compiled.loops() is None, reason="numba is not installed")


def samplers(seed: int) -> dict[str, Callable[..., Floats]]:
    """Return every sampler with parameters that include the awkward ones; each takes stream, areas, draws and fast."""
    rng = np.random.default_rng(seed)
    n = rng.choice([0, 1, 2, 30, 900, 50_000], 300).astype(float)
    p = rng.choice([0.0, 1e-9, 0.01, 0.3, 0.999, 1.0], 300)
    n[::17], p[::19] = np.nan, np.nan
    rho = rng.choice([1e-4, 0.02, 0.5, 0.999], 300)
    small = np.where(n > 900, 900, n)

    def bound(method: Callable[..., Floats], **values: npt.ArrayLike) -> Callable[..., Floats]:
        def call(stream: sampling.Stream, part: slice, draws: range, *, fast: bool | None = None) -> Floats:
            cut = {k: v[part] if isinstance(v, np.ndarray) else v for k, v in values.items()}
            return method(stream, AREAS[part], draws, fast=fast, **cut)

        return call

    return {
        "uniforms": bound(sampling.uniforms),
        "normals": bound(sampling.normals),
        "binomial": bound(sampling.binomial, trials=n, probability=p),
        "poisson": bound(sampling.poisson, mean=n * p / 3),
        "beta_binomial": bound(sampling.beta_binomial, trials=small, probability=p, clustering=rho),
        "normal": bound(sampling.normal, value=p, standard_error=0.1),
        "log_normal": bound(sampling.log_normal, value=p + 0.1, log_error=0.2),
        "logit_normal": bound(sampling.logit_normal, proportion=p, logit_error=0.3),
    }


NAMES = sorted(samplers(0))


@needs_numba
@pytest.mark.parametrize("stream", [STREAM, PAIR], ids=["independent", "correlated"])
@pytest.mark.parametrize("name", NAMES)
def test_compiled_and_plain_loops_give_the_same_bytes(name: str, stream: sampling.Stream) -> None:
    for seed in (1, 2):
        call = samplers(seed)[name]
        fast, plain = (call(stream, slice(None), range(3, 150), fast=choice) for choice in (True, False))
        assert fast.tobytes() == plain.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_is_the_same_whatever_is_drawn_with_it(name: str) -> None:
    call = samplers(3)[name]
    whole = call(STREAM, slice(None), range(40))
    np.testing.assert_array_equal(call(STREAM, slice(None), range(11, 30)), whole[11:30])
    np.testing.assert_array_equal(call(STREAM, slice(100, 190), range(40)), whole[:, 100:190])
    np.testing.assert_array_equal(call(STREAM, slice(None), range(0, 40, 3)), whole[::3])
    if name != "poisson":
        assert not np.array_equal(
            call(sampling.independent(8, "income"), slice(None), range(40)), whole, equal_nan=True
        )
        assert not np.array_equal(
            call(sampling.independent(7, "health"), slice(None), range(40)), whole, equal_nan=True
        )


def test_bits_are_uniform_and_unrelated_between_cells_draws_and_indicators() -> None:
    u = sampling.uniforms(STREAM, AREAS, range(1000))
    other = sampling.uniforms(sampling.independent(7, "health"), AREAS, range(1000))
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3  # one seed, fixed: passes or fails for ever
    for left, right in ((u[:-1], u[1:]), (u[:, :-1], u[:, 1:]), (u, other)):
        # Standard error 1/√300,000 = 0.0018; four of them.
        assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.0073
    assert 0 < u.min() < u.max() < 1


def test_the_normal_quantile_is_within_a_ten_thousand_millionth() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**51, 20_000, dtype=np.uint64) >> rng.integers(0, 51, 20_000, dtype=np.uint64)
    bits[:2] = 0, 2**51 - 1
    half = (bits + 0.5) * 2.0**-52
    z = streams._normal_of_bits(bits, streams._normal_pieces())
    np.testing.assert_allclose(z, special.ndtri(half), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(
        streams._normal_of_bits(bits | np.uint64(2**51), streams._normal_pieces()), -z
    )


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("binomial", stats.binom(700, 0.13)),
        ("binomial", stats.binom(40_000, 0.002)),
        ("poisson", stats.poisson(3.7)),
        ("poisson", stats.poisson(12_000)),
        ("beta_binomial", stats.betabinom(300, 2.0, 9.0)),
        ("beta_binomial", stats.betabinom(300, 0.2, 0.3)),
        ("binomial", stats.binom(3_000_000, 0.4)),  # counts of four bytes
        ("binomial", stats.binom(60_000_000, 1e-8)),
        ("binomial", stats.binom(1, 0.5)),
        ("poisson", stats.poisson(0.01)),
        ("poisson", stats.poisson(80_000)),
        ("beta_binomial", stats.betabinom(9_000, 40.0, 900.0)),
    ],
)
def test_counts_are_the_exact_inverse_of_their_distribution(name: str, law: object) -> None:
    n, *shape = law.args  # type: ignore[attr-defined]  # scipy's frozen laws are not typed
    if name == "binomial":
        drawn = sampling.binomial(STREAM, AREAS, range(50), trials=n, probability=shape[0], share=False)
    elif name == "poisson":
        drawn = sampling.poisson(STREAM, AREAS, range(50), mean=n)
    else:
        a, b = shape
        drawn = sampling.beta_binomial(
            STREAM,
            AREAS,
            range(50),
            trials=n,
            probability=a / (a + b),
            clustering=1 / (a + b + 1),
            share=False,
        )
    u = sampling.uniforms(STREAM, AREAS, range(50))
    # scipy's distribution functions are good to about 1e-11; only a uniform that close to a step could differ.
    assert (law.cdf(drawn) >= u - 1e-10).all()  # type: ignore[attr-defined]  # as above
    assert (law.cdf(drawn - 1) < u + 1e-10).all()  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize(("n", "p"), [(300, 0.07), (900, 0.5), (40, 0.999)])
def test_a_count_begins_within_a_few_random_words_of_where_it_should(n: int, p: float) -> None:
    law = counts.binomial_law(AREAS[:1], trials=float(n), probability=p)
    top, bottom = p.as_integer_ratio()
    chances = [comb(n, k) * top**k * (bottom - top) ** (n - k) for k in range(n + 1)]
    words, expected, passed = [], [], 0
    for k, chance in enumerate(chances[:-1]):
        passed += chance
        first = (
            passed * 2**52 // bottom**n
        )  # the word, of 2⁵², at which counts above k begin; rounding moves it by about two
        if (
            8 < first < 2**52 - 8
            and chance * 2**52 > 16 * bottom**n
            and chances[k + 1] * 2**52 > 16 * bottom**n
        ):
            words += [first - 5, first + 5]
            expected += [k, k + 1]
    assert len(words) > 10
    found = counts._counts(law, np.array(words, dtype=np.int64)[:, None])
    np.testing.assert_array_equal(found[:, 0], expected)


@pytest.mark.parametrize("name", ["binomial", "beta_binomial", "poisson"])
def test_what_is_kept_of_a_cell_changes_no_draw(name: str) -> None:
    rng = np.random.default_rng(4)
    n, p = rng.integers(1, 3000, 300).astype(float), rng.uniform(0, 1, 300)
    law = {
        "binomial": lambda: counts.binomial_law(AREAS, trials=n, probability=p),
        "beta_binomial": lambda: counts.beta_binomial_law(AREAS, trials=n, probability=p, clustering=0.4),
        "poisson": lambda: counts.poisson_law(AREAS, mean=n * p / 9),
    }[name]()
    mass = np.zeros((300, 2))
    whole = law.draw(STREAM, AREAS, range(90))
    parts = [
        law.draw(STREAM, AREAS, range(start, start + size), mass=mass)
        for start, size in ((0, 1), (1, 20), (21, 69))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_edges_of_counts() -> None:
    trials, p = np.array([0.0, 10.0, 10.0, np.nan, 10.0]), np.array([0.5, 0.0, 1.0, 0.5, np.nan])
    some = sampling.binomial(STREAM, AREAS[:5], range(9), trials=trials, probability=p)
    np.testing.assert_array_equal(some, np.tile([np.nan, 0, 1, np.nan, np.nan], (9, 1)))
    number = sampling.binomial(STREAM, AREAS[:5], range(9), trials=trials, probability=p, share=False)
    np.testing.assert_array_equal(number, np.tile([0, 0, 10, np.nan, np.nan], (9, 1)))
    extremes = sampling.beta_binomial(
        STREAM, AREAS[:2], range(5), trials=8, probability=[0.0, 1.0], clustering=0.1, share=False
    )
    np.testing.assert_array_equal(extremes, np.tile([0, 8], (5, 1)))
    assert (sampling.poisson(STREAM, AREAS, range(5), mean=0) == 0).all()
    assert sampling.poisson(STREAM, AREAS[:0], range(5), mean=1).shape == (5, 0)


def test_means_and_spreads_are_those_asked_for() -> None:
    draws = range(
        2000
    )  # 600,000 numbers: relative standard error of a variance 0.0018, and tolerances are five of these
    b = sampling.binomial(STREAM, AREAS, draws, trials=500, probability=0.2)
    assert b.mean() == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / 500 / b.size))
    assert b.var() == pytest.approx(0.16 / 500, rel=0.01)
    clustered = sampling.beta_binomial(
        STREAM, AREAS, draws, trials=500, probability=0.2, clustering=0.01, share=False
    )
    assert clustered.var() == pytest.approx(500 * 0.16 * (1 + 499 * 0.01), rel=0.01)
    ratio = sampling.log_normal(STREAM, AREAS, draws, value=1.3, log_error=sampling.log_spread(1.0, 1.69))
    assert np.median(ratio) == pytest.approx(1.3, rel=0.002)
    assert np.mean((ratio >= 1.0) & (ratio <= 1.69)) == pytest.approx(0.95, abs=0.0015)
    assert sampling.normal_spread(8.0, 12.0) == pytest.approx(4 / (2 * 1.959963984540054))
    odds = sampling.logit_normal(STREAM, AREAS, draws, proportion=0.1, logit_error=0.4)
    assert special.logit(odds).std() == pytest.approx(0.4, rel=0.01)


def test_correlation_between_indicators_is_the_one_stated() -> None:
    matrix = np.array([[1, 0.6, -0.2], [0.6, 1, 0.1], [-0.2, 0.1, 1]])
    z = [
        sampling.normals(s, AREAS, range(1000)).ravel()
        for s in sampling.correlated(1, ["a", "b", "c"], matrix)
    ]
    # Standard error at most 1/√300,000 = 0.0018; four of them.
    np.testing.assert_allclose(np.corrcoef(z), matrix, atol=0.0073)
    inside = [
        sampling.uniforms(s, AREAS, range(1000)) for s in sampling.within_domain(1, ["a", "b"], "d", 0.5)
    ]
    normal = special.ndtri(np.stack([u.ravel() for u in inside]))
    assert np.corrcoef(normal)[0, 1] == pytest.approx(0.5, abs=0.0073)
    # Errors are shared within an area, not between areas.
    across = np.corrcoef(special.ndtri(inside[0][:, :-1]).ravel(), special.ndtri(inside[1][:, 1:]).ravel())[
        0, 1
    ]
    assert abs(across) < 0.0073


def test_no_correlation_leaves_the_draws_as_they_are() -> None:
    alone = (sampling.independent(1, "a"), sampling.independent(1, "b"))
    assert sampling.within_domain(1, ["a", "b"], "d", 0) == alone
    assert sampling.correlated(1, ["a", "b"], np.eye(2)) == alone


def test_intervals_of_shrunk_proportions_cover_the_truth() -> None:
    """30 parents of 60 areas: draws round the shrunk figure cover 88 to 92 of 100, noise on raw figures fewer."""
    rng = np.random.default_rng(20)
    parent = np.repeat(np.arange(30), 60)
    keys = sampling.cell_keys([str(i) for i in range(len(parent))])
    centre = rng.normal(-2.0, 0.5, 30)[parent]
    truth = special.expit(centre + rng.normal(0, 0.35, len(parent)))
    n = np.round(rng.uniform(60, 500, len(parent)))
    r = rng.binomial(n.astype(int), truth).astype(float)
    shrunk = shrink(r, n, parent)
    spread = sampling.shrunk_spread(r, n, shrunk.weight, 60)
    around = sampling.logit_normal(
        STREAM, keys, range(1000), proportion=shrunk.proportion, logit_error=spread
    )
    raw = sampling.binomial(STREAM, keys, range(1000), trials=n, probability=r / n)

    def covered(draws: Floats) -> float:
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        return float(((low <= truth) & (truth <= high)).mean())

    # 1,800 areas: standard error 0.007. The issue asks for 0.88 to 0.92.
    assert 0.88 <= covered(around) <= 0.92
    assert covered(raw) < covered(around)


def test_spread_of_a_shrunk_proportion_at_its_edges() -> None:
    spread = sampling.shrunk_spread([5, 5, 0], [50, 50, 0], [1.0, 0.0, 0.0], 10)
    assert spread[0] == pytest.approx(np.sqrt(51 * 52 / (50 * 6 * 46)))
    assert spread[1] == 0
    assert np.isnan(spread[2])


def test_spread_of_a_shrunk_proportion_by_hand() -> None:
    """r = 5 of n = 50, w = ½, k = 7, moved by 0.4: variance ½ · 51·52 ÷ (50·6·46) · (1 + ½ ÷ 7) + 2 · 0.16 ÷ 4.

    Morris (1983, p. 51, equations 4.1 and 4.2): v = 2 B² ÷ (k − r − 2) with r = 1 coefficient estimated, times (y − centre)².
    """
    within = 2652 / 13800 / 2 * (15 / 14)  # 0.102950
    spread = sampling.shrunk_spread(5, 50, 0.5, [7, 7, 3], pull=[0.4, 0.0, 0.4])
    # The term is left out without a pull, and where k − 3 is 0.
    expected = [np.sqrt(within + 0.08), np.sqrt(within), np.sqrt(2652 / 13800 / 2 * (7 / 6))]
    np.testing.assert_allclose(spread, expected, rtol=1e-14)
    assert spread[0] == pytest.approx(0.427727, abs=1e-6)


def test_refusals_of_samplers() -> None:
    def draw(method: Callable[..., Floats], **values: npt.ArrayLike) -> Floats:
        return method(STREAM, AREAS[:2], range(3), **values)

    for match, call in {
        "not whole": lambda: draw(sampling.binomial, trials=[1.5, 2], probability=0.1),
        "outside 0 to 1": lambda: draw(sampling.binomial, trials=5, probability=[0.1, 1.1]),
        "do not fit": lambda: draw(sampling.binomial, trials=[1, 2, 3], probability=0.1),
        "0 to 10": lambda: draw(sampling.poisson, mean=-1),
        "clustering": lambda: draw(sampling.beta_binomial, trials=5, probability=0.1, clustering=0),
        "negative": lambda: draw(sampling.normal, value=1, standard_error=-1),
        "not above 0": lambda: draw(sampling.log_normal, value=0, log_error=1),
        "a proportion": lambda: draw(sampling.logit_normal, proportion=2, logit_error=1),
        "numbered below 0": lambda: sampling.uniforms(STREAM, AREAS, range(-1, 2)),
        "out of range": lambda: sampling.within_domain(1, ["a"], "d", 1.5),
        "wrong size": lambda: sampling.correlated(1, ["a"], np.eye(2)),
        "symmetric": lambda: sampling.correlated(1, ["a", "b"], [[1, 0.5], [0.4, 1]]),
        "positive definite": lambda: sampling.correlated(1, ["a", "b"], [[1, 1.0], [1.0, 1]]),
        "upside down": lambda: sampling.normal_spread([2.0], [1.0]),
        "coverage": lambda: sampling.normal_spread([1.0], [2.0], coverage=1.0),
        "of a ratio": lambda: sampling.log_spread([0.0], [1.0]),
        "a weight": lambda: sampling.shrunk_spread([1.0], [2.0], [1.5], 3),
        "no members": lambda: sampling.shrunk_spread([1.0], [2.0], [0.5], 0),
    }.items():
        with pytest.raises(MethodError, match=match):
            call()


def test_compiled_loops_are_refused_where_numba_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_module", lambda: None)
    assert compiled.loops() is None
    with pytest.raises(MissingError, match="numba"):
        compiled.loops(True)


# --- ranks over draws -------------------------------------------------------------------------------------------------

awkward = st.sampled_from(
    [0.0, -0.0, 1.0, 1.0 + 2**-52, 1.0 + 2**-40, -1.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e300]
) | st.floats(-3, 3, width=16)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40), elements=awkward
    )
)
def test_ranks_of_draws_are_best_ranks(scores: Floats) -> None:
    expected = np.nan_to_num(best_rank(scores), nan=0).astype(np.int32)
    np.testing.assert_array_equal(draw_ranks(scores, fast=False), expected)
    np.testing.assert_array_equal(draw_ranks(scores), expected)


def test_ranks_of_many_areas_with_long_ties() -> None:
    scores = np.random.default_rng(0).standard_normal((6, 5000))
    scores[1] = np.round(scores[1])
    scores[2] = 1 + scores[2] * 1e-12  # agree in the upper half of their bits
    scores[3], scores[4, ::7] = 2.0, np.nan
    np.testing.assert_array_equal(draw_ranks(scores), draw_ranks(scores, fast=False))


rank_tables = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30), elements=st.integers(0, 30)
).map(lambda table: np.minimum(table, table.shape[1]).astype(np.int32))


@settings(max_examples=60, deadline=None)
@given(rank_tables, st.integers(1, 5))
def test_quantiles_are_ranks_that_occurred_and_two_passes_find_the_same(
    ranks: npt.NDArray[np.int32], parts: int
) -> None:
    n, ps = ranks.shape[1], [0.0, 0.05, 0.25, 0.5, 0.9, 1.0]
    found = rank_quantiles(ranks, ps)
    for area in range(n):
        known = ranks[:, area][ranks[:, area] > 0]
        if len(known):
            expected = np.quantile(known, ps, method="inverted_cdf")
            np.testing.assert_array_equal(found[:, area], expected)
        else:
            assert np.isnan(found[:, area]).all()
    tally = RankTally(n, limits=[n / 10, n / 2])
    for second in (False, True):
        if second:
            tally.refine(ps)
        for block in np.array_split(ranks, parts):
            tally.add(block)
    np.testing.assert_array_equal(tally.quantiles(), found)
    np.testing.assert_array_equal(tally.shares(), [share_within(ranks, n / 10), share_within(ranks, n / 2)])
    np.testing.assert_array_equal(rank_quantiles(compact(ranks, n), ps), found)


def test_decimal_shares_of_draws_are_meant_as_written() -> None:
    ranks = np.arange(1, 1001, dtype=np.int32)[:, None]
    assert rank_quantiles(ranks, [0.1, 0.05, 0.95, 0.7])[:, 0].tolist() == [100, 50, 950, 700]
    low, high = rank_intervals(ranks, [0.5, 0.9, 0.95])
    assert low[:, 0].tolist() == [250, 50, 25]
    assert high[:, 0].tolist() == [750, 950, 975]


def test_shares_within_limits() -> None:
    first = np.array([[1, 2, 3, 0], [1, 3, 2, 0], [2, 1, 3, 0], [1, 2, 0, 0]], dtype=np.int32)
    second = np.array([[1, 1, 3, 4], [2, 1, 3, 4], [2, 1, 3, 4], [1, 2, 3, 4]], dtype=np.int32)
    np.testing.assert_array_equal(share_within(first, 1.9), [0.75, 0.25, 0, np.nan])
    np.testing.assert_array_equal(joint_share_within(first, 1, second, 1), [0.5, 0.25, 0, np.nan])


def test_refusals_of_rank_quantiles() -> None:
    ranks = np.ones((3, 2), dtype=np.int32)
    tally = RankTally(2)
    tally.add(ranks)
    for match, call in {
        "no draws": lambda: rank_quantiles(ranks[:0], [0.5]),
        "probability": lambda: rank_quantiles(ranks, [1.5]),
        "coverage": lambda: rank_intervals(ranks, [1.0]),
        "the same draws": lambda: joint_share_within(ranks, 1, ranks[:2], 1),
        "do not fit": lambda: draw_ranks(np.zeros(3)),
        "second pass has not": tally.quantiles,
        "ranks do not fit": lambda: tally.add(np.full((1, 2), 9, dtype=np.int32)),
        "no area": lambda: RankTally(0),
    }.items():
        with pytest.raises(MethodError, match=match):
            call()
    tally.refine([0.5])
    tally.add(ranks[:2])
    with pytest.raises(MethodError, match="other draws"):
        tally.quantiles()


def test_blocks_of_draws_fit_the_memory() -> None:
    blocks = list(draw_blocks(1000, 33_755, most_bytes=2**26))
    assert [d for block in blocks for d in block] == list(range(1000))
    assert max(map(len, blocks)) * 33_755 * 8 <= 2**26
    assert quantiles.compact(np.ones(2, np.int32), 70_000).dtype == np.int32
