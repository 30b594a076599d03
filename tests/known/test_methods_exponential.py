"""Published overall scores from published domain ranks, by the exponential transform and a plain weighted sum.

English Indices of Deprivation 2025 (File 5 and 7 layout) and 2019 (File 7), Community Needs Index 2023. The recipes are those of the
technical reports; ties are averaged inside the transform.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from wardmote.methods import aggregate, normalise, ranks

pytestmark = pytest.mark.mirror

Array = npt.NDArray[np.float64]

IMD_WEIGHTS = [0.225, 0.225, 0.135, 0.135, 0.093, 0.093, 0.093]
"""Income, employment, education, health, crime, barriers, living environment; they sum to 0.999 and stay so."""


def rebuilt(domain_ranks: Array, weights: list[float]) -> Array:
    return aggregate.total(normalise.exponential(domain_ranks, direction=-1), weights)


def test_imd_2025_score_and_ranks(mirror: Path) -> None:
    imd = pd.read_parquet(mirror / "deprivation" / "imd2025_england_lsoa21.parquet")
    domains = ["Income", "Employment", "Education", "Health", "Crime", "Housing_and_Services", "Environment"]
    score = rebuilt(imd[[f"{name}_rank" for name in domains]].to_numpy(dtype=float).T, IMD_WEIGHTS)
    assert len(imd) == 33_755
    # Three published decimals: half a unit; 1e-6 for the published transform's own rounding.
    assert np.abs(score - imd["IMD_score"].to_numpy()).max() <= 0.000501
    assert np.array_equal(ranks.best_rank(score), imd["IMD_rank"].to_numpy())
    assert np.array_equal(ranks.decile(imd["IMD_rank"], len(imd)), imd["IMD_decile"].to_numpy())


def test_imd_2019_score_and_ranks(mirror: Path) -> None:
    imd = pd.read_parquet(mirror / "deprivation" / "imd2019_england_lsoa11_combined.parquet")
    domains = ["Income", "Employment", "Education", "Health", "Crime", "Housing_and_Access", "Environment"]
    score = rebuilt(imd[[f"{name}_rank" for name in domains]].to_numpy(dtype=float).T, IMD_WEIGHTS)
    assert len(imd) == 32_844
    # As above, and 1e-5 for departures beyond rounding in the published transformed scores themselves (File 9).
    assert np.abs(score - imd["imd_score"].to_numpy()).max() <= 0.00051
    difference = np.abs(ranks.best_rank(score) - imd["IMD_rank"].to_numpy())
    assert (difference == 0).mean() >= 0.999
    assert difference.max() <= 1


def test_cni_2023_score_and_ranks(mirror: Path) -> None:
    cni = pd.read_parquet(mirror / "community" / "cni2023_england_lsoa21.parquet")
    domains = ["Civic Assets", "Connectedness", "Active and Engaged Community"]
    score = rebuilt(cni[[f"{name} Domain Rank" for name in domains]].to_numpy(dtype=float).T, [1, 1, 1])
    # Published with two decimals: half a unit; 1e-4 for the rounding inside the published transforms.
    assert np.abs(score - cni["Community Needs Index 2023 Score"].to_numpy()).max() <= 0.0051
    difference = np.abs(ranks.best_rank(score) - cni["Community Needs Index 2023 Rank"].to_numpy())
    assert (difference == 0).mean() >= 0.9992
    assert difference.max() <= 1


def test_doubly_disadvantaged_areas_are_the_1262_flagged_ones(mirror: Path) -> None:
    # The flag is the carrying package's: decile 1 of IMD 2025 and CNI rank at most a tenth of 33,755.
    cni = pd.read_parquet(mirror / "community" / "cni2023_england_lsoa21.parquet").set_index("lsoa21_code")
    imd = pd.read_parquet(mirror / "deprivation" / "imd2025_england_lsoa21.parquet").set_index("lsoa21_code")
    n = len(imd)
    both = ranks.greatest_need(imd["IMD_rank"], n, 0.1)
    both &= ranks.greatest_need(cni.loc[imd.index, "Community Needs Index 2023 Rank"], n, 0.1)
    flagged = cni.loc[imd.index, "Left Behind Area?"].to_numpy()
    assert both.sum() == 1_262
    assert np.array_equal(both, flagged.astype(bool))
