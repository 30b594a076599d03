"""Real files as tables, read here and not through the sources, so that these tests stand by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from wardmote.study import IndexSpec, parse_study
from wardmote.tables import concat, empty, frame

DOMAINS_2025 = {
    "income": "Income",
    "employment": "Employment",
    "education": "Education",
    "health": "Health",
    "crime": "Crime",
    "barriers": "Housing_and_Services",
    "living-environment": "Environment",
}
DOMAINS_2019 = {**DOMAINS_2025, "barriers": "Housing_and_Access"}


def recipe(name: str, **settings: object) -> IndexSpec:
    """Return a recipe as a study would read it, with further settings."""
    text = f'[study]\nid = "t"\ntitle = "t"\n[index.i]\nrecipe = "{name}"\n'
    spec = parse_study(text).index["i"]
    return IndexSpec.model_validate({**spec.model_dump(by_alias=True), **settings})


def values_of(level: str, areas: pd.Series, columns: Mapping[str, pd.Series], period: str) -> pd.DataFrame:
    """Return the table `values` with one column of a wide file for each indicator."""
    n, k = len(areas), len(columns)
    return frame(
        "values",
        {
            "indicator": np.repeat(list(columns), n),
            "level": [level] * (n * k),
            "area": np.tile(areas.to_numpy(), k),
            "period": [period] * (n * k),
            "value": np.concatenate([np.asarray(column, dtype=float) for column in columns.values()]),
        },
    )


def indicators_of(directions: Mapping[str, int]) -> pd.DataFrame:
    return frame(
        "indicators",
        {
            "indicator": list(directions),
            "title": list(directions),
            "direction": list(directions.values()),
            "source": ["file"] * len(directions),
        },
    )


def areas_of(level: str, areas: pd.Series, population: pd.Series | None = None) -> pd.DataFrame:
    columns: dict[str, object] = {"level": [level] * len(areas), "area": areas.to_numpy()}
    if population is not None:
        columns["population"] = np.asarray(population, dtype=float)
    return frame("areas", columns)


def memberships_of(level: str, areas: pd.Series, parent_level: str, parents: pd.Series) -> pd.DataFrame:
    n = len(areas)
    return frame(
        "memberships",
        {
            "level": [level] * n,
            "area": areas.to_numpy(),
            "parent_level": [parent_level] * n,
            "parent": parents.to_numpy(),
            "weight": np.ones(n),
        },
    )


def imd_2025(mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the published file, and the tables `indicators` and `values` of its ranks and scores."""
    file = pd.read_parquet(mirror / "deprivation/imd2025_england_lsoa21.parquet").sort_values("lsoa21_code")
    ranks = {f"imd2025-{node}-rank": file[f"{stem}_rank"] for node, stem in DOMAINS_2025.items()}
    scores = {f"imd2025-{node}-score": file[f"{stem}_score"] for node, stem in DOMAINS_2025.items()}
    values = values_of("lsoa21", file["lsoa21_code"], {**ranks, **scores}, "2025")
    directions = {**dict.fromkeys(ranks, -1), **dict.fromkeys(scores, 1)}
    return file.reset_index(drop=True), indicators_of(directions), values


def cni_2023(mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    file = pd.read_parquet(mirror / "community/cni2023_england_lsoa21.parquet").sort_values("lsoa21_code")
    columns = {
        "cni2023-civic-assets-rank": file["Civic Assets Domain Rank"],
        "cni2023-connectedness-rank": file["Connectedness Domain Rank"],
        "cni2023-active-and-engaged-rank": file["Active and Engaged Community Domain Rank"],
    }
    values = values_of("lsoa21", file["lsoa21_code"], columns, "2023")
    return file.reset_index(drop=True), indicators_of(dict.fromkeys(columns, -1)), values


def geography_2025(mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `areas` (Census 2021 population) and `memberships` of England's LSOAs of 2021."""
    people = pd.read_parquet(mirror / "geography/population/ethnicity21_lsoa21.parquet")
    people = people.groupby("lsoa21_code")["n"].sum()
    wards = pd.read_parquet(mirror / "geography/lookups/lookup_lsoa21_ward24_ltla24.parquet")
    wards = wards[wards["lsoa21_code"].str.startswith("E")]
    lsoa = wards["lsoa21_code"]
    middle = pd.read_parquet(mirror / "geography/lookups/lookup_lsoa21_msoa21_lad22_rgn22_ew.parquet")
    middle = middle[middle["LSOA21CD"].str.startswith("E")]
    region = pd.read_csv(mirror / "geography/lookups/lookup_ltla24_region24.csv")
    by_lad = region.set_index("ltla24_code")["region24_code"]
    areas = concat(
        "areas",
        [
            areas_of("lsoa21", lsoa, people.reindex(lsoa)),
            areas_of("msoa21", middle["MSOA21CD"].drop_duplicates()),
            areas_of("lad24", wards["ltla24_code"].drop_duplicates()),
            areas_of("rgn24", by_lad.drop_duplicates()),
        ],
    )
    memberships = concat(
        "memberships",
        [
            memberships_of("lsoa21", lsoa, "lad24", wards["ltla24_code"]),
            memberships_of("lsoa21", middle["LSOA21CD"], "msoa21", middle["MSOA21CD"]),
            memberships_of("lsoa21", lsoa, "rgn24", by_lad.reindex(wards["ltla24_code"])),
        ],
    )
    return areas, memberships


NO_PRIORITIES = empty("priorities")


def root_scores(scores: pd.DataFrame, node: str) -> pd.DataFrame:
    """Return the scores of one node, in the order of the codes."""
    rows = scores[scores["node"] == node]
    return rows.sort_values("area").reset_index(drop=True)


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return one column as float64, null as NaN."""
    array = pa.array(table[name].array, from_pandas=True)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.cast(pa.float64()).to_numpy(zero_copy_only=False)
