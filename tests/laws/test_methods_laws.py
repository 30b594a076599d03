"""Laws that every method keeps, whatever the numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardmote.errors import MethodError
from wardmote.methods import aggregate, impute, normalise, ranks, shrink, similar, summarise, treat, weigh

Array = npt.NDArray[np.float64]
LAW = settings(max_examples=30, deadline=None)


@st.composite
def tables(draw: st.DrawFn, *, missing: bool = True, least: float = 0.5) -> Array:
    """k leaves of n areas with ties, skew and (maybe) gaps; no leaf constant."""
    k, n = draw(st.integers(2, 5)), draw(st.integers(6, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = np.round(least + rng.lognormal(0, draw(st.sampled_from([0.2, 1.0, 2.0])), (k, n)), 1)
    if missing:
        x[rng.random((k, n)) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    x[:, 0], x[:, 1], x[:, 2], x[:, 3] = least + 1, least + 2, least + 3.5, least + 4
    return x


NORMALISATIONS: dict[str, dict[str, Any]] = {
    **{name: {} for name in normalise.NORMALISE if name not in {"goalposts", "distance_to_target"}},
    "goalposts": {"low": 1, "high": 8},
    "distance_to_target": {"target": 1e4},
}
del NORMALISATIONS["distance_to_reference"]  # a position: relabelling moves it; tested on its own
RANK_BASED = ["rank", "percentile_rank", "borda", "rank_normal", "exponential"]
TREATMENTS: dict[str, dict[str, Any]] = {
    "skew_kurt": {"winmax": 2},
    "winsorise": {"winmax": 3},
    "log_ct": {},
    "log_ct_plus": {},
    "log_ct_orig": {},
    "log_gii": {},
    "box_cox": {"power": 0.3},
}
AGGREGATES: dict[str, dict[str, Any]] = {
    **{name: {} for name in aggregate.AGGREGATE},
    "generalised": {"power": 2.5},
    "sum": {"missing": "skip"},
}
MEANS = ["arithmetic", "geometric", "harmonic", "generalised", "mazziotta_pareto"]


@pytest.mark.parametrize("method", NORMALISATIONS)
@LAW
@given(x=tables(), seed=st.integers(0, 999))
def test_normalising_relabelled_areas(method: str, x: Array, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(x.shape[1])
    f, settings_ = normalise.NORMALISE[method], NORMALISATIONS[method]
    # z-scores sum areas in another order: rounding of a mean.
    np.testing.assert_allclose(
        f(x[:, order], **settings_), f(x, **settings_)[:, order], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("method", NORMALISATIONS)
@LAW
@given(x=tables(), seed=st.integers(0, 999))
def test_normalising_draws_at_once_or_one_by_one(method: str, x: Array, seed: int) -> None:
    draws = x * np.random.default_rng(seed).uniform(0.9, 1.1, (3, *x.shape))
    kept, f, settings_ = draws.copy(), normalise.NORMALISE[method], NORMALISATIONS[method]
    together = f(draws, **settings_)
    assert together.shape == draws.shape
    for draw in range(3):
        assert together[draw].tobytes() == f(draws[draw], **settings_).tobytes()
        assert together[draw, 0].tobytes() == f(draws[draw, 0], **settings_).tobytes()
    np.testing.assert_array_equal(draws, kept)
    np.testing.assert_array_equal(np.isnan(together), np.isnan(draws))


@pytest.mark.parametrize(
    "method", sorted(set(NORMALISATIONS) - {"goalposts", "distance_to_target", "fraction_of_max"})
)
@LAW
@given(x=tables())
def test_direction_turns_the_indicator_round_first(method: str, x: Array) -> None:
    f = normalise.NORMALISE[method]
    signs = np.where(np.arange(len(x)) % 2, -1.0, 1.0)
    np.testing.assert_array_equal(f(x, direction=signs), f(x * signs[:, None]))


@pytest.mark.parametrize("method", RANK_BASED)
@LAW
@given(x=tables())
def test_rank_based_methods_ignore_monotone_changes(method: str, x: Array) -> None:
    f = normalise.NORMALISE[method]
    np.testing.assert_array_equal(f(x), f(np.sqrt(x) * 3 - 7))


@LAW
@given(x=tables())
def test_scores_rise_with_need_and_hold_their_ends(x: Array) -> None:
    scores = normalise.minmax(x, lower=1, upper=100)
    assert np.nanmin(scores, axis=1).tolist() == [1.0] * len(x)
    assert np.nanmax(scores, axis=1).tolist() == [100.0] * len(x)
    exponential = normalise.exponential(x)
    assert np.nanmin(exponential) > 0
    assert np.nanmax(exponential) <= 100 + 1e-9  # rounding in exp and log
    reference = normalise.distance_to_reference(x, reference=2)
    np.testing.assert_allclose(reference[:, 2], 1)


@LAW
@given(x=tables())
def test_ranks_agree_with_scipy(x: Array) -> None:
    from scipy.stats import rankdata

    for ties, name in (("average", "average"), ("best", "min")):
        ours = ranks.ascending_rank(x, ties=ties)  # type: ignore[arg-type]  # a plain string in a loop
        np.testing.assert_array_equal(ours, rankdata(x, method=name, axis=1, nan_policy="omit"))
    np.testing.assert_array_equal(ranks.best_rank(x), rankdata(-x, method="min", axis=1, nan_policy="omit"))
    np.testing.assert_array_equal(ranks.order(x, descending=True), np.argsort(-x, axis=1, kind="stable"))


@LAW
@given(n=st.integers(1, 40_000), share=st.sampled_from(["0.1", "0.05", "0.3", "0.2", "1", "0.07"]))
def test_deciles_and_shares_are_exact(n: int, share: str) -> None:
    rank = np.arange(1, n + 1)
    assert ranks.decile(rank, n).tolist() == [-(-10 * r // n) for r in range(1, n + 1)]
    inside = ranks.greatest_need(rank, n, float(share))
    assert int(inside.sum()) == int(Fraction(share) * n)
    half = ranks.greatest_need(np.array([1.5]), 15, "0.1")
    assert half.tolist() == [True]


@pytest.mark.parametrize("method", TREATMENTS)
@LAW
@given(x=tables(), seed=st.integers(0, 999))
def test_treating(method: str, x: Array, seed: int) -> None:
    f, settings_ = treat.TREAT[method], TREATMENTS[method]
    kept = x.copy()
    values, details = f(x, **settings_)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(x))
    order = np.random.default_rng(seed).permutation(x.shape[1])
    np.testing.assert_allclose(f(x[:, order], **settings_)[0], values[:, order], rtol=1e-12, atol=1e-12)
    for leaf, (before, after) in enumerate(zip(x, values, strict=True)):
        # No treatment turns the order of two areas round, and equal areas stay equal.
        rank = ranks.ascending_rank(before)
        by_rank = after[np.argsort(np.where(np.isnan(rank), np.inf, rank), kind="stable")]
        assert (np.diff(by_rank[~np.isnan(by_rank)]) >= 0).all()
        alone, record = f(before, **settings_)
        assert alone.tobytes() == after.tobytes()
        assert record.transform == details.transform[leaf]
        if "winmax" in settings_ and details.transform[leaf] != "log_ct":
            assert np.nansum(before != after) - np.isnan(before).sum() <= settings_["winmax"]
    stacked, details = f(np.stack([x, x]), **settings_)
    assert stacked.tobytes() == np.stack([values, values]).tobytes()
    assert details.passed.shape == (2, len(x))


def test_box_cox_of_greatest_likelihood_makes_a_logarithm_nearly_normal() -> None:
    x = np.exp(np.random.default_rng(1).normal(0, 1, 500))
    values, details = treat.box_cox(x)
    assert abs(details.skew_after) < 0.2 < abs(details.skew_before)
    assert values.shape == x.shape


@st.composite
def weighted(draw: st.DrawFn, **table: Any) -> tuple[Array, Array]:
    x = draw(tables(**table))
    return x, np.array(draw(st.lists(st.integers(1, 50), min_size=len(x), max_size=len(x)))) / 50


@pytest.mark.parametrize("method", AGGREGATES)
@LAW
@given(xw=weighted(), seed=st.integers(0, 999))
def test_aggregating_relabelled_areas_draws_and_weights_by_area(
    method: str, xw: tuple[Array, Array], seed: int
) -> None:
    x, w = xw
    f, settings_ = aggregate.AGGREGATE[method], AGGREGATES[method]
    kept = x.copy(), w.copy()
    scores = f(x, w, **settings_)
    rng = np.random.default_rng(seed)
    order = rng.permutation(x.shape[1])
    np.testing.assert_array_equal(f(x[:, order], w, **settings_), scores[order])
    draws = w * rng.uniform(0.5, 1.5, (3, len(w)))
    together = f(x, draws, per_area=False, **settings_)
    both = f(np.stack([x] * 3), draws, per_area=False, **settings_)
    for draw in range(3):
        assert together[draw].tobytes() == both[draw].tobytes() == f(x, draws[draw], **settings_).tobytes()
    if method != "copeland":
        wide = np.repeat(w[:, None], x.shape[1], axis=1)
        np.testing.assert_array_equal(f(x, wide, per_area=True, **settings_), scores)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(w, kept[1])


@pytest.mark.parametrize("method", AGGREGATES)
@pytest.mark.parametrize("n", [7, 33, 4099])
def test_equal_areas_score_equally_wherever_they_stand(method: str, n: int) -> None:
    # To the last digit, or a tie is lost: vector and scalar loops, and the end of a tile, must not differ.
    x = np.repeat(np.array([[11.3], [27.77], [93.1]]), n, axis=1)
    x[1, n // 2] = np.nan
    scores = np.delete(aggregate.AGGREGATE[method](x, [0.225, 0.135, 0.093], **AGGREGATES[method]), n // 2)
    assert len(np.unique(scores)) == 1


@pytest.mark.parametrize("method", [*MEANS, "copeland"])
@LAW
@given(xw=weighted(), factor=st.sampled_from([0.001, 3.0, 1000.0]))
def test_scaling_all_weights_leaves_means_unchanged(
    method: str, xw: tuple[Array, Array], factor: float
) -> None:
    x, w = xw
    f = aggregate.AGGREGATE[method]
    np.testing.assert_allclose(
        f(x, factor * w, **AGGREGATES[method]), f(x, w, **AGGREGATES[method]), rtol=1e-12
    )


@LAW
@given(xw=weighted(), factor=st.sampled_from([0.001, 3.0]))
def test_scaling_all_weights_scales_a_sum(xw: tuple[Array, Array], factor: float) -> None:
    x, w = xw
    np.testing.assert_allclose(aggregate.total(x, factor * w), factor * aggregate.total(x, w), rtol=1e-12)


@pytest.mark.parametrize("method", MEANS)
@LAW
@given(xw=weighted())
def test_means_lie_between_their_children_and_pass_over_missing_ones(
    method: str, xw: tuple[Array, Array]
) -> None:
    x, w = xw
    scores = aggregate.AGGREGATE[method](x, w, **AGGREGATES[method])
    known = ~np.isnan(x).all(axis=0)
    assert np.array_equal(np.isnan(scores), ~known)
    if method != "mazziotta_pareto":  # it adds a penalty to the mean on purpose
        assert (scores >= np.fmin.reduce(x) * (1 - 1e-12))[known].all()
        assert (scores <= np.fmax.reduce(x) * (1 + 1e-12))[known].all()
    area = 5  # without its missing children, an area's score is the same
    have = ~np.isnan(x[:, area])
    if have.any():
        alone = aggregate.AGGREGATE[method](
            x[have, area : area + 1], w[have], per_area=False, **AGGREGATES[method]
        )
        np.testing.assert_allclose(alone[0], scores[area], rtol=1e-12)


@LAW
@given(x=tables(), share=st.sampled_from([0.0, 0.5, 1.0]))
def test_min_available(x: Array, share: float) -> None:
    scores = aggregate.arithmetic(x, np.ones(len(x)), min_available=share)
    available = (~np.isnan(x)).mean(axis=0)
    assert np.array_equal(np.isnan(scores), (available < share) | (available == 0))


@pytest.mark.parametrize("method", ["arithmetic", "sum", "geometric"])
@LAW
@given(xw=weighted(least=1.0))
def test_contributions_sum_to_the_score(method: str, xw: tuple[Array, Array]) -> None:
    x, w = xw
    x = np.where(x == 2.0, 1.0, x)  # some areas at the bottom of a 1-to-100 scale, where logarithms are 0
    settings_ = {"missing": "skip"} if method == "sum" else {}
    score = aggregate.AGGREGATE[method](x, w, **settings_)
    parts = aggregate.contributions(x, w, method, **settings_)
    assert parts.shape == x.shape
    np.testing.assert_allclose(np.nansum(parts, axis=0), np.nan_to_num(score), rtol=1e-12)
    assert np.array_equal(np.isnan(parts), np.isnan(x) | np.isnan(score))
    draws = aggregate.contributions(x, np.stack([w, w]), method, per_area=False, **settings_)
    assert draws[1].tobytes() == parts.tobytes()


@pytest.mark.parametrize("method", ["harmonic", "copeland"])
def test_methods_without_contributions(method: str) -> None:
    assert np.isnan(aggregate.contributions(np.ones((2, 3)), [1, 1], method)).all()


GROUPED: dict[str, dict[str, Any]] = {
    "mean": {},
    "median": {},
    "constant": {"value": 3.0},
    "group_mean": {},
    "group_median": {},
    "parent": {},
    "neighbours": {},
}


def impute_settings(method: str, n: int, order: npt.NDArray[np.int64]) -> dict[str, Any]:
    codes = (np.arange(n) % 4 - 1)[order]
    if method.startswith("group"):
        return {"groups": codes}
    if method == "parent":
        return {"parents": codes, "parent_values": np.array([1.5, np.nan, 4.0])}
    if method == "neighbours":
        # A ring of areas; the places of neighbours move with the relabelling.
        place = np.argsort(order)
        pairs = np.stack([place[(order - 1) % n], place[(order + 1) % n]], axis=1)
        return {"indptr": np.arange(0, 2 * n + 1, 2), "indices": pairs.ravel()}
    return GROUPED[method]


@pytest.mark.parametrize("method", GROUPED)
@LAW
@given(x=tables(), seed=st.integers(0, 999))
def test_imputing(method: str, x: Array, seed: int) -> None:
    n = x.shape[1]
    f, order = impute.IMPUTE[method], np.random.default_rng(seed).permutation(n)
    kept = x.copy()
    filled, flags = f(x, **impute_settings(method, n, np.arange(n)))
    np.testing.assert_array_equal(x, kept)
    assert np.array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    assert np.array_equal(flags, np.isnan(x) & ~np.isnan(filled))
    moved, moved_flags = f(x[:, order], **impute_settings(method, n, order))
    np.testing.assert_allclose(moved, filled[:, order], rtol=1e-13)
    assert np.array_equal(moved_flags, flags[:, order])
    stacked, _ = f(np.stack([x, x]), **impute_settings(method, n, np.arange(n)))
    assert stacked[1].tobytes() == filled.tobytes()


def test_group_median_by_hand() -> None:
    x = np.array([1.0, 5.0, np.nan, 2.0, np.nan, np.nan, 9.0])
    filled, flags = impute.group_median(x, groups=np.array([0, 0, 0, 1, -1, 2, 0]))
    np.testing.assert_array_equal(filled, [1, 5, 5, 2, np.nan, np.nan, 9])
    assert flags.tolist() == [False, False, True, False, False, False, False]


@LAW
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(3, 6))
def test_weights_from_data(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=300)
    x = 0.8 * common + rng.normal(size=(k, 300))
    order = rng.permutation(300)
    for method in ("pca", "factor", "correlation_balanced", "equal"):
        try:
            w = weigh.WEIGH[method](x)
        except MethodError:  # a sample may go against the model; then it is refused, never guessed
            continue
        # An iterative search, and sums in another order.
        np.testing.assert_allclose(weigh.WEIGH[method](x[:, order]), w, atol=1e-6)
        np.testing.assert_allclose(
            weigh.WEIGH[method](x * 7 + 3) if method in {"pca", "factor"} else w, w, atol=1e-6
        )
        if method == "correlation_balanced":
            score = aggregate.arithmetic(x, w)
            each = [np.corrcoef(row, score)[0, 1] for row in x]
            np.testing.assert_allclose(each, each[0], rtol=1e-9)
    target = np.arange(1.0, k + 1)
    stacked = weigh.pca(np.stack([x, x]))
    assert stacked.shape == (2, k)
    np.testing.assert_allclose(weigh.given(x, weights=target, total=1.0).sum(), 1.0)
    np.testing.assert_array_equal(weigh.given(x, weights=target), target)


@LAW
@given(seed=st.integers(0, 2**32 - 1))
def test_shrinking(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 200, 60).astype(float)
    r = np.floor(n * rng.beta(2, 5, 60))
    parent = rng.integers(0, 5, 60)
    parent[0] = 5  # alone in its parent
    n[0], r[0] = 100, 20
    kept = r.copy(), n.copy()
    ours = shrink.shrink(r, n, parent)
    raw = (r + 0.5) / (n + 1)
    total = np.bincount(parent, r) + 0.5, np.bincount(parent, n) + 1
    centre = (total[0] / total[1])[parent]
    inside = n > 0
    # A shrunk value lies between the area's own (with the half counts of the logit) and its parent's.
    assert (ours.proportion[inside] >= np.minimum(raw, centre)[inside] - 1e-12).all()
    assert (ours.proportion[inside] <= np.maximum(raw, centre)[inside] + 1e-12).all()
    np.testing.assert_allclose(ours.proportion[~inside], centre[~inside])
    assert np.array_equal(ours.from_parent, ~inside)
    assert ours.weight[0] == 1
    order = rng.permutation(60)
    np.testing.assert_allclose(
        shrink.shrink(r[order], n[order], parent[order]).proportion, ours.proportion[order]
    )
    both = shrink.shrink(np.stack([r, r]), n, parent)
    assert both.proportion[1].tobytes() == ours.proportion.tobytes()
    np.testing.assert_array_equal(r, kept[0])
    np.testing.assert_array_equal(n, kept[1])


def test_shrinking_by_hand_and_at_the_edges() -> None:
    # Two areas of 10 and 30 in 100: z = ln(10.5/90.5), ln(30.5/70.5); Z = ln(40.5/160.5).
    ours = shrink.shrink(
        [10.0, 30.0, 5.0, 0.0, np.nan], [100.0, 100.0, 10.0, 0.0, 5.0], np.array([0, 0, -1, 1, 0])
    )
    z, centre = np.log([10.5 / 90.5, 30.5 / 70.5]), np.log(40.5 / 160.5)
    s2 = 101 * 102 / (100 * np.array([11 * 91, 31 * 71]))
    t2 = ((z - centre) ** 2).sum()
    w = (1 / s2) / (1 / s2 + 1 / t2)
    np.testing.assert_allclose(ours.weight[:2], w)
    np.testing.assert_allclose(ours.proportion[:2], 1 / (1 + np.exp(-(w * z + (1 - w) * centre))))
    assert ours.proportion[2] == 0.5  # no parent: as it is
    assert np.isnan(ours.proportion[3])  # a parent without people has no value
    assert np.isnan(ours.proportion[4])
    same = shrink.shrink([0.0, 0.0], [10.0, 10.0], np.array([0, 0]))
    assert np.isfinite(same.proportion).all()
    with pytest.raises(MethodError, match="counts out of range"):
        shrink.shrink([11.0], [10.0], np.array([0]))


@pytest.mark.parametrize("measure", summarise.SUMMARISE)
@LAW
@given(seed=st.integers(0, 2**32 - 1), parents=st.integers(1, 6))
def test_summaries_against_a_plain_loop(measure: str, seed: int, parents: int) -> None:
    rng = np.random.default_rng(seed)
    n = 80
    rank = ranks.best_rank(np.round(rng.normal(size=n), 1))
    rank[rng.random(n) < 0.05] = np.nan
    people = rng.integers(0, 2000, n).astype(float)
    parent = rng.integers(-1, parents, n)
    f = summarise.SUMMARISE[measure].function
    n_setting = {} if measure == "average_score" else {"n": n}
    ours = f(rank, people, parent, parents, **n_setting)
    expected = [
        plain_summary(measure, rank, people, n, (parent == p) & ~np.isnan(rank)) for p in range(parents)
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-10)
    order = rng.permutation(n)
    np.testing.assert_allclose(
        f(rank[order], people[order], parent[order], parents, **n_setting), ours, rtol=1e-10
    )
    both = f(np.stack([rank, rank]), people, parent, parents, **n_setting)
    np.testing.assert_allclose(both, np.stack([ours, ours]), rtol=1e-12)


def plain_summary(measure: str, rank: Array, people: Array, n: int, here: npt.NDArray[np.bool_]) -> float:
    r, p = rank[here], people[here]
    if measure == "proportion":
        return float((r <= n / 10).mean()) if len(r) else np.nan
    if p.sum() == 0:
        return np.nan
    if measure == "average_score":
        return float((r * p).sum() / p.sum())
    if measure == "average_rank":
        return float(((n + 1 - r) * p).sum() / p.sum())
    if measure == "extent":
        percentile = [-(-100 * int(value) // n) for value in r]
        w = [1 if q <= 10 else 0.95 - 0.9 / 19 * (q - 11) if q <= 30 else 0 for q in percentile]
        return float((np.array(w) * p).sum() / p.sum())
    left, over = 0.1 * p.sum(), 0.0
    for area in np.argsort(r, kind="stable"):
        take = min(left, p[area])
        over, left = over + take * (n + 1 - r[area]), left - take
    return over / (0.1 * p.sum())


@LAW
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 6), ties=st.booleans())
def test_similar_areas_against_all_pairs(seed: int, count: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (2, 40)).astype(float) if ties else rng.normal(size=(2, 40))
    x[:, 0], x[:, 1] = 0, 1
    positions, distances = similar.nearest(x, count)
    z = normalise.zscore(x)
    all_pairs = np.sqrt((z[0][:, None] - z[0]) ** 2 + (z[1][:, None] - z[1]) ** 2)
    np.fill_diagonal(all_pairs, np.inf)
    expected = np.argsort(all_pairs, axis=1, kind="stable")[:, :count]
    np.testing.assert_allclose(distances, np.take_along_axis(all_pairs, expected, axis=1), atol=1e-12)
    np.testing.assert_array_equal(positions, expected)


def test_similar_areas_leave_out_areas_with_gaps() -> None:
    positions, distances = similar.nearest(np.array([[1.0, 2.0, np.nan, 4.0]]), 3)
    assert positions.tolist() == [[1, 3, -1], [0, 3, -1], [-1, -1, -1], [1, 0, -1]]
    assert np.isnan(distances[2]).all()


REFUSALS = [
    (
        lambda: aggregate.geometric([[1.0, 0.0], [2.0, 3.0]], [1, 1], names=["a", "b"]),
        "'a' has values .* Got 1, the first 0",
    ),
    (lambda: aggregate.harmonic([[1.0, -2.0], [2.0, 3.0]], [1, 1]), "child 0 has values"),
    (lambda: aggregate.arithmetic(np.ones((2, 3)), [0, 0]), "weights sum to 0"),
    (
        lambda: aggregate.arithmetic(np.ones((2, 3)), [2, -1], names=["a", "b"]),
        "the weight of 'b' is not a weight. Got -1",
    ),
    (lambda: aggregate.arithmetic(np.ones((2, 3)), [1, np.nan]), "child 1 is not a weight"),
    (lambda: aggregate.arithmetic(np.ones((2, 3)), [1, 1, 1]), "weights do not fit"),
    (lambda: aggregate.arithmetic(np.ones((2, 2)), np.ones((2, 2))), "read in two ways"),
    (lambda: aggregate.generalised(np.ones((2, 3)), [1, 1], power=0), "Use geometric"),
    (lambda: aggregate.copeland(np.ones((2, 30)), [1, 1], max_areas=20), "too many areas. Got 30"),
    (lambda: normalise.minmax([1.0, 2.0], direction=2), "not a direction. Got 2"),
    (lambda: normalise.minmax([np.nan, np.nan]), "no known value"),
    (lambda: normalise.minmax([1.0, np.inf]), "is not finite"),
    (lambda: normalise.goalposts([1.0], low=2, high=2), "posts out of order"),
    (lambda: normalise.distance_to_reference([1.0, 2.0], reference=0), "least need in the reference area"),
    (lambda: normalise.distance_to_reference([1.0, 2.0], reference=9), "no such reference area"),
    (lambda: treat.skew_kurt([1.0, 2.0, 3.0]), "Got 3 known values"),
    (lambda: treat.skew_kurt(np.arange(9.0), then="sqrt"), "then is not known. Got 'sqrt'"),
    (lambda: weigh.factor(np.random.default_rng(0).normal(size=(2, 9))), "not determined"),
    (lambda: weigh.given(np.ones((2, 3)), weights=[1, -1], names=["a", "b"]), "the weight of 'b'"),
    (lambda: weigh.pca([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]], names=["a", "b"]), "'a' has one value only"),
    (lambda: ranks.greatest_need([1.0], 1, 0), "share is out of range"),
    (lambda: ranks.decile([11.0], 10), "outside 1 to n. Got 11"),
    (lambda: impute.group_mean([1.0, np.nan], groups=[0]), "groups do not fit"),
    (lambda: summarise.extent([1.0], [-1.0], np.array([0]), 1), "population is negative"),
    (lambda: similar.nearest(np.ones((2, 3)), 3), "count is out of range"),
    (lambda: ranks.average_rank(np.ones((3, 0))), "there is no area"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_refusals_say_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        call()


def test_several_leaves_are_refused_together() -> None:
    x = np.stack([np.ones(5), np.arange(5.0), np.full(5, np.nan)])
    with pytest.raises(MethodError) as caught:
        normalise.minmax(np.stack([x[[0, 1, 0]]] * 2), names=["a", "b", "c"])
    assert [problem.what for problem in caught.value.problems] == [
        "'a' has one value only",
        "'c' has one value only",
    ]
    with pytest.raises(MethodError) as caught:
        normalise.zscore(x, names=["a", "b", "c"])
    assert [problem.what for problem in caught.value.problems] == [
        "'c' has no known value",
        "'a' has one value only",
    ]


@LAW
@given(xw=weighted(missing=False))
def test_means_and_moments_agree_with_scipy(xw: tuple[Array, Array]) -> None:
    from scipy import stats

    x, w = xw
    wide = np.repeat(w[:, None], x.shape[1], axis=1)
    np.testing.assert_allclose(aggregate.geometric(x, w), stats.gmean(x, axis=0, weights=wide), rtol=1e-12)
    np.testing.assert_allclose(aggregate.harmonic(x, w), stats.hmean(x, axis=0, weights=wide), rtol=1e-12)
    ours = aggregate.generalised(x, w, power=3)
    np.testing.assert_allclose(ours, stats.pmean(x, 3, axis=0, weights=wide), rtol=1e-12)
    skew, kurt = treat.moments(x)
    np.testing.assert_allclose(skew, stats.skew(x, axis=1, bias=False), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(kurt, stats.kurtosis(x, axis=1, bias=False), rtol=1e-9, atol=1e-9)


def test_mazziotta_pareto_by_hand() -> None:
    # Children 90, 100, 110: mean 100, variance 200/3; the even area keeps its mean.
    x = np.array([[90.0, 100.0], [100.0, 100.0], [110.0, 100.0]])
    np.testing.assert_allclose(aggregate.mazziotta_pareto(x, [1, 1, 1]), [100 + 2 / 3, 100])
    np.testing.assert_allclose(aggregate.mazziotta_pareto(x, [1, 1, 1], penalty="down"), [100 - 2 / 3, 100])


def test_copeland_by_hand() -> None:
    # Two of three children put the first area above the second; sums of decimal weights that are equal are a tie.
    assert aggregate.copeland([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]], [1, 1, 1]).tolist() == [1, -1]
    assert aggregate.copeland([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]], [0.1, 0.2, 0.3]).tolist() == [0, 0]
