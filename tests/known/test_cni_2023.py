"""CNI 2023 from the published ranks of its three domains.

Source: Community Needs Index 2023 (OCSI, Local Trust), as the user supplies it. Published scores have two decimals, so 0.005 is the
least error that can be shown; 1e-4 is added for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imd_tables import NO_PRIORITIES, areas_of, cni_2023, column, recipe, root_scores

from wardmote.index import build_index
from wardmote.tables import empty

pytestmark = pytest.mark.mirror


def test_cni_2023_scores_and_ranks_within_one(mirror: Path) -> None:
    file, indicators, values = cni_2023(mirror)
    areas = areas_of("lsoa21", file["lsoa21_code"])
    built = build_index(
        areas, empty("memberships"), indicators, values, NO_PRIORITIES, spec=recipe("cni-2023"), index="cni"
    )
    root = root_scores(built.scores, "cni")
    apart = np.abs(column(root, "rank") - file["Community Needs Index 2023 Rank"])
    assert len(root) == 33_755
    assert np.abs(column(root, "score") - file["Community Needs Index 2023 Score"]).max() <= 0.0051
    assert (apart == 0).mean() >= 0.9992
    assert apart.max() <= 1
