"""IMD 2025 and 2019 from the published ranks of their seven domains.

Source: English indices of deprivation 2025 and 2019, File 7; the recipe as verified on these files. Published scores have three
decimals, so 0.0005 is the least error that can be shown; 1e-6 is added for the binary form of the decimals. For 2019 the
publisher's own transformed scores (File 9) depart from the formula by up to 2.4e-5, so 1e-5 on the index is allowed beyond.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imd_tables import NO_PRIORITIES, areas_of, column, imd_2019, imd_2025, recipe, root_scores

from wardmote.index import build_index
from wardmote.tables import TABLES, check, empty

pytestmark = pytest.mark.mirror


def test_imd_2025_scores_and_every_rank(mirror: Path) -> None:
    file, indicators, values = imd_2025(mirror)
    areas = areas_of("lsoa21", file["lsoa21_code"])
    built = build_index(
        areas, empty("memberships"), indicators, values, NO_PRIORITIES,
        spec=recipe("imd-england-2025"), index="imd",
    )  # fmt: skip
    for name in TABLES.keys() & set(type(built).__dataclass_fields__):
        check(name, getattr(built, name))
    root = root_scores(built.scores, "imd")
    assert len(root) == 33_755
    assert np.abs(column(root, "score") - file["IMD_score"]).max() <= 0.000501
    assert (column(root, "rank") == file["IMD_rank"]).all()
    assert (column(root, "decile") == file["IMD_decile"]).all()
    # Contributions of the seven domains are points of the score, to rounding of sums of seven numbers.
    points = column(built.contributions, "contribution").reshape(7, -1).sum(axis=0)
    np.testing.assert_allclose(points, column(root, "score"), rtol=0, atol=1e-12)


def test_imd_2019_scores_and_ranks_within_one(mirror: Path) -> None:
    file, indicators, values = imd_2019(mirror)
    areas = areas_of("lsoa11", file["lsoa11_code"])
    built = build_index(
        areas, empty("memberships"), indicators, values, NO_PRIORITIES,
        spec=recipe("imd-england-2019"), index="imd",
    )  # fmt: skip
    root = root_scores(built.scores, "imd")
    apart = np.abs(column(root, "rank") - file["IMD_rank"])
    assert len(root) == 32_844
    assert np.abs(column(root, "score") - file["imd_score"]).max() <= 0.00051
    assert (apart == 0).mean() >= 0.999
    assert apart.max() <= 1


def test_imd_2019_transformed_domains_equal_file_9(mirror: Path) -> None:
    import pandas as pd

    _, indicators, values = imd_2019(mirror)
    published = pd.read_parquet(mirror / "deprivation/imd2019_file9_transformed_scores.parquet")
    published = published.sort_values("LSOA code (2011)")
    areas = areas_of("lsoa11", published["LSOA code (2011)"])
    built = build_index(
        areas, empty("memberships"), indicators, values, NO_PRIORITIES,
        spec=recipe("imd-england-2019"), index="imd",
    )  # fmt: skip
    stems = ("Income", "Employment", "Education", "Health", "Crime", "Barriers", "Living Environment")
    nodes = ("income", "employment", "education", "health", "crime", "barriers", "living-environment")
    for node, stem in zip(nodes, stems, strict=True):
        ours = column(root_scores(built.scores, node), "score")
        theirs = published[f"{stem} Score - exponentially transformed"].to_numpy(float)
        # Three decimals, and 3e-5 for the publisher's own departures from the formula.
        assert np.abs(ours - theirs).max() <= 0.0005 + 3e-5, node
