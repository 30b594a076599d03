"""COINr 1.1.14 on its own example, the ASEM index: every stage, other normalisations, aggregates, imputations, PCA weights.

The files are in ``composite/`` of the real data: ``ASEM_COIN_expected_*`` come with COINr (an example built by an earlier
version of it), ``coinr_reference/*`` were made by running COINr 1.1.14 with 17 significant digits. The specification is that of
``build_example_coin`` in COINr: denominate; impute by mean of the group Europe/Asia; screen; winsorise at most 5 or log;
min–max 0 to 100; weighted arithmetic means over three levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from wardmote.methods import aggregate, impute, normalise, treat, weigh

pytestmark = pytest.mark.mirror

STAGE = 1e-10
"""Relative tolerance of stages (issue: every stage to 1e-10). R sums in long double, numpy pairwise in double."""

TABLE = 1e-9
"""Relative tolerance of the other tables (issue: normalisations and aggregates to 1e-9)."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asem:
    folder: Path
    units: pd.Index
    indicators: pd.DataFrame
    nodes: pd.DataFrame

    def table(self, name: str, columns: list[str] | None = None) -> Array:
        frame = (
            pd.read_csv(self.folder / "coinr_reference" / f"{name}.csv").set_index("uCode").loc[self.units]
        )
        return frame[columns or list(self.indicators.index)].to_numpy(dtype=float).T


@pytest.fixture(scope="module")
def asem(mirror: Path) -> Asem:
    folder = mirror / "composite"
    meta = pd.read_csv(folder / "coinr_reference" / "ASEM_iMeta.csv").set_index("iCode")
    units = pd.Index(pd.read_csv(folder / "coinr_reference" / "default_Raw.csv")["uCode"])
    kinds = meta["Type"]
    return Asem(folder, units, meta[kinds == "Indicator"], meta[kinds.isin(["Indicator", "Aggregate"])])


def close(ours: Array, theirs: Array, tolerance: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)


def names(asem: Asem) -> list[str]:
    return list(asem.indicators.index)


def direction(asem: Asem) -> Array:
    return asem.indicators["Direction"].to_numpy(dtype=float)


def tree(asem: Asem, values: Array, rule: dict[int, str]) -> dict[str, Array]:
    """Aggregate from indicators to the index; ``rule`` gives the method of each level from 2."""
    done = dict(zip(names(asem), values, strict=True))
    for level in (2, 3, 4):
        for node in asem.nodes.index[asem.nodes["Level"] == level]:
            children = asem.nodes[asem.nodes["Parent"] == node]
            stacked = np.stack([done[child] for child in children.index])
            done[node] = aggregate.AGGREGATE[rule[level]](
                stacked, children["Weight"].to_numpy(dtype=float), names=list(children.index)
            )
    return done


AGGREGATES = [
    "Physical",
    "ConEcFin",
    "Political",
    "Instit",
    "P2P",
    "Environ",
    "Social",
    "SusEcFin",
    "Conn",
    "Sust",
    "Index",
]


def test_denominate_is_a_division(asem: Asem) -> None:
    # Denominate: indicator ÷ denominator of the same unit; the engine does this, the arrays are checked here.
    raw = asem.table("default_Raw")
    data = pd.read_csv(asem.folder / "coinr_reference" / "ASEM_iData.csv").set_index("uCode").loc[asem.units]
    for row, by in enumerate(asem.indicators["Denominator"]):
        if isinstance(by, str):
            raw[row] = raw[row] / data[by].to_numpy(dtype=float)
    close(raw, asem.table("default_Denominated"), STAGE)


def groups(asem: Asem) -> npt.NDArray[np.int64]:
    data = pd.read_csv(asem.folder / "coinr_reference" / "ASEM_iData.csv").set_index("uCode").loc[asem.units]
    return pd.factorize(data["EurAsia_group"])[0].astype(np.int64)


@pytest.mark.parametrize("target", ["default_Imputed", "impute_mean_grp"])
def test_impute_by_group_mean(asem: Asem, target: str) -> None:
    given = asem.table("default_Denominated")
    filled, flags = impute.group_mean(given, groups=groups(asem))
    close(filled, asem.table(target), STAGE)
    assert np.array_equal(flags, np.isnan(given))


def test_impute_by_median(asem: Asem) -> None:
    close(impute.median(asem.table("default_Denominated"))[0], asem.table("impute_median"), STAGE)


