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


def imd_2019(mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    file = pd.read_parquet(mirror / "deprivation/imd2019_england_lsoa11_combined.parquet")
    file = file.sort_values("lsoa11_code").reset_index(drop=True)
    ranks = {f"imd2019-{node}-rank": file[f"{stem}_rank"] for node, stem in DOMAINS_2019.items()}
    return (
        file,
        indicators_of(dict.fromkeys(ranks, -1)),
        values_of("lsoa11", file["lsoa11_code"], ranks, "2019"),
    )


FILE8_2025 = {
    "adult-skills-and-english": "adult_skills_and_english_language_proficiency_indicator",
    "years-of-potential-life-lost": "years_of_potential_life_lost_indicator",
    "comparative-illness-and-disability": "comparative_illness_and_disability_ratio_indicator",
    "acute-morbidity": "acute_morbidity_indicator",
    "mental-health": "mental_health_indicator",
    "violence-with-injury": "violence_with_injury_rate_per_1_000_at_risk_population",
    "violence-without-injury": "violence_without_injury_rate_per_1_000_at_risk_population",
    "stalking-and-harassment": "stalking_and_harassment_rate_per_1_000_at_risk_population",
    "burglary": "burglary_rate_per_1_000_at_risk_properties",
    "theft": "theft_rate_per_1_000_at_risk_population",
    "criminal-damage": "criminal_damage_rate_per_1_000_at_risk_population",
    "public-order-and-weapons": "public_order_and_possession_of_weapons_rate_per_1_000_at_risk_population",
    "anti-social-behaviour": "anti_social_behaviour_rate_per_1_000_at_risk_population",
    "connectivity": "connectivity_score",
    "housing-affordability": "housing_affordability_indicator",
    "broadband": "digital_connectivity_broadband_download_and_upload_speeds",
    "patient-to-gp-ratio": "patient_to_gp_ratio",
    "core-homelessness": "core_homelessness_rate_percent_of_households",
    "homelessness": "homelessness_indicator_rate_per_1_000_households",
    "overcrowding-rooms": "household_overcrowding_indicator_rooms",
    "overcrowding-bedrooms": "household_overcrowding_indicator_bedrooms",
}
FILE8_2019 = {
    "adult-skills-and-english": "adult_skills_and_english_language_proficiency_indicator",
    "years-of-potential-life-lost": "years_of_potential_life_lost_indicator",
    "comparative-illness-and-disability": "comparative_illness_and_disability_ratio_indicator",
    "acute-morbidity": "acute_morbidity_indicator",
    "mood-and-anxiety": "mood_and_anxiety_disorders_indicator",
    "distance-to-post-office": "road_distance_to_a_post_office_indicator_km",
    "distance-to-primary-school": "road_distance_to_a_primary_school_indicator_km",
    "distance-to-shop": "road_distance_to_general_store_or_supermarket_indicator_km",
    "distance-to-gp": "road_distance_to_a_gp_surgery_indicator_km",
    "overcrowding": "household_overcrowding_indicator",
    "homelessness": "homelessness_indicator_rate_per_1000_households",
    "housing-affordability": "housing_affordability_indicator",
    "housing-in-poor-condition": "housing_in_poor_condition_indicator",
    "no-central-heating": "houses_without_central_heating_indicator",
    "road-accidents": "road_traffic_accidents_indicator",
    "air-quality": "air_quality_indicator",
}


def columns_2025(mirror: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return indicators by identifier, and published ranks and scores of domains and sub-domains, by LSOA 2021 in order."""
    files = [
        pd.read_parquet(mirror / "deprivation" / name).sort_values("lsoa21_code")
        for name in (
            "imd2025_england_lsoa21_indicators_file8.parquet",
            "imd2025_england_lsoa21_subdomains.parquet",
            "imd2025_england_lsoa21.parquet",
        )
    ]
    eight, sub, main = files
    columns = {f"imd2025-{name}": eight[header] for name, header in FILE8_2025.items()}
    for name in ("children_and_young_people", "indoors", "outdoors"):
        for kind in ("rank", "score"):
            columns[f"imd2025-{name.replace('_', '-')}-{kind}"] = sub[f"{name}_{kind}"]
    columns |= {f"imd2025-{name}-rank": main[f"{name.title()}_rank"] for name in ("income", "employment")}
    published = {node: main[f"{stem}_rank"] for node, stem in DOMAINS_2025.items()}
    published |= {
        name: sub[f"{name.replace('-', '_')}_rank"] for name in ("wider-barriers", "geographical-barriers")
    }
    published |= {"imd": main["IMD_rank"], "imd score": main["IMD_score"]}
    return (
        {name: column.to_numpy(float) for name, column in columns.items()},
        {name: column.to_numpy(float) for name, column in published.items()},
    )


def columns_2019(mirror: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the same for 2019, by LSOA 2011 in order."""
    files = [
        pd.read_parquet(mirror / "deprivation" / name).sort_values("lsoa11_code")
        for name in (
            "imd2019_england_lsoa11_indicators_file8.parquet",
            "imd2019_england_lsoa11_subdomains.parquet",
            "imd2019_england_lsoa11_combined.parquet",
        )
    ]
    eight, sub, main = files
    columns = {f"imd2019-{name}": eight[header] for name, header in FILE8_2019.items()}
    columns["imd2019-children-and-young-people-rank"] = sub["Children_and_young_people_rank"]
    columns |= {
        f"imd2019-{name}-rank": main[f"{name.title()}_rank"] for name in ("income", "employment", "crime")
    }
    published = {node: main[f"{stem}_rank"] for node, stem in DOMAINS_2019.items()}
    for name in ("adult-skills", "geographical-barriers", "wider-barriers", "indoors", "outdoors"):
        published[name] = sub[f"{name.replace('-', '_').capitalize()}_rank"]
    published |= {"imd": main["IMD_rank"], "imd score": main["imd_score"]}
    return (
        {name: column.to_numpy(float) for name, column in columns.items()},
        {name: column.to_numpy(float) for name, column in published.items()},
    )


def direction_of(indicator: str) -> int:
    """Return -1 for published ranks and for the connectivity score, else 1."""
    return -1 if indicator.endswith("-rank") or indicator.endswith("connectivity") else 1
