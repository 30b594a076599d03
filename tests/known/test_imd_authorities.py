"""Summaries of the indices for local authorities.

Sources: English indices of deprivation 2025, File 10 (296 authorities), weighed by Census 2021 usual residents, since the
publisher's mid-2022 denominators come only with File 7: the differences are those of the two populations (median and greatest as
recorded for these files). English indices of deprivation 2019, File 10 (317 authorities), with the publisher's own denominators
(File 6, mid-2015): only the published decimals differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imd_tables import (
    NO_PRIORITIES,
    areas_of,
    column,
    geography_2025,
    imd_2019,
    imd_2025,
    memberships_of,
    recipe,
)

from wardmote.index import build_index
from wardmote.tables import check, concat

pytestmark = pytest.mark.mirror

# Measure, column of File 10, median and greatest difference with Census 2021 population.
MEASURES_2025 = (
    ("average rank", "imd_average_rank", 21.5, 372.0),
    ("average score", "imd_average_score", 0.0295, 0.343),
    ("proportion", "imd_proportion_of_lso_as_in_most_deprived_10_percent_nationally", 5e-5, 1.01e-4),
    ("extent", "imd25_extent", 0.00055, 0.00705),
    ("local concentration", "imd25_local_concentration", 14.5, 169.5),
)


def test_all_five_summaries_of_2025(mirror: Path) -> None:
    areas, memberships = geography_2025(mirror)
    _, indicators, values = imd_2025(mirror)
    spec = recipe("imd-england-2025", summarise={"levels": ["lad24"], "population_note": "Census 2021"})
    built = build_index(areas, memberships, indicators, values, NO_PRIORITIES, spec=spec, index="imd")
    summaries = check("summaries", built.summaries)
    published = pd.read_csv(mirror / "deprivation/imd2025_england_ltla24.csv").set_index("ltla24_code")
    for measure, header, median, greatest in MEASURES_2025:
        mine = summaries[summaries["measure"] == measure].set_index("area")
        assert len(mine) == 296
        apart = np.abs(column(mine, "value") - published.loc[list(mine.index), header].to_numpy(float))
        assert np.median(apart) <= median, measure
        assert apart.max() <= greatest, measure
        rank = published.loc[list(mine.index), header].rank(ascending=False, method="min").to_numpy()
        assert np.corrcoef(column(mine, "rank"), rank)[0, 1] > 0.9999, measure


def test_summaries_of_2019_with_the_publishers_population(mirror: Path) -> None:
    file, indicators, values = imd_2019(mirror)
    people = file["Total population: mid 2015 (excluding prisoners)"]
    areas = concat(
        "areas",
        [
            areas_of("lsoa11", file["lsoa11_code"], people),
            areas_of("lad19", file["lad19_code"].drop_duplicates()),
        ],
    )
    memberships = memberships_of("lsoa11", file["lsoa11_code"], "lad19", file["lad19_code"])
    spec = recipe("imd-england-2019", summarise={"levels": ["lad19"]})
    built = build_index(areas, memberships, indicators, values, NO_PRIORITIES, spec=spec, index="imd")
    published = pd.read_csv(mirror / "deprivation/imd2019_england_ltla19.csv").set_index("ltla19_code")
    # Score: three decimals and the index's own 1e-5. Extent and proportion: four decimals; ranks that are one place off may
    # cross a percentile and move an extent a little more.
    for measure, header, greatest in (
        ("average score", "Score", 0.00056),
        ("extent", "Extent", 0.000055),
        ("proportion", "Proportion", 0.000051),
    ):
        mine = built.summaries[built.summaries["measure"] == measure].set_index("area")
        assert len(mine) == 317
        apart = np.abs(column(mine, "value") - published.loc[list(mine.index), header].to_numpy(float))
        assert apart.max() <= greatest, (measure, apart.max())