@pytest.mark.parametrize(
    ("target", "table"),
    [("default_Treated", "default_TreatDetails"), ("treat_winmax5_logCT", "treatdetails_winmax5_logCT")],
)
def test_treat_and_its_record(asem: Asem, target: str, table: str) -> None:
    treated, details = treat.skew_kurt(asem.table("default_Screened"), names=names(asem))
    close(treated, asem.table(target), STAGE)
    record = pd.read_csv(asem.folder / "coinr_reference" / f"{table}.csv").set_index("iCode").loc[names(asem)]
    close(details.skew_before, record["check_SkewKurt0.Skew"].to_numpy(dtype=float), STAGE)
    close(details.kurt_before, record["check_SkewKurt0.Kurt"].to_numpy(dtype=float), STAGE)
    failed = record["winsorise.nwin"].notna().to_numpy()
    assert failed.sum() > 10
    assert np.array_equal(details.n_winsorised, record["winsorise.nwin"].fillna(0).to_numpy(dtype=int))
    close(details.skew_after[failed], record["check_SkewKurt1.Skew"].to_numpy(dtype=float)[failed], STAGE)
    close(details.kurt_after[failed], record["check_SkewKurt1.Kurt"].to_numpy(dtype=float)[failed], STAGE)
    assert details.passed.all()
    assert set(details.transform) == {"none", "winsorise"}


NORMALISATIONS = {
    "default_Normalised": ("minmax", {}, STAGE),
    "norm_minmax_0_100": ("minmax", {"lower": 0, "upper": 100}, TABLE),
    "norm_zscore_10_2": ("zscore", {"mean": 10, "sd": 2}, TABLE),
    "norm_rank": ("rank", {}, TABLE),
    "norm_prank": ("percentile_rank", {}, TABLE),
    "norm_borda": ("borda", {}, TABLE),
}


@pytest.mark.parametrize("target", NORMALISATIONS)
def test_normalise(asem: Asem, target: str) -> None:
    method, settings, tolerance = NORMALISATIONS[target]
    ours = normalise.NORMALISE[method](
        asem.table("default_Treated"), direction=direction(asem), names=names(asem), **settings
    )
    close(ours, asem.table(target), tolerance)


MEAN = {2: "arithmetic", 3: "arithmetic", 4: "arithmetic"}
TREES = {
    "default_Aggregated": ({"lower": 0}, MEAN, STAGE),
    "agg_amean_norm_minmax_0_100": ({"lower": 0}, MEAN, TABLE),
    "agg_amean_norm_zscore_10_2": (None, MEAN, TABLE),
    "agg_minmax1_100_amean": ({"lower": 1}, MEAN, TABLE),
    "agg_minmax1_100_gmean": ({"lower": 1}, dict.fromkeys((2, 3, 4), "geometric"), TABLE),
    "agg_minmax1_100_amean_amean_gmean": ({"lower": 1}, {**MEAN, 4: "geometric"}, TABLE),
}


@pytest.mark.parametrize("target", TREES)
def test_aggregate_three_levels(asem: Asem, target: str) -> None:
    settings, rule, tolerance = TREES[target]
    treated = asem.table("default_Treated")
    if settings is None:
        values = normalise.zscore(treated, direction=direction(asem), mean=10, sd=2)
    else:
        values = normalise.minmax(treated, direction=direction(asem), **settings)
    done = tree(asem, values, rule)
    close(np.stack([done[node] for node in AGGREGATES]), asem.table(target, AGGREGATES), tolerance)


def test_pca_weights_of_sub_pillars(asem: Asem) -> None:
    aggregated = asem.table("default_Aggregated", AGGREGATES)
    reference = pd.read_csv(asem.folder / "coinr_reference" / "pca_L2_weights.csv").set_index("iCode")[
        "Weight"
    ]
    for parent in ("Conn", "Sust"):
        children = list(asem.nodes.index[asem.nodes["Parent"] == parent])
        x = aggregated[[AGGREGATES.index(code) for code in children]]
        theirs = reference.loc[children].to_numpy(dtype=float)
        # prcomp leaves the sign of a component open; ours is the one that sums to 0 or more.
        theirs = theirs if theirs.sum() >= 0 else -theirs
        close(weigh.pca(x, names=children), theirs, TABLE)


# The example that COINr carries: built by an earlier version, stages in files of their own.


def carried(asem: Asem, stage: str, columns: list[str]) -> Array:
    frame = pd.read_csv(asem.folder / f"ASEM_COIN_{stage}.csv").set_index("UnitCode").loc[asem.units]
    return frame[columns].to_numpy(dtype=float).T


def carried_meta(asem: Asem) -> pd.DataFrame:
    return pd.read_csv(asem.folder / "ASEM_COIN_IndMeta.csv").set_index("IndCode")


