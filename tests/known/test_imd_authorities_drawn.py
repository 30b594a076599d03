"""Summaries of authorities over draws: where each draw is the published ranking, the published summaries come back.

Source: English indices of deprivation 2025, File 1 (ranks and scores of 33,755 neighbourhoods) and File 10 (296 authorities). Weighed by
Census 2021 usual residents, since the publisher's mid-2022 denominators come only with File 7: tolerances are those of
tests/known/test_imd_authorities.py, the differences of the two populations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imd_tables import geography_2025, imd_2025
from test_imd_authorities import MEASURES_2025

from wardmote.methods.larger import LargerAreas

pytestmark = pytest.mark.mirror


def test_draws_equal_to_the_published_ranks_give_the_published_summaries(mirror: Path) -> None:
    areas, memberships = geography_2025(mirror)
    file, _, _ = imd_2025(mirror)
    published = pd.read_csv(mirror / "deprivation/imd2025_england_ltla24.csv").set_index("ltla24_code")
    codes = file["lsoa21_code"]
    people = areas[areas["level"] == "lsoa21"].set_index("area")["population"]
    within = memberships[(memberships["level"] == "lsoa21") & (memberships["parent_level"] == "lad24")]
    authority = within.set_index("area")["parent"]
    parent = published.index.get_indexer(authority.loc[codes].tolist())
    n = len(codes)
    larger = LargerAreas(
        np.ones(n, dtype=bool), people.loc[codes].to_numpy(float), parent, len(published), limit=n // 10
    )
    ranks = np.tile(file["IMD_rank"].to_numpy(np.uint16), (3, 1))
    scores = np.tile(file["IMD_score"].to_numpy(float), (3, 1))
    for measure, header, median, greatest in MEASURES_2025:
        name = measure.replace(" ", "_")
        found = larger.average_score(scores) if name == "average_score" else larger.of_ranks(ranks, name)
        assert (found == found[0]).all()
        apart = np.abs(found[0] - published[header].to_numpy(float))
        # The published score has three decimals, the built one more: another 0.0005 at most.
        rounding = 0.0005 if name == "average_score" else 0.0
        assert np.median(apart) <= median + rounding, measure
        assert apart.max() <= greatest + rounding, measure