def test_carried_denominated(asem: Asem) -> None:
    meta = carried_meta(asem)
    ours = carried(asem, "Raw", list(meta.index))
    by = pd.read_csv(asem.folder / "ASEM_COIN_Denominators.csv").set_index("UnitCode").loc[asem.units]
    for row, column in enumerate(meta["Denominator"]):
        if isinstance(column, str):
            ours[row] = ours[row] / by[column].to_numpy(dtype=float)
    close(ours, carried(asem, "expected_Denominated", list(meta.index)), STAGE)


def test_carried_imputed_treated_normalised(asem: Asem) -> None:
    meta = carried_meta(asem)
    leaves = list(meta.index)
    group = (
        pd.read_csv(asem.folder / "ASEM_COIN_Raw.csv").set_index("UnitCode").loc[asem.units, "Group_EurAsia"]
    )
    filled, _ = impute.group_mean(
        carried(asem, "expected_Denominated", leaves), groups=pd.factorize(group)[0].astype(np.int64)
    )
    close(filled, carried(asem, "expected_Imputed", leaves), STAGE)
    treated, _ = treat.skew_kurt(filled, names=leaves)
    close(treated, carried(asem, "expected_Treated", leaves), STAGE)
    scaled = normalise.minmax(treated, direction=meta["Direction"].to_numpy(dtype=float), names=leaves)
    close(scaled, carried(asem, "expected_Normalised", leaves), STAGE)


def test_carried_aggregated(asem: Asem) -> None:
    meta = carried_meta(asem)
    leaves = list(meta.index)
    done = dict(zip(leaves, carried(asem, "expected_Normalised", leaves), strict=True))
    parents = {leaf: meta.loc[leaf, "Agg1"] for leaf in leaves}
    parents |= dict(zip(meta["Agg1"], meta["Agg2"], strict=True)) | dict(
        zip(meta["Agg2"], meta["Agg3"], strict=True)
    )
    for node in AGGREGATES:
        children = [child for child, parent in parents.items() if parent == node]
        done[node] = aggregate.arithmetic(np.stack([done[c] for c in children]), np.ones(len(children)))
    ours = np.stack([done[node] for node in AGGREGATES])
    close(ours, carried(asem, "expected_Aggregated", AGGREGATES), STAGE)
    published = pd.read_csv(asem.folder / "ASEM_COIN_expected_AggregatesScore.csv").set_index("UnitCode")
    # Published with two decimals: half a unit of the last, and rounding of a double.
    assert np.abs(ours[-1] - published.loc[asem.units, "Index"].to_numpy()).max() <= 0.005 + 1e-9
    assert asem.units[np.argmax(ours[-1])] == "CHE"


def test_hundred_runs_of_the_uncertainty_analysis(asem: Asem) -> None:
    # 100 replications with winmax 1 to 5 (so logarithms are taken too), min–max 1 to 100 or z-score (10, 2), noisy weights of
    # pillars and sub-pillars, arithmetic or geometric means: the index of each, as COINr's get_sensitivity returned it.
    folder = asem.folder / "coinr_reference"
    runs = pd.read_csv(folder / "sa_UA_N100_para.csv")
    noisy = pd.read_csv(folder / "sa_noisy_weights.csv").set_index(["rep", "iCode"])["Weight"]
    expected = pd.read_csv(folder / "sa_UA_N100_scores.csv").set_index("uCode").loc[asem.units]
    screened = asem.table("default_Screened")
    treated = {limit: treat.skew_kurt(screened, winmax=int(limit)) for limit in runs["winmax"].unique()}
    assert "log_ct" in treated[1][1].transform
    for number, run in runs.iterrows():
        values = treated[run["winmax"]][0]
        if run["norm"] == "n_minmax":
            scaled = normalise.minmax(values, direction=direction(asem), lower=1)
        else:
            scaled = normalise.zscore(values, direction=direction(asem), mean=10, sd=2)
        weights = noisy.loc[run["wset"]]
        done = dict(zip(names(asem), scaled, strict=True))
        mean = aggregate.arithmetic if run["agg"] == "a_amean" else aggregate.geometric
        for node in AGGREGATES:
            children = asem.nodes.index[asem.nodes["Parent"] == node]
            stacked = np.stack([done[child] for child in children])
            done[node] = mean(stacked, weights.loc[children].to_numpy(dtype=float))
        close(done["Index"], expected[f"r_{int(number) + 1}"].to_numpy(dtype=float), TABLE)
